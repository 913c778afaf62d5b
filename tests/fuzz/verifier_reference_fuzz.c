/* Reference-value sets and signed documents from outside bytes: what is accepted stays the same in
 * its canonical form; what is signed does not depend on the order of members. */
#include "base/assert.h"
#include "plugins/verifier/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    (void)key;
    (void)signature;
    *(struct lucid_span *)context = message;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct reference_set set;
    struct reference_set again;
    struct lucid_span canonical;
    struct lucid_span message = {.data = NULL};
    struct lucid_span input;
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t id[LUCID_SHA256_BYTES];
    lucid_arena_init(&arena, 32U << 20);
    struct lucid_span text = lucid_span(data, size);
    bool good = reference_parse(text, &arena, &set, &why) == LUCID_OK;
    lucid_assert(good || why.code != NULL);
    if (document_check(text, verify, &message, &arena, &canonical, key, id, NULL) == LUCID_OK) {
        lucid_assert(document_signing_input(canonical, key, &arena, &input, NULL) == LUCID_OK);
        lucid_assert(lucid_span_equal(input, message));
        if (good) {
            lucid_assert(reference_parse(canonical, &arena, &again, NULL) == LUCID_OK);
            lucid_assert(memcmp(set.id, again.id, sizeof(set.id)) == 0);
            lucid_assert(memcmp(set.id, id, sizeof(set.id)) == 0);
            lucid_assert(set.value_count == again.value_count);
        }
    }
    lucid_arena_fini(&arena);
    return 0;
}
