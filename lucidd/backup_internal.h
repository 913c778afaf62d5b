/* What backup.c and restore.c share: the directory that is being made, files, verifying. */
#ifndef LUCID_LUCIDD_BACKUP_INTERNAL_H
#define LUCID_LUCIDD_BACKUP_INTERNAL_H

#include "lucidd/backup.h"

/* A directory under its temporary name. */
struct partial {
    struct datadir dir; /* root = NAME.partial */
    char name[DATADIR_PATH_BYTES_MAX + 32];
    char data[DATADIR_PATH_BYTES_MAX + 64]; /* store/data.mdb in it */
    int fd;                                 /* holds the lock; −1: not open */
};

/* Makes NAME.partial and its store/, or empties the one that a killed run left. */
enum lucid_error partial_open(const char *name, struct partial *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* ROOT/NAME, if it is there. */
void path_unlink(const char *root, const char *name);
/* Gives it its name for good. replace: an empty directory of that name may be there. */
enum lucid_error partial_finish(struct partial *partial, bool replace,
                                struct lucid_why *why) LUCID_WARN_UNUSED;
/* Removes what is left of it; after a finish nothing is. */
void partial_drop(struct partial *partial);

/* Where the bytes of data.mdb go. */
struct backup_sink {
    int fd;
    const char *path;
    uint64_t bytes;
    uint64_t total; /* expected, for the progress */
    uint64_t rate_bytes;
    uint64_t started_us;
    backup_progress_fn *progress;
    void *context;
    struct lucid_why *why;
};
enum lucid_error sink_open(struct backup_sink *sink, const char *path,
                           struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error sink_write(void *context, struct lucid_span piece);
/* Syncs (if so far all is well) and closes. */
enum lucid_error sink_close(struct backup_sink *sink, enum lucid_error error) LUCID_WARN_UNUSED;

/* SHA-256 and length of a file. */
enum lucid_error file_digest(const char *path, uint8_t ret_sha256[32], uint64_t *ret_bytes,
                             struct lucid_why *why) LUCID_WARN_UNUSED;

/* Checks the log in a store's directory (backup_verify.c); removes the lock file that reading it
 * made. Errors: LUCID_FATAL_CORRUPT (why says where), LUCID_NOTE_ABSENT (no log in it), those of
 * opening it. */
enum lucid_error backup_verify(const char *store, const struct plugins *plugins,
                               backup_progress_fn *progress, void *context,
                               struct backup_facts *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Copies log.key, service.key and, if there, admin.token, x402.keys and the plugins' keys, once
 * they are known to be the log's. */
enum lucid_error keys_copy(const struct datadir *from, const struct datadir *to,
                           const struct ledger_identity *identity,
                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* The file vkey. */
enum lucid_error vkey_write(const struct datadir *to, const struct ledger_identity *identity,
                            struct lucid_why *why) LUCID_WARN_UNUSED;

#define BACKUP_MANIFEST           "backup.json"
#define BACKUP_MANIFEST_BYTES_MAX 4096

#endif
