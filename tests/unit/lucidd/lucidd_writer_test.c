/* The writer's own decisions: the last head, the clock, and what a failed commit is said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/store/failing.h"
#include "lucidd/writer.h"
#include "tests/unit/ledger/core_world.h"

struct desk {
    struct core_world world;
    struct http_server *server;
    struct http_loop *loop; /* never run: jobs are looked at after the writer ended */
    struct writer *writer;
    uint64_t wall_ms;
    uint64_t boot_ms;
    enum store_fault fault; /* of the next commits */
    unsigned failures;
};
static struct desk desk;

static uint64_t desk_wall(void *context)
{
    return ((const struct desk *)context)->wall_ms;
}

static uint64_t desk_boot(void *context)
{
    return ((const struct desk *)context)->boot_ms;
}

static enum store_fault desk_fault(void *context, uint64_t call, bool is_commit)
{
    (void)call;
    return is_commit ? ((const struct desk *)context)->fault : STORE_FAULT_NONE;
}

static void desk_failed(void *context)
{
    ((struct desk *)context)->failures++;
}

static void world_open(struct core_world *world)
{
    struct store *inner = NULL;
    core_world_init(world);
    world->head.interval_ms_max = 3600000;
    assert_int_equal(store_memory_open(&inner), LUCID_OK);
    assert_int_equal(store_failing_open(inner, desk_fault, &desk, &world->store), LUCID_OK);
    core_tables_create(world, world->store);
    assert_int_equal(core_world_open(world), LUCID_OK);
    core_log_init(world);
    struct ledger_head_tick first;
    ledger_head_tick_init(&first);
    assert_int_equal(core_run(world, &first.command), LUCID_OK);
}

static int desk_open(void **state)
{
    (void)state;
    desk = (struct desk){.wall_ms = CORE_NOW_MS + 50, .boot_ms = 5000};
    world_open(&desk.world);
    lucid_log_set_level(LUCID_LOG_ERROR);
    struct http_server_options http = {.host = "127.0.0.1", .clock = lucid_clock_system()};
    http_limits_default(&http.limits);
    assert_int_equal(http_server_open(&http, &desk.server, NULL), LUCID_OK);
    assert_int_equal(http_loop_open(desk.server, &desk.loop), LUCID_OK);
    const struct writer_options options = {
        .ledger = desk.world.ledger,
        .clock = {.wall_ms = desk_wall, .boot_ms = desk_boot, .context = &desk},
        .path = "/",
        .queue_max = 10,
        .batch_max = 10,
        .failed = desk_failed,
        .context = &desk,
    };
    assert_int_equal(writer_open(&options, &desk.writer), LUCID_OK);
    return 0;
}

static int desk_close(void **state)
{
    (void)state;
    writer_close(desk.writer);
    http_loop_close(desk.loop);
    http_server_close(desk.server);
    core_world_stop(&desk.world);
    return 0;
}

static void writer_run_once(void)
{
    writer_stop(desk.writer);
    writer_run(desk.writer);
}

static struct ledger_head newest_head(void)
{
    struct ledger_head head;
    assert_int_equal(ledger_view_begin(desk.world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(desk.world.view, &head), LUCID_OK);
    ledger_view_end(desk.world.view);
    return head;
}

/* A stop signs what was logged, however long the interval, and at the time that it is. */
static void test_last_head(void **state)
{
    (void)state;
    core_leaves_log(&desk.world, 0, 3);
    assert_int_equal(newest_head().size, 0);
    writer_run_once();
    assert_int_equal(newest_head().size, 3);
    assert_int_equal(newest_head().signed_ms, desk.wall_ms);
    assert_int_equal(desk.failures, 0);
}

/* A store that dies at the very end is told as at any other time. */
static void test_last_head_fails(void **state)
{
    (void)state;
    core_leaves_log(&desk.world, 0, 3);
    desk.fault = STORE_FAULT_COMMIT_LOST;
    writer_run_once();
    assert_int_equal(desk.failures, 1);
}

static void clock_move(uint64_t boot_ms, int64_t step_ms)
{
    desk.boot_ms += boot_ms;
    desk.wall_ms += boot_ms + (uint64_t)step_ms;
    writer_run_once();
}

static void test_clock(void **state)
{
    (void)state;
    static const struct {
        int64_t step_ms;
        bool stepped;
        uint64_t steps;
    } moves[] = {
        {0, false, 0},  {300000, false, 0}, {1, true, 1},       {-300000, true, 1},
        {-2, false, 2}, {-300001, true, 3}, {-400000, true, 4}, {700001, false, 5},
    };
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        struct api_health health;
        clock_move(2000, moves[i].step_ms);
        writer_health(desk.writer, &health);
        assert_int_equal(health.clock_stepped, moves[i].stepped);
        assert_int_equal(health.clock_steps, moves[i].steps);
    }
}

/* Runs one leaf through the writer while commits fail that way. */
static void leaf_submit(enum store_fault fault, struct core_leaf_command *leaf)
{
    struct api_job job = {.loop = desk.loop, .command = &leaf->command};
    core_leaf_init(leaf, 0, 1);
    desk.fault = fault;
    assert_int_equal(writer_submit(desk.writer, &job, 1), LUCID_OK);
    writer_run_once();
}

static void test_commit_full(void **state)
{
    (void)state;
    struct core_leaf_command leaf;
    leaf_submit(STORE_FAULT_FULL, &leaf);
    assert_int_equal(leaf.command.error, LUCID_RETRY_FULL);
    assert_string_equal(leaf.command.why.code, "STORE_FULL");
    assert_non_null(strstr(leaf.command.why.text, "nothing was stored"));
    assert_int_equal(desk.failures, 0);
}

/* Kept or lost, the writer cannot know, and must not say that it does. */
static void test_commit_unknown(void **state)
{
    (void)state;
    struct core_leaf_command leaf;
    leaf_submit(STORE_FAULT_COMMIT_UNTOLD, &leaf);
    assert_int_equal(leaf.command.error, LUCID_FATAL_STORE);
    assert_null(strstr(leaf.command.why.text, "nothing"));
    assert_non_null(strstr(leaf.command.why.text, "not known"));
    assert_int_equal(desk.failures, 1);
    struct api_job again = {.loop = desk.loop, .command = &leaf.command};
    assert_int_equal(writer_submit(desk.writer, &again, 1), LUCID_FATAL_STORE);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_open, desk_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(test_last_head),   DESK_TEST(test_last_head_fails), DESK_TEST(test_clock),
        DESK_TEST(test_commit_full), DESK_TEST(test_commit_unknown),
    };
    return cmocka_run_group_tests_name("lucidd writer", tests, NULL, NULL);
}
