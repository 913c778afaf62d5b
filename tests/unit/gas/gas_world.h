/* A ledger in memory with the core's kinds, receipts and the books: for the tests of gas/. Add
 * further kinds with core_world_use between gas_world_init and gas_world_start. */
#ifndef LUCID_TESTS_GAS_WORLD_H
#define LUCID_TESTS_GAS_WORLD_H

#include <stdio.h>

#include "base/sha256.h"
#include "gas/books.h"
#include "ledger/receipt_internal.h"
#include "tests/unit/gas/till.h"
#include "tests/unit/ledger/core_world.h"

struct gas_world {
    struct core_world core; /* first member */
    struct gas_books_config books;
};

static inline void gas_world_init(struct gas_world *world)
{
    core_world_init(&world->core);
    world->books = (struct gas_books_config){.mode = GAS_POSTPAID};
    core_world_use(&world->core, &ledger_receipt_kind, NULL);
    core_world_use(&world->core, &gas_books_kind, &world->books);
}

static inline void gas_signer_key(unsigned number, uint8_t ret[32])
{
    struct ledger_ed25519_key key;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {77};
    lucid_put_be32(seed + 4, number);
    ledger_ed25519_key_init(seed, &key);
    memcpy(ret, key.public_key, 32);
}

static inline void gas_signer_add(struct gas_world *world, unsigned number)
{
    struct ledger_signer_command command;
    struct ledger_signer signer = {.type = SIGNER_ORCHESTRATOR, .name = "charged"};
    gas_signer_key(number, signer.key);
    lucid_assert(ledger_signer_prepare(&command, SIGNER_REGISTER, &signer, NULL) == LUCID_OK);
    lucid_assert(core_run(&world->core, &command.command) == LUCID_OK);
    ledger_signer_command_fini(&command);
}

/* A receipt as prepare would hand it on; its number makes it unlike all others. The command must
 * not move. */
static inline void gas_receipt_init(struct receipt_command *command, unsigned signer,
                                    uint64_t number)
{
    static const char body[] = "{}";
    uint8_t bytes[8];
    char run_id[40];
    *command = (struct receipt_command){.command = {.kind = &ledger_receipt_kind}};
    lucid_put_be64(bytes, number);
    lucid_sha256(lucid_span(bytes, sizeof(bytes)), command->hash);
    gas_signer_key(signer, command->signer);
    memset(command->signature, 0x33, sizeof(command->signature));
    lucid_sha256(lucid_span(command->signer, 32), command->signer_hash);
    memcpy(command->entry, command->hash, 32);
    memcpy(command->entry + 32, command->signer_hash, 32);
    memcpy(command->entry + 64, command->signature, 64);
    int len = snprintf(run_id, sizeof(run_id), "run_of_test_%llu", (unsigned long long)number);
    const struct receipt_facts facts = {.type = RECEIPT_INFERENCE,
                                        .run_id = lucid_span(run_id, (size_t)len),
                                        .timestamp = CORE_NOW_MS / 1000};
    command->payload_len = receipt_payload_encode(command->signer, &facts, command->payload);
    command->run_id = lucid_span(command->payload + RECEIPT_PAYLOAD_FIXED_BYTES, (size_t)len);
    command->canonical = lucid_span(body, sizeof(body) - 1);
}

static inline enum lucid_error gas_receipt(struct gas_world *world, unsigned signer,
                                           uint64_t number)
{
    struct receipt_command command;
    gas_receipt_init(&command, signer, number);
    return core_run(&world->core, &command.command);
}

static inline enum lucid_error gas_tariff(struct gas_world *world, uint64_t igas, uint64_t mgas)
{
    struct gas_books_command command;
    lucid_assert(gas_tariff_prepare(&command, igas, mgas, NULL) == LUCID_OK);
    return core_run(&world->core, &command.command);
}

/* The account as it is, or as_of an event; one that was never opened has totals 0. */
static inline struct gas_account gas_account(struct gas_world *world, const char *id,
                                             uint64_t as_of)
{
    struct gas_account account = {.number = 0};
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    enum lucid_error error = gas_account_read(world->core.view, lucid_span_str(id), &account);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    if (error == LUCID_OK && as_of != UINT64_MAX) {
        lucid_assert(gas_account_as_of(world->core.view, as_of, &account) == LUCID_OK);
    }
    ledger_view_end(world->core.view);
    return account;
}

static inline uint64_t gas_debits(struct gas_world *world, const char *id)
{
    return gas_account(world, id, UINT64_MAX).debits;
}

static inline uint64_t gas_credits(struct gas_world *world, const char *id)
{
    return gas_account(world, id, UINT64_MAX).credits;
}

/* Per unit the debits of all accounts are their credits, and both are the sum of all postings. */
static inline void gas_books_balance(struct gas_world *world)
{
    uint64_t debits[GAS_UNITS] = {0};
    uint64_t credits[GAS_UNITS] = {0};
    uint64_t posted[GAS_UNITS] = {0};
    struct gas_account account;
    struct gas_posting posting;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct lucid_span after = lucid_span("", 0);
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    enum lucid_error error;
    while ((error = gas_account_next(world->core.view, after, &account)) == LUCID_OK) {
        debits[account.unit - 1] += account.debits;
        credits[account.unit - 1] += account.credits;
        memcpy(id, account.id, sizeof(id));
        after = lucid_span_str(id);
    }
    lucid_assert(error == LUCID_NOTE_ABSENT);
    uint64_t sequence = 0;
    uint32_t leg = UINT32_MAX;
    while ((error = gas_posting_next(world->core.view, NULL, sequence, leg, &posting)) ==
           LUCID_OK) {
        posted[posting.unit - 1] += posting.amount;
        sequence = posting.sequence;
        leg = posting.leg;
    }
    lucid_assert(error == LUCID_NOTE_ABSENT);
    ledger_view_end(world->core.view);
    for (int unit = 0; unit < GAS_UNITS; unit++) {
        lucid_assert(debits[unit] == credits[unit] && debits[unit] == posted[unit]);
    }
}

#endif
