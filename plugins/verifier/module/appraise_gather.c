/* What an appraisal needs beside the request: policy, reference sets, collateral; and what of all
 * that is kept. */
#include <stdio.h>

#include "plugins/verifier/bundle.h"
#include "plugins/verifier/gather.h"
#include "plugins/verifier/module/appraise.h"
#include "plugins/verifier/schemes/mock.h"

/* --- policy and references -------------------------------------------------------------------- */

void appraise_policy_default(const struct verifier *verifier, uint8_t ret[LUCID_SHA256_BYTES])
{
    if (verifier->has_default_policy) {
        memcpy(ret, verifier->default_policy, LUCID_SHA256_BYTES);
    } else {
        policy_built_in_id(verifier->allow_mock, ret);
    }
}

/* A logged document. LUCID_NOTE_ABSENT: none of that kind has the id. It was good by the rules of
 * when it came; what today's refuse of it its reader says, as to who puts it. */
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
            error = reference_parse(*bytes, &ask->arena, &appraise->references[i], why);
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
    if (!policy_built_in(id, &input->policy_bytes)) {
        error = document_load(ask, KIND_POLICY, id, &input->policy_bytes);
    }
    if (is_gone(error)) {
        return unknown(why, "POLICY_UNKNOWN", "policyId", id);
    }
    if (error == LUCID_OK) {
        error = policy_parse(input->policy_bytes, &ask->arena, &appraise->policy, why);
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
    bool mock = lucid_span_is(key, MOCK_ROOT_KEY);
    bool test = begins(key, "snp/test-root/");
    if (!mock && !test) {
        return LUCID_NOTE_ABSENT;
    }
    *ret = mock ? verifier->mock_roots : verifier->test_roots;
    return ret->len > 0 ? LUCID_OK : LUCID_NOTE_END;
}

static enum lucid_error import_find(struct ask *ask, struct lucid_span key,
                                    struct appraisal_collateral *ret)
{
    struct kind_import import;
    enum lucid_error error = kind_collateral(ask->host, ask->view, key, &import);
    if (error == LUCID_OK) {
        ret->imported_s = import.imported_s;
        error = ask_blob(ask, import.sha256, &ret->bytes);
    }
    return error;
}

/* Whether what was brought goes before what is there, which may be nothing (len 0): a certificate
 * does, a list only if it is newer, so that the same list keeps the day of its import. */
static enum lucid_error goes_before(const struct appraise_brought *brought, struct lucid_span there,
                                    bool *ret)
{
    *ret = true;
    if (there.len == 0 || !brought->item.ordered) {
        return LUCID_OK;
    }
    enum lucid_error error = collateral_replaces(&brought->item, there, brought->bytes, NULL);
    *ret = lucid_category(error) == LUCID_CATEGORY_REFUSE; /* older than what was brought */
    return *ret ? LUCID_OK : error;
}

/* Puts what was brought under a key in its place. It is as old as its maker says: nobody saw it
 * before. */
static enum lucid_error brought_take(const struct appraise *appraise, struct lucid_span key,
                                     struct appraisal_collateral *ret)
{
    for (size_t i = 0; i < appraise->brought_count; i++) {
        const struct appraise_brought *brought = &appraise->brought[i];
        if (!lucid_span_is(key, brought->item.key)) {
            continue;
        }
        bool newer;
        enum lucid_error error = goes_before(brought, ret->bytes, &newer);
        if (error != LUCID_OK) {
            return error;
        }
        if (newer) {
            ret->bytes = brought->bytes;
            ret->imported_s = brought->item.valid_from_s;
        }
    }
    return ret->bytes.len > 0 ? LUCID_OK : LUCID_NOTE_ABSENT;
}

static enum lucid_error item_find(void *context, struct lucid_span key,
                                  struct appraisal_collateral *ret)
{
    struct ask *ask = context;
    enum lucid_error error = anchor_find(verifier_of(ask), key, &ret->bytes);
    if (error == LUCID_NOTE_ABSENT) {
        error = import_find(ask, key, ret);
        if (error == LUCID_OK || lucid_category(error) == LUCID_CATEGORY_NOTE) {
            error = brought_take(ask->context, key, ret);
        }
    }
    return error;
}

/* The product that evidence names, for lists that do not name theirs; len 0: it names none. */
static enum lucid_error product_of(struct ask *ask, const struct appraisal_input *input, size_t i,
                                   struct lucid_span *ret)
{
    struct appraisal_result parsed = {.outcome = APPRAISAL_FAIL};
    struct scheme_job job = {
        .input = input, .evidence = &input->evidences[i], .arena = &ask->arena, .product = ""};
    if (job.evidence->bytes.len <= scheme_snp.evidence_bytes_max) {
        scheme_snp.parse(&job, &parsed);
    }
    *ret = lucid_span_str(parsed.outcome == APPRAISAL_PASS ? job.product : "");
    return job.no_memory ? LUCID_RETRY_MEMORY : LUCID_OK;
}

/* Looks at what was brought as if it were imported. */
static enum lucid_error brought_check(struct ask *ask, struct appraise *appraise,
                                      struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; i < appraise->brought_count && error == LUCID_OK; i++) {
        struct appraise_brought *brought = &appraise->brought[i];
        struct lucid_span type = appraise->input.evidences[brought->evidence].type;
        struct lucid_span product = {.data = NULL};
        if (lucid_span_is(type, scheme_snp.type)) {
            error = product_of(ask, &appraise->input, brought->evidence, &product);
            if (error == LUCID_OK) {
                error = collateral_snp(brought->bytes, product, verifier_of(ask)->test_roots,
                                       appraise->input.time_s, &brought->item, why);
            }
        } else if (lucid_span_is(type, scheme_mock.type) && verifier_of(ask)->allow_mock) {
            error = collateral_mock(brought->bytes, product, verifier_of(ask)->mock_roots,
                                    appraise->input.time_s, &brought->item, why);
        } else if (scheme_find(type) != NULL) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, "COLLATERAL_REFUSED", NULL,
                                 "none is taken with this kind of evidence");
        }
        if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
            (void)snprintf(why->param, sizeof(why->param), "evidences[%zu].collateral[%zu]",
                           brought->evidence, brought->at);
        }
    }
    return error;
}

enum lucid_error appraise_collateral(struct ask *ask, struct appraise *appraise,
                                     struct lucid_why *why)
{
    enum lucid_error error = brought_check(ask, appraise, why);
    if (error != LUCID_OK) {
        return error;
    }
    ask->context = appraise;
    appraise->input.collateral = appraise->collateral;
    return gather_collateral(&appraise->input, item_find, ask, &ask->arena, appraise->collateral,
                             &appraise->input.collateral_count, why);
}

/* --- what is kept ----------------------------------------------------------------------------- */

struct blobs {
    struct lucid_plugin_bytes *items;
    size_t count;
    size_t bundle_bytes; /* what they take in a bundle */
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
    blobs->bundle_bytes += bundle_blob_bytes(bytes.len);
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
    if (blobs.bundle_bytes > BUNDLE_BYTES_MAX - BUNDLE_REST_BYTES) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "TOO_MANY_BLOBS", "evidences",
                            "with what they are appraised by they are too large for a bundle of "
                            "%zu bytes",
                            BUNDLE_BYTES_MAX);
    }
    *ret = blobs.items;
    *ret_count = blobs.count;
    return LUCID_OK;
}
