/* Fills a log with receipts through the ledger library, as the service would have stored them, but
 * without HTTP and without checking the signatures that it has just made.
 *
 *   lucid log init --data DIR --origin NAME && fill --data DIR --receipts N [--first I] [--fake]
 *
 * 5,000 receipts a commit, each with its epoch and heads; the 64 signers of bench/receipts.h are
 * registered first. --fake puts bytes in place of the signatures (16 us each): enough for a store's
 * speed, memory and start, of no use for proofs that somebody verifies. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "bench/receipts.h"
#include "ledger/receipt.h"
#include "ledger/signer.h"
#include "ledger/store/lmdb.h"
#include "lucidd/datadir.h"
#include "lucidd/kinds.h"
#include "migrations/migrations.h"

enum { BATCH = 5000, PAYLOAD_FIXED_BYTES = 42 };

struct fill {
    struct bench_signers signers;
    struct datadir dir;
    struct ledger_skey log_key;
    struct kinds kinds;
    struct store *store;
    struct ledger *ledger;
    struct lucid_clock clock;
    bool fake;
    uint64_t base; /* index of the batch's first receipt */
    struct receipt_command *commands;
    char (*run_ids)[BENCH_RUN_ID_BYTES + 1];
    struct lucid_buf bodies[BENCH_THREADS_MAX];
};

struct options {
    const char *data;
    uint64_t receipts;
    uint64_t first;
    bool fake;
};

static void must(enum lucid_error error, const char *what, const struct lucid_why *why)
{
    if (error != LUCID_OK) {
        fprintf(stderr, "fill: %s: %s %s\n", what, lucid_error_name(error),
                why == NULL ? "" : why->text);
        exit(1);
    }
}

/* The event's payload as docs/FORMAT.md gives it. */
static void payload_write(struct receipt_command *command, uint64_t index)
{
    memcpy(command->payload, command->signer, sizeof(command->signer));
    command->payload[32] = RECEIPT_INFERENCE;
    command->payload[33] = 0;
    lucid_put_be64(command->payload + 34, bench_timestamp(index));
    memcpy(command->payload + PAYLOAD_FIXED_BYTES, command->run_id.data, command->run_id.len);
    command->payload_len = PAYLOAD_FIXED_BYTES + command->run_id.len;
}

static void command_make(struct fill *fill, uint64_t i, struct lucid_span canonical)
{
    uint64_t index = fill->base + i;
    const struct ledger_ed25519_key *key = bench_signer_of(&fill->signers, index);
    struct receipt_command *command = &fill->commands[i];
    *command = (struct receipt_command){
        .command = {.kind = &ledger_receipt_kind},
        .run_id = lucid_span(fill->run_ids[i], BENCH_RUN_ID_BYTES),
        .canonical = canonical,
    };
    bench_run_id(index, fill->run_ids[i]);
    lucid_sha256(canonical, command->hash);
    memcpy(command->signer, key->public_key, sizeof(command->signer));
    lucid_sha256(lucid_span(key->public_key, sizeof(key->public_key)), command->signer_hash);
    if (fill->fake) {
        memcpy(command->signature, command->hash, 32);
        memcpy(command->signature + 32, command->signer_hash, 32);
    } else {
        ledger_ed25519_sign(key, lucid_span(command->hash, sizeof(command->hash)),
                            command->signature);
    }
    memcpy(command->entry, command->hash, 32);
    memcpy(command->entry + 32, command->signer_hash, 32);
    memcpy(command->entry + 64, command->signature, 64);
    payload_write(command, index);
}

static void make_slice(void *context, uint64_t first, uint64_t end, unsigned slice)
{
    struct fill *fill = context;
    struct lucid_buf *bodies = &fill->bodies[slice];
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    lucid_buf_clear(bodies);
    /* Spans into it must hold until the commit, so it may not move while it fills. */
    lucid_assert(lucid_buf_extend(bodies, (end - first) * 1024) != NULL);
    bodies->len = 0;
    for (uint64_t i = first; i < end; i++) {
        lucid_buf_clear(&text);
        bench_body_write(fill->base + i, false, &text);
        size_t start = bodies->len;
        const uint8_t *before = bodies->data;
        bench_canonical_write(lucid_buf_span(&text), bodies);
        lucid_assert(bodies->data == before);
        command_make(fill, i, lucid_span(bodies->data + start, bodies->len - start));
    }
    lucid_buf_fini(&text);
}

/* --- batches ---------------------------------------------------------------------------------- */

static void run(struct fill *fill, struct ledger_command *command)
{
    must(ledger_batch_run(fill->ledger, command), "batch", NULL);
    must(command->error, "command", &command->why);
}

