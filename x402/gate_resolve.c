/* An admin's word on a payment that nobody here can look at. What would be wrong to write is
 * refused here; the rest is the keeper's, as if the facilitator had said it. */
#include "x402/gate_internal.h"

static enum lucid_error absent(struct x402_resolution *resolution)
{
    return lucid_refuse(&resolution->why, LUCID_REFUSE_INVALID, "NOT_FOUND", NULL,
                        "there is no such payment");
}

static enum lucid_error busy(struct x402_resolution *resolution)
{
    return lucid_refuse(&resolution->why, LUCID_RETRY_BUSY, "PAYMENT_PENDING", NULL,
                        "somebody is dealing with the payment just now; nothing was written, send "
                        "it again");
}

/* What has ended already: the same end once more is none. */
static enum lucid_error ended(struct x402_resolution *resolution,
                              const struct x402_payment *payment)
{
    bool same = resolution->settled
                    ? payment->status == X402_SETTLED || payment->status == X402_STRAY
                    : payment->status == X402_FAILED;
    if (same && resolution->settled) {
        same = memcmp(payment->transfer.signature, resolution->signature,
                      sizeof(resolution->signature)) == 0;
    }
    resolution->ret_known = same;
    return same ? LUCID_OK
                : lucid_refuse(&resolution->why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL,
                               "the payment is %s already", x402_status_name(payment->status));
}

/* The blockhash that the payer signed was there before the intent, and is good for some minutes: a
 * transaction that has not landed by then never will. */
static enum lucid_error too_early(const struct x402_gate *gate, struct x402_resolution *resolution,
                                  const struct x402_payment *payment)
{
    uint64_t from_ms = payment->time_ms + X402_RESOLVE_AFTER_MS;
    struct lucid_buf text;
    if (lucid_wall_ms(&gate->options.loop->clock) >= from_ms) {
        return LUCID_OK;
    }
    lucid_buf_init(&text, 128);
    lucid_buf_time(&text, from_ms);
    lucid_buf_char(&text, '\0');
    enum lucid_error error = lucid_refuse(
        &resolution->why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL,
        "it may still land: it can be failed from %s on, when its blockhash is too old",
        lucid_buf_ok(&text) ? (const char *)text.data : "some minutes later");
    lucid_buf_fini(&text);
    return error;
}

static enum lucid_error judge(const struct x402_gate *gate, struct x402_resolution *resolution,
                              const struct x402_payment *payment, struct lucid_span forward)
{
    if (payment->scheme != X402_SCHEME_SOLANA) {
        return lucid_refuse(&resolution->why, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE", NULL,
                            "what becomes of payments on %s is decided by the chain",
                            payment->network);
    }
    if (payment->status != X402_PENDING) {
        return ended(resolution, payment);
    }
    if (!resolution->settled) {
        return too_early(gate, resolution, payment);
    }
    if (!x402_solana_settled(forward, &payment->solana, resolution->signature)) {
        return lucid_refuse(&resolution->why, LUCID_REFUSE_INVALID, "INVALID_PAYMENT",
                            "transaction",
                            "is not the fee payer's signature over this payment's message");
    }
    return LUCID_OK;
}

static enum lucid_error check(struct x402_gate *gate, struct x402_resolution *resolution)
{
    struct x402_payment payment;
    struct lucid_buf forward;
    enum lucid_error error = ledger_view_begin(gate->view);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&forward, X402_FORWARD_BYTES_MAX);
    error = x402_payment_read(gate->view, resolution->id, &payment);
    if (error == LUCID_NOTE_ABSENT) {
        error = absent(resolution);
    } else if (error == LUCID_OK && payment.status == X402_PENDING) {
        error = x402_payment_forward(gate->view, &payment, &forward);
        error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    ledger_view_end(gate->view);
    if (error == LUCID_OK) {
        error = judge(gate, resolution, &payment, lucid_buf_span(&forward));
    }
    lucid_buf_fini(&forward);
    return error;
}

void x402_gate_resolve(struct x402_gate *gate, struct x402_resolution *resolution)
{
    resolution->ret_known = false;
    resolution->why = (struct lucid_why){.code = NULL};
    resolution->error = gate->stopping ? busy(resolution) : check(gate, resolution);
    if (resolution->error != LUCID_OK || resolution->ret_known) {
        resolution->done(resolution);
        return;
    }
    resolution->error = busy(resolution); /* until it is written */
    if (!keeper_resolve(gate, resolution)) {
        resolution->done(resolution);
    }
}
