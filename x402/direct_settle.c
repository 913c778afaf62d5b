/* SETTLE: an authorization is broadcast; ASK: what became of one; TRACE: of one that another
 * facilitator was given. */
#include "base/log.h"
#include "x402/direct_internal.h"

enum {
    LOOK_MS_MIN = 200, /* between two looks at a mined transaction */
    LOOK_MS_MAX = 2000,
    MARGIN_SECONDS = 6, /* an authorization that ends sooner is not broadcast again */
    /* Where an authorization's use is looked for: a node may have been behind when the intent's
     * height was read; ranges are short, because many nodes allow no more. */
    SEARCH_BEFORE = 32,
    SEARCH_WITHOUT_INTENT = 2000,
    SEARCH_SPAN = 2000,
    SEARCH_SPAN_MIN = 16,
    SEARCH_QUESTIONS_MAX = 64,
};

static bool hash_equal(const struct evm_hash *a, const struct evm_hash *b)
{
    return memcmp(a->bytes, b->bytes, EVM_HASH_BYTES) == 0;
}

static bool address_equal(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, EVM_ADDRESS_BYTES) == 0;
}

/* Looks for the authorization's transfer in that transaction. */
static void look_at(struct direct_job *job, const struct evm_hash *transaction,
                    direct_step_fn *then)
{
    const struct evm_authorization *authorization = &job->charge->authorization;
    struct direct_sight *sight = &job->sight;
    uint64_t value;
    if (!evm_u256_u64(&authorization->value, &value)) {
        value = UINT64_MAX; /* refused before; nothing fits */
    }
    sight->transaction = *transaction;
    sight->wanted = (struct direct_wanted){.token = job->net->network->token,
                                           .has_recipient = true,
                                           .recipient = authorization->to,
                                           .amount_min = value,
                                           .has_payer = true,
                                           .payer = authorization->from,
                                           .has_nonce = true,
                                           .nonce = authorization->nonce};
    direct_sight(job, then);
}

static void ask_state(struct direct_job *job, uint64_t number, direct_step_fn *then)
{
    const struct evm_authorization *authorization = &job->charge->authorization;
    evm_call_authorization_state(&authorization->from, &authorization->nonce, &job->calldata);
    direct_ask_token_at(job, number, then);
}

/* Without an answer nothing is decided. */
static bool state_is_used(struct direct_job *job, bool *ret)
{
    if (job->call.error == LUCID_OK && evm_result_bool(job->call.result, ret)) {
        return true;
    }
    direct_finish(job, X402_CHARGE_PENDING, NULL,
                  "the node does not tell whether the authorization is used");
    return false;
}

/* Used, and more is not known: enough for VERIFY. */
static void undecided(struct direct_job *job, const char *text)
{
    if (job->charge->verb == X402_CHARGE_VERIFY) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used",
                      "the authorization was used or cancelled");
    } else {
        direct_finish(job, X402_CHARGE_PENDING, NULL, "%s", text);
    }
}

/* A transaction that succeeded and used the authorization, but without its transfer where a token
 * of EIP-3009 makes it. */
static void no_transfer(struct direct_job *job)
{
    if (job->charge->verb == X402_CHARGE_VERIFY) {
        undecided(job, "");
        return;
    }
    if (job->sight.traces.moved) {
        lucid_log(LUCID_LOG_ERROR, "direct.no_transfer",
                  "%s: a transaction used an authorization, and its transfer does not follow that "
                  "directly: it is not booked",
                  job->net->network->caip2);
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transfer is not where the token of EIP-3009 makes it");
        return;
    }
    if (!job->sight.transfer.final) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transaction succeeded without the transfer; it is not final yet");
        return;
    }
    lucid_log(LUCID_LOG_ERROR, "direct.no_transfer",
              "%s: a transaction used an authorization and has no transfer of it",
              job->net->network->caip2);
    direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_transfer_event_mismatch",
                  "the transaction succeeded, but transferred nothing");
}

/* --- who used it ------------------------------------------------------------------------------ */

/* Whether another facilitator settles it, and the chain is only looked at. */
static bool is_elsewhere(const struct x402_charge *charge)
{
    return charge->verb == X402_CHARGE_TRACE || charge->elsewhere;
}

static bool is_sender(const struct x402_charge *charge, const struct evm_address *sender)
{
    for (size_t i = 0; i < charge->sender_count; i++) {
        if (address_equal(&charge->senders[i], sender)) {
            return true;
        }
    }
    return false;
}

