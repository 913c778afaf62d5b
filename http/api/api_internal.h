/* What the files of http/api share. */
#ifndef LUCID_HTTP_API_API_INTERNAL_H
#define LUCID_HTTP_API_API_INTERNAL_H

#include <stdatomic.h>

#include "gas/split.h"
#include "http/api/api.h"
#include "http/limit.h"
#include "ledger/epoch.h"
#include "ledger/head.h"
#include "ledger/receipt.h"
#include "ledger/token.h"
#include "plugins/host/host.h"
#include "x402/clients.h"
#include "x402/grant.h"

#define API_REQUEST_BYTES_MAX    ((size_t)512 * 1024) /* one envelope with everything around it */
#define API_BATCH_LINES_MAX      10000
#define API_BATCH_BYTES_MAX      ((size_t)32 * 1024 * 1024)
#define API_DOCUMENT_BYTES_MAX   ((size_t)16 * 1024) /* JSON bodies that are not receipts */
#define API_FACILITATE_BYTES_MAX ((size_t)64 * 1024) /* a payment and what it must fit */
#define API_LIST_DEFAULT         100
#define API_LIST_MAX             1000
/* Lines that have been answered but not yet sent, over all batches; see batch.c. */
#define API_BATCH_UNSENT_MAX ((uint64_t)64 * 1024 * 1024)

#define API_JSON   "application/json"
#define API_NDJSON "application/x-ndjson"
#define API_TEXT   "text/plain; charset=utf-8"
#define API_BYTES  "application/octet-stream"
#define API_COSE   "application/cose"

/* Whom a route of ours lets in. */
enum api_access {
    API_PUBLIC,     /* everybody; what a signature protects, too */
    API_READ,       /* scope read, unless public_reads opens it */
    API_PROXY,      /* scope proxy; limits on clients are the proxy's */
    API_FACILITATE, /* scope facilitate */
    API_ADMIN,
};

/* What the table in api.c says about a route, beside what http needs. */
struct api_route {
    struct api *api;
    bool open;        /* to everybody; else a token with one of the scopes is needed */
    uint32_t scopes;  /* of enum token_scope, with admin. Sold: who has one does not pay */
    const char *cors; /* methods that browsers of any origin may use; NULL: none */
    bool unlimited;   /* probes of the service's health are not counted */
    enum api_price_class price_class;
    /* Sold: what those get who need not pay. */
    void (*free_handle)(struct http_request *request, const struct http_route *route);
    struct plugin *plugin; /* NULL: ours */
    const struct lucid_plugin_route *row;
};

enum {
    API_OWN_ROUTES_MAX = 192,
    /* Each may bring a preflight. */
    API_ROUTES_MAX = API_OWN_ROUTES_MAX + 2 * PLUGINS_MAX * PLUGIN_ROUTES_MAX,
    API_LOOPS_MAX = 64,
    API_CLASSES = 6,
    API_SECONDS_BUCKETS = 12,
};

/* What became of a request behind a proxy. */
enum api_proxy_result {
    API_PROXY_ADMITTED,    /* by a payment for it */
    API_PROXY_GRANTED,     /* by a payment or an access grant of before */
    API_PROXY_DEMANDED,    /* 402 */
    API_PROXY_SPENT,       /* 409 */
    API_PROXY_UNAVAILABLE, /* 503: pending, or not to be judged */
    API_PROXY_INVALID,     /* anything else that is refused */
    API_PROXY_RESULTS
};

/* Status classes by their first digit; 0 = the client went away before an answer. */
struct api_metrics {
    _Atomic uint64_t requests[API_ROUTES_MAX + 1][API_CLASSES]; /* the last row: no route */
    _Atomic uint64_t seconds_bucket[API_SECONDS_BUCKETS];       /* each request in one of them */
    _Atomic uint64_t micros_sum;
    _Atomic uint64_t verification_failures; /* what was to be served did not verify */
    _Atomic uint64_t batch_lines;
    _Atomic uint64_t payments_recorded;
    _Atomic uint64_t payments_demanded;
    _Atomic uint64_t proxy[API_PROXY_RESULTS]; /* answers to sub-requests of authorize */
    _Atomic uint64_t grants_admitted;          /* requests that an access grant answered */
    _Atomic uint64_t batch_unsent_bytes;
    _Atomic uint64_t quota_refusals;
    _Atomic uint64_t streams_open;
    _Atomic uint64_t plugin_bytes;               /* held by calls of plugins */
    _Atomic uint64_t plugin_faults[PLUGINS_MAX]; /* calls that did not end as they must */
};

