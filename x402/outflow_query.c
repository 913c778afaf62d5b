/* What readers ask about outflows. */
#include "ledger/row.h"
#include "x402/outflow_internal.h"

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &x402_outflow_kind, table);
}

enum lucid_error x402_outflow_read(struct ledger_view *view, struct lucid_span purpose,
                                   struct x402_outflow *ret)
{
    struct lucid_span row;
    if (purpose.len == 0 || purpose.len > X402_PURPOSE_BYTES_MAX || purpose.data[0] == 0) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, OUTFLOW_ROWS), purpose, &row);
    return error == LUCID_OK ? outflow_row_read(row, ret) : error;
}

/* The outflow that a row of a list names. */
static enum lucid_error listed_read(struct ledger_view *view, struct lucid_span purpose,
                                    struct x402_outflow *ret)
{
    char copy[X402_PURPOSE_BYTES_MAX + 1];
    enum lucid_error error = payload_copy(purpose, copy, sizeof(copy));
    if (error == LUCID_OK) {
        error = x402_outflow_read(view, lucid_span_str(copy), ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error x402_outflow_find(struct ledger_view *view, struct lucid_span key,
                                   struct x402_outflow *ret)
{
    struct lucid_span row;
    if (key.len == 0 || key.len > X402_SPENT_KEY_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, OUTFLOW_KEYS), key, &row);
    return error == LUCID_OK ? listed_read(view, row, ret) : error;
}

enum lucid_error x402_outflow_next(struct ledger_view *view, uint64_t after_sequence,
                                   enum x402_outflow_state state, struct x402_outflow *ret)
{
    uint8_t bytes[OUTFLOW_ORDER_KEY_BYTES];
    struct lucid_span key;
    struct lucid_span row;
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, OUTFLOW_ROWS), STORE_SEEK_GT,
                 outflow_order_key(state, after_sequence, bytes), &key, &row);
    if (error != LUCID_OK) {
        return error;
    }
    bool listed = key.len == OUTFLOW_ORDER_KEY_BYTES && key.data[0] == 0;
    return listed && key.data[1] == (uint8_t)state ? listed_read(view, row, ret)
                                                   : LUCID_NOTE_ABSENT;
}

enum lucid_error x402_refund_next(struct ledger_view *view,
                                  const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                  uint64_t after_sequence, struct x402_outflow *ret)
{
    uint8_t bytes[OUTFLOW_REFUND_KEY_BYTES];
    struct lucid_span key;
    struct lucid_span row;
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, OUTFLOW_REFUNDS), STORE_SEEK_GT,
                 outflow_refund_key(payment, after_sequence, bytes), &key, &row);
    if (error != LUCID_OK) {
        return error;
    }
    bool same = key.len == OUTFLOW_REFUND_KEY_BYTES &&
                memcmp(key.data, payment, X402_PAYMENT_ID_BYTES) == 0;
    return same ? listed_read(view, row, ret) : LUCID_NOTE_ABSENT;
}

enum lucid_error x402_refunded_read(struct ledger_view *view,
                                    const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                    struct x402_refunded *ret)
{
    struct lucid_span row;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, OUTFLOW_REFUNDS),
                                     lucid_span(payment, X402_PAYMENT_ID_BYTES), &row);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct x402_refunded){.amount = 0};
        return LUCID_OK;
    }
    return error == LUCID_OK ? outflow_refunded_read(row, ret) : error;
}
