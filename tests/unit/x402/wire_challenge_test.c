/* x402/challenge.h: a challenge is good for its terms and for nothing else; keys and rotation. */
#include "tests/unit/x402/wire_world.h"

enum { LIFETIME_S = 300, RANDOM_CASES = 20000 };

static void test_round_trip(void **state)
{
    (void)state;
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    const struct x402_terms terms = wire_terms();
    struct x402_challenge made;
    struct x402_challenge read;
    x402_challenge_make(keys, &terms, WIRE_NOW_MS + 7, LIFETIME_S, wire_random, &made);
    assert_int_equal(strncmp(made.text, "lc1.00000002.3.1795290259007.300.", 33), 0);
    assert_int_equal(strlen(made.text), 33 + 33 + 64);
    assert_int_equal(x402_challenge_parse(lucid_span_str(made.text), &read), LUCID_OK);
    assert_memory_equal(&made, &read, sizeof(made));
    assert_int_equal(x402_challenge_check(keys, &read, &terms), LUCID_OK);
    assert_true(x402_challenge_expires(&read) == WIRE_NOW_MS / 1000 + LIFETIME_S);
    struct evm_hash hash = x402_challenge_hash(&read);
    struct evm_hash want = evm_keccak256(lucid_span_str(made.text));
    assert_memory_equal(&hash, &want, sizeof(hash));
    x402_keys_close(keys);
}

/* Pinned: a server of the next version must still know what this one has given out. */
static void test_pinned(void **state)
{
    (void)state;
    static const char pinned[] = "lc1.00000002.3.1795290259000.300." RANDOM
                                 "d725a6391f8931e3ca70a6f922d56aa9d524b3fd6df2e7bb1489081817963f0c";
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    const struct x402_terms terms = wire_terms();
    struct x402_challenge made;
    x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &made);
    assert_string_equal(made.text, pinned);
    x402_keys_close(keys);
}

/* Each bit of the text: it does not read, or it is for something else. */
static void test_flips(void **state)
{
    (void)state;
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    const struct x402_terms terms = wire_terms();
    struct x402_challenge made;
    x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &made);
    size_t len = strlen(made.text);
    size_t read_count = 0;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        char text[X402_CHALLENGE_BYTES_MAX + 1];
        struct x402_challenge read;
        memcpy(text, made.text, len + 1);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (x402_challenge_parse(lucid_span(text, len), &read) == LUCID_OK) {
            read_count++;
            assert_int_not_equal(x402_challenge_check(keys, &read, &terms), LUCID_OK);
            /* Nor for the terms of the version that it now claims. */
            struct x402_terms claimed = terms;
            claimed.price_version = read.price_version;
            assert_int_not_equal(x402_challenge_check(keys, &read, &claimed), LUCID_OK);
        }
    }
    assert_true(read_count > 100);
    for (size_t cut = 0; cut < len; cut++) {
        struct x402_challenge read;
        assert_int_equal(x402_challenge_parse(lucid_span(made.text, cut), &read),
                         LUCID_REFUSE_INVALID);
    }
    x402_keys_close(keys);
}

/* The n-th single change of the terms; false after the last. */
static bool change(size_t n, struct x402_terms *terms)
{
    static struct x402_network other;
    switch (n) {
    case 0:
        terms->origin = lucid_span_str("lucid.example/log2");
        return true;
    case 1:
        terms->asset = lucid_span_str("batch");
        return true;
    case 2:
        assert_true(x402_network_known(lucid_span_str("base"), &other));
        terms->network = &other;
        return true;
    case 3: /* the same network, another token */
        other = *terms->network;
        other.proof_separator.bytes[0] ^= 1;
        terms->network = &other;
        return true;
    case 4:
        terms->pay_to = wire_address(WIRE_STRANGER);
        return true;
    case 5:
        terms->amount++;
        return true;
    case 6:
        terms->price_version++;
        return true;
    case 7:
        terms->method = lucid_span_str("POST");
        return true;
    case 8:
        terms->resource = lucid_span_str(WIRE_RESOURCE "?a=1");
        return true;
    case 9:
        lucid_sha256(lucid_span_str("{}"), terms->body_sha256);
        return true;
    case 10: /* what moves from one field to the next is another list */
        terms->method = lucid_span_str("GEThttp:");
        terms->resource = lucid_span_str(&WIRE_RESOURCE[5]);
        return true;
    case 11:
        terms->origin = lucid_span_str("lucid.example/logp");
        terms->asset = lucid_span_str("roof");
        return true;
    default:
        return false;
    }
}

