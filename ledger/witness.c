/* Event `head.cosigned`, payload JCS:
 *   {"cosignatures":[text…],"size":n}        a text = one signature line without its LF
 * Table `cosignatures`: key = size u64; value = the lines of all events of that size in their
 * order, each with its LF. */
#include "ledger/witness.h"

#include "base/assert.h"
#include "ledger/head_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/note_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_cosigned[] = "head.cosigned";
static const char table_cosignatures[] = "cosignatures";

static const struct ledger_event_type types[] = {{.name = type_cosigned, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {table_cosignatures, NULL};

enum {
    TABLE_COSIGNATURES,
    PAYLOAD_ARENA_BYTES = 1 << 17,
    /* One of the lines that a note may have is the log's own. */
    LINES_MAX = LEDGER_NOTE_SIGNATURES_MAX - 1,
    ROW_BYTES_MAX = LINES_MAX * LEDGER_COSIGNATURE_LINE_BYTES_MAX,
};

_Static_assert(LINES_MAX *(2 * LEDGER_COSIGNATURE_LINE_BYTES_MAX + 3) + 64 <=
                   STORE_PAYLOAD_BYTES_MAX,
               "a payload holds what a row holds, escaped");

static struct lucid_span size_key(uint64_t size, uint8_t key[8])
{
    lucid_put_be64(key, size);
    return lucid_span(key, 8);
}

void ledger_witness_command_init(struct ledger_witness_command *command, uint64_t size,
                                 struct lucid_span lines)
{
    *command = (struct ledger_witness_command){
        .command = {.kind = &ledger_witness_kind}, .size = size, .lines = lines};
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Whether one of the lines is by that key. */
static bool lines_have(struct lucid_span lines, const struct ledger_vkey *vkey)
{
    struct lucid_span line;
    while (ledger_note_line_next(&lines, &line)) {
        if (ledger_note_line_names(line, vkey)) {
            return true;
        }
    }
    return false;
}

static size_t lines_count(struct lucid_span lines)
{
    size_t count = 0;
    struct lucid_span line;
    while (ledger_note_line_next(&lines, &line)) {
        count++;
    }
    return count;
}

/* Verifies every line given; writes those of new keys as elements of the payload's array. */
static enum lucid_error lines_take(const struct ledger_policy *policy, struct lucid_span text,
                                   struct lucid_span given, struct lucid_span known,
                                   struct lucid_buf *out, uint32_t *ret_added,
                                   struct lucid_why *why)
{
    uint32_t taken = 0; /* bit per witness */
    size_t count = lines_count(known);
    struct lucid_span line;
    *ret_added = 0;
    while (ledger_note_line_next(&given, &line)) {
        size_t witness;
        uint64_t time_s;
        enum lucid_error error =
            ledger_policy_line_verify(policy, line, text, &witness, &time_s, why);
        if (error != LUCID_OK) {
            return error;
        }
        if ((taken >> witness & 1) != 0 || lines_have(known, &policy->witnesses[witness].vkey)) {
            continue;
        }
        if (count == LINES_MAX) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "NOTE_TOO_LARGE", NULL,
                                "a note has at most %d signatures", LEDGER_NOTE_SIGNATURES_MAX);
        }
        taken |= (uint32_t)1 << witness;
        count++;
        if ((*ret_added)++ > 0) {
            lucid_buf_char(out, ',');
        }
        lucid_json_string(out, line);
    }
    return given.len == 0 ? LUCID_OK
                          : lucid_refuse(why, LUCID_REFUSE_INVALID, "COSIGNATURE_MALFORMED", NULL,
                                         "the last line has no end");
}

/* The head that the command is about, and what is known of it. */
static enum lucid_error head_find(struct ledger_txn *txn, uint64_t size,
                                  struct lucid_span *ret_text, struct lucid_span *ret_known,
                                  struct lucid_why *why)
{
    struct ledger_head head;
    uint8_t key[8];
    enum lucid_error error =
        head_of_size(ledger_txn_view(txn), ledger_store(txn->ledger), size, &head);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "HEAD_UNKNOWN", NULL,
                            "no head of this log has %llu leaves", (unsigned long long)size);
    }
    if (error == LUCID_OK && !ledger_note_text(head.checkpoint, ret_text)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    *ret_known = lucid_span("", 0);
    error = ledger_txn_get(txn, TABLE_COSIGNATURES, size_key(size, key), ret_known);
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error draft_make(struct ledger_txn *txn, struct ledger_witness_command *witness,
                                   const struct ledger_policy *policy, struct lucid_buf *payload,
                                   struct lucid_why *why)
{
    struct lucid_span text;
    struct lucid_span known;
    enum lucid_error error = head_find(txn, witness->size, &text, &known, why);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_str(payload, "{\"cosignatures\":[");
    error = lines_take(policy, text, witness->lines, known, payload, &witness->added, why);
    if (error != LUCID_OK || witness->added == 0) {
        return error;
    }
    lucid_buf_str(payload, "],\"size\":");
    lucid_buf_u64(payload, witness->size);
    lucid_buf_char(payload, '}');
    struct lucid_span kept = {NULL, 0};
    if (lucid_buf_ok(payload)) {
        kept = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(payload));
    }
    if (kept.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    const struct ledger_draft draft = {.type = type_cosigned, .payload = kept};
    return ledger_txn_draft(txn, &draft, NULL);
}

static enum lucid_error witness_decide(struct ledger_txn *txn, struct ledger_command *command,
                                       struct lucid_why *why)
{
    struct ledger_witness_command *witness = (struct ledger_witness_command *)command;
    const struct ledger_witness_config *config = ledger_txn_config(txn);
    struct lucid_buf payload;
    witness->added = 0;
    if (config == NULL || config->policy == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "NO_POLICY", NULL,
                            "no witness policy is configured");
    }
    lucid_buf_init(&payload, STORE_PAYLOAD_BYTES_MAX);
    enum lucid_error error = draft_make(txn, witness, config->policy, &payload, why);
    lucid_buf_fini(&payload);
    return error;
}

