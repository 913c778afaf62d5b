/* The hand-set loop and the scripted outgoing that other tests stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "fake_loop.h"
#include "fake_outgoing.h"

struct ring {
    struct lucid_timer timer;
    struct fake_loop *fake;
    char name;
    unsigned again; /* times that it sets itself with 0 */
};

static char rung[64];
static size_t rung_count;
static uint64_t rung_ms;

static void ring_fire(struct lucid_timer *timer)
{
    struct ring *ring = (struct ring *)timer;
    rung[rung_count++] = ring->name;
    rung_ms = ring->fake->now_ms;
    if (ring->again > 0) {
        ring->again--;
        assert_int_equal(lucid_timer_set(&ring->fake->loop, timer, 0), LUCID_OK);
    }
}

static void timers(void **state)
{
    (void)state;
    struct fake_loop fake;
    fake_loop_init(&fake, 1000);
    struct ring a = {.timer = {.fire = ring_fire}, .fake = &fake, .name = 'a', .again = 2};
    struct ring b = {.timer = {.fire = ring_fire}, .fake = &fake, .name = 'b'};
    struct ring c = {.timer = {.fire = ring_fire}, .fake = &fake, .name = 'c'};
    rung_count = 0;
    assert_int_equal(lucid_timer_set(&fake.loop, &c.timer, 50), LUCID_OK);
    assert_int_equal(lucid_timer_set(&fake.loop, &b.timer, 20), LUCID_OK);
    assert_int_equal(lucid_timer_set(&fake.loop, &a.timer, 20), LUCID_OK);
    assert_int_equal(rung_count, 0);
    fake_loop_advance(&fake, 19);
    assert_int_equal(rung_count, 0);
    fake_loop_advance(&fake, 11);
    assert_int_equal(rung_count, 4);
    assert_memory_equal(rung, "baaa", 4);
    assert_int_equal(rung_ms, 1020);
    assert_int_equal(lucid_boot_ms(&fake.loop.clock), 1030);
    fake.wall_ahead_ms = 5;
    assert_int_equal(lucid_wall_ms(&fake.loop.clock), 1035);
    assert_int_equal(lucid_timer_set(&fake.loop, &c.timer, 100), LUCID_OK); /* anew */
    assert_int_equal(fake_loop_timer_count(&fake), 1);
    assert_true(fake_loop_next(&fake));
    assert_int_equal(rung_ms, 1130);
    assert_false(fake_loop_next(&fake));
    fake.no_memory = true;
    assert_int_equal(lucid_timer_set(&fake.loop, &c.timer, 1), LUCID_RETRY_MEMORY);
    lucid_timer_clear(&fake.loop, &c.timer);
    fake_loop_fini(&fake);
}

static bool seen_readable;

static void on_ready(struct lucid_watch *watch, bool readable, bool writable)
{
    (void)watch;
    assert_false(writable);
    seen_readable = readable;
}

static void watches(void **state)
{
    (void)state;
    struct fake_loop fake;
    fake_loop_init(&fake, 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct lucid_watch watch = {.fd = ends[0], .ready = on_ready};
    assert_int_equal(lucid_watch_set(&fake.loop, &watch, true, false), LUCID_OK);
    assert_int_equal(fake_loop_poll(&fake, 0), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(fake_loop_poll(&fake, 1000), 1);
    assert_true(seen_readable);
    assert_int_equal(lucid_watch_set(&fake.loop, &watch, false, false), LUCID_OK);
    assert_int_equal(fake_loop_watch_count(&fake), 0);
    close(ends[0]);
    close(ends[1]);
    fake_loop_fini(&fake);
}

static unsigned dones;

static void on_done(struct lucid_outgoing_call *call)
{
    (void)call;
    dones++;
}

static void questions(void **state)
{
    (void)state;
    static const char body[] =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"eth_x\",\"params\":[ 1 ]}";
    struct fake_loop loop;
    struct fake_outgoing fake;
    fake_loop_init(&loop, 0);
    fake_outgoing_init(&fake, &loop);
    struct lucid_outgoing_call call = {.method = "POST",
                                       .url = "http://a/",
                                       .body = lucid_span_str(body),
                                       .total_ms_max = 100,
                                       .answer_bytes_max = 64,
                                       .done = on_done};
    dones = 0;
    lucid_outgoing_start(&fake.outgoing, &call);
    assert_null(fake_question_open(&fake, "http://b/"));
    struct fake_question *question = fake_question_open(&fake, "http://a/");
    assert_non_null(question);
    assert_string_equal(question->method, "eth_x");
    assert_string_equal(question->params, "[1]");
    fake_answer_result(question, "true", 5);
    assert_null(fake_question_open(&fake, NULL));
    fake_loop_advance(&loop, 4);
    assert_int_equal(dones, 0);
    fake_loop_advance(&loop, 1);
    assert_int_equal(dones, 1);
    assert_int_equal(call.status, 200);
    assert_true(lucid_span_is(lucid_buf_span(&call.answer),
                              "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":true}"));
    lucid_buf_fini(&call.answer);

    lucid_outgoing_start(&fake.outgoing, &call); /* nobody answers */
    fake_loop_advance(&loop, 100);
    assert_int_equal(dones, 2);
    assert_int_equal(call.error, LUCID_RETRY_IO);

    lucid_outgoing_start(&fake.outgoing, &call);
    fake_answer_refusal(fake_question_open(&fake, NULL), -32000, "a long message of the node", NULL,
                        0);
    fake_loop_settle(&loop);
    assert_int_equal(call.error, LUCID_REFUSE_TOO_LARGE);

    lucid_outgoing_start(&fake.outgoing, &call);
    lucid_outgoing_cancel(&fake.outgoing, &call);
    lucid_outgoing_cancel(&fake.outgoing, &call);
    assert_int_equal(dones, 3);
    assert_int_equal(fake.cancelled, 1);
    fake_outgoing_fini(&fake);
    fake_loop_fini(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers),
        cmocka_unit_test(watches),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
