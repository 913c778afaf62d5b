/* A whole service in one process: a ledger over the memory store, the routes, the real HTTP server
 * on a loopback port in a thread of its own, and a client on raw sockets.
 *
 * The memory store is single-threaded, so the writer runs on the loop's thread too: submit puts
 * jobs into a small queue and a deferred post runs them as one batch. */
#ifndef LUCID_TESTS_API_HARNESS_H
#define LUCID_TESTS_API_HARNESS_H

#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>

#include "gas/settlement.h"
#include "http/api/api.h"
#include "ledger/ed25519.h"
#include "ledger/epoch.h"
#include "ledger/head.h"
#include "ledger/note.h"
#include "ledger/witness.h"
#include "plugins/host/host.h"
#include "x402/facilitation.h"
#include "x402/grant.h"
#include "x402/outflow.h"
#include "x402/payee.h"
#include "x402/treasury_run.h"

#define HARNESS_NOW_MS      1732190000000U
#define HARNESS_ORIGIN      "example.com/receipts"
#define HARNESS_QUEUE_MAX   10 /* fewer than one slice of a batch */
#define HARNESS_KINDS       20
#define HARNESS_STREAMS_MAX 3

/* What a service may have besides. */
struct harness_setup {
    bool public_reads;
    struct store *store;           /* taken over. NULL: one in memory, which only the loop's thread
                                      may use */
    struct plugin *const *plugins; /* made, not opened yet */
    size_t plugin_count;
    enum lucid_error (*work)(void *context, struct api_work *work, bool begun);
    void (*work_stop)(void *context); /* when no loop runs any more */
    void *work_context;
    uint64_t rate_limit_requests;
};

struct harness {
    struct http_post writer; /* first member: the deferred run of the writer */
    struct store *store;
    struct ledger *ledger;
    struct ledger_skey log_key;
    struct ledger_ed25519_key service_key;
    struct ledger_head_config head;
    struct ledger_epoch_config epoch;
    struct ledger_witness_config witness; /* no policy */
    struct gas_books_config books;
    struct gas_settlement_config settlement;
    struct gas_revenue_config revenue;
    struct x402_payment_config payment;
    struct x402_treasury_run_config treasury;
    struct ledger_use uses[HARNESS_KINDS + PLUGIN_KINDS_MAX]; /* with those of plugins */
    size_t use_count;
    struct api *api;
    struct http_server *server;
    struct http_loop *loop;
    pthread_t thread;
    uint64_t now_ms; /* the clock's hand; moved on the loop's thread */

    struct ledger_ed25519_key known; /* registered */
    struct ledger_ed25519_key revoked;
    struct ledger_ed25519_key stranger;
    char admin[128]; /* token texts */
    char reader[128];

    /* The writer. All of it belongs to the loop's thread. */
    bool writer_posted;
    struct api_job *queue_first;
    struct api_job *queue_last;
    size_t queue_length;
    uint64_t busy_answers;
    uint64_t batches;
    enum lucid_error refuse_all; /* what submit answers, if not LUCID_OK */
    struct api_health health;
    struct harness_setup setup;
    uint32_t grace_ms; /* of the stop */
};

void harness_open_with(struct harness *h, const struct harness_setup *setup);
void harness_open(struct harness *h, bool public_reads);
/* A token with these scopes; from another thread than the loop's. */
void harness_token(struct harness *h, uint32_t scopes, char ret_text[128]);
void harness_close(struct harness *h);

/* Runs fn on the loop's thread and waits for it. */
void harness_call(struct harness *h, void (*fn)(struct harness *h, void *context), void *context);

/* Lets the clock go on and signs a head. */
void harness_head(struct harness *h);

/* An envelope of a tool receipt with that run_id into out (emptied first), without a line end. */
void harness_envelope(const struct ledger_ed25519_key *key, const char *run_id,
                      struct lucid_buf *out);
/* One line of the same. */
void harness_line(const struct ledger_ed25519_key *key, const char *run_id, struct lucid_buf *out);

struct answer {
    int status;
    struct lucid_buf head; /* the header lines, NUL-terminated, names as sent */
    struct lucid_buf body; /* de-chunked, NUL-terminated (not counted in len) */
    bool whole;            /* the framing came to its end */
};
void answer_free(struct answer *answer);
/* Whether a header line "name: value" is there; name in any case, value a prefix. */
bool answer_has(const struct answer *answer, const char *name, const char *value);
/* The header's value into out; false if absent. */
bool answer_header(const struct answer *answer, const char *name, char *out, size_t out_max);

int harness_connect(const struct harness *h);
void harness_send(int fd, const void *data, size_t len);
/* Reads one answer off the socket. */
void harness_receive(int fd, struct answer *ret);

/* One request on its own connection. headers: lines with CR LF, or "". body data NULL: none. */
void harness_ask(const struct harness *h, const char *method, const char *target,
                 const char *headers, struct lucid_span body, struct answer *ret);
/* The same; asserts the status and returns the JSON body (NULL if it is none). */
json_t *harness_json(const struct harness *h, const char *method, const char *target,
                     const char *headers, const char *body, int status);
/* "Authorization: Bearer …\r\n" in static storage. */
const char *harness_bearer(const char *token);

#endif
