/* What the routes share: reading requests strictly, answering, lists. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "plugins/verifier/module.h"
#include "plugins/verifier/scheme.h"

enum {
    ARENA_BYTES_MAX = 96 << 20,
    OUT_BYTES_MAX = 16 << 20,
    DEPTH_MAX = 24,
    VALUES_MAX = 65536,
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
};

#define TIME_MAX_S 253402300799ULL /* the year 9999 */

/* --- around a handler ------------------------------------------------------------------------- */

/* The code if the plugin or the service has it, else one that fits everything. */
static const char *code_known(const char *code)
{
    static const char *const service[] = {"BODY_TOO_LARGE", "FORBIDDEN", "INVALID_JSON",
                                          "INVALID_PARAMETER", "SIGNATURE_INVALID"};
    for (size_t i = 0; code != NULL && i < sizeof(service) / sizeof(service[0]); i++) {
        if (strcmp(service[i], code) == 0) {
            return code;
        }
    }
    for (const struct lucid_plugin_code *at = verifier_codes; at->code != NULL; at++) {
        if (code != NULL && strcmp(at->code, code) == 0) {
            return code;
        }
    }
    return "INVALID_REQUEST";
}

static enum lucid_plugin_result refuse(const struct ask *ask, enum lucid_error error,
                                       const struct lucid_why *why, struct lucid_plugin_why *ret)
{
    switch (lucid_category(error)) {
    case LUCID_CATEGORY_OK:
        return LUCID_PLUGIN_OK;
    case LUCID_CATEGORY_NOTE:
        return error == LUCID_NOTE_ERASED ? LUCID_PLUGIN_ERASED : LUCID_PLUGIN_ABSENT;
    case LUCID_CATEGORY_RETRY:
        return LUCID_PLUGIN_BUSY;
    case LUCID_CATEGORY_FATAL:
        ask->host->log(ask->host, LUCID_PLUGIN_LOG_ERROR, "attestation.corrupt",
                       why->text[0] != '\0' ? why->text : "what was read back is not consistent");
        return LUCID_PLUGIN_CORRUPT;
    case LUCID_CATEGORY_REFUSE:
        break;
    }
    ret->code = code_known(why->code);
    (void)snprintf(ret->param, sizeof(ret->param), "%s", why->param);
    (void)snprintf(ret->text, sizeof(ret->text), "%s",
                   why->text[0] != '\0' ? why->text : "the request is not valid");
    return LUCID_PLUGIN_REFUSED;
}

enum lucid_plugin_result ask_answered(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_command *command, ask_fn *handler,
                                      struct lucid_plugin_why *why)
{
    struct verifier *verifier = self;
    struct ask ask = {
        .verifier = verifier, .host = verifier->host, .call = call, .command = command};
    struct lucid_why inner = {.code = NULL};
    lucid_arena_init(&ask.arena, ARENA_BYTES_MAX);
    lucid_buf_init(&ask.out, OUT_BYTES_MAX);
    ask.now_ms = ask.host->call_now_ms(call);
    enum lucid_error error = handler(&ask, &inner);
    enum lucid_plugin_result result = refuse(&ask, error, &inner, why);
    lucid_buf_fini(&ask.out);
    lucid_arena_fini(&ask.arena);
    return result;
}

enum lucid_plugin_result ask_run(void *self, struct lucid_plugin_call *call, ask_fn *handler,
                                 struct lucid_plugin_why *why)
{
    return ask_answered(self, call, NULL, handler, why);
}

enum lucid_error ask_view(struct ask *ask)
{
    if (ask->view == NULL) {
        ask->view = ask->host->call_view(ask->call);
    }
    return ask->view != NULL ? LUCID_OK : LUCID_RETRY_BUSY;
}

enum lucid_error ask_answer(struct ask *ask, int status)
{
    if (!lucid_buf_ok(&ask->out)) {
        return LUCID_RETRY_MEMORY;
    }
    ask->host->call_respond(ask->call, status, NULL, kind_bytes(lucid_buf_span(&ask->out)));
    return LUCID_OK;
}

