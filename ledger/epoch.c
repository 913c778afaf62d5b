/* Event `epoch.closed`, payload JCS:
 *   {"closed_by":text,"end_leaf":n,"epoch":n,"first_leaf":n,"opened_ms":n,"root":hex}
 * Opening is no event: the first leaf after the last epoch's end opens the next one.
 *
 * Table `epochs`: key = number u64; value = first u64 ‖ end u64 ‖ opened u64 ‖ closed u64 ‖ closed
 * by u8 ‖ root 32. Table `epoch_ends`: key = end leaf u64; value = number u64 ‖ first leaf u64. */
#include "ledger/epoch.h"

#include "base/assert.h"
#include "ledger/epoch_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_closed[] = "epoch.closed";
static const char table_epochs[] = "epochs";
static const char table_ends[] = "epoch_ends";

static const struct ledger_event_type types[] = {{.name = type_closed, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {table_epochs, table_ends, NULL};
static const char *const listens[] = {"*", NULL};

enum {
    TABLE_EPOCHS,
    TABLE_ENDS,
    VALUE_BYTES = 65,
    END_VALUE_BYTES = 16,
    PAYLOAD_ARENA_BYTES = 16384
};

struct epoch_memory {
    uint64_t next;       /* number of the open or coming epoch */
    uint64_t first_leaf; /* its first leaf */
    uint64_t opened_ms;  /* time of that leaf; 0 = not there yet */
};

const char *epoch_closed_by_name(enum epoch_closed_by by)
{
    switch (by) {
    case EPOCH_OPEN:
        return NULL;
    case EPOCH_BY_COUNT:
        return "count";
    case EPOCH_BY_AGE:
        return "age";
    case EPOCH_BY_OPERATOR:
        return "operator";
    }
    return NULL;
}

static struct lucid_span u64_key(uint64_t number, uint8_t key[8])
{
    lucid_put_be64(key, number);
    return lucid_span(key, 8);
}

static enum lucid_error value_parse(struct lucid_span key, struct lucid_span value,
                                    struct ledger_epoch *ret)
{
    if (key.len != 8 || value.len != VALUE_BYTES || value.data[32] < EPOCH_BY_COUNT ||
        value.data[32] > EPOCH_BY_OPERATOR) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->number = lucid_get_be64(key.data);
    ret->first_leaf = lucid_get_be64(value.data);
    ret->end_leaf = lucid_get_be64(value.data + 8);
    ret->opened_ms = lucid_get_be64(value.data + 16);
    ret->closed_ms = lucid_get_be64(value.data + 24);
    ret->closed_by = (enum epoch_closed_by)value.data[32];
    memcpy(ret->root.bytes, value.data + 33, MMR_HASH_BYTES);
    return LUCID_OK;
}

/* The newest closed epoch. LUCID_NOTE_ABSENT before the first. */
static enum lucid_error newest_closed(struct store_view *view, uint32_t table,
                                      struct ledger_epoch *ret)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error =
        row_seek(view, table, STORE_SEEK_LE, u64_key(UINT64_MAX, bytes), &key, &value);
    return error == LUCID_OK ? value_parse(key, value, ret) : error;
}

/* When a leaf was logged. */
static enum lucid_error leaf_time(struct store_view *view, uint64_t leaf, uint64_t *ret_ms)
{
    struct store_leaf row;
    struct store_event event;
    enum lucid_error error = store_leaf_read(view, leaf, &row);
    if (error == LUCID_OK) {
        error = store_event_read(view, row.sequence, &event);
    }
    if (error == LUCID_OK) {
        error = ledger_event_check(view, &event);
    }
    if (error == LUCID_OK) {
        *ret_ms = event.time_ms;
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error epoch_load(struct ledger_txn *txn)
{
    struct epoch_memory *memory = ledger_txn_memory(txn);
    struct store_view *view = ledger_txn_view(txn);
    struct ledger_epoch newest = {.number = 0};
    *memory = (struct epoch_memory){0};
    enum lucid_error error =
        newest_closed(view, txn->ledger->states[txn->use].tables[TABLE_EPOCHS], &newest);
    if (error == LUCID_OK) {
        memory->next = newest.number + 1;
        memory->first_leaf = newest.end_leaf;
    } else if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    struct store_counts counts;
    store_counts_read(view, &counts);
    if (error == LUCID_OK) {
        struct mmr_hash root;
        struct mmr_nodes nodes = ledger_txn_nodes(txn);
        if (newest.end_leaf > counts.leaves ||
            mmr_root(&nodes, newest.end_leaf, &root) != LUCID_OK ||
            memcmp(&root, &newest.root, sizeof(root)) != 0) {
            return LUCID_FATAL_CORRUPT;
        }
    }
    if (counts.leaves <= memory->first_leaf) {
        return LUCID_OK;
    }
    return leaf_time(view, memory->first_leaf, &memory->opened_ms);
}

/* Drafts the close of the open epoch over every leaf so far. */
static enum lucid_error close_draft(struct ledger_txn *txn, enum epoch_closed_by by)
{
    const struct epoch_memory *memory = ledger_txn_memory(txn);
    uint64_t end = ledger_txn_leaves(txn);
    lucid_assert(end > memory->first_leaf);
    struct mmr_hash root;
    struct mmr_nodes nodes = ledger_txn_nodes(txn);
    enum lucid_error error = mmr_root(&nodes, end, &root);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_buf out;
    lucid_buf_init(&out, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    lucid_json_member_cstr(&out, "closed_by", epoch_closed_by_name(by));
    lucid_json_member_u64(&out, "end_leaf", end);
    lucid_json_member_u64(&out, "epoch", memory->next);
    lucid_json_member_u64(&out, "first_leaf", memory->first_leaf);
    lucid_json_member_u64(&out, "opened_ms", memory->opened_ms);
    lucid_json_member_hex(&out, "root", root.bytes, sizeof(root.bytes));
    lucid_buf_char(&out, '}');
    struct lucid_span payload = {NULL, 0};
    if (lucid_buf_ok(&out)) {
        payload = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&out));
    }
    lucid_buf_fini(&out);
    if (payload.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct ledger_draft draft = {.type = type_closed, .payload = payload};
    return ledger_txn_draft(txn, &draft, NULL);
}

static bool is_open(struct ledger_txn *txn, const struct epoch_memory *memory)
{
    return ledger_txn_leaves(txn) > memory->first_leaf;
}

static enum lucid_error epoch_decide(struct ledger_txn *txn, struct ledger_command *command,
                                     struct lucid_why *why)
{
    struct ledger_epoch_command *epoch = (struct ledger_epoch_command *)command;
    const struct epoch_memory *memory = ledger_txn_memory(txn);
    const struct ledger_epoch_config *config = ledger_txn_config(txn);
    epoch->ret_closed = false;
    if (!is_open(txn, memory)) {
        return command->verb == EPOCH_TICK
                   ? LUCID_OK
                   : lucid_refuse(why, LUCID_REFUSE_CONFLICT, "EPOCH_NOT_OPEN", NULL,
                                  "no epoch is open: no receipt was logged since the last close");
    }
    bool old = ledger_txn_now_ms(txn) - memory->opened_ms >= config->seconds_max * 1000;
    if (command->verb == EPOCH_TICK && !old) {
        return LUCID_OK;
    }
    epoch->ret_closed = true;
    epoch->ret_epoch = memory->next;
    return close_draft(txn, command->verb == EPOCH_TICK ? EPOCH_BY_AGE : EPOCH_BY_OPERATOR);
}

static enum lucid_error epoch_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    const struct epoch_memory *memory = ledger_txn_memory(txn);
    const struct ledger_epoch_config *config = ledger_txn_config(txn);
    /* A reaction of another kind may have logged a leaf and closed the epoch over both meanwhile.
     */
    if (event->entry == NULL || event->leaf < memory->first_leaf ||
        event->leaf + 1 - memory->first_leaf < config->receipts_max) {
        return LUCID_OK;
    }
    return close_draft(txn, EPOCH_BY_COUNT);
}

static enum lucid_error closed_by_parse(struct lucid_span text, enum epoch_closed_by *ret)
{
    for (enum epoch_closed_by by = EPOCH_BY_COUNT; by <= EPOCH_BY_OPERATOR; by++) {
        if (lucid_span_is(text, epoch_closed_by_name(by))) {
            *ret = by;
            return LUCID_OK;
        }
    }
    return LUCID_FATAL_CORRUPT;
}

enum lucid_error epoch_closed_parse(struct lucid_span payload, struct ledger_epoch *ret)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    const struct jcs_value *root;
    struct lucid_span by;
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_uint(root, "epoch", &ret->number);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "first_leaf", &ret->first_leaf);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "end_leaf", &ret->end_leaf);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "opened_ms", &ret->opened_ms);
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "root", ret->root.bytes, sizeof(ret->root.bytes));
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "closed_by", &by);
    }
    if (error == LUCID_OK) {
        error = closed_by_parse(by, &ret->closed_by);
    }
    lucid_arena_fini(&arena);
    return error;
}

