/* Event `price.set`, payload JCS:
 *   {"asset":text,"compute_payee":text|null,"custom_split":bool,"model_payee":text|null,
 *    "network":text,"pay_to":text,"price_per_call":"n","split_bps":[c,m,p],"unit":text,"version":n}
 *   and, each only when it was given, "description":text, "grant_seconds":n, "mime_type":text,
 *   "price_per_token":"n", "price_subscription_hour":"n", "resource":text (gas/price_form.c).
 * Event `price.deleted`, payload JCS: {"asset":text,"version":n}: the version that it ends.
 * Table `prices`: key = asset; value = version in force u64.
 * Table `price_versions`: key = asset ‖ 0 ‖ version u64; value = sequence of price.set u64 ‖ its
 * time u64 ‖ sequence of the price.deleted that ended it u64 or 0 ‖ its time u64 ‖ payload of
 * price.set. */
#include "gas/pricing.h"

#include "base/assert.h"
#include "gas/member_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_set[] = "price.set";
static const char type_deleted[] = "price.deleted";
static const struct ledger_event_type types[] = {
    {.name = type_set, .version = 1}, {.name = type_deleted, .version = 1}, {.name = NULL}};
static const char *const tables[] = {"prices", "price_versions", NULL};

enum {
    TABLE_PRICES,
    TABLE_VERSIONS,
    VALUE_FIXED_BYTES = 32,
    KEY_BYTES_MAX = GAS_NAME_BYTES_MAX + 9,
    PAYLOAD_BYTES_MAX = 4096,
    DELETED_ARENA_BYTES = 16384,
};

static struct lucid_span version_key(struct lucid_span asset, uint64_t version,
                                     uint8_t key[KEY_BYTES_MAX])
{
    lucid_assert(asset.len <= GAS_NAME_BYTES_MAX);
    memcpy(key, asset.data, asset.len);
    key[asset.len] = 0;
    lucid_put_be64(key + asset.len + 1, version);
    return lucid_span(key, asset.len + 9);
}

