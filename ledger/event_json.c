#include "ledger/event_json.h"

#include "base/jcs/jcs.h"
#include "ledger/note.h"
#include "ledger/receipt_internal.h"

enum {
    DEPTH_MAX = 32,
    VALUES_MAX = 16384,
    DECODED_ARENA_BYTES = 2 << 20,
    TYPE_NAME_BYTES_MAX = STORE_TYPE_BYTES_MAX,
};

/* --- decoded ---------------------------------------------------------------------------------- */

static bool receipt_decode(const struct store_event *event, struct lucid_buf *out)
{
    struct receipt_payload payload;
    if (event->version != 1 || event->entry == NULL ||
        !receipt_payload_decode(event->payload, &payload)) {
        return false;
    }
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "receipt_hash", event->entry, 32);
    lucid_json_member_hex(out, "receipt_signature", event->entry + 64, 64);
    lucid_json_member_cstr(out, "receipt_type", receipt_type_name(payload.facts.type));
    lucid_json_member_str(out, "run_id", payload.facts.run_id);
    lucid_json_member_hex(out, "signer_pubkey", payload.signer, 32);
    lucid_json_member_u64(out, "timestamp", payload.facts.timestamp);
    lucid_buf_char(out, '}');
    return true;
}

static bool head_decode(const struct store_event *event, struct lucid_buf *out)
{
    struct ledger_checkpoint checkpoint;
    struct lucid_span text = event->payload;
    const uint8_t *end = text.len == 0 ? NULL : memmem(text.data, text.len, "\n\n", 2);
    if (event->version != 1 || end == NULL) {
        return false;
    }
    text.len = (size_t)(end - text.data) + 1;
    struct ledger_note note;
    if (ledger_note_open(event->payload, NULL, 0, &note, NULL) != LUCID_REFUSE_UNKNOWN_KEY ||
        ledger_checkpoint_parse(text, &checkpoint, NULL) != LUCID_OK) {
        return false;
    }
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "checkpoint", event->payload);
    lucid_json_member_hex(out, "root", checkpoint.root.bytes, MMR_HASH_BYTES);
    lucid_json_member_u64(out, "size", checkpoint.size);
    lucid_buf_char(out, '}');
    return true;
}

/* A payload that is one JSON object without line ends stands for itself. */
static bool object_decode(const struct store_event *event, struct lucid_buf *out)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX - 1, .values_max = 4096};
    struct lucid_span payload = event->payload;
    if (payload.len < 2 || payload.data[0] != '{' || memchr(payload.data, '\n', payload.len) ||
        memchr(payload.data, '\r', payload.len)) {
        return false;
    }
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, DECODED_ARENA_BYTES);
    bool ok = jcs_parse(payload, &limits, &arena, &root, NULL) == LUCID_OK;
    lucid_arena_fini(&arena);
    if (ok) {
        lucid_buf_span_put(out, payload);
    }
    return ok;
}

/* Appends what the payload says; false: nothing that we know how to say. */
static bool decoded_write(const struct store_event *event, struct lucid_buf *out)
{
    if (lucid_span_is(event->type, RECEIPT_EVENT_TYPE)) {
        return receipt_decode(event, out);
    }
    if (lucid_span_is(event->type, "head")) {
        return head_decode(event, out);
    }
    return object_decode(event, out);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void member_base64(struct lucid_buf *out, const char *name, struct lucid_span data)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    lucid_buf_base64(out, data.data, data.len);
    lucid_buf_char(out, '"');
}

void ledger_event_json_write(const struct ledger_event_record *record, struct lucid_buf *out)
{
    const struct store_event *event = &record->event;
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "sequence", event->sequence);
    lucid_json_member_u64(out, "time_ms", event->time_ms);
    lucid_json_member_time(out, "time", event->time_ms);
    lucid_json_member_str(out, "type", event->type);
    lucid_json_member_u64(out, "version", event->version);
    member_base64(out, "payload", event->payload);
    if (event->entry != NULL) {
        lucid_json_member_hex(out, "entry", event->entry, STORE_ENTRY_BYTES);
        lucid_json_member_u64(out, "leaf_index", record->leaf);
    }
    lucid_json_member_hex(out, "hash", event->hash, STORE_HASH_BYTES);
    struct lucid_buf decoded = {0};
    if (decoded_write(event, &decoded)) {
        lucid_json_member(out, "decoded");
        lucid_buf_span_put(out, lucid_buf_span(&decoded));
        out->failed |= !lucid_buf_ok(&decoded);
    }
    lucid_buf_fini(&decoded);
    if (record->body_erased) {
        lucid_json_member_bool(out, "body_erased", true);
    } else if (record->body_withheld) {
        lucid_json_member_bool(out, "body_withheld", true);
    } else if (record->body.data != NULL) {
        member_base64(out, "body", record->body);
    }
    lucid_buf_char(out, '}');
}

