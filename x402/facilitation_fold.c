/* Folding the log into facilitations, and reading them. A fold refuses nothing: what decide let
 * through is in the log.
 *
 * The row of one: first sequence u64 ‖ sequence u64 and time u64 of the newest facilitation.begun ‖
 * sequence u64 and time u64 of the facilitation.ended that ended it, or 0 ‖ length u16 of the first
 * payload ‖ both payloads. */
#include "base/assert.h"
#include "base/checked.h"
#include "ledger/row.h"
#include "x402/facilitation_internal.h"

static const char type_price[] = "price.set";

enum {
    ROW_FIXED_BYTES = 42,
    ROW_BYTES_MAX = ROW_FIXED_BYTES + 2 * FACILITATION_PAYLOAD_BYTES_MAX,
    DAY_BYTES = 40,
    ORDER_BYTES = 10,
    PRICE_ARENA_BYTES = 65536,
};

/* --- keys of rows ----------------------------------------------------------------------------- */

static struct lucid_span row_key(uint8_t what, const void *data, size_t len,
                                 uint8_t bytes[FACILITATION_KEY_BYTES_MAX])
{
    lucid_assert(len < FACILITATION_KEY_BYTES_MAX);
    bytes[0] = what;
    memcpy(bytes + 1, data, len);
    return lucid_span(bytes, 1 + len);
}

static struct lucid_span order_key(unsigned status, uint64_t sequence, uint8_t bytes[ORDER_BYTES])
{
    bytes[0] = FACILITATION_BY_ORDER;
    bytes[1] = (uint8_t)status;
    lucid_put_be64(bytes + 2, sequence);
    return lucid_span(bytes, ORDER_BYTES);
}

static struct lucid_span day_key(const char *client, uint64_t day,
                                 uint8_t bytes[FACILITATION_DAY_KEY_BYTES_MAX])
{
    size_t len = strlen(client);
    lucid_assert(len <= X402_CLIENT_NAME_BYTES_MAX);
    memcpy(bytes, client, len);
    bytes[len] = 0;
    lucid_put_be64(bytes + len + 1, day);
    return lucid_span(bytes, len + 9);
}

/* --- rows as bytes ---------------------------------------------------------------------------- */

struct row {
    uint64_t first_sequence;
    uint64_t begun_sequence;
    uint64_t begun_ms;
    uint64_t ended_sequence;
    uint64_t ended_ms;
    struct lucid_span begun;
    struct lucid_span ended; /* len 0: open */
};

static struct lucid_span row_write(const struct row *row, uint8_t bytes[ROW_BYTES_MAX])
{
    lucid_assert(row->begun.len <= FACILITATION_PAYLOAD_BYTES_MAX &&
                 row->ended.len <= FACILITATION_PAYLOAD_BYTES_MAX);
    lucid_put_be64(bytes, row->first_sequence);
    lucid_put_be64(bytes + 8, row->begun_sequence);
    lucid_put_be64(bytes + 16, row->begun_ms);
    lucid_put_be64(bytes + 24, row->ended_sequence);
    lucid_put_be64(bytes + 32, row->ended_ms);
    lucid_put_be16(bytes + 40, (uint16_t)row->begun.len);
    memcpy(bytes + ROW_FIXED_BYTES, row->begun.data, row->begun.len);
    if (row->ended.len > 0) {
        memcpy(bytes + ROW_FIXED_BYTES + row->begun.len, row->ended.data, row->ended.len);
    }
    return lucid_span(bytes, ROW_FIXED_BYTES + row->begun.len + row->ended.len);
}

