/* Orders whose nonce is mined: by which transaction, whether it made the transfer, and how deep it
 * is. Only what is final goes into the log. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/direct_pick.h"
#include "x402/treasury_internal.h"

enum {
    RECEIPT_LOOKS = 5, /* nodes may know a count before they know the receipt */
    REFUSED_MS = 60000,
};

static struct treasury_order *at_order(struct treasury_net *net)
{
    return &net->orders[net->at];
}

/* --- into the log ----------------------------------------------------------------------------- */

static void ended(struct treasury_net *net)
{
    at_order(net)->is_used = false;
    net->hurry = true;
    treasury_walk_next(net);
}

/* What is refused now will be so for a while, and must not keep the other orders from their turn.
 */
static bool refused(struct treasury_net *net, struct ledger_command *command)
{
    if (lucid_category(command->error) != LUCID_CATEGORY_REFUSE) {
        return false;
    }
    net->writing = false;
    lucid_log(LUCID_LOG_ERROR, "treasury.log", "%s: what became of %s cannot be recorded: %s",
              net->network->caip2, at_order(net)->outflow.purpose, command->why.text);
    at_order(net)->refused_ms = treasury_now(net) + REFUSED_MS;
    treasury_walk_next(net);
    return true;
}

static void record_written(void *owner, struct ledger_command *command)
{
    struct treasury_net *net = owner;
    if (!refused(net, command) && treasury_written(net, command, "a transfer cannot be recorded")) {
        net->recorded++;
        treasury_at(net, "treasury_recorded");
        ended(net);
    }
}

static void drop_written(void *owner, struct ledger_command *command)
{
    struct treasury_net *net = owner;
    if (!refused(net, command) && treasury_written(net, command, "an order cannot be dropped")) {
        net->failed++;
        ended(net);
    }
}

static void part_go(struct treasury_net *net, enum lucid_error error, const struct lucid_why *why,
                    x402_written_fn *written)
{
    if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "treasury.log", "%s: %s: %s", net->network->caip2,
                  net->outflow.outflow.purpose, why->text);
        treasury_walk_next(net);
        return;
    }
    net->payout.command.next_part = &net->outflow.command;
    (void)treasury_submit(net, &net->payout.command, written);
}

static void record(struct treasury_net *net)
{
    const struct x402_outflow *order = &at_order(net)->outflow;
    struct lucid_why why = {0};
    char hash[EVM_HASH_TEXT_BYTES + 1];
    x402_outflow_prepare(&net->outflow, X402_OUTFLOW_RECORD);
    memcpy(net->outflow.outflow.purpose, order->purpose, sizeof(order->purpose));
    net->outflow.outflow.transfer = net->transfer;
    if (order->refund) {
        (void)treasury_submit(net, &net->outflow.command, record_written);
        return;
    }
    evm_hash_text(&net->transfer.transaction, hash);
    enum lucid_error error =
        gas_payout_complete_prepare(&net->payout, order->payout, hash, order->network, hash, &why);
    net->outflow.paid = &net->payout;
    part_go(net, error, &why, record_written);
}

/* For certain nothing moved by it. An admin decides what is next: nothing is sent again by itself.
 */
static void drop(struct treasury_net *net, const char *reason)
{
    const struct x402_outflow *order = &at_order(net)->outflow;
    struct lucid_why why = {0};
    lucid_log(LUCID_LOG_ERROR, "treasury.failed", "%s: %s of %" PRIu64 " base units: %s",
              order->network, order->purpose, order->amount, reason);
    x402_outflow_prepare(&net->outflow, X402_OUTFLOW_DROP);
    memcpy(net->outflow.outflow.purpose, order->purpose, sizeof(order->purpose));
    (void)snprintf(net->outflow.outflow.reason, sizeof(net->outflow.outflow.reason), "%s", reason);
    if (order->refund) {
        (void)treasury_submit(net, &net->outflow.command, drop_written);
        return;
    }
    enum lucid_error error = gas_payout_fail_prepare(&net->payout, order->payout, reason, &why);
    part_go(net, error, &why, drop_written);
}

/* --- the receipt ------------------------------------------------------------------------------ */

static void ask_receipt(struct treasury_net *net);

