#include "x402/payload_read.h"

#include <string.h>

#include "gas/amount.h"
#include "ledger/payload.h"

enum lucid_error payload_read_text(const struct jcs_value *root, const char *name, char *out,
                                   size_t size)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK ? payload_copy(text, out, size) : error;
}

enum lucid_error payload_read_text_optional(const struct jcs_value *root, const char *name,
                                            char *out, size_t size)
{
    if (jcs_member(root, name) == NULL) {
        out[0] = '\0';
        return LUCID_OK;
    }
    return payload_read_text(root, name, out, size);
}

enum lucid_error payload_read_amount(const struct jcs_value *root, const char *name, uint64_t *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK && !gas_amount_parse(text, ret) ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error payload_read_u256(const struct jcs_value *root, const char *name,
                                   struct evm_u256 *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK && !evm_u256_parse_decimal(text, ret) ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error payload_read_bool(const struct jcs_value *root, const char *name, bool *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL || (jcs_type(value) != JCS_TRUE && jcs_type(value) != JCS_FALSE)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = jcs_type(value) == JCS_TRUE;
    return LUCID_OK;
}

enum lucid_error payload_read_0x(const struct jcs_value *root, const char *name, void *out,
                                 size_t len)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    if (error != LUCID_OK) {
        return error;
    }
    if (text.len != 2 + 2 * len || memcmp(text.data, "0x", 2) != 0 ||
        !lucid_hex_decode(lucid_span(text.data + 2, 2 * len), out, len)) {
        return LUCID_FATAL_CORRUPT;
    }
    return LUCID_OK;
}

enum lucid_error payload_read_address(const struct jcs_value *root, const char *name,
                                      struct evm_address *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK && !evm_address_parse(text, ret) ? LUCID_FATAL_CORRUPT : error;
}
