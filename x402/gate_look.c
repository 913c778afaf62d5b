/* What the log says about a payment, and waiting for somebody else's outcome. */
#include "x402/facilitation.h"
#include "x402/gate_internal.h"
#include "x402/recall.h"

static enum gate_event look_judge(const struct gate_run *run)
{
    static const enum gate_event events[] = {
        [X402_RECALL_NOTHING] = GATE_NEW,           [X402_RECALL_OPEN] = GATE_OPEN,
        [X402_RECALL_OPEN_OTHER] = GATE_OPEN_OTHER, [X402_RECALL_SERVED] = GATE_SERVED,
        [X402_RECALL_UNSERVED] = GATE_UNSERVED,     [X402_RECALL_USED] = GATE_USED,
        [X402_RECALL_FOREIGN] = GATE_FOREIGN,       [X402_RECALL_REVERSED] = GATE_REVERSED,
        [X402_RECALL_STRANGER] = GATE_STRANGER,
    };
    const struct x402_gate_job *job = run->job;
    bool shown = gate_run_is_unchecked(run)
                     ? run->forwarded
                     : run->observed || run->gate->options.accept_unbound_proofs;
    return events[x402_recall_judge(&run->known, &job->proof, &job->match, &job->request, shown)];
}

/* The keys that the proof names, as far as they are known. */
static void look_keys(struct gate_run *run)
{
    const struct x402_gate_job *job = run->job;
    struct x402_claim *claim = &run->claim;
    if (job->proof.form == X402_FORM_PROOF && run->observed) {
        const struct x402_transfer *transfer = &run->charge.transfer;
        x402_key_transfer(job->network, &transfer->transaction, transfer->log_index,
                          &claim->keys[0]);
        claim->key_count = 1;
        if (transfer->has_nonce) {
            x402_key_authorization(job->network, &transfer->payer, &transfer->nonce,
                                   &claim->keys[1]);
            claim->key_count = 2;
        }
    } else if (x402_recall_key(job->network, &job->proof, &claim->keys[0])) {
        claim->key_count = 1;
    }
    if (claim->key_count > 0) {
        x402_payment_id(lucid_span_str(claim->keys[0].text), run->id);
        run->has_id = true;
    }
}

/* Whether the identifier that was shown is another payment's than that of the id. */
static bool look_identifier(const struct gate_run *run, const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct x402_payment other;
    struct lucid_span identifier = run->job->proof.identifier;
    return identifier.len > 0 &&
           x402_payment_identified(run->gate->view, identifier, &other) == LUCID_OK &&
           memcmp(other.id, id, sizeof(other.id)) != 0;
}

/* Whether the known payment was intended by these very bytes of a smart wallet. */
static bool look_forward(const struct gate_run *run)
{
    struct lucid_buf kept;
    lucid_buf_init(&kept, X402_FORWARD_BYTES_MAX);
    bool same = x402_payment_forward(run->gate->view, &run->known, &kept) == LUCID_OK &&
                x402_recall_is_forwarded(lucid_buf_span(&kept), run->job->forward);
    lucid_buf_fini(&kept);
    return same;
}

