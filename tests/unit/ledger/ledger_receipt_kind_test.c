/* The receipt kind on a whole ledger: identity, admission, placements, and reading back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger/ledger_receipt_world.h"

#define FIRST  WORLD_TOOL("run_kind-0001", "")
#define SECOND WORLD_TOOL("run_kind-0002", "")
#define THIRD  WORLD_TOOL("run_kind-0003", "")
#define FOURTH WORLD_TOOL("run_kind-0004", "")

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 3);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* Prepares a body as a command that lives until the world's arena is reset. */
static struct receipt_command *prepared(const char *body, const struct ledger_ed25519_key *key)
{
    struct receipt_command *command = lucid_arena_alloc(&world.arena, sizeof(*command));
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    world_envelope(body, key, WORLD_FINE, &text);
    struct lucid_span kept = lucid_arena_copy(&world.arena, lucid_buf_span(&text));
    lucid_buf_fini(&text);
    assert_non_null(command);
    assert_non_null(kept.data);
    assert_int_equal(world_prepare(&world, kept, command, NULL), LUCID_OK);
    return command;
}

static struct receipt_command *submitted(const char *body, const struct ledger_ed25519_key *key)
{
    struct receipt_command *command = prepared(body, key);
    (void)world_run(&world, &command->command);
    return command;
}

static void expect_placed(const struct receipt_command *command, uint64_t leaf, uint64_t epoch,
                          enum receipt_status status, bool replayed)
{
    const struct receipt_placement *placement = &command->placement;
    if (command->command.error != LUCID_OK) {
        fail_msg("%s", command->command.why.text);
    }
    assert_memory_equal(placement->receipt_hash, command->hash, 32);
    assert_true(lucid_span_is(command->run_id, placement->run_id));
    assert_int_equal(placement->leaf_index, leaf);
    assert_int_equal(placement->epoch, epoch);
    assert_int_equal(placement->status, status);
    assert_int_equal(placement->replayed, replayed);
}

static void expect_refused(const struct receipt_command *command, enum lucid_error error,
                           const char *code, const char *param)
{
    assert_int_equal(command->command.error, error);
    assert_string_equal(command->command.why.code, code);
    assert_string_equal(command->command.why.param, param);
    assert_true(command->command.why.text[0] != '\0');
}

static uint64_t leaves(void)
{
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    uint64_t count = ledger_view_leaves(world.view);
    ledger_view_end(world.view);
    return count;
}

static void head_tick(uint64_t now_ms)
{
    struct ledger_head_tick tick;
    ledger_head_tick_init(&tick);
    world.now_ms = now_ms;
    assert_int_equal(world_run(&world, &tick.command), LUCID_OK);
}

/* --- admission --- */

static void test_new_receipt_is_logged(void **state)
{
    (void)state;
    head_tick(WORLD_NOW_MS); /* the first head, of size 0 */
    world.now_ms = WORLD_NOW_MS + 5;
    struct receipt_command *command = submitted(FIRST, &world.known);
    expect_placed(command, 0, 0, RECEIPT_LOGGED, false);
    assert_int_equal(command->placement.logged_ms, WORLD_NOW_MS + 5);
    assert_int_equal(leaves(), 1);
    struct store_event event;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_view_leaf_event(world.view, 0, &event), LUCID_OK);
    assert_int_equal(event.sequence, command->placement.sequence);
    assert_true(lucid_span_is(event.type, "receipt"));
    assert_int_equal(event.version, 1);
    assert_memory_equal(event.entry, command->entry, STORE_ENTRY_BYTES);
    assert_true(
        lucid_span_equal(event.payload, lucid_span(command->payload, command->payload_len)));
    ledger_view_end(world.view);
}

static void test_replay_answers_the_first(void **state)
{
    (void)state;
    struct receipt_command *first = submitted(FIRST, &world.known);
    world.now_ms += 60000;
    struct receipt_command *again = submitted(FIRST, &world.known);
    expect_placed(again, 0, 0, RECEIPT_LOGGED, true);
    assert_null(again->draft);
    assert_int_equal(again->placement.sequence, first->placement.sequence);
    assert_int_equal(again->placement.logged_ms, first->placement.logged_ms);
    assert_int_equal(leaves(), 1);
}

