/* Members of a strict document. Recursion is the caller's: a place holds on to the one above it. */
#include "plugins/verifier/field.h"

#include <stdarg.h>
#include <stdio.h>

#include "plugins/verifier/canonical.h"

enum {
    VALUES_MAX = 16384,
    PATH_BYTES = sizeof(((struct lucid_why *)0)->param),
    PATH_STEPS_MAX = 32,
};

/* --- where a place is ------------------------------------------------------------------------- */

/* Appends what fits; a name from outside is shown without what could disturb a line. */
static size_t path_name(char *path, size_t len, struct lucid_span name)
{
    for (size_t i = 0; i < name.len && len + 4 < PATH_BYTES; i++) {
        uint8_t byte = name.data[i];
        path[len++] = byte > 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    return len;
}

static void path_write(const struct field *at, char path[PATH_BYTES])
{
    const struct field *steps[PATH_STEPS_MAX];
    size_t count = 0;
    for (; at->up != NULL && count < PATH_STEPS_MAX; at = at->up) {
        steps[count++] = at;
    }
    size_t len = 0;
    bool cut = false;
    while (count > 0 && !cut) {
        const struct field *step = steps[--count];
        char index[24];
        if (step->name.data == NULL) {
            int digits = snprintf(index, sizeof(index), "[%zu]", step->index);
            len = path_name(path, len, lucid_span(index, (size_t)digits));
        } else {
            if (len > 0) {
                path[len++] = '.';
            }
            len = path_name(path, len, step->name);
        }
        cut = len + 4 >= PATH_BYTES;
    }
    if (cut) {
        len = PATH_BYTES - 4;
        memcpy(path + len, "...", 3);
        len += 3;
    }
    path[len] = '\0';
}

bool field_refuse(const struct field *at, const char *format, ...)
{
    struct field_reading *reading = at->reading;
    if (reading->error != LUCID_OK) {
        return false;
    }
    char path[PATH_BYTES];
    char text[sizeof(((struct lucid_why *)0)->text)];
    path_write(at, path);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reading->error =
        lucid_refuse(reading->why, LUCID_REFUSE_INVALID, reading->code, path, "%s", text);
    return false;
}

void *field_alloc(const struct field *at, size_t len)
{
    if (at->reading->error != LUCID_OK) {
        return NULL;
    }
    void *memory = lucid_arena_zalloc(at->reading->arena, len == 0 ? 1 : len);
    if (memory == NULL) {
        at->reading->error = LUCID_RETRY_MEMORY;
    }
    return memory;
}

/* --- structure -------------------------------------------------------------------------------- */

enum lucid_error field_parse(struct field_reading *reading, struct lucid_span text,
                             size_t bytes_max, uint32_t depth_max, struct field *ret)
{
    if (text.len > bytes_max) {
        return reading->error =
                   lucid_refuse(reading->why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", NULL,
                                "the document has more than %zu bytes", bytes_max);
    }
    struct lucid_span copy = lucid_arena_copy(reading->arena, text);
    if (copy.data == NULL) {
        return reading->error = LUCID_RETRY_MEMORY;
    }
    const struct jcs_limits limits = {.depth_max = depth_max, .values_max = VALUES_MAX};
    const struct jcs_value *root = NULL;
    reading->error = jcs_parse(copy, &limits, reading->arena, &root, reading->why);
    if (reading->error != LUCID_OK) {
        return reading->error;
    }
    *ret = (struct field){.reading = reading, .value = root};
    if (jcs_type(root) != JCS_OBJECT) {
        field_refuse(ret, "the document is no JSON object");
    }
    return reading->error;
}

struct field field_member(const struct field *object, const char *name)
{
    return (struct field){.reading = object->reading,
                          .up = object,
                          .value = jcs_member(object->value, name),
                          .name = lucid_span_str(name)};
}

struct field field_walk(const struct field *container)
{
    return (struct field){.reading = container->reading, .up = container, .index = SIZE_MAX};
}

bool field_next(const struct field *container, struct field *at)
{
    if (container->value == NULL || container->reading->error != LUCID_OK) {
        return false;
    }
    at->value = jcs_next(container->value, at->value);
    if (at->value == NULL) {
        return false;
    }
    at->name = jcs_name(at->value);
    at->index++;
    return true;
}

bool field_required(const struct field *at)
{
    return at->reading->error == LUCID_OK &&
           (at->value != NULL || field_refuse(at, "this member is missing"));
}

/* Whether there is something to look at; a failed reading looks at nothing. */
static bool is_there(const struct field *at)
{
    return at->reading->error == LUCID_OK && at->value != NULL;
}

static bool is_good(const struct field *at)
{
    return at->reading->error == LUCID_OK;
}

bool field_object(const struct field *at, const char *const *names)
{
    if (!is_there(at)) {
        return is_good(at);
    }
    if (jcs_type(at->value) != JCS_OBJECT) {
        return field_refuse(at, "must be an object");
    }
    struct field member = field_walk(at);
    while (names != NULL && field_next(at, &member)) {
        size_t i = 0;
        while (names[i] != NULL && !lucid_span_is(member.name, names[i])) {
            i++;
        }
        if (names[i] == NULL) {
            return field_refuse(&member, "no such member is known");
        }
    }
    return true;
}

bool field_array(const struct field *at, size_t min, size_t max)
{
    if (!is_there(at)) {
        return is_good(at);
    }
    if (jcs_type(at->value) != JCS_ARRAY) {
        return field_refuse(at, "must be a list");
    }
    size_t count = jcs_count(at->value);
    if (count < min || count > max) {
        return field_refuse(at, "must have %zu to %zu elements", min, max);
    }
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

bool field_bool(const struct field *at, bool *ret)
{
    if (!is_there(at)) {
        return is_good(at);
    }
    enum jcs_type type = jcs_type(at->value);
    if (type != JCS_TRUE && type != JCS_FALSE) {
        return field_refuse(at, "must be true or false");
    }
    *ret = type == JCS_TRUE;
    return true;
}

bool field_uint(const struct field *at, uint64_t min, uint64_t max, uint64_t *ret)
{
    if (!is_there(at)) {
        return is_good(at);
    }
    uint64_t number = 0;
    if (jcs_type(at->value) != JCS_NUMBER || !jcs_uint(at->value, &number) || number < min ||
        number > max) {
        return field_refuse(at, "must be a whole number of %llu to %llu", (unsigned long long)min,
                            (unsigned long long)max);
    }
    *ret = number;
    return true;
}

bool field_text(const struct field *at, size_t min, size_t max, struct lucid_span *ret)
{
    if (!is_there(at)) {
        return is_good(at);
    }
    if (jcs_type(at->value) != JCS_STRING) {
        return field_refuse(at, "must be a string");
    }
    struct lucid_span text = jcs_string(at->value);
    if (text.len < min || text.len > max) {
        return field_refuse(at, "must have %zu to %zu bytes", min, max);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return field_refuse(at, "must not hold control characters");
        }
    }
    *ret = text;
    return true;
}

static bool is_word_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

bool field_name(const struct field *at, size_t max, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 1, max, &text)) {
        return is_good(at);
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        bool mark = byte == '.' || byte == '_' || byte == ':' || byte == '-';
        if (!is_word_byte(byte) && (!mark || i == 0)) {
            return field_refuse(at, "must be letters and digits, with . _ : - between");
        }
    }
    *ret = text;
    return true;
}

