/* Event `payment.recorded`, payload JCS:
 *   {"amount":"n","asset":text,"external_id":text,"facilitator":text,"network"?:text,"note"?:text,
 *    "payer"?:text,"postings":[…],"split":{"bps":[c,m,p],"payees":[text|null,text|null]},
 *    "transaction"?:text,"unit":text,"version":n}
 * Event `suspense.released`, payload JCS:
 *   {"asset":text,"leg":text,"payee":text,"postings":[one],"unit":text}
 * Table `payments`: key = sequence u64; value = time u64 ‖ payload. Also key = asset ‖ 0 ‖ sequence
 * u64, no value.
 * Table `payment_keys`: key = SHA-256 of the external id; value = sequence u64 ‖ content hash.
 * Table `splits`: key = SHA-256 of JCS {"asset","bps","payees","unit"}; value = T u64.
 * Table `asset_revenue`: key = asset ‖ 0 ‖ unit u8; value = payments u64 ‖ gross u64 ‖ legs 3 u64 ‖
 * suspended 3 u64 ‖ released 3 u64 ‖ reversals u64 ‖ reversed gross u64 ‖ reversed 3 u64 ‖
 * withdrawn 3 u64 ‖ refunds u64 ‖ refunded gross u64 ‖ refunded 3 u64 ‖ last sequence u64. Also
 * releases (gas/reversal.c). */
#include "base/assert.h"
#include "gas/payment_types.h"
#include "gas/revenue_internal.h"
#include "ledger/payload.h"

static const char type_recorded[] = GAS_TYPE_PAYMENT_RECORDED;
static const char type_released[] = GAS_TYPE_SUSPENSE_RELEASED;
static const char type_reversed[] = GAS_TYPE_PAYMENT_REVERSED;
static const char type_refunded[] = GAS_TYPE_PAYMENT_REFUNDED;
static const char type_price[] = "price.set";

static const struct ledger_event_type types[] = {
    {.name = type_recorded, .version = 1}, {.name = type_released, .version = 1}, {.name = NULL}};
static const char *const tables[] = {"payments",      "payment_keys", "splits",
                                     "asset_revenue", "revenue_by",   NULL};
/* Its own and those of the payments kind (x402/), which are folded as payments; and price.set. */
static const char *const listens[] = {type_price, GAS_PAYMENT_TYPES, NULL};

/* The legs that a payee can have. */
static const enum gas_leg payee_legs[] = {GAS_COMPUTE, GAS_MODEL};
enum { PAYEE_LEGS = sizeof(payee_legs) / sizeof(payee_legs[0]) };

/* --- sharing ---------------------------------------------------------------------------------- */

