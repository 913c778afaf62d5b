#include "ledger/store/lmdb.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/unit/store/store_lmdb_dir.h"

/* --- the common suite ---------------------------------------------------------------------------
 */

static struct store *open_new(void *context)
{
    test_dir_new(context);
    return test_dir_create(context, TEST_LMDB_BYTES_MAX);
}

static struct store *reopen(void *context, struct store *store)
{
    store_close(store);
    return test_dir_reopen(context, TEST_LMDB_BYTES_MAX);
}

static void drop(void *context, struct store *store)
{
    store_close(store);
    test_dir_drop(context);
}

/* --- open ---------------------------------------------------------------------------------------
 */

static void test_open_errors(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = NULL;
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, true, &store), LUCID_NOTE_ABSENT);
    assert_int_equal(test_dir_open(&dir, 1 << 20, true, false, &store), LUCID_REFUSE_INVALID);
    assert_int_equal(test_dir_open(&dir, 1000, true, true, &store), LUCID_REFUSE_INVALID);
    assert_int_equal(mkdir(dir.path, 0700), 0);
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, true, &store), LUCID_NOTE_ABSENT);
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, false, &store), LUCID_NOTE_ABSENT);
    assert_null(store);
    store_close(test_dir_create(&dir, 1 << 20));
    assert_int_equal(test_dir_open(&dir, 1 << 20, true, true, &store), LUCID_REFUSE_CONFLICT);
    store_close(test_dir_reopen(&dir, 1 << 20));
    test_dir_drop(&dir);
    struct test_dir nested = {.path = "store-test-no-such-parent/store"};
    assert_int_equal(test_dir_open(&nested, 1 << 20, true, true, &store), LUCID_RETRY_IO);
}

static void test_garbage_file(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    assert_int_equal(mkdir(dir.path, 0700), 0);
    char path[96];
    snprintf(path, sizeof(path), "%s/data.mdb", dir.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 20000; i++) {
        fputc(i * 7 % 251, file);
    }
    fclose(file);
    struct store *store = NULL;
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, true, &store), LUCID_FATAL_CORRUPT);
    /* An empty file is what a crash right after its making leaves. */
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, false, &store), LUCID_NOTE_ABSENT);
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, true, &store), LUCID_NOTE_ABSENT);
    store_close(test_dir_create(&dir, 1 << 20));
    test_dir_drop(&dir);
}

static void test_mode(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    store_close(test_dir_create(&dir, 1 << 20));
    struct stat info;
    assert_int_equal(stat(dir.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    char path[96];
    snprintf(path, sizeof(path), "%s/data.mdb", dir.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    test_dir_drop(&dir);
}

static void test_two_writers(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 20);
    struct store *second = NULL;
    assert_int_equal(test_dir_open(&dir, 1 << 20, false, true, &second), LUCID_RETRY_BUSY);
    assert_int_equal(test_dir_open(&dir, 1 << 20, true, true, &second), LUCID_RETRY_BUSY);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(test_dir_open(&dir, 1 << 20, false, true, &second) == LUCID_RETRY_BUSY ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    test_rows_commit(store, 1, 3);
    store_close(store);
    store = test_dir_reopen(&dir, 1 << 20);
    test_store_check(store, 3);
    store_close(store);
    test_dir_drop(&dir);
}

/* --- full ---------------------------------------------------------------------------------------
 */

static enum lucid_error rows_try(struct store *store, uint64_t first, size_t count)
{
    struct store_batch *batch;
    enum lucid_error error = store_batch_begin(store, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    struct test_row *rows = test_rows_append(batch, first, count);
    error = store_batch_commit(batch);
    free(rows);
    return error;
}

static void test_map_full(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 20);
    test_rows_commit(store, 1, 20);
    assert_int_equal(rows_try(store, 21, 3000), LUCID_RETRY_FULL);
    test_store_check(store, 20);
    test_rows_commit(store, 21, 10);
    test_store_check(store, 30);
    /* Until not even one row fits: the free list may then be what fails, in the commit itself. */
    uint64_t sequence = 31;
    size_t count = 64;
    while (count > 0 && sequence < 10000) {
        enum lucid_error error = rows_try(store, sequence, count);
        assert_true(error == LUCID_OK || error == LUCID_RETRY_FULL);
        if (error == LUCID_OK) {
            sequence += count;
        } else {
            count /= 2;
        }
    }
    assert_in_range(sequence, 500, 9999);
    test_store_check(store, sequence - 1);
    store_close(store);
    store = test_dir_reopen(&dir, 1 << 22);
    test_store_check(store, sequence - 1);
    test_rows_commit(store, sequence, 50);
    test_store_check(store, sequence + 49);
    store_close(store);
    test_dir_drop(&dir);
}

/* The map is full in the middle of a batch: later calls and the commit say so, nothing is kept. */
static void test_map_full_put(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 20);
    struct store_batch *batch;
    uint32_t table = 0;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    assert_int_equal(store_table_create(batch, "t", &table), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    uint8_t value[3000] = {0};
    enum lucid_error error = LUCID_OK;
    uint32_t puts = 0;
    while (error == LUCID_OK && puts < 1000) {
        error = store_put(batch, table, lucid_span(&puts, sizeof(puts)),
                          lucid_span(value, sizeof(value)));
        puts++;
    }
    assert_int_equal(error, LUCID_RETRY_FULL);
    assert_int_equal(store_put(batch, table, lucid_span_str("k"), lucid_span_str("v")),
                     LUCID_RETRY_FULL);
    free(test_rows_append(batch, 1, 2));
    assert_int_equal(store_batch_commit(batch), LUCID_RETRY_FULL);
    test_store_check(store, 0);
    struct store_view *view;
    struct lucid_span got;
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    assert_int_equal(store_seek(view, table, STORE_SEEK_GE, lucid_span_str(""), &got, &got),
                     LUCID_NOTE_ABSENT);
    store_view_end(view);
    store_view_close(view);
    test_rows_commit(store, 1, 5);
    test_store_check(store, 5);
    store_close(store);
    test_dir_drop(&dir);
}

/* A write that the system refuses: the store is poisoned, and as before when opened again. Runs in
 * a child with a limit on file sizes. */
static int child_write_error(const struct test_dir *dir)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignore, NULL);
    struct store *store = NULL;
    struct store_view *view = NULL;
    if (test_dir_open(dir, 1 << 26, false, true, &store) != LUCID_OK ||
        store_view_open(store, &view) != LUCID_OK) {
        return 1;
    }
    struct rlimit limit = {.rlim_cur = 200000, .rlim_max = 200000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 2;
    }
    if (rows_try(store, 21, 2000) != LUCID_FATAL_STORE) {
        return 3;
    }
    struct store_batch *batch;
    if (store_batch_begin(store, &batch) != LUCID_FATAL_STORE ||
        store_view_begin(view) != LUCID_FATAL_STORE) {
        return 4;
    }
    store_view_close(view);
    store_close(store);
    return 0;
}

static void test_write_error(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 26);
    test_rows_commit(store, 1, 20);
    store_close(store);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(child_write_error(&dir));
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    store = test_dir_reopen(&dir, 1 << 26);
    test_store_check(store, 20);
    test_rows_commit(store, 21, 20);
    store_close(store);
    test_dir_drop(&dir);
}

