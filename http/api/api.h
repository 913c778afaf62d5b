/* The service's routes: request ↔ kind or query, one file per area. Knows HTTP and the ledger;
 * threads and files are lucidd's. */
#ifndef LUCID_HTTP_API_API_H
#define LUCID_HTTP_API_API_H

#include "gas/books.h"
#include "http/api/proxy_place.h"
#include "http/http.h"
#include "ledger/ed25519.h"
#include "ledger/ledger.h"
#include "ledger/policy.h"
#include "x402/clients.h"
#include "x402/desk.h"

/* A command on its way to the writer and back. The submitter owns it and keeps it alive until done;
 * done runs on the loop that it was submitted from. */
struct api_job {
    struct http_post post;  /* first member: the writer gives the job back with it */
    struct api_job *next;   /* chains jobs of one submit */
    struct http_loop *loop; /* NULL: done runs on the writer's thread and returns at once */
    struct ledger_command *command;
    bool more_follows; /* of the same request, at once: the commit may wait for it */
    void (*done)(struct api_job *job); /* outcome in command->error, command->why */
};

/* What only the running service knows; filled by lucidd for /readyz, /metrics and /v1/log. */
struct api_health {
    bool stopping;      /* graceful stop has begun */
    bool store_failed;  /* FATAL from the store: nothing is accepted any more */
    bool disk_low;      /* below the disk reserve: 507 for writes */
    bool store_damaged; /* the scrub has found damage */
    bool clock_stepped; /* the wall clock left the boot clock by more than 300 s */
    uint64_t clock_steps;
    uint64_t queue_length; /* commands waiting for the writer */
    uint64_t queue_max;
    uint64_t batches;
    uint64_t batch_commands;
    uint64_t disk_free_bytes;
    /* Commit latency: counts of commits that took at most bucket_us[i], cumulative; the last bucket
     * is without bound. */
    uint64_t commit_count;
    uint64_t commit_us_sum;
    uint64_t commit_bucket[12];
};
#define API_COMMIT_BUCKETS 12
/* Upper bounds in microseconds of commit_bucket[0 … 10]; [11] is +Inf. */
extern const uint32_t api_commit_bucket_us[API_COMMIT_BUCKETS - 1];

typedef enum lucid_error api_submit_fn(void *context, struct api_job *first, size_t count);

/* Why a witness did not cosign. */
enum api_witness_cause {
    API_WITNESS_UNREACHABLE,  /* no connection, broken off, out of time, certificate */
    API_WITNESS_TOO_LARGE,    /* more bytes than an answer may have */
    API_WITNESS_REDIRECT,     /* 3xx */
    API_WITNESS_REFUSED,      /* 400 */
    API_WITNESS_FORBIDDEN,    /* 403 */
    API_WITNESS_UNKNOWN_LOG,  /* 404 */
    API_WITNESS_CONFLICT,     /* 409 that does not help */
    API_WITNESS_INCONSISTENT, /* 422 */
    API_WITNESS_BUSY,         /* 429, 503 */
    API_WITNESS_SERVER,       /* other 5xx */
    API_WITNESS_STATUS,       /* anything else */
    API_WITNESS_MALFORMED,    /* an answer that is none */
    API_WITNESS_SIGNATURE,    /* no good signature of its key */
    API_WITNESS_AHEAD,        /* it speaks of a size beyond our log */
    API_WITNESS_NOT_KEPT,     /* we could not ask, or not keep what it gave */
    API_WITNESS_CAUSES
};

struct api_witness_status {
    bool cosigned;        /* since the start; else size and age are not known */
    uint64_t size;        /* of the newest head that it has cosigned */
    uint64_t cosigned_ms; /* when we got that, Unix ms */
    uint64_t cosignatures;
    uint64_t failures[API_WITNESS_CAUSES];
    bool ahead; /* what it said last was of a size beyond our log */
};

/* The witnesses of the running service; all functions may be called by any thread. */
struct api_witnesses {
    const struct ledger_policy *policy;
    /* The size of the newest head that satisfies the policy's quorum (which must not be none).
     * False: there is none yet. Once it is told, every view that begins later sees that head. */
    bool (*witnessed)(void *context, uint64_t *ret_size);
    void (*status)(void *context, size_t witness, struct api_witness_status *ret);
    void *context;
};

/* What routes are sold as. */
enum api_price_class {
    API_NOT_SOLD,
    API_SELLS_PROOF,   /* GET /v1/receipts/{id}/proof */
    API_SELLS_RECEIPT, /* POST /v1/receipts */
    API_SELLS_BATCH,   /* POST /v1/receipts/batch: its admission */
    API_SELLS_MATCH,   /* these: routes of plugins (struct lucid_plugin_route) */
    API_SELLS_APPRAISE,
    API_SELLS_PASSPORT,
    API_PRICE_CLASSES
};

/* A job on its way to the gate. */
struct api_gate_entry {
    struct http_post post; /* first member: the way's own */
    void *way;             /* likewise */
    struct x402_gate_job job;
};

/* Something that is done on the cashier's thread (http/api/api_internal.h). */
struct api_errand {
    struct http_post post; /* first member: the way's own */
    void *way;             /* likewise */
    /* Cashier's thread. It, or what it starts, ends with api_errand_return. */
    void (*begin)(struct api_errand *errand, struct x402_desk *desk);
    /* The request's loop, while the client is there: answers. */
    void (*answer)(struct api_errand *errand, struct http_request *request);
    /* The request's loop, once, in the end (also if begin was never called): frees. */
    void (*fini)(struct api_errand *errand);
    /* http/api/errand.c's own. */
    struct api_loop *loop;
    struct http_request *request;
    struct api_errand *next;
    struct api_errand *previous;
};