/* The price that a payment goes by, with the payees that are known by now. */
static enum lucid_error price_find(struct ledger_txn *txn,
                                   const struct gas_revenue_request *request, struct gas_price *ret,
                                   struct lucid_why *why)
{
    struct gas_price current;
    enum lucid_error error = gas_price_peek(txn, request->asset, request->version, ret);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset",
                            "this asset has no price");
    }
    if (error != LUCID_OK || request->version == 0) {
        return error;
    }
    error = gas_price_peek(txn, request->asset, 0, &current);
    for (size_t i = 0; error == LUCID_OK && i < PAYEE_LEGS; i++) {
        enum gas_leg leg = payee_legs[i];
        if (ret->payees[leg][0] == '\0') {
            memcpy(ret->payees[leg], current.payees[leg], sizeof(current.payees[leg]));
        }
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* T of the share's tuple as this batch has it. */
static enum lucid_error total_peek(struct ledger_txn *txn, const struct gas_payment *share,
                                   uint64_t *ret)
{
    uint8_t key[LUCID_SHA256_BYTES];
    struct lucid_span value = {NULL, 0};
    enum lucid_error error =
        revenue_split_key(share->asset, share->unit, &share->weights, share->payees, key);
    if (error == LUCID_OK) {
        error = ledger_txn_peek(txn, &gas_revenue_kind, REVENUE_SPLITS,
                                lucid_span(key, sizeof(key)), &value);
        return revenue_split_row(error, value, ret);
    }
    return error;
}

static enum lucid_error asset_peek(struct ledger_txn *txn, struct lucid_span asset,
                                   enum gas_unit unit, struct gas_asset_revenue *ret)
{
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    struct lucid_span value;
    struct lucid_span key = revenue_asset_key(asset, unit, bytes);
    enum lucid_error error = ledger_txn_peek(txn, &gas_revenue_kind, REVENUE_ASSETS, key, &value);
    return error == LUCID_OK ? revenue_asset_row(key, value, ret) : error;
}

static enum lucid_error legs_split(const struct gas_revenue_config *config,
                                   const struct gas_payment *share, uint64_t total,
                                   uint64_t ret[GAS_LEGS])
{
    const struct gas_split *split = NULL;
    struct gas_split *own = NULL;
    enum lucid_error error = LUCID_OK;
    if (config != NULL && config->cache != NULL) {
        error = gas_split_cache_get(config->cache, &share->weights, &split);
    } else {
        error = gas_split_open(&share->weights, &own);
        split = own;
    }
    if (error == LUCID_OK) {
        error = gas_split_pay(split, total, share->amount, ret);
    }
    gas_split_close(own);
    return error;
}

/* The legs, if the totals kept here have room for the amount. */
static enum lucid_error share_split(struct ledger_txn *txn, const struct gas_revenue_config *config,
                                    struct gas_payment *share, struct lucid_why *why)
{
    uint64_t total = 0;
    struct gas_asset_revenue revenue = {.gross = 0};
    enum lucid_error error = total_peek(txn, share, &total);
    if (error == LUCID_OK) {
        error = asset_peek(txn, lucid_span_str(share->asset), share->unit, &revenue);
        error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    if (error == LUCID_OK) {
        error = legs_split(config, share, total, share->legs);
    }
    if (error == LUCID_REFUSE_TOO_LARGE ||
        (error == LUCID_OK && share->amount > GAS_AMOUNT_MAX - revenue.gross)) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "amount",
                            "what was paid for this asset would pass 2^63 - 1 base units");
    }
    return error;
}

/* The accounts of a share and its postings, which point to them. */
struct entry {
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char credits[GAS_LEGS][GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct gas_posting_draft postings[GAS_LEGS];
};

static void entry_make(const struct gas_payment *share, struct lucid_span facilitator,
                       struct entry *entry)
{
    gas_account_clearing(facilitator, share->unit, entry->clearing);
    gas_account_own(GAS_CLASS_REVENUE, "protocol", share->unit, entry->credits[GAS_PROTOCOL]);
    for (size_t i = 0; i < PAYEE_LEGS; i++) {
        enum gas_leg leg = payee_legs[i];
        if (share->payees[leg][0] != '\0') {
            gas_account_payee(lucid_span_str(share->payees[leg]), share->unit, entry->credits[leg]);
        } else {
            gas_account_suspense(gas_leg_name(leg), lucid_span_str(share->asset), share->unit,
                                 entry->credits[leg]);
        }
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        entry->postings[i] = (struct gas_posting_draft){
            .debit = entry->clearing,
            .credit = entry->credits[i],
            .amount = share->legs[i],
            .what = revenue_what[i],
        };
    }
}

static enum lucid_error share_make(struct ledger_txn *txn,
                                   const struct gas_revenue_request *request,
                                   struct gas_payment *ret, struct lucid_why *why)
{
    struct gas_price price;
    enum lucid_error error = price_find(txn, request, &price, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (request->unit != price.unit) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "unit",
                            "this asset is paid in %s", gas_unit_name(price.unit));
    }
    if (request->amount == 0 || request->amount > GAS_AMOUNT_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "amount",
                            "an amount is 1 to 2^63 - 1 base units");
    }
    *ret = (struct gas_payment){
        .unit = request->unit,
        .amount = request->amount,
        .version = price.version,
        .weights = price.weights,
    };
    memcpy(ret->asset, price.asset, sizeof(price.asset));
    memcpy(ret->payees, price.payees, sizeof(price.payees));
    return share_split(txn, request->config, ret, why);
}

