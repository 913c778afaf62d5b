/* Thousands of commands from one seed, over a store that fails on demand and a clock that steps
 * back, with restarts at any commit.
 *
 *   ledger_sim_test [--seed N] [--commands N] [--memory] [--lmdb]
 *
 * Without --seed (or LUCID_SIM_SEED) the seed comes from the time; it is printed, and the same seed
 * runs the same again. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sha256.h"
#include "ledger/store/lmdb.h"
#include "migrations/migrations.h"
#include "tests/unit/sim/ledger_sim.h"

enum { COMMANDS_MEMORY = 10000, COMMANDS_LMDB = 6000, SEEDS_MEMORY = 3 };

enum op_what { OP_RECEIPT, OP_SIGNER, OP_TOKEN, OP_EPOCH, OP_HEAD, OP_GAS, OP_MARKET, OP_GATE };

struct op {
    enum op_what what;
    unsigned verb;
    unsigned number; /* run, signer or token */
    unsigned key;    /* of a deposit */
    struct sim_market_op market;
    struct sim_gate_op gate;
    uint8_t variant;
    uint8_t signer;
    uint64_t expires_ms;
    struct lucid_buf text;
    union {
        struct ledger_command command;
        struct receipt_command receipt;
        struct ledger_signer_command signer;
        struct ledger_token_command token;
        struct ledger_epoch_command epoch;
        struct ledger_head_tick head;
        struct gas_books_command gas;
        union sim_market_command market;
        struct x402_payment_command gate;
    } as;
};

uint64_t sim_random(struct sim *sim, uint64_t below)
{
    lucid_assert(below > 0);
    sim->random += 0x9e3779b97f4a7c15U;
    uint64_t x = sim->random;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (x ^ (x >> 31)) % below;
}

_Noreturn void sim_fail(const struct sim *sim, const char *file, int line, const char *text)
{
    printf("FAILED %s:%d: %s\n  seed %llu, batch %llu, %s; run again with --seed %llu\n", file,
           line, text, (unsigned long long)sim->seed, (unsigned long long)sim->step,
           sim->lmdb_dir == NULL ? "memory" : "lmdb", (unsigned long long)sim->seed);
    fflush(stdout);
    exit(1);
}

void sim_run_id(unsigned run, char out[RECEIPT_RUN_ID_BYTES_MAX])
{
    snprintf(out, RECEIPT_RUN_ID_BYTES_MAX, "sim-run-%06u", run);
}

#define SIM_H0 "0000000000000000000000000000000000000000000000000000000000000000"

size_t sim_body(unsigned run, uint8_t variant, char out[SIM_BODY_BYTES_MAX], uint8_t ret_hash[32])
{
    char run_id[RECEIPT_RUN_ID_BYTES_MAX];
    sim_run_id(run, run_id);
    int len = snprintf(out, SIM_BODY_BYTES_MAX,
                       "{\"input_hash\":\"" SIM_H0 "\",\"latency_ms\":%u,\"output_hash\":\"" SIM_H0
                       "\",\"receipt_type\":\"tool\",\"run_id\":\"%s\",\"schema_version\":\"1.0\","
                       "\"success\":true,\"timestamp\":1732190000,\"tool_passport_id\":\"t\"}",
                       (unsigned)variant, run_id);
    lucid_assert(len > 0 && len < SIM_BODY_BYTES_MAX);
    lucid_sha256(lucid_span(out, (size_t)len), ret_hash);
    return (size_t)len;
}

/* --- faults, start and restart -----------------------------------------------------------------
 */

static enum store_fault fault_ask(void *context, uint64_t call, bool is_commit)
{
    struct sim *sim = context;
    enum store_fault fault = STORE_FAULT_NONE;
    (void)call;
    if (!sim->faults_on) {
        return fault;
    }
    if (!is_commit) {
        fault = sim_random(sim, 2000) == 0 ? STORE_FAULT_FULL : STORE_FAULT_NONE;
    } else {
        uint64_t draw = sim_random(sim, 100);
        fault = draw < 4   ? STORE_FAULT_FULL
                : draw < 6 ? STORE_FAULT_COMMIT_LOST
                : draw < 8 ? STORE_FAULT_COMMIT_UNTOLD
                           : STORE_FAULT_NONE;
    }
    if (fault != STORE_FAULT_NONE) {
        sim->fired = fault;
        sim->faults[fault]++;
    }
    return fault;
}

