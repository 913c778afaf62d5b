#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/direct_internal.h"

enum {
    JOBS_MAX = 4096,
    PULSE_MS = 15000, /* how often a quiet network is looked at */
};

/* --- questions -------------------------------------------------------------------------------- */

struct evm_rpc_call *direct_question(struct direct_job *job, enum evm_rpc_kind kind)
{
    evm_rpc_call_fini(&job->call);
    job->call = (struct evm_rpc_call){.kind = kind, .owner = job};
    return &job->call;
}

static void answered(struct evm_rpc_call *call)
{
    struct direct_job *job = call->owner;
    struct direct_net *net = job->net;
    bool failed = lucid_category(call->error) == LUCID_CATEGORY_RETRY;
    net->reachable = !failed;
    if (failed) {
        job->failed(job);
        return;
    }
    if (call->kind == EVM_RPC_BLOCK && call->tag == EVM_RPC_LATEST && call->error == LUCID_OK) {
        net->block = call->block.number;
    }
    job->then(job);
}

void direct_ask(struct direct_job *job, direct_step_fn *then)
{
    job->then = then;
    job->call.done = answered;
    evm_rpc_ask(job->net->rpc, &job->call);
}

void direct_ask_token_at(struct direct_job *job, uint64_t number, direct_step_fn *then)
{
    struct evm_rpc_call *call = direct_question(job, EVM_RPC_CALL);
    call->to = job->net->network->token;
    if (job->net->wallet != NULL) {
        call->from = *x402_wallet_address(job->net->wallet);
    }
    call->data = evm_calldata_span(&job->calldata);
    call->number = number;
    direct_ask(job, then);
}

void direct_ask_token(struct direct_job *job, direct_step_fn *then)
{
    direct_ask_token_at(job, 0, then);
}

static void later_fire(struct lucid_timer *timer)
{
    struct direct_job *job = lucid_owner(timer, struct direct_job, timer);
    job->later(job);
}

void direct_wait(struct direct_job *job, uint64_t after_ms, direct_step_fn *later)
{
    job->later = later;
    job->timer.fire = later_fire;
    if (lucid_timer_set(job->net->direct->options.loop, &job->timer, after_ms) != LUCID_OK) {
        /* Without a timer it would hang for ever. */
        direct_finish(job, X402_CHARGE_PENDING, NULL, "out of memory");
    }
}

enum evm_rpc_tag direct_depth_tag(const struct x402_depth *depth)
{
    static const enum evm_rpc_tag tags[] = {[X402_BY_DEPTH] = EVM_RPC_LATEST,
                                            [X402_BY_SAFE] = EVM_RPC_SAFE,
                                            [X402_BY_FINALIZED] = EVM_RPC_FINALIZED};
    return tags[depth->by];
}

/* --- jobs ------------------------------------------------------------------------------------- */

static struct direct_job *job_open(struct direct_net *net, struct x402_charge *charge)
{
    struct direct *direct = net->direct;
    struct direct_job *job = direct->job_count < JOBS_MAX ? calloc(1, sizeof(*job)) : NULL;
    if (job == NULL) {
        return NULL;
    }
    job->net = net;
    job->charge = charge;
    job->failed = direct_away;
    job->at = &direct->jobs;
    job->next = direct->jobs;
    if (job->next != NULL) {
        job->next->at = &job->next;
    }
    direct->jobs = job;
    direct->job_count++;
    return job;
}

/* What it waits for; the list keeps it. */
static void job_stop(struct direct_job *job)
{
    struct direct *direct = job->net->direct;
    lucid_timer_clear(direct->options.loop, &job->timer);
    lucid_timer_clear(direct->options.loop, &job->deadline);
    evm_rpc_cancel(job->net->rpc, &job->call);
    evm_rpc_call_fini(&job->call);
    if (job->watching) {
        (void)x402_wallet_unwatch(job->net->wallet, &job->watch, false);
    }
}

static void job_free(struct direct_job *job)
{
    job_stop(job);
    *job->at = job->next;
    if (job->next != NULL) {
        job->next->at = job->at;
    }
    job->net->direct->job_count--;
    free(job);
}

/* Whether the transaction looked at last is one that our gas key has paid for. */
static bool fee_is_ours(const struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    return sight->found && sight->has_fee && job->net->wallet != NULL &&
           memcmp(sight->transfer.sender.bytes, x402_wallet_address(job->net->wallet)->bytes,
                  EVM_ADDRESS_BYTES) == 0;
}

