/* Payments as bytes: what is asked for, the payload of the event, the rows made of it. */
#include "base/assert.h"
#include "gas/revenue_internal.h"
#include "ledger/payload.h"

const char *const revenue_what[GAS_LEGS] = {"split.compute", "split.model", "split.protocol"};

/* --- keys ------------------------------------------------------------------------------------- */

static size_t asset_put(struct lucid_span asset, uint8_t *key)
{
    lucid_assert(asset.len > 0 && asset.len <= GAS_NAME_BYTES_MAX);
    memcpy(key, asset.data, asset.len);
    key[asset.len] = 0;
    return asset.len + 1;
}

struct lucid_span revenue_asset_key(struct lucid_span asset, enum gas_unit unit,
                                    uint8_t key[REVENUE_ASSET_KEY_BYTES_MAX])
{
    size_t len = asset_put(asset, key);
    key[len] = (uint8_t)unit;
    return lucid_span(key, len + 1);
}

struct lucid_span revenue_payment_key(struct lucid_span asset, uint64_t sequence,
                                      uint8_t key[REVENUE_ASSET_KEY_BYTES_MAX])
{
    size_t len = asset_put(asset, key);
    lucid_put_be64(key + len, sequence);
    return lucid_span(key, len + 8);
}

/* Hashes the text and frees it. */
static enum lucid_error text_hash(struct lucid_buf *text, uint8_t ret[LUCID_SHA256_BYTES])
{
    bool ok = lucid_buf_ok(text);
    if (ok) {
        lucid_sha256(lucid_buf_span(text), ret);
    }
    lucid_buf_fini(text);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error revenue_split_key(const char *asset, enum gas_unit unit,
                                   const struct gas_weights *weights,
                                   const char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1],
                                   uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf text;
    lucid_buf_init(&text, REVENUE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "asset", asset);
    member_weights_put(&text, "bps", weights);
    member_payees_put(&text, payees);
    lucid_json_member_cstr(&text, "unit", gas_unit_name(unit));
    lucid_buf_char(&text, '}');
    return text_hash(&text, ret);
}

enum lucid_error revenue_split_row(enum lucid_error found, struct lucid_span value, uint64_t *ret)
{
    if (found == LUCID_NOTE_ABSENT) {
        *ret = 0;
        return LUCID_OK;
    }
    if (found == LUCID_OK && value.len != 8) {
        return LUCID_FATAL_CORRUPT;
    }
    if (found == LUCID_OK) {
        *ret = lucid_get_be64(value.data);
    }
    return found;
}

static void optional_put(struct lucid_buf *text, const char *name, const char *value)
{
    if (value[0] != '\0') {
        lucid_json_member_cstr(text, name, value);
    }
}

enum lucid_error revenue_content_hash(const struct gas_payment *payment,
                                      uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf text;
    lucid_buf_init(&text, REVENUE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    gas_amount_member(&text, "amount", payment->amount);
    lucid_json_member_cstr(&text, "asset", payment->asset);
    optional_put(&text, "external_id", payment->external_id);
    lucid_json_member_cstr(&text, "facilitator", payment->facilitator);
    optional_put(&text, "network", payment->network);
    optional_put(&text, "note", payment->note);
    optional_put(&text, "payer", payment->payer);
    optional_put(&text, "transaction", payment->transaction);
    lucid_json_member_cstr(&text, "unit", gas_unit_name(payment->unit));
    lucid_buf_char(&text, '}');
    return text_hash(&text, ret);
}

/* --- preparing -------------------------------------------------------------------------------- */

static enum lucid_error text_refuse(struct lucid_why *why, const char *param, int max)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", param,
                        "%s is 1 to %d bytes of UTF-8 without control characters", param, max);
}

static enum lucid_error name_refuse(struct lucid_why *why, const char *param, int max)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", param,
                        "%s is 1 to %d of A-Za-z0-9._:-", param, max);
}