static struct store *inner_open(struct sim *sim, bool create)
{
    struct store *store = NULL;
    struct lucid_why why = {.code = NULL};
    if (sim->lmdb_dir == NULL) {
        sim_check(sim, store_memory_open(&store) == LUCID_OK);
        return store;
    }
    const struct store_lmdb_options options = {
        .bytes_max = (uint64_t)1 << 30, .readers_max = 8, .create = create, .writable = true};
    if (store_lmdb_open(sim->lmdb_dir, &options, &store, &why) != LUCID_OK) {
        sim_fail(sim, __FILE__, __LINE__, why.text);
    }
    return store;
}

static void ledger_start(struct sim *sim, struct store *inner)
{
    for (;;) {
        sim->fired = STORE_FAULT_NONE;
        sim_check(sim, store_failing_open(inner, fault_ask, sim, &sim->world.store) == LUCID_OK);
        enum lucid_error error = core_world_open(&sim->world);
        if (error == LUCID_OK) {
            return;
        }
        if (sim->fired == STORE_FAULT_NONE) {
            sim_fail(sim, __FILE__, __LINE__, sim->world.why.text);
        }
        /* Stopped in the middle of folding again: the next start does it over. */
        inner = store_failing_release(sim->world.store);
    }
}

/* The machine stops and starts: only the store's rows survive. */
static void restart(struct sim *sim)
{
    sim->restarts++;
    core_world_shut(&sim->world);
    struct store *inner = store_failing_release(sim->world.store);
    if (sim->lmdb_dir != NULL) {
        store_close(inner);
        inner = inner_open(sim, false);
    }
    if (sim_random(sim, 8) == 0) {
        struct store_batch *batch = NULL;
        uint32_t table;
        sim_check(sim, store_table_find(inner, LEDGER_FOLDS_TABLE, &table) == LUCID_OK);
        sim_check(sim, store_batch_begin(inner, &batch) == LUCID_OK);
        sim_check(sim, store_table_clear(batch, table) == LUCID_OK);
        sim_check(sim, store_batch_commit(batch) == LUCID_OK);
    }
    /* The mode is configuration: another one from now on, the same books. */
    sim->gas.mode = sim_random(sim, 3) == 0 ? GAS_PREPAID : GAS_POSTPAID;
    sim->kept->gas.prepaid = sim->gas.mode == GAS_PREPAID;
    ledger_start(sim, inner);
    sim_check_all(sim, sim->restarts % 5 == 0);
}

static void sim_start(struct sim *sim, uint64_t seed, const char *lmdb_dir)
{
    uint32_t applied = 0;
    *sim = (struct sim){.seed = seed, .random = seed, .lmdb_dir = lmdb_dir, .now_ms = CORE_NOW_MS};
    core_world_init(&sim->world);
    sim->world.use_count = 0;
    core_world_use(&sim->world, &ledger_log_kind, NULL);
    core_world_use(&sim->world, &ledger_signer_kind, NULL);
    core_world_use(&sim->world, &ledger_token_kind, NULL);
    core_world_use(&sim->world, &ledger_receipt_kind, NULL);
    core_world_use(&sim->world, &ledger_epoch_kind, &sim->world.epoch);
    core_world_use(&sim->world, &gas_books_kind, &sim->gas);
    core_world_use(&sim->world, &ledger_head_kind, &sim->world.head);
    core_world_use(&sim->world, &gas_pricing_kind, NULL);
    core_world_use(&sim->world, &gas_revenue_kind, NULL);
    core_world_use(&sim->world, &x402_payment_kind, NULL);
    core_world_use(&sim->world, &gas_settlement_kind, &sim->settlement);
    if (sim_random(sim, 2) == 0) {
        sim->world.epoch.receipts_max = 1 + sim_random(sim, 20);
    }
    sim->kept = calloc(1, sizeof(*sim->kept));
    sim->staged = calloc(1, sizeof(*sim->staged));
    lucid_assert(sim->kept != NULL && sim->staged != NULL);
    sim->gas.mode = sim_random(sim, 2) == 0 ? GAS_PREPAID : GAS_POSTPAID;
    sim->kept->gas.prepaid = sim->gas.mode == GAS_PREPAID;
    sim->kept->receipts_max = sim->world.epoch.receipts_max;
    sim->kept->seconds_max = sim->world.epoch.seconds_max;
    sim->kept->interval_ms = sim->world.head.interval_ms_max;
    for (unsigned i = 0; i < SIM_SIGNERS; i++) {
        uint8_t key_seed[LEDGER_ED25519_SEED_BYTES] = {(uint8_t)i, 1};
        ledger_ed25519_key_init(key_seed, &sim->keys[i]);
    }
    sim->settlement.key = &sim->keys[0];
    struct store *inner = inner_open(sim, true);
    sim_check(sim, migrations_run(inner, &applied, NULL) == LUCID_OK && applied > 0);
    ledger_start(sim, inner);
    core_log_init(&sim->world);
    sim->kept->events = 1;
    sim->kept->time_ms = CORE_NOW_MS;
    sim->faults_on = true;
}

