/* What an append and a proof cost in memory, and whether that grows with the tree.
 *
 *   bench_mmr [--check] [--leaves N]
 *
 * Appends N leaves (10,000,000) to a tree held whole in memory (64 bytes a leaf), reads the
 * thread's CPU time at each tenth, and makes and verifies random proofs at N / 10 and at N leaves.
 * --check exits 1 when an append over all costs more than 1.25 times one among the first tenth. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/assert.h"
#include "mmr/mmr.h"

enum { PARTS = 10, PROOFS = 20000 };

static const uint64_t leaves_default = 10000000;
static const double ratio_max = 1.25;

struct store {
    struct mmr_hash *nodes;
    uint64_t count;
    uint64_t cap;
};

static enum lucid_error store_get(void *context, uint64_t index, struct mmr_hash *ret)
{
    const struct store *store = context;
    lucid_assert(index < store->count);
    *ret = store->nodes[index];
    return LUCID_OK;
}

/* CPU time, so that other work on the machine disturbs little. */
static double now_ns(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void append_range(struct store *store, uint64_t first, uint64_t end)
{
    const struct mmr_nodes nodes = {.get = store_get, .context = store};
    for (uint64_t i = first; i < end; i++) {
        struct mmr_hash leaf = {.bytes = {0}};
        struct mmr_hash made[MMR_PEAKS_MAX + 1];
        size_t count = 0;
        lucid_put_be64(leaf.bytes, i);
        lucid_assert(mmr_append(&nodes, i, &leaf, made, &count) == LUCID_OK);
        lucid_assert(store->count + count <= store->cap);
        memcpy(&store->nodes[store->count], made, count * sizeof(made[0]));
        store->count += count;
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void bench_proofs(struct store *store, uint64_t leaves)
{
    const struct mmr_nodes nodes = {.get = store_get, .context = store};
    struct mmr_hash root;
    uint64_t seed = 88172645463325252U;
    double made = 0;
    double verified = 0;
    size_t hashes = 0;
    lucid_assert(mmr_root(&nodes, leaves, &root) == LUCID_OK);
    for (unsigned i = 0; i < PROOFS; i++) {
        uint64_t index = next_random(&seed) % leaves;
        struct mmr_path path;
        double start = now_ns();
        lucid_assert(mmr_inclusion_path(&nodes, index, leaves, &path) == LUCID_OK);
        double middle = now_ns();
        struct mmr_hash leaf = store->nodes[mmr_node_index(0, index)];
        lucid_assert(mmr_verify_inclusion(index, leaves, &leaf, path.hash, path.count, &root));
        made += middle - start;
        verified += now_ns() - middle;
        hashes += path.count;
    }
    printf("bench_mmr inclusion at %llu leaves: make %.0f ns, verify %.0f ns, %.1f hashes\n",
           (unsigned long long)leaves, made / PROOFS, verified / PROOFS, (double)hashes / PROOFS);
    made = 0;
    verified = 0;
    hashes = 0;
    for (unsigned i = 0; i < PROOFS; i++) {
        uint64_t from = 1 + next_random(&seed) % leaves;
        struct mmr_path path;
        struct mmr_hash old_root;
        lucid_assert(mmr_root(&nodes, from, &old_root) == LUCID_OK);
        double start = now_ns();
        lucid_assert(mmr_consistency_path(&nodes, from, leaves, &path) == LUCID_OK);
        double middle = now_ns();
        lucid_assert(mmr_verify_consistency(from, leaves, &old_root, &root, path.hash, path.count));
        made += middle - start;
        verified += now_ns() - middle;
        hashes += path.count;
    }
    printf("bench_mmr consistency to %llu leaves: make %.0f ns, verify %.0f ns, %.1f hashes\n",
           (unsigned long long)leaves, made / PROOFS, verified / PROOFS, (double)hashes / PROOFS);
}

/* "10M" for whole millions, else the number. */
static void size_format(uint64_t leaves, char *out, size_t len)
{
    bool millions = leaves >= 1000000 && leaves % 1000000 == 0;
    snprintf(out, len, millions ? "%lluM" : "%llu",
             (unsigned long long)(millions ? leaves / 1000000 : leaves));
}

static bool bench_run(struct store *store, uint64_t leaves)
{
    double first = 0;
    double total = 0;
    for (uint64_t part = 0; part < PARTS; part++) {
        uint64_t begin = leaves / PARTS * part;
        uint64_t end = leaves / PARTS * (part + 1);
        double start = now_ns();
        append_range(store, begin, end);
        double spent = now_ns() - start;
        total += spent;
        printf("bench_mmr append %llu to %llu: %.1f ns\n", (unsigned long long)begin,
               (unsigned long long)end, spent / (double)(end - begin));
        if (part == 0) {
            first = spent;
            bench_proofs(store, end);
        }
    }
    bench_proofs(store, leaves);
    uint64_t per_part = leaves / PARTS;
    double per_first = first / (double)per_part;
    double per_all = total / (double)leaves;
    char small[24];
    char large[24];
    size_format(leaves / PARTS, small, sizeof(small));
    size_format(leaves, large, sizeof(large));
    printf("bench_mmr per-append %s %.1f ns, %s %.1f ns, ratio %.2f (need <= %.2f)\n", small,
           per_first, large, per_all, per_all / per_first, ratio_max);
    return per_all <= ratio_max * per_first;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_mmr [--check] [--leaves N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool check = false;
    uint64_t leaves = leaves_default;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--leaves") == 0 && i + 1 < argc) {
            leaves = strtoull(argv[++i], NULL, 10) / PARTS * PARTS;
        } else {
            return usage();
        }
    }
    if (leaves < PARTS || leaves > (uint64_t)1 << 30) {
        return usage();
    }
    struct store store = {.cap = mmr_node_count(leaves)};
    size_t bytes = store.cap * sizeof(store.nodes[0]);
    /* Mapped and touched before the clock runs: page faults are not what is measured. */
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "bench_mmr: no memory for %llu leaves\n", (unsigned long long)leaves);
        return 1;
    }
    store.nodes = memory;
    /* One append outside the count: it fetches the digest. */
    append_range(&store, 0, 1);
    store.count = 0;
    bool good = bench_run(&store, leaves);
    munmap(memory, bytes);
    return check && !good ? 1 : 0;
}