/* --- parsing ---------------------------------------------------------------------------------- */

static enum lucid_error refuse(struct lucid_why *why, const char *member, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "EVENT_MALFORMED", member, "%s %s", member,
                        text);
}

static bool string_get(const struct jcs_value *root, const char *name, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return false;
    }
    *ret = jcs_string(value);
    return true;
}

static bool uint_get(const struct jcs_value *root, const char *name, uint64_t min, uint64_t max,
                     uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    uint64_t number;
    if (value == NULL || !jcs_uint(value, &number) || number < min || number > max) {
        return false;
    }
    *ret = number;
    return true;
}

/* NULL when it is malformed or there is no memory. */
static const uint8_t *hex_get(const struct jcs_value *root, const char *name, size_t len,
                              struct lucid_arena *arena)
{
    struct lucid_span text;
    uint8_t *out = lucid_arena_alloc(arena, len);
    return out != NULL && string_get(root, name, &text) && lucid_hex_decode(text, out, len) ? out
                                                                                            : NULL;
}

static bool base64_get(const struct jcs_value *root, const char *name, size_t max,
                       struct lucid_arena *arena, struct lucid_span *ret)
{
    struct lucid_span text;
    if (!string_get(root, name, &text) || text.len > lucid_base64_len(max)) {
        return false;
    }
    size_t room = text.len / 4 * 3 + 1;
    uint8_t *out = lucid_arena_alloc(arena, room);
    size_t len;
    if (out == NULL || !lucid_base64_decode(text, out, room, &len) || len > max) {
        return false;
    }
    *ret = lucid_span(out, len);
    return true;
}

/* Type names are what the log's programs use: printable ASCII. */
static bool type_ok(struct lucid_span type)
{
    bool ok = type.len >= 1 && type.len <= TYPE_NAME_BYTES_MAX;
    for (size_t i = 0; ok && i < type.len; i++) {
        ok = type.data[i] > 0x20 && type.data[i] < 0x7f;
    }
    return ok;
}

static enum lucid_error header_parse(const struct jcs_value *root, struct store_event *event,
                                     struct lucid_why *why)
{
    uint64_t version;
    if (!uint_get(root, "sequence", 1, UINT64_MAX, &event->sequence)) {
        return refuse(why, "sequence", "must be a number from 1");
    }
    if (!uint_get(root, "time_ms", 0, UINT64_MAX, &event->time_ms)) {
        return refuse(why, "time_ms", "must be Unix milliseconds");
    }
    struct lucid_buf time = {0};
    struct lucid_span text;
    lucid_buf_time(&time, event->time_ms);
    bool same = string_get(root, "time", &text) && lucid_span_equal(text, lucid_buf_span(&time));
    lucid_buf_fini(&time);
    if (!same) {
        return refuse(why, "time", "is not that of time_ms");
    }
    if (!string_get(root, "type", &event->type) || !type_ok(event->type)) {
        return refuse(why, "type", "must be 1 to 32 printable characters");
    }
    if (!uint_get(root, "version", 1, UINT16_MAX, &version)) {
        return refuse(why, "version", "must be a number from 1 to 65535");
    }
    event->version = (uint16_t)version;
    return LUCID_OK;
}

static enum lucid_error entry_parse(const struct jcs_value *root, struct lucid_arena *arena,
                                    struct ledger_event_record *record, struct lucid_why *why)
{
    bool entry = jcs_member(root, "entry") != NULL;
    if (entry != (jcs_member(root, "leaf_index") != NULL)) {
        return refuse(why, "leaf_index", "and entry come together");
    }
    if (!entry) {
        return LUCID_OK;
    }
    record->event.entry = hex_get(root, "entry", STORE_ENTRY_BYTES, arena);
    if (record->event.entry == NULL) {
        return refuse(why, "entry", "must be 256 hex digits");
    }
    if (!uint_get(root, "leaf_index", 0, UINT64_MAX, &record->leaf)) {
        return refuse(why, "leaf_index", "must be a number");
    }
    return LUCID_OK;
}

