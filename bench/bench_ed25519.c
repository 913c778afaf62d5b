/* How many Ed25519 signatures a second this machine can check: the ceiling of any ingest.
 *
 *   bench_ed25519 [--seconds S]
 *
 * 1,024 signatures of 64 keys over 32-byte hashes, checked by the rule of ledger/ed25519.h, on one
 * thread and then on a thread for each processor. Rates are of wall time; beside them the CPU time
 * of one check, which other work on the machine disturbs less. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "bench/receipts.h"

enum { SIGNATURES = 1024, STRIDE = 64 };

struct bench {
    struct bench_signers signers;
    uint8_t hashes[SIGNATURES][LUCID_SHA256_BYTES];
    uint8_t signatures[SIGNATURES][LEDGER_ED25519_SIGNATURE_BYTES];
    double seconds;
    atomic_ullong checked;
    atomic_ullong cpu_ns;
};

static uint64_t thread_ns(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void check_slice(void *context, uint64_t first, uint64_t end, unsigned slice)
{
    struct bench *bench = context;
    (void)first;
    (void)end;
    uint64_t cpu = thread_ns();
    double until = bench_seconds() + bench->seconds;
    uint64_t done = 0;
    while (done % STRIDE != 0 || bench_seconds() < until) {
        uint64_t i = (done + slice * 17) % SIGNATURES;
        lucid_assert(ledger_ed25519_verify(bench_signer_of(&bench->signers, i)->public_key,
                                           lucid_span(bench->hashes[i], LUCID_SHA256_BYTES),
                                           bench->signatures[i]));
        done++;
    }
    atomic_fetch_add(&bench->checked, done);
    atomic_fetch_add(&bench->cpu_ns, thread_ns() - cpu);
}

static void measure(struct bench *bench, unsigned threads)
{
    atomic_store(&bench->checked, 0);
    atomic_store(&bench->cpu_ns, 0);
    double started = bench_seconds();
    bench_parallel(threads, threads, check_slice, bench);
    double seconds = bench_seconds() - started;
    double checked = (double)atomic_load(&bench->checked);
    printf("bench_ed25519 threads %u checks/s %.0f cpu_us %.2f\n", threads, checked / seconds,
           (double)atomic_load(&bench->cpu_ns) / checked / 1e3);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bench.seconds = 2;
    if (argc == 3 && strcmp(argv[1], "--seconds") == 0) {
        bench.seconds = (double)bench_number(argv[1], argv[2]);
    } else if (argc != 1) {
        fprintf(stderr, "usage: bench_ed25519 [--seconds S]\n");
        return 2;
    }
    bench_signers_init(&bench.signers);
    for (uint64_t i = 0; i < SIGNATURES; i++) {
        lucid_sha256(lucid_span(&i, sizeof(i)), bench.hashes[i]);
        ledger_ed25519_sign(bench_signer_of(&bench.signers, i),
                            lucid_span(bench.hashes[i], LUCID_SHA256_BYTES), bench.signatures[i]);
    }
    measure(&bench, 1);
    unsigned processors = bench_processors();
    if (processors > 1) {
        measure(&bench, processors);
    }
    return 0;
}
