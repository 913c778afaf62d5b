/* Backups of a data directory, and the way back.
 *
 *   TO/              0700
 *   TO/store/data.mdb     the store of one commit, without free pages
 *   TO/vkey               the log's verifier key
 *   TO/backup.json        the manifest (docs/FORMAT.md), written last
 *   TO/log.key …          with keys only: log.key, service.key, admin.token, x402.keys,
 *                         plugin-*.key, 0600
 *
 * Both are made under the name NAME.partial beside NAME, synced, verified (ledger/check.h), and
 * only then renamed: whatever has the final name is whole. A NAME.partial that a killed run left is
 * used again by the next. Neither carries published.head: what was published after the backup must
 * come from elsewhere (lucidd/published.h).
 *
 * Used by lucid. One run at a time per process. */
#ifndef LUCID_LUCIDD_BACKUP_H
#define LUCID_LUCIDD_BACKUP_H

#include "ledger/ledger.h"
#include "lucidd/plugins.h"

/* Called with the phase ("copy", "verify" …), what is done and of how much; both in bytes or
 * events.
 */
typedef void backup_progress_fn(void *context, const char *phase, uint64_t done, uint64_t total);

struct backup_options {
    const char *data;    /* the log's directory; a service may run on it */
    const char *to;      /* must not exist */
    uint64_t rate_bytes; /* a second, while copying; 0 = as fast as it goes */
    bool with_keys;
    const char *version;           /* of the program, for the manifest */
    uint64_t now_ms;               /* for the manifest */
    const struct plugins *plugins; /* whose bodies are checked too; NULL: none */
    backup_progress_fn *progress;  /* may be NULL */
    void *context;
};

/* What the log is, and what was looked at. */
struct backup_facts {
    struct ledger_identity identity;
    uint64_t events;
    uint64_t leaves;
    uint64_t bodies;
    uint64_t erased;
    uint64_t head_size; /* of the newest head */
    uint8_t head_root[32];
    uint8_t checkpoint[LEDGER_CHECKPOINT_BYTES_MAX]; /* the newest head, signed */
    size_t checkpoint_len;
    uint8_t event_hash[STORE_HASH_BYTES]; /* of the newest event */
};

struct backup_result {
    struct backup_facts facts;
    uint64_t bytes; /* of data.mdb */
    uint8_t sha256[32];
    bool has_keys;
};

/* Errors: LUCID_REFUSE_CONFLICT (TO is there), LUCID_NOTE_ABSENT (no log), LUCID_RETRY_BUSY
 * (another run makes the same), LUCID_RETRY_FULL, LUCID_RETRY_IO, LUCID_FATAL_CORRUPT (what was
 * copied does not verify: the store is damaged). After an error nothing of it is left. */
enum lucid_error backup_run(const struct backup_options *options, struct backup_result *ret,
                            struct lucid_why *why) LUCID_WARN_UNUSED;

struct restore_options {
    const char *from; /* a backup */
    const char *data; /* must not exist, or be empty; NULL: only verify the backup */
    const char
        *keys; /* a directory with log.key and service.key; NULL: those of the backup, if any */
    const struct plugins *plugins; /* whose bodies are checked too; NULL: none */
    backup_progress_fn *progress;  /* may be NULL */
    void *context;
};

/* Verifies everything, migrates the restored store, and leaves no published head: the service will
 * ask for `lucid log accept-head`. Errors: as backup_run; LUCID_REFUSE_INVALID: the manifest and
 * the file do not agree, or the keys are not this log's. */
enum lucid_error restore_run(const struct restore_options *options, struct backup_result *ret,
                             struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
