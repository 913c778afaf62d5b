/* Payloads of the payment kind: JCS, so members stand in the order of their names. */
#include <stdio.h>

#include "base/assert.h"
#include "x402/payload_read.h"
#include "x402/payment_internal.h"

enum { DECIMAL_BYTES = 79 };

/* --- writing ---------------------------------------------------------------------------------- */

static void put_0x(struct lucid_buf *out, const char *name, const void *data, size_t len)
{
    lucid_json_member(out, name);
    lucid_buf_str(out, "\"0x");
    lucid_buf_hex(out, data, len);
    lucid_buf_char(out, '"');
}

static void put_u256(struct lucid_buf *out, const char *name, const struct evm_u256 *value)
{
    char text[DECIMAL_BYTES];
    evm_u256_decimal(value, text);
    lucid_json_member_cstr(out, name, text);
}

static void request_put(struct lucid_buf *out, const struct x402_request_kept *request)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "digest", request->digest, sizeof(request->digest));
    lucid_json_member_cstr(out, "method", request->method);
    lucid_json_member_hex(out, "place", request->place, sizeof(request->place));
    lucid_json_member_cstr(out, "resource", request->resource);
    lucid_buf_char(out, '}');
}

static void put_base58(struct lucid_buf *out, const char *name, const void *data, size_t len)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    x402_base58_write(out, data, len);
    lucid_buf_char(out, '"');
}

void payment_transfer_write(struct lucid_buf *out, const struct x402_transfer *transfer)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "block", transfer->block);
    put_0x(out, "block_hash", transfer->block_hash.bytes, EVM_HASH_BYTES);
    lucid_json_member_u64(out, "block_time", transfer->block_time);
    lucid_json_member_bool(out, "final", transfer->final);
    lucid_json_member_u64(out, "log_index", transfer->log_index);
    if (transfer->has_nonce) {
        put_0x(out, "nonce", transfer->nonce.bytes, EVM_HASH_BYTES);
    }
    put_0x(out, "sender", transfer->sender.bytes, EVM_ADDRESS_BYTES);
    put_0x(out, "transaction", transfer->transaction.bytes, EVM_HASH_BYTES);
    lucid_buf_char(out, '}');
}

static void transfer_put(struct lucid_buf *out, const struct x402_payment *payment)
{
    const struct x402_transfer *transfer = &payment->transfer;
    if (payment->scheme != X402_SCHEME_SOLANA) {
        payment_transfer_write(out, transfer);
        return;
    }
    lucid_buf_char(out, '{');
    lucid_json_member_bool(out, "final", transfer->final);
    put_base58(out, "transaction", transfer->signature, sizeof(transfer->signature));
    lucid_buf_char(out, '}');
}

static void authorization_put(struct lucid_buf *out, const struct evm_authorization *authorization)
{
    lucid_buf_char(out, '{');
    put_0x(out, "from", authorization->from.bytes, EVM_ADDRESS_BYTES);
    put_0x(out, "nonce", authorization->nonce.bytes, EVM_HASH_BYTES);
    put_0x(out, "to", authorization->to.bytes, EVM_ADDRESS_BYTES);
    put_u256(out, "valid_after", &authorization->valid_after);
    put_u256(out, "valid_before", &authorization->valid_before);
    put_u256(out, "value", &authorization->value);
    lucid_buf_char(out, '}');
}

static void intent_parties_put(const struct x402_payment *payment, struct lucid_buf *out)
{
    const struct x402_solana_payment *solana = &payment->solana;
    if (payment->scheme != X402_SCHEME_SOLANA) {
        put_0x(out, "pay_to", payment->pay_to.bytes, EVM_ADDRESS_BYTES);
        return;
    }
    put_base58(out, "pay_to", solana->pay_to, sizeof(solana->pay_to));
    put_base58(out, "payer", solana->payer, sizeof(solana->payer));
}

