#include "x402/evm/sign.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/assert.h"

/* Made before threads start, const afterwards: the library allows that from any number of them. */
static secp256k1_context *context;

enum lucid_error evm_sign_open(void)
{
    if (context != NULL) {
        return LUCID_OK;
    }
    secp256k1_context *made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (made == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    uint8_t seed[32];
    lucid_random(seed, sizeof(seed));
    int blinded = secp256k1_context_randomize(made, seed);
    lucid_wipe(seed, sizeof(seed));
    lucid_assert(blinded == 1);
    context = made;
    return LUCID_OK;
}

/* The last 20 bytes of the hash of the point without its format byte. */
static struct evm_address address_of(const secp256k1_pubkey *key)
{
    uint8_t point[65];
    size_t len = sizeof(point);
    int written =
        secp256k1_ec_pubkey_serialize(context, point, &len, key, SECP256K1_EC_UNCOMPRESSED);
    lucid_assert(written == 1 && len == sizeof(point));
    struct evm_hash hash = evm_keccak256(lucid_span(point + 1, sizeof(point) - 1));
    struct evm_address address;
    memcpy(address.bytes, hash.bytes + EVM_HASH_BYTES - EVM_ADDRESS_BYTES, EVM_ADDRESS_BYTES);
    return address;
}

enum lucid_error evm_recover(const struct evm_hash *digest, const struct evm_signature *signature,
                             struct evm_address *ret)
{
    lucid_assert(context != NULL);
    uint8_t v = signature->bytes[64];
    secp256k1_ecdsa_recoverable_signature recoverable;
    secp256k1_ecdsa_signature plain;
    secp256k1_pubkey key;
    if ((v != 27 && v != 28) || !secp256k1_ecdsa_recoverable_signature_parse_compact(
                                    context, &recoverable, signature->bytes, v - 27)) {
        return LUCID_REFUSE_INVALID;
    }
    secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &recoverable);
    bool high = secp256k1_ecdsa_signature_normalize(context, NULL, &plain) == 1;
    if (high || !secp256k1_ecdsa_recover(context, &key, &recoverable, digest->bytes)) {
        return LUCID_REFUSE_INVALID;
    }
    *ret = address_of(&key);
    return LUCID_OK;
}

/* The address is the public half; false: no key of the curve. */
static bool key_complete(struct evm_key *key)
{
    secp256k1_pubkey public_key;
    if (!secp256k1_ec_pubkey_create(context, &public_key, key->secret)) {
        return false;
    }
    key->address = address_of(&public_key);
    return true;
}

enum lucid_error evm_key_parse(struct lucid_span text, struct evm_key *ret)
{
    lucid_assert(context != NULL);
    if (text.len == EVM_HASH_TEXT_BYTES && text.data[0] == '0' && text.data[1] == 'x') {
        text = lucid_span(text.data + 2, text.len - 2);
    }
    struct evm_key key = {.secret = {0}};
    bool good = text.len == 2 * sizeof(key.secret);
    for (size_t i = 0; good && i < sizeof(key.secret); i++) {
        uint8_t high;
        uint8_t low;
        good = evm_hex_digit(text.data[2 * i], &high) && evm_hex_digit(text.data[2 * i + 1], &low);
        if (good) {
            key.secret[i] = (uint8_t)(high << 4 | low);
        }
    }
    good = good && key_complete(&key);
    if (good) {
        *ret = key;
    }
    lucid_wipe(&key, sizeof(key));
    return good ? LUCID_OK : LUCID_REFUSE_INVALID;
}

void evm_sign(const struct evm_key *key, const struct evm_hash *digest, struct evm_signature *ret)
{
    lucid_assert(context != NULL);
    secp256k1_ecdsa_recoverable_signature signature;
    int recovery = 0;
    int made = secp256k1_ecdsa_sign_recoverable(context, &signature, digest->bytes, key->secret,
                                                secp256k1_nonce_function_rfc6979, NULL);
    lucid_assert(made == 1); /* evm_key_parse has seen that it is a key */
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context, ret->bytes, &recovery,
                                                            &signature);
    /* 2 and 3 mean r ≥ n: one signature in 2^127, which v could not say. */
    lucid_assert(recovery == 0 || recovery == 1);
    ret->bytes[64] = (uint8_t)(27 + recovery);
}
