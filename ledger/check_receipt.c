/* One receipt against itself: payload, entry, signature, body. */
#include "base/sha256.h"
#include "ledger/check_internal.h"
#include "ledger/erasure_internal.h"
#include "ledger/receipt_internal.h"

enum { BODY_VALUES_MAX = 65536 };

static bool text_is(const struct jcs_value *body, const char *name, struct lucid_span want)
{
    const struct jcs_value *value = jcs_member(body, name);
    return value != NULL && jcs_type(value) == JCS_STRING &&
           lucid_span_equal(jcs_string(value), want);
}

/* What the payload repeats of the body, so that replay needs no body. */
static bool facts_agree(const struct jcs_value *body, const struct receipt_facts *facts)
{
    uint64_t timestamp = 0;
    const struct jcs_value *value = jcs_member(body, "timestamp");
    return value != NULL && jcs_uint(value, &timestamp) && timestamp == facts->timestamp &&
           text_is(body, "run_id", facts->run_id) &&
           text_is(body, "receipt_type", lucid_span_str(receipt_type_name(facts->type)));
}

static void body_form_check(struct check_worker *worker, const struct store_event *event,
                            uint64_t leaf, const struct receipt_facts *facts,
                            struct lucid_span bytes)
{
    static const struct jcs_limits limits = {.depth_max = RECEIPT_DEPTH_MAX,
                                             .values_max = BODY_VALUES_MAX};
    struct check_report *report = &worker->report;
    const struct jcs_value *body;
    if (jcs_parse(bytes, &limits, &worker->arena, &body, NULL) != LUCID_OK) {
        check_add(report, CHECK_BODY, event->sequence, leaf, "the body is not JSON");
        return;
    }
    lucid_buf_clear(&worker->canonical);
    jcs_write(body, &worker->canonical);
    if (!lucid_buf_ok(&worker->canonical) ||
        !lucid_span_equal(lucid_buf_span(&worker->canonical), bytes)) {
        check_add(report, CHECK_BODY, event->sequence, leaf, "the body is not in canonical form");
    }
    if (!facts_agree(body, facts)) {
        check_add(report, CHECK_RECEIPT, event->sequence, leaf,
                  "run_id, type or timestamp of event and body differ");
    }
}

/* Whether the table of erasures, which is compared with the events elsewhere, names the receipt. */
static bool erasure_stands(struct check_worker *worker, uint64_t leaf, const uint8_t hash[32])
{
    const struct check *check = worker->check;
    struct ledger_erasure erasure;
    return check->erasures_known &&
           erasure_lookup(worker->view, check->erasures, leaf, &erasure) == LUCID_OK &&
           memcmp(erasure.receipt_hash, hash, sizeof(erasure.receipt_hash)) == 0;
}

static void body_check(struct check_worker *worker, const struct store_event *event, uint64_t leaf,
                       const struct receipt_facts *facts)
{
    struct check_report *report = &worker->report;
    struct lucid_span body;
    enum lucid_error error = store_body_read(worker->view, event->sequence, &body);
    if (error == LUCID_NOTE_ERASED) {
        report->erased++;
        if (!erasure_stands(worker, leaf, event->entry)) {
            check_add(report, CHECK_BODY, event->sequence, leaf,
                      "the body was erased, and no event says so");
        }
        return;
    }
    if (error == LUCID_OK && erasure_stands(worker, leaf, event->entry)) {
        check_add(report, CHECK_BODY, event->sequence, leaf,
                  "an event says that the body was erased, and it is there");
    }
    if (error != LUCID_OK) {
        check_add(report, CHECK_BODY, event->sequence, leaf, "the body %s",
                  error == LUCID_NOTE_ABSENT ? "is missing" : "cannot be read");
        return;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    report->bodies++;
    lucid_sha256(body, hash);
    if (memcmp(hash, event->entry, sizeof(hash)) != 0) {
        check_pair_hex(check_add(report, CHECK_BODY, event->sequence, leaf,
                                 "the body does not hash to receipt_hash"),
                       lucid_span(event->entry, sizeof(hash)), lucid_span(hash, sizeof(hash)));
    }
    if (!worker->check->quick) {
        body_form_check(worker, event, leaf, facts, body);
    }
}

void check_receipt(struct check_worker *worker, const struct store_event *event, uint64_t leaf)
{
    struct check_report *report = &worker->report;
    struct receipt_payload payload;
    report->receipts++;
    if (event->entry == NULL || !receipt_payload_decode(event->payload, &payload)) {
        check_add(report, CHECK_RECEIPT, event->sequence,
                  event->entry == NULL ? CHECK_NO_LEAF : leaf, "the event is not a receipt's");
        return;
    }
    uint8_t signer_hash[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_span(payload.signer, 32), signer_hash);
    if (memcmp(signer_hash, event->entry + 32, sizeof(signer_hash)) != 0) {
        check_pair_hex(check_add(report, CHECK_RECEIPT, event->sequence, leaf,
                                 "the entry names another signer than the event does"),
                       lucid_span(signer_hash, sizeof(signer_hash)),
                       lucid_span(event->entry + 32, sizeof(signer_hash)));
    }
    if (!worker->check->quick) {
        report->signatures++;
        if (!ledger_ed25519_verify(payload.signer, lucid_span(event->entry, 32),
                                   event->entry + 64)) {
            check_add(report, CHECK_SIGNATURE, event->sequence, leaf,
                      "the signature does not verify under the signer's key");
        }
    }
    body_check(worker, event, leaf, &payload.facts);
}
