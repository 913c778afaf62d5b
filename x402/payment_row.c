/* Rows of the payment kind as bytes. */
#include "base/assert.h"
#include "x402/payment_internal.h"

/* One walk over the members writes them or reads them, so that both always agree. */
struct walk {
    bool reading;
    bool ok;
    uint8_t *to;
    const uint8_t *from;
    size_t left;
};

static void walk_bytes(struct walk *walk, void *data, size_t len)
{
    if (!walk->ok || len > walk->left) {
        walk->ok = false;
        return;
    }
    if (walk->reading) {
        memcpy(data, walk->from, len);
        walk->from += len;
    } else {
        memcpy(walk->to, data, len);
        walk->to += len;
    }
    walk->left -= len;
}

static void walk_u64(struct walk *walk, uint64_t *value)
{
    uint8_t bytes[8];
    lucid_put_be64(bytes, *value);
    walk_bytes(walk, bytes, sizeof(bytes));
    if (walk->ok) {
        *value = lucid_get_be64(bytes);
    }
}

static void walk_bool(struct walk *walk, bool *value)
{
    uint8_t byte = *value ? 1 : 0;
    walk_bytes(walk, &byte, 1);
    walk->ok = walk->ok && byte <= 1;
    *value = byte == 1;
}

/* A number of at most that. */
static unsigned walk_small(struct walk *walk, unsigned value, unsigned max)
{
    uint8_t byte = (uint8_t)value;
    walk_bytes(walk, &byte, 1);
    walk->ok = walk->ok && byte <= max;
    return byte;
}

/* Length u16 ‖ bytes, in an array of size bytes. */
static void walk_text(struct walk *walk, char *text, size_t size)
{
    uint8_t bytes[2];
    size_t len = walk->reading ? 0 : strlen(text);
    lucid_put_be16(bytes, (uint16_t)len);
    walk_bytes(walk, bytes, sizeof(bytes));
    len = lucid_get_be16(bytes);
    if (len >= size) {
        walk->ok = false;
        return;
    }
    walk_bytes(walk, text, len);
    text[len] = '\0';
}

static void walk_transfer(struct walk *walk, struct x402_transfer *transfer)
{
    walk_bytes(walk, transfer->transaction.bytes, EVM_HASH_BYTES);
    walk_u64(walk, &transfer->log_index);
    walk_bytes(walk, transfer->payer.bytes, EVM_ADDRESS_BYTES);
    walk_u64(walk, &transfer->amount);
    walk_u64(walk, &transfer->block);
    walk_bytes(walk, transfer->block_hash.bytes, EVM_HASH_BYTES);
    walk_u64(walk, &transfer->block_time);
    walk_bytes(walk, transfer->sender.bytes, EVM_ADDRESS_BYTES);
    walk_bool(walk, &transfer->has_nonce);
    walk_bytes(walk, transfer->nonce.bytes, EVM_HASH_BYTES);
    walk_bool(walk, &transfer->final);
}

static void walk_solana(struct walk *walk, struct x402_payment *payment)
{
    struct x402_solana_payment *solana = &payment->solana;
    if (payment->scheme != X402_SCHEME_SOLANA) {
        return;
    }
    walk_bytes(walk, solana->message, sizeof(solana->message));
    walk_bytes(walk, solana->fee_payer, sizeof(solana->fee_payer));
    walk_bytes(walk, solana->payer, sizeof(solana->payer));
    walk_bytes(walk, solana->mint, sizeof(solana->mint));
    walk_u64(walk, &solana->amount);
    walk_bytes(walk, solana->pay_to, sizeof(solana->pay_to));
    walk_bytes(walk, payment->transfer.signature, sizeof(payment->transfer.signature));
}

static void walk_payment(struct walk *walk, struct x402_payment *payment)
{
    walk_bytes(walk, payment->id, sizeof(payment->id));
    payment->status = (enum x402_status)walk_small(walk, payment->status, X402_REVERSED);
    payment->scheme =
        (enum x402_payment_scheme)walk_small(walk, payment->scheme, X402_SCHEME_SOLANA);
    walk_bool(walk, &payment->served);
    walk_bool(walk, &payment->final);
    walk_bool(walk, &payment->bound);
    walk_bool(walk, &payment->foreign);
    walk_bool(walk, &payment->has_transfer);
    walk_u64(walk, &payment->price);
    walk_u64(walk, &payment->amount);
    walk_u64(walk, &payment->version);
    walk_bytes(walk, payment->token.bytes, EVM_ADDRESS_BYTES);
    walk_bytes(walk, payment->payer.bytes, EVM_ADDRESS_BYTES);
    walk_bytes(walk, payment->pay_to.bytes, EVM_ADDRESS_BYTES);
    walk_bytes(walk, payment->request.digest, sizeof(payment->request.digest));
    walk_bytes(walk, payment->request.place, sizeof(payment->request.place));
    walk_bytes(walk, payment->authorization.from.bytes, EVM_ADDRESS_BYTES);
    walk_bytes(walk, payment->authorization.to.bytes, EVM_ADDRESS_BYTES);
    walk_bytes(walk, payment->authorization.value.be, sizeof(payment->authorization.value.be));
    walk_bytes(walk, payment->authorization.valid_after.be,
               sizeof(payment->authorization.valid_after.be));
    walk_bytes(walk, payment->authorization.valid_before.be,
               sizeof(payment->authorization.valid_before.be));
    walk_bytes(walk, payment->authorization.nonce.bytes, EVM_HASH_BYTES);
    walk_bytes(walk, payment->signature.bytes, EVM_SIGNATURE_BYTES);
    walk_bytes(walk, payment->sender.bytes, EVM_ADDRESS_BYTES);
    walk_u64(walk, &payment->from_block);
    walk_transfer(walk, &payment->transfer);
    walk_u64(walk, &payment->reversals);
    walk_u64(walk, &payment->refunded);
    walk_u64(walk, &payment->first_sequence);
    walk_u64(walk, &payment->intent_sequence);
    walk_u64(walk, &payment->settled_sequence);
    walk_u64(walk, &payment->time_ms);
    walk_u64(walk, &payment->sequence);
    walk_text(walk, payment->asset, sizeof(payment->asset));
    walk_text(walk, payment->network, sizeof(payment->network));
    walk_text(walk, payment->facilitator, sizeof(payment->facilitator));
    walk_text(walk, payment->reason, sizeof(payment->reason));
    walk_text(walk, payment->request.method, sizeof(payment->request.method));
    walk_text(walk, payment->request.resource, sizeof(payment->request.resource));
    walk_bool(walk, &payment->has_forward);
    walk_text(walk, payment->identifier, sizeof(payment->identifier));
    walk_solana(walk, payment);
}

size_t payment_row_write(const struct x402_payment *payment, uint8_t ret[PAYMENT_ROW_BYTES_MAX])
{
    struct x402_payment copy = *payment;
    struct walk walk = {.ok = true, .to = ret, .left = PAYMENT_ROW_BYTES_MAX};
    walk_payment(&walk, &copy);
    lucid_assert(walk.ok);
    return PAYMENT_ROW_BYTES_MAX - walk.left;
}

enum lucid_error payment_row_read(struct lucid_span row, struct x402_payment *ret)
{
    struct x402_payment payment = {.version = 0};
    struct walk walk = {.reading = true, .ok = true, .from = row.data, .left = row.len};
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
