/* Directories with LMDB stores for the tests, below the current directory. */
#ifndef LUCID_TESTS_STORE_LMDB_DIR_H
#define LUCID_TESTS_STORE_LMDB_DIR_H

#include "ledger/store/lmdb.h"
#include "tests/unit/store/store_conformance.h"

#define TEST_LMDB_BYTES_MAX ((uint64_t)1 << 30)

struct test_dir {
    char path[64];
};

/* Makes a fresh name; the directory itself is left for the store to make. */
void test_dir_new(struct test_dir *ret);

/* Removes the store's files and the directory. */
void test_dir_drop(const struct test_dir *dir);

enum lucid_error test_dir_open(const struct test_dir *dir, uint64_t bytes_max, bool create,
                               bool writable, struct store **ret);

/* Must succeed. */
struct store *test_dir_create(const struct test_dir *dir, uint64_t bytes_max);
struct store *test_dir_reopen(const struct test_dir *dir, uint64_t bytes_max);

#endif
