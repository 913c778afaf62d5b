#include <stdlib.h>

#include "x402/gate_internal.h"

uint64_t gate_now_ms(const struct x402_gate *gate)
{
    return lucid_boot_ms(&gate->options.loop->clock);
}

void gate_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void run_unlink(struct gate_run *run)
{
    struct x402_gate *gate = run->gate;
    if (run->previous == NULL) {
        gate->runs = run->next;
    } else {
        run->previous->next = run->next;
    }
    if (run->next != NULL) {
        run->next->previous = run->previous;
    }
    gate->run_count--;
}

void gate_run_end(struct gate_run *run)
{
    struct x402_gate *gate = run->gate;
    struct x402_gate_job *job = run->job;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    bool has_id = run->has_id;
    lucid_assert(run->entry == NULL && !run->writing);
    memcpy(id, run->id, sizeof(id));
    if (!job->has_payment && has_id && job->outcome == X402_OUTSTANDING) {
        memcpy(job->payment.id, run->wait_id, sizeof(job->payment.id));
        job->has_payment = true;
    }
    run_unlink(run);
    free(run);
    job->impl = NULL;
    gate_count(&gate->counts.outcomes[job->outcome]);
    if (has_id) {
        gate_wake(gate, id);
    }
    job->done(job);
}

bool gate_run_is_unchecked(const struct gate_run *run)
{
    const struct x402_proof *proof = &run->job->proof;
    return proof->form != X402_FORM_PROOF && proof->smart_wallet && !proof->is_solana;
}

void gate_wake(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    for (struct gate_run *run = gate->runs; run != NULL; run = run->next) {
        if (run->state == GATE_WAITING && memcmp(run->wait_id, id, sizeof(run->wait_id)) == 0) {
            /* Without memory for it the timer that is set does it later. */
            (void)lucid_timer_set(gate->options.loop, &run->timer, 0);
        }
    }
}

static void job_refuse(struct x402_gate *gate, struct x402_gate_job *job, const char *reason)
{
    job->outcome = X402_UNAVAILABLE;
    job->reason = reason;
    gate_explain(job);
    gate_count(&gate->counts.outcomes[job->outcome]);
    job->done(job);
}

void x402_gate_enter(struct x402_gate *gate, struct x402_gate_job *job)
{
    lucid_assert(job->done != NULL && job->match.verdict == X402_FITS);
    job->error = LUCID_OK;
    job->reason = "";
    job->text[0] = '\0';
    job->has_payment = false;
    job->replayed = false;
    if (job->forward.len > X402_FORWARD_BYTES_MAX) {
        job->forward = lucid_span(NULL, 0);
    }
    if (gate->stopping || gate->run_count == GATE_RUNS_MAX) {
        job_refuse(gate, job, gate->stopping ? "stopping" : "too_many_payments");
        return;
    }
    struct gate_run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        job_refuse(gate, job, "too_many_payments");
        return;
    }
    run->gate = gate;
    run->job = job;
    run->next = gate->runs;
    if (run->next != NULL) {
        run->next->previous = run;
    }
    gate->runs = run;
    gate->run_count++;
    job->impl = run;
    gate_step(run, GATE_WOKEN);
}

enum lucid_error x402_gate_open(const struct x402_gate_options *options, struct x402_gate **ret)
{
    lucid_assert(options->reconcile_ms > 0);
    struct x402_gate *gate = calloc(1, sizeof(*gate));
    if (gate == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    gate->options = *options;
    if (gate->options.wait_ms_max == 0) {
        gate->options.wait_ms_max = X402_WAIT_MS_DEFAULT;
    }
    enum lucid_error error = ledger_view_open(options->ledger, &gate->view);
    if (error == LUCID_OK) {
        error = keeper_open(gate);
    }
    if (error != LUCID_OK) {
        x402_gate_close(gate);
        return error;
    }
    *ret = gate;
    return LUCID_OK;
}

static bool run_can_stop(const struct gate_run *run)
{
    return run->state == GATE_WAITING || run->state == GATE_OBSERVING ||
           run->state == GATE_CHECKING || run->state == GATE_VERIFYING ||
           run->state == GATE_SETTLING;
}

void x402_gate_stop(struct x402_gate *gate)
{
    gate->stopping = true;
    keeper_stop(gate);
    /* One ends, others may with it: begin anew after each. */
    for (struct gate_run *run = gate->runs; run != NULL;) {
        if (run_can_stop(run)) {
            gate_run_cancel(run);
            gate_step(run, GATE_STOP);
            run = gate->runs;
        } else {
            run = run->next;
        }
    }
}

bool x402_gate_is_idle(const struct x402_gate *gate)
{
    return gate->run_count == 0 && keeper_is_idle(gate);
}

void x402_gate_close(struct x402_gate *gate)
{
    if (gate == NULL) {
        return;
    }
    for (struct gate_run *run = gate->runs; run != NULL;) {
        struct gate_run *next = run->next;
        gate_run_cancel(run);
        free(run);
        run = next;
    }
    gate->runs = NULL;
    keeper_close(gate);
    ledger_view_close(gate->view);
    free(gate);
}

void x402_gate_counters_read(const struct x402_gate *gate, struct x402_gate_counters *ret)
{
    const struct gate_counts *counts = &gate->counts;
#define READ(counter) atomic_load_explicit(&counts->counter, memory_order_relaxed)
    *ret = (struct x402_gate_counters){
        .admitted = READ(outcomes[X402_ADMITTED]),
        .not_paid = READ(outcomes[X402_NOT_PAID]),
        .spent = READ(outcomes[X402_SPENT]),
        .outstanding = READ(outcomes[X402_OUTSTANDING]),
        .unavailable = READ(outcomes[X402_UNAVAILABLE]),
        .unserved = READ(outcomes[X402_UNSERVED]),
        .broken = READ(outcomes[X402_BROKEN]),
        .intents = READ(intents),
        .settled = READ(settled),
        .failed = READ(failed),
        .stray = READ(stray),
        .reversed = READ(reversed),
        .open = READ(open),
    };
#undef READ
}