static void sim_stop(struct sim *sim)
{
    core_world_stop(&sim->world);
    free(sim->kept);
    free(sim->staged);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void envelope_write(struct sim *sim, const struct op *op, struct lucid_buf *out)
{
    char body[SIM_BODY_BYTES_MAX];
    uint8_t hash[32];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    const struct ledger_ed25519_key *key = &sim->keys[op->signer];
    size_t len = sim_body(op->number, op->variant, body, hash);
    ledger_ed25519_sign(key, lucid_span(hash, sizeof(hash)), signature);
    lucid_buf_char(out, '{');
    lucid_json_member(out, "body");
    lucid_buf_put(out, body, len);
    lucid_json_member_hex(out, "receipt_signature", signature, sizeof(signature));
    lucid_json_member_hex(out, "signer_pubkey", key->public_key, sizeof(key->public_key));
    lucid_buf_char(out, '}');
    lucid_assert(lucid_buf_ok(out));
}

/* New run_ids mostly; else a known one: again, with another body, by another signer, or both. */
static bool receipt_make(struct sim *sim, struct op *op, struct lucid_arena *arena)
{
    uint64_t draw = sim_random(sim, 10);
    op->signer = (uint8_t)sim_random(sim, SIM_SIGNERS);
    op->number = sim->run_count;
    if (draw < 4 && sim->run_count > 0) {
        op->number = (unsigned)sim_random(sim, sim->run_count);
        const struct model_run *run = &sim->kept->runs[op->number];
        op->variant = run->variant;
        op->signer = draw == 0 || draw == 2 ? op->signer : run->signer;
        op->variant = (uint8_t)(op->variant + (draw == 1 || draw == 2));
    } else {
        lucid_assert(sim->run_count < SIM_RUNS_MAX);
        sim->run_count++;
    }
    const struct receipt_rules rules = {.now_ms = sim->now_ms, .future_seconds_max = 300};
    struct lucid_why why = {.code = NULL};
    envelope_write(sim, op, &op->text);
    enum lucid_error error = receipt_prepare(&op->as.receipt, lucid_buf_span(&op->text), &rules,
                                             sim->world.view, arena, &why);
    if (!model_signer_known(sim->kept, op->signer)) {
        sim_check(sim, error == LUCID_REFUSE_FORBIDDEN && strcmp(why.code, "SIGNER_UNKNOWN") == 0);
        return false;
    }
    sim_check(sim, error == LUCID_OK);
    return true;
}

static void signer_make(struct sim *sim, struct op *op)
{
    struct ledger_signer signer = {.type = SIGNER_WORKER, .name = "simulated"};
    op->number = (unsigned)sim_random(sim, SIM_SIGNERS);
    op->verb = sim_random(sim, 25) == 0 ? SIGNER_REVOKE : SIGNER_REGISTER;
    memcpy(signer.key, sim->keys[op->number].public_key, sizeof(signer.key));
    sim_check(sim, ledger_signer_prepare(&op->as.signer, (enum signer_verb)op->verb, &signer,
                                         NULL) == LUCID_OK);
}

static void token_make(struct sim *sim, struct op *op)
{
    struct ledger_token token = {.name = "simulated", .scopes = TOKEN_READ};
    bool create =
        sim->token_count == 0 || (sim->token_count < SIM_TOKENS_MAX && sim_random(sim, 2) == 0);
    op->verb = create ? TOKEN_CREATE : TOKEN_REVOKE;
    op->number = create ? sim->token_count : (unsigned)sim_random(sim, sim->token_count);
    char *text = sim->token_texts[op->number];
    if (create) {
        /* Not the system's generator: the seed decides everything. */
        uint8_t secret[32];
        for (size_t i = 0; i < sizeof(secret); i++) {
            secret[i] = (uint8_t)sim_random(sim, 256);
        }
        memcpy(text, "lucid_", 6);
        lucid_hex_encode(secret, sizeof(secret), text + 6);
        text[TOKEN_TEXT_BYTES] = '\0';
        sim->token_count++;
        op->expires_ms = sim_random(sim, 3) == 0 ? sim->now_ms + sim_random(sim, 1000000) : 0;
        token.expires_ms = op->expires_ms;
    } else {
        uint8_t hash[LUCID_SHA256_BYTES];
        lucid_sha256(lucid_span_str(text), hash);
        lucid_hex_encode(hash, TOKEN_ID_BYTES / 2, token.id);
    }
    sim_check(sim, ledger_token_prepare(&op->as.token, (enum token_verb)op->verb, &token,
                                        create ? text : NULL, NULL) == LUCID_OK);
}

/* false: refused before it could become a command. */
static bool op_make(struct sim *sim, struct op *op, struct lucid_arena *arena)
{
    uint64_t draw = sim_random(sim, 100);
    *op = (struct op){.what = OP_RECEIPT};
    if (draw < 66) {
        return receipt_make(sim, op, arena);
    }
    if (draw < 74) {
        op->what = OP_GATE;
        sim_gate_make(sim, &op->as.gate, &op->gate);
    } else if (draw < 80) {
        op->what = OP_SIGNER;
        signer_make(sim, op);
    } else if (draw < 83) {
        op->what = OP_TOKEN;
        token_make(sim, op);
    } else if (draw < 87) {
        op->what = OP_EPOCH;
        op->verb = sim_random(sim, 8) == 0 ? EPOCH_FINALIZE : EPOCH_TICK;
        ledger_epoch_command_init(&op->as.epoch, (enum epoch_verb)op->verb);
    } else if (draw < 91) {
        op->what = OP_GAS;
        sim_gas_make(sim, &op->as.gas, &op->number, &op->key);
    } else if (draw < 97) {
        op->what = OP_MARKET;
        sim_market_make(sim, &op->as.market, &op->market);
    } else {
        op->what = OP_HEAD;
        ledger_head_tick_init(&op->as.head);
    }
    return true;
}

static void op_drop(struct op *op)
{
    lucid_buf_fini(&op->text);
    if (op->what == OP_SIGNER) {
        ledger_signer_command_fini(&op->as.signer);
    }
    if (op->what == OP_TOKEN) {
        ledger_token_command_fini(&op->as.token);
    }
}

static struct expect op_expect(struct model *model, const struct op *op)
{
    switch (op->what) {
    case OP_RECEIPT:
        return model_receipt(model, op->number, op->variant, op->signer);
    case OP_SIGNER:
        return model_signer_do(model, (enum signer_verb)op->verb, op->number);
    case OP_TOKEN:
        return op->verb == TOKEN_CREATE ? model_token_create(model, op->number, op->expires_ms)
                                        : model_token_revoke(model, op->number);
    case OP_EPOCH:
        return model_epoch_do(model, (enum epoch_verb)op->verb);
    case OP_HEAD:
        return model_head_tick(model);
    case OP_GATE:
        return model_gate_do(model, &op->gate);
    case OP_MARKET:
        return model_market_do(model, &op->market);
    case OP_GAS:
        return model_gas_do(model, &op->as.gas, op->number, op->key);
    }
    lucid_assert(false);
    return (struct expect){.error = LUCID_FATAL_CORRUPT};
}

static void receipt_compare(struct sim *sim, const struct op *op, const struct expect *expect)
{
    const struct receipt_placement *placement = &op->as.receipt.placement;
    sim_check(sim, placement->leaf_index == expect->placed.leaf);
    sim_check(sim, placement->sequence == expect->placed.sequence);
    sim_check(sim, placement->logged_ms == expect->placed.time_ms);
    sim_check(sim, placement->epoch == expect->epoch);
    sim_check(sim, placement->status == expect->status);
    sim_check(sim, placement->replayed == expect->replayed);
}

static void op_compare(struct sim *sim, const struct op *op, const struct expect *expect)
{
    const struct ledger_command *command = &op->as.command;
    sim_check(sim, command->error == expect->error);
    if (command->error != LUCID_OK) {
        sim_check(sim, command->why.code != NULL && strcmp(command->why.code, expect->code) == 0);
        return;
    }
    if (op->what == OP_RECEIPT) {
        receipt_compare(sim, op, expect);
    } else if (op->what == OP_SIGNER) {
        sim_check(sim, op->as.signer.ret_known == expect->known);
    } else if (op->what == OP_MARKET) {
        sim_market_compare(sim, &op->as.market, &op->market, expect);
    } else if (op->what == OP_GATE) {
        sim_check(sim, op->as.gate.ret_known == expect->known);
    } else if (op->what == OP_GAS) {
        sim_check(sim, op->as.gas.ret_known == expect->known);
    } else if (op->what == OP_EPOCH) {
        sim_check(sim, op->as.epoch.ret_closed == expect->closed);
        sim_check(sim, !expect->closed || op->as.epoch.ret_epoch == expect->number);
    }
}

/* --- batches -----------------------------------------------------------------------------------
 */

/* Forward as clocks go, at times by hours, at times back. */
static void clock_move(struct sim *sim)
{
    uint64_t draw = sim_random(sim, 40);
    if (draw == 0) {
        sim->now_ms += sim_random(sim, (uint64_t)2 * 3600 * 1000);
    } else if (draw == 1) {
        sim->now_ms -= sim_random(sim, (uint64_t)3600 * 1000);
    } else {
        sim->now_ms += sim_random(sim, 2500);
    }
}

/* Runs the commands; false: the batch was dropped because the store was full. */
static bool ops_run(struct sim *sim, struct op *ops, size_t count)
{
    struct ledger *ledger = sim->world.ledger;
    enum lucid_error error = ledger_batch_begin(ledger, sim->now_ms);
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        struct expect expect = op_expect(sim->staged, &ops[i]);
        error = ledger_batch_run(ledger, &ops[i].as.command);
        if (error == LUCID_OK) {
            op_compare(sim, &ops[i], &expect);
            sim_check(sim, ledger_batch_events(ledger) == sim->staged->events - sim->kept->events);
        }
    }
    if (error != LUCID_OK) {
        sim_check(sim, error == LUCID_RETRY_FULL && sim->fired == STORE_FAULT_FULL);
        ledger_batch_abort(ledger);
    }
    return error == LUCID_OK;
}

