/* The offline verifier on outside documents: receipt, proof or consistency answer, key and a second
 * checkpoint, separated by bytes 0x00. Whatever comes in, it must answer, and its verdict must
 * agree with its steps. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 4 };

static void check(const struct ledger_report *report, size_t steps)
{
    bool failed = false;
    bool skipped = false;
    lucid_assert(report->step_count == steps);
    for (size_t i = 0; i < steps; i++) {
        failed |= report->steps[i].outcome == LEDGER_FAILED;
        skipped |= report->steps[i].outcome == LEDGER_SKIPPED;
        lucid_assert(report->steps[i].name != NULL);
        lucid_assert(memchr(report->steps[i].text, 0, sizeof(report->steps[i].text)) != NULL);
    }
    enum ledger_verdict want = failed ? LEDGER_INVALID : skipped ? LEDGER_UNDECIDED : LEDGER_VALID;
    lucid_assert(report->verdict == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_span parts[PARTS];
    struct lucid_span rest = lucid_span(data, size);
    for (size_t i = 0; i < PARTS; i++) {
        const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.data, 0, rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        parts[i] = lucid_span(rest.data, len);
        size_t used = end == NULL ? len : len + 1;
        rest = lucid_span(rest.data + used, rest.len - used);
    }
    struct ledger_report report;
    struct ledger_trust trust = {.vkey = parts[2]};
    lucid_assert(ledger_proof_verify(parts[0], LEDGER_FORM_JSON, parts[1], &trust, &report) ==
                 LUCID_OK);
    check(&report, LEDGER_PROOF_STEPS);
    lucid_assert(ledger_consistency_verify(parts[1], LEDGER_FORM_JSON, parts[0], parts[3], &trust,
                                           &report) == LUCID_OK);
    check(&report, LEDGER_CONSISTENCY_STEPS);
    return 0;
}
