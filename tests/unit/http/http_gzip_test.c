/* Accept-Encoding, the types that are compressed, and the coder's edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/gzip_internal.h"

static void accepted(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip",
                                      "x-gzip",
                                      "*",
                                      "deflate, GZip",
                                      "gzip;q=1",
                                      "gzip;q=0.001",
                                      "\tgzip ; Q=0.5 ,br",
                                      "*;q=0.1",
                                      "identity;q=0.5, *",
                                      "gzip, identity",
                                      "gzip;q=0.3, identity;q=0.3",
                                      ",,,gzip",
                                      "gzip;q=0, gzip",
                                      "*;q=0, gzip",
                                      "br;q=x, gzip"};
    static const char *const no[] = {"",
                                     " ",
                                     "identity",
                                     "gzip;q=0",
                                     "gzip;q=0.",
                                     "gzip;q=0.000",
                                     "*;q=0",
                                     "gzip;q=0, *;q=1",
                                     "identity, gzip;q=0.999",
                                     "gzip;q=1.001",
                                     "gzip;q=1.0000",
                                     "gzip;q=-1",
                                     "gzip;x=1",

                                     "gzip q=1",
                                     "\"gzip\"",
                                     "gzipped",
                                     "xgzip",
                                     "deflate, br"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!http_gzip_accepted(lucid_span_str(yes[i]))) {
            fail_msg("%s", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (http_gzip_accepted(lucid_span_str(no[i]))) {
            fail_msg("%s", no[i]);
        }
    }
    assert_false(http_gzip_accepted(lucid_span(NULL, 0)));
}

static void types(void **state)
{
    (void)state;
    assert_true(http_gzip_type("application/json"));
    assert_true(http_gzip_type("text/plain; charset=utf-8"));
    assert_true(http_gzip_type("application/x-ndjson"));
    assert_false(http_gzip_type("application/octet-stream"));
    assert_false(http_gzip_type("application/cose"));
    assert_false(http_gzip_type("text/event-stream"));
    assert_false(http_gzip_type("application/jsonx"));
    assert_false(http_gzip_type(""));
    assert_false(http_gzip_type(NULL));
}

/* What the bytes decode to is checked by clients of others (tests/e2e/22_http.py). */
static void pieces(void **state)
{
    (void)state;
    for (int small = 0; small < 2; small++) {
        struct http_gzip *gzip;
        struct lucid_buf first = {0};
        struct lucid_buf again = {0};
        struct lucid_buf noise = {0};
        assert_int_equal(http_gzip_open(small != 0, &gzip), LUCID_OK);
        lucid_random(lucid_buf_extend(&noise, 300000), 300000);
        http_gzip_piece(gzip, lucid_buf_span(&noise), false, &first); /* in several rounds */
        size_t len = first.len;
        assert_in_range(len, 300000, 301000);
        http_gzip_piece(gzip, lucid_span(NULL, 0), true, &first);
        assert_in_range(first.len, len + 1, len + 64);
        assert_memory_equal(first.data, "\x1f\x8b\x08", 3);
        /* A coder that has ended begins anew, with the same result. */
        http_gzip_piece(gzip, lucid_buf_span(&noise), false, &again);
        http_gzip_piece(gzip, lucid_span(NULL, 0), true, &again);
        assert_int_equal(first.len, again.len);
        assert_memory_equal(first.data, again.data, first.len);
        /* A buffer that cannot grow says so. */
        lucid_buf_fini(&again);
        lucid_buf_init(&again, 1000);
        http_gzip_piece(gzip, lucid_buf_span(&noise), true, &again);
        assert_false(lucid_buf_ok(&again));
        lucid_buf_fini(&again);
        lucid_buf_init(&again, 0);
        http_gzip_piece(gzip, lucid_span_str("x"), true, &again);
        assert_true(lucid_buf_ok(&again) && again.len > 18);
        http_gzip_close(gzip);
        lucid_buf_fini(&first);
        lucid_buf_fini(&again);
        lucid_buf_fini(&noise);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(types),
        cmocka_unit_test(pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
