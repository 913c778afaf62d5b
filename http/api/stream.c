/* GET /v1/stream: Server-Sent Events (WHATWG HTML 9.2) of the log as it grows.
 *
 * A stream is a position in the log and no queue: it reads on when the writer has published
 * something, and when a client that did not keep up has taken what it was given. The writer posts
 * at most one wake-up to each loop that has streams, and none while there is none. */
#include <stdlib.h>

#include "base/assert.h"
#include "http/api/events_internal.h"

enum { RETRY_MS = 2000 };

struct api_stream {
    struct http_post post; /* first member: the next page */
    struct api_loop *loop;
    struct api_stream *prev;
    struct api_stream *next;
    struct http_request *request;
    struct api_events reader;
    uint64_t sent_ms; /* boot clock: when something was last said */
    bool deferred;
    bool blocked; /* the client does not take what it has been given */
    bool ended;
};

static void stream_page(struct http_post *post);

static void stream_later(struct api_stream *stream,
                         void (*when)(struct http_loop *loop, struct http_post *post))
{
    if (!stream->deferred && !stream->ended) {
        stream->deferred = true;
        http_hold(stream->request);
        stream->post = (struct http_post){.run = stream_page};
        when(http_request_loop(stream->request), &stream->post);
    }
}

static void stream_say(struct api_stream *stream, struct lucid_buf *out)
{
    stream->sent_ms = lucid_boot_ms(&stream->loop->api->options.clock);
    stream->blocked = !http_respond_data(stream->request, out);
}

/* A token may be revoked, or its time be over, while its stream is open. */
static void stream_turn_away(struct api_stream *stream)
{
    stream->ended = true;
    http_respond_end(stream->request);
}

static void stream_page(struct http_post *post)
{
    struct api_stream *stream = (struct api_stream *)post; /* first member */
    struct http_request *request = stream->request;
    struct ledger_view *view = stream->loop->view;
    stream->deferred = false;
    struct lucid_buf out = {0};
    bool more = false;
    bool admitted = true;
    enum lucid_error error = stream->ended || http_is_gone(request) ? LUCID_NOTE_END : LUCID_OK;
    if (error == LUCID_OK) {
        error = ledger_view_begin(view);
    }
    if (error == LUCID_OK) {
        admitted = api_still_admitted(request, stream->loop->api, stream->reader.audit, view);
        uint64_t newest = api_events_newest(view);
        error = admitted ? api_events_page(&stream->reader, view, newest, &out) : LUCID_NOTE_END;
        more = stream->reader.next <= newest;
        ledger_view_end(view);
    }
    if (!admitted) {
        stream_turn_away(stream);
    }
    if (error == LUCID_OK && out.len > 0) {
        stream_say(stream, &out);
    }
    if (error == LUCID_OK && more && !stream->blocked) {
        stream_later(stream, http_loop_defer);
    } else if (error == LUCID_RETRY_BUSY) {
        stream_later(stream, http_loop_delay);
    } else if (error != LUCID_OK && error != LUCID_NOTE_END) {
        stream->ended = true;
        api_events_abort(request, &stream->reader, error);
    }
    lucid_buf_fini(&out);
    http_release(request); /* the one that stream_later took */
}

static void stream_drained(struct http_request *request)
{
    struct api_stream *stream = http_user(request);
    stream->blocked = false;
    stream_later(stream, http_loop_defer);
}

/* --- all streams of a loop -------------------------------------------------------------------- */

static void stream_link(struct api_stream *stream, struct api_loop *loop)
{
    stream->loop = loop;
    stream->next = loop->streams;
    if (stream->next != NULL) {
        stream->next->prev = stream;
    }
    loop->streams = stream;
    atomic_fetch_add(&loop->stream_count, 1);
}

static void stream_over(struct http_request *request, void *user)
{
    (void)request;
    struct api_stream *stream = user;
    struct api_loop *loop = stream->loop;
    stream->ended = true;
    if (stream->prev == NULL) {
        loop->streams = stream->next;
    } else {
        stream->prev->next = stream->next;
    }
    if (stream->next != NULL) {
        stream->next->prev = stream->prev;
    }
    atomic_fetch_sub(&loop->stream_count, 1);
    atomic_fetch_sub(&loop->api->metrics.streams_open, 1);
}

/* Comment lines keep proxies from closing; the id lets a filtered stream resume where it is. */
static void stream_heartbeat(struct api_stream *stream)
{
    struct lucid_buf out = {0};
    lucid_buf_str(&out, ": heartbeat\nid: ");
    lucid_buf_u64(&out, stream->reader.next - 1);
    lucid_buf_str(&out, "\n\n");
    stream_say(stream, &out);
}

