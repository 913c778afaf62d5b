/* base/base64url.h: the one form that bytes have, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64url.h"

static void base64url_forms(void **state)
{
    (void)state;
    /* RFC 4648 10 without padding, and the two digits that differ from base64. */
    static const char *const forms[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct lucid_buf out = {0};
        uint8_t back[16];
        size_t len;
        lucid_base64url_write(&out, lucid_span_str(forms[i][0]));
        assert_true(lucid_span_is(lucid_buf_span(&out), forms[i][1]));
        assert_int_equal(out.len, lucid_base64url_len(strlen(forms[i][0])));
        assert_true(lucid_base64url_read(lucid_buf_span(&out), back, sizeof(back), &len));
        assert_true(lucid_span_is(lucid_span(back, len), forms[i][0]));
        lucid_buf_fini(&out);
    }
    for (size_t len = 0; len < 70; len++) {
        uint8_t bytes[70];
        uint8_t back[70];
        struct lucid_buf out = {0};
        size_t back_len;
        lucid_random(bytes, sizeof(bytes));
        lucid_base64url_write(&out, lucid_span(bytes, len));
        assert_true(lucid_base64url_read(lucid_buf_span(&out), back, len, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, bytes, len);
        assert_true(len == 0 ||
                    !lucid_base64url_read(lucid_buf_span(&out), back, len - 1, &back_len));
        lucid_buf_fini(&out);
    }
}

static void base64url_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg==", "Zg=",  "Zh",     "Zm9",   "Zm8=",
                                      "Zm+v", "Zm/v", "Zm v", "Zm9v\n", "Zm9vZ", "Zm9\xc3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[16];
        size_t len;
        assert_false(lucid_base64url_read(lucid_span_str(bad[i]), out, sizeof(out), &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_forms),
        cmocka_unit_test(base64url_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