static enum lucid_error row_split(struct lucid_span bytes, struct row *ret)
{
    size_t len = bytes.len >= ROW_FIXED_BYTES ? lucid_get_be16(bytes.data + 40) : SIZE_MAX;
    if (bytes.len < ROW_FIXED_BYTES || len > bytes.len - ROW_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = (struct row){
        .first_sequence = lucid_get_be64(bytes.data),
        .begun_sequence = lucid_get_be64(bytes.data + 8),
        .begun_ms = lucid_get_be64(bytes.data + 16),
        .ended_sequence = lucid_get_be64(bytes.data + 24),
        .ended_ms = lucid_get_be64(bytes.data + 32),
        .begun = lucid_span(bytes.data + ROW_FIXED_BYTES, len),
        .ended = lucid_span(bytes.data + ROW_FIXED_BYTES + len, bytes.len - ROW_FIXED_BYTES - len),
    };
    return LUCID_OK;
}

static enum lucid_error row_parse(struct lucid_span bytes, struct x402_facilitated *ret)
{
    struct row row;
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct x402_facilitated facilitated = {.status = X402_FACILITATION_OPEN};
    enum lucid_error error = row_split(bytes, &row);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_arena_init(&arena, FACILITATION_ARENA_BYTES);
    error = payload_parse(row.begun, &arena, &root);
    if (error == LUCID_OK) {
        error = facilitation_begun_read(root, &facilitated);
    }
    if (error == LUCID_OK && row.ended.len > 0) {
        error = payload_parse(row.ended, &arena, &root);
        if (error == LUCID_OK) {
            error = facilitation_ended_read(root, &facilitated);
        }
    }
    lucid_arena_fini(&arena);
    facilitated.first_sequence = row.first_sequence;
    facilitated.begun_sequence = row.begun_sequence;
    facilitated.begun_ms = row.begun_ms;
    facilitated.ended_sequence = row.ended_sequence;
    facilitated.ended_ms = row.ended_ms;
    if (error == LUCID_OK) {
        *ret = facilitated;
    }
    return error;
}

static enum lucid_error day_parse(struct lucid_span bytes, struct x402_facilitation_day *ret)
{
    if (bytes.len != DAY_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = (struct x402_facilitation_day){
        .reserved_wei = lucid_get_be64(bytes.data),
        .spent_wei = lucid_get_be64(bytes.data + 8),
        .begun = lucid_get_be64(bytes.data + 16),
        .settled = lucid_get_be64(bytes.data + 24),
        .failed = lucid_get_be64(bytes.data + 32),
    };
    return LUCID_OK;
}

static enum lucid_error id_take(struct lucid_span bytes, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    if (bytes.len != X402_PAYMENT_ID_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret, bytes.data, X402_PAYMENT_ID_BYTES);
    return LUCID_OK;
}

/* --- within the writer ------------------------------------------------------------------------ */

static enum lucid_error row_bytes_get(struct ledger_txn *txn,
                                      const uint8_t id[X402_PAYMENT_ID_BYTES],
                                      struct lucid_span *ret)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    return ledger_txn_get(txn, FACILITATION_ROWS,
                          row_key(FACILITATION_BY_ID, id, X402_PAYMENT_ID_BYTES, key), ret);
}

enum lucid_error facilitation_get(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                                  struct x402_facilitated *ret)
{
    struct lucid_span bytes;
    enum lucid_error error = row_bytes_get(txn, id, &bytes);
    return error == LUCID_OK ? row_parse(bytes, ret) : error;
}

enum lucid_error facilitation_key_get(struct ledger_txn *txn, const char *key,
                                      uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    uint8_t bytes[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(
        txn, FACILITATION_ROWS, row_key(FACILITATION_BY_KEY, key, strlen(key), bytes), &value);
    return error == LUCID_OK ? id_take(value, ret) : error;
}

enum lucid_error facilitation_day_get(struct ledger_txn *txn, const char *client, uint64_t day,
                                      struct x402_facilitation_day *ret)
{
    uint8_t key[FACILITATION_DAY_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_get(txn, FACILITATION_DAYS, day_key(client, day, key), &value);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct x402_facilitation_day){0};
        return LUCID_OK;
    }
    return error == LUCID_OK ? day_parse(value, ret) : error;
}

enum lucid_error facilitation_address_get(struct ledger_txn *txn, const struct evm_address *address)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span value;
    return ledger_txn_get(txn, FACILITATION_ROWS,
                          row_key(FACILITATION_BY_ADDRESS, address->bytes, EVM_ADDRESS_BYTES, key),
                          &value);
}

/* --- folds ------------------------------------------------------------------------------------ */

static enum lucid_error day_put(struct ledger_txn *txn, const char *client, uint64_t day,
                                const struct x402_facilitation_day *row)
{
    uint8_t key[FACILITATION_DAY_KEY_BYTES_MAX];
    uint8_t bytes[DAY_BYTES];
    lucid_put_be64(bytes, row->reserved_wei);
    lucid_put_be64(bytes + 8, row->spent_wei);
    lucid_put_be64(bytes + 16, row->begun);
    lucid_put_be64(bytes + 24, row->settled);
    lucid_put_be64(bytes + 32, row->failed);
    return ledger_txn_put(txn, FACILITATION_DAYS, day_key(client, day, key),
                          lucid_span(bytes, sizeof(bytes)));
}

static enum lucid_error day_begin(struct ledger_txn *txn, const struct x402_facilitated *begun)
{
    struct x402_facilitation_day day;
    enum lucid_error error = facilitation_day_get(txn, begun->client, begun->day, &day);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_add_u64(day.reserved_wei, begun->reserve_wei, &day.reserved_wei)) {
        return LUCID_FATAL_CORRUPT; /* decide has counted it */
    }
    day.begun++;
    return day_put(txn, begun->client, begun->day, &day);
}