enum lucid_error gas_revenue_payload(struct ledger_txn *txn,
                                     const struct gas_revenue_request *request,
                                     struct lucid_buf *out, struct lucid_why *why)
{
    struct gas_payment share;
    struct entry entry;
    lucid_assert(gas_name_ok(request->facilitator, GAS_NAME_BYTES_MAX));
    enum lucid_error error = share_make(txn, request, &share, why);
    if (error != LUCID_OK) {
        return error;
    }
    entry_make(&share, request->facilitator, &entry);
    error = gas_postings_check(txn, entry.postings, GAS_LEGS, "amount", why);
    if (error != LUCID_OK) {
        return error;
    }
    revenue_payload_write(&share, entry.postings, request->members, request->member_count, out);
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* --- recording -------------------------------------------------------------------------------- */

/* The row of the external id, if it was used. */
static enum lucid_error key_get(struct ledger_txn *txn, const char *external_id,
                                struct lucid_span *ret)
{
    uint8_t key[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_span_str(external_id), key);
    enum lucid_error error = ledger_txn_get(txn, REVENUE_KEYS, lucid_span(key, sizeof(key)), ret);
    return error == LUCID_OK && ret->len != REVENUE_KEY_ROW_BYTES ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error known_decide(struct gas_payment_command *command, struct lucid_span row,
                                     struct lucid_why *why)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    enum lucid_error error = revenue_content_hash(&command->payment, hash);
    if (error != LUCID_OK) {
        return error;
    }
    if (memcmp(row.data + 8, hash, sizeof(hash)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_CONFLICT", "external_id",
                            "another payment was recorded under this external id");
    }
    command->ret_known = true;
    command->payment.sequence = lucid_get_be64(row.data);
    return LUCID_OK;
}

/* "": left out. */
static struct gas_revenue_member member_of(const char *name, const char *text)
{
    return (struct gas_revenue_member){
        .name = name,
        .text = text[0] != '\0' ? lucid_span_str(text) : lucid_span(NULL, 0),
    };
}

static enum lucid_error record_decide(struct ledger_txn *txn, struct gas_payment_command *command,
                                      struct lucid_why *why)
{
    const struct gas_payment *payment = &command->payment;
    const struct gas_revenue_member members[] = {
        member_of("external_id", payment->external_id),
        member_of("facilitator", payment->facilitator),
        member_of("network", payment->network),
        member_of("note", payment->note),
        member_of("payer", payment->payer),
        member_of("transaction", payment->transaction),
    };
    const struct gas_revenue_request request = {
        .config = ledger_txn_config(txn),
        .asset = lucid_span_str(payment->asset),
        .unit = payment->unit,
        .amount = payment->amount,
        .facilitator = lucid_span_str(payment->facilitator),
        .members = members,
        .member_count = sizeof(members) / sizeof(members[0]),
    };
    struct lucid_buf text;
    struct lucid_span kept = {NULL, 0};
    lucid_buf_init(&text, REVENUE_PAYLOAD_BYTES_MAX);
    enum lucid_error error = gas_revenue_payload(txn, &request, &text, why);
    if (error == LUCID_OK) {
        kept = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&text));
        error = kept.data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    }
    lucid_buf_fini(&text);
    if (error != LUCID_OK) {
        return error;
    }
    const struct ledger_draft draft = {.type = type_recorded, .payload = kept};
    return ledger_txn_draft(txn, &draft, &command->draft);
}

static enum lucid_error revenue_decide(struct ledger_txn *txn, struct ledger_command *base,
                                       struct lucid_why *why)
{
    struct gas_payment_command *command = (struct gas_payment_command *)base;
    struct lucid_span row;
    command->ret_known = false;
    command->draft = NULL;
    enum lucid_error error = key_get(txn, command->payment.external_id, &row);
    if (error == LUCID_OK) {
        return known_decide(command, row, why);
    }
    return error == LUCID_NOTE_ABSENT ? record_decide(txn, command, why) : error;
}

