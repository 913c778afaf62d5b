/* What the cashier's thread has, for whatever else is done there: routes that look at a chain or
 * send money (http/api/errand.h).
 *
 * Thread: the cashier's; the pointers are good until it ends. */
#ifndef LUCID_X402_DESK_H
#define LUCID_X402_DESK_H

#include "x402/gate.h"
#include "x402/roster.h"

struct x402_treasury;
struct x402_facilitation;

struct x402_desk {
    struct lucid_loop *loop;
    struct ledger *ledger;
    const struct x402_networks *networks;
    struct x402_facilitator *facilitator; /* the roster: chooses by itself */
    struct x402_facilitator *direct;      /* for looking at a chain, and for our own gas keys */
    struct x402_spent *spent;
    struct x402_gate *gate;
    struct x402_treasury *treasury;         /* x402/treasury.h; NULL: no key of a treasury */
    struct x402_facilitation *facilitation; /* x402/facilitation.h; NULL: off */
    /* As in struct x402_gate_options. */
    enum lucid_error (*submit)(void *context, struct ledger_command *command,
                               x402_written_fn *written, void *owner);
    void *context;
    bool stopping; /* nothing new is begun */
};

#endif
