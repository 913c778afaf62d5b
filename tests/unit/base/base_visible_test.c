/* base/visible.h: each code point, as UTF-8, against the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/visible.h"

static size_t utf8(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)((0xf00 >> len & 0xff) | point);
    return len;
}

static void test_points(void **state)
{
    static const uint32_t others[] = {0x61c,  0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b,
                                      0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069};
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        uint8_t bytes[6];
        uint32_t found = UINT32_MAX;
        if (point >= 0xd800 && point <= 0xdfff) {
            continue;
        }
        size_t len = utf8(point, bytes);
        bytes[len] = 'x';
        bool unseen = point < 0x20 || (point >= 0x7f && point <= 0x9f);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            unseen = unseen || point == others[i];
        }
        assert_int_equal(lucid_unseen(lucid_span(bytes, len + 1), &found), unseen ? len : 0);
        assert_int_equal(found, unseen ? point : UINT32_MAX);
        assert_int_equal(lucid_has_unseen(lucid_span(bytes, len + 1)), unseen);
    }
}

/* What ends too early is not read beyond its end. */
static void test_short(void **state)
{
    uint32_t point = 7;
    (void)state;
    assert_int_equal(lucid_unseen(lucid_span(NULL, 0), &point), 0);
    assert_int_equal(lucid_unseen(lucid_span("\xe2\x80", 2), &point), 0);
    assert_int_equal(lucid_unseen(lucid_span("\xc2", 1), &point), 0);
    assert_int_equal(point, 7);
    assert_false(lucid_has_unseen(lucid_span_str("Grüße, שלום, مرحبا, 日本 🙂")));
    assert_true(lucid_has_unseen(lucid_span_str("a\xe2\x80\xae"
                                                "b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_short),
    };
    return cmocka_run_group_tests_name("base visible", tests, NULL, NULL);
}
