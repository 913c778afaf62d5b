/* Payouts: requests, and what the writer decides. Their rows and folds are in payout_fold.c. */
#include "gas/payout.h"

#include "base/assert.h"
#include "gas/settlement_internal.h"
#include "ledger/payload.h"

const char *gas_payout_state_name(enum gas_payout_state state)
{
    static const char *const names[] = {
        [GAS_PAYOUT_STARTED] = "started",
        [GAS_PAYOUT_COMPLETED] = "completed",
        [GAS_PAYOUT_FAILED] = "failed",
    };
    lucid_assert(state >= GAS_PAYOUT_STARTED && state <= GAS_PAYOUT_FAILED);
    return names[state];
}

/* --- prepare ---------------------------------------------------------------------------------- */

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYOUT", param, "%s %s", param, text);
}

static bool name_ok(const char *name, size_t max)
{
    return gas_name_ok(lucid_span_str(name), max);
}

static bool set(const char *text)
{
    return text[0] != '\0';
}

static enum lucid_error start_check(struct gas_payout *payout, struct lucid_why *why)
{
    static const char name_rule[] = "is 1 to 128 of A-Z a-z 0-9 . _ : -";
    if (!set(payout->facilitator)) {
        memcpy(payout->facilitator, GAS_PAYOUT_FACILITATOR_DEFAULT,
               sizeof(GAS_PAYOUT_FACILITATOR_DEFAULT));
    }
    if (!name_ok(payout->external_id, GAS_NAME_BYTES_MAX)) {
        return invalid(why, "external_id", name_rule);
    }
    if (!name_ok(payout->payee, GAS_NAME_BYTES_MAX)) {
        return invalid(why, "payee", name_rule);
    }
    if (!name_ok(payout->facilitator, GAS_NAME_BYTES_MAX)) {
        return invalid(why, "facilitator", name_rule);
    }
    if (payout->amount == 0 || payout->amount > GAS_AMOUNT_MAX) {
        return invalid(why, "amount", "is from 1 to 2^63 - 1");
    }
    if (set(payout->note) && !payload_name_ok(payout->note, GAS_NOTE_BYTES_MAX)) {
        return invalid(why, "note", "is at most 256 bytes of UTF-8 without control characters");
    }
    return LUCID_OK;
}

static enum lucid_error end_check(const struct gas_payout *payout, struct lucid_why *why)
{
    if (!payload_name_ok(payout->reference, GAS_PAYOUT_REFERENCE_BYTES_MAX)) {
        return invalid(why, "reference", "is 1 to 255 bytes of UTF-8 without control characters");
    }
    if (set(payout->network) && !name_ok(payout->network, GAS_PAYOUT_NETWORK_BYTES_MAX)) {
        return invalid(why, "network", "is 1 to 64 of A-Z a-z 0-9 . _ : -");
    }
    if (set(payout->transaction) &&
        !name_ok(payout->transaction, GAS_PAYOUT_TRANSACTION_BYTES_MAX)) {
        return invalid(why, "transaction", "is 1 to 128 of A-Z a-z 0-9 . _ : -");
    }
    return LUCID_OK;
}

static void command_init(struct gas_payout_command *command, enum gas_payout_verb verb,
                         const struct gas_payout *payout)
{
    struct gas_payout copy = *payout;
    *command = (struct gas_payout_command){.command = {.kind = &gas_settlement_kind, .verb = verb},
                                           .payout = copy};
}

enum lucid_error gas_payout_start_prepare(struct gas_payout_command *command,
                                          const struct gas_payout *payout, struct lucid_why *why)
{
    struct gas_payout checked = *payout;
    checked.reference[0] = checked.network[0] = checked.transaction[0] = checked.reason[0] = '\0';
    enum lucid_error error = start_check(&checked, why);
    if (error == LUCID_OK) {
        command_init(command, GAS_PAYOUT_START, &checked);
    }
    return error;
}

