/* Payouts: started, recorded, completed and failed by an admin; lists of them. */
#include <stdio.h>

#include "http/api/settlements_internal.h"

static const char INVALID[] = "INVALID_PAYOUT";

void api_payout_write(const struct gas_payout *payout, bool verified, const bool *replayed,
                      struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "payout", payout->number);
    api_settlement_id_write(payout->unit, payout->settlement, out);
    lucid_json_member_cstr(out, "payee", payout->payee);
    lucid_json_member_cstr(out, "unit", gas_unit_name(payout->unit));
    gas_amount_member(out, "amount", payout->amount);
    lucid_json_member_cstr(out, "external_id", payout->external_id);
    lucid_json_member_cstr(out, "facilitator",
                           payout->facilitator[0] != '\0' ? payout->facilitator
                                                          : GAS_PAYOUT_FACILITATOR_DEFAULT);
    api_text_or_null(out, "note", payout->note);
    lucid_json_member_cstr(out, "status", gas_payout_state_name(payout->state));
    api_text_or_null(out, "reference", payout->reference);
    api_text_or_null(out, "network", payout->network);
    api_text_or_null(out, "transaction", payout->transaction);
    lucid_json_member_bool(out, "verified", verified);
    api_text_or_null(out, "reason", payout->reason);
    lucid_json_member_time(out, "started_at", payout->started_ms);
    lucid_json_member_u64(out, "started_sequence", payout->started_sequence);
    if (payout->ended_sequence == 0) {
        lucid_json_member_null(out, "ended_at");
        lucid_json_member_null(out, "ended_sequence");
    } else {
        lucid_json_member_time(out, "ended_at", payout->ended_ms);
        lucid_json_member_u64(out, "ended_sequence", payout->ended_sequence);
    }
    if (replayed != NULL) {
        lucid_json_member_bool(out, "replayed", *replayed);
    }
    lucid_buf_char(out, '}');
}

/* --- writes ----------------------------------------------------------------------------------- */

struct payout_call {
    struct api_call call; /* first member */
    bool creates;
    struct gas_payout_command command;
};

static void payout_answer(struct api_call *call)
{
    const struct payout_call *self = (const struct payout_call *)call;
    bool replayed = self->command.ret_known;
    bool verified = false;
    struct lucid_buf out = {0};
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return;
    }
    enum lucid_error error = api_payout_verified(view, &self->command.payout, &verified);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(call->request, error, NULL);
        return;
    }
    api_payout_write(&self->command.payout, verified, &replayed, &out);
    api_answer(call->request, self->creates && !replayed ? 201 : 200, API_JSON, &out);
}

/* NULL: it has answered. */
static struct payout_call *call_new(struct http_request *request)
{
    struct payout_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return NULL;
    }
    call->call.answer = payout_answer;
    return call;
}

