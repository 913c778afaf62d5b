/* The statement's bytes: written, read, signed; and the check without a store, which refuses every
 * altered byte and names the step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/jcs/jcs.h"
#include "gas/statement.h"

static struct ledger_ed25519_key key;
static struct lucid_arena arena;

static const struct gas_statement_line lines[] = {
    {.payee = {(const uint8_t *)"alice", 5},
     .amount = 7,
     .compute = 5,
     .model = 1,
     .released = 3,
     .reversed = 2,
     .payments = 2},
    {.payee = {(const uint8_t *)"bob", 3}, .compute = 1, .brought = 4, .carried = 3, .payments = 1},
};

static struct gas_statement statement_make(void)
{
    struct gas_statement statement = {
        .origin = lucid_span_str("example.com/\"q\""),
        .unit = GAS_USDC,
        .number = 3,
        .epoch = 9,
        .tree_size = 700,
        .period_first = 11,
        .period_last = 20,
        .issued_at = "2026-11-21T10:00:00.123Z",
        .has_previous = true,
        .part = 1,
        .parts = 2,
        .payments = 4,
        .protocol = 10,
        .suspense_compute = 100,
        .suspense_model = 1000,
        .gross = 1117,
        .total = 7,
        .lines = lines,
        .line_count = 2,
    };
    memset(statement.root, 0xab, sizeof(statement.root));
    memset(statement.previous, 0xcd, sizeof(statement.previous));
    return statement;
}

static void document_make(const struct gas_statement *statement, struct lucid_buf *ret)
{
    struct lucid_buf jcs = {.bytes_max = 0};
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    gas_statement_write(statement, &jcs);
    gas_statement_hash(lucid_buf_span(&jcs), hash);
    gas_statement_sign(&key, hash, signature);
    lucid_buf_init(ret, 0);
    gas_statement_document(signature, lucid_buf_span(&jcs), ret);
    lucid_buf_fini(&jcs);
}

static struct ledger_report check(struct lucid_span document, struct lucid_span previous)
{
    const struct gas_statement_trust trust = {.service_key = key.public_key,
                                              .origin = lucid_span_str("example.com/\"q\""),
                                              .previous = previous};
    struct ledger_report verdict;
    lucid_arena_reset(&arena);
    assert_int_equal(gas_statement_check(document, &trust, &arena, NULL, &verdict), LUCID_OK);
    return verdict;
}

static bool valid(struct lucid_span document, struct lucid_span previous)
{
    struct ledger_report verdict = check(document, previous);
    return verdict.verdict == LEDGER_VALID;
}

/* LEDGER_SKIPPED when it is no step. */
static enum ledger_outcome outcome_of(const struct ledger_report *report, const char *name)
{
    for (size_t i = 0; i < report->step_count; i++) {
        if (strcmp(report->steps[i].name, name) == 0) {
            return report->steps[i].outcome;
        }
    }
    return LEDGER_SKIPPED;
}

static int group_make(void **state)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {5};
    (void)state;
    ledger_ed25519_key_init(seed, &key);
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    return 0;
}

static int group_drop(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

static void test_bytes(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"epoch\":9,\"gross\":\"1117\",\"issued_at\":\"2026-11-21T10:00:00.123Z\",\"lines\":["
        "{\"amount\":\"7\",\"compute\":\"5\",\"model\":\"1\",\"payee\":\"alice\",\"payments\":2,"
        "\"released\":\"3\",\"reversed\":\"2\"},"
        "{\"amount\":\"0\",\"brought\":\"4\",\"carried\":\"3\",\"compute\":\"1\",\"model\":\"0\","
        "\"payee\":\"bob\",\"payments\":1,\"released\":\"0\"}],"
        "\"number\":3,\"origin\":\"example.com/\\\"q\\\"\",\"part\":1,\"parts\":2,\"payments\":4,"
        "\"period\":{\"first\":11,\"last\":20},\"previous\":"
        "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\",\"protocol\":\"10\","
        "\"reversed\":{\"compute\":\"0\",\"model\":\"0\",\"protocol\":\"6\"},\"root\":"
        "\"abababababababababababababababababababababababababababababababab\",\"suspense\":"
        "{\"compute\":\"100\",\"model\":\"1000\"},\"total\":\"7\",\"tree_size\":700,"
        "\"type\":\"lucid/settlement/v1\",\"unit\":\"USDC\"}";
    struct gas_statement statement = statement_make();
    statement.reversed_protocol = 6;
    struct lucid_buf jcs = {.bytes_max = 0};
    struct lucid_buf again = {.bytes_max = 0};
    gas_statement_write(&statement, &jcs);
    assert_int_equal(jcs.len, sizeof(expected) - 1);
    assert_memory_equal(jcs.data, expected, jcs.len);
    /* It is the canonical form. */
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 100};
    const struct jcs_value *root;
    lucid_arena_reset(&arena);
    assert_int_equal(jcs_parse(lucid_buf_span(&jcs), &limits, &arena, &root, NULL), LUCID_OK);
    jcs_write(root, &again);
    assert_true(lucid_span_equal(lucid_buf_span(&jcs), lucid_buf_span(&again)));
    for (size_t i = 0; i < 2; i++) {
        assert_true(gas_statement_line_bytes(&lines[i]) < jcs.len);
    }
    lucid_buf_fini(&jcs);
    lucid_buf_fini(&again);
}

