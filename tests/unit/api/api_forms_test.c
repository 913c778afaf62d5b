/* Proofs in the forms that Accept asks for, and POST /v1/verify over all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api_harness.h"
#include "http/api/api_internal.h"
#include "ledger/cose.h"
#include "ledger/proof.h"
#include "ledger/proof_tlog.h"

enum { RECEIPTS = 30, LATE = 3 };

#define COSE "Accept: application/cose\r\n"
#define TLOG "Accept: text/plain\r\n"

static void add(struct harness *h, size_t from, size_t to)
{
    struct lucid_buf body = {0};
    for (size_t i = from; i < to; i++) {
        char run_id[64];
        snprintf(run_id, sizeof(run_id), "run_forms_%06zu", i);
        harness_line(&h->known, run_id, &body);
    }
    struct answer answer;
    harness_ask(h, "POST", "/v1/receipts/batch", "", lucid_buf_span(&body), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

/* Heads of 20 and 30 leaves, and three leaves that no head covers. */
static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, false);
    add(h, 0, 20);
    harness_head(h);
    add(h, 20, RECEIPTS);
    harness_head(h);
    add(h, RECEIPTS, RECEIPTS + LATE);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

static void ask(const struct harness *h, const char *target, const char *headers,
                struct answer *ret)
{
    harness_ask(h, "GET", target, headers, lucid_span(NULL, 0), ret);
}

/* --- Accept ----------------------------------------------------------------------------------- */

static void accept_is_read(void **state)
{
    (void)state;
    static const char *const types[] = {"application/json", "application/cose", "text/plain"};
    static const struct {
        const char *header;
        int chosen; /* -1: none */
    } cases[] = {
        {"", 0},
        {"*/*", 0},
        {"application/json", 0},
        {"APPLICATION/COSE", 1},
        {"text/plain", 2},
        {"text/plain; charset=utf-8", 2},
        {"text/*", 2},
        {"TEXT/*", 2},
        {"application/*", 0},
        {"application/*, application/json;q=0", 1},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0},
        {"application/cose;q=0.5, text/plain;q=0.6", 2},
        {"application/cose ; q=0.6 , text/plain ; Q=0.5", 1},
        {"*/*, application/cose", 1},
        {"application/cose, */*;q=0.1", 1},
        {"*/*;q=0.5, application/json;q=0.4", 1},
        {"application/json;q=0, */*", 1},
        {"application/json;q=0.001", 0},
        {"application/json;q=0.999, text/plain;q=1.000", 2},
        {"*/*;q=0", -1},
        {"application/json;q=0.000", -1},
        {"image/png", -1},
        {"application/cosexyz, application", -1},
        {"text", -1},
        {"*", -1},
        {",,, ;q=1, ,", -1},
        {"application/json;q=2", -1},
        {"application/json;q=1.001", -1},
        {"application/json;q=x", -1},
        {"application/json;q=", -1},
        {"application/json;q=-1", -1},
        {"application/json;q=0.1234", -1},
        {", text/plain ,", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t chosen = 9;
        bool any = api_accept_choose(lucid_span_str(cases[i].header), types, 3, &chosen);
        if (any != (cases[i].chosen >= 0) || (any && (int)chosen != cases[i].chosen)) {
            fail_msg("Accept: %s chose %d", cases[i].header, any ? (int)chosen : -1);
        }
    }
    /* What comes after 64 ranges is not looked at. */
    struct lucid_buf many = {0};
    size_t chosen = 9;
    for (size_t i = 0; i < 64; i++) {
        lucid_buf_str(&many, "a/b,");
    }
    lucid_buf_str(&many, "text/plain");
    assert_false(api_accept_choose(lucid_buf_span(&many), types, 3, &chosen));
    assert_true(api_accept_choose(lucid_span(many.data + 4, many.len - 4), types, 3, &chosen));
    lucid_buf_fini(&many);
}

/* --- forms ------------------------------------------------------------------------------------ */

