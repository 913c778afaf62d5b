#include "tests/unit/store/store_conformance.h"

#include <stdlib.h>

#include "tests/unit/store/store_suite.h"

static int setup(void **state)
{
    struct suite *suite = *state;
    suite->store = suite->fixture->open_new(suite->fixture->context);
    return suite->store != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct suite *suite = *state;
    suite->fixture->drop(suite->fixture->context, suite->store);
    suite->store = NULL;
    return 0;
}

struct store *suite_store(void **state)
{
    return ((struct suite *)*state)->store;
}

/* Closes and opens again, where the back end can. */
void suite_reopen(void **state)
{
    struct suite *suite = *state;
    if (suite->fixture->reopen != NULL) {
        suite->store = suite->fixture->reopen(suite->fixture->context, suite->store);
        assert_non_null(suite->store);
    }
}

struct store_batch *suite_begin(void **state)
{
    struct store_batch *batch = NULL;
    assert_int_equal(store_batch_begin(suite_store(state), &batch), LUCID_OK);
    return batch;
}

struct store_view *suite_view_begin(void **state)
{
    struct store_view *view = NULL;
    assert_int_equal(store_view_open(suite_store(state), &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    return view;
}

void suite_view_close(struct store_view *view)
{
    store_view_end(view);
    store_view_close(view);
}

uint32_t suite_table_make(void **state, const char *name)
{
    struct store_batch *batch = suite_begin(state);
    uint32_t table = UINT32_MAX;
    assert_int_equal(store_table_create(batch, name, &table), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    return table;
}

void suite_put(struct store_batch *batch, uint32_t table, const char *key, const char *value)
{
    assert_int_equal(store_put(batch, table, lucid_span_str(key), lucid_span_str(value)), LUCID_OK);
}

/* --- log rows -----------------------------------------------------------------------------------
 */

static void test_empty(void **state)
{
    struct store_view *view = suite_view_begin(state);
    test_rows_check(view, 0);
    suite_view_close(view);
    suite_reopen(state);
    test_store_check(suite_store(state), 0);
    assert_null(store_table_name(suite_store(state), 0));
    uint32_t table = 77;
    assert_int_equal(store_table_find(suite_store(state), "none", &table), LUCID_NOTE_ABSENT);
    assert_int_equal(table, 77);
}

static void test_append(void **state)
{
    uint64_t sequence = 1;
    static const size_t sizes[] = {1, 1, 2, 3, 100, 1, 57, 8};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        test_rows_commit(suite_store(state), sequence, sizes[i]);
        sequence += sizes[i];
        test_store_check(suite_store(state), sequence - 1);
    }
    suite_reopen(state);
    test_store_check(suite_store(state), sequence - 1);
    test_rows_commit(suite_store(state), sequence, 10);
    test_store_check(suite_store(state), sequence + 9);
}

static void test_large_batch(void **state)
{
    test_rows_commit(suite_store(state), 1, 5);
    struct store_batch *batch = suite_begin(state);
    struct test_row *rows = test_rows_append(batch, 6, 10000);
    test_rows_check(store_batch_view(batch), 10005);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_store_check(suite_store(state), 10005);
    suite_reopen(state);
    test_store_check(suite_store(state), 10005);
}

/* A body that was erased where the event comes from reads as such from the start. */
static void test_erased_where_it_comes_from(void **state)
{
    test_rows_commit(suite_store(state), 1, 3);
    struct store_batch *batch = suite_begin(state);
    static struct test_row rows[2]; /* borrowed by the batch */
    for (uint64_t i = 0; i < 2; i++) {
        test_row_make(4 + i, &rows[i]);
        struct lucid_span body = i == 0 ? store_body_erased : lucid_span("kept", 4);
        assert_int_equal(store_event_append(batch, &rows[i].event, body), LUCID_OK);
    }
    struct lucid_span body;
    assert_int_equal(store_body_read(store_batch_view(batch), 4, &body), LUCID_NOTE_ERASED);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    suite_reopen(state);
    struct store_view *view = suite_view_begin(state);
    assert_int_equal(store_body_read(view, 4, &body), LUCID_NOTE_ERASED);
    assert_int_equal(store_body_read(view, 5, &body), LUCID_OK);
    assert_true(lucid_span_is(body, "kept"));
    suite_view_close(view);
}

static void test_empty_commit(void **state)
{
    test_rows_commit(suite_store(state), 1, 0);
    test_store_check(suite_store(state), 0);
    test_rows_commit(suite_store(state), 1, 3);
    test_rows_commit(suite_store(state), 4, 0);
    test_store_check(suite_store(state), 3);
}

/* A view sees neither staged rows nor later commits; the batch's own view sees its rows. */
static void test_isolation(void **state)
{
    test_rows_commit(suite_store(state), 1, 10);
    struct store_view *before = suite_view_begin(state);
    struct store_batch *batch = suite_begin(state);
    struct test_row *rows = test_rows_append(batch, 11, 20);
    test_rows_check(store_batch_view(batch), 30);
    test_rows_check(before, 10);
    test_store_check(suite_store(state), 10);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_rows_check(before, 10);
    test_store_check(suite_store(state), 30);
    store_view_end(before);
    assert_int_equal(store_view_begin(before), LUCID_OK);
    test_rows_check(before, 30);
    suite_view_close(before);
}

static void test_abort(void **state)
{
    test_rows_commit(suite_store(state), 1, 4);
    struct store_batch *batch = suite_begin(state);
    uint32_t table = 0;
    assert_int_equal(store_table_create(batch, "gone", &table), LUCID_OK);
    suite_put(batch, table, "k", "v");
    struct test_row *rows = test_rows_append(batch, 5, 6);
    store_batch_abort(batch);
    free(rows);
    store_batch_abort(NULL);
    test_store_check(suite_store(state), 4);
    assert_int_equal(store_table_find(suite_store(state), "gone", &table), LUCID_NOTE_ABSENT);
    assert_null(store_table_name(suite_store(state), 0));
    test_rows_commit(suite_store(state), 5, 6);
    test_store_check(suite_store(state), 10);
    suite_reopen(state);
    test_store_check(suite_store(state), 10);
}

struct stop {
    uint64_t at;
    uint64_t calls;
    enum lucid_error with;
};

static enum lucid_error stop_event(void *context, const struct store_event *event)
{
    struct stop *stop = context;
    stop->calls++;
    return event->sequence == stop->at ? stop->with : LUCID_OK;
}

static enum lucid_error stop_leaf(void *context, const struct store_leaf_run *run)
{
    struct stop *stop = context;
    stop->calls++;
    return run->first + run->count > stop->at ? stop->with : LUCID_OK;
}

static void test_scan_stop(void **state)
{
    test_rows_commit(suite_store(state), 1, 7);
    test_rows_commit(suite_store(state), 8, 7);
    struct store_view *view = suite_view_begin(state);
    struct stop stop = {.at = 9, .with = LUCID_NOTE_END};
    assert_int_equal(store_event_scan(view, 3, stop_event, &stop), LUCID_OK);
    assert_int_equal(stop.calls, 7);
    stop = (struct stop){.at = 9, .with = LUCID_REFUSE_CONFLICT};
    assert_int_equal(store_event_scan(view, 9, stop_event, &stop), LUCID_REFUSE_CONFLICT);
    assert_int_equal(stop.calls, 1);
    stop = (struct stop){.at = 2, .with = LUCID_NOTE_END};
    assert_int_equal(store_leaf_scan(view, 0, stop_leaf, &stop), LUCID_OK);
    assert_in_range(stop.calls, 1, 3);
    stop = (struct stop){.at = 2, .with = LUCID_RETRY_BUSY};
    assert_int_equal(store_leaf_scan(view, 1, stop_leaf, &stop), LUCID_RETRY_BUSY);
    suite_view_close(view);
}

struct fold {
    struct store_batch *batch;
    uint32_t table;
    uint64_t next;
};

/* Replay: reads the batch's view and writes its tables while the scan goes on. */
static enum lucid_error fold_event(void *context, const struct store_event *event)
{
    struct fold *fold = context;
    uint8_t key[8];
    lucid_put_be64(key, event->sequence);
    for (int i = 0; i < 3; i++) {
        key[0] = (uint8_t)(event->sequence * 7 + (uint64_t)i);
        assert_int_equal(
            store_put(fold->batch, fold->table, lucid_span(key, sizeof(key)), event->payload),
            LUCID_OK);
    }
    struct store_event other;
    uint64_t sequence = 1 + event->sequence * 31 % 60;
    assert_int_equal(store_event_read(store_batch_view(fold->batch), sequence, &other), LUCID_OK);
    struct test_row want;
    test_row_make(event->sequence, &want);
    assert_int_equal(event->sequence, fold->next++);
    assert_true(lucid_span_equal(event->payload, want.event.payload));
    assert_true(lucid_span_equal(event->type, want.event.type));
    return LUCID_OK;
}

static void test_scan_and_write(void **state)
{
    test_rows_commit(suite_store(state), 1, 20);
    test_rows_commit(suite_store(state), 21, 30);
    struct fold fold = {.table = suite_table_make(state, "folded"), .next = 1};
    fold.batch = suite_begin(state);
    struct test_row *rows = test_rows_append(fold.batch, 51, 10);
    assert_int_equal(store_event_scan(store_batch_view(fold.batch), 1, fold_event, &fold),
                     LUCID_OK);
    assert_int_equal(fold.next, 61);
    assert_int_equal(store_batch_commit(fold.batch), LUCID_OK);
    free(rows);
    test_store_check(suite_store(state), 60);
}

static void test_leaves_clear(void **state)
{
    test_rows_commit(suite_store(state), 1, 40);
    struct store_view *before = suite_view_begin(state);
    struct store_batch *batch = suite_begin(state);
    assert_int_equal(store_leaves_clear(batch), LUCID_OK);
    struct store_counts counts;
    store_counts_read(store_batch_view(batch), &counts);
    assert_int_equal(counts.leaves, 0);
    assert_int_equal(counts.events, 40);
    struct test_row *rows = calloc(20, sizeof(*rows));
    assert_non_null(rows);
    for (size_t i = 0; i < 20; i++) {
        test_row_make(2 * i + 1, &rows[i]);
        assert_int_equal(store_leaf_append(batch, &rows[i].leaf, rows[i].nodes, rows[i].node_count),
                         LUCID_OK);
        if (i == 10) {
            /* Once more from the start, with rows staged. */
            assert_int_equal(store_leaves_clear(batch), LUCID_OK);
            struct store_leaf leaf;
            assert_int_equal(store_leaf_read(store_batch_view(batch), 0, &leaf), LUCID_NOTE_ABSENT);
            i = SIZE_MAX;
            while (++i < 10) {
                test_row_make(2 * i + 1, &rows[i]);
                assert_int_equal(
                    store_leaf_append(batch, &rows[i].leaf, rows[i].nodes, rows[i].node_count),
                    LUCID_OK);
            }
            test_row_make(2 * i + 1, &rows[i]);
            assert_int_equal(
                store_leaf_append(batch, &rows[i].leaf, rows[i].nodes, rows[i].node_count),
                LUCID_OK);
        }
    }
    test_rows_check(store_batch_view(batch), 40);
    test_rows_check(before, 40);
    suite_view_close(before);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_store_check(suite_store(state), 40);
    batch = suite_begin(state);
    assert_int_equal(store_leaves_clear(batch), LUCID_OK);
    store_batch_abort(batch);
    suite_reopen(state);
    test_store_check(suite_store(state), 40);
}

/* --- handles ------------------------------------------------------------------------------------
 */

static void test_stats(void **state)
{
    struct store_stats stats;
    store_stats_read(suite_store(state), &stats);
    assert_int_equal(stats.readers, 0);
    assert_int_equal(stats.oldest_view_lag, 0);
    struct store_view *view = suite_view_begin(state);
    store_stats_read(suite_store(state), &stats);
    assert_int_equal(stats.readers, 1);
    assert_int_equal(stats.oldest_view_lag, 0);
    uint64_t used = stats.bytes_used;
    test_rows_commit(suite_store(state), 1, 50);
    test_rows_commit(suite_store(state), 51, 50);
    store_stats_read(suite_store(state), &stats);
    assert_int_equal(stats.oldest_view_lag, 2);
    assert_true(stats.bytes_used > used);
    store_view_end(view);
    store_stats_read(suite_store(state), &stats);
    assert_int_equal(stats.readers, 0);
    assert_int_equal(stats.oldest_view_lag, 0);
    assert_int_equal(store_readers_check(suite_store(state)), 0);
    store_view_close(view);
    store_view_close(NULL);
}

static void misuse_sequence(void *context)
{
    struct store_batch *batch;
    if (store_batch_begin(context, &batch) == LUCID_OK) {
        free(test_rows_append(batch, 2, 1));
    }
}

static void misuse_two_batches(void *context)
{
    struct store_batch *batch;
    if (store_batch_begin(context, &batch) == LUCID_OK) {
        (void)!store_batch_begin(context, &batch);
    }
}

static void misuse_nodes(void *context)
{
    struct store_batch *batch;
    struct test_row row;
    test_row_make(1, &row);
    if (store_batch_begin(context, &batch) == LUCID_OK) {
        (void)!store_leaf_append(batch, &row.leaf, row.nodes, 2);
    }
}

static void misuse_view(void *context)
{
    struct store_view *view;
    struct store_event event;
    if (store_view_open(context, &view) == LUCID_OK) {
        (void)!store_event_read(view, 1, &event);
    }
}

static void misuse_close(void *context)
{
    struct store_view *view;
    if (store_view_open(context, &view) == LUCID_OK) {
        store_close(context);
    }
}

static void test_misuse(void **state)
{
    assert_true(test_asserts(misuse_sequence, suite_store(state)));
    assert_true(test_asserts(misuse_two_batches, suite_store(state)));
    assert_true(test_asserts(misuse_nodes, suite_store(state)));
    assert_true(test_asserts(misuse_view, suite_store(state)));
    assert_true(test_asserts(misuse_close, suite_store(state)));
}

#define CASE(fn)                                                                                   \
    {                                                                                              \
        .name = #fn, .test_func = fn, .setup_func = setup, .teardown_func = teardown,              \
        .initial_state = &suite                                                                    \
    }

int store_conformance_run(const char *name, const struct store_fixture *fixture,
                          const struct CMUnitTest *more, size_t more_count)
{
    struct suite suite = {.fixture = fixture};
    const struct CMUnitTest common[] = {
        CASE(test_empty),
        CASE(test_append),
        CASE(test_large_batch),
        CASE(test_erased_where_it_comes_from),
        CASE(test_empty_commit),
        CASE(test_isolation),
        CASE(test_abort),
        CASE(test_scan_stop),
        CASE(test_scan_and_write),
        CASE(test_leaves_clear),
        CASE(suite_test_erase),
        CASE(suite_test_erase_abort),
        CASE(suite_test_erase_own),
        CASE(suite_test_tables),
        CASE(suite_test_delete_and_clear),
        CASE(suite_test_seek),
        CASE(suite_test_values),
        CASE(suite_test_put_own_bytes),
        CASE(suite_test_table_limit),
        CASE(suite_test_model),
        CASE(test_stats),
        CASE(test_misuse),
    };
    enum { COMMON = sizeof(common) / sizeof(common[0]) };
    struct CMUnitTest tests[COMMON + STORE_CONFORMANCE_MORE_MAX];
    assert_true(more_count <= STORE_CONFORMANCE_MORE_MAX);
    memcpy(tests, common, sizeof(common));
    if (more_count > 0) {
        memcpy(tests + COMMON, more, more_count * sizeof(*more));
    }
    return _cmocka_run_group_tests(name, tests, COMMON + more_count, NULL, NULL);
}
