#include "tools/lucid/passport.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

bool passport_is_id(const char *text)
{
    return passport_id_is_good(lucid_span_str(text));
}

/* The newest in a list, which is the first. */
static enum cli_exit newest_take(struct cli *cli, const char *name, const json_t *list,
                                 char ret[PASSPORT_ID_BYTES_MAX + 1])
{
    const json_t *first = json_array_get(json_object_get(list, "items"), 0);
    const char *id = json_string_value(json_object_get(first, "passportId"));
    if (id == NULL || !passport_is_id(id)) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "there is no valid passport of %s", name);
    }
    (void)snprintf(ret, PASSPORT_ID_BYTES_MAX + 1, "%s", id);
    return CLI_OK;
}

enum cli_exit passport_id_find(struct cli *cli, const char *given,
                               char ret[PASSPORT_ID_BYTES_MAX + 1])
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *list = NULL;
    if (passport_is_id(given)) {
        (void)snprintf(ret, PASSPORT_ID_BYTES_MAX + 1, "%s", given);
        return CLI_OK;
    }
    if (!remote_id_ok(cli, "ID", given)) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path),
                   "/v1/passports?application=%s&status=valid&limit=1&order=desc", given);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &list);
    if (code == CLI_OK) {
        code = newest_take(cli, given, list, ret);
    }
    json_decref(list);
    return code;
}

bool passport_page_url(const struct cli *cli, const json_t *answer,
                       char ret[PASSPORT_URL_BYTES_MAX])
{
    const char *page = json_string_value(json_object_get(json_object_get(answer, "links"), "page"));
    if (page == NULL) {
        return false;
    }
    /* A path is relative to the service, whose address may end in a slash. */
    size_t base = page[0] == '/' ? strlen(cli->url) : 0;
    while (base > 0 && cli->url[base - 1] == '/') {
        base--;
    }
    int len = snprintf(ret, PASSPORT_URL_BYTES_MAX, "%.*s%s", (int)base, cli->url, page);
    bool web = strncmp(ret, "https://", 8) == 0 || strncmp(ret, "http://", 7) == 0;
    for (const char *at = ret; web && *at != '\0'; at++) {
        web = (unsigned char)*at > ' ' && *at != 0x7F;
    }
    return web && len > 0 && len < PASSPORT_URL_BYTES_MAX;
}

/* Names of a list of objects, "a, b"; null: there are none. */
static json_t *names_join(const json_t *list)
{
    struct lucid_buf text = {0};
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        lucid_buf_str(&text, i > 0 ? ", " : "");
        lucid_buf_str(&text, name != NULL ? name : "?");
    }
    json_t *value = text.len > 0 ? json_stringn((const char *)text.data, text.len) : json_null();
    lucid_buf_fini(&text);
    return value;
}

static void member_take(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);
    if (value != NULL) {
        (void)json_object_set(to, name, value);
    }
}

void passport_answer_print(struct cli *cli, const json_t *answer)
{
    static const char *const own[] = {"status", "disallowed",   "since",
                                      "reason", "supersededBy", "renewAfter",
                                      "digest", "is_mock",      "test"};
    char url[PASSPORT_URL_BYTES_MAX];
    const json_t *passport = json_object_get(answer, "passport");
    const json_t *tee = json_object_get(passport, "tee");
    const json_t *container = json_object_get(passport, "container");
    json_t *plain = json_object();
    member_take(plain, "passportId", answer, "passportId");
    member_take(plain, "appName", passport, "appName");
    member_take(plain, "version", passport, "version");
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        member_take(plain, own[i], answer, own[i]);
    }
    member_take(plain, "issuedAt", passport, "issuedAt");
    member_take(plain, "expiresAt", passport, "expiresAt");
    member_take(plain, "tee", tee, "type");
    member_take(plain, "appraisal", json_object_get(tee, "appraisal"), "id");
    member_take(plain, "container", container, "digest");
    member_take(plain, "container_source", container, "source");
    member_take(plain, "slsa_level", json_object_get(passport, "slsa"), "level");
    json_object_set_new(plain, "auditors", names_join(json_object_get(passport, "auditors")));
    member_take(plain, "endpoints", passport, "endpoints");
    member_take(plain, "leaf_index", json_object_get(answer, "receipt"), "leaf_index");
    if (passport_page_url(cli, answer, url)) {
        json_object_set_new(plain, "page", json_string(url));
    }
    cli_print_object(plain);
    json_decref(plain);
}

/* --- verification ----------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void column_print(const char *text, int width)
{
    cli_print_text(stdout, text);
    int used = (int)strlen(text);
    printf("%*s", used < width ? width - used + 1 : 1, "");
}

/* "outcome  check  sentence (detail)" */
static void check_print(const json_t *check)
{
    const char *text = text_of(check, "text");
    const char *detail = text_of(check, "detail");
    column_print(text_of(check, "outcome"), 7);
    column_print(text_of(check, "check"), 12);
    cli_print_text(stdout, text[0] != '\0' ? text : text_of(check, "code"));
    if (detail[0] != '\0') {
        fputs(" (", stdout);
        cli_print_text(stdout, detail);
        fputc(')', stdout);
    }
    putchar('\n');
}

void passport_checks_print(struct cli *cli, const json_t *report)
{
    size_t i;
    const json_t *check;
    if (cli->json) {
        cli_print_json(report);
        return;
    }
    json_array_foreach(json_object_get(report, "checks"), i, check)
    {
        check_print(check);
    }
    json_t *plain = json_copy((json_t *)(uintptr_t)report);
    (void)json_object_del(plain, "checks");
    (void)json_object_set_new(plain, "auditors", names_join(json_object_get(report, "auditors")));
    putchar('\n');
    cli_print_object(plain);
    json_decref(plain);
}

enum cli_exit passport_verdict_exit(const json_t *report)
{
    const char *verdict = text_of(report, "verdict");
    if (strcmp(verdict, verify_verdict_name(VERIFY_VALID)) == 0) {
        return CLI_OK;
    }
    return strcmp(verdict, verify_verdict_name(VERIFY_INVALID)) == 0 ? CLI_REFUSED : CLI_UNDECIDED;
}

uint64_t passport_now_s(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec > 0);
    return (uint64_t)now.tv_sec;
}

enum cli_exit passport_time_read(struct cli *cli, const char *name, uint64_t *ret_s)
{
    const char *text = cli_value(cli, name, NULL);
    struct tm date = {.tm_year = 0};
    if (text == NULL) {
        *ret_s = passport_now_s();
        return CLI_OK;
    }
    if (strchr(text, 'T') == NULL) {
        return cli_value_u64(cli, name, 0, 0, 253402300799, ret_s) ? CLI_OK : CLI_USAGE;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &date);
    time_t seconds = end != NULL && *end == '\0' ? timegm(&date) : -1;
    if (seconds < 0) {
        return cli_fail(cli, CLI_USAGE, NULL, name,
                        "--%s must be Unix seconds or a time like 2026-01-31T12:00:00Z", name);
    }
    *ret_s = (uint64_t)seconds;
    return CLI_OK;
}
