/* Names of payments: ids, keys, states. */
#include <stdio.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "x402/payment_internal.h"

static const char *const status_names[] = {
    [X402_PENDING] = "pending", [X402_FAILED] = "failed",     [X402_SETTLED] = "settled",
    [X402_STRAY] = "stray",     [X402_REVERSED] = "reversed",
};

const char *x402_status_name(enum x402_status status)
{
    lucid_assert(status >= X402_PENDING && status <= X402_REVERSED);
    return status_names[status];
}

bool x402_status_parse(struct lucid_span name, enum x402_status *ret)
{
    for (int status = X402_PENDING; status <= X402_REVERSED; status++) {
        if (lucid_span_is(name, status_names[status])) {
            *ret = (enum x402_status)status;
            return true;
        }
    }
    return false;
}

const char *x402_scheme_name(enum x402_payment_scheme scheme)
{
    static const char *const names[] = {[X402_SCHEME_EIP3009] = "eip3009",
                                        [X402_SCHEME_TRANSFER] = "transfer",
                                        [X402_SCHEME_SOLANA] = "solana"};
    lucid_assert(scheme >= X402_SCHEME_EIP3009 && scheme <= X402_SCHEME_SOLANA);
    return names[scheme];
}

bool payment_is_solana(const char *network)
{
    return strncmp(network, "solana:", 7) == 0;
}

void payment_base58(const uint8_t *bytes, size_t len, char *ret, size_t size)
{
    struct lucid_buf text;
    lucid_buf_init(&text, X402_SOLANA_SIGNATURE_TEXT_MAX);
    x402_base58_write(&text, bytes, len);
    lucid_assert(lucid_buf_ok(&text) && text.len < size); /* no memory for that little: as misuse */
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    lucid_buf_fini(&text);
}

void x402_payment_transaction_text(const struct x402_payment *payment,
                                   char ret[X402_TRANSACTION_BYTES_MAX + 1])
{
    const struct x402_transfer *transfer = &payment->transfer;
    if (payment->scheme == X402_SCHEME_SOLANA) {
        payment_base58(transfer->signature, sizeof(transfer->signature), ret,
                       X402_TRANSACTION_BYTES_MAX + 1);
    } else {
        evm_hash_text(&transfer->transaction, ret);
    }
}

static void party_text(const struct x402_payment *payment, const struct evm_address *address,
                       const uint8_t key[X402_SOLANA_KEY_BYTES], char ret[X402_PARTY_BYTES_MAX + 1])
{
    if (payment->scheme == X402_SCHEME_SOLANA) {
        payment_base58(key, X402_SOLANA_KEY_BYTES, ret, X402_PARTY_BYTES_MAX + 1);
    } else {
        evm_address_text(address, ret);
    }
}

void x402_payment_payer_text(const struct x402_payment *payment, char ret[X402_PARTY_BYTES_MAX + 1])
{
    party_text(payment, &payment->payer, payment->solana.payer, ret);
}

void x402_payment_pay_to_text(const struct x402_payment *payment,
                              char ret[X402_PARTY_BYTES_MAX + 1])
{
    party_text(payment, &payment->pay_to, payment->solana.pay_to, ret);
}

void x402_payment_token_text(const struct x402_payment *payment, char ret[X402_PARTY_BYTES_MAX + 1])
{
    party_text(payment, &payment->token, payment->solana.mint, ret);
}

