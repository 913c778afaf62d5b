#include "lucidd/plugin_keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

static const char file_prefix[] = "plugin-";
static const char file_suffix[] = ".key";

enum { TIME_BYTES = 17 }; /* 20261122T101112Z and 0 */

void plugin_key_path(const struct datadir *dir, const char *name,
                     char ret[PLUGIN_KEY_PATH_BYTES_MAX])
{
    int len = snprintf(ret, PLUGIN_KEY_PATH_BYTES_MAX, "%s/%s%s%s", dir->root, file_prefix, name,
                       file_suffix);
    lucid_assert(len > 0 && len < PLUGIN_KEY_PATH_BYTES_MAX);
}

enum lucid_error plugin_key_open(const struct datadir *dir, const char *name,
                                 struct ledger_ed25519_key *ret, bool *ret_new,
                                 struct lucid_why *why)
{
    char path[PLUGIN_KEY_PATH_BYTES_MAX];
    plugin_key_path(dir, name, path);
    enum lucid_error error = datadir_key_read(path, ret, why);
    *ret_new = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_NOTE_ABSENT) {
        ledger_ed25519_key_generate(ret);
        error = datadir_key_write(path, ret, why);
    }
    return error;
}

static void time_write(uint64_t now_ms, char ret[TIME_BYTES])
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    lucid_assert(gmtime_r(&seconds, &utc) != NULL);
    lucid_assert(strftime(ret, TIME_BYTES, "%Y%m%dT%H%M%SZ", &utc) == TIME_BYTES - 1);
}

/* A second name for the old file, then the new one over its first: there is a key at any moment. */
static enum lucid_error file_exchange(const char *path, const char *old,
                                      const struct ledger_ed25519_key *key, struct lucid_why *why)
{
    if (link(path, old) != 0) {
        int number = errno;
        return lucid_refuse(why, number == EEXIST ? LUCID_REFUSE_CONFLICT : LUCID_RETRY_IO,
                            number == EEXIST ? "CONFLICT" : "IO", "data", "%.120s: %s", old,
                            strerrordesc_np(number));
    }
    enum lucid_error error = datadir_key_write(path, key, why);
    if (error != LUCID_OK) {
        (void)unlink(old);
    }
    return error;
}

enum lucid_error plugin_key_rotate(const struct datadir *dir, const char *name, uint64_t now_ms,
                                   char ret_old[PLUGIN_KEY_PATH_BYTES_MAX],
                                   struct ledger_ed25519_key *ret, struct lucid_why *why)
{
    char path[PLUGIN_KEY_PATH_BYTES_MAX];
    char old[PLUGIN_KEY_PATH_BYTES_MAX];
    char until[TIME_BYTES];
    plugin_key_path(dir, name, path);
    time_write(now_ms, until);
    int len = snprintf(old, sizeof(old), "%s.until-%s", path, until);
    if (len < 0 || (size_t)len >= sizeof(old)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "data",
                            "the directory's path is too long");
    }
    /* The old one must be good: what is moved aside is what documents were signed with. */
    enum lucid_error error = datadir_key_read(path, ret, why);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "NOT_FOUND", "name", "%.120s is not there", path);
    }
    if (error == LUCID_OK) {
        ledger_ed25519_key_generate(ret);
        error = file_exchange(path, old, ret, why);
    }
    if (error == LUCID_OK) {
        memcpy(ret_old, old, sizeof(old));
    }
    return error;
}

static bool name_is_key(const char *file)
{
    size_t len = strlen(file);
    size_t prefix = sizeof(file_prefix) - 1;
    size_t suffix = sizeof(file_suffix) - 1;
    return len > prefix + suffix && memcmp(file, file_prefix, prefix) == 0 &&
           strcmp(file + len - suffix, file_suffix) == 0;
}

enum lucid_error plugin_keys_each(const char *directory, plugin_key_fn *each, void *context,
                                  struct lucid_why *why)
{
    DIR *entries = opendir(directory);
    if (entries == NULL) {
        return lucid_refuse(why, LUCID_RETRY_IO, "IO", NULL, "%.120s: %s", directory,
                            strerrordesc_np(errno));
    }
    enum lucid_error error = LUCID_OK;
    const struct dirent *entry;
    while (error == LUCID_OK && (entry = readdir(entries)) != NULL) {
        if (name_is_key(entry->d_name)) {
            error = each(context, entry->d_name, why);
        }
    }
    (void)closedir(entries);
    return error;
}
