/* What a plugin reads of the log, what it may do anywhere, and what the log says of its keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ledger/leaf.h"
#include "ledger/proof.h"
#include "ledger/report.h"
#include "tests/unit/plugins/plugin_world.h"

static struct plugin_world world;
#define CORE (&world.gas.core)

static int open_world(void **state)
{
    (void)state;
    plugin_world_init(&world);
    plugin_world_start(&world);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    plugin_world_stop(&world);
    return 0;
}

static struct lucid_plugin_view view_begin(void)
{
    assert_int_equal(ledger_view_begin(CORE->view), LUCID_OK);
    return (struct lucid_plugin_view){
        .view = CORE->view, .plugin = &world.plugin, .arena = &world.arena};
}

static void head_sign(void)
{
    struct ledger_head_tick tick;
    ledger_head_tick_init(&tick);
    tick.at_once = true;
    assert_int_equal(core_run(CORE, &tick.command), LUCID_OK);
}

static const char record[] = "{\"a\":1,\"b\":\"two\"}";

/* Logs the record; the event as the plugin gets it. */
static struct lucid_plugin_event record_log(uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES])
{
    struct plugin_command *command;
    world.plugin.host.entry(&world.plugin.host, bytes_of(record), entry);
    struct note_command note = {
        .payload = "a=record", .entry = entry, .body = bytes_of("a body of it")};
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    assert_memory_equal(note.event.type.data, "note.added", 10);
    assert_ptr_equal(note.event.payload.data, note.payload);
    assert_ptr_equal(note.event.entry, entry);
    assert_int_equal(note.event.version, 1);
    assert_int_equal(note.event.time_ms, CORE_NOW_MS);
    return note.event;
}

static void test_events(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    core_leaves_log(CORE, 0, 5);
    struct lucid_plugin_event logged = record_log(entry);
    core_leaves_log(CORE, 5, 5);
    assert_int_equal(logged.leaf, 5);
    struct lucid_plugin_view view = view_begin();
    struct lucid_plugin_event event;
    struct lucid_plugin_bytes body;
    assert_int_equal(host->view_event(&view, logged.sequence, &event), LUCID_PLUGIN_OK);
    assert_int_equal(event.leaf, 5);
    assert_int_equal(event.payload.len, 8);
    assert_memory_equal(event.entry, entry, sizeof(entry));
    assert_int_equal(host->view_body(&view, logged.sequence, &body), LUCID_PLUGIN_OK);
    assert_int_equal(body.len, 12);
    assert_int_equal(host->view_body(&view, 1, &body), LUCID_PLUGIN_ABSENT);
    assert_int_equal(host->view_event(&view, 9999, &event), LUCID_PLUGIN_ABSENT);
    ledger_view_end(CORE->view);
}

/* The same record, again and again: each event has its own leaf, and the first ones are found. */
static void test_many_of_one_record(void **state)
{
    (void)state;
    enum { MANY = 40 };
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    uint64_t sequences[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        struct lucid_plugin_event logged = record_log(entry);
        assert_int_equal(logged.leaf, i);
        sequences[i] = logged.sequence;
    }
    for (unsigned round = 0; round < 2; round++) {
        struct lucid_plugin_view view = view_begin();
        struct lucid_plugin_event event;
        struct store_event found;
        uint64_t leaf = MANY;
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(host->view_event(&view, sequences[i], &event), LUCID_PLUGIN_OK);
            assert_int_equal(event.leaf, i);
        }
        assert_int_equal(ledger_leaf_find(CORE->view, entry, &leaf, &found), LUCID_OK);
        assert_int_equal(leaf, 0);
        assert_int_equal(ledger_leaf_of(CORE->view, sequences[MANY - 1] + 1, &leaf),
                         LUCID_NOTE_ABSENT);
        ledger_view_end(CORE->view);
        core_world_reopen(CORE); /* and as it is read back */
    }
}

