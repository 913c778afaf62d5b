#include "x402/solana.h"

#include "base/jcs/jcs.h"
#include "ledger/ed25519.h"

/* Sources: the wire format of Solana's transactions (legacy and version 0) as its documentation
 * gives it, and the instruction TransferChecked of the token programs: one byte 12, the amount
 * (little-endian), the decimals; accounts source, mint, destination, authority. */

enum {
    KEYS_MAX = (X402_SOLANA_TRANSACTION_BYTES_MAX / X402_SOLANA_KEY_BYTES),
    VERSIONED = 0x80,
    TRANSFER_CHECKED = 12,
    TRANSFER_CHECKED_BYTES = 1 + 8 + 1,
    DECIMALS_OF_USDC = 6,
};
enum {
    TRANSFER_SOURCE,
    TRANSFER_MINT,
    TRANSFER_DESTINATION,
    TRANSFER_AUTHORITY,
    TRANSFER_ACCOUNTS
};

/* Compiled from the base58 texts in the comments; the unit test holds them together. */
static const uint8_t token_programs[2][X402_SOLANA_KEY_BYTES] = {
    /* TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA */
    {0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1,
     0x46, 0xce, 0xeb, 0x79, 0xac, 0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b,
     0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9},
    /* TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb */
    {0x06, 0xdd, 0xf6, 0xe1, 0xee, 0x75, 0x8f, 0xde, 0x18, 0x42, 0x5d,
     0xbc, 0xe4, 0x6c, 0xcd, 0xda, 0xb6, 0x1a, 0xfc, 0x4d, 0x83, 0xb9,
     0x0d, 0x27, 0xfe, 0xbd, 0xf9, 0x28, 0xd8, 0xa1, 0x8b, 0xfc},
};

/* A transaction that is being read. */
struct reading {
    struct lucid_span rest;
    struct lucid_span message; /* all of it */
    const uint8_t *signatures;
    size_t signature_count;
    const uint8_t *keys;
    size_t key_count;
    struct x402_solana_payment payment;
    size_t transfers;
    const char *fault; /* what it is not */
};

static bool fault(struct reading *reading, const char *text)
{
    reading->fault = text;
    return false;
}

static bool bytes_take(struct reading *reading, size_t len, const uint8_t **ret)
{
    if (reading->rest.len < len) {
        return fault(reading, "ends too early");
    }
    *ret = reading->rest.data;
    reading->rest = lucid_span(reading->rest.data + len, reading->rest.len - len);
    return true;
}

static bool byte_take(struct reading *reading, uint8_t *ret)
{
    const uint8_t *byte;
    if (!bytes_take(reading, 1, &byte)) {
        return false;
    }
    *ret = *byte;
    return true;
}

/* compact-u16: 7 bits a byte, the least first, in as few bytes as will do. */
static bool count_take(struct reading *reading, size_t *ret)
{
    size_t value = 0;
    for (unsigned shift = 0; shift <= 14; shift += 7) {
        uint8_t byte = 0;
        if (!byte_take(reading, &byte)) {
            return false;
        }
        value |= (size_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (value > UINT16_MAX || (byte == 0 && shift > 0)) {
                break;
            }
            *ret = value;
            return true;
        }
    }
    return fault(reading, "has a length that is no compact-u16");
}

/* That many items, counted before them. */
static bool list_take(struct reading *reading, size_t item, size_t *ret_count, const uint8_t **ret)
{
    return count_take(reading, ret_count) && bytes_take(reading, *ret_count * item, ret);
}

static const uint8_t *key_at(const struct reading *reading, size_t index)
{
    return reading->keys + index * X402_SOLANA_KEY_BYTES;
}

static bool key_equal(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, X402_SOLANA_KEY_BYTES) == 0;
}

/* --- the one transfer ------------------------------------------------------------------------- */

static bool is_transfer(const uint8_t *program, struct lucid_span data)
{
    return (key_equal(program, token_programs[0]) || key_equal(program, token_programs[1])) &&
           data.len >= 1 && data.data[0] == TRANSFER_CHECKED;
}

/* AdvanceNonceAccount of the system program, whose key is all zero: the transaction holds a nonce
 * in the blockhash's place, and could be sent at any time. */
