/* A log replayed into an empty store makes the same rows, and folding them again makes them once
 * more; anything changed in it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/ed25519.h"
#include "tests/unit/ledger/core_world.h"

static struct core_world world; /* the log's first home */
static struct core_world other; /* where it is replayed */

static void signer_run(enum signer_verb verb, unsigned number)
{
    struct ledger_signer_command command;
    struct ledger_signer signer = {.type = SIGNER_COMPUTE, .name = "replayed"};
    struct ledger_ed25519_key key;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {4};
    lucid_put_be32(seed + 4, number);
    ledger_ed25519_key_init(seed, &key);
    memcpy(signer.key, key.public_key, sizeof(signer.key));
    assert_int_equal(ledger_signer_prepare(&command, verb, &signer, NULL), LUCID_OK);
    assert_int_equal(core_run(&world, &command.command), LUCID_OK);
    ledger_signer_command_fini(&command);
}

static void token_run(bool revoke)
{
    struct ledger_token_command command;
    struct ledger_token token = {.name = "replayed", .scopes = TOKEN_READ};
    char text[TOKEN_TEXT_BYTES + 1];
    ledger_token_generate(text);
    assert_int_equal(ledger_token_prepare(&command, TOKEN_CREATE, &token, text, NULL), LUCID_OK);
    assert_int_equal(core_run(&world, &command.command), LUCID_OK);
    token = command.token;
    ledger_token_command_fini(&command);
    if (revoke) {
        assert_int_equal(ledger_token_prepare(&command, TOKEN_REVOKE, &token, NULL, NULL),
                         LUCID_OK);
        assert_int_equal(core_run(&world, &command.command), LUCID_OK);
        ledger_token_command_fini(&command);
    }
}

/* Something of everything. */
static void log_fill(void)
{
    uint64_t leaf = 0;
    for (unsigned i = 0; i < 30; i++) {
        struct ledger_head_tick head;
        struct ledger_epoch_command epoch;
        world.now_ms += 700 + 13 * i;
        signer_run(SIGNER_REGISTER, i);
        if (i % 3 == 1) {
            signer_run(SIGNER_REVOKE, i - 1);
            token_run(i % 2 == 0);
        }
        core_leaves_log(&world, leaf, 17 * i % 130);
        leaf += 17 * i % 130;
        ledger_head_tick_init(&head);
        assert_int_equal(core_run(&world, &head.command), LUCID_OK);
        ledger_epoch_command_init(&epoch, i % 7 == 3 ? EPOCH_FINALIZE : EPOCH_TICK);
        (void)core_run(&world, &epoch.command);
    }
}

static int group_make(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_start(&world);
    log_fill();
    return 0;
}

static int group_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static int other_make(void **state)
{
    (void)state;
    core_world_init(&other);
    assert_int_equal(store_memory_open(&other.store), LUCID_OK);
    core_tables_create(&other, other.store);
    assert_int_equal(core_world_open(&other), LUCID_OK);
    return 0;
}

static int other_drop(void **state)
{
    (void)state;
    core_world_stop(&other);
    return 0;
}

static void expect_same(void)
{
    uint8_t here[32];
    uint8_t there[32];
    core_store_digest(&world, world.store, here);
    core_store_digest(&other, other.store, there);
    assert_memory_equal(here, there, 32);
}

static void test_same_rows(void **state)
{
    static const uint64_t sizes[] = {1, 97, 1000000};
    for (size_t i = 0; i < 3; i++) {
        core_log_replay(&world, other.ledger, sizes[i]);
        expect_same();
        const struct ledger_identity *identity = NULL;
        assert_true(ledger_identity(other.ledger, &identity));
        assert_string_equal(identity->origin, CORE_ORIGIN);
        core_world_reopen(&other);
        expect_same();
        (void)other_drop(state);
        (void)other_make(state);
    }
}

/* Each kind alone, the leaf rows alone, and all of them, from the events. */
static void test_from_scratch(void **state)
{
    (void)state;
    static const char *const rows[] = {"tree", "signer", "token", "leaf", "epoch", "head", NULL};
    core_log_replay(&world, other.ledger, 500);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_batch *batch = NULL;
        uint32_t table;
        core_world_shut(&other);
        assert_int_equal(store_table_find(other.store, LEDGER_FOLDS_TABLE, &table), LUCID_OK);
        assert_int_equal(store_batch_begin(other.store, &batch), LUCID_OK);
        if (rows[i] == NULL) {
            assert_int_equal(store_table_clear(batch, table), LUCID_OK);
        } else {
            assert_int_equal(store_del(batch, table, lucid_span_str(rows[i])), LUCID_OK);
        }
        assert_int_equal(store_batch_commit(batch), LUCID_OK);
        assert_int_equal(core_world_open(&other), LUCID_OK);
        expect_same();
    }
}

