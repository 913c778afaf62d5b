/* From the gate's outcome to an answer. */
#include <stdio.h>

#include "base/assert.h"
#include "http/api/paid_internal.h"

/* How soon it is worth asking again after a payment whose outcome is open. */
#define PENDING_RETRY_SECONDS "2"

enum { TEXT_BYTES_MAX = 256 };

static void id_add(struct paid_call *call)
{
    char text[2 * X402_PAYMENT_ID_BYTES + 1];
    if (call->entry.job.has_payment) {
        lucid_hex_encode(call->entry.job.payment.id, X402_PAYMENT_ID_BYTES, text);
        text[2 * X402_PAYMENT_ID_BYTES] = '\0';
        http_add_header(call->request, "X-Payment-Id", text);
    }
}

/* The header that clients read what became of their payment from. reason NULL: it succeeded. */
static void settlement_add(struct paid_call *call, const char *reason)
{
    const struct x402_gate_job *job = &call->entry.job;
    bool settled = reason == NULL && job->has_payment;
    const struct evm_address *payer =
        settled
            ? &job->payment.payer
            : (call->form == X402_FORM_PROOF && !job->match.signed_by_payer ? NULL
                                                                            : &job->match.payer);
    struct lucid_buf out = {0};
    x402_settlement_write(call->form, job->network,
                          settled ? &job->payment.transfer.transaction : NULL, payer, reason, &out);
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
    api_refuse(call->request, paid->error, &paid->why);
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
        api_problem(request, 409, x402_gate_spent_code(job), x402_form_header(call->form), text);
        return;
    case X402_OUTSTANDING:
        http_add_header(request, "Retry-After", PENDING_RETRY_SECONDS);
        api_problem(request, 503, "PAYMENT_PENDING", NULL, text);
        return;
    case X402_UNAVAILABLE:
        api_problem(request, 503, "PAYMENT_UNAVAILABLE", NULL, text);
        return;
    case X402_UNSERVED:
        unserved_answer(call);
        return;
    case X402_BROKEN:
        api_refuse(request, job->error, &job->why);
        return;
    }
    lucid_assert(false);
}
