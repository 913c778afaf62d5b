/* The driver: jobs, rounds, life. */
#include "x402/facilitation.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/checked.h"
#include "base/log.h"
#include "x402/facilitation_run_internal.h"

enum { SCAN_MAX = 256 }; /* open ones that one round takes up */

/* --- jobs ------------------------------------------------------------------------------------- */

static void run_fill(struct facilitation_run *run, const struct x402_facilitation_job *job,
                     const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct x402_facilitated *one = &run->one;
    run->client = job->client;
    run->network = job->network;
    memcpy(one->id, id, sizeof(one->id));
    one->status = X402_FACILITATION_OPEN;
    (void)snprintf(one->client, sizeof(one->client), "%s", job->client->name);
    (void)snprintf(one->network, sizeof(one->network), "%s", job->network->caip2);
    one->token = job->network->token;
    one->authorization = job->authorization;
    one->signature = job->signature;
    one->version = job->version;
    if (!evm_u256_u64(&job->authorization.value, &one->amount)) {
        one->amount = UINT64_MAX; /* refused by VERIFY */
    }
    x402_key_authorization(job->network, &one->authorization.from, &one->authorization.nonce,
                           &run->claim.keys[0]);
    run->claim.key_count = 1;
}

struct look {
    bool known; /* begun at least once */
    struct x402_facilitated one;
    bool gate;   /* the authorization is a payment of our own */
    bool ours;   /* the recipient is */
    bool beyond; /* the client's day has no room for one more */
};

/* A payer may sign several things under one nonce: only one of them can be settled, and the others
 * must not be told that they are. */
static bool same_authorization(const struct evm_authorization *a, const struct evm_authorization *b)
{
    return memcmp(&a->from, &b->from, sizeof(a->from)) == 0 &&
           memcmp(&a->to, &b->to, sizeof(a->to)) == 0 &&
           memcmp(&a->value, &b->value, sizeof(a->value)) == 0 &&
           memcmp(&a->valid_after, &b->valid_after, sizeof(a->valid_after)) == 0 &&
           memcmp(&a->valid_before, &b->valid_before, sizeof(a->valid_before)) == 0 &&
           memcmp(&a->nonce, &b->nonce, sizeof(a->nonce)) == 0;
}

/* As the writer will judge, but for what happens in between. */
static enum lucid_error look_at_day(struct x402_facilitation *facilitation,
                                    const struct x402_facilitation_job *job, bool *ret_beyond)
{
    struct x402_facilitation_day day;
    uint64_t now = lucid_wall_ms(&facilitation->options.desk->loop->clock) / X402_DAY_MS;
    uint64_t sum;
    enum lucid_error error =
        x402_facilitation_day_read(facilitation->view, job->client->name, now, &day);
    if (error == LUCID_OK) {
        *ret_beyond = !lucid_add_u64(day.reserved_wei, day.spent_wei, &sum) ||
                      !lucid_add_u64(sum, facilitation_reserve(job->network), &sum) ||
                      sum > job->client->gas_wei_per_day;
    }
    return error;
}

static enum lucid_error look_at(struct x402_facilitation *facilitation,
                                const struct x402_facilitation_job *job,
                                const struct x402_spent_key *key,
                                const uint8_t id[X402_PAYMENT_ID_BYTES], struct look *ret)
{
    struct x402_payment payment;
    enum lucid_error error = ledger_view_begin(facilitation->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = x402_facilitated_read(facilitation->view, id, &ret->one);
    ret->known = error == LUCID_OK;
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = x402_payment_find(facilitation->view, lucid_span_str(key->text), &payment);
        ret->gate = error == LUCID_OK;
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = x402_facilitation_ours(facilitation->view, &job->authorization.to, &ret->ours);
    }
    if (error == LUCID_OK) {
        error = look_at_day(facilitation, job, &ret->beyond);
    }
    ledger_view_end(facilitation->view);
    return error;
}

/* Whether money sent there is ours. */
static bool is_own_address(const struct x402_facilitation *facilitation,
                           const struct evm_address *address)
{
    const struct x402_networks *networks = facilitation->options.desk->networks;
    for (size_t i = 0; i < networks->count; i++) {
        const struct x402_network *network = &networks->items[i];
        const struct evm_address *gas = &facilitation->options.gas[i];
        if (memcmp(gas, address, sizeof(*address)) == 0 ||
            (network->has_treasury && memcmp(&network->treasury, address, sizeof(*address)) == 0)) {
            return true;
        }
    }
    return false;
}

static void job_wait(struct facilitation_run *run, struct x402_facilitation_job *job)
{
    job->next = run->jobs;
    run->jobs = job;
}

static void job_refuse(struct x402_facilitation_job *job, const char *reason, const char *text)
{
    struct x402_facilitation *facilitation = job->facilitation;
    bool settles = job->asked == X402_FACILITATION_SETTLE;
    facilitation_count(settles ? &facilitation->refused : &facilitation->verified[0], 1);
    facilitation_job_tell(job, X402_FACILITATION_BAD, reason, text);
}

/* Gets the run's answer; one that rests is asked after at once, but not more often than rounds
 * would. */
