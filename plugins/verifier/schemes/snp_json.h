/* Evidence of SEV-SNP as Confidential Containers' attestation agent gives it (/aa/evidence):
 * {"attestation_report": {…}, "cert_chain": [{"cert_type", "data"}…] or null}, what its attester
 * serialises with the crate `sev` 6.x and 7.x.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_JSON_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_JSON_H

#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/schemes/snp_report.h"

#define SNP_JSON_BYTES_MAX ((size_t)48 * 1024)

struct snp_json {
    struct lucid_span report; /* SNP_REPORT_BYTES, as the firmware gave it */
    struct lucid_span leaf;   /* VCEK or VLEK, DER; len 0: none */
};

/* *ret points into the arena. INVALID_JSON, or INVALID_EVIDENCE with the member in why->param.
 * LUCID_RETRY_MEMORY. */
enum lucid_error snp_json_read(struct lucid_span text, struct lucid_arena *arena,
                               struct snp_json *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
