/* OBSERVE: every transaction of rpc-receipts.json, bindings, depths, times, nodes that lie. */
#include "direct_world.h"
#include "tests/unit/x402/evm_vectors.h"

static void advance_to_block(struct world *world, struct model_tx *tx)
{
    model_mine_tx(&world->model, tx);
}

/* A transfer of the price from payer to payee, mined. */
static struct model_tx *pay(struct world *world)
{
    struct model_tx *tx = model_add(&world->model, &world->stranger); /* a relay sends it */
    model_transfer(tx, &world->model.token, &world->payer, &world->payee, WORLD_PRICE);
    advance_to_block(world, tx);
    return tx;
}

/* --- published transactions ------------------------------------------------------------------- */

static json_t *published;
static const json_t *published_now; /* an exchange with a receipt */

static const json_t *published_result(void)
{
    const json_t *response = json_object_get(json_object_get(published_now, "receipt"), "response");
    return json_object_get(response, "result");
}

static const char *published_answer(struct chain_model *model, struct fake_question *question)
{
    static char text[16384];
    (void)model;
    if (strcmp(question->method, "eth_getTransactionReceipt") == 0) {
        const json_t *result = published_result();
        if (json_is_null(result)) {
            return "null";
        }
        size_t len = json_dumpb(result, text, sizeof(text) - 1, 0);
        assert_true(len < sizeof(text) - 1);
        text[len] = '\0';
        return text;
    }
    if (strcmp(question->method, "eth_getBlockByNumber") != 0) {
        return NULL;
    }
    uint64_t number = 0x1b;
    if (question->params[1] == '"' && question->params[2] == '0') {
        number = strtoull(question->params + 2, NULL, 16);
    }
    /* The receipt's own block, or one that nobody has seen. */
    const char *hash = json_string_value(json_object_get(published_result(), "blockHash"));
    const char *height = json_string_value(json_object_get(published_result(), "blockNumber"));
    bool own = height != NULL && strtoull(height, NULL, 16) == number;
    (void)snprintf(text, sizeof(text),
                   "{\"number\":\"0x%llx\",\"hash\":\"%s\",\"timestamp\":\"0x713fb300\","
                   "\"baseFeePerGas\":\"0x1\",\"transactions\":[]}",
                   (unsigned long long)number,
                   own ? hash
                       : "0x1111111111111111111111111111111111111111111111111111111111111111");
    return text;
}

struct expected {
    const char *id;
    enum x402_charge_outcome outcome;
    const char *reason; /* NULL: GOOD or PENDING */
    uint64_t log_index;
    uint64_t amount;
};

static void test_published(void **state)
{
    static const struct expected cases[] = {
        {"eip3009_ok", X402_CHARGE_GOOD, NULL, 1, 10000},
        {"eip3009_replay_reverted", X402_CHARGE_BAD, "invalid_transaction_state", 0, 0},
        {"transfer_ok", X402_CHARGE_GOOD, NULL, 0, 10000},
        {"transfer_underpaid", X402_CHARGE_BAD,
         "invalid_exact_evm_payload_authorization_value_mismatch", 0, 0},
        {"transfer_wrong_recipient", X402_CHARGE_BAD, "invalid_exact_evm_recipient_mismatch", 0, 0},
        {"transfer_zero", X402_CHARGE_BAD, "invalid_exact_evm_payload_authorization_value_mismatch",
         0, 0},
        {"transfer_wrong_token", X402_CHARGE_BAD, "invalid_exact_evm_transfer_event_mismatch", 0,
         0},
        {"batch_three_transfers", X402_CHARGE_GOOD, NULL, 1, 10000},
        {"pending", X402_CHARGE_PENDING, "settlement_pending", 0, 0},
        {"pending_then_mined", X402_CHARGE_GOOD, NULL, 0, 10000},
        {"unknown", X402_CHARGE_PENDING, "settlement_pending", 0, 0},
    };
    (void)state;
    struct world world;
    world_init(&world);
    world.model.loop.wall_ahead_ms = UINT64_C(1900000010000) - world.model.loop.now_ms;
    world.model.nodes[0].lie = published_answer;
    world_open(&world, false);
    published = vectors_load("x402/rpc-receipts.json");
    json_t *list = json_object_get(published, "transactions");
    assert_int_equal(json_array_size(list), sizeof(cases) / sizeof(cases[0]));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const struct expected *expected = &cases[i];
        published_now = item;
        assert_string_equal(json_string_value(json_object_get(item, "id")), expected->id);
        struct evm_hash transaction = evm_vectors_hash(item, "tx");
        struct x402_charge charge = world_observe(&world, &transaction);
        charge.issued_ms = UINT64_C(1900000000000);
        charge.expires_ms = UINT64_C(1900000300000);
        world_ask(&world, &charge, expected->outcome);
        if (expected->reason != NULL) {
            assert_string_equal(charge.reason, expected->reason);
        } else {
            assert_int_equal(charge.transfer.log_index, expected->log_index);
            assert_int_equal(charge.transfer.amount, expected->amount);
            assert_true(charge.bound);
            assert_int_equal(charge.transfer.has_nonce, i == 0);
            assert_int_equal(charge.transfer.block_time, 1900000000);
            assert_true(charge.transfer.final);
        }
    }
    json_decref(published);
    world_fini(&world);
}