enum lucid_error gas_payout_record_prepare(struct gas_payout_command *command,
                                           const struct gas_payout *payout, struct lucid_why *why)
{
    struct gas_payout checked = *payout;
    checked.reason[0] = '\0';
    enum lucid_error error = start_check(&checked, why);
    if (error == LUCID_OK) {
        error = end_check(&checked, why);
    }
    if (error == LUCID_OK) {
        command_init(command, GAS_PAYOUT_RECORD, &checked);
    }
    return error;
}

/* Copies a text of the caller; too long a one is refused by its name. */
static enum lucid_error text_take(const char *text, const char *param, char *out, size_t size,
                                  struct lucid_why *why)
{
    return payload_copy(lucid_span_str(text), out, size) == LUCID_OK
               ? LUCID_OK
               : invalid(why, param, "is too long");
}

enum lucid_error gas_payout_complete_prepare(struct gas_payout_command *command, uint64_t number,
                                             const char *reference, const char *network,
                                             const char *transaction, struct lucid_why *why)
{
    struct gas_payout payout = {.number = number};
    enum lucid_error error =
        text_take(reference, "reference", payout.reference, sizeof(payout.reference), why);
    if (error == LUCID_OK) {
        error = text_take(network, "network", payout.network, sizeof(payout.network), why);
    }
    if (error == LUCID_OK) {
        error = text_take(transaction, "transaction", payout.transaction,
                          sizeof(payout.transaction), why);
    }
    if (error == LUCID_OK) {
        error = end_check(&payout, why);
    }
    if (error == LUCID_OK) {
        command_init(command, GAS_PAYOUT_COMPLETE, &payout);
    }
    return error;
}

enum lucid_error gas_payout_fail_prepare(struct gas_payout_command *command, uint64_t number,
                                         const char *reason, struct lucid_why *why)
{
    struct gas_payout payout = {.number = number};
    enum lucid_error error = text_take(reason, "reason", payout.reason, sizeof(payout.reason), why);
    if (error == LUCID_OK && !payload_name_ok(payout.reason, GAS_PAYOUT_REASON_BYTES_MAX)) {
        error = invalid(why, "reason", "is 1 to 256 bytes of UTF-8 without control characters");
    }
    if (error == LUCID_OK) {
        command_init(command, GAS_PAYOUT_FAIL, &payout);
    }
    return error;
}

/* --- decide ----------------------------------------------------------------------------------- */

static enum lucid_error conflict(struct lucid_why *why, const struct gas_payout *payout)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", NULL,
                        "payout %llu has %s already", (unsigned long long)payout->number,
                        gas_payout_state_name(payout->state));
}

static bool same_start(const struct gas_payout *a, const struct gas_payout *b)
{
    return a->unit == b->unit && a->settlement == b->settlement && a->amount == b->amount &&
           strcmp(a->payee, b->payee) == 0 && strcmp(a->facilitator, b->facilitator) == 0 &&
           strcmp(a->note, b->note) == 0;
}

static bool same_completion(const struct gas_payout *a, const struct gas_payout *b)
{
    return strcmp(a->reference, b->reference) == 0 && strcmp(a->network, b->network) == 0 &&
           strcmp(a->transaction, b->transaction) == 0;
}

/* The line has so much open. */
static enum lucid_error line_check(struct ledger_txn *txn, const struct gas_payout *payout,
                                   struct lucid_why *why)
{
    struct gas_settlement settlement;
    struct gas_settlement_line line;
    enum lucid_error error = settlement_get(txn, payout->unit, payout->settlement, &settlement);
    if (error == LUCID_NOTE_ABSENT) {
        return invalid(why, "settlement", "names no statement of that unit");
    }
    if (error == LUCID_OK) {
        error = settlement_line_get(txn, payout->unit, payout->settlement,
                                    lucid_span_str(payout->payee), &line);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return invalid(why, "payee", "has no line in that statement");
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t open = line.amount - line.paid - line.pending;
    if (payout->amount > open) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "amount",
                            "the line has %llu base units open, not %llu", (unsigned long long)open,
                            (unsigned long long)payout->amount);
    }
    return LUCID_OK;
}

