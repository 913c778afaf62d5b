/* Payments: what is refused, legs and accounts, suspense and its release, once per external id,
 * limits, T per tuple, replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/gas/gas_revenue_world.h"

static struct revenue_world world;

static const struct gas_weights weights_compute = {{10000, 0, 0}};
static const struct gas_weights weights_even = {{3334, 3333, 3333}};

static int world_make(void **state)
{
    (void)state;
    revenue_world_init(&world);
    core_world_start(&world.core);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    revenue_world_stop(&world);
    return 0;
}

/* The answer's code; nothing was logged and no row changed. */
static void check_refused(struct ledger_command *command, enum lucid_error error, const char *code,
                          const char *param)
{
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    core_store_digest(&world.core, world.core.store, before);
    assert_int_equal(core_run(&world.core, command), error);
    assert_string_equal(command->why.code, code);
    assert_string_equal(command->why.param, param);
    core_store_digest(&world.core, world.core.store, after);
    assert_memory_equal(before, after, sizeof(before));
}

static void check_legs(const uint64_t legs[GAS_LEGS], uint64_t compute, uint64_t model,
                       uint64_t protocol)
{
    assert_true(legs[GAS_COMPUTE] == compute);
    assert_true(legs[GAS_MODEL] == model);
    assert_true(legs[GAS_PROTOCOL] == protocol);
}

static void check_same(const struct gas_payment *a, const struct gas_payment *b)
{
    assert_string_equal(a->asset, b->asset);
    assert_true(a->unit == b->unit && a->amount == b->amount && a->version == b->version);
    assert_string_equal(a->external_id, b->external_id);
    assert_string_equal(a->facilitator, b->facilitator);
    assert_string_equal(a->payer, b->payer);
    assert_string_equal(a->network, b->network);
    assert_string_equal(a->transaction, b->transaction);
    assert_string_equal(a->note, b->note);
    assert_memory_equal(a->weights.bps, b->weights.bps, sizeof(a->weights.bps));
    assert_string_equal(a->payees[GAS_COMPUTE], b->payees[GAS_COMPUTE]);
    assert_string_equal(a->payees[GAS_MODEL], b->payees[GAS_MODEL]);
    assert_memory_equal(a->legs, b->legs, sizeof(a->legs));
    assert_true(a->sequence == b->sequence && a->time_ms == b->time_ms);
}

/* --- preparing -------------------------------------------------------------------------------- */

#define TEXT_64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TEXT_128 TEXT_64 TEXT_64
#define TEXT_256 TEXT_128 TEXT_128

static struct gas_payment_request request_make(void)
{
    return (struct gas_payment_request){
        .asset = lucid_span_str("a"),
        .unit = GAS_USDC,
        .amount = 1,
        .external_id = lucid_span_str("x"),
    };
}

static void check_prepare(const struct gas_payment_request *request, const char *param)
{
    struct gas_payment_command command;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = gas_payment_prepare(&command, request, &why);
    assert_int_equal(error, param == NULL ? LUCID_OK : LUCID_REFUSE_INVALID);
    if (param != NULL) {
        assert_string_equal(why.code, "INVALID_PAYMENT");
        assert_string_equal(why.param, param);
    }
}

/* Tries a text in one member of the request. */
static void try_text(size_t offset, struct lucid_span text, const char *param)
{
    struct gas_payment_request request = request_make();
    memcpy((uint8_t *)&request + offset, &text, sizeof(text));
    check_prepare(&request, param);
}

