/* The books' own commands: the tariff, deposits of signers, and their credit limits.
 *
 * Event `tariff.set`, payload JCS: {"igas":amount,"mgas":amount}.
 * Event `account.deposited`, payload JCS:
 *   {"account":id,"content":hex,"key":hex,"note":text?,"postings":[…]}
 *   key = SHA-256 of the idempotency key, content = SHA-256 of what was asked for under it.
 * Event `account.limited`, payload JCS: {"account":id,"credit_limit":amount}. */
#include "base/assert.h"
#include "base/sha256.h"
#include "gas/books_internal.h"
#include "ledger/payload.h"
#include "ledger/signer.h"

const char books_type_tariff[] = "tariff.set";
const char books_type_deposited[] = "account.deposited";
const char books_type_limited[] = "account.limited";

static const char deposits_account[] = "clearing:deposits:LUCID";

/* --- prepare ---------------------------------------------------------------------------------- */

static void command_init(struct gas_books_command *command, enum gas_books_verb verb)
{
    *command = (struct gas_books_command){
        .command = {.kind = &gas_books_kind, .verb = verb},
    };
}

enum lucid_error gas_tariff_prepare(struct gas_books_command *command, uint64_t igas, uint64_t mgas,
                                    struct lucid_why *why)
{
    if (igas > GAS_TARIFF_MAX || mgas > GAS_TARIFF_MAX) {
        return lucid_refuse(
            why, LUCID_REFUSE_INVALID, "INVALID_TARIFF", igas > GAS_TARIFF_MAX ? "igas" : "mgas",
            "a charge is at most %llu base units", (unsigned long long)GAS_TARIFF_MAX);
    }
    command_init(command, GAS_TARIFF_SET);
    command->tariff = (struct gas_tariff){.igas = igas, .mgas = mgas};
    return LUCID_OK;
}

enum lucid_error gas_deposit_prepare(struct gas_books_command *command, const uint8_t signer[32],
                                     uint64_t amount, struct lucid_span key, struct lucid_span note,
                                     struct lucid_why *why)
{
    if (amount == 0 || amount > GAS_AMOUNT_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_DEPOSIT", "amount",
                            "a deposit is 1 to 2^63 - 1 base units");
    }
    bool visible = key.len >= 1 && key.len <= GAS_KEY_BYTES_MAX;
    for (size_t i = 0; visible && i < key.len; i++) {
        visible = key.data[i] > 0x20 && key.data[i] < 0x7f;
    }
    if (!visible) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_DEPOSIT", "Idempotency-Key",
                            "a deposit needs an Idempotency-Key of 1 to %d visible characters",
                            GAS_KEY_BYTES_MAX);
    }
    command_init(command, GAS_DEPOSIT);
    bool fits =
        note.len <= GAS_NOTE_BYTES_MAX && (note.len == 0 || memchr(note.data, 0, note.len) == NULL);
    if (fits && note.len > 0) {
        memcpy(command->note, note.data, note.len);
        fits = payload_name_ok(command->note, GAS_NOTE_BYTES_MAX);
    }
    if (!fits) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_DEPOSIT", "note",
                            "a note has at most %d bytes and no control characters",
                            GAS_NOTE_BYTES_MAX);
    }
    memcpy(command->signer, signer, sizeof(command->signer));
    command->amount = amount;
    lucid_sha256(key, command->key);
    return LUCID_OK;
}

enum lucid_error gas_limit_prepare(struct gas_books_command *command, const uint8_t signer[32],
                                   uint64_t credit_limit, struct lucid_why *why)
{
    if (credit_limit > GAS_AMOUNT_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_LIMIT", "credit_limit",
                            "a credit limit is at most 2^63 - 1 base units");
    }
    command_init(command, GAS_LIMIT_SET);
    memcpy(command->signer, signer, sizeof(command->signer));
    command->amount = credit_limit;
    return LUCID_OK;
}

/* --- decide ----------------------------------------------------------------------------------- */

