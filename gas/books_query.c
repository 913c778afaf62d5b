/* Reading the books in a view. */
#include "base/assert.h"
#include "gas/books_internal.h"
#include "ledger/row.h"

/* --- rows ------------------------------------------------------------------------------------- */

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &gas_books_kind, table);
}

static enum lucid_error row_read(struct ledger_view *view, unsigned table, struct lucid_span key,
                                 size_t bytes, const uint8_t **ret_row)
{
    struct lucid_span value;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, table), key, &value);
    if (error == LUCID_OK && value.len != bytes) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        *ret_row = value.data;
    }
    return error;
}

static uint64_t events_of(struct ledger_view *view)
{
    struct store_counts counts;
    store_counts_read(ledger_view_store(view), &counts);
    return counts.events;
}

/* --- accounts --------------------------------------------------------------------------------- */

/* The part of an account that never changes. */
static enum lucid_error account_fixed(struct ledger_view *view, uint32_t number,
                                      struct gas_account *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    struct lucid_span value;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, BOOKS_ACCOUNTS),
                                     books_number_key(number, key), &value);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (value.len <= BOOKS_ACCOUNT_FIXED_BYTES ||
        value.len > BOOKS_ACCOUNT_FIXED_BYTES + GAS_ACCOUNT_ID_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    struct gas_account account = {
        .number = number,
        .first_sequence = lucid_get_be64(value.data + 2),
    };
    struct lucid_span id =
        lucid_span(value.data + BOOKS_ACCOUNT_FIXED_BYTES, value.len - BOOKS_ACCOUNT_FIXED_BYTES);
    if (!gas_account_id_parse(id, &account.class, &account.unit) ||
        value.data[0] != (uint8_t)account.class || value.data[1] != (uint8_t)account.unit) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(account.id, id.data, id.len);
    *ret = account;
    return LUCID_OK;
}

