/* GET /v1/events: the log from a position to its newest event, as NDJSON.
 *
 * A page per turn, read in a view that ends with it; while the client does not take what it was
 * given, nothing is read. So a slow reader costs one output buffer and no read transaction. */
#include "base/assert.h"
#include "http/api/events_internal.h"

struct export
{
    struct http_post post; /* first member: the next page */
    struct api *api;
    struct http_request *request;
    struct api_events reader;
    uint64_t end; /* the newest event when it began: under load there is always one more */
    bool deferred;
    bool ended;
};

static void export_page(struct http_post *post);

/* Holds the request until the page has run. */
static void export_later(struct export *export,
                         void (*when)(struct http_loop *loop, struct http_post *post))
{
    if (!export->deferred) {
        export->deferred = true;
        http_hold(export->request);
        export->post = (struct http_post){.run = export_page};
        when(http_request_loop(export->request), &export->post);
    }
}

/* Sends a page, then goes on, ends or waits for the client. */
static void export_send(struct export *export, struct lucid_buf *out)
{
    bool room = http_respond_data(export->request, out);
    if (export->reader.next > export->end || export->reader.left == 0) {
        export->ended = true;
        http_respond_end(export->request);
    } else if (room) {
        export_later(export, http_loop_defer);
    }
}

static void export_page(struct http_post *post)
{
    struct export *export = (struct export *)post; /* first member */
    struct http_request *request = export->request;
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    export->deferred = false;
    struct lucid_buf out = {0};
    enum lucid_error error = http_is_gone(request) ? LUCID_NOTE_END : ledger_view_begin(loop->view);
    if (error == LUCID_OK) {
        error = api_events_page(&export->reader, loop->view, export->end, &out);
        ledger_view_end(loop->view);
    }
    if (error == LUCID_OK) {
        export_send(export, &out);
    } else {
        lucid_buf_fini(&out);
        if (error == LUCID_RETRY_BUSY) {
            export_later(export, http_loop_delay);
        } else if (error != LUCID_NOTE_END) {
            export->ended = true;
            api_events_abort(request, &export->reader, error);
        }
    }
    http_release(request); /* the one that export_later took */
}

static void export_drained(struct http_request *request)
{
    struct export *export = http_user(request);
    if (!export->ended) {
        export_later(export, http_loop_defer);
    }
}

/* The first page is read before the answer begins: what is wrong with it is a problem document. */
static enum lucid_error export_first(struct export *export, struct ledger_view *view,
                                     struct lucid_buf *out)
{
    export->end = api_events_newest(view);
    if (export->reader.next - 1 > export->end) {
        return LUCID_NOTE_ABSENT;
    }
    return api_events_page(&export->reader, view, export->end, out);
}

static void export_begin(struct export *export)
{
    struct http_request *request = export->request;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    enum lucid_error error = export_first(export, view, &out);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        if (error == LUCID_NOTE_ABSENT) {
            api_events_beyond(request, "after", export->end);
        } else {
            api_refuse(request, error, NULL);
        }
        return;
    }
    http_set_user(request, export, NULL);
    http_on_drained(request, export_drained);
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond_begin(request, 200, API_NDJSON);
    if (lucid_span_is(http_method(request), "HEAD")) {
        export->reader.left = 0;
    }
    export_send(export, &out);
}

void api_events_get(struct http_request *request, const struct http_route *route)
{
    struct export *export = lucid_arena_zalloc(http_arena(request), sizeof(*export));
    if (export == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    export->api = api_of_route(route);
    export->request = request;
    export->reader.form = API_EVENTS_NDJSON;
    uint64_t after;
    if (!api_query_decimal(request, "after", 0, &after) ||
        !api_query_decimal(request, "limit", INT64_MAX, &export->reader.left) ||
        !api_events_options(request, &export->reader)) {
        return;
    }
    if (export->reader.left == 0) {
        api_bad_parameter(request, "limit", "the limit must be at least 1");
        return;
    }
    export->reader.next = after + 1;
    export_begin(export);
}
