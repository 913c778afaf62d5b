/* Account ids, and the form of the books' rows. */
#include <stdio.h>

#include "base/assert.h"
#include "gas/books_internal.h"
#include "ledger/receipt.h"

static const struct {
    const char *name;
    enum gas_class class;
    bool is_debit;
} classes[] = {
    {"signer", GAS_CLASS_SIGNER, false},     {"protocol", GAS_CLASS_PROTOCOL, true},
    {"revenue", GAS_CLASS_REVENUE, false},   {"payee", GAS_CLASS_PAYEE, false},
    {"suspense", GAS_CLASS_SUSPENSE, false}, {"clearing", GAS_CLASS_CLEARING, true},
    {"transit", GAS_CLASS_TRANSIT, false},
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

const char books_gas_revenue[BOOKS_GAS_REVENUE_BYTES] = "revenue:gas:LUCID";
const char books_gas_protocol[BOOKS_GAS_PROTOCOL_BYTES] = "protocol:gas:LUCID";

static size_t class_at(enum gas_class class)
{
    size_t i = (size_t) class - 1;
    lucid_assert(class >= GAS_CLASS_SIGNER && i < CLASSES && classes[i].class == class);
    return i;
}

const char *gas_class_name(enum gas_class class)
{
    return classes[class_at(class)].name;
}

bool gas_class_parse(struct lucid_span text, enum gas_class *ret)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (lucid_span_is(text, classes[i].name)) {
            *ret = classes[i].class;
            return true;
        }
    }
    return false;
}

bool gas_class_is_debit(enum gas_class class)
{
    return classes[class_at(class)].is_debit;
}

bool gas_account_id_parse(struct lucid_span id, enum gas_class *ret_class, enum gas_unit *ret_unit)
{
    if (!gas_name_ok(id, GAS_ACCOUNT_ID_BYTES_MAX)) {
        return false;
    }
    const uint8_t *first = memchr(id.data, ':', id.len);
    const uint8_t *last = memrchr(id.data, ':', id.len);
    if (first == NULL || last <= first + 1) {
        return false;
    }
    enum gas_class class;
    enum gas_unit unit;
    struct lucid_span head = lucid_span(id.data, (size_t)(first - id.data));
    struct lucid_span tail = lucid_span(last + 1, id.len - (size_t)(last + 1 - id.data));
    if (!gas_class_parse(head, &class) || !gas_unit_parse(tail, &unit)) {
        return false;
    }
    if (class == GAS_CLASS_SIGNER &&
        (unit != GAS_LUCID || last - first != 65 || !lucid_is_hex(lucid_span(first + 1, 64), 64))) {
        return false;
    }
    *ret_class = class;
    *ret_unit = unit;
    return true;
}

/* class:name:UNIT; name in up to three parts. */
static void id_write(const char *class, struct lucid_span a, struct lucid_span b,
                     enum gas_unit unit, char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    lucid_assert(a.len <= GAS_NAME_BYTES_MAX && b.len <= GAS_NAME_BYTES_MAX);
    int len = snprintf(ret, GAS_ACCOUNT_ID_BYTES_MAX + 1, "%s:%.*s%s%.*s:%s", class, (int)a.len,
                       (const char *)a.data, b.len > 0 ? ":" : "", (int)b.len,
                       b.len > 0 ? (const char *)b.data : "", gas_unit_name(unit));
    lucid_assert(len > 0 && len <= GAS_ACCOUNT_ID_BYTES_MAX);
}

void gas_account_signer(const uint8_t key[32], char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    memcpy(ret, "signer:", 7);
    lucid_hex_encode(key, 32, ret + 7);
    memcpy(ret + 7 + 64, ":LUCID", 7);
}

void gas_account_payee(struct lucid_span payee, enum gas_unit unit,
                       char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    id_write("payee", payee, lucid_span("", 0), unit, ret);
}

void gas_account_suspense(const char *leg, struct lucid_span asset, enum gas_unit unit,
                          char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    id_write("suspense", lucid_span_str(leg), asset, unit, ret);
}

void gas_account_clearing(struct lucid_span facilitator, enum gas_unit unit,
                          char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    id_write("clearing", facilitator, lucid_span("", 0), unit, ret);
}

void gas_account_own(enum gas_class class, const char *name, enum gas_unit unit,
                     char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    id_write(gas_class_name(class), lucid_span_str(name), lucid_span("", 0), unit, ret);
}

