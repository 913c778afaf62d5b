#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

#define LMDB_BYTES_MIN   ((uint64_t)1 << 16)
#define LMDB_READERS_MAX 4096u

const char *const store_lmdb_log_name[STORE_LOG_COUNT] = {"events", "bodies", "leaves"};

/* Remote file systems break what LMDB rests on: a shared map that is coherent with writes, and
 * locks that all processes see. FUSE is refused as a whole, because its magic number does not tell
 * sshfs from a local driver. */
static bool type_is_remote(uint64_t type)
{
    static const uint32_t remote[] = {
        NFS_SUPER_MAGIC,
        SMB_SUPER_MAGIC,
        0xff534d42u /* CIFS */,
        0xfe534d42u /* SMB2 and later */,
        NCP_SUPER_MAGIC,
        CODA_SUPER_MAGIC,
        AFS_SUPER_MAGIC,
        0x6b414653u /* kAFS */,
        V9FS_MAGIC,
        0x00c36400u /* Ceph */,
        OCFS2_SUPER_MAGIC,
        0x01161970u /* GFS2 */,
        0x0bd00bd0u /* Lustre */,
        0x47504653u /* GPFS */,
        0x786f4256u /* VirtualBox */,
        0x65735546u /* FUSE */,
    };
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
        if ((uint32_t)type == remote[i]) {
            return true;
        }
    }
    return false;
}

static enum lucid_error refuse_errno(struct lucid_why *why, const char *what, const char *path,
                                     int number)
{
    return lucid_refuse(why, LUCID_RETRY_IO, "STORE_IO", NULL, "%s %s: %s", what, path,
                        strerrordesc_np(number));
}

static enum lucid_error refuse_absent(struct lucid_why *why, const char *path)
{
    return lucid_refuse(why, LUCID_NOTE_ABSENT, "STORE_ABSENT", NULL, "no store in %s", path);
}

static enum lucid_error options_check(const struct store_lmdb_options *options,
                                      struct lucid_why *why)
{
    if (options->bytes_max < LMDB_BYTES_MIN || options->bytes_max > SIZE_MAX / 2) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "STORE_OPTION", "bytes_max",
                            "the map must have at least %u bytes", (unsigned)LMDB_BYTES_MIN);
    }
    if (options->readers_max < 1 || options->readers_max > LMDB_READERS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "STORE_OPTION", "readers_max",
                            "1 to %u reader slots", LMDB_READERS_MAX);
    }
    if (options->create && !options->writable) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "STORE_OPTION", "create",
                            "a store cannot be made read-only");
    }
    return LUCID_OK;
}

/* Opens the directory, makes it when asked to. A new entry is durable once its parent is synced. */
static enum lucid_error dir_open(const char *path, bool create, int *ret_fd, struct lucid_why *why)
{
    bool made = create && mkdir(path, 0700) == 0;
    if (create && !made && errno != EEXIST) {
        return refuse_errno(why, "cannot make", path, errno);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? refuse_absent(why, path)
                               : refuse_errno(why, "cannot open", path, errno);
    }
    if (made) {
        int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool synced = parent >= 0 && fsync(parent) == 0;
        int number = errno;
        if (parent >= 0) {
            close(parent);
        }
        if (!synced) {
            close(fd);
            return refuse_errno(why, "cannot sync the parent of", path, number);
        }
    }
    *ret_fd = fd;
    return LUCID_OK;
}

static enum lucid_error dir_check(int dir_fd, const char *path, bool create, struct lucid_why *why)
{
    struct statfs fs;
    if (fstatfs(dir_fd, &fs) != 0) {
        return refuse_errno(why, "cannot examine", path, errno);
    }
    if (type_is_remote((uint64_t)fs.f_type)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "STORE_REMOTE", NULL,
                            "%s is on a remote file system (type 0x%08x)", path,
                            (unsigned)fs.f_type);
    }
    /* An empty file is what a crash right after its making leaves; LMDB would begin a store in it.
     */
    struct stat info;
    if (!create && (fstatat(dir_fd, "data.mdb", &info, 0) != 0 || info.st_size == 0)) {
        return refuse_absent(why, path);
    }
    return LUCID_OK;
}

/* An open-file-description lock: unlike LMDB's own it also holds against a second open in this
 * process, and closing another descriptor of the file does not drop it. */