/* *ret_facilitated: the authorization was settled for somebody else. */
static enum lucid_error look_find(struct gate_run *run, bool *ret_facilitated)
{
    struct x402_facilitated one;
    enum lucid_error error = ledger_view_begin(run->gate->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = LUCID_NOTE_ABSENT;
    for (size_t i = 0; error == LUCID_NOTE_ABSENT && i < run->claim.key_count; i++) {
        error = x402_payment_find(run->gate->view, lucid_span_str(run->claim.keys[i].text),
                                  &run->known);
    }
    *ret_facilitated = false;
    for (size_t i = 0; error == LUCID_NOTE_ABSENT && i < run->claim.key_count; i++) {
        *ret_facilitated =
            *ret_facilitated ||
            x402_facilitated_find(run->gate->view, lucid_span_str(run->claim.keys[i].text), &one) ==
                LUCID_OK;
    }
    struct x402_payment *known = &run->known;
    run->forwarded = error == LUCID_OK && gate_run_is_unchecked(run) && look_forward(run);
    if (error == LUCID_NOTE_ABSENT && run->job->proof.form != X402_FORM_PROOF) {
        run->intended = x402_payment_read(run->gate->view, run->id, known) == LUCID_OK &&
                        known->status == X402_FAILED &&
                        (!gate_run_is_unchecked(run) || look_forward(run));
    }
    run->identified = look_identifier(run, error == LUCID_OK ? known->id : run->id);
    ledger_view_end(run->gate->view);
    return error;
}

bool gate_transfer_is_known(struct gate_run *run)
{
    if (run->job->network->solana) {
        return false;
    }
    const struct x402_transfer *transfer = &run->charge.transfer;
    struct x402_spent_key key;
    x402_key_transfer(run->job->network, &transfer->transaction, transfer->log_index, &key);
    if (ledger_view_begin(run->gate->view) != LUCID_OK) {
        return false; /* the writer will say */
    }
    enum lucid_error error =
        x402_payment_find(run->gate->view, lucid_span_str(key.text), &run->known);
    ledger_view_end(run->gate->view);
    return error == LUCID_OK;
}

enum gate_event gate_look(struct gate_run *run)
{
    enum gate_event event = GATE_NEW;
    if (++run->looks > GATE_LOOKS_MAX) {
        return GATE_LATE; /* log and spent store contradict each other: not to be decided here */
    }
    if (gate_run_is_unchecked(run) &&
        (!run->job->smart_wallet_ok || run->job->forward.data == NULL)) {
        return GATE_UNSIGNED; /* anybody could name this payer and nonce */
    }
    run->checked = false;
    look_keys(run);
    bool facilitated = false;
    enum lucid_error error = look_find(run, &facilitated);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return GATE_UNREADABLE;
    }
    if (facilitated) {
        return GATE_USED;
    }
    if (error == LUCID_OK) {
        event = look_judge(run);
        memcpy(run->wait_id, run->known.id, sizeof(run->wait_id));
    } else {
        memcpy(run->wait_id, run->id, sizeof(run->wait_id));
    }
    bool transfer = run->job->proof.form == X402_FORM_PROOF;
    if (event == GATE_NEW && transfer && !run->observed) {
        event = GATE_NEW_UNSEEN;
    }
    if (event == GATE_STRANGER && transfer && !run->observed) {
        /* The row may be poorer than the chain, e.g. of an intent: the chain decides. */
        event = GATE_NEW_UNSEEN;
    }
    if (run->identified && (event == GATE_NEW || event == GATE_SERVED || event == GATE_UNSERVED)) {
        return GATE_IDENTIFIED;
    }
    if (event == GATE_NEW && gate_run_is_unchecked(run)) {
        return GATE_NEW_UNCHECKED;
    }
    if (event == GATE_OPEN) {
        keeper_hurry(run->gate, run->known.id);
    }
    return event;
}

static void wait_over(struct lucid_timer *timer)
{
    struct gate_run *run = lucid_owner(timer, struct gate_run, timer);
    gate_step(run, gate_now_ms(run->gate) >= run->wait_until_ms ? GATE_LATE : GATE_WOKEN);
}

/* Until the payment's owner is done with it: it wakes us; others are asked again now and then. */
enum gate_event gate_wait(struct gate_run *run)
{
    struct x402_gate *gate = run->gate;
    uint64_t now_ms = gate_now_ms(gate);
    if (gate->stopping) {
        return GATE_STOP;
    }
    if (run->wait_until_ms == 0) {
        run->wait_until_ms = now_ms + gate->options.wait_ms_max;
        run->poll_ms = GATE_POLL_MS_MIN;
    }
    if (now_ms >= run->wait_until_ms) {
        return GATE_LATE;
    }
    run->timer.fire = wait_over;
    if (lucid_timer_set(gate->options.loop, &run->timer, run->poll_ms) != LUCID_OK) {
        return GATE_LATE;
    }
    run->poll_ms = run->poll_ms * 2 > GATE_POLL_MS_MAX ? GATE_POLL_MS_MAX : run->poll_ms * 2;
    return GATE_NOTHING;
}
