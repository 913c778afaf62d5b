/* Outflows as bytes: payloads (JCS, members in the order of their names), rows, keys. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "x402/outflow_internal.h"
#include "x402/payload_read.h"
#include "x402/payment_internal.h"

/* --- writing ---------------------------------------------------------------------------------- */

static void text_add(struct outflow_members *members, const char *name, const char *text)
{
    lucid_assert(members->count < OUTFLOW_MEMBERS_MAX);
    members->items[members->count++] =
        (struct gas_revenue_member){.name = name, .text = lucid_span_str(text)};
}

static void json_add(struct outflow_members *members, const char *name, struct lucid_span json)
{
    lucid_assert(members->count < OUTFLOW_MEMBERS_MAX);
    members->items[members->count++] = (struct gas_revenue_member){.name = name, .json = json};
}

static void number_add(struct outflow_members *members, const char *name, uint64_t value,
                       char text[24])
{
    (void)snprintf(text, 24, "%" PRIu64, value);
    json_add(members, name, lucid_span_str(text));
}

enum lucid_error outflow_members_make(const struct x402_outflow *outflow,
                                      struct outflow_members *ret)
{
    ret->count = 0;
    lucid_buf_init(&ret->text, OUTFLOW_PAYLOAD_BYTES_MAX);
    evm_address_text(&outflow->from, ret->hex[0]);
    evm_address_text(&outflow->to, ret->hex[1]);
    evm_address_text(&outflow->token, ret->hex[2]);
    if (outflow->refund) {
        text_add(ret, "external_id", outflow->external_id);
    }
    text_add(ret, "from", ret->hex[0]);
    if (outflow->ordered) {
        number_add(ret, "from_block", outflow->from_block, ret->numbers[0]);
    }
    text_add(ret, "network", outflow->network);
    if (outflow->ordered) {
        number_add(ret, "nonce", outflow->nonce, ret->numbers[1]);
    }
    if (outflow->note[0] != '\0') {
        text_add(ret, "note", outflow->note);
    }
    if (outflow->refund) {
        lucid_hex_encode(outflow->payment, X402_PAYMENT_ID_BYTES, ret->id);
        ret->id[2 * X402_PAYMENT_ID_BYTES] = '\0';
        text_add(ret, "payment", ret->id);
    } else {
        number_add(ret, "payout", outflow->payout, ret->numbers[2]);
    }
    text_add(ret, "to", ret->hex[1]);
    text_add(ret, "token", ret->hex[2]);
    if (outflow->has_transfer) {
        payment_transfer_write(&ret->text, &outflow->transfer);
        json_add(ret, "transfer", lucid_buf_span(&ret->text));
    }
    return lucid_buf_ok(&ret->text) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

void outflow_members_fini(struct outflow_members *members)
{
    lucid_buf_fini(&members->text);
}

void outflow_write(uint64_t amount, const struct outflow_members *members, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", amount);
    for (size_t i = 0; i < members->count; i++) {
        gas_revenue_member_put(out, &members->items[i]);
    }
    lucid_buf_char(out, '}');
}

void outflow_stray_write(const struct x402_payment *payment, uint64_t amount,
                         const struct gas_posting_draft *posting,
                         const struct outflow_members *members, struct lucid_buf *out)
{
    size_t at = 0;
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", amount);
    lucid_json_member_cstr(out, "asset", payment->asset);
    for (; at < members->count && strcmp(members->items[at].name, "postings") < 0; at++) {
        gas_revenue_member_put(out, &members->items[at]);
    }
    gas_postings_write(out, posting, 1);
    lucid_json_member_u64(out, "settled", payment->settled_sequence);
    for (; at < members->count; at++) {
        gas_revenue_member_put(out, &members->items[at]);
    }
    lucid_json_member_cstr(out, "unit", gas_unit_name(GAS_USDC));
    lucid_buf_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What it is for. */
static enum lucid_error aim_read(const struct jcs_value *root, struct x402_outflow *ret)
{
    const struct jcs_value *payment = jcs_member(root, "payment");
    ret->refund = payment != NULL;
    if (!ret->refund) {
        return payload_uint(root, "payout", &ret->payout);
    }
    enum lucid_error error = payment_id_read(payment, ret->payment);
    if (error == LUCID_OK) {
        error = payload_read_text(root, "external_id", ret->external_id, sizeof(ret->external_id));
    }
    return error == LUCID_OK
               ? payload_read_text_optional(root, "note", ret->note, sizeof(ret->note))
               : error;
}

static enum lucid_error order_read(const struct jcs_value *root, struct x402_outflow *ret)
{
    ret->ordered = jcs_member(root, "nonce") != NULL;
    if (!ret->ordered) {
        return LUCID_OK;
    }
    enum lucid_error error = payload_uint(root, "nonce", &ret->nonce);
    return error == LUCID_OK ? payload_uint(root, "from_block", &ret->from_block) : error;
}

/* What is there once the transfer is. */
static enum lucid_error recorded_read(const struct jcs_value *root, struct x402_outflow *ret)
{
    bool split;
    ret->has_transfer = jcs_member(root, "transfer") != NULL;
    if (!ret->has_transfer) {
        return LUCID_OK;
    }
    enum lucid_error error = payment_transfer_read(jcs_member(root, "transfer"), &ret->transfer);
    ret->transfer.payer = ret->from;
    ret->transfer.amount = ret->amount;
    if (error == LUCID_OK && ret->refund) {
        error = gas_refund_legs(root, ret->legs, &split);
    }
    return error;
}

enum lucid_error outflow_read(const struct jcs_value *root, struct x402_outflow *ret)
{
    struct lucid_span amount;
    enum lucid_error error = payload_text(root, "amount", &amount);
    if (error == LUCID_OK && !gas_amount_parse(amount, &ret->amount)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = payload_read_address(root, "from", &ret->from);
    }
    if (error == LUCID_OK) {
        error = payload_read_address(root, "to", &ret->to);
    }
    if (error == LUCID_OK) {
        error = payload_read_address(root, "token", &ret->token);
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "network", ret->network, sizeof(ret->network));
    }
    if (error == LUCID_OK) {
        error = aim_read(root, ret);
    }
    if (error == LUCID_OK) {
        error = order_read(root, ret);
    }
    if (error == LUCID_OK) {
        error = recorded_read(root, ret);
    }
    if (error == LUCID_OK) {
        outflow_purpose(ret, ret->purpose);
    }
    return error;
}

/* --- rows ------------------------------------------------------------------------------------- */

size_t outflow_row_write(const struct x402_outflow *outflow, struct lucid_span payload,
                         uint8_t ret[OUTFLOW_ROW_BYTES_MAX])
{
    size_t reason = strlen(outflow->reason);
    lucid_assert(reason <= X402_REASON_BYTES_MAX && payload.len <= OUTFLOW_PAYLOAD_BYTES_MAX);
    ret[0] = (uint8_t)outflow->state;
    ret[1] = (uint8_t)reason;
    lucid_put_be64(ret + 2, outflow->first_sequence);
    lucid_put_be64(ret + 10, outflow->ordered_sequence);
    lucid_put_be64(ret + 18, outflow->sequence);
    lucid_put_be64(ret + 26, outflow->time_ms);
    memcpy(ret + OUTFLOW_ROW_FIXED_BYTES, outflow->reason, reason);
    memcpy(ret + OUTFLOW_ROW_FIXED_BYTES + reason, payload.data, payload.len);
    return OUTFLOW_ROW_FIXED_BYTES + reason + payload.len;
}

enum lucid_error outflow_row_payload(struct lucid_span row, struct lucid_span *ret)
{
    if (row.len < OUTFLOW_ROW_FIXED_BYTES || row.len - OUTFLOW_ROW_FIXED_BYTES < row.data[1]) {
        return LUCID_FATAL_CORRUPT;
    }
    size_t at = OUTFLOW_ROW_FIXED_BYTES + (size_t)row.data[1];
    *ret = lucid_span(row.data + at, row.len - at);
    return LUCID_OK;
}

enum lucid_error outflow_row_read(struct lucid_span row, struct x402_outflow *ret)
{
    struct lucid_arena arena;
    struct lucid_span payload;
    const struct jcs_value *root;
    struct x402_outflow outflow = {.amount = 0};
    enum lucid_error error = outflow_row_payload(row, &payload);
    if (error != LUCID_OK) {
        return error;
    }
    if (row.data[0] < X402_OUTFLOW_ORDERED || row.data[0] > X402_OUTFLOW_RECORDED) {
        return LUCID_FATAL_CORRUPT;
    }
    outflow.state = (enum x402_outflow_state)row.data[0];
    outflow.first_sequence = lucid_get_be64(row.data + 2);
    outflow.ordered_sequence = lucid_get_be64(row.data + 10);
    outflow.sequence = lucid_get_be64(row.data + 18);
    outflow.time_ms = lucid_get_be64(row.data + 26);
    error = payload_copy(lucid_span(row.data + OUTFLOW_ROW_FIXED_BYTES, row.data[1]),
                         outflow.reason, sizeof(outflow.reason));
    if (error != LUCID_OK) {
        return error;
    }
    lucid_arena_init(&arena, OUTFLOW_ARENA_BYTES);
    error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = outflow_read(root, &outflow);
    }
    lucid_arena_fini(&arena);
    if (error == LUCID_OK) {
        *ret = outflow;
    }
    return error;
}

