/* A ledger in memory with the books, prices, revenue, settlements and the payments of the gate. */
#ifndef LUCID_TESTS_X402_PAYMENT_WORLD_H
#define LUCID_TESTS_X402_PAYMENT_WORLD_H

#include "gas/payout.h"
#include "tests/unit/gas/gas_revenue_world.h"
#include "x402/facilitation.h"
#include "x402/payment.h"

struct payment_world {
    struct revenue_world revenue; /* first member */
    struct x402_payment_config payment;
    struct gas_settlement_config settlement;
    struct ledger_ed25519_key key;
    struct x402_network network;
    uint64_t leaves;
};

#define WORLD_CORE(world) (&(world)->revenue.core)
#define WORLD_CLEARING    "clearing:direct:USDC"
#define WORLD_PRICE       ((uint64_t)1000)

static inline void payment_world_init(struct payment_world *world)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {4, 2};
    memset(world, 0, sizeof(*world));
    revenue_world_init(&world->revenue);
    ledger_ed25519_key_init(seed, &world->key);
    world->settlement.key = &world->key;
    world->payment.revenue = &world->revenue.revenue;
    memcpy(world->network.caip2, NETWORK, sizeof(NETWORK));
    world->network.chain_id = 8453;
    memset(world->network.token.bytes, 0x83, EVM_ADDRESS_BYTES);
    core_world_use(WORLD_CORE(world), &x402_payment_kind, &world->payment);
    core_world_use(WORLD_CORE(world), &x402_facilitation_kind, NULL);
    core_world_use(WORLD_CORE(world), &gas_settlement_kind, &world->settlement);
}

static inline void payment_world_start(struct payment_world *world)
{
    payment_world_init(world);
    core_world_start(WORLD_CORE(world));
    (void)price_set(&world->revenue, "proof", "gpu", "lab", NULL);
}

static inline void payment_world_stop(struct payment_world *world)
{
    revenue_world_stop(&world->revenue);
}

static inline struct evm_hash world_hash(uint8_t kind, uint64_t number)
{
    struct evm_hash hash;
    memset(hash.bytes, kind, sizeof(hash.bytes));
    lucid_put_be64(hash.bytes, number);
    return hash;
}

static inline struct evm_address world_address(uint8_t kind, uint64_t number)
{
    struct evm_address address;
    memset(address.bytes, kind, sizeof(address.bytes));
    lucid_put_be64(address.bytes, number);
    return address;
}

/* A request by numbers: place is the method and path, body what differs. */
static inline struct x402_request_kept world_request(unsigned place, unsigned body)
{
    struct x402_request_kept request = {.method = "POST"};
    memset(request.place, 0x50 + (int)place, sizeof(request.place));
    memset(request.digest, 0x60 + (int)body, sizeof(request.digest));
    request.digest[0] = (uint8_t)place;
    (void)snprintf(request.resource, sizeof(request.resource), "https://example.com/v1/%u?x=\"%u\"",
                   place, body);
    return request;
}

static inline struct x402_transfer world_transfer(uint64_t transaction, uint64_t log_index,
                                                  uint64_t payer, uint64_t amount)
{
    return (struct x402_transfer){
        .transaction = world_hash(0xaa, transaction),
        .log_index = log_index,
        .payer = world_address(0x11, payer),
        .amount = amount,
        .block = 1000 + transaction,
        .block_hash = world_hash(0xbb, transaction),
        .block_time = CORE_NOW_MS / 1000,
        .sender = world_address(0x33, 0),
    };
}

static inline void world_terms(const struct payment_world *world, const char *asset,
                               struct x402_payment *payment)
{
    payment->price = WORLD_PRICE;
    payment->version = 1;
    (void)snprintf(payment->asset, sizeof(payment->asset), "%s", asset);
    (void)snprintf(payment->network, sizeof(payment->network), "%s", world->network.caip2);
    (void)snprintf(payment->facilitator, sizeof(payment->facilitator), "direct");
    payment->token = world->network.token;
    payment->pay_to = world_address(0x22, 0);
}