static bool is_ours(const struct direct_job *job, const struct x402_transfer *transfer)
{
    const struct x402_charge *charge = job->charge;
    /* Before there was an intent nothing that others have sent can be ours: a facilitator settles
     * for many. */
    if (charge->elsewhere && !charge->intended) {
        return false;
    }
    for (size_t i = 0; i < job->memory.count; i++) {
        if (hash_equal(&job->memory.transactions[i], &transfer->transaction)) {
            return true;
        }
    }
    if (is_elsewhere(charge)) {
        return is_sender(charge, &transfer->sender);
    }
    return address_equal(&transfer->sender, &charge->intended_sender) ||
           (job->net->wallet != NULL &&
            address_equal(&transfer->sender, x402_wallet_address(job->net->wallet)));
}

static void user_found(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    struct x402_charge *charge = job->charge;
    bool early = charge->verb == X402_CHARGE_VERIFY; /* PENDING is not among its answers */
    if (!sight->found || !sight->succeeded || !sight->traces.used) {
        direct_finish(job, early ? X402_CHARGE_AWAY : X402_CHARGE_PENDING, NULL,
                      "the chain is not at rest");
        return;
    }
    bool ours = is_ours(job, &sight->transfer);
    if (ours) {
        charge->has_transaction = true;
        charge->sent = sight->transaction;
    }
    if (!sight->deep) {
        direct_finish(job, early ? X402_CHARGE_AWAY : X402_CHARGE_PENDING, NULL,
                      "settled, but not deep enough yet");
    } else if (!sight->picked) {
        no_transfer(job);
    } else if (ours && early && !charge->intended) {
        undecided(job, "");
    } else {
        charge->transfer = sight->transfer;
        charge->bound = true;
        direct_finish(job, ours ? X402_CHARGE_GOOD : X402_CHARGE_STRAY, NULL, "%s",
                      ours ? "settled" : "settled by a transaction that is not ours");
    }
}

static void cancel_found(struct direct_job *job)
{
    if (job->sight.found && job->sight.traces.cancelled && job->sight.transfer.final) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used",
                      "the payer has cancelled the authorization");
    } else {
        undecided(job, "the payer has cancelled the authorization; that is not final yet");
    }
}

static void search_ask(struct direct_job *job);

static void search_empty(struct direct_job *job)
{
    if (job->expired && !job->search_cut) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_payload_authorization_valid_before",
                      "the authorization has expired unused");
    } else {
        undecided(job, "the authorization is used; the transaction is not found yet");
    }
}

static void search_answered(struct direct_job *job)
{
    const struct evm_rpc_call *call = &job->call;
    for (size_t i = call->error == LUCID_OK ? call->log_count : 0; i > 0; i--) {
        if (!call->logs[i - 1].removed) {
            struct evm_hash transaction = call->logs[i - 1].transaction;
            job->failed = direct_away;
            look_at(job, &transaction, job->search_cancelled ? cancel_found : user_found);
            return;
        }
    }
    job->search_from += job->search_span;
    search_ask(job);
}

/* Most likely the range was too long for that node. */
static void search_failed(struct direct_job *job)
{
    bool refused = job->call.why.code != NULL && strcmp(job->call.why.code, "RPC_ERROR") == 0;
    if (!refused || job->search_span <= SEARCH_SPAN_MIN) {
        direct_away(job);
        return;
    }
    job->search_span /= 4;
    search_ask(job);
}

static void search_begin(struct direct_job *job, bool cancelled)
{
    uint64_t from = job->charge->from_block;
    if (job->charge->verb == X402_CHARGE_VERIFY) { /* there was no intent yet */
        from = from > SEARCH_WITHOUT_INTENT ? from - SEARCH_WITHOUT_INTENT : 0;
    }
    job->search_from = from > SEARCH_BEFORE ? from - SEARCH_BEFORE : 0;
    job->search_to = job->net->block;
    job->search_span = SEARCH_SPAN;
    job->search_count = 0;
    job->search_cancelled = cancelled;
    job->search_cut = false;
    job->failed = search_failed;
    search_ask(job);
}

static void search_ask(struct direct_job *job)
{
    const struct evm_authorization *authorization = &job->charge->authorization;
    if (job->search_from > job->search_to || job->search_count++ == SEARCH_QUESTIONS_MAX) {
        job->failed = direct_away;
        job->search_cut = job->search_from <= job->search_to;
        if (!job->search_cancelled && !job->expired) {
            search_begin(job, true);
        } else {
            search_empty(job);
        }
        return;
    }
    struct evm_rpc_call *call = direct_question(job, EVM_RPC_LOGS);
    call->to = job->net->network->token;
    call->topics[0] =
        job->search_cancelled ? evm_topic_authorization_canceled : evm_topic_authorization_used;
    call->topics[1] = evm_address_topic(&authorization->from);
    call->topics[2] = authorization->nonce;
    call->topic_count = 3;
    call->from_block = job->search_from;
    call->to_block = job->search_from + job->search_span - 1;
    if (call->to_block > job->search_to) {
        call->to_block = job->search_to;
    }
    direct_ask(job, search_answered);
}

