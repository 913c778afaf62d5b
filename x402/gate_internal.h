/* Between the files of the gate: jobs under way (gate*.c) and payments looked after (keeper*.c).
 * All of it belongs to the cashier's thread. */
#ifndef LUCID_X402_GATE_INTERNAL_H
#define LUCID_X402_GATE_INTERNAL_H

#include <stdatomic.h>

#include "base/assert.h"
#include "x402/gate.h"

enum { GATE_RUNS_MAX = 1024, GATE_LOOKS_MAX = 256, GATE_POLL_MS_MIN = 25, GATE_POLL_MS_MAX = 400 };

/* --- events: what a state may hear ------------------------------------------------------------
 */

enum gate_event {
    GATE_NOTHING, /* of an action: the answer comes later */

    /* The log, about the payment of the proof. "Here": at this method and path. */
    GATE_NEW,           /* it knows nothing of it (or an intent that failed) */
    GATE_NEW_UNSEEN,    /* likewise, and the transfer has not been looked at on the chain yet */
    GATE_NEW_UNCHECKED, /* likewise, and nobody has checked the smart wallet's signature yet */
    GATE_OPEN,          /* an intent without an end, for this request or here */
    GATE_OPEN_OTHER,    /* the same for another place */
    GATE_SERVED,        /* it has paid for this very request */
    GATE_UNSERVED,      /* it is good for a request here, and has paid for none yet */
    GATE_USED,          /* it is spent on something else */
    GATE_FOREIGN,       /* somebody else's transaction settled it: it admits nothing */
    GATE_REVERSED,      /* a reorganisation took it, and it may come back */
    GATE_UNSIGNED,      /* a smart wallet's signature, which nobody here can check */
    GATE_IDENTIFIED,    /* the identifier is another payment's; the writer may say so too */
    GATE_STRANGER,      /* it is there, but the proof does not show that it is the client's */
    GATE_UNREADABLE,    /* the log cannot be read just now */

    /* The spent store. */
    GATE_CLAIMED,
    GATE_CLAIMED_SEEN,    /* of a transfer, which has been seen on the chain */
    GATE_CLAIMED_CHECKED, /* of a smart wallet's, which has been verified */
    GATE_HELD,            /* by the same request */
    GATE_HELD_OTHER,      /* by another one */
    GATE_SPENT_HERE,      /* our log has it */
    GATE_SPENT_AWAY,      /* another front end's log has it */
    GATE_UNREADY,         /* the store cannot say */
    GATE_DONE,            /* promoted, or released */

    /* The facilitator. */
    GATE_GOOD,
    GATE_BAD,
    GATE_PENDING,
    GATE_STRAY, /* not pay_to_exclusive; else it is GATE_GOOD where money has moved */
    GATE_LOST,
    GATE_AWAY,

    /* The writer. */
    GATE_WRITTEN,
    GATE_WRITTEN_STRAY,   /* the intent is; and VERIFY saw that a stranger has settled it, */
    GATE_WRITTEN_SETTLED, /* which counts: it was ours, or nobody else takes payments there */
    GATE_PAID_REFUSED,    /* the payment is recorded, what it was to pay for was refused */
    GATE_CONFLICT,        /* the log has it otherwise: nothing was written */
    GATE_CONFLICT_INTENT, /* likewise, and our intent is still open */
    GATE_STILL_OPEN,      /* PAYMENT_PENDING */
    GATE_UNWRITTEN,       /* not taken, or refused */
    GATE_UNKNOWN,         /* the store failed: it may or may not be in the log */

    GATE_WOKEN, /* it is time to look again */
    GATE_LATE,  /* waited or tried long enough */
    GATE_STOP,

    GATE_EVENTS
};

enum gate_state {
    GATE_BEGINNING,
    GATE_LOOKING,
    GATE_WAITING,
    GATE_OBSERVING,
    GATE_CHECKING, /* verifying before claiming */
    GATE_CLAIMING,
    GATE_VERIFYING,
    GATE_INTENDING,
    GATE_SETTLING,
    GATE_RECORDING,
    GATE_STRAYING,
    GATE_FAILING,
    GATE_UNDOING,
    GATE_DROPPING,
    GATE_SERVING,
    GATE_REPLAYING,
    GATE_PROMOTING,
    GATE_RELEASING,
    GATE_PARKED,
    GATE_ENDED,
    GATE_STATES
};

struct keeper_entry;

/* A job on its way. */
struct gate_run {
    struct x402_gate *gate;
    struct x402_gate_job *job;
    enum gate_state state;
    struct gate_run *previous;
    struct gate_run *next;

