/* Heads: when one is signed, that none contradicts another, and that they are served as signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger/core_world.h"

enum { HEADS_MAX = 64 };

struct kept_head {
    uint64_t size;
    struct mmr_hash root;
    struct lucid_buf bytes;
};

static struct core_world world;

static int world_make(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static enum lucid_error tick(void)
{
    struct ledger_head_tick head;
    ledger_head_tick_init(&head);
    return core_run(&world, &head.command);
}

static uint64_t newest_size(void)
{
    struct ledger_head head;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(world.view, &head), LUCID_OK);
    ledger_view_end(world.view);
    return head.size;
}

/* Reads, verifies as an outsider and keeps the newest head. */
static void head_keep(struct kept_head *ret)
{
    struct ledger_head head;
    struct ledger_checkpoint checkpoint;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(world.view, &head), LUCID_OK);
    if (ledger_checkpoint_open(head.checkpoint, &world.log_key.vkey, &checkpoint, &why) !=
        LUCID_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(checkpoint.size, head.size);
    assert_memory_equal(&checkpoint.root, &head.root, sizeof(head.root));
    assert_int_equal(checkpoint.extensions.len, 0);
    ret->size = head.size;
    ret->root = head.root;
    lucid_buf_init(&ret->bytes, 0);
    lucid_buf_span_put(&ret->bytes, head.checkpoint);
    /* The event holds the same bytes. */
    struct store_event event;
    assert_int_equal(store_event_read(ledger_view_store(world.view), head.sequence, &event),
                     LUCID_OK);
    assert_true(lucid_span_is(event.type, "head"));
    assert_true(lucid_span_equal(event.payload, head.checkpoint));
    assert_int_equal(event.time_ms, head.signed_ms);
    ledger_view_end(world.view);
}

static void test_first(void **state)
{
    (void)state;
    struct ledger_head head;
    struct kept_head kept;
    struct mmr_hash empty;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(world.view, &head), LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_head_of_size(world.view, 0, &head), LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
    assert_int_equal(tick(), LUCID_OK);
    head_keep(&kept);
    assert_int_equal(kept.size, 0);
    mmr_bag(NULL, 0, &empty);
    assert_memory_equal(&kept.root, &empty, sizeof(empty));
    lucid_buf_fini(&kept.bytes);
    /* Only one of size 0, however long nothing comes. */
    uint64_t events = core_events(&world);
    world.now_ms += 100000;
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(core_events(&world), events);
    assert_int_equal(ledger_head_due_ms(world.ledger), 0);
}

static void test_due(void **state)
{
    (void)state;
    assert_int_equal(tick(), LUCID_OK);
    core_leaves_log(&world, 0, 1);
    assert_int_equal(ledger_head_due_ms(world.ledger), CORE_NOW_MS + 1000);
    for (int reopened = 0; reopened < 2; reopened++) {
        world.now_ms = CORE_NOW_MS + 999;
        assert_int_equal(tick(), LUCID_OK);
        assert_int_equal(newest_size(), 0);
        core_world_reopen(&world);
    }
    world.now_ms = CORE_NOW_MS + 1000;
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(newest_size(), 1);
    assert_int_equal(ledger_head_due_ms(world.ledger), 0);
    uint64_t events = core_events(&world);
    world.now_ms += 5000;
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(core_events(&world), events);
    /* The tree grew, and the interval passed long ago. */
    core_leaves_log(&world, 1, 2);
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(newest_size(), 3);
    /* What other events the log gets is nothing to a head. */
    struct ledger_token_command token;
    struct ledger_token what = {.name = "n", .scopes = TOKEN_READ};
    char text[TOKEN_TEXT_BYTES + 1];
    ledger_token_generate(text);
    assert_int_equal(ledger_token_prepare(&token, TOKEN_CREATE, &what, text, NULL), LUCID_OK);
    assert_int_equal(core_run(&world, &token.command), LUCID_OK);
    ledger_token_command_fini(&token);
    events = core_events(&world);
    world.now_ms += 5000;
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(core_events(&world), events);
}

static void expect_consistent(const struct kept_head *from, const struct kept_head *to)
{
    struct mmr_path path;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    struct mmr_nodes nodes = ledger_view_nodes(world.view);
    assert_int_equal(mmr_consistency_path(&nodes, from->size, to->size, &path), LUCID_OK);
    assert_true(mmr_verify_consistency(from->size, to->size, &from->root, &to->root, path.hash,
                                       path.count));
    ledger_view_end(world.view);
}

static void expect_served(const struct kept_head *kept)
{
    struct ledger_head head;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_of_size(world.view, kept->size, &head), LUCID_OK);
    assert_true(lucid_span_equal(head.checkpoint, lucid_buf_span(&kept->bytes)));
    ledger_view_end(world.view);
}

