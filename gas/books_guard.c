/* What a charge may be refused for, before anything is logged; and who was overdrawn by an epoch's
 * root, which nothing refuses. */
#include <stdatomic.h>

#include "base/checked.h"
#include "base/log.h"
#include "gas/books_internal.h"
#include "ledger/receipt.h"

static const char type_epoch_closed[] = "epoch.closed";

static void counter_add(_Atomic uint64_t *counter, uint64_t count)
{
    if (counter != NULL) {
        atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
    }
}

static enum lucid_error no_room(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", NULL,
                        "the books have no room for another charge");
}

/* A document that is no receipt is the protocol's: it is never too poor, but the books must have
 * room for what it costs and for the root of its epoch. */
static enum lucid_error document_guard(struct ledger_txn *txn, struct lucid_why *why)
{
    uint64_t leaves = ledger_txn_guarded_leaves(txn);
    uint64_t charge = 0;
    struct books_state state;
    struct books_balance payer;
    struct books_balance revenue;
    if (leaves == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = books_peek_state(txn, &state);
    if (error != LUCID_OK || (state.igas == 0 && state.mgas == 0)) {
        return error;
    }
    error = books_peek_balance(txn, lucid_span_str(books_gas_revenue), &revenue);
    if (error == LUCID_OK) {
        error = books_peek_balance(txn, lucid_span_str(books_gas_protocol), &payer);
    }
    if (error != LUCID_OK) {
        return error;
    }
    bool fits = lucid_mul_u64(leaves, state.igas, &charge) &&
                lucid_add_u64(charge, state.mgas, &charge) && charge <= GAS_AMOUNT_MAX &&
                payer.debits <= GAS_AMOUNT_MAX - charge &&
                revenue.credits <= GAS_AMOUNT_MAX - charge;
    return fits ? LUCID_OK : no_room(why);
}

enum lucid_error books_guard(struct ledger_txn *txn, const struct ledger_command *command,
                             struct lucid_why *why)
{
    if (command->kind != &ledger_receipt_kind) {
        return document_guard(txn, why);
    }
    const struct gas_books_config *config = ledger_txn_config(txn);
    const struct receipt_command *receipt = (const struct receipt_command *)command;
    struct books_state state;
    struct books_balance payer;
    struct books_balance revenue;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    enum lucid_error error = books_peek_state(txn, &state);
    if (error != LUCID_OK || (state.igas == 0 && state.mgas == 0)) {
        return error;
    }
    error = books_peek_balance(txn, lucid_span_str(books_gas_revenue), &revenue);
    if (error != LUCID_OK) {
        return error;
    }
    gas_account_signer(receipt->signer, id);
    error = books_peek_balance(txn, lucid_span_str(id), &payer);
    if (error == LUCID_FATAL_CORRUPT) {
        /* Whoever signs with that key could otherwise stop the service. */
        return lucid_refuse(why, LUCID_RETRY_IO, "CORRUPT", NULL,
                            "the row of the signer's account is damaged");
    }
    if (error != LUCID_OK) {
        return error;
    }
    /* The root of the receipt's epoch, which nothing refuses, must have room as well. */
    if (payer.debits > GAS_AMOUNT_MAX - state.igas ||
        revenue.credits > GAS_AMOUNT_MAX - state.igas - state.mgas) {
        return no_room(why);
    }
    /* All three are at most 2^63 − 1, so neither sum overflows. */
    if (config != NULL && config->mode == GAS_PREPAID && state.igas > 0 &&
        payer.debits + state.igas > payer.credits + payer.credit_limit) {
        counter_add(config->counters == NULL ? NULL : &config->counters->exhausted, 1);
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "GAS_EXHAUSTED", "signer_pubkey",
                            "the signer's account cannot pay for another receipt");
    }
    return LUCID_OK;
}

/* An epoch's root is charged whatever the signers have; who was overdrawn by it is said. */
enum lucid_error books_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    const struct gas_books_config *config = ledger_txn_config(txn);
    if (config == NULL || config->mode != GAS_PREPAID ||
        !lucid_span_is(event->type, type_epoch_closed)) {
        return LUCID_OK;
    }
    uint8_t bytes[BOOKS_POSTING_KEY_BYTES];
    uint8_t number[BOOKS_NUMBER_BYTES];
    struct lucid_span value;
    uint32_t overdrawn = 0;
    for (uint32_t leg = 0;; leg++) {
        enum lucid_error error = ledger_txn_get(
            txn, BOOKS_POSTINGS, books_posting_key(event->sequence, leg, bytes), &value);
        if (error == LUCID_NOTE_ABSENT) {
            break;
        }
        const uint8_t *row;
        struct books_balance payer;
        if (error == LUCID_OK && value.len < BOOKS_POSTING_FIXED_BYTES) {
            error = LUCID_FATAL_CORRUPT;
        }
        if (error == LUCID_OK) {
            memcpy(number, value.data, sizeof(number));
            error = ledger_txn_get(txn, BOOKS_ACCOUNTS, lucid_span(number, sizeof(number)), &value);
        }
        if (error == LUCID_OK && value.len > 0 && value.data[0] != GAS_CLASS_SIGNER) {
            continue; /* the protocol's own account is never prepaid */
        }
        if (error == LUCID_OK) {
            error = books_peek(txn, BOOKS_BALANCES, lucid_span(number, sizeof(number)),
                               BOOKS_BALANCE_BYTES, &row);
        }
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        books_balance_read(row, &payer);
        overdrawn +=
            payer.debits > payer.credits && payer.debits - payer.credits > payer.credit_limit;
    }
    if (overdrawn > 0) {
        counter_add(config->counters == NULL ? NULL : &config->counters->overdrawn, overdrawn);
        lucid_log(LUCID_LOG_WARN, "gas.overdrawn",
                  "the root of an epoch overdrew %u prepaid accounts (event %llu)", overdrawn,
                  (unsigned long long)event->sequence);
    }
    return LUCID_OK;
}
