#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

#define PREFIX_LEN (sizeof(STORE_LMDB_TABLE_PREFIX) - 1)

/* --- handles ------------------------------------------------------------------------------------
 */

/* Readers look at table[0 … tables) only, which never changes again; the writer fills the slots
 * after it and publishes them with its commit. */
static uint32_t tables_visible(struct store_lmdb *lmdb)
{
    if (atomic_load_explicit(&lmdb->writer, memory_order_relaxed) == (uintptr_t)pthread_self()) {
        return lmdb->tables_staged;
    }
    return atomic_load_explicit(&lmdb->tables, memory_order_acquire);
}

enum lucid_error store_lmdb_table_find(struct store *store, const char *name, uint32_t *ret_table)
{
    struct store_lmdb *lmdb = (struct store_lmdb *)(void *)store;
    uint32_t count = tables_visible(lmdb);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(lmdb->table[i].name, name) == 0) {
            *ret_table = i;
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

const char *store_lmdb_table_name(struct store *store, uint32_t table)
{
    struct store_lmdb *lmdb = (struct store_lmdb *)(void *)store;
    return table < tables_visible(lmdb) ? lmdb->table[table].name : NULL;
}

/* Opens the database of a table into the next free slot. */
static enum lucid_error table_open(struct store_lmdb *lmdb, MDB_txn *txn, struct lucid_span name,
                                   unsigned flags)
{
    lucid_assert(lmdb->tables_staged < STORE_TABLES_MAX);
    lucid_assert(name.len >= 1 && name.len <= STORE_NAME_BYTES_MAX);
    struct store_lmdb_table *table = &lmdb->table[lmdb->tables_staged];
    char full[PREFIX_LEN + STORE_NAME_BYTES_MAX + 1] = STORE_LMDB_TABLE_PREFIX;
    memcpy(full + PREFIX_LEN, name.data, name.len);
    full[PREFIX_LEN + name.len] = '\0';
    int result = mdb_dbi_open(txn, full, flags, &table->dbi);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    memcpy(table->name, full + PREFIX_LEN, name.len + 1);
    lmdb->tables_staged++;
    return LUCID_OK;
}

/* One entry of the main database: a table, or something else. */
static enum lucid_error table_load(struct store_lmdb *lmdb, MDB_txn *txn, struct lucid_span name)
{
    if (name.len < PREFIX_LEN || memcmp(name.data, STORE_LMDB_TABLE_PREFIX, PREFIX_LEN) != 0) {
        return LUCID_OK;
    }
    name = lucid_span(name.data + PREFIX_LEN, name.len - PREFIX_LEN);
    if (name.len == 0 || name.len > STORE_NAME_BYTES_MAX ||
        memchr(name.data, 0, name.len) != NULL || lmdb->tables_staged == STORE_TABLES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = table_open(lmdb, txn, name, 0);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error store_lmdb_tables_load(struct store_lmdb *lmdb, MDB_txn *txn)
{
    MDB_dbi main_dbi;
    MDB_cursor *cursor;
    int result = mdb_dbi_open(txn, NULL, 0, &main_dbi);
    if (result == MDB_SUCCESS) {
        result = mdb_cursor_open(txn, main_dbi, &cursor);
    }
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    enum lucid_error error = LUCID_OK;
    MDB_val key;
    MDB_val value;
    while (error == LUCID_OK && result == MDB_SUCCESS) {
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (result == MDB_SUCCESS) {
            error = table_load(lmdb, txn, store_lmdb_span(&key));
        }
    }
    mdb_cursor_close(cursor);
    if (error == LUCID_OK && result != MDB_NOTFOUND) {
        error = store_lmdb_error(result);
    }
    atomic_store_explicit(&lmdb->tables, lmdb->tables_staged, memory_order_release);
    return error;
}

enum lucid_error store_lmdb_table_create(struct store_batch *base, const char *name,
                                         uint32_t *ret_table)
{
    struct store_lmdb_view *view = &store_lmdb_batch_of(base)->view;
    struct store_lmdb *lmdb = view->lmdb;
    if (store_lmdb_table_find(&lmdb->base, name, ret_table) == LUCID_OK) {
        return LUCID_OK;
    }
    if (lmdb->tables_staged == STORE_TABLES_MAX) {
        return LUCID_REFUSE_TOO_LARGE;
    }
    enum lucid_error error = table_open(lmdb, view->txn, lucid_span_str(name), MDB_CREATE);
    if (error != LUCID_OK) {
        return error;
    }
    view->tables_seen = lmdb->tables_staged;
    *ret_table = lmdb->tables_staged - 1;
    return LUCID_OK;
}

/* --- reading ------------------------------------------------------------------------------------
 */

enum lucid_error store_lmdb_get(struct store_view *base, uint32_t table, struct lucid_span key,
                                struct lucid_span *ret_value)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    if (table >= view->tables_seen) {
        return LUCID_NOTE_ABSENT;
    }
    MDB_val k = store_lmdb_val(key);
    MDB_val v;
    int result = mdb_get(view->txn, view->lmdb->table[table].dbi, &k, &v);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    *ret_value = store_lmdb_span(&v);
    return LUCID_OK;
}

/* Moves the cursor; *k comes in as the key asked for and goes out as the one found. */
static int cursor_seek(MDB_cursor *cursor, enum store_seek how, MDB_val *k, MDB_val *v)
{
    bool forward = how == STORE_SEEK_GE || how == STORE_SEEK_GT;
    if (k->mv_size == 0) {
        /* LMDB has no empty keys, therefore none is at or before it either. */
        return how == STORE_SEEK_LE ? MDB_NOTFOUND
                                    : mdb_cursor_get(cursor, k, v, forward ? MDB_FIRST : MDB_LAST);
    }
    struct lucid_span asked = store_lmdb_span(k);
    int result = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (result == MDB_NOTFOUND && !forward) {
        return mdb_cursor_get(cursor, k, v, MDB_LAST);
    }
    if (result != MDB_SUCCESS || how == STORE_SEEK_GE) {
        return result;
    }
    bool equal = lucid_span_equal(asked, store_lmdb_span(k));
    if (how == STORE_SEEK_GT) {
        return equal ? mdb_cursor_get(cursor, k, v, MDB_NEXT) : result;
    }
    if (how == STORE_SEEK_LE && equal) {
        return result;
    }
    return mdb_cursor_get(cursor, k, v, MDB_PREV);
}

static enum lucid_error seek_cached(struct store_lmdb_view *view, uint32_t table,
                                    enum store_seek how, MDB_val *k, MDB_val *v)
{
    MDB_cursor *cursor = NULL;
    enum lucid_error error =
        store_lmdb_cursor_get(view, &view->table[table], view->lmdb->table[table].dbi, &cursor);
    return error == LUCID_OK ? store_lmdb_error(cursor_seek(cursor, how, k, v)) : error;
}

/* In a batch, a cursor kept open would have to be moved along by every later put. */
static enum lucid_error seek_once(struct store_lmdb_view *view, uint32_t table, enum store_seek how,
                                  MDB_val *k, MDB_val *v)
{
    MDB_cursor *cursor;
    int result = mdb_cursor_open(view->txn, view->lmdb->table[table].dbi, &cursor);
    if (result == MDB_SUCCESS) {
        result = cursor_seek(cursor, how, k, v);
        mdb_cursor_close(cursor);
    }
    return store_lmdb_error(result);
}

enum lucid_error store_lmdb_seek(struct store_view *base, uint32_t table, enum store_seek how,
                                 struct lucid_span key, struct lucid_span *ret_key,
                                 struct lucid_span *ret_value)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    if (table >= view->tables_seen) {
        return LUCID_NOTE_ABSENT;
    }
    MDB_val k = store_lmdb_val(key);
    MDB_val v;
    enum lucid_error error = view->batch != NULL ? seek_once(view, table, how, &k, &v)
                                                 : seek_cached(view, table, how, &k, &v);
    if (error != LUCID_OK) {
        return error;
    }
    *ret_key = store_lmdb_span(&k);
    *ret_value = store_lmdb_span(&v);
    return LUCID_OK;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static MDB_dbi table_dbi(const struct store_lmdb_batch *batch, uint32_t table)
{
    lucid_assert(table < batch->view.tables_seen);
    return batch->view.lmdb->table[table].dbi;
}

enum lucid_error store_lmdb_table_clear(struct store_batch *base, uint32_t table)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    return store_lmdb_error(mdb_drop(batch->view.txn, table_dbi(batch, table), 0));
}

/* Key and value are copied first: the caller may have them from this batch's view, that is from the
 * very page that LMDB is about to shift. */
enum lucid_error store_lmdb_put(struct store_batch *base, uint32_t table, struct lucid_span key,
                                struct lucid_span value)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    uint8_t key_bytes[STORE_KEY_BYTES_MAX];
    memcpy(key_bytes, key.data, key.len);
    lucid_buf_clear(&batch->scratch);
    lucid_buf_span_put(&batch->scratch, value);
    if (!lucid_buf_ok(&batch->scratch)) {
        return LUCID_RETRY_MEMORY;
    }
    MDB_val k = store_lmdb_val(lucid_span(key_bytes, key.len));
    MDB_val v = store_lmdb_val(lucid_buf_span(&batch->scratch));
    return store_lmdb_error(mdb_put(batch->view.txn, table_dbi(batch, table), &k, &v, 0));
}

enum lucid_error store_lmdb_del(struct store_batch *base, uint32_t table, struct lucid_span key)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    uint8_t key_bytes[STORE_KEY_BYTES_MAX];
    memcpy(key_bytes, key.data, key.len);
    MDB_val k = store_lmdb_val(lucid_span(key_bytes, key.len));
    return store_lmdb_error(mdb_del(batch->view.txn, table_dbi(batch, table), &k, NULL));
}
