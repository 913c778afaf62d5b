/* GET /v1/events: the log from a position to its newest event, as NDJSON. */
#include "http/api/events_internal.h"

struct export
{
    struct api_pages pages; /* first member */
    struct api_events reader;
    uint64_t end; /* the newest event when it began: under load there is always one more */
};

static enum lucid_error export_write(struct api_pages *pages, struct ledger_view *view,
                                     struct lucid_buf *out)
{
    struct export *export = (struct export *)pages; /* first member */
    enum lucid_error error = api_events_page(&export->reader, view, export->end, out);
    pages->over = export->reader.next > export->end || export->reader.left == 0;
    return error;
}

static void export_fail(struct api_pages *pages, enum lucid_error error)
{
    api_events_abort(pages->request, &((struct export *)pages)->reader, error);
}

/* The first page is read before the answer begins: what is wrong with it is a problem document. */
static enum lucid_error export_first(struct export *export, struct ledger_view *view,
                                     struct lucid_buf *out)
{
    export->end = api_events_newest(view);
    if (export->reader.next - 1 > export->end) {
        return LUCID_NOTE_ABSENT;
    }
    return export_write(&export->pages, view, out);
}

static void export_begin(struct export *export, struct http_request *request)
{
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
    api_pages_begin(&export->pages, request, API_NDJSON, &out);
}

void api_events_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct export *export = lucid_arena_zalloc(http_arena(request), sizeof(*export));
    if (export == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    export->pages.write = export_write;
    export->pages.fail = export_fail;
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
    export_begin(export, request);
}
