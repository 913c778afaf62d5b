/* Transactions as they are sent: EIP-1559, signed by the model's one key. */
#include "base/assert.h"
#include "chain_model.h"

/* The next item of an RLP list; its bytes, and what follows. */
static struct lucid_span rlp_next(struct lucid_span *rest)
{
    lucid_assert(rest->len > 0);
    uint8_t first = rest->data[0];
    size_t head = 1;
    size_t len = 0;
    if (first < 0x80) {
        head = 0;
        len = 1;
    } else if (first < 0xb8) {
        len = first - 0x80u;
    } else if (first < 0xc0 || first >= 0xf8) {
        size_t width = first < 0xc0 ? first - 0xb7u : first - 0xf7u;
        for (size_t i = 0; i < width; i++) {
            len = len << 8 | rest->data[1 + i];
        }
        head += width;
    } else {
        len = first - 0xc0u;
    }
    lucid_assert(head + len <= rest->len);
    struct lucid_span item = lucid_span(rest->data + head, len);
    *rest = lucid_span(rest->data + head + len, rest->len - head - len);
    return item;
}

static uint64_t rlp_number(struct lucid_span *rest)
{
    struct lucid_span item = rlp_next(rest);
    uint64_t value = 0;
    lucid_assert(item.len <= 8);
    for (size_t i = 0; i < item.len; i++) {
        value = value << 8 | item.data[i];
    }
    return value;
}

struct model_tx model_read_tx(const struct chain_model *model, const uint8_t *raw, size_t len)
{
    struct model_tx tx = {.from = model->gas, .raw = true};
    lucid_assert(len > 1 && raw[0] == 2);
    struct lucid_span all = lucid_span(raw + 1, len - 1);
    struct lucid_span list = rlp_next(&all);
    lucid_assert(all.len == 0 && rlp_number(&list) == 84532);
    tx.hash = evm_keccak256(lucid_span(raw, len));
    tx.nonce = rlp_number(&list);
    tx.tip = rlp_number(&list);
    tx.max_fee = rlp_number(&list);
    tx.gas_limit = rlp_number(&list);
    lucid_assert(tx.tip <= tx.max_fee);
    struct lucid_span to = rlp_next(&list);
    lucid_assert(to.len == EVM_ADDRESS_BYTES);
    memcpy(tx.to.bytes, to.data, EVM_ADDRESS_BYTES);
    lucid_assert(rlp_next(&list).len == 0); /* no wei */
    struct lucid_span data = rlp_next(&list);
    lucid_assert(data.len <= sizeof(tx.data));
    tx.data_len = data.len;
    memcpy(tx.data, data.data, data.len);
    return tx;
}
