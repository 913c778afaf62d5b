/* GET /passport/{id} and /passport/assets/{name}: the page for people. */
#include "plugins/passport/module/module.h"
#include "plugins/passport/page/page.h"

#define SECOND_MS 1000U
#define HTML      "text/html; charset=utf-8"

/* What every answer here says, whatever it is. */
static enum lucid_error headers_add(struct ask *ask, const struct application *application)
{
    const struct lucid_plugin_host *host = ask->host;
    struct lucid_buf policy;
    lucid_buf_init(&policy, PAGE_POLICY_BYTES_MAX);
    page_policy_write(application, &policy);
    lucid_buf_char(&policy, '\0');
    bool ok = lucid_buf_ok(&policy);
    if (ok) {
        host->call_add_header(ask->call, "Content-Security-Policy", (const char *)policy.data);
        host->call_add_header(ask->call, "X-Content-Type-Options", "nosniff");
        host->call_add_header(ask->call, "Referrer-Policy", "no-referrer");
        host->call_add_header(ask->call, "Cross-Origin-Opener-Policy", "same-origin");
    }
    lucid_buf_fini(&policy);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* Status and checks are those of now: asked for each time. */
static enum lucid_error html_answer(struct ask *ask, int status,
                                    const struct application *application)
{
    enum lucid_error error = headers_add(ask, application);
    if (error != LUCID_OK || !lucid_buf_ok(&ask->out)) {
        return LUCID_RETRY_MEMORY;
    }
    ask->host->call_add_header(ask->call, "Cache-Control", "no-store");
    ask->host->call_respond(ask->call, status, HTML,
                            (struct lucid_plugin_bytes){ask->out.data, ask->out.len});
    return LUCID_OK;
}

static enum lucid_error absent(struct ask *ask)
{
    page_absent_write(&ask->out);
    return html_answer(ask, 404, NULL);
}

/* The hash that its leaf's entry begins with: how /v1/receipts calls it. */
static enum lucid_error record_find(struct ask *ask, const struct passport_row *row,
                                    uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_plugin_event event;
    enum lucid_plugin_result result = ask->host->view_event(ask->view, row->sequence, &event);
    if (result == LUCID_PLUGIN_BUSY) {
        return LUCID_RETRY_BUSY;
    }
    if (result != LUCID_PLUGIN_OK || event.entry == NULL) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret, event.entry, LUCID_SHA256_BYTES);
    return LUCID_OK;
}

static enum lucid_error page_of(struct ask *ask, const struct passport_row *row)
{
    struct passport *passport = lucid_arena_zalloc(&ask->arena, sizeof(*passport));
    struct verify *verify = lucid_arena_zalloc(&ask->arena, sizeof(*verify));
    struct lucid_span document;
    if (passport == NULL || verify == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct page page = {.passport = passport,
                        .verify = verify,
                        .application = answer_application(ask, row),
                        .origin = lucid_span_str(ask->host->origin),
                        .base_url = module_of(ask)->base_url,
                        .evidence_public = row->quote,
                        .disallowed = answer_disallowed(ask, row),
                        .now_s = ask->now_ms / SECOND_MS};
    enum lucid_error error = answer_passport(ask, row, passport, &document);
    if (error == LUCID_OK) {
        error = record_find(ask, row, page.record);
    }
    if (error == LUCID_OK) {
        error = verify_logged(ask, row, verify);
    }
    if (error == LUCID_OK && !page.disallowed) {
        error = answer_header_add(ask, row, passport);
    }
    if (error != LUCID_OK) {
        return error;
    }
    answer_status(ask, row, &page.status);
    memcpy(page.digest, row->digest, sizeof(page.digest));
    page_write(&page, &ask->out);
    return html_answer(ask, 200, page.application);
}

static enum lucid_error page(struct ask *ask, struct lucid_why *why)
{
    struct passport_row row;
    (void)why;
    enum lucid_error error = answer_find(ask, &row);
    if (error == LUCID_OK) {
        error = page_of(ask, &row);
    }
    return error == LUCID_NOTE_ABSENT ? absent(ask) : error;
}

/* The page asks with the version that it was made with; those bytes never change. */
static enum lucid_error asset(struct ask *ask, struct lucid_why *why)
{
    const struct page_asset *found =
        page_asset_find(kit_span(ask->host->call_param(ask->call, "name")));
    (void)why;
    if (found == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    bool versioned = lucid_span_is(kit_span(ask->host->call_query(ask->call, "v")), found->digest);
    enum lucid_error error = headers_add(ask, NULL);
    if (error == LUCID_OK) {
        ask->host->call_respond_tagged(ask->call, found->type,
                                       (struct lucid_plugin_bytes){found->bytes, *found->len},
                                       versioned ? UINT32_MAX : 0);
    }
    return error;
}

enum lucid_plugin_result route_page(void *self, struct lucid_plugin_call *call,
                                    struct lucid_plugin_why *why)
{
    return ask_run(self, call, page, why);
}

enum lucid_plugin_result route_page_asset(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, asset, why);
}
