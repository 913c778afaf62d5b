/* What went out, recorded after a look at the chain: refunds and payouts. */
#ifndef LUCID_HTTP_API_OUTFLOWS_INTERNAL_H
#define LUCID_HTTP_API_OUTFLOWS_INTERNAL_H

#include "http/api/api_internal.h"
#include "x402/outflow.h"

/* Lives on the heap: the cashier and the writer hold it though the client may go away. */
struct outflow_errand {
    struct api_errand errand; /* first member */
    struct x402_desk *desk;
    struct x402_charge charge;
    struct evm_address senders[2]; /* a transfer may come from either */
    /* Filled but for from, amount and transfer, which are the chain's. */
    struct x402_outflow_command outflow;
    bool pays; /* `payout` is the other part of the command */
    struct gas_payout_command payout;
    const char *invalid; /* the code when the chain shows something else */
    void (*show)(const struct outflow_errand *self, struct http_request *request);
    enum lucid_error error;
    struct lucid_why why;
};

/* NULL: it has answered. For a recipient on a network, by what its members of the body name:
 * "network" (must be that one, when there), "transaction", "log_index"?. */
struct outflow_errand *outflow_errand_new(struct http_request *request,
                                          const struct jcs_value *document,
                                          const struct x402_network *network, const char *invalid);
/* Looks, records, and answers by show. Takes it. */
void outflow_errand_send(struct outflow_errand *self, struct http_request *request);

/* The members of where the transfer is, into an open object; null before there is one. */
void outflow_transfer_members(const struct x402_outflow *outflow, struct lucid_buf *out);

/* A refund as one JSON object; replayed NULL: without that member. */
void refund_write(const struct x402_outflow *refund, const bool *replayed, struct lucid_buf *out);

/* Asks the treasury to make the transfer that a refund is to be (struct x402_treasury_refund), and
 * answers with the order. refunds_send.c */
void refund_send(struct http_request *request, const struct x402_outflow *refund);

#endif
