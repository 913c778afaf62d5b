/* A whole ledger in memory with the kinds that receipts need, and makers of envelopes: for the
 * tests and the fuzz target of receipts. */
#ifndef LUCID_TESTS_LEDGER_RECEIPT_WORLD_H
#define LUCID_TESTS_LEDGER_RECEIPT_WORLD_H

#include "base/assert.h"
#include "ledger/ed25519.h"
#include "ledger/erasure.h"
#include "ledger/ledger_internal.h"
#include "ledger/log.h"
#include "ledger/note.h"
#include "ledger/receipt.h"
#include "ledger/signer.h"
#include "ledger/store/memory.h"

#define WORLD_NOW_MS 1732190000000U
#define WORLD_ARENA  ((size_t)8 << 20)
#define WORLD_H0     "0000000000000000000000000000000000000000000000000000000000000000"
#define WORLD_TOOL_END                                                                             \
    "\"input_hash\":\"" WORLD_H0 "\",\"latency_ms\":12,\"output_hash\":\"" WORLD_H0                \
    "\",\"receipt_type\":\"tool\",\"schema_version\":\"1.0\",\"success\":true,"                    \
    "\"tool_passport_id\":\"t\""
/* A tool receipt of that run_id, in canonical order but for run_id and timestamp. */
#define WORLD_TOOL(run_id, more)                                                                   \
    "{\"run_id\":\"" run_id "\",\"timestamp\":1732190000,"                                         \
    "" more WORLD_TOOL_END "}"

enum { WORLD_KINDS = 6 };

struct world {
    struct store *store;
    struct ledger *ledger;
    struct ledger_view *view;
    struct ledger_skey log_key;
    struct ledger_head_config head;
    struct ledger_epoch_config epoch;
    struct ledger_use uses[WORLD_KINDS];
    struct ledger_ed25519_key known;    /* registered */
    struct ledger_ed25519_key other;    /* registered */
    struct ledger_ed25519_key stranger; /* not registered */
    uint64_t now_ms;
    struct receipt_rules rules;
    struct lucid_arena arena;
};

static inline void world_tables_create(struct world *world)
{
    struct store_batch *batch = NULL;
    uint32_t table;
    lucid_assert(store_batch_begin(world->store, &batch) == LUCID_OK);
    lucid_assert(store_table_create(batch, LEDGER_FOLDS_TABLE, &table) == LUCID_OK);
    for (size_t i = 0; i < WORLD_KINDS; i++) {
        const char *const *name = world->uses[i].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            lucid_assert(store_table_create(batch, *name, &table) == LUCID_OK);
        }
    }
    lucid_assert(store_batch_commit(batch) == LUCID_OK);
}

/* Runs one command in a batch of its own; the answer is the command's. */
static inline enum lucid_error world_run(struct world *world, struct ledger_command *command)
{
    lucid_assert(ledger_batch_begin(world->ledger, world->now_ms) == LUCID_OK);
    lucid_assert(ledger_batch_run(world->ledger, command) == LUCID_OK);
    lucid_assert(ledger_batch_commit(world->ledger) == LUCID_OK);
    return command->error;
}

static inline void world_log_init(struct world *world)
{
    static struct ledger_log_init_command init;
    struct ledger_identity identity = {.origin = "example.com/receipts", .test = true};
    size_t len = ledger_vkey_format(&world->log_key.vkey, identity.vkey);
    identity.vkey[len] = '\0';
    memcpy(identity.log_key, world->log_key.key.public_key, 32);
    memcpy(identity.service_key, world->log_key.key.public_key, 32);
    lucid_assert(ledger_log_init_prepare(&init, &identity, NULL) == LUCID_OK);
    lucid_assert(world_run(world, &init.command) == LUCID_OK);
    ledger_log_init_fini(&init);
}

static inline void world_signer(struct world *world, enum signer_verb verb, const uint8_t key[32])
{
    struct ledger_signer_command command;
    struct ledger_signer signer = {.type = SIGNER_ORCHESTRATOR, .name = "signer"};
    memcpy(signer.key, key, sizeof(signer.key));
    lucid_assert(ledger_signer_prepare(&command, verb, &signer, NULL) == LUCID_OK);
    lucid_assert(world_run(world, &command.command) == LUCID_OK);
    ledger_signer_command_fini(&command);
}

static inline void world_key(uint8_t first, struct ledger_ed25519_key *ret)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    for (size_t i = 0; i < sizeof(seed); i++) {
        seed[i] = (uint8_t)(first + i);
    }
    ledger_ed25519_key_init(seed, ret);
}