static void expect_place(uint64_t leaf, const char *status, const uint8_t *entry)
{
    char want[400];
    char hash[65] = "";
    struct lucid_plugin_out out = {.buf = {0}};
    struct lucid_plugin_view view = view_begin();
    assert_int_equal(world.plugin.host.view_place(&view, leaf, &out), LUCID_PLUGIN_OK);
    ledger_view_end(CORE->view);
    lucid_hex_encode(entry, 32, hash);
    int len = snprintf(want, sizeof(want),
                       "{\"receipt_hash\":\"%s\",\"leaf_index\":%llu,\"sequence\":2,\"epoch\":0,"
                       "\"logged_at\":\"2027-01-15T08:00:00.000Z\",\"status\":\"%s\"}",
                       hash, (unsigned long long)leaf, status);
    assert_int_equal(out.buf.len, len);
    assert_memory_equal(out.buf.data, want, out.buf.len);
    lucid_buf_fini(&out.buf);
}

/* The verdict of the offline verifier on {"record","key","entry"} and the proof. */
static enum ledger_outcome verdict(const char *document, const uint8_t key[32],
                                   const uint8_t entry[STORE_ENTRY_BYTES],
                                   const struct lucid_plugin_out *proof,
                                   struct ledger_report *report)
{
    struct lucid_buf text = {0};
    lucid_buf_printf(&text, "{\"record\":%s,\"key\":\"", document);
    lucid_buf_hex(&text, key, 32);
    lucid_buf_str(&text, "\",\"entry\":\"");
    lucid_buf_hex(&text, entry, STORE_ENTRY_BYTES);
    lucid_buf_str(&text, "\"}");
    char vkey[LEDGER_VKEY_BYTES_MAX + 1];
    size_t len = ledger_vkey_format(&CORE->log_key.vkey, vkey);
    const struct ledger_trust trust = {.vkey = lucid_span(vkey, len)};
    assert_int_equal(ledger_proof_verify(lucid_buf_span(&text), LEDGER_FORM_JSON,
                                         lucid_buf_span(&proof->buf), &trust, report),
                     LUCID_OK);
    lucid_buf_fini(&text);
    for (size_t i = 0; i < report->step_count; i++) {
        if (report->steps[i].outcome != LEDGER_PASSED) {
            return report->steps[i].outcome;
        }
    }
    return LEDGER_PASSED;
}

static void test_place_and_proof(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    struct ledger_report report;
    struct lucid_plugin_out proof = {.buf = {0}};
    struct lucid_plugin_event logged = record_log(entry);
    expect_place(logged.leaf, "logged", entry);
    struct lucid_plugin_view view = view_begin();
    assert_int_equal(host->view_proof(&view, logged.leaf, &proof), LUCID_PLUGIN_ABSENT);
    assert_int_equal(host->view_proof(&view, 7, &proof), LUCID_PLUGIN_ABSENT);
    assert_int_equal(host->view_place(&view, 7, &proof), LUCID_PLUGIN_ABSENT);
    assert_int_equal(proof.buf.len, 0);
    ledger_view_end(CORE->view);
    head_sign();
    expect_place(logged.leaf, "covered", entry);
    view = view_begin();
    assert_int_equal(host->view_proof(&view, logged.leaf, &proof), LUCID_PLUGIN_OK);
    ledger_view_end(CORE->view);
    /* What an outsider checks, in another order of members; and what they would refuse. */
    assert_int_equal(
        verdict("{\"b\":\"two\", \"a\":1}", world.key.public_key, entry, &proof, &report),
        LEDGER_PASSED);
    assert_int_equal(
        verdict("{\"a\":2,\"b\":\"two\"}", world.key.public_key, entry, &proof, &report),
        LEDGER_FAILED);
    assert_int_equal(report.steps[LEDGER_STEP_RECEIPT_HASH].outcome, LEDGER_FAILED);
    struct ledger_ed25519_key other;
    ledger_ed25519_key_generate(&other);
    assert_int_equal(verdict(record, other.public_key, entry, &proof, &report), LEDGER_FAILED);
    assert_int_equal(report.steps[LEDGER_STEP_RECEIPT_SIGNATURE].outcome, LEDGER_FAILED);
    assert_int_equal(report.steps[LEDGER_STEP_ENTRY].outcome, LEDGER_FAILED);
    for (size_t at = 0; at < sizeof(entry); at += 7) {
        entry[at] ^= 1;
        assert_int_equal(verdict(record, world.key.public_key, entry, &proof, &report),
                         at >= 32 && at < 64 ? LEDGER_PASSED : LEDGER_FAILED);
        entry[at] ^= 1;
    }
    lucid_buf_fini(&proof.buf);
}

