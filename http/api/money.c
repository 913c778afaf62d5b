/* Amounts, units, names and weights as members of request bodies and of answers. */
#include <stdio.h>

#include "gas/books.h"
#include "http/api/api_internal.h"

static bool member_refuse(struct http_request *request, const char *code, const char *name,
                          const char *text)
{
    api_problem(request, 422, code, name, text);
    return false;
}

/* The decimal form of a number of any size. */
static bool is_decimal(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len == 1 || (text.len > 1 && text.data[0] != '0');
}

bool api_amount_member(struct http_request *request, const struct jcs_value *document,
                       const char *name, const char *code, const uint64_t *fallback, uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(document, name);
    if (value == NULL) {
        if (fallback == NULL) {
            return member_refuse(request, code, name, "the member is missing");
        }
        *ret = *fallback;
        return true;
    }
    if (jcs_type(value) != JCS_STRING || !is_decimal(jcs_string(value))) {
        return member_refuse(request, code, name,
                             "the amount must be a string of decimal digits without leading zeros");
    }
    if (!gas_amount_parse(jcs_string(value), ret)) {
        return member_refuse(request, "AMOUNT_OVERFLOW", name, "the amount is over 2^63 - 1");
    }
    return true;
}

bool api_unit_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, enum gas_unit fallback, enum gas_unit *ret)
{
    const struct jcs_value *value = jcs_member(document, name);
    if (value == NULL) {
        *ret = fallback;
        return true;
    }
    if (jcs_type(value) != JCS_STRING || !gas_unit_parse(jcs_string(value), ret)) {
        char text[64];
        snprintf(text, sizeof(text), "the unit must be %s or %s", gas_unit_name(GAS_LUCID),
                 gas_unit_name(GAS_USDC));
        return member_refuse(request, code, name, text);
    }
    return true;
}

bool api_name_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(document, name);
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        *ret = (struct lucid_span){0};
        return true;
    }
    if (jcs_type(value) != JCS_STRING || !gas_name_ok(jcs_string(value), GAS_NAME_BYTES_MAX)) {
        return member_refuse(request, code, name,
                             "the name must be a string of 1 to 128 of A-Za-z0-9._:-");
    }
    *ret = jcs_string(value);
    return true;
}

bool api_text_member(struct http_request *request, const struct jcs_value *document,
                     const char *name, const char *code, bool required, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(document, name);
    if (!required && (value == NULL || jcs_type(value) == JCS_NULL)) {
        *ret = (struct lucid_span){0};
        return true;
    }
    if (value == NULL) {
        return member_refuse(request, code, name, "the member is missing");
    }
    if (jcs_type(value) != JCS_STRING) {
        return member_refuse(request, code, name, "the member must be a string");
    }
    *ret = jcs_string(value);
    return true;
}

void api_text_or_null(struct lucid_buf *out, const char *name, const char *text)
{
    if (text[0] == '\0') {
        lucid_json_member_null(out, name);
    } else {
        lucid_json_member_cstr(out, name, text);
    }
}

/* --- weights ---------------------------------------------------------------------------------- */

bool api_weights(struct http_request *request, const struct jcs_value *value, const char *code,
                 struct gas_weights *ret)
{
    static const char shape[] = "the weights must be an object of compute, model and protocol, or "
                                "an array of three numbers";
    bool object = jcs_type(value) == JCS_OBJECT;
    if ((!object && jcs_type(value) != JCS_ARRAY) || jcs_count(value) != GAS_LEGS) {
        return member_refuse(request, code, "split_bps", shape);
    }
    struct gas_weights weights;
    const struct jcs_value *element = NULL;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        const char *leg = gas_leg_name((enum gas_leg)i);
        char param[32];
        element = object ? jcs_member(value, leg) : jcs_next(value, element);
        if (object) {
            snprintf(param, sizeof(param), "split_bps.%s", leg);
        } else {
            snprintf(param, sizeof(param), "split_bps[%zu]", i);
        }
        uint64_t bps;
        if (element == NULL) {
            return member_refuse(request, code, param, "the member is missing");
        }
        if (!jcs_uint(element, &bps) || bps > GAS_BPS) {
            return member_refuse(request, code, param,
                                 "the weight must be an integer from 0 to 10000");
        }
        weights.bps[i] = (uint16_t)bps;
    }
    if (!gas_weights_ok(&weights)) {
        return member_refuse(request, code, "split_bps", "the weights must sum to 10000");
    }
    *ret = weights;
    return true;
}

void api_weights_write(const struct gas_weights *weights, const char *name, struct lucid_buf *out)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '{');
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_json_member_u64(out, gas_leg_name((enum gas_leg)i), weights->bps[i]);
    }
    lucid_buf_char(out, '}');
}
