/* Claims of attestation results: what is read has a status no better than its parts, and reads the
 * same in the other spelling. */
#include "base/assert.h"
#include "plugins/verifier/ear.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void respelled(struct lucid_span claims, const struct ear *ear, struct lucid_arena *arena)
{
    struct lucid_span other;
    struct ear again;
    enum ear_spelling spelling = ear->spelling == EAR_DRAFT_04 ? EAR_VERAISON : EAR_DRAFT_04;
    if (ear_respell(claims, spelling, arena, &other, NULL) != LUCID_OK ||
        ear_read(other, arena, &again, NULL) != LUCID_OK) {
        return; /* other members of it may be of either spelling */
    }
    lucid_assert(again.spelling == spelling && again.iat_s == ear->iat_s);
    lucid_assert(again.submod_count == ear->submod_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct ear ear;
    lucid_arena_init(&arena, (size_t)16 << 20);
    enum lucid_error e = ear_read(lucid_span(data, size), &arena, &ear, &why);
    if (e == LUCID_OK) {
        lucid_assert(ear.submod_count >= 1 && ear.submod_count <= APPRAISAL_EVIDENCES_MAX);
        for (size_t i = 0; i < ear.submod_count; i++) {
            enum appraisal_tier status = ear.submods[i].status;
            lucid_assert(status == APPRAISAL_NONE ||
                         status >= appraisal_vector_tier(ear.submods[i].vector));
            lucid_assert(ear.status == APPRAISAL_NONE || ear.status >= status);
        }
        respelled(lucid_span(data, size), &ear, &arena);
    } else {
        lucid_assert(e == LUCID_RETRY_MEMORY || why.code != NULL);
    }
    lucid_arena_fini(&arena);
    return 0;
}
