/* lucid account export: the books as a journal for hledger and ledger, or as CSV */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/lucid/books.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

enum { PROGRESS_EVERY_MS = 500, OUT_BYTES = 256 * 1024 };

struct export
{
    struct cli *cli;
    enum books_format format;
    uint64_t as_of;
    /* Where it goes: standard output, or a file that gets its name when it is whole. */
    const char *path;
    char *partial;
    FILE *file;
    struct lucid_buf out;
    /* What was written. */
    uint64_t accounts;
    uint64_t transactions;
    uint64_t postings;
    uint64_t cause; /* of the last posting */
    /* Progress. */
    struct lucid_clock clock;
    uint64_t told_ms;
    bool bar;
};

static void progress(struct export *export, bool last)
{
    uint64_t now = lucid_boot_ms(&export->clock);
    if (!export->bar || (!last && now - export->told_ms < PROGRESS_EVERY_MS)) {
        return;
    }
    export->told_ms = now;
    fprintf(stderr, "\r%llu accounts, %llu postings, event %llu of %llu%s",
            (unsigned long long)export->accounts, (unsigned long long)export->postings,
            (unsigned long long)export->cause, (unsigned long long)export->as_of, last ? "\n" : "");
}

/* --- the file --------------------------------------------------------------------------------- */

static enum cli_exit file_fail(struct export *export, const char *what)
{
    return cli_fail(export->cli, CLI_REFUSED, NULL, "output", "%s: %s: %s",
                    export->path != NULL ? export->path : "standard output", what, strerror(errno));
}

