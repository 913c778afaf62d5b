/* Rows of kind `passport`: their form, and what status they give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "plugins/passport/module/kind_internal.h"

#define ISSUED  1800000000U
#define DAY     86400U
#define OVERLAP 3600U

static struct passport_row row_make(void)
{
    struct passport_row row = {
        .id = "pass-abcdefghijklmnopqrstuvwxyz234567",
        .sequence = 7,
        .leaf = 5,
        .logged_ms = 1800000000123U,
        .issued_s = ISSUED,
        .expires_s = ISSUED + 30 * DAY,
        .renew_after_s = ISSUED + 15 * DAY,
        .mock = true,
        .quote = true,
        .application = "my-app",
    };
    memset(row.digest, 0xab, sizeof(row.digest));
    return row;
}

static void expect_same(const struct passport_row *row)
{
    struct lucid_buf bytes = {0};
    struct passport_row read;
    memset(&read, 0x55, sizeof(read));
    passport_row_write(row, &bytes);
    assert_true(passport_row_read(lucid_span_str(row->id), lucid_buf_span(&bytes), &read));
    assert_string_equal(read.id, row->id);
    assert_string_equal(read.application, row->application);
    assert_string_equal(read.successor, row->successor);
    assert_memory_equal(read.digest, row->digest, sizeof(row->digest));
    assert_int_equal(read.sequence, row->sequence);
    assert_int_equal(read.leaf, row->leaf);
    assert_int_equal(read.logged_ms, row->logged_ms);
    assert_int_equal(read.issued_s, row->issued_s);
    assert_int_equal(read.expires_s, row->expires_s);
    assert_int_equal(read.renew_after_s, row->renew_after_s);
    assert_int_equal(read.revoked_s, row->revoked_s);
    assert_int_equal(read.revoked_sequence, row->revoked_sequence);
    assert_int_equal(read.revoked_leaf, row->revoked_leaf);
    assert_int_equal(read.succeeded_s, row->succeeded_s);
    assert_int_equal(read.reason, row->reason);
    assert_int_equal(read.mock, row->mock);
    assert_int_equal(read.test, row->test);
    assert_int_equal(read.quote, row->quote);
    lucid_buf_fini(&bytes);
}

static void test_rows(void **state)
{
    (void)state;
    struct passport_row row = row_make();
    expect_same(&row);
    row.test = true;
    row.quote = false;
    row.reason = STATUS_OPERATOR_REQUEST;
    row.revoked_s = ISSUED + 5;
    row.revoked_sequence = 9;
    row.revoked_leaf = 8;
    memcpy(row.successor, "pass-successor00000", sizeof("pass-successor00000"));
    row.succeeded_s = ISSUED + 4;
    expect_same(&row);
}

/* Cut anywhere, longer, or with a byte that says nothing: it is no row. */
static void test_bad_rows(void **state)
{
    (void)state;
    const struct passport_row row = row_make();
    const struct lucid_span id = lucid_span_str(row.id);
    struct passport_row read;
    struct lucid_buf bytes = {0};
    passport_row_write(&row, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_false(passport_row_read(id, lucid_span(bytes.data, len), &read));
    }
    for (size_t at = 10 * 8 + 32; at < 10 * 8 + 34; at++) { /* flags, reason */
        uint8_t before = bytes.data[at];
        bytes.data[at] = 0xff;
        assert_false(passport_row_read(id, lucid_buf_span(&bytes), &read));
        bytes.data[at] = before;
    }
    bytes.data[10 * 8 + 35] = '\0'; /* in the application's name */
    assert_false(passport_row_read(id, lucid_buf_span(&bytes), &read));
    bytes.data[10 * 8 + 35] = 'm';
    assert_true(passport_row_read(id, lucid_buf_span(&bytes), &read));
    lucid_buf_char(&bytes, 'x');
    assert_false(passport_row_read(id, lucid_buf_span(&bytes), &read));
    lucid_buf_fini(&bytes);
}

static enum status_kind status_at(const struct passport_row *row, uint64_t now_s, uint64_t *ret_at)
{
    struct status_entry entry;
    passport_row_status(row, now_s, OVERLAP, &entry);
    *ret_at = entry.at_s;
    return entry.kind;
}