static void test_read(void **state)
{
    (void)state;
    struct gas_statement statement = statement_make();
    struct gas_statement_read read;
    struct lucid_buf document;
    struct lucid_buf jcs = {.bytes_max = 0};
    struct lucid_buf again = {.bytes_max = 0};
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    statement.gross += (unsigned __int128)UINT64_MAX * 1000;
    statement.protocol += (unsigned __int128)UINT64_MAX * 1000;
    statement.reversed_model = (unsigned __int128)UINT64_MAX * UINT64_MAX;
    document_make(&statement, &document);
    lucid_arena_reset(&arena);
    assert_int_equal(gas_statement_parse(lucid_buf_span(&document), &arena, &read, NULL),
                     LUCID_REFUSE_INVALID); /* 39 digits */
    lucid_buf_fini(&document);
    statement.reversed_model /= 10;
    document_make(&statement, &document);
    assert_int_equal(gas_statement_parse(lucid_buf_span(&document), &arena, &read, NULL), LUCID_OK);
    gas_statement_write(&statement, &jcs);
    gas_statement_write(&read.statement, &again);
    assert_true(lucid_span_equal(lucid_buf_span(&jcs), lucid_buf_span(&again)));
    gas_statement_hash(lucid_buf_span(&jcs), hash);
    assert_memory_equal(read.hash, hash, sizeof(hash));
    assert_true(gas_statement_verify(key.public_key, read.hash, read.signature));
    assert_true(valid(lucid_buf_span(&document), lucid_span(NULL, 0)));
    lucid_buf_fini(&document);
    lucid_buf_fini(&jcs);
    lucid_buf_fini(&again);
}

/* Members in another order, white space, further members beside the two: the same statement. */
static void test_other_form(void **state)
{
    (void)state;
    struct gas_statement statement = statement_make();
    struct lucid_buf document;
    struct lucid_buf other = {.bytes_max = 0};
    struct lucid_buf jcs = {.bytes_max = 0};
    document_make(&statement, &document);
    gas_statement_write(&statement, &jcs);
    lucid_buf_str(&other, " { \"status\" : \"open\", \"statement\" : ");
    lucid_buf_span_put(&other, lucid_buf_span(&jcs));
    lucid_buf_str(&other, ",\n\"signature\":\"");
    lucid_buf_put(&other, document.data + strlen("{\"signature\":\""),
                  2 * LEDGER_ED25519_SIGNATURE_BYTES);
    lucid_buf_str(&other, "\"}\n");
    assert_true(valid(lucid_buf_span(&other), lucid_span(NULL, 0)));
    lucid_buf_fini(&document);
    lucid_buf_fini(&other);
    lucid_buf_fini(&jcs);
}

/* Each byte, changed to each of some others, or left out. */
static void test_altered(void **state)
{
    (void)state;
    static const char others[] = "01a\"{}[],: \\\x80Z";
    struct gas_statement statement = statement_make();
    struct lucid_buf document;
    size_t refused = 0;
    document_make(&statement, &document);
    assert_true(valid(lucid_buf_span(&document), lucid_span(NULL, 0)));
    for (size_t i = 0; i < document.len; i++) {
        uint8_t was = document.data[i];
        for (size_t k = 0; k < sizeof(others) - 1; k++) {
            if ((uint8_t)others[k] == was) {
                continue;
            }
            document.data[i] = (uint8_t)others[k];
            assert_false(valid(lucid_buf_span(&document), lucid_span(NULL, 0)));
            refused++;
        }
        document.data[i] = was;
        assert_false(valid(lucid_span(document.data, i), lucid_span(NULL, 0)));
    }
    assert_true(refused > 10 * document.len);
    assert_true(valid(lucid_buf_span(&document), lucid_span(NULL, 0)));
    lucid_buf_fini(&document);
}

/* Runs the steps over a changed but signed statement. */
static struct ledger_report check_made(const struct gas_statement *statement)
{
    struct lucid_buf document;
    document_make(statement, &document);
    struct ledger_report verdict = check(lucid_buf_span(&document), lucid_span(NULL, 0));
    lucid_buf_fini(&document);
    return verdict;
}

