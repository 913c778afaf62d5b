/* What the ledger's own files share. */
#ifndef LUCID_LEDGER_LEDGER_INTERNAL_H
#define LUCID_LEDGER_LEDGER_INTERNAL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "ledger/event.h"
#include "ledger/head.h"
#include "ledger/ledger.h"
#include "ledger/map_internal.h"
#include "ledger/region_internal.h"

#define LEDGER_BATCH_BYTES_MAX   ((size_t)256 << 20)
#define LEDGER_PENDING_BUCKETS   1024
#define LEDGER_STAGE_BUCKETS     512
#define LEDGER_ROW_BYTES_MAX     256
#define LEDGER_NAMELESS_MAX      4 /* leaves of one hash without a run_id that are findable by it */
#define LEDGER_FOLDS_TABLE       "folds"
#define LEDGER_TREE_FOLD_VERSION 1

enum ledger_phase {
    LEDGER_PHASE_NONE,
    LEDGER_PHASE_LOAD,
    LEDGER_PHASE_DECIDE,
    LEDGER_PHASE_GUARD,
    LEDGER_PHASE_APPLY,
    LEDGER_PHASE_REACT,
    LEDGER_PHASE_CONCLUDE,
};

/* An event type known to this program, and who gets its events. */
struct ledger_type {
    const struct ledger_event_type *type;
    uint32_t owner;     /* index in uses */
    uint32_t listeners; /* bit per use, the owner's not set */
};

/* Where the log stands: what a batch stages and a commit adopts. */
struct ledger_tip {
    uint64_t events;
    uint64_t leaves;
    uint64_t time_ms; /* of the newest event */
    uint8_t hash[STORE_HASH_BYTES];
};

/* A draft on its way to become an event. */
struct ledger_draft_slot {
    struct ledger_draft draft; /* first member: handed out as const struct ledger_draft * */
    struct ledger_draft_slot *next;
};
struct ledger_draft_list {
    struct ledger_draft_slot *first;
    struct ledger_draft_slot **end; /* where the next one is linked */
};

/* A leaf of the batch that the maps do not hold yet. */
struct ledger_pending {
    uint64_t tags[2];
    uint64_t leaf;
    uint32_t next[2]; /* index + 1 of the next in the same bucket */
};

/* Table rows that the batch holds in memory (stage.c). */
struct ledger_staged_row;
struct ledger_stage {
    struct ledger_staged_row *first_buckets[LEDGER_STAGE_BUCKETS];
    struct ledger_staged_row **buckets; /* these, or as many as it takes, in the batch's arena */
    uint32_t bucket_count;
    uint32_t count;
    struct ledger_staged_row *newest;
    enum lucid_error failed;       /* of the first write that was not possible */
    bool tables[STORE_TABLES_MAX]; /* by handle: rows of it are held */
};

/* The verb that runs now. */
struct ledger_txn {
    struct ledger *ledger;
    struct store_view *view;
    /* A check folds the log of one store into the tables of another: tables are then read from
     * here, and bodies are left alone. NULL: from view. */
    struct store_view *tables;
    uint32_t use;
    enum ledger_phase phase;
    struct ledger_draft_list *drafts; /* DECIDE and REACT */
    unsigned depth;                   /* REACT */
    uint64_t guarded_leaves;          /* GUARD */
};

struct ledger_use_state {
    uint32_t tables[LEDGER_TABLES_PER_KIND];
    uint32_t table_count;
    _Alignas(16) uint8_t committed[LEDGER_MEMORY_BYTES_MAX];
    _Alignas(16) uint8_t staged[LEDGER_MEMORY_BYTES_MAX];
};

struct ledger {
    /* const after open */
    struct store *store;
    struct ledger_use uses[LEDGER_KINDS_MAX];
    struct ledger_type types[LEDGER_TYPES_MAX];
    uint32_t use_count;
    uint32_t type_count;
    uint32_t folds_table;
    _Atomic bool identified; /* identity is there: written once */

    /* the writer's */
    bool batch_failed; /* it can only be aborted now */
    bool folds_absent; /* the store has live folds of kinds that are not registered */
    uint32_t pending_count;
    uint32_t pending_cap;
    struct ledger_use_state states[LEDGER_KINDS_MAX];
    struct ledger_tip committed;
    struct ledger_tip staged;
    struct store_batch *batch;
    uint64_t batch_now_ms;
    struct lucid_arena arena; /* of the batch */
    struct lucid_buf row;     /* the one that is put, with its sum */
    struct ledger_pending *pending;
    uint32_t buckets[2][LEDGER_PENDING_BUCKETS]; /* index + 1 in pending; 0 = empty */
    struct ledger_stage stage;
    struct ledger_txn txn;

    /* written by the writer, read by all below published */
    struct ledger_region nodes;
    struct ledger_map *maps[2];
    _Atomic uint64_t published;
    _Atomic uint64_t head_sequence; /* of the newest published head's event; 0 = none */
    _Atomic uint64_t nodes_bytes;
    struct ledger_identity identity;
};

struct ledger_view {
    struct ledger *ledger;
    struct store_view *store;
    uint64_t leaves;
    uint64_t head_sequence; /* of the newest head when the view began */
    /* The newest head that this view read before, for when it is still the newest. */
    struct ledger_head head;
    uint8_t checkpoint[LEDGER_CHECKPOINT_BYTES_MAX];
};

/* Reads nodes from memory; context is the ledger. */
struct mmr_nodes ledger_nodes(struct ledger *ledger);

/* Takes over nodes that were read back from the store, or staged by an append. */
enum lucid_error ledger_nodes_put(struct ledger *ledger, uint64_t first, const uint8_t *nodes,
                                  size_t count) LUCID_WARN_UNUSED;

