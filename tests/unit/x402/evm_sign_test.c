/* x402/evm/sign.h and eip712.h: what the token accepts is accepted, nothing else. */
#include "tests/unit/x402/evm_vectors.h"

static int open_context(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK && evm_sign_open() == LUCID_OK ? 0 : -1;
}

static void test_keys(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/keccak256.json");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "addresses"), i, row)
    {
        struct evm_key key = evm_vectors_key(row, "private_key");
        struct evm_address want = evm_vectors_address(row, "address");
        assert_memory_equal(key.address.bytes, want.bytes, sizeof(want.bytes));
        const char *text = json_string_value(vectors_get(row, "private_key"));
        struct evm_key bare;
        assert_int_equal(evm_key_parse(lucid_span_str(text + 2), &bare), LUCID_OK);
        assert_memory_equal(&bare, &key, sizeof(key));
        assert_int_equal(evm_key_parse(lucid_span(text, 65), &bare), LUCID_REFUSE_INVALID);
        assert_int_equal(evm_key_parse(lucid_span(text, 64), &bare), LUCID_REFUSE_INVALID);
    }
    assert_true(i >= 3);
    json_decref(root);
    static const char *const bad[] = {
        "",
        "0x",
        "0000000000000000000000000000000000000000000000000000000000000000", /* 0, n, n + 1 */
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ce23bfecb9f2b98d8b4ba08a5ed72d3a0e449b9be88ae6f6dac6b22e348a3a2g",
    };
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct evm_key key = {.secret = {7}};
        assert_int_equal(evm_key_parse(lucid_span_str(bad[k]), &key), LUCID_REFUSE_INVALID);
        assert_int_equal(key.secret[0], 7);
    }
}

static void test_domains(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/eip712-domains.json");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "domains"), i, row)
    {
        struct evm_hash separator = evm_vectors_separator(vectors_get(row, "domain"));
        struct evm_hash want = evm_vectors_hash(row, "separator");
        assert_memory_equal(separator.bytes, want.bytes, sizeof(want.bytes));
    }
    assert_int_equal(i, 21);
    json_decref(root);
}

/* As a verifier does it: recover from the digest of what is presented, compare with `from`. */
static bool accepted(const struct evm_hash *digest, struct lucid_span signature,
                     const struct evm_address *from)
{
    struct evm_signature bytes;
    struct evm_address signer;
    if (signature.len != sizeof(bytes.bytes)) {
        return false;
    }
    memcpy(bytes.bytes, signature.data, sizeof(bytes.bytes));
    return evm_recover(digest, &bytes, &signer) == LUCID_OK &&
           memcmp(signer.bytes, from->bytes, sizeof(signer.bytes)) == 0;
}

static void test_authorizations(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/eip3009-signatures.json");
    struct evm_hash separator = evm_vectors_separator(vectors_get(root, "domain"));
    struct evm_key key = evm_vectors_key(root, "payer_private_key");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "cases"), i, row)
    {
        struct evm_authorization authorization =
            evm_vectors_authorization(vectors_get(row, "message"));
        struct evm_hash digest = evm_authorization_digest(&separator, &authorization);
        struct evm_hash want = evm_vectors_hash(row, "digest");
        assert_memory_equal(digest.bytes, want.bytes, sizeof(want.bytes));
        struct lucid_span signature = evm_vectors_bytes(vectors_get(row, "signature"));
        struct lucid_span verdict = vectors_text(vectors_get(row, "token_call"));
        bool good = lucid_span_is(verdict, "ok") ||
                    lucid_span_is(verdict, "transfer amount exceeds balance");
        assert_int_equal(accepted(&digest, signature, &authorization.from), good);
        if (good) {
            struct evm_signature own; /* RFC 6979: the same bytes as viem's */
            evm_sign(&key, &digest, &own);
            assert_memory_equal(own.bytes, signature.data, sizeof(own.bytes));
        }
        free((void *)(uintptr_t)signature.data);
    }
    assert_int_equal(i, 16);
    json_decref(root);
}

static void test_messages(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/message-signatures.json");
    struct evm_key key = evm_vectors_key(root, "private_key");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "eip191"), i, row)
    {
        struct evm_hash digest = evm_vectors_hash(row, "digest");
        struct evm_address signer = evm_vectors_address(row, "recovered");
        struct lucid_span signature = evm_vectors_bytes(vectors_get(row, "signature"));
        struct evm_signature own;
        evm_sign(&key, &digest, &own);
        assert_true(accepted(&digest, signature, &signer));
        assert_memory_equal(own.bytes, signature.data, sizeof(own.bytes));
        free((void *)(uintptr_t)signature.data);
    }
    assert_int_equal(i, 4);
    json_decref(root);
}

