/* A guestbook on the ledger: a plugin in one file, which knows nothing but <lucid/plugin.h>.
 *
 *   POST /v1/notes        a line of text: logged as event note.added with an entry, so that it has
 *                         an inclusion proof; 201 with the note and its place
 *   GET  /v1/notes        the newest, newest first (?limit=)
 *   GET  /v1/notes/{id}   one, with its place in the log
 *
 * The event's payload is the record {"text":…}; the table holds, under the note's number, when it
 * came, its leaf, and that record. */
#include <lucid/plugin.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_NOTES = 0,
    KEY_BYTES = 8,
    HEAD_BYTES = 16, /* of a row: time in ms, leaf; the record follows */
    TEXT_BYTES_MAX = 4000,
    RECORD_BYTES_MAX = 6 * TEXT_BYTES_MAX + 16,
    LIST_DEFAULT = 20,
    LIST_MAX = 100,
};

/* What open makes. */
struct notes {
    const struct lucid_plugin_host *host;
    size_t bytes_max;
    _Atomic unsigned long written;
};

/* What handle gives decide, and decide leaves for answered. */
struct note_command {
    struct lucid_plugin_bytes record;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    uint64_t id;
    struct lucid_plugin_event event;
};

/* --- small things ----------------------------------------------------------------------------- */

static void put_be64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_be64(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

static struct lucid_plugin_bytes bytes_of(const void *data, size_t len)
{
    return (struct lucid_plugin_bytes){.data = data, .len = len};
}

/* A decimal of at most 18 digits; false: it is none. */
static bool number_read(struct lucid_plugin_bytes text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 18) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = value;
    return true;
}

static enum lucid_plugin_result refuse(struct lucid_plugin_why *why, const char *param,
                                       const char *text)
{
    why->code = "NOTE_REFUSED";
    (void)snprintf(why->param, sizeof(why->param), "%s", param);
    (void)snprintf(why->text, sizeof(why->text), "%s", text);
    return LUCID_PLUGIN_REFUSED;
}

