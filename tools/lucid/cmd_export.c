/* lucid log export --tiles: the log as static files */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/tile_source.h"
#include "tools/lucid/vkey.h"

#define CHECKPOINT_NAME   "checkpoint"
#define PROGRESS_EVERY_MS 500

struct exporter {
    struct cli *cli;
    struct tile_source source;
    struct tile_folder folder;
    struct ledger_vkey vkey;
    struct lucid_buf note; /* the head to export, and what it says */
    struct ledger_checkpoint head;
    uint8_t old_note[LEDGER_NOTE_BYTES_MAX]; /* what DIR holds already */
    size_t old_note_len;
    struct ledger_checkpoint old; /* size 0 when there is none */
    struct ledger_tile_reader reader;
    struct ledger_tile_reader folder_reader;
    uint8_t content[LEDGER_TILE_BUNDLE_BYTES];
    uint8_t there[LEDGER_TILE_BUNDLE_BYTES];
    /* Progress. */
    uint64_t missing;
    uint64_t present;
    struct lucid_clock clock;
    uint64_t told_ms;
    bool bar;
};

typedef enum lucid_error tile_fn(struct exporter *exporter, const struct ledger_tile *tile,
                                 struct lucid_why *why);

/* Calls for every tile that a tree of that size is made of. */
static enum lucid_error tiles_each(struct exporter *exporter, uint64_t size, tile_fn *fn,
                                   struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (unsigned level = 0; ledger_tile_hashes_of(size, level) != 0; level++) {
        uint64_t hashes = ledger_tile_hashes_of(size, level);
        for (uint64_t number = 0; number * LEDGER_TILE_WIDTH < hashes; number++) {
            uint64_t left = hashes - number * LEDGER_TILE_WIDTH;
            struct ledger_tile tile = {
                .level = (uint8_t)level,
                .number = number,
                .width = (uint16_t)(left < LEDGER_TILE_WIDTH ? left : LEDGER_TILE_WIDTH)};
            error = fn(exporter, &tile, why);
            if (error == LUCID_OK && level == 0) {
                tile.entries = true;
                error = fn(exporter, &tile, why);
            }
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    return error;
}

/* The verified content of a tile, in place or in exporter->content. */
static enum lucid_error tile_get(struct exporter *exporter, struct ledger_tile_reader *reader,
                                 const struct ledger_tile *tile, const uint8_t **ret,
                                 struct lucid_why *why)
{
    if (!tile->entries) {
        return ledger_tile_reader_hashes(reader, tile, ret, why);
    }
    *ret = exporter->content;
    return ledger_tile_reader_bundle(reader, tile, exporter->content, why);
}

/* --- what lies in the folder ------------------------------------------------------------------ */

static enum lucid_error differs(const struct exporter *exporter, const char *name,
                                struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXPORT_DIFFERS", name,
                        "%s/%s holds other bytes than the log: nothing was changed",
                        exporter->folder.path, name);
}

/* Whether a file that is there may stay. What the folder's own checkpoint covers was verified when
 * it was written; what lies beyond it, left by a run that was cut, is compared. */
static enum lucid_error tile_look(struct exporter *exporter, const struct ledger_tile *tile,
                                  struct lucid_why *why)
{
    char name[TILE_FOLDER_NAME_MAX];
    uint64_t len;
    size_t want = ledger_tile_bytes(tile);
    tile_source_name(tile, name);
    enum lucid_error error = tile_folder_stat(&exporter->folder, name, &len, why);
    if (error == LUCID_NOTE_ABSENT) {
        exporter->missing++;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (len != want) {
        return differs(exporter, name, why);
    }
    exporter->present++;
    if (ledger_tile_exists(tile, exporter->old.size)) {
        return LUCID_OK;
    }
    size_t got = 0;
    const uint8_t *content = NULL;
    error = tile_folder_read(&exporter->folder, name, exporter->there, sizeof(exporter->there),
                             &got, why);
    if (error == LUCID_OK) {
        error = tile_get(exporter, &exporter->reader, tile, &content, why);
    }
    if (error == LUCID_OK && (got != want || memcmp(content, exporter->there, want) != 0)) {
        error = differs(exporter, name, why);
    }
    return error;
}

static enum lucid_error tile_check(struct exporter *exporter, const struct ledger_tile *tile,
                                   struct lucid_why *why)
{
    const uint8_t *content;
    return tile_get(exporter, &exporter->folder_reader, tile, &content, why);
}

/* The folder's checkpoint, and that what it holds leads to that one's root. */
static enum lucid_error folder_open(struct exporter *exporter, struct lucid_why *why)
{
    enum lucid_error error =
        tile_folder_read(&exporter->folder, CHECKPOINT_NAME, exporter->old_note,
                         sizeof(exporter->old_note), &exporter->old_note_len, why);
    if (error == LUCID_NOTE_ABSENT) {
        mmr_bag(NULL, 0, &exporter->old.root);
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_why fault = {.code = NULL};
    error = ledger_checkpoint_open(lucid_span(exporter->old_note, exporter->old_note_len),
                                   &exporter->vkey, &exporter->old, &fault);
    if (error != LUCID_OK) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXPORT_DIFFERS", CHECKPOINT_NAME,
                            "%s/checkpoint is not this log's: %s", exporter->folder.path,
                            fault.text);
    }
    struct tile_source source;
    tile_source_open_folder(&source, &exporter->folder);
    error = ledger_tile_reader_open(&exporter->folder_reader, source.read, &source,
                                    exporter->old.size, &exporter->old.root, &fault);
    if (error == LUCID_OK && cli_flag(exporter->cli, "check")) {
        error = tiles_each(exporter, exporter->old.size, tile_check, &fault);
    }
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_RETRY) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXPORT_DIFFERS", fault.param,
                            "%s is damaged: %s", exporter->folder.path, fault.text);
    }
    if (error != LUCID_OK) {
        *why = fault;
    }
    return error;
}

