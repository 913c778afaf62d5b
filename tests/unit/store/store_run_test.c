/* Packed runs that are not what was written: in memory, where a sanitizer sees every byte read, and
 * in a real store, whose values are changed through LMDB itself. */
#include <stdlib.h>

#include "ledger/store/lmdb_internal.h"
#include "tests/unit/store/store_lmdb_dir.h"

/* Events 2 to 5: of their bodies one is absent, none is empty. */
enum { RUN_FIRST = 2, RUN_ROWS = 4 };

/* Touches every byte, so that none may lie outside. */
static uint64_t touch(struct lucid_span span)
{
    uint64_t sum = 1 + span.len;
    for (size_t i = 0; i < span.len; i++) {
        sum = sum * 31 + span.data[i];
    }
    return sum;
}

static uint64_t touch_event(const struct store_event *event)
{
    uint64_t sum = event->time_ms + event->version;
    sum += touch(event->type) + 3 * touch(event->payload);
    sum += touch(lucid_span(event->hash, STORE_HASH_BYTES));
    return sum + touch(lucid_span(event->entry, event->entry != NULL ? STORE_ENTRY_BYTES : 0));
}

/* Reads everything that the run offers; the error, if one was met. */
static enum lucid_error run_read(enum store_log log, struct lucid_span bytes, uint64_t *ret_sum)
{
    struct store_run run;
    enum lucid_error error =
        store_run_open(log, log == STORE_LOG_LEAVES ? 0 : RUN_FIRST, bytes, &run);
    uint32_t rows = error != LUCID_OK ? 0 : log == STORE_LOG_BODIES ? RUN_ROWS : run.count;
    for (uint32_t i = 0; error == LUCID_OK && i < rows && i < 100; i++) {
        struct store_event event = {0};
        struct lucid_span body = {0};
        *ret_sum *= 1000003; /* the same bytes in another row count as other bytes */
        if (log == STORE_LOG_EVENTS) {
            error = store_run_event(&run, i, &event);
            *ret_sum += error == LUCID_OK ? touch_event(&event) : 0;
        } else if (log == STORE_LOG_BODIES) {
            error = store_run_body(&run, run.first + i, &body);
            *ret_sum += error == LUCID_OK ? touch(body) : 0;
            bool none = error == LUCID_NOTE_ABSENT || error == LUCID_NOTE_ERASED;
            error = none ? LUCID_OK : error;
        } else {
            struct store_leaf_run leaves = store_run_leaves(&run, i);
            error = store_leaf_run_holds(&leaves) ? LUCID_OK : LUCID_FATAL_CORRUPT;
            *ret_sum +=
                touch(leaves.rows) + touch(leaves.nodes) + store_leaf_at(&leaves, 0).tags[1];
        }
    }
    return error;
}

/* An exact allocation, so that one byte too many is seen. */
static uint8_t *run_make(enum store_log log, size_t *ret_len)
{
    static struct test_row rows[RUN_ROWS];
    struct store_staged_event events[RUN_ROWS];
    struct store_staged_leaf leaves[RUN_ROWS];
    for (size_t i = 0; i < RUN_ROWS; i++) {
        test_row_make(RUN_FIRST + i, &rows[i]);
        events[i] = (struct store_staged_event){.event = rows[i].event, .body = rows[i].body};
        leaves[i] = (struct store_staged_leaf){
            .leaf = rows[i].leaf, .nodes = rows[i].nodes, .node_count = store_leaf_nodes(i)};
    }
    size_t fit = 0;
    uint64_t first = 0;
    if (log == STORE_LOG_EVENTS) {
        store_run_events_fit(events, RUN_ROWS, &fit, ret_len);
    } else if (log == STORE_LOG_BODIES) {
        store_run_bodies_fit(events, RUN_ROWS, &fit, ret_len, &first);
        assert_int_equal(first, RUN_FIRST);
    } else {
        store_run_leaves_fit(leaves, RUN_ROWS, &fit, ret_len);
    }
    assert_int_equal(fit, RUN_ROWS);
    uint8_t *bytes = malloc(*ret_len);
    assert_non_null(bytes);
    if (log == STORE_LOG_EVENTS) {
        store_run_events_pack(events, RUN_ROWS, bytes, *ret_len);
    } else if (log == STORE_LOG_BODIES) {
        store_run_bodies_pack(events, RUN_ROWS, first, bytes, *ret_len);
    } else {
        store_run_leaves_pack(leaves, RUN_ROWS, 0, bytes, *ret_len);
    }
    return bytes;
}

