/* The payment kind: what is decided before an event is in the log. Rows and payloads are in
 * docs/FORMAT.md. */
#include "base/assert.h"
#include "base/log.h"
#include "ledger/payload.h"
#include "x402/payment_internal.h"

const char payment_type_intent[] = "payment.intent";
const char payment_type_settled[] = "payment.settled";
const char payment_type_served[] = "payment.served";
const char payment_type_failed[] = "payment.failed";
const char payment_type_stray[] = "payment.stray";
const char payment_type_reversed[] = "payment.reversed";
const char payment_type_final[] = "payment.final";

static const struct ledger_event_type types[] = {
    {.name = payment_type_intent, .version = 1}, {.name = payment_type_settled, .version = 1},
    {.name = payment_type_served, .version = 1}, {.name = payment_type_failed, .version = 1},
    {.name = payment_type_stray, .version = 1},  {.name = payment_type_reversed, .version = 1},
    {.name = payment_type_final, .version = 1},  {.name = NULL},
};
static const char *const tables[] = {
    [PAYMENT_ROWS] = "x402_payments",
    [PAYMENT_KEYS] = "x402_keys",
    [PAYMENT_ORDER] = "x402_order",
    [PAYMENT_OPEN] = "x402_open",
    [PAYMENT_SETTLED] = "x402_settled",
    [PAYMENT_IDENTIFIERS] = "x402_identifiers",
    NULL,
};
/* They occupy keys; they give money back. */
static const char *const listens[] = {"payment.recorded", "payment.refunded", NULL};

/* JSON numbers are exact up to here. */
#define NUMBER_MAX (((uint64_t)1 << 53) - 1)

/* --- refusals --------------------------------------------------------------------------------- */

static enum lucid_error spent_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT", NULL, "%s", text);
}

static enum lucid_error pending_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_RETRY_BUSY, "PAYMENT_PENDING", NULL, "%s", text);
}

/* Not a note: what is to be paid must fall as well. */
static enum lucid_error absent_refuse(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", NULL, "there is no such payment");
}

enum lucid_error payment_state_refuse(struct lucid_why *why, const struct x402_payment *payment)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL, "the payment is %s",
                        x402_status_name(payment->status));
}

static enum lucid_error invalid_refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", param, "%s", text);
}

enum lucid_error payment_want(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                              struct x402_payment *ret, struct lucid_why *why)
{
    enum lucid_error error = payment_get(txn, id, ret);
    return error == LUCID_NOTE_ABSENT ? absent_refuse(why) : error;
}

/* --- checks ----------------------------------------------------------------------------------- */

static bool text_ok(const char *text, size_t max)
{
    return payload_name_ok(text, max);
}

/* What the log can hold of a request and of what was asked. */
static enum lucid_error terms_check(const struct x402_payment *payment, struct lucid_why *why)
{
    const struct x402_request_kept *request = &payment->request;
    lucid_assert(gas_name_ok(lucid_span_str(payment->network), X402_CAIP2_BYTES_MAX));
    lucid_assert(gas_name_ok(lucid_span_str(payment->facilitator), GAS_NAME_BYTES_MAX));
    if (!gas_name_ok(lucid_span_str(payment->asset), GAS_NAME_BYTES_MAX)) {
        return invalid_refuse(why, "asset", "asset is 1 to 128 of A-Za-z0-9._:-");
    }
    if (!text_ok(request->method, X402_METHOD_BYTES_MAX)) {
        return invalid_refuse(why, "method", "the method cannot be kept");
    }
    if (!text_ok(request->resource, X402_RESOURCE_BYTES_MAX)) {
        return invalid_refuse(
            why, "resource", "the resource is 1 to 2048 bytes of UTF-8 without control characters");
    }
    if (payment->price == 0 || payment->price > GAS_AMOUNT_MAX || payment->version == 0 ||
        payment->version > NUMBER_MAX) {
        return invalid_refuse(why, "price", "a price is 1 to 2^63 - 1 base units");
    }
    return LUCID_OK;
}

/* Money that has moved and cannot be written down: somebody must know. */
static void unrecorded_alarm(const struct x402_payment *payment)
{
    char transaction[X402_TRANSACTION_BYTES_MAX + 1];
    char payer[X402_PARTY_BYTES_MAX + 1];
    x402_payment_transaction_text(payment, transaction);
    x402_payment_payer_text(payment, payer);
    lucid_log(LUCID_LOG_ERROR, "x402.unrecorded",
              "%llu base units from %s in transaction %s on %s for %s cannot be recorded",
              (unsigned long long)payment->transfer.amount, payer, transaction, payment->network,
              payment->asset);
}

