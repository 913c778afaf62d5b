/* Several nodes, good and bad: order, rest, quorum, and a transaction that goes to all. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_outgoing.h"
#include "x402/evm/rpc.h"

enum { NODES = 4, CHAIN = 84532, TIMEOUT_MS = 1000, TEXT_MAX = 512 };

/* What a node does with questions. */
enum manner {
    ANSWERS, /* with text as the result */
    REFUSES, /* with code and text as the message */
    DOWN,
    SILENT,
    STATUS,   /* with code as the HTTP status, and a Retry-After of one minute */
    NONSENSE, /* with text as the whole answer */
    LARGE,
};

struct node {
    enum manner manner;
    int code;
    char text[TEXT_MAX];
    uint64_t chain;
    uint32_t delay_ms;
    unsigned chains; /* how often it was asked which chain it is on */
    unsigned asked;  /* how often anything else */
};

struct world {
    struct fake_loop loop;
    struct fake_outgoing outgoing;
    struct evm_rpc *rpc;
    struct node nodes[NODES];
    struct evm_rpc_call call;
    unsigned dones;
    bool asking;
    unsigned again; /* asks again from its done so many times */
};

static struct node *node_of(struct fake_question *question)
{
    struct world *world = question->fake->context;
    return &world->nodes[question->call->url[strlen("http://n")] - '0'];
}

static void node_answers(struct fake_question *question, const struct node *node)
{
    switch (node->manner) {
    case ANSWERS:
        fake_answer_result(question, node->text, node->delay_ms);
        break;
    case REFUSES:
        fake_answer_refusal(question, node->code, node->text, NULL, node->delay_ms);
        break;
    case DOWN:
        fake_answer_error(question, LUCID_RETRY_IO, node->delay_ms);
        break;
    case SILENT:
        break;
    case STATUS:
        question->retry_after_s = 60;
        fake_answer(question, node->code, "{}", node->delay_ms);
        break;
    case NONSENSE:
        fake_answer(question, 200, node->text, node->delay_ms);
        break;
    case LARGE:
        fake_answer_error(question, LUCID_REFUSE_TOO_LARGE, node->delay_ms);
        break;
    }
}

static void on_question(struct fake_question *question)
{
    struct node *node = node_of(question);
    char chain[32];
    assert_string_equal(question->call->method, "POST");
    assert_int_equal(question->call->total_ms_max, TIMEOUT_MS);
    if (strcmp(question->method, "eth_chainId") != 0) {
        node->asked++;
        node_answers(question, node);
        return;
    }
    node->chains++;
    if (node->manner == DOWN || node->manner == SILENT) {
        node_answers(question, node);
        return;
    }
    (void)snprintf(chain, sizeof(chain), "\"0x%" PRIx64 "\"", node->chain);
    fake_answer_result(question, chain, node->delay_ms);
}

static void world_open(struct world *world, size_t nodes, unsigned quorum)
{
    static const char *const urls[NODES] = {"http://n0/", "http://n1/", "http://n2/", "http://n3/"};
    *world = (struct world){.dones = 0};
    fake_loop_init(&world->loop, 1000000);
    fake_outgoing_init(&world->outgoing, &world->loop);
    world->outgoing.ask = on_question;
    world->outgoing.context = world;
    for (size_t i = 0; i < NODES; i++) {
        world->nodes[i].chain = CHAIN;
        (void)snprintf(world->nodes[i].text, TEXT_MAX, "\"0x5\"");
    }
    struct evm_rpc_options options = {.loop = &world->loop.loop,
                                      .outgoing = &world->outgoing.outgoing,
                                      .urls = urls,
                                      .url_count = nodes,
                                      .quorum = quorum,
                                      .chain_id = CHAIN,
                                      .timeout_ms = TIMEOUT_MS};
    assert_int_equal(evm_rpc_open(&options, &world->rpc), LUCID_OK);
}

static void world_close(struct world *world)
{
    evm_rpc_call_fini(&world->call);
    evm_rpc_close(world->rpc);
    fake_outgoing_fini(&world->outgoing);
    fake_loop_fini(&world->loop);
}

static void node_is(struct world *world, size_t i, enum manner manner, int code, const char *text)
{
    world->nodes[i].manner = manner;
    world->nodes[i].code = code;
    (void)snprintf(world->nodes[i].text, TEXT_MAX, "%s", text);
}

