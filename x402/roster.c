/* The roster as a facilitator: what is direct's goes there at once; the rest are jobs. */
#include "x402/roster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/roster_internal.h"

enum { JOBS_MAX = 4096 };

/* --- jobs ------------------------------------------------------------------------------------- */

static struct roster_job *job_open(struct x402_roster *roster, struct x402_charge *charge)
{
    struct roster_job *job = roster->job_count < JOBS_MAX ? calloc(1, sizeof(*job)) : NULL;
    if (job == NULL) {
        return NULL;
    }
    job->roster = roster;
    job->charge = charge;
    job->at = &roster->jobs;
    job->next = roster->jobs;
    if (job->next != NULL) {
        job->next->at = &job->next;
    }
    roster->jobs = job;
    roster->job_count++;
    return job;
}

static void job_stop(struct roster_job *job)
{
    struct x402_roster *roster = job->roster;
    lucid_timer_clear(roster->options.loop, &job->timer);
    lucid_timer_clear(roster->options.loop, &job->deadline);
    x402_remote_cancel(&job->call);
    if (job->inner_asked) {
        roster->options.direct->ops->cancel(roster->options.direct, &job->inner);
    }
}

static void job_free(struct roster_job *job)
{
    job_stop(job);
    *job->at = job->next;
    if (job->next != NULL) {
        job->next->at = job->at;
    }
    job->roster->job_count--;
    free(job);
}

static void charge_end(struct x402_charge *charge, enum x402_charge_outcome outcome,
                       const char *reason)
{
    charge->outcome = outcome;
    charge->reason = outcome == X402_CHARGE_GOOD ? NULL
                     : reason != NULL            ? reason
                                                 : x402_charge_reason(charge);
    charge->impl = NULL;
    charge->done(charge);
}

