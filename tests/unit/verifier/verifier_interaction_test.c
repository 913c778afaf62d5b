/* Interaction records: a chain that is made passes; every link changed, left out, put in or moved
 * is refused at its place. */
#include "plugins/verifier/interaction.h"

#include "tests/unit/verifier/claims_kit.h"

struct chain {
    struct lucid_arena arena;
    struct claims_document documents[5];
    const struct claims_document *list[5];
    struct interaction form;
    struct interaction made;
};

#define SUBJECT ",'subject':{'traceId':'t1','requestHash':'" H32 "'}"

static void chain_add(struct chain *chain, size_t at, uint8_t auditor, const char *phase,
                      const char *decision, const char *more)
{
    assert_int_equal(
        claims_parse(kit_claims(auditor, phase, decision, KIT_CLAIM("x", "1"), more, &chain->arena),
                     &chain->arena, &chain->documents[at], NULL),
        LUCID_OK);
    chain->list[at] = &chain->documents[at];
}

/* Five auditors, one in two phases. */
static void chain_open(struct chain *chain)
{
    static uint8_t raw[32];
    memset(raw, 0x11, sizeof(raw));
    memset(chain, 0, sizeof(*chain));
    lucid_arena_init(&chain->arena, 16U << 20);
    chain_add(chain, 0, 1, "artifact", "proceed", "");
    chain_add(chain, 1, 2, "request", "warn", SUBJECT);
    chain_add(chain, 2, 3, "request", "proceed", SUBJECT);
    chain_add(chain, 3, 2, "execution", "proceed", ",'subject':{'traceId':'t1'}");
    chain_add(chain, 4, 4, "response", "redact", SUBJECT);
    chain->form = (struct interaction){.id = lucid_span_str("i-1"),
                                       .passport_id = lucid_span_str("passport-1"),
                                       .request_hash = lucid_span(raw, 32),
                                       .response_hash = lucid_span(raw, 32),
                                       .trace_id = lucid_span_str("t1"),
                                       .issued_ms = KIT_TIME_S * 1000};
}

static void chain_close(struct chain *chain)
{
    lucid_arena_fini(&chain->arena);
}

static void test_made(void **state)
{
    (void)state;
    struct chain chain;
    struct interaction again;
    struct lucid_why why = {.code = NULL};
    chain_open(&chain);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    assert_int_equal(chain.made.link_count, 5);
    assert_int_equal(chain.made.decision, CLAIMS_REDACT);
    assert_true(lucid_span_is(chain.made.id, "i-1"));
    assert_true(lucid_span_is(chain.made.passport_id, "passport-1"));
    assert_int_equal(chain.made.issued_ms, KIT_TIME_S * 1000);
    assert_int_equal(interaction_parse(chain.made.canonical, &chain.arena, &again, &why), LUCID_OK);
    assert_memory_equal(again.record_id, chain.made.record_id, LUCID_SHA256_BYTES);
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(chain.made.canonical, hash);
    assert_memory_equal(again.record_id, hash, LUCID_SHA256_BYTES);
    /* The first link holds on to the request and the trace, as the header says. */
    struct lucid_buf genesis = {.bytes_max = 0};
    kit_text("{'requestHash':'" H32 "','traceId':'t1','type':'lucid.attestation.interaction/v1'}",
             NULL, NULL, &genesis);
    lucid_sha256(lucid_buf_span(&genesis), hash);
    assert_memory_equal(again.links[0].previous, hash, LUCID_SHA256_BYTES);
    lucid_buf_fini(&genesis);
    chain_close(&chain);
}

