#include "lucidd/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/io.h"
#include "base/secret.h"

/* The store's own files (ledger/store/lmdb.h). */
static const char *const store_files[] = {"data.mdb", "lock.mdb", "writer.lock"};

static enum lucid_error io_error(struct lucid_why *why, const char *path, const char *what)
{
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s: %s: %s", path, what, strerror(errno));
}

static void path_join(char *out, size_t max, const char *root, const char *name)
{
    int len = snprintf(out, max, "%s/%s", root, name);
    lucid_assert(len > 0 && (size_t)len < max);
}

enum lucid_error datadir_init(const char *path, struct datadir *ret, struct lucid_why *why)
{
    lucid_assert(path != NULL && ret != NULL);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0 || len > DATADIR_PATH_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "data",
                            "the data directory's name is %s", len == 0 ? "empty" : "too long");
    }
    *ret = (struct datadir){.made_root = false};
    memcpy(ret->root, path, len);
    path_join(ret->store, sizeof(ret->store), ret->root, "store");
    path_join(ret->log_key, sizeof(ret->log_key), ret->root, "log.key");
    path_join(ret->service_key, sizeof(ret->service_key), ret->root, "service.key");
    path_join(ret->admin_token, sizeof(ret->admin_token), ret->root, "admin.token");
    path_join(ret->x402_keys, sizeof(ret->x402_keys), ret->root, "x402.keys");
    path_join(ret->vkey, sizeof(ret->vkey), ret->root, "vkey");
    path_join(ret->published_head, sizeof(ret->published_head), ret->root, "published.head");
    path_join(ret->mirror, sizeof(ret->mirror), ret->root, "mirror");
    path_join(ret->checkpoint, sizeof(ret->checkpoint), ret->root, "checkpoint");
    path_join(ret->evidence, sizeof(ret->evidence), ret->root, "evidence");
    return LUCID_OK;
}

static enum lucid_error directory_sync(const char *path, struct lucid_why *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return io_error(why, path, "open");
    }
    bool ok = fsync(fd) == 0;
    enum lucid_error error = ok ? LUCID_OK : io_error(why, path, "fsync");
    (void)close(fd);
    return error;
}

/* Fsyncs the directory in which path stands, so that its name is there after a crash. */
static enum lucid_error parent_sync(const char *path, struct lucid_why *why)
{
    char parent[DATADIR_PATH_BYTES_MAX + 64];
    size_t len = strlen(path);
    lucid_assert(len < sizeof(parent));
    memcpy(parent, path, len + 1);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return directory_sync(".", why);
    }
    if (slash == parent) {
        return directory_sync("/", why);
    }
    *slash = '\0';
    return directory_sync(parent, why);
}

bool datadir_is_empty(const char *path)
{
    DIR *stream = opendir(path);
    if (stream == NULL) {
        return false;
    }
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(stream)) != NULL;) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    (void)closedir(stream);
    return empty;
}

static enum lucid_error existing_check(const struct datadir *dir, struct lucid_why *why)
{
    struct stat info;
    if (stat(dir->root, &info) != 0) {
        return io_error(why, dir->root, "stat");
    }
    if (!S_ISDIR(info.st_mode)) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "data", "%s is not a directory",
                            dir->root);
    }
    if (access(dir->log_key, F_OK) == 0 || access(dir->store, F_OK) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "data", "%s holds a log already",
                            dir->root);
    }
    if (info.st_uid != geteuid()) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, "data", "%s belongs to another user",
                            dir->root);
    }
    if (!datadir_is_empty(dir->root)) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "data", "%s is not empty", dir->root);
    }
    return chmod(dir->root, 0700) == 0 ? LUCID_OK : io_error(why, dir->root, "chmod");
}

