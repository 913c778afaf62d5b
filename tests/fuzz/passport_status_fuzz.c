/* Status lists from outside. The input is a token, or the claims of one. */
#include "base/assert.h"
#include "ledger/ed25519.h"
#include "plugins/passport/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool strict(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static bool sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    (void)message;
    (void)context;
    memset(ret, 0, 64);
    return true;
}

static void list_check(struct lucid_span token, struct lucid_span claims, struct lucid_arena *arena)
{
    static const uint8_t nobody[1][PASSPORT_KEY_BYTES] = {{1}};
    struct lucid_why why = {.code = NULL};
    struct status_list list;
    size_t which = 0;
    enum lucid_error error =
        status_list_read(token, nobody, 1, strict, NULL, arena, &list, &which, &why);
    if (error != LUCID_OK) {
        lucid_assert(error == LUCID_RETRY_MEMORY || why.code != NULL);
        return;
    }
    struct lucid_buf again = {0};
    lucid_assert(which == STATUS_NO_KEY);
    status_claims_write(&list, &again);
    lucid_assert(claims.data == NULL || lucid_span_equal(lucid_buf_span(&again), claims));
    for (size_t i = 0; i < list.entry_count; i++) {
        const struct status_entry *found = status_list_find(&list, list.entries[i].id);
        lucid_assert(found != NULL && lucid_span_equal(found->id, list.entries[i].id));
        lucid_assert(found == &list.entries[i] || found->kind == STATUS_REVOKED);
    }
    lucid_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_span text = lucid_span(data, size);
    struct lucid_buf token = {0};
    lucid_arena_init(&arena, (size_t)64 << 20);
    list_check(text, lucid_span(NULL, 0), &arena);
    lucid_assert(status_token_write(text, lucid_span_str("k"), sign, NULL, &token) == LUCID_OK);
    list_check(lucid_buf_span(&token), text, &arena);
    lucid_buf_fini(&token);
    lucid_arena_fini(&arena);
    return 0;
}
