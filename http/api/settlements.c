/* Settlement statements: lists of them, and one with what has become of its lines. */
#include "http/api/settlements_internal.h"

enum { POSITION_BYTES = 9 }; /* unit, number */

bool api_settlement_id_parse(struct lucid_span text, enum gas_unit *ret_unit, uint64_t *ret_number)
{
    const uint8_t *dash = text.len > 0 ? memchr(text.data, '-', text.len) : NULL;
    if (dash == NULL) {
        return false;
    }
    size_t len = (size_t)(dash - text.data);
    enum gas_unit unit;
    if (!gas_unit_parse(lucid_span(text.data, len), &unit) ||
        !api_decimal(lucid_span(dash + 1, text.len - len - 1), ret_number)) {
        return false;
    }
    *ret_unit = unit;
    return true;
}

void api_settlement_id_write(enum gas_unit unit, uint64_t number, struct lucid_buf *out)
{
    lucid_json_member(out, "settlement");
    lucid_buf_printf(out, "\"%s-%llu\"", gas_unit_name(unit), (unsigned long long)number);
}

bool api_unit_query(struct http_request *request, enum gas_unit *ret)
{
    struct lucid_span text = http_query(request, "unit");
    if (text.data == NULL) {
        *ret = 0;
        return true;
    }
    if (!gas_unit_parse(text, ret)) {
        api_bad_parameter(request, "unit", "the unit must be LUCID or USDC");
        return false;
    }
    return true;
}

