/* Events as JSON lines: written and read back the same, and one changed member is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/event_json.h"
#include "ledger/note.h"
#include "ledger/receipt_internal.h"

static uint8_t entry[STORE_ENTRY_BYTES];
static uint8_t hash[STORE_HASH_BYTES];
static struct lucid_buf line;
static struct lucid_arena arena;

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(entry); i++) {
        entry[i] = (uint8_t)(i * 7 + 1);
    }
    memset(hash, 0xab, sizeof(hash));
    lucid_arena_init(&arena, LEDGER_EVENT_JSON_ARENA_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lucid_buf_fini(&line);
    lucid_arena_fini(&arena);
    return 0;
}

static struct ledger_event_record record_of(const char *type, struct lucid_span payload)
{
    return (struct ledger_event_record){.event = {.sequence = 57,
                                                  .time_ms = 1795000000123,
                                                  .type = lucid_span_str(type),
                                                  .version = 1,
                                                  .payload = payload,
                                                  .hash = hash}};
}

static enum lucid_error parse(struct ledger_event_record *ret, struct lucid_why *why)
{
    lucid_arena_reset(&arena);
    return ledger_event_json_parse(lucid_buf_span(&line), &arena, ret, why);
}

static void round_trip(const struct ledger_event_record *record, const char *decoded)
{
    struct ledger_event_record back;
    lucid_buf_clear(&line);
    ledger_event_json_write(record, &line);
    assert_true(lucid_buf_ok(&line) && line.len <= LEDGER_EVENT_JSON_BYTES_MAX);
    assert_null(memchr(line.data, '\n', line.len));
    assert_int_equal(memmem(line.data, line.len, "\"decoded\":", 10) != NULL, decoded != NULL);
    assert_true(decoded == NULL || memmem(line.data, line.len, decoded, strlen(decoded)) != NULL);
    assert_int_equal(parse(&back, NULL), LUCID_OK);
    assert_int_equal(back.event.sequence, record->event.sequence);
    assert_int_equal(back.event.time_ms, record->event.time_ms);
    assert_int_equal(back.event.version, record->event.version);
    assert_true(lucid_span_equal(back.event.type, record->event.type));
    assert_true(lucid_span_equal(back.event.payload, record->event.payload));
    assert_memory_equal(back.event.hash, record->event.hash, STORE_HASH_BYTES);
    assert_int_equal(back.event.entry != NULL, record->event.entry != NULL);
    if (back.event.entry != NULL) {
        assert_memory_equal(back.event.entry, record->event.entry, STORE_ENTRY_BYTES);
        assert_int_equal(back.leaf, record->leaf);
    }
    assert_int_equal(back.body_erased, record->body_erased);
    assert_int_equal(back.body_withheld, record->body_withheld);
    assert_int_equal(back.body.data != NULL, record->body.data != NULL);
    assert_true(lucid_span_equal(back.body, record->body));
}

static struct ledger_event_record receipt(uint8_t payload[RECEIPT_PAYLOAD_BYTES_MAX])
{
    static const uint8_t signer[32] = {1, 2, 3};
    const struct receipt_facts facts = {
        .type = RECEIPT_TOOL, .run_id = lucid_span_str("run_0123456789"), .timestamp = 1795000000};
    size_t len = receipt_payload_encode(signer, &facts, payload);
    struct ledger_event_record record = record_of("receipt", lucid_span(payload, len));
    record.event.entry = entry;
    record.leaf = 41;
    record.body = lucid_span("{\"a\":1}", 7);
    return record;
}

static void test_receipt(void **state)
{
    (void)state;
    uint8_t payload[RECEIPT_PAYLOAD_BYTES_MAX];
    struct ledger_event_record record = receipt(payload);
    round_trip(&record, "\"run_id\":\"run_0123456789\"");
    record.body = lucid_span("", 0);
    round_trip(&record, "\"receipt_type\":\"tool\"");
    record.body = lucid_span(NULL, 0);
    record.body_erased = true;
    round_trip(&record, "\"timestamp\":1795000000");
    record.body_erased = false;
    record.body_withheld = true;
    round_trip(&record, "\"timestamp\":1795000000");
    record.event.version = 2; /* another program's */
    round_trip(&record, NULL);
}