bool field_choice(const struct field *at, const char *const *words, size_t *ret)
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 0, 64, &text)) {
        return is_good(at);
    }
    char list[128] = "";
    size_t len = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (lucid_span_is(text, words[i])) {
            *ret = i;
            return true;
        }
        int put = snprintf(list + len, sizeof(list) - len, "%s%s", i == 0 ? "" : ", ", words[i]);
        len = put > 0 && (size_t)put < sizeof(list) - len ? len + (size_t)put : len;
    }
    return field_refuse(at, "must be one of: %s", list);
}

bool field_type(const struct field *document, const char *name)
{
    const char *const names[] = {name, NULL};
    struct field type = field_member(document, "type");
    size_t chosen = 0;
    return field_required(&type) && field_choice(&type, names, &chosen);
}

bool field_hex(const struct field *at, size_t min, size_t max, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 0, 2 * max, &text)) {
        return is_good(at);
    }
    size_t len = text.len / 2;
    uint8_t *bytes = field_alloc(at, len);
    if (bytes == NULL) {
        return false;
    }
    if (len < min || !lucid_hex_decode(text, bytes, len)) {
        return field_refuse(at, "must be %zu to %zu bytes in lower-case hex", min, max);
    }
    *ret = lucid_span(bytes, len);
    return true;
}

