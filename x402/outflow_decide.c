/* The outflow kind: what is decided before an event is in the log. */
#include "base/assert.h"
#include "x402/outflow_internal.h"
#include "x402/payment_internal.h"

/* JSON numbers are exact up to here. */
#define NUMBER_MAX (((uint64_t)1 << 53) - 1)

/* --- refusals --------------------------------------------------------------------------------- */

static enum lucid_error absent_refuse(struct lucid_why *why, const char *what)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", NULL, "there is no such %s", what);
}

static enum lucid_error invalid_refuse(struct lucid_why *why, const struct x402_outflow *outflow,
                                       const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID,
                        outflow->refund ? "INVALID_REFUND" : "INVALID_PAYOUT", param, "%s", text);
}

static enum lucid_error used_refuse(struct lucid_why *why, const struct x402_outflow *standing)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT",
                        standing->refund ? "external_id" : NULL, "this was %s otherwise already",
                        x402_outflow_state_name(standing->state));
}

static enum lucid_error state_refuse(struct lucid_why *why, const struct x402_outflow *standing)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "OUTFLOW_STATE", NULL, "the outflow is %s",
                        x402_outflow_state_name(standing->state));
}

/* --- checks ----------------------------------------------------------------------------------- */

/* What can be said without looking at anything. */
static enum lucid_error terms_check(const struct x402_outflow *outflow, struct lucid_why *why)
{
    lucid_assert(gas_name_ok(lucid_span_str(outflow->network), X402_CAIP2_BYTES_MAX));
    if (outflow->refund && !gas_name_ok(lucid_span_str(outflow->external_id), GAS_NAME_BYTES_MAX)) {
        return invalid_refuse(why, outflow, "external_id",
                              "external_id is 1 to 128 of A-Za-z0-9._:-");
    }
    if (outflow->note[0] != '\0' && !payload_name_ok(outflow->note, GAS_NOTE_BYTES_MAX)) {
        return invalid_refuse(why, outflow, "note",
                              "a note is at most 256 bytes of UTF-8 without control characters");
    }
    if (outflow->amount == 0 || outflow->amount > GAS_AMOUNT_MAX) {
        return invalid_refuse(why, outflow, "amount", "an amount is 1 to 2^63 - 1 base units");
    }
    if (outflow->ordered && (outflow->nonce > NUMBER_MAX || outflow->from_block > NUMBER_MAX)) {
        return invalid_refuse(why, outflow, "nonce", "no chain has such numbers");
    }
    return LUCID_OK;
}

static bool address_is(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, EVM_ADDRESS_BYTES) == 0;
}

static enum lucid_error payment_peek(struct ledger_txn *txn,
                                     const uint8_t id[X402_PAYMENT_ID_BYTES],
                                     struct x402_payment *ret)
{
    struct lucid_span row;
    enum lucid_error error = ledger_txn_peek(txn, &x402_payment_kind, PAYMENT_ROWS,
                                             lucid_span(id, X402_PAYMENT_ID_BYTES), &row);
    return error == LUCID_OK ? payment_row_read(row, ret) : error;
}

/* The payment that is to be refunded, if it can be by such a transfer. */
static enum lucid_error refund_check(struct ledger_txn *txn, const struct x402_outflow *outflow,
                                     struct x402_payment *ret, struct lucid_why *why)
{
    enum lucid_error error = payment_peek(txn, outflow->payment, ret);
    if (error == LUCID_NOTE_ABSENT) {
        return absent_refuse(why, "payment");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (ret->status != X402_SETTLED && ret->status != X402_STRAY) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL, "the payment is %s",
                            x402_status_name(ret->status));
    }
    if (!ret->final) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL,
                            "the payment is not final yet: a reorganisation could still take it");
    }
    if (ret->scheme == X402_SCHEME_SOLANA || strcmp(ret->network, outflow->network) != 0) {
        return invalid_refuse(why, outflow, "network",
                              "a refund goes over the payment's own network, which must be one "
                              "that is looked at here");
    }
    if (!address_is(&ret->token, &outflow->token)) {
        return invalid_refuse(why, outflow, "transaction", "it is a transfer of another token");
    }
    if (!address_is(&ret->payer, &outflow->to)) {
        return invalid_refuse(why, outflow, "to", "a refund goes to the payment's payer");
    }
    return LUCID_OK;
}

/* So much of the payment is left. */
static enum lucid_error refund_room(const struct x402_payment *payment, uint64_t amount,
                                    const struct x402_refunded *refunded, struct lucid_why *why)
{
    uint64_t left = payment->amount - refunded->amount - refunded->ordered;
    if (amount <= left) {
        return LUCID_OK;
    }
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "REFUND_EXCEEDS", "amount",
                        "%llu base units of the payment are left to refund, not %llu",
                        (unsigned long long)left, (unsigned long long)amount);
}

