/* Erasing bodies: of old rows and of the batch's own, alone and several in one run. */
#include <stdlib.h>

#include "tests/unit/store/store_suite.h"

static enum lucid_error body_of(struct store_view *view, uint64_t sequence)
{
    struct lucid_span body;
    return store_body_read(view, sequence, &body);
}

/* Every row but the erased ones (a list that ends with 0) is as it was made; those are erased. */
static void rows_check(struct store_view *view, uint64_t count, const uint64_t *erased)
{
    for (uint64_t sequence = 1; sequence <= count; sequence++) {
        const uint64_t *at = erased;
        while (*at != 0 && *at != sequence) {
            at++;
        }
        if (*at == 0) {
            test_row_check(view, sequence);
            continue;
        }
        struct store_event event;
        assert_int_equal(store_event_read(view, sequence, &event), LUCID_OK);
        assert_int_equal(body_of(view, sequence), LUCID_NOTE_ERASED);
    }
}

static void store_rows_check(void **state, uint64_t count, const uint64_t *erased)
{
    struct store_view *view = suite_view_begin(state);
    rows_check(view, count, erased);
    suite_view_close(view);
}

void suite_test_erase(void **state)
{
    static const uint64_t none[] = {0};
    static const uint64_t some[] = {2, 8, 14, 40, 0};
    test_rows_commit(suite_store(state), 1, 10);
    test_rows_commit(suite_store(state), 11, 1);
    test_rows_commit(suite_store(state), 12, 29);
    struct store_view *before = suite_view_begin(state);
    struct store_batch *batch = suite_begin(state);
    assert_int_equal(store_body_erase(batch, 2), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 8), LUCID_OK); /* of no bytes, in the same run */
    assert_int_equal(store_body_erase(batch, 14), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 40), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 2), LUCID_NOTE_ERASED);
    assert_int_equal(store_body_erase(batch, 3), LUCID_NOTE_ABSENT);
    assert_int_equal(store_body_erase(batch, 0), LUCID_NOTE_ABSENT);
    assert_int_equal(store_body_erase(batch, 41), LUCID_NOTE_ABSENT);
    rows_check(store_batch_view(batch), 40, some);
    rows_check(before, 40, none);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    rows_check(before, 40, none);
    suite_view_close(before);
    store_rows_check(state, 40, some);
    suite_reopen(state);
    store_rows_check(state, 40, some);
    batch = suite_begin(state);
    assert_int_equal(store_body_erase(batch, 40), LUCID_NOTE_ERASED);
    store_batch_abort(batch);
    test_rows_commit(suite_store(state), 41, 5);
    store_rows_check(state, 45, some);
}

void suite_test_erase_abort(void **state)
{
    static const uint64_t none[] = {0};
    test_rows_commit(suite_store(state), 1, 10);
    struct store_batch *batch = suite_begin(state);
    assert_int_equal(store_body_erase(batch, 5), LUCID_OK);
    store_batch_abort(batch);
    store_rows_check(state, 10, none);
    suite_reopen(state);
    store_rows_check(state, 10, none);
}

/* An event and its erasure may come in one batch: in a replay they do. */
void suite_test_erase_own(void **state)
{
    static const uint64_t some[] = {4, 7, 11, 0};
    test_rows_commit(suite_store(state), 1, 4);
    struct store_batch *batch = suite_begin(state);
    struct test_row *rows = test_rows_append(batch, 5, 3);
    assert_int_equal(store_body_erase(batch, 7), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 7), LUCID_NOTE_ERASED);
    assert_int_equal(store_body_erase(batch, 6), LUCID_NOTE_ABSENT);
    assert_int_equal(store_body_erase(batch, 4), LUCID_OK);
    struct test_row *more = test_rows_append(batch, 8, 5);
    assert_int_equal(store_body_erase(batch, 11), LUCID_OK);
    rows_check(store_batch_view(batch), 12, some);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    free(more);
    store_rows_check(state, 12, some);
    suite_reopen(state);
    store_rows_check(state, 12, some);
}
