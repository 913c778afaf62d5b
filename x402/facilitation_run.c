/* One run of the driver: from the claim to the end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/checked.h"
#include "base/log.h"
#include "x402/facilitation_run_internal.h"

enum {
    BACKOFF_SHIFT_MAX = 8,
    BACKOFF_MS_MAX = 300000,
};

static const struct x402_desk *desk_of(const struct facilitation_run *run)
{
    return run->facilitation->options.desk;
}

static void test_at(struct facilitation_run *run, const char *state)
{
    const struct x402_facilitation_options *options = &run->facilitation->options;
    if (options->at != NULL) {
        options->at(options->desk->context, state);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static void run_say(struct facilitation_run *run, enum x402_facilitation_outcome outcome,
                    const char *reason, const char *text)
{
    run->outcome = outcome;
    run->reason = reason;
    (void)snprintf(run->text, sizeof(run->text), "%s", text);
}

void facilitation_job_tell(struct x402_facilitation_job *job,
                           enum x402_facilitation_outcome outcome, const char *reason,
                           const char *text)
{
    job->outcome = outcome;
    job->reason = reason;
    (void)snprintf(job->text, sizeof(job->text), "%s", text);
    job->done(job);
}

/* Success is told once: a merchant that serves for each "success" must not serve one payment to
 * many who show it at the same time. After a restart it is told once more, for the answer may have
 * been lost. */
static bool told_before(struct facilitation_run *run)
{
    uint8_t *told = run->facilitation->told[lucid_get_be32(run->one.id) % FACILITATION_TOLD];
    bool before = memcmp(told, run->one.id, X402_PAYMENT_ID_BYTES) == 0;
    memcpy(told, run->one.id, X402_PAYMENT_ID_BYTES);
    return before;
}

static void job_tell_end(struct facilitation_run *run, struct x402_facilitation_job *job)
{
    if (job->asked == X402_FACILITATION_SETTLE && run->outcome == X402_FACILITATION_GOOD &&
        told_before(run)) {
        facilitation_job_tell(job, X402_FACILITATION_BAD, "duplicate_settlement",
                              "it is settled by that transaction, and that was answered before");
    } else {
        facilitation_job_tell(job, run->outcome, run->reason, run->text);
    }
}

