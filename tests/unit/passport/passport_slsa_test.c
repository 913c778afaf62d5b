/* plugins/passport/slsa/slsa.h: what is configured of builders, and every level with each reason
 * why it is not one more. */
#include "tests/unit/passport/arena_kit.h"
#include "tests/unit/passport/slsa_kit.h"

#include <string.h>

/* --- two builders ----------------------------------------------------------------------------- */

struct world {
    EVP_PKEY *first;
    EVP_PKEY *second;
    EVP_PKEY *stranger;
    struct slsa_builder items[3];
    struct slsa_builders builders;
    uint8_t container[LUCID_SHA256_BYTES];
};

/* The first signs by Ed25519, the second by ES256. */
static void world_init(struct world *world)
{
    *world = (struct world){.first = kit_key_new(JOSE_EDDSA),
                            .second = kit_key_new(JOSE_ES256),
                            .stranger = kit_key_new(JOSE_EDDSA)};
    world->items[0] = kit_builder(KIT_BUILDER, world->first);
    world->items[1] = kit_builder(KIT_SECOND, world->second);
    world->builders = (struct slsa_builders){.items = world->items, .count = 2};
    assert_true(lucid_hex_decode(lucid_span_str(KIT_DIGEST), world->container, LUCID_SHA256_BYTES));
    assert_int_equal(slsa_builders_check(&world->builders, NULL), LUCID_OK);
}

static void world_fini(struct world *world)
{
    EVP_PKEY_free(world->first);
    EVP_PKEY_free(world->second);
    EVP_PKEY_free(world->stranger);
}

static struct kit_statement of_second(void)
{
    struct kit_statement form = kit_plain;
    form.builder = KIT_SECOND;
    form.old_statement = true;
    form.old_predicate = true;
    return form;
}

static struct slsa_result levels_of(const struct world *world, const struct lucid_span *envelopes,
                                    size_t count)
{
    struct slsa_result result = {.level = 99};
    struct lucid_why why = {.code = NULL};
    if (slsa_appraise(envelopes, count, world->container, &world->builders, &arena, kit_ed25519,
                      NULL, &result, &why) != LUCID_OK) {
        fail_msg("%s: %s", why.param, why.text);
    }
    assert_string_equal(result.track, slsa_track(result.level));
    assert_int_equal(result.has_provenance, result.level >= 1);
    assert_int_equal(result.builder.len > 0, result.level >= 2);
    return result;
}

static void expect(const struct world *world, const struct kit_statement *form, EVP_PKEY *key,
                   unsigned level, const char *code)
{
    struct lucid_span envelope = kit_provenance(form, key, &arena);
    struct slsa_result result = levels_of(world, &envelope, 1);
    if (result.level != level || strcmp(result.code, code) != 0) {
        fail_msg("level %u %s, not %u %s", result.level, result.code, level, code);
    }
    if (level >= 1) {
        uint8_t digest[LUCID_SHA256_BYTES];
        lucid_sha256(envelope, digest);
        assert_memory_equal(result.provenance, digest, sizeof(digest));
    }
    if (level >= 2) {
        assert_true(lucid_span_is(result.builder, form->builder));
    }
}

static void every_level_below_4(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct slsa_result nothing = levels_of(&world, NULL, 0);
    assert_int_equal(nothing.level, 0);
    assert_string_equal(nothing.code, "slsa.no_provenance");
    assert_string_equal(nothing.track, "none");
    for (unsigned i = 0; i < 4; i++) {
        struct kit_statement form = kit_plain;
        form.old_statement = (i & 1) != 0;
        form.old_predicate = (i & 2) != 0;
        expect(&world, &form, world.first, 3, "slsa.one_builder");
        /* 2 */
        world.items[0].isolated = false;
        expect(&world, &form, world.first, 2, "slsa.not_isolated");
        world.items[0].isolated = true;
        form.source = "git+https://git.example/org-evil/app";
        expect(&world, &form, world.first, 2, "slsa.source_unexpected");
        form.source = NULL;
        expect(&world, &form, world.first, 2, "slsa.source_unexpected");
        form.source = KIT_SOURCE;
        form.build_type = KIT_TYPE "/";
        expect(&world, &form, world.first, 2, "slsa.build_type_unexpected");
        form.build_type = KIT_TYPE;
        world.items[0].source_count = 0; /* nothing is expected */
        expect(&world, &form, world.first, 2, "slsa.source_unexpected");
        world.items[0].source_count = 1;
        world.items[0].build_type_count = 0;
        expect(&world, &form, world.first, 2, "slsa.build_type_unexpected");
        world.items[0].build_type_count = 1;
        /* 1 */
        expect(&world, &form, world.stranger, 1, "slsa.signature_unknown");
        form.builder = KIT_BUILDER "/";
        expect(&world, &form, world.first, 1, "slsa.builder_unknown");
        form.builder = "https://CI.example/builder@v1";
        expect(&world, &form, world.first, 1, "slsa.builder_unknown");
        form.builder = KIT_BUILDER;
        /* 0 */
        form.digest = "{\"sha256\":\"" KIT_OTHER "\"}";
        expect(&world, &form, world.first, 0, "slsa.subject_differs");
    }
    assert_string_equal(slsa_track(0), "none");
    assert_string_equal(slsa_track(1), "SLSA_BUILD_LEVEL_1");
    assert_string_equal(slsa_track(2), "SLSA_BUILD_LEVEL_2");
    assert_string_equal(slsa_track(4), "SLSA_BUILD_LEVEL_3");
    world_fini(&world);
}

