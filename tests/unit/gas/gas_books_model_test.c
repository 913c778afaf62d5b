/* The books against a model that is told only the log: random receipts, documents, payments,
 * deposits, limits, tariffs and closed epochs, in batches of any size, some dropped; then every
 * balance, every balance before, every list, a replay with other batches, a fold anew, and the
 * check of the store with a row damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/check.h"
#include "ledger/payload.h"
#include "tests/unit/gas/gas_world.h"

enum { ACCOUNTS_MAX = 64, POSTINGS_MAX = 20000, SIGNERS = 6, REFUSED_MAX = 4000, COMMANDS_MAX = 8 };

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* --- the model -------------------------------------------------------------------------------- */

struct model_account {
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    uint64_t debits;
    uint64_t credits;
    uint64_t limit;
    uint64_t leaves; /* in the open epoch */
    unsigned order;
};
struct model_posting {
    uint64_t sequence;
    unsigned debit;
    unsigned credit;
    uint64_t amount;
    char what[GAS_WHAT_BYTES_MAX + 1];
};
static struct model {
    struct model_account accounts[ACCOUNTS_MAX];
    unsigned account_count;
    struct model_posting postings[POSTINGS_MAX];
    unsigned posting_count;
    uint64_t igas;
    uint64_t mgas;
    unsigned orders;
    bool prepaid;
    unsigned refused_at; /* next refusal to look at */
} model;

/* Receipts that were refused, after which event. */
static struct refusal {
    uint64_t after;
    unsigned signer;
} refused[REFUSED_MAX];
static unsigned refused_count;

static struct gas_world world;

static struct model_account *model_account(const char *id, size_t len)
{
    for (unsigned i = 0; i < model.account_count; i++) {
        if (strlen(model.accounts[i].id) == len && memcmp(model.accounts[i].id, id, len) == 0) {
            return &model.accounts[i];
        }
    }
    assert_true(model.account_count < ACCOUNTS_MAX);
    struct model_account *account = &model.accounts[model.account_count++];
    memcpy(account->id, id, len);
    return account;
}

static void model_post(uint64_t sequence, struct model_account *debit, struct model_account *credit,
                       uint64_t amount, const char *what)
{
    assert_true(model.posting_count < POSTINGS_MAX);
    struct model_posting *posting = &model.postings[model.posting_count++];
    *posting = (struct model_posting){.sequence = sequence,
                                      .debit = (unsigned)(debit - model.accounts),
                                      .credit = (unsigned)(credit - model.accounts),
                                      .amount = amount};
    snprintf(posting->what, sizeof(posting->what), "%s", what);
    debit->debits += amount;
    credit->credits += amount;
}

static bool model_pays(const struct model_account *account)
{
    return model.igas == 0 || account->debits + model.igas <= account->credits + account->limit;
}

static struct model_account *model_signer(const uint8_t key[32])
{
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    gas_account_signer(key, id);
    return model_account(id, strlen(id));
}

static void model_leaf(const struct store_event *event)
{
    bool receipt = lucid_span_is(event->type, "receipt");
    struct model_account *payer =
        receipt ? model_signer(event->payload.data) : model_account("protocol:gas:LUCID", 18);
    if (receipt && model.prepaid) {
        assert_true(model_pays(payer));
    }
    if (payer->leaves++ == 0) {
        payer->order = model.orders++;
    }
    if (model.igas > 0) {
        model_post(event->sequence, payer, model_account("revenue:gas:LUCID", 17), model.igas,
                   "igas");
    }
}

static void model_epoch(uint64_t sequence)
{
    uint64_t leaves = 0;
    uint64_t shares[ACCOUNTS_MAX];
    uint64_t rests[ACCOUNTS_MAX];
    unsigned by_order[ACCOUNTS_MAX];
    uint64_t left = model.mgas;
    for (unsigned i = 0; i < model.account_count; i++) {
        leaves += model.accounts[i].leaves;
        if (model.accounts[i].leaves > 0) {
            by_order[model.accounts[i].order] = i;
        }
    }
    assert_true(leaves > 0);
    for (unsigned i = 0; i < model.orders; i++) {
        unsigned __int128 part = (unsigned __int128)model.mgas * model.accounts[by_order[i]].leaves;
        shares[i] = (uint64_t)(part / leaves);
        rests[i] = (uint64_t)(part % leaves) + 1;
        left -= shares[i];
    }
    for (; left > 0; left--) {
        unsigned best = 0;
        for (unsigned i = 1; i < model.orders; i++) {
            best = rests[i] > rests[best] ? i : best;
        }
        shares[best]++;
        rests[best] = 0;
    }
    for (unsigned i = 0; i < model.orders; i++) {
        model.accounts[by_order[i]].leaves = 0;
        if (shares[i] > 0) {
            model_post(sequence, &model.accounts[by_order[i]],
                       model_account("revenue:gas:LUCID", 17), shares[i], "mgas");
        }
    }
    model.orders = 0;
}