static void test_other_terms(void **state)
{
    (void)state;
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    const struct x402_terms terms = wire_terms();
    struct x402_challenge made;
    x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &made);
    struct x402_terms other = terms;
    for (size_t n = 0; change(n, &other); n++) {
        assert_int_equal(x402_challenge_check(keys, &made, &other), LUCID_REFUSE_FORBIDDEN);
        other = terms;
    }
    /* Time and lifetime are its own members: another text, another MAC. */
    struct x402_challenge longer = made;
    longer.lifetime_s++;
    assert_int_equal(x402_challenge_check(keys, &longer, &terms), LUCID_REFUSE_FORBIDDEN);
    longer = made;
    longer.issued_ms++;
    assert_int_equal(x402_challenge_check(keys, &longer, &terms), LUCID_REFUSE_FORBIDDEN);
    x402_keys_close(keys);
}

static uint64_t seed = 20261122;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

struct random_texts {
    char texts[4][8];
};

/* Terms from a small space, so that many pairs agree in most members. */
static struct x402_terms random_terms(struct random_texts *texts)
{
    struct x402_terms terms = wire_terms();
    for (size_t i = 0; i < 4; i++) {
        snprintf(texts->texts[i], sizeof(texts->texts[i]), "%.*s", (int)(next_random() % 3), "ab");
    }
    terms.origin = lucid_span_str(texts->texts[0]);
    terms.asset = lucid_span_str(texts->texts[1]);
    terms.method = lucid_span_str(texts->texts[2]);
    terms.resource = lucid_span_str(texts->texts[3]);
    terms.amount = next_random() % 2;
    terms.price_version = next_random() % 2;
    terms.body_sha256[31] = (uint8_t)(next_random() % 2);
    return terms;
}

static bool equal(const struct x402_terms *a, const struct x402_terms *b)
{
    return lucid_span_equal(a->origin, b->origin) && lucid_span_equal(a->asset, b->asset) &&
           lucid_span_equal(a->method, b->method) && lucid_span_equal(a->resource, b->resource) &&
           a->amount == b->amount && a->price_version == b->price_version &&
           memcmp(a->body_sha256, b->body_sha256, sizeof(a->body_sha256)) == 0;
}

/* A challenge verifies for terms exactly when they are those that it was made for. */
static void test_random_terms(void **state)
{
    (void)state;
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    size_t same = 0;
    for (size_t i = 0; i < RANDOM_CASES; i++) {
        struct random_texts texts[2];
        struct x402_challenge made;
        struct x402_challenge read;
        struct x402_terms terms = random_terms(&texts[0]);
        struct x402_terms other = random_terms(&texts[1]);
        x402_challenge_make(keys, &terms, WIRE_NOW_MS + next_random() % 1000, LIFETIME_S,
                            wire_random, &made);
        assert_int_equal(x402_challenge_parse(lucid_span_str(made.text), &read), LUCID_OK);
        assert_int_equal(x402_challenge_check(keys, &read, &terms), LUCID_OK);
        bool ok = x402_challenge_check(keys, &read, &other) == LUCID_OK;
        assert_true(ok == equal(&terms, &other));
        same += ok;
    }
    assert_true(same > 0);
    x402_keys_close(keys);
}

