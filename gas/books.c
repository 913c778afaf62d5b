/* Folding the log into the books: charges of leaves and closed epochs, and the postings that other
 * events bring. */
#include "gas/books.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/checked.h"
#include "gas/books_internal.h"
#include "gas/member_internal.h"
#include "gas/payment_types.h"
#include "ledger/payload.h"

enum { PAYLOAD_ARENA_BYTES = 256 * 1024 };

const char books_what_igas[BOOKS_WHAT_IGAS_BYTES] = "igas";
const char books_what_mgas[] = "mgas";
static const char type_epoch_closed[] = "epoch.closed";

static const struct ledger_event_type types[] = {{.name = books_type_tariff, .version = 1},
                                                 {.name = books_type_deposited, .version = 1},
                                                 {.name = books_type_limited, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {"account_ids", "accounts", "balances", "account_history",
                                     "postings",    "tariffs",  "deposits", NULL};
static const char *const listens[] = {"*", NULL};

/* Events whose payload has a member "postings". */
static const char *const posting_types[] = {
    books_type_deposited, GAS_PAYMENT_TYPES,  GAS_TYPE_PAYMENT_STRAY,
    "payout.started",     "payout.completed", "payout.failed",
};

/* --- accounts --------------------------------------------------------------------------------- */

/* An account while one event is folded. */
struct side {
    uint32_t number;
    uint8_t *row; /* in balances */
    struct books_balance balance;
};

static enum lucid_error state_take(struct ledger_txn *txn, uint8_t **ret_row,
                                   struct books_state *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    uint8_t *row;
    enum lucid_error error = ledger_txn_row(txn, BOOKS_BALANCES, books_number_key(0, key),
                                            BOOKS_STATE_BYTES, true, &row);
    if (error == LUCID_OK) {
        books_state_read(row, ret);
        *ret_row = row;
    }
    return error;
}

static enum lucid_error side_take(struct ledger_txn *txn, uint32_t number, bool create,
                                  struct side *ret)
{
    uint8_t key[BOOKS_NUMBER_BYTES];
    uint8_t *row;
    enum lucid_error error = ledger_txn_row(txn, BOOKS_BALANCES, books_number_key(number, key),
                                            BOOKS_BALANCE_BYTES, create, &row);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    ret->number = number;
    ret->row = row;
    books_balance_read(row, &ret->balance);
    return LUCID_OK;
}

static enum lucid_error account_open(struct ledger_txn *txn, struct lucid_span id,
                                     uint64_t sequence, uint8_t *number_row, struct side *ret)
{
    uint8_t *state_row;
    struct books_state state;
    enum gas_class class;
    enum gas_unit unit;
    if (!gas_account_id_parse(id, &class, &unit)) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = state_take(txn, &state_row, &state);
    if (error != LUCID_OK) {
        return error;
    }
    if (state.accounts == UINT32_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    state.accounts++;
    books_state_write(&state, state_row);
    lucid_put_be32(number_row, state.accounts);
    uint8_t value[BOOKS_ACCOUNT_FIXED_BYTES + GAS_ACCOUNT_ID_BYTES_MAX];
    uint8_t key[BOOKS_NUMBER_BYTES];
    value[0] = (uint8_t) class;
    value[1] = (uint8_t)unit;
    lucid_put_be64(value + 2, sequence);
    memcpy(value + BOOKS_ACCOUNT_FIXED_BYTES, id.data, id.len);
    error = ledger_txn_put(txn, BOOKS_ACCOUNTS, books_number_key(state.accounts, key),
                           lucid_span(value, BOOKS_ACCOUNT_FIXED_BYTES + id.len));
    return error == LUCID_OK ? side_take(txn, state.accounts, true, ret) : error;
}

/* The account of that id, opened by the event when it is new. */
static enum lucid_error account_take(struct ledger_txn *txn, struct lucid_span id,
                                     uint64_t sequence, struct side *ret)
{
    uint8_t *row;
    enum lucid_error error =
        ledger_txn_row(txn, BOOKS_ACCOUNT_IDS, id, BOOKS_NUMBER_BYTES, true, &row);
    if (error != LUCID_OK) {
        return error;
    }
    uint32_t number = lucid_get_be32(row);
    return number == 0 ? account_open(txn, id, sequence, row, ret)
                       : side_take(txn, number, false, ret);
}

/* The account's block is over: what it was goes to the history. */
static enum lucid_error block_close(struct ledger_txn *txn, uint32_t number,
                                    struct books_balance *balance)
{
    struct books_block block = {.debits = balance->debits, .credits = balance->credits};
    uint8_t key[BOOKS_HISTORY_KEY_BYTES];
    uint8_t row[BOOKS_HISTORY_BYTES];
    memcpy(block.posted, balance->posted, sizeof(block.posted));
    memset(balance->posted, 0, sizeof(balance->posted));
    books_block_write(&block, row);
    return ledger_txn_put(txn, BOOKS_HISTORY,
                          books_history_key(number, balance->last_sequence / BOOKS_BLOCK, key),
                          lucid_span(row, sizeof(row)));
}

/* Adds to one side of an account, and notes the event in its history. */
static enum lucid_error side_post(struct ledger_txn *txn, struct side *side, uint64_t sequence,
                                  bool debit, uint64_t amount)
{
    struct books_balance *balance = &side->balance;
    uint64_t *total = debit ? &balance->debits : &balance->credits;
    unsigned bit = (unsigned)(sequence % BOOKS_BLOCK);
    if (balance->last_sequence != 0 &&
        balance->last_sequence / BOOKS_BLOCK != sequence / BOOKS_BLOCK) {
        enum lucid_error error = block_close(txn, side->number, balance);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (!lucid_add_u64(*total, amount, total)) {
        return LUCID_FATAL_CORRUPT; /* decide and guard keep totals far below */
    }
    balance->last_sequence = sequence;
    balance->posted[bit / 8] |= (uint8_t)(1U << bit % 8);
    books_balance_write(balance, side->row);
    return LUCID_OK;
}

/* Posts to both accounts; what is NULL for a charge, which has no row of its own. */
static enum lucid_error post(struct ledger_txn *txn, uint64_t sequence, uint32_t leg,
                             struct side *debit, struct side *credit, uint64_t amount,
                             struct lucid_span what)
{
    if (debit->number == credit->number || amount == 0) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = side_post(txn, debit, sequence, true, amount);
    if (error == LUCID_OK) {
        error = side_post(txn, credit, sequence, false, amount);
    }
    if (error != LUCID_OK || what.data == NULL) {
        return error;
    }
    uint8_t key[BOOKS_POSTING_KEY_BYTES];
    uint8_t value[BOOKS_POSTING_FIXED_BYTES + GAS_WHAT_BYTES_MAX];
    lucid_assert(what.len <= GAS_WHAT_BYTES_MAX);
    lucid_put_be32(value, debit->number);
    lucid_put_be32(value + 4, credit->number);
    lucid_put_be64(value + 8, amount);
    memcpy(value + BOOKS_POSTING_FIXED_BYTES, what.data, what.len);
    return ledger_txn_put(txn, BOOKS_POSTINGS, books_posting_key(sequence, leg, key),
                          lucid_span(value, BOOKS_POSTING_FIXED_BYTES + what.len));
}

/* --- gas -------------------------------------------------------------------------------------- */

/* Counts a leaf for its account in the open epoch; accounts are chained as they first appear. */
static enum lucid_error epoch_count(struct ledger_txn *txn, struct side *side,
                                    struct books_state *state)
{
    if (side->balance.epoch_leaves == 0) {
        if (state->epoch_first == 0) {
            state->epoch_first = side->number;
        } else {
            struct side last;
            enum lucid_error error = side_take(txn, state->epoch_last, false, &last);
            if (error != LUCID_OK) {
                return error;
            }
            last.balance.epoch_next = side->number;
            books_balance_write(&last.balance, last.row);
        }
        state->epoch_last = side->number;
        side->balance.epoch_next = 0;
    }
    side->balance.epoch_leaves++;
    state->epoch_leaves++;
    books_balance_write(&side->balance, side->row);
    return LUCID_OK;
}

static enum lucid_error charged_add(uint64_t *total, uint64_t amount)
{
    return lucid_add_u64(*total, amount, total) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static enum lucid_error leaf_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct side payer;
    struct side revenue;
    uint8_t *row;
    struct books_state state;
    enum lucid_error error = books_leaf_account(event->type, event->payload, id);
    if (error == LUCID_OK) {
        error = account_take(txn, lucid_span_str(id), event->sequence, &payer);
    }
    if (error == LUCID_OK) {
        error = state_take(txn, &row, &state);
    }
    if (error == LUCID_OK) {
        error = epoch_count(txn, &payer, &state);
    }
    if (error != LUCID_OK) {
        return error;
    }
    books_state_write(&state, row);
    if (state.igas == 0) {
        return LUCID_OK;
    }
    error = account_take(txn, lucid_span_str(books_gas_revenue), event->sequence, &revenue);
    if (error == LUCID_OK) {
        error = post(txn, event->sequence, 0, &payer, &revenue, state.igas, lucid_span(NULL, 0));
    }
    if (error != LUCID_OK) {
        return error;
    }
    books_state_read(row, &state); /* opening the revenue account counted it */
    error = charged_add(&state.igas_charged, state.igas);
    books_state_write(&state, row);
    return error;
}

/* One account's part in an epoch's root. */
struct share {
    uint32_t number;
    uint32_t order; /* of its first leaf in the epoch */
    uint64_t leaves;
    uint64_t remainder;
    uint64_t amount;
};

static int share_by_remainder(const void *a, const void *b)
{
    const struct share *x = a;
    const struct share *y = b;
    if (x->remainder != y->remainder) {
        return x->remainder > y->remainder ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static int share_by_order(const void *a, const void *b)
{
    const struct share *x = a;
    const struct share *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* Takes the chain of accounts with leaves in the epoch, and begins the next epoch's. */
static enum lucid_error shares_take(struct ledger_txn *txn, struct books_state *state,
                                    struct share **ret, uint32_t *ret_count)
{
    uint32_t count = 0;
    uint64_t leaves = 0;
    /* No more accounts than leaves, and no more than there are. */
    uint64_t max = state->epoch_leaves < state->accounts ? state->epoch_leaves : state->accounts;
    struct share *shares =
        lucid_arena_alloc(ledger_txn_arena(txn), (size_t)max * sizeof(*shares) + 1);
    if (shares == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (uint32_t number = state->epoch_first; number != 0;) {
        struct side side;
        enum lucid_error error = side_take(txn, number, false, &side);
        if (error != LUCID_OK) {
            return error;
        }
        if (count == max || side.balance.epoch_leaves == 0) {
            return LUCID_FATAL_CORRUPT;
        }
        shares[count] =
            (struct share){.number = number, .order = count, .leaves = side.balance.epoch_leaves};
        count++;
        leaves += side.balance.epoch_leaves;
        number = side.balance.epoch_next;
        side.balance.epoch_leaves = 0;
        side.balance.epoch_next = 0;
        books_balance_write(&side.balance, side.row);
    }
    if (leaves != state->epoch_leaves) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = shares;
    *ret_count = count;
    return LUCID_OK;
}

/* Largest remainder: each has the floor of its exact share, and what is left goes, a unit each, to
 * the largest remainders; among equals to who came first. */
static void shares_divide(struct share *shares, uint32_t count, uint64_t leaves, uint64_t amount)
{
    uint64_t left = amount;
    for (uint32_t i = 0; i < count; i++) {
        unsigned __int128 part = (unsigned __int128)amount * shares[i].leaves;
        shares[i].amount = (uint64_t)(part / leaves);
        shares[i].remainder = (uint64_t)(part % leaves);
        left -= shares[i].amount;
    }
    lucid_assert(left < count || (left == 0 && count == 0));
    if (left == 0) {
        return;
    }
    qsort(shares, count, sizeof(*shares), share_by_remainder);
    for (uint32_t i = 0; i < left; i++) {
        shares[i].amount++;
    }
    qsort(shares, count, sizeof(*shares), share_by_order);
}

static enum lucid_error shares_post(struct ledger_txn *txn, uint64_t sequence,
                                    const struct share *shares, uint32_t count)
{
    uint32_t leg = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct side payer;
        struct side revenue;
        if (shares[i].amount == 0) {
            continue;
        }
        enum lucid_error error =
            account_take(txn, lucid_span_str(books_gas_revenue), sequence, &revenue);
        if (error == LUCID_OK) {
            error = side_take(txn, shares[i].number, false, &payer);
        }
        if (error == LUCID_OK) {
            error = post(txn, sequence, leg++, &payer, &revenue, shares[i].amount,
                         lucid_span_str(books_what_mgas));
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error epoch_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t *row;
    struct books_state state;
    struct share *shares = NULL;
    uint32_t count = 0;
    enum lucid_error error = state_take(txn, &row, &state);
    if (error == LUCID_OK) {
        error = shares_take(txn, &state, &shares, &count);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t leaves = state.epoch_leaves;
    state.epoch_first = 0;
    state.epoch_last = 0;
    state.epoch_leaves = 0;
    if (count > 0) {
        error = charged_add(&state.mgas_charged, state.mgas);
    }
    books_state_write(&state, row);
    if (error != LUCID_OK || count == 0 || state.mgas == 0) {
        return error;
    }
    shares_divide(shares, count, leaves, state.mgas);
    return shares_post(txn, event->sequence, shares, count);
}

/* --- the other events ------------------------------------------------------------------------- */

static enum lucid_error tariff_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    uint8_t *row;
    uint8_t key[8];
    uint8_t value[BOOKS_TARIFF_BYTES];
    struct books_state state;
    enum lucid_error error = state_take(txn, &row, &state);
    if (error == LUCID_OK) {
        error = member_amount(root, "igas", &state.igas);
    }
    if (error == LUCID_OK) {
        error = member_amount(root, "mgas", &state.mgas);
    }
    if (error == LUCID_OK && (state.igas > GAS_TARIFF_MAX || state.mgas > GAS_TARIFF_MAX)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    state.tariff_sequence = event->sequence;
    books_state_write(&state, row);
    lucid_put_be64(value, event->time_ms);
    lucid_put_be64(value + 8, state.igas);
    lucid_put_be64(value + 16, state.mgas);
    return ledger_txn_put(txn, BOOKS_TARIFFS, books_sequence_key(event->sequence, key),
                          lucid_span(value, sizeof(value)));
}

static enum lucid_error limit_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    struct lucid_span id;
    struct side side;
    enum gas_class class;
    enum gas_unit unit;
    uint64_t limit;
    enum lucid_error error = payload_text(root, "account", &id);
    if (error == LUCID_OK &&
        (!gas_account_id_parse(id, &class, &unit) || class != GAS_CLASS_SIGNER)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = member_amount(root, "credit_limit", &limit);
    }
    if (error == LUCID_OK) {
        error = account_take(txn, id, event->sequence, &side);
    }
    if (error != LUCID_OK) {
        return error;
    }
    side.balance.credit_limit = limit;
    books_balance_write(&side.balance, side.row);
    return LUCID_OK;
}

/* The key of a deposit, so that it is done once. */
static enum lucid_error deposit_note(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    uint8_t key[32];
    uint8_t value[BOOKS_DEPOSIT_BYTES];
    enum lucid_error error = payload_hex(root, "key", key, sizeof(key));
    if (error == LUCID_OK) {
        error = payload_hex(root, "content", value + 16, 32);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_put_be64(value, event->sequence);
    lucid_put_be64(value + 8, event->time_ms);
    return ledger_txn_put(txn, BOOKS_DEPOSITS, lucid_span(key, sizeof(key)),
                          lucid_span(value, sizeof(value)));
}

static enum lucid_error postings_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct jcs_value *root)
{
    const struct jcs_value *list = jcs_member(root, "postings");
    uint32_t leg = 0;
    if (list == NULL || jcs_type(list) != JCS_ARRAY) {
        return LUCID_FATAL_CORRUPT;
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        struct gas_posting_read posting;
        struct side debit;
        struct side credit;
        enum lucid_error error = gas_posting_parse(at, &posting);
        if (error == LUCID_OK) {
            error = account_take(txn, posting.debit, event->sequence, &debit);
        }
        if (error == LUCID_OK) {
            error = account_take(txn, posting.credit, event->sequence, &credit);
        }
        if (error == LUCID_OK) {
            error =
                post(txn, event->sequence, leg++, &debit, &credit, posting.amount, posting.what);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static bool type_has_postings(struct lucid_span type)
{
    for (size_t i = 0; i < sizeof(posting_types) / sizeof(posting_types[0]); i++) {
        if (lucid_span_is(type, posting_types[i])) {
            return true;
        }
    }
    return false;
}

static enum lucid_error object_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    if (lucid_span_is(event->type, books_type_tariff)) {
        return tariff_apply(txn, event, root);
    }
    if (lucid_span_is(event->type, books_type_limited)) {
        return limit_apply(txn, event, root);
    }
    enum lucid_error error = LUCID_OK;
    if (lucid_span_is(event->type, books_type_deposited)) {
        error = deposit_note(txn, event, root);
    }
    return error == LUCID_OK ? postings_apply(txn, event, root) : error;
}

static enum lucid_error books_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (event->entry != NULL) {
        enum lucid_error error = leaf_apply(txn, event);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (lucid_span_is(event->type, type_epoch_closed)) {
        return epoch_apply(txn, event);
    }
    if (!lucid_span_is(event->type, books_type_tariff) &&
        !lucid_span_is(event->type, books_type_limited) && !type_has_postings(event->type)) {
        return LUCID_OK;
    }
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = object_apply(txn, event, root);
    }
    lucid_arena_fini(&arena);
    return error;
}

const struct ledger_kind gas_books_kind = {
    .name = "books",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .listens = listens,
    .guards = "*",
    .decide = books_decide,
    .guard = books_guard,
    .apply = books_apply,
    .react = books_react,
    .conclude = books_conclude,
};
