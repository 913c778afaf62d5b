/* The registry of keys that may sign receipts. Events signer.registered and signer.revoked; a
 * revoked key stays known and is never active again. */
#ifndef LUCID_LEDGER_SIGNER_H
#define LUCID_LEDGER_SIGNER_H

#include "base/buf.h"
#include "ledger/ledger.h"

#define SIGNER_NAME_BYTES_MAX 128

extern const struct ledger_kind ledger_signer_kind;

enum signer_type { SIGNER_ORCHESTRATOR = 1, SIGNER_COMPUTE = 2, SIGNER_WORKER = 3 };
/* "orchestrator", "compute", "worker"; and back (false: none of them). */
const char *signer_type_name(enum signer_type type);
bool signer_type_parse(struct lucid_span text, enum signer_type *ret) LUCID_WARN_UNUSED;

struct ledger_signer {
    uint8_t key[32];
    enum signer_type type;
    char name[SIGNER_NAME_BYTES_MAX + 1]; /* UTF-8 without control characters */
    uint64_t registered_ms;
    uint64_t revoked_ms; /* 0 = active */
};

enum signer_verb { SIGNER_REGISTER, SIGNER_REVOKE };

struct ledger_signer_command {
    struct ledger_command command;
    struct ledger_signer signer; /* REVOKE: only key. After success: as it now stands */
    bool ret_known;              /* it was so already, nothing was logged */
    struct lucid_buf payload;    /* of the event; freed by ledger_signer_command_fini */
};

/* Checks (name, key is a usable Ed25519 point) and makes the command ready for the writer.
 * Refusals: INVALID_SIGNER with the member's name. decide refuses: SIGNER_REVOKED (registering a
 * revoked key), NOT_FOUND (revoking an unknown one). Registering a known active key changes nothing
 * and answers what stands. */
enum lucid_error ledger_signer_prepare(struct ledger_signer_command *command, enum signer_verb verb,
                                       const struct ledger_signer *signer,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;
void ledger_signer_command_fini(struct ledger_signer_command *command);

/* Whether the batch knows the key, revoked or not: LUCID_NOTE_ABSENT if not. For decide, guard and
 * react of other kinds. */
enum lucid_error ledger_signer_known(struct ledger_txn *txn,
                                     const uint8_t key[32]) LUCID_WARN_UNUSED;
/* LUCID_NOTE_ABSENT if the key was never registered. */
enum lucid_error ledger_signer_read(struct ledger_view *view, const uint8_t key[32],
                                    struct ledger_signer *ret) LUCID_WARN_UNUSED;
/* The first signer whose key is above `after` (NULL: the first of all), in key order. */
enum lucid_error ledger_signer_next(struct ledger_view *view, const uint8_t *after,
                                    struct ledger_signer *ret) LUCID_WARN_UNUSED;

#endif
