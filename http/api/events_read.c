/* Pages of the event log, checked on their way out. */
#include <stdio.h>

#include "base/log.h"
#include "http/api/events_internal.h"
#include "ledger/event.h"
#include "ledger/event_json.h"

/* A page is what one view serves: small, so that a view lasts about a millisecond. */
enum { PAGE_EVENTS_MAX = 512, PAGE_BYTES_MAX = 128 * 1024 };

static bool type_name_ok(struct lucid_span types)
{
    for (size_t i = 0; i < types.len; i++) {
        uint8_t c = types.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-' || c == ',')) {
            return false;
        }
    }
    return types.len > 0 && types.len <= API_EVENT_TYPES_BYTES_MAX;
}

bool api_events_options(struct http_request *request, struct api_events *reader)
{
    struct lucid_span bodies = http_query(request, "bodies");
    struct lucid_span types = http_query(request, "types");
    reader->bodies = lucid_span_is(bodies, "true");
    if (bodies.data != NULL && !reader->bodies && !lucid_span_is(bodies, "false")) {
        api_bad_parameter(request, "bodies", "bodies must be true or false");
        return false;
    }
    if (types.data != NULL && !type_name_ok(types)) {
        api_bad_parameter(request, "types", "types must be names of event types with commas");
        return false;
    }
    reader->types = types;
    struct ledger_token token = {.scopes = 0};
    if (reader->bodies && !api_token_find(request, api_of(request), &token)) {
        return false;
    }
    reader->audit = (token.scopes & (TOKEN_AUDIT | TOKEN_ADMIN)) != 0;
    return true;
}

uint64_t api_events_newest(struct ledger_view *view)
{
    struct store_counts counts;
    store_counts_read(ledger_view_store(view), &counts);
    return counts.events;
}

void api_events_beyond(struct http_request *request, const char *param, uint64_t newest)
{
    char text[96];
    snprintf(text, sizeof(text), "the log has %llu events only", (unsigned long long)newest);
    api_bad_parameter(request, param, text);
}

/* Whether the list of names holds this one. */
static bool type_wanted(struct lucid_span types, struct lucid_span type)
{
    while (types.len > 0) {
        const uint8_t *comma = memchr(types.data, ',', types.len);
        size_t len = comma == NULL ? types.len : (size_t)(comma - types.data);
        if (lucid_span_equal(lucid_span(types.data, len), type)) {
            return true;
        }
        size_t step = comma == NULL ? len : len + 1;
        types = lucid_span(types.data + step, types.len - step);
    }
    return false;
}

