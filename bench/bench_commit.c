/* Durable appends through the store against the disk itself: 100 receipts a commit in LMDB, packed
 * and synced in full, against pwrite of as many bytes to a growing file and fdatasync.
 *
 * Both sides take turns and have about 1.5 s a round; the figure is the ratio of the medians of
 * five rounds. A receipt is an event with an entry of 128 bytes and a payload of 80, a body of 783
 * bytes and a leaf with its nodes; bytes are counted without the store's own framing.
 *
 *   bench_commit [--dir DIR] [--check] [--fill N]
 *
 * --fill N appends N receipts first (5,000 a commit) and compares the rate after them with that of
 * an empty store. --check: the exit status says whether the ratio is high enough. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "ledger/store/lmdb.h"

enum {
    ROUNDS = 5,
    SLICES = 6,
    GROUP = 100,
    FILL_GROUP = 5000,
    PAYLOAD_BYTES = 80,
    BODY_BYTES = 783,
    /* What a receipt is besides: time, type, version, hash, entry, leaf row, two nodes on average.
     */
    RECEIPT_BYTES = 8 + 16 + 2 + 32 + 128 + PAYLOAD_BYTES + BODY_BYTES + 24 + 2 * 32,
};

/* A cell is taken in slices, turn by turn, because a disk's speed drifts within seconds. */
#define SLICE_SECONDS     0.25
#define RATIO_NEEDED      0.40
#define FILL_RATIO_NEEDED 0.50

struct receipt {
    uint8_t hash[STORE_HASH_BYTES];
    uint8_t entry[STORE_ENTRY_BYTES];
    uint8_t payload[PAYLOAD_BYTES];
    uint8_t body[BODY_BYTES];
};

struct bench {
    struct receipt *receipts; /* FILL_GROUP of them */
    uint8_t nodes[STORE_NODES_PER_LEAF_MAX * STORE_HASH_BYTES];
    char dir[200];
};