static void flips_check(enum store_log log)
{
    size_t len = 0;
    uint8_t *bytes = run_make(log, &len);
    uint64_t want = 0;
    assert_int_equal(run_read(log, lucid_span(bytes, len), &want), LUCID_OK);
    size_t refused = 0;
    for (size_t i = 0; i < len * 256; i++) {
        if (i % 256 == 0) {
            continue;
        }
        bytes[i / 256] ^= (uint8_t)(i % 256);
        uint64_t sum = 0;
        enum lucid_error error = run_read(log, lucid_span(bytes, len), &sum);
        assert_true(error == LUCID_OK || error == LUCID_FATAL_CORRUPT);
        /* What is not refused is other bytes: nothing of a run is unused. */
        assert_true(error != LUCID_OK || sum != want);
        refused += error != LUCID_OK;
        bytes[i / 256] ^= (uint8_t)(i % 256);
    }
    assert_true(refused > (size_t)7 * 255);
    assert_true(log != STORE_LOG_LEAVES || refused == len * 255);
    free(bytes);
}

static void cuts_check(enum store_log log)
{
    size_t len = 0;
    uint8_t *bytes = run_make(log, &len);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut == 0 ? 1 : cut);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        uint64_t sum = 0;
        assert_int_equal(run_read(log, lucid_span(part, cut), &sum), LUCID_FATAL_CORRUPT);
        free(part);
    }
    free(bytes);
}

static void test_flips(void **state)
{
    (void)state;
    flips_check(STORE_LOG_EVENTS);
    flips_check(STORE_LOG_BODIES);
    flips_check(STORE_LOG_LEAVES);
}

static void test_cuts(void **state)
{
    (void)state;
    cuts_check(STORE_LOG_EVENTS);
    cuts_check(STORE_LOG_BODIES);
    cuts_check(STORE_LOG_LEAVES);
}

static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t seed = 99;
    for (int round = 0; round < 100000; round++) {
        enum store_log log = (enum store_log)(round % STORE_LOG_COUNT);
        size_t len = 0;
        uint8_t head[8] = {(uint8_t) "EBL"[log], 1, 0, 0, 0, 0, 0, (uint8_t)(1 + round % 3)};
        len = 8 + test_random(&seed) % 120;
        uint8_t *bytes = malloc(len);
        assert_non_null(bytes);
        memcpy(bytes, head, sizeof(head));
        for (size_t i = sizeof(head); i < len; i++) {
            bytes[i] = test_random(&seed) % 4 == 0 ? (uint8_t)test_random(&seed) : 0;
        }
        if (log == STORE_LOG_BODIES && len >= 16) {
            lucid_put_be64(bytes + 8, RUN_FIRST);
        }
        uint64_t sum = 0;
        enum lucid_error error = run_read(log, lucid_span(bytes, len), &sum);
        assert_true(error == LUCID_OK || error == LUCID_FATAL_CORRUPT);
        free(bytes);
    }
}