static void check_failed(const struct gas_statement *statement, const char *step)
{
    struct ledger_report verdict = check_made(statement);
    bool found = false;
    assert_int_equal(verdict.verdict, LEDGER_INVALID);
    for (size_t i = 0; i < verdict.step_count; i++) {
        bool named = strcmp(verdict.steps[i].name, step) == 0;
        assert_int_equal(verdict.steps[i].outcome == LEDGER_FAILED, named);
        found |= named;
    }
    assert_true(found);
}

static void test_steps(void **state)
{
    (void)state;
    struct gas_statement bad = statement_make();
    assert_true(check_made(&bad).verdict == LEDGER_VALID);
    bad.origin = lucid_span_str("example.com");
    check_failed(&bad, "origin");
    bad = statement_make();
    bad.gross++;
    check_failed(&bad, "sums");
    bad = statement_make();
    bad.total--;
    check_failed(&bad, "sums");
    struct gas_statement_line changed[2] = {lines[0], lines[1]};
    bad = statement_make();
    bad.lines = changed;
    changed[0].amount++;
    bad.total++;
    check_failed(&bad, "sums");
    changed[0] = lines[1];
    changed[1] = lines[0];
    bad = statement_make();
    bad.lines = changed;
    check_failed(&bad, "form");
    changed[0] = lines[0];
    check_failed(&bad, "form"); /* twice the same */
    bad = statement_make();
    bad.part = 3;
    check_failed(&bad, "form");
    bad = statement_make();
    bad.number = 0;
    check_failed(&bad, "form");
    bad = statement_make();
    bad.period_last = 1;
    check_failed(&bad, "form");
    bad = statement_make();
    bad.issued_at[10] = ' ';
    check_failed(&bad, "form");
    /* Another key's. */
    struct lucid_buf document;
    struct ledger_ed25519_key ours = key;
    bad = statement_make();
    key.public_key[0] ^= 1;
    document_make(&bad, &document);
    key = ours;
    struct ledger_report verdict = check(lucid_buf_span(&document), lucid_span(NULL, 0));
    assert_int_equal(outcome_of(&verdict, "signature"), LEDGER_FAILED);
    /* Nothing to check against: decided, but never valid without the key. */
    const struct gas_statement_trust none = {.service_key = NULL};
    assert_int_equal(gas_statement_check(lucid_buf_span(&document), &none, &arena, NULL, &verdict),
                     LUCID_OK);
    assert_int_equal(verdict.verdict, LEDGER_UNDECIDED);
    assert_int_equal(outcome_of(&verdict, "signature"), LEDGER_SKIPPED);
    assert_int_equal(outcome_of(&verdict, "sums"), LEDGER_PASSED);
    lucid_buf_fini(&document);
}

/* With the one before, of which it must be the next part or the next period. */
static void test_previous(void **state)
{
    (void)state;
    struct lucid_buf before;
    struct lucid_buf after;
    struct gas_statement_read read;
    struct gas_statement first = statement_make();
    first.number = 0;
    first.has_previous = false;
    first.period_first = 1;
    first.parts = 1;
    document_make(&first, &before);
    lucid_arena_reset(&arena);
    assert_int_equal(gas_statement_parse(lucid_buf_span(&before), &arena, &read, NULL), LUCID_OK);
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    memcpy(hash, read.hash, sizeof(hash));
    struct ledger_report verdict = check(lucid_buf_span(&before), lucid_span(NULL, 0));
    assert_int_equal(outcome_of(&verdict, "previous"), LEDGER_PASSED);

    for (int fault = 0; fault <= 6; fault++) {
        struct gas_statement next = statement_make();
        next.number = 1;
        memcpy(next.previous, hash, sizeof(hash));
        next.period_first = first.period_last + 1;
        next.period_last = 90;
        next.epoch = first.epoch + 1;
        next.previous[31] ^= fault == 1;
        next.number += fault == 2;
        next.period_first += fault == 3;
        next.epoch -= fault == 4;
        next.part += fault == 5;
        next.unit = fault == 6 ? GAS_LUCID : GAS_USDC;
        document_make(&next, &after);
        verdict = check(lucid_buf_span(&after), lucid_buf_span(&before));
        assert_int_equal(verdict.verdict, fault == 0 ? LEDGER_VALID : LEDGER_INVALID);
        assert_int_equal(outcome_of(&verdict, "previous"),
                         fault == 0 ? LEDGER_PASSED : LEDGER_FAILED);
        lucid_buf_fini(&after);
    }
    /* A first one has none before it. */
    verdict = check(lucid_buf_span(&before), lucid_buf_span(&before));
    assert_int_equal(outcome_of(&verdict, "previous"), LEDGER_FAILED);
    lucid_buf_fini(&before);
}

