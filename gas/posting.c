/* Postings in the payloads of other kinds' events, and what decide asks before it drafts one. */
#include <string.h>

#include "base/assert.h"
#include "base/checked.h"
#include "gas/books_internal.h"
#include "ledger/payload.h"

void gas_postings_write(struct lucid_buf *out, const struct gas_posting_draft *postings,
                        size_t count)
{
    bool first = true;
    lucid_assert(count <= GAS_POSTINGS_MAX);
    lucid_json_member(out, "postings");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct gas_posting_draft *posting = &postings[i];
        if (posting->amount == 0) {
            continue;
        }
        lucid_assert(strlen(posting->what) <= GAS_WHAT_BYTES_MAX);
        lucid_buf_str(out, first ? "{" : ",{");
        first = false;
        gas_amount_member(out, "amount", posting->amount);
        lucid_json_member_cstr(out, "credit", posting->credit);
        lucid_json_member_cstr(out, "debit", posting->debit);
        lucid_json_member_cstr(out, "what", posting->what);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

enum lucid_error gas_posting_parse(const struct jcs_value *element, struct gas_posting_read *ret)
{
    struct gas_posting_read posting;
    struct lucid_span amount;
    enum gas_class class;
    enum gas_unit unit;
    if (jcs_type(element) != JCS_OBJECT) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = payload_text(element, "amount", &amount);
    if (error == LUCID_OK) {
        error = payload_text(element, "credit", &posting.credit);
    }
    if (error == LUCID_OK) {
        error = payload_text(element, "debit", &posting.debit);
    }
    if (error == LUCID_OK) {
        error = payload_text(element, "what", &posting.what);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!gas_amount_parse(amount, &posting.amount) || posting.amount == 0 ||
        !gas_account_id_parse(posting.debit, &class, &unit) ||
        !gas_account_id_parse(posting.credit, &class, &posting.unit) || unit != posting.unit ||
        lucid_span_equal(posting.debit, posting.credit) || posting.what.len == 0 ||
        posting.what.len > GAS_WHAT_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = posting;
    return LUCID_OK;
}

/* --- room ------------------------------------------------------------------------------------- */

enum lucid_error books_peek(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                            size_t bytes, const uint8_t **ret_row)
{
    struct lucid_span value;
    enum lucid_error error = ledger_txn_peek(txn, &gas_books_kind, table, key, &value);
    if (error == LUCID_OK && value.len != bytes) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        *ret_row = value.data;
    }
    return error;
}

enum lucid_error books_peek_state(struct ledger_txn *txn, struct books_state *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    const uint8_t *row;
    enum lucid_error error =
        books_peek(txn, BOOKS_BALANCES, books_number_key(0, key), BOOKS_STATE_BYTES, &row);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct books_state){0};
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        books_state_read(row, ret);
    }
    return error;
}

enum lucid_error books_peek_balance(struct ledger_txn *txn, struct lucid_span id,
                                    struct books_balance *ret)
{
    const uint8_t *row;
    enum lucid_error error = books_peek(txn, BOOKS_ACCOUNT_IDS, id, BOOKS_NUMBER_BYTES, &row);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct books_balance){0};
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = books_peek(txn, BOOKS_BALANCES, lucid_span(row, BOOKS_NUMBER_BYTES),
                           BOOKS_BALANCE_BYTES, &row);
    }
    if (error == LUCID_OK) {
        books_balance_read(row, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* Whether one side of an account takes all that the postings bring to it. */
static bool side_has_room(const char *id, bool debit, uint64_t total,
                          const struct gas_posting_draft *postings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *account = debit ? postings[i].debit : postings[i].credit;
        if (strcmp(account, id) == 0 &&
            (!lucid_add_u64(total, postings[i].amount, &total) || total > GAS_AMOUNT_MAX)) {
            return false;
        }
    }
    return true;
}

enum lucid_error gas_postings_check(struct ledger_txn *txn,
                                    const struct gas_posting_draft *postings, size_t count,
                                    const char *param, struct lucid_why *why)
{
    lucid_assert(count <= GAS_POSTINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct books_balance debit;
        struct books_balance credit;
        if (postings[i].amount == 0) {
            continue;
        }
        enum lucid_error error = books_peek_balance(txn, lucid_span_str(postings[i].debit), &debit);
        if (error == LUCID_OK) {
            error = books_peek_balance(txn, lucid_span_str(postings[i].credit), &credit);
        }
        if (error != LUCID_OK) {
            return error;
        }
        bool room = side_has_room(postings[i].debit, true, debit.debits, postings, count) &&
                    side_has_room(postings[i].credit, false, credit.credits, postings, count);
        if (!room) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", param,
                                "an account's total would exceed 2^63 - 1");
        }
    }
    return LUCID_OK;
}