bool field_digest(const struct field *at, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 0, 128, &text)) {
        return is_good(at);
    }
    if (!canonical_digest_read(text, ret)) {
        return field_refuse(at, "must be sha256: and 64 lower-case hex digits");
    }
    return true;
}

bool field_base64(const struct field *at, size_t len, uint8_t *ret)
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 0, lucid_base64_len(len), &text)) {
        return is_good(at);
    }
    size_t decoded = 0;
    if (!lucid_base64_decode(text, ret, len, &decoded) || decoded != len) {
        return field_refuse(at, "must be %zu bytes in base64 with padding", len);
    }
    return true;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Decimal digits at a place; UINT32_MAX: others stand there. */
static uint32_t digits_at(struct lucid_span text, size_t at, size_t count)
{
    uint32_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return UINT32_MAX;
        }
        value = 10 * value + (uint32_t)(text.data[i] - '0');
    }
    return value;
}

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01 of a date that was checked. */
static uint64_t days_before(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t past = year - 1;
    uint64_t days = past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + day - 1;
    return days + (month > 2 && is_leap(year) ? 1 : 0) - 719162;
}

bool field_time_read(struct lucid_span text, uint64_t *ret_ms)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    if ((text.len != 20 && text.len != 24) || text.data[text.len - 1] != 'Z' ||
        (text.len == 24 && text.data[19] != '.')) {
        return false;
    }
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] != 'd' && text.data[i] != (uint8_t)form[i]) {
            return false;
        }
    }
    uint32_t year = digits_at(text, 0, 4);
    uint32_t month = digits_at(text, 5, 2);
    uint32_t day = digits_at(text, 8, 2);
    uint32_t hour = digits_at(text, 11, 2);
    uint32_t minute = digits_at(text, 14, 2);
    uint32_t second = digits_at(text, 17, 2);
    uint32_t ms = text.len == 24 ? digits_at(text, 20, 3) : 0;
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || hour > 23 ||
        minute > 59 || second > 59 || ms > 999 ||
        day > (month == 2 && is_leap(year) ? 29U : lengths[month - 1])) {
        return false;
    }
    *ret_ms =
        (days_before(year, month, day) * 86400 + hour * 3600U + minute * 60U + second) * 1000 + ms;
    return true;
}

bool field_time(const struct field *at, uint64_t *ret_ms)
{
    struct lucid_span text = {.data = NULL};
    if (!is_there(at) || !field_text(at, 0, 24, &text)) {
        return is_good(at);
    }
    return field_time_read(text, ret_ms) ||
           field_refuse(at, "must be a time in UTC such as 2026-11-21T10:00:00Z");
}

struct field field_must(const struct field *object, const char *name)
{
    struct field at = field_member(object, name);
    field_required(&at);
    return at;
}

bool field_must_bool(const struct field *object, const char *name, bool *ret)
{
    struct field at = field_must(object, name);
    return field_bool(&at, ret);
}

bool field_must_uint(const struct field *object, const char *name, uint64_t max, uint64_t *ret)
{
    struct field at = field_must(object, name);
    return field_uint(&at, 0, max, ret);
}

bool field_must_text(const struct field *object, const char *name, size_t min, size_t max,
                     struct lucid_span *ret)
{
    struct field at = field_must(object, name);
    return field_text(&at, min, max, ret);
}

bool field_must_digest(const struct field *object, const char *name,
                       uint8_t ret[LUCID_SHA256_BYTES])
{
    struct field at = field_must(object, name);
    return field_digest(&at, ret);
}
