/* From envelope bytes to a command: what is computed, what is refused, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger/ledger_receipt_world.h"

#define RUN "run_prepare-1"

static struct world world;
static struct lucid_buf text;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 100);
    lucid_buf_init(&text, 0);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    lucid_buf_fini(&text);
    world_close(&world);
    return 0;
}

static int empty_arena(void **state)
{
    (void)state;
    lucid_arena_reset(&world.arena);
    return 0;
}

static void expect_refused(struct lucid_span envelope, enum lucid_error error, const char *code,
                           const char *param)
{
    struct receipt_command command;
    struct lucid_why why = {.code = NULL};
    memset(&command, 0x5a, sizeof(command));
    enum lucid_error got = world_prepare(&world, envelope, &command, &why);
    if (got != error || why.code == NULL || strcmp(why.code, code) != 0 ||
        strcmp(why.param, param) != 0) {
        fail_msg("%.200s\ngot %s %s (%s) %s, not %s (%s)", (const char *)envelope.data,
                 lucid_error_name(got), why.code, why.param, why.text, code, param);
    }
    assert_true(why.text[0] != '\0');
    for (size_t i = 0; i < sizeof(command); i++) {
        assert_int_equal(((const uint8_t *)&command)[i], 0x5a);
    }
}

static void expect_taken(struct lucid_span envelope, struct receipt_command *ret)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = world_prepare(&world, envelope, ret, &why);
    if (error != LUCID_OK) {
        fail_msg("%s %s (%s) %s", lucid_error_name(error), why.code, why.param, why.text);
    }
}

/* --- what is computed --- */

/* Made with Python's json, hashlib and cryptography: canonical form, SHA-256 and Ed25519 by others.
 * The seed is the bytes 1 to 32, world_key(1). */
static const char vector_body[] =
    "{\"schema_version\":\"1.0\",\"receipt_type\":\"tool\",\"run_id\":\"run_vector-0001\","
    "\"timestamp\":1732190000,\"tool_passport_id\":\"pass_\\u00e9\xe2\x82\xac\",\"input_hash\":"
    "\"" WORLD_H0 "\",\"output_hash\":"
    "\"abababababababababababababababababababababababababababababababab\",\"latency_ms\":1.2e1,"
    "\"success\":true}";
static const char vector_canonical[] =
    "{\"input_hash\":\"" WORLD_H0 "\",\"latency_ms\":12,\"output_hash\":"
    "\"abababababababababababababababababababababababababababababababab\",\"receipt_type\":"
    "\"tool\",\"run_id\":\"run_vector-0001\",\"schema_version\":\"1.0\",\"success\":true,"
    "\"timestamp\":1732190000,\"tool_passport_id\":\"pass_\xc3\xa9\xe2\x82\xac\"}";
#define VECTOR_HASH   "be49d3ea953ee3ac0c1aea73911ce08f77cd827e7c44d6099c1e0f3e412cc682"
#define VECTOR_PUBLIC "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
#define VECTOR_SIGNATURE                                                                           \
    "ae7ba91cf93c5e3279b23067ef54043962a381f1121a8b4e9c78230e300cee7f"                             \
    "0bf612b939b35850bbcab930b9b3384fb36bed6b3e8295437ab3e34d658b6e0e"
#define VECTOR_PUBLIC_HASH "65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b8"

static void assert_hex(const void *data, size_t len, const char *hex)
{
    uint8_t expected[256];
    assert_true(lucid_hex_decode(lucid_span_str(hex), expected, len));
    assert_memory_equal(data, expected, len);
}

static void vector_envelope(void)
{
    lucid_buf_clear(&text);
    lucid_buf_printf(&text, "{\"body\":%s,", vector_body);
    lucid_buf_str(&text, "\"receipt_signature\":\"" VECTOR_SIGNATURE "\",");
    lucid_buf_str(&text, "\"signer_pubkey\":\"" VECTOR_PUBLIC "\"}");
    assert_true(lucid_buf_ok(&text));
}