static void test_published_reorganisation(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.model.loop.wall_ahead_ms = UINT64_C(1900000010000) - world.model.loop.now_ms;
    world.model.nodes[0].lie = published_answer;
    world_open(&world, false);
    published = vectors_load("x402/rpc-receipts.json");
    const json_t *reorganisation = json_object_get(published, "reorganisation");
    published_now = json_object_get(reorganisation, "before");
    struct evm_hash transaction = evm_vectors_hash(reorganisation, "tx");
    struct x402_charge charge = world_observe(&world, &transaction);
    charge.issued_ms = UINT64_C(1900000000000);
    charge.expires_ms = UINT64_C(1900000300000);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_false(charge.transfer.final);
    struct x402_charge watch = {.verb = X402_CHARGE_WATCH, .transfer = charge.transfer};
    world_ask(&world, &watch, X402_CHARGE_GOOD);
    published_now = json_object_get(reorganisation, "after");
    world_ask(&world, &watch, X402_CHARGE_LOST);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    json_decref(published);
    world_fini(&world);
}

/* --- which transfer, and whose ---------------------------------------------------------------- */

static void test_bindings(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);

    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_true(charge.bound);
    assert_memory_equal(charge.transfer.sender.bytes, world.stranger.bytes, EVM_ADDRESS_BYTES);
    assert_memory_equal(charge.transfer.payer.bytes, world.payer.bytes, EVM_ADDRESS_BYTES);

    charge.payer = world.stranger; /* signed by somebody else */
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");

    charge.signed_by_payer = false; /* nothing but the hash */
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");
    charge.unbound_ok = true;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_false(charge.bound);
    assert_false(charge.transfer.has_nonce);

    /* By an authorization whose nonce is the challenge's hash. */
    struct evm_hash nonce = {{7}};
    struct model_tx *bound = model_add(&world.model, &world.stranger);
    model_used(bound, &world.model.token, &world.payer, &nonce);
    model_transfer(bound, &world.model.token, &world.payer, &world.payee, WORLD_PRICE);
    advance_to_block(&world, bound);
    charge = world_observe(&world, &bound->hash);
    charge.signed_by_payer = false;
    charge.bound_nonce = nonce;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_true(charge.bound && charge.transfer.has_nonce);
    assert_int_equal(charge.transfer.log_index, 1);
    assert_true(world_is(&charge.transfer.nonce, &nonce));
    charge.bound_nonce.bytes[0] = 8;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");
    charge.unbound_ok = true;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_false(charge.bound);
    assert_true(charge.transfer.has_nonce);
    world_fini(&world);
}

