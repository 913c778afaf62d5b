#include "gas/member_internal.h"

#include "base/assert.h"
#include "ledger/payload.h"

void member_weights_put(struct lucid_buf *out, const char *name, const struct gas_weights *weights)
{
    lucid_json_member(out, name);
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_buf_char(out, i == 0 ? '[' : ',');
        lucid_buf_u64(out, weights->bps[i]);
    }
    lucid_buf_char(out, ']');
}

static void payee_put(struct lucid_buf *out, const char *payee)
{
    if (payee[0] == '\0') {
        lucid_buf_str(out, "null");
    } else {
        lucid_json_string(out, lucid_span_str(payee));
    }
}

void member_payee_put(struct lucid_buf *out, const char *name, const char *payee)
{
    lucid_json_member(out, name);
    payee_put(out, payee);
}

void member_payees_put(struct lucid_buf *out, const char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1])
{
    lucid_json_member(out, "payees");
    lucid_buf_char(out, '[');
    payee_put(out, payees[GAS_COMPUTE]);
    lucid_buf_char(out, ',');
    payee_put(out, payees[GAS_MODEL]);
    lucid_buf_char(out, ']');
}

enum lucid_error member_amount(const struct jcs_value *root, const char *name, uint64_t *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    if (error != LUCID_OK) {
        return error;
    }
    return gas_amount_parse(text, ret) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error member_unit(const struct jcs_value *root, enum gas_unit *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, "unit", &text);
    if (error != LUCID_OK) {
        return error;
    }
    return gas_unit_parse(text, ret) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error member_text(const struct jcs_value *root, const char *name, char *out, size_t size)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK ? payload_copy(text, out, size) : error;
}

enum lucid_error member_text_optional(const struct jcs_value *root, const char *name, char *out,
                                      size_t size)
{
    if (jcs_member(root, name) == NULL) {
        out[0] = '\0';
        return LUCID_OK;
    }
    return member_text(root, name, out, size);
}

enum lucid_error member_weights(const struct jcs_value *root, const char *name,
                                struct gas_weights *ret)
{
    const struct jcs_value *array = jcs_member(root, name);
    const struct jcs_value *at = NULL;
    struct gas_weights weights;
    if (array == NULL || jcs_type(array) != JCS_ARRAY || jcs_count(array) != GAS_LEGS) {
        return LUCID_FATAL_CORRUPT;
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        uint64_t bps;
        at = jcs_next(array, at);
        if (!jcs_uint(at, &bps) || bps > GAS_BPS) {
            return LUCID_FATAL_CORRUPT;
        }
        weights.bps[i] = (uint16_t)bps;
    }
    if (!gas_weights_ok(&weights)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = weights;
    return LUCID_OK;
}

enum lucid_error member_payee(const struct jcs_value *value, char out[GAS_NAME_BYTES_MAX + 1])
{
    if (value == NULL) {
        return LUCID_FATAL_CORRUPT;
    }
    if (jcs_type(value) == JCS_NULL) {
        out[0] = '\0';
        return LUCID_OK;
    }
    if (jcs_type(value) != JCS_STRING || !gas_name_ok(jcs_string(value), GAS_NAME_BYTES_MAX)) {
        return LUCID_FATAL_CORRUPT;
    }
    return payload_copy(jcs_string(value), out, GAS_NAME_BYTES_MAX + 1);
}

bool member_text_take(struct lucid_span text, size_t max, char *out)
{
    if (text.data == NULL) {
        out[0] = '\0';
        return true;
    }
    return payload_copy(text, out, max + 1) == LUCID_OK && payload_name_ok(out, max);
}

bool member_name_take(struct lucid_span name, size_t max, char *out)
{
    if (name.data == NULL) {
        out[0] = '\0';
        return true;
    }
    return gas_name_ok(name, max) && payload_copy(name, out, max + 1) == LUCID_OK;
}