static void test_limits(void **state)
{
    (void)state;
    struct lucid_why why = {.code = NULL};
    struct gas_statement_read read;
    struct lucid_buf big = {.bytes_max = 0};
    for (size_t i = 0; i <= GAS_STATEMENT_INPUT_MAX; i++) {
        lucid_buf_char(&big, ' ');
    }
    lucid_arena_reset(&arena);
    assert_int_equal(gas_statement_parse(lucid_buf_span(&big), &arena, &read, &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "INVALID_STATEMENT");
    assert_false(valid(lucid_buf_span(&big), lucid_span(NULL, 0)));
    lucid_buf_fini(&big);
    struct gas_statement_line *many =
        calloc(GAS_STATEMENT_LINES_MAX + 1, sizeof(struct gas_statement_line));
    char(*names)[8] = calloc(GAS_STATEMENT_LINES_MAX + 1, sizeof(*names));
    assert_non_null(many);
    assert_non_null(names);
    for (unsigned i = 0; i <= GAS_STATEMENT_LINES_MAX; i++) {
        many[i].payee = lucid_span(names[i], (size_t)snprintf(names[i], 8, "p%04u", i));
    }
    struct gas_statement statement = statement_make();
    statement.lines = many;
    statement.line_count = GAS_STATEMENT_LINES_MAX;
    statement.gross = 1110;
    statement.total = 0;
    assert_true(check_made(&statement).verdict == LEDGER_VALID);
    statement.line_count++;
    check_failed(&statement, "form");
    free(many);
    free(names);
}

static void vector_read(const char *name, struct lucid_buf *ret)
{
    char path[512];
    char bytes[4096];
    const char *folder = getenv("LUCID_TEST_VECTORS");
    assert_non_null(folder);
    (void)snprintf(path, sizeof(path), "%s/settlement/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_true(len > 0 && len < sizeof(bytes));
    lucid_buf_init(ret, 0);
    lucid_buf_put(ret, bytes, len);
}

/* Statements that another program made: read, verified, followed, and written to the same bytes. */
static void test_vectors(void **state)
{
    (void)state;
    static const char *const names[] = {"usdc_0.json", "usdc_1.json", "usdc_2.json", "usdc_3.json"};
    uint8_t service_key[LEDGER_ED25519_PUBLIC_BYTES];
    struct lucid_buf text;
    struct lucid_buf before = {.bytes_max = 0};
    struct ledger_report verdict;
    vector_read("service_key", &text);
    assert_true(lucid_hex_decode(lucid_buf_span(&text), service_key, sizeof(service_key)));
    lucid_buf_fini(&text);
    for (size_t i = 0; i < 5; i++) {
        struct gas_statement_read read;
        struct lucid_buf jcs = {.bytes_max = 0};
        struct lucid_buf document = {.bytes_max = 0};
        if (i == 4) {
            lucid_buf_fini(&before);
        }
        vector_read(i < 4 ? names[i] : "lucid_0.json", &text);
        const struct gas_statement_trust trust = {.service_key = service_key,
                                                  .origin = lucid_span_str("example.com/log"),
                                                  .previous = lucid_buf_span(&before)};
        lucid_arena_reset(&arena);
        assert_int_equal(
            gas_statement_check(lucid_buf_span(&text), &trust, &arena, &read, &verdict), LUCID_OK);
        assert_int_equal(verdict.verdict, LEDGER_VALID);
        assert_int_equal(outcome_of(&verdict, "previous"), LEDGER_PASSED);
        gas_statement_write(&read.statement, &jcs);
        gas_statement_document(read.signature, lucid_buf_span(&jcs), &document);
        assert_true(lucid_span_equal(lucid_buf_span(&document), lucid_buf_span(&text)));
        lucid_buf_fini(&jcs);
        lucid_buf_fini(&document);
        lucid_buf_fini(&before);
        before = text;
    }
    lucid_buf_fini(&before);
}

static void test_sums_text(void **state)
{
    (void)state;
    char text[GAS_SUM_TEXT_BYTES];
    unsigned __int128 sum = 7;
    gas_sum_format(0, text);
    assert_string_equal(text, "0");
    gas_sum_format(~(unsigned __int128)0, text);
    assert_string_equal(text, "340282366920938463463374607431768211455");
    assert_true(gas_sum_parse(lucid_span_str("99999999999999999999999999999999999999"), &sum));
    gas_sum_format(sum, text);
    assert_string_equal(text, "99999999999999999999999999999999999999");
    static const char *const bad[] = {"",    "01", "-1", "1e3",
                                      "1.0", " 1", "+1", "100000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(gas_sum_parse(lucid_span_str(bad[i]), &sum));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_read),
        cmocka_unit_test(test_other_form), cmocka_unit_test(test_altered),
        cmocka_unit_test(test_steps),      cmocka_unit_test(test_previous),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_sums_text),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests_name("gas_statement", tests, group_make, group_drop);
}