void facilitation_jobs_tell(struct facilitation_run *run)
{
    struct x402_facilitation_job *job = run->jobs;
    bool settled = run->one.status == X402_FACILITATION_SETTLED;
    run->jobs = NULL;
    while (job != NULL) {
        struct x402_facilitation_job *next = job->next;
        job->has_transaction = settled || run->has_sent;
        job->transaction = settled ? run->one.transaction : run->sent;
        if (job->asked == X402_FACILITATION_VERIFY) {
            facilitation_count(&run->facilitation->verified[run->outcome == X402_FACILITATION_GOOD],
                               1);
        } else if (run->outcome == X402_FACILITATION_BAD) {
            facilitation_count(&run->facilitation->refused, 1);
        }
        job_tell_end(run, job);
        job = next;
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

static bool run_is_open(const struct facilitation_run *run)
{
    return run->state == FACILITATION_RUN_IDLE || run->state == FACILITATION_RUN_ASKING ||
           run->state == FACILITATION_RUN_SETTLING ||
           (run->state == FACILITATION_RUN_ENDING && run->one.status == X402_FACILITATION_OPEN);
}

void facilitation_open_show(struct x402_facilitation *facilitation)
{
    uint64_t open = 0;
    for (const struct facilitation_run *run = facilitation->runs; run != NULL; run = run->next) {
        open += run_is_open(run);
    }
    atomic_store_explicit(&facilitation->open, open, memory_order_relaxed);
}

struct facilitation_run *facilitation_run_new(struct x402_facilitation *facilitation)
{
    struct facilitation_run *run =
        facilitation->run_count < FACILITATION_RUNS_MAX ? calloc(1, sizeof(*run)) : NULL;
    if (run == NULL) {
        return NULL;
    }
    run->facilitation = facilitation;
    run->next = facilitation->runs;
    if (run->next != NULL) {
        run->next->previous = run;
    }
    facilitation->runs = run;
    facilitation->run_count++;
    return run;
}

static void run_free(struct facilitation_run *run)
{
    struct x402_facilitation *facilitation = run->facilitation;
    if (run->previous == NULL) {
        facilitation->runs = run->next;
    } else {
        run->previous->next = run->next;
    }
    if (run->next != NULL) {
        run->next->previous = run->previous;
    }
    facilitation->run_count--;
    free(run);
    facilitation_open_show(facilitation);
}

struct facilitation_run *facilitation_run_find(struct x402_facilitation *facilitation,
                                               const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct facilitation_run *run = facilitation->runs;
    while (run != NULL &&
           (run->verify_only || memcmp(run->one.id, id, X402_PAYMENT_ID_BYTES) != 0)) {
        run = run->next;
    }
    return run;
}

void facilitation_run_over(struct facilitation_run *run)
{
    facilitation_jobs_tell(run);
    run_free(run);
}

/* --- the claim -------------------------------------------------------------------------------- */

static void unclaimed(struct x402_claim *claim)
{
    facilitation_run_over(claim->owner);
}

/* The last step: what the log says by now is what the store is told. */
static void run_unclaim(struct facilitation_run *run, bool used)
{
    struct x402_claim *claim = &run->claim;
    run->state = FACILITATION_RUN_UNCLAIMING;
    claim->verb = used ? X402_SPENT_PROMOTE : X402_SPENT_RELEASE;
    if (!run->has_claim) {
        claim->token = 0; /* of the process before */
    }
    if (used && run->one.status == X402_FACILITATION_SETTLED) {
        x402_key_transfer(run->network, &run->one.transaction, run->one.log_index, &claim->keys[1]);
        claim->key_count = 2;
    }
    memcpy(claim->payment_id, run->one.id, sizeof(claim->payment_id));
    claim->done = unclaimed;
    claim->owner = run;
    x402_spent_ask(desk_of(run)->spent, claim);
}

/* Nothing was begun. */
void facilitation_run_refuse(struct facilitation_run *run, enum x402_facilitation_outcome outcome,
                             const char *reason, const char *text)
{
    run_say(run, outcome, reason, text);
    if (run->verify_only) {
        facilitation_run_over(run);
    } else {
        run_unclaim(run, false);
    }
}

/* --- commands --------------------------------------------------------------------------------- */

static x402_written_fn begun, ended;

static bool run_submit(struct facilitation_run *run, x402_written_fn *written)
{
    const struct x402_desk *desk = desk_of(run);
    return desk->submit(desk->context, &run->command.command, written, run) == LUCID_OK;
}

/* Open still: it rests until it is due. */
void facilitation_run_rest(struct facilitation_run *run)
{
    uint64_t after_ms = run->facilitation->options.reconcile_ms;
    unsigned shift = run->tries < BACKOFF_SHIFT_MAX ? run->tries : BACKOFF_SHIFT_MAX;
    after_ms = after_ms << shift > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : after_ms << shift;
    run->tries++;
    run->state = FACILITATION_RUN_IDLE;
    run->asked_ms = facilitation_now_ms(run->facilitation);
    run->due_ms = run->asked_ms + after_ms;
    run_say(run, X402_FACILITATION_LATER, "settlement_pending",
            run->text[0] == '\0' ? "the transaction is not settled yet" : run->text);
    facilitation_open_show(run->facilitation);
    facilitation_jobs_tell(run);
}

static void run_end(struct facilitation_run *run, enum x402_facilitated_status status,
                    const char *reason)
{
    const struct x402_charge *charge = &run->charge;
    x402_facilitation_prepare(&run->command, X402_FACILITATION_END);
    struct x402_facilitated *end = &run->command.facilitated;
    memcpy(end->id, run->one.id, sizeof(end->id));
    end->status = status;
    end->gas_measured = charge->has_fee && charge->fee_wei <= GAS_AMOUNT_MAX;
    end->gas_wei = end->gas_measured ? charge->fee_wei : run->one.reserve_wei;
    if (status == X402_FACILITATION_SETTLED) {
        end->transaction = charge->transfer.transaction;
        end->log_index = charge->transfer.log_index;
        end->block = charge->transfer.block;
        end->ours = charge->outcome == X402_CHARGE_GOOD;
        test_at(run, "facilitation-settled");
    } else {
        (void)snprintf(end->reason, sizeof(end->reason), "%s", reason);
    }
    if (run->begun_here && !run->has_sent && !end->gas_measured) {
        end->gas_wei = 0; /* nothing was given to a node */
        end->gas_measured = true;
    }
    run->state = FACILITATION_RUN_ENDING;
    if (!run_submit(run, ended)) {
        facilitation_run_rest(run); /* asked again later, it has the same end */
    }
}

static const char *kept_reason(const char *reason)
{
    static const char *const known[] = {
        "invalid_transaction_state",
        "invalid_exact_evm_nonce_already_used",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_transfer_event_mismatch",
        "unexpected_settle_error",
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], reason) == 0) {
            return known[i];
        }
    }
    return known[0];
}