/* The type of that name, or NULL. */
const struct ledger_type *ledger_type_find(const struct ledger *ledger, struct lucid_span name);

/* Whether an event as it was read is the one that was logged: its hash, computed again after that
 * of the event before. LUCID_FATAL_CORRUPT if not. */
enum lucid_error ledger_event_check(struct store_view *view,
                                    const struct store_event *event) LUCID_WARN_UNUSED;

/* Puts the entry of an event into the staged tree: nodes in memory above the published count, and
 * the leaf's row in the batch. */
enum lucid_error ledger_leaf_append(struct ledger *ledger, const struct store_event *event,
                                    const uint64_t tags[2]) LUCID_WARN_UNUSED;

/* Makes the leaf findable by one of its tags, which is not 0. Leaves without a run_id's are logged
 * by plugins, who may log the same record any number of times: of one hash only the first few are
 * kept, so that finding stays bounded and a receipt of that hash is never missed. */
enum lucid_error ledger_tag_insert(struct ledger *ledger, const uint64_t tags[2], unsigned which,
                                   uint64_t leaf) LUCID_WARN_UNUSED;

/* Makes the staged state equal to the committed one, and forgets the batch's memory. */
void ledger_stage_reset(struct ledger *ledger);

/* Sums a row and puts it into the batch. */
enum lucid_error ledger_row_put(struct ledger *ledger, uint32_t table, struct lucid_span key,
                                struct lucid_span value) LUCID_WARN_UNUSED;

/* The row of a table (by handle) in the batch's memory, taken there from the view at first touch.
 * LUCID_NOTE_ABSENT when there is none and it is not to be created; LUCID_FATAL_CORRUPT when it has
 * another length. */
enum lucid_error ledger_rows_take(struct ledger *ledger, struct store_view *view, uint32_t table,
                                  struct lucid_span key, size_t bytes, bool create,
                                  uint8_t **ret_row) LUCID_WARN_UNUSED;
/* Whether a row is held there, and its bytes. */
bool ledger_rows_get(struct ledger *ledger, uint32_t table, struct lucid_span key,
                     struct lucid_span *ret_value) LUCID_WARN_UNUSED;
/* Puts what has changed into the batch, before its commit; and that of one table, before it is
 * walked. An error fails the batch. */
enum lucid_error ledger_rows_flush(struct ledger *ledger) LUCID_WARN_UNUSED;
enum lucid_error ledger_rows_flush_table(struct ledger *ledger, uint32_t table) LUCID_WARN_UNUSED;
/* Forgets them all. */
void ledger_rows_reset(struct ledger *ledger);

/* Runs one verb with the transaction set to that use and phase. */
void ledger_txn_enter(struct ledger *ledger, uint32_t use, enum ledger_phase phase);
void ledger_txn_leave(struct ledger *ledger);

/* Bit per use that listens to events of that name, by the name or by "*". */
uint32_t ledger_listeners_find(const struct ledger *ledger, struct lucid_span name);

/* Brings a payload to the current version of its type, in that arena. */
enum lucid_error ledger_payload_upcast(const struct ledger_type *type, uint16_t version,
                                       struct lucid_span payload, struct lucid_arena *arena,
                                       struct lucid_span *ret) LUCID_WARN_UNUSED;

/* An event as apply and react see it, upcast in the batch's arena. type NULL: one that no kind here
 * knows, as it is stored. */
enum lucid_error ledger_event_see(struct ledger *ledger, const struct ledger_type *type,
                                  const struct store_event *event, uint64_t leaf,
                                  struct ledger_event *ret) LUCID_WARN_UNUSED;

/* Hands one event to its owner's and listeners' apply; of an unknown type (NULL) only to
 * listeners. Uses whose bit in `only` is not set are skipped. */
enum lucid_error ledger_fold_event(struct ledger *ledger, const struct ledger_type *type,
                                   const struct ledger_event *event,
                                   uint32_t only) LUCID_WARN_UNUSED;

/* Marks, in the batch, the folds of kinds that are not registered: they miss what is appended now
 * and are folded again when they come back. */
enum lucid_error ledger_fold_absent(struct ledger *ledger) LUCID_WARN_UNUSED;

/* Brings every fold to the version of this program; at open. */
enum lucid_error ledger_fold_all(struct ledger *ledger, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Checks event hashes and leaves since the newest head, and its root. */
enum lucid_error ledger_check_recent(struct ledger *ledger,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Shows the committed state to readers; after maps, nodes and kinds' memory hold it. */
void ledger_publish(struct ledger *ledger);

/* Runs load of every kind. */
enum lucid_error ledger_kinds_load(struct ledger *ledger, struct store_view *view,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads who this log is from event 1, if it is there. */
enum lucid_error ledger_identify(struct ledger *ledger, struct store_view *view) LUCID_WARN_UNUSED;
/* The same in a view of its own. */
enum lucid_error ledger_identify_now(struct ledger *ledger) LUCID_WARN_UNUSED;

/* The map tags of an event with an entry, from its payload brought to the current version. */
enum lucid_error ledger_event_tags(struct ledger *ledger, const struct ledger_type *type,
                                   const struct store_event *event,
                                   uint64_t ret_tags[2]) LUCID_WARN_UNUSED;

/* The use of a kind, or UINT32_MAX. */
uint32_t ledger_use_find(const struct ledger *ledger, const struct ledger_kind *kind);

/* The committed memory block of a kind. Thread: writer. NULL when it is not registered. */
const void *ledger_memory_committed(const struct ledger *ledger, const struct ledger_kind *kind);

#endif