/* The payout that the transfer is to pay, or pays. `paid`: the part that completes it. */
static enum lucid_error payout_check(struct ledger_txn *txn, const struct x402_outflow *outflow,
                                     const struct gas_payout_command *paid, struct lucid_why *why)
{
    struct gas_payout payout;
    enum lucid_error error = LUCID_OK;
    static const struct evm_address nobody;
    if (paid != NULL) {
        payout = paid->payout; /* as it was decided, or asked for by its number */
    }
    if (paid == NULL || paid->command.verb != GAS_PAYOUT_RECORD) {
        error = gas_payout_peek(txn, outflow->payout, &payout);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return absent_refuse(why, "payout");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (paid == NULL && payout.state != GAS_PAYOUT_STARTED) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "OUTFLOW_STATE", NULL, "the payout has %s",
                            gas_payout_state_name(payout.state));
    }
    if (payout.unit != GAS_USDC || payout.amount != outflow->amount) {
        return invalid_refuse(why, outflow, "amount", "it is not the payout's amount");
    }
    if (address_is(&outflow->to, &nobody)) {
        return invalid_refuse(why, outflow, "to", "a payout goes to an address");
    }
    return LUCID_OK;
}

/* --- transfers -------------------------------------------------------------------------------- */

static enum lucid_error spent_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "TRANSFER_SPENT", "transaction", "%s", text);
}

static enum lucid_error transfer_check(struct ledger_txn *txn, const struct x402_outflow *outflow,
                                       struct lucid_why *why)
{
    const struct x402_transfer *transfer = &outflow->transfer;
    struct x402_spent_key keys[2];
    struct lucid_span row;
    if (!address_is(&transfer->payer, &outflow->from) || transfer->amount != outflow->amount) {
        return invalid_refuse(why, outflow, "transaction", "it is another transfer");
    }
    if (transfer->log_index > NUMBER_MAX || transfer->block > NUMBER_MAX ||
        transfer->block_time > NUMBER_MAX) {
        return invalid_refuse(why, outflow, "transaction", "no chain has such numbers");
    }
    payment_key_transfer(outflow->network, &transfer->transaction, transfer->log_index, &keys[0]);
    payment_key_all(outflow->network, &transfer->transaction, &keys[1]);
    enum lucid_error error = ledger_txn_get(txn, OUTFLOW_KEYS, lucid_span_str(keys[0].text), &row);
    if (error == LUCID_OK) {
        return spent_refuse(why, "the transfer was counted for another refund or payout");
    }
    for (size_t i = 0; error == LUCID_NOTE_ABSENT && i < 2; i++) {
        error = ledger_txn_peek(txn, &x402_payment_kind, PAYMENT_KEYS, lucid_span_str(keys[i].text),
                                &row);
    }
    if (error == LUCID_OK) {
        return spent_refuse(why, "the transfer is a payment to us");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* Whether the treasury has just such a transfer under way: this may be its, and is not another's
 * before it has ended. */
static enum lucid_error twin_check(struct ledger_txn *txn, const struct x402_outflow *outflow,
                                   struct lucid_why *why)
{
    uint8_t bytes[OUTFLOW_ORDER_KEY_BYTES];
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    struct x402_outflow order = {.first_sequence = 0};
    struct lucid_span key;
    struct lucid_span named;
    for (;;) {
        struct lucid_span after =
            outflow_order_key(X402_OUTFLOW_ORDERED, order.first_sequence, bytes);
        enum lucid_error error =
            ledger_txn_seek(txn, OUTFLOW_ROWS, STORE_SEEK_GT, after, &key, &named);
        if (error == LUCID_NOTE_ABSENT ||
            (error == LUCID_OK &&
             (key.len != after.len || key.data[0] != 0 || key.data[1] != X402_OUTFLOW_ORDERED))) {
            return LUCID_OK;
        }
        if (error == LUCID_OK) {
            error = payload_copy(named, purpose, sizeof(purpose));
        }
        if (error == LUCID_OK) {
            error = outflow_get(txn, purpose, &order);
        }
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        if (strcmp(order.network, outflow->network) == 0 &&
            address_is(&order.token, &outflow->token) && address_is(&order.from, &outflow->from) &&
            address_is(&order.to, &outflow->to) && order.amount == outflow->amount) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "OUTFLOW_STATE", "transaction",
                                "the treasury is sending such a transfer, and it has not ended");
        }
    }
}

static bool same_transfer(const struct x402_transfer *a, const struct x402_transfer *b)
{
    return memcmp(a->transaction.bytes, b->transaction.bytes, EVM_HASH_BYTES) == 0 &&
           a->log_index == b->log_index;
}