/* Says what the row says. */
void facilitation_run_say_end(struct facilitation_run *run)
{
    if (run->one.status == X402_FACILITATION_SETTLED) {
        run_say(run, X402_FACILITATION_GOOD, NULL, "settled");
    } else {
        run_say(run, X402_FACILITATION_BAD, kept_reason(run->one.reason),
                run->text[0] == '\0' ? "no money has moved" : run->text);
    }
}

static void ended(void *owner, struct ledger_command *base)
{
    struct facilitation_run *run = owner;
    struct x402_facilitation *facilitation = run->facilitation;
    if (lucid_category(base->error) > LUCID_CATEGORY_NOTE) {
        lucid_log(LUCID_LOG_WARN, "facilitation.end", "an end is not recorded yet: %s",
                  lucid_error_name(base->error));
        facilitation_run_rest(run);
        return;
    }
    run->one = run->command.facilitated;
    test_at(run, "facilitation-ended");
    if (!run->command.ret_known) {
        bool settled = run->one.status == X402_FACILITATION_SETTLED;
        facilitation_count(settled ? &facilitation->settled : &facilitation->failed, 1);
        facilitation_count(&facilitation->gas_wei, run->one.gas_wei);
    }
    facilitation_run_say_end(run);
    run_unclaim(run, run->one.status == X402_FACILITATION_SETTLED);
}

/* --- the chain -------------------------------------------------------------------------------- */

static void charge_ask(struct facilitation_run *run, enum x402_charge_verb verb,
                       void (*done)(struct x402_charge *charge))
{
    struct x402_charge *charge = &run->charge;
    charge->verb = verb;
    charge->network = run->network;
    charge->authorization = run->one.authorization;
    charge->signature = run->one.signature;
    charge->done = done;
    charge->owner = run;
    charge->impl = NULL;
    (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "direct");
    x402_charge_ask(desk_of(run)->direct, charge);
}

/* SETTLE and ASK. */
static void settled(struct x402_charge *charge)
{
    struct facilitation_run *run = charge->owner;
    (void)snprintf(run->text, sizeof(run->text), "%s", charge->text);
    if (charge->has_transaction) {
        run->has_sent = true;
        run->sent = charge->sent;
    }
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
    case X402_CHARGE_STRAY: /* by whomever: the payee has it, once, by this authorization */
        run_end(run, X402_FACILITATION_SETTLED, NULL);
        return;
    case X402_CHARGE_BAD:
        run_end(run, X402_FACILITATION_FAILED, charge->reason);
        return;
    case X402_CHARGE_AWAY:
        if (charge->verb == X402_CHARGE_SETTLE) { /* nothing was begun */
            run_end(run, X402_FACILITATION_FAILED, "unexpected_settle_error");
            return;
        }
        break;
    case X402_CHARGE_PENDING:
    case X402_CHARGE_LOST:
        break;
    }
    facilitation_run_rest(run);
}

