/* An appraisal done again from what the log, or a bundle, holds. */
#include <stdio.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "base/jcs/jws.h"
#include "plugins/verifier/bundle_internal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules.h"

#define BUNDLE_DEPTH_MAX  24
#define BUNDLE_VALUES_MAX 65536

const char *replay_outcome_name(enum replay_outcome outcome)
{
    switch (outcome) {
    case REPLAY_SAME:
        return "same";
    case REPLAY_DIFFERS_CLAIMS:
        return "claims";
    case REPLAY_DIFFERS_RULES:
        return "rules";
    case REPLAY_DIFFERS_TOKEN:
        return "token";
    case REPLAY_UNKNOWN_KEY:
        break;
    }
    return "unknown-key";
}

/* --- the token -------------------------------------------------------------------------------- */

/* Keys that may have signed. */
struct candidates {
    const uint8_t (*keys)[DOCUMENT_KEY_BYTES];
    size_t count;
};

/* RFC 7638: what a token's kid is. */
static bool kid_is(const struct jcs_value *kid, const uint8_t key[DOCUMENT_KEY_BYTES])
{
    struct jose_key jwk = {.alg = JOSE_EDDSA};
    struct lucid_buf text = {0};
    uint8_t hash[LUCID_SHA256_BYTES] = {0};
    memcpy(jwk.x, key, DOCUMENT_KEY_BYTES);
    bool made = jose_key_thumbprint(&jwk, hash);
    lucid_base64url_write(&text, lucid_span(hash, sizeof(hash)));
    bool same = made && lucid_buf_ok(&text) && kid != NULL && jcs_type(kid) == JCS_STRING &&
                lucid_span_equal(jcs_string(kid), lucid_buf_span(&text));
    lucid_buf_fini(&text);
    return same;
}

enum signer {
    SIGNER_NONE,    /* none of those that are known, and it does not claim to be one */
    SIGNER_FALSE,   /* the token names a key that is known, and is not signed by it */
    SIGNER_KNOWN,   /* a key that the bundle brought */
    SIGNER_TRUSTED, /* one that is believed */
};

static bool signed_by(const struct jcs_jws *token, const struct replay_trust *trust,
                      const struct candidates *candidates, bool *ret_named, uint8_t *ret_key)
{
    const struct jcs_value *kid = jcs_member(token->header, "kid");
    for (size_t i = 0; i < candidates->count; i++) {
        if (trust->verify(candidates->keys[i], token->input, token->signature.data,
                          trust->context)) {
            memcpy(ret_key, candidates->keys[i], DOCUMENT_KEY_BYTES);
            return true;
        }
        *ret_named = *ret_named || kid_is(kid, candidates->keys[i]);
    }
    return false;
}

static enum signer signer_find(const struct jcs_jws *token, const struct replay_trust *trust,
                               const struct candidates *bundle, struct replay *ret)
{
    const struct candidates trusted = {trust->keys, trust->key_count};
    bool named = false;
    lucid_assert(trust->key_count <= RECORD_KEYS_MAX && trust->verify != NULL);
    if (token->signature.len != 64 ||
        (!lucid_span_is(token->alg, "EdDSA") && !lucid_span_is(token->alg, "Ed25519"))) {
        return SIGNER_FALSE;
    }
    ret->has_key = true;
    if (signed_by(token, trust, &trusted, &named, ret->key)) {
        return SIGNER_TRUSTED;
    }
    if (signed_by(token, trust, bundle, &named, ret->key)) {
        return SIGNER_KNOWN;
    }
    ret->has_key = false;
    return named ? SIGNER_FALSE : SIGNER_NONE;
}

/* Takes the token apart. A malformed one is no refusal: it is what the replay finds. */
static enum lucid_error token_check(struct lucid_span ear, const struct replay_trust *trust,
                                    const struct candidates *bundle, struct lucid_arena *arena,
                                    struct replay *ret, enum signer *ret_signer)
{
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = 64};
    struct jcs_jws token;
    enum lucid_error e = jcs_jws_read(ear, EAR_TOKEN_BYTES_MAX, &limits, arena, &token, NULL);
    *ret_signer = SIGNER_FALSE;
    if (e == LUCID_OK) {
        ret->recorded = token.payload;
        *ret_signer = signer_find(&token, trust, bundle, ret);
    }
    return lucid_category(e) == LUCID_CATEGORY_REFUSE ? LUCID_OK : e;
}

/* --- the appraisal ---------------------------------------------------------------------------- */

static bool hash_is(struct lucid_span bytes, const uint8_t digest[LUCID_SHA256_BYTES])
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(bytes, hash);
    return memcmp(hash, digest, sizeof(hash)) == 0;
}