/* Of the members from "scheme" to "token", those that the scheme has. */
static void intent_scheme_put(const struct x402_payment *payment, struct lucid_buf *out)
{
    const struct x402_solana_payment *solana = &payment->solana;
    lucid_json_member_cstr(out, "scheme", x402_scheme_name(payment->scheme));
    if (payment->scheme != X402_SCHEME_SOLANA) {
        put_0x(out, "sender", payment->sender.bytes, EVM_ADDRESS_BYTES);
        put_0x(out, "signature", payment->signature.bytes, EVM_SIGNATURE_BYTES);
        put_0x(out, "token", payment->token.bytes, EVM_ADDRESS_BYTES);
        return;
    }
    put_base58(out, "token", solana->mint, sizeof(solana->mint));
}

static void identifier_put(const struct x402_payment *payment, struct lucid_buf *out)
{
    if (payment->identifier[0] != '\0') {
        lucid_json_member_cstr(out, "identifier", payment->identifier);
    }
}

void payment_intent_write(const struct x402_payment *payment, struct lucid_span forward,
                          struct lucid_buf *out)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    size_t count = payment_keys(payment, keys);
    bool solana = payment->scheme == X402_SCHEME_SOLANA;
    lucid_assert(count >= 1);
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", payment->amount);
    lucid_json_member_cstr(out, "asset", payment->asset);
    if (!solana) {
        lucid_json_member(out, "authorization");
        authorization_put(out, &payment->authorization);
    }
    lucid_json_member_cstr(out, "facilitator", payment->facilitator);
    if (solana) {
        put_base58(out, "fee_payer", payment->solana.fee_payer, X402_SOLANA_KEY_BYTES);
    }
    if (forward.data != NULL) {
        lucid_json_member_str(out, "forward", forward);
    }
    if (!solana) {
        lucid_json_member_u64(out, "from_block", payment->from_block);
    }
    lucid_json_member_hex(out, "id", payment->id, sizeof(payment->id));
    identifier_put(payment, out);
    lucid_json_member_cstr(out, "key", keys[0].text);
    if (solana) {
        lucid_json_member_hex(out, "message", payment->solana.message, LUCID_SHA256_BYTES);
    }
    lucid_json_member_cstr(out, "network", payment->network);
    intent_parties_put(payment, out);
    gas_amount_member(out, "price", payment->price);
    lucid_json_member(out, "request");
    request_put(out, &payment->request);
    intent_scheme_put(payment, out);
    lucid_json_member_cstr(out, "unit", gas_unit_name(GAS_USDC));
    lucid_json_member_u64(out, "version", payment->version);
    lucid_buf_char(out, '}');
}

void payment_served_write(const struct x402_payment *payment, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "id", payment->id, sizeof(payment->id));
    lucid_json_member(out, "request");
    request_put(out, &payment->request);
    lucid_buf_char(out, '}');
}

void payment_failed_write(const struct x402_payment *payment, const char *reason,
                          struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "id", payment->id, sizeof(payment->id));
    lucid_json_member_cstr(out, "reason", reason);
    lucid_buf_char(out, '}');
}

void payment_final_write(const uint8_t (*ids)[X402_PAYMENT_ID_BYTES], size_t count,
                         struct lucid_buf *out)
{
    lucid_buf_str(out, "{\"ids\":[");
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(out, i == 0 ? "\"" : ",\"");
        lucid_buf_hex(out, ids[i], X402_PAYMENT_ID_BYTES);
        lucid_buf_char(out, '"');
    }
    lucid_buf_str(out, "]}");
}

/* --- the members of a settled payment --------------------------------------------------------- */

/* A part of members->text, by where it began. */
struct part {
    size_t at;
    size_t len;
};

static struct part part_end(const struct lucid_buf *text, size_t at)
{
    return (struct part){.at = at, .len = text->len - at};
}

static void json_add(struct payment_members *members, const char *name, struct part part)
{
    lucid_assert(members->count < PAYMENT_MEMBERS_MAX);
    members->items[members->count++] = (struct gas_revenue_member){
        .name = name, .json = lucid_span(members->text.data + part.at, part.len)};
}

static void text_add(struct payment_members *members, const char *name, const char *text)
{
    lucid_assert(members->count < PAYMENT_MEMBERS_MAX);
    members->items[members->count++] =
        (struct gas_revenue_member){.name = name, .text = lucid_span_str(text)};
}

