#include <stdlib.h>

#include "x402/facilitation.h"
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

/* What the log has under a key: a payment of the gate, or one that was settled for others. */
struct reader_entry {
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending;
};

static void payment_take(const struct x402_payment *payment, struct reader_entry *ret)
{
    memcpy(ret->id, payment->id, sizeof(ret->id));
    memcpy(ret->digest, payment->request.digest, sizeof(ret->digest));
    ret->pending = reader_pending(payment);
}

/* The digest is the one that its claim was made with (x402/facilitation.h). */
static void facilitated_take(const struct x402_facilitated *one, struct reader_entry *ret)
{
    memset(ret->digest, 0, sizeof(ret->digest));
    memcpy(ret->digest, one->id, sizeof(one->id));
    memcpy(ret->id, one->id, sizeof(ret->id));
    ret->pending = one->status == X402_FACILITATION_OPEN;
}

static void entry_give(const struct reader_entry *entry,
                       uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES], uint8_t ret_digest[32],
                       bool *ret_pending)
{
    memcpy(ret_payment_id, entry->id, sizeof(entry->id));
    memcpy(ret_digest, entry->digest, sizeof(entry->digest));
    *ret_pending = entry->pending;
}

static enum lucid_error entry_find(struct ledger_view *view, struct lucid_span key,
                                   struct reader_entry *ret)
{
    struct x402_payment payment;
    struct x402_facilitated one;
    enum lucid_error error = x402_payment_find(view, key, &payment);
    if (error == LUCID_OK && !reader_counts(&payment)) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        payment_take(&payment, ret);
        return LUCID_OK;
    }
    if (error == LUCID_NOTE_ABSENT) {
        error = x402_facilitated_find(view, key, &one);
    }
    if (error == LUCID_OK) {
        facilitated_take(&one, ret);
    }
    return error;
}

static enum lucid_error reader_find(void *context, struct lucid_span key,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    struct x402_log_reader *reader = context;
    struct reader_entry entry;
    enum lucid_error error = ledger_view_begin(reader->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = entry_find(reader->view, key, &entry);
    ledger_view_end(reader->view);
    if (error == LUCID_OK) {
        entry_give(&entry, ret_payment_id, ret_digest, ret_pending);
    }
    return error;
}

/* The next key of a payment that counts. */
static enum lucid_error payment_next(struct ledger_view *view, struct lucid_span after,
                                     struct x402_spent_key *ret, struct reader_entry *ret_entry)
{
    struct x402_payment payment;
    struct x402_spent_key at;
    struct x402_spent_key key = {.text = ""};
    enum lucid_error error;
    do {
        error = x402_payment_key_next(view, after, &key, &payment);
        at = key; /* not the place that the next key is written to */
        after = lucid_span_str(at.text);
    } while (error == LUCID_OK && !reader_counts(&payment));
    if (error == LUCID_OK) {
        *ret = key;
        payment_take(&payment, ret_entry);
    }
    return error;
}

/* Of both lists the key that comes first. */
static enum lucid_error entry_next(struct ledger_view *view, struct lucid_span after,
                                   struct x402_spent_key *ret, struct reader_entry *ret_entry)
{
    struct x402_facilitated one;
    struct x402_spent_key theirs;
    struct x402_spent_key ours;
    struct reader_entry entry;
    enum lucid_error other = x402_facilitated_key_next(view, after, &theirs, &one);
    if (other != LUCID_OK && other != LUCID_NOTE_ABSENT) {
        return other;
    }
    enum lucid_error error = payment_next(view, after, &ours, &entry);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool first = error == LUCID_OK && (other != LUCID_OK || strcmp(ours.text, theirs.text) <= 0);
    if (first) {
        *ret = ours;
        *ret_entry = entry;
    } else if (other == LUCID_OK) {
        *ret = theirs;
        facilitated_take(&one, ret_entry);
    }
    return first ? error : other;
}

static enum lucid_error reader_next(void *context, struct lucid_span after,
                                    struct x402_spent_key *ret,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    struct x402_log_reader *reader = context;
    struct reader_entry entry;
    enum lucid_error error = ledger_view_begin(reader->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = entry_next(reader->view, after, ret, &entry);
    ledger_view_end(reader->view);
    if (error == LUCID_OK) {
        entry_give(&entry, ret_payment_id, ret_digest, ret_pending);
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