static enum lucid_error day_end(struct ledger_txn *txn, const struct x402_facilitated *ended)
{
    struct x402_facilitation_day day;
    enum lucid_error error = facilitation_day_get(txn, ended->client, ended->day, &day);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_sub_u64(day.reserved_wei, ended->reserve_wei, &day.reserved_wei)) {
        return LUCID_FATAL_CORRUPT;
    }
    if (!lucid_add_u64(day.spent_wei, ended->gas_wei, &day.spent_wei)) {
        day.spent_wei = UINT64_MAX; /* nothing more goes out on that day */
    }
    if (ended->status == X402_FACILITATION_SETTLED) {
        day.settled++;
    } else {
        day.failed++;
    }
    return day_put(txn, ended->client, ended->day, &day);
}

/* Whoever has a key keeps it. */
static enum lucid_error key_put(struct ledger_txn *txn, const char *key,
                                const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    uint8_t bytes[FACILITATION_KEY_BYTES_MAX];
    uint8_t owner[X402_PAYMENT_ID_BYTES];
    enum lucid_error error = facilitation_key_get(txn, key, owner);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    return ledger_txn_put(txn, FACILITATION_ROWS,
                          row_key(FACILITATION_BY_KEY, key, strlen(key), bytes),
                          lucid_span(id, X402_PAYMENT_ID_BYTES));
}

static enum lucid_error order_move(struct ledger_txn *txn, const struct x402_facilitated *one,
                                   unsigned before)
{
    uint8_t key[ORDER_BYTES];
    struct lucid_span id = lucid_span(one->id, sizeof(one->id));
    enum lucid_error error = LUCID_OK;
    if (before == 0) {
        error = ledger_txn_put(txn, FACILITATION_ROWS, order_key(0, one->first_sequence, key), id);
    } else {
        error = ledger_txn_del(txn, FACILITATION_ROWS, order_key(before, one->first_sequence, key));
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    return error == LUCID_OK ? ledger_txn_put(txn, FACILITATION_ROWS,
                                              order_key(one->status, one->first_sequence, key), id)
                             : error;
}

static enum lucid_error row_put(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                                const struct row *row)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    uint8_t bytes[ROW_BYTES_MAX];
    return ledger_txn_put(txn, FACILITATION_ROWS,
                          row_key(FACILITATION_BY_ID, id, X402_PAYMENT_ID_BYTES, key),
                          row_write(row, bytes));
}

static enum lucid_error begun_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    struct x402_facilitated begun = {.status = X402_FACILITATION_OPEN};
    struct x402_facilitated before = {.first_sequence = event->sequence};
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    enum lucid_error error = facilitation_begun_read(root, &begun);
    if (error == LUCID_OK) {
        error = facilitation_get(txn, begun.id, &before);
    }
    if (error == LUCID_OK && before.status != X402_FACILITATION_FAILED) {
        return LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    begun.first_sequence = before.first_sequence;
    const struct row row = {.first_sequence = begun.first_sequence,
                            .begun_sequence = event->sequence,
                            .begun_ms = event->time_ms,
                            .begun = event->payload};
    error = row_put(txn, begun.id, &row);
    if (error == LUCID_OK) {
        error = order_move(txn, &begun, before.status);
    }
    if (error == LUCID_OK) {
        (void)facilitation_keys(&begun, keys);
        error = key_put(txn, keys[0].text, begun.id);
    }
    return error == LUCID_OK ? day_begin(txn, &begun) : error;
}

static enum lucid_error ended_keys(struct ledger_txn *txn, const struct x402_facilitated *ended)
{
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    uint8_t bytes[FACILITATION_KEY_BYTES_MAX];
    (void)facilitation_keys(ended, keys);
    if (ended->status == X402_FACILITATION_SETTLED) {
        return key_put(txn, keys[1].text, ended->id);
    }
    enum lucid_error error =
        ledger_txn_del(txn, FACILITATION_ROWS,
                       row_key(FACILITATION_BY_KEY, keys[0].text, strlen(keys[0].text), bytes));
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error ended_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint8_t copy[ROW_BYTES_MAX];
    struct lucid_span bytes;
    struct x402_facilitated ended;
    struct row row;
    enum lucid_error error = facilitation_id_read(root, id);
    if (error == LUCID_OK) {
        error = row_bytes_get(txn, id, &bytes);
    }
    if (error == LUCID_OK && bytes.len > sizeof(copy)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        memcpy(copy, bytes.data, bytes.len); /* the batch's is good until the next write */
        bytes.data = copy;
        error = row_parse(bytes, &ended);
    }
    if (error == LUCID_OK) {
        error = row_split(bytes, &row);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (ended.status != X402_FACILITATION_OPEN) {
        return LUCID_FATAL_CORRUPT;
    }
    row.ended = event->payload;
    row.ended_sequence = event->sequence;
    row.ended_ms = event->time_ms;
    error = facilitation_ended_read(root, &ended);
    if (error == LUCID_OK) {
        error = row_put(txn, id, &row);
    }
    if (error == LUCID_OK) {
        error = order_move(txn, &ended, X402_FACILITATION_OPEN);
    }
    if (error == LUCID_OK) {
        error = ended_keys(txn, &ended);
    }
    return error == LUCID_OK ? day_end(txn, &ended) : error;
}

/* Recipients of ours are never settled for as somebody else's; those of other kinds of chains
 * cannot be. */
static enum lucid_error price_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    uint8_t sequence[8];
    struct evm_address address;
    struct lucid_span text;
    if (payload_text(root, "pay_to", &text) != LUCID_OK || !evm_address_parse(text, &address)) {
        return LUCID_OK;
    }
    enum lucid_error error = facilitation_address_get(txn, &address);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    lucid_put_be64(sequence, event->sequence);
    return ledger_txn_put(txn, FACILITATION_ROWS,
                          row_key(FACILITATION_BY_ADDRESS, address.bytes, EVM_ADDRESS_BYTES, key),
                          lucid_span(sequence, sizeof(sequence)));
}

