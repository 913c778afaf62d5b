/* Every refusal code that a client can provoke, table-driven; who may; methods; media types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api_harness.h"

#define UNKNOWN64 "1111111111111111111111111111111111111111111111111111111111111111"

static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, false);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

/* The status, the code and the param of an answer must be these; every problem has an id. */
static void expect_problem(const struct answer *answer, int status, const char *code,
                           const char *param, const char *what)
{
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *got = json_string_value(json_object_get(json, "code"));
    const char *at = json_string_value(json_object_get(json, "param"));
    if (answer->status != status || got == NULL || strcmp(got, code) != 0 ||
        (param != NULL && (at == NULL || strcmp(at, param) != 0))) {
        fail_msg("%s: got %d %s, wanted %d %s at %s", what, answer->status,
                 (const char *)answer->body.data, status, code, param == NULL ? "-" : param);
    }
    assert_true(answer_has(answer, "content-type", "application/problem+json"));
    assert_true(answer_has(answer, "cache-control", "no-cache"));
    char id[80];
    assert_true(answer_header(answer, "x-request-id", id, sizeof(id)));
    assert_string_equal(json_string_value(json_object_get(json, "request_id")), id);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), status);
    json_decref(json);
}

enum who { NOBODY, READER, ADMIN };

struct row {
    const char *method;
    const char *target;
    enum who who;
    const char *body;
    int status;
    const char *code;
    const char *param;
};