static enum lucid_error closed_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct epoch_memory *memory = ledger_txn_memory(txn);
    struct ledger_epoch epoch = {.closed_ms = event->time_ms};
    enum lucid_error error = epoch_closed_parse(event->payload, &epoch);
    if (error == LUCID_OK &&
        (epoch.number != memory->next || epoch.first_leaf != memory->first_leaf ||
         epoch.end_leaf <= epoch.first_leaf)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t value[VALUE_BYTES];
    uint8_t number[8];
    uint8_t end[8];
    lucid_put_be64(value, epoch.first_leaf);
    lucid_put_be64(value + 8, epoch.end_leaf);
    lucid_put_be64(value + 16, epoch.opened_ms);
    lucid_put_be64(value + 24, epoch.closed_ms);
    value[32] = (uint8_t)epoch.closed_by;
    memcpy(value + 33, epoch.root.bytes, MMR_HASH_BYTES);
    error = ledger_txn_put(txn, TABLE_EPOCHS, u64_key(epoch.number, number),
                           lucid_span(value, sizeof(value)));
    if (error == LUCID_OK) {
        uint8_t range[END_VALUE_BYTES];
        lucid_put_be64(range, epoch.number);
        lucid_put_be64(range + 8, epoch.first_leaf);
        error = ledger_txn_put(txn, TABLE_ENDS, u64_key(epoch.end_leaf, end),
                               lucid_span(range, sizeof(range)));
    }
    *memory = (struct epoch_memory){.next = epoch.number + 1, .first_leaf = epoch.end_leaf};
    return error;
}