static enum lucid_error body_parse(const struct jcs_value *root, struct lucid_arena *arena,
                                   struct ledger_event_record *record, struct lucid_why *why)
{
    static const char *const names[] = {"body_erased", "body_withheld"};
    bool *const flags[] = {&record->body_erased, &record->body_withheld};
    bool here = jcs_member(root, "body") != NULL;
    for (size_t i = 0; i < 2; i++) {
        const struct jcs_value *flag = jcs_member(root, names[i]);
        if (flag != NULL && (jcs_type(flag) != JCS_TRUE || here)) {
            return refuse(why, names[i], "must be true, and then there is no body");
        }
        *flags[i] = flag != NULL;
    }
    if (here && !base64_get(root, "body", STORE_BODY_BYTES_MAX, arena, &record->body)) {
        return refuse(why, "body", "must be base64 of at most 65535 bytes");
    }
    return LUCID_OK;
}

static bool value_equal(const struct jcs_value *a, const struct jcs_value *b)
{
    struct lucid_buf left = {0};
    struct lucid_buf right = {0};
    jcs_write(a, &left);
    jcs_write(b, &right);
    bool equal = lucid_buf_ok(&left) && lucid_buf_ok(&right) &&
                 lucid_span_equal(lucid_buf_span(&left), lucid_buf_span(&right));
    lucid_buf_fini(&left);
    lucid_buf_fini(&right);
    return equal;
}

static const struct jcs_value *member_find(const struct jcs_value *object, struct lucid_span name)
{
    const struct jcs_value *at = jcs_next(object, NULL);
    while (at != NULL && !lucid_span_equal(jcs_name(at), name)) {
        at = jcs_next(object, at);
    }
    return at;
}

/* Everything that we read off the payload must be said, and the same; a newer program may say more.
 */
static enum lucid_error decoded_check(const struct jcs_value *root, const struct store_event *event,
                                      struct lucid_arena *arena, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    const struct jcs_value *theirs = jcs_member(root, "decoded");
    struct lucid_buf text = {0};
    bool known = decoded_write(event, &text);
    struct lucid_span copy = {NULL, 0};
    if (known && lucid_buf_ok(&text)) {
        copy = lucid_arena_copy(arena, lucid_buf_span(&text));
    }
    lucid_buf_fini(&text);
    if (!known) {
        return LUCID_OK;
    }
    const struct jcs_value *ours;
    enum lucid_error error =
        copy.data == NULL ? LUCID_RETRY_MEMORY : jcs_parse(copy, &limits, arena, &ours, why);
    if (error != LUCID_OK) {
        return error;
    }
    bool same = theirs != NULL && jcs_type(theirs) == JCS_OBJECT;
    for (const struct jcs_value *at = jcs_next(ours, NULL); same && at != NULL;
         at = jcs_next(ours, at)) {
        const struct jcs_value *twin = member_find(theirs, jcs_name(at));
        same = twin != NULL && value_equal(at, twin);
    }
    return same ? LUCID_OK : refuse(why, "decoded", "is not what the payload says");
}

enum lucid_error ledger_event_json_parse(struct lucid_span line, struct lucid_arena *arena,
                                         struct ledger_event_record *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    struct ledger_event_record record = {.leaf = 0};
    const struct jcs_value *root;
    enum lucid_error error = jcs_parse(line, &limits, arena, &root, why);
    if (error != LUCID_OK) {
        return error == LUCID_REFUSE_TOO_LARGE ? LUCID_REFUSE_INVALID : error;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "EVENT_MALFORMED", NULL,
                            "an event is a JSON object");
    }
    error = header_parse(root, &record.event, why);
    if (error == LUCID_OK &&
        !base64_get(root, "payload", STORE_PAYLOAD_BYTES_MAX, arena, &record.event.payload)) {
        error = refuse(why, "payload", "must be base64 of at most 65535 bytes");
    }
    if (error == LUCID_OK) {
        error = entry_parse(root, arena, &record, why);
    }
    if (error == LUCID_OK) {
        record.event.hash = hex_get(root, "hash", STORE_HASH_BYTES, arena);
        if (record.event.hash == NULL) {
            error = refuse(why, "hash", "must be 64 hex digits");
        }
    }
    if (error == LUCID_OK) {
        error = body_parse(root, arena, &record, why);
    }
    if (error == LUCID_OK) {
        error = decoded_check(root, &record.event, arena, why);
    }
    if (error == LUCID_OK) {
        *ret = record;
    }
    return error;
}
