#include "lucidd/cashier.h"

#include <stdlib.h>

#include "base/assert.h"
#include "lucidd/cashier_internal.h"
#include "x402/facilitation.h"

enum { LOOK_MS = 500, STOP_CHECK_MS = 20, FOLLOW_MS = 250 };

/* --- commands to the writer and back ---------------------------------------------------------- */

struct cashier_job {
    struct api_job job;    /* first member */
    struct http_post back; /* from the writer's thread */
    struct cashier *cashier;
    x402_written_fn *written;
    void *owner;
};

static void job_back(struct http_post *post)
{
    struct cashier_job *job = lucid_owner(post, struct cashier_job, back);
    if (!job->cashier->closed) {
        job->written(job->owner, job->job.command);
    }
    free(job);
}

/* On the writer's thread. */
static void job_done(struct api_job *api_job)
{
    struct cashier_job *job = (struct cashier_job *)api_job; /* first member */
    job->back = (struct http_post){.run = job_back};
    http_event_loop_post(job->cashier->loop, &job->back);
}

static enum lucid_error cashier_submit(void *context, struct ledger_command *command,
                                       x402_written_fn *written, void *owner)
{
    struct cashier *cashier = context;
    struct cashier_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return LUCID_RETRY_BUSY;
    }
    job->job = (struct api_job){.command = command, .done = job_done};
    job->cashier = cashier;
    job->written = written;
    job->owner = owner;
    enum lucid_error error = cashier->options.submit(cashier->options.context, &job->job, 1);
    if (error != LUCID_OK) {
        free(job);
    }
    return error;
}

/* --- jobs from requests ----------------------------------------------------------------------- */

static void entry_run(struct http_post *post)
{
    struct api_gate_entry *entry = (struct api_gate_entry *)post; /* post is the first member */
    struct cashier *cashier = entry->way;
    if (!cashier->closed) {
        x402_gate_enter(cashier->gate, &entry->job);
    }
}

void cashier_enter(void *context, struct api_gate_entry *first)
{
    struct cashier *cashier = context;
    for (struct http_post *post = &first->post; post != NULL; post = post->next) {
        struct api_gate_entry *entry = (struct api_gate_entry *)post; /* likewise */
        post->run = entry_run;
        entry->way = cashier;
    }
    http_event_loop_post(cashier->loop, &first->post);
}

static void errand_run(struct http_post *post)
{
    struct api_errand *errand = (struct api_errand *)post; /* likewise */
    struct cashier *cashier = errand->way;
    if (!cashier->closed) {
        errand->begin(errand, &cashier->desk);
    }
}

void cashier_errand(void *context, struct api_errand *errand)
{
    struct cashier *cashier = context;
    errand->post = (struct http_post){.run = errand_run};
    errand->way = cashier;
    http_event_loop_post(cashier->loop, &errand->post);
}

/* --- what others may see ---------------------------------------------------------------------- */

static void networks_look(struct cashier *cashier)
{
    const struct x402_networks *networks = &cashier->options.shop->networks;
    for (size_t i = 0; i < networks->count; i++) {
        struct x402_facilitator_status status = {.reachable = false};
        cashier->facilitator->ops->status(cashier->facilitator, &networks->items[i], &status);
        atomic_store(&cashier->seen.networks[i].reachable, status.reachable);
        atomic_store(&cashier->seen.networks[i].block, status.block);
        atomic_store(&cashier->seen.networks[i].gas_balance_wei, status.gas_balance_wei_high);
        atomic_store(&cashier->seen.networks[i].sent, status.sent);
        atomic_store(&cashier->seen.networks[i].replaced, status.replaced);
        atomic_store(&cashier->seen.networks[i].questions, status.questions);
        atomic_store(&cashier->seen.networks[i].failures, status.failures);
        atomic_store(&cashier->seen.networks[i].contradictions, status.contradictions);
        cashier_treasury_look(cashier, i);
    }
}

static void look_now(struct cashier *cashier)
{
    struct x402_spent_status status = {.ready = false};
    x402_spent_status(cashier->spent, &status);
    atomic_store(&cashier->seen.store_ready, status.ready);
    atomic_store(&cashier->seen.claims, status.claims);
    atomic_store(&cashier->seen.losses, status.losses);
    atomic_store(&cashier->seen.reconnects, status.reconnects);
    networks_look(cashier);
}

static void timer_or_die(struct cashier *cashier, struct lucid_timer *timer, uint64_t after_ms)
{
    enum lucid_error error = lucid_timer_set(http_event_loop_base(cashier->loop), timer, after_ms);
    lucid_assert(error == LUCID_OK);
}

static void look_fire(struct lucid_timer *timer)
{
    struct cashier *cashier = lucid_owner(timer, struct cashier, look);
    look_now(cashier);
    timer_or_die(cashier, timer, LOOK_MS);
}

static bool member_is_unreachable(const struct cashier *cashier)
{
    for (size_t i = 1; i < cashier->options.shop->facilitators.member_count; i++) {
        struct x402_member_status status;
        x402_roster_member_status(cashier->roster, i, &status);
        if (!status.known || !status.reachable) {
            return true;
        }
    }
    return false;
}

