/* The books: charges, roots shared, deposits, limits, the prepaid guard, history, replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gas/books_internal.h"
#include "ledger/row.h"
#include "tests/unit/gas/gas_world.h"

#define LUCID GAS_IGAS_DEFAULT

static struct gas_world world;
static uint64_t next_receipt;

static int world_make(void **state)
{
    (void)state;
    gas_world_init(&world);
    core_world_use(&world.core, &till_kind, NULL);
    core_world_start(&world.core);
    for (unsigned i = 0; i < 8; i++) {
        gas_signer_add(&world, i);
    }
    next_receipt = 0;
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world.core);
    return 0;
}

static const char *signer_id(unsigned number)
{
    static char ids[4][GAS_ACCOUNT_ID_BYTES_MAX + 1];
    static unsigned turn;
    uint8_t key[32];
    char *id = ids[turn++ % 4];
    gas_signer_key(number, key);
    gas_account_signer(key, id);
    return id;
}

static void receipts(unsigned signer, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(gas_receipt(&world, signer, next_receipt++), LUCID_OK);
    }
}

static void epoch_close(void)
{
    struct ledger_epoch_command command;
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
}

static enum lucid_error deposit(unsigned signer, uint64_t amount, const char *key, bool *ret_known,
                                struct lucid_why *why)
{
    struct gas_books_command command;
    uint8_t pubkey[32];
    gas_signer_key(signer, pubkey);
    enum lucid_error error =
        gas_deposit_prepare(&command, pubkey, amount, lucid_span_str(key), lucid_span("", 0), why);
    if (error == LUCID_OK) {
        error = core_run(&world.core, &command.command);
        if (why != NULL) {
            *why = command.command.why;
        }
        *ret_known = command.ret_known;
        assert_true(error != LUCID_OK || command.ret_sequence > 0);
    }
    return error;
}

static void test_charges(void **state)
{
    (void)state;
    receipts(0, 3);
    assert_int_equal(gas_debits(&world, signer_id(0)), 0);
    assert_int_equal(gas_tariff(&world, LUCID, 5 * LUCID), LUCID_OK);
    receipts(0, 2);
    receipts(1, 1);
    assert_int_equal(gas_debits(&world, signer_id(0)), 2 * LUCID);
    assert_int_equal(gas_debits(&world, signer_id(1)), LUCID);
    assert_int_equal(gas_credits(&world, "revenue:gas:LUCID"), 3 * LUCID);
    /* The same receipt again costs nothing. */
    uint64_t events = core_events(&world.core);
    struct receipt_command again;
    gas_receipt_init(&again, 0, 3);
    assert_int_equal(core_run(&world.core, &again.command), LUCID_OK);
    assert_true(again.placement.replayed);
    assert_int_equal(core_events(&world.core), events);
    assert_int_equal(gas_debits(&world, signer_id(0)), 2 * LUCID);
    /* A document of another kind is the protocol's. */
    core_leaves_log(&world.core, 0, 2);
    assert_int_equal(gas_debits(&world, "protocol:gas:LUCID"), 2 * LUCID);
    assert_int_equal(gas_tariff(&world, 7, 0), LUCID_OK);
    receipts(1, 1);
    assert_int_equal(gas_debits(&world, signer_id(1)), LUCID + 7);
    gas_books_balance(&world);
}

