#include "plugins/verifier/freshness.h"

#include <openssl/sha.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/crypto/jose.h"

#define RUNTIME_DEPTH_MAX  6
#define RUNTIME_VALUES_MAX 512
#define REGISTRY_BYTES_MAX 255
#define ID_BYTES_MAX       128

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RUNTIME_DATA", param, "%s", text);
}

/* An object whose members all are in names. */
static enum lucid_error object_check(const struct jcs_value *value, const char *const *names,
                                     const char *param, struct lucid_why *why)
{
    if (value == NULL || jcs_type(value) != JCS_OBJECT) {
        return refuse(why, param, "it is to be an object");
    }
    for (const struct jcs_value *at = jcs_next(value, NULL); at != NULL; at = jcs_next(value, at)) {
        size_t i = 0;
        while (names[i] != NULL && !lucid_span_is(jcs_name(at), names[i])) {
            i++;
        }
        if (names[i] == NULL) {
            return refuse(why, param, "it has a member that is not known");
        }
    }
    return LUCID_OK;
}

/* 1 … max bytes without control characters. */
static bool is_text(struct lucid_span text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len >= 1 && text.len <= max;
}

bool freshness_audience_ok(struct lucid_span text)
{
    return is_text(text, FRESHNESS_AUDIENCE_BYTES_MAX);
}

/* {NULL, 0}: it is no such string. */
static struct lucid_span text_get(const struct jcs_value *value, size_t max)
{
    struct lucid_span none = {NULL, 0};
    return value != NULL && jcs_type(value) == JCS_STRING && is_text(jcs_string(value), max)
               ? jcs_string(value)
               : none;
}

static bool is_digest(const struct jcs_value *value)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    return canonical_digest_read(text_get(value, 7 + 2 * sizeof(digest)), digest);
}

static enum lucid_error container_check(const struct jcs_value *container, struct lucid_why *why)
{
    static const char *const names[] = {"digest", "registry", NULL};
    const struct jcs_value *registry = jcs_member(container, "registry");
    enum lucid_error e = object_check(container, names, "runtimeData.workload.container", why);
    if (e == LUCID_OK && !is_digest(jcs_member(container, "digest"))) {
        e = refuse(why, "runtimeData.workload.container.digest",
                   "it is to be sha256: and 64 hex digits");
    }
    if (e == LUCID_OK && registry != NULL && text_get(registry, REGISTRY_BYTES_MAX).len == 0) {
        e = refuse(why, "runtimeData.workload.container.registry",
                   "it is to be text of 1 to 255 bytes");
    }
    return e;
}

static enum lucid_error auditors_check(const struct jcs_value *auditors, struct lucid_why *why)
{
    static const char *const names[] = {"id", "digest", NULL};
    if (jcs_type(auditors) != JCS_ARRAY || jcs_count(auditors) > FRESHNESS_AUDITORS_MAX) {
        return refuse(why, "runtimeData.workload.auditors", "it is to be a list of at most 64");
    }
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(auditors, at)) != NULL) {
        enum lucid_error e = object_check(at, names, "runtimeData.workload.auditors", why);
        if (e != LUCID_OK) {
            return e;
        }
        if (text_get(jcs_member(at, "id"), ID_BYTES_MAX).len == 0 ||
            !is_digest(jcs_member(at, "digest"))) {
            return refuse(why, "runtimeData.workload.auditors",
                          "each is to have an id and a digest (sha256: and 64 hex digits)");
        }
    }
    return LUCID_OK;
}

static enum lucid_error workload_check(const struct jcs_value *workload, struct lucid_why *why)
{
    static const char *const names[] = {"container", "auditors", NULL};
    const struct jcs_value *container = jcs_member(workload, "container");
    const struct jcs_value *auditors = jcs_member(workload, "auditors");
    enum lucid_error e = object_check(workload, names, "runtimeData.workload", why);
    if (e == LUCID_OK && container != NULL) {
        e = container_check(container, why);
    }
    if (e == LUCID_OK && auditors != NULL) {
        e = auditors_check(auditors, why);
    }
    return e;
}