static void run_join(struct facilitation_run *run, struct x402_facilitation_job *job)
{
    const struct x402_facilitation *facilitation = run->facilitation;
    job_wait(run, job);
    if (run->state != FACILITATION_RUN_IDLE) {
        return;
    }
    if (facilitation_now_ms(facilitation) < run->asked_ms + facilitation->options.reconcile_ms) {
        facilitation_jobs_tell(run);
        return;
    }
    run->text[0] = '\0';
    facilitation_run_ask(run);
}

static void job_start(struct x402_facilitation *facilitation, struct x402_facilitation_job *job,
                      const uint8_t id[X402_PAYMENT_ID_BYTES], const struct look *look)
{
    struct facilitation_run *run = facilitation_run_new(facilitation);
    if (run == NULL) {
        facilitation_job_tell(job, X402_FACILITATION_BROKEN, "unexpected_settle_error",
                              "too much is under way; nothing was begun");
        return;
    }
    run_fill(run, job, id);
    job_wait(run, job);
    if (!look->known || look->one.status == X402_FACILITATION_FAILED) {
        run->one.begun_sequence = look->known ? look->one.begun_sequence : 0;
        facilitation_run_claim(run);
        return;
    }
    run->one = look->one;
    if (look->one.status == X402_FACILITATION_SETTLED) {
        facilitation_run_say_end(run);
        facilitation_run_over(run);
    } else {
        facilitation_run_ask(run); /* of the process before; no round has come to it yet */
    }
}

static void verify_start(struct x402_facilitation *facilitation, struct x402_facilitation_job *job,
                         const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct facilitation_run *run = facilitation_run_new(facilitation);
    if (run == NULL) {
        facilitation_job_tell(job, X402_FACILITATION_BROKEN, "unexpected_verify_error",
                              "too much is under way");
        return;
    }
    run_fill(run, job, id);
    run->verify_only = true;
    job_wait(run, job);
    facilitation_run_verify(run, false);
}

/* What the log says against it. True: the job has been told. */
static bool look_refuses(struct x402_facilitation *facilitation, struct x402_facilitation_job *job,
                         const struct look *look)
{
    bool settles = job->asked == X402_FACILITATION_SETTLE;
    bool standing = look->known && look->one.status != X402_FACILITATION_FAILED;
    if (look->ours || is_own_address(facilitation, &job->authorization.to)) {
        job_refuse(job, "invalid_exact_evm_recipient_mismatch",
                   "the recipient is this service itself: it does not settle for others to it");
    } else if (look->gate ||
               (standing && !same_authorization(&look->one.authorization, &job->authorization))) {
        job_refuse(job, "invalid_exact_evm_nonce_already_used",
                   "the authorization was used for something else");
    } else if (look->beyond && !standing) {
        job_refuse(job, settles ? "unexpected_settle_error" : "unexpected_verify_error",
                   "the client's gas budget of this day has no room for one more settlement");
    } else {
        return false;
    }
    return true;
}

void x402_facilitation_enter(struct x402_facilitation *facilitation,
                             struct x402_facilitation_job *job)
{
    bool settles = job->asked == X402_FACILITATION_SETTLE;
    const char *broken = settles ? "unexpected_settle_error" : "unexpected_verify_error";
    struct x402_spent_key key;
    struct look look = {.known = false};
    uint8_t id[X402_PAYMENT_ID_BYTES];
    lucid_assert(job->done != NULL && job->client != NULL && job->network != NULL);
    job->facilitation = facilitation;
    job->has_transaction = false;
    x402_key_authorization(job->network, &job->authorization.from, &job->authorization.nonce, &key);
    x402_payment_id(lucid_span_str(key.text), id);
    if (facilitation->stopping) {
        facilitation_job_tell(job, X402_FACILITATION_BROKEN, broken, "the service is stopping");
        return;
    }
    struct facilitation_run *run = settles ? facilitation_run_find(facilitation, id) : NULL;
    if (run != NULL && !same_authorization(&run->one.authorization, &job->authorization)) {
        job_refuse(job, "duplicate_settlement",
                   "another authorization of the same payer and nonce is being settled");
    } else if (run != NULL) {
        run_join(run, job);
    } else if (look_at(facilitation, job, &key, id, &look) != LUCID_OK) {
        facilitation_job_tell(job, X402_FACILITATION_BROKEN, broken, "the log cannot be read now");
    } else if (look_refuses(facilitation, job, &look)) {
        return;
    } else if (settles) {
        job_start(facilitation, job, id, &look);
    } else {
        verify_start(facilitation, job, id);
    }
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* Takes up what the log has open and nobody deals with. False: there may be more. */
static bool round_scan(struct x402_facilitation *facilitation)
{
    const struct x402_networks *networks = facilitation->options.desk->networks;
    enum lucid_error error = ledger_view_begin(facilitation->view);
    if (error != LUCID_OK) {
        return false;
    }
    for (size_t i = 0; error == LUCID_OK && i < SCAN_MAX; i++) {
        struct x402_facilitated one;
        error = x402_facilitated_next(facilitation->view, facilitation->cursor,
                                      X402_FACILITATION_OPEN, &one);
        if (error != LUCID_OK) {
            break;
        }
        const struct x402_network *network =
            x402_network_find(networks, lucid_span_str(one.network));
        if (network != NULL && facilitation_run_find(facilitation, one.id) == NULL) {
            struct facilitation_run *run = facilitation_run_new(facilitation);
            if (run == NULL) {
                break;
            }
            run->state = FACILITATION_RUN_IDLE;
            run->outcome = X402_FACILITATION_LATER;
            run->reason = "settlement_pending";
            run->one = one;
            run->network = network;
            x402_key_authorization(network, &one.authorization.from, &one.authorization.nonce,
                                   &run->claim.keys[0]);
            run->claim.key_count = 1;
        }
        facilitation->cursor = one.first_sequence;
    }
    ledger_view_end(facilitation->view);
    if (error == LUCID_NOTE_ABSENT) {
        facilitation->cursor = 0;
    } else if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "facilitation.scan", "open facilitations cannot be read: %s",
                  lucid_error_name(error));
    }
    return error == LUCID_NOTE_ABSENT;
}

