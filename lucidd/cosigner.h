/* The log's side of C2SP tlog-witness: asks the witnesses of the policy to cosign our heads.
 *
 * Each witness has a thread of its own and a blocking client, so that one that hangs delays no
 * other; none of them is a loop or the writer. A round reads the newest head in a short view, sends
 * it with a consistency proof from the size that the witness confirmed last, verifies what comes
 * back, and hands good lines to the writer as a command. Nothing queues up: a round is about the
 * newest head only, and what a witness missed stays missed.
 *
 * What a witness answers is untrusted: bytes and time are bounded, redirects are not followed,
 * lines count only under the witness's own key, and its text is never logged. A witness that speaks
 * of a size beyond our log is told loudly (log line, metric, readiness warning), because it may
 * mean that the log was rolled back; but as anybody can say so, nothing stops for it. A checkpoint
 * signed by our own key says it for certain: cosigner_start_check. */
#ifndef LUCID_LUCIDD_COSIGNER_H
#define LUCID_LUCIDD_COSIGNER_H

#include "http/api/api.h"
#include "ledger/policy.h"

struct cosigner;

struct cosigner_options {
    struct ledger *ledger;
    const struct ledger_policy *policy; /* NULL: none */
    const struct ledger_vkey *log;      /* our own key */
    struct lucid_clock clock;
    uint32_t interval_ms;  /* between rounds; failing ones back off from it */
    uint32_t timeout_ms;   /* of one question */
    api_submit_fn *submit; /* the writer's */
    void *context;
};

/* Reads a policy file for a log: it must take the log's key, and URLs of witnesses must be http or
 * https. The policy is the caller's to free(); NULL for the path "". Errors: those of
 * ledger_policy_parse with the path in why->text; LUCID_REFUSE_INVALID; LUCID_RETRY_IO. */
enum lucid_error cosigner_policy_read(const char *path, const struct ledger_vkey *log,
                                      struct ledger_policy **ret,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- at start --------------------------------------------------------------------------------- */

/* Asks every witness of the policy that has a URL, all at the same time, for the newest checkpoint
 * of this origin that it holds (GET PREFIX/HEX(SHA-256(origin))/checkpoint), and holds each that is
 * signed by our own key (so that no witness can claim what we never signed) against the ledger. A
 * witness that does not answer, or not with such a checkpoint, counts for nothing: it may be new,
 * or dead. Notes nothing without a policy. Answers within total_ms_max, give or take a second.
 *
 * Before other threads are started (libcurl). Errors: those of published_judge
 * (lucidd/published.h): a store that lacks what a witness has seen, or has another tree of that
 * size; the caller must not start. LUCID_RETRY_MEMORY. */
enum lucid_error cosigner_start_check(struct ledger *ledger, const struct ledger_policy *policy,
                                      const struct ledger_vkey *log, uint32_t total_ms_max,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- running ---------------------------------------------------------------------------------- */

/* Borrows what options point to for its life; without a policy there is nothing to run: NULL.
 * Before other threads are started. LUCID_RETRY_MEMORY. cosigner_close: it must not be running;
 * NULL is allowed. */
enum lucid_error cosigner_open(const struct cosigner_options *options,
                               struct cosigner **ret) LUCID_WARN_UNUSED;
void cosigner_close(struct cosigner *cosigner);

/* In what follows a NULL cosigner, one without a policy, is allowed and does nothing. */

/* Starts the threads; the writer must be running until cosigner_stop has returned, which cuts
 * questions under way (within a second or so) and joins the threads. */
void cosigner_start(struct cosigner *cosigner);
void cosigner_stop(struct cosigner *cosigner);

/* Appends the witnesses' families to /metrics. Thread: any, without locks. */
void cosigner_metrics_write(struct cosigner *cosigner, struct lucid_buf *out);

/* What the routes ask; good as long as the cosigner. NULL for NULL. */
const struct api_witnesses *cosigner_witnesses(const struct cosigner *cosigner);

#endif
