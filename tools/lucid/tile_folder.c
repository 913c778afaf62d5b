#include "tools/lucid/tile_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/io.h"

static enum lucid_error io_error(const struct tile_folder *folder, const char *name,
                                 struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s/%s: %s", folder->path, name,
                        strerror(errno));
}

enum lucid_error tile_folder_open(const char *path, struct tile_folder *ret, struct lucid_why *why)
{
    *ret = (struct tile_folder){.path = path, .root = -1, .open = -1};
    if (mkdir(path, 0755) == 0) {
        /* Its name must be as durable as what it is going to hold. */
        char parent[4096];
        size_t len = strlen(path);
        while (len > 0 && path[len - 1] == '/') {
            len--;
        }
        while (len > 0 && path[len - 1] != '/') {
            len--;
        }
        (void)snprintf(parent, sizeof(parent), "%.*s", len != 0 ? (int)len : 1,
                       len != 0 ? path : ".");
        int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool ok = fd >= 0 && fsync(fd) == 0;
        if (fd >= 0) {
            (void)close(fd);
        }
        if (!ok) {
            return io_error(ret, "..", why);
        }
    } else if (errno != EEXIST) {
        return io_error(ret, "", why);
    }
    ret->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->root < 0) {
        return io_error(ret, "", why);
    }
    if (flock(ret->root, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return lucid_refuse(why, LUCID_RETRY_BUSY, NULL, "tiles",
                                "another export is writing to %s", path);
        }
        return io_error(ret, "", why);
    }
    (void)unlinkat(ret->root, TILE_FOLDER_TEMP, 0); /* of a run that was killed */
    return LUCID_OK;
}

void tile_folder_close(struct tile_folder *folder)
{
    if (folder->open >= 0) {
        (void)close(folder->open);
    }
    if (folder->root >= 0) {
        (void)unlinkat(folder->root, TILE_FOLDER_TEMP, 0);
        (void)close(folder->root);
    }
    folder->open = -1;
    folder->root = -1;
}

enum lucid_error tile_folder_stat(const struct tile_folder *folder, const char *name,
                                  uint64_t *ret_len, struct lucid_why *why)
{
    struct stat info;
    if (fstatat(folder->root, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? LUCID_NOTE_ABSENT : io_error(folder, name, why);
    }
    if (!S_ISREG(info.st_mode)) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EXPORT_DIFFERS", name,
                            "%s/%s is not a regular file", folder->path, name);
    }
    *ret_len = (uint64_t)info.st_size;
    return LUCID_OK;
}

enum lucid_error tile_folder_read(const struct tile_folder *folder, const char *name, uint8_t *ret,
                                  size_t max, size_t *ret_len, struct lucid_why *why)
{
    uint64_t size;
    enum lucid_error error = tile_folder_stat(folder, name, &size, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (size > max) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "EXPORT_DIFFERS", name,
                            "%s/%s is larger than %zu bytes", folder->path, name, max);
    }
    int fd = openat(folder->root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return io_error(folder, name, why);
    }
    size_t len = 0;
    ssize_t got = 1;
    while (got != 0 && len < size) {
        got = read(fd, ret + len, (size_t)size - len);
        if (got < 0 && errno != EINTR) {
            error = io_error(folder, name, why);
            break;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    if (error == LUCID_OK) {
        *ret_len = len;
    }
    return error;
}

/* Leaves the folder entered last. */
static enum lucid_error leave(struct tile_folder *folder, struct lucid_why *why)
{
    if (folder->open < 0) {
        return LUCID_OK;
    }
    bool ok = fsync(folder->open) == 0;
    enum lucid_error error = ok ? LUCID_OK : io_error(folder, folder->name, why);
    (void)close(folder->open);
    folder->open = -1;
    return error;
}

/* One step down from at, which is then fsynced and, unless it is the root, closed. */
static int step_down(const struct tile_folder *folder, int at, const char *name)
{
    int below = -1;
    if (mkdirat(at, name, 0755) == 0 || errno == EEXIST) {
        below = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (below >= 0 && fsync(at) != 0) {
        (void)close(below);
        below = -1;
    }
    if (at != folder->root) {
        int saved = errno;
        (void)close(at);
        errno = saved;
    }
    return below;
}

enum lucid_error tile_folder_enter(struct tile_folder *folder, const char *name,
                                   struct lucid_why *why)
{
    const char *last = strrchr(name, '/');
    lucid_assert(last != NULL && strlen(name) < TILE_FOLDER_NAME_MAX);
    size_t len = (size_t)(last - name);
    if (folder->open >= 0 && strlen(folder->name) == len && memcmp(folder->name, name, len) == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = leave(folder, why);
    if (error != LUCID_OK) {
        return error;
    }
    int at = folder->root;
    char part[TILE_FOLDER_NAME_MAX];
    for (size_t start = 0; at >= 0 && start < len;) {
        size_t end = start;
        while (end < len && name[end] != '/') {
            end++;
        }
        memcpy(part, name + start, end - start);
        part[end - start] = '\0';
        at = step_down(folder, at, part);
        start = end + 1;
    }
    if (at < 0) {
        return io_error(folder, name, why);
    }
    folder->open = at;
    memcpy(folder->name, name, len);
    folder->name[len] = '\0';
    return LUCID_OK;
}

enum lucid_error tile_folder_write(struct tile_folder *folder, const char *name,
                                   struct lucid_span data, struct lucid_why *why)
{
    const char *base = strrchr(name, '/');
    if (base != NULL) {
        enum lucid_error error = tile_folder_enter(folder, name, why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    int fd = openat(folder->root, TILE_FOLDER_TEMP,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return io_error(folder, name, why);
    }
    bool ok = lucid_write_all(fd, data) && fsync(fd) == 0;
    int saved = errno;
    ok = close(fd) == 0 && ok;
    int target = base != NULL ? folder->open : folder->root;
    if (!ok ||
        renameat(folder->root, TILE_FOLDER_TEMP, target, base != NULL ? base + 1 : name) != 0) {
        errno = ok ? errno : saved;
        enum lucid_error error = io_error(folder, name, why);
        (void)unlinkat(folder->root, TILE_FOLDER_TEMP, 0);
        return error;
    }
    folder->files_written++;
    folder->bytes_written += data.len;
    return LUCID_OK;
}

enum lucid_error tile_folder_sync(struct tile_folder *folder, struct lucid_why *why)
{
    enum lucid_error error = leave(folder, why);
    if (error == LUCID_OK && fsync(folder->root) != 0) {
        error = io_error(folder, "", why);
    }
    return error;
}