static void test_others(void **state)
{
    (void)state;
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {5};
    static uint8_t large[STORE_PAYLOAD_BYTES_MAX];
    struct ledger_skey skey;
    struct lucid_buf note = {0};
    const struct mmr_hash root = {.bytes = {9}};
    assert_int_equal(ledger_skey_init(lucid_span_str("a.b/c"), seed, &skey, NULL), LUCID_OK);
    ledger_checkpoint_sign(&skey, 12, &root, &note);
    struct ledger_event_record record = record_of("head", lucid_buf_span(&note));
    round_trip(&record, "\"size\":12");
    record = record_of("head", lucid_span_str("a\n1\n\n\x80"));
    round_trip(&record, NULL);
    record = record_of("new.kind", lucid_span_str("{\"x\":[1,2,{\"y\":null}]}"));
    round_trip(&record, "{\"x\":[1,2,{\"y\":null}]}");
    record = record_of("new.kind", lucid_span_str("{\"x\":1}\n"));
    round_trip(&record, NULL);
    record = record_of("new.kind", lucid_span(NULL, 0));
    record.event.payload.data = large;
    round_trip(&record, NULL);
    memset(large, 0xff, sizeof(large));
    record = record_of("new.kind", lucid_span(large, sizeof(large)));
    record.body = lucid_span(large, STORE_BODY_BYTES_MAX);
    round_trip(&record, NULL);
    lucid_buf_fini(&note);
}

/* A changed byte is refused with the member's name, or reads as another event: then the chain of
 * hashes tells. It never reads as the same one. */
static void test_changes(void **state)
{
    (void)state;
    uint8_t payload[RECEIPT_PAYLOAD_BYTES_MAX];
    struct ledger_event_record record = receipt(payload);
    struct ledger_event_record back;
    struct lucid_why why;
    size_t refused = 0;
    lucid_buf_clear(&line);
    ledger_event_json_write(&record, &line);
    for (size_t i = 0; i < line.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            line.data[i] ^= (uint8_t)(1U << bit);
            why = (struct lucid_why){0};
            if (parse(&back, &why) != LUCID_OK) {
                refused++;
            } else {
                bool same = back.event.sequence == record.event.sequence &&
                            back.event.time_ms == record.event.time_ms &&
                            back.event.version == record.event.version &&
                            back.leaf == record.leaf && back.event.entry != NULL &&
                            lucid_span_equal(back.event.type, record.event.type) &&
                            lucid_span_equal(back.event.payload, record.event.payload) &&
                            lucid_span_equal(back.body, record.body) &&
                            memcmp(back.event.entry, entry, sizeof(entry)) == 0 &&
                            memcmp(back.event.hash, hash, sizeof(hash)) == 0;
                /* The one thing that may go: the name of an optional member. */
                assert_false(same && back.body.data != NULL);
            }
            line.data[i] ^= (uint8_t)(1U << bit);
        }
    }
    assert_true(refused > line.len * 4);
}

static void test_refusals(void **state)
{
    (void)state;
#define EVENT(members)                                                                             \
    "{\"sequence\":1,\"time_ms\":0,\"time\":\"1970-01-01T00:00:00.000Z\",\"type\":\"x\","          \
    "\"version\":1,\"payload\":\"\",\"hash\":"                                                     \
    "\"0000000000000000000000000000000000000000000000000000000000000000\"" members "}"
    static const struct {
        const char *text;
        const char *param; /* NULL: it is fine */
    } cases[] = {
        {EVENT(""), NULL},
        {EVENT(",\"new\":[1]"), NULL},
        {EVENT(",\"decoded\":{\"of\":\"a newer program\"}"), NULL},
        {EVENT(",\"body\":\"\""), NULL},
        {EVENT(",\"body\":\"e\""), "body"},
        {EVENT(",\"body\":\"\",\"body_erased\":true"), "body_erased"},
        {EVENT(",\"body_erased\":false"), "body_erased"},
        {EVENT(",\"body\":\"\",\"body_withheld\":true"), "body_withheld"},
        {EVENT(",\"body_withheld\":1"), "body_withheld"},
        {EVENT(",\"entry\":\"00\""), "leaf_index"},
        {EVENT(",\"leaf_index\":0"), "leaf_index"},
        {EVENT(",\"leaf_index\":0,\"entry\":\"00\""), "entry"},
        {"{}", "sequence"},
        {"{\"sequence\":0}", "sequence"},
        {"{\"sequence\":1.5}", "sequence"},
        {"{\"sequence\":1,\"time_ms\":-1}", "time_ms"},
        {"{\"sequence\":1,\"time_ms\":1,\"time\":\"1970-01-01T00:00:00.000Z\"}", "time"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_event_record back;
        struct lucid_why why = {0};
        lucid_buf_clear(&line);
        lucid_buf_str(&line, cases[i].text);
        enum lucid_error error = parse(&back, &why);
        assert_int_equal(error, cases[i].param == NULL ? LUCID_OK : LUCID_REFUSE_INVALID);
        if (cases[i].param != NULL) {
            assert_string_equal(why.param, cases[i].param);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receipt),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("event json", tests, setup, teardown);
}
