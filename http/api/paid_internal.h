/* Requests that are sold (CONTRACT 4): what paid*.c share. */
#ifndef LUCID_HTTP_API_PAID_INTERNAL_H
#define LUCID_HTTP_API_PAID_INTERNAL_H

#include "http/api/api_internal.h"
#include "x402/gate.h"

enum {
    /* Of one loop, with the gate; also those whose clients went away meanwhile. */
    PAID_CALLS_MAX = 1024,
    PAID_ARENA_BYTES_MAX = RECEIPT_ARENA_BYTES_MAX + 1024 * 1024,
};

/* One request that is sold. It outlives the request when the client goes away: money may move. */
struct paid_call {
    struct http_post post; /* first member: back from the gate */
    struct api_gate_entry entry;
    struct api *api;
    struct api_loop *loop;
    const struct http_route *route;
    const struct paid_class *class;
    struct http_request *request; /* NULL: the client is gone */
    struct paid_call *next;       /* of those with the gate */
    struct paid_call *previous;
    struct lucid_arena arena;

    struct lucid_span resource;
    struct lucid_span path;
    uint8_t body_sha256[LUCID_SHA256_BYTES];
    bool has_header;
    enum x402_form form;
    struct lucid_span header;
    struct x402_offer offer;
    bool known; /* the log has the payment shown: no money would move for it any more */

    void *prepared; /* by rehearse */
};

/* What is sold as one class of routes. */
struct paid_class {
    const char *description;
    const char *mime_type;
    /* Everything that can be refused about the request before anybody pays. False: it has answered.
     * May leave something for serve in call->prepared, and a command in call->entry.job.paid. */
    bool (*rehearse)(struct paid_call *call);
    /* What the writer would say to a write as the log stands now: asked before anybody is asked to
     * pay, and before money moves; not of who has paid already, whose payment must be recorded
     * either way. False: it has answered, with a refusal, or for nothing. NULL: a read. */
    bool (*foresee)(struct paid_call *call);
    /* Answers the request, which has been paid for. */
    void (*serve)(struct paid_call *call);
};

/* By enum api_price_class. */
const struct paid_class *paid_class_of(enum api_price_class which);

/* --- paid_offer.c ----------------------------------------------------------------------------- */

/* Method, resource and body. False: it has answered 414, or 500. */
bool paid_place_read(struct paid_call *call);

/* The offer by that version of the price (0: in force). LUCID_NOTE_ABSENT: there is none, or none
 * that can be paid here. */
enum lucid_error paid_offer_make(struct paid_call *call, struct ledger_view *view,
                                 uint64_t version);

/* Answers 402 with the offer in force: the reason as clients know it, and a sentence. */
void paid_demand(struct paid_call *call, const char *reason, const char *text);

/* --- paid_answer.c ---------------------------------------------------------------------------- */

/* Answers as the gate's outcome says. The call's request is there. */
void paid_answer(struct paid_call *call);

#endif
