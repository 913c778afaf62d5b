/* Statements: what payees earned is what postings say, told once, at an epoch's end, in a chain
 * that verifies without the store; and the same again from the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/gas/settlement_world.h"

static struct settlement_world world;

static int world_make(void **state)
{
    (void)state;
    settlement_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    settlement_replay(&world);
    core_world_stop(&world.core);
    return 0;
}

/* Checks a statement as an outsider would, with the one before it, and keeps its document. */
static void check_chain(enum gas_unit unit, uint64_t count)
{
    struct lucid_buf before = {.bytes_max = 0};
    assert_int_equal(statements(&world, unit), count);
    for (uint64_t number = 0; number < count; number++) {
        struct lucid_buf document;
        struct lucid_arena arena;
        struct gas_statement_read read;
        struct ledger_report verdict;
        struct gas_settlement settlement = settlement_of(&world, unit, number, &document);
        const struct gas_statement_trust trust = {.service_key = world.key.public_key,
                                                  .origin = lucid_span_str(CORE_ORIGIN),
                                                  .previous = lucid_buf_span(&before)};
        lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
        assert_int_equal(
            gas_statement_check(lucid_buf_span(&document), &trust, &arena, &read, &verdict),
            LUCID_OK);
        /* form, signature, sums, origin, previous */
        assert_int_equal(verdict.step_count, 5);
        assert_int_equal(verdict.verdict, LEDGER_VALID);
        assert_memory_equal(read.hash, settlement.hash, sizeof(read.hash));
        assert_int_equal(read.statement.number, number);
        assert_int_equal(read.statement.unit, unit);
        assert_int_equal(read.statement.line_count, settlement.line_count);
        assert_true(read.statement.total == settlement.total);
        lucid_arena_fini(&arena);
        lucid_buf_fini(&before);
        before = document;
    }
    lucid_buf_fini(&before);
}

/* The document of a statement as it was logged. */
static void check_text(enum gas_unit unit, uint64_t number, const char *expected)
{
    struct lucid_buf document;
    (void)settlement_of(&world, unit, number, &document);
    lucid_buf_char(&document, '\0');
    const char *at = strstr((const char *)document.data, expected);
    if (at == NULL) {
        print_message("%s\n", (const char *)document.data);
    }
    assert_non_null(at);
    lucid_buf_fini(&document);
}

static void check_line(enum gas_unit unit, uint64_t number, const char *payee, uint64_t amount,
                       uint64_t compute, uint64_t model, uint64_t released, uint64_t payments)
{
    struct gas_settlement_line line = line_of(&world, unit, number, payee);
    assert_int_equal(line.amount, amount);
    assert_int_equal(line.compute, compute);
    assert_int_equal(line.model, model);
    assert_int_equal(line.released, released);
    assert_int_equal(line.payments, payments);
    assert_int_equal(line.paid + line.pending, 0);
}

