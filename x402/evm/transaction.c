#include "x402/evm/transaction.h"

#include "x402/evm/rlp.h"

#define TYPE_EIP1559 0x02

/* The fields that are signed, without the list's head. */
static void fields_put(const struct evm_transaction *transaction, struct lucid_buf *out)
{
    evm_rlp_u64(out, transaction->chain_id);
    evm_rlp_u64(out, transaction->nonce);
    evm_rlp_u64(out, transaction->tip_wei);
    evm_rlp_u64(out, transaction->max_fee_wei);
    evm_rlp_u64(out, transaction->gas_limit);
    evm_rlp_bytes(out, lucid_span(transaction->to.bytes, sizeof(transaction->to.bytes)));
    evm_rlp_number(out, lucid_span(transaction->value.be, sizeof(transaction->value.be)));
    evm_rlp_bytes(out, transaction->data);
    evm_rlp_list(out, 0); /* access list */
}

/* Type, list head and the fields given. */
static void envelope_put(const struct lucid_buf *fields, struct lucid_buf *out)
{
    lucid_buf_char(out, TYPE_EIP1559);
    evm_rlp_list(out, fields->len);
    lucid_buf_span_put(out, lucid_buf_span(fields));
}

static enum lucid_error digest_of(const struct lucid_buf *fields, struct evm_hash *ret)
{
    struct lucid_buf message = {.bytes_max = 0};
    envelope_put(fields, &message);
    bool ok = lucid_buf_ok(fields) && lucid_buf_ok(&message);
    if (ok) {
        *ret = evm_keccak256(lucid_buf_span(&message));
    }
    lucid_buf_fini(&message);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error evm_transaction_digest(const struct evm_transaction *transaction,
                                        struct evm_hash *ret)
{
    struct lucid_buf fields = {.bytes_max = 0};
    fields_put(transaction, &fields);
    enum lucid_error error = digest_of(&fields, ret);
    lucid_buf_fini(&fields);
    return error;
}

enum lucid_error evm_transaction_sign(const struct evm_key *key,
                                      const struct evm_transaction *transaction,
                                      struct lucid_buf *out, struct evm_hash *ret_hash)
{
    struct lucid_buf fields = {.bytes_max = 0};
    struct evm_hash digest;
    fields_put(transaction, &fields);
    enum lucid_error error = digest_of(&fields, &digest);
    if (error == LUCID_OK) {
        struct evm_signature signature;
        evm_sign(key, &digest, &signature);
        evm_rlp_u64(&fields, signature.bytes[64] - 27U); /* the parity of y */
        evm_rlp_number(&fields, lucid_span(signature.bytes, 32));
        evm_rlp_number(&fields, lucid_span(signature.bytes + 32, 32));
        size_t start = out->len;
        envelope_put(&fields, out);
        if (lucid_buf_ok(&fields) && lucid_buf_ok(out)) {
            *ret_hash = evm_keccak256(lucid_span(out->data + start, out->len - start));
        } else {
            error = LUCID_RETRY_MEMORY;
        }
    }
    lucid_buf_fini(&fields);
    return error;
}
