/* Tokens and keys of JOSE as the verifier uses them: compact JWS (RFC 7515) with ES256 and ES384
 * (RFC 7518 3.4) and EdDSA over Ed25519 (RFC 8037), JWK (RFC 7517) and its thumbprint (RFC 7638).
 *
 * Nothing here trusts a key because a message carries it: `jwk`, `jku`, `x5u` of a header are not
 * looked at, and x5c is handed to the caller, who has an anchor. The Ed25519 rule comes from
 * outside, because there is one in the service (the ledger's, strict), and it is not ours to
 * repeat.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_CRYPTO_JOSE_H
#define LUCID_PLUGINS_VERIFIER_CRYPTO_JOSE_H

#include "base/jcs/jws.h"
#include "base/sha256.h"

#define JOSE_TOKEN_BYTES_MAX       ((size_t)64 * 1024)
#define JOSE_CHAIN_MAX             8
#define JOSE_CERTIFICATE_BYTES_MAX ((size_t)8 * 1024)
#define JOSE_COORDINATE_BYTES_MAX  48
#define JOSE_SIGNATURE_BYTES_MAX   96
#define JOSE_ED25519_BYTES         32
#define JOSE_KEY_VALUES_MAX        64 /* of a JWK's document */

enum jose_alg {
    JOSE_ES256 = 1U << 0,
    JOSE_ES384 = 1U << 1,
    JOSE_EDDSA = 1U << 2, /* also under its newer name, "Ed25519" (RFC 9864) */
};

/* --- tokens ----------------------------------------------------------------------------------- */

struct jose_token {
    struct jcs_jws jws; /* header, payload, signature, what is signed */
    enum jose_alg alg;
    struct lucid_span kid; /* data NULL: none */
    struct lucid_span typ;
    struct lucid_span x5c[JOSE_CHAIN_MAX]; /* DER as the header has it, leaf first */
    size_t x5c_count;
};

/* Takes a token apart: as jcs_jws_read, with an alg among `algs` (enum jose_alg, or-ed), a
 * signature of the length that alg has, and kid, typ and x5c of the right type where they stand.
 * The signature is not checked.
 *
 * LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE (INVALID_TOKEN), LUCID_RETRY_MEMORY. */
enum lucid_error jose_read(struct lucid_span token, unsigned algs, struct lucid_arena *arena,
                           struct jose_token *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* The same of a token of up to bytes_max: one that carries a list. */
enum lucid_error jose_read_long(struct lucid_span token, size_t bytes_max, unsigned algs,
                                struct lucid_arena *arena, struct jose_token *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- keys ------------------------------------------------------------------------------------- */

/* A public key: kty OKP with crv Ed25519, or EC with P-256 or P-384. */
struct jose_key {
    enum jose_alg alg; /* which curve: the one of that alg */
    uint8_t x[JOSE_COORDINATE_BYTES_MAX];
    uint8_t y[JOSE_COORDINATE_BYTES_MAX]; /* EC only */
};

/* Bytes of a coordinate: 32 or 48. */
size_t jose_coordinate_bytes(enum jose_alg alg);

/* Reads a JWK's public members. Refused (INVALID_KEY, the member as param): another kty or crv; a
 * coordinate of another length, or a point that is not on the curve; an alg or use that says
 * something else than signing with that curve; a private key ("d"). Members that say nothing of
 * this are passed over (RFC 7517 4). */
enum lucid_error jose_key_read(const struct jcs_value *jwk, struct jose_key *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* Appends the JWK with its required members alone, in canonical form: what the thumbprint is of. */
void jose_key_write(const struct jose_key *key, struct lucid_buf *out);

/* RFC 7638 with SHA-256. False: no memory. */
bool jose_key_thumbprint(const struct jose_key *key,
                         uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;

/* --- signatures ------------------------------------------------------------------------------- */

/* An Ed25519 rule: host->verify, or ledger_ed25519_verify. */
typedef bool jose_ed25519_fn(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                             const uint8_t signature[64], void *context);

/* Whether the token is signed by that key, whose curve must be that of the token's alg. ed25519 may
 * be NULL where EdDSA was not among the algs read. */
bool jose_verify(const struct jose_token *token, const struct jose_key *key,
                 jose_ed25519_fn *ed25519, void *context) LUCID_WARN_UNUSED;

/* Signs 64 bytes: host->sign, or a key of the caller. False: it could not. */
typedef bool jose_sign_fn(struct lucid_span message, uint8_t ret[64], void *context);

/* Appends a token: header and payload exactly as they are to be signed; the header names the alg
 * (of 64 bytes: EdDSA, ES256) that sign signs by. False: sign failed, or out could not grow. */
bool jose_write(struct lucid_span header, struct lucid_span payload, jose_sign_fn *sign,
                void *context, struct lucid_buf *out) LUCID_WARN_UNUSED;

#endif
