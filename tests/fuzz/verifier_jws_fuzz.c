/* A token, a key or a mock quote from outside: what is read has one form, nothing that is refused
 * is without a reason, and no quote but the vectors' is signed. */
#include "base/assert.h"
#include "base/base64url.h"
#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/mock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* tests/vectors/attestation/mock/mock-root.pem; its key was destroyed. */
static const char root_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIB+jCCAaGgAwIBAgIUeoM7/rZfXqEkbn58nElKrfoaFFAwCgYIKoZIzj0EAwIw\n"
                               "SjETMBEGA1UECgwKTHVjaWQgdGVzdDEzMDEGA1UEAwwqTHVjaWQgTW9jayBBdHRl\n"
                               "c3RhdGlvbiBSb290IChub3QgaGFyZHdhcmUpMCAXDTI2MTEyMTE5NDMxNVoYDzIx\n"
                               "MjYxMDI4MTk0MzE1WjBKMRMwEQYDVQQKDApMdWNpZCB0ZXN0MTMwMQYDVQQDDCpM\n"
                               "dWNpZCBNb2NrIEF0dGVzdGF0aW9uIFJvb3QgKG5vdCBoYXJkd2FyZSkwWTATBgcq\n"
                               "hkjOPQIBBggqhkjOPQMBBwNCAASxF/+0B42TVde6MHtE7XQbjpqqLlmsJwFA98lO\n"
                               "ab/aRpURAeqR+emCOqK/Ul8YE/iwIawNfgGS/S0x8+GfF6aeo2MwYTAdBgNVHQ4E\n"
                               "FgQUR0DoXJSBt8ef5Q45CXRT8pSEWXQwHwYDVR0jBBgwFoAUR0DoXJSBt8ef5Q45\n"
                               "CXRT8pSEWXQwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZI\n"
                               "zj0EAwIDRwAwRAIgUporpapPDithUP0MU7EhujBAOWv/FAWx8yQBfSVri1oCIFG4\n"
                               "Cybg0dd4IY00YVpDgJ8Pgi3g2478ukYzRqAR63Yp\n"
                               "-----END CERTIFICATE-----\n";

/* The report data that both of the vectors' good quotes have. */
static const uint8_t report_data[] = {0xcd, 0xd7, 0xc6, 0xb6, 0xaf, 0x7b, 0x66, 0xa7};

static void token_check(struct lucid_span text, struct lucid_arena *arena)
{
    struct jose_token token;
    struct lucid_why why = {.code = NULL};
    enum lucid_error e = jose_read(text, JOSE_ES256 | JOSE_ES384 | JOSE_EDDSA, arena, &token, &why);
    if (e != LUCID_OK) {
        lucid_assert(why.text[0] != '\0' && lucid_category(e) == LUCID_CATEGORY_REFUSE);
        return;
    }
    struct lucid_buf again = {0};
    (void)jcs_jws_input_write(token.jws.header_bytes, token.jws.payload, &again);
    jcs_jws_signature_write(token.jws.signature, &again);
    lucid_assert(lucid_span_equal(lucid_buf_span(&again), text));
    lucid_buf_fini(&again);
}

static void key_check(struct lucid_span text, struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = JOSE_KEY_VALUES_MAX};
    const struct jcs_value *root;
    struct jose_key key;
    struct jose_key again;
    struct lucid_buf out = {0};
    if (jcs_parse(text, &limits, arena, &root, NULL) != LUCID_OK ||
        jose_key_read(root, &key, NULL) != LUCID_OK) {
        return;
    }
    jose_key_write(&key, &out);
    lucid_assert(jcs_parse(lucid_buf_span(&out), &limits, arena, &root, NULL) == LUCID_OK);
    lucid_assert(jose_key_read(root, &again, NULL) == LUCID_OK);
    size_t len = jose_coordinate_bytes(key.alg);
    lucid_assert(key.alg == again.alg && memcmp(key.x, again.x, len) == 0 &&
                 memcmp(key.y, again.y, len) == 0);
    lucid_buf_fini(&out);
}

static void quote_check(struct lucid_span bytes, struct lucid_arena *arena)
{
    static const struct policy policy = {.grace_days = 0};
    const struct appraisal_collateral root = {.key = lucid_span_str("mock/root"),
                                              .bytes = lucid_span_str(root_pem)};
    const struct appraisal_input input = {
        .time_s = 1800000000, .policy = &policy, .collateral = &root, .collateral_count = 1};
    const struct appraisal_evidence evidence = {.bytes = bytes};
    struct scheme_job job = {.input = &input, .evidence = &evidence, .arena = arena};
    void (*const steps[])(struct scheme_job *, struct appraisal_result *) = {
        scheme_mock.parse,      scheme_mock.chain, scheme_mock.signature,
        scheme_mock.revocation, scheme_mock.tcb,   scheme_mock.configuration};
    struct lucid_buf out = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct appraisal_result result = {.code = NULL};
        steps[i](&job, &result);
        lucid_assert(result.code != NULL && result.outcome != APPRAISAL_NOT_APPLICABLE);
        if (result.outcome == APPRAISAL_FAIL && i < 3) {
            lucid_assert(i > 0 || job.claims == NULL);
            return;
        }
    }
    lucid_assert(job.bound.len == MOCK_REPORT_DATA_BYTES && job.hardware >= 32);
    lucid_assert(memcmp(job.bound.data, report_data, sizeof(report_data)) == 0);
    scheme_mock.claims_write(&job, &out);
    lucid_assert(lucid_buf_ok(&out));
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, (size_t)4 << 20);
    token_check(lucid_span(data, size), &arena);
    key_check(lucid_span(data, size), &arena);
    quote_check(lucid_span(data, size), &arena);
    lucid_arena_fini(&arena);
    return 0;
}
