#include "ledger/store/store.h"

#include "base/assert.h"
#include "ledger/store/store_internal.h"

/* --- handles -----------------------------------------------------------------------------------
 */

void store_init(struct store *store, const struct store_ops *ops)
{
    store->magic = STORE_MAGIC;
    store->ops = ops;
    store->batch = NULL;
    atomic_init(&store->views, 0);
    atomic_init(&store->poisoned, false);
}

void store_view_init(struct store_view *view, struct store *store)
{
    *view = (struct store_view){.magic = STORE_VIEW_MAGIC, .store = store};
}

void store_batch_init(struct store_batch *batch, struct store *store, struct store_view *view)
{
    *batch = (struct store_batch){.magic = STORE_BATCH_MAGIC, .store = store, .view = view};
    view->of_batch = true;
    view->begun = true;
}

static const struct store_ops *store_ops_of(const struct store *store)
{
    lucid_assert(store != NULL && store->magic == STORE_MAGIC);
    return store->ops;
}

/* The operations of a view that may be read. */
static const struct store_ops *view_ops_of(const struct store_view *view)
{
    lucid_assert(view != NULL && view->magic == STORE_VIEW_MAGIC && view->begun);
    return store_ops_of(view->store);
}

static const struct store_ops *batch_ops_of(const struct store_batch *batch)
{
    lucid_assert(batch != NULL && batch->magic == STORE_BATCH_MAGIC);
    lucid_assert(batch->store->batch == batch);
    return store_ops_of(batch->store);
}

/* Makes a failed write decide the whole batch: code in the middle may go on, commit will tell. */
static enum lucid_error batch_result(struct store_batch *batch, enum lucid_error error)
{
    enum lucid_category category = lucid_category(error);
    if (category == LUCID_CATEGORY_RETRY || category == LUCID_CATEGORY_FATAL) {
        batch->error = error;
    }
    return error;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    const struct store_ops *ops = store_ops_of(store);
    lucid_assert(store->batch == NULL);
    lucid_assert(atomic_load(&store->views) == 0);
    store->magic = 0;
    ops->close(store);
}

void store_stats_read(struct store *store, struct store_stats *ret)
{
    store_ops_of(store)->stats_read(store, ret);
}

unsigned store_readers_check(struct store *store)
{
    return store_ops_of(store)->readers_check(store);
}

/* --- views -------------------------------------------------------------------------------------
 */