/* An Ed25519 key can sign the same hash in other ways: the first signature stays. */
static void test_replay_keeps_the_first_signature(void **state)
{
    (void)state;
    struct receipt_command *first = submitted(FIRST, &world.known);
    struct receipt_command *again = prepared(FIRST, &world.known);
    again->signature[0] ^= 1;
    again->entry[64] ^= 1;
    assert_int_equal(world_run(&world, &again->command), LUCID_OK);
    expect_placed(again, 0, 0, RECEIPT_LOGGED, true);
    struct receipt_record record;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_read(world.view, 0, true, &record), LUCID_OK);
    assert_memory_equal(record.signature, first->signature, 64);
    ledger_view_end(world.view);
}

static void test_replay_within_one_batch(void **state)
{
    (void)state;
    struct receipt_command *first = prepared(FIRST, &world.known);
    struct receipt_command *again = prepared(FIRST, &world.known);
    struct receipt_command *clash = prepared(WORLD_TOOL("run_kind-0001", "\"x\":1,"), &world.known);
    struct receipt_command *others = prepared(FIRST, &world.other);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &first->command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &again->command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &clash->command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &others->command), LUCID_OK);
    assert_int_equal(ledger_batch_events(world.ledger), 1);
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    expect_placed(first, 0, 0, RECEIPT_LOGGED, false);
    expect_placed(again, 0, 0, RECEIPT_LOGGED, true);
    assert_int_equal(again->placement.sequence, first->placement.sequence);
    expect_refused(clash, LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT", "body.run_id");
    expect_refused(others, LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT", "body.run_id");
    assert_int_equal(leaves(), 1);
}

static void test_aborted_batch_leaves_nothing(void **state)
{
    (void)state;
    struct receipt_command *first = prepared(FIRST, &world.known);
    struct receipt_command *command = prepared(FIRST, &world.known);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &first->command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &command->command), LUCID_OK);
    expect_placed(command, 0, 0, RECEIPT_LOGGED, true);
    ledger_batch_abort(world.ledger);
    assert_int_equal(leaves(), 0);
    expect_placed(submitted(SECOND, &world.known), 0, 0, RECEIPT_LOGGED, false);
    /* The command may be run again; its first placement is forgotten. */
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    expect_placed(command, 1, 0, RECEIPT_LOGGED, false);
}

static void test_conflicts(void **state)
{
    (void)state;
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, false);
    struct receipt_command *others = submitted(FIRST, &world.other);
    expect_refused(others, LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT", "body.run_id");
    assert_non_null(strstr(others->command.why.text, "another key"));
    static const char changed[] = WORLD_TOOL("run_kind-0001", "\"x\":1,");
    expect_refused(submitted(changed, &world.known), LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT",
                   "body.run_id");
    expect_refused(submitted(changed, &world.other), LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT",
                   "body.run_id");
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, true);
    expect_placed(submitted(SECOND, &world.other), 1, 0, RECEIPT_LOGGED, false);
    assert_int_equal(leaves(), 2);
}

/* Eight bytes of the hash find candidates; all of it decides. */
static void test_hashes_that_begin_alike(void **state)
{
    (void)state;
    struct receipt_command *first = submitted(FIRST, &world.known);
    struct receipt_command *second = prepared(SECOND, &world.known);
    memcpy(second->hash, first->hash, 31);
    memcpy(second->entry, first->hash, 31);
    second->hash[31] = second->entry[31] = first->hash[31] ^ 1;
    (void)world_run(&world, &second->command);
    expect_placed(second, 1, 0, RECEIPT_LOGGED, false);
    uint64_t leaf = 99;
    char hash[65] = "";
    lucid_hex_encode(second->hash, 32, hash);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_find(world.view, lucid_span_str(hash), &leaf), LUCID_OK);
    assert_int_equal(leaf, 1);
    ledger_view_end(world.view);
}

static void test_revoked_signer(void **state)
{
    (void)state;
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, false);
    struct receipt_command *waiting = prepared(SECOND, &world.known);
    world_signer(&world, SIGNER_REVOKE, world.known.public_key);
    (void)world_run(&world, &waiting->command);
    expect_refused(waiting, LUCID_REFUSE_FORBIDDEN, "SIGNER_REVOKED", "signer_pubkey");
    /* Known keys pass prepare, and the revocation answers before a conflict. */
    expect_refused(submitted(THIRD, &world.known), LUCID_REFUSE_FORBIDDEN, "SIGNER_REVOKED",
                   "signer_pubkey");
    expect_refused(submitted(WORLD_TOOL("run_kind-0001", "\"x\":1,"), &world.known),
                   LUCID_REFUSE_FORBIDDEN, "SIGNER_REVOKED", "signer_pubkey");
    /* What was logged before stays, also to whom asks again. */
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, true);
    expect_refused(submitted(FIRST, &world.other), LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT",
                   "body.run_id");
    assert_int_equal(leaves(), 1);
}

