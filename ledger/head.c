/* Event `head`: payload = the exact bytes of the signed checkpoint.
 * Table `heads`: key = size u64; value = signed at u64 ‖ sequence u64 ‖ root 32 ‖ checkpoint. */
#include "ledger/head.h"

#include "base/assert.h"
#include "ledger/epoch.h"
#include "ledger/head_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/note.h"
#include "ledger/row.h"

static const char type_head[] = "head";
static const char table_heads[] = "heads";

static const struct ledger_event_type types[] = {{.name = type_head, .version = 1}, {.name = NULL}};
static const char *const tables[] = {table_heads, NULL};
/* An epoch's end must have a head of its size. */
static const char *const listens[] = {"epoch.closed", NULL};

enum { TABLE_HEADS, VALUE_FIXED_BYTES = 48 };

static struct lucid_span size_key(uint64_t size, uint8_t key[8])
{
    lucid_put_be64(key, size);
    return lucid_span(key, 8);
}

static enum lucid_error value_parse(uint64_t size, struct lucid_span value, struct ledger_head *ret)
{
    if (value.len <= VALUE_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->size = size;
    ret->signed_ms = lucid_get_be64(value.data);
    ret->sequence = lucid_get_be64(value.data + 8);
    memcpy(ret->root.bytes, value.data + 16, MMR_HASH_BYTES);
    ret->checkpoint = lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES);
    return LUCID_OK;
}

/* The newest head of at most `size` leaves. */
static enum lucid_error head_seek(struct store_view *view, uint32_t table, uint64_t size,
                                  struct ledger_head *ret)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error =
        row_seek(view, table, STORE_SEEK_LE, size_key(size, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != 8) {
        return LUCID_FATAL_CORRUPT;
    }
    return value_parse(lucid_get_be64(key.data), value, ret);
}

uint64_t head_newest_size(struct store_view *view, struct store *store)
{
    uint32_t table;
    struct ledger_head head;
    if (store_table_find(store, table_heads, &table) != LUCID_OK ||
        head_seek(view, table, UINT64_MAX, &head) != LUCID_OK) {
        return 0;
    }
    return head.size;
}

enum lucid_error head_of_size(struct store_view *view, struct store *store, uint64_t size,
                              struct ledger_head *ret)
{
    uint32_t table;
    struct ledger_head head;
    enum lucid_error error = store_table_find(store, table_heads, &table);
    if (error == LUCID_OK) {
        error = head_seek(view, table, size, &head);
    }
    if (error == LUCID_OK && head.size != size) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = head;
    }
    return error;
}

static enum lucid_error head_load(struct ledger_txn *txn)
{
    struct head_memory *memory = ledger_txn_memory(txn);
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    struct ledger_head head;
    *memory = (struct head_memory){0};
    enum lucid_error error =
        ledger_txn_seek(txn, TABLE_HEADS, STORE_SEEK_LE, size_key(UINT64_MAX, bytes), &key, &value);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    if (error == LUCID_OK && key.len != 8) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = value_parse(lucid_get_be64(key.data), value, &head);
    }
    if (error == LUCID_OK) {
        *memory = (struct head_memory){.size = head.size,
                                       .sequence = head.sequence,
                                       .signed_ms = head.signed_ms,
                                       .root = head.root};
    }
    return error;
}

/* Never a head that contradicts the one before: proved by the verifier that outsiders use. */
static enum lucid_error growth_check(struct ledger_txn *txn, const struct head_memory *memory,
                                     uint64_t size, const struct mmr_hash *root)
{
    if (memory->sequence == 0) {
        return LUCID_OK;
    }
    struct mmr_nodes nodes = ledger_txn_nodes(txn);
    struct mmr_path path;
    if (size < memory->size) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = mmr_consistency_path(&nodes, memory->size, size, &path);
    if (error != LUCID_OK) {
        return error;
    }
    return mmr_verify_consistency(memory->size, size, &memory->root, root, path.hash, path.count)
               ? LUCID_OK
               : LUCID_FATAL_CORRUPT;
}

/* Signs and drafts a head over everything that this batch holds so far. */
static enum lucid_error head_draft(struct ledger_txn *txn)
{
    const struct head_memory *memory = ledger_txn_memory(txn);
    const struct ledger_head_config *config = ledger_txn_config(txn);
    struct mmr_nodes nodes = ledger_txn_nodes(txn);
    uint64_t size = ledger_txn_leaves(txn);
    struct mmr_hash root;
    enum lucid_error error = mmr_root(&nodes, size, &root);
    if (error == LUCID_OK) {
        error = growth_check(txn, memory, size, &root);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_buf note;
    lucid_buf_init(&note, LEDGER_CHECKPOINT_BYTES_MAX);
    ledger_checkpoint_sign(config->key, size, &root, &note);
    struct lucid_span kept = {NULL, 0};
    if (lucid_buf_ok(&note)) {
        kept = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&note));
    }
    lucid_buf_fini(&note);
    if (kept.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct ledger_draft draft = {.type = type_head, .payload = kept};
    return ledger_txn_draft(txn, &draft, NULL);
}

static bool tree_grew(const struct head_memory *memory, uint64_t leaves)
{
    return memory->sequence == 0 || leaves > memory->size;
}