static void signers_register(struct fill *fill)
{
    static struct ledger_signer_command commands[BENCH_SIGNERS];
    struct lucid_why why = {.code = NULL};
    must(ledger_batch_begin(fill->ledger, lucid_wall_ms(&fill->clock)), "begin", NULL);
    for (size_t i = 0; i < BENCH_SIGNERS; i++) {
        struct ledger_signer signer = {.type = SIGNER_ORCHESTRATOR};
        memcpy(signer.key, fill->signers.keys[i].public_key, sizeof(signer.key));
        snprintf(signer.name, sizeof(signer.name), "bench-%02zu", i);
        must(ledger_signer_prepare(&commands[i], SIGNER_REGISTER, &signer, &why), "signer", &why);
        run(fill, &commands[i].command);
    }
    must(ledger_batch_commit(fill->ledger), "commit", NULL);
    for (size_t i = 0; i < BENCH_SIGNERS; i++) {
        ledger_signer_command_fini(&commands[i]);
    }
}

static void receipts_append(struct fill *fill, uint64_t count)
{
    bench_parallel(bench_processors(), count, make_slice, fill);
    must(ledger_batch_begin(fill->ledger, lucid_wall_ms(&fill->clock)), "begin", NULL);
    for (uint64_t i = 0; i < count; i++) {
        run(fill, &fill->commands[i].command);
        lucid_assert(!fill->commands[i].placement.replayed);
    }
    must(ledger_batch_commit(fill->ledger), "commit", NULL);
}

/* So that a head covers everything. */
static void head_sign(struct fill *fill)
{
    struct ledger_head_tick tick;
    uint64_t due = ledger_head_due_ms(fill->ledger);
    if (due == 0) {
        return;
    }
    uint64_t now = lucid_wall_ms(&fill->clock);
    ledger_head_tick_init(&tick);
    must(ledger_batch_begin(fill->ledger, now > due ? now : due), "begin", NULL);
    run(fill, &tick.command);
    must(ledger_batch_commit(fill->ledger), "commit", NULL);
}

static void receipts_fill(struct fill *fill, const struct options *options)
{
    double started = bench_seconds();
    for (uint64_t done = 0; done < options->receipts;) {
        uint64_t left = options->receipts - done;
        uint64_t count = left < BATCH ? left : BATCH;
        fill->base = options->first + done;
        receipts_append(fill, count);
        done += count;
        if (done % 500000 == 0) {
            fprintf(stderr, "fill: %" PRIu64 " receipts, %.0f s\n", done,
                    bench_seconds() - started);
        }
    }
    head_sign(fill);
    double seconds = bench_seconds() - started;
    printf("filled %" PRIu64 " receipts in %.1f s, %.0f a second\n", options->receipts, seconds,
           (double)options->receipts / seconds);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void fill_open(struct fill *fill, const char *data)
{
    struct lucid_why why = {.code = NULL};
    const struct store_lmdb_options store = {
        .bytes_max = STORE_LMDB_BYTES_MAX_DEFAULT,
        .readers_max = STORE_LMDB_READERS_MAX_DEFAULT,
        .writable = true,
    };
    uint32_t applied = 0;
    must(datadir_open(data, &fill->dir, &why), "data directory", &why);
    must(datadir_log_key_read(&fill->dir, &fill->log_key, &why), "log key", &why);
    must(store_lmdb_open(fill->dir.store, &store, &fill->store, &why), "store", &why);
    must(migrations_run(fill->store, &applied, &why), "migrations", &why);
    kinds_init(&fill->kinds, &fill->log_key);
    const struct ledger_options options = {
        .uses = fill->kinds.uses,
        .use_count = fill->kinds.count,
    };
    must(ledger_open(fill->store, &options, &fill->ledger, &why), "ledger", &why);
    fill->commands = calloc(BATCH, sizeof(*fill->commands));
    fill->run_ids = calloc(BATCH, sizeof(*fill->run_ids));
    lucid_assert(fill->commands != NULL && fill->run_ids != NULL);
}

static void fill_close(struct fill *fill)
{
    ledger_close(fill->ledger);
    store_close(fill->store);
    free(fill->commands);
    free(fill->run_ids);
    for (size_t i = 0; i < BENCH_THREADS_MAX; i++) {
        lucid_buf_fini(&fill->bodies[i]);
    }
    lucid_wipe(&fill->log_key, sizeof(fill->log_key));
}

static bool options_read(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fake") == 0) {
            options->fake = true;
        } else if (i + 1 == argc) {
            return false;
        } else if (strcmp(argv[i], "--data") == 0) {
            options->data = argv[++i];
        } else if (strcmp(argv[i], "--receipts") == 0) {
            options->receipts = bench_number("--receipts", argv[++i]);
        } else if (strcmp(argv[i], "--first") == 0) {
            options->first = bench_number("--first", argv[++i]);
        } else {
            return false;
        }
    }
    return options->data != NULL && options->receipts > 0;
}

int main(int argc, char **argv)
{
    static struct fill fill;
    struct options options = {.data = NULL};
    if (!options_read(argc, argv, &options)) {
        fprintf(stderr, "usage: fill --data DIR --receipts N [--first I] [--fake]\n");
        return 2;
    }
    fill.clock = lucid_clock_system();
    fill.fake = options.fake;
    bench_signers_init(&fill.signers);
    fill_open(&fill, options.data);
    signers_register(&fill);
    receipts_fill(&fill, &options);
    fill_close(&fill);
    return 0;
}
