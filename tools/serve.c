#include "tools/serve.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { STOP_GRACE_MS = 5000 };

bool tools_listen_read(const char *text, char *host, size_t max, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t len = (size_t)(colon - text);
    if (text[0] == '[' && colon[-1] == ']') {
        text++;
        len -= 2;
    }
    if (*end != '\0' || port > 65535 || len == 0 || len >= max) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

void tools_signals_init(sigset_t *ret_signals)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    lucid_assert(pthread_sigmask(SIG_BLOCK, ret_signals, NULL) == 0);
    lucid_assert(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

static void *loop_main(void *loop)
{
    http_loop_run(loop);
    return NULL;
}

void tools_serve(struct http_server *server, struct http_loop *loop, const char *host,
                 const sigset_t *signals)
{
    int number = 0;
    pthread_t thread;
    bool v6 = strchr(host, ':') != NULL;
    lucid_assert(pthread_create(&thread, NULL, loop_main, loop) == 0);
    printf("listening on http://%s%s%s:%u\n", v6 ? "[" : "", host, v6 ? "]" : "",
           (unsigned)http_server_port(server));
    fflush(stdout);
    while (sigwait(signals, &number) != 0) {
    }
    http_server_stop(server, STOP_GRACE_MS);
    lucid_assert(pthread_join(thread, NULL) == 0);
}
