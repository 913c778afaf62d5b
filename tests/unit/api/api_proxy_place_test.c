/* What a proxy's sub-request says of the request that it is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/api/proxy_place.h"

/* "name: value" lines, as a request has them. */
static void values_of(const char *const *lines, struct proxy_value ret[PROXY_FIELDS])
{
    memset(ret, 0, PROXY_FIELDS * sizeof(ret[0]));
    for (; *lines != NULL; lines++) {
        const char *colon = strchr(*lines, ':');
        struct lucid_span name = lucid_span(*lines, (size_t)(colon - *lines));
        size_t found = 0;
        for (size_t i = 0; i < PROXY_FIELDS; i++) {
            if (lucid_span_is(name, proxy_field_name((enum proxy_field)i))) {
                if (ret[i].count++ == 0) {
                    ret[i].text = lucid_span_str(colon + 2);
                }
                found++;
            }
        }
        assert_int_equal(found, 1);
    }
}

struct outcome {
    enum lucid_error error;
    struct lucid_why why;
    struct lucid_arena arena;
    struct proxy_place place;
};

static void read_lines(enum proxy_family family, const char *const *lines, struct outcome *ret)
{
    struct proxy_value values[PROXY_FIELDS];
    memset(ret, 0, sizeof(*ret));
    values_of(lines, values);
    lucid_arena_init(&ret->arena, 16 * 1024);
    ret->error = proxy_place_read(family, values, &ret->arena, &ret->place, &ret->why);
    assert_int_equal(ret->error == LUCID_OK, ret->place.resource.data != NULL);
}

static void good(enum proxy_family family, const char *const *lines, const char *method,
                 const char *resource, const char *path)
{
    struct outcome out;
    read_lines(family, lines, &out);
    assert_int_equal(out.error, LUCID_OK);
    assert_true(lucid_span_is(out.place.method, method));
    assert_true(lucid_span_is(out.place.resource, resource));
    assert_true(lucid_span_is(out.place.path, path));
    lucid_arena_fini(&out.arena);
}

static void bad(enum proxy_family family, const char *const *lines, const char *param)
{
    struct outcome out;
    read_lines(family, lines, &out);
    assert_int_equal(out.error, LUCID_REFUSE_INVALID);
    assert_string_equal(out.why.code, "PROXY_REQUEST_INVALID");
    assert_string_equal(out.why.param, param);
    lucid_arena_fini(&out.arena);
}

#define METHOD   "x-original-method: GET"
#define HOST     "x-original-host: shop.example"
#define URI      "x-original-uri: /a?b=1"
#define F_METHOD "x-forwarded-method: POST"
#define F_PROTO  "x-forwarded-proto: http"
#define F_HOST   "x-forwarded-host: Shop.Example:8443"
#define F_URI    "x-forwarded-uri: /a"

static void both_families_are_read(void **state)
{
    (void)state;
    good(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, URI, NULL}, "GET",
         "https://shop.example/a?b=1", "https://shop.example/a");
    good(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, URI, "x-original-proto: http", NULL}, "GET",
         "http://shop.example/a?b=1", "http://shop.example/a");
    good(PROXY_FORWARDED, (const char *[]){F_METHOD, F_PROTO, F_HOST, F_URI, NULL}, "POST",
         "http://shop.example:8443/a", "http://shop.example:8443/a");
    good(PROXY_ORIGINAL, (const char *[]){"x-original-method: HEAD", HOST, URI, NULL}, "GET",
         "https://shop.example/a?b=1", "https://shop.example/a");
    good(PROXY_ORIGINAL, (const char *[]){METHOD, "x-original-host: [2001:db8::1]:80", URI, NULL},
         "GET", "https://[2001:db8::1]:80/a?b=1", "https://[2001:db8::1]:80/a");
    good(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, "x-original-uri: /?", NULL}, "GET",
         "https://shop.example/?", "https://shop.example/");
}