/* The log must go on where the folder ends. */
static enum lucid_error fork_check(struct exporter *exporter, struct lucid_why *why)
{
    const struct ledger_checkpoint *old = &exporter->old;
    if (old->size > exporter->head.size) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "LOG_BEHIND", NULL,
                            "%s holds %llu entries, the log has published only %llu: it was rolled "
                            "back, or is a copy that lags; nothing was changed",
                            exporter->folder.path, (unsigned long long)old->size,
                            (unsigned long long)exporter->head.size);
    }
    struct mmr_hash root;
    enum lucid_error error = ledger_tile_reader_root(&exporter->reader, old->size, &root, why);
    if (error == LUCID_OK && memcmp(root.bytes, old->root.bytes, sizeof(root.bytes)) != 0) {
        error = lucid_refuse(why, LUCID_REFUSE_CONFLICT, "LOG_FORKED", NULL,
                             "FORK: the log signed two different trees of %llu entries; nothing "
                             "was changed, keep %s/checkpoint and %s's as evidence",
                             (unsigned long long)old->size, exporter->folder.path, "the log");
    }
    return error;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void progress(struct exporter *exporter, bool last)
{
    uint64_t now = lucid_boot_ms(&exporter->clock);
    if (!exporter->bar || (!last && now < exporter->told_ms + PROGRESS_EVERY_MS)) {
        return;
    }
    exporter->told_ms = now;
    fprintf(stderr, "\r%llu of %llu files, %.1f MB%s",
            (unsigned long long)exporter->folder.files_written,
            (unsigned long long)exporter->missing, (double)exporter->folder.bytes_written / 1e6,
            last ? "\n" : "");
}

