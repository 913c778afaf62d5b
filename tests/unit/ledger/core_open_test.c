/* A store that is not what was written is refused at open. Rows of the log cannot be changed in
 * place, so each case copies a good store row by row with one thing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger/core_world.h"

/* 130 leaves: an epoch's head at 100, a head by time at 110, and 20 leaves after it. */
enum { LEAVES = 130, NEWEST_HEAD_SIZE = 110 };

enum tamper {
    TAMPER_NONE,
    EVENT_PAYLOAD,
    EVENT_TIME,
    EVENT_VERSION,
    EVENT_ENTRY,
    EVENT_HASH,
    EVENT_LAST_HASH,
    EVENT_HEAD_PAYLOAD,
    EVENT_FIRST_TYPE,
    EVENT_DROPPED_LAST,
    LEAF_SEQUENCE,
    LEAF_TAG_HASH,
    LEAF_TAG_RUN_ID,
    LEAF_NODE,
    LEAF_PARENT,
    LEAF_PEAK_BELOW_HEAD,
    LEAF_DROPPED_LAST,
    LEAF_DROPPED_ALL,
    HEAD_ROOT,
    HEAD_SIZE,
    HEAD_SEQUENCE,
    HEAD_SHORT,
    HEAD_DROPPED,
    HEAD_DROPPED_ALL,
    EPOCH_ROOT,
    EPOCH_END,
    EPOCH_SHORT,
    FOLD_SHORT,
    TAMPER_COUNT,
};

static struct core_world world;

struct copy {
    struct store_view *from;
    struct store_batch *to;
    enum tamper tamper;
    uint64_t events;
    uint64_t head_at; /* the newest head's sequence */
};

