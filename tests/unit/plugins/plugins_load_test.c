/* Modules: what each can get wrong ends in a sentence that says it; settings by file, variable and
 * flag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lucidd/config.h"
#include "plugins/host/host_internal.h"

enum { TEXT_BYTES = 512 };

/* --- a module that is good, to be spoilt ------------------------------------------------------ */

static enum lucid_plugin_result module_open(const struct lucid_plugin_host *host, void **ret_self,
                                            struct lucid_plugin_why *why)
{
    (void)host;
    (void)why;
    *ret_self = NULL;
    return LUCID_PLUGIN_OK;
}

static void module_close(void *self)
{
    (void)self;
}

static enum lucid_plugin_result decide(void *self, const struct lucid_plugin_host *host,
                                       struct lucid_plugin_txn *txn, void *command,
                                       struct lucid_plugin_why *why)
{
    (void)self;
    (void)host;
    (void)txn;
    (void)command;
    (void)why;
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result apply(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn,
                                      const struct lucid_plugin_event *event)
{
    (void)host;
    (void)txn;
    (void)event;
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result handle(void *self, struct lucid_plugin_call *call,
                                       struct lucid_plugin_why *why)
{
    (void)self;
    (void)call;
    (void)why;
    return LUCID_PLUGIN_ABSENT;
}

/* Room to be spoilt; the ends of the lists are zero. */
struct sample {
    struct lucid_plugin module;
    struct lucid_plugin_setting settings[PLUGIN_SETTINGS_MAX + 2];
    struct lucid_plugin_kind kinds[PLUGIN_KINDS_MAX + 2];
    struct lucid_plugin_event_type types[PLUGIN_TYPES_MAX + 2];
    struct lucid_plugin_event_type more_types[2];
    const char *tables[PLUGIN_TABLES_MAX + 2];
    const char *listens[3];
    struct lucid_plugin_route routes[PLUGIN_ROUTES_MAX + 2];
    struct lucid_plugin_code codes[3];
};

static const struct lucid_plugin_kind good_kind = {
    .name = "sample", .fold_version = 1, .decide = decide, .apply = apply};

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){
        .module = {.abi = LUCID_PLUGIN_ABI,
                   .name = "sample",
                   .version = "1.0",
                   .summary = "a sample",
                   .settings = sample->settings,
                   .kinds = sample->kinds,
                   .routes = sample->routes,
                   .codes = sample->codes,
                   .openapi = "{\"paths\":{}}",
                   .open = module_open,
                   .close = module_close},
        .settings = {{.key = "limit",
                      .type = LUCID_PLUGIN_UINT,
                      .initial = "5",
                      .min = 1,
                      .max = 9,
                      .help = "a limit"}},
        .kinds = {good_kind},
        .types = {{.name = "sample.made", .version = 1}},
        .more_types = {{.name = "other.made", .version = 1}},
        .tables = {"rows"},
        .listens = {"receipt", "receipt.erased"},
        .routes = {{.method = "GET", .pattern = "/v1/sample/{id}", .handle = handle}},
        .codes = {{.code = "SAMPLE_REFUSED", .status = 422}},
    };
    sample->kinds[0].types = sample->types;
    sample->kinds[0].tables = sample->tables;
    sample->kinds[0].listens = sample->listens;
}

static void two_kinds(struct sample *s)
{
    s->kinds[1] = good_kind;
    s->kinds[1].types = s->more_types;
}

