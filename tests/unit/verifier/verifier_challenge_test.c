/* plugins/verifier/challenge.h: what was made is read back, anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "plugins/verifier/challenge.h"

static const uint8_t key[32] = {1, 2, 3};
static const uint8_t other_key[32] = {1, 2, 4};
static const uint8_t seed[16] = {9, 9, 9};

static struct lucid_span audience(void)
{
    return lucid_span_str("https://relying.example");
}

static void test_made_and_read(void **state)
{
    (void)state;
    char session[CHALLENGE_SESSION_BYTES];
    struct appraisal_challenge made;
    struct appraisal_challenge read;
    challenge_make(key, seed, audience(), 1763800000, 300, session, &made);
    assert_int_equal(made.issued_s, 1763800000);
    assert_int_equal(made.expires_s, 1763800300);
    assert_ptr_equal(made.session_id.data, session);
    assert_int_equal(challenge_read(key, made.session_id, audience(), &read, NULL), LUCID_OK);
    assert_memory_equal(made.nonce, read.nonce, sizeof(made.nonce));
    assert_int_equal(read.issued_s, made.issued_s);
    assert_int_equal(read.expires_s, made.expires_s);
}

/* The form is an agreement with whoever looks into a log: recomputed here from its description. */
static void test_form(void **state)
{
    (void)state;
    char session[CHALLENGE_SESSION_BYTES];
    struct appraisal_challenge made;
    uint8_t raw[32] = {0};
    uint8_t mac[32];
    challenge_make(key, seed, audience(), 5, 7, session, &made);
    lucid_put_be64(raw, 5);
    lucid_put_be64(raw + 8, 12);
    memcpy(raw + 16, seed, 16);
    struct lucid_span parts[] = {lucid_span_str("lucid/attest/nonce/v1\n"), lucid_span(raw, 32),
                                 audience()};
    lucid_hmac_sha256_parts(lucid_span(key, 32), parts, 3, mac);
    assert_memory_equal(made.nonce, mac, 32);
    parts[0] = lucid_span_str("lucid/attest/session/v2\n");
    lucid_hmac_sha256_parts(lucid_span(key, 32), parts, 2, mac);
    char text[CHALLENGE_SESSION_BYTES + 1];
    uint8_t whole[48];
    memcpy(whole, raw, 32);
    memcpy(whole + 32, mac, 16);
    lucid_base64_encode(whole, sizeof(whole), text);
    for (size_t i = 0; i < CHALLENGE_SESSION_BYTES; i++) {
        assert_int_equal(session[i], text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    /* The first 24 characters are issue and expiry time and two bytes of the random ones. */
    assert_memory_equal(session, "AAAAAAAAAAUAAAAAAAAADAkJ", 24);
}

static void refused(struct lucid_span session, const uint8_t by[32])
{
    struct appraisal_challenge read = {.issued_s = 77};
    struct lucid_why why = {.code = NULL};
    assert_int_equal(challenge_read(by, session, audience(), &read, &why), LUCID_REFUSE_FORBIDDEN);
    assert_string_equal(why.code, "CHALLENGE_UNKNOWN");
    assert_string_equal(why.param, "sessionId");
    assert_int_equal(read.issued_s, 77);
}

static void test_others_refused(void **state)
{
    (void)state;
    char session[CHALLENGE_SESSION_BYTES + 1] = {0};
    struct appraisal_challenge made;
    challenge_make(key, seed, audience(), 1763800000, 300, session, &made);
    refused(made.session_id, other_key);
    refused(lucid_span(session, CHALLENGE_SESSION_BYTES - 1), key);
    refused(lucid_span(session, CHALLENGE_SESSION_BYTES + 1), key);
    refused(lucid_span_str(""), key);
    for (size_t i = 0; i < CHALLENGE_SESSION_BYTES; i++) {
        char was = session[i];
        session[i] = was == 'A' ? 'B' : 'A';
        refused(made.session_id, key);
        session[i] = '=';
        refused(made.session_id, key);
        session[i] = was;
    }
}

/* In the same session every audience has another nonce. */
static void test_another_audience(void **state)
{
    (void)state;
    static const char *const others[] = {"https://relying.examplf", "https://relying.example/",
                                         "https://relying.exampl", ""};
    char session[CHALLENGE_SESSION_BYTES];
    struct appraisal_challenge made;
    challenge_make(key, seed, audience(), 1763800000, 300, session, &made);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct appraisal_challenge read;
        struct lucid_span to = lucid_span_str(others[i]);
        assert_int_equal(challenge_read(key, made.session_id, to, &read, NULL), LUCID_OK);
        assert_memory_not_equal(made.nonce, read.nonce, sizeof(made.nonce));
        assert_true(lucid_span_equal(read.audience, to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_read),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_others_refused),
        cmocka_unit_test(test_another_audience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
