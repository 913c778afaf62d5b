/* Access grants: what is refused, sold, given, prolonged, revoked, lost by a reorganisation; and
 * random histories of all of it against a model that keeps a few numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/x402/payment_world.h"
#include "x402/grant.h"

#define HOUR_MS ((uint64_t)3600 * 1000)

enum { ASSETS = 2, SECRETS = 3, GRANTS = ASSETS * SECRETS, ROUNDS = 8, STEPS = 250 };

static const char *const assets[ASSETS] = {"proof", "late"};
static struct payment_world world;
static uint64_t next_payment;

static int setup(void **state)
{
    (void)state;
    payment_world_init(&world);
    core_world_use(WORLD_CORE(&world), &x402_grant_kind, NULL);
    core_world_start(WORLD_CORE(&world));
    (void)price_set(&world.revenue, "proof", "gpu", "lab", NULL);
    (void)price_set(&world.revenue, "late", "gpu", "lab", NULL);
    next_payment = 1;
    return 0;
}

/* After each test the log makes the same rows once more, and the books balance. */
static int teardown(void **state)
{
    (void)state;
    assert_true(world_balances(&world));
    assert_true(revenue_replays_same(&world.revenue));
    payment_world_stop(&world);
    return 0;
}

/* --- steps ------------------------------------------------------------------------------------ */

struct named {
    char secret[X402_GRANT_SECRET_HEX + 1];
    char sha256_hex[2 * LUCID_SHA256_BYTES + 1];
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint8_t id[X402_GRANT_ID_BYTES];
    char header[X402_GRANT_VALUE_BYTES + 1];
};

static struct named named(unsigned asset, unsigned secret)
{
    struct named it;
    memset(&it, 0, sizeof(it));
    (void)snprintf(it.secret, sizeof(it.secret), "%064x", 0xabc0U + secret);
    lucid_sha256(lucid_span_str(it.secret), it.sha256);
    lucid_hex_encode(it.sha256, sizeof(it.sha256), it.sha256_hex);
    x402_grant_id(lucid_span_str(assets[asset]), it.sha256, it.id);
    lucid_hex_encode(it.id, sizeof(it.id), it.header);
    it.header[2 * X402_GRANT_ID_BYTES] = '.';
    memcpy(it.header + 2 * X402_GRANT_ID_BYTES + 1, it.secret, X402_GRANT_SECRET_HEX);
    return it;
}

static void prepare(struct x402_grant_command *command, enum x402_grant_verb verb, unsigned asset,
                    unsigned secret, uint64_t hours)
{
    const struct named it = named(asset, secret);
    assert_int_equal(x402_grant_prepare(command, verb, lucid_span_str(assets[asset]), hours,
                                        lucid_span_str(it.sha256_hex), (struct lucid_span){0},
                                        NULL),
                     LUCID_OK);
}

static enum lucid_error give(unsigned asset, unsigned secret, uint64_t hours)
{
    struct x402_grant_command command;
    prepare(&command, X402_GRANT_GIVE, asset, secret, hours);
    return core_run(WORLD_CORE(&world), &command.command);
}

static enum lucid_error revoke(unsigned asset, unsigned secret)
{
    struct x402_grant_command command;
    const struct named it = named(asset, secret);
    assert_int_equal(x402_grant_revoke_prepare(&command, it.id, lucid_span_str("abuse"), NULL),
                     LUCID_OK);
    return core_run(WORLD_CORE(&world), &command.command);
}

/* Sells by a payment of that number, which has no intent yet. The answer is the payment's. */
static enum lucid_error sell(uint64_t number, struct x402_grant_command *grant)
{
    struct x402_payment_command payment;
    const struct x402_request_kept request = world_request(1, (unsigned)number);
    world_intend(&world, &payment, number, grant->grant.asset, &request);
    assert_int_equal(world_run(&world, &payment), LUCID_OK);
    world_settle(&world, &payment, number, number);
    payment.payment.request = request;
    grant->grant.price_version = 1;
    grant->command.next_part = &payment.command;
    payment.paid = &grant->command;
    (void)core_run(WORLD_CORE(&world), &grant->command);
    grant->command.next_part = NULL;
    return payment.command.error;
}

