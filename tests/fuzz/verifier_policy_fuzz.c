/* Policy documents from outside bytes: what is accepted stays the same, id and all, in its
 * canonical form, and never accepts what is revoked. */
#include "base/assert.h"
#include "plugins/verifier/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_buf canonical = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    struct policy policy;
    struct policy again;
    lucid_arena_init(&arena, 16U << 20);
    if (policy_parse(lucid_span(data, size), &arena, &policy, &why) == LUCID_OK) {
        lucid_assert(!policy_accepts_status(&policy, "Revoked"));
        lucid_assert(!policy_accepts_status(&policy, "NoLevel"));
        jcs_write(policy.document, &canonical);
        lucid_assert(policy_parse(lucid_buf_span(&canonical), &arena, &again, NULL) == LUCID_OK);
        lucid_assert(memcmp(policy.id, again.id, sizeof(policy.id)) == 0);
        lucid_assert(policy.floor_count == again.floor_count);
    } else {
        lucid_assert(why.code != NULL);
    }
    lucid_buf_fini(&canonical);
    lucid_arena_fini(&arena);
    return 0;
}
