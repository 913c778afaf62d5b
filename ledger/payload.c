#include "ledger/payload.h"

#include "ledger/store/store.h"

enum lucid_error payload_parse(struct lucid_span payload, struct lucid_arena *arena,
                               const struct jcs_value **ret_root)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 256};
    enum lucid_error error = jcs_parse(payload, &limits, arena, ret_root, NULL);
    if (error == LUCID_RETRY_MEMORY) {
        return error;
    }
    return error == LUCID_OK ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error payload_uint(const struct jcs_value *root, const char *name, uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    return value != NULL && jcs_uint(value, ret) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error payload_text(const struct jcs_value *root, const char *name,
                              struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = jcs_string(value);
    return LUCID_OK;
}

enum lucid_error payload_hex(const struct jcs_value *root, const char *name, void *out, size_t len)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    if (error != LUCID_OK) {
        return error;
    }
    return lucid_hex_decode(text, out, len) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error payload_copy(struct lucid_span text, char *out, size_t size)
{
    if (text.len >= size || memchr(text.data, 0, text.len) != NULL) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return LUCID_OK;
}

/* Whether the reader of events takes the text as a string: what is logged must be readable. */
static bool text_is_utf8(struct lucid_span text)
{
    enum { ARENA_BYTES = 65536 };
    static const struct jcs_limits limits = {.depth_max = 1, .values_max = 1};
    struct lucid_arena arena;
    struct lucid_buf json;
    const struct jcs_value *value;
    lucid_arena_init(&arena, ARENA_BYTES);
    lucid_buf_init(&json, STORE_PAYLOAD_BYTES_MAX);
    lucid_json_string(&json, text);
    bool ok = lucid_buf_ok(&json) &&
              jcs_parse(lucid_buf_span(&json), &limits, &arena, &value, NULL) == LUCID_OK;
    lucid_buf_fini(&json);
    lucid_arena_fini(&arena);
    return ok;
}

bool payload_name_ok(const char *name, size_t max)
{
    size_t len = strlen(name);
    if (len == 0 || len > max) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return text_is_utf8(lucid_span(name, len));
}

enum lucid_error payload_draft(struct ledger_txn *txn, const char *type, struct lucid_buf *payload,
                               const struct ledger_draft **ret)
{
    struct lucid_span kept = {NULL, 0};
    if (lucid_buf_ok(payload)) {
        kept = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(payload));
    }
    lucid_buf_fini(payload);
    if (kept.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    const struct ledger_draft draft = {.type = type, .payload = kept};
    return ledger_txn_draft(txn, &draft, ret);
}
