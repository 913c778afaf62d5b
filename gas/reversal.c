/* Payments that a reorganisation took back, `payment.reversed`, and parts of payments that were
 * given back, `payment.refunded`; payload JCS:
 *   {"amount":"n","asset":text,"postings":[…],"settled":sequence,"unit":text} and its kind's
 * members.
 *
 * The payment's postings are turned round, each leg from where it is now: from its payee; from the
 * protocol; from suspense while it waits there, else from the payee that it was released to. So a
 * release is noted, by leg (docs/FORMAT.md, `asset_revenue`): the newest under asset ‖ 0 ‖ unit u8
 * ‖ leg u8, each one before it under that ‖ its sequence u64; value = sequence u64 ‖ sequence of
 * the one before u64 ‖ payee. */
#include "base/assert.h"
#include "gas/payment_types.h"
#include "gas/refund.h"
#include "gas/revenue_internal.h"
#include "ledger/payload.h"

enum {
    RELEASE_KEY_BYTES_MAX = REVENUE_ASSET_KEY_BYTES_MAX + 9,
    RELEASE_FIXED_BYTES = 16,
    RELEASE_ROW_BYTES_MAX = RELEASE_FIXED_BYTES + GAS_NAME_BYTES_MAX,
};

/* The two ways back, by what their postings are for. */
struct back {
    const char *what[GAS_LEGS];
    const char *stray;
};
static const struct back back_reversed = {
    {"reversal.compute", "reversal.model", "reversal.protocol"}, GAS_REVERSAL_STRAY};
static const struct back back_refunded = {{"refund.compute", "refund.model", "refund.protocol"},
                                          GAS_REFUND_STRAY};

/* --- releases --------------------------------------------------------------------------------- */

struct release_row {
    uint64_t sequence;
    uint64_t before; /* 0: the first */
    char payee[GAS_NAME_BYTES_MAX + 1];
};

/* sequence 0: of the newest. */
static struct lucid_span release_key(struct lucid_span asset, enum gas_unit unit, enum gas_leg leg,
                                     uint64_t sequence, uint8_t key[RELEASE_KEY_BYTES_MAX])
{
    size_t len = revenue_asset_key(asset, unit, key).len;
    key[len++] = (uint8_t)leg;
    if (sequence != 0) {
        lucid_put_be64(key + len, sequence);
        len += 8;
    }
    return lucid_span(key, len);
}

static enum lucid_error release_parse(struct lucid_span value, struct release_row *ret)
{
    if (value.len < RELEASE_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->sequence = lucid_get_be64(value.data);
    ret->before = lucid_get_be64(value.data + 8);
    return payload_copy(
        lucid_span(value.data + RELEASE_FIXED_BYTES, value.len - RELEASE_FIXED_BYTES), ret->payee,
        sizeof(ret->payee));
}

enum lucid_error revenue_release_note(struct ledger_txn *txn, const struct ledger_event *event,
                                      struct lucid_span asset, enum gas_unit unit, enum gas_leg leg,
                                      const char *payee)
{
    uint8_t key_bytes[RELEASE_KEY_BYTES_MAX];
    uint8_t row[RELEASE_ROW_BYTES_MAX];
    struct release_row newest = {.sequence = 0};
    struct lucid_span value;
    struct lucid_span key = release_key(asset, unit, leg, 0, key_bytes);
    enum lucid_error error = ledger_txn_get(txn, REVENUE_ASSETS, key, &value);
    if (error == LUCID_OK) {
        uint8_t old_bytes[RELEASE_KEY_BYTES_MAX];
        uint8_t old[RELEASE_ROW_BYTES_MAX];
        error = release_parse(value, &newest);
        if (error == LUCID_OK) {
            memcpy(old, value.data, value.len); /* the write may move what was read */
            error = ledger_txn_put(txn, REVENUE_ASSETS,
                                   release_key(asset, unit, leg, newest.sequence, old_bytes),
                                   lucid_span(old, value.len));
        }
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    size_t len = strlen(payee);
    lucid_assert(len <= GAS_NAME_BYTES_MAX);
    lucid_put_be64(row, event->sequence);
    lucid_put_be64(row + 8, newest.sequence);
    memcpy(row + RELEASE_FIXED_BYTES, payee, len);
    return ledger_txn_put(txn, REVENUE_ASSETS, key, lucid_span(row, RELEASE_FIXED_BYTES + len));
}

static enum lucid_error release_peek(struct ledger_txn *txn, const struct gas_payment *payment,
                                     enum gas_leg leg, uint64_t sequence, struct release_row *ret)
{
    uint8_t bytes[RELEASE_KEY_BYTES_MAX];
    struct lucid_span value;
    struct lucid_span key =
        release_key(lucid_span_str(payment->asset), payment->unit, leg, sequence, bytes);
    enum lucid_error error = ledger_txn_peek(txn, &gas_revenue_kind, REVENUE_ASSETS, key, &value);
    return error == LUCID_OK ? release_parse(value, ret) : error;
}

/* Whom the leg was released to: a release takes all that is in suspense, so it was the first after
 * the payment. LUCID_NOTE_ABSENT: it is still in suspense. */
static enum lucid_error release_find(struct ledger_txn *txn, const struct gas_payment *payment,
                                     enum gas_leg leg, char ret[GAS_NAME_BYTES_MAX + 1])
{
    struct release_row row;
    enum lucid_error error = release_peek(txn, payment, leg, 0, &row);
    if (error == LUCID_OK && row.sequence < payment->sequence) {
        return LUCID_NOTE_ABSENT;
    }
    while (error == LUCID_OK && row.before > payment->sequence) {
        uint64_t before = row.before;
        error = release_peek(txn, payment, leg, before, &row);
        if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && row.sequence != before)) {
            return LUCID_FATAL_CORRUPT;
        }
    }
    if (error == LUCID_OK) {
        memcpy(ret, row.payee, sizeof(row.payee));
    }
    return error;
}

