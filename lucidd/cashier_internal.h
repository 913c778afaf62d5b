/* What cashier*.c share. */
#ifndef LUCID_LUCIDD_CASHIER_INTERNAL_H
#define LUCID_LUCIDD_CASHIER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/event_loop.h"
#include "http/outgoing.h"
#include "lucidd/cashier.h"
#include "x402/spent_follow.h"
#include "x402/treasury.h"

enum {
    TREASURY_ROW_TOKENS,
    TREASURY_ROW_GAS,
    TREASURY_ROW_OPEN,
    TREASURY_ROW_OLDEST,
    TREASURY_ROW_BUDGET,
    TREASURY_ROW_WAITING,
    TREASURY_ROW_SENT,
    TREASURY_ROW_REPLACED,
    TREASURY_ROW_RECORDED,
    TREASURY_ROW_FAILED,
    TREASURY_ROWS
};

struct cashier_treasury_seen {
    _Atomic bool stuck;
    _Atomic uint64_t rows[TREASURY_ROWS];
};

/* What other threads may read; the cashier writes it now and then. */
struct cashier_seen {
    _Atomic bool store_ready;
    _Atomic uint64_t claims;
    _Atomic uint64_t losses;
    _Atomic uint64_t reconnects;
    struct {
        _Atomic bool reachable;
        _Atomic uint64_t block;
        _Atomic uint64_t gas_balance_wei;
        _Atomic uint64_t sent;
        _Atomic uint64_t replaced;
        _Atomic uint64_t questions;
        _Atomic uint64_t failures;
        _Atomic uint64_t contradictions;
    } networks[X402_NETWORKS_MAX];
    struct cashier_treasury_seen treasury[X402_NETWORKS_MAX];
};

struct cashier {
    struct cashier_options options;
    struct http_event_loop *loop;
    struct http_outgoing *outgoing;  /* to nodes */
    struct http_outgoing *elsewhere; /* to facilitators: a slow one must not keep nodes waiting */
    struct x402_facilitator *direct; /* the roster closes it */
    struct x402_roster *roster;
    struct x402_facilitator *facilitator; /* the roster's */
    struct x402_log_reader *reader;
    struct x402_spent *spent;
    struct x402_spent_follow *follow; /* Redis only */
    struct x402_gate *gate;
    struct x402_desk desk;
    struct http_post stopping;
    struct lucid_timer look;
    struct lucid_timer stop_check;
    uint64_t stop_by_ms; /* boot clock */
    uint64_t grace_ms;
    bool closed; /* what comes back is only freed */
    bool running;
    pthread_t thread;
    struct cashier_seen seen;
};

/* cashier_treasury.c. open: desk.treasury, if a network has a key for one; LUCID_RETRY_MEMORY,
 * LUCID_RETRY_BUSY. look: the cashier's thread; the others: any. */
enum lucid_error cashier_treasury_open(struct cashier *cashier) LUCID_WARN_UNUSED;
void cashier_treasury_look(struct cashier *cashier, size_t network);
bool cashier_treasury_is_stuck(const struct cashier *cashier);
void cashier_treasury_metrics(const struct cashier *cashier, struct lucid_buf *out);

/* cashier_kill.c: what tests have put between the steps of a payment; NULL: nothing. */
typedef void cashier_at_fn(void *context, const char *state);
cashier_at_fn *cashier_test_at(const struct ledger *ledger);

#endif
