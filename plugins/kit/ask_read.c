/* Reading requests strictly. */
#include <stdio.h>

#include "plugins/kit/ask.h"
#include "plugins/verifier/canonical.h"

enum { DEPTH_MAX = 24, VALUES_MAX = 65536 };

enum lucid_error ask_document(struct ask *ask, const char *const *members,
                              const struct jcs_value **ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    const struct jcs_value *root;
    struct lucid_span body = kit_span(ask->host->call_body(ask->call));
    enum lucid_error error = jcs_parse(body, &limits, &ask->arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_JSON", NULL,
                            "the body must be a JSON object");
    }
    error = members != NULL ? ask_members_only(root, "", members, why) : LUCID_OK;
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

static enum lucid_error too_large(struct lucid_why *why, const char *param, size_t max)
{
    return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_REQUEST", param,
                        "it must have at most %zu bytes", max);
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
        return too_large(why, param, max);
    }
    *ret = jcs_string(value);
    return LUCID_OK;
}

enum lucid_error ask_base64(struct ask *ask, struct lucid_span text, size_t max, const char *param,
                            struct lucid_span *ret, struct lucid_why *why)
{
    size_t len = 0;
    if (text.len > lucid_base64_len(max)) {
        return too_large(why, param, max);
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
    return len <= max ? LUCID_OK : too_large(why, param, max);
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

enum lucid_error ask_id(struct ask *ask, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_span text = kit_span(ask->host->call_param(ask->call, "id"));
    return ask_digest(text, "id", ret, NULL) == LUCID_OK ? LUCID_OK : LUCID_NOTE_ABSENT;
}

enum lucid_error ask_flag(struct ask *ask, const char *name, bool *ret, struct lucid_why *why)
{
    struct lucid_span text = kit_span(ask->host->call_query(ask->call, name));
    bool set = lucid_span_is(text, "1") || lucid_span_is(text, "true");
    if (text.len > 0 && !set && !lucid_span_is(text, "0") && !lucid_span_is(text, "false")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", name,
                            "it must be 1 or 0");
    }
    *ret = set;
    return LUCID_OK;
}