static void test_vector_of_others(void **state)
{
    (void)state;
    struct receipt_command command;
    vector_envelope();
    expect_taken(lucid_buf_span(&text), &command);
    assert_ptr_equal(command.command.kind, &ledger_receipt_kind);
    assert_null(command.command.next_part);
    assert_null(command.draft);
    assert_true(lucid_span_is(command.canonical, vector_canonical));
    assert_true(lucid_span_is(command.run_id, "run_vector-0001"));
    assert_hex(command.hash, 32, VECTOR_HASH);
    assert_hex(command.signer, 32, VECTOR_PUBLIC);
    assert_hex(command.signer_hash, 32, VECTOR_PUBLIC_HASH);
    assert_hex(command.signature, 64, VECTOR_SIGNATURE);
    assert_hex(command.entry, 128, VECTOR_HASH VECTOR_PUBLIC_HASH VECTOR_SIGNATURE);
    assert_int_equal(command.payload_len, 42 + 15);
    /* type 3, a zero, 1732190000 = 0x673f1f30 */
    assert_hex(command.payload, 42,
               VECTOR_PUBLIC "0300"
                             "00000000673f1f30");
    assert_memory_equal(command.payload + 42, "run_vector-0001", 15);
}

static void test_given_hash_is_checked(void **state)
{
    (void)state;
    struct receipt_command command;
    world_envelope(WORLD_TOOL(RUN, ""), &world.known, WORLD_FINE, &text);
    expect_taken(lucid_buf_span(&text), &command);
    world_envelope(WORLD_TOOL(RUN, ""), &world.known, WORLD_BAD_HASH, &text);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_INVALID, "HASH_MISMATCH", "receipt_hash");
}

/* --- signing --- */

static enum lucid_error sign_text(const char *body, const uint8_t *secret, struct lucid_buf *out,
                                  struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 1000};
    const struct jcs_value *value = NULL;
    assert_int_equal(jcs_parse(lucid_span_str(body), &limits, &world.arena, &value, NULL),
                     LUCID_OK);
    return receipt_envelope_sign(value, secret, out, why);
}

static void secret_of(const struct ledger_ed25519_key *key, uint8_t secret[64])
{
    memcpy(secret, key->seed, 32);
    memcpy(secret + 32, key->public_key, 32);
}

static void test_signed_envelope(void **state)
{
    (void)state;
    uint8_t secret[64];
    struct receipt_command command;
    secret_of(&world.known, secret);
    lucid_buf_clear(&text);
    assert_int_equal(sign_text(vector_body, secret, &text, NULL), LUCID_OK);
    lucid_buf_char(&text, '\0');
    char expected[2048];
    snprintf(expected, sizeof(expected),
             "{\"body\":%s,\"receipt_hash\":\"%s\",\"receipt_signature\":\"%s\","
             "\"signer_pubkey\":\"%s\"}",
             vector_canonical, VECTOR_HASH, VECTOR_SIGNATURE, VECTOR_PUBLIC);
    assert_string_equal(text.data, expected);
    expect_taken(lucid_span(text.data, text.len - 1), &command);
    assert_hex(command.hash, 32, VECTOR_HASH);
}