/* One a line: a fault, and what the sentence must say. */
/* clang-format off */
#define FAULT(name, ...) static void name(struct sample *s) { __VA_ARGS__; }
FAULT(abi_older, s->module.abi = 0)
FAULT(abi_newer, s->module.abi = 7; s->module.name = NULL)
FAULT(no_name, s->module.name = NULL)
FAULT(upper_name, s->module.name = "Sample")
FAULT(long_name, s->module.name = "abcdefghijklmnop")
FAULT(other_name, s->module.name = "other")
FAULT(no_version, s->module.version = NULL)
FAULT(empty_version, s->module.version = "")
FAULT(wide_version, s->module.version = "1.0\xc3\xa4")
FAULT(no_summary, s->module.summary = NULL)
FAULT(two_line_summary, s->module.summary = "a\nb")
FAULT(no_open, s->module.open = NULL)
FAULT(no_close, s->module.close = NULL)
FAULT(setting_key, s->settings[0].key = "Limit")
FAULT(setting_type, s->settings[0].type = (enum lucid_plugin_setting_type)9)
FAULT(setting_null, s->settings[0].initial = NULL)
FAULT(setting_initial, s->settings[0].initial = "10")
FAULT(setting_help, s->settings[0].help = NULL)
FAULT(setting_twice, s->settings[1] = s->settings[0])
FAULT(kind_name, s->kinds[0].name = "two words")
FAULT(kind_fold, s->kinds[0].fold_version = 0)
FAULT(kind_decide, s->kinds[0].decide = NULL)
FAULT(kind_apply, s->kinds[0].apply = NULL)
FAULT(kind_twice, two_kinds(s))
FAULT(kind_types, s->kinds[0].types = NULL)
FAULT(type_word, s->types[0].name = "made")
FAULT(type_dots, s->types[0].name = "sample..made")
FAULT(type_version, s->types[0].version = 0)
FAULT(type_upcast, s->types[0].version = 2)
FAULT(type_twice, s->types[1] = s->types[0])
FAULT(type_of_other, two_kinds(s); s->kinds[1].name = "second"; s->more_types[0] = s->types[0])
FAULT(table_name, s->tables[0] = "a.b")
FAULT(table_long, s->tables[0] = "abcdefghijklmnopqrstuvwxyz")
FAULT(table_twice, s->tables[1] = s->tables[0])
FAULT(listens_all, s->listens[0] = "*")
FAULT(listens_own, s->listens[0] = "sample.made")
FAULT(route_method, s->routes[0].method = "PATCH")
FAULT(route_pattern, s->routes[0].pattern = "v1")
FAULT(route_null, s->routes[0].pattern = NULL)
FAULT(route_rest, s->routes[0].pattern = "/v1/{a*}/b")
FAULT(route_empty, s->routes[0].pattern = "/v1//b")
FAULT(route_names, s->routes[0].pattern = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}")
FAULT(route_long, s->routes[0].pattern = "/v1/{abcdefghijklmnopqrstuvwxyz_abcdef}")
FAULT(route_name_twice, s->routes[0].pattern = "/v1/{a}/{a*}")
FAULT(route_handle, s->routes[0].handle = NULL)
FAULT(route_scope, s->routes[0].scopes = 1U << 30)
FAULT(route_price, s->routes[0].price_class = "gold")
FAULT(route_free, s->routes[0].price_class = "match")
FAULT(route_body, s->routes[0].body_bytes_max = (size_t)64 << 20)
FAULT(route_twice, s->routes[1] = s->routes[0]; s->routes[1].pattern = "/v1/sample/{name}")
FAULT(code_form, s->codes[0].code = "lower")
FAULT(code_status, s->codes[0].status = 200)
FAULT(code_twice, s->codes[1] = s->codes[0])
FAULT(openapi_text, s->module.openapi = "{")
FAULT(openapi_array, s->module.openapi = "[]")