/* The offline verifier on an answer. */
static enum ledger_verdict judge(const struct harness *h, const char *run_id, enum ledger_form form,
                                 const struct answer *answer)
{
    struct ledger_report report;
    struct lucid_buf receipt = {0};
    char vkey[LEDGER_VKEY_BYTES_MAX];
    char service[2 * LEDGER_ED25519_PUBLIC_BYTES];
    lucid_hex_encode(h->service_key.public_key, sizeof(h->service_key.public_key), service);
    struct ledger_trust trust = {.vkey =
                                     lucid_span(vkey, ledger_vkey_format(&h->log_key.vkey, vkey)),
                                 .service_key = lucid_span(service, sizeof(service))};
    harness_envelope(&h->known, run_id, &receipt);
    assert_int_equal(ledger_form_detect(lucid_buf_span(&answer->body)), form);
    assert_int_equal(ledger_proof_verify(lucid_buf_span(&receipt), form,
                                         lucid_buf_span(&answer->body), &trust, &report),
                     LUCID_OK);
    lucid_buf_fini(&receipt);
    return report.verdict;
}

static void proofs_have_three_forms(void **state)
{
    const struct harness *h = *state;
    static const struct {
        const char *headers;
        const char *type;
        enum ledger_form form;
    } forms[] = {
        {"", "application/json", LEDGER_FORM_JSON},
        {COSE, "application/cose", LEDGER_FORM_COSE},
        {TLOG, "text/plain; charset=utf-8", LEDGER_FORM_TLOG},
    };
    static const struct {
        const char *query;
        uint64_t size;
    } sizes[] = {{"", RECEIPTS}, {"?tree_size=20", 20}, {"?tree_size=30", 30}};
    for (size_t i = 0; i < 9; i++) {
        struct answer answer;
        char target[128];
        snprintf(target, sizeof(target), "/v1/receipts/run_forms_000013/proof%s",
                 sizes[i / 3].query);
        ask(h, target, forms[i % 3].headers, &answer);
        assert_int_equal(answer.status, 200);
        assert_true(answer_has(&answer, "content-type", forms[i % 3].type));
        assert_true(answer_has(&answer, "vary", "Accept"));
        assert_int_equal(judge(h, "run_forms_000013", forms[i % 3].form, &answer), LEDGER_VALID);
        bool immutable = i / 3 > 0 && i % 3 < 2;
        assert_true(answer_has(&answer, "cache-control",
                               immutable ? "public, max-age=31536000, immutable" : "no-cache"));
        assert_int_equal(answer_has(&answer, "etag", "\""), immutable);
        answer_free(&answer);
    }
}

static void cose_is_the_same_for_ever(void **state)
{
    struct harness *h = *state;
    static const char *const targets[] = {"/v1/receipts/run_forms_000003/proof?tree_size=20",
                                          "/v1/consistency?from=7&to=20"};
    for (size_t i = 0; i < 2; i++) {
        struct answer one;
        struct answer two;
        struct answer three;
        char tag[80];
        char header[256];
        ask(h, targets[i], COSE, &one);
        ask(h, targets[i], COSE, &two);
        assert_int_equal(one.status, 200);
        assert_true(lucid_span_equal(lucid_buf_span(&one.body), lucid_buf_span(&two.body)));
        assert_true(answer_header(&one, "etag", tag, sizeof(tag)));
        snprintf(header, sizeof(header), COSE "If-None-Match: %s\r\n", tag);
        ask(h, targets[i], header, &three);
        assert_int_equal(three.status, 304);
        assert_true(answer_has(&three, "vary", "Accept"));
        /* Another form, another tag. */
        answer_free(&three);
        snprintf(header, sizeof(header), "If-None-Match: %s\r\n", tag);
        ask(h, targets[i], header, &three);
        assert_int_equal(three.status, 200);
        answer_free(&one);
        answer_free(&two);
        answer_free(&three);
    }
}

