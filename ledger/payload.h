/* Reading the JCS payloads of the rarer events, and drafting them. */
#ifndef LUCID_LEDGER_PAYLOAD_H
#define LUCID_LEDGER_PAYLOAD_H

#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "ledger/kind.h"

/* Parses a payload that this program (or an older one) wrote; anything unreadable is corruption. */
enum lucid_error payload_parse(struct lucid_span payload, struct lucid_arena *arena,
                               const struct jcs_value **ret_root) LUCID_WARN_UNUSED;

/* Each is LUCID_FATAL_CORRUPT when the member is missing or of another form. */
enum lucid_error payload_uint(const struct jcs_value *root, const char *name,
                              uint64_t *ret) LUCID_WARN_UNUSED;
enum lucid_error payload_text(const struct jcs_value *root, const char *name,
                              struct lucid_span *ret) LUCID_WARN_UNUSED;
enum lucid_error payload_hex(const struct jcs_value *root, const char *name, void *out,
                             size_t len) LUCID_WARN_UNUSED;

/* Copies text to a NUL-terminated array of size bytes. */
enum lucid_error payload_copy(struct lucid_span text, char *out, size_t size) LUCID_WARN_UNUSED;

/* Whether a name for people is usable: 1 … max bytes of UTF-8 without control characters. */
bool payload_name_ok(const char *name, size_t max) LUCID_WARN_UNUSED;

/* Drafts an event of the running kind with the payload that the buffer holds, which it frees in any
 * case. ret as of ledger_txn_draft. decide and react. LUCID_RETRY_MEMORY, also when the buffer has
 * failed. */
enum lucid_error payload_draft(struct ledger_txn *txn, const char *type, struct lucid_buf *payload,
                               const struct ledger_draft **ret) LUCID_WARN_UNUSED;

#endif