/* --- folding ---------------------------------------------------------------------------------- */

/* Appends the payload's lines to a row. */
static enum lucid_error lines_append(const struct jcs_value *root, struct lucid_buf *row)
{
    const struct jcs_value *array = jcs_member(root, "cosignatures");
    if (array == NULL || jcs_type(array) != JCS_ARRAY || jcs_count(array) == 0) {
        return LUCID_FATAL_CORRUPT;
    }
    for (const struct jcs_value *at = jcs_next(array, NULL); at != NULL; at = jcs_next(array, at)) {
        struct note_line line;
        if (jcs_type(at) != JCS_STRING || !note_line_read(jcs_string(at), &line)) {
            return LUCID_FATAL_CORRUPT;
        }
        lucid_buf_span_put(row, jcs_string(at));
        lucid_buf_char(row, '\n');
    }
    return lucid_buf_ok(row) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

static enum lucid_error cosigned_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                       struct lucid_buf *row)
{
    uint64_t size;
    uint8_t bytes[8];
    struct lucid_span known;
    enum lucid_error error = payload_uint(root, "size", &size);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span key = size_key(size, bytes);
    error = ledger_txn_get(txn, TABLE_COSIGNATURES, key, &known);
    if (error == LUCID_OK) {
        lucid_buf_span_put(row, known);
    } else if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    error = lines_append(root, row);
    if (error == LUCID_OK && row->len > ROW_BYTES_MAX) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? ledger_txn_put(txn, TABLE_COSIGNATURES, key, lucid_buf_span(row))
                             : error;
}

static enum lucid_error witness_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    struct lucid_buf row;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    lucid_buf_init(&row, 0);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = cosigned_apply(txn, root, &row);
    }
    lucid_buf_fini(&row);
    lucid_arena_fini(&arena);
    return error;
}