/* A newer key signs; the older one still verifies; taken away it is unknown. */
static void test_rotation(void **state)
{
    (void)state;
    const struct x402_terms terms = wire_terms();
    struct lucid_buf file = {.bytes_max = 0};
    struct x402_challenge before;
    struct x402_challenge after;
    x402_keys_add(&file, 1000);
    size_t first = file.len;
    struct x402_keys *keys;
    assert_int_equal(x402_keys_parse(lucid_buf_span(&file), &keys, NULL), LUCID_OK);
    x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &before);
    x402_keys_close(keys);
    x402_keys_add(&file, 2000);
    assert_int_equal(x402_keys_parse(lucid_buf_span(&file), &keys, NULL), LUCID_OK);
    x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &after);
    assert_string_not_equal(before.key_id, after.key_id);
    assert_int_equal(x402_challenge_check(keys, &before, &terms), LUCID_OK);
    assert_int_equal(x402_challenge_check(keys, &after, &terms), LUCID_OK);
    x402_keys_close(keys);
    struct lucid_span newest = lucid_span(file.data + first, file.len - first);
    assert_int_equal(x402_keys_parse(newest, &keys, NULL), LUCID_OK);
    assert_int_equal(x402_challenge_check(keys, &before, &terms), LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(x402_challenge_check(keys, &after, &terms), LUCID_OK);
    x402_keys_close(keys);
    /* Another server's key of the same id. */
    keys = wire_keys(WIRE_KEYS);
    memcpy(after.key_id, "00000002", sizeof(after.key_id));
    assert_int_equal(x402_challenge_check(keys, &after, &terms), LUCID_REFUSE_FORBIDDEN);
    x402_keys_close(keys);
    lucid_buf_fini(&file);
}

static void test_many_keys(void **state)
{
    (void)state;
    const struct x402_terms terms = wire_terms();
    struct lucid_buf file = {.bytes_max = 0};
    struct x402_challenge first;
    struct x402_challenge second;
    struct x402_keys *keys;
    for (size_t i = 0; i < X402_KEYS_MAX + 1; i++) {
        x402_keys_add(&file, 1000 + i);
        assert_true(file.len <= X402_KEYS_FILE_BYTES_MAX);
        assert_int_equal(x402_keys_parse(lucid_buf_span(&file), &keys, NULL), LUCID_OK);
        if (i == 0) {
            x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &first);
        } else if (i == 1) {
            x402_challenge_make(keys, &terms, WIRE_NOW_MS, LIFETIME_S, wire_random, &second);
        }
        enum lucid_error want = i < X402_KEYS_MAX ? LUCID_OK : LUCID_REFUSE_UNKNOWN_KEY;
        assert_int_equal(x402_challenge_check(keys, &first, &terms), want);
        x402_keys_close(keys);
    }
    assert_int_equal(x402_keys_parse(lucid_buf_span(&file), &keys, NULL), LUCID_OK);
    assert_int_equal(x402_challenge_check(keys, &second, &terms), LUCID_OK);
    x402_keys_close(keys);
    lucid_buf_fini(&file);
}

#define HEX64 "1111111111111111111111111111111111111111111111111111111111111111"

