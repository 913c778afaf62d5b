/* VERIFY, SETTLE and ASK over the chain model: what becomes of an authorization, whatever nodes,
 * strangers and reorganisations do. */
#include "direct_world.h"
#include "tests/unit/x402/evm_vectors.h"

/* --- VERIFY ----------------------------------------------------------------------------------- */

static void test_verify(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge good = verified(&world);
    assert_int_equal(good.from_block, world.model.height);
    assert_memory_equal(good.intended_sender.bytes, world.key.address.bytes, EVM_ADDRESS_BYTES);
    assert_int_equal(model_raw_count(&world.model), 0);

    struct x402_charge charge = good;
    charge.smart_wallet = true;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_signature");
    charge = good;
    charge.authorization.value = evm_u256_of(0);
    world_ask_reason(&world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_payload_authorization_value_mismatch");
    charge.authorization.value = evm_u256_of((uint64_t)INT64_MAX + 1);
    world_ask_reason(&world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_payload_authorization_value_mismatch");
    charge = good;
    charge.authorization.to = charge.authorization.from;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_recipient_mismatch");
    charge = good;
    charge.authorization.valid_before = evm_u256_of(model_time(&world.model));
    world_ask_reason(&world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_payload_authorization_valid_before");
    charge = good;
    world.model.payer_balance = evm_u256_of(WORLD_PRICE - 1);
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "invalid_exact_evm_insufficient_balance");
    world.model.payer_balance = evm_u256_of(WORLD_PRICE);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.refuses_simulation = true;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_transaction_simulation_failed");
    world_fini(&world);
}

static void test_verify_used(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge charge = verified(&world);
    struct x402_charge cancelled = verified(&world);
    struct model_tx *tx = stranger_uses(&world, &charge);
    model_mine_tx(&world.model, tx);
    world_ask(&world, &charge, X402_CHARGE_STRAY);
    assert_true(world_is(&charge.transfer.transaction, &tx->hash));
    assert_int_equal(charge.transfer.log_index, 1);

    tx = model_add(&world.model, &world.payer);
    struct model_log *log =
        model_used(tx, &world.model.token, &world.payer, &cancelled.authorization.nonce);
    log->topics[0] = evm_topic_authorization_canceled;
    model_mine_tx(&world.model, tx);
    world_ask_reason(&world, &cancelled, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used");
    world_fini(&world);
}

static void test_verify_here(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct x402_charge charge = world_authorize(&world);
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "unsupported_scheme");
    charge.verb = X402_CHARGE_SETTLE;
    world_ask_reason(&world, &charge, X402_CHARGE_BAD, "unsupported_scheme");
    world_close(&world);

    world.model.has_code = false;
    world_open(&world, true);
    charge = world_authorize(&world);
    world_ask_reason(&world, &charge, X402_CHARGE_AWAY, "asset_not_deployed_contract");
    world.model.has_code = true;
    world.model.separator.bytes[0] ^= 1;
    world_ask_reason(&world, &charge, X402_CHARGE_AWAY, "invalid_exact_evm_token_name_mismatch");
    world.model.separator.bytes[0] ^= 1;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world_close(&world);

    world.model.gas_balance = evm_u256_of(1000);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    assert_non_null(strstr(charge.text, "gas account"));
    world.model.gas_balance = evm_u256_of(UINT64_C(1000000000000000000));
    fake_loop_advance(&world.model.loop, 40000);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.base_fee = world.network->max_fee_wei;
    fake_loop_advance(&world.model.loop, 40000);
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    assert_non_null(strstr(charge.text, "max_fee_gwei"));
    world_fini(&world);
}

/* --- what the official facilitator says --------------------------------------------------------
 */

static struct evm_authorization published_authorization(const json_t *item)
{
    const json_t *payload = json_object_get(json_object_get(item, "request"), "paymentPayload");
    const json_t *object = json_object_get(json_object_get(payload, "payload"), "authorization");
    return (struct evm_authorization){.from = evm_vectors_address(object, "from"),
                                      .to = evm_vectors_address(object, "to"),
                                      .value = evm_vectors_u256(object, "value"),
                                      .valid_after = evm_vectors_u256(object, "validAfter"),
                                      .valid_before = evm_vectors_u256(object, "validBefore"),
                                      .nonce = evm_vectors_hash(object, "nonce")};
}

/* Those whose verdict takes a chain; the rest is judged before (offer.h). */
static bool published_chain(struct world *world, const char *id)
{
    if (strcmp(id, "no_funds") == 0) {
        world->model.payer_balance = evm_u256_of(0);
    } else if (strcmp(id, "asset_is_not_a_contract") == 0) {
        world->model.has_code = false;
    } else if (strcmp(id, "requirements_name_differs_from_token") == 0) {
        world->model.separator.bytes[31] ^= 1;
    } else {
        return strcmp(id, "valid") == 0 || strcmp(id, "nonce_used") == 0;
    }
    return true;
}

static void published_verdict(const json_t *item, const char *id, size_t *ret_count)
{
    struct world world;
    world_init(&world);
    if (published_chain(&world, id)) {
        const json_t *response = json_object_get(item, "response");
        const char *reason = json_string_value(json_object_get(response, "invalidReason"));
        struct x402_charge charge = {.verb = X402_CHARGE_VERIFY,
                                     .authorization = published_authorization(item)};
        world_open(&world, true);
        if (strcmp(id, "nonce_used") == 0) { /* by us, as there */
            struct model_tx *tx = stranger_uses(&world, &charge);
            tx->from = world.key.address;
            model_mine_tx(&world.model, tx);
        }
        bool done;
        world_begin(&world, &charge, &done);
        world_wait(&world, &done, 60000);
        assert_true(done);
        if (reason == NULL) {
            assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
        } else {
            assert_true(charge.outcome == X402_CHARGE_BAD || charge.outcome == X402_CHARGE_AWAY);
            assert_string_equal(charge.reason, reason);
        }
        ++*ret_count;
    }
    world_fini(&world);
}

static void test_published(void **state)
{
    (void)state;
    size_t count = 0;
    json_t *published = vectors_load("x402/facilitator-verdicts.json");
    json_t *list = json_object_get(published, "verify");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        published_verdict(item, json_string_value(json_object_get(item, "id")), &count);
    }
    assert_int_equal(count, 5);
    json_decref(published);
}

/* --- SETTLE ----------------------------------------------------------------------------------- */

static void test_settle(void **state)
{
    (void)state;
    struct world world;
    struct x402_facilitator_status status;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct x402_charge charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    const struct model_tx *tx = model_newest(&world.model);
    assert_true(charge.has_transaction && world_is(&charge.sent, &tx->hash));
    assert_true(world_is(&charge.transfer.transaction, &tx->hash));
    assert_int_equal(charge.transfer.log_index, 1);
    assert_int_equal(charge.transfer.amount, WORLD_PRICE);
    assert_true(charge.transfer.has_nonce);
    assert_true(world_is(&charge.transfer.nonce, &charge.authorization.nonce));
    assert_memory_equal(charge.transfer.payer.bytes, world.payer.bytes, EVM_ADDRESS_BYTES);
    assert_memory_equal(charge.transfer.sender.bytes, world.key.address.bytes, EVM_ADDRESS_BYTES);
    assert_int_equal(tx->gas_limit, 150000);
    assert_int_equal(tx->max_fee, 2 * world.model.base_fee + world.model.tip);
    assert_int_equal(tx->tip, world.model.tip);
    world.facilitator->ops->status(world.facilitator, world.network, &status);
    assert_int_equal(status.sent, 1);
    assert_int_equal(status.replaced, 0);
    assert_int_equal(status.gas_balance_wei_high, UINT64_C(1000000000000000000));

    struct x402_charge ask = ask_of(&ready); /* it is still known */
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    assert_true(world_is(&ask.transfer.transaction, &tx->hash));
    world_fini(&world);
}

/* Out of time, mined later: found by asking, by this process and by its successor. */
static void test_late_success(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    world.model.automine = false;
    struct x402_charge charge = settle_of(&ready);
    world_ask_reason(&world, &charge, X402_CHARGE_PENDING, "settlement_pending");
    assert_true(charge.has_transaction);
    assert_int_equal(model_raw_count(&world.model), 1);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    assert_true(ask.has_transaction && world_is(&ask.sent, &charge.sent));
    model_mine(&world.model, 1);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    assert_true(world_is(&ask.transfer.transaction, &charge.sent));

    world_close(&world); /* kill −9, and again: the log has only the intent */
    world_open(&world, true);
    ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    assert_true(world_is(&ask.transfer.transaction, &charge.sent));
    world_close(&world);
    world_open(&world, false); /* the key was taken away: the intent's sender is still ours */
    ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    memset(ask.intended_sender.bytes, 1, EVM_ADDRESS_BYTES);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    assert_int_equal(model_raw_count(&world.model), 1);
    world_fini(&world);
}

static void test_depth_while_settling(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world.network->serve_depth.blocks = 3;
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct x402_charge charge = settle_of(&ready);
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 3000);
    assert_false(done);
    model_mine(&world.model, 2);
    world_wait(&world, &done, 3000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* Somebody else submits it while ours waits in the pool: ours is reverted, theirs counts as stray.
 */
static void test_preempted(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    world.model.automine = false;
    struct x402_charge charge = settle_of(&ready);
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 1000);
    struct model_tx *ours = model_newest(&world.model);
    ours->dropped = true;
    struct model_tx *theirs = stranger_uses(&world, &ready);
    model_mine_tx(&world.model, theirs);
    ours->dropped = false;
    model_mine(&world.model, 1);
    assert_true(ours->mined && !ours->good);
    world_wait(&world, &done, 9000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_STRAY);
    assert_true(world_is(&charge.transfer.transaction, &theirs->hash));
    assert_memory_equal(charge.transfer.sender.bytes, world.stranger.bytes, EVM_ADDRESS_BYTES);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    world_fini(&world);
}

/* Ours was reverted, and a reorganisation let it through after all: whoever has an intent of it in
 * the log is told of the transfer; without, it is used up as before. */
static void test_intended(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct model_tx *tx = model_add(&world.model, &world.key.address);
    model_used(tx, &world.model.token, &ready.authorization.from, &ready.authorization.nonce);
    model_transfer(tx, &world.model.token, &ready.authorization.from, &ready.authorization.to,
                   WORLD_PRICE);
    model_mine_tx(&world.model, tx);
    struct x402_charge again = ready;
    world_ask_reason(&world, &again, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used");
    again = ready;
    again.intended = true;
    world_ask(&world, &again, X402_CHARGE_GOOD);
    assert_true(again.has_transaction && world_is(&again.transfer.transaction, &tx->hash));
    assert_int_equal(again.transfer.amount, WORLD_PRICE);
    world_fini(&world);
}

/* One balance is not good for several payments under way. */
static void test_reserved(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    world.model.payer_balance = evm_u256_of(2 * WORLD_PRICE);
    struct x402_charge charge = world_authorize(&world);
    charge.reserved = WORLD_PRICE;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    charge = world_authorize(&world);
    charge.reserved = WORLD_PRICE + 1;
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    charge = world_authorize(&world);
    charge.reserved = UINT64_MAX;
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    world_fini(&world);
}

/* Reverted, and nobody has used it: for certain no money has moved. */
static void test_reverted(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = world_authorize(&world);
    ready.authorization.valid_after = evm_u256_of(world.model.loop.now_ms / 1000 + 1000);
    ready.authorization.valid_before = evm_u256_of(world.model.loop.now_ms / 1000 + 2000);
    world_ask(&world, &ready, X402_CHARGE_GOOD); /* a node that simulates badly */
    struct x402_charge charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING); /* a reorganisation may let it succeed yet */
    model_mine(&world.model, 2);
    world_ask_reason(&world, &ask, X402_CHARGE_BAD, "invalid_transaction_state");
    assert_int_equal(model_raw_count(&world.model), 1);
    world_fini(&world);
}

/* The token says that all went well, and moves nothing. */
static void test_without_transfer(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    world.model.no_log = true;
    struct x402_charge charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    model_mine(&world.model, 2);
    world_ask_reason(&world, &ask, X402_CHARGE_BAD, "invalid_exact_evm_transfer_event_mismatch");
    world_fini(&world);
}

/* --- nodes that do not take it ---------------------------------------------------------------- */

static void test_no_funds(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct x402_charge charge = settle_of(&ready);
    world.model.send_error = "insufficient funds for gas * price + value";
    world_ask_reason(&world, &charge, X402_CHARGE_AWAY, "unexpected_settle_error");
    assert_false(charge.has_transaction);
    world.model.send_error = "exceeds block gas limit";
    charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    assert_false(charge.has_transaction);
    world.model.send_error = NULL;
    charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_int_equal(model_newest(&world.model)->nonce, 0); /* no gap was left */
    world_fini(&world);
}

/* The node takes it, but its answer does not come. */
static void test_swallowed(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    world.model.automine = false;
    world.model.swallows = true;
    struct x402_charge charge = settle_of(&ready);
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 2500);
    assert_int_equal(model_raw_count(&world.model), 1);
    world.model.swallows = false;
    model_mine(&world.model, 1);
    world_wait(&world, &done, 7000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    assert_int_equal(model_raw_count(&world.model), 1);
    world_fini(&world);
}

/* Nodes go away after it was sent: not "nothing was begun". */
static void test_away_after_sending(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    world.model.automine = false;
    struct x402_charge charge = settle_of(&ready);
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_raw_count(&world.model), 1);
    world.model.nodes[0].away = true;
    world_wait(&world, &done, 20000);
    assert_int_equal(charge.outcome, X402_CHARGE_PENDING);
    assert_true(charge.has_transaction);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_AWAY);
    world.model.nodes[0].away = false;
    model_mine(&world.model, 1);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* Away from the beginning: nothing was begun, and nothing is begun later. */
