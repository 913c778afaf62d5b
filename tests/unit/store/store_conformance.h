/* One suite that every back end of the store passes, and the rows that it is made of. */
#ifndef LUCID_TESTS_STORE_CONFORMANCE_H
#define LUCID_TESTS_STORE_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "ledger/store/store.h"

/* How a back end's stores are opened and thrown away. */
struct store_fixture {
    struct store *(*open_new)(void *context); /* an empty one */
    struct store *(*reopen)(void *context,
                            struct store *);     /* closes and opens; NULL: not durable */
    void (*drop)(void *context, struct store *); /* closes and removes */
    void *context;
};

#define STORE_CONFORMANCE_MORE_MAX 24

/* Runs the suite, and with it the back end's own tests, since a TAP program has one plan. Returns
 * the number of failed tests. */
int store_conformance_run(const char *name, const struct store_fixture *fixture,
                          const struct CMUnitTest *more, size_t more_count);

/* Rows whose bytes follow from their number: events 1, 2, 3 …; the odd ones have an entry and a
 * leaf, those divisible by 3 no body, one in 7 an empty one. */
struct test_row {
    struct store_event event;
    struct lucid_span body;
    struct store_leaf leaf;
    size_t node_count;
    uint8_t type[STORE_TYPE_BYTES_MAX];
    uint8_t payload[256];
    uint8_t hash[STORE_HASH_BYTES];
    uint8_t entry[STORE_ENTRY_BYTES];
    uint8_t body_bytes[1024];
    uint8_t nodes[STORE_NODES_PER_LEAF_MAX * STORE_HASH_BYTES];
};

void test_row_make(uint64_t sequence, struct test_row *ret);

/* Appends rows first … first+count−1; the result is freed after the batch's end. */
struct test_row *test_rows_append(struct store_batch *batch, uint64_t first, size_t count);

/* The same in a batch of their own. */
void test_rows_commit(struct store *store, uint64_t first, size_t count);

void test_row_check(struct store_view *view, uint64_t sequence);

/* Checks counts, every row by number and both scans. */
void test_rows_check(struct store_view *view, uint64_t count);

/* The same in a view of its own. */
void test_store_check(struct store *store, uint64_t count);

/* Everything that the store holds, as bytes to compare. */
void test_store_dump(struct store *store, struct lucid_buf *ret);

/* Numbers from a seed. */
uint64_t test_random(uint64_t *state);

/* Whether fn ends by an assertion, tried in a child process. */
bool test_asserts(void (*fn)(void *context), void *context);

#endif
