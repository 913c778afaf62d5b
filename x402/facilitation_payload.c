/* Payloads of the facilitation kind: JCS, so members stand in the order of their names. */
#include "base/assert.h"
#include "gas/amount.h"
#include "x402/facilitation_internal.h"
#include "x402/payload_read.h"
#include "x402/payment_internal.h"

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
    char text[EVM_U256_DIGITS_MAX + 1];
    evm_u256_decimal(value, text);
    lucid_json_member_cstr(out, name, text);
}

size_t facilitation_keys(const struct x402_facilitated *facilitated,
                         struct x402_spent_key ret[X402_SPENT_KEYS_MAX])
{
    const struct evm_authorization *authorization = &facilitated->authorization;
    payment_key_authorization(facilitated->network, &facilitated->token, &authorization->from,
                              &authorization->nonce, &ret[0]);
    if (facilitated->status != X402_FACILITATION_SETTLED) {
        return 1;
    }
    payment_key_transfer(facilitated->network, &facilitated->transaction, facilitated->log_index,
                         &ret[1]);
    return 2;
}

void facilitation_begun_write(const struct x402_facilitated *facilitated, struct lucid_buf *out)
{
    const struct evm_authorization *authorization = &facilitated->authorization;
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    (void)facilitation_keys(facilitated, keys);
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", facilitated->amount);
    lucid_json_member_cstr(out, "client", facilitated->client);
    lucid_json_member_u64(out, "day", facilitated->day);
    lucid_json_member_u64(out, "from_block", facilitated->from_block);
    lucid_json_member_hex(out, "id", facilitated->id, sizeof(facilitated->id));
    lucid_json_member_cstr(out, "key", keys[0].text);
    lucid_json_member_cstr(out, "network", facilitated->network);
    put_0x(out, "nonce", authorization->nonce.bytes, EVM_HASH_BYTES);
    put_0x(out, "pay_to", authorization->to.bytes, EVM_ADDRESS_BYTES);
    put_0x(out, "payer", authorization->from.bytes, EVM_ADDRESS_BYTES);
    gas_amount_member(out, "reserve_wei", facilitated->reserve_wei);
    put_0x(out, "sender", facilitated->sender.bytes, EVM_ADDRESS_BYTES);
    put_0x(out, "signature", facilitated->signature.bytes, EVM_SIGNATURE_BYTES);
    put_0x(out, "token", facilitated->token.bytes, EVM_ADDRESS_BYTES);
    put_u256(out, "valid_after", &authorization->valid_after);
    put_u256(out, "valid_before", &authorization->valid_before);
    lucid_json_member_u64(out, "version", facilitated->version);
    lucid_buf_char(out, '}');
}

void facilitation_ended_write(const struct x402_facilitated *facilitated, struct lucid_buf *out)
{
    bool settled = facilitated->status == X402_FACILITATION_SETTLED;
    lucid_buf_char(out, '{');
    if (settled) {
        lucid_json_member_u64(out, "block", facilitated->block);
    }
    lucid_json_member_bool(out, "gas_measured", facilitated->gas_measured);
    gas_amount_member(out, "gas_wei", facilitated->gas_wei);
    lucid_json_member_hex(out, "id", facilitated->id, sizeof(facilitated->id));
    if (settled) {
        lucid_json_member_u64(out, "log_index", facilitated->log_index);
    }
    lucid_json_member_cstr(out, "outcome", x402_facilitated_status_name(facilitated->status));
    if (settled) {
        lucid_json_member_bool(out, "ours", facilitated->ours);
        put_0x(out, "transaction", facilitated->transaction.bytes, EVM_HASH_BYTES);
    } else {
        lucid_json_member_cstr(out, "reason", facilitated->reason);
    }
    lucid_buf_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

enum lucid_error facilitation_id_read(const struct jcs_value *root,
                                      uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    return payload_hex(root, "id", ret, X402_PAYMENT_ID_BYTES);
}

static enum lucid_error begun_authorization_read(const struct jcs_value *root,
                                                 struct evm_authorization *authorization)
{
    enum lucid_error error =
        payload_read_0x(root, "nonce", authorization->nonce.bytes, EVM_HASH_BYTES);
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "pay_to", authorization->to.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "payer", authorization->from.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_u256(root, "valid_after", &authorization->valid_after);
    }
    return error == LUCID_OK ? payload_read_u256(root, "valid_before", &authorization->valid_before)
                             : error;
}

static enum lucid_error begun_numbers_read(const struct jcs_value *root,
                                           struct x402_facilitated *ret)
{
    uint64_t version = 0;
    enum lucid_error error = payload_read_amount(root, "amount", &ret->amount);
    if (error == LUCID_OK) {
        error = payload_uint(root, "day", &ret->day);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "from_block", &ret->from_block);
    }
    if (error == LUCID_OK) {
        error = payload_read_amount(root, "reserve_wei", &ret->reserve_wei);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "version", &version);
    }
    ret->version = (unsigned)version;
    ret->authorization.value = evm_u256_of(ret->amount);
    return error == LUCID_OK && version != 1 && version != 2 ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error facilitation_begun_read(const struct jcs_value *root, struct x402_facilitated *ret)
{
    enum lucid_error error = facilitation_id_read(root, ret->id);
    if (error == LUCID_OK) {
        error = payload_read_text(root, "client", ret->client, sizeof(ret->client));
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "network", ret->network, sizeof(ret->network));
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "sender", ret->sender.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "signature", ret->signature.bytes, EVM_SIGNATURE_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_read_0x(root, "token", ret->token.bytes, EVM_ADDRESS_BYTES);
    }
    if (error == LUCID_OK) {
        error = begun_authorization_read(root, &ret->authorization);
    }
    return error == LUCID_OK ? begun_numbers_read(root, ret) : error;
}

static enum lucid_error settled_read(const struct jcs_value *root, struct x402_facilitated *ret)
{
    enum lucid_error error = payload_uint(root, "block", &ret->block);
    if (error == LUCID_OK) {
        error = payload_uint(root, "log_index", &ret->log_index);
    }
    if (error == LUCID_OK) {
        error = payload_read_bool(root, "ours", &ret->ours);
    }
    return error == LUCID_OK
               ? payload_read_0x(root, "transaction", ret->transaction.bytes, EVM_HASH_BYTES)
               : error;
}

enum lucid_error facilitation_ended_read(const struct jcs_value *root, struct x402_facilitated *ret)
{
    struct lucid_span outcome = {NULL, 0};
    enum x402_facilitated_status status = X402_FACILITATION_OPEN;
    enum lucid_error error = payload_text(root, "outcome", &outcome);
    if (error == LUCID_OK &&
        (!x402_facilitated_status_parse(outcome, &status) || status == X402_FACILITATION_OPEN)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = payload_read_amount(root, "gas_wei", &ret->gas_wei);
    }
    if (error == LUCID_OK) {
        error = payload_read_bool(root, "gas_measured", &ret->gas_measured);
    }
    if (error == LUCID_OK) {
        ret->status = status;
        error = status == X402_FACILITATION_SETTLED
                    ? settled_read(root, ret)
                    : payload_read_text(root, "reason", ret->reason, sizeof(ret->reason));
    }
    return error;
}
