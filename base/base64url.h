/* base64url without padding (RFC 4648 5, RFC 7515 2): the form of every part of a JWS, of the
 * members of a JWK and of nonces. Bytes have exactly one form.
 *
 * Thread: pure functions. */
#ifndef LUCID_BASE_BASE64URL_H
#define LUCID_BASE_BASE64URL_H

#include "base/buf.h"

/* Characters of the form of len bytes. */
static inline size_t lucid_base64url_len(size_t len)
{
    return len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1);
}

/* Appends the form; failure to grow is out's sticky error. */
void lucid_base64url_write(struct lucid_buf *out, struct lucid_span bytes);

/* Whether text is strict base64url (no padding, no white space, zero trailing bits), and of how
 * many bytes. Not for secrets, as the reader below: takes as long as they differ. */
bool lucid_base64url_is(struct lucid_span text, size_t *ret_len) LUCID_WARN_UNUSED;

/* Reads strict base64url into at most max bytes. False on anything else; ret is then untouched. */
bool lucid_base64url_read(struct lucid_span text, void *ret, size_t max,
                          size_t *ret_len) LUCID_WARN_UNUSED;

#endif