static void the_other_family_is_refused(void **state)
{
    (void)state;
    static const char *const original[] = {METHOD, HOST, URI};
    static const char *const forwarded[] = {F_METHOD, F_PROTO, F_HOST, F_URI};
    for (size_t i = 0; i < PROXY_FIELDS; i++) {
        const char *name = proxy_field_name((enum proxy_field)i);
        char line[128];
        snprintf(line, sizeof(line), "%s: x", name);
        if (strncmp(name, "x-original-", 11) != 0 || strcmp(name, "x-original-url") == 0) {
            bad(PROXY_ORIGINAL, (const char *[]){original[0], original[1], original[2], line, NULL},
                proxy_field_title((enum proxy_field)i));
        }
        if (strncmp(name, "x-forwarded-", 12) != 0) {
            bad(PROXY_FORWARDED,
                (const char *[]){forwarded[0], forwarded[1], forwarded[2], forwarded[3], line,
                                 NULL},
                proxy_field_title((enum proxy_field)i));
        }
    }
    /* Also an empty one, and whichever comes first. */
    bad(PROXY_ORIGINAL, (const char *[]){"x-forwarded-uri: ", METHOD, HOST, URI, NULL},
        "X-Forwarded-Uri");
}

static void missing_and_repeated_ones_are_refused(void **state)
{
    (void)state;
    bad(PROXY_ORIGINAL, (const char *[]){HOST, URI, NULL}, "X-Original-Method");
    bad(PROXY_ORIGINAL, (const char *[]){METHOD, URI, NULL}, "X-Original-Host");
    bad(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, NULL}, "X-Original-URI");
    bad(PROXY_ORIGINAL, (const char *[]){METHOD, METHOD, HOST, URI, NULL}, "X-Original-Method");
    bad(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, URI, "x-original-uri: /b", NULL},
        "X-Original-URI");
    bad(PROXY_FORWARDED, (const char *[]){F_PROTO, F_HOST, F_URI, NULL}, "X-Forwarded-Method");
    bad(PROXY_FORWARDED, (const char *[]){F_METHOD, F_HOST, F_URI, NULL}, "X-Forwarded-Proto");
    bad(PROXY_FORWARDED, (const char *[]){F_METHOD, F_PROTO, F_URI, NULL}, "X-Forwarded-Host");
    bad(PROXY_FORWARDED, (const char *[]){F_METHOD, F_PROTO, F_HOST, NULL}, "X-Forwarded-Uri");
}

static void values_have_their_form(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"x-original-method: get", "X-Original-Method"},
        {"x-original-method: ", "X-Original-Method"},
        {"x-original-method: GET, POST", "X-Original-Method"},
        {"x-original-method: ABCDEFGHIJKLMNOPQ", "X-Original-Method"},
        {"x-original-host: ", "X-Original-Host"},
        {"x-original-host: a.example, b.example", "X-Original-Host"},
        {"x-original-host: user@a.example", "X-Original-Host"},
        {"x-original-host: a.example/", "X-Original-Host"},
        {"x-original-host: a.example:", "X-Original-Host"},
        {"x-original-host: a.example:123456", "X-Original-Host"},
        {"x-original-host: a.example:8x", "X-Original-Host"},
        {"x-original-host: :80", "X-Original-Host"},
        {"x-original-host: [::1", "X-Original-Host"},
        {"x-original-host: []", "X-Original-Host"},
        {"x-original-host: [::1]x", "X-Original-Host"},
        {"x-original-host: caf\xc3\xa9.example", "X-Original-Host"},
        {"x-original-uri: ", "X-Original-URI"},
        {"x-original-uri: a", "X-Original-URI"},
        {"x-original-uri: *", "X-Original-URI"},
        {"x-original-uri: https://other.example/a", "X-Original-URI"},
        {"x-original-uri: /a b", "X-Original-URI"},
        {"x-original-uri: /a#b", "X-Original-URI"},
        {"x-original-uri: /a\\b", "X-Original-URI"},
        {"x-original-uri: /caf\xc3\xa9", "X-Original-URI"},
        {"x-original-proto: ftp", "X-Original-Proto"},
        {"x-original-proto: HTTPS", "X-Original-Proto"},
        {"x-original-proto: ", "X-Original-Proto"},
    };
    static const char *const parts[] = {METHOD, HOST, URI};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *given[5] = {lines[i][0]};
        size_t count = 1;
        for (size_t part = 0; part < 3; part++) {
            size_t name_len = (size_t)(strchr(parts[part], ':') - parts[part]);
            if (strncmp(parts[part], lines[i][0], name_len) != 0) {
                given[count++] = parts[part];
            }
        }
        given[count] = NULL;
        bad(PROXY_ORIGINAL, given, lines[i][1]);
    }
}

