/* base/prom.h: what we write is what we would take from others, and what we would not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prom.h"

#define T(type) "# TYPE lucid_p_n " type "\n"

static bool judge(const char *text)
{
    return lucid_prom_judge(lucid_span_str(text), "lucid_p_");
}

static void good_ones(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        T("counter"),
        "# HELP lucid_p_n What it is: \\ and {}.\n" T("gauge") "lucid_p_n 1\n",
        T("untyped") "lucid_p_n{a=\"\"} 0\nlucid_p_n{a=\"}\\\"\\\\\\n,\",b=\"\xc3\xa4\"} 1\n",
        T("gauge") "lucid_p_n{} -1.5e+300\nlucid_p_n +Inf\nlucid_p_n -Inf\nlucid_p_n NaN\n",
        T("gauge") "lucid_p_n .5\nlucid_p_n 5.\nlucid_p_n 1E3\n",
        T("summary") "lucid_p_n{quantile=\"0.5\"} 1\nlucid_p_n_sum 2\nlucid_p_n_count 3\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!judge(texts[i])) {
            fail_msg("%s", texts[i]);
        }
    }
}

static void bad_ones(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\n",
        "lucid_p_n 1\n",
        T("counter") "lucid_p_n 1",
        T("counter") "lucid_p_n\n",
        T("counter") "lucid_p_n \n",
        T("counter") "lucid_p_n one\n",
        T("counter") "lucid_p_n 1 2\n",
        T("counter") "lucid_p_n 1e\n",
        T("counter") "lucid_p_n 0x1\n",
        T("counter") "lucid_p_n .\n",
        T("counter") " lucid_p_n 1\n",
        T("counter") "lucid_p_n  1\n",
        T("counter") "lucid_p_n{a} 1\n",
        T("counter") "lucid_p_n{a=b} 1\n",
        T("counter") "lucid_p_n{a=\"b} 1\n",
        T("counter") "lucid_p_n{a=\"b\" 1\n",
        T("counter") "lucid_p_n{a=\"b\",,} 1\n",
        T("counter") "lucid_p_n{a=\"\\x\"} 1\n",
        T("counter") "lucid_p_n{1a=\"b\"} 1\n",
        T("counter") "lucid_p_n{a:b=\"c\"} 1\n",
        T("counter") "lucid_p_n\t1\n",
        T("counter") T("counter"),
        T("rate"),
        T("counter") "lucid_p_other 1\n",
        "# TYPE lucid_other_n counter\nlucid_other_n 1\n",
        "# TYPE lucid_p_ counter\nlucid_p_ 1\n",
        "# HELP lucid_http_requests_total Ours.\n",
        "# a remark\n",
        "half a line",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (judge(texts[i])) {
            fail_msg("%s", texts[i]);
        }
    }
    assert_false(lucid_prom_judge(
        lucid_span("# TYPE lucid_p_n gauge\nlucid_p_n{a=\"\\\0\"} 1\n", 42), "lucid_p_"));
}

/* Cut anywhere but at a line's end it is none. */
static void ours_and_cut(void **state)
{
    (void)state;
    static const uint32_t bounds_us[] = {1000, 2500000};
    static const uint64_t cumulative[] = {1, 2, 3};
    struct lucid_buf out = {0};
    lucid_prom_gauge(&out, "lucid_p_bytes", 7, "Bytes.");
    lucid_prom_counter_seconds(&out, "lucid_p_seconds_total", 1500000, "Time.");
    lucid_prom_histogram(&out, "lucid_p_seconds", bounds_us, cumulative, 3, 42, "Times.");
    lucid_prom_family(&out, "lucid_p_labels", "gauge", "By label.");
    lucid_buf_str(&out, "lucid_p_labels{l=");
    lucid_prom_label(&out, "a \"b\" \\ \n c");
    lucid_buf_str(&out, "} 1\n");
    assert_true(lucid_buf_ok(&out));
    for (size_t len = 0; len <= out.len; len++) {
        bool whole = len == 0 || out.data[len - 1] == '\n';
        assert_int_equal(lucid_prom_judge(lucid_span(out.data, len), "lucid_p_"), whole);
    }
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(ours_and_cut),
    };
    return cmocka_run_group_tests_name("base prom", tests, NULL, NULL);
}