/* The key as SubjectPublicKeyInfo (RFC 8410, RFC 5480): a fixed prefix for each curve. */
static size_t spki_write(const struct jose_key *key, uint8_t ret[FRESHNESS_SPKI_BYTES_MAX])
{
    static const uint8_t ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    static const uint8_t p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    static const uint8_t p384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                   0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                   0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
    const uint8_t *prefix = key->alg == JOSE_EDDSA ? ed25519 : key->alg == JOSE_ES256 ? p256 : p384;
    size_t prefix_len = key->alg == JOSE_EDDSA   ? sizeof(ed25519)
                        : key->alg == JOSE_ES256 ? sizeof(p256)
                                                 : sizeof(p384);
    size_t len = jose_coordinate_bytes(key->alg);
    memcpy(ret, prefix, prefix_len);
    memcpy(ret + prefix_len, key->x, len);
    if (key->alg == JOSE_EDDSA) {
        return prefix_len + len;
    }
    memcpy(ret + prefix_len + len, key->y, len);
    return prefix_len + 2 * len;
}

static enum lucid_error key_read(const struct jcs_value *jwk, struct freshness_runtime *ret,
                                 struct lucid_why *why)
{
    struct jose_key key;
    struct lucid_why inner = {.code = NULL};
    if (jwk == NULL || jcs_type(jwk) != JCS_OBJECT) {
        return refuse(why, "runtimeData.publicKey", "it is to be a JWK");
    }
    enum lucid_error e = jose_key_read(jwk, &key, &inner);
    if (lucid_category(e) == LUCID_CATEGORY_REFUSE) {
        return lucid_refuse(why, e, "INVALID_RUNTIME_DATA", "runtimeData.publicKey", "%s",
                            inner.text);
    }
    if (e == LUCID_OK) {
        ret->spki_len = spki_write(&key, ret->spki);
        ret->public_key = jwk;
    }
    return e;
}

static enum lucid_error members_read(const struct jcs_value *root, struct freshness_runtime *ret,
                                     struct lucid_why *why)
{
    static const char *const names[] = {"nonce", "publicKey", "audience", "workload", NULL};
    enum lucid_error e = object_check(root, names, "runtimeData", why);
    if (e != LUCID_OK) {
        return e;
    }
    size_t len = 0;
    ret->root = root;
    struct lucid_span nonce = text_get(jcs_member(root, "nonce"), 64);
    if (nonce.len == 0 || !lucid_base64url_read(nonce, ret->nonce, sizeof(ret->nonce), &len) ||
        len != sizeof(ret->nonce)) {
        return refuse(why, "runtimeData.nonce", "it is to be 32 bytes in base64url");
    }
    ret->audience = text_get(jcs_member(root, "audience"), FRESHNESS_AUDIENCE_BYTES_MAX);
    if (ret->audience.len == 0) {
        return refuse(why, "runtimeData.audience", "it is to be text of 1 to 255 bytes");
    }
    e = key_read(jcs_member(root, "publicKey"), ret, why);
    ret->workload = jcs_member(root, "workload");
    if (e == LUCID_OK && ret->workload != NULL) {
        e = workload_check(ret->workload, why);
    }
    return e;
}

