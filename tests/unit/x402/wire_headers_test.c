/* x402/proof.h: the three payment headers, from real clients and from bad ones. */
#include "tests/unit/x402/wire_world.h"

#define HASH32 "c6b96208da008581c8401312c6025b96a7028812de06e809b03bf94598d9cefb"
#define SIGNATURE                                                                                  \
    "0x0cf7a1dc4b10f16710ddc8ac77123e768cb2bb544415a5bbf83c0d678d7c4ad66e31c55e0403ed84f45c7cc8c3" \
    "3ccb269b5dafacb22418fd24d9aa68445fa0641b"
#define CHALLENGE                                                                                  \
    "lc1.00000002.3.1795290259000.300." RANDOM                                                     \
    "1111111111111111111111111111111111111111111111111111111111111111"
#define PROOF                                                                                      \
    "{\"network\":\"eip155:84532\",\"transaction\":\"0x" HASH32 "\",\"logIndex\":1,\"challenge\":" \
    "\"" CHALLENGE "\",\"signature\":\"" SIGNATURE "\"}"

static enum lucid_error parse(enum x402_form form, struct lucid_span value,
                              struct lucid_arena *arena, struct x402_proof *ret,
                              struct lucid_why *why)
{
    *why = (struct lucid_why){.code = NULL};
    enum lucid_error error = x402_proof_parse(form, value, arena, ret, why);
    if (error != LUCID_OK) {
        assert_string_equal(why->code, "PAYMENT_MALFORMED");
        assert_string_equal(why->param, x402_form_header(form));
        assert_true(why->text[0] != '\0');
    }
    return error;
}

