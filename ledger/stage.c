/* Rows that a batch keeps in memory: folds that touch one row with every event (an account's
 * balance) change it there, and it is summed and written once, before the commit. */
#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/row.h"

struct ledger_staged_row {
    struct ledger_staged_row *next; /* in the bucket */
    struct ledger_staged_row *prev; /* staged before it */
    uint32_t table;
    uint32_t hash;
    uint16_t key_len;
    bool stored; /* the store has the bytes of `was` */
    size_t bytes;
    uint8_t *was; /* as the store has it; the row itself follows it, then the key */
};

static uint8_t *row_data(const struct ledger_staged_row *row)
{
    return row->was + row->bytes;
}

static struct lucid_span row_key(const struct ledger_staged_row *row)
{
    return lucid_span(row->was + 2 * row->bytes, row->key_len);
}

/* FNV-1a: keys are account numbers and names that administrators chose; a bad spread costs time
 * within one batch only. */
static uint32_t hash_of(uint32_t table, struct lucid_span key)
{
    uint64_t hash = 0xcbf29ce484222325 ^ table;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ key.data[i]) * 0x100000001b3;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static struct ledger_staged_row *row_find(const struct ledger_stage *stage, uint32_t table,
                                          struct lucid_span key, uint32_t hash)
{
    if (stage->newest == NULL) {
        return NULL;
    }
    struct ledger_staged_row *row = stage->buckets[hash % stage->bucket_count];
    while (row != NULL &&
           (row->hash != hash || row->table != table || !lucid_span_equal(row_key(row), key))) {
        row = row->next;
    }
    return row;
}

static void row_link(struct ledger_stage *stage, struct ledger_staged_row *row)
{
    struct ledger_staged_row **bucket = &stage->buckets[row->hash % stage->bucket_count];
    row->next = *bucket;
    *bucket = row;
}

/* Keeps chains short: the end of an epoch touches the account of everybody who logged in it. */
static enum lucid_error buckets_grow(struct ledger *ledger)
{
    struct ledger_stage *stage = &ledger->stage;
    if (stage->newest == NULL) {
        stage->buckets = stage->first_buckets;
        stage->bucket_count = LEDGER_STAGE_BUCKETS;
    }
    if (stage->count < 2 * stage->bucket_count) {
        return LUCID_OK;
    }
    uint32_t count = 8 * stage->bucket_count;
    struct ledger_staged_row **buckets =
        lucid_arena_zalloc(&ledger->arena, count * sizeof(struct ledger_staged_row *));
    if (buckets == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    stage->buckets = buckets;
    stage->bucket_count = count;
    for (struct ledger_staged_row *row = stage->newest; row != NULL; row = row->prev) {
        row_link(stage, row);
    }
    return LUCID_OK;
}

void ledger_rows_reset(struct ledger *ledger)
{
    if (ledger->stage.newest != NULL) {
        memset(&ledger->stage, 0, sizeof(ledger->stage));
    }
}

/* Writes the rows of one table, or of all. What failed once stays failed: the transaction cannot be
 * committed any more. */
static enum lucid_error rows_write(struct ledger *ledger, uint32_t table, bool all)
{
    enum lucid_error error = ledger->stage.failed;
    for (struct ledger_staged_row *row = ledger->stage.newest; error == LUCID_OK && row != NULL;
         row = row->prev) {
        if (!all && row->table != table) {
            continue;
        }
        if (row->stored && memcmp(row->was, row_data(row), row->bytes) == 0) {
            continue;
        }
        struct lucid_span value = lucid_span(row_data(row), row->bytes);
        error = ledger_row_put(ledger, row->table, row_key(row), value);
        if (error == LUCID_OK) {
            memcpy(row->was, row_data(row), row->bytes);
            row->stored = true;
        }
    }
    ledger->stage.failed = error;
    return error;
}

enum lucid_error ledger_rows_flush(struct ledger *ledger)
{
    return rows_write(ledger, 0, true);
}

enum lucid_error ledger_rows_flush_table(struct ledger *ledger, uint32_t table)
{
    return ledger->stage.tables[table] ? rows_write(ledger, table, false) : ledger->stage.failed;
}

bool ledger_rows_get(struct ledger *ledger, uint32_t table, struct lucid_span key,
                     struct lucid_span *ret_value)
{
    if (!ledger->stage.tables[table]) {
        return false;
    }
    const struct ledger_staged_row *row = row_find(&ledger->stage, table, key, hash_of(table, key));
    if (row == NULL) {
        return false;
    }
    *ret_value = lucid_span(row_data(row), row->bytes);
    return true;
}

enum lucid_error ledger_rows_take(struct ledger *ledger, struct store_view *view, uint32_t table,
                                  struct lucid_span key, size_t bytes, bool create,
                                  uint8_t **ret_row)
{
    lucid_assert(bytes > 0 && bytes <= LEDGER_ROW_BYTES_MAX);
    lucid_assert(key.len > 0 && key.len <= STORE_KEY_BYTES_MAX);
    uint32_t hash = hash_of(table, key);
    struct ledger_staged_row *row = row_find(&ledger->stage, table, key, hash);
    if (row != NULL) {
        lucid_assert(row->bytes == bytes);
        *ret_row = row_data(row);
        return LUCID_OK;
    }
    struct lucid_span value;
    enum lucid_error error = row_get(view, table, key, &value);
    if (error == LUCID_NOTE_ABSENT ? !create : error != LUCID_OK) {
        return error;
    }
    bool stored = error == LUCID_OK;
    if (stored && value.len != bytes) {
        return LUCID_FATAL_CORRUPT;
    }
    row = lucid_arena_zalloc(&ledger->arena, sizeof(*row));
    uint8_t *memory = lucid_arena_zalloc(&ledger->arena, 2 * bytes + key.len);
    if (row == NULL || memory == NULL || buckets_grow(ledger) != LUCID_OK) {
        return LUCID_RETRY_MEMORY;
    }
    *row = (struct ledger_staged_row){
        .prev = ledger->stage.newest,
        .table = table,
        .hash = hash,
        .key_len = (uint16_t)key.len,
        .stored = stored,
        .bytes = bytes,
        .was = memory,
    };
    if (stored) {
        memcpy(memory, value.data, bytes);
        memcpy(memory + bytes, value.data, bytes);
    }
    memcpy(memory + 2 * bytes, key.data, key.len);
    row_link(&ledger->stage, row);
    ledger->stage.newest = row;
    ledger->stage.tables[table] = true;
    ledger->stage.count++;
    *ret_row = row_data(row);
    return LUCID_OK;
}
