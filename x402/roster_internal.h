/* The parts of the roster among themselves (x402/roster.h). */
#ifndef LUCID_X402_ROSTER_INTERNAL_H
#define LUCID_X402_ROSTER_INTERNAL_H

#include "x402/remote.h"

struct roster_job;
typedef void roster_step_fn(struct roster_job *job);

/* One charge on its way. */
struct roster_job {
    struct roster_job *next;
    struct roster_job **at; /* what points here */
    struct x402_roster *roster;
    struct x402_charge *charge;
    struct lucid_timer timer; /* to begin, and to go on later */
    roster_step_fn *later;
    struct x402_charge inner; /* what direct is asked */
    bool inner_asked;
    bool senders_known; /* when direct was asked: else a stranger's may be ours */
    roster_step_fn *inner_then;
    struct x402_remote_call call; /* what a member is asked */
    size_t member;                /* whose turn it is; member_count: nobody's */
    /* VERIFY */
    size_t turn; /* in the order */
    bool looked; /* direct has seen nothing against it */
    bool tried;  /* somebody who could have taken it was away */
    char text[X402_REMOTE_TEXT_BYTES];
    const char *reason;
    /* SETTLE, ASK */
    struct lucid_timer deadline;
    unsigned posts;
    unsigned looks;
    bool again;   /* the same payment may be given to it once more */
    bool refused; /* it said that it did not settle it */
    bool has_told;
    bool heard; /* just now; else an earlier question did, or the log has it */
    struct evm_hash told;
};

struct x402_roster {
    struct x402_facilitator base;
    struct x402_roster_options options;
    struct x402_remote remotes[X402_MEMBERS_MAX]; /* [0] is not used: direct */
    struct roster_job *jobs;
    size_t job_count;
    struct x402_charge *starved; /* not begun for want of memory; linked by impl */
    struct lucid_timer starved_timer;
};

static inline const struct x402_member *roster_member(const struct roster_job *job)
{
    return &job->roster->options.file->members[job->member];
}

static inline struct x402_remote *roster_remote(struct roster_job *job)
{
    return &job->roster->remotes[job->member];
}

/* The protocol version of what is forwarded; 0: there is nothing to forward. */
unsigned roster_forward_version(const struct x402_charge *charge);
/* As the payment is shown to facilitators and found in their answers. */
struct x402_remote_asked roster_asked(const struct x402_charge *charge);

/* Goes on at `later` after so long. False: it cannot, and the job has ended. */
void roster_wait(struct roster_job *job, uint64_t after_ms, roster_step_fn *later);
/* Asks direct; what it answers is in job->inner. */
void roster_ask_direct(struct roster_job *job, enum x402_charge_verb verb, roster_step_fn *then);
/* Asks the member; job->call says what came of it. */
void roster_ask_member(struct roster_job *job, enum x402_remote_route route,
                       void (*done)(struct x402_remote_call *call));
/* Ends the job. reason NULL: the one that goes with the outcome. */
void roster_finish(struct roster_job *job, enum x402_charge_outcome outcome, const char *reason,
                   const char *format, ...) LUCID_PRINTF(4, 5);
/* Ends it with what direct says. */
void roster_finish_as_direct(struct roster_job *job);

roster_step_fn roster_verify;
roster_step_fn roster_settle;
roster_step_fn roster_settle_ask;

#endif
