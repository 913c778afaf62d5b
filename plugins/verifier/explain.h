/* Appraisals in words that a person understands: each step's code has a sentence, followed by the
 * facts of its detail; and what was not checked is said.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_EXPLAIN_H
#define LUCID_PLUGINS_VERIFIER_EXPLAIN_H

#include "plugins/verifier/appraisal.h"

#define EXPLAIN_RECORD_BYTES_MAX ((size_t)60 * 1024)

/* The sentence of a code, without a full stop; NULL: no scheme and no step says that code. Static
 * storage. */
const char *explain_code(struct lucid_span code);

/* Appends a record (bundle.h) as lines, as it stands there, without appraising again: the verdict,
 * each submod with its steps ("the platform's firmware is older than the policy asks for: snp 5 <
 * 8"), what was not checked, and what the verdict does not show. Texts of others are shown without
 * what a terminal would obey.
 * LUCID_REFUSE_INVALID (INVALID_RECORD), LUCID_RETRY_MEMORY. */
enum lucid_error explain_record(struct lucid_span record, struct lucid_arena *arena,
                                struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
