/* lucid-mock-agent: an attestation agent without hardware, for development and tests. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/sha256.h"
#include "tools/mock_agent/routes.h"
#include "tools/serve.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *listen;
    const char *key_dir;
    const char *measurement;
    const char *host_data;
    const char *instance;
    const char *svn;
    bool debug;
};

static int say(const char *text)
{
    fprintf(stderr, "lucid-mock-agent: %s\n", text);
    return EXIT_FAILURE;
}

static int usage(const char *text)
{
    fprintf(stderr, "lucid-mock-agent: %s (see --help)\n", text);
    return EXIT_USAGE;
}

/* --- what every quote says -------------------------------------------------------------------- */

static bool hex_read(const char *text, uint8_t *ret, size_t len)
{
    return text == NULL || lucid_hex_decode(lucid_span_str(text), ret, len);
}

static bool svn_read(const char *text, uint64_t *ret)
{
    char *end = NULL;
    if (text == NULL) {
        return true;
    }
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 10) {
        return false;
    }
    *ret = strtoull(text, &end, 10);
    return *end == '\0' && *ret <= MOCK_SVN_MAX;
}

/* NULL: read. Otherwise what is wrong. */
static const char *quote_read(const struct options *options, struct mock_quote *ret)
{
    /* Told apart from a real image's at a glance, and the same on every machine. */
    memset(ret->measurement, 0xa5, sizeof(ret->measurement));
    ret->debug = options->debug;
    return !hex_read(options->measurement, ret->measurement, sizeof(ret->measurement))
               ? "--measurement wants 96 lower-case hex digits"
           : !hex_read(options->host_data, ret->host_data, sizeof(ret->host_data))
               ? "--host-data wants 64 lower-case hex digits"
           : !hex_read(options->instance, ret->instance, sizeof(ret->instance))
               ? "--instance wants 64 lower-case hex digits"
           : !svn_read(options->svn, &ret->svn) ? "--svn wants a number up to 4294967295"
                                                : NULL;
}

/* Without --instance a machine is its root: another key directory is another machine. */
static void instance_choose(const struct options *options, struct service *service)
{
    if (options->instance == NULL) {
        lucid_sha256(mock_agent_root(service->agent), service->quote.instance);
    }
}

/* --- serving ---------------------------------------------------------------------------------- */

