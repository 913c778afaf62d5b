/* YAML as JSON, event by event; nothing is built but the text and the list of lines. */
#include "plugins/passport/yaml_json.h"

#include <stdio.h>
#include <yaml.h>

enum {
    PATH_BYTES = sizeof(((struct lucid_why *)0)->param),
    NONE = UINT32_MAX,
};

/* Where a value stood. */
struct node {
    uint32_t up; /* index in nodes; NONE: a document */
    uint32_t line;
    uint32_t name_at; /* in names */
    uint32_t name_len;
    uint32_t index; /* of an element or document; NONE: a member */
};

struct level {
    bool mapping;
    bool key_next; /* what comes is a key */
    uint32_t count;
    uint32_t node;
};

struct reader {
    struct yaml_json *json;
    const char *code;
    struct lucid_why *why;
    struct level levels[YAML_JSON_DEPTH_MAX];
    size_t depth;
    size_t values;
    struct node next; /* of the value that comes: its name or index */
    size_t kept;      /* bytes of JSON before the document that is being read */
    bool empty;       /* that document */
};

static enum lucid_error refuse(const struct reader *reader, size_t line, const char *text)
{
    return lucid_refuse(reader->why, LUCID_REFUSE_INVALID, reader->code, NULL, "line %zu: %s", line,
                        text);
}

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}

/* --- plain scalars: the core schema of YAML 1.2 ----------------------------------------------- */

enum plain { PLAIN_TEXT, PLAIN_NULL, PLAIN_TRUE, PLAIN_FALSE, PLAIN_NUMBER, PLAIN_REFUSED };

static bool is_one_of(struct lucid_span text, const char *const *words)
{
    while (*words != NULL && !lucid_span_is(text, *words)) {
        words++;
    }
    return *words != NULL;
}

static size_t digits(struct lucid_span text, size_t at)
{
    size_t from = at;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at - from;
}

static bool is_at(struct lucid_span text, size_t at, const char *bytes)
{
    return at < text.len && strchr(bytes, text.data[at]) != NULL && text.data[at] != '\0';
}

/* [-+]? ( digits ( . digits? )? | . digits ) ( [eE] [-+]? digits )?, and whether JSON has it. */
static enum plain number_kind(struct lucid_span text)
{
    size_t at = is_at(text, 0, "+-") ? 1 : 0;
    bool json = !is_at(text, 0, "+");
    size_t whole = digits(text, at);
    json = json && whole > 0 && (whole == 1 || text.data[at] != '0');
    at += whole;
    size_t fraction = 0;
    if (is_at(text, at, ".")) {
        fraction = digits(text, ++at);
        json = json && fraction > 0;
        at += fraction;
    }
    if (whole + fraction == 0) {
        return PLAIN_TEXT;
    }
    if (is_at(text, at, "eE")) {
        at += is_at(text, at + 1, "+-") ? 2 : 1;
        size_t exponent = digits(text, at);
        if (exponent == 0) {
            return PLAIN_TEXT;
        }
        at += exponent;
    }
    if (at != text.len) {
        return PLAIN_TEXT;
    }
    return json ? PLAIN_NUMBER : PLAIN_REFUSED;
}

static bool all_of(struct lucid_span text, size_t at, const char *bytes)
{
    bool any = at < text.len;
    while (at < text.len && is_at(text, at, bytes)) {
        at++;
    }
    return any && at == text.len;
}