/* Whether a row of `price_versions` is one of that asset. */
static bool key_is_of(struct lucid_span key, struct lucid_span asset)
{
    return key.len == asset.len + 9 && memcmp(key.data, asset.data, asset.len) == 0 &&
           key.data[asset.len] == 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum lucid_error row_parse(struct lucid_span value, struct gas_price *ret)
{
    if (value.len < VALUE_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    struct gas_price price = {
        .sequence = lucid_get_be64(value.data),
        .time_ms = lucid_get_be64(value.data + 8),
        .deleted_sequence = lucid_get_be64(value.data + 16),
        .deleted_ms = lucid_get_be64(value.data + 24),
    };
    enum lucid_error error = price_parse(
        lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES), &price);
    if (error == LUCID_OK) {
        *ret = price;
    }
    return error;
}

/* --- preparing -------------------------------------------------------------------------------- */

enum lucid_error gas_price_set_prepare(struct gas_price_command *command,
                                       const struct gas_price_request *request,
                                       struct lucid_why *why)
{
    struct gas_price price;
    enum lucid_error error = price_take(request, &price, why);
    if (error == LUCID_OK) {
        *command = (struct gas_price_command){
            .command = {.kind = &gas_pricing_kind, .verb = GAS_PRICE_SET}, .price = price};
    }
    return error;
}

enum lucid_error gas_price_delete_prepare(struct gas_price_command *command,
                                          struct lucid_span asset, struct lucid_why *why)
{
    struct gas_price price = {.unit = GAS_USDC};
    enum lucid_error error = price_asset_take(asset, &price, why);
    if (error == LUCID_OK) {
        *command = (struct gas_price_command){
            .command = {.kind = &gas_pricing_kind, .verb = GAS_PRICE_DELETE}, .price = price};
    }
    return error;
}

/* --- deciding --------------------------------------------------------------------------------- */

enum lucid_error gas_price_peek(struct ledger_txn *txn, struct lucid_span asset, uint64_t version,
                                struct gas_price *ret)
{
    uint8_t key[KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = LUCID_OK;
    bool current = version == 0;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    if (current) {
        error = ledger_txn_peek(txn, &gas_pricing_kind, TABLE_PRICES, asset, &value);
        if (error == LUCID_OK && value.len != 8) {
            error = LUCID_FATAL_CORRUPT;
        }
        if (error != LUCID_OK) {
            return error;
        }
        version = lucid_get_be64(value.data);
    }
    error = ledger_txn_peek(txn, &gas_pricing_kind, TABLE_VERSIONS,
                            version_key(asset, version, key), &value);
    if (error == LUCID_NOTE_ABSENT && current) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? row_parse(value, ret) : error;
}

/* The number that the asset's next version gets. */
static enum lucid_error version_next(struct ledger_txn *txn, struct lucid_span asset, uint64_t *ret)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = ledger_txn_seek(txn, TABLE_VERSIONS, STORE_SEEK_LT,
                                             version_key(asset, UINT64_MAX, bytes), &key, &value);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool any = error == LUCID_OK && key_is_of(key, asset);
    *ret = any ? lucid_get_be64(key.data + asset.len + 1) + 1 : 1;
    return LUCID_OK;
}

static enum lucid_error set_decide(struct ledger_txn *txn, struct gas_price_command *command)
{
    struct lucid_buf text;
    struct gas_price current;
    struct lucid_span asset = lucid_span_str(command->price.asset);
    enum lucid_error error = gas_price_peek(txn, asset, 0, &current);
    if (error == LUCID_OK && price_equal(&current, &command->price)) {
        command->ret_known = true;
        command->price.version = current.version;
        return LUCID_OK;
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = version_next(txn, asset, &command->price.version);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    price_payload_write(&command->price, &text);
    return payload_draft(txn, type_set, &text, NULL);
}

static enum lucid_error delete_decide(struct ledger_txn *txn, struct gas_price_command *command,
                                      struct lucid_why *why)
{
    struct lucid_buf text;
    enum lucid_error error =
        gas_price_peek(txn, lucid_span_str(command->price.asset), 0, &command->price);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "asset",
                            "this asset has no price");
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "asset", command->price.asset);
    lucid_json_member_u64(&text, "version", command->price.version);
    lucid_buf_char(&text, '}');
    return payload_draft(txn, type_deleted, &text, NULL);
}

static enum lucid_error pricing_decide(struct ledger_txn *txn, struct ledger_command *base,
                                       struct lucid_why *why)
{
    struct gas_price_command *command = (struct gas_price_command *)base;
    command->ret_known = false;
    return base->verb == GAS_PRICE_SET ? set_decide(txn, command)
                                       : delete_decide(txn, command, why);
}

static void pricing_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct gas_price_command *command = (struct gas_price_command *)base;
    base->error = gas_price_peek(txn, lucid_span_str(command->price.asset), command->price.version,
                                 &command->price);
    lucid_assert(base->error != LUCID_NOTE_ABSENT);
}

/* --- folding ---------------------------------------------------------------------------------- */

static enum lucid_error version_put(struct ledger_txn *txn, const struct gas_price *price,
                                    struct lucid_span payload)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t value[VALUE_FIXED_BYTES + PAYLOAD_BYTES_MAX];
    if (payload.len > PAYLOAD_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_put_be64(value, price->sequence);
    lucid_put_be64(value + 8, price->time_ms);
    lucid_put_be64(value + 16, price->deleted_sequence);
    lucid_put_be64(value + 24, price->deleted_ms);
    memcpy(value + VALUE_FIXED_BYTES, payload.data, payload.len);
    return ledger_txn_put(txn, TABLE_VERSIONS,
                          version_key(lucid_span_str(price->asset), price->version, key),
                          lucid_span(value, VALUE_FIXED_BYTES + payload.len));
}

