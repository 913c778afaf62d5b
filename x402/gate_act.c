/* Actions of the gate's table: asking spent store, facilitator and writer, and hearing them. */
#include <stdio.h>

#include "x402/gate_internal.h"

static bool run_is_transfer(const struct gate_run *run)
{
    return run->job->proof.form == X402_FORM_PROOF;
}

/* --- the spent store --------------------------------------------------------------------------
 */

static enum gate_event claim_event(struct gate_run *run)
{
    switch (run->claim.outcome) {
    case X402_CLAIMED:
        gate_test_at(run->gate, "claimed");
        if (run->checked) {
            return GATE_CLAIMED_CHECKED;
        }
        return run_is_transfer(run) ? GATE_CLAIMED_SEEN : GATE_CLAIMED;
    case X402_CLAIM_HELD:
        return run->claim.same_request ? GATE_HELD : GATE_HELD_OTHER;
    case X402_CLAIM_SPENT:
        return run->claim.here ? GATE_SPENT_HERE : GATE_SPENT_AWAY;
    case X402_CLAIM_UNREADY:
        break;
    }
    return GATE_UNREADY;
}

static void claim_done(struct x402_claim *claim)
{
    struct gate_run *run = claim->owner;
    enum gate_event event = claim_event(run);
    if (claim->outcome != X402_CLAIMED) {
        keeper_remove(run->gate, run->entry); /* it is not ours */
        run->entry = NULL;
    }
    gate_step(run, event);
}

enum gate_event gate_claim(struct gate_run *run)
{
    struct x402_gate *gate = run->gate;
    const struct keeper_entry *other = keeper_find(&gate->keeper, run->id);
    if (other != NULL) {
        bool same = memcmp(other->digest, run->job->request.digest, sizeof(other->digest)) == 0;
        return same ? GATE_HELD : GATE_HELD_OTHER;
    }
    run->entry = keeper_lend(gate, run->id, run->job->request.digest);
    if (run->entry == NULL) {
        return GATE_UNREADY;
    }
    run->claim.verb = X402_SPENT_CLAIM;
    memcpy(run->claim.digest, run->job->request.digest, sizeof(run->claim.digest));
    run->claim.done = claim_done;
    run->claim.owner = run;
    run->claim.token = 0;
    x402_spent_ask(gate->options.spent, &run->claim);
    return GATE_NOTHING;
}

static void claim_ended(struct x402_claim *claim)
{
    struct gate_run *run = claim->owner;
    if (claim->verb == X402_SPENT_RELEASE) {
        keeper_remove(run->gate, run->entry);
    } else {
        keeper_take(run->gate, run->entry, NULL, NULL);
    }
    run->entry = NULL;
    gate_step(run, GATE_DONE);
}

enum gate_event gate_promote(struct gate_run *run)
{
    gate_test_at(run->gate, "recorded");
    gate_payment_keys(&run->write.payment, &run->claim);
    memcpy(run->claim.payment_id, run->write.payment.id, sizeof(run->claim.payment_id));
    run->claim.verb = X402_SPENT_PROMOTE;
    run->claim.done = claim_ended;
    x402_spent_ask(run->gate->options.spent, &run->claim);
    return GATE_NOTHING;
}

enum gate_event gate_release(struct gate_run *run)
{
    run->claim.verb = X402_SPENT_RELEASE;
    run->claim.done = claim_ended;
    x402_spent_ask(run->gate->options.spent, &run->claim);
    return GATE_NOTHING;
}

/* --- the facilitator -------------------------------------------------------------------------- */

static void charge_done(struct x402_charge *charge)
{
    struct gate_run *run = charge->owner;
    enum gate_event event = gate_charge_event(run->gate, charge);
    if (charge->verb == X402_CHARGE_OBSERVE) {
        run->observed = event == GATE_GOOD;
    } else if (charge->verb == X402_CHARGE_VERIFY) {
        if (run->state == GATE_CHECKING && charge->has_transaction && !run->intended) {
            event = GATE_STRAY;
        }
        run->stray = charge->outcome == X402_CHARGE_STRAY;
        run->settled = event == GATE_GOOD && charge->has_transaction;
        run->checked = run->state == GATE_CHECKING && event == GATE_GOOD;
    } else if (event == GATE_GOOD || event == GATE_STRAY) {
        gate_test_at(run->gate, "settled");
    }
    gate_step(run, event);
}

