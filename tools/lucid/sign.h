/* From a record of the input (a body, or an envelope that is signed already) to the envelope to be
 * sent. */
#ifndef LUCID_TOOLS_SIGN_H
#define LUCID_TOOLS_SIGN_H

#include "base/buf.h"
#include "tools/lucid/secret.h"

struct signing {
    const uint8_t *secret; /* SECRET_BYTES, or NULL: envelopes only */
    uint64_t now_s;        /* for bodies without timestamp */
    bool check;            /* refuse bodies that break the contract's table, not only bad JSON */
};

/* Appends the envelope to out: one line without its line end, members body, receipt_hash,
 * receipt_signature, signer_pubkey. A body gets run_id and timestamp when absent, is checked if
 * asked for (as the service does, but for the clock), then signed. An envelope is passed on, never
 * signed anew; nothing of it is checked here but its JSON. Errors: LUCID_REFUSE_INVALID with code
 * and member; LUCID_REFUSE_UNKNOWN_KEY when a body needs the secret key; LUCID_RETRY_MEMORY. */
enum lucid_error sign_record(const struct signing *signing, struct lucid_span text,
                             struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