/* The transactions of ours that may have used it, then everybody's. */
static void find_user(struct direct_job *job);

static void candidate_seen(struct direct_job *job)
{
    if (job->sight.found && job->sight.picked) {
        user_found(job);
    } else {
        find_user(job);
    }
}

static void find_user(struct direct_job *job)
{
    if (job->memory_at < job->memory.count) {
        look_at(job, &job->memory.transactions[job->memory_at++], candidate_seen);
    } else {
        search_begin(job, false);
    }
}

static void recall(struct direct_job *job)
{
    const struct x402_charge *charge = job->charge;
    const struct evm_authorization *authorization = &charge->authorization;
    job->memory_at = 0;
    if (is_elsewhere(charge)) {
        job->memory = (struct x402_wallet_memory){0};
        job->memory.count = charge->has_told ? 1 : 0;
        job->memory.transactions[0] = charge->told;
    } else if (job->net->wallet == NULL ||
               !x402_wallet_recall(job->net->wallet, &authorization->from, &authorization->nonce,
                                   &job->memory)) {
        job->memory = (struct x402_wallet_memory){0};
    }
}

void direct_find_user(struct direct_job *job)
{
    recall(job);
    find_user(job);
}

/* --- ours was reverted ------------------------------------------------------------------------ */

static void settle_again(struct direct_job *job);

/* It is certain when the revert is final, and then by the word of a node that is not behind: a
 * reorganisation brings a reverted transaction back to the pools, and it may succeed yet. */
static void reverted_state(struct direct_job *job)
{
    bool used;
    if (!state_is_used(job, &used)) {
        return;
    }
    if (used) {
        find_user(job); /* somebody was faster */
    } else if (!job->sight.transfer.final && job->charge->verb == X402_CHARGE_SETTLE) {
        settle_again(job);
    } else if (!job->sight.transfer.final) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transaction was reverted; that is not final yet");
    } else {
        direct_finish(job, X402_CHARGE_BAD, "invalid_transaction_state",
                      "the transaction was reverted, the authorization is unused");
    }
}

static void reverted(struct direct_job *job)
{
    uint64_t block = job->sight.transfer.block;
    uint64_t newest = job->net->block;
    recall(job);
    ask_state(job, newest > block ? newest : block, reverted_state);
}

/* --- SETTLE ----------------------------------------------------------------------------------- */

static void settle_look(struct direct_job *job);

static void settle_again(struct direct_job *job)
{
    uint64_t after_ms = (uint64_t)LOOK_MS_MIN << (job->looks < 4 ? job->looks : 4);
    job->looks++;
    direct_wait(job, after_ms < LOOK_MS_MAX ? after_ms : LOOK_MS_MAX, settle_look);
}

static void settle_seen(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    struct x402_charge *charge = job->charge;
    if (!sight->found || !sight->deep) {
        settle_again(job);
    } else if (sight->picked) {
        charge->transfer = sight->transfer;
        charge->bound = true;
        direct_finish(job, X402_CHARGE_GOOD, NULL, "settled");
    } else if (!sight->succeeded) {
        reverted(job);
    } else if (sight->transfer.final) {
        no_transfer(job);
    } else {
        settle_again(job);
    }
}

static void settle_look(struct direct_job *job)
{
    look_at(job, &job->charge->sent, settle_seen);
}

static void settle_news(struct x402_wallet_watch *watch)
{
    struct direct_job *job = lucid_owner(watch, struct direct_job, watch);
    struct x402_charge *charge = job->charge;
    switch (watch->state) {
    case X402_WALLET_WAITING:
        break;
    case X402_WALLET_SENT:
        charge->has_transaction = true;
        charge->sent = watch->newest;
        break;
    case X402_WALLET_MINED:
        charge->has_transaction = true;
        charge->sent = watch->newest;
        settle_look(job);
        break;
    case X402_WALLET_NO_FUNDS:
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the gas account cannot pay for it");
        break;
    case X402_WALLET_REFUSED:
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the node does not take the transaction: %s",
                      watch->text);
        break;
    }
}

static void settle_deadline(struct lucid_timer *timer)
{
    struct direct_job *job = lucid_owner(timer, struct direct_job, deadline);
    const char *text = "";
    bool withdrawn = x402_wallet_unwatch(job->net->wallet, &job->watch, true);
    job->watching = false;
    if (!withdrawn) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transaction was sent; it is not settled yet");
    } else {
        (void)x402_wallet_is_ready(job->net->wallet, &text);
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the transaction could not be sent in time%s%s",
                      text[0] != '\0' ? ": " : "", text);
    }
}

