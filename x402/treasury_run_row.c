/* Rows of payout runs, and their queries. */
#include "base/assert.h"
#include "ledger/row.h"
#include "x402/treasury_run_internal.h"

/* --- keys ------------------------------------------------------------------------------------- */

struct lucid_span run_key(uint64_t number, uint8_t ret[RUN_KEY_BYTES_MAX])
{
    lucid_put_be64(ret, number);
    return lucid_span(ret, 8);
}

struct lucid_span run_line_key(char which, uint64_t run, uint32_t line,
                               uint8_t ret[RUN_KEY_BYTES_MAX])
{
    ret[0] = (uint8_t)which;
    lucid_put_be64(ret + 1, run);
    lucid_put_be32(ret + 9, line);
    return lucid_span(ret, 13);
}

struct lucid_span run_payout_key(uint64_t payout, uint8_t ret[RUN_KEY_BYTES_MAX])
{
    ret[0] = 'p';
    lucid_put_be64(ret + 1, payout);
    return lucid_span(ret, 9);
}

struct lucid_span run_open_key(enum gas_unit unit, uint64_t settlement, const char *payee,
                               uint8_t ret[RUN_KEY_BYTES_MAX])
{
    size_t len = strlen(payee);
    lucid_assert(len <= GAS_NAME_BYTES_MAX);
    ret[0] = 'o';
    ret[1] = (uint8_t)unit;
    lucid_put_be64(ret + 2, settlement);
    memcpy(ret + 10, payee, len);
    return lucid_span(ret, 10 + len);
}

/* --- values ----------------------------------------------------------------------------------- */

static void text_put(uint8_t **at, const char *text)
{
    size_t len = strlen(text);
    lucid_put_be16(*at, (uint16_t)len);
    memcpy(*at + 2, text, len);
    *at += 2 + len;
}

static bool text_get(struct lucid_span *rest, char *out, size_t size)
{
    if (rest->len < 2) {
        return false;
    }
    size_t len = lucid_get_be16(rest->data);
    if (len > rest->len - 2 ||
        payload_copy(lucid_span(rest->data + 2, len), out, size) != LUCID_OK) {
        return false;
    }
    *rest = lucid_span(rest->data + 2 + len, rest->len - 2 - len);
    return true;
}

enum { RUN_FIXED = 2 + 8 + EVM_ADDRESS_BYTES + 8 + 4 + 4 * X402_RUN_WITHDRAWN + 24 };

size_t run_row_write(const struct x402_run *run, uint8_t ret[RUN_ROW_BYTES_MAX])
{
    uint8_t *at = ret;
    *at++ = (uint8_t)run->state;
    *at++ = (uint8_t)run->unit;
    lucid_put_be64(at, run->settlement);
    memcpy(at + 8, run->token.bytes, EVM_ADDRESS_BYTES);
    at += 8 + EVM_ADDRESS_BYTES;
    lucid_put_be64(at, run->total);
    lucid_put_be32(at + 8, run->lines);
    at += 12;
    for (unsigned state = 1; state <= X402_RUN_WITHDRAWN; state++, at += 4) {
        lucid_put_be32(at, run->counts[state]);
    }
    lucid_put_be64(at, run->sequence);
    lucid_put_be64(at + 8, run->time_ms);
    lucid_put_be64(at + 16, run->changed_ms);
    at += 24;
    text_put(&at, run->network);
    text_put(&at, run->proposed_by);
    text_put(&at, run->approved_by);
    lucid_assert(at - ret <= RUN_ROW_BYTES_MAX);
    return (size_t)(at - ret);
}

