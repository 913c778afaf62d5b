/* Accounts of the books: balances now and as of any event; deposits and credit limits of signers.
 */
#include <stdio.h>

#include "http/api/books_internal.h"
#include "http/api/events_internal.h"
#include "ledger/signer.h"

/* A list looks at so many accounts for one page: with a filter it may hold fewer than it could. */
enum { LOOK_MAX = 4000 };

bool api_as_of_read(struct http_request *request, struct ledger_view *view, struct api_as_of *ret)
{
    uint64_t newest = api_events_newest(view);
    struct api_as_of as_of = {.given = http_query(request, "as_of").data != NULL};
    if (!api_query_decimal(request, "as_of", newest, &as_of.sequence)) {
        return false;
    }
    if (as_of.sequence > newest) {
        api_events_beyond(request, "as_of", newest);
        return false;
    }
    *ret = as_of;
    return true;
}

/* The key in an account's id as paths take it: 64 hex digits, signer:<them>, signer:<them>:LUCID.
 */
static bool account_key(struct lucid_span id, uint8_t ret[32])
{
    static const char before[] = "signer:";
    static const char after[] = ":LUCID";
    size_t first = sizeof(before) - 1;
    size_t last = sizeof(after) - 1;
    if (id.len > first && memcmp(id.data, before, first) == 0) {
        id = lucid_span(id.data + first, id.len - first);
        if (id.len > last && memcmp(id.data + id.len - last, after, last) == 0) {
            id.len -= last;
        }
    }
    return lucid_hex_decode(id, ret, 32);
}

enum lucid_error api_account_find(struct ledger_view *view, struct lucid_span id,
                                  struct gas_account *ret, bool *ret_opened)
{
    enum lucid_error error = gas_account_read(view, id, ret);
    uint8_t key[32];
    if (error != LUCID_NOTE_ABSENT || !account_key(id, key)) {
        *ret_opened = true;
        return error;
    }
    struct ledger_signer signer;
    error = ledger_signer_read(view, key, &signer);
    if (error == LUCID_OK) {
        *ret = (struct gas_account){
            .class = GAS_CLASS_SIGNER, .unit = GAS_LUCID, .as_of = api_events_newest(view)};
        gas_account_signer(key, ret->id);
        *ret_opened = false;
    }
    return error;
}

/* --- balances --------------------------------------------------------------------------------- */

static void signed_member(struct lucid_buf *out, const char *name, uint64_t amount, bool negative)
{
    lucid_json_member(out, name);
    lucid_buf_str(out, negative ? "\"-" : "\"");
    lucid_buf_u64(out, amount);
    lucid_buf_char(out, '"');
}

/* What may still be charged: the balance and the credit limit; below 0 when more was. */
static void available_member(struct lucid_buf *out, uint64_t limit, uint64_t balance, bool negative)
{
    if (!negative) {
        signed_member(out, "available", balance + limit, false); /* both are below 2^63 */
    } else if (balance <= limit) {
        signed_member(out, "available", limit - balance, false);
    } else {
        signed_member(out, "available", balance - limit, true);
    }
}

/* now: the limit, which has no past here, is told as well. */
static void account_write(const struct gas_account *account, bool now, struct lucid_buf *out)
{
    bool negative = false;
    uint64_t balance = gas_account_balance(account, &negative);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "account", account->id);
    lucid_json_member_cstr(out, "class", gas_class_name(account->class));
    lucid_json_member_cstr(out, "unit", gas_unit_name(account->unit));
    gas_amount_member(out, "debits", account->debits);
    gas_amount_member(out, "credits", account->credits);
    signed_member(out, "balance", balance, negative);
    lucid_json_member_u64(out, "as_of", account->as_of);
    if (now && account->class == GAS_CLASS_SIGNER) {
        gas_amount_member(out, "credit_limit", account->credit_limit);
        available_member(out, account->credit_limit, balance, negative);
    }
    lucid_buf_char(out, '}');
}

