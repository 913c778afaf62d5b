/* lucid log replay */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/store/memory.h"
#include "lucidd/offline.h"
#include "migrations/migrations.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/fsck.h"
#include "tools/lucid/plugins.h"
#include "tools/lucid/replay.h"

struct run {
    struct cli *cli;
    struct datadir dir; /* replayed from */
    struct datadir new; /* made, unless only checked */
    struct store *from;
    struct store *to;
    struct plugins plugins;
    struct kinds kinds;
    struct ledger *ledger;
    struct replay_digests was;
    struct replay_digests is;
    struct replay_folds folds; /* of `from` */
    bool made;
    bool bar;
};

static enum lucid_error from_open(struct run *run, struct lucid_why *why)
{
    enum lucid_error error = datadir_init(run->cli->data, &run->dir, why);
    return error == LUCID_OK ? offline_store_open(run->dir.store, OFFLINE_READ, &run->from, why)
                             : error;
}

/* An empty store: in a new directory, or in memory. */
static enum lucid_error to_open(struct run *run, const char *path, struct lucid_why *why)
{
    uint32_t applied = 0;
    enum lucid_error error;
    if (path == NULL) {
        error = store_memory_open(&run->to);
    } else {
        error = datadir_create(path, &run->new, why);
        run->made = error == LUCID_OK;
        if (error == LUCID_OK) {
            error = offline_store_open(run->new.store, OFFLINE_CREATE, &run->to, why);
        }
    }
    if (error == LUCID_OK) {
        error = migrations_run(run->to, &applied, why);
    }
    return error == LUCID_OK
               ? offline_ledger_open(run->to, NULL, &run->plugins, &run->kinds, &run->ledger, why)
               : error;
}

/* The new directory's vkey: what the log itself says, which every head was checked against. */
static enum lucid_error vkey_write(struct run *run, struct lucid_why *why)
{
    const struct ledger_identity *identity;
    char line[sizeof(identity->vkey) + 2];
    if (!ledger_identity(run->ledger, &identity)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NO_LOG", "data",
                            "there is no log in the store");
    }
    int len = snprintf(line, sizeof(line), "%s\n", identity->vkey);
    enum lucid_error error =
        datadir_file_write(run->new.vkey, 0644, lucid_span(line, (size_t)len), why);
    return error == LUCID_OK ? datadir_sync(&run->new, why) : error;
}

static void progress(void *context, uint64_t done, uint64_t all)
{
    const struct run *run = context;
    if (run->bar && all > 0) {
        fprintf(stderr, "\rreplay %3llu %%  %llu of %llu events ",
                (unsigned long long)(done * 100 / all), (unsigned long long)done,
                (unsigned long long)all);
        fflush(stderr);
    }
}