static const struct row rows[] = {
    {"GET", "/v1/receipts/run_no_such_one", READER, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/receipts/" UNKNOWN64, READER, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/receipts/run_no_such_one", NOBODY, NULL, 401, "UNAUTHORIZED", NULL},
    {"GET", "/v1/receipts/run_no_such_one/proof", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/receipts/run_no_such_one/verify", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/receipts/run_no_such_one/proof?tree_size=x", NOBODY, NULL, 400,
     "INVALID_PARAMETER", "tree_size"},
    {"DELETE", "/v1/receipts/run_no_such_one/body", ADMIN, NULL, 404, "NOT_FOUND", NULL},
    {"DELETE", "/v1/receipts/run_no_such_one/body", READER, NULL, 403, "FORBIDDEN", NULL},
    {"DELETE", "/v1/receipts/run_no_such_one/body", NOBODY, NULL, 401, "UNAUTHORIZED", NULL},
    {"DELETE", "/v1/receipts/run_no_such_one/body", ADMIN, "{", 400, "INVALID_JSON", NULL},
    {"DELETE", "/v1/receipts/run_no_such_one/body", ADMIN, "{\"reason\":1}", 400,
     "INVALID_PARAMETER", "reason"},
    {"GET", "/v1/consistency", NOBODY, NULL, 400, "INVALID_PARAMETER", "from"},
    {"GET", "/v1/consistency?from=0", NOBODY, NULL, 400, "INVALID_PARAMETER", "to"},
    {"GET", "/v1/consistency?from=0&to=99", NOBODY, NULL, 400, "INVALID_PARAMETER", "to"},
    {"GET", "/v1/consistency?from=-1&to=0", NOBODY, NULL, 400, "INVALID_PARAMETER", "from"},
    {"GET", "/v1/consistency?from=1&to=0", NOBODY, NULL, 400, "INVALID_PARAMETER", "from"},
    {"GET", "/v1/mmr?size=1", NOBODY, NULL, 400, "INVALID_PARAMETER", "size"},
    {"GET", "/v1/mmr?size=01", NOBODY, NULL, 400, "INVALID_PARAMETER", "size"},
    {"GET", "/v1/mmr?size=99999999999999999999", NOBODY, NULL, 400, "INVALID_PARAMETER", "size"},
    {"GET", "/v1/epochs?limit=0", NOBODY, NULL, 400, "INVALID_PARAMETER", "limit"},
    {"GET", "/v1/epochs?limit=1001", NOBODY, NULL, 400, "INVALID_PARAMETER", "limit"},
    {"GET", "/v1/epochs?limit=", NOBODY, NULL, 400, "INVALID_PARAMETER", "limit"},
    {"GET", "/v1/epochs?cursor=zz", NOBODY, NULL, 400, "INVALID_PARAMETER", "cursor"},
    {"GET", "/v1/epochs?cursor=720000000000000000", NOBODY, NULL, 400, "INVALID_PARAMETER",
     "cursor"},
    {"GET", "/v1/tokens?cursor=7400000000000000000000000000000000", ADMIN, NULL, 400,
     "INVALID_PARAMETER", "cursor"},
    {"GET", "/v1/epochs/0", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/epochs/x", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/epochs/current", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/epochs/0/receipts", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"POST", "/v1/epochs/current/finalize", ADMIN, "", 409, "EPOCH_NOT_OPEN", NULL},
    {"POST", "/v1/epochs/current/finalize", READER, "", 403, "FORBIDDEN", NULL},
    {"POST", "/v1/epochs/current/finalize", NOBODY, "", 401, "UNAUTHORIZED", NULL},
    {"GET", "/v1/signers/" UNKNOWN64, NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"GET", "/v1/signers/xyz", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"POST", "/v1/signers", NOBODY, "{}", 401, "UNAUTHORIZED", NULL},
    {"POST", "/v1/signers", READER, "{}", 403, "FORBIDDEN", NULL},
    {"POST", "/v1/signers", ADMIN, "{", 400, "INVALID_JSON", NULL},
    {"POST", "/v1/signers", ADMIN, "[]", 400, "INVALID_JSON", NULL},
    {"POST", "/v1/signers", ADMIN, "{}", 422, "INVALID_SIGNER", "signer_pubkey"},
    {"POST", "/v1/signers", ADMIN,
     "{\"signer_pubkey\":\"ab\",\"name\":\"n\",\"signer_type\":\"worker\"}", 422, "INVALID_SIGNER",
     "signer_pubkey"},
    {"POST", "/v1/signers", ADMIN,
     "{\"signer_pubkey\":\"" UNKNOWN64 "\",\"name\":7,\"signer_type\":\"worker\"}", 422,
     "INVALID_SIGNER", "name"},
    {"POST", "/v1/signers", ADMIN,
     "{\"signer_pubkey\":\"" UNKNOWN64 "\",\"name\":\"n\",\"signer_type\":\"boss\"}", 422,
     "INVALID_SIGNER", "signer_type"},
    {"POST", "/v1/signers", ADMIN,
     "{\"signer_pubkey\":\"0000000000000000000000000000000000000000000000000000000000000000\","
     "\"name\":\"n\",\"signer_type\":\"worker\"}",
     422, "INVALID_SIGNER", "signer_pubkey"},
    {"POST", "/v1/signers/" UNKNOWN64 "/revoke", ADMIN, "", 404, "NOT_FOUND", NULL},
    {"POST", "/v1/signers/zz/revoke", ADMIN, "", 404, "NOT_FOUND", NULL},
    {"GET", "/v1/tokens", READER, NULL, 403, "FORBIDDEN", NULL},
    {"POST", "/v1/tokens", ADMIN, "{}", 422, "INVALID_TOKEN", "name"},
    {"POST", "/v1/tokens", ADMIN, "{\"name\":\"n\"}", 422, "INVALID_TOKEN", "scopes"},
    {"POST", "/v1/tokens", ADMIN, "{\"name\":\"n\",\"scopes\":[]}", 422, "INVALID_TOKEN", "scopes"},
    {"POST", "/v1/tokens", ADMIN, "{\"name\":\"n\",\"scopes\":[\"god\"]}", 422, "INVALID_TOKEN",
     "scopes"},
    {"POST", "/v1/tokens", ADMIN,
     "{\"name\":\"n\",\"scopes\":[\"read\"],\"expires_at\":\"2025-02-29T00:00:00Z\"}", 422,
     "INVALID_TOKEN", "expires_at"},
    {"POST", "/v1/tokens", ADMIN,
     "{\"name\":\"n\",\"scopes\":[\"read\"],\"expires_at\":\"2001-01-01T00:00:00Z\"}", 422,
     "INVALID_TOKEN", "expires_at"},
    {"POST", "/v1/tokens/0000000000000000/revoke", ADMIN, "", 404, "NOT_FOUND", NULL},
    {"POST", "/v1/tokens/x/revoke", ADMIN, "", 404, "NOT_FOUND", NULL},
    {"POST", "/v1/payouts/calculate", NOBODY, "{", 400, "INVALID_JSON", NULL},
    {"POST", "/v1/payouts/calculate", NOBODY, "{}", 422, "INVALID_SPLIT", "amount"},
    {"POST", "/v1/payouts/calculate", NOBODY, "{\"amount\":\"9223372036854775808\"}", 422,
     "AMOUNT_OVERFLOW", "amount"},
    {"POST", "/v1/payouts/calculate", NOBODY, "{\"amount\":\"1\",\"split_bps\":[1,2,3]}", 422,
     "INVALID_SPLIT", "split_bps"},
    {"POST", "/v1/payouts/calculate", NOBODY,
     "{\"amount\":\"1\",\"split_bps\":{\"compute\":10000,\"model\":0,\"protocol\":-1}}", 422,
     "INVALID_SPLIT", "split_bps.protocol"},
    {"GET", "/checkpoint", NOBODY, NULL, 503, "NOT_COVERED", NULL},
    {"GET", "/v1/nothing", NOBODY, NULL, 404, "NOT_FOUND", NULL},
    {"DELETE", "/v1/epochs/0", NOBODY, NULL, 405, "METHOD_NOT_ALLOWED", NULL},
    {"GET", "/v1/receipts", NOBODY, NULL, 405, "METHOD_NOT_ALLOWED", NULL},
    {"POST", "/v1/log", NOBODY, "", 405, "METHOD_NOT_ALLOWED", NULL},
};

static void every_row_is_refused(void **state)
{
    const struct harness *h = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct answer answer;
        const char *token = row->who == ADMIN ? h->admin : h->reader;
        harness_ask(h, row->method, row->target, row->who == NOBODY ? "" : harness_bearer(token),
                    row->body == NULL ? lucid_span(NULL, 0) : lucid_span_str(row->body), &answer);
        expect_problem(&answer, row->status, row->code, row->param, row->target);
        char text[64];
        if (row->status == 401) {
            assert_true(answer_has(&answer, "www-authenticate", "Bearer"));
        }
        if (row->status == 503) {
            assert_true(answer_has(&answer, "retry-after", "1"));
        }
        if (row->status == 405) {
            assert_true(answer_header(&answer, "allow", text, sizeof(text)));
        }
        answer_free(&answer);
    }
}