static enum lucid_error account_load(struct ledger_view *view, struct lucid_span id,
                                     uint32_t number, struct gas_account *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    const uint8_t *row;
    struct gas_account account;
    enum lucid_error error = account_fixed(view, number, &account);
    if (error == LUCID_OK && !lucid_span_is(id, account.id)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = row_read(view, BOOKS_BALANCES, books_number_key(number, key), BOOKS_BALANCE_BYTES,
                         &row);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    struct books_balance balance;
    books_balance_read(row, &balance);
    account.debits = balance.debits;
    account.credits = balance.credits;
    account.credit_limit = balance.credit_limit;
    account.last_sequence = balance.last_sequence;
    account.as_of = events_of(view);
    *ret = account;
    return LUCID_OK;
}

/* The id that a short form of a signer's stands for. */
static struct lucid_span id_full(struct lucid_span id, char full[GAS_ACCOUNT_ID_BYTES_MAX + 1])
{
    uint8_t key[32];
    struct lucid_span hex = id;
    if (id.len == 7 + 64 && memcmp(id.data, "signer:", 7) == 0) {
        hex = lucid_span(id.data + 7, 64);
    }
    if (!lucid_hex_decode(hex, key, sizeof(key))) {
        return id;
    }
    gas_account_signer(key, full);
    return lucid_span_str(full);
}

enum lucid_error gas_account_read(struct ledger_view *view, struct lucid_span id,
                                  struct gas_account *ret)
{
    char full[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    const uint8_t *row;
    id = id_full(id, full);
    if (id.len == 0 || id.len > GAS_ACCOUNT_ID_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = row_read(view, BOOKS_ACCOUNT_IDS, id, BOOKS_NUMBER_BYTES, &row);
    return error == LUCID_OK ? account_load(view, id, lucid_get_be32(row), ret) : error;
}

enum lucid_error gas_receipt_foresee(struct ledger_view *view, const uint8_t signer[32],
                                     struct lucid_why *why)
{
    struct gas_totals totals;
    struct gas_account account;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_signer(signer, id);
    enum lucid_error error = gas_totals_read(view, &totals);
    if (error != LUCID_OK || totals.tariff.igas == 0) {
        return error;
    }
    error = gas_account_read(view, lucid_span_str(id), &account);
    if (error == LUCID_NOTE_ABSENT) {
        account = (struct gas_account){.debits = 0};
    } else if (error != LUCID_OK) {
        return error;
    }
    /* As books_guard: neither sum overflows. */
    return account.debits + totals.tariff.igas > account.credits + account.credit_limit
               ? lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "GAS_EXHAUSTED", "signer_pubkey",
                              "the signer's account cannot pay for another receipt")
               : LUCID_OK;
}

enum lucid_error gas_account_next(struct ledger_view *view, struct lucid_span after,
                                  struct gas_account *ret)
{
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, BOOKS_ACCOUNT_IDS),
                                      STORE_SEEK_GT, after, &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    return value.len == BOOKS_NUMBER_BYTES
               ? account_load(view, key, lucid_get_be32(value.data), ret)
               : LUCID_FATAL_CORRUPT;
}

uint64_t gas_account_balance(const struct gas_account *account, bool *ret_negative)
{
    bool is_debit = gas_class_is_debit(account->class);
    uint64_t plus = is_debit ? account->debits : account->credits;
    uint64_t minus = is_debit ? account->credits : account->debits;
    *ret_negative = minus > plus;
    return minus > plus ? minus - plus : plus - minus;
}

static enum lucid_error account_next(struct ledger_view *view, const struct gas_account *account,
                                     uint64_t sequence, uint32_t leg, uint64_t end,
                                     struct gas_posting *ret);

/* Takes the postings of one event off an account's totals again. */
static enum lucid_error event_take_off(struct ledger_view *view, uint64_t sequence,
                                       struct gas_account *account)
{
    uint32_t leg = UINT32_MAX;
    uint64_t at = sequence - 1;
    for (;;) {
        struct gas_posting posting;
        enum lucid_error error = account_next(view, account, at, leg, sequence, &posting);
        if (error == LUCID_NOTE_ABSENT && at == sequence) {
            return LUCID_OK;
        }
        if (error != LUCID_OK) { /* the history knows of one at least */
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        bool debit = strcmp(posting.debit, account->id) == 0;
        uint64_t *total = debit ? &account->debits : &account->credits;
        if (posting.amount > *total) {
            return LUCID_FATAL_CORRUPT;
        }
        *total -= posting.amount;
        at = posting.sequence;
        leg = posting.leg;
    }
}

/* A block of an account's history. */
struct past {
    uint64_t number; /* first event / BOOKS_BLOCK */
    struct books_block block;
};

/* The account's newest block, which stands in its balance. LUCID_NOTE_ABSENT: nothing was posted.
 */
static enum lucid_error past_newest(struct ledger_view *view, uint32_t number, struct past *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    const uint8_t *row;
    struct books_balance balance;
    enum lucid_error error =
        row_read(view, BOOKS_BALANCES, books_number_key(number, key), BOOKS_BALANCE_BYTES, &row);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    books_balance_read(row, &balance);
    if (balance.last_sequence == 0) {
        return LUCID_NOTE_ABSENT;
    }
    ret->number = balance.last_sequence / BOOKS_BLOCK;
    ret->block.debits = balance.debits;
    ret->block.credits = balance.credits;
    memcpy(ret->block.posted, balance.posted, sizeof(ret->block.posted));
    return LUCID_OK;
}

/* A block of the account in the history. */
static enum lucid_error past_seek(struct ledger_view *view, uint32_t number, enum store_seek how,
                                  uint64_t block, struct past *ret)
{
    uint8_t bytes[BOOKS_HISTORY_KEY_BYTES];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, BOOKS_HISTORY), how,
                                      books_history_key(number, block, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != BOOKS_HISTORY_KEY_BYTES || value.len != BOOKS_HISTORY_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    if (lucid_get_be32(key.data) != number) {
        return LUCID_NOTE_ABSENT;
    }
    ret->number = lucid_get_be64(key.data + 4);
    books_block_read(value.data, &ret->block);
    return LUCID_OK;
}

/* The account's last block up to that one, and its first from that one on. All blocks in the
 * history are older than the newest. LUCID_NOTE_ABSENT. */
static enum lucid_error past_until(struct ledger_view *view, uint32_t number, uint64_t block,
                                   struct past *ret)
{
    enum lucid_error error = past_newest(view, number, ret);
    return error == LUCID_OK && ret->number > block
               ? past_seek(view, number, STORE_SEEK_LE, block, ret)
               : error;
}

static enum lucid_error past_from(struct ledger_view *view, uint32_t number, uint64_t block,
                                  struct past *ret)
{
    enum lucid_error error = past_seek(view, number, STORE_SEEK_GE, block, ret);
    if (error == LUCID_NOTE_ABSENT) {
        error = past_newest(view, number, ret);
        if (error == LUCID_OK && ret->number < block) {
            error = LUCID_NOTE_ABSENT;
        }
    }
    return error;
}

enum lucid_error gas_account_as_of(struct ledger_view *view, uint64_t as_of,
                                   struct gas_account *account)
{
    struct past past = {.number = 0};
    struct gas_account then = *account;
    if (as_of > events_of(view)) {
        return LUCID_REFUSE_INVALID;
    }
    enum lucid_error error = past_until(view, account->number, as_of / BOOKS_BLOCK, &past);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool any = error == LUCID_OK;
    then.as_of = as_of;
    then.debits = any ? past.block.debits : 0;
    then.credits = any ? past.block.credits : 0;
    /* The events after as_of in its own block; an older block's totals hold as they are. */
    unsigned bit = any && past.number == as_of / BOOKS_BLOCK
                       ? books_posted_next(past.block.posted, (unsigned)(as_of % BOOKS_BLOCK) + 1)
                       : BOOKS_BLOCK;
    while (bit < BOOKS_BLOCK) {
        error = event_take_off(view, past.number * BOOKS_BLOCK + bit, &then);
        if (error != LUCID_OK) {
            return error;
        }
        bit = books_posted_next(past.block.posted, bit + 1);
    }
    *account = then;
    return LUCID_OK;
}

/* --- tariffs ---------------------------------------------------------------------------------- */

static enum lucid_error tariff_seek(struct ledger_view *view, enum store_seek how,
                                    uint64_t sequence, struct gas_tariff *ret)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, BOOKS_TARIFFS), how,
                                      books_sequence_key(sequence, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != 8 || value.len != BOOKS_TARIFF_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = (struct gas_tariff){
        .sequence = lucid_get_be64(key.data),
        .time_ms = lucid_get_be64(value.data),
        .igas = lucid_get_be64(value.data + 8),
        .mgas = lucid_get_be64(value.data + 16),
    };
    return LUCID_OK;
}

enum lucid_error gas_tariff_at(struct ledger_view *view, uint64_t sequence, struct gas_tariff *ret)
{
    enum lucid_error error = tariff_seek(view, STORE_SEEK_LT, sequence, ret);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct gas_tariff){0};
        error = LUCID_OK;
    }
    return error;
}

