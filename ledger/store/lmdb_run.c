/* Packed runs: all rows that one batch appended to a log, as one value. Numbers are big-endian and
 * unaligned; docs/FORMAT.md has the same tables. The key of a run is the u64 number of its first
 * row; runs of a batch that would pass STORE_RUN_BYTES_MAX are split.
 *
 *   every run           0  u8   'E', 'B' or 'L'
 *                       1  u8   form, 1; of leaves 2, or 1: without the sum
 *                       2  u16  0
 *                       4  u32  rows n, at least 1
 *
 *   events              8  u32  offset of each record from the run's start, n + 1 of them:
 *                               the last one is the run's length
 *     record            0  u64  time, Unix milliseconds
 *                       8  u8   length t of the type, 1 … 32
 *                       9       type
 *                     9+t  u16  version
 *                    11+t  u8   flags: 1 = has an entry
 *                    12+t       hash, 32 bytes
 *                    44+t       entry, 128 bytes, if flagged; then the payload up to the end
 *
 *   bodies              8  u64  sequence of the first row, equal to the key
 *   (sparse)           16       n index rows of 12 bytes, ascending:
 *                                 0  u32  sequence − first
 *                                 4  u32  offset of the body from the run's start
 *                                 8  u16  length
 *                                10  u8   flags: 1 = erased
 *                                11  u8   0
 *                               then the bodies
 *
 *   leaves              8       n rows of 24 bytes: u64 sequence, u64 tag, u64 tag
 *                               then the nodes that these leaves add, 32 bytes each, in the order
 *                               of mmr: their number follows from the key and n
 *                               then u64, store_sum of all that under the key */
#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

#define RUN_FORM         1
#define RUN_FORM_SUMMED  2
#define RUN_HEADER_BYTES 8

#define EVENT_FLAG_ENTRY 1u
/* A record without type, entry and payload. */
#define EVENT_FIXED_BYTES 44u

#define BODIES_HEADER_BYTES 16u
#define BODY_ROW_BYTES      12u
#define BODY_FLAG_ERASED    1u

static const uint8_t run_letter[STORE_LOG_COUNT] = {'E', 'B', 'L'};
/* What is written; a smaller one is read. */
static const uint8_t run_form[STORE_LOG_COUNT] = {RUN_FORM, RUN_FORM, RUN_FORM_SUMMED};

/* --- packing ------------------------------------------------------------------------------------
 */

static void header_pack(enum store_log log, size_t count, uint8_t *out)
{
    lucid_assert(count >= 1 && count <= UINT32_MAX);
    out[0] = run_letter[log];
    out[1] = run_form[log];
    lucid_put_be16(out + 2, 0);
    lucid_put_be32(out + 4, (uint32_t)count);
}

static uint8_t *bytes_pack(uint8_t *out, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(out, data, len);
    }
    return out + len;
}

static size_t event_bytes(const struct store_event *event)
{
    return EVENT_FIXED_BYTES + event->type.len + (event->entry != NULL ? STORE_ENTRY_BYTES : 0) +
           event->payload.len;
}

void store_run_events_fit(const struct store_staged_event *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes)
{
    size_t bytes = RUN_HEADER_BYTES + 4;
    size_t n = 0;
    for (; n < count; n++) {
        size_t more = 4 + event_bytes(&rows[n].event);
        if (n > 0 && bytes + more > STORE_RUN_BYTES_MAX) {
            break;
        }
        bytes += more;
    }
    *ret_rows = n;
    *ret_bytes = bytes;
}

static uint8_t *event_pack(const struct store_event *event, uint8_t *out)
{
    lucid_put_be64(out, event->time_ms);
    out[8] = (uint8_t)event->type.len;
    out = bytes_pack(out + 9, event->type.data, event->type.len);
    lucid_put_be16(out, event->version);
    out[2] = event->entry != NULL ? EVENT_FLAG_ENTRY : 0;
    out = bytes_pack(out + 3, event->hash, STORE_HASH_BYTES);
    if (event->entry != NULL) {
        out = bytes_pack(out, event->entry, STORE_ENTRY_BYTES);
    }
    return bytes_pack(out, event->payload.data, event->payload.len);
}