static enum plain plain_kind(struct lucid_span text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const others[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                         "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                         ".NaN",  ".NAN",  NULL};
    if (is_one_of(text, nulls)) {
        return PLAIN_NULL;
    }
    if (is_one_of(text, trues)) {
        return PLAIN_TRUE;
    }
    if (is_one_of(text, falses)) {
        return PLAIN_FALSE;
    }
    bool based = text.len > 2 && text.data[0] == '0' &&
                 ((text.data[1] == 'x' && all_of(text, 2, "0123456789abcdefABCDEF")) ||
                  (text.data[1] == 'o' && all_of(text, 2, "01234567")));
    return based || is_one_of(text, others) ? PLAIN_REFUSED : number_kind(text);
}

/* --- what comes where ------------------------------------------------------------------------- */

/* Notes where a value stands that is about to be written, and writes what goes before it. */
static enum lucid_error value_begin(struct reader *reader, const yaml_event_t *event,
                                    uint32_t *ret_node)
{
    struct yaml_json *json = reader->json;
    struct node node = reader->next;
    node.line = (uint32_t)line_of(event);
    if (++reader->values > YAML_JSON_VALUES_MAX) {
        return lucid_refuse(reader->why, LUCID_REFUSE_TOO_LARGE, reader->code, NULL,
                            "line %zu: there are more than %d values", line_of(event),
                            YAML_JSON_VALUES_MAX);
    }
    if (reader->depth > 0) {
        struct level *level = &reader->levels[reader->depth - 1];
        if (!level->mapping) {
            node = (struct node){.up = level->node, .line = node.line, .index = level->count};
            if (level->count++ > 0) {
                lucid_buf_char(&json->text, ',');
            }
        }
        level->key_next = level->mapping;
    }
    *ret_node = (uint32_t)(json->nodes.len / sizeof(node));
    lucid_buf_put(&json->nodes, &node, sizeof(node));
    return LUCID_OK;
}

static enum lucid_error key_read(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_json *json = reader->json;
    struct level *level = &reader->levels[reader->depth - 1];
    if (event->type != YAML_SCALAR_EVENT) {
        return refuse(reader, line_of(event), "a key is to be text, not a list or a mapping");
    }
    struct lucid_span name = lucid_span(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && lucid_span_is(name, "<<")) {
        return refuse(reader, line_of(event), "merge keys are not read: write the members out");
    }
    if (plain && plain_kind(name) != PLAIN_TEXT) {
        return refuse(reader, line_of(event), "a key is to be text: put it in quotes");
    }
    if (level->count++ > 0) {
        lucid_buf_char(&json->text, ',');
    }
    lucid_json_string(&json->text, name);
    lucid_buf_char(&json->text, ':');
    level->key_next = false;
    reader->next =
        (struct node){.up = level->node,
                      .name_at = (uint32_t)json->names.len,
                      .name_len = (uint32_t)(name.len < PATH_BYTES ? name.len : PATH_BYTES),
                      .index = NONE};
    lucid_buf_put(&json->names, name.data, reader->next.name_len);
    return LUCID_OK;
}

static enum lucid_error scalar_read(struct reader *reader, const yaml_event_t *event)
{
    struct lucid_buf *out = &reader->json->text;
    struct lucid_span text = lucid_span(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    uint32_t node;
    if (plain && !event->data.scalar.plain_implicit) {
        return refuse(reader, line_of(event), "tags are not read");
    }
    /* A document of nothing: what stands behind a last `---`. */
    if (reader->depth == 0 && plain && text.len == 0) {
        return LUCID_OK;
    }
    reader->empty = false;
    enum lucid_error error = value_begin(reader, event, &node);
    if (error != LUCID_OK) {
        return error;
    }
    switch (plain ? plain_kind(text) : PLAIN_TEXT) {
    case PLAIN_TEXT:
        lucid_json_string(out, text);
        break;
    case PLAIN_NULL:
        lucid_buf_str(out, "null");
        break;
    case PLAIN_TRUE:
        lucid_buf_str(out, "true");
        break;
    case PLAIN_FALSE:
        lucid_buf_str(out, "false");
        break;
    case PLAIN_NUMBER:
        lucid_buf_span_put(out, text);
        break;
    case PLAIN_REFUSED:
        return refuse(reader, line_of(event),
                      "this number has a form that is read in different ways: write it in decimal, "
                      "or text in quotes");
    }
    return LUCID_OK;
}

static enum lucid_error container_begin(struct reader *reader, const yaml_event_t *event)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    struct level level = {.mapping = mapping, .key_next = mapping};
    if (reader->depth == YAML_JSON_DEPTH_MAX) {
        return refuse(reader, line_of(event), "lists and mappings are nested too deep");
    }
    reader->empty = false;
    enum lucid_error error = value_begin(reader, event, &level.node);
    if (error == LUCID_OK) {
        lucid_buf_char(&reader->json->text, mapping ? '{' : '[');
        reader->levels[reader->depth++] = level;
    }
    return error;
}

/* What must not stand before a value. NULL: nothing does. */
static const char *prefix_fault(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT) {
        return "aliases are not read: write the value out";
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL) {
        return "anchors are not read";
    }
    return tag != NULL ? "tags are not read" : NULL;
}