/* Documents have a guard as well: the books never overflow, whatever a plugin logs. */
static void test_documents_fit(void **state)
{
    (void)state;
    struct core_leaf_command leaf;
    world.core.epoch.receipts_max = 100000;
    assert_int_equal(gas_tariff(&world, GAS_TARIFF_MAX, GAS_TARIFF_MAX), LUCID_OK);
    for (unsigned i = 0; i < 9; i++) {
        core_leaf_init(&leaf, 1000 * i, 1000);
        assert_int_equal(core_run(&world.core, &leaf.command), LUCID_OK);
    }
    uint64_t events = core_events(&world.core);
    core_leaf_init(&leaf, 9000, 223); /* 2^63 − 1 has room for 9223, of which the root wants one */
    assert_int_equal(core_run(&world.core, &leaf.command), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(leaf.command.why.code, "AMOUNT_OVERFLOW");
    assert_int_equal(core_events(&world.core), events);
    core_leaf_init(&leaf, 9000, 222);
    assert_int_equal(core_run(&world.core, &leaf.command), LUCID_OK);
    assert_int_equal(gas_receipt(&world, 0, next_receipt), LUCID_REFUSE_TOO_LARGE);
    epoch_close();
    assert_int_equal(gas_debits(&world, "protocol:gas:LUCID"), 9223 * GAS_TARIFF_MAX);
    gas_books_balance(&world);
}

/* Leaves per signer in one epoch, and what each pays of a root of 5 LUCID. */
static void shares_expect(const unsigned *leaves, const uint64_t *shares, unsigned count)
{
    uint64_t before[8];
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        before[i] = gas_debits(&world, signer_id(i));
        receipts(i, leaves[i]);
    }
    epoch_close();
    for (unsigned i = 0; i < count; i++) {
        uint64_t paid = gas_debits(&world, signer_id(i)) - before[i];
        assert_int_equal(paid, shares[i]);
        sum += paid;
    }
    assert_int_equal(sum, 5 * LUCID);
    gas_books_balance(&world);
}

static void test_roots(void **state)
{
    (void)state;
    world.core.epoch.receipts_max = 1000;
    assert_int_equal(gas_tariff(&world, 0, 5 * LUCID), LUCID_OK);
    shares_expect((unsigned[]){1}, (uint64_t[]){5 * LUCID}, 1);
    shares_expect((unsigned[]){99, 1}, (uint64_t[]){4950000000, 50000000}, 2);
    shares_expect((unsigned[]){50, 50}, (uint64_t[]){2500000000, 2500000000}, 2);
    shares_expect((unsigned[]){33, 33, 34}, (uint64_t[]){1650000000, 1650000000, 1700000000}, 3);
    /* Three equal remainders, two units left: to who came first. */
    shares_expect((unsigned[]){1, 1, 1}, (uint64_t[]){1666666667, 1666666667, 1666666666}, 3);
    shares_expect(
        (unsigned[]){1, 1, 1, 1, 1, 1, 1},
        (uint64_t[]){714285715, 714285715, 714285714, 714285714, 714285714, 714285714, 714285714},
        7);
    /* More signers than units. */
    assert_int_equal(gas_tariff(&world, 0, 2), LUCID_OK);
    uint64_t before = gas_credits(&world, "revenue:gas:LUCID");
    for (unsigned i = 0; i < 5; i++) {
        receipts(i, 1);
    }
    epoch_close();
    assert_int_equal(gas_credits(&world, "revenue:gas:LUCID"), before + 2);
    gas_books_balance(&world);
}

static void test_prepaid(void **state)
{
    (void)state;
    struct lucid_why why = {0};
    bool known = false;
    world.core.epoch.receipts_max = 4;
    world.books.mode = GAS_PREPAID;
    assert_int_equal(gas_tariff(&world, LUCID, 5 * LUCID), LUCID_OK);
    struct receipt_command refused;
    uint64_t events = core_events(&world.core);
    gas_receipt_init(&refused, 0, 900);
    assert_int_equal(core_run(&world.core, &refused.command), LUCID_REFUSE_FORBIDDEN);
    assert_string_equal(refused.command.why.code, "GAS_EXHAUSTED");
    assert_int_equal(core_events(&world.core), events);
    assert_int_equal(deposit(0, 3 * LUCID, "first", &known, &why), LUCID_OK);
    assert_false(known);
    assert_int_equal(deposit(0, 3 * LUCID, "first", &known, &why), LUCID_OK);
    assert_true(known);
    assert_int_equal(deposit(0, 4 * LUCID, "first", &known, &why), LUCID_REFUSE_CONFLICT);
    assert_string_equal(why.code, "IDEMPOTENCY_CONFLICT");
    assert_int_equal(deposit(99, LUCID, "other", &known, &why), LUCID_NOTE_ABSENT);
    /* Four in one batch: the first three are paid for. */
    struct receipt_command four[4];
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    for (unsigned i = 0; i < 4; i++) {
        gas_receipt_init(&four[i], 0, 910 + i);
        assert_int_equal(ledger_batch_run(world.core.ledger, &four[i].command), LUCID_OK);
        assert_int_equal(four[i].command.error, i < 3 ? LUCID_OK : LUCID_REFUSE_FORBIDDEN);
    }
    assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    assert_int_equal(gas_debits(&world, signer_id(0)), 3 * LUCID);
    /* A limit lets it go on; the root may overdraw. */
    struct gas_books_command limit;
    uint8_t key[32];
    gas_signer_key(0, key);
    assert_int_equal(gas_limit_prepare(&limit, key, LUCID, NULL), LUCID_OK);
    assert_int_equal(core_run(&world.core, &limit.command), LUCID_OK);
    assert_int_equal(gas_account(&world, signer_id(0), UINT64_MAX).credit_limit, LUCID);
    assert_int_equal(gas_receipt(&world, 0, 920), LUCID_OK);
    assert_int_equal(gas_debits(&world, signer_id(0)), 9 * LUCID);
    assert_int_equal(gas_receipt(&world, 0, 921), LUCID_REFUSE_FORBIDDEN);
    bool negative = false;
    struct gas_account account = gas_account(&world, signer_id(0), UINT64_MAX);
    assert_int_equal(gas_account_balance(&account, &negative), 6 * LUCID);
    assert_true(negative);
    core_world_reopen(&world.core);
    assert_int_equal(gas_receipt(&world, 0, 921), LUCID_REFUSE_FORBIDDEN);
    gas_books_balance(&world);
}

