#include "ledger/audit.h"

#include "base/assert.h"
#include "base/sha256.h"
#include "ledger/event.h"
#include "ledger/log_internal.h"
#include "ledger/note.h"
#include "ledger/receipt_internal.h"

enum { PROGRESS_EVENTS = 1024 };

/* The tree as far as it was derived. */
struct audit_tree {
    uint64_t leaves;
    struct mmr_hash peaks[MMR_PEAKS_MAX + 1];
    size_t peak_count;
};

struct audit {
    struct store_view *view;
    audit_progress_fn *progress;
    void *context;
    struct lucid_why *why;
    struct audit_facts facts;
    struct ledger_vkey vkey;
    struct store_counts counts;
    struct audit_tree tree; /* by the events */
    struct audit_tree rows; /* by the leaf rows */
    uint64_t erasures;      /* events receipt.erased */
    uint64_t time_ms;
};

static enum lucid_error damaged(struct audit *audit, uint64_t sequence, const char *what)
{
    return lucid_refuse(audit->why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL, "event %llu: %s",
                        (unsigned long long)sequence, what);
}

/* Appends a leaf; ret_nodes: its own node and every parent that it completes. */
static size_t tree_append(struct audit_tree *tree, const uint8_t *entry,
                          struct mmr_hash ret_nodes[MMR_PEAKS_MAX + 1])
{
    struct mmr_hash node;
    size_t count = 1;
    mmr_hash_leaf(lucid_span(entry, STORE_ENTRY_BYTES), &node);
    ret_nodes[0] = node;
    for (uint64_t bits = tree->leaves; (bits & 1) != 0; bits >>= 1) {
        lucid_assert(tree->peak_count > 0 && count <= MMR_PEAKS_MAX);
        struct mmr_hash parent;
        mmr_hash_parent(&tree->peaks[--tree->peak_count], &node, &parent);
        node = parent;
        ret_nodes[count++] = node;
    }
    tree->peaks[tree->peak_count++] = node;
    tree->leaves++;
    return count;
}

/* --- events ----------------------------------------------------------------------------------- */

static enum lucid_error first_event(struct audit *audit, const struct store_event *event)
{
    if (log_init_parse(event, &audit->facts.identity) != LUCID_OK ||
        log_hash_before_first(event, audit->facts.event_hash) != LUCID_OK ||
        ledger_vkey_parse(lucid_span_str(audit->facts.identity.vkey), &audit->vkey, NULL) !=
            LUCID_OK) {
        return damaged(audit, event->sequence, "it does not say whose log this is");
    }
    return LUCID_OK;
}

static enum lucid_error head_event(struct audit *audit, const struct store_event *event)
{
    struct ledger_checkpoint head;
    struct mmr_hash root;
    if (event->payload.len > sizeof(audit->facts.checkpoint) ||
        ledger_checkpoint_open(event->payload, &audit->vkey, &head, NULL) != LUCID_OK) {
        return damaged(audit, event->sequence, "no head signed by the log's key");
    }
    mmr_bag(audit->tree.peaks, audit->tree.peak_count, &root);
    if (head.size != audit->tree.leaves || memcmp(&root, &head.root, sizeof(root)) != 0) {
        return damaged(audit, event->sequence, "the head is not that of the entries before it");
    }
    audit->facts.heads++;
    audit->facts.head_size = head.size;
    memcpy(audit->facts.head_root, root.bytes, sizeof(root));
    memcpy(audit->facts.checkpoint, event->payload.data, event->payload.len);
    audit->facts.checkpoint_len = event->payload.len;
    return LUCID_OK;
}

