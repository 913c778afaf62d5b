/* The numbered mechanism: what is missing is applied once and in order, a stop in between is
 * harmless, and what a newer program wrote is refused. Over memory, and over the store of format 1
 * that the first release left (tests/vectors/store_v1). */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger/store/failing.h"
#include "ledger/store/lmdb.h"
#include "ledger/store/memory.h"
#include "lucidd/kinds.h"
#include "migrations/migrations.h"

enum { LIST_MAX = 64 };

static uint32_t newest_number(void)
{
    uint32_t number = 0;
    while (migrations[number].run != NULL) {
        number++;
    }
    assert_true(number >= 3 && number < LIST_MAX);
    return number;
}

/* The first `count` migrations of this program. */
static void list_cut(uint32_t count, struct migration ret[LIST_MAX])
{
    memcpy(ret, migrations, count * sizeof(*ret));
    ret[count] = (struct migration){0};
}

static uint32_t version_of(struct store *store)
{
    uint32_t version = 99;
    assert_int_equal(migrations_version(store, &version), LUCID_OK);
    return version;
}

static bool has_table(struct store *store, const char *name)
{
    uint32_t table;
    return store_table_find(store, name, &table) == LUCID_OK;
}

static void test_from_nothing(void **state)
{
    (void)state;
    struct store *store = NULL;
    uint32_t applied = 99;
    assert_int_equal(store_memory_open(&store), LUCID_OK);
    assert_int_equal(version_of(store), 0);
    assert_int_equal(migrations_run(store, &applied, NULL), LUCID_OK);
    assert_int_equal(applied, newest_number());
    assert_int_equal(version_of(store), newest_number());
    assert_int_equal(migrations_run(store, &applied, NULL), LUCID_OK);
    assert_int_equal(applied, 0);
    store_close(store);
}

/* From every older version the rest is applied, and every older program refuses the result. */
static void test_every_step(void **state)
{
    (void)state;
    struct migration list[LIST_MAX];
    for (uint32_t from = 0; from <= newest_number(); from++) {
        struct store *store = NULL;
        uint32_t applied = 99;
        struct lucid_why why = {0};
        assert_int_equal(store_memory_open(&store), LUCID_OK);
        list_cut(from, list);
        assert_int_equal(migrations_run_list(store, list, &applied, NULL), LUCID_OK);
        assert_int_equal(applied, from);
        assert_int_equal(migrations_run(store, &applied, NULL), LUCID_OK);
        assert_int_equal(applied, newest_number() - from);
        assert_true(has_table(store, "erasures"));
        applied = 99;
        enum lucid_error error = migrations_run_list(store, list, &applied, &why);
        if (from == newest_number()) {
            assert_int_equal(error, LUCID_OK);
        } else {
            assert_int_equal(error, LUCID_FATAL_NEWER);
            assert_string_equal(why.code, "STORE_NEWER");
            assert_non_null(strstr(why.text, "this program knows up to"));
            assert_int_equal(applied, 99);
            assert_int_equal(version_of(store), newest_number());
        }
        store_close(store);
    }
}

static enum lucid_error half_then_full(struct store_batch *batch)
{
    uint32_t table;
    assert_int_equal(store_table_create(batch, "half", &table), LUCID_OK);
    return LUCID_RETRY_FULL;
}

/* A migration that fails leaves nothing of itself; those before it stay, those after it wait. */
static void test_one_fails(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct migration list[LIST_MAX];
    struct lucid_why why = {0};
    uint32_t applied = 99;
    assert_int_equal(store_memory_open(&store), LUCID_OK);
    list_cut(newest_number(), list);
    list[1].run = half_then_full;
    assert_int_equal(migrations_run_list(store, list, &applied, &why), LUCID_RETRY_FULL);
    assert_string_equal(why.code, "MIGRATION_FAILED");
    assert_int_equal(version_of(store), 1);
    assert_false(has_table(store, "half"));
    assert_int_equal(migrations_run(store, &applied, &why), LUCID_OK);
    assert_int_equal(applied, newest_number() - 1);
    store_close(store);
}

struct faults {
    unsigned commit; /* which one ends the process */
    enum store_fault fault;
    unsigned seen;
};

static enum store_fault fault_at(void *context, uint64_t call, bool is_commit)
{
    struct faults *faults = context;
    (void)call;
    return is_commit && ++faults->seen == faults->commit ? faults->fault : STORE_FAULT_NONE;
}

