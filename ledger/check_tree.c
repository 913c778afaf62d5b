/* Leaf rows, nodes, and the roots that heads and epochs name. What a range's leaves should add to
 * the tree is computed from the entries alone and then compared with the store in one pass. */
#include "ledger/check_internal.h"
#include "ledger/epoch_internal.h"

/* --- reading stored nodes --------------------------------------------------------------------- */

struct node_wish {
    unsigned height;
    bool found;
    struct mmr_hash hash;
};

/* The node of that height is among those that the run's first leaf adds. */
static enum lucid_error node_take(void *context, const struct store_leaf_run *run)
{
    struct node_wish *wish = context;
    size_t at = (size_t)wish->height * MMR_HASH_BYTES;
    if (run->count > 0 && run->nodes.len >= at + MMR_HASH_BYTES) {
        memcpy(&wish->hash, run->nodes.data + at, MMR_HASH_BYTES);
        wish->found = true;
    }
    return LUCID_NOTE_END;
}

/* The node over the leaves [end − 2^height, end). */
static bool node_read(struct check_worker *worker, unsigned height, uint64_t end,
                      struct mmr_hash *ret)
{
    struct node_wish wish = {.height = height};
    if (store_leaf_scan_raw(worker->view, end - 1, node_take, &wish) != LUCID_OK || !wish.found) {
        check_add(&worker->report, CHECK_NODE, 0, end - 1, "a node of height %u cannot be read",
                  height);
        return false;
    }
    *ret = wish.hash;
    return true;
}

