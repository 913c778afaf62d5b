/* Prices as they are asked for and as price.set holds them. What an asset is sold by besides its
 * calls, and how it is listed, is in the payload only when it was given: the payloads of prices
 * that have none of it are the same bytes as before there was any of it. */
#include "gas/member_internal.h"
#include "ledger/payload.h"

enum { PAYLOAD_ARENA_BYTES = 16384 };

/* --- payload ---------------------------------------------------------------------------------- */

static void text_put(struct lucid_buf *out, const char *name, const char *text)
{
    if (text[0] != '\0') {
        lucid_json_member_cstr(out, name, text);
    }
}

static void amount_put(struct lucid_buf *out, const char *name, uint64_t amount)
{
    if (amount > 0) {
        gas_amount_member(out, name, amount);
    }
}

void price_payload_write(const struct gas_price *price, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "asset", price->asset);
    member_payee_put(out, "compute_payee", price->payees[GAS_COMPUTE]);
    lucid_json_member_bool(out, "custom_split", price->custom_split);
    text_put(out, "description", price->description);
    if (price->grant_seconds > 0) {
        lucid_json_member_u64(out, "grant_seconds", price->grant_seconds);
    }
    text_put(out, "mime_type", price->mime_type);
    member_payee_put(out, "model_payee", price->payees[GAS_MODEL]);
    lucid_json_member_cstr(out, "network", price->network);
    lucid_json_member_cstr(out, "pay_to", price->pay_to);
    gas_amount_member(out, "price_per_call", price->price_per_call);
    amount_put(out, "price_per_token", price->price_per_token);
    amount_put(out, "price_subscription_hour", price->price_subscription_hour);
    text_put(out, "resource", price->resource);
    member_weights_put(out, "split_bps", &price->weights);
    lucid_json_member_cstr(out, "unit", gas_unit_name(price->unit));
    lucid_json_member_u64(out, "version", price->version);
    lucid_buf_char(out, '}');
}

/* 0 when the member is missing. */
static enum lucid_error amount_optional(const struct jcs_value *root, const char *name,
                                        uint64_t *ret)
{
    *ret = 0;
    return jcs_member(root, name) == NULL ? LUCID_OK : member_amount(root, name, ret);
}

static enum lucid_error market_parse(const struct jcs_value *root, struct gas_price *price)
{
    uint64_t grant_seconds = 0;
    enum lucid_error error = amount_optional(root, "price_per_token", &price->price_per_token);
    if (error == LUCID_OK) {
        error = amount_optional(root, "price_subscription_hour", &price->price_subscription_hour);
    }
    if (error == LUCID_OK && jcs_member(root, "grant_seconds") != NULL) {
        error = payload_uint(root, "grant_seconds", &grant_seconds);
    }
    if (error == LUCID_OK) {
        error = member_text_optional(root, "resource", price->resource, sizeof(price->resource));
    }
    if (error == LUCID_OK) {
        error = member_text_optional(root, "description", price->description,
                                     sizeof(price->description));
    }
    if (error == LUCID_OK) {
        error = member_text_optional(root, "mime_type", price->mime_type, sizeof(price->mime_type));
    }
    if (error == LUCID_OK && grant_seconds > GAS_GRANT_SECONDS_MAX) {
        error = LUCID_FATAL_CORRUPT;
    }
    price->grant_seconds = (uint32_t)grant_seconds;
    return error;
}

static enum lucid_error sale_parse(const struct jcs_value *root, struct gas_price *price)
{
    enum lucid_error error = member_text(root, "network", price->network, sizeof(price->network));
    if (error == LUCID_OK) {
        error = member_text(root, "pay_to", price->pay_to, sizeof(price->pay_to));
    }
    if (error == LUCID_OK) {
        error = member_amount(root, "price_per_call", &price->price_per_call);
    }
    if (error == LUCID_OK) {
        error = member_unit(root, &price->unit);
    }
    return error;
}

