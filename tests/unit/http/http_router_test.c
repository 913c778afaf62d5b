/* Paths to routes: precedence, parameters, 404, 405 and Allow; problem documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/router_internal.h"

static void handle(struct http_request *request, const struct http_route *route)
{
    (void)request;
    (void)route;
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/", .handle = handle},
    {.method = "GET", .pattern = "/v1/epochs/{n}", .handle = handle},
    {.method = "GET", .pattern = "/v1/epochs/current", .handle = handle},
    {.method = "DELETE", .pattern = "/v1/epochs/{n}", .handle = handle},
    {.method = "POST", .pattern = "/v1/epochs/{n}", .handle = handle},
    {.method = "GET", .pattern = "/v1/{kind}/{id}/proof", .handle = handle},
    {.method = "GET", .pattern = "/tile/{level}/{rest*}", .handle = handle},
    {.method = "GET", .pattern = "/tile/entries/{rest*}", .handle = handle},
    {.method = "POST", .pattern = "/only", .handle = handle},
    {.method = "OPTIONS", .pattern = "/{any*}", .handle = handle},
};

static struct http_router *router;

static enum lucid_error match(const char *method, const char *path, struct http_match *ret)
{
    static uint8_t bytes[256];
    struct http_path decoded;
    assert_int_equal(http_path_decode(lucid_span_str(path), bytes, &decoded), HTTP_ACCEPTED);
    return http_router_match(router, lucid_span_str(method), &decoded, ret);
}

static void expect(const char *method, const char *path, size_t index)
{
    struct http_match got = {0};
    assert_int_equal(match(method, path, &got), LUCID_OK);
    assert_ptr_equal(got.route, &routes[index]);
}

static void test_precedence(void **state)
{
    (void)state;
    expect("GET", "/", 0);
    expect("HEAD", "/", 0);
    expect("GET", "/v1/epochs/7", 1);
    expect("GET", "/v1/epochs/current", 2);
    expect("GET", "/v1/epochs/curren%74", 2);
    expect("DELETE", "/v1/epochs/current", 3);
    expect("GET", "/v1/receipts/ab/proof", 5);
    expect("GET", "/tile/0/x001/x002/003", 6);
    expect("GET", "/tile/entries/003", 7);
    expect("OPTIONS", "/v1/what/ever", 9);
}

static void test_params(void **state)
{
    (void)state;
    struct http_match got = {0};
    assert_int_equal(match("GET", "/v1/receipts/a%2Fb%20c/proof", &got), LUCID_OK);
    assert_int_equal(got.param_count, 2);
    assert_true(lucid_span_is(got.names[1], "id"));
    assert_true(lucid_span_is(got.values[1], "a/b c"));
    assert_int_equal(match("GET", "/tile/3/x001/x002/003.p/5", &got), LUCID_OK);
    assert_true(lucid_span_is(got.values[0], "3"));
    assert_true(lucid_span_is(got.names[1], "rest"));
    assert_true(lucid_span_is(got.values[1], "x001/x002/003.p/5"));
    assert_int_equal(match("GET", "/tile/0/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", &got),
                     LUCID_OK);
    assert_true(lucid_span_is(got.values[1], "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
}

static void test_absent(void **state)
{
    (void)state;
    struct http_match got = {0};
    static const char *const paths[] = {"/v1",   "/v1/epochs", "/v1/epochs/", "/v1/receipts//proof",
                                        "/tile", "/tile/0",    "/tile/0/",    "/nothing"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(match("GET", paths[i], &got), LUCID_NOTE_ABSENT);
    }
}

static void test_method(void **state)
{
    (void)state;
    struct http_match got = {0};
    assert_int_equal(match("PUT", "/v1/epochs/current", &got), LUCID_REFUSE_FORBIDDEN);
    assert_int_equal(match("get", "/", &got), LUCID_REFUSE_FORBIDDEN);
    assert_int_equal(match("HEAD", "/only", &got), LUCID_REFUSE_FORBIDDEN);
    struct http_path path;
    struct lucid_buf allow = {0};
    http_path_split(lucid_span_str("/v1/epochs/current"), &path);
    http_router_allow(router, &path, &allow);
    assert_true(lucid_span_is(lucid_buf_span(&allow), "GET, HEAD, DELETE, POST, OPTIONS"));
    lucid_buf_fini(&allow);
}

static void test_problem(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    http_problem_write(&out, 409, "RUN_ID_CONFLICT", "body.run_id", "x\xff\"y\xc3\xa9\xed\xa0\x80",
                       lucid_span_str("id-1"));
    assert_true(lucid_span_is(
        lucid_buf_span(&out),
        "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
        "\"detail\":\"x?\\\"y\xc3\xa9???\",\"code\":\"RUN_ID_CONFLICT\",\"param\":\"body.run_id\","
        "\"request_id\":\"id-1\"}"));
    lucid_buf_clear(&out);
    http_problem_write(&out, 404, "NOT_FOUND", "", "d", lucid_span(NULL, 0));
    assert_true(lucid_span_is(lucid_buf_span(&out),
                              "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                              "\"detail\":\"d\",\"code\":\"NOT_FOUND\"}"));
    lucid_buf_fini(&out);
}

int main(void)
{
    if (http_router_open(routes, sizeof(routes) / sizeof(routes[0]), &router) != LUCID_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_params),
        cmocka_unit_test(test_absent),     cmocka_unit_test(test_method),
        cmocka_unit_test(test_problem),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    http_router_close(router);
    return result;
}
