/* The roster over the chain model and two scripted facilitators: whose turn it is, what is
 * believed, and what becomes of a payment that was given away. */
#include "direct_world.h"

#include "x402/remote.h"

#define SIGNER  "0x00000000000000000000000000000000000000f1"
#define KIND    "{\"x402Version\":2,\"scheme\":\"exact\",\"network\":\"eip155:84532\"}"
#define FORWARD "{\"paymentPayload\":{},\"paymentRequirements\":{},\"x402Version\":2}"

/* What a member does with the next questions. */
struct script {
    const char *verify;
    int verify_status;
    const char *settle; /* NULL: no answer; "%s" stands for the transaction it has made */
    const char *again;  /* to the second time and later; NULL: `settle` */
    int settle_status;
    bool moves;  /* it settles before it answers */
    bool unsent; /* nobody listens */
    unsigned supported, verified, settled;
};

static struct scene {
    struct world world;
    struct x402_roster_file file;
    struct x402_roster *roster;
    struct script scripts[2];
    struct x402_charge *charge; /* what is being settled */
    struct evm_address signer;
    struct evm_hash moved;
    void (*chain)(struct fake_question *question);
} scene;
static bool nameless; /* they do not say who their signers are */

static void member_settles(void)
{
    struct model_tx *tx = model_add(&scene.world.model, &scene.signer);
    model_used(tx, &scene.world.model.token, &scene.charge->authorization.from,
               &scene.charge->authorization.nonce);
    model_transfer(tx, &scene.world.model.token, &scene.charge->authorization.from,
                   &scene.charge->authorization.to, WORLD_PRICE);
    model_mine_tx(&scene.world.model, tx);
    scene.moved = tx->hash;
}

static void settle_answer(struct fake_question *question, struct script *script)
{
    char text[512];
    char hash[EVM_HASH_TEXT_BYTES + 1] = "0x";
    script->settled++;
    const char *says =
        script->again != NULL && script->settled > 1 ? script->again : script->settle;
    if (script->moves && script->settled == 1) {
        member_settles();
    }
    lucid_hex_encode(scene.moved.bytes, EVM_HASH_BYTES, hash + 2);
    hash[EVM_HASH_TEXT_BYTES] = '\0';
    if (script->unsent) {
        fake_answer_unsent(question, 1);
    } else if (says != NULL) {
        const char *at = strstr(says, "%s");
        (void)snprintf(text, sizeof(text), "%.*s%s%s",
                       (int)(at == NULL ? strlen(says) : (size_t)(at - says)), says,
                       at == NULL ? "" : hash, at == NULL ? "" : at + 2);
        fake_answer(question, script->settle_status == 0 ? 200 : script->settle_status, text, 5);
    }
}

static void member_answers(struct fake_question *question, struct script *script)
{
    const char *url = question->call->url;
    if (strstr(url, "/supported") != NULL) {
        script->supported++;
        fake_answer(question, 200,
                    nameless ? "{\"kinds\":[" KIND "]}"
                             : "{\"kinds\":[" KIND
                               "],\"extensions\":[],\"signers\":{\"eip155:*\":[\"" SIGNER "\"]}}",
                    1);
    } else if (strstr(url, "/verify") != NULL) {
        script->verified++;
        if (script->verify == NULL) {
            fake_answer_error(question, LUCID_RETRY_IO, 1);
        } else {
            fake_answer(question, script->verify_status == 0 ? 200 : script->verify_status,
                        script->verify, 1);
        }
    } else {
        settle_answer(question, script);
    }
}

static void answer(struct fake_question *question)
{
    if (strncmp(question->call->url, "https://one", 11) == 0) {
        member_answers(question, &scene.scripts[0]);
    } else if (strncmp(question->call->url, "https://two", 11) == 0) {
        member_answers(question, &scene.scripts[1]);
    } else {
        scene.chain(question);
    }
}

#define VALID "{\"isValid\":true,\"payer\":\"" WORLD_PAYER "\"}"
#define SETTLED(hash, network)                                                                     \
    "{\"success\":true,\"transaction\":\"" hash "\",\"network\":\"" network                        \
    "\",\"payer\":\"" WORLD_PAYER "\"}"
#define NOT_SETTLED(reason, hash)                                                                  \
    "{\"success\":false,\"errorReason\":\"" reason "\",\"transaction\":\"" hash                    \
    "\",\"network\":\"eip155:84532\"}"

