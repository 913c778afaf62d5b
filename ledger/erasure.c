/* Event `receipt.erased`, payload JCS: {"leaf_index":n,"reason":text,"receipt_hash":hex}.
 * Table `erasures`: key = leaf u64; value = erased u64 ‖ sequence of the event u64 ‖ receipt hash
 * 32 ‖ reason. A log that was replayed without bodies has the row and no body to overwrite. */
#include "ledger/erasure.h"

#include "base/assert.h"
#include "base/sha256.h"
#include "ledger/erasure_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/payload.h"
#include "ledger/receipt_internal.h"
#include "ledger/row.h"

static const char type_erased[] = "receipt.erased";
static const char table_erasures[] = "erasures";

static const struct ledger_event_type types[] = {{.name = type_erased, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {table_erasures, NULL};

enum { TABLE_ERASURES, VALUE_FIXED_BYTES = 48, PAYLOAD_ARENA_BYTES = 16384 };

static struct lucid_span leaf_key(uint64_t leaf, uint8_t key[8])
{
    lucid_put_be64(key, leaf);
    return lucid_span(key, 8);
}

static enum lucid_error value_parse(uint64_t leaf, struct lucid_span value,
                                    struct ledger_erasure *ret)
{
    if (value.len < VALUE_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    struct ledger_erasure erasure = {
        .leaf = leaf,
        .erased_ms = lucid_get_be64(value.data),
        .sequence = lucid_get_be64(value.data + 8),
    };
    memcpy(erasure.receipt_hash, value.data + 16, sizeof(erasure.receipt_hash));
    enum lucid_error error =
        payload_copy(lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES),
                     erasure.reason, sizeof(erasure.reason));
    if (error == LUCID_OK) {
        *ret = erasure;
    }
    return error;
}

enum lucid_error ledger_erasure_prepare(struct ledger_erasure_command *command, uint64_t leaf,
                                        const uint8_t receipt_hash[32], struct lucid_span reason,
                                        struct lucid_why *why)
{
    struct ledger_erasure erasure = {.leaf = leaf};
    memcpy(erasure.receipt_hash, receipt_hash, sizeof(erasure.receipt_hash));
    bool fits = reason.len <= ERASURE_REASON_BYTES_MAX &&
                (reason.len == 0 || memchr(reason.data, 0, reason.len) == NULL);
    if (fits && reason.len > 0) {
        memcpy(erasure.reason, reason.data, reason.len);
        fits = payload_name_ok(erasure.reason, ERASURE_REASON_BYTES_MAX);
    }
    if (!fits) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "reason",
                            "the reason has at most %d bytes and no control characters",
                            ERASURE_REASON_BYTES_MAX);
    }
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &ledger_erasure_kind};
    command->erasure = erasure;
    lucid_buf_init(&command->payload, STORE_PAYLOAD_BYTES_MAX);
    struct lucid_buf *out = &command->payload;
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "leaf_index", leaf);
    lucid_json_member_cstr(out, "reason", erasure.reason);
    lucid_json_member_hex(out, "receipt_hash", receipt_hash, 32);
    lucid_buf_char(out, '}');
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

void ledger_erasure_command_fini(struct ledger_erasure_command *command)
{
    lucid_buf_fini(&command->payload);
}

/* The sequence of the event that logged that receipt at that leaf. LUCID_NOTE_ABSENT: there is no
 * such receipt. */
