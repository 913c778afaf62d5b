/* The directory that is being made, its files, and what they are held against. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/io.h"
#include "base/sha256.h"
#include "lucidd/backup_internal.h"
#include "lucidd/plugin_keys.h"
#include "x402/challenge.h"

static enum lucid_error io_refuse(struct lucid_why *why, const char *path, const char *what)
{
    enum lucid_error error = errno == ENOSPC || errno == EDQUOT ? LUCID_RETRY_FULL : LUCID_RETRY_IO;
    return lucid_refuse(why, error, error == LUCID_RETRY_FULL ? "DISK_FULL" : "IO", NULL,
                        "%.200s: %s: %s", path, what, strerrordesc_np(errno));
}

static enum lucid_error dir_sync(const char *path, struct lucid_why *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    enum lucid_error error = ok ? LUCID_OK : io_refuse(why, path, "fsync");
    if (fd >= 0) {
        (void)close(fd);
    }
    return error;
}

/* --- the directory ---------------------------------------------------------------------------- */

void path_unlink(const char *root, const char *name)
{
    char path[DATADIR_PATH_BYTES_MAX + 96];
    int len = snprintf(path, sizeof(path), "%s/%s", root, name);
    lucid_assert(len > 0 && (size_t)len < sizeof(path));
    (void)unlink(path);
}

static enum lucid_error key_remove(void *context, const char *file, struct lucid_why *why)
{
    (void)why;
    const char *const *root = context;
    path_unlink(*root, file);
    return LUCID_OK;
}

/* Only what a run of ours puts there: a directory that holds anything else stays. */
static void contents_remove(const struct partial *partial)
{
    static const char *const in_store[] = {"data.mdb", "lock.mdb", "writer.lock"};
    static const char *const in_root[] = {"vkey",        "log.key",   "service.key",
                                          "admin.token", "x402.keys", BACKUP_MANIFEST};
    for (size_t i = 0; i < sizeof(in_store) / sizeof(in_store[0]); i++) {
        path_unlink(partial->dir.store, in_store[i]);
    }
    (void)rmdir(partial->dir.store);
    for (size_t i = 0; i < sizeof(in_root) / sizeof(in_root[0]); i++) {
        path_unlink(partial->dir.root, in_root[i]);
    }
    const char *root = partial->dir.root;
    enum lucid_error error = plugin_keys_each(root, key_remove, &root, NULL);
    (void)error; /* a directory that cannot be read stays, which its removal says */
}

static enum lucid_error names_set(const char *name, struct partial *partial, struct lucid_why *why)
{
    char temporary[DATADIR_PATH_BYTES_MAX + 32];
    struct datadir plain;
    enum lucid_error error = datadir_init(name, &plain, why);
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(partial->name, plain.root, sizeof(partial->name));
    (void)snprintf(temporary, sizeof(temporary), "%.*s.partial", DATADIR_PATH_BYTES_MAX,
                   plain.root);
    error = datadir_init(temporary, &partial->dir, why);
    if (error == LUCID_OK) {
        (void)snprintf(partial->data, sizeof(partial->data), "%s/data.mdb", partial->dir.store);
    }
    return error;
}