/* Bytes of the UTF-8 character at the beginning; 0: it is none (RFC 3629). */
static size_t character(const uint8_t *at, size_t len)
{
    size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (bytes == 0 || at[0] > 0xf4 || bytes > len) {
        return 0;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : bytes;
}

/* Writes {"text":"…"} to out; its length, 0 when the text is not one line of UTF-8. */
static size_t record_write(struct lucid_plugin_bytes text, uint8_t *out)
{
    static const char before[] = "{\"text\":\"";
    size_t len = sizeof(before) - 1;
    memcpy(out, before, len);
    for (size_t at = 0; at < text.len;) {
        size_t bytes = character(text.data + at, text.len - at);
        if (bytes == 0 || text.data[at] < 0x20 || text.data[at] == 0x7f) {
            return 0;
        }
        if (text.data[at] == '"' || text.data[at] == '\\') {
            out[len++] = '\\';
        }
        memcpy(out + len, text.data + at, bytes);
        len += bytes;
        at += bytes;
    }
    memcpy(out + len, "\"}", 2);
    return len + 2;
}

/* --- the kind: decide, apply ------------------------------------------------------------------ */

/* The writer: numbers are given here, one after the other. Nothing is written by it. */
static enum lucid_plugin_result note_decide(void *self, const struct lucid_plugin_host *host,
                                            struct lucid_plugin_txn *txn, void *data,
                                            struct lucid_plugin_why *why)
{
    (void)self;
    (void)why;
    struct note_command *command = data;
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result =
        host->txn_seek(txn, TABLE_NOTES, LUCID_PLUGIN_SEEK_LAST, bytes_of(NULL, 0), &key, &row);
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    command->id = result == LUCID_PLUGIN_OK ? get_be64(key.data) + 1 : 1;
    const struct lucid_plugin_draft draft = {
        .type = "note.added",
        .payload = command->record,
        .entry = command->entry,
    };
    return host->txn_draft(txn, &draft, &command->event);
}

/* The writer and every replay: the same events make the same rows for ever. */
static enum lucid_plugin_result note_apply(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_txn *txn,
                                           const struct lucid_plugin_event *event)
{
    struct lucid_plugin_bytes last;
    struct lucid_plugin_bytes row;
    uint8_t key[KEY_BYTES];
    uint8_t value[HEAD_BYTES + RECORD_BYTES_MAX];
    enum lucid_plugin_result result =
        host->txn_seek(txn, TABLE_NOTES, LUCID_PLUGIN_SEEK_LAST, bytes_of(NULL, 0), &last, &row);
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    if (event->payload.len > RECORD_BYTES_MAX) {
        return LUCID_PLUGIN_CORRUPT; /* decide never drafted it */
    }
    put_be64(key, result == LUCID_PLUGIN_OK ? get_be64(last.data) + 1 : 1);
    put_be64(value, event->time_ms);
    put_be64(value + 8, event->leaf);
    memcpy(value + HEAD_BYTES, event->payload.data, event->payload.len);
    return host->txn_put(txn, TABLE_NOTES, bytes_of(key, sizeof(key)),
                         bytes_of(value, HEAD_BYTES + event->payload.len));
}

static const struct lucid_plugin_event_type note_types[] = {
    {.name = "note.added", .version = 1},
    {.name = NULL},
};

static const char *const note_tables[] = {"notes", NULL};

static const struct lucid_plugin_kind notes_kinds[] = {
    {
        .name = "notes",
        .fold_version = 1,
        .types = note_types,
        .tables = note_tables,
        .decide = note_decide,
        .apply = note_apply,
    },
    {.name = NULL},
};

/* --- routes ----------------------------------------------------------------------------------- */

static void out_text(const struct lucid_plugin_host *host, struct lucid_plugin_out *out,
                     const char *text)
{
    host->out_put(out, text, strlen(text));
}

/* {"id":…,"logged_at_ms":…,"note":{…},"place":{…}}; view NULL: without the place. */
static enum lucid_plugin_result note_write(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_view *view, uint64_t id,
                                           struct lucid_plugin_bytes row,
                                           struct lucid_plugin_out *out)
{
    char head[96];
    enum lucid_plugin_result result = LUCID_PLUGIN_OK;
    if (row.len < HEAD_BYTES) {
        return LUCID_PLUGIN_CORRUPT;
    }
    (void)snprintf(head, sizeof(head),
                   "{\"id\":%llu,\"logged_at_ms\":%llu,\"note\":", (unsigned long long)id,
                   (unsigned long long)get_be64(row.data));
    out_text(host, out, head);
    host->out_put(out, row.data + HEAD_BYTES, row.len - HEAD_BYTES);
    if (view != NULL) {
        out_text(host, out, ",\"place\":");
        result = host->view_place(view, get_be64(row.data + 8), out);
    }
    out_text(host, out, "}");
    return result;
}

static enum lucid_plugin_result notes_add(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    const struct notes *notes = self;
    const struct lucid_plugin_host *host = notes->host;
    struct lucid_plugin_bytes text = host->call_body(call);
    if (text.len == 0 || text.len > notes->bytes_max) {
        return refuse(why, "", text.len == 0 ? "a note has text" : "the note is too long");
    }
    struct note_command *command = host->call_alloc(call, sizeof(*command));
    uint8_t *record = host->call_alloc(call, 2 * text.len + 16);
    if (command == NULL || record == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    command->record = bytes_of(record, record_write(text, record));
    if (command->record.len == 0) {
        return refuse(why, "", "a note is one line of UTF-8");
    }
    /* Signed here, on a worker: the writer has others to serve. */
    host->entry(host, command->record, command->entry);
    const struct lucid_plugin_command submitted = {.kind = "notes", .data = command};
    host->call_submit(call, &submitted);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result respond_note(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_call *call, int status,
                                             uint64_t id)
{
    uint8_t key[KEY_BYTES];
    struct lucid_plugin_bytes row;
    struct lucid_plugin_view *view = host->call_view(call);
    struct lucid_plugin_out *out = host->out_new(call);
    if (view == NULL || out == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    put_be64(key, id);
    enum lucid_plugin_result result =
        host->view_get(view, "notes", TABLE_NOTES, bytes_of(key, sizeof(key)), &row);
    if (result == LUCID_PLUGIN_OK) {
        result = note_write(host, view, id, row, out);
    }
    if (result == LUCID_PLUGIN_OK && host->out_bytes(out).data == NULL) {
        result = LUCID_PLUGIN_BUSY;
    }
    if (result == LUCID_PLUGIN_OK) {
        host->call_respond(call, status, NULL, host->out_bytes(out));
    }
    return result;
}

/* After the commit. */
static enum lucid_plugin_result notes_added(void *self, struct lucid_plugin_call *call,
                                            struct lucid_plugin_command *submitted,
                                            struct lucid_plugin_why *why)
{
    (void)why;
    struct notes *notes = self;
    const struct note_command *command = submitted->data;
    atomic_fetch_add(&notes->written, 1);
    return respond_note(notes->host, call, 201, command->id);
}

static enum lucid_plugin_result notes_get(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    (void)why;
    const struct notes *notes = self;
    uint64_t id = 0;
    if (!number_read(notes->host->call_param(call, "id"), &id)) {
        return LUCID_PLUGIN_ABSENT;
    }
    return respond_note(notes->host, call, 200, id);
}

static enum lucid_plugin_result notes_list(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_why *why)
{
    const struct notes *notes = self;
    const struct lucid_plugin_host *host = notes->host;
    struct lucid_plugin_bytes asked = host->call_query(call, "limit");
    uint64_t limit = LIST_DEFAULT;
    if (asked.data != NULL && (!number_read(asked, &limit) || limit < 1 || limit > LIST_MAX)) {
        return refuse(why, "limit", "limit must be a number from 1 to 100");
    }
    struct lucid_plugin_view *view = host->call_view(call);
    struct lucid_plugin_out *out = host->out_new(call);
    if (view == NULL || out == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes row;
    uint8_t before[KEY_BYTES];
    enum lucid_plugin_result result = host->view_seek(
        view, "notes", TABLE_NOTES, LUCID_PLUGIN_SEEK_LAST, bytes_of(NULL, 0), &key, &row);
    out_text(host, out, "{\"items\":[");
    for (uint64_t i = 0; i < limit && result == LUCID_PLUGIN_OK; i++) {
        uint64_t id = get_be64(key.data);
        out_text(host, out, i == 0 ? "" : ",");
        result = note_write(host, NULL, id, row, out);
        put_be64(before, id - 1);
        if (result == LUCID_PLUGIN_OK) {
            result = host->view_seek(view, "notes", TABLE_NOTES, LUCID_PLUGIN_SEEK_LE,
                                     bytes_of(before, sizeof(before)), &key, &row);
        }
    }
    out_text(host, out, "]}");
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    if (host->out_bytes(out).data == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    host->call_respond(call, 200, NULL, host->out_bytes(out));
    return LUCID_PLUGIN_OK;
}

static const struct lucid_plugin_route notes_routes[] = {
    {
        .method = "POST",
        .pattern = "/v1/notes",
        .scopes = LUCID_PLUGIN_SCOPE_ADMIN,
        .body_bytes_max = TEXT_BYTES_MAX,
        .handle = notes_add,
        .answered = notes_added,
    },
    {.method = "GET", .pattern = "/v1/notes", .handle = notes_list},
    {.method = "GET", .pattern = "/v1/notes/{id}", .handle = notes_get},
    {.method = NULL},
};

/* --- the plugin ------------------------------------------------------------------------------- */

static enum lucid_plugin_result notes_open(const struct lucid_plugin_host *host, void **ret_self,
                                           struct lucid_plugin_why *why)
{
    (void)why;
    struct notes *notes = calloc(1, sizeof(*notes));
    if (notes == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    notes->host = host;
    notes->bytes_max = (size_t)strtoull(host->setting(host, "bytes_max"), NULL, 10);
    host->log(host, LUCID_PLUGIN_LOG_INFO, "notes.open", "the guestbook is open");
    *ret_self = notes;
    return LUCID_PLUGIN_OK;
}

static void notes_close(void *self)
{
    free(self);
}

static void notes_metrics(void *self, const struct lucid_plugin_host *host,
                          struct lucid_plugin_out *out)
{
    const struct notes *notes = self;
    char text[160];
    int len = snprintf(text, sizeof(text),
                       "# HELP lucid_notes_written_total Notes since the start.\n"
                       "# TYPE lucid_notes_written_total counter\n"
                       "lucid_notes_written_total %lu\n",
                       atomic_load(&notes->written));
    host->out_put(out, text, (size_t)len);
}

static const struct lucid_plugin_setting notes_settings[] = {
    {
        .key = "bytes_max",
        .type = LUCID_PLUGIN_UINT,
        .initial = "280",
        .min = 1,
        .max = TEXT_BYTES_MAX,
        .help = "the longest note, in bytes",
    },
    {.key = NULL},
};

static const struct lucid_plugin_code notes_codes[] = {
    {.code = "NOTE_REFUSED", .status = 422},
    {.code = NULL},
};

/* Of every answer; the service's document has their descriptions. */
#define HEADERS                                                                                    \
    "{\"X-Request-Id\":{\"$ref\":\"#/components/headers/X-Request-Id\"},"                          \
    "\"Cache-Control\":{\"$ref\":\"#/components/headers/CacheAsk\"}}"

static const char notes_openapi[] =
    "{\"paths\":{\"/v1/notes\":{\"get\":{\"operationId\":\"listNotes\","
    "\"summary\":\"The newest notes\",\"security\":[],\"parameters\":[{"
    "\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\","
    "\"minimum\":1,\"maximum\":100,\"default\":20}}],\"responses\":{\"200\":{"
    "\"description\":\"Newest first\",\"headers\":" HEADERS
    ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
    "\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\","
    "\"items\":{\"$ref\":\"#/components/schemas/Note\"}}}}}}},\"default\":{"
    "\"$ref\":\"#/components/responses/Problem\"}}},\"post\":{"
    "\"operationId\":\"addNote\",\"summary\":\"Leave a note\",\"requestBody\":{"
    "\"required\":true,\"content\":{\"text/plain\":{\"schema\":{"
    "\"type\":\"string\"}}}},\"responses\":{\"201\":{\"description\":\"Logged\","
    "\"headers\":" HEADERS ",\"content\":{\"application/json\":{\"schema\":{"
    "\"$ref\":\"#/components/schemas/Note\"}}}},\"default\":{"
    "\"$ref\":\"#/components/responses/Problem\"}}}},\"/v1/notes/{id}\":{\"get\":{"
    "\"operationId\":\"getNote\",\"summary\":\"A note\",\"security\":[],"
    "\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{"
    "\"type\":\"integer\"}}],\"responses\":{\"200\":{"
    "\"description\":\"The note and its place in the log\",\"headers\":" HEADERS
    ",\"content\":{\"application/json\":{\"schema\":{"
    "\"$ref\":\"#/components/schemas/Note\"}}}},\"default\":{"
    "\"$ref\":\"#/components/responses/Problem\"}}}}},\"components\":{\"schemas\":{"
    "\"Note\":{\"type\":\"object\",\"required\":[\"id\",\"logged_at_ms\",\"note\"],"
    "\"properties\":{\"id\":{\"type\":\"integer\"},\"logged_at_ms\":{"
    "\"type\":\"integer\"},\"note\":{\"type\":\"object\",\"required\":[\"text\"],"
    "\"properties\":{\"text\":{\"type\":\"string\"}}},\"place\":{"
    "\"type\":\"object\"}}}}}}";

const struct lucid_plugin lucid_plugin = {
    .abi = LUCID_PLUGIN_ABI,
    .name = "notes",
    .version = NOTES_VERSION,
    .summary = "a guestbook on the ledger (example)",
    .settings = notes_settings,
    .kinds = notes_kinds,
    .routes = notes_routes,
    .codes = notes_codes,
    .openapi = notes_openapi,
    .open = notes_open,
    .close = notes_close,
    .metrics = notes_metrics,
};