void store_run_events_pack(const struct store_staged_event *rows, size_t count, uint8_t *out,
                           size_t len)
{
    header_pack(STORE_LOG_EVENTS, count, out);
    uint8_t *offset = out + RUN_HEADER_BYTES;
    uint8_t *record = offset + 4 * (count + 1);
    for (size_t i = 0; i < count; i++) {
        lucid_put_be32(offset, (uint32_t)(record - out));
        offset += 4;
        record = event_pack(&rows[i].event, record);
    }
    lucid_put_be32(offset, (uint32_t)(record - out));
    lucid_assert((size_t)(record - out) == len);
}

void store_run_bodies_fit(const struct store_staged_event *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes, uint64_t *ret_first)
{
    size_t bytes = 0;
    size_t n = 0;
    for (; n < count; n++) {
        if (rows[n].body.data == NULL) {
            continue;
        }
        size_t more = BODY_ROW_BYTES + rows[n].body.len;
        if (bytes == 0) {
            *ret_first = rows[n].event.sequence;
            bytes = BODIES_HEADER_BYTES;
        } else if (bytes + more > STORE_RUN_BYTES_MAX) {
            break;
        }
        bytes += more;
    }
    *ret_rows = n;
    *ret_bytes = bytes;
}

void store_run_bodies_pack(const struct store_staged_event *rows, size_t count, uint64_t first,
                           uint8_t *out, size_t len)
{
    size_t bodies = 0;
    for (size_t i = 0; i < count; i++) {
        bodies += rows[i].body.data != NULL;
    }
    header_pack(STORE_LOG_BODIES, bodies, out);
    lucid_put_be64(out + RUN_HEADER_BYTES, first);
    uint8_t *index = out + BODIES_HEADER_BYTES;
    uint8_t *body = index + BODY_ROW_BYTES * bodies;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].body.data == NULL) {
            continue;
        }
        lucid_put_be32(index, (uint32_t)(rows[i].event.sequence - first));
        lucid_put_be32(index + 4, (uint32_t)(body - out));
        lucid_put_be16(index + 8, (uint16_t)rows[i].body.len);
        index[10] = rows[i].body.data == store_body_erased.data ? BODY_FLAG_ERASED : 0;
        index[11] = 0;
        index += BODY_ROW_BYTES;
        body = bytes_pack(body, rows[i].body.data, rows[i].body.len);
    }
    lucid_assert((size_t)(body - out) == len);
}

void store_run_leaves_fit(const struct store_staged_leaf *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes)
{
    size_t bytes = RUN_HEADER_BYTES + STORE_SUM_BYTES;
    size_t n = 0;
    for (; n < count; n++) {
        size_t more = STORE_LEAF_ROW_BYTES + (size_t)rows[n].node_count * STORE_HASH_BYTES;
        if (n > 0 && bytes + more > STORE_RUN_BYTES_MAX) {
            break;
        }
        bytes += more;
    }
    *ret_rows = n;
    *ret_bytes = bytes;
}

