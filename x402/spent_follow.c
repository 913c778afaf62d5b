#include "x402/spent_follow.h"

#include <stdlib.h>

#include "base/log.h"
#include "x402/payment_internal.h"

#define LOOKED_AT_MAX 256 /* payments in one turn of the loop */

struct x402_spent_follow {
    struct lucid_loop *loop;
    struct ledger_view *view;
    struct x402_spent *spent;
    struct lucid_timer timer;
    struct x402_claim claim;
    uint64_t seen; /* the newest that was looked at */
    uint32_t interval_ms;
};

/* The next payment by hand that occupies a key. LUCID_NOTE_END: there may be more. */
static enum lucid_error recorded_next(struct x402_spent_follow *follow, struct x402_spent_key *ret)
{
    struct gas_payment payment;
    struct x402_payment gated;
    for (unsigned i = 0; i < LOOKED_AT_MAX; i++) {
        enum lucid_error error =
            gas_payment_next(follow->view, lucid_span(NULL, 0), follow->seen, &payment);
        if (error != LUCID_OK) {
            return error;
        }
        error = x402_payment_of(follow->view, payment.sequence, &gated);
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
        follow->seen = payment.sequence;
        if (error == LUCID_NOTE_ABSENT &&
            payment_key_recorded(payment.network, payment.transaction, ret)) {
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_END;
}

static void follow_again(struct x402_spent_follow *follow, uint32_t after_ms)
{
    if (lucid_timer_set(follow->loop, &follow->timer, after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "x402.spent.follow",
                  "out of memory: payments recorded by hand are not told to the other members");
    }
}

static void follow_fire(struct lucid_timer *timer)
{
    struct x402_spent_follow *follow = lucid_owner(timer, struct x402_spent_follow, timer);
    struct x402_claim *claim = &follow->claim;
    enum lucid_error error = ledger_view_begin(follow->view);
    if (error == LUCID_OK) {
        error = recorded_next(follow, &claim->keys[0]);
        ledger_view_end(follow->view);
    }
    if (error != LUCID_OK) {
        follow_again(follow, error == LUCID_NOTE_END ? 0 : follow->interval_ms);
        return;
    }
    claim->verb = X402_SPENT_PROMOTE;
    claim->key_count = 1;
    claim->token = 0;
    x402_payment_id(lucid_span_str(claim->keys[0].text), claim->payment_id);
    x402_spent_ask(follow->spent, claim);
}

static void follow_told(struct x402_claim *claim)
{
    follow_again(claim->owner, 0);
}

enum lucid_error x402_spent_follow_open(struct lucid_loop *loop, struct ledger *ledger,
                                        struct x402_spent *spent, uint32_t interval_ms,
                                        struct x402_spent_follow **ret)
{
    struct x402_spent_follow *follow = calloc(1, sizeof(*follow));
    if (follow == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    follow->loop = loop;
    follow->spent = spent;
    follow->interval_ms = interval_ms;
    follow->timer.fire = follow_fire;
    follow->claim.done = follow_told;
    follow->claim.owner = follow;
    enum lucid_error error = ledger_view_open(ledger, &follow->view);
    if (error == LUCID_OK) {
        error = ledger_view_begin(follow->view);
    }
    if (error == LUCID_OK) {
        struct gas_payment newest;
        error = gas_payment_previous(follow->view, lucid_span(NULL, 0), UINT64_MAX, &newest);
        follow->seen = error == LUCID_OK ? newest.sequence : 0;
        ledger_view_end(follow->view);
        error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    if (error == LUCID_OK) {
        error = lucid_timer_set(loop, &follow->timer, interval_ms);
    }
    if (error != LUCID_OK) {
        x402_spent_follow_close(follow);
        return error;
    }
    *ret = follow;
    return LUCID_OK;
}

void x402_spent_follow_close(struct x402_spent_follow *follow)
{
    if (follow == NULL) {
        return;
    }
    lucid_timer_clear(follow->loop, &follow->timer);
    x402_spent_cancel(follow->spent, &follow->claim);
    if (follow->view != NULL) {
        ledger_view_close(follow->view);
    }
    free(follow);
}