static enum lucid_error writer_lock(struct store_lmdb *lmdb, int dir_fd, const char *path,
                                    struct lucid_why *why)
{
    int fd = openat(dir_fd, "writer.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return refuse_errno(why, "cannot open writer.lock in", path, errno);
    }
    lmdb->lock_fd = fd;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        return LUCID_OK;
    }
    if (errno == EAGAIN || errno == EACCES) {
        return lucid_refuse(why, LUCID_RETRY_BUSY, "STORE_BUSY", NULL,
                            "another writer has locked %s/writer.lock", path);
    }
    return refuse_errno(why, "cannot lock writer.lock in", path, errno);
}

/* The table of readers gets its blocks now: LMDB would only set the file's length, and on a full
 * disk the first touch of the mapped table would end the process with SIGBUS. What else is wrong
 * with the file LMDB will say. Before the environment is open: closing the file drops this
 * process's locks. */
static enum lucid_error readers_reserve(int dir_fd, const char *path, uint32_t readers_max,
                                        struct lucid_why *why)
{
    enum { LINE_BYTES = 64, HEADER_LINES = 2 };
    int fd = openat(dir_fd, "lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int number = fd < 0 ? errno : 0;
    if (fd >= 0) {
        number = posix_fallocate(fd, 0, (off_t)LINE_BYTES * (readers_max + HEADER_LINES));
        (void)close(fd);
    }
    if (number != ENOSPC && number != EDQUOT) {
        return LUCID_OK;
    }
    return lucid_refuse(why, LUCID_RETRY_FULL, "DISK_FULL", NULL, "no room for lock.mdb in %s: %s",
                        path, strerrordesc_np(number));
}

/* A number that is higher than this is damage, not the future. */
enum { FORMATS_TO_COME = 100 };

enum lucid_error store_lmdb_format_check(uint32_t format, uint32_t known, struct lucid_why *why)
{
    if (format > known + FORMATS_TO_COME) {
        return lucid_refuse(why, LUCID_FATAL_CORRUPT, "STORE_CORRUPT", NULL,
                            "the store has format %u, which no program writes", format);
    }
    if (format > known) {
        return lucid_refuse(why, LUCID_FATAL_NEWER, "STORE_NEWER", NULL,
                            "the store has format %u, this program knows %u", format, known);
    }
    return format >= STORE_LMDB_FORMAT_MIN ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

/* Reads the format's number: LUCID_NOTE_ABSENT when this is not a finished store. */
static enum lucid_error format_read(struct store_lmdb *lmdb, MDB_txn *txn, struct lucid_why *why)
{
    MDB_val key = store_lmdb_val(lucid_span_str(STORE_LMDB_KEY_FORMAT));
    MDB_val value;
    enum lucid_error error = store_lmdb_error(mdb_get(txn, lmdb->dbi, &key, &value));
    if (error != LUCID_OK) {
        return error;
    }
    if (value.mv_size != 4) {
        return LUCID_FATAL_CORRUPT;
    }
    lmdb->format = lucid_get_be32(value.mv_data);
    return store_lmdb_format_check(lmdb->format, STORE_LMDB_FORMAT, why);
}

enum lucid_error store_lmdb_format_write(struct store_lmdb *lmdb, MDB_txn *txn)
{
    uint8_t format[4];
    lucid_put_be32(format, STORE_LMDB_FORMAT);
    MDB_val key = store_lmdb_val(lucid_span_str(STORE_LMDB_KEY_FORMAT));
    MDB_val value = store_lmdb_val(lucid_span(format, sizeof(format)));
    return store_lmdb_error(mdb_put(txn, lmdb->dbi, &key, &value, 0));
}

static enum lucid_error databases_open(struct store_lmdb *lmdb, MDB_txn *txn, const char *path,
                                       bool create, struct lucid_why *why)
{
    unsigned flags = create ? MDB_CREATE : 0;
    enum lucid_error error =
        store_lmdb_error(mdb_dbi_open(txn, STORE_LMDB_DB_STORE, flags, &lmdb->dbi));
    if (error == LUCID_OK) {
        error = format_read(lmdb, txn, why);
    }
    if (create && error == LUCID_OK) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "STORE_CONFLICT", NULL,
                            "there is a store in %s already", path);
    }
    if (create && error == LUCID_NOTE_ABSENT) {
        error = store_lmdb_format_write(lmdb, txn);
        lmdb->format = STORE_LMDB_FORMAT;
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? refuse_absent(why, path) : error;
    }
    for (size_t i = 0; i < STORE_LOG_COUNT; i++) {
        int result = mdb_dbi_open(txn, store_lmdb_log_name[i], flags, &lmdb->log[i]);
        if (result != MDB_SUCCESS) {
            return result == MDB_NOTFOUND ? LUCID_FATAL_CORRUPT : store_lmdb_error(result);
        }
    }
    return store_lmdb_tables_load(lmdb, txn);
}

