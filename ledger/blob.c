#include "ledger/blob.h"

#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_stored[] = "blob.stored";
static const char type_erased[] = "blob.erased";
static const char table_blobs[] = "blobs";

static const struct ledger_event_type types[] = {
    {.name = type_stored, .version = 1}, {.name = type_erased, .version = 1}, {.name = NULL}};
static const char *const tables[] = {table_blobs, NULL};

enum {
    TABLE_BLOBS,
    KEY_BYTES = LUCID_SHA256_BYTES + 2,
    VALUE_BYTES = 15,
    PAYLOAD_ARENA_BYTES = 16384,
    PAYLOAD_BYTES_MAX = 512,
};

/* A part, as its row has it. */
struct blob_row {
    uint64_t sequence;
    uint32_t bytes;
    uint16_t parts;
    bool erased;
};

/* A part, as its event has it. */
struct blob_part {
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint8_t part_sha256[LUCID_SHA256_BYTES];
    uint32_t bytes;
    uint16_t part;
    uint16_t parts;
};

static size_t parts_of(size_t bytes)
{
    return (bytes + BLOB_PART_BYTES - 1) / BLOB_PART_BYTES;
}

static size_t part_len(size_t bytes, size_t part)
{
    size_t from = part * BLOB_PART_BYTES;
    return bytes - from < BLOB_PART_BYTES ? bytes - from : BLOB_PART_BYTES;
}

static struct lucid_span row_key(const uint8_t sha256[LUCID_SHA256_BYTES], size_t part,
                                 uint8_t key[KEY_BYTES])
{
    memcpy(key, sha256, LUCID_SHA256_BYTES);
    lucid_put_be16(key + LUCID_SHA256_BYTES, (uint16_t)part);
    return lucid_span(key, KEY_BYTES);
}

static enum lucid_error row_parse(struct lucid_span value, struct blob_row *ret)
{
    if (value.len != VALUE_BYTES || value.data[14] > 1) {
        return LUCID_FATAL_CORRUPT;
    }
    struct blob_row row = {
        .sequence = lucid_get_be64(value.data),
        .bytes = lucid_get_be32(value.data + 8),
        .parts = lucid_get_be16(value.data + 12),
        .erased = value.data[14] == 1,
    };
    if (row.bytes == 0 || row.bytes > BLOB_BYTES_MAX || row.parts != parts_of(row.bytes)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = row;
    return LUCID_OK;
}

static enum lucid_error row_put(struct ledger_txn *txn, const uint8_t sha256[LUCID_SHA256_BYTES],
                                size_t part, const struct blob_row *row)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[VALUE_BYTES];
    lucid_put_be64(value, row->sequence);
    lucid_put_be32(value + 8, row->bytes);
    lucid_put_be16(value + 12, row->parts);
    value[14] = row->erased;
    return ledger_txn_put(txn, TABLE_BLOBS, row_key(sha256, part, key),
                          lucid_span(value, sizeof(value)));
}

static enum lucid_error row_find(struct ledger_txn *txn, const uint8_t sha256[LUCID_SHA256_BYTES],
                                 size_t part, struct blob_row *ret)
{
    uint8_t key[KEY_BYTES];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(txn, TABLE_BLOBS, row_key(sha256, part, key), &value);
    return error == LUCID_OK ? row_parse(value, ret) : error;
}

/* --- preparing -------------------------------------------------------------------------------- */

enum lucid_error ledger_blob_prepare(struct ledger_blob_command *command, struct lucid_span bytes,
                                     struct lucid_why *why)
{
    if (bytes.len == 0 || bytes.len > BLOB_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BLOB_TOO_LARGE", NULL,
                            "a blob has 1 to %zu bytes", BLOB_BYTES_MAX);
    }
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &ledger_blob_kind, .verb = BLOB_STORE};
    command->bytes = bytes;
    lucid_sha256(bytes, command->sha256);
    return LUCID_OK;
}

enum lucid_error ledger_blob_erase_prepare(struct ledger_blob_command *command,
                                           const uint8_t sha256[LUCID_SHA256_BYTES],
                                           struct lucid_span reason, struct lucid_why *why)
{
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &ledger_blob_kind, .verb = BLOB_ERASE};
    memcpy(command->sha256, sha256, LUCID_SHA256_BYTES);
    bool fits = reason.len <= BLOB_REASON_BYTES_MAX &&
                (reason.len == 0 || memchr(reason.data, 0, reason.len) == NULL);
    if (fits && reason.len > 0) {
        memcpy(command->reason, reason.data, reason.len);
        fits = payload_name_ok(command->reason, BLOB_REASON_BYTES_MAX);
    }
    return fits ? LUCID_OK
                : lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "reason",
                               "the reason has at most %d bytes and no control characters",
                               BLOB_REASON_BYTES_MAX);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Whether the bytes of a part are there; not whether they are the right ones. */