static void post_receipt(const struct harness *h, struct lucid_span body, int status,
                         const char *code, const char *param)
{
    struct answer answer;
    harness_ask(h, "POST", "/v1/receipts", "", body, &answer);
    expect_problem(&answer, status, code, param, code);
    answer_free(&answer);
}

/* Puts `with` where `what` stands first. */
static void patch(struct lucid_buf *text, const char *what, const char *with)
{
    assert_int_equal(strlen(what), strlen(with));
    uint8_t *at = memmem(text->data, text->len, what, strlen(what));
    assert_non_null(at);
    memcpy(at, with, strlen(with));
}

static void receipts_are_refused(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf text = {0};
    post_receipt(h, lucid_span_str("{\"body\":"), 400, "INVALID_JSON", NULL);
    post_receipt(h, lucid_span_str("{}"), 422, "INVALID_RECEIPT", NULL);
    harness_envelope(&h->known, "run_refused_01", &text);
    patch(&text, "\"tool\"", "\"fool\"");
    post_receipt(h, lucid_buf_span(&text), 422, "INVALID_RECEIPT", "body.receipt_type");
    harness_envelope(&h->known, "run_refused_01", &text);
    patch(&text, "\"latency_ms\":12", "\"latency_ms\":13");
    post_receipt(h, lucid_buf_span(&text), 422, "HASH_MISMATCH", NULL);
    harness_envelope(&h->known, "run_refused_01", &text);
    uint8_t *at = memmem(text.data, text.len, "receipt_signature\":\"", 20);
    assert_non_null(at);
    at[25] = at[25] == '0' ? '1' : '0';
    post_receipt(h, lucid_buf_span(&text), 422, "SIGNATURE_INVALID", NULL);
    harness_envelope(&h->stranger, "run_refused_01", &text);
    post_receipt(h, lucid_buf_span(&text), 403, "SIGNER_UNKNOWN", NULL);
    harness_envelope(&h->revoked, "run_refused_01", &text);
    post_receipt(h, lucid_buf_span(&text), 403, "SIGNER_REVOKED", NULL);
    lucid_buf_fini(&text);
}

static void large_ones_are_refused(void **state)
{
    const struct harness *h = *state;
    size_t len = 600 * 1024;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ' ', len);
    post_receipt(h, lucid_span(text, len), 413, "BODY_TOO_LARGE", NULL);
    struct lucid_buf body = {0};
    lucid_buf_str(&body, "{\"body\":{\"schema_version\":\"");
    memset(text, 'x', 70000);
    lucid_buf_put(&body, text, 70000);
    lucid_buf_str(&body, "\"},\"receipt_signature\":\"\",\"signer_pubkey\":\"\"}");
    post_receipt(h, lucid_buf_span(&body), 422, "BODY_TOO_LARGE", NULL);
    lucid_buf_fini(&body);
    free(text);
}

