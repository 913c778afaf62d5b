/* lucid log fsck */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/io.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/fsck.h"
#include "tools/lucid/plugins.h"
#include "tools/lucid/remote.h"

enum { POLL_MS = 200, LINE_MS_MIN = 2000, BAR_CELLS = 30, JSON_BYTES_MAX = 1 << 20 };

struct run {
    struct cli *cli;
    struct datadir dir;
    struct ledger_vkey vkey;
    bool vkey_known;
    struct plugins plugins;
    struct fsck_options options;
    struct fsck_progress *progress;
    struct lucid_buf answer; /* of the child: end character, JSON */
    uint64_t started_ms;
    uint64_t told_ms;
    bool bar; /* standard error is a terminal */
};

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- progress --------------------------------------------------------------------------------- */

static void progress_bar(const struct run *run, uint64_t done, uint64_t events, uint64_t rate)
{
    char cells[BAR_CELLS + 1];
    size_t full = (size_t)(done * BAR_CELLS / events);
    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', full);
    cells[BAR_CELLS] = '\0';
    (void)run;
    fprintf(stderr, "\rfsck [%s] %3llu %%  %llu of %llu events, %llu a second, %llu s left ", cells,
            (unsigned long long)(done * 100 / events), (unsigned long long)done,
            (unsigned long long)events, (unsigned long long)rate,
            (unsigned long long)(rate == 0 ? 0 : (events - done) / rate));
    fflush(stderr);
}

static void progress_show(struct run *run)
{
    uint64_t events = atomic_load(&run->progress->events);
    uint64_t done = atomic_load(&run->progress->done);
    uint64_t now = monotonic_ms();
    if (events == 0 || done > events || (run->cli->json && !run->bar)) {
        return;
    }
    uint64_t rate = now > run->started_ms ? done * 1000 / (now - run->started_ms) : 0;
    if (run->bar) {
        progress_bar(run, done, events, rate);
    } else if (now - run->told_ms >= LINE_MS_MIN) {
        run->told_ms = now;
        fprintf(stderr, "fsck: %llu of %llu events, %llu a second\n", (unsigned long long)done,
                (unsigned long long)events, (unsigned long long)rate);
    }
}

/* --- the child -------------------------------------------------------------------------------- */

/* Never returns. The answer ends with LF: without it the child died before it had one. */
static void child_main(const struct run *run, int out)
{
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Should it die, the parent has the word. */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
    }
    struct lucid_buf answer = {0};
    struct lucid_buf json = {0};
    enum fsck_end end = fsck_check(&run->options, run->progress, &json);
    lucid_buf_char(&answer, (char)('0' + end));
    lucid_buf_span_put(&answer, lucid_buf_span(&json));
    lucid_buf_char(&answer, '\n');
    bool ok = lucid_buf_ok(&json) && lucid_buf_ok(&answer) &&
              lucid_write_all(out, lucid_buf_span(&answer));
    lucid_buf_fini(&json);
    lucid_buf_fini(&answer);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Reads the child's answer to its end, telling the progress meanwhile. */
static void answer_read(struct run *run, int in)
{
    for (;;) {
        struct pollfd fd = {.fd = in, .events = POLLIN};
        int ready = poll(&fd, 1, POLL_MS);
        progress_show(run);
        if (ready <= 0) {
            continue;
        }
        uint8_t piece[4096];
        ssize_t got = read(in, piece, sizeof(piece));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        lucid_buf_put(&run->answer, piece, (size_t)got);
    }
    if (run->bar && atomic_load(&run->progress->events) != 0) {
        fputc('\n', stderr);
    }
}

static bool child_run(struct run *run, int *ret_status)
{
    int fds[2];
    if (pipe(fds) != 0) {
        return false;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)close(fds[0]);
        child_main(run, fds[1]);
    }
    (void)close(fds[1]);
    if (child > 0) {
        answer_read(run, fds[0]);
        while (waitpid(child, ret_status, 0) < 0 && errno == EINTR) {
        }
    }
    (void)close(fds[0]);
    return child > 0;
}

/* --- the verdict ------------------------------------------------------------------------------ */

