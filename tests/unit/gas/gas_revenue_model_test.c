/* Revenue against a model that only adds: random prices, payments, repeats and restarts. And the
 * share of another kind's payment (gas_revenue_payload). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/gas/gas_revenue_world.h"

static struct revenue_world world;

/* --- the model -------------------------------------------------------------------------------- */

enum { ASSETS = 3, PAYEES = 4, WEIGHTS = 4, FACILITATORS = 2, STEPS = 4000, SUMS = 256 };

static const char *const assets[ASSETS] = {"a", "a.b", "b"};
static const char *const payees[PAYEES] = {NULL, "p", "q", "r"};
static const char *const facilitators[FACILITATORS] = {"external", "coinbase"};
static const struct gas_weights weights[WEIGHTS] = {
    {{7000, 2000, 1000}}, {{10000, 0, 0}}, {{3333, 3333, 3334}}, {{1, 2, 9997}}};

struct model_price {
    bool set;
    int compute;
    int model;
    int weights;
};

struct model_sum {
    char name[64];
    uint64_t in;  /* credits, or T */
    uint64_t out; /* debits */
};

static struct {
    uint64_t seed;
    struct model_price prices[ASSETS];
    struct gas_asset_revenue revenue[ASSETS];
    struct model_sum sums[SUMS]; /* of accounts and tuples, by name */
    size_t sum_count;
    unsigned payments;
    uint64_t refused;
    uint64_t released;
    uint64_t recorded;
} model;

static uint64_t random_next(void)
{
    model.seed = model.seed * 6364136223846793005U + 1442695040888963407U;
    return model.seed >> 1 ^ model.seed >> 33;
}

static unsigned random_below(unsigned n)
{
    return (unsigned)(random_next() % n);
}

static struct model_sum *sum_of(const char *name)
{
    size_t i = 0;
    while (i < model.sum_count && strcmp(model.sums[i].name, name) != 0) {
        i++;
    }
    if (i == model.sum_count) {
        lucid_assert(model.sum_count < SUMS);
        snprintf(model.sums[model.sum_count++].name, sizeof(model.sums[0].name), "%s", name);
    }
    return &model.sums[i];
}

static struct model_sum *leg_account(unsigned asset, size_t leg)
{
    char name[64];
    const struct model_price *price = &model.prices[asset];
    const char *payee = payees[leg == GAS_COMPUTE ? price->compute : price->model];
    if (leg == GAS_PROTOCOL) {
        return sum_of("revenue:protocol:USDC");
    }
    if (payee != NULL) {
        snprintf(name, sizeof(name), "payee:%s:USDC", payee);
    } else {
        snprintf(name, sizeof(name), "suspense:%s:%s:USDC", leg == 0 ? "compute" : "model",
                 assets[asset]);
    }
    return sum_of(name);
}

static bool leg_suspended(unsigned asset, size_t leg)
{
    const struct model_price *price = &model.prices[asset];
    return leg < GAS_PROTOCOL && (leg == GAS_COMPUTE ? price->compute : price->model) == 0;
}

static struct model_sum *tuple_of(unsigned asset)
{
    char name[64];
    const struct model_price *price = &model.prices[asset];
    snprintf(name, sizeof(name), "T %u %d %d %d", asset, price->weights, price->compute,
             price->model);
    return sum_of(name);
}

/* Whether every total has room for the amount; what the legs are. */
static bool model_fits(unsigned asset, struct model_sum *clearing, uint64_t amount,
                       uint64_t ret[GAS_LEGS])
{
    struct gas_split *split = NULL;
    lucid_assert(gas_split_open(&weights[model.prices[asset].weights], &split) == LUCID_OK);
    enum lucid_error error = gas_split_pay(split, tuple_of(asset)->in, amount, ret);
    gas_split_close(split);
    if (error != LUCID_OK || amount > GAS_AMOUNT_MAX - model.revenue[asset].gross ||
        amount > GAS_AMOUNT_MAX - clearing->out) {
        return false;
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        uint64_t to_it = 0; /* legs may share an account */
        for (size_t j = 0; j < GAS_LEGS; j++) {
            to_it += leg_account(asset, j) == leg_account(asset, i) ? ret[j] : 0;
        }
        if (to_it > GAS_AMOUNT_MAX - leg_account(asset, i)->in) {
            return false;
        }
    }
    return true;
}

