/* The cashier: one thread with a loop of its own for everything about payments that has to wait:
 * spent store, facilitator, gate, keeper (x402/gate.h). No locks: requests' loops post jobs to it,
 * it posts answers back; commands go to the writer's queue and come back as posts. Why one thread:
 * decision 0022.
 *
 * Order of a stop: the HTTP loops have ended (what waits for the gate is told no more); then
 * cashier_stop, which lets what is under way come to an end for so long; then the writer. What has
 * no end by then is in the log, and the next start goes on with it. */
#ifndef LUCID_LUCIDD_CASHIER_H
#define LUCID_LUCIDD_CASHIER_H

#include "lucidd/shop.h"

struct cashier;

struct cashier_options {
    const struct config *config;
    const struct shop *shop;
    struct ledger *ledger;
    struct lucid_clock clock;
    api_submit_fn *submit; /* the writer's */
    void *context;
};

/* LUCID_RETRY_MEMORY, LUCID_RETRY_IO, LUCID_REFUSE_INVALID. Borrows what options point to. */
enum lucid_error cashier_open(const struct cashier_options *options, struct cashier **ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* The thread has ended, or never began, and the writer too. NULL is allowed. */
void cashier_close(struct cashier *cashier);

void cashier_start(struct cashier *cashier); /* NULL: nothing is sold */
/* Ends the thread, at the latest after so long. NULL is allowed. */
void cashier_stop(struct cashier *cashier, uint64_t grace_ms);

/* For struct api_sales; context is the cashier. Thread: any. */
void cashier_enter(void *context, struct api_gate_entry *first);
void cashier_errand(void *context, struct api_errand *errand);
size_t cashier_warnings(void *context, const char **ret, size_t max);

/* For api_sales.fee_payer. Thread: any, until cashier_close. */
bool cashier_fee_payer(void *context, const struct x402_network *network, struct lucid_span asset,
                       uint8_t ret[X402_SOLANA_KEY_BYTES]);
/* NULL: nothing. Thread: any. */
void cashier_metrics_write(const struct cashier *cashier, struct lucid_buf *out);

#endif
