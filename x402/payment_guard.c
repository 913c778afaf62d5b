/* The payment kind's veto over payments that are recorded by hand. */
#include "x402/payment_internal.h"

/* Whether any key begins with that. */
static enum lucid_error prefix_seek(struct ledger_txn *txn, struct lucid_span prefix)
{
    struct lucid_span key;
    struct lucid_span row;
    enum lucid_error error = ledger_txn_seek(txn, PAYMENT_KEYS, STORE_SEEK_GE, prefix, &key, &row);
    if (error == LUCID_OK &&
        (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0)) {
        error = LUCID_NOTE_ABSENT;
    }
    return error;
}

/* An external payment that is to be recorded must not be of a transfer that counts already. */
enum lucid_error payment_guard(struct ledger_txn *txn, const struct ledger_command *base,
                               struct lucid_why *why)
{
    const struct gas_payment *payment = &((const struct gas_payment_command *)base)->payment;
    struct x402_spent_key key;
    struct payment_owner owner;
    enum lucid_error error;
    if (!payment_key_recorded(payment->network, payment->transaction, &key)) {
        return LUCID_OK;
    }
    struct lucid_span text = lucid_span_str(key.text);
    size_t prefix = payment_key_prefix(text);
    bool whole = prefix > 0 && strcmp(key.text + prefix, "all") == 0;
    error = whole ? prefix_seek(txn, lucid_span(text.data, prefix))
                  : payment_owner_get(txn, key.text, &owner);
    if (error == LUCID_NOTE_ABSENT && prefix > 0 && !whole) {
        memcpy(key.text + prefix, "all", 4);
        error = payment_owner_get(txn, key.text, &owner);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT", "transaction",
                        "a payment by this transaction was recorded");
}