/* Submits what was prepared, or answers why it could not be. */
static void call_go(struct payout_call *call, struct http_request *request,
                    const struct http_route *route, enum lucid_error error,
                    const struct lucid_why *why)
{
    if (error != LUCID_OK) {
        api_refuse(request, error, why);
        return;
    }
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

/* A text member into an array of size bytes; absent or null: "". What characters it may hold is
 * judged by prepare. False: it has answered. */
static bool text_member(struct http_request *request, const struct jcs_value *document,
                        const char *name, char *out, size_t size)
{
    const struct jcs_value *value = jcs_member(document, name);
    out[0] = '\0';
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        return true;
    }
    if (jcs_type(value) != JCS_STRING) {
        api_problem(request, 422, INVALID, name, "the member must be a string");
        return false;
    }
    struct lucid_span text = jcs_string(value);
    if (text.len == 0 || text.len >= size || memchr(text.data, 0, text.len) != NULL) {
        char sentence[80];
        snprintf(sentence, sizeof(sentence),
                 "the member must have 1 to %zu bytes and no control characters", size - 1);
        api_problem(request, 422, INVALID, name, sentence);
        return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

/* A name that must be there. False: it has answered. */
static bool name_member(struct http_request *request, const struct jcs_value *document,
                        const char *name, char out[GAS_NAME_BYTES_MAX + 1])
{
    struct lucid_span text;
    if (!api_name_member(request, document, name, INVALID, &text)) {
        return false;
    }
    if (text.len == 0) {
        api_problem(request, 422, INVALID, name, "the member is missing");
        return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

/* The members of an end that was a success; reference "" when there is none. */
static bool end_members(struct http_request *request, const struct jcs_value *document,
                        struct gas_payout *payout)
{
    if (!text_member(request, document, "reference", payout->reference,
                     sizeof(payout->reference)) ||
        !text_member(request, document, "network", payout->network, sizeof(payout->network)) ||
        !text_member(request, document, "transaction", payout->transaction,
                     sizeof(payout->transaction))) {
        return false;
    }
    if (api_payout_network(api_of(request), payout) != NULL) {
        api_payout_reference_default(payout);
    }
    if (payout->reference[0] == '\0' &&
        (payout->network[0] != '\0' || payout->transaction[0] != '\0')) {
        api_problem(request, 422, INVALID, "reference",
                    "network and transaction come with a reference");
        return false;
    }
    return true;
}

static bool start_members(struct http_request *request, const struct jcs_value *document,
                          struct gas_payout *payout)
{
    return name_member(request, document, "external_id", payout->external_id) &&
           name_member(request, document, "payee", payout->payee) &&
           api_amount_member(request, document, "amount", INVALID, NULL, &payout->amount) &&
           text_member(request, document, "facilitator", payout->facilitator,
                       sizeof(payout->facilitator)) &&
           text_member(request, document, "note", payout->note, sizeof(payout->note)) &&
           end_members(request, document, payout);
}

/* The statement that the path names. False: it has answered. */
static bool settlement_find(struct http_request *request, struct gas_payout *payout)
{
    if (!api_settlement_id_parse(http_param(request, "id"), &payout->unit, &payout->settlement)) {
        api_not_found(request, "settlement");
        return false;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    struct gas_settlement settlement;
    enum lucid_error error =
        gas_settlement_read(view, payout->unit, payout->settlement, &settlement);
    ledger_view_end(view);
    return api_found(request, error, "settlement");
}

void api_settlement_payout_post(struct http_request *request, const struct http_route *route)
{
    struct payout_call *call = call_new(request);
    const struct jcs_value *document = call != NULL ? api_document(request) : NULL;
    struct gas_payout payout = {0};
    if (document == NULL || !settlement_find(request, &payout) ||
        !start_members(request, document, &payout)) {
        return;
    }
    struct lucid_why why = {0};
    bool ended = payout.reference[0] != '\0';
    call->creates = true;
    enum lucid_error error = ended ? gas_payout_record_prepare(&call->command, &payout, &why)
                                   : gas_payout_start_prepare(&call->command, &payout, &why);
    const struct x402_network *network = api_payout_network(api_of(request), &payout);
    if (error == LUCID_OK && network != NULL) {
        api_payout_seen(request, document, network, &payout, &call->command);
        return;
    }
    call_go(call, request, route, error, &why);
}

/* A payout's number in the path. False: it has answered. */
static bool number_read(struct http_request *request, uint64_t *ret)
{
    if (!api_decimal(http_param(request, "id"), ret) || *ret == 0) {
        api_not_found(request, "payout");
        return false;
    }
    return true;
}

/* The payout that is to be completed, as far as it is known: what there is not the writer refuses.
 * False: it has answered. */
static bool payout_look(struct http_request *request, uint64_t number, struct gas_payout *ret)
{
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = gas_payout_read(view, number, ret);
    ledger_view_end(view);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        api_refuse(request, error, NULL);
        return false;
    }
    return true;
}

void api_payout_complete_post(struct http_request *request, const struct http_route *route)
{
    uint64_t number;
    struct payout_call *call = call_new(request);
    if (call == NULL || !number_read(request, &number)) {
        return;
    }
    const struct jcs_value *document = api_document(request);
    struct gas_payout known = {0};
    struct gas_payout payout = {0};
    if (document == NULL || !payout_look(request, number, &known)) {
        return;
    }
    payout.unit = known.unit;
    if (!end_members(request, document, &payout)) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_payout_complete_prepare(&call->command, number, payout.reference,
                                                         payout.network, payout.transaction, &why);
    const struct x402_network *network = api_payout_network(api_of(request), &payout);
    if (error == LUCID_OK && network != NULL) {
        api_payout_seen(request, document, network, &known, &call->command);
        return;
    }
    call_go(call, request, route, error, &why);
}

void api_payout_fail_post(struct http_request *request, const struct http_route *route)
{
    uint64_t number;
    struct payout_call *call = call_new(request);
    if (call == NULL || !number_read(request, &number)) {
        return;
    }
    const struct jcs_value *document = api_document(request);
    struct gas_payout payout = {0};
    if (document == NULL ||
        !text_member(request, document, "reason", payout.reason, sizeof(payout.reason))) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_payout_fail_prepare(&call->command, number, payout.reason, &why);
    call_go(call, request, route, error, &why);
}

/* --- reads ------------------------------------------------------------------------------------ */

void api_payout_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint64_t number;
    if (!number_read(request, &number)) {
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct gas_payout payout;
    bool verified = false;
    enum lucid_error error = gas_payout_read(view, number, &payout);
    if (error == LUCID_OK) {
        error = api_payout_verified(view, &payout, &verified);
    }
    ledger_view_end(view);
    if (api_found(request, error, "payout")) {
        struct lucid_buf out = {0};
        api_payout_write(&payout, verified, NULL, &out);
        api_answer(request, 200, API_JSON, &out);
    }
}

struct filter {
    enum gas_unit unit; /* 0: all */
    enum gas_payout_state state;
    struct lucid_span payee;
    struct lucid_span external_id; /* at most one payout has it */
    bool has_settlement;
    enum gas_unit settlement_unit;
    uint64_t settlement;
};

static bool state_query(struct http_request *request, enum gas_payout_state *ret)
{
    struct lucid_span text = http_query(request, "status");
    *ret = 0;
    if (text.data == NULL) {
        return true;
    }
    for (enum gas_payout_state state = GAS_PAYOUT_STARTED; state <= GAS_PAYOUT_FAILED; state++) {
        if (lucid_span_is(text, gas_payout_state_name(state))) {
            *ret = state;
            return true;
        }
    }
    api_bad_parameter(request, "status", "the status must be started, completed or failed");
    return false;
}

static bool filter_read(struct http_request *request, struct filter *ret)
{
    struct lucid_span settlement = http_query(request, "settlement");
    ret->has_settlement = settlement.data != NULL;
    if (ret->has_settlement &&
        !api_settlement_id_parse(settlement, &ret->settlement_unit, &ret->settlement)) {
        api_bad_parameter(request, "settlement", "a settlement's id is like USDC-0");
        return false;
    }
    ret->external_id = http_query(request, "external_id");
    if (ret->external_id.data != NULL && !gas_name_ok(ret->external_id, GAS_NAME_BYTES_MAX)) {
        api_bad_parameter(request, "external_id", "an external id has 1 to 128 of A-Za-z0-9._:-");
        return false;
    }
    return api_unit_query(request, &ret->unit) && state_query(request, &ret->state) &&
           api_payee_query(request, &ret->payee);
}

static bool filter_fits(const struct filter *filter, const struct gas_payout *payout)
{
    return (filter->unit == 0 || filter->unit == payout->unit) &&
           (filter->state == 0 || filter->state == payout->state) &&
           (filter->payee.len == 0 ||
            lucid_span_equal(filter->payee, lucid_span_str(payout->payee))) &&
           (!filter->has_settlement ||
            (filter->settlement_unit == payout->unit && filter->settlement == payout->settlement));
}

/* The payout of the filter's external id, if it comes after that one. */
static enum lucid_error payout_named(struct ledger_view *view, const struct filter *filter,
                                     uint64_t after, struct gas_payout *ret)
{
    struct gas_payout payout;
    enum lucid_error error = gas_payout_find(view, filter->external_id, &payout);
    if (error == LUCID_OK && payout.number <= after) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = payout;
    }
    return error;
}

static enum lucid_error candidate_next(struct ledger_view *view, const struct filter *filter,
                                       uint64_t after, struct gas_payout *ret)
{
    if (filter->external_id.len > 0) {
        return payout_named(view, filter, after, ret);
    }
    if (filter->has_settlement) {
        return gas_payout_of_line_next(view, filter->settlement_unit, filter->settlement,
                                       filter->payee, after, ret);
    }
    return gas_payout_read(view, after + 1, ret);
}

/* The next after *after that fits; *after moves to what was looked at last. LUCID_NOTE_ABSENT: no
 * more; LUCID_NOTE_END: enough was looked at. */
static enum lucid_error payout_next(struct ledger_view *view, const struct filter *filter,
                                    uint64_t *after, unsigned *looks, struct gas_payout *ret)
{
    for (;;) {
        if ((*looks)++ == API_LOOKS_MAX) {
            return LUCID_NOTE_END;
        }
        enum lucid_error error = candidate_next(view, filter, *after, ret);
        if (error != LUCID_OK) {
            return error;
        }
        if (filter_fits(filter, ret)) {
            return LUCID_OK;
        }
        *after = ret->number;
    }
}

/* Whether the list of that filter may go on after a payout. */
static enum lucid_error position_check(struct ledger_view *view, const struct filter *filter,
                                       uint64_t after)
{
    if (after == 0 || !filter->has_settlement) {
        return LUCID_OK;
    }
    struct gas_payout payout;
    enum lucid_error error = gas_payout_read(view, after, &payout);
    if (error == LUCID_OK &&
        (payout.unit != filter->settlement_unit || payout.settlement != filter->settlement ||
         (filter->payee.len > 0 &&
          !lucid_span_equal(filter->payee, lucid_span_str(payout.payee))))) {
        error = LUCID_NOTE_ABSENT;
    }
    return error;
}

void api_payouts_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct filter filter;
    struct api_page page;
    if (!filter_read(request, &filter) || !api_page_begin(request, 'o', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t after = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    unsigned looks = 0;
    struct gas_payout payout;
    enum lucid_error error =
        after > INT64_MAX ? LUCID_NOTE_ABSENT : position_check(view, &filter, after);
    if (error == LUCID_NOTE_ABSENT) {
        ledger_view_end(view);
        api_page_lost(request, &page);
        return;
    }
    if (error == LUCID_OK) {
        error = payout_next(view, &filter, &after, &looks, &payout);
    }
    bool verified = false;
    while (error == LUCID_OK && api_page_item(&page)) {
        error = api_payout_verified(view, &payout, &verified);
        api_payout_write(&payout, verified, NULL, &page.out);
        after = payout.number;
        if (error == LUCID_OK) {
            error = payout_next(view, &filter, &after, &looks, &payout);
        }
    }
    uint8_t position[8];
    lucid_put_be64(position, after);
    api_page_end(request, &page, view, error, position, sizeof(position));
}
