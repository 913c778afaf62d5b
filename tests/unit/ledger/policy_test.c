/* tlog-policy files: what is read, what is refused and where, and which cosignatures make a quorum.
 */
#include "ledger/policy.h"

#include <stdio.h>

#include "tests/unit/mmr/vectors.h"

enum { WITNESSES = 6 };

static struct ledger_policy policy; /* 70 KB */
static struct ledger_skey log_key;
static struct ledger_skey witnesses[WITNESSES];
static char vkeys[WITNESSES + 1][LEDGER_VKEY_BYTES_MAX + 1]; /* the last: the log's */

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    for (size_t i = 0; i < WITNESSES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "w%zu.example", i);
        memset(seed, (int)(10 + i), sizeof(seed));
        assert_int_equal(ledger_cosigner_skey_init(lucid_span_str(name), seed, &witnesses[i], NULL),
                         LUCID_OK);
        vkeys[i][ledger_vkey_format(&witnesses[i].vkey, vkeys[i])] = '\0';
    }
    memset(seed, 9, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &log_key, NULL),
                     LUCID_OK);
    vkeys[WITNESSES][ledger_vkey_format(&log_key.vkey, vkeys[WITNESSES])] = '\0';
    return 0;
}

/* $0 … $5 stand for the witnesses' keys, $L for the log's. */
static void fill(const char *form, struct lucid_buf *out)
{
    lucid_buf_clear(out);
    for (; *form != '\0'; form++) {
        if (*form != '$') {
            lucid_buf_char(out, *form);
            continue;
        }
        form++;
        lucid_buf_str(out, vkeys[*form == 'L' ? WITNESSES : *form - '0']);
    }
}

static enum lucid_error parse(const char *form, struct lucid_why *why)
{
    struct lucid_buf text = {.bytes_max = 0};
    fill(form, &text);
    enum lucid_error error = ledger_policy_parse(lucid_buf_span(&text), &policy, why);
    lucid_buf_fini(&text);
    return error;
}

static const char two_levels[] = "# an example\n"
                                 "log $L https://log.example/\n"
                                 "\n"
                                 " \t\n"
                                 "witness X1 $0 https://x1.example/w\n"
                                 "witness X2\t$1\n"
                                 "  witness   X3 \t $2  \n"
                                 "group X-witnesses 2 X1 X2 X3\n"
                                 "\t# another organization\n"
                                 "witness Y1 $3\n"
                                 "witness Y2 $4\n"
                                 "witness Y3 $5\n"
                                 "group Y-witnesses any Y1 Y2 Y3\n"
                                 "group X-and-Y all X-witnesses Y-witnesses\n"
                                 "quorum X-and-Y\n";

static void test_two_levels(void **state)
{
    (void)state;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(parse(two_levels, &why), LUCID_OK);
    assert_int_equal(policy.log_count, 1);
    assert_int_equal(policy.witness_count, 6);
    assert_int_equal(policy.group_count, 3);
    assert_string_equal(policy.logs[0].url, "https://log.example/");
    assert_string_equal(policy.witnesses[0].url, "https://x1.example/w");
    assert_string_equal(policy.witnesses[1].url, "");
    assert_memory_equal(&policy.witnesses[5].vkey, &witnesses[5].vkey, sizeof(witnesses[5].vkey));
    assert_true(ledger_policy_takes_log(&policy, &log_key.vkey));
    for (uint32_t mask = 0; mask < 64; mask++) {
        bool x = __builtin_popcount(mask & 7) >= 2;
        bool y = (mask & 56) != 0;
        assert_int_equal(ledger_policy_satisfied(&policy, mask), x && y);
    }
}