static enum gate_event charge_begin(struct gate_run *run, enum x402_charge_verb verb)
{
    struct x402_charge *charge = &run->charge;
    if (run->gate->stopping) {
        return GATE_STOP;
    }
    charge->verb = verb;
    charge->network = run->job->network;
    charge->pay_to = run->job->pay_to;
    charge->amount_min = run->job->price;
    charge->done = charge_done;
    charge->owner = run;
    charge->reason = NULL;
    charge->text[0] = '\0';
    charge->impl = NULL;
    x402_charge_ask(run->gate->options.facilitator, charge);
    return GATE_NOTHING;
}

enum gate_event gate_observe(struct gate_run *run)
{
    const struct x402_gate_job *job = run->job;
    const struct x402_challenge *challenge = &job->proof.challenge;
    run->charge = (struct x402_charge){
        .transaction = job->proof.transaction,
        .has_log_index = job->proof.has_log_index,
        .log_index = job->proof.log_index,
        .signed_by_payer = job->match.signed_by_payer,
        .payer = job->match.payer,
        .bound_nonce = x402_challenge_hash(challenge),
        .unbound_ok = run->gate->options.accept_unbound_proofs,
        .issued_ms = challenge->issued_ms,
        .expires_ms = challenge->issued_ms + (uint64_t)challenge->lifetime_s * 1000,
        .age_seconds_max = run->gate->options.proof_age_seconds_max,
    };
    return charge_begin(run, X402_CHARGE_OBSERVE);
}

static bool payer_equal(const struct x402_proof *a, const struct x402_proof *b)
{
    return memcmp(&a->authorization.from, &b->authorization.from, sizeof(a->authorization.from)) ==
               0 &&
           memcmp(a->solana.payer, b->solana.payer, sizeof(a->solana.payer)) == 0;
}

/* Whether its payer is known to want it, and it may take the money yet. */
static bool run_is_moving(const struct gate_run *run)
{
    return run->state == GATE_VERIFYING || run->state == GATE_INTENDING ||
           run->state == GATE_SETTLING || (run->state == GATE_CLAIMING && run->checked);
}

/* What jobs that have come as far as VERIFY before this one will take from the same payer: one
 * balance must not be good for many intents. */