/* The reader died of the store. */
static enum cli_exit death_print(struct run *run, int status)
{
    uint64_t from = 0;
    for (unsigned i = 0; i < run->options.threads; i++) {
        uint64_t at = atomic_load(&run->progress->at[i]);
        from = at != 0 && (from == 0 || at < from) ? at : from;
    }
    char where[96];
    if (from != 0) {
        (void)snprintf(where, sizeof(where), "at or after event %llu", (unsigned long long)from);
    } else {
        (void)snprintf(where, sizeof(where), "%s",
                       atomic_load(&run->progress->events) == 0 ? "while it was opened"
                                                                : "while its tables were compared");
    }
    return cli_fail(run->cli, CLI_REFUSED, "DAMAGED", NULL,
                    "the store is damaged: reading it killed the reader (%s) %s: a page of its "
                    "B-trees is broken",
                    WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no answer", where);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void finding_print(const json_t *finding)
{
    printf("  %-9s ", text_of(finding, "class"));
    const json_t *sequence = json_object_get(finding, "sequence");
    const json_t *leaf = json_object_get(finding, "leaf_index");
    if (sequence != NULL) {
        printf("event %lld: ", (long long)json_integer_value(sequence));
    }
    if (leaf != NULL) {
        printf("leaf %lld: ", (long long)json_integer_value(leaf));
    }
    if (json_object_get(finding, "table") != NULL) {
        printf("table %s, key %s: ", text_of(finding, "table"), text_of(finding, "key"));
    }
    cli_print_text(stdout, text_of(finding, "text"));
    if (json_object_get(finding, "expected") != NULL) {
        printf("\n            expected %s\n            found    %s", text_of(finding, "expected"),
               text_of(finding, "found"));
    }
    putchar('\n');
}

static long long count_of(const json_t *report, const char *name)
{
    return (long long)json_integer_value(json_object_get(report, name));
}

static void report_print(const json_t *report, const char *verdict)
{
    const json_t *findings = json_object_get(report, "findings");
    printf("%lld events, %lld receipts (%lld signatures, %lld bodies, %lld erased), %lld leaves, "
           "%lld nodes, %lld heads, %lld epochs, %lld table rows\n",
           count_of(report, "events"), count_of(report, "receipts"), count_of(report, "signatures"),
           count_of(report, "bodies"), count_of(report, "erased"), count_of(report, "leaves"),
           count_of(report, "nodes"), count_of(report, "heads"), count_of(report, "epochs"),
           count_of(report, "rows"));
    for (size_t i = 0; i < json_array_size(findings); i++) {
        finding_print(json_array_get(findings, i));
    }
    long long all = count_of(report, "damage") + count_of(report, "undecided");
    if (all > (long long)json_array_size(findings)) {
        printf("  ... and %lld more\n", all - (long long)json_array_size(findings));
    }
    printf("%s: %lld damaged, %lld undecided\n", verdict, count_of(report, "damage"),
           count_of(report, "undecided"));
}

static enum cli_exit verdict_print(struct run *run, enum fsck_end end, json_t *report)
{
    static const char *const verdicts[] = {"ok", "damaged", "undecided"};
    static const enum cli_exit codes[] = {CLI_OK, CLI_REFUSED, CLI_UNDECIDED, CLI_UNREACHABLE};
    if (json_object_get(report, "message") != NULL) {
        char code[64];
        (void)snprintf(code, sizeof(code), "%s", text_of(report, "code"));
        return cli_fail(run->cli, codes[end], code, "data", "%s", text_of(report, "message"));
    }
    lucid_assert(end < sizeof(verdicts) / sizeof(verdicts[0]));
    if (run->cli->json) {
        json_object_set_new(report, "verdict", json_string(verdicts[end]));
        json_object_set_new(report, "quick", json_boolean(run->options.quick));
        json_object_set_new(report, "vkey_checked", json_boolean(run->vkey_known));
        json_object_set_new(report, "threads", json_integer(run->options.threads));
        json_object_set_new(report, "milliseconds",
                            json_integer((json_int_t)(monotonic_ms() - run->started_ms)));
        cli_print_json(report);
    } else {
        report_print(report, verdicts[end]);
    }
    return cli_flush(run->cli) ? codes[end] : CLI_REFUSED;
}

static enum cli_exit answer_judge(struct run *run, int status)
{
    const struct lucid_buf *answer = &run->answer;
    bool whole = lucid_buf_ok(answer) && answer->len > 2 && answer->data[answer->len - 1] == '\n' &&
                 WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    if (!whole) {
        return death_print(run, status);
    }
    json_error_t error;
    json_t *report = json_loadb((const char *)answer->data + 1, answer->len - 2, 0, &error);
    if (report == NULL) {
        return cli_fail(run->cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    enum cli_exit code = verdict_print(run, (enum fsck_end)(answer->data[0] - '0'), report);
    json_decref(report);
    return code;
}

/* --- the command ------------------------------------------------------------------------------ */

/* DIR/vkey, if it is there: copies and mirrors have no other key. */
static enum cli_exit vkey_read(struct run *run)
{
    char text[DATADIR_FILE_BYTES_MAX + 1];
    size_t len = 0;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        datadir_file_read(run->dir.vkey, false, text, DATADIR_FILE_BYTES_MAX, &len, &why);
    if (error == LUCID_NOTE_ABSENT) {
        cli_note(run->cli, "%s is not there: the log's own word is taken for its key",
                 run->dir.vkey);
        return CLI_OK;
    }
    if (error == LUCID_OK) {
        len -= len > 0 && text[len - 1] == '\n';
        error = ledger_vkey_parse(lucid_span(text, len), &run->vkey, &why);
        if (error != LUCID_OK) {
            return cli_fail(run->cli, CLI_REFUSED, "DAMAGED", "data", "%s: %s", run->dir.vkey,
                            why.text);
        }
        run->vkey_known = true;
        run->options.vkey = &run->vkey;
        return CLI_OK;
    }
    return cli_fail(run->cli, CLI_UNREACHABLE, why.code, "data", "%s", why.text);
}

static enum cli_exit run_prepare(struct run *run)
{
    struct cli *cli = run->cli;
    struct lucid_why why = {.code = NULL};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = processors < 1 ? 1 : (uint64_t)processors;
    threads = threads > FSCK_THREADS_MAX ? FSCK_THREADS_MAX : threads;
    if (cli->data == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing");
    }
    if (!cli_value_u64(cli, "threads", threads, 1, FSCK_THREADS_MAX, &threads)) {
        return CLI_USAGE;
    }
    if (datadir_init(cli->data, &run->dir, &why) != LUCID_OK) {
        return cli_fail(cli, CLI_USAGE, why.code, "data", "%s", why.text);
    }
    run->options = (struct fsck_options){
        .store = run->dir.store,
        .threads = (unsigned)threads,
        .quick = cli_flag(cli, "quick"),
        .plugins = &run->plugins,
    };
    enum cli_exit code = cli_plugins_load(cli, &run->plugins);
    return code == CLI_OK ? vkey_read(run) : code;
}

static enum cli_exit run_go(struct run *run)
{
    int status = 0;
    void *shared = mmap(NULL, sizeof(*run->progress), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return cli_fail(run->cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    run->progress = shared;
    run->bar = isatty(STDERR_FILENO) == 1;
    run->started_ms = monotonic_ms();
    run->told_ms = run->started_ms;
    lucid_buf_init(&run->answer, JSON_BYTES_MAX);
    enum cli_exit code = child_run(run, &status)
                             ? answer_judge(run, status)
                             : cli_fail(run->cli, CLI_UNREACHABLE, NULL, NULL,
                                        "no process for the check: %s", strerror(errno));
    lucid_buf_fini(&run->answer);
    (void)munmap(shared, sizeof(*run->progress));
    return code;
}

static enum cli_exit log_fsck(struct cli *cli)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return cli_fail(cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    run->cli = cli;
    enum cli_exit code = run_prepare(run);
    if (code == CLI_OK) {
        code = run_go(run);
    }
    plugins_unload(&run->plugins);
    free(run);
    return code;
}

static const struct cli_option fsck_options[] = {
    {"threads", 'n', "N", "threads that check (one per processor)"},
    {"quick", 'q', NULL, "hashes only: no receipt's signature, no canonical form of bodies"},
    CLI_PLUGINS_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_fsck = {
    .group = "log",
    .name = "fsck",
    .arguments = "",
    .summary = "check everything in a store against everything else",
    .text =
        "Bodies, receipt hashes, signatures, entries, leaves, nodes, heads, epochs, the chain of\n"
        "event hashes, and every table against a fold of the events made anew. DIR needs store/ "
        "and\n"
        "vkey: a data directory (the service may run: what is there now is checked, in short\n"
        "looks), a backup or a mirror. Changes nothing.\n\n"
        "Exit: 0 nothing found, 1 damage, 2 usage, 3 cannot be read, 4 cannot be decided (events\n"
        "or tables of a plugin that is not named, or of a newer program).\n",
    .examples = "  lucid log fsck --data /var/lib/lucid\n"
                "  lucid log fsck --data ./backup --threads 2 --json\n",
    .options = fsck_options,
    .run = log_fsck,
};
