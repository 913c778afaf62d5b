/* Folding the log into payments. A fold refuses nothing: what decide let through is in the log. */
#include "base/assert.h"
#include "x402/payment_internal.h"

static const char type_recorded[] = "payment.recorded";
static const char type_refunded[] = "payment.refunded";

/* --- rows ------------------------------------------------------------------------------------- */

enum lucid_error payment_get(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                             struct x402_payment *ret)
{
    struct lucid_span row;
    enum lucid_error error =
        ledger_txn_get(txn, PAYMENT_ROWS, lucid_span(id, X402_PAYMENT_ID_BYTES), &row);
    return error == LUCID_OK ? payment_row_read(row, ret) : error;
}

enum lucid_error payment_owner_get(struct ledger_txn *txn, const char *key,
                                   struct payment_owner *ret)
{
    struct lucid_span row;
    enum lucid_error error = ledger_txn_get(txn, PAYMENT_KEYS, lucid_span_str(key), &row);
    return error == LUCID_OK ? payment_owner_read(row, ret) : error;
}

enum lucid_error payment_identifier_get(struct ledger_txn *txn, struct lucid_span identifier,
                                        uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    struct lucid_span row;
    if (identifier.len == 0) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = ledger_txn_get(txn, PAYMENT_IDENTIFIERS, identifier, &row);
    if (error == LUCID_OK && row.len != X402_PAYMENT_ID_BYTES) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        memcpy(ret, row.data, X402_PAYMENT_ID_BYTES);
    }
    return error;
}

/* Whoever has a key keeps it. */
static enum lucid_error key_put(struct ledger_txn *txn, const char *key,
                                const struct payment_owner *owner)
{
    struct payment_owner standing;
    uint8_t row[PAYMENT_KEY_ROW_BYTES];
    enum lucid_error error = payment_owner_get(txn, key, &standing);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    payment_owner_write(owner, row);
    return ledger_txn_put(txn, PAYMENT_KEYS, lucid_span_str(key), lucid_span(row, sizeof(row)));
}

static enum lucid_error keys_put(struct ledger_txn *txn, const struct x402_payment *payment)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    struct payment_owner owner = {.recorded = false};
    size_t count = payment_keys(payment, keys);
    enum lucid_error error = LUCID_OK;
    memcpy(owner.id, payment->id, sizeof(owner.id));
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        error = key_put(txn, keys[i].text, &owner);
    }
    return error;
}

/* The keys of an intent without effect are free again. */
static enum lucid_error keys_del(struct ledger_txn *txn, const struct x402_payment *payment)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    size_t count = payment_keys(payment, keys);
    for (size_t i = 0; i < count; i++) {
        struct payment_owner owner;
        enum lucid_error error = payment_owner_get(txn, keys[i].text, &owner);
        if (error == LUCID_OK && !owner.recorded &&
            memcmp(owner.id, payment->id, sizeof(owner.id)) == 0) {
            error = ledger_txn_del(txn, PAYMENT_KEYS, lucid_span_str(keys[i].text));
        }
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    return LUCID_OK;
}

