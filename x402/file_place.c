#include "x402/file_place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { UNKNOWN_SHOWN_BYTES = 64 };

enum lucid_error file_place_refuse(const struct file_place *place, const char *member,
                                   const char *format, ...)
{
    char text[sizeof(((struct lucid_why *)NULL)->text)];
    char param[sizeof(((struct lucid_why *)NULL)->param)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (place->list == NULL) {
        (void)snprintf(param, sizeof(param), "%s", member);
    } else {
        (void)snprintf(param, sizeof(param), "%s[%zu]%s%s", place->list, place->index,
                       member[0] != '\0' ? "." : "", member);
    }
    return lucid_refuse(place->why, LUCID_REFUSE_INVALID, NULL, param, "%s", text);
}

enum lucid_error file_place_known(const struct file_place *place, const struct jcs_value *object,
                                  const char *of, const char *const *names, size_t count)
{
    for (const struct jcs_value *at = jcs_next(object, NULL); at != NULL;
         at = jcs_next(object, at)) {
        struct lucid_span name = jcs_name(at);
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            known = lucid_span_is(name, names[i]);
        }
        if (!known) {
            return file_place_refuse(
                place, "", "%s%shas no member \"%.*s\"", of, of[0] != '\0' ? " " : "",
                (int)(name.len < UNKNOWN_SHOWN_BYTES ? name.len : UNKNOWN_SHOWN_BYTES),
                (const char *)name.data);
        }
    }
    return LUCID_OK;
}

enum lucid_error file_place_number(const struct file_place *place, const struct jcs_value *entry,
                                   const char *member, uint64_t fallback, uint64_t min,
                                   uint64_t max, uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(entry, member);
    uint64_t number = fallback;
    if (value != NULL && (!jcs_uint(value, &number) || number < min || number > max)) {
        return file_place_refuse(place, member,
                                 "must be a whole number from %" PRIu64 " to %" PRIu64, min, max);
    }
    *ret = number;
    return LUCID_OK;
}

enum lucid_error file_place_bool(const struct file_place *place, const struct jcs_value *entry,
                                 const char *member, bool fallback, bool *ret)
{
    const struct jcs_value *value = jcs_member(entry, member);
    if (value != NULL && jcs_type(value) != JCS_TRUE && jcs_type(value) != JCS_FALSE) {
        return file_place_refuse(place, member, "must be true or false");
    }
    *ret = value == NULL ? fallback : jcs_type(value) == JCS_TRUE;
    return LUCID_OK;
}
