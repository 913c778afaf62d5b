/* The canonical writer (RFC 8785). */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

/* Appends before, the string with its quotes, and after (0: nothing). */
static void string_write(struct lucid_buf *out, char before, struct lucid_span text, bool plain,
                         char after)
{
    if (!plain) {
        /* RFC 8785 3.2.2.2 escapes exactly what lucid_json_string does, in the same way. */
        if (before != 0) {
            lucid_buf_char(out, before);
        }
        lucid_json_string(out, text);
        if (after != 0) {
            lucid_buf_char(out, after);
        }
        return;
    }
    uint8_t *at = lucid_buf_extend(out, text.len + 2 + (before != 0) + (after != 0));
    if (at == NULL) {
        return;
    }
    if (before != 0) {
        *at++ = (uint8_t)before;
    }
    *at++ = '"';
    memcpy(at, text.data, text.len);
    at += text.len;
    *at++ = '"';
    if (after != 0) {
        *at = (uint8_t)after;
    }
}

/* Writes a value; of a container that is not empty only the opening bracket. */
static void value_write(const struct jcs_value *value, struct lucid_buf *out)
{
    char number[JCS_NUMBER_BYTES_MAX];
    switch ((enum jcs_type)value->type) {
    case JCS_NULL:
        lucid_buf_put(out, "null", 4);
        break;
    case JCS_FALSE:
        lucid_buf_put(out, "false", 5);
        break;
    case JCS_TRUE:
        lucid_buf_put(out, "true", 4);
        break;
    case JCS_NUMBER:
        lucid_buf_put(out, number, jcs_number_format(value->as.number, number));
        break;
    case JCS_STRING:
        string_write(out, 0, lucid_span(value->as.string.data, value->as.string.len), value->plain,
                     0);
        break;
    case JCS_ARRAY:
        lucid_buf_put(out, "[]", value->count == 0 ? 2 : 1);
        break;
    case JCS_OBJECT:
        lucid_buf_put(out, "{}", value->count == 0 ? 2 : 1);
        break;
    }
}

static bool is_container(const struct jcs_value *value)
{
    return value->type == JCS_OBJECT || value->type == JCS_ARRAY;
}

void jcs_write(const struct jcs_value *value, struct lucid_buf *out)
{
    const struct jcs_value *at = value;
    bool first = true; /* of its container */
    for (;;) {
        char comma = first ? 0 : ',';
        if (at != value && at->name != NULL) {
            string_write(out, comma, lucid_span(at->name, at->name_len), at->name_plain, ':');
        } else if (comma != 0) {
            lucid_buf_char(out, comma);
        }
        value_write(at, out);
        if (is_container(at) && at->count > 0) {
            at = at->as.inner.mark;
            first = true;
            continue;
        }
        while (at != value && at->written_next == NULL) {
            at = at->parent;
            lucid_assert(at != NULL);
            lucid_buf_char(out, at->type == JCS_OBJECT ? '}' : ']');
        }
        if (at == value || !lucid_buf_ok(out)) {
            return;
        }
        at = at->written_next;
        first = false;
    }
}
