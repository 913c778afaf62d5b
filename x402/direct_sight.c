/* Reference 6.1, steps 2 to 5: the receipt, the transfer in it, how deep its block is, and whether
 * that block is the chain's. */
#include "x402/direct_internal.h"

static void sight_over(struct direct_job *job)
{
    job->sight.then(job);
}

/* --- the block -------------------------------------------------------------------------------- */

static void block_answered(struct direct_job *job)
{
    const struct evm_rpc_call *call = &job->call;
    struct direct_sight *sight = &job->sight;
    sight->found =
        call->error == LUCID_OK &&
        memcmp(call->block.hash.bytes, sight->transfer.block_hash.bytes, EVM_HASH_BYTES) == 0;
    sight->transfer.block_time = sight->found ? call->block.timestamp : 0;
    sight_over(job);
}

static void ask_block(struct direct_job *job)
{
    struct evm_rpc_call *call = direct_question(job, EVM_RPC_BLOCK);
    call->tag = EVM_RPC_NUMBER;
    call->number = job->sight.transfer.block;
    direct_ask(job, block_answered);
}

/* --- the depth -------------------------------------------------------------------------------- */

/* Whether the block is deep enough, seen from the newest block or from the one with the tag. */
static bool is_deep(const struct x402_depth *depth, uint64_t block, uint64_t height)
{
    uint64_t blocks = depth->by == X402_BY_DEPTH && depth->blocks > 1 ? depth->blocks : 1;
    return height >= block && height - block >= blocks - 1;
}

static void ask_height(struct direct_job *job, const struct x402_depth *depth, direct_step_fn *then)
{
    direct_question(job, EVM_RPC_BLOCK)->tag = direct_depth_tag(depth);
    direct_ask(job, then);
}

static bool answer_is_deep(const struct direct_job *job, const struct x402_depth *depth)
{
    /* A young chain may have no safe block yet. */
    return job->call.error == LUCID_OK &&
           is_deep(depth, job->sight.transfer.block, job->call.block.number);
}

static void final_answered(struct direct_job *job)
{
    job->sight.transfer.final = answer_is_deep(job, &job->net->network->final_depth);
    ask_block(job);
}

static void serve_answered(struct direct_job *job)
{
    const struct x402_network *network = job->net->network;
    struct direct_sight *sight = &job->sight;
    sight->deep = answer_is_deep(job, &network->serve_depth);
    if (!sight->deep) {
        ask_block(job);
    } else if (network->final_depth.by == network->serve_depth.by) {
        final_answered(job);
    } else {
        ask_height(job, &network->final_depth, final_answered);
    }
}

/* --- the receipt ------------------------------------------------------------------------------ */

static void pick(struct direct_job *job)
{
    struct direct_sight *sight = &job->sight;
    sight->picked =
        direct_pick(&job->call.receipt, &sight->wanted, &sight->transfer, &sight->refusal);
    if (!sight->picked && sight->wanted.has_nonce && sight->unbound_ok) {
        struct direct_wanted any = sight->wanted;
        any.has_nonce = false;
        sight->picked = direct_pick(&job->call.receipt, &any, &sight->transfer, &sight->refusal);
        sight->unbound = sight->picked;
    }
}

static void receipt_answered(struct direct_job *job)
{
    const struct evm_receipt *receipt = &job->call.receipt;
    struct direct_sight *sight = &job->sight;
    sight->found = job->call.error == LUCID_OK;
    if (!sight->found) {
        sight_over(job);
        return;
    }
    sight->transfer.transaction = sight->transaction;
    sight->transfer.block = receipt->block;
    sight->transfer.block_hash = receipt->block_hash;
    sight->transfer.sender = receipt->from;
    sight->succeeded = receipt->succeeded;
    sight->has_fee = receipt->has_fee;
    sight->fee_wei = receipt->fee_wei;
    sight->refusal =
        (struct direct_refusal){"invalid_transaction_state", "the transaction was reverted"};
    if (receipt->succeeded) {
        sight->traces = direct_trace(receipt, &sight->wanted);
        pick(job);
    }
    if (!sight->picked && sight->hurried) {
        sight_over(job);
        return;
    }
    ask_height(job, &job->net->network->serve_depth, serve_answered);
}

void direct_sight(struct direct_job *job, direct_step_fn *then)
{
    struct direct_sight *sight = &job->sight;
    sight->then = then;
    sight->succeeded = sight->picked = sight->unbound = sight->deep = false;
    sight->has_fee = false;
    sight->transfer = (struct x402_transfer){0};
    sight->traces = (struct direct_traces){.used = false};
    direct_question(job, EVM_RPC_RECEIPT)->hash = sight->transaction;
    direct_ask(job, receipt_answered);
}
