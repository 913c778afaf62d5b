/* JSON Web Signatures in the compact form (RFC 7515 7.1), taken apart:
 *
 *   base64url(protected header) "." base64url(payload) "." base64url(signature)
 *
 * What every reader of one asks for is asked for here; which algorithms and keys are good, and what
 * the signature is worth, is the caller's to judge.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_BASE_JCS_JWS_H
#define LUCID_BASE_JCS_JWS_H

#include "base/jcs/jcs.h"

struct jcs_jws {
    const struct jcs_value *header; /* an object */
    struct lucid_span header_bytes;
    struct lucid_span alg; /* its member, a string */
    struct lucid_span payload;
    struct lucid_span signature;
    struct lucid_span input; /* what is signed: the text before the second point */
};

/* Takes a token apart: three parts, each strict base64url; a header that is a JSON object (no
 * member twice, within limits) with a string alg and without `crit`. input points into token, all
 * else into the arena.
 *
 * LUCID_REFUSE_INVALID (INVALID_TOKEN): anything else; LUCID_REFUSE_TOO_LARGE over bytes_max;
 * LUCID_RETRY_MEMORY. */
enum lucid_error jcs_jws_read(struct lucid_span token, size_t bytes_max,
                              const struct jcs_limits *limits, struct lucid_arena *arena,
                              struct jcs_jws *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Appends what is signed of a token: header and payload are the JSON and the bytes exactly as they
 * are to be signed (asserted: the header begins with `{"`, so that the text begins with `ey`).
 * Returns it, borrowed from out until its next write; {NULL, 0}: out failed to grow. */
struct lucid_span jcs_jws_input_write(struct lucid_span header, struct lucid_span payload,
                                      struct lucid_buf *out);

/* Appends the point and the signature that end the token. */
void jcs_jws_signature_write(struct lucid_span signature, struct lucid_buf *out);

#endif