/* A digest counts under the name sha256 alone. */
static void digests_of_other_names(void **state)
{
    (void)state;
    static const char *const names[] = {"{\"sha512\":\"" KIT_DIGEST "\"}",
                                        "{\"SHA256\":\"" KIT_DIGEST "\"}",
                                        "{\"sha3-256\":\"" KIT_DIGEST "\"}",
                                        "{\"sha256 \":\"" KIT_DIGEST "\"}",
                                        "{\"gitCommit\":\"" KIT_DIGEST "\",\"sha256\":\"" KIT_OTHER
                                        "\"}",
                                        "{}"};
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct kit_statement form = kit_plain;
        form.digest = names[i];
        expect(&world, &form, world.first, 0, "slsa.subject_differs");
    }
    struct kit_statement form = kit_plain;
    form.digest = "{\"sha512\":\"00\",\"sha256\":\"" KIT_DIGEST "\"},\"x\":1},"
                  "{\"name\":\"b\",\"digest\":{\"sha256\":\"" KIT_OTHER "\"}";
    expect(&world, &form, world.first, 3, "slsa.one_builder");
    world_fini(&world);
}

/* A builder's key does not speak for another builder. */
static void keys_are_of_their_builder(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct kit_statement second = of_second();
    expect(&world, &kit_plain, world.second, 1, "slsa.signature_unknown");
    expect(&world, &second, world.first, 1, "slsa.signature_unknown");
    expect(&world, &second, world.second, 3, "slsa.one_builder");
    /* keyid is what the sender says; what is signed is of the type that was signed. */
    struct lucid_buf payload = {0};
    kit_statement_write(&kit_plain, &payload);
    const struct {
        struct kit_envelope how;
        unsigned level;
    } cases[] = {
        {{.keys = {world.stranger}, .keyid = KIT_BUILDER}, 1},
        {{.keys = {world.first}, .keyid = "of somebody else"}, 3},
        {{.keys = {world.stranger, world.first}}, 3},
        {{.keys = {world.first}, .type = "text/plain", .said_type = SLSA_STATEMENT_TYPE}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf text = {0};
        kit_envelope_write((const char *)payload.data, &cases[i].how, &text);
        struct lucid_span envelope = lucid_buf_span(&text);
        assert_int_equal(levels_of(&world, &envelope, 1).level, cases[i].level);
        lucid_buf_fini(&text);
    }
    lucid_buf_fini(&payload);
    /* A second key of a builder is as good as the first. */
    world.items[0].keys[1] = kit_public(world.stranger);
    world.items[0].key_count = 2;
    expect(&world, &kit_plain, world.stranger, 3, "slsa.one_builder");
    world_fini(&world);
}

static void level_4(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct kit_statement form = of_second();
    struct lucid_span both[3] = {kit_provenance(&kit_plain, world.first, &arena),
                                 kit_provenance(&form, world.second, &arena)};
    struct slsa_result result = levels_of(&world, both, 2);
    assert_int_equal(result.level, 4);
    assert_string_equal(result.code, "slsa.complete");
    assert_string_equal(result.track, "SLSA_BUILD_LEVEL_3");
    assert_true(lucid_span_is(result.builder, KIT_BUILDER));

    /* In any order, and beside others that show less. */
    struct kit_statement other = kit_plain;
    other.digest = "{\"sha256\":\"" KIT_OTHER "\"}";
    const struct lucid_span more[] = {kit_provenance(&other, world.first, &arena), both[1],
                                      both[0]};
    result = levels_of(&world, more, 3);
    assert_int_equal(result.level, 4);
    assert_true(lucid_span_is(result.builder, KIT_SECOND));

    /* One envelope twice; two of one builder. */
    const struct lucid_span twice[] = {both[0], both[0]};
    assert_int_equal(levels_of(&world, twice, 2).level, 3);
    other = kit_plain;
    other.old_statement = true;
    const struct lucid_span same[] = {both[0], kit_provenance(&other, world.first, &arena)};
    result = levels_of(&world, same, 2);
    assert_int_equal(result.level, 3);
    assert_string_equal(result.code, "slsa.one_builder");

    /* The second is of another digest, not believed, or not of what is expected. */
    form.digest = "{\"sha256\":\"" KIT_OTHER "\"}";
    both[1] = kit_provenance(&form, world.second, &arena);
    assert_int_equal(levels_of(&world, both, 2).level, 3);
    form.digest = NULL;
    both[1] = kit_provenance(&form, world.stranger, &arena);
    assert_int_equal(levels_of(&world, both, 2).level, 3);
    form.source = "git+https://git.example/else/app";
    both[1] = kit_provenance(&form, world.second, &arena);
    assert_int_equal(levels_of(&world, both, 2).level, 3);
    form.source = KIT_SOURCE;
    both[1] = kit_provenance(&form, world.second, &arena);
    world.items[1].isolated = false;
    assert_int_equal(levels_of(&world, both, 2).level, 3);
    world.items[1].isolated = true;
    assert_int_equal(levels_of(&world, both, 2).level, 4);
    world_fini(&world);
}

/* Who has a key of two builders would be its own witness. */
static void builders_with_one_key(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct kit_statement form = of_second();
    const struct lucid_span both[] = {kit_provenance(&kit_plain, world.second, &arena),
                                      kit_provenance(&form, world.second, &arena)};
    world.items[0].keys[1] = kit_public(world.second);
    world.items[0].key_count = 2;
    assert_int_equal(levels_of(&world, both, 2).level, 3);
    /* also where each signed by the key that the other has not */
    const struct lucid_span apart[] = {kit_provenance(&kit_plain, world.first, &arena),
                                       kit_provenance(&form, world.second, &arena)};
    assert_int_equal(levels_of(&world, apart, 2).level, 3);
    struct lucid_why why = {.code = NULL};
    assert_int_equal(slsa_builders_check(&world.builders, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_BUILDER");
    assert_string_equal(why.param, "builders[1].keys");
    /* The mirror image of a point is the key of the same owner. */
    for (size_t i = 0; i < 32; i++) {
        world.items[0].keys[1].y[i] ^= 0xff;
    }
    assert_int_equal(slsa_builders_check(&world.builders, NULL), LUCID_REFUSE_INVALID);
    assert_int_equal(levels_of(&world, apart, 2).level, 3);
    world.items[0].key_count = 1;
    assert_int_equal(levels_of(&world, apart, 2).level, 4);
    world_fini(&world);
}

/* --- what is configured ----------------------------------------------------------------------- */

static void builders_are_checked(void **state)
{
    (void)state;
    static uint8_t long_text[SLSA_TEXT_BYTES_MAX + 1];
    struct world world;
    world_init(&world);
    const struct slsa_builder good = world.items[1];
    memset(long_text, 'x', sizeof(long_text));
    static const char *const params[] = {"builders[1].id",
                                         "builders[1].id",
                                         "builders[1].id",
                                         "builders[1].keys",
                                         "builders[1].sources[1]",
                                         "builders[1].sources[0]",
                                         "builders[1].buildTypes[0]",
                                         "builders[1].buildTypes[1]"};
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        struct slsa_builder bad = good;
        struct lucid_why why = {.code = NULL};
        bad.source_count = i == 4 ? 2 : 1;
        bad.build_type_count = i == 7 ? 2 : 1;
        bad.key_count = i == 3 ? 0 : 1;
        bad.id = i == 0   ? lucid_span_str("")
                 : i == 1 ? lucid_span(long_text, sizeof(long_text))
                 : i == 2 ? world.items[0].id
                          : good.id;
        bad.sources[1] = lucid_span_str("");
        bad.sources[0] = lucid_span_str(i == 5 ? "git+https://h/org*" : "git+https://h/org/*");
        bad.build_types[0] = lucid_span_str(i == 6 ? "https://t/*" : KIT_TYPE);
        bad.build_types[1] = lucid_span_str("");
        world.items[1] = bad;
        assert_int_equal(slsa_builders_check(&world.builders, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_BUILDER");
        assert_string_equal(why.param, params[i]);
        assert_true(why.text[0] != '\0');
    }
    world.items[1] = good;
    assert_int_equal(slsa_builders_check(&world.builders, NULL), LUCID_OK);
    world_fini(&world);
}

/* --- refusals of the whole -------------------------------------------------------------------- */

static void refusals_name_the_envelope(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const struct kit_envelope how = {.keys = {world.first}};
    const struct kit_envelope plain_text = {.keys = {world.first}, .type = "text/plain"};
    static const struct {
        const char *payload;
        bool other_type;
        const char *param;
    } cases[] = {
        {"{}", true, "provenance[1].payloadType"},
        {"{}", false, "provenance[1].payload._type"},
        {"x", false, "provenance[1].payload"},
        {"", false, "provenance[1].payload"},
        {"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{}],\"predicate\":{},"
         "\"predicateType\":\"https://slsa.dev/provenance/v0.2\"}",
         false, "provenance[1].payload.predicate.builder"},
    };
    struct lucid_span envelopes[SLSA_ENVELOPES_MAX + 1] = {
        kit_provenance(&kit_plain, world.first, &arena)};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf text = {0};
        struct slsa_result result = {.level = 99};
        struct lucid_why why = {.code = NULL};
        kit_envelope_write(cases[i].payload, cases[i].other_type ? &plain_text : &how, &text);
        envelopes[1] = lucid_buf_span(&text);
        assert_int_equal(slsa_appraise(envelopes, 2, world.container, &world.builders, &arena,
                                       kit_ed25519, NULL, &result, &why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_PROVENANCE");
        assert_string_equal(why.param, cases[i].param);
        assert_int_equal(result.level, 99); /* untouched */
        lucid_buf_fini(&text);
    }
    struct slsa_result result;
    struct lucid_why why = {.code = NULL};
    envelopes[1] = lucid_span_str("{");
    assert_int_equal(slsa_appraise(envelopes, 2, world.container, &world.builders, &arena,
                                   kit_ed25519, NULL, &result, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "provenance[1]");
    for (size_t i = 1; i <= SLSA_ENVELOPES_MAX; i++) {
        envelopes[i] = envelopes[0];
    }
    assert_int_equal(levels_of(&world, envelopes, SLSA_ENVELOPES_MAX).level, 3);
    assert_int_equal(slsa_appraise(envelopes, SLSA_ENVELOPES_MAX + 1, world.container,
                                   &world.builders, &arena, kit_ed25519, NULL, &result, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "provenance");
    world_fini(&world);
}

/* Every bit of an envelope: refused, or a level that needs no signature. What is not signed is the
 * frame: names of members that are read over. */
static void every_change_is_seen(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct lucid_span envelope = kit_provenance(&kit_plain, world.first, &arena);
    struct lucid_buf text = {0};
    lucid_buf_span_put(&text, envelope);
    size_t refused = 0;
    size_t unsigned_levels = 0;
    for (size_t bit = 0; bit < text.len * 8; bit++) {
        struct slsa_result result = {.level = 0};
        struct lucid_arena small;
        lucid_arena_init(&small, 1 << 20);
        text.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct lucid_span changed = lucid_buf_span(&text);
        enum lucid_error e = slsa_appraise(&changed, 1, world.container, &world.builders, &small,
                                           kit_ed25519, NULL, &result, NULL);
        if (e != LUCID_OK) {
            assert_int_equal(e, LUCID_REFUSE_INVALID);
            refused++;
        } else {
            assert_true(result.level < 2);
            unsigned_levels++;
        }
        text.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        lucid_arena_fini(&small);
    }
    assert_true(refused > 0 && unsigned_levels > 0);
    lucid_buf_fini(&text);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_level_below_4, start, stop),
        cmocka_unit_test_setup_teardown(digests_of_other_names, start, stop),
        cmocka_unit_test_setup_teardown(keys_are_of_their_builder, start, stop),
        cmocka_unit_test_setup_teardown(level_4, start, stop),
        cmocka_unit_test_setup_teardown(builders_with_one_key, start, stop),
        cmocka_unit_test_setup_teardown(builders_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(refusals_name_the_envelope, start, stop),
        cmocka_unit_test_setup_teardown(every_change_is_seen, start, stop),
    };
    return cmocka_run_group_tests_name("passport_slsa", tests, NULL, NULL);
}