static void payment_run(enum x402_payment_verb verb, uint64_t number, uint64_t transaction)
{
    struct x402_payment_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, number, id);
    if (verb == X402_SETTLE) {
        world_settle(&world, &command, number, transaction);
    } else {
        world_end(&command, verb, id);
    }
    assert_int_equal(world_run(&world, &command), LUCID_OK);
}

static enum lucid_error checked(const char *header, const char *asset, struct x402_grant *ret,
                                struct lucid_why *why)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = x402_grant_check(view, lucid_span_str(header), lucid_span_str(asset),
                                              WORLD_CORE(&world)->now_ms, ret, why);
    ledger_view_end(view);
    return error;
}

static void admits(unsigned asset, unsigned secret, const char *why_not)
{
    struct x402_grant grant;
    struct lucid_why why = {0};
    const struct named it = named(asset, secret);
    enum lucid_error error = checked(it.header, assets[asset], &grant, &why);
    if (why_not == NULL) {
        assert_int_equal(error, LUCID_OK);
        assert_memory_equal(grant.id, it.id, sizeof(it.id));
    } else {
        assert_int_equal(error, LUCID_REFUSE_FORBIDDEN);
        assert_non_null(strstr(why.text, why_not));
    }
}

static struct x402_grant read_grant(unsigned asset, unsigned secret)
{
    struct x402_grant grant;
    const struct named it = named(asset, secret);
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(x402_grant_read(view, it.id, &grant), LUCID_OK);
    ledger_view_end(view);
    return grant;
}

static uint64_t live(uint64_t max)
{
    uint64_t count;
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(x402_grant_count(view, WORLD_CORE(&world)->now_ms, max, &count), LUCID_OK);
    ledger_view_end(view);
    return count;
}

/* --- preparing and headers -------------------------------------------------------------------- */