static bool parts_equal(const struct replay_digest *a, const struct replay_digest *b)
{
    return a->rows == b->rows && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

/* The last line of a comparison. */
static enum cli_exit verdict(struct run *run, bool equal, bool undecided)
{
    const struct lucid_buf *unknown = &run->folds.unknown;
    const struct lucid_buf *resting = &run->folds.resting;
    if (equal && !undecided) {
        if (!run->cli->json) {
            puts("equal");
        }
        return CLI_OK;
    }
    if (!equal) {
        if (!run->cli->json) {
            puts("the tables or the tree are not what the events make");
        }
        return CLI_REFUSED;
    }
    if (run->cli->json) { /* it says which: unknown_kinds, resting_kinds */
        return CLI_UNDECIDED;
    }
    if (unknown->len == 0) {
        return cli_fail(run->cli, CLI_UNDECIDED, "KIND_RESTS", NULL,
                        "nothing differs that can be compared, but tables of the store wait to be "
                        "folded anew (%.*s): the service does it at its next start with that "
                        "plugin or program",
                        (int)resting->len, (const char *)resting->data);
    }
    return cli_fail(run->cli, CLI_UNDECIDED, "KIND_UNKNOWN", NULL,
                    "nothing differs that can be compared, but the store has tables of kinds that "
                    "are not known here (%.*s): they are of plugins that are not loaded "
                    "(--plugins), or of a newer program",
                    (int)unknown->len, (const char *)unknown->data);
}

static void kinds_put(json_t *out, const char *name, const struct lucid_buf *kinds)
{
    if (kinds->len > 0) {
        (void)json_object_set_new(out, name, json_stringn((const char *)kinds->data, kinds->len));
    }
}

static void parts_print(struct run *run, json_t *parts, bool equal, bool undecided)
{
    if (!run->cli->json) {
        json_decref(parts);
        return;
    }
    json_t *out = json_pack("{s:b, s:o}", "equal", equal && !undecided, "parts", parts);
    if (undecided) {
        kinds_put(out, "unknown_kinds", &run->folds.unknown);
        kinds_put(out, "resting_kinds", &run->folds.resting);
    }
    cli_print_json(out);
    json_decref(out);
}

/* The comparison, part by part. A table that no kind here makes, or that has to be folded anew,
 * cannot be compared; a missing one counts as a difference where all kinds are known. */
static enum cli_exit digests_print(struct run *run)
{
    bool equal = run->was.count == run->is.count;
    bool undecided = false;
    json_t *parts = json_array();
    for (size_t i = 0; i < run->was.count && i < run->is.count; i++) {
        const struct replay_digest *was = &run->was.part[i];
        const struct replay_digest *is = &run->is.part[i];
        char hex[2][65] = {"", ""};
        bool same = parts_equal(was, is);
        bool unknown = !same && is->missing && run->folds.unknown.len > 0;
        bool rests = !same && was->rests;
        equal = equal && (same || unknown || rests);
        undecided = undecided || unknown || rests;
        lucid_hex_encode(was->hash, 32, hex[0]);
        lucid_hex_encode(is->hash, 32, hex[1]);
        json_array_append_new(parts, json_pack("{s:s, s:I, s:I, s:s, s:s, s:b}", "part", was->name,
                                               "rows", (json_int_t)was->rows, "rows_replayed",
                                               (json_int_t)is->rows, "digest", hex[0],
                                               "digest_replayed", hex[1], "equal", same));
        if (!run->cli->json) {
            printf("%-22s %12llu rows  %.16s  %s\n", was->name, (unsigned long long)was->rows,
                   hex[0],
                   same      ? "equal"
                   : unknown ? "not known here"
                   : rests   ? "to be folded anew"
                             : "DIFFERS");
        }
    }
    parts_print(run, parts, equal, undecided);
    return verdict(run, equal, undecided);
}

/* --verify: what was written is read back and checked whole. */
static enum cli_exit verify(struct run *run)
{
    struct fsck_progress *seen = calloc(1, sizeof(*seen));
    struct lucid_buf json = {0};
    const struct fsck_options options = {
        .store = run->new.store, .plugins = &run->plugins, .threads = 1};
    if (seen == NULL) {
        return cli_fail(run->cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    enum fsck_end end = fsck_check(&options, seen, &json);
    enum cli_exit code = CLI_OK;
    if (end != FSCK_OK) {
        code =
            cli_fail(run->cli, end == FSCK_UNDECIDED ? CLI_UNDECIDED : CLI_REFUSED, "DAMAGED", "to",
                     "the new store does not pass `lucid log fsck`: run it on %s", run->new.root);
    }
    lucid_buf_fini(&json);
    free(seen);
    return code;
}

static enum lucid_error replay(struct run *run, const char *to, struct lucid_why *why)
{
    enum lucid_error error = from_open(run, why);
    if (error == LUCID_OK) {
        error = to_open(run, to, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    const struct replay_options options = {
        .from = run->from,
        .to = run->ledger,
        .bodies = to != NULL,
        .progress = progress,
        .context = run,
    };
    error = replay_run(&options, &run->was, &run->is, why);
    if (error == LUCID_OK) {
        error =
            replay_folds_read(run->from, run->kinds.uses, run->kinds.count, &run->was, &run->folds);
    }
    if (run->bar) {
        fputc('\n', stderr);
    }
    return error == LUCID_OK && to != NULL ? vkey_write(run, why) : error;
}

static enum cli_exit run_go(struct run *run, const char *to)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = replay(run, to, &why);
    ledger_close(run->ledger);
    store_close(run->to);
    store_close(run->from);
    if (error != LUCID_OK) {
        if (run->made) {
            datadir_remove(&run->new);
        }
        enum cli_exit code = lucid_category(error) == LUCID_CATEGORY_FATAL    ? CLI_REFUSED
                             : error == LUCID_REFUSE_UNKNOWN_KEY              ? CLI_UNDECIDED
                             : lucid_category(error) == LUCID_CATEGORY_REFUSE ? CLI_REFUSED
                                                                              : CLI_UNREACHABLE;
        return cli_fail(run->cli, code, why.code, NULL, "%s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    enum cli_exit code = CLI_OK;
    if (to != NULL && cli_flag(run->cli, "verify")) {
        code = verify(run);
    }
    if (code == CLI_OK) {
        code = digests_print(run);
    }
    return cli_flush(run->cli) ? code : CLI_REFUSED;
}

static enum cli_exit log_replay(struct cli *cli)
{
    const char *to = cli_value(cli, "to", NULL);
    bool check = cli_flag(cli, "check");
    if (cli->data == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing");
    }
    if ((to == NULL) != check || (check && cli_flag(cli, "verify"))) {
        return cli_fail(cli, CLI_USAGE, NULL, "to", "give either --to DIR or --check");
    }
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return cli_fail(cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    run->cli = cli;
    run->bar = isatty(STDERR_FILENO) == 1;
    enum cli_exit code = cli_plugins_load(cli, &run->plugins);
    if (code == CLI_OK) {
        code = run_go(run, to);
    }
    plugins_unload(&run->plugins);
    lucid_buf_fini(&run->folds.unknown);
    lucid_buf_fini(&run->folds.resting);
    free(run);
    return code;
}

static const struct cli_option replay_options[] = {
    {"to", 0, "DIR", "make a new store in DIR, from the events and the bodies beside them"},
    {"verify", 0, NULL, "then check the new store as `lucid log fsck` does"},
    {"check", 0, NULL, "make it in memory only, without bodies, and compare"},
    CLI_PLUGINS_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_replay = {
    .group = "log",
    .name = "replay",
    .arguments = "",
    .summary = "rebuild a store from its events and compare it",
    .text =
        "Every table, leaf row and node is made anew from the events, and their digests are\n"
        "compared with what the store has: equal is exit 0. With --to the new store stays: after\n"
        "a comparison that differs it is the one that follows from the log. DIR then holds\n"
        "store/ and vkey; keys and other files are not copied.\n\n"
        "Exit: 0 equal, 1 differs or an event is damaged, 2 usage, 3 cannot be read or written,\n"
        "4 events of a newer program, tables of plugins that --plugins does not name, or tables\n"
        "that wait to be folded anew, as those of a plugin do that the service last ran without.\n",
    .examples = "  lucid log replay --data /var/lib/lucid --check\n"
                "  lucid log replay --data ./broken --to ./mended --verify\n",
    .options = replay_options,
    .run = log_replay,
};
