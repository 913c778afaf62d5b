/* The schemes that are built in, one line each, and how they are called. */
#include "plugins/verifier/scheme.h"

const struct scheme *const schemes[] = {
    &scheme_mock,
    &scheme_snp,
    NULL,
};

const struct scheme *scheme_find(struct lucid_span type)
{
    for (size_t i = 0; schemes[i] != NULL; i++) {
        if (lucid_span_is(type, schemes[i]->type)) {
            return schemes[i];
        }
    }
    return NULL;
}

static uint8_t folded(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte == '_' ? '-' : byte;
}

static bool is_named(struct lucid_span name, const char *as)
{
    if (as == NULL || name.len != strlen(as)) {
        return false;
    }
    size_t i = 0;
    while (i < name.len && folded(name.data[i]) == folded((uint8_t)as[i])) {
        i++;
    }
    return i == name.len;
}

const struct scheme *scheme_named(struct lucid_span name)
{
    for (size_t i = 0; schemes[i] != NULL; i++) {
        if (is_named(name, schemes[i]->type) || is_named(name, schemes[i]->also) ||
            is_named(name, schemes[i]->tee)) {
            return schemes[i];
        }
    }
    return NULL;
}
