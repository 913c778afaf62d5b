/* Reading back: receipts, proofs (judged by the offline verifier), epochs, lists, tokens, caching,
 * health and metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api_harness.h"
#include "ledger/proof.h"

enum { RECEIPTS = 250 };

/* 250 receipts: epochs 0 and 1 closed by count, epoch 2 open with 50; a head over all of them. */
static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, false);
    struct lucid_buf body = {0};
    for (size_t i = 0; i < RECEIPTS; i++) {
        char run_id[64];
        snprintf(run_id, sizeof(run_id), "run_reads_%06zu", i);
        harness_line(&h->known, run_id, &body);
    }
    struct answer answer;
    harness_ask(h, "POST", "/v1/receipts/batch", "", lucid_buf_span(&body), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    lucid_buf_fini(&body);
    harness_head(h);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

static json_t *get(const struct harness *h, const char *target)
{
    return harness_json(h, "GET", target, "", NULL, 200);
}

static long long number(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static void ask(const struct harness *h, const char *target, const char *headers,
                struct answer *ret)
{
    harness_ask(h, "GET", target, headers, lucid_span(NULL, 0), ret);
}

static void receipt_is_served_as_signed(void **state)
{
    const struct harness *h = *state;
    json_t *one = harness_json(h, "GET", "/v1/receipts/run_reads_000007", harness_bearer(h->reader),
                               NULL, 200);
    struct lucid_buf sent = {0};
    harness_envelope(&h->known, "run_reads_000007", &sent);
    json_t *envelope = json_loadb((const char *)sent.data, sent.len, 0, NULL);
    static const char *const members[] = {"body", "receipt_hash", "receipt_signature",
                                          "signer_pubkey"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(
            json_equal(json_object_get(one, members[i]), json_object_get(envelope, members[i])));
    }
    assert_int_equal(number(one, "leaf_index"), 7);
    assert_int_equal(number(one, "epoch"), 0);
    assert_string_equal(text(one, "status"), "finalized");
    char target[128];
    snprintf(target, sizeof(target), "/v1/receipts/%s", text(one, "receipt_hash"));
    json_t *by_hash = harness_json(h, "GET", target, harness_bearer(h->admin), NULL, 200);
    assert_true(json_equal(one, by_hash));
    json_decref(by_hash);
    json_decref(envelope);
    json_decref(one);
    lucid_buf_fini(&sent);
    json_t *late = harness_json(h, "GET", "/v1/receipts/run_reads_000249",
                                harness_bearer(h->reader), NULL, 200);
    assert_string_equal(text(late, "status"), "covered");
    json_decref(late);
}

/* The verifier that anyone can run must accept what is served. */
static void judge(const struct harness *h, const char *run_id, const struct answer *proof,
                  enum ledger_verdict wanted)
{
    struct lucid_buf envelope = {0};
    char vkey[LEDGER_VKEY_BYTES_MAX];
    size_t len = ledger_vkey_format(&h->log_key.vkey, vkey);
    harness_envelope(&h->known, run_id, &envelope);
    struct ledger_report report;
    struct ledger_trust trust = {.vkey = lucid_span(vkey, len)};
    assert_int_equal(ledger_proof_verify(lucid_buf_span(&envelope), LEDGER_FORM_JSON,
                                         lucid_buf_span(&proof->body), &trust, &report),
                     LUCID_OK);
    assert_int_equal(report.verdict, wanted);
    lucid_buf_fini(&envelope);
}

static void proofs_verify(void **state)
{
    const struct harness *h = *state;
    static const struct {
        const char *target;
        const char *run_id;
        enum ledger_verdict verdict;
        bool immutable;
    } cases[] = {
        {"/v1/receipts/run_reads_000000/proof", "run_reads_000000", LEDGER_VALID, false},
        {"/v1/receipts/run_reads_000249/proof", "run_reads_000249", LEDGER_VALID, false},
        {"/v1/receipts/run_reads_000099/proof?tree_size=100", "run_reads_000099", LEDGER_VALID,
         true},
        {"/v1/receipts/run_reads_000017/proof?tree_size=200", "run_reads_000017", LEDGER_VALID,
         true},
        {"/v1/receipts/run_reads_000017/proof?tree_size=18", "run_reads_000017", LEDGER_UNDECIDED,
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer;
        ask(h, cases[i].target, "", &answer);
        assert_int_equal(answer.status, 200);
        judge(h, cases[i].run_id, &answer, cases[i].verdict);
        assert_true(answer_has(&answer, "access-control-allow-origin", "*"));
        assert_true(
            answer_has(&answer, "cache-control",
                       cases[i].immutable ? "public, max-age=31536000, immutable" : "no-cache"));
        assert_int_equal(answer_has(&answer, "etag", "\""), cases[i].immutable);
        answer_free(&answer);
    }
    static const char *const bad[] = {"17", "0", "251"};
    for (size_t i = 0; i < 3; i++) {
        char target[128];
        snprintf(target, sizeof(target), "/v1/receipts/run_reads_000017/proof?tree_size=%s",
                 bad[i]);
        json_t *problem = harness_json(h, "GET", target, "", NULL, 400);
        assert_string_equal(text(problem, "param"), "tree_size");
        json_decref(problem);
    }
}

static void not_modified(void **state)
{
    const struct harness *h = *state;
    static const char *const targets[] = {"/v1/receipts/run_reads_000001/proof?tree_size=100",
                                          "/v1/epochs/1", "/checkpoint"};
    for (size_t i = 0; i < 3; i++) {
        struct answer answer;
        char tag[80];
        char header[256];
        ask(h, targets[i], "", &answer);
        assert_true(answer_header(&answer, "etag", tag, sizeof(tag)));
        answer_free(&answer);
        snprintf(header, sizeof(header), "If-None-Match: \"other\", W/%s\r\n", tag);
        ask(h, targets[i], header, &answer);
        assert_int_equal(answer.status, 304);
        assert_true(answer_has(&answer, "etag", tag));
        assert_int_equal(answer.body.len, 0);
        answer_free(&answer);
        ask(h, targets[i], "If-None-Match: \"other\"\r\n", &answer);
        assert_int_equal(answer.status, 200);
        answer_free(&answer);
    }
}

/* A receipt that no head covers yet: 503 until one does. */
static void uncovered_then_covered(void **state)
{
    struct harness *h = *state;
    struct lucid_buf body = {0};
    harness_envelope(&h->known, "run_uncovered_1", &body);
    lucid_buf_char(&body, '\0');
    json_t *placed = harness_json(h, "POST", "/v1/receipts", "", (const char *)body.data, 201);
    assert_string_equal(text(placed, "status"), "logged");
    json_decref(placed);
    json_t *problem = harness_json(h, "GET", "/v1/receipts/run_uncovered_1/proof", "", NULL, 503);
    assert_string_equal(text(problem, "code"), "NOT_COVERED");
    json_decref(problem);
    json_t *verdict = get(h, "/v1/receipts/run_uncovered_1/verify");
    assert_true(json_is_true(json_object_get(verdict, "valid")));
    assert_int_equal(json_object_size(verdict), 4);
    json_decref(verdict);
    harness_head(h);
    struct answer answer;
    ask(h, "/v1/receipts/run_uncovered_1/proof", "", &answer);
    assert_int_equal(answer.status, 200);
    judge(h, "run_uncovered_1", &answer, LEDGER_VALID);
    answer_free(&answer);
    lucid_buf_fini(&body);
}

static void check_epoch(const json_t *epoch, long long n)
{
    assert_int_equal(number(epoch, "epoch"), n);
    assert_int_equal(number(epoch, "first_leaf"), n * 100);
    assert_int_equal(number(epoch, "receipt_count"),
                     number(epoch, "end_leaf") - number(epoch, "first_leaf"));
    assert_int_equal(json_object_size(epoch), 11);
    if (n < 2) {
        assert_string_equal(text(epoch, "status"), "finalized");
        assert_string_equal(text(epoch, "closed_by"), "count");
        const json_t *proof = json_object_get(epoch, "consistency_proof");
        assert_int_equal(number(proof, "from"), n * 100);
        assert_int_equal(number(proof, "to"), n * 100 + 100);
        assert_string_equal(text(proof, "root_to"), text(epoch, "root"));
        assert_non_null(strstr(text(epoch, "checkpoint"), HARNESS_ORIGIN "\n"));
    } else {
        assert_string_equal(text(epoch, "status"), "open");
        static const char *const nulls[] = {"finalized_at", "closed_by", "checkpoint",
                                            "consistency_proof"};
        for (size_t i = 0; i < 4; i++) {
            assert_true(json_is_null(json_object_get(epoch, nulls[i])));
        }
    }
}

static void epochs_one_by_one(void **state)
{
    const struct harness *h = *state;
    json_t *all = get(h, "/v1/epochs");
    assert_int_equal(json_array_size(json_object_get(all, "items")), 3);
    assert_true(json_is_null(json_object_get(all, "next_cursor")));
    char target[256] = "/v1/epochs?limit=1";
    for (long long n = 0; n < 3; n++) {
        json_t *page = get(h, target);
        const json_t *items = json_object_get(page, "items");
        assert_int_equal(json_array_size(items), 1);
        check_epoch(json_array_get(items, 0), n);
        assert_true(json_equal(json_array_get(items, 0),
                               json_array_get(json_object_get(all, "items"), (size_t)n)));
        assert_int_equal(json_is_null(json_object_get(page, "next_cursor")), n == 2);
        if (n < 2) {
            snprintf(target, sizeof(target), "/v1/epochs?limit=1&cursor=%s",
                     text(page, "next_cursor"));
        }
        json_decref(page);
    }
    json_decref(all);
    json_t *current = get(h, "/v1/epochs/current");
    check_epoch(current, 2);
    json_decref(current);
}

static void placements_by_pages(void **state)
{
    const struct harness *h = *state;
    char target[256] = "/v1/epochs/1/receipts?limit=33";
    long long leaf = 100;
    for (size_t pages = 0; target[0] != '\0'; pages++) {
        assert_true(pages < 4);
        json_t *page = get(h, target);
        size_t i;
        const json_t *item;
        json_array_foreach(json_object_get(page, "items"), i, item)
        {
            assert_int_equal(number(item, "leaf_index"), leaf++);
            assert_int_equal(number(item, "epoch"), 1);
        }
        target[0] = '\0';
        if (!json_is_null(json_object_get(page, "next_cursor"))) {
            snprintf(target, sizeof(target), "/v1/epochs/1/receipts?limit=33&cursor=%s",
                     text(page, "next_cursor"));
        }
        json_decref(page);
    }
    assert_int_equal(leaf, 200);
}

static void log_and_tree(void **state)
{
    const struct harness *h = *state;
    json_t *log = get(h, "/v1/log");
    json_t *mmr = get(h, "/v1/mmr");
    assert_string_equal(text(log, "origin"), HARNESS_ORIGIN);
    assert_string_equal(text(log, "root"), text(mmr, "root"));
    assert_int_equal(number(log, "size"), number(mmr, "leaf_count"));
    assert_true(json_is_true(json_object_get(log, "test")));
    json_decref(mmr);
    json_decref(log);
    mmr = get(h, "/v1/mmr?size=0");
    assert_int_equal(json_array_size(json_object_get(mmr, "peaks")), 0);
    json_decref(mmr);
    mmr = get(h, "/v1/mmr?size=100");
    json_t *epoch = get(h, "/v1/epochs/0");
    json_t *consistency = get(h, "/v1/consistency?from=100&to=200");
    assert_int_equal(json_array_size(json_object_get(mmr, "peaks")), 3);
    assert_int_equal(number(mmr, "node_count"), 197);
    assert_string_equal(text(mmr, "root"), text(epoch, "root"));
    assert_string_equal(text(consistency, "root_from"), text(epoch, "root"));
    assert_int_equal(json_object_size(consistency), 5);
    json_decref(consistency);
    json_decref(epoch);
    json_decref(mmr);
    consistency = get(h, "/v1/consistency?from=0&to=200");
    assert_int_equal(json_array_size(json_object_get(consistency, "path")), 0);
    json_decref(consistency);
    struct answer head;
    ask(h, "/checkpoint", "", &head);
    assert_true(answer_has(&head, "content-type", "text/plain; charset=utf-8"));
    assert_memory_equal(head.body.data, HARNESS_ORIGIN "\n", sizeof(HARNESS_ORIGIN));
    answer_free(&head);
}

static void finalize_by_hand(void **state)
{
    const struct harness *h = *state;
    json_t *epoch =
        harness_json(h, "POST", "/v1/epochs/current/finalize", harness_bearer(h->admin), "", 200);
    assert_int_equal(number(epoch, "epoch"), 2);
    assert_string_equal(text(epoch, "closed_by"), "operator");
    assert_string_equal(text(epoch, "status"), "finalized");
    json_decref(epoch);
    json_decref(harness_json(h, "GET", "/v1/epochs/current", "", NULL, 404));
    json_decref(
        harness_json(h, "POST", "/v1/epochs/current/finalize", harness_bearer(h->admin), "", 409));
}

static void signers_come_and_go(void **state)
{
    const struct harness *h = *state;
    char body[256];
    char key[65] = {0};
    char target[160];
    lucid_hex_encode(h->stranger.public_key, 32, key);
    snprintf(body, sizeof(body),
             "{\"signer_pubkey\":\"%s\",\"name\":\"new \\\"one\\\"\",\"signer_type\":\"worker\","
             "\"more\":1}",
             key);
    for (int i = 0; i < 2; i++) {
        json_t *signer = harness_json(h, "POST", "/v1/signers", harness_bearer(h->admin), body,
                                      i == 0 ? 201 : 200);
        assert_string_equal(text(signer, "name"), "new \"one\"");
        assert_string_equal(text(signer, "status"), "active");
        json_decref(signer);
    }
    char page_target[256] = "/v1/signers?limit=2";
    size_t seen = 0;
    for (size_t pages = 0; page_target[0] != '\0'; pages++) {
        json_t *page = get(h, page_target);
        seen += json_array_size(json_object_get(page, "items"));
        page_target[0] = '\0';
        if (!json_is_null(json_object_get(page, "next_cursor"))) {
            snprintf(page_target, sizeof(page_target), "/v1/signers?limit=2&cursor=%s",
                     text(page, "next_cursor"));
        }
        json_decref(page);
        assert_true(pages < 3);
    }
    assert_int_equal(seen, 3);
    snprintf(target, sizeof(target), "/v1/signers/%s/revoke", key);
    json_t *gone = harness_json(h, "POST", target, harness_bearer(h->admin), "", 200);
    assert_string_equal(text(gone, "status"), "revoked");
    json_decref(gone);
    json_t *again = harness_json(h, "POST", "/v1/signers", harness_bearer(h->admin), body, 403);
    assert_string_equal(text(again, "code"), "SIGNER_REVOKED");
    json_decref(again);
    snprintf(target, sizeof(target), "/v1/signers/%s", key);
    json_t *one = get(h, target);
    assert_string_equal(text(one, "signer_type"), "worker");
    json_decref(one);
}

static void let_an_hour_pass(struct harness *h, void *context)
{
    (void)context;
    h->now_ms += 3600U * 1000U;
}

static void tokens_open_and_close(void **state)
{
    struct harness *h = *state;
    json_t *made = harness_json(h, "POST", "/v1/tokens", harness_bearer(h->admin),
                                "{\"name\":\"short\",\"scopes\":[\"read\",\"audit\"],"
                                "\"expires_at\":\"2024-11-21T12:30:00.5Z\"}",
                                201);
    char secret[128];
    snprintf(secret, sizeof(secret), "%s", text(made, "token"));
    assert_int_equal(strlen(secret), 70);
    assert_string_equal(text(made, "expires_at"), "2024-11-21T12:30:00.500Z");
    assert_int_equal(json_array_size(json_object_get(made, "scopes")), 2);
    static const char receipt[] = "/v1/receipts/run_reads_000001";
    json_decref(harness_json(h, "GET", receipt, harness_bearer(secret), NULL, 200));
    json_t *list =
        harness_json(h, "GET", "/v1/tokens?limit=1000", harness_bearer(h->admin), NULL, 200);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
    char *dump = json_dumps(list, 0);
    assert_null(strstr(dump, "lucid_"));
    free(dump);
    json_decref(list);
    harness_call(h, let_an_hour_pass, NULL);
    json_decref(harness_json(h, "GET", receipt, harness_bearer(secret), NULL, 401));
    json_t *other =
        harness_json(h, "POST", "/v1/tokens", harness_bearer(h->admin),
                     "{\"name\":\"long\",\"scopes\":[\"read\"],\"expires_at\":null}", 201);
    snprintf(secret, sizeof(secret), "%s", text(other, "token"));
    json_decref(harness_json(h, "GET", receipt, harness_bearer(secret), NULL, 200));
    char target[128];
    snprintf(target, sizeof(target), "/v1/tokens/%s/revoke", text(other, "id"));
    json_t *revoked = harness_json(h, "POST", target, harness_bearer(h->admin), "", 200);
    assert_non_null(json_string_value(json_object_get(revoked, "revoked_at")));
    assert_null(json_object_get(revoked, "token"));
    json_decref(revoked);
    json_decref(harness_json(h, "GET", receipt, harness_bearer(secret), NULL, 401));
    json_decref(other);
    json_decref(made);
}

static void set_health(struct harness *h, void *context)
{
    h->health = *(const struct api_health *)context;
}

static void get_health(struct harness *h, void *context)
{
    *(struct api_health *)context = h->health;
}

static void readiness(void **state)
{
    struct harness *h = *state;
    struct api_health fine;
    harness_call(h, get_health, &fine);
    json_t *ready = get(h, "/readyz");
    assert_string_equal(text(ready, "status"), "ready");
    assert_null(json_object_get(ready, "warnings"));
    json_decref(ready);
    struct api_health bad[5] = {fine, fine, fine, fine, fine};
    bad[0].stopping = true;
    bad[1].store_failed = true;
    bad[2].disk_low = true;
    bad[3].queue_length = bad[3].queue_max;
    bad[4].clock_stepped = true;
    static const char *const causes[] = {"stopping", "store_failed", "disk_low", "queue_full"};
    for (size_t i = 0; i < 4; i++) {
        harness_call(h, set_health, &bad[i]);
        json_t *answer = harness_json(h, "GET", "/readyz", "", NULL, 503);
        const json_t *list = json_object_get(answer, "causes");
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(json_string_value(json_array_get(list, 0)), causes[i]);
        json_decref(answer);
    }
    harness_call(h, set_health, &bad[4]);
    json_t *warned = get(h, "/readyz");
    assert_int_equal(json_array_size(json_object_get(warned, "warnings")), 1);
    json_decref(warned);
    harness_call(h, set_health, &fine);
    json_decref(get(h, "/healthz"));
}

/* Every line is a comment of a family that just began, or a sample of it with a number. */
static void metrics_are_well_formed(void **state)
{
    const struct harness *h = *state;
    struct answer answer;
    ask(h, "/metrics", "", &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "content-type", "text/plain; version=0.0.4"));
    char family[128] = "";
    size_t samples = 0;
    char *rest = (char *)answer.body.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (line[0] == 0) {
            continue;
        }
        char kind[16];
        if (sscanf(line, "# HELP %127s", family) == 1) {
            continue;
        }
        if (line[0] == '#') {
            char again[128];
            assert_int_equal(sscanf(line, "# TYPE %127s %15s", again, kind), 2);
            assert_string_equal(again, family);
            continue;
        }
        assert_memory_equal(line, family, strlen(family));
        char *value = strrchr(line, ' ');
        char *end;
        assert_non_null(value);
        strtod(value + 1, &end);
        assert_true(end != value + 1 && *end == '\0');
        samples++;
    }
    assert_true(samples > 40);
    answer_free(&answer);
    ask(h, "/metrics", "", &answer);
    const char *body = (const char *)answer.body.data;
    assert_non_null(strstr(body, "\nlucid_verification_failures_total 0\n"));
    assert_non_null(
        strstr(body, "route=\"/v1/receipts/{id}/proof\",method=\"GET\",status=\"2xx\""));
    answer_free(&answer);
}

static void head_and_preflight(void **state)
{
    const struct harness *h = *state;
    struct answer answer;
    harness_ask(h, "OPTIONS", "/v1/epochs/0", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 204);
    assert_true(answer_has(&answer, "access-control-allow-origin", "*"));
    answer_free(&answer);
    harness_ask(h, "OPTIONS", "/v1/receipts/run_reads_000001", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 405); /* bodies are not public here */
    answer_free(&answer);
    harness_ask(h, "POST", "/v1/receipts", "", lucid_span_str("{}"), &answer);
    assert_false(answer_has(&answer, "access-control-allow-origin", ""));
    answer_free(&answer);
}

static void public_reads_open_bodies(void **state)
{
    (void)state;
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, true);
    json_decref(harness_json(h, "GET", "/v1/receipts/run_no_such_one", "", NULL, 404));
    json_decref(harness_json(h, "GET", "/v1/tokens", "", NULL, 401));
    harness_close(h);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipt_is_served_as_signed),
        cmocka_unit_test(proofs_verify),
        cmocka_unit_test(not_modified),
        cmocka_unit_test(epochs_one_by_one),
        cmocka_unit_test(placements_by_pages),
        cmocka_unit_test(uncovered_then_covered),
        cmocka_unit_test(log_and_tree),
        cmocka_unit_test(finalize_by_hand),
        cmocka_unit_test(signers_come_and_go),
        cmocka_unit_test(tokens_open_and_close),
        cmocka_unit_test(readiness),
        cmocka_unit_test(metrics_are_well_formed),
        cmocka_unit_test(head_and_preflight),
        cmocka_unit_test(public_reads_open_bodies),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
