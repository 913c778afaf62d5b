/* Cosignatures in the log: which are kept, what is served of them, that they survive a restart and
 * a replay, and which head is the newest that satisfies a policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/witness.h"
#include "tests/unit/ledger/core_world.h"

enum { WITNESSES = 3, TIME_S = 1800000000 };

static struct core_world world;
static struct ledger_policy policy; /* 2 of 3 */
static struct ledger_witness_config config;
static struct ledger_skey keys[WITNESSES];

static void key_make(unsigned number, struct ledger_skey *ret)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    char name[32];
    memset(seed, (int)(0x40 + number), sizeof(seed));
    snprintf(name, sizeof(name), "w%u.example", number);
    lucid_assert(ledger_cosigner_skey_init(lucid_span_str(name), seed, ret, NULL) == LUCID_OK);
}

static void policy_make(void)
{
    struct lucid_buf text = {.bytes_max = 0};
    for (unsigned i = 0; i < WITNESSES; i++) {
        char vkey[LEDGER_VKEY_BYTES_MAX];
        key_make(i, &keys[i]);
        size_t len = ledger_vkey_format(&keys[i].vkey, vkey);
        lucid_buf_printf(&text, "witness w%u %.*s\n", i, (int)len, vkey);
    }
    lucid_buf_str(&text, "group g 2 w0 w1 w2\nquorum g\n");
    lucid_assert(ledger_policy_parse(lucid_buf_span(&text), &policy, NULL) == LUCID_OK);
    lucid_buf_fini(&text);
}

static int world_make(void **state)
{
    (void)state;
    policy_make();
    config.policy = &policy;
    core_world_init(&world);
    core_world_use(&world, &ledger_witness_kind, &config);
    core_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

/* Logs that many leaves more and signs a head over all; its size. */
static uint64_t head_make(size_t leaves)
{
    static uint64_t number;
    struct ledger_head_tick tick;
    struct ledger_head head;
    world.now_ms += 2000;
    core_leaves_log(&world, number, leaves);
    number += leaves;
    ledger_head_tick_init(&tick);
    tick.at_once = true;
    assert_int_equal(core_run(&world, &tick.command), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_newest(world.view, &head), LUCID_OK);
    ledger_view_end(world.view);
    return head.size;
}

/* A line of that key for the head of that size. */
static void line_put(const struct ledger_skey *key, uint64_t size, struct lucid_buf *out)
{
    struct ledger_head head;
    struct lucid_span text;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_head_of_size(world.view, size, &head), LUCID_OK);
    assert_true(ledger_note_text(head.checkpoint, &text));
    assert_int_equal(ledger_cosignature_sign(key, TIME_S, text, out, NULL), LUCID_OK);
    ledger_view_end(world.view);
}

static enum lucid_error submit(uint64_t size, struct lucid_span lines, uint32_t *ret_added,
                               const char **ret_code)
{
    struct ledger_witness_command command;
    ledger_witness_command_init(&command, size, lines);
    uint64_t events = core_events(&world);
    lucid_assert(ledger_batch_begin(world.ledger, world.now_ms) == LUCID_OK);
    lucid_assert(ledger_batch_run(world.ledger, &command.command) == LUCID_OK);
    lucid_assert(ledger_batch_commit(world.ledger) == LUCID_OK);
    assert_int_equal(core_events(&world) - events,
                     command.command.error == LUCID_OK && command.added > 0 ? 1 : 0);
    *ret_added = command.added;
    *ret_code = command.command.why.code;
    return command.command.error;
}

static uint32_t cosign(unsigned witness, uint64_t size)
{
    struct lucid_buf line = {.bytes_max = 0};
    uint32_t added = 0;
    const char *code;
    line_put(&keys[witness], size, &line);
    assert_int_equal(submit(size, lucid_buf_span(&line), &added, &code), LUCID_OK);
    lucid_buf_fini(&line);
    return added;
}

static void check_refused(uint64_t size, struct lucid_span lines, const char *expected)
{
    uint32_t added = 9;
    const char *code = NULL;
    struct lucid_span found;
    enum lucid_error error = submit(size, lines, &added, &code);
    assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
    assert_string_equal(code, expected);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_witness_lines(world.view, size, &found), LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
}

/* What is served for that size opens under the log's key and those of that many witnesses. */
static void check_served(uint64_t size, uint32_t cosigned)
{
    struct lucid_buf note = {.bytes_max = 0};
    struct ledger_policy_verdict verdict;
    uint32_t mask = 77;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_witness_checkpoint(world.view, size, &note), LUCID_OK);
    assert_int_equal(ledger_witness_cosigned(world.view, &policy, size, &mask), LUCID_OK);
    ledger_view_end(world.view);
    assert_int_equal(mask, cosigned);
    assert_int_equal(
        ledger_policy_check(&policy, &world.log_key.vkey, lucid_buf_span(&note), &verdict, NULL),
        LUCID_OK);
    assert_int_equal(verdict.cosigned, cosigned);
    assert_int_equal(verdict.checkpoint.size, size);
    assert_int_equal(verdict.satisfied, __builtin_popcount(cosigned) >= 2);
    lucid_buf_fini(&note);
}

