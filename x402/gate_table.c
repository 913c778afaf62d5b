/* What the gate does, as a table: a state, what it hears, the state after, the action that is begun
 * then, and, where it is settled here, the job's answer. Actions answer with the next event or
 * later; what is not in the table cannot happen and is an assertion.
 *
 *   an authorization  LOOKING → CLAIMING → VERIFYING → INTENDING → SETTLING → RECORDING → PROMOTING
 *   a smart wallet's  LOOKING → CHECKING → CLAIMING → INTENDING → …
 *   a transfer        LOOKING → OBSERVING → LOOKING → CLAIMING → RECORDING → PROMOTING
 *   known, served     LOOKING → REPLAYING
 *   known, unserved   LOOKING → SERVING
 *   in other hands    LOOKING (or CLAIMING) → WAITING → LOOKING …
 *
 * Whose the payment is: from CLAIMING on the run has its entry of the keeper (x402/keeper.c), so
 * that nobody else in this process touches it; claims keep other processes away. Both end in
 * PROMOTING or RELEASING, or go to the keeper in PARKED.
 *
 * Before INTENDING has succeeded nothing can have moved by us: every failure releases. After it
 * only a certain "no money has moved" (GATE_BAD) releases, once payment.failed is in the log;
 * whatever is not certain is parked: the claim stays, the client gets OUTSTANDING, and the keeper
 * goes on. A transfer has moved before it comes here: from RECORDING on it is parked until it is in
 * the log. */
#include <stdio.h>

#include "x402/gate_internal.h"

struct gate_row {
    enum gate_state next;
    gate_action *act; /* NULL: the run ends */
    bool answers;
    enum x402_gate_outcome outcome;
    const char *reason; /* NULL: the facilitator's */
};

static const char reason_identified[] = "payment_identifier_conflict";