static void model_pay(unsigned asset, struct model_sum *clearing, uint64_t amount,
                      const uint64_t legs[GAS_LEGS])
{
    struct gas_asset_revenue *revenue = &model.revenue[asset];
    clearing->out += amount;
    tuple_of(asset)->in += amount;
    revenue->payments++;
    revenue->gross += amount;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        leg_account(asset, i)->in += legs[i];
        revenue->legs[i] += legs[i];
        revenue->suspended[i] += leg_suspended(asset, i) ? legs[i] : 0;
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step_pay(void)
{
    char name[64];
    char external_id[32];
    uint64_t legs[GAS_LEGS];
    struct gas_payment_command command;
    unsigned asset = random_below(ASSETS);
    unsigned facilitator = random_below(FACILITATORS);
    unsigned shift = random_below(16) == 0 ? random_below(4) : 20 + random_below(43);
    uint64_t amount = ((random_next() << 1) >> shift) & GAS_AMOUNT_MAX;
    amount += amount == 0;
    snprintf(name, sizeof(name), "clearing:%s:USDC", facilitators[facilitator]);
    struct model_sum *clearing = sum_of(name);
    snprintf(external_id, sizeof(external_id), "n%u", model.payments);
    payment_prepare(&command, assets[asset], amount, external_id,
                    facilitator == 0 ? NULL : facilitators[facilitator]);
    uint64_t events = core_events(&world.core);
    enum lucid_error error = core_run(&world.core, &command.command);
    if (!model.prices[asset].set) {
        assert_int_equal(error, LUCID_REFUSE_INVALID);
        assert_int_equal(core_events(&world.core), events);
    } else if (!model_fits(asset, clearing, amount, legs)) {
        assert_int_equal(error, LUCID_REFUSE_TOO_LARGE);
        assert_string_equal(command.command.why.code, "AMOUNT_OVERFLOW");
        assert_int_equal(core_events(&world.core), events);
        model.refused++;
    } else {
        assert_int_equal(error, LUCID_OK);
        assert_memory_equal(command.payment.legs, legs, sizeof(legs));
        model_pay(asset, clearing, amount, legs);
        model.payments++;
        model.recorded++;
    }
}

/* An external id that was used: the same content is known, other content refused. */
static void step_repeat(void)
{
    char external_id[32];
    struct gas_payment was;
    struct gas_payment_command command;
    if (model.payments == 0) {
        return;
    }
    snprintf(external_id, sizeof(external_id), "n%u", random_below(model.payments));
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_payment_find(world.core.view, lucid_span_str(external_id), &was),
                     LUCID_OK);
    ledger_view_end(world.core.view);
    bool other = random_below(2) == 0;
    uint64_t amount = other ? was.amount % 1000 + 1 + (was.amount <= 1000) : was.amount;
    payment_prepare(&command, was.asset, amount, external_id, was.facilitator);
    uint64_t events = core_events(&world.core);
    enum lucid_error error = core_run(&world.core, &command.command);
    assert_int_equal(core_events(&world.core), events);
    assert_int_equal(error, amount != was.amount ? LUCID_REFUSE_CONFLICT : LUCID_OK);
    if (error == LUCID_OK) {
        assert_true(command.ret_known);
        assert_int_equal(command.payment.sequence, was.sequence);
        assert_memory_equal(command.payment.legs, was.legs, sizeof(was.legs));
    }
}

/* What each leg has in suspense, and whether the payees have room for it. */
static bool release_fits(unsigned asset, const uint64_t held[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (held[i] == 0) {
            continue;
        }
        struct model_sum *payee = leg_account(asset, i);
        uint64_t more = held[i];
        if (held[1 - i] > 0 && leg_account(asset, 1 - i) == payee) {
            more += held[1 - i];
        }
        if (more > GAS_AMOUNT_MAX - payee->in) {
            return false;
        }
    }
    return true;
}

static void model_release(unsigned asset, const uint64_t held[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (held[i] > 0) {
            char name[64];
            snprintf(name, sizeof(name), "suspense:%s:%s:USDC", i == 0 ? "compute" : "model",
                     assets[asset]);
            sum_of(name)->out += held[i];
            leg_account(asset, i)->in += held[i];
            model.revenue[asset].released[i] += held[i];
            model.released++;
        }
    }
}

static void step_price(void)
{
    struct gas_price_command command;
    unsigned asset = random_below(ASSETS);
    struct model_price was = model.prices[asset];
    struct model_price price = {
        .set = true,
        .compute = (int)random_below(PAYEES),
        .model = (int)random_below(PAYEES),
        .weights = (int)random_below(WEIGHTS),
    };
    if (random_below(6) == 0) {
        assert_int_equal(price_delete(&world, assets[asset]),
                         was.set ? LUCID_OK : LUCID_REFUSE_INVALID);
        model.prices[asset].set = false;
        return;
    }
    price_prepare(&command, assets[asset], payees[price.compute], payees[price.model],
                  &weights[price.weights]);
    model.prices[asset] = price;
    uint64_t held[2];
    for (size_t i = 0; i < 2; i++) {
        held[i] = leg_suspended(asset, i)
                      ? 0
                      : model.revenue[asset].suspended[i] - model.revenue[asset].released[i];
    }
    enum lucid_error error = core_run(&world.core, &command.command);
    if (!release_fits(asset, held)) {
        assert_int_equal(error, LUCID_REFUSE_TOO_LARGE);
        model.prices[asset] = was;
        model.refused++;
        return;
    }
    assert_int_equal(error, LUCID_OK);
    model_release(asset, held);
}

