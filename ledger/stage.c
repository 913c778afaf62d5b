/* Rows that a batch keeps in memory: folds that touch one row with every event (an account's
 * balance) change it there, and it is summed and written once, before the commit. */
#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/row.h"

struct ledger_staged_row {
    struct ledger_staged_row *next; /* in the bucket */
    struct ledger_staged_row *prev; /* staged before it */
    uint32_t table;
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
static uint32_t bucket_of(uint32_t table, struct lucid_span key)
{
    uint64_t hash = 0xcbf29ce484222325 ^ table;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ key.data[i]) * 0x100000001b3;
    }
    return (uint32_t)((hash ^ hash >> 32) % LEDGER_STAGE_BUCKETS);
}

static struct ledger_staged_row *row_find(struct ledger *ledger, uint32_t table,
                                          struct lucid_span key, uint32_t bucket)
{
    struct ledger_staged_row *row = ledger->stage.buckets[bucket];
    while (row != NULL && (row->table != table || !lucid_span_equal(row_key(row), key))) {
        row = row->next;
    }
    return row;
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
    return rows_write(ledger, table, false);
}

bool ledger_rows_get(struct ledger *ledger, uint32_t table, struct lucid_span key,
                     struct lucid_span *ret_value)
{
    if (ledger->stage.newest == NULL) {
        return false;
    }
    const struct ledger_staged_row *row = row_find(ledger, table, key, bucket_of(table, key));
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
    uint32_t bucket = bucket_of(table, key);
    struct ledger_staged_row *row = row_find(ledger, table, key, bucket);
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
    if (row == NULL || memory == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *row = (struct ledger_staged_row){
        .next = ledger->stage.buckets[bucket],
        .prev = ledger->stage.newest,
        .table = table,
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
    ledger->stage.buckets[bucket] = row;
    ledger->stage.newest = row;
    *ret_row = row_data(row);
    return LUCID_OK;
}