enum lucid_error datadir_create(const char *path, struct datadir *ret, struct lucid_why *why)
{
    struct datadir dir;
    enum lucid_error error = datadir_init(path, &dir, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (mkdir(dir.root, 0700) == 0) {
        dir.made_root = true;
    } else if (errno != EEXIST) {
        return io_error(why, dir.root, "mkdir");
    } else if ((error = existing_check(&dir, why)) != LUCID_OK) {
        return error;
    }
    if (mkdir(dir.store, 0700) == 0) {
        dir.made_store = true;
    } else {
        error = io_error(why, dir.store, "mkdir");
    }
    if (error == LUCID_OK) {
        error = directory_sync(dir.root, why);
    }
    if (error == LUCID_OK && dir.made_root) {
        error = parent_sync(dir.root, why);
    }
    if (error != LUCID_OK) {
        datadir_remove(&dir);
        return error;
    }
    *ret = dir;
    return LUCID_OK;
}

enum lucid_error datadir_sync(const struct datadir *dir, struct lucid_why *why)
{
    enum lucid_error error = directory_sync(dir->store, why);
    return error == LUCID_OK ? directory_sync(dir->root, why) : error;
}

void datadir_remove(const struct datadir *dir)
{
    if (dir->made_store) {
        /* Without the store of our own making the files beside it are not ours either. */
        for (size_t i = 0; i < sizeof(store_files) / sizeof(store_files[0]); i++) {
            char path[DATADIR_PATH_BYTES_MAX + 64];
            path_join(path, sizeof(path), dir->store, store_files[i]);
            (void)unlink(path);
        }
        (void)rmdir(dir->store);
        (void)unlink(dir->log_key);
        (void)unlink(dir->service_key);
        (void)unlink(dir->admin_token);
        (void)unlink(dir->x402_keys);
        (void)unlink(dir->vkey);
        (void)unlink(dir->published_head);
    }
    if (dir->made_root) {
        (void)rmdir(dir->root);
    }
}

/* The file's modes, for those that hold secrets. */
static enum lucid_error secret_check(const char *path, const struct stat *info,
                                     struct lucid_why *why)
{
    if (!S_ISREG(info->st_mode)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL, "%s is not a regular file",
                            path);
    }
    if ((info->st_mode & 077) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL,
                            "%s may be read by others (mode %04o): chmod 600 it", path,
                            (unsigned)(info->st_mode & 07777));
    }
    if (info->st_uid != geteuid() && info->st_uid != 0) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL, "%s belongs to another user",
                            path);
    }
    return LUCID_OK;
}

