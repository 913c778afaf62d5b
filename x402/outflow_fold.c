/* Folding the log into outflows. A fold refuses nothing: what decide let through is in the log. */
#include "base/assert.h"
#include "x402/outflow_internal.h"
#include "x402/payment_internal.h"

enum lucid_error outflow_get(struct ledger_txn *txn, const char *purpose, struct x402_outflow *ret)
{
    struct lucid_span row;
    enum lucid_error error = ledger_txn_get(txn, OUTFLOW_ROWS, lucid_span_str(purpose), &row);
    return error == LUCID_OK ? outflow_row_read(row, ret) : error;
}

enum lucid_error outflow_refunded_get(struct ledger_txn *txn,
                                      const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                      struct x402_refunded *ret)
{
    struct lucid_span row;
    enum lucid_error error =
        ledger_txn_get(txn, OUTFLOW_REFUNDS, lucid_span(payment, X402_PAYMENT_ID_BYTES), &row);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct x402_refunded){.amount = 0};
        return LUCID_OK;
    }
    return error == LUCID_OK ? outflow_refunded_read(row, ret) : error;
}

static enum lucid_error row_del(struct ledger_txn *txn, unsigned table, struct lucid_span key)
{
    enum lucid_error error = ledger_txn_del(txn, table, key);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* before NULL: its first event. */
static enum lucid_error lists_update(struct ledger_txn *txn, const struct x402_outflow *before,
                                     const struct x402_outflow *after)
{
    uint8_t key[OUTFLOW_ORDER_KEY_BYTES];
    struct lucid_span purpose = lucid_span_str(after->purpose);
    enum lucid_error error = LUCID_OK;
    if (before == NULL) {
        error = ledger_txn_put(txn, OUTFLOW_ROWS, outflow_order_key(0, after->first_sequence, key),
                               purpose);
    } else if (before->state != after->state) {
        error = row_del(txn, OUTFLOW_ROWS,
                        outflow_order_key(before->state, before->first_sequence, key));
    }
    if (error == LUCID_OK && (before == NULL || before->state != after->state)) {
        error =
            ledger_txn_put(txn, OUTFLOW_ROWS,
                           outflow_order_key(after->state, after->first_sequence, key), purpose);
    }
    return error;
}

/* The sums of the payment's refunds, and their list. */
static enum lucid_error refunds_update(struct ledger_txn *txn, const struct x402_outflow *before,
                                       const struct x402_outflow *after)
{
    uint8_t key[OUTFLOW_REFUND_KEY_BYTES];
    uint8_t row[OUTFLOW_REFUNDED_BYTES];
    struct x402_refunded sums;
    if (!after->refund) {
        return LUCID_OK;
    }
    enum lucid_error error = outflow_refunded_get(txn, after->payment, &sums);
    if (error != LUCID_OK) {
        return error;
    }
    if (before != NULL && before->state == X402_OUTFLOW_ORDERED) {
        sums.ordered -= before->amount;
    }
    if (after->state == X402_OUTFLOW_ORDERED) {
        sums.ordered += after->amount;
    }
    if (after->state == X402_OUTFLOW_RECORDED) {
        sums.amount += after->amount;
        for (size_t leg = 0; leg < GAS_LEGS; leg++) {
            sums.legs[leg] += after->legs[leg];
        }
    }
    outflow_refunded_write(&sums, row);
    error = ledger_txn_put(txn, OUTFLOW_REFUNDS, lucid_span(after->payment, X402_PAYMENT_ID_BYTES),
                           lucid_span(row, sizeof(row)));
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span listed = outflow_refund_key(after->payment, after->first_sequence, key);
    return after->state == X402_OUTFLOW_DROPPED
               ? row_del(txn, OUTFLOW_REFUNDS, listed)
               : ledger_txn_put(txn, OUTFLOW_REFUNDS, listed, lucid_span_str(after->purpose));
}

/* The nonce of an order, as long as it is not dropped; the transfer for ever. */
static enum lucid_error keys_update(struct ledger_txn *txn, const struct x402_outflow *after)
{
    struct x402_spent_key key;
    struct lucid_span purpose = lucid_span_str(after->purpose);
    enum lucid_error error = LUCID_OK;
    if (after->ordered) {
        outflow_nonce_key(after, &key);
        error = after->state == X402_OUTFLOW_DROPPED
                    ? row_del(txn, OUTFLOW_KEYS, lucid_span_str(key.text))
                    : ledger_txn_put(txn, OUTFLOW_KEYS, lucid_span_str(key.text), purpose);
    }
    if (error == LUCID_OK && after->state == X402_OUTFLOW_RECORDED) {
        payment_key_transfer(after->network, &after->transfer.transaction,
                             after->transfer.log_index, &key);
        error = ledger_txn_put(txn, OUTFLOW_KEYS, lucid_span_str(key.text), purpose);
    }
    return error;
}

static enum lucid_error outflow_put(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct x402_outflow *before, struct x402_outflow *after,
                                    struct lucid_span payload)
{
    uint8_t *row = lucid_arena_alloc(ledger_txn_arena(txn), OUTFLOW_ROW_BYTES_MAX);
    if (row == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (payload.len > OUTFLOW_PAYLOAD_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    after->first_sequence = before == NULL ? event->sequence : before->first_sequence;
    after->sequence = event->sequence;
    after->time_ms = event->time_ms;
    size_t len = outflow_row_write(after, payload, row);
    enum lucid_error error = lists_update(txn, before, after);
    if (error == LUCID_OK) {
        error = refunds_update(txn, before, after);
    }
    if (error == LUCID_OK) {
        error = keys_update(txn, after);
    }
    return error == LUCID_OK ? ledger_txn_put(txn, OUTFLOW_ROWS, lucid_span_str(after->purpose),
                                              lucid_span(row, len))
                             : error;
}

/* --- events ----------------------------------------------------------------------------------- */

/* outflow.ordered, outflow.recorded, payment.refunded. */
static enum lucid_error news_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                   const struct jcs_value *root)
{
    struct x402_outflow before;
    struct x402_outflow after = {.amount = 0};
    enum lucid_error error = outflow_read(root, &after);
    if (error == LUCID_OK) {
        error = outflow_get(txn, after.purpose, &before);
    }
    bool known = error == LUCID_OK;
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool order = lucid_span_is(event->type, outflow_type_ordered);
    if (order != !after.has_transfer || (known && before.state == X402_OUTFLOW_RECORDED)) {
        return LUCID_FATAL_CORRUPT;
    }
    after.state = order ? X402_OUTFLOW_ORDERED : X402_OUTFLOW_RECORDED;
    after.ordered_sequence = order ? event->sequence : known ? before.ordered_sequence : 0;
    return outflow_put(txn, event, known ? &before : NULL, &after, event->payload);
}

static enum lucid_error dropped_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct jcs_value *root)
{
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    struct lucid_span text;
    struct lucid_span row;
    struct lucid_span payload = {NULL, 0};
    struct x402_outflow before;
    enum lucid_error error = payload_text(root, "purpose", &text);
    if (error == LUCID_OK) {
        error = payload_copy(text, purpose, sizeof(purpose));
    }
    if (error == LUCID_OK) {
        error = ledger_txn_get(txn, OUTFLOW_ROWS, lucid_span_str(purpose), &row);
    }
    if (error == LUCID_OK) {
        error = outflow_row_read(row, &before);
    }
    if (error == LUCID_OK) {
        error = outflow_row_payload(row, &payload);
    }
    if (error == LUCID_OK) { /* a write may move what was read */
        payload = lucid_arena_copy(ledger_txn_arena(txn), payload);
        error = payload.data == NULL ? LUCID_RETRY_MEMORY : payload_text(root, "reason", &text);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    struct x402_outflow after = before;
    after.state = X402_OUTFLOW_DROPPED;
    error = payload_copy(text, after.reason, sizeof(after.reason));
    if (error == LUCID_OK && before.state != X402_OUTFLOW_ORDERED) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? outflow_put(txn, event, &before, &after, payload) : error;
}

enum lucid_error outflow_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, OUTFLOW_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = lucid_span_is(event->type, outflow_type_dropped) ? dropped_apply(txn, event, root)
                                                                 : news_apply(txn, event, root);
    }
    lucid_arena_fini(&arena);
    return error;
}