/* The replayed log goes on as the first one would. */
static void test_goes_on(void **state)
{
    (void)state;
    core_log_replay(&world, other.ledger, 500);
    other.now_ms = world.now_ms + 1000;
    struct core_leaf_command leaf;
    struct store_counts counts;
    core_leaf_init(&leaf, 900000, 100);
    assert_int_equal(core_run(&other, &leaf.command), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    store_counts_read(ledger_view_store(world.view), &counts);
    ledger_view_end(world.view);
    assert_int_equal(leaf.last->leaf, counts.leaves + 99);
    core_world_reopen(&other);
}

enum { CHANGES = 9 };

/* One event with one thing changed. Copies live in the arena. */
static struct store_event event_change(const struct store_event *event, int change,
                                       struct lucid_arena *arena)
{
    struct store_event changed = *event;
    struct lucid_span bytes = {NULL, 0};
    switch (change) {
    case 0:
        changed.sequence++;
        return changed;
    case 1:
        changed.time_ms++;
        return changed;
    case 2:
        changed.time_ms--;
        return changed;
    case 3:
        changed.version++;
        return changed;
    case 4:
        bytes = event->payload;
        break;
    case 5:
        bytes = lucid_span(event->entry, STORE_ENTRY_BYTES);
        break;
    case 6:
        bytes = lucid_span(event->hash, STORE_HASH_BYTES);
        break;
    case 7:
        bytes = event->type;
        break;
    default:
        changed.payload.len--;
        return changed;
    }
    struct lucid_span copy = lucid_arena_copy(arena, bytes);
    uint8_t *data = lucid_arena_alloc(arena, copy.len);
    lucid_assert(copy.data != NULL && data != NULL);
    memcpy(data, copy.data, copy.len);
    data[event->sequence * 7 % copy.len] ^= (uint8_t)(1U << event->sequence % 7);
    changed.payload = change == 4 ? lucid_span(data, copy.len) : changed.payload;
    changed.entry = change == 5 ? data : changed.entry;
    changed.hash = change == 6 ? data : changed.hash;
    changed.type = change == 7 ? lucid_span(data, copy.len) : changed.type;
    return changed;
}

static enum lucid_error change_event(void *context, const struct store_event *event)
{
    struct lucid_arena *arena = context;
    for (int change = 0; change < CHANGES; change++) {
        if (change == 5 && event->entry == NULL) {
            continue;
        }
        struct store_event changed = event_change(event, change, arena);
        assert_int_equal(ledger_batch_begin(other.ledger, 0), LUCID_OK);
        enum lucid_error error = ledger_batch_replay(other.ledger, &changed, lucid_span(NULL, 0));
        if (lucid_category(error) < LUCID_CATEGORY_REFUSE) {
            fail_msg("event %llu, change %d: %s", (unsigned long long)event->sequence, change,
                     lucid_error_name(error));
        }
        ledger_batch_abort(other.ledger);
    }
    /* Without its entry, and with one that it did not have. */
    static const uint8_t entry[STORE_ENTRY_BYTES];
    struct store_event changed = *event;
    changed.entry = event->entry == NULL ? entry : NULL;
    assert_int_equal(ledger_batch_begin(other.ledger, 0), LUCID_OK);
    assert_int_not_equal(ledger_batch_replay(other.ledger, &changed, lucid_span(NULL, 0)),
                         LUCID_OK);
    ledger_batch_abort(other.ledger);
    lucid_arena_reset(arena);
    struct core_replay replay = {.ledger = other.ledger, .batch_events = 1};
    return core_replay_event(&replay, event);
}

static void test_changed(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_scan(ledger_view_store(world.view), 1, change_event, &arena),
                     LUCID_OK);
    ledger_view_end(world.view);
    lucid_arena_fini(&arena);
    expect_same();
}