static enum lucid_error receipt_event(struct audit *audit, const struct store_event *event)
{
    struct lucid_span body;
    enum lucid_error error = store_body_read(audit->view, event->sequence, &body);
    if (event->entry == NULL) {
        return damaged(audit, event->sequence, "a receipt without an entry");
    }
    if (error == LUCID_NOTE_ERASED) {
        audit->facts.erased++;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return damaged(audit, event->sequence, "the body is not there");
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    if (memcmp(hash, event->entry, sizeof(hash)) != 0) {
        return damaged(audit, event->sequence, "the body does not hash to its receipt");
    }
    audit->facts.bodies++;
    return LUCID_OK;
}

static enum lucid_error event_audit(void *context, const struct store_event *event)
{
    struct audit *audit = context;
    struct audit_facts *facts = &audit->facts;
    enum lucid_error error = event->sequence == 1 ? first_event(audit, event) : LUCID_OK;
    if (error != LUCID_OK) {
        return error;
    }
    event_hash(facts->event_hash, event, facts->event_hash);
    if (memcmp(facts->event_hash, event->hash, STORE_HASH_BYTES) != 0 ||
        event->time_ms < audit->time_ms) {
        return damaged(audit, event->sequence, "the chain of event hashes is broken");
    }
    audit->time_ms = event->time_ms;
    facts->events = event->sequence;
    if (event->entry != NULL) {
        struct mmr_hash nodes[MMR_PEAKS_MAX + 1];
        (void)tree_append(&audit->tree, event->entry, nodes);
    }
    if (lucid_span_is(event->type, RECEIPT_EVENT_TYPE)) {
        error = receipt_event(audit, event);
    } else if (lucid_span_is(event->type, "head")) {
        error = head_event(audit, event);
    } else if (lucid_span_is(event->type, "receipt.erased")) {
        audit->erasures++;
    }
    if (error == LUCID_OK && audit->progress != NULL && event->sequence % PROGRESS_EVENTS == 0 &&
        !audit->progress(audit->context, event->sequence, audit->counts.events)) {
        error = lucid_refuse(audit->why, LUCID_RETRY_BUSY, NULL, NULL, "stopped");
    }
    return error;
}

/* --- leaf rows -------------------------------------------------------------------------------- */

static enum lucid_error leaf_audit(void *context, const struct store_leaf_run *run)
{
    struct audit *audit = context;
    const uint8_t *stored = run->nodes.data;
    for (uint32_t i = 0; i < run->count; i++) {
        struct store_leaf row = store_leaf_at(run, i);
        struct store_event event;
        struct mmr_hash nodes[MMR_PEAKS_MAX + 1];
        if (store_event_read(audit->view, row.sequence, &event) != LUCID_OK ||
            event.entry == NULL || row.tags[LEDGER_TAG_HASH] != ledger_tag_hash(event.entry)) {
            return damaged(audit, row.sequence, "the leaf's row names an event that is not its");
        }
        size_t count = tree_append(&audit->rows, event.entry, nodes);
        if ((size_t)(run->nodes.data + run->nodes.len - stored) < count * MMR_HASH_BYTES ||
            memcmp(nodes, stored, count * MMR_HASH_BYTES) != 0) {
            return damaged(audit, row.sequence, "the tree's nodes are not those of its entries");
        }
        stored += count * MMR_HASH_BYTES;
    }
    return LUCID_OK;
}

/* What only the whole shows. */
static enum lucid_error whole_audit(struct audit *audit)
{
    struct mmr_hash by_events;
    struct mmr_hash by_rows;
    mmr_bag(audit->tree.peaks, audit->tree.peak_count, &by_events);
    mmr_bag(audit->rows.peaks, audit->rows.peak_count, &by_rows);
    if (audit->tree.leaves != audit->rows.leaves ||
        memcmp(&by_events, &by_rows, sizeof(by_rows)) != 0) {
        return damaged(audit, audit->facts.events, "rows and events do not make the same tree");
    }
    if (audit->facts.erased != audit->erasures) {
        return damaged(audit, audit->facts.events, "bodies were erased without an event, or not");
    }
    if (audit->facts.heads == 0) {
        return damaged(audit, audit->facts.events, "the log has no head");
    }
    audit->facts.leaves = audit->tree.leaves;
    return LUCID_OK;
}

static enum lucid_error view_audit(struct audit *audit)
{
    store_counts_read(audit->view, &audit->counts);
    if (audit->counts.events == 0) {
        return lucid_refuse(audit->why, LUCID_NOTE_ABSENT, "NO_LOG", NULL,
                            "the store holds no log");
    }
    enum lucid_error error = store_event_scan(audit->view, 1, event_audit, audit);
    if (error == LUCID_OK && audit->facts.events != audit->counts.events) {
        error = damaged(audit, audit->facts.events, "the log ends before its count");
    }
    if (error == LUCID_OK) {
        error = store_leaf_scan(audit->view, 0, leaf_audit, audit);
    }
    return error == LUCID_OK ? whole_audit(audit) : error;
}

enum lucid_error ledger_audit(struct store *store, audit_progress_fn *progress, void *context,
                              struct audit_facts *ret, struct lucid_why *why)
{
    struct lucid_why own = {0};
    struct audit audit = {.progress = progress, .context = context, .why = &own};
    enum lucid_error error = store_view_open(store, &audit.view);
    if (error == LUCID_OK) {
        error = store_view_begin(audit.view);
        if (error == LUCID_OK) {
            error = view_audit(&audit);
            store_view_end(audit.view);
        }
        store_view_close(audit.view);
    }
    if (error == LUCID_OK) {
        *ret = audit.facts;
        return LUCID_OK;
    }
    return lucid_refuse(why, error, own.code != NULL ? own.code : "DAMAGED", NULL, "%s",
                        own.text[0] != '\0' ? own.text : lucid_error_name(error));
}