static void check_newest(uint32_t heads_max, enum lucid_error expected, uint64_t size)
{
    uint64_t found = UINT64_MAX;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_witness_newest(world.view, &policy, heads_max, &found), expected);
    ledger_view_end(world.view);
    if (expected == LUCID_OK) {
        assert_int_equal(found, size);
    }
}

static void test_kept(void **state)
{
    (void)state;
    uint64_t first = head_make(5);
    check_served(first, 0);
    check_newest(10, LUCID_NOTE_ABSENT, 0);
    assert_int_equal(cosign(1, first), 1);
    check_served(first, 2);
    assert_int_equal(cosign(1, first), 0); /* the same key again is nothing new */
    check_newest(10, LUCID_NOTE_ABSENT, 0);
    assert_int_equal(cosign(0, first), 1);
    check_served(first, 3);
    check_newest(10, LUCID_OK, first);
    /* A head of one more leaf, cosigned by one: the older one stays the newest good one. */
    uint64_t second = head_make(1);
    assert_int_equal(cosign(2, second), 1);
    check_newest(10, LUCID_OK, first);
    check_newest(1, LUCID_NOTE_ABSENT, 0);
    core_world_reopen(&world);
    check_served(first, 3);
    check_served(second, 4);
    check_newest(10, LUCID_OK, first);
    assert_int_equal(cosign(0, second), 1);
    check_newest(10, LUCID_OK, second);
    assert_int_equal(cosign(2, first), 1); /* late, for an old head */
    check_served(first, 7);
    check_newest(10, LUCID_OK, second);
}

static void test_several_lines(void **state)
{
    (void)state;
    uint64_t size = head_make(3);
    struct lucid_buf lines = {.bytes_max = 0};
    uint32_t added = 0;
    const char *code;
    line_put(&keys[0], size, &lines);
    line_put(&keys[2], size, &lines);
    line_put(&keys[0], size, &lines);
    assert_int_equal(submit(size, lucid_buf_span(&lines), &added, &code), LUCID_OK);
    assert_int_equal(added, 2);
    check_served(size, 5);
    lucid_buf_clear(&lines);
    line_put(&keys[0], size, &lines);
    line_put(&keys[1], size, &lines);
    assert_int_equal(submit(size, lucid_buf_span(&lines), &added, &code), LUCID_OK);
    assert_int_equal(added, 1);
    check_served(size, 7);
    assert_int_equal(submit(size, lucid_span("", 0), &added, &code), LUCID_OK);
    assert_int_equal(added, 0);
    lucid_buf_fini(&lines);
}

static void test_refused(void **state)
{
    (void)state;
    uint64_t size = head_make(4);
    uint64_t next = head_make(4);
    struct lucid_buf line = {.bytes_max = 0};
    struct ledger_skey stranger;
    key_make(9, &stranger);
    line_put(&keys[0], size, &line);
    check_refused(next, lucid_buf_span(&line), "SIGNATURE_INVALID"); /* another head's */
    check_refused(size + 1, lucid_buf_span(&line), "HEAD_UNKNOWN");
    check_refused(size, lucid_span(line.data, line.len - 1), "COSIGNATURE_MALFORMED");
    for (size_t bit = 0; bit < 64; bit++) {
        size_t at = line.len - 2 - bit; /* the signature's end */
        uint8_t before = line.data[at];
        line.data[at] = before == 'A' ? 'B' : 'A';
        uint32_t added = 0;
        const char *code = NULL;
        assert_int_equal(lucid_category(submit(size, lucid_buf_span(&line), &added, &code)),
                         LUCID_CATEGORY_REFUSE);
        line.data[at] = before;
    }
    /* One bad line refuses the good ones beside it. */
    line_put(&stranger, size, &line);
    check_refused(size, lucid_buf_span(&line), "COSIGNATURE_UNKNOWN");
    lucid_buf_clear(&line);
    lucid_buf_str(&line, "nonsense\n");
    check_refused(size, lucid_buf_span(&line), "COSIGNATURE_MALFORMED");
    lucid_buf_clear(&line);
    line_put(&keys[0], size, &line);
    config.policy = NULL;
    check_refused(size, lucid_buf_span(&line), "NO_POLICY");
    config.policy = &policy;
    lucid_buf_fini(&line);
}

/* Replayed elsewhere without any key or policy, the log makes the same rows. */
static void test_replay(void **state)
{
    (void)state;
    struct core_world other;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t size = head_make(30 + i);
        for (unsigned j = 0; j <= i && j < WITNESSES; j++) {
            assert_int_equal(cosign(j, size), 1);
        }
    }
    core_world_init(&other);
    core_world_use(&other, &ledger_witness_kind, NULL);
    assert_true(core_replays_same(&world, &other, UINT64_MAX));
    core_world_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_several_lines, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_refused, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_replay, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
