/* The receipts that every benchmark sends: inference bodies that CONTRACT 1 accepts, 18 members,
 * about 800 bytes canonical, one number that is no integer, signed by 64 keys. Everything follows
 * from the index, so that two programs make the same bytes without a file between them.
 *
 * Thread: pure functions, but for bench_parallel. */
#ifndef LUCID_BENCH_RECEIPTS_H
#define LUCID_BENCH_RECEIPTS_H

#include "base/buf.h"
#include "ledger/ed25519.h"

#define BENCH_SIGNERS     64
#define BENCH_THREADS_MAX 64

struct bench_signers {
    struct ledger_ed25519_key keys[BENCH_SIGNERS];
};

/* The same 64 keys each time; they guard nothing. */
void bench_signers_init(struct bench_signers *ret);

/* The key that signs the receipt of that index. */
const struct ledger_ed25519_key *bench_signer_of(const struct bench_signers *signers,
                                                 uint64_t index);

/* The run_id, 20 characters and a NUL. */
#define BENCH_RUN_ID_BYTES 20
void bench_run_id(uint64_t index, char ret[BENCH_RUN_ID_BYTES + 1]);

/* Unix seconds that the body says. */
uint64_t bench_timestamp(uint64_t index);

/* Appends the body as a client would write it: members in the order of the schema, not sorted.
 * open true leaves the last brace out, for members to follow. */
void bench_body_write(uint64_t index, bool open, struct lucid_buf *out);

/* The canonical form (RFC 8785) of any text that is valid JSON, appended to out. */
void bench_canonical_write(struct lucid_span text, struct lucid_buf *out);

/* Calls work(context, first, end, slice) for threads even slices of [0, count), each on a thread of
 * its own, and waits for all of them. */
typedef void bench_work_fn(void *context, uint64_t first, uint64_t end, unsigned slice);
void bench_parallel(unsigned threads, uint64_t count, bench_work_fn *work, void *context);

/* Processors that this process may use, at most BENCH_THREADS_MAX. */
unsigned bench_processors(void);

/* Seconds of a clock that never steps. */
double bench_seconds(void);

/* A decimal argument, or a message and exit 2. */
uint64_t bench_number(const char *name, const char *text);

#endif