/* Whether a header of that JSON reads. */
static bool reads(enum x402_form form, const char *json, struct lucid_why *why)
{
    struct lucid_arena arena;
    struct lucid_buf header = {.bytes_max = 0};
    struct x402_proof proof;
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    enum lucid_error error = parse(form, wire_base64(json, &header), &arena, &proof, why);
    assert_true(error == LUCID_OK || error == LUCID_REFUSE_INVALID ||
                error == LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
    return error == LUCID_OK;
}

static void u256_is(const struct evm_u256 *value, const json_t *object, const char *name)
{
    struct evm_u256 want = evm_vectors_u256(object, name);
    assert_memory_equal(value, &want, sizeof(want));
}

/* What the official clients sent reads as what they meant. */
static void test_clients(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/client-headers.json");
    size_t index;
    json_t *run;
    size_t count = 0;
    json_array_foreach(vectors_get(root, "runs"), index, run)
    {
        bool v2 = vectors_u64(vectors_get(run, "version")) == 2;
        const json_t *header = vectors_get(run, "request_header");
        const json_t *decoded = vectors_get(header, "decoded");
        const json_t *message = vectors_get(vectors_get(decoded, "payload"), "authorization");
        enum x402_form form = v2 ? X402_FORM_V2 : X402_FORM_V1;
        struct lucid_arena arena;
        struct x402_proof proof;
        struct lucid_why why;
        assert_true(
            lucid_span_is(vectors_text(vectors_get(header, "name")), x402_form_header(form)));
        lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
        assert_int_equal(
            parse(form, vectors_text(vectors_get(header, "value")), &arena, &proof, &why),
            LUCID_OK);
        struct evm_authorization want = evm_vectors_authorization(message);
        assert_memory_equal(&proof.authorization, &want, sizeof(want));
        u256_is(&proof.authorization.valid_before, message, "validBefore");
        struct evm_hash digest =
            evm_authorization_digest(&wire_network()->separator, &proof.authorization);
        struct evm_hash digest_want = evm_vectors_hash(run, "digest");
        assert_memory_equal(&digest, &digest_want, sizeof(digest));
        struct evm_address signer;
        assert_int_equal(evm_recover(&digest, &proof.signature, &signer), LUCID_OK);
        assert_memory_equal(&signer, &want.from, sizeof(signer));
        assert_true(proof.has_signature && !proof.smart_wallet);
        assert_true(lucid_span_is(proof.scheme, "exact"));
        assert_true(lucid_span_is(proof.network, v2 ? "eip155:84532" : "base-sepolia"));
        assert_true((proof.accepted != NULL) == v2);
        assert_true(v2 ? lucid_span_is(proof.resource_url, WIRE_RESOURCE)
                       : proof.resource_url.data == NULL);
        /* In another header the same value is of the wrong version. */
        assert_int_equal(parse(v2 ? X402_FORM_V1 : X402_FORM_V2,
                               vectors_text(vectors_get(header, "value")), &arena, &proof, &why),
                         LUCID_REFUSE_INVALID);
        assert_non_null(strstr(why.text, "x402Version"));
        lucid_arena_fini(&arena);
        count++;
    }
    assert_int_equal(count, 2);
    json_decref(root);
}

static void test_malformed(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/header-malformed.json");
    const json_t *cases = vectors_get(root, "cases");
    size_t index;
    json_t *entry;
    json_array_foreach(cases, index, entry)
    {
        struct lucid_arena arena;
        struct x402_proof proof;
        struct lucid_why why;
        lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
        for (enum x402_form form = X402_FORM_V1; form <= X402_FORM_PROOF; form++) {
            enum lucid_error error =
                parse(form, vectors_text(vectors_get(entry, "value")), &arena, &proof, &why);
            if (lucid_category(error) != LUCID_CATEGORY_REFUSE) {
                fail_msg("%s is taken", json_string_value(vectors_get(entry, "id")));
            }
        }
        lucid_arena_fini(&arena);
    }
    assert_int_equal(json_array_size(cases), 19);
    json_decref(root);
}

static void test_proof(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf header = {.bytes_max = 0};
    struct x402_proof proof;
    struct lucid_why why;
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    assert_int_equal(parse(X402_FORM_PROOF, wire_base64(PROOF, &header), &arena, &proof, &why),
                     LUCID_OK);
    struct evm_hash transaction;
    assert_true(evm_hash_parse(lucid_span_str("0x" HASH32), &transaction));
    assert_memory_equal(&proof.transaction, &transaction, sizeof(transaction));
    assert_true(proof.has_log_index && proof.log_index == 1);
    assert_true(proof.has_signature && !proof.smart_wallet);
    assert_int_equal(proof.signature.bytes[64], 0x1b);
    assert_string_equal(proof.challenge.text, CHALLENGE);
    assert_true(lucid_span_is(proof.network, "eip155:84532"));
    /* Unsigned, bound by its nonce; null is absent; what is not known is ignored. */
    static const char bare[] =
        "{\"transaction\":\"0x" HASH32 "\",\"network\":\"eip155:1\",\"challenge\":\"" CHALLENGE
        "\",\"signature\":null,\"logIndex\":null,\"more\":[1,{}]}";
    assert_int_equal(parse(X402_FORM_PROOF, wire_base64(bare, &header), &arena, &proof, &why),
                     LUCID_OK);
    assert_true(!proof.has_log_index && !proof.has_signature);
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
}

/* --- every member dropped, of another type, oversized --- */

static struct lucid_why last_why;

static bool reads_json(enum x402_form form, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    assert_non_null(text);
    bool ok = reads(form, text, &last_why);
    free(text);
    return ok;
}

/* The paths (dotted) without which a header does not read; what else there is may go. */
static const struct {
    enum x402_form form;
    const char *path;
} needed[] = {
    {X402_FORM_V1, "x402Version"},
    {X402_FORM_V1, "scheme"},
    {X402_FORM_V1, "network"},
    {X402_FORM_V1, "payload"},
    {X402_FORM_V1, "payload.signature"},
    {X402_FORM_V1, "payload.authorization"},
    {X402_FORM_V1, "payload.authorization.from"},
    {X402_FORM_V1, "payload.authorization.to"},
    {X402_FORM_V1, "payload.authorization.value"},
    {X402_FORM_V1, "payload.authorization.validAfter"},
    {X402_FORM_V1, "payload.authorization.validBefore"},
    {X402_FORM_V1, "payload.authorization.nonce"},
    {X402_FORM_V2, "x402Version"},
    {X402_FORM_V2, "accepted"},
    {X402_FORM_V2, "accepted.scheme"},
    {X402_FORM_V2, "accepted.network"},
    {X402_FORM_V2, "payload"},
    {X402_FORM_V2, "payload.signature"},
    {X402_FORM_V2, "payload.authorization"},
    {X402_FORM_V2, "payload.authorization.from"},
    {X402_FORM_V2, "payload.authorization.to"},
    {X402_FORM_V2, "payload.authorization.value"},
    {X402_FORM_V2, "payload.authorization.validAfter"},
    {X402_FORM_V2, "payload.authorization.validBefore"},
    {X402_FORM_V2, "payload.authorization.nonce"},
    {X402_FORM_V2, "resource.url"}, /* of a resource that is there */
    {X402_FORM_PROOF, "network"},
    {X402_FORM_PROOF, "transaction"},
    {X402_FORM_PROOF, "challenge"},
};

static bool is_needed(enum x402_form form, const char *path)
{
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (needed[i].form == form && strcmp(needed[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Optional or nothing that reading looks at; matching does (wire_match_test.c). */
static bool may_be_anything(const char *path)
{
    return strncmp(path, "accepted.", 9) == 0 && strcmp(path, "accepted.scheme") != 0 &&
           strcmp(path, "accepted.network") != 0;
}

/* In place of one member, values that cannot be it. */
static void member_spoil(enum x402_form form, const json_t *root, json_t *object, const char *name,
                         const char *path)
{
    static const char *const others[] = {"1.5",
                                         "-1",
                                         "true",
                                         "\"\"",
                                         "\"0x\"",
                                         "\"\\u0000\"",
                                         "[]",
                                         "{}",
                                         "[[]]",
                                         "1e300",
                                         ("\"115792089237316195423570985008687907853269984665640564"
                                          "039457584007913129639936\"")};
    json_t *kept = json_incref(json_object_get(object, name));
    if (may_be_anything(path) || strcmp(path, "resource.description") == 0 ||
        strcmp(path, "resource.mimeType") == 0) {
        json_decref(kept);
        return;
    }
    json_object_del(object, name);
    assert_true(reads_json(form, root) == !is_needed(form, path));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        json_t *other = json_loads(others[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        bool text = json_is_string(other);
        assert_non_null(other);
        bool fits = (text && (strcmp(path, "resource.url") == 0 || strcmp(path, "scheme") == 0 ||
                              strcmp(path, "accepted.scheme") == 0 ||
                              (form == X402_FORM_V1 && strcmp(path, "network") == 0))) ||
                    (strcmp(path, "extensions") == 0 && strcmp(others[i], "{}") == 0);
        json_object_set_new(object, name, other);
        if (reads_json(form, root) != fits) {
            fail_msg("%s %s = %s", x402_form_header(form), path, others[i]);
        }
    }
    json_t *huge = json_stringn("", 0);
    char *long_text = malloc(X402_HEADER_BYTES_MAX + 1);
    assert_non_null(long_text);
    memset(long_text, '0', X402_HEADER_BYTES_MAX);
    json_string_setn(huge, long_text, X402_HEADER_BYTES_MAX);
    json_object_set_new(object, name, huge);
    assert_false(reads_json(form, root));
    assert_non_null(strstr(last_why.text, "bytes"));
    free(long_text);
    json_object_set_new(object, name, kept);
    assert_true(reads_json(form, root));
}

static void object_spoil(enum x402_form form, const json_t *root, json_t *object,
                         const char *prefix, size_t *count)
{
    const char *names[16];
    size_t name_count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        assert_true(name_count < 16);
        names[name_count++] = name;
    }
    for (size_t i = 0; i < name_count; i++) {
        char path[128];
        char own[64];
        snprintf(own, sizeof(own), "%s", names[i]);
        snprintf(path, sizeof(path), "%s%s", prefix, own);
        member_spoil(form, root, object, own, path);
        (*count)++;
        value = json_object_get(object, own);
        if (json_is_object(value)) {
            snprintf(path, sizeof(path), "%s%s.", prefix, own);
            object_spoil(form, root, value, path, count);
        }
    }
}

static void test_members(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/client-headers.json");
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        json_t *run = json_array_get(vectors_get(root, "runs"), i);
        json_t *decoded = vectors_get(vectors_get(run, "request_header"), "decoded");
        enum x402_form form =
            vectors_u64(vectors_get(run, "version")) == 2 ? X402_FORM_V2 : X402_FORM_V1;
        json_t *copy = json_deep_copy(decoded);
        object_spoil(form, copy, copy, "", &count);
        json_decref(copy);
    }
    json_t *proof = json_loads(PROOF, 0, NULL);
    assert_non_null(proof);
    object_spoil(X402_FORM_PROOF, proof, proof, "", &count);
    assert_true(count >= sizeof(needed) / sizeof(needed[0]));
    json_decref(proof);
    json_decref(root);
}

/* --- single faults --- */

#define V2_HEAD                                                                                    \
    "{\"x402Version\":2,\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:84532\"},"
#define AUTHORIZATION                                                                              \
    "\"authorization\":{\"from\":\"" WIRE_PAYER "\",\"to\":\"" WIRE_PAYEE "\",\"value\":\"1\","    \
    "\"validAfter\":\"0\",\"validBefore\":\"9\",\"nonce\":\"0x" HASH32 "\"}"

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        enum x402_form form;
        const char *json;
        const char *says; /* NULL: it reads */
    } cases[] = {
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"signature\":\"" SIGNATURE "\"," AUTHORIZATION "}}",
         NULL},
        {X402_FORM_V2,
         V2_HEAD "\"payload\":{\"signature\":\"" SIGNATURE "\"," AUTHORIZATION
                 "},\"resource\":null,\"extensions\":null,\"other\":{\"a\":[]}}",
         NULL},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"permit2Authorization\":{},\"signature\":\"0x00\"}}",
         "permit2"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"delegationManager\":\"0x00\"}}", "erc7710"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"permissionContext\":\"0x00\"}}", "erc7710"},
        {X402_FORM_V1,
         "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"solana\",\"payload\":{"
         "\"transaction\":\"AAAA\"}}",
         "payload.transaction"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"signature\":\"0x\"," AUTHORIZATION "}}",
         "signature"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"signature\":\"0x0\"," AUTHORIZATION "}}",
         "signature"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"signature\":\"0x0g\"," AUTHORIZATION "}}",
         "signature"},
        {X402_FORM_V2, V2_HEAD "\"payload\":{\"signature\":\"0X00\"," AUTHORIZATION "}}",
         "signature"},
        {X402_FORM_V2,
         "{\"x402Version\":2,\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:\"},"
         "\"payload\":{\"signature\":\"0x00\"," AUTHORIZATION "}}",
         "CAIP-2"},
        {X402_FORM_V2,
         "{\"x402Version\":2,\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:1/2\"},"
         "\"payload\":{\"signature\":\"0x00\"," AUTHORIZATION "}}",
         "CAIP-2"},
        {X402_FORM_PROOF,
         "{\"network\":\"eip155:1\",\"transaction\":\"0x" HASH32 "\",\"challenge\":\"lc1\"}",
         "challenge"},
        {X402_FORM_PROOF,
         "{\"network\":\"eip155:1\",\"transaction\":\"0x" HASH32 "\",\"challenge\":\"" CHALLENGE
         "\",\"logIndex\":\"1\"}",
         "logIndex"},
        {X402_FORM_PROOF, PROOF "x", "JSON"},
        {X402_FORM_PROOF, "{\"network\":\"eip155:1\",\"n\\u0065twork\":\"eip155:1\"}", "JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_why why;
        bool ok = reads(cases[i].form, cases[i].json, &why);
        if (ok != (cases[i].says == NULL) || (!ok && strstr(why.text, cases[i].says) == NULL)) {
            fail_msg("%s: %s", cases[i].json, why.text);
        }
    }
}

/* Signatures of other lengths are smart wallets'; what they are is not looked at. */
static void test_smart_wallet(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 64, 66, 96, 4000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct lucid_arena arena;
        struct lucid_buf json = {.bytes_max = 0};
        struct lucid_buf header = {.bytes_max = 0};
        struct x402_proof proof;
        struct lucid_why why;
        lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
        lucid_buf_str(&json, V2_HEAD "\"payload\":{\"signature\":\"0x");
        for (size_t at = 0; at < lengths[i]; at++) {
            lucid_buf_str(&json, "6F");
        }
        lucid_buf_str(&json, "\"," AUTHORIZATION "}}");
        lucid_buf_base64(&header, json.data, json.len);
        assert_int_equal(parse(X402_FORM_V2, lucid_buf_span(&header), &arena, &proof, &why),
                         LUCID_OK);
        assert_true(proof.has_signature && proof.smart_wallet);
        assert_int_equal(proof.signature.bytes[0], 0);
        lucid_buf_fini(&json);
        lucid_buf_fini(&header);
        lucid_arena_fini(&arena);
    }
}

