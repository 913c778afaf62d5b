/* lucid settlement verify: offline */
#include <stdio.h>
#include <stdlib.h>

#include "gas/statement.h"
#include "lucidd/offline.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/input.h"
#include "tools/lucid/remote.h"

#define STATEMENTS_MAX 100000
#define BYTES_MAX      ((size_t)256 << 20)

/* A document as it was given, and what is needed to put it into its chain. */
struct given {
    struct lucid_span text; /* in set->bytes, once all are there */
    size_t at;
    char *file;
    uint64_t line;
    bool readable; /* it is a statement: the rest is known */
    enum gas_unit unit;
    uint64_t number;
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    const struct given *before; /* the nearest of the unit with a lower number, or NULL */
};

struct set {
    struct given *given;
    size_t count;
    size_t cap;
    struct lucid_buf bytes;
};

struct trust {
    bool has_key;
    uint8_t key[LEDGER_ED25519_PUBLIC_BYTES];
    char origin[LEDGER_ORIGIN_BYTES_MAX + 1]; /* "": any */
};

static void set_fini(struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->given[i].file);
    }
    free(set->given);
    lucid_buf_fini(&set->bytes);
}

static bool set_add(struct set *set, const struct input_record *record)
{
    if (set->count == set->cap) {
        size_t cap = set->cap == 0 ? 16 : set->cap * 2;
        struct given *more = realloc(set->given, cap * sizeof(*more));
        if (more == NULL) {
            return false;
        }
        set->given = more;
        set->cap = cap;
    }
    struct given *given = &set->given[set->count];
    *given = (struct given){.at = set->bytes.len, .line = record->line};
    given->text.len = record->text.len;
    given->file = strdup(record->name);
    set->count += given->file != NULL;
    lucid_buf_span_put(&set->bytes, record->text);
    return given->file != NULL && lucid_buf_ok(&set->bytes);
}