static void test_key_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "there is no key"},
        {"\n", "line 1 is not"},
        {"0000000a " HEX64 " 1", "line 1 has no end"},
        {"0000000a " HEX64 " 1\n0000000b " HEX64, "line 2 has no end"},
        {"0000000a " HEX64 " 1\n\n", "line 2 is not"},
        {"0000000a " HEX64 "\n", "line 1 is not"},
        {"0000000A " HEX64 " 1\n", "line 1 has a key id"},
        {"000000a " HEX64 " 1\n", "line 1 has a key id"},
        {"0000000a " HEX64 "1 1\n", "line 1 has a key that"},
        {"0000000a  1\n", "line 1 has a key that"},
        {"0000000a " HEX64 " \n", "line 1 does not end"},
        {"0000000a " HEX64 " 01\n", "line 1 does not end"},
        {"0000000a " HEX64 " 1 \n", "line 1 does not end"},
        {"0000000a " HEX64 " 9007199254740992\n", "line 1 does not end"},
        {"0000000a " HEX64 " 1\r\n", "line 1 does not end"},
        {"0000000a " HEX64 " 1\n0000000a " HEX64 " 2\n", "line 2 has the id"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lucid_why why = {.code = NULL};
        struct x402_keys *keys = NULL;
        assert_int_equal(x402_keys_parse(lucid_span_str(bad[i].text), &keys, &why),
                         LUCID_REFUSE_INVALID);
        if (strncmp(why.text, bad[i].says, strlen(bad[i].says)) != 0) {
            fail_msg("case %zu: %s", i, why.text);
        }
        assert_null(strstr(why.text, "1111"));
        assert_null(keys);
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "lc1.",
        "lc2.00000002.3.1795290259000.300." RANDOM HEX64,
        "LC1.00000002.3.1795290259000.300." RANDOM HEX64,
        "lc1.0000000G.3.1795290259000.300." RANDOM HEX64,
        "lc1.0000000A.3.1795290259000.300." RANDOM HEX64,
        "lc1.00000002.03.1795290259000.300." RANDOM HEX64,
        "lc1.00000002..1795290259000.300." RANDOM HEX64,
        "lc1.00000002.-3.1795290259000.300." RANDOM HEX64,
        "lc1.00000002.9007199254740992.1795290259000.300." RANDOM HEX64,
        "lc1.00000002.3.17952902590001234.300." RANDOM HEX64,
        "lc1.00000002.3.1795290259000.4294967296." HEX64,
        "lc1.00000002.3.1795290259000.300." RANDOM HEX64 "0",
        "lc1.00000002.3.1795290259000.300." RANDOM HEX64 " ",
        " lc1.00000002.3.1795290259000.300." RANDOM HEX64,
        "lc1.00000002.3.1795290259000.300.0." RANDOM HEX64,
        "lc1.00000002.3.1795290259000.300." HEX64,
        "lc1.00000002.3.1795290259000.300.0B0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b." HEX64,
        "lc1.00000002.3.1795290259000." HEX64,
    };
    struct x402_challenge read;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(x402_challenge_parse(lucid_span_str(bad[i]), &read), LUCID_REFUSE_INVALID);
    }
    /* The longest that can be made. */
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    struct x402_terms terms = wire_terms();
    struct x402_challenge made;
    terms.price_version = X402_CHALLENGE_NUMBER_MAX;
    x402_challenge_make(keys, &terms, X402_CHALLENGE_NUMBER_MAX, UINT32_MAX, wire_random, &made);
    assert_int_equal(x402_challenge_parse(lucid_span_str(made.text), &read), LUCID_OK);
    assert_int_equal(x402_challenge_check(keys, &read, &terms), LUCID_OK);
    x402_keys_close(keys);
}

/* "The same request" and "the same place" differ in exactly what they say. */
static void test_digests(void **state)
{
    (void)state;
    const struct x402_terms terms = wire_terms();
    uint8_t request[32];
    uint8_t place[32];
    x402_request_digest(&terms, request);
    x402_place_digest(&terms, place);
    struct x402_terms other = terms;
    for (size_t n = 0; change(n, &other); n++) {
        uint8_t changed[32];
        bool is_request = n >= 7 && n <= 10;
        bool is_place = n == 7 || n == 10;
        x402_request_digest(&other, changed);
        assert_true((memcmp(request, changed, 32) != 0) == is_request);
        x402_place_digest(&other, changed);
        assert_true((memcmp(place, changed, 32) != 0) == is_place);
        other = terms;
    }
    assert_memory_not_equal(request, place, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_other_terms),
        cmocka_unit_test(test_random_terms), cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_many_keys),    cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_texts),        cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests_name("x402 challenge", tests, NULL, NULL);
}
