#include "ledger/ed25519.h"

#include <sodium.h>

#include "base/assert.h"

_Static_assert(LEDGER_ED25519_PUBLIC_BYTES == crypto_sign_ed25519_PUBLICKEYBYTES, "public key");
_Static_assert(LEDGER_ED25519_SEED_BYTES == crypto_sign_ed25519_SEEDBYTES, "seed");
_Static_assert(LEDGER_ED25519_SIGNATURE_BYTES == crypto_sign_ed25519_BYTES, "signature");

void ledger_ed25519_key_init(const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                             struct ledger_ed25519_key *ret_key)
{
    uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
    struct ledger_ed25519_key key;
    lucid_assert(crypto_sign_ed25519_seed_keypair(key.public_key, secret, seed) == 0);
    memcpy(key.seed, seed, sizeof(key.seed));
    *ret_key = key;
    lucid_wipe(secret, sizeof(secret));
    lucid_wipe(&key, sizeof(key));
}

void ledger_ed25519_key_generate(struct ledger_ed25519_key *ret_key)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    lucid_random(seed, sizeof(seed));
    ledger_ed25519_key_init(seed, ret_key);
    lucid_wipe(seed, sizeof(seed));
}

void ledger_ed25519_key_wipe(struct ledger_ed25519_key *key)
{
    lucid_wipe(key, sizeof(*key));
}

void ledger_ed25519_sign(const struct ledger_ed25519_key *key, struct lucid_span message,
                         uint8_t ret_signature[LEDGER_ED25519_SIGNATURE_BYTES])
{
    /* libsodium's secret key is seed ‖ public key. A pair that does not belong together would give
     * away the secret scalar, which is why the struct is only ever filled by key_init. */
    uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
    memcpy(secret, key->seed, LEDGER_ED25519_SEED_BYTES);
    memcpy(secret + LEDGER_ED25519_SEED_BYTES, key->public_key, LEDGER_ED25519_PUBLIC_BYTES);
    lucid_assert(
        crypto_sign_ed25519_detached(ret_signature, NULL, message.data, message.len, secret) == 0);
    lucid_wipe(secret, sizeof(secret));
}

bool ledger_ed25519_verify(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                           struct lucid_span message,
                           const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, message.data, message.len, public_key) ==
           0;
}

bool ledger_ed25519_key_usable(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES])
{
    return crypto_core_ed25519_is_valid_point(public_key) == 1;
}
