/* The conformance suite's tests of tables, the last of them against a model. */
#include <stdlib.h>

#include "tests/unit/store/store_suite.h"

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

/* --- tables -------------------------------------------------------------------------------------
 */

void suite_test_tables(void **state)
{
    struct store_batch *batch = suite_begin(state);
    uint32_t a = UINT32_MAX;
    uint32_t b = UINT32_MAX;
    uint32_t again = UINT32_MAX;
    assert_int_equal(store_table_create(batch, "alpha", &a), LUCID_OK);
    assert_int_equal(store_table_create(batch, "beta", &b), LUCID_OK);
    assert_int_equal(store_table_create(batch, "alpha", &again), LUCID_OK);
    assert_int_equal(again, a);
    assert_int_not_equal(a, b);
    assert_int_equal(store_table_find(suite_store(state), "beta", &again), LUCID_OK);
    assert_int_equal(again, b);
    suite_put(batch, a, "k", "1");
    suite_put(batch, b, "k", "2");
    suite_put(batch, a, "l", "3");
    suite_put(batch, a, "k", "4");
    expect(store_batch_view(batch), a, "k", "4");
    struct store_view *view = suite_view_begin(state);
    expect(view, a, "k", NULL);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    expect(view, a, "k", NULL);
    expect_seek(view, a, STORE_SEEK_GE, "k", NULL);
    suite_view_close(view);
    suite_reopen(state);
    assert_int_equal(store_table_find(suite_store(state), "alpha", &a), LUCID_OK);
    assert_int_equal(store_table_find(suite_store(state), "beta", &b), LUCID_OK);
    assert_string_equal(store_table_name(suite_store(state), a), "alpha");
    assert_string_equal(store_table_name(suite_store(state), b), "beta");
    assert_null(store_table_name(suite_store(state), 2));
    view = suite_view_begin(state);
    expect(view, a, "k", "4");
    expect(view, a, "l", "3");
    expect(view, b, "k", "2");
    expect(view, b, "l", NULL);
    suite_view_close(view);
}

void suite_test_delete_and_clear(void **state)
{
    uint32_t a = suite_table_make(state, "a");
    uint32_t b = suite_table_make(state, "b");
    struct store_batch *batch = suite_begin(state);
    suite_put(batch, a, "x", "x");
    suite_put(batch, a, "y", "y");
    suite_put(batch, b, "x", "x");
    assert_int_equal(store_del(batch, a, lucid_span_str("z")), LUCID_NOTE_ABSENT);
    assert_int_equal(store_del(batch, a, lucid_span_str("x")), LUCID_OK);
    assert_int_equal(store_del(batch, a, lucid_span_str("x")), LUCID_NOTE_ABSENT);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct store_view *view = suite_view_begin(state);
    expect(view, a, "x", NULL);
    expect(view, a, "y", "y");
    expect(view, b, "x", "x");
    batch = suite_begin(state);
    assert_int_equal(store_table_clear(batch, a), LUCID_OK);
    expect(store_batch_view(batch), a, "y", NULL);
    suite_put(batch, a, "n", "n");
    expect_seek(store_batch_view(batch), a, STORE_SEEK_GE, "", "n");
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    expect(view, a, "y", "y");
    suite_view_close(view);
    view = suite_view_begin(state);
    expect(view, a, "y", NULL);
    expect(view, a, "n", "n");
    expect(view, b, "x", "x");
    suite_view_close(view);
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

void suite_test_seek(void **state)
{
    uint32_t empty = suite_table_make(state, "aa");
    uint32_t table = suite_table_make(state, "bb");
    uint32_t after = suite_table_make(state, "cc");
    struct store_batch *batch = suite_begin(state);
    suite_put(batch, table, "f", "f");
    suite_put(batch, table, "b", "b");
    suite_put(batch, table, "dd", "dd");
    suite_put(batch, table, "d", "d");
    suite_put(batch, after, "a", "a");
    seek_checks(store_batch_view(batch), table);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct store_view *view = suite_view_begin(state);
    seek_checks(view, table);
    for (int how = STORE_SEEK_GE; how <= STORE_SEEK_LT; how++) {
        expect_seek(view, empty, (enum store_seek)how, "", NULL);
        expect_seek(view, empty, (enum store_seek)how, "k", NULL);
    }
    suite_view_close(view);
}

void suite_test_values(void **state)
{
    uint32_t table = suite_table_make(state, "values");
    static const size_t sizes[] = {0, 1, 100, 2000, 4096, 5000, 70000, 1000000};
    uint8_t *bytes = calloc(1, 1000000);
    assert_non_null(bytes);
    uint8_t key[STORE_KEY_BYTES_MAX];
    memset(key, 0xee, sizeof(key));
    struct store_batch *batch = suite_begin(state);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(bytes, (int)i + 1, sizes[i]);
        key[0] = (uint8_t)i;
        assert_int_equal(
            store_put(batch, table, lucid_span(key, sizeof(key)), lucid_span(bytes, sizes[i])),
            LUCID_OK);
    }
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    suite_reopen(state);
    assert_int_equal(store_table_find(suite_store(state), "values", &table), LUCID_OK);
    struct store_view *view = suite_view_begin(state);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lucid_span value;
        key[0] = (uint8_t)i;
        assert_int_equal(store_get(view, table, lucid_span(key, sizeof(key)), &value), LUCID_OK);
        memset(bytes, (int)i + 1, sizes[i]);
        assert_true(lucid_span_equal(value, lucid_span(bytes, sizes[i])));
    }
    suite_view_close(view);
    free(bytes);
}

/* Key and value of a put may come from the batch's own view. */
void suite_test_put_own_bytes(void **state)
{
    uint32_t table = suite_table_make(state, "own");
    struct store_batch *batch = suite_begin(state);
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

void suite_test_table_limit(void **state)
{
    struct store_batch *batch = suite_begin(state);
    uint32_t table = UINT32_MAX;
    for (int i = 0; i < STORE_TABLES_MAX; i++) {
        char name[STORE_NAME_BYTES_MAX + 1];
        memset(name, 'n', sizeof(name));
        name[0] = (char)('0' + i / 10);
        name[1] = (char)('0' + i % 10);
        name[STORE_NAME_BYTES_MAX] = '\0';
        assert_int_equal(store_table_create(batch, name, &table), LUCID_OK);
        suite_put(batch, table, "k", name);
    }
    assert_int_equal(store_table_create(batch, "one too many", &table), LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    suite_reopen(state);
    struct store_view *view = suite_view_begin(state);
    for (uint32_t i = 0; i < STORE_TABLES_MAX; i++) {
        const char *name = store_table_name(suite_store(state), i);
        assert_non_null(name);
        expect(view, i, "k", name);
    }
    suite_view_close(view);
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

void suite_test_model(void **state)
{
    uint64_t seed = 20261121;
    uint32_t table = suite_table_make(state, "model");
    struct model now = {0};
    struct model kept = {0};
    struct model seen = {0};
    struct store_view *view = suite_view_begin(state);
    struct store_batch *batch = suite_begin(state);
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
            batch = suite_begin(state);
        }
    }
    store_batch_abort(batch);
    suite_view_close(view);
}
