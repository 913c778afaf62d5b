/* What the keeper does with one open payment, as a table like the gate's (gate_table.c): what the
 * log says of it begins a piece of work, which ends in rest (looked after again later, with
 * back-off) or in GONE.
 *
 *   pending           ASKING → RECORDING (unserved: the request is gone) → PROMOTING → rest
 *                            → FAILING → RELEASING → GONE
 *                            → STRAYING → PROMOTING → rest
 *   settled, stray    WATCHING → rest, → FINISHING → GONE, → REVERSING → rest
 *   reversed          WATCHING (a transfer), ASKING (an authorization: any transaction may bring it
 *                     back, and it is broadcast again while it is good) → rest, → RECORDING
 *                     (settled again) …; looked for long enough, or over: FINISHING
 *   not recorded yet  RECORDING → PROMOTING → rest; of another payment: RELEASING → GONE
 *
 * A claim that was taken over from a job goes only in PROMOTING (also when the log turns out to
 * have the money already: a commit of which nobody heard), or in RELEASING once payment.failed is
 * in the log. An admin's resolution takes the place of what the facilitator says to ASKING. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "x402/gate_internal.h"

enum keeper_event {
    KEEPER_NOTHING,

    /* The log. */
    KEEPER_IS_PENDING,
    KEEPER_IS_SETTLED,
    KEEPER_IS_REVERSED, /* a transfer */
    KEEPER_IS_REVERSED_AUTHORIZATION,
    KEEPER_IS_UNRECORDED,
    KEEPER_IS_HELD,      /* the money is in the log, and the claim has not been promoted */
    KEEPER_IS_OVER,      /* nothing is open any more */
    KEEPER_IS_OVER_HELD, /* likewise, and a claim is still held: nothing came of the intent */
    KEEPER_CANNOT_SAY,

    /* The facilitator. */
    KEEPER_GOOD,
    KEEPER_FINAL, /* WATCH: there, and deep enough */
    KEEPER_BACK,  /* what was reversed is there again */
    KEEPER_BAD,
    KEEPER_NEVER, /* what was reversed cannot come back, or was looked for long enough */
    KEEPER_STRAY,
    KEEPER_LOST,
    KEEPER_NOT_YET,

    /* The writer. */
    KEEPER_WRITTEN,
    KEEPER_CONFLICT,
    KEEPER_CONFLICT_INTENT,
    KEEPER_CONFLICT_REVERSED, /* what was reversed came back, under another payment */
    KEEPER_UNWRITTEN,

    KEEPER_DONE, /* promoted, released */
    KEEPER_EVENTS
};

struct keeper_work {
    struct x402_gate *gate;
    struct keeper_entry *entry;
    const struct x402_network *network;
    struct x402_payment payment; /* as the log has it */
    struct lucid_buf forward;    /* what the facilitator was sent for it */
    struct x402_charge charge;
    struct x402_claim claim;
    struct x402_payment_command write;
    bool writing;
    struct x402_resolution *resolution; /* NULL: the facilitator is asked */
    bool resolved;                      /* the resolution has its answer */
};

typedef enum keeper_event keeper_action(struct keeper_work *work);

struct keeper_row {
    enum keeper_state next;
    keeper_action *act; /* NULL: the work ends */
    bool changed;       /* the back-off begins anew */
    bool known;         /* else it cannot happen */
};

static keeper_action work_ask;
static keeper_action work_watch;
static keeper_action work_record;
static keeper_action work_stray;
static keeper_action work_fail;
static keeper_action work_drop;
static keeper_action work_reverse;
static keeper_action work_promote;
static keeper_action work_release;

/* clang-format off */
#define GO(state, action) {.next = KEEPER_##state, .act = (action), .known = true}
#define REST              {.next = KEEPER_IDLE, .known = true}
#define REST_ANEW         {.next = KEEPER_IDLE, .known = true, .changed = true}
#define GONE              {.next = KEEPER_GONE, .known = true}
#define FINISH            {.next = KEEPER_FINISHING, .known = true}

