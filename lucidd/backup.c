#include "lucidd/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "ledger/store/lmdb.h"
#include "lucidd/backup_internal.h"
#include "lucidd/offline.h"

static enum lucid_error store_copy(const struct backup_options *options, const struct datadir *from,
                                   const struct partial *partial, struct lucid_why *why)
{
    struct backup_sink sink = {.fd = -1,
                               .rate_bytes = options->rate_bytes,
                               .progress = options->progress,
                               .context = options->context};
    struct store *store = NULL;
    enum lucid_error error = offline_store_open(from->store, OFFLINE_READ, &store, why);
    if (error != LUCID_OK) {
        return error;
    }
    /* The slot of an earlier backup that was killed would keep its snapshot's pages for ever. */
    (void)store_readers_check(store);
    struct store_stats stats;
    store_stats_read(store, &stats);
    sink.total = stats.bytes_used;
    error = sink_open(&sink, partial->data, why);
    if (error == LUCID_OK) {
        error = store_lmdb_copy(store, sink_write, &sink, why);
    }
    store_close(store);
    return sink_close(&sink, error);
}

static void manifest_build(const struct backup_options *options, const struct backup_result *result,
                           struct lucid_buf *out)
{
    const struct backup_facts *facts = &result->facts;
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "lucid_backup", 1);
    lucid_json_member_cstr(out, "origin", facts->identity.origin);
    lucid_json_member_u64(out, "sequence", facts->events);
    lucid_json_member_hex(out, "event_hash", facts->event_hash, sizeof(facts->event_hash));
    lucid_json_member_u64(out, "leaves", facts->leaves);
    lucid_json_member_u64(out, "size", facts->head_size);
    lucid_json_member_hex(out, "root", facts->head_root, sizeof(facts->head_root));
    lucid_json_member_str(out, "checkpoint", lucid_span(facts->checkpoint, facts->checkpoint_len));
    lucid_json_member_time(out, "made_at", options->now_ms);
    lucid_json_member_cstr(out, "version", options->version);
    lucid_json_member_bool(out, "keys", result->has_keys);
    lucid_json_member_u64(out, "bytes", result->bytes);
    lucid_json_member_hex(out, "sha256", result->sha256, sizeof(result->sha256));
    lucid_buf_str(out, "}\n");
}

static enum lucid_error manifest_write(const struct backup_options *options,
                                       const struct partial *partial,
                                       const struct backup_result *result, struct lucid_why *why)
{
    char path[DATADIR_PATH_BYTES_MAX + 96];
    struct lucid_buf out;
    lucid_buf_init(&out, BACKUP_MANIFEST_BYTES_MAX);
    manifest_build(options, result, &out);
    (void)snprintf(path, sizeof(path), "%s/%s", partial->dir.root, BACKUP_MANIFEST);
    enum lucid_error error =
        lucid_buf_ok(&out) ? datadir_file_write(path, 0644, lucid_buf_span(&out), why)
                           : lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    lucid_buf_fini(&out);
    return error;
}

static enum lucid_error partial_fill(const struct backup_options *options,
                                     const struct datadir *from, const struct partial *partial,
                                     struct backup_result *result, struct lucid_why *why)
{
    enum lucid_error error = store_copy(options, from, partial, why);
    if (error == LUCID_OK) {
        error = backup_verify(partial->dir.store, options->plugins, options->progress,
                              options->context, &result->facts, why);
    }
    if (error == LUCID_OK) {
        error = file_digest(partial->data, result->sha256, &result->bytes, why);
    }
    if (error == LUCID_OK) {
        error = vkey_write(&partial->dir, &result->facts.identity, why);
    }
    if (error == LUCID_OK && options->with_keys) {
        error = keys_copy(from, &partial->dir, &result->facts.identity, why);
        result->has_keys = error == LUCID_OK;
    }
    return error == LUCID_OK ? manifest_write(options, partial, result, why) : error;
}

enum lucid_error backup_run(const struct backup_options *options, struct backup_result *ret,
                            struct lucid_why *why)
{
    struct datadir from;
    struct partial partial = {.fd = -1};
    struct stat info;
    enum lucid_error error = datadir_init(options->data, &from, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (lstat(options->to, &info) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXISTS", "to", "%.200s is there already",
                            options->to);
    }
    struct backup_result *result = calloc(1, sizeof(*result));
    if (result == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    error = partial_open(options->to, &partial, why);
    if (error == LUCID_OK) {
        error = partial_fill(options, &from, &partial, result, why);
        if (error == LUCID_OK) {
            error = partial_finish(&partial, false, why);
        }
        if (error == LUCID_OK) {
            *ret = *result;
        }
        partial_drop(&partial);
    }
    free(result);
    return error;
}