static void scene_open(const char *order)
{
    char json[512];
    memset(&scene, 0, sizeof(scene));
    world_init(&scene.world);
    scene.signer = world_address(SIGNER);
    scene.scripts[0].verify = scene.scripts[1].verify = VALID;
    (void)snprintf(json, sizeof(json),
                   "{\"facilitators\":[{\"name\":\"one\",\"url\":\"https://one/"
                   "x\",\"settle_timeout_ms\":1000},{\"name\":"
                   "\"two\",\"url\":\"https://two\"}],\"order\":%s}",
                   order);
    assert_int_equal(x402_roster_parse(lucid_span_str(json), &scene.file, NULL), LUCID_OK);
    (void)snprintf(scene.world.network->gas_key_file, sizeof(scene.world.network->gas_key_file),
                   "/gas");
    scene.chain = scene.world.model.out.ask;
    scene.world.model.out.ask = answer;
    world_open(&scene.world, true);
    const struct x402_roster_options options = {.loop = &scene.world.model.loop.loop,
                                                .outgoing = &scene.world.model.out.outgoing,
                                                .networks = &scene.world.networks,
                                                .file = &scene.file,
                                                .direct = scene.world.facilitator,
                                                .settle_ms_max = 5000};
    assert_int_equal(x402_roster_open(&options, &scene.roster), LUCID_OK);
    scene.world.facilitator = x402_roster_base(scene.roster);
    fake_loop_advance(&scene.world.model.loop, 50);
    assert_int_equal(scene.scripts[0].supported, 1);
}

static void scene_close(void)
{
    world_fini(&scene.world);
}

static struct x402_charge authorize(void)
{
    struct x402_charge charge = world_authorize(&scene.world);
    charge.forward = lucid_span_str(FORWARD);
    return charge;
}

/* VERIFY that must be taken by that one. */
static struct x402_charge verified_by(const char *name)
{
    struct x402_charge charge = authorize();
    world_ask(&scene.world, &charge, X402_CHARGE_GOOD);
    assert_string_equal(charge.facilitator, name);
    return charge;
}

static struct x402_member_status status_of(size_t member)
{
    struct x402_member_status status;
    x402_roster_member_status(scene.roster, member, &status);
    return status;
}

static struct x402_charge settle(const struct x402_charge *verified,
                                 enum x402_charge_outcome expected)
{
    struct x402_charge charge = settle_of(verified);
    scene.charge = &charge;
    world_ask(&scene.world, &charge, expected);
    scene.charge = NULL;
    return charge;
}

/* --- whose turn ----------------------------------------------------------------------------------
 */

static void order_and_fail_over(void **state)
{
    (void)state;
    scene_open("[\"one\",\"two\",\"direct\"]");
    struct x402_charge charge = verified_by("one");
    assert_true(charge.from_block > 0);
    assert_int_equal(scene.scripts[1].verified, 0);
    /* Nothing of these is an answer, or the trouble is its own. */
    static const struct {
        const char *body;
        int status;
    } troubles[] = {
        {NULL, 0},
        {"", 200},
        {"[]", 200},
        {"{\"isValid\":1}", 200},
        {"{\"isValid\":true,\"isValid\":true}", 200},
        {VALID, 500},
        {VALID, 429},
        {VALID, 301},
        {"{\"isValid\":true,\"payer\":\"" WORLD_STRANGER "\"}", 200},
        {"{\"isValid\":false,\"invalidReason\":\"invalid_network\"}", 400},
        {"{\"isValid\":false}", 200},
        {"{\"isValid\":false,\"invalidReason\":7}", 200},
    };
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        scene.scripts[0].verify = troubles[i].body;
        scene.scripts[0].verify_status = troubles[i].status;
        (void)verified_by("two");
    }
    assert_int_equal(status_of(1).lies, 1);
    scene.scripts[1].verify = NULL;
    (void)verified_by("direct");
    scene_close();
}

static void nobody_can(void **state)
{
    (void)state;
    scene_open("[\"one\",\"two\"]");
    scene.scripts[0].verify = scene.scripts[1].verify = NULL;
    struct x402_charge charge = authorize();
    world_ask_reason(&scene.world, &charge, X402_CHARGE_AWAY, "unexpected_verify_error");
    /* Without the bytes to forward, and with a smart wallet that none takes. */
    charge = world_authorize(&scene.world);
    world_ask_reason(&scene.world, &charge, X402_CHARGE_BAD, "unsupported_scheme");
    charge = authorize();
    charge.smart_wallet = true;
    world_ask_reason(&scene.world, &charge, X402_CHARGE_BAD, "unsupported_scheme");
    /* Our nodes are away: nobody is asked. */
    unsigned asked = scene.scripts[0].verified;
    scene.world.model.nodes[0].away = true;
    charge = authorize();
    world_ask(&scene.world, &charge, X402_CHARGE_AWAY);
    assert_int_equal(scene.scripts[0].verified, asked);
    scene_close();
}