enum lucid_error books_leaf_account(struct lucid_span type, struct lucid_span payload,
                                    char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    if (!lucid_span_is(type, ledger_receipt_kind.types[0].name)) {
        memcpy(ret, books_gas_protocol, BOOKS_GAS_PROTOCOL_BYTES);
        return LUCID_OK;
    }
    const uint8_t *signer = receipt_payload_signer(payload);
    if (signer == NULL) {
        return LUCID_FATAL_CORRUPT;
    }
    gas_account_signer(signer, ret);
    return LUCID_OK;
}

/* --- rows ------------------------------------------------------------------------------------- */

void books_balance_read(const uint8_t *row, struct books_balance *ret)
{
    *ret = (struct books_balance){
        .debits = lucid_get_be64(row),
        .credits = lucid_get_be64(row + 8),
        .credit_limit = lucid_get_be64(row + 16),
        .last_sequence = lucid_get_be64(row + 24),
        .epoch_leaves = lucid_get_be64(row + 32),
        .epoch_next = lucid_get_be32(row + 40),
    };
    memcpy(ret->posted, row + 44, sizeof(ret->posted));
}

void books_balance_write(const struct books_balance *balance, uint8_t *row)
{
    lucid_put_be64(row, balance->debits);
    lucid_put_be64(row + 8, balance->credits);
    lucid_put_be64(row + 16, balance->credit_limit);
    lucid_put_be64(row + 24, balance->last_sequence);
    lucid_put_be64(row + 32, balance->epoch_leaves);
    lucid_put_be32(row + 40, balance->epoch_next);
    memcpy(row + 44, balance->posted, sizeof(balance->posted));
}

void books_state_read(const uint8_t *row, struct books_state *ret)
{
    *ret = (struct books_state){
        .accounts = lucid_get_be32(row),
        .epoch_first = lucid_get_be32(row + 4),
        .epoch_last = lucid_get_be32(row + 8),
        .epoch_leaves = lucid_get_be64(row + 12),
        .igas = lucid_get_be64(row + 20),
        .mgas = lucid_get_be64(row + 28),
        .tariff_sequence = lucid_get_be64(row + 36),
        .igas_charged = lucid_get_be64(row + 44),
        .mgas_charged = lucid_get_be64(row + 52),
    };
}

void books_state_write(const struct books_state *state, uint8_t *row)
{
    lucid_put_be32(row, state->accounts);
    lucid_put_be32(row + 4, state->epoch_first);
    lucid_put_be32(row + 8, state->epoch_last);
    lucid_put_be64(row + 12, state->epoch_leaves);
    lucid_put_be64(row + 20, state->igas);
    lucid_put_be64(row + 28, state->mgas);
    lucid_put_be64(row + 36, state->tariff_sequence);
    lucid_put_be64(row + 44, state->igas_charged);
    lucid_put_be64(row + 52, state->mgas_charged);
}

void books_block_read(const uint8_t *row, struct books_block *ret)
{
    ret->debits = lucid_get_be64(row);
    ret->credits = lucid_get_be64(row + 8);
    memcpy(ret->posted, row + 16, sizeof(ret->posted));
}

void books_block_write(const struct books_block *block, uint8_t *row)
{
    lucid_put_be64(row, block->debits);
    lucid_put_be64(row + 8, block->credits);
    memcpy(row + 16, block->posted, sizeof(block->posted));
}

unsigned books_posted_next(const uint8_t posted[BOOKS_POSTED_BYTES], unsigned from)
{
    while (from < BOOKS_BLOCK) {
        unsigned rest = (unsigned)posted[from / 8] >> from % 8;
        if (rest != 0) {
            return from + (unsigned)__builtin_ctz(rest);
        }
        from = (from / 8 + 1) * 8;
    }
    return BOOKS_BLOCK;
}

struct lucid_span books_number_key(uint32_t number, uint8_t key[BOOKS_NUMBER_BYTES])
{
    lucid_put_be32(key, number);
    return lucid_span(key, BOOKS_NUMBER_BYTES);
}

struct lucid_span books_history_key(uint32_t number, uint64_t block,
                                    uint8_t key[BOOKS_HISTORY_KEY_BYTES])
{
    lucid_put_be32(key, number);
    lucid_put_be64(key + 4, block);
    return lucid_span(key, BOOKS_HISTORY_KEY_BYTES);
}

struct lucid_span books_posting_key(uint64_t sequence, uint32_t leg,
                                    uint8_t key[BOOKS_POSTING_KEY_BYTES])
{
    lucid_put_be64(key, sequence);
    lucid_put_be32(key + 8, leg);
    return lucid_span(key, BOOKS_POSTING_KEY_BYTES);
}

struct lucid_span books_sequence_key(uint64_t sequence, uint8_t key[8])
{
    lucid_put_be64(key, sequence);
    return lucid_span(key, 8);
}