/* The process dies in any of the commits, before or after it is kept; the next start goes on. */
static void test_crash_between(void **state)
{
    (void)state;
    static const enum store_fault kinds[] = {STORE_FAULT_COMMIT_LOST, STORE_FAULT_COMMIT_UNTOLD};
    for (unsigned at = 1; at <= newest_number(); at++) {
        for (unsigned k = 0; k < 2; k++) {
            struct faults faults = {.commit = at, .fault = kinds[k]};
            struct store *inner = NULL;
            struct store *store = NULL;
            uint32_t applied = 99;
            assert_int_equal(store_memory_open(&inner), LUCID_OK);
            assert_int_equal(store_failing_open(inner, fault_at, &faults, &store), LUCID_OK);
            assert_int_equal(migrations_run(store, &applied, NULL), LUCID_FATAL_STORE);
            inner = store_failing_release(store);
            uint32_t version = version_of(inner);
            assert_int_equal(version, kinds[k] == STORE_FAULT_COMMIT_LOST ? at - 1 : at);
            assert_int_equal(migrations_run(inner, &applied, NULL), LUCID_OK);
            assert_int_equal(applied, newest_number() - version);
            store_close(inner);
        }
    }
}

/* --- the first release's store ------------------------------------------------------------------
 */

struct golden {
    char dir[64];
    char file[96];
};

static int golden_copy(void **state)
{
    static struct golden golden;
    static char bytes[1 << 20];
    char from[512];
    const char *root = getenv("LUCID_TEST_VECTORS");
    assert_non_null(root);
    (void)snprintf(from, sizeof(from), "%s/store_v1/data/store/data.mdb", root);
    (void)snprintf(golden.dir, sizeof(golden.dir), "/tmp/lucid-golden-XXXXXX");
    assert_non_null(mkdtemp(golden.dir));
    (void)snprintf(golden.file, sizeof(golden.file), "%s/data.mdb", golden.dir);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(golden.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t len = read(in, bytes, sizeof(bytes));
    assert_true(len > 100000 && len < (ssize_t)sizeof(bytes));
    assert_int_equal(write(out, bytes, (size_t)len), len);
    close(in);
    close(out);
    *state = &golden;
    return 0;
}

static int golden_drop(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
    const struct golden *golden = *state;
    for (size_t i = 0; i < 3; i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/%s", golden->dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(golden->dir);
}

static struct store *golden_open(const struct golden *golden)
{
    const struct store_lmdb_options options = {
        .bytes_max = (uint64_t)1 << 26, .readers_max = 8, .writable = true};
    struct store *store = NULL;
    assert_int_equal(store_lmdb_open(golden->dir, &options, &store, NULL), LUCID_OK);
    return store;
}

static enum lucid_error ledger_try(struct store *store)
{
    struct kinds kinds;
    struct ledger *ledger = NULL;
    kinds_init(&kinds, NULL);
    const struct ledger_options options = {
        .uses = kinds.uses, .use_count = kinds.count, .leaves_max = 1 << 20};
    enum lucid_error error = ledger_open(store, &options, &ledger, NULL);
    ledger_close(ledger);
    return error;
}

static void test_golden(void **state)
{
    const struct golden *golden = *state;
    struct migration first[LIST_MAX];
    struct lucid_why why = {0};
    uint32_t applied = 99;
    list_cut(1, first);
    struct store *store = golden_open(golden);
    assert_int_equal(version_of(store), 1);
    assert_int_equal(migrations_run_list(store, first, &applied, NULL), LUCID_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(ledger_try(store), LUCID_FATAL_CORRUPT); /* not migrated */
    store_close(store);
    store = golden_open(golden);
    assert_int_equal(migrations_run(store, &applied, NULL), LUCID_OK);
    assert_int_equal(applied, newest_number() - 1);
    assert_int_equal(ledger_try(store), LUCID_OK);
    store_close(store);
    store = golden_open(golden);
    assert_int_equal(version_of(store), newest_number());
    assert_int_equal(migrations_run_list(store, first, &applied, &why), LUCID_FATAL_NEWER);
    assert_non_null(strstr(why.text, "this program knows up to 1"));
    assert_int_equal(ledger_try(store), LUCID_OK);
    store_close(store);
}

/* A store that stops between two migrations opens with the next start. */
static void test_golden_halfway(void **state)
{
    const struct golden *golden = *state;
    struct migration list[LIST_MAX];
    uint32_t applied = 99;
    for (uint32_t count = 2; count <= newest_number(); count++) {
        struct store *store = golden_open(golden);
        list_cut(count, list);
        assert_int_equal(migrations_run_list(store, list, &applied, NULL), LUCID_OK);
        assert_int_equal(applied, 1);
        store_close(store);
    }
    struct store *store = golden_open(golden);
    assert_int_equal(migrations_run(store, &applied, NULL), LUCID_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(ledger_try(store), LUCID_OK);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_nothing),
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_one_fails),
        cmocka_unit_test(test_crash_between),
        cmocka_unit_test_setup_teardown(test_golden, golden_copy, golden_drop),
        cmocka_unit_test_setup_teardown(test_golden_halfway, golden_copy, golden_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