static bool is_durable(const uint8_t *program, struct lucid_span data)
{
    static const uint8_t system[X402_SOLANA_KEY_BYTES];
    static const uint8_t advance[4] = {4}; /* little-endian */
    return key_equal(program, system) && data.len >= sizeof(advance) &&
           memcmp(data.data, advance, sizeof(advance)) == 0;
}

static bool transfer_read(struct reading *reading, struct lucid_span accounts,
                          struct lucid_span data)
{
    struct x402_solana_payment *payment = &reading->payment;
    if (data.len != TRANSFER_CHECKED_BYTES || accounts.len < TRANSFER_ACCOUNTS) {
        return fault(reading, "has a TransferChecked that is none");
    }
    for (size_t i = 0; i < TRANSFER_ACCOUNTS; i++) {
        if (accounts.data[i] >= reading->key_count) {
            return fault(reading, "takes an account of its transfer from a lookup table");
        }
    }
    if (accounts.data[TRANSFER_AUTHORITY] >= reading->signature_count) {
        return fault(reading, "is not to be signed by the authority of its transfer");
    }
    const uint8_t *authority = key_at(reading, accounts.data[TRANSFER_AUTHORITY]);
    /* Else whoever completes the transaction would pay for it as well. */
    if (accounts.data[TRANSFER_AUTHORITY] == 0 || accounts.data[TRANSFER_SOURCE] == 0) {
        return fault(reading, "takes the money of its fee payer");
    }
    if (data.data[TRANSFER_CHECKED_BYTES - 1] != DECIMALS_OF_USDC) {
        return fault(reading, "transfers a token that has not 6 decimals");
    }
    for (size_t i = 8; i > 0; i--) {
        payment->amount = payment->amount << 8 | data.data[i];
    }
    memcpy(payment->payer, authority, sizeof(payment->payer));
    memcpy(payment->mint, key_at(reading, accounts.data[TRANSFER_MINT]), sizeof(payment->mint));
    if (!ledger_ed25519_verify(payment->payer, reading->message,
                               reading->signatures + (size_t)accounts.data[TRANSFER_AUTHORITY] *
                                                         X402_SOLANA_SIGNATURE_BYTES)) {
        return fault(reading, "is not signed by the authority of its transfer");
    }
    return true;
}

static bool instruction_take(struct reading *reading)
{
    uint8_t program = 0;
    size_t account_count = 0;
    size_t data_len = 0;
    const uint8_t *accounts;
    const uint8_t *data;
    if (!byte_take(reading, &program) || !list_take(reading, 1, &account_count, &accounts) ||
        !list_take(reading, 1, &data_len, &data)) {
        return false;
    }
    if (program == 0 || program >= reading->key_count) {
        return fault(reading, "has an instruction for a program that it does not name");
    }
    if (is_durable(key_at(reading, program), lucid_span(data, data_len))) {
        return fault(reading, "never expires: it is tied to a durable nonce");
    }
    if (!is_transfer(key_at(reading, program), lucid_span(data, data_len))) {
        return true;
    }
    if (++reading->transfers > 1) {
        return fault(reading, "has more than one TransferChecked");
    }
    return transfer_read(reading, lucid_span(accounts, account_count), lucid_span(data, data_len));
}

/* --- the message ------------------------------------------------------------------------------ */

/* Which accounts sign and which are written to: the first pays the fees, so it is written to. */
static bool header_take(struct reading *reading)
{
    const uint8_t *counts;
    if (!bytes_take(reading, 3, &counts)) {
        return false;
    }
    if (counts[0] != reading->signature_count) {
        return fault(reading, "has not as many signatures as its message wants");
    }
    if (counts[1] >= counts[0]) {
        return fault(reading, "has no fee payer");
    }
    if (!list_take(reading, X402_SOLANA_KEY_BYTES, &reading->key_count, &reading->keys)) {
        return false;
    }
    if ((size_t)counts[0] + counts[2] > reading->key_count) {
        return fault(reading, "has fewer accounts than its header says");
    }
    for (size_t i = 0; i < reading->key_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (key_equal(key_at(reading, i), key_at(reading, k))) {
                return fault(reading, "names an account twice");
            }
        }
    }
    return true;
}

