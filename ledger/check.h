/* Checking a store: everything in it against everything else.
 *
 *   bodies ↔ receipt hashes (and their canonical form) ↔ signatures ↔ entries ↔ events ↔ leaf
 * hashes ↔ nodes ↔ roots of heads (↔ their signatures) and of epochs; events ↔ their hash chain;
 * leaf rows ↔ events; every kind's table ↔ a fold of the events made anew; meta, folds
 *
 * The log is checked in ranges of events, each in a view of its own that ends with the range, so
 * that several threads can share the work (a worker each) and a scrub can do a little at a time.
 * The tables are compared by a fold beside it (one thread). What is checked is the log as it stood
 * when the check was opened; a store that goes on growing does not mind.
 *
 * By induction: a range takes the tree's peaks and the hash of the event before it from the store,
 * where the range before has to find them right.
 *
 * No threads in here; a check is const while workers run, a worker and a fold belong to one thread
 * at a time. */
#ifndef LUCID_LEDGER_CHECK_H
#define LUCID_LEDGER_CHECK_H

#include "base/buf.h"
#include "ledger/ledger.h"
#include "ledger/note.h"

#define CHECK_FINDINGS_KEPT 96
/* Of one class, so that what follows from a damage does not crowd it out. */
#define CHECK_FINDINGS_KEPT_CLASS 8
#define CHECK_NO_LEAF             UINT64_MAX
/* Events of one range at most. */
#define CHECK_RANGE_MAX 4096

enum check_class {
    CHECK_STORE,     /* the store's own rows: unreadable runs, meta, folds, whose log it is */
    CHECK_EVENT,     /* an event's form, order and time */
    CHECK_CHAIN,     /* event hashes */
    CHECK_RECEIPT,   /* payload, entry and body of a receipt do not agree */
    CHECK_SIGNATURE, /* of a receipt */
    CHECK_BODY,      /* missing, erased without an event, not of its hash, not canonical */
    CHECK_LEAF,      /* a leaf's row */
    CHECK_NODE,      /* a node of the tree */
    CHECK_HEAD,      /* signature, size or root of a head */
    CHECK_EPOCH,     /* range, root or time of an epoch */
    CHECK_TABLE,     /* a row of a kind's table */
    CHECK_CLASSES,
};
/* "store", "event" …; static storage. */
const char *check_class_name(enum check_class class);

struct check_finding {
    enum check_class class;
    bool undecided;    /* beyond this program, e.g. an event type that it does not know */
    uint64_t sequence; /* 0: not of an event */
    uint64_t leaf;     /* CHECK_NO_LEAF: not of a leaf */
    char table[STORE_NAME_BYTES_MAX + 1];
    char key[2 * 64 + 1]; /* of the table's row: hex, cut */
    char text[160];
    char expected[2 * 32 + 1]; /* hex or text, cut; "" when there is nothing to say */
    char found[2 * 32 + 1];
};

struct check_report {
    /* what was looked at */
    uint64_t events;
    uint64_t receipts;
    uint64_t signatures;
    uint64_t bodies;
    uint64_t erased;
    uint64_t erasures; /* events that say so */
    uint64_t leaves;
    uint64_t nodes;
    uint64_t heads;
    uint64_t epochs;
    uint64_t rows;
    /* what was found: all are counted, the first ones kept */
    uint64_t damage[CHECK_CLASSES];
    uint64_t undecided;
    struct check_finding kept[CHECK_FINDINGS_KEPT];
    size_t kept_count;
};

void check_report_merge(struct check_report *into, const struct check_report *from);
/* Sum over the classes. */
uint64_t check_report_damage(const struct check_report *report);
/* One JSON object: counts by class, findings. */
void check_report_write(const struct check_report *report, struct lucid_buf *out);

struct check_options {
    const struct ledger_use *uses; /* every kind that this program knows */
    size_t use_count;
    size_t plugin_uses; /* how many of them, the last ones, are plugins': while these are not loaded
                           their folds rest, which is no damage */
    const struct ledger_vkey *vkey; /* the log's key; NULL: the one that log.init names */
    uint32_t migration;             /* the newest that this program knows; 0: meta is not checked */
    bool quick;                     /* no signatures of receipts, no canonical form of bodies */
    bool still; /* nobody writes to it: bodies and events of erasures are counted as well */
    uint64_t fold_bytes_max; /* memory that the fold may take for tables; 0: no bound */
};

struct check;
struct check_worker;
struct check_fold;

/* Fixes what will be checked: the log as it is now. The store stays the caller's. Damage of the
 * first event is found by the workers. Errors: those of a view, LUCID_RETRY_MEMORY. */
enum lucid_error check_open(struct store *store, const struct check_options *options,
                            struct check **ret, struct lucid_why *why) LUCID_WARN_UNUSED;
void check_close(struct check *check);

/* What will be checked: events 1 … n, leaves 0 … n − 1. */
uint64_t check_events(const struct check *check);
uint64_t check_leaves(const struct check *check);

/* Whose log it is, by its first event. False: that cannot be read. */
bool check_log_identity(const struct check *check, struct ledger_identity *ret) LUCID_WARN_UNUSED;

/* NULL is allowed for close. */
enum lucid_error check_worker_open(struct check *check,
                                   struct check_worker **ret) LUCID_WARN_UNUSED;
void check_worker_close(struct check_worker *worker);
/* Checks the events [from, to], at most CHECK_RANGE_MAX of them, and the leaves and nodes that they
 * made. Damage is a finding, not an error. Errors: LUCID_RETRY_MEMORY, LUCID_RETRY_BUSY; the range
 * is then unfinished. */
enum lucid_error check_range(struct check_worker *worker, uint64_t from,
                             uint64_t to) LUCID_WARN_UNUSED;
const struct check_report *check_worker_report(const struct check_worker *worker);

enum lucid_error check_fold_open(struct check *check, struct check_fold **ret) LUCID_WARN_UNUSED;
void check_fold_close(struct check_fold *fold);
/* Folds up to CHECK_RANGE_MAX events more; after the last one compares the tables, in one view, and
 * sets *ret_done. Errors as check_range. */
enum lucid_error check_fold_step(struct check_fold *fold, bool *ret_done) LUCID_WARN_UNUSED;
uint64_t check_fold_events(const struct check_fold *fold);
const struct check_report *check_fold_report(const struct check_fold *fold);

/* After all ranges 1 … check_events: what only the whole shows. report: the merged ones; findings
 * are added to it. */
void check_finish(const struct check *check, struct check_report *report);

#endif
