/* Canonical JSON (RFC 8785) as claims, records and bundles have it, and the members they share.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_CANONICAL_H
#define LUCID_PLUGINS_VERIFIER_CANONICAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

/* The canonical form of JSON text, in the arena. Refusals as of jcs_parse (INVALID_JSON). */
enum lucid_error canonical_form(struct lucid_span text, struct lucid_arena *arena,
                                struct lucid_span *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* What a value is in canonical form, in the arena; {NULL, 0}: no memory. */
struct lucid_span canonical_value(const struct jcs_value *value, struct lucid_arena *arena);
/* What was written, moved into the arena; {NULL, 0}: no memory. out is emptied. */
struct lucid_span canonical_keep(struct lucid_buf *out, struct lucid_arena *arena);

/* A digest in text: "sha256:" and 64 lower-case hex digits. False: it is not that; ret is then
 * untouched. */
bool canonical_digest_read(struct lucid_span text, uint8_t ret[LUCID_SHA256_BYTES]);
/* The same as a string, in its quotes: an element of a list or the name of a member. */
void canonical_digest_put(struct lucid_buf *out, const uint8_t hash[LUCID_SHA256_BYTES]);

/* Members: `"name":"sha256:<hex of hash>"`, the same of the bytes' hash, `"name":"<base64url>"`,
 * and one that begins an object or a list. */
void canonical_digest(struct lucid_buf *out, const char *name,
                      const uint8_t hash[LUCID_SHA256_BYTES]);
void canonical_digest_of(struct lucid_buf *out, const char *name, struct lucid_span bytes);
void canonical_base64url(struct lucid_buf *out, const char *name, struct lucid_span bytes);
void canonical_open(struct lucid_buf *out, const char *name, char bracket);

#endif