/* Leaves logged by events before a sequence. */
static enum lucid_error leaves_before(struct ledger_view *view, uint64_t sequence, uint64_t *ret)
{
    uint64_t low = 0;
    uint64_t high = ledger_view_leaves(view);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct store_leaf row;
        enum lucid_error error = store_leaf_read(ledger_view_store(view), middle, &row);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        if (row.sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret = low;
    return LUCID_OK;
}

static enum lucid_error reader_locate(struct api_events *reader, struct ledger_view *view)
{
    const struct ledger_identity *identity;
    struct store_event before;
    enum lucid_error error = LUCID_OK;
    if (reader->next == 1) {
        if (!ledger_identity(ledger_view_ledger(view), &identity)) {
            return LUCID_OK; /* an empty log */
        }
        event_hash_first(identity->origin, reader->hash);
    } else {
        error = store_event_read(ledger_view_store(view), reader->next - 1, &before);
        if (error == LUCID_OK) {
            memcpy(reader->hash, before.hash, sizeof(reader->hash));
        }
    }
    if (error == LUCID_OK) {
        error = leaves_before(view, reader->next, &reader->leaf);
    }
    reader->located = error == LUCID_OK;
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* --- one event -------------------------------------------------------------------------------- */

struct page {
    struct api_events *reader;
    struct ledger_view *view;
    struct lucid_buf *out;
    uint64_t end;
    unsigned scanned;
};

static enum lucid_error entry_check(struct page *page, const struct store_event *event)
{
    struct mmr_nodes nodes = ledger_view_nodes(page->view);
    struct mmr_hash computed;
    struct mmr_hash stored;
    uint64_t leaf = page->reader->leaf;
    if (leaf >= ledger_view_leaves(page->view)) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = nodes.get(nodes.context, mmr_node_index(0, leaf), &stored);
    mmr_hash_leaf(lucid_span(event->entry, STORE_ENTRY_BYTES), &computed);
    if (error != LUCID_OK || memcmp(&computed, &stored, sizeof(stored)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    return LUCID_OK;
}

static enum lucid_error body_get(struct page *page, struct ledger_event_record *record)
{
    const struct store_event *event = &record->event;
    bool receipt = event->entry != NULL && lucid_span_is(event->type, "receipt");
    enum lucid_error error =
        store_body_read(ledger_view_store(page->view), event->sequence, &record->body);
    if (error == LUCID_NOTE_ERASED) {
        record->body_erased = true;
        return LUCID_OK;
    }
    if (error == LUCID_NOTE_ABSENT) {
        /* Every receipt came with a body: one that is simply not there was lost. */
        record->body = lucid_span(NULL, 0);
        return receipt ? LUCID_FATAL_CORRUPT : LUCID_OK;
    }
    if (error == LUCID_OK && !receipt && !page->reader->audit) {
        record->body = lucid_span(NULL, 0);
        record->body_withheld = true;
        return LUCID_OK;
    }
    if (error == LUCID_OK && receipt) {
        uint8_t hash[LUCID_SHA256_BYTES];
        lucid_sha256(record->body, hash);
        error = memcmp(hash, event->entry, sizeof(hash)) == 0 ? LUCID_OK : LUCID_FATAL_CORRUPT;
    }
    return error;
}

static void event_write(const struct page *page, const struct ledger_event_record *record)
{
    struct lucid_buf *out = page->out;
    if (page->reader->form == API_EVENTS_NDJSON) {
        ledger_event_json_write(record, out);
        lucid_buf_char(out, '\n');
        return;
    }
    lucid_buf_str(out, "id: ");
    lucid_buf_u64(out, record->event.sequence);
    lucid_buf_str(out, "\nevent: ");
    lucid_buf_span_put(out, record->event.type);
    lucid_buf_str(out, "\ndata: ");
    ledger_event_json_write(record, out);
    lucid_buf_str(out, "\n\n");
}

static enum lucid_error event_take(void *context, const struct store_event *event)
{
    struct page *page = context;
    struct api_events *reader = page->reader;
    struct ledger_event_record record = {.event = *event, .leaf = reader->leaf};
    uint8_t hash[STORE_HASH_BYTES];
    if (event->sequence > page->end || reader->left == 0 || page->scanned == PAGE_EVENTS_MAX ||
        page->out->len >= PAGE_BYTES_MAX) {
        return LUCID_NOTE_END;
    }
    event_hash(reader->hash, event, hash);
    if (event->sequence != reader->next || memcmp(hash, event->hash, sizeof(hash)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = event->entry == NULL ? LUCID_OK : entry_check(page, event);
    if (error == LUCID_OK &&
        (reader->types.data == NULL || type_wanted(reader->types, event->type))) {
        error = reader->bodies ? body_get(page, &record) : LUCID_OK;
        if (error == LUCID_OK) {
            event_write(page, &record);
            reader->left--;
        }
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(reader->hash, hash, sizeof(hash));
    reader->next++;
    reader->leaf += event->entry != NULL;
    page->scanned++;
    return LUCID_OK;
}

enum lucid_error api_events_page(struct api_events *reader, struct ledger_view *view, uint64_t end,
                                 struct lucid_buf *out)
{
    if (reader->next > end || reader->left == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = reader->located ? LUCID_OK : reader_locate(reader, view);
    if (error != LUCID_OK) {
        return error;
    }
    struct page page = {.reader = reader, .view = view, .out = out, .end = end};
    error = store_event_scan(ledger_view_store(view), reader->next, event_take, &page);
    if (error == LUCID_OK && page.scanned == 0) {
        return LUCID_FATAL_CORRUPT; /* the view's own count says that there is more */
    }
    return error == LUCID_OK && !lucid_buf_ok(out) ? LUCID_RETRY_MEMORY : error;
}

void api_events_abort(struct http_request *request, const struct api_events *reader,
                      enum lucid_error error)
{
    struct api *api = api_of(request);
    if (error == LUCID_FATAL_CORRUPT) {
        atomic_fetch_add_explicit(&api->metrics.verification_failures, 1, memory_order_relaxed);
    }
    lucid_log(LUCID_LOG_ERROR, "events.cut", "event %llu could not be served: %s",
              (unsigned long long)reader->next, lucid_error_name(error));
    http_respond_abort(request);
}