static void on_done(struct evm_rpc_call *call)
{
    struct world *world = call->owner;
    assert_false(world->asking);
    world->dones++;
    if (world->again > 0) {
        world->again--;
        evm_rpc_ask(world->rpc, call);
    }
}

static void begin(struct world *world, const struct evm_rpc_call *call)
{
    evm_rpc_call_fini(&world->call);
    world->call = *call;
    world->call.done = on_done;
    world->call.owner = world;
    for (size_t i = 0; i < NODES; i++) {
        world->nodes[i].chains = world->nodes[i].asked = 0;
    }
    world->asking = true;
    evm_rpc_ask(world->rpc, &world->call);
    world->asking = false;
}

static void ask(struct world *world, const struct evm_rpc_call *call)
{
    unsigned before = world->dones;
    begin(world, call);
    while (world->dones == before) {
        assert_true(fake_loop_next(&world->loop));
    }
    assert_int_equal(world->dones, before + 1);
}

static void expect_retry(const struct world *world, const char *code)
{
    assert_int_equal(world->call.error, LUCID_RETRY_IO);
    assert_string_equal(world->call.why.code, code);
}

static const struct evm_rpc_call count_call = {.kind = EVM_RPC_COUNT};
static const struct evm_rpc_call block_call = {.kind = EVM_RPC_BLOCK, .number = 5};

#define HASH_OF(digit)                                                                             \
    "0x" digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit \
        digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit  \
            digit digit
#define BLOCK_OF(number, digit)                                                                    \
    "{\"number\":\"" number "\",\"hash\":\"" HASH_OF(digit) "\",\"timestamp\":\"0x64\"}"

/* --- one answer is enough --------------------------------------------------------------------- */

static void chain_asked_once(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 1, 1);
    ask(&world, &count_call);
    assert_int_equal(world.call.error, LUCID_OK);
    assert_int_equal(world.call.count, 5);
    assert_int_equal(world.nodes[0].chains, 1);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains, 0);
    node_is(&world, 0, DOWN, 0, "");
    ask(&world, &count_call);
    expect_retry(&world, "RPC_UNREACHABLE");
    node_is(&world, 0, ANSWERS, 0, "\"0x6\"");
    ask(&world, &count_call); /* although it rests: there is no other */
    assert_int_equal(world.call.count, 6);
    assert_int_equal(world.nodes[0].chains, 1);
    world.nodes[0].chain = 1;
    node_is(&world, 0, NONSENSE, 0, "<html>");
    ask(&world, &count_call);
    expect_retry(&world, "RPC_MALFORMED");
    node_is(&world, 0, ANSWERS, 0, "\"0x6\"");
    ask(&world, &count_call); /* in the meantime it is another chain's */
    expect_retry(&world, "RPC_WRONG_CHAIN");
    assert_int_equal(world.nodes[0].asked, 0);
    world_close(&world);
}

static void fail_over(void **state)
{
    (void)state;
    struct world world;
    struct evm_rpc_counters counters;
    world_open(&world, 3, 1);
    node_is(&world, 0, DOWN, 0, "");
    world.nodes[1].chain = 1;
    ask(&world, &count_call);
    assert_int_equal(world.call.error, LUCID_OK);
    assert_int_equal(world.nodes[2].asked, 1);
    assert_int_equal(world.nodes[1].asked, 0);
    evm_rpc_counters_read(world.rpc, &counters);
    assert_int_equal(counters.questions, 1);
    assert_int_equal(counters.failures[0], 1);
    assert_int_equal(counters.failures[1], 1);
    assert_int_equal(counters.failures[2], 0);
    /* Both rest, and come back in their order: after half a second, then a second … */
    world.nodes[1].chain = CHAIN;
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains + world.nodes[1].chains, 0);
    fake_loop_advance(&world.loop, 500);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains, 1);
    assert_int_equal(world.nodes[1].asked, 1);
    fake_loop_advance(&world.loop, 900);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains, 0);
    node_is(&world, 0, ANSWERS, 0, "\"0x7\"");
    fake_loop_advance(&world.loop, 100);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].asked, 1);
    assert_int_equal(world.call.count, 7);
    world_close(&world);
}

