#include "base/visible.h"

/* U+061C, U+2000 … U+206F: what of them is not seen. */
static bool is_unseen(uint32_t point)
{
    return point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

size_t lucid_unseen(struct lucid_span text, uint32_t *ret_point)
{
    const uint8_t *at = text.data;
    uint32_t point = 0;
    size_t len = 0;
    if (text.len == 0) {
        return 0;
    }
    if (at[0] < 0x20 || at[0] == 0x7f) {
        *ret_point = at[0];
        return 1;
    }
    if (text.len >= 2 && (at[0] == 0xc2 || at[0] == 0xd8)) {
        len = 2;
        point = (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
    } else if (text.len >= 3 && at[0] == 0xe2) {
        len = 3;
        point = 0x2000u | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
    }
    if (len == 0 || !((point >= 0x80 && point <= 0x9f) || is_unseen(point))) {
        return 0;
    }
    *ret_point = point;
    return len;
}

bool lucid_has_unseen(struct lucid_span text)
{
    uint32_t point;
    for (size_t i = 0; i < text.len; i++) {
        if (lucid_unseen(lucid_span(text.data + i, text.len - i), &point) > 0) {
            return true;
        }
    }
    return false;
}
