/* Lines of /v1/events from a stranger: refused, or what was read reads the same when it is written
 * and read again. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct ledger_event_record *a, const struct ledger_event_record *b)
{
    const struct store_event *x = &a->event;
    const struct store_event *y = &b->event;
    return x->sequence == y->sequence && x->time_ms == y->time_ms && x->version == y->version &&
           lucid_span_equal(x->type, y->type) && lucid_span_equal(x->payload, y->payload) &&
           memcmp(x->hash, y->hash, STORE_HASH_BYTES) == 0 &&
           (x->entry == NULL) == (y->entry == NULL) &&
           (x->entry == NULL || memcmp(x->entry, y->entry, STORE_ENTRY_BYTES) == 0) &&
           a->leaf == b->leaf && a->body_erased == b->body_erased &&
           a->body_withheld == b->body_withheld &&
           (a->body.data == NULL) == (b->body.data == NULL) && lucid_span_equal(a->body, b->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct ledger_event_record first;
    struct ledger_event_record second;
    struct lucid_why why = {0};
    lucid_arena_init(&arena, 2 * LEDGER_EVENT_JSON_ARENA_BYTES_MAX);
    enum lucid_error error = ledger_event_json_parse(lucid_span(data, size), &arena, &first, &why);
    if (error == LUCID_OK) {
        struct lucid_buf out = {0};
        ledger_event_json_write(&first, &out);
        lucid_assert(lucid_buf_ok(&out) && out.len <= LEDGER_EVENT_JSON_BYTES_MAX);
        error = ledger_event_json_parse(lucid_buf_span(&out), &arena, &second, &why);
        lucid_assert(error == LUCID_OK && same(&first, &second));
        lucid_buf_fini(&out);
    } else {
        lucid_assert(error == LUCID_REFUSE_INVALID || error == LUCID_RETRY_MEMORY);
    }
    lucid_arena_fini(&arena);
    return 0;
}