static struct evm_payment_proof proof_of(const json_t *message)
{
    return (struct evm_payment_proof){
        .transaction = evm_vectors_hash(message, "transaction"),
        .log_index = evm_vectors_u64(message, "logIndex"),
        .pay_to = evm_vectors_address(message, "payTo"),
        .amount = evm_vectors_u256(message, "amount"),
        .method = vectors_text(vectors_get(message, "method")),
        .resource = vectors_text(vectors_get(message, "resource")),
        .body_hash = evm_vectors_hash(message, "bodyHash"),
        .challenge = evm_vectors_hash(message, "challenge"),
        .expires = evm_vectors_u64(message, "expires"),
    };
}

static void test_payment_proof(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/message-signatures.json");
    json_t *example = vectors_get(root, "eip712_example");
    struct evm_hash separator = evm_vectors_separator(vectors_get(example, "domain"));
    struct evm_hash want_separator = evm_vectors_hash(example, "separator");
    assert_memory_equal(separator.bytes, want_separator.bytes, sizeof(separator.bytes));
    struct evm_payment_proof proof = proof_of(vectors_get(example, "message"));
    struct evm_hash digest = evm_payment_proof_digest(&separator, &proof);
    struct evm_hash want = evm_vectors_hash(example, "digest");
    assert_memory_equal(digest.bytes, want.bytes, sizeof(digest.bytes));
    struct evm_address signer = evm_vectors_address(example, "recovered");
    struct lucid_span signature = evm_vectors_bytes(vectors_get(example, "signature"));
    assert_true(accepted(&digest, signature, &signer));

    /* Each member is bound. */
    struct evm_payment_proof others[9];
    for (size_t i = 0; i < 9; i++) {
        others[i] = proof;
    }
    others[0].transaction.bytes[31] ^= 1;
    others[1].log_index++;
    others[2].pay_to.bytes[0] ^= 1;
    others[3].amount.be[31] ^= 1;
    others[4].method = lucid_span_str("PUT");
    others[5].resource = lucid_span_str("/v1/receipts/");
    others[6].body_hash.bytes[0] ^= 0x80;
    others[7].challenge.bytes[31] ^= 1;
    others[8].expires++;
    for (size_t i = 0; i < 9; i++) {
        struct evm_hash other = evm_payment_proof_digest(&separator, &others[i]);
        assert_false(accepted(&other, signature, &signer));
    }
    separator.bytes[0] ^= 1;
    digest = evm_payment_proof_digest(&separator, &proof);
    assert_false(accepted(&digest, signature, &signer));
    free((void *)(uintptr_t)signature.data);
    json_decref(root);
}

/* No changed bit of a signature is another signature of the same signer. */
static void test_tampered(void **state)
{
    (void)state;
    struct evm_key key;
    assert_int_equal(evm_key_parse(lucid_span_str("0xce23bfecb9f2b98d8b4ba08a5ed72d3a0e449b9be88ae6"
                                                  "f6dac6b22e348a3a24"),
                                   &key),
                     LUCID_OK);
    for (size_t round = 0; round < 4; round++) {
        struct evm_hash digest = evm_keccak256(lucid_span(&round, sizeof(round)));
        struct evm_signature signature;
        evm_sign(&key, &digest, &signature);
        assert_true(accepted(&digest, lucid_span(signature.bytes, 65), &key.address));
        for (size_t bit = 0; bit < 8 * sizeof(signature.bytes); bit++) {
            struct evm_signature other = signature;
            other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(accepted(&digest, lucid_span(other.bytes, 65), &key.address));
        }
        for (size_t bit = 0; bit < 8 * sizeof(digest.bytes); bit += 7) {
            struct evm_hash other = digest;
            other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(accepted(&other, lucid_span(signature.bytes, 65), &key.address));
        }
    }
}

/* s of n/2 is the last that is low; r and s of zero, n and above are none. */
static void test_edges(void **state)
{
    (void)state;
    static const uint8_t half[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d,
                                     0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};
    struct evm_hash digest = {.bytes = {1}};
    struct evm_signature signature = {.bytes = {0}};
    struct evm_address signer;
    signature.bytes[31] = 1; /* r = 1 is the x of a point */
    memcpy(signature.bytes + 32, half, sizeof(half));
    signature.bytes[64] = 27;
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_OK);
    signature.bytes[63]++;
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
    memset(signature.bytes + 32, 0, 32);
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
    memset(signature.bytes + 32, 0xff, 32);
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
    memcpy(signature.bytes + 32, half, sizeof(half));
    memset(signature.bytes, 0xff, 32);
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
    memset(signature.bytes, 0, 32);
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
    signature.bytes[31] = 5; /* no point has x = 5 */
    assert_int_equal(evm_recover(&digest, &signature, &signer), LUCID_REFUSE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),           cmocka_unit_test(test_domains),
        cmocka_unit_test(test_authorizations), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_payment_proof),  cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, open_context, NULL);
}