static void test_head(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    struct lucid_plugin_bytes note = {0};
    uint64_t size = 99;
    struct lucid_plugin_view view = view_begin();
    assert_int_equal(host->view_head(&view, &size, &note), LUCID_PLUGIN_ABSENT);
    assert_int_equal(size, 99);
    ledger_view_end(CORE->view);
    core_leaves_log(CORE, 0, 5);
    head_sign();
    core_leaves_log(CORE, 5, 5);
    struct ledger_checkpoint checkpoint;
    view = view_begin();
    assert_int_equal(host->view_head(&view, &size, &note), LUCID_PLUGIN_OK);
    assert_int_equal(size, 5);
    assert_int_equal(ledger_checkpoint_open(lucid_span(note.data, note.len), &CORE->log_key.vkey,
                                            &checkpoint, NULL),
                     LUCID_OK);
    assert_int_equal(checkpoint.size, 5);
    ledger_view_end(CORE->view);
}

static void test_blobs(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    static uint8_t large[200000];
    uint8_t hashes[2][32];
    struct plugin_command *command;
    struct lucid_plugin_bytes read;
    struct note_command note = {.payload = "a=1"};
    for (size_t i = 0; i < sizeof(large); i++) {
        large[i] = (uint8_t)(i * 7 + i / 256);
    }
    const struct lucid_plugin_bytes blobs[] = {bytes_of("a small one"), {large, sizeof(large)}};
    for (size_t i = 0; i < 2; i++) {
        host->sha256(host, &blobs[i], 1, hashes[i]);
    }
    assert_int_equal(plugin_world_submit(&world, "note", &note, blobs, 2, &command), LUCID_OK);
    struct lucid_plugin_view view = view_begin();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(host->view_blob(&view, hashes[i], &read), LUCID_PLUGIN_OK);
        assert_int_equal(read.len, blobs[i].len);
        assert_memory_equal(read.data, blobs[i].data, read.len);
    }
    hashes[0][0] ^= 1;
    assert_int_equal(host->view_blob(&view, hashes[0], &read), LUCID_PLUGIN_ABSENT);
    hashes[0][0] ^= 1;
    ledger_view_end(CORE->view);
    struct ledger_blob_command erase;
    assert_int_equal(ledger_blob_erase_prepare(&erase, hashes[1], lucid_span_str("x"), NULL),
                     LUCID_OK);
    assert_int_equal(core_run(CORE, &erase.command), LUCID_OK);
    view = view_begin();
    assert_int_equal(host->view_blob(&view, hashes[1], &read), LUCID_PLUGIN_ERASED);
    assert_int_equal(host->view_blob(&view, hashes[0], &read), LUCID_PLUGIN_OK);
    ledger_view_end(CORE->view);
}

/* --- utilities ----------------------------------------------------------------------------------
 */