static enum lucid_error tariff_decide(struct ledger_txn *txn, struct gas_books_command *command)
{
    struct books_state state;
    struct lucid_buf payload;
    enum lucid_error error = books_peek_state(txn, &state);
    if (error != LUCID_OK) {
        return error;
    }
    if (state.tariff_sequence != 0 && state.igas == command->tariff.igas &&
        state.mgas == command->tariff.mgas) {
        uint8_t key[8];
        const uint8_t *row;
        error = books_peek(txn, BOOKS_TARIFFS, books_sequence_key(state.tariff_sequence, key),
                           BOOKS_TARIFF_BYTES, &row);
        if (error == LUCID_OK) {
            command->ret_known = true;
            command->ret_sequence = state.tariff_sequence;
            command->ret_time_ms = lucid_get_be64(row);
        }
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    lucid_buf_init(&payload, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&payload, '{');
    gas_amount_member(&payload, "igas", command->tariff.igas);
    gas_amount_member(&payload, "mgas", command->tariff.mgas);
    lucid_buf_char(&payload, '}');
    return payload_draft(txn, books_type_tariff, &payload, &command->draft);
}

/* What a deposit asks for, so that a key cannot stand for two. */
static void deposit_content(const struct gas_books_command *command, uint8_t ret[32])
{
    uint8_t amount[8];
    lucid_put_be64(amount, command->amount);
    const struct lucid_span parts[] = {lucid_span(command->signer, sizeof(command->signer)),
                                       lucid_span(amount, sizeof(amount)),
                                       lucid_span_str(command->note)};
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

/* Whether the key was used before: for this deposit (known) or another (refused). */
static enum lucid_error deposit_find(struct ledger_txn *txn, struct gas_books_command *command,
                                     const uint8_t content[32], struct lucid_why *why)
{
    const uint8_t *row;
    enum lucid_error error =
        books_peek(txn, BOOKS_DEPOSITS, lucid_span(command->key, sizeof(command->key)),
                   BOOKS_DEPOSIT_BYTES, &row);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    if (memcmp(row + 16, content, 32) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT", "Idempotency-Key",
                            "the Idempotency-Key was used for another deposit");
    }
    command->ret_known = true;
    command->ret_sequence = lucid_get_be64(row);
    command->ret_time_ms = lucid_get_be64(row + 8);
    return LUCID_OK;
}

static enum lucid_error deposit_decide(struct ledger_txn *txn, struct gas_books_command *command,
                                       struct lucid_why *why)
{
    char account[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    uint8_t content[32];
    struct lucid_buf payload;
    deposit_content(command, content);
    enum lucid_error error = deposit_find(txn, command, content, why);
    if (error != LUCID_OK || command->ret_known) {
        return error;
    }
    gas_account_signer(command->signer, account);
    const struct gas_posting_draft posting = {
        .debit = deposits_account, .credit = account, .amount = command->amount, .what = "deposit"};
    error = gas_postings_check(txn, &posting, 1, "amount", why);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&payload, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&payload, '{');
    lucid_json_member_cstr(&payload, "account", account);
    lucid_json_member_hex(&payload, "content", content, sizeof(content));
    lucid_json_member_hex(&payload, "key", command->key, sizeof(command->key));
    if (command->note[0] != '\0') {
        lucid_json_member_cstr(&payload, "note", command->note);
    }
    gas_postings_write(&payload, &posting, 1);
    lucid_buf_char(&payload, '}');
    return payload_draft(txn, books_type_deposited, &payload, &command->draft);
}

static enum lucid_error limit_decide(struct ledger_txn *txn, struct gas_books_command *command)
{
    char account[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct books_balance balance;
    struct lucid_buf payload;
    gas_account_signer(command->signer, account);
    enum lucid_error error = books_peek_balance(txn, lucid_span_str(account), &balance);
    if (error != LUCID_OK) {
        return error;
    }
    if (balance.credit_limit == command->amount) {
        command->ret_known = true;
        return LUCID_OK;
    }
    lucid_buf_init(&payload, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&payload, '{');
    lucid_json_member_cstr(&payload, "account", account);
    gas_amount_member(&payload, "credit_limit", command->amount);
    lucid_buf_char(&payload, '}');
    return payload_draft(txn, books_type_limited, &payload, &command->draft);
}

enum lucid_error books_decide(struct ledger_txn *txn, struct ledger_command *command,
                              struct lucid_why *why)
{
    struct gas_books_command *self = (struct gas_books_command *)command;
    self->draft = NULL;
    self->ret_known = false;
    if (command->verb == GAS_TARIFF_SET) {
        return tariff_decide(txn, self);
    }
    enum lucid_error error = ledger_signer_known(txn, self->signer);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "NOT_FOUND", "id", "there is no such signer");
    }
    if (error != LUCID_OK) {
        return error;
    }
    return command->verb == GAS_DEPOSIT ? deposit_decide(txn, self, why) : limit_decide(txn, self);
}

void books_conclude(struct ledger_txn *txn, struct ledger_command *command)
{
    struct gas_books_command *self = (struct gas_books_command *)command;
    (void)txn;
    if (self->draft != NULL) {
        self->ret_sequence = self->draft->sequence;
        self->ret_time_ms = self->draft->time_ms;
    }
}