    bool has_id; /* the payment's first key is known */
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint8_t wait_id[X402_PAYMENT_ID_BYTES]; /* WAITING: whose end it waits for */
    struct lucid_timer timer;
    uint64_t wait_until_ms;
    uint32_t poll_ms;
    unsigned looks;

    struct keeper_entry *entry; /* lent while this run owns the payment */
    struct x402_claim claim;
    struct x402_charge charge;
    bool observed;   /* charge.transfer is what OBSERVE saw */
    bool forwarded;  /* a smart wallet's: the known payment was intended by the same bytes */
    bool identified; /* the identifier is another payment's */
    bool checked;    /* a smart wallet's has been verified: charge is what VERIFY said */
    bool stray;      /* VERIFY saw a stranger's settlement in charge.transfer */
    bool intended;   /* the log has an intent of it that failed */
    bool settled;    /* VERIFY saw that it moved the money all the same: charge.transfer */
    struct x402_payment_command write;
    bool writing;
    struct x402_payment known; /* as the log had it when LOOKING */
};

/* --- the keeper -------------------------------------------------------------------------------
 */

enum {
    KEEPER_ENTRIES_MAX = 65536,
    KEEPER_SCAN_ENTRIES_MAX = 57344, /* the rest is for payments that are being made */
    KEEPER_SCAN_ROWS_MAX = 256,      /* of the log in one round */
    KEEPER_WORK_MAX = 16,            /* payments asked after at a time */
    KEEPER_BUCKETS = 8192,
    KEEPER_BACKOFF_SHIFT_MAX = 5,
    KEEPER_BACKOFF_MS_MAX = 60000,
};

enum keeper_state {
    KEEPER_IDLE,
    KEEPER_LENT, /* a job owns the payment */
    KEEPER_ASKING,
    KEEPER_WATCHING,
    KEEPER_RECORDING,
    KEEPER_STRAYING,
    KEEPER_FAILING,
    KEEPER_REVERSING,
    KEEPER_FINISHING,
    KEEPER_PROMOTING,
    KEEPER_RELEASING,
    KEEPER_GONE,
    KEEPER_STATES
};

struct keeper_work;

/* What a job leaves to the keeper; made before the claim, so that there is always room for it. */
struct keeper_held {
    struct x402_claim claim;
    bool has_unrecorded;
    struct x402_payment unrecorded; /* a transfer that the writer has not taken yet */
};

/* A payment that somebody owns: a job that is making it, or the keeper. */
struct keeper_entry {
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32]; /* LENT, unrecorded: of the request */
    enum keeper_state state;
    uint64_t due_ms;
    uint64_t asked_ms; /* when it was looked after last */
    unsigned tries;
    bool told;     /* that it is reversed */
    bool has_sent; /* `sent` is what its facilitator has sent, as it says */
    struct evm_hash sent;
    struct keeper_work *work; /* while something is under way */
    struct keeper_held *held; /* NULL: no claim of this process */
    struct keeper_entry *bucket_next;
    struct keeper_entry *previous;
    struct keeper_entry *next;
    struct keeper_entry *queue_next;
    bool queued;
};

struct keeper_finish {
    struct keeper_entry *entries[X402_FINISH_MAX];
    uint8_t ids[X402_FINISH_MAX][X402_PAYMENT_ID_BYTES];
    size_t count;
};

struct keeper {
    struct keeper_entry *first;
    struct keeper_entry **buckets;
    size_t count;
    size_t working;
    struct keeper_entry *queue_first;
    struct keeper_entry *queue_last;
    bool pumping;
    struct lucid_timer round;
    uint64_t cursor; /* first_sequence of the payment that the scan of the log saw last */
    struct keeper_finish gathered;
    struct keeper_finish written; /* handed to the writer */
    struct x402_payment_command finish;
    bool finishing;
};

struct gate_counts {
    _Atomic uint64_t outcomes[X402_BROKEN + 1];
    _Atomic uint64_t intents, settled, failed, stray, reversed, open;
};

struct x402_gate {
    struct x402_gate_options options;
    struct ledger_view *view;
    struct gate_run *runs;
    size_t run_count;
    bool stopping;
    struct keeper keeper;
    struct gate_counts counts;
};

/* --- gate.c ----------------------------------------------------------------------------------- */

uint64_t gate_now_ms(const struct x402_gate *gate); /* boot clock */
void gate_count(_Atomic uint64_t *counter);
/* The run's answer is complete: gives the job back and frees the run. */
void gate_run_end(struct gate_run *run);
/* Whether it is a smart wallet's, whose signature nobody could check on the request's loop. */
bool gate_run_is_unchecked(const struct gate_run *run);
/* Lets the jobs that wait for that payment look again. */
void gate_wake(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES]);