enum lucid_error gas_tariff_next(struct ledger_view *view, uint64_t after_sequence,
                                 struct gas_tariff *ret)
{
    return tariff_seek(view, STORE_SEEK_GT, after_sequence, ret);
}

enum lucid_error gas_totals_read(struct ledger_view *view, struct gas_totals *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    const uint8_t *row;
    enum lucid_error error =
        row_read(view, BOOKS_BALANCES, books_number_key(0, key), BOOKS_STATE_BYTES, &row);
    struct books_state state = {0};
    if (error == LUCID_OK) {
        books_state_read(row, &state);
    } else if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    *ret = (struct gas_totals){
        .accounts = state.accounts,
        .igas_charged = state.igas_charged,
        .mgas_charged = state.mgas_charged,
        .tariff = {.sequence = state.tariff_sequence, .igas = state.igas, .mgas = state.mgas},
    };
    return LUCID_OK;
}

/* --- postings --------------------------------------------------------------------------------- */

static enum lucid_error id_of_number(struct ledger_view *view, uint32_t number,
                                     char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1],
                                     enum gas_unit *ret_unit)
{
    struct gas_account account;
    enum lucid_error error = account_fixed(view, number, &account);
    if (error == LUCID_OK) {
        memcpy(ret, account.id, sizeof(account.id));
        *ret_unit = account.unit;
    }
    return error;
}

