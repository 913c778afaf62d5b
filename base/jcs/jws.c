#include "base/jcs/jws.h"

#include "base/assert.h"
#include "base/base64url.h"

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", NULL, "%s", text);
}

/* The part before the next point, or the rest; *rest goes behind it. */
static struct lucid_span part_take(struct lucid_span *rest, bool *ret_point)
{
    const uint8_t *point =
        rest->len == 0 ? NULL : (const uint8_t *)memchr(rest->data, '.', rest->len);
    struct lucid_span part = *rest;
    *ret_point = point != NULL;
    if (point != NULL) {
        part.len = (size_t)(point - rest->data);
        *rest = lucid_span(point + 1, rest->len - part.len - 1);
    } else {
        *rest = lucid_span(NULL, 0);
    }
    return part;
}

static enum lucid_error part_decode(struct lucid_span text, struct lucid_arena *arena,
                                    struct lucid_span *ret, struct lucid_why *why)
{
    size_t len;
    if (!lucid_base64url_is(text, &len)) {
        return refuse(why, "a part of the token is not base64url");
    }
    uint8_t *at = lucid_arena_alloc(arena, len + 1);
    if (at == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (!lucid_base64url_read(text, at, len, &len)) {
        return refuse(why, "a part of the token is not base64url");
    }
    *ret = lucid_span(at, len);
    return LUCID_OK;
}

static enum lucid_error header_read(const struct jcs_limits *limits, struct lucid_arena *arena,
                                    struct jcs_jws *jws, struct lucid_why *why)
{
    enum lucid_error e = jcs_parse(jws->header_bytes, limits, arena, &jws->header, why);
    if (e != LUCID_OK) {
        return e == LUCID_RETRY_MEMORY ? e : refuse(why, "the token's header is no good JSON");
    }
    const struct jcs_value *alg = jcs_member(jws->header, "alg");
    if (alg == NULL || jcs_type(alg) != JCS_STRING) {
        return refuse(why, "the token names no alg");
    }
    if (jcs_member(jws->header, "crit") != NULL) {
        return refuse(why, "the token has critical extensions");
    }
    jws->alg = jcs_string(alg);
    return LUCID_OK;
}

enum lucid_error jcs_jws_read(struct lucid_span token, size_t bytes_max,
                              const struct jcs_limits *limits, struct lucid_arena *arena,
                              struct jcs_jws *ret, struct lucid_why *why)
{
    if (token.len > bytes_max) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_TOKEN", NULL,
                            "the token is longer than %zu bytes", bytes_max);
    }
    struct lucid_span rest = token;
    struct jcs_jws jws = {0};
    bool points[3];
    struct lucid_span first = part_take(&rest, &points[0]);
    struct lucid_span second = part_take(&rest, &points[1]);
    struct lucid_span third = part_take(&rest, &points[2]);
    if (!points[0] || !points[1] || points[2]) {
        return refuse(why, "the token has not three parts");
    }
    jws.input = lucid_span(token.data, first.len + 1 + second.len);
    enum lucid_error e = part_decode(first, arena, &jws.header_bytes, why);
    if (e == LUCID_OK) {
        e = part_decode(second, arena, &jws.payload, why);
    }
    if (e == LUCID_OK) {
        e = part_decode(third, arena, &jws.signature, why);
    }
    if (e == LUCID_OK) {
        e = header_read(limits, arena, &jws, why);
    }
    if (e == LUCID_OK) {
        *ret = jws;
    }
    return e;
}

struct lucid_span jcs_jws_input_write(struct lucid_span header, struct lucid_span payload,
                                      struct lucid_buf *out)
{
    lucid_assert(header.len > 2 && header.data[0] == '{' && header.data[1] == '"');
    size_t start = out->len;
    lucid_base64url_write(out, header);
    lucid_buf_char(out, '.');
    lucid_base64url_write(out, payload);
    return lucid_buf_ok(out) ? lucid_span(out->data + start, out->len - start)
                             : lucid_span(NULL, 0);
}

void jcs_jws_signature_write(struct lucid_span signature, struct lucid_buf *out)
{
    lucid_buf_char(out, '.');
    lucid_base64url_write(out, signature);
}
