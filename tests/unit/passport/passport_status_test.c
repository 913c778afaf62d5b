/* The status list: written, signed, read, searched; and what is refused. */
#include "plugins/passport/status.h"

#include "plugins/verifier/canonical.h"
#include "tests/unit/passport/passport_kit.h"

static const char claims_form[] =
    "{'checkpoint':'log.example\\n7\\n','exp':1790003600,'iat':1790000000,'iss':'log.example',"
    "'revoked':[{'at':1790000001,'id':'pass-aaaaaaaaaaaa','reason':'teeRevoked'},"
    "{'at':1790000002,'id':'pass-aaaaaaaaaaaaa','reason':'superseded'},"
    "{'at':1790000003,'id':'pass-bbbbbbbbbbbb','reason':'operatorRequest'}],"
    "'superseded':[{'at':1790000004,'by':'pass-zzzzzzzzzzzz','id':'pass-bbbbbbbbbbbb'},"
    "{'at':1790000005,'by':'pass-zzzzzzzzzzzz','id':'pass-cccccccccccc'}],"
    "'test':false,'treeSize':7}";

static struct lucid_span token_of(struct lucid_span header, struct lucid_span claims,
                                  struct ledger_ed25519_key *key, struct lucid_arena *arena)
{
    struct lucid_buf out = {.bytes_max = 0};
    assert_true(jose_write(header, claims, kit_sign, key, &out));
    struct lucid_span token = lucid_arena_copy(arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return token;
}

static struct lucid_span signed_claims(struct lucid_span claims, struct ledger_ed25519_key *key,
                                       struct lucid_arena *arena)
{
    struct lucid_buf out = {.bytes_max = 0};
    assert_int_equal(status_token_write(claims, kit_kid(key, arena), kit_sign, key, &out),
                     LUCID_OK);
    struct lucid_span token = lucid_arena_copy(arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return token;
}

static enum lucid_error read_with(struct lucid_span token, const struct ledger_ed25519_key *keys,
                                  size_t count, struct lucid_arena *arena, struct status_list *ret,
                                  size_t *ret_key, struct lucid_why *why)
{
    uint8_t trusted[4][PASSPORT_KEY_BYTES];
    assert_in_range(count, 0, 4);
    for (size_t i = 0; i < count; i++) {
        memcpy(trusted[i], keys[i].public_key, PASSPORT_KEY_BYTES);
    }
    return status_list_read(token, (const uint8_t(*)[PASSPORT_KEY_BYTES])trusted, count,
                            kit_ed25519, NULL, arena, ret, ret_key, why);
}

static void test_read(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf again = {.bytes_max = 0};
    struct status_list list;
    size_t which;
    struct ledger_ed25519_key keys[2] = {kit_key(1), kit_key(2)};
    lucid_arena_init(&arena, 4U << 20);
    struct lucid_span claims = kit_text(claims_form, NULL, NULL, &text);
    struct lucid_span token = signed_claims(claims, &keys[1], &arena);
    assert_int_equal(read_with(token, keys, 2, &arena, &list, &which, NULL), LUCID_OK);
    assert_int_equal(which, 1);
    assert_int_equal(list.entry_count, 5);
    assert_int_equal(list.tree_size, 7);
    assert_true(lucid_span_is(list.checkpoint, "log.example\n7\n"));
    assert_true(lucid_span_is(list.issuer, "log.example"));
    status_claims_write(&list, &again);
    assert_true(lucid_span_equal(lucid_buf_span(&again), claims));

    const struct status_entry *found =
        status_list_find(&list, lucid_span_str("pass-aaaaaaaaaaaaa"));
    assert_non_null(found);
    assert_int_equal(found->reason, STATUS_REASON_SUPERSEDED);
    assert_int_equal(found->at_s, 1790000002);
    found = status_list_find(&list, lucid_span_str("pass-bbbbbbbbbbbb")); /* on both */
    assert_non_null(found);
    assert_int_equal(found->kind, STATUS_REVOKED);
    found = status_list_find(&list, lucid_span_str("pass-cccccccccccc"));
    assert_non_null(found);
    assert_true(lucid_span_is(found->by, "pass-zzzzzzzzzzzz"));
    assert_null(status_list_find(&list, lucid_span_str("pass-aaaaaaaaaaab")));
    assert_null(status_list_find(&list, lucid_span_str("")));

    /* By somebody else: it is read, and believed by nobody. */
    assert_int_equal(read_with(token, keys, 1, &arena, &list, &which, NULL), LUCID_OK);
    assert_int_equal(which, STATUS_NO_KEY);
    assert_int_equal(read_with(token, keys, 0, &arena, &list, &which, NULL), LUCID_OK);
    assert_int_equal(which, STATUS_NO_KEY);
    lucid_buf_fini(&text);
    lucid_buf_fini(&again);
    lucid_arena_fini(&arena);
}

/* Each bit of the signature, and each character of the token. */
static void test_flips(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(1);
    lucid_arena_init(&arena, 64U << 20);
    struct lucid_span token = signed_claims(kit_text(claims_form, NULL, NULL, &text), &key, &arena);
    uint8_t *changed = lucid_arena_alloc(&arena, token.len);
    assert_non_null(changed);
    memcpy(changed, token.data, token.len);
    for (size_t i = 0; i < token.len; i++) {
        for (unsigned bit = 0; bit < 7; bit++) {
            struct lucid_arena scratch;
            struct status_list list;
            size_t which = STATUS_NO_KEY;
            lucid_arena_init(&scratch, 1U << 20);
            changed[i] ^= (uint8_t)(1U << bit);
            if (read_with(lucid_span(changed, token.len), &key, 1, &scratch, &list, &which, NULL) ==
                LUCID_OK) {
                assert_int_equal(which, STATUS_NO_KEY);
            }
            changed[i] ^= (uint8_t)(1U << bit);
            lucid_arena_fini(&scratch);
        }
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct ledger_ed25519_key key = kit_key(1);
    struct status_list list;
    size_t which;
    return read_with(signed_claims(text, &key, arena), &key, 1, arena, &list, &which, why);
}

#define BAD "INVALID_STATUS"

static void test_faults(void **state)
{
    (void)state;
    static const struct kit_fault faults[] = {
        {NULL, NULL, NULL, ""},
        {"'checkpoint':'log.example\\n7\\n'", "'checkpoint':null", NULL, ""},
        {"'checkpoint':'log.example\\n7\\n'", "'checkpoint':7", BAD, "checkpoint"},
        {"'checkpoint':'log.example\\n7\\n'", "'checkpoint':''", BAD, "checkpoint"},
        {"'checkpoint':'log.example\\n7\\n',", "", BAD, "checkpoint"},
        {"'exp':1790003600", "'exp':1790003601", BAD, "exp"},
        {"'exp':1790003600", "'exp':1790000000", BAD, "exp"},
        {"'exp':1790003600", "'exp':1789999999", BAD, "exp"},
        {"'exp':1790003600", "'exp':'1790003600'", BAD, "exp"},
        {"'iat':1790000000,", "", BAD, "iat"},
        {"'iss':'log.example'", "'iss':''", BAD, "iss"},
        {"'test':false,", "", BAD, "test"},
        {"'treeSize':7", "'treeSize':-7", BAD, "treeSize"},
        {"'test':false,", "'test':false,'treeAge':1,", BAD, "treeAge"},
        {"{'checkpoint'", "{ 'checkpoint'", BAD, ""},
        {"'revoked':[{", "'revoked':[7,{", BAD, "revoked[0]"},
        {"'reason':'teeRevoked'", "'reason':'TeeRevoked'", BAD, "revoked[0].reason"},
        {",'reason':'teeRevoked'", "", BAD, "revoked[0].reason"},
        {"pass-aaaaaaaaaaaa'", "pass-AAAAAAAAAAAA'", BAD, "revoked[0].id"},
        {"pass-aaaaaaaaaaaaa'", "pass-aaaaaaaaaaaa'", BAD, "revoked[1]"},
        {"pass-aaaaaaaaaaaaa'", "pass-9aaaaaaaaaaaa'", BAD, "revoked[1]"},
        {"'by':'pass-zzzzzzzzzzzz',", "", BAD, "superseded[0].by"},
        {"'id':'pass-cccccccccccc'", "'id':'pass-aaaaaaaaaaaa'", BAD, "superseded[1]"},
        {"'treeSize':7}", "'treeSize':7", BAD, ""},
    };
    kit_faults(claims_form, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool good;
    } rows[] = {
        {"{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"" STATUS_TYP "\"}", true},
        {"{\"alg\":\"Ed25519\",\"kid\":\"%s\",\"typ\":\"" STATUS_TYP "\"}", true},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", false},
        {"{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", false},
        {"{\"alg\":\"none\",\"kid\":\"%s\",\"typ\":\"" STATUS_TYP "\"}", false},
        {"{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"" STATUS_TYP "\"}", false},
        {"{\"alg\":\"EdDSA\",\"crit\":[],\"kid\":\"%s\",\"typ\":\"" STATUS_TYP "\"}", false},
    };
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(1);
    lucid_arena_init(&arena, 4U << 20);
    struct lucid_span claims = kit_text(claims_form, NULL, NULL, &text);
    const char *kid = (const char *)kit_kid(&key, &arena).data;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lucid_buf header = {.bytes_max = 0};
        const char *at = strstr(rows[i].header, "%s");
        struct status_list list;
        struct lucid_why why = {.code = NULL};
        size_t which = STATUS_NO_KEY;
        lucid_buf_put(&header, rows[i].header, (size_t)(at - rows[i].header));
        lucid_buf_str(&header, kid);
        lucid_buf_str(&header, at + 2);
        enum lucid_error error = read_with(token_of(lucid_buf_span(&header), claims, &key, &arena),
                                           &key, 1, &arena, &list, &which, &why);
        if (rows[i].good) {
            assert_int_equal(error, LUCID_OK);
            assert_int_equal(which, 0);
        } else {
            assert_int_equal(error, LUCID_REFUSE_INVALID);
            assert_string_equal(why.code, BAD);
        }
        lucid_buf_fini(&header);
    }
    /* Another kid than the key's: nobody is asked. */
    struct lucid_span wrong =
        token_of(lucid_span_str("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"" STATUS_TYP "\"}"),
                 claims, &key, &arena);
    struct status_list list;
    size_t which;
    assert_int_equal(read_with(wrong, &key, 1, &arena, &list, &which, NULL), LUCID_OK);
    assert_int_equal(which, STATUS_NO_KEY);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* As many as may be, in the order in which a log happens to know them. */
static void test_many(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 64U << 20);
    struct status_entry *entries =
        lucid_arena_zalloc(&arena, STATUS_ENTRIES_MAX * sizeof(*entries));
    assert_non_null(entries);
    for (size_t i = 0; i < STATUS_ENTRIES_MAX; i++) {
        char id[32];
        /* An odd factor goes once through all residues. */
        size_t number = i * 5309 % STATUS_ENTRIES_MAX;
        int len = snprintf(id, sizeof(id), "pass-number%08zu", number);
        entries[i] =
            (struct status_entry){.kind = number % 3 == 0 ? STATUS_SUPERSEDED : STATUS_REVOKED,
                                  .at_s = number,
                                  .id = lucid_arena_copy(&arena, lucid_span(id, (size_t)len)),
                                  .by = lucid_span_str("pass-successor000")};
    }
    status_entries_sort(entries, STATUS_ENTRIES_MAX);
    struct status_list list = {.issuer = lucid_span_str("log.example"),
                               .iat_s = 100,
                               .exp_s = 200,
                               .entries = entries,
                               .entry_count = STATUS_ENTRIES_MAX};
    struct lucid_buf claims = {.bytes_max = 0};
    status_claims_write(&list, &claims);
    struct ledger_ed25519_key key = kit_key(1);
    struct lucid_span token = signed_claims(lucid_buf_span(&claims), &key, &arena);
    assert_in_range(token.len, 1U << 20, STATUS_BYTES_MAX);
    struct status_list read;
    size_t which;
    assert_int_equal(read_with(token, &key, 1, &arena, &read, &which, NULL), LUCID_OK);
    assert_int_equal(which, 0);
    for (size_t number = 0; number < STATUS_ENTRIES_MAX; number++) {
        char id[32];
        int len = snprintf(id, sizeof(id), "pass-number%08zu", number);
        const struct status_entry *found = status_list_find(&read, lucid_span(id, (size_t)len));
        assert_non_null(found);
        assert_int_equal(found->at_s, number);
    }
    lucid_buf_fini(&claims);
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_flips), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
