/* How Ed25519 keys are called in tokens and JWK sets.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_KIT_KEY_H
#define LUCID_PLUGINS_KIT_KEY_H

#include "base/buf.h"
#include "base/error.h"

#define KEY_BYTES     32
#define KEY_KID_BYTES 43 /* base64url of SHA-256 */

/* RFC 7638 with the members of RFC 8037: the key's id in tokens and in the JWKS. False: no memory.
 */
bool key_kid(const uint8_t key[KEY_BYTES], char ret[KEY_KID_BYTES + 1]) LUCID_WARN_UNUSED;

/* Appends {"keys":[…]}: a JWK set of keys, in their order. False: no memory. */
bool key_set_write(const uint8_t (*keys)[KEY_BYTES], size_t count,
                   struct lucid_buf *out) LUCID_WARN_UNUSED;

#endif