static enum lucid_error epoch_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (lucid_span_is(event->type, type_closed)) {
        return closed_apply(txn, event);
    }
    struct epoch_memory *memory = ledger_txn_memory(txn);
    if (event->entry != NULL && event->leaf == memory->first_leaf) {
        memory->opened_ms = event->time_ms;
    }
    return LUCID_OK;
}

const struct ledger_kind ledger_epoch_kind = {
    .name = "epoch",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .listens = listens,
    .memory_bytes = sizeof(struct epoch_memory),
    .load = epoch_load,
    .decide = epoch_decide,
    .apply = epoch_apply,
    .react = epoch_react,
};

void ledger_epoch_command_init(struct ledger_epoch_command *command, enum epoch_verb verb)
{
    *command = (struct ledger_epoch_command){
        .command = {.kind = &ledger_epoch_kind, .verb = verb},
    };
}

uint64_t ledger_epoch_due_ms(struct ledger *ledger)
{
    uint32_t use = ledger_use_find(ledger, &ledger_epoch_kind);
    lucid_assert(use != UINT32_MAX);
    const struct epoch_memory *memory = ledger_memory_committed(ledger, &ledger_epoch_kind);
    const struct ledger_epoch_config *config = ledger->uses[use].config;
    return ledger->committed.leaves > memory->first_leaf
               ? memory->opened_ms + config->seconds_max * 1000
               : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The open epoch after the newest closed one. */
static enum lucid_error open_read(struct ledger_view *view, const struct ledger_epoch *newest,
                                  bool any, struct ledger_epoch *ret)
{
    struct ledger_epoch open = {
        .number = any ? newest->number + 1 : 0,
        .first_leaf = any ? newest->end_leaf : 0,
        .end_leaf = view->leaves,
    };
    if (open.end_leaf <= open.first_leaf) {
        return LUCID_NOTE_ABSENT;
    }
    struct mmr_nodes nodes = ledger_view_nodes(view);
    enum lucid_error error = leaf_time(view->store, open.first_leaf, &open.opened_ms);
    if (error == LUCID_OK) {
        error = mmr_root(&nodes, open.end_leaf, &open.root);
    }
    if (error == LUCID_OK) {
        *ret = open;
    }
    return error;
}

enum lucid_error ledger_epoch_current(struct ledger_view *view, struct ledger_epoch *ret)
{
    struct ledger_epoch newest;
    enum lucid_error error = newest_closed(
        view->store, ledger_view_table(view, &ledger_epoch_kind, TABLE_EPOCHS), &newest);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    return open_read(view, &newest, error == LUCID_OK, ret);
}

enum lucid_error ledger_epoch_read(struct ledger_view *view, uint64_t number,
                                   struct ledger_epoch *ret)
{
    uint8_t bytes[8];
    struct lucid_span key = u64_key(number, bytes);
    struct lucid_span value;
    enum lucid_error error = row_get(
        view->store, ledger_view_table(view, &ledger_epoch_kind, TABLE_EPOCHS), key, &value);
    if (error == LUCID_OK) {
        struct ledger_epoch epoch;
        error = value_parse(key, value, &epoch);
        if (error == LUCID_OK) {
            *ret = epoch;
        }
        return error;
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    struct ledger_epoch open;
    error = ledger_epoch_current(view, &open);
    if (error == LUCID_OK && open.number != number) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = open;
    }
    return error;
}

enum lucid_error epoch_place(struct store_view *view, struct store *store, uint64_t leaf,
                             uint64_t *ret_epoch, uint64_t *ret_end_leaf)
{
    uint32_t ends;
    uint32_t epochs;
    if (store_table_find(store, table_ends, &ends) != LUCID_OK ||
        store_table_find(store, table_epochs, &epochs) != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error =
        row_seek(view, ends, STORE_SEEK_GT, u64_key(leaf, bytes), &key, &value);
    if (error == LUCID_OK) {
        /* A row that lies in the wrong place would let another one answer. */
        if (key.len != 8 || value.len != END_VALUE_BYTES || lucid_get_be64(value.data + 8) > leaf) {
            return LUCID_FATAL_CORRUPT;
        }
        *ret_end_leaf = lucid_get_be64(key.data);
        *ret_epoch = lucid_get_be64(value.data);
        return LUCID_OK;
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    struct ledger_epoch newest;
    error = newest_closed(view, epochs, &newest);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    if (error == LUCID_OK && newest.end_leaf > leaf) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret_epoch = error == LUCID_OK ? newest.number + 1 : 0;
    *ret_end_leaf = 0;
    return LUCID_OK;
}

uint64_t ledger_epoch_count(struct ledger_view *view)
{
    struct ledger_epoch epoch;
    if (ledger_epoch_current(view, &epoch) == LUCID_OK) {
        return epoch.number + 1;
    }
    if (newest_closed(view->store, ledger_view_table(view, &ledger_epoch_kind, TABLE_EPOCHS),
                      &epoch) == LUCID_OK) {
        return epoch.number + 1;
    }
    return 0;
}