/* AuthorizationUsed of another token, of another payer, or not directly before. */
static void test_false_nonces(void **state)
{
    (void)state;
    struct world world;
    struct evm_hash nonce = {{7}};
    world_init(&world);
    world_open(&world, false);
    struct evm_address other = world_address("0x8c8609cb7776940d9530e877f17228d424454dc5");
    for (int i = 0; i < 4; i++) {
        struct model_tx *tx = model_add(&world.model, &world.stranger);
        if (i == 0) {
            model_used(tx, &other, &world.payer, &nonce);
        } else if (i == 1) {
            model_used(tx, &world.model.token, &world.stranger, &nonce);
        } else if (i == 2) {
            model_used(tx, &world.model.token, &world.payer, &nonce);
            model_transfer(tx, &world.model.token, &world.payer, &world.stranger, WORLD_PRICE);
        } else {
            model_used(tx, &world.model.token, &world.payer, &nonce)->data_len = 32;
        }
        model_transfer(tx, &world.model.token, &world.payer, &world.payee, WORLD_PRICE);
        advance_to_block(&world, tx);
        struct x402_charge charge = world_observe(&world, &tx->hash);
        charge.signed_by_payer = false;
        charge.bound_nonce = nonce;
        world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");
    }
    world_fini(&world);
}

static void test_choice(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = model_add(&world.model, &world.stranger);
    model_transfer(tx, &world.model.token, &world.payer, &world.payee, WORLD_PRICE - 1);
    model_transfer(tx, &world.model.token, &world.stranger, &world.payee, WORLD_PRICE);
    model_transfer(tx, &world.model.token, &world.payer, &world.payee, WORLD_PRICE + 5);
    model_transfer(tx, &world.model.token, &world.payer, &world.payee, WORLD_PRICE);
    advance_to_block(&world, tx);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD); /* the first that fits; never a sum */
    assert_int_equal(charge.transfer.log_index, 2);
    assert_int_equal(charge.transfer.amount, WORLD_PRICE + 5);
    charge.has_log_index = true;
    charge.log_index = 3;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_int_equal(charge.transfer.log_index, 3);
    charge.log_index = 0;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_payload_authorization_value_mismatch");
    charge.log_index = 1;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");
    charge.log_index = 4;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_transfer_event_mismatch");
    charge.log_index = UINT64_MAX;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_transfer_event_mismatch");
    world_fini(&world);
}

/* One log that is almost a transfer, each time. */
static void test_not_a_transfer(void **state)
{
    static const char *const event = "invalid_exact_evm_transfer_event_mismatch";
    static const char *const value = "invalid_exact_evm_payload_authorization_value_mismatch";
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct evm_address zero = {{0}};
    for (int i = 0; i < 9; i++) {
        struct model_tx *tx = model_add(&world.model, &world.stranger);
        struct model_log *log = model_transfer(
            tx, &world.model.token, i == 0 ? &zero : &world.payer, &world.payee, WORLD_PRICE);
        const char *reason = event;
        if (i == 1) {
            log->topic_count = 4; /* an NFT's */
        } else if (i == 2) {
            log->data_len = 31;
        } else if (i == 3) {
            log->removed = true;
        } else if (i == 4) {
            log->topics[1].bytes[0] = 1; /* more than an address */
        } else if (i == 5) {
            log->topics[2].bytes[11] = 1;
        } else if (i == 6) {
            log->data[0] = 1; /* more than 2^63 − 1 */
            reason = value;
        } else if (i == 7) {
            log->data[24] = 0x80;
            reason = value;
        } else if (i == 8) {
            log->topics[1] = log->topics[2]; /* to oneself */
        }
        advance_to_block(&world, tx);
        struct x402_charge charge = world_observe(&world, &tx->hash);
        charge.unbound_ok = true;
        charge.signed_by_payer = false;
        world_ask_reason(&world, &charge, X402_CHARGE_BAD, reason);
    }
    world_fini(&world);
}

/* --- depth and time --------------------------------------------------------------------------- */

static void test_depth(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.network->serve_depth.blocks = 3;
    world.network->final_depth.blocks = 5;
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    for (uint64_t depth = 1; depth <= 5; depth++) {
        world_ask(&world, &charge, depth < 3 ? X402_CHARGE_PENDING : X402_CHARGE_GOOD);
        assert_int_equal(charge.transfer.final, depth == 5);
        model_mine(&world.model, 1);
    }
    world.network->serve_depth.by = X402_BY_SAFE; /* one below the newest */
    world.network->final_depth.by = X402_BY_FINALIZED;
    tx = pay(&world);
    charge = world_observe(&world, &tx->hash);
    for (uint64_t depth = 1; depth <= 3; depth++) {
        world_ask(&world, &charge, depth < 2 ? X402_CHARGE_PENDING : X402_CHARGE_GOOD);
        assert_int_equal(charge.transfer.final, depth == 3);
        model_mine(&world.model, 1);
    }
    world_fini(&world);
}

