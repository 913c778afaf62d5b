/* What the commands print: messages, JSON, tables. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/visible.h"
#include "tools/lucid/cli.h"

#define COLUMNS_MAX 12

void cli_print_json(const json_t *value)
{
    bool terminal = isatty(STDOUT_FILENO) != 0;
    char *text = terminal ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text != NULL) {
        cli_print_bytes(lucid_span_str(text));
        free(text);
    } else if (!terminal) {
        (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    fputc('\n', stdout);
}

void cli_print_bytes(struct lucid_span text)
{
    if (isatty(STDOUT_FILENO) == 0) {
        (void)fwrite(text.data, 1, text.len, stdout);
        return;
    }
    for (size_t i = 0; i < text.len;) {
        uint32_t point;
        size_t len = lucid_unseen(lucid_span(text.data + i, text.len - i), &point);
        if (len == 0 || point == '\n' || point == '\t') {
            fputc(text.data[i], stdout);
        } else {
            printf("\\u%04x", (unsigned)point);
        }
        i += len > 0 ? len : 1;
    }
}

void cli_print_text(FILE *file, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        uint32_t point;
        size_t len = lucid_unseen(lucid_span(text, left), &point);
        fputc(len > 0 ? '?' : *text, file);
        text += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
}

bool cli_flush(struct cli *cli)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return true;
    }
    if (errno != EPIPE) {
        fprintf(stderr, "lucid: standard output could not be written: %s\n", strerror(errno));
    }
    cli->error_printed = true;
    return false;
}

static void error_json_print(enum cli_exit exit_code, const char *error_code, const char *param,
                             const char *text)
{
    json_t *error = json_object();
    json_object_set_new(error, "exit", json_integer((json_int_t)exit_code));
    if (error_code != NULL) {
        json_object_set_new(error, "code", json_string(error_code));
    }
    if (param != NULL && param[0] != '\0') {
        json_object_set_new(error, "param", json_string(param));
    }
    json_t *message = json_string(text);
    json_object_set_new(error, "message", message != NULL ? message : json_string("(not UTF-8)"));
    json_t *all = json_object();
    json_object_set_new(all, "error", error);
    cli_print_json(all);
    json_decref(all);
}

enum cli_exit cli_fail(struct cli *cli, enum cli_exit exit_code, const char *error_code,
                       const char *param, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cli->error_printed = true;
    if (cli->json) {
        error_json_print(exit_code, error_code, param, text);
        return exit_code;
    }
    fputs("lucid: ", stderr);
    if (error_code != NULL) {
        cli_print_text(stderr, error_code);
        fputs(": ", stderr);
    }
    cli_print_text(stderr, text);
    if (param != NULL && param[0] != '\0' && strstr(text, param) == NULL) {
        fputs(" (", stderr);
        cli_print_text(stderr, param);
        fputc(')', stderr);
    }
    fputc('\n', stderr);
    if (exit_code == CLI_USAGE && cli->command != NULL) {
        fprintf(stderr, "`lucid %s%s%s --help` says more.\n",
                cli->command->group != NULL ? cli->command->group : "",
                cli->command->group != NULL ? " " : "", cli->command->name);
    }
    return exit_code;
}

enum cli_exit cli_fail_why(struct cli *cli, enum lucid_error error, const struct lucid_why *why,
                           const char *what)
{
    lucid_assert(error != LUCID_OK);
    const char *text = why->text[0] != '\0' ? why->text : lucid_error_name(error);
    return cli_fail(cli, error == LUCID_REFUSE_UNKNOWN_KEY ? CLI_UNDECIDED : CLI_REFUSED, why->code,
                    why->param, "%s: %s", what, text);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    if (cli->json) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cli_print_text(stderr, text);
    fputc('\n', stderr);
}

/* The text of a value in a cell; malloc'd. Strings as they are, null as "-". */
static char *cell_text(const json_t *value)
{
    if (value == NULL || json_is_null(value)) {
        return strdup("-");
    }
    if (json_is_string(value)) {
        return strdup(json_string_value(value));
    }
    if (json_is_array(value) && json_array_size(value) > 0 &&
        json_is_string(json_array_get(value, 0))) {
        struct lucid_buf buf = {0};
        size_t i;
        const json_t *item;
        json_array_foreach(value, i, item)
        {
            lucid_buf_str(&buf, i > 0 ? "," : "");
            lucid_buf_str(&buf, json_is_string(item) ? json_string_value(item) : "?");
        }
        lucid_buf_char(&buf, '\0');
        char *text = lucid_buf_ok(&buf) ? strdup((const char *)buf.data) : NULL;
        lucid_buf_fini(&buf);
        return text;
    }
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Characters on the screen, taking one per code point. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

static void padded_print(const char *text, size_t width, bool right)
{
    size_t used = text_width(text);
    for (size_t i = used; right && i < width; i++) {
        fputc(' ', stdout);
    }
    cli_print_text(stdout, text);
    for (size_t i = used; !right && i < width; i++) {
        fputc(' ', stdout);
    }
}

/* Text of several lines (a checkpoint) under one another. */
static void lines_print(char *text, size_t indent)
{
    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        if (line != text && (line[0] != '\0' || end != NULL)) {
            padded_print("", indent, false);
        }
        cli_print_text(stdout, line);
        fputs(end != NULL || line[0] != '\0' || line == text ? "\n" : "", stdout);
        line = end != NULL ? end + 1 : NULL;
    }
}

