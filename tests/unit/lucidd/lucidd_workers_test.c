/* The pool of workers: order, bounds, and a stop that leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "ledger/log.h"
#include "ledger/store/memory.h"
#include "lucidd/workers.h"
#include "migrations/migrations.h"

struct item {
    struct api_work work; /* first member */
    unsigned number;
};

struct world {
    struct store *store;
    struct ledger *ledger;
    struct workers *workers;
    sem_t go_on;
    sem_t begun;
    _Atomic unsigned done;
    unsigned order[4096];
};

static struct world world;

static void world_open(uint32_t count)
{
    static const struct ledger_use uses[] = {{&ledger_log_kind, NULL}};
    const struct ledger_options options = {.uses = uses, .use_count = 1, .leaves_max = 1 << 16};
    uint32_t applied;
    memset(&world, 0, sizeof(world));
    lucid_assert(store_memory_open(&world.store) == LUCID_OK);
    lucid_assert(migrations_run(world.store, &applied, NULL) == LUCID_OK);
    lucid_assert(ledger_open(world.store, &options, &world.ledger, NULL) == LUCID_OK);
    assert_int_equal(workers_open(world.ledger, count, &world.workers), LUCID_OK);
    sem_init(&world.go_on, 0, 0);
    sem_init(&world.begun, 0, 0);
}

static void world_close(void)
{
    workers_close(world.workers);
    ledger_close(world.ledger);
    store_close(world.store);
    sem_destroy(&world.go_on);
    sem_destroy(&world.begun);
}

static void count_run(struct api_work *work, struct ledger_view *view)
{
    const struct item *item = (const struct item *)work; /* its first member */
    assert_non_null(view);
    unsigned at = atomic_fetch_add(&world.done, 1);
    world.order[at] = item->number;
}

static void wait_run(struct api_work *work, struct ledger_view *view)
{
    sem_post(&world.begun);
    while (sem_wait(&world.go_on) != 0) {
    }
    count_run(work, view);
}

static bool give(struct item *item, bool begun)
{
    return workers_give(world.workers, &item->work, begun) == LUCID_OK;
}

/* What was begun goes before what is new, each in its order; new work is bounded, begun is not; a
 * stop drains all of it. */
static void order_bound_and_stop(void **state)
{
    enum { BEGUN = 10, ALL = 1 + WORKERS_QUEUE_MAX + BEGUN };
    static struct item items[ALL + 1];
    (void)state;
    world_open(1);
    workers_start(world.workers);
    items[0] = (struct item){.work.run = wait_run};
    assert_true(give(&items[0], false));
    while (sem_wait(&world.begun) != 0) {
    }
    for (unsigned i = 1; i <= ALL; i++) {
        items[i] = (struct item){.work.run = count_run, .number = i};
    }
    for (unsigned i = 1; i <= WORKERS_QUEUE_MAX; i++) {
        assert_true(give(&items[i], false));
    }
    assert_false(give(&items[ALL], false));
    for (unsigned i = 1; i <= BEGUN; i++) {
        assert_true(give(&items[WORKERS_QUEUE_MAX + i], true));
    }
    struct lucid_buf text = {0};
    workers_metrics_write(world.workers, &text);
    lucid_buf_char(&text, '\0');
    assert_non_null(strstr((const char *)text.data, "\nlucid_workers_queue_length 1034\n"));
    assert_non_null(strstr((const char *)text.data, "\nlucid_workers_busy 1\n"));
    assert_non_null(strstr((const char *)text.data, "\nlucid_workers_refused_total 1\n"));
    lucid_buf_fini(&text);
    sem_post(&world.go_on);
    assert_true(workers_stop(world.workers, 60000));
    assert_int_equal(world.done, ALL);
    for (unsigned i = 0; i < BEGUN; i++) {
        assert_int_equal(world.order[1 + i], WORKERS_QUEUE_MAX + 1 + i);
    }
    for (unsigned i = 0; i < WORKERS_QUEUE_MAX; i++) {
        assert_int_equal(world.order[1 + BEGUN + i], 1 + i);
    }
    assert_false(give(&items[ALL], true));
    assert_true(workers_stop(world.workers, 60000));
    world_close();
}

static void *giver(void *context)
{
    struct item *items = context;
    for (unsigned i = 0; i < 500; i++) {
        items[i] = (struct item){.work.run = count_run, .number = i};
        assert_true(give(&items[i], i % 2 == 0));
    }
    return NULL;
}

/* Several threads give while several work. */
static void many_at_once(void **state)
{
    static struct item items[4][500];
    pthread_t threads[4];
    (void)state;
    world_open(0);
    workers_start(world.workers);
    for (size_t i = 0; i < 4; i++) {
        lucid_assert(pthread_create(&threads[i], NULL, giver, items[i]) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        lucid_assert(pthread_join(threads[i], NULL) == 0);
    }
    assert_true(workers_stop(world.workers, 60000));
    assert_int_equal(world.done, 4 * 500);
    world_close();
}

static void several_run_beside_each_other(void **state)
{
    static struct item items[3];
    (void)state;
    world_open(3);
    workers_start(world.workers);
    for (unsigned i = 0; i < 3; i++) {
        items[i] = (struct item){.work.run = wait_run, .number = i};
        assert_true(give(&items[i], false));
    }
    for (unsigned i = 0; i < 3; i++) { /* all of them wait at once */
        while (sem_wait(&world.begun) != 0) {
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        sem_post(&world.go_on);
    }
    assert_true(workers_stop(world.workers, 60000));
    assert_int_equal(world.done, 3);
    world_close();
}

/* One that does not end keeps nobody from stopping. */
static void a_stop_does_not_wait_for_ever(void **state)
{
    static struct item items[2];
    (void)state;
    world_open(2);
    workers_start(world.workers);
    for (unsigned i = 0; i < 2; i++) {
        items[i] = (struct item){.work.run = wait_run, .number = i};
        assert_true(give(&items[i], false));
        while (sem_wait(&world.begun) != 0) {
        }
    }
    assert_false(workers_stop(world.workers, 0));
    sem_post(&world.go_on);
    assert_false(workers_stop(world.workers, 50));
    sem_post(&world.go_on);
    assert_true(workers_stop(world.workers, 60000));
    assert_int_equal(world.done, 2);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_bound_and_stop),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(several_run_beside_each_other),
        cmocka_unit_test(a_stop_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