/* --- status --- */

static void test_status_follows_heads_and_epochs(void **state)
{
    (void)state;
    head_tick(WORLD_NOW_MS);
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, false);
    head_tick(WORLD_NOW_MS + 2000);
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_COVERED, true);
    expect_placed(submitted(SECOND, &world.known), 1, 0, RECEIPT_LOGGED, false);
    /* The third closes the epoch in its own command. */
    expect_placed(submitted(THIRD, &world.known), 2, 0, RECEIPT_FINALIZED, false);
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_FINALIZED, true);
    expect_placed(submitted(FOURTH, &world.known), 3, 1, RECEIPT_LOGGED, false);
    struct receipt_record record;
    static const struct {
        uint64_t epoch;
        enum receipt_status status;
    } expected[] = {
        {0, RECEIPT_FINALIZED},
        {0, RECEIPT_FINALIZED},
        {0, RECEIPT_FINALIZED},
        {1, RECEIPT_LOGGED},
    };
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    for (uint64_t leaf = 0; leaf < 4; leaf++) {
        assert_int_equal(receipt_read(world.view, leaf, false, &record), LUCID_OK);
        assert_int_equal(record.placement.leaf_index, leaf);
        assert_int_equal(record.placement.epoch, expected[leaf].epoch);
        assert_int_equal(record.placement.status, expected[leaf].status);
    }
    ledger_view_end(world.view);
}

static void test_epoch_closed_within_the_batch(void **state)
{
    (void)state;
    static const char *const bodies[] = {FIRST, SECOND, THIRD, FOURTH};
    struct receipt_command *commands[4];
    for (size_t i = 0; i < 4; i++) {
        commands[i] = prepared(bodies[i], &world.known);
    }
    struct receipt_command *again = prepared(FIRST, &world.known);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ledger_batch_run(world.ledger, &commands[i]->command), LUCID_OK);
    }
    assert_int_equal(ledger_batch_run(world.ledger, &again->command), LUCID_OK);
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    expect_placed(commands[1], 1, 0, RECEIPT_LOGGED, false);
    expect_placed(commands[2], 2, 0, RECEIPT_FINALIZED, false);
    expect_placed(commands[3], 3, 1, RECEIPT_LOGGED, false);
    expect_placed(again, 0, 0, RECEIPT_FINALIZED, true);
}

static void test_placement_text(void **state)
{
    (void)state;
    struct receipt_placement placement = {
        .run_id = "run_0f",
        .leaf_index = 41,
        .sequence = 57,
        .logged_ms = 1795255200123,
        .status = RECEIPT_LOGGED,
    };
    memset(placement.receipt_hash, 0xa5, sizeof(placement.receipt_hash));
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    lucid_buf_char(&out, '{');
    receipt_placement_write(&placement, &out);
    lucid_buf_str(&out, "} ");
    placement.status = RECEIPT_FINALIZED;
    placement.replayed = true;
    lucid_buf_char(&out, '{');
    receipt_placement_write(&placement, &out);
    lucid_buf_put(&out, "}", 2);
#define HEX_A5 "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
    assert_string_equal(out.data,
                        "{\"receipt_hash\":\"" HEX_A5 "\",\"run_id\":\"run_0f\",\"leaf_index\":41,"
                        "\"sequence\":57,\"epoch\":0,\"logged_at\":\"2026-11-21T10:00:00.123Z\","
                        "\"status\":\"logged\",\"replayed\":false} "
                        "{\"receipt_hash\":\"" HEX_A5 "\",\"run_id\":\"run_0f\",\"leaf_index\":41,"
                        "\"sequence\":57,\"epoch\":0,\"logged_at\":\"2026-11-21T10:00:00.123Z\","
                        "\"status\":\"finalized\",\"replayed\":true}");
    lucid_buf_fini(&out);
    assert_string_equal(receipt_status_name(RECEIPT_COVERED), "covered");
}

/* --- reading --- */