void store_run_leaves_pack(const struct store_staged_leaf *rows, size_t count, uint64_t first,
                           uint8_t *out, size_t len)
{
    header_pack(STORE_LOG_LEAVES, count, out);
    uint8_t *row = out + RUN_HEADER_BYTES;
    uint8_t *nodes = row + STORE_LEAF_ROW_BYTES * count;
    for (size_t i = 0; i < count; i++) {
        store_leaf_pack(&rows[i].leaf, row);
        row += STORE_LEAF_ROW_BYTES;
        nodes = bytes_pack(nodes, rows[i].nodes, (size_t)rows[i].node_count * STORE_HASH_BYTES);
    }
    lucid_put_be64(nodes, store_sum(first, lucid_span(out, (size_t)(nodes - out))));
    lucid_assert((size_t)(nodes - out) + STORE_SUM_BYTES == len);
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Bytes that the rows' index alone takes, and for leaves the whole run but its sum. */
static uint64_t run_bytes_min(enum store_log log, uint64_t first, uint32_t count)
{
    uint64_t n = count;
    switch (log) {
    case STORE_LOG_EVENTS:
        return RUN_HEADER_BYTES + 4 * (n + 1);
    case STORE_LOG_BODIES:
        return BODIES_HEADER_BYTES + BODY_ROW_BYTES * n;
    case STORE_LOG_LEAVES:
        return RUN_HEADER_BYTES + STORE_LEAF_ROW_BYTES * n +
               STORE_HASH_BYTES * (store_node_count(first + n) - store_node_count(first));
    case STORE_LOG_COUNT:
        break;
    }
    lucid_assert(false);
    return 0;
}

enum lucid_error store_run_open(enum store_log log, uint64_t first, struct lucid_span bytes,
                                struct store_run *ret)
{
    const uint8_t *in = bytes.data;
    if (bytes.len < RUN_HEADER_BYTES || in[0] != run_letter[log] || in[1] < RUN_FORM ||
        in[1] > run_form[log] || lucid_get_be16(in + 2) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    uint32_t count = lucid_get_be32(in + 4);
    if (count == 0 || first > STORE_ROWS_MAX || count > STORE_ROWS_MAX - first ||
        (first == 0 && log != STORE_LOG_LEAVES)) {
        return LUCID_FATAL_CORRUPT;
    }
    uint64_t need = run_bytes_min(log, first, count);
    uint64_t sum = in[1] == RUN_FORM_SUMMED ? STORE_SUM_BYTES : 0;
    if (log == STORE_LOG_LEAVES ? bytes.len != need + sum : bytes.len < need) {
        return LUCID_FATAL_CORRUPT;
    }
    /* Between its first record and its end a run has no bytes but its rows'. */
    if (log == STORE_LOG_EVENTS && (lucid_get_be32(in + RUN_HEADER_BYTES) != need ||
                                    lucid_get_be32(in + need - 4) != bytes.len)) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *last = in + need - BODY_ROW_BYTES; /* of a bodies run's index */
    if (log == STORE_LOG_BODIES &&
        (lucid_get_be64(in + RUN_HEADER_BYTES) != first ||
         (uint64_t)lucid_get_be32(last + 4) + lucid_get_be16(last + 8) != bytes.len)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = (struct store_run){.first = first, .count = count, .bytes = bytes};
    return LUCID_OK;
}

/* The record's bytes, wherever they are: from here on only their length matters. */
static enum lucid_error event_parse(const uint8_t *in, size_t len, struct store_event *ret)
{
    if (len < EVENT_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    size_t type_len = in[8];
    if (type_len == 0 || type_len > STORE_TYPE_BYTES_MAX || len < EVENT_FIXED_BYTES + type_len) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *rest = in + 9 + type_len;
    uint16_t version = lucid_get_be16(rest);
    uint8_t flags = rest[2];
    size_t at = EVENT_FIXED_BYTES + type_len;
    bool entry = (flags & EVENT_FLAG_ENTRY) != 0;
    if (version == 0 || (flags & ~EVENT_FLAG_ENTRY) != 0 ||
        (entry && len - at < STORE_ENTRY_BYTES)) {
        return LUCID_FATAL_CORRUPT;
    }
    size_t payload = entry ? at + STORE_ENTRY_BYTES : at;
    if (len - payload > STORE_PAYLOAD_BYTES_MAX) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->time_ms = lucid_get_be64(in);
    ret->type = lucid_span(in + 9, type_len);
    ret->version = version;
    ret->hash = rest + 3;
    ret->entry = entry ? in + at : NULL;
    ret->payload = lucid_span(in + payload, len - payload);
    return LUCID_OK;
}

enum lucid_error store_run_event(const struct store_run *run, uint32_t i, struct store_event *ret)
{
    lucid_assert(i < run->count);
    const uint8_t *in = run->bytes.data;
    const uint8_t *offset = in + RUN_HEADER_BYTES + 4 * (size_t)i;
    uint32_t start = lucid_get_be32(offset);
    uint32_t end = lucid_get_be32(offset + 4);
    if (start < run_bytes_min(STORE_LOG_EVENTS, run->first, run->count) || end < start ||
        end > run->bytes.len) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->sequence = run->first + i;
    return event_parse(in + start, end - start, ret);
}

/* The first row whose sequence is not below; run->count when there is none. */
static uint32_t body_row_seek(const struct store_run *run, uint64_t sequence)
{
    lucid_assert(sequence >= run->first);
    const uint8_t *index = run->bytes.data + BODIES_HEADER_BYTES;
    uint64_t delta = sequence - run->first;
    uint32_t low = 0;
    uint32_t high = run->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lucid_get_be32(index + (size_t)middle * BODY_ROW_BYTES) < delta) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const uint8_t *body_row(const struct store_run *run, uint32_t i)
{
    return run->bytes.data + BODIES_HEADER_BYTES + (size_t)i * BODY_ROW_BYTES;
}

/* Where a body begins: after the one before, or after the index. */
static uint64_t body_start(const struct store_run *run, uint32_t i)
{
    if (i == 0) {
        return run_bytes_min(STORE_LOG_BODIES, run->first, run->count);
    }
    const uint8_t *before = body_row(run, i - 1);
    return (uint64_t)lucid_get_be32(before + 4) + lucid_get_be16(before + 8);
}

static bool span_is_zero(struct lucid_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

enum lucid_error store_run_body(const struct store_run *run, uint64_t sequence,
                                struct lucid_span *ret)
{
    uint32_t i = body_row_seek(run, sequence);
    if (i == run->count || lucid_get_be32(body_row(run, i)) != sequence - run->first) {
        return LUCID_NOTE_ABSENT;
    }
    const uint8_t *row = body_row(run, i);
    uint32_t start = lucid_get_be32(row + 4);
    uint16_t len = lucid_get_be16(row + 8);
    uint8_t flags = row[10];
    if ((flags & ~BODY_FLAG_ERASED) != 0 || row[11] != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    if (start != body_start(run, i) || start > run->bytes.len || len > run->bytes.len - start) {
        return LUCID_FATAL_CORRUPT;
    }
    struct lucid_span body = lucid_span(run->bytes.data + start, len);
    if ((flags & BODY_FLAG_ERASED) != 0) {
        return span_is_zero(body) ? LUCID_NOTE_ERASED : LUCID_FATAL_CORRUPT;
    }
    *ret = body;
    return LUCID_OK;
}

enum lucid_error store_run_body_erase(const struct store_run *run, uint8_t *bytes,
                                      uint64_t sequence)
{
    struct lucid_span body;
    enum lucid_error error = store_run_body(run, sequence, &body);
    if (error != LUCID_OK) {
        return error;
    }
    const uint8_t *row = body_row(run, body_row_seek(run, sequence));
    memset(bytes + (body.data - run->bytes.data), 0, body.len);
    bytes[(row - run->bytes.data) + 10] |= BODY_FLAG_ERASED;
    return LUCID_OK;
}

struct store_leaf_run store_run_leaves(const struct store_run *run, uint64_t from)
{
    lucid_assert(from >= run->first && from - run->first < run->count);
    size_t skip = (size_t)(from - run->first);
    size_t skip_nodes = (size_t)(store_node_count(from) - store_node_count(run->first));
    const uint8_t *rows = run->bytes.data + RUN_HEADER_BYTES;
    size_t nodes_at = RUN_HEADER_BYTES + (size_t)run->count * STORE_LEAF_ROW_BYTES +
                      skip_nodes * STORE_HASH_BYTES;
    bool summed = run->bytes.data[1] == RUN_FORM_SUMMED;
    size_t end = run->bytes.len - (summed ? STORE_SUM_BYTES : 0);
    return (struct store_leaf_run){
        .first = from,
        .count = run->count - (uint32_t)skip,
        .rows = lucid_span(rows + skip * STORE_LEAF_ROW_BYTES,
                           (run->count - skip) * STORE_LEAF_ROW_BYTES),
        .nodes = lucid_span(run->bytes.data + nodes_at, end - nodes_at),
        .summed = summed ? run->bytes : lucid_span(NULL, 0),
        .number = run->first,
    };
}
