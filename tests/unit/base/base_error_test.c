/* base/error.h: categories, names, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"

static const enum lucid_error errors[] = {
    LUCID_OK,
    LUCID_NOTE_ABSENT,
    LUCID_NOTE_END,
    LUCID_REFUSE_INVALID,
    LUCID_REFUSE_TOO_LARGE,
    LUCID_REFUSE_CONFLICT,
    LUCID_REFUSE_FORBIDDEN,
    LUCID_REFUSE_UNKNOWN_KEY,
    LUCID_RETRY_BUSY,
    LUCID_RETRY_FULL,
    LUCID_RETRY_MEMORY,
    LUCID_RETRY_IO,
    LUCID_FATAL_STORE,
    LUCID_FATAL_CORRUPT,
    LUCID_FATAL_NEWER,
};

enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

static void test_categories(void **state)
{
    (void)state;
    assert_int_equal(lucid_category(LUCID_OK), LUCID_CATEGORY_OK);
    assert_int_equal(lucid_category(LUCID_NOTE_ABSENT), LUCID_CATEGORY_NOTE);
    assert_int_equal(lucid_category(LUCID_NOTE_END), LUCID_CATEGORY_NOTE);
    assert_int_equal(lucid_category(LUCID_REFUSE_INVALID), LUCID_CATEGORY_REFUSE);
    assert_int_equal(lucid_category(LUCID_REFUSE_UNKNOWN_KEY), LUCID_CATEGORY_REFUSE);
    assert_int_equal(lucid_category(LUCID_RETRY_BUSY), LUCID_CATEGORY_RETRY);
    assert_int_equal(lucid_category(LUCID_RETRY_IO), LUCID_CATEGORY_RETRY);
    assert_int_equal(lucid_category(LUCID_FATAL_STORE), LUCID_CATEGORY_FATAL);
    assert_int_equal(lucid_category(LUCID_FATAL_NEWER), LUCID_CATEGORY_FATAL);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERRORS; i++) {
        const char *name = lucid_error_name(errors[i]);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown error");
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(name, lucid_error_name(errors[j]));
        }
    }
    assert_string_equal(lucid_error_name((enum lucid_error)0x2ff), "unknown error");
}

static void test_refuse(void **state)
{
    (void)state;
    struct lucid_why why;
    memset(&why, 0xff, sizeof(why));
    enum lucid_error error =
        lucid_refuse(&why, LUCID_REFUSE_INVALID, "CODE", "body.a", "%s is %d", "it", 7);
    assert_int_equal(error, LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "CODE");
    assert_string_equal(why.param, "body.a");
    assert_string_equal(why.text, "it is 7");
    assert_int_equal(why.offset, 0);
    assert_int_equal(lucid_refuse(NULL, LUCID_RETRY_IO, "CODE", NULL, "%s", "x"), LUCID_RETRY_IO);
    lucid_refuse(&why, LUCID_REFUSE_INVALID, "OTHER", NULL, "%%");
    assert_string_equal(why.param, "");
    assert_string_equal(why.text, "%");
}

static void test_refuse_cuts(void **state)
{
    (void)state;
    char large[400];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    struct lucid_why why;
    memset(&why, 0xff, sizeof(why));
    lucid_refuse(&why, LUCID_REFUSE_INVALID, "CODE", large, "%s", large);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
    assert_int_equal(strlen(why.param), sizeof(why.param) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_refuse_cuts),
    };
    return cmocka_run_group_tests_name("base error", tests, NULL, NULL);
}