static void test_times(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    uint64_t block_ms = model_time(&world.model) * 1000;
    struct x402_charge charge = world_observe(&world, &tx->hash);
    charge.issued_ms = block_ms + X402_CHARGE_SKEW_SECONDS * 1000;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    charge.issued_ms += 1000;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "payment_expired");
    charge.issued_ms = 0;
    charge.expires_ms = block_ms;
    world_ask(&world, &charge, X402_CHARGE_GOOD); /* paid in time, shown a little late */
    charge.expires_ms = block_ms - 1;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "payment_expired");
    charge.expires_ms = block_ms;
    fake_loop_advance(&world.model.loop, 290000);
    world_ask(&world, &charge, X402_CHARGE_GOOD); /* late, but not too late */
    fake_loop_advance(&world.model.loop, 20000);
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "payment_expired");
    world_fini(&world);
}

/* --- reorganisations -------------------------------------------------------------------------- */

static void test_reorganised(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    struct x402_charge watch = {.verb = X402_CHARGE_WATCH, .transfer = charge.transfer};
    watch.pay_to = world.payee;

    model_reorg(&world.model, 1, false); /* mined again, in another block */
    world_ask(&world, &watch, X402_CHARGE_GOOD);
    assert_false(world_is(&watch.transfer.block_hash, &charge.transfer.block_hash));
    assert_true(world_is(&watch.transfer.block_hash, &world.model.blocks[tx->block].hash));

    model_mine(&world.model, 2);
    world_ask(&world, &watch, X402_CHARGE_GOOD);
    assert_true(watch.transfer.final);

    model_reorg(&world.model, 3, true); /* gone */
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    uint64_t before_ms = world.model.loop.now_ms;
    world_ask(&world, &watch, X402_CHARGE_LOST);
    assert_true(world.model.loop.now_ms - before_ms >= 1000); /* after a second look */

    tx->dropped = false; /* and back, reverted */
    tx->good = false;
    model_mine(&world.model, 1);
    world_ask(&world, &watch, X402_CHARGE_LOST);
    world_fini(&world);
}

/* Gone at the first look, back at the second: nothing is lost. */
static void test_almost_lost(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    struct x402_charge watch = {.verb = X402_CHARGE_WATCH, .transfer = charge.transfer};
    model_reorg(&world.model, 1, true);
    world_begin(&world, &watch, &done);
    fake_loop_advance(&world.model.loop, 500);
    assert_false(done);
    tx->dropped = false;
    model_mine(&world.model, 1);
    world_wait(&world, &done, 5000);
    assert_true(done);
    assert_int_equal(watch.outcome, X402_CHARGE_GOOD);
    world_fini(&world);
}

static const char *no_receipt(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    return strcmp(question->method, "eth_getTransactionReceipt") == 0 ? "null" : NULL;
}

/* A node that has the block but forgets the receipt does not reverse a payment. */
static void test_forgetful_node(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    struct x402_charge watch = {.verb = X402_CHARGE_WATCH, .transfer = charge.transfer};
    world.model.nodes[0].lie = no_receipt;
    world_ask(&world, &watch, X402_CHARGE_AWAY);
    world.model.nodes[0].lie = NULL;
    world.model.nodes[0].behind = 1; /* it has not come so far */
    world_ask(&world, &watch, X402_CHARGE_PENDING);
    world_fini(&world);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static const char *lie_receipt(struct chain_model *model, struct fake_question *question)
{
    static char text[4096];
    if (strcmp(question->method, "eth_getTransactionReceipt") != 0) {
        return NULL;
    }
    /* The receipt of another transaction than was asked for. */
    (void)snprintf(text, sizeof(text),
                   "{\"status\":\"0x1\",\"logs\":[],\"transactionHash\":\"0x%064d\","
                   "\"blockHash\":\"0x%064d\",\"blockNumber\":\"0x%llx\",\"gasUsed\":\"0x1\","
                   "\"from\":\"" WORLD_PAYER "\",\"to\":\"" WORLD_PAYEE "\"}",
                   1, 2, (unsigned long long)model->height);
    return text;
}

static const char *lie_block(struct chain_model *model, struct fake_question *question)
{
    static char text[512];
    if (strcmp(question->method, "eth_getBlockByNumber") != 0 ||
        strstr(question->params, "latest") != NULL) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text),
                   "{\"number\":\"0x%llx\",\"hash\":\"0x%064d\",\"timestamp\":\"0x%llx\","
                   "\"baseFeePerGas\":\"0x1\"}",
                   (unsigned long long)model->height, 3, (unsigned long long)model_time(model));
    return text;
}