static int run(const struct options *options, struct service *service, const sigset_t *signals)
{
    static const struct http_route routes[] = {
        {"GET", "/{path*}", 0, 0, routes_handle, NULL, NULL},
        {"POST", "/{path*}", 0, ROUTES_BODY_BYTES_MAX, routes_handle, NULL, NULL},
        {"PUT", "/{path*}", 0, ROUTES_BODY_BYTES_MAX, routes_handle, NULL, NULL},
        {"DELETE", "/{path*}", 0, ROUTES_BODY_BYTES_MAX, routes_handle, NULL, NULL},
        {"PATCH", "/{path*}", 0, ROUTES_BODY_BYTES_MAX, routes_handle, NULL, NULL},
    };
    char host[256];
    struct lucid_why why = {.code = NULL};
    struct http_server *server = NULL;
    struct http_loop *loop = NULL;
    struct http_server_options http = {.host = host,
                                       .clock = lucid_clock_system(),
                                       .routes = routes,
                                       .route_count = sizeof(routes) / sizeof(routes[0])};
    if (!tools_listen_read(options->listen, host, sizeof(host), &http.port)) {
        return usage("--listen wants HOST:PORT");
    }
    http_limits_default(&http.limits);
    http.limits.inflight_bytes_max = (uint64_t)4 << 20;
    service->clock = http.clock;
    enum lucid_error error = mock_agent_open(
        options->key_dir, lucid_wall_ms(&service->clock) / 1000, &service->agent, &why);
    if (error == LUCID_OK) {
        instance_choose(options, service);
        error = http_server_open(&http, &server, &why);
    }
    if (error == LUCID_OK) {
        error = http_loop_open(server, &loop);
    }
    int status = EXIT_SUCCESS;
    if (error == LUCID_OK) {
        http_loop_set_user(loop, service);
        fprintf(stderr, "mock root for verifier.mock_roots: %s/root.pem\n", options->key_dir);
        tools_serve(server, loop, host, signals);
    } else {
        status = say(why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    http_loop_close(loop);
    http_server_close(server);
    mock_agent_close(service->agent);
    return status;
}

/* --- options ---------------------------------------------------------------------------------- */

static void help(void)
{
    printf("usage: lucid-mock-agent --key-dir DIR [--listen HOST:PORT] [--measurement HEX]\n"
           "       [--svn N] [--debug] [--instance HEX] [--host-data HEX]\n"
           "\n"
           "An attestation agent without hardware, for development and tests: it speaks the local\n"
           "REST interface of Confidential Containers' agent and answers with mock quotes. They\n"
           "prove nothing about a machine; a verifier takes them only where it is told to.\n"
           "\n"
           "  --key-dir DIR       its keys: made on first use, with a mock root of their own;\n"
           "                      DIR/root.pem is what verifier.mock_roots names\n"
           "  --listen HOST:PORT  default 127.0.0.1:8006, as the real one; port 0: a free one;\n"
           "                      it answers loopback addresses only\n"
           "  --measurement HEX   of the image that is said to run, 48 bytes; default a5a5...\n"
           "  --svn N             security version of the image; default 0\n"
           "  --debug             the quotes say that debugging is on\n"
           "  --instance HEX      of the machine, 32 bytes; default SHA-256 of the root\n"
           "  --host-data HEX     32 bytes; default zeros\n"
           "  --help, --version\n"
           "\n"
           "Routes: GET /aa/evidence?runtime_data=TEXT (or BASE64URL&encoding=base64), GET\n"
           "/aa/additional-evidence, GET /aa/token, POST /aa/aael, GET /info.\n"
           "SIGTERM and SIGINT stop it. Exit codes: 0 ok, 1 refused or failed, 2 usage.\n");
}

/* False: *ret_status is the program's exit code. */
static bool options_read(int argc, char **argv, struct options *options, int *ret_status)
{
    static const struct option table[] = {
        {"listen", required_argument, NULL, 'l'},
        {"key-dir", required_argument, NULL, 'k'},
        {"measurement", required_argument, NULL, 'm'},
        {"host-data", required_argument, NULL, 'o'},
        {"instance", required_argument, NULL, 'i'},
        {"svn", required_argument, NULL, 's'},
        {"debug", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    const struct {
        int letter;
        const char **place;
    } places[] = {
        {'l', &options->listen},    {'k', &options->key_dir},  {'m', &options->measurement},
        {'o', &options->host_data}, {'i', &options->instance}, {'s', &options->svn},
    };
    *ret_status = EXIT_SUCCESS;
    for (int c; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            if (c == places[i].letter) {
                *places[i].place = optarg;
            }
        }
        if (c == 'd') {
            options->debug = true;
        } else if (c == 'h') {
            help();
            return false;
        } else if (c == 'v') {
            printf("lucid-mock-agent " LUCID_VERSION "\n");
            return false;
        } else if (c == '?') {
            *ret_status = EXIT_USAGE;
            return false;
        }
    }
    const char *missing = options->key_dir == NULL ? "--key-dir is missing"
                          : optind < argc          ? "there are no arguments, only options"
                                                   : NULL;
    if (missing != NULL) {
        *ret_status = usage(missing);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct service service;
    struct options options = {.listen = "127.0.0.1:8006"};
    int status;
    sigset_t signals;
    tools_signals_init(&signals);
    if (!options_read(argc, argv, &options, &status)) {
        return status;
    }
    const char *wrong = quote_read(&options, &service.quote);
    return wrong != NULL ? usage(wrong) : run(&options, &service, &signals);
}
