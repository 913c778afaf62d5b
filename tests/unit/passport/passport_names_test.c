/* Names in documents: those of the published schema and of the page on verification, each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/passport/status.h"
#include "plugins/passport/verify.h"

static void test_reasons(void **state)
{
    (void)state;
    enum status_reason found;
    for (unsigned i = 0; i < STATUS_REASONS; i++) {
        const char *name = status_reason_name((enum status_reason)i);
        assert_true(status_reason_find(lucid_span_str(name), &found));
        assert_int_equal(found, i);
    }
    assert_false(status_reason_find(lucid_span_str("keycompromise"), &found));
    assert_false(status_reason_find(lucid_span_str(""), &found));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(passport_evidence_name(PASSPORT_TEE_ATTESTATION), "teeAttestation");
    assert_string_equal(passport_evidence_name(PASSPORT_MODEL_FINGERPRINT), "modelFingerprint");
    assert_string_equal(passport_source_name(PASSPORT_DECLARED), "declared");
    assert_string_equal(passport_auditor_status_name(PASSPORT_INACTIVE), "inactive");
    assert_string_equal(status_kind_name(STATUS_SUPERSEDED), "superseded");
    assert_string_equal(verify_check_name(VERIFY_SUPPLY_CHAIN), "supply_chain");
    assert_string_equal(verify_check_name(VERIFY_LOG), "log");
    assert_string_equal(verify_outcome_name(VERIFY_NOT_APPLICABLE), "n/a");
    assert_string_equal(verify_level_name(VERIFY_LEVEL_TRANSPARENT), "transparent");
    assert_string_equal(verify_verdict_name(VERIFY_VERDICT_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
