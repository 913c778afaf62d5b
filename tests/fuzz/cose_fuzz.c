/* COSE receipts from outside. What the reader takes must be exactly what the writer makes of the
 * same parts, key id and signature aside: one encoding for one meaning. The verifier must answer.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/cose.h"
#include "ledger/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct lucid_span data, const struct ledger_cose *receipt)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {1};
    struct ledger_ed25519_key key;
    struct lucid_buf out = {0};
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    ledger_ed25519_key_init(seed, &key);
    ledger_cose_kid(key.public_key, kid);
    ledger_cose_write(&out, &key, receipt);
    lucid_assert(lucid_buf_ok(&out) && out.len == data.len);
    uint8_t *found = memmem(out.data, out.len, kid, sizeof(kid));
    lucid_assert(found != NULL);
    memcpy(found, receipt->kid, sizeof(kid));
    memcpy(out.data + out.len - sizeof(receipt->signature), receipt->signature,
           sizeof(receipt->signature));
    lucid_assert(memcmp(out.data, data.data, data.len) == 0);
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_span span = lucid_span(data, size);
    struct lucid_why why = {.code = NULL};
    struct ledger_cose receipt;
    if (ledger_cose_read(span, &receipt, &why) == LUCID_OK) {
        check_written(span, &receipt);
    } else {
        lucid_assert(why.code != NULL && why.text[0] != '\0' && why.offset <= size);
    }
    struct ledger_report report;
    struct ledger_trust trust = {
        .service_key =
            lucid_span_str("6132ce94b2bebfd80e775c4a6a03a8fd01e4f497b9666885a288e6255933f98a")};
    struct lucid_span none = lucid_span_str("{}");
    lucid_assert(ledger_proof_verify(none, LEDGER_FORM_COSE, span, &trust, &report) == LUCID_OK);
    lucid_assert(report.verdict == LEDGER_INVALID);
    lucid_assert(ledger_consistency_verify(span, LEDGER_FORM_COSE, none, lucid_span(NULL, 0),
                                           &trust, &report) == LUCID_OK);
    lucid_assert(report.verdict != LEDGER_VALID);
    return 0;
}
