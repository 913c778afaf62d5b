/* Signatures on which Ed25519 libraries differ, made here so that each fails exactly one part of
 * the rule in ledger/ed25519.h and satisfies the rest. A library update that changes the verdict on
 * any of them must not pass unnoticed. */
#include <sodium.h>

#include "ledger/ed25519.h"

#include "tests/unit/mmr/vectors.h"

enum { ROUNDS = 64, GRIND_MAX = 4096, TORSION = 8 };

/* A public key a·B + t·T, where T generates the points of order 8. */
struct mixed_key {
    uint8_t scalar[32];
    unsigned torsion;
    uint8_t point[32];
};

struct message {
    uint8_t bytes[12];
};

static uint8_t torsion[TORSION][32]; /* torsion[i] = i·T, canonical */
static uint32_t counter;

/* Encodings of small-order points that are not their canonical ones, and the i of the i·T they mean
 * (y = 0 means an order 4 point whose sign the last bit gives). */
static const char *const other_encodings[] = {
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

enum { OTHER_ENCODINGS = sizeof(other_encodings) / sizeof(other_encodings[0]) };

static void random_scalar(uint8_t scalar[32])
{
    uint8_t wide[64] = {0};
    lucid_put_be32(wide, ++counter);
    crypto_hash_sha512(wide, wide, 32);
    crypto_core_ed25519_scalar_reduce(scalar, wide);
}

static void next_message(struct message *message)
{
    memcpy(message->bytes, "message ", 8);
    lucid_put_be32(message->bytes + 8, ++counter);
}

static struct lucid_span message_span(const struct message *message)
{
    return lucid_span(message->bytes, sizeof(message->bytes));
}

static void point_add(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
    uint8_t sum[32];
    assert_int_equal(crypto_core_ed25519_add(sum, a, b), 0);
    memcpy(out, sum, sizeof(sum));
}

static void base_multiply(const uint8_t scalar[32], uint8_t out[32])
{
    if (sodium_is_zero(scalar, 32)) {
        memcpy(out, torsion[0], 32);
        return;
    }
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(out, scalar), 0);
}

static void mixed_key_init(unsigned part, struct mixed_key *key)
{
    random_scalar(key->scalar);
    key->torsion = part;
    base_multiply(key->scalar, key->point);
    point_add(key->point, key->point, torsion[part]);
}

/* H(R ‖ A ‖ M) reduced. */
static void challenge(const uint8_t r[32], const uint8_t a[32], const struct message *message,
                      uint8_t h[32])
{
    uint8_t input[64 + sizeof(message->bytes)];
    uint8_t digest[64];
    memcpy(input, r, 32);
    memcpy(input + 32, a, 32);
    memcpy(input + 64, message->bytes, sizeof(message->bytes));
    crypto_hash_sha512(digest, input, sizeof(input));
    crypto_core_ed25519_scalar_reduce(h, digest);
}

/* s = nonce + h·scalar. */
static void respond(const uint8_t nonce[32], const uint8_t h[32], const uint8_t scalar[32],
                    uint8_t s[32])
{
    uint8_t product[32];
    crypto_core_ed25519_scalar_mul(product, h, scalar);
    crypto_core_ed25519_scalar_add(s, nonce, product);
}

/* The right side of the cofactorless equation, S·B − h·A, by its parts. */
static void recompute(const uint8_t s[32], const uint8_t h[32], const struct mixed_key *key,
                      uint8_t out[32])
{
    uint8_t product[32];
    uint8_t rest[32];
    crypto_core_ed25519_scalar_mul(product, h, key->scalar);
    crypto_core_ed25519_scalar_sub(rest, s, product);
    base_multiply(rest, out);
    unsigned part = (h[0] & 7) * key->torsion % TORSION;
    point_add(out, out, torsion[(TORSION - part) % TORSION]);
}

static bool verify(const uint8_t a[32], const struct message *message, const uint8_t r[32],
                   const uint8_t s[32])
{
    uint8_t signature[64];
    memcpy(signature, r, 32);
    memcpy(signature + 32, s, 32);
    return ledger_ed25519_verify(a, message_span(message), signature);
}