/* Commits, and takes or drops what was staged as the store really did. */
static void batch_end(struct sim *sim, bool run)
{
    enum lucid_error error = run ? ledger_batch_commit(sim->world.ledger) : LUCID_RETRY_FULL;
    enum lucid_error expected = sim->fired == STORE_FAULT_NONE   ? LUCID_OK
                                : sim->fired == STORE_FAULT_FULL ? LUCID_RETRY_FULL
                                                                 : LUCID_FATAL_STORE;
    sim_check(sim, error == expected);
    if (sim->fired == STORE_FAULT_NONE || sim->fired == STORE_FAULT_COMMIT_UNTOLD) {
        struct model *kept = sim->kept;
        sim->kept = sim->staged;
        sim->staged = kept;
        sim->commits++;
    } else {
        sim->dropped++;
    }
    if (lucid_category(error) == LUCID_CATEGORY_FATAL || sim_random(sim, 40) == 0) {
        restart(sim);
    } else {
        sim_check_some(sim);
    }
}

static void batch_step(struct sim *sim, size_t most, struct lucid_arena *arena)
{
    static struct op ops[SIM_BATCH_MAX];
    size_t count = 0;
    size_t wanted = 1 + (size_t)sim_random(sim, most);
    clock_move(sim);
    sim->step++;
    sim->fired = STORE_FAULT_NONE;
    sim_check(sim, ledger_view_begin(sim->world.view) == LUCID_OK);
    while (count < wanted) {
        sim->commands++;
        if (op_make(sim, &ops[count], arena)) {
            count++;
        } else {
            op_drop(&ops[count]);
            wanted--;
        }
    }
    ledger_view_end(sim->world.view);
    memcpy(sim->staged, sim->kept, sizeof(*sim->staged));
    model_batch_begin(sim->staged, sim->now_ms);
    batch_end(sim, ops_run(sim, ops, count));
    for (size_t i = 0; i < count; i++) {
        op_drop(&ops[i]);
    }
    lucid_arena_reset(arena);
}