static void test_prepare(void **state)
{
    (void)state;
    static const char sha[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    static const char upper[] = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    static const struct {
        const char *asset;
        uint64_t hours;
        const char *secret;
        const char *note;
        const char *param;
    } rows[] = {
        {"a", 1, sha, NULL, NULL},
        {"a", X402_GRANT_HOURS_MAX, sha, "x", NULL},
        {NULL, 1, sha, NULL, "asset"},
        {"", 1, sha, NULL, "asset"},
        {"a/b", 1, sha, NULL, "asset"},
        {"a", 0, sha, NULL, "duration_hours"},
        {"a", X402_GRANT_HOURS_MAX + 1, sha, NULL, "duration_hours"},
        {"a", UINT64_MAX, sha, NULL, "duration_hours"},
        {"a", 1, NULL, NULL, "secret_sha256"},
        {"a", 1, "", NULL, "secret_sha256"},
        {"a", 1, sha + 1, NULL, "secret_sha256"},
        {"a", 1, upper, NULL, "secret_sha256"},
        {"a", 1, sha, "", "note"},
        {"a", 1, sha, "a\nb", "note"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct x402_grant_command command;
        struct lucid_why why = {0};
        enum lucid_error error =
            x402_grant_prepare(&command, X402_GRANT_GIVE, text_span(rows[i].asset), rows[i].hours,
                               text_span(rows[i].secret), text_span(rows[i].note), &why);
        assert_int_equal(error, rows[i].param == NULL ? LUCID_OK : LUCID_REFUSE_INVALID);
        if (rows[i].param != NULL) {
            assert_string_equal(why.code, "INVALID_GRANT");
            assert_string_equal(why.param, rows[i].param);
        }
    }
}

static void test_header(void **state)
{
    (void)state;
    struct x402_grant grant;
    struct lucid_why why = {0};
    const struct named it = named(0, 1);
    const struct named other = named(0, 2);
    char text[X402_GRANT_VALUE_BYTES + 2];
    assert_int_equal(give(0, 1, 1), LUCID_OK);
    admits(0, 1, NULL);
    admits(0, 2, "no such access grant");
    assert_int_equal(checked(it.header, "late", &grant, &why), LUCID_REFUSE_FORBIDDEN);
    (void)snprintf(text, sizeof(text), "%.33s%s", it.header, other.secret);
    assert_int_equal(checked(text, "proof", &grant, &why), LUCID_REFUSE_FORBIDDEN);
    (void)snprintf(text, sizeof(text), "%.33s%s", it.header, it.sha256_hex);
    assert_int_equal(checked(text, "proof", &grant, &why), LUCID_REFUSE_FORBIDDEN);
    /* Every other form is malformed: each byte in turn is none that it may be. */
    for (size_t i = 0; i < X402_GRANT_VALUE_BYTES; i++) {
        memcpy(text, it.header, X402_GRANT_VALUE_BYTES + 1);
        text[i] = i == 2 * (size_t)X402_GRANT_ID_BYTES ? '0' : 'A';
        assert_int_equal(checked(text, "proof", &grant, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "GRANT_MALFORMED");
        memcpy(text, it.header, X402_GRANT_VALUE_BYTES + 1);
        text[i] = '\0';
        assert_int_equal(checked(text, "proof", &grant, &why), LUCID_REFUSE_INVALID);
    }
    (void)snprintf(text, sizeof(text), "%s0", it.header);
    assert_int_equal(checked(text, "proof", &grant, &why), LUCID_REFUSE_INVALID);
}

/* --- one after the other ---------------------------------------------------------------------- */

static void test_sale(void **state)
{
    (void)state;
    struct x402_grant_command command;
    uint8_t payment[X402_PAYMENT_ID_BYTES];
    prepare(&command, X402_GRANT_SELL, 0, 0, 24);
    assert_int_equal(sell(1, &command), LUCID_OK);
    assert_int_equal(command.command.error, LUCID_OK);
    world_id(&world, 1, payment);
    struct x402_grant grant = read_grant(0, 0);
    assert_true(grant.paid && grant.price_version == 1);
    assert_memory_equal(grant.payment, payment, sizeof(payment));
    assert_true(grant.expires_ms == grant.starts_ms + 24 * HOUR_MS);
    /* The same payment again, as the gate hands it over when the request is repeated. */
    struct x402_payment shown;
    assert_int_equal(world_read(&world, payment, &shown), LUCID_OK);
    uint64_t events = core_events(WORLD_CORE(&world));
    prepare(&command, X402_GRANT_SELL, 0, 0, 24);
    command.shown = &shown;
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_OK);
    assert_true(command.ret_known);
    assert_true(command.grant.expires_ms == grant.expires_ms);
    assert_int_equal(core_events(WORLD_CORE(&world)), events);
}

/* Without a payment nothing is sold: not for none, and not for one that bought something else. */
static void test_not_for_nothing(void **state)
{
    (void)state;
    struct x402_grant_command command;
    struct x402_payment_command payment;
    struct x402_payment shown = {.sequence = 0};
    const struct x402_request_kept request = world_request(1, 1);
    prepare(&command, X402_GRANT_SELL, 0, 0, 1);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_REFUSE_CONFLICT);
    command.shown = &shown;
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_REFUSE_CONFLICT);
    world_show(&world, &payment, 7, 0, WORLD_PRICE, "proof", &request);
    assert_int_equal(world_run(&world, &payment), LUCID_OK);
    shown = payment.payment;
    assert_true(shown.sequence > 0);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_REFUSE_CONFLICT);
    assert_string_equal(command.command.why.code, "PAYMENT_ALREADY_SPENT");
}