enum lucid_error ask_keep(struct ask *ask, struct lucid_span bytes, struct lucid_plugin_bytes *ret)
{
    uint8_t *copy = ask->host->call_alloc(ask->call, bytes.len + 1);
    if (copy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    *ret = (struct lucid_plugin_bytes){copy, bytes.len};
    return LUCID_OK;
}

enum lucid_error ask_keep_canonical(struct ask *ask, struct lucid_buf *text,
                                    struct lucid_plugin_bytes *ret)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    const struct jcs_value *root;
    struct lucid_span copy = lucid_buf_ok(text)
                                 ? lucid_arena_copy(&ask->arena, lucid_buf_span(text))
                                 : (struct lucid_span){0};
    if (copy.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = jcs_parse(copy, &limits, &ask->arena, &root, NULL);
    lucid_assert(lucid_category(error) != LUCID_CATEGORY_REFUSE); /* it is ours */
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_clear(text);
    jcs_write(root, text);
    return lucid_buf_ok(text) ? ask_keep(ask, lucid_buf_span(text), ret) : LUCID_RETRY_MEMORY;
}

/* --- reading ---------------------------------------------------------------------------------- */

enum lucid_error ask_document(struct ask *ask, const char *const *members,
                              const struct jcs_value **ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    const struct jcs_value *root;
    struct lucid_span body = kind_span(ask->host->call_body(ask->call));
    enum lucid_error error = jcs_parse(body, &limits, &ask->arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_JSON", NULL,
                            "the body must be a JSON object");
    }
    error = ask_members_only(root, "", members, why);
    if (error == LUCID_OK) {
        *ret = root;
    }
    return error;
}

static void name_copy(struct lucid_span name, char out[64])
{
    size_t len = name.len < 63 ? name.len : 63;
    for (size_t i = 0; i < len; i++) {
        out[i] = name.data[i] >= 0x20 && name.data[i] < 0x7f ? (char)name.data[i] : '?';
    }
    out[len] = '\0';
}

enum lucid_error ask_members_only(const struct jcs_value *object, const char *where,
                                  const char *const *members, struct lucid_why *why)
{
    for (const struct jcs_value *at = jcs_next(object, NULL); at != NULL;
         at = jcs_next(object, at)) {
        bool known = false;
        for (size_t i = 0; members[i] != NULL; i++) {
            known = known || lucid_span_is(jcs_name(at), members[i]);
        }
        if (!known) {
            char param[160];
            char name[64];
            name_copy(jcs_name(at), name);
            (void)snprintf(param, sizeof(param), "%s%s", where, name);
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param,
                                "there is no such member");
        }
    }
    return LUCID_OK;
}

enum lucid_error ask_text(const struct jcs_value *object, const char *where, const char *name,
                          bool required, size_t max, struct lucid_span *ret, struct lucid_why *why)
{
    char param[96];
    const struct jcs_value *value = jcs_member(object, name);
    (void)snprintf(param, sizeof(param), "%s%s", where, name);
    if (value == NULL && !required) {
        *ret = (struct lucid_span){0};
        return LUCID_OK;
    }
    if (value == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param, "it is missing");
    }
    if (jcs_type(value) != JCS_STRING || jcs_string(value).len == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param,
                            "it must be a text that is not empty");
    }
    if (jcs_string(value).len > max) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_REQUEST", param,
                            "it must have at most %zu bytes", max);
    }
    *ret = jcs_string(value);
    return LUCID_OK;
}

enum lucid_error ask_base64(struct ask *ask, struct lucid_span text, size_t max, const char *param,
                            struct lucid_span *ret, struct lucid_why *why)
{
    size_t len = 0;
    if (text.len > lucid_base64_len(max)) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_REQUEST", param,
                            "it must have at most %zu bytes", max);
    }
    uint8_t *bytes = ask->host->call_alloc(ask->call, text.len / 4 * 3 + 1);
    if (bytes == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (!lucid_base64_decode(text, bytes, text.len / 4 * 3, &len) || len == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param,
                            "it must be padded base64 of at least one byte");
    }
    *ret = lucid_span(bytes, len);
    return LUCID_OK;
}

