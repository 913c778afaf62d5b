#include <stdlib.h>

#include "x402/gate.h"

struct x402_log_reader {
    struct ledger_view *view;
};

/* What a spent store may know of a payment: one that has failed has used nothing up. */
static bool reader_counts(const struct x402_payment *payment)
{
    /* A transfer that POST /v1/payments recorded as a whole has no row of its own: sequence 0. */
    return payment->sequence == 0 || payment->status != X402_FAILED;
}

static bool reader_pending(const struct x402_payment *payment)
{
    return payment->sequence != 0 && payment->status == X402_PENDING;
}

static enum lucid_error reader_find(void *context, struct lucid_span key,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    struct x402_log_reader *reader = context;
    struct x402_payment payment;
    enum lucid_error error = ledger_view_begin(reader->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = x402_payment_find(reader->view, key, &payment);
    ledger_view_end(reader->view);
    if (error == LUCID_OK && !reader_counts(&payment)) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        memcpy(ret_payment_id, payment.id, X402_PAYMENT_ID_BYTES);
        memcpy(ret_digest, payment.request.digest, sizeof(payment.request.digest));
        *ret_pending = reader_pending(&payment);
    }
    return error;
}

static enum lucid_error reader_next(void *context, struct lucid_span after,
                                    struct x402_spent_key *ret,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    struct x402_log_reader *reader = context;
    struct x402_payment payment;
    struct x402_spent_key at;
    struct x402_spent_key key = {.text = ""};
    enum lucid_error error = ledger_view_begin(reader->view);
    if (error != LUCID_OK) {
        return error;
    }
    do {
        error = x402_payment_key_next(reader->view, after, &key, &payment);
        at = key; /* not the place that the next key is written to */
        after = lucid_span_str(at.text);
    } while (error == LUCID_OK && !reader_counts(&payment));
    ledger_view_end(reader->view);
    if (error == LUCID_OK) {
        *ret = key;
        memcpy(ret_payment_id, payment.id, X402_PAYMENT_ID_BYTES);
        memcpy(ret_digest, payment.request.digest, sizeof(payment.request.digest));
        *ret_pending = reader_pending(&payment);
    }
    return error;
}

enum lucid_error x402_log_reader_open(struct ledger *ledger, struct x402_log_reader **ret,
                                      struct x402_spent_log *ret_log)
{
    struct x402_log_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = ledger_view_open(ledger, &reader->view);
    if (error != LUCID_OK) {
        free(reader);
        return error;
    }
    *ret = reader;
    *ret_log = (struct x402_spent_log){.find = reader_find, .next = reader_next, .context = reader};
    return LUCID_OK;
}

void x402_log_reader_close(struct x402_log_reader *reader)
{
    if (reader != NULL) {
        ledger_view_close(reader->view);
        free(reader);
    }
}
