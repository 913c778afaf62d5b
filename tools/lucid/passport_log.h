/* Whether a passport is in a log, as the check `log` of a verification says it. */
#ifndef LUCID_TOOLS_PASSPORT_LOG_H
#define LUCID_TOOLS_PASSPORT_LOG_H

#include "tools/lucid/passport.h"
#include "tools/lucid/vkey.h"

/* Judges what a package brings: that its record is of this very passport (its digest), that the
 * entry is the record's and signed by the key of the passport, and that a head that the log has
 * signed holds it. vkey: the log's, or "": then nothing says which log it is, and the check is
 * skipped. LUCID_RETRY_MEMORY. */
enum lucid_error passport_log_judge(const struct package *package, const struct passport *passport,
                                    const char *vkey, struct lucid_arena *arena,
                                    struct verify_result *ret) LUCID_WARN_UNUSED;

#endif