static enum lucid_error root_parse(const struct jcs_value *root, struct gas_price *ret)
{
    const struct jcs_value *custom = jcs_member(root, "custom_split");
    struct gas_price price = *ret;
    enum lucid_error error = member_text(root, "asset", price.asset, sizeof(price.asset));
    if (error == LUCID_OK) {
        error = member_payee(jcs_member(root, "compute_payee"), price.payees[GAS_COMPUTE]);
    }
    if (error == LUCID_OK) {
        error = member_payee(jcs_member(root, "model_payee"), price.payees[GAS_MODEL]);
    }
    if (error == LUCID_OK) {
        error = member_weights(root, "split_bps", &price.weights);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "version", &price.version);
    }
    if (error == LUCID_OK) {
        error = sale_parse(root, &price);
    }
    if (error == LUCID_OK) {
        error = market_parse(root, &price);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (custom == NULL || (jcs_type(custom) != JCS_TRUE && jcs_type(custom) != JCS_FALSE) ||
        !gas_name_ok(lucid_span_str(price.asset), GAS_NAME_BYTES_MAX)) {
        return LUCID_FATAL_CORRUPT;
    }
    price.custom_split = jcs_type(custom) == JCS_TRUE;
    price.payees[GAS_PROTOCOL][0] = '\0';
    *ret = price;
    return LUCID_OK;
}

enum lucid_error price_parse(struct lucid_span payload, struct gas_price *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = root_parse(root, ret);
    }
    lucid_arena_fini(&arena);
    return error;
}

bool price_equal(const struct gas_price *a, const struct gas_price *b)
{
    return a->unit == b->unit && a->price_per_call == b->price_per_call &&
           strcmp(a->network, b->network) == 0 && strcmp(a->pay_to, b->pay_to) == 0 &&
           strcmp(a->payees[GAS_COMPUTE], b->payees[GAS_COMPUTE]) == 0 &&
           strcmp(a->payees[GAS_MODEL], b->payees[GAS_MODEL]) == 0 &&
           memcmp(a->weights.bps, b->weights.bps, sizeof(a->weights.bps)) == 0 &&
           a->custom_split == b->custom_split && a->price_per_token == b->price_per_token &&
           a->price_subscription_hour == b->price_subscription_hour &&
           a->grant_seconds == b->grant_seconds && strcmp(a->resource, b->resource) == 0 &&
           strcmp(a->description, b->description) == 0 && strcmp(a->mime_type, b->mime_type) == 0;
}

/* --- requests --------------------------------------------------------------------------------- */

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PRICE", param, "%s", text);
}