static void test_quorums(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        uint32_t least; /* the smallest mask that satisfies; UINT32_MAX: none does */
        uint32_t most;  /* the largest that does not; UINT32_MAX: every mask satisfies */
    } table[] = {
        {"quorum none\n", 0, UINT32_MAX},
        {"witness a $0\nwitness b $1\nquorum none\n", 0, UINT32_MAX},
        {"witness a $0\nwitness b $1\nquorum b\n", 2, 1},
        {"witness a $0\nwitness b $1\ngroup g 1 a b\nquorum g\n", 1, 0},
        {"witness a $0\nwitness b $1\ngroup g 2 a b\nquorum g\n", 3, 2},
        {"witness a $0\nwitness b $1\nwitness c $2\ngroup g 2 a b c\nquorum g\n", 3, 4},
        {"witness a $0\ngroup g all a\ngroup h all g\nquorum h\n", 1, 0},
        /* A policy may end with what counts for nothing, and the order of other lines is free. */
        {"witness a $0\nquorum a\nwitness b $1\nlog $L\n", 1, 2},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint32_t least = UINT32_MAX;
        uint32_t most = UINT32_MAX;
        assert_int_equal(parse(table[i].form, NULL), LUCID_OK);
        for (uint32_t mask = 0; mask < 1U << policy.witness_count; mask++) {
            bool good = ledger_policy_satisfied(&policy, mask);
            least = good && least == UINT32_MAX ? mask : least;
            most = good ? most : mask;
        }
        assert_int_equal(least, table[i].least);
        assert_int_equal(most, table[i].most);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        const char *line; /* how the text begins */
    } table[] = {
        {"", "line 1:"},
        {"\n", "line 2:"},
        {"witness a $0\n", "line 2:"},
        {"quorum none", "line 1:"},
        {"quorum none\nlog $L", "line 2:"},
        {"quorum\n", "line 1:"},
        {"quorum a\n", "line 1:"},
        {"quorum a\nwitness a $0\n", "line 1:"},
        {"quorum none\nquorum none\n", "line 2:"},
        {"quorum none none\n", "line 1:"},
        {"Quorum none\n", "line 1:"},
        {"quorum none # why\n", "line 1:"},
        {"mirror a $0\nquorum none\n", "line 1:"},
        {"log\nquorum none\n", "line 1:"},
        {"log $0\nquorum none\n", "line 1:"},
        {"log $L a b\nquorum none\n", "line 1:"},
        {"log $L\nlog $L\nquorum none\n", "line 2:"},
        {"witness\nquorum none\n", "line 1:"},
        {"witness a\nquorum none\n", "line 1:"},
        {"witness a $L\nquorum none\n", "line 1:"},
        {"witness a $0 u more\nquorum none\n", "line 1:"},
        {"witness none $0\nquorum none\n", "line 1:"},
        {"witness a $0\nwitness a $1\nquorum none\n", "line 2:"},
        {"witness a $0\nwitness b $0\nquorum none\n", "line 2:"},
        {"witness a x$0\nquorum none\n", "line 1:"},
        {"group g any\nquorum none\n", "line 1:"},
        {"group g\nquorum none\n", "line 1:"},
        {"group g any a\nwitness a $0\nquorum none\n", "line 1:"},
        {"group g any g\nquorum none\n", "line 1:"},
        {"witness a $0\ngroup g any none\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup none any a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup a any a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g 0 a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g 2 a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g 01 a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g -1 a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g 18446744073709551617 a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g ALL a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g any a a\nquorum none\n", "line 2:"},
        {"witness a $0\ngroup g any a\ngroup h any a\nquorum none\n", "line 3:"},
        {"quorum none\r\n", "line 1:"},
        {"# \x01\nquorum none\n", "line 1:"},
        {"# \x7f\nquorum none\n", "line 1:"},
        {"quorum\vnone\n", "line 1:"},
    };
    assert_int_equal(parse("witness kept $0\nquorum kept\n", NULL), LUCID_OK);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct lucid_why why = {.code = NULL};
        enum lucid_error error = parse(table[i].form, &why);
        if (lucid_category(error) != LUCID_CATEGORY_REFUSE || why.code == NULL ||
            strncmp(why.text, table[i].line, strlen(table[i].line)) != 0) {
            fail_msg("%zu: %s -> %s: %s", i, table[i].form, lucid_error_name(error), why.text);
        }
    }
    assert_int_equal(policy.witness_count, 1);
    assert_int_equal(policy.quorum, 1);
}

static void test_opaque_bytes(void **state)
{
    (void)state;
    /* Names are bytes: latin 1 and UTF-8 forms of one word are two names. */
    assert_int_equal(parse("witness \xe9 $0\nwitness \xc3\xa9 $1\n# \xff\xfe\nquorum \xe9\n", NULL),
                     LUCID_OK);
    assert_true(ledger_policy_satisfied(&policy, 1));
    assert_false(ledger_policy_satisfied(&policy, 2));
}