/* What any record says of its result. */
struct recorded {
    uint64_t rules_version;
    const uint8_t *claims;            /* digest */
    const uint8_t *ear;               /* digest */
    const struct rules_record *rules; /* NULL: of evidence, not of claims */
};

static enum replay_outcome outcome_find(const struct replay *replay, const struct recorded *record,
                                        struct lucid_span ear, enum signer signer)
{
    if (record->rules_version != APPRAISAL_RULES_VERSION) {
        return REPLAY_DIFFERS_RULES;
    }
    if (replay->claims.len == 0 || !hash_is(replay->claims, record->claims)) {
        return REPLAY_DIFFERS_CLAIMS;
    }
    if (!hash_is(ear, record->ear) || !lucid_span_equal(replay->recorded, replay->claims)) {
        return REPLAY_DIFFERS_TOKEN;
    }
    /* The claims are the same; what the record says beside them has to be, too. */
    if (!lucid_span_equal(replay->remade, replay->record)) {
        return REPLAY_DIFFERS_CLAIMS;
    }
    switch (signer) {
    case SIGNER_TRUSTED:
        return REPLAY_SAME;
    case SIGNER_KNOWN:
    case SIGNER_NONE:
        return REPLAY_UNKNOWN_KEY;
    case SIGNER_FALSE:
        break;
    }
    return REPLAY_DIFFERS_TOKEN;
}

/* A record that would be too long was never written: it is another one, and that is all to say. */
static enum lucid_error remade(enum lucid_error error)
{
    return error == LUCID_REFUSE_TOO_LARGE ? LUCID_OK : error;
}