static enum lucid_error texts_take(const struct gas_payment_request *request,
                                   struct gas_payment *payment, struct lucid_why *why)
{
    if (request->external_id.data == NULL ||
        !member_text_take(request->external_id, GAS_EXTERNAL_ID_BYTES_MAX, payment->external_id)) {
        return text_refuse(why, "external_id", GAS_EXTERNAL_ID_BYTES_MAX);
    }
    if (!member_name_take(request->facilitator.data != NULL
                              ? request->facilitator
                              : lucid_span_str(GAS_FACILITATOR_DEFAULT),
                          GAS_NAME_BYTES_MAX, payment->facilitator)) {
        return name_refuse(why, "facilitator", GAS_NAME_BYTES_MAX);
    }
    if (!member_text_take(request->payer, GAS_PAYER_BYTES_MAX, payment->payer)) {
        return text_refuse(why, "payer", GAS_PAYER_BYTES_MAX);
    }
    if (!member_name_take(request->network, GAS_NETWORK_BYTES_MAX, payment->network)) {
        return name_refuse(why, "network", GAS_NETWORK_BYTES_MAX);
    }
    if (!member_text_take(request->transaction, GAS_TRANSACTION_BYTES_MAX, payment->transaction)) {
        return text_refuse(why, "transaction", GAS_TRANSACTION_BYTES_MAX);
    }
    if (!member_text_take(request->note, GAS_NOTE_BYTES_MAX, payment->note)) {
        return text_refuse(why, "note", GAS_NOTE_BYTES_MAX);
    }
    return LUCID_OK;
}

enum lucid_error gas_payment_prepare(struct gas_payment_command *command,
                                     const struct gas_payment_request *request,
                                     struct lucid_why *why)
{
    struct gas_payment payment = {.amount = request->amount, .unit = request->unit};
    if (request->asset.data == NULL ||
        !member_name_take(request->asset, GAS_NAME_BYTES_MAX, payment.asset)) {
        return name_refuse(why, "asset", GAS_NAME_BYTES_MAX);
    }
    if (request->unit != GAS_USDC) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "unit",
                            "assets are paid in %s", gas_unit_name(GAS_USDC));
    }
    if (request->amount == 0 || request->amount > GAS_AMOUNT_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "amount",
                            "an amount is 1 to 2^63 - 1 base units");
    }
    enum lucid_error error = texts_take(request, &payment, why);
    if (error == LUCID_OK) {
        *command = (struct gas_payment_command){.command = {.kind = &gas_revenue_kind},
                                                .payment = payment};
    }
    return error;
}

/* --- writing payloads ------------------------------------------------------------------------- */

void gas_revenue_member_put(struct lucid_buf *out, const struct gas_revenue_member *member)
{
    if (member->text.data != NULL) {
        lucid_json_member_str(out, member->name, member->text);
    } else if (member->json.data != NULL) {
        lucid_json_member(out, member->name);
        lucid_buf_span_put(out, member->json);
    }
}

/* One of our own members, by its name. */
struct own_member {
    const char *name;
    void (*put)(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                const struct gas_posting_draft *postings);
};

static void amount_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                       const struct gas_posting_draft *postings)
{
    (void)postings;
    gas_amount_member(out, name, payment->amount);
}

static void asset_name_put(struct lucid_buf *out, const char *name,
                           const struct gas_payment *payment,
                           const struct gas_posting_draft *postings)
{
    (void)postings;
    lucid_json_member_cstr(out, name, payment->asset);
}

static void postings_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                         const struct gas_posting_draft *postings)
{
    (void)name;
    (void)payment;
    gas_postings_write(out, postings, GAS_LEGS);
}

static void settled_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                        const struct gas_posting_draft *postings)
{
    (void)postings;
    lucid_json_member_u64(out, name, payment->sequence);
}

static void split_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                      const struct gas_posting_draft *postings)
{
    (void)postings;
    lucid_json_member(out, name);
    lucid_buf_char(out, '{');
    member_weights_put(out, "bps", &payment->weights);
    member_payees_put(out, payment->payees);
    lucid_buf_char(out, '}');
}

static void unit_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                     const struct gas_posting_draft *postings)
{
    (void)postings;
    lucid_json_member_cstr(out, name, gas_unit_name(payment->unit));
}

static void version_put(struct lucid_buf *out, const char *name, const struct gas_payment *payment,
                        const struct gas_posting_draft *postings)
{
    (void)postings;
    lucid_json_member_u64(out, name, payment->version);
}

