/* Prices of assets: what is refused, versions over changes and deletions, lists, replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/gas/gas_revenue_world.h"

static struct revenue_world world;

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

static enum lucid_error current(const char *asset, struct gas_price *ret)
{
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    enum lucid_error error = gas_price_current(world.core.view, lucid_span_str(asset), ret);
    ledger_view_end(world.core.view);
    return error;
}

static enum lucid_error version_read(const char *asset, uint64_t version, struct gas_price *ret)
{
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    enum lucid_error error =
        gas_price_version(world.core.view, lucid_span_str(asset), version, ret);
    ledger_view_end(world.core.view);
    return error;
}

static void check_same(const struct gas_price *a, const struct gas_price *b)
{
    assert_string_equal(a->asset, b->asset);
    assert_true(a->version == b->version && a->unit == b->unit);
    assert_true(a->price_per_call == b->price_per_call);
    assert_string_equal(a->network, b->network);
    assert_string_equal(a->pay_to, b->pay_to);
    assert_string_equal(a->payees[GAS_COMPUTE], b->payees[GAS_COMPUTE]);
    assert_string_equal(a->payees[GAS_MODEL], b->payees[GAS_MODEL]);
    assert_memory_equal(a->weights.bps, b->weights.bps, sizeof(a->weights.bps));
    assert_true(a->custom_split == b->custom_split);
    assert_true(a->price_per_token == b->price_per_token && a->grant_seconds == b->grant_seconds);
    assert_true(a->price_subscription_hour == b->price_subscription_hour);
    assert_string_equal(a->resource, b->resource);
    assert_string_equal(a->description, b->description);
    assert_string_equal(a->mime_type, b->mime_type);
    assert_true(a->sequence == b->sequence && a->time_ms == b->time_ms);
    assert_true(a->deleted_sequence == b->deleted_sequence && a->deleted_ms == b->deleted_ms);
}

/* --- preparing -------------------------------------------------------------------------------- */

#define NAME_128                                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_65   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BASE58_44 "DRpbCBMxVnDK7maPM5tGv6MvB3v1sRMC86PZ8okm21hy"

static const struct gas_weights weights_even = {{3334, 3333, 3333}};
static const struct gas_weights weights_short = {{7000, 2000, 999}};
static const struct gas_weights weights_over = {{7000, 2000, 1001}};
static const struct gas_weights weights_one = {{10000, 0, 0}};

static const struct {
    const char *asset;
    uint64_t price;
    const char *network;
    const char *pay_to;
    const char *compute;
    const char *model;
    const struct gas_weights *weights;
    const char *param; /* NULL: is fine */
} prices[] = {
    {"a", 1, NETWORK, PAY_TO, NULL, NULL, NULL, NULL},
    {NAME_128, GAS_AMOUNT_MAX, "a", BASE58_44, NAME_128, NAME_128, &weights_even, NULL},
    {"a", 1, NETWORK, "11111111111111111111111111111111", "c", "c", &weights_one, NULL},
    {NULL, 1, NETWORK, PAY_TO, NULL, NULL, NULL, "asset"},
    {"", 1, NETWORK, PAY_TO, NULL, NULL, NULL, "asset"},
    {NAME_128 "a", 1, NETWORK, PAY_TO, NULL, NULL, NULL, "asset"},
    {"a/b", 1, NETWORK, PAY_TO, NULL, NULL, NULL, "asset"},
    {"a", 0, NETWORK, PAY_TO, NULL, NULL, NULL, "price_per_call"},
    {"a", GAS_AMOUNT_MAX + 1, NETWORK, PAY_TO, NULL, NULL, NULL, "price_per_call"},
    {"a", 1, NULL, PAY_TO, NULL, NULL, NULL, "network"},
    {"a", 1, "", PAY_TO, NULL, NULL, NULL, "network"},
    {"a", 1, "a b", PAY_TO, NULL, NULL, NULL, "network"},
    {"a", 1, NAME_65, PAY_TO, NULL, NULL, NULL, "network"},
    {"a", 1, NETWORK, NULL, NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, "", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, PAY_TO "0", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, "0x5290840009852788-E0F7030069857D2E4169EE7", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, "1111111111111111111111111111111", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, BASE58_44 "1", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, "0RpbCBMxVnDK7maPM5tGv6MvB3v1sRMC86PZ8okm21hy", NULL, NULL, NULL, "pay_to"},
    {"a", 1, NETWORK, PAY_TO, "", NULL, NULL, "compute_payee"},
    {"a", 1, NETWORK, PAY_TO, "a b", NULL, NULL, "compute_payee"},
    {"a", 1, NETWORK, PAY_TO, NAME_128 "a", NULL, NULL, "compute_payee"},
    {"a", 1, NETWORK, PAY_TO, NULL, "", NULL, "model_payee"},
    {"a", 1, NETWORK, PAY_TO, NULL, "\n", NULL, "model_payee"},
    {"a", 1, NETWORK, PAY_TO, NULL, NULL, &weights_short, "split_bps"},
    {"a", 1, NETWORK, PAY_TO, NULL, NULL, &weights_over, "split_bps"},
};

