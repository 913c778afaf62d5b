/* HTTP/1.1 server: sockets to requests and back, hardened; nothing in here knows what is served.
 *
 * The loop is libevent's, the connection state machine and the request parser are ours (why, and
 * the measurements: docs/decisions). One struct http_server holds what is shared and const once
 * threads run; each I/O thread runs one struct http_loop. Loop 0 accepts and hands connections out
 * evenly.
 *
 * Refused by the parser, with a problem document and Connection: close: bare LF line ends, missing
 * or repeated Host (HTTP/1.1), repeated or non-digit Content-Length, repeated Authorization or
 * Idempotency-Key, Content-Length together with Transfer-Encoding, any Transfer-Encoding but
 * chunked, white space before a header's colon, folded headers, control characters in names or
 * values, a target that does not start with '/', percent escapes that are broken or decode to NUL,
 * '/../' segments, versions other than 1.0 and 1.1.
 *
 * Deadlines are totals, not idle times: a client that sends one byte a second meets them all the
 * same. Requests on one connection are served one after the other (pipelining works, in order).
 *
 * Thread: every call on a request or loop is made on that loop's thread, except http_loop_post. */
#ifndef LUCID_HTTP_HTTP_H
#define LUCID_HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

struct http_server;
struct http_loop;
struct http_request;
struct http_tls;

#define HTTP_ADDRESS_BYTES      16 /* IPv6; IPv4 as ::ffff:a.b.c.d */
#define HTTP_ADDRESS_TEXT_BYTES 46 /* with a NUL */

struct http_limits {
    uint32_t connections_max;    /* over all loops; more wait in the listen queue, accept pauses */
    uint32_t header_bytes_max;   /* request line and headers together: 431 over it */
    uint32_t header_count_max;   /* 431 over it */
    uint32_t target_bytes_max;   /* 414 over it */
    uint32_t header_ms_max;      /* from the first byte to the end of the headers: 408 */
    uint32_t body_ms_max;        /* from the end of the headers to the end of the body: 408; does
                                    not run while the server itself has paused the reading */
    uint32_t idle_ms_max;        /* between requests; closed silently */
    uint32_t write_ms_max;       /* without progress on a full output buffer: closed */
    uint32_t output_bytes_max;   /* unsent answer bytes over which a connection's stream pauses and
                                    its next pipelined request waits */
    uint64_t inflight_bytes_max; /* request bodies held over all connections: 503 over it */
};

/* Defaults: 1024 connections, 16 KiB and 64 headers, 8 KiB target, 10 s, 60 s, 60 s, 30 s, 1 MiB,
 * 64 MiB. */
void http_limits_default(struct http_limits *limits);

#define HTTP_ROUTE_STREAM 1U /* handle is called at the end of the headers, then data per piece */
#define HTTP_ROUTE_COUNTS                                                                          \
    2U /* a chunked body may pass body_bytes_max: the handler says so itself */

struct http_route {
    const char *method;  /* "GET" also serves HEAD */
    const char *pattern; /* "/v1/receipts/{id}/proof": a {name} matches one non-empty segment; a
                            last {name*} matches the rest of the path, one segment or more. Literal
                            goes before {name}, {name} before {name*}; at most 16 segments */
    uint32_t flags;
    size_t body_bytes_max; /* 413 over it, before any of it is read where the length is declared */
    /* Called once per request: with the whole body, or (STREAM) before it. Must lead to exactly one
     * answer, now or later. */
    void (*handle)(struct http_request *request, const struct http_route *route);
    /* STREAM only: a piece of the body (already de-chunked); last with an empty piece possible.
     * The bytes are good for the call. Not called after the request was answered; it is called
     * between http_respond_begin and http_respond_end. */
    void (*data)(struct http_request *request, struct lucid_span piece, bool last);
    const void *context; /* the route owner's */
};

/* A finished request, for metrics and access logs. */
struct http_outcome {
    const struct http_route *route; /* NULL when none matched */
    int status;                     /* 0: the client went away before an answer */
    uint64_t micros;                /* from the first byte to the last byte handed to the kernel */
};

/* Addresses whose first bits are these. */
struct http_network {
    uint8_t address[HTTP_ADDRESS_BYTES];
    unsigned bits;
};

/* "10.0.0.0/8, ::1": numeric addresses, each alone or with its length. LUCID_REFUSE_INVALID: not
 * that, or more than max. "" is none. */
enum lucid_error http_networks_parse(const char *text, struct http_network *ret, size_t max,
                                     size_t *ret_count) LUCID_WARN_UNUSED;

