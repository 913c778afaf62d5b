/* Which auditors an appraised environment names: what was bound into its evidence. */
#include "base/assert.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules_internal.h"

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "appraisalId", "%s", text);
}

static enum appraisal_tier tier_named(struct lucid_span name)
{
    static const enum appraisal_tier tiers[] = {APPRAISAL_NONE, APPRAISAL_AFFIRMING,
                                                APPRAISAL_WARNING};
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (lucid_span_is(name, appraisal_tier_name(tiers[i]))) {
            return tiers[i];
        }
    }
    return APPRAISAL_CONTRAINDICATED;
}

/* The record is of this moment: its result is valid, and was made before. */
static enum lucid_error record_check(const struct record *record, const struct rules_input *input,
                                     struct lucid_why *why)
{
    uint64_t now_s = input->received_s != 0 ? input->received_s : input->time_s;
    if (record->test && !input->test) {
        return refuse(why, "it is of a test store");
    }
    if (record->received_s > now_s || now_s - record->received_s > record->lifetime_s) {
        return refuse(why, "its result is no longer valid: have the evidence appraised again");
    }
    return LUCID_OK;
}

static struct lucid_span text_of(const struct jcs_value *value)
{
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value)
                                                          : (struct lucid_span){.data = NULL};
}

/* By id and image: an id alone anybody may call himself. */
static bool names(const struct jcs_value *auditors, const struct claims_document *document)
{
    const struct jcs_value *at = NULL;
    if (auditors == NULL || !document->has_digest) {
        return false;
    }
    while ((at = jcs_next(auditors, at)) != NULL) {
        uint8_t digest[LUCID_SHA256_BYTES];
        if (lucid_span_equal(text_of(jcs_member(at, "id")), document->auditor) &&
            canonical_digest_read(text_of(jcs_member(at, "digest")), digest) &&
            memcmp(digest, document->digest, sizeof(digest)) == 0) {
            return true;
        }
    }
    return false;
}

/* The runtime data that the record names. What a test store took in their place binds nobody. */
static enum lucid_error runtime_read(const struct rules_input *input, const struct record *record,
                                     struct lucid_arena *arena, struct rules_hardware *ret,
                                     struct lucid_why *why)
{
    struct freshness_runtime *runtime = lucid_arena_zalloc(arena, sizeof(*runtime));
    if (runtime == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_sha256(input->hardware_runtime, ret->runtime_data);
    if (memcmp(ret->runtime_data, record->runtime_data, sizeof(ret->runtime_data)) != 0) {
        return refuse(why, "its runtime data are not those of its record");
    }
    enum lucid_error e = freshness_read(input->hardware_runtime, arena, runtime, why);
    if (e == LUCID_OK && record->test_bound_data.len == 0) {
        ret->auditors = jcs_member(runtime->workload, "auditors");
    }
    return e;
}

enum lucid_error rules_hardware_read(const struct rules_input *input, struct lucid_arena *arena,
                                     struct rules_appraisal *ret, struct lucid_why *why)
{
    const struct record *record;
    if (input->hardware_record.len == 0) {
        return LUCID_OK;
    }
    enum lucid_error e = record_read(input->hardware_record, arena, &record, why);
    if (e == LUCID_OK) {
        e = record_check(record, input, why);
    }
    if (e == LUCID_OK) {
        e = runtime_read(input, record, arena, &ret->hardware, why);
    }
    if (e != LUCID_OK) {
        return e;
    }
    lucid_sha256(input->hardware_record, ret->hardware.id);
    ret->hardware.status = tier_named(record->status);
    ret->hardware.is_mock = record->mock;
    ret->hardware.test = record->test;
    ret->has_hardware = true;
    for (size_t i = 0; i < ret->submod_count; i++) {
        ret->submods[i].bound = names(ret->hardware.auditors, &ret->submods[i].document);
    }
    return LUCID_OK;
}
