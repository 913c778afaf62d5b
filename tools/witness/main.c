/* lucid-witness: serves add-checkpoint and the last cosigned head of each log (C2SP tlog-witness).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/sha256.h"
#include "http/http.h"
#include "lucidd/datadir.h"
#include "tools/serve.h"
#include "tools/witness/witness.h"

enum { EXIT_USAGE = 2, PATH_BYTES_MAX = 4000 };

struct options {
    const char *init; /* NAME */
    const char *key;
    const char *state;
    const char *logs; /* file */
    const char *listen;
};

struct service {
    struct witness witness;
    struct http_server *server;
    struct http_loop *loop;
    struct lucid_clock clock;
};

/* --- routes ----------------------------------------------------------------------------------- */

/* The two notes that convict a log, once per log: a flood of them must not fill the disk. */
static void evidence_keep(const struct service *service, struct lucid_span body)
{
    struct ledger_witness_request request;
    struct ledger_checkpoint head;
    struct lucid_span text;
    char path[PATH_BYTES_MAX + 32];
    uint8_t hash[LUCID_SHA256_BYTES];
    char hex[17] = "";
    if (ledger_witness_request_parse(body, &request, NULL) != LUCID_OK ||
        !ledger_note_text(request.checkpoint, &text) ||
        ledger_checkpoint_parse(text, &head, NULL) != LUCID_OK) {
        return;
    }
    lucid_sha256(head.origin, hash);
    lucid_hex_encode(hash, 8, hex);
    int len = snprintf(path, sizeof(path), "%s.fork-%s", service->witness.state_path, hex);
    const struct witness_log *log = witness_find_hash(&service->witness, hash);
    if (len < 0 || (size_t)len >= sizeof(path) || access(path, F_OK) == 0 || log == NULL) {
        return;
    }
    lucid_log(LUCID_LOG_ERROR, "witness.fork",
              "log %s signed two different trees of %llu leaves: both heads are kept as evidence",
              hex, (unsigned long long)head.size);
    struct lucid_buf out = {0};
    struct lucid_why why = {0};
    lucid_buf_span_put(&out, lucid_buf_span(&log->note));
    lucid_buf_char(&out, '\n');
    lucid_buf_span_put(&out, request.checkpoint);
    if (lucid_buf_ok(&out) &&
        datadir_file_write(path, 0644, lucid_buf_span(&out), &why) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "witness.evidence", "%s", why.text);
    }
    lucid_buf_fini(&out);
}

static void add_checkpoint(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct service *service = http_loop_user(http_request_loop(request));
    struct lucid_buf out = {0};
    bool fork = false;
    enum witness_status status = witness_add(&service->witness, http_body(request),
                                             lucid_wall_ms(&service->clock) / 1000, &out, &fork);
    if (fork) {
        evidence_keep(service, http_body(request));
    }
    lucid_log(LUCID_LOG_DEBUG, "witness.request", "answered %d", (int)status);
    http_add_header(request, "Cache-Control", "no-store");
    http_respond(request, (int)status,
                 status == WITNESS_OTHER ? LEDGER_TLOG_SIZE_TYPE : "text/plain; charset=utf-8",
                 &out);
}

static void checkpoint_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct service *service = http_loop_user(http_request_loop(request));
    uint8_t hash[LUCID_SHA256_BYTES];
    const struct witness_log *log = NULL;
    if (lucid_hex_decode(http_param(request, "origin_hash"), hash, sizeof(hash))) {
        log = witness_find_hash(&service->witness, hash);
    }
    if (log == NULL || log->note.len == 0) {
        http_problem(request, 404, "NOT_FOUND", NULL, "no head of such a log was cosigned here");
        return;
    }
    struct lucid_buf out = {0};
    lucid_buf_span_put(&out, lucid_buf_span(&log->note));
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond(request, 200, "text/plain; charset=utf-8", &out);
}

static void healthz(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf out = {0};
    lucid_buf_str(&out, "{\"status\":\"ok\"}");
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond(request, 200, "application/json", &out);
}

/* --- starting --------------------------------------------------------------------------------- */

static int say(const char *text)
{
    fprintf(stderr, "lucid-witness: %s\n", text);
    return EXIT_FAILURE;
}

static int usage(const char *text)
{
    fprintf(stderr, "lucid-witness: %s (see --help)\n", text);
    return EXIT_USAGE;
}

static enum lucid_error key_read(const char *path, struct ledger_skey *ret, struct lucid_why *why)
{
    char *text = datadir_secret_new(DATADIR_FILE_BYTES_MAX + 1);
    if (text == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, NULL, NULL, "out of memory");
    }
    size_t len = 0;
    enum lucid_error error = datadir_file_read(path, true, text, DATADIR_FILE_BYTES_MAX, &len, why);
    if (error == LUCID_OK) {
        while (len > 0 && text[len - 1] == '\n') {
            len--;
        }
        error = ledger_cosigner_skey_parse(lucid_span(text, len), ret, why);
    }
    datadir_secret_free(text, DATADIR_FILE_BYTES_MAX + 1);
    return error;
}