static enum lucid_error find(const char *id, uint64_t *ret_leaf)
{
    return receipt_find(world.view, lucid_span_str(id), ret_leaf);
}

static void test_find_by_hash_and_run_id(void **state)
{
    (void)state;
    struct receipt_command *first = submitted(FIRST, &world.known);
    struct receipt_command *second = submitted(SECOND, &world.other);
    char hash[65] = "";
    uint64_t leaf = 99;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    lucid_hex_encode(first->hash, 32, hash);
    assert_int_equal(find(hash, &leaf), LUCID_OK);
    assert_int_equal(leaf, 0);
    lucid_hex_encode(second->hash, 32, hash);
    assert_int_equal(find(hash, &leaf), LUCID_OK);
    assert_int_equal(leaf, 1);
    assert_int_equal(find("run_kind-0001", &leaf), LUCID_OK);
    assert_int_equal(leaf, 0);
    assert_int_equal(find("run_kind-0002", &leaf), LUCID_OK);
    assert_int_equal(leaf, 1);
    leaf = 99;
    /* The same tag, another hash: 8 bytes agree, the log decides. */
    hash[63] = hash[63] == '0' ? '1' : '0';
    assert_int_equal(find(hash, &leaf), LUCID_NOTE_ABSENT);
    static const char *const unknown[] = {
        "run_kind-0003", "", "x", "run_kind-0001 ", WORLD_H0, "run_kind-000", "RUN_kind-0001"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(find(unknown[i], &leaf), LUCID_NOTE_ABSENT);
    }
    assert_int_equal(leaf, 99);
    ledger_view_end(world.view);
}

static void test_read_back(void **state)
{
    (void)state;
    struct receipt_command *command = submitted(FIRST, &world.known);
    struct receipt_record record;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_read(world.view, 0, true, &record), LUCID_OK);
    assert_int_equal(record.type, RECEIPT_TOOL);
    assert_int_equal(record.timestamp, 1732190000);
    assert_memory_equal(record.signer, world.known.public_key, 32);
    assert_memory_equal(record.signature, command->signature, 64);
    assert_memory_equal(record.entry, command->entry, STORE_ENTRY_BYTES);
    assert_true(lucid_span_equal(record.body, command->canonical));
    assert_memory_equal(record.placement.receipt_hash, command->hash, 32);
    assert_string_equal(record.placement.run_id, "run_kind-0001");
    assert_int_equal(record.placement.sequence, command->placement.sequence);
    assert_int_equal(record.placement.logged_ms, WORLD_NOW_MS);
    assert_false(record.placement.replayed);
    assert_int_equal(receipt_read(world.view, 0, false, &record), LUCID_OK);
    assert_null(record.body.data);
    assert_int_equal(receipt_read(world.view, 1, true, &record), LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
}

/* --- what must not be believed --- */

static void test_wrong_body_is_never_served(void **state)
{
    (void)state;
    struct receipt_command *command = prepared(FIRST, &world.known);
    command->canonical = lucid_span_str("{\"another\":\"body\"}");
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    struct receipt_record record;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_read(world.view, 0, true, &record), LUCID_FATAL_CORRUPT);
    assert_int_equal(receipt_read(world.view, 0, false, &record), LUCID_OK);
    ledger_view_end(world.view);
}

/* A body that is not there was lost: it is not served as erased. All else stays, the run_id stays
 * taken. */
static void test_receipt_without_body(void **state)
{
    (void)state;
    struct receipt_command *command = prepared(FIRST, &world.known);
    command->canonical = lucid_span(NULL, 0);
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    struct receipt_record record;
    uint64_t leaf = 99;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(find("run_kind-0001", &leaf), LUCID_OK);
    assert_int_equal(receipt_read(world.view, leaf, true, &record), LUCID_FATAL_CORRUPT);
    assert_int_equal(receipt_read(world.view, leaf, false, &record), LUCID_OK);
    assert_memory_equal(record.placement.receipt_hash, command->hash, 32);
    ledger_view_end(world.view);
    expect_placed(submitted(FIRST, &world.known), 0, 0, RECEIPT_LOGGED, true);
    expect_refused(submitted(WORLD_TOOL("run_kind-0001", "\"x\":1,"), &world.known),
                   LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT", "body.run_id");
}

static void test_signer_that_is_not_the_entrys(void **state)
{
    (void)state;
    struct receipt_command *command = prepared(FIRST, &world.known);
    command->payload[0] ^= 1;
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    struct receipt_record record;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_read(world.view, 0, false, &record), LUCID_FATAL_CORRUPT);
    ledger_view_end(world.view);
}

