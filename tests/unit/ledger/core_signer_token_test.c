/* The registries of signers and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/sha256.h"
#include "ledger/ed25519.h"
#include "tests/unit/ledger/core_world.h"

enum { SIGNERS = 40, TOKENS = 25 };

static struct core_world world;

static int world_make(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static struct ledger_signer signer_of(unsigned number)
{
    struct ledger_signer signer = {.type = SIGNER_ORCHESTRATOR + number % 3};
    struct ledger_ed25519_key key;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {3};
    lucid_put_be32(seed + 4, number);
    ledger_ed25519_key_init(seed, &key);
    memcpy(signer.key, key.public_key, sizeof(signer.key));
    snprintf(signer.name, sizeof(signer.name), "signer \"%u\" \\ \xc3\xa9", number);
    return signer;
}

/* Runs one command; *ret_known as it says. */
static enum lucid_error signer_run(enum signer_verb verb, struct ledger_signer *signer,
                                   bool *ret_known, const char **ret_code)
{
    struct ledger_signer_command command;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = ledger_signer_prepare(&command, verb, signer, &why);
    if (error == LUCID_OK) {
        error = core_run(&world, &command.command);
        why = command.command.why;
        *signer = command.signer;
        *ret_known = command.ret_known;
        ledger_signer_command_fini(&command);
    }
    *ret_code = why.code;
    return error;
}

static struct ledger_signer signer_read(const uint8_t key[32])
{
    struct ledger_signer signer;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_signer_read(world.view, key, &signer), LUCID_OK);
    ledger_view_end(world.view);
    return signer;
}

static void test_signer_life(void **state)
{
    (void)state;
    const char *code;
    bool known = true;
    struct ledger_signer signer = signer_of(1);
    struct ledger_signer asked = signer;
    assert_int_equal(signer_run(SIGNER_REVOKE, &asked, &known, &code), LUCID_REFUSE_INVALID);
    assert_string_equal(code, "NOT_FOUND");
    asked = signer;
    assert_int_equal(signer_run(SIGNER_REGISTER, &asked, &known, &code), LUCID_OK);
    assert_false(known);
    assert_int_equal(asked.registered_ms, CORE_NOW_MS);
    assert_int_equal(asked.revoked_ms, 0);
    assert_string_equal(asked.name, signer.name);
    assert_int_equal(asked.type, signer.type);
    /* Again, under another name: what stands is answered, nothing logged. */
    uint64_t events = core_events(&world);
    struct ledger_signer renamed = signer;
    snprintf(renamed.name, sizeof(renamed.name), "other");
    renamed.type = SIGNER_WORKER;
    world.now_ms += 10;
    assert_int_equal(signer_run(SIGNER_REGISTER, &renamed, &known, &code), LUCID_OK);
    assert_true(known);
    assert_string_equal(renamed.name, signer.name);
    assert_int_equal(renamed.registered_ms, CORE_NOW_MS);
    assert_int_equal(core_events(&world), events);
    assert_int_equal(signer_run(SIGNER_REVOKE, &asked, &known, &code), LUCID_OK);
    assert_false(known);
    assert_int_equal(asked.revoked_ms, CORE_NOW_MS + 10);
    assert_int_equal(asked.registered_ms, CORE_NOW_MS);
    assert_string_equal(asked.name, signer.name);
    world.now_ms += 10;
    assert_int_equal(signer_run(SIGNER_REVOKE, &asked, &known, &code), LUCID_OK);
    assert_true(known);
    assert_int_equal(asked.revoked_ms, CORE_NOW_MS + 10);
    asked = signer;
    assert_int_equal(signer_run(SIGNER_REGISTER, &asked, &known, &code), LUCID_REFUSE_FORBIDDEN);
    assert_string_equal(code, "SIGNER_REVOKED");
    core_world_reopen(&world);
    struct ledger_signer read = signer_read(signer.key);
    assert_int_equal(read.revoked_ms, CORE_NOW_MS + 10);
    assert_int_equal(read.type, signer.type);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_signer_read(world.view, signer_of(2).key, &read), LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
}

