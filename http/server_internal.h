/* What server, loop, connection and request know of each other.
 *
 * Ownership: the server owns the listening socket, the router and the loops' list. A loop owns its
 * connections, its pools and every request made on it. A connection points to the request that it
 * receives or waits for (current), and to those whose answers are queued but not sent (unsent).
 *
 * Nothing is freed while a callback may still look at it: closed connections wait in the loop's
 * ready list, finished requests in its dead list, and http_loop_settle, the last act of every
 * event, frees both. */
#ifndef LUCID_HTTP_SERVER_INTERNAL_H
#define LUCID_HTTP_SERVER_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>

#include "http/http.h"
#include "http/parser_internal.h"
#include "http/posts_internal.h"
#include "http/router_internal.h"

enum {
    HTTP_LOOPS_MAX = 64,
    HTTP_READ_BYTES = 64 * 1024,     /* one recv, and what a connection may have read ahead */
    HTTP_SEGMENT_BYTES = 16 * 1024,  /* answers below are copied together, above are taken over */
    HTTP_RECORD_BYTES = 16 * 1024,   /* the most that one TLS record holds */
    HTTP_POOL_MAX = 64,              /* spare requests and segments a loop keeps */
    HTTP_POOL_BYTES_MAX = 64 * 1024, /* larger ones are not kept */
    HTTP_TURN_REQUESTS_MAX = 32,     /* pipelined requests before others have their turn */
    HTTP_TURN_POSTS_MAX = 4096,
    HTTP_DISCARD_BYTES_MAX =
        1024 * 1024, /* of an answered request's body, to keep the connection */
    HTTP_LINGER_BYTES_MAX = 256 * 1024,
    HTTP_LINGER_MS = 1000,
    HTTP_DATE_BYTES = 40,
    HTTP_ID_BYTES_MAX = 64,
    HTTP_ARENA_BYTES_MAX = 64 * 1024 * 1024,
    HTTP_LISTENERS_MAX = 2,
    HTTP_ACCESS_BYTES = 4096, /* PIPE_BUF */
};

struct ssl_st;
struct http_gzip;
struct http_feed;

/* Loop 0 accepts from it, and closes it on stop. */
struct http_listener {
    struct http_loop *loop;
    struct event on_accept;
    int fd; /* -1: none */
    uint16_t port;
    bool tls;
};

struct http_server {
    struct http_server_options options;
    struct http_parse_limits parse_limits;
    struct http_router *router;
    struct http_listener plain;
    struct http_listener secure;
    size_t loop_count;
    struct http_loop *loops[HTTP_LOOPS_MAX];
    _Atomic uint64_t connections_open;
    _Atomic uint64_t inflight_bytes;
    _Atomic unsigned gzip_streams; /* coders of streamed answers */
    _Atomic uint64_t stop_at_ms;   /* boot clock; 0: not stopping */
    _Atomic bool accept_finished;  /* loop 0 hands out no more connections */
};

/* A piece of output. */
struct http_segment {
    struct http_segment *next;
    struct lucid_buf buf;
    size_t at; /* sent so far */
};

enum http_state {
    HTTP_STATE_HEAD,    /* waiting for, or inside, a head */
    HTTP_STATE_BODY,    /* current's body comes in */
    HTTP_STATE_WAIT,    /* current is complete, its answer is not */
    HTTP_STATE_DISCARD, /* an answered request's body goes by */
    HTTP_STATE_END,     /* no more requests; closes when the output is sent */
    HTTP_STATE_LINGER,  /* our side is shut, the client may read the answer in peace */
    HTTP_STATE_CLOSED,
};

struct http_connection {
    struct http_loop *loop;
    struct http_connection *prev; /* the loop's list */
    struct http_connection *next;
    struct http_connection *ready_next;
    struct http_post adopt; /* carries it from the accepting loop to its own */
    struct event on_read;
    struct event on_write;
    int fd;
    uint8_t peer[HTTP_ADDRESS_BYTES];
    enum http_state state;
    bool ready;   /* in the ready list */
    bool turning; /* inside http_connection_turn: output will be flushed there */
    bool reading; /* on_read is armed */
    bool blocked; /* on_write is armed */
    bool eof;     /* the client shut its side */
    bool failed;  /* the output has a hole for want of memory: close at the end of the turn */
    bool paused;
    bool linger;
    bool started;         /* a byte of the next request has arrived */
    uint64_t deadline_ms; /* 0: none; what it means depends on the state */
    uint64_t write_deadline_ms;
    uint64_t paused_left_ms;
    uint64_t start_us;

    struct ssl_st *ssl;        /* NULL: plain */
    bool handshaking;          /* nothing but the handshake happens */
    bool tls_more;             /* there may be more to read without the socket saying so */
    bool tls_read_wants_write; /* reading goes on when the output is not blocked */
    bool tls_write_wants_read; /* blocked until something was read */
    bool tls_broken;           /* no close_notify after an error */
    bool tls_wire_eof;