const struct ledger_kind ledger_witness_kind = {
    .name = "witness",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = witness_decide,
    .apply = witness_apply,
};

/* --- queries ---------------------------------------------------------------------------------- */

enum lucid_error ledger_witness_lines(struct ledger_view *view, uint64_t size,
                                      struct lucid_span *ret_lines)
{
    uint8_t key[8];
    return row_get(view->store, ledger_view_table(view, &ledger_witness_kind, TABLE_COSIGNATURES),
                   size_key(size, key), ret_lines);
}

enum lucid_error ledger_witness_checkpoint(struct ledger_view *view, uint64_t size,
                                           struct lucid_buf *out)
{
    struct ledger_head head;
    struct lucid_span lines;
    enum lucid_error error = ledger_head_of_size(view, size, &head);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_witness_lines(view, size, &lines);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    lucid_buf_span_put(out, head.checkpoint);
    if (error == LUCID_OK) {
        lucid_buf_span_put(out, lines);
    }
    return LUCID_OK;
}

/* Which witnesses' lines verify over a text. */
static enum lucid_error lines_judge(const struct ledger_policy *policy, struct lucid_span text,
                                    struct lucid_span lines, uint32_t *ret_cosigned)
{
    uint32_t cosigned = 0;
    struct lucid_span line;
    while (ledger_note_line_next(&lines, &line)) {
        size_t witness;
        uint64_t time_s;
        enum lucid_error error =
            ledger_policy_line_verify(policy, line, text, &witness, &time_s, NULL);
        if (error == LUCID_OK) {
            cosigned |= (uint32_t)1 << witness;
        } else if (lucid_category(error) != LUCID_CATEGORY_REFUSE) {
            return error;
        }
    }
    *ret_cosigned = cosigned;
    return LUCID_OK;
}

enum lucid_error ledger_witness_cosigned(struct ledger_view *view,
                                         const struct ledger_policy *policy, uint64_t size,
                                         uint32_t *ret_cosigned)
{
    struct ledger_head head;
    struct lucid_span lines;
    struct lucid_span text;
    enum lucid_error error = ledger_head_of_size(view, size, &head);
    if (error == LUCID_OK) {
        error = ledger_witness_lines(view, size, &lines);
    }
    if (error == LUCID_NOTE_ABSENT) {
        *ret_cosigned = 0;
        return LUCID_OK;
    }
    if (error == LUCID_OK && !ledger_note_text(head.checkpoint, &text)) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? lines_judge(policy, text, lines, ret_cosigned) : error;
}

/* The size of the newest cosigned head below `size`. */
static enum lucid_error newest_below(struct ledger_view *view, uint64_t size, uint64_t *ret_size)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    uint32_t table = ledger_view_table(view, &ledger_witness_kind, TABLE_COSIGNATURES);
    enum lucid_error error =
        row_seek(view->store, table, STORE_SEEK_LT, size_key(size, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != 8) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret_size = lucid_get_be64(key.data);
    return LUCID_OK;
}

enum lucid_error ledger_witness_newest(struct ledger_view *view, const struct ledger_policy *policy,
                                       uint32_t heads_max, uint64_t *ret_size)
{
    if (policy->quorum == 0) {
        struct ledger_head head;
        enum lucid_error error = ledger_head_newest(view, &head);
        if (error == LUCID_OK) {
            *ret_size = head.size;
        }
        return error;
    }
    uint64_t size = UINT64_MAX;
    for (uint32_t i = 0; i < heads_max; i++) {
        uint32_t cosigned = 0;
        enum lucid_error error = newest_below(view, size, &size);
        if (error == LUCID_OK) {
            error = ledger_witness_cosigned(view, policy, size, &cosigned);
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (ledger_policy_satisfied(policy, cosigned)) {
            *ret_size = size;
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}