static void test_unsigned_envelope_and_failures(void **state)
{
    (void)state;
    uint8_t secret[64];
    struct lucid_why why = {.code = NULL};
    lucid_buf_clear(&text);
    lucid_buf_str(&text, "before");
    assert_int_equal(sign_text("{\"b\":1e1,\"a\":[]}", NULL, &text, NULL), LUCID_OK);
    assert_true(lucid_span_is(lucid_buf_span(&text),
                              "before{\"body\":{\"a\":[],\"b\":10},\"receipt_hash\":"
                              "\"5d7632db015b01f835b5e3eaeec12976904659d918d7f5a9556bd92bea786683"
                              "\"}"));
    size_t len = text.len;
    secret_of(&world.known, secret);
    secret[40] ^= 1;
    assert_int_equal(sign_text("{}", secret, &text, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_KEY");
    assert_int_equal(text.len, len);
    assert_int_equal(sign_text("[]", NULL, &text, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_RECEIPT");
    char *large = malloc(RECEIPT_BODY_BYTES_MAX + 2);
    assert_non_null(large);
    memset(large, 'x', RECEIPT_BODY_BYTES_MAX + 1);
    memcpy(large, "{\"a\":\"", 6);
    memcpy(large + RECEIPT_BODY_BYTES_MAX - 1, "\"}", 3);
    assert_int_equal(sign_text(large, NULL, &text, &why), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BODY_TOO_LARGE");
    assert_int_equal(text.len, len);
    memcpy(large + RECEIPT_BODY_BYTES_MAX - 2, "\"}", 3);
    assert_int_equal(sign_text(large, NULL, &text, &why), LUCID_OK);
    free(large);
}

/* --- refusals --- */

#define SIG  WORLD_H0 WORLD_H0
#define BODY "\"body\":" WORLD_TOOL(RUN, "")

static void test_envelope_members(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *code;
        const char *param;
    } cases[] = {
        {"", "INVALID_JSON", ""},
        {"{", "INVALID_JSON", ""},
        {"{\"body\":{\"a\":tru}}", "INVALID_JSON", "body.a"},
        {"{\"body\":{\"a\":1,\"a\":1}}", "INVALID_JSON", "body.a"},
        {"{\"body\":{}} x", "INVALID_JSON", ""},
        {"{\"body\":{\"a\":9007199254740993}}", "INVALID_JSON", "body.a"},
        {"[]", "INVALID_RECEIPT", ""},
        {"5", "INVALID_RECEIPT", ""},
        {"{}", "INVALID_RECEIPT", "body"},
        {"{\"body\":null}", "INVALID_RECEIPT", "body"},
        {"{\"body\":[]}", "INVALID_RECEIPT", "body"},
        {"{\"body\":\"{}\"}", "INVALID_RECEIPT", "body"},
        {"{" BODY ",\"signer_pubkey\":\"" WORLD_H0 "\"}", "INVALID_RECEIPT", "receipt_signature"},
        {"{" BODY ",\"signer_pubkey\":\"" WORLD_H0 "\",\"receipt_signature\":5}", "INVALID_RECEIPT",
         "receipt_signature"},
        {"{" BODY ",\"signer_pubkey\":\"" WORLD_H0 "\",\"receipt_signature\":\"" WORLD_H0 "\"}",
         "INVALID_RECEIPT", "receipt_signature"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\"}", "INVALID_RECEIPT", "signer_pubkey"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\",\"signer_pubkey\":null}", "INVALID_RECEIPT",
         "signer_pubkey"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\",\"signer_pubkey\":"
         "\"AB00000000000000000000000000000000000000000000000000000000000000\"}",
         "INVALID_RECEIPT", "signer_pubkey"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\",\"signer_pubkey\":\"" WORLD_H0
         "\",\"receipt_hash\":null}",
         "INVALID_RECEIPT", "receipt_hash"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\",\"signer_pubkey\":\"" WORLD_H0
         "\",\"receipt_hash\":\"00\"}",
         "INVALID_RECEIPT", "receipt_hash"},
        {"{" BODY ",\"receipt_signature\":\"" SIG "\",\"signer_pubkey\":\"" WORLD_H0
         "\",\"receipt_hash\":\"" WORLD_H0 "\"}",
         "HASH_MISMATCH", "receipt_hash"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_refused(lucid_span_str(cases[i].text), LUCID_REFUSE_INVALID, cases[i].code,
                       cases[i].param);
    }
}

static void test_signer_and_signature(void **state)
{
    (void)state;
    world_envelope(WORLD_TOOL(RUN, ""), &world.stranger, WORLD_FINE, &text);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_FORBIDDEN, "SIGNER_UNKNOWN",
                   "signer_pubkey");
    world_envelope(WORLD_TOOL(RUN, ""), &world.known, WORLD_BAD_SIGNATURE, &text);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_INVALID, "SIGNATURE_INVALID",
                   "receipt_signature");
}

/* A signature over the hash's hex text, or over the canonical bytes, is none. */
static void test_signature_is_over_the_raw_hash(void **state)
{
    (void)state;
    struct receipt_command command;
    vector_envelope();
    expect_taken(lucid_buf_span(&text), &command);
    const struct lucid_span messages[] = {lucid_span_str(VECTOR_HASH),
                                          lucid_span_str(vector_canonical)};
    for (size_t i = 0; i < 2; i++) {
        uint8_t signature[64];
        ledger_ed25519_sign(&world.known, messages[i], signature);
        lucid_buf_clear(&text);
        lucid_buf_printf(&text, "{\"body\":%s,\"receipt_signature\":\"", vector_body);
        lucid_buf_hex(&text, signature, sizeof(signature));
        lucid_buf_str(&text, "\",\"signer_pubkey\":\"" VECTOR_PUBLIC "\"}");
        expect_refused(lucid_buf_span(&text), LUCID_REFUSE_INVALID, "SIGNATURE_INVALID",
                       "receipt_signature");
    }
}

/* --- the order of checks --- */

static const struct {
    unsigned fault;
    enum lucid_error error;
    const char *code;
    const char *param;
} faults[] = {
    {WORLD_BAD_JSON, LUCID_REFUSE_INVALID, "INVALID_JSON", ""},
    {WORLD_BAD_SIZE, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", "body"},
    {WORLD_BAD_ENVELOPE, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", "receipt_signature"},
    {WORLD_BAD_MEMBER, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", "body.success"},
    {WORLD_BAD_HASH, LUCID_REFUSE_INVALID, "HASH_MISMATCH", "receipt_hash"},
    {WORLD_BAD_SIGNER, LUCID_REFUSE_FORBIDDEN, "SIGNER_UNKNOWN", "signer_pubkey"},
    {WORLD_BAD_SIGNATURE, LUCID_REFUSE_INVALID, "SIGNATURE_INVALID", "receipt_signature"},
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static void faulty_envelope(unsigned set)
{
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    lucid_buf_str(&body, "{\"run_id\":\"" RUN "\",\"timestamp\":1732190000,\"receipt_type\":"
                         "\"tool\",\"schema_version\":\"1.0\",\"tool_passport_id\":\"t\","
                         "\"input_hash\":\"" WORLD_H0 "\",\"output_hash\":\"" WORLD_H0
                         "\",\"latency_ms\":1,\"success\":");
    lucid_buf_str(&body, (set & WORLD_BAD_MEMBER) != 0 ? "null" : "true");
    if ((set & WORLD_BAD_SIZE) != 0) {
        lucid_buf_str(&body, ",\"pad\":\"");
        uint8_t *pad = lucid_buf_extend(&body, RECEIPT_BODY_BYTES_MAX);
        assert_non_null(pad);
        memset(pad, 'x', RECEIPT_BODY_BYTES_MAX);
        lucid_buf_char(&body, '"');
    }
    lucid_buf_put(&body, "}", 2);
    assert_true(lucid_buf_ok(&body));
    world_envelope((const char *)body.data,
                   (set & WORLD_BAD_SIGNER) != 0 ? &world.stranger : &world.known, set, &text);
    lucid_buf_fini(&body);
}

static void test_first_failing_check_answers(void **state)
{
    (void)state;
    struct receipt_command command;
    faulty_envelope(WORLD_FINE);
    expect_taken(lucid_buf_span(&text), &command);
    for (unsigned set = 1; set < 1U << FAULTS; set++) {
        size_t first = (size_t)__builtin_ctz(set);
        lucid_arena_reset(&world.arena);
        faulty_envelope(set);
        expect_refused(lucid_buf_span(&text), faults[first].error, faults[first].code,
                       faults[first].param);
    }
}

/* --- bounds --- */

/* A body whose pad makes its canonical form exactly len bytes long. */
static char *padded_body(size_t len)
{
    static const char start[] = WORLD_TOOL(RUN, "\"pad\":\"\",");
    char *body = malloc(len + 1);
    assert_non_null(body);
    const char *inside = strstr(start, "\"pad\":\"");
    assert_non_null(inside);
    size_t before = (size_t)(inside - start) + 7;
    size_t after = strlen(start) - before;
    memset(body, 'x', len);
    memcpy(body, start, before);
    memcpy(body + len - after, start + before, after + 1);
    return body;
}

static void test_body_size_bound(void **state)
{
    (void)state;
    struct receipt_command command;
    char *body = padded_body(RECEIPT_BODY_BYTES_MAX);
    world_envelope(body, &world.known, WORLD_FINE, &text);
    expect_taken(lucid_buf_span(&text), &command);
    assert_int_equal(command.canonical.len, RECEIPT_BODY_BYTES_MAX);
    free(body);
    body = padded_body(RECEIPT_BODY_BYTES_MAX + 1);
    world_envelope(body, &world.known, WORLD_FINE, &text);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", "body");
    free(body);
}

/* The size that counts is that of the canonical form, whatever the text's. */
static void numbers_body(struct lucid_buf *body, const char *number, size_t count)
{
    lucid_buf_clear(body);
    lucid_buf_str(body, "{\"run_id\":\"" RUN "\",\"timestamp\":1732190000,\"n\":[");
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(body, i == 0 ? "" : ",");
        lucid_buf_str(body, number);
    }
    lucid_buf_str(body, "]," WORLD_TOOL_END "}");
    lucid_buf_char(body, '\0');
    assert_true(lucid_buf_ok(body));
}

static void test_canonical_form_may_be_longer_or_shorter(void **state)
{
    (void)state;
    struct receipt_command command;
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    numbers_body(&body, "1e20", 2000); /* 5 bytes each become 22 */
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    expect_taken(lucid_buf_span(&text), &command);
    assert_true(command.canonical.len > text.len);
    assert_in_range(command.canonical.len, 2000 * 22, 2000 * 22 + 400);
    numbers_body(&body, "1e20", 3000);
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    assert_true(text.len < RECEIPT_BODY_BYTES_MAX);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", "body");
    numbers_body(&body, "0.000000000000000000000000000000", 3000);
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    assert_true(text.len > RECEIPT_BODY_BYTES_MAX);
    expect_taken(lucid_buf_span(&text), &command);
    assert_true(command.canonical.len < 7000);
    lucid_buf_fini(&body);
}

static void test_number_of_values_is_bounded(void **state)
{
    (void)state;
    struct receipt_command command;
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    numbers_body(&body, "1", 32500); /* about the most that fits into a body */
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    expect_taken(lucid_buf_span(&text), &command);
    assert_true(command.canonical.len > RECEIPT_BODY_BYTES_MAX - 500);
    numbers_body(&body, "1", 60000);
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    expect_refused(lucid_buf_span(&text), LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", "");
    lucid_buf_fini(&body);
}

static void nested_body(struct lucid_buf *body, unsigned depth)
{
    lucid_buf_clear(body);
    lucid_buf_str(body, "{\"run_id\":\"" RUN "\",\"timestamp\":1732190000,\"deep\":");
    for (unsigned i = 1; i < depth; i++) {
        lucid_buf_str(body, i % 2 == 0 ? "{\"a\":" : "[");
    }
    lucid_buf_str(body, "0");
    for (unsigned i = depth - 1; i > 0; i--) {
        lucid_buf_str(body, i % 2 == 0 ? "}" : "]");
    }
    lucid_buf_str(body, "," WORLD_TOOL_END "}");
    lucid_buf_char(body, '\0');
    assert_true(lucid_buf_ok(body));
}

static void test_nesting_bound(void **state)
{
    (void)state;
    struct receipt_command command;
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    nested_body(&body, RECEIPT_DEPTH_MAX);
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    expect_taken(lucid_buf_span(&text), &command);
    nested_body(&body, RECEIPT_DEPTH_MAX + 1);
    world_envelope((const char *)body.data, &world.known, WORLD_FINE, &text);
    struct lucid_why why = {.code = NULL};
    assert_int_equal(world_prepare(&world, lucid_buf_span(&text), &command, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_JSON");
    assert_int_equal(strncmp(why.param, "body.deep[0].a[0]", 17), 0);
    lucid_buf_fini(&body);
}

static void test_time_rule(void **state)
{
    (void)state;
    static const struct {
        uint64_t now_ms;
        uint64_t future_seconds_max;
        bool fits;
    } cases[] = {
        {1732190000000, 300, true},  {1732189700000, 300, true}, {1732189700999, 300, true},
        {1732189699999, 300, false}, {1732189999999, 0, false},  {1732190000000, 0, true},
        {0, 1732190000, true},       {1000, UINT64_MAX, true},   {UINT64_MAX, UINT64_MAX - 5, true},
        {9999999999999, 0, true},
    };
    struct receipt_command command;
    const struct receipt_rules kept = world.rules;
    world_envelope(WORLD_TOOL(RUN, ""), &world.known, WORLD_FINE, &text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world.rules = (struct receipt_rules){.now_ms = cases[i].now_ms,
                                             .future_seconds_max = cases[i].future_seconds_max};
        if (cases[i].fits) {
            expect_taken(lucid_buf_span(&text), &command);
        } else {
            expect_refused(lucid_buf_span(&text), LUCID_REFUSE_INVALID, "INVALID_RECEIPT",
                           "body.timestamp");
        }
    }
    world.rules = kept;
}

/* Whatever the arena's limit, the answer is the command or LUCID_RETRY_MEMORY. */
static void test_arena_limit(void **state)
{
    (void)state;
    struct receipt_command command;
    size_t refused = 0;
    world_envelope(WORLD_TOOL(RUN, ""), &world.known, WORLD_FINE, &text);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    for (size_t bytes_max = 0; bytes_max < 12000; bytes_max += 100) {
        struct lucid_arena arena;
        lucid_arena_init(&arena, bytes_max);
        enum lucid_error error = receipt_prepare(&command, lucid_buf_span(&text), &world.rules,
                                                 world.view, &arena, NULL);
        assert_true(error == LUCID_OK || error == LUCID_RETRY_MEMORY);
        refused += error != LUCID_OK;
        lucid_arena_fini(&arena);
    }
    ledger_view_end(world.view);
    assert_in_range(refused, 1, 119);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_vector_of_others, empty_arena),
        cmocka_unit_test_setup(test_given_hash_is_checked, empty_arena),
        cmocka_unit_test_setup(test_signed_envelope, empty_arena),
        cmocka_unit_test_setup(test_unsigned_envelope_and_failures, empty_arena),
        cmocka_unit_test_setup(test_envelope_members, empty_arena),
        cmocka_unit_test_setup(test_signer_and_signature, empty_arena),
        cmocka_unit_test_setup(test_signature_is_over_the_raw_hash, empty_arena),
        cmocka_unit_test_setup(test_first_failing_check_answers, empty_arena),
        cmocka_unit_test_setup(test_body_size_bound, empty_arena),
        cmocka_unit_test_setup(test_canonical_form_may_be_longer_or_shorter, empty_arena),
        cmocka_unit_test_setup(test_number_of_values_is_bounded, empty_arena),
        cmocka_unit_test_setup(test_nesting_bound, empty_arena),
        cmocka_unit_test_setup(test_time_rule, empty_arena),
        cmocka_unit_test_setup(test_arena_limit, empty_arena),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
