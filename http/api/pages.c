/* Answers of any length, written a page at a time. */
#include "base/assert.h"
#include "http/api/api_internal.h"

static void pages_next(struct http_post *post);

/* Holds the request until the page has run. */
static void pages_later(struct api_pages *pages,
                        void (*when)(struct http_loop *loop, struct http_post *post))
{
    if (!pages->deferred) {
        pages->deferred = true;
        http_hold(pages->request);
        pages->post = (struct http_post){.run = pages_next};
        when(http_request_loop(pages->request), &pages->post);
    }
}

static void pages_fail(struct api_pages *pages, enum lucid_error error)
{
    pages->ended = true;
    pages->fail(pages, error);
}

/* Sends a page, then goes on, ends or waits for the client. */
static void pages_send(struct api_pages *pages, enum lucid_error error, struct lucid_buf *out)
{
    if (error == LUCID_OK && !lucid_buf_ok(out)) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error != LUCID_OK) {
        lucid_buf_fini(out);
        pages_fail(pages, error);
        return;
    }
    bool room = http_respond_data(pages->request, out);
    if (pages->over) {
        pages->ended = true;
        http_respond_end(pages->request);
    } else if (room) {
        pages_later(pages, http_loop_defer);
    }
}

static void pages_next(struct http_post *post)
{
    struct api_pages *pages = (struct api_pages *)post; /* first member */
    struct http_request *request = pages->request;
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    pages->deferred = false;
    enum lucid_error error = http_is_gone(request) ? LUCID_NOTE_END : ledger_view_begin(loop->view);
    if (error == LUCID_OK) {
        struct lucid_buf out = {0};
        error = pages->write(pages, loop->view, &out);
        ledger_view_end(loop->view);
        pages_send(pages, error, &out);
    } else if (error == LUCID_RETRY_BUSY) {
        pages_later(pages, http_loop_delay);
    } else if (error != LUCID_NOTE_END) {
        pages_fail(pages, error);
    }
    http_release(request); /* the one that pages_later took */
}

static void pages_drained(struct http_request *request)
{
    struct api_pages *pages = http_user(request);
    if (!pages->ended) {
        pages_later(pages, http_loop_defer);
    }
}

void api_pages_begin(struct api_pages *pages, struct http_request *request, const char *type,
                     struct lucid_buf *first)
{
    lucid_assert(pages->write != NULL && pages->fail != NULL);
    pages->request = request;
    http_set_user(request, pages, NULL);
    http_on_drained(request, pages_drained);
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond_begin(request, 200, type);
    pages->over = pages->over || lucid_span_is(http_method(request), "HEAD");
    pages_send(pages, LUCID_OK, first);
}
