/* The kind of what goes out: its names, its table, and what it keeps other kinds from. */
#include "x402/outflow.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "gas/payment_types.h"
#include "x402/outflow_internal.h"
#include "x402/payment_internal.h"

const char outflow_type_ordered[] = "outflow.ordered";
const char outflow_type_dropped[] = "outflow.dropped";
const char outflow_type_recorded[] = "outflow.recorded";
const char outflow_type_refunded[] = GAS_TYPE_PAYMENT_REFUNDED;

static const struct ledger_event_type types[] = {
    {.name = outflow_type_ordered, .version = 1},
    {.name = outflow_type_dropped, .version = 1},
    {.name = outflow_type_recorded, .version = 1},
    {.name = outflow_type_refunded, .version = 1},
    {.name = NULL},
};
static const char *const tables[] = {
    [OUTFLOW_ROWS] = "x402_outflows",
    [OUTFLOW_KEYS] = "x402_outflow_keys",
    [OUTFLOW_REFUNDS] = "x402_refunds",
    NULL,
};

const char *x402_outflow_state_name(enum x402_outflow_state state)
{
    static const char *const names[] = {
        [X402_OUTFLOW_ORDERED] = "ordered",
        [X402_OUTFLOW_DROPPED] = "dropped",
        [X402_OUTFLOW_RECORDED] = "recorded",
    };
    lucid_assert(state >= X402_OUTFLOW_ORDERED && state <= X402_OUTFLOW_RECORDED);
    return names[state];
}

void x402_purpose_payout(uint64_t payout, char ret[X402_PURPOSE_BYTES_MAX + 1])
{
    (void)snprintf(ret, X402_PURPOSE_BYTES_MAX + 1, "payout:%" PRIu64, payout);
}

void x402_purpose_refund(const uint8_t payment[X402_PAYMENT_ID_BYTES], const char *external_id,
                         char ret[X402_PURPOSE_BYTES_MAX + 1])
{
    char id[2 * X402_PAYMENT_ID_BYTES + 1];
    lucid_hex_encode(payment, X402_PAYMENT_ID_BYTES, id);
    id[2 * X402_PAYMENT_ID_BYTES] = '\0';
    (void)snprintf(ret, X402_PURPOSE_BYTES_MAX + 1, "refund:%s:%s", id, external_id);
}

void x402_outflow_prepare(struct x402_outflow_command *command, enum x402_outflow_verb verb)
{
    *command = (struct x402_outflow_command){
        .command = {.kind = &x402_outflow_kind, .verb = (unsigned)verb},
    };
}

/* --- guarding --------------------------------------------------------------------------------- */

/* A payment's money that is given back must stay; and what went out is no payment. */
static enum lucid_error payment_guard_ask(struct ledger_txn *txn,
                                          const struct x402_payment_command *command,
                                          struct lucid_why *why)
{
    const struct x402_payment *payment = &command->payment;
    struct x402_refunded refunded;
    struct x402_spent_key key;
    struct lucid_span row;
    enum lucid_error error = LUCID_OK;
    bool serving = !command->ret_known && (command->paid != NULL || command->reads);
    if (command->command.verb == X402_REVERSE || serving) {
        error = outflow_refunded_get(txn, payment->id, &refunded);
        if (error == LUCID_OK && (refunded.amount > 0 || refunded.ordered > 0)) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT,
                                serving ? "PAYMENT_ALREADY_SPENT" : "PAYMENT_STATE", NULL,
                                "the payment is given back");
        }
    }
    if (error != LUCID_OK || command->command.verb != X402_SETTLE ||
        payment->scheme != X402_SCHEME_TRANSFER) {
        return error;
    }
    payment_key_transfer(payment->network, &payment->transfer.transaction,
                         payment->transfer.log_index, &key);
    error = ledger_txn_get(txn, OUTFLOW_KEYS, lucid_span_str(key.text), &row);
    if (error == LUCID_OK) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT", NULL,
                            "the transfer is a refund or a payout");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* The same of a payment that is recorded by hand: a transfer, or all of a transaction. */
static enum lucid_error recorded_guard_ask(struct ledger_txn *txn,
                                           const struct gas_payment *payment, struct lucid_why *why)
{
    struct x402_spent_key key;
    struct lucid_span found;
    struct lucid_span row;
    if (!payment_key_recorded(payment->network, payment->transaction, &key)) {
        return LUCID_OK;
    }
    struct lucid_span text = lucid_span_str(key.text);
    size_t prefix = payment_key_prefix(text);
    bool whole = prefix > 0 && strcmp(key.text + prefix, "all") == 0;
    if (whole) {
        text.len = prefix;
    }
    enum lucid_error error = ledger_txn_seek(txn, OUTFLOW_KEYS, STORE_SEEK_GE, text, &found, &row);
    if (error == LUCID_OK && found.len >= text.len && (whole || found.len == text.len) &&
        memcmp(found.data, text.data, text.len) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT", "transaction",
                            "a refund or payout was made by this transaction");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* A payout whose transfer may be under way is ended together with its outflow. */
static enum lucid_error payout_guard_ask(struct ledger_txn *txn,
                                         const struct gas_payout_command *command,
                                         struct lucid_why *why)
{
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    struct x402_outflow standing;
    const struct ledger_command *next = command->command.next_part;
    if (command->command.verb == GAS_PAYOUT_START || command->ret_known ||
        (next != NULL && next->kind == &x402_outflow_kind)) {
        return LUCID_OK;
    }
    x402_purpose_payout(command->payout.number, purpose);
    enum lucid_error error = outflow_get(txn, purpose, &standing);
    if (error == LUCID_OK && standing.state == X402_OUTFLOW_ORDERED) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", NULL,
                            "a transfer was ordered for payout %" PRIu64 " and has not ended",
                            command->payout.number);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

enum lucid_error outflow_guard(struct ledger_txn *txn, const struct ledger_command *base,
                               struct lucid_why *why)
{
    if (base->kind == &x402_payment_kind) {
        return payment_guard_ask(txn, (const struct x402_payment_command *)base, why);
    }
    if (base->kind == &gas_revenue_kind) {
        return recorded_guard_ask(txn, &((const struct gas_payment_command *)base)->payment, why);
    }
    if (base->kind == &gas_settlement_kind) {
        return payout_guard_ask(txn, (const struct gas_payout_command *)base, why);
    }
    return LUCID_OK;
}

/* --- the kind --------------------------------------------------------------------------------- */

static void outflow_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_outflow_command *command = (struct x402_outflow_command *)base;
    command->draft = NULL; /* the batch's memory */
    base->error = outflow_get(txn, command->outflow.purpose, &command->outflow);
    if (base->error == LUCID_NOTE_ABSENT) {
        base->error = LUCID_FATAL_CORRUPT;
    }
}

const struct ledger_kind x402_outflow_kind = {
    .name = "outflow",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .guards = "*",
    .decide = outflow_decide,
    .guard = outflow_guard,
    .apply = outflow_apply,
    .conclude = outflow_conclude,
};