/* Orders and ends that cannot be. */
static void test_not_made(void **state)
{
    (void)state;
    struct chain chain;
    struct lucid_why why = {.code = NULL};
    chain_open(&chain);
    const struct claims_document *backwards[] = {chain.list[1], chain.list[0]};
    assert_int_equal(interaction_make(&chain.form, backwards, 2, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_INTERACTION");
    assert_string_equal(why.param, "auditors[1].phase");
    assert_int_equal(interaction_make(&chain.form, chain.list, 0, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors");
    /* A deny ends it. */
    chain_add(&chain, 2, 3, "request", "deny", SUBJECT);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[3]");
    /* And then there may be no response. */
    assert_int_equal(interaction_make(&chain.form, chain.list, 3, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    chain.form.response_hash.len = 0;
    assert_int_equal(interaction_make(&chain.form, chain.list, 3, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    assert_int_equal(chain.made.decision, CLAIMS_DENY);
    assert_int_equal(interaction_make(&chain.form, chain.list, 2, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "responseHash");
    chain_close(&chain);
}

/* Claims about something else. */
static void test_other_subjects(void **state)
{
    (void)state;
    struct chain chain;
    struct lucid_why why = {.code = NULL};
    static const char *const others[] = {
        ",'subject':{'traceId':'t2'}",
        ",'subject':{'requestHash':'"
        "2222222222222222222222222222222222222222222222222222222222222222"
        "'}",
        ",'subject':{'responseHash':'"
        "222222222222222222222222222222222222222222222222222222222222222"
        "2'}"};
    chain_open(&chain);
    for (size_t i = 0; i < 3; i++) {
        chain_add(&chain, 3, 2, "execution", "proceed", others[i]);
        assert_int_equal(
            interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
            LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, "auditors[3]");
    }
    chain_close(&chain);
}

/* Claims that would fit any request, the same claims twice, claims that are newer than the record:
 * refused at their place. */
static void test_not_of_this(void **state)
{
    (void)state;
    static const char *const silent[] = {"", ",'subject':{'receiptHash':'" H32 "'}",
                                         ",'subject':{'responseHash':'" H32 "'}"};
    struct chain chain;
    struct lucid_why why = {.code = NULL};
    chain_open(&chain);
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
        chain_add(&chain, 3, 2, "execution", "proceed", silent[i]);
        assert_int_equal(
            interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
            LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, "auditors[3]");
    }
    chain_add(&chain, 3, 2, "execution", "proceed", ",'subject':{'requestHash':'" H32 "'}");
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    const struct claims_document *twice[] = {chain.list[0], chain.list[1], chain.list[1],
                                             chain.list[3], chain.list[4]};
    assert_int_equal(interaction_make(&chain.form, twice, 5, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[2].claimsDigest");
    /* Clocks may differ by a minute. */
    chain.form.issued_ms -= RULES_FUTURE_S * UINT64_C(1000);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    chain.form.issued_ms--;
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[0]");
    chain_close(&chain);
}

/* A record against other documents than it was made of. */
static void test_match(void **state)
{
    (void)state;
    struct chain chain;
    struct lucid_why why = {.code = NULL};
    chain_open(&chain);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, &why),
                     LUCID_OK);
    assert_int_equal(interaction_match(&chain.made, chain.list, 5, &why), LUCID_OK);
    assert_int_equal(interaction_match(&chain.made, chain.list, 4, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[4]");
    const struct claims_document *swapped[] = {chain.list[0], chain.list[2], chain.list[1],
                                               chain.list[3], chain.list[4], chain.list[4]};
    assert_int_equal(interaction_match(&chain.made, swapped, 5, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[1].claimsDigest");
    const struct claims_document *more[] = {chain.list[0], chain.list[1], chain.list[2],
                                            chain.list[3], chain.list[4], chain.list[4]};
    assert_int_equal(interaction_match(&chain.made, more, 6, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "auditors[5]");
    static const char *const members[] = {"id", "phase", "decision"};
    for (size_t i = 0; i < 3; i++) {
        struct claims_document other = chain.documents[2];
        const struct claims_document *list[] = {chain.list[0], chain.list[1], &other, chain.list[3],
                                                chain.list[4]};
        char param[32];
        if (i == 0) {
            other.auditor = lucid_span_str("a9");
        } else if (i == 1) {
            other.phase = CLAIMS_RESPONSE;
        } else {
            other.decision = CLAIMS_DENY;
        }
        snprintf(param, sizeof(param), "auditors[2].%s", members[i]);
        assert_int_equal(interaction_match(&chain.made, list, 5, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, param);
    }
    chain_close(&chain);
}

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct interaction interaction;
    return interaction_parse(text, arena, &interaction, why);
}

#define BAD "INVALID_INTERACTION"

/* One thing of a good record changed: the link after it does not fit, or the hash at the end. */
static void test_changes(void **state)
{
    (void)state;
    struct chain chain;
    chain_open(&chain);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, NULL),
                     LUCID_OK);
    char *text = strndup((const char *)chain.made.canonical.data, chain.made.canonical.len);
    static const struct kit_fault faults[] = {
        {"\"decision\":\"warn\"", "\"decision\":\"proceed\"", BAD, "auditors[2].previous"},
        {"\"decision\":\"redact\"", "\"decision\":\"proceed\"", BAD, "chainHash"},
        {"\"id\":\"a3\"", "\"id\":\"a4\"", BAD, "auditors[3].previous"},
        {"\"phase\":\"artifact\"", "\"phase\":\"request\"", BAD, "auditors[1].previous"},
        {"\"phase\":\"artifact\"", "\"phase\":\"execution\"", BAD, "auditors[1].phase"},
        {"\"position\":2", "\"position\":3", BAD, "auditors[2].position"},
        {"\"position\":0", "\"position\":1", BAD, "auditors[0].position"},
        {"\"position\":2,", "", BAD, "auditors[2].position"},
        {"\"position\":2,", "\"position\":2,\"note\":1,", BAD, "auditors[2].note"},
        {"\"traceId\":\"t1\"", "\"traceId\":\"t2\"", BAD, "auditors[0].previous"},
        {"\"requestHash\":\"11", "\"requestHash\":\"12", BAD, "auditors[0].previous"},
        {"\"requestHash\":\"11", "\"requestHash\":\"1", BAD, "requestHash"},
        {"\"responseHash\":\"" H32 "\",", "", BAD, "responseHash"},
        {"\"id\":\"i-1\"", "\"id\":\"i-2\"", NULL, ""}, /* the log's entry holds on to that */
        {"\"id\":\"i-1\"", "\"id\":\"\"", BAD, "id"},
        {"\"passportId\":\"passport-1\"", "\"passport\":\"passport-1\"", BAD, "passport"},
        {"\"passportId\":\"passport-1\",", "", NULL, ""},
        {"\"decision\":\"warn\"", "\"decision\":\"maybe\"", BAD, "auditors[1].decision"},
        {"\"issuedAt\":\"2026", "\"issuedAt\":\"26", BAD, "issuedAt"},
        {"\"chainHash\":\"sha256:", "\"chainHash\":\"", BAD, "chainHash"},
        {"interaction/v1", "interaction/v0", BAD, "type"},
    };
    kit_faults(text, faults, sizeof(faults) / sizeof(faults[0]), parse);
    free(text);
    chain_close(&chain);
}

/* Where the nth link of the text begins and ends. */
static const char *link_at(const char *text, size_t index, size_t *ret_len)
{
    const char *at = strstr(text, "\"auditors\":[") + strlen("\"auditors\":[");
    for (size_t i = 0; i < index; i++) {
        at = strchr(at, '}') + 2;
    }
    *ret_len = (size_t)(strchr(at, '}') + 1 - at);
    return at;
}

/* Every link left out, doubled and swapped with the next. */
static void test_links_moved(void **state)
{
    (void)state;
    struct chain chain;
    chain_open(&chain);
    assert_int_equal(interaction_make(&chain.form, chain.list, 5, &chain.arena, &chain.made, NULL),
                     LUCID_OK);
    char *text = strndup((const char *)chain.made.canonical.data, chain.made.canonical.len);
    size_t refused = 0;
    for (size_t i = 0; i < 5; i++) {
        size_t len;
        size_t next_len = 0;
        const char *link = link_at(text, i, &len);
        const char *next = i < 4 ? link_at(text, i + 1, &next_len) : NULL;
        for (unsigned how = 0; how < 3; how++) {
            struct lucid_buf buf = {.bytes_max = 0};
            struct lucid_why why = {.code = NULL};
            lucid_buf_put(&buf, text, (size_t)(link - text));
            const char *rest = link + len;
            if (how == 0) { /* left out */
                rest += i < 4 ? 1 : 0;
                buf.len -= i < 4 ? 0 : 1;
            } else if (how == 1) { /* twice */
                lucid_buf_put(&buf, link, len);
                lucid_buf_char(&buf, ',');
                lucid_buf_put(&buf, link, len);
            } else if (next != NULL) { /* swapped */
                lucid_buf_put(&buf, next, next_len);
                lucid_buf_char(&buf, ',');
                lucid_buf_put(&buf, link, len);
                rest = next + next_len;
            } else {
                lucid_buf_fini(&buf);
                continue;
            }
            lucid_buf_str(&buf, rest);
            assert_int_equal(parse(lucid_buf_span(&buf), &chain.arena, &why), LUCID_REFUSE_INVALID);
            assert_string_equal(why.code, BAD);
            assert_true(strncmp(why.param, "auditors[", 9) == 0 ||
                        strcmp(why.param, "chainHash") == 0);
            refused++;
            lucid_buf_fini(&buf);
        }
    }
    assert_int_equal(refused, 14);
    free(text);
    chain_close(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),           cmocka_unit_test(test_not_made),
        cmocka_unit_test(test_other_subjects), cmocka_unit_test(test_match),
        cmocka_unit_test(test_changes),        cmocka_unit_test(test_links_moved),
        cmocka_unit_test(test_not_of_this),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
