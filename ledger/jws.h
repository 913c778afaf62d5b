/* JSON Web Signatures in the compact form (RFC 7515 7.1), signed by Ed25519 as `EdDSA` (RFC 8037
 * 3.1); base/jcs/jws.h takes them apart.
 *
 * What is signed is the ASCII text before the second point. It begins with `ey`, which is how `{"`
 * begins in base64url: no other thing that service.key signs begins so.
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_JWS_H
#define LUCID_LEDGER_JWS_H

#include "base/buf.h"
#include "ledger/ed25519.h"

#define LEDGER_JWS_BYTES_MAX ((size_t)16 * 1024)

/* Signs and appends a token. `header` is the protected header's JSON, `payload` the claims' JSON,
 * both exactly as they are to be signed; the header names alg "EdDSA" (asserted to begin with
 * `{"`). Deterministic. Failure to grow is out's sticky error. */
void ledger_jws_write(struct lucid_span header, struct lucid_span payload,
                      const struct ledger_ed25519_key *key, struct lucid_buf *out);

/* Checks a token: three parts, each strict base64url, a header that is a JSON object (no member
 * twice) with alg "EdDSA" and without `crit`, and the signature by that key. Then appends the
 * header's JSON and the payload's bytes (either may be NULL); what they say (kid, typ, times) is
 * the caller's to judge.
 *
 * LUCID_REFUSE_INVALID: malformed, or another algorithm; LUCID_REFUSE_FORBIDDEN: the signature is
 * not that key's; LUCID_REFUSE_TOO_LARGE over LEDGER_JWS_BYTES_MAX; LUCID_RETRY_MEMORY. */
enum lucid_error ledger_jws_verify(struct lucid_span token,
                                   const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                   struct lucid_buf *header, struct lucid_buf *payload,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
