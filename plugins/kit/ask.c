/* What the routes of plugins share: around a handler, answering, lists. */
#include "plugins/kit/ask.h"

#include <stdio.h>

#include "base/assert.h"

enum {
    ARENA_BYTES_MAX = 96 << 20,
    OUT_BYTES_MAX = 16 << 20,
    DEPTH_MAX = 24,
    VALUES_MAX = 65536,
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    LIST_SCAN_MAX = 10000,
};

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
    for (const struct lucid_plugin_code *at = ask_module.codes; at->code != NULL; at++) {
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
        ask->host->log(ask->host, LUCID_PLUGIN_LOG_ERROR, ask_module.corrupt,
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
    struct lucid_why inner = {.code = NULL};
    const struct ask_self *head = self;
    struct ask ask = {.self = self, .host = head->host, .call = call, .command = command};
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
    ask->host->call_respond(ask->call, status, NULL, kit_bytes(lucid_buf_span(&ask->out)));
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

/* --- lists ------------------------------------------------------------------------------------ */

/* A query parameter that is a number from 1 to max; absent: otherwise. */
static enum lucid_error query_u64(struct ask *ask, const char *name, uint64_t max,
                                  uint64_t otherwise, uint64_t *ret, struct lucid_why *why)
{
    struct lucid_span text = kit_span(ask->host->call_query(ask->call, name));
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
                            max == LIST_MAX ? "it must be a number from 1 to 1000"
                                            : "it must be as a page before gave it");
    }
    *ret = value;
    return LUCID_OK;
}

/* The order of the log unless `order` is desc. */
static enum lucid_error order_read(struct ask *ask, struct lucid_why *why)
{
    struct lucid_span order = kit_span(ask->host->call_query(ask->call, "order"));
    ask->newest_first = lucid_span_is(order, "desc");
    if (order.data != NULL && !ask->newest_first && !lucid_span_is(order, "asc")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "order",
                            "the order must be asc or desc");
    }
    return LUCID_OK;
}

enum lucid_error ask_list(struct ask *ask, ask_row_fn *row, struct lucid_why *why)
{
    uint64_t limit = 0;
    uint64_t sequence = 0; /* of the row before; it is the cursor, in either order */
    enum lucid_error error = query_u64(ask, "limit", LIST_MAX, LIST_DEFAULT, &limit, why);
    if (error == LUCID_OK) {
        error = query_u64(ask, "cursor", UINT64_MAX / 16, 0, &sequence, why);
    }
    if (error == LUCID_OK) {
        error = order_read(ask, why);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t count = 0;
    lucid_buf_str(&ask->out, "{\"items\":[");
    for (uint64_t scanned = 0; count < limit && scanned < LIST_SCAN_MAX; scanned++) {
        size_t mark = ask->out.len;
        if (count > 0) {
            lucid_buf_char(&ask->out, ',');
        }
        error = row(ask, sequence, &sequence);
        if (error != LUCID_OK) {
            ask->out.len = mark;
        }
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            break;
        }
        count += error == LUCID_OK ? 1 : 0;
    }
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_NOTE) {
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