static void test_growth(void **state)
{
    (void)state;
    static struct kept_head heads[HEADS_MAX];
    uint64_t leaves = 0;
    for (size_t i = 0; i < HEADS_MAX; i++) {
        world.now_ms += 1000;
        assert_int_equal(tick(), LUCID_OK);
        head_keep(&heads[i]);
        assert_int_equal(heads[i].size, leaves);
        size_t more = 1 + i * 7 % 13;
        core_leaves_log(&world, leaves, more);
        leaves += more;
        if (i % 9 == 4) {
            core_world_reopen(&world);
        }
    }
    for (size_t to = 0; to < HEADS_MAX; to++) {
        expect_served(&heads[to]);
        for (size_t from = 0; from <= to; from++) {
            expect_consistent(&heads[from], &heads[to]);
        }
    }
    struct ledger_head head;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_of_size(world.view, leaves + 1, &head), LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_head_of_size(world.view, UINT64_MAX, &head), LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_head_of_size(world.view, heads[5].size + 1, &head),
                     heads[6].size == heads[5].size + 1 ? LUCID_OK : LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
    for (size_t i = 0; i < HEADS_MAX; i++) {
        lucid_buf_fini(&heads[i].bytes);
    }
}

static void test_reopened_bytes(void **state)
{
    (void)state;
    struct kept_head before;
    struct kept_head after;
    core_leaves_log(&world, 0, 123);
    head_keep(&before); /* of the epoch's end */
    assert_int_equal(before.size, 100);
    core_world_reopen(&world);
    head_keep(&after);
    assert_true(lucid_span_equal(lucid_buf_span(&before.bytes), lucid_buf_span(&after.bytes)));
    lucid_buf_fini(&before.bytes);
    lucid_buf_fini(&after.bytes);
}

/* A node that is wrong in memory: whoever signs over it is stopped. */
static void test_tampered(void **state)
{
    (void)state;
    core_leaves_log(&world, 0, 16);
    world.now_ms += 1000;
    assert_int_equal(tick(), LUCID_OK);
    core_leaves_log(&world, 16, 3);
    world.now_ms += 1000;
    uint64_t events = core_events(&world);
    uint64_t peak = mmr_node_index(4, 0);
    uint8_t *byte = world.ledger->nodes.base + peak * MMR_HASH_BYTES + 5;
    *byte ^= 1;
    struct ledger_head_tick head;
    ledger_head_tick_init(&head);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &head.command), LUCID_FATAL_CORRUPT);
    ledger_batch_abort(world.ledger);
    assert_int_equal(core_events(&world), events);
    /* The same when an epoch's close asks for the head. */
    struct ledger_epoch_command close;
    ledger_epoch_command_init(&close, EPOCH_FINALIZE);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &close.command), LUCID_FATAL_CORRUPT);
    ledger_batch_abort(world.ledger);
    assert_int_equal(core_events(&world), events);
    *byte ^= 1;
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(newest_size(), 19);
}

/* A leaf whose node in memory is not that of its entry is not given out. */
static void test_leaf_event(void **state)
{
    (void)state;
    struct store_event event;
    uint8_t entry[STORE_ENTRY_BYTES];
    core_leaves_log(&world, 0, 9);
    uint8_t *byte = world.ledger->nodes.base + mmr_node_index(0, 4) * MMR_HASH_BYTES;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    for (uint64_t leaf = 0; leaf < 9; leaf++) {
        core_leaf_entry(leaf, entry);
        assert_int_equal(ledger_view_leaf_event(world.view, leaf, &event), LUCID_OK);
        assert_memory_equal(event.entry, entry, sizeof(entry));
        uint64_t found[16];
        assert_int_equal(
            ledger_view_find(world.view, LEDGER_TAG_HASH, ledger_tag_hash(entry), found, 16), 1);
        assert_int_equal(found[0], leaf);
        assert_int_equal(ledger_view_find(world.view, LEDGER_TAG_RUN_ID,
                                          ledger_tag_run_id(event.payload), found, 16),
                         1);
        assert_int_equal(found[0], leaf);
    }
    assert_int_equal(ledger_view_leaf_event(world.view, 9, &event), LUCID_NOTE_ABSENT);
    *byte ^= 1;
    assert_int_equal(ledger_view_leaf_event(world.view, 4, &event), LUCID_FATAL_CORRUPT);
    assert_int_equal(ledger_view_leaf_event(world.view, 3, &event), LUCID_OK);
    *byte ^= 1;
    ledger_view_end(world.view);
}

/* Asked for at once: before the interval has passed, but never over the same tree again. */
static void test_at_once(void **state)
{
    (void)state;
    struct ledger_head_tick head;
    assert_int_equal(tick(), LUCID_OK);
    core_leaves_log(&world, 0, 2);
    assert_int_equal(tick(), LUCID_OK);
    assert_int_equal(newest_size(), 0);
    ledger_head_tick_init(&head);
    head.at_once = true;
    assert_int_equal(core_run(&world, &head.command), LUCID_OK);
    assert_int_equal(newest_size(), 2);
    uint64_t events = core_events(&world);
    assert_int_equal(core_run(&world, &head.command), LUCID_OK);
    assert_int_equal(core_events(&world), events);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_first),          WORLD_TEST(test_due),      WORLD_TEST(test_growth),
        WORLD_TEST(test_reopened_bytes), WORLD_TEST(test_tampered), WORLD_TEST(test_leaf_event),
        WORLD_TEST(test_at_once),
    };
    return cmocka_run_group_tests_name("core head", tests, NULL, NULL);
}
