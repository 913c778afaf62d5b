/* Statements from outside bytes, and sources against what is expected. The input is a pattern and a
 * statement, divided by a NUL. What is accepted stays the same in its canonical form; what matches
 * lies below its pattern. */
#include "base/assert.h"
#include "plugins/passport/slsa/slsa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void canonical_too(struct lucid_span text, const struct slsa_provenance *read,
                          struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 1U << 20};
    const struct jcs_value *root = NULL;
    struct slsa_provenance again;
    struct lucid_buf form = {0};
    lucid_assert(jcs_parse(text, &limits, arena, &root, NULL) == LUCID_OK);
    jcs_write(root, &form);
    if (form.len <= SLSA_ENVELOPE_BYTES_MAX) {
        lucid_assert(slsa_statement_read(lucid_buf_span(&form), arena, &again, NULL) == LUCID_OK);
        lucid_assert(lucid_span_equal(again.builder, read->builder));
        lucid_assert(lucid_span_equal(again.build_type, read->build_type));
        lucid_assert(lucid_span_equal(again.source, read->source));
        lucid_assert(again.subject_count == read->subject_count);
        lucid_assert(memcmp(again.subjects, read->subjects,
                            read->subject_count * sizeof(*read->subjects)) == 0);
    }
    lucid_buf_fini(&form);
}

static void matched(struct lucid_span pattern, struct lucid_span source)
{
    if (!slsa_source_matches(pattern, source)) {
        return;
    }
    lucid_assert(slsa_source_pattern_is_good(pattern));
    if (pattern.data[pattern.len - 1] != '*') {
        lucid_assert(lucid_span_equal(pattern, source));
        return;
    }
    size_t prefix = pattern.len - 1;
    lucid_assert(source.len > prefix && memcmp(source.data, pattern.data, prefix) == 0);
    const uint8_t *rest = source.data + prefix;
    size_t len = source.len - prefix;
    lucid_assert(memmem(rest, len, "//", 2) == NULL && memmem(rest, len, "/../", 4) == NULL);
    lucid_assert(memchr(rest, '%', len) == NULL && memchr(rest, '\\', len) == NULL);
    lucid_assert(len < 2 || memcmp(rest + len - 2, "..", 2) != 0 ||
                 (len > 2 && rest[len - 3] != '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct slsa_provenance read;
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t first = end == NULL ? 0 : (size_t)(end - data);
    struct lucid_span pattern = lucid_span(data, first);
    struct lucid_span text =
        end == NULL ? lucid_span(data, size) : lucid_span(end + 1, size - first - 1);
    lucid_arena_init(&arena, 32U << 20);
    if (slsa_statement_read(text, &arena, &read, &why) == LUCID_OK) {
        lucid_assert(read.builder.len > 0 && read.build_type.len > 0);
        lucid_assert(read.subject_count <= SLSA_SUBJECTS_MAX);
        canonical_too(text, &read, &arena);
        matched(pattern, read.source);
    } else {
        lucid_assert(strcmp(why.code, "INVALID_PROVENANCE") == 0);
    }
    matched(pattern, text);
    lucid_arena_fini(&arena);
    return 0;
}