static void test_lying_nodes(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world.model.nodes[0].lie = lie_receipt;
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    assert_false(charge.has_transaction);
    world.model.nodes[0].lie = lie_block; /* the receipt's block is not the chain's */
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    world.model.nodes[0].lie = NULL;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world_fini(&world);
}

static void test_bad_nodes(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_nodes(&world, 3, 1);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world.model.nodes[0].away = true; /* passed over */
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.nodes[1].hangs = true;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.nodes[2].away = true;
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    struct x402_facilitator_status status;
    world.facilitator->ops->status(world.facilitator, world.network, &status);
    assert_false(status.reachable);
    world.model.nodes[0].away = world.model.nodes[1].hangs = world.model.nodes[2].away = false;
    fake_loop_advance(&world.model.loop, 60000);
    charge.expires_ms += 100000;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.facilitator->ops->status(world.facilitator, world.network, &status);
    assert_true(status.reachable);
    assert_int_equal(status.block, world.model.height);
    world_fini(&world);
}

static void test_wrong_chain(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.model.nodes[0].chain_id = 1;
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    world_fini(&world);
}

static void test_quorum(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_nodes(&world, 3, 2);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.nodes[0].lie = no_receipt; /* one liar of three */
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.nodes[2].away = true; /* one against one */
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    world.model.nodes[0].lie = NULL;
    world.model.nodes[0].behind = 1; /* behind by a block: the depth counts from the lower one */
    world.model.nodes[2].away = false;
    fake_loop_advance(&world.model.loop, 10000); /* one that was away rests for a moment */
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* --- cancelling ------------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, false);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    for (uint64_t after_ms = 0; after_ms < 5; after_ms++) {
        world_begin(&world, &charge, &done);
        fake_loop_advance(&world.model.loop, after_ms);
        if (!done) {
            world.facilitator->ops->cancel(world.facilitator, &charge);
        }
        bool was = done;
        fake_loop_advance(&world.model.loop, 100);
        assert_int_equal(done, was);
    }
    world_begin(&world, &charge, &done); /* closing ends it without a word */
    world_close(&world);
    assert_false(done);
    world_fini(&world);
}

static void test_no_memory_for_a_timer(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, false);
    fake_loop_advance(&world.model.loop, 100);
    struct model_tx *tx = pay(&world);
    struct x402_charge charge = world_observe(&world, &tx->hash);
    struct x402_charge other = charge;
    bool other_done;
    world.model.loop.no_memory = true;
    world_begin(&world, &charge, &done);
    world_begin(&world, &other, &other_done);
    world.model.loop.no_memory = false;
    world.facilitator->ops->cancel(world.facilitator, &other);
    fake_loop_advance(&world.model.loop, 20000); /* the next pulse */
    assert_true(done && !other_done);
    assert_int_equal(charge.outcome, X402_CHARGE_AWAY);
    assert_string_equal(charge.reason, "unexpected_verify_error");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_published_reorganisation),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_false_nonces),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_not_a_transfer),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_reorganised),
        cmocka_unit_test(test_almost_lost),
        cmocka_unit_test(test_forgetful_node),
        cmocka_unit_test(test_lying_nodes),
        cmocka_unit_test(test_bad_nodes),
        cmocka_unit_test(test_wrong_chain),
        cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_no_memory_for_a_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
