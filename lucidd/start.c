#include "lucidd/start.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "lucidd/plugins_run.h"
#include "lucidd/shop.h"
#include "lucidd/version.h"

enum { EXIT_USAGE = 2 };

void start_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
    sigaddset(ret, SIGUSR1);
    sigaddset(ret, SIGUSR2);
    lucid_assert(pthread_sigmask(SIG_BLOCK, ret, NULL) == 0);
    /* Whoever reads our log or our answers may go away: that is an error of the write, no more. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    lucid_assert(sigaction(SIGPIPE, &ignore, NULL) == 0);
    /* Likewise a write past a limit on file sizes: the commit fails, and says so. */
    lucid_assert(sigaction(SIGXFSZ, &ignore, NULL) == 0);
}

int start_say(const char *text, enum lucid_error error)
{
    fprintf(stderr, "lucidd: %s\n", text);
    /* What starting again does not help against; the unit relies on it. */
    bool final = lucid_category(error) == LUCID_CATEGORY_REFUSE || error == LUCID_NOTE_ABSENT;
    return final ? EXIT_USAGE : EXIT_FAILURE;
}

int start_print(const struct config *config, struct plugins *plugins, enum config_action action)
{
    struct lucid_why why = {.code = NULL};
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    switch (action) {
    case CONFIG_HELP:
        config_help(plugins, &out);
        break;
    case CONFIG_VERSION:
        lucid_buf_str(&out, "lucidd " LUCID_VERSION "\n");
        break;
    case CONFIG_PRINT:
        config_print(config, plugins, &out);
        break;
    case CONFIG_CHECK:
        lucid_log_set_level(LUCID_LOG_WARN);
        if (shop_check(config, &why) != LUCID_OK ||
            plugins_check(plugins, LUCID_VERSION, &why) != LUCID_OK) {
            return start_say(why.text, LUCID_REFUSE_INVALID);
        }
        lucid_buf_str(&out, "configuration ok\n");
        break;
    case CONFIG_RUN:
        break;
    }
    size_t written = fwrite(out.data, 1, out.len, stdout);
    bool ok = lucid_buf_ok(&out) && written == out.len && fflush(stdout) == 0;
    lucid_buf_fini(&out);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void say_listener(const struct config *config, const struct http_server *server, bool tls)
{
    char host[CONFIG_TEXT_BYTES_MAX];
    uint16_t port;
    enum lucid_error error = config_listen(config, tls, host, sizeof(host), &port, NULL);
    lucid_assert(error == LUCID_OK);
    port = tls ? http_server_tls_port(server) : http_server_port(server);
    if (port != 0) {
        bool v6 = strchr(host, ':') != NULL;
        printf("listening on %s://%s%s%s:%u\n", tls ? "https" : "http", v6 ? "[" : "", host,
               v6 ? "]" : "", (unsigned)port);
    }
}

void start_say_listening(const struct config *config, const struct http_server *server)
{
    say_listener(config, server, false);
    say_listener(config, server, true);
    fflush(stdout);
}
