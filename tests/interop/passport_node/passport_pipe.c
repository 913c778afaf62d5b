/* What compare.mjs asks, a line each: `key` answers with the public key in base64, `sign DRAFT`
 * with the passport, `verify KEY PASSPORT` with the verdict at a time in its validity, nothing
 * revoked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/ed25519.h"
#include "plugins/passport/verify.h"

static bool strict(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static void key_print(const struct ledger_ed25519_key *key)
{
    char text[45] = "";
    lucid_base64_encode(key->public_key, sizeof(key->public_key), text);
    puts(text);
}

static void sign_print(const struct ledger_ed25519_key *key, struct lucid_span text,
                       struct lucid_arena *arena)
{
    struct passport draft;
    struct lucid_span message;
    struct lucid_span form;
    struct lucid_why why = {.code = NULL};
    uint8_t signature[PASSPORT_SIGNATURE_BYTES];
    if (passport_draft_read(text, arena, &draft, &why) != LUCID_OK) {
        printf("%s: %s\n", why.param, why.text);
        return;
    }
    lucid_assert(passport_signing_input(&draft, arena, &message) == LUCID_OK);
    ledger_ed25519_sign(key, message, signature);
    lucid_assert(passport_signed_write(&draft, signature, arena, &form) == LUCID_OK);
    printf("%.*s\n", (int)form.len, (const char *)form.data);
}

static void verify_print(struct lucid_span text, struct lucid_arena *arena)
{
    uint8_t key[1][PASSPORT_KEY_BYTES];
    const struct status_entry good = {.kind = STATUS_VALID};
    struct verify verify;
    const size_t digits = sizeof(key) * 2;
    lucid_assert(text.len > digits && text.data[digits] == ' ' &&
                 lucid_hex_decode(lucid_span(text.data, digits), key, sizeof(key)));
    struct verify_input input = {
        .text = lucid_span(text.data + digits + 1, text.len - digits - 1),
        .now_s = 1705708800, /* 2024-01-20T00:00:00Z */
        .keys = (const uint8_t(*)[PASSPORT_KEY_BYTES])key,
        .key_count = 1,
        .status = &good,
        .ed25519 = strict,
    };
    lucid_assert(verify_run(&input, arena, &verify) == LUCID_OK);
    puts(verify_verdict_name(verify.verdict));
}

int main(void)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {7};
    struct ledger_ed25519_key key;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    ledger_ed25519_key_init(seed, &key);
    while ((len = getline(&line, &size, stdin)) > 0) {
        struct lucid_arena arena;
        lucid_arena_init(&arena, (size_t)16 << 20);
        if (strncmp(line, "sign ", 5) == 0) {
            sign_print(&key, lucid_span(line + 5, (size_t)len - 5), &arena);
        } else if (strncmp(line, "verify ", 7) == 0) {
            verify_print(lucid_span(line + 7, (size_t)len - 7), &arena);
        } else {
            key_print(&key);
        }
        (void)fflush(stdout);
        lucid_arena_fini(&arena);
    }
    free(line);
    return 0;
}