static enum lucid_error part_known(struct ledger_txn *txn,
                                   const struct ledger_blob_command *command, size_t part,
                                   bool *ret_known)
{
    struct blob_row row;
    struct lucid_span body;
    enum lucid_error error = row_find(txn, command->sha256, part, &row);
    bool known = error == LUCID_OK && !row.erased;
    if (known) {
        error = store_body_read(ledger_txn_view(txn), row.sequence, &body);
        known = error == LUCID_OK;
    }
    if (lucid_category(error) > LUCID_CATEGORY_NOTE) {
        return error;
    }
    *ret_known = known;
    return LUCID_OK;
}

static enum lucid_error part_draft(struct ledger_txn *txn,
                                   const struct ledger_blob_command *command, size_t part)
{
    struct lucid_span body = lucid_span(command->bytes.data + part * BLOB_PART_BYTES,
                                        part_len(command->bytes.len, part));
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_buf out;
    lucid_sha256(body, hash);
    lucid_buf_init(&out, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    lucid_json_member_u64(&out, "bytes", command->bytes.len);
    lucid_json_member_u64(&out, "part", part);
    lucid_json_member_hex(&out, "part_sha256", hash, sizeof(hash));
    lucid_json_member_u64(&out, "parts", parts_of(command->bytes.len));
    lucid_json_member_hex(&out, "sha256", command->sha256, sizeof(command->sha256));
    lucid_buf_char(&out, '}');
    struct lucid_span payload = {NULL, 0};
    if (lucid_buf_ok(&out)) {
        payload = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&out));
    }
    lucid_buf_fini(&out);
    if (payload.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    const struct ledger_draft draft = {.type = type_stored, .payload = payload, .body = body};
    return ledger_txn_draft(txn, &draft, NULL);
}

static enum lucid_error store_decide(struct ledger_txn *txn, struct ledger_blob_command *command)
{
    command->ret_known = true;
    for (size_t part = 0; part < parts_of(command->bytes.len); part++) {
        bool known = false;
        enum lucid_error error = part_known(txn, command, part, &known);
        if (error == LUCID_OK && !known) {
            command->ret_known = false;
            error = part_draft(txn, command, part);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error payload_read(struct lucid_span payload, struct blob_part *ret)
{
    struct lucid_arena arena;
    struct blob_part part;
    uint64_t bytes = 0;
    uint64_t number = 0;
    uint64_t parts = 0;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_uint(root, "bytes", &bytes);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "part", &number);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "parts", &parts);
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "sha256", part.sha256, sizeof(part.sha256));
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "part_sha256", part.part_sha256, sizeof(part.part_sha256));
    }
    lucid_arena_fini(&arena);
    if (error == LUCID_OK && (bytes == 0 || bytes > BLOB_BYTES_MAX ||
                              parts != parts_of((size_t)bytes) || number >= parts)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        part.bytes = (uint32_t)bytes;
        part.part = (uint16_t)number;
        part.parts = (uint16_t)parts;
        *ret = part;
    }
    return error;
}

static bool part_holds(const struct blob_part *part, struct lucid_span body)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    return body.len == part_len(part->bytes, part->part) &&
           memcmp(hash, part->part_sha256, sizeof(hash)) == 0 &&
           (part->parts > 1 || memcmp(hash, part->sha256, sizeof(hash)) == 0);
}

/* A body that is not the part's may lie where its row does not say: overwriting there could hit
 * another one. */
static enum lucid_error part_erasable(struct store_view *view, const struct blob_row *row)
{
    struct lucid_span body;
    struct store_event event;
    struct blob_part part;
    enum lucid_error error = store_body_read(view, row->sequence, &body);
    if (error != LUCID_OK) {
        return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
    }
    error = store_event_read(view, row->sequence, &event);
    if (error == LUCID_OK) {
        error = payload_read(event.payload, &part);
    }
    if (error == LUCID_OK && part_holds(&part, body)) {
        return LUCID_OK;
    }
    return lucid_category(error) == LUCID_CATEGORY_RETRY ? error : LUCID_FATAL_CORRUPT;
}

static enum lucid_error erase_draft(struct ledger_txn *txn,
                                    const struct ledger_blob_command *command, size_t parts)
{
    struct lucid_buf out;
    lucid_buf_init(&out, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    lucid_json_member_u64(&out, "parts", parts);
    lucid_json_member_cstr(&out, "reason", command->reason);
    lucid_json_member_hex(&out, "sha256", command->sha256, sizeof(command->sha256));
    lucid_buf_char(&out, '}');
    return payload_draft(txn, type_erased, &out, NULL);
}

static enum lucid_error erase_decide(struct ledger_txn *txn, struct ledger_blob_command *command,
                                     struct lucid_why *why)
{
    struct blob_row row;
    enum lucid_error error = row_find(txn, command->sha256, 0, &row);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "sha256",
                            "there is no such blob");
    }
    size_t parts = error == LUCID_OK ? row.parts : 0;
    bool erased = true;
    for (size_t part = 0; error == LUCID_OK && part < parts; part++) {
        error = row_find(txn, command->sha256, part, &row);
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        erased = erased && error == LUCID_OK && row.erased;
        if (error == LUCID_OK && !row.erased) {
            error = part_erasable(ledger_txn_view(txn), &row);
        }
    }
    if (error == LUCID_FATAL_CORRUPT) {
        return lucid_refuse(why, LUCID_RETRY_IO, "CORRUPT", NULL,
                            "the stored blob is damaged: restore it from a backup first");
    }
    command->ret_known = erased;
    return error != LUCID_OK || erased ? error : erase_draft(txn, command, parts);
}

