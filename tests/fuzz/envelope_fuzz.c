/* A receipt's envelope from outside to a prepared command, against a ledger that knows two signers.
 * What is taken must be canonical, hash to what it says, and survive the writer. */
#include <stdlib.h>

#include "tests/unit/ledger/ledger_receipt_world.h"

static const struct jcs_limits limits = {.depth_max = RECEIPT_DEPTH_MAX, .values_max = 40000};

/* The canonical form must parse to a body that passes and writes itself again. */
static void canonical_check(const struct receipt_command *command)
{
    struct lucid_arena arena;
    struct lucid_buf again;
    const struct jcs_value *body = NULL;
    struct receipt_facts facts;
    lucid_arena_init(&arena, (size_t)32 << 20);
    lucid_buf_init(&again, 0);
    lucid_assert(command->canonical.len <= RECEIPT_BODY_BYTES_MAX);
    lucid_assert(jcs_parse(command->canonical, &limits, &arena, &body, NULL) == LUCID_OK);
    lucid_assert(receipt_body_check(body, WORLD_NOW_MS / 1000 + 300, &facts, NULL) == LUCID_OK);
    lucid_assert(lucid_span_equal(facts.run_id, command->run_id));
    jcs_write(body, &again);
    lucid_assert(lucid_span_equal(lucid_buf_span(&again), command->canonical));
    lucid_buf_fini(&again);
    lucid_arena_fini(&arena);
}

static void command_check(const struct receipt_command *command)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(command->canonical, hash);
    lucid_assert(memcmp(hash, command->hash, sizeof(hash)) == 0);
    lucid_assert(memcmp(hash, command->entry, sizeof(hash)) == 0);
    lucid_sha256(lucid_span(command->signer, sizeof(command->signer)), hash);
    lucid_assert(memcmp(hash, command->entry + 32, sizeof(hash)) == 0);
    lucid_assert(memcmp(command->signature, command->entry + 64, 64) == 0);
    lucid_assert(ledger_ed25519_verify(
        command->signer, lucid_span(command->hash, sizeof(command->hash)), command->signature));
    lucid_assert(receipt_run_id_ok(command->run_id));
    lucid_assert(command->payload_len == 42 + command->run_id.len);
    lucid_assert(memcmp(command->payload, command->signer, 32) == 0);
    lucid_assert(memcmp(command->payload + 42, command->run_id.data, command->run_id.len) == 0);
    canonical_check(command);
}

static void refusal_check(enum lucid_error error, const struct lucid_why *why)
{
    if (error == LUCID_RETRY_MEMORY) {
        return;
    }
    lucid_assert(lucid_category(error) == LUCID_CATEGORY_REFUSE);
    lucid_assert(why->code != NULL && why->text[0] != '\0');
}

/* Through the writer and back, then dropped so that every input meets the same ledger. */
static void command_run(struct world *world, struct receipt_command *command)
{
    lucid_assert(ledger_batch_begin(world->ledger, world->now_ms) == LUCID_OK);
    lucid_assert(ledger_batch_run(world->ledger, &command->command) == LUCID_OK);
    lucid_assert(command->command.error == LUCID_OK);
    lucid_assert(command->placement.leaf_index == 0 && !command->placement.replayed);
    ledger_batch_abort(world->ledger);
}

static void body_try(struct lucid_span text, struct lucid_arena *arena)
{
    const struct jcs_value *body = NULL;
    struct receipt_facts facts;
    struct lucid_why why = {.code = NULL};
    if (jcs_parse(text, &limits, arena, &body, NULL) != LUCID_OK) {
        return;
    }
    enum lucid_error error = receipt_body_check(body, UINT64_MAX, &facts, &why);
    if (error != LUCID_OK) {
        refusal_check(error, &why);
        lucid_assert(strncmp(why.param, "body", 4) == 0);
        return;
    }
    lucid_assert(receipt_run_id_ok(facts.run_id));
    (void)receipt_type_name(facts.type);
}

/* Signs the input as a body, so that mutations of bodies get past the signature. */
static void body_sign_and_prepare(struct world *world, struct lucid_span text)
{
    const struct jcs_value *body = NULL;
    uint8_t secret[64];
    struct lucid_buf envelope;
    struct receipt_command command;
    struct lucid_why why = {.code = NULL};
    if (jcs_parse(text, &limits, &world->arena, &body, NULL) != LUCID_OK) {
        return;
    }
    memcpy(secret, world->known.seed, 32);
    memcpy(secret + 32, world->known.public_key, 32);
    lucid_buf_init(&envelope, 0);
    if (receipt_envelope_sign(body, secret, &envelope, &why) == LUCID_OK) {
        enum lucid_error error = world_prepare(world, lucid_buf_span(&envelope), &command, &why);
        if (error == LUCID_OK) {
            command_check(&command);
            command_run(world, &command);
        } else {
            refusal_check(error, &why);
            /* Nothing but the members can be wrong with what we signed ourselves. */
            lucid_assert(error == LUCID_RETRY_MEMORY || strcmp(why.code, "INVALID_RECEIPT") == 0);
        }
    }
    lucid_buf_fini(&envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    static bool opened;
    if (!opened) {
        world_open(&world, 100);
        opened = true;
    }
    struct receipt_command command;
    struct lucid_why why = {.code = NULL};
    lucid_arena_reset(&world.arena);
    enum lucid_error error = world_prepare(&world, lucid_span(data, size), &command, &why);
    if (error == LUCID_OK) {
        command_check(&command);
        command_run(&world, &command);
    } else {
        refusal_check(error, &why);
    }
    lucid_arena_reset(&world.arena);
    body_try(lucid_span(data, size), &world.arena);
    lucid_arena_reset(&world.arena);
    body_sign_and_prepare(&world, lucid_span(data, size));
    return 0;
}
