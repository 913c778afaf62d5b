/* Payout runs: proposed, approved and cancelled by admins; what has become of their lines. */
#include "http/api/settlements_internal.h"
#include "x402/treasury_run.h"

static const char INVALID[] = "INVALID_RUN";

/* The members of a run into an open object. */
static void run_members(const struct x402_run *run, struct lucid_buf *out)
{
    char token[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(&run->token, token);
    lucid_json_member_u64(out, "run", run->number);
    api_settlement_id_write(run->unit, run->settlement, out);
    lucid_json_member_cstr(out, "status", x402_run_status(run));
    lucid_json_member_cstr(out, "network", run->network);
    lucid_json_member_cstr(out, "token", token);
    gas_amount_member(out, "total", run->total);
    lucid_json_member_u64(out, "line_count", run->lines);
    lucid_json_member(out, "counts");
    lucid_buf_char(out, '{');
    for (unsigned state = X402_RUN_WAITING; state <= X402_RUN_WITHDRAWN; state++) {
        lucid_json_member_u64(out, x402_run_line_state_name((enum x402_run_line_state)state),
                              run->counts[state]);
    }
    lucid_buf_char(out, '}');
    api_text_or_null(out, "proposed_by", run->proposed_by);
    api_text_or_null(out, "approved_by", run->approved_by);
    lucid_json_member_time(out, "proposed_at", run->time_ms);
    lucid_json_member_time(out, "changed_at", run->changed_ms);
    lucid_json_member_u64(out, "sequence", run->sequence);
}

static void line_write(const struct x402_run_line *line, const char *transaction,
                       struct lucid_buf *out)
{
    char address[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(&line->address, address);
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "line", line->line);
    lucid_json_member_cstr(out, "payee", line->payee);
    lucid_json_member_cstr(out, "address", address);
    gas_amount_member(out, "amount", line->amount);
    lucid_json_member_cstr(out, "state", x402_run_line_state_name(line->state));
    if (line->payout == 0) {
        lucid_json_member_null(out, "payout");
    } else {
        lucid_json_member_u64(out, "payout", line->payout);
    }
    api_text_or_null(out, "transaction", transaction);
    api_text_or_null(out, "reason", line->reason);
    lucid_buf_char(out, '}');
}

static enum lucid_error lines_write(struct ledger_view *view, const struct x402_run *run,
                                    struct lucid_buf *out)
{
    struct x402_run_line line;
    struct gas_payout payout;
    enum lucid_error error = LUCID_OK;
    lucid_json_member(out, "lines");
    lucid_buf_char(out, '[');
    for (uint32_t at = 0; error == LUCID_OK && at < run->lines; at++) {
        error = x402_run_line_next(view, run->number, at, &line);
        payout.transaction[0] = '\0';
        if (error == LUCID_OK && line.state == X402_RUN_PAID) {
            error = gas_payout_read(view, line.payout, &payout);
        }
        if (error == LUCID_OK) {
            lucid_buf_str(out, at > 0 ? "," : "");
            line_write(&line, payout.transaction, out);
        }
    }
    lucid_buf_char(out, ']');
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* --- reads ------------------------------------------------------------------------------------ */

/* The number in the path. False: it has answered. */
static bool number_read(struct http_request *request, uint64_t *ret)
{
    if (!api_decimal(http_param(request, "n"), ret) || *ret == 0) {
        api_not_found(request, "run");
        return false;
    }
    return true;
}

static enum lucid_error run_whole(struct ledger_view *view, uint64_t number, struct lucid_buf *out)
{
    struct x402_run run;
    enum lucid_error error = x402_run_read(view, number, &run);
    if (error == LUCID_OK) {
        lucid_buf_char(out, '{');
        run_members(&run, out);
        error = lines_write(view, &run, out);
        lucid_buf_char(out, '}');
    }
    return error;
}

void api_run_get(struct http_request *request, const struct http_route *route)
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
    struct lucid_buf out = {0};
    enum lucid_error error = run_whole(view, number, &out);
    ledger_view_end(view);
    if (api_found(request, error, "run")) {
        api_answer(request, 200, API_JSON, &out);
    } else {
        lucid_buf_fini(&out);
    }
}

struct filter {
    bool has_settlement;
    enum gas_unit unit;
    uint64_t settlement;
};

/* The next run after *after that fits; *after moves to what was looked at last. */
static enum lucid_error run_next(struct ledger_view *view, const struct filter *filter,
                                 uint64_t *after, unsigned *looks, struct x402_run *ret)
{
    for (;;) {
        if ((*looks)++ == API_LOOKS_MAX) {
            return LUCID_NOTE_END;
        }
        enum lucid_error error = x402_run_read(view, *after + 1, ret);
        if (error != LUCID_OK) {
            return error;
        }
        if (!filter->has_settlement ||
            (ret->unit == filter->unit && ret->settlement == filter->settlement)) {
            return LUCID_OK;
        }
        *after = ret->number;
    }
}

void api_runs_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct filter filter = {.has_settlement = false};
    struct api_page page;
    struct lucid_span settlement = http_query(request, "settlement");
    filter.has_settlement = settlement.data != NULL;
    if (filter.has_settlement &&
        !api_settlement_id_parse(settlement, &filter.unit, &filter.settlement)) {
        api_bad_parameter(request, "settlement", "a settlement's id is like USDC-0");
        return;
    }
    if (!api_page_begin(request, 'r', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t after = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    unsigned looks = 0;
    struct x402_run run;
    enum lucid_error error =
        after > INT64_MAX ? LUCID_NOTE_ABSENT : run_next(view, &filter, &after, &looks, &run);
    while (error == LUCID_OK && api_page_item(&page)) {
        lucid_buf_char(&page.out, '{');
        run_members(&run, &page.out);
        lucid_buf_char(&page.out, '}');
        after = run.number;
        error = run_next(view, &filter, &after, &looks, &run);
    }
    uint8_t position[8];
    lucid_put_be64(position, after);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* --- writes ----------------------------------------------------------------------------------- */

struct run_call {
    struct api_call call; /* first member */
    struct x402_run_command command;
};

/* What was proposed, with its lines and what was left out. */
static void proposed_answer(struct api_call *call)
{
    struct x402_run_command *command = &((struct run_call *)call)->command;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    run_members(&command->run, &out);
    lucid_json_member(&out, "lines");
    lucid_buf_char(&out, '[');
    for (uint32_t i = 0; i < command->run.lines; i++) {
        lucid_buf_str(&out, i > 0 ? "," : "");
        line_write(&command->lines[i], "", &out);
    }
    lucid_buf_char(&out, ']');
    lucid_json_member(&out, "skipped");
    lucid_buf_char(&out, '[');
    for (size_t i = 0; i < command->skipped_count; i++) {
        lucid_buf_str(&out, i > 0 ? ",{" : "{");
        lucid_json_member_cstr(&out, "payee", command->skipped[i].payee);
        gas_amount_member(&out, "open", command->skipped[i].open);
        lucid_json_member_cstr(&out, "reason", command->skipped[i].reason);
        lucid_buf_char(&out, '}');
    }
    lucid_buf_str(&out, "]}");
    api_answer(call->request, 201, API_JSON, &out);
}

static void run_answer(struct api_call *call)
{
    const struct x402_run_command *command = &((struct run_call *)call)->command;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    run_members(&command->run, &out);
    lucid_json_member_bool(&out, "replayed", command->ret_known);
    lucid_buf_char(&out, '}');
    api_answer(call->request, 200, API_JSON, &out);
}

/* NULL: it has answered. by: who asks. */
static struct run_call *call_new(struct http_request *request, const struct http_route *route,
                                 char by[TOKEN_ID_BYTES + 1])
{
    if (!api_token_id(request, api_of_route(route), by)) {
        return NULL;
    }
    struct run_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return NULL;
    }
    call->call.answer = run_answer;
    return call;
}

void api_settlement_run_post(struct http_request *request, const struct http_route *route)
{
    const struct api_sales *sales = api_of_route(route)->options.sales;
    const struct jcs_value *document = api_document(request);
    char by[TOKEN_ID_BYTES + 1];
    struct lucid_span network;
    enum gas_unit unit;
    uint64_t settlement;
    if (document == NULL ||
        !api_text_member(request, document, "network", INVALID, true, &network)) {
        return;
    }
    if (!api_settlement_id_parse(http_param(request, "id"), &unit, &settlement)) {
        api_not_found(request, "settlement");
        return;
    }
    struct run_call *call = call_new(request, route, by);
    struct ledger_view *view = call == NULL ? NULL : api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error =
        x402_run_propose_prepare(&call->command, view, sales == NULL ? NULL : sales->networks, unit,
                                 settlement, network, by, &why);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = proposed_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

void api_run_approve_post(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    char by[TOKEN_ID_BYTES + 1];
    uint64_t number;
    uint64_t total;
    if (document == NULL || !number_read(request, &number) ||
        !api_amount_member(request, document, "total", INVALID, NULL, &total)) {
        return;
    }
    struct run_call *call = call_new(request, route, by);
    if (call != NULL) {
        x402_run_approve_prepare(&call->command, number, total, by);
        api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
    }
}

void api_run_cancel_post(struct http_request *request, const struct http_route *route)
{
    char by[TOKEN_ID_BYTES + 1];
    uint64_t number;
    if (!number_read(request, &number)) {
        return;
    }
    struct run_call *call = call_new(request, route, by);
    if (call != NULL) {
        x402_run_cancel_prepare(&call->command, number, by);
        api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
    }
}