static void bool_add(struct payment_members *members, const char *name, bool value)
{
    lucid_assert(members->count < PAYMENT_MEMBERS_MAX);
    members->items[members->count++] =
        (struct gas_revenue_member){.name = name, .json = lucid_span_str(value ? "true" : "false")};
}

static void keys_put(struct lucid_buf *out, const struct x402_payment *payment)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    size_t count = payment_keys(payment, keys);
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(out, i == 0 ? "" : ",");
        lucid_json_string(out, lucid_span_str(keys[i].text));
    }
    lucid_buf_char(out, ']');
}

/* The texts of who paid whom, and by which transaction. */
static void members_name(const struct x402_payment *payment, struct payment_members *ret)
{
    char transaction[X402_TRANSACTION_BYTES_MAX + 1];
    x402_payment_pay_to_text(payment, ret->hex[1]);
    x402_payment_payer_text(payment, ret->hex[2]);
    x402_payment_transaction_text(payment, transaction);
    x402_payment_token_text(payment, ret->hex[3]);
    (void)snprintf(ret->price, sizeof(ret->price), "%llu", (unsigned long long)payment->price);
    if (payment->scheme == X402_SCHEME_SOLANA) {
        (void)snprintf(ret->transaction, sizeof(ret->transaction), "%s", transaction);
    } else {
        (void)snprintf(ret->transaction, sizeof(ret->transaction), "%s/%llu", transaction,
                       (unsigned long long)payment->transfer.log_index);
    }
}

enum lucid_error payment_members_make(const struct x402_payment *payment,
                                      struct payment_members *ret)
{
    struct lucid_buf *text = &ret->text;
    ret->count = 0;
    lucid_buf_init(text, PAYMENT_PAYLOAD_BYTES_MAX);
    keys_put(text, payment);
    struct part keys = part_end(text, 0);
    size_t at = text->len;
    request_put(text, &payment->request);
    struct part request = part_end(text, at);
    at = text->len;
    transfer_put(text, payment);
    struct part transfer = part_end(text, at);
    if (!lucid_buf_ok(text)) {
        return LUCID_RETRY_MEMORY;
    }
    char *id = ret->hex[0];
    lucid_hex_encode(payment->id, X402_PAYMENT_ID_BYTES, id);
    id[2 * X402_PAYMENT_ID_BYTES] = '\0';
    members_name(payment, ret);
    bool_add(ret, "bound", payment->bound);
    text_add(ret, "facilitator", payment->facilitator);
    if (payment->foreign) {
        bool_add(ret, "foreign", true);
    }
    text_add(ret, "id", id);
    if (payment->identifier[0] != '\0') {
        text_add(ret, "identifier", payment->identifier);
    }
    json_add(ret, "keys", keys);
    text_add(ret, "network", payment->network);
    text_add(ret, "pay_to", ret->hex[1]);
    text_add(ret, "payer", ret->hex[2]);
    text_add(ret, "price", ret->price);
    json_add(ret, "request", request);
    text_add(ret, "scheme", x402_scheme_name(payment->scheme));
    bool_add(ret, "served", payment->served);
    text_add(ret, "token", ret->hex[3]);
    text_add(ret, "transaction", ret->transaction);
    json_add(ret, "transfer", transfer);
    return LUCID_OK;
}

void payment_members_fini(struct payment_members *members)
{
    lucid_buf_fini(&members->text);
}

