/* Ed25519 (RFC 8032, no context, no prehash) and the one verification rule of this ledger.
 *
 * A signature R ‖ S by key A over a message M is accepted exactly when
 *
 *   - S is reduced: S < L, the order of the base point;
 *   - A is a canonical encoding of a point (y < 2^255 − 19) and not of small order;
 *   - R is not of small order, in any encoding;
 *   - the cofactorless equation holds: the bytes of S·B − H(R ‖ A ‖ M)·A are those of R. So a
 *     non-canonical R is refused as well.
 *
 * That is libsodium 1.0.18's rule. A key with a torsion part is not refused as such: its signatures
 * pass when the equation happens to hold. Libraries differ on these points, and a log that is
 * replayed must give the same verdict for ever: tests/unit/ledger pins each of them, so that a
 * library that decides otherwise fails the tests. Honest signers never meet the difference.
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_ED25519_H
#define LUCID_LEDGER_ED25519_H

#include "base/bytes.h"

#define LEDGER_ED25519_PUBLIC_BYTES    32
#define LEDGER_ED25519_SEED_BYTES      32
#define LEDGER_ED25519_SIGNATURE_BYTES 64

/* A key pair. The owner wipes it. */
struct ledger_ed25519_key {
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
};

/* The key pair of a seed (RFC 8032 5.1.5). */
void ledger_ed25519_key_init(const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                             struct ledger_ed25519_key *ret_key);

/* A new key pair from the system's generator. */
void ledger_ed25519_key_generate(struct ledger_ed25519_key *ret_key);

/* Overwrites the pair. */
void ledger_ed25519_key_wipe(struct ledger_ed25519_key *key);

/* Signs (RFC 8032 5.1.6, deterministic). */
void ledger_ed25519_sign(const struct ledger_ed25519_key *key, struct lucid_span message,
                         uint8_t ret_signature[LEDGER_ED25519_SIGNATURE_BYTES]);

/* Whether the rule above accepts the signature. */
bool ledger_ed25519_verify(
    const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES], struct lucid_span message,
    const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES]) LUCID_WARN_UNUSED;

/* Whether a signature under this key can be accepted at all: a canonical point encoding, not of
 * small order, in the main subgroup (keys that honest signers generate are). */
bool ledger_ed25519_key_usable(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES])
    LUCID_WARN_UNUSED;

#endif