/* clang-format off */
#define GO(state, action) {.next = GATE_##state, .act = (action)}
#define SAY(state, action, what, why) \
    {.next = GATE_##state, .act = (action), .answers = true, \
     .outcome = X402_##what, .reason = (why)}

static const struct gate_row gate_rows[GATE_STATES][GATE_EVENTS] = {
    [GATE_BEGINNING] = {
        [GATE_WOKEN]         = GO(LOOKING, gate_look),
    },
    [GATE_LOOKING] = {
        [GATE_NEW]           = GO(CLAIMING, gate_claim),
        [GATE_NEW_UNSEEN]    = GO(OBSERVING, gate_observe),
        [GATE_NEW_UNCHECKED] = GO(CHECKING, gate_verify),
        [GATE_IDENTIFIED]    = SAY(ENDED, NULL, SPENT, reason_identified),
        [GATE_OPEN]          = GO(WAITING, gate_wait),
        [GATE_OPEN_OTHER]    = SAY(ENDED, NULL, OUTSTANDING, "settlement_pending"),
        [GATE_SERVED]        = GO(REPLAYING, gate_replay),
        [GATE_UNSERVED]      = GO(SERVING, gate_serve),
        [GATE_USED]          = SAY(ENDED, NULL, SPENT, "payment_already_spent"),
        [GATE_FOREIGN]       = SAY(ENDED, NULL, SPENT, "settled_by_another"),
        [GATE_REVERSED]      = SAY(ENDED, NULL, OUTSTANDING, "payment_reversed"),
        [GATE_UNSIGNED]      = SAY(ENDED, NULL, NOT_PAID, "invalid_exact_evm_signature"),
        [GATE_STRANGER]      = SAY(ENDED, NULL, NOT_PAID, "payment_not_bound"),
        [GATE_UNREADABLE]    = SAY(ENDED, NULL, UNAVAILABLE, "log_unavailable"),
        [GATE_LATE]          = SAY(ENDED, NULL, OUTSTANDING, "settlement_pending"),
    },
    [GATE_WAITING] = {
        [GATE_WOKEN]         = GO(LOOKING, gate_look),
        [GATE_LATE]          = SAY(ENDED, NULL, OUTSTANDING, "settlement_pending"),
        [GATE_STOP]          = SAY(ENDED, NULL, OUTSTANDING, "settlement_pending"),
    },
    [GATE_OBSERVING] = {
        [GATE_GOOD]          = GO(LOOKING, gate_look),
        [GATE_BAD]           = SAY(ENDED, NULL, NOT_PAID, NULL),
        [GATE_PENDING]       = SAY(ENDED, NULL, OUTSTANDING, "transfer_not_final"),
        [GATE_AWAY]          = SAY(ENDED, NULL, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_STOP]          = SAY(ENDED, NULL, UNAVAILABLE, "stopping"),
    },
    /* Nothing is held while it is not known whose signature it is; and what has been settled is
     * nobody's who cannot show that. */
    [GATE_CHECKING] = {
        [GATE_GOOD]          = GO(CLAIMING, gate_claim),
        [GATE_STRAY]         = SAY(ENDED, NULL, SPENT, "settled_by_another"),
        [GATE_BAD]           = SAY(ENDED, NULL, NOT_PAID, NULL),
        [GATE_PENDING]       = SAY(ENDED, NULL, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_AWAY]          = SAY(ENDED, NULL, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_STOP]          = SAY(ENDED, NULL, UNAVAILABLE, "stopping"),
    },
    [GATE_CLAIMING] = {
        [GATE_CLAIMED]       = GO(VERIFYING, gate_verify),
        [GATE_CLAIMED_SEEN]  = GO(RECORDING, gate_record),
        [GATE_CLAIMED_CHECKED] = GO(INTENDING, gate_intend),
        [GATE_HELD]          = GO(WAITING, gate_wait),
        [GATE_HELD_OTHER]    = SAY(ENDED, NULL, OUTSTANDING, "payment_held"),
        [GATE_SPENT_HERE]    = GO(LOOKING, gate_look),
        [GATE_SPENT_AWAY]    = SAY(ENDED, NULL, SPENT, "payment_already_spent"),
        [GATE_UNREADY]       = SAY(ENDED, NULL, UNAVAILABLE, "spent_store_unavailable"),
    },
    [GATE_VERIFYING] = {
        [GATE_GOOD]          = GO(INTENDING, gate_intend),
        [GATE_STRAY]         = GO(INTENDING, gate_intend),
        [GATE_BAD]           = SAY(RELEASING, gate_release, NOT_PAID, NULL),
        [GATE_PENDING]       = SAY(RELEASING, gate_release, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_AWAY]          = SAY(RELEASING, gate_release, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_STOP]          = SAY(RELEASING, gate_release, UNAVAILABLE, "stopping"),
    },
    [GATE_INTENDING] = {
        [GATE_WRITTEN]       = GO(SETTLING, gate_settle),
        [GATE_WRITTEN_STRAY]   = GO(STRAYING, gate_record_stray),
        [GATE_WRITTEN_SETTLED] = GO(RECORDING, gate_record),
        [GATE_CONFLICT]      = SAY(RELEASING, gate_release, SPENT, "payment_already_spent"),
        [GATE_IDENTIFIED]    = SAY(RELEASING, gate_release, SPENT, reason_identified),
        [GATE_STILL_OPEN]    = SAY(RELEASING, gate_release, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]     = SAY(RELEASING, gate_release, BROKEN, "not_recorded"),
        [GATE_UNKNOWN]       = SAY(PARKED, gate_park, BROKEN, "not_recorded"),
    },
    [GATE_SETTLING] = {
        [GATE_GOOD]          = GO(RECORDING, gate_record),
        [GATE_BAD]           = GO(FAILING, gate_fail),
        [GATE_STRAY]         = GO(STRAYING, gate_record_stray),
        [GATE_AWAY]          = GO(UNDOING, gate_undo),
        [GATE_PENDING]       = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_STOP]          = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
    },
    [GATE_RECORDING] = {
        [GATE_WRITTEN]         = SAY(PROMOTING, gate_promote, ADMITTED, "paid"),
        [GATE_PAID_REFUSED]    = SAY(PROMOTING, gate_promote, UNSERVED, "request_refused"),
        [GATE_CONFLICT]        = SAY(RELEASING, gate_release, SPENT, "payment_already_spent"),
        [GATE_CONFLICT_INTENT] = GO(DROPPING, gate_drop),
        [GATE_STILL_OPEN]      = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]       = SAY(PARKED, gate_park, OUTSTANDING, "not_recorded_yet"),
        [GATE_UNKNOWN]         = SAY(PARKED, gate_park, OUTSTANDING, "not_recorded_yet"),
    },
    [GATE_STRAYING] = {
        [GATE_WRITTEN]         = SAY(PROMOTING, gate_promote, SPENT, "settled_by_another"),
        [GATE_CONFLICT_INTENT] = GO(DROPPING, gate_drop),
        [GATE_STILL_OPEN]      = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]       = SAY(PARKED, gate_park, OUTSTANDING, "not_recorded_yet"),
        [GATE_UNKNOWN]         = SAY(PARKED, gate_park, OUTSTANDING, "not_recorded_yet"),
    },
    /* No money has moved, for certain: payment.failed. */
    [GATE_FAILING] = {
        [GATE_WRITTEN]         = SAY(RELEASING, gate_release, NOT_PAID, NULL),
        [GATE_CONFLICT_INTENT] = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_STILL_OPEN]      = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]       = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNKNOWN]         = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
    },
    /* Nothing was begun: likewise, and the client is not to blame. */
    [GATE_UNDOING] = {
        [GATE_WRITTEN]       = SAY(RELEASING, gate_release, UNAVAILABLE, "facilitator_unavailable"),
        [GATE_CONFLICT_INTENT] = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_STILL_OPEN]      = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]       = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
        [GATE_UNKNOWN]         = SAY(PARKED, gate_park, OUTSTANDING, "settlement_pending"),
    },
    /* The money is in the log already, under another payment: the intent ends without any. */
    [GATE_DROPPING] = {
        [GATE_WRITTEN]         = SAY(RELEASING, gate_release, SPENT, "payment_already_spent"),
        [GATE_CONFLICT_INTENT] = SAY(PARKED, gate_park, SPENT, "payment_already_spent"),
        [GATE_STILL_OPEN]      = SAY(PARKED, gate_park, SPENT, "payment_already_spent"),
        [GATE_UNWRITTEN]       = SAY(PARKED, gate_park, SPENT, "payment_already_spent"),
        [GATE_UNKNOWN]         = SAY(PARKED, gate_park, SPENT, "payment_already_spent"),
    },
    /* The writer is the judge between several that want the same unserved payment. */
    [GATE_SERVING] = {
        [GATE_WRITTEN]       = SAY(ENDED, NULL, ADMITTED, "paid"),
        [GATE_PAID_REFUSED]  = SAY(ENDED, NULL, UNSERVED, "request_refused"),
        [GATE_CONFLICT]      = SAY(ENDED, NULL, SPENT, "payment_already_spent"),
        [GATE_STILL_OPEN]    = SAY(ENDED, NULL, OUTSTANDING, "settlement_pending"),
        [GATE_UNWRITTEN]     = SAY(ENDED, NULL, BROKEN, "not_recorded"),
        [GATE_UNKNOWN]       = SAY(ENDED, NULL, BROKEN, "not_recorded"),
    },
    [GATE_REPLAYING] = {
        [GATE_WRITTEN]       = SAY(ENDED, NULL, ADMITTED, "paid"),
        [GATE_PAID_REFUSED]  = SAY(ENDED, NULL, UNSERVED, "request_refused"),
        [GATE_UNWRITTEN]     = SAY(ENDED, NULL, BROKEN, "not_recorded"),
        [GATE_UNKNOWN]       = SAY(ENDED, NULL, BROKEN, "not_recorded"),
    },
    [GATE_PROMOTING] = {
        [GATE_DONE]          = GO(ENDED, NULL),
    },
    [GATE_RELEASING] = {
        [GATE_DONE]          = GO(ENDED, NULL),
    },
    [GATE_PARKED] = {
        [GATE_DONE]          = GO(ENDED, NULL),
    },
};
/* clang-format on */