static void document_begin(struct reader *reader)
{
    struct yaml_json *json = reader->json;
    reader->kept = json->text.len;
    reader->empty = true;
    reader->next = (struct node){.up = NONE, .index = (uint32_t)json->documents};
    if (json->documents > 0) {
        lucid_buf_char(&json->text, ',');
    }
}

static void document_end(struct reader *reader)
{
    if (reader->empty) {
        reader->json->text.len = reader->kept;
    } else {
        reader->json->documents++;
    }
}

static enum lucid_error event_read(struct reader *reader, const yaml_event_t *event)
{
    const char *fault = prefix_fault(event);
    if (fault != NULL) {
        return refuse(reader, line_of(event), fault);
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        document_begin(reader);
        return LUCID_OK;
    case YAML_DOCUMENT_END_EVENT:
        document_end(reader);
        return LUCID_OK;
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (reader->depth > 0 && reader->levels[reader->depth - 1].key_next) {
            return key_read(reader, event);
        }
        return event->type == YAML_SCALAR_EVENT ? scalar_read(reader, event)
                                                : container_begin(reader, event);
    case YAML_SEQUENCE_END_EVENT:
        reader->depth--;
        lucid_buf_char(&reader->json->text, ']');
        return LUCID_OK;
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        lucid_buf_char(&reader->json->text, '}');
        return LUCID_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_ALIAS_EVENT:
        break;
    }
    return LUCID_OK;
}

/* --- the stream ------------------------------------------------------------------------------- */

static enum lucid_error parse_fault(const struct reader *reader, const yaml_parser_t *parser)
{
    char text[128];
    if (parser->error == YAML_MEMORY_ERROR) {
        return LUCID_RETRY_MEMORY;
    }
    const char *problem = parser->problem != NULL ? parser->problem : "it cannot be read";
    (void)snprintf(text, sizeof(text), "no YAML: %s", problem);
    return refuse(reader, parser->problem_mark.line + 1, text);
}

static enum lucid_error stream_read(struct reader *reader, yaml_parser_t *parser)
{
    enum lucid_error error = LUCID_OK;
    bool ended = false;
    while (error == LUCID_OK && !ended) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0) {
            return parse_fault(reader, parser);
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        error = event_read(reader, &event);
        yaml_event_delete(&event);
    }
    return error;
}

/* The line that ends with what YAML 1.2, 1.1 and editors do not all take for its end (U+0085,
 * U+2028, U+2029, a carriage return alone): what looks like a comment could hold a member. 0: no
 * line does. */
static size_t odd_line(struct lucid_span text)
{
    size_t line = 1;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t *at = text.data + i;
        size_t left = text.len - i;
        bool alone = at[0] == '\r' && (left == 1 || at[1] != '\n');
        bool next = left >= 2 && at[0] == 0xc2 && at[1] == 0x85;
        bool separator = left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] | 1) == 0xa9;
        if (alone || next || separator) {
            return line;
        }
        line += at[0] == '\n' ? 1 : 0;
    }
    return 0;
}