/* Our members (ended by name NULL) and the caller's as one object. JCS sorts ASCII as strcmp. */
static void object_write(const struct own_member *own, const struct gas_payment *payment,
                         const struct gas_posting_draft *postings,
                         const struct gas_revenue_member *members, size_t count,
                         struct lucid_buf *out)
{
    size_t at = 0;
    lucid_buf_char(out, '{');
    for (;; own++) {
        for (; at < count && (own->name == NULL || strcmp(members[at].name, own->name) < 0); at++) {
            lucid_assert(at == 0 || strcmp(members[at - 1].name, members[at].name) < 0);
            gas_revenue_member_put(out, &members[at]);
        }
        if (own->name == NULL) {
            break;
        }
        lucid_assert(at == count || strcmp(members[at].name, own->name) != 0);
        own->put(out, own->name, payment, postings);
    }
    lucid_buf_char(out, '}');
}

void revenue_payload_write(const struct gas_payment *share,
                           const struct gas_posting_draft postings[GAS_LEGS],
                           const struct gas_revenue_member *members, size_t count,
                           struct lucid_buf *out)
{
    static const struct own_member own[] = {
        {"amount", amount_put}, {"asset", asset_name_put}, {"postings", postings_put},
        {"split", split_put},   {"unit", unit_put},        {"version", version_put},
        {NULL, NULL},
    };
    object_write(own, share, postings, members, count, out);
}

void revenue_reversal_write(const struct gas_payment *payment,
                            const struct gas_posting_draft postings[GAS_LEGS],
                            const struct gas_revenue_member *members, size_t count,
                            struct lucid_buf *out)
{
    static const struct own_member own[] = {
        {"amount", amount_put},   {"asset", asset_name_put}, {"postings", postings_put},
        {"settled", settled_put}, {"unit", unit_put},        {NULL, NULL},
    };
    object_write(own, payment, postings, members, count, out);
}

/* --- reading payloads and rows ---------------------------------------------------------------- */

/* What each leg got, from the postings; a leg without one got nothing. */
static enum lucid_error legs_parse(const struct jcs_value *root, struct gas_payment *payment)
{
    const struct jcs_value *array = jcs_member(root, "postings");
    uint64_t sum = 0;
    if (array == NULL || jcs_type(array) != JCS_ARRAY) {
        return LUCID_FATAL_CORRUPT;
    }
    for (const struct jcs_value *at = jcs_next(array, NULL); at != NULL; at = jcs_next(array, at)) {
        struct gas_posting_read posting;
        enum lucid_error error = gas_posting_parse(at, &posting);
        if (error != LUCID_OK) {
            return error;
        }
        size_t leg = 0;
        while (leg < GAS_LEGS && !lucid_span_is(posting.what, revenue_what[leg])) {
            leg++;
        }
        if (leg == GAS_LEGS || payment->legs[leg] != 0 || posting.unit != payment->unit ||
            posting.amount > payment->amount - sum) {
            return LUCID_FATAL_CORRUPT;
        }
        payment->legs[leg] = posting.amount;
        sum += posting.amount;
    }
    return sum == payment->amount ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static enum lucid_error split_parse(const struct jcs_value *root, struct gas_payment *payment)
{
    const struct jcs_value *split = jcs_member(root, "split");
    const struct jcs_value *payees = jcs_member(split, "payees");
    if (payees == NULL || jcs_type(payees) != JCS_ARRAY || jcs_count(payees) != 2) {
        return LUCID_FATAL_CORRUPT;
    }
    const struct jcs_value *compute = jcs_next(payees, NULL);
    enum lucid_error error = member_weights(split, "bps", &payment->weights);
    if (error == LUCID_OK) {
        error = member_payee(compute, payment->payees[GAS_COMPUTE]);
    }
    if (error == LUCID_OK) {
        error = member_payee(jcs_next(payees, compute), payment->payees[GAS_MODEL]);
    }
    return error;
}

/* The members that a payment may have; which of them it must have is its kind's matter. */
static enum lucid_error texts_parse(const struct jcs_value *root, struct gas_payment *payment)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } texts[] = {
        {"external_id", payment->external_id, sizeof(payment->external_id)},
        {"facilitator", payment->facilitator, sizeof(payment->facilitator)},
        {"network", payment->network, sizeof(payment->network)},
        {"note", payment->note, sizeof(payment->note)},
        {"payer", payment->payer, sizeof(payment->payer)},
        {"transaction", payment->transaction, sizeof(payment->transaction)},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum lucid_error error =
            member_text_optional(root, texts[i].name, texts[i].out, texts[i].size);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error root_parse(const struct jcs_value *root, struct gas_payment *ret)
{
    struct gas_payment payment = {.sequence = ret->sequence, .time_ms = ret->time_ms};
    enum lucid_error error = member_text(root, "asset", payment.asset, sizeof(payment.asset));
    if (error == LUCID_OK) {
        error = member_amount(root, "amount", &payment.amount);
    }
    if (error == LUCID_OK) {
        error = member_unit(root, &payment.unit);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "version", &payment.version);
    }
    if (error == LUCID_OK) {
        error = split_parse(root, &payment);
    }
    if (error == LUCID_OK) {
        error = legs_parse(root, &payment);
    }
    if (error == LUCID_OK) {
        error = texts_parse(root, &payment);
    }
    if (error == LUCID_OK && !gas_name_ok(lucid_span_str(payment.asset), GAS_NAME_BYTES_MAX)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        *ret = payment;
    }
    return error;
}