static void test_utilities(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t signature[LUCID_PLUGIN_SIGNATURE_BYTES];
    uint8_t secrets[3][LUCID_PLUGIN_HASH_BYTES];
    uint8_t random[2][32];
    host->sign(host, bytes_of("text"), signature);
    assert_true(host->verify(host, world.key.public_key, bytes_of("text"), signature));
    assert_false(host->verify(host, world.key.public_key, bytes_of("texT"), signature));
    host->secret(host, "one", secrets[0]);
    host->secret(host, "two", secrets[1]);
    host->secret(host, "one", secrets[2]);
    assert_memory_equal(secrets[0], secrets[2], 32);
    assert_memory_not_equal(secrets[0], secrets[1], 32);
    plugin_world_key(&world, 2);
    host->secret(host, "one", secrets[2]);
    assert_memory_not_equal(secrets[0], secrets[2], 32);
    host->random(host, random[0], 32);
    host->random(host, random[1], 32);
    assert_memory_not_equal(random[0], random[1], 32);
    /* Text: a failure is kept. */
    struct lucid_plugin_out out = {.left = NULL};
    lucid_buf_init(&out.buf, 10);
    assert_non_null(host->out_bytes(&out).data);
    assert_int_equal(host->out_bytes(&out).len, 0);
    host->out_put(&out, "12345", 5);
    assert_int_equal(host->out_bytes(&out).len, 5);
    host->out_put(&out, "678901", 6);
    assert_null(host->out_bytes(&out).data);
    lucid_buf_fini(&out.buf);
    /* Several together have what one of them may have. */
    size_t left = 8;
    struct lucid_plugin_out two[2] = {{.left = &left}, {.left = &left}};
    host->out_put(&two[0], "12345", 5);
    host->out_put(&two[1], "1234", 4);
    assert_int_equal(host->out_bytes(&two[0]).len, 5);
    assert_null(host->out_bytes(&two[1]).data);
    lucid_buf_fini(&two[0].buf);
    lucid_buf_fini(&two[1].buf);
    /* A hash of as many parts as it likes. */
    struct lucid_plugin_bytes parts[40];
    uint8_t hash[2][LUCID_PLUGIN_HASH_BYTES];
    char whole[41] = "";
    for (size_t i = 0; i < 40; i++) {
        parts[i] = bytes_of("a");
        whole[i] = 'a';
    }
    host->sha256(host, parts, 40, hash[0]);
    lucid_sha256(lucid_span_str(whole), hash[1]);
    assert_memory_equal(hash[0], hash[1], sizeof(hash[0]));
    /* A line cannot be made to look like two. */
    host->log(host, LUCID_PLUGIN_LOG_ERROR, "note\nevent", "text\n{\"fake\":1}\x7f");
    /* Offline there is nothing to sign with, and nothing that looks like a signature. */
    world.plugin.key = NULL;
    host->sign(host, bytes_of("text"), signature);
    assert_false(host->verify(host, world.key.public_key, bytes_of("text"), signature));
}

static void test_entry(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    uint8_t hash[32];
    uint8_t message[15 + 32] = "lucid/entry/v1\n";
    host->entry(host, bytes_of(record), entry);
    lucid_sha256(lucid_span_str(record), hash);
    assert_memory_equal(entry, hash, 32);
    memcpy(message + 15, hash, 32);
    lucid_sha256(lucid_span(world.key.public_key, 32), hash);
    assert_memory_equal(entry + 32, hash, 32);
    assert_true(ledger_ed25519_verify(world.key.public_key, lucid_span(message, sizeof(message)),
                                      entry + 64));
}

/* --- keys ---------------------------------------------------------------------------------------
 */

static bool started(const char *plugin, const char *version, uint32_t abi)
{
    struct plugin_started_command command;
    CORE->now_ms += 1000;
    assert_int_equal(
        plugin_started_prepare(&command, plugin, version, abi, world.key.public_key, NULL),
        LUCID_OK);
    assert_int_equal(core_run(CORE, &command.command), LUCID_OK);
    return !command.ret_known;
}