/* The ids that a payout posts to. */
struct accounts {
    char payee[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char transit[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
};

static void accounts_of(const struct gas_payout *payout, struct accounts *ret)
{
    gas_account_payee(lucid_span_str(payout->payee), payout->unit, ret->payee);
    gas_account_own(GAS_CLASS_TRANSIT, "payouts", payout->unit, ret->transit);
    gas_account_clearing(lucid_span_str(payout->facilitator), payout->unit, ret->clearing);
}

static void member_if_any(struct lucid_buf *out, const char *name, const char *text)
{
    if (set(text)) {
        lucid_json_member_cstr(out, name, text);
    }
}

static void started_write(const struct gas_payout *payout, const struct gas_posting_draft *posting,
                          struct lucid_buf *out)
{
    gas_amount_member(out, "amount", payout->amount);
    lucid_json_member_cstr(out, "external_id", payout->external_id);
    lucid_json_member_cstr(out, "facilitator", payout->facilitator);
    member_if_any(out, "note", payout->note);
    lucid_json_member_cstr(out, "payee", payout->payee);
    lucid_json_member_u64(out, "payout", payout->number);
    gas_postings_write(out, posting, 1);
    lucid_json_member_u64(out, "settlement", payout->settlement);
    lucid_json_member_cstr(out, "unit", gas_unit_name(payout->unit));
}

static void completed_write(const struct gas_payout *payout,
                            const struct gas_posting_draft *posting, struct lucid_buf *out)
{
    member_if_any(out, "network", payout->network);
    lucid_json_member_u64(out, "payout", payout->number);
    gas_postings_write(out, posting, 1);
    lucid_json_member_cstr(out, "reference", payout->reference);
    member_if_any(out, "transaction", payout->transaction);
}

static void failed_write(const struct gas_payout *payout, const struct gas_posting_draft *posting,
                         struct lucid_buf *out)
{
    lucid_json_member_u64(out, "payout", payout->number);
    gas_postings_write(out, posting, 1);
    lucid_json_member_cstr(out, "reason", payout->reason);
}

typedef void payload_fn(const struct gas_payout *payout, const struct gas_posting_draft *posting,
                        struct lucid_buf *out);

static enum lucid_error event_draft(struct ledger_txn *txn, const char *type, payload_fn *write,
                                    const struct gas_payout *payout,
                                    const struct gas_posting_draft *posting)
{
    struct lucid_buf out;
    struct lucid_span payload = {NULL, 0};
    lucid_buf_init(&out, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    write(payout, posting, &out);
    lucid_buf_char(&out, '}');
    if (lucid_buf_ok(&out)) {
        payload = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&out));
    }
    lucid_buf_fini(&out);
    if (payload.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct ledger_draft draft = {.type = type, .payload = payload};
    return ledger_txn_draft(txn, &draft, NULL);
}

/* Drafts the start, the end, or both, once the accounts have room for them. */
static enum lucid_error payout_draft(struct ledger_txn *txn, const struct gas_payout *payout,
                                     bool start, const char *end, struct lucid_why *why)
{
    struct accounts ids;
    bool fail = end == settlement_type_failed;
    accounts_of(payout, &ids);
    const struct gas_posting_draft postings[] = {
        {.debit = ids.payee,
         .credit = ids.transit,
         .amount = payout->amount,
         .what = "payout.start"},
        {.debit = ids.transit,
         .credit = fail ? ids.payee : ids.clearing,
         .amount = payout->amount,
         .what = fail ? "payout.fail" : "payout.complete"},
    };
    size_t first = start ? 0 : 1;
    size_t last = end != NULL ? 2 : 1;
    enum lucid_error error = gas_postings_check(txn, postings + first, last - first, "amount", why);
    if (error == LUCID_OK && start) {
        error = event_draft(txn, settlement_type_started, started_write, payout, &postings[0]);
    }
    if (error == LUCID_OK && end != NULL) {
        error = event_draft(txn, end, fail ? failed_write : completed_write, payout, &postings[1]);
    }
    return error;
}

/* Of a payout that was recorded under that external id before. */
static enum lucid_error known_decide(struct ledger_txn *txn, struct gas_payout_command *command,
                                     const struct gas_payout *known, struct lucid_why *why)
{
    struct gas_payout *payout = &command->payout;
    bool record = command->command.verb == GAS_PAYOUT_RECORD;
    bool ended_otherwise =
        record && known->state == GAS_PAYOUT_COMPLETED && !same_completion(known, payout);
    if (!same_start(known, payout) || ended_otherwise) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT", "external_id",
                            "the external id was used for another payout, number %llu",
                            (unsigned long long)known->number);
    }
    if (record && known->state == GAS_PAYOUT_FAILED) {
        return conflict(why, known);
    }
    payout->number = known->number;
    if (record && known->state == GAS_PAYOUT_STARTED) {
        return payout_draft(txn, payout, false, settlement_type_completed, why);
    }
    command->ret_known = true;
    return LUCID_OK;
}

