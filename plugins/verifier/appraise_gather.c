/* What an appraisal needs beside the request: policy, reference sets, collateral; and what of all
 * that is kept. */
#include <stdio.h>

#include "plugins/verifier/appraise.h"

/* --- policy and references -------------------------------------------------------------------- */

/* What whoever allows mock means by that: the default, and mock. Canonical. */
static const char with_mock[] = "{\"name\":\"built-in, with mock\",\"type\":\"" POLICY_TYPE_NAME
                                "\",\"types\":[\"mock\",\"snp\"]}";

bool appraise_policy_built_in(const uint8_t id[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    const struct lucid_span all[] = {policy_default_bytes(), lucid_span_str(with_mock)};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint8_t own[LUCID_SHA256_BYTES];
        lucid_sha256(all[i], own);
        if (memcmp(own, id, sizeof(own)) == 0) {
            *ret = all[i];
            return true;
        }
    }
    return false;
}

void appraise_policy_default(const struct verifier *verifier, uint8_t ret[LUCID_SHA256_BYTES])
{
    if (verifier->has_default_policy) {
        memcpy(ret, verifier->default_policy, LUCID_SHA256_BYTES);
    } else {
        lucid_sha256(verifier->allow_mock ? lucid_span_str(with_mock) : policy_default_bytes(),
                     ret);
    }
}