static const struct keeper_row keeper_rows[KEEPER_STATES][KEEPER_EVENTS] = {
    [KEEPER_IDLE] = {
        [KEEPER_IS_PENDING]      = GO(ASKING, work_ask),
        [KEEPER_IS_SETTLED]      = GO(WATCHING, work_watch),
        [KEEPER_IS_REVERSED]     = GO(WATCHING, work_watch),
        [KEEPER_IS_REVERSED_AUTHORIZATION] = GO(ASKING, work_ask),
        [KEEPER_IS_UNRECORDED]   = GO(RECORDING, work_record),
        [KEEPER_IS_HELD]         = GO(PROMOTING, work_promote),
        [KEEPER_IS_OVER]         = GONE,
        [KEEPER_IS_OVER_HELD]    = GO(RELEASING, work_release),
        [KEEPER_CANNOT_SAY]      = REST,
    },
    [KEEPER_ASKING] = {
        [KEEPER_GOOD]            = GO(RECORDING, work_record),
        [KEEPER_BACK]            = GO(RECORDING, work_record),
        [KEEPER_BAD]             = GO(FAILING, work_fail),
        [KEEPER_NEVER]           = FINISH,
        [KEEPER_STRAY]           = GO(STRAYING, work_stray),
        [KEEPER_NOT_YET]         = REST,
    },
    [KEEPER_WATCHING] = {
        [KEEPER_GOOD]            = REST,
        [KEEPER_FINAL]           = FINISH,
        [KEEPER_BACK]            = GO(RECORDING, work_record),
        [KEEPER_NEVER]           = FINISH,
        [KEEPER_LOST]            = GO(REVERSING, work_reverse),
        [KEEPER_NOT_YET]         = REST,
    },
    [KEEPER_RECORDING] = {
        [KEEPER_WRITTEN]         = GO(PROMOTING, work_promote),
        [KEEPER_CONFLICT]        = GO(RELEASING, work_release),
        [KEEPER_CONFLICT_INTENT] = GO(FAILING, work_drop),
        [KEEPER_CONFLICT_REVERSED] = FINISH,
        [KEEPER_UNWRITTEN]       = REST,
    },
    [KEEPER_STRAYING] = {
        [KEEPER_WRITTEN]         = GO(PROMOTING, work_promote),
        [KEEPER_CONFLICT_INTENT] = GO(FAILING, work_drop),
        [KEEPER_CONFLICT_REVERSED] = FINISH,
        [KEEPER_UNWRITTEN]       = REST,
    },
    [KEEPER_FAILING] = {
        [KEEPER_WRITTEN]         = GO(RELEASING, work_release),
        [KEEPER_CONFLICT_INTENT] = REST,
        [KEEPER_UNWRITTEN]       = REST,
    },
    [KEEPER_REVERSING] = {
        [KEEPER_WRITTEN]         = REST_ANEW,
        [KEEPER_CONFLICT_INTENT] = REST,
        [KEEPER_UNWRITTEN]       = REST,
    },
    [KEEPER_PROMOTING] = {
        [KEEPER_DONE]            = REST_ANEW,
    },
    [KEEPER_RELEASING] = {
        [KEEPER_DONE]            = GONE,
    },
};
/* clang-format on */

/* --- the steps -------------------------------------------------------------------------------- */

static void finish_gather(struct x402_gate *gate, struct keeper_entry *entry)
{
    struct keeper_finish *gathered = &gate->keeper.gathered;
    if (gathered->count == X402_FINISH_MAX) {
        keeper_rest(gate, entry, true); /* in another round */
        return;
    }
    memcpy(gathered->ids[gathered->count], entry->id, sizeof(entry->id));
    gathered->entries[gathered->count++] = entry;
}

static void work_free(struct keeper_work *work)
{
    work->entry->work = NULL;
    work->gate->keeper.working--;
    lucid_buf_fini(&work->forward);
    free(work);
}

static void work_end(struct keeper_work *work, const struct keeper_row *row)
{
    struct x402_gate *gate = work->gate;
    struct keeper_entry *entry = work->entry;
    struct x402_resolution *resolution = work->resolution;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    memcpy(id, entry->id, sizeof(id));
    work_free(work);
    if (row->next == KEEPER_GONE) {
        keeper_remove(gate, entry);
    } else if (row->next == KEEPER_FINISHING) {
        finish_gather(gate, entry);
    } else {
        keeper_rest(gate, entry, row->changed);
    }
    gate_wake(gate, id);
    if (resolution != NULL) {
        resolution->done(resolution);
    }
}