/* Some editors put a byte order mark before a file; libyaml would count it as a column. */
static struct lucid_span mark_skip(struct lucid_span text)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    bool marked = text.len >= sizeof(mark) && memcmp(text.data, mark, sizeof(mark)) == 0;
    return marked ? lucid_span(text.data + sizeof(mark), text.len - sizeof(mark)) : text;
}

enum lucid_error yaml_json_read(struct lucid_span text, const char *name, size_t bytes_max,
                                const char *code, struct yaml_json *ret, struct lucid_why *why)
{
    struct reader reader = {.json = ret, .code = code, .why = why};
    yaml_parser_t parser;
    ret->name = name;
    if (text.len > bytes_max) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, code, NULL,
                            "there are more than %zu bytes", bytes_max);
    }
    text = mark_skip(text);
    size_t odd = odd_line(text);
    if (odd > 0) {
        return refuse(&reader, odd, "a line ends in a way that not all readers know: use LF");
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return LUCID_RETRY_MEMORY;
    }
    /* Without it two bytes at the front would choose UTF-16. */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.len > 0 ? text.data : (const uint8_t *)"", text.len);
    lucid_buf_char(&ret->text, '{');
    lucid_json_member(&ret->text, name);
    lucid_buf_char(&ret->text, '[');
    enum lucid_error error = stream_read(&reader, &parser);
    lucid_buf_str(&ret->text, "]}");
    yaml_parser_delete(&parser);
    bool ok = lucid_buf_ok(&ret->text) && lucid_buf_ok(&ret->nodes) && lucid_buf_ok(&ret->names);
    return error == LUCID_OK && !ok ? LUCID_RETRY_MEMORY : error;
}

/* --- lines ------------------------------------------------------------------------------------ */

static const struct node *node_at(const struct yaml_json *json, size_t index)
{
    return (const struct node *)(const void *)json->nodes.data + index;
}

/* What field.c makes of a place, as far as it fits. Returns the length. */
static size_t path_write(const struct yaml_json *json, size_t index, char path[PATH_BYTES])
{
    const struct node *steps[YAML_JSON_DEPTH_MAX + 1];
    size_t count = 0;
    size_t len = 0;
    for (uint32_t at = (uint32_t)index; at != NONE && count <= YAML_JSON_DEPTH_MAX;) {
        steps[count] = node_at(json, at);
        at = steps[count++]->up;
    }
    len = (size_t)snprintf(path, PATH_BYTES, "%s", json->name);
    while (count > 0 && len < PATH_BYTES) {
        const struct node *step = steps[--count];
        if (step->index != NONE) {
            len += (size_t)snprintf(path + len, PATH_BYTES - len, "[%u]", step->index);
            continue;
        }
        path[len++] = '.';
        for (size_t i = 0; i < step->name_len && len < PATH_BYTES; i++) {
            uint8_t byte = json->names.data[step->name_at + i];
            path[len++] = byte > 0x20 && byte < 0x7f ? (char)byte : '?';
        }
    }
    return len < PATH_BYTES ? len : PATH_BYTES;
}

size_t yaml_json_line(const struct yaml_json *json, const char *param)
{
    size_t count = json->nodes.len / sizeof(struct node);
    size_t line = 0;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        char path[PATH_BYTES];
        size_t len = path_write(json, i, path);
        bool fits = len <= strlen(param) && memcmp(path, param, len) == 0 &&
                    (param[len] == '\0' || param[len] == '.' || param[len] == '[');
        /* Of two members of one name the last is the one too many. */
        if (fits && len >= longest) {
            longest = len;
            line = node_at(json, i)->line;
        }
    }
    return line;
}

void yaml_json_fini(struct yaml_json *json)
{
    lucid_buf_fini(&json->text);
    lucid_buf_fini(&json->nodes);
    lucid_buf_fini(&json->names);
}