/* What is sold, and the way to the gate (x402/gate.h). Borrowed. */
struct api_sales {
    const char *assets[API_PRICE_CLASSES]; /* NULL: free */
    const struct x402_networks *networks;
    const struct x402_roster_file *facilitators; /* who settles; with direct alone without a file */
    const struct x402_keys *keys;
    const struct x402_clients *clients;        /* NULL: no facilitator for others */
    struct evm_address gas[X402_NETWORKS_MAX]; /* our gas addresses; zeros: none */
    const char *public_url; /* how clients reach us, without a slash at its end */
    uint32_t payment_seconds_max;
    enum proxy_family proxy_family;      /* behind a proxy: PROXY_NONE: nothing is sold there */
    const char *proxy_request_id_header; /* any case; "": each sub-request is one of its own */
    /* Hands a chain of jobs (linked by post.next) to the gate; done of each is called on the gate's
     * thread, or never if the service stops before. Thread: any loop's. */
    void (*enter)(void *context, struct api_gate_entry *first);
    /* Has errand->begin called on the cashier's thread, or never if the service stops before.
     * Thread: any loop's. */
    void (*errand)(void *context, struct api_errand *errand);
    /* Who pays the fees of payments for that asset on a network of Solana (x402_roster_fee_payer).
     * False: nobody is known just now; NULL: nobody ever. Thread: any. */
    bool (*fee_payer)(void *context, const struct x402_network *network, struct lucid_span asset,
                      uint8_t ret[X402_SOLANA_KEY_BYTES]);
    /* What the gate has to say to /readyz: names of warnings. Thread: any. */
    size_t (*warnings)(void *context, const char **ret, size_t max);
    void *context;
};

struct plugin; /* plugins/host/host.h */

/* Something that runs on one of the service's workers (lucidd/workers.h). */
struct api_work {
    struct api_work *next; /* the pool's */
    /* The view is the worker's own, not begun; it must be ended again. */
    void (*run)(struct api_work *work, struct ledger_view *view);
};

struct api_options {
    struct ledger *ledger;
    struct lucid_clock clock;                     /* its wall time is the log's: never back */
    const struct ledger_ed25519_key *service_key; /* signs COSE receipts; borrowed, locked memory */
    const char *version;                          /* the program's */
    bool public_reads;                            /* opens what needs scope read */
    uint64_t epoch_receipts_max;                  /* limits shown by /v1/log … */
    uint64_t epoch_seconds_max;
    uint64_t head_interval_ms;
    uint64_t receipt_future_seconds_max;
    enum gas_mode gas_mode;
    const struct gas_books_counters
        *gas_counters; /* of the books that gas_mode holds for; NULL: none */
    /* Loaded plugins; their routes, their parts of the OpenAPI document and their problem codes are
     * added to ours, and their hosts get the functions of requests. Open before the first loop
     * runs, until the last one and the workers have ended. */
    struct plugin *const *plugins;
    size_t plugin_count;
    /* Hands work to a worker; begun work is never refused, new work when too much waits
     * (LUCID_RETRY_BUSY: nothing was taken). Needed with plugins. Thread: any. */
    enum lucid_error (*work)(void *work_context, struct api_work *work, bool begun);
    void *work_context;
    uint64_t streams_max;         /* open answers of /v1/stream */
    uint64_t rate_limit_requests; /* per client and window; 0: no limit */
    uint64_t rate_limit_lines;    /* of batches, per client and window; 0: no limit */
    uint64_t rate_limit_window_seconds;
    uint64_t rate_limit_clients_max; /* that are remembered */
    uint64_t stream_heartbeat_ms;    /* a silent stream says something this often */
    /* Hands a chain of jobs to the writer, in order. LUCID_RETRY_BUSY: the queue is full and none
     * was taken. LUCID_RETRY_FULL: disk reserve. LUCID_FATAL_STORE: not accepting any more. */
    api_submit_fn *submit;
    void (*health)(void *context, struct api_health *ret);
    void *context;
    /* Appends what else the service has to say to /metrics (base/prom.h). NULL allowed. Thread: any
     * loop's. */
    void (*metrics)(void *metrics_context, struct lucid_buf *out);
    void *metrics_context;
    const struct api_witnesses *witnesses; /* NULL: no witness policy */
    const struct api_sales *sales;         /* NULL: nothing is sold */
};

struct api;
struct api_loop;

/* Borrows what options point to for its life. LUCID_RETRY_MEMORY; LUCID_REFUSE_INVALID for a
 * plugin's route that is malformed (PLUGIN_INVALID) or its OpenAPI document that is none;
 * LUCID_REFUSE_CONFLICT for one that is there already (PLUGIN_CONFLICT). api_close: NULL is
 * allowed; every loop's state must be closed. */
enum lucid_error api_open(const struct api_options *options, struct api **ret,
                          struct lucid_why *why) LUCID_WARN_UNUSED;
void api_close(struct api *api);

/* The route table and hooks for http_server_options. Borrowed from api. */
void api_http_options(struct api *api, struct http_server_options *options);
/* The server, once it is open: its counters are part of /metrics. */
void api_set_server(struct api *api, const struct http_server *server);

/* Tells open streams that the log has grown: after each commit. Costs one load while there are
 * none. Thread: any, one at a time. */
void api_published(struct api *api);

/* Per-loop state (a ledger view): call for each loop before it runs, and after it ended. */
enum lucid_error api_loop_open(struct api *api, struct http_loop *loop) LUCID_WARN_UNUSED;
void api_loop_close(struct api *api, struct http_loop *loop);

#endif