/* A refused sale leaves the payment unserved, and it buys a grant of another secret. */
static void test_refused_sale(void **state)
{
    (void)state;
    struct x402_grant_command command;
    struct x402_payment_command payment;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    assert_int_equal(give(0, 0, 1), LUCID_OK);
    assert_int_equal(revoke(0, 0), LUCID_OK);
    prepare(&command, X402_GRANT_SELL, 0, 0, 24);
    assert_int_equal(sell(1, &command), LUCID_OK);
    assert_int_equal(command.command.error, LUCID_REFUSE_CONFLICT);
    assert_string_equal(command.command.why.code, "GRANT_REVOKED");
    world_id(&world, 1, id);
    assert_int_equal(world_read(&world, id, &payment.payment), LUCID_OK);
    assert_true(payment.payment.status == X402_SETTLED && !payment.payment.served);
    prepare(&command, X402_GRANT_SELL, 0, 1, 24);
    world_end(&payment, X402_SERVE, id);
    payment.payment.request = world_request(1, 2);
    command.command.next_part = &payment.command;
    command.grant.price_version = 1;
    payment.paid = &command.command;
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_OK);
    assert_true(payment.payment.served);
    admits(0, 1, NULL);
    admits(0, 0, "revoked");
}

/* A reorganisation takes a payment: nothing is admitted until it is there again. */
static void test_reorganisation(void **state)
{
    (void)state;
    struct x402_grant_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    prepare(&command, X402_GRANT_SELL, 0, 0, 2);
    assert_int_equal(sell(1, &command), LUCID_OK);
    prepare(&command, X402_GRANT_SELL, 0, 0, 3);
    assert_int_equal(sell(2, &command), LUCID_OK);
    admits(0, 0, NULL);
    assert_int_equal(live(10), 1);
    payment_run(X402_REVERSE, 1, 0);
    admits(0, 0, "reorganisation");
    assert_int_equal(live(10), 0);
    payment_run(X402_REVERSE, 2, 0);
    payment_run(X402_SETTLE, 1, 11);
    admits(0, 0, "reorganisation");
    payment_run(X402_SETTLE, 2, 12);
    admits(0, 0, NULL);
    assert_int_equal(live(10), 1);
    assert_int_equal(read_grant(0, 0).hours, 5);
    world_id(&world, 1, id);
}

/* --- the model -------------------------------------------------------------------------------- */

struct model_grant {
    bool exists;
    bool revoked;
    uint64_t starts_ms, expires_ms, hours, purchases;
    uint64_t sequence;
};

static struct {
    uint64_t seed;
    struct model_grant grants[GRANTS];
    uint64_t bought[STEPS]; /* grant of each payment */
    bool lost[STEPS];
    unsigned outcomes[4];
} model;

static unsigned below(unsigned n)
{
    model.seed = model.seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(model.seed >> 33) % n;
}

static uint64_t unpaid(unsigned grant)
{
    uint64_t count = 0;
    for (uint64_t i = 1; i < next_payment; i++) {
        count += model.lost[i] && model.bought[i] == grant;
    }
    return count;
}

static void model_hours(unsigned grant, uint64_t hours, uint64_t now_ms, uint64_t sequence)
{
    struct model_grant *it = &model.grants[grant];
    if (!it->exists) {
        *it = (struct model_grant){.exists = true, .sequence = sequence};
    }
    if (it->expires_ms <= now_ms) {
        it->starts_ms = it->expires_ms = now_ms;
    }
    it->expires_ms += hours * HOUR_MS;
    it->hours += hours;
    it->purchases++;
}

static void step_hours(unsigned asset, unsigned secret, bool paid)
{
    unsigned grant = asset * SECRETS + secret;
    uint64_t hours = 1 + below(5);
    struct x402_grant_command command;
    prepare(&command, paid ? X402_GRANT_SELL : X402_GRANT_GIVE, asset, secret, hours);
    if (paid) {
        model.bought[next_payment] = GRANTS;
        assert_int_equal(sell(next_payment, &command), LUCID_OK);
    } else {
        (void)core_run(WORLD_CORE(&world), &command.command);
    }
    bool refused = model.grants[grant].revoked;
    assert_int_equal(command.command.error, refused ? LUCID_REFUSE_CONFLICT : LUCID_OK);
    if (!refused) {
        struct x402_grant now = read_grant(asset, secret);
        model_hours(grant, hours, WORLD_CORE(&world)->now_ms, now.sequence);
        model.bought[next_payment] = paid ? grant : GRANTS;
    }
    next_payment += paid ? 1 : 0;
}

