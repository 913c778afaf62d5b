/* lucid log backup, restore */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "lucidd/backup.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/plugins.h"
#include "tools/lucid/remote.h"

enum {
    RATE_MIB_DEFAULT = 32,
    RATE_MIB_MAX = 1 << 20,
    LINE_MS = 2000,
    NICENESS = 19,
    IOPRIO_IDLE = 3 << 13, /* linux/ioprio.h: class idle */
    IOPRIO_WHO_PROCESS = 1,
};

/* --- progress --------------------------------------------------------------------------------- */

struct progress {
    bool terminal;
    uint64_t told_ms;
    char phase[16];
};

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void progress_tell(void *context, const char *phase, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    uint64_t now = monotonic_ms();
    bool same = strcmp(progress->phase, phase) == 0;
    if (progress->told_ms != 0 && same &&
        now - progress->told_ms < (progress->terminal ? 200 : LINE_MS)) {
        return;
    }
    if (progress->terminal && !same && progress->phase[0] != '\0') {
        fputc('\n', stderr);
    }
    progress->told_ms = now;
    (void)snprintf(progress->phase, sizeof(progress->phase), "%s", phase);
    bool bytes = strcmp(phase, "copy") == 0;
    fprintf(stderr, "%s%s: %llu of %s%llu %s%s", progress->terminal ? "\r" : "", phase,
            (unsigned long long)(bytes ? done >> 20 : done), bytes ? "at most " : "",
            (unsigned long long)(bytes ? (total >> 20) + 1 : total), bytes ? "MiB" : "events",
            progress->terminal ? " " : "\n");
    fflush(stderr);
}

static void progress_end(const struct progress *progress)
{
    if (progress->terminal && progress->phase[0] != '\0') {
        fputc('\n', stderr);
    }
}

/* Behind everybody else, for processor and disk: the service goes first. */
static void be_nice(void)
{
    static const struct sched_param none = {.sched_priority = 0};
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

/* --- the answer ------------------------------------------------------------------------------- */

static json_t *result_json(const struct backup_result *result)
{
    char root[65] = "";
    char sha256[65] = "";
    lucid_hex_encode(result->facts.head_root, 32, root);
    lucid_hex_encode(result->sha256, 32, sha256);
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:s, s:b}", "origin",
                     result->facts.identity.origin, "sequence", (json_int_t)result->facts.events,
                     "leaves", (json_int_t)result->facts.leaves, "head_size",
                     (json_int_t)result->facts.head_size, "root", root, "bodies",
                     (json_int_t)result->facts.bodies, "erased", (json_int_t)result->facts.erased,
                     "bytes", (json_int_t)result->bytes, "sha256", sha256, "keys",
                     result->has_keys);
}

static enum cli_exit result_print(struct cli *cli, const char *name, const char *path,
                                  const struct backup_result *result)
{
    json_t *answer = result_json(result);
    if (answer != NULL && path != NULL) {
        (void)json_object_set_new(answer, name, json_string(path));
    }
    return remote_object_print(cli, answer != NULL ? CLI_OK : CLI_REFUSED, answer);
}

/* --- backup ----------------------------------------------------------------------------------- */

static enum cli_exit log_backup(struct cli *cli)
{
    const char *to = cli_value(cli, "to", NULL);
    uint64_t rate_mib;
    if (cli->data == NULL || to == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, cli->data == NULL ? "data" : "to", "--%s is missing",
                        cli->data == NULL ? "data" : "to");
    }
    if (!cli_value_u64(cli, "rate", RATE_MIB_DEFAULT, 0, RATE_MIB_MAX, &rate_mib)) {
        return CLI_USAGE;
    }
    struct lucid_clock clock = lucid_clock_system();
    struct progress progress = {.terminal = isatty(STDERR_FILENO) != 0};
    struct plugins plugins = {.count = 0};
    const struct backup_options options = {
        .data = cli->data,
        .to = to,
        .rate_bytes = rate_mib << 20,
        .with_keys = cli_flag(cli, "with-keys"),
        .version = LUCID_VERSION,
        .now_ms = lucid_wall_ms(&clock),
        .plugins = &plugins,
        .progress = cli->json && !progress.terminal ? NULL : progress_tell,
        .context = &progress,
    };
    struct backup_result *result = calloc(1, sizeof(*result));
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_RETRY_MEMORY;
    enum cli_exit code = cli_plugins_load(cli, &plugins);
    if (code == CLI_OK && result != NULL) {
        be_nice();
        error = backup_run(&options, result, &why);
        progress_end(&progress);
    }
    if (code == CLI_OK) {
        code = error == LUCID_OK ? result_print(cli, "to", to, result)
                                 : cli_fail_why(cli, error, &why, "log backup");
    }
    plugins_unload(&plugins);
    free(result);
    return code;
}