/* The file under another name next to its place. */
static enum cli_exit file_open(struct export *export)
{
    if (export->path == NULL) {
        export->file = stdout;
        return CLI_OK;
    }
    if (asprintf(&export->partial, "%s.partial-%ld", export->path, (long)getpid()) < 0) {
        export->partial = NULL;
        return cli_fail(export->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    int fd = open(export->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    export->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (export->file == NULL) {
        enum cli_exit code = file_fail(export, "cannot be made");
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    return CLI_OK;
}

static enum cli_exit file_write(struct export *export, size_t from)
{
    if (!lucid_buf_ok(&export->out)) {
        return cli_fail(export->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (export->out.len > from &&
        fwrite(export->out.data, 1, export->out.len, export->file) != export->out.len) {
        return file_fail(export, "cannot be written");
    }
    if (export->out.len > from) {
        lucid_buf_clear(&export->out);
    }
    return CLI_OK;
}

/* Gives the file its name, or takes it away again. */
static enum cli_exit file_close(struct export *export, enum cli_exit code)
{
    if (export->path == NULL || export->file == NULL) {
        return code;
    }
    if (code == CLI_OK && (fflush(export->file) != 0 || fsync(fileno(export->file)) != 0)) {
        code = file_fail(export, "cannot be written");
    }
    (void)fclose(export->file);
    if (code == CLI_OK && rename(export->partial, export->path) != 0) {
        code = file_fail(export, "cannot be made");
    }
    if (code != CLI_OK) {
        (void)unlink(export->partial);
    }
    return code;
}

/* --- the books -------------------------------------------------------------------------------- */

static enum cli_exit account_item(void *context, const json_t *item)
{
    struct export *export = context;
    const char *id = json_string_value(json_object_get(item, "account"));
    if (id == NULL || !books_account(export->format, id, &export->out)) {
        return cli_fail(export->cli, CLI_REFUSED, NULL, "account",
                        "the answer holds an account that this program does not know");
    }
    export->accounts++;
    progress(export, false);
    return file_write(export, OUT_BYTES);
}

static enum cli_exit posting_item(void *context, const json_t *item)
{
    struct export *export = context;
    struct books_posting posting;
    if (!books_posting_read(item, &posting) || posting.cause < export->cause ||
        posting.cause > export->as_of) {
        return cli_fail(export->cli, CLI_REFUSED, NULL, NULL,
                        "the answer holds a posting that this program does not know");
    }
    bool first = posting.cause != export->cause;
    books_posting(export->format, &posting, first, &export->out);
    export->transactions += first;
    export->postings++;
    export->cause = posting.cause;
    progress(export, false);
    return file_write(export, OUT_BYTES);
}

/* The event to end with: --as-of, or the newest, so that all pages speak of the same books. */
static enum cli_exit end_find(struct export *export)
{
    struct lucid_buf path = {0};
    json_t *tariff = NULL;
    lucid_buf_str(&path, "/v1/gas/tariff");
    enum cli_exit code = books_query(export->cli, &path) ? CLI_OK : CLI_USAGE;
    lucid_buf_char(&path, '\0');
    if (code == CLI_OK && !lucid_buf_ok(&path)) {
        code = cli_fail(export->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (code == CLI_OK) {
        code = remote_call(export->cli, "GET", (const char *)path.data, NULL, &tariff);
    }
    const json_t *as_of = json_object_get(tariff, "as_of");
    if (code == CLI_OK && (!json_is_integer(as_of) || json_integer_value(as_of) < 0)) {
        code = cli_fail(export->cli, CLI_REFUSED, NULL, "as_of", "the answer has no as_of");
    }
    if (code == CLI_OK) {
        export->as_of = (uint64_t)json_integer_value(as_of);
    }
    json_decref(tariff);
    lucid_buf_fini(&path);
    return code;
}

static enum cli_exit books_write(struct export *export)
{
    char path[REMOTE_PATH_BYTES_MAX];
    unsigned long long as_of = export->as_of;
    books_begin(export->format, export->as_of, &export->out);
    enum cli_exit code = CLI_OK;
    if (export->format == BOOKS_JOURNAL) {
        (void)snprintf(path, sizeof(path), "/v1/accounts?as_of=%llu", as_of);
        code = remote_each(export->cli, path, account_item, export);
    }
    if (code == CLI_OK) {
        (void)snprintf(path, sizeof(path), "/v1/postings?as_of=%llu", as_of);
        code = remote_each(export->cli, path, posting_item, export);
    }
    return code == CLI_OK ? file_write(export, 0) : code;
}

static enum cli_exit export_print(const struct export *export)
{
    json_t *all =
        json_pack("{s:s, s:I, s:I, s:I}", "file", export->path, "as_of", (json_int_t) export->as_of,
                  "transactions", (json_int_t) export->transactions, "postings",
                  (json_int_t) export->postings);
    return remote_object_print(export->cli, all != NULL ? CLI_OK : CLI_REFUSED, all);
}

static bool options_read(struct export *export)
{
    struct cli *cli = export->cli;
    const char *format = cli_value(cli, "format", "journal");
    const char *path = cli_value(cli, "output", "-");
    if (strcmp(format, "journal") != 0 && strcmp(format, "csv") != 0) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "format", "--format must be journal or csv");
        return false;
    }
    export->format = strcmp(format, "csv") == 0 ? BOOKS_CSV : BOOKS_JOURNAL;
    export->path = strcmp(path, "-") == 0 ? NULL : path;
    if (cli->json && export->path == NULL) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "json",
                       "with --json give -o FILE: the books would be on standard output, too");
        return false;
    }
    return true;
}

static enum cli_exit account_export(struct cli *cli)
{
    struct export export = {.cli = cli, .clock = lucid_clock_system()};
    if (!options_read(&export)) {
        return CLI_USAGE;
    }
    export.bar = isatty(STDERR_FILENO) == 1 && !cli->json;
    enum cli_exit code = end_find(&export);
    if (code == CLI_OK) {
        code = file_open(&export);
    }
    if (code == CLI_OK) {
        code = books_write(&export);
        progress(&export, true);
    }
    code = file_close(&export, code);
    if (code == CLI_OK && export.path != NULL) {
        code = export_print(&export);
    }
    lucid_buf_fini(&export.out);
    free(export.partial);
    return code;
}

static const struct cli_option export_options[] = {
    {"format", 'f', "FORMAT", "journal (default), for hledger and ledger, or csv"},
    {"output", 'o', "FILE", "write it there, whole or not at all (- = standard output, default)"},
    {"as-of", 'a', "N", "up to event N (else the newest)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_export = {
    .group = "account",
    .name = "export",
    .arguments = "",
    .summary = "write the books as a journal for hledger and ledger, or as CSV",
    .text =
        "The journal has a transaction for each event that posted, its sequence in brackets.\n"
        "Accounts are named as those programs sort them: liabilities:signers:KEY,\n"
        "liabilities:payees:NAME, liabilities:suspense:LEG:ASSET, liabilities:transit:payouts,\n"
        "assets:clearing:FACILITATOR, revenues:gas, expenses:protocol:gas; a `:` inside of a\n"
        "name becomes `/`, the unit is the commodity. CSV is RFC 4180 with a heading.\n",
    .examples = "  lucid account export | hledger -f - balance\n"
                "  lucid account export -o books.journal --as-of 5000\n"
                "  lucid account export --format csv -o postings.csv\n",
    .options = export_options,
    .run = account_export,
};