/* The peaks of a tree of that size, as stored. */
static bool peaks_read(struct check_worker *worker, uint64_t leaves,
                       struct mmr_hash peaks[MMR_PEAKS_MAX], size_t *ret_count)
{
    uint64_t end = 0;
    size_t count = 0;
    for (int height = MMR_PEAKS_MAX - 1; height >= 0; height--) {
        if ((leaves >> height & 1) == 0) {
            continue;
        }
        end += (uint64_t)1 << height;
        if (!node_read(worker, (unsigned)height, end, &peaks[count])) {
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

/* --- the edge --------------------------------------------------------------------------------- */

void check_edge_begin(struct check_worker *worker, uint64_t leaves)
{
    struct check_edge *edge = &worker->edge;
    edge->leaves = leaves;
    edge->count = 0;
    edge->known = peaks_read(worker, leaves, edge->peaks, &edge->count);
    if (!edge->known) {
        edge->count = (size_t)__builtin_popcountll(leaves);
        memset(edge->peaks, 0, sizeof(edge->peaks));
    }
}

void check_edge_append(struct check_worker *worker, const uint8_t *entry)
{
    struct check_edge *edge = &worker->edge;
    struct mmr_hash node;
    mmr_hash_leaf(lucid_span(entry, STORE_ENTRY_BYTES), &node);
    lucid_buf_put(&worker->nodes, node.bytes, MMR_HASH_BYTES);
    for (uint64_t merges = edge->leaves; (merges & 1) != 0; merges >>= 1) {
        struct mmr_hash parent;
        mmr_hash_parent(&edge->peaks[--edge->count], &node, &parent);
        node = parent;
        lucid_buf_put(&worker->nodes, node.bytes, MMR_HASH_BYTES);
    }
    edge->peaks[edge->count++] = node;
    edge->leaves++;
}

/* Whether the root of the first `size` leaves (at most the edge's) is the one named. False: it is
 * *ret_root. True also when nodes cannot be read, which is then reported. */
static bool root_is(struct check_worker *worker, uint64_t size, const struct mmr_hash *named,
                    struct mmr_hash *ret_root)
{
    const struct check_edge *edge = &worker->edge;
    if (size == edge->leaves && edge->known) {
        mmr_bag(edge->peaks, edge->count, ret_root);
        if (memcmp(ret_root, named, sizeof(*named)) == 0) {
            return true;
        }
    }
    /* An entry or node of this range is damaged, or of an older size: by what is stored. */
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    if (!peaks_read(worker, size, peaks, &count)) {
        return true; /* that was reported */
    }
    mmr_bag(peaks, count, ret_root);
    return memcmp(ret_root, named, sizeof(*named)) == 0;
}

/* --- leaf rows -------------------------------------------------------------------------------- */

enum lucid_error check_leaf_find(struct check_worker *worker, uint64_t sequence, uint64_t *ret_leaf)
{
    uint64_t low = 0;
    uint64_t high = worker->check->counts.leaves;
    while (low < high) {
        struct store_leaf row;
        uint64_t middle = low + (high - low) / 2;
        enum lucid_error error = store_leaf_read(worker->view, middle, &row);
        if (error != LUCID_OK) {
            if (!check_passes_on(error)) {
                check_add(&worker->report, CHECK_LEAF, 0, middle, "a leaf's row cannot be read");
            }
            return error;
        }
        if (row.sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_leaf = low;
    return LUCID_OK;
}

struct leaf_pass {
    struct check_worker *worker;
    uint64_t next; /* leaf */
    uint64_t end;
};

static void row_compare(struct check_worker *worker, uint64_t leaf, const struct store_leaf *want,
                        const struct store_leaf *is)
{
    struct check_report *report = &worker->report;
    if (want->sequence != is->sequence) {
        check_pair_u64(check_add(report, CHECK_LEAF, want->sequence, leaf,
                                 "the leaf's row names another event"),
                       want->sequence, is->sequence);
    }
    for (unsigned which = 0; which < 2; which++) {
        if (want->tags[which] != is->tags[which]) {
            uint8_t tags[2][8];
            lucid_put_be64(tags[0], want->tags[which]);
            lucid_put_be64(tags[1], is->tags[which]);
            check_pair_hex(check_add(report, CHECK_LEAF, want->sequence, leaf,
                                     "another tag of the %s in the leaf's row",
                                     which == LEDGER_TAG_HASH ? "receipt hash" : "run_id"),
                           lucid_span(tags[0], 8), lucid_span(tags[1], 8));
        }
    }
}

static void node_add(struct check_worker *worker, uint64_t leaf, unsigned height,
                     const uint8_t *want, const uint8_t *is)
{
    check_pair_hex(check_add(&worker->report, CHECK_NODE, 0, leaf,
                             "the node of height %u that ends with this leaf is not the hash of %s",
                             height, height == 0 ? "the entry" : "its children"),
                   lucid_span(want, MMR_HASH_BYTES), lucid_span(is, MMR_HASH_BYTES));
}

/* Compares the nodes that one leaf adds. Where they differ from what the entries give, only those
 * are named that do not follow from the stored nodes below them. */
static void nodes_compare(struct check_worker *worker, uint64_t leaf, const uint8_t *want,
                          const uint8_t *is)
{
    unsigned count = (unsigned)__builtin_ctzll(leaf + 1) + 1;
    worker->report.nodes += count;
    if (memcmp(want, is, (size_t)count * MMR_HASH_BYTES) == 0) {
        return;
    }
    if (memcmp(want, is, MMR_HASH_BYTES) != 0) {
        node_add(worker, leaf, 0, want, is);
    }
    for (unsigned height = 1; height < count; height++) {
        struct mmr_hash left;
        struct mmr_hash right;
        struct mmr_hash parent;
        const uint8_t *stored = is + (size_t)height * MMR_HASH_BYTES;
        memcpy(&right, stored - MMR_HASH_BYTES, MMR_HASH_BYTES);
        if (!node_read(worker, height - 1, leaf + 1 - ((uint64_t)1 << (height - 1)), &left)) {
            continue;
        }
        mmr_hash_parent(&left, &right, &parent);
        if (memcmp(&parent, stored, MMR_HASH_BYTES) != 0) {
            node_add(worker, leaf, height, parent.bytes, stored);
        }
    }
}

static enum lucid_error run_compare(void *context, const struct store_leaf_run *run)
{
    struct leaf_pass *pass = context;
    struct check_worker *worker = pass->worker;
    uint64_t base = mmr_node_count(worker->first_leaf);
    uint64_t damage = check_report_damage(&worker->report);
    for (uint32_t i = 0; i < run->count; i++) {
        uint64_t leaf = run->first + i;
        if (leaf >= pass->end) {
            return LUCID_NOTE_END;
        }
        struct store_leaf is = store_leaf_at(run, i);
        row_compare(worker, leaf, &worker->rows[leaf - worker->first_leaf], &is);
        size_t want_at = (size_t)(mmr_node_count(leaf) - base) * MMR_HASH_BYTES;
        size_t is_at = (size_t)(mmr_node_count(leaf) - mmr_node_count(run->first)) * MMR_HASH_BYTES;
        nodes_compare(worker, leaf, worker->nodes.data + want_at, run->nodes.data + is_at);
        pass->next = leaf + 1;
    }
    /* By the range that has the run's end. What is damaged was named, or is of another range, or it
     * is the sum itself, over which the service would not start. */
    if (damage == check_report_damage(&worker->report) && !store_leaf_run_holds(run)) {
        check_add(&worker->report, CHECK_LEAF, 0, run->number,
                  "the sum over the rows and nodes of the leaves %llu to %llu is another",
                  (unsigned long long)run->number,
                  (unsigned long long)(run->first + run->count - 1));
    }
    return LUCID_OK;
}

enum lucid_error check_leaves_compare(struct check_worker *worker)
{
    size_t rows = worker->row_count < worker->comparable ? worker->row_count : worker->comparable;
    uint64_t leaves = worker->check->counts.leaves;
    struct leaf_pass pass = {
        .worker = worker, .next = worker->first_leaf, .end = worker->first_leaf + rows};
    pass.end = pass.end < leaves ? pass.end : leaves; /* too many: check_finish tells */
    while (pass.next < pass.end) {
        enum lucid_error error = store_leaf_scan_raw(worker->view, pass.next, run_compare, &pass);
        if (check_passes_on(error)) {
            return error;
        }
        if (pass.next >= pass.end) {
            break;
        }
        uint64_t bad = pass.next;
        struct store_leaf row;
        do {
            pass.next++;
        } while (pass.next < pass.end &&
                 store_leaf_read(worker->view, pass.next, &row) != LUCID_OK);
        check_add(&worker->report, CHECK_LEAF, 0, bad,
                  "the rows of the leaves %llu to %llu cannot be read", (unsigned long long)bad,
                  (unsigned long long)(pass.next - 1));
    }
    return LUCID_OK;
}

/* --- heads and epochs ------------------------------------------------------------------------- */

static void root_compare(struct check_worker *worker, enum check_class class,
                         const struct store_event *event, uint64_t size,
                         const struct mmr_hash *named)
{
    struct mmr_hash root;
    if (!root_is(worker, size, named, &root)) {
        check_pair_hex(check_add(&worker->report, class, event->sequence, CHECK_NO_LEAF,
                                 "the root is not that of the tree of %llu leaves",
                                 (unsigned long long)size),
                       lucid_span(root.bytes, sizeof(root)), lucid_span(named, sizeof(*named)));
    }
}

void check_head(struct check_worker *worker, const struct store_event *event)
{
    struct check_report *report = &worker->report;
    struct ledger_checkpoint checkpoint;
    struct lucid_why why = {.code = NULL};
    report->heads++;
    if (!worker->check->vkey_known) {
        check_add_undecided(report, CHECK_HEAD, event->sequence, "the log's key is not known");
        return;
    }
    if (ledger_checkpoint_open(event->payload, &worker->check->vkey, &checkpoint, &why) !=
        LUCID_OK) {
        check_add(report, CHECK_HEAD, event->sequence, CHECK_NO_LEAF,
                  "the head does not verify: %.100s", why.text);
        return;
    }
    if (checkpoint.size > worker->edge.leaves) {
        check_pair_u64(check_add(report, CHECK_HEAD, event->sequence, CHECK_NO_LEAF,
                                 "the head is of a tree larger than the one it follows"),
                       worker->edge.leaves, checkpoint.size);
        return;
    }
    root_compare(worker, CHECK_HEAD, event, checkpoint.size, &checkpoint.root);
}

/* Time of the event that logged a leaf. */
static bool leaf_time(struct check_worker *worker, uint64_t leaf, uint64_t *ret_ms)
{
    struct store_leaf row;
    struct store_event event;
    if (store_leaf_read(worker->view, leaf, &row) != LUCID_OK ||
        store_event_read(worker->view, row.sequence, &event) != LUCID_OK) {
        return false;
    }
    *ret_ms = event.time_ms;
    return true;
}

void check_epoch(struct check_worker *worker, const struct store_event *event)
{
    struct check_report *report = &worker->report;
    struct ledger_epoch epoch;
    uint64_t opened = 0;
    report->epochs++;
    if (epoch_closed_parse(event->payload, &epoch) != LUCID_OK) {
        check_add(report, CHECK_EPOCH, event->sequence, CHECK_NO_LEAF,
                  "the epoch's payload cannot be read");
        return;
    }
    if (epoch.first_leaf >= epoch.end_leaf || epoch.end_leaf > worker->edge.leaves) {
        check_add(report, CHECK_EPOCH, event->sequence, CHECK_NO_LEAF,
                  "epoch %llu ends before it begins, or after the tree",
                  (unsigned long long)epoch.number);
        return;
    }
    root_compare(worker, CHECK_EPOCH, event, epoch.end_leaf, &epoch.root);
    if (!leaf_time(worker, epoch.first_leaf, &opened) || opened != epoch.opened_ms) {
        check_pair_u64(check_add(report, CHECK_EPOCH, event->sequence, epoch.first_leaf,
                                 "epoch %llu was not opened when its first leaf was logged",
                                 (unsigned long long)epoch.number),
                       opened, epoch.opened_ms);
    }
}
