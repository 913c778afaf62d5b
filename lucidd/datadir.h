/* The data directory: what lies where, with which modes, and how its files are written.
 *
 *   DIR/              0700
 *   DIR/store/        0700  the LMDB store (ledger/store/lmdb.h)
 *   DIR/log.key       0600  the log's note key, C2SP / golang.org/x/mod skey text and LF
 *   DIR/service.key   0600  Ed25519: 128 hex digits, seed ‖ public key, and LF
 *   DIR/admin.token   0600  the first bearer token and LF
 *   DIR/x402.keys     0600  the keys of challenges (x402/challenge.h)
 *   DIR/plugin-NAME.key 0600 a plugin's key, as service.key (lucidd/plugin_keys.h)
 *   DIR/vkey          0644  the log's verifier key, C2SP text and LF
 *   DIR/published.head 0644 the newest head known to be published (lucidd/published.h)
 *
 * A mirror (`lucid log mirror`) is a data directory without keys: store/, vkey, and
 *
 *   DIR/mirror        0644  where it was copied from; marks it
 *   DIR/checkpoint    0644  the newest head that was seen published
 *   DIR/evidence/     0700  what contradicted the copy
 *
 * Files are written whole: a temporary file beside them, fsync, rename, fsync of the directory; so
 * a crash leaves the old file or the new one. A key file that others may read is refused, as ssh
 * does: whoever could read it could have signed with it.
 *
 * Used by lucidd and lucid. Thread: any; no state. */
#ifndef LUCID_LUCIDD_DATADIR_H
#define LUCID_LUCIDD_DATADIR_H

#include "ledger/note.h"
#include "ledger/token.h"

#define DATADIR_PATH_BYTES_MAX 4000
#define DATADIR_FILE_BYTES_MAX 4096

struct datadir {
    char root[DATADIR_PATH_BYTES_MAX + 32];
    char store[DATADIR_PATH_BYTES_MAX + 32];
    char log_key[DATADIR_PATH_BYTES_MAX + 32];
    char service_key[DATADIR_PATH_BYTES_MAX + 32];
    char admin_token[DATADIR_PATH_BYTES_MAX + 32];
    char x402_keys[DATADIR_PATH_BYTES_MAX + 32];
    char vkey[DATADIR_PATH_BYTES_MAX + 32];
    char published_head[DATADIR_PATH_BYTES_MAX + 32];
    char mirror[DATADIR_PATH_BYTES_MAX + 32];
    char checkpoint[DATADIR_PATH_BYTES_MAX + 32];
    char evidence[DATADIR_PATH_BYTES_MAX + 32];
    /* Set by datadir_create: what datadir_remove may remove again. */
    bool made_root;
    bool made_store;
};

/* Only the names; looks at nothing. LUCID_REFUSE_INVALID when path is empty or too long. */
enum lucid_error datadir_init(const char *path, struct datadir *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes DIR (its parent must be there; DIR itself may be, if it is the caller's and empty) and
 * DIR/store, fsyncs both and the parent.
 * Errors: LUCID_REFUSE_CONFLICT when a log, or anything else, lies there; LUCID_REFUSE_FORBIDDEN
 * when DIR is another user's; LUCID_RETRY_IO. Whatever was made before a failure is removed. */
enum lucid_error datadir_create(const char *path, struct datadir *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* Undoes a datadir_create that led nowhere: removes the files named above, the store's files, and
 * the directories that datadir_create made. Best effort. */
void datadir_remove(const struct datadir *dir);

/* Fsyncs both directories: after files of other makers (the store's) were created in them. */
enum lucid_error datadir_sync(const struct datadir *dir, struct lucid_why *why) LUCID_WARN_UNUSED;

/* An existing data directory: store and both keys are there, the key files are nobody else's. A
 * mirror is refused, also one into which keys were put: two logs would go on from one.
 * Errors: LUCID_NOTE_ABSENT (no log in that directory), LUCID_REFUSE_FORBIDDEN (modes, a mirror),
 * LUCID_RETRY_IO. why->text names the file. */
enum lucid_error datadir_open(const char *path, struct datadir *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* An existing data directory to be read only: the store is there; a mirror is as good, keys are not
 * looked at. Errors: LUCID_NOTE_ABSENT. */
enum lucid_error datadir_open_readonly(const char *path, struct datadir *ret,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* Opens a mirror, or makes an empty one (DIR and DIR/store, marked; its parent must be there). What
 * a crash left unfinished is finished.
 * Errors: LUCID_REFUSE_CONFLICT when DIR holds something else; LUCID_RETRY_IO. */
enum lucid_error datadir_mirror_open(const char *path, const char *source, struct datadir *ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether a directory holds nothing; false when it cannot be read. */
bool datadir_is_empty(const char *path) LUCID_WARN_UNUSED;

/* Writes a whole file atomically and durably. Errors: LUCID_RETRY_IO. */
enum lucid_error datadir_file_write(const char *path, unsigned mode, struct lucid_span data,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads a whole small file into the caller's buffer of max + 1 bytes (a NUL is put behind it).
 * secret: refuse it unless it is a regular file without rights for group and others, owned by this
 * user or root, and not a symbolic link.
 * Errors: LUCID_NOTE_ABSENT, LUCID_REFUSE_FORBIDDEN, LUCID_REFUSE_TOO_LARGE, LUCID_RETRY_IO. */
enum lucid_error datadir_file_read(const char *path, bool secret, char *ret_text, size_t max,
                                   size_t *ret_len, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads a file of at most max bytes that the configuration names by that key, and has it parsed; a
 * refusal then says INVALID_CONFIG, the key, the file's path and the member (why->param of parse).
 * Errors: those of datadir_file_read and of parse; LUCID_RETRY_MEMORY. */
typedef enum lucid_error datadir_parse_fn(void *context, struct lucid_span text,
                                          struct lucid_why *why);
enum lucid_error datadir_document_read(const char *path, const char *key, size_t max,
                                       datadir_parse_fn *parse, void *context,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* The keys. Call with ret in memory of datadir_secret_new; wipe it after use. Errors: those of
 * datadir_file_read, LUCID_REFUSE_INVALID. why never carries any of a key. */
enum lucid_error datadir_log_key_read(const struct datadir *dir, struct ledger_skey *ret,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error datadir_log_key_write(const struct datadir *dir, const struct ledger_skey *key,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;
/* An Ed25519 key in the form of service.key. Also refused: a public half that is not the seed's. */
enum lucid_error datadir_key_read(const char *path, struct ledger_ed25519_key *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error datadir_key_write(const char *path, const struct ledger_ed25519_key *key,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error datadir_service_key_read(const struct datadir *dir, struct ledger_ed25519_key *ret,
                                          struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error datadir_service_key_write(const struct datadir *dir,
                                           const struct ledger_ed25519_key *key,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* A token file's text, without its line end. Also for token files outside of a data directory.
 * LUCID_REFUSE_INVALID when it is empty, longer than max, or has other than printable ASCII. */
enum lucid_error datadir_token_read(const char *path, char *ret_text, size_t max,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* Locked pages that are left out of core dumps and of children, zeroed. NULL: no memory. Where the
 * system refuses to lock (RLIMIT_MEMLOCK) the pages are given unlocked. */
void *datadir_secret_new(size_t len) LUCID_WARN_UNUSED;
/* Wipes and gives back; len as for new. NULL is allowed. */
void datadir_secret_free(void *secret, size_t len);

#endif