static enum lucid_error head_decide(struct ledger_txn *txn, struct ledger_command *command,
                                    struct lucid_why *why)
{
    (void)why;
    const struct ledger_head_tick *tick = (const struct ledger_head_tick *)command;
    const struct head_memory *memory = ledger_txn_memory(txn);
    const struct ledger_head_config *config = ledger_txn_config(txn);
    if (!tree_grew(memory, ledger_txn_leaves(txn))) {
        return LUCID_OK;
    }
    bool due = tick->at_once || memory->sequence == 0 ||
               ledger_txn_now_ms(txn) - memory->signed_ms >= config->interval_ms_max;
    return due ? head_draft(txn) : LUCID_OK;
}

static enum lucid_error head_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (lucid_span_is(event->type, type_head)) {
        return LUCID_OK;
    }
    return tree_grew(ledger_txn_memory(txn), ledger_txn_leaves(txn)) ? head_draft(txn) : LUCID_OK;
}

static enum lucid_error head_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (!lucid_span_is(event->type, type_head)) {
        return LUCID_OK;
    }
    struct ledger_checkpoint checkpoint;
    struct lucid_span text;
    if (!ledger_note_text(event->payload, &text) ||
        ledger_checkpoint_parse(text, &checkpoint, NULL) != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t value[VALUE_FIXED_BYTES + LEDGER_CHECKPOINT_BYTES_MAX];
    if (event->payload.len > LEDGER_CHECKPOINT_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_put_be64(value, event->time_ms);
    lucid_put_be64(value + 8, event->sequence);
    memcpy(value + 16, checkpoint.root.bytes, MMR_HASH_BYTES);
    memcpy(value + VALUE_FIXED_BYTES, event->payload.data, event->payload.len);
    struct head_memory *memory = ledger_txn_memory(txn);
    *memory = (struct head_memory){.size = checkpoint.size,
                                   .sequence = event->sequence,
                                   .signed_ms = event->time_ms,
                                   .root = checkpoint.root};
    uint8_t key[8];
    return ledger_txn_put(txn, TABLE_HEADS, size_key(checkpoint.size, key),
                          lucid_span(value, VALUE_FIXED_BYTES + event->payload.len));
}

const struct ledger_kind ledger_head_kind = {
    .name = "head",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .listens = listens,
    .memory_bytes = sizeof(struct head_memory),
    .load = head_load,
    .decide = head_decide,
    .apply = head_apply,
    .react = head_react,
};

void ledger_head_tick_init(struct ledger_head_tick *tick)
{
    *tick = (struct ledger_head_tick){.command = {.kind = &ledger_head_kind}};
}

uint64_t ledger_head_due_ms(struct ledger *ledger)
{
    uint32_t use = ledger_use_find(ledger, &ledger_head_kind);
    lucid_assert(use != UINT32_MAX);
    const struct head_memory *memory = ledger_memory_committed(ledger, &ledger_head_kind);
    const struct ledger_head_config *config = ledger->uses[use].config;
    if (!tree_grew(memory, ledger->committed.leaves)) {
        return 0;
    }
    return memory->signed_ms + config->interval_ms_max;
}

/* The newest head of at most `size` leaves, as its event has it: a row that rotted is not served.
 */
static enum lucid_error head_read(struct ledger_view *view, uint64_t size, struct ledger_head *ret)
{
    struct ledger_head head;
    struct store_event event;
    uint32_t table = ledger_view_table(view, &ledger_head_kind, TABLE_HEADS);
    enum lucid_error error = head_seek(view->store, table, size, &head);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_event_read(view->store, head.sequence, &event);
    if (error == LUCID_NOTE_ABSENT ||
        (error == LUCID_OK &&
         (event.time_ms != head.signed_ms || !lucid_span_equal(event.payload, head.checkpoint)))) {
        return LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = ledger_event_check(view->store, &event);
    }
    if (error == LUCID_OK) {
        *ret = head;
    }
    return error;
}

enum lucid_error ledger_head_find(struct store_view *view, struct lucid_span *ret_checkpoint)
{
    struct store_counts counts;
    store_counts_read(view, &counts);
    for (uint64_t sequence = counts.events; sequence > 0; sequence--) {
        struct store_event event;
        enum lucid_error error = store_event_read(view, sequence, &event);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        if (lucid_span_is(event.type, types[0].name)) {
            *ret_checkpoint = event.payload;
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

enum lucid_error ledger_head_newest(struct ledger_view *view, struct ledger_head *ret)
{
    /* A head is asked for with every proof and new a few times a second. The one kept is as new as
     * the view: its sequence was published before the snapshot was looked at. */
    if (view->head.sequence == 0 || view->head.sequence != view->head_sequence) {
        struct ledger_head head;
        enum lucid_error error = head_read(view, view->leaves, &head);
        if (error != LUCID_OK) {
            return error;
        }
        if (head.checkpoint.len > sizeof(view->checkpoint)) {
            return LUCID_FATAL_CORRUPT;
        }
        memcpy(view->checkpoint, head.checkpoint.data, head.checkpoint.len);
        view->head = head;
        view->head.checkpoint.data = view->checkpoint;
    }
    *ret = view->head;
    return LUCID_OK;
}

enum lucid_error ledger_head_of_size(struct ledger_view *view, uint64_t size,
                                     struct ledger_head *ret)
{
    struct ledger_head head;
    if (size > view->leaves) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = head_read(view, size, &head);
    if (error == LUCID_OK && head.size != size) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = head;
    }
    return error;
}
