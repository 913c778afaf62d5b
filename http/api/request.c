/* What handlers take from a request: view, numbers, times, JSON. */
#include <strings.h>

#include "http/api/api_internal.h"

enum { DOCUMENT_DEPTH_MAX = 8, DOCUMENT_VALUES_MAX = 256 };

struct api *api_of(struct http_request *request)
{
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    return loop->api;
}

struct ledger_view *api_view_begin(struct http_request *request)
{
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    enum lucid_error error = ledger_view_begin(loop->view);
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return NULL;
    }
    return loop->view;
}

/* Whether text begins with word and goes on with a parameter or nothing; case does not count. */
static bool media_is(struct lucid_span text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp((const char *)text.data, word, len) == 0 &&
           (text.len == len || text.data[len] == ';' || text.data[len] == ' ');
}

static bool media_has_json(struct lucid_span text)
{
    for (size_t i = 0; i + 4 <= text.len && text.data[i] != ';'; i++) {
        if (strncasecmp((const char *)text.data + i, "json", 4) == 0) {
            return true;
        }
    }
    return false;
}

bool api_media_ok(struct http_request *request)
{
    /* Besides JSON: what clients send when nobody told them (curl -d, plain sockets). */
    static const char *const neutral[] = {"text/plain", "application/octet-stream",
                                          "application/x-www-form-urlencoded"};
    struct lucid_span type = http_header(request, "content-type");
    bool ok = type.len == 0 || media_has_json(type);
    for (size_t i = 0; !ok && i < sizeof(neutral) / sizeof(neutral[0]); i++) {
        ok = media_is(type, neutral[i]);
    }
    if (!ok) {
        api_problem(request, 415, "UNSUPPORTED_MEDIA_TYPE", NULL, "the body must be JSON");
    }
    return ok;
}

bool api_decimal(struct lucid_span text, uint64_t *ret)
{
    if (text.len == 0 || text.len > 19 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (value > INT64_MAX) {
        return false;
    }
    *ret = value;
    return true;
}

bool api_query_decimal(struct http_request *request, const char *name, uint64_t fallback,
                       uint64_t *ret)
{
    struct lucid_span text = http_query(request, name);
    if (text.data == NULL) {
        *ret = fallback;
        return true;
    }
    if (!api_decimal(text, ret)) {
        api_bad_parameter(request, name, "not a decimal number");
        return false;
    }
    return true;
}

const struct jcs_value *api_document(struct http_request *request)
{
    static const struct jcs_limits limits = {.depth_max = DOCUMENT_DEPTH_MAX,
                                             .values_max = DOCUMENT_VALUES_MAX};
    return api_document_within(request, &limits);
}

const struct jcs_value *api_document_within(struct http_request *request,
                                            const struct jcs_limits *limits)
{
    if (!api_media_ok(request)) {
        return NULL;
    }
    const struct jcs_value *root;
    struct lucid_why why = {0};
    enum lucid_error error =
        jcs_parse(http_body(request), limits, http_arena(request), &root, &why);
    if (error == LUCID_REFUSE_TOO_LARGE && why.code == NULL) {
        why.code = "INVALID_JSON";
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return NULL;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        api_problem(request, 400, "INVALID_JSON", NULL, "the body must be a JSON object");
        return NULL;
    }
    return root;
}

/* --- times ------------------------------------------------------------------------------------ */

static bool digits_read(struct lucid_span text, size_t at, size_t count, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *ret = value;
    return true;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the date; year from 1970. */
static uint64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint64_t before = year - 1;
    uint64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (uint32_t m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    return days + day - 1;
}

/* ".123456789Z" or "Z": the milliseconds, the rest cut off. */
static bool fraction_read(struct lucid_span text, uint32_t *ret_ms)
{
    uint32_t ms = 0;
    if (text.len > 1) {
        if (text.data[0] != '.' || text.len < 3 || text.len > 11) {
            return false;
        }
        uint32_t weight = 100;
        for (size_t i = 1; i + 1 < text.len; i++) {
            uint32_t digit;
            if (!digits_read(text, i, 1, &digit)) {
                return false;
            }
            ms += digit * weight;
            weight /= 10;
        }
    }
    if (text.data[text.len - 1] != 'Z') {
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool api_time_parse(struct lucid_span text, uint64_t *ret_ms)
{
    uint32_t year, month, day, hour, minute, second, ms;
    if (text.len < 20 || text.data[4] != '-' || text.data[7] != '-' || text.data[10] != 'T' ||
        text.data[13] != ':' || text.data[16] != ':') {
        return false;
    }
    if (!digits_read(text, 0, 4, &year) || !digits_read(text, 5, 2, &month) ||
        !digits_read(text, 8, 2, &day) || !digits_read(text, 11, 2, &hour) ||
        !digits_read(text, 14, 2, &minute) || !digits_read(text, 17, 2, &second) ||
        !fraction_read(lucid_span(text.data + 19, text.len - 19), &ms)) {
        return false;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    uint64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *ret_ms = seconds * 1000 + ms;
    return true;
}