static void cose_says_what_is_documented(void **state)
{
    const struct harness *h = *state;
    struct answer answer;
    struct answer head;
    struct ledger_cose receipt;
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    ledger_cose_kid(h->service_key.public_key, kid);
    ask(h, "/v1/receipts/run_forms_000029/proof", COSE, &answer);
    ask(h, "/checkpoint", "", &head);
    assert_int_equal(ledger_cose_read(lucid_buf_span(&answer.body), &receipt, NULL), LUCID_OK);
    assert_int_equal(receipt.kind, LEDGER_COSE_INCLUSION);
    assert_int_equal(receipt.first, 29);
    assert_int_equal(receipt.size, RECEIPTS);
    assert_true(lucid_span_is(receipt.issuer, HARNESS_ORIGIN));
    assert_memory_equal(receipt.kid, kid, sizeof(kid));
    assert_true(lucid_span_equal(receipt.checkpoint, lucid_buf_span(&head.body)));
    json_t *json = harness_json(h, "GET", "/v1/receipts/run_forms_000029/proof", "", NULL, 200);
    const char *entry = json_string_value(json_object_get(json, "entry"));
    assert_true(lucid_span_equal(receipt.subject, lucid_span(entry, 64)));
    json_decref(json);
    answer_free(&answer);
    ask(h, "/v1/consistency?from=20&to=30", COSE, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "cache-control", "public, max-age=31536000, immutable"));
    assert_int_equal(ledger_cose_read(lucid_buf_span(&answer.body), &receipt, NULL), LUCID_OK);
    assert_int_equal(receipt.kind, LEDGER_COSE_CONSISTENCY);
    assert_int_equal(receipt.first, 20);
    assert_null(receipt.subject.data);
    assert_true(lucid_span_equal(receipt.checkpoint, lucid_buf_span(&head.body)));
    answer_free(&answer);
    answer_free(&head);
}