static void step_chain(void)
{
    if (next_payment == 1) {
        return;
    }
    uint64_t number = 1 + below((unsigned)next_payment - 1);
    payment_run(model.lost[number] ? X402_SETTLE : X402_REVERSE, number, number);
    model.lost[number] = !model.lost[number];
}

static void model_check(void)
{
    static const char *const why[] = {NULL, "expired", "reorganisation", "revoked"};
    uint64_t now_ms = WORLD_CORE(&world)->now_ms;
    uint64_t admitted = 0;
    for (unsigned i = 0; i < GRANTS; i++) {
        const struct model_grant *it = &model.grants[i];
        if (!it->exists) {
            admits(i / SECRETS, i % SECRETS, "no such");
            continue;
        }
        struct x402_grant now = read_grant(i / SECRETS, i % SECRETS);
        assert_true(now.starts_ms == it->starts_ms && now.expires_ms == it->expires_ms);
        assert_true(now.hours == it->hours && now.purchases == it->purchases);
        assert_true(now.unpaid == unpaid(i) && (now.revoked_sequence != 0) == it->revoked);
        unsigned outcome = it->revoked ? 3 : now.unpaid > 0 ? 2 : now_ms < it->expires_ms ? 0 : 1;
        admits(i / SECRETS, i % SECRETS, why[outcome]);
        model.outcomes[outcome]++;
        admitted += outcome == 0;
    }
    assert_int_equal(live(100), admitted);
    assert_int_equal(live(1), admitted > 0 ? 1 : 0);
}

/* The lists have each grant once, in the order of its first event. */
static void lists_check(void)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (unsigned asset = 0; asset <= ASSETS; asset++) {
        struct lucid_span name = asset < ASSETS ? lucid_span_str(assets[asset]) : lucid_span("", 0);
        struct x402_grant grant;
        uint64_t after = 0;
        unsigned count = 0;
        unsigned want = 0;
        while (x402_grant_next(view, name, after, &grant) == LUCID_OK) {
            assert_true(grant.sequence > after);
            assert_true(asset == ASSETS || strcmp(grant.asset, assets[asset]) == 0);
            after = grant.sequence;
            count++;
        }
        for (unsigned i = 0; i < GRANTS; i++) {
            want += model.grants[i].exists && (asset == ASSETS || i / SECRETS == asset);
        }
        assert_int_equal(count, want);
    }
    ledger_view_end(view);
}

static void test_model(void **state)
{
    const char *seed = getenv("LUCID_TEST_SEED");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("# LUCID_TEST_SEED=%llu\n", (unsigned long long)first);
    memset(model.outcomes, 0, sizeof(model.outcomes));
    for (unsigned round = 0; round < ROUNDS; round++) {
        assert_int_equal(setup(state), 0);
        unsigned outcomes[4];
        memcpy(outcomes, model.outcomes, sizeof(outcomes));
        memset(&model, 0, sizeof(model));
        memcpy(model.outcomes, outcomes, sizeof(outcomes));
        model.seed = first + round;
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned asset = below(ASSETS);
            unsigned secret = below(SECRETS);
            unsigned what = below(100);
            if (what < 30) {
                step_hours(asset, secret, true);
            } else if (what < 40) {
                step_hours(asset, secret, false);
            } else if (what < 41 && model.grants[asset * SECRETS + secret].exists) {
                assert_int_equal(revoke(asset, secret), LUCID_OK);
                model.grants[asset * SECRETS + secret].revoked = true;
            } else if (what < 55) {
                step_chain();
            } else {
                WORLD_CORE(&world)->now_ms += below(2 * (unsigned)HOUR_MS);
            }
            model_check();
        }
        lists_check();
        assert_int_equal(teardown(state), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(model.outcomes[i] > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test_setup_teardown(test_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sale, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_sale, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reorganisation, setup, teardown),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests_name("access grants", tests, NULL, NULL);
}
