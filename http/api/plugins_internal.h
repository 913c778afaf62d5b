/* Requests to plugins: what plugins*.c share.
 *
 * A call is copied off its request, so that it needs neither the client nor the loop's memory. It
 * is one thread's at a time: the loop's, then a worker's (handle), the loop's, the writer's or the
 * gate's (the command), the loop's, a worker's (answered), the loop's, which answers. */
#ifndef LUCID_HTTP_API_PLUGINS_INTERNAL_H
#define LUCID_HTTP_API_PLUGINS_INTERNAL_H

#include "http/api/paid_internal.h"

enum {
    PLUGIN_CALLS_MAX = 1024, /* under way, of one loop */
    PLUGIN_HEADERS_MAX = 32, /* of an answer */
    PLUGIN_HEADER_NAME_MAX = 64,
    PLUGIN_HEADER_VALUE_MAX = 4096,
    PLUGIN_TYPE_MAX = 128,
    PLUGIN_OUTS_MAX = 32, /* of one call */
    PLUGIN_PARAMS_MAX = 8,
    PLUGIN_SEGMENTS_MAX = 16,
};
#define PLUGIN_CALL_BYTES_MAX  ((size_t)16 << 20) /* beside the request itself */
#define PLUGIN_CALLS_BYTES_MAX ((uint64_t)256 << 20)
#define PLUGIN_HEAD_BYTES_MAX  ((size_t)256 << 10)

/* What a function of the plugin has made of its call. */
enum plugin_said {
    PLUGIN_SAID_NOTHING,
    PLUGIN_SAID_ANSWER,
    PLUGIN_SAID_TAGGED,
    PLUGIN_SAID_PROBLEM,
    PLUGIN_SAID_COMMAND,
};

struct plugin_field { /* of a head, or of a path */
    struct lucid_span name;
    struct lucid_span value;
};

struct lucid_plugin_call {
    struct api_work work;  /* first member */
    struct http_post post; /* from a worker */
    struct api_job job;    /* to the writer */
    struct api *api;
    struct api_loop *loop;
    struct plugin *plugin;
    const struct lucid_plugin_route *row;
    const struct http_route *route;
    struct http_request *request; /* the loop's. NULL: the client is gone, or it is paid's */
    struct paid_call *paid;       /* NULL: nobody pays, or it is paid */
    struct lucid_plugin_call *next;
    struct lucid_plugin_call *previous;
    _Atomic bool gone; /* the client is: nothing needs to be begun for it */
    bool is_private;   /* an answer for this client alone */
    bool has_view;     /* view is open */
    bool begun;        /* handle has run: answered is what runs next */
    bool has_control;  /* Cache-Control is among answer_headers */

    /* The request. */
    struct lucid_span target;
    struct lucid_span body;
    struct lucid_span id;
    struct plugin_field params[PLUGIN_PARAMS_MAX];
    size_t param_count;
    struct plugin_field *headers;
    size_t header_count;
    struct ledger_token token; /* id "": none */
    uint32_t scopes;
    uint64_t now_ms;

    /* Memory. */
    struct lucid_arena arena;
    struct lucid_plugin_out *outs[PLUGIN_OUTS_MAX];
    size_t out_count;
    size_t outs_left; /* bytes that all of them may still take */
    uint64_t charged; /* of api->metrics.plugin_bytes */

    /* While a function of the plugin runs. */
    struct ledger_view *worker_view;
    struct lucid_plugin_view view;
    const char *fault; /* what it did wrong; static storage */

    /* What it said. */
    enum plugin_said said;
    int status;
    char type[PLUGIN_TYPE_MAX + 1];
    struct lucid_buf bytes;
    uint32_t max_age_s;
    struct plugin_field answer_headers[PLUGIN_HEADERS_MAX]; /* NUL-terminated in the arena */
    size_t answer_header_count;
    struct api_code code;
    struct lucid_plugin_why why;
    struct lucid_plugin_command asked;
    struct plugin_command *command;
};

/* --- plugins.c: from a request to a worker and back ------------------------------------------- */

/* Copies the request. NULL: it has answered. */
struct lucid_plugin_call *plugin_call_open(struct http_request *request,
                                           const struct http_route *route);
void plugin_call_close(struct lucid_plugin_call *call);
/* Hands a call to a worker; false: too much waits. */
bool plugin_call_give(struct lucid_plugin_call *call) LUCID_WARN_UNUSED;
/* The service could not take it: 503. */
void plugin_call_busy(struct http_request *request);
/* Answers the request with what the call has said, which is no command. */
void plugin_call_answer(struct lucid_plugin_call *call, struct http_request *request);
/* Answers for a command that the writer did not take. */
void plugin_call_refused(struct lucid_plugin_call *call, struct http_request *request);
/* The command is committed: lets `answered` answer the request. */
void plugin_call_committed(struct lucid_plugin_call *call, struct http_request *request);

/* --- plugins_call.c: what plugins may do with a call ------------------------------------------ */

/* Fills the functions of requests. */
void plugin_call_functions(struct lucid_plugin_host *host);
/* On a worker: runs handle or answered, and judges what it said. */
void plugin_call_run(struct lucid_plugin_call *call, struct ledger_view *view);
/* What is wrong with a refusal, as text for the log; NULL: nothing, and *ret is what to answer. */
const char *plugin_refusal_fault(const struct lucid_plugin_call *call,
                                 const struct lucid_plugin_why *why, struct api_code *ret);
/* Logs and counts what a function of the plugin did wrong. */
void plugin_fault_log(const struct lucid_plugin_call *call, const char *function, const char *text);
/* Counts what the call holds; false: too much is held over all calls. */
bool plugin_call_charge(struct lucid_plugin_call *call) LUCID_WARN_UNUSED;

/* --- plugins_paid.c: routes that are sold ----------------------------------------------------- */

extern const struct paid_class plugin_match_class, plugin_appraise_class, plugin_passport_class;
/* Back from handle, on the loop. */
void plugin_paid_back(struct lucid_plugin_call *call);

#endif