/* Many questions that fail at one time make it rest as long as one does. */
static void fail_together(void **state)
{
    (void)state;
    struct world world;
    struct evm_rpc_call calls[10];
    world_open(&world, 2, 1);
    node_is(&world, 0, DOWN, 0, "");
    for (size_t i = 0; i < 10; i++) {
        calls[i] = count_call;
        calls[i].done = on_done;
        calls[i].owner = &world;
        evm_rpc_ask(world.rpc, &calls[i]);
    }
    fake_loop_settle(&world.loop);
    assert_int_equal(world.dones, 10);
    assert_int_equal(world.nodes[0].chains, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(calls[i].error, LUCID_OK);
        evm_rpc_call_fini(&calls[i]);
    }
    fake_loop_advance(&world.loop, 499);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains, 0);
    fake_loop_advance(&world.loop, 1);
    ask(&world, &count_call);
    assert_int_equal(world.nodes[0].chains, 1);
    world_close(&world);
}

/* One that answers unwelcomely is passed over, but stays first; one that is worn rests. */
static void unwelcome(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 2, 1);
    node_is(&world, 0, REFUSES, -32601, "no such method");
    for (int i = 0; i < 2; i++) {
        ask(&world, &count_call);
        assert_int_equal(world.call.error, LUCID_OK);
        assert_int_equal(world.nodes[0].asked, 1);
        assert_int_equal(world.nodes[1].asked, 1);
    }
    node_is(&world, 1, REFUSES, -32601, "no such method");
    ask(&world, &count_call);
    expect_retry(&world, "RPC_ERROR");
    node_is(&world, 1, ANSWERS, 0, "\"0x5\"");
    static const struct {
        enum manner manner;
        int code;
        const char *text;
        uint64_t rest_ms;
    } worn[] = {{REFUSES, -32005, "limit exceeded", 500},
                {STATUS, 500, "", 30000},
                {STATUS, 429, "", 30000},
                {LARGE, 0, "", 500},
                {NONSENSE, 0, "{}", 500}};
    for (size_t i = 0; i < sizeof(worn) / sizeof(worn[0]); i++) {
        node_is(&world, 0, ANSWERS, 0, "\"0x5\"");
        fake_loop_advance(&world.loop, 30000);
        ask(&world, &count_call);
        assert_int_equal(world.nodes[0].asked, 1);
        node_is(&world, 0, worn[i].manner, worn[i].code, worn[i].text);
        ask(&world, &count_call);
        assert_int_equal(world.call.error, LUCID_OK);
        fake_loop_advance(&world.loop, worn[i].rest_ms - 1);
        ask(&world, &count_call);
        assert_int_equal(world.nodes[0].asked + world.nodes[0].chains, 0);
        fake_loop_advance(&world.loop, 1);
        ask(&world, &count_call);
        assert_int_equal(world.nodes[0].chains, 1);
    }
    /* Who asks for logs may ask for fewer. */
    struct evm_rpc_call logs = {.kind = EVM_RPC_LOGS};
    node_is(&world, 0, LARGE, 0, "");
    node_is(&world, 1, LARGE, 0, "");
    ask(&world, &logs);
    expect_retry(&world, "RPC_ERROR");
    world_close(&world);
}

static void silence(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 2, 1);
    node_is(&world, 0, SILENT, 0, "");
    uint64_t before = world.loop.now_ms;
    ask(&world, &count_call);
    assert_int_equal(world.call.error, LUCID_OK);
    assert_int_equal(world.loop.now_ms - before, TIMEOUT_MS);
    world_close(&world);
}

/* --- a quorum --------------------------------------------------------------------------------- */

