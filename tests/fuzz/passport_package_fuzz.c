/* Packages and key sets from outside. */
#include "base/assert.h"
#include "plugins/passport/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct package package;
    uint8_t keys[4][PASSPORT_KEY_BYTES];
    size_t count = 0;
    lucid_arena_init(&arena, (size_t)64 << 20);
    enum lucid_error error = package_read(lucid_span(data, size), &arena, &package, &why);
    if (error != LUCID_OK) {
        lucid_assert(error == LUCID_RETRY_MEMORY || why.code != NULL);
    } else if (lucid_span_equal(package.passport, lucid_span(data, size))) {
        lucid_assert(package.status.len + package.appraisal_count == 0); /* it stands by itself */
    } else {
        struct package again;
        struct lucid_buf first = {0};
        struct lucid_buf second = {0};
        package_write(&package, &first);
        lucid_assert(package_read(lucid_buf_span(&first), &arena, &again, NULL) == LUCID_OK);
        package_write(&again, &second);
        lucid_assert(lucid_span_equal(lucid_buf_span(&first), lucid_buf_span(&second)));
        lucid_buf_fini(&first);
        lucid_buf_fini(&second);
    }
    why = (struct lucid_why){.code = NULL};
    error = package_keys_read(lucid_span(data, size), &arena, keys, NULL, 4, &count, &why);
    lucid_assert(error == LUCID_OK ? count <= 4 : error == LUCID_RETRY_MEMORY || why.code != NULL);
    lucid_arena_fini(&arena);
    return 0;
}