/* The bytes that docs/FORMAT.md promises, spelled out. */
static void test_layout(void **state)
{
    (void)state;
    uint8_t hash[32];
    uint8_t entry[128];
    memset(hash, 0xaa, sizeof(hash));
    memset(entry, 0xbb, sizeof(entry));
    struct store_staged_event row = {
        .event = {.sequence = 5,
                  .time_ms = 0x0102030405060708,
                  .type = lucid_span_str("ab"),
                  .version = 0x0304,
                  .payload = lucid_span_str("xyz"),
                  .entry = entry,
                  .hash = hash},
        .body = lucid_span_str("BODY"),
    };
    size_t rows;
    size_t len;
    uint8_t out[256];
    store_run_events_fit(&row, 1, &rows, &len);
    assert_int_equal(len, 16 + 44 + 2 + 128 + 3);
    store_run_events_pack(&row, 1, out, len);
    static const uint8_t head[] = {'E', 1, 0, 0, 0, 0, 0, 1, 0, 0, 0,   16,  0, 0, 0,
                                   193, 1, 2, 3, 4, 5, 6, 7, 8, 2, 'a', 'b', 3, 4, 1};
    assert_memory_equal(out, head, sizeof(head));
    assert_memory_equal(out + 30, hash, 32);
    assert_memory_equal(out + 62, entry, 128);
    assert_memory_equal(out + 190, "xyz", 3);

    uint64_t first = 0;
    store_run_bodies_fit(&row, 1, &rows, &len, &first);
    assert_int_equal(first, 5);
    assert_int_equal(len, 16 + 12 + 4);
    store_run_bodies_pack(&row, 1, first, out, len);
    static const uint8_t bodies[] = {'B', 1, 0, 0, 0, 0, 0, 1,  0, 0, 0, 0, 0,   0,   0,   5,
                                     0,   0, 0, 0, 0, 0, 0, 28, 0, 4, 0, 0, 'B', 'O', 'D', 'Y'};
    assert_memory_equal(out, bodies, sizeof(bodies));

    struct store_staged_leaf leaf = {
        .leaf = {.sequence = 5, .tags = {6, 7}}, .nodes = hash, .node_count = 1};
    store_run_leaves_fit(&leaf, 1, &rows, &len);
    assert_int_equal(len, 8 + 24 + 32 + 8);
    store_run_leaves_pack(&leaf, 1, 3, out, len);
    static const uint8_t leaves[] = {'L', 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5,
                                     0,   0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7};
    assert_memory_equal(out, leaves, sizeof(leaves));
    assert_memory_equal(out + 32, hash, 32);
    static const uint8_t sum[] = {0x1e, 0x73, 0x2e, 0x3f, 0x02, 0xdc, 0x9b, 0x70};
    assert_memory_equal(out + 64, sum, sizeof(sum));
}

/* --- in a store ---------------------------------------------------------------------------------
 */

/* One value of one database, changed behind the store's back. */
struct raw {
    MDB_env *env;
    MDB_dbi dbi;
};

