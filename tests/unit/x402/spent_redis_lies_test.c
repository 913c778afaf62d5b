/* What answers as Redis may answer anything: nobody crashes, everybody is answered, nobody has a
 * claim that was not given; and when it is honest again all goes on. No redis-server is needed. */
#include "spent_suite.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "fake_loop.h"

enum { CLAIMS = 8, TURNS = 60000, SCRIPTS = 8 };

/* In the order in which they are loaded. */
enum script { LOOK, CLAIM, PROMOTE, RELEASE, RECLAIM, DROP, LOAD, MARK };

struct liar {
    char folder[64];
    char path[80];
    int listener;
    int fd; /* -1: nobody is connected */
    redisReader *reader;
    unsigned loaded; /* scripts */
    bool marked;
    uint32_t lies_of_1000;
    uint64_t seed;
    unsigned lies, connections, given;
};

static struct liar liar;
static struct fake_loop loop;

static uint32_t draw(uint32_t below)
{
    liar.seed = liar.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((liar.seed >> 33) % below);
}

static void hang_up(void)
{
    if (liar.fd >= 0) {
        (void)close(liar.fd);
        redisReaderFree(liar.reader);
        liar.fd = -1;
    }
}

static void say(const char *text)
{
    /* Into a socket's buffer, which is larger; who has gone hears nothing. */
    if (liar.fd >= 0 && send(liar.fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        hang_up();
    }
}

#define Z32        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
#define RUN_ID     "0123456789abcdef0123456789abcdef01234567"
#define GENERATION "0123456789abcdef0123456789abcdef:" RUN_ID

static void lie(void)
{
    static const char *const lies[] = {
        "-ERR no\r\n",
        "-NOSCRIPT No matching script\r\n",
        "-LOADING\r\n",
        "-\r\n",
        "+OK\r\n",
        "+\r\n",
        ":-1\r\n",
        "$-1\r\n",
        "$0\r\n\r\n",
        "$5\r\nhello\r\n",
        "$40\r\n" RUN_ID "\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$2\r\nok\r\n",
        "*1\r\n$4\r\ngone\r\n",
        "*1\r\n$8\r\nreplaced\r\n",
        "*1\r\n$7\r\nloading\r\n",
        "*1\r\n$4\r\nheld\r\n",
        "*2\r\n$4\r\nheld\r\n$1\r\nc\r\n",
        "*2\r\n$4\r\nheld\r\n$66\r\nc" Z32 Z32 "h\r\n",
        "*2\r\n$4\r\nheld\r\n:7\r\n",
        "*2\r\n$5\r\nspent\r\n$1\r\ns\r\n",
        "*2\r\n$5\r\nspent\r\n$97\r\ns" Z32 Z32 Z32 "\r\n",
        "*2\r\n$5\r\nspent\r\n*1\r\n:1\r\n",
        "*4\r\n$2\r\nok\r\n$3\r\nabc\r\n$0\r\n\r\n$0\r\n\r\n",
        "*4\r\n$2\r\nok\r\n$73\r\n" GENERATION "\r\n:1\r\n*0\r\n",
        "*4\r\n$2\r\nok\r\n$73\r\n" GENERATION "\r\n$1\r\nb\r\n$-1\r\n",
        "*2\r\n$1\r\n7\r\n*2\r\n:1\r\n$5\r\nhello\r\n",
        "*2\r\n$30\r\n012345678901234567890123456789\r\n*0\r\n",
        "*2\r\n$1\r\n0\r\n$1\r\nx\r\n",
        "*2\r\n$1\r\n0\r\n*2\r\n$14\r\ntest{spent}:k:\r\n$15\r\ntest{spent}:k:x\r\n",
        "*3\r\n*1\r\n*1\r\n*1\r\n*0\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
        "$99999\r\nnever complete",
        "*99999\r\n",
        "$x\r\n",
        "hello\r\n",
        "",
    };
    uint32_t which = draw(sizeof(lies) / sizeof(lies[0]) + 1);
    liar.lies++;
    if (which < sizeof(lies) / sizeof(lies[0])) {
        say(lies[which]);
    } else {
        hang_up();
    }
}

static void info_say(void)
{
    static const char info[] = "# Server\r\nrun_id:" RUN_ID "\r\nloading:0\r\nrole:master\r\n"
                               "maxmemory_policy:noeviction\r\naof_enabled:1\r\n";
    char text[512];
    (void)snprintf(text, sizeof(text), "$%zu\r\n%s\r\n", strlen(info), info);
    say(text);
}

static void script_say(enum script script)
{
    switch (script) {
    case LOOK:
        say(liar.marked ? "*4\r\n$2\r\nok\r\n$73\r\n" GENERATION "\r\n$0\r\n\r\n$73\r\n" GENERATION
                          "\r\n"
                        : "*4\r\n$2\r\nok\r\n$73\r\n" GENERATION "\r\n$1\r\na\r\n$0\r\n\r\n");
        break;
    case CLAIM:
        liar.given++;
        say("*1\r\n$7\r\nclaimed\r\n");
        break;
    case RECLAIM:
        say("*1\r\n$7\r\nclaimed\r\n");
        break;
    case MARK:
        liar.marked = true;
        say("*1\r\n$2\r\nok\r\n");
        break;
    case PROMOTE:
    case RELEASE:
    case DROP:
    case LOAD:
        say("*1\r\n$2\r\nok\r\n");
        break;
    }
}

/* EVAL is not told from EVALSHA: then the word of the script says which it is. */
static enum script script_of(const redisReply *command)
{
    const char *sha = command->element[1]->str;
    if (strcmp(command->element[0]->str, "EVALSHA") == 0) {
        return (enum script)(sha[39] - '0');
    }
    static const char *const marks[SCRIPTS] = {
        "missing",        "tonumber", "'SET', KEYS[5], ARGV[4]",
        "'DEL', KEYS[5]", "claimed",  "'DEL', KEYS[i]",
        "ARGV[i - 2]",    "HSET"};
    for (int i = 0; i < SCRIPTS; i++) {
        if (strstr(sha, marks[i]) != NULL) {
            return (enum script)i;
        }
    }
    lucid_assert(false);
    return LOOK;
}

static void answer(const redisReply *command)
{
    lucid_assert(command->type == REDIS_REPLY_ARRAY && command->elements > 0);
    const char *word = command->element[0]->str;
    if (draw(1000) < liar.lies_of_1000) {
        lie();
    } else if (strcmp(word, "INFO") == 0) {
        info_say();
    } else if (strcmp(word, "SELECT") == 0) {
        say("+OK\r\n");
    } else if (strcmp(word, "SSCAN") == 0) {
        say("*2\r\n$1\r\n0\r\n*0\r\n");
    } else if (strcmp(word, "SCRIPT") == 0) {
        char text[64];
        (void)snprintf(text, sizeof(text), "$40\r\n%040u\r\n", liar.loaded++ % SCRIPTS);
        say(text);
    } else {
        script_say(script_of(command));
    }
}

static void serve(void)
{
    int fd = accept4(liar.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        hang_up();
        liar.fd = fd;
        liar.reader = redisReaderCreate();
        liar.loaded = 0;
        liar.connections++;
    }
    char bytes[65536];
    ssize_t len = liar.fd >= 0 ? read(liar.fd, bytes, sizeof(bytes)) : -1;
    if (len == 0) {
        hang_up();
    }
    if (len <= 0) {
        return;
    }
    lucid_assert(redisReaderFeed(liar.reader, bytes, (size_t)len) == REDIS_OK);
    while (liar.fd >= 0) {
        void *command = NULL;
        lucid_assert(redisReaderGetReply(liar.reader, &command) == REDIS_OK);
        if (command == NULL) {
            return;
        }
        answer(command);
        freeReplyObject(command);
    }
}

/* Time goes by itself: a silent server costs nothing but hands. */
static void turn(void *context)
{
    (void)context;
    fake_loop_settle(&loop);
    size_t called = fake_loop_poll(&loop, 0);
    serve();
    fake_loop_advance(&loop, called == 0 ? 2 : 0);
}

static const struct suite_fixture fixture = {.turn = turn};

static int setup(void **state)
{
    (void)state;
    const char *given = getenv("LUCID_SEED");
    liar = (struct liar){.folder = "/tmp/lucid-liar-XXXXXX",
                         .fd = -1,
                         .lies_of_1000 = 60,
                         .seed = given != NULL ? strtoull(given, NULL, 10) : 402};
    lucid_assert(mkdtemp(liar.folder) != NULL);
    (void)snprintf(liar.path, sizeof(liar.path), "%s/socket", liar.folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    lucid_assert(strlen(liar.path) < sizeof(address.sun_path));
    memcpy(address.sun_path, liar.path, strlen(liar.path));
    liar.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    lucid_assert(liar.listener >= 0 &&
                 bind(liar.listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 listen(liar.listener, 8) == 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hang_up();
    (void)close(liar.listener);
    (void)unlink(liar.path);
    (void)rmdir(liar.folder);
    return 0;
}

static struct x402_spent *store_open(const struct x402_spent_log *log)
{
    static const char *const members[] = {"a"};
    char url[96];
    (void)snprintf(url, sizeof(url), "unix:%s", liar.path);
    struct x402_spent_redis_options options = {.url = url,
                                               .prefix = "test",
                                               .members = members,
                                               .member_count = 1,
                                               .self = "a",
                                               .timeout_ms = 50};
    struct x402_spent *spent = NULL;
    assert_int_equal(x402_spent_redis_open(&loop.loop, log, &options, &spent, NULL), LUCID_OK);
    return spent;
}

/* One step of one of the claims, whose keys are its own. */
static void claim_step(struct x402_spent *spent, struct suite_claim *claim, struct suite_log *log,
                       unsigned number)
{
    bool asked = claim->claim.key_count > 0;
    if (asked && claim->done == 0) {
        return;
    }
    if (asked && claim->claim.verb == X402_SPENT_CLAIM && claim->claim.outcome == X402_CLAIMED) {
        bool promote = draw(64) == 0;
        if (promote) {
            suite_log_put(log, claim->claim.keys[0].text, 1, false);
        }
        suite_start(spent, claim, promote ? X402_SPENT_PROMOTE : X402_SPENT_RELEASE);
        return;
    }
    static unsigned keys;
    char key[64];
    (void)snprintf(key, sizeof(key), "eip155:1/0x%u/%u", ++keys, number);
    suite_claim_init(claim, 1, key, NULL);
    suite_start(spent, claim, X402_SPENT_CLAIM);
}

static void test_lies(void **state)
{
    (void)state;
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    for (unsigned i = 0; i < 400; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "eip155:1/0x%x/all", i);
        suite_log_put(&log, key, 1, i % 50 == 0);
    }
    struct x402_spent *spent = store_open(&view);
    struct suite_claim *claims = calloc(CLAIMS, sizeof(*claims));
    unsigned had = 0;
    for (unsigned i = 0; i < TURNS; i++) {
        struct suite_claim *claim = &claims[i % CLAIMS];
        had += claim->done > 0 && claim->claim.verb == X402_SPENT_CLAIM &&
               claim->claim.outcome == X402_CLAIMED;
        claim_step(spent, claim, &log, i % CLAIMS);
        turn(NULL);
    }
    print_message("# %u lies, %u connections, %u claims given, %u had\n", liar.lies,
                  liar.connections, liar.given, had);
    assert_true(had <= liar.given && had > 100 && liar.lies > 200 && liar.connections > 100);
    liar.lies_of_1000 = 0;
    hang_up();
    for (unsigned i = 0; i < CLAIMS; i++) {
        suite_wait(&fixture, &claims[i]);
        if (claims[i].claim.verb == X402_SPENT_CLAIM) {
            (void)suite_ask(&fixture, spent, &claims[i], X402_SPENT_RELEASE);
        }
    }
    struct x402_spent_status status = {.ready = false};
    for (unsigned i = 0; i < 20000 && (!status.ready || status.claims != 8); i++) {
        turn(NULL);
        x402_spent_status(spent, &status);
    }
    assert_true(status.ready);
    assert_int_equal(status.claims, 8); /* the intents without an end */
    struct suite_claim last;
    suite_claim_init(&last, 1, "eip155:1/0xffff/1", NULL);
    assert_int_equal(suite_ask(&fixture, spent, &last, X402_SPENT_CLAIM), X402_CLAIMED);
    x402_spent_close(spent);
    free(claims);
    suite_log_fini(&log);
}

int main(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    lucid_assert(sigaction(SIGPIPE, &ignore, NULL) == 0);
    fake_loop_init(&loop, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("x402_spent_redis_lies", tests, NULL, NULL);
    fake_loop_fini(&loop);
    return failed;
}