static enum lucid_error account_find_at(struct ledger_view *view, struct lucid_span id,
                                        const struct api_as_of *as_of, struct gas_account *ret)
{
    bool opened = false;
    enum lucid_error error = api_account_find(view, id, ret, &opened);
    if (error == LUCID_OK && as_of->given) {
        if (opened) {
            error = gas_account_as_of(view, as_of->sequence, ret);
        }
        ret->as_of = as_of->sequence;
    }
    return error;
}

static void account_answer(struct http_request *request, enum lucid_error error, bool now,
                           const struct gas_account *account)
{
    if (api_found(request, error, "account")) {
        struct lucid_buf out = {0};
        account_write(account, now, &out);
        api_answer(request, 200, API_JSON, &out);
    }
}

void api_account_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct api_as_of as_of;
    if (!api_as_of_read(request, view, &as_of)) {
        ledger_view_end(view);
        return;
    }
    struct gas_account account = {0};
    enum lucid_error error = account_find_at(view, http_param(request, "id"), &as_of, &account);
    ledger_view_end(view);
    account_answer(request, error, !as_of.given, &account);
}

/* --- the list --------------------------------------------------------------------------------- */

/* What a list is to hold; 0 = all. */
struct filter {
    enum gas_class class;
    enum gas_unit unit;
    struct api_as_of as_of;
};

static bool filter_read(struct http_request *request, struct filter *ret)
{
    struct lucid_span class = http_query(request, "class");
    struct lucid_span unit = http_query(request, "unit");
    if (class.data != NULL && !gas_class_parse(class, &ret->class)) {
        api_bad_parameter(request, "class", "no such class of accounts");
        return false;
    }
    if (unit.data != NULL && !gas_unit_parse(unit, &ret->unit)) {
        api_bad_parameter(request, "unit", "no such unit");
        return false;
    }
    return true;
}

static bool filter_takes(const struct filter *filter, const struct gas_account *account)
{
    return (filter->class == 0 || account->class == filter->class) &&
           (filter->unit == 0 || account->unit == filter->unit) &&
           account->first_sequence <= filter->as_of.sequence;
}

/* A list of one class begins where its ids do: with their class. */
static void class_start(enum gas_class class, struct api_page *page)
{
    char first[32];
    if (class == 0) {
        return;
    }
    size_t len = (size_t)snprintf(first, sizeof(first), "%s:", gas_class_name(class));
    size_t both = page->after_len < len ? page->after_len : len;
    int order = memcmp(page->after, first, both);
    if (order < 0 || (order == 0 && page->after_len < len)) {
        memcpy(page->after, first, len);
        page->after_len = len;
    }
}

/* From page->after on, which it leaves at the last account that was looked at. LUCID_OK: there may
 * be more; LUCID_NOTE_ABSENT: there is none. */
static enum lucid_error accounts_write(struct ledger_view *view, const struct filter *filter,
                                       struct api_page *page)
{
    struct gas_account account;
    for (unsigned looked = 0; looked < LOOK_MAX; looked++) {
        enum lucid_error error =
            gas_account_next(view, lucid_span(page->after, page->after_len), &account);
        if (error == LUCID_OK && filter->class != 0 && account.class != filter->class) {
            error = LUCID_NOTE_ABSENT; /* the class's accounts stand together */
        }
        if (error == LUCID_OK && filter_takes(filter, &account)) {
            if (!api_page_item(page)) {
                return LUCID_OK;
            }
            if (filter->as_of.given) {
                error = gas_account_as_of(view, filter->as_of.sequence, &account);
            }
            account_write(&account, !filter->as_of.given, &page->out);
        }
        if (error != LUCID_OK) {
            return error;
        }
        page->after_len = strlen(account.id);
        memcpy(page->after, account.id, page->after_len);
    }
    return LUCID_OK;
}