static void sim_run(uint64_t seed, uint64_t commands, const char *lmdb_dir)
{
    static struct sim sim;
    struct lucid_arena arena;
    printf("seed %llu %s\n", (unsigned long long)seed, lmdb_dir == NULL ? "memory" : "lmdb");
    fflush(stdout);
    lucid_arena_init(&arena, (size_t)64 << 20);
    sim_start(&sim, seed, lmdb_dir);
    while (sim.commands < commands) {
        batch_step(&sim, SIM_BATCH_MAX, &arena);
    }
    sim_check_all(&sim, true);
    sim_check_replay(&sim);
    printf(
        "  %llu commands in %llu batches, %llu kept, %llu dropped, %llu restarts; "
        "%llu events, %llu receipts, %zu epochs of %llu, %zu heads; faults %llu full, %llu lost, "
        "%llu untold\n",
        (unsigned long long)sim.commands, (unsigned long long)sim.step,
        (unsigned long long)sim.commits, (unsigned long long)sim.dropped,
        (unsigned long long)sim.restarts, (unsigned long long)sim.kept->events,
        (unsigned long long)sim.kept->leaves, sim.kept->epochs_closed,
        (unsigned long long)sim.kept->receipts_max, sim.kept->head_count,
        (unsigned long long)sim.faults[STORE_FAULT_FULL],
        (unsigned long long)sim.faults[STORE_FAULT_COMMIT_LOST],
        (unsigned long long)sim.faults[STORE_FAULT_COMMIT_UNTOLD]);
    const struct model_market *market = &sim.kept->market;
    printf("  %llu postings, %llu payments, %llu statements\n",
           (unsigned long long)sim.kept->gas.postings,
           (unsigned long long)(market->count[0] + market->count[1] + market->count[2]),
           (unsigned long long)market->statements);
    fflush(stdout);
    sim_stop(&sim);
    lucid_arena_fini(&arena);
}

