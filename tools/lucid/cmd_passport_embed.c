/* lucid passport embed: what announces a passport, ready to paste */
#include <stdio.h>
#include <time.h>

#include "plugins/passport/discovery.h"
#include "plugins/passport/package.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/passport.h"

enum { TRIES = 3 };

/* --- the forms -------------------------------------------------------------------------------- */

static void header_line_write(const struct discovery *discovery, struct lucid_buf *out)
{
    lucid_buf_str(out, DISCOVERY_HEADER ": ");
    discovery_header_write(discovery, out);
}

static void path_write(const struct discovery *discovery, struct lucid_buf *out)
{
    discovery_url_write(out, discovery->url);
}

static const struct form {
    const char *name;
    void (*write)(const struct discovery *discovery, struct lucid_buf *out);
} forms[] = {
    {"path", path_write},
    {"header", header_line_write},
    {"link", discovery_link_write},
    {"meta", discovery_meta_write},
    {"script", discovery_script_write},
    {"nginx", discovery_nginx_write},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static enum cli_exit forms_print(struct cli *cli, const struct discovery *discovery,
                                 const char *chosen)
{
    json_t *object = json_object();
    bool all = strcmp(chosen, "all") == 0;
    bool ok = true;
    for (size_t i = 0; i < FORMS; i++) {
        struct lucid_buf text = {0};
        if (!all && strcmp(chosen, forms[i].name) != 0) {
            continue;
        }
        forms[i].write(discovery, &text);
        while (text.len > 0 && text.data[text.len - 1] == '\n') {
            text.len--;
        }
        ok = ok && lucid_buf_ok(&text) &&
             json_object_set_new(object, forms[i].name,
                                 json_stringn((const char *)text.data, text.len)) == 0;
        if (ok && !cli->json) {
            cli_print_bytes(lucid_buf_span(&text));
            putchar('\n');
        }
        lucid_buf_fini(&text);
    }
    if (ok && cli->json) {
        cli_print_json(object);
    }
    json_decref(object);
    return ok ? CLI_OK : cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
}

/* --- what is announced ------------------------------------------------------------------------ */

/* Whether an argument names a file: no id or application has a point or slash. */
static bool is_file(const char *text)
{
    return strcmp(text, "-") == 0 || strpbrk(text, "./") != NULL;
}

/* What verifies as invalid is not announced. */
static enum cli_exit disallowed_refuse(struct cli *cli, const char *id, const char *path)
{
    json_t *answer = NULL;
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &answer);
    if (code == CLI_OK && json_object_get(answer, "disallowed") != NULL) {
        code = cli_fail(cli, CLI_REFUSED, "MOCK_NOT_ALLOWED", NULL,
                        "%s is of mock evidence, which this service takes no longer: announce "
                        "another one",
                        id);
    }
    json_decref(answer);
    return code;
}

static enum cli_exit document_get(struct cli *cli, struct lucid_buf *ret)
{
    char id[PASSPORT_ID_BYTES_MAX + 1];
    char path[REMOTE_PATH_BYTES_MAX];
    if (is_file(cli->arguments[0])) {
        return verifier_file_read(cli, cli->arguments[0], ret);
    }
    enum cli_exit code = passport_id_find(cli, cli->arguments[0], id);
    if (code != CLI_OK) {
        return code;
    }
    (void)snprintf(path, sizeof(path), "/v1/passports/%s", id);
    code = disallowed_refuse(cli, id, path);
    return code == CLI_OK ? remote_get_as(cli, path, "Accept: " PASSPORT_MEDIA_TYPE, TRIES, ret)
                          : code;
}

/* A path on the application's own host, or a URL. */
static bool href_is_good(struct lucid_span href)
{
    bool path = href.len > 0 && href.len <= PASSPORT_URI_BYTES_MAX && href.data[0] == '/' &&
                (href.len == 1 || href.data[1] != '/');
    for (size_t i = 0; path && i < href.len; i++) {
        path = href.data[i] > 0x20 && href.data[i] < 0x7F && href.data[i] != '\\';
    }
    return path || passport_uri_is_good(href);
}

/* Whether clients may follow the URL from the application's pages. */
static bool href_is_own(const struct passport *passport, struct lucid_span href)
{
    if (href.data[0] == '/') {
        return true;
    }
    for (size_t i = 0; i < passport->endpoint_count; i++) {
        struct lucid_span own = passport->endpoints[i];
        if (href.len >= own.len && memcmp(href.data, own.data, own.len) == 0 &&
            (href.len == own.len || strchr("/?#", href.data[own.len]) != NULL)) {
            return true;
        }
    }
    return false;
}

