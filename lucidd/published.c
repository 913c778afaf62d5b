#include "lucidd/published.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "ledger/head.h"
#include "ledger/note.h"
#include "lucidd/datadir.h"

enum { KEEP_MS = 1000 };

/* --- judging ---------------------------------------------------------------------------------- */

static enum lucid_error behind(struct lucid_why *why, const char *where, uint64_t known,
                               uint64_t ours)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "STORE_BEHIND", "data",
                        "%s: this log has published a head of %llu leaves, the store's newest has "
                        "%llu: it is an old copy, and going on from it would fork the log",
                        where, (unsigned long long)known, (unsigned long long)ours);
}

enum lucid_error published_judge(struct ledger_view *view, struct lucid_span checkpoint,
                                 const char *where, struct lucid_why *why)
{
    const struct ledger_identity *identity;
    if (!ledger_identity(ledger_view_ledger(view), &identity)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NO_LOG", "data", "the store holds no log");
    }
    struct ledger_vkey vkey;
    struct ledger_checkpoint known;
    enum lucid_error error = ledger_vkey_parse(lucid_span_str(identity->vkey), &vkey, why);
    if (error == LUCID_OK) {
        error = ledger_checkpoint_open(checkpoint, &vkey, &known, why);
    }
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_CHECKPOINT", NULL,
                            "%s: not a checkpoint signed by this log's key", where);
    }
    struct ledger_head newest;
    error = ledger_head_newest(view, &newest);
    uint64_t ours = error == LUCID_OK ? newest.size : 0;
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "STORE", "data", "the newest head cannot be read: %s",
                            lucid_error_name(error));
    }
    /* Leaves beyond the newest head do not help: had they been these, a head would cover them. */
    if (known.size > ours) {
        return behind(why, where, known.size, ours);
    }
    struct mmr_nodes nodes = ledger_view_nodes(view);
    struct mmr_hash root;
    error = mmr_root(&nodes, known.size, &root);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "STORE", "data", "the tree cannot be read: %s",
                            lucid_error_name(error));
    }
    if (memcmp(root.bytes, known.root.bytes, MMR_HASH_BYTES) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "STORE_FORKED", "data",
                            "%s: at %llu leaves this log has published another root than this "
                            "store's: the log has forked",
                            where, (unsigned long long)known.size);
    }
    return LUCID_OK;
}

enum lucid_error published_check(struct ledger *ledger, const char *path, struct lucid_why *why)
{
    /* One that came from elsewhere may carry as many cosignatures as a note can. */
    char *text = malloc(LEDGER_NOTE_BYTES_MAX + 1);
    size_t len = 0;
    struct ledger_view *view = NULL;
    enum lucid_error error =
        text == NULL ? lucid_refuse(why, LUCID_RETRY_MEMORY, NULL, NULL, "out of memory")
                     : datadir_file_read(path, false, text, LEDGER_NOTE_BYTES_MAX, &len, why);
    if (error == LUCID_OK) {
        error = ledger_view_open(ledger, &view);
    }
    if (error == LUCID_OK) {
        error = ledger_view_begin(view);
    }
    if (error == LUCID_OK) {
        error = published_judge(view, lucid_span(text, len), path, why);
        ledger_view_end(view);
    }
    ledger_view_close(view);
    free(text);
    return error;
}

/* --- keeping ---------------------------------------------------------------------------------- */

/* Heads are copied, so that no view is open while the disk works. */
static enum lucid_error checkpoint_copy(struct lucid_span checkpoint,
                                        uint8_t out[LEDGER_CHECKPOINT_BYTES_MAX], size_t *ret_len)
{
    if (checkpoint.len > LEDGER_CHECKPOINT_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(out, checkpoint.data, checkpoint.len);
    *ret_len = checkpoint.len;
    return LUCID_OK;
}

static enum lucid_error newest_copy(struct ledger *ledger, uint8_t out[LEDGER_CHECKPOINT_BYTES_MAX],
                                    size_t *ret_len, uint64_t *ret_size)
{
    struct ledger_view *view;
    enum lucid_error error = ledger_view_open(ledger, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        struct ledger_head head;
        error = ledger_head_newest(view, &head);
        if (error == LUCID_OK) {
            error = checkpoint_copy(head.checkpoint, out, ret_len);
            *ret_size = head.size;
        }
        ledger_view_end(view);
    }
    ledger_view_close(view);
    return error;
}

/* Writes unless the file is known to hold a head of that size already. */
static enum lucid_error head_write(struct ledger *ledger, const char *path, const uint64_t *have,
                                   uint64_t *ret_size, struct lucid_why *why)
{
    uint8_t text[LEDGER_CHECKPOINT_BYTES_MAX];
    size_t len = 0;
    uint64_t size = 0;
    enum lucid_error error = newest_copy(ledger, text, &len, &size);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, NULL, NULL, "the newest head cannot be read: %s",
                            lucid_error_name(error));
    }
    /* Also when somebody took the file away meanwhile. */
    if (have == NULL || *have != size || access(path, F_OK) != 0) {
        error = datadir_file_write(path, 0644, lucid_span(text, len), why);
    }
    if (error == LUCID_OK) {
        *ret_size = size;
    }
    return error;
}

enum lucid_error published_write(struct ledger *ledger, const char *path, struct lucid_why *why)
{
    uint64_t size;
    return head_write(ledger, path, NULL, &size, why);
}

enum lucid_error published_seed(struct store *store, const char *path, struct lucid_why *why)
{
    uint8_t text[LEDGER_CHECKPOINT_BYTES_MAX];
    size_t len = 0;
    struct lucid_span newest;
    struct store_view *view;
    if (access(path, F_OK) == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = store_view_open(store, &view);
    if (error == LUCID_OK) {
        error = store_view_begin(view);
        if (error == LUCID_OK) {
            error = ledger_head_find(view, &newest);
            if (error == LUCID_OK) {
                error = checkpoint_copy(newest, text, &len);
            }
            store_view_end(view);
        }
        store_view_close(view);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    return error == LUCID_OK
               ? datadir_file_write(path, 0644, lucid_span(text, len), why)
               : lucid_refuse(why, error, NULL, NULL, "the newest head cannot be read: %s",
                              lucid_error_name(error));
}

uint64_t published_keep(void *context, uint64_t now_ms)
{
    (void)now_ms;
    struct published_keeper *keeper = context;
    struct lucid_why why = {0};
    enum lucid_error error =
        head_write(keeper->ledger, keeper->path, keeper->written ? &keeper->written_size : NULL,
                   &keeper->written_size, &why);
    if (error == LUCID_OK) {
        keeper->written = true;
    }
    bool failing = error != LUCID_OK && error != LUCID_NOTE_ABSENT;
    if (failing != keeper->failing) {
        lucid_log(failing ? LUCID_LOG_ERROR : LUCID_LOG_INFO, "published.file",
                  failing ? "the published head cannot be kept: %s" : "kept again%s",
                  failing ? why.text : "");
    }
    keeper->failing = failing;
    return KEEP_MS;
}
