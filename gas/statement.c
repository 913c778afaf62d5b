#include "gas/statement.h"

void gas_sum_format(unsigned __int128 sum, char ret[GAS_SUM_TEXT_BYTES])
{
    char digits[GAS_SUM_TEXT_BYTES];
    size_t len = 0;
    do {
        digits[len++] = (char)('0' + (int)(sum % 10));
        sum /= 10;
    } while (sum > 0);
    for (size_t i = 0; i < len; i++) {
        ret[i] = digits[len - 1 - i];
    }
    ret[len] = '\0';
}

bool gas_sum_parse(struct lucid_span text, unsigned __int128 *ret)
{
    enum { DIGITS_MAX = 38 }; /* any number of so many digits fits */
    unsigned __int128 sum = 0;
    if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *ret = sum;
    return true;
}

void gas_sum_member(struct lucid_buf *out, const char *name, unsigned __int128 sum)
{
    char text[GAS_SUM_TEXT_BYTES];
    gas_sum_format(sum, text);
    lucid_json_member_cstr(out, name, text);
}