static uint64_t payer_reserved(const struct gate_run *run)
{
    uint64_t sum = 0;
    for (const struct gate_run *other = run->gate->runs; other != NULL; other = other->next) {
        if (other != run && run_is_moving(other) && !run_is_transfer(other) &&
            other->job->network == run->job->network &&
            payer_equal(&other->job->proof, &run->job->proof) &&
            __builtin_add_overflow(sum, other->job->match.amount, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

enum gate_event gate_verify(struct gate_run *run)
{
    run->charge = (struct x402_charge){
        .asset = run->job->asset,
        .forward = run->job->forward,
        .solana = run->job->proof.solana,
        .intended = run->intended,
        .reserved = payer_reserved(run),
        .authorization = run->job->proof.authorization,
        .signature = run->job->proof.signature,
        .smart_wallet = run->job->proof.smart_wallet,
    };
    return charge_begin(run, X402_CHARGE_VERIFY);
}

/* With from_block and intended_sender as VERIFY left them. */
enum gate_event gate_settle(struct gate_run *run)
{
    gate_test_at(run->gate, "intent");
    return charge_begin(run, X402_CHARGE_SETTLE);
}

/* --- the writer ------------------------------------------------------------------------------- */

static void job_blame(struct gate_run *run, const struct ledger_command *command)
{
    run->job->error = command->error;
    run->job->why = command->why;
}

/* Of a command that was handed over alone, once more. */
static enum gate_event paid_event(const struct ledger_command *paid)
{
    enum lucid_category category = lucid_category(paid->error);
    if (category <= LUCID_CATEGORY_NOTE) {
        return GATE_WRITTEN;
    }
    return category == LUCID_CATEGORY_REFUSE ? GATE_PAID_REFUSED : GATE_UNWRITTEN;
}

static void run_written(void *owner, struct ledger_command *command)
{
    struct gate_run *run = owner;
    struct x402_gate_job *job = run->job;
    run->writing = false;
    if (run->state == GATE_REPLAYING) {
        job_blame(run, command);
        gate_step(run, paid_event(command));
        return;
    }
    enum gate_event event = gate_write_event(run->gate, &run->write);
    job_blame(run, &run->write.command);
    if (event == GATE_WRITTEN || event == GATE_PAID_REFUSED) {
        job->payment = run->write.payment;
        job->has_payment = true;
    }
    if (event == GATE_CONFLICT && !run_is_transfer(run) && run->state != GATE_INTENDING &&
        run->state != GATE_SERVING) {
        event = GATE_CONFLICT_INTENT;
    }
    if (event == GATE_WRITTEN && run->state == GATE_INTENDING && (run->stray || run->settled)) {
        bool counts = run->settled || run->gate->options.pay_to_exclusive;
        event = counts ? GATE_WRITTEN_SETTLED : GATE_WRITTEN_STRAY;
    }
    gate_step(run, event);
}

/* Puts the write behind all parts of what it pays for, or takes it away again. */
static void chain_set(struct gate_run *run, bool with_write)
{
    struct ledger_command *last = run->job->paid;
    while (last->next_part != NULL && last->next_part != &run->write.command) {
        last = last->next_part;
    }
    last->next_part = with_write ? &run->write.command : NULL;
}

/* Hands the write over; what it pays for goes first, in the same chain. */
static enum gate_event run_submit(struct gate_run *run, bool with_paid)
{
    struct x402_gate *gate = run->gate;
    struct ledger_command *paid = with_paid ? run->job->paid : NULL;
    struct ledger_command *first = &run->write.command;
    if (paid != NULL) {
        chain_set(run, true);
        run->write.paid = paid;
        first = paid;
    }
    run->write.reads = with_paid && paid == NULL;
    enum lucid_error error = gate->options.submit(gate->options.context, first, run_written, run);
    if (error != LUCID_OK) {
        run->job->error = error;
        if (paid != NULL) {
            chain_set(run, false);
        }
        return GATE_UNWRITTEN;
    }
    run->writing = true;
    return GATE_NOTHING;
}

static struct x402_payment *write_prepare(struct gate_run *run, enum x402_payment_verb verb)
{
    run->write = (struct x402_payment_command){.reason = NULL};
    x402_payment_prepare(&run->write, verb);
    return &run->write.payment;
}

/* What the payment is, whichever way it came. */
static void payment_fill(const struct gate_run *run, struct x402_payment *payment)
{
    const struct x402_gate_job *job = run->job;
    payment->price = job->price;
    payment->version = job->price_version;
    if (!job->network->solana) {
        payment->token = job->network->token;
        payment->pay_to = job->pay_to;
    }
    payment->request = job->request;
    snprintf(payment->asset, sizeof(payment->asset), "%s", job->asset);
    snprintf(payment->network, sizeof(payment->network), "%s", job->network->caip2);
    snprintf(payment->facilitator, sizeof(payment->facilitator), "%s", gate_settler(&run->charge));
}

static void transfer_fill(const struct gate_run *run, struct x402_payment *payment)
{
    payment_fill(run, payment);
    memcpy(payment->id, run->id, sizeof(payment->id));
    payment->scheme = X402_SCHEME_TRANSFER;
    payment->bound = run->charge.bound;
    payment->has_transfer = true;
    payment->transfer = run->charge.transfer;
    payment->payer = run->charge.transfer.payer;
    payment->amount = run->charge.transfer.amount;
}

static void authorization_fill(const struct gate_run *run, struct x402_payment *payment)
{
    const struct x402_proof *proof = &run->job->proof;
    payment->payer = proof->authorization.from;
    payment->authorization = proof->authorization;
    if (!proof->smart_wallet) {
        payment->signature = proof->signature;
    }
    payment->sender = run->charge.intended_sender;
    payment->from_block = run->charge.from_block;
}

enum gate_event gate_intend(struct gate_run *run)
{
    const struct x402_gate_job *job = run->job;
    if ((run->stray || run->settled) && gate_transfer_is_known(run)) {
        return GATE_CONFLICT; /* else each showing of it would make two events */
    }
    struct x402_payment *payment = write_prepare(run, X402_INTEND);
    payment_fill(run, payment);
    memcpy(payment->id, run->id, sizeof(payment->id));
    payment->amount = job->match.amount;
    payment->bound = true;
    if (job->network->solana) {
        payment->solana = job->proof.solana;
    } else {
        authorization_fill(run, payment);
    }
    lucid_assert(job->proof.identifier.len < sizeof(payment->identifier));
    if (job->proof.identifier.len > 0) {
        memcpy(payment->identifier, job->proof.identifier.data, job->proof.identifier.len);
    }
    if (strcmp(payment->facilitator, X402_DIRECT) != 0) {
        run->write.forward = job->forward;
    }
    return run_submit(run, false);
}

enum gate_event gate_record(struct gate_run *run)
{
    struct x402_payment *payment = write_prepare(run, X402_SETTLE);
    if (run_is_transfer(run)) {
        transfer_fill(run, payment);
    } else {
        memcpy(payment->id, run->id, sizeof(payment->id));
        payment->request = run->job->request;
        payment->has_transfer = true;
        payment->transfer = run->charge.transfer;
    }
    return run_submit(run, true);
}

enum gate_event gate_record_stray(struct gate_run *run)
{
    struct x402_payment *payment = write_prepare(run, X402_RECORD_STRAY);
    memcpy(payment->id, run->id, sizeof(payment->id));
    payment->has_transfer = true;
    payment->transfer = run->charge.transfer;
    return run_submit(run, false);
}

static enum gate_event run_fail(struct gate_run *run, const char *reason)
{
    struct x402_payment *payment = write_prepare(run, X402_FAIL);
    memcpy(payment->id, run->id, sizeof(payment->id));
    run->write.reason = reason == NULL ? "invalid_transaction_state" : reason;
    return run_submit(run, false);
}

enum gate_event gate_fail(struct gate_run *run)
{
    return run_fail(run, run->charge.reason);
}

enum gate_event gate_undo(struct gate_run *run)
{
    return run_fail(run, "facilitator_unavailable");
}

enum gate_event gate_drop(struct gate_run *run)
{
    return run_fail(run, "recorded_elsewhere");
}

enum gate_event gate_serve(struct gate_run *run)
{
    struct x402_payment *payment = write_prepare(run, X402_SERVE);
    memcpy(payment->id, run->known.id, sizeof(payment->id));
    payment->request = run->job->request;
    return run_submit(run, true);
}

enum gate_event gate_replay(struct gate_run *run)
{
    struct x402_gate_job *job = run->job;
    struct x402_gate *gate = run->gate;
    job->payment = run->known;
    job->has_payment = true;
    job->replayed = true;
    if (job->paid == NULL) {
        return GATE_WRITTEN; /* a read: answered afresh */
    }
    chain_set(run, false);
    enum lucid_error error =
        gate->options.submit(gate->options.context, job->paid, run_written, run);
    if (error != LUCID_OK) {
        job->error = error;
        return GATE_UNWRITTEN;
    }
    run->writing = true;
    return GATE_NOTHING;
}

/* --- to the keeper ---------------------------------------------------------------------------- */

enum gate_event gate_park(struct gate_run *run)
{
    struct x402_payment unrecorded = {.sequence = 0};
    if (run_is_transfer(run)) {
        transfer_fill(run, &unrecorded);
    }
    if (!run_is_transfer(run)) {
        keeper_hear(run->entry, &run->charge);
    }
    keeper_take(run->gate, run->entry, &run->claim, run_is_transfer(run) ? &unrecorded : NULL);
    run->entry = NULL;
    return GATE_DONE;
}

void gate_run_cancel(struct gate_run *run)
{
    struct x402_gate *gate = run->gate;
    enum gate_state state = run->state;
    if (state == GATE_WAITING) {
        lucid_timer_clear(gate->options.loop, &run->timer);
    } else if (state == GATE_OBSERVING || state == GATE_CHECKING || state == GATE_VERIFYING ||
               state == GATE_SETTLING) {
        gate->options.facilitator->ops->cancel(gate->options.facilitator, &run->charge);
    } else if (state == GATE_CLAIMING || state == GATE_PROMOTING || state == GATE_RELEASING) {
        x402_spent_cancel(gate->options.spent, &run->claim);
    }
}