enum lucid_error ask_digest(struct lucid_span text, const char *param,
                            uint8_t ret[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    if (!canonical_digest_read(text, ret) && !lucid_hex_decode(text, ret, LUCID_SHA256_BYTES)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param,
                            "it must be sha256: and 64 lower-case hex digits");
    }
    return LUCID_OK;
}

enum lucid_error ask_scheme(const struct ask *ask, struct lucid_span type, const char *param,
                            struct lucid_why *why)
{
    const struct scheme *scheme = type.data == NULL ? NULL : scheme_find(type);
    if (scheme == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "EVIDENCE_TYPE_UNKNOWN", param,
                            "this kind of evidence is not known here");
    }
    if (scheme->is_mock && !ask->verifier->allow_mock) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "MOCK_NOT_ALLOWED", param,
                            "this verifier takes no mock evidence");
    }
    return LUCID_OK;
}

enum lucid_error ask_test_time(const struct ask *ask, const struct jcs_value *body, uint64_t *ret,
                               struct lucid_why *why)
{
    const struct jcs_value *time = jcs_member(body, "test_time");
    uint64_t time_s = ask->now_ms / 1000;
    if (time != NULL && !ask->host->test) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "TEST_ONLY", "test_time",
                            "only a store made by `lucid log init --test` takes it");
    }
    if (time != NULL && (!jcs_uint(time, &time_s) || time_s > TIME_MAX_S)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "test_time",
                            "it must be a whole number of Unix seconds");
    }
    *ret = time_s;
    return LUCID_OK;
}

enum lucid_error ask_id(struct ask *ask, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_span text = kind_span(ask->host->call_param(ask->call, "id"));
    return ask_digest(text, "id", ret, NULL) == LUCID_OK ? LUCID_OK : LUCID_NOTE_ABSENT;
}

/* --- the log ---------------------------------------------------------------------------------- */

/* What we ask of a snapshot is never refused; if it is, something is wrong with the store. */
static enum lucid_error error_of(enum lucid_plugin_result result)
{
    return result == LUCID_PLUGIN_REFUSED ? LUCID_FATAL_CORRUPT : kind_error(result);
}

enum lucid_error ask_blob(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                          struct lucid_span *ret)
{
    struct lucid_plugin_bytes bytes;
    enum lucid_error error = error_of(ask->host->view_blob(ask->view, digest, &bytes));
    if (error == LUCID_OK) {
        *ret = kind_span(bytes);
    }
    return error;
}

enum lucid_error ask_logged(struct ask *ask, uint64_t sequence, struct lucid_span *ret_payload,
                            struct lucid_span *ret_body)
{
    struct lucid_plugin_event event;
    struct lucid_plugin_bytes body = {0};
    enum lucid_error error = error_of(ask->host->view_event(ask->view, sequence, &event));
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_BUSY ? error : LUCID_FATAL_CORRUPT;
    }
    error = error_of(ask->host->view_body(ask->view, sequence, &body));
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_NOTE) {
        return error;
    }
    *ret_payload = kind_span(event.payload);
    *ret_body = error == LUCID_OK ? kind_span(body) : (struct lucid_span){0};
    return LUCID_OK;
}