/* A file that was cut off would end the process with SIGBUS at the first missing page. Made as long
 * as the newest commit says (sparse: LMDB itself may never have written the last pages), the
 * missing ones read as zeros, which no page and no run consists of: an error instead of a death. */
static enum lucid_error length_restore(struct store_lmdb *lmdb, const char *path,
                                       struct lucid_why *why)
{
    MDB_envinfo info;
    MDB_stat stat_info;
    struct stat file;
    mdb_filehandle_t fd;
    if (mdb_env_info(lmdb->env, &info) != MDB_SUCCESS ||
        mdb_env_stat(lmdb->env, &stat_info) != MDB_SUCCESS ||
        mdb_env_get_fd(lmdb->env, &fd) != MDB_SUCCESS || fstat(fd, &file) != 0) {
        return refuse_errno(why, "cannot look at the store in", path, errno);
    }
    uint64_t wanted = ((uint64_t)info.me_last_pgno + 1) * stat_info.ms_psize;
    if ((uint64_t)file.st_size >= wanted) {
        return LUCID_OK;
    }
    return ftruncate(fd, (off_t)wanted) == 0
               ? LUCID_OK
               : refuse_errno(why, "cannot extend the store in", path, errno);
}

/* Handles opened in a transaction stay open when it commits, also a reading one. */
static enum lucid_error contents_open(struct store_lmdb *lmdb, const char *path, bool create,
                                      struct lucid_why *why)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(lmdb->env, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    enum lucid_error error = databases_open(lmdb, txn, path, create, why);
    if (error != LUCID_OK) {
        mdb_txn_abort(txn);
        return error;
    }
    return store_lmdb_error(mdb_txn_commit(txn));
}

static enum lucid_error env_open(struct store_lmdb *lmdb, const char *path,
                                 const struct store_lmdb_options *options, struct lucid_why *why)
{
    int result = mdb_env_create(&lmdb->env);
    if (result == MDB_SUCCESS) {
        result = mdb_env_set_mapsize(lmdb->env, (size_t)options->bytes_max);
    }
    if (result == MDB_SUCCESS) {
        result = mdb_env_set_maxreaders(lmdb->env, options->readers_max);
    }
    if (result == MDB_SUCCESS) {
        result = mdb_env_set_maxdbs(lmdb->env, 1 + STORE_LOG_COUNT + STORE_TABLES_MAX);
    }
    if (result == MDB_SUCCESS) {
        unsigned flags = MDB_NOTLS | (options->writable ? 0 : MDB_RDONLY);
        result = mdb_env_open(lmdb->env, path, flags, 0600);
    }
    if (result == MDB_SUCCESS) {
        return LUCID_OK;
    }
    if (result == ENOENT) {
        return refuse_absent(why, path);
    }
    enum lucid_error error = store_lmdb_error(result);
    return lucid_refuse(why, result > 0 && error == LUCID_FATAL_STORE ? LUCID_RETRY_IO : error,
                        "STORE_OPEN", NULL, "cannot open %s/data.mdb: %s", path,
                        mdb_strerror(result));
}

enum lucid_error store_lmdb_env_open(struct store_lmdb *lmdb, const char *path,
                                     const struct store_lmdb_options *options,
                                     struct lucid_why *why)
{
    enum lucid_error error = options_check(options, why);
    if (error != LUCID_OK) {
        return error;
    }
    int dir_fd = -1;
    error = dir_open(path, options->create, &dir_fd, why);
    if (error != LUCID_OK) {
        return error;
    }
    error = dir_check(dir_fd, path, options->create, why);
    if (error == LUCID_OK && options->writable) {
        error = writer_lock(lmdb, dir_fd, path, why);
    }
    if (error == LUCID_OK) {
        error = readers_reserve(dir_fd, path, options->readers_max, why);
    }
    if (error == LUCID_OK) {
        error = env_open(lmdb, path, options, why);
    }
    if (error == LUCID_OK && options->writable) {
        error = length_restore(lmdb, path, why);
    }
    if (error == LUCID_OK) {
        error = contents_open(lmdb, path, options->create, why);
    }
    if (error == LUCID_OK && options->create && fsync(dir_fd) != 0) {
        error = refuse_errno(why, "cannot sync", path, errno);
    }
    close(dir_fd);
    return error;
}
