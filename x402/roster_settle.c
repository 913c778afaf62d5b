/* SETTLE and ASK of what another facilitator settles. Its word alone moves nothing on: on networks
 * that we see, the chain says what became of a payment (TRACE); on Solana, where we see nothing, an
 * answer is taken that is complete and about this payment. After the first SETTLE has left, nobody
 * else is given the payment, and "no" is no end. */
#include "base/log.h"
#include "x402/roster_internal.h"

enum {
    LOOK_MS_MIN = 250, /* between two looks at the chain */
    LOOK_MS_MAX = 2000,
    AGAIN_MS = 1000, /* before the same payment is given to it once more */
};

static void trace(struct roster_job *job);

static void lie(struct roster_job *job, const char *what)
{
    x402_remote_count(&roster_remote(job)->seen.lies);
    lucid_log(LUCID_LOG_WARN, "x402.facilitator", "%s %s", roster_member(job)->name, what);
}

static void pending(struct roster_job *job, const char *text)
{
    bool gone = job->member == job->roster->options.file->member_count;
    if (!gone) {
        x402_remote_count(&roster_remote(job)->seen.pending);
    }
    roster_finish(job, X402_CHARGE_PENDING, NULL, "%s", text);
}

static void settled(struct roster_job *job)
{
    x402_remote_count(&roster_remote(job)->seen.settled);
}

/* --- POST /settle ----------------------------------------------------------------------------- */

static void posted(struct x402_remote_call *call);

static void post(struct roster_job *job)
{
    job->posts++;
    job->again = false;
    roster_ask_member(job, X402_REMOTE_SETTLE, posted);
}

static void solana_go_on(struct roster_job *job, const char *text)
{
    bool settle = job->charge->verb == X402_CHARGE_SETTLE;
    if (settle && job->again && job->posts < 2) {
        roster_wait(job, AGAIN_MS, post);
    } else {
        pending(job, text);
    }
}

static void solana_answered(struct roster_job *job, const struct x402_settle_answer *answer,
                            int status)
{
    struct x402_charge *charge = job->charge;
    bool first = charge->verb == X402_CHARGE_SETTLE && job->posts == 1;
    if (answer->mismatch ||
        (answer->success &&
         !x402_solana_settled(charge->forward, &charge->solana, answer->signature))) {
        lie(job, "answers a settlement with another payment's");
        solana_go_on(job, "the facilitator's answer is not about this payment");
    } else if (answer->success && (status < 200 || status > 299)) {
        solana_go_on(job, "success with a status that is none is no answer");
    } else if (answer->success) {
        charge->transfer = (struct x402_transfer){.amount = charge->solana.amount, .final = true};
        memcpy(charge->transfer.signature, answer->signature, sizeof(answer->signature));
        charge->bound = true;
        settled(job);
        roster_finish(job, X402_CHARGE_GOOD, NULL, "settled");
    } else if (answer->certain && first && status < 500) {
        x402_remote_count(&roster_remote(job)->seen.refused);
        roster_finish(job, X402_CHARGE_BAD, answer->reason, "%.24s says: %.120s",
                      roster_member(job)->name, answer->text);
    } else {
        job->again = answer->pending || status >= 500;
        solana_go_on(job, answer->text);
    }
}

/* What it says is remembered; the chain decides. */
static void evm_answered(struct roster_job *job, const struct x402_settle_answer *answer,
                         int status)
{
    if (answer->mismatch) {
        lie(job, answer->success ? "says that it has settled, without this payment's transaction"
                                 : "answers a settlement with another payment's");
    } else if (answer->has_transaction) {
        job->has_told = true;
        job->heard = true;
        job->told = answer->transaction;
    }
    if (!answer->success && !answer->pending && !answer->duplicate && status < 500) {
        job->refused = true;
        x402_remote_count(&roster_remote(job)->seen.refused);
    }
    job->again = !answer->success && !answer->duplicate && !job->refused;
}

static void posted(struct x402_remote_call *call)
{
    struct roster_job *job = lucid_owner(call, struct roster_job, call);
    const struct x402_remote_asked asked = roster_asked(job->charge);
    bool solana = job->charge->network->solana;
    bool first = job->charge->verb == X402_CHARGE_SETTLE && job->posts == 1;
    struct x402_settle_answer answer;
    if (call->error != LUCID_OK && call->unsent && first) {
        roster_finish(job, X402_CHARGE_AWAY, NULL, "%.64s cannot be reached",
                      roster_member(job)->name);
        return;
    }
    bool read = call->error == LUCID_OK &&
                x402_settle_answer_parse(call->answer, &asked, &answer) == LUCID_OK;
    if (!read) {
        job->again = true;
    }
    if (solana && read) {
        solana_answered(job, &answer, call->status);
    } else if (solana) {
        solana_go_on(job, "the facilitator has not answered");
    } else {
        if (read) {
            evm_answered(job, &answer, call->status);
        }
        trace(job);
    }
}