static void a_no_is_a_no(void **state)
{
    (void)state;
    scene_open("[\"one\",\"two\"]");
    scene.scripts[0].verify = "{\"isValid\":false,\"invalidReason\":\"insufficient_funds\","
                              "\"invalidMessage\":\"\\u0007 \\\"no\\\"\"}";
    struct x402_charge charge = authorize();
    world_ask_reason(&scene.world, &charge, X402_CHARGE_BAD, "insufficient_funds");
    assert_string_equal(charge.text, "one says: insufficient_funds: ? ?no?");
    scene.scripts[0].verify = "{\"isValid\":false,\"invalidReason\":\"address_kyt\"}";
    charge = authorize();
    world_ask_reason(&scene.world, &charge, X402_CHARGE_BAD, "unexpected_verify_error");
    assert_int_equal(scene.scripts[1].verified, 0);
    /* What our own look sees comes before anybody is asked. */
    unsigned asked = scene.scripts[0].verified;
    scene.world.model.payer_balance = evm_u256_of(1);
    charge = authorize();
    world_ask_reason(&scene.world, &charge, X402_CHARGE_BAD,
                     "invalid_exact_evm_insufficient_balance");
    assert_int_equal(scene.scripts[0].verified, asked);
    scene_close();
}

/* --- settlements ---------------------------------------------------------------------------------
 */

static void settles_with(const char *body, int status, uint64_t lies)
{
    scene_open("[\"one\",\"two\"]");
    struct x402_charge verified = verified_by("one");
    scene.scripts[0].settle = body;
    scene.scripts[0].settle_status = status;
    scene.scripts[0].moves = true;
    struct x402_charge charge = settle(&verified, X402_CHARGE_GOOD);
    assert_true(world_is(&charge.transfer.transaction, &scene.moved));
    assert_int_equal(charge.transfer.amount, WORLD_PRICE);
    assert_true(charge.bound);
    assert_int_equal(status_of(1).lies, lies);
    assert_int_equal(status_of(1).settled, 1);
    assert_int_equal(scene.scripts[1].settled, 0);
    scene_close();
}

/* It settles, whatever it says. */
static void the_chain_decides(void **state)
{
    (void)state;
    settles_with(SETTLED("%s", "eip155:84532"), 200, 0);
    settles_with(SETTLED("%s", "base-sepolia"), 200, 0);
    settles_with(SETTLED("", "eip155:84532"), 200, 1);
    settles_with(SETTLED("0xabababababababababababababababababababababababababababababababab",
                         "eip155:84532"),
                 200, 1);
    settles_with(SETTLED("%s", "eip155:1"), 200, 1);
    settles_with("{\"success\":true,\"transaction\":\"%s\"}", 200, 1);
    settles_with(NOT_SETTLED("invalid_transaction_state", ""), 200, 1);
    settles_with(NOT_SETTLED("settlement_pending", "%s"), 500, 0);
    settles_with(NOT_SETTLED("settlement_pending", ""), 200, 0);
    settles_with(NOT_SETTLED("duplicate_settlement", ""), 200, 0);
    settles_with("<html>", 200, 0);
    settles_with("{}", 500, 0);
    settles_with(NULL, 0, 0); /* it never answers */
}

/* It says so, and has not. */
static void nothing_is_believed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        SETTLED("0xabababababababababababababababababababababababababababababababab",
                "eip155:84532"),
        SETTLED("", "eip155:84532"), NOT_SETTLED("invalid_transaction_state", ""),
        NOT_SETTLED("insufficient_funds", ""), NOT_SETTLED("settlement_pending", "")};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        scene_open("[\"one\",\"two\"]");
        struct x402_charge verified = verified_by("one");
        scene.scripts[0].settle = bodies[i];
        (void)settle(&verified, X402_CHARGE_PENDING);
        assert_in_range(scene.scripts[0].settled, 1, 2);
        assert_int_equal(scene.scripts[1].settled, 0);
        /* Asked again it is given the same once more. */
        unsigned before = scene.scripts[0].settled;
        struct x402_charge ask = ask_of(&verified);
        world_ask(&scene.world, &ask, X402_CHARGE_PENDING);
        assert_int_equal(scene.scripts[0].settled, before + 1);
        /* Unused and over, for good. */
        fake_loop_advance(&scene.world.model.loop, 400000);
        model_mine(&scene.world.model, 20);
        ask = ask_of(&verified);
        world_ask(&scene.world, &ask, X402_CHARGE_BAD);
        assert_int_equal(scene.scripts[0].settled, before + 1);
        scene_close();
    }
}