static enum lucid_error start_decide(struct ledger_txn *txn, struct gas_payout_command *command,
                                     struct lucid_why *why)
{
    struct gas_payout *payout = &command->payout;
    struct gas_payout known;
    enum lucid_error error = settlement_payout_by_id(txn, payout->external_id, &known);
    if (error == LUCID_OK) {
        return known_decide(txn, command, &known, why);
    }
    if (error == LUCID_NOTE_ABSENT) {
        error = line_check(txn, payout, why);
    }
    if (error == LUCID_OK) {
        error = settlement_payout_newest(txn, &payout->number);
    }
    if (error != LUCID_OK) {
        return error;
    }
    payout->number++;
    return payout_draft(
        txn, payout, true,
        command->command.verb == GAS_PAYOUT_RECORD ? settlement_type_completed : NULL, why);
}

static enum lucid_error end_decide(struct ledger_txn *txn, struct gas_payout_command *command,
                                   struct lucid_why *why)
{
    struct gas_payout *asked = &command->payout;
    struct gas_payout known;
    bool fail = command->command.verb == GAS_PAYOUT_FAIL;
    enum lucid_error error = settlement_payout_get(txn, asked->number, &known);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "NOT_FOUND", "payout", "there is no payout %llu",
                            (unsigned long long)asked->number);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (known.state != GAS_PAYOUT_STARTED) {
        command->ret_known =
            fail ? known.state == GAS_PAYOUT_FAILED && strcmp(known.reason, asked->reason) == 0
                 : known.state == GAS_PAYOUT_COMPLETED && same_completion(&known, asked);
        return command->ret_known ? LUCID_OK : conflict(why, &known);
    }
    memcpy(known.reference, asked->reference, sizeof(known.reference));
    memcpy(known.network, asked->network, sizeof(known.network));
    memcpy(known.transaction, asked->transaction, sizeof(known.transaction));
    memcpy(known.reason, asked->reason, sizeof(known.reason));
    return payout_draft(txn, &known, false,
                        fail ? settlement_type_failed : settlement_type_completed, why);
}

enum lucid_error settlement_payout_decide(struct ledger_txn *txn, struct ledger_command *base,
                                          struct lucid_why *why)
{
    struct gas_payout_command *command = (struct gas_payout_command *)base;
    command->ret_known = false;
    return base->verb == GAS_PAYOUT_START || base->verb == GAS_PAYOUT_RECORD
               ? start_decide(txn, command, why)
               : end_decide(txn, command, why);
}

void settlement_payout_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct gas_payout_command *command = (struct gas_payout_command *)base;
    base->error = settlement_payout_get(txn, command->payout.number, &command->payout);
    lucid_assert(base->error != LUCID_NOTE_ABSENT);
}