/* What a client reads. */
static const struct {
    const char *reason;
    const char *text;
} gate_texts[] = {
    {"settlement_pending", "the payment's outcome is not known yet: send the same request again"},
    {"payment_held", "the payment is being dealt with for another request"},
    {"payment_reversed", "a reorganisation took the payment's transaction; it may come back"},
    {"transfer_not_final", "the transfer is not known, or not deep enough yet"},
    {"not_recorded_yet", "the money has moved and is being recorded: send the request again"},
    {"not_recorded", "the payment could not be recorded; no money was taken by it"},
    {"payment_already_spent", "the payment has been spent on another request"},
    {reason_identified, "the payment identifier is another payment's"},
    {"settled_by_another", "the authorization was settled by a transaction that is not ours"},
    {"payment_not_bound", "the proof does not show that the payment is the client's"},
    {"invalid_exact_evm_signature", "nobody here can check the signature of a smart wallet"},
    {"log_unavailable", "the log cannot be read just now; nothing was taken"},
    {"spent_store_unavailable", "the store of spent proofs is not ready; nothing was taken"},
    {"facilitator_unavailable", "the chain cannot be asked just now; nothing was taken"},
    {"stopping", "the service is stopping; nothing was taken"},
    {"too_many_payments", "too many payments are under way; nothing was taken"},
};

void gate_explain(struct x402_gate_job *job)
{
    job->text[0] = '\0';
    for (size_t i = 0; i < sizeof(gate_texts) / sizeof(gate_texts[0]); i++) {
        if (strcmp(gate_texts[i].reason, job->reason) == 0) {
            snprintf(job->text, sizeof(job->text), "%s", gate_texts[i].text);
        }
    }
}

const char *x402_gate_spent_code(const struct x402_gate_job *job)
{
    lucid_assert(job->outcome == X402_SPENT);
    return strcmp(job->reason, reason_identified) == 0 ? "PAYMENT_IDENTIFIER_CONFLICT"
                                                       : "PAYMENT_ALREADY_SPENT";
}

static void gate_answer(struct gate_run *run, const struct gate_row *row)
{
    struct x402_gate_job *job = run->job;
    job->outcome = row->outcome;
    job->reason = row->reason;
    if (row->reason != NULL) {
        gate_explain(job);
    } else {
        const char *reason = run->charge.reason;
        job->reason = reason == NULL ? "invalid_transaction_state" : reason;
        memcpy(job->text, run->charge.text, sizeof(job->text));
        job->text[sizeof(job->text) - 1] = '\0';
    }
}

void gate_step(struct gate_run *run, enum gate_event event)
{
    while (event != GATE_NOTHING) {
        const struct gate_row *row = &gate_rows[run->state][event];
        lucid_assert(row->next != GATE_BEGINNING);
        run->state = row->next;
        if (row->answers) {
            gate_answer(run, row);
        }
        if (row->act == NULL) {
            gate_run_end(run);
            return;
        }
        event = row->act(run);
    }
}