static void check_all(void)
{
    unsigned __int128 debits = 0;
    unsigned __int128 credits = 0;
    for (size_t i = 0; i < model.sum_count; i++) {
        const struct model_sum *sum = &model.sums[i];
        struct gas_account account = {.debits = 0};
        if (sum->name[0] == 'T') {
            continue;
        }
        assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
        enum lucid_error error =
            gas_account_read(world.core.view, lucid_span_str(sum->name), &account);
        ledger_view_end(world.core.view);
        assert_true(error == LUCID_OK || (error == LUCID_NOTE_ABSENT && sum->in + sum->out == 0));
        assert_true(account.credits == sum->in && account.debits == sum->out);
        debits += sum->out;
        credits += sum->in;
    }
    assert_true(debits == credits);
    for (unsigned i = 0; i < ASSETS; i++) {
        struct gas_asset_revenue revenue = revenue_of(&world, assets[i]);
        assert_true(revenue.payments == model.revenue[i].payments);
        assert_true(revenue.gross == model.revenue[i].gross);
        assert_memory_equal(revenue.legs, model.revenue[i].legs, sizeof(revenue.legs));
        assert_memory_equal(revenue.suspended, model.revenue[i].suspended,
                            sizeof(revenue.suspended));
        assert_memory_equal(revenue.released, model.revenue[i].released, sizeof(revenue.released));
        if (model.prices[i].set) {
            assert_true(total_of(&world, assets[i]) == tuple_of(i)->in);
        }
    }
}

static void test_model(void **state)
{
    (void)state;
    memset(&model, 0, sizeof(model));
    model.seed = 20261122;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned what = random_below(20);
        if (what < 13) {
            step_pay();
        } else if (what < 16) {
            step_repeat();
        } else {
            step_price();
        }
        if (random_below(50) == 0) {
            check_all();
        }
        if (random_below(200) == 0) {
            core_world_reopen(&world.core);
        }
    }
    check_all();
    assert_true(model.recorded > 1000 && model.released > 50 && model.refused > 50);
    assert_true(revenue_replays_same(&world));
}

/* --- another kind's payment ------------------------------------------------------------------- */

struct other_command {
    struct ledger_command command;
    struct gas_revenue_request request;
    struct lucid_buf text;
};

static enum lucid_error other_decide(struct ledger_txn *txn, struct ledger_command *base,
                                     struct lucid_why *why)
{
    struct other_command *other = (struct other_command *)base;
    return gas_revenue_payload(txn, &other->request, &other->text, why);
}

static const struct ledger_event_type other_types[] = {{.name = NULL}};
static const struct ledger_kind other_kind = {
    .name = "other", .fold_version = 1, .types = other_types, .decide = other_decide};

static int world_make(void **state)
{
    (void)state;
    revenue_world_init(&world);
    core_world_use(&world.core, &other_kind, NULL);
    core_world_start(&world.core);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    revenue_world_stop(&world);
    return 0;
}

static const struct gas_revenue_member members[] = {
    {.name = "aa", .json = {(const uint8_t *)"{\"x\":[1]}", 9}},
    {.name = "bound", .json = {(const uint8_t *)"true", 4}},
    {.name = "id", .text = {(const uint8_t *)"q\"1", 3}},
    {.name = "left_out"},
    {.name = "route", .text = {(const uint8_t *)"", 0}},
    {.name = "zone", .text = {(const uint8_t *)"z", 1}},
};

static void other_init(struct other_command *other, const char *asset, uint64_t version)
{
    *other = (struct other_command){
        .command = {.kind = &other_kind},
        .request = {.config = &world.revenue,
                    .asset = lucid_span_str(asset),
                    .unit = GAS_USDC,
                    .amount = 10,
                    .facilitator = lucid_span_str("direct"),
                    .version = version,
                    .members = members,
                    .member_count = sizeof(members) / sizeof(members[0])},
    };
}

