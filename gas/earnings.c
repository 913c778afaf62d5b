/* What payees earn: the postings of payments, folded per unit and payee (docs/FORMAT.md, table
 * `earnings`). By the classes of the two accounts:
 *
 *   clearing → payee      a leg of a payment; its role is what the posting says
 *   clearing → suspense   a leg without a payee
 *   clearing → revenue    the protocol's leg
 *   suspense → payee      released
 *   any of these → clearing   taken back
 *
 * Anything else moves nothing that a statement speaks of, nor does money that is in no split
 * (suspense:payment). */
#include "base/checked.h"
#include "gas/settlement_internal.h"
#include "ledger/payload.h"

enum { PAYLOAD_ARENA_BYTES = 1 << 20 };

static const char what_model[] = "split.model";
static const char suspense_compute[] = "suspense:compute:";
static const char suspense_model[] = "suspense:model:";
static const char suspense_payment[] = "suspense:payment:";

/* One side of a posting. */
struct side {
    struct lucid_span id;
    enum gas_class class;
};

static enum lucid_error side_parse(struct lucid_span id, struct side *ret)
{
    enum gas_unit unit;
    ret->id = id;
    return gas_account_id_parse(id, &ret->class, &unit) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static bool begins_with(struct lucid_span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* payee:<name>:<unit> */
static struct lucid_span payee_of(struct lucid_span id, enum gas_unit unit)
{
    size_t before = strlen(gas_class_name(GAS_CLASS_PAYEE)) + 1;
    size_t after = strlen(gas_unit_name(unit)) + 1;
    return lucid_span(id.data + before, id.len - before - after);
}

static enum lucid_error earning_get(struct ledger_txn *txn, struct lucid_span key,
                                    struct settlement_earning *ret)
{
    struct lucid_span value;
    *ret = (struct settlement_earning){0};
    enum lucid_error error = ledger_txn_get(txn, SETTLEMENT_EARNINGS, key, &value);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    return error == LUCID_OK ? settlement_earning_parse(value, ret) : error;
}

enum earning_change { EARNED_COMPUTE, EARNED_MODEL, RELEASED, REVERSED };

static enum lucid_error earning_add(struct ledger_txn *txn, const struct ledger_event *event,
                                    enum gas_unit unit, struct lucid_span payee,
                                    enum earning_change change, uint64_t amount)
{
    uint8_t key_bytes[SETTLEMENT_KEY_BYTES];
    uint8_t value[SETTLEMENT_EARNING_BYTES];
    if (payee.len == 0 || payee.len > GAS_NAME_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    struct lucid_span key = settlement_earning_key(unit, payee, key_bytes);
    struct settlement_earning earning;
    enum lucid_error error = earning_get(txn, key, &earning);
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t *const fields[] = {
        [EARNED_COMPUTE] = &earning.compute,
        [EARNED_MODEL] = &earning.model,
        [RELEASED] = &earning.released,
        [REVERSED] = &earning.reversed,
    };
    /* The account's totals bound it. */
    if (!lucid_add_u64(*fields[change], amount, fields[change])) {
        return LUCID_FATAL_CORRUPT;
    }
    bool leg = change == EARNED_COMPUTE || change == EARNED_MODEL;
    if (leg && earning.last_payment != event->sequence) {
        earning.last_payment = event->sequence;
        earning.payments++;
    }
    settlement_earning_encode(&earning, value);
    return ledger_txn_put(txn, SETTLEMENT_EARNINGS, key, lucid_span(value, sizeof(value)));
}

/* Sums of a period that a posting adds to; NULL: none. */
static unsigned __int128 *period_sum(struct settlement_period *period, const struct side *side,
                                     bool back)
{
    if (side->class == GAS_CLASS_REVENUE) {
        return back ? &period->reversed_protocol : &period->protocol;
    }
    if (side->class == GAS_CLASS_SUSPENSE && begins_with(side->id, suspense_compute)) {
        return back ? &period->reversed_compute : &period->suspense_compute;
    }
    if (side->class == GAS_CLASS_SUSPENSE && begins_with(side->id, suspense_model)) {
        return back ? &period->reversed_model : &period->suspense_model;
    }
    return NULL;
}

/* Every posting puts the unit's row: it says that money moved. */
static enum lucid_error period_add(struct ledger_txn *txn, const struct ledger_event *event,
                                   enum gas_unit unit, const struct side *debit,
                                   const struct side *credit, uint64_t amount)
{
    uint8_t key_bytes[SETTLEMENT_KEY_BYTES];
    uint8_t row[SETTLEMENT_PERIOD_BYTES];
    struct lucid_span key = settlement_earning_key(unit, lucid_span(NULL, 0), key_bytes);
    struct lucid_span value;
    struct settlement_period period = {.payments = 0};
    enum lucid_error error = ledger_txn_get(txn, SETTLEMENT_EARNINGS, key, &value);
    if (error == LUCID_OK) {
        error = settlement_period_parse(value, &period);
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool in = debit->class == GAS_CLASS_CLEARING;
    bool back = credit->class == GAS_CLASS_CLEARING;
    unsigned __int128 *sum = in || back ? period_sum(&period, in ? credit : debit, back) : NULL;
    if (sum != NULL) {
        *sum += amount;
    }
    if (in && period.last_payment != event->sequence) {
        period.last_payment = event->sequence;
        period.payments++;
    }
    settlement_period_encode(&period, row);
    return ledger_txn_put(txn, SETTLEMENT_EARNINGS, key, lucid_span(row, sizeof(row)));
}

static enum lucid_error posting_fold(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct gas_posting_read *posting)
{
    struct side debit;
    struct side credit;
    enum lucid_error error = side_parse(posting->debit, &debit);
    if (error == LUCID_OK) {
        error = side_parse(posting->credit, &credit);
    }
    if (error == LUCID_OK && begins_with(debit.id, suspense_payment)) {
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = period_add(txn, event, posting->unit, &debit, &credit, posting->amount);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (credit.class == GAS_CLASS_PAYEE && debit.class == GAS_CLASS_CLEARING) {
        bool model = lucid_span_is(posting->what, what_model);
        return earning_add(txn, event, posting->unit, payee_of(credit.id, posting->unit),
                           model ? EARNED_MODEL : EARNED_COMPUTE, posting->amount);
    }
    if (credit.class == GAS_CLASS_PAYEE && debit.class == GAS_CLASS_SUSPENSE) {
        return earning_add(txn, event, posting->unit, payee_of(credit.id, posting->unit), RELEASED,
                           posting->amount);
    }
    if (debit.class == GAS_CLASS_PAYEE && credit.class == GAS_CLASS_CLEARING) {
        return earning_add(txn, event, posting->unit, payee_of(debit.id, posting->unit), REVERSED,
                           posting->amount);
    }
    return LUCID_OK;
}

enum lucid_error settlement_money_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    const struct jcs_value *postings = error == LUCID_OK ? jcs_member(root, "postings") : NULL;
    const struct jcs_value *element = NULL;
    while (error == LUCID_OK && (element = jcs_next(postings, element)) != NULL) {
        struct gas_posting_read posting;
        error = gas_posting_parse(element, &posting);
        if (error == LUCID_OK) {
            error = posting_fold(txn, event, &posting);
        }
    }
    lucid_arena_fini(&arena);
    return error;
}