static void work_step(struct keeper_work *work, enum keeper_event event)
{
    struct x402_gate *gate = work->gate;
    while (event != KEEPER_NOTHING) {
        const struct keeper_row *row = &keeper_rows[work->entry->state][event];
        lucid_assert(row->known);
        work->entry->state = row->next;
        if (row->act == NULL) {
            work_end(work, row);
            keeper_pump(gate);
            return;
        }
        event = row->act(work);
    }
}

static enum keeper_event work_judge(const struct keeper_work *work)
{
    const struct x402_payment *payment = &work->payment;
    bool held = work->entry->held != NULL;
    if (payment->status == X402_FAILED) {
        return held ? KEEPER_IS_OVER_HELD : KEEPER_IS_OVER;
    }
    if (held && payment->status != X402_PENDING) {
        return KEEPER_IS_HELD;
    }
    if (payment->final && payment->status != X402_PENDING) {
        return KEEPER_IS_OVER;
    }
    if (work->network == NULL) {
        return KEEPER_CANNOT_SAY;
    }
    if (payment->status == X402_PENDING) {
        return KEEPER_IS_PENDING;
    }
    if (payment->status == X402_REVERSED) {
        return payment->scheme == X402_SCHEME_EIP3009 ? KEEPER_IS_REVERSED_AUTHORIZATION
                                                      : KEEPER_IS_REVERSED;
    }
    return KEEPER_IS_SETTLED;
}

/* A reorganisation has taken money that was counted: somebody should look. Told once a process, so
 * that it is told although the process that wrote payment.reversed died of it. */
static void reversal_tell(struct keeper_work *work)
{
    const struct x402_payment *payment = &work->payment;
    char id[2 * X402_PAYMENT_ID_BYTES + 1];
    char transaction[EVM_HASH_TEXT_BYTES + 1];
    lucid_hex_encode(payment->id, X402_PAYMENT_ID_BYTES, id);
    id[sizeof(id) - 1] = '\0';
    evm_hash_text(&payment->transfer.transaction, transaction);
    lucid_log(LUCID_LOG_ERROR, "x402.reversed",
              "a reorganisation of %s took transaction %s, log %" PRIu64 ": payment %s of %" PRIu64
              " for %s is reversed%s",
              payment->network, transaction, payment->transfer.log_index, id, payment->amount,
              payment->asset, payment->served ? ", and it has been served" : "");
    work->entry->told = true;
}

static bool work_will_ask(const struct keeper_work *work)
{
    return work->payment.status == X402_PENDING || work->payment.status == X402_REVERSED;
}

/* Reads the payment, and says what is to be done. */
static enum keeper_event work_look(struct keeper_work *work)
{
    struct x402_gate *gate = work->gate;
    const struct keeper_held *held = work->entry->held;
    enum lucid_error error = ledger_view_begin(gate->view);
    if (error != LUCID_OK) {
        return KEEPER_CANNOT_SAY;
    }
    error = x402_payment_read(gate->view, work->entry->id, &work->payment);
    if (error == LUCID_OK && work_will_ask(work)) {
        error = x402_payment_forward(gate->view, &work->payment, &work->forward);
        error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    ledger_view_end(gate->view);
    if (error == LUCID_NOTE_ABSENT && held != NULL && held->has_unrecorded) {
        work->payment = held->unrecorded;
        error = LUCID_OK;
    } else if (error == LUCID_NOTE_ABSENT) {
        return held != NULL ? KEEPER_IS_OVER_HELD : KEEPER_IS_OVER;
    }
    if (error != LUCID_OK) {
        return KEEPER_CANNOT_SAY;
    }
    work->network =
        x402_network_find(gate->options.networks, lucid_span_str(work->payment.network));
    if (work->network == NULL && work->entry->tries == 0) {
        lucid_log(LUCID_LOG_WARN, "x402.keeper",
                  "a payment on %s is open, but that network is not configured any more",
                  work->payment.network);
    }
    if (work->payment.sequence == 0) {
        return work->network == NULL ? KEEPER_CANNOT_SAY : KEEPER_IS_UNRECORDED;
    }
    if (work->payment.status != X402_REVERSED) {
        work->entry->told = false;
    } else if (!work->entry->told && !work->payment.final) {
        reversal_tell(work);
    }
    return work_judge(work);
}

bool keeper_begin(struct x402_gate *gate, struct keeper_entry *entry,
                  struct x402_resolution *resolution)
{
    lucid_assert(entry->state == KEEPER_IDLE && entry->work == NULL);
    struct keeper_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        keeper_rest(gate, entry, false);
        return false;
    }
    work->gate = gate;
    work->entry = entry;
    work->resolution = resolution;
    lucid_buf_init(&work->forward, X402_FORWARD_BYTES_MAX);
    entry->work = work;
    gate->keeper.working++;
    work_step(work, work_look(work));
    return true;
}

