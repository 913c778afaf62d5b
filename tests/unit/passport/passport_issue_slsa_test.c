/* plugins/passport/issue.h with provenance: the level of the request's envelopes is what the
 * passport says, and what minSlsaLevel asks for. */
#include "tests/unit/passport/issue_world.h"

#include "tests/unit/passport/slsa_kit.h"

#define WORKLOAD "{'container':{'digest':'" LOG_CONTAINER "','registry':'registry.example/app'}}"

static void builder_add(struct log *log, const char *id, EVP_PKEY *key)
{
    struct slsa_builders *builders = &log->application.builders;
    if (builders->items == NULL) {
        builders->items = lucid_arena_zalloc(&log->arena, 2 * sizeof(*builders->items));
        assert_non_null(builders->items);
    }
    builders->items[builders->count++] = kit_builder(id, key);
}

static void provenance_add(struct log *log, const char *builder, EVP_PKEY *key)
{
    struct kit_statement form = kit_plain;
    form.digest = "{\"sha256\":\"" H32 "\"}";
    form.builder = builder;
    log->request.provenance[log->request.provenance_count++] =
        kit_provenance(&form, key, &log->arena);
}

/* senders: who signs the envelopes of the first and the second builder; NULL: none of it. */
static void level_is(EVP_PKEY *const keys[2], EVP_PKEY *const senders[2], unsigned level)
{
    static const char *const ids[] = {KIT_BUILDER, KIT_SECOND};
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.workload = WORKLOAD});
    for (size_t i = 0; i < 2; i++) {
        builder_add(log, ids[i], keys[i]);
        if (senders[i] != NULL) {
            provenance_add(log, ids[i], senders[i]);
        }
    }
    log->application.slsa_level_min = level;
    log_issue(log);
    assert_int_equal(log->issue.slsa.level, level);
    assert_int_equal(log->passport.slsa.level, level);
    assert_true(lucid_span_is(log->passport.slsa.track, slsa_track(level)));
    log_says(log, "slsa.concludedBy", "'" LOG_ORIGIN "'");
    assert_int_equal(log->passport.slsa.has_provenance, level > 0);
    if (level > 0) {
        uint8_t digest[LUCID_SHA256_BYTES];
        lucid_sha256(log->request.provenance[0], digest);
        assert_memory_equal(log->passport.slsa.provenance, digest, sizeof(digest));
    }
    if (level < SLSA_LEVEL_MAX) { /* one more is not there */
        log->application.slsa_level_min = level + 1;
        assert_int_not_equal(log_run(log), LUCID_OK);
        assert_string_equal(log->why.code, "PASSPORT_REFUSED");
        assert_string_equal(log->why.param, "provenance");
        assert_non_null(strstr(log->why.text, "slsa."));
    }
    log_close(log);
    free(log);
}

static void test_levels(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {kit_key_new(JOSE_EDDSA), kit_key_new(JOSE_ES256)};
    EVP_PKEY *stranger = kit_key_new(JOSE_ES256);
    level_is(keys, (EVP_PKEY *const[]){NULL, NULL}, 0);
    level_is(keys, (EVP_PKEY *const[]){stranger, NULL}, 1);
    level_is(keys, (EVP_PKEY *const[]){keys[0], NULL}, 3);
    level_is(keys, (EVP_PKEY *const[]){NULL, keys[1]}, 3);
    level_is(keys, (EVP_PKEY *const[]){keys[0], stranger}, 3);
    level_is(keys, (EVP_PKEY *const[]){keys[0], keys[0]}, 3);
    level_is(keys, (EVP_PKEY *const[]){keys[0], keys[1]}, 4);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    EVP_PKEY_free(stranger);
}

/* Malformed provenance is refused by its member. */
static void test_malformed(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.workload = WORKLOAD});
    log->request.provenance[log->request.provenance_count++] = lucid_span_str("{}");
    log_request(log);
    assert_int_equal(log_run(log), LUCID_REFUSE_INVALID);
    assert_string_equal(log->why.code, "INVALID_PROVENANCE");
    assert_string_equal(log->why.param, "provenance[0].payloadType");
    log_close(log);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests_name("passport_issue_slsa", tests, NULL, NULL);
}