/* A row of the table of postings. */
static enum lucid_error posting_decode(struct ledger_view *view, struct lucid_span key,
                                       struct lucid_span value, struct gas_posting *ret)
{
    enum gas_unit unit;
    size_t what = value.len - BOOKS_POSTING_FIXED_BYTES;
    if (key.len != BOOKS_POSTING_KEY_BYTES || value.len <= BOOKS_POSTING_FIXED_BYTES ||
        what > GAS_WHAT_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    struct gas_posting posting = {
        .sequence = lucid_get_be64(key.data),
        .leg = lucid_get_be32(key.data + 8),
        .amount = lucid_get_be64(value.data + 8),
    };
    uint32_t debit = lucid_get_be32(value.data);
    uint32_t credit = lucid_get_be32(value.data + 4);
    memcpy(posting.what, value.data + BOOKS_POSTING_FIXED_BYTES, what);
    enum lucid_error error = id_of_number(view, debit, posting.debit, &unit);
    if (error == LUCID_OK) {
        error = id_of_number(view, credit, posting.credit, &posting.unit);
    }
    if (error == LUCID_OK && unit != posting.unit) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        *ret = posting;
    }
    return error;
}

/* The next row of the table of postings after (sequence, leg), by events up to `end`; of an account
 * (NULL: any). An epoch's root has one for each signer: those of others are passed over as they
 * are. */
static enum lucid_error stored_next(struct ledger_view *view, const struct gas_account *account,
                                    uint64_t sequence, uint32_t leg, uint64_t end,
                                    struct gas_posting *ret)
{
    for (;;) {
        uint8_t bytes[BOOKS_POSTING_KEY_BYTES];
        struct lucid_span key;
        struct lucid_span value;
        enum lucid_error error =
            row_seek(ledger_view_store(view), table_of(view, BOOKS_POSTINGS), STORE_SEEK_GT,
                     books_posting_key(sequence, leg, bytes), &key, &value);
        if (error != LUCID_OK) {
            return error;
        }
        if (key.len != BOOKS_POSTING_KEY_BYTES || value.len <= BOOKS_POSTING_FIXED_BYTES) {
            return LUCID_FATAL_CORRUPT;
        }
        sequence = lucid_get_be64(key.data);
        leg = lucid_get_be32(key.data + 8);
        if (sequence > end) {
            return LUCID_NOTE_ABSENT;
        }
        if (account == NULL || lucid_get_be32(value.data) == account->number ||
            lucid_get_be32(value.data + 4) == account->number) {
            return posting_decode(view, key, value, ret);
        }
    }
}

/* The charge that an event made, if it did; *ret_any false: it logged no leaf. */
static enum lucid_error charge_of(struct ledger_view *view, uint64_t sequence, uint64_t igas,
                                  bool *ret_any, struct gas_posting *ret)
{
    struct store_event event;
    struct gas_posting posting = {.sequence = sequence, .unit = GAS_LUCID, .amount = igas};
    enum lucid_error error = ledger_view_event(view, sequence, &event);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    *ret_any = event.entry != NULL;
    if (event.entry == NULL) {
        return LUCID_OK;
    }
    error = books_leaf_account(event.type, event.payload, posting.debit);
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(posting.credit, books_gas_revenue, BOOKS_GAS_REVENUE_BYTES);
    memcpy(posting.what, books_what_igas, BOOKS_WHAT_IGAS_BYTES);
    posting.time_ms = event.time_ms;
    *ret = posting;
    return LUCID_OK;
}

/* The next charge after an event, up to and with the event `end`; events that a tariff of nothing
 * holds for are passed over at once. */
static enum lucid_error charge_next(struct ledger_view *view, uint64_t sequence, uint64_t end,
                                    struct gas_posting *ret)
{
    while (sequence < end) {
        struct gas_tariff tariff;
        struct gas_tariff next;
        enum lucid_error error = gas_tariff_at(view, sequence + 1, &tariff);
        uint64_t until = end;
        if (error == LUCID_OK) {
            error = gas_tariff_next(view, sequence, &next);
            if (error == LUCID_OK && next.sequence < end) {
                until = next.sequence;
            }
        }
        if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
        for (uint64_t at = sequence + 1; tariff.igas > 0 && at <= until; at++) {
            bool any = false;
            error = charge_of(view, at, tariff.igas, &any, ret);
            if (error != LUCID_OK || any) {
                return error;
            }
        }
        sequence = until;
    }
    return LUCID_NOTE_ABSENT;
}