static void test_nothing_earned(void **state)
{
    (void)state;
    uint64_t events = core_events(&world.core);
    epoch_end(&world);
    epoch_end(&world);
    /* Two leaves, two epochs, two heads. */
    assert_int_equal(core_events(&world.core) - events, 6);
    assert_int_equal(statements(&world, GAS_USDC), 0);
    assert_int_equal(statements(&world, GAS_LUCID), 0);
    struct gas_settlement settlement;
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_settlement_read(world.core.view, GAS_USDC, 0, &settlement),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

static void test_one_statement(void **state)
{
    (void)state;
    assert_int_equal(pay(&world, "USDC", "payee:bob:USDC", 70, "payee:alice:USDC", 20, 10),
                     LUCID_OK);
    assert_int_equal(pay(&world, "USDC", "payee:bob:USDC", 7, "payee:bob:USDC", 2, 1), LUCID_OK);
    assert_int_equal(
        pay(&world, "USDC", "suspense:compute:gpt:USDC", 700, "suspense:model:gpt:USDC", 200, 100),
        LUCID_OK);
    struct gas_settlement_line line;
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_earning_next(world.core.view, GAS_USDC, lucid_span_str("alice"), &line),
                     LUCID_OK);
    assert_string_equal(line.payee, "bob");
    assert_int_equal(line.amount, 79);
    assert_int_equal(line.payments, 2);
    assert_int_equal(gas_earning_next(world.core.view, GAS_USDC, lucid_span_str("bob"), &line),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_earning_next(world.core.view, GAS_LUCID, lucid_span_str(""), &line),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);

    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    check_line(GAS_USDC, 0, "alice", 20, 0, 20, 0, 1);
    check_line(GAS_USDC, 0, "bob", 79, 77, 2, 0, 2);
    check_text(GAS_USDC, 0, "\"statement\":{\"epoch\":0,\"gross\":\"1110\",\"issued_at\":\"20");
    check_text(GAS_USDC, 0,
               "\"lines\":[{\"amount\":\"20\",\"compute\":\"0\",\"model\":\"20\",\"payee\":"
               "\"alice\",\"payments\":1,\"released\":\"0\"},{\"amount\":\"79\",\"compute\":\"77\","
               "\"model\":\"2\",\"payee\":\"bob\",\"payments\":2,\"released\":\"0\"}],"
               "\"number\":0,\"origin\":\"" CORE_ORIGIN "\",\"part\":1,\"parts\":1,"
               "\"payments\":3,\"period\":{\"first\":1,\"last\":");
    check_text(GAS_USDC, 0, "\"previous\":null,\"protocol\":\"111\",\"root\":\"");
    check_text(GAS_USDC, 0,
               "\"suspense\":{\"compute\":\"700\",\"model\":\"200\"},\"total\":\"99\","
               "\"tree_size\":1,\"type\":\"lucid/settlement/v1\",\"unit\":\"USDC\"}}");
    struct gas_settlement settlement = settlement_of(&world, GAS_USDC, 0, NULL);
    assert_string_equal(gas_settlement_status(&settlement), "open");
    assert_int_equal(settlement.lines_open, 2);
    assert_int_equal(settlement.issued_ms, world.core.now_ms);

    /* Told once: the next epoch has nothing. */
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), 1);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_earning_next(world.core.view, GAS_USDC, lucid_span_str(""), &line),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

/* What is released was suspense of an earlier period: no part of this one's gross. */
static void test_released(void **state)
{
    (void)state;
    struct till_command till;
    assert_int_equal(pay(&world, "USDC", "suspense:compute:a:USDC", 70, "payee:m:USDC", 20, 10),
                     LUCID_OK);
    epoch_end(&world);
    till_init(&till, till_release);
    till_post(&till, "suspense:compute:a:USDC", "payee:c:USDC", 70, "suspense.release");
    assert_int_equal(core_run(&world.core, &till.command), LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 2);
    check_line(GAS_USDC, 0, "m", 20, 0, 20, 0, 1);
    check_line(GAS_USDC, 1, "c", 70, 0, 0, 70, 0);
    check_text(GAS_USDC, 1, "{\"epoch\":1,\"gross\":\"0\",");
    check_text(GAS_USDC, 1, "\"payments\":0,\"period\":");
}

