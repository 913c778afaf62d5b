/* base/sha256.h against libsodium and the FIPS 180-4 examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/sha256.h"

enum { BYTES = 2048 };

static uint8_t data[BYTES];

static int setup(void **state)
{
    (void)state;
    lucid_random(data, sizeof(data));
    return 0;
}

static void hex_check(const char *text, const char *want)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    char hex[2 * LUCID_SHA256_BYTES + 1] = {0};
    lucid_sha256(lucid_span_str(text), hash);
    lucid_hex_encode(hash, sizeof(hash), hex);
    assert_string_equal(hex, want);
}

static void test_published(void **state)
{
    (void)state;
    hex_check("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_check("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hex_check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Every length over several blocks. */
static void test_lengths(void **state)
{
    (void)state;
    for (size_t len = 0; len < BYTES; len += len < 300 ? 1 : 37) {
        uint8_t want[crypto_hash_sha256_BYTES];
        uint8_t got[LUCID_SHA256_BYTES];
        crypto_hash_sha256(want, data, len);
        lucid_sha256(lucid_span(data, len), got);
        assert_memory_equal(got, want, sizeof(want));
    }
}

/* Split into three parts anywhere, empty ones too, the hash is that of the whole. */
static void test_parts(void **state)
{
    (void)state;
    uint8_t want[LUCID_SHA256_BYTES];
    crypto_hash_sha256(want, data, 150);
    for (size_t first = 0; first <= 150; first += 5) {
        for (size_t second = first; second <= 150; second += 7) {
            struct lucid_span parts[] = {lucid_span(data, first),
                                         lucid_span(data + first, second - first),
                                         lucid_span(data + second, 150 - second)};
            uint8_t got[LUCID_SHA256_BYTES];
            lucid_sha256_parts(parts, 3, got);
            assert_memory_equal(got, want, sizeof(want));
        }
    }
    uint8_t got[LUCID_SHA256_BYTES];
    lucid_sha256_parts(NULL, 0, got);
    crypto_hash_sha256(want, data, 0);
    assert_memory_equal(got, want, sizeof(want));
}

/* A pair is the hash of its 65 bytes, whatever they are and wherever the result goes. */
static void test_pair(void **state)
{
    (void)state;
    for (size_t i = 0; i < BYTES - 65; i++) {
        uint8_t want[crypto_hash_sha256_BYTES];
        uint8_t got[2 * LUCID_SHA256_BYTES];
        crypto_hash_sha256(want, data + i, 65);
        lucid_sha256_pair(data[i], data + i + 1, data + i + 33, got);
        assert_memory_equal(got, want, sizeof(want));
        memcpy(got, data + i + 1, sizeof(got));
        lucid_sha256_pair(data[i], got, got + 32, got + i % 33);
        assert_memory_equal(got + i % 33, want, sizeof(want));
    }
}

/* Returns NULL when every hash was right. */
static void *hash_many(void *context)
{
    size_t salt = *(const size_t *)context;
    for (size_t i = 0; i < 5000; i++) {
        uint8_t want[crypto_hash_sha256_BYTES];
        uint8_t got[LUCID_SHA256_BYTES];
        size_t len = (i * 31 + salt) % 500;
        crypto_hash_sha256(want, data + salt, len);
        lucid_sha256(lucid_span(data + salt, len), got);
        if (memcmp(want, got, sizeof(want)) != 0) {
            return context;
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t salts[4] = {1, 100, 333, 1000};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &salts[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        void *wrong = &salts[i];
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* RFC 4231, case 2; and every key and message length against libsodium. */
static void test_hmac(void **state)
{
    (void)state;
    uint8_t got[LUCID_SHA256_BYTES];
    char hex[2 * LUCID_SHA256_BYTES + 1] = {0};
    struct lucid_span parts[] = {lucid_span_str("what do ya want "), lucid_span_str(""),
                                 lucid_span_str("for nothing?")};
    lucid_hmac_sha256_parts(lucid_span_str("Jefe"), parts, 3, got);
    lucid_hex_encode(got, sizeof(got), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    for (size_t len = 0; len < 200; len++) {
        uint8_t want[crypto_auth_hmacsha256_BYTES];
        crypto_auth_hmacsha256_state sodium;
        struct lucid_span key = lucid_span(data, len % 65);
        struct lucid_span message = lucid_span(data + 65, len);
        assert_int_equal(crypto_auth_hmacsha256_init(&sodium, key.data, key.len), 0);
        assert_int_equal(crypto_auth_hmacsha256_update(&sodium, message.data, message.len), 0);
        assert_int_equal(crypto_auth_hmacsha256_final(&sodium, want), 0);
        lucid_hmac_sha256_parts(key, &message, 1, got);
        assert_memory_equal(got, want, sizeof(want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_pair),
        cmocka_unit_test(test_hmac),      cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("base sha256", tests, setup, NULL);
}