void direct_settle(struct direct_job *job)
{
    const struct direct *direct = job->net->direct;
    const struct x402_charge *charge = job->charge;
    if (!direct_settleable(job)) {
        return;
    }
    job->failed = settle_again;
    job->deadline.fire = settle_deadline;
    job->watch.news = settle_news;
    if (lucid_timer_set(direct->options.loop, &job->deadline, direct->options.settle_ms_max) !=
        LUCID_OK) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "out of memory");
        return;
    }
    if (x402_wallet_send(job->net->wallet, &charge->authorization, &charge->signature, false,
                         &job->watch) != LUCID_OK) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "too many settlements are under way");
        return;
    }
    job->watching = true;
    if (job->watch.state == X402_WALLET_SENT) { /* it was under way already */
        settle_news(&job->watch);
    }
}

/* --- ASK -------------------------------------------------------------------------------------- */

/* Ours is mined, and yet the authorization is unused. */
static void mined_seen(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    if (sight->found && sight->deep && !sight->succeeded) {
        reverted(job);
    } else {
        x402_wallet_wake(job->net->wallet);
        direct_finish(job, X402_CHARGE_PENDING, NULL, "mined, but not deep enough yet");
    }
}

static void broadcast_again(struct direct_job *job)
{
    struct x402_charge *charge = job->charge;
    const char *text = "it is broadcast again";
    if (charge->verb == X402_CHARGE_TRACE) {
        charge->unused = true;
        text = "unused so far";
    } else if (job->net->wallet == NULL) {
        text = "unused so far; without a gas key it cannot be broadcast again";
    } else if (x402_wallet_send(job->net->wallet, &charge->authorization, &charge->signature, true,
                                NULL) != LUCID_OK) {
        text = "unused so far; other transactions must come through first";
    }
    direct_finish(job, X402_CHARGE_PENDING, NULL, "%s", text);
}

/* Whether validBefore is at most so far ahead of that time. */
static bool is_over(const struct direct_job *job, uint64_t time, uint64_t margin)
{
    struct evm_u256 at = evm_u256_of(time > UINT64_MAX - margin ? UINT64_MAX : time + margin);
    return evm_u256_compare(&at, &job->charge->authorization.valid_before) >= 0;
}

static void unused(struct direct_job *job)
{
    struct x402_charge *charge = job->charge;
    const struct x402_wallet_memory *memory = &job->memory;
    bool mined = memory->state == X402_WALLET_MINED;
    bool sent =
        memory->count > 0 && !is_elsewhere(charge) && (mined || memory->state == X402_WALLET_SENT);
    if (sent) {
        charge->has_transaction = true;
        charge->sent = memory->transactions[0];
    }
    if (job->expired) {
        search_begin(job, false); /* two answers that must agree */
    } else if (mined && sent) {
        look_at(job, &memory->transactions[0], mined_seen);
    } else if (sent) {
        direct_finish(job, X402_CHARGE_PENDING, NULL, "the transaction is on its way");
    } else if (job->ending) {
        direct_finish(job, X402_CHARGE_PENDING, NULL, "unused so far, and about to expire");
    } else {
        broadcast_again(job);
    }
}

static void ask_state_answered(struct direct_job *job)
{
    bool used;
    if (!state_is_used(job, &used)) {
        return;
    }
    recall(job);
    if (used) {
        job->expired = false;
        find_user(job);
    } else {
        unused(job);
    }
}

static void ask_final_answered(struct direct_job *job)
{
    const struct direct *direct = job->net->direct;
    /* A chain's clock alone does not decide that nobody can use it any more. */
    job->expired = job->call.error == LUCID_OK && is_over(job, job->call.block.timestamp, 0) &&
                   is_over(job, lucid_wall_ms(&direct->options.loop->clock) / 1000, 0);
    /* Not by the word of a node that has not come so far. */
    ask_state(job, job->expired ? job->search_to : 0, ask_state_answered);
}

static void ask_head_answered(struct direct_job *job)
{
    const struct evm_rpc_call *call = &job->call;
    const struct x402_depth *final = &job->net->network->final_depth;
    if (call->error != LUCID_OK) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the node has no newest block");
        return;
    }
    job->ending = is_over(job, call->block.timestamp, MARGIN_SECONDS);
    job->search_to = call->block.number;
    if (!job->ending) {
        ask_state(job, 0, ask_state_answered);
        return;
    }
    uint64_t head = call->block.number;
    uint64_t below = final->blocks > 1 ? final->blocks - 1 : 0;
    struct evm_rpc_call *next = direct_question(job, EVM_RPC_BLOCK);
    next->tag = final->by == X402_BY_DEPTH ? EVM_RPC_NUMBER : direct_depth_tag(final);
    next->number = head > below ? head - below : 0;
    direct_ask(job, ask_final_answered);
}

void direct_settle_ask(struct direct_job *job)
{
    direct_question(job, EVM_RPC_BLOCK)->tag = EVM_RPC_LATEST;
    direct_ask(job, ask_head_answered);
}
