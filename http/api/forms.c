/* Proofs in the forms of others: C2SP tlog-proof and RFC 9942 COSE receipts. */
#include "http/api/forms_internal.h"

#include "base/assert.h"
#include "ledger/cose.h"
#include "ledger/proof_tlog.h"
#include "ledger/witness.h"

bool api_head_required(struct http_request *request, struct ledger_view *view, uint64_t size)
{
    struct ledger_head newest;
    enum lucid_error error = ledger_head_newest(view, &newest);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        api_refuse(request, error, NULL);
    } else if (error == LUCID_OK && size < newest.size) {
        /* Heads only grow: there will never be one. */
        api_problem(request, 404, "NOT_FOUND", NULL,
                    "no published head has this size, and this form needs one");
    } else {
        http_add_header(request, "Retry-After", "1");
        api_problem(request, 503, "NOT_COVERED", NULL, "no published head has this size yet");
    }
    return false;
}

enum lucid_error api_tlog_write(struct ledger_view *view, uint64_t leaf_index, uint64_t size,
                                const struct mmr_path *path, struct lucid_buf *out)
{
    struct lucid_buf checkpoint = {0};
    enum lucid_error error = ledger_witness_checkpoint(view, size, &checkpoint);
    if (error == LUCID_OK && !lucid_buf_ok(&checkpoint)) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error == LUCID_OK) {
        struct ledger_tlog_proof proof = {
            .leaf_index = leaf_index, .path = *path, .checkpoint = lucid_buf_span(&checkpoint)};
        ledger_tlog_write(out, &proof);
    }
    lucid_buf_fini(&checkpoint);
    return error;
}

/* Only ever with the root of a published head. */
static void cose_write(const struct api *api, const struct ledger_head *head,
                       struct ledger_cose *receipt, struct lucid_buf *out)
{
    const struct ledger_identity *identity;
    bool born = ledger_identity(api->options.ledger, &identity);
    lucid_assert(born); /* there is a head */
    receipt->issuer = lucid_span_str(identity->origin);
    receipt->size = head->size;
    receipt->root = head->root;
    receipt->checkpoint = head->checkpoint;
    ledger_cose_write(out, api->options.service_key, receipt);
}

void api_cose_inclusion_write(const struct api *api, const struct ledger_head *head,
                              uint64_t leaf_index, const uint8_t receipt_hash[LUCID_SHA256_BYTES],
                              const struct mmr_path *path, struct lucid_buf *out)
{
    char subject[2 * LUCID_SHA256_BYTES];
    lucid_hex_encode(receipt_hash, LUCID_SHA256_BYTES, subject);
    struct ledger_cose receipt = {.kind = LEDGER_COSE_INCLUSION,
                                  .subject = lucid_span(subject, sizeof(subject)),
                                  .first = leaf_index,
                                  .path = *path};
    cose_write(api, head, &receipt, out);
}

void api_cose_consistency_write(const struct api *api, const struct ledger_head *head,
                                uint64_t from, const struct mmr_path *path, struct lucid_buf *out)
{
    struct ledger_cose receipt = {.kind = LEDGER_COSE_CONSISTENCY, .first = from, .path = *path};
    cose_write(api, head, &receipt, out);
}