enum lucid_error facilitation_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PRICE_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = lucid_span_is(event->type, type_price) ? price_apply(txn, event, root)
                : lucid_span_is(event->type, facilitation_type_begun)
                    ? begun_apply(txn, event, root)
                    : ended_apply(txn, event, root);
    }
    lucid_arena_fini(&arena);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &x402_facilitation_kind, table);
}

enum lucid_error x402_facilitated_read(struct ledger_view *view,
                                       const uint8_t id[X402_PAYMENT_ID_BYTES],
                                       struct x402_facilitated *ret)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span bytes;
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, FACILITATION_ROWS),
                row_key(FACILITATION_BY_ID, id, X402_PAYMENT_ID_BYTES, key), &bytes);
    return error == LUCID_OK ? row_parse(bytes, ret) : error;
}

/* The row that another names. */
static enum lucid_error named_read(struct ledger_view *view, struct lucid_span bytes,
                                   struct x402_facilitated *ret)
{
    uint8_t id[X402_PAYMENT_ID_BYTES];
    enum lucid_error error = id_take(bytes, id);
    if (error == LUCID_OK) {
        error = x402_facilitated_read(view, id, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error x402_facilitated_find(struct ledger_view *view, struct lucid_span key,
                                       struct x402_facilitated *ret)
{
    uint8_t bytes[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span value;
    if (key.len > X402_SPENT_KEY_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, FACILITATION_ROWS),
                row_key(FACILITATION_BY_KEY, key.data, key.len, bytes), &value);
    return error == LUCID_OK ? named_read(view, value, ret) : error;
}

enum lucid_error x402_facilitated_next(struct ledger_view *view, uint64_t after_sequence,
                                       unsigned status, struct x402_facilitated *ret)
{
    uint8_t bytes[ORDER_BYTES];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, FACILITATION_ROWS), STORE_SEEK_GT,
                 order_key(status, after_sequence, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != ORDER_BYTES || key.data[0] != FACILITATION_BY_ORDER ||
        key.data[1] != (uint8_t)status) {
        return LUCID_NOTE_ABSENT;
    }
    return named_read(view, value, ret);
}

enum lucid_error x402_facilitated_key_next(struct ledger_view *view, struct lucid_span after,
                                           struct x402_spent_key *ret,
                                           struct x402_facilitated *ret_of)
{
    uint8_t bytes[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    struct x402_spent_key at;
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, FACILITATION_ROWS), STORE_SEEK_GT,
                 row_key(FACILITATION_BY_KEY, after.data, after.len, bytes), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.data[0] != FACILITATION_BY_KEY) {
        return LUCID_NOTE_ABSENT;
    }
    error = payload_copy(lucid_span(key.data + 1, key.len - 1), at.text, sizeof(at.text));
    if (error == LUCID_OK) {
        error = named_read(view, value, ret_of);
    }
    if (error == LUCID_OK) {
        *ret = at;
    }
    return error;
}

enum lucid_error x402_facilitation_ours(struct ledger_view *view, const struct evm_address *pay_to,
                                        bool *ret)
{
    uint8_t key[FACILITATION_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, FACILITATION_ROWS),
                row_key(FACILITATION_BY_ADDRESS, pay_to->bytes, EVM_ADDRESS_BYTES, key), &value);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    *ret = error == LUCID_OK;
    return LUCID_OK;
}

enum lucid_error x402_facilitation_day_read(struct ledger_view *view, const char *client,
                                            uint64_t day, struct x402_facilitation_day *ret)
{
    uint8_t key[FACILITATION_DAY_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, FACILITATION_DAYS),
                                     day_key(client, day, key), &value);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = (struct x402_facilitation_day){0};
        return LUCID_OK;
    }
    return error == LUCID_OK ? day_parse(value, ret) : error;
}
