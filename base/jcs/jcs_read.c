/* The reader: structure of a document. Iterative; the open containers are the parent links. */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

enum { VALUES_AHEAD = 16 };

/* --- where a fault lies --- */

enum { PARAM_BYTES = sizeof(((struct lucid_why *)0)->param) };

struct path_sink {
    char text[PARAM_BYTES];
    size_t len;
    bool cut;
};

/* Appends one piece, a whole character or index, or nothing: so a cut leaves valid UTF-8. */
static void path_put(struct path_sink *sink, const void *bytes, size_t len)
{
    /* Three dots and the NUL must still fit. */
    if (sink->cut || sink->len + len + 4 > sizeof(sink->text)) {
        sink->cut = true;
        return;
    }
    memcpy(sink->text + sink->len, bytes, len);
    sink->len += len;
}

/* Whether a character could disturb a line of a log or a terminal: C0 and C1 controls, DEL, line
 * separators, and the marks that turn the writing direction. */
static bool is_unprintable(const uint8_t *at, size_t len)
{
    if (len == 1) {
        return at[0] < 0x20 || at[0] == 0x7f;
    }
    if (len == 2) {
        return at[0] == 0xc2 && at[1] < 0xa0;
    }
    if (len == 3 && at[0] == 0xe2) {
        return (at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || at[2] >= 0xa8) &&
                at[2] <= 0xae) ||
               (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
    }
    return false;
}

static void path_name_put(struct path_sink *sink, const struct jcs_value *value)
{
    const uint8_t *at = value->name;
    const uint8_t *end = at + value->name_len;
    while (at < end && !sink->cut) {
        size_t len = jcs_utf8_length(at, end);
        lucid_assert(len > 0);
        if (is_unprintable(at, len)) {
            path_put(sink, "?", 1);
        } else {
            path_put(sink, at, len);
        }
        at += len;
    }
}