static void no_head_no_form(void **state)
{
    const struct harness *h = *state;
    static const struct {
        const char *target;
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {"/v1/receipts/run_forms_000003/proof?tree_size=19", COSE, 404, "NOT_FOUND"},
        {"/v1/receipts/run_forms_000003/proof?tree_size=19", TLOG, 404, "NOT_FOUND"},
        {"/v1/receipts/run_forms_000003/proof?tree_size=33", COSE, 503, "NOT_COVERED"},
        {"/v1/receipts/run_forms_000003/proof?tree_size=31", TLOG, 503, "NOT_COVERED"},
        {"/v1/receipts/run_forms_000031/proof", COSE, 503, "NOT_COVERED"},
        {"/v1/receipts/run_forms_000031/proof", TLOG, 503, "NOT_COVERED"},
        {"/v1/receipts/run_forms_000031/proof", "", 503, "NOT_COVERED"},
        {"/v1/receipts/run_nobody_has_this/proof", COSE, 404, "NOT_FOUND"},
        {"/v1/receipts/run_forms_000003/proof?tree_size=3", COSE, 400, "INVALID_PARAMETER"},
        {"/v1/receipts/run_forms_000003/proof", "Accept: image/png\r\n", 406, "NOT_ACCEPTABLE"},
        {"/v1/consistency?from=1&to=19", COSE, 404, "NOT_FOUND"},
        {"/v1/consistency?from=1&to=33", COSE, 503, "NOT_COVERED"},
        {"/v1/consistency?from=1&to=34", COSE, 400, "INVALID_PARAMETER"},
        {"/v1/consistency?from=9&to=8", COSE, 400, "INVALID_PARAMETER"},
        {"/v1/consistency?from=1&to=20", TLOG, 406, "NOT_ACCEPTABLE"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer;
        ask(h, cases[i].target, cases[i].headers, &answer);
        if (answer.status != cases[i].status ||
            strstr((const char *)answer.body.data, cases[i].code) == NULL) {
            fail_msg("%s: %d %s", cases[i].target, answer.status, answer.body.data);
        }
        assert_true(answer_has(&answer, "vary", "Accept"));
        assert_int_equal(answer_has(&answer, "retry-after", "1"), cases[i].status == 503);
        answer_free(&answer);
    }
    json_decref(
        harness_json(h, "GET", "/v1/receipts/run_forms_000003/proof?tree_size=19", "", NULL, 200));
}

/* --- POST /v1/verify -------------------------------------------------------------------------- */

/* The proof of receipt 13 as /v1/verify takes it. */
static void proof_put(const struct harness *h, enum ledger_form form, size_t flip,
                      struct lucid_buf *out)
{
    static const char *const headers[] = {"", TLOG, COSE};
    struct answer answer;
    ask(h, "/v1/receipts/run_forms_000013/proof?tree_size=20", headers[form], &answer);
    assert_int_equal(answer.status, 200);
    if (flip > 0) {
        answer.body.data[flip] ^= 1;
    }
    if (form == LEDGER_FORM_JSON) {
        lucid_buf_span_put(out, lucid_buf_span(&answer.body));
    } else if (form == LEDGER_FORM_TLOG) {
        lucid_json_string(out, lucid_buf_span(&answer.body));
    } else {
        lucid_buf_str(out, "{\"cose\":\"");
        lucid_buf_base64(out, answer.body.data, answer.body.len);
        lucid_buf_str(out, "\"}");
    }
    answer_free(&answer);
}

static json_t *verify(const struct harness *h, const char *run_id, enum ledger_form form,
                      size_t flip, const char *more, int status)
{
    struct lucid_buf body = {0};
    struct lucid_buf receipt = {0};
    harness_envelope(&h->known, run_id, &receipt);
    lucid_buf_str(&body, "{\"receipt\":");
    lucid_buf_span_put(&body, lucid_buf_span(&receipt));
    lucid_buf_str(&body, ",\"proof\":");
    proof_put(h, form, flip, &body);
    lucid_buf_str(&body, more);
    lucid_buf_put(&body, "}", 2);
    json_t *answer = harness_json(h, "POST", "/v1/verify", "", (const char *)body.data, status);
    assert_non_null(answer);
    lucid_buf_fini(&body);
    lucid_buf_fini(&receipt);
    return answer;
}

static void expect_verdict(json_t *answer, const char *verdict, const char *step,
                           const char *outcome)
{
    const json_t *steps = json_object_get(answer, "steps");
    assert_string_equal(json_string_value(json_object_get(answer, "verdict")), verdict);
    assert_int_equal(json_is_true(json_object_get(answer, "valid")), strcmp(verdict, "valid") == 0);
    bool found = step == NULL;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *one = json_array_get(steps, i);
        assert_non_null(json_string_value(json_object_get(one, "text")));
        if (step != NULL && strcmp(json_string_value(json_object_get(one, "name")), step) == 0) {
            assert_string_equal(json_string_value(json_object_get(one, "outcome")), outcome);
            found = true;
        }
    }
    assert_true(found);
    json_decref(answer);
}

static void verify_takes_all_forms(void **state)
{
    const struct harness *h = *state;
    static const char *const last[] = {"inclusion", "inclusion", "service_signature"};
    for (unsigned form = 0; form < 3; form++) {
        expect_verdict(verify(h, "run_forms_000013", form, 0, "", 200), "valid", last[form],
                       "passed");
        expect_verdict(verify(h, "run_forms_000014", form, 0, "", 200), "invalid",
                       form == LEDGER_FORM_TLOG ? "inclusion" : "entry", "failed");
        expect_verdict(verify(h, "run_forms_000013", form, 0,
                              ",\"vkey\":\"witness.example/w1+00ec9e11+BNDKjBArwliZ5naLc4ERMzo3+"
                              "iz2C2SI9G0H9/rRAFIE\"",
                              200),
                       "undecided", "checkpoint", "skipped");
        json_t *unknown = verify(h, "run_forms_000013", form, 0,
                                 ",\"service_key\":\"6132ce94b2bebfd80e775c4a6a03a8fd01e4f497b9666"
                                 "885a288e6255933f98a\"",
                                 200);
        expect_verdict(unknown, form == LEDGER_FORM_COSE ? "undecided" : "valid", last[form],
                       form == LEDGER_FORM_COSE ? "skipped" : "passed");
    }
    expect_verdict(verify(h, "run_forms_000013", LEDGER_FORM_TLOG, 80, "", 200), "invalid", NULL,
                   NULL);
    expect_verdict(verify(h, "run_forms_000013", LEDGER_FORM_COSE, 300, "", 200), "invalid", NULL,
                   NULL);
}

