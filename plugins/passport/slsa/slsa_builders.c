/* What is configured of builders, and what sources are theirs. */
#include <stdio.h>

#include "plugins/passport/slsa/slsa_internal.h"

/* --- sources ---------------------------------------------------------------------------------- */

static bool is_pattern(struct lucid_span pattern)
{
    return pattern.len > 0 && pattern.data[pattern.len - 1] == '*';
}

/* Whether what comes before the star ends a name, so that what goes on from there is below it:
 * "https://" and "https://host@" end none, what follows could be any host. */
static bool prefix_is_good(struct lucid_span prefix)
{
    if (prefix.len < 2) {
        return false;
    }
    uint8_t last = prefix.data[prefix.len - 1];
    uint8_t before = prefix.data[prefix.len - 2];
    if (last == '/') {
        return before != '/' && before != ':';
    }
    const uint8_t *authority = memmem(prefix.data, prefix.len, "://", 3);
    const uint8_t *from = authority == NULL ? prefix.data : authority + 3;
    size_t left = prefix.len - (size_t)(from - prefix.data);
    return last == '@' && before != '/' && memchr(from, '/', left) != NULL;
}

bool slsa_source_pattern_is_good(struct lucid_span pattern)
{
    if (pattern.len == 0 || pattern.len > SLSA_TEXT_BYTES_MAX) {
        return false;
    }
    const uint8_t *star = memchr(pattern.data, '*', pattern.len);
    return star == NULL || (star == pattern.data + pattern.len - 1 &&
                            prefix_is_good(lucid_span(pattern.data, pattern.len - 1)));
}

static bool is_source_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != 0 && strchr("-._~@:+=,!#?&", byte) != NULL);
}

/* What a star may stand for: segments that are not empty and do not lead out of where they stand,
 * neither as they are nor after some program has decoded a '%'. */
static bool rest_is_good(struct lucid_span rest)
{
    size_t start = 0;
    for (size_t i = 0; i <= rest.len; i++) {
        if (i < rest.len && rest.data[i] != '/') {
            if (!is_source_byte(rest.data[i])) {
                return false;
            }
            continue;
        }
        struct lucid_span segment = lucid_span(rest.data + start, i - start);
        if (segment.len == 0 || lucid_span_is(segment, ".") || lucid_span_is(segment, "..")) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

bool slsa_source_matches(struct lucid_span pattern, struct lucid_span source)
{
    if (!slsa_source_pattern_is_good(pattern) || source.len == 0) {
        return false;
    }
    if (!is_pattern(pattern)) {
        return lucid_span_equal(pattern, source);
    }
    size_t prefix = pattern.len - 1;
    return source.len > prefix && memcmp(source.data, pattern.data, prefix) == 0 &&
           rest_is_good(lucid_span(source.data + prefix, source.len - prefix));
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Of the same owner: who has the key of a point of a NIST curve has that of its mirror image, which
 * differs in y alone. */
static bool key_is_same(const struct jose_key *a, const struct jose_key *b)
{
    return a->alg == b->alg && memcmp(a->x, b->x, jose_coordinate_bytes(a->alg)) == 0;
}

bool slsa_builders_differ(const struct slsa_builder *a, const struct slsa_builder *b)
{
    for (size_t i = 0; i < a->key_count; i++) {
        for (size_t j = 0; j < b->key_count; j++) {
            if (key_is_same(&a->keys[i], &b->keys[j])) {
                return false;
            }
        }
    }
    return !lucid_span_equal(a->id, b->id);
}

/* --- what is configured ----------------------------------------------------------------------- */

/* member: of the builder, or NULL; at: of its list, or SIZE_MAX. */
static enum lucid_error refuse(struct lucid_why *why, size_t builder, const char *member, size_t at,
                               const char *text)
{
    char param[sizeof(why->param)];
    char index[24] = "";
    if (at != SIZE_MAX) {
        (void)snprintf(index, sizeof(index), "[%zu]", at);
    }
    (void)snprintf(param, sizeof(param), "builders[%zu].%s%s", builder, member, index);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_BUILDER", param, "%s", text);
}

static bool length_is_good(struct lucid_span text)
{
    return text.len > 0 && text.len <= SLSA_TEXT_BYTES_MAX;
}

static enum lucid_error expected_check(const struct slsa_builder *builder, size_t at,
                                       struct lucid_why *why)
{
    for (size_t i = 0; i < builder->source_count; i++) {
        if (!slsa_source_pattern_is_good(builder->sources[i])) {
            return refuse(why, at, "sources", i,
                          "a source is exact, or ends in '*' after a '/' or, behind a path, '@'");
        }
    }
    for (size_t i = 0; i < builder->build_type_count; i++) {
        struct lucid_span type = builder->build_types[i];
        if (!length_is_good(type) || memchr(type.data, '*', type.len) != NULL) {
            return refuse(why, at, "buildTypes", i, "a build type is exact, without '*'");
        }
    }
    return LUCID_OK;
}

enum lucid_error slsa_builders_check(const struct slsa_builders *builders, struct lucid_why *why)
{
    for (size_t i = 0; i < builders->count; i++) {
        const struct slsa_builder *builder = &builders->items[i];
        if (!length_is_good(builder->id)) {
            return refuse(why, i, "id", SIZE_MAX, "a builder has an id of at most 2048 bytes");
        }
        if (builder->key_count == 0) {
            return refuse(why, i, "keys", SIZE_MAX, "a builder has at least one key");
        }
        for (size_t j = 0; j < i; j++) {
            if (lucid_span_equal(builder->id, builders->items[j].id)) {
                return refuse(why, i, "id", SIZE_MAX, "another builder has this id");
            }
            if (!slsa_builders_differ(builder, &builders->items[j])) {
                return refuse(why, i, "keys", SIZE_MAX, "another builder has one of these keys");
            }
        }
        enum lucid_error e = expected_check(builder, i, why);
        if (e != LUCID_OK) {
            return e;
        }
    }
    return LUCID_OK;
}
