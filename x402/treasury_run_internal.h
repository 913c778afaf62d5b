/* Between the files of payout runs: rows and what the writer reads of them. */
#ifndef LUCID_X402_TREASURY_RUN_INTERNAL_H
#define LUCID_X402_TREASURY_RUN_INTERNAL_H

#include "base/jcs/jcs.h"
#include "ledger/payload.h"
#include "x402/treasury_run.h"

/* Indices of the kind's tables. Keys of the second (docs/FORMAT.md):
 *   'l' ‖ run u64 ‖ line u32 → the line
 *   'd' ‖ run u64 ‖ line u32 → nothing: it is due
 *   'p' ‖ payout u64 → run u64 ‖ line u32
 *   'o' ‖ unit u8 ‖ settlement u64 ‖ payee → run u64 ‖ line u32: it has not ended */
enum { RUN_TABLE_RUNS, RUN_TABLE_LINES };

enum {
    RUN_KEY_BYTES_MAX = 1 + 1 + 8 + GAS_NAME_BYTES_MAX,
    RUN_PLACE_BYTES = 12,
    RUN_ROW_BYTES_MAX = 512,
    RUN_LINE_BYTES_MAX = 512,
    RUN_ARENA_BYTES = 1024 * 1024,
};

extern const char run_type_proposed[];
extern const char run_type_approved[];
extern const char run_type_cancelled[];
extern const char run_type_line_failed[];

struct lucid_span run_key(uint64_t number, uint8_t ret[RUN_KEY_BYTES_MAX]);
struct lucid_span run_line_key(char which, uint64_t run, uint32_t line,
                               uint8_t ret[RUN_KEY_BYTES_MAX]);
struct lucid_span run_payout_key(uint64_t payout, uint8_t ret[RUN_KEY_BYTES_MAX]);
struct lucid_span run_open_key(enum gas_unit unit, uint64_t settlement, const char *payee,
                               uint8_t ret[RUN_KEY_BYTES_MAX]);

size_t run_row_write(const struct x402_run *run, uint8_t ret[RUN_ROW_BYTES_MAX]);
enum lucid_error run_row_read(uint64_t number, struct lucid_span value,
                              struct x402_run *ret) LUCID_WARN_UNUSED;
size_t run_line_write(const struct x402_run_line *line, uint8_t ret[RUN_LINE_BYTES_MAX]);
enum lucid_error run_line_read(uint64_t run, uint32_t number, struct lucid_span value,
                               struct x402_run_line *ret) LUCID_WARN_UNUSED;
enum lucid_error run_place_read(struct lucid_span value, uint64_t *ret_run,
                                uint32_t *ret_line) LUCID_WARN_UNUSED;

/* Whether a line of a statement is in a run and has not ended. LUCID_NOTE_ABSENT: no. */
enum lucid_error run_open_find(struct ledger_view *view, enum gas_unit unit, uint64_t settlement,
                               const char *payee) LUCID_WARN_UNUSED;

/* As the batch has them; any verb of the kind. LUCID_NOTE_ABSENT. */
enum lucid_error run_get(struct ledger_txn *txn, uint64_t number,
                         struct x402_run *ret) LUCID_WARN_UNUSED;
enum lucid_error run_line_get(struct ledger_txn *txn, uint64_t run, uint32_t line,
                              struct x402_run_line *ret) LUCID_WARN_UNUSED;
enum lucid_error run_line_of_payout(struct ledger_txn *txn, uint64_t payout,
                                    struct x402_run_line *ret) LUCID_WARN_UNUSED;
enum lucid_error run_newest(struct ledger_txn *txn, uint64_t *ret) LUCID_WARN_UNUSED;

/* "run:RUN:LINE" back. False: it is none. */
bool run_external_id_parse(struct lucid_span text, uint64_t *ret_run,
                           uint32_t *ret_line) LUCID_WARN_UNUSED;

enum lucid_error run_apply(struct ledger_txn *txn,
                           const struct ledger_event *event) LUCID_WARN_UNUSED;

#endif
