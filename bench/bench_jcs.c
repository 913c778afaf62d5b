/* Reading, canonicalising and hashing a receipt: base/jcs and base/sha256 against jansson and
 * libsodium, which is what the packages give when used plainly (and is not even RFC 8785).
 *
 * Both run over the same receipts in one process, in turns; the figure is the ratio of the medians
 * of five rounds. With --check the exit status says whether it is high enough. */
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

enum { RECEIPTS = 256, ROUNDS = 5, PASSES_OURS = 80, PASSES_THEIRS = 12 };

#define RATIO_NEEDED 5.0

static uint64_t checksum; /* keeps the work from being optimised away */

static uint64_t thread_ns(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The next hexadecimal string of a fixed sequence. */
static void hex_member(struct lucid_buf *out, const char *name, const char *prefix, size_t bytes)
{
    static uint64_t counter;
    uint8_t seed[LUCID_SHA256_BYTES];
    counter++;
    lucid_sha256(lucid_span(&counter, sizeof(counter)), seed);
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    lucid_buf_str(out, prefix);
    lucid_buf_hex(out, seed, bytes);
    lucid_buf_char(out, '"');
}

/* An inference receipt body with 18 members, about 800 bytes, in the order a client would write. */
static void receipt_make(struct lucid_buf *out, unsigned i)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "schema_version", "1.0");
    lucid_json_member_cstr(out, "receipt_type", "inference");
    hex_member(out, "run_id", "run_", 8);
    lucid_json_member_u64(out, "timestamp", 1763752991 + i);
    hex_member(out, "policy_hash", "", 32);
    lucid_json_member_cstr(out, "model_passport_id", "model_llama_70b_q4");
    lucid_json_member_cstr(out, "compute_passport_id", "passport_7f3a9c12e4b84d06");
    lucid_json_member_cstr(out, "runtime", "vllm-0.6.3");
    lucid_json_member(out, "metrics");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "ttft_ms", 92 + i % 7);
    lucid_json_member_u64(out, "tokens_in", 188 + i % 100);
    lucid_json_member_u64(out, "tokens_out", 512);
    lucid_json_member_u64(out, "p95_ms", 1400 + i);
    lucid_buf_char(out, '}');
    hex_member(out, "image_hash", "sha256:", 32);
    hex_member(out, "model_hash", "sha256:", 32);
    lucid_json_member_cstr(out, "compute_provider", "gpu-node-eu-17.example");
    hex_member(out, "input_hash", "", 32);
    hex_member(out, "output_hash", "", 32);
    lucid_json_member(out, "policy");
    lucid_buf_str(out, "[\"eu-residency\",\"no-pii\"]");
    lucid_json_member(out, "end_to_end_ms");
    lucid_buf_printf(out, "%u.%u", 1843 + i, 25 + i % 70);
    hex_member(out, "trace_id", "", 16);
    hex_member(out, "nonce", "", 8);
    lucid_buf_char(out, '}');
    lucid_assert(lucid_buf_ok(out));
}

struct workspace {
    struct lucid_arena arena;
    struct lucid_buf out;
};

static void ours_run(struct workspace *space, struct lucid_span receipt, uint8_t hash[32])
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 4096};
    const struct jcs_value *root = NULL;
    lucid_arena_reset(&space->arena);
    lucid_buf_clear(&space->out);
    lucid_assert(jcs_parse(receipt, &limits, &space->arena, &root, NULL) == LUCID_OK);
    jcs_write(root, &space->out);
    lucid_assert(lucid_buf_ok(&space->out));
    lucid_sha256(lucid_buf_span(&space->out), hash);
}

static void theirs_run(struct lucid_span receipt, uint8_t hash[32])
{
    json_error_t error;
    json_t *root =
        json_loadb((const char *)receipt.data, receipt.len, JSON_REJECT_DUPLICATES, &error);
    lucid_assert(root != NULL);
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    lucid_assert(text != NULL);
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    free(text);
    json_decref(root);
}

/* Nanoseconds a receipt. */
static double ours_measure(struct workspace *space, const struct lucid_buf *receipts)
{
    uint8_t hash[32];
    uint64_t start = thread_ns();
    for (unsigned pass = 0; pass < PASSES_OURS; pass++) {
        for (unsigned i = 0; i < RECEIPTS; i++) {
            ours_run(space, lucid_buf_span(&receipts[i]), hash);
            checksum += hash[0];
        }
    }
    return (double)(thread_ns() - start) / (PASSES_OURS * RECEIPTS);
}

static double theirs_measure(const struct lucid_buf *receipts)
{
    uint8_t hash[32];
    uint64_t start = thread_ns();
    for (unsigned pass = 0; pass < PASSES_THEIRS; pass++) {
        for (unsigned i = 0; i < RECEIPTS; i++) {
            theirs_run(lucid_buf_span(&receipts[i]), hash);
            checksum += hash[0];
        }
    }
    return (double)(thread_ns() - start) / (PASSES_THEIRS * RECEIPTS);
}

static int double_compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), double_compare);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    bool check = argc == 2 && strcmp(argv[1], "--check") == 0;
    if (argc > 1 && !check) {
        fprintf(stderr, "usage: bench_jcs [--check]\n");
        return 2;
    }
    lucid_assert(sodium_init() >= 0);
    static struct lucid_buf receipts[RECEIPTS];
    size_t bytes = 0;
    for (unsigned i = 0; i < RECEIPTS; i++) {
        receipt_make(&receipts[i], i);
        bytes += receipts[i].len;
    }
    struct workspace space;
    lucid_arena_init(&space.arena, 1 << 20);
    lucid_buf_init(&space.out, 0);

    /* The first turn warms caches and the branch predictor and is not counted. */
    double ours[ROUNDS];
    double theirs[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
        int at = round < 0 ? 0 : round;
        ours[at] = ours_measure(&space, receipts);
        theirs[at] = theirs_measure(receipts);
    }
    double ours_ns = median(ours, ROUNDS);
    double theirs_ns = median(theirs, ROUNDS);
    double ratio = theirs_ns / ours_ns;
    printf("receipts of %zu bytes, canonical %zu (checksum %" PRIu64 ")\n", bytes / RECEIPTS,
           space.out.len, checksum);
    printf("lucid jcs + sha256: %.0f ns a receipt\n", ours_ns);
    printf("jansson + libsodium: %.0f ns a receipt\n", theirs_ns);
    printf("bench_jcs ratio %.2f (need >= %.2f)\n", ratio, RATIO_NEEDED);
    lucid_arena_fini(&space.arena);
    lucid_buf_fini(&space.out);
    for (unsigned i = 0; i < RECEIPTS; i++) {
        lucid_buf_fini(&receipts[i]);
    }
    return check && ratio < RATIO_NEEDED ? 1 : 0;
}
