#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "lucidd/backup_internal.h"
#include "lucidd/offline.h"
#include "migrations/migrations.h"

enum { MANIFEST_ARENA_BYTES = 65536, PIECE_BYTES = 1 << 18 };

struct manifest {
    char origin[LEDGER_ORIGIN_BYTES_MAX + 1];
    uint64_t sequence;
    uint64_t size;
    uint64_t bytes;
    uint8_t event_hash[32];
    uint8_t root[32];
    uint8_t sha256[32];
};

/* --- the manifest ----------------------------------------------------------------------------- */

static bool member_hex(const struct jcs_value *root, const char *name, uint8_t out[32])
{
    const struct jcs_value *value = jcs_member(root, name);
    return value != NULL && jcs_type(value) == JCS_STRING &&
           lucid_hex_decode(jcs_string(value), out, 32);
}

static bool member_u64(const struct jcs_value *root, const char *name, uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(root, name);
    return value != NULL && jcs_uint(value, ret);
}

static bool manifest_fill(const struct jcs_value *root, struct manifest *ret)
{
    uint64_t form = 0;
    const struct jcs_value *origin = jcs_member(root, "origin");
    if (!member_u64(root, "lucid_backup", &form) || form != 1 || origin == NULL ||
        jcs_type(origin) != JCS_STRING) {
        return false;
    }
    struct lucid_span name = jcs_string(origin);
    if (name.len == 0 || name.len > LEDGER_ORIGIN_BYTES_MAX) {
        return false;
    }
    memcpy(ret->origin, name.data, name.len);
    ret->origin[name.len] = '\0';
    return member_u64(root, "sequence", &ret->sequence) && member_u64(root, "size", &ret->size) &&
           member_u64(root, "bytes", &ret->bytes) && member_hex(root, "root", ret->root) &&
           member_hex(root, "event_hash", ret->event_hash) &&
           member_hex(root, "sha256", ret->sha256);
}

static enum lucid_error manifest_read(const struct datadir *from, struct manifest *ret,
                                      struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 2, .values_max = 64};
    char path[DATADIR_PATH_BYTES_MAX + 96];
    char text[BACKUP_MANIFEST_BYTES_MAX + 1];
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", from->root, BACKUP_MANIFEST);
    enum lucid_error error =
        datadir_file_read(path, false, text, BACKUP_MANIFEST_BYTES_MAX, &len, why);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "NOT_A_BACKUP", NULL, "%.200s is no backup: it has no %s",
                            from->root, BACKUP_MANIFEST);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, MANIFEST_ARENA_BYTES);
    bool ok = jcs_parse(lucid_span(text, len), &limits, &arena, &root, NULL) == LUCID_OK &&
              jcs_type(root) == JCS_OBJECT && manifest_fill(root, ret);
    lucid_arena_fini(&arena);
    return ok ? LUCID_OK
              : lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_A_BACKUP", NULL,
                             "%.200s is not a manifest that this program knows", path);
}

static enum lucid_error digest_check(const char *path, const struct manifest *manifest,
                                     struct backup_result *result, struct lucid_why *why)
{
    enum lucid_error error = file_digest(path, result->sha256, &result->bytes, why);
    if (error == LUCID_OK &&
        (result->bytes != manifest->bytes ||
         memcmp(result->sha256, manifest->sha256, sizeof(result->sha256)) != 0)) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "MANIFEST_MISMATCH", NULL,
                             "%.200s is not the file that the manifest names (SHA-256)", path);
    }
    return error;
}

static enum lucid_error facts_check(const struct manifest *manifest,
                                    const struct backup_facts *facts, struct lucid_why *why)
{
    if (strcmp(manifest->origin, facts->identity.origin) != 0 ||
        manifest->sequence != facts->events || manifest->size != facts->head_size ||
        memcmp(manifest->root, facts->head_root, sizeof(manifest->root)) != 0 ||
        memcmp(manifest->event_hash, facts->event_hash, sizeof(manifest->event_hash)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "MANIFEST_MISMATCH", NULL,
                            "the store holds another log, or another state of it, than the "
                            "manifest says");
    }
    return LUCID_OK;
}

/* --- restoring -------------------------------------------------------------------------------- */

static enum lucid_error file_pass(int fd, const char *path, struct backup_sink *sink,
                                  struct lucid_why *why)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    enum lucid_error error = piece == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    while (error == LUCID_OK) {
        ssize_t got = read(fd, piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            error = lucid_refuse(why, LUCID_RETRY_IO, "IO", NULL, "%.200s: read: %s", path,
                                 strerrordesc_np(errno));
        }
        if (got <= 0) {
            break;
        }
        error = sink_write(sink, lucid_span(piece, (size_t)got));
    }
    free(piece);
    return error;
}

