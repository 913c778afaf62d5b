/* The clients file: what it may hold, and the member that a refusal names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "x402/clients.h"

#define TOKEN   "\"token\":\"00112233445566aa\""
#define NETS    "\"networks\":[\"eip155:84532\"]"
#define PAY_TO  "\"pay_to\":[\"0x52908400098527886E0F7030069857D2E4169EE7\"]"
#define BUDGET  "\"gas_wei_per_day\":\"1000\""
#define ONE     "{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO "," BUDGET "}"
#define FILE(x) "{\"clients\":[" x "]}"

static struct x402_networks networks;
static struct x402_clients clients;

static int setup(void **state)
{
    (void)state;
    static const char text[] =
        "{\"networks\":[{\"network\":\"eip155:84532\",\"rpc\":[\"http://127.0.0.1:1\"],"
        "\"gas_key_file\":\"/k\"},{\"network\":\"eip155:8453\",\"rpc\":[\"http://127.0.0.1:1\"]}]}";
    assert_int_equal(x402_networks_parse(lucid_span_str(text), &networks, NULL), LUCID_OK);
    return 0;
}

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(x402_clients_parse(lucid_span_str(FILE(ONE)), &networks, &clients, NULL),
                     LUCID_OK);
    assert_int_equal(clients.count, 1);
    const struct x402_client *client = x402_client_find(&clients, "00112233445566aa");
    assert_non_null(client);
    assert_null(x402_client_find(&clients, "00112233445566ab"));
    assert_string_equal(client->name, "shop");
    assert_true(client->networks[0]);
    assert_false(client->networks[1]);
    assert_int_equal(client->pay_to_count, 1);
    assert_int_equal(client->pay_to[0].bytes[0], 0x52);
    assert_int_equal(client->verifies_per_minute, 60);
    assert_int_equal(client->settles_per_minute, 20);
    assert_int_equal(client->gas_wei_per_day, 1000);
    static const char more[] = FILE(
        "{\"name\":\"b\",\"token\":\"00112233445566ab\",\"networks\":[\"base-sepolia\"]," PAY_TO
        ",\"verifies_per_minute\":1,\"settles_per_minute\":1000000,"
        "\"gas_wei_per_day\":\"9223372036854775807\"}");
    assert_int_equal(x402_clients_parse(lucid_span_str(more), &networks, &clients, NULL), LUCID_OK);
    assert_int_equal(clients.items[0].settles_per_minute, 1000000);
    assert_int_equal(clients.items[0].gas_wei_per_day, INT64_MAX);
    assert_int_equal(
        x402_clients_parse(lucid_span_str("{\"clients\":[]}"), &networks, &clients, NULL),
        LUCID_OK);
    assert_int_equal(clients.count, 0);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *param;
    } cases[] = {
        {"[]", "clients"},
        {"{}", "clients"},
        {"{\"clients\":{}}", "clients"},
        {"{\"clients\":[],\"x\":1}", ""},
        {FILE("1"), "clients[0]"},
        {FILE("{\"name\":\"a b\"," TOKEN "," NETS "," PAY_TO "," BUDGET "}"), "clients[0].name"},
        {FILE("{" TOKEN "," NETS "," PAY_TO "," BUDGET "}"), "clients[0].name"},
        {FILE("{\"name\":\"shop\",\"token\":\"00112233445566AA\"," NETS "," PAY_TO "," BUDGET "}"),
         "clients[0].token"},
        {FILE("{\"name\":\"shop\",\"token\":\"lucid_00\"," NETS "," PAY_TO "," BUDGET "}"),
         "clients[0].token"},
        {FILE("{\"name\":\"shop\"," TOKEN ",\"networks\":[]," PAY_TO "," BUDGET "}"),
         "clients[0].networks"},
        {FILE("{\"name\":\"shop\"," TOKEN ",\"networks\":[\"eip155:8453\"]," PAY_TO "," BUDGET "}"),
         "clients[0].networks[0]"}, /* no gas key */
        {FILE("{\"name\":\"shop\"," TOKEN ",\"networks\":[\"eip155:1\"]," PAY_TO "," BUDGET "}"),
         "clients[0].networks[0]"},
        {FILE("{\"name\":\"shop\"," TOKEN
              ",\"networks\":[\"eip155:84532\",\"base-sepolia\"]," PAY_TO "," BUDGET "}"),
         "clients[0].networks[1]"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS ",\"pay_to\":[\"0x1\"]," BUDGET "}"),
         "clients[0].pay_to[0]"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS
              ",\"pay_to\":[\"0x0000000000000000000000000000000000000000\"]," BUDGET "}"),
         "clients[0].pay_to[0]"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS ",\"pay_to\":[]," BUDGET "}"),
         "clients[0].pay_to"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO "}"), "clients[0].gas_wei_per_day"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO ",\"gas_wei_per_day\":5}"),
         "clients[0].gas_wei_per_day"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO
              ",\"gas_wei_per_day\":\"9223372036854775808\"}"),
         "clients[0].gas_wei_per_day"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO "," BUDGET
              ",\"settles_per_minute\":0}"),
         "clients[0].settles_per_minute"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO "," BUDGET
              ",\"verifies_per_minute\":1000001}"),
         "clients[0].verifies_per_minute"},
        {FILE("{\"name\":\"shop\"," TOKEN "," NETS "," PAY_TO "," BUDGET ",\"x\":0}"),
         "clients[0]"},
        {FILE(ONE "," ONE), "clients[1].name"},
        {FILE(ONE ",{\"name\":\"b\"," TOKEN "," NETS "," PAY_TO "," BUDGET "}"),
         "clients[1].token"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_why why = {0};
        memset(&clients, 0x5a, sizeof(clients));
        assert_int_equal(
            x402_clients_parse(lucid_span_str(cases[i].text), &networks, &clients, &why),
            LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, cases[i].param);
        assert_true(why.text[0] != '\0');
        assert_int_equal(clients.items[0].name[0], 0x5a); /* untouched */
    }
    struct lucid_why why = {0};
    const struct lucid_span big = lucid_span(FILE(ONE), X402_CLIENTS_FILE_BYTES_MAX + 1);
    assert_int_equal(x402_clients_parse(big, &networks, &clients, &why), LUCID_REFUSE_TOO_LARGE);
}

/* Every prefix of a good file is refused. */
static void test_cut(void **state)
{
    (void)state;
    static const char text[] = FILE(ONE);
    for (size_t len = 0; len + 1 < sizeof(text); len++) {
        struct lucid_why why = {0};
        assert_int_equal(x402_clients_parse(lucid_span(text, len), &networks, &clients, &why),
                         LUCID_REFUSE_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests_name("clients", tests, setup, NULL);
}
