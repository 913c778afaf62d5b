/* The accessors of a parsed document. */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

enum jcs_type jcs_type(const struct jcs_value *value)
{
    return (enum jcs_type)value->type;
}

static bool is_container(const struct jcs_value *value)
{
    return value != NULL && (value->type == JCS_OBJECT || value->type == JCS_ARRAY);
}

const struct jcs_value *jcs_member(const struct jcs_value *object, const char *name)
{
    if (object == NULL || object->type != JCS_OBJECT) {
        return NULL;
    }
    size_t len = strlen(name);
    for (const struct jcs_value *at = object->as.inner.first; at != NULL; at = at->next) {
        if (at->name_len == len && memcmp(at->name, name, len) == 0) {
            return at;
        }
    }
    return NULL;
}

const struct jcs_value *jcs_next(const struct jcs_value *container, const struct jcs_value *at)
{
    if (!is_container(container)) {
        return NULL;
    }
    if (at == NULL) {
        return container->as.inner.first;
    }
    lucid_assert(at->parent == container);
    return at->next;
}

size_t jcs_count(const struct jcs_value *container)
{
    return is_container(container) ? container->count : 0;
}

struct lucid_span jcs_name(const struct jcs_value *value)
{
    return lucid_span(value->name, value->name_len);
}

struct lucid_span jcs_string(const struct jcs_value *value)
{
    lucid_assert(value->type == JCS_STRING);
    return lucid_span(value->as.string.data, value->as.string.len);
}

double jcs_number(const struct jcs_value *value)
{
    lucid_assert(value->type == JCS_NUMBER);
    return value->as.number;
}

bool jcs_uint(const struct jcs_value *value, uint64_t *ret)
{
    const double end = 9007199254740992.0; /* 2^53 */
    if (value == NULL || value->type != JCS_NUMBER) {
        return false;
    }
    double number = value->as.number;
    if (number < 0.0 || number >= end) {
        return false;
    }
    uint64_t integer = (uint64_t)number;
    if ((double)integer < number) {
        return false; /* it has a fraction */
    }
    *ret = integer;
    return true;
}