/* Version 0: more accounts, by tables on the chain. We need none of them. */
static bool lookups_take(struct reading *reading)
{
    size_t count = 0;
    if (!count_take(reading, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *table;
        const uint8_t *indexes;
        size_t index_count;
        if (!bytes_take(reading, X402_SOLANA_KEY_BYTES, &table) ||
            !list_take(reading, 1, &index_count, &indexes) ||
            !list_take(reading, 1, &index_count, &indexes)) {
            return false;
        }
    }
    return true;
}

static bool message_take(struct reading *reading)
{
    const uint8_t *blockhash;
    uint8_t version = 0;
    size_t count = 0;
    reading->message = reading->rest;
    bool versioned = reading->rest.len > 0 && (reading->rest.data[0] & VERSIONED) != 0;
    if (versioned && (!byte_take(reading, &version) || version != VERSIONED)) {
        return fault(reading, "is of a version that is not known");
    }
    if (!header_take(reading) || !bytes_take(reading, X402_SOLANA_KEY_BYTES, &blockhash) ||
        !count_take(reading, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!instruction_take(reading)) {
            return false;
        }
    }
    if (versioned && !lookups_take(reading)) {
        return false;
    }
    if (reading->rest.len > 0) {
        return fault(reading, "has more bytes than its message");
    }
    return reading->transfers == 1 || fault(reading, "has no TransferChecked");
}

static bool transaction_read(struct reading *reading)
{
    if (!list_take(reading, X402_SOLANA_SIGNATURE_BYTES, &reading->signature_count,
                   &reading->signatures)) {
        return false;
    }
    if (!message_take(reading)) {
        return false;
    }
    memcpy(reading->payment.fee_payer, key_at(reading, 0), X402_SOLANA_KEY_BYTES);
    /* The payment is the message and not the transaction, because signatures are no part of what is
     * signed: the fee payer's is missing until the facilitator has added it, and the payer can make
     * any number of good ones for one message. The chain does a message once, whatever the
     * signatures. */
    lucid_sha256(reading->message, reading->payment.message);
    return true;
}

enum lucid_error x402_solana_parse(struct lucid_span base64, struct x402_solana_payment *ret,
                                   struct lucid_why *why)
{
    uint8_t bytes[X402_SOLANA_TRANSACTION_BYTES_MAX];
    size_t len;
    if (!lucid_base64_decode(base64, bytes, sizeof(bytes), &len)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                            "must be standard base64 of at most %d bytes",
                            X402_SOLANA_TRANSACTION_BYTES_MAX);
    }
    struct reading reading = {.rest = lucid_span(bytes, len)};
    if (!transaction_read(&reading)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "%s", reading.fault);
    }
    *ret = reading.payment;
    return LUCID_OK;
}

/* --- who completed it ------------------------------------------------------------------------- */

bool x402_solana_signed(struct lucid_span base64, const struct x402_solana_payment *payment,
                        const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES])
{
    uint8_t bytes[X402_SOLANA_TRANSACTION_BYTES_MAX];
    uint8_t message[LUCID_SHA256_BYTES];
    size_t len;
    if (!lucid_base64_decode(base64, bytes, sizeof(bytes), &len)) {
        return false;
    }
    struct reading reading = {.rest = lucid_span(bytes, len)};
    if (!list_take(&reading, X402_SOLANA_SIGNATURE_BYTES, &reading.signature_count,
                   &reading.signatures)) {
        return false;
    }
    lucid_sha256(reading.rest, message); /* equal: the fee payer was read from these bytes */
    return memcmp(message, payment->message, sizeof(message)) == 0 &&
           ledger_ed25519_verify(payment->fee_payer, reading.rest, signature);
}

bool x402_solana_settled(struct lucid_span forward, const struct x402_solana_payment *payment,
                         const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES])
{
    enum { ARENA_BYTES = 4 << 20 };
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 32768};
    struct lucid_arena arena;
    const struct jcs_value *root;
    const struct jcs_value *text = NULL;
    lucid_arena_init(&arena, ARENA_BYTES);
    if (jcs_parse(forward, &limits, &arena, &root, NULL) == LUCID_OK) {
        text = jcs_member(jcs_member(jcs_member(root, "paymentPayload"), "payload"), "transaction");
    }
    bool settled = text != NULL && jcs_type(text) == JCS_STRING &&
                   x402_solana_signed(jcs_string(text), payment, signature);
    lucid_arena_fini(&arena);
    return settled;
}
