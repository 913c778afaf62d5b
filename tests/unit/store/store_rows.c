#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/unit/store/store_conformance.h"

uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* No two places alike, so that a wrong offset is seen. */
static void fill(uint8_t *out, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = test_random(&seed);
        memcpy(out + i, &word, len - i < 8 ? len - i : 8);
    }
}

void test_row_make(uint64_t sequence, struct test_row *ret)
{
    static const char type[] = "receipt.accepted.with.a.long.nam";
    size_t type_len = 1 + sequence % STORE_TYPE_BYTES_MAX;
    memcpy(ret->type, type, type_len);
    fill(ret->payload, sizeof(ret->payload), sequence);
    fill(ret->hash, sizeof(ret->hash), sequence + 1000);
    fill(ret->entry, sizeof(ret->entry), sequence + 2000);
    fill(ret->body_bytes, sizeof(ret->body_bytes), sequence + 3000);
    fill(ret->nodes, sizeof(ret->nodes), sequence + 4000);
    ret->event = (struct store_event){
        .sequence = sequence,
        .time_ms = 1700000000000u + sequence / 3,
        .type = lucid_span(ret->type, type_len),
        .version = (uint16_t)(1 + sequence % 5),
        .payload = lucid_span(ret->payload, sequence * 7 % 201),
        .entry = sequence % 2 == 1 ? ret->entry : NULL,
        .hash = ret->hash,
    };
    size_t body_len = sequence % 7 == 1 ? 0 : 1 + sequence * 13 % 1000;
    ret->body = sequence % 3 == 0 ? lucid_span(NULL, 0) : lucid_span(ret->body_bytes, body_len);
    ret->leaf = (struct store_leaf){.sequence = sequence, .tags = {sequence * 17, ~sequence}};
    ret->node_count = (size_t)__builtin_ctzll((sequence - 1) / 2 + 1) + 1;
}

struct test_row *test_rows_append(struct store_batch *batch, uint64_t first, size_t count)
{
    struct test_row *rows = calloc(count, sizeof(*rows));
    lucid_assert(rows != NULL);
    for (size_t i = 0; i < count; i++) {
        struct test_row *row = &rows[i];
        test_row_make(first + i, row);
        enum lucid_error error = store_event_append(batch, &row->event, row->body);
        if (error == LUCID_OK && row->event.entry != NULL) {
            error = store_leaf_append(batch, &row->leaf, row->nodes, row->node_count);
        }
        if (error != LUCID_OK) {
            break; /* sticky: the commit will tell */
        }
    }
    return rows;
}

void test_rows_commit(struct store *store, uint64_t first, size_t count)
{
    struct store_batch *batch;
    assert_int_equal(store_batch_begin(store, &batch), LUCID_OK);
    struct test_row *rows = test_rows_append(batch, first, count);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    free(rows);
}

static void event_check(const struct store_event *got, const struct store_event *want)
{
    assert_int_equal(got->sequence, want->sequence);
    assert_int_equal(got->time_ms, want->time_ms);
    assert_true(lucid_span_equal(got->type, want->type));
    assert_int_equal(got->version, want->version);
    assert_true(lucid_span_equal(got->payload, want->payload));
    assert_memory_equal(got->hash, want->hash, STORE_HASH_BYTES);
    assert_int_equal(got->entry != NULL, want->entry != NULL);
    if (want->entry != NULL) {
        assert_memory_equal(got->entry, want->entry, STORE_ENTRY_BYTES);
    }
}

static void leaf_check(const struct store_leaf *got, const struct store_leaf *want)
{
    assert_int_equal(got->sequence, want->sequence);
    assert_int_equal(got->tags[0], want->tags[0]);
    assert_int_equal(got->tags[1], want->tags[1]);
}

void test_row_check(struct store_view *view, uint64_t sequence)
{
    struct test_row want;
    test_row_make(sequence, &want);
    struct store_event event;
    assert_int_equal(store_event_read(view, sequence, &event), LUCID_OK);
    event_check(&event, &want.event);
    struct lucid_span body = {0};
    enum lucid_error error = store_body_read(view, sequence, &body);
    assert_int_equal(error, want.body.data != NULL ? LUCID_OK : LUCID_NOTE_ABSENT);
    assert_true(error != LUCID_OK || lucid_span_equal(body, want.body));
    if (want.event.entry != NULL) {
        struct store_leaf leaf;
        assert_int_equal(store_leaf_read(view, (sequence - 1) / 2, &leaf), LUCID_OK);
        leaf_check(&leaf, &want.leaf);
    }
}

static enum lucid_error scan_event(void *context, const struct store_event *event)
{
    uint64_t *next = context;
    struct test_row want;
    test_row_make(*next, &want);
    event_check(event, &want.event);
    (*next)++;
    return LUCID_OK;
}

static enum lucid_error scan_leaves(void *context, const struct store_leaf_run *run)
{
    uint64_t *next = context;
    assert_int_equal(run->first, *next);
    const uint8_t *nodes = run->nodes.data;
    for (uint32_t i = 0; i < run->count; i++) {
        struct test_row want;
        test_row_make(2 * (run->first + i) + 1, &want);
        struct store_leaf leaf = store_leaf_at(run, i);
        leaf_check(&leaf, &want.leaf);
        assert_memory_equal(nodes, want.nodes, want.node_count * STORE_HASH_BYTES);
        nodes += want.node_count * STORE_HASH_BYTES;
    }
    assert_ptr_equal(nodes, run->nodes.data + run->nodes.len);
    *next += run->count;
    return LUCID_OK;
}