static void a_resource_has_a_bound(void **state)
{
    (void)state;
    static char uri[2100];
    struct outcome out;
    size_t room = PROXY_RESOURCE_BYTES_MAX - strlen("https://shop.example");
    static const char begin[] = "x-original-uri: /";
    size_t head = sizeof(begin) - 2;
    memcpy(uri, begin, sizeof(begin) - 1);
    memset(uri + head + 1, 'a', room - 1);
    read_lines(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, uri, NULL}, &out);
    assert_int_equal(out.error, LUCID_OK);
    assert_int_equal(out.place.resource.len, PROXY_RESOURCE_BYTES_MAX);
    lucid_arena_fini(&out.arena);
    uri[head + room] = 'a';
    read_lines(PROXY_ORIGINAL, (const char *[]){METHOD, HOST, uri, NULL}, &out);
    assert_int_equal(out.error, LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(out.why.code, "URI_TOO_LONG");
    lucid_arena_fini(&out.arena);
}

static void request_ids_have_their_form(void **state)
{
    (void)state;
    static char id[PROXY_ID_BYTES_MAX + 2];
    memset(id, '~', PROXY_ID_BYTES_MAX);
    assert_true(proxy_id_ok(lucid_span_str(id)));
    id[PROXY_ID_BYTES_MAX] = '!';
    assert_false(proxy_id_ok(lucid_span_str(id)));
    assert_true(proxy_id_ok(lucid_span_str("12345678")));
    assert_false(proxy_id_ok(lucid_span_str("1234567")));
    assert_false(proxy_id_ok(lucid_span_str("1234 5678")));
    assert_false(proxy_id_ok(lucid_span_str("1234567\x7f")));
    assert_false(proxy_id_ok(lucid_span_str("1234567\xc3\xa9")));
    assert_false(proxy_id_ok(lucid_span(NULL, 0)));
    assert_true(proxy_id_header_ok(lucid_span_str("X-Request-Id")));
    assert_true(proxy_id_header_ok(lucid_span_str("CF-Ray")));
    assert_false(proxy_id_header_ok(lucid_span_str("")));
    assert_false(proxy_id_header_ok(lucid_span_str("X Request")));
    assert_false(proxy_id_header_ok(lucid_span_str("Authorization")));
    assert_false(proxy_id_header_ok(lucid_span_str("X-PAYMENT")));
    assert_false(proxy_id_header_ok(lucid_span_str("X-Original-URI")));
}

static void families_have_names(void **state)
{
    (void)state;
    enum proxy_family family;
    assert_true(proxy_family_parse(lucid_span_str(""), &family) && family == PROXY_NONE);
    assert_true(proxy_family_parse(lucid_span_str("original"), &family) &&
                family == PROXY_ORIGINAL);
    assert_true(proxy_family_parse(lucid_span_str("forwarded"), &family) &&
                family == PROXY_FORWARDED);
    assert_false(proxy_family_parse(lucid_span_str("both"), &family));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families_are_read),
        cmocka_unit_test(the_other_family_is_refused),
        cmocka_unit_test(missing_and_repeated_ones_are_refused),
        cmocka_unit_test(values_have_their_form),
        cmocka_unit_test(a_resource_has_a_bound),
        cmocka_unit_test(request_ids_have_their_form),
        cmocka_unit_test(families_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
