/* Lists: ?limit=, ?cursor=, {"items":[…],"next_cursor":…}. */
#include "base/assert.h"
#include "http/api/api_internal.h"

static bool cursor_read(struct lucid_span text, char kind, size_t position_len,
                        struct api_page *page)
{
    uint8_t bytes[1 + API_CURSOR_BYTES_MAX];
    if (position_len == API_CURSOR_TEXT) {
        position_len = text.len / 2 > 1 ? text.len / 2 - 1 : 1;
    }
    if (position_len > API_CURSOR_BYTES_MAX || !lucid_hex_decode(text, bytes, 1 + position_len) ||
        bytes[0] != (uint8_t)kind) {
        return false;
    }
    memcpy(page->after, bytes + 1, position_len);
    page->after_len = position_len;
    return true;
}

bool api_page_begin(struct http_request *request, char kind, size_t position_len,
                    struct api_page *ret)
{
    lucid_assert(position_len <= API_CURSOR_BYTES_MAX);
    struct api_page page = {.kind = kind};
    if (!api_query_decimal(request, "limit", API_LIST_DEFAULT, &page.limit)) {
        return false;
    }
    if (page.limit < 1 || page.limit > API_LIST_MAX) {
        api_bad_parameter(request, "limit", "the limit must be 1 to 1000");
        return false;
    }
    struct lucid_span cursor = http_query(request, "cursor");
    if (cursor.data != NULL && !cursor_read(cursor, kind, position_len, &page)) {
        api_bad_parameter(request, "cursor", "not a cursor of this list");
        return false;
    }
    *ret = page;
    lucid_buf_str(&ret->out, "{\"items\":[");
    return true;
}

bool api_page_item(struct api_page *page)
{
    if (page->count == page->limit) {
        return false;
    }
    if (page->count++ > 0) {
        lucid_buf_char(&page->out, ',');
    }
    return true;
}

/* Position NULL: there is no more. Closes neither the outer object nor the answer. */
static void page_end(struct api_page *page, const void *position, size_t position_len)
{
    lucid_buf_char(&page->out, ']');
    if (position == NULL) {
        lucid_json_member_null(&page->out, "next_cursor");
        return;
    }
    lucid_json_member(&page->out, "next_cursor");
    lucid_buf_char(&page->out, '"');
    lucid_buf_hex(&page->out, &page->kind, 1);
    lucid_buf_hex(&page->out, position, position_len);
    lucid_buf_char(&page->out, '"');
}

void api_page_answer(struct http_request *request, struct api_page *page, const void *position,
                     size_t position_len)
{
    page_end(page, position, position_len);
    lucid_buf_char(&page->out, '}');
    api_answer(request, 200, API_JSON, &page->out);
}

struct ledger_view *api_page_view(struct http_request *request, struct api_page *page)
{
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        api_page_drop(page);
    }
    return view;
}

void api_page_lost(struct http_request *request, struct api_page *page)
{
    api_page_drop(page);
    api_bad_parameter(request, "cursor", "not a cursor of this list");
}

void api_page_end(struct http_request *request, struct api_page *page, struct ledger_view *view,
                  enum lucid_error error, const void *position, size_t position_len)
{
    ledger_view_end(view);
    if (error == LUCID_OK || error == LUCID_NOTE_END) {
        api_page_answer(request, page, position, position_len);
    } else if (error == LUCID_NOTE_ABSENT) {
        api_page_answer(request, page, NULL, 0);
    } else {
        api_page_drop(page);
        api_refuse(request, error, NULL);
    }
}

void api_page_drop(struct api_page *page)
{
    lucid_buf_fini(&page->out);
}