void facilitation_run_ask(struct facilitation_run *run)
{
    run->state = FACILITATION_RUN_ASKING;
    run->charge =
        (struct x402_charge){.intended_sender = run->one.sender, .from_block = run->one.from_block};
    charge_ask(run, X402_CHARGE_ASK, settled);
}

/* --- beginning -------------------------------------------------------------------------------- */

static void begun(void *owner, struct ledger_command *base)
{
    struct facilitation_run *run = owner;
    const char *code = base->why.code != NULL ? base->why.code : "";
    if (lucid_category(base->error) > LUCID_CATEGORY_NOTE) {
        if (lucid_category(base->error) == LUCID_CATEGORY_FATAL) {
            /* Committed or not: the claim is kept, and the next start sees. */
            run_say(run, X402_FACILITATION_BROKEN, "unexpected_settle_error", "not recorded");
            facilitation_run_over(run);
        } else if (strcmp(code, "FACILITATION_PAY_TO") == 0) {
            facilitation_run_refuse(run, X402_FACILITATION_BAD,
                                    "invalid_exact_evm_recipient_mismatch", base->why.text);
        } else if (strcmp(code, "FACILITATION_BUDGET") == 0) {
            facilitation_run_refuse(run, X402_FACILITATION_BAD, "unexpected_settle_error",
                                    base->why.text);
        } else if (base->error == LUCID_REFUSE_CONFLICT) {
            facilitation_run_refuse(run, X402_FACILITATION_BAD,
                                    "invalid_exact_evm_nonce_already_used", base->why.text);
        } else {
            facilitation_run_refuse(run, X402_FACILITATION_BROKEN, "unexpected_settle_error",
                                    "not recorded");
        }
        return;
    }
    run->one = run->command.facilitated;
    run->client = NULL;
    run->begun_here = true;
    facilitation_count(&run->facilitation->begun, 1);
    test_at(run, "facilitation-begun");
    if (run->settled) {
        run_end(run, X402_FACILITATION_SETTLED, NULL);
        return;
    }
    run->state = FACILITATION_RUN_SETTLING;
    facilitation_open_show(run->facilitation);
    charge_ask(run, X402_CHARGE_SETTLE, settled);
}

/* Gas money for one more transaction. Over what can be counted: no budget is large enough. */
uint64_t facilitation_reserve(const struct x402_network *network)
{
    uint64_t reserve;
    return __builtin_mul_overflow(network->gas_limit, network->max_fee_wei, &reserve) ? UINT64_MAX
                                                                                      : reserve;
}

static void run_begin(struct facilitation_run *run)
{
    struct x402_facilitated *one = &run->one;
    one->sender = run->charge.intended_sender;
    one->from_block = run->charge.from_block;
    one->reserve_wei = facilitation_reserve(run->network);
    if (one->reserve_wei > run->client->gas_wei_per_day) {
        facilitation_run_refuse(
            run, X402_FACILITATION_BAD, "unexpected_settle_error",
            "the client's gas budget of a day is not enough for one settlement");
        return;
    }
    x402_facilitation_prepare(&run->command, X402_FACILITATION_BEGIN);
    run->command.facilitated = *one;
    run->command.day_max_wei = run->client->gas_wei_per_day;
    run->state = FACILITATION_RUN_BEGINNING;
    if (!run_submit(run, begun)) {
        facilitation_run_refuse(run, X402_FACILITATION_BROKEN, "unexpected_settle_error",
                                "the service is busy; nothing was begun");
    }
}