static enum lucid_error transfer_check(const struct x402_payment *payment, struct lucid_why *why)
{
    const struct x402_transfer *transfer = &payment->transfer;
    if (transfer->amount == 0 || transfer->amount > GAS_AMOUNT_MAX) {
        unrecorded_alarm(payment);
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "amount",
                            "an amount is 1 to 2^63 - 1 base units");
    }
    if (transfer->log_index > NUMBER_MAX || transfer->block > NUMBER_MAX ||
        transfer->block_time > NUMBER_MAX) {
        unrecorded_alarm(payment);
        return invalid_refuse(why, "transfer", "no chain has such numbers");
    }
    return LUCID_OK;
}

/* A signature is of one message: who gives it for two does not say what became of the second. */
static enum lucid_error signature_refuse(const struct x402_payment *payment,
                                         const struct payment_owner *owner, struct lucid_why *why)
{
    if (memcmp(owner->id, payment->id, sizeof(owner->id)) == 0) {
        return LUCID_OK;
    }
    lucid_log(LUCID_LOG_ERROR, "x402.signature",
              "%s says that a payment for %s was settled by a transaction that is another's",
              payment->facilitator, payment->asset);
    return pending_refuse(why, "the transaction is another payment's");
}

/* Every key must be free or the payment's own; and so must its transaction as a whole. */
static enum lucid_error keys_check(struct ledger_txn *txn, const struct x402_payment *payment,
                                   struct lucid_why *why)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX + 1];
    size_t count = payment_keys(payment, keys);
    if (payment->has_transfer && payment->scheme != X402_SCHEME_SOLANA) {
        payment_key_all(payment->network, &payment->transfer.transaction, &keys[count++]);
    }
    for (size_t i = 0; i < count; i++) {
        struct payment_owner owner;
        enum lucid_error error = payment_owner_get(txn, keys[i].text, &owner);
        if (error == LUCID_NOTE_ABSENT) {
            continue;
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (owner.recorded) {
            return spent_refuse(why, "the transfer was recorded as an external payment");
        }
        if (payment->scheme == X402_SCHEME_SOLANA && i > 0) {
            return signature_refuse(payment, &owner, why);
        }
        if (memcmp(owner.id, payment->id, sizeof(owner.id)) != 0) {
            return spent_refuse(why, "the transfer or authorization is another payment's");
        }
    }
    return LUCID_OK;
}

/* An identifier is one payment's, for good unless that failed. */
static enum lucid_error identifier_check(struct ledger_txn *txn, const struct x402_payment *payment,
                                         struct lucid_why *why)
{
    uint8_t owner[X402_PAYMENT_ID_BYTES];
    struct lucid_span identifier = lucid_span_str(payment->identifier);
    lucid_assert(identifier.len == 0 || x402_identifier_ok(identifier));
    enum lucid_error error = payment_identifier_get(txn, identifier, owner);
    if (error == LUCID_OK && memcmp(owner, payment->id, sizeof(owner)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_IDENTIFIER_CONFLICT", NULL,
                            "the payment identifier is another payment's");
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* --- drafts ----------------------------------------------------------------------------------- */

static void share_ask(struct ledger_txn *txn, const struct x402_payment *payment,
                      const struct payment_members *members, struct gas_revenue_request *ret)
{
    const struct x402_payment_config *config = ledger_txn_config(txn);
    *ret = (struct gas_revenue_request){
        .config = config == NULL ? NULL : config->revenue,
        .asset = lucid_span_str(payment->asset),
        .unit = GAS_USDC,
        .amount = payment->amount,
        .facilitator = lucid_span_str(payment->facilitator),
        .version = payment->version,
        .members = members == NULL ? NULL : members->items,
        .member_count = members == NULL ? 0 : members->count,
    };
}

static enum lucid_error stray_write(struct ledger_txn *txn, const struct x402_payment *payment,
                                    const struct payment_members *members, struct lucid_buf *text,
                                    struct lucid_why *why)
{
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char suspense[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_clearing(lucid_span_str(payment->facilitator), GAS_USDC, clearing);
    gas_account_suspense("payment", lucid_span_str(payment->asset), GAS_USDC, suspense);
    const struct gas_posting_draft posting = {
        .debit = clearing, .credit = suspense, .amount = payment->amount, .what = "stray"};
    enum lucid_error error = gas_postings_check(txn, &posting, 1, "amount", why);
    if (error == LUCID_OK) {
        payment_stray_write(payment, members, &posting, text);
    } else if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        unrecorded_alarm(payment);
    }
    return error;
}

/* Money has moved: split, or where that cannot be, into suspense. */
static enum lucid_error money_draft(struct ledger_txn *txn, struct x402_payment_command *command,
                                    const struct x402_payment *payment, struct lucid_why *why)
{
    struct payment_members members;
    struct lucid_buf text;
    struct gas_revenue_request share;
    const char *type = payment->foreign ? payment_type_stray : payment_type_settled;
    enum lucid_error error = payment_members_make(payment, &members);
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    if (error == LUCID_OK && !payment->foreign) {
        share_ask(txn, payment, &members, &share);
        error = gas_revenue_payload(txn, &share, &text, NULL);
        if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
            type = payment_type_stray;
        }
    }
    if (type == payment_type_stray && lucid_category(error) <= LUCID_CATEGORY_REFUSE) {
        error = stray_write(txn, payment, &members, &text, why);
    }
    payment_members_fini(&members);
    if (error != LUCID_OK) {
        lucid_buf_fini(&text);
        return error;
    }
    return payload_draft(txn, type, &text, &command->draft);
}

/* --- intents ---------------------------------------------------------------------------------- */

/* It is read again when the payment is asked after. */
static bool forward_ok(struct lucid_span forward)
{
    enum { ARENA_BYTES = 4 << 20 };
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 32768};
    struct lucid_arena arena;
    const struct jcs_value *root;
    if (forward.data == NULL || forward.len > X402_FORWARD_BYTES_MAX) {
        return forward.data == NULL;
    }
    lucid_arena_init(&arena, ARENA_BYTES);
    enum lucid_error error = jcs_parse(forward, &limits, &arena, &root, NULL);
    bool ok = error == LUCID_OK && jcs_type(root) == JCS_OBJECT;
    lucid_arena_fini(&arena);
    return ok;
}