/* A new key and an empty state; prints the verifier key. Nothing that is there is replaced. */
static int birth(const struct options *options)
{
    struct lucid_why why = {0};
    struct {
        struct ledger_ed25519_key seed;
        struct ledger_skey key;
        char text[LEDGER_SKEY_BYTES_MAX + 1];
    } *secrets = datadir_secret_new(sizeof(*secrets));
    char vkey[LEDGER_VKEY_BYTES_MAX + 1] = "";
    if (secrets == NULL) {
        return say("out of memory");
    }
    enum lucid_error error = LUCID_OK;
    if (access(options->key, F_OK) == 0) {
        error = lucid_refuse(&why, LUCID_REFUSE_CONFLICT, NULL, "key", "%s is there already",
                             options->key);
    }
    ledger_ed25519_key_generate(&secrets->seed);
    if (error == LUCID_OK) {
        error = ledger_cosigner_skey_init(lucid_span_str(options->init), secrets->seed.seed,
                                          &secrets->key, &why);
    }
    if (error == LUCID_OK) {
        error = witness_state_make(options->state, &why);
    }
    if (error == LUCID_OK) {
        size_t len = ledger_skey_format(&secrets->key, secrets->text);
        secrets->text[len] = '\n';
        error = datadir_file_write(options->key, 0600, lucid_span(secrets->text, len + 1), &why);
        vkey[ledger_vkey_format(&secrets->key.vkey, vkey)] = '\0';
        if (error != LUCID_OK) {
            (void)unlink(options->state); /* just made, and empty */
        }
    }
    datadir_secret_free(secrets, sizeof(*secrets));
    if (error != LUCID_OK) {
        return say(why.text);
    }
    printf("%s\n", vkey);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The next word of a line, in place; NULL at its end. */
static char *word_next(char **rest)
{
    static const char white[] = " \t\r\n";
    char *word = *rest + strspn(*rest, white);
    char *end = word + strcspn(word, white);
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return *word == '\0' ? NULL : word;
}

/* Whether a line is one of those of a tlog-policy file that name no log. */
static bool is_other_policy_line(const char *word)
{
    return strcmp(word, "witness") == 0 || strcmp(word, "group") == 0 ||
           strcmp(word, "quorum") == 0;
}

/* One verifier key a line; empty lines and comments are skipped. So that a tlog-policy file serves
 * too, the word "log" before a key, what follows a key, and its other lines are skipped as well. */
static enum lucid_error logs_read(struct witness *witness, const char *path, struct lucid_why *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, "logs", "%s: %s", path, strerror(errno));
    }
    enum lucid_error error = LUCID_OK;
    char line[2048];
    while (error == LUCID_OK && fgets(line, sizeof(line), file) != NULL) {
        char *rest = line;
        char *word = word_next(&rest);
        if (word == NULL || word[0] == '#' || is_other_policy_line(word)) {
            continue;
        }
        if (strcmp(word, "log") == 0) {
            word = word_next(&rest);
        }
        error = witness_trust(witness, lucid_span_str(word != NULL ? word : ""), why);
    }
    if (error == LUCID_OK && ferror(file) != 0) {
        error = lucid_refuse(why, LUCID_RETRY_IO, NULL, "logs", "%s cannot be read", path);
    }
    fclose(file);
    if (error == LUCID_OK && witness->log_count == 0) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "logs", "%s names no log", path);
    }
    if (error == LUCID_OK && witness_find(witness, ledger_vkey_name(&witness->key->vkey)) != NULL) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "logs",
                             "a log has this witness's own name");
    }
    return error;
}

static enum lucid_error server_open(struct service *service, const char *host, uint16_t port,
                                    const struct http_route *routes, size_t count,
                                    struct lucid_why *why)
{
    struct http_server_options options = {.host = host,
                                          .port = port,
                                          .clock = service->clock,
                                          .routes = routes,
                                          .route_count = count};
    http_limits_default(&options.limits);
    options.limits.inflight_bytes_max = (uint64_t)16 << 20;
    enum lucid_error error = http_server_open(&options, &service->server, why);
    if (error == LUCID_OK) {
        error = http_loop_open(service->server, &service->loop);
    }
    if (error == LUCID_OK) {
        http_loop_set_user(service->loop, service);
    }
    return error;
}

