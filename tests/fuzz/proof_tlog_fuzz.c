/* C2SP tlog-proof files from outside: what is read must be what is written of the same parts, and
 * the verifier must answer. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/proof.h"
#include "ledger/proof_tlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct lucid_span text, struct ledger_tlog_proof *proof)
{
    static uint8_t extra[LEDGER_TLOG_EXTRA_BYTES_MAX];
    struct lucid_buf out = {0};
    if (proof->extra.data != NULL) {
        size_t len = 0;
        lucid_assert(lucid_base64_decode(proof->extra, extra, sizeof(extra), &len));
        proof->extra = lucid_span(extra, len);
    }
    ledger_tlog_write(&out, proof);
    lucid_assert(lucid_buf_ok(&out) && lucid_span_equal(lucid_buf_span(&out), text));
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_span text = lucid_span(data, size);
    struct lucid_why why = {.code = NULL};
    struct ledger_tlog_proof proof;
    if (ledger_tlog_read(text, &proof, &why) == LUCID_OK) {
        check_written(text, &proof);
    } else {
        lucid_assert(why.code != NULL && why.text[0] != '\0');
    }
    struct ledger_report report;
    struct ledger_trust trust = {
        .vkey = lucid_span_str(
            "lucid.example/ledger/test+a0575818+AWEyzpSyvr/YDndcSmoDqP0B5PSXuWZohaKI5iVZM/mK")};
    lucid_assert(ledger_proof_verify(lucid_span_str("{}"), LEDGER_FORM_TLOG, text, &trust,
                                     &report) == LUCID_OK);
    lucid_assert(report.verdict == LEDGER_INVALID);
    return 0;
}