struct api {
    struct api_options options;
    _Atomic(const struct http_server *) server;
    struct http_route routes[API_ROUTES_MAX];
    struct api_route about[API_ROUTES_MAX];
    size_t route_count;
    struct api_loop *loops[API_LOOPS_MAX]; /* const once they run */
    size_t loop_count;
    struct api_metrics metrics;
    _Atomic uint64_t checkpoint_size;  /* the largest served by /checkpoint without a quorum */
    struct lucid_buf openapi;          /* the document as it is served */
    struct http_limit *requests_limit; /* NULL: none */
    struct http_limit *lines_limit;
    struct api_facilitate *facilitate; /* NULL: no facilitator for others */
};

/* One per I/O thread; the loop's user pointer. */
struct api_loop {
    struct http_post wake; /* first member: what the writer posts, see stream.c */
    struct api *api;
    struct http_loop *http;
    struct ledger_view *view;
    struct gas_split_cache *splits;
    struct api_stream *streams; /* open on this loop */
    _Atomic uint64_t stream_count;
    _Atomic bool wake_posted;
    struct http_post entering;    /* hands `entries` over at the turn's end */
    struct http_post *entries;    /* for the gate, newest first */
    struct paid_call *paid_calls; /* with the gate, or going there */
    size_t paid_count;
    struct api_errand *errands; /* with the cashier, or going there */
    size_t errand_count;
    struct lucid_plugin_call *plugin_calls; /* with a worker or the writer, or between them */
    size_t plugin_count;
};

typedef void api_handler(struct http_request *request, const struct http_route *route);

static inline struct api *api_of_route(const struct http_route *route)
{
    return ((const struct api_route *)route->context)->api;
}

/* --- answer.c --------------------------------------------------------------------------------- */

/* A whole answer that caches must ask about again. Takes the bytes of body. */
void api_answer(struct http_request *request, int status, const char *type, struct lucid_buf *body);

/* The same with a strong ETag, answering If-None-Match; immutable: true for ever. Status 200. */
void api_answer_tagged(struct http_request *request, const char *type, struct lucid_buf *body,
                       bool immutable);
/* The same with that Cache-Control; NULL: it was added before. */
void api_answer_tagged_as(struct http_request *request, const char *type, struct lucid_buf *body,
                          const char *control);

/* The same for content that is known by a hash before it is there: whether If-None-Match asks for
 * it, and the answer (200 with the body, 304 without one), good for ever. */
bool api_tag_matches(struct http_request *request, const uint8_t hash[LUCID_SHA256_BYTES]);
void api_answer_immutable(struct http_request *request, int status, const char *type,
                          struct lucid_buf *body, const uint8_t hash[LUCID_SHA256_BYTES]);

/* A problem document that no cache keeps. */
void api_problem(struct http_request *request, int status, const char *code, const char *param,
                 const char *text);

/* The problem document for a failure below: error and why->code say which. */
void api_refuse(struct http_request *request, enum lucid_error error, const struct lucid_why *why);

/* A 404 for what a path names but is not there. */
void api_not_found(struct http_request *request, const char *what);

/* Whether a read gave what the path names; else it has answered: 404 for LUCID_NOTE_ABSENT. */
bool api_found(struct http_request *request, enum lucid_error error,
               const char *what) LUCID_WARN_UNUSED;

/* A 400 for a query parameter. */
void api_bad_parameter(struct http_request *request, const char *param, const char *text);

/* What was to be served did not verify: counts it and answers 500 CORRUPT. */
void api_corrupt(struct http_request *request, const char *what);

/* --- codes.c ---------------------------------------------------------------------------------- */

struct api_code {
    const char *code;
    int status;
};

