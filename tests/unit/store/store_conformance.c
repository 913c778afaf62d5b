#include "tests/unit/store/store_conformance.h"

#include <stdlib.h>

struct suite {
    const struct store_fixture *fixture;
    struct store *store;
};

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

static struct store *store_of(void **state)
{
    return ((struct suite *)*state)->store;
}

/* Closes and opens again, where the back end can. */
static void reopen(void **state)
{
    struct suite *suite = *state;
    if (suite->fixture->reopen != NULL) {
        suite->store = suite->fixture->reopen(suite->fixture->context, suite->store);
        assert_non_null(suite->store);
    }
}

static struct store_batch *begin(void **state)
{
    struct store_batch *batch = NULL;
    assert_int_equal(store_batch_begin(store_of(state), &batch), LUCID_OK);
    return batch;
}

static struct store_view *view_begin(void **state)
{
    struct store_view *view = NULL;
    assert_int_equal(store_view_open(store_of(state), &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    return view;
}

static void view_close(struct store_view *view)
{
    store_view_end(view);
    store_view_close(view);
}

static uint32_t table_make(void **state, const char *name)
{
    struct store_batch *batch = begin(state);
    uint32_t table = UINT32_MAX;
    assert_int_equal(store_table_create(batch, name, &table), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    return table;
}

static void put(struct store_batch *batch, uint32_t table, const char *key, const char *value)
{
    assert_int_equal(store_put(batch, table, lucid_span_str(key), lucid_span_str(value)), LUCID_OK);
}

/* value NULL: absent. */
static void expect(struct store_view *view, uint32_t table, const char *key, const char *value)
{
    struct lucid_span got;
    enum lucid_error error = store_get(view, table, lucid_span_str(key), &got);
    assert_int_equal(error, value != NULL ? LUCID_OK : LUCID_NOTE_ABSENT);
    assert_true(value == NULL || lucid_span_is(got, value));
}

/* key NULL: absent. */
static void expect_seek(struct store_view *view, uint32_t table, enum store_seek how,
                        const char *from, const char *key)
{
    struct lucid_span got;
    struct lucid_span value;
    enum lucid_error error = store_seek(view, table, how, lucid_span_str(from), &got, &value);
    assert_int_equal(error, key != NULL ? LUCID_OK : LUCID_NOTE_ABSENT);
    assert_true(key == NULL || lucid_span_is(got, key));
    assert_true(key == NULL || lucid_span_equal(got, value));
}

/* --- log rows -----------------------------------------------------------------------------------
 */

static void test_empty(void **state)
{
    struct store_view *view = view_begin(state);
    test_rows_check(view, 0);
    view_close(view);
    reopen(state);
    test_store_check(store_of(state), 0);
    assert_null(store_table_name(store_of(state), 0));
    uint32_t table = 77;
    assert_int_equal(store_table_find(store_of(state), "none", &table), LUCID_NOTE_ABSENT);
    assert_int_equal(table, 77);
}

static void test_append(void **state)
{
    uint64_t sequence = 1;
    static const size_t sizes[] = {1, 1, 2, 3, 100, 1, 57, 8};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        test_rows_commit(store_of(state), sequence, sizes[i]);
        sequence += sizes[i];
        test_store_check(store_of(state), sequence - 1);
    }
    reopen(state);
    test_store_check(store_of(state), sequence - 1);
    test_rows_commit(store_of(state), sequence, 10);
    test_store_check(store_of(state), sequence + 9);
}

static void test_large_batch(void **state)
{
    test_rows_commit(store_of(state), 1, 5);
    struct store_batch *batch = begin(state);
    struct test_row *rows = test_rows_append(batch, 6, 10000);
    test_rows_check(store_batch_view(batch), 10005);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_store_check(store_of(state), 10005);
    reopen(state);
    test_store_check(store_of(state), 10005);
}

static void test_empty_commit(void **state)
{
    test_rows_commit(store_of(state), 1, 0);
    test_store_check(store_of(state), 0);
    test_rows_commit(store_of(state), 1, 3);
    test_rows_commit(store_of(state), 4, 0);
    test_store_check(store_of(state), 3);
}

/* A view sees neither staged rows nor later commits; the batch's own view sees its rows. */
static void test_isolation(void **state)
{
    test_rows_commit(store_of(state), 1, 10);
    struct store_view *before = view_begin(state);
    struct store_batch *batch = begin(state);
    struct test_row *rows = test_rows_append(batch, 11, 20);
    test_rows_check(store_batch_view(batch), 30);
    test_rows_check(before, 10);
    test_store_check(store_of(state), 10);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_rows_check(before, 10);
    test_store_check(store_of(state), 30);
    store_view_end(before);
    assert_int_equal(store_view_begin(before), LUCID_OK);
    test_rows_check(before, 30);
    view_close(before);
}

static void test_abort(void **state)
{
    test_rows_commit(store_of(state), 1, 4);
    struct store_batch *batch = begin(state);
    uint32_t table = 0;
    assert_int_equal(store_table_create(batch, "gone", &table), LUCID_OK);
    put(batch, table, "k", "v");
    struct test_row *rows = test_rows_append(batch, 5, 6);
    store_batch_abort(batch);
    free(rows);
    store_batch_abort(NULL);
    test_store_check(store_of(state), 4);
    assert_int_equal(store_table_find(store_of(state), "gone", &table), LUCID_NOTE_ABSENT);
    assert_null(store_table_name(store_of(state), 0));
    test_rows_commit(store_of(state), 5, 6);
    test_store_check(store_of(state), 10);
    reopen(state);
    test_store_check(store_of(state), 10);
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
    test_rows_commit(store_of(state), 1, 7);
    test_rows_commit(store_of(state), 8, 7);
    struct store_view *view = view_begin(state);
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
    view_close(view);
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
    test_rows_commit(store_of(state), 1, 20);
    test_rows_commit(store_of(state), 21, 30);
    struct fold fold = {.table = table_make(state, "folded"), .next = 1};
    fold.batch = begin(state);
    struct test_row *rows = test_rows_append(fold.batch, 51, 10);
    assert_int_equal(store_event_scan(store_batch_view(fold.batch), 1, fold_event, &fold),
                     LUCID_OK);
    assert_int_equal(fold.next, 61);
    assert_int_equal(store_batch_commit(fold.batch), LUCID_OK);
    free(rows);
    test_store_check(store_of(state), 60);
}

static void test_leaves_clear(void **state)
{
    test_rows_commit(store_of(state), 1, 40);
    struct store_view *before = view_begin(state);
    struct store_batch *batch = begin(state);
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
    view_close(before);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
    test_store_check(store_of(state), 40);
    batch = begin(state);
    assert_int_equal(store_leaves_clear(batch), LUCID_OK);
    store_batch_abort(batch);
    reopen(state);
    test_store_check(store_of(state), 40);
}

/* --- tables -------------------------------------------------------------------------------------
 */

static void test_tables(void **state)
{
    struct store_batch *batch = begin(state);
    uint32_t a = UINT32_MAX;
    uint32_t b = UINT32_MAX;
    uint32_t again = UINT32_MAX;
    assert_int_equal(store_table_create(batch, "alpha", &a), LUCID_OK);
    assert_int_equal(store_table_create(batch, "beta", &b), LUCID_OK);
    assert_int_equal(store_table_create(batch, "alpha", &again), LUCID_OK);
    assert_int_equal(again, a);
    assert_int_not_equal(a, b);
    assert_int_equal(store_table_find(store_of(state), "beta", &again), LUCID_OK);
    assert_int_equal(again, b);
    put(batch, a, "k", "1");
    put(batch, b, "k", "2");
    put(batch, a, "l", "3");
    put(batch, a, "k", "4");
    expect(store_batch_view(batch), a, "k", "4");
    struct store_view *view = view_begin(state);
    expect(view, a, "k", NULL);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    expect(view, a, "k", NULL);
    expect_seek(view, a, STORE_SEEK_GE, "k", NULL);
    view_close(view);
    reopen(state);
    assert_int_equal(store_table_find(store_of(state), "alpha", &a), LUCID_OK);
    assert_int_equal(store_table_find(store_of(state), "beta", &b), LUCID_OK);
    assert_string_equal(store_table_name(store_of(state), a), "alpha");
    assert_string_equal(store_table_name(store_of(state), b), "beta");
    assert_null(store_table_name(store_of(state), 2));
    view = view_begin(state);
    expect(view, a, "k", "4");
    expect(view, a, "l", "3");
    expect(view, b, "k", "2");
    expect(view, b, "l", NULL);
    view_close(view);
}

static void test_delete_and_clear(void **state)
{
    uint32_t a = table_make(state, "a");
    uint32_t b = table_make(state, "b");
    struct store_batch *batch = begin(state);
    put(batch, a, "x", "x");
    put(batch, a, "y", "y");
    put(batch, b, "x", "x");
    assert_int_equal(store_del(batch, a, lucid_span_str("z")), LUCID_NOTE_ABSENT);
    assert_int_equal(store_del(batch, a, lucid_span_str("x")), LUCID_OK);
    assert_int_equal(store_del(batch, a, lucid_span_str("x")), LUCID_NOTE_ABSENT);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct store_view *view = view_begin(state);
    expect(view, a, "x", NULL);
    expect(view, a, "y", "y");
    expect(view, b, "x", "x");
    batch = begin(state);
    assert_int_equal(store_table_clear(batch, a), LUCID_OK);
    expect(store_batch_view(batch), a, "y", NULL);
    put(batch, a, "n", "n");
    expect_seek(store_batch_view(batch), a, STORE_SEEK_GE, "", "n");
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    expect(view, a, "y", "y");
    view_close(view);
    view = view_begin(state);
    expect(view, a, "y", NULL);
    expect(view, a, "n", "n");
    expect(view, b, "x", "x");
    view_close(view);
}

static void seek_checks(struct store_view *view, uint32_t table)
{
    expect_seek(view, table, STORE_SEEK_GE, "", "b");
    expect_seek(view, table, STORE_SEEK_GE, "b", "b");
    expect_seek(view, table, STORE_SEEK_GE, "c", "d");
    expect_seek(view, table, STORE_SEEK_GE, "f", "f");
    expect_seek(view, table, STORE_SEEK_GE, "fa", NULL);
    expect_seek(view, table, STORE_SEEK_GT, "", "b");
    expect_seek(view, table, STORE_SEEK_GT, "a", "b");
    expect_seek(view, table, STORE_SEEK_GT, "b", "d");
    expect_seek(view, table, STORE_SEEK_GT, "d", "dd");
    expect_seek(view, table, STORE_SEEK_GT, "f", NULL);
    expect_seek(view, table, STORE_SEEK_LE, "", NULL);
    expect_seek(view, table, STORE_SEEK_LE, "a", NULL);
    expect_seek(view, table, STORE_SEEK_LE, "b", "b");
    expect_seek(view, table, STORE_SEEK_LE, "dc", "d");
    expect_seek(view, table, STORE_SEEK_LE, "zz", "f");
    expect_seek(view, table, STORE_SEEK_LT, "", "f");
    expect_seek(view, table, STORE_SEEK_LT, "b", NULL);
    expect_seek(view, table, STORE_SEEK_LT, "d", "b");
    expect_seek(view, table, STORE_SEEK_LT, "dd", "d");
    expect_seek(view, table, STORE_SEEK_LT, "g", "f");
}

static void test_seek(void **state)
{
    uint32_t empty = table_make(state, "aa");
    uint32_t table = table_make(state, "bb");
    uint32_t after = table_make(state, "cc");
    struct store_batch *batch = begin(state);
    put(batch, table, "f", "f");
    put(batch, table, "b", "b");
    put(batch, table, "dd", "dd");
    put(batch, table, "d", "d");
    put(batch, after, "a", "a");
    seek_checks(store_batch_view(batch), table);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct store_view *view = view_begin(state);
    seek_checks(view, table);
    for (int how = STORE_SEEK_GE; how <= STORE_SEEK_LT; how++) {
        expect_seek(view, empty, (enum store_seek)how, "", NULL);
        expect_seek(view, empty, (enum store_seek)how, "k", NULL);
    }
    view_close(view);
}

static void test_values(void **state)
{
    uint32_t table = table_make(state, "values");
    static const size_t sizes[] = {0, 1, 100, 2000, 4096, 5000, 70000, 1000000};
    uint8_t *bytes = calloc(1, 1000000);
    assert_non_null(bytes);
    uint8_t key[STORE_KEY_BYTES_MAX];
    memset(key, 0xee, sizeof(key));
    struct store_batch *batch = begin(state);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(bytes, (int)i + 1, sizes[i]);
        key[0] = (uint8_t)i;
        assert_int_equal(
            store_put(batch, table, lucid_span(key, sizeof(key)), lucid_span(bytes, sizes[i])),
            LUCID_OK);
    }
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    reopen(state);
    assert_int_equal(store_table_find(store_of(state), "values", &table), LUCID_OK);
    struct store_view *view = view_begin(state);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lucid_span value;
        key[0] = (uint8_t)i;
        assert_int_equal(store_get(view, table, lucid_span(key, sizeof(key)), &value), LUCID_OK);
        memset(bytes, (int)i + 1, sizes[i]);
        assert_true(lucid_span_equal(value, lucid_span(bytes, sizes[i])));
    }
    view_close(view);
    free(bytes);
}

