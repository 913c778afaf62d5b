/* The level that provenance shows. */
#include "plugins/passport/slsa/slsa.h"

#include <stdio.h>

#include "plugins/passport/slsa/slsa_internal.h"

#define WORK_BYTES_MAX ((size_t)16 << 20)

/* What is asked, and by whose rules. */
struct question {
    const uint8_t *container;
    const struct slsa_builders *builders;
    jose_ed25519_fn *ed25519;
    void *context;
};

/* What one envelope shows: levels 0 … 3. */
struct finding {
    unsigned level;
    const char *code;
    const struct slsa_builder *builder; /* who signed, from level 2 on */
};

const char *slsa_track(unsigned level)
{
    static const char *const tracks[] = {"none", "SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_2",
                                         "SLSA_BUILD_LEVEL_3"};
    return tracks[level < 3 ? level : 3];
}

/* --- one envelope ----------------------------------------------------------------------------- */

static bool has_subject(const struct slsa_provenance *provenance, const uint8_t *digest)
{
    for (size_t i = 0; i < provenance->subject_count; i++) {
        if (memcmp(provenance->subjects[i], digest, LUCID_SHA256_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* The configured builder that the predicate names and whose key signed; sets the code where there
 * is none. Who signs can write any id: so only that builder's keys are tried. */
static const struct slsa_builder *signer_find(const struct slsa_envelope *envelope,
                                              struct lucid_span pae, struct lucid_span id,
                                              const struct question *question, const char **code)
{
    *code = "slsa.builder_unknown";
    for (size_t i = 0; i < question->builders->count; i++) {
        const struct slsa_builder *builder = &question->builders->items[i];
        if (builder->id.len == 0 || !lucid_span_equal(builder->id, id)) {
            continue;
        }
        *code = "slsa.signature_unknown";
        for (size_t j = 0; j < builder->key_count; j++) {
            if (slsa_envelope_signed(envelope, pae, &builder->keys[j], question->ed25519,
                                     question->context)) {
                return builder;
            }
        }
    }
    return NULL;
}

static bool source_is_expected(const struct slsa_builder *builder, struct lucid_span source)
{
    for (size_t i = 0; i < builder->source_count; i++) {
        if (slsa_source_matches(builder->sources[i], source)) {
            return true;
        }
    }
    return false;
}

static bool build_type_is_expected(const struct slsa_builder *builder, struct lucid_span type)
{
    for (size_t i = 0; i < builder->build_type_count; i++) {
        if (type.len > 0 && lucid_span_equal(builder->build_types[i], type)) {
            return true;
        }
    }
    return false;
}

/* Why a signed provenance does not reach level 3; NULL: it does. */
static const char *fault_at_3(const struct slsa_builder *builder,
                              const struct slsa_provenance *provenance)
{
    if (!builder->isolated) {
        return "slsa.not_isolated";
    }
    if (!source_is_expected(builder, provenance->source)) {
        return "slsa.source_unexpected";
    }
    if (!build_type_is_expected(builder, provenance->build_type)) {
        return "slsa.build_type_unexpected";
    }
    return NULL;
}

static struct finding judge(const struct slsa_envelope *envelope, struct lucid_span pae,
                            const struct slsa_provenance *provenance,
                            const struct question *question)
{
    struct finding finding = {.level = 0, .code = "slsa.subject_differs"};
    if (!has_subject(provenance, question->container)) {
        return finding;
    }
    finding.level = 1;
    finding.builder = signer_find(envelope, pae, provenance->builder, question, &finding.code);
    if (finding.builder == NULL) {
        return finding;
    }
    const char *fault = fault_at_3(finding.builder, provenance);
    finding.level = fault == NULL ? 3 : 2;
    finding.code = fault == NULL ? "slsa.one_builder" : fault;
    return finding;
}

/* The param of a refusal, below the envelope it is of. part: "" or ".payload". */
static enum lucid_error refused_at(enum lucid_error error, size_t index, const char *part,
                                   struct lucid_why *why)
{
    if (why == NULL || lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    char path[2 * sizeof(why->param)];
    (void)snprintf(path, sizeof(path), "provenance[%zu]%s%s%s", index, part,
                   why->param[0] == '\0' ? "" : ".", why->param);
    path[sizeof(why->param) - 1] = '\0';
    memcpy(why->param, path, strlen(path) + 1);
    return slsa_refused(error, why);
}

static enum lucid_error envelope_appraise(struct lucid_span text, size_t index,
                                          const struct question *question,
                                          struct lucid_arena *arena, struct finding *ret,
                                          struct lucid_why *why)
{
    struct slsa_envelope envelope;
    struct slsa_provenance provenance;
    enum lucid_error e = slsa_envelope_read(text, arena, &envelope, why);
    if (e != LUCID_OK) {
        return refused_at(e, index, "", why);
    }
    if (!lucid_span_is(envelope.payload_type, SLSA_STATEMENT_TYPE)) {
        e = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PROVENANCE", "payloadType",
                         "must be " SLSA_STATEMENT_TYPE);
        return refused_at(e, index, "", why);
    }
    e = slsa_statement_read(envelope.payload, arena, &provenance, why);
    if (e != LUCID_OK) {
        return refused_at(e, index, ".payload", why);
    }
    struct lucid_buf pae = {0};
    slsa_pae_write(envelope.payload_type, envelope.payload, &pae);
    if (lucid_buf_ok(&pae)) {
        *ret = judge(&envelope, lucid_buf_span(&pae), &provenance, question);
    } else {
        e = LUCID_RETRY_MEMORY;
    }
    lucid_buf_fini(&pae);
    return e;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool two_builders(const struct finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (findings[i].level == 3 && findings[j].level == 3 &&
                slsa_builders_differ(findings[i].builder, findings[j].builder)) {
                return true;
            }
        }
    }
    return false;
}

static enum lucid_error conclude(const struct lucid_span *envelopes, const struct finding *findings,
                                 size_t count, struct lucid_arena *arena, struct slsa_result *ret)
{
    struct slsa_result result = {.code = "slsa.no_provenance"};
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        best = findings[i].level > findings[best].level ? i : best;
    }
    if (count > 0) {
        result.level = findings[best].level;
        result.code = findings[best].code;
        result.has_provenance = result.level > 0;
    }
    if (result.has_provenance) {
        lucid_sha256(envelopes[best], result.provenance);
    }
    if (result.level >= 2) {
        result.builder = lucid_arena_copy(arena, findings[best].builder->id);
        if (result.builder.data == NULL) {
            return LUCID_RETRY_MEMORY;
        }
    }
    if (two_builders(findings, count)) {
        result.level = SLSA_LEVEL_MAX;
        result.code = "slsa.complete";
    }
    result.track = slsa_track(result.level);
    *ret = result;
    return LUCID_OK;
}

enum lucid_error slsa_appraise(const struct lucid_span *envelopes, size_t count,
                               const uint8_t container[LUCID_SHA256_BYTES],
                               const struct slsa_builders *builders, struct lucid_arena *arena,
                               jose_ed25519_fn *ed25519, void *context, struct slsa_result *ret,
                               struct lucid_why *why)
{
    const struct question question = {
        .container = container, .builders = builders, .ed25519 = ed25519, .context = context};
    struct finding findings[SLSA_ENVELOPES_MAX] = {{.level = 0}};
    if (count > SLSA_ENVELOPES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PROVENANCE", "provenance",
                            "more than %d envelopes", SLSA_ENVELOPES_MAX);
    }
    struct lucid_arena work;
    lucid_arena_init(&work, WORK_BYTES_MAX);
    enum lucid_error e = LUCID_OK;
    for (size_t i = 0; i < count && e == LUCID_OK; i++) {
        lucid_arena_reset(&work);
        e = envelope_appraise(envelopes[i], i, &question, &work, &findings[i], why);
    }
    lucid_arena_fini(&work);
    return e != LUCID_OK ? e : conclude(envelopes, findings, count, arena, ret);
}
