/* The command line's frame: commands, options, help, exit codes, messages.
 *
 * A command is a row in a table (cli.c). Options are parsed with getopt_long; the global ones work
 * after every command. With --json a command prints JSON only on standard output, errors included:
 * {"error":{"exit":…,"code":…,"param":…,"message":…}}. */
#ifndef LUCID_TOOLS_CLI_H
#define LUCID_TOOLS_CLI_H

#include <jansson.h>

#include "base/bytes.h"
#include "http/client.h"

#define CLI_URL_DEFAULT     "http://127.0.0.1:8402"
#define CLI_TOKEN_BYTES_MAX 256
#define CLI_OPTIONS_MAX     20
#define CLI_VALUES_MAX      32

/* Exit codes of the program (CONTRACT 7). */
enum cli_exit {
    CLI_OK = 0,
    CLI_REFUSED = 1,     /* refused, invalid, failed */
    CLI_USAGE = 2,       /* the command line is wrong */
    CLI_UNREACHABLE = 3, /* no service, or not able to serve now */
    CLI_UNDECIDED = 4,   /* neither valid nor invalid: unknown key, not trusted, not covered */
};

/* One option of a command; ends a table with name NULL. */
struct cli_option {
    const char *name;  /* long name */
    char letter;       /* short form, 0 = none */
    const char *value; /* what the value is called in the help; NULL: a switch */
    const char *help;
};

struct cli;

struct cli_command {
    const char *group; /* "receipt"; NULL for a command of one word */
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *text;      /* more help; may be NULL */
    const char *examples;  /* whole lines */
    const struct cli_option *options;
    unsigned arguments_min;
    unsigned arguments_max;
    enum cli_exit (*run)(struct cli *cli);
};

struct cli_value {
    const struct cli_option *option;
    const char *text; /* NULL for a switch */
};

/* The running command: what was given, and the connection. */
struct cli {
    const struct cli_command *command;
    char *const *arguments; /* positional */
    unsigned argument_count;
    struct cli_value values[CLI_VALUES_MAX];
    size_t value_count;
    /* Global. */
    bool json;
    bool error_printed;
    const char *url;
    const char *ca;         /* --ca, or NULL */
    const char *data;       /* --data, or NULL */
    const char *token_file; /* --token-file, or NULL */
    struct client *client;  /* opened by the first call */
    char *token;            /* locked memory, or NULL */
    bool token_looked_for;
};

/* Runs the program; returns its exit code. */
int cli_main(int argc, char **argv);

/* All commands; ends with NULL. */
extern const struct cli_command *const cli_commands[];

/* The option's last value, or otherwise. */
const char *cli_value(const struct cli *cli, const char *name, const char *otherwise);
bool cli_flag(const struct cli *cli, const char *name);
/* The value at position `at` among those of a repeatable option; NULL beyond. */
const char *cli_value_at(const struct cli *cli, const char *name, size_t at);
/* A decimal value between min and max. False after an error message (exit CLI_USAGE). */
bool cli_value_u64(struct cli *cli, const char *name, uint64_t otherwise, uint64_t min,
                   uint64_t max, uint64_t *ret) LUCID_WARN_UNUSED;

/* Prints one error and returns code. error_code (upper snake case) and param may be NULL. */
enum cli_exit cli_fail(struct cli *cli, enum cli_exit exit_code, const char *error_code,
                       const char *param, const char *format, ...) LUCID_PRINTF(5, 6);
/* The same for an error of the libraries; what: what was tried. */
enum cli_exit cli_fail_why(struct cli *cli, enum lucid_error error, const struct lucid_why *why,
                           const char *what);
/* A remark on standard error; nothing with --json. */
void cli_note(const struct cli *cli, const char *format, ...) LUCID_PRINTF(2, 3);

/* Standard output: one JSON value and a line end; to a terminal as cli_print_bytes. */
void cli_print_json(const json_t *value);
/* Standard output: JSON, byte by byte. To a terminal what is not seen (base/visible.h) goes as the
 * escape of JSON, so that no document can steer it; lines and tabs stay. */
void cli_print_bytes(struct lucid_span text);
/* Text of a stranger: what is not seen (base/visible.h) becomes '?', so that no answer can steer a
 * terminal, or make it show letters in another order. */
void cli_print_text(FILE *file, const char *text);
/* A JSON object for people: one aligned "name  value" line per member. */
void cli_print_object(const json_t *object);
/* Flushes standard output; false (after a message) when it could not be written. */
bool cli_flush(struct cli *cli) LUCID_WARN_UNUSED;

/* A table for people: columns named in `columns` (JSON member names; the heading is the name in
 * upper case), rows = objects of the JSON array. Numbers and amounts stand to the right. */
void cli_print_table(const json_t *rows, const char *const *columns);

#endif
