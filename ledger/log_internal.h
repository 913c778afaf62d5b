#ifndef LUCID_LEDGER_LOG_INTERNAL_H
#define LUCID_LEDGER_LOG_INTERNAL_H

#include "ledger/ledger.h"

/* Reads log.init. LUCID_FATAL_CORRUPT if the event is something else or malformed. */
enum lucid_error log_init_parse(const struct store_event *event,
                                struct ledger_identity *ret) LUCID_WARN_UNUSED;

/* h_0 for a log whose first event this is. LUCID_REFUSE_INVALID if it is no log.init. */
enum lucid_error log_hash_before_first(const struct store_event *event,
                                       uint8_t ret[STORE_HASH_BYTES]) LUCID_WARN_UNUSED;

#endif
