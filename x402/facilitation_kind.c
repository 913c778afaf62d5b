/* The facilitation kind: what is decided before an event is in the log. */
#include "base/assert.h"
#include "base/checked.h"
#include "gas/amount.h"
#include "x402/facilitation_internal.h"
#include "x402/payment_internal.h"

const char facilitation_type_begun[] = "facilitation.begun";
const char facilitation_type_ended[] = "facilitation.ended";

static const struct ledger_event_type types[] = {{.name = facilitation_type_begun, .version = 1},
                                                 {.name = facilitation_type_ended, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {
    [FACILITATION_ROWS] = "facilitations", [FACILITATION_DAYS] = "facilitation_days", NULL};
/* They say which recipients are ours. */
static const char *const listens[] = {"price.set", NULL};

/* JSON numbers are exact up to here. */
#define NUMBER_MAX (((uint64_t)1 << 53) - 1)

static const char *const status_names[] = {
    [X402_FACILITATION_OPEN] = "open",
    [X402_FACILITATION_SETTLED] = "settled",
    [X402_FACILITATION_FAILED] = "failed",
};

const char *x402_facilitated_status_name(enum x402_facilitated_status status)
{
    lucid_assert(status >= X402_FACILITATION_OPEN && status <= X402_FACILITATION_FAILED);
    return status_names[status];
}

bool x402_facilitated_status_parse(struct lucid_span name, enum x402_facilitated_status *ret)
{
    for (int status = X402_FACILITATION_OPEN; status <= X402_FACILITATION_FAILED; status++) {
        if (lucid_span_is(name, status_names[status])) {
            *ret = (enum x402_facilitated_status)status;
            return true;
        }
    }
    return false;
}

void x402_facilitation_prepare(struct x402_facilitation_command *command,
                               enum x402_facilitation_verb verb)
{
    *command = (struct x402_facilitation_command){
        .command = {.kind = &x402_facilitation_kind, .verb = (unsigned)verb},
    };
}

/* --- decide ----------------------------------------------------------------------------------- */

static enum lucid_error conflict(struct lucid_why *why, const char *code, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, code, NULL, "%s", text);
}

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_FACILITATION", param, "%s", text);
}

static enum lucid_error numbers_check(struct x402_facilitated *one, struct lucid_why *why)
{
    lucid_assert(gas_name_ok(lucid_span_str(one->client), X402_CLIENT_NAME_BYTES_MAX));
    lucid_assert(gas_name_ok(lucid_span_str(one->network), X402_CAIP2_BYTES_MAX));
    lucid_assert(one->version == 1 || one->version == 2);
    if (!evm_u256_u64(&one->authorization.value, &one->amount) || one->amount == 0 ||
        one->amount > GAS_AMOUNT_MAX) {
        return invalid(why, "amount", "an amount is 1 to 2^63 - 1 base units");
    }
    if (one->reserve_wei > GAS_AMOUNT_MAX) {
        return invalid(why, "reserve_wei", "the gas to be set aside is over 2^63 - 1 wei");
    }
    if (one->from_block > NUMBER_MAX) {
        return invalid(why, "from_block", "no chain is so high");
    }
    return LUCID_OK;
}

