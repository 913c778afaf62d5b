#include "ledger/store/failing.h"

#include <stdlib.h>

#include "ledger/store/memory.h"
#include "tests/unit/store/store_conformance.h"

struct plan {
    uint64_t at;
    enum store_fault fault;
    uint64_t calls;
    uint64_t commits;
    bool fired;
};

static enum store_fault plan_fault(void *context, uint64_t call, bool is_commit)
{
    struct plan *plan = context;
    plan->calls = call + 1;
    plan->commits += is_commit;
    if (call != plan->at || plan->fault == STORE_FAULT_NONE) {
        return STORE_FAULT_NONE;
    }
    plan->fired = plan->fault == STORE_FAULT_FULL || is_commit;
    return plan->fault;
}

static struct store *wrapped_new(void *context)
{
    struct store *inner = NULL;
    struct store *store = NULL;
    assert_int_equal(store_memory_open(&inner), LUCID_OK);
    assert_int_equal(store_failing_open(inner, plan_fault, context, &store), LUCID_OK);
    return store;
}

static void drop(void *context, struct store *store)
{
    (void)context;
    store_close(store);
}

/* Every kind of write call in one batch. */
static void script_writes(struct store *store, struct store_batch *batch, uint64_t first,
                          struct test_row *rows)
{
    uint32_t table = 0;
    struct lucid_span key = lucid_span(&first, sizeof(first));
    enum lucid_error error = store_leaves_clear(batch);
    for (size_t i = 0; error == LUCID_OK && i < 3; i++) {
        test_row_make(first + i, &rows[i]);
        error = store_event_append(batch, &rows[i].event, rows[i].body);
    }
    if (error == LUCID_OK &&
        store_leaf_append(batch, &rows[0].leaf, rows[0].nodes, 1) == LUCID_OK &&
        store_table_create(batch, "t", &table) == LUCID_OK &&
        store_table_create(batch, "cleared", &table) == LUCID_OK &&
        store_put(batch, table, key, key) == LUCID_OK &&
        store_table_clear(batch, table) == LUCID_OK &&
        store_table_find(store, "t", &table) == LUCID_OK &&
        store_put(batch, table, key, key) == LUCID_OK &&
        store_put(batch, table, lucid_span_str("gone"), key) == LUCID_OK) {
        (void)!store_del(batch, table, lucid_span_str("gone"));
    }
}

/* A failed write is not looked at: the commit has to tell. */
static enum lucid_error script(struct store *store, uint64_t first)
{
    struct store_batch *batch;
    enum lucid_error error = store_batch_begin(store, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    struct test_row *rows = calloc(3, sizeof(*rows));
    assert_non_null(rows);
    script_writes(store, batch, first, rows);
    error = store_batch_commit(batch);
    free(rows);
    return error;
}

static struct store *before_new(void)
{
    struct store *store = NULL;
    assert_int_equal(store_memory_open(&store), LUCID_OK);
    assert_int_equal(script(store, 1), LUCID_OK);
    return store;
}

static enum lucid_error expected(enum store_fault fault)
{
    return fault == STORE_FAULT_FULL ? LUCID_RETRY_FULL : LUCID_FATAL_STORE;
}

static void dead_check(struct store *store)
{
    struct store_view *view;
    struct store_batch *batch;
    uint32_t table;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_FATAL_STORE);
    assert_int_equal(store_view_open(store, &view), LUCID_FATAL_STORE);
    assert_int_equal(store_table_find(store, "t", &table), LUCID_FATAL_STORE);
}

/* One fault at one call: the inner store is then as before or as after, never between. */
static bool fault_case(enum store_fault fault, uint64_t at, const struct lucid_buf *before,
                       const struct lucid_buf *after)
{
    struct plan plan = {.at = at, .fault = fault};
    struct store *store = NULL;
    assert_int_equal(store_failing_open(before_new(), plan_fault, &plan, &store), LUCID_OK);
    enum lucid_error error = script(store, 4);
    assert_int_equal(error, plan.fired ? expected(fault) : LUCID_OK);
    if (error == LUCID_FATAL_STORE) {
        dead_check(store);
    }
    struct store *inner = store_failing_release(store);
    struct lucid_buf got = {0};
    test_store_dump(inner, &got);
    bool kept = !plan.fired || fault == STORE_FAULT_COMMIT_UNTOLD;
    const struct lucid_buf *want = kept ? after : before;
    assert_true(lucid_span_equal(lucid_buf_span(&got), lucid_buf_span(want)));
    assert_int_equal(script(inner, kept ? 7 : 4), LUCID_OK);
    lucid_buf_fini(&got);
    store_close(inner);
    return plan.fired;
}

static void test_every_fault(void **state)
{
    (void)state;
    struct lucid_buf before = {0};
    struct lucid_buf after = {0};
    struct store *store = before_new();
    test_store_dump(store, &before);
    struct plan plan = {0};
    struct store *counted = NULL;
    assert_int_equal(store_failing_open(store, plan_fault, &plan, &counted), LUCID_OK);
    assert_int_equal(script(counted, 4), LUCID_OK);
    test_store_dump(counted, &after);
    store_close(counted);
    assert_true(plan.calls >= 14);
    assert_int_equal(plan.commits, 1);
    for (int fault = STORE_FAULT_NONE; fault <= STORE_FAULT_COMMIT_UNTOLD; fault++) {
        uint64_t fired = 0;
        for (uint64_t at = 0; at <= plan.calls; at++) {
            fired += fault_case((enum store_fault)fault, at, &before, &after);
        }
        static const bool everywhere[] = {false, true, false, false};
        assert_int_equal(fired, everywhere[fault] ? plan.calls : fault == STORE_FAULT_NONE ? 0 : 1);
    }
    lucid_buf_fini(&before);
    lucid_buf_fini(&after);
}

/* An open view, too, is told once the store is dead. */
static void test_dead_views(void **state)
{
    (void)state;
    struct plan plan = {.at = UINT64_MAX, .fault = STORE_FAULT_COMMIT_LOST};
    struct store *store = NULL;
    assert_int_equal(store_failing_open(before_new(), plan_fault, &plan, &store), LUCID_OK);
    struct store_view *idle;
    struct store_view *view;
    assert_int_equal(store_view_open(store, &idle), LUCID_OK);
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    struct store_batch *batch;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    plan.at = plan.calls;
    assert_int_equal(store_batch_commit(batch), LUCID_FATAL_STORE);
    struct store_event event;
    struct lucid_span span;
    struct store_leaf leaf;
    assert_int_equal(store_event_read(view, 1, &event), LUCID_FATAL_STORE);
    assert_int_equal(store_body_read(view, 1, &span), LUCID_FATAL_STORE);
    assert_int_equal(store_leaf_read(view, 0, &leaf), LUCID_FATAL_STORE);
    assert_int_equal(store_get(view, 0, lucid_span_str("k"), &span), LUCID_FATAL_STORE);
    assert_int_equal(store_view_begin(idle), LUCID_FATAL_STORE);
    store_view_end(view);
    store_view_close(view);
    store_view_close(idle);
    store_close(store);
}

int main(void)
{
    struct plan none = {0};
    const struct store_fixture fixture = {.open_new = wrapped_new, .drop = drop, .context = &none};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault),
        cmocka_unit_test(test_dead_views),
    };
    return store_conformance_run("store failing", &fixture, tests,
                                 sizeof(tests) / sizeof(tests[0]));
}
