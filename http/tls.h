/* TLS 1.2 and 1.3 for the server's second listener: one certificate with its key, exchanged while
 * connections live. Source: RFC 8446, RFC 5246, RFC 7301 (ALPN: http/1.1), RFC 9325 (ciphers).
 *
 * Only forward-secret AEAD suites, no renegotiation, no compression; sessions are resumed with
 * tickets, so nothing is kept per client. Connections keep the certificate that they began with. */
#ifndef LUCID_HTTP_TLS_H
#define LUCID_HTTP_TLS_H

#include "base/bytes.h"

struct http_tls;

/* Without a certificate: http_tls_set must follow before a server is opened with it.
 * Errors: LUCID_RETRY_MEMORY. */
enum lucid_error http_tls_open(struct http_tls **ret) LUCID_WARN_UNUSED;
/* After the server is closed. NULL is allowed. */
void http_tls_close(struct http_tls *tls);

/* The certificate (PEM, the server's own first, then its chain) and its private key (PEM, not
 * encrypted) for connections to come. Nothing of the spans is kept; the caller wipes the key.
 * Errors, after which the certificate before stays: LUCID_REFUSE_INVALID (not PEM, no certificate,
 * too weak, the key is another one's; why->param is "tls_certificate" or "tls_key"),
 * LUCID_RETRY_MEMORY. Thread: any, one at a time; while loops run, too. */
enum lucid_error http_tls_set(struct http_tls *tls, struct lucid_span certificate,
                              struct lucid_span key, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Unix seconds at which the certificate ends; 0 without one. Thread: any. */
uint64_t http_tls_expires_s(const struct http_tls *tls);

#endif
