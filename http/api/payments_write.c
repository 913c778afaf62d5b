#include <stdio.h>

#include "http/api/payments_internal.h"

/* --- finding both parts ----------------------------------------------------------------------- */

enum lucid_error payment_complete(struct ledger_view *view, struct shown_payment *shown)
{
    enum lucid_error error = LUCID_NOTE_ABSENT;
    if (!shown->gated) {
        error = x402_payment_of(view, shown->payment.sequence, &shown->gate);
        shown->gated = error == LUCID_OK;
    } else if (!shown->posted && shown->gate.settled_sequence != 0) {
        error = gas_payment_read(view, shown->gate.settled_sequence, &shown->payment);
        shown->posted = error == LUCID_OK;
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

enum lucid_error payment_by_sequence(struct ledger_view *view, uint64_t sequence,
                                     struct shown_payment *ret)
{
    ret->posted = true;
    ret->gated = false;
    enum lucid_error error = gas_payment_read(view, sequence, &ret->payment);
    if (error == LUCID_OK) {
        return payment_complete(view, ret);
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    ret->posted = false; /* a stray is in no split */
    ret->gated = true;
    return x402_payment_of(view, sequence, &ret->gate);
}

enum lucid_error payment_by_id(struct ledger_view *view, const uint8_t id[X402_PAYMENT_ID_BYTES],
                               struct shown_payment *ret)
{
    ret->posted = false;
    ret->gated = true;
    enum lucid_error error = x402_payment_read(view, id, &ret->gate);
    return error == LUCID_OK ? payment_complete(view, ret) : error;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void leg_write(const struct gas_payment *payment, enum gas_leg leg, struct lucid_buf *out)
{
    const char *payee = payment->payees[leg];
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "role", gas_leg_name(leg));
    api_text_or_null(out, "payee", payee);
    lucid_json_member_bool(out, "suspense",
                           leg != GAS_PROTOCOL && payee[0] == '\0' && payment->legs[leg] > 0);
    lucid_json_member_u64(out, "bps", payment->weights.bps[leg]);
    gas_amount_member(out, "amount", payment->legs[leg]);
    lucid_buf_char(out, '}');
}

static void legs_write(const struct shown_payment *shown, struct lucid_buf *out)
{
    lucid_json_member(out, "legs");
    lucid_buf_char(out, '[');
    for (size_t leg = 0; shown->posted && leg < GAS_LEGS; leg++) {
        if (leg > 0) {
            lucid_buf_char(out, ',');
        }
        leg_write(&shown->payment, (enum gas_leg)leg, out);
    }
    lucid_buf_char(out, ']');
}

static void hex_member(struct lucid_buf *out, const char *name, const void *bytes, size_t len)
{
    char text[2 + 2 * EVM_HASH_BYTES + 1] = "0x";
    lucid_hex_encode(bytes, len, text + 2);
    text[2 + 2 * len] = '\0';
    lucid_json_member_cstr(out, name, text);
}

static bool has_transfer(const struct x402_payment *gate)
{
    return gate->status == X402_SETTLED || gate->status == X402_STRAY ||
           gate->status == X402_REVERSED;
}

/* What only payments of the gate have. */
static void gate_write(const struct x402_payment *gate, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    char token[X402_PARTY_BYTES_MAX + 1];
    char pay_to[X402_PARTY_BYTES_MAX + 1];
    x402_payment_token_text(gate, token);
    x402_payment_pay_to_text(gate, pay_to);
    lucid_json_member_cstr(out, "scheme", x402_scheme_name(gate->scheme));
    lucid_json_member_bool(out, "bound", gate->bound);
    lucid_json_member_bool(out, "served", gate->served);
    lucid_json_member_bool(out, "final", gate->final);
    gas_amount_member(out, "price", gate->price);
    lucid_json_member_cstr(out, "token", token);
    lucid_json_member_cstr(out, "pay_to", pay_to);
    lucid_json_member_cstr(out, "method", gate->request.method);
    lucid_json_member_cstr(out, "resource", gate->request.resource);
    if (has_transfer(gate) && gate->scheme != X402_SCHEME_SOLANA) {
        lucid_json_member_u64(out, "log_index", gate->transfer.log_index);
        lucid_json_member_u64(out, "block", gate->transfer.block);
        hex_member(out, "block_hash", gate->transfer.block_hash.bytes, EVM_HASH_BYTES);
        lucid_json_member_time(out, "paid_at", gate->transfer.block_time * 1000);
    } else {
        lucid_json_member_null(out, "log_index");
        lucid_json_member_null(out, "block");
        lucid_json_member_null(out, "block_hash");
        lucid_json_member_null(out, "paid_at");
    }
    api_text_or_null(out, "identifier", gate->identifier);
    lucid_json_member_u64(out, "first_sequence", gate->first_sequence);
    lucid_json_member_time(out, "updated_at", gate->time_ms);
    lucid_buf_char(out, '}');
}

/* Members that are the gate's to say where it is a payment of it. */
static void gate_members(const struct x402_payment *gate, struct lucid_buf *out)
{
    char payer[X402_PARTY_BYTES_MAX + 1];
    char transaction[X402_TRANSACTION_BYTES_MAX + 1];
    x402_payment_payer_text(gate, payer);
    lucid_json_member_cstr(out, "payer", payer);
    lucid_json_member_cstr(out, "network", gate->network);
    if (has_transfer(gate)) {
        x402_payment_transaction_text(gate, transaction);
        lucid_json_member_cstr(out, "transaction", transaction);
    } else {
        lucid_json_member_null(out, "transaction");
    }
    lucid_json_member_null(out, "note");
}

static void recorded_members(const struct gas_payment *payment, struct lucid_buf *out)
{
    api_text_or_null(out, "payer", payment->payer);
    api_text_or_null(out, "network", payment->network);
    api_text_or_null(out, "transaction", payment->transaction);
    api_text_or_null(out, "note", payment->note);
}

void payment_write(const struct shown_payment *shown, struct lucid_buf *out)
{
    const struct gas_payment *payment = &shown->payment;
    const struct x402_payment *gate = &shown->gate;
    char id[2 * X402_PAYMENT_ID_BYTES + 1];
    if (shown->gated) {
        lucid_hex_encode(gate->id, X402_PAYMENT_ID_BYTES, id);
        id[2 * X402_PAYMENT_ID_BYTES] = '\0';
    } else {
        snprintf(id, sizeof(id), "%llu", (unsigned long long)payment->sequence);
    }
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "id", id);
    lucid_json_member_cstr(out, "status",
                           shown->gated ? x402_status_name(gate->status) : "recorded");
    if (shown->gated) {
        lucid_json_member_null(out, "external_id");
    } else {
        lucid_json_member_cstr(out, "external_id", payment->external_id);
    }
    lucid_json_member_cstr(out, "asset", shown->posted ? payment->asset : gate->asset);
    gas_amount_member(out, "amount", shown->posted ? payment->amount : gate->amount);
    lucid_json_member_cstr(out, "unit", gas_unit_name(shown->posted ? payment->unit : GAS_USDC));
    lucid_json_member_u64(out, "price_version", shown->posted ? payment->version : gate->version);
    legs_write(shown, out);
    gas_amount_member(out, "refunded", shown->gated ? gate->refunded : 0);
    lucid_json_member_cstr(out, "facilitator",
                           shown->gated ? gate->facilitator : payment->facilitator);
    if (shown->gated) {
        gate_members(gate, out);
    } else {
        recorded_members(payment, out);
    }
    lucid_json_member_u64(out, "sequence", shown->posted ? payment->sequence : gate->sequence);
    lucid_json_member_time(out, "recorded_at", shown->posted ? payment->time_ms : gate->time_ms);
    lucid_json_member(out, "x402");
    if (shown->gated) {
        gate_write(gate, out);
    } else {
        lucid_buf_str(out, "null");
    }
}
