#include "bench/receipts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

static const char model_text[] = "model_llama_70b_q4";
static const uint64_t timestamp_first = 1763000000;

/* 32 bytes that look random, for one use of one index. */
static void noise(const char *use, uint64_t index, uint8_t ret[LUCID_SHA256_BYTES])
{
    uint8_t number[8];
    lucid_put_be64(number, index);
    const struct lucid_span parts[] = {lucid_span_str(use), lucid_span(number, sizeof(number))};
    lucid_sha256_parts(parts, 2, ret);
}

void bench_signers_init(struct bench_signers *ret)
{
    for (uint64_t i = 0; i < BENCH_SIGNERS; i++) {
        uint8_t seed[LUCID_SHA256_BYTES];
        noise("bench signer", i, seed);
        ledger_ed25519_key_init(seed, &ret->keys[i]);
    }
}

const struct ledger_ed25519_key *bench_signer_of(const struct bench_signers *signers,
                                                 uint64_t index)
{
    return &signers->keys[index % BENCH_SIGNERS];
}

void bench_run_id(uint64_t index, char ret[BENCH_RUN_ID_BYTES + 1])
{
    uint8_t bytes[LUCID_SHA256_BYTES];
    noise("run", index, bytes);
    memcpy(ret, "run_", 4);
    lucid_hex_encode(bytes, 8, ret + 4);
    ret[BENCH_RUN_ID_BYTES] = '\0';
}

uint64_t bench_timestamp(uint64_t index)
{
    return timestamp_first + index % 1000000;
}

static void metrics_write(uint64_t index, struct lucid_buf *out)
{
    lucid_json_member(out, "metrics");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "ttft_ms", 92 + index % 17);
    lucid_json_member_u64(out, "tokens_in", 188 + index % 100);
    lucid_json_member_u64(out, "tokens_out", 512);
    lucid_buf_char(out, '}');
}

static void hashes_write(uint64_t index, struct lucid_buf *out)
{
    uint8_t bytes[LUCID_SHA256_BYTES];
    noise("model", 0, bytes);
    lucid_json_member(out, "model_hash");
    lucid_buf_str(out, "\"sha256:");
    lucid_buf_hex(out, bytes, sizeof(bytes));
    lucid_buf_char(out, '"');
    noise("input", index, bytes);
    lucid_json_member_hex(out, "input_hash", bytes, sizeof(bytes));
    noise("output", index, bytes);
    lucid_json_member_hex(out, "output_hash", bytes, sizeof(bytes));
}

void bench_body_write(uint64_t index, bool open, struct lucid_buf *out)
{
    char run_id[BENCH_RUN_ID_BYTES + 1];
    uint8_t bytes[LUCID_SHA256_BYTES];
    bench_run_id(index, run_id);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "schema_version", "1.0");
    lucid_json_member_cstr(out, "receipt_type", "inference");
    lucid_json_member_cstr(out, "run_id", run_id);
    lucid_json_member_u64(out, "timestamp", bench_timestamp(index));
    noise("policy", 0, bytes);
    lucid_json_member_hex(out, "policy_hash", bytes, sizeof(bytes));
    lucid_json_member_cstr(out, "model_passport_id", model_text);
    lucid_json_member_cstr(out, "compute_passport_id", "compute_gpu_node_eu_17");
    lucid_json_member_cstr(out, "agent_passport_id", "passport_7f3a9c12e4b84d06");
    lucid_json_member_cstr(out, "runtime", "vllm 0.6.3");
    lucid_json_member_cstr(out, "region", "eu-central-1");
    metrics_write(index, out);
    lucid_json_member_cstr(out, "image_hash", "vllm-openai:0.6.3");
    hashes_write(index, out);
    noise("trace", index, bytes);
    lucid_json_member_hex(out, "trace_id", bytes, 16);
    lucid_json_member_hex(out, "nonce", bytes + 16, 8);
    lucid_json_member(out, "end_to_end_ms");
    lucid_buf_u64(out, 1843 + index % 401);
    lucid_buf_str(out, ".25");
    if (!open) {
        lucid_buf_char(out, '}');
    }
}

void bench_canonical_write(struct lucid_span text, struct lucid_buf *out)
{
    const struct jcs_limits limits = {.depth_max = 16, .values_max = 1000};
    const struct jcs_value *root = NULL;
    struct lucid_why why = {.code = NULL};
    struct lucid_arena arena;
    lucid_arena_init(&arena, (size_t)1 << 20);
    lucid_assert(jcs_parse(text, &limits, &arena, &root, &why) == LUCID_OK);
    jcs_write(root, out);
    lucid_arena_fini(&arena);
    lucid_assert(lucid_buf_ok(out));
}

/* --- threads, time, arguments ----------------------------------------------------------------- */

struct slice {
    bench_work_fn *work;
    void *context;
    uint64_t first;
    uint64_t end;
    unsigned number;
};

static void *slice_main(void *argument)
{
    const struct slice *slice = argument;
    slice->work(slice->context, slice->first, slice->end, slice->number);
    return NULL;
}

void bench_parallel(unsigned threads, uint64_t count, bench_work_fn *work, void *context)
{
    struct slice slices[BENCH_THREADS_MAX];
    pthread_t ids[BENCH_THREADS_MAX];
    lucid_assert(threads > 0 && threads <= BENCH_THREADS_MAX);
    for (unsigned i = 0; i < threads; i++) {
        slices[i] =
            (struct slice){work, context, count * i / threads, count * (i + 1) / threads, i};
        lucid_assert(pthread_create(&ids[i], NULL, slice_main, &slices[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        lucid_assert(pthread_join(ids[i], NULL) == 0);
    }
}

unsigned bench_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) {
        return 1;
    }
    return count > BENCH_THREADS_MAX ? BENCH_THREADS_MAX : (unsigned)count;
}

double bench_seconds(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

uint64_t bench_number(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        fprintf(stderr, "%s: not a number: %s\n", name, text);
        exit(2);
    }
    return value;
}