/* --- deciding --------------------------------------------------------------------------------- */

/* The accounts of a reversal and its postings, which point to them. */
struct reversal {
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char debits[GAS_LEGS][GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct gas_posting_draft postings[GAS_LEGS];
};

/* The account that a leg is taken back from. */
static enum lucid_error debit_find(struct ledger_txn *txn, const struct gas_payment *payment,
                                   enum gas_leg leg, char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    char payee[GAS_NAME_BYTES_MAX + 1];
    if (leg == GAS_PROTOCOL) {
        gas_account_own(GAS_CLASS_REVENUE, "protocol", payment->unit, ret);
        return LUCID_OK;
    }
    memcpy(payee, payment->payees[leg], sizeof(payee));
    if (payee[0] == '\0' && payment->legs[leg] > 0) {
        enum lucid_error error = release_find(txn, payment, leg, payee);
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    if (payee[0] == '\0') {
        gas_account_suspense(gas_leg_name(leg), lucid_span_str(payment->asset), payment->unit, ret);
    } else {
        gas_account_payee(lucid_span_str(payee), payment->unit, ret);
    }
    return LUCID_OK;
}

/* Of a payment, or of the part of it that `payment` is. */
static enum lucid_error reversal_make(struct ledger_txn *txn, const struct gas_payment *payment,
                                      const struct back *back, struct reversal *reversal)
{
    gas_account_clearing(lucid_span_str(payment->facilitator), payment->unit, reversal->clearing);
    for (int leg = 0; leg < GAS_LEGS; leg++) {
        enum lucid_error error = debit_find(txn, payment, (enum gas_leg)leg, reversal->debits[leg]);
        if (error != LUCID_OK) {
            return error;
        }
        reversal->postings[leg] = (struct gas_posting_draft){
            .debit = reversal->debits[leg],
            .credit = reversal->clearing,
            .amount = payment->legs[leg],
            .what = back->what[leg],
        };
    }
    return LUCID_OK;
}

static enum lucid_error payment_peek(struct ledger_txn *txn, uint64_t sequence,
                                     struct gas_payment *ret)
{
    uint8_t key[8];
    struct lucid_span value;
    lucid_put_be64(key, sequence);
    enum lucid_error error = ledger_txn_peek(txn, &gas_revenue_kind, REVENUE_PAYMENTS,
                                             lucid_span(key, sizeof(key)), &value);
    return error == LUCID_OK ? revenue_payment_row(sequence, value, ret) : error;
}

static enum lucid_error payment_want(struct ledger_txn *txn, uint64_t sequence,
                                     struct gas_payment *ret, struct lucid_why *why)
{
    enum lucid_error error = payment_peek(txn, sequence, ret);
    return error == LUCID_NOTE_ABSENT ? lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", NULL,
                                                     "there is no such payment")
                                      : error;
}

/* Takes back what `payment` says, of each leg. */
static enum lucid_error back_write(struct ledger_txn *txn, const struct gas_payment *payment,
                                   const struct back *back,
                                   const struct gas_revenue_member *members, size_t member_count,
                                   struct lucid_buf *out, struct lucid_why *why)
{
    struct reversal reversal;
    enum lucid_error error = reversal_make(txn, payment, back, &reversal);
    if (error == LUCID_OK) {
        error = gas_postings_check(txn, reversal.postings, GAS_LEGS, "amount", why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    revenue_reversal_write(payment, reversal.postings, members, member_count, out);
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error gas_revenue_reversal(struct ledger_txn *txn, uint64_t sequence,
                                      const struct gas_revenue_member *members, size_t member_count,
                                      struct lucid_buf *out, struct lucid_why *why)
{
    struct gas_payment payment;
    enum lucid_error error = payment_want(txn, sequence, &payment, why);
    return error == LUCID_OK
               ? back_write(txn, &payment, &back_reversed, members, member_count, out, why)
               : error;
}

enum lucid_error gas_revenue_refund(struct ledger_txn *txn, const struct gas_revenue_refund *refund,
                                    struct lucid_buf *out, uint64_t ret_legs[GAS_LEGS],
                                    struct lucid_why *why)
{
    struct gas_payment payment;
    uint64_t legs[GAS_LEGS];
    enum lucid_error error = payment_want(txn, refund->sequence, &payment, why);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_assert(refund->amount > 0 && refund->before <= payment.amount &&
                 refund->amount <= payment.amount - refund->before);
    gas_refund_split(payment.legs, refund->before, refund->amount, legs);
    memcpy(payment.legs, legs, sizeof(legs));
    payment.amount = refund->amount;
    error =
        back_write(txn, &payment, &back_refunded, refund->members, refund->member_count, out, why);
    if (error == LUCID_OK) {
        memcpy(ret_legs, legs, sizeof(legs));
    }
    return error;
}

/* --- folding ---------------------------------------------------------------------------------- */

/* What a reversal says, by leg. */
struct reversed {
    char asset[GAS_NAME_BYTES_MAX + 1];
    enum gas_unit unit;
    uint64_t settled; /* the payment's number */
    uint64_t amount;
    uint64_t legs[GAS_LEGS];
    bool suspended[GAS_LEGS]; /* it was still in suspense */
};

static enum lucid_error reversed_posting(const struct jcs_value *element, const struct back *back,
                                         struct reversed *reversed)
{
    struct gas_posting_read posting;
    enum gas_class class;
    enum gas_unit unit;
    size_t leg = 0;
    enum lucid_error error = gas_posting_parse(element, &posting);
    if (error != LUCID_OK) {
        return error;
    }
    while (leg < GAS_LEGS && !lucid_span_is(posting.what, back->what[leg])) {
        leg++;
    }
    if (leg == GAS_LEGS || reversed->legs[leg] != 0 || posting.unit != reversed->unit ||
        !gas_account_id_parse(posting.debit, &class, &unit)) {
        return LUCID_FATAL_CORRUPT;
    }
    reversed->legs[leg] = posting.amount;
    reversed->suspended[leg] = class == GAS_CLASS_SUSPENSE;
    return LUCID_OK;
}

/* LUCID_NOTE_END: of money that was in no split. */
static enum lucid_error reversed_read(const struct jcs_value *root, const struct back *back,
                                      struct reversed *ret)
{
    const struct jcs_value *postings = jcs_member(root, "postings");
    const struct jcs_value *at = NULL;
    struct lucid_span what;
    uint64_t sum = 0;
    enum lucid_error error = member_text(root, "asset", ret->asset, sizeof(ret->asset));
    if (error == LUCID_OK) {
        error = member_unit(root, &ret->unit);
    }
    if (error == LUCID_OK) {
        error = member_amount(root, "amount", &ret->amount);
    }
    if (error == LUCID_OK && (postings == NULL || jcs_type(postings) != JCS_ARRAY ||
                              !gas_name_ok(lucid_span_str(ret->asset), GAS_NAME_BYTES_MAX))) {
        error = LUCID_FATAL_CORRUPT;
    }
    while (error == LUCID_OK && (at = jcs_next(postings, at)) != NULL) {
        if (payload_text(at, "what", &what) == LUCID_OK && lucid_span_is(what, back->stray)) {
            return LUCID_NOTE_END;
        }
        error = reversed_posting(at, back, ret);
    }
    for (size_t leg = 0; error == LUCID_OK && leg < GAS_LEGS; leg++) {
        if (ret->legs[leg] > ret->amount - sum) {
            error = LUCID_FATAL_CORRUPT;
        } else {
            sum += ret->legs[leg];
        }
    }
    return error == LUCID_OK && sum != ret->amount ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_refund_legs(const struct jcs_value *root, uint64_t ret_legs[GAS_LEGS],
                                 bool *ret_split)
{
    struct reversed refunded = {.amount = 0};
    enum lucid_error error = reversed_read(root, &back_refunded, &refunded);
    if (error != LUCID_OK && error != LUCID_NOTE_END) {
        return error;
    }
    *ret_split = error == LUCID_OK;
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        ret_legs[leg] = *ret_split ? refunded.legs[leg] : 0;
    }
    return LUCID_OK;
}

/* Nothing can be taken back that was not there. */
static bool revenue_take(const struct reversed *reversed, bool refund,
                         struct gas_asset_revenue *revenue)
{
    uint64_t left = revenue->gross - revenue->reversed_gross - revenue->refunded_gross;
    uint64_t *parts = refund ? revenue->refunded : revenue->reversed;
    if (reversed->amount > left || (!refund && revenue->reversals == revenue->payments)) {
        return false;
    }
    *(refund ? &revenue->refunds : &revenue->reversals) += 1;
    *(refund ? &revenue->refunded_gross : &revenue->reversed_gross) += reversed->amount;
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        uint64_t amount = reversed->legs[leg];
        if (amount > revenue->legs[leg] - revenue->reversed[leg] - revenue->refunded[leg] ||
            (reversed->suspended[leg] &&
             (leg == GAS_PROTOCOL || amount > gas_asset_suspense(revenue, (enum gas_leg)leg)))) {
            return false;
        }
        parts[leg] += amount;
        revenue->withdrawn[leg] += reversed->suspended[leg] ? amount : 0;
    }
    return true;
}

/* Whose it was, and by whom it was settled, is the payment's. */
static enum lucid_error reversed_note(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct reversed *reversed, bool refund)
{
    uint8_t key[8];
    struct lucid_span value;
    struct gas_payment payment;
    lucid_put_be64(key, reversed->settled);
    enum lucid_error error =
        ledger_txn_get(txn, REVENUE_PAYMENTS, lucid_span(key, sizeof(key)), &value);
    if (error == LUCID_OK) {
        error = revenue_payment_row(reversed->settled, value, &payment);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    const struct revenue_taking taking = {.what = refund ? REVENUE_REFUNDED : REVENUE_REVERSED,
                                          .payment = &payment,
                                          .amount = reversed->amount,
                                          .sequence = event->sequence,
                                          .time_ms = event->time_ms};
    return revenue_takings_note(txn, &taking);
}

enum lucid_error revenue_reversed_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct reversed reversed = {.amount = 0};
    struct gas_asset_revenue revenue;
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    uint8_t *row;
    bool refund = lucid_span_is(event->type, GAS_TYPE_PAYMENT_REFUNDED);
    lucid_arena_init(&arena, REVENUE_PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = reversed_read(root, refund ? &back_refunded : &back_reversed, &reversed);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "settled", &reversed.settled);
    }
    lucid_arena_fini(&arena);
    if (error == LUCID_OK) {
        error = reversed_note(txn, event, &reversed, refund);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_END ? LUCID_OK : error;
    }
    struct lucid_span key = revenue_asset_key(lucid_span_str(reversed.asset), reversed.unit, bytes);
    error = ledger_txn_row(txn, REVENUE_ASSETS, key, REVENUE_ASSET_ROW_BYTES, false, &row);
    if (error == LUCID_OK) {
        error = revenue_asset_row(key, lucid_span(row, REVENUE_ASSET_ROW_BYTES), &revenue);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    bool fits = revenue_take(&reversed, refund, &revenue);
    revenue.last_sequence = event->sequence;
    revenue_asset_row_put(&revenue, row);
    return fits ? LUCID_OK : LUCID_FATAL_CORRUPT;
}