void outflow_refunded_write(const struct x402_refunded *refunded,
                            uint8_t ret[OUTFLOW_REFUNDED_BYTES])
{
    lucid_put_be64(ret, refunded->amount);
    lucid_put_be64(ret + 8, refunded->ordered);
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        lucid_put_be64(ret + 16 + 8 * leg, refunded->legs[leg]);
    }
}

enum lucid_error outflow_refunded_read(struct lucid_span row, struct x402_refunded *ret)
{
    if (row.len != OUTFLOW_REFUNDED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->amount = lucid_get_be64(row.data);
    ret->ordered = lucid_get_be64(row.data + 8);
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        ret->legs[leg] = lucid_get_be64(row.data + 16 + 8 * leg);
    }
    return LUCID_OK;
}

/* --- keys ------------------------------------------------------------------------------------- */

struct lucid_span outflow_order_key(unsigned state, uint64_t first_sequence,
                                    uint8_t ret[OUTFLOW_ORDER_KEY_BYTES])
{
    ret[0] = 0;
    ret[1] = (uint8_t)state;
    lucid_put_be64(ret + 2, first_sequence);
    return lucid_span(ret, OUTFLOW_ORDER_KEY_BYTES);
}

struct lucid_span outflow_refund_key(const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                     uint64_t first_sequence, uint8_t ret[OUTFLOW_REFUND_KEY_BYTES])
{
    memcpy(ret, payment, X402_PAYMENT_ID_BYTES);
    lucid_put_be64(ret + X402_PAYMENT_ID_BYTES, first_sequence);
    return lucid_span(ret, OUTFLOW_REFUND_KEY_BYTES);
}

void outflow_nonce_key(const struct x402_outflow *outflow, struct x402_spent_key *ret)
{
    char from[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(&outflow->from, from);
    int len = snprintf(ret->text, sizeof(ret->text), "nonce/%s/%s/%" PRIu64, outflow->network, from,
                       outflow->nonce);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void outflow_purpose(const struct x402_outflow *outflow, char ret[X402_PURPOSE_BYTES_MAX + 1])
{
    if (outflow->refund) {
        x402_purpose_refund(outflow->payment, outflow->external_id, ret);
    } else {
        x402_purpose_payout(outflow->payout, ret);
    }
}
