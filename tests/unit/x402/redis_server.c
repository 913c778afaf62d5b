#include "redis_server.h"

#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

static const char program[] = "/usr/bin/redis-server";

bool redis_server_there(void)
{
    return access(program, X_OK) == 0;
}

static redisContext *server_connect(const struct redis_server *server)
{
    struct timeval limit = {.tv_sec = 20};
    redisContext *context = redisConnectUnixWithTimeout(server->path, limit);
    lucid_assert(context != NULL);
    if (context->err != 0) {
        redisFree(context);
        return NULL;
    }
    (void)redisSetTimeout(context, limit);
    return context;
}

static bool server_answers(const struct redis_server *server)
{
    redisContext *context = server_connect(server);
    redisReply *reply = context != NULL ? redisCommand(context, "PING") : NULL;
    bool answers = reply != NULL &&
                   (reply->type == REDIS_REPLY_STATUS || strncmp(reply->str, "NOAUTH", 6) == 0);
    freeReplyObject(reply);
    if (context != NULL) {
        redisFree(context);
    }
    return answers;
}

void redis_server_start(struct redis_server *server)
{
    lucid_assert(server->pid == 0);
    pid_t parent = getpid();
    server->pid = fork();
    lucid_assert(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that crashed */
        int null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
            getppid() != parent) {
            _exit(1);
        }
        (void)execl(program, program, "--port", "0", "--unixsocket", server->path, "--dir",
                    server->folder, "--appendonly", "yes", "--save", "", "--maxmemory-policy",
                    "noeviction", "--enable-debug-command", "yes", "--hz", "100", (char *)NULL);
        _exit(1);
    }
    for (time_t until = time(NULL) + 20; !server_answers(server);) {
        lucid_assert(time(NULL) < until);
        (void)usleep(2000);
    }
}

void redis_server_init(struct redis_server *server)
{
    *server = (struct redis_server){.folder = "/tmp/lucid-redis-XXXXXX"};
    lucid_assert(mkdtemp(server->folder) != NULL);
    (void)snprintf(server->path, sizeof(server->path), "%s/socket", server->folder);
    (void)snprintf(server->url, sizeof(server->url), "unix:%s", server->path);
    redis_server_start(server);
}

void redis_server_stop(struct redis_server *server, int number)
{
    lucid_assert(server->pid > 0);
    lucid_assert(kill(server->pid, number) == 0);
    lucid_assert(waitpid(server->pid, NULL, 0) == server->pid);
    server->pid = 0;
    (void)unlink(server->path);
}

static int entry_remove(const char *path, const struct stat *about, int kind, struct FTW *ftw)
{
    (void)about;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void redis_server_empty(const struct redis_server *server)
{
    lucid_assert(server->pid == 0);
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/appendonlydir", server->folder);
    lucid_assert(nftw(path, entry_remove, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

void redis_server_fini(struct redis_server *server)
{
    if (server->pid > 0) {
        redis_server_stop(server, SIGKILL);
    }
    (void)nftw(server->folder, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

long long redis_server_do(const struct redis_server *server, const char *command)
{
    const char *words[32];
    size_t lens[32];
    int count = 0;
    for (const char *at = command; at != NULL; count++) {
        const char *space = strchr(at, ' ');
        lucid_assert(count < 32);
        words[count] = at;
        lens[count] = space != NULL ? (size_t)(space - at) : strlen(at);
        at = space != NULL ? space + 1 : NULL;
    }
    redisContext *context = server_connect(server);
    lucid_assert(context != NULL);
    redisReply *reply = redisCommandArgv(context, count, words, lens);
    lucid_assert(reply != NULL && reply->type != REDIS_REPLY_ERROR);
    long long number = -1;
    if (reply->type == REDIS_REPLY_INTEGER) {
        number = reply->integer;
    } else if (reply->type == REDIS_REPLY_STATUS) {
        number = 0;
    }
    freeReplyObject(reply);
    redisFree(context);
    return number;
}

void redis_server_send(const struct redis_server *server, const char *command)
{
    redisContext *context = server_connect(server);
    lucid_assert(context != NULL);
    char wire[128]; /* an inline command */
    int len = snprintf(wire, sizeof(wire), "%s\r\n", command);
    lucid_assert(len > 0 && (size_t)len < sizeof(wire));
    lucid_assert(write(context->fd, wire, (size_t)len) == len);
    redisFree(context);
}