static void round_turn(struct lucid_timer *timer)
{
    struct x402_facilitation *facilitation = lucid_owner(timer, struct x402_facilitation, round);
    uint64_t after_ms = facilitation->options.reconcile_ms;
    if (!round_scan(facilitation) && after_ms > 100) {
        after_ms = 100;
    }
    facilitation_open_show(facilitation);
    for (struct facilitation_run *run = facilitation->runs; run != NULL; run = run->next) {
        if (run->state == FACILITATION_RUN_IDLE &&
            run->due_ms <= facilitation_now_ms(facilitation)) {
            facilitation_run_ask(run);
        }
    }
    if (lucid_timer_set(facilitation->options.desk->loop, timer, after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "facilitation.round",
                  "no memory: open facilitations are not looked after");
    }
}

/* --- life ------------------------------------------------------------------------------------- */

enum lucid_error x402_facilitation_open(const struct x402_facilitation_options *options,
                                        struct x402_facilitation **ret)
{
    lucid_assert(options->reconcile_ms > 0);
    struct x402_facilitation *facilitation = calloc(1, sizeof(*facilitation));
    if (facilitation == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    facilitation->options = *options;
    facilitation->round.fire = round_turn;
    facilitation->told = calloc(FACILITATION_TOLD, sizeof(*facilitation->told));
    enum lucid_error error = facilitation->told == NULL
                                 ? LUCID_RETRY_MEMORY
                                 : ledger_view_open(options->desk->ledger, &facilitation->view);
    if (error == LUCID_OK) {
        error = lucid_timer_set(options->desk->loop, &facilitation->round, 0);
    }
    if (error != LUCID_OK) {
        x402_facilitation_close(facilitation);
        return error;
    }
    *ret = facilitation;
    return LUCID_OK;
}

void x402_facilitation_stop(struct x402_facilitation *facilitation)
{
    facilitation->stopping = true;
    lucid_timer_clear(facilitation->options.desk->loop, &facilitation->round);
    for (struct facilitation_run *run = facilitation->runs, *next; run != NULL; run = next) {
        next = run->next;
        if (run->state == FACILITATION_RUN_SETTLING || run->state == FACILITATION_RUN_ASKING) {
            facilitation_run_cancel(run);
            facilitation_run_rest(run);
        } else if (run->state == FACILITATION_RUN_VERIFYING) {
            facilitation_run_cancel(run);
            facilitation_run_refuse(run, X402_FACILITATION_BROKEN,
                                    run->verify_only ? "unexpected_verify_error"
                                                     : "unexpected_settle_error",
                                    "the service is stopping");
        }
    }
}

bool x402_facilitation_is_idle(const struct x402_facilitation *facilitation)
{
    for (const struct facilitation_run *run = facilitation->runs; run != NULL; run = run->next) {
        if (run->state != FACILITATION_RUN_IDLE) {
            return false;
        }
    }
    return true;
}

void x402_facilitation_close(struct x402_facilitation *facilitation)
{
    if (facilitation == NULL) {
        return;
    }
    lucid_timer_clear(facilitation->options.desk->loop, &facilitation->round);
    for (struct facilitation_run *run = facilitation->runs, *next; run != NULL; run = next) {
        next = run->next;
        facilitation_run_cancel(run);
        free(run);
    }
    ledger_view_close(facilitation->view);
    free(facilitation->told);
    free(facilitation);
}

void x402_facilitation_counters_read(const struct x402_facilitation *facilitation,
                                     struct x402_facilitation_counters *ret)
{
#define READ(counter) atomic_load_explicit(&facilitation->counter, memory_order_relaxed)
    *ret = (struct x402_facilitation_counters){
        .verified = {READ(verified[0]), READ(verified[1])},
        .begun = READ(begun),
        .settled = READ(settled),
        .failed = READ(failed),
        .refused = READ(refused),
        .gas_wei = READ(gas_wei),
        .open = READ(open),
    };
#undef READ
}