/* The same of identifiers. */
static enum lucid_error identifier_put(struct ledger_txn *txn, const struct x402_payment *payment)
{
    struct lucid_span row;
    struct lucid_span identifier = lucid_span_str(payment->identifier);
    if (identifier.len == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = ledger_txn_get(txn, PAYMENT_IDENTIFIERS, identifier, &row);
    return error == LUCID_NOTE_ABSENT ? ledger_txn_put(txn, PAYMENT_IDENTIFIERS, identifier,
                                                       lucid_span(payment->id, sizeof(payment->id)))
                                      : error;
}

static enum lucid_error identifier_del(struct ledger_txn *txn, const struct x402_payment *payment)
{
    uint8_t owner[X402_PAYMENT_ID_BYTES];
    struct lucid_span identifier = lucid_span_str(payment->identifier);
    enum lucid_error error = payment_identifier_get(txn, identifier, owner);
    if (error == LUCID_OK && memcmp(owner, payment->id, sizeof(owner)) == 0) {
        error = ledger_txn_del(txn, PAYMENT_IDENTIFIERS, identifier);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error list_del(struct ledger_txn *txn, unsigned table, struct lucid_span key)
{
    enum lucid_error error = ledger_txn_del(txn, table, key);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* Puts a payment into the lists that it belongs to and takes it from others. */
static enum lucid_error lists_update(struct ledger_txn *txn, const struct x402_payment *before,
                                     const struct x402_payment *after)
{
    uint8_t key[PAYMENT_ORDER_KEY_BYTES];
    uint8_t sequence[8];
    struct lucid_span id = lucid_span(after->id, sizeof(after->id));
    bool was_open = before != NULL && payment_is_open(before);
    enum lucid_error error = LUCID_OK;
    lucid_put_be64(sequence, after->first_sequence);
    if (before == NULL) {
        error = ledger_txn_put(txn, PAYMENT_ORDER, payment_order_key(0, after->first_sequence, key),
                               id);
    } else if (before->status != after->status) {
        error = list_del(txn, PAYMENT_ORDER,
                         payment_order_key(before->status, after->first_sequence, key));
    }
    if (error == LUCID_OK && (before == NULL || before->status != after->status)) {
        error = ledger_txn_put(txn, PAYMENT_ORDER,
                               payment_order_key(after->status, after->first_sequence, key), id);
    }
    if (error == LUCID_OK && was_open != payment_is_open(after)) {
        error = was_open
                    ? list_del(txn, PAYMENT_OPEN, lucid_span(sequence, sizeof(sequence)))
                    : ledger_txn_put(txn, PAYMENT_OPEN, lucid_span(sequence, sizeof(sequence)), id);
    }
    return error;
}

/* before NULL: the payment's first event. */
static enum lucid_error payment_put(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct x402_payment *before, struct x402_payment *after)
{
    uint8_t row[PAYMENT_ROW_BYTES_MAX];
    after->time_ms = event->time_ms;
    after->sequence = event->sequence;
    if (before == NULL) {
        after->first_sequence = event->sequence;
    }
    enum lucid_error error = lists_update(txn, before, after);
    if (error != LUCID_OK) {
        return error;
    }
    size_t len = payment_row_write(after, row);
    return ledger_txn_put(txn, PAYMENT_ROWS, lucid_span(after->id, sizeof(after->id)),
                          lucid_span(row, len));
}

/* --- events ----------------------------------------------------------------------------------- */

/* The payment that an event of a known one speaks of. */
static enum lucid_error payment_of(struct ledger_txn *txn, const struct jcs_value *id,
                                   struct x402_payment *ret)
{
    uint8_t bytes[X402_PAYMENT_ID_BYTES];
    enum lucid_error error = payment_id_read(id, bytes);
    if (error == LUCID_OK) {
        error = payment_get(txn, bytes, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* The same of an event that may be its first: *ret_known says if it is not. */
static enum lucid_error payment_begin(struct ledger_txn *txn, const struct jcs_value *root,
                                      struct x402_payment *ret, bool *ret_known)
{
    uint8_t bytes[X402_PAYMENT_ID_BYTES];
    enum lucid_error error = payment_id_read(jcs_member(root, "id"), bytes);
    if (error == LUCID_OK) {
        error = payment_get(txn, bytes, ret);
    }
    *ret_known = error == LUCID_OK;
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct x402_payment){.version = 0};
        error = LUCID_OK;
    }
    return error;
}

static enum lucid_error intent_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    struct x402_payment before;
    bool known;
    enum lucid_error error = payment_begin(txn, root, &before, &known);
    struct x402_payment after = {.status = X402_PENDING,
                                 .first_sequence = before.first_sequence,
                                 .intent_sequence = event->sequence};
    if (error == LUCID_OK) {
        error = payment_intent_read(root, &after);
    }
    if (error == LUCID_OK) {
        error = keys_put(txn, &after);
    }
    if (error == LUCID_OK) {
        error = identifier_put(txn, &after);
    }
    return error == LUCID_OK ? payment_put(txn, event, known ? &before : NULL, &after) : error;
}

/* payment.settled and payment.stray. */
static enum lucid_error settled_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct jcs_value *root, enum x402_status status)
{
    struct x402_payment before;
    bool known;
    uint8_t sequence[8];
    enum lucid_error error = payment_begin(txn, root, &before, &known);
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_payment after = before;
    error = payment_settled_read(root, &after);
    after.status = status;
    after.final = after.transfer.final;
    after.reason[0] = '\0';
    after.settled_sequence = event->sequence;
    if (error == LUCID_OK) {
        error = keys_put(txn, &after);
    }
    if (error == LUCID_OK) {
        error = identifier_put(txn, &after);
    }
    lucid_put_be64(sequence, event->sequence);
    if (error == LUCID_OK) {
        error = ledger_txn_put(txn, PAYMENT_SETTLED, lucid_span(sequence, sizeof(sequence)),
                               lucid_span(after.id, sizeof(after.id)));
    }
    return error == LUCID_OK ? payment_put(txn, event, known ? &before : NULL, &after) : error;
}

static enum lucid_error served_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    struct x402_payment before;
    enum lucid_error error = payment_of(txn, jcs_member(root, "id"), &before);
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_payment after = before;
    after.served = true;
    error = payment_request_read(root, &after.request);
    return error == LUCID_OK ? payment_put(txn, event, &before, &after) : error;
}

static enum lucid_error failed_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    struct x402_payment before;
    struct lucid_span reason;
    enum lucid_error error = payment_of(txn, jcs_member(root, "id"), &before);
    if (error == LUCID_OK) {
        error = payload_text(root, "reason", &reason);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_payment after = before;
    after.status = X402_FAILED;
    error = payload_copy(reason, after.reason, sizeof(after.reason));
    if (error == LUCID_OK) {
        error = keys_del(txn, &before);
    }
    if (error == LUCID_OK) {
        error = identifier_del(txn, &before);
    }
    return error == LUCID_OK ? payment_put(txn, event, &before, &after) : error;
}

static enum lucid_error reversed_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct jcs_value *root)
{
    struct x402_payment before;
    enum lucid_error error = payment_of(txn, jcs_member(root, "id"), &before);
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_payment after = before;
    after.status = X402_REVERSED;
    after.final = false;
    after.reversals++;
    return payment_put(txn, event, &before, &after);
}

static enum lucid_error final_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    const struct jcs_value *ids = jcs_member(root, "ids");
    const struct jcs_value *at = NULL;
    enum lucid_error error = ids == NULL ? LUCID_FATAL_CORRUPT : LUCID_OK;
    while (error == LUCID_OK && (at = jcs_next(ids, at)) != NULL) {
        struct x402_payment before;
        error = payment_of(txn, at, &before);
        if (error == LUCID_OK) {
            struct x402_payment after = before;
            after.final = true;
            error = payment_put(txn, event, &before, &after);
        }
    }
    return error;
}