struct http_server_options {
    const char *host;     /* numeric address or name; "127.0.0.1"; NULL: no plain listener */
    uint16_t port;        /* 0 = a free one */
    const char *tls_host; /* NULL: no TLS listener */
    uint16_t tls_port;
    struct http_tls *tls; /* with tls_host: its certificate (http/tls.h); borrowed */
    struct http_limits limits;
    struct lucid_clock clock;
    const struct http_route *routes; /* borrowed for the server's life; no order needed */
    size_t route_count;
    /* Optional: runs before handle, on every matched route; false = it has answered (401, 403 …).
     */
    bool (*admit)(struct http_request *request, const struct http_route *route, void *context);
    /* Optional: told about every request, on its loop's thread. */
    void (*done)(const struct http_outcome *outcome, void *context);
    void *context;
    bool access_log; /* a JSON line per request on standard error, in pieces of whole lines */
    /* Proxies whose X-Forwarded-For is believed; borrowed. */
    const struct http_network *trusted;
    size_t trusted_count;
};

/* Binds and listens; serves nothing before loops run.
 * Errors: LUCID_REFUSE_INVALID (host), LUCID_RETRY_IO (bind; why says which address). */
enum lucid_error http_server_open(const struct http_server_options *options,
                                  struct http_server **ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* 0: there is no such listener. */
uint16_t http_server_port(const struct http_server *server);
uint16_t http_server_tls_port(const struct http_server *server);
/* All loops must be closed. NULL is allowed. */
void http_server_close(struct http_server *server);

struct http_counters {
    uint64_t connections_accepted;
    uint64_t connections_open;
    uint64_t requests;
    uint64_t refused_by_parser;
    uint64_t accept_pauses; /* out of descriptors or over connections_max */
    uint64_t inflight_bytes;
    uint64_t tls_handshakes;
    uint64_t tls_failures;  /* handshakes that came to nothing */
    uint64_t tls_expires_s; /* Unix time of the certificate's end; 0 without TLS */
};
/* Thread: any. */
void http_counters_read(const struct http_server *server, struct http_counters *ret);

/* --- loops ------------------------------------------------------------------------------------ */

/* One per I/O thread; open all of them before the first runs. */
enum lucid_error http_loop_open(struct http_server *server,
                                struct http_loop **ret) LUCID_WARN_UNUSED;
/* Returns after http_server_stop, when every connection of this loop is gone and every held request
 * was released. Posts that come later are not run. */
void http_loop_run(struct http_loop *loop);
void http_loop_close(struct http_loop *loop);
void http_loop_set_user(struct http_loop *loop, void *user);
void *http_loop_user(const struct http_loop *loop);

/* Graceful stop of all loops: listeners close, idle connections close, requests that are under way
 * are answered (with Connection: close), what is left after grace_ms is cut. Calling it again with
 * 0 cuts at once. Thread: any; not from a signal handler. */
void http_server_stop(struct http_server *server, uint32_t grace_ms);

/* A call to be made on a loop's thread; intrusive, owned by the caller until run. */
struct http_post {
    struct http_post *next;
    void (*run)(struct http_post *post);
};
/* Queues a chain (linked by next) in order; one wake-up for the chain. Lock-free. Thread: any. */
void http_loop_post(struct http_loop *loop, struct http_post *first);

/* Runs the post on this loop soon, but after other connections had their turn: for slicing long
 * work. Thread: the loop's own. */
void http_loop_defer(struct http_loop *loop, struct http_post *post);

/* Runs the post on this loop after a millisecond or two: for asking again where nothing tells when
 * it is worth it. Thread: the loop's own. */
void http_loop_delay(struct http_loop *loop, struct http_post *post);

/* Has tick called on this loop about four times a second while it has connections, and once more
 * when a stop begins: for what many requests need from time to time. Before the loop runs. */
void http_loop_on_tick(struct http_loop *loop, void (*tick)(struct http_loop *loop));

/* Whether a graceful stop has begun. Thread: the loop's own. */
bool http_loop_is_stopping(const struct http_loop *loop);

/* --- requests --------------------------------------------------------------------------------- */

struct lucid_span http_method(const struct http_request *request);
struct lucid_span http_path(const struct http_request *request);   /* decoded */
struct lucid_span http_target(const struct http_request *request); /* as sent */
/* The path segment that a pattern's {name} matched, decoded; {NULL, 0} if there is none. */
struct lucid_span http_param(const struct http_request *request, const char *name);
/* A query parameter, decoded ('+' is a space); {NULL, 0} if absent. A repeated one: the first. */
struct lucid_span http_query(const struct http_request *request, const char *name);
/* The same of a copy of a request's target, decoded into the arena. Thread: any. */
struct lucid_span http_target_query(struct lucid_span target, const char *name,
                                    struct lucid_arena *arena);
/* A header's value, trimmed; name in lower case. {NULL, 0} if absent. Repeated ones (never Host,
 * Content-Length, Authorization, Idempotency-Key: refused) give the first. */
struct lucid_span http_header(const struct http_request *request, const char *name);
/* The header at that place of the head, from 0; name as sent. False: there are no more. */
bool http_header_at(const struct http_request *request, size_t index, struct lucid_span *ret_name,
                    struct lucid_span *ret_value) LUCID_WARN_UNUSED;
/* How often a header is there; name in lower case. */
size_t http_header_count(const struct http_request *request, const char *name);
/* The whole body (not STREAM routes). */
struct lucid_span http_body(const struct http_request *request);
/* The declared length of the body, or −1 for a chunked one. */
int64_t http_body_length(const struct http_request *request);
/* The X-Request-Id: the client's if it is 1–64 of A-Za-z0-9._:-, else ours. */
struct lucid_span http_request_id(const struct http_request *request);
/* Whose request it is: the other end of the connection or, where that is a trusted proxy, the last
 * address in X-Forwarded-For that is not one. */
void http_client_address(const struct http_request *request, uint8_t ret[HTTP_ADDRESS_BYTES]);
/* As text, IPv4 in its own form; returns the length. */
size_t http_address_format(const uint8_t address[HTTP_ADDRESS_BYTES],
                           char ret[HTTP_ADDRESS_TEXT_BYTES]);
/* Freed when the request is over. */
struct lucid_arena *http_arena(struct http_request *request);
struct http_loop *http_request_loop(const struct http_request *request);

/* The handler's own pointer, and what to call once when the request is over for whatever reason
 * (answered, client gone, cut); NULL allowed. It is called at once, even while the request is held;
 * the object and its arena then last until the last release. A request that is not held is gone
 * when this returns. */
void http_set_user(struct http_request *request, void *user,
                   void (*over)(struct http_request *request, void *user));
void *http_user(const struct http_request *request);

/* Keeps the request object (and its arena) alive while other threads work for it. A held request
 * whose client went away swallows its answer. Count both. */
void http_hold(struct http_request *request);
void http_release(struct http_request *request);
/* Whether an answer would be swallowed, because the client is gone or was answered in the handler's
 * stead (408, a broken chunk …); only meaningful while held. A client that shut only its sending
 * side is not gone. */
bool http_is_gone(const struct http_request *request);

/* Whether the client has shut its sending side: it may still read what is answered, but an answer
 * without end has no reason to wait for it. */
bool http_is_half_closed(const struct http_request *request);

/* Counts bytes that a STREAM handler keeps against inflight_bytes_max, until the request is over.
 * False: that would pass the limit, nothing was counted (answer 503). */
bool http_reserve(struct http_request *request, size_t bytes) LUCID_WARN_UNUSED;

/* STREAM: stops and restarts the reading of the body. */
void http_pause(struct http_request *request);
void http_resume(struct http_request *request);

/* --- answers ---------------------------------------------------------------------------------- */

/* Adds a header to the coming answer; value is copied. Asserts against CR and LF. */
void http_add_header(struct http_request *request, const char *name, const char *value);

/* The same for lines that never change: whole ones, each with its CR LF. */
void http_add_lines(struct http_request *request, struct lucid_span lines);

/* The answer. Takes the bytes of body (left empty and usable); a sticky buffer error becomes a 500.
 * content_type NULL: none. Content-Length, Date, X-Request-Id and Connection are added. */
void http_respond(struct http_request *request, int status, const char *content_type,
                  struct lucid_buf *body);

/* Answers of JSON and text are compressed with gzip where Accept-Encoding asks for it: whole ones
 * from 1 KiB (over 64 KiB they become streams), streamed ones piece by piece, each piece decodable
 * when it arrives. Vary says so, also to those who do not ask. Streams of text/event-stream and
 * binary types never are. */

/* Whether an answer of that type and length is compressed for this client: its strong entity tag
 * must differ then. */
bool http_answer_is_coded(const struct http_request *request, const char *content_type, size_t len);
/* Whether it is for some client. */
bool http_answer_varies(const char *content_type, size_t len);
/* The coming answer goes out as it is. */
void http_keep_identity(struct http_request *request);

/* The coming answer is for this client alone: it says Cache-Control: private, no-store whatever is
 * added later, and bears no entity tag. */
void http_keep_private(struct http_request *request);
bool http_is_private(const struct http_request *request);

/* RFC 9457: {"type","title","status","detail","code","param"?,"request_id"}, application/
 * problem+json. code is upper snake case; type is "about:blank" plus nothing else: the code is the
 * stable name. param "" or NULL: left out. Adds Cache-Control: no-cache, and Retry-After: 1 to 503
 * unless it was added. */
void http_problem(struct http_request *request, int status, const char *code, const char *param,
                  const char *format, ...) LUCID_PRINTF(5, 6);
/* The same document into a buffer, for answers that hold many (request_id NULL data: left out). */
void http_problem_write(struct lucid_buf *out, int status, const char *code, const char *param,
                        const char *detail, struct lucid_span request_id);

/* A streamed answer: chunked (to HTTP/1.0: until close). */
void http_respond_begin(struct http_request *request, int status, const char *content_type);
/* Appends; takes the bytes. Returns whether the output buffer is still below output_bytes_max: if
 * not, stop producing until `drained` (set below) is called. */
bool http_respond_data(struct http_request *request, struct lucid_buf *data);
void http_respond_end(struct http_request *request);
/* Ends a streamed answer abnormally: the connection is cut, the client sees a truncated body. */
void http_respond_abort(struct http_request *request);
void http_on_drained(struct http_request *request, void (*drained)(struct http_request *request));

#endif
