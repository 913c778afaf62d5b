/* SEV-SNP evidence as an agent's JSON: what is read is a report's length, and its parser and the
 * certificates' take what came out of it. */
#include "base/assert.h"
#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/schemes/snp_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct snp_json json;
    lucid_arena_init(&arena, (size_t)4 << 20);
    enum lucid_error e = snp_json_read(lucid_span(data, size), &arena, &json, &why);
    if (e == LUCID_OK) {
        struct snp_report report;
        struct x509_certs certs = {.count = 0};
        const char *field = NULL;
        lucid_assert(json.report.len == SNP_REPORT_BYTES);
        const char *code = snp_report_read(json.report, &report, &field);
        lucid_assert(code == NULL || field != NULL);
        (void)x509_certs_read(json.leaf, &certs);
        x509_certs_fini(&certs);
    } else {
        lucid_assert(e == LUCID_RETRY_MEMORY || why.code != NULL);
    }
    lucid_arena_fini(&arena);
    return 0;
}
