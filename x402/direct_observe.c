/* OBSERVE: a transfer that a client names; WATCH: one that was taken. */
#include "x402/direct_internal.h"

enum { WATCH_AGAIN_MS = 1500 }; /* before a transfer is believed to be lost */

/* --- OBSERVE ---------------------------------------------------------------------------------- */

/* Reference 6.1, step 6: the block's time against the challenge and now. */
static const char *time_refused(const struct x402_charge *charge, uint64_t block_time,
                                uint64_t now_ms)
{
    uint64_t now = now_ms / 1000;
    if (block_time > INT64_MAX / 1000) {
        return "the block's time is impossible";
    }
    if (block_time + X402_CHARGE_SKEW_SECONDS < charge->issued_ms / 1000) {
        return "the transfer was made before the challenge was issued";
    }
    if (block_time * 1000 > charge->expires_ms) {
        return "the transfer was made after the challenge had expired";
    }
    if (now > block_time && now - block_time > charge->age_seconds_max) {
        return "the transfer was made too long ago to be presented now";
    }
    return NULL;
}

static void observed(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    struct x402_charge *charge = job->charge;
    if (!sight->found) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transaction is not known, or not in a block yet");
        return;
    }
    if (!sight->picked) {
        direct_finish(job, X402_CHARGE_BAD, sight->refusal.reason, "%s", sight->refusal.text);
        return;
    }
    const char *refused = time_refused(charge, sight->transfer.block_time,
                                       lucid_wall_ms(&job->net->direct->options.loop->clock));
    if (refused != NULL) {
        direct_finish(job, X402_CHARGE_BAD, "payment_expired", "%s", refused);
        return;
    }
    charge->transfer = sight->transfer;
    charge->bound = !sight->unbound;
    if (!sight->deep) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transfer is in block %llu, which is not deep enough yet",
                      (unsigned long long)sight->transfer.block);
        return;
    }
    direct_finish(job, X402_CHARGE_GOOD, NULL, "transfer %llu of the transaction fits",
                  (unsigned long long)sight->transfer.log_index);
}

void direct_observe(struct direct_job *job)
{
    const struct x402_charge *charge = job->charge;
    struct direct_sight *sight = &job->sight;
    sight->transaction = charge->transaction;
    sight->wanted = (struct direct_wanted){.token = job->net->network->token,
                                           .has_log_index = charge->has_log_index,
                                           .log_index = charge->log_index,
                                           .has_recipient = true,
                                           .recipient = charge->pay_to,
                                           .amount_min = charge->amount_min,
                                           .has_payer = charge->signed_by_payer,
                                           .payer = charge->payer,
                                           .has_nonce = !charge->signed_by_payer,
                                           .nonce = charge->bound_nonce};
    sight->unbound_ok = charge->unbound_ok;
    sight->hurried = true;
    direct_sight(job, observed);
}

/* --- WATCH ------------------------------------------------------------------------------------ */

static void watch_look(struct direct_job *job);

/* It looks lost. Nodes behind one address may be of different minds for a moment: a second look. */
static void watch_lost(struct direct_job *job, const char *text)
{
    if (job->looks++ == 0) {
        direct_wait(job, WATCH_AGAIN_MS, watch_look);
        return;
    }
    direct_finish(job, X402_CHARGE_LOST, NULL, "%s", text);
}

static void watch_block_answered(struct direct_job *job)
{
    const struct evm_rpc_call *call = &job->call;
    const struct x402_transfer *was = &job->charge->transfer;
    if (call->error != LUCID_OK) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the chain has not come to block %llu again yet",
                      (unsigned long long)was->block);
    } else if (memcmp(call->block.hash.bytes, was->block_hash.bytes, EVM_HASH_BYTES) == 0) {
        direct_finish(job, X402_CHARGE_AWAY, NULL,
                      "the block is there, but the node does not know its transaction");
    } else {
        watch_lost(job, "a reorganisation took the transfer's block, and the transaction is gone");
    }
}

static void watch_ask_block(struct direct_job *job)
{
    struct evm_rpc_call *call = direct_question(job, EVM_RPC_BLOCK);
    call->tag = EVM_RPC_NUMBER;
    call->number = job->charge->transfer.block;
    direct_ask(job, watch_block_answered);
}

static void watched(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    struct x402_charge *charge = job->charge;
    if (!sight->found) {
        watch_ask_block(job);
        return;
    }
    bool same = memcmp(sight->transfer.block_hash.bytes, charge->transfer.block_hash.bytes,
                       EVM_HASH_BYTES) == 0;
    if (sight->picked && (same || sight->deep)) {
        charge->transfer = sight->transfer;
        direct_finish(job, X402_CHARGE_GOOD, NULL, "%s",
                      same ? "still there" : "in another block than before");
    } else if (same) {
        direct_finish(job, X402_CHARGE_AWAY, NULL,
                      "the node shows another content of the transfer's block than before");
    } else if (sight->deep) {
        watch_lost(job, "mined again after a reorganisation, but without that transfer");
    } else {
        direct_finish(job, X402_CHARGE_PENDING, NULL, "in another block, not deep enough yet");
    }
}

static void watch_look(struct direct_job *job)
{
    direct_sight(job, watched);
}

void direct_watch(struct direct_job *job)
{
    static const struct evm_address none = {{0}};
    const struct x402_charge *charge = job->charge;
    const struct x402_transfer *was = &charge->transfer;
    job->sight.transaction = was->transaction;
    job->sight.wanted = (struct direct_wanted){
        .token = job->net->network->token,
        .has_log_index = true,
        .log_index = was->log_index,
        .has_recipient = memcmp(charge->pay_to.bytes, none.bytes, EVM_ADDRESS_BYTES) != 0,
        .recipient = charge->pay_to,
        .amount_min = was->amount,
        .has_payer = true,
        .payer = was->payer};
    watch_look(job);
}
