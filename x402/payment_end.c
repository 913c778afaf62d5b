/* The payment kind's ends: an intent without money, a transfer that a reorganisation took, payments
 * that are deep enough. */
#include "base/assert.h"
#include "x402/payment_internal.h"

enum lucid_error payment_fail_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                     struct lucid_why *why)
{
    struct x402_payment standing;
    struct lucid_buf text;
    lucid_assert(command->reason != NULL &&
                 payload_name_ok(command->reason, X402_REASON_BYTES_MAX));
    enum lucid_error error = payment_want(txn, command->payment.id, &standing, why);
    if (error != LUCID_OK) {
        return error;
    }
    command->ret_known = standing.status == X402_FAILED;
    if (command->ret_known) {
        return LUCID_OK;
    }
    if (standing.status != X402_PENDING) {
        return payment_state_refuse(why, &standing);
    }
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    payment_failed_write(&standing, command->reason, &text);
    return payload_draft(txn, payment_type_failed, &text, &command->draft);
}

/* Of money in suspense: back from there. */
static enum lucid_error stray_reverse(struct ledger_txn *txn, const struct x402_payment *payment,
                                      struct lucid_buf *text, struct lucid_why *why)
{
    char clearing[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char suspense[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_clearing(lucid_span_str(payment->facilitator), GAS_USDC, clearing);
    gas_account_suspense("payment", lucid_span_str(payment->asset), GAS_USDC, suspense);
    const struct gas_posting_draft posting = {.debit = suspense,
                                              .credit = clearing,
                                              .amount = payment->amount,
                                              .what = GAS_REVERSAL_STRAY};
    enum lucid_error error = gas_postings_check(txn, &posting, 1, "amount", why);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_char(text, '{');
    gas_amount_member(text, "amount", payment->amount);
    lucid_json_member_cstr(text, "asset", payment->asset);
    lucid_json_member_hex(text, "id", payment->id, sizeof(payment->id));
    gas_postings_write(text, &posting, 1);
    lucid_json_member_u64(text, "settled", payment->settled_sequence);
    lucid_json_member_cstr(text, "unit", gas_unit_name(GAS_USDC));
    lucid_buf_char(text, '}');
    return LUCID_OK;
}

enum lucid_error payment_reverse_decide(struct ledger_txn *txn,
                                        struct x402_payment_command *command, struct lucid_why *why)
{
    struct x402_payment standing;
    struct lucid_buf text;
    char id[2 * X402_PAYMENT_ID_BYTES + 1] = "";
    enum lucid_error error = payment_want(txn, command->payment.id, &standing, why);
    if (error != LUCID_OK) {
        return error;
    }
    command->ret_known = standing.status == X402_REVERSED;
    if (command->ret_known) {
        return LUCID_OK;
    }
    if (standing.scheme == X402_SCHEME_SOLANA ||
        (standing.status != X402_SETTLED && standing.status != X402_STRAY)) {
        return payment_state_refuse(why, &standing);
    }
    lucid_hex_encode(standing.id, sizeof(standing.id), id);
    const struct gas_revenue_member member = {.name = "id", .text = lucid_span_str(id)};
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    error = standing.status == X402_STRAY
                ? stray_reverse(txn, &standing, &text, why)
                : gas_revenue_reversal(txn, standing.settled_sequence, &member, 1, &text, why);
    if (error != LUCID_OK) {
        lucid_buf_fini(&text);
        return error;
    }
    return payload_draft(txn, payment_type_reversed, &text, &command->draft);
}

/* Of several, those that can end. */
static enum lucid_error finish_several(struct ledger_txn *txn, struct x402_payment_command *command)
{
    uint8_t ids[X402_FINISH_MAX][X402_PAYMENT_ID_BYTES];
    struct x402_payment standing;
    struct lucid_buf text;
    size_t count = 0;
    lucid_assert(command->id_count >= 1 && command->id_count <= X402_FINISH_MAX);
    for (size_t i = 0; i < command->id_count; i++) {
        enum lucid_error error = payment_get(txn, command->ids[i], &standing);
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
        if (error == LUCID_OK && payment_is_open(&standing) && standing.status != X402_PENDING) {
            memcpy(ids[count++], standing.id, sizeof(standing.id));
        }
    }
    command->ret_known = count == 0;
    if (command->ret_known) {
        return LUCID_OK;
    }
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    payment_final_write((const uint8_t(*)[X402_PAYMENT_ID_BYTES])ids, count, &text);
    return payload_draft(txn, payment_type_final, &text, &command->draft);
}

enum lucid_error payment_finish_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                       struct lucid_why *why)
{
    struct x402_payment standing;
    struct lucid_buf text;
    if (command->ids != NULL) {
        return finish_several(txn, command);
    }
    enum lucid_error error = payment_want(txn, command->payment.id, &standing, why);
    if (error != LUCID_OK) {
        return error;
    }
    command->ret_known = !payment_is_open(&standing);
    if (command->ret_known) {
        return LUCID_OK;
    }
    if (standing.status == X402_PENDING) {
        return payment_state_refuse(why, &standing);
    }
    lucid_buf_init(&text, PAYMENT_PAYLOAD_BYTES_MAX);
    payment_final_write((const uint8_t(*)[X402_PAYMENT_ID_BYTES])standing.id, 1, &text);
    return payload_draft(txn, payment_type_final, &text, &command->draft);
}