enum lucid_error freshness_read(struct lucid_span text, struct lucid_arena *arena,
                                struct freshness_runtime *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = RUNTIME_DEPTH_MAX,
                                             .values_max = RUNTIME_VALUES_MAX};
    struct freshness_runtime runtime = {0};
    struct lucid_why inner = {.code = NULL};
    const struct jcs_value *root;
    if (text.len > APPRAISAL_RUNTIME_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_RUNTIME_DATA", "runtimeData",
                            "it is longer than %zu bytes", APPRAISAL_RUNTIME_BYTES_MAX);
    }
    enum lucid_error e = jcs_parse(text, &limits, arena, &root, &inner);
    if (lucid_category(e) == LUCID_CATEGORY_REFUSE) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RUNTIME_DATA", "runtimeData", "%s",
                            inner.text);
    }
    if (e == LUCID_OK) {
        e = members_read(root, &runtime, why);
    }
    if (e == LUCID_OK) {
        lucid_sha256(text, runtime.sha256);
        SHA384(text.data, text.len, runtime.sha384);
        SHA512(text.data, text.len, runtime.sha512);
        *ret = runtime;
    }
    return e;
}

/* What the evidence's field is to hold: the hash, left-aligned, zeros behind it. */
static void expect(const struct scheme *scheme, const struct freshness_runtime *runtime,
                   uint8_t ret[APPRAISAL_BOUND_BYTES_MAX])
{
    memset(ret, 0, APPRAISAL_BOUND_BYTES_MAX);
    switch (scheme->binding) {
    case SCHEME_BINDS_SHA256:
        memcpy(ret, runtime->sha256, sizeof(runtime->sha256));
        return;
    case SCHEME_BINDS_SHA384:
        memcpy(ret, runtime->sha384, sizeof(runtime->sha384));
        return;
    case SCHEME_BINDS_SHA512:
        memcpy(ret, runtime->sha512, sizeof(runtime->sha512));
        return;
    }
    lucid_assert(false);
}

/* The challenge alone: the same for every evidence. False: *ret says why not. */
static bool challenge_check(const struct appraisal_input *input,
                            const struct freshness_runtime *runtime, struct appraisal_result *ret)
{
    const struct appraisal_challenge *challenge = &input->challenge;
    uint64_t now_s = input->received_s != 0 ? input->received_s : input->time_s;
    if (!lucid_secret_equal(runtime->nonce, challenge->nonce, sizeof(challenge->nonce))) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.nonce", NULL);
    } else if (!lucid_span_equal(runtime->audience, challenge->audience)) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.audience", NULL);
    } else if (now_s < challenge->issued_s && challenge->issued_s - now_s > FRESHNESS_SKEW_S) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.early", "issued %llu, now %llu",
                   (unsigned long long)challenge->issued_s, (unsigned long long)now_s);
    } else if (now_s > challenge->expires_s && now_s - challenge->expires_s > FRESHNESS_SKEW_S) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.expired", "expired %llu, now %llu",
                   (unsigned long long)challenge->expires_s, (unsigned long long)now_s);
    } else {
        return true;
    }
    return false;
}

void freshness_check(const struct scheme_job *job, const struct scheme *scheme,
                     const struct freshness_runtime *runtime, struct appraisal_result *ret,
                     bool *ret_bound)
{
    const struct appraisal_input *input = job->input;
    uint8_t expected[APPRAISAL_BOUND_BYTES_MAX];
    lucid_assert(job->bound.len == scheme->bound_bytes);
    expect(scheme, runtime, expected);
    *ret_bound = lucid_secret_equal(expected, job->bound.data, job->bound.len);
    if (!challenge_check(input, runtime, ret)) {
        return;
    }
    if (*ret_bound) {
        scheme_say(ret, APPRAISAL_PASS, "freshness.bound", NULL);
        return;
    }
    if (input->has_test_bound_data) {
        memset(expected, 0, sizeof(expected));
        memcpy(expected, input->test_bound_data, input->test_bound_len);
        bool equal = input->test_bound_len <= job->bound.len &&
                     lucid_secret_equal(expected, job->bound.data, job->bound.len);
        scheme_say(ret, equal ? APPRAISAL_PASS : APPRAISAL_FAIL,
                   equal ? "freshness.test_bound_data" : "freshness.binding", NULL);
        return;
    }
    scheme_say(ret, APPRAISAL_FAIL, "freshness.binding", NULL);
}