static void test_malformed_payloads_are_not_applied(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        size_t len;
    } cases[] = {
        {32, 0, 55}, {32, 7, 55}, {33, 1, 55}, {42, ' ', 55}, {54, 0, 55}, {42, 'r', 51},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct receipt_command *command = prepared(FIRST, &world.known);
        assert_int_equal(command->payload_len, 55);
        command->payload[cases[i].at] = cases[i].value;
        command->payload_len = cases[i].len;
        assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
        assert_int_equal(ledger_batch_run(world.ledger, &command->command), LUCID_FATAL_CORRUPT);
        ledger_batch_abort(world.ledger);
    }
    assert_int_equal(leaves(), 0);
}

/* --- replay --- */

static enum lucid_error event_replay(void *context, const struct store_event *event)
{
    return ledger_batch_replay(context, event, lucid_span(NULL, 0));
}

/* An empty store that replays the events answers the same. */
static void test_rebuilt_ledger_knows_the_receipts(void **state)
{
    (void)state;
    static const char *const bodies[] = {FIRST, SECOND, THIRD, FOURTH};
    for (size_t i = 0; i < 4; i++) {
        (void)submitted(bodies[i], &world.known);
    }
    struct store *store = NULL;
    struct ledger *copy = NULL;
    struct ledger_view *view = NULL;
    struct store *kept = world.store;
    assert_int_equal(store_memory_open(&store), LUCID_OK);
    world.store = store;
    world_tables_create(&world);
    world.store = kept;
    const struct ledger_options options = {
        .uses = world.uses, .use_count = WORLD_KINDS, .leaves_max = 1 << 20};
    enum lucid_error error = ledger_open(store, &options, &copy, NULL);
    assert_true(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_batch_begin(copy, 0), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_scan(ledger_view_store(world.view), 1, event_replay, copy),
                     LUCID_OK);
    assert_int_equal(ledger_batch_commit(copy), LUCID_OK);
    assert_int_equal(ledger_view_open(copy, &view), LUCID_OK);
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (uint64_t leaf = 0; leaf < 4; leaf++) {
        struct receipt_record a;
        struct receipt_record b;
        uint64_t found = 99;
        assert_int_equal(receipt_read(world.view, leaf, false, &a), LUCID_OK);
        assert_int_equal(receipt_read(view, leaf, false, &b), LUCID_OK);
        assert_memory_equal(a.entry, b.entry, STORE_ENTRY_BYTES);
        assert_string_equal(a.placement.run_id, b.placement.run_id);
        assert_int_equal(a.placement.sequence, b.placement.sequence);
        assert_int_equal(a.placement.epoch, b.placement.epoch);
        assert_int_equal(a.placement.status, b.placement.status);
        assert_int_equal(a.placement.logged_ms, b.placement.logged_ms);
        assert_int_equal(receipt_find(view, lucid_span_str(a.placement.run_id), &found), LUCID_OK);
        assert_int_equal(found, leaf);
    }
    ledger_view_end(view);
    ledger_view_end(world.view);
    ledger_view_close(view);
    ledger_close(copy);
    store_close(store);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_new_receipt_is_logged),
        IN_WORLD(test_replay_answers_the_first),
        IN_WORLD(test_replay_keeps_the_first_signature),
        IN_WORLD(test_replay_within_one_batch),
        IN_WORLD(test_aborted_batch_leaves_nothing),
        IN_WORLD(test_conflicts),
        IN_WORLD(test_hashes_that_begin_alike),
        IN_WORLD(test_revoked_signer),
        IN_WORLD(test_status_follows_heads_and_epochs),
        IN_WORLD(test_epoch_closed_within_the_batch),
        cmocka_unit_test(test_placement_text),
        IN_WORLD(test_find_by_hash_and_run_id),
        IN_WORLD(test_read_back),
        IN_WORLD(test_wrong_body_is_never_served),
        IN_WORLD(test_receipt_without_body),
        IN_WORLD(test_signer_that_is_not_the_entrys),
        IN_WORLD(test_malformed_payloads_are_not_applied),
        IN_WORLD(test_rebuilt_ledger_knows_the_receipts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
