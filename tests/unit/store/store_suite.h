/* What the files of the conformance suite share. The state of each test is a struct suite. */
#ifndef LUCID_TESTS_STORE_SUITE_H
#define LUCID_TESTS_STORE_SUITE_H

#include "tests/unit/store/store_conformance.h"

struct suite {
    const struct store_fixture *fixture;
    struct store *store;
};

struct store *suite_store(void **state);

/* Closes and opens again, where the back end can. */
void suite_reopen(void **state);

/* Each of these must succeed. */
struct store_batch *suite_begin(void **state);
struct store_view *suite_view_begin(void **state);
void suite_view_close(struct store_view *view);
uint32_t suite_table_make(void **state, const char *name);
void suite_put(struct store_batch *batch, uint32_t table, const char *key, const char *value);

/* store_conformance_tables.c */
void suite_test_tables(void **state);
void suite_test_delete_and_clear(void **state);
void suite_test_seek(void **state);
void suite_test_values(void **state);
void suite_test_put_own_bytes(void **state);
void suite_test_table_limit(void **state);
void suite_test_model(void **state);

/* store_conformance_erase.c */
void suite_test_erase(void **state);
void suite_test_erase_abort(void **state);
void suite_test_erase_own(void **state);

#endif