static int world_make(void **state)
{
    (void)state;
    struct ledger_head_tick head;
    core_world_init(&world);
    core_world_start(&world);
    core_leaves_log(&world, 0, NEWEST_HEAD_SIZE);
    world.now_ms += 1000;
    ledger_head_tick_init(&head);
    assert_int_equal(core_run(&world, &head.command), LUCID_OK);
    core_leaves_log(&world, NEWEST_HEAD_SIZE, LEAVES - NEWEST_HEAD_SIZE);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static enum lucid_error copy_event(void *context, const struct store_event *event)
{
    struct copy *copy = context;
    /* Good until the batch is committed: the store borrows what it is given. */
    static uint8_t bytes[4][STORE_PAYLOAD_BYTES_MAX];
    struct store_event row = *event;
    bool target = event->sequence == copy->events - 5;
    if ((copy->tamper == EVENT_PAYLOAD && target) ||
        (copy->tamper == EVENT_HEAD_PAYLOAD && event->sequence == copy->head_at)) {
        memcpy(bytes[0], event->payload.data, event->payload.len);
        bytes[0][event->payload.len - 1] ^= 1;
        row.payload.data = bytes[0];
    }
    if (copy->tamper == EVENT_ENTRY && target) {
        memcpy(bytes[1], event->entry, STORE_ENTRY_BYTES);
        bytes[1][100] ^= 1;
        row.entry = bytes[1];
    }
    if ((copy->tamper == EVENT_HASH && target) ||
        (copy->tamper == EVENT_LAST_HASH && event->sequence == copy->events)) {
        memcpy(bytes[2], event->hash, STORE_HASH_BYTES);
        bytes[2][0] ^= 1;
        row.hash = bytes[2];
    }
    if (copy->tamper == EVENT_TIME && event->sequence == copy->events) {
        row.time_ms++;
    }
    if (copy->tamper == EVENT_VERSION && target) {
        row.version++;
    }
    if (copy->tamper == EVENT_FIRST_TYPE && event->sequence == 1) {
        row.type = lucid_span_str("log.inix");
    }
    if (copy->tamper == EVENT_DROPPED_LAST && event->sequence == copy->events) {
        return LUCID_NOTE_END;
    }
    return store_event_append(copy->to, &row, lucid_span(NULL, 0));
}

static enum lucid_error copy_leaves(void *context, const struct store_leaf_run *run)
{
    struct copy *copy = context;
    static uint8_t nodes[2 * LEAVES][MMR_PEAKS_MAX * MMR_HASH_BYTES];
    for (uint32_t i = 0; i < run->count; i++) {
        struct store_leaf leaf = store_leaf_at(run, i);
        uint64_t index = run->first + i;
        uint64_t first = mmr_node_count(index);
        size_t count = (size_t)(mmr_node_count(index + 1) - first);
        size_t at = (size_t)(first - mmr_node_count(run->first)) * MMR_HASH_BYTES;
        memcpy(nodes[index], run->nodes.data + at, count * MMR_HASH_BYTES);
        bool target = index == LEAVES - 7; /* 123: the last of 4, so it has parents */
        leaf.sequence -= copy->tamper == LEAF_SEQUENCE && target;
        leaf.tags[0] ^= copy->tamper == LEAF_TAG_HASH && target;
        leaf.tags[1] ^= copy->tamper == LEAF_TAG_RUN_ID && target;
        nodes[index][0] ^= copy->tamper == LEAF_NODE && target;
        nodes[index][2 * MMR_HASH_BYTES] ^= copy->tamper == LEAF_PARENT && target;
        /* The node over leaves 0 to 63 comes with leaf 63, its last. */
        nodes[index][6 * MMR_HASH_BYTES] ^= copy->tamper == LEAF_PEAK_BELOW_HEAD && index == 63;
        if (copy->tamper == LEAF_DROPPED_ALL ||
            (copy->tamper == LEAF_DROPPED_LAST && index == LEAVES - 1)) {
            return LUCID_NOTE_END;
        }
        enum lucid_error error = store_leaf_append(copy->to, &leaf, nodes[index], count);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

/* One table row as the tamper wants it; false: leave it out. */
static bool row_change(enum tamper tamper, const char *table, uint8_t *key, uint8_t *value,
                       size_t *len)
{
    bool newest_head = strcmp(table, "heads") == 0 && lucid_get_be64(key) == NEWEST_HEAD_SIZE;
    bool epoch = strcmp(table, "epochs") == 0;
    value[16] ^= tamper == HEAD_ROOT && newest_head;
    key[7] ^= tamper == HEAD_SIZE && newest_head;
    value[15] ^= tamper == HEAD_SEQUENCE && newest_head;
    value[33] ^= tamper == EPOCH_ROOT && epoch;
    value[15] ^= tamper == EPOCH_END && epoch;
    if ((tamper == HEAD_SHORT && newest_head) || (tamper == EPOCH_SHORT && epoch) ||
        (tamper == FOLD_SHORT && strcmp(table, LEDGER_FOLDS_TABLE) == 0)) {
        *len -= *len > 60 ? *len - 20 : 1;
    }
    return !(tamper == HEAD_DROPPED && newest_head) &&
           !(tamper == HEAD_DROPPED_ALL && strcmp(table, "heads") == 0);
}

static void copy_table(struct copy *copy, struct store *to, const char *name)
{
    uint32_t table;
    uint32_t table_to;
    uint8_t at[STORE_KEY_BYTES_MAX];
    struct lucid_span from = lucid_span("", 0);
    struct lucid_span key;
    struct lucid_span value;
    assert_int_equal(store_table_find(world.store, name, &table), LUCID_OK);
    assert_int_equal(store_table_find(to, name, &table_to), LUCID_OK);
    while (store_seek(copy->from, table, STORE_SEEK_GT, from, &key, &value) == LUCID_OK) {
        uint8_t key_to[STORE_KEY_BYTES_MAX] = {0};
        uint8_t value_to[2048] = {0};
        size_t len = value.len;
        memcpy(at, key.data, key.len);
        memcpy(key_to, key.data, key.len);
        memcpy(value_to, value.data, value.len);
        if (row_change(copy->tamper, name, key_to, value_to, &len)) {
            assert_int_equal(store_put(copy->to, table_to, lucid_span(key_to, key.len),
                                       lucid_span(value_to, len)),
                             LUCID_OK);
        }
        from = lucid_span(at, key.len);
    }
}

/* Copies the world's store with one thing changed, and opens the copy. */
static enum lucid_error open_tampered(enum tamper tamper, bool *ret_opened)
{
    struct core_world copied;
    struct store_counts counts;
    struct ledger_head head;
    core_world_init(&copied);
    assert_int_equal(store_memory_open(&copied.store), LUCID_OK);
    core_tables_create(&copied, copied.store);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(world.view, &head), LUCID_OK);
    assert_int_equal(head.size, NEWEST_HEAD_SIZE);
    struct copy copy = {
        .from = ledger_view_store(world.view), .tamper = tamper, .head_at = head.sequence};
    store_counts_read(copy.from, &counts);
    copy.events = counts.events;
    assert_int_equal(store_batch_begin(copied.store, &copy.to), LUCID_OK);
    assert_int_equal(store_event_scan(copy.from, 1, copy_event, &copy), LUCID_OK);
    assert_int_equal(store_leaf_scan(copy.from, 0, copy_leaves, &copy), LUCID_OK);
    copy_table(&copy, copied.store, LEDGER_FOLDS_TABLE);
    for (size_t i = 0; i < copied.use_count; i++) {
        const char *const *name = copied.uses[i].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            copy_table(&copy, copied.store, *name);
        }
    }
    assert_int_equal(store_batch_commit(copy.to), LUCID_OK);
    ledger_view_end(world.view);
    enum lucid_error error = core_world_open(&copied);
    *ret_opened = copied.ledger != NULL;
    if (error != LUCID_OK) {
        assert_non_null(copied.why.code);
        assert_true(copied.why.text[0] != '\0');
    }
    core_world_stop(&copied);
    return error;
}

static void test_copy_is_good(void **state)
{
    (void)state;
    bool opened;
    assert_int_equal(open_tampered(TAMPER_NONE, &opened), LUCID_OK);
    assert_true(opened);
}

static void test_tampered(void **state)
{
    (void)state;
    for (int i = TAMPER_NONE + 1; i < TAMPER_COUNT; i++) {
        bool opened;
        enum lucid_error error = open_tampered((enum tamper)i, &opened);
        if (error != LUCID_FATAL_CORRUPT || opened) {
            fail_msg("tampered %d: %s", i, lucid_error_name(error));
        }
    }
}

static void test_not_migrated(void **state)
{
    (void)state;
    struct core_world bare;
    core_world_init(&bare);
    assert_int_equal(store_memory_open(&bare.store), LUCID_OK);
    assert_int_equal(core_world_open(&bare), LUCID_FATAL_CORRUPT);
    assert_string_equal(bare.why.code, "STORE_NOT_MIGRATED");
    core_world_stop(&bare);
}

/* Before log.init the ledger is open, and takes that one command first. */
static void test_newborn(void **state)
{
    (void)state;
    struct core_world newborn;
    const struct ledger_identity *identity = NULL;
    struct core_leaf_command leaf;
    core_world_init(&newborn);
    assert_int_equal(store_memory_open(&newborn.store), LUCID_OK);
    core_tables_create(&newborn, newborn.store);
    assert_int_equal(core_world_open(&newborn), LUCID_OK);
    assert_false(ledger_identity(newborn.ledger, &identity));
    assert_int_equal(ledger_time_ms(newborn.ledger), 0);
    core_leaf_init(&leaf, 0, 1);
    assert_int_equal(ledger_batch_begin(newborn.ledger, CORE_NOW_MS), LUCID_OK);
    assert_int_equal(lucid_category(ledger_batch_run(newborn.ledger, &leaf.command)),
                     LUCID_CATEGORY_REFUSE);
    ledger_batch_abort(newborn.ledger);
    core_log_init(&newborn);
    assert_true(ledger_identity(newborn.ledger, &identity));
    assert_string_equal(identity->origin, CORE_ORIGIN);
    assert_true(identity->test);
    assert_int_equal(identity->created_ms, CORE_NOW_MS);
    assert_memory_equal(identity->log_key, newborn.log_key.key.public_key, 32);
    struct ledger_log_init_command init;
    assert_int_equal(ledger_log_init_prepare(&init, identity, NULL), LUCID_OK);
    assert_int_equal(core_run(&newborn, &init.command), LUCID_REFUSE_CONFLICT);
    assert_string_equal(init.command.why.code, "LOG_EXISTS");
    ledger_log_init_fini(&init);
    core_world_stop(&newborn);
}

/* Very little address space: as many leaves as asked for fit, and then it is said. */
static void test_leaves_max(void **state)
{
    (void)state;
    struct core_world small;
    core_world_init(&small);
    assert_int_equal(store_memory_open(&small.store), LUCID_OK);
    core_tables_create(&small, small.store);
    const struct ledger_options options = {
        .uses = small.uses, .use_count = small.use_count, .leaves_max = 300};
    assert_int_equal(ledger_open(small.store, &options, &small.ledger, NULL), LUCID_OK);
    assert_int_equal(ledger_view_open(small.ledger, &small.view), LUCID_OK);
    core_log_init(&small);
    core_leaves_log(&small, 0, 300);
    enum lucid_error error = LUCID_OK;
    for (uint64_t i = 300; error == LUCID_OK && i < 5000; i++) {
        struct core_leaf_command leaf;
        core_leaf_init(&leaf, i, 1);
        assert_int_equal(ledger_batch_begin(small.ledger, CORE_NOW_MS), LUCID_OK);
        error = ledger_batch_run(small.ledger, &leaf.command);
        if (error == LUCID_OK) {
            assert_int_equal(ledger_batch_commit(small.ledger), LUCID_OK);
        } else {
            ledger_batch_abort(small.ledger);
        }
    }
    assert_int_equal(error, LUCID_RETRY_FULL);
    core_world_stop(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_good), cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_not_migrated), cmocka_unit_test(test_newborn),
        cmocka_unit_test(test_leaves_max),
    };
    return cmocka_run_group_tests_name("core open", tests, world_make, world_drop);
}
