/* Postings of the books: of one account or of all, by cause and by time. */
#include "http/api/books_internal.h"

enum { POSITION_BYTES = 12 }; /* of the last posting: sequence u64, leg u32 */

/* Postings after (sequence, leg) and of events before end. */
struct range {
    uint64_t sequence;
    uint32_t leg;
    uint64_t end;
};

/* All of the event and what is before it lie outside of the range. */
static void range_after(struct range *range, uint64_t sequence)
{
    if (sequence >= range->sequence) {
        range->sequence = sequence;
        range->leg = UINT32_MAX;
    }
}

static void range_before(struct range *range, uint64_t sequence)
{
    range->end = sequence < range->end ? sequence : range->end;
}

/* The first event at or after the time in a query parameter; absent: *ret is untouched. False: it
 * has answered. */
static bool time_read(struct http_request *request, struct ledger_view *view, const char *name,
                      uint64_t *ret)
{
    struct lucid_span text = http_query(request, name);
    if (text.data == NULL) {
        return true;
    }
    uint64_t time_ms;
    if (!api_time_parse(text, &time_ms)) {
        api_bad_parameter(request, name, "not a time as 2026-11-21T10:00:00Z");
        return false;
    }
    enum lucid_error error = gas_sequence_at(view, time_ms, ret);
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return false;
    }
    return true;
}

/* Reads ?after_sequence=, ?as_of=, ?cause=, ?from=, ?to= (that time is not in it), the cursor. */
static bool range_read(struct http_request *request, struct ledger_view *view,
                       const struct api_page *page, struct range *ret)
{
    struct range range = {.end = UINT64_MAX, .leg = UINT32_MAX};
    uint64_t after;
    uint64_t cause;
    uint64_t from = 1;
    uint64_t to = UINT64_MAX;
    struct api_as_of as_of;
    if (!api_as_of_read(request, view, &as_of) ||
        !api_query_decimal(request, "after_sequence", 0, &after) ||
        !api_query_decimal(request, "cause", 0, &cause) ||
        !time_read(request, view, "from", &from) || !time_read(request, view, "to", &to)) {
        return false;
    }
    range_after(&range, after);
    range_after(&range, from - 1);
    range_before(&range, to);
    range_before(&range, as_of.sequence + 1);
    if (http_query(request, "cause").data != NULL) {
        range_after(&range, cause > 0 ? cause - 1 : 0);
        range_before(&range, cause + 1);
    }
    if (page->after_len != 0) {
        uint64_t sequence = lucid_get_be64(page->after);
        if (sequence > range.sequence) { /* what is outside of the range stays outside */
            range.sequence = sequence;
            range.leg = lucid_get_be32(page->after + 8);
        }
    }
    *ret = range;
    return true;
}

static void posting_write(const struct gas_posting *posting, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "cause", posting->sequence);
    lucid_json_member_u64(out, "leg", posting->leg);
    lucid_json_member_time(out, "time", posting->time_ms);
    lucid_json_member_cstr(out, "what", posting->what);
    lucid_json_member_cstr(out, "debit", posting->debit);
    lucid_json_member_cstr(out, "credit", posting->credit);
    gas_amount_member(out, "amount", posting->amount);
    lucid_json_member_cstr(out, "unit", gas_unit_name(posting->unit));
    lucid_buf_char(out, '}');
}

/* LUCID_OK: there are more, after (range->sequence, range->leg). LUCID_NOTE_ABSENT: there are none.
 */
static enum lucid_error postings_write(struct ledger_view *view, const struct gas_account *account,
                                       struct range *range, struct api_page *page)
{
    for (;;) {
        struct gas_posting posting;
        enum lucid_error error =
            gas_posting_next(view, account, range->sequence, range->leg, &posting);
        if (error == LUCID_OK && posting.sequence >= range->end) {
            error = LUCID_NOTE_ABSENT;
        }
        if (error != LUCID_OK || !api_page_item(page)) {
            return error;
        }
        posting_write(&posting, &page->out);
        range->sequence = posting.sequence;
        range->leg = posting.leg;
    }
}

/* Answers the page that was begun, and ends the view. account NULL: of all accounts; none: of one
 * that has none. */
static void postings_answer(struct http_request *request, struct ledger_view *view,
                            const struct gas_account *account, bool none, struct api_page *page)
{
    struct range range;
    if (!range_read(request, view, page, &range)) {
        ledger_view_end(view);
        api_page_drop(page);
        return;
    }
    enum lucid_error error = none ? LUCID_NOTE_ABSENT : postings_write(view, account, &range, page);
    uint8_t position[POSITION_BYTES];
    lucid_put_be64(position, range.sequence);
    lucid_put_be32(position + 8, range.leg);
    api_page_end(request, page, view, error, position, sizeof(position));
}

void api_postings_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'b', POSITION_BYTES, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    postings_answer(request, view, NULL, false, &page);
}

void api_account_postings_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'B', POSITION_BYTES, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct gas_account account = {0};
    bool opened = false;
    enum lucid_error error = api_account_find(view, http_param(request, "id"), &account, &opened);
    if (api_found(request, error, "account")) {
        postings_answer(request, view, &account, !opened, &page);
        return;
    }
    ledger_view_end(view);
    api_page_drop(&page);
}
