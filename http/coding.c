#include <stdlib.h>

#include "base/assert.h"
#include "http/gzip_internal.h"
#include "http/server_internal.h"

/* Which answers are compressed, and how without holding up the loop: small ones at once, large ones
 * and streams piece by piece. */

bool http_answer_varies(const char *content_type, size_t len)
{
    return len >= HTTP_GZIP_BYTES_MIN && http_gzip_type(content_type);
}

bool http_answer_is_coded(const struct http_request *request, const char *content_type, size_t len)
{
    return !request->identity && http_answer_varies(content_type, len) &&
           http_gzip_accepted(http_header(request, "accept-encoding"));
}

void http_keep_identity(struct http_request *request)
{
    request->identity = true;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* A coder for a stream, of which there may be only so many. */
static bool coder_open(struct http_request *request)
{
    struct http_server *server = request->loop->server;
    if (atomic_fetch_add(&server->gzip_streams, 1) >= HTTP_GZIP_STREAMS_MAX ||
        http_gzip_open(true, &request->gzip) != LUCID_OK) {
        atomic_fetch_sub(&server->gzip_streams, 1);
        return false;
    }
    return true;
}

void http_coding_stream(struct http_request *request, const char *content_type)
{
    size_t len = SIZE_MAX;
    if (request->identity || !http_answer_varies(content_type, len)) {
        return;
    }
    http_add_header(request, "Vary", "Accept-Encoding");
    if (!request->coded && http_answer_is_coded(request, content_type, len)) {
        request->coded = request->no_body || coder_open(request);
    }
    if (request->coded) {
        http_add_header(request, "Content-Encoding", "gzip");
    }
}

void http_coding_piece(struct http_request *request, bool last, struct lucid_buf *data)
{
    if (request->gzip == NULL || (data->len == 0 && !last) || !lucid_buf_ok(data)) {
        return;
    }
    struct lucid_buf coded = {0};
    http_gzip_piece(request->gzip, lucid_buf_span(data), last, &coded);
    lucid_buf_fini(data);
    size_t bytes_max = data->bytes_max;
    *data = coded;
    data->bytes_max = bytes_max;
}

/* --- whole bodies ----------------------------------------------------------------------------- */

/* A large body on its way, a slice a turn. */
struct http_feed {
    struct http_post post; /* first member */
    struct http_request *request;
    struct lucid_buf body;
    size_t at;
    bool deferred; /* the post is queued, the request held */
};

static void feed_free(struct http_feed *feed)
{
    lucid_buf_fini(&feed->body);
    free(feed);
}

static void feed_step(struct http_post *post);

static void feed_later(struct http_feed *feed)
{
    if (!feed->deferred) {
        feed->deferred = true;
        http_hold(feed->request);
        feed->post = (struct http_post){.run = feed_step};
        http_loop_defer(feed->request->loop, &feed->post);
    }
}

static void feed_drained(struct http_request *request)
{
    if (request->feed != NULL) {
        feed_later(request->feed);
    }
}

static void feed_step(struct http_post *post)
{
    struct http_feed *feed = (struct http_feed *)post; /* first member */
    struct http_request *request = feed->request;
    bool room = false;
    if (!http_is_gone(request)) {
        struct lucid_buf slice = {0};
        size_t left = feed->body.len - feed->at;
        size_t len = left < HTTP_GZIP_SLICE_BYTES ? left : HTTP_GZIP_SLICE_BYTES;
        lucid_buf_put(&slice, feed->body.data + feed->at, len);
        feed->at += len;
        room = http_respond_data(request, &slice);
    }
    if (http_is_gone(request) || feed->at == feed->body.len) {
        request->feed = NULL;
        feed_free(feed);
        http_respond_end(request);
    } else {
        feed->deferred = false;
        if (room) {
            feed_later(feed);
        }
    }
    http_release(request); /* the one that feed_later took */
}

/* Answers as a stream. False: it cannot be had, nothing happened. */
static bool feed_begin(struct http_request *request, const char *content_type,
                       struct lucid_buf *body)
{
    struct http_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL || (!request->no_body && !coder_open(request))) {
        free(feed);
        return false;
    }
    size_t bytes_max = body->bytes_max;
    feed->request = request;
    feed->body = *body;
    lucid_buf_init(body, bytes_max);
    request->coded = true;
    http_respond_begin(request, request->status, content_type);
    if (request->no_body) {
        feed_free(feed);
        http_respond_end(request);
        return true;
    }
    request->feed = feed;
    request->drained = feed_drained;
    feed_later(feed);
    return true;
}

static void whole_code(struct http_request *request, struct lucid_buf *body)
{
    struct http_loop *loop = request->loop;
    struct lucid_buf coded = {0};
    if (loop->gzip == NULL && http_gzip_open(false, &loop->gzip) != LUCID_OK) {
        body->failed = true;
        return;
    }
    http_gzip_piece(loop->gzip, lucid_buf_span(body), true, &coded);
    lucid_buf_fini(body);
    *body = coded;
    http_add_header(request, "Content-Encoding", "gzip");
}

bool http_coding_whole(struct http_request *request, const char *content_type,
                       struct lucid_buf *body)
{
    if (!lucid_buf_ok(body) || request->identity || !http_answer_varies(content_type, body->len)) {
        return false;
    }
    bool coded = http_answer_is_coded(request, content_type, body->len);
    if (coded && body->len > HTTP_GZIP_WHOLE_MAX && lucid_buf_ok(&request->extra) &&
        feed_begin(request, content_type, body)) {
        return true;
    }
    http_add_header(request, "Vary", "Accept-Encoding");
    if (coded) {
        whole_code(request, body);
    }
    return false;
}

void http_coding_end(struct http_request *request)
{
    if (request->gzip != NULL) {
        http_gzip_close(request->gzip);
        request->gzip = NULL;
        atomic_fetch_sub(&request->loop->server->gzip_streams, 1);
    }
    if (request->feed != NULL && !request->feed->deferred) {
        feed_free(request->feed);
        request->feed = NULL;
    }
}