    struct lucid_span input; /* unread bytes: in the loop's read buffer, or in `saved` */
    struct lucid_buf saved;
    struct http_scan scan;

    struct http_request *current;
    struct http_request *unsent_first;
    struct http_request *unsent_last;

    bool body_chunked;
    struct http_chunks chunks;
    uint64_t body_left;    /* of a declared length */
    uint64_t discard_left; /* also the allowance while lingering */

    struct http_segment *out_first;
    struct http_segment *out_last;
    size_t out_bytes; /* queued, not sent */
    uint64_t out_total;
    uint64_t sent_total;
};

enum http_answer_state { HTTP_ANSWER_NONE, HTTP_ANSWER_STREAM, HTTP_ANSWER_DONE };

struct http_request {
    struct http_loop *loop;
    struct http_connection *connection; /* NULL: finished */
    struct http_request *next;          /* unsent, dead or pooled */
    const struct http_route *route;
    struct http_head head;
    struct http_path path;
    struct http_match match;
    struct lucid_arena arena;
    struct lucid_buf body;
    struct lucid_buf extra; /* header lines for the answer */
    enum http_answer_state answer;
    bool cut;        /* we answered for the handler: what it says is swallowed */
    bool recycled;   /* in the dead list */
    bool keep_alive; /* after the answer */
    bool no_body;    /* HEAD, 204, 304 */
    bool chunked;    /* the streamed answer is */
    bool continue_wanted;
    bool retry_after;       /* was added */
    bool throttled;         /* respond_data said stop */
    bool identity;          /* must not be compressed */
    bool private;           /* must not be kept by others, or asked about again */
    bool coded;             /* the streamed answer is compressed */
    struct http_gzip *gzip; /* its coder; NULL: none */
    struct http_feed *feed; /* a large body that is answered as a stream */
    int status;
    unsigned holds;
    uint64_t received; /* body bytes so far */
    uint64_t reserved; /* of inflight_bytes */
    uint64_t start_us;
    uint64_t begin_total; /* the connection's out_total before the answer */
    uint64_t end_total;   /* and after it */
    uint8_t peer[HTTP_ADDRESS_BYTES];
    void *user;
    void (*over)(struct http_request *request, void *user);
    void (*drained)(struct http_request *request);
    size_t id_len;
    char id[HTTP_ID_BYTES_MAX];
    struct http_header headers[]; /* limits.header_count_max */
};

struct http_loop {
    struct http_server *server;
    struct event_base *base;
    struct event on_wake;
    struct event on_tick;
    struct event on_again;
    struct event on_delay;
    struct event on_accept_retry;
    size_t index;
    void *user;
    void (*tick)(struct http_loop *loop);
    uint64_t turns; /* events that were handled */
    bool running;
    bool ticking;
    bool stopping;
    bool finished;

    struct http_posts posts;
    struct http_post_list pending; /* taken from posts */
    struct http_post_list deferred;
    struct http_post_list delayed;

    struct http_connection *connections;
    struct http_connection *ready_first;
    struct http_connection *ready_last;
    struct http_request *dead;
    struct http_request *request_pool;
    size_t request_pool_count;
    size_t requests_live; /* not in the pool */
    struct http_segment *segment_pool;
    size_t segment_pool_count;

    uint64_t now_ms; /* boot clock, read once per event */
    uint64_t date_second;
    size_t date_len;
    char date[HTTP_DATE_BYTES];
    char id_prefix[17];
    uint64_t id_count;
    uint64_t tick_ms;

    bool accept_paused;
    bool accept_starved;      /* the pause is for want of descriptors */
    uint64_t accept_log_ms;   /* last line */
    uint64_t accept_unlogged; /* pauses since */

    _Atomic uint64_t open_count;
    _Atomic uint64_t accepted;
    _Atomic uint64_t requests;
    _Atomic uint64_t refused;
    _Atomic uint64_t accept_pauses;
    _Atomic uint64_t tls_handshakes;
    _Atomic uint64_t tls_failures;

    uint8_t *read_buffer;   /* HTTP_READ_BYTES */
    uint8_t *record_buffer; /* HTTP_RECORD_BYTES; NULL without TLS */

    struct http_gzip *gzip; /* for whole bodies; made when first needed */

    uint8_t *access_buffer; /* HTTP_ACCESS_BYTES; NULL without access log */
    size_t access_len;
    struct lucid_buf access_line;
};

/* --- loop.c ----------------------------------------------------------------------------------- */

/* The first and the last act of every event. */
void http_loop_enter(struct http_loop *loop);
void http_loop_settle(struct http_loop *loop);
/* Has a connection's turn come again in this or the next settling. */
void http_loop_ready(struct http_connection *connection);
/* Asks for another round after other events had their turn. */
void http_loop_again(struct http_loop *loop);
void http_loop_ticking(struct http_loop *loop, bool wanted);