/* The next posting after (sequence, leg), by events up to `end`: the account's (NULL: any) or a
 * charge of any. A charge is its event's leg 0; rows count from 0 too, because no event has both
 * yet. */
static enum lucid_error any_next(struct ledger_view *view, const struct gas_account *account,
                                 uint64_t sequence, uint32_t leg, uint64_t end,
                                 struct gas_posting *ret)
{
    struct gas_posting stored;
    struct gas_posting charge;
    enum lucid_error found = stored_next(view, account, sequence, leg, end, &stored);
    if (found != LUCID_OK && found != LUCID_NOTE_ABSENT) {
        return found;
    }
    uint64_t until = found == LUCID_OK ? stored.sequence - 1 : end;
    enum lucid_error error = charge_next(view, sequence, until, &charge);
    if (error == LUCID_OK) {
        *ret = charge;
        return LUCID_OK;
    }
    if (error != LUCID_NOTE_ABSENT || found != LUCID_OK) {
        return error;
    }
    struct store_event event;
    error = ledger_view_event(view, stored.sequence, &event);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    stored.time_ms = event.time_ms;
    *ret = stored;
    return LUCID_OK;
}

/* The next event after `sequence` − 1 that posted to the account. */
static enum lucid_error account_event(struct ledger_view *view, const struct gas_account *account,
                                      uint64_t sequence, uint64_t *ret_sequence)
{
    uint64_t block = sequence / BOOKS_BLOCK;
    unsigned from = (unsigned)(sequence % BOOKS_BLOCK);
    for (;;) {
        struct past past;
        enum lucid_error error = past_from(view, account->number, block, &past);
        if (error != LUCID_OK) {
            return error;
        }
        unsigned bit = books_posted_next(past.block.posted, past.number == block ? from : 0);
        if (bit < BOOKS_BLOCK) {
            *ret_sequence = past.number * BOOKS_BLOCK + bit;
            return LUCID_OK;
        }
        block = past.number + 1;
        from = 0;
    }
}

static bool posting_is_of(const struct gas_posting *posting, const struct gas_account *account)
{
    return strcmp(posting->debit, account->id) == 0 || strcmp(posting->credit, account->id) == 0;
}

/* The next posting of the account after (sequence, leg), by events up to `end`. */
static enum lucid_error account_next(struct ledger_view *view, const struct gas_account *account,
                                     uint64_t sequence, uint32_t leg, uint64_t end,
                                     struct gas_posting *ret)
{
    struct gas_posting posting;
    enum lucid_error error = any_next(view, account, sequence, leg, end, &posting);
    while (error == LUCID_OK && !posting_is_of(&posting, account)) {
        error = any_next(view, account, posting.sequence, posting.leg, end, &posting);
    }
    if (error == LUCID_OK) {
        *ret = posting;
    }
    return error;
}

enum lucid_error gas_posting_next(struct ledger_view *view, const struct gas_account *account,
                                  uint64_t sequence, uint32_t leg, struct gas_posting *ret)
{
    uint64_t end = events_of(view);
    if (account == NULL) {
        return any_next(view, NULL, sequence, leg, end, ret);
    }
    /* What is left of that event, and then the events that are known to have posted. */
    enum lucid_error error = account_next(view, account, sequence, leg, sequence, ret);
    if (error != LUCID_NOTE_ABSENT || sequence >= end) {
        return error;
    }
    uint64_t event;
    error = account_event(view, account, sequence + 1, &event);
    if (error != LUCID_OK) {
        return error;
    }
    error = account_next(view, account, event - 1, UINT32_MAX, event, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_sequence_at(struct ledger_view *view, uint64_t time_ms, uint64_t *ret_sequence)
{
    uint64_t low = 1;
    uint64_t high = events_of(view) + 1;
    while (low < high) {
        struct store_event event;
        uint64_t middle = low + (high - low) / 2;
        enum lucid_error error = ledger_view_event(view, middle, &event);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        if (event.time_ms < time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_sequence = low;
    return LUCID_OK;
}