void direct_finish(struct direct_job *job, enum x402_charge_outcome outcome, const char *reason,
                   const char *format, ...)
{
    struct x402_charge *charge = job->charge;
    if (charge == NULL) {
        job_free(job);
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(charge->text, sizeof(charge->text), format, args);
    va_end(args);
    charge->has_fee = fee_is_ours(job);
    charge->fee_wei = charge->has_fee ? job->sight.fee_wei : 0;
    job_free(job);
    charge->outcome = outcome;
    charge->reason = reason != NULL ? reason : x402_charge_reason(charge);
    charge->impl = NULL;
    charge->done(charge);
}

void direct_away(struct direct_job *job)
{
    struct lucid_why why = job->call.why;
    const char *text = job->call.error == LUCID_RETRY_MEMORY ? "out of memory" : why.text;
    /* After a transaction was sent it is not true that nothing was begun. */
    bool begun = job->charge != NULL && job->charge->verb == X402_CHARGE_SETTLE &&
                 job->charge->has_transaction;
    direct_finish(job, begun ? X402_CHARGE_PENDING : X402_CHARGE_AWAY, NULL, "%s", text);
}

/* --- the facilitator -------------------------------------------------------------------------- */

static struct direct *direct_of(struct x402_facilitator *facilitator)
{
    return lucid_owner(facilitator, struct direct, base);
}

static struct direct_net *net_of(struct direct *direct, const struct x402_network *network)
{
    for (size_t i = 0; i < direct->net_count; i++) {
        if (direct->nets[i].network->chain_id == network->chain_id) {
            return &direct->nets[i];
        }
    }
    return NULL;
}

static void starved_fire(struct lucid_timer *timer)
{
    struct direct *direct = lucid_owner(timer, struct direct, starved_timer);
    while (direct->starved != NULL) {
        struct x402_charge *charge = direct->starved;
        direct->starved = charge->impl;
        charge->impl = NULL;
        charge->outcome = X402_CHARGE_AWAY;
        charge->reason = x402_charge_reason(charge);
        (void)snprintf(charge->text, sizeof(charge->text), "too much is asked at once");
        charge->done(charge);
    }
}

static void starve(struct direct *direct, struct x402_charge *charge)
{
    charge->impl = direct->starved;
    direct->starved = charge;
    /* If even this fails, the next pulse of a network ends it. */
    (void)lucid_timer_set(direct->options.loop, &direct->starved_timer, 0);
}

static direct_step_fn *step_of(enum x402_charge_verb verb)
{
    static direct_step_fn *const steps[] = {
        [X402_CHARGE_OBSERVE] = direct_observe, [X402_CHARGE_VERIFY] = direct_verify,
        [X402_CHARGE_SETTLE] = direct_settle,   [X402_CHARGE_ASK] = direct_settle_ask,
        [X402_CHARGE_WATCH] = direct_watch,     [X402_CHARGE_TRACE] = direct_settle_ask,
        [X402_CHARGE_LOOK] = direct_look,
    };
    return steps[verb];
}

static void ask(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct direct *direct = direct_of(facilitator);
    struct direct_net *net = net_of(direct, charge->network);
    lucid_assert(net != NULL && charge->done != NULL && charge->impl == NULL);
    charge->reason = NULL;
    charge->text[0] = '\0';
    charge->has_transaction = false;
    charge->unused = false;
    struct direct_job *job = job_open(net, charge);
    if (job == NULL) {
        starve(direct, charge);
        return;
    }
    job->timer.fire = later_fire;
    job->later = step_of(charge->verb);
    if (lucid_timer_set(direct->options.loop, &job->timer, 0) != LUCID_OK) {
        job->charge = NULL;
        job_free(job);
        starve(direct, charge);
        return;
    }
    charge->impl = job;
}

static void cancel(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct direct *direct = direct_of(facilitator);
    struct x402_charge *before = NULL;
    struct x402_charge *at = direct->starved;
    while (at != NULL && at != charge) {
        before = at;
        at = at->impl;
    }
    if (at == NULL) {
        if (charge->impl != NULL) {
            job_free(charge->impl);
        }
    } else if (before == NULL) {
        direct->starved = charge->impl;
    } else {
        before->impl = charge->impl;
    }
    charge->impl = NULL;
}

static void status(const struct x402_facilitator *facilitator, const struct x402_network *network,
                   struct x402_facilitator_status *ret)
{
    const struct direct *direct = lucid_owner_const(facilitator, struct direct, base);
    *ret = (struct x402_facilitator_status){0};
    for (size_t i = 0; i < direct->net_count; i++) {
        const struct direct_net *net = &direct->nets[i];
        if (net->network->chain_id == network->chain_id) {
            ret->reachable = net->reachable;
            ret->block = net->block;
            struct evm_rpc_counters counters;
            evm_rpc_counters_read(net->rpc, &counters);
            ret->questions = counters.questions;
            ret->contradictions = counters.contradictions;
            for (size_t endpoint = 0; endpoint < EVM_RPC_ENDPOINTS_MAX; endpoint++) {
                ret->failures += counters.failures[endpoint];
            }
            if (net->wallet != NULL) {
                x402_wallet_status(net->wallet, ret);
            }
        }
    }
}

static void direct_close(struct x402_facilitator *facilitator)
{
    struct direct *direct = direct_of(facilitator);
    for (struct direct_job *job = direct->jobs, *next; job != NULL; job = next) {
        next = job->next;
        job_stop(job);
        free(job);
    }
    lucid_timer_clear(direct->options.loop, &direct->starved_timer);
    for (size_t i = 0; i < direct->net_count; i++) {
        lucid_timer_clear(direct->options.loop, &direct->nets[i].pulse);
        x402_wallet_close(direct->nets[i].wallet);
        evm_rpc_close(direct->nets[i].rpc);
    }
    free(direct);
}

/* --- the pulse -------------------------------------------------------------------------------- */

static void pulse_over(struct direct_job *job)
{
    direct_finish(job, X402_CHARGE_GOOD, NULL, "%s", "");
}

static void pulse_token(struct direct_job *job)
{
    direct_token_look(job, pulse_over);
}

/* The height and the token: so that what is wrong is known before somebody pays. */
static void pulse_fire(struct lucid_timer *timer)
{
    struct direct_net *net = lucid_owner(timer, struct direct_net, pulse);
    starved_fire(&net->direct->starved_timer);
    struct direct_job *job = job_open(net, NULL);
    if (job != NULL) {
        direct_question(job, EVM_RPC_BLOCK)->tag = EVM_RPC_LATEST;
        direct_ask(job, pulse_token);
    }
    if (lucid_timer_set(net->direct->options.loop, timer, PULSE_MS) != LUCID_OK) {
        lucid_log(LUCID_LOG_WARN, "direct.pulse", "out of memory: %s is not looked at any more",
                  net->network->caip2);
    }
}

static enum lucid_error net_open(struct direct *direct, size_t which)
{
    const struct x402_direct_options *options = &direct->options;
    const struct x402_network *network = &options->networks->items[which];
    struct direct_net *net = &direct->nets[direct->net_count];
    const char *urls[EVM_RPC_ENDPOINTS_MAX];
    for (size_t i = 0; i < network->rpc_count; i++) {
        urls[i] = network->rpc[i];
    }
    *net = (struct direct_net){.direct = direct, .network = network, .pulse = {.fire = pulse_fire}};
    direct->net_count++;
    struct evm_rpc_options rpc = {.loop = options->loop,
                                  .outgoing = options->outgoing,
                                  .urls = urls,
                                  .url_count = network->rpc_count,
                                  .quorum = network->rpc_quorum,
                                  .chain_id = network->chain_id,
                                  .timeout_ms = network->rpc_timeout_ms};
    enum lucid_error error = evm_rpc_open(&rpc, &net->rpc);
    if (error == LUCID_OK && options->gas_keys[which] != NULL) {
        struct x402_wallet_options wallet = {.loop = options->loop,
                                             .rpc = net->rpc,
                                             .network = network,
                                             .key = options->gas_keys[which]};
        error = x402_wallet_open(&wallet, &net->wallet);
    }
    return error != LUCID_OK ? error : lucid_timer_set(options->loop, &net->pulse, 0);
}

enum lucid_error x402_direct_open(const struct x402_direct_options *options,
                                  struct x402_facilitator **ret)
{
    static const struct x402_facilitator_ops ops = {
        .name = "direct", .ask = ask, .cancel = cancel, .status = status, .close = direct_close};
    struct direct *direct = calloc(1, sizeof(*direct));
    if (direct == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    direct->base.ops = &ops;
    direct->options = *options;
    direct->starved_timer.fire = starved_fire;
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < options->networks->count; i++) {
        if (!options->networks->items[i].solana) {
            error = net_open(direct, i);
        }
    }
    if (error != LUCID_OK) {
        direct_close(&direct->base);
        return error;
    }
    *ret = &direct->base;
    return LUCID_OK;
}
