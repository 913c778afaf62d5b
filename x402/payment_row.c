/* Rows of the payment kind as bytes. */
#include "base/assert.h"
#include "x402/payment_internal.h"
#include "x402/row_walk.h"

static void walk_transfer(struct row_walk *walk, struct x402_transfer *transfer)
{
    row_walk_bytes(walk, transfer->transaction.bytes, EVM_HASH_BYTES);
    row_walk_u64(walk, &transfer->log_index);
    row_walk_bytes(walk, transfer->payer.bytes, EVM_ADDRESS_BYTES);
    row_walk_u64(walk, &transfer->amount);
    row_walk_u64(walk, &transfer->block);
    row_walk_bytes(walk, transfer->block_hash.bytes, EVM_HASH_BYTES);
    row_walk_u64(walk, &transfer->block_time);
    row_walk_bytes(walk, transfer->sender.bytes, EVM_ADDRESS_BYTES);
    row_walk_bool(walk, &transfer->has_nonce);
    row_walk_bytes(walk, transfer->nonce.bytes, EVM_HASH_BYTES);
    row_walk_bool(walk, &transfer->final);
}

static void walk_solana(struct row_walk *walk, struct x402_payment *payment)
{
    struct x402_solana_payment *solana = &payment->solana;
    if (payment->scheme != X402_SCHEME_SOLANA) {
        return;
    }
    row_walk_bytes(walk, solana->message, sizeof(solana->message));
    row_walk_bytes(walk, solana->fee_payer, sizeof(solana->fee_payer));
    row_walk_bytes(walk, solana->payer, sizeof(solana->payer));
    row_walk_bytes(walk, solana->mint, sizeof(solana->mint));
    row_walk_u64(walk, &solana->amount);
    row_walk_bytes(walk, solana->pay_to, sizeof(solana->pay_to));
    row_walk_bytes(walk, payment->transfer.signature, sizeof(payment->transfer.signature));
}

static void walk_payment(struct row_walk *walk, struct x402_payment *payment)
{
    row_walk_bytes(walk, payment->id, sizeof(payment->id));
    payment->status = (enum x402_status)row_walk_small(walk, payment->status, X402_REVERSED);
    payment->scheme =
        (enum x402_payment_scheme)row_walk_small(walk, payment->scheme, X402_SCHEME_SOLANA);
    row_walk_bool(walk, &payment->served);
    row_walk_bool(walk, &payment->final);
    row_walk_bool(walk, &payment->bound);
    row_walk_bool(walk, &payment->foreign);
    row_walk_bool(walk, &payment->has_transfer);
    row_walk_u64(walk, &payment->price);
    row_walk_u64(walk, &payment->amount);
    row_walk_u64(walk, &payment->version);
    row_walk_bytes(walk, payment->token.bytes, EVM_ADDRESS_BYTES);
    row_walk_bytes(walk, payment->payer.bytes, EVM_ADDRESS_BYTES);
    row_walk_bytes(walk, payment->pay_to.bytes, EVM_ADDRESS_BYTES);
    row_walk_bytes(walk, payment->request.digest, sizeof(payment->request.digest));
    row_walk_bytes(walk, payment->request.place, sizeof(payment->request.place));
    row_walk_bytes(walk, payment->authorization.from.bytes, EVM_ADDRESS_BYTES);
    row_walk_bytes(walk, payment->authorization.to.bytes, EVM_ADDRESS_BYTES);
    row_walk_bytes(walk, payment->authorization.value.be, sizeof(payment->authorization.value.be));
    row_walk_bytes(walk, payment->authorization.valid_after.be,
                   sizeof(payment->authorization.valid_after.be));
    row_walk_bytes(walk, payment->authorization.valid_before.be,
                   sizeof(payment->authorization.valid_before.be));
    row_walk_bytes(walk, payment->authorization.nonce.bytes, EVM_HASH_BYTES);
    row_walk_bytes(walk, payment->signature.bytes, EVM_SIGNATURE_BYTES);
    row_walk_bytes(walk, payment->sender.bytes, EVM_ADDRESS_BYTES);
    row_walk_u64(walk, &payment->from_block);
    walk_transfer(walk, &payment->transfer);
    row_walk_u64(walk, &payment->reversals);
    row_walk_u64(walk, &payment->refunded);
    row_walk_u64(walk, &payment->first_sequence);
    row_walk_u64(walk, &payment->intent_sequence);
    row_walk_u64(walk, &payment->settled_sequence);
    row_walk_u64(walk, &payment->time_ms);
    row_walk_u64(walk, &payment->sequence);
    row_walk_text(walk, payment->asset, sizeof(payment->asset));
    row_walk_text(walk, payment->network, sizeof(payment->network));
    row_walk_text(walk, payment->facilitator, sizeof(payment->facilitator));
    row_walk_text(walk, payment->reason, sizeof(payment->reason));
    row_walk_text(walk, payment->request.method, sizeof(payment->request.method));
    row_walk_text(walk, payment->request.resource, sizeof(payment->request.resource));
    row_walk_bool(walk, &payment->has_forward);
    row_walk_text(walk, payment->identifier, sizeof(payment->identifier));
    walk_solana(walk, payment);
}

size_t payment_row_write(const struct x402_payment *payment, uint8_t ret[PAYMENT_ROW_BYTES_MAX])
{
    struct x402_payment copy = *payment;
    struct row_walk walk = {.ok = true, .to = ret, .left = PAYMENT_ROW_BYTES_MAX};
    walk_payment(&walk, &copy);
    lucid_assert(walk.ok);
    return PAYMENT_ROW_BYTES_MAX - walk.left;
}

enum lucid_error payment_row_read(struct lucid_span row, struct x402_payment *ret)
{
    struct x402_payment payment = {.version = 0};
    struct row_walk walk = {.reading = true, .ok = true, .from = row.data, .left = row.len};
    walk_payment(&walk, &payment);
    if (!walk.ok || walk.left != 0 || payment.status < X402_PENDING ||
        payment.scheme < X402_SCHEME_EIP3009) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = payment;
    return LUCID_OK;
}

bool payment_is_open(const struct x402_payment *payment)
{
    return payment->status != X402_FAILED && !payment->final;
}

void payment_owner_write(const struct payment_owner *owner, uint8_t ret[PAYMENT_KEY_ROW_BYTES])
{
    ret[0] = owner->recorded ? 1 : 0;
    memcpy(ret + 1, owner->id, X402_PAYMENT_ID_BYTES);
    lucid_put_be64(ret + 1 + X402_PAYMENT_ID_BYTES, owner->sequence);
}

enum lucid_error payment_owner_read(struct lucid_span row, struct payment_owner *ret)
{
    if (row.len != PAYMENT_KEY_ROW_BYTES || row.data[0] > 1) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->recorded = row.data[0] == 1;
    memcpy(ret->id, row.data + 1, X402_PAYMENT_ID_BYTES);
    ret->sequence = lucid_get_be64(row.data + 1 + X402_PAYMENT_ID_BYTES);
    return LUCID_OK;
}

struct lucid_span payment_order_key(unsigned status, uint64_t first_sequence,
                                    uint8_t ret[PAYMENT_ORDER_KEY_BYTES])
{
    ret[0] = (uint8_t)status;
    lucid_put_be64(ret + 1, first_sequence);
    return lucid_span(ret, PAYMENT_ORDER_KEY_BYTES);
}