/* --- the chain -------------------------------------------------------------------------------- */

static void look_later(struct roster_job *job)
{
    uint64_t after_ms = (uint64_t)LOOK_MS_MIN << (job->looks < 3 ? job->looks : 3);
    job->looks++;
    roster_wait(job, after_ms < LOOK_MS_MAX ? after_ms : LOOK_MS_MAX, trace);
}

/* Not decided by what the chain shows now. */
static void undecided(struct roster_job *job)
{
    const struct x402_charge *inner = &job->inner;
    struct x402_charge *charge = job->charge;
    bool away = inner->outcome == X402_CHARGE_AWAY;
    charge->has_transaction = inner->has_transaction || job->has_told;
    charge->sent = inner->has_transaction ? inner->sent : job->told;
    if (charge->verb == X402_CHARGE_SETTLE && job->again && inner->unused && job->posts < 2) {
        roster_wait(job, AGAIN_MS, post);
    } else if (charge->verb == X402_CHARGE_SETTLE && !job->refused) {
        look_later(job);
    } else if (away && job->posts == 0) {
        roster_finish_as_direct(job);
    } else {
        pending(job, job->refused && inner->unused
                         ? "the facilitator did not settle it; it may yet, until it expires"
                         : inner->text);
    }
}

/* Whether it is given the payment again, which is used, so that it says by which transaction: else
 * a settlement whose answer was lost, by a signer that it does not name, would be a stranger's. */
static bool may_tell(const struct roster_job *job)
{
    bool gone = job->member == job->roster->options.file->member_count;
    bool first =
        job->charge->verb == X402_CHARGE_ASK ? job->posts == 0 : job->posts < 2 && job->again;
    return first && !gone && !job->has_told && roster_forward_version(job->charge) != 0;
}

static void traced(struct roster_job *job)
{
    const struct x402_charge *inner = &job->inner;
    bool gone = job->member == job->roster->options.file->member_count;
    switch (inner->outcome) {
    case X402_CHARGE_GOOD:
        if (!gone) {
            bool as_told = !job->heard ||
                           memcmp(&job->told, &inner->transfer.transaction, sizeof(job->told)) == 0;
            if (!as_told) {
                lie(job, "told of a transaction that is not this payment's");
            }
            if (job->refused) {
                lie(job, "refused a payment that it has settled");
            }
            settled(job);
        }
        roster_finish_as_direct(job);
        return;
    case X402_CHARGE_STRAY:
        if (!job->senders_known) {
            pending(job, "it is settled; whether by its facilitator is not known yet");
        } else if (may_tell(job)) {
            roster_wait(job, job->posts == 0 ? 0 : AGAIN_MS, post);
        } else {
            roster_finish_as_direct(job);
        }
        return;
    case X402_CHARGE_BAD:
        roster_finish_as_direct(job);
        return;
    case X402_CHARGE_PENDING:
    case X402_CHARGE_LOST:
    case X402_CHARGE_AWAY:
        break;
    }
    bool ask = job->charge->verb == X402_CHARGE_ASK;
    if (ask && job->posts == 0 && inner->unused && !gone &&
        roster_forward_version(job->charge) != 0) {
        post(job);
        return;
    }
    undecided(job);
}

static void trace(struct roster_job *job)
{
    roster_ask_direct(job, X402_CHARGE_TRACE, traced);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static void deadline_fire(struct lucid_timer *timer)
{
    struct roster_job *job = lucid_owner(timer, struct roster_job, deadline);
    job->charge->has_transaction = job->charge->has_transaction || job->has_told;
    if (job->has_told) {
        job->charge->sent = job->told;
    }
    pending(job, "it was given to the facilitator; it is not settled yet");
}

void roster_settle(struct roster_job *job)
{
    const struct x402_roster_options *options = &job->roster->options;
    if (job->member == options->file->member_count || job->member == 0 ||
        roster_forward_version(job->charge) == 0) {
        roster_finish(job, X402_CHARGE_AWAY, NULL, "there is no facilitator of that name");
        return;
    }
    job->deadline.fire = deadline_fire;
    if (lucid_timer_set(options->loop, &job->deadline, options->settle_ms_max) != LUCID_OK) {
        roster_finish(job, X402_CHARGE_AWAY, NULL, "out of memory");
        return;
    }
    post(job);
}

void roster_settle_ask(struct roster_job *job)
{
    bool gone = job->member == job->roster->options.file->member_count;
    job->has_told = job->charge->has_told;
    job->told = job->charge->told;
    if (!job->charge->network->solana) {
        trace(job);
    } else if (gone || job->member == 0 || roster_forward_version(job->charge) == 0) {
        pending(job, "its facilitator is not in the file any more: nobody can say");
    } else {
        post(job);
    }
}
