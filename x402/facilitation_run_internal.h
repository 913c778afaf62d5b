/* The driver of facilitations among its files (x402/facilitation.h): one run for each authorization
 * that is dealt with, and the jobs that wait for it.
 *
 *   CLAIM → VERIFY → BEGIN → SETTLE → END → PROMOTE or RELEASE
 *
 * Before BEGIN is committed every failure goes to RELEASE, and nothing was set aside. After it a
 * run ends only by END, or rests (IDLE) and is asked after, now and then and by the next job: what
 * the log has open is looked after from the start on. Jobs of the same authorization join its run
 * and get the same answer. */
#ifndef LUCID_X402_FACILITATION_RUN_INTERNAL_H
#define LUCID_X402_FACILITATION_RUN_INTERNAL_H

#include <stdatomic.h>

#include "x402/facilitation.h"

enum { FACILITATION_TOLD = 65536 };
enum { FACILITATION_RUNS_MAX = 1024 };

enum facilitation_run_state {
    FACILITATION_RUN_CLAIMING,
    FACILITATION_RUN_VERIFYING,
    FACILITATION_RUN_BEGINNING,
    FACILITATION_RUN_SETTLING,
    FACILITATION_RUN_IDLE, /* open, and asked after when it is due */
    FACILITATION_RUN_ASKING,
    FACILITATION_RUN_ENDING,
    FACILITATION_RUN_UNCLAIMING, /* promoting or releasing */
};

struct facilitation_run {
    struct x402_facilitation *facilitation;
    struct facilitation_run *next;
    struct facilitation_run *previous;
    enum facilitation_run_state state;
    bool verify_only; /* one job, no claim */
    bool has_claim;   /* claimed by this run; else by an earlier process */
    bool settled;     /* VERIFY has found that it was settled by us before */
    bool begun_here;  /* by this process: what was sent is known */
    struct x402_facilitation_job *jobs;
    struct x402_facilitated one;
    const struct x402_client *client; /* until BEGIN */
    const struct x402_network *network;
    struct x402_claim claim;
    struct x402_charge charge;
    struct x402_facilitation_command command;
    bool has_sent;
    struct evm_hash sent; /* the newest transaction known */
    unsigned tries;
    uint64_t due_ms;
    uint64_t asked_ms; /* when it was last asked after */
    /* What the jobs are told. */
    enum x402_facilitation_outcome outcome;
    const char *reason;
    char text[160];
};

struct x402_facilitation {
    struct x402_facilitation_options options;
    struct ledger_view *view;
    /* Whose success was told to somebody since the start, by their id; newer ones take the place of
     * others. */
    uint8_t (*told)[X402_PAYMENT_ID_BYTES];
    struct lucid_timer round;
    struct facilitation_run *runs;
    size_t run_count;
    uint64_t cursor; /* of the scan of open ones */
    bool stopping;
    _Atomic uint64_t verified[2];
    _Atomic uint64_t begun, settled, failed, refused, gas_wei, open;
};

static inline void facilitation_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t facilitation_now_ms(const struct x402_facilitation *facilitation)
{
    return lucid_boot_ms(&facilitation->options.desk->loop->clock);
}

/* Gas money for one more transaction. Over what can be counted: no budget is large enough. */
uint64_t facilitation_reserve(const struct x402_network *network);

void facilitation_job_tell(struct x402_facilitation_job *job,
                           enum x402_facilitation_outcome outcome, const char *reason,
                           const char *text);
/* All jobs of a run what it says. */
void facilitation_jobs_tell(struct facilitation_run *run);
/* Counts the open ones. */
void facilitation_open_show(struct x402_facilitation *facilitation);

/* NULL: no room. */
struct facilitation_run *facilitation_run_new(struct x402_facilitation *facilitation);
struct facilitation_run *facilitation_run_find(struct x402_facilitation *facilitation,
                                               const uint8_t id[X402_PAYMENT_ID_BYTES]);
/* Tells the jobs and frees. */
void facilitation_run_over(struct facilitation_run *run);
/* Ends one that has begun nothing. */
void facilitation_run_refuse(struct facilitation_run *run, enum x402_facilitation_outcome outcome,
                             const char *reason, const char *text);
/* Open still: it rests until it is due. */
void facilitation_run_rest(struct facilitation_run *run);
/* Says what the row says. */
void facilitation_run_say_end(struct facilitation_run *run);
void facilitation_run_claim(struct facilitation_run *run);
/* intended: it was begun before, and failed. */
void facilitation_run_verify(struct facilitation_run *run, bool intended);
void facilitation_run_ask(struct facilitation_run *run);
/* What asks a chain or a store; what is with the writer cannot be called back. */
void facilitation_run_cancel(struct facilitation_run *run);

#endif