enum lucid_error datadir_open_readonly(const char *path, struct datadir *ret, struct lucid_why *why)
{
    struct datadir dir;
    struct stat info;
    enum lucid_error error = datadir_init(path, &dir, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (stat(dir.store, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return lucid_refuse(why, LUCID_NOTE_ABSENT, NULL, "data",
                            "%s holds no log (lucid log init makes one)", dir.root);
    }
    *ret = dir;
    return LUCID_OK;
}

enum lucid_error datadir_mirror_open(const char *path, const char *source, struct datadir *ret,
                                     struct lucid_why *why)
{
    struct datadir dir;
    enum lucid_error error = datadir_init(path, &dir, why);
    if (error != LUCID_OK) {
        return error;
    }
    bool made = mkdir(dir.root, 0700) == 0;
    if (!made && errno != EEXIST) {
        return io_error(why, dir.root, "mkdir");
    }
    if (access(dir.mirror, F_OK) != 0) {
        error = made ? LUCID_OK : existing_check(&dir, why);
        if (error == LUCID_OK) {
            char line[DATADIR_FILE_BYTES_MAX];
            int len = snprintf(line, sizeof(line), "%.4000s\n", source);
            error = datadir_file_write(dir.mirror, 0644, lucid_span(line, (size_t)len), why);
        }
        if (error == LUCID_OK && made) {
            error = parent_sync(dir.root, why);
        }
    }
    if (error == LUCID_OK && mkdir(dir.store, 0700) != 0 && errno != EEXIST) {
        error = io_error(why, dir.store, "mkdir");
    }
    if (error == LUCID_OK) {
        error = directory_sync(dir.root, why);
    }
    if (error == LUCID_OK) {
        *ret = dir;
    }
    return error;
}

enum lucid_error datadir_open(const char *path, struct datadir *ret, struct lucid_why *why)
{
    struct datadir dir;
    struct stat info;
    enum lucid_error error = datadir_open_readonly(path, &dir, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (lstat(dir.mirror, &info) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "MIRROR", "data",
                            "%s is a mirror of another log, made by lucid log mirror: it can be "
                            "read, not served or signed from",
                            dir.root);
    }
    const char *const keys[] = {dir.log_key, dir.service_key};
    for (size_t i = 0; i < 2; i++) {
        if (lstat(keys[i], &info) != 0) {
            if (errno == ENOENT) {
                return lucid_refuse(why, LUCID_NOTE_ABSENT, NULL, "data", "%s is missing", keys[i]);
            }
            return io_error(why, keys[i], "lstat");
        }
        error = secret_check(keys[i], &info, why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    *ret = dir;
    return LUCID_OK;
}

enum lucid_error datadir_file_write(const char *path, unsigned mode, struct lucid_span data,
                                    struct lucid_why *why)
{
    char temporary[DATADIR_PATH_BYTES_MAX + 64];
    int len = snprintf(temporary, sizeof(temporary), "%s.tmp.%ld", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(temporary)) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s: the name is too long", path);
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return io_error(why, temporary, "open");
    }
    /* The umask may have taken rights that the mode gives. */
    bool ok = fchmod(fd, (mode_t)mode) == 0 && lucid_write_all(fd, data) && fsync(fd) == 0;
    int saved = errno;
    ok = close(fd) == 0 && ok;
    if (ok && rename(temporary, path) == 0) {
        return parent_sync(path, why);
    }
    errno = ok ? errno : saved;
    enum lucid_error error = io_error(why, path, "write");
    (void)unlink(temporary);
    return error;
}

static enum lucid_error bytes_read(int fd, const char *path, char *out, size_t max, size_t *ret_len,
                                   struct lucid_why *why)
{
    size_t len = 0;
    while (len <= max) {
        ssize_t got = read(fd, out + len, max + 1 - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_error(why, path, "read");
        }
        if (got == 0) {
            out[len] = '\0';
            *ret_len = len;
            return LUCID_OK;
        }
        len += (size_t)got;
    }
    return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "%s is larger than %zu bytes",
                        path, max);
}

enum lucid_error datadir_file_read(const char *path, bool secret, char *ret_text, size_t max,
                                   size_t *ret_len, struct lucid_why *why)
{
    lucid_assert(path != NULL && ret_text != NULL && ret_len != NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (secret ? O_NOFOLLOW : 0));
    if (fd < 0) {
        if (errno == ENOENT) {
            return lucid_refuse(why, LUCID_NOTE_ABSENT, NULL, NULL, "%s is not there", path);
        }
        return io_error(why, path, "open");
    }
    struct stat info;
    enum lucid_error error = LUCID_OK;
    if (fstat(fd, &info) != 0) {
        error = io_error(why, path, "fstat");
    } else if (secret) {
        error = secret_check(path, &info, why);
    }
    if (error == LUCID_OK) {
        error = bytes_read(fd, path, ret_text, max, ret_len, why);
    }
    (void)close(fd);
    return error;
}

static size_t line_end_cut(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    return len;
}

/* The one line of a file that nobody else may read; free it also after an error. */
static enum lucid_error secret_line_read(const char *path, char **ret_text, size_t *ret_len,
                                         struct lucid_why *why)
{
    size_t len = 0;
    *ret_text = datadir_secret_new(DATADIR_FILE_BYTES_MAX + 1);
    if (*ret_text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error =
        datadir_file_read(path, true, *ret_text, DATADIR_FILE_BYTES_MAX, &len, why);
    *ret_len = line_end_cut(*ret_text, len);
    return error;
}

static void secret_line_free(char *text)
{
    datadir_secret_free(text, DATADIR_FILE_BYTES_MAX + 1);
}

enum lucid_error datadir_log_key_read(const struct datadir *dir, struct ledger_skey *ret,
                                      struct lucid_why *why)
{
    char *text;
    size_t len;
    enum lucid_error error = secret_line_read(dir->log_key, &text, &len, why);
    if (error == LUCID_OK) {
        error = ledger_skey_parse(lucid_span(text, len), ret, why);
    }
    secret_line_free(text);
    return error;
}

enum lucid_error datadir_log_key_write(const struct datadir *dir, const struct ledger_skey *key,
                                       struct lucid_why *why)
{
    char *text = datadir_secret_new(LEDGER_SKEY_BYTES_MAX + 1);
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    size_t len = ledger_skey_format(key, text);
    text[len] = '\n';
    enum lucid_error error = datadir_file_write(dir->log_key, 0600, lucid_span(text, len + 1), why);
    datadir_secret_free(text, LEDGER_SKEY_BYTES_MAX + 1);
    return error;
}

#define KEY_DIGITS 128

static enum lucid_error key_parse(struct lucid_span text, const char *path,
                                  struct ledger_ed25519_key *ret, struct lucid_why *why)
{
    struct ledger_ed25519_key *key = datadir_secret_new(2 * sizeof(*key));
    if (key == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    uint8_t *bytes = (uint8_t *)(key + 1);
    enum lucid_error error = LUCID_OK;
    if (!lucid_hex_decode(text, bytes, KEY_DIGITS / 2)) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                             "%s does not hold 128 lower-case hex digits", path);
    } else {
        ledger_ed25519_key_init(bytes, key);
        if (!lucid_secret_equal(key->public_key, bytes + 32, 32)) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                                 "%s: the public half is not the seed's", path);
        } else {
            *ret = *key;
        }
    }
    datadir_secret_free(key, 2 * sizeof(*key));
    return error;
}