bool keeper_work_is_asking(const struct keeper_entry *entry)
{
    return entry->state == KEEPER_ASKING || entry->state == KEEPER_WATCHING;
}

void keeper_work_cancel(struct x402_gate *gate, struct keeper_entry *entry)
{
    struct keeper_work *work = entry->work;
    if (keeper_work_is_asking(entry)) {
        gate->options.facilitator->ops->cancel(gate->options.facilitator, &work->charge);
    } else if (entry->state == KEEPER_PROMOTING || entry->state == KEEPER_RELEASING) {
        x402_spent_cancel(gate->options.spent, &work->claim);
    }
    work_free(work);
}

/* --- the facilitator -------------------------------------------------------------------------- */

static bool given_up(const struct x402_gate *gate, const struct x402_payment *payment)
{
    uint64_t now_ms = lucid_wall_ms(&gate->options.loop->clock);
    return now_ms > payment->time_ms &&
           now_ms - payment->time_ms > (uint64_t)gate->options.watch_seconds * 1000;
}

static enum keeper_event watch_event(const struct keeper_work *work, enum gate_event event)
{
    if (event == GATE_GOOD) {
        return work->charge.transfer.final ? KEEPER_FINAL : KEEPER_GOOD;
    }
    return event == GATE_LOST ? KEEPER_LOST : KEEPER_NOT_YET;
}

static enum keeper_event ask_event(enum gate_event event)
{
    if (event == GATE_GOOD) {
        return KEEPER_GOOD;
    }
    if (event == GATE_BAD) {
        return KEEPER_BAD;
    }
    return event == GATE_STRAY ? KEEPER_STRAY : KEEPER_NOT_YET;
}

/* Of what a reorganisation took. It is given up on somebody's word only, not because nobody can be
 * asked, or because it is there and cannot be written down yet. */
static enum keeper_event reversed_event(const struct keeper_work *work, enum gate_event event)
{
    if (event == GATE_GOOD) {
        return KEEPER_BACK;
    }
    if (event == GATE_STRAY) {
        return KEEPER_STRAY;
    }
    bool absent = event == GATE_LOST || event == GATE_PENDING;
    if (event == GATE_BAD || (absent && given_up(work->gate, &work->payment))) {
        return KEEPER_NEVER;
    }
    return KEEPER_NOT_YET;
}

static void work_charged(struct x402_charge *charge)
{
    struct keeper_work *work = charge->owner;
    enum gate_event event = gate_charge_event(work->gate, charge);
    if (charge->verb == X402_CHARGE_ASK) {
        keeper_hear(work->entry, charge);
    }
    if (work->payment.status == X402_REVERSED) {
        work_step(work, reversed_event(work, event));
    } else if (charge->verb == X402_CHARGE_WATCH) {
        work_step(work, watch_event(work, event));
    } else {
        work_step(work, ask_event(event));
    }
}

/* A smart wallet's is only in the forward. */
static bool signature_is_kept_elsewhere(const struct x402_payment *payment)
{
    static const struct evm_signature zero;
    return payment->scheme == X402_SCHEME_EIP3009 && payment->has_forward &&
           memcmp(&payment->signature, &zero, sizeof(zero)) == 0;
}

/* Which transaction was ours, as far as it is known: what a reorganisation took may come back by
 * the same one. */
static void told_fill(struct keeper_work *work)
{
    const struct x402_payment *payment = &work->payment;
    bool recorded = payment->has_transfer && !payment->foreign;
    work->charge.has_told = work->entry->has_sent || recorded;
    work->charge.told = work->entry->has_sent ? work->entry->sent : payment->transfer.transaction;
}

