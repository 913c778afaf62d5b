/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) through libcrypto, which uses the CPU's SHA
 * instructions.
 *
 * Thread: pure functions. */
#ifndef LUCID_BASE_SHA256_H
#define LUCID_BASE_SHA256_H

#include "base/bytes.h"

#define LUCID_SHA256_BYTES 32

/* out = SHA-256(data). */
void lucid_sha256(struct lucid_span data, uint8_t out[LUCID_SHA256_BYTES]);

/* out = SHA-256(parts[0] ‖ parts[1] ‖ …). */
void lucid_sha256_parts(const struct lucid_span *parts, size_t count,
                        uint8_t out[LUCID_SHA256_BYTES]);

/* out = SHA-256(prefix ‖ left ‖ right), a tree's node, at little more than its two blocks' cost.
 * The three may overlap. */
void lucid_sha256_pair(uint8_t prefix, const uint8_t left[LUCID_SHA256_BYTES],
                       const uint8_t right[LUCID_SHA256_BYTES], uint8_t out[LUCID_SHA256_BYTES]);

/* out = HMAC-SHA-256(key, parts[0] ‖ parts[1] ‖ …) for a key of at most 64 bytes (asserted). What
 * the key was mixed into is wiped. */
void lucid_hmac_sha256_parts(struct lucid_span key, const struct lucid_span *parts, size_t count,
                             uint8_t out[LUCID_SHA256_BYTES]);

#endif
