/* Names of things in documents. */
#include "base/assert.h"
#include "plugins/passport/passport.h"
#include "plugins/passport/status.h"
#include "plugins/passport/verify.h"

const char *passport_source_name(enum passport_source source)
{
    switch (source) {
    case PASSPORT_BOUND:
        return "bound";
    case PASSPORT_REFERENCE:
        return "reference";
    case PASSPORT_DECLARED:
        break;
    }
    return "declared";
}

const char *passport_auditor_status_name(enum passport_auditor_status status)
{
    switch (status) {
    case PASSPORT_ACTIVE:
        return "active";
    case PASSPORT_INACTIVE:
        return "inactive";
    case PASSPORT_FAILED:
        break;
    }
    return "failed";
}

const char *passport_evidence_name(enum passport_evidence evidence)
{
    static const char *const names[] = {
        [PASSPORT_TEE_ATTESTATION] = "teeAttestation",
        [PASSPORT_AUDITOR_CLAIMS] = "auditorClaims",
        [PASSPORT_ROUTING_PROOFS] = "routingProofs",
        [PASSPORT_CONTAINER_INFO] = "containerInfo",
        [PASSPORT_SLSA_PROVENANCE] = "slsaProvenance",
        [PASSPORT_MODEL_FINGERPRINT] = "modelFingerprint",
    };
    lucid_assert((size_t)evidence < PASSPORT_EVIDENCES);
    return names[evidence];
}

const char *status_kind_name(enum status_kind kind)
{
    switch (kind) {
    case STATUS_VALID:
        return "valid";
    case STATUS_EXPIRED:
        return "expired";
    case STATUS_REVOKED:
        return "revoked";
    case STATUS_SUPERSEDED:
        break;
    }
    return "superseded";
}

static const char *const reasons[] = {
    [STATUS_KEY_COMPROMISE] = "keyCompromise",
    [STATUS_TEE_REVOKED] = "teeRevoked",
    [STATUS_TCB_BELOW_POLICY] = "tcbBelowPolicy",
    [STATUS_MEASUREMENT_DENIED] = "measurementDenied",
    [STATUS_AUDITOR_INACTIVE] = "auditorInactive",
    [STATUS_REASON_SUPERSEDED] = "superseded",
    [STATUS_OPERATOR_REQUEST] = "operatorRequest",
};

const char *status_reason_name(enum status_reason reason)
{
    lucid_assert((size_t)reason < STATUS_REASONS);
    return reasons[reason];
}

bool status_reason_find(struct lucid_span name, enum status_reason *ret)
{
    for (size_t i = 0; i < STATUS_REASONS; i++) {
        if (lucid_span_is(name, reasons[i])) {
            *ret = (enum status_reason)i;
            return true;
        }
    }
    return false;
}

const char *verify_check_name(enum verify_check check)
{
    static const char *const names[] = {
        [VERIFY_PARSE] = "parse",
        [VERIFY_SCHEMA] = "schema",
        [VERIFY_ALGORITHM] = "algorithm",
        [VERIFY_KEY] = "key",
        [VERIFY_SIGNATURE] = "signature",
        [VERIFY_TIMES] = "times",
        [VERIFY_ORIGIN] = "origin",
        [VERIFY_EVIDENCE] = "evidence",
        [VERIFY_SUPPLY_CHAIN] = "supply_chain",
        [VERIFY_AUDITORS] = "auditors",
        [VERIFY_STATUS] = "status",
        [VERIFY_LOG] = "log",
    };
    lucid_assert((size_t)check < VERIFY_CHECKS);
    return names[check];
}

const char *verify_outcome_name(enum verify_outcome outcome)
{
    switch (outcome) {
    case VERIFY_SKIPPED:
        return "skipped";
    case VERIFY_PASS:
        return "pass";
    case VERIFY_WARN:
        return "warn";
    case VERIFY_FAIL:
        return "fail";
    case VERIFY_UNKNOWN:
        return "unknown";
    case VERIFY_NOT_APPLICABLE:
        break;
    }
    return "n/a";
}

const char *verify_level_name(enum verify_level level)
{
    switch (level) {
    case VERIFY_LEVEL_NONE:
        return "none";
    case VERIFY_LEVEL_SIGNATURE:
        return "signature";
    case VERIFY_LEVEL_EVIDENCE:
        return "evidence";
    case VERIFY_LEVEL_TRANSPARENT:
        break;
    }
    return "transparent";
}

const char *verify_verdict_name(enum verify_verdict verdict)
{
    switch (verdict) {
    case VERIFY_INVALID:
        return "invalid";
    case VERIFY_VERDICT_UNKNOWN:
        return "unknown";
    case VERIFY_VALID:
        break;
    }
    return "valid";
}