static void revenue_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct gas_payment_command *command = (struct gas_payment_command *)base;
    uint64_t sequence =
        command->draft != NULL ? command->draft->sequence : command->payment.sequence;
    uint8_t key[8];
    struct lucid_span value;
    lucid_put_be64(key, sequence);
    command->draft = NULL; /* the batch's memory */
    base->error = ledger_txn_get(txn, REVENUE_PAYMENTS, lucid_span(key, sizeof(key)), &value);
    if (base->error == LUCID_OK) {
        base->error = revenue_payment_row(sequence, value, &command->payment);
    }
    if (base->error == LUCID_NOTE_ABSENT) {
        base->error = LUCID_FATAL_CORRUPT;
    }
}

/* --- releasing suspense ----------------------------------------------------------------------- */

/* What a leg that gets its payee has in suspense. */
struct release {
    enum gas_leg leg;
    char suspense[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char payee[GAS_ACCOUNT_ID_BYTES_MAX + 1];
};

/* The releases that a price leads to, and a posting of each, which points to it. */
static enum lucid_error releases_find(struct ledger_txn *txn, const struct gas_price *price,
                                      struct release releases[PAYEE_LEGS],
                                      struct gas_posting_draft postings[PAYEE_LEGS],
                                      size_t *ret_count)
{
    struct gas_asset_revenue revenue;
    struct lucid_span asset = lucid_span_str(price->asset);
    size_t count = 0;
    *ret_count = 0;
    enum lucid_error error = asset_peek(txn, asset, price->unit, &revenue);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    for (size_t i = 0; i < PAYEE_LEGS; i++) {
        enum gas_leg leg = payee_legs[i];
        uint64_t held = gas_asset_suspense(&revenue, leg);
        if (price->payees[leg][0] == '\0' || held == 0) {
            continue;
        }
        struct release *release = &releases[count];
        release->leg = leg;
        gas_account_suspense(gas_leg_name(leg), asset, price->unit, release->suspense);
        gas_account_payee(lucid_span_str(price->payees[leg]), price->unit, release->payee);
        postings[count++] = (struct gas_posting_draft){.debit = release->suspense,
                                                       .credit = release->payee,
                                                       .amount = held,
                                                       .what = "suspense.release"};
    }
    *ret_count = count;
    return LUCID_OK;
}

/* A price whose payee's account has no room for the suspense is refused as a whole: a reaction
 * cannot refuse any more. */
static enum lucid_error revenue_guard(struct ledger_txn *txn, const struct ledger_command *base,
                                      struct lucid_why *why)
{
    const struct gas_price_command *command = (const struct gas_price_command *)base;
    struct release releases[PAYEE_LEGS];
    struct gas_posting_draft postings[PAYEE_LEGS];
    size_t count;
    if (base->verb != GAS_PRICE_SET) {
        return LUCID_OK;
    }
    enum lucid_error error = releases_find(txn, &command->price, releases, postings, &count);
    if (error != LUCID_OK || count == 0) {
        return error;
    }
    return gas_postings_check(txn, postings, count,
                              releases[0].leg == GAS_COMPUTE ? "compute_payee" : "model_payee",
                              why);
}

static enum lucid_error release_draft(struct ledger_txn *txn, const struct gas_price *price,
                                      const struct release *release,
                                      const struct gas_posting_draft *posting)
{
    struct lucid_buf text;
    struct lucid_span kept = {NULL, 0};
    lucid_buf_init(&text, REVENUE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "asset", price->asset);
    lucid_json_member_cstr(&text, "leg", gas_leg_name(release->leg));
    lucid_json_member_cstr(&text, "payee", price->payees[release->leg]);
    gas_postings_write(&text, posting, 1);
    lucid_json_member_cstr(&text, "unit", gas_unit_name(price->unit));
    lucid_buf_char(&text, '}');
    if (lucid_buf_ok(&text)) {
        kept = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&text));
    }
    lucid_buf_fini(&text);
    if (kept.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    const struct ledger_draft draft = {.type = type_released, .payload = kept};
    return ledger_txn_draft(txn, &draft, NULL);
}