static void run_ids_are_taken_once(void **state)
{
    const struct harness *h = *state;
    struct lucid_buf text = {0};
    harness_envelope(&h->known, "run_taken_0001", &text);
    lucid_buf_char(&text, '\0');
    json_decref(harness_json(h, "POST", "/v1/receipts", "", (const char *)text.data, 201));
    json_t *again = harness_json(h, "POST", "/v1/receipts", "", (const char *)text.data, 200);
    assert_true(json_is_true(json_object_get(again, "replayed")));
    json_decref(again);
    lucid_buf_clear(&text);
    harness_envelope(&h->known, "run_taken_0001", &text);
    json_t *other = json_loadb((const char *)text.data, text.len, 0, NULL);
    json_t *body = json_object_get(other, "body");
    json_object_set_new(body, "latency_ms", json_integer(99));
    char *canonical = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    char hex[129] = {0};
    lucid_sha256(lucid_span_str(canonical), hash);
    ledger_ed25519_sign(&h->known, lucid_span(hash, sizeof(hash)), signature);
    lucid_hex_encode(signature, sizeof(signature), hex);
    json_object_set_new(other, "receipt_signature", json_string(hex));
    json_object_del(other, "receipt_hash");
    char *line = json_dumps(other, JSON_COMPACT);
    post_receipt(h, lucid_span_str(line), 409, "RUN_ID_CONFLICT", "body.run_id");
    free(line);
    free(canonical);
    json_decref(other);
    lucid_buf_fini(&text);
}

static void media_types(void **state)
{
    const struct harness *h = *state;
    static const struct {
        const char *header;
        int status;
        const char *code;
    } cases[] = {
        {"Content-Type: text/html\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
        {"Content-Type: multipart/form-data; boundary=x\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
        {"Content-Type: application/xml; note=json\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
        {"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 415,
         "UNSUPPORTED_MEDIA_TYPE"},
        {"Content-Type: application/json; charset=utf-8\r\n", 422, "INVALID_RECEIPT"},
        {"Content-Type: application/vnd.lucid+json\r\n", 422, "INVALID_RECEIPT"},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 422, "INVALID_RECEIPT"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer;
        harness_ask(h, "POST", "/v1/receipts", cases[i].header, lucid_span_str("{}"), &answer);
        expect_problem(&answer, cases[i].status, cases[i].code, NULL, cases[i].header);
        answer_free(&answer);
    }
}

static void set_refusal(struct harness *h, void *context)
{
    h->refuse_all = *(const enum lucid_error *)context;
}

static void writer_refusals(void **state)
{
    struct harness *h = *state;
    static const struct {
        enum lucid_error error;
        int status;
        const char *code;
    } cases[] = {{LUCID_RETRY_BUSY, 503, "OVERLOADED"},
                 {LUCID_RETRY_FULL, 507, "STORE_FULL"},
                 {LUCID_FATAL_STORE, 503, "OVERLOADED"}};
    struct lucid_buf text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum lucid_error error = cases[i].error;
        harness_call(h, set_refusal, &error);
        harness_envelope(&h->known, "run_refused_02", &text);
        post_receipt(h, lucid_buf_span(&text), cases[i].status, cases[i].code, NULL);
    }
    enum lucid_error none = LUCID_OK;
    harness_call(h, set_refusal, &none);
    lucid_buf_fini(&text);
}

static void bad_tokens(void **state)
{
    const struct harness *h = *state;
    static const char *const headers[] = {"Authorization: Bearer lucid_00\r\n",
                                          "Authorization: Basic YTpi\r\n",
                                          "Authorization: Bearer\r\n"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct answer answer;
        harness_ask(h, "GET", "/v1/tokens", headers[i], lucid_span(NULL, 0), &answer);
        expect_problem(&answer, 401, "UNAUTHORIZED", NULL, headers[i]);
        answer_free(&answer);
        json_decref(harness_json(h, "GET", "/v1/log", headers[i], NULL, 200));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_refused),   cmocka_unit_test(receipts_are_refused),
        cmocka_unit_test(large_ones_are_refused), cmocka_unit_test(media_types),
        cmocka_unit_test(writer_refusals),        cmocka_unit_test(bad_tokens),
        cmocka_unit_test(run_ids_are_taken_once),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