static void test_away_before_sending(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    fake_loop_advance(&world.model.loop, 3000);
    world.model.base_fee = world.network->max_fee_wei; /* fees above the cap */
    struct x402_charge charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_AWAY);
    world.model.base_fee = 1000000000;
    fake_loop_advance(&world.model.loop, 60000);
    assert_int_equal(model_raw_count(&world.model), 0);
    charge = settle_of(&ready);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_int_equal(model_newest(&world.model)->nonce, 0);
    world_fini(&world);
}

/* --- ASK -------------------------------------------------------------------------------------- */

/* An intent, and the process died before anything was sent. */
static void test_intent_alone(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING); /* and is broadcast */
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_raw_count(&world.model), 1);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    assert_int_equal(model_raw_count(&world.model), 1);
    world_fini(&world);
}

static void test_expired(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false); /* nobody can broadcast it */
    struct x402_charge ready = world_authorize(&world);
    ready.from_block = world.model.height;
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 301000);
    model_mine(&world.model, 1);
    world_ask(&world, &ask, X402_CHARGE_PENDING); /* that block may go away again */
    model_mine(&world.model, 2);
    world_ask_reason(&world, &ask, X402_CHARGE_BAD,
                     "invalid_exact_evm_payload_authorization_valid_before");
    /* A chain's clock that runs ahead does not decide it alone. */
    ready = world_authorize(&world);
    ask = ask_of(&ready);
    for (uint64_t i = 0; i < 3; i++) {
        world.model.blocks[world.model.height - i].time += 1000;
    }
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    world_fini(&world);
}

