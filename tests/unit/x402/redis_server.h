/* A Redis of the test's own: a unix socket in a folder that goes with it. */
#ifndef LUCID_TESTS_REDIS_SERVER_H
#define LUCID_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    char folder[64];
    char url[96];  /* unix:… */
    char path[90]; /* of the socket */
    pid_t pid;     /* 0: not running */
};

/* False: there is no redis-server. */
bool redis_server_there(void);
/* Makes the folder and starts. */
void redis_server_init(struct redis_server *server);
void redis_server_start(struct redis_server *server);
/* Ended by that signal. */
void redis_server_stop(struct redis_server *server, int number);
/* What it has on disk goes; it must be stopped. */
void redis_server_empty(const struct redis_server *server);
void redis_server_fini(struct redis_server *server);

/* One command, its words between single spaces, over a connection of its own; the answer's number,
 * 0 of +OK, else -1. Asserts that there is an answer, and no error. */
long long redis_server_do(const struct redis_server *server, const char *command);
/* The same without waiting for the answer. */
void redis_server_send(const struct redis_server *server, const char *command);

#endif