static void test_bounds(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    for (unsigned more = 0; more < 2; more++) {
        lucid_buf_clear(&text);
        for (unsigned i = 0; i < LEDGER_POLICY_WITNESSES_MAX + more; i++) {
            uint8_t seed[LEDGER_ED25519_SEED_BYTES];
            char vkey[LEDGER_VKEY_BYTES_MAX];
            struct ledger_skey skey;
            memset(seed, (int)(100 + i), sizeof(seed));
            assert_int_equal(ledger_cosigner_skey_init(lucid_span_str("w"), seed, &skey, NULL),
                             LUCID_OK);
            size_t len = ledger_vkey_format(&skey.vkey, vkey);
            lucid_buf_printf(&text, "witness w%u %.*s\n", i, (int)len, vkey);
        }
        for (unsigned i = 0; i < LEDGER_POLICY_GROUPS_MAX; i++) {
            lucid_buf_printf(&text, "group g%u any w%u\n", i, i);
        }
        lucid_buf_str(&text, "quorum g31\n");
        enum lucid_error error = ledger_policy_parse(lucid_buf_span(&text), &policy, &why);
        assert_int_equal(error, more == 0 ? LUCID_OK : LUCID_REFUSE_TOO_LARGE);
    }
    assert_true(ledger_policy_satisfied(&policy, 0x80000000U));
    assert_false(ledger_policy_satisfied(&policy, 0x7fffffffU));
    lucid_buf_clear(&text);
    while (text.len <= LEDGER_POLICY_BYTES_MAX) {
        lucid_buf_char(&text, '\n');
    }
    assert_int_equal(ledger_policy_parse(lucid_buf_span(&text), &policy, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    lucid_buf_clear(&text);
    lucid_buf_printf(&text, "witness a %s ", vkeys[0]);
    for (unsigned i = 0; i <= LEDGER_POLICY_URL_BYTES_MAX; i++) {
        lucid_buf_char(&text, 'u');
    }
    lucid_buf_str(&text, "\nquorum none\n");
    assert_int_equal(ledger_policy_parse(lucid_buf_span(&text), &policy, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&text);
}

/* --- checking notes --------------------------------------------------------------------------- */

static void cosign(struct lucid_buf *note, size_t witness)
{
    struct lucid_span text;
    struct lucid_buf line = {.bytes_max = 0};
    assert_true(ledger_note_text(lucid_buf_span(note), &text));
    assert_int_equal(ledger_cosignature_sign(&witnesses[witness], 1800000000, text, &line, NULL),
                     LUCID_OK);
    lucid_buf_span_put(note, lucid_buf_span(&line));
    lucid_buf_fini(&line);
}

static void note_make(struct lucid_buf *note, const struct ledger_skey *key)
{
    struct mmr_hash root = {.bytes = {1, 2, 3}};
    lucid_buf_clear(note);
    ledger_checkpoint_sign(key, 7, &root, note);
}

static void test_check(void **state)
{
    (void)state;
    struct lucid_buf note = {.bytes_max = 0};
    struct ledger_policy_verdict verdict;
    assert_int_equal(parse(two_levels, NULL), LUCID_OK);
    note_make(&note, &log_key);
    assert_int_equal(
        ledger_policy_check(&policy, &log_key.vkey, lucid_buf_span(&note), &verdict, NULL),
        LUCID_OK);
    assert_false(verdict.satisfied);
    assert_int_equal(verdict.cosigned, 0);
    cosign(&note, 0);
    cosign(&note, 4);
    assert_int_equal(ledger_policy_check(&policy, NULL, lucid_buf_span(&note), &verdict, NULL),
                     LUCID_OK);
    assert_int_equal(verdict.cosigned, 0x11);
    assert_false(verdict.satisfied);
    cosign(&note, 2);
    assert_int_equal(ledger_policy_check(&policy, NULL, lucid_buf_span(&note), &verdict, NULL),
                     LUCID_OK);
    assert_int_equal(verdict.cosigned, 0x15);
    assert_true(verdict.satisfied);
    assert_int_equal(verdict.checkpoint.size, 7);
    /* One rotten line of a known witness spoils the note; an unknown one's does not. */
    size_t at = note.len - 10;
    note.data[at] = note.data[at] == 'A' ? 'B' : 'A';
    assert_int_equal(ledger_policy_check(&policy, NULL, lucid_buf_span(&note), &verdict, NULL),
                     LUCID_REFUSE_INVALID);
    lucid_buf_fini(&note);
}

static void test_check_refuses(void **state)
{
    (void)state;
    struct lucid_buf note = {.bytes_max = 0};
    struct ledger_policy_verdict verdict;
    struct ledger_skey other;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {1};
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &other, NULL), LUCID_OK);
    assert_int_equal(parse("witness a $0\nquorum a\n", NULL), LUCID_OK);
    note_make(&note, &log_key);
    cosign(&note, 0);
    /* No log in the policy: the caller must say which. */
    assert_int_equal(ledger_policy_check(&policy, NULL, lucid_buf_span(&note), &verdict, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(
        ledger_policy_check(&policy, &log_key.vkey, lucid_buf_span(&note), &verdict, NULL),
        LUCID_OK);
    assert_true(verdict.satisfied);
    /* Cosigned, but by a log that is not ours: the witness's line alone proves nothing. */
    assert_int_equal(
        ledger_policy_check(&policy, &other.vkey, lucid_buf_span(&note), &verdict, NULL),
        LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(parse("log $L\nwitness a $0\nquorum a\n", NULL), LUCID_OK);
    assert_false(ledger_policy_takes_log(&policy, &other.vkey));
    assert_int_equal(
        ledger_policy_check(&policy, &other.vkey, lucid_buf_span(&note), &verdict, NULL),
        LUCID_REFUSE_UNKNOWN_KEY);
    /* Signed by the log's key, but another origin's text. */
    lucid_buf_clear(&note);
    static const char text[] = "else.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert_int_equal(ledger_note_sign(&log_key, lucid_span_str(text), &note, NULL), LUCID_OK);
    struct lucid_why why = {.code = NULL};
    assert_int_equal(ledger_policy_check(&policy, NULL, lucid_buf_span(&note), &verdict, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "CHECKPOINT_ORIGIN");
    lucid_buf_fini(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_levels),    cmocka_unit_test(test_quorums),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_opaque_bytes),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_refuses),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