size_t cashier_warnings(void *context, const char **ret, size_t max)
{
    const struct cashier *cashier = context;
    const struct x402_networks *networks = &cashier->options.shop->networks;
    size_t count = 0;
    bool unreachable = false;
    for (size_t i = 0; i < networks->count; i++) {
        unreachable = unreachable || (!networks->items[i].solana &&
                                      !atomic_load(&cashier->seen.networks[i].reachable));
    }
    if (count < max && !atomic_load(&cashier->seen.store_ready)) {
        ret[count++] = "spent_store_unready";
    }
    if (count < max && unreachable) {
        ret[count++] = "network_unreachable";
    }
    if (count < max && member_is_unreachable(cashier)) {
        ret[count++] = "facilitator_unreachable";
    }
    if (count < max && cashier_treasury_is_stuck(cashier)) {
        ret[count++] = "treasury_stuck";
    }
    return count;
}

/* --- the stop --------------------------------------------------------------------------------- */

static void stop_fire(struct lucid_timer *timer)
{
    struct cashier *cashier = lucid_owner(timer, struct cashier, stop_check);
    bool idle = x402_gate_is_idle(cashier->gate) &&
                x402_facilitation_is_idle(cashier->desk.facilitation) &&
                x402_treasury_is_idle(cashier->desk.treasury);
    if (!idle && lucid_boot_ms(&cashier->options.clock) < cashier->stop_by_ms) {
        timer_or_die(cashier, timer, STOP_CHECK_MS);
        return;
    }
    if (!idle) {
        lucid_log(LUCID_LOG_WARN, "cashier.stop",
                  "payments are under way still; the next start goes on with them");
    }
    cashier->closed = true;
    http_event_loop_stop(cashier->loop);
}

static void stop_begin(struct http_post *post)
{
    struct cashier *cashier = lucid_owner(post, struct cashier, stopping);
    cashier->stop_by_ms = lucid_boot_ms(&cashier->options.clock) + cashier->grace_ms;
    cashier->desk.stopping = true;
    x402_gate_stop(cashier->gate);
    x402_facilitation_stop(cashier->desk.facilitation);
    x402_treasury_stop(cashier->desk.treasury);
    stop_fire(&cashier->stop_check);
}