static void quorum(void **state)
{
    (void)state;
    static const char a[] = BLOCK_OF("0x5", "aa");
    static const char b[] = BLOCK_OF("0x5", "bb");
    static const struct {
        struct {
            enum manner manner;
            const char *text;
        } nodes[3];
        enum lucid_error error;
        const char *code; /* or the hash's first byte */
    } cases[] = {
        {{{ANSWERS, a}, {ANSWERS, a}, {ANSWERS, a}}, LUCID_OK, "\xaa"},
        {{{ANSWERS, a}, {ANSWERS, b}, {ANSWERS, a}}, LUCID_OK, "\xaa"},
        {{{ANSWERS, b}, {ANSWERS, a}, {ANSWERS, a}}, LUCID_OK, "\xaa"},
        {{{DOWN, ""}, {ANSWERS, a}, {ANSWERS, a}}, LUCID_OK, "\xaa"},
        {{{ANSWERS, a}, {ANSWERS, a}, {SILENT, ""}}, LUCID_OK, "\xaa"},
        {{{ANSWERS, "null"}, {ANSWERS, a}, {ANSWERS, a}}, LUCID_OK, "\xaa"},
        {{{ANSWERS, "null"}, {ANSWERS, "null"}, {ANSWERS, a}}, LUCID_NOTE_ABSENT, NULL},
        {{{ANSWERS, "null"}, {ANSWERS, a}, {DOWN, ""}}, LUCID_RETRY_IO, "RPC_CONTRADICTORY"},
        {{{ANSWERS, "null"}, {ANSWERS, a}, {ANSWERS, b}}, LUCID_RETRY_IO, "RPC_CONTRADICTORY"},
        {{{ANSWERS, a}, {ANSWERS, b}, {NONSENSE, "x"}}, LUCID_RETRY_IO, "RPC_CONTRADICTORY"},
        {{{ANSWERS, a}, {DOWN, ""}, {DOWN, ""}}, LUCID_RETRY_IO, "RPC_UNREACHABLE"},
        {{{ANSWERS, "null"}, {DOWN, ""}, {DOWN, ""}}, LUCID_RETRY_IO, "RPC_UNREACHABLE"},
        {{{ANSWERS, a}, {DOWN, ""}, {NONSENSE, "x"}}, LUCID_RETRY_IO, "RPC_MALFORMED"},
    };
    unsigned contradictions = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct evm_rpc_counters counters;
        struct world world;
        world_open(&world, 3, 2);
        for (size_t j = 0; j < 3; j++) {
            node_is(&world, j, cases[i].nodes[j].manner, 0, cases[i].nodes[j].text);
        }
        uint64_t before = world.loop.now_ms;
        ask(&world, &block_call);
        assert_int_equal(world.call.error, cases[i].error);
        assert_int_equal(world.loop.now_ms, before); /* nobody waits for the silent one */
        if (cases[i].error == LUCID_OK) {
            assert_int_equal(world.call.block.hash.bytes[0], (uint8_t)cases[i].code[0]);
        } else if (cases[i].code != NULL) {
            expect_retry(&world, cases[i].code);
        }
        evm_rpc_counters_read(world.rpc, &counters);
        contradictions += (unsigned)counters.contradictions;
        world_close(&world);
    }
    assert_int_equal(contradictions, 3);
}

/* Nodes that rest are asked where the others do not agree. */
static void quorum_of_the_resting(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 3, 2);
    node_is(&world, 0, ANSWERS, 0, BLOCK_OF("0x5", "aa"));
    node_is(&world, 1, ANSWERS, 0, BLOCK_OF("0x5", "aa"));
    node_is(&world, 2, DOWN, 0, "");
    ask(&world, &block_call);
    fake_loop_settle(&world.loop);
    ask(&world, &block_call);
    node_is(&world, 1, ANSWERS, 0, BLOCK_OF("0x5", "bb"));
    node_is(&world, 2, ANSWERS, 0, BLOCK_OF("0x5", "bb"));
    ask(&world, &block_call);
    assert_int_equal(world.call.error, LUCID_OK);
    assert_int_equal(world.call.block.hash.bytes[0], 0xbb);
    world_close(&world);
}