static void test_prepare(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t offset;
        const char *longest;
        const char *too_long;
        bool needed;
        bool is_name;
    } members[] = {
        {"asset", offsetof(struct gas_payment_request, asset), TEXT_128, TEXT_128 "a", true, true},
        {"external_id", offsetof(struct gas_payment_request, external_id), &TEXT_256[1], TEXT_256,
         true, false},
        {"facilitator", offsetof(struct gas_payment_request, facilitator), TEXT_128, TEXT_128 "a",
         false, true},
        {"payer", offsetof(struct gas_payment_request, payer), TEXT_128, TEXT_128 "a", false,
         false},
        {"network", offsetof(struct gas_payment_request, network), TEXT_64, TEXT_64 "a", false,
         true},
        {"transaction", offsetof(struct gas_payment_request, transaction), TEXT_128, TEXT_128 "a",
         false, false},
        {"note", offsetof(struct gas_payment_request, note), TEXT_256, TEXT_256 "a", false, false},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        size_t at = members[i].offset;
        const char *name = members[i].name;
        try_text(at, lucid_span(NULL, 0), members[i].needed ? name : NULL);
        try_text(at, lucid_span("", 0), name);
        try_text(at, lucid_span_str("x"), NULL);
        try_text(at, lucid_span_str(members[i].longest), NULL);
        try_text(at, lucid_span_str(members[i].too_long), name);
        try_text(at, lucid_span_str("a\nb"), name);
        try_text(at, lucid_span("a\0b", 3), name);
        try_text(at, lucid_span_str("\xff\xfe"), name);
        try_text(at, lucid_span_str("gr\xc3\xbc\xc3\x9f"), members[i].is_name ? name : NULL);
    }
    struct gas_payment_request request = request_make();
    request.amount = 0;
    check_prepare(&request, "amount");
    request.amount = GAS_AMOUNT_MAX + 1;
    check_prepare(&request, "amount");
    request.amount = GAS_AMOUNT_MAX;
    check_prepare(&request, NULL);
    request.unit = GAS_LUCID;
    check_prepare(&request, "unit");
}

/* --- one payment ------------------------------------------------------------------------------ */