static const struct {
    void (*spoil)(struct sample *sample);
    const char *says;
} faults[] = {
    {abi_older, "it was built for plugin ABI 0, this service has 1"},
    {abi_newer, "it was built for plugin ABI 7, this service has 1"},
    {no_name, "its name is not [a-z]"},
    {upper_name, "its name is not [a-z]"},
    {long_name, "its name is not [a-z]"},
    {other_name, "it is the plugin other: the file must have that name"},
    {no_version, "its version is not 1 to 64"},
    {empty_version, "its version is not 1 to 64"},
    {wide_version, "its version is not 1 to 64"},
    {no_summary, "its summary is not one line"},
    {two_line_summary, "its summary is not one line"},
    {no_open, "it has no open"},
    {no_close, "it has no close"},
    {setting_key, "the key of its setting 1"},
    {setting_type, "its setting limit has no known type"},
    {setting_null, "the initial value of its setting limit"},
    {setting_initial, "the initial value of its setting limit"},
    {setting_help, "its setting limit has no help"},
    {setting_twice, "it has two settings limit"},
    {kind_name, "the name of its kind 1"},
    {kind_fold, "its kind sample has fold version 0"},
    {kind_decide, "its kind sample has no decide"},
    {kind_apply, "its kind sample has no apply"},
    {kind_twice, "it has two kinds sample"},
    {kind_types, "its kind sample has no event types"},
    {type_word, "event type 1 of its kind sample is not word.word"},
    {type_dots, "event type 1 of its kind sample is not word.word"},
    {type_version, "its event type sample.made has version 0"},
    {type_upcast, "its event type sample.made has older versions and no upcast"},
    {type_twice, "it has two event types sample.made"},
    {type_of_other, "it has two event types sample.made"},
    {table_name, "table 1 of its kind sample"},
    {table_long, "table 1 of its kind sample"},
    {table_twice, "its kind sample has two tables rows"},
    {listens_all, "what its kind sample listens to (1)"},
    {listens_own, "what its kind sample listens to (1)"},
    {route_method, "its route 1 has no good method and pattern"},
    {route_pattern, "its route 1 has no good method and pattern"},
    {route_null, "its route 1 has no good method and pattern"},
    {route_rest, "its route 1 has no good method and pattern"},
    {route_empty, "its route 1 has no good method and pattern"},
    {route_names, "its route 1 has no good method and pattern"},
    {route_long, "its route 1 has no good method and pattern"},
    {route_name_twice, "its route 1 has no good method and pattern"},
    {route_handle, "its route GET /v1/sample/{id} has no handle"},
    {route_scope, "its route GET /v1/sample/{id} has unknown scopes"},
    {route_price, "its route GET /v1/sample/{id} is of an unknown price class"},
    {route_free, "its route GET /v1/sample/{id} is sold and open to everybody"},
    {route_body, "its route GET /v1/sample/{id} takes more than 32 MiB"},
    {route_twice, "its route GET /v1/sample/{name} is there twice"},
    {code_form, "its code 1 is not in upper snake case"},
    {code_status, "its code SAMPLE_REFUSED has status 200"},
    {code_twice, "it has two codes SAMPLE_REFUSED"},
    {openapi_text, "its OpenAPI document is no JSON object"},
    {openapi_array, "its OpenAPI document is no JSON object"},
};
/* clang-format on */

static void a_good_module_passes(void **state)
{
    (void)state;
    struct sample sample;
    struct lucid_why why = {.code = NULL};
    sample_init(&sample);
    two_kinds(&sample);
    sample.kinds[1].name = "second";
    enum lucid_error error = plugin_module_check(&sample.module, "/x/sample.so", "sample", &why);
    assert_string_equal(why.text, "");
    assert_int_equal(error, LUCID_OK);
    /* A module may bring nothing at all. */
    sample.module.settings = NULL;
    sample.module.kinds = NULL;
    sample.module.routes = NULL;
    sample.module.codes = NULL;
    sample.module.openapi = NULL;
    error = plugin_module_check(&sample.module, "/x/sample.so", "sample", &why);
    assert_int_equal(error, LUCID_OK);
}

static void each_fault_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct sample sample;
        struct lucid_why why = {.code = NULL};
        sample_init(&sample);
        faults[i].spoil(&sample);
        enum lucid_error error =
            plugin_module_check(&sample.module, "/x/sample.so", "sample", &why);
        assert_int_equal(error, LUCID_REFUSE_INVALID);
        if (strstr(why.text, faults[i].says) == NULL ||
            strncmp(why.text, "/x/sample.so: ", 14) != 0) {
            fail_msg("fault %zu: \"%s\", wanted \"%s\"", i, why.text, faults[i].says);
        }
    }
}