static void verified(struct x402_charge *charge)
{
    struct facilitation_run *run = charge->owner;
    bool settles = !run->verify_only;
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
        run->settled = charge->has_transaction;
        if (settles) {
            run_begin(run);
        } else {
            facilitation_run_refuse(run, X402_FACILITATION_GOOD, NULL, "");
        }
        return;
    case X402_CHARGE_STRAY:
        facilitation_run_refuse(run, X402_FACILITATION_BAD, "invalid_exact_evm_nonce_already_used",
                                "the authorization was used");
        return;
    case X402_CHARGE_BAD:
        facilitation_run_refuse(run, X402_FACILITATION_BAD, charge->reason, charge->text);
        return;
    case X402_CHARGE_AWAY:
    case X402_CHARGE_PENDING:
    case X402_CHARGE_LOST:
        break;
    }
    facilitation_run_refuse(run, X402_FACILITATION_BROKEN,
                            settles ? "unexpected_settle_error" : "unexpected_verify_error",
                            charge->text);
}

/* What others under way will take from the same payer: one balance is not good for many. */
static uint64_t reserved_of(const struct facilitation_run *run)
{
    uint64_t sum = 0;
    for (const struct facilitation_run *other = run->facilitation->runs; other != NULL;
         other = other->next) {
        bool moving = other->state == FACILITATION_RUN_VERIFYING ||
                      other->state == FACILITATION_RUN_BEGINNING ||
                      other->state == FACILITATION_RUN_SETTLING;
        if (other != run && moving && !other->verify_only && other->network == run->network &&
            memcmp(&other->one.authorization.from, &run->one.authorization.from,
                   sizeof(run->one.authorization.from)) == 0 &&
            !lucid_add_u64(sum, other->one.amount, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

void facilitation_run_verify(struct facilitation_run *run, bool intended)
{
    run->state = FACILITATION_RUN_VERIFYING;
    run->charge = (struct x402_charge){.intended = intended,
                                       .reserved = run->verify_only ? 0 : reserved_of(run)};
    charge_ask(run, X402_CHARGE_VERIFY, verified);
}

static void claimed(struct x402_claim *claim)
{
    struct facilitation_run *run = claim->owner;
    switch (claim->outcome) {
    case X402_CLAIMED:
        run->has_claim = true;
        test_at(run, "facilitation-claimed");
        if (run->facilitation->stopping) {
            facilitation_run_refuse(run, X402_FACILITATION_BROKEN, "unexpected_settle_error",
                                    "the service is stopping");
            return;
        }
        facilitation_run_verify(run, run->one.begun_sequence != 0);
        return;
    case X402_CLAIM_HELD:
        run_say(run, X402_FACILITATION_BAD, "duplicate_settlement",
                "somebody else deals with this authorization just now");
        break;
    case X402_CLAIM_SPENT:
        run_say(run, X402_FACILITATION_BAD, "invalid_exact_evm_nonce_already_used",
                "the authorization was used for something else");
        break;
    case X402_CLAIM_UNREADY:
        run_say(run, X402_FACILITATION_BROKEN, "unexpected_settle_error",
                "the store of spent proofs cannot be asked; nothing was begun");
        break;
    }
    facilitation_run_over(run);
}

void facilitation_run_claim(struct facilitation_run *run)
{
    struct x402_claim *claim = &run->claim;
    run->state = FACILITATION_RUN_CLAIMING;
    claim->verb = X402_SPENT_CLAIM;
    claim->done = claimed;
    claim->owner = run;
    memcpy(claim->digest, run->one.id, sizeof(run->one.id)); /* the one thing it can be for */
    x402_spent_ask(desk_of(run)->spent, claim);
}

/* --- calling back
 * ---------------------------------------------------------------------------------- */

void facilitation_run_cancel(struct facilitation_run *run)
{
    const struct x402_desk *desk = desk_of(run);
    switch (run->state) {
    case FACILITATION_RUN_VERIFYING:
    case FACILITATION_RUN_SETTLING:
    case FACILITATION_RUN_ASKING:
        desk->direct->ops->cancel(desk->direct, &run->charge);
        break;
    case FACILITATION_RUN_CLAIMING:
    case FACILITATION_RUN_UNCLAIMING:
        x402_spent_cancel(desk->spent, &run->claim);
        break;
    case FACILITATION_RUN_BEGINNING:
    case FACILITATION_RUN_IDLE:
    case FACILITATION_RUN_ENDING:
        break;
    }
}