static enum lucid_error blob_decide(struct ledger_txn *txn, struct ledger_command *base,
                                    struct lucid_why *why)
{
    struct ledger_blob_command *command = (struct ledger_blob_command *)base;
    return base->verb == BLOB_STORE ? store_decide(txn, command) : erase_decide(txn, command, why);
}

/* --- folding ---------------------------------------------------------------------------------- */

static enum lucid_error stored_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct blob_part part;
    enum lucid_error error = payload_read(event->payload, &part);
    if (error != LUCID_OK) {
        return error;
    }
    const struct blob_row row = {
        .sequence = event->sequence, .bytes = part.bytes, .parts = part.parts};
    return row_put(txn, part.sha256, part.part, &row);
}

static enum lucid_error erased_read(struct lucid_span payload, uint8_t sha256[LUCID_SHA256_BYTES],
                                    uint64_t *ret_parts)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_hex(root, "sha256", sha256, LUCID_SHA256_BYTES);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "parts", ret_parts);
    }
    lucid_arena_fini(&arena);
    return error == LUCID_OK && *ret_parts > BLOB_PARTS_MAX ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error erased_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint64_t parts = 0;
    enum lucid_error error = erased_read(event->payload, sha256, &parts);
    for (size_t part = 0; error == LUCID_OK && part < parts; part++) {
        struct blob_row row;
        error = row_find(txn, sha256, part, &row);
        if (error == LUCID_OK && !row.erased) {
            row.erased = true;
            error = ledger_txn_body_erase(txn, row.sequence);
        }
        if (error == LUCID_OK) {
            error = row_put(txn, sha256, part, &row);
        }
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    return error;
}

static enum lucid_error blob_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    return lucid_span_is(event->type, type_stored) ? stored_apply(txn, event)
                                                   : erased_apply(txn, event);
}

static bool blob_body_fits(const struct ledger_kind *kind, const struct ledger_event *event,
                           struct lucid_span body)
{
    (void)kind;
    struct blob_part part;
    return lucid_span_is(event->type, type_stored) &&
           payload_read(event->payload, &part) == LUCID_OK && part_holds(&part, body);
}

const struct ledger_kind ledger_blob_kind = {
    .name = "blob",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = blob_decide,
    .apply = blob_apply,
    .body_fits = blob_body_fits,
};

uint64_t ledger_blob_erased_parts(struct lucid_span type, struct lucid_span payload)
{
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint64_t parts = 0;
    return lucid_span_is(type, type_erased) && erased_read(payload, sha256, &parts) == LUCID_OK
               ? parts
               : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum lucid_error part_read(struct ledger_view *view, const uint8_t sha256[], size_t part,
                                  struct blob_row *ret_row, struct lucid_span *ret)
{
    uint8_t key[KEY_BYTES];
    struct lucid_span value;
    struct lucid_span body = {NULL, 0};
    struct blob_row row = {.bytes = 0};
    enum lucid_error error =
        row_get(view->store, ledger_view_table(view, &ledger_blob_kind, TABLE_BLOBS),
                row_key(sha256, part, key), &value);
    if (error == LUCID_OK) {
        error = row_parse(value, &row);
    }
    if (error == LUCID_OK) {
        error = row.erased ? LUCID_NOTE_ERASED : store_body_read(view->store, row.sequence, &body);
    }
    if (error == LUCID_OK && body.len != part_len(row.bytes, part)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        *ret_row = row;
        *ret = body;
    }
    return error;
}

enum lucid_error ledger_blob_read(struct ledger_view *view,
                                  const uint8_t sha256[LUCID_SHA256_BYTES],
                                  struct lucid_arena *arena, struct lucid_span *ret)
{
    struct blob_row first;
    struct blob_row row;
    struct lucid_span bytes;
    uint8_t hash[LUCID_SHA256_BYTES];
    enum lucid_error error = part_read(view, sha256, 0, &first, &bytes);
    if (error != LUCID_OK) {
        return error;
    }
    if (first.parts > 1) {
        uint8_t *whole = lucid_arena_alloc(arena, first.bytes);
        if (whole == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        memcpy(whole, bytes.data, bytes.len);
        for (size_t part = 1; part < first.parts; part++) {
            error = part_read(view, sha256, part, &row, &bytes);
            if (error == LUCID_OK && row.bytes != first.bytes) {
                error = LUCID_FATAL_CORRUPT;
            }
            if (error != LUCID_OK) {
                return error;
            }
            memcpy(whole + part * BLOB_PART_BYTES, bytes.data, bytes.len);
        }
        bytes = lucid_span(whole, first.bytes);
    }
    lucid_sha256(bytes, hash);
    if (memcmp(hash, sha256, sizeof(hash)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = bytes;
    return LUCID_OK;
}
