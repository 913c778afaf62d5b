/* Between the files of the facilitation kind. */
#ifndef LUCID_X402_FACILITATION_INTERNAL_H
#define LUCID_X402_FACILITATION_INTERNAL_H

#include "base/jcs/jcs.h"
#include "ledger/payload.h"
#include "x402/facilitation.h"

/* Indices of the kind's tables (docs/FORMAT.md). */
enum {
    FACILITATION_ROWS, /* by a byte that says what: */
    FACILITATION_DAYS, /* client ‖ 0 ‖ day u64 → struct x402_facilitation_day */
};

/* Rows of FACILITATION_ROWS begin with one of these. */
#define FACILITATION_BY_ID    'r' /* ‖ id → the row */
#define FACILITATION_BY_KEY   'k' /* ‖ key text → id */
#define FACILITATION_BY_ORDER 'o' /* ‖ status u8 (0: all) ‖ first sequence u64 → id */
#define FACILITATION_BY_ADDRESS                                                                    \
    'a' /* ‖ address → sequence u64 of the first price.set that names it */

enum {
    FACILITATION_PAYLOAD_BYTES_MAX = 4096,
    FACILITATION_ARENA_BYTES = 65536,
    FACILITATION_KEY_BYTES_MAX = 1 + X402_SPENT_KEY_BYTES_MAX,
    FACILITATION_DAY_KEY_BYTES_MAX = X402_CLIENT_NAME_BYTES_MAX + 9,
};

extern const char facilitation_type_begun[];
extern const char facilitation_type_ended[];

/* --- facilitation_payload.c ------------------------------------------------------------------- */

void facilitation_begun_write(const struct x402_facilitated *facilitated, struct lucid_buf *out);
enum lucid_error facilitation_begun_read(const struct jcs_value *root,
                                         struct x402_facilitated *ret) LUCID_WARN_UNUSED;
void facilitation_ended_write(const struct x402_facilitated *facilitated, struct lucid_buf *out);
/* Over what is known. */
enum lucid_error facilitation_ended_read(const struct jcs_value *root,
                                         struct x402_facilitated *ret) LUCID_WARN_UNUSED;
enum lucid_error facilitation_id_read(const struct jcs_value *root,
                                      uint8_t ret[X402_PAYMENT_ID_BYTES]) LUCID_WARN_UNUSED;

/* The authorization's key, and with SETTLED that of the transfer. Returns how many. */
size_t facilitation_keys(const struct x402_facilitated *facilitated,
                         struct x402_spent_key ret[X402_SPENT_KEYS_MAX]);

/* --- facilitation_fold.c ---------------------------------------------------------------------- */

enum lucid_error facilitation_apply(struct ledger_txn *txn,
                                    const struct ledger_event *event) LUCID_WARN_UNUSED;
/* As the batch has it. LUCID_NOTE_ABSENT. */
enum lucid_error facilitation_get(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                                  struct x402_facilitated *ret) LUCID_WARN_UNUSED;
/* Whose a key is. LUCID_NOTE_ABSENT. */
enum lucid_error facilitation_key_get(struct ledger_txn *txn, const char *key,
                                      uint8_t ret[X402_PAYMENT_ID_BYTES]) LUCID_WARN_UNUSED;
enum lucid_error facilitation_day_get(struct ledger_txn *txn, const char *client, uint64_t day,
                                      struct x402_facilitation_day *ret) LUCID_WARN_UNUSED;
enum lucid_error facilitation_address_get(struct ledger_txn *txn,
                                          const struct evm_address *address) LUCID_WARN_UNUSED;

#endif