static inline void world_open(struct world *world, uint64_t epoch_receipts_max)
{
    *world = (struct world){
        .now_ms = WORLD_NOW_MS,
        .rules = {.now_ms = WORLD_NOW_MS, .future_seconds_max = RECEIPT_FUTURE_SECONDS_MAX_DEFAULT},
        .epoch = {.receipts_max = epoch_receipts_max, .seconds_max = EPOCH_SECONDS_MAX_DEFAULT},
        .head = {.interval_ms_max = 1000},
    };
    static const uint8_t log_seed[LEDGER_ED25519_SEED_BYTES] = {7};
    lucid_assert(ledger_skey_init(lucid_span_str("example.com/receipts"), log_seed, &world->log_key,
                                  NULL) == LUCID_OK);
    world->head.key = &world->log_key;
    world->uses[0] = (struct ledger_use){&ledger_log_kind, NULL};
    world->uses[1] = (struct ledger_use){&ledger_signer_kind, NULL};
    world->uses[2] = (struct ledger_use){&ledger_receipt_kind, NULL};
    world->uses[3] = (struct ledger_use){&ledger_epoch_kind, &world->epoch};
    world->uses[4] = (struct ledger_use){&ledger_head_kind, &world->head};
    world->uses[5] = (struct ledger_use){&ledger_erasure_kind, NULL};
    lucid_assert(store_memory_open(&world->store) == LUCID_OK);
    world_tables_create(world);
    const struct ledger_options options = {
        .uses = world->uses, .use_count = WORLD_KINDS, .leaves_max = 1 << 20};
    enum lucid_error error = ledger_open(world->store, &options, &world->ledger, NULL);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    world_log_init(world);
    world_key(1, &world->known);
    world_key(2, &world->other);
    world_key(3, &world->stranger);
    world_signer(world, SIGNER_REGISTER, world->known.public_key);
    world_signer(world, SIGNER_REGISTER, world->other.public_key);
    lucid_assert(ledger_view_open(world->ledger, &world->view) == LUCID_OK);
    lucid_arena_init(&world->arena, WORLD_ARENA);
}

static inline void world_close(struct world *world)
{
    ledger_view_close(world->view);
    ledger_close(world->ledger);
    store_close(world->store);
    lucid_arena_fini(&world->arena);
}

/* What is wrong with an envelope that world_envelope makes; bits, in the order of checks. */
enum world_fault {
    WORLD_FINE = 0,
    WORLD_BAD_JSON = 1 << 0,
    WORLD_BAD_SIZE = 1 << 1, /* the caller's body must be too long by itself */
    WORLD_BAD_ENVELOPE = 1 << 2,
    WORLD_BAD_MEMBER = 1 << 3, /* the caller's body must be wrong by itself */
    WORLD_BAD_HASH = 1 << 4,
    WORLD_BAD_SIGNER = 1 << 5,
    WORLD_BAD_SIGNATURE = 1 << 6,
};

/* The envelope of a body signed by key; out must be initialised and is emptied first. */
static inline void world_envelope(const char *body, const struct ledger_ed25519_key *key,
                                  unsigned faults, struct lucid_buf *out)
{
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 100000};
    struct lucid_arena arena;
    struct lucid_buf canonical;
    const struct jcs_value *value = NULL;
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    lucid_arena_init(&arena, (size_t)64 << 20);
    lucid_buf_init(&canonical, 0);
    lucid_assert(jcs_parse(lucid_span_str(body), &limits, &arena, &value, NULL) == LUCID_OK);
    jcs_write(value, &canonical);
    lucid_sha256(lucid_buf_span(&canonical), hash);
    ledger_ed25519_sign(key, lucid_span(hash, sizeof(hash)), signature);
    signature[3] ^= (faults & WORLD_BAD_SIGNATURE) != 0;
    hash[31] ^= (faults & WORLD_BAD_HASH) != 0;
    lucid_buf_clear(out);
    lucid_buf_str(out, "{\"signer_pubkey\":\"");
    lucid_buf_hex(out, key->public_key, sizeof(key->public_key));
    lucid_buf_str(out, "\",\"receipt_hash\":\"");
    lucid_buf_hex(out, hash, sizeof(hash));
    lucid_buf_str(out, "\",\"anything\":[1,{}],\"body\": ");
    lucid_buf_str(out, body);
    lucid_buf_str(out, " ,\"receipt_signature\":\"");
    lucid_buf_hex(out, signature, sizeof(signature));
    lucid_buf_str(out, (faults & WORLD_BAD_ENVELOPE) != 0 ? "0\"}" : "\"}");
    lucid_buf_str(out, (faults & WORLD_BAD_JSON) != 0 ? "}" : "\n");
    lucid_assert(lucid_buf_ok(out));
    lucid_buf_fini(&canonical);
    lucid_arena_fini(&arena);
}

/* Prepares an envelope; what the command points to is good until the next arena reset. */
static inline enum lucid_error world_prepare(struct world *world, struct lucid_span text,
                                             struct receipt_command *ret, struct lucid_why *why)
{
    lucid_assert(ledger_view_begin(world->view) == LUCID_OK);
    enum lucid_error error =
        receipt_prepare(ret, text, &world->rules, world->view, &world->arena, why);
    ledger_view_end(world->view);
    return error;
}

#endif
