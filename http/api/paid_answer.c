/* From the gate's outcome to an answer. */
#include <stdio.h>

#include "base/assert.h"
#include "http/api/paid_internal.h"

/* How soon it is worth asking again after a payment whose outcome is open. */
#define PENDING_RETRY_SECONDS "2"

enum { TEXT_BYTES_MAX = 256 };

void paid_problem(struct paid_call *call, int status, const char *code, const char *param,
                  const char *text)
{
    if (call->class->refuse == NULL || !call->class->refuse(call, status, code, text)) {
        api_problem(call->request, status, code, param, text);
    }
}

void paid_refuse(struct paid_call *call, enum lucid_error error, const struct lucid_why *why)
{
    struct api_code code;
    const char *text;
    api_code_of(error, why, &code, &text);
    if (call->class->refuse == NULL || !call->class->refuse(call, code.status, code.code, text)) {
        api_refuse(call->request, error, why);
    }
}

static void id_add(struct paid_call *call)
{
    char text[2 * X402_PAYMENT_ID_BYTES + 1];
    if (call->entry.job.has_payment) {
        lucid_hex_encode(call->entry.job.payment.id, X402_PAYMENT_ID_BYTES, text);
        text[2 * X402_PAYMENT_ID_BYTES] = '\0';
        http_add_header(call->request, "X-Payment-Id", text);
    }
}

enum { PAYMENT_TEXT_MAX = X402_SOLANA_SIGNATURE_TEXT_MAX }; /* of a transaction or an account */

static void base58_text(const uint8_t *bytes, size_t len, char ret[PAYMENT_TEXT_MAX + 1])
{
    struct lucid_buf out = {.bytes_max = 0};
    x402_base58_write(&out, bytes, len);
    lucid_assert(out.len <= PAYMENT_TEXT_MAX);
    if (lucid_buf_ok(&out)) {
        memcpy(ret, out.data, out.len);
    }
    ret[lucid_buf_ok(&out) ? out.len : 0] = '\0';
    lucid_buf_fini(&out);
}

/* Who has paid, or says so; "": not known. */
static void payer_text(const struct paid_call *call, bool settled, char ret[PAYMENT_TEXT_MAX + 1])
{
    const struct x402_gate_job *job = &call->entry.job;
    ret[0] = '\0';
    if (job->proof.is_solana) {
        base58_text(job->proof.solana.payer, X402_SOLANA_KEY_BYTES, ret);
    } else if (settled) {
        evm_address_eip55(&job->payment.payer, ret);
    } else if (call->form != X402_FORM_PROOF || job->match.signed_by_payer) {
        evm_address_eip55(&job->match.payer, ret);
    }
}

/* The header that clients read what became of their payment from. reason NULL: it succeeded. */
static void settlement_add(struct paid_call *call, const char *reason)
{
    const struct x402_gate_job *job = &call->entry.job;
    bool settled = reason == NULL && job->has_payment;
    char payer[PAYMENT_TEXT_MAX + 1];
    char transaction[PAYMENT_TEXT_MAX + 1] = "";
    struct lucid_buf out = {0};
    payer_text(call, settled, payer);
    if (settled) {
        x402_payment_transaction_text(&job->payment, transaction);
    }
    x402_settlement_write(call->form, job->network, transaction, payer[0] == '\0' ? NULL : payer,
                          reason, &out);
    lucid_buf_char(&out, '\0');
    if (lucid_buf_ok(&out)) { /* else the client does without: the payment stands */
        http_add_header(call->request,
                        call->form == X402_FORM_V1 ? "X-PAYMENT-RESPONSE" : "PAYMENT-RESPONSE",
                        (const char *)out.data);
    }
    lucid_buf_fini(&out);
}

/* A sentence for people; the reason, which clients may know, in brackets. */
static void text_make(const struct x402_gate_job *job, char ret[TEXT_BYTES_MAX])
{
    const char *text = job->text;
    if (text[0] == '\0') {
        switch (job->outcome) {
        case X402_SPENT:
            text = "the payment is spent, and not on this request";
            break;
        case X402_OUTSTANDING:
            text = "what becomes of the payment is not known yet: send this again, pay nothing";
            break;
        case X402_UNAVAILABLE:
            text = "payments cannot be judged just now; nothing was taken: send this again later";
            break;
        case X402_NOT_PAID:
        case X402_ADMITTED:
        case X402_UNSERVED:
        case X402_BROKEN:
            text = "the payment was not taken";
            break;
        }
    }
    (void)snprintf(ret, TEXT_BYTES_MAX, "%s (%s)", text, job->reason);
}

static void unserved_answer(struct paid_call *call)
{
    const struct ledger_command *paid = call->entry.job.paid;
    settlement_add(call, NULL);
    lucid_assert(paid != NULL);
    if (call->class->unserved != NULL) {
        call->class->unserved(call);
        return;
    }
    paid_refuse(call, paid->error, &paid->why);
}

void paid_answer(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    struct http_request *request = call->request;
    char text[TEXT_BYTES_MAX];
    http_keep_private(request);
    id_add(call);
    if (job->outcome == X402_ADMITTED) {
        settlement_add(call, NULL);
        call->class->serve(call);
        return;
    }
    text_make(job, text);
    switch (job->outcome) {
    case X402_ADMITTED:
        break;
    case X402_NOT_PAID:
        if (call->form != X402_FORM_PROOF) {
            settlement_add(call, job->reason);
        }
        paid_demand(call, job->reason, text);
        return;
    case X402_SPENT:
        paid_problem(call, 409, x402_gate_spent_code(job), x402_form_header(call->form), text);
        return;
    case X402_OUTSTANDING:
        http_add_header(request, "Retry-After", PENDING_RETRY_SECONDS);
        paid_problem(call, 503, "PAYMENT_PENDING", NULL, text);
        return;
    case X402_UNAVAILABLE:
        paid_problem(call, 503, "PAYMENT_UNAVAILABLE", NULL, text);
        return;
    case X402_UNSERVED:
        unserved_answer(call);
        return;
    case X402_BROKEN:
        paid_refuse(call, job->error, &job->why);
        return;
    }
    lucid_assert(false);
}