static void block_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    struct treasury_order *order = at_order(net);
    char reason[96];
    if (treasury_failed(net)) {
        return;
    }
    if (call->error != LUCID_OK ||
        memcmp(call->block.hash.bytes, net->transfer.block_hash.bytes, EVM_HASH_BYTES) != 0) {
        order->mined = false; /* not the chain's block */
        treasury_walk_next(net);
        return;
    }
    net->transfer.block_time = call->block.timestamp;
    net->transfer.final = true;
    if (net->good) {
        record(net);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "the transaction of nonce %" PRIu64 " %s",
                   order->outflow.nonce, net->succeeded ? "made no such transfer" : "was reverted");
    drop(net, reason);
}

/* What the receipt says, copied: the next question frees it. */
static void receipt_take(struct treasury_net *net, const struct evm_receipt *receipt)
{
    const struct x402_outflow *order = &at_order(net)->outflow;
    const struct direct_wanted wanted = {
        .token = order->token,
        .has_recipient = true,
        .recipient = order->to,
        .amount_min = order->amount,
        .has_payer = true,
        .payer = order->from,
    };
    struct direct_refusal refusal;
    struct x402_transfer picked = {.log_index = 0};
    net->succeeded = receipt->succeeded;
    net->good = receipt->succeeded && direct_pick(receipt, &wanted, &picked, &refusal) &&
                picked.amount == order->amount;
    picked.transaction = receipt->transaction;
    picked.block = receipt->block;
    picked.block_hash = receipt->block_hash;
    picked.sender = receipt->from;
    net->transfer = picked;
}

static void receipt_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    struct treasury_order *order = at_order(net);
    if (treasury_failed(net)) {
        return;
    }
    if (call->error != LUCID_OK) {
        if (order->mined) { /* begin anew with the versions */
            order->mined = false;
            net->at_version = order->version_count;
        }
        ask_receipt(net);
        return;
    }
    bool news = !order->mined;
    order->mined = true;
    order->gone_block = 0;
    order->found = call->receipt.transaction;
    order->mined_block = call->receipt.block;
    receipt_take(net, &call->receipt);
    if (news) {
        treasury_at(net, "treasury_mined");
    }
    if (!net->has_final || order->mined_block > net->final) {
        treasury_walk_next(net);
        return;
    }
    struct evm_rpc_call *next = treasury_question(net, EVM_RPC_BLOCK);
    next->tag = EVM_RPC_NUMBER;
    next->number = net->transfer.block;
    treasury_ask(net, block_answered);
}

static void receipt_of(struct treasury_net *net, const struct evm_hash *hash)
{
    treasury_question(net, EVM_RPC_RECEIPT)->hash = *hash;
    treasury_ask(net, receipt_answered);
}

/* --- the search: the transaction was sent by an earlier run, or by somebody else -------------- */

static void search_ask(struct treasury_net *net);

/* The nonce was used at or below the final block, and no transfer came of it. */
static void final_count_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    const struct treasury_order *order = at_order(net);
    char reason[96];
    if (treasury_failed(net)) {
        return;
    }
    if (call->count <= order->outflow.nonce) {
        treasury_walk_next(net); /* a reorganisation may still take what used it */
        return;
    }
    (void)snprintf(reason, sizeof(reason), "nonce %" PRIu64 " was used by something else",
                   order->outflow.nonce);
    drop(net, reason);
}

/* Nobody's transfer. What is final about that is asked of the final block itself. */
static void search_over(struct treasury_net *net)
{
    struct treasury_order *order = at_order(net);
    if (order->gone_block == 0) {
        order->gone_block = net->head;
        lucid_log(LUCID_LOG_WARN, "treasury.nonce",
                  "%s: nonce %" PRIu64 " of the treasury is used, and no transfer is seen of it",
                  net->network->caip2, order->outflow.nonce);
    }
    if (!net->has_final || net->final == 0 || net->final < order->gone_block) {
        treasury_walk_next(net);
        return;
    }
    struct evm_rpc_call *call = treasury_question(net, EVM_RPC_COUNT);
    call->to = net->key->address;
    call->number = net->final;
    treasury_ask(net, final_count_answered);
}

static void candidate_next(struct treasury_net *net);