static void resent_once(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        unsigned times;
    } cases[] = {{"{}", 500, 2},
                 {"", 429, 2},
                 {NOT_SETTLED("settlement_pending", ""), 500, 2},
                 {NOT_SETTLED("invalid_transaction_state", ""), 200, 1},
                 {SETTLED("", "eip155:84532"), 200, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scene_open("[\"one\"]");
        struct x402_charge verified = verified_by("one");
        scene.scripts[0].settle = cases[i].body;
        scene.scripts[0].settle_status = cases[i].status;
        (void)settle(&verified, X402_CHARGE_PENDING);
        assert_int_equal(scene.scripts[0].settled, cases[i].times);
        scene_close();
    }
}

/* AWAY undoes an intent: only what certainly never left may be that. */
static void away_means_unsent(void **state)
{
    (void)state;
    scene_open("[\"one\"]");
    struct x402_charge verified = verified_by("one");
    scene.scripts[0].unsent = true;
    (void)settle(&verified, X402_CHARGE_AWAY);
    scene.scripts[0].unsent = false;
    scene.scripts[0].settle = NULL;
    (void)settle(&verified, X402_CHARGE_PENDING);
    /* Asking is nothing that could be undone. */
    scene.scripts[0].unsent = true;
    struct x402_charge ask = ask_of(&verified);
    world_ask(&scene.world, &ask, X402_CHARGE_PENDING);
    scene_close();
}

/* A stranger's settlement is stray; while the signers are not known it is not decided. */
static void strangers(void **state)
{
    (void)state;
    scene_open("[\"one\"]");
    struct x402_charge verified = verified_by("one");
    struct model_tx *tx = stranger_uses(&scene.world, &verified);
    model_mine_tx(&scene.world.model, tx);
    struct x402_charge ask = ask_of(&verified);
    world_ask(&scene.world, &ask, X402_CHARGE_STRAY);
    assert_true(world_is(&ask.transfer.transaction, &tx->hash));
    /* Told of by the facilitator itself it is its own. */
    scene.scripts[0].settle = NOT_SETTLED("settlement_pending", "%s");
    scene.moved = tx->hash;
    (void)settle(&verified, X402_CHARGE_GOOD);
    /* Somebody who is not in the file any more. */
    ask = ask_of(&verified);
    (void)snprintf(ask.facilitator, sizeof(ask.facilitator), "gone");
    world_ask(&scene.world, &ask, X402_CHARGE_PENDING);
    scene_close();
}

/* Of one that does not say who its signers are, only what it told is its own: that is remembered by
 * who asks, and asked for once where the answer was lost. */
static void told(void **state)
{
    (void)state;
    nameless = true;
    scene_open("[\"one\"]");
    struct x402_charge verified = verified_by("one");
    struct model_tx *tx = stranger_uses(&scene.world, &verified);
    model_mine_tx(&scene.world.model, tx);
    scene.moved = tx->hash;
    struct x402_charge ask = ask_of(&verified);
    ask.has_told = true;
    ask.told = tx->hash;
    world_ask(&scene.world, &ask, X402_CHARGE_GOOD);
    assert_int_equal(scene.scripts[0].settled, 0);
    /* Also of one that is not in the file any more. */
    (void)snprintf(ask.facilitator, sizeof(ask.facilitator), "gone");
    world_ask(&scene.world, &ask, X402_CHARGE_GOOD);
    /* What was told before may be another: that is no lie. */
    ask = ask_of(&verified);
    ask.has_told = true;
    memset(&ask.told, 0xab, sizeof(ask.told));
    world_ask(&scene.world, &ask, X402_CHARGE_STRAY);
    /* Nobody knows: it is asked, once. */
    scene.scripts[0].settle = NOT_SETTLED("duplicate_settlement", "%s");
    ask = ask_of(&verified);
    world_ask(&scene.world, &ask, X402_CHARGE_GOOD);
    assert_int_equal(scene.scripts[0].settled, 1);
    scene.scripts[0].settle = NOT_SETTLED("invalid_transaction_state", "");
    ask = ask_of(&verified);
    world_ask(&scene.world, &ask, X402_CHARGE_STRAY);
    assert_int_equal(scene.scripts[0].settled, 2);
    assert_int_equal(status_of(1).lies, 0);
    scene_close();
    /* The first answer is lost. */
    scene_open("[\"one\"]");
    verified = verified_by("one");
    scene.scripts[0].moves = true;
    scene.scripts[0].again = SETTLED("%s", "eip155:84532");
    (void)settle(&verified, X402_CHARGE_GOOD);
    assert_int_equal(scene.scripts[0].settled, 2);
    scene_close();
    nameless = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_fail_over),
        cmocka_unit_test(nobody_can),
        cmocka_unit_test(a_no_is_a_no),
        cmocka_unit_test(the_chain_decides),
        cmocka_unit_test(nothing_is_believed),
        cmocka_unit_test(resent_once),
        cmocka_unit_test(away_means_unsent),
        cmocka_unit_test(strangers),
        cmocka_unit_test(told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