void test_rows_check(struct store_view *view, uint64_t count)
{
    struct store_counts counts;
    store_counts_read(view, &counts);
    assert_int_equal(counts.events, count);
    assert_int_equal(counts.leaves, (count + 1) / 2);
    for (uint64_t sequence = 1; sequence <= count; sequence++) {
        test_row_check(view, sequence);
    }
    struct store_event event;
    struct lucid_span body;
    struct store_leaf leaf;
    assert_int_equal(store_event_read(view, count + 1, &event), LUCID_NOTE_ABSENT);
    assert_int_equal(store_event_read(view, 0, &event), LUCID_NOTE_ABSENT);
    assert_int_equal(store_event_read(view, UINT64_MAX, &event), LUCID_NOTE_ABSENT);
    assert_int_equal(store_body_read(view, 0, &body), LUCID_NOTE_ABSENT);
    assert_int_equal(store_body_read(view, count + 1, &body), LUCID_NOTE_ABSENT);
    assert_int_equal(store_leaf_read(view, counts.leaves, &leaf), LUCID_NOTE_ABSENT);
    assert_int_equal(store_leaf_read(view, UINT64_MAX, &leaf), LUCID_NOTE_ABSENT);
    uint64_t starts[] = {1, 2, count / 2, count, count + 1};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        uint64_t next = starts[i] == 0 ? 1 : starts[i];
        uint64_t end = next > count + 1 ? next : count + 1;
        assert_int_equal(store_event_scan(view, next, scan_event, &next), LUCID_OK);
        assert_int_equal(next, end);
        next = starts[i] / 2;
        end = next > counts.leaves ? next : counts.leaves;
        assert_int_equal(store_leaf_scan(view, next, scan_leaves, &next), LUCID_OK);
        assert_int_equal(next, end);
    }
}

void test_store_check(struct store *store, uint64_t count)
{
    struct store_view *view;
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    test_rows_check(view, count);
    store_view_end(view);
    store_view_close(view);
}

/* --- dump ---------------------------------------------------------------------------------------
 */

static void dump_bytes(struct lucid_buf *out, struct lucid_span data)
{
    lucid_buf_u64(out, data.len);
    lucid_buf_char(out, ':');
    lucid_buf_hex(out, data.data, data.len);
    lucid_buf_char(out, '\n');
}

static enum lucid_error dump_event(void *context, const struct store_event *event)
{
    struct lucid_buf *out = context;
    lucid_buf_printf(out, "event %ju %ju %u ", (uintmax_t)event->sequence,
                     (uintmax_t)event->time_ms, event->version);
    dump_bytes(out, event->type);
    dump_bytes(out, event->payload);
    dump_bytes(out, lucid_span(event->hash, STORE_HASH_BYTES));
    dump_bytes(out, lucid_span(event->entry, event->entry != NULL ? STORE_ENTRY_BYTES : 0));
    return LUCID_OK;
}

static enum lucid_error dump_leaves(void *context, const struct store_leaf_run *run)
{
    struct lucid_buf *out = context;
    const uint8_t *nodes = run->nodes.data;
    for (uint32_t i = 0; i < run->count; i++) {
        uint64_t number = run->first + i;
        size_t bytes = ((size_t)__builtin_ctzll(number + 1) + 1) * STORE_HASH_BYTES;
        lucid_buf_printf(out, "leaf %ju ", (uintmax_t)number);
        dump_bytes(out, lucid_span(run->rows.data + 24 * (size_t)i, 24));
        dump_bytes(out, lucid_span(nodes, bytes));
        nodes += bytes;
    }
    return LUCID_OK;
}

static void dump_table(struct store_view *view, uint32_t table, struct lucid_buf *out)
{
    struct lucid_span key = lucid_span("", 0);
    struct lucid_span value;
    while (store_seek(view, table, STORE_SEEK_GT, key, &key, &value) == LUCID_OK) {
        dump_bytes(out, key);
        dump_bytes(out, value);
    }
}

void test_store_dump(struct store *store, struct lucid_buf *ret)
{
    lucid_buf_clear(ret);
    struct store_view *view;
    assert_int_equal(store_view_open(store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    assert_int_equal(store_event_scan(view, 1, dump_event, ret), LUCID_OK);
    struct store_counts counts;
    store_counts_read(view, &counts);
    for (uint64_t sequence = 1; sequence <= counts.events; sequence++) {
        struct lucid_span body;
        if (store_body_read(view, sequence, &body) == LUCID_OK) {
            lucid_buf_printf(ret, "body %ju ", (uintmax_t)sequence);
            dump_bytes(ret, body);
        }
    }
    assert_int_equal(store_leaf_scan(view, 0, dump_leaves, ret), LUCID_OK);
    for (uint32_t table = 0; store_table_name(store, table) != NULL; table++) {
        lucid_buf_printf(ret, "table %s\n", store_table_name(store, table));
        dump_table(view, table, ret);
    }
    store_view_end(view);
    store_view_close(view);
    assert_true(lucid_buf_ok(ret));
}

bool test_asserts(void (*fn)(void *context), void *context)
{
    pid_t pid = fork();
    lucid_assert(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        fn(context);
        _exit(0);
    }
    int status = 0;
    lucid_assert(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