/* The text is what JCS makes of it. */
static void check_canonical(struct lucid_span text)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 100};
    struct lucid_arena arena;
    struct lucid_buf again = {.bytes_max = 0};
    const struct jcs_value *root;
    lucid_arena_init(&arena, 65536);
    assert_int_equal(jcs_parse(text, &limits, &arena, &root, NULL), LUCID_OK);
    jcs_write(root, &again);
    assert_true(lucid_span_equal(lucid_buf_span(&again), text));
    lucid_buf_fini(&again);
    lucid_arena_fini(&arena);
}

static void check_payload(uint64_t version, const char *compute, const char *compute_account,
                          const char *model_payee, const char *model_account, uint64_t said)
{
    char expected[1024];
    struct other_command other;
    uint64_t events = core_events(&world.core);
    other_init(&other, "a", version);
    assert_int_equal(core_run(&world.core, &other.command), LUCID_OK);
    assert_int_equal(core_events(&world.core), events);
    snprintf(expected, sizeof(expected),
             "{\"aa\":{\"x\":[1]},\"amount\":\"10\",\"asset\":\"a\",\"bound\":true,"
             "\"id\":\"q\\\"1\",\"postings\":["
             "{\"amount\":\"7\",\"credit\":\"%s\",\"debit\":\"clearing:direct:USDC\","
             "\"what\":\"split.compute\"},"
             "{\"amount\":\"2\",\"credit\":\"%s\",\"debit\":\"clearing:direct:USDC\","
             "\"what\":\"split.model\"},"
             "{\"amount\":\"1\",\"credit\":\"revenue:protocol:USDC\","
             "\"debit\":\"clearing:direct:USDC\",\"what\":\"split.protocol\"}],"
             "\"route\":\"\",\"split\":{\"bps\":[7000,2000,1000],\"payees\":[%s,%s]},"
             "\"unit\":\"USDC\",\"version\":%llu,\"zone\":\"z\"}",
             compute_account, model_account, compute, model_payee, (unsigned long long)said);
    assert_true(lucid_span_is(lucid_buf_span(&other.text), expected));
    check_canonical(lucid_buf_span(&other.text));
    lucid_buf_fini(&other.text);
}

static void test_payload(void **state)
{
    (void)state;
    price_set(&world, "a", NULL, NULL, NULL);
    price_set(&world, "a", NULL, "lab", NULL);
    check_payload(0, "null", "suspense:compute:a:USDC", "\"lab\"", "payee:lab:USDC", 2);
    check_payload(2, "null", "suspense:compute:a:USDC", "\"lab\"", "payee:lab:USDC", 2);
    /* A payee who is known by now is paid; one who was named is not replaced. */
    check_payload(1, "null", "suspense:compute:a:USDC", "\"lab\"", "payee:lab:USDC", 1);
    price_set(&world, "a", "gpu", "lab2", NULL);
    check_payload(2, "\"gpu\"", "payee:gpu:USDC", "\"lab\"", "payee:lab:USDC", 2);
    check_payload(0, "\"gpu\"", "payee:gpu:USDC", "\"lab2\"", "payee:lab2:USDC", 3);
    /* Without a price in force, what was quoted holds. */
    assert_int_equal(price_delete(&world, "a"), LUCID_OK);
    check_payload(2, "null", "suspense:compute:a:USDC", "\"lab\"", "payee:lab:USDC", 2);
}

static void check_payload_refused(struct other_command *other, enum lucid_error error,
                                  const char *code, const char *param)
{
    assert_int_equal(core_run(&world.core, &other->command), error);
    assert_string_equal(other->command.why.code, code);
    assert_string_equal(other->command.why.param, param);
    assert_int_equal(other->text.len, 0);
    lucid_buf_fini(&other->text);
}

static void test_payload_refused(void **state)
{
    (void)state;
    struct other_command other;
    other_init(&other, "a", 0);
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
    price_set(&world, "a", NULL, NULL, NULL);
    other_init(&other, "a", 2);
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
    other_init(&other, "a/b", 0);
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset");
    other_init(&other, "a", 0);
    other.request.unit = GAS_LUCID;
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "unit");
    other_init(&other, "a", 0);
    other.request.amount = 0;
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "amount");
    other_init(&other, "a", 0);
    other.request.amount = GAS_AMOUNT_MAX + 1;
    check_payload_refused(&other, LUCID_REFUSE_INVALID, "INVALID_PAYMENT", "amount");
    other_init(&other, "a", 0);
    pay(&world, "a", 1);
    other.request.amount = GAS_AMOUNT_MAX;
    check_payload_refused(&other, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "amount");
    /* Without a cache the same comes out. */
    other_init(&other, "a", 0);
    other.request.config = NULL;
    assert_int_equal(core_run(&world.core, &other.command), LUCID_OK);
    check_canonical(lucid_buf_span(&other.text));
    lucid_buf_fini(&other.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_payload, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_payload_refused, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