static enum lucid_error file_copy(const struct restore_options *options, const char *from,
                                  uint64_t bytes, const char *to, struct lucid_why *why)
{
    struct backup_sink sink = {
        .fd = -1, .total = bytes, .progress = options->progress, .context = options->context};
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return lucid_refuse(why, LUCID_RETRY_IO, "IO", NULL, "%.200s: %s", from,
                            strerrordesc_np(errno));
    }
    enum lucid_error error = sink_open(&sink, to, why);
    if (error == LUCID_OK) {
        error = file_pass(fd, from, &sink, why);
    }
    (void)close(fd);
    return sink_close(&sink, error);
}

/* To this program's form: from then on the service asks for a published head. */
static enum lucid_error store_migrate(const char *path, struct lucid_why *why)
{
    struct store *store = NULL;
    uint32_t applied = 0;
    enum lucid_error error = offline_store_open(path, OFFLINE_WRITE, &store, why);
    if (error == LUCID_OK) {
        error = migrations_run(store, &applied, why);
    }
    store_close(store);
    return error;
}

static enum lucid_error keys_restore(const struct restore_options *options,
                                     const struct datadir *from, const struct partial *partial,
                                     struct backup_result *result, struct lucid_why *why)
{
    struct datadir keys = *from;
    enum lucid_error error =
        options->keys != NULL ? datadir_init(options->keys, &keys, why) : LUCID_OK;
    if (error != LUCID_OK || (options->keys == NULL && access(keys.log_key, F_OK) != 0)) {
        return error;
    }
    error = keys_copy(&keys, &partial->dir, &result->facts.identity, why);
    result->has_keys = error == LUCID_OK;
    return error;
}

static enum lucid_error partial_fill(const struct restore_options *options,
                                     const struct datadir *from, const char *data,
                                     const struct manifest *manifest, const struct partial *partial,
                                     struct backup_result *result, struct lucid_why *why)
{
    enum lucid_error error = file_copy(options, data, manifest->bytes, partial->data, why);
    if (error == LUCID_OK) {
        error = digest_check(partial->data, manifest, result, why);
    }
    if (error == LUCID_OK) {
        error = backup_verify(partial->dir.store, options->plugins, options->progress,
                              options->context, &result->facts, why);
    }
    if (error == LUCID_OK) {
        error = facts_check(manifest, &result->facts, why);
    }
    if (error == LUCID_OK) {
        error = store_migrate(partial->dir.store, why);
    }
    if (error == LUCID_OK) {
        error = keys_restore(options, from, partial, result, why);
    }
    return error == LUCID_OK ? vkey_write(&partial->dir, &result->facts.identity, why) : error;
}

/* Beside the backup nothing is written but LMDB's lock file, which goes again. */
static enum lucid_error verify_only(const struct restore_options *options,
                                    const struct datadir *from, const char *data,
                                    const struct manifest *manifest, struct backup_result *result,
                                    struct lucid_why *why)
{
    enum lucid_error error = digest_check(data, manifest, result, why);
    if (error == LUCID_OK) {
        error = backup_verify(from->store, options->plugins, options->progress, options->context,
                              &result->facts, why);
    }
    return error == LUCID_OK ? facts_check(manifest, &result->facts, why) : error;
}

/* An empty directory is replaced; rename(2) refuses any other. */
static enum lucid_error target_check(const char *path, struct lucid_why *why)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return LUCID_OK;
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || !datadir_is_empty(path)) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXISTS", "data",
                            "%.200s is there already: nothing is overwritten", path);
    }
    return LUCID_OK;
}

static enum lucid_error restore_to(const struct restore_options *options,
                                   const struct datadir *from, const char *data,
                                   const struct manifest *manifest, struct backup_result *result,
                                   struct lucid_why *why)
{
    struct partial partial = {.fd = -1};
    enum lucid_error error = target_check(options->data, why);
    if (error == LUCID_OK) {
        error = partial_open(options->data, &partial, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    error = partial_fill(options, from, data, manifest, &partial, result, why);
    if (error == LUCID_OK) {
        error = partial_finish(&partial, true, why);
    }
    partial_drop(&partial);
    return error;
}

enum lucid_error restore_run(const struct restore_options *options, struct backup_result *ret,
                             struct lucid_why *why)
{
    struct datadir from;
    struct manifest manifest;
    char data[DATADIR_PATH_BYTES_MAX + 96];
    enum lucid_error error = datadir_init(options->from, &from, why);
    if (error == LUCID_OK) {
        error = manifest_read(&from, &manifest, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    (void)snprintf(data, sizeof(data), "%s/data.mdb", from.store);
    struct backup_result *result = calloc(1, sizeof(*result));
    if (result == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    error = options->data == NULL ? verify_only(options, &from, data, &manifest, result, why)
                                  : restore_to(options, &from, data, &manifest, result, why);
    if (error == LUCID_OK) {
        *ret = *result;
    }
    free(result);
    return error;
}