static enum lucid_error intend_check(struct ledger_txn *txn, const struct x402_payment *payment,
                                     struct lucid_span forward, struct lucid_why *why)
{
    struct gas_revenue_request share;
    struct lucid_buf text;
    uint64_t value = payment->solana.amount;
    bool solana = payment->scheme == X402_SCHEME_SOLANA;
    if ((!solana && !evm_u256_u64(&payment->authorization.value, &value)) ||
        value != payment->amount) {
        return invalid_refuse(why, "amount", "the authorization is of another amount");
    }
    if (payment->from_block > NUMBER_MAX) {
        return invalid_refuse(why, "from_block", "no chain is so high");
    }
    if (!forward_ok(forward)) {
        return invalid_refuse(why, "forward",
                              "what a facilitator is sent is a JSON object of at most 24 KiB");
    }
    /* Whatever would refuse the split does so before money moves. */
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    share_ask(txn, payment, NULL, &share);
    enum lucid_error error = gas_revenue_payload(txn, &share, &text, why);
    lucid_buf_fini(&text);
    return error;
}

static enum lucid_error intend_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                      struct lucid_why *why)
{
    struct x402_payment *payment = &command->payment;
    struct x402_payment standing;
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    struct lucid_buf text;
    enum lucid_error error = terms_check(payment, why);
    if (error != LUCID_OK) {
        return error;
    }
    payment->scheme =
        payment_is_solana(payment->network) ? X402_SCHEME_SOLANA : X402_SCHEME_EIP3009;
    payment->has_transfer = false;
    (void)payment_keys(payment, keys);
    x402_payment_id(lucid_span_str(keys[0].text), payment->id);
    error = payment_get(txn, payment->id, &standing);
    if (error == LUCID_OK && standing.status == X402_PENDING) {
        return pending_refuse(why, "this authorization is being settled");
    }
    if (error == LUCID_OK && standing.status != X402_FAILED) {
        return spent_refuse(why, "this authorization was settled");
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = keys_check(txn, payment, why);
    }
    if (error == LUCID_OK) {
        error = identifier_check(txn, payment, why);
    }
    if (error == LUCID_OK) {
        error = intend_check(txn, payment, command->forward, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    payment_intent_write(payment, command->forward, &text);
    return payload_draft(txn, payment_type_intent, &text, &command->draft);
}

/* --- serving ---------------------------------------------------------------------------------- */

static bool is_serving(const struct x402_payment_command *command)
{
    bool serving = command->reads || command->paid != NULL;
    /* All its parts: one that is refused takes the others with it. */
    for (const struct ledger_command *part = command->paid;
         part != NULL && part != &command->command; part = part->next_part) {
        serving = serving && lucid_category(part->error) <= LUCID_CATEGORY_NOTE;
    }
    return serving;
}

static bool digest_is(const struct x402_request_kept *a, const struct x402_request_kept *b)
{
    return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* Lets a payment that is there serve the request: its own, or if it has served none yet, one of the
 * same method and path. */
static enum lucid_error request_admit(struct x402_payment *payment,
                                      const struct x402_request_kept *request,
                                      struct lucid_why *why)
{
    static const struct x402_request_kept none;
    if (digest_is(request, &none) || digest_is(request, &payment->request)) {
        payment->served = true;
        return LUCID_OK;
    }
    if (payment->served) {
        return spent_refuse(why, "the payment has served another request");
    }
    if (memcmp(request->place, payment->request.place, sizeof(request->place)) != 0) {
        return spent_refuse(why, "the payment was made for another method or path");
    }
    payment->request = *request;
    payment->served = true;
    return terms_check(payment, why);
}

/* Money is there already; now what it pays for. */
static enum lucid_error served_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                      const struct x402_payment *standing, struct lucid_why *why)
{
    struct x402_payment after = *standing;
    struct lucid_buf text;
    if (standing->foreign) {
        return spent_refuse(why, "the authorization was settled by a transaction that is not ours");
    }
    enum lucid_error error = request_admit(&after, &command->payment.request, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (standing->served || !is_serving(command)) {
        command->ret_known = true;
        return LUCID_OK;
    }
    if (standing->refunded > 0) {
        return spent_refuse(why, "the payment was given back");
    }
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    payment_served_write(&after, &text);
    return payload_draft(txn, payment_type_served, &text, &command->draft);
}

static enum lucid_error serve_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                     struct lucid_why *why)
{
    struct x402_payment standing;
    enum lucid_error error = payment_want(txn, command->payment.id, &standing, why);
    if (error != LUCID_OK) {
        return error;
    }
    switch (standing.status) {
    case X402_SETTLED:
    case X402_STRAY:
        return served_decide(txn, command, &standing, why);
    case X402_PENDING:
        return pending_refuse(why, "the payment is being settled");
    case X402_REVERSED:
        return pending_refuse(why, "a reorganisation took the transfer");
    case X402_FAILED:
    default:
        return absent_refuse(why);
    }
}

/* --- settling --------------------------------------------------------------------------------- */

/* A transfer by an authorization of which a payment was reversed is that payment's money, whichever
 * transaction brings it. */
static enum lucid_error reversed_find(struct ledger_txn *txn, const struct x402_payment *payment,
                                      struct x402_payment *ret)
{
    struct x402_spent_key key;
    struct payment_owner owner;
    struct x402_payment standing;
    if (!payment->transfer.has_nonce) {
        return LUCID_NOTE_ABSENT;
    }
    payment_key_authorization(payment->network, &payment->token, &payment->transfer.payer,
                              &payment->transfer.nonce, &key);
    enum lucid_error error = payment_owner_get(txn, key.text, &owner);
    if (error == LUCID_OK && owner.recorded) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        error = payment_get(txn, owner.id, &standing);
    }
    if (error == LUCID_OK && standing.status != X402_REVERSED) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = standing;
    }
    return error;
}

