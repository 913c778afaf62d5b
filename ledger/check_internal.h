/* What the files of the check share. */
#ifndef LUCID_LEDGER_CHECK_INTERNAL_H
#define LUCID_LEDGER_CHECK_INTERNAL_H

#include "ledger/check.h"
#include "ledger/ledger_internal.h"

struct check {
    struct store *store;
    struct ledger_vkey vkey;
    bool vkey_known;
    bool vkey_given;
    bool quick;
    bool still;
    bool identity_known;
    struct ledger_identity identity;
    uint32_t migration;
    size_t plugin_uses;
    uint64_t fold_bytes_max;
    struct store_counts counts;
    bool counts_wrong; /* the store claimed more than it has room for */
    uint32_t erasures; /* the table, if it is there */
    bool erasures_known;
    /* An empty ledger over a store in memory with the same tables: it knows the types, and the fold
     * fills its tables. */
    struct store *memory;
    struct ledger *shadow;
};

/* The right edge of the tree: its peaks while leaves are appended. */
struct check_edge {
    uint64_t leaves;
    struct mmr_hash peaks[MMR_PEAKS_MAX + 1];
    size_t count;
    bool known; /* false: the peaks could not be read, no root can be told */
};

struct check_worker {
    struct check *check;
    struct store_view *view;
    struct lucid_arena arena;
    struct lucid_buf canonical;
    struct check_report report;
    /* the range */
    uint64_t to;
    uint64_t next; /* the event that comes now */
    bool chained;  /* hash and time_ms are those of the event before */
    uint8_t hash[STORE_HASH_BYTES];
    uint64_t time_ms;
    struct check_edge edge;
    uint64_t first_leaf;
    struct store_leaf *rows; /* of the range's leaves, as they should be */
    size_t row_count;
    size_t comparable;      /* of them, those before the first event that cannot be read */
    struct lucid_buf nodes; /* that these leaves add, as they should be */
};

/* What was found and where. sequence 0 and CHECK_NO_LEAF: not of one. Counts it, and returns the
 * kept finding to be completed, or NULL when enough are kept. */
struct check_finding *check_add(struct check_report *report, enum check_class class,
                                uint64_t sequence, uint64_t leaf, const char *format, ...)
    LUCID_PRINTF(5, 6);
/* The same for what this program cannot judge. */
struct check_finding *check_add_undecided(struct check_report *report, enum check_class class,
                                          uint64_t sequence, const char *format, ...)
    LUCID_PRINTF(4, 5);
/* Completes a finding (NULL is allowed): what should be and what is. */
void check_pair_hex(struct check_finding *finding, struct lucid_span expected,
                    struct lucid_span found);
void check_pair_u64(struct check_finding *finding, uint64_t expected, uint64_t found);

/* Whether an error is the process's, not the store's: it ends a check without a verdict. */
bool check_passes_on(enum lucid_error error);

/* One receipt: payload ↔ entry ↔ signature ↔ body. */
void check_receipt(struct check_worker *worker, const struct store_event *event, uint64_t leaf);

/* The tree's edge as the store has it before that leaf. */
void check_edge_begin(struct check_worker *worker, uint64_t leaves);
/* Appends an entry: leaf hash and parents go to worker->nodes. */
void check_edge_append(struct check_worker *worker, const uint8_t *entry);
/* Compares the stored rows and nodes of the range's leaves with what they should be. */
enum lucid_error check_leaves_compare(struct check_worker *worker) LUCID_WARN_UNUSED;
/* The first leaf whose row names an event of at least that sequence. */
enum lucid_error check_leaf_find(struct check_worker *worker, uint64_t sequence,
                                 uint64_t *ret_leaf) LUCID_WARN_UNUSED;

/* Events `head` and `epoch.closed`. */
void check_head(struct check_worker *worker, const struct store_event *event);
void check_epoch(struct check_worker *worker, const struct store_event *event);

/* Row by row; called in a view that sees exactly the events folded. */
void check_tables_compare(struct check_fold *fold, struct store_view *view);

struct check_fold {
    struct check *check;
    struct store_view *view;
    uint64_t next;
    uint64_t end;   /* last event to fold */
    uint32_t chunk; /* events of this step */
    bool broken;    /* events cannot be read: tables are not compared */
    struct check_report report;
};

#endif
