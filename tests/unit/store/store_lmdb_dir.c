#include "tests/unit/store/store_lmdb_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"

void test_dir_new(struct test_dir *ret)
{
    snprintf(ret->path, sizeof(ret->path), "store-test-XXXXXX");
    lucid_assert(mkdtemp(ret->path) != NULL);
    lucid_assert(rmdir(ret->path) == 0);
}

void test_dir_drop(const struct test_dir *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", dir->path, files[i]);
        unlink(path);
    }
    rmdir(dir->path);
}

enum lucid_error test_dir_open(const struct test_dir *dir, uint64_t bytes_max, bool create,
                               bool writable, struct store **ret)
{
    struct store_lmdb_options options = {
        .bytes_max = bytes_max,
        .readers_max = 32,
        .create = create,
        .writable = writable,
    };
    struct lucid_why why = {0};
    return store_lmdb_open(dir->path, &options, ret, &why);
}

struct store *test_dir_create(const struct test_dir *dir, uint64_t bytes_max)
{
    struct store *store = NULL;
    assert_int_equal(test_dir_open(dir, bytes_max, true, true, &store), LUCID_OK);
    return store;
}

struct store *test_dir_reopen(const struct test_dir *dir, uint64_t bytes_max)
{
    struct store *store = NULL;
    assert_int_equal(test_dir_open(dir, bytes_max, false, true, &store), LUCID_OK);
    return store;
}