/* A logged document. LUCID_NOTE_ABSENT: none of that kind has the id. */
static enum lucid_error document_load(struct ask *ask, enum kind_item item,
                                      const uint8_t id[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    struct kind_row row;
    enum lucid_error error = kind_find(ask->host, ask->view, item, id, &row);
    if (error != LUCID_OK) {
        return error;
    }
    error = ask_blob(ask, id, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error unknown(struct lucid_why *why, const char *code, const char *param,
                                const uint8_t id[LUCID_SHA256_BYTES])
{
    char hex[2 * LUCID_SHA256_BYTES + 1];
    lucid_hex_encode(id, LUCID_SHA256_BYTES, hex);
    hex[2 * LUCID_SHA256_BYTES] = '\0';
    return lucid_refuse(why, LUCID_REFUSE_INVALID, code, param,
                        "sha256:%s is not on this log, or was erased", hex);
}

/* What the log has was checked when it came: if it is not good now, the store is not. */
static enum lucid_error stored(enum lucid_error error)
{
    return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
}

static bool is_gone(enum lucid_error error)
{
    return lucid_category(error) == LUCID_CATEGORY_NOTE;
}

static enum lucid_error references_load(struct ask *ask, struct appraise *appraise,
                                        struct lucid_why *why)
{
    struct appraisal_input *input = &appraise->input;
    for (size_t i = 0; i < appraise->policy.reference_count; i++) {
        const uint8_t *id = appraise->policy.references[i];
        struct lucid_span *bytes = &appraise->reference_bytes[i];
        enum lucid_error error = document_load(ask, KIND_REFERENCE, id, bytes);
        if (is_gone(error)) {
            return unknown(why, "REFERENCE_UNKNOWN", "policyId", id);
        }
        if (error == LUCID_OK) {
            error = stored(reference_parse(*bytes, &ask->arena, &appraise->references[i], why));
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    input->references = appraise->references;
    input->reference_bytes = appraise->reference_bytes;
    input->reference_count = appraise->policy.reference_count;
    return LUCID_OK;
}

enum lucid_error appraise_policy(struct ask *ask, struct appraise *appraise,
                                 const uint8_t id[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    struct appraisal_input *input = &appraise->input;
    enum lucid_error error = LUCID_OK;
    if (!appraise_policy_built_in(id, &input->policy_bytes)) {
        error = document_load(ask, KIND_POLICY, id, &input->policy_bytes);
    }
    if (is_gone(error)) {
        return unknown(why, "POLICY_UNKNOWN", "policyId", id);
    }
    if (error == LUCID_OK) {
        error = stored(policy_parse(input->policy_bytes, &ask->arena, &appraise->policy, why));
    }
    if (error == LUCID_OK) {
        error = references_load(ask, appraise, why);
    }
    if (error == LUCID_OK) {
        input->policy = &appraise->policy;
        uint64_t lifetime = appraise->policy.result_lifetime_s;
        input->lifetime_s =
            lifetime < verifier_of(ask)->result_s ? lifetime : verifier_of(ask)->result_s;
    }
    return error;
}

/* --- collateral ------------------------------------------------------------------------------- */

static bool begins(struct lucid_span text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

/* What the operator configured; it never comes from the log. LUCID_NOTE_ABSENT: this is no anchor,
 * LUCID_NOTE_END: it is one, and none is configured. */
static enum lucid_error anchor_find(const struct verifier *verifier, struct lucid_span key,
                                    struct lucid_span *ret)
{
    bool mock = lucid_span_is(key, "mock/root");
    bool test = begins(key, "snp/test-root/");
    if (!mock && !test) {
        return LUCID_NOTE_ABSENT;
    }
    *ret = mock ? verifier->mock_roots : verifier->test_roots;
    return ret->len > 0 ? LUCID_OK : LUCID_NOTE_END;
}

static enum lucid_error item_find(struct ask *ask, struct lucid_span key,
                                  struct appraisal_collateral *ret)
{
    struct kind_import import;
    ret->key = key;
    ret->imported_s = 0;
    enum lucid_error error = anchor_find(verifier_of(ask), key, &ret->bytes);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    error = kind_collateral(ask->host, ask->view, key, &import);
    if (error == LUCID_OK) {
        ret->imported_s = import.imported_s;
        error = ask_blob(ask, import.sha256, &ret->bytes);
    }
    return error;
}

/* Adds the item of a key, unless it is there or there is none. */
static enum lucid_error item_add(struct ask *ask, struct appraise *appraise, const char *key,
                                 struct lucid_why *why)
{
    struct appraisal_input *input = &appraise->input;
    struct lucid_plugin_bytes kept;
    for (size_t i = 0; i < input->collateral_count; i++) {
        if (lucid_span_is(appraise->collateral[i].key, key)) {
            return LUCID_OK;
        }
    }
    if (input->collateral_count == APPRAISAL_COLLATERAL_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_EVIDENCE", "evidences",
                            "these evidences need too much collateral at once");
    }
    enum lucid_error error = ask_keep(ask, lucid_span_str(key), &kept);
    if (error == LUCID_OK) {
        error = item_find(ask, kit_span(kept), &appraise->collateral[input->collateral_count]);
    }
    if (error == LUCID_OK) {
        input->collateral_count++;
    }
    return is_gone(error) ? LUCID_OK : error;
}

enum lucid_error appraise_collateral(struct ask *ask, struct appraise *appraise,
                                     struct lucid_why *why)
{
    struct appraisal_input *input = &appraise->input;
    input->collateral = appraise->collateral;
    for (size_t i = 0; i < input->evidence_count; i++) {
        struct appraisal_evidence *evidence = &input->evidences[i];
        const struct scheme *scheme = scheme_find(evidence->type);
        struct appraisal_result parsed = {.outcome = APPRAISAL_FAIL};
        struct scheme_job job = {.input = input, .evidence = evidence, .arena = &ask->arena};
        char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
        if (scheme == NULL || evidence->bytes.len > scheme->evidence_bytes_max) {
            continue; /* the appraisal says so */
        }
        scheme->parse(&job, &parsed);
        if (job.no_memory) {
            return LUCID_RETRY_MEMORY;
        }
        size_t count = parsed.outcome == APPRAISAL_PASS && scheme->needs != NULL
                           ? scheme->needs(&job, needs)
                           : 0;
        for (size_t j = 0; j < count; j++) {
            enum lucid_error error = item_add(ask, appraise, needs[j], why);
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    return LUCID_OK;
}

/* --- what is kept ----------------------------------------------------------------------------- */

struct blobs {
    struct lucid_plugin_bytes *items;
    size_t count;
    bool too_many;
};

static void blob_add(struct blobs *blobs, struct lucid_span bytes)
{
    if (bytes.len == 0) {
        return;
    }
    for (size_t i = 0; i < blobs->count; i++) {
        if (lucid_span_equal(kit_span(blobs->items[i]), bytes)) {
            return;
        }
    }
    if (blobs->count == APPRAISE_BLOBS_MAX) {
        blobs->too_many = true;
        return;
    }
    blobs->items[blobs->count++] = kit_bytes(bytes);
}

enum lucid_error appraise_blobs(struct ask *ask, const struct appraise *appraise,
                                struct lucid_plugin_bytes **ret, size_t *ret_count,
                                struct lucid_why *why)
{
    const struct appraisal_input *input = &appraise->input;
    struct blobs blobs = {
        .items = ask->host->call_alloc(ask->call, APPRAISE_BLOBS_MAX * sizeof(*blobs.items))};
    if (blobs.items == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < input->evidence_count; i++) {
        const struct appraisal_evidence *evidence = &input->evidences[i];
        blob_add(&blobs, evidence->bytes);
        blob_add(&blobs, evidence->event_log);
        for (size_t j = 0; j < evidence->endorsement_count; j++) {
            blob_add(&blobs, evidence->endorsements[j]);
        }
    }
    blob_add(&blobs, input->runtime_data);
    blob_add(&blobs, input->policy_bytes);
    for (size_t i = 0; i < input->reference_count; i++) {
        blob_add(&blobs, input->reference_bytes[i]);
    }
    for (size_t i = 0; i < input->collateral_count; i++) {
        blob_add(&blobs, input->collateral[i].bytes);
    }
    if (blobs.too_many) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "TOO_MANY_BLOBS", "evidences",
                            "these evidences have more than %d different parts",
                            APPRAISE_BLOBS_MAX);
    }
    *ret = blobs.items;
    *ret_count = blobs.count;
    return LUCID_OK;
}
