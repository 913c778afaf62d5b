/* What cashier*.c share. */
#ifndef LUCID_LUCIDD_CASHIER_INTERNAL_H
#define LUCID_LUCIDD_CASHIER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/event_loop.h"
#include "http/outgoing.h"
#include "lucidd/cashier.h"
#include "x402/spent_follow.h"

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
};

struct cashier {
    struct cashier_options options;
    struct http_event_loop *loop;
    struct http_outgoing *outgoing;
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

/* cashier_kill.c: what tests have put between the steps of a payment; NULL: nothing. */
typedef void cashier_at_fn(void *context, const char *state);
cashier_at_fn *cashier_test_at(const struct ledger *ledger);

#endif
