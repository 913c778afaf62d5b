/* What readers ask about payments of the gate. */
#include "base/assert.h"
#include "ledger/row.h"
#include "x402/payment_internal.h"

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &x402_payment_kind, table);
}

enum lucid_error x402_payment_read(struct ledger_view *view,
                                   const uint8_t id[X402_PAYMENT_ID_BYTES],
                                   struct x402_payment *ret)
{
    struct lucid_span row;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, PAYMENT_ROWS),
                                     lucid_span(id, X402_PAYMENT_ID_BYTES), &row);
    return error == LUCID_OK ? payment_row_read(row, ret) : error;
}

/* The payment that a row of a list names. */
static enum lucid_error listed_read(struct ledger_view *view, struct lucid_span id,
                                    struct x402_payment *ret)
{
    if (id.len != X402_PAYMENT_ID_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t copy[X402_PAYMENT_ID_BYTES];
    memcpy(copy, id.data, sizeof(copy));
    enum lucid_error error = x402_payment_read(view, copy, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* Whose a key is, from its row. */
static enum lucid_error owner_read(struct ledger_view *view, struct lucid_span row,
                                   struct x402_payment *ret)
{
    struct payment_owner owner;
    enum lucid_error error = payment_owner_read(row, &owner);
    if (error == LUCID_OK && !owner.recorded) {
        return listed_read(view, lucid_span(owner.id, sizeof(owner.id)), ret);
    }
    if (error == LUCID_OK) {
        *ret = (struct x402_payment){.settled_sequence = owner.sequence};
        memcpy(ret->id, owner.id, sizeof(owner.id));
    }
    return error;
}

enum lucid_error x402_payment_find(struct ledger_view *view, struct lucid_span key,
                                   struct x402_payment *ret)
{
    struct lucid_span row;
    char all[X402_SPENT_KEY_BYTES_MAX + 1];
    if (key.len == 0 || key.len > X402_SPENT_KEY_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, PAYMENT_KEYS), key, &row);
    size_t prefix = payment_key_prefix(key);
    if (error == LUCID_NOTE_ABSENT && prefix > 0 && prefix + 3 <= X402_SPENT_KEY_BYTES_MAX) {
        memcpy(all, key.data, prefix);
        memcpy(all + prefix, "all", 4);
        error = row_get(ledger_view_store(view), table_of(view, PAYMENT_KEYS), lucid_span_str(all),
                        &row);
    }
    return error == LUCID_OK ? owner_read(view, row, ret) : error;
}

/* The forward's text in the payload of an intent. */
static enum lucid_error forward_read(struct lucid_span payload, struct lucid_buf *out)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct lucid_span text;
    lucid_arena_init(&arena, PAYMENT_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_text(root, "forward", &text);
    }
    if (error == LUCID_OK) {
        lucid_buf_span_put(out, text);
        error = lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    lucid_arena_fini(&arena);
    return error;
}

enum lucid_error x402_payment_forward(struct ledger_view *view, const struct x402_payment *payment,
                                      struct lucid_buf *out)
{
    struct store_event event;
    if (!payment->has_forward) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = ledger_view_event(view, payment->intent_sequence, &event);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? forward_read(event.payload, out) : error;
}

enum lucid_error x402_payment_identified(struct ledger_view *view, struct lucid_span identifier,
                                         struct x402_payment *ret)
{
    struct lucid_span row;
    if (identifier.len == 0 || identifier.len > X402_IDENTIFIER_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, PAYMENT_IDENTIFIERS), identifier, &row);
    return error == LUCID_OK ? listed_read(view, row, ret) : error;
}

enum lucid_error x402_payment_of(struct ledger_view *view, uint64_t settled_sequence,
                                 struct x402_payment *ret)
{
    uint8_t key[8];
    struct lucid_span row;
    lucid_put_be64(key, settled_sequence);
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, PAYMENT_SETTLED),
                                     lucid_span(key, sizeof(key)), &row);
    return error == LUCID_OK ? listed_read(view, row, ret) : error;
}

enum lucid_error x402_payment_next(struct ledger_view *view, uint64_t after_sequence,
                                   enum x402_status status, struct x402_payment *ret)
{
    uint8_t bytes[PAYMENT_ORDER_KEY_BYTES];
    struct lucid_span key;
    struct lucid_span row;
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, PAYMENT_ORDER), STORE_SEEK_GT,
                 payment_order_key(status, after_sequence, bytes), &key, &row);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != PAYMENT_ORDER_KEY_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    return key.data[0] == (uint8_t)status ? listed_read(view, row, ret) : LUCID_NOTE_ABSENT;
}

enum lucid_error x402_payment_open_next(struct ledger_view *view, uint64_t after_sequence,
                                        struct x402_payment *ret)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span row;
    lucid_put_be64(bytes, after_sequence);
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, PAYMENT_OPEN),
                                      STORE_SEEK_GT, lucid_span(bytes, sizeof(bytes)), &key, &row);
    return error == LUCID_OK ? listed_read(view, row, ret) : error;
}

enum lucid_error x402_payment_key_next(struct ledger_view *view, struct lucid_span after,
                                       struct x402_spent_key *ret, struct x402_payment *ret_payment)
{
    struct lucid_span key;
    struct lucid_span row;
    struct x402_payment payment;
    struct x402_spent_key at = {.text = ""};
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, PAYMENT_KEYS),
                                      STORE_SEEK_GT, after, &key, &row);
    if (error == LUCID_OK) {
        error = payload_copy(key, at.text, sizeof(at.text));
    }
    if (error == LUCID_OK) {
        error = owner_read(view, row, &payment);
    }
    if (error == LUCID_OK) {
        *ret = at;
        *ret_payment = payment;
    }
    return error;
}