/* --- gate_table.c ----------------------------------------------------------------------------- */

/* Feeds an event to a run; it may end in that (and its memory go). */
void gate_step(struct gate_run *run, enum gate_event event);
/* Fills the text that goes with the job's reason. */
void gate_explain(struct x402_gate_job *job);

/* --- gate_look.c, gate_act.c: actions, which answer with an event or GATE_NOTHING --------------
 */

typedef enum gate_event gate_action(struct gate_run *run);
gate_action gate_look;
/* Whether the log has the transfer that VERIFY saw, under another payment or recorded by hand. */
bool gate_transfer_is_known(struct gate_run *run);
gate_action gate_wait;
gate_action gate_observe;
gate_action gate_claim;
gate_action gate_verify; /* of CHECKING too */
gate_action gate_intend;
gate_action gate_settle;
gate_action gate_record;
gate_action gate_record_stray;
gate_action gate_fail;
gate_action gate_undo;
gate_action gate_drop;
gate_action gate_serve;
gate_action gate_replay;
gate_action gate_promote;
gate_action gate_release;
gate_action gate_park;

/* Stops what the run waits for; for closing, and for GATE_STOP. */
void gate_run_cancel(struct gate_run *run);

/* --- shared by gate and keeper (gate_write.c) ---------------------------------------------------
 */

/* Fills in the keys of a payment. */
void gate_payment_keys(const struct x402_payment *payment, struct x402_claim *claim);
/* The facilitator's answer as an event: outcomes that the verb cannot have are GATE_AWAY. */
enum gate_event gate_charge_event(const struct x402_gate *gate, const struct x402_charge *charge);
/* What came of a command of the payment kind. Counts the event made. */
enum gate_event gate_write_event(struct x402_gate *gate, const struct x402_payment_command *write);
/* Who settles a payment, as the log names it. What a chain shows is direct's to say. */
const char *gate_settler(const struct x402_charge *charge);
void gate_test_at(struct x402_gate *gate, const char *state);

/* --- keeper.c --------------------------------------------------------------------------------- */

enum lucid_error keeper_open(struct x402_gate *gate) LUCID_WARN_UNUSED;
void keeper_stop(struct x402_gate *gate);
bool keeper_is_idle(const struct x402_gate *gate);
void keeper_close(struct x402_gate *gate);

struct keeper_entry *keeper_find(struct keeper *keeper, const uint8_t id[X402_PAYMENT_ID_BYTES]);
/* Makes an entry that a job owns; NULL: no room. */
struct keeper_entry *keeper_lend(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES],
                                 const uint8_t digest[32]);
void keeper_remove(struct x402_gate *gate, struct keeper_entry *entry);
/* It is looked after again, later and later while nothing comes of it. */
void keeper_rest(struct x402_gate *gate, struct keeper_entry *entry, bool changed);
/* Which transaction SETTLE or ASK says is on its way: to be known in the next ASK, because another
 * facilitator may tell it only once. */
void keeper_hear(struct keeper_entry *entry, const struct x402_charge *charge);
/* Somebody waits for it. */
void keeper_hurry(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES]);
/* Ends a payment that nobody deals with just now as an admin says; what the keeper asks about it is
 * stopped. False: a job, or a write, is under way. */
bool keeper_resolve(struct x402_gate *gate, struct x402_resolution *resolution) LUCID_WARN_UNUSED;
/* Looks after those that are due. */
void keeper_pump(struct x402_gate *gate);
/* Takes an entry back from a job: with its claim (which is promoted or released in the end; NULL:
 * that is done), and with the transfer that the writer has not taken yet, or NULL. */
void keeper_take(struct x402_gate *gate, struct keeper_entry *entry, const struct x402_claim *claim,
                 const struct x402_payment *unrecorded);

/* --- keeper_table.c --------------------------------------------------------------------------- */

/* Begins with an entry that is idle. resolution: what an admin says instead of the facilitator;
 * NULL: nobody does. False: no memory; it rests. */
bool keeper_begin(struct x402_gate *gate, struct keeper_entry *entry,
                  struct x402_resolution *resolution);
void keeper_work_cancel(struct x402_gate *gate, struct keeper_entry *entry);
/* Whether it is stopped in the middle without harm. */
bool keeper_work_is_asking(const struct keeper_entry *entry);
/* Hands the gathered ids to the writer. */
void keeper_finish_flush(struct x402_gate *gate);

#endif