static void raw_open(struct raw *raw, const struct test_dir *dir, enum store_log log)
{
    static const char *const names[STORE_LOG_COUNT] = {"events", "bodies", "leaves"};
    assert_int_equal(mdb_env_create(&raw->env), 0);
    assert_int_equal(mdb_env_set_maxdbs(raw->env, 8), 0);
    assert_int_equal(mdb_env_set_mapsize(raw->env, 1 << 22), 0);
    assert_int_equal(mdb_env_open(raw->env, dir->path, MDB_NOSYNC | MDB_NOTLS, 0600), 0);
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(raw->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, names[log], 0, &raw->dbi), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static MDB_val raw_key(uint64_t number, uint8_t bytes[8])
{
    lucid_put_be64(bytes, number);
    return (MDB_val){.mv_size = 8, .mv_data = bytes};
}

static uint8_t *raw_get(struct raw *raw, uint64_t number, size_t *ret_len)
{
    uint8_t bytes[8];
    MDB_val key = raw_key(number, bytes);
    MDB_val value;
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(raw->env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_get(txn, raw->dbi, &key, &value), 0);
    uint8_t *copy = malloc(value.mv_size);
    assert_non_null(copy);
    memcpy(copy, value.mv_data, value.mv_size);
    *ret_len = value.mv_size;
    mdb_txn_abort(txn);
    return copy;
}

static void raw_put(struct raw *raw, uint64_t number, uint8_t *data, size_t len)
{
    uint8_t bytes[8];
    MDB_val key = raw_key(number, bytes);
    MDB_val value = {.mv_size = len, .mv_data = data};
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(raw->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_put(txn, raw->dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static enum lucid_error touch_scan_event(void *context, const struct store_event *event)
{
    *(uint64_t *)context += touch_event(event);
    return LUCID_OK;
}

static enum lucid_error touch_scan_leaves(void *context, const struct store_leaf_run *run)
{
    *(uint64_t *)context += touch(run->rows) + touch(run->nodes);
    return LUCID_OK;
}

/* Every verb of reading; the worst error met. Anything but OK, absent and corrupt fails. */
static enum lucid_error store_read_all(const struct test_dir *dir)
{
    struct store *store = NULL;
    struct store_view *view = NULL;
    assert_int_equal(test_dir_open(dir, 1 << 22, false, false, &store), LUCID_OK);
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    enum lucid_error worst = store_view_begin(view);
    if (worst == LUCID_OK) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i <= 3 * RUN_ROWS + 1; i++) {
            struct store_event event;
            struct lucid_span body;
            struct store_leaf leaf;
            enum lucid_error errors[] = {store_event_read(view, i, &event),
                                         store_body_read(view, i, &body),
                                         store_leaf_read(view, i, &leaf)};
            sum += errors[0] == LUCID_OK ? touch_event(&event) : 0;
            sum += errors[1] == LUCID_OK ? touch(body) : 0;
            for (size_t e = 0; e < 3; e++) {
                worst = errors[e] > worst ? errors[e] : worst;
            }
        }
        enum lucid_error error = store_event_scan(view, 1, touch_scan_event, &sum);
        worst = error > worst ? error : worst;
        error = store_leaf_scan(view, 0, touch_scan_leaves, &sum);
        worst = error > worst ? error : worst;
        store_view_end(view);
    }
    store_view_close(view);
    store_close(store);
    assert_true(worst == LUCID_OK || worst == LUCID_NOTE_ABSENT || worst == LUCID_FATAL_CORRUPT);
    return worst;
}

/* Three runs of each log, so that there is one before and one after. */
static void three_runs(struct test_dir *dir)
{
    test_dir_new(dir);
    struct store *store = test_dir_create(dir, 1 << 22);
    for (uint64_t i = 0; i < 3; i++) {
        test_rows_commit(store, 1 + i * RUN_ROWS, RUN_ROWS);
    }
    store_close(store);
}

/* Each value with each byte changed, then cut short at each length. */
static void damage(enum store_log log, uint64_t number)
{
    struct test_dir dir;
    three_runs(&dir);
    struct raw raw;
    raw_open(&raw, &dir, log);
    size_t len = 0;
    uint8_t *bytes = raw_get(&raw, number, &len);
    mdb_env_close(raw.env);
    size_t corrupt = 0;
    size_t tries = 0;
    /* Headers and indexes byte by byte, the plain contents in steps. */
    for (size_t i = 0; i < len; i += i < 120 ? 1 : 23, tries++) {
        bytes[i] ^= 0xff;
        raw_open(&raw, &dir, log);
        raw_put(&raw, number, bytes, len);
        mdb_env_close(raw.env);
        bytes[i] ^= 0xff;
        corrupt += store_read_all(&dir) == LUCID_FATAL_CORRUPT;
    }
    assert_true(corrupt >= 8);
    assert_true(log != STORE_LOG_LEAVES || corrupt == tries);
    for (size_t cut = 0; cut < len; cut += cut < 40 ? 1 : 67) {
        raw_open(&raw, &dir, log);
        raw_put(&raw, number, bytes, cut);
        mdb_env_close(raw.env);
        assert_int_equal(store_read_all(&dir), LUCID_FATAL_CORRUPT);
    }
    raw_open(&raw, &dir, log);
    raw_put(&raw, number, bytes, len);
    mdb_env_close(raw.env);
    struct store *store = test_dir_reopen(&dir, 1 << 22);
    test_store_check(store, 3 * RUN_ROWS);
    store_close(store);
    free(bytes);
    test_dir_drop(&dir);
}

static void test_damaged_events(void **state)
{
    (void)state;
    damage(STORE_LOG_EVENTS, 1 + RUN_ROWS);
    damage(STORE_LOG_EVENTS, 1 + 2 * RUN_ROWS);
}

static void test_damaged_bodies(void **state)
{
    (void)state;
    damage(STORE_LOG_BODIES, 1 + RUN_ROWS);
}

static void test_damaged_leaves(void **state)
{
    (void)state;
    damage(STORE_LOG_LEAVES, RUN_ROWS / 2);
    damage(STORE_LOG_LEAVES, RUN_ROWS);
}

/* A run taken out, or under a wrong key: the gap is seen. */
static void test_missing_run(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    struct raw raw;
    raw_open(&raw, &dir, STORE_LOG_EVENTS);
    uint8_t bytes[8];
    MDB_val key = raw_key(1 + RUN_ROWS, bytes);
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(raw.env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_del(txn, raw.dbi, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(raw.env);
    assert_int_equal(store_read_all(&dir), LUCID_FATAL_CORRUPT);
    test_dir_drop(&dir);
}

/* What reading a body answers. */
static enum lucid_error body_of(struct test_dir *dir, uint64_t sequence)
{
    struct store *store = test_dir_reopen(dir, 1 << 22);
    struct store_view *view;
    struct lucid_span body;
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    enum lucid_error error = store_body_read(view, sequence, &body);
    store_view_end(view);
    store_view_close(view);
    store_close(store);
    return error;
}

/* Row 2's body is marked erased; row 1's and the event itself stay. A mark over bytes that are
 * still there is damage. */
static void test_erased_body(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    struct raw raw;
    raw_open(&raw, &dir, STORE_LOG_BODIES);
    size_t len = 0;
    uint8_t *bytes = raw_get(&raw, 1, &len);
    assert_int_equal(lucid_get_be32(bytes + 16 + 12), 1);
    bytes[16 + 12 + 10] = 1;
    raw_put(&raw, 1, bytes, len);
    mdb_env_close(raw.env);
    assert_int_equal(body_of(&dir, 2), LUCID_FATAL_CORRUPT);
    memset(bytes + lucid_get_be32(bytes + 16 + 12 + 4), 0, lucid_get_be16(bytes + 16 + 12 + 8));
    raw_open(&raw, &dir, STORE_LOG_BODIES);
    raw_put(&raw, 1, bytes, len);
    mdb_env_close(raw.env);
    free(bytes);
    struct store *store = test_dir_reopen(&dir, 1 << 22);
    struct store_view *view;
    struct lucid_span body;
    struct store_event event;
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    assert_int_equal(store_body_read(view, 2, &body), LUCID_NOTE_ERASED);
    assert_int_equal(store_event_read(view, 2, &event), LUCID_OK);
    test_row_check(view, 1);
    test_row_check(view, 4);
    store_view_end(view);
    store_view_close(view);
    store_close(store);
    test_dir_drop(&dir);
}

/* Erased through the interface: the flag is set, the bytes are zero, all else is as before. */
static void test_erase_bytes(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    struct raw raw;
    size_t len = 0;
    size_t len_after = 0;
    raw_open(&raw, &dir, STORE_LOG_BODIES);
    uint8_t *before = raw_get(&raw, 1, &len);
    mdb_env_close(raw.env);
    struct store *store = test_dir_reopen(&dir, 1 << 22);
    struct store_batch *batch;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 2), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    store_close(store);
    raw_open(&raw, &dir, STORE_LOG_BODIES);
    uint8_t *after = raw_get(&raw, 1, &len_after);
    assert_int_equal(len_after, len);
    uint32_t start = lucid_get_be32(before + 16 + 12 + 4);
    uint16_t body = lucid_get_be16(before + 16 + 12 + 8);
    assert_true(body > 0 && start + body <= len);
    before[16 + 12 + 10] = 1;
    memset(before + start, 0, body);
    assert_memory_equal(after, before, len);
    /* A row that leads out of the run is damage, not an erasure. */
    lucid_put_be32(after + 16 + 24 + 4, (uint32_t)len);
    raw_put(&raw, 1, after, len);
    mdb_env_close(raw.env);
    store = test_dir_reopen(&dir, 1 << 22);
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    assert_int_equal(store_body_erase(batch, 4), LUCID_FATAL_CORRUPT);
    store_batch_abort(batch);
    store_close(store);
    free(before);
    free(after);
    test_dir_drop(&dir);
}

/* --- formats ------------------------------------------------------------------------------------
 */

/* Reads the store's format number behind its back, or puts another there (0xffffffff: reads). */
static uint32_t raw_format(const struct test_dir *dir, uint32_t put)
{
    struct raw raw;
    MDB_txn *txn;
    MDB_dbi dbi;
    raw_open(&raw, dir, STORE_LOG_LEAVES);
    assert_int_equal(mdb_txn_begin(raw.env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "store", 0, &dbi), 0);
    char name[] = "format";
    uint8_t bytes[4];
    lucid_put_be32(bytes, put);
    MDB_val key = {.mv_size = 6, .mv_data = name};
    MDB_val value = {.mv_size = 4, .mv_data = bytes};
    if (put != UINT32_MAX) {
        assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    }
    assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
    uint32_t format = lucid_get_be32(value.mv_data);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(raw.env);
    return format;
}

/* What this program says to each number, and what one said that knew only the first. */
static void test_newer_format(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    assert_int_equal(raw_format(&dir, UINT32_MAX), STORE_LMDB_FORMAT);
    static const struct {
        uint32_t format;
        enum lucid_error want;
        enum lucid_error first; /* of a program that knows format 1 */
    } cases[] = {
        {0, LUCID_FATAL_CORRUPT, LUCID_FATAL_CORRUPT},
        {1, LUCID_OK, LUCID_OK},
        {2, LUCID_OK, LUCID_FATAL_NEWER},
        {3, LUCID_FATAL_NEWER, LUCID_FATAL_NEWER},
        {1u << 31, LUCID_FATAL_CORRUPT, LUCID_FATAL_CORRUPT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store *store = NULL;
        struct lucid_why why = {0};
        (void)raw_format(&dir, cases[i].format);
        assert_int_equal(test_dir_open(&dir, 1 << 22, false, true, &store), cases[i].want);
        store_close(store);
        assert_int_equal(store_lmdb_format_check(cases[i].format, 1, &why), cases[i].first);
        if (cases[i].first == LUCID_FATAL_NEWER) {
            assert_string_equal(why.code, "STORE_NEWER");
            assert_non_null(strstr(why.text, "this program knows 1"));
        }
    }
    test_dir_drop(&dir);
}

/* Makes a store what a program of format 1 would have left. */
static void format_one(const struct test_dir *dir)
{
    struct raw raw;
    raw_open(&raw, dir, STORE_LOG_LEAVES);
    for (uint64_t first = 0; first < 3 * RUN_ROWS / 2; first += RUN_ROWS / 2) {
        size_t len = 0;
        uint8_t *bytes = raw_get(&raw, first, &len);
        assert_int_equal(bytes[1], 2);
        bytes[1] = 1;
        raw_put(&raw, first, bytes, len - STORE_SUM_BYTES);
        free(bytes);
    }
    mdb_env_close(raw.env);
    (void)raw_format(dir, 1);
}

/* Form of the leaves run under that key. */
static uint8_t run_form_of(const struct test_dir *dir, uint64_t first)
{
    struct raw raw;
    size_t len = 0;
    raw_open(&raw, dir, STORE_LOG_LEAVES);
    uint8_t *bytes = raw_get(&raw, first, &len);
    uint8_t form = bytes[1];
    free(bytes);
    mdb_env_close(raw.env);
    return form;
}

/* A store of format 1 is read as it is; the first new leaves, once committed, raise it. */
static void test_format_one(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    format_one(&dir);
    struct store *store = NULL;
    assert_int_equal(test_dir_open(&dir, 1 << 22, false, false, &store), LUCID_OK);
    test_store_check(store, 3 * RUN_ROWS);
    store_close(store);
    store = test_dir_reopen(&dir, 1 << 22);
    test_store_check(store, 3 * RUN_ROWS);
    struct store_batch *batch;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    uint32_t table;
    assert_int_equal(store_table_create(batch, "one", &table), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    store_close(store);
    assert_int_equal(raw_format(&dir, UINT32_MAX), 1);

    store = test_dir_reopen(&dir, 1 << 22);
    for (uint64_t i = 3; i < 5; i++) {
        test_rows_commit(store, 1 + i * RUN_ROWS, RUN_ROWS);
    }
    test_store_check(store, 5 * RUN_ROWS);
    store_close(store);
    assert_int_equal(raw_format(&dir, UINT32_MAX), STORE_LMDB_FORMAT);
    assert_int_equal(run_form_of(&dir, RUN_ROWS), 1);
    assert_int_equal(run_form_of(&dir, 3 * RUN_ROWS / 2), 2);
    store = test_dir_reopen(&dir, 1 << 22);
    test_store_check(store, 5 * RUN_ROWS);
    store_close(store);
    test_dir_drop(&dir);
}

/* A commit that finds the map full raises nothing. */
static void test_format_kept(void **state)
{
    (void)state;
    struct test_dir dir;
    three_runs(&dir);
    format_one(&dir);
    struct store *store = test_dir_reopen(&dir, 1 << 17);
    struct store_batch *batch;
    static struct test_row row;
    enum lucid_error error = LUCID_OK;
    enum { BODIES = 40 };
    static uint8_t body[STORE_BODY_BYTES_MAX];
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    for (uint64_t i = 0; i < BODIES && error == LUCID_OK; i++) {
        test_row_make(1 + 3 * RUN_ROWS + i, &row);
        error = store_event_append(batch, &row.event, lucid_span(body, sizeof(body)));
    }
    struct store_leaf leaf = {.sequence = 1 + 3 * RUN_ROWS};
    static const uint8_t nodes[STORE_NODES_PER_LEAF_MAX * STORE_HASH_BYTES];
    assert_int_equal(store_leaf_append(batch, &leaf, nodes, store_leaf_nodes(3 * RUN_ROWS / 2)),
                     LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_RETRY_FULL);
    store_close(store);
    assert_int_equal(raw_format(&dir, UINT32_MAX), 1);
    test_dir_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),         cmocka_unit_test(test_flips),
        cmocka_unit_test(test_cuts),           cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_damaged_events), cmocka_unit_test(test_damaged_bodies),
        cmocka_unit_test(test_damaged_leaves), cmocka_unit_test(test_missing_run),
        cmocka_unit_test(test_erased_body),    cmocka_unit_test(test_erase_bytes),
        cmocka_unit_test(test_newer_format),   cmocka_unit_test(test_format_one),
        cmocka_unit_test(test_format_kept),
    };
    return cmocka_run_group_tests_name("store runs", tests, NULL, NULL);
}