/* --- other processes and threads ----------------------------------------------------------------
 */

static void sleep_us(long us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

/* Reads the newest and one other row again and again, until the log is as long as promised. */
static void read_until(struct store *store, uint64_t last)
{
    struct store_view *view;
    lucid_assert(store_view_open(store, &view) == LUCID_OK);
    uint64_t seen = 0;
    while (seen < last) {
        struct store_counts counts;
        lucid_assert(store_view_begin(view) == LUCID_OK);
        store_counts_read(view, &counts);
        lucid_assert(counts.events >= seen && counts.leaves == (counts.events + 1) / 2);
        seen = counts.events;
        if (seen > 0) {
            test_row_check(view, seen);
            test_row_check(view, 1 + seen * 7919 % seen);
        }
        store_view_end(view);
    }
    store_view_close(view);
}

enum { SHARED_COMMITS = 150, SHARED_ROWS = 5 };

static void test_reader_process(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    store_close(test_dir_create(&dir, 1 << 24));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = NULL;
        lucid_assert(test_dir_open(&dir, 1 << 24, false, false, &store) == LUCID_OK);
        read_until(store, SHARED_COMMITS * SHARED_ROWS);
        store_close(store);
        _exit(0);
    }
    struct store *store = test_dir_reopen(&dir, 1 << 24);
    for (uint64_t i = 0; i < SHARED_COMMITS; i++) {
        test_rows_commit(store, 1 + i * SHARED_ROWS, SHARED_ROWS);
        sleep_us(300);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    store_close(store);
    test_dir_drop(&dir);
}

static void *reader_thread(void *context)
{
    read_until(context, SHARED_COMMITS * SHARED_ROWS);
    uint32_t table = 0;
    lucid_assert(store_table_find(context, "last", &table) == LUCID_OK);
    return NULL;
}

static void test_reader_threads(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 24);
    pthread_t thread[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, reader_thread, store), 0);
    }
    for (uint64_t i = 0; i < SHARED_COMMITS; i++) {
        struct store_batch *batch;
        uint32_t table;
        assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
        struct test_row *rows = test_rows_append(batch, 1 + i * SHARED_ROWS, SHARED_ROWS);
        char name[16];
        snprintf(name, sizeof(name), "t%u", (unsigned)i / 10);
        assert_int_equal(store_table_create(batch, i + 1 < SHARED_COMMITS ? name : "last", &table),
                         LUCID_OK);
        assert_int_equal(store_batch_commit(batch), LUCID_OK);
        free(rows);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    store_close(store);
    test_dir_drop(&dir);
}

