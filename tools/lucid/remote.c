#include "tools/lucid/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "lucidd/datadir.h"

enum { PAGE_TRIES = 60 }; /* of each page, while the service is busy */
enum { IDLE_S = 60 };     /* of a long answer */

#define LONG_ANSWER_BYTES_MAX ((size_t)1 << 30)

static enum cli_exit token_from_environment(struct cli *cli, const char *text)
{
    size_t len = strlen(text);
    if (len > CLI_TOKEN_BYTES_MAX || strpbrk(text, "\r\n \t") != NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "LUCID_TOKEN", "LUCID_TOKEN does not hold a token");
    }
    memcpy(cli->token, text, len + 1);
    return CLI_OK;
}

static enum cli_exit token_find(struct cli *cli)
{
    if (cli->token_looked_for) {
        return CLI_OK;
    }
    lucid_assert(cli->token == NULL);
    cli->token = datadir_secret_new(CLI_TOKEN_BYTES_MAX + 1);
    if (cli->token == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_OK;
    const char *environment = getenv("LUCID_TOKEN");
    if (cli->token_file != NULL) {
        error = datadir_token_read(cli->token_file, cli->token, CLI_TOKEN_BYTES_MAX, &why);
    } else if (cli->data != NULL) {
        struct datadir *dir = malloc(sizeof(*dir));
        error = dir != NULL ? datadir_init(cli->data, dir, &why) : LUCID_RETRY_MEMORY;
        if (error == LUCID_OK) {
            error = datadir_token_read(dir->admin_token, cli->token, CLI_TOKEN_BYTES_MAX, &why);
        }
        free(dir);
    } else if (environment != NULL && environment[0] != '\0') {
        return token_from_environment(cli, environment);
    }
    if (error != LUCID_OK) {
        return cli_fail(cli, CLI_USAGE, why.code, why.param, "the token could not be read: %s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    return CLI_OK;
}

enum cli_exit remote_open(struct cli *cli)
{
    enum cli_exit code = token_find(cli);
    if (code != CLI_OK) {
        return code;
    }
    cli->token_looked_for = true;
    if (cli->client != NULL) {
        return CLI_OK;
    }
    if (client_open(&cli->client) != LUCID_OK) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    client_set_ca(cli->client, cli->ca);
    if (cli->token[0] != '\0' && !client_url_is_loopback(cli->url) &&
        !client_url_is_https(cli->url)) {
        cli_note(cli, "lucid: the token travels unprotected to %s", cli->url);
    }
    return CLI_OK;
}

bool remote_question_init(struct cli *cli, const char *method, const char *path, char *url,
                          size_t url_max, char *header, struct client_question *question)
{
    size_t base = strlen(cli->url);
    while (base > 0 && cli->url[base - 1] == '/') {
        base--;
    }
    int len = snprintf(url, url_max, "%.*s%s", (int)(base < 4096 ? base : 4096), cli->url, path);
    if (len < 0 || (size_t)len >= url_max) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "url", "the address is too long");
        return false;
    }
    *question = (struct client_question){.method = method, .url = url};
    size_t count = 0;
    question->headers[count++] = "Accept: application/json";
    if (cli->token != NULL && cli->token[0] != '\0') {
        (void)snprintf(header, CLI_TOKEN_BYTES_MAX + 32, "Authorization: Bearer %s", cli->token);
        question->headers[count] = header;
    }
    return true;
}

enum cli_exit remote_exit_code(int status)
{
    if (status >= 200 && status < 300) {
        return CLI_OK;
    }
    return status == 429 || status == 502 || status == 503 || status == 504 ? CLI_UNREACHABLE
                                                                            : CLI_REFUSED;
}

enum cli_exit remote_fail(struct cli *cli, const struct client_answer *answer)
{
    enum cli_exit exit_code = remote_exit_code(answer->status);
    if (exit_code == CLI_OK) {
        exit_code = CLI_REFUSED;
    }
    json_t *problem =
        json_loadb((const char *)answer->body.data, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *param = json_string_value(json_object_get(problem, "param"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    if (detail == NULL) {
        detail = json_string_value(json_object_get(problem, "title"));
    }
    (void)cli_fail(cli, exit_code, code, param, "%s (HTTP %d)",
                   detail != NULL ? detail : "the service answered without saying why",
                   answer->status);
    json_decref(problem);
    if (answer->status == 401 && (cli->token == NULL || cli->token[0] == '\0')) {
        cli_note(cli, "give the token: --token-file FILE, --data DIR, or LUCID_TOKEN");
    }
    return exit_code;
}

enum cli_exit remote_fail_error(struct cli *cli, enum lucid_error error,
                                const struct lucid_why *why)
{
    const char *text = why->text[0] != '\0' ? why->text : lucid_error_name(error);
    if (error == LUCID_REFUSE_INVALID) {
        return cli_fail(cli, CLI_USAGE, NULL, "url", "%s: %s", cli->url, text);
    }
    enum cli_exit code = CLI_REFUSED;
    if (error == LUCID_RETRY_IO || error == LUCID_REFUSE_FORBIDDEN) {
        code = CLI_UNREACHABLE;
    }
    return cli_fail(cli, code, NULL, NULL, "%s: %s", cli->url, text);
}

/* What is not the same in all calls. accept, header: whole header lines; NULL: JSON; none. */
struct call {
    const char *method;
    const char *path;
    const char *accept;
    const char *header;
    struct lucid_span body; /* data NULL: none */
    bool is_long;           /* the answer is as long as the books are */
};

static void header_add(struct client_question *question, const char *header)
{
    size_t count = 0;
    while (question->headers[count] != NULL) {
        count++;
    }
    lucid_assert(count + 1 < CLIENT_HEADERS_MAX);
    question->headers[count] = header;
}

/* Sends once. The answer is the caller's to free in any case. */
static enum cli_exit call_once(struct cli *cli, const struct call *call,
                               struct client_answer *answer)
{
    enum cli_exit code = remote_open(cli);
    if (code != CLI_OK) {
        return code;
    }
    char url[REMOTE_PATH_BYTES_MAX + 4200];
    char *header = datadir_secret_new(CLI_TOKEN_BYTES_MAX + 32);
    if (header == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    struct client_question question;
    if (!remote_question_init(cli, call->method, call->path, url, sizeof(url), header, &question)) {
        datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
        return CLI_USAGE;
    }
    if (call->accept != NULL) {
        question.headers[0] = call->accept;
    }
    if (call->header != NULL) {
        header_add(&question, call->header);
    }
    if (call->body.data != NULL) {
        question.body = call->body;
        header_add(&question, "Content-Type: application/json");
    }
    if (call->is_long) {
        question.answer_bytes_max = LONG_ANSWER_BYTES_MAX;
        question.idle_s_max = IDLE_S;
    }
    struct lucid_why why = {0};
    enum lucid_error error = client_request(cli->client, &question, answer, &why);
    datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
    return error == LUCID_OK ? CLI_OK : remote_fail_error(cli, error, &why);
}

static enum cli_exit answer_take(struct cli *cli, const struct client_answer *answer, json_t **ret)
{
    if (answer->status < 200 || answer->status >= 300) {
        return remote_fail(cli, answer);
    }
    if (ret == NULL) {
        return CLI_OK;
    }
    json_error_t fault;
    json_t *value = json_loadb((const char *)answer->body.data, answer->body.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (value == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not JSON: %s", fault.text);
    }
    *ret = value;
    return CLI_OK;
}

enum cli_exit remote_call(struct cli *cli, const char *method, const char *path, const json_t *body,
                          json_t **ret)
{
    return remote_call_with(cli, method, path, NULL, body, ret);
}

enum cli_exit remote_call_with(struct cli *cli, const char *method, const char *path,
                               const char *header, const json_t *body, json_t **ret)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct client_answer answer = {0};
    struct call call = {.method = method, .path = path, .header = header};
    if (text != NULL) {
        call.body = lucid_span_str(text);
    }
    enum cli_exit code = call_once(cli, &call, &answer);
    if (code == CLI_OK) {
        code = answer_take(cli, &answer, ret);
    }
    client_answer_fini(&answer);
    free(text);
    return code;
}

enum cli_exit remote_send(struct cli *cli, const char *method, const char *path,
                          struct lucid_span body, json_t **ret)
{
    struct client_answer answer = {0};
    const struct call call = {.method = method, .path = path, .body = body};
    enum cli_exit code = call_once(cli, &call, &answer);
    if (code == CLI_OK) {
        code = answer_take(cli, &answer, ret);
    }
    client_answer_fini(&answer);
    return code;
}

enum cli_exit remote_get_long(struct cli *cli, const char *path, json_t **ret)
{
    struct client_answer answer = {0};
    const struct call call = {.method = "GET", .path = path, .is_long = true};
    enum cli_exit code = call_once(cli, &call, &answer);
    if (code == CLI_OK) {
        code = answer_take(cli, &answer, ret);
    }
    client_answer_fini(&answer);
    return code;
}

enum cli_exit remote_find(struct cli *cli, const char *path, json_t **ret)
{
    struct client_answer answer = {0};
    json_t *found = NULL;
    const struct call call = {.method = "GET", .path = path};
    enum cli_exit code = call_once(cli, &call, &answer);
    if (code == CLI_OK && answer.status != 404) {
        code = answer_take(cli, &answer, &found);
    }
    client_answer_fini(&answer);
    if (code == CLI_OK) {
        *ret = found;
    }
    return code;
}

enum cli_exit remote_get_text(struct cli *cli, const char *path, unsigned tries,
                              struct lucid_buf *ret_text)
{
    return remote_get_as(cli, path, NULL, tries, ret_text);
}

enum cli_exit remote_get_as(struct cli *cli, const char *path, const char *accept, unsigned tries,
                            struct lucid_buf *ret_bytes)
{
    const struct call call = {.method = "GET", .path = path, .accept = accept};
    for (unsigned i = 0;; i++) {
        struct client_answer answer = {0};
        enum cli_exit code = call_once(cli, &call, &answer);
        bool again = code == CLI_OK && (answer.status == 503 || answer.status == 429) && i < tries;
        if (code == CLI_OK && !again && (answer.status < 200 || answer.status >= 300)) {
            code = remote_fail(cli, &answer);
        }
        if (code == CLI_OK && !again) {
            *ret_bytes = answer.body;
            return CLI_OK;
        }
        client_answer_fini(&answer);
        if (!again) {
            return code;
        }
        struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
    }
}

bool remote_encode(const char *text, char *out, size_t max)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t len = 0;
    for (; *text != '\0'; text++) {
        if (len + 4 > max) {
            return false;
        }
        if (strchr(plain, *text) != NULL) {
            out[len++] = *text;
        } else {
            len += (size_t)snprintf(out + len, 4, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
    out[len] = '\0';
    return true;
}

static enum cli_exit page_path(struct cli *cli, const char *path, uint64_t limit,
                               const char *cursor, char *out, size_t max)
{
    char encoded[768] = "";
    if (cursor != NULL && !remote_encode(cursor, encoded, sizeof(encoded))) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer's next_cursor is too long");
    }
    int len = snprintf(out, max, "%s%climit=%llu%s%s", path, strchr(path, '?') != NULL ? '&' : '?',
                       (unsigned long long)limit, cursor != NULL ? "&cursor=" : "", encoded);
    lucid_assert(len > 0 && (size_t)len < max);
    return CLI_OK;
}

enum cli_exit remote_list_get(struct cli *cli, const char *path, uint64_t limit, json_t **ret,
                              bool *ret_more)
{
    json_t *all = json_array();
    json_t *page = NULL;
    const char *cursor = NULL;
    enum cli_exit code = CLI_OK;
    while (code == CLI_OK && json_array_size(all) < limit) {
        uint64_t left = limit - json_array_size(all);
        char paged[REMOTE_PATH_BYTES_MAX];
        code = page_path(cli, path, left < 1000 ? left : 1000, cursor, paged, sizeof(paged));
        json_t *next = NULL;
        if (code == CLI_OK) {
            code = remote_call(cli, "GET", paged, NULL, &next);
        }
        if (code != CLI_OK) {
            break;
        }
        /* A page of a filtered list may be empty and still go on. */
        const char *following = json_string_value(json_object_get(next, "next_cursor"));
        bool stuck = following != NULL && cursor != NULL && strcmp(following, cursor) == 0;
        json_decref(page);
        page = next;
        cursor = following;
        const json_t *items = json_object_get(page, "items");
        if (!json_is_array(items)) {
            code = cli_fail(cli, CLI_REFUSED, NULL, "items", "the answer has no list of items");
            break;
        }
        (void)json_array_extend(all, (json_t *)(uintptr_t)items);
        if (cursor == NULL || stuck) {
            break;
        }
    }
    if (code == CLI_OK) {
        *ret_more = cursor != NULL;
        *ret = json_incref(all);
    }
    json_decref(page);
    json_decref(all);
    return code;
}

enum cli_exit remote_list_print(struct cli *cli, const char *path, const char *const *columns,
                                void (*row)(json_t *item))
{
    uint64_t limit = 0;
    json_t *items = NULL;
    bool more = false;
    if (!cli_value_u64(cli, "limit", 100, 1, 1000000, &limit)) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_list_get(cli, path, limit, &items, &more);
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        json_t *all = json_object();
        json_object_set(all, "items", items);
        json_object_set_new(all, "more", json_boolean(more));
        cli_print_json(all);
        json_decref(all);
    } else {
        size_t i;
        json_t *item;
        json_array_foreach(items, i, item)
        {
            if (row != NULL && json_is_object(item)) {
                row(item);
            }
        }
        cli_print_table(items, columns);
    }
    if (more) {
        cli_note(cli, "there are more; --limit shows more than %llu", (unsigned long long)limit);
    }
    json_decref(items);
    return CLI_OK;
}

/* The items of one page; *ret_cursor, malloc'd, where the next begins, NULL at the end. */
static enum cli_exit page_each(struct cli *cli, const char *path, remote_item_fn *item,
                               void *context, char **ret_cursor)
{
    struct lucid_buf text = {0};
    json_t *page = NULL;
    enum cli_exit code = remote_get_text(cli, path, PAGE_TRIES, &text);
    if (code == CLI_OK) {
        page = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        lucid_buf_fini(&text);
    }
    const json_t *items = json_object_get(page, "items");
    const char *cursor = json_string_value(json_object_get(page, "next_cursor"));
    if (code == CLI_OK && !json_is_array(items)) {
        code = cli_fail(cli, CLI_REFUSED, NULL, "items", "the answer has no list of items");
    }
    size_t i;
    const json_t *at;
    json_array_foreach(items, i, at)
    {
        code = code == CLI_OK ? item(context, at) : code;
    }
    *ret_cursor = code == CLI_OK && cursor != NULL ? strdup(cursor) : NULL;
    json_decref(page);
    return code;
}

enum cli_exit remote_each(struct cli *cli, const char *path, remote_item_fn *item, void *context)
{
    char *cursor = NULL;
    enum cli_exit code = CLI_OK;
    do {
        char paged[REMOTE_PATH_BYTES_MAX];
        code = page_path(cli, path, 1000, cursor, paged, sizeof(paged));
        free(cursor);
        cursor = NULL;
        if (code == CLI_OK) {
            code = page_each(cli, paged, item, context, &cursor);
        }
    } while (cursor != NULL);
    return code;
}

enum cli_exit remote_object_print(struct cli *cli, enum cli_exit code, json_t *object)
{
    if (code == CLI_OK && cli->json) {
        cli_print_json(object);
    } else if (code == CLI_OK) {
        cli_print_object(object);
    }
    json_decref(object);
    return code;
}

bool remote_id_ok(struct cli *cli, const char *what, const char *text)
{
    size_t len = strlen(text);
    bool ok =
        len > 0 && len <= REMOTE_ID_BYTES_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    for (size_t i = 0; ok && i < len; i++) {
        char c = text[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == ':' || c == '-';
    }
    if (!ok) {
        (void)cli_fail(cli, CLI_USAGE, NULL, what, "%s must be 1 to 128 of A-Z a-z 0-9 . _ : -",
                       what);
    }
    return ok;
}