enum lucid_error store_view_open(struct store *store, struct store_view **ret)
{
    const struct store_ops *ops = store_ops_of(store);
    struct store_view *view = NULL;
    enum lucid_error error = ops->view_open(store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_assert(view != NULL && view->magic == STORE_VIEW_MAGIC && view->store == store);
    lucid_assert(!view->begun && !view->of_batch);
    atomic_fetch_add(&store->views, 1);
    *ret = view;
    return LUCID_OK;
}

void store_view_close(struct store_view *view)
{
    if (view == NULL) {
        return;
    }
    lucid_assert(view->magic == STORE_VIEW_MAGIC && !view->of_batch && !view->begun);
    struct store *store = view->store;
    const struct store_ops *ops = store_ops_of(store);
    lucid_assert(atomic_fetch_sub(&store->views, 1) > 0);
    view->magic = 0;
    ops->view_close(view);
}

enum lucid_error store_view_begin(struct store_view *view)
{
    lucid_assert(view != NULL && view->magic == STORE_VIEW_MAGIC);
    lucid_assert(!view->begun && !view->of_batch);
    const struct store_ops *ops = store_ops_of(view->store);
    if (atomic_load_explicit(&view->store->poisoned, memory_order_acquire)) {
        return LUCID_FATAL_STORE;
    }
    enum lucid_error error = ops->view_begin(view);
    view->begun = error == LUCID_OK;
    return error;
}

void store_view_end(struct store_view *view)
{
    const struct store_ops *ops = view_ops_of(view);
    lucid_assert(!view->of_batch);
    view->begun = false;
    ops->view_end(view);
}

struct store_view *store_batch_view(struct store_batch *batch)
{
    (void)batch_ops_of(batch);
    lucid_assert(batch->view != NULL && batch->view->of_batch);
    return batch->view;
}

/* --- log rows: reading -------------------------------------------------------------------------
 */

void store_counts_read(struct store_view *view, struct store_counts *ret)
{
    struct store_counts counts = {0};
    view_ops_of(view)->counts_read(view, &counts);
    lucid_assert(counts.events <= STORE_ROWS_MAX && counts.leaves <= STORE_ROWS_MAX);
    *ret = counts;
}

/* What every back end owes its caller, whatever the bytes were. */
static void event_check(const struct store_event *event)
{
    lucid_assert(event->sequence >= 1 && event->sequence <= STORE_ROWS_MAX);
    lucid_assert(event->type.len >= 1 && event->type.len <= STORE_TYPE_BYTES_MAX);
    lucid_assert(event->payload.len <= STORE_PAYLOAD_BYTES_MAX);
    lucid_assert(event->version >= 1 && event->hash != NULL);
}

enum lucid_error store_event_read(struct store_view *view, uint64_t sequence,
                                  struct store_event *ret)
{
    struct store_event event = {0};
    enum lucid_error error = view_ops_of(view)->event_read(view, sequence, &event);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_assert(event.sequence == sequence);
    event_check(&event);
    *ret = event;
    return LUCID_OK;
}

enum lucid_error store_body_read(struct store_view *view, uint64_t sequence, struct lucid_span *ret)
{
    struct lucid_span body = {0};
    enum lucid_error error = view_ops_of(view)->body_read(view, sequence, &body);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_assert(body.data != NULL && body.len <= STORE_BODY_BYTES_MAX);
    *ret = body;
    return LUCID_OK;
}

enum lucid_error store_leaf_read(struct store_view *view, uint64_t leaf, struct store_leaf *ret)
{
    return view_ops_of(view)->leaf_read(view, leaf, ret);
}

struct event_scan {
    store_event_fn *fn;
    void *context;
    uint64_t next;
};

/* Between a back end and the caller: the rows come without a gap. */
static enum lucid_error event_scan_step(void *context, const struct store_event *event)
{
    struct event_scan *scan = context;
    lucid_assert(event->sequence == scan->next);
    event_check(event);
    scan->next++;
    return scan->fn(scan->context, event);
}

static enum lucid_error scan_result(enum lucid_error error)
{
    return error == LUCID_NOTE_END ? LUCID_OK : error;
}

enum lucid_error store_event_scan(struct store_view *view, uint64_t from, store_event_fn *fn,
                                  void *context)
{
    lucid_assert(fn != NULL);
    struct event_scan scan = {.fn = fn, .context = context, .next = from == 0 ? 1 : from};
    return scan_result(view_ops_of(view)->event_scan(view, scan.next, event_scan_step, &scan));
}

struct leaf_scan {
    store_leaf_fn *fn;
    void *context;
    uint64_t next;
    bool sums;
};

static enum lucid_error leaf_scan_step(void *context, const struct store_leaf_run *run)
{
    struct leaf_scan *scan = context;
    lucid_assert(run->first == scan->next && run->count > 0);
    lucid_assert(run->rows.len == (size_t)run->count * STORE_LEAF_ROW_BYTES);
    scan->next += run->count;
    uint64_t nodes = store_node_count(scan->next) - store_node_count(run->first);
    lucid_assert(run->nodes.len == nodes * STORE_HASH_BYTES);
    if (scan->sums && !store_leaf_run_holds(run)) {
        return LUCID_FATAL_CORRUPT;
    }
    return scan->fn(scan->context, run);
}

enum lucid_error store_leaf_scan(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                 void *context)
{
    lucid_assert(fn != NULL);
    struct leaf_scan scan = {.fn = fn, .context = context, .next = from, .sums = true};
    return scan_result(view_ops_of(view)->leaf_scan(view, from, leaf_scan_step, &scan));
}

enum lucid_error store_leaf_scan_raw(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                     void *context)
{
    lucid_assert(fn != NULL);
    struct leaf_scan scan = {.fn = fn, .context = context, .next = from};
    return scan_result(view_ops_of(view)->leaf_scan(view, from, leaf_scan_step, &scan));
}

bool store_leaf_run_holds(const struct store_leaf_run *run)
{
    if (run->summed.len < STORE_SUM_BYTES) {
        return true;
    }
    size_t len = run->summed.len - STORE_SUM_BYTES;
    return store_sum(run->number, lucid_span(run->summed.data, len)) ==
           lucid_get_be64(run->summed.data + len);
}

void store_leaf_pack(const struct store_leaf *leaf, uint8_t out[STORE_LEAF_ROW_BYTES])
{
    lucid_put_be64(out, leaf->sequence);
    lucid_put_be64(out + 8, leaf->tags[0]);
    lucid_put_be64(out + 16, leaf->tags[1]);
}

struct store_leaf store_leaf_at(const struct store_leaf_run *run, uint32_t i)
{
    lucid_assert(i < run->count && run->rows.len >= ((size_t)i + 1) * STORE_LEAF_ROW_BYTES);
    const uint8_t *row = run->rows.data + (size_t)i * STORE_LEAF_ROW_BYTES;
    return (struct store_leaf){
        .sequence = lucid_get_be64(row),
        .tags = {lucid_get_be64(row + 8), lucid_get_be64(row + 16)},
    };
}

/* --- tables: reading ---------------------------------------------------------------------------
 */

static void name_check(const char *name)
{
    lucid_assert(name != NULL);
    size_t len = strnlen(name, STORE_NAME_BYTES_MAX + 1);
    lucid_assert(len >= 1 && len <= STORE_NAME_BYTES_MAX);
}

static void key_check(uint32_t table, struct lucid_span key)
{
    lucid_assert(table < STORE_TABLES_MAX);
    lucid_assert(key.data != NULL && key.len >= 1 && key.len <= STORE_KEY_BYTES_MAX);
}

enum lucid_error store_table_find(struct store *store, const char *name, uint32_t *ret_table)
{
    name_check(name);
    return store_ops_of(store)->table_find(store, name, ret_table);
}

const char *store_table_name(struct store *store, uint32_t table)
{
    return store_ops_of(store)->table_name(store, table);
}

const char *store_view_table_name(struct store_view *view, uint32_t table)
{
    (void)view_ops_of(view);
    return store_table_name(view->store, table);
}

enum lucid_error store_get(struct store_view *view, uint32_t table, struct lucid_span key,
                           struct lucid_span *ret_value)
{
    key_check(table, key);
    struct lucid_span value = {0};
    enum lucid_error error = view_ops_of(view)->get(view, table, key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    *ret_value = value;
    return LUCID_OK;
}

/* Whether a key lies on the side that was asked for. */
static bool seek_fits(enum store_seek how, struct lucid_span key, struct lucid_span found)
{
    size_t len = key.len < found.len ? key.len : found.len;
    int order = len == 0 ? 0 : memcmp(found.data, key.data, len);
    if (order == 0) {
        order = (found.len > key.len) - (found.len < key.len);
    }
    switch (how) {
    case STORE_SEEK_GE:
        return order >= 0;
    case STORE_SEEK_GT:
        return order > 0;
    case STORE_SEEK_LE:
        return order <= 0;
    case STORE_SEEK_LT:
        return order < 0 || key.len == 0;
    }
    return false;
}

enum lucid_error store_seek(struct store_view *view, uint32_t table, enum store_seek how,
                            struct lucid_span key, struct lucid_span *ret_key,
                            struct lucid_span *ret_value)
{
    lucid_assert(table < STORE_TABLES_MAX && key.len <= STORE_KEY_BYTES_MAX);
    struct lucid_span found = {0};
    struct lucid_span value = {0};
    enum lucid_error error = view_ops_of(view)->seek(view, table, how, key, &found, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (found.len < 1 || !seek_fits(how, key, found)) {
        return LUCID_FATAL_CORRUPT; /* a damaged page is out of order */
    }
    *ret_key = found;
    *ret_value = value;
    return LUCID_OK;
}

/* --- batches -----------------------------------------------------------------------------------
 */

enum lucid_error store_batch_begin(struct store *store, struct store_batch **ret)
{
    const struct store_ops *ops = store_ops_of(store);
    lucid_assert(store->batch == NULL);
    if (atomic_load_explicit(&store->poisoned, memory_order_acquire)) {
        return LUCID_FATAL_STORE;
    }
    struct store_batch *batch = NULL;
    enum lucid_error error = ops->batch_begin(store, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_assert(batch != NULL && batch->magic == STORE_BATCH_MAGIC && batch->store == store);
    store->batch = batch;
    struct store_counts counts;
    store_counts_read(batch->view, &counts);
    batch->sequence_next = counts.events + 1;
    batch->leaf_next = counts.leaves;
    *ret = batch;
    return LUCID_OK;
}

/* Takes the batch out of its store: the back end may reuse or free it. */
static struct store *batch_leave(struct store_batch *batch)
{
    struct store *store = batch->store;
    store->batch = NULL;
    batch->magic = 0;
    return store;
}

enum lucid_error store_batch_commit(struct store_batch *batch)
{
    const struct store_ops *ops = batch_ops_of(batch);
    enum lucid_error error = batch->error;
    struct store *store = batch_leave(batch);
    if (error != LUCID_OK) {
        ops->batch_abort(batch);
    } else {
        error = ops->batch_commit(batch);
    }
    lucid_assert(error == LUCID_OK || lucid_category(error) >= LUCID_CATEGORY_RETRY);
    if (lucid_category(error) == LUCID_CATEGORY_FATAL) {
        atomic_store_explicit(&store->poisoned, true, memory_order_release);
    }
    return error;
}

void store_batch_abort(struct store_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    const struct store_ops *ops = batch_ops_of(batch);
    (void)batch_leave(batch);
    ops->batch_abort(batch);
}

static const uint8_t erased_mark[1];
const struct lucid_span store_body_erased = {erased_mark, 0};

enum lucid_error store_event_append(struct store_batch *batch, const struct store_event *event,
                                    struct lucid_span body)
{
    const struct store_ops *ops = batch_ops_of(batch);
    event_check(event);
    lucid_assert(event->type.data != NULL);
    lucid_assert(event->payload.data != NULL || event->payload.len == 0);
    lucid_assert(body.len <= STORE_BODY_BYTES_MAX && (body.data != NULL || body.len == 0));
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    lucid_assert(event->sequence == batch->sequence_next);
    lucid_assert(event->time_ms >= batch->time_ms);
    enum lucid_error error = batch_result(batch, ops->event_append(batch, event, body));
    if (error == LUCID_OK) {
        batch->sequence_next++;
        batch->time_ms = event->time_ms;
    }
    return error;
}

enum lucid_error store_body_erase(struct store_batch *batch, uint64_t sequence)
{
    const struct store_ops *ops = batch_ops_of(batch);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    return batch_result(batch, ops->body_erase(batch, sequence));
}

enum lucid_error store_leaf_append(struct store_batch *batch, const struct store_leaf *leaf,
                                   const uint8_t *nodes, size_t node_count)
{
    const struct store_ops *ops = batch_ops_of(batch);
    lucid_assert(leaf != NULL && nodes != NULL && node_count <= STORE_NODES_PER_LEAF_MAX);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    lucid_assert(batch->leaf_next < STORE_ROWS_MAX);
    lucid_assert(node_count == store_leaf_nodes(batch->leaf_next));
    enum lucid_error error =
        batch_result(batch, ops->leaf_append(batch, batch->leaf_next, leaf, nodes, node_count));
    if (error == LUCID_OK) {
        batch->leaf_next++;
    }
    return error;
}

enum lucid_error store_leaves_clear(struct store_batch *batch)
{
    const struct store_ops *ops = batch_ops_of(batch);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    enum lucid_error error = batch_result(batch, ops->leaves_clear(batch));
    if (error == LUCID_OK) {
        batch->leaf_next = 0;
    }
    return error;
}

enum lucid_error store_table_create(struct store_batch *batch, const char *name,
                                    uint32_t *ret_table)
{
    const struct store_ops *ops = batch_ops_of(batch);
    name_check(name);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    uint32_t table = 0;
    enum lucid_error error = batch_result(batch, ops->table_create(batch, name, &table));
    if (error == LUCID_OK) {
        lucid_assert(table < STORE_TABLES_MAX);
        *ret_table = table;
    }
    return error;
}

enum lucid_error store_table_clear(struct store_batch *batch, uint32_t table)
{
    const struct store_ops *ops = batch_ops_of(batch);
    lucid_assert(table < STORE_TABLES_MAX);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    return batch_result(batch, ops->table_clear(batch, table));
}

enum lucid_error store_put(struct store_batch *batch, uint32_t table, struct lucid_span key,
                           struct lucid_span value)
{
    const struct store_ops *ops = batch_ops_of(batch);
    key_check(table, key);
    lucid_assert(value.len <= STORE_VALUE_BYTES_MAX && (value.data != NULL || value.len == 0));
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    return batch_result(batch, ops->put(batch, table, key, value));
}

enum lucid_error store_del(struct store_batch *batch, uint32_t table, struct lucid_span key)
{
    const struct store_ops *ops = batch_ops_of(batch);
    key_check(table, key);
    if (batch->error != LUCID_OK) {
        return batch->error;
    }
    return batch_result(batch, ops->del(batch, table, key));
}