/* What a failure is to the outside. text (never NULL) is the sentence when why has none. */
void api_code_of(enum lucid_error error, const struct lucid_why *why, struct api_code *ret,
                 const char **ret_text);

/* The status of one of the service's own codes; 0: it is none. */
int api_code_status(const char *code);

/* --- auth.c ----------------------------------------------------------------------------------- */

/* http's admit hook: who may, and the headers that every answer of the route bears. */
bool api_admit(struct http_request *request, const struct http_route *route, void *context);

/* The request's token; id "" and no scopes without a good one. False: it has answered. */
bool api_token_find(struct http_request *request, const struct api *api,
                    struct ledger_token *ret) LUCID_WARN_UNUSED;

/* The id of the request's token; "" for none. False: it has answered. */
bool api_token_id(struct http_request *request, const struct api *api,
                  char ret[TOKEN_ID_BYTES + 1]) LUCID_WARN_UNUSED;

/* Admits as a route with scope read does; for one that has other ways in. False: it has answered.
 */
bool api_read_admit(struct http_request *request, const struct api *api) LUCID_WARN_UNUSED;

/* Whether what was admitted with scope read would be admitted still; for answers that last.
 * by_token: they say what not everybody may read, also where reads are public. */
bool api_still_admitted(struct http_request *request, const struct api *api, bool by_token,
                        struct ledger_view *view);

/* The client as lines_limit knows it: by its token if that is good, else by its address. 0 without
 * such a limit. */
uint64_t api_lines_client(struct http_request *request, const struct api *api);

/* Answers the OPTIONS request that a browser sends before a read with unusual headers. */
api_handler api_preflight;

/* --- request.c -------------------------------------------------------------------------------- */

struct api *api_of(struct http_request *request);

/* Begins the loop's view. NULL: it has answered. End it with ledger_view_end. */
struct ledger_view *api_view_begin(struct http_request *request);

/* Answers 415 and returns false if the body is said to be of a plainly different kind. */
bool api_media_ok(struct http_request *request);

/* A decimal number of at most 2^63 − 1 without leading zeros. */
bool api_decimal(struct lucid_span text, uint64_t *ret) LUCID_WARN_UNUSED;

/* The query parameter as a decimal, or fallback when absent. False: it has answered 400. */
bool api_query_decimal(struct http_request *request, const char *name, uint64_t fallback,
                       uint64_t *ret) LUCID_WARN_UNUSED;

/* Parses the body as one JSON object, in the request's arena. NULL: it has answered. */
const struct jcs_value *api_document(struct http_request *request);
/* The same for documents that may be deeper or have more values. */
const struct jcs_value *api_document_within(struct http_request *request,
                                            const struct jcs_limits *limits);

/* RFC 3339 UTC ("2026-11-21T10:00:00Z", fraction of up to 9 digits) to Unix milliseconds. */
bool api_time_parse(struct lucid_span text, uint64_t *ret_ms) LUCID_WARN_UNUSED;

/* --- money.c: members of bodies. Each is false when it has answered 422 with the code given ----
 */

/* A decimal string. Absent: the fallback, or with NULL refused. Over 2^63 − 1 the code is
 * AMOUNT_OVERFLOW. */
bool api_amount_member(struct http_request *request, const struct jcs_value *document,
                       const char *name, const char *code, const uint64_t *fallback,
                       uint64_t *ret) LUCID_WARN_UNUSED;

/* A unit's name. Absent: the fallback. */
bool api_unit_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, enum gas_unit fallback,
                     enum gas_unit *ret) LUCID_WARN_UNUSED;

/* The name of a payee, asset or facilitator (gas_name_ok), good as long as the document. Absent or
 * null: {NULL, 0}. */
bool api_name_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A string of any form, good as long as the document. Unless it is required, absent or null gives
 * {NULL, 0}. */
bool api_text_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, bool required,
                     struct lucid_span *ret) LUCID_WARN_UNUSED;
/* "name":"text" into an open object, or "name":null for "". */
void api_text_or_null(struct lucid_buf *out, const char *name, const char *text);

/* The value of "split_bps": {"compute","model","protocol"}, or an array of three, of integers that
 * sum to 10000. */