static enum lucid_error set_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct gas_price price = {.sequence = event->sequence, .time_ms = event->time_ms};
    uint8_t version[8];
    enum lucid_error error = price_parse(event->payload, &price);
    if (error == LUCID_OK) {
        error = version_put(txn, &price, event->payload);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_put_be64(version, price.version);
    return ledger_txn_put(txn, TABLE_PRICES, lucid_span_str(price.asset),
                          lucid_span(version, sizeof(version)));
}

static enum lucid_error deleted_read(struct lucid_span payload, struct gas_price *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, DELETED_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = member_text(root, "asset", ret->asset, sizeof(ret->asset));
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "version", &ret->version);
    }
    lucid_arena_fini(&arena);
    return error;
}

static enum lucid_error deleted_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t key[KEY_BYTES_MAX];
    struct gas_price price = {.version = 0};
    struct lucid_span value;
    enum lucid_error error = deleted_read(event->payload, &price);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span asset = lucid_span_str(price.asset);
    error = ledger_txn_get(txn, TABLE_VERSIONS, version_key(asset, price.version, key), &value);
    if (error == LUCID_OK) {
        /* The row's memory is the store's and goes with the next write. */
        value = lucid_arena_copy(ledger_txn_arena(txn), value);
        error = value.data == NULL ? LUCID_RETRY_MEMORY : row_parse(value, &price);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    price.deleted_sequence = event->sequence;
    price.deleted_ms = event->time_ms;
    error = version_put(txn, &price,
                        lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES));
    if (error == LUCID_OK) {
        error = ledger_txn_del(txn, TABLE_PRICES, asset);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error pricing_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    return lucid_span_is(event->type, type_set) ? set_apply(txn, event) : deleted_apply(txn, event);
}

const struct ledger_kind gas_pricing_kind = {
    .name = "pricing",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = pricing_decide,
    .apply = pricing_apply,
    .conclude = pricing_conclude,
};

/* --- queries ---------------------------------------------------------------------------------- */

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &gas_pricing_kind, table);
}

enum lucid_error gas_price_version(struct ledger_view *view, struct lucid_span asset,
                                   uint64_t version, struct gas_price *ret)
{
    uint8_t key[KEY_BYTES_MAX];
    struct lucid_span value;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, TABLE_VERSIONS),
                                     version_key(asset, version, key), &value);
    return error == LUCID_OK ? row_parse(value, ret) : error;
}

/* The version that a row of `prices` names. */
static enum lucid_error row_version(struct ledger_view *view, struct lucid_span asset,
                                    struct lucid_span value, struct gas_price *ret)
{
    if (value.len != 8) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = gas_price_version(view, asset, lucid_get_be64(value.data), ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_price_current(struct ledger_view *view, struct lucid_span asset,
                                   struct gas_price *ret)
{
    struct lucid_span value;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, TABLE_PRICES), asset, &value);
    return error == LUCID_OK ? row_version(view, asset, value, ret) : error;
}

enum lucid_error gas_price_next(struct ledger_view *view, struct lucid_span after,
                                struct gas_price *ret)
{
    struct lucid_span key;
    struct lucid_span value;
    if (after.len > 0 && !gas_name_ok(after, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, TABLE_PRICES), STORE_SEEK_GT,
                 after.len > 0 ? after : lucid_span("", 0), &key, &value);
    return error == LUCID_OK ? row_version(view, key, value, ret) : error;
}

enum lucid_error gas_price_history_next(struct ledger_view *view, struct lucid_span asset,
                                        uint64_t after_version, struct gas_price *ret)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, TABLE_VERSIONS), STORE_SEEK_GT,
                 version_key(asset, after_version, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    return key_is_of(key, asset) ? row_parse(value, ret) : LUCID_NOTE_ABSENT;
}
