#ifndef LUCID_LEDGER_SIGNER_INTERNAL_H
#define LUCID_LEDGER_SIGNER_INTERNAL_H

#include "ledger/signer.h"

/* A signer as the view sees it. LUCID_NOTE_ABSENT if unknown. */
enum lucid_error signer_lookup(struct store_view *view, struct store *store, const uint8_t key[32],
                               struct ledger_signer *ret) LUCID_WARN_UNUSED;

#endif