bool api_weights(struct http_request *request, const struct jcs_value *value, const char *code,
                 struct gas_weights *ret) LUCID_WARN_UNUSED;
/* Such an object as a member of an open object. */
void api_weights_write(const struct gas_weights *weights, const char *name, struct lucid_buf *out);

/* --- negotiate.c ------------------------------------------------------------------------------ */

/* Which of the media types (without parameters, the server's own order) an Accept header wants:
 * the one of the highest weight; among equals the one that is named more exactly, then the first.
 * No header: the first. False: none is accepted. */
bool api_accept_choose(struct lucid_span header, const char *const *types, size_t count,
                       size_t *ret) LUCID_WARN_UNUSED;

/* The same for a request, whose answer then says Vary: Accept. False: it has answered 406. */
bool api_form_choose(struct http_request *request, const char *const *types, size_t count,
                     size_t *ret) LUCID_WARN_UNUSED;

/* --- list.c ----------------------------------------------------------------------------------- */

#define API_CURSOR_BYTES_MAX 200
#define API_CURSOR_TEXT      0 /* a position of 1 … API_CURSOR_BYTES_MAX bytes */

/* One page of a list: limit and where it goes on. The cursor is opaque to clients: hex of a byte
 * for the kind of list and the position, so that one list's cursor is refused by another. */
struct api_page {
    char kind;
    uint64_t limit;
    uint64_t count; /* items written so far */
    size_t after_len;
    uint8_t after[API_CURSOR_BYTES_MAX]; /* the position given; after_len 0: from the start */
    struct lucid_buf out;
};

/* Reads ?limit= and ?cursor= of a list whose positions have that length (or API_CURSOR_TEXT), and
 * begins the answer. False: it has answered 400. */
bool api_page_begin(struct http_request *request, char kind, size_t position_len,
                    struct api_page *ret) LUCID_WARN_UNUSED;
/* Room for one more item? If so, the comma before it is written. */
bool api_page_item(struct api_page *page) LUCID_WARN_UNUSED;
/* The view that the page is read from. NULL: it has answered, and the page is dropped. */
struct ledger_view *api_page_view(struct http_request *request,
                                  struct api_page *page) LUCID_WARN_UNUSED;
/* Drops the page and answers 400: the cursor has a position that is none of this list. */
void api_page_lost(struct http_request *request, struct api_page *page);
/* Ends the view and the list as its last step said: it goes on after position with LUCID_OK or
 * LUCID_NOTE_END, is over with LUCID_NOTE_ABSENT, and any other error is what is answered. */
void api_page_end(struct http_request *request, struct api_page *page, struct ledger_view *view,
                  enum lucid_error error, const void *position, size_t position_len);
/* Ends the list and answers. */
void api_page_answer(struct http_request *request, struct api_page *page, const void *position,
                     size_t position_len);
/* Frees what a page holds that is not answered. */
void api_page_drop(struct api_page *page);

/* --- pages.c: answers of any length, written a page at a time --------------------------------- */

/* Lives in the request's arena, usually as first member of the handler's own struct. Each page is
 * written in a view of its own, after other connections had their turn and only while the client
 * takes what it was given: a slow reader costs one output buffer and no read transaction. */
struct api_pages {
    struct http_post post; /* first member: the next page */
    struct http_request *request;
    /* Appends the next page; sets over with the last one. What it wrote is dropped with an error,
     * which goes to fail. */
    enum lucid_error (*write)(struct api_pages *pages, struct ledger_view *view,
                              struct lucid_buf *out);
    /* Tells of an error in the middle of the answer, and cuts it. */
    void (*fail)(struct api_pages *pages, enum lucid_error error);
    bool over;
    bool deferred;
    bool ended;
};

/* Begins the answer (200, no-cache) with its first page, which it takes. */
void api_pages_begin(struct api_pages *pages, struct http_request *request, const char *type,
                     struct lucid_buf *first);

/* --- call.c: one command of one request ------------------------------------------------------- */

/* Lives in the request's arena, usually at the start of the handler's own struct. */
struct api_call {
    struct api_job job;
    struct api *api;
    struct http_request *request;
    void (*answer)(struct api_call *call); /* the command was accepted */
    void (*fini)(struct api_call *call);   /* frees what the command holds; NULL allowed */
};

