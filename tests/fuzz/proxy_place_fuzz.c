/* A proxy's sub-request: the first byte chooses the family, then lines "N value" set header N (a
 * letter, A the first) to the value. What is read is one address in ASCII, of bounded length. */
#include "base/assert.h"
#include "http/api/proxy_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void place_check(const struct proxy_place *place)
{
    const struct lucid_span resource = place->resource;
    lucid_assert(resource.len <= PROXY_RESOURCE_BYTES_MAX && resource.len > sizeof("http://"));
    lucid_assert(place->path.data == resource.data && place->path.len <= resource.len);
    lucid_assert(place->path.len == resource.len || resource.data[place->path.len] == '?');
    lucid_assert(place->method.len > 0 && place->method.len <= PROXY_METHOD_BYTES_MAX);
    lucid_assert(memcmp(resource.data, "http", 4) == 0);
    for (size_t i = 0; i < resource.len; i++) {
        lucid_assert(resource.data[i] > 0x20 && resource.data[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_value values[PROXY_FIELDS] = {{.count = 0}};
    struct proxy_place place;
    struct lucid_why why = {.code = NULL};
    struct lucid_arena arena;
    if (size == 0) {
        return 0;
    }
    for (size_t at = 1; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - data) - at;
        if (len >= 1 && data[at] >= 'A' && data[at] < 'A' + PROXY_FIELDS) {
            struct proxy_value *value = &values[data[at] - 'A'];
            if (value->count++ == 0) {
                value->text = lucid_span(data + at + 1, len - 1);
            }
        }
        at += len + 1;
    }
    lucid_arena_init(&arena, 16 * 1024);
    enum proxy_family family = data[0] == 'o' ? PROXY_ORIGINAL : PROXY_FORWARDED;
    enum lucid_error error = proxy_place_read(family, values, &arena, &place, &why);
    if (error == LUCID_OK) {
        place_check(&place);
    } else {
        lucid_assert(lucid_category(error) != LUCID_CATEGORY_REFUSE || why.code != NULL);
    }
    lucid_arena_fini(&arena);
    struct lucid_span all = lucid_span(data, size);
    (void)proxy_id_ok(all);
    (void)proxy_id_header_ok(all);
    return 0;
}