void api_accounts_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    struct filter filter = {0};
    if (!filter_read(request, &filter) || !api_page_begin(request, 'k', API_CURSOR_TEXT, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    if (!api_as_of_read(request, view, &filter.as_of)) {
        ledger_view_end(view);
        api_page_drop(&page);
        return;
    }
    class_start(filter.class, &page);
    enum lucid_error error = accounts_write(view, &filter, &page);
    uint8_t last[API_CURSOR_BYTES_MAX];
    memcpy(last, page.after, page.after_len);
    api_page_end(request, &page, view, error, last, page.after_len);
}

/* --- deposits and limits ---------------------------------------------------------------------- */

struct account_call {
    struct api_call call; /* first member */
    struct gas_books_command command;
};

/* Makes the call for the signer of the path. NULL: it has answered. */
static struct account_call *account_call_make(struct http_request *request, const char *code,
                                              uint8_t ret_key[32])
{
    struct lucid_span id = http_param(request, "id");
    enum gas_class class;
    enum gas_unit unit;
    if (!account_key(id, ret_key)) {
        if (gas_account_id_parse(id, &class, &unit)) {
            api_problem(request, 422, code, "id", "only signers' accounts can have this");
        } else {
            api_not_found(request, "account");
        }
        return NULL;
    }
    struct account_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
    }
    return call;
}

static void account_call_submit(struct account_call *call, struct http_request *request,
                                const struct http_route *route, enum lucid_error error,
                                const struct lucid_why *why, void (*answer)(struct api_call *call))
{
    if (error != LUCID_OK) {
        api_refuse(request, error, why);
        return;
    }
    call->call.answer = answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

static void deposit_answer(struct api_call *call)
{
    const struct gas_books_command *command = &((struct account_call *)call)->command;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct lucid_buf out = {0};
    gas_account_signer(command->signer, id);
    lucid_buf_char(&out, '{');
    lucid_json_member_cstr(&out, "account", id);
    lucid_json_member_cstr(&out, "unit", gas_unit_name(GAS_LUCID));
    gas_amount_member(&out, "amount", command->amount);
    if (command->note[0] != '\0') {
        lucid_json_member_cstr(&out, "note", command->note);
    } else {
        lucid_json_member_null(&out, "note");
    }
    lucid_json_member_u64(&out, "sequence", command->ret_sequence);
    lucid_json_member_time(&out, "time", command->ret_time_ms);
    lucid_json_member_bool(&out, "replayed", command->ret_known);
    lucid_buf_char(&out, '}');
    api_answer(call->request, command->ret_known ? 200 : 201, API_JSON, &out);
}

/* Absent or null: {NULL, 0}. */
static bool note_member(struct http_request *request, const struct jcs_value *document,
                        struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(document, "note");
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        *ret = lucid_span(NULL, 0);
        return true;
    }
    if (jcs_type(value) != JCS_STRING) {
        api_problem(request, 422, "INVALID_DEPOSIT", "note", "the member must be a string");
        return false;
    }
    *ret = jcs_string(value);
    return true;
}

void api_account_deposits_post(struct http_request *request, const struct http_route *route)
{
    uint8_t key[32];
    struct account_call *call = account_call_make(request, "INVALID_DEPOSIT", key);
    const struct jcs_value *document = call != NULL ? api_document(request) : NULL;
    uint64_t amount;
    struct lucid_span note;
    if (document == NULL ||
        !api_amount_member(request, document, "amount", "INVALID_DEPOSIT", NULL, &amount) ||
        !note_member(request, document, &note)) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_deposit_prepare(
        &call->command, key, amount, http_header(request, "idempotency-key"), note, &why);
    account_call_submit(call, request, route, error, &why, deposit_answer);
}

/* The account as it now stands: its commit is published before it is answered. */
static void limit_answer(struct api_call *call)
{
    const struct gas_books_command *command = &((struct account_call *)call)->command;
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return;
    }
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_signer(command->signer, id);
    struct gas_account account = {0};
    bool opened = false; /* a limit of 0 opens none */
    enum lucid_error error = api_account_find(view, lucid_span_str(id), &account, &opened);
    ledger_view_end(view);
    account_answer(call->request, error, true, &account);
}

void api_account_limit_put(struct http_request *request, const struct http_route *route)
{
    uint8_t key[32];
    struct account_call *call = account_call_make(request, "INVALID_LIMIT", key);
    const struct jcs_value *document = call != NULL ? api_document(request) : NULL;
    uint64_t limit;
    if (document == NULL ||
        !api_amount_member(request, document, "credit_limit", "INVALID_LIMIT", NULL, &limit)) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_limit_prepare(&call->command, key, limit, &why);
    account_call_submit(call, request, route, error, &why, limit_answer);
}