bool x402_identifier_ok(struct lucid_span text)
{
    if (text.len < X402_IDENTIFIER_BYTES_MIN || text.len > X402_IDENTIFIER_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

void x402_payment_prepare(struct x402_payment_command *command, enum x402_payment_verb verb)
{
    *command = (struct x402_payment_command){
        .command = {.kind = &x402_payment_kind, .verb = (unsigned)verb, .commit_alone = true},
    };
}

void x402_payment_id(struct lucid_span key, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(key, hash);
    memcpy(ret, hash, X402_PAYMENT_ID_BYTES);
}

void payment_key_authorization(const char *network, const struct evm_address *token,
                               const struct evm_address *from, const struct evm_hash *nonce,
                               struct x402_spent_key *ret)
{
    char token_text[EVM_ADDRESS_TEXT_BYTES + 1];
    char from_text[EVM_ADDRESS_TEXT_BYTES + 1];
    char nonce_text[EVM_HASH_TEXT_BYTES + 1];
    evm_address_text(token, token_text);
    evm_address_text(from, from_text);
    evm_hash_text(nonce, nonce_text);
    int len = snprintf(ret->text, sizeof(ret->text), "%s/%s/%s/%s", network, token_text, from_text,
                       nonce_text);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void payment_key_transfer(const char *network, const struct evm_hash *transaction,
                          uint64_t log_index, struct x402_spent_key *ret)
{
    char text[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(transaction, text);
    int len = snprintf(ret->text, sizeof(ret->text), "%s/%s/%llu", network, text,
                       (unsigned long long)log_index);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void payment_key_all(const char *network, const struct evm_hash *transaction,
                     struct x402_spent_key *ret)
{
    char text[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(transaction, text);
    int len = snprintf(ret->text, sizeof(ret->text), "%s/%s/all", network, text);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void x402_key_authorization(const struct x402_network *network, const struct evm_address *from,
                            const struct evm_hash *nonce, struct x402_spent_key *ret)
{
    payment_key_authorization(network->caip2, &network->token, from, nonce, ret);
}

void x402_key_transfer(const struct x402_network *network, const struct evm_hash *transaction,
                       uint64_t log_index, struct x402_spent_key *ret)
{
    payment_key_transfer(network->caip2, transaction, log_index, ret);
}

void payment_key_message(const char *network, const uint8_t message[LUCID_SHA256_BYTES],
                         struct x402_spent_key *ret)
{
    char text[2 * LUCID_SHA256_BYTES + 1] = "";
    lucid_hex_encode(message, LUCID_SHA256_BYTES, text);
    int len = snprintf(ret->text, sizeof(ret->text), "%s/%s", network, text);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void payment_key_signature(const char *network,
                           const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES],
                           struct x402_spent_key *ret)
{
    char text[X402_SOLANA_SIGNATURE_TEXT_MAX + 1];
    payment_base58(signature, X402_SOLANA_SIGNATURE_BYTES, text, sizeof(text));
    int len = snprintf(ret->text, sizeof(ret->text), "%s/%s", network, text);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

void x402_key_solana(const struct x402_network *network, const uint8_t message[LUCID_SHA256_BYTES],
                     struct x402_spent_key *ret)
{
    payment_key_message(network->caip2, message, ret);
}

/* --- what a recorded payment occupies --------------------------------------------------------- */

/* 0|[1-9][0-9]* below 2^64. */
static bool decimal_parse(struct lucid_span text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *ret = value;
    return true;
}

/* The rest after a prefix; false when it does not begin so. */
static bool prefix_take(struct lucid_span text, const char *prefix, struct lucid_span *ret)
{
    size_t len = strlen(prefix);
    if (text.len < len || memcmp(text.data, prefix, len) != 0) {
        return false;
    }
    *ret = lucid_span(text.data + len, text.len - len);
    return true;
}

static bool evm_recorded(const char *network, struct lucid_span transaction,
                         struct x402_spent_key *ret)
{
    struct evm_hash hash;
    uint64_t log_index;
    if (transaction.len < EVM_HASH_TEXT_BYTES ||
        !evm_hash_parse(lucid_span(transaction.data, EVM_HASH_TEXT_BYTES), &hash)) {
        return false;
    }
    if (transaction.len == EVM_HASH_TEXT_BYTES) {
        payment_key_all(network, &hash, ret);
        return true;
    }
    struct lucid_span rest = lucid_span(transaction.data + EVM_HASH_TEXT_BYTES + 1,
                                        transaction.len - EVM_HASH_TEXT_BYTES - 1);
    if (transaction.data[EVM_HASH_TEXT_BYTES] != '/' || !decimal_parse(rest, &log_index)) {
        return false;
    }
    payment_key_transfer(network, &hash, log_index, ret);
    return true;
}

/* A signature of Solana: 64 bytes in base58 (case counts), so no key of a message is taken. */
static bool solana_recorded(const char *network, struct lucid_span text, struct x402_spent_key *ret)
{
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    if (!x402_base58_parse(text, signature, sizeof(signature))) {
        return false;
    }
    payment_key_signature(network, signature, ret);
    return true;
}

bool payment_key_recorded(const char *network, const char *transaction, struct x402_spent_key *ret)
{
    struct lucid_span rest;
    uint64_t chain;
    if (prefix_take(lucid_span_str(network), "eip155:", &rest)) {
        return decimal_parse(rest, &chain) &&
               evm_recorded(network, lucid_span_str(transaction), ret);
    }
    return prefix_take(lucid_span_str(network), "solana:", &rest) && rest.len > 0 &&
           solana_recorded(network, lucid_span_str(transaction), ret);
}

size_t payment_key_prefix(struct lucid_span key)
{
    enum { SEPARATORS = 2 };
    size_t found = 0;
    size_t last = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '/') {
            if (found == 1 && i - last != EVM_HASH_TEXT_BYTES + 1) {
                return 0;
            }
            found++;
            last = i;
        }
    }
    return found == SEPARATORS ? last + 1 : 0;
}

size_t payment_keys(const struct x402_payment *payment,
                    struct x402_spent_key ret[X402_SPENT_KEYS_MAX])
{
    const struct x402_transfer *transfer = &payment->transfer;
    size_t count = 0;
    if (payment->scheme == X402_SCHEME_EIP3009) {
        payment_key_authorization(payment->network, &payment->token, &payment->authorization.from,
                                  &payment->authorization.nonce, &ret[count++]);
    }
    if (payment->scheme == X402_SCHEME_SOLANA) {
        payment_key_message(payment->network, payment->solana.message, &ret[count++]);
        if (payment->has_transfer) {
            payment_key_signature(payment->network, transfer->signature, &ret[count++]);
        }
        return count;
    }
    if (payment->has_transfer) {
        payment_key_transfer(payment->network, &transfer->transaction, transfer->log_index,
                             &ret[count++]);
    }
    if (payment->scheme == X402_SCHEME_TRANSFER && transfer->has_nonce) {
        payment_key_authorization(payment->network, &payment->token, &transfer->payer,
                                  &transfer->nonce, &ret[count++]);
    }
    return count;
}