/* An authorization by its number, for a request. */
static inline void world_intend(const struct payment_world *world,
                                struct x402_payment_command *command, uint64_t number,
                                const char *asset, const struct x402_request_kept *request)
{
    x402_payment_prepare(command, X402_INTEND);
    struct x402_payment *payment = &command->payment;
    world_terms(world, asset, payment);
    payment->amount = WORLD_PRICE;
    payment->payer = world_address(0x11, number);
    payment->request = *request;
    payment->authorization = (struct evm_authorization){
        .from = payment->payer,
        .to = payment->pay_to,
        .value = evm_u256_of(payment->amount),
        .valid_before = evm_u256_of(CORE_NOW_MS / 1000 + 300),
        .nonce = world_hash(0x44, number),
    };
    memset(payment->authorization.valid_before.be, 0xff, 20); /* no 64 bits */
    memset(payment->signature.bytes, 0x77, sizeof(payment->signature.bytes));
    payment->sender = world_address(0x33, 0);
    payment->from_block = 990;
}

static inline void world_id(const struct payment_world *world, uint64_t number,
                            uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    struct x402_spent_key key;
    const struct evm_address from = world_address(0x11, number);
    const struct evm_hash nonce = world_hash(0x44, number);
    x402_key_authorization(&world->network, &from, &nonce, &key);
    x402_payment_id(lucid_span_str(key.text), ret);
}

#define WORLD_SOLANA "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"

/* The same on Solana, through another facilitator, of a message by its number. */
static inline void world_intend_solana(const struct payment_world *world,
                                       struct x402_payment_command *command, uint8_t number,
                                       const char *asset, const struct x402_request_kept *request)
{
    x402_payment_prepare(command, X402_INTEND);
    struct x402_payment *payment = &command->payment;
    struct x402_solana_payment *solana = &payment->solana;
    world_terms(world, asset, payment);
    payment->token = (struct evm_address){.bytes = {0}};
    payment->pay_to = (struct evm_address){.bytes = {0}};
    (void)snprintf(payment->network, sizeof(payment->network), WORLD_SOLANA);
    (void)snprintf(payment->facilitator, sizeof(payment->facilitator), "payai");
    payment->amount = WORLD_PRICE;
    payment->request = *request;
    solana->amount = WORLD_PRICE;
    memset(solana->message, number, sizeof(solana->message));
    memset(solana->fee_payer, 0x51, sizeof(solana->fee_payer));
    memset(solana->payer, 0x52, sizeof(solana->payer));
    memset(solana->mint, 0x53, sizeof(solana->mint));
    memset(solana->pay_to, 0x54, sizeof(solana->pay_to));
    solana->payer[0] = 0; /* a leading 1 */
    command->forward = lucid_span_str("{}");
}

static inline void world_solana_id(uint8_t number, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    const struct x402_network network = {.solana = true, .caip2 = WORLD_SOLANA};
    struct x402_spent_key key;
    uint8_t message[LUCID_SHA256_BYTES];
    memset(message, number, sizeof(message));
    x402_key_solana(&network, message, &key);
    x402_payment_id(lucid_span_str(key.text), ret);
}

/* The settlement of an authorization by a transaction of that number. */
static inline void world_settle(const struct payment_world *world,
                                struct x402_payment_command *command, uint64_t number,
                                uint64_t transaction)
{
    x402_payment_prepare(command, X402_SETTLE);
    world_id(world, number, command->payment.id);
    command->payment.transfer = world_transfer(transaction, 1, number, WORLD_PRICE);
    command->payment.transfer.has_nonce = true;
    command->payment.transfer.nonce = world_hash(0x44, number);
}

/* A plain transfer that a client shows. */
static inline void world_show(const struct payment_world *world,
                              struct x402_payment_command *command, uint64_t transaction,
                              uint64_t log_index, uint64_t amount, const char *asset,
                              const struct x402_request_kept *request)
{
    x402_payment_prepare(command, X402_SETTLE);
    struct x402_payment *payment = &command->payment;
    world_terms(world, asset, payment);
    payment->scheme = X402_SCHEME_TRANSFER;
    payment->bound = true;
    payment->request = *request;
    payment->transfer = world_transfer(transaction, log_index, 500 + transaction, amount);
}

static inline enum lucid_error world_run(struct payment_world *world,
                                         struct x402_payment_command *command)
{
    return core_run(WORLD_CORE(world), &command->command);
}

/* The same with a write that it pays for: a leaf, or one that is refused. The answer is the
 * payment's; *ret_paid that of the write. */
