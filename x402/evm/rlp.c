#include "x402/evm/rlp.h"

/* Head of something of len bytes; short is 0x80 for strings and 0xc0 for lists. */
static void head(struct lucid_buf *out, uint8_t short_base, size_t len)
{
    if (len <= 55) {
        lucid_buf_char(out, (char)(short_base + len));
        return;
    }
    uint8_t be[8];
    lucid_put_be64(be, len);
    size_t skip = 0;
    while (be[skip] == 0) {
        skip++;
    }
    lucid_buf_char(out, (char)(short_base + 55 + (8 - skip)));
    lucid_buf_put(out, be + skip, 8 - skip);
}

void evm_rlp_bytes(struct lucid_buf *out, struct lucid_span data)
{
    if (data.len != 1 || data.data[0] >= 0x80) {
        head(out, 0x80, data.len);
    }
    lucid_buf_span_put(out, data);
}

void evm_rlp_number(struct lucid_buf *out, struct lucid_span big_endian)
{
    while (big_endian.len > 0 && big_endian.data[0] == 0) {
        big_endian = lucid_span(big_endian.data + 1, big_endian.len - 1);
    }
    evm_rlp_bytes(out, big_endian);
}

void evm_rlp_u64(struct lucid_buf *out, uint64_t value)
{
    uint8_t be[8];
    lucid_put_be64(be, value);
    evm_rlp_number(out, lucid_span(be, sizeof(be)));
}

void evm_rlp_list(struct lucid_buf *out, size_t len)
{
    head(out, 0xc0, len);
}
