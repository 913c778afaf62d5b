/* lucid log mirror: a verified copy of somebody else's log. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/lines.h"
#include "tools/lucid/mirror.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/vkey.h"

enum { PAUSE_MS_MAX = 60000 };

/* The key is named by its text or by a file that holds it. False: after a message. */
static bool vkey_read(struct cli *cli, char ret_text[VKEY_TEXT_BYTES], const char **ret)
{
    const char *given = cli_value(cli, "vkey", NULL);
    struct ledger_vkey vkey;
    struct lucid_why why = {0};
    *ret = NULL;
    if (given == NULL) {
        return true;
    }
    if (ledger_vkey_parse(lucid_span_str(given), &vkey, NULL) == LUCID_OK) {
        *ret = given;
        return true;
    }
    enum lucid_error error = vkey_file_read(given, ret_text, &why);
    if (error == LUCID_OK) {
        error = ledger_vkey_parse(lucid_span_str(ret_text), &vkey, &why);
        *ret = ret_text;
    }
    if (error != LUCID_OK) {
        (void)cli_fail(cli, CLI_USAGE, why.code, "vkey", "--vkey: %s",
                       why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    return error == LUCID_OK;
}

static enum cli_exit state_print(const struct mirror *mirror, uint64_t taken)
{
    const struct ledger_replica *replica = &mirror->replica;
    char root[2 * MMR_HASH_BYTES + 1] = "";
    lucid_hex_encode(mirror->published.root.bytes, MMR_HASH_BYTES, root);
    json_t *state = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "data", mirror->dir.root,
        "events", (json_int_t)mirror->events, "size", (json_int_t)mirror->leaves, "new_events",
        (json_int_t)taken, "published_size", (json_int_t)mirror->published.size, "published_root",
        root, "signatures_verified", (json_int_t)replica->signatures, "heads_verified",
        (json_int_t)replica->heads, "bodies", (json_int_t)replica->bodies, "bodies_erased",
        (json_int_t)replica->erased, "unknown_events", (json_int_t)replica->unknown);
    enum cli_exit code =
        remote_object_print(mirror->cli, state != NULL ? CLI_OK : CLI_REFUSED, state);
    return cli_flush(mirror->cli) ? code : CLI_REFUSED;
}

/* Passes until somebody says stop or something is wrong. */
static enum cli_exit follow(struct mirror *mirror, uint32_t interval_ms)
{
    uint32_t pause_ms = interval_ms;
    for (bool first = true;; first = false) {
        enum cli_exit code = mirror_pass(mirror);
        if (code == CLI_OK && (first || mirror->taken > 0)) {
            code = state_print(mirror, mirror->taken);
        }
        if (lines_stopped()) {
            return code == CLI_REFUSED ? code : CLI_OK;
        }
        if (code != CLI_OK && code != CLI_UNREACHABLE) {
            return code;
        }
        pause_ms = code == CLI_OK ? interval_ms : pause_ms * 2;
        pause_ms = pause_ms > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause_ms;
        if (!lines_sleep(pause_ms)) {
            return CLI_OK;
        }
    }
}

static enum cli_exit mirror_run(struct cli *cli, struct mirror *mirror, const char *vkey)
{
    uint64_t interval_s = 0;
    if (!cli_value_u64(cli, "interval", 2, 1, 3600, &interval_s)) {
        return CLI_USAGE;
    }
    enum cli_exit code = mirror_open(mirror, cli, cli->arguments[0], vkey);
    if (code == CLI_OK) {
        lines_stop_catch();
        if (cli_flag(cli, "follow")) {
            code = follow(mirror, (uint32_t)interval_s * 1000);
        } else {
            code = mirror_pass(mirror);
            if (code == CLI_UNREACHABLE && lines_stopped()) {
                code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "interrupted: run it again to go on");
            }
            code = code == CLI_OK ? state_print(mirror, mirror->taken) : code;
        }
    }
    mirror_close(mirror);
    return code;
}

static enum cli_exit log_mirror(struct cli *cli)
{
    char text[VKEY_TEXT_BYTES];
    const char *vkey;
    if (cli_flag(cli, "once") && cli_flag(cli, "follow")) {
        return cli_fail(cli, CLI_USAGE, NULL, "once", "--once and --follow exclude each other");
    }
    if (!vkey_read(cli, text, &vkey)) {
        return CLI_USAGE;
    }
    struct mirror *mirror = calloc(1, sizeof(*mirror));
    if (mirror == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = mirror_run(cli, mirror, vkey);
    free(mirror);
    return code;
}

static const struct cli_option mirror_options[] = {
    {"vkey", 'V', "FILE", "the log's verifier key, a file or its text; pinned by the first run"},
    {"once", 0, NULL, "bring the copy up to date and end (the default)"},
    {"follow", 'f', NULL, "go on until Ctrl-C"},
    {"interval", 'i', "SECONDS", "with --follow: how often to ask (2)"},
    CLI_PLUGINS_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_mirror = {
    .group = "log",
    .name = "mirror",
    .arguments = "DIR",
    .summary = "keep a verified copy of a log",
    .text =
        "Copies the log's events with their bodies (scope read, and audit where plugins log)\n"
        "into DIR and trusts nothing but the log's key: event hashes, entries, roots and "
        "signatures\n"
        "of all heads, epochs, bodies and signatures of all receipts are verified before anything\n"
        "is kept, and the published head must be that of the copy. Runs go on where the last one\n"
        "ended.\n"
        "\n"
        "What contradicts the copy (a fork, a rollback) is reported with exit code 1, both\n"
        "signed heads are saved in DIR/evidence, and the copy stays as it is. The copy is read\n"
        "with --data DIR by log info and its like; it holds no keys and cannot be served. What\n"
        "plugins logged is copied in any case, and folded into their tables with --plugins.\n",
    .examples = "  lucid log mirror ./copy --url https://log.example.org --vkey vkey\n"
                "  lucid log mirror ./copy --url https://log.example.org --follow --json\n",
    .options = mirror_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = log_mirror,
};