enum lucid_error revenue_payment_parse(struct lucid_span payload, struct gas_payment *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, REVENUE_PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = root_parse(root, ret);
    }
    lucid_arena_fini(&arena);
    return error;
}

enum lucid_error revenue_payment_row(uint64_t sequence, struct lucid_span value,
                                     struct gas_payment *ret)
{
    if (value.len < 8) {
        return LUCID_FATAL_CORRUPT;
    }
    struct gas_payment payment = {.sequence = sequence, .time_ms = lucid_get_be64(value.data)};
    enum lucid_error error =
        revenue_payment_parse(lucid_span(value.data + 8, value.len - 8), &payment);
    if (error == LUCID_OK) {
        *ret = payment;
    }
    return error;
}

/* The numbers of a row of `asset_revenue`, in their order. */
static size_t asset_row_numbers(struct gas_asset_revenue *revenue, uint64_t *ret[])
{
    size_t count = 0;
    ret[count++] = &revenue->payments;
    ret[count++] = &revenue->gross;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->legs[i];
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->suspended[i];
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->released[i];
    }
    ret[count++] = &revenue->reversals;
    ret[count++] = &revenue->reversed_gross;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->reversed[i];
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->withdrawn[i];
    }
    ret[count++] = &revenue->refunds;
    ret[count++] = &revenue->refunded_gross;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[count++] = &revenue->refunded[i];
    }
    ret[count++] = &revenue->last_sequence;
    return count;
}

enum lucid_error revenue_asset_row(struct lucid_span key, struct lucid_span value,
                                   struct gas_asset_revenue *ret)
{
    struct gas_asset_revenue revenue = {.payments = 0};
    uint64_t *numbers[REVENUE_ASSET_ROW_BYTES / 8];
    if (value.len != REVENUE_ASSET_ROW_BYTES || key.len < 3 || key.data[key.len - 2] != 0 ||
        key.data[key.len - 1] < GAS_LUCID || key.data[key.len - 1] > GAS_USDC) {
        return LUCID_FATAL_CORRUPT;
    }
    revenue.unit = (enum gas_unit)key.data[key.len - 1];
    enum lucid_error error =
        payload_copy(lucid_span(key.data, key.len - 2), revenue.asset, sizeof(revenue.asset));
    if (error != LUCID_OK) {
        return error;
    }
    size_t count = asset_row_numbers(&revenue, numbers);
    for (size_t i = 0; i < count; i++) {
        *numbers[i] = lucid_get_be64(value.data + 8 * i);
    }
    *ret = revenue;
    return LUCID_OK;
}

void revenue_asset_row_put(const struct gas_asset_revenue *revenue,
                           uint8_t row[REVENUE_ASSET_ROW_BYTES])
{
    struct gas_asset_revenue copy = *revenue;
    uint64_t *numbers[REVENUE_ASSET_ROW_BYTES / 8];
    size_t count = asset_row_numbers(&copy, numbers);
    for (size_t i = 0; i < count; i++) {
        lucid_put_be64(row + 8 * i, *numbers[i]);
    }
}