void api_job_init(struct api_job *job, struct http_loop *loop, struct ledger_command *command,
                  void (*done)(struct api_job *job));

/* Hands the command to the writer and holds the request until it is answered: by call->answer, or
 * with the problem that the writer or the queue gave. */
void api_call_submit(struct api_call *call, struct http_request *request, struct api *api,
                     struct ledger_command *command);

/* --- witness.c -------------------------------------------------------------------------------- */

/* The placement's members into an open JSON object; with a witness policy also "witnessed". */
void api_placement_write(const struct api *api, const struct receipt_placement *placement,
                         struct lucid_buf *out);
/* The witnesses' members of /v1/log; nothing without a policy. */
void api_witnesses_write(const struct api_options *options, struct lucid_buf *out);
/* Whether a witness speaks of a size beyond our log. */
bool api_witness_ahead(const struct api_options *options);

/* --- paid.c: what is sold --------------------------------------------------------------------- */

/* The handler of every route that is sold. */
api_handler api_paid;
/* Drops what waits for a gate that will not answer any more. */
void api_paid_loop_close(struct api_loop *loop);

/* The parts of handlers of what is sold. check: everything that would refuse the request, short of
 * doing it; false: it has answered. *ret lives in the request's arena. */
bool api_proof_check(struct http_request *request, void **ret) LUCID_WARN_UNUSED;
void api_proof_serve(struct http_request *request, const struct http_route *route,
                     const void *checked);
/* A batch whose body was read whole. */
bool api_batch_check(struct http_request *request) LUCID_WARN_UNUSED;
api_handler api_batch_whole_post;
/* One envelope, as a command; text and arena must outlive it. */
bool api_receipt_prepare(struct http_request *request, struct receipt_command *command,
                         struct lucid_span text, struct lucid_arena *arena) LUCID_WARN_UNUSED;
/* Whether the writer would log it as things stand; else it has answered: the refusal, or the
 * placement of what is there already. */
bool api_receipt_foresee(struct http_request *request,
                         struct receipt_command *command) LUCID_WARN_UNUSED;
void api_receipt_answer(struct http_request *request, const struct receipt_command *command);

/* --- access.c: access grants (x402/grant.h) --------------------------------------------------- */

enum api_grant_found {
    API_GRANT_NONE, /* no X-Access-Grant header */
    API_GRANT_GOOD,
    API_GRANT_BAD, /* it admits to nothing here */
};
/* What the request's access grant is worth for that asset now. GOOD: *ret is it. BAD: why->text
 * says why, for the detail of a 402. False: it has answered (400 for one that is malformed). */
bool api_grant_find(struct http_request *request, struct lucid_span asset,
                    enum api_grant_found *ret_found, struct x402_grant *ret,
                    struct lucid_why *why) LUCID_WARN_UNUSED;
/* Headers of an answer that a grant admits to, before the answer. */
void api_grant_admit(struct http_request *request, const struct x402_grant *grant);

/* --- errand.c: what a request has done on the cashier's thread ---------------------------------
 */

/* Hands an errand (zero-initialised but for begin, answer and fini) over and holds the request.
 * False: it has answered 503 (PAYMENT_UNAVAILABLE: nothing is sold here, or too many are under way)
 * and called fini. What the errand needs of the request must not point into it: the client may go
 * away. */
bool api_errand_send(struct api_errand *errand, struct http_request *request);
/* The cashier's thread, once per errand: back to the request. */
void api_errand_return(struct api_errand *errand);
/* Drops those that will not come back any more. */
void api_errand_loop_close(struct api_loop *loop);

/* --- plugins*.c: routes of plugins ------------------------------------------------------------ */

/* The handler of every route of a plugin, for who need not pay. */
api_handler api_plugin_handle;
/* Judges the plugins' routes and puts them behind ours. Refusals: see api_open. */
enum lucid_error api_plugins_open(struct api *api, struct lucid_why *why) LUCID_WARN_UNUSED;
/* Drops what will not be answered any more. */
void api_plugins_loop_close(struct api_loop *loop);
/* Adds one route of the table, with a preflight where browsers may use it. */
void api_route_add(struct api *api, const struct http_route *route, const struct api_route *about);

