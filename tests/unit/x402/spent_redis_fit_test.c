/* Which servers may hold spent proofs, and how they are named. */
#include "spent_redis_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *check(const char *url, const char *password_file)
{
    struct x402_spent_redis_options options = rig_options("a", rig_one_member, 1);
    struct lucid_why why = {.code = NULL};
    options.url = url != NULL ? url : options.url;
    options.password_file = password_file;
    options.timeout_ms = 1000;
    enum lucid_error error = x402_spent_redis_check(&options, &why);
    if (error == LUCID_OK || error == LUCID_RETRY_IO) {
        return error == LUCID_OK ? "ok" : "away";
    }
    return why.code != NULL ? why.code : "?";
}

static void test_unfit(void **state)
{
    struct pair *pair = *state;
    static const struct {
        const char *spoil;
        const char *mend;
        const char *code;
    } cases[] = {
        {"CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory-policy noeviction",
         "REDIS_EVICTS"},
        {"CONFIG SET maxmemory-policy volatile-ttl", "CONFIG SET maxmemory-policy noeviction",
         "REDIS_EVICTS"},
        {"CONFIG SET appendonly no", "CONFIG SET appendonly yes", "REDIS_VOLATILE"},
        {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "REDIS_REPLICA"},
    };
    assert_string_equal(check(NULL, NULL), "ok");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redis_server_do(&rig_server, cases[i].spoil);
        assert_string_equal(check(NULL, NULL), cases[i].code);
        rig_wait_ready(pair->stores[0], false); /* also noticed while connected */
        rig_wait_ready(pair->stores[1], false);
        redis_server_do(&rig_server, cases[i].mend);
        pair_wait(pair);
    }
    redis_server_stop(&rig_server, SIGKILL);
    assert_string_equal(check(NULL, NULL), "away");
    redis_server_start(&rig_server);
}

static void test_password(void **state)
{
    (void)state;
    char file[96];
    char url[512];
    (void)snprintf(file, sizeof(file), "%s/password", rig_server.folder);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, "s3:cr@et\n", 9) == 9);
    assert_int_equal(close(fd), 0);
    redis_server_do(&rig_server, "ACL SETUSER default resetpass >s3:cr@et");
    assert_string_equal(check(NULL, NULL), "REDIS_AUTH");
    assert_string_equal(check(NULL, file), "ok");
    (void)snprintf(url, sizeof(url), "%s/nothing", file);
    assert_string_equal(check(NULL, url), "CONFIG_INVALID");
    struct x402_spent_redis_options options = rig_options("a", rig_one_member, 1);
    options.password_file = file;
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    struct x402_spent *spent = NULL;
    assert_int_equal(x402_spent_redis_open(&rig_loop.loop, &view, &options, &spent, NULL),
                     LUCID_OK);
    rig_wait_ready(spent, true);
    x402_spent_close(spent);
    options.password_file = NULL;
    assert_int_equal(x402_spent_redis_open(&rig_loop.loop, &view, &options, &spent, NULL),
                     LUCID_OK);
    rig_turn_for(200);
    assert_false(rig_is_ready(spent));
    x402_spent_close(spent);
    redis_server_stop(&rig_server, SIGKILL);
    redis_server_start(&rig_server);
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    assert_int_equal(close(fd), 0);
    return ntohs(address.sin_port);
}

/* Over TCP, in another database, as a user who may do what docs/OPERATIONS.md names. */
static void test_least_rights(void **state)
{
    (void)state;
    char text[128];
    unsigned port = free_port();
    (void)snprintf(text, sizeof(text), "CONFIG SET port %u", port);
    redis_server_do(&rig_server, text);
    redis_server_do(&rig_server, "ACL SETUSER gate on >s3:cr@et ~test{spent}:* -@all +info +select "
                                 "+script|load +evalsha +eval +sscan +get +set +del +hget +hset "
                                 "+sadd +srem");
    (void)snprintf(text, sizeof(text), "redis://gate:s3:cr@et@127.0.0.1:%u/3", port);
    assert_string_equal(check(text, NULL), "ok");
    struct x402_spent_redis_options options = rig_options("a", rig_one_member, 1);
    options.url = text;
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    suite_log_put(&log, "eip155:1/0x1/1", 1, false);
    for (int i = 0; i < 2; i++) { /* the second time there is something to recover */
        struct x402_spent *spent = NULL;
        assert_int_equal(x402_spent_redis_open(&rig_loop.loop, &view, &options, &spent, NULL),
                         LUCID_OK);
        rig_wait_ready(spent, true);
        struct suite_claim claim;
        suite_claim_init(&claim, 1, "eip155:1/0x2/1", NULL);
        assert_int_equal(suite_ask(&rig_fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIMED);
        (void)suite_ask(&rig_fixture, spent, &claim, X402_SPENT_RELEASE);
        assert_int_equal(suite_ask(&rig_fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIMED);
        x402_spent_close(spent);
    }
    suite_log_fini(&log);
    redis_server_stop(&rig_server, SIGKILL);
    redis_server_start(&rig_server);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad_urls[] = {
        "",
        "redis://",
        "redis://:@h",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:6379x",
        "redis://h/x",
        "redis://[::1",
        "redis://[::1]6379",
        "redis://user@h",
        "redis://h h",
        "rediss://h",
        "http://h",
        "unix:",
        ("unix:/way/too/long/way/too/long/way/too/long/way/too/long/way/too/long/way/too/long/"
         "way/too/long/way/too/long/way/too/long"),
    };
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
        assert_string_equal(check(bad_urls[i], NULL), "CONFIG_INVALID");
    }
    /* Well formed; nobody is there. */
    static const char *const good_urls[] = {"redis://127.0.0.1:1", "redis://:p:w@127.0.0.1:1/2",
                                            "redis://u:p@[::1]:1", "unix:/nowhere/socket"};
    for (size_t i = 0; i < sizeof(good_urls) / sizeof(good_urls[0]); i++) {
        assert_string_equal(check(good_urls[i], NULL), "away");
    }
    static const char *const twice[] = {"a", "a"};
    static const char *const spelled[] = {"a", "b c"};
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    assert_null(rig_open("c", rig_two_members, 2, &view));
    assert_null(rig_open("", rig_two_members, 2, &view));
    assert_null(rig_open(NULL, rig_two_members, 2, &view));
    assert_null(rig_open("a", rig_two_members, 0, &view));
    assert_null(rig_open("a", twice, 2, &view));
    assert_null(rig_open("a", spelled, 2, &view));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_PAIR(test_unfit),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_least_rights),
        cmocka_unit_test(test_options),
    };
    return rig_run("x402_spent_redis_fit", tests, sizeof(tests) / sizeof(tests[0]), false);
}