static void remark(const struct cli *cli, const struct discovery *discovery)
{
    if (discovery->passport->expires_s <= (uint64_t)time(NULL)) {
        cli_note(cli, "this passport has expired");
    }
    if (!href_is_own(discovery->passport, discovery->url)) {
        cli_note(cli, "--href is on none of the passport's endpoints: clients will not follow it");
    }
}

/* The application of --config that the passport is of, for its display settings. */
static enum cli_exit application_load(struct cli *cli, const struct passport *passport,
                                      struct lucid_arena *arena, const struct application **ret)
{
    const char *file = cli_value(cli, "config", NULL);
    struct lucid_buf text = {0};
    struct lucid_why why = {.code = NULL};
    struct applications *read = lucid_arena_zalloc(arena, sizeof(*read));
    if (file == NULL) {
        return CLI_OK;
    }
    enum cli_exit code = verifier_file_read(cli, file, &text);
    if (code != CLI_OK) {
        return code;
    }
    enum lucid_error error = read == NULL
                                 ? LUCID_RETRY_MEMORY
                                 : applications_read(lucid_buf_span(&text), arena, read, &why);
    lucid_buf_fini(&text);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, file);
    }
    *ret = applications_find(read, passport->application);
    return *ret != NULL ? CLI_OK
                        : cli_fail(cli, CLI_REFUSED, NULL, "config",
                                   "%s: the passport's application is not in it", file);
}

static enum cli_exit document_embed(struct cli *cli, struct lucid_span text, const char *form,
                                    struct lucid_arena *arena)
{
    struct package package;
    struct passport passport;
    enum passport_fault fault;
    struct lucid_span canonical;
    struct lucid_why why = {.code = NULL};
    struct discovery discovery = {
        .passport = &passport,
        .url = lucid_span_str(cli_value(cli, "href", DISCOVERY_PATH)),
    };
    enum lucid_error error = package_read(text, arena, &package, &why);
    if (error == LUCID_OK) {
        error = passport_read(package.passport, arena, &passport, &fault, &why);
    }
    if (error == LUCID_OK) {
        error = passport_canonical(&passport, arena, &canonical);
    }
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, cli->arguments[0]);
    }
    lucid_sha256(canonical, discovery.digest);
    enum cli_exit code = application_load(cli, &passport, arena, &discovery.application);
    if (code == CLI_OK) {
        remark(cli, &discovery);
        code = forms_print(cli, &discovery, form);
    }
    return code;
}

static enum cli_exit passport_embed(struct cli *cli)
{
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    const char *form = cli_value(cli, "form", "all");
    bool known = strcmp(form, "all") == 0;
    for (size_t i = 0; i < FORMS; i++) {
        known = known || strcmp(form, forms[i].name) == 0;
    }
    if (!known) {
        return cli_fail(cli, CLI_USAGE, NULL, "form",
                        "--form is path, header, link, meta, script, nginx or all");
    }
    if (!href_is_good(lucid_span_str(cli_value(cli, "href", DISCOVERY_PATH)))) {
        return cli_fail(cli, CLI_USAGE, NULL, "href",
                        "--href is an https URL, or a path that begins with one slash");
    }
    enum cli_exit code = document_get(cli, &text);
    lucid_arena_init(&arena, PASSPORT_ARENA_BYTES_MAX);
    if (code == CLI_OK) {
        code = document_embed(cli, lucid_buf_span(&text), form, &arena);
    }
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return code;
}

static const struct cli_option embed_options[] = {
    {"form", 'f', "FORM", "path, header, link, meta, script, nginx, or all of them (all)"},
    {"href", 'r', "URL", "where the application serves the document (" DISCOVERY_PATH ")"},
    {"config", 'c', "FILE", "file of applications, for the display settings of the script"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_embed = {
    .group = "passport",
    .name = "embed",
    .arguments = "ID|NAME|FILE",
    .summary = "print what announces a passport on an application's pages",
    .text = "header is for every answer; link, meta and script go into a page's head; nginx is a "
            "file to\n"
            "include, which adds header, link and meta. An application's name means its newest "
            "valid\n"
            "passport; what has a point or slash is a file. header, script and nginx name this\n"
            "passport: print them again after a renewal.\n",
    .examples = "  lucid passport embed my-app --form link\n"
                "  lucid passport embed my-app --form nginx > /etc/nginx/my-app_passport.conf\n",
    .options = embed_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_embed,
};