static enum lucid_error tile_write(struct exporter *exporter, const struct ledger_tile *tile,
                                   struct lucid_why *why)
{
    char name[TILE_FOLDER_NAME_MAX];
    uint64_t len;
    tile_source_name(tile, name);
    enum lucid_error error = tile_folder_stat(&exporter->folder, name, &len, why);
    if (error == LUCID_OK) {
        /* A run that was killed may not have come to its fsync. */
        return ledger_tile_exists(tile, exporter->old.size)
                   ? LUCID_OK
                   : tile_folder_enter(&exporter->folder, name, why);
    }
    const uint8_t *content = NULL;
    if (error == LUCID_NOTE_ABSENT) {
        error = tile_get(exporter, &exporter->reader, tile, &content, why);
    }
    if (error == LUCID_OK) {
        error = tile_folder_write(&exporter->folder, name,
                                  lucid_span(content, ledger_tile_bytes(tile)), why);
        progress(exporter, false);
    }
    return error;
}

/* The checkpoint last: what it speaks of is there. */
static enum lucid_error checkpoint_write(struct exporter *exporter, struct lucid_why *why)
{
    struct lucid_span note = lucid_buf_span(&exporter->note);
    if (lucid_span_equal(note, lucid_span(exporter->old_note, exporter->old_note_len))) {
        return LUCID_OK;
    }
    enum lucid_error error = tile_folder_write(&exporter->folder, CHECKPOINT_NAME, note, why);
    return error == LUCID_OK ? tile_folder_sync(&exporter->folder, why) : error;
}

/* --- the command ------------------------------------------------------------------------------ */

static enum lucid_error vkey_load(struct exporter *exporter, const char *of_store,
                                  struct lucid_why *why)
{
    char text[VKEY_TEXT_BYTES];
    enum lucid_error error = vkey_option_read(exporter->cli, of_store, text, why);
    if (error == LUCID_NOTE_END) {
        return lucid_refuse(
            why, LUCID_REFUSE_INVALID, NULL, "vkey",
            "--vkey, --vkey-file or --data is missing: what a service says can be judged "
            "only by a key that came another way");
    }
    return error == LUCID_OK ? ledger_vkey_parse(lucid_span_str(text), &exporter->vkey, why)
                             : error;
}

static enum lucid_error source_open(struct exporter *exporter, enum cli_exit *ret_code,
                                    struct lucid_why *why)
{
    struct cli *cli = exporter->cli;
    char of_store[LEDGER_VKEY_BYTES_MAX + 64] = "";
    bool offline = cli->data != NULL && !cli_flag(cli, "url");
    enum lucid_error error = LUCID_OK;
    if (offline) {
        error = tile_source_open_data(&exporter->source, cli->data, &exporter->note, of_store,
                                      sizeof(of_store), why);
    }
    if (error == LUCID_OK) {
        error = vkey_load(exporter, of_store, why);
        *ret_code = error == LUCID_OK ? CLI_REFUSED : CLI_USAGE;
    }
    if (error == LUCID_OK && !offline) {
        error = tile_source_open_url(&exporter->source, cli->url, &exporter->note, why);
    }
    if (error == LUCID_OK) {
        error = ledger_checkpoint_open(lucid_buf_span(&exporter->note), &exporter->vkey,
                                       &exporter->head, why);
    }
    if (error == LUCID_OK) {
        error = ledger_tile_reader_open(&exporter->reader, exporter->source.read, &exporter->source,
                                        exporter->head.size, &exporter->head.root, why);
    }
    return error;
}