static void test_expiring_is_not_broadcast(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    fake_loop_advance(&world.model.loop, 296000);
    model_mine(&world.model, 1);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 60000);
    assert_int_equal(model_raw_count(&world.model), 0);
    world_fini(&world);
}

static void test_cancelled(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct model_tx *tx = model_add(&world.model, &world.payer);
    struct model_log *log =
        model_used(tx, &world.model.token, &world.payer, &ready.authorization.nonce);
    log->topics[0] = evm_topic_authorization_canceled;
    model_mine_tx(&world.model, tx);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    model_mine(&world.model, 2);
    world_ask_reason(&world, &ask, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used");
    world_fini(&world);
}

static const char *short_ranges(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    if (strcmp(question->method, "eth_getLogs") != 0) {
        return NULL;
    }
    const char *from = strstr(question->params, "\"fromBlock\":\"0x");
    const char *to = strstr(question->params, "\"toBlock\":\"0x");
    assert_true(from != NULL && to != NULL);
    unsigned long long first = strtoull(from + strlen("\"fromBlock\":\"0x"), NULL, 16);
    unsigned long long last = strtoull(to + strlen("\"toBlock\":\"0x"), NULL, 16);
    return last - first >= 50 ? "!block range is too large" : NULL;
}

/* Nodes that search only short ranges. */
static void test_search(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct x402_charge ready = world_authorize(&world);
    ready.from_block = world.model.height;
    model_mine(&world.model, 70);
    struct model_tx *tx = stranger_uses(&world, &ready);
    model_mine_tx(&world.model, tx);
    model_mine(&world.model, 100);
    world.model.nodes[0].lie = short_ranges;
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    assert_true(world_is(&ask.transfer.transaction, &tx->hash));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_used),
        cmocka_unit_test(test_verify_here),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_late_success),
        cmocka_unit_test(test_depth_while_settling),
        cmocka_unit_test(test_preempted),
        cmocka_unit_test(test_reverted),
        cmocka_unit_test(test_intended),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_without_transfer),
        cmocka_unit_test(test_no_funds),
        cmocka_unit_test(test_swallowed),
        cmocka_unit_test(test_away_after_sending),
        cmocka_unit_test(test_away_before_sending),
        cmocka_unit_test(test_intent_alone),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_expiring_is_not_broadcast),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