static struct lucid_span text_of(const struct jcs_value *object, const char *name)
{
    return jcs_string(jcs_member(object, name));
}

static uint64_t amount_of(const struct jcs_value *object, const char *name)
{
    char text[32] = {0};
    struct lucid_span span = text_of(object, name);
    memcpy(text, span.data, span.len);
    return strtoull(text, NULL, 10);
}

static void model_object(const struct store_event *event)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 256};
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, 1 << 20);
    assert_int_equal(jcs_parse(event->payload, &limits, &arena, &root, NULL), LUCID_OK);
    if (lucid_span_is(event->type, "tariff.set")) {
        model.igas = amount_of(root, "igas");
        model.mgas = amount_of(root, "mgas");
    } else if (lucid_span_is(event->type, "account.limited")) {
        struct lucid_span id = text_of(root, "account");
        model_account((const char *)id.data, id.len)->limit = amount_of(root, "credit_limit");
    } else {
        const struct jcs_value *list = jcs_member(root, "postings");
        for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL;
             at = jcs_next(list, at)) {
            struct lucid_span debit = text_of(at, "debit");
            struct lucid_span credit = text_of(at, "credit");
            char what[GAS_WHAT_BYTES_MAX + 1] = {0};
            memcpy(what, text_of(at, "what").data, text_of(at, "what").len);
            model_post(event->sequence, model_account((const char *)debit.data, debit.len),
                       model_account((const char *)credit.data, credit.len),
                       amount_of(at, "amount"), what);
        }
    }
    lucid_arena_fini(&arena);
}

static enum lucid_error model_event(void *context, const struct store_event *event)
{
    (void)context;
    for (; model.refused_at < refused_count && refused[model.refused_at].after < event->sequence;
         model.refused_at++) {
        uint8_t key[32];
        gas_signer_key(refused[model.refused_at].signer, key);
        assert_false(model_pays(model_signer(key)));
    }
    if (event->entry != NULL) {
        model_leaf(event);
    } else if (lucid_span_is(event->type, "epoch.closed")) {
        model_epoch(event->sequence);
    } else if (lucid_span_is(event->type, "tariff.set") ||
               lucid_span_is(event->type, "account.limited") ||
               lucid_span_is(event->type, "account.deposited") ||
               lucid_span_is(event->type, "payment.recorded")) {
        model_object(event);
    }
    return LUCID_OK;
}

/* --- what happens ----------------------------------------------------------------------------- */

static uint64_t next_number; /* of receipts, documents, keys */

union any_command {
    struct receipt_command receipt;
    struct core_leaf_command leaf;
    struct gas_books_command books;
    struct ledger_epoch_command epoch;
    struct till_command pay;
};

static const char *const pay_accounts[] = {
    "clearing:a:USDC",       "clearing:b:USDC",       "payee:x:USDC",        "payee:y:USDC",
    "revenue:protocol:USDC", "suspense:model:z:USDC", "transit:payouts:USDC"};

static void pay_init(struct till_command *pay)
{
    *pay = (struct till_command){
        .command = {.kind = &till_kind}, .type = till_payment, .count = 1 + draw(5)};
    for (size_t i = 0; i < pay->count; i++) {
        uint64_t debit = draw(7);
        uint64_t credit = (debit + 1 + draw(6)) % 7;
        pay->postings[i] = (struct gas_posting_draft){.debit = pay_accounts[debit],
                                                      .credit = pay_accounts[credit],
                                                      .amount = draw(1000),
                                                      .what = "split.model"};
    }
}

static struct ledger_command *command_make(union any_command *any, unsigned *ret_signer)
{
    uint8_t key[32];
    char text[32];
    uint64_t what = draw(40);
    unsigned signer = (unsigned)draw(SIGNERS);
    gas_signer_key(signer, key);
    *ret_signer = signer;
    if (what < 26) {
        gas_receipt_init(&any->receipt, signer, next_number++);
        return &any->receipt.command;
    }
    if (what < 29) {
        core_leaf_init(&any->leaf, next_number, 1 + draw(3));
        next_number += 3;
        return &any->leaf.command;
    }
    if (what < 32) {
        pay_init(&any->pay);
        return &any->pay.command;
    }
    if (what < 35) {
        snprintf(text, sizeof(text), "k%llu", (unsigned long long)next_number++);
        assert_int_equal(gas_deposit_prepare(&any->books, key, 1 + draw(100), lucid_span_str(text),
                                             lucid_span("", 0), NULL),
                         LUCID_OK);
        return &any->books.command;
    }
    if (what < 37) {
        assert_int_equal(gas_limit_prepare(&any->books, key, draw(50), NULL), LUCID_OK);
        return &any->books.command;
    }
    if (what < 38) {
        assert_int_equal(gas_tariff_prepare(&any->books, draw(6), draw(40), NULL), LUCID_OK);
        return &any->books.command;
    }
    ledger_epoch_command_init(&any->epoch, EPOCH_FINALIZE);
    return &any->epoch.command;
}