/* All documents of all files. */
static enum cli_exit set_load(struct cli *cli, struct set *set)
{
    struct input *input = NULL;
    struct input_record record;
    struct lucid_why why = {0};
    enum lucid_error error = input_open(cli->arguments, cli->argument_count, &input, &why);
    if (error != LUCID_OK) {
        return cli_fail(cli, CLI_USAGE, why.code, why.param, "%s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    enum cli_exit code = CLI_OK;
    while (code == CLI_OK && (error = input_next(input, &record, &why)) == LUCID_OK) {
        if (set->count == STATEMENTS_MAX || set->bytes.len + record.text.len > BYTES_MAX) {
            code = cli_fail(cli, CLI_USAGE, NULL, NULL,
                            "more than %d statements or %zu MiB: verify them in pieces",
                            STATEMENTS_MAX, BYTES_MAX >> 20);
        } else if (!set_add(set, &record)) {
            code = cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
        }
    }
    if (code == CLI_OK && error != LUCID_NOTE_END) {
        code = cli_fail_why(cli, error, &why, "not a statement");
    }
    input_close(input);
    if (code == CLI_OK && set->count == 0) {
        code = cli_fail(cli, CLI_USAGE, NULL, "FILE", "there is no statement in it");
    }
    return code;
}

/* Those that are no statement first, then by unit and number. */
static int given_order(const void *a, const void *b)
{
    const struct given *x = a;
    const struct given *y = b;
    if (x->readable != y->readable) {
        return x->readable ? 1 : -1;
    }
    if (x->readable && x->unit != y->unit) {
        return x->unit < y->unit ? -1 : 1;
    }
    if (x->readable && x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool same_unit(const struct given *a, const struct given *b)
{
    return a->readable && b->readable && a->unit == b->unit;
}

static enum lucid_error set_order(struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct given *given = &set->given[i];
        struct gas_statement_read read;
        struct lucid_arena arena;
        given->text = lucid_span(set->bytes.data + given->at, given->text.len);
        lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
        enum lucid_error error = gas_statement_parse(given->text, &arena, &read, NULL);
        if (error == LUCID_OK) {
            given->readable = true;
            given->unit = read.statement.unit;
            given->number = read.statement.number;
            memcpy(given->hash, read.hash, sizeof(given->hash));
        }
        lucid_arena_fini(&arena);
        if (lucid_category(error) == LUCID_CATEGORY_RETRY) {
            return error;
        }
    }
    if (set->count > 0) {
        qsort(set->given, set->count, sizeof(*set->given), given_order);
    }
    for (size_t i = 1; i < set->count; i++) {
        struct given *given = &set->given[i];
        if (same_unit(given - 1, given)) {
            given->before = given[-1].number != given->number ? given - 1 : given[-1].before;
        }
    }
    return LUCID_OK;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* From the store in --data: log.init names key and origin. A running service does not mind. */
static enum cli_exit trust_from_data(struct cli *cli, struct trust *trust)
{
    struct offline *offline = calloc(1, sizeof(*offline));
    struct lucid_why why = {0};
    const struct ledger_identity *identity = NULL;
    if (offline == NULL) {
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = CLI_OK;
    enum lucid_error error = offline_open(offline, cli->data, OFFLINE_READ, &why);
    if (error != LUCID_OK) {
        code = cli_fail(cli, CLI_USAGE, why.code, "data", "%s: %s", cli->data,
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    } else if (!ledger_identity(offline->ledger, &identity)) {
        code = cli_fail(cli, CLI_USAGE, NULL, "data", "the store holds no log.init");
    } else {
        memcpy(trust->key, identity->service_key, sizeof(trust->key));
        trust->has_key = true;
        (void)snprintf(trust->origin, sizeof(trust->origin), "%s", identity->origin);
    }
    offline_close(offline);
    free(offline);
    return code;
}

static enum cli_exit trust_from_service(struct cli *cli, struct trust *trust)
{
    json_t *log = NULL;
    enum cli_exit code = remote_call(cli, "GET", "/v1/log", NULL, &log);
    if (code != CLI_OK) {
        return code;
    }
    const char *key = json_string_value(json_object_get(log, "service_key"));
    const char *origin = json_string_value(json_object_get(log, "origin"));
    if (key == NULL || origin == NULL || strlen(origin) >= sizeof(trust->origin) ||
        !lucid_hex_decode(lucid_span_str(key), trust->key, sizeof(trust->key))) {
        code = cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "%s names no service key", cli->url);
    } else {
        trust->has_key = true;
        (void)snprintf(trust->origin, sizeof(trust->origin), "%s", origin);
    }
    json_decref(log);
    return code;
}

/* --key, else the store in --data, else the service that --url was given for. */
static enum cli_exit trust_load(struct cli *cli, struct trust *trust)
{
    const char *key = cli_value(cli, "key", NULL);
    const char *origin = cli_value(cli, "origin", NULL);
    enum cli_exit code = CLI_OK;
    if (key != NULL) {
        if (!lucid_hex_decode(lucid_span_str(key), trust->key, sizeof(trust->key))) {
            return cli_fail(cli, CLI_USAGE, NULL, "key",
                            "--key is 64 lower-case hex digits, see `lucid log info`");
        }
        trust->has_key = true;
    } else if (cli->data != NULL) {
        code = trust_from_data(cli, trust);
    } else if (cli_flag(cli, "url")) {
        code = trust_from_service(cli, trust);
    } else {
        cli_note(cli, "no service key was given (--key, --data, --url): signatures cannot be "
                      "judged");
    }
    if (code == CLI_OK && origin != NULL) {
        if (strlen(origin) >= sizeof(trust->origin)) {
            return cli_fail(cli, CLI_USAGE, NULL, "origin", "--origin is too long");
        }
        (void)snprintf(trust->origin, sizeof(trust->origin), "%s", origin);
    }
    return code;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* The step of that name, which is added if there is none. */
static size_t step_named(struct ledger_report *report, const char *name)
{
    for (size_t i = 0; i < report->step_count; i++) {
        if (strcmp(report->steps[i].name, name) == 0) {
            return i;
        }
    }
    return ledger_report_add(report, name);
}

/* What the check of one document cannot see: its place among the others. */
static void place_judge(const struct set *set, size_t i, struct ledger_report *report)
{
    const struct given *given = &set->given[i];
    const struct given *before = given->before;
    if (i > 0 && same_unit(given - 1, given) && given[-1].number == given->number &&
        memcmp(given[-1].hash, given->hash, sizeof(given->hash)) != 0) {
        ledger_report_set(report, step_named(report, "previous"), LEDGER_FAILED,
                          "another statement of that number was given");
    } else if (given->readable && before != NULL && before->number + 1 < given->number) {
        ledger_report_set(report, step_named(report, "previous"), LEDGER_SKIPPED,
                          "number %llu, the one before, was not given",
                          (unsigned long long)given->number - 1);
    }
    ledger_report_close(report);
}

static void steps_print(const struct given *given, const char *id,
                        const struct ledger_report *report)
{
    printf("%s (", id);
    cli_print_text(stdout, given->file);
    printf(":%llu)\n", (unsigned long long)given->line);
    for (size_t i = 0; i < report->step_count; i++) {
        const struct ledger_step *step = &report->steps[i];
        printf("  %-8s %-10s ",
               step->outcome == LEDGER_PASSED ? "ok" : ledger_outcome_name(step->outcome),
               step->name);
        cli_print_text(stdout, step->text);
        fputc('\n', stdout);
    }
}

static json_t *steps_json(const struct given *given, const char *id,
                          const struct ledger_report *report)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < report->step_count; i++) {
        const struct ledger_step *step = &report->steps[i];
        json_t *text = json_string(step->text);
        json_t *one = json_pack("{s:s, s:s, s:o}", "name", step->name, "outcome",
                                ledger_outcome_name(step->outcome), "text",
                                text != NULL ? text : json_string("(not UTF-8)"));
        (void)json_array_append_new(steps, one);
    }
    json_t *file = json_string(given->file);
    return json_pack(
        "{s:o, s:o, s:I, s:s, s:o}", "settlement", given->readable ? json_string(id) : json_null(),
        "file", file != NULL ? file : json_string("(not UTF-8)"), "line", (json_int_t)given->line,
        "verdict", ledger_verdict_name(report->verdict), "steps", steps);
}

/* The worse of two: what is undecided may still be invalid. */
static enum ledger_verdict worse(enum ledger_verdict a, enum ledger_verdict b)
{
    if (a == LEDGER_INVALID || b == LEDGER_INVALID) {
        return LEDGER_INVALID;
    }
    return a == LEDGER_UNDECIDED ? a : b;
}

/* Judges one document, prints or adds it, and raises the verdict. */
static enum lucid_error one_judge(struct cli *cli, const struct set *set, size_t i,
                                  const struct trust *trust, json_t *list,
                                  enum ledger_verdict *worst)
{
    const struct given *given = &set->given[i];
    const struct given *before = given->before;
    bool follows = before != NULL && before->number + 1 == given->number;
    const struct gas_statement_trust expected = {
        .service_key = trust->has_key ? trust->key : NULL,
        .origin = lucid_span_str(trust->origin),
        .previous = follows ? before->text : lucid_span(NULL, 0),
    };
    struct ledger_report report;
    struct lucid_arena arena;
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    enum lucid_error error = gas_statement_check(given->text, &expected, &arena, NULL, &report);
    lucid_arena_fini(&arena);
    if (error != LUCID_OK) {
        return error;
    }
    place_judge(set, i, &report);
    char id[40] = "no statement";
    if (given->readable) {
        (void)snprintf(id, sizeof(id), "%s-%llu", gas_unit_name(given->unit),
                       (unsigned long long)given->number);
    }
    if (cli->json) {
        (void)json_array_append_new(list, steps_json(given, id, &report));
    } else {
        steps_print(given, id, &report);
    }
    *worst = worse(*worst, report.verdict);
    return LUCID_OK;
}

static enum cli_exit set_judge(struct cli *cli, struct set *set, const struct trust *trust)
{
    enum ledger_verdict worst = LEDGER_VALID;
    json_t *list = json_array();
    enum lucid_error error = set_order(set);
    for (size_t i = 0; error == LUCID_OK && i < set->count; i++) {
        error = one_judge(cli, set, i, trust, list, &worst);
    }
    if (error != LUCID_OK) {
        json_decref(list);
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    if (cli->json) {
        json_t *all = json_pack("{s:s, s:b, s:o}", "verdict", ledger_verdict_name(worst), "valid",
                                worst == LEDGER_VALID, "statements", list);
        cli_print_json(all);
        json_decref(all);
    } else {
        printf("%s\n", ledger_verdict_name(worst));
        json_decref(list);
    }
    return worst == LEDGER_VALID ? CLI_OK : worst == LEDGER_INVALID ? CLI_REFUSED : CLI_UNDECIDED;
}

static enum cli_exit settlement_verify(struct cli *cli)
{
    struct set set = {0};
    struct trust trust = {0};
    enum cli_exit code = trust_load(cli, &trust);
    if (code == CLI_OK) {
        code = set_load(cli, &set);
    }
    if (code == CLI_OK) {
        code = set_judge(cli, &set, &trust);
    }
    set_fini(&set);
    return code;
}

static const struct cli_option verify_options[] = {
    {"key", 'k', "HEX", "public half of the service key, as `log info` shows it"},
    {"origin", 'o', "NAME", "the log that they must be of (else --data's or --url's, or any)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_verify = {
    .group = "settlement",
    .name = "verify",
    .arguments = "FILE...",
    .summary = "verify signed statements offline, and that they follow one another",
    .text =
        "FILE is what `settlement show -o` or `settlement export --json` wrote, a directory of\n"
        "such files, or -. Checks each one's form, signature and sums, and with several that each\n"
        "names the one before. The key: --key, else from the store in --data, else from the\n"
        "service of --url. Exit: 0 valid, 1 invalid, 4 undecided: no key, or a statement\n"
        "between two others is missing.\n",
    .examples = "  lucid settlement verify USDC-0.json --key 5f…\n"
                "  lucid settlement verify statements/ --data /var/lib/lucid\n"
                "  lucid settlement export --json | lucid settlement verify - --key 5f…\n",
    .options = verify_options,
    .arguments_min = 1,
    .arguments_max = 10000,
    .run = settlement_verify,
};