void payment_stray_write(const struct x402_payment *payment, const struct payment_members *members,
                         const struct gas_posting_draft *posting, struct lucid_buf *out)
{
    bool posted = false;
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", payment->amount);
    lucid_json_member_cstr(out, "asset", payment->asset);
    for (size_t i = 0; i < members->count; i++) {
        if (!posted && strcmp(members->items[i].name, "postings") > 0) {
            gas_postings_write(out, posting, 1);
            posted = true;
        }
        gas_revenue_member_put(out, &members->items[i]);
    }
    lucid_json_member_cstr(out, "unit", gas_unit_name(GAS_USDC));
    lucid_json_member_u64(out, "version", payment->version);
    lucid_buf_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum lucid_error get_base58(const struct jcs_value *root, const char *name, uint8_t *out,
                                   size_t len)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    if (error != LUCID_OK) {
        return error;
    }
    return x402_base58_parse(text, out, len) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error payment_id_read(const struct jcs_value *value, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    if (value == NULL || jcs_type(value) != JCS_STRING ||
        !lucid_hex_decode(jcs_string(value), ret, X402_PAYMENT_ID_BYTES)) {
        return LUCID_FATAL_CORRUPT;
    }
    return LUCID_OK;
}

enum lucid_error payment_request_read(const struct jcs_value *root, struct x402_request_kept *ret)
{
    const struct jcs_value *value = jcs_member(root, "request");
    enum lucid_error error = payload_hex(value, "digest", ret->digest, sizeof(ret->digest));
    if (error == LUCID_OK) {
        error = payload_hex(value, "place", ret->place, sizeof(ret->place));
    }
    if (error == LUCID_OK) {
        error = payload_read_text(value, "method", ret->method, sizeof(ret->method));
    }
    if (error == LUCID_OK) {
        error = payload_read_text(value, "resource", ret->resource, sizeof(ret->resource));
    }
    return error;
}

static enum lucid_error solana_transfer_read(const struct jcs_value *value,
                                             struct x402_transfer *ret)
{
    enum lucid_error error = payload_read_bool(value, "final", &ret->final);
    return error == LUCID_OK
               ? get_base58(value, "transaction", ret->signature, sizeof(ret->signature))
               : error;
}

enum lucid_error payment_transfer_read(const struct jcs_value *value, struct x402_transfer *ret)
{
    const struct {
        const char *name;
        uint64_t *out;
    } numbers[] = {
        {"block", &ret->block}, {"block_time", &ret->block_time}, {"log_index", &ret->log_index}};
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        error = payload_uint(value, numbers[i].name, numbers[i].out);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(value, "block_hash", ret->block_hash.bytes, EVM_HASH_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_bool(value, "final", &ret->final);
    }
    ret->has_nonce = jcs_member(value, "nonce") != NULL;
    if (error == LUCID_OK && ret->has_nonce) {
        error = payload_read_0x(value, "nonce", ret->nonce.bytes, EVM_HASH_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(value, "sender", ret->sender.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(value, "transaction", ret->transaction.bytes, EVM_HASH_BYTES);
    }
    return error;
}

static enum lucid_error authorization_read(const struct jcs_value *root,
                                           struct evm_authorization *ret)
{
    const struct jcs_value *value = jcs_member(root, "authorization");
    enum lucid_error error = payload_read_0x(value, "from", ret->from.bytes, EVM_ADDRESS_BYTES);
    if (error == LUCID_OK) {
        error = payload_read_0x(value, "nonce", ret->nonce.bytes, EVM_HASH_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(value, "to", ret->to.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_u256(value, "valid_after", &ret->valid_after);
    }
    if (error == LUCID_OK) {
        error = payload_read_u256(value, "valid_before", &ret->valid_before);
    }
    return error == LUCID_OK ? payload_read_u256(value, "value", &ret->value) : error;
}

static enum lucid_error scheme_read(const struct jcs_value *root, enum x402_payment_scheme *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, "scheme", &text);
    if (error != LUCID_OK) {
        return error;
    }
    for (int scheme = X402_SCHEME_EIP3009; scheme <= X402_SCHEME_SOLANA; scheme++) {
        if (lucid_span_is(text, x402_scheme_name((enum x402_payment_scheme)scheme))) {
            *ret = (enum x402_payment_scheme)scheme;
            return LUCID_OK;
        }
    }
    return LUCID_FATAL_CORRUPT;
}

static enum lucid_error parties_read(const struct jcs_value *root, struct x402_payment *ret)
{
    struct x402_solana_payment *solana = &ret->solana;
    if (ret->scheme != X402_SCHEME_SOLANA) {
        enum lucid_error error =
            payload_read_0x(root, "pay_to", ret->pay_to.bytes, EVM_ADDRESS_BYTES);
        return error == LUCID_OK
                   ? payload_read_0x(root, "token", ret->token.bytes, EVM_ADDRESS_BYTES)
                   : error;
    }
    solana->amount = ret->amount;
    enum lucid_error error = get_base58(root, "pay_to", solana->pay_to, sizeof(solana->pay_to));
    if (error == LUCID_OK) {
        error = get_base58(root, "payer", solana->payer, sizeof(solana->payer));
    }
    return error == LUCID_OK ? get_base58(root, "token", solana->mint, sizeof(solana->mint))
                             : error;
}

static enum lucid_error identifier_read(const struct jcs_value *root, struct x402_payment *ret)
{
    ret->identifier[0] = '\0';
    return jcs_member(root, "identifier") == NULL
               ? LUCID_OK
               : payload_read_text(root, "identifier", ret->identifier, sizeof(ret->identifier));
}

/* What both an intent and a settled payment say. */
static enum lucid_error common_read(const struct jcs_value *root, struct x402_payment *ret)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } texts[] = {
        {"asset", ret->asset, sizeof(ret->asset)},
        {"facilitator", ret->facilitator, sizeof(ret->facilitator)},
        {"network", ret->network, sizeof(ret->network)},
    };
    enum lucid_error error = payment_id_read(jcs_member(root, "id"), ret->id);
    for (size_t i = 0; error == LUCID_OK && i < sizeof(texts) / sizeof(texts[0]); i++) {
        error = payload_read_text(root, texts[i].name, texts[i].out, texts[i].size);
    }
    if (error == LUCID_OK) {
        error = payload_read_amount(root, "amount", &ret->amount);
    }
    if (error == LUCID_OK) {
        error = payload_read_amount(root, "price", &ret->price);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "version", &ret->version);
    }
    if (error == LUCID_OK) {
        error = scheme_read(root, &ret->scheme);
    }
    if (error == LUCID_OK) {
        error = parties_read(root, ret);
    }
    if (error == LUCID_OK) {
        error = identifier_read(root, ret);
    }
    return error == LUCID_OK ? payment_request_read(root, &ret->request) : error;
}

static enum lucid_error solana_intent_read(const struct jcs_value *root,
                                           struct x402_solana_payment *ret)
{
    enum lucid_error error = get_base58(root, "fee_payer", ret->fee_payer, sizeof(ret->fee_payer));
    return error == LUCID_OK ? payload_hex(root, "message", ret->message, sizeof(ret->message))
                             : error;
}

static enum lucid_error evm_intent_read(const struct jcs_value *root, struct x402_payment *ret)
{
    enum lucid_error error = authorization_read(root, &ret->authorization);
    if (error == LUCID_OK) {
        error = payload_uint(root, "from_block", &ret->from_block);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "sender", ret->sender.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "signature", ret->signature.bytes, EVM_SIGNATURE_BYTES);
    }
    ret->payer = ret->authorization.from;
    return error;
}