static enum lucid_error receipt_sequence(struct store_view *view,
                                         const struct ledger_erasure *erasure, uint64_t *ret)
{
    struct store_leaf row;
    struct store_event event;
    enum lucid_error error = store_leaf_read(view, erasure->leaf, &row);
    if (error == LUCID_OK) {
        error = store_event_read(view, row.sequence, &event);
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (event.entry == NULL || !lucid_span_is(event.type, RECEIPT_EVENT_TYPE) ||
        memcmp(event.entry, erasure->receipt_hash, sizeof(erasure->receipt_hash)) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    *ret = row.sequence;
    return LUCID_OK;
}

/* A body that does not hash to its receipt may lie where its row does not say: overwriting there
 * could hit another one. */
static enum lucid_error body_check(struct store_view *view, const struct ledger_erasure *erasure,
                                   uint64_t sequence)
{
    struct lucid_span body;
    enum lucid_error error = store_body_read(view, sequence, &body);
    if (error != LUCID_OK) {
        return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    return memcmp(hash, erasure->receipt_hash, sizeof(hash)) == 0 ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static enum lucid_error row_read(struct ledger_txn *txn, uint64_t leaf, struct ledger_erasure *ret)
{
    uint8_t key[8];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(txn, TABLE_ERASURES, leaf_key(leaf, key), &value);
    return error == LUCID_OK ? value_parse(leaf, value, ret) : error;
}

static enum lucid_error erasure_decide(struct ledger_txn *txn, struct ledger_command *base,
                                       struct lucid_why *why)
{
    struct ledger_erasure_command *command = (struct ledger_erasure_command *)base;
    struct ledger_erasure *erasure = &command->erasure;
    struct store_view *view = ledger_txn_view(txn);
    uint64_t sequence = 0;
    command->ret_known = false;
    enum lucid_error error = receipt_sequence(view, erasure, &sequence);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "id",
                            "there is no such receipt");
    }
    if (error == LUCID_OK) {
        error = row_read(txn, erasure->leaf, erasure);
    }
    if (error == LUCID_OK) {
        command->ret_known = true;
        return LUCID_OK;
    }
    if (error == LUCID_NOTE_ABSENT) {
        error = body_check(view, erasure, sequence);
    }
    if (error == LUCID_FATAL_CORRUPT) {
        /* One rotten row must not stop the service. */
        return lucid_refuse(why, LUCID_RETRY_IO, "CORRUPT", NULL,
                            "the stored receipt is damaged: restore it from a backup first");
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct ledger_draft draft = {.type = type_erased, .payload = lucid_buf_span(&command->payload)};
    return ledger_txn_draft(txn, &draft, NULL);
}

static void erasure_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct ledger_erasure_command *command = (struct ledger_erasure_command *)base;
    base->error = row_read(txn, command->erasure.leaf, &command->erasure);
    lucid_assert(base->error != LUCID_NOTE_ABSENT);
}

static enum lucid_error payload_read(struct lucid_span payload, struct ledger_erasure *ret)
{
    struct lucid_arena arena;
    struct lucid_span reason;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_uint(root, "leaf_index", &ret->leaf);
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "receipt_hash", ret->receipt_hash, sizeof(ret->receipt_hash));
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "reason", &reason);
    }
    if (error == LUCID_OK) {
        error = payload_copy(reason, ret->reason, sizeof(ret->reason));
    }
    lucid_arena_fini(&arena);
    return error;
}

static enum lucid_error erasure_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct ledger_erasure erasure = {.erased_ms = event->time_ms, .sequence = event->sequence};
    uint64_t sequence = 0;
    enum lucid_error error = payload_read(event->payload, &erasure);
    if (error == LUCID_OK) {
        error = receipt_sequence(ledger_txn_view(txn), &erasure, &sequence);
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (error == LUCID_OK) {
        error = ledger_txn_body_erase(txn, sequence);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t key[8];
    uint8_t value[VALUE_FIXED_BYTES + ERASURE_REASON_BYTES_MAX];
    size_t reason_len = strlen(erasure.reason);
    lucid_put_be64(value, erasure.erased_ms);
    lucid_put_be64(value + 8, erasure.sequence);
    memcpy(value + 16, erasure.receipt_hash, sizeof(erasure.receipt_hash));
    memcpy(value + VALUE_FIXED_BYTES, erasure.reason, reason_len);
    return ledger_txn_put(txn, TABLE_ERASURES, leaf_key(erasure.leaf, key),
                          lucid_span(value, VALUE_FIXED_BYTES + reason_len));
}

const struct ledger_kind ledger_erasure_kind = {
    .name = "erasure",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = erasure_decide,
    .apply = erasure_apply,
    .conclude = erasure_conclude,
};

enum lucid_error erasure_lookup(struct store_view *view, uint32_t table, uint64_t leaf,
                                struct ledger_erasure *ret)
{
    uint8_t key[8];
    struct lucid_span value;
    enum lucid_error error = row_get(view, table, leaf_key(leaf, key), &value);
    return error == LUCID_OK ? value_parse(leaf, value, ret) : error;
}

enum lucid_error ledger_erasure_read(struct ledger_view *view, uint64_t leaf,
                                     struct ledger_erasure *ret)
{
    if (ledger_use_find(view->ledger, &ledger_erasure_kind) == UINT32_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    return erasure_lookup(view->store,
                          ledger_view_table(view, &ledger_erasure_kind, TABLE_ERASURES), leaf, ret);
}
