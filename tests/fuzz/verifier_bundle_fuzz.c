/* Bundles from anybody: refused with a reason, or replayed and explained. */
#include "base/assert.h"
#include "ledger/ed25519.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[1][DOCUMENT_KEY_BYTES] = {{1}};
    const struct replay_trust trust = {key, 1, verify, NULL};
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct replay replay;
    lucid_arena_init(&arena, (size_t)32 << 20);
    enum lucid_error e = replay_bundle(lucid_span(data, size), &trust, &arena, &replay, &why);
    if (e == LUCID_OK) {
        struct lucid_buf out = {0};
        lucid_assert(replay.outcome != REPLAY_SAME); /* nobody signs by that key */
        replay_write(&replay, &out);
        lucid_assert(lucid_buf_ok(&out));
        lucid_buf_clear(&out);
        lucid_assert(explain_record(replay.record, &arena, &out, &why) != LUCID_REFUSE_TOO_LARGE);
        lucid_buf_fini(&out);
    } else {
        lucid_assert(e == LUCID_RETRY_MEMORY || why.code != NULL);
    }
    lucid_arena_fini(&arena);
    return 0;
}