static void test_prepare(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
        struct gas_price_command command;
        struct gas_price_command untouched;
        struct lucid_why why = {.code = NULL};
        const struct gas_price_request request = {
            .asset = text_span(prices[i].asset),
            .price_per_call = prices[i].price,
            .network = text_span(prices[i].network),
            .pay_to = text_span(prices[i].pay_to),
            .compute_payee = text_span(prices[i].compute),
            .model_payee = text_span(prices[i].model),
            .weights = prices[i].weights,
        };
        memset(&command, 0x5a, sizeof(command));
        memcpy(&untouched, &command, sizeof(command));
        enum lucid_error error = gas_price_set_prepare(&command, &request, &why);
        if (prices[i].param == NULL) {
            assert_int_equal(error, LUCID_OK);
            continue;
        }
        assert_int_equal(error, LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_PRICE");
        assert_string_equal(why.param, prices[i].param);
        assert_memory_equal(&command, &untouched, sizeof(command));
    }
    struct gas_price_command command;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(gas_price_delete_prepare(&command, lucid_span_str("a b"), &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "asset");
    assert_int_equal(gas_price_delete_prepare(&command, lucid_span("a\0b", 3), &why),
                     LUCID_REFUSE_INVALID);
}

/* --- by token and hour, and how it is listed -------------------------------------------------- */

#define A_32    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define URL_480 NAME_128 NAME_128 NAME_128 A_32 A_32 A_32

static const struct {
    uint64_t call, token, hour, seconds;
    const char *resource;
    const char *description;
    const char *mime_type;
    const char *param; /* NULL: is fine */
} sales[] = {
    {1, 0, 0, 0, NULL, NULL, NULL, NULL},
    {0, 1, 0, 0, NULL, NULL, NULL, NULL},
    {0, 0, 1, 0, NULL, NULL, NULL, NULL},
    {0, 0, 0, 60, NULL, NULL, NULL, "price_per_call"},
    {GAS_AMOUNT_MAX, GAS_AMOUNT_MAX, GAS_AMOUNT_MAX, GAS_GRANT_SECONDS_MAX, NULL, NULL, NULL, NULL},
    {1, GAS_AMOUNT_MAX + 1, 0, 0, NULL, NULL, NULL, "price_per_token"},
    {1, 0, UINT64_MAX, 0, NULL, NULL, NULL, "price_subscription_hour"},
    {1, 0, 0, GAS_GRANT_SECONDS_MAX + 1, NULL, NULL, NULL, "grant_seconds"},
    {1, 0, 0, UINT64_MAX, NULL, NULL, NULL, "grant_seconds"},
    {1, 0, 0, 0, "https://a.example/x?y=1", "A \xc3\xa9", "text/plain; charset=utf-8", NULL},
    {1, 0, 0, 0, "http://[::1]:80/", NULL, NULL, NULL},
    {1, 0, 0, 0, "https://" URL_480 "aaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL, NULL},
    {1, 0, 0, 0, "https://" URL_480 "aaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL, "resource"},
    {1, 0, 0, 0, "", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https://", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https:///x", NULL, NULL, "resource"},
    {1, 0, 0, 0, "ftp://a/", NULL, NULL, "resource"},
    {1, 0, 0, 0, "/v1/x", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https://a/b c", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https://a/#f", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https://a/\"", NULL, NULL, "resource"},
    {1, 0, 0, 0, "https://\xc3\xa9/", NULL, NULL, "resource"},
    {1, 0, 0, 0, NULL, "", NULL, "description"},
    {1, 0, 0, 0, NULL, "a\nb", NULL, "description"},
    {1, 0, 0, 0, NULL, "\xff", NULL, "description"},
    {1, 0, 0, 0, NULL, NAME_128 NAME_128, NULL, NULL},
    {1, 0, 0, 0, NULL, NAME_128 NAME_128 "a", NULL, "description"},
    {1, 0, 0, 0, NULL, NULL, "", "mime_type"},
    {1, 0, 0, 0, NULL, NULL, "text", "mime_type"},
    {1, 0, 0, 0, NULL, NULL, "/plain", "mime_type"},
    {1, 0, 0, 0, NULL, NULL, "text/", "mime_type"},
    {1, 0, 0, 0, NULL, NULL, "t\xc3\xa9xt/plain", "mime_type"},
    {1, 0, 0, 0, NULL, NULL, NAME_128 "/", "mime_type"},
};

static enum lucid_error sale_prepare(size_t i, struct gas_price_command *command,
                                     struct lucid_why *why)
{
    const struct gas_price_request request = {
        .asset = lucid_span_str("a"),
        .price_per_call = sales[i].call,
        .network = lucid_span_str(NETWORK),
        .pay_to = lucid_span_str(PAY_TO),
        .price_per_token = sales[i].token,
        .price_subscription_hour = sales[i].hour,
        .grant_seconds = sales[i].seconds,
        .resource = text_span(sales[i].resource),
        .description = text_span(sales[i].description),
        .mime_type = text_span(sales[i].mime_type),
    };
    return gas_price_set_prepare(command, &request, why);
}

/* Each that is fine is a version of its own, reads back as it was given, and is known again. */
static void test_sales(void **state)
{
    (void)state;
    uint64_t version = 0;
    for (size_t i = 0; i < sizeof(sales) / sizeof(sales[0]); i++) {
        struct gas_price_command command;
        struct gas_price price;
        struct lucid_why why = {.code = NULL};
        enum lucid_error error = sale_prepare(i, &command, &why);
        if (sales[i].param != NULL) {
            assert_int_equal(error, LUCID_REFUSE_INVALID);
            assert_string_equal(why.code, "INVALID_PRICE");
            assert_string_equal(why.param, sales[i].param);
            continue;
        }
        assert_int_equal(error, LUCID_OK);
        assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
        assert_false(command.ret_known);
        assert_int_equal(command.price.version, ++version);
        assert_int_equal(current("a", &price), LUCID_OK);
        check_same(&price, &command.price);
        assert_true(price.price_per_call == sales[i].call);
        assert_true(price.price_per_token == sales[i].token);
        assert_true(price.price_subscription_hour == sales[i].hour);
        assert_true(price.grant_seconds == sales[i].seconds);
        assert_string_equal(price.resource, sales[i].resource == NULL ? "" : sales[i].resource);
        assert_string_equal(price.description,
                            sales[i].description == NULL ? "" : sales[i].description);
        assert_string_equal(price.mime_type, sales[i].mime_type == NULL ? "" : sales[i].mime_type);
        assert_int_equal(sale_prepare(i, &command, &why), LUCID_OK);
        assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
        assert_true(command.ret_known);
    }
}

/* The payload has the members in canonical order, and only those that were given. */
static void test_sale_payload(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"asset\":\"a\",\"compute_payee\":null,\"custom_split\":false,"
        "\"description\":\"x\",\"grant_seconds\":60,\"mime_type\":\"text/plain\","
        "\"model_payee\":null,\"network\":\"" NETWORK "\",\"pay_to\":\"" PAY_TO "\","
        "\"price_per_call\":\"0\",\"price_per_token\":\"7\",\"price_subscription_hour\":\"9\","
        "\"resource\":\"https://a/\",\"split_bps\":[7000,2000,1000],\"unit\":\"USDC\","
        "\"version\":1}";
    const struct gas_price_request request = {
        .asset = lucid_span_str("a"),
        .network = lucid_span_str(NETWORK),
        .pay_to = lucid_span_str(PAY_TO),
        .price_per_token = 7,
        .price_subscription_hour = 9,
        .grant_seconds = 60,
        .resource = lucid_span_str("https://a/"),
        .description = lucid_span_str("x"),
        .mime_type = lucid_span_str("text/plain"),
    };
    struct gas_price_command command;
    struct store_event event;
    assert_int_equal(gas_price_set_prepare(&command, &request, NULL), LUCID_OK);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    uint64_t newest = core_events(&world.core);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(ledger_view_event(world.core.view, newest, &event), LUCID_OK);
    assert_true(lucid_span_is(event.payload, expected));
    ledger_view_end(world.core.view);
}

/* --- versions --------------------------------------------------------------------------------- */

static void test_first(void **state)
{
    (void)state;
    struct gas_price price;
    struct gas_price_command command;
    assert_int_equal(current("a", &price), LUCID_NOTE_ABSENT);
    price_prepare(&command, "a", "gpu.one", NULL, NULL);
    uint64_t events = core_events(&world.core);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_int_equal(core_events(&world.core), events + 1);
    assert_false(command.ret_known);
    assert_int_equal(current("a", &price), LUCID_OK);
    check_same(&price, &command.price);
    assert_string_equal(price.asset, "a");
    assert_int_equal(price.version, 1);
    assert_int_equal(price.unit, GAS_USDC);
    assert_int_equal(price.price_per_call, 1000);
    assert_string_equal(price.network, NETWORK);
    assert_string_equal(price.pay_to, PAY_TO);
    assert_string_equal(price.payees[GAS_COMPUTE], "gpu.one");
    assert_string_equal(price.payees[GAS_MODEL], "");
    assert_string_equal(price.payees[GAS_PROTOCOL], "");
    assert_int_equal(price.weights.bps[GAS_COMPUTE], 7000);
    assert_int_equal(price.weights.bps[GAS_MODEL], 2000);
    assert_int_equal(price.weights.bps[GAS_PROTOCOL], 1000);
    assert_false(price.custom_split);
    assert_int_equal(price.sequence, events + 1);
    assert_int_equal(price.time_ms, world.core.now_ms);
    assert_int_equal(price.deleted_sequence, 0);
    assert_int_equal(price.deleted_ms, 0);
}

/* The payload is canonical JSON, and just this. */
static void test_payload(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"asset\":\"a\",\"compute_payee\":\"c\",\"custom_split\":true,\"model_payee\":null,"
        "\"network\":\"" NETWORK "\",\"pay_to\":\"" PAY_TO "\",\"price_per_call\":\"1000\","
        "\"split_bps\":[10000,0,0],\"unit\":\"USDC\",\"version\":1}";
    static const char deleted[] = "{\"asset\":\"a\",\"version\":1}";
    struct store_event event;
    price_set(&world, "a", "c", NULL, &weights_one);
    assert_int_equal(price_delete(&world, "a"), LUCID_OK);
    uint64_t newest = core_events(&world.core);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(ledger_view_event(world.core.view, newest - 1, &event), LUCID_OK);
    assert_true(lucid_span_is(event.type, "price.set"));
    assert_true(lucid_span_is(event.payload, expected));
    assert_int_equal(ledger_view_event(world.core.view, newest, &event), LUCID_OK);
    assert_true(lucid_span_is(event.type, "price.deleted"));
    assert_true(lucid_span_is(event.payload, deleted));
    ledger_view_end(world.core.view);
}

static void test_known(void **state)
{
    (void)state;
    struct gas_price first;
    struct gas_price_command command;
    price_set(&world, "a", "c", "m", NULL);
    assert_int_equal(current("a", &first), LUCID_OK);
    uint64_t events = core_events(&world.core);
    world.core.now_ms += 1000;
    price_prepare(&command, "a", "c", "m", NULL);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_true(command.ret_known);
    check_same(&command.price, &first);
    assert_int_equal(core_events(&world.core), events);
    /* The default's weights, given, are another price: later defaults would not move it. */
    assert_int_equal(price_set(&world, "a", "c", "m", &gas_weights_default), 2);
    assert_int_equal(current("a", &first), LUCID_OK);
    assert_true(first.custom_split);
    assert_int_equal(price_set(&world, "a", "c", NULL, &gas_weights_default), 3);
    assert_int_equal(price_set(&world, "a", NULL, NULL, &gas_weights_default), 4);
    assert_int_equal(price_set(&world, "a", NULL, NULL, &weights_even), 5);
    assert_int_equal(price_set(&world, "a", NULL, NULL, &weights_even), 5);
    assert_int_equal(price_set(&world, "a", "c", "m", NULL), 6);
    assert_int_equal(core_events(&world.core), events + 5);
}

static void test_deleted(void **state)
{
    (void)state;
    struct gas_price price;
    struct gas_price_command command;
    price_set(&world, "a", "c", NULL, NULL);
    price_set(&world, "a", "d", NULL, NULL);
    world.core.now_ms += 5;
    assert_int_equal(gas_price_delete_prepare(&command, lucid_span_str("a"), NULL), LUCID_OK);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_OK);
    assert_int_equal(command.price.version, 2);
    assert_int_equal(command.price.deleted_sequence, core_events(&world.core));
    assert_int_equal(command.price.deleted_ms, world.core.now_ms);
    assert_int_equal(current("a", &price), LUCID_NOTE_ABSENT);
    assert_int_equal(version_read("a", 2, &price), LUCID_OK);
    check_same(&price, &command.price);
    assert_string_equal(price.payees[GAS_COMPUTE], "d");
    assert_int_equal(version_read("a", 1, &price), LUCID_OK);
    assert_int_equal(price.deleted_sequence, 0);
    assert_int_equal(version_read("a", 3, &price), LUCID_NOTE_ABSENT);
    assert_int_equal(version_read("a", 0, &price), LUCID_NOTE_ABSENT);

    uint64_t events = core_events(&world.core);
    assert_int_equal(gas_price_delete_prepare(&command, lucid_span_str("a"), NULL), LUCID_OK);
    assert_int_equal(core_run(&world.core, &command.command), LUCID_REFUSE_INVALID);
    assert_string_equal(command.command.why.code, "NOT_FOUND");
    assert_string_equal(command.command.why.param, "asset");
    assert_int_equal(core_events(&world.core), events);

    /* The same as before is a price again, with a number of its own. */
    assert_int_equal(price_set(&world, "a", "d", NULL, NULL), 3);
    assert_int_equal(current("a", &price), LUCID_OK);
    assert_int_equal(price.version, 3);
    assert_true(revenue_replays_same(&world));
}

static void test_one_batch(void **state)
{
    (void)state;
    struct gas_price_command commands[5];
    struct gas_price price;
    price_prepare(&commands[0], "a", "c", NULL, NULL);
    price_prepare(&commands[1], "a", "d", NULL, NULL);
    price_prepare(&commands[2], "a", "d", NULL, NULL);
    assert_int_equal(gas_price_delete_prepare(&commands[3], lucid_span_str("a"), NULL), LUCID_OK);
    price_prepare(&commands[4], "a", "d", NULL, NULL);
    assert_int_equal(ledger_batch_begin(world.core.ledger, world.core.now_ms), LUCID_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(ledger_batch_run(world.core.ledger, &commands[i].command), LUCID_OK);
        assert_int_equal(commands[i].command.error, LUCID_OK);
    }
    assert_int_equal(ledger_batch_commit(world.core.ledger), LUCID_OK);
    static const uint64_t versions[] = {1, 2, 2, 2, 3};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(commands[i].price.version, versions[i]);
        assert_int_equal(commands[i].ret_known, i == 2);
    }
    assert_int_equal(current("a", &price), LUCID_OK);
    assert_int_equal(price.version, 3);
    assert_true(revenue_replays_same(&world));
}

/* --- lists ------------------------------------------------------------------------------------ */

static void test_lists(void **state)
{
    (void)state;
    static const char *const assets[] = {"a", "a.b", "a0", "b", "gone", "z"};
    struct gas_price price;
    char last[GAS_NAME_BYTES_MAX + 1] = "";
    for (size_t i = 6; i-- > 0;) {
        for (unsigned n = 0; n <= i; n++) {
            char payee[16];
            snprintf(payee, sizeof(payee), "p%u", n);
            price_set(&world, assets[i], payee, NULL, NULL);
        }
    }
    assert_int_equal(price_delete(&world, "gone"), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    for (size_t i = 0; i < 6; i++) {
        if (i == 4) {
            continue;
        }
        assert_int_equal(gas_price_next(world.core.view, lucid_span_str(last), &price), LUCID_OK);
        assert_string_equal(price.asset, assets[i]);
        assert_int_equal(price.version, i + 1);
        memcpy(last, price.asset, sizeof(last));
    }
    assert_int_equal(gas_price_next(world.core.view, lucid_span_str(last), &price),
                     LUCID_NOTE_ABSENT);
    for (size_t i = 0; i < 6; i++) {
        uint64_t version = 0;
        while (gas_price_history_next(world.core.view, lucid_span_str(assets[i]), version,
                                      &price) == LUCID_OK) {
            version++;
            assert_string_equal(price.asset, assets[i]);
            assert_int_equal(price.version, version);
            assert_int_equal(price.deleted_sequence != 0, i == 4 && version == 5);
        }
        assert_int_equal(version, i + 1);
    }
    assert_int_equal(gas_price_history_next(world.core.view, lucid_span_str("A"), 0, &price),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_price_history_next(world.core.view, lucid_span("", 0), 0, &price),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_price_current(world.core.view, lucid_span("a\0", 2), &price),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(world.core.view);
    core_world_reopen(&world.core);
    assert_int_equal(current("z", &price), LUCID_OK);
    assert_int_equal(price.version, 6);
    assert_true(revenue_replays_same(&world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test_setup_teardown(test_first, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_payload, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_sales, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_sale_payload, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_known, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_deleted, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_one_batch, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_lists, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