static enum keeper_event work_charge(struct keeper_work *work, enum x402_charge_verb verb)
{
    const struct x402_payment *payment = &work->payment;
    work->charge = (struct x402_charge){
        .verb = verb,
        .network = work->network,
        .pay_to = payment->pay_to,
        .amount_min = payment->price,
        .payer = payment->payer,
        .authorization = payment->authorization,
        .signature = payment->signature,
        .smart_wallet = signature_is_kept_elsewhere(payment),
        .solana = payment->solana,
        .from_block = payment->from_block,
        .intended_sender = payment->sender,
        .transfer = payment->transfer,
        .done = work_charged,
        .owner = work,
    };
    if (work->forward.len > 0) {
        work->charge.forward = lucid_buf_span(&work->forward);
    }
    memcpy(work->charge.facilitator, payment->facilitator, sizeof(work->charge.facilitator));
    told_fill(work);
    x402_charge_ask(work->gate->options.facilitator, &work->charge);
    return KEEPER_NOTHING;
}

/* What the facilitator would have said. */
static enum keeper_event work_resolve(struct keeper_work *work)
{
    const struct x402_resolution *resolution = work->resolution;
    lucid_assert(work->payment.scheme == X402_SCHEME_SOLANA);
    work->charge.reason = resolution->reason;
    work->charge.transfer = (struct x402_transfer){.amount = work->payment.amount, .final = true};
    memcpy(work->charge.transfer.signature, resolution->signature, sizeof(resolution->signature));
    return resolution->settled ? KEEPER_GOOD : KEEPER_BAD;
}

static enum keeper_event work_ask(struct keeper_work *work)
{
    return work->resolution != NULL ? work_resolve(work) : work_charge(work, X402_CHARGE_ASK);
}

static enum keeper_event work_watch(struct keeper_work *work)
{
    return work_charge(work, X402_CHARGE_WATCH);
}

/* --- the writer ------------------------------------------------------------------------------- */

static enum keeper_event conflict_event(const struct x402_payment *payment)
{
    if (payment->sequence == 0) {
        return KEEPER_CONFLICT;
    }
    return payment->status == X402_REVERSED ? KEEPER_CONFLICT_REVERSED : KEEPER_CONFLICT_INTENT;
}

/* Money that is not there is in the books until it can be written. */
static void unreversed_tell(const struct ledger_command *command)
{
    lucid_log(LUCID_LOG_ERROR, "x402.reversed",
              "a payment that a reorganisation took cannot be reversed yet: %s",
              command->why.text[0] != '\0' ? command->why.text : lucid_error_name(command->error));
}

/* The first thing that is written for a resolution is its answer; what follows clears up. */
static void resolution_note(struct keeper_work *work)
{
    const struct ledger_command *command = &work->write.command;
    struct x402_resolution *resolution = work->resolution;
    if (resolution == NULL || work->resolved) {
        return;
    }
    work->resolved = true;
    resolution->error =
        lucid_category(command->error) <= LUCID_CATEGORY_NOTE ? LUCID_OK : command->error;
    resolution->why = command->why;
    resolution->ret_known = work->write.ret_known;
}

static void work_written(void *owner, struct ledger_command *command)
{
    struct keeper_work *work = owner;
    bool reversing = work->entry->state == KEEPER_REVERSING;
    (void)command;
    work->writing = false;
    resolution_note(work);
    enum gate_event event = gate_write_event(work->gate, &work->write);
    if (reversing && event == GATE_WRITTEN && !work->write.ret_known) {
        reversal_tell(work);
    } else if (reversing && event != GATE_WRITTEN) {
        unreversed_tell(&work->write.command);
    }
    if (event == GATE_WRITTEN) {
        work_step(work, KEEPER_WRITTEN);
    } else {
        work_step(work, event == GATE_CONFLICT ? conflict_event(&work->payment) : KEEPER_UNWRITTEN);
    }
}

static enum keeper_event work_submit(struct keeper_work *work)
{
    const struct x402_gate_options *options = &work->gate->options;
    if (options->submit(options->context, &work->write.command, work_written, work) != LUCID_OK) {
        return KEEPER_UNWRITTEN;
    }
    work->writing = true;
    return KEEPER_NOTHING;
}

static struct x402_payment *work_prepare(struct keeper_work *work, enum x402_payment_verb verb)
{
    work->write = (struct x402_payment_command){.reason = NULL};
    x402_payment_prepare(&work->write, verb);
    memcpy(work->write.payment.id, work->entry->id, sizeof(work->write.payment.id));
    return &work->write.payment;
}

