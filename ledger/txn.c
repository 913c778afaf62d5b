/* What a kind's verbs may do, each call checked against the verb that runs. */
#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/row.h"

void ledger_txn_enter(struct ledger *ledger, uint32_t use, enum ledger_phase phase)
{
    lucid_assert(ledger->txn.phase == LEDGER_PHASE_NONE);
    ledger->txn.ledger = ledger;
    ledger->txn.use = use;
    ledger->txn.phase = phase;
    ledger->txn.drafts = NULL;
}

void ledger_txn_leave(struct ledger *ledger)
{
    lucid_assert(ledger->txn.phase != LEDGER_PHASE_NONE);
    ledger->txn.phase = LEDGER_PHASE_NONE;
    ledger->txn.drafts = NULL;
}

const struct ledger_kind *ledger_txn_kind(const struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE);
    return txn->ledger->uses[txn->use].kind;
}

struct store_view *ledger_txn_view(struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE && txn->view != NULL);
    return txn->view;
}

void *ledger_txn_memory(struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE);
    lucid_assert(txn->ledger->uses[txn->use].kind->memory_bytes > 0);
    return txn->ledger->states[txn->use].staged;
}

/* Clock, configuration and signing belong to the verbs that do not run in replay. */
static bool phase_is_live(const struct ledger_txn *txn)
{
    return txn->phase == LEDGER_PHASE_DECIDE || txn->phase == LEDGER_PHASE_GUARD ||
           txn->phase == LEDGER_PHASE_REACT || txn->phase == LEDGER_PHASE_CONCLUDE;
}

const void *ledger_txn_config(struct ledger_txn *txn)
{
    lucid_assert(phase_is_live(txn));
    return txn->ledger->uses[txn->use].config;
}

uint64_t ledger_txn_now_ms(struct ledger_txn *txn)
{
    lucid_assert(phase_is_live(txn));
    return txn->ledger->batch_now_ms;
}

struct lucid_arena *ledger_txn_arena(struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE);
    return &txn->ledger->arena;
}

uint64_t ledger_txn_leaves(struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE && txn->phase != LEDGER_PHASE_LOAD);
    return txn->ledger->staged.leaves;
}

struct mmr_nodes ledger_txn_nodes(struct ledger_txn *txn)
{
    /* Tables are folded again before the nodes are loaded. */
    lucid_assert(txn->phase != LEDGER_PHASE_NONE && txn->phase != LEDGER_PHASE_APPLY);
    return ledger_nodes(txn->ledger);
}