/* Money without a payee's leg is told too, and there is nothing to pay out. */
static void test_no_payee(void **state)
{
    (void)state;
    assert_int_equal(
        pay(&world, "USDC", "suspense:compute:a:USDC", 70, "suspense:model:a:USDC", 20, 10),
        LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    struct gas_settlement settlement = settlement_of(&world, GAS_USDC, 0, NULL);
    assert_int_equal(settlement.line_count, 0);
    assert_string_equal(gas_settlement_status(&settlement), "closed");
    assert_int_equal(settlement.closed_sequence, settlement.sequence);
    check_text(GAS_USDC, 0, "\"gross\":\"100\"");
    check_text(GAS_USDC, 0, "\"lines\":[]");
}

static void test_units_apart(void **state)
{
    (void)state;
    assert_int_equal(pay(&world, "USDC", "payee:x:USDC", 7, "payee:y:USDC", 2, 1), LUCID_OK);
    assert_int_equal(pay(&world, "LUCID", "payee:x:LUCID", 70, "payee:z:LUCID", 20, 10), LUCID_OK);
    epoch_end(&world);
    assert_int_equal(pay(&world, "LUCID", "payee:x:LUCID", 7, "payee:x:LUCID", 2, 1), LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    check_chain(GAS_LUCID, 2);
    check_line(GAS_USDC, 0, "x", 7, 7, 0, 0, 1);
    check_line(GAS_LUCID, 0, "x", 70, 70, 0, 0, 1);
    check_line(GAS_LUCID, 1, "x", 9, 7, 2, 0, 1);
    struct gas_settlement_line line;
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_payee_line_next(world.core.view, GAS_LUCID, lucid_span_str("x"), 0, &line),
                     LUCID_OK);
    assert_int_equal(line.number, 0);
    assert_int_equal(gas_payee_line_next(world.core.view, GAS_LUCID, lucid_span_str("x"), 1, &line),
                     LUCID_OK);
    assert_int_equal(line.number, 1);
    assert_int_equal(line.amount, 9);
    assert_int_equal(gas_payee_line_next(world.core.view, GAS_LUCID, lucid_span_str("x"), 2, &line),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(
        gas_payee_line_next(world.core.view, GAS_LUCID, lucid_span_str("xx"), 0, &line),
        LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payee_line_next(world.core.view, GAS_USDC, lucid_span_str("z"), 0, &line),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

/* Names that are prefixes of each other, and that hold colons, stay apart and in order. */
static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "a-b", "a:USDC", "a:b", "aa", "b"};
    char account[64];
    for (size_t i = 0; i < 6; i++) {
        (void)snprintf(account, sizeof(account), "payee:%s:USDC", names[5 - i]);
        assert_int_equal(pay(&world, "USDC", account, 10 + i, account, 1, 0), LUCID_OK);
    }
    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    struct gas_settlement_line line = {.payee = ""};
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    for (size_t i = 0; i < 6; i++) {
        struct lucid_span after = lucid_span_str(line.payee);
        assert_int_equal(gas_settlement_line_next(world.core.view, GAS_USDC, 0, after, &line),
                         LUCID_OK);
        assert_string_equal(line.payee, names[i]);
        assert_int_equal(line.amount, 16 - i);
        assert_int_equal(line.payments, 1);
    }
    assert_int_equal(
        gas_settlement_line_next(world.core.view, GAS_USDC, 0, lucid_span_str(line.payee), &line),
        LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

/* More is taken back than was earned: nothing is paid, and the rest is owed until it is earned. */
static void test_reversed(void **state)
{
    (void)state;
    struct till_command till;
    assert_int_equal(pay(&world, "USDC", "payee:c:USDC", 70, "payee:m:USDC", 20, 10), LUCID_OK);
    epoch_end(&world);
    till_init(&till, till_payment);
    till_post(&till, "payee:c:USDC", "clearing:external:USDC", 70, "reverse.compute");
    till_post(&till, "revenue:protocol:USDC", "clearing:external:USDC", 10, "reverse.protocol");
    assert_int_equal(core_run(&world.core, &till.command), LUCID_OK);
    assert_int_equal(pay(&world, "USDC", "payee:c:USDC", 25, "payee:m:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    struct gas_settlement_line line = line_of(&world, GAS_USDC, 1, "c");
    assert_int_equal(line.amount, 0);
    assert_int_equal(line.reversed, 70);
    assert_int_equal(line.carried, 45);
    check_text(GAS_USDC, 1,
               "\"protocol\":\"1\",\"reversed\":{\"compute\":\"0\",\"model\":\"0\","
               "\"protocol\":\"10\"},\"root\":");
    check_text(GAS_USDC, 1, "\"payments\":1,\"period\"");
    /* Debt alone is no news. */
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), 2);
    assert_int_equal(pay(&world, "USDC", "payee:c:USDC", 40, "payee:m:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    line = line_of(&world, GAS_USDC, 2, "c");
    assert_int_equal(line.amount, 0);
    assert_int_equal(line.brought, 45);
    assert_int_equal(line.carried, 5);
    assert_int_equal(pay(&world, "USDC", "payee:c:USDC", 40, "payee:m:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    line = line_of(&world, GAS_USDC, 3, "c");
    assert_int_equal(line.amount, 35);
    assert_int_equal(line.brought, 5);
    assert_int_equal(line.carried, 0);
    check_chain(GAS_USDC, 4);
    /* In all, what the books owe it. */
    struct gas_account account = account_of(&world, "payee:c:USDC");
    uint64_t told = 0;
    for (uint64_t number = 0; number < 4; number++) {
        told += line_of(&world, GAS_USDC, number, "c").amount;
    }
    assert_int_equal(told, account.credits - account.debits);
}

/* Suspense that is taken back, and a leg as large as an amount can be. */
static void test_reversed_suspense_and_limits(void **state)
{
    (void)state;
    struct till_command till;
    assert_int_equal(
        pay(&world, "USDC", "payee:big:USDC", GAS_AMOUNT_MAX - 10, "suspense:model:a:USDC", 9, 1),
        LUCID_OK);
    /* Another facilitator: the sum of what was paid in needs more than 64 bits. */
    for (int i = 0; i < 3; i++) {
        char clearing[64];
        char payee[64];
        (void)snprintf(clearing, sizeof(clearing), "clearing:f%d:USDC", i);
        (void)snprintf(payee, sizeof(payee), "payee:other%d:USDC", i);
        till_init(&till, till_payment);
        till_post(&till, clearing, payee, GAS_AMOUNT_MAX, "split.compute");
        assert_int_equal(core_run(&world.core, &till.command), LUCID_OK);
    }
    till_init(&till, till_payment);
    till_post(&till, "suspense:model:a:USDC", "clearing:external:USDC", 9, "reverse.model");
    assert_int_equal(core_run(&world.core, &till.command), LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    check_line(GAS_USDC, 0, "other2", GAS_AMOUNT_MAX, GAS_AMOUNT_MAX, 0, 0, 1);
    check_text(GAS_USDC, 0, "\"gross\":\"36893488147419103228\"");
    check_text(GAS_USDC, 0, "\"reversed\":{\"compute\":\"0\",\"model\":\"9\",\"protocol\":\"0\"}");
    /* Full: refused before anything is written. */
    uint64_t events = core_events(&world.core);
    till_init(&till, till_payment);
    till_post(&till, "clearing:more:USDC", "payee:other1:USDC", 1, "split.compute");
    assert_int_equal(core_run(&world.core, &till.command), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(till.command.why.code, "AMOUNT_OVERFLOW");
    assert_int_equal(core_events(&world.core), events);
}

enum { MANY = 1001, BATCH = 256 };

static void many_pay(size_t name_len, size_t count)
{
    char account[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct till_command till;
    lucid_assert(ledger_batch_begin(world.core.ledger, world.core.now_ms) == LUCID_OK);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(account, sizeof(account), "payee:%0*zu:USDC", (int)name_len, i);
        till_init(&till, till_payment);
        till_post(&till, "clearing:external:USDC", account, i + 1, "split.compute");
        till_post(&till, "clearing:external:USDC", "revenue:protocol:USDC", 1, "split.protocol");
        lucid_assert(ledger_batch_run(world.core.ledger, &till.command) == LUCID_OK);
        lucid_assert(till.command.error == LUCID_OK);
        if (i % BATCH == BATCH - 1) {
            lucid_assert(ledger_batch_commit(world.core.ledger) == LUCID_OK);
            lucid_assert(ledger_batch_begin(world.core.ledger, world.core.now_ms) == LUCID_OK);
        }
    }
    lucid_assert(ledger_batch_commit(world.core.ledger) == LUCID_OK);
}

/* Many payees take several documents, all of one period, each of which adds up by itself. */
static void test_parts(void **state)
{
    (void)state;
    many_pay(6, MANY);
    epoch_end(&world);
    check_chain(GAS_USDC, 3);
    unsigned __int128 total = 0;
    size_t lines = 0;
    for (uint64_t number = 0; number < 3; number++) {
        struct gas_settlement settlement = settlement_of(&world, GAS_USDC, number, NULL);
        assert_int_equal(settlement.part, number + 1);
        assert_int_equal(settlement.parts, 3);
        assert_int_equal(settlement.period_first, 1);
        assert_int_equal(settlement.line_count, number < 2 ? 400 : 201);
        lines += settlement.line_count;
        total += settlement.total;
    }
    assert_int_equal(lines, MANY);
    assert_true(total == (unsigned __int128)MANY * (MANY + 1) / 2);
    check_text(GAS_USDC, 0, "\"protocol\":\"1001\"");
    check_text(GAS_USDC, 1, "\"protocol\":\"0\"");
    check_line(GAS_USDC, 1, "000400", 401, 401, 0, 0, 1);
    /* The period after begins where this one, of all three, ended. */
    struct gas_settlement last = settlement_of(&world, GAS_USDC, 2, NULL);
    many_pay(6, 3);
    epoch_end(&world);
    check_chain(GAS_USDC, 4);
    struct gas_settlement next = settlement_of(&world, GAS_USDC, 3, NULL);
    assert_int_equal(next.period_first, last.period_last + 1);
    assert_int_equal(next.parts, 1);
}

/* The longest names and amounts: as many lines as fit a payload. */
static void test_parts_by_bytes(void **state)
{
    (void)state;
    many_pay(GAS_NAME_BYTES_MAX, 900);
    epoch_end(&world);
    uint64_t count = statements(&world, GAS_USDC);
    assert_true(count >= 4);
    check_chain(GAS_USDC, count);
    size_t lines = 0;
    for (uint64_t number = 0; number < count; number++) {
        struct lucid_buf document;
        lines += settlement_of(&world, GAS_USDC, number, &document).line_count;
        assert_true(document.len <= GAS_STATEMENT_BYTES_MAX);
        assert_true(document.len > 50000 || number + 1 == count);
        lucid_buf_fini(&document);
    }
    assert_int_equal(lines, 900);
}

/* What does not fit the documents of one epoch is told at the next one's end. */
static void test_parts_limit(void **state)
{
    (void)state;
    enum { PAYEES = GAS_SETTLEMENT_PARTS_MAX * GAS_STATEMENT_LINES_MAX, LATE = 5 };
    struct gas_settlement_line line;
    many_pay(6, PAYEES + LATE);
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), GAS_SETTLEMENT_PARTS_MAX);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_earning_next(world.core.view, GAS_USDC, lucid_span_str(""), &line),
                     LUCID_OK);
    assert_string_equal(line.payee, "040000");
    assert_int_equal(line.amount, PAYEES + 1);
    ledger_view_end(world.core.view);
    /* Who had to wait comes first, in documents of their own, however much the others earn. */
    many_pay(6, 3);
    epoch_end(&world);
    check_chain(GAS_USDC, GAS_SETTLEMENT_PARTS_MAX + 2);
    struct gas_settlement late = settlement_of(&world, GAS_USDC, GAS_SETTLEMENT_PARTS_MAX, NULL);
    assert_int_equal(late.line_count, LATE);
    assert_int_equal(late.parts, 2);
    check_line(GAS_USDC, late.number, "040000", PAYEES + 1, PAYEES + 1, 0, 0, 1);
    check_line(GAS_USDC, late.number + 1, "000002", 3, 3, 0, 0, 1);
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), GAS_SETTLEMENT_PARTS_MAX + 2);
    /* All were told: the order is that of the names again. */
    many_pay(6, 3);
    epoch_end(&world);
    check_chain(GAS_USDC, GAS_SETTLEMENT_PARTS_MAX + 3);
}

/* Without the key nothing is issued and nothing is lost. */
static void test_no_key(void **state)
{
    (void)state;
    world.settlement.key = NULL;
    assert_int_equal(pay(&world, "USDC", "payee:x:USDC", 7, "payee:y:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), 0);
    world.settlement.key = &world.key;
    assert_int_equal(pay(&world, "USDC", "payee:x:USDC", 7, "payee:y:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 1);
    check_line(GAS_USDC, 0, "x", 14, 14, 0, 0, 2);
}

/* Payments and the epoch's end in one batch; then a restart in the middle of a period. */
static void test_one_batch_and_restart(void **state)
{
    (void)state;
    struct till_command till;
    struct core_leaf_command leaf;
    struct ledger_epoch_command close;
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    for (uint64_t i = 0; i < 3; i++) {
        till_init(&till, till_payment);
        till_post(&till, "clearing:external:USDC", "payee:x:USDC", 5, "split.compute");
        assert_int_equal(ledger_batch_run(world.core.ledger, &till.command), LUCID_OK);
        core_leaf_init(&leaf, world.leaves++, 1);
        assert_int_equal(ledger_batch_run(world.core.ledger, &leaf.command), LUCID_OK);
        ledger_epoch_command_init(&close, EPOCH_FINALIZE);
        assert_int_equal(ledger_batch_run(world.core.ledger, &close.command), LUCID_OK);
    }
    assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    check_chain(GAS_USDC, 3);
    assert_int_equal(pay(&world, "USDC", "payee:x:USDC", 7, "payee:y:USDC", 2, 1), LUCID_OK);
    core_world_reopen(&world.core);
    assert_int_equal(pay(&world, "USDC", "payee:x:USDC", 7, "payee:y:USDC", 2, 1), LUCID_OK);
    epoch_end(&world);
    check_chain(GAS_USDC, 4);
    check_line(GAS_USDC, 3, "x", 14, 14, 0, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_earned, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_one_statement, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_released, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_no_payee, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_units_apart, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_names, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_reversed, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_reversed_suspense_and_limits, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_parts, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_parts_by_bytes, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_parts_limit, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_no_key, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_one_batch_and_restart, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("gas_settlement", tests, NULL, NULL);
}
