/* Rows of kinds' tables carry a sum: LMDB has no page checksums, and a row cannot be checked
 * against a hash in the log each time it is read.
 *
 *   stored value = value ‖ first 8 bytes of SHA-256(table name ‖ 0 ‖ key length u16 ‖ key ‖ value)
 *
 * ledger_txn_put, _get and _seek put and check it; what reads a kind's table from a view does so
 * through the functions here, never through store_get and store_seek. */
#ifndef LUCID_LEDGER_ROW_H
#define LUCID_LEDGER_ROW_H

#include "ledger/store/store.h"

#define ROW_SUM_BYTES 8

/* The sum of a row. */
void row_sum(const char *table, struct lucid_span key, struct lucid_span value,
             uint8_t ret[ROW_SUM_BYTES]);

/* Takes the sum off a stored value. LUCID_FATAL_CORRUPT when it is not the row's. */
enum lucid_error row_open(const char *table, struct lucid_span key, struct lucid_span stored,
                          struct lucid_span *ret_value) LUCID_WARN_UNUSED;

/* As store_get and store_seek, of tables whose rows have sums. */
enum lucid_error row_get(struct store_view *view, uint32_t table, struct lucid_span key,
                         struct lucid_span *ret_value) LUCID_WARN_UNUSED;
enum lucid_error row_seek(struct store_view *view, uint32_t table, enum store_seek how,
                          struct lucid_span key, struct lucid_span *ret_key,
                          struct lucid_span *ret_value) LUCID_WARN_UNUSED;

#endif
