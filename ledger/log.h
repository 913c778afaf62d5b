/* The log's birth: event 1, `log.init`, says for ever whose log this is. */
#ifndef LUCID_LEDGER_LOG_H
#define LUCID_LEDGER_LOG_H

#include "base/buf.h"
#include "ledger/ledger.h"

extern const struct ledger_kind ledger_log_kind;

/* Writes event 1; decide refuses with LOG_EXISTS when there is one. In: identity's origin, vkey,
 * log_key, service_key, test. */
struct ledger_log_init_command {
    struct ledger_command command;
    struct ledger_identity identity;
    struct lucid_buf payload; /* freed by ledger_log_init_fini */
};

/* Refusal: INVALID_ORIGIN. */
enum lucid_error ledger_log_init_prepare(struct ledger_log_init_command *command,
                                         const struct ledger_identity *identity,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;
void ledger_log_init_fini(struct ledger_log_init_command *command);

#endif