static void ordered(void **state)
{
    (void)state;
    static const struct {
        struct evm_rpc_call call;
        const char *texts[3]; /* NULL: down */
        uint64_t want;
    } cases[] = {
        {{.kind = EVM_RPC_COUNT}, {"\"0x5\"", "\"0x7\"", "\"0x6\""}, 6},
        {{.kind = EVM_RPC_COUNT}, {"\"0x5\"", "\"0x7\"", NULL}, 5},
        {{.kind = EVM_RPC_TIP}, {"\"0x5\"", "\"0x7\"", "\"0x6\""}, 6},
        {{.kind = EVM_RPC_BALANCE}, {"\"0x9\"", "\"0x7\"", "\"0x9\""}, 9},
        {{.kind = EVM_RPC_BLOCK, .tag = EVM_RPC_LATEST},
         {BLOCK_OF("0x8", "aa"), BLOCK_OF("0x9", "bb"), BLOCK_OF("0xff", "cc")},
         9},
        {{.kind = EVM_RPC_BLOCK, .tag = EVM_RPC_SAFE},
         {BLOCK_OF("0x8", "aa"), "null", BLOCK_OF("0xff", "cc")},
         8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        world_open(&world, 3, 2);
        for (size_t j = 0; j < 3; j++) {
            bool up = cases[i].texts[j] != NULL;
            node_is(&world, j, up ? ANSWERS : DOWN, 0, up ? cases[i].texts[j] : "");
        }
        ask(&world, &cases[i].call);
        assert_int_equal(world.call.error, LUCID_OK);
        uint64_t got = world.call.kind == EVM_RPC_COUNT   ? world.call.count
                       : world.call.kind == EVM_RPC_TIP   ? world.call.tip
                       : world.call.kind == EVM_RPC_BLOCK ? world.call.block.number
                                                          : (uint64_t)world.call.balance.be[31];
        assert_int_equal(got, cases[i].want);
        world_close(&world);
    }
    struct world world;
    world_open(&world, 3, 2);
    node_is(&world, 0, ANSWERS, 0, "null");
    node_is(&world, 1, ANSWERS, 0, "null");
    node_is(&world, 2, ANSWERS, 0, BLOCK_OF("0xff", "cc"));
    ask(&world, &cases[5].call);
    assert_int_equal(world.call.error,
                     LUCID_NOTE_ABSENT); /* one alone does not make a block safe */
    world_close(&world);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void sends(void **state)
{
    (void)state;
    static const struct evm_rpc_call send = {.kind = EVM_RPC_SEND,
                                             .data = {(const uint8_t *)"raw", 3}};
    static const char low[] = "nonce too low";
    static const char poor[] = "insufficient funds";
    static const char cheap[] = "underpriced";
    static const char known[] = "already known";
    static const struct {
        struct {
            enum manner manner;
            const char *text;
        } nodes[3];
        enum lucid_error error;
        enum evm_send_answer send;
    } cases[] = {
        {{{REFUSES, known}, {REFUSES, poor}, {DOWN, ""}}, LUCID_OK, EVM_SEND_TAKEN},
        {{{REFUSES, poor}, {REFUSES, low}, {REFUSES, known}}, LUCID_OK, EVM_SEND_TAKEN},
        {{{REFUSES, poor}, {REFUSES, low}, {REFUSES, cheap}}, LUCID_OK, EVM_SEND_NONCE_LOW},
        {{{REFUSES, poor}, {REFUSES, "?"}, {REFUSES, cheap}}, LUCID_OK, EVM_SEND_UNDERPRICED},
        {{{REFUSES, "?"}, {REFUSES, "?"}, {REFUSES, "?"}}, LUCID_OK, EVM_SEND_REFUSED},
        {{{REFUSES, low}, {DOWN, ""}, {DOWN, ""}}, LUCID_OK, EVM_SEND_NONCE_LOW},
        /* Perhaps the one that did not answer has it. */
        {{{REFUSES, poor}, {DOWN, ""}, {REFUSES, poor}}, LUCID_RETRY_IO, EVM_SEND_TAKEN},
        {{{DOWN, ""}, {SILENT, ""}, {DOWN, ""}}, LUCID_RETRY_IO, EVM_SEND_TAKEN},
        {{{ANSWERS, "\"0x00\""}, {DOWN, ""}, {DOWN, ""}}, LUCID_RETRY_IO, EVM_SEND_TAKEN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        world_open(&world, 3, 1);
        for (size_t j = 0; j < 3; j++) {
            node_is(&world, j, cases[i].nodes[j].manner, -32000, cases[i].nodes[j].text);
        }
        ask(&world, &send);
        assert_int_equal(world.call.error, cases[i].error);
        assert_int_equal(world.call.error == LUCID_OK ? world.call.send : EVM_SEND_TAKEN,
                         cases[i].send);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(world.nodes[j].chains, 1);
        }
        world_close(&world);
    }
}

/* Done when the first takes it; the others get it all the same, also after fini. */
static void send_goes_to_all(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 3, 2);
    ask(&world, &count_call); /* they are known from here on */
    struct evm_rpc_call send = {.kind = EVM_RPC_SEND, .data = lucid_span_str("raw")};
    for (size_t i = 0; i < 3; i++) {
        node_is(&world, i, REFUSES, -32000, "already known");
        world.nodes[i].delay_ms = (uint32_t)(10 + 100 * i);
    }
    uint64_t before = world.loop.now_ms;
    ask(&world, &send);
    assert_int_equal(world.loop.now_ms - before, 10);
    assert_int_equal(world.call.send, EVM_SEND_TAKEN);
    evm_rpc_call_fini(&world.call);
    assert_int_equal(world.outgoing.cancelled, 0);
    assert_non_null(world.outgoing.open);
    fake_loop_advance(&world.loop, 150);
    ask(&world, &count_call); /* another, while the last is on its way */
    evm_rpc_call_fini(&world.call);
    fake_loop_advance(&world.loop, TIMEOUT_MS);
    assert_int_equal(world.outgoing.cancelled, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(world.nodes[i].asked, 1);
    }
    begin(&world, &send);
    fake_loop_advance(&world.loop, 50);
    world_close(&world); /* with two on their way */
}

/* --- ends ------------------------------------------------------------------------------------- */

static void cancels(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, 2, 1);
    evm_rpc_cancel(world.rpc, &world.call); /* never asked */
    for (uint32_t at_ms = 0; at_ms <= 60; at_ms += 5) {
        /* While the chain id is under way, the question, and the one to the next node. */
        node_is(&world, 0, DOWN, 0, "");
        world.nodes[0].delay_ms = world.nodes[1].delay_ms = 20;
        begin(&world, &count_call);
        fake_loop_advance(&world.loop, at_ms);
        bool over = world.dones > 0;
        evm_rpc_cancel(world.rpc, &world.call);
        if (!over) {
            assert_null(world.call.impl);
        }
        fake_loop_advance(&world.loop, 30000);
        assert_int_equal(world.dones, over ? 1 : 0);
        world.dones = 0;
    }
    world.again = 20;
    begin(&world, &count_call);
    fake_loop_advance(&world.loop, 10000);
    assert_int_equal(world.dones, 21);
    begin(&world, &count_call);
    fake_loop_advance(&world.loop, 5);
    evm_rpc_close(world.rpc); /* with a call under way */
    assert_null(world.call.impl);
    assert_int_equal(world.dones, 21);
    evm_rpc_close(NULL);
    fake_outgoing_fini(&world.outgoing);
    fake_loop_fini(&world.loop);
}