/* x402/outflow.h */
static enum lucid_error refunded_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct jcs_value *root)
{
    struct x402_payment before;
    struct lucid_span text;
    uint64_t amount = 0;
    enum lucid_error error = payment_of(txn, jcs_member(root, "payment"), &before);
    if (error == LUCID_OK) {
        error = payload_text(root, "amount", &text);
    }
    if (error == LUCID_OK &&
        (!gas_amount_parse(text, &amount) || amount > before.amount - before.refunded)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_payment after = before;
    after.refunded += amount;
    return payment_put(txn, event, &before, &after);
}

static struct lucid_span text_of(const struct jcs_value *root, const char *name)
{
    const struct jcs_value *value = jcs_member(root, name);
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value) : lucid_span("", 0);
}

/* Any text may stand there; what names no transfer occupies nothing. */
static enum lucid_error recorded_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct jcs_value *root)
{
    char network[GAS_NETWORK_BYTES_MAX + 1];
    char transaction[GAS_TRANSACTION_BYTES_MAX + 1];
    struct x402_spent_key key;
    if (payload_copy(text_of(root, "network"), network, sizeof(network)) != LUCID_OK ||
        payload_copy(text_of(root, "transaction"), transaction, sizeof(transaction)) != LUCID_OK ||
        !payment_key_recorded(network, transaction, &key)) {
        return LUCID_OK;
    }
    struct payment_owner owner = {.recorded = true, .sequence = event->sequence};
    x402_payment_id(lucid_span_str(key.text), owner.id);
    return key_put(txn, key.text, &owner);
}

static enum lucid_error root_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                   const struct jcs_value *root)
{
    struct lucid_span type = event->type;
    if (lucid_span_is(type, type_recorded)) {
        return recorded_apply(txn, event, root);
    }
    if (lucid_span_is(type, type_refunded)) {
        return refunded_apply(txn, event, root);
    }
    if (lucid_span_is(type, payment_type_intent)) {
        return intent_apply(txn, event, root);
    }
    if (lucid_span_is(type, payment_type_settled)) {
        return settled_apply(txn, event, root, X402_SETTLED);
    }
    if (lucid_span_is(type, payment_type_stray)) {
        return settled_apply(txn, event, root, X402_STRAY);
    }
    if (lucid_span_is(type, payment_type_served)) {
        return served_apply(txn, event, root);
    }
    if (lucid_span_is(type, payment_type_failed)) {
        return failed_apply(txn, event, root);
    }
    if (lucid_span_is(type, payment_type_reversed)) {
        return reversed_apply(txn, event, root);
    }
    lucid_assert(lucid_span_is(type, payment_type_final));
    return final_apply(txn, event, root);
}

enum lucid_error payment_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYMENT_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = root_apply(txn, event, root);
    }
    lucid_arena_fini(&arena);
    return error;
}