static void path_index_put(struct path_sink *sink, uint32_t index)
{
    char text[12];
    size_t at = sizeof(text);
    text[--at] = ']';
    do {
        text[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index != 0);
    text[--at] = '[';
    path_put(sink, text + at, sizeof(text) - at);
}

/* The dotted path of a value. Every value on the way is the newest of its container (or has a
 * name), so the container's count gives its index. */
static void path_write(struct path_sink *sink, const struct jcs_value *place)
{
    /* Each step takes a byte at least but for an empty first name, so no more steps can show. */
    const struct jcs_value *steps[PARAM_BYTES + 1];
    size_t depth = 0;
    for (const struct jcs_value *at = place; at != NULL && at->parent != NULL; at = at->parent) {
        depth++;
    }
    const struct jcs_value *at = place;
    for (size_t i = depth; i > 0; i--) {
        if (i <= PARAM_BYTES + 1) {
            steps[i - 1] = at;
        }
        at = at->parent;
    }
    for (size_t i = 0; i < depth && !sink->cut; i++) {
        lucid_assert(i <= PARAM_BYTES);
        if (steps[i]->name == NULL) {
            path_index_put(sink, steps[i]->parent->count - 1);
            continue;
        }
        if (i > 0) {
            path_put(sink, ".", 1);
        }
        path_name_put(sink, steps[i]);
    }
    if (sink->cut) {
        memcpy(sink->text + sink->len, "...", 3);
        sink->len += 3;
    }
    sink->text[sink->len] = '\0';
}

static enum lucid_error reader_refuse_as(const struct jcs_reader *reader, enum lucid_error error,
                                         const uint8_t *at, const char *text)
{
    if (reader->why != NULL) {
        struct path_sink sink = {.len = 0};
        path_write(&sink, reader->place);
        lucid_refuse(reader->why, error, "INVALID_JSON", sink.text, "%s", text);
        reader->why->offset = (size_t)(at - reader->start);
    }
    return error;
}

enum lucid_error jcs_reader_refuse(const struct jcs_reader *reader, const uint8_t *at,
                                   const char *text)
{
    return reader_refuse_as(reader, LUCID_REFUSE_INVALID, at, text);
}

/* --- values --- */

static inline void space_skip(struct jcs_reader *reader)
{
    const uint8_t *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    reader->at = at;
}

/* A byte of the document, or 0 (which JSON has no use for) at its end. */
static inline uint8_t peek(const struct jcs_reader *reader)
{
    return reader->at < reader->end ? *reader->at : 0;
}

static enum lucid_error spare_fill(struct jcs_reader *reader)
{
    if (reader->values_left == 0) {
        return reader_refuse_as(reader, LUCID_REFUSE_TOO_LARGE, reader->at,
                                "the document has too many values");
    }
    uint32_t count = reader->values_left < VALUES_AHEAD ? reader->values_left : VALUES_AHEAD;
    reader->spare = lucid_arena_alloc(reader->arena, count * sizeof(*reader->spare));
    if (reader->spare == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    reader->values_left -= count;
    reader->spare_count = count;
    return LUCID_OK;
}

/* Takes the next value, to stand in parent (NULL: it is the root). */
static enum lucid_error value_begin(struct jcs_reader *reader, struct jcs_value *parent,
                                    struct jcs_value **ret)
{
    if (reader->spare_count == 0) {
        enum lucid_error error = spare_fill(reader);
        if (error != LUCID_OK) {
            return error;
        }
    }
    struct jcs_value *value = reader->spare++;
    reader->spare_count--;
    *value = (struct jcs_value){.parent = parent, .type = JCS_NULL};
    reader->place = value;
    *ret = value;
    return LUCID_OK;
}

/* Appends value to the children of parent, if there is one. */
static inline void value_link(struct jcs_value *parent, struct jcs_value *value)
{
    if (parent == NULL) {
        return;
    }
    struct jcs_value *newest = parent->as.inner.mark;
    if (newest == NULL) {
        parent->as.inner.first = value;
    } else {
        newest->next = value;
        newest->written_next = value;
        if (value->name != NULL && !parent->disordered) {
            parent->disordered = jcs_order_compare(newest, value) >= 0;
        }
    }
    parent->as.inner.mark = value;
    parent->count++;
}

static enum lucid_error word_read(struct jcs_reader *reader, const char *word, size_t len)
{
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0) {
        return jcs_reader_refuse(reader, reader->at, "a word that JSON does not know");
    }
    reader->at += len;
    return LUCID_OK;
}

static enum lucid_error value_unknown(struct jcs_reader *reader)
{
    if (reader->at == reader->end) {
        return jcs_reader_refuse(reader, reader->at, "the document ends where a value should be");
    }
    if (reader->at == reader->start && *reader->at == 0xef) {
        return jcs_reader_refuse(reader, reader->at, "a byte order mark is not allowed");
    }
    return jcs_reader_refuse(reader, reader->at, "this is not the beginning of a value");
}

/* Reads the value at reader->at; of a container only the opening bracket. */
static enum lucid_error value_read(struct jcs_reader *reader, struct jcs_value *value)
{
    enum lucid_error error;
    struct jcs_text text = {.len = 0};
    uint8_t c = peek(reader);
    switch (c) {
    case '"':
        error = jcs_string_read(reader, &text);
        value->type = JCS_STRING;
        value->as.string.data = text.data;
        value->as.string.len = text.len;
        value->plain = text.plain;
        return error;
    case '{':
    case '[':
        if (reader->depth_left == 0) {
            return jcs_reader_refuse(reader, reader->at, "the document is nested too deeply");
        }
        reader->depth_left--;
        reader->at++;
        value->type = c == '{' ? JCS_OBJECT : JCS_ARRAY;
        return LUCID_OK;
    case 't':
        value->type = JCS_TRUE;
        return word_read(reader, "true", 4);
    case 'f':
        value->type = JCS_FALSE;
        return word_read(reader, "false", 5);
    case 'n':
        value->type = JCS_NULL;
        return word_read(reader, "null", 4);
    default:
        if (c != '-' && (c < '0' || c > '9')) {
            return value_unknown(reader);
        }
        value->type = JCS_NUMBER;
        return jcs_number_read(reader, &value->as.number);
    }
}

/* Reads `"name" :` into the value that will stand under it. */
static enum lucid_error name_read(struct jcs_reader *reader, struct jcs_value *value)
{
    reader->place = value->parent;
    space_skip(reader);
    if (peek(reader) != '"') {
        return jcs_reader_refuse(reader, reader->at, "a member name in quotes should be here");
    }
    const uint8_t *quote = reader->at;
    struct jcs_text name = {.len = 0};
    enum lucid_error error = jcs_string_read(reader, &name);
    if (error != LUCID_OK) {
        return error;
    }
    value->name = name.data;
    value->name_len = (uint32_t)name.len;
    value->name_at = (uint32_t)(quote - reader->start);
    value->name_plain = name.plain;
    /* A name in the arena ends where its allocation may; one in the document is followed by it. */
    jcs_order_key(value, name.plain ? reader->end : name.data + name.len);
    reader->place = value;
    space_skip(reader);
    if (peek(reader) != ':') {
        return jcs_reader_refuse(reader, reader->at, "a colon should follow the member name");
    }
    reader->at++;
    return LUCID_OK;
}

/* Orders the members of a complete container; refuses names that came twice. */
static enum lucid_error container_close(struct jcs_reader *reader, struct jcs_value *container)
{
    reader->at++;
    reader->depth_left++;
    container->as.inner.mark = container->as.inner.first;
    if (!container->disordered) {
        return LUCID_OK;
    }
    const struct jcs_value *twice = NULL;
    container->as.inner.mark = jcs_order_sort(container, &twice);
    if (twice != NULL) {
        reader->place = twice;
        return jcs_reader_refuse(reader, reader->start + twice->name_at,
                                 "the object has this member name twice");
    }
    return LUCID_OK;
}

/* Goes on behind a value of *container: over a comma, or out of every container that ends here.
 * *container is then where the next value stands, or NULL at the end of the root. */
static enum lucid_error containers_pass(struct jcs_reader *reader, struct jcs_value **container)
{
    while (*container != NULL) {
        struct jcs_value *open = *container;
        reader->place = open;
        space_skip(reader);
        uint8_t c = peek(reader);
        if (c == ',') {
            reader->at++;
            return LUCID_OK;
        }
        if (c != (open->type == JCS_OBJECT ? '}' : ']')) {
            return jcs_reader_refuse(reader, reader->at,
                                     reader->at == reader->end
                                         ? "the document ends inside an array or object"
                                         : "a comma or the closing bracket should be here");
        }
        enum lucid_error error = container_close(reader, open);
        if (error != LUCID_OK) {
            return error;
        }
        *container = open->parent;
    }
    return LUCID_OK;
}

/* Whether a container just opened ends at once. */
static bool container_is_empty(struct jcs_reader *reader, const struct jcs_value *container)
{
    space_skip(reader);
    return peek(reader) == (container->type == JCS_OBJECT ? '}' : ']');
}

static enum lucid_error document_read(struct jcs_reader *reader, struct jcs_value **ret)
{
    struct jcs_value *container = NULL;
    struct jcs_value *root = NULL;
    do {
        struct jcs_value *value = NULL;
        enum lucid_error error = value_begin(reader, container, &value);
        if (error == LUCID_OK && container != NULL && container->type == JCS_OBJECT) {
            error = name_read(reader, value);
        }
        if (error == LUCID_OK) {
            value_link(container, value);
            space_skip(reader);
            error = value_read(reader, value);
        }
        if (error != LUCID_OK) {
            return error;
        }
        root = root == NULL ? value : root;
        if (value->type == JCS_OBJECT || value->type == JCS_ARRAY) {
            container = value;
            if (!container_is_empty(reader, value)) {
                continue;
            }
        }
        error = containers_pass(reader, &container);
        if (error != LUCID_OK) {
            return error;
        }
    } while (container != NULL);
    *ret = root;
    return LUCID_OK;
}

enum lucid_error jcs_parse(struct lucid_span text, const struct jcs_limits *limits,
                           struct lucid_arena *arena, const struct jcs_value **ret_root,
                           struct lucid_why *why)
{
    static const uint8_t nothing[1] = {0};
    lucid_assert(text.data != NULL || text.len == 0);
    const uint8_t *start = text.len == 0 ? nothing : text.data;
    struct jcs_reader reader = {
        .at = start,
        .end = start + text.len,
        .start = start,
        .arena = arena,
        .why = why,
        .values_left = limits->values_max,
        .depth_left = limits->depth_max,
    };
    if (text.len > UINT32_MAX) {
        return reader_refuse_as(&reader, LUCID_REFUSE_TOO_LARGE, start, "the document is too long");
    }
    struct jcs_value *root = NULL;
    enum lucid_error error = document_read(&reader, &root);
    if (error != LUCID_OK) {
        return error;
    }
    reader.place = NULL;
    space_skip(&reader);
    if (reader.at != reader.end) {
        return jcs_reader_refuse(&reader, reader.at, "something follows the document");
    }
    *ret_root = root;
    return LUCID_OK;
}
