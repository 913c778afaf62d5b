#include "plugins/verifier/crypto/der.h"

#define LENGTH_OCTETS_MAX 4

/* The length octets at data[1…]: how many they are, and what they say. */
static bool der_length(struct lucid_span at, size_t *ret_octets, size_t *ret_len)
{
    uint8_t first = at.data[1];
    if (first < 0x80) {
        *ret_octets = 1;
        *ret_len = first;
        return true;
    }
    size_t count = first & 0x7f; /* 0: the indefinite form of BER */
    if (count == 0 || count > LENGTH_OCTETS_MAX || at.len - 2 < count || at.data[2] == 0) {
        return false;
    }
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len = len << 8 | at.data[2 + i];
    }
    if (len < 0x80) {
        return false; /* fits the short form */
    }
    *ret_octets = 1 + count;
    *ret_len = len;
    return true;
}

bool der_next(struct lucid_span *at, struct der_item *ret)
{
    size_t octets;
    size_t len;
    if (at->len < 2 || (at->data[0] & 0x1f) == 0x1f || !der_length(*at, &octets, &len) ||
        len > at->len - 1 - octets) {
        return false;
    }
    *ret = (struct der_item){
        .tag = at->data[0],
        .value = lucid_span(at->data + 1 + octets, len),
        .whole = lucid_span(at->data, 1 + octets + len),
    };
    *at = lucid_span(at->data + ret->whole.len, at->len - ret->whole.len);
    return true;
}

bool der_take(struct lucid_span *at, uint8_t tag, struct lucid_span *ret_value)
{
    struct lucid_span rest = *at;
    struct der_item item;
    if (!der_next(&rest, &item) || item.tag != tag) {
        return false;
    }
    *at = rest;
    *ret_value = item.value;
    return true;
}

bool der_only(struct lucid_span data, uint8_t tag, struct lucid_span *ret_value)
{
    struct lucid_span value;
    if (!der_take(&data, tag, &value) || data.len != 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool der_uint(struct lucid_span data, uint64_t *ret)
{
    struct lucid_span value;
    if (!der_only(data, DER_INTEGER, &value) || value.len == 0 || value.data[0] >= 0x80) {
        return false;
    }
    if (value.data[0] == 0 && value.len > 1) {
        if (value.data[1] < 0x80) {
            return false; /* the zero octet is there only to keep a number from being negative */
        }
        value = lucid_span(value.data + 1, value.len - 1);
    }
    if (value.len > sizeof(uint64_t)) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        number = number << 8 | value.data[i];
    }
    *ret = number;
    return true;
}

bool der_ia5(struct lucid_span data, struct lucid_span *ret)
{
    struct lucid_span value;
    if (!der_only(data, DER_IA5_STRING, &value)) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] > 0x7e) {
            return false;
        }
    }
    *ret = value;
    return true;
}
