/* Addresses and networks as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "http/peer_internal.h"

static void check_address(const char *text, const char *want)
{
    uint8_t address[HTTP_ADDRESS_BYTES];
    char out[HTTP_ADDRESS_TEXT_BYTES];
    bool ok = http_address_parse(lucid_span_str(text), address);
    assert_int_equal(ok, want != NULL);
    if (ok && want != NULL) {
        assert_int_equal(http_address_format(address, out), strlen(want));
        assert_string_equal(out, want);
    }
}

static void addresses(void **state)
{
    (void)state;
    check_address("1.2.3.4", "1.2.3.4");
    check_address("255.255.255.255:65535", "255.255.255.255");
    check_address("::1", "::1");
    check_address("[::1]", "::1");
    check_address("[2001:DB8::a]:80", "2001:db8::a");
    check_address("::ffff:1.2.3.4", "1.2.3.4");
    check_address("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6");
    static const char *const bad[] = {"",
                                      "unknown",
                                      "_hidden",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "[::1",
                                      "::1]",
                                      "1.2.3.4 ",
                                      ":80",
                                      "[]",
                                      "[]:80",
                                      "01.2.3.4",
                                      "1.2.3.256",
                                      "1:2",
                                      "::g",
                                      "\"::1\"",
                                      "1.2.3.4, 5.6.7.8",
                                      "2001:db8:1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_address(bad[i], NULL);
    }
}

static void networks(void **state)
{
    (void)state;
    struct http_network list[4];
    size_t count = 9;
    assert_int_equal(http_networks_parse("", list, 4, &count), LUCID_OK);
    assert_int_equal(count, 0);
    assert_int_equal(http_networks_parse(" 10.0.0.0/8 ,::1,fd00::/7, 0.0.0.0/0", list, 4, &count),
                     LUCID_OK);
    assert_int_equal(count, 4);
    static const unsigned bits[] = {104, 128, 7, 96};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(list[i].bits, bits[i]);
    }
    static const char *const bad[] = {"a",
                                      "1.2.3.4/33",
                                      "::/129",
                                      "1.2.3.4/",
                                      "1.2.3.4/-1",
                                      "/8",
                                      ",",
                                      "1.2.3.4,,::1",
                                      "::1/99999999999999999999",
                                      "::,::,::,::,::"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        count = 7;
        assert_int_equal(http_networks_parse(bad[i], list, 4, &count), LUCID_REFUSE_INVALID);
        assert_int_equal(count, 7);
    }
}

static void lists(void **state)
{
    (void)state;
    struct lucid_span list = lucid_span_str(" a ,,b\t, c");
    struct lucid_span item;
    static const char *const want[] = {"c", "b", "", "a"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(http_forwarded_last(&list, &item));
        assert_true(lucid_span_is(item, want[i]));
    }
    assert_false(http_forwarded_last(&list, &item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(networks),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
