/* Passports from anybody: refused with a reason, or read, written again and verified. */
#include "base/assert.h"
#include "ledger/ed25519.h"
#include "plugins/passport/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool strict(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

/* Lets the fuzzer see what lies behind a good signature. */
static bool anything(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                     const uint8_t signature[64], void *context)
{
    (void)key;
    (void)message;
    (void)signature;
    (void)context;
    return true;
}

/* What is served is the canonical form: it must be read, as the same. */
static void form_check(const struct passport *passport, struct lucid_arena *arena)
{
    struct passport again;
    enum passport_fault fault;
    struct lucid_span form;
    struct lucid_span second;
    struct lucid_span message;
    lucid_assert(passport_canonical(passport, arena, &form) == LUCID_OK);
    lucid_assert(passport_read(form, arena, &again, &fault, NULL) == LUCID_OK);
    lucid_assert(passport_canonical(&again, arena, &second) == LUCID_OK);
    lucid_assert(lucid_span_equal(form, second));
    lucid_assert(passport_signing_input(passport, arena, &message) == LUCID_OK);
    lucid_assert(passport_signing_input(&again, arena, &second) == LUCID_OK);
    lucid_assert(lucid_span_equal(message, second));
    lucid_assert(passport_signed_write(&again, again.signature, arena, &second) == LUCID_OK);
    lucid_assert(lucid_span_equal(form, second));
}

static void answer_check(const struct verify *verify, struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = 1024};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    verify_write(verify, &out);
    lucid_buf_char(&out, '}');
    lucid_assert(lucid_buf_ok(&out));
    lucid_assert(jcs_parse(lucid_buf_span(&out), &limits, arena, &root, NULL) == LUCID_OK);
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        lucid_assert(verify_code_text(verify->checks[i].code) != NULL);
    }
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nobody[1][PASSPORT_KEY_BYTES] = {{1}};
    const struct status_entry good = {.kind = STATUS_VALID};
    struct verify_input input = {.text = lucid_span(data, size),
                                 .now_s = 1790000000,
                                 .keys = nobody,
                                 .key_count = 1,
                                 .origin = lucid_span_str("https://app.example"),
                                 .status = &good,
                                 .ed25519 = strict};
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct passport passport;
    struct verify verify;
    enum passport_fault fault;
    lucid_arena_init(&arena, (size_t)64 << 20);
    enum lucid_error error = passport_read(input.text, &arena, &passport, &fault, &why);
    lucid_assert(verify_run(&input, &arena, &verify) == LUCID_OK);
    lucid_assert(verify.verdict != VERIFY_VALID); /* nobody signs by that key */
    answer_check(&verify, &arena);
    if (error == LUCID_OK) {
        form_check(&passport, &arena);
        input.keys = (const uint8_t(*)[PASSPORT_KEY_BYTES]) & passport.public_key;
        input.ed25519 = anything;
        input.now_s = passport.issued_s;
        input.mock_allowed = true;
        lucid_assert(verify_run(&input, &arena, &verify) == LUCID_OK);
        lucid_assert(verify.checks[VERIFY_SIGNATURE].outcome == VERIFY_PASS);
        lucid_assert(verify.checks[VERIFY_TIMES].outcome == VERIFY_PASS);
        answer_check(&verify, &arena);
    } else {
        lucid_assert(why.code != NULL);
        lucid_assert(verify.verdict == VERIFY_INVALID);
    }
    lucid_arena_fini(&arena);
    return 0;
}