static void test_keys(void **state)
{
    (void)state;
    const struct lucid_plugin_host *host = &world.plugin.host;
    uint8_t key[32];
    uint64_t since = 0;
    uint64_t until = 0;
    assert_true(started("notes", "1.0", 1)); /* + 1 s */
    assert_false(started("notes", "1.0", 1));
    assert_true(started("notes", "1.1", 1));
    assert_true(started("note", "1.1", 1)); /* a name that is the beginning of another */
    plugin_world_key(&world, 2);
    assert_true(started("notes", "1.1", 1)); /* + 5 s */
    assert_true(started("notes", "1.1", 2));
    assert_false(started("notes", "1.1", 2));
    plugin_world_key(&world, 1);
    assert_true(started("notes", "1.1", 2)); /* + 8 s: the old key again */
    struct lucid_plugin_view view = view_begin();
    assert_int_equal(host->view_key(&view, 0, key, &since, &until), LUCID_PLUGIN_OK);
    assert_memory_equal(key, world.key.public_key, 32);
    assert_int_equal(since, CORE_NOW_MS + 8000);
    assert_int_equal(until, 0);
    assert_int_equal(host->view_key(&view, 1, key, &since, &until), LUCID_PLUGIN_OK);
    assert_memory_not_equal(key, world.key.public_key, 32);
    assert_int_equal(since, CORE_NOW_MS + 5000);
    assert_int_equal(until, CORE_NOW_MS + 8000);
    assert_int_equal(host->view_key(&view, 2, key, &since, &until), LUCID_PLUGIN_OK);
    assert_int_equal(since, CORE_NOW_MS + 1000);
    assert_int_equal(until, CORE_NOW_MS + 5000);
    assert_int_equal(host->view_key(&view, 3, key, &since, &until), LUCID_PLUGIN_ABSENT);
    /* Anybody's, by name: as anybody can read in the JWKS. */
    assert_true(host->bytes >= offsetof(struct lucid_plugin_host, view_head) + sizeof(void *));
    assert_int_equal(host->view_key_of(&view, "notes", 2, key, &since, &until), LUCID_PLUGIN_OK);
    assert_int_equal(since, CORE_NOW_MS + 1000);
    assert_int_equal(host->view_key_of(&view, "note", 0, key, &since, &until), LUCID_PLUGIN_OK);
    assert_int_equal(since, CORE_NOW_MS + 4000);
    assert_int_equal(until, 0);
    assert_int_equal(host->view_key_of(&view, "note", 1, key, &since, &until), LUCID_PLUGIN_ABSENT);
    assert_int_equal(host->view_key_of(&view, "not", 0, key, &since, &until), LUCID_PLUGIN_ABSENT);
    assert_int_equal(host->view_key_of(&view, "", 0, key, &since, &until), LUCID_PLUGIN_ABSENT);
    struct plugin_key_row row = {.number = 0};
    static const char *const names[] = {"note", "notes", "notes", "notes"};
    static const char *const versions[] = {"1.1", "1.1", "1.1", "1.1"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plugin_key_next(CORE->view, &row), LUCID_OK);
        assert_string_equal(row.plugin, names[i]);
        assert_string_equal(row.version, versions[i]);
        assert_int_equal(row.number, i == 0 ? 1 : i);
    }
    assert_int_equal(plugin_key_next(CORE->view, &row), LUCID_NOTE_ABSENT);
    ledger_view_end(CORE->view);
    struct plugin_started_command command;
    struct lucid_why why = {0};
    assert_int_equal(plugin_started_prepare(&command, "a_name_too_long1", "1", 1, key, &why),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(plugin_started_prepare(&command, "notes", "a\nb", 1, key, &why),
                     LUCID_REFUSE_INVALID);
    struct core_world other;
    core_world_init(&other);
    other.use_count = CORE->use_count;
    memcpy(other.uses, CORE->uses, sizeof(other.uses));
    assert_true(core_replays_same(CORE, &other, 3));
    core_world_stop(&other);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_many_of_one_record),
        WORLD_TEST(test_events),
        WORLD_TEST(test_place_and_proof),
        WORLD_TEST(test_head),
        WORLD_TEST(test_blobs),
        WORLD_TEST(test_utilities),
        WORLD_TEST(test_entry),
        WORLD_TEST(test_keys),
    };
    return cmocka_run_group_tests_name("plugin view", tests, NULL, NULL);
}