void cli_print_object(const json_t *object)
{
    size_t width = 0;
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        size_t len = text_width(json_object_iter_key(at));
        width = len > width ? len : width;
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        char *text = cell_text(json_object_iter_value(at));
        padded_print(json_object_iter_key(at), width + 2, false);
        if (text != NULL) {
            lines_print(text, width + 2);
        }
        free(text);
    }
}

static void heading_print(const char *name, size_t width, bool right, bool last)
{
    char upper[64];
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < sizeof(upper); i++) {
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    upper[i] = '\0';
    padded_print(upper, last && !right ? 0 : width, right);
    fputs(last ? "\n" : "  ", stdout);
}

/* "1.500000 USDC", "-0.000001 LUCID", "12.5": what stands best with its points in one column. */
static bool text_is_amount(const char *text)
{
    if (*text == '-') {
        text++;
    }
    size_t whole = strspn(text, "0123456789");
    if (whole == 0 || text[whole] != '.') {
        return false;
    }
    text += whole + 1;
    size_t part = strspn(text, "0123456789");
    text += part;
    return part > 0 && (*text == '\0' || (*text == ' ' && text[1] >= 'A' && text[1] <= 'Z'));
}

void cli_print_table(const json_t *rows, const char *const *columns)
{
    size_t widths[COLUMNS_MAX] = {0};
    bool right[COLUMNS_MAX] = {0};
    size_t count = 0;
    size_t i;
    const json_t *row;
    for (; columns[count] != NULL; count++) {
        lucid_assert(count < COLUMNS_MAX);
        widths[count] = strlen(columns[count]);
        json_array_foreach(rows, i, row)
        {
            const json_t *value = json_object_get(row, columns[count]);
            char *text = cell_text(value);
            size_t width = text != NULL ? text_width(text) : 0;
            widths[count] = width > widths[count] ? width : widths[count];
            right[count] = right[count] || json_is_number(value) ||
                           (json_is_string(value) && text_is_amount(json_string_value(value)));
            free(text);
        }
    }
    for (size_t column = 0; column < count; column++) {
        heading_print(columns[column], widths[column], right[column], column + 1 == count);
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < count; column++) {
            char *text = cell_text(json_object_get(row, columns[column]));
            bool last = column + 1 == count;
            padded_print(text != NULL ? text : "?", last && !right[column] ? 0 : widths[column],
                         right[column]);
            fputs(last ? "\n" : "  ", stdout);
            free(text);
        }
    }
}
