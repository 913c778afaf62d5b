/* The challenge of a 402: opaque ASCII that the server recognises by its MAC, so that it keeps
 * nothing between the 402 and the payment (CONTRACT 4). It binds the origin, asset, recipient,
 * network, amount, price version, method, resource, body digest, time of issue and lifetime; what
 * it does not carry itself is computed anew from the request that comes with it.
 *
 * Text: "lc1." KEYID "." VERSION "." ISSUED_MS "." LIFETIME_S "." RANDOM "." MAC, where KEYID is 8
 * hex digits, the numbers are decimal, MAC is 64 hex digits: HMAC-SHA-256 over length-prefixed
 * fields.
 *
 * Keys live in DIR/x402.keys: one "KEYID HEX64 CREATED_MS" a line, newest last; the newest signs,
 * all verify. Thread: keys are const once threads run. */
#ifndef LUCID_X402_CHALLENGE_H
#define LUCID_X402_CHALLENGE_H

#include "x402/network.h"

#define X402_CHALLENGE_BYTES_MAX    160
#define X402_CHALLENGE_RANDOM_BYTES 16
#define X402_KEYS_MAX               32
#define X402_RESOURCE_BYTES_MAX     2048
#define X402_METHOD_BYTES_MAX       16

struct x402_keys; /* in locked memory */

/* From the bytes of the file. LUCID_REFUSE_INVALID (line named), LUCID_RETRY_MEMORY. */
enum lucid_error x402_keys_parse(struct lucid_span text, struct x402_keys **ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;
/* Appends a line with a new key to the file's bytes, which are a file that parses or empty; the
 * oldest goes when there would be more than X402_KEYS_MAX. Wipe the bytes after use. A rotation is
 * this, and old lines go once nothing made with them can be presented any more. */
void x402_keys_add(struct lucid_buf *file, uint64_t now_ms);
void x402_keys_close(struct x402_keys *keys); /* wipes; NULL is allowed */

#define X402_KEYS_FILE_BYTES_MAX ((size_t)X402_KEYS_MAX * 128)

/* What is asked for, and for what. Spans are borrowed. resource is valid UTF-8. */
struct x402_terms {
    struct lucid_span origin; /* of the log */
    struct lucid_span asset;
    const struct x402_network *network;
    struct evm_address pay_to;                    /* zero on Solana */
    uint8_t pay_to_solana[X402_SOLANA_KEY_BYTES]; /* only there */
    uint8_t fee_payer[X402_SOLANA_KEY_BYTES];     /* only there: who completes the transaction */
    uint64_t amount;
    uint64_t price_version;
    struct lucid_span method;
    struct lucid_span resource; /* public_url + path + query, as in the 402 */
    struct lucid_span path;     /* without the query: what stays equal for a corrected request */
    uint8_t body_sha256[32];
};

/* SHA-256 over method, resource and body digest (length-prefixed): "the same request". And over
 * method and path only: "the same method and path with a corrected body". */
void x402_request_digest(const struct x402_terms *terms, uint8_t ret[32]);
void x402_place_digest(const struct x402_terms *terms, uint8_t ret[32]);

/* A challenge that has been read but not checked. */
struct x402_challenge {
    char text[X402_CHALLENGE_BYTES_MAX + 1];
    char key_id[9];
    uint64_t price_version;
    uint64_t issued_ms;
    uint32_t lifetime_s; /* a payment must be in a block of issue + lifetime at the latest */
    uint8_t random[X402_CHALLENGE_RANDOM_BYTES];
    uint8_t mac[32];
};

#define X402_CHALLENGE_NUMBER_MAX (((uint64_t)1 << 53) - 1)

/* The end of its lifetime: the last second (Unix) that a paying block may have. What PaymentProof
 * calls `expires`. */
static inline uint64_t x402_challenge_expires(const struct x402_challenge *challenge)
{
    return (challenge->issued_ms + 1000 * (uint64_t)challenge->lifetime_s) / 1000;
}

/* Makes the challenge for the terms with the newest key. Version and time of at most
 * X402_CHALLENGE_NUMBER_MAX (asserted). */
void x402_challenge_make(const struct x402_keys *keys, const struct x402_terms *terms,
                         uint64_t now_ms, uint32_t lifetime_s,
                         const uint8_t random[X402_CHALLENGE_RANDOM_BYTES],
                         struct x402_challenge *ret);
/* LUCID_REFUSE_INVALID: not of that form. */
enum lucid_error x402_challenge_parse(struct lucid_span text,
                                      struct x402_challenge *ret) LUCID_WARN_UNUSED;
/* Whether it was made for these terms (whose price version must be the challenge's).
 * LUCID_REFUSE_UNKNOWN_KEY: by a key that is not here; LUCID_REFUSE_FORBIDDEN: for other terms. */
enum lucid_error x402_challenge_check(const struct x402_keys *keys,
                                      const struct x402_challenge *challenge,
                                      const struct x402_terms *terms) LUCID_WARN_UNUSED;
/* Keccak-256 of its ASCII: the `challenge` of PaymentProof, and the nonce of a bound authorization.
 */
struct evm_hash x402_challenge_hash(const struct x402_challenge *challenge);

#endif