static void test_not_priced(void **state)
{
    (void)state;
    struct gas_payment_command command;
    payment_prepare(&command, "a", 1, "x", NULL);
    check_refused(&command.command, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
    price_set(&world, "a", NULL, NULL, NULL);
    assert_int_equal(price_delete(&world, "a"), LUCID_OK);
    payment_prepare(&command, "a", 1, "x", NULL);
    check_refused(&command.command, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
}

static void command_full(struct gas_payment_command *command)
{
    const struct gas_payment_request request = {
        .asset = lucid_span_str("m:1"),
        .unit = GAS_USDC,
        .amount = 1234567,
        .external_id = lucid_span_str("inv\"\\\xc3\xa9"),
        .facilitator = lucid_span_str("coinbase"),
        .payer = lucid_span_str("0xabc"),
        .network = lucid_span_str(NETWORK),
        .transaction = lucid_span_str("0xdef"),
        .note = lucid_span_str("by hand"),
    };
    assert_int_equal(gas_payment_prepare(command, &request, NULL), LUCID_OK);
}

static void test_recorded(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"amount\":\"1234567\",\"asset\":\"m:1\",\"external_id\":\"inv\\\"\\\\\xc3\xa9\","
        "\"facilitator\":\"coinbase\",\"network\":\"" NETWORK "\",\"note\":\"by hand\","
        "\"payer\":\"0xabc\",\"postings\":["
        "{\"amount\":\"864197\",\"credit\":\"payee:gpu:USDC\",\"debit\":\"clearing:coinbase:USDC\","
        "\"what\":\"split.compute\"},"
        "{\"amount\":\"246914\",\"credit\":\"suspense:model:m:1:USDC\","
        "\"debit\":\"clearing:coinbase:USDC\",\"what\":\"split.model\"},"
        "{\"amount\":\"123456\",\"credit\":\"revenue:protocol:USDC\","
        "\"debit\":\"clearing:coinbase:USDC\",\"what\":\"split.protocol\"}],"
        "\"split\":{\"bps\":[7000,2000,1000],\"payees\":[\"gpu\",null]},"
        "\"transaction\":\"0xdef\",\"unit\":\"USDC\",\"version\":2}";
    struct gas_payment_command command;
    struct gas_payment payment;
    struct store_event event;
    price_set(&world, "m:1", NULL, NULL, NULL);
    assert_int_equal(price_set(&world, "m:1", "gpu", NULL, NULL), 2);
    command_full(&command);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_false(command.ret_known);
    uint64_t newest = core_events(&world.core);
    assert_int_equal(command.payment.sequence, newest);
    assert_int_equal(command.payment.time_ms, world.core.now_ms);
    check_legs(command.payment.legs, 864197, 246914, 123456);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(ledger_view_event(world.core.view, newest, &event), LUCID_OK);
    assert_true(lucid_span_is(event.type, "payment.recorded"));
    assert_true(lucid_span_is(event.payload, expected));
    assert_int_equal(gas_payment_read(world.core.view, newest, &payment), LUCID_OK);
    check_same(&payment, &command.payment);
    assert_int_equal(gas_payment_find(world.core.view, lucid_span_str("inv\"\\\xc3\xa9"), &payment),
                     LUCID_OK);
    check_same(&payment, &command.payment);
    assert_int_equal(gas_payment_find(world.core.view, lucid_span_str("inv"), &payment),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payment_read(world.core.view, newest - 1, &payment), LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
    assert_string_equal(payment.external_id, "inv\"\\\xc3\xa9");
    assert_string_equal(payment.payees[GAS_COMPUTE], "gpu");
    assert_string_equal(payment.payees[GAS_MODEL], "");
    assert_int_equal(owed(&world, "clearing:coinbase:USDC"), -1234567);
    assert_int_equal(owed(&world, "payee:gpu:USDC"), 864197);
    assert_int_equal(owed(&world, "suspense:model:m:1:USDC"), 246914);
    assert_int_equal(owed(&world, "revenue:protocol:USDC"), 123456);
    struct gas_asset_revenue revenue = revenue_of(&world, "m:1");
    assert_string_equal(revenue.asset, "m:1");
    assert_int_equal(revenue.unit, GAS_USDC);
    assert_int_equal(revenue.payments, 1);
    assert_int_equal(revenue.gross, 1234567);
    check_legs(revenue.legs, 864197, 246914, 123456);
    check_legs(revenue.suspended, 0, 246914, 0);
    check_legs(revenue.released, 0, 0, 0);
    assert_int_equal(revenue.last_sequence, newest);
    assert_true(revenue_replays_same(&world));
}

/* --- splitting -------------------------------------------------------------------------------- */

static void test_hundred_units(void **state)
{
    (void)state;
    price_set(&world, "a", "gpu", "lab", NULL);
    for (unsigned i = 0; i < 100; i++) {
        struct gas_payment payment = pay(&world, "a", 1);
        assert_int_equal(payment.legs[0] + payment.legs[1] + payment.legs[2], 1);
    }
    assert_int_equal(owed(&world, "payee:gpu:USDC"), 70);
    assert_int_equal(owed(&world, "payee:lab:USDC"), 20);
    assert_int_equal(owed(&world, "revenue:protocol:USDC"), 10);
    assert_int_equal(owed(&world, "clearing:external:USDC"), -100);
    check_legs(revenue_of(&world, "a").legs, 70, 20, 10);
    assert_int_equal(revenue_of(&world, "a").payments, 100);
    assert_true(revenue_replays_same(&world));
}

/* One payee for both legs gets both. */
static void test_same_payee(void **state)
{
    (void)state;
    price_set(&world, "a", "all", "all", NULL);
    pay(&world, "a", 10);
    assert_int_equal(owed(&world, "payee:all:USDC"), 9);
    price_set(&world, "b", "all", "other", &weights_compute);
    check_legs(pay(&world, "b", 10).legs, 10, 0, 0);
    assert_int_equal(owed(&world, "payee:all:USDC"), 19);
    assert_int_equal(owed(&world, "payee:other:USDC"), 0);
    assert_int_equal(owed(&world, "revenue:protocol:USDC"), 1);
    assert_true(revenue_replays_same(&world));
}

static void test_total_per_tuple(void **state)
{
    (void)state;
    struct gas_payment first;
    price_set(&world, "a", "gpu", "lab", NULL);
    first = pay(&world, "a", 1);
    uint64_t gpu = first.legs[GAS_COMPUTE] + pay(&world, "a", 2).legs[GAS_COMPUTE];
    assert_int_equal(total_of(&world, "a"), 3);
    /* Each changed part of the tuple starts at 0, so its first unit goes as the first of all. */
    price_set(&world, "a", "gpu2", "lab", NULL);
    assert_int_equal(total_of(&world, "a"), 0);
    assert_memory_equal(pay(&world, "a", 1).legs, first.legs, sizeof(first.legs));
    price_set(&world, "a", "gpu", "lab2", NULL);
    assert_int_equal(total_of(&world, "a"), 0);
    assert_memory_equal(pay(&world, "a", 1).legs, first.legs, sizeof(first.legs));
    price_set(&world, "a", "gpu", NULL, NULL);
    assert_int_equal(total_of(&world, "a"), 0);
    pay(&world, "a", 4);
    assert_int_equal(total_of(&world, "a"), 4);
    price_set(&world, "a", "gpu", "lab", &weights_even);
    assert_int_equal(total_of(&world, "a"), 0);
    check_legs(pay(&world, "a", 3).legs, 1, 1, 1);
    price_set(&world, "b", "gpu", "lab", NULL);
    assert_int_equal(total_of(&world, "b"), 0);
    /* Payees exchanged are others. */
    price_set(&world, "a", "lab", "gpu", NULL);
    assert_int_equal(total_of(&world, "a"), 0);
    /* The same tuple goes on, whatever else of the price changed: given weights equal the default's
     * here, and the version is another. */
    price_set(&world, "a", "gpu", "lab", &gas_weights_default);
    assert_int_equal(total_of(&world, "a"), 3);
    assert_int_equal(gpu + pay(&world, "a", 7).legs[GAS_COMPUTE], 7);
    assert_int_equal(total_of(&world, "a"), 10);
    assert_true(revenue_replays_same(&world));
}

/* --- suspense --------------------------------------------------------------------------------- */

static void check_released(uint64_t sequence, const char *leg, const char *payee, uint64_t amount)
{
    char expected[512];
    struct store_event event;
    snprintf(expected, sizeof(expected),
             "{\"asset\":\"a\",\"leg\":\"%s\",\"payee\":\"%s\",\"postings\":[{\"amount\":\"%llu\","
             "\"credit\":\"payee:%s:USDC\",\"debit\":\"suspense:%s:a:USDC\","
             "\"what\":\"suspense.release\"}],\"unit\":\"USDC\"}",
             leg, payee, (unsigned long long)amount, payee, leg);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(ledger_view_event(world.core.view, sequence, &event), LUCID_OK);
    assert_true(lucid_span_is(event.type, "suspense.released"));
    assert_true(lucid_span_is(event.payload, expected));
    ledger_view_end(world.core.view);
}

static void test_suspense(void **state)
{
    (void)state;
    price_set(&world, "a", NULL, NULL, NULL);
    pay(&world, "a", 1000);
    pay(&world, "a", 500);
    assert_int_equal(owed(&world, "suspense:compute:a:USDC"), 1050);
    assert_int_equal(owed(&world, "suspense:model:a:USDC"), 300);
    assert_int_equal(owed(&world, "revenue:protocol:USDC"), 150);

    /* One payee: its leg alone, at once, whole. */
    uint64_t events = core_events(&world.core);
    price_set(&world, "a", "gpu", NULL, NULL);
    assert_int_equal(core_events(&world.core), events + 2);
    check_released(events + 2, "compute", "gpu", 1050);
    assert_int_equal(owed(&world, "suspense:compute:a:USDC"), 0);
    assert_int_equal(owed(&world, "suspense:model:a:USDC"), 300);
    assert_int_equal(owed(&world, "payee:gpu:USDC"), 1050);
    check_legs(revenue_of(&world, "a").suspended, 1050, 300, 0);
    check_legs(revenue_of(&world, "a").released, 1050, 0, 0);
    assert_int_equal(revenue_of(&world, "a").last_sequence, events + 2);

    /* Nothing is left to release when the payee changes. */
    events = core_events(&world.core);
    price_set(&world, "a", "gpu2", NULL, NULL);
    assert_int_equal(core_events(&world.core), events + 1);

    /* Deleting releases nothing; a payee taken away puts into suspense again. */
    price_set(&world, "a", NULL, NULL, NULL);
    pay(&world, "a", 10);
    assert_int_equal(price_delete(&world, "a"), LUCID_OK);
    assert_int_equal(owed(&world, "suspense:compute:a:USDC"), 7);
    assert_int_equal(owed(&world, "suspense:model:a:USDC"), 302);

    /* Both at once, in the order of the legs. */
    events = core_events(&world.core);
    price_set(&world, "a", "gpu3", "lab", NULL);
    assert_int_equal(core_events(&world.core), events + 3);
    check_released(events + 2, "compute", "gpu3", 7);
    check_released(events + 3, "model", "lab", 302);
    assert_int_equal(owed(&world, "payee:gpu3:USDC"), 7);
    assert_int_equal(owed(&world, "payee:lab:USDC"), 302);
    assert_int_equal(owed(&world, "revenue:protocol:USDC"), 151);
    check_legs(revenue_of(&world, "a").suspended, 1057, 302, 0);
    check_legs(revenue_of(&world, "a").released, 1057, 302, 0);
    assert_true(revenue_replays_same(&world));
}

/* Suspense is per asset. */
static void test_suspense_other_asset(void **state)
{
    (void)state;
    price_set(&world, "a", NULL, NULL, NULL);
    price_set(&world, "b", NULL, NULL, NULL);
    pay(&world, "a", 10);
    price_set(&world, "b", "gpu", "lab", NULL);
    assert_int_equal(owed(&world, "suspense:compute:a:USDC"), 7);
    assert_int_equal(owed(&world, "payee:gpu:USDC"), 0);
}

/* A payment, the price that names its payee, and the next payment, all in one batch. */
static void test_suspense_one_batch(void **state)
{
    (void)state;
    struct gas_payment_command before;
    struct gas_payment_command after;
    struct gas_price_command price;
    price_set(&world, "a", NULL, "lab", NULL);
    payment_prepare(&before, "a", 10, "before", NULL);
    price_prepare(&price, "a", "gpu", "lab", NULL);
    payment_prepare(&after, "a", 100, "after", NULL);
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.core.ledger, &before.command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.core.ledger, &price.command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.core.ledger, &after.command), LUCID_OK);
    assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    assert_int_equal(after.command.error, LUCID_OK);
    assert_int_equal(owed(&world, "suspense:compute:a:USDC"), 0);
    assert_int_equal(owed(&world, "payee:gpu:USDC"), 77);
    check_legs(revenue_of(&world, "a").released, 7, 0, 0);
    assert_true(revenue_replays_same(&world));
}

/* --- once ------------------------------------------------------------------------------------- */

static void test_idempotent(void **state)
{
    (void)state;
    struct gas_payment_command first;
    struct gas_payment_command again;
    price_set(&world, "m:1", "gpu", NULL, NULL);
    command_full(&first);
    assert_int_equal(core_run(&world.core, &first.command), LUCID_OK);
    uint64_t events = core_events(&world.core);
    world.core.now_ms += 5000;
    command_full(&again);
    assert_int_equal(core_run(&world.core, &again.command), LUCID_OK);
    assert_true(again.ret_known);
    check_same(&again.payment, &first.payment);
    assert_int_equal(core_events(&world.core), events);

    /* Also when the price is another by now, when there is none, and after a restart. */
    price_set(&world, "m:1", "gpu2", "lab", &weights_even);
    assert_int_equal(price_delete(&world, "m:1"), LUCID_OK);
    core_world_reopen(&world.core);
    events = core_events(&world.core);
    command_full(&again);
    assert_int_equal(core_run(&world.core, &again.command), LUCID_OK);
    assert_true(again.ret_known);
    check_same(&again.payment, &first.payment);
    assert_int_equal(core_events(&world.core), events);
}

static void test_idempotent_one_batch(void **state)
{
    (void)state;
    struct gas_payment_command commands[3];
    price_set(&world, "a", "gpu", "lab", NULL);
    for (size_t i = 0; i < 3; i++) {
        payment_prepare(&commands[i], "a", i == 2 ? 11 : 10, "once", NULL);
    }
    uint64_t events = core_events(&world.core);
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ledger_batch_run(world.core.ledger, &commands[i].command), LUCID_OK);
    }
    assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    assert_int_equal(core_events(&world.core), events + 1);
    assert_int_equal(commands[0].command.error, LUCID_OK);
    assert_false(commands[0].ret_known);
    assert_int_equal(commands[1].command.error, LUCID_OK);
    assert_true(commands[1].ret_known);
    check_same(&commands[1].payment, &commands[0].payment);
    assert_int_equal(commands[2].command.error, LUCID_REFUSE_CONFLICT);
    assert_string_equal(commands[2].command.why.code, "PAYMENT_CONFLICT");
    assert_int_equal(total_of(&world, "a"), 10);
    assert_true(revenue_replays_same(&world));
}