static int setup(void **state)
{
    (void)state;
    static const char generator[] =
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    assert_true(sodium_init() >= 0);
    torsion[0][0] = 1;
    assert_true(lucid_hex_decode(lucid_span_str(generator), torsion[1], 32));
    for (unsigned i = 2; i < TORSION; i++) {
        point_add(torsion[i], torsion[i - 1], torsion[1]);
    }
    /* Order 8: eight times the generator is the identity, and not sooner. */
    uint8_t identity[32];
    point_add(identity, torsion[7], torsion[1]);
    assert_memory_equal(identity, torsion[0], 32);
    for (unsigned i = 1; i < TORSION; i++) {
        assert_memory_not_equal(torsion[i], torsion[0], 32);
    }
    return 0;
}

/* The control: the same way of making signatures, with nothing wrong. */
static void test_honest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct mixed_key key;
        struct message message;
        uint8_t nonce[32];
        uint8_t r[32];
        uint8_t h[32];
        uint8_t s[32];
        mixed_key_init(0, &key);
        next_message(&message);
        random_scalar(nonce);
        base_multiply(nonce, r);
        challenge(r, key.point, &message, h);
        respond(nonce, h, key.scalar, s);
        assert_true(verify(key.point, &message, r, s));
    }
}

static void test_unreduced_s(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t seed[32];
        uint8_t signature[64];
        struct ledger_ed25519_key key;
        struct message message;
        random_scalar(seed);
        next_message(&message);
        ledger_ed25519_key_init(seed, &key);
        ledger_ed25519_sign(&key, message_span(&message), signature);
        assert_true(ledger_ed25519_verify(key.public_key, message_span(&message), signature));
        /* S + kL for every k that fits 256 bits. */
        for (unsigned k = 1; k < 15; k++) {
            sodium_add(signature + 32, order, 32);
            assert_false(ledger_ed25519_verify(key.public_key, message_span(&message), signature));
        }
    }
}

/* With R = r·B − k·A and S = r the equation holds whenever h ≡ k (mod 8). */
static void refuse_small_order_key(const uint8_t encoding[32], unsigned part)
{
    struct mixed_key key = {.torsion = part};
    memcpy(key.point, encoding, 32);
    unsigned found = 0;
    for (unsigned i = 0; i < GRIND_MAX && found < TORSION; i++) {
        struct message message;
        uint8_t nonce[32];
        uint8_t r[32];
        uint8_t h[32];
        uint8_t again[32];
        next_message(&message);
        random_scalar(nonce);
        base_multiply(nonce, r);
        point_add(r, r, torsion[(TORSION - found * part % TORSION) % TORSION]);
        challenge(r, key.point, &message, h);
        recompute(nonce, h, &key, again);
        if (memcmp(again, r, 32) == 0) {
            assert_false(verify(key.point, &message, r, nonce));
            found++;
        }
    }
    assert_int_equal(found, TORSION);
}

/* The i of the i·T that a non-canonical encoding means. */
static unsigned part_of(const uint8_t encoding[32])
{
    uint8_t canonical[32];
    point_add(canonical, encoding, torsion[0]);
    for (unsigned i = 0; i < TORSION; i++) {
        if (memcmp(canonical, torsion[i], 32) == 0) {
            assert_memory_not_equal(encoding, canonical, 32);
            return i;
        }
    }
    fail_msg("not a small-order point");
    return 0;
}

static void test_small_order_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TORSION; i++) {
        refuse_small_order_key(torsion[i], i);
    }
    for (unsigned i = 0; i < OTHER_ENCODINGS; i++) {
        uint8_t encoding[32];
        assert_true(lucid_hex_decode(lucid_span_str(other_encodings[i]), encoding, 32));
        refuse_small_order_key(encoding, part_of(encoding));
    }
}

/* Other non-canonical keys: y = p + 2 … p + 18. No signature can be made for them (nobody knows
 * their discrete logarithm), so only that nothing is accepted can be shown. */