/* What a hostile log may hold although its hashes are right. */
static void test_hostile(void **state)
{
    (void)state;
    static uint8_t large[STORE_PAYLOAD_BYTES_MAX + 1];
    struct store_event event;
    uint8_t hash[STORE_HASH_BYTES];
    uint8_t before[STORE_HASH_BYTES];
    core_log_replay(&world, other.ledger, 500);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_read(ledger_view_store(world.view), 1, &event), LUCID_OK);
    struct lucid_span payload = lucid_span(event.payload.data, event.payload.len);
    memcpy(before, other.ledger->committed.hash, sizeof(before));
    struct store_event hostile = {
        .sequence = other.ledger->committed.events + 1,
        .time_ms = other.ledger->committed.time_ms,
        .version = 1,
        .hash = hash,
    };
    const struct {
        const char *type;
        struct lucid_span payload;
        enum lucid_error error;
    } cases[] = {
        {"log.init", payload, LUCID_FATAL_CORRUPT}, /* a second birth */
        {"signer.registered", lucid_span("{", 1), LUCID_FATAL_CORRUPT},
        {"signer.revoked", lucid_span("{}", 2), LUCID_FATAL_CORRUPT},
        {"epoch.closed", lucid_span("[]", 2), LUCID_FATAL_CORRUPT},
        {"head", lucid_span("x\n1\n\n", 5), LUCID_FATAL_CORRUPT},
        {"head", lucid_span(large, 2000), LUCID_FATAL_CORRUPT},
        {"token.revoked", lucid_span("{\"token_id\":\"0123456789abcdef\"}", 31),
         LUCID_FATAL_CORRUPT},
        {"signer.revoked", lucid_span(large, sizeof(large)), LUCID_REFUSE_INVALID},
        {"nobody.knows", lucid_span("{}", 2), LUCID_OK}, /* kept, see test_unknown */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hostile.type = lucid_span_str(cases[i].type);
        hostile.payload = cases[i].payload;
        event_hash(before, &hostile, hash);
        assert_int_equal(ledger_batch_begin(other.ledger, 0), LUCID_OK);
        assert_int_equal(ledger_batch_replay(other.ledger, &hostile, lucid_span(NULL, 0)),
                         cases[i].error);
        ledger_batch_abort(other.ledger);
    }
    ledger_view_end(world.view);
    expect_same();
}

/* An event that only a newer program knows: kept with its entry and body, not folded by a kind, and
 * there after a restart; the chain and the tree go on over it. */
static void test_unknown(void **state)
{
    (void)state;
    uint8_t hash[STORE_HASH_BYTES];
    uint8_t entry[STORE_ENTRY_BYTES] = {7, 7, 7};
    char type[] = "tomorrow.thing";
    core_log_replay(&world, other.ledger, 500);
    uint64_t leaves = other.ledger->committed.leaves;
    struct store_event event = {
        .sequence = other.ledger->committed.events + 1,
        .time_ms = other.ledger->committed.time_ms + 1,
        .type = lucid_span_str(type),
        .version = 7,
        .payload = lucid_span("{}", 2),
        .entry = entry,
        .hash = hash,
    };
    event_hash(other.ledger->committed.hash, &event, hash);
    assert_int_equal(ledger_batch_begin(other.ledger, 0), LUCID_OK);
    assert_int_equal(ledger_batch_replay(other.ledger, &event, lucid_span("body", 4)), LUCID_OK);
    assert_int_equal(ledger_batch_leaves(other.ledger), leaves + 1);
    type[0] = 'x'; /* it is not borrowed */
    assert_int_equal(ledger_batch_commit(other.ledger), LUCID_OK);
    core_world_reopen(&other);
    struct store_event kept;
    struct lucid_span body;
    assert_int_equal(ledger_view_begin(other.view), LUCID_OK);
    assert_int_equal(ledger_view_leaf_event(other.view, leaves, &kept), LUCID_OK);
    assert_true(lucid_span_is(kept.type, "tomorrow.thing"));
    assert_int_equal(store_body_read(ledger_view_store(other.view), kept.sequence, &body),
                     LUCID_OK);
    assert_true(lucid_span_is(body, "body"));
    ledger_view_end(other.view);
    struct ledger_head_tick head;
    other.now_ms = event.time_ms + 2000;
    ledger_head_tick_init(&head);
    assert_int_equal(core_run(&other, &head.command), LUCID_OK);
    core_world_reopen(&other);
}

#define OTHER_TEST(name) cmocka_unit_test_setup_teardown(name, other_make, other_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OTHER_TEST(test_same_rows), OTHER_TEST(test_from_scratch), OTHER_TEST(test_goes_on),
        OTHER_TEST(test_changed),   OTHER_TEST(test_hostile),      OTHER_TEST(test_unknown),
    };
    return cmocka_run_group_tests_name("core replay", tests, group_make, group_drop);
}