static inline enum lucid_error world_buy(struct payment_world *world,
                                         struct x402_payment_command *command, bool good,
                                         enum lucid_error *ret_paid)
{
    struct core_leaf_command leaf;
    struct gas_price_command refused;
    struct ledger_command *paid = &leaf.command;
    core_leaf_init(&leaf, world->leaves, 1);
    if (!good) {
        lucid_assert(gas_price_delete_prepare(&refused, lucid_span_str("nothing"), NULL) ==
                     LUCID_OK);
        paid = &refused.command;
    }
    paid->next_part = &command->command;
    command->paid = paid;
    (void)core_run(WORLD_CORE(world), paid);
    world->leaves += paid->error == LUCID_OK ? 1 : 0;
    *ret_paid = paid->error;
    return command->command.error;
}

/* A command of a payment that is there, by its id. */
static inline void world_end(struct x402_payment_command *command, enum x402_payment_verb verb,
                             const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    x402_payment_prepare(command, verb);
    memcpy(command->payment.id, id, X402_PAYMENT_ID_BYTES);
    command->reason = "invalid_transaction_state";
}

static inline enum lucid_error world_read(struct payment_world *world,
                                          const uint8_t id[X402_PAYMENT_ID_BYTES],
                                          struct x402_payment *ret)
{
    lucid_assert(ledger_view_begin(WORLD_CORE(world)->view) == LUCID_OK);
    enum lucid_error error = x402_payment_read(WORLD_CORE(world)->view, id, ret);
    ledger_view_end(WORLD_CORE(world)->view);
    return error;
}

static inline enum lucid_error world_find(struct payment_world *world, const char *key,
                                          struct x402_payment *ret)
{
    lucid_assert(ledger_view_begin(WORLD_CORE(world)->view) == LUCID_OK);
    enum lucid_error error = x402_payment_find(WORLD_CORE(world)->view, lucid_span_str(key), ret);
    ledger_view_end(WORLD_CORE(world)->view);
    return error;
}

/* How many payments a list has. */
static inline size_t world_count(struct payment_world *world, int status, bool open)
{
    struct x402_payment payment;
    uint64_t after = 0;
    size_t count = 0;
    struct ledger_view *view = WORLD_CORE(world)->view;
    lucid_assert(ledger_view_begin(view) == LUCID_OK);
    enum lucid_error error;
    while ((error = open ? x402_payment_open_next(view, after, &payment)
                         : x402_payment_next(view, after, (enum x402_status)status, &payment)) ==
           LUCID_OK) {
        lucid_assert(payment.first_sequence > after);
        lucid_assert(status == 0 || payment.status == (enum x402_status)status);
        after = payment.first_sequence;
        count++;
    }
    lucid_assert(error == LUCID_NOTE_ABSENT);
    ledger_view_end(view);
    return count;
}

static inline size_t world_keys(struct payment_world *world)
{
    struct x402_payment payment;
    struct x402_spent_key key = {.text = ""};
    struct x402_spent_key at;
    size_t count = 0;
    struct ledger_view *view = WORLD_CORE(world)->view;
    lucid_assert(ledger_view_begin(view) == LUCID_OK);
    do {
        at = key;
        count++;
    } while (x402_payment_key_next(view, lucid_span_str(at.text), &key, &payment) == LUCID_OK);
    ledger_view_end(view);
    return count - 1;
}

static inline void world_digest(struct payment_world *world, uint8_t ret[LUCID_SHA256_BYTES])
{
    core_store_digest(WORLD_CORE(world), WORLD_CORE(world)->store, ret);
}

/* Per unit the debits of all accounts are their credits. */
static inline bool world_balances(struct payment_world *world)
{
    struct gas_account account;
    char after[GAS_ACCOUNT_ID_BYTES_MAX + 1] = "";
    uint64_t debits = 0;
    uint64_t credits = 0;
    struct ledger_view *view = WORLD_CORE(world)->view;
    lucid_assert(ledger_view_begin(view) == LUCID_OK);
    while (gas_account_next(view, lucid_span_str(after), &account) == LUCID_OK) {
        debits += account.unit == GAS_USDC ? account.debits : 0;
        credits += account.unit == GAS_USDC ? account.credits : 0;
        memcpy(after, account.id, sizeof(after));
    }
    ledger_view_end(view);
    return debits == credits;
}

#endif
