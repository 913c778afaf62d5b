/* The bytes of a passport: those that are signed, and those that its digest is of. */
#include "plugins/passport/passport.h"

#include "base/assert.h"
#include "plugins/verifier/canonical.h"

static enum lucid_error keep(struct lucid_span form, struct lucid_span *ret)
{
    if (form.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = form;
    return LUCID_OK;
}

enum lucid_error passport_canonical(const struct passport *passport, struct lucid_arena *arena,
                                    struct lucid_span *ret)
{
    return keep(canonical_value(passport->root, arena), ret);
}

static void comma(struct lucid_buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{') {
        lucid_buf_char(out, ',');
    }
}

/* The members of the signature but its value, in any order. */
static void signature_write(const struct jcs_value *signature, const uint8_t *value,
                            struct lucid_buf *out)
{
    const struct jcs_value *at = NULL;
    lucid_buf_char(out, '{');
    while ((at = jcs_next(signature, at)) != NULL) {
        if (!lucid_span_is(jcs_name(at), "value")) {
            comma(out);
            lucid_json_string(out, jcs_name(at));
            lucid_buf_char(out, ':');
            jcs_write(at, out);
        }
    }
    if (value != NULL) {
        lucid_json_member(out, "value");
        lucid_buf_char(out, '"');
        lucid_buf_base64(out, value, PASSPORT_SIGNATURE_BYTES);
        lucid_buf_char(out, '"');
    }
    lucid_buf_char(out, '}');
}

/* The document with another signature.value (NULL: none): written in any order, read and written
 * again. */
static enum lucid_error resigned(const struct passport *passport, const uint8_t *value,
                                 struct lucid_arena *arena, struct lucid_span *ret)
{
    static const struct jcs_limits limits = {.depth_max = PASSPORT_DEPTH_MAX,
                                             .values_max = UINT32_MAX};
    const struct jcs_value *root;
    const struct jcs_value *at = NULL;
    struct lucid_buf out = {.bytes_max = 0};
    lucid_buf_char(&out, '{');
    while ((at = jcs_next(passport->root, at)) != NULL) {
        comma(&out);
        lucid_json_string(&out, jcs_name(at));
        lucid_buf_char(&out, ':');
        if (lucid_span_is(jcs_name(at), "signature")) {
            signature_write(at, value, &out);
        } else {
            jcs_write(at, &out);
        }
    }
    lucid_buf_char(&out, '}');
    struct lucid_span text = canonical_keep(&out, arena);
    if (text.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = jcs_parse(text, &limits, arena, &root, NULL);
    lucid_assert(error == LUCID_OK || error == LUCID_RETRY_MEMORY);
    return error == LUCID_OK ? keep(canonical_value(root, arena), ret) : error;
}

enum lucid_error passport_signing_input(const struct passport *passport, struct lucid_arena *arena,
                                        struct lucid_span *ret)
{
    return resigned(passport, NULL, arena, ret);
}

enum lucid_error passport_signed_write(const struct passport *draft,
                                       const uint8_t signature[PASSPORT_SIGNATURE_BYTES],
                                       struct lucid_arena *arena, struct lucid_span *ret)
{
    return resigned(draft, signature, arena, ret);
}