static void batch_random(void)
{
    static union any_command commands[COMMANDS_MAX];
    unsigned count = 1 + (unsigned)draw(COMMANDS_MAX);
    unsigned before = refused_count;
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    for (unsigned i = 0; i < count; i++) {
        unsigned signer;
        uint64_t after = world.core.ledger->staged.events;
        struct ledger_command *command = command_make(&commands[i], &signer);
        assert_int_equal(ledger_batch_run(world.core.ledger, command), LUCID_OK);
        if (command->kind == &ledger_receipt_kind && command->error != LUCID_OK) {
            assert_int_equal(command->error, LUCID_REFUSE_FORBIDDEN);
            assert_true(refused_count < REFUSED_MAX);
            refused[refused_count++] = (struct refusal){.after = after, .signer = signer};
        } else if (command->kind != &ledger_epoch_kind) {
            assert_int_equal(command->error, LUCID_OK);
        }
    }
    if (draw(8) == 0) {
        ledger_batch_abort(world.core.ledger);
        refused_count = before;
    } else {
        assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    }
    world.core.now_ms += draw(3);
    if (draw(40) == 0) {
        core_world_reopen(&world.core);
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

static void posting_same(const struct model_posting *want, const struct gas_posting *is)
{
    assert_int_equal(is->sequence, want->sequence);
    assert_string_equal(is->debit, model.accounts[want->debit].id);
    assert_string_equal(is->credit, model.accounts[want->credit].id);
    assert_int_equal(is->amount, want->amount);
    assert_string_equal(is->what, want->what);
}

/* All postings (account NULL), or those of one account, in order; from any event on. */
static void list_check(const struct gas_account *account, unsigned number, uint64_t from)
{
    struct gas_posting is;
    uint64_t sequence = from;
    uint32_t leg = UINT32_MAX;
    for (unsigned i = 0; i < model.posting_count; i++) {
        const struct model_posting *want = &model.postings[i];
        if (want->sequence <= from ||
            (account != NULL && want->debit != number && want->credit != number)) {
            continue;
        }
        assert_int_equal(gas_posting_next(world.core.view, account, sequence, leg, &is), LUCID_OK);
        posting_same(want, &is);
        sequence = is.sequence;
        leg = is.leg;
    }
    assert_int_equal(gas_posting_next(world.core.view, account, sequence, leg, &is),
                     LUCID_NOTE_ABSENT);
}

static void account_check(unsigned number, uint64_t events)
{
    const struct model_account *want = &model.accounts[number];
    struct gas_account is;
    enum lucid_error error = gas_account_read(world.core.view, lucid_span_str(want->id), &is);
    if (error == LUCID_NOTE_ABSENT) { /* only refused ever */
        assert_int_equal(want->debits + want->credits + want->limit, 0);
        return;
    }
    assert_int_equal(error, LUCID_OK);
    assert_int_equal(is.debits, want->debits);
    assert_int_equal(is.credits, want->credits);
    assert_int_equal(is.credit_limit, want->limit);
    list_check(&is, number, 0);
    list_check(&is, number, draw(events));
    uint64_t debits = 0;
    uint64_t credits = 0;
    unsigned p = 0;
    for (uint64_t at = 0; at <= events; at++) {
        for (; p < model.posting_count && model.postings[p].sequence <= at; p++) {
            debits += model.postings[p].debit == number ? model.postings[p].amount : 0;
            credits += model.postings[p].credit == number ? model.postings[p].amount : 0;
        }
        struct gas_account then = is;
        assert_int_equal(gas_account_as_of(world.core.view, at, &then), LUCID_OK);
        assert_int_equal(then.debits, debits);
        assert_int_equal(then.credits, credits);
    }
}

static void replay_check(void)
{
    static struct gas_world other;
    gas_world_init(&other);
    core_world_use(&other.core, &till_kind, NULL);
    assert_true(core_replays_same(&world.core, &other.core, 1 + draw(100)));
    core_world_stop(&other.core);
}

/* As after a rebuild that was cut short: the books are folded anew at open. */
static void refold_check(void)
{
    static const uint8_t stale[5] = {0, 0, 0, 1, 0};
    struct store_batch *batch;
    uint32_t folds;
    uint8_t was[LUCID_SHA256_BYTES];
    uint8_t is[LUCID_SHA256_BYTES];
    core_store_digest(&world.core, world.core.store, was);
    core_world_shut(&world.core);
    assert_int_equal(store_table_find(world.core.store, LEDGER_FOLDS_TABLE, &folds), LUCID_OK);
    assert_int_equal(store_batch_begin(world.core.store, &batch), LUCID_OK);
    assert_int_equal(
        store_put(batch, folds, lucid_span_str("books"), lucid_span(stale, sizeof(stale))),
        LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    assert_int_equal(core_world_open(&world.core), LUCID_OK);
    core_store_digest(&world.core, world.core.store, is);
    assert_memory_equal(was, is, sizeof(was));
}

/* What a check of the whole store says of its tables. */
static void fold_report(struct check_report *ret)
{
    struct check_options options = {.uses = world.core.uses, .use_count = world.core.use_count};
    struct check *check;
    struct check_fold *fold;
    bool done = false;
    assert_int_equal(check_open(world.core.store, &options, &check, NULL), LUCID_OK);
    assert_int_equal(check_fold_open(check, &fold), LUCID_OK);
    while (!done) {
        assert_int_equal(check_fold_step(fold, &done), LUCID_OK);
    }
    *ret = *check_fold_report(fold);
    check_fold_close(fold);
    check_close(check);
}

/* No row is damaged, and one that is made so is found: any row of any table of the books. */
static void damage_check(void)
{
    struct check_report report;
    fold_report(&report);
    assert_int_equal(check_report_damage(&report), 0);
    assert_int_equal(report.undecided, 0);
    for (const char *const *name = gas_books_kind.tables; *name != NULL; name++) {
        uint8_t key[STORE_KEY_BYTES_MAX];
        uint8_t value[STORE_KEY_BYTES_MAX + 64];
        uint8_t from = (uint8_t)draw(256);
        struct lucid_span at;
        struct lucid_span row;
        struct store_batch *batch;
        uint32_t table;
        assert_int_equal(store_table_find(world.core.store, *name, &table), LUCID_OK);
        assert_int_equal(store_batch_begin(world.core.store, &batch), LUCID_OK);
        struct store_view *view = store_batch_view(batch);
        if (store_seek(view, table, STORE_SEEK_GE, lucid_span(&from, 1), &at, &row) != LUCID_OK) {
            assert_int_equal(store_seek(view, table, STORE_SEEK_LT, lucid_span("", 0), &at, &row),
                             LUCID_OK);
        }
        memcpy(key, at.data, at.len);
        memcpy(value, row.data, row.len);
        at = lucid_span(key, at.len);
        row = lucid_span(value, row.len);
        uint64_t byte = draw(row.len);
        uint8_t bit = (uint8_t)(1 << draw(8));
        value[byte] ^= bit;
        assert_int_equal(store_put(batch, table, at, row), LUCID_OK);
        assert_int_equal(store_batch_commit(batch), LUCID_OK);
        fold_report(&report);
        assert_int_equal(check_report_damage(&report), 1);
        assert_string_equal(report.kept[0].table, *name);
        value[byte] ^= bit;
        assert_int_equal(store_batch_begin(world.core.store, &batch), LUCID_OK);
        assert_int_equal(store_put(batch, table, at, row), LUCID_OK);
        assert_int_equal(store_batch_commit(batch), LUCID_OK);
    }
}

static void run(uint64_t seed, unsigned batches)
{
    random_state = seed * 0x9e3779b97f4a7c15U + 1;
    model = (struct model){.prepaid = seed % 2 == 1};
    refused_count = 0;
    next_number = 0;
    gas_world_init(&world);
    world.books.mode = model.prepaid ? GAS_PREPAID : GAS_POSTPAID;
    world.core.epoch.receipts_max = 1 + draw(30);
    core_world_use(&world.core, &till_kind, NULL);
    core_world_start(&world.core);
    lucid_log_set_level(LUCID_LOG_ERROR);
    for (unsigned i = 0; i < SIGNERS; i++) {
        gas_signer_add(&world, i);
    }
    for (unsigned i = 0; i < batches; i++) {
        batch_random();
    }
    uint64_t events = core_events(&world.core);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(store_event_scan(ledger_view_store(world.core.view), 1, model_event, NULL),
                     LUCID_OK);
    list_check(NULL, 0, 0);
    list_check(NULL, 0, draw(events));
    for (unsigned i = 0; i < model.account_count; i++) {
        account_check(i, events);
    }
    ledger_view_end(world.core.view);
    gas_books_balance(&world);
    replay_check();
    refold_check();
    damage_check();
    core_world_stop(&world.core);
}

static void test_model(void **state)
{
    const char *seeds = getenv("SEEDS");
    uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : 3;
    (void)state;
    for (uint64_t seed = 1; seed <= count; seed++) {
        run(seed, 150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests_name("gas books model", tests, NULL, NULL);
}