void api_streams_tick(struct http_loop *http)
{
    struct api_loop *loop = http_loop_user(http);
    if (loop == NULL || loop->streams == NULL) {
        return;
    }
    const struct api_options *options = &loop->api->options;
    uint64_t now = lucid_boot_ms(&options->clock);
    bool stopping = http_loop_is_stopping(http);
    struct api_stream *next = NULL;
    for (struct api_stream *stream = loop->streams; stream != NULL; stream = next) {
        next = stream->next;
        if (stream->ended) {
            continue;
        }
        if (stopping || http_is_half_closed(stream->request)) {
            stream->ended = true;
            http_respond_end(stream->request);
        } else if (!stream->blocked && now - stream->sent_ms >= options->stream_heartbeat_ms) {
            stream_heartbeat(stream);
        }
    }
}

static void streams_wake(struct http_post *post)
{
    struct api_loop *loop = (struct api_loop *)post; /* first member */
    /* Before anything is read: what is published from here on posts again. */
    atomic_store(&loop->wake_posted, false);
    for (struct api_stream *stream = loop->streams; stream != NULL; stream = stream->next) {
        if (!stream->blocked) {
            stream_later(stream, http_loop_delay); /* gathers what several commits brought */
        }
    }
}

void api_published(struct api *api)
{
    if (atomic_load(&api->metrics.streams_open) == 0) {
        return;
    }
    for (size_t i = 0; i < api->loop_count; i++) {
        struct api_loop *loop = api->loops[i];
        if (atomic_load(&loop->stream_count) != 0 && !atomic_exchange(&loop->wake_posted, true)) {
            loop->wake = (struct http_post){.run = streams_wake};
            http_loop_post(loop->http, &loop->wake);
        }
    }
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* Where it goes on: Last-Event-ID, which a browser sends when it comes back to the same URL; else
 * ?after=; else from now on. False: it has answered. */
static bool position_read(struct http_request *request, struct api_events *reader)
{
    struct lucid_span header = http_header(request, "last-event-id");
    const char *param = header.len > 0 ? "Last-Event-ID" : "after";
    uint64_t after = UINT64_MAX;
    if (header.len > 0 && !api_decimal(header, &after)) {
        api_bad_parameter(request, param, "not a decimal number");
        return false;
    }
    if (header.len == 0 && !api_query_decimal(request, "after", UINT64_MAX, &after)) {
        return false;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    uint64_t newest = api_events_newest(view);
    ledger_view_end(view);
    after = after == UINT64_MAX ? newest : after;
    if (after > newest) {
        api_events_beyond(request, param, newest);
        return false;
    }
    reader->next = after + 1;
    return true;
}

static void stream_begin(struct api_stream *stream, struct api_loop *loop)
{
    struct http_request *request = stream->request;
    stream_link(stream, loop);
    http_set_user(request, stream, stream_over);
    http_on_drained(request, stream_drained);
    http_add_header(request, "Cache-Control", "no-cache");
    http_add_header(request, "X-Accel-Buffering", "no"); /* nginx would gather it */
    http_respond_begin(request, 200, "text/event-stream");
    if (lucid_span_is(http_method(request), "HEAD")) {
        stream->ended = true;
        http_respond_end(request);
        return;
    }
    struct lucid_buf out = {0};
    /* The id without data: whoever comes back before the first event says where it was. */
    lucid_buf_printf(&out, "retry: %d\nid: %llu\n\n", RETRY_MS,
                     (unsigned long long)(stream->reader.next - 1));
    stream_say(stream, &out);
    stream_later(stream, http_loop_defer);
}

void api_stream_get(struct http_request *request, const struct http_route *route)
{
    struct api *api = api_of_route(route);
    struct api_loop *loop = http_loop_user(http_request_loop(request));
    struct api_stream *stream = lucid_arena_zalloc(http_arena(request), sizeof(*stream));
    if (stream == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    stream->request = request;
    stream->reader.form = API_EVENTS_SSE;
    stream->reader.left = UINT64_MAX;
    if (!api_events_options(request, &stream->reader) || !position_read(request, &stream->reader)) {
        return;
    }
    /* Counted before it reads: a commit that comes after that is told. */
    if (atomic_fetch_add(&api->metrics.streams_open, 1) >= api->options.streams_max) {
        atomic_fetch_sub(&api->metrics.streams_open, 1);
        api_problem(request, 503, "OVERLOADED", NULL, "as many streams are open as may be");
        return;
    }
    stream_begin(stream, loop);
}
