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

    /* Where it is: of this server's own route, or what the class's `place` says. */
    struct lucid_span method;
    struct lucid_span resource; /* valid UTF-8, at most X402_RESOURCE_BYTES_MAX */
    struct lucid_span path;
    uint8_t body_sha256[LUCID_SHA256_BYTES]; /* that the challenge binds */
    /* What says "the same request" beside method and resource (x402_request_digest): the body's as
     * well, but where a retry is told from a replay by something else, as a proxy's request id. */
    uint8_t request_sha256[LUCID_SHA256_BYTES];
    struct gas_price price; /* what the offer was made by */
    bool has_header;
    enum x402_form form;
    struct lucid_span header;
    struct x402_offer offer;
    bool known;     /* the log has the payment shown: no money would move for it any more */
    bool forwarded; /* and it is a smart wallet's, made by these very bytes */

    void *prepared; /* by rehearse */
};

/* What is sold as one class of routes. */
struct paid_class {
    const char *description; /* where the price has none of its own */
    const char *mime_type;
    /* Sets method, resource, path, body_sha256 and request_sha256 of the call, in its arena; before
     * rehearse. False: it has answered. NULL: paid_place_read. */
    bool (*place)(struct paid_call *call);
    /* The priced asset; the text lives as long as the call. After rehearse. NULL: the one that the
     * configuration gives the route's class. */
    struct lucid_span (*asset)(const struct paid_call *call);
    /* What the request costs by that version of the price (also an old one: a quoted price holds),
     * at most GAS_AMOUNT_MAX. False, or 0: it is not sold by that price. NULL: price_per_call. */
    bool (*amount)(const struct paid_call *call, const struct gas_price *price, uint64_t *ret);
    /* Everything that can be refused about the request before anybody pays. False: it has answered.
     * May leave something for serve in call->prepared, and a command in call->entry.job.paid. */
    bool (*rehearse)(struct paid_call *call);
    /* What the writer would say to a write as the log stands now: asked before anybody is asked to
     * pay, and before money moves; not of who has paid already, whose payment must be recorded
     * either way. False: it has answered, with a refusal, or for nothing. NULL: a read. */
    bool (*foresee)(struct paid_call *call);
    /* The log has the payment shown (entry.job.payment), and the offer is made: may put other
     * terms in it, those that the payment was made for, to let it pay for more than one request. */
    void (*recognize)(struct paid_call *call, struct ledger_view *view);
    /* Of a payment that fits, before the gate has it. True: it has answered. */
    bool (*judge)(struct paid_call *call);
    /* Has the request's own handler look at it on another thread, once the payment shown fits and
     * before the gate has it: ends in paid_enter (with entry.job.paid), or in paid_leave and
     * paid_end. False: it has answered. NULL: rehearse has done all that can be done. */
    bool (*consider)(struct paid_call *call);
    /* Answers for a `paid` that the writer refused after the money had moved; NULL: as usual. */
    void (*unserved)(struct paid_call *call);
    /* Answers in its own way a request that is not let in: the status and the reason (of 402 as
     * x402 knows it, else a code). False: the usual answer is to be given. */
    bool (*refuse)(struct paid_call *call, int status, const char *reason, const char *text);
    /* Answers the request, which has been paid for. */
    void (*serve)(struct paid_call *call);
    /* Frees what `prepared` holds; NULL: it is all in the call's arena. */
    void (*fini)(struct paid_call *call);
};

/* By enum api_price_class. */
const struct paid_class *paid_class_of(enum api_price_class which);

/* --- paid.c ----------------------------------------------------------------------------------- */

/* Sells the request as that class: rehearses, asks for a payment, or takes the one shown. For a
 * handler that has done what else it must; api_paid does it for classes of enum api_price_class. */
void paid_begin(struct http_request *request, const struct http_route *route,
                const struct paid_class *class);

/* For classes that `consider`, on the request's loop. paid_enter: hands the call to the gate.
 * paid_leave: nothing is to be paid; gives the request back, NULL when the client is gone.
 * paid_end: frees the call that was left. */
void paid_enter(struct paid_call *call);
struct http_request *paid_leave(struct paid_call *call);
void paid_end(struct paid_call *call);

/* --- paid_offer.c ----------------------------------------------------------------------------- */

/* The request's own method, resource and body. False: it has answered 414, or 500. */
bool paid_place_read(struct paid_call *call);

/* The priced asset; after rehearse. */
struct lucid_span paid_asset(const struct paid_call *call);

/* The price's own word, or the class's. */
struct lucid_span paid_words(const char *own, const char *fallback);

/* Who is paid by the price and who settles it, into an offer whose network and asset are set.
 * known: the payment shown that was made for it, which on Solana names somebody; NULL: none. False:
 * it cannot be paid now. */
bool paid_offer_settle(const struct api_sales *sales, const struct gas_price *price,
                       const struct x402_payment *known, struct x402_offer *offer);

/* The offer by that version of the price (0: in force). LUCID_NOTE_ABSENT: there is none, or none
 * that can be paid here. */
enum lucid_error paid_offer_make(struct paid_call *call, struct ledger_view *view,
                                 uint64_t version);

/* Answers 402 with the offer in force: the reason as clients know it, and a sentence. */
void paid_demand(struct paid_call *call, const char *reason, const char *text);

/* --- paid_answer.c ---------------------------------------------------------------------------- */

/* Refusals of what is sold: as api_problem and api_refuse, or in the class's own way. */
void paid_problem(struct paid_call *call, int status, const char *code, const char *param,
                  const char *text);
void paid_refuse(struct paid_call *call, enum lucid_error error, const struct lucid_why *why);

/* Answers as the gate's outcome says. The call's request is there. */
void paid_answer(struct paid_call *call);

#endif
