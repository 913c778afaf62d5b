/* Whether a text is of the exposition format, line by line, with one pass and no memory. */
#include "base/prom.h"

static bool name_first(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool name_rest(uint8_t c)
{
    return name_first(c) || (c >= '0' && c <= '9');
}

/* Takes a name off the front; empty: there is none. */
static struct lucid_span name_take(struct lucid_span *rest)
{
    size_t len = 0;
    while (len < rest->len && (len == 0 ? name_first : name_rest)(rest->data[len])) {
        len++;
    }
    struct lucid_span name = lucid_span(rest->data, len);
    *rest = lucid_span(rest->data + len, rest->len - len);
    return name;
}

static bool text_take(struct lucid_span *rest, const char *text)
{
    size_t len = strlen(text);
    if (rest->len < len || memcmp(rest->data, text, len) != 0) {
        return false;
    }
    *rest = lucid_span(rest->data + len, rest->len - len);
    return true;
}

/* "…", with backslashes before what they escape. */
static bool value_take(struct lucid_span *rest)
{
    if (!text_take(rest, "\"")) {
        return false;
    }
    size_t at = 0;
    while (at < rest->len && rest->data[at] != '"') {
        bool escape = rest->data[at] == '\\';
        if (escape && (at + 1 == rest->len || strchr("\\\"n", rest->data[at + 1]) == NULL ||
                       rest->data[at + 1] == 0)) {
            return false;
        }
        at += escape ? 2 : 1;
    }
    *rest = lucid_span(rest->data + at, rest->len - at);
    return text_take(rest, "\"");
}

static bool labels_take(struct lucid_span *rest)
{
    if (!text_take(rest, "{")) {
        return true;
    }
    bool more = !text_take(rest, "}");
    while (more) {
        struct lucid_span name = name_take(rest);
        if (name.len == 0 || memchr(name.data, ':', name.len) != NULL || !text_take(rest, "=") ||
            !value_take(rest)) {
            return false;
        }
        more = text_take(rest, ",");
        if (!more && !text_take(rest, "}")) {
            return false;
        }
    }
    return true;
}

static size_t digits(struct lucid_span text, size_t at)
{
    size_t from = at;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at - from;
}

/* A decimal with fraction and exponent, or one of those that are none. */
static bool number_is_good(struct lucid_span text)
{
    if (lucid_span_is(text, "+Inf") || lucid_span_is(text, "-Inf") || lucid_span_is(text, "NaN")) {
        return true;
    }
    size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t whole = digits(text, at);
    at += whole;
    size_t part = 0;
    if (at < text.len && text.data[at] == '.') {
        part = digits(text, ++at);
        at += part;
    }
    if (whole + part > 0 && at < text.len && (text.data[at] | 0x20) == 'e') {
        at++;
        at += at < text.len && (text.data[at] == '-' || text.data[at] == '+');
        size_t power = digits(text, at);
        at += power;
        part = power > 0 ? 1 : 0;
        whole = 0;
    }
    return whole + part > 0 && at == text.len;
}

static bool name_is_own(struct lucid_span name, const char *prefix)
{
    size_t len = strlen(prefix);
    return name.len > len && memcmp(name.data, prefix, len) == 0;
}

static bool type_is_known(struct lucid_span type)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "summary", "untyped"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (lucid_span_is(type, types[i])) {
            return true;
        }
    }
    return false;
}

/* The line that begins at *at, without its end; *at: the next. */
static struct lucid_span line_take(struct lucid_span text, size_t *at)
{
    const uint8_t *from = text.data + *at;
    const uint8_t *end = memchr(from, '\n', text.len - *at);
    size_t len = end == NULL ? text.len - *at : (size_t)(end - from);
    *at += len + (end != NULL);
    return lucid_span(from, len);
}

/* Whether a TYPE line before `end` is of that family. */
static bool family_is_there(struct lucid_span text, size_t end, struct lucid_span name)
{
    for (size_t at = 0; at < end;) {
        struct lucid_span line = line_take(text, &at);
        if (text_take(&line, "# TYPE ") && lucid_span_equal(name_take(&line), name)) {
            return true;
        }
    }
    return false;
}

/* The family of a sample, whose name may have an end of a histogram's or summary's. */
static bool sample_has_family(struct lucid_span text, size_t end, struct lucid_span name)
{
    static const char *const ends[] = {"", "_bucket", "_sum", "_count"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len = strlen(ends[i]);
        if (name.len > len && memcmp(name.data + name.len - len, ends[i], len) == 0 &&
            family_is_there(text, end, lucid_span(name.data, name.len - len))) {
            return true;
        }
    }
    return false;
}

static bool line_is_good(struct lucid_span text, size_t begin, struct lucid_span line,
                         const char *prefix)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < 0x20 || line.data[i] == 0x7f) {
            return false;
        }
    }
    if (text_take(&line, "# HELP ")) {
        return name_is_own(name_take(&line), prefix) && text_take(&line, " ");
    }
    if (text_take(&line, "# TYPE ")) {
        struct lucid_span name = name_take(&line);
        return name_is_own(name, prefix) && text_take(&line, " ") && type_is_known(line) &&
               !family_is_there(text, begin, name);
    }
    struct lucid_span name = name_take(&line);
    return name_is_own(name, prefix) && sample_has_family(text, begin, name) &&
           labels_take(&line) && text_take(&line, " ") && number_is_good(line);
}

bool lucid_prom_judge(struct lucid_span text, const char *prefix)
{
    bool good = text.len == 0 || text.data[text.len - 1] == '\n';
    for (size_t at = 0; good && at < text.len;) {
        size_t begin = at;
        good = line_is_good(text, begin, line_take(text, &at), prefix);
    }
    return good;
}
