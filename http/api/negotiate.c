/* Which form of an answer a client wants: RFC 9110 12.5.1, as far as one header goes. */
#include <strings.h>

#include "http/api/api_internal.h"

enum { RANGES_MAX = 64, Q_MAX = 1000 };

/* Takes what lies before the first `byte` off the front, blanks around it cut away. */
static struct lucid_span part_take(struct lucid_span *rest, uint8_t byte)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, byte, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    size_t used = end == NULL ? len : len + 1;
    struct lucid_span part = lucid_span(rest->data, len);
    *rest = lucid_span(rest->data + used, rest->len - used);
    while (part.len > 0 && (part.data[0] == ' ' || part.data[0] == '\t')) {
        part = lucid_span(part.data + 1, part.len - 1);
    }
    while (part.len > 0 && (part.data[part.len - 1] == ' ' || part.data[part.len - 1] == '\t')) {
        part.len--;
    }
    return part;
}

/* "1", "0.5", "0.123": thousandths. */
static bool weight_read(struct lucid_span text, unsigned *ret)
{
    if (text.len < 1 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.')) {
        return false;
    }
    unsigned value = text.data[0] == '1' ? Q_MAX : 0;
    unsigned unit = Q_MAX;
    for (size_t i = 2; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        unit /= 10;
        value += (unsigned)(text.data[i] - '0') * unit;
    }
    if (value > Q_MAX) {
        return false;
    }
    *ret = value;
    return true;
}

/* The weight among a range's parameters; false when it is none that the RFC knows. */
static bool range_weight(struct lucid_span parameters, unsigned *ret)
{
    *ret = Q_MAX;
    while (parameters.len > 0) {
        struct lucid_span one = part_take(&parameters, ';');
        if (one.len >= 2 && (one.data[0] == 'q' || one.data[0] == 'Q') && one.data[1] == '=') {
            return weight_read(lucid_span(one.data + 2, one.len - 2), ret);
        }
    }
    return true;
}

/* How exactly a range names a media type: 0 not at all, 1 by its star pair, 2 by its first half, 3
 * whole. */
static unsigned range_fits(struct lucid_span range, const char *type)
{
    size_t half = strcspn(type, "/");
    if (lucid_span_is(range, "*/*")) {
        return 1;
    }
    if (range.len == half + 2 && memcmp(range.data + half, "/*", 2) == 0 &&
        strncasecmp((const char *)range.data, type, half) == 0) {
        return 2;
    }
    return range.len == strlen(type) && strncasecmp((const char *)range.data, type, range.len) == 0
               ? 3
               : 0;
}

/* The weight of one type, and how exactly it is named by the range that gives it. */
static unsigned type_weight(struct lucid_span header, const char *type, unsigned *ret_exact)
{
    unsigned weight = 0;
    *ret_exact = 0;
    for (size_t i = 0; i < RANGES_MAX && header.len > 0; i++) {
        struct lucid_span parameters = part_take(&header, ',');
        struct lucid_span range = part_take(&parameters, ';');
        unsigned exact = range_fits(range, type);
        unsigned q;
        if (exact > *ret_exact && range_weight(parameters, &q)) {
            *ret_exact = exact;
            weight = q;
        }
    }
    return weight;
}

bool api_accept_choose(struct lucid_span header, const char *const *types, size_t count,
                       size_t *ret)
{
    if (header.len == 0) {
        *ret = 0;
        return true;
    }
    unsigned best = 0;
    unsigned best_exact = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned exact;
        unsigned weight = type_weight(header, types[i], &exact);
        if (weight > best || (weight == best && weight > 0 && exact > best_exact)) {
            best = weight;
            best_exact = exact;
            *ret = i;
        }
    }
    return best > 0;
}

bool api_form_choose(struct http_request *request, const char *const *types, size_t count,
                     size_t *ret)
{
    http_add_header(request, "Vary", "Accept");
    if (api_accept_choose(http_header(request, "accept"), types, count, ret)) {
        return true;
    }
    struct lucid_buf text = {0};
    lucid_buf_str(&text, "this is to be had as ");
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(&text, i > 0 ? ", " : "");
        lucid_buf_str(&text, types[i]);
    }
    lucid_buf_char(&text, '\0');
    api_problem(request, 406, "NOT_ACCEPTABLE", NULL,
                lucid_buf_ok(&text) ? (const char *)text.data : "not in a form that is accepted");
    lucid_buf_fini(&text);
    return false;
}