/* Whether both say the same but for what an order or the chain adds. */
static bool same_terms(const struct x402_outflow *a, const struct x402_outflow *b)
{
    return strcmp(a->network, b->network) == 0 && address_is(&a->token, &b->token) &&
           address_is(&a->from, &b->from) && address_is(&a->to, &b->to) && a->amount == b->amount &&
           strcmp(a->note, b->note) == 0;
}

/* --- drafts ----------------------------------------------------------------------------------- */

/* Back out of suspense. */
static enum lucid_error stray_write(struct ledger_txn *txn, const struct x402_payment *payment,
                                    uint64_t amount, const struct outflow_members *members,
                                    struct lucid_buf *out, struct lucid_why *why)
{
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char suspense[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_clearing(lucid_span_str(payment->facilitator), GAS_USDC, clearing);
    gas_account_suspense("payment", lucid_span_str(payment->asset), GAS_USDC, suspense);
    const struct gas_posting_draft posting = {
        .debit = suspense, .credit = clearing, .amount = amount, .what = GAS_REFUND_STRAY};
    enum lucid_error error = gas_postings_check(txn, &posting, 1, "amount", why);
    if (error == LUCID_OK) {
        outflow_stray_write(payment, amount, &posting, members, out);
    }
    return error;
}

/* payment NULL: nothing is posted by it. */
static enum lucid_error news_draft(struct ledger_txn *txn, struct x402_outflow_command *command,
                                   const char *type, const struct x402_payment *payment,
                                   uint64_t refunded_before, struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct outflow_members members;
    struct lucid_buf text;
    enum lucid_error error = outflow_members_make(outflow, &members);
    lucid_buf_init(&text, OUTFLOW_PAYLOAD_BYTES_MAX);
    if (error == LUCID_OK && payment == NULL) {
        outflow_write(outflow->amount, &members, &text);
    } else if (error == LUCID_OK && payment->status == X402_STRAY) {
        error = stray_write(txn, payment, outflow->amount, &members, &text, why);
    } else if (error == LUCID_OK) {
        const struct gas_revenue_refund refund = {
            .sequence = payment->settled_sequence,
            .before = refunded_before,
            .amount = outflow->amount,
            .members = members.items,
            .member_count = members.count,
        };
        error = gas_revenue_refund(txn, &refund, &text, outflow->legs, why);
    }
    outflow_members_fini(&members);
    if (error != LUCID_OK) {
        lucid_buf_fini(&text);
        return error;
    }
    return payload_draft(txn, type, &text, &command->draft);
}

static enum lucid_error known(struct x402_outflow_command *command)
{
    command->ret_known = true;
    return LUCID_OK;
}

/* --- verbs ------------------------------------------------------------------------------------ */

/* Whether the order can be carried out by such a transaction. */
static enum lucid_error order_check(struct ledger_txn *txn, const struct x402_outflow *outflow,
                                    struct lucid_why *why)
{
    struct x402_payment payment;
    struct x402_refunded refunded;
    struct x402_spent_key key;
    struct lucid_span row;
    enum lucid_error error = LUCID_OK;
    if (outflow->refund) {
        error = refund_check(txn, outflow, &payment, why);
        if (error == LUCID_OK) {
            error = outflow_refunded_get(txn, outflow->payment, &refunded);
        }
        if (error == LUCID_OK) {
            error = refund_room(&payment, outflow->amount, &refunded, why);
        }
    } else {
        error = payout_check(txn, outflow, NULL, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    outflow_nonce_key(outflow, &key);
    error = ledger_txn_get(txn, OUTFLOW_KEYS, lucid_span_str(key.text), &row);
    if (error == LUCID_OK) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "NONCE_TAKEN", "nonce",
                            "another order has that nonce");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error order_decide(struct ledger_txn *txn, struct x402_outflow_command *command,
                                     struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct x402_outflow standing;
    outflow->ordered = true;
    outflow->has_transfer = false;
    enum lucid_error error = terms_check(outflow, why);
    if (error != LUCID_OK) {
        return error;
    }
    outflow_purpose(outflow, outflow->purpose);
    error = outflow_get(txn, outflow->purpose, &standing);
    if (error == LUCID_OK && standing.state == X402_OUTFLOW_ORDERED) {
        return same_terms(&standing, outflow) && standing.nonce == outflow->nonce
                   ? known(command)
                   : used_refuse(why, &standing);
    }
    if (error == LUCID_OK && standing.state == X402_OUTFLOW_RECORDED) {
        return state_refuse(why, &standing);
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = order_check(txn, outflow, why);
    }
    return error == LUCID_OK ? news_draft(txn, command, outflow_type_ordered, NULL, 0, why) : error;
}

static enum lucid_error drop_decide(struct ledger_txn *txn, struct x402_outflow_command *command,
                                    struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct x402_outflow standing;
    struct lucid_buf text;
    lucid_assert(payload_name_ok(outflow->reason, X402_REASON_BYTES_MAX));
    enum lucid_error error = outflow_get(txn, outflow->purpose, &standing);
    if (error == LUCID_NOTE_ABSENT) {
        return absent_refuse(why, "outflow");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (standing.state == X402_OUTFLOW_DROPPED) {
        return known(command);
    }
    if (standing.state == X402_OUTFLOW_RECORDED) {
        return state_refuse(why, &standing);
    }
    lucid_buf_init(&text, OUTFLOW_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "purpose", outflow->purpose);
    lucid_json_member_cstr(&text, "reason", outflow->reason);
    lucid_buf_char(&text, '}');
    return payload_draft(txn, outflow_type_dropped, &text, &command->draft);
}

/* The transfer is there: counted, with what it means for the books. */
static enum lucid_error record_draft(struct ledger_txn *txn, struct x402_outflow_command *command,
                                     bool was_ordered, struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct x402_payment payment;
    struct x402_refunded refunded;
    outflow->has_transfer = true;
    enum lucid_error error = terms_check(outflow, why);
    if (error == LUCID_OK) {
        error = transfer_check(txn, outflow, why);
    }
    if (error == LUCID_OK && !outflow->refund) {
        error = payout_check(txn, outflow, command->paid, why);
        return error == LUCID_OK ? news_draft(txn, command, outflow_type_recorded, NULL, 0, why)
                                 : error;
    }
    if (error == LUCID_OK) {
        error = refund_check(txn, outflow, &payment, why);
    }
    if (error == LUCID_OK) {
        error = outflow_refunded_get(txn, outflow->payment, &refunded);
    }
    if (error == LUCID_OK && was_ordered) {
        refunded.ordered -= outflow->amount;
    }
    if (error == LUCID_OK) {
        error = refund_room(&payment, outflow->amount, &refunded, why);
    }
    return error == LUCID_OK
               ? news_draft(txn, command, outflow_type_refunded, &payment, refunded.amount, why)
               : error;
}

/* By its purpose alone. */
static enum lucid_error ordered_record(struct ledger_txn *txn, struct x402_outflow_command *command,
                                       struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct x402_outflow standing;
    enum lucid_error error = outflow_get(txn, outflow->purpose, &standing);
    if (error == LUCID_NOTE_ABSENT) {
        return absent_refuse(why, "outflow");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (standing.state == X402_OUTFLOW_RECORDED) {
        return same_transfer(&standing.transfer, &outflow->transfer) ? known(command)
                                                                     : state_refuse(why, &standing);
    }
    if (standing.state != X402_OUTFLOW_ORDERED) {
        return state_refuse(why, &standing);
    }
    standing.transfer = outflow->transfer;
    *outflow = standing;
    return record_draft(txn, command, true, why);
}

static enum lucid_error record_decide(struct ledger_txn *txn, struct x402_outflow_command *command,
                                      struct lucid_why *why)
{
    struct x402_outflow *outflow = &command->outflow;
    struct x402_outflow standing;
    if (outflow->network[0] == '\0') {
        return ordered_record(txn, command, why);
    }
    outflow->ordered = false;
    if (!outflow->refund && command->paid != NULL && outflow->payout == 0) {
        outflow->payout = command->paid->payout.number;
    }
    outflow_purpose(outflow, outflow->purpose);
    enum lucid_error error = outflow_get(txn, outflow->purpose, &standing);
    if (error == LUCID_OK && standing.state == X402_OUTFLOW_RECORDED) {
        return same_terms(&standing, outflow) &&
                       same_transfer(&standing.transfer, &outflow->transfer)
                   ? known(command)
                   : used_refuse(why, &standing);
    }
    if (error == LUCID_OK && standing.state == X402_OUTFLOW_ORDERED) {
        return used_refuse(why, &standing);
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = twin_check(txn, outflow, why);
    }
    return error == LUCID_OK ? record_draft(txn, command, false, why) : error;
}

enum lucid_error outflow_decide(struct ledger_txn *txn, struct ledger_command *base,
                                struct lucid_why *why)
{
    struct x402_outflow_command *command = (struct x402_outflow_command *)base;
    command->ret_known = false;
    command->draft = NULL;
    switch (base->verb) {
    case X402_OUTFLOW_ORDER:
        return order_decide(txn, command, why);
    case X402_OUTFLOW_DROP:
        return drop_decide(txn, command, why);
    default:
        lucid_assert(base->verb == X402_OUTFLOW_RECORD);
        return record_decide(txn, command, why);
    }
}
