/* Refunds that the treasury is to send. */
#include <stdlib.h>

#include "http/api/outflows_internal.h"
#include "x402/treasury.h"

struct send_errand {
    struct api_errand errand; /* first member */
    struct x402_treasury_refund refund;
};

static void ordered(struct x402_treasury_refund *refund)
{
    struct send_errand *self = refund->owner;
    api_errand_return(&self->errand);
}

static void begin(struct api_errand *errand, struct x402_desk *desk)
{
    struct send_errand *self = (struct send_errand *)errand; /* errand is the first member */
    if (desk->stopping || desk->treasury == NULL) {
        self->refund.error = lucid_refuse(&self->refund.why, LUCID_RETRY_BUSY,
                                          "TREASURY_UNAVAILABLE", NULL, "the treasury is closed");
        api_errand_return(errand);
        return;
    }
    x402_treasury_refund(desk->treasury, &self->refund);
}

static void answer(struct api_errand *errand, struct http_request *request)
{
    const struct send_errand *self = (const struct send_errand *)errand;
    struct lucid_buf out = {0};
    if (self->refund.error != LUCID_OK) {
        api_refuse(request, self->refund.error, &self->refund.why);
        return;
    }
    refund_write(&self->refund.outflow, &self->refund.ret_known, &out);
    api_answer(request, 202, API_JSON, &out);
}

static void fini(struct api_errand *errand)
{
    free(errand);
}

void refund_send(struct http_request *request, const struct x402_outflow *refund)
{
    struct send_errand *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    self->errand = (struct api_errand){.begin = begin, .answer = answer, .fini = fini};
    self->refund.outflow = *refund;
    self->refund.done = ordered;
    self->refund.owner = self;
    (void)api_errand_send(&self->errand, request);
}