/* Key and value of a put may come from the batch's own view. */
static void test_put_own_bytes(void **state)
{
    uint32_t table = table_make(state, "own");
    struct store_batch *batch = begin(state);
    for (int i = 0; i < 40; i++) {
        char key[16] = {'k', (char)('0' + i / 10), (char)('0' + i % 10)};
        char value[100];
        memset(value, 'a' + i % 26, sizeof(value));
        assert_int_equal(
            store_put(batch, table, lucid_span_str(key), lucid_span(value, 10 + (size_t)i * 2)),
            LUCID_OK);
    }
    struct store_view *view = store_batch_view(batch);
    for (int i = 0; i < 39; i++) {
        struct lucid_span key;
        struct lucid_span value;
        char from[4] = {'k', (char)('0' + i / 10), (char)('0' + i % 10)};
        assert_int_equal(store_seek(view, table, STORE_SEEK_GE, lucid_span_str(from), &key, &value),
                         LUCID_OK);
        /* One byte less: the row moves within its page. */
        assert_int_equal(store_put(batch, table, key, lucid_span(value.data + 1, value.len - 1)),
                         LUCID_OK);
    }
    for (int i = 0; i < 39; i++) {
        char key[4] = {'k', (char)('0' + i / 10), (char)('0' + i % 10)};
        char value[101] = {0};
        memset(value, 'a' + i % 26, 9 + (size_t)i * 2);
        expect(view, table, key, value);
    }
    struct lucid_span key;
    struct lucid_span value;
    assert_int_equal(store_seek(view, table, STORE_SEEK_LT, lucid_span_str(""), &key, &value),
                     LUCID_OK);
    assert_int_equal(store_del(batch, table, key), LUCID_OK);
    expect(view, table, "k39", NULL);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
}