enum lucid_error ask_keys(struct ask *ask, uint8_t (*ret)[32], size_t max, size_t *ret_count)
{
    size_t count = 0;
    enum lucid_error error = LUCID_OK;
    while (count < max) {
        uint64_t since_ms;
        uint64_t until_ms;
        error = error_of(ask->host->view_key(ask->view, count, ret[count], &since_ms, &until_ms));
        if (error != LUCID_OK) {
            break;
        }
        count++;
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    *ret_count = count;
    return LUCID_OK;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* A query parameter that is a number from 1 to max; absent: otherwise. */
static enum lucid_error query_u64(struct ask *ask, const char *name, uint64_t max,
                                  uint64_t otherwise, uint64_t *ret, struct lucid_why *why)
{
    struct lucid_span text = kind_span(ask->host->call_query(ask->call, name));
    uint64_t value = 0;
    if (text.data == NULL) {
        *ret = otherwise;
        return LUCID_OK;
    }
    for (size_t i = 0; i < text.len && value <= max; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - 9) / 10) {
            value = 0;
            break;
        }
        value = value * 10 + digit;
    }
    if (value == 0 || value > max) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", name,
                            "it must be a number from 1 on, as a page before gave it");
    }
    *ret = value;
    return LUCID_OK;
}

enum lucid_error ask_list(struct ask *ask, ask_row_fn *row, struct lucid_why *why)
{
    uint64_t limit = 0;
    uint64_t before = 0;
    enum lucid_error error = query_u64(ask, "limit", LIST_MAX, LIST_DEFAULT, &limit, why);
    if (error == LUCID_OK) {
        error = query_u64(ask, "cursor", UINT64_MAX / 16, 0, &before, why);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t sequence = before;
    uint64_t count = 0;
    lucid_buf_str(&ask->out, "{\"items\":[");
    for (; count < limit; count++) {
        size_t mark = ask->out.len;
        if (count > 0) {
            lucid_buf_char(&ask->out, ',');
        }
        error = row(ask, sequence, &sequence);
        if (error != LUCID_OK) {
            ask->out.len = mark;
            break;
        }
    }
    if (error != LUCID_OK && error != LUCID_NOTE_END) {
        return error;
    }
    lucid_buf_char(&ask->out, ']');
    if (error == LUCID_NOTE_END) {
        lucid_buf_str(&ask->out, ",\"next_cursor\":null}");
    } else {
        lucid_buf_printf(&ask->out, ",\"next_cursor\":\"%llu\"}", (unsigned long long)sequence);
    }
    return ask_answer(ask, 200);
}

/* --- writing ---------------------------------------------------------------------------------- */

enum lucid_error ask_place_write(struct ask *ask, const struct kind_row *row)
{
    struct lucid_plugin_out *place = ask->host->out_new(ask->call);
    if (place == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (ask->host->view_place(ask->view, row->leaf, place) != LUCID_PLUGIN_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    struct lucid_plugin_bytes text = ask->host->out_bytes(place);
    if (text.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_json_member(&ask->out, "receipt");
    lucid_buf_span_put(&ask->out, kind_span(text));
    return LUCID_OK;
}

/* A summary is an object: its members go on in the row. */
void ask_row_write(struct ask *ask, const struct kind_row *row, const char *name)
{
    struct lucid_buf *out = &ask->out;
    lucid_buf_char(out, '{');
    if (name != NULL) {
        lucid_json_member_hex(out, name, row->id, sizeof(row->id));
    } else {
        canonical_digest(out, "id", row->id);
    }
    lucid_json_member_u64(out, "sequence", row->sequence);
    lucid_json_member_u64(out, "leaf_index", row->leaf);
    lucid_json_member_time(out, "logged_at", row->time_ms);
    if (row->summary.len > 2) {
        lucid_buf_char(out, ',');
        lucid_buf_put(out, row->summary.data + 1, row->summary.len - 2);
    }
    lucid_buf_char(out, '}');
}

enum lucid_error ask_item_row(struct ask *ask, enum kind_item item, const char *name,
                              uint64_t before, uint64_t *ret_sequence)
{
    struct kind_row row;
    enum lucid_error error = kind_before(ask->host, ask->view, item, before, &row);
    if (error == LUCID_OK) {
        ask_row_write(ask, &row, name);
        *ret_sequence = row.sequence;
    }
    return error;
}