enum lucid_error partial_open(const char *name, struct partial *ret, struct lucid_why *why)
{
    struct partial partial = {.fd = -1};
    enum lucid_error error = names_set(name, &partial, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (mkdir(partial.dir.root, 0700) != 0 && errno != EEXIST) {
        return io_refuse(why, partial.dir.root, "mkdir");
    }
    partial.fd = open(partial.dir.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (partial.fd < 0) {
        return io_refuse(why, partial.dir.root, "open");
    }
    if (flock(partial.fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(partial.fd);
        return lucid_refuse(why, LUCID_RETRY_BUSY, "BUSY", NULL,
                            "%.200s is being made by another run", partial.name);
    }
    contents_remove(&partial);
    if (fchmod(partial.fd, 0700) != 0 || mkdir(partial.dir.store, 0700) != 0) {
        error = io_refuse(why, partial.dir.store, "mkdir");
        partial_drop(&partial);
        return error;
    }
    *ret = partial;
    return LUCID_OK;
}

enum lucid_error partial_finish(struct partial *partial, bool replace, struct lucid_why *why)
{
    enum lucid_error error = datadir_sync(&partial->dir, why);
    if (error != LUCID_OK) {
        return error;
    }
    int result =
        replace ? rename(partial->dir.root, partial->name)
                : renameat2(AT_FDCWD, partial->dir.root, AT_FDCWD, partial->name, RENAME_NOREPLACE);
    if (result != 0) {
        bool there = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
        return there ? lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXISTS", NULL,
                                    "%.200s is there already", partial->name)
                     : io_refuse(why, partial->name, "rename");
    }
    (void)close(partial->fd);
    partial->fd = -1;
    char parent[DATADIR_PATH_BYTES_MAX + 64];
    (void)snprintf(parent, sizeof(parent), "%s/..", partial->name);
    return dir_sync(parent, why);
}

void partial_drop(struct partial *partial)
{
    if (partial->fd < 0) {
        return;
    }
    contents_remove(partial);
    (void)rmdir(partial->dir.root);
    (void)close(partial->fd);
    partial->fd = -1;
}

/* --- files ------------------------------------------------------------------------------------ */

static uint64_t monotonic_us(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

enum lucid_error sink_open(struct backup_sink *sink, const char *path, struct lucid_why *why)
{
    sink->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    sink->path = path;
    sink->why = why;
    sink->bytes = 0;
    sink->started_us = monotonic_us();
    if (sink->fd < 0) {
        return io_refuse(why, path, "open");
    }
    /* Space that is there already needs no journal commit that waits for our data, and so holds up
     * the service's. What is not given, or not used, does not matter. */
    (void)fallocate(sink->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)sink->total);
    return LUCID_OK;
}

/* Sleeps until the bytes so far are no faster than the rate. */
static void rate_keep(const struct backup_sink *sink)
{
    if (sink->rate_bytes == 0) {
        return;
    }
    uint64_t due =
        sink->started_us + (uint64_t)((unsigned __int128)sink->bytes * 1000000 / sink->rate_bytes);
    uint64_t now = monotonic_us();
    if (due > now) {
        struct timespec pause = {.tv_sec = (time_t)((due - now) / 1000000),
                                 .tv_nsec = (long)((due - now) % 1000000) * 1000};
        (void)nanosleep(&pause, NULL);
    }
}

enum lucid_error sink_write(void *context, struct lucid_span piece)
{
    struct backup_sink *sink = context;
    if (!lucid_write_all(sink->fd, piece)) {
        return io_refuse(sink->why, sink->path, "write");
    }
    /* To the disk piece by piece: what waits there for us, the service's commits wait for too. */
    (void)sync_file_range(sink->fd, (off_t)sink->bytes, (off_t)piece.len,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    sink->bytes += piece.len;
    if (sink->progress != NULL) {
        sink->progress(sink->context, "copy", sink->bytes,
                       sink->total > sink->bytes ? sink->total : sink->bytes);
    }
    rate_keep(sink);
    return LUCID_OK;
}

enum lucid_error sink_close(struct backup_sink *sink, enum lucid_error error)
{
    if (sink->fd < 0) {
        return error;
    }
    if (error == LUCID_OK && ftruncate(sink->fd, (off_t)sink->bytes) != 0) {
        error = io_refuse(sink->why, sink->path, "ftruncate");
    }
    if (error == LUCID_OK && fsync(sink->fd) != 0) {
        error = io_refuse(sink->why, sink->path, "fsync");
    }
    if (close(sink->fd) != 0 && error == LUCID_OK) {
        error = io_refuse(sink->why, sink->path, "close");
    }
    sink->fd = -1;
    return error;
}

enum lucid_error file_digest(const char *path, uint8_t ret_sha256[32], uint64_t *ret_bytes,
                             struct lucid_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum lucid_error error = io_refuse(why, path, "open");
        if (fd >= 0) {
            (void)close(fd);
        }
        return error;
    }
    uint64_t bytes = (uint64_t)info.st_size;
    enum lucid_error error = LUCID_OK;
    if (!S_ISREG(info.st_mode) || bytes == 0) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_A_BACKUP", NULL, "%.200s is no store",
                             path);
    } else {
        void *map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            error = io_refuse(why, path, "mmap");
        } else {
            (void)madvise(map, (size_t)bytes, MADV_SEQUENTIAL);
            lucid_sha256(lucid_span(map, (size_t)bytes), ret_sha256);
            *ret_bytes = bytes;
            (void)munmap(map, (size_t)bytes);
        }
    }
    (void)close(fd);
    return error;
}