/* Our own money is not to be settled as somebody else's. */
static enum lucid_error pay_to_check(struct ledger_txn *txn, const struct x402_facilitated *one,
                                     struct lucid_why *why)
{
    static const char code[] = "FACILITATION_PAY_TO";
    const struct evm_address *to = &one->authorization.to;
    if (memcmp(to->bytes, one->sender.bytes, EVM_ADDRESS_BYTES) == 0) {
        return conflict(why, code, "the recipient is a gas address of ours");
    }
    enum lucid_error error = facilitation_address_get(txn, to);
    if (error == LUCID_OK) {
        return conflict(why, code, "the recipient is that of prices of ours");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* No payment of our gate, and none that was recorded, has the authorization. */
static enum lucid_error key_check(struct ledger_txn *txn, const char *key, struct lucid_why *why)
{
    struct lucid_span row;
    enum lucid_error error =
        ledger_txn_peek(txn, &x402_payment_kind, PAYMENT_KEYS, lucid_span_str(key), &row);
    if (error == LUCID_OK) {
        return conflict(why, "PAYMENT_ALREADY_SPENT", "the authorization is a payment of our own");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error budget_check(struct ledger_txn *txn,
                                     const struct x402_facilitation_command *command,
                                     struct lucid_why *why)
{
    const struct x402_facilitated *one = &command->facilitated;
    struct x402_facilitation_day day;
    uint64_t sum;
    enum lucid_error error = facilitation_day_get(txn, one->client, one->day, &day);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_add_u64(day.reserved_wei, day.spent_wei, &sum) ||
        !lucid_add_u64(sum, one->reserve_wei, &sum) || sum > command->day_max_wei) {
        return conflict(why, "FACILITATION_BUDGET", "the client's gas of this day is used up");
    }
    return LUCID_OK;
}

static enum lucid_error standing_check(struct ledger_txn *txn, const struct x402_facilitated *one,
                                       struct lucid_why *why)
{
    struct x402_facilitated standing;
    enum lucid_error error = facilitation_get(txn, one->id, &standing);
    if (error == LUCID_OK && standing.status == X402_FACILITATION_OPEN) {
        return lucid_refuse(why, LUCID_RETRY_BUSY, "PAYMENT_PENDING", NULL,
                            "this authorization is being settled");
    }
    if (error == LUCID_OK && standing.status == X402_FACILITATION_SETTLED) {
        return conflict(why, "PAYMENT_ALREADY_SPENT", "this authorization was settled");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error begin_decide(struct ledger_txn *txn,
                                     struct x402_facilitation_command *command,
                                     struct lucid_why *why)
{
    struct x402_facilitated *one = &command->facilitated;
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    struct lucid_buf text;
    one->status = X402_FACILITATION_OPEN;
    one->day = ledger_txn_now_ms(txn) / X402_DAY_MS;
    (void)facilitation_keys(one, keys);
    x402_payment_id(lucid_span_str(keys[0].text), one->id);
    enum lucid_error error = numbers_check(one, why);
    if (error == LUCID_OK) {
        error = standing_check(txn, one, why);
    }
    if (error == LUCID_OK) {
        error = key_check(txn, keys[0].text, why);
    }
    if (error == LUCID_OK) {
        error = pay_to_check(txn, one, why);
    }
    if (error == LUCID_OK) {
        error = budget_check(txn, command, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&text, FACILITATION_PAYLOAD_BYTES_MAX);
    facilitation_begun_write(one, &text);
    return payload_draft(txn, facilitation_type_begun, &text, NULL);
}

static enum lucid_error end_decide(struct ledger_txn *txn,
                                   struct x402_facilitation_command *command, struct lucid_why *why)
{
    struct x402_facilitated *one = &command->facilitated;
    struct x402_facilitated standing;
    struct lucid_buf text;
    enum lucid_error error = facilitation_get(txn, one->id, &standing);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", NULL,
                            "there is no such facilitation");
    }
    if (error != LUCID_OK) {
        return error;
    }
    command->ret_known = standing.status != X402_FACILITATION_OPEN;
    if (command->ret_known) {
        return LUCID_OK;
    }
    lucid_assert(one->status == X402_FACILITATION_SETTLED ||
                 one->status == X402_FACILITATION_FAILED);
    lucid_assert(one->status == X402_FACILITATION_SETTLED ||
                 payload_name_ok(one->reason, X402_REASON_BYTES_MAX));
    if (one->gas_wei > GAS_AMOUNT_MAX || one->log_index > NUMBER_MAX || one->block > NUMBER_MAX) {
        return invalid(why, "transaction", "no chain has such numbers");
    }
    lucid_buf_init(&text, FACILITATION_PAYLOAD_BYTES_MAX);
    facilitation_ended_write(one, &text);
    return payload_draft(txn, facilitation_type_ended, &text, NULL);
}

static enum lucid_error decide(struct ledger_txn *txn, struct ledger_command *base,
                               struct lucid_why *why)
{
    struct x402_facilitation_command *command = (struct x402_facilitation_command *)base;
    command->ret_known = false;
    return base->verb == X402_FACILITATION_BEGIN ? begin_decide(txn, command, why)
                                                 : end_decide(txn, command, why);
}

static void conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_facilitation_command *command = (struct x402_facilitation_command *)base;
    enum lucid_error error = facilitation_get(txn, command->facilitated.id, &command->facilitated);
    if (error != LUCID_OK) {
        base->error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
}

/* --- the veto over payments of our gate ------------------------------------------------------- */

static enum lucid_error guard(struct ledger_txn *txn, const struct ledger_command *base,
                              struct lucid_why *why)
{
    const struct x402_payment *payment = &((const struct x402_payment_command *)base)->payment;
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    bool transfer = base->verb == X402_SETTLE && payment->scheme == X402_SCHEME_TRANSFER;
    if (base->verb != X402_INTEND && !transfer) {
        return LUCID_OK; /* of a payment that was let through before */
    }
    size_t count = payment_keys(payment, keys);
    for (size_t i = 0; i < count; i++) {
        uint8_t owner[X402_PAYMENT_ID_BYTES];
        enum lucid_error error = facilitation_key_get(txn, keys[i].text, owner);
        if (error == LUCID_OK) {
            return conflict(why, "PAYMENT_ALREADY_SPENT",
                            "the authorization was settled for a client of this facilitator");
        }
        if (error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    return LUCID_OK;
}

const struct ledger_kind x402_facilitation_kind = {
    .name = "facilitation",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .listens = listens,
    .guards = "payment",
    .decide = decide,
    .guard = guard,
    .apply = facilitation_apply,
    .conclude = conclude,
};