static void candidate_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    struct treasury_order *order = at_order(net);
    if (treasury_failed(net)) {
        return;
    }
    bool ours = call->error == LUCID_OK && call->nonce == order->outflow.nonce &&
                memcmp(call->sender.bytes, order->outflow.from.bytes, EVM_ADDRESS_BYTES) == 0;
    if (ours) {
        net->at_version = 0; /* none of the versions that we know */
        receipt_of(net, &net->search.candidates[net->search.at]);
        return;
    }
    net->search.at++;
    candidate_next(net);
}

static void candidate_next(struct treasury_net *net)
{
    struct treasury_search *search = &net->search;
    if (search->at < search->count) {
        treasury_question(net, EVM_RPC_TRANSACTION)->hash = search->candidates[search->at];
        treasury_ask(net, candidate_answered);
    } else {
        search_ask(net);
    }
}

/* Whether logs are too many for one answer, or for us: fewer blocks at once. */
static bool search_narrow(struct treasury_net *net, bool too_many)
{
    if (!too_many || net->search.span <= 1) {
        return false;
    }
    net->search.span /= 2;
    search_ask(net);
    return true;
}

static void logs_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    struct treasury_search *search = &net->search;
    const struct x402_outflow *order = &at_order(net)->outflow;
    const char *code = call->why.code;
    bool refused = call->error == LUCID_RETRY_IO && code != NULL && strcmp(code, "RPC_ERROR") == 0;
    if (search_narrow(net, refused) || treasury_failed(net)) {
        return;
    }
    if (search_narrow(net, call->log_count > TREASURY_CANDIDATES)) {
        return;
    }
    search->count = search->at = 0;
    for (size_t i = 0; i < call->log_count && search->count < TREASURY_CANDIDATES; i++) {
        const struct evm_log *log = &call->logs[i];
        struct evm_transfer_event transfer;
        uint64_t amount;
        if (evm_transfer_decode(log->topics, log->topic_count, log->data, &transfer) &&
            evm_u256_u64(&transfer.value, &amount) && amount == order->amount) {
            search->candidates[search->count++] = log->transaction;
        }
    }
    search->from = call->to_block + 1;
    candidate_next(net);
}

static void search_ask(struct treasury_net *net)
{
    struct treasury_search *search = &net->search;
    const struct x402_outflow *order = &at_order(net)->outflow;
    if (search->from > search->to) {
        search_over(net);
        return;
    }
    struct evm_rpc_call *call = treasury_question(net, EVM_RPC_LOGS);
    call->to = order->token;
    call->topics[0] = evm_topic_transfer;
    call->topics[1] = evm_address_topic(&order->from);
    call->topics[2] = evm_address_topic(&order->to);
    call->topic_count = 3;
    call->from_block = search->from;
    call->to_block =
        search->to - search->from >= search->span ? search->from + search->span - 1 : search->to;
    treasury_ask(net, logs_answered);
}

static void search_begin(struct treasury_net *net)
{
    struct treasury_order *order = at_order(net);
    bool early = order->version_count > 0 && order->looks < RECEIPT_LOOKS;
    bool waits = order->gone_block != 0 && (!net->has_final || net->final < order->gone_block);
    order->looks++;
    if (early || waits || order->outflow.from_block > net->head) {
        treasury_walk_next(net);
        return;
    }
    net->search = (struct treasury_search){
        .from = order->outflow.from_block, .to = net->head, .span = TREASURY_SPAN};
    search_ask(net);
}

/* The receipt of the next older version that a node may have. */
static void ask_receipt(struct treasury_net *net)
{
    const struct treasury_order *order = at_order(net);
    while (net->at_version > 0) {
        const struct treasury_version *version = &order->versions[--net->at_version];
        if (version->out) {
            receipt_of(net, &version->hash);
            return;
        }
    }
    search_begin(net);
}

void treasury_look(struct treasury_net *net)
{
    struct treasury_order *order = at_order(net);
    bool waits = order->refused_ms != 0 && treasury_now(net) < order->refused_ms;
    if (waits || (order->mined && (!net->has_final || order->mined_block > net->final))) {
        treasury_walk_next(net);
        return;
    }
    net->at_version = order->version_count;
    if (order->mined) {
        receipt_of(net, &order->found);
    } else {
        ask_receipt(net);
    }
}