/* The payment that the command speaks of, as it stands. LUCID_NOTE_ABSENT: a new transfer. */
static enum lucid_error standing_find(struct ledger_txn *txn, struct x402_payment *payment,
                                      struct x402_payment *ret, struct lucid_why *why)
{
    struct x402_spent_key key;
    if (payment->scheme != X402_SCHEME_TRANSFER) {
        return payment_want(txn, payment->id, ret, why);
    }
    payment_key_transfer(payment->network, &payment->transfer.transaction,
                         payment->transfer.log_index, &key);
    x402_payment_id(lucid_span_str(key.text), payment->id);
    enum lucid_error error = payment_get(txn, payment->id, ret);
    return error == LUCID_NOTE_ABSENT ? reversed_find(txn, payment, ret) : error;
}

/* The transfer of the command, in a payment that is there. */
static void transfer_take(struct x402_payment *payment, const struct x402_transfer *transfer)
{
    payment->has_transfer = true;
    if (payment->scheme == X402_SCHEME_SOLANA) {
        payment->transfer =
            (struct x402_transfer){.amount = payment->amount, .final = transfer->final};
        memcpy(payment->transfer.signature, transfer->signature, sizeof(transfer->signature));
        return;
    }
    payment->transfer = *transfer;
    payment->amount = transfer->amount;
    payment->payer = transfer->payer;
}

