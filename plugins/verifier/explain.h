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

/* Appends a sentence, and the facts behind a colon: "the platform's firmware is older than the
 * policy asks for: snp 5 < 8". A code that is not known is shown as it is. */
void explain_step(struct lucid_span code, struct lucid_span detail, struct lucid_buf *out);

/* Appends one line for people: why nothing was appraised: "cpu0, signature: …". The appraisal is
 * not appraised (asserted). */
void explain_failure(const struct appraisal *appraisal, struct lucid_buf *out);

/* Appends an appraisal as lines: the verdict, each submod with its steps, what was not checked, and
 * what the verdict does not show. */
void explain_appraisal(const struct appraisal *appraisal, bool test, struct lucid_buf *out);

/* The same of a record (bundle.h), as it stands there, without appraising again.
 * LUCID_REFUSE_INVALID (INVALID_RECORD), LUCID_RETRY_MEMORY. */
enum lucid_error explain_record(struct lucid_span record, struct lucid_arena *arena,
                                struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