/* --- accept.c --------------------------------------------------------------------------------- */

/* Loop 0 only. */
void http_accept_start(struct http_loop *loop);
void http_accept_stop(struct http_loop *loop);

/* --- connection.c ----------------------------------------------------------------------------- */

/* Takes the descriptor; NULL without memory (the descriptor is then closed). Thread: loop 0. */
struct http_connection *http_connection_new(struct http_loop *loop, int fd, bool tls);
/* Joins its loop. Thread: the loop's. */
void http_connection_start(struct http_connection *connection);
/* Flushes, parses, runs handlers, flushes. */
void http_connection_turn(struct http_connection *connection);
/* The deadlines. */
void http_connection_tick(struct http_connection *connection, uint64_t now_ms);
void http_connection_stop(struct http_connection *connection);
/* Cuts: requests that are not answered become gone. Freed by http_loop_settle. */
void http_connection_close(struct http_connection *connection);
void http_connection_free(struct http_connection *connection);
/* Answers a problem in the handler's stead and ends the connection. */
void http_connection_refuse(struct http_connection *connection, enum http_refusal refusal);
/* The answer to current is queued whole. */
void http_connection_answered(struct http_connection *connection);

/* --- receive.c: input to requests ------------------------------------------------------------- */

/* Handles as much of the input as possible; false when the turn's share was used up. */
bool http_receive_advance(struct http_connection *connection);
/* The last request's body is past: waits for the next head. */
void http_receive_next(struct http_connection *connection);

/* --- output.c --------------------------------------------------------------------------------- */

/* The buffer to append to; http_output_commit must follow with the length it had. */
struct lucid_buf *http_output_open(struct http_connection *connection, size_t *ret_before);
void http_output_commit(struct http_connection *connection, struct lucid_buf *buf, size_t before);
/* Queues a buffer's bytes: copied if few, else taken. body is left empty. */
void http_output_take(struct http_connection *connection, struct lucid_buf *body);
/* Watches for the socket to become writable although nothing is queued. */
void http_output_block(struct http_connection *connection);
/* Sends what the kernel takes; completes answers that are sent; closes on errors. */
void http_output_flush(struct http_connection *connection);
void http_output_clear(struct http_connection *connection);
void http_output_pool_free(struct http_loop *loop);

/* --- tls.c ------------------------------------------------------------------------------------ */

enum http_tls_step {
    HTTP_TLS_DONE,
    HTTP_TLS_WANTS_READ,
    HTTP_TLS_WANTS_WRITE,
    HTTP_TLS_ENDED, /* the client shut its side */
    HTTP_TLS_FAILED,
};

/* The newest certificate for a new connection. False without memory. Thread: loop 0. */
bool http_tls_attach(struct http_tls *tls, struct http_connection *connection) LUCID_WARN_UNUSED;
void http_tls_detach(struct http_connection *connection);
/* DONE, FAILED or what it waits for. */
enum http_tls_step http_tls_handshake(struct http_connection *connection);
/* As recv(2) and send(2) on a socket that does not block; send takes from the queue. */
ssize_t http_tls_recv(struct http_connection *connection, uint8_t *to, size_t room);
ssize_t http_tls_send(struct http_connection *connection);
/* Says that nothing more comes. False: not yet, the socket is full. */
bool http_tls_shut(struct http_connection *connection);

/* --- request.c -------------------------------------------------------------------------------- */

/* NULL without memory. */
struct http_request *http_request_new(struct http_connection *connection);
/* Ends it: done and over are called, the object goes when it is not held. */
void http_request_finish(struct http_request *request, int status);
void http_request_recycle_all(struct http_loop *loop);
void http_request_pool_free(struct http_loop *loop);
/* Takes the client's id if it is good. */
void http_request_identify(struct http_request *request);
uint64_t http_now_us(void);

/* --- coding.c --------------------------------------------------------------------------------- */

/* Compresses the body if the client takes that, and adds the headers. True: it is answered as a
 * stream from here on. */
bool http_coding_whole(struct http_request *request, const char *content_type,
                       struct lucid_buf *body) LUCID_WARN_UNUSED;
/* Decides for a streamed answer, and adds the headers. */
void http_coding_stream(struct http_request *request, const char *content_type);
/* Replaces a piece of a compressed stream by its coded form. */
void http_coding_piece(struct http_request *request, bool last, struct lucid_buf *data);
/* Frees what a request that is over holds. */
void http_coding_end(struct http_request *request);

/* --- access.c --------------------------------------------------------------------------------- */

void http_access_write(const struct http_request *request, const struct http_connection *connection,
                       const struct http_outcome *outcome);
void http_access_flush(struct http_loop *loop);

/* --- problem.c -------------------------------------------------------------------------------- */

const char *http_status_title(int status);

#endif