static enum lucid_error evidence_appraise(struct lucid_span ear, const struct record_getter *getter,
                                          struct replay *ret)
{
    /* The appraisal points to its input. */
    struct appraisal_input *input = lucid_arena_zalloc(getter->arena, sizeof(*input));
    if (input == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e =
        record_input(ret->record, getter->blob, getter->context, getter->arena, input, getter->why);
    if (e == LUCID_OK) {
        e = appraisal_run(input, getter->arena, &ret->appraisal, getter->why);
    }
    if (e == LUCID_OK && ret->appraisal.appraised) {
        ret->claims = ret->appraisal.claims;
        e = remade(record_write(input, &ret->appraisal, ear, getter->arena, &ret->remade));
    }
    return e;
}

static enum lucid_error claims_appraise(struct lucid_span ear, const struct rules_record *record,
                                        const struct record_getter *getter,
                                        const struct replay_trust *trust, struct replay *ret)
{
    struct rules_input *input = lucid_arena_zalloc(getter->arena, sizeof(*input));
    struct rules_appraisal *made = lucid_arena_zalloc(getter->arena, sizeof(*made));
    if (input == NULL || made == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = rules_record_input(record, getter, input);
    if (e == LUCID_OK) {
        input->verify = trust->verify;
        input->context = trust->context;
        e = rules_appraise(input, getter->arena, made, getter->why);
    }
    if (e == LUCID_OK) {
        ret->appraisal.appraised = made->appraised;
        ret->appraisal.status = made->status;
        ret->appraisal.is_mock = made->has_hardware && made->hardware.is_mock;
        ret->rules = made;
    }
    if (e == LUCID_OK && made->appraised) {
        ret->claims = made->result;
        e = remade(rules_record_write(input, made, ear, getter->arena, &ret->remade, getter->why));
    }
    return e;
}

/* Makes the input again and appraises. What other rules took and ours refuse (a policy with members
 * that are not known here) is a difference of rules, and no refusal; a blob that is missing is. */
static enum lucid_error appraise(struct lucid_span ear, const struct recorded *recorded,
                                 record_blob_fn *blob, void *context,
                                 const struct replay_trust *trust, struct lucid_arena *arena,
                                 struct replay *ret, struct lucid_why *why)
{
    struct lucid_why inner = {.code = NULL};
    const struct record_getter getter = {blob, context, arena, &inner};
    enum lucid_error e = recorded->rules != NULL
                             ? claims_appraise(ear, recorded->rules, &getter, trust, ret)
                             : evidence_appraise(ear, &getter, ret);
    if (lucid_category(e) == LUCID_CATEGORY_REFUSE) {
        bool complete = inner.code == NULL || strcmp(inner.code, "INCOMPLETE_BUNDLE") != 0;
        if (complete && ret->rules_version != APPRAISAL_RULES_VERSION) {
            return LUCID_OK;
        }
        if (inner.code != NULL && strcmp(inner.code, "INVALID_REQUEST") == 0) {
            /* What a request would be refused for, this record says of itself. */
            inner.code = "INVALID_RECORD";
            (void)snprintf(inner.param, sizeof(inner.param), "hardware");
        }
        if (why != NULL) {
            *why = inner;
        }
    }
    return e;
}

/* A token in the older spelling holds the same claims: they are compared in the one form. */
static enum lucid_error recorded_respell(struct lucid_arena *arena, struct replay *replay)
{
    struct lucid_span older = {0};
    if (replay->claims.len == 0 || lucid_span_equal(replay->recorded, replay->claims)) {
        return LUCID_OK;
    }
    enum lucid_error e = ear_respell(replay->claims, EAR_VERAISON, arena, &older, NULL);
    if (e == LUCID_OK && lucid_span_equal(older, replay->recorded)) {
        replay->recorded = replay->claims;
    }
    return lucid_category(e) == LUCID_CATEGORY_REFUSE ? LUCID_OK : e;
}

/* Reads the record, of whichever sort it is. */
static enum lucid_error recorded_read(struct lucid_span text, struct lucid_arena *arena,
                                      struct recorded *ret, struct replay *replay,
                                      struct lucid_why *why)
{
    const struct record *record = NULL;
    const struct rules_record *rules = NULL;
    const bool is_rules = rules_record_is(text, arena);
    enum lucid_error e = is_rules ? rules_record_read(text, arena, &rules, why)
                                  : record_read(text, arena, &record, why);
    if (e != LUCID_OK) {
        return e;
    }
    if (is_rules) {
        *ret = (struct recorded){rules->rules_version, rules->result, rules->ear, rules};
    } else {
        *ret = (struct recorded){record->rules_version, record->claims, record->ear, NULL};
    }
    replay->rules_version = ret->rules_version;
    replay->test = is_rules ? rules->input.test : record->test;
    replay->record = canonical_value(is_rules ? rules->root : record->root, arena);
    return replay->record.data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
}

static enum lucid_error run(struct lucid_span text, struct lucid_span ear, record_blob_fn *blob,
                            void *context, const struct replay_trust *trust,
                            const struct candidates *bundle, struct lucid_arena *arena,
                            struct replay *ret, struct lucid_why *why)
{
    struct recorded recorded;
    struct replay *replay = lucid_arena_zalloc(arena, sizeof(*replay));
    enum signer signer = SIGNER_FALSE;
    if (replay == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = recorded_read(text, arena, &recorded, replay, why);
    if (e == LUCID_OK) {
        lucid_sha256(replay->record, replay->record_id);
        e = token_check(ear, trust, bundle, arena, replay, &signer);
    }
    if (e == LUCID_OK) {
        e = appraise(ear, &recorded, blob, context, trust, arena, replay, why);
    }
    if (e == LUCID_OK) {
        e = recorded_respell(arena, replay);
    }
    if (e == LUCID_OK) {
        replay->outcome = outcome_find(replay, &recorded, ear, signer);
        *ret = *replay;
    }
    return e;
}

enum lucid_error replay_record(struct lucid_span record, struct lucid_span ear,
                               record_blob_fn *blob, void *context,
                               const struct replay_trust *trust, struct lucid_arena *arena,
                               struct replay *ret, struct lucid_why *why)
{
    const struct candidates none = {NULL, 0};
    return run(record, ear, blob, context, trust, &none, arena, ret, why);
}

enum lucid_error replay_bundle_value(const struct jcs_value *root, const struct replay_trust *trust,
                                     struct lucid_arena *arena, struct replay *ret,
                                     struct lucid_why *why)
{
    struct bundle *bundle = lucid_arena_zalloc(arena, sizeof(*bundle));
    if (bundle == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = bundle_read(root, arena, bundle, why);
    if (e != LUCID_OK) {
        return e;
    }
    const struct candidates keys = {bundle->keys, bundle->key_count};
    e = run(bundle->record, bundle->ear, bundle_blob, bundle, trust, &keys, arena, ret, why);
    if (e == LUCID_OK) {
        ret->proof = bundle->proof;
    }
    return e;
}

enum lucid_error replay_bundle(struct lucid_span text, const struct replay_trust *trust,
                               struct lucid_arena *arena, struct replay *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = BUNDLE_DEPTH_MAX,
                                             .values_max = BUNDLE_VALUES_MAX};
    const struct jcs_value *root;
    if (text.len > BUNDLE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_BUNDLE", NULL,
                            "the bundle is longer than %zu bytes", BUNDLE_BYTES_MAX);
    }
    enum lucid_error e = jcs_parse(text, &limits, arena, &root, why);
    return e == LUCID_OK ? replay_bundle_value(root, trust, arena, ret, why) : e;
}