void cashier_stop(struct cashier *cashier, uint64_t grace_ms)
{
    if (cashier == NULL || !cashier->running) {
        return;
    }
    cashier->grace_ms = grace_ms;
    cashier->stopping = (struct http_post){.run = stop_begin};
    http_event_loop_post(cashier->loop, &cashier->stopping);
    lucid_assert(pthread_join(cashier->thread, NULL) == 0);
    cashier->running = false;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum lucid_error store_open(struct cashier *cashier, const struct x402_spent_log *log,
                                   struct lucid_why *why)
{
    const struct shop *shop = cashier->options.shop;
    struct lucid_loop *loop = http_event_loop_base(cashier->loop);
    return shop->redis
               ? x402_spent_redis_open(loop, log, &shop->redis_options, &cashier->spent, why)
               : x402_spent_memory_open(loop, log, &cashier->spent);
}

static enum lucid_error facilitator_open(struct cashier *cashier)
{
    const struct shop *shop = cashier->options.shop;
    struct x402_direct_options options = {
        .loop = http_event_loop_base(cashier->loop),
        .outgoing = http_outgoing_base(cashier->outgoing),
        .networks = &shop->networks,
        .settle_ms_max = (uint32_t)cashier->options.config->settle_ms_max,
    };
    memcpy(options.gas_keys, shop->gas_key_of, sizeof(options.gas_keys));
    enum lucid_error error = x402_direct_open(&options, &cashier->direct);
    if (error != LUCID_OK) {
        return error;
    }
    const struct x402_roster_options roster = {
        .loop = options.loop,
        .outgoing =
            cashier->elsewhere != NULL ? http_outgoing_base(cashier->elsewhere) : options.outgoing,
        .networks = &shop->networks,
        .file = &shop->facilitators,
        .direct = cashier->direct,
        .settle_ms_max = options.settle_ms_max,
    };
    error = x402_roster_open(&roster, &cashier->roster);
    if (error != LUCID_OK) {
        x402_facilitator_close(cashier->direct);
        return error;
    }
    cashier->facilitator = x402_roster_base(cashier->roster);
    return LUCID_OK;
}

bool cashier_fee_payer(void *context, const struct x402_network *network, struct lucid_span asset,
                       uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    const struct cashier *cashier = context;
    return x402_roster_fee_payer(cashier->roster, network, asset, ret);
}

static enum lucid_error gate_open(struct cashier *cashier)
{
    const struct config *config = cashier->options.config;
    const struct x402_gate_options options = {
        .loop = http_event_loop_base(cashier->loop),
        .ledger = cashier->options.ledger,
        .networks = &cashier->options.shop->networks,
        .facilitator = cashier->facilitator,
        .spent = cashier->spent,
        .submit = cashier_submit,
        .context = cashier,
        .proof_age_seconds_max = config->proof_age_seconds_max,
        .accept_unbound_proofs = config->x402_accept_unbound_proofs,
        .pay_to_exclusive = config->pay_to_exclusive,
        .reconcile_ms = (uint32_t)config->reconcile_ms,
        .watch_seconds = (uint32_t)config->reorg_watch_seconds,
        .at = cashier_test_at(cashier->options.ledger),
    };
    return x402_gate_open(&options, &cashier->gate);
}

/* For others; with no clients any more it still ends what was begun for them. */
static enum lucid_error facilitation_open(struct cashier *cashier)
{
    struct x402_facilitation_options options = {
        .desk = &cashier->desk,
        .reconcile_ms = (uint32_t)cashier->options.config->reconcile_ms,
        .at = cashier_test_at(cashier->options.ledger),
    };
    shop_gas_addresses(cashier->options.shop, options.gas);
    return x402_facilitation_open(&options, &cashier->desk.facilitation);
}

static enum lucid_error parts_open(struct cashier *cashier, struct lucid_why *why)
{
    struct x402_spent_log log;
    enum lucid_error error = http_event_loop_open(&cashier->options.clock, &cashier->loop);
    if (error == LUCID_OK) {
        const struct http_outgoing_options outgoing = {.loop = http_event_loop_base(cashier->loop)};
        error = http_outgoing_open(&outgoing, &cashier->outgoing);
        if (error == LUCID_OK && cashier->options.shop->facilitators.member_count > 1) {
            error = http_outgoing_open(&outgoing, &cashier->elsewhere);
        }
    }
    if (error == LUCID_OK) {
        error = facilitator_open(cashier);
    }
    if (error == LUCID_OK) {
        error = x402_log_reader_open(cashier->options.ledger, &cashier->reader, &log);
    }
    if (error == LUCID_OK) {
        error = store_open(cashier, &log, why);
    }
    if (error == LUCID_OK && cashier->options.shop->redis) {
        error = x402_spent_follow_open(http_event_loop_base(cashier->loop), cashier->options.ledger,
                                       cashier->spent, FOLLOW_MS, &cashier->follow);
    }
    if (error == LUCID_OK) {
        error = gate_open(cashier);
    }
    cashier->desk = (struct x402_desk){
        .loop = http_event_loop_base(cashier->loop),
        .ledger = cashier->options.ledger,
        .networks = &cashier->options.shop->networks,
        .facilitator = cashier->facilitator,
        .direct = cashier->direct,
        .spent = cashier->spent,
        .gate = cashier->gate,
        .submit = cashier_submit,
        .context = cashier,
    };
    error = error == LUCID_OK ? facilitation_open(cashier) : error;
    return error == LUCID_OK ? cashier_treasury_open(cashier) : error;
}

enum lucid_error cashier_open(const struct cashier_options *options, struct cashier **ret,
                              struct lucid_why *why)
{
    struct cashier *cashier = calloc(1, sizeof(*cashier));
    if (cashier == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory to sell");
    }
    cashier->options = *options;
    cashier->look.fire = look_fire;
    cashier->stop_check.fire = stop_fire;
    struct lucid_why inner = {0};
    enum lucid_error error = parts_open(cashier, &inner);
    if (error == LUCID_OK) {
        error = lucid_timer_set(http_event_loop_base(cashier->loop), &cashier->look, LOOK_MS);
    }
    if (error != LUCID_OK) {
        cashier_close(cashier);
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "the cashier cannot be opened: %.200s",
                            inner.text[0] == '\0' ? lucid_error_name(error) : inner.text);
    }
    look_now(cashier);
    *ret = cashier;
    return LUCID_OK;
}

void cashier_close(struct cashier *cashier)
{
    if (cashier == NULL) {
        return;
    }
    lucid_assert(!cashier->running);
    cashier->closed = true;
    if (cashier->loop != NULL) {
        lucid_timer_clear(http_event_loop_base(cashier->loop), &cashier->look);
        lucid_timer_clear(http_event_loop_base(cashier->loop), &cashier->stop_check);
    }
    x402_treasury_close(cashier->desk.treasury);
    x402_gate_close(cashier->gate);
    x402_facilitation_close(cashier->desk.facilitation);
    x402_spent_follow_close(cashier->follow);
    x402_spent_close(cashier->spent);
    x402_log_reader_close(cashier->reader);
    x402_facilitator_close(cashier->facilitator);
    http_outgoing_close(cashier->elsewhere);
    http_outgoing_close(cashier->outgoing);
    http_event_loop_close(cashier->loop);
    free(cashier);
}

static void *cashier_main(void *context)
{
    struct cashier *cashier = context;
    http_event_loop_run(cashier->loop);
    return NULL;
}

void cashier_start(struct cashier *cashier)
{
    if (cashier != NULL) {
        cashier->running = true;
        lucid_assert(pthread_create(&cashier->thread, NULL, cashier_main, cashier) == 0);
    }
}