static const struct cli_option backup_options[] = {
    {"to", 0, "DIR", "the backup to be made; must not exist (required)"},
    {"rate", 0, "MIB", "copy at most MIB a second (32; 0 = as fast as it goes)"},
    {"with-keys", 0, NULL, "also log.key, service.key and admin.token: a backup to be locked away"},
    CLI_PLUGINS_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_backup = {
    .group = "log",
    .name = "backup",
    .arguments = "",
    .summary = "copy and verify the store, also while it is served",
    .text =
        "Copies one commit of the store without its free pages, verifies the copy (event hashes,\n"
        "every node of the tree, heads, bodies) and only then gives it its name. Run it as the\n"
        "service's user. While it copies, pages that the service frees are not used again: a\n"
        "slow copy of a busy store lets the store grow.\n",
    .examples = "  lucid log backup --data /var/lib/lucid --to /backup/lucid-2026-11-22\n"
                "  lucid log backup --data /var/lib/lucid --to /backup/x --rate 20 --json\n",
    .options = backup_options,
    .run = log_backup,
};

/* --- restore ---------------------------------------------------------------------------------- */

static void advice_print(struct cli *cli, const struct backup_result *result)
{
    if (!result->has_keys) {
        cli_note(cli, "there are no keys in it yet: put log.key and service.key (0600) there, or "
                      "restore with --keys");
    }
    cli_note(cli,
             "before it may serve: if any head newer than size %llu was published, going on from "
             "this copy forks the log. Ask witnesses and mirrors, then `lucid log accept-head "
             "--data %s --size %llu`",
             (unsigned long long)result->facts.head_size, cli->data,
             (unsigned long long)result->facts.head_size);
}

static enum cli_exit log_restore(struct cli *cli)
{
    if (cli->data == NULL && !cli_flag(cli, "verify")) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing; or only --verify");
    }
    struct progress progress = {.terminal = isatty(STDERR_FILENO) != 0};
    struct plugins plugins = {.count = 0};
    const struct restore_options options = {
        .from = cli->arguments[0],
        .data = cli->data,
        .keys = cli_value(cli, "keys", NULL),
        .plugins = &plugins,
        .progress = cli->json && !progress.terminal ? NULL : progress_tell,
        .context = &progress,
    };
    struct backup_result *result = calloc(1, sizeof(*result));
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_RETRY_MEMORY;
    enum cli_exit code = cli_plugins_load(cli, &plugins);
    if (code == CLI_OK && result != NULL) {
        error = restore_run(&options, result, &why);
        progress_end(&progress);
    }
    if (code == CLI_OK) {
        code = error == LUCID_OK ? result_print(cli, "data", cli->data, result)
                                 : cli_fail_why(cli, error, &why, "log restore");
    }
    if (error == LUCID_OK && code == CLI_OK && cli->data != NULL) {
        advice_print(cli, result);
    }
    plugins_unload(&plugins);
    free(result);
    return code;
}

static const struct cli_option restore_options[] = {
    {"verify", 0, NULL, "verify (always done); without --data that is all"},
    {"keys", 0, "DIR", "take log.key, service.key, admin.token … from DIR"},
    CLI_PLUGINS_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_restore = {
    .group = "log",
    .name = "restore",
    .arguments = "BACKUP",
    .summary = "make a data directory from a backup, verified",
    .text =
        "DIR must not exist, or be empty; nothing is overwritten. The file is held against the\n"
        "manifest, the store verified as by backup and brought to this program's form. The new\n"
        "directory has no published head, so the service refuses it until `lucid log\n"
        "accept-head` says that nothing newer was published: a log must not fork.\n",
    .examples = "  lucid log restore --verify /backup/lucid-2026-11-22\n"
                "  lucid log restore /backup/lucid-2026-11-22 --data /var/lib/lucid --keys "
                "/safe/lucid-keys\n",
    .options = restore_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = log_restore,
};