static void test_status(void **state)
{
    (void)state;
    struct passport_row row = row_make();
    uint64_t at = 1;
    assert_int_equal(status_at(&row, ISSUED, &at), STATUS_VALID);
    assert_int_equal(at, 0);
    assert_int_equal(status_at(&row, row.expires_s - 1, &at), STATUS_VALID);
    assert_int_equal(status_at(&row, row.expires_s, &at), STATUS_EXPIRED);
    assert_int_equal(at, row.expires_s);
    memcpy(row.successor, "pass-successor00000", sizeof("pass-successor00000"));
    row.succeeded_s = ISSUED + DAY;
    assert_int_equal(status_at(&row, ISSUED + DAY + OVERLAP - 1, &at), STATUS_VALID);
    assert_int_equal(status_at(&row, ISSUED + DAY + OVERLAP, &at), STATUS_SUPERSEDED);
    assert_int_equal(at, ISSUED + DAY + OVERLAP);
    assert_int_equal(status_at(&row, row.expires_s, &at), STATUS_EXPIRED);
    row.revoked_s = ISSUED + 2 * DAY;
    row.reason = STATUS_KEY_COMPROMISE;
    assert_int_equal(status_at(&row, ISSUED + 3 * DAY, &at), STATUS_REVOKED);
    assert_int_equal(at, row.revoked_s);
    assert_int_equal(status_at(&row, row.expires_s + DAY, &at), STATUS_REVOKED);
}

/* --- decide ----------------------------------------------------------------------------------- */

/* A log that has one passport, and another that follows it or does not. */
struct lucid_plugin_txn {
    struct lucid_buf row;   /* of the first */
    const char *request_id; /* what the request was answered with */
};

static enum lucid_plugin_result fake_get(struct lucid_plugin_txn *txn, unsigned table,
                                         struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret)
{
    const struct passport_row row = row_make();
    struct lucid_span wanted = lucid_span(key.data, key.len);
    if (table == PASSPORT_REQUESTS) {
        *ret =
            (struct lucid_plugin_bytes){(const uint8_t *)txn->request_id, strlen(txn->request_id)};
        return LUCID_PLUGIN_OK;
    }
    if (table != PASSPORT_PASSPORTS || !lucid_span_is(wanted, row.id)) {
        return LUCID_PLUGIN_ABSENT;
    }
    *ret = (struct lucid_plugin_bytes){txn->row.data, txn->row.len};
    return LUCID_PLUGIN_OK;
}

/* A request that has its passport already renews the one that this follows, and no other. */
static void test_known_renewal(void **state)
{
    (void)state;
    static const struct {
        const char *request_id;
        bool renews;
        enum lucid_plugin_result result;
    } cases[] = {
        {"pass-successor00000", true, LUCID_PLUGIN_OK},
        {"pass-successor00000", false, LUCID_PLUGIN_OK},
        {"pass-elsewhere00000", true, LUCID_PLUGIN_REFUSED},
        {"pass-elsewhere00000", false, LUCID_PLUGIN_OK},
    };
    const struct lucid_plugin_host host = {.txn_get = fake_get};
    struct passport_row row = row_make();
    memcpy(row.successor, "pass-successor00000", sizeof("pass-successor00000"));
    row.succeeded_s = ISSUED + 4;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_plugin_txn txn = {.request_id = cases[i].request_id};
        struct lucid_plugin_why why = {.code = NULL};
        struct passport_command command = {.renews = cases[i].renews, .supersedes = true};
        memcpy(command.newest, row.id, sizeof(command.newest));
        passport_row_write(&row, &txn.row);
        assert_int_equal(passport_kinds[0].decide(NULL, &host, &txn, &command, &why),
                         cases[i].result);
        assert_true(command.ret_known);
        assert_string_equal(command.ret_id, cases[i].request_id);
        if (cases[i].result == LUCID_PLUGIN_REFUSED) {
            assert_string_equal(why.code, "PASSPORT_CONFLICT");
            assert_string_equal(why.param, "id");
        }
        lucid_buf_fini(&txn.row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_known_renewal),
    };
    return cmocka_run_group_tests_name("passport kind", tests, NULL, NULL);
}
