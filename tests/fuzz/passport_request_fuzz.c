/* Requests for a passport from anybody: refused with a reason, or read into what is within its
 * limits; and their canonical form is the same request. */
#include "base/assert.h"
#include "plugins/passport/issue.h"
#include "plugins/verifier/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool nobody(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)key;
    (void)message;
    (void)signature;
    (void)context;
    return false;
}

static void limits_check(const struct issue_request *request)
{
    static const struct jose_key key = {.alg = JOSE_EDDSA};
    lucid_assert(request->application.len >= 1);
    lucid_assert(request->appraisal_count >= 1 &&
                 request->appraisal_count <= PASSPORT_APPRAISALS_MAX);
    lucid_assert(request->provenance_count <= SLSA_ENVELOPES_MAX);
    lucid_assert(request->interaction_count <= ISSUE_INTERACTIONS_MAX);
    for (size_t i = 0; i < request->provenance_count; i++) {
        lucid_assert(request->provenance[i].len >= 2 &&
                     request->provenance[i].len <= SLSA_ENVELOPE_BYTES_MAX);
    }
    lucid_assert(!issue_request_signed(request, &key, nobody, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct issue_request request;
    struct issue_request again;
    lucid_arena_init(&arena, (size_t)64 << 20);
    enum lucid_error e = issue_request_read(lucid_span(data, size), &arena, &request, &why);
    if (e == LUCID_OK) {
        limits_check(&request);
        struct lucid_span form = canonical_value(request.root, &arena);
        lucid_assert(form.data != NULL);
        /* Numbers may grow in it, beyond what a request may have. */
        e = issue_request_read(form, &arena, &again, &why);
        lucid_assert(e != LUCID_OK ||
                     memcmp(request.digest, again.digest, sizeof(again.digest)) == 0);
        lucid_assert(e == LUCID_OK || form.len > ISSUE_REQUEST_BYTES || e == LUCID_RETRY_MEMORY);
    } else {
        lucid_assert(e == LUCID_RETRY_MEMORY || why.code != NULL);
    }
    lucid_arena_fini(&arena);
    return 0;
}