static bool pay_to_ok(struct lucid_span text)
{
    static const char base58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    static const char hex[] = "0123456789abcdefABCDEF";
    bool is_hex = text.len == 42 && memcmp(text.data, "0x", 2) == 0;
    size_t from = is_hex ? 2 : 0;
    if (!is_hex && (text.len < 32 || text.len > GAS_PAY_TO_BYTES_MAX)) {
        return false;
    }
    for (size_t i = from; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(is_hex ? hex : base58, text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

enum lucid_error price_asset_take(struct lucid_span asset, struct gas_price *price,
                                  struct lucid_why *why)
{
    return asset.data == NULL || !member_name_take(asset, GAS_NAME_BYTES_MAX, price->asset)
               ? invalid(why, "asset", "an asset is 1 to 128 of A-Za-z0-9._:-")
               : LUCID_OK;
}

static enum lucid_error payees_take(const struct gas_price_request *request,
                                    struct gas_price *price, struct lucid_why *why)
{
    static const char rule[] = "a payee is 1 to 128 of A-Za-z0-9._:-";
    if (!member_name_take(request->compute_payee, GAS_NAME_BYTES_MAX, price->payees[GAS_COMPUTE])) {
        return invalid(why, "compute_payee", rule);
    }
    if (!member_name_take(request->model_payee, GAS_NAME_BYTES_MAX, price->payees[GAS_MODEL])) {
        return invalid(why, "model_payee", rule);
    }
    price->custom_split = request->weights != NULL;
    price->weights = price->custom_split ? *request->weights : gas_weights_default;
    return gas_weights_ok(&price->weights)
               ? LUCID_OK
               : invalid(why, "split_bps", "the three weights must sum to 10000 basis points");
}

/* Nothing is ever free by accident: what costs nothing a call must be sold otherwise. */
static enum lucid_error amounts_take(const struct gas_price_request *request,
                                     struct gas_price *price, struct lucid_why *why)
{
    static const char rule[] = "a price is at most 2^63 - 1 base units";
    bool otherwise = request->price_per_token > 0 || request->price_subscription_hour > 0;
    if (request->price_per_call > GAS_AMOUNT_MAX || (request->price_per_call == 0 && !otherwise)) {
        return invalid(why, "price_per_call",
                       "a price is 1 to 2^63 - 1 base units; 0 only of what is sold by "
                       "price_per_token or price_subscription_hour");
    }
    if (request->price_per_token > GAS_AMOUNT_MAX) {
        return invalid(why, "price_per_token", rule);
    }
    if (request->price_subscription_hour > GAS_AMOUNT_MAX) {
        return invalid(why, "price_subscription_hour", rule);
    }
    if (request->grant_seconds > GAS_GRANT_SECONDS_MAX) {
        return invalid(why, "grant_seconds", "one payment admits for at most 2678400 seconds");
    }
    price->price_per_call = request->price_per_call;
    price->price_per_token = request->price_per_token;
    price->price_subscription_hour = request->price_subscription_hour;
    price->grant_seconds = (uint32_t)request->grant_seconds;
    return LUCID_OK;
}

static bool printable(struct lucid_span text, uint8_t from, const char *without)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < from || text.data[i] > 0x7e || strchr(without, text.data[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* "https://host…": its form only; whose it is cannot be known here. */
static bool resource_ok(struct lucid_span text)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);
        if (text.len > len && memcmp(text.data, schemes[i], len) == 0) {
            return strchr("/?:", text.data[len]) == NULL && printable(text, 0x21, "\"\\<>^`{|}#");
        }
    }
    return false;
}

/* "type/subtype", parameters allowed. */
static bool mime_type_ok(struct lucid_span text)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    return slash != NULL && slash > text.data && slash < text.data + text.len - 1 &&
           printable(text, 0x20, "\\") && text.data[0] != ' ' && text.data[text.len - 1] != ' ';
}

static enum lucid_error listing_take(const struct gas_price_request *request,
                                     struct gas_price *price, struct lucid_why *why)
{
    if (!member_text_take(request->resource, GAS_RESOURCE_BYTES_MAX, price->resource) ||
        (request->resource.data != NULL && !resource_ok(request->resource))) {
        return invalid(why, "resource",
                       "a resource is an absolute http or https URL of at most 512 ASCII "
                       "characters, without a fragment");
    }
    if (!member_text_take(request->description, GAS_NOTE_BYTES_MAX, price->description)) {
        return invalid(why, "description",
                       "a description is 1 to 256 bytes of UTF-8 without control characters");
    }
    if (!member_text_take(request->mime_type, GAS_NAME_BYTES_MAX, price->mime_type) ||
        (request->mime_type.data != NULL && !mime_type_ok(request->mime_type))) {
        return invalid(why, "mime_type",
                       "a media type is type/subtype of at most 128 ASCII characters");
    }
    return LUCID_OK;
}

enum lucid_error price_take(const struct gas_price_request *request, struct gas_price *ret,
                            struct lucid_why *why)
{
    struct gas_price price = {.unit = GAS_USDC};
    enum lucid_error error = price_asset_take(request->asset, &price, why);
    if (error == LUCID_OK) {
        error = amounts_take(request, &price, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (request->network.data == NULL ||
        !member_name_take(request->network, GAS_NETWORK_BYTES_MAX, price.network)) {
        return invalid(why, "network", "a network is a CAIP-2 name of 1 to 64 characters");
    }
    if (request->pay_to.data == NULL || !pay_to_ok(request->pay_to) ||
        payload_copy(request->pay_to, price.pay_to, sizeof(price.pay_to)) != LUCID_OK) {
        return invalid(why, "pay_to", "an address is 0x and 40 hex digits, or 32 to 44 of base58");
    }
    error = payees_take(request, &price, why);
    if (error == LUCID_OK) {
        error = listing_take(request, &price, why);
    }
    if (error == LUCID_OK) {
        *ret = price;
    }
    return error;
}