static int run(const struct options *options, struct service *service, const sigset_t *signals)
{
    const struct http_route routes[] = {
        {"POST", "/add-checkpoint", 0, LEDGER_WITNESS_REQUEST_BYTES_MAX, add_checkpoint, NULL,
         NULL},
        {"GET", "/{origin_hash}/checkpoint", 0, 0, checkpoint_get, NULL, NULL},
        {"GET", "/healthz", 0, 0, healthz, NULL, NULL},
    };
    char host[256];
    uint16_t port;
    struct lucid_why why = {0};
    if (!tools_listen_read(options->listen, host, sizeof(host), &port)) {
        return usage("--listen wants HOST:PORT");
    }
    struct ledger_skey *key = datadir_secret_new(sizeof(*key));
    if (key == NULL) {
        return say("out of memory");
    }
    service->witness.key = key;
    service->witness.state_path = options->state;
    service->witness.state_lock = -1;
    service->clock = lucid_clock_system();
    enum lucid_error error = key_read(options->key, key, &why);
    if (error == LUCID_OK) {
        error = logs_read(&service->witness, options->logs, &why);
    }
    if (error == LUCID_OK) {
        error = witness_state_open(&service->witness, &why);
    }
    if (error == LUCID_OK) {
        error = server_open(service, host, port, routes, sizeof(routes) / sizeof(routes[0]), &why);
    }
    int status = EXIT_SUCCESS;
    if (error == LUCID_OK) {
        lucid_log(LUCID_LOG_INFO, "witness.ready", "%zu logs", service->witness.log_count);
        tools_serve(service->server, service->loop, host, signals);
        lucid_log(LUCID_LOG_INFO, "witness.stopped", "goodbye");
    } else {
        status = say(why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    http_loop_close(service->loop);
    http_server_close(service->server);
    witness_close(&service->witness);
    datadir_secret_free(key, sizeof(*key));
    return status;
}

static void help(void)
{
    printf(
        "usage: lucid-witness --init NAME --key FILE --state FILE\n"
        "       lucid-witness --key FILE --state FILE --logs FILE [--listen HOST:PORT]\n"
        "\n"
        "A witness of transparency logs (C2SP tlog-witness): it cosigns the heads of the logs\n"
        "that it knows, and never two that are not consistent with one another.\n"
        "\n"
        "  --init NAME         makes the key and an empty state, prints the verifier key;\n"
        "                      NAME: without white space or '+', as witness.example/w1\n"
        "  --key FILE          the secret key, mode 0600\n"
        "  --state FILE        what was last cosigned of each log; when it is lost, so is the\n"
        "                      promise: begin again with a new key, never with this one\n"
        "  --logs FILE         the logs to witness: a verifier key a line (policy files do too)\n"
        "  --listen HOST:PORT  default 127.0.0.1:8403; port 0: a free one\n"
        "  --debug             a log line for each request\n"
        "  --help, --version\n"
        "\n"
        "Routes: POST /add-checkpoint, GET /HEX-SHA256-OF-ORIGIN/checkpoint, GET /healthz.\n"
        "SIGTERM and SIGINT stop it. Exit codes: 0 ok, 1 refused or failed, 2 usage.\n");
}

/* False: *ret_status is the program's exit code. */
static bool options_read(int argc, char **argv, struct options *options, int *ret_status)
{
    static const struct option table[] = {
        {"init", required_argument, NULL, 'i'},
        {"key", required_argument, NULL, 'k'},
        {"state", required_argument, NULL, 's'},
        {"logs", required_argument, NULL, 'l'},
        {"listen", required_argument, NULL, 'a'},
        {"debug", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    *ret_status = EXIT_SUCCESS;
    for (int c; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        switch (c) {
        case 'i':
            options->init = optarg;
            break;
        case 'k':
            options->key = optarg;
            break;
        case 's':
            options->state = optarg;
            break;
        case 'l':
            options->logs = optarg;
            break;
        case 'a':
            options->listen = optarg;
            break;
        case 'd':
            lucid_log_set_level(LUCID_LOG_DEBUG);
            break;
        case 'h':
            help();
            return false;
        case 'v':
            printf("lucid-witness " LUCID_VERSION "\n");
            return false;
        default:
            *ret_status = EXIT_USAGE;
            return false;
        }
    }
    const char *missing = options->key == NULL                             ? "--key is missing"
                          : options->state == NULL                         ? "--state is missing"
                          : options->init == NULL && options->logs == NULL ? "--logs is missing"
                          : strlen(options->state) >= PATH_BYTES_MAX       ? "--state is too long"
                          : optind < argc ? "there are no arguments, only options"
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
    struct options options = {.listen = "127.0.0.1:8403"};
    int status;
    sigset_t signals;
    tools_signals_init(&signals);
    if (!options_read(argc, argv, &options, &status)) {
        return status;
    }
    return options.init != NULL ? birth(&options) : run(&options, &service, &signals);
}