static void test_reader_slots(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    struct store *store = test_dir_create(&dir, 1 << 20);
    struct store_view *views[40];
    size_t open = 0;
    enum lucid_error error = LUCID_OK;
    while (error == LUCID_OK && open < 40) {
        error = store_view_open(store, &views[open]);
        open += error == LUCID_OK;
    }
    assert_int_equal(error, LUCID_RETRY_BUSY);
    assert_int_equal(open, 32);
    while (open > 0) {
        store_view_close(views[--open]);
    }
    test_store_check(store, 0);
    store_close(store);
    test_dir_drop(&dir);
}

/* A killed reader's slot is freed by the check. */
static void test_dead_reader(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    store_close(test_dir_create(&dir, 1 << 20));
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = NULL;
        struct store_view *view = NULL;
        lucid_assert(test_dir_open(&dir, 1 << 20, false, false, &store) == LUCID_OK);
        lucid_assert(store_view_open(store, &view) == LUCID_OK);
        lucid_assert(store_view_begin(view) == LUCID_OK);
        lucid_assert(write(pipes[1], "r", 1) == 1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    struct store *store = test_dir_reopen(&dir, 1 << 20);
    test_rows_commit(store, 1, 2);
    struct store_stats stats;
    store_stats_read(store, &stats);
    assert_int_equal(stats.readers, 1);
    assert_int_equal(stats.oldest_view_lag, 1);
    assert_int_equal(store_readers_check(store), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(store_readers_check(store), 1);
    store_stats_read(store, &stats);
    assert_int_equal(stats.readers, 0);
    close(pipes[0]);
    close(pipes[1]);
    store_close(store);
    test_dir_drop(&dir);
}

/* --- kill -9 ------------------------------------------------------------------------------------
 */

enum { KILL_ROUNDS = 50 };

/* Appends batches of a few rows and tells each one's last sequence after its commit. */
static void writer_child(const struct test_dir *dir, int out, uint64_t sequence)
{
    struct store *store = NULL;
    lucid_assert(test_dir_open(dir, TEST_LMDB_BYTES_MAX, false, true, &store) == LUCID_OK);
    for (;;) {
        size_t count = 1 + sequence % 9;
        lucid_assert(rows_try(store, sequence, count) == LUCID_OK);
        sequence += count;
        uint64_t last = sequence - 1;
        lucid_assert(write(out, &last, sizeof(last)) == sizeof(last));
    }
}

/* Lets a writer run for some time, after its first commit or after its start, kills it; returns the
 * last sequence that it told. */
static uint64_t kill_round(const struct test_dir *dir, uint64_t events, bool commits, long us)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        writer_child(dir, pipes[1], events + 1);
        _exit(1);
    }
    close(pipes[1]);
    uint64_t acknowledged = events;
    uint64_t last = 0;
    if (commits) {
        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
    }
    sleep_us(us);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(pipes[0], &last, sizeof(last)) == sizeof(last)) {
        acknowledged = last;
    }
    close(pipes[0]);
    return acknowledged;
}

static void test_kill(void **state)
{
    (void)state;
    struct test_dir dir;
    test_dir_new(&dir);
    store_close(test_dir_create(&dir, TEST_LMDB_BYTES_MAX));
    uint64_t seed = 4711;
    uint64_t events = 0;
    for (int round = 0; round < KILL_ROUNDS; round++) {
        long us = 2000 + (long)(test_random(&seed) % 30000);
        uint64_t acknowledged = kill_round(&dir, events, round % 2 == 0, us);
        struct store *store = test_dir_reopen(&dir, TEST_LMDB_BYTES_MAX);
        struct store_view *view;
        struct store_counts counts;
        assert_int_equal(store_view_open(store, &view), LUCID_OK);
        assert_int_equal(store_view_begin(view), LUCID_OK);
        store_counts_read(view, &counts);
        /* One more batch may have been committed that nobody was told of. */
        assert_in_range(counts.events, acknowledged, acknowledged + 9);
        for (uint64_t sequence = events + 1; sequence <= counts.events; sequence++) {
            test_row_check(view, sequence);
        }
        events = counts.events;
        store_view_end(view);
        store_view_close(view);
        store_close(store);
    }
    assert_true(events >= KILL_ROUNDS / 2);
    struct store *store = test_dir_reopen(&dir, TEST_LMDB_BYTES_MAX);
    test_store_check(store, events);
    store_close(store);
    test_dir_drop(&dir);
}

int main(void)
{
    struct test_dir dir;
    const struct store_fixture fixture = {
        .open_new = open_new, .reopen = reopen, .drop = drop, .context = &dir};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_errors),    cmocka_unit_test(test_garbage_file),
        cmocka_unit_test(test_mode),           cmocka_unit_test(test_two_writers),
        cmocka_unit_test(test_map_full),       cmocka_unit_test(test_map_full_put),
        cmocka_unit_test(test_write_error),    cmocka_unit_test(test_reader_process),
        cmocka_unit_test(test_reader_threads), cmocka_unit_test(test_reader_slots),
        cmocka_unit_test(test_dead_reader),    cmocka_unit_test(test_kill),
    };
    return store_conformance_run("store lmdb", &fixture, tests, sizeof(tests) / sizeof(tests[0]));
}