/* --- whatever nodes do ------------------------------------------------------------------------ */

/* Nothing is ever served that fewer than the quorum have said; and what enough of them say is. */
static void never_fewer(void **state)
{
    (void)state;
    static const char *const texts[] = {BLOCK_OF("0x5", "aa"), BLOCK_OF("0x5", "bb"), "null",
                                        "\"?\""};
    uint64_t seed = 11;
    unsigned served = 0;
    unsigned torn = 0;
    for (unsigned round = 0; round < 4000; round++) {
        struct world world;
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        unsigned dice = (unsigned)(seed >> 33);
        size_t nodes = 1 + dice % NODES;
        unsigned wanted = 1 + dice / 4 % (unsigned)nodes;
        size_t said[3] = {0, 0, 0};
        world_open(&world, nodes, wanted);
        for (size_t i = 0; i < nodes; i++) {
            unsigned kind = dice >> (4 + 4 * i) & 7;
            world.nodes[i].delay_ms = dice >> (8 + 2 * i) & 3;
            node_is(&world, i,
                    kind < 6    ? ANSWERS
                    : kind == 6 ? DOWN
                                : SILENT,
                    0, texts[kind < 6 ? kind / 2 + (kind == 5 && dice % 3 == 0) : 0]);
            if (kind < 6 && strcmp(world.nodes[i].text, texts[3]) != 0) {
                said[kind / 2]++;
            }
        }
        ask(&world, &block_call);
        bool enough = said[0] >= wanted || said[1] >= wanted || said[2] >= wanted;
        if (world.call.error == LUCID_RETRY_IO) {
            assert_false(enough);
            torn++;
        } else {
            size_t which = world.call.error == LUCID_NOTE_ABSENT    ? 2
                           : world.call.block.hash.bytes[0] == 0xaa ? 0
                                                                    : 1;
            assert_true(said[which] >= wanted);
            served++;
        }
        world_close(&world);
    }
    assert_true(served > 1000 && torn > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_asked_once),
        cmocka_unit_test(fail_over),
        cmocka_unit_test(fail_together),
        cmocka_unit_test(unwelcome),
        cmocka_unit_test(silence),
        cmocka_unit_test(quorum),
        cmocka_unit_test(quorum_of_the_resting),
        cmocka_unit_test(ordered),
        cmocka_unit_test(sends),
        cmocka_unit_test(send_goes_to_all),
        cmocka_unit_test(cancels),
        cmocka_unit_test(never_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