static void test_table_limit(void **state)
{
    struct store_batch *batch = begin(state);
    uint32_t table = UINT32_MAX;
    for (int i = 0; i < STORE_TABLES_MAX; i++) {
        char name[STORE_NAME_BYTES_MAX + 1];
        memset(name, 'n', sizeof(name));
        name[0] = (char)('0' + i / 10);
        name[1] = (char)('0' + i % 10);
        name[STORE_NAME_BYTES_MAX] = '\0';
        assert_int_equal(store_table_create(batch, name, &table), LUCID_OK);
        put(batch, table, "k", name);
    }
    assert_int_equal(store_table_create(batch, "one too many", &table), LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    reopen(state);
    struct store_view *view = view_begin(state);
    for (uint32_t i = 0; i < STORE_TABLES_MAX; i++) {
        const char *name = store_table_name(store_of(state), i);
        assert_non_null(name);
        expect(view, i, "k", name);
    }
    view_close(view);
}

/* --- against a model ----------------------------------------------------------------------------
 */

enum { MODEL_KEYS = 400, MODEL_STEPS = 6000 };

/* value 0: absent. Keys are "a" repeated, so that they sort by length, after their first byte. */
struct model {
    uint32_t value[MODEL_KEYS];
};

static struct lucid_span model_key(size_t i, char out[32])
{
    size_t len = 1 + i % 20;
    memset(out, 'a', len);
    out[0] = (char)('A' + i / 20);
    return lucid_span(out, len);
}

static void model_check(struct store_view *view, uint32_t table, const struct model *model,
                        size_t i, enum store_seek how)
{
    size_t j = i;
    bool found = false;
    if (how == STORE_SEEK_GE || how == STORE_SEEK_GT) {
        for (j = how == STORE_SEEK_GE ? i : i + 1; j < MODEL_KEYS && !found; j++) {
            found = model->value[j] != 0;
        }
        j--;
    } else {
        j = how == STORE_SEEK_LE ? i + 1 : i;
        while (j > 0 && !found) {
            found = model->value[--j] != 0;
        }
    }
    char from[32];
    char want[32];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = store_seek(view, table, how, model_key(i, from), &key, &value);
    assert_int_equal(error, found ? LUCID_OK : LUCID_NOTE_ABSENT);
    if (found) {
        assert_true(lucid_span_equal(key, model_key(j, want)));
        assert_int_equal(lucid_get_be32(value.data), model->value[j]);
    }
}

static void model_step(struct store_batch *batch, uint32_t table, struct model *model,
                       uint64_t random)
{
    char bytes[32];
    size_t i = random % MODEL_KEYS;
    struct lucid_span key = model_key(i, bytes);
    if (random >> 32 & 1) {
        uint8_t value[600] = {0};
        uint32_t number = (uint32_t)(random >> 40) | 1;
        lucid_put_be32(value, number);
        size_t len = 4 + (random >> 34) % 596;
        assert_int_equal(store_put(batch, table, key, lucid_span(value, len)), LUCID_OK);
        model->value[i] = number;
    } else {
        assert_int_equal(store_del(batch, table, key),
                         model->value[i] != 0 ? LUCID_OK : LUCID_NOTE_ABSENT);
        model->value[i] = 0;
    }
}

static void test_model(void **state)
{
    uint64_t seed = 20261121;
    uint32_t table = table_make(state, "model");
    struct model now = {0};
    struct model kept = {0};
    struct model seen = {0};
    struct store_view *view = view_begin(state);
    struct store_batch *batch = begin(state);
    for (int step = 0; step < MODEL_STEPS; step++) {
        uint64_t random = test_random(&seed);
        model_step(batch, table, &now, random);
        size_t i = test_random(&seed) % MODEL_KEYS;
        enum store_seek how = (enum store_seek)(test_random(&seed) % 4);
        model_check(store_batch_view(batch), table, &now, i, how);
        model_check(view, table, &seen, i, how);
        if (random >> 50 == 0x1fff % 97 || step % 61 == 60) {
            if (test_random(&seed) % 3 == 0) {
                store_batch_abort(batch);
                now = kept;
            } else {
                assert_int_equal(store_batch_commit(batch), LUCID_OK);
                kept = now;
            }
            if (test_random(&seed) % 4 == 0) {
                store_view_end(view);
                assert_int_equal(store_view_begin(view), LUCID_OK);
                seen = kept;
            }
            batch = begin(state);
        }
    }
    store_batch_abort(batch);
    view_close(view);
}

/* --- handles ------------------------------------------------------------------------------------
 */

static void test_stats(void **state)
{
    struct store_stats stats;
    store_stats_read(store_of(state), &stats);
    assert_int_equal(stats.readers, 0);
    assert_int_equal(stats.oldest_view_lag, 0);
    struct store_view *view = view_begin(state);
    store_stats_read(store_of(state), &stats);
    assert_int_equal(stats.readers, 1);
    assert_int_equal(stats.oldest_view_lag, 0);
    uint64_t used = stats.bytes_used;
    test_rows_commit(store_of(state), 1, 50);
    test_rows_commit(store_of(state), 51, 50);
    store_stats_read(store_of(state), &stats);
    assert_int_equal(stats.oldest_view_lag, 2);
    assert_true(stats.bytes_used > used);
    store_view_end(view);
    store_stats_read(store_of(state), &stats);
    assert_int_equal(stats.readers, 0);
    assert_int_equal(stats.oldest_view_lag, 0);
    assert_int_equal(store_readers_check(store_of(state)), 0);
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
    assert_true(test_asserts(misuse_sequence, store_of(state)));
    assert_true(test_asserts(misuse_two_batches, store_of(state)));
    assert_true(test_asserts(misuse_nodes, store_of(state)));
    assert_true(test_asserts(misuse_view, store_of(state)));
    assert_true(test_asserts(misuse_close, store_of(state)));
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
        CASE(test_empty_commit),
        CASE(test_isolation),
        CASE(test_abort),
        CASE(test_scan_stop),
        CASE(test_scan_and_write),
        CASE(test_leaves_clear),
        CASE(test_tables),
        CASE(test_delete_and_clear),
        CASE(test_seek),
        CASE(test_values),
        CASE(test_put_own_bytes),
        CASE(test_table_limit),
        CASE(test_model),
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