enum lucid_error datadir_key_read(const char *path, struct ledger_ed25519_key *ret,
                                  struct lucid_why *why)
{
    char *text;
    size_t len;
    enum lucid_error error = secret_line_read(path, &text, &len, why);
    if (error == LUCID_OK) {
        error = key_parse(lucid_span(text, len), path, ret, why);
    }
    secret_line_free(text);
    return error;
}

enum lucid_error datadir_key_write(const char *path, const struct ledger_ed25519_key *key,
                                   struct lucid_why *why)
{
    char *text = datadir_secret_new(KEY_DIGITS + 1);
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_hex_encode(key->seed, 32, text);
    lucid_hex_encode(key->public_key, 32, text + 64);
    text[KEY_DIGITS] = '\n';
    enum lucid_error error = datadir_file_write(path, 0600, lucid_span(text, KEY_DIGITS + 1), why);
    datadir_secret_free(text, KEY_DIGITS + 1);
    return error;
}

enum lucid_error datadir_service_key_read(const struct datadir *dir, struct ledger_ed25519_key *ret,
                                          struct lucid_why *why)
{
    return datadir_key_read(dir->service_key, ret, why);
}

enum lucid_error datadir_service_key_write(const struct datadir *dir,
                                           const struct ledger_ed25519_key *key,
                                           struct lucid_why *why)
{
    return datadir_key_write(dir->service_key, key, why);
}

enum lucid_error datadir_token_read(const char *path, char *ret_text, size_t max,
                                    struct lucid_why *why)
{
    char *text;
    size_t len;
    enum lucid_error error = secret_line_read(path, &text, &len, why);
    if (error == LUCID_OK) {
        bool ok = len > 0 && len <= max;
        for (size_t i = 0; ok && i < len; i++) {
            ok = text[i] > 0x20 && text[i] < 0x7F;
        }
        if (ok) {
            memcpy(ret_text, text, len);
            ret_text[len] = '\0';
        } else {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "%s holds no token", path);
        }
    }
    secret_line_free(text);
    return error;
}

void *datadir_secret_new(size_t len)
{
    return lucid_secret_new(len);
}

void datadir_secret_free(void *secret, size_t len)
{
    lucid_secret_free(secret, len);
}

enum lucid_error datadir_document_read(const char *path, const char *key, size_t max,
                                       datadir_parse_fn *parse, void *context,
                                       struct lucid_why *why)
{
    char *text = malloc(max + 1);
    size_t len;
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = datadir_file_read(path, false, text, max, &len, why);
    if (error == LUCID_OK) {
        struct lucid_why inner = {0};
        error = parse(context, lucid_span(text, len), &inner);
        if (error != LUCID_OK) {
            error = lucid_refuse(why, error, "INVALID_CONFIG", key, "%.200s: %.200s: %.200s", path,
                                 inner.param, inner.text);
        }
    }
    free(text);
    return error;
}
