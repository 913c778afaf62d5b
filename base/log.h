/* Log lines for operators: one JSON object a line on standard error. Programs log; libraries return
 * errors instead. Never pass a body, a secret or a token. Lines are rate limited per second so that
 * a storm cannot fill a disk; what was dropped is counted in the next line.
 *
 * Thread: any; one write(2) a line. */
#ifndef LUCID_BASE_LOG_H
#define LUCID_BASE_LOG_H

#include "base/bytes.h"

enum lucid_log_level {
    LUCID_LOG_ERROR,
    LUCID_LOG_WARN,
    LUCID_LOG_INFO,
    LUCID_LOG_DEBUG,
};

/* Lines above this level are dropped. Default: LUCID_LOG_INFO. */
void lucid_log_set_level(enum lucid_log_level level);
enum lucid_log_level lucid_log_level(void);
const char *lucid_log_level_name(enum lucid_log_level level); /* "error", "warn", "info", "debug" */

/* {"time":…,"level":…,"event":event,"message":…}. event is a short stable name ("store.open"). */
void lucid_log(enum lucid_log_level level, const char *event, const char *format, ...)
    LUCID_PRINTF(3, 4);

#endif