enum lucid_error payment_intent_read(const struct jcs_value *root, struct x402_payment *ret)
{
    enum lucid_error error = common_read(root, ret);
    if (error == LUCID_OK) {
        error = ret->scheme == X402_SCHEME_SOLANA ? solana_intent_read(root, &ret->solana)
                                                  : evm_intent_read(root, ret);
    }
    ret->has_forward = jcs_member(root, "forward") != NULL;
    ret->bound = true;
    return error;
}

enum lucid_error payment_settled_read(const struct jcs_value *root, struct x402_payment *ret)
{
    enum lucid_error error = common_read(root, ret);
    if (error == LUCID_OK) {
        error = payload_read_bool(root, "bound", &ret->bound);
    }
    if (error == LUCID_OK) {
        error = payload_read_bool(root, "served", &ret->served);
    }
    bool solana = ret->scheme == X402_SCHEME_SOLANA;
    const struct jcs_value *transfer = jcs_member(root, "transfer");
    if (error == LUCID_OK && !solana) {
        error = payload_read_0x(root, "payer", ret->payer.bytes, EVM_ADDRESS_BYTES);
    }
    ret->foreign = jcs_member(root, "foreign") != NULL;
    ret->has_transfer = true;
    if (error == LUCID_OK) {
        error = solana ? solana_transfer_read(transfer, &ret->transfer)
                       : payment_transfer_read(transfer, &ret->transfer);
    }
    ret->transfer.payer = ret->payer;
    ret->transfer.amount = ret->amount;
    return error;
}
