/* GET /v1/trial-balance: every account's balance on its side, and that both sides are equal.
 *
 * Written page by page, each in a view of its own; all of them speak of the books after one event,
 * so what is posted meanwhile is in none of them. */
#include "base/log.h"
#include "http/api/books_internal.h"

enum { PAGE_ACCOUNTS = 256 };

/* Sums of balances may pass 64 bits. */
typedef unsigned __int128 wide;

struct trial {
    struct api_pages pages; /* first member */
    uint64_t as_of;
    size_t unit; /* index of the one that is written */
    wide debits; /* of that unit, so far */
    wide credits;
    size_t after_len; /* where it goes on */
    char after[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    bool first; /* no account of that unit was written yet */
};

static const enum gas_unit units[GAS_UNITS] = {GAS_LUCID, GAS_USDC};

static void wide_member(struct lucid_buf *out, const char *name, wide value)
{
    char text[40];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value > 0);
    lucid_json_member_str(out, name, lucid_span(text + at, sizeof(text) - at));
}

static void unit_begin(struct trial *trial, struct lucid_buf *out)
{
    enum gas_unit unit = units[trial->unit];
    lucid_buf_str(out, trial->unit > 0 ? ",{" : "{");
    lucid_json_member_cstr(out, "unit", gas_unit_name(unit));
    lucid_json_member_u64(out, "decimals", gas_unit_decimals(unit));
    lucid_json_member(out, "accounts");
    lucid_buf_char(out, '[');
    trial->first = true;
    trial->debits = 0;
    trial->credits = 0;
    trial->after_len = 0;
}

static void unit_end(struct trial *trial, struct lucid_buf *out)
{
    lucid_buf_char(out, ']');
    wide_member(out, "debits", trial->debits);
    wide_member(out, "credits", trial->credits);
    lucid_json_member_bool(out, "balanced", trial->debits == trial->credits);
    lucid_buf_char(out, '}');
    if (++trial->unit < GAS_UNITS) {
        unit_begin(trial, out);
    } else {
        lucid_buf_str(out, "]}");
        trial->pages.over = true;
    }
}

static void account_write(struct trial *trial, const struct gas_account *account,
                          struct lucid_buf *out)
{
    bool is_debit = account->debits > account->credits;
    uint64_t debit = is_debit ? account->debits - account->credits : 0;
    uint64_t credit = is_debit ? 0 : account->credits - account->debits;
    trial->debits += debit;
    trial->credits += credit;
    lucid_buf_str(out, trial->first ? "{" : ",{");
    trial->first = false;
    lucid_json_member_cstr(out, "account", account->id);
    lucid_json_member_cstr(out, "class", gas_class_name(account->class));
    gas_amount_member(out, "debit", debit);
    gas_amount_member(out, "credit", credit);
    lucid_buf_char(out, '}');
}

static enum lucid_error trial_write(struct api_pages *pages, struct ledger_view *view,
                                    struct lucid_buf *out)
{
    struct trial *trial =
        (struct trial *)(void *)pages; /* first member; arenas align for its sums */
    for (unsigned looked = 0; looked < PAGE_ACCOUNTS && !pages->over; looked++) {
        struct gas_account account;
        enum lucid_error error =
            gas_account_next(view, lucid_span(trial->after, trial->after_len), &account);
        if (error == LUCID_NOTE_ABSENT) {
            unit_end(trial, out);
            continue;
        }
        bool wanted = error == LUCID_OK && account.unit == units[trial->unit] &&
                      account.first_sequence <= trial->as_of;
        if (wanted) {
            error = gas_account_as_of(view, trial->as_of, &account);
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (wanted) {
            account_write(trial, &account, out);
        }
        trial->after_len = strlen(account.id);
        memcpy(trial->after, account.id, trial->after_len);
    }
    return LUCID_OK;
}

static void trial_fail(struct api_pages *pages, enum lucid_error error)
{
    struct api *api = api_of(pages->request);
    if (error == LUCID_FATAL_CORRUPT) {
        atomic_fetch_add_explicit(&api->metrics.verification_failures, 1, memory_order_relaxed);
    }
    lucid_log(LUCID_LOG_ERROR, "trial.cut", "the trial balance could not be served: %s",
              lucid_error_name(error));
    http_respond_abort(pages->request);
}

static enum lucid_error trial_begin(struct trial *trial, struct ledger_view *view,
                                    struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "as_of", trial->as_of);
    lucid_json_member(out, "units");
    lucid_buf_char(out, '[');
    unit_begin(trial, out);
    return trial_write(&trial->pages, view, out);
}

void api_trial_balance_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct trial *trial = lucid_arena_zalloc(http_arena(request), sizeof(*trial));
    if (trial == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct api_as_of as_of;
    if (!api_as_of_read(request, view, &as_of)) {
        ledger_view_end(view);
        return;
    }
    trial->as_of = as_of.sequence;
    trial->pages.write = trial_write;
    trial->pages.fail = trial_fail;
    struct lucid_buf out = {0};
    enum lucid_error error = trial_begin(trial, view, &out);
    ledger_view_end(view);
    if (error != LUCID_OK) { /* the answer has not begun */
        lucid_buf_fini(&out);
        api_refuse(request, error, NULL);
        return;
    }
    api_pages_begin(&trial->pages, request, API_JSON, &out);
}
