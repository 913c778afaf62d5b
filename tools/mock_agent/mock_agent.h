/* The attester without hardware: a root and an attestation key of its own making, and quotes that
 * it signs (plugins/verifier/schemes/mock.h).
 *
 * Files of DIR, made on first use, never replaced:
 *
 *   root.key  0600  P-256, PKCS #8 PEM: signs nothing but attestation certificates
 *   root.pem  0644  what a verifier is given as its anchor (verifier.mock_roots)
 *   ak.key    0600  P-256: signs quotes
 *   ak.pem    0644  its certificate, by the root
 *
 * One thread owns all of it. */
#ifndef LUCID_TOOLS_MOCK_AGENT_H
#define LUCID_TOOLS_MOCK_AGENT_H

#include "base/buf.h"
#include "plugins/verifier/schemes/mock.h"

#define MOCK_AGENT_PATH_BYTES_MAX 4000

struct mock_agent;

/* Reads DIR's keys, made first where there are none (and DIR itself, 0700; its parent must be
 * there). Certificates that are made are good from an hour before now_s on, for ten years.
 * LUCID_REFUSE_CONFLICT: half of a pair is missing, or they do not belong together;
 * LUCID_REFUSE_INVALID: no P-256 key or certificate; LUCID_REFUSE_FORBIDDEN: a key that others may
 * read; LUCID_RETRY_IO, LUCID_RETRY_MEMORY. Freed with mock_agent_close. */
enum lucid_error mock_agent_open(const char *dir, uint64_t now_s, struct mock_agent **ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;
void mock_agent_close(struct mock_agent *agent); /* NULL is allowed */

/* Appends a quote, a compact JWS with x5c (attestation key, root). LUCID_RETRY_MEMORY. */
enum lucid_error mock_agent_quote(const struct mock_agent *agent, const struct mock_quote *quote,
                                  struct lucid_buf *out) LUCID_WARN_UNUSED;

/* The same over any header members (with their braces; "x5c" is added) and payload: for tests of
 * what a verifier refuses. */
enum lucid_error mock_agent_sign(const struct mock_agent *agent, const char *header,
                                 struct lucid_span payload,
                                 struct lucid_buf *out) LUCID_WARN_UNUSED;

/* Appends a revocation list by the root (DER), good for a day from now_s, that names the
 * attestation key's certificate or nothing. LUCID_RETRY_MEMORY. */
enum lucid_error mock_agent_crl(const struct mock_agent *agent, bool revoked, uint64_t now_s,
                                struct lucid_buf *out) LUCID_WARN_UNUSED;

/* The root certificate, PEM: good as long as the agent. */
struct lucid_span mock_agent_root(const struct mock_agent *agent);

#endif