/* Lists without an end do not lead astray. */
static void lists_are_bounded(void **state)
{
    (void)state;
    struct lucid_why why = {.code = NULL};
    struct sample sample;
    static char names[PLUGIN_ROUTES_MAX + 2][16];
    sample_init(&sample);
    for (size_t i = 0; i < PLUGIN_ROUTES_MAX + 2; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "/v1/%zu", i);
        sample.routes[i] = sample.routes[0];
        sample.routes[i].pattern = names[i];
    }
    assert_int_equal(plugin_module_check(&sample.module, "f", "sample", &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.text, "f: it has more than 32 routes");
    sample_init(&sample);
    for (size_t i = 0; i < PLUGIN_TABLES_MAX + 1; i++) {
        sample.tables[i] = names[i] + 3;
        names[i][3] = (char)('a' + i);
    }
    assert_int_equal(plugin_module_check(&sample.module, "f", "sample", &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.text, "f: its kind sample has more than 12 tables");
}

/* --- files ------------------------------------------------------------------------------------ */

static void refused(const char *directory, const char *name, enum lucid_error want,
                    const char *code, const char *says)
{
    struct plugin *plugin = NULL;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(plugin_load(directory, name, &plugin, &why), want);
    assert_null(plugin);
    assert_string_equal(why.code, code);
    if (strstr(why.text, says) == NULL) {
        fail_msg("\"%s\", wanted \"%s\"", why.text, says);
    }
}

static void files_that_are_no_plugins(void **state)
{
    (void)state;
    char directory[] = "/tmp/lucid-plugin-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    refused(directory, "none", LUCID_RETRY_IO, "PLUGIN_NOT_FOUND", "none.so: there is no such");
    refused(directory, "../x", LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "a plugin's name is");
    refused(directory, "", LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "a plugin's name is");
    (void)snprintf(path, sizeof(path), "%s/text.so", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("not a module, but long enough for a header of one: it is text\n", file) > 0);
    assert_int_equal(fclose(file), 0);
    refused(directory, "text", LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "text.so: ");
    assert_int_equal(chmod(path, 0666), 0);
    refused(directory, "text", LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "everybody may write it");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(directory, "text", LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "it is not a file");
    assert_int_equal(rmdir(path), 0);
    /* Where everybody may put a file, also where only its owner may take it away. */
    static const mode_t modes[] = {0777, 01777, 0703};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(directory, modes[i]), 0);
        refused(directory, "text", LUCID_REFUSE_INVALID, "PLUGIN_INVALID",
                "everybody may write this folder");
    }
    assert_int_equal(rmdir(directory), 0);
}