enum lucid_error ledger_txn_draft(struct ledger_txn *txn, const struct ledger_draft *draft,
                                  const struct ledger_draft **ret)
{
    lucid_assert(txn->phase == LEDGER_PHASE_DECIDE || txn->phase == LEDGER_PHASE_REACT);
    lucid_assert(txn->drafts != NULL);
    lucid_assert(draft->payload.len <= STORE_PAYLOAD_BYTES_MAX);
    struct ledger_draft_slot *slot = lucid_arena_alloc(&txn->ledger->arena, sizeof(*slot));
    if (slot == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    slot->draft = *draft;
    slot->next = NULL;
    *txn->drafts->end = slot;
    txn->drafts->end = &slot->next;
    if (ret != NULL) {
        *ret = &slot->draft;
    }
    return LUCID_OK;
}

size_t ledger_txn_find(struct ledger_txn *txn, unsigned which, uint64_t tag, uint64_t *ret_leaves,
                       size_t max)
{
    lucid_assert(txn->phase == LEDGER_PHASE_DECIDE || txn->phase == LEDGER_PHASE_GUARD);
    lucid_assert(which < 2 && tag != 0);
    const struct ledger *ledger = txn->ledger;
    size_t found = ledger_map_find(ledger->maps[which], tag, ret_leaves, max);
    uint32_t at = ledger->buckets[which][tag % LEDGER_PENDING_BUCKETS];
    while (at != 0) {
        const struct ledger_pending *row = &ledger->pending[at - 1];
        bool nameless = row->tags[LEDGER_TAG_RUN_ID] == 0;
        if (row->tags[which] == tag && !(nameless && found >= LEDGER_NAMELESS_MAX)) {
            lucid_assert(found < max);
            ret_leaves[found++] = row->leaf;
        }
        at = row->next[which];
    }
    return found;
}

static struct store_view *tables_view(struct ledger_txn *txn)
{
    return txn->tables != NULL ? txn->tables : ledger_txn_view(txn);
}

static uint32_t table_of(const struct ledger_txn *txn, unsigned table)
{
    const struct ledger_use_state *state = &txn->ledger->states[txn->use];
    lucid_assert(table < state->table_count);
    return state->tables[table];
}

enum lucid_error ledger_row_put(struct ledger *ledger, uint32_t table, struct lucid_span key,
                                struct lucid_span value)
{
    /* Not the batch's memory: the store copies it, and a batch may put any number of rows. */
    lucid_buf_clear(&ledger->row);
    uint8_t *row = lucid_buf_extend(&ledger->row, value.len + ROW_SUM_BYTES);
    if (row == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (value.len > 0) {
        memcpy(row, value.data, value.len);
    }
    row_sum(store_table_name(ledger->store, table), key, value, row + value.len);
    return store_put(ledger->batch, table, key, lucid_span(row, value.len + ROW_SUM_BYTES));
}

/* Rows are either held in the batch's memory or put, never both. */
static bool row_is_staged(struct ledger_txn *txn, uint32_t table, struct lucid_span key)
{
    struct lucid_span value;
    return ledger_rows_get(txn->ledger, table, key, &value);
}

enum lucid_error ledger_txn_put(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                struct lucid_span value)
{
    lucid_assert(txn->phase == LEDGER_PHASE_APPLY);
    uint32_t handle = table_of(txn, table);
    lucid_assert(!row_is_staged(txn, handle, key));
    return ledger_row_put(txn->ledger, handle, key, value);
}

enum lucid_error ledger_txn_del(struct ledger_txn *txn, unsigned table, struct lucid_span key)
{
    lucid_assert(txn->phase == LEDGER_PHASE_APPLY);
    uint32_t handle = table_of(txn, table);
    lucid_assert(!row_is_staged(txn, handle, key));
    return store_del(txn->ledger->batch, handle, key);
}

enum lucid_error ledger_txn_body_erase(struct ledger_txn *txn, uint64_t sequence)
{
    lucid_assert(txn->phase == LEDGER_PHASE_APPLY);
    if (txn->tables != NULL) {
        return LUCID_OK;
    }
    enum lucid_error error = store_body_erase(txn->ledger->batch, sequence);
    return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
}

enum lucid_error ledger_txn_row(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                size_t bytes, bool create, uint8_t **ret_row)
{
    lucid_assert(txn->phase == LEDGER_PHASE_APPLY);
    return ledger_rows_take(txn->ledger, tables_view(txn), table_of(txn, table), key, bytes, create,
                            ret_row);
}

static enum lucid_error row_read(struct ledger_txn *txn, uint32_t table, struct lucid_span key,
                                 struct lucid_span *ret_value)
{
    if (ledger_rows_get(txn->ledger, table, key, ret_value)) {
        return LUCID_OK;
    }
    return row_get(tables_view(txn), table, key, ret_value);
}

enum lucid_error ledger_txn_get(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                struct lucid_span *ret_value)
{
    return row_read(txn, table_of(txn, table), key, ret_value);
}

enum lucid_error ledger_txn_seek(struct ledger_txn *txn, unsigned table, enum store_seek how,
                                 struct lucid_span key, struct lucid_span *ret_key,
                                 struct lucid_span *ret_value)
{
    uint32_t handle = table_of(txn, table);
    enum lucid_error error = ledger_rows_flush_table(txn->ledger, handle);
    return error == LUCID_OK ? row_seek(tables_view(txn), handle, how, key, ret_key, ret_value)
                             : error;
}

const struct ledger_kind *ledger_txn_kind_find(struct ledger_txn *txn, const char *name)
{
    lucid_assert(phase_is_live(txn));
    return ledger_kind_find(txn->ledger, name);
}

uint64_t ledger_txn_guarded_leaves(const struct ledger_txn *txn)
{
    lucid_assert(txn->phase == LEDGER_PHASE_GUARD);
    return txn->guarded_leaves;
}

bool ledger_txn_is_check(const struct ledger_txn *txn)
{
    lucid_assert(txn->phase != LEDGER_PHASE_NONE);
    return txn->tables != NULL;
}

unsigned ledger_txn_depth(const struct ledger_txn *txn)
{
    lucid_assert(txn->phase == LEDGER_PHASE_REACT);
    return txn->depth;
}

enum lucid_error ledger_txn_peek(struct ledger_txn *txn, const struct ledger_kind *kind,
                                 unsigned table, struct lucid_span key,
                                 struct lucid_span *ret_value)
{
    lucid_assert(phase_is_live(txn));
    uint32_t use = ledger_use_find(txn->ledger, kind);
    lucid_assert(use != UINT32_MAX && table < txn->ledger->states[use].table_count);
    return row_read(txn, txn->ledger->states[use].tables[table], key, ret_value);
}