static double seconds_now(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void path_make(const struct bench *bench, const char *name, char out[256])
{
    int len = snprintf(out, 256, "%s/%s", bench->dir, name);
    lucid_assert(len > 0 && len < 256);
}

/* --- the store ----------------------------------------------------------------------------------
 */

static struct store *store_make(const struct bench *bench, const char *name)
{
    char path[256];
    path_make(bench, name, path);
    struct store_lmdb_options options = {
        .bytes_max = STORE_LMDB_BYTES_MAX_DEFAULT,
        .readers_max = STORE_LMDB_READERS_MAX_DEFAULT,
        .create = true,
        .writable = true,
    };
    struct store *store = NULL;
    struct lucid_why why = {0};
    if (store_lmdb_open(path, &options, &store, &why) != LUCID_OK) {
        fprintf(stderr, "bench_commit: %s\n", why.text);
        exit(2);
    }
    return store;
}

static void store_remove(const struct bench *bench, const char *name, struct store *store)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    store_close(store);
    char dir[256];
    path_make(bench, name, dir);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[300];
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* One commit of count receipts, numbered on from what is there. */
static void receipts_commit(struct bench *bench, struct store *store, size_t count)
{
    struct store_batch *batch;
    lucid_assert(store_batch_begin(store, &batch) == LUCID_OK);
    struct store_counts counts;
    store_counts_read(store_batch_view(batch), &counts);
    for (size_t i = 0; i < count; i++) {
        struct receipt *receipt = &bench->receipts[i];
        uint64_t sequence = counts.events + 1 + i;
        memcpy(receipt->hash, &sequence, sizeof(sequence));
        memcpy(receipt->body, &sequence, sizeof(sequence));
        struct store_event event = {
            .sequence = sequence,
            .time_ms = 1700000000000u + sequence,
            .type = lucid_span_str("receipt.accepted"),
            .version = 1,
            .payload = lucid_span(receipt->payload, PAYLOAD_BYTES),
            .entry = receipt->entry,
            .hash = receipt->hash,
        };
        lucid_assert(store_event_append(batch, &event, lucid_span(receipt->body, BODY_BYTES)) ==
                     LUCID_OK);
        uint64_t leaf = counts.leaves + i;
        struct store_leaf row = {.sequence = sequence, .tags = {sequence * 31, ~sequence}};
        size_t nodes = (size_t)__builtin_ctzll(leaf + 1) + 1;
        lucid_assert(store_leaf_append(batch, &row, bench->nodes, nodes) == LUCID_OK);
    }
    lucid_assert(store_batch_commit(batch) == LUCID_OK);
}

/* One side of a round: how much it did in how long. */
struct cell {
    uint64_t receipts;
    double seconds;
};

static double cell_rate(const struct cell *cell)
{
    return (double)cell->receipts / cell->seconds;
}

static void store_slice(struct bench *bench, struct store *store, struct cell *cell)
{
    double start = seconds_now();
    double elapsed = 0;
    while (elapsed < SLICE_SECONDS) {
        receipts_commit(bench, store, GROUP);
        cell->receipts += GROUP;
        elapsed = seconds_now() - start;
    }
    cell->seconds += elapsed;
}

static void store_fill(struct bench *bench, struct store *store, uint64_t count)
{
    double start = seconds_now();
    for (uint64_t done = 0; done < count;) {
        uint64_t more = count - done < FILL_GROUP ? count - done : FILL_GROUP;
        receipts_commit(bench, store, (size_t)more);
        uint64_t before = done;
        done += more;
        if (before * 10 / count != done * 10 / count) {
            fprintf(stderr, "bench_commit: %" PRIu64 " receipts, %.0f/s\n", done,
                    (double)done / (seconds_now() - start));
        }
    }
}

/* Begin, one event, end, on a warm store: for the reader of the output, not part of the check. */
static void read_time(struct store *store)
{
    enum { READS = 200000 };
    struct store_view *view;
    lucid_assert(store_view_open(store, &view) == LUCID_OK);
    lucid_assert(store_view_begin(view) == LUCID_OK);
    struct store_counts counts;
    store_counts_read(view, &counts);
    store_view_end(view);
    uint64_t last = counts.events < 10000 ? counts.events : 10000;
    uint64_t sequence = 1;
    double start = seconds_now();
    for (int i = 0; i < READS; i++) {
        struct store_event event;
        lucid_assert(store_view_begin(view) == LUCID_OK);
        lucid_assert(store_event_read(view, sequence, &event) == LUCID_OK);
        lucid_assert(event.time_ms == 1700000000000u + sequence);
        store_view_end(view);
        sequence = 1 + (sequence + 7919) % last;
    }
    double elapsed = seconds_now() - start;
    printf("begin, read an event, end: %.0f ns\n", elapsed * 1e9 / READS);
    store_view_close(view);
}

/* --- the disk -----------------------------------------------------------------------------------
 */

struct raw {
    int fd;
    off_t size;
    uint8_t *group;
};

static void raw_open(const struct bench *bench, struct raw *raw)
{
    char path[256];
    path_make(bench, "raw", path);
    raw->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    raw->size = 0;
    raw->group = malloc((size_t)GROUP * RECEIPT_BYTES);
    lucid_assert(raw->fd >= 0 && raw->group != NULL);
    memset(raw->group, 0x5a, (size_t)GROUP * RECEIPT_BYTES);
}

static void raw_close(const struct bench *bench, struct raw *raw)
{
    char path[256];
    path_make(bench, "raw", path);
    close(raw->fd);
    unlink(path);
    free(raw->group);
}

static void raw_slice(struct raw *raw, struct cell *cell)
{
    const size_t len = (size_t)GROUP * RECEIPT_BYTES;
    double start = seconds_now();
    double elapsed = 0;
    while (elapsed < SLICE_SECONDS) {
        lucid_assert(pwrite(raw->fd, raw->group, len, raw->size) == (ssize_t)len);
        lucid_assert(fdatasync(raw->fd) == 0);
        raw->size += (off_t)len;
        cell->receipts += GROUP;
        elapsed = seconds_now() - start;
    }
    cell->seconds += elapsed;
}

/* --- the two questions --------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), by_value);
    return values[ROUNDS / 2];
}

static bool against_disk(struct bench *bench)
{
    double ours[ROUNDS];
    double disk[ROUNDS];
    struct store *store = store_make(bench, "store");
    struct raw raw;
    raw_open(bench, &raw);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct cell store_side = {0};
        struct cell disk_side = {0};
        for (int slice = 0; slice < SLICES; slice++) {
            raw_slice(&raw, &disk_side);
            store_slice(bench, store, &store_side);
        }
        ours[round] = cell_rate(&store_side);
        disk[round] = cell_rate(&disk_side);
    }
    read_time(store);
    raw_close(bench, &raw);
    store_remove(bench, "store", store);
    double ratio = median(ours) / median(disk);
    printf("bytes per receipt %d, %d receipts a commit\n", RECEIPT_BYTES, GROUP);
    printf("store %.0f receipts/s, pwrite + fdatasync %.0f receipts/s\n", median(ours),
           median(disk));
    printf("bench_commit ratio %.2f (need >= %.2f)\n", ratio, RATIO_NEEDED);
    return ratio >= RATIO_NEEDED;
}

static bool against_empty(struct bench *bench, uint64_t fill)
{
    double full[ROUNDS];
    double empty[ROUNDS];
    struct store *store = store_make(bench, "full");
    store_fill(bench, store, fill);
    for (size_t round = 0; round < ROUNDS; round++) {
        /* Anew each time: it is not empty any more after its cell. */
        struct store *fresh = store_make(bench, "empty");
        struct cell full_side = {0};
        struct cell empty_side = {0};
        for (int slice = 0; slice < SLICES; slice++) {
            store_slice(bench, fresh, &empty_side);
            store_slice(bench, store, &full_side);
        }
        store_remove(bench, "empty", fresh);
        full[round] = cell_rate(&full_side);
        empty[round] = cell_rate(&empty_side);
    }
    read_time(store);
    struct store_stats stats;
    store_stats_read(store, &stats);
    store_remove(bench, "full", store);
    double ratio = median(full) / median(empty);
    printf("bytes per receipt %d, store %.2f GB\n", RECEIPT_BYTES, (double)stats.bytes_used / 1e9);
    printf("at %" PRIu64 ": %.0f receipts/s, empty: %.0f receipts/s\n", fill, median(full),
           median(empty));
    printf("bench_commit at %" PRIu64 " ratio %.2f (need >= %.2f)\n", fill, ratio,
           FILL_RATIO_NEEDED);
    return ratio >= FILL_RATIO_NEEDED;
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: bench_commit [--dir DIR] [--check] [--fill N]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    const char *parent = ".";
    uint64_t fill = 0;
    bool check = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
            parent = argv[++i];
        } else if (strcmp(argv[i], "--fill") == 0 && i + 1 < argc) {
            char *end;
            fill = strtoull(argv[++i], &end, 10);
            if (*end != '\0' || fill == 0 || fill > 1000000000u) {
                usage();
            }
        } else {
            usage();
        }
    }
    int len = snprintf(bench.dir, sizeof(bench.dir), "%s/bench-commit-XXXXXX", parent);
    if (len < 0 || (size_t)len >= sizeof(bench.dir) || mkdtemp(bench.dir) == NULL) {
        perror("bench_commit: cannot make a directory");
        return 2;
    }
    bench.receipts = calloc(FILL_GROUP, sizeof(*bench.receipts));
    lucid_assert(bench.receipts != NULL);
    bool enough = fill > 0 ? against_empty(&bench, fill) : against_disk(&bench);
    free(bench.receipts);
    rmdir(bench.dir);
    return check && !enough ? 1 : 0;
}