static enum lucid_error revenue_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct gas_price price = {.version = 0};
    struct release releases[PAYEE_LEGS];
    struct gas_posting_draft postings[PAYEE_LEGS];
    size_t count = 0;
    if (!lucid_span_is(event->type, type_price)) {
        return LUCID_OK;
    }
    enum lucid_error error = price_parse(event->payload, &price);
    if (error == LUCID_OK) {
        error = releases_find(txn, &price, releases, postings, &count);
    }
    if (error == LUCID_OK) {
        error = gas_postings_check(txn, postings, count, NULL, NULL);
        if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
            /* Another part of the same command took the room that the guard saw: the money stays
             * in suspense for the next price.set. */
            return LUCID_OK;
        }
    }
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        error = release_draft(txn, &price, &releases[i], &postings[i]);
    }
    return error;
}

/* --- folding ---------------------------------------------------------------------------------- */

static bool total_add(uint64_t *total, uint64_t amount)
{
    if (*total > GAS_AMOUNT_MAX || amount > GAS_AMOUNT_MAX - *total) {
        return false;
    }
    *total += amount;
    return true;
}

static enum lucid_error rows_put(struct ledger_txn *txn, const struct ledger_event *event,
                                 const struct gas_payment *payment)
{
    uint8_t sequence[8];
    uint8_t key[REVENUE_ASSET_KEY_BYTES_MAX];
    uint8_t *value = lucid_arena_alloc(ledger_txn_arena(txn), 8 + event->payload.len);
    if (value == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_put_be64(sequence, event->sequence);
    lucid_put_be64(value, event->time_ms);
    memcpy(value + 8, event->payload.data, event->payload.len);
    enum lucid_error error = ledger_txn_put(txn, REVENUE_PAYMENTS, lucid_span(sequence, 8),
                                            lucid_span(value, 8 + event->payload.len));
    if (error != LUCID_OK) {
        return error;
    }
    return ledger_txn_put(txn, REVENUE_PAYMENTS,
                          revenue_payment_key(lucid_span_str(payment->asset), event->sequence, key),
                          lucid_span("", 0));
}

static enum lucid_error key_put(struct ledger_txn *txn, const struct gas_payment *payment)
{
    uint8_t key[LUCID_SHA256_BYTES];
    uint8_t row[REVENUE_KEY_ROW_BYTES];
    if (payment->external_id[0] == '\0') {
        return LUCID_OK;
    }
    lucid_sha256(lucid_span_str(payment->external_id), key);
    lucid_put_be64(row, payment->sequence);
    enum lucid_error error = revenue_content_hash(payment, row + 8);
    return error == LUCID_OK ? ledger_txn_put(txn, REVENUE_KEYS, lucid_span(key, sizeof(key)),
                                              lucid_span(row, sizeof(row)))
                             : error;
}

static enum lucid_error total_fold(struct ledger_txn *txn, const struct gas_payment *payment)
{
    uint8_t key[LUCID_SHA256_BYTES];
    uint8_t *row;
    enum lucid_error error =
        revenue_split_key(payment->asset, payment->unit, &payment->weights, payment->payees, key);
    if (error == LUCID_OK) {
        error = ledger_txn_row(txn, REVENUE_SPLITS, lucid_span(key, sizeof(key)), 8, true, &row);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t total = lucid_get_be64(row);
    if (!total_add(&total, payment->amount)) {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_put_be64(row, total);
    return LUCID_OK;
}

static enum lucid_error payment_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct gas_payment payment = {.sequence = event->sequence, .time_ms = event->time_ms};
    struct gas_asset_revenue revenue;
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    uint8_t *row;
    enum lucid_error error = revenue_payment_parse(event->payload, &payment);
    if (error == LUCID_OK) {
        error = rows_put(txn, event, &payment);
    }
    if (error == LUCID_OK) {
        error = key_put(txn, &payment);
    }
    if (error == LUCID_OK) {
        error = total_fold(txn, &payment);
    }
    if (error == LUCID_OK) {
        const struct revenue_taking taking = {.what = REVENUE_PAID,
                                              .payment = &payment,
                                              .amount = payment.amount,
                                              .sequence = event->sequence,
                                              .time_ms = event->time_ms};
        error = revenue_takings_note(txn, &taking);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span key = revenue_asset_key(lucid_span_str(payment.asset), payment.unit, bytes);
    error = ledger_txn_row(txn, REVENUE_ASSETS, key, REVENUE_ASSET_ROW_BYTES, true, &row);
    if (error == LUCID_OK) {
        error = revenue_asset_row(key, lucid_span(row, REVENUE_ASSET_ROW_BYTES), &revenue);
    }
    if (error != LUCID_OK) {
        return error;
    }
    bool fits = total_add(&revenue.payments, 1) && total_add(&revenue.gross, payment.amount);
    for (size_t i = 0; fits && i < GAS_LEGS; i++) {
        bool suspended = i != GAS_PROTOCOL && payment.payees[i][0] == '\0';
        fits = total_add(&revenue.legs[i], payment.legs[i]) &&
               (!suspended || total_add(&revenue.suspended[i], payment.legs[i]));
    }
    revenue.last_sequence = event->sequence;
    revenue_asset_row_put(&revenue, row);
    return fits ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

/* What a release says. */
struct released {
    char asset[GAS_NAME_BYTES_MAX + 1];
    enum gas_unit unit;
    size_t leg;
    uint64_t amount;
    char payee[GAS_NAME_BYTES_MAX + 1];
};

static enum lucid_error released_read(const struct jcs_value *root, struct released *ret)
{
    const struct jcs_value *postings = jcs_member(root, "postings");
    struct lucid_span name;
    struct gas_posting_read posting;
    enum lucid_error error = member_text(root, "asset", ret->asset, sizeof(ret->asset));
    if (error == LUCID_OK) {
        error = member_unit(root, &ret->unit);
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "leg", &name);
    }
    if (error == LUCID_OK) {
        error = member_text(root, "payee", ret->payee, sizeof(ret->payee));
    }
    if (error == LUCID_OK &&
        (postings == NULL || jcs_type(postings) != JCS_ARRAY || jcs_count(postings) != 1)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = gas_posting_parse(jcs_next(postings, NULL), &posting);
    }
    if (error != LUCID_OK) {
        return error;
    }
    ret->amount = posting.amount;
    for (ret->leg = 0; ret->leg < PAYEE_LEGS; ret->leg++) {
        if (lucid_span_is(name, gas_leg_name((enum gas_leg)ret->leg))) {
            return posting.unit == ret->unit ? LUCID_OK : LUCID_FATAL_CORRUPT;
        }
    }
    return LUCID_FATAL_CORRUPT;
}

static enum lucid_error released_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct released released;
    struct gas_asset_revenue revenue;
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    uint8_t *row;
    lucid_arena_init(&arena, REVENUE_PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = released_read(root, &released);
    }
    lucid_arena_fini(&arena);
    if (error == LUCID_OK && !gas_name_ok(lucid_span_str(released.asset), GAS_NAME_BYTES_MAX)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span key = revenue_asset_key(lucid_span_str(released.asset), released.unit, bytes);
    error = ledger_txn_row(txn, REVENUE_ASSETS, key, REVENUE_ASSET_ROW_BYTES, false, &row);
    if (error == LUCID_OK) {
        error = revenue_asset_row(key, lucid_span(row, REVENUE_ASSET_ROW_BYTES), &revenue);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (released.amount > gas_asset_suspense(&revenue, (enum gas_leg)released.leg)) {
        return LUCID_FATAL_CORRUPT;
    }
    revenue.released[released.leg] += released.amount;
    revenue.last_sequence = event->sequence;
    revenue_asset_row_put(&revenue, row);
    return revenue_release_note(txn, event, lucid_span_str(released.asset), released.unit,
                                (enum gas_leg)released.leg, released.payee);
}

static enum lucid_error revenue_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (lucid_span_is(event->type, type_price)) {
        return LUCID_OK;
    }
    if (lucid_span_is(event->type, type_released)) {
        return released_apply(txn, event);
    }
    bool back =
        lucid_span_is(event->type, type_reversed) || lucid_span_is(event->type, type_refunded);
    return back ? revenue_reversed_apply(txn, event) : payment_apply(txn, event);
}

const struct ledger_kind gas_revenue_kind = {
    .name = "revenue",
    .fold_version = 4,
    .types = types,
    .tables = tables,
    .listens = listens,
    .guards = "pricing",
    .decide = revenue_decide,
    .guard = revenue_guard,
    .apply = revenue_apply,
    .react = revenue_react,
    .conclude = revenue_conclude,
};