/* --- takings.c -------------------------------------------------------------------------------- */

/* Answers with the list that ?by= asks for, of one asset, or with len 0 of all together. */
void api_takings_list(struct http_request *request, struct lucid_span asset);

/* --- routes ----------------------------------------------------------------------------------- */

api_handler api_receipt_post, api_receipt_get;                          /* receipts.c */
api_handler api_receipt_body_delete, api_blob_delete;                   /* erasure.c */
api_handler api_batch_post;                                             /* batch.c */
api_handler api_proof_get, api_receipt_verify_get, api_consistency_get; /* proofs.c */
api_handler api_verify_post;                                            /* verify.c */
api_handler api_epochs_get, api_epoch_get, api_epoch_current_get;       /* epochs.c */
api_handler api_epoch_receipts_get, api_epoch_finalize_post;            /* epochs.c */
api_handler api_signers_get, api_signer_get, api_signers_post, api_signer_revoke_post;
api_handler api_tokens_get, api_tokens_post, api_token_revoke_post; /* tokens.c */
api_handler api_log_get, api_mmr_get;                               /* log.c */
api_handler api_checkpoint_get;                                     /* witness.c */
api_handler api_tile_get;                                           /* tiles.c */
api_handler api_payout_calculate_post;                              /* calculate.c */
api_handler api_assets_get, api_price_get, api_price_put;           /* assets.c */
api_handler api_price_delete, api_price_history_get;                /* assets.c */
api_handler api_revenue_get;                                        /* assets.c */
api_handler api_revenues_get;                                       /* takings.c */
api_handler api_discovery_get;                                      /* discovery.c */
api_handler api_access_get, api_access_one_get, api_access_post;    /* access.c */
api_handler api_access_subscribe_post, api_access_revoke_post;      /* access.c */
api_handler api_payments_get, api_payment_get, api_payments_post;   /* payments.c */
api_handler api_payment_resolve_post;                               /* resolve.c */
api_handler api_facilitate_verify_post, api_facilitate_settle_post; /* facilitate.c */
api_handler api_facilitate_supported_get, api_facilitations_get;    /* facilitate.c */
api_handler api_refunds_get, api_refunds_post;                      /* refunds.c */
api_handler api_events_get;                                         /* events.c */
api_handler api_stream_get;                                         /* stream.c */
api_handler api_healthz_get, api_readyz_get;                        /* health.c */
api_handler api_proxy_authorize_get, api_proxy_explain_get;         /* proxy.c */
api_handler api_jwks_get;                                           /* proxy_access.c */
api_handler api_metrics_get;                                        /* metrics.c */
api_handler api_openapi_get;                                        /* openapi.c */
/* settlements.c, payouts.c */
api_handler api_settlements_get, api_settlement_get, api_settlement_current_get;
api_handler api_settlement_payout_post;
api_handler api_payouts_get, api_payout_get, api_payout_complete_post, api_payout_fail_post;

api_handler api_payees_get, api_payee_address_get, api_payee_address_put; /* payees.c */
api_handler api_payee_address_delete;                                     /* payees.c */

api_handler api_settlement_run_post, api_runs_get, api_run_get; /* runs.c */
api_handler api_run_approve_post, api_run_cancel_post;          /* runs.c */

/* facilitate.c: the rates of clients. api_facilitate_close: NULL is allowed. */
enum lucid_error api_facilitate_open(const struct x402_clients *clients,
                                     struct api_facilitate **ret) LUCID_WARN_UNUSED;
void api_facilitate_close(struct api_facilitate *facilitate);

void api_batch_data(struct http_request *request, struct lucid_span piece, bool last);
void api_streams_tick(struct http_loop *http); /* stream.c: heartbeats, and the end at a stop */
void api_done(const struct http_outcome *outcome, void *context); /* metrics.c */

/* Puts the OpenAPI document together. LUCID_RETRY_MEMORY; LUCID_REFUSE_* for a plugin's part. */
enum lucid_error api_openapi_open(struct api *api, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
