#include "plugins/verifier/gather.h"

#include "plugins/verifier/scheme.h"

struct gathering {
    const struct appraisal_input *input;
    gather_fn *find;
    void *context;
    struct lucid_arena *arena;
    struct appraisal_collateral *items;
    size_t count;
    struct lucid_why *why;
};

/* Adds the item of a key, unless it is there or there is none. */
static enum lucid_error item_add(struct gathering *gathering, const char *key)
{
    struct appraisal_collateral item = {.imported_s = 0};
    for (size_t i = 0; i < gathering->count; i++) {
        if (lucid_span_is(gathering->items[i].key, key)) {
            return LUCID_OK;
        }
    }
    if (gathering->count == APPRAISAL_COLLATERAL_MAX) {
        return lucid_refuse(gathering->why, LUCID_REFUSE_TOO_LARGE, "INVALID_EVIDENCE", "evidences",
                            "these evidences need too much collateral at once");
    }
    item.key = lucid_arena_copy(gathering->arena, lucid_span_str(key));
    if (item.key.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = gathering->find(gathering->context, item.key, &item);
    if (error == LUCID_OK) {
        gathering->items[gathering->count++] = item;
    }
    return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
}

static enum lucid_error evidence_add(struct gathering *gathering,
                                     const struct appraisal_evidence *evidence)
{
    const struct scheme *scheme = scheme_find(evidence->type);
    struct appraisal_result parsed = {.outcome = APPRAISAL_FAIL};
    struct scheme_job job = {
        .input = gathering->input, .evidence = evidence, .arena = gathering->arena};
    char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
    if (scheme == NULL || scheme->needs == NULL ||
        evidence->bytes.len > scheme->evidence_bytes_max) {
        return LUCID_OK; /* the appraisal says so */
    }
    scheme->parse(&job, &parsed);
    if (job.no_memory) {
        return LUCID_RETRY_MEMORY;
    }
    size_t count = parsed.outcome == APPRAISAL_PASS ? scheme->needs(&job, needs) : 0;
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        error = item_add(gathering, needs[i]);
    }
    return error;
}

enum lucid_error gather_collateral(const struct appraisal_input *input, gather_fn *find,
                                   void *context, struct lucid_arena *arena,
                                   struct appraisal_collateral *ret, size_t *ret_count,
                                   struct lucid_why *why)
{
    struct gathering gathering = {
        .input = input, .find = find, .context = context, .arena = arena, .items = ret, .why = why};
    for (size_t i = 0; i < input->evidence_count; i++) {
        enum lucid_error error = evidence_add(&gathering, &input->evidences[i]);
        if (error != LUCID_OK) {
            return error;
        }
    }
    *ret_count = gathering.count;
    return LUCID_OK;
}