static enum lucid_error settle_draft(struct ledger_txn *txn, struct x402_payment_command *command,
                                     const struct x402_payment *payment, struct lucid_why *why)
{
    enum lucid_error error = transfer_check(payment, why);
    if (error == LUCID_OK) {
        error = keys_check(txn, payment, why);
    }
    return error == LUCID_OK ? money_draft(txn, command, payment, why) : error;
}

/* Of a payment that is there and whose money is not. */
static enum lucid_error settle_standing(struct ledger_txn *txn,
                                        struct x402_payment_command *command,
                                        const struct x402_payment *standing, struct lucid_why *why)
{
    struct x402_payment payment = *standing;
    payment.foreign = false;
    transfer_take(&payment, &command->payment.transfer);
    enum lucid_error error =
        is_serving(command) ? request_admit(&payment, &command->payment.request, why) : LUCID_OK;
    return error == LUCID_OK ? settle_draft(txn, command, &payment, why) : error;
}

static enum lucid_error settle_new(struct ledger_txn *txn, struct x402_payment_command *command,
                                   struct lucid_why *why)
{
    struct x402_payment *payment = &command->payment;
    transfer_take(payment, &payment->transfer);
    payment->served = is_serving(command);
    payment->foreign = false;
    enum lucid_error error = terms_check(payment, why);
    if (error == LUCID_OK) {
        error = identifier_check(txn, payment, why);
    }
    return error == LUCID_OK ? settle_draft(txn, command, payment, why) : error;
}

static enum lucid_error settle_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                      struct lucid_why *why)
{
    struct x402_payment standing;
    enum lucid_error error = standing_find(txn, &command->payment, &standing, why);
    if (error == LUCID_NOTE_ABSENT) {
        return settle_new(txn, command, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(command->payment.id, standing.id, sizeof(standing.id));
    if (standing.status == X402_SETTLED || standing.status == X402_STRAY) {
        if (command->paid == NULL && !command->reads) {
            command->ret_known = true;
            return LUCID_OK;
        }
        return served_decide(txn, command, &standing, why);
    }
    return settle_standing(txn, command, &standing, why);
}

static enum lucid_error stray_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                     struct lucid_why *why)
{
    struct x402_payment standing;
    enum lucid_error error = payment_want(txn, command->payment.id, &standing, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (standing.status == X402_STRAY) {
        command->ret_known = true;
        return LUCID_OK;
    }
    if (standing.status == X402_SETTLED || standing.scheme == X402_SCHEME_SOLANA) {
        return payment_state_refuse(why, &standing);
    }
    transfer_take(&standing, &command->payment.transfer);
    standing.foreign = true;
    return settle_draft(txn, command, &standing, why);
}

/* --- the kind --------------------------------------------------------------------------------- */

static enum lucid_error payment_decide(struct ledger_txn *txn, struct ledger_command *base,
                                       struct lucid_why *why)
{
    static enum lucid_error (*const verbs[])(struct ledger_txn *, struct x402_payment_command *,
                                             struct lucid_why *) = {
        [X402_INTEND] = intend_decide,         [X402_SETTLE] = settle_decide,
        [X402_SERVE] = serve_decide,           [X402_FAIL] = payment_fail_decide,
        [X402_RECORD_STRAY] = stray_decide,    [X402_REVERSE] = payment_reverse_decide,
        [X402_FINISH] = payment_finish_decide,
    };
    struct x402_payment_command *command = (struct x402_payment_command *)base;
    lucid_assert(base->verb < sizeof(verbs) / sizeof(verbs[0]));
    command->ret_known = false;
    command->draft = NULL;
    return verbs[base->verb](txn, command, why);
}

static void payment_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_payment_command *command = (struct x402_payment_command *)base;
    command->draft = NULL; /* the batch's memory */
    if (command->ids != NULL) {
        return; /* of several: no one of them is the result */
    }
    base->error = payment_get(txn, command->payment.id, &command->payment);
    if (base->error == LUCID_NOTE_ABSENT) {
        base->error = LUCID_FATAL_CORRUPT;
    }
}

const struct ledger_kind x402_payment_kind = {
    .name = "payment",
    .fold_version = 2, /* 2: rows have what Solana, forwards and identifiers need */
    .types = types,
    .tables = tables,
    .listens = listens,
    .guards = "revenue",
    .decide = payment_decide,
    .guard = payment_guard,
    .apply = payment_apply,
    .conclude = payment_conclude,
};
