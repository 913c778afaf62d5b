/* VERIFY: whose turn it is, until somebody can say. No money moves here, so that whoever is away is
 * passed over. */
#include <stdio.h>

#include "base/log.h"
#include "x402/roster_internal.h"

static void turn_next(struct roster_job *job);

/* The next one's turn, and why this one did not take it. */
static void pass_over(struct roster_job *job, const char *reason, const char *text)
{
    if (!job->tried) {
        job->reason = reason;
        (void)snprintf(job->text, sizeof(job->text), "%.24s: %.120s", roster_member(job)->name,
                       text);
    }
    job->tried = true;
    turn_next(job);
}

static void verify_answered(struct x402_remote_call *call)
{
    struct roster_job *job = lucid_owner(call, struct roster_job, call);
    const struct x402_remote_asked asked = roster_asked(job->charge);
    struct x402_remote *remote = roster_remote(job);
    struct x402_verify_answer answer;
    char text[64];
    if (call->error != LUCID_OK) {
        pass_over(job, NULL, "it cannot be reached");
        return;
    }
    bool read = x402_verify_answer_parse(call->answer, &asked, &answer) == LUCID_OK;
    /* Success with a status that is none is no answer; 5xx says nothing of the payment. */
    if (!read || call->status >= 500 || call->status == 429 ||
        (answer.valid && (call->status < 200 || call->status > 299))) {
        (void)snprintf(text, sizeof(text), "no answer (status %d)", call->status);
        pass_over(job, NULL, text);
    } else if (answer.valid && answer.mismatch) {
        x402_remote_count(&remote->seen.lies);
        lucid_log(LUCID_LOG_WARN, "x402.facilitator", "%s verified another payer's payment",
                  roster_member(job)->name);
        pass_over(job, NULL, "it speaks of another payer");
    } else if (answer.valid) {
        roster_finish(job, X402_CHARGE_GOOD, NULL, "%s would settle it", roster_member(job)->name);
    } else if (answer.cannot) {
        pass_over(job, answer.reason, answer.text);
    } else {
        x402_remote_count(&remote->seen.refused);
        roster_finish(job, X402_CHARGE_BAD, answer.reason, "%.24s says: %.120s",
                      roster_member(job)->name, answer.text);
    }
}

static void member_ask(struct roster_job *job)
{
    roster_ask_member(job, X402_REMOTE_VERIFY, verify_answered);
}

/* What our own nodes say, before somebody else's word is asked for. */
static void looked(struct roster_job *job)
{
    if (job->inner.outcome != X402_CHARGE_GOOD || job->inner.has_transaction) {
        roster_finish_as_direct(job); /* AWAY too: then nobody's word could be held to account */
        return;
    }
    job->looked = true;
    job->charge->from_block = job->inner.from_block;
    member_ask(job);
}

static void direct_answered(struct roster_job *job)
{
    if (job->inner.outcome == X402_CHARGE_AWAY) {
        pass_over(job, job->inner.reason, job->inner.text);
    } else {
        roster_finish_as_direct(job);
    }
}

/* Whether it may have the payment, as far as is known without asking. */
static bool may_have(struct roster_job *job)
{
    const struct x402_charge *charge = job->charge;
    const struct x402_network *network = charge->network;
    if (job->member == 0) {
        return !charge->smart_wallet && x402_direct_settles(network);
    }
    return (network->solana || network->eip3009) && roster_forward_version(charge) != 0 &&
           x402_member_takes(roster_member(job), network, charge->smart_wallet);
}

static void nobody(struct roster_job *job)
{
    job->member = job->roster->options.file->member_count;
    if (job->tried) {
        roster_finish(job, X402_CHARGE_AWAY, job->reason, "nobody can settle it just now; %s",
                      job->text);
    } else {
        roster_finish(job, X402_CHARGE_BAD, "unsupported_scheme",
                      "such payments cannot be settled on %.64s here", job->charge->network->caip2);
    }
}

static void turn_take(struct roster_job *job)
{
    const struct x402_charge *charge = job->charge;
    if (job->member == 0) {
        roster_ask_direct(job, X402_CHARGE_VERIFY, direct_answered);
        return;
    }
    const struct x402_remote *remote = roster_remote(job);
    if (!remote->known) {
        pass_over(job, NULL, "it has not said yet what it supports");
    } else if (x402_remote_supports(remote, charge->network, roster_forward_version(charge)) ==
               NULL) {
        turn_next(job); /* as if it were not there */
    } else if (charge->network->solana || job->looked) {
        member_ask(job);
    } else {
        roster_ask_direct(job, X402_CHARGE_VERIFY, looked);
    }
}

static void turn_next(struct roster_job *job)
{
    const struct x402_charge *charge = job->charge;
    const struct x402_roster_order *order = x402_roster_order_of(
        job->roster->options.file,
        charge->asset == NULL ? lucid_span(NULL, 0) : lucid_span_str(charge->asset));
    while (job->turn < order->count) {
        job->member = order->members[job->turn++];
        if (may_have(job)) {
            turn_take(job);
            return;
        }
    }
    nobody(job);
}

void roster_verify(struct roster_job *job)
{
    turn_next(job);
}
