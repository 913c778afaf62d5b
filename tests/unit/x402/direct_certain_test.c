/* "For certain no money has moved" is not said on the word of nodes that are behind, that
 * contradict themselves, or of a token that tells its transfers in another order. */
#include "direct_world.h"

/* A node that is far behind: nothing is used, no log is there; blocks it has not it refuses. */
static const char *state_behind(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    if (strcmp(question->method, "eth_getLogs") == 0) {
        return "[]";
    }
    if (strcmp(question->method, "eth_call") != 0 || strstr(question->params, "e94a0102") == NULL) {
        return NULL;
    }
    return strstr(question->params, "\"latest\"") == NULL
               ? "!header not found"
               : "\"0x0000000000000000000000000000000000000000000000000000000000000000\"";
}

/* Ours is reverted because somebody was faster, and who is asked then has not seen it: that does
 * not make it certain. */
static void test_reverted_told_from_behind(void **state)
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
    model_mine(&world.model, 3); /* final */
    assert_true(ours->mined && !ours->good);
    world.model.nodes[0].lie = state_behind;
    world_wait(&world, &done, 20000);
    assert_int_equal(charge.outcome, X402_CHARGE_PENDING);
    struct x402_charge ask = ask_of(&ready);
    bool asked;
    world_begin(&world, &ask, &asked);
    world_wait(&world, &asked, 60000);
    assert_true(ask.outcome == X402_CHARGE_PENDING || ask.outcome == X402_CHARGE_AWAY);
    world.model.nodes[0].lie = NULL;
    ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    world_fini(&world);
}

static void test_expired_told_from_behind(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, false);
    struct x402_charge ready = world_authorize(&world);
    ready.from_block = world.model.height;
    model_mine_tx(&world.model, stranger_uses(&world, &ready));
    fake_loop_advance(&world.model.loop, 301000);
    model_mine(&world.model, 3);
    world.model.nodes[0].lie = state_behind;
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_AWAY);
    world.model.nodes[0].lie = NULL;
    ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    world_fini(&world);
}

/* The money moved, but by a token that says so in another order: not for certain unmoved. */
static void test_other_order(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    struct model_tx *tx = model_add(&world.model, &world.stranger);
    model_transfer(tx, &world.model.token, &world.payer, &world.payee, WORLD_PRICE);
    model_used(tx, &world.model.token, &world.payer, &ready.authorization.nonce);
    model_mine_tx(&world.model, tx);
    model_mine(&world.model, 4);
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    world_fini(&world);
}

/* A transaction that is said to have used it, and was reverted: the node contradicts itself. */
static struct model_tx *liar;

static const char *failed_receipt(struct chain_model *model, struct fake_question *question)
{
    static char text[1024];
    char hash[EVM_HASH_TEXT_BYTES + 1];
    char block[EVM_HASH_TEXT_BYTES + 1];
    if (strcmp(question->method, "eth_getTransactionReceipt") != 0) {
        return NULL;
    }
    evm_hash_text(&liar->hash, hash);
    evm_hash_text(&model->blocks[liar->block].hash, block);
    (void)snprintf(text, sizeof(text),
                   "{\"status\":\"0x0\",\"logs\":[],\"transactionHash\":\"%s\","
                   "\"blockHash\":\"%s\",\"blockNumber\":\"0x%llx\",\"gasUsed\":\"0x1\","
                   "\"from\":\"" WORLD_STRANGER "\"}",
                   hash, block, (unsigned long long)liar->block);
    return text;
}

static void test_used_by_a_reverted_one(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge ready = verified(&world);
    liar = stranger_uses(&world, &ready);
    model_mine_tx(&world.model, liar);
    model_mine(&world.model, 4);
    world.model.nodes[0].lie = failed_receipt;
    struct x402_charge ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    world.model.nodes[0].lie = NULL;
    ask = ask_of(&ready);
    world_ask(&world, &ask, X402_CHARGE_STRAY);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reverted_told_from_behind),
        cmocka_unit_test(test_expired_told_from_behind),
        cmocka_unit_test(test_other_order),
        cmocka_unit_test(test_used_by_a_reverted_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