/* --- keys ------------------------------------------------------------------------------------- */

struct key_block {
    struct ledger_skey log;
    struct ledger_ed25519_key service;
    char token[512];
    char x402[X402_KEYS_FILE_BYTES_MAX + 1];
};

static enum lucid_error keys_read(const struct datadir *from,
                                  const struct ledger_identity *identity, struct key_block *block,
                                  struct lucid_why *why)
{
    enum lucid_error error = datadir_log_key_read(from, &block->log, why);
    if (error == LUCID_OK) {
        error = datadir_service_key_read(from, &block->service, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (memcmp(block->log.vkey.public_key, identity->log_key, 32) != 0 ||
        !lucid_span_is(ledger_vkey_name(&block->log.vkey), identity->origin) ||
        memcmp(block->service.public_key, identity->service_key, 32) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "WRONG_KEY", "keys",
                            "the keys in %.200s are not those of the log %.100s", from->root,
                            identity->origin);
    }
    return LUCID_OK;
}

/* A file that older directories lack. block: room for it and one byte, in locked memory. */
static enum lucid_error secret_copy(const char *from, const char *to, char *block, size_t max,
                                    struct lucid_why *why)
{
    size_t len = 0;
    if (access(from, F_OK) != 0) {
        return LUCID_OK;
    }
    enum lucid_error error = datadir_file_read(from, true, block, max - 1, &len, why);
    return error == LUCID_OK ? datadir_file_write(to, 0600, lucid_span(block, len), why) : error;
}

struct key_copy {
    const struct datadir *from;
    const struct datadir *to;
    struct ledger_ed25519_key *key; /* locked memory */
};

static enum lucid_error plugin_key_copy(void *context, const char *file, struct lucid_why *why)
{
    const struct key_copy *copy = context;
    char from[DATADIR_PATH_BYTES_MAX + NAME_MAX + 34];
    char to[sizeof(from)];
    (void)snprintf(from, sizeof(from), "%s/%s", copy->from->root, file);
    (void)snprintf(to, sizeof(to), "%s/%s", copy->to->root, file);
    enum lucid_error error = datadir_key_read(from, copy->key, why);
    return error == LUCID_OK ? datadir_key_write(to, copy->key, why) : error;
}

enum lucid_error keys_copy(const struct datadir *from, const struct datadir *to,
                           const struct ledger_identity *identity, struct lucid_why *why)
{
    struct key_block *block = datadir_secret_new(sizeof(*block));
    if (block == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for keys");
    }
    enum lucid_error error = keys_read(from, identity, block, why);
    if (error == LUCID_OK) {
        error = datadir_log_key_write(to, &block->log, why);
    }
    if (error == LUCID_OK) {
        error = datadir_service_key_write(to, &block->service, why);
    }
    if (error == LUCID_OK) {
        error = secret_copy(from->admin_token, to->admin_token, block->token, sizeof(block->token),
                            why);
    }
    if (error == LUCID_OK) {
        error = secret_copy(from->x402_keys, to->x402_keys, block->x402, sizeof(block->x402), why);
    }
    if (error == LUCID_OK) {
        struct key_copy copy = {.from = from, .to = to, .key = &block->service};
        error = plugin_keys_each(from->root, plugin_key_copy, &copy, why);
    }
    datadir_secret_free(block, sizeof(*block));
    return error;
}

enum lucid_error vkey_write(const struct datadir *to, const struct ledger_identity *identity,
                            struct lucid_why *why)
{
    char line[sizeof(identity->vkey) + 2];
    int len = snprintf(line, sizeof(line), "%s\n", identity->vkey);
    lucid_assert(len > 0 && (size_t)len < sizeof(line));
    return datadir_file_write(to->vkey, 0644, lucid_span(line, (size_t)len), why);
}