bool api_payee_query(struct http_request *request, struct lucid_span *ret)
{
    struct lucid_span text = http_query(request, "payee");
    if (text.data != NULL && !gas_name_ok(text, GAS_NAME_BYTES_MAX)) {
        api_bad_parameter(request, "payee", "a payee's name has 1 to 128 of A-Za-z0-9._:-");
        return false;
    }
    *ret = text;
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The members that lists show, into an open object. */
static void settlement_write(const struct gas_settlement *settlement, struct lucid_buf *out)
{
    api_settlement_id_write(settlement->unit, settlement->number, out);
    lucid_json_member_cstr(out, "unit", gas_unit_name(settlement->unit));
    lucid_json_member_u64(out, "number", settlement->number);
    lucid_json_member_u64(out, "epoch", settlement->epoch);
    lucid_json_member_u64(out, "part", settlement->part);
    lucid_json_member_u64(out, "parts", settlement->parts);
    lucid_json_member_u64(out, "period_first", settlement->period_first);
    lucid_json_member_u64(out, "period_last", settlement->period_last);
    lucid_json_member_u64(out, "sequence", settlement->sequence);
    lucid_json_member_time(out, "issued_at", settlement->issued_ms);
    lucid_json_member_hex(out, "statement_hash", settlement->hash, sizeof(settlement->hash));
    lucid_json_member_u64(out, "line_count", settlement->line_count);
    lucid_json_member_u64(out, "lines_open", settlement->lines_open);
    gas_sum_member(out, "total", settlement->total);
    gas_sum_member(out, "paid", settlement->paid);
    lucid_json_member_cstr(out, "status", gas_settlement_status(settlement));
    if (settlement->closed_sequence == 0) {
        lucid_json_member_null(out, "closed_at");
    } else {
        lucid_json_member_time(out, "closed_at", settlement->closed_ms);
    }
}

static enum lucid_error lines_write(struct ledger_view *view,
                                    const struct gas_settlement *settlement, struct lucid_buf *out)
{
    struct gas_settlement_line line;
    enum lucid_error error = gas_settlement_line_next(view, settlement->unit, settlement->number,
                                                      lucid_span(NULL, 0), &line);
    lucid_json_member(out, "lines");
    lucid_buf_char(out, '[');
    for (size_t i = 0; error == LUCID_OK; i++) {
        lucid_buf_str(out, i > 0 ? ",{" : "{");
        lucid_json_member_cstr(out, "payee", line.payee);
        gas_amount_member(out, "amount", line.amount);
        gas_amount_member(out, "paid", line.paid);
        gas_amount_member(out, "pending", line.pending);
        gas_amount_member(out, "open", line.amount - line.paid - line.pending);
        lucid_buf_char(out, '}');
        char last[GAS_NAME_BYTES_MAX + 1];
        memcpy(last, line.payee, sizeof(last));
        error = gas_settlement_line_next(view, settlement->unit, settlement->number,
                                         lucid_span_str(last), &line);
    }
    lucid_buf_char(out, ']');
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* The first API_LIST_MAX payouts; all of them are found in the list of payouts. */
static enum lucid_error payouts_write(struct ledger_view *view,
                                      const struct gas_settlement *settlement,
                                      struct lucid_buf *out)
{
    const struct lucid_span any = {NULL, 0};
    struct gas_payout payout;
    enum lucid_error error =
        gas_payout_of_line_next(view, settlement->unit, settlement->number, any, 0, &payout);
    lucid_json_member(out, "payouts");
    lucid_buf_char(out, '[');
    for (size_t i = 0; error == LUCID_OK && i < API_LIST_MAX; i++) {
        bool verified;
        error = api_payout_verified(view, &payout, &verified);
        if (error != LUCID_OK) {
            return error;
        }
        lucid_buf_str(out, i > 0 ? "," : "");
        api_payout_write(&payout, verified, NULL, out);
        error = gas_payout_of_line_next(view, settlement->unit, settlement->number, any,
                                        payout.number, &payout);
    }
    lucid_buf_char(out, ']');
    lucid_json_member_bool(out, "payouts_more", error == LUCID_OK);
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* The document's own two members, byte for byte as they were signed, and what became of them. */
static enum lucid_error detail_write(struct ledger_view *view,
                                     const struct gas_settlement *settlement, struct lucid_buf *out)
{
    struct lucid_span document;
    enum lucid_error error = gas_settlement_document(view, settlement, &document);
    if (error != LUCID_OK) {
        return error;
    }
    if (document.len < 2 || document.data[0] != '{') {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_buf_char(out, '{');
    lucid_buf_put(out, document.data + 1, document.len - 2);
    settlement_write(settlement, out);
    error = lines_write(view, settlement, out);
    if (error == LUCID_OK) {
        error = payouts_write(view, settlement, out);
    }
    lucid_buf_char(out, '}');
    return error;
}

void api_settlement_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    enum gas_unit unit;
    uint64_t number;
    if (!api_settlement_id_parse(http_param(request, "id"), &unit, &number)) {
        api_not_found(request, "settlement");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct gas_settlement settlement;
    struct lucid_buf out = {0};
    enum lucid_error error = gas_settlement_read(view, unit, number, &settlement);
    bool absent = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_OK) {
        error = detail_write(view, &settlement, &out);
    }
    ledger_view_end(view);
    if (error == LUCID_OK) {
        api_answer(request, 200, API_JSON, &out);
        return;
    }
    lucid_buf_fini(&out);
    if (absent) {
        api_not_found(request, "settlement");
    } else if (error == LUCID_FATAL_CORRUPT) {
        api_corrupt(request, "a settlement statement");
    } else {
        api_refuse(request, error, NULL);
    }
}

/* --- list ------------------------------------------------------------------------------------- */

struct filter {
    enum gas_unit unit; /* 0: all */
    bool has_epoch;
    uint64_t epoch;
    const char *status; /* NULL: all */
    struct lucid_span payee;
};

/* Where a list stands: at or after this statement. */
struct walk {
    enum gas_unit unit;
    uint64_t number;
    enum gas_unit located; /* the unit in which the filter's epoch was looked for; 0: none yet */
    unsigned looks;
};

static bool filter_read(struct http_request *request, struct filter *ret)
{
    struct lucid_span status = http_query(request, "status");
    ret->has_epoch = http_query(request, "epoch").data != NULL;
    ret->status = lucid_span_is(status, "open")     ? "open"
                  : lucid_span_is(status, "closed") ? "closed"
                                                    : NULL;
    if (status.data != NULL && ret->status == NULL) {
        api_bad_parameter(request, "status", "the status must be open or closed");
        return false;
    }
    return api_query_decimal(request, "epoch", 0, &ret->epoch) &&
           api_unit_query(request, &ret->unit) && api_payee_query(request, &ret->payee);
}

/* The unit's first statement of that epoch or a later one: their epochs ascend. */
static enum lucid_error epoch_first(struct ledger_view *view, enum gas_unit unit, uint64_t epoch,
                                    uint64_t *ret)
{
    uint64_t low = 0;
    uint64_t high;
    enum lucid_error error = gas_settlement_count(view, unit, &high);
    while (error == LUCID_OK && low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct gas_settlement settlement;
        error = gas_settlement_read(view, unit, middle, &settlement);
        if (error == LUCID_OK && settlement.epoch < epoch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret = low;
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* The next one of walk->unit that fits. LUCID_NOTE_ABSENT: no more in this unit; LUCID_NOTE_END:
 * enough was looked at. */
static enum lucid_error unit_next(struct ledger_view *view, const struct filter *filter,
                                  struct walk *walk, struct gas_settlement *ret)
{
    for (;; walk->number++) {
        enum lucid_error error = LUCID_OK;
        if (walk->looks++ == API_LOOKS_MAX) {
            return LUCID_NOTE_END;
        }
        if (filter->payee.len > 0) {
            struct gas_settlement_line line;
            error = gas_payee_line_next(view, walk->unit, filter->payee, walk->number, &line);
            walk->number = error == LUCID_OK ? line.number : walk->number;
        }
        if (error == LUCID_OK) {
            error = gas_settlement_read(view, walk->unit, walk->number, ret);
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (filter->has_epoch && ret->epoch > filter->epoch) {
            return LUCID_NOTE_ABSENT;
        }
        if ((!filter->has_epoch || ret->epoch == filter->epoch) &&
            (filter->status == NULL || strcmp(filter->status, gas_settlement_status(ret)) == 0)) {
            return LUCID_OK;
        }
    }
}

static enum lucid_error settlement_next(struct ledger_view *view, const struct filter *filter,
                                        struct walk *walk, struct gas_settlement *ret)
{
    for (; walk->unit <= GAS_UNITS; walk->unit++, walk->number = 0) {
        if (filter->unit != 0 && walk->unit != filter->unit) {
            continue;
        }
        if (filter->has_epoch && walk->located != walk->unit) {
            uint64_t first;
            enum lucid_error error = epoch_first(view, walk->unit, filter->epoch, &first);
            if (error != LUCID_OK) {
                return error;
            }
            walk->number = first > walk->number ? first : walk->number;
            walk->located = walk->unit;
        }
        enum lucid_error error = unit_next(view, filter, walk, ret);
        if (error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    return LUCID_NOTE_ABSENT;
}

static enum lucid_error list_write(struct ledger_view *view, const struct filter *filter,
                                   struct walk *walk, struct api_page *page)
{
    struct gas_settlement settlement;
    enum lucid_error error = settlement_next(view, filter, walk, &settlement);
    while (error == LUCID_OK && api_page_item(page)) {
        lucid_buf_char(&page->out, '{');
        settlement_write(&settlement, &page->out);
        lucid_buf_char(&page->out, '}');
        walk->number++;
        error = settlement_next(view, filter, walk, &settlement);
    }
    return error;
}

void api_settlements_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct filter filter;
    struct api_page page;
    if (!filter_read(request, &filter) || !api_page_begin(request, 'c', POSITION_BYTES, &page)) {
        return;
    }
    struct walk walk = {.unit = GAS_LUCID};
    if (page.after_len != 0) {
        walk.unit = page.after[0];
        walk.number = lucid_get_be64(page.after + 1);
    }
    if (walk.unit < GAS_LUCID || walk.unit > GAS_UNITS || walk.number > INT64_MAX) {
        api_page_lost(request, &page);
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    enum lucid_error error = list_write(view, &filter, &walk, &page);
    uint8_t position[POSITION_BYTES] = {(uint8_t)walk.unit};
    lucid_put_be64(position + 1, walk.number);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* --- what is not yet stated ------------------------------------------------------------------- */

static void earning_write(const struct gas_settlement_line *line, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "payee", line->payee);
    lucid_json_member_cstr(out, "unit", gas_unit_name(line->unit));
    gas_amount_member(out, "amount", line->amount);
    gas_amount_member(out, "compute", line->compute);
    gas_amount_member(out, "model", line->model);
    gas_amount_member(out, "released", line->released);
    gas_amount_member(out, "reversed", line->reversed);
    gas_amount_member(out, "brought", line->brought);
    gas_amount_member(out, "carried", line->carried);
    lucid_json_member_u64(out, "payments", line->payments);
    lucid_buf_char(out, '}');
}

/* The first earning of the unit after that payee, or of the next unit. */
static enum lucid_error earning_next(struct ledger_view *view, enum gas_unit only,
                                     enum gas_unit unit, struct lucid_span after,
                                     struct gas_settlement_line *ret)
{
    enum lucid_error error = LUCID_NOTE_ABSENT;
    for (; error == LUCID_NOTE_ABSENT && unit <= GAS_UNITS; unit++) {
        if (only == 0 || unit == only) {
            error = gas_earning_next(view, unit, after, ret);
        }
        after = lucid_span(NULL, 0);
    }
    return error;
}

void api_settlement_current_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    enum gas_unit only;
    if (!api_unit_query(request, &only) || !api_page_begin(request, 'n', API_CURSOR_TEXT, &page)) {
        return;
    }
    /* unit, payee */
    uint8_t last[1 + GAS_NAME_BYTES_MAX] = {GAS_LUCID};
    size_t len = 1;
    if (page.after_len != 0 && page.after_len <= sizeof(last)) {
        memcpy(last, page.after, page.after_len);
        len = page.after_len;
    }
    if (page.after_len > sizeof(last) || last[0] < GAS_LUCID || last[0] > GAS_UNITS) {
        api_page_lost(request, &page);
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct gas_settlement_line line;
    enum lucid_error error =
        earning_next(view, only, last[0], lucid_span(last + 1, len - 1), &line);
    while (error == LUCID_OK && api_page_item(&page)) {
        earning_write(&line, &page.out);
        last[0] = (uint8_t)line.unit;
        len = 1 + strlen(line.payee);
        memcpy(last + 1, line.payee, len - 1);
        error = earning_next(view, only, last[0], lucid_span(last + 1, len - 1), &line);
    }
    api_page_end(request, &page, view, error, last, len);
}