/* A command that is run again after its batch was dropped says what is true then. */
static void test_signer_rerun(void **state)
{
    (void)state;
    struct ledger_signer signer = signer_of(5);
    struct ledger_signer_command first;
    struct ledger_signer_command second;
    assert_int_equal(ledger_signer_prepare(&first, SIGNER_REGISTER, &signer, NULL), LUCID_OK);
    assert_int_equal(ledger_signer_prepare(&second, SIGNER_REGISTER, &signer, NULL), LUCID_OK);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &first.command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &second.command), LUCID_OK);
    assert_true(second.ret_known);
    ledger_batch_abort(world.ledger);
    world.now_ms += 77;
    assert_int_equal(core_run(&world, &second.command), LUCID_OK);
    assert_false(second.ret_known);
    assert_int_equal(second.signer.registered_ms, CORE_NOW_MS + 77);
    ledger_signer_command_fini(&first);
    ledger_signer_command_fini(&second);
}

static void expect_signer_refused(const struct ledger_signer *signer, const char *param)
{
    struct ledger_signer_command command;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(ledger_signer_prepare(&command, SIGNER_REGISTER, signer, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_SIGNER");
    assert_string_equal(why.param, param);
}

static void test_signer_refusals(void **state)
{
    (void)state;
    static const char *const names[] = {"",     "tab\there",    "del\x7f",          "\xff",
                                        "\xc3", "\xed\xa0\x80", "overlong \xc0\x80"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct ledger_signer signer = signer_of(1);
        snprintf(signer.name, sizeof(signer.name), "%s", names[i]);
        expect_signer_refused(&signer, "name");
    }
    struct ledger_signer signer = signer_of(1);
    memset(signer.key, 0, sizeof(signer.key));
    expect_signer_refused(&signer, "signer_pubkey");
    signer = signer_of(1);
    memset(signer.key, 0xff, sizeof(signer.key));
    expect_signer_refused(&signer, "signer_pubkey");
    signer = signer_of(1);
    signer.type = (enum signer_type)0;
    expect_signer_refused(&signer, "signer_type");
    signer.type = (enum signer_type)9;
    expect_signer_refused(&signer, "signer_type");
    /* The longest name is fine. */
    const char *code;
    bool known;
    signer = signer_of(1);
    memset(signer.name, 'n', SIGNER_NAME_BYTES_MAX);
    signer.name[SIGNER_NAME_BYTES_MAX] = '\0';
    assert_int_equal(signer_run(SIGNER_REGISTER, &signer, &known, &code), LUCID_OK);
    assert_int_equal(strlen(signer_read(signer.key).name), SIGNER_NAME_BYTES_MAX);
}

static void test_signer_list(void **state)
{
    (void)state;
    const char *code;
    bool known;
    struct ledger_signer signer;
    for (unsigned i = 0; i < SIGNERS; i++) {
        signer = signer_of(i);
        assert_int_equal(signer_run(SIGNER_REGISTER, &signer, &known, &code), LUCID_OK);
    }
    uint8_t after[32];
    unsigned count = 0;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    while (ledger_signer_next(world.view, count == 0 ? NULL : after, &signer) == LUCID_OK) {
        assert_true(count == 0 || memcmp(after, signer.key, 32) < 0);
        memcpy(after, signer.key, 32);
        count++;
    }
    ledger_view_end(world.view);
    assert_int_equal(count, SIGNERS);
}

static void test_signer_names(void **state)
{
    (void)state;
    enum signer_type type;
    for (int i = SIGNER_ORCHESTRATOR; i <= SIGNER_WORKER; i++) {
        assert_true(
            signer_type_parse(lucid_span_str(signer_type_name((enum signer_type)i)), &type));
        assert_int_equal(type, i);
    }
    assert_string_equal(signer_type_name(SIGNER_COMPUTE), "compute");
    assert_false(signer_type_parse(lucid_span_str("Compute"), &type));
    assert_false(signer_type_parse(lucid_span_str(""), &type));
    assert_false(signer_type_parse(lucid_span_str("unknown"), &type));
}

/* --- tokens ------------------------------------------------------------------------------------
 */

static enum lucid_error token_create(struct ledger_token *token, const char *text,
                                     struct lucid_why *why)
{
    struct ledger_token_command command;
    enum lucid_error error = ledger_token_prepare(&command, TOKEN_CREATE, token, text, why);
    if (error == LUCID_OK) {
        error = core_run(&world, &command.command);
        *why = command.command.why;
        *token = command.token;
        ledger_token_command_fini(&command);
    }
    return error;
}

static enum lucid_error token_revoke(const char *id, struct ledger_token *ret,
                                     struct lucid_why *why)
{
    struct ledger_token_command command;
    struct ledger_token token = {.scopes = 0};
    snprintf(token.id, sizeof(token.id), "%s", id);
    enum lucid_error error = ledger_token_prepare(&command, TOKEN_REVOKE, &token, NULL, why);
    if (error == LUCID_OK) {
        error = core_run(&world, &command.command);
        *why = command.command.why;
        *ret = command.token;
        ledger_token_command_fini(&command);
    }
    return error;
}

static enum lucid_error token_check(const char *text, uint64_t now_ms, struct ledger_token *ret)
{
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    enum lucid_error error = ledger_token_check(world.view, lucid_span_str(text), now_ms, ret);
    ledger_view_end(world.view);
    return error;
}

static void test_token_life(void **state)
{
    (void)state;
    struct lucid_why why = {.code = NULL};
    struct ledger_token token = {
        .name = "laptop", .scopes = TOKEN_READ | TOKEN_AUDIT, .expires_ms = CORE_NOW_MS + 1000};
    struct ledger_token found = {.scopes = 0};
    char text[TOKEN_TEXT_BYTES + 1];
    ledger_token_generate(text);
    assert_int_equal(strlen(text), TOKEN_TEXT_BYTES);
    assert_memory_equal(text, "lucid_", 6);
    assert_true(lucid_is_hex(lucid_span_str(text + 6), 64));
    assert_int_equal(token_check(text, CORE_NOW_MS, &found), LUCID_NOTE_ABSENT);
    assert_int_equal(token_create(&token, text, &why), LUCID_OK);
    assert_int_equal(token.created_ms, CORE_NOW_MS);
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t raw[TOKEN_ID_BYTES / 2];
    lucid_sha256(lucid_span_str(text), hash);
    assert_true(lucid_hex_decode(lucid_span_str(token.id), raw, sizeof(raw)));
    assert_memory_equal(raw, hash, sizeof(raw));
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(token_check(text, CORE_NOW_MS + 999, &found), LUCID_OK);
        assert_int_equal(found.scopes, TOKEN_READ | TOKEN_AUDIT);
        assert_string_equal(found.name, "laptop");
        assert_string_equal(found.id, token.id);
        assert_int_equal(token_check(text, CORE_NOW_MS + 1000, &found), LUCID_NOTE_ABSENT);
        core_world_reopen(&world);
    }
    text[TOKEN_TEXT_BYTES - 1] ^= 1;
    assert_int_equal(token_check(text, CORE_NOW_MS, &found), LUCID_NOTE_ABSENT);
    text[TOKEN_TEXT_BYTES - 1] ^= 1;
    assert_int_equal(token_check("", CORE_NOW_MS, &found), LUCID_NOTE_ABSENT);
    /* The same secret twice would bring a revoked token back to life. */
    world.now_ms += 5;
    assert_int_equal(token_revoke(token.id, &found, &why), LUCID_OK);
    assert_int_equal(found.revoked_ms, CORE_NOW_MS + 5);
    assert_string_equal(found.name, "laptop");
    assert_int_equal(token_check(text, CORE_NOW_MS, &found), LUCID_NOTE_ABSENT);
    struct ledger_token again = {.name = "again", .scopes = TOKEN_ADMIN};
    assert_int_equal(token_create(&again, text, &why), LUCID_REFUSE_CONFLICT);
    assert_string_equal(why.code, "TOKEN_EXISTS");
    assert_int_equal(token_check(text, CORE_NOW_MS, &found), LUCID_NOTE_ABSENT);
    /* Revoking twice changes nothing. */
    uint64_t events = core_events(&world);
    world.now_ms += 5;
    assert_int_equal(token_revoke(token.id, &found, &why), LUCID_OK);
    assert_int_equal(found.revoked_ms, CORE_NOW_MS + 5);
    assert_int_equal(core_events(&world), events);
    /* The secret itself is nowhere in the log. */
    struct store_event event;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    for (uint64_t i = 1; i <= events; i++) {
        assert_int_equal(store_event_read(ledger_view_store(world.view), i, &event), LUCID_OK);
        assert_null(memmem(event.payload.data, event.payload.len, text + 6, 64));
    }
    ledger_view_end(world.view);
}

static void test_token_refusals(void **state)
{
    (void)state;
    struct ledger_token_command command;
    char text[TOKEN_TEXT_BYTES + 1];
    ledger_token_generate(text);
    struct {
        struct ledger_token token;
        const char *param;
    } cases[] = {
        {{.name = "", .scopes = TOKEN_READ}, "name"},
        {{.name = "a\nb", .scopes = TOKEN_READ}, "name"},
        {{.name = "\xff\xfe", .scopes = TOKEN_READ}, "name"},
        {{.name = "n", .scopes = 0}, "scopes"},
        {{.name = "n", .scopes = 1U << 7}, "scopes"},
        {{.name = "n", .scopes = UINT32_MAX}, "scopes"},
        {{.name = "n", .scopes = TOKEN_READ, .expires_ms = UINT64_MAX}, "expires_at"},
        {{.name = "n", .scopes = TOKEN_READ, .expires_ms = (uint64_t)1 << 53}, "expires_at"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_why why = {.code = NULL};
        assert_int_equal(ledger_token_prepare(&command, TOKEN_CREATE, &cases[i].token, text, &why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_TOKEN");
        assert_string_equal(why.param, cases[i].param);
    }
    struct lucid_why why = {.code = NULL};
    struct ledger_token last = {
        .name = "n", .scopes = TOKEN_READ, .expires_ms = ((uint64_t)1 << 53) - 1};
    assert_int_equal(token_create(&last, text, &why), LUCID_OK);
    assert_int_equal(last.expires_ms, ((uint64_t)1 << 53) - 1);
    static const char *const ids[] = {"", "0123", "ABCDEF0123456789", "0123456789abcdef"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct ledger_token found;
        assert_int_equal(token_revoke(ids[i], &found, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "NOT_FOUND");
    }
}

static void test_token_list(void **state)
{
    (void)state;
    struct lucid_why why = {.code = NULL};
    struct ledger_token token;
    for (unsigned i = 0; i < TOKENS; i++) {
        char text[TOKEN_TEXT_BYTES + 1];
        ledger_token_generate(text);
        token = (struct ledger_token){.scopes = 1U << i % 7};
        snprintf(token.name, sizeof(token.name), "token %u", i);
        assert_int_equal(token_create(&token, text, &why), LUCID_OK);
    }
    char after[TOKEN_ID_BYTES + 1] = "";
    unsigned count = 0;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    while (ledger_token_next(world.view, count == 0 ? NULL : after, &token) == LUCID_OK) {
        assert_true(strcmp(after, token.id) < 0);
        memcpy(after, token.id, sizeof(after));
        count++;
    }
    assert_int_equal(ledger_token_next(world.view, "not an id", &token), LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
    assert_int_equal(count, TOKENS);
}

static void test_token_scopes(void **state)
{
    (void)state;
    static const char *const names[] = {"read",   "admin",    "proxy", "facilitate",
                                        "attest", "passport", "audit"};
    for (unsigned i = 0; i < 7; i++) {
        assert_string_equal(token_scope_name(1U << i), names[i]);
        assert_int_equal(token_scope_parse(lucid_span_str(names[i])), 1U << i);
    }
    assert_null(token_scope_name(3));
    assert_null(token_scope_name(0));
    assert_null(token_scope_name(1U << 7));
    assert_int_equal(token_scope_parse(lucid_span_str("Read")), 0);
    assert_int_equal(token_scope_parse(lucid_span_str("")), 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_signer_life),        WORLD_TEST(test_signer_rerun),
        WORLD_TEST(test_signer_refusals),    WORLD_TEST(test_signer_list),
        cmocka_unit_test(test_signer_names), WORLD_TEST(test_token_life),
        WORLD_TEST(test_token_refusals),     WORLD_TEST(test_token_list),
        cmocka_unit_test(test_token_scopes),
    };
    return cmocka_run_group_tests_name("core signer token", tests, NULL, NULL);
}