static void verify_refuses(void **state)
{
    const struct harness *h = *state;
    static const struct {
        const char *body;
        int status;
        const char *code;
        const char *param;
    } cases[] = {
        {"", 400, "INVALID_JSON", NULL},
        {"[]", 400, "INVALID_JSON", NULL},
        {"{\"receipt\":{},\"receipt\":{}}", 400, "INVALID_JSON", NULL},
        {"{}", 422, "INVALID_RECEIPT", "receipt"},
        {"{\"receipt\":7}", 422, "INVALID_RECEIPT", "receipt"},
        {"{\"receipt\":{}}", 422, "INVALID_PROOF", "proof"},
        {"{\"receipt\":{},\"proof\":[]}", 422, "INVALID_PROOF", "proof"},
        {"{\"receipt\":{},\"proof\":{\"cose\":7}}", 422, "INVALID_PROOF", "proof.cose"},
        {"{\"receipt\":{},\"proof\":{\"cose\":\"AAA\"}}", 422, "INVALID_PROOF", "proof.cose"},
        {"{\"receipt\":{},\"proof\":{\"cose\":\"A_==\"}}", 422, "INVALID_PROOF", "proof.cose"},
        {"{\"receipt\":{},\"proof\":{},\"vkey\":7}", 422, "INVALID_PROOF", "vkey"},
        {"{\"receipt\":{},\"proof\":{},\"vkey\":\"x\"}", 422, "INVALID_PROOF", "vkey"},
        {"{\"receipt\":{},\"proof\":{},\"service_key\":null}", 422, "INVALID_PROOF", "service_key"},
        {"{\"receipt\":{},\"proof\":{},\"service_key\":\"AB\"}", 422, "INVALID_PROOF",
         "service_key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *problem = harness_json(h, "POST", "/v1/verify", "", cases[i].body, cases[i].status);
        assert_string_equal(json_string_value(json_object_get(problem, "code")), cases[i].code);
        const char *param = json_string_value(json_object_get(problem, "param"));
        assert_true(cases[i].param == NULL || strcmp(param, cases[i].param) == 0);
        json_decref(problem);
    }
    /* Members that are there but say nothing good are the verdict's matter. */
    static const char *const proofs[] = {"{}", "\"\"", "{\"cose\":\"\"}", "{\"cose\":\"0oQ=\"}"};
    for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"receipt\":{},\"proof\":%s}", proofs[i]);
        expect_verdict(harness_json(h, "POST", "/v1/verify", "", body, 200), "invalid", "form",
                       "failed");
    }
    /* Deeper than any receipt. */
    struct lucid_buf deep = {0};
    lucid_buf_str(&deep, "{\"receipt\":");
    for (size_t i = 0; i < 100000; i++) {
        lucid_buf_char(&deep, '[');
    }
    lucid_buf_char(&deep, '\0');
    json_decref(harness_json(h, "POST", "/v1/verify", "", (const char *)deep.data, 400));
    lucid_buf_fini(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_is_read),
        cmocka_unit_test(proofs_have_three_forms),
        cmocka_unit_test(cose_is_the_same_for_ever),
        cmocka_unit_test(cose_says_what_is_documented),
        cmocka_unit_test(no_head_no_form),
        cmocka_unit_test(verify_takes_all_forms),
        cmocka_unit_test(verify_refuses),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