static enum lucid_error export_run(struct exporter *exporter, const char *path,
                                   enum cli_exit *ret_code, struct lucid_why *why)
{
    enum lucid_error error = source_open(exporter, ret_code, why);
    if (error == LUCID_OK) {
        error = tile_folder_open(path, &exporter->folder, why);
    }
    if (error == LUCID_OK) {
        error = folder_open(exporter, why);
    }
    if (error == LUCID_OK) {
        error = fork_check(exporter, why);
    }
    if (error == LUCID_OK) {
        error = tiles_each(exporter, exporter->head.size, tile_look, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (exporter->missing > 0) {
        exporter->bar = isatty(STDERR_FILENO) == 1 && !exporter->cli->json;
        cli_note(exporter->cli, "writing %llu files to %s", (unsigned long long)exporter->missing,
                 path);
    }
    error = tiles_each(exporter, exporter->head.size, tile_write, why);
    if (exporter->missing > 0) {
        progress(exporter, true);
    }
    if (error == LUCID_OK) {
        error = tile_folder_sync(&exporter->folder, why);
    }
    return error == LUCID_OK ? checkpoint_write(exporter, why) : error;
}

static enum cli_exit export_print(const struct exporter *exporter)
{
    char root[2 * MMR_HASH_BYTES + 1] = "";
    char origin[LEDGER_NAME_BYTES_MAX + 1] = "";
    lucid_hex_encode(exporter->head.root.bytes, MMR_HASH_BYTES, root);
    memcpy(origin, exporter->head.origin.data, exporter->head.origin.len);
    json_t *all = json_pack(
        "{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "directory", exporter->folder.path, "origin",
        origin, "size", (json_int_t)exporter->head.size, "root", root, "from_size",
        (json_int_t)exporter->old.size, "files_written", (json_int_t)exporter->folder.files_written,
        "bytes_written", (json_int_t)exporter->folder.bytes_written, "files_present",
        (json_int_t)exporter->present);
    return remote_object_print(exporter->cli, all != NULL ? CLI_OK : CLI_REFUSED, all);
}

static enum cli_exit log_export(struct cli *cli)
{
    const char *path = cli_value(cli, "tiles", NULL);
    if (path == NULL || path[0] == '\0') {
        return cli_fail(cli, CLI_USAGE, NULL, "tiles", "--tiles DIR is missing");
    }
    struct exporter *exporter = calloc(1, sizeof(*exporter));
    if (exporter == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    struct lucid_why why = {.code = NULL};
    exporter->cli = cli;
    exporter->clock = lucid_clock_system();
    exporter->folder = (struct tile_folder){.root = -1, .open = -1};
    enum cli_exit code = CLI_REFUSED;
    enum lucid_error error = export_run(exporter, path, &code, &why);
    if (error == LUCID_OK) {
        code = export_print(exporter);
    } else if (code == CLI_USAGE) {
        (void)cli_fail(cli, code, why.code, why.param, "%s",
                       why.text[0] != '\0' ? why.text : lucid_error_name(error));
    } else if (exporter->source.unreachable) {
        code = cli_fail(cli, CLI_UNREACHABLE, why.code, why.param, "%s", why.text);
    } else {
        code = cli_fail_why(cli, error, &why, "log export");
    }
    tile_source_close(&exporter->source);
    tile_folder_close(&exporter->folder);
    lucid_buf_fini(&exporter->note);
    free(exporter);
    return code;
}

static const struct cli_option export_options[] = {
    {"tiles", 'T', "DIR", "where the files go; made if its parent is there (required)"},
    {"check", 0, NULL, "verify every file that DIR holds already, not only where it ends"},
    {"vkey", 'V', "VKEY", "the log's verifier key, C2SP text (needed with a service)"},
    {"vkey-file", 'f', "FILE", "a file with it (else --data's own)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_export = {
    .group = "log",
    .name = "export",
    .arguments = "",
    .summary = "write the log as static files (C2SP tlog-tiles)",
    .text =
        "Writes checkpoint, hash tiles and entry bundles as any web server or CDN can serve them:\n"
        "from a data directory (--data, beside a running service or without one) or from a\n"
        "service (--url). Every byte is verified up to the signed checkpoint before it is\n"
        "written. A further run writes only what is new, the checkpoint last; one that was\n"
        "killed is completed by the next. If DIR is not a prefix of the log (a fork, another\n"
        "log, a log that was rolled back, a damaged file), nothing is changed: exit 1.\n",
    .examples = "  lucid log export --tiles /srv/log --data /var/lib/lucid\n"
                "  lucid log export --tiles mirror --url https://log.example.org --vkey-file vkey\n"
                "  lucid log export --tiles mirror --vkey-file vkey --check --json\n",
    .options = export_options,
    .run = log_export,
};
