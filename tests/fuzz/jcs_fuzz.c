/* Any bytes: the reader refuses them or the canonical form is stable: it is accepted again, writes
 * to itself, and every accessor agrees. Refusals are well formed. */
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jcs_limits limits = {.depth_max = 16, .values_max = 4096};

static void refusal_check(const struct lucid_why *why, size_t size)
{
    lucid_assert(why->code != NULL && strcmp(why->code, "INVALID_JSON") == 0);
    lucid_assert(why->offset <= size);
    lucid_assert(why->text[0] != '\0');
    /* The path must be fit to stand in a JSON answer: valid UTF-8 that our own reader takes. */
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    lucid_json_string(&text, lucid_span_str(why->param));
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 16);
    const struct jcs_value *root = NULL;
    lucid_assert(jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, NULL) == LUCID_OK);
    lucid_assert(lucid_span_is(jcs_string(root), why->param));
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
}

/* Every child of the root is there under its name, and they are as many as counted. */
static void accessors_check(const struct jcs_value *root)
{
    size_t count = 0;
    for (const struct jcs_value *at = jcs_next(root, NULL); at != NULL; at = jcs_next(root, at)) {
        count++;
        uint64_t integer = 0;
        if (jcs_uint(at, &integer)) {
            lucid_assert(integer < UINT64_C(1) << 53 && (uint64_t)jcs_number(at) == integer);
        }
        struct lucid_span name = jcs_name(at);
        if (jcs_type(root) == JCS_OBJECT && memchr(name.data, 0, name.len) == NULL) {
            char text[256];
            if (name.len < sizeof(text)) {
                memcpy(text, name.data, name.len);
                text[name.len] = '\0';
                lucid_assert(jcs_member(root, text) == at);
            }
        }
    }
    lucid_assert(count == jcs_count(root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, 8 << 20);
    const struct jcs_value *root = NULL;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = jcs_parse(lucid_span(data, size), &limits, &arena, &root, &why);
    if (error != LUCID_OK) {
        lucid_assert(error == LUCID_REFUSE_INVALID || error == LUCID_REFUSE_TOO_LARGE ||
                     error == LUCID_RETRY_MEMORY);
        if (error != LUCID_RETRY_MEMORY) {
            refusal_check(&why, size);
        }
        lucid_arena_fini(&arena);
        return 0;
    }
    accessors_check(root);
    struct lucid_buf once;
    struct lucid_buf twice;
    lucid_buf_init(&once, 0);
    lucid_buf_init(&twice, 0);
    jcs_write(root, &once);
    lucid_assert(lucid_buf_ok(&once));
    struct lucid_arena again;
    lucid_arena_init(&again, 8 << 20);
    lucid_assert(jcs_parse(lucid_buf_span(&once), &limits, &again, &root, &why) == LUCID_OK);
    jcs_write(root, &twice);
    lucid_assert(lucid_buf_ok(&twice));
    lucid_assert(lucid_span_equal(lucid_buf_span(&once), lucid_buf_span(&twice)));
    lucid_buf_fini(&once);
    lucid_buf_fini(&twice);
    lucid_arena_fini(&again);
    lucid_arena_fini(&arena);
    return 0;
}
