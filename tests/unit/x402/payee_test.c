/* Payees' addresses: what is refused, setting, replacing, removing, lists, replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/x402/payment_world.h"
#include "x402/payee.h"

#define GOOD  "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" /* EIP-55's own example */
#define LOWER "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define UPPER "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED"
#define WRONG "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"
#define OTHER "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"

static struct payment_world world;
static struct x402_networks networks;

static int world_make(void **state)
{
    (void)state;
    payment_world_init(&world);
    core_world_use(WORLD_CORE(&world), &x402_payee_kind, NULL);
    core_world_start(WORLD_CORE(&world));
    (void)price_set(&world.revenue, "proof", "gpu", "lab", NULL);
    networks = (struct x402_networks){.count = 2};
    networks.items[0] = world.network;
    networks.items[0].has_gas = networks.items[0].has_treasury = true;
    networks.items[0].gas = world_address(0x33, 0);
    networks.items[0].treasury = world_address(0x55, 0);
    memcpy(networks.items[1].caip2, "solana:dev", 11);
    networks.items[1].solana = true;
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    payment_world_stop(&world);
    return 0;
}

static enum lucid_error set_as(const char *payee, const char *network, const char *address,
                               struct x402_payee_command *command, struct lucid_why *why)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error =
        x402_payee_set_prepare(command, view, &networks, lucid_span_str(payee),
                               lucid_span_str(network), lucid_span_str(address), why);
    ledger_view_end(view);
    return error == LUCID_OK ? core_run(WORLD_CORE(&world), &command->command) : error;
}

static void set(const char *payee, const char *address, bool known, bool replaced)
{
    struct x402_payee_command command;
    assert_int_equal(set_as(payee, NETWORK, address, &command, NULL), LUCID_OK);
    assert_int_equal(command.ret_known, known);
    assert_int_equal(command.ret_replaced, replaced);
    assert_true(command.address.sequence > 0 && command.address.time_ms > 0);
}

static void refused(const char *payee, const char *network, const char *address, const char *param)
{
    struct x402_payee_command command;
    struct lucid_why why = {0};
    assert_int_equal(set_as(payee, network, address, &command, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_PAYEE");
    assert_string_equal(why.param, param);
}

static enum lucid_error read_one(const char *payee, struct x402_payee_address *ret)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error =
        x402_payee_read(view, lucid_span_str(payee), lucid_span_str(NETWORK), ret);
    ledger_view_end(view);
    return error;
}

static size_t count_all(void)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    struct x402_payee_address at = {.payee = ""};
    struct x402_payee_address next;
    size_t count = 0;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    while (x402_payee_next(view, lucid_span_str(at.payee), lucid_span_str(at.network), &next) ==
           LUCID_OK) {
        assert_true(strcmp(next.payee, at.payee) > 0);
        at = next;
        count++;
    }
    ledger_view_end(view);
    return count;
}

static void test_refusals(void **state)
{
    (void)state;
    char ours[EVM_ADDRESS_TEXT_BYTES + 1];
    refused("", NETWORK, GOOD, "payee");
    refused("gp u", NETWORK, GOOD, "payee");
    refused("gpu", "", GOOD, "network");
    refused("gpu", "eip155:1", GOOD, "network");
    refused("gpu", "solana:dev", GOOD, "network");
    refused("gpu", NETWORK, WRONG, "address");
    refused("gpu", NETWORK, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "address");
    refused("gpu", NETWORK, "0x0000000000000000000000000000000000000000", "address");
    refused("gpu", NETWORK, PAY_TO, "address");
    const struct evm_address *const those[] = {&networks.items[0].token, &networks.items[0].gas,
                                               &networks.items[0].treasury};
    for (size_t i = 0; i < sizeof(those) / sizeof(those[0]); i++) {
        evm_address_text(those[i], ours);
        refused("gpu", NETWORK, ours, "address");
    }
    assert_int_equal(count_all(), 0);
}

static void test_life(void **state)
{
    (void)state;
    struct x402_payee_address at;
    struct x402_payee_command command;
    struct lucid_why why = {0};
    set("gpu", GOOD, false, false);
    set("gpu", LOWER, true, false);
    set("gpu", UPPER, true, false);
    set("lab", OTHER, false, false);
    set("gpu.2", OTHER, false, false);
    assert_int_equal(count_all(), 3);
    set("gpu", OTHER, false, true);
    assert_int_equal(read_one("gpu", &at), LUCID_OK);
    assert_int_equal(at.address.bytes[0], 0xfb);
    assert_int_equal(
        x402_payee_remove_prepare(&command, lucid_span_str("gpu"), lucid_span_str(NETWORK), NULL),
        LUCID_OK);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_OK);
    assert_int_equal(command.address.address.bytes[0], 0xfb);
    assert_int_equal(read_one("gpu", &at), LUCID_NOTE_ABSENT);
    assert_int_equal(
        x402_payee_remove_prepare(&command, lucid_span_str("gpu"), lucid_span_str(NETWORK), &why),
        LUCID_OK);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_REFUSE_INVALID);
    assert_string_equal(command.command.why.code, "NOT_FOUND");
    assert_int_equal(count_all(), 2);
    set("gpu", GOOD, false, false);
}

static void test_replay(void **state)
{
    (void)state;
    set("gpu", GOOD, false, false);
    set("lab", OTHER, false, false);
    set("gpu", OTHER, false, true);
    struct payment_world other;
    payment_world_init(&other);
    core_world_use(WORLD_CORE(&other), &x402_payee_kind, NULL);
    assert_true(core_replays_same(WORLD_CORE(&world), WORLD_CORE(&other), 3));
    payment_world_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_life, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_replay, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