static void a_module_is_loaded_and_set(void **state)
{
    (void)state;
    struct plugin *plugin = NULL;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(plugin_load(MODULES, "notes", &plugin, &why), LUCID_OK);
    assert_string_equal(plugin->module->name, "notes");
    const struct lucid_plugin_host *host = &plugin->host;
    assert_int_equal(host->abi, LUCID_PLUGIN_ABI);
    assert_int_equal(host->bytes, sizeof(*host));
    assert_string_equal(host->setting(host, "bytes_max"), "280");
    assert_null(host->setting(host, "nothing"));
    assert_int_equal(plugin_set(plugin, "bytes_max", "12", &why), LUCID_OK);
    assert_string_equal(host->setting(host, "bytes_max"), "12");
    const char *const wrong[] = {"", "0", "4001", "-1", "1 ", "x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(plugin_set(plugin, "bytes_max", wrong[i], &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, "notes.bytes_max");
        assert_string_equal(host->setting(host, "bytes_max"), "12");
    }
    assert_int_equal(plugin_set(plugin, "nothing", "1", &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "UNKNOWN_KEY");
    plugin_unload(plugin);
}

/* --- the configuration ------------------------------------------------------------------------ */

static char *copy(char to[TEXT_BYTES], const char *text)
{
    (void)snprintf(to, TEXT_BYTES, "%s", text);
    return to;
}

static enum lucid_error read_config(const char *const *flags, const char *const *environment,
                                    struct plugins *plugins, struct config *ret,
                                    struct lucid_why *why)
{
    char texts[16][TEXT_BYTES];
    char *argv[16];
    char *variables[16];
    size_t count = 0;
    int argc = 0;
    argv[argc++] = copy(texts[count++], "lucidd");
    argv[argc++] = copy(texts[count++], "--data=/x");
    argv[argc++] = copy(texts[count++], "--plugins-dir=" MODULES);
    for (; *flags != NULL; flags++) {
        argv[argc++] = copy(texts[count++], *flags);
    }
    size_t set = 0;
    for (; *environment != NULL; environment++) {
        variables[set++] = copy(texts[count++], *environment);
    }
    variables[set] = NULL;
    enum config_action action;
    memset(plugins, 0, sizeof(*plugins));
    return config_read(argc, argv, variables, plugins, ret, &action, why);
}

static void keys_of_plugins(void **state)
{
    (void)state;
    static const struct {
        const char *flags[4];
        const char *environment[4];
        const char *value; /* of notes.bytes_max; NULL: refused */
        const char *says;
    } cases[] = {
        {{"--plugins=notes"}, {NULL}, "280", ""},
        {{"--plugins= notes "}, {NULL}, "280", ""},
        {{NULL}, {"LUCID_PLUGINS=notes"}, "280", ""},
        {{"--plugins=notes", "--notes-bytes-max=7"}, {NULL}, "7", ""},
        {{"--notes-bytes-max=7"}, {"LUCID_NOTES_BYTES_MAX=6", "LUCID_PLUGINS=notes"}, "7", ""},
        {{NULL}, {"LUCID_NOTES_BYTES_MAX=6", "LUCID_PLUGINS=notes"}, "6", ""},
        {{"--plugins=notes", "--notes-bytes-max=0"}, {NULL}, NULL, "from 1 to 4000"},
        {{"--plugins=notes", "--notes-other=0"}, {NULL}, NULL, "unknown option --notes-other"},
        {{"--notes-bytes-max=7"}, {NULL}, NULL, "unknown option --notes-bytes-max"},
        {{"--plugins=notes,notes"}, {NULL}, NULL, "names notes twice"},
        {{"--plugins=notes,"}, {NULL}, NULL, "names with commas"},
        {{"--plugins=notes", "--plugins=notes"}, {NULL}, NULL, "plugins is given twice"},
        {{"--plugins=notes", "--notes-bytes-max=7", "--notes.bytes_max=8"},
         {NULL},
         NULL,
         "notes.bytes_max is given twice"},
        {{"--plugins=none"}, {NULL}, NULL, "none.so: there is no such plugin"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plugins plugins;
        static struct config config;
        struct lucid_why why = {.code = NULL};
        enum lucid_error error =
            read_config(cases[i].flags, cases[i].environment, &plugins, &config, &why);
        if ((error == LUCID_OK) != (cases[i].value != NULL) ||
            strstr(why.text, cases[i].says) == NULL) {
            fail_msg("case %zu: %s", i, why.text);
        }
        if (error == LUCID_OK) {
            assert_string_equal(plugin_setting(plugins.all[0], "bytes_max"), cases[i].value);
        }
        plugins_unload(&plugins);
    }
}

static void print_and_help(void **state)
{
    (void)state;
    struct plugins plugins;
    static struct config config;
    struct lucid_why why = {.code = NULL};
    struct lucid_buf out = {0};
    const char *const flags[] = {"--plugins=notes", "--notes-bytes-max=7", NULL};
    const char *const none[] = {NULL};
    assert_int_equal(read_config(flags, none, &plugins, &config, &why), LUCID_OK);
    config_print(&config, &plugins, &out);
    lucid_buf_char(&out, 0);
    assert_non_null(strstr((const char *)out.data, "\nplugins = notes\n"));
    assert_non_null(strstr((const char *)out.data, "\nnotes.bytes_max = 7\n"));
    lucid_buf_clear(&out);
    config_help(&plugins, &out);
    lucid_buf_char(&out, 0);
    assert_non_null(strstr((const char *)out.data, "The plugin notes 1.0.0: a guestbook"));
    assert_non_null(strstr((const char *)out.data,
                           "--notes-bytes-max              the longest note, in bytes [280]\n"));
    lucid_buf_fini(&out);
    plugins_unload(&plugins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_module_passes),
        cmocka_unit_test(each_fault_is_told),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(files_that_are_no_plugins),
        cmocka_unit_test(a_module_is_loaded_and_set),
        cmocka_unit_test(keys_of_plugins),
        cmocka_unit_test(print_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