static void test_noncanonical_key(void **state)
{
    (void)state;
    for (unsigned i = 2; i <= 18; i++) {
        uint8_t encoding[32];
        uint8_t nonce[32];
        uint8_t r[32];
        struct message message;
        memset(encoding, 0xff, sizeof(encoding));
        encoding[0] = (uint8_t)(0xed + i);
        encoding[31] = 0x7f;
        next_message(&message);
        random_scalar(nonce);
        base_multiply(nonce, r);
        assert_false(verify(encoding, &message, r, nonce));
        encoding[31] = 0xff;
        assert_false(verify(encoding, &message, r, nonce));
    }
}

/* R = −h·(torsion part of A) with S = h·a: the equation holds and R is a small-order point. */
static void refuse_small_order_r(const uint8_t encoding[32], unsigned part, bool canonical)
{
    static const uint8_t zero[32];
    struct mixed_key key;
    mixed_key_init(1, &key);
    unsigned found = 0;
    for (unsigned i = 0; i < GRIND_MAX && found < 4; i++) {
        struct message message;
        uint8_t h[32];
        uint8_t s[32];
        uint8_t again[32];
        next_message(&message);
        challenge(encoding, key.point, &message, h);
        respond(zero, h, key.scalar, s);
        recompute(s, h, &key, again);
        if (memcmp(again, torsion[part], 32) == 0) {
            assert_true(!canonical || memcmp(again, encoding, 32) == 0);
            assert_false(verify(key.point, &message, encoding, s));
            found++;
        }
    }
    assert_int_equal(found, 4);
}

static void test_small_order_r(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TORSION; i++) {
        refuse_small_order_r(torsion[i], i, true);
    }
    for (unsigned i = 0; i < OTHER_ENCODINGS; i++) {
        uint8_t encoding[32];
        assert_true(lucid_hex_decode(lucid_span_str(other_encodings[i]), encoding, 32));
        refuse_small_order_r(encoding, part_of(encoding), false);
    }
}

/* A = a·B + T, R = r·B, S = r + h·a: eight times the equation always holds, the equation itself
 * only when h kills the torsion part. Cofactored verifiers accept all of these. */
static void test_mixed_order_key(void **state)
{
    (void)state;
    unsigned accepted = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < TORSION * ROUNDS; i++) {
        struct mixed_key key;
        struct message message;
        uint8_t nonce[32];
        uint8_t r[32];
        uint8_t h[32];
        uint8_t s[32];
        uint8_t again[32];
        mixed_key_init(1 + i % 7, &key);
        next_message(&message);
        random_scalar(nonce);
        base_multiply(nonce, r);
        challenge(r, key.point, &message, h);
        respond(nonce, h, key.scalar, s);
        bool holds = (h[0] & 7) * key.torsion % TORSION == 0;
        recompute(s, h, &key, again);
        assert_int_equal(memcmp(again, r, 32) == 0, holds);
        assert_int_equal(verify(key.point, &message, r, s), holds);
        accepted += holds;
        refused += !holds;
    }
    assert_true(accepted > ROUNDS / 2);
    assert_true(refused > ROUNDS / 2);
}

/* R = r·B + T′ of mixed order: refused with an honest key, where only the cofactored equation
 * holds; accepted where the key's own torsion part makes the equation hold. */
static void test_mixed_order_r(void **state)
{
    (void)state;
    unsigned accepted = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < TORSION * ROUNDS; i++) {
        struct mixed_key key;
        struct message message;
        uint8_t nonce[32];
        uint8_t r[32];
        uint8_t h[32];
        uint8_t s[32];
        unsigned part = 1 + i % 7;
        mixed_key_init(i % 2, &key);
        next_message(&message);
        random_scalar(nonce);
        base_multiply(nonce, r);
        point_add(r, r, torsion[part]);
        challenge(r, key.point, &message, h);
        respond(nonce, h, key.scalar, s);
        bool holds = ((h[0] & 7) * key.torsion + part) % TORSION == 0;
        assert_int_equal(verify(key.point, &message, r, s), holds);
        accepted += holds;
        refused += !holds;
    }
    assert_true(accepted > 4);
    assert_true(refused > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),          cmocka_unit_test(test_unreduced_s),
        cmocka_unit_test(test_small_order_key), cmocka_unit_test(test_noncanonical_key),
        cmocka_unit_test(test_small_order_r),   cmocka_unit_test(test_mixed_order_key),
        cmocka_unit_test(test_mixed_order_r),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