enum lucid_error run_row_read(uint64_t number, struct lucid_span value, struct x402_run *ret)
{
    struct x402_run run = {.number = number};
    const uint8_t *at = value.data;
    if (value.len < RUN_FIXED || at[0] < X402_RUN_PROPOSED || at[0] > X402_RUN_CANCELLED ||
        (at[1] != GAS_LUCID && at[1] != GAS_USDC)) {
        return LUCID_FATAL_CORRUPT;
    }
    run.state = (enum x402_run_state)at[0];
    run.unit = (enum gas_unit)at[1];
    run.settlement = lucid_get_be64(at + 2);
    memcpy(run.token.bytes, at + 10, EVM_ADDRESS_BYTES);
    at += 10 + EVM_ADDRESS_BYTES;
    run.total = lucid_get_be64(at);
    run.lines = lucid_get_be32(at + 8);
    at += 12;
    for (unsigned state = 1; state <= X402_RUN_WITHDRAWN; state++, at += 4) {
        run.counts[state] = lucid_get_be32(at);
    }
    run.sequence = lucid_get_be64(at);
    run.time_ms = lucid_get_be64(at + 8);
    run.changed_ms = lucid_get_be64(at + 16);
    struct lucid_span rest = lucid_span(value.data + RUN_FIXED, value.len - RUN_FIXED);
    if (!text_get(&rest, run.network, sizeof(run.network)) ||
        !text_get(&rest, run.proposed_by, sizeof(run.proposed_by)) ||
        !text_get(&rest, run.approved_by, sizeof(run.approved_by)) || rest.len != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = run;
    return LUCID_OK;
}

enum { LINE_FIXED = 1 + EVM_ADDRESS_BYTES + 16 };

size_t run_line_write(const struct x402_run_line *line, uint8_t ret[RUN_LINE_BYTES_MAX])
{
    uint8_t *at = ret;
    *at++ = (uint8_t)line->state;
    memcpy(at, line->address.bytes, EVM_ADDRESS_BYTES);
    at += EVM_ADDRESS_BYTES;
    lucid_put_be64(at, line->amount);
    lucid_put_be64(at + 8, line->payout);
    at += 16;
    text_put(&at, line->payee);
    text_put(&at, line->reason);
    lucid_assert(at - ret <= RUN_LINE_BYTES_MAX);
    return (size_t)(at - ret);
}

enum lucid_error run_line_read(uint64_t run, uint32_t number, struct lucid_span value,
                               struct x402_run_line *ret)
{
    struct x402_run_line line = {.run = run, .line = number};
    const uint8_t *at = value.data;
    if (value.len < LINE_FIXED || at[0] < X402_RUN_WAITING || at[0] > X402_RUN_WITHDRAWN) {
        return LUCID_FATAL_CORRUPT;
    }
    line.state = (enum x402_run_line_state)at[0];
    memcpy(line.address.bytes, at + 1, EVM_ADDRESS_BYTES);
    line.amount = lucid_get_be64(at + 1 + EVM_ADDRESS_BYTES);
    line.payout = lucid_get_be64(at + 9 + EVM_ADDRESS_BYTES);
    struct lucid_span rest = lucid_span(value.data + LINE_FIXED, value.len - LINE_FIXED);
    if (!text_get(&rest, line.payee, sizeof(line.payee)) ||
        !text_get(&rest, line.reason, sizeof(line.reason)) || rest.len != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = line;
    return LUCID_OK;
}

enum lucid_error run_place_read(struct lucid_span value, uint64_t *ret_run, uint32_t *ret_line)
{
    if (value.len != RUN_PLACE_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret_run = lucid_get_be64(value.data);
    *ret_line = lucid_get_be32(value.data + 8);
    return LUCID_OK;
}

/* --- queries ---------------------------------------------------------------------------------- */

static enum lucid_error seen(struct ledger_view *view, unsigned table, struct lucid_span key,
                             struct lucid_span *ret)
{
    return row_get(ledger_view_store(view), ledger_view_table(view, &x402_treasury_run_kind, table),
                   key, ret);
}

enum lucid_error x402_run_read(struct ledger_view *view, uint64_t number, struct x402_run *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = seen(view, RUN_TABLE_RUNS, run_key(number, key), &value);
    return error == LUCID_OK ? run_row_read(number, value, ret) : error;
}

enum lucid_error x402_run_count(struct ledger_view *view, uint64_t *ret)
{
    uint8_t bytes[RUN_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(
        ledger_view_store(view), ledger_view_table(view, &x402_treasury_run_kind, RUN_TABLE_RUNS),
        STORE_SEEK_LE, run_key(UINT64_MAX, bytes), &key, &value);
    if (error == LUCID_OK && key.len != 8) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        *ret = error == LUCID_OK ? lucid_get_be64(key.data) : 0;
        error = LUCID_OK;
    }
    return error;
}

static enum lucid_error line_at(struct ledger_view *view, uint64_t run, uint32_t line,
                                struct x402_run_line *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = seen(view, RUN_TABLE_LINES, run_line_key('l', run, line, key), &value);
    return error == LUCID_OK ? run_line_read(run, line, value, ret) : error;
}

enum lucid_error x402_run_line_next(struct ledger_view *view, uint64_t run, uint32_t after,
                                    struct x402_run_line *ret)
{
    return after == UINT32_MAX ? LUCID_NOTE_ABSENT : line_at(view, run, after + 1, ret);
}

/* A place that a row names has its line. */
static enum lucid_error place_line(struct ledger_view *view, uint64_t run, uint32_t line,
                                   struct x402_run_line *ret)
{
    enum lucid_error error = line_at(view, run, line, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error x402_run_due_next(struct ledger_view *view, uint64_t after_run,
                                   uint32_t after_line, struct x402_run_line *ret)
{
    uint8_t bytes[RUN_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(
        ledger_view_store(view), ledger_view_table(view, &x402_treasury_run_kind, RUN_TABLE_LINES),
        STORE_SEEK_GT, run_line_key('d', after_run, after_line, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != 13 || key.data[0] != 'd') {
        return LUCID_NOTE_ABSENT;
    }
    return place_line(view, lucid_get_be64(key.data + 1), lucid_get_be32(key.data + 9), ret);
}

enum lucid_error x402_run_line_of_payout(struct ledger_view *view, uint64_t payout,
                                         struct x402_run_line *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    uint64_t run = 0;
    uint32_t line = 0;
    enum lucid_error error = seen(view, RUN_TABLE_LINES, run_payout_key(payout, key), &value);
    if (error == LUCID_OK) {
        error = run_place_read(value, &run, &line);
    }
    return error == LUCID_OK ? place_line(view, run, line, ret) : error;
}

enum lucid_error run_open_find(struct ledger_view *view, enum gas_unit unit, uint64_t settlement,
                               const char *payee)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    return seen(view, RUN_TABLE_LINES, run_open_key(unit, settlement, payee, key), &value);
}

/* --- within the writer ------------------------------------------------------------------------ */

enum lucid_error run_get(struct ledger_txn *txn, uint64_t number, struct x402_run *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(txn, RUN_TABLE_RUNS, run_key(number, key), &value);
    return error == LUCID_OK ? run_row_read(number, value, ret) : error;
}

enum lucid_error run_line_get(struct ledger_txn *txn, uint64_t run, uint32_t line,
                              struct x402_run_line *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_get(txn, RUN_TABLE_LINES, run_line_key('l', run, line, key), &value);
    return error == LUCID_OK ? run_line_read(run, line, value, ret) : error;
}

enum lucid_error run_line_of_payout(struct ledger_txn *txn, uint64_t payout,
                                    struct x402_run_line *ret)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span value;
    uint64_t run = 0;
    uint32_t line = 0;
    enum lucid_error error =
        ledger_txn_get(txn, RUN_TABLE_LINES, run_payout_key(payout, key), &value);
    if (error == LUCID_OK) {
        error = run_place_read(value, &run, &line);
    }
    if (error != LUCID_OK) {
        return error;
    }
    error = run_line_get(txn, run, line, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error run_newest(struct ledger_txn *txn, uint64_t *ret)
{
    uint8_t bytes[RUN_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = ledger_txn_seek(txn, RUN_TABLE_RUNS, STORE_SEEK_LE,
                                             run_key(UINT64_MAX, bytes), &key, &value);
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        *ret = error == LUCID_OK ? lucid_get_be64(key.data) : 0;
        error = LUCID_OK;
    }
    return error;
}