/* Bytes, depth and count are bounded; base64 is the one standard form. */
static void test_bounds(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct x402_proof proof;
    struct lucid_why why;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf header = {.bytes_max = 0};
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    /* As many bytes as are allowed: white space behind a good document. */
    lucid_buf_str(&text, PROOF);
    while (text.len < X402_HEADER_BYTES_MAX / 4 * 3) {
        lucid_buf_char(&text, ' ');
    }
    lucid_buf_base64(&header, text.data, text.len);
    assert_int_equal(header.len, X402_HEADER_BYTES_MAX);
    assert_int_equal(parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why),
                     LUCID_OK);
    lucid_buf_str(&header, "ICAg");
    assert_int_equal(parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why),
                     LUCID_REFUSE_TOO_LARGE);
    /* Many values; much nesting. */
    lucid_buf_clear(&text);
    lucid_buf_str(&text, "{\"a\":[");
    for (size_t i = 0; i < 2000; i++) {
        lucid_buf_str(&text, "1,");
    }
    lucid_buf_str(&text, "1]}");
    lucid_buf_clear(&header);
    lucid_buf_base64(&header, text.data, text.len);
    assert_int_equal(parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why),
                     LUCID_REFUSE_INVALID);
    assert_false(reads(X402_FORM_PROOF, "{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", &why));
    assert_non_null(strstr(why.text, "JSON"));
    /* The same bytes in other spellings of base64. */
    wire_base64(PROOF, &header);
    static const char *const tails[] = {"=", "\n", " ", "A", "===="};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        size_t len = header.len;
        lucid_buf_str(&header, tails[i]);
        assert_int_equal(parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why),
                         LUCID_REFUSE_INVALID);
        header.len = len;
    }
    wire_base64("{\"a\":1}", &header); /* eyJhIjoxfQ== */
    assert_int_equal(header.data[header.len - 3], 'Q');
    header.data[header.len - 3] = 'R'; /* trailing bits */
    assert_int_equal(parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why),
                     LUCID_REFUSE_INVALID);
    assert_non_null(strstr(why.text, "base64"));
    lucid_buf_fini(&text);
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
}

/* An arena that is too small is our fault, not the client's. */
static void test_memory(void **state)
{
    (void)state;
    struct lucid_buf header = {.bytes_max = 0};
    size_t refused = 0;
    wire_base64(PROOF, &header);
    for (size_t max = 0; max <= 16384; max += 512) {
        struct lucid_arena arena;
        struct x402_proof proof;
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, max);
        enum lucid_error error =
            x402_proof_parse(X402_FORM_PROOF, lucid_buf_span(&header), &arena, &proof, &why);
        assert_true(error == LUCID_OK || (error == LUCID_RETRY_MEMORY && why.code == NULL));
        refused += error == LUCID_RETRY_MEMORY;
        lucid_arena_fini(&arena);
    }
    assert_true(refused > 0);
    lucid_buf_fini(&header);
}

static int setup(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_proof),   cmocka_unit_test(test_members),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_smart_wallet),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("x402 headers", tests, setup, NULL);
}