/* Unserved: whoever asked is gone, or comes again. */
static enum keeper_event work_record(struct keeper_work *work)
{
    struct x402_payment *payment = work_prepare(work, X402_SETTLE);
    if (work->payment.sequence == 0) {
        *payment = work->payment;
    } else {
        payment->has_transfer = true;
        payment->transfer = work->charge.transfer;
    }
    return work_submit(work);
}

static enum keeper_event work_stray(struct keeper_work *work)
{
    struct x402_payment *payment = work_prepare(work, X402_RECORD_STRAY);
    payment->has_transfer = true;
    payment->transfer = work->charge.transfer;
    return work_submit(work);
}

static enum keeper_event work_fail(struct keeper_work *work)
{
    const char *reason = work->charge.reason;
    (void)work_prepare(work, X402_FAIL);
    work->write.reason = reason == NULL ? "invalid_transaction_state" : reason;
    return work_submit(work);
}

/* The money is in the log already, under another payment. */
static enum keeper_event work_drop(struct keeper_work *work)
{
    (void)work_prepare(work, X402_FAIL);
    work->write.reason = "recorded_elsewhere";
    return work_submit(work);
}

static enum keeper_event work_reverse(struct keeper_work *work)
{
    (void)work_prepare(work, X402_REVERSE);
    return work_submit(work);
}

/* --- the spent store -------------------------------------------------------------------------- */

static void work_claimed(struct x402_claim *claim)
{
    struct keeper_work *work = claim->owner;
    free(work->entry->held);
    work->entry->held = NULL;
    work_step(work, KEEPER_DONE);
}

/* Without a claim of this process, token 0: what the process before left behind. */
static enum keeper_event work_spent(struct keeper_work *work, enum x402_spent_verb verb)
{
    const struct keeper_held *held = work->entry->held;
    struct x402_claim *claim = &work->claim;
    *claim = (struct x402_claim){.token = 0};
    if (held != NULL) {
        claim->token = held->claim.token;
        claim->key_count = held->claim.key_count;
        memcpy(claim->keys, held->claim.keys, sizeof(claim->keys));
        memcpy(claim->digest, held->claim.digest, sizeof(claim->digest));
    }
    const struct x402_payment *payment = &work->payment;
    if (verb == X402_SPENT_PROMOTE && work->write.payment.scheme != 0) {
        payment = &work->write.payment; /* with the transfer that was just recorded */
    }
    if (payment->scheme != 0) { /* 0: no such payment, whose keys the claim knows itself */
        gate_payment_keys(payment, claim);
        memcpy(claim->payment_id, payment->id, sizeof(claim->payment_id));
    }
    claim->verb = verb;
    claim->done = work_claimed;
    claim->owner = work;
    x402_spent_ask(work->gate->options.spent, claim);
    return KEEPER_NOTHING;
}

static enum keeper_event work_promote(struct keeper_work *work)
{
    return work_spent(work, X402_SPENT_PROMOTE);
}

static enum keeper_event work_release(struct keeper_work *work)
{
    return work_spent(work, X402_SPENT_RELEASE);
}

/* --- those that are deep enough --------------------------------------------------------------- */

static void finish_over(struct x402_gate *gate, bool written)
{
    struct keeper *keeper = &gate->keeper;
    for (size_t i = 0; i < keeper->written.count; i++) {
        struct keeper_entry *entry = keeper->written.entries[i];
        if (written) {
            keeper_remove(gate, entry);
        } else {
            keeper_rest(gate, entry, false);
        }
    }
    keeper->written.count = 0;
    keeper->finishing = false;
}

static void finish_written(void *owner, struct ledger_command *command)
{
    struct x402_gate *gate = owner;
    (void)command;
    finish_over(gate, gate_write_event(gate, &gate->keeper.finish) == GATE_WRITTEN);
}

void keeper_finish_flush(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    if (keeper->finishing || keeper->gathered.count == 0) {
        return;
    }
    keeper->written = keeper->gathered;
    keeper->gathered.count = 0;
    keeper->finishing = true;
    keeper->finish = (struct x402_payment_command){.reason = NULL};
    x402_payment_prepare(&keeper->finish, X402_FINISH);
    keeper->finish.ids = (const uint8_t(*)[X402_PAYMENT_ID_BYTES])keeper->written.ids;
    keeper->finish.id_count = keeper->written.count;
    const struct x402_gate_options *options = &gate->options;
    if (options->submit(options->context, &keeper->finish.command, finish_written, gate) !=
        LUCID_OK) {
        finish_over(gate, false);
    }
}