static void test_conflicts(void **state)
{
    (void)state;
    struct gas_payment_command command;
    price_set(&world, "m:1", "gpu", NULL, NULL);
    price_set(&world, "m:2", "gpu", NULL, NULL);
    command_full(&command);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    for (unsigned i = 0; i < 7; i++) {
        command_full(&command);
        struct gas_payment *payment = &command.payment;
        char *const texts[] = {payment->facilitator, payment->payer, payment->network,
                               payment->transaction, payment->note};
        if (i < 5) {
            texts[i][0] = i < 3 ? 'Z' : '\0';
        } else if (i == 5) {
            payment->amount++;
        } else {
            memcpy(payment->asset, "m:2", 4);
        }
        check_refused(&command.command, LUCID_REFUSE_CONFLICT, "PAYMENT_CONFLICT", "external_id");
    }
    /* A refused payment takes no external id. */
    payment_prepare(&command, "m:3", 1, "free", NULL);
    check_refused(&command.command, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
    payment_prepare(&command, "m:2", 5, "free", NULL);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_false(command.ret_known);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void check_overflow(const char *asset, uint64_t amount, const char *facilitator)
{
    struct gas_payment_command command;
    payment_prepare(&command, asset, amount, "over", facilitator);
    check_refused(&command.command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "amount");
}

static void test_overflow(void **state)
{
    (void)state;
    struct gas_payment_command command;
    price_set(&world, "a", "gpu", "lab", NULL);
    assert_int_equal(pay_through(&world, "a", GAS_AMOUNT_MAX - 1, NULL, &command), LUCID_OK);
    assert_int_equal(command.payment.legs[0] + command.payment.legs[1] + command.payment.legs[2],
                     GAS_AMOUNT_MAX - 1);
    check_overflow("a", 2, NULL);
    check_overflow("a", 2, "other"); /* T, not the clearing account */
    check_overflow("a", GAS_AMOUNT_MAX, "other");
    assert_int_equal(pay_through(&world, "a", 1, NULL, &command), LUCID_OK);
    check_overflow("a", 1, "other");
    assert_int_equal(total_of(&world, "a"), GAS_AMOUNT_MAX);

    /* Another tuple starts at 0, but the asset's sum does not. */
    price_set(&world, "a", "gpu2", "lab2", NULL);
    assert_int_equal(total_of(&world, "a"), 0);
    check_overflow("a", 1, "other");

    /* Another asset's sum is 0, but its accounts' are not. */
    price_set(&world, "b", "gpu3", NULL, &weights_compute);
    check_overflow("b", 1, NULL);
    assert_int_equal(pay_through(&world, "b", GAS_AMOUNT_MAX, "other", &command), LUCID_OK);
    check_overflow("b", 1, "third");
    price_set(&world, "c", "gpu3", NULL, &weights_compute);
    check_overflow("c", 1, "third"); /* the payee's */
    price_set(&world, "c", "gpu4", NULL, &weights_compute);
    assert_int_equal(pay_through(&world, "c", 1, "third", &command), LUCID_OK);
    assert_int_equal(revenue_of(&world, "b").gross, GAS_AMOUNT_MAX);
    assert_int_equal(owed(&world, "payee:gpu3:USDC"), GAS_AMOUNT_MAX);
    assert_true(revenue_replays_same(&world));
}

/* Both legs of one payee go to one account: each fits, both do not. */
static void test_overflow_same_payee(void **state)
{
    (void)state;
    static const struct gas_weights halves = {{5000, 5000, 0}};
    struct gas_payment_command command;
    price_set(&world, "a", "p", NULL, &weights_compute);
    assert_int_equal(pay_through(&world, "a", GAS_AMOUNT_MAX - 9, NULL, &command), LUCID_OK);
    price_set(&world, "b", "p", "p", &halves);
    check_overflow("b", 10, "other");
    assert_int_equal(pay_through(&world, "b", 9, "other", &command), LUCID_OK);
    assert_int_equal(owed(&world, "payee:p:USDC"), GAS_AMOUNT_MAX);
}

/* A price whose payee has no room for what would be released is refused whole. */
static void test_overflow_release(void **state)
{
    (void)state;
    static const struct gas_weights halves = {{5000, 5000, 0}};
    struct gas_payment_command command;
    struct gas_price_command price;
    price_set(&world, "a", "full", NULL, &weights_compute);
    assert_int_equal(pay_through(&world, "a", GAS_AMOUNT_MAX - 9, NULL, &command), LUCID_OK);
    price_set(&world, "b", NULL, NULL, &halves);
    assert_int_equal(pay_through(&world, "b", 20, "other", &command), LUCID_OK);
    price_prepare(&price, "b", "full", NULL, &halves);
    check_refused(&price.command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "compute_payee");
    price_prepare(&price, "b", NULL, "full", &halves);
    check_refused(&price.command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "model_payee");
    assert_int_equal(owed(&world, "suspense:compute:b:USDC"), 10);
    price_set(&world, "b", NULL, "free", &halves);
    assert_int_equal(owed(&world, "payee:free:USDC"), 10);
    assert_true(revenue_replays_same(&world));
}

/* A part of the same command takes the room that the guard saw: the suspense stays for the next
 * price. */
static void test_overflow_release_parts(void **state)
{
    (void)state;
    static const struct gas_weights halves = {{5000, 5000, 0}};
    struct gas_payment_command command;
    struct gas_price_command price;
    price_set(&world, "a", "full", NULL, &weights_compute);
    assert_int_equal(pay_through(&world, "a", GAS_AMOUNT_MAX - 9, NULL, &command), LUCID_OK);
    price_set(&world, "b", NULL, NULL, &halves);
    assert_int_equal(pay_through(&world, "b", 16, "other", &command), LUCID_OK);
    payment_prepare(&command, "a", 5, "first", "other");
    price_prepare(&price, "b", "full", NULL, &halves);
    command.command.next_part = &price.command;
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_int_equal(price.command.error, LUCID_OK);
    assert_int_equal(owed(&world, "payee:full:USDC"), GAS_AMOUNT_MAX - 4);
    assert_int_equal(owed(&world, "suspense:compute:b:USDC"), 8);
    price_set(&world, "b", "free", NULL, &halves);
    assert_int_equal(owed(&world, "payee:free:USDC"), 8);
    assert_true(revenue_replays_same(&world));
}

/* --- lists ------------------------------------------------------------------------------------ */

static void check_list(const char *asset, const uint64_t *sequences, size_t count)
{
    struct gas_payment payment;
    struct lucid_span of = lucid_span_str(asset);
    uint64_t at = 0;
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(gas_payment_next(world.core.view, of, at, &payment), LUCID_OK);
        assert_int_equal(payment.sequence, sequences[i]);
        at = payment.sequence;
    }
    assert_int_equal(gas_payment_next(world.core.view, of, at, &payment), LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payment_next(world.core.view, of, UINT64_MAX, &payment),
                     LUCID_NOTE_ABSENT);
    at = UINT64_MAX;
    for (size_t i = count; i-- > 0;) {
        assert_int_equal(gas_payment_previous(world.core.view, of, at, &payment), LUCID_OK);
        assert_int_equal(payment.sequence, sequences[i]);
        at = payment.sequence;
    }
    assert_int_equal(gas_payment_previous(world.core.view, of, at, &payment), LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

static void test_lists(void **state)
{
    (void)state;
    static const char *const assets[] = {"a", "-", "zz", "a.b"};
    uint64_t all[12];
    uint64_t each[4][3];
    check_list("", NULL, 0);
    for (size_t i = 0; i < 4; i++) {
        price_set(&world, assets[i], "gpu", "lab", NULL);
    }
    check_list("", NULL, 0);
    for (size_t i = 0; i < 12; i++) {
        all[i] = pay(&world, assets[i % 4], 1 + i).sequence;
        each[i % 4][i / 4] = all[i];
    }
    check_list("", all, 12);
    for (size_t i = 0; i < 4; i++) {
        check_list(assets[i], each[i], 3);
    }
    check_list("a0", NULL, 0);
    check_list("a b", NULL, 0);

    struct gas_asset_revenue revenue = {.unit = GAS_USDC};
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            gas_asset_revenue_read(world.core.view, lucid_span_str(assets[i]), GAS_USDC, &revenue),
            LUCID_OK);
        assert_string_equal(revenue.asset, assets[i]);
        assert_int_equal(revenue.payments, 3);
    }
    assert_int_equal(
        gas_asset_revenue_read(world.core.view, lucid_span_str("a0"), GAS_USDC, &revenue),
        LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test_setup_teardown(test_not_priced, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_recorded, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_hundred_units, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_same_payee, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_total_per_tuple, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_suspense, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_suspense_other_asset, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_suspense_one_batch, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_idempotent, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_idempotent_one_batch, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_conflicts, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_overflow, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_overflow_same_payee, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_overflow_release, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_overflow_release_parts, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_lists, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