static void lmdb_run(uint64_t seed, uint64_t commands)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    char dir[] = "ledger-sim-XXXXXX";
    lucid_assert(mkdtemp(dir) != NULL);
    lucid_assert(rmdir(dir) == 0); /* the store makes it */
    sim_run(seed, commands, dir);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (end == NULL || end == text || *end != '\0') {
        fprintf(stderr, "usage: ledger_sim_test [--seed N] [--commands N] [--memory] [--lmdb]\n");
        exit(2);
    }
    return number;
}

int main(int argc, char **argv)
{
    const char *from_env = getenv("LUCID_SIM_SEED");
    uint64_t seed = from_env != NULL ? number_of(from_env) : (uint64_t)time(NULL) * SEEDS_MEMORY;
    uint64_t commands = 0;
    unsigned seeds = from_env != NULL ? 1 : SEEDS_MEMORY;
    bool memory = true;
    bool lmdb = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--memory") == 0 || strcmp(argv[i], "--lmdb") == 0) {
            memory = argv[i][2] == 'm';
            lmdb = !memory;
        } else if (strcmp(argv[i], "--commands") == 0) {
            commands = number_of(argv[++i]);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = number_of(argv[++i]);
            seeds = 1;
        } else {
            (void)number_of(NULL);
        }
    }
    for (unsigned i = 0; memory && i < seeds; i++) {
        sim_run(seed + i, commands == 0 ? COMMANDS_MEMORY : commands, NULL);
    }
    if (lmdb) {
        lmdb_run(seed, commands == 0 ? COMMANDS_LMDB : commands);
    }
    return 0;
}