static void test_limits(void **state)
{
    (void)state;
    struct lucid_why why = {0};
    bool known = false;
    struct gas_books_command command;
    uint8_t key[32] = {0};
    assert_int_equal(gas_tariff_prepare(&command, GAS_TARIFF_MAX + 1, 0, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "igas");
    assert_int_equal(
        gas_deposit_prepare(&command, key, 0, lucid_span_str("k"), lucid_span("", 0), &why),
        LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "amount");
    assert_int_equal(
        gas_deposit_prepare(&command, key, 1, lucid_span_str("a b"), lucid_span("", 0), &why),
        LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "Idempotency-Key");
    assert_int_equal(gas_tariff(&world, LUCID, 0), LUCID_OK);
    assert_int_equal(deposit(0, GAS_AMOUNT_MAX - 1, "large", &known, &why), LUCID_OK);
    uint64_t events = core_events(&world.core);
    assert_int_equal(deposit(0, 2, "over", &known, &why), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "AMOUNT_OVERFLOW");
    /* The clearing account is full as well, whoever the deposit is for. */
    assert_int_equal(deposit(1, 2, "over", &known, &why), LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(core_events(&world.core), events);
    assert_int_equal(deposit(0, 1, "last", &known, &why), LUCID_OK);
    gas_books_balance(&world);
}

/* Near 2^63: a receipt is refused while there is no room for its charge and its epoch's root, also
 * when only the root costs something. */
static void test_room(void **state)
{
    (void)state;
    struct till_command pay = {.command = {.kind = &till_kind}, .type = till_payment, .count = 1};
    struct receipt_command receipt;
    pay.postings[0] = (struct gas_posting_draft){.debit = "clearing:a:LUCID",
                                                 .credit = "revenue:gas:LUCID",
                                                 .amount = GAS_AMOUNT_MAX - 100,
                                                 .what = "deposit"};
    assert_int_equal(core_run(&world.core, &pay.command), LUCID_OK);
    assert_int_equal(gas_tariff(&world, 30, 40), LUCID_OK);
    receipts(0, 1);
    epoch_close();
    assert_int_equal(gas_credits(&world, "revenue:gas:LUCID"), GAS_AMOUNT_MAX - 30);
    const uint64_t tariffs[][2] = {{31, 0}, {30, 1}, {0, 31}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gas_tariff(&world, tariffs[i][0], tariffs[i][1]), LUCID_OK);
        uint64_t events = core_events(&world.core);
        gas_receipt_init(&receipt, 0, 800);
        assert_int_equal(core_run(&world.core, &receipt.command), LUCID_REFUSE_TOO_LARGE);
        assert_string_equal(receipt.command.why.code, "AMOUNT_OVERFLOW");
        assert_int_equal(core_events(&world.core), events);
    }
    assert_int_equal(gas_tariff(&world, 10, 20), LUCID_OK);
    receipts(0, 1);
    epoch_close();
    assert_int_equal(gas_credits(&world, "revenue:gas:LUCID"), GAS_AMOUNT_MAX);
    assert_int_equal(gas_tariff(&world, 0, 0), LUCID_OK);
    receipts(0, 1);
    epoch_close();
    gas_books_balance(&world);
}

/* Whoever signs for an account whose row rotted is refused; the others go on. */
static void test_damage(void **state)
{
    (void)state;
    static const uint8_t rotten[BOOKS_BALANCE_BYTES + ROW_SUM_BYTES] = {1};
    struct store_batch *batch = NULL;
    uint32_t table;
    uint8_t number[BOOKS_NUMBER_BYTES];
    assert_int_equal(gas_tariff(&world, LUCID, 0), LUCID_OK);
    receipts(0, 1);
    receipts(1, 1);
    (void)books_number_key(gas_account(&world, signer_id(0), UINT64_MAX).number, number);
    assert_int_equal(store_table_find(world.core.store, "balances", &table), LUCID_OK);
    assert_int_equal(store_batch_begin(world.core.store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, table, lucid_span(number, sizeof(number)),
                               lucid_span(rotten, sizeof(rotten))),
                     LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct receipt_command receipt;
    gas_receipt_init(&receipt, 0, 800);
    assert_int_equal(core_run(&world.core, &receipt.command), LUCID_RETRY_IO);
    assert_string_equal(receipt.command.why.code, "CORRUPT");
    receipts(1, 1);
    assert_int_equal(gas_debits(&world, signer_id(1)), 2 * LUCID);
}

/* An event of another log, well formed and chained, whose payload no books wrote. */
static enum lucid_error foreign_replay(const char *type, const char *payload)
{
    uint8_t hash[STORE_HASH_BYTES];
    struct store_event event = {
        .sequence = core_events(&world.core) + 1,
        .time_ms = world.core.now_ms,
        .type = lucid_span_str(type),
        .version = 1,
        .payload = lucid_span_str(payload),
        .hash = hash,
    };
    assert_int_equal(ledger_batch_begin(world.core.ledger, 0), LUCID_OK);
    event_hash(world.core.ledger->staged.hash, &event, hash);
    enum lucid_error error = ledger_batch_replay(world.core.ledger, &event, lucid_span(NULL, 0));
    ledger_batch_abort(world.core.ledger);
    return error;
}

static void test_foreign(void **state)
{
    (void)state;
    char text[512];
    static const char *const accounts[] = {"", "signer", "payee:x:USDC", "revenue:gas:LUCID",
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        snprintf(text, sizeof(text), "{\"account\":\"%s\",\"credit_limit\":\"5\"}", accounts[i]);
        assert_int_equal(foreign_replay("account.limited", text), LUCID_FATAL_CORRUPT);
        snprintf(text, sizeof(text),
                 "{\"postings\":[{\"amount\":\"5\",\"credit\":\"%s\",\"debit\":\"%s\","
                 "\"what\":\"x\"}]}",
                 accounts[i], i % 2 == 0 ? accounts[i] : "clearing:a:USDC");
        if (strcmp(accounts[i], "payee:x:USDC") != 0) {
            assert_int_equal(foreign_replay("payment.recorded", text), LUCID_FATAL_CORRUPT);
        }
    }
    snprintf(text, sizeof(text), "{\"account\":\"%s\",\"credit_limit\":\"5\"}", signer_id(0));
    assert_int_equal(foreign_replay("account.limited", text), LUCID_OK);
    assert_int_equal(foreign_replay("account.limited", "{"), LUCID_FATAL_CORRUPT);
    assert_int_equal(foreign_replay("account.limited", "[]"), LUCID_FATAL_CORRUPT);
    assert_int_equal(foreign_replay("tariff.set", "{\"igas\":\"1\"}"), LUCID_FATAL_CORRUPT);
    assert_int_equal(foreign_replay("tariff.set", "{\"igas\":\"1\",\"mgas\":\"1000000000000001\"}"),
                     LUCID_FATAL_CORRUPT);
    assert_int_equal(foreign_replay("tariff.set", "{\"igas\":\"1\",\"mgas\":\"1000000000000000\"}"),
                     LUCID_OK);
    assert_int_equal(foreign_replay("account.deposited", "{\"postings\":[]}"), LUCID_FATAL_CORRUPT);
    assert_int_equal(foreign_replay("payment.recorded", "{\"postings\":[5]}"), LUCID_FATAL_CORRUPT);
}

/* Totals at every event, from the postings up to it. */
static void test_history(void **state)
{
    (void)state;
    bool known = false;
    world.core.epoch.receipts_max = 7;
    assert_int_equal(gas_tariff(&world, 3, 10), LUCID_OK);
    for (unsigned i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        receipts(i * 7 % 5, 1 + i % 3);
        if (i % 9 == 4) {
            assert_int_equal(deposit(i % 5, 100 + i, key, &known, NULL), LUCID_OK);
        }
        if (i == 50) {
            assert_int_equal(gas_tariff(&world, 0, 10), LUCID_OK);
        }
        if (i == 70) {
            assert_int_equal(gas_tariff(&world, 4, 0), LUCID_OK);
        }
    }
    gas_books_balance(&world);
    uint64_t events = core_events(&world.core);
    const char *ids[] = {signer_id(0), signer_id(3), "revenue:gas:LUCID",
                         "clearing:deposits:LUCID"};
    for (size_t i = 0; i < 4; i++) {
        uint64_t debits = 0;
        uint64_t credits = 0;
        uint64_t sequence = 0;
        uint32_t leg = UINT32_MAX;
        struct gas_posting posting = {.sequence = 0};
        struct gas_account account = gas_account(&world, ids[i], UINT64_MAX);
        assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
        enum lucid_error next =
            gas_posting_next(world.core.view, &account, sequence, leg, &posting);
        for (uint64_t at = 0; at <= events; at++) {
            while (next == LUCID_OK && posting.sequence == at) {
                *(strcmp(posting.debit, ids[i]) == 0 ? &debits : &credits) += posting.amount;
                sequence = posting.sequence;
                leg = posting.leg;
                next = gas_posting_next(world.core.view, &account, sequence, leg, &posting);
            }
            struct gas_account then = account;
            assert_int_equal(gas_account_as_of(world.core.view, at, &then), LUCID_OK);
            assert_int_equal(then.debits, debits);
            assert_int_equal(then.credits, credits);
        }
        assert_int_equal(next, LUCID_NOTE_ABSENT);
        assert_int_equal(gas_account_as_of(world.core.view, events + 1, &account),
                         LUCID_REFUSE_INVALID);
        assert_int_equal(debits, account.debits);
        assert_int_equal(credits, account.credits);
        ledger_view_end(world.core.view);
    }
}

/* Other batches, and folding again, make the same rows. */
static void test_replay(void **state)
{
    struct gas_world other;
    test_history(state);
    gas_world_init(&other);
    core_world_use(&other.core, &till_kind, NULL);
    assert_true(core_replays_same(&world.core, &other.core, 37));
    core_world_stop(&other.core);
}

static void test_ids(void **state)
{
    (void)state;
    static const char *const good[] = {"revenue:gas:LUCID", "payee:0xabc:USDC",
                                       "suspense:model:a:b:USDC", "clearing:direct:USDC"};
    static const char *const bad[] = {"",
                                      "payee",
                                      "payee:USDC",
                                      "payee::USDC",
                                      "payee:x:EUR",
                                      "other:x:USDC",
                                      "payee:x y:USDC",
                                      "signer:00:LUCID",
                                      "payee:x:"};
    enum gas_class class;
    enum gas_unit unit;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(gas_account_id_parse(lucid_span_str(good[i]), &class, &unit));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(gas_account_id_parse(lucid_span_str(bad[i]), &class, &unit));
    }
    assert_true(gas_account_id_parse(lucid_span_str(signer_id(0)), &class, &unit));
    assert_int_equal(class, GAS_CLASS_SIGNER);
    gas_account_suspense("model", lucid_span_str("asset-1"), GAS_USDC, id);
    assert_string_equal(id, "suspense:model:asset-1:USDC");
    gas_account_own(GAS_CLASS_TRANSIT, "payouts", GAS_USDC, id);
    assert_string_equal(id, "transit:payouts:USDC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test_setup_teardown(test_charges, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_documents_fit, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_roots, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_prepaid, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_limits, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_room, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_damage, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_foreign, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_history, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_replay, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("gas books", tests, NULL, NULL);
}