void roster_finish(struct roster_job *job, enum x402_charge_outcome outcome, const char *reason,
                   const char *format, ...)
{
    struct x402_charge *charge = job->charge;
    char text[sizeof(charge->text)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    memcpy(charge->text, text, sizeof(text));
    if (charge->verb == X402_CHARGE_VERIFY &&
        job->member < job->roster->options.file->member_count) {
        (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "%s",
                       roster_member(job)->name);
    }
    job_free(job);
    charge_end(charge, outcome, reason);
}

void roster_finish_as_direct(struct roster_job *job)
{
    const struct x402_charge *inner = &job->inner;
    struct x402_charge *charge = job->charge;
    charge->transfer = inner->transfer;
    charge->bound = inner->bound;
    charge->has_transaction = inner->has_transaction;
    charge->sent = inner->sent;
    charge->from_block =
        charge->verb == X402_CHARGE_VERIFY ? inner->from_block : charge->from_block;
    charge->intended_sender = inner->intended_sender;
    roster_finish(job, inner->outcome, inner->reason, "%s", inner->text);
}

static void later_fire(struct lucid_timer *timer)
{
    struct roster_job *job = lucid_owner(timer, struct roster_job, timer);
    job->later(job);
}

void roster_wait(struct roster_job *job, uint64_t after_ms, roster_step_fn *later)
{
    job->later = later;
    job->timer.fire = later_fire;
    if (lucid_timer_set(job->roster->options.loop, &job->timer, after_ms) != LUCID_OK) {
        roster_finish(job, X402_CHARGE_PENDING, NULL, "out of memory");
    }
}

/* --- questions -------------------------------------------------------------------------------- */

unsigned roster_forward_version(const struct x402_charge *charge)
{
    /* Canonical JSON: the version is its last member. */
    static const char tails[][18] = {"\"x402Version\":1}", "\"x402Version\":2}"};
    const size_t len = strlen(tails[0]);
    for (unsigned i = 0; charge->forward.data != NULL && i < 2; i++) {
        if (charge->forward.len > len &&
            memcmp(charge->forward.data + charge->forward.len - len, tails[i], len) == 0) {
            return i + 1;
        }
    }
    return 0;
}

struct x402_remote_asked roster_asked(const struct x402_charge *charge)
{
    struct x402_remote_asked asked = {.network = charge->network,
                                      .payer = charge->authorization.from};
    memcpy(asked.solana_payer, charge->solana.payer, sizeof(asked.solana_payer));
    return asked;
}

static void inner_done(struct x402_charge *inner)
{
    struct roster_job *job = inner->owner;
    job->inner_asked = false;
    job->inner_then(job);
}

void roster_ask_direct(struct roster_job *job, enum x402_charge_verb verb, roster_step_fn *then)
{
    const struct x402_charge *charge = job->charge;
    job->inner = *charge;
    job->inner.verb = verb;
    job->inner.done = inner_done;
    job->inner.owner = job;
    job->inner.impl = NULL;
    job->inner.has_told = job->has_told;
    job->inner.told = job->told;
    job->inner.elsewhere = verb == X402_CHARGE_VERIFY && job->member != 0;
    job->senders_known = false;
    if (job->member > 0 && job->member < job->roster->options.file->member_count) {
        const struct x402_supported_network *said =
            x402_remote_said(roster_remote(job), charge->network);
        job->senders_known = said != NULL;
        job->inner.senders = said == NULL ? NULL : said->signers;
        job->inner.sender_count = said == NULL ? 0 : said->signer_count;
    }
    job->inner_asked = true;
    job->inner_then = then;
    x402_charge_ask(job->roster->options.direct, &job->inner);
}

void roster_ask_member(struct roster_job *job, enum x402_remote_route route,
                       void (*done)(struct x402_remote_call *call))
{
    job->call =
        (struct x402_remote_call){.route = route, .body = job->charge->forward, .done = done};
    x402_remote_ask(roster_remote(job), &job->call);
}

/* --- the facilitator -------------------------------------------------------------------------- */

static struct x402_roster *roster_of(struct x402_facilitator *facilitator)
{
    return lucid_owner(facilitator, struct x402_roster, base);
}

static size_t member_named(const struct x402_roster *roster, const char *name)
{
    size_t i = 0;
    while (i < roster->options.file->member_count &&
           strcmp(roster->options.file->members[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Whether direct is asked, and nobody else has a say. */
static bool is_directs(const struct x402_roster *roster, const struct x402_charge *charge)
{
    const struct x402_roster_order *order;
    if (charge->network->solana) {
        return false;
    }
    switch (charge->verb) {
    case X402_CHARGE_VERIFY:
        order = x402_roster_order_of(roster->options.file, charge->asset == NULL
                                                               ? lucid_span(NULL, 0)
                                                               : lucid_span_str(charge->asset));
        return order->count == 1 && order->members[0] == 0;
    case X402_CHARGE_SETTLE:
    case X402_CHARGE_ASK:
        return charge->facilitator[0] == '\0' || strcmp(charge->facilitator, "direct") == 0;
    case X402_CHARGE_OBSERVE:
    case X402_CHARGE_WATCH:
    case X402_CHARGE_TRACE:
    case X402_CHARGE_LOOK:
        break;
    }
    return true;
}

/* On Solana nothing is seen: what was said there stays. */
static void solana_watch(struct roster_job *job)
{
    if (job->charge->verb == X402_CHARGE_WATCH) {
        job->charge->transfer.final = true;
        roster_finish(job, X402_CHARGE_GOOD, NULL, "as the facilitator said");
    } else {
        roster_finish(job, X402_CHARGE_BAD, "unsupported_scheme",
                      "transfers on Solana cannot be looked at here");
    }
}

static roster_step_fn *step_of(const struct x402_charge *charge)
{
    switch (charge->verb) {
    case X402_CHARGE_VERIFY:
        return roster_verify;
    case X402_CHARGE_SETTLE:
        return roster_settle;
    case X402_CHARGE_ASK:
        return roster_settle_ask;
    case X402_CHARGE_OBSERVE:
    case X402_CHARGE_WATCH:
    case X402_CHARGE_TRACE:
    case X402_CHARGE_LOOK:
        break;
    }
    return solana_watch;
}

static void starved_fire(struct lucid_timer *timer)
{
    struct x402_roster *roster = lucid_owner(timer, struct x402_roster, starved_timer);
    while (roster->starved != NULL) {
        struct x402_charge *charge = roster->starved;
        roster->starved = charge->impl;
        (void)snprintf(charge->text, sizeof(charge->text), "too much is asked at once");
        charge_end(charge, X402_CHARGE_AWAY, NULL);
    }
}

static void starve(struct x402_roster *roster, struct x402_charge *charge)
{
    charge->impl = roster->starved;
    roster->starved = charge;
    (void)lucid_timer_set(roster->options.loop, &roster->starved_timer, 0);
}

static void ask(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct x402_roster *roster = roster_of(facilitator);
    lucid_assert(charge->done != NULL && charge->impl == NULL);
    if (is_directs(roster, charge)) {
        if (charge->verb == X402_CHARGE_VERIFY) {
            (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "direct");
        }
        x402_charge_ask(roster->options.direct, charge);
        return;
    }
    charge->reason = NULL;
    charge->text[0] = '\0';
    charge->has_transaction = false;
    charge->unused = false;
    struct roster_job *job = job_open(roster, charge);
    if (job == NULL) {
        starve(roster, charge);
        return;
    }
    job->member = charge->verb == X402_CHARGE_VERIFY ? roster->options.file->member_count
                                                     : member_named(roster, charge->facilitator);
    job->later = step_of(charge);
    job->timer.fire = later_fire;
    if (lucid_timer_set(roster->options.loop, &job->timer, 0) != LUCID_OK) {
        job_free(job);
        starve(roster, charge);
        return;
    }
    charge->impl = job;
}

static bool starved_remove(struct x402_roster *roster, struct x402_charge *charge)
{
    struct x402_charge *before = NULL;
    struct x402_charge *at = roster->starved;
    while (at != NULL && at != charge) {
        before = at;
        at = at->impl;
    }
    if (at == NULL) {
        return false;
    }
    if (before == NULL) {
        roster->starved = charge->impl;
    } else {
        before->impl = charge->impl;
    }
    return true;
}

static void cancel(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct x402_roster *roster = roster_of(facilitator);
    if (is_directs(roster, charge)) {
        roster->options.direct->ops->cancel(roster->options.direct, charge);
        return;
    }
    if (!starved_remove(roster, charge) && charge->impl != NULL) {
        job_free(charge->impl);
    }
    charge->impl = NULL;
}

static void status(const struct x402_facilitator *facilitator, const struct x402_network *network,
                   struct x402_facilitator_status *ret)
{
    const struct x402_roster *roster = lucid_owner_const(facilitator, struct x402_roster, base);
    const struct x402_facilitator *direct = roster->options.direct;
    if (!network->solana) {
        direct->ops->status(direct, network, ret);
        return;
    }
    *ret = (struct x402_facilitator_status){.reachable = false};
    for (size_t i = 1; i < roster->options.file->member_count; i++) {
        const struct x402_remote *remote = &roster->remotes[i];
        ret->reachable = ret->reachable ||
                         (atomic_load(&remote->seen.reachable) &&
                          x402_member_takes(&roster->options.file->members[i], network, false));
    }
}

static void roster_close(struct x402_facilitator *facilitator)
{
    struct x402_roster *roster = roster_of(facilitator);
    for (struct roster_job *job = roster->jobs, *next; job != NULL; job = next) {
        next = job->next;
        job_stop(job);
        free(job);
    }
    lucid_timer_clear(roster->options.loop, &roster->starved_timer);
    for (size_t i = 1; i < roster->options.file->member_count; i++) {
        x402_remote_close(&roster->remotes[i]);
    }
    x402_facilitator_close(roster->options.direct);
    free(roster);
}

/* --- life and queries ------------------------------------------------------------------------- */

enum lucid_error x402_roster_open(const struct x402_roster_options *options,
                                  struct x402_roster **ret)
{
    static const struct x402_facilitator_ops ops = {
        .name = "direct", .ask = ask, .cancel = cancel, .status = status, .close = roster_close};
    struct x402_roster *roster = calloc(1, sizeof(*roster));
    if (roster == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = LUCID_OK;
    roster->base.ops = &ops;
    roster->options = *options;
    roster->starved_timer.fire = starved_fire;
    for (size_t i = 1; e == LUCID_OK && i < options->file->member_count; i++) {
        e = x402_remote_open(&roster->remotes[i], options->loop, options->outgoing,
                             options->networks, &options->file->members[i]);
    }
    if (e != LUCID_OK) {
        roster->options.direct = NULL; /* stays the caller's */
        roster_close(&roster->base);
        return e;
    }
    *ret = roster;
    return LUCID_OK;
}

struct x402_facilitator *x402_roster_base(struct x402_roster *roster)
{
    return &roster->base;
}

/* That member's fee payer there. */
static bool member_fee_payer(const struct x402_roster *roster, size_t member,
                             const struct x402_network *network, uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    const struct x402_networks *networks = roster->options.networks;
    if (member == 0) {
        return false; /* direct is not on Solana */
    }
    bool takes = x402_member_takes(&roster->options.file->members[member], network, false);
    for (size_t n = 0; takes && n < networks->count; n++) {
        if (strcmp(networks->items[n].caip2, network->caip2) == 0) {
            return x402_remote_fee_payer(&roster->remotes[member], n, ret);
        }
    }
    return false;
}

bool x402_roster_fee_payer(const struct x402_roster *roster, const struct x402_network *network,
                           struct lucid_span asset, uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    const struct x402_roster_order *order = x402_roster_order_of(roster->options.file, asset);
    /* What names one that is away could be settled by nobody: those who answer come first. */
    for (unsigned any = 0; any < 2; any++) {
        for (size_t i = 0; i < order->count; i++) {
            const struct x402_remote *remote = &roster->remotes[order->members[i]];
            if ((any == 1 || atomic_load(&remote->seen.reachable)) &&
                member_fee_payer(roster, order->members[i], network, ret)) {
                return true;
            }
        }
    }
    return false;
}

void x402_roster_member_status(const struct x402_roster *roster, size_t member,
                               struct x402_member_status *ret)
{
    lucid_assert(member > 0 && member < roster->options.file->member_count);
    const struct x402_remote *remote = &roster->remotes[member];
    *ret = (struct x402_member_status){
        .known = atomic_load(&remote->seen.known),
        .reachable = atomic_load(&remote->seen.reachable),
        .questions = atomic_load(&remote->seen.questions),
        .failures = atomic_load(&remote->seen.failures),
        .settled = atomic_load(&remote->seen.settled),
        .refused = atomic_load(&remote->seen.refused),
        .pending = atomic_load(&remote->seen.pending),
        .lies = atomic_load(&remote->seen.lies),
    };
}
