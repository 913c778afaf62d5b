/* x402/gate.h, state by state: every outcome of every state, what the client is told, what the log
 * and the spent store hold then, what the keeper makes of it, and what the same proof gets again.
 */
#include "tests/unit/x402/gate_scene.h"

/* --- the table -------------------------------------------------------------------------------- */

struct gate_case {
    const char *name;
    bool transfer;
    bool exclusive;
    bool writes;
    bool refuse;                  /* the write */
    enum x402_charge_outcome say; /* OBSERVE, or VERIFY */
    enum x402_charge_outcome settle;
    unsigned fail_which; /* commands that the writer fails … */
    enum lucid_error fail;
    int takes; /* commands taken before it takes no more; 0: all */
    /* Then. */
    enum x402_gate_outcome want;
    const char *reason;
    int status;
    bool served;
    uint64_t claims;
    /* Then the writer works again, the keeper asks and hears … */
    enum x402_charge_outcome ask;
    int later;
    /* and the same proof for the same request gets */
    enum x402_gate_outcome again;
};

#define FAILS(verb, error) .fail_which = BIT(verb), .fail = (error)

static const struct gate_case cases[] = {
    /* An authorization that goes well. */
    {"a read", .say = GOOD, .settle = GOOD, .want = X402_ADMITTED, .reason = "paid",
     .status = X402_SETTLED, .served = true, .later = X402_SETTLED, .again = X402_ADMITTED},
    {"a write", .writes = true, .say = GOOD, .settle = GOOD, .want = X402_ADMITTED,
     .reason = "paid", .status = X402_SETTLED, .served = true, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    {"a write that is refused", .writes = true, .refuse = true, .say = GOOD, .settle = GOOD,
     .want = X402_UNSERVED, .reason = "request_refused", .status = X402_SETTLED,
     .later = X402_SETTLED, .again = X402_UNSERVED},
    /* VERIFYING: nothing has moved, everything is released. */
    {"verify: no", .say = BAD, .want = X402_NOT_PAID,
     .reason = "invalid_exact_evm_insufficient_balance", .status = NONE, .again = X402_NOT_PAID},
    {"verify: not yet", .say = PENDING, .want = X402_UNAVAILABLE,
     .reason = "facilitator_unavailable", .again = X402_UNAVAILABLE},
    {"verify: away", .say = AWAY, .want = X402_UNAVAILABLE, .reason = "facilitator_unavailable",
     .again = X402_UNAVAILABLE},
    {"verify: nonsense", .say = LOST, .want = X402_UNAVAILABLE, .reason = "facilitator_unavailable",
     .again = X402_UNAVAILABLE},
    {"verify: a stranger settled it", .say = STRAY, .want = X402_SPENT,
     .reason = "settled_by_another", .status = X402_STRAY, .later = X402_STRAY,
     .again = X402_SPENT},
    {"verify: a stranger settled it for us", .exclusive = true, .say = STRAY, .want = X402_ADMITTED,
     .reason = "paid", .status = X402_SETTLED, .served = true, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    /* INTENDING: nothing has moved. */
    {"intent: not taken", .say = GOOD, .settle = GOOD, .takes = -1, .fail = LUCID_RETRY_BUSY,
     .want = X402_BROKEN, .reason = "not_recorded", .status = NONE, .again = X402_ADMITTED,
     .later = NONE},
    {"intent: disk full", .say = GOOD, .settle = GOOD, FAILS(X402_INTEND, LUCID_RETRY_FULL),
     .want = X402_BROKEN, .reason = "not_recorded", .status = NONE, .later = NONE,
     .again = X402_ADMITTED},
    {"intent: the store failed", .say = GOOD, .settle = GOOD, FAILS(X402_INTEND, LUCID_FATAL_STORE),
     .want = X402_BROKEN, .reason = "not_recorded", .status = NONE, .claims = 1, .later = NONE,
     .again = X402_ADMITTED},
    /* SETTLING. */
    {"settle: no", .say = GOOD, .settle = BAD, .want = X402_NOT_PAID,
     .reason = "invalid_exact_evm_insufficient_balance", .status = X402_FAILED,
     .later = X402_FAILED, .again = X402_NOT_PAID},
    {"settle: not begun", .say = GOOD, .settle = AWAY, .want = X402_UNAVAILABLE,
     .reason = "facilitator_unavailable", .status = X402_FAILED, .later = X402_FAILED,
     .again = X402_UNAVAILABLE},
    {"settle: not known; then it came", .say = GOOD, .settle = PENDING, .want = X402_OUTSTANDING,
     .reason = "settlement_pending", .status = X402_PENDING, .claims = 1, .ask = GOOD,
     .later = X402_SETTLED, .again = X402_ADMITTED},
    {"settle: not known; then it never came", .say = GOOD, .settle = PENDING,
     .want = X402_OUTSTANDING, .reason = "settlement_pending", .status = X402_PENDING, .claims = 1,
     .ask = BAD, .later = X402_FAILED, .again = X402_OUTSTANDING},
    {"settle: not known; then by a stranger", .say = GOOD, .settle = PENDING,
     .want = X402_OUTSTANDING, .reason = "settlement_pending", .status = X402_PENDING, .claims = 1,
     .ask = STRAY, .later = X402_STRAY, .again = X402_SPENT},
    {"settle: not known; then by a stranger for us", .exclusive = true, .say = GOOD,
     .settle = PENDING, .want = X402_OUTSTANDING, .reason = "settlement_pending",
     .status = X402_PENDING, .claims = 1, .ask = STRAY, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    {"settle: not known, and still not", .say = GOOD, .settle = PENDING, .want = X402_OUTSTANDING,
     .reason = "settlement_pending", .status = X402_PENDING, .claims = 1, .ask = PENDING,
     .later = X402_PENDING, .again = X402_OUTSTANDING},
    {"settle: not known, nobody can say", .say = GOOD, .settle = PENDING, .want = X402_OUTSTANDING,
     .reason = "settlement_pending", .status = X402_PENDING, .claims = 1, .ask = AWAY,
     .later = X402_PENDING, .again = X402_OUTSTANDING},
    {"settle: by a stranger", .say = GOOD, .settle = STRAY, .want = X402_SPENT,
     .reason = "settled_by_another", .status = X402_STRAY, .later = X402_STRAY,
     .again = X402_SPENT},
    {"settle: by a stranger for us", .exclusive = true, .say = GOOD, .settle = STRAY,
     .want = X402_ADMITTED, .reason = "paid", .status = X402_SETTLED, .served = true,
     .later = X402_SETTLED, .again = X402_ADMITTED},
    /* FAILING, UNDOING: certain, but not in the log yet. */
    {"settle: no, and the disk is full", .say = GOOD, .settle = BAD,
     FAILS(X402_FAIL, LUCID_RETRY_FULL), .want = X402_OUTSTANDING, .reason = "settlement_pending",
     .status = X402_PENDING, .claims = 1, .ask = BAD, .later = X402_FAILED, .again = X402_NOT_PAID},
    {"settle: not begun, and the disk is full", .say = GOOD, .settle = AWAY,
     FAILS(X402_FAIL, LUCID_FATAL_STORE), .want = X402_OUTSTANDING, .reason = "settlement_pending",
     .status = X402_PENDING, .claims = 1, .ask = BAD, .later = X402_FAILED,
     .again = X402_UNAVAILABLE},
    /* RECORDING: money has moved. */
    {"record: disk full", .say = GOOD, .settle = GOOD, FAILS(X402_SETTLE, LUCID_RETRY_FULL),
     .want = X402_OUTSTANDING, .reason = "not_recorded_yet", .status = X402_PENDING, .claims = 1,
     .ask = GOOD, .later = X402_SETTLED, .again = X402_ADMITTED},
    {"record: the store failed", .writes = true, .say = GOOD, .settle = GOOD,
     FAILS(X402_SETTLE, LUCID_FATAL_STORE), .want = X402_OUTSTANDING, .reason = "not_recorded_yet",
     .status = X402_PENDING, .claims = 1, .ask = GOOD, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    {"record: not taken", .writes = true, .say = GOOD, .settle = GOOD, .takes = 1,
     .fail = LUCID_RETRY_BUSY, .want = X402_OUTSTANDING, .reason = "not_recorded_yet",
     .status = X402_PENDING, .claims = 1, .ask = GOOD, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    {"stray: disk full", .say = GOOD, .settle = STRAY, FAILS(X402_RECORD_STRAY, LUCID_RETRY_FULL),
     .want = X402_OUTSTANDING, .reason = "not_recorded_yet", .status = X402_PENDING, .claims = 1,
     .ask = STRAY, .later = X402_STRAY, .again = X402_SPENT},
    /* A transfer. */
    {"transfer: a read", .transfer = true, .say = GOOD, .want = X402_ADMITTED, .reason = "paid",
     .status = X402_SETTLED, .served = true, .later = X402_SETTLED, .again = X402_ADMITTED},
    {"transfer: a write", .transfer = true, .writes = true, .say = GOOD, .want = X402_ADMITTED,
     .reason = "paid", .status = X402_SETTLED, .served = true, .later = X402_SETTLED,
     .again = X402_ADMITTED},
    {"transfer: a write that is refused", .transfer = true, .writes = true, .refuse = true,
     .say = GOOD, .want = X402_UNSERVED, .reason = "request_refused", .status = X402_SETTLED,
     .later = X402_SETTLED, .again = X402_UNSERVED},
    {"transfer: no", .transfer = true, .say = BAD, .want = X402_NOT_PAID,
     .reason = "invalid_exact_evm_insufficient_balance", .again = X402_NOT_PAID},
    {"transfer: not deep enough", .transfer = true, .say = PENDING, .want = X402_OUTSTANDING,
     .reason = "transfer_not_final", .again = X402_OUTSTANDING},
    {"transfer: away", .transfer = true, .say = AWAY, .want = X402_UNAVAILABLE,
     .reason = "facilitator_unavailable", .again = X402_UNAVAILABLE},
    {"transfer: nonsense", .transfer = true, .say = STRAY, .want = X402_UNAVAILABLE,
     .reason = "facilitator_unavailable", .again = X402_UNAVAILABLE},
    {"transfer: disk full", .transfer = true, .say = GOOD, FAILS(X402_SETTLE, LUCID_RETRY_FULL),
     .want = X402_OUTSTANDING, .reason = "not_recorded_yet", .status = NONE, .claims = 1,
     .later = X402_SETTLED, .again = X402_ADMITTED},
    {"transfer: not taken", .transfer = true, .writes = true, .say = GOOD, .takes = -1,
     .fail = LUCID_RETRY_FULL, .want = X402_OUTSTANDING, .reason = "not_recorded_yet",
     .status = NONE, .claims = 1, .later = X402_SETTLED, .again = X402_ADMITTED},
    {"transfer: the store failed", .transfer = true, .writes = true, .say = GOOD,
     FAILS(X402_SETTLE, LUCID_FATAL_STORE), .want = X402_OUTSTANDING, .reason = "not_recorded_yet",
     .status = NONE, .claims = 1, .later = X402_SETTLED, .again = X402_ADMITTED},
};

static void case_run(const struct gate_case *c)
{
    struct scene *scene = scene_open(c->exclusive);
    struct house *house = &scene->house;
    struct buyer *buyer = &scene->buyer;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    bool served = false;
    script_set(c->say, c->say, c->settle,
               c->ask == GOOD && c->settle != PENDING && c->fail_which == 0 && c->takes == 0
                   ? PENDING
                   : c->ask,
               GOOD);
    house_open(house, NULL);
    if (c->transfer) {
        buyer_transfer(house, buyer, 7, 1, 1, 1, 1);
        transfer_id(scene, id);
    } else {
        buyer_authorization(house, buyer, 1, 1, 1);
        world_id(&house->world, 1, id);
    }
    if (c->writes) {
        buyer_ware(buyer, 5, c->refuse);
    }
    house->fail_which = c->fail_which;
    house->fail_verb = c->fail;
    if (c->takes != 0) {
        house->refuse = c->fail;
        house->refuse_after = c->takes < 0 ? 0 : (uint64_t)c->takes;
    }
    scene_buy(scene, buyer);
    assert_int_equal(buyer->job.outcome, c->want);
    assert_string_equal(buyer->job.reason, c->reason);
    assert_int_equal(status_of(scene, id, &served), c->status);
    assert_int_equal(served, c->served);
    assert_int_equal(claims_of(scene), c->claims);
    if (c->want == X402_OUTSTANDING || c->status == X402_SETTLED) {
        assert_true(buyer->job.has_payment);
        assert_memory_equal(buyer->job.payment.id, id, sizeof(id));
    }
    if (c->want == X402_UNSERVED) {
        assert_string_equal(buyer->ware.command.why.code, "WARE_REFUSED");
    }

    house->fail_which = 0;
    house->refuse = LUCID_OK;
    fake_loop_advance(&scene->loop, 10000);
    served = c->served;
    assert_int_equal(status_of(scene, id, &served), c->later);
    assert_int_equal(served, c->served);
    assert_int_equal(claims_of(scene), c->later == X402_PENDING ? 1 : 0);

    uint64_t asked = house->asked[X402_CHARGE_SETTLE];
    scene_buy(scene, buyer);
    assert_int_equal(buyer->job.outcome, c->again);
    assert_int_equal(buyer->job.replayed, c->served && c->again == X402_ADMITTED);
    if (c->later == X402_SETTLED) {
        assert_int_equal(house->asked[X402_CHARGE_SETTLE], asked); /* money moves once */
    }
    assert_true(world_balances(&house->world));
    scene_close(scene);
}

static void test_every_outcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].name);
        case_run(&cases[i]);
    }
}

/* --- the spent store's answers ---------------------------------------------------------------- */

struct stub_spent {
    struct x402_spent spent; /* first member */
    struct fake_loop *loop;
    struct lucid_timer timer;
    struct x402_claim *claim;
    enum x402_claim_outcome outcome;
    bool same;
    bool here;
    unsigned asked[X402_SPENT_RELEASE + 1];
};

static void stub_fire(struct lucid_timer *timer)
{
    struct stub_spent *stub = lucid_owner(timer, struct stub_spent, timer);
    struct x402_claim *claim = stub->claim;
    stub->claim = NULL;
    claim->outcome = stub->outcome;
    claim->same_request = stub->same;
    claim->here = stub->here;
    claim->done(claim);
}

static void stub_ask(struct x402_spent *spent, struct x402_claim *claim)
{
    struct stub_spent *stub = (struct stub_spent *)spent;
    assert_null(stub->claim);
    stub->asked[claim->verb]++;
    stub->claim = claim;
    stub->timer.fire = stub_fire;
    assert_int_equal(lucid_timer_set(&stub->loop->loop, &stub->timer, 5), LUCID_OK);
}

static void stub_cancel(struct x402_spent *spent, struct x402_claim *claim)
{
    struct stub_spent *stub = (struct stub_spent *)spent;
    if (stub->claim == claim) {
        lucid_timer_clear(&stub->loop->loop, &stub->timer);
        stub->claim = NULL;
    }
}

static void test_claims(void **state)
{
    (void)state;
    static const struct {
        enum x402_claim_outcome outcome;
        bool same;
        bool here;
        enum x402_gate_outcome want;
        const char *reason;
        bool waits;
    } rows[] = {
        {X402_CLAIM_HELD, true, false, X402_OUTSTANDING, "settlement_pending", true},
        {X402_CLAIM_HELD, false, false, X402_OUTSTANDING, "payment_held", false},
        {X402_CLAIM_SPENT, true, false, X402_SPENT, "payment_already_spent", false},
        {X402_CLAIM_SPENT, false, false, X402_SPENT, "payment_already_spent", false},
        /* The store says that our log has it, and the log does not: nobody is let in. */
        {X402_CLAIM_SPENT, true, true, X402_OUTSTANDING, "settlement_pending", false},
        {X402_CLAIM_UNREADY, false, false, X402_UNAVAILABLE, "spent_store_unavailable", false},
    };
    static const struct x402_spent_ops ops = {.ask = stub_ask, .cancel = stub_cancel};
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene *scene = scene_open(false);
        struct stub_spent stub = {.spent = {.ops = &ops}, .loop = &scene->loop};
        stub.outcome = rows[i / 2].outcome;
        stub.same = rows[i / 2].same;
        stub.here = rows[i / 2].here;
        house_open(&scene->house, &stub.spent);
        if (i % 2 == 0) {
            buyer_authorization(&scene->house, &scene->buyer, 1, 1, 1);
        } else {
            buyer_transfer(&scene->house, &scene->buyer, 7, 1, 1, 1, 1);
        }
        uint64_t before_ms = scene->loop.now_ms;
        scene_buy(scene, &scene->buyer);
        assert_int_equal(scene->buyer.job.outcome, rows[i / 2].want);
        assert_string_equal(scene->buyer.job.reason, rows[i / 2].reason);
        assert_int_equal(scene->loop.now_ms - before_ms >= X402_WAIT_MS_DEFAULT, rows[i / 2].waits);
        assert_int_equal(stub.asked[X402_SPENT_PROMOTE] + stub.asked[X402_SPENT_RELEASE], 0);
        assert_int_equal(scene->house.asked[X402_CHARGE_VERIFY], 0);
        assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 0);
        assert_int_equal(scene->house.handed, 0);
        scene_close(scene);
    }
}

/* --- what the log knows ----------------------------------------------------------------------- */

static void test_other_requests(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    struct house *house = &scene->house;
    struct buyer *buyer = &scene->buyer;
    house_open(house, NULL);
    /* Served: the same request again, no other. */
    buyer_authorization(house, buyer, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    assert_false(buyer->job.replayed);
    buyer_authorization(house, buyer, 1, 1, 2);
    assert_int_equal(show(scene, buyer), X402_SPENT);
    buyer_authorization(house, buyer, 1, 2, 1);
    assert_int_equal(show(scene, buyer), X402_SPENT);
    /* Its transaction, shown as a transfer. */
    buyer_transfer(house, buyer, 2, 1, 1, 2, 2);
    assert_int_equal(show(scene, buyer), X402_SPENT);
    buyer_transfer(house, buyer, 2, 1, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    assert_true(buyer->job.replayed);
    assert_int_equal(house->asked[X402_CHARGE_OBSERVE], 0);
    /* By somebody who is not the payer: the chain is asked, and says no. */
    script[X402_CHARGE_OBSERVE] = BAD;
    buyer_transfer(house, buyer, 2, 1, 9, 1, 1);
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    assert_int_equal(house->asked[X402_CHARGE_OBSERVE], 1);
    buyer_transfer(house, buyer, 2, 1, 1, 1, 1);
    buyer->job.match.signed_by_payer = false;
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    /* A smart wallet's signature proves nothing here, not even for what is served. */
    buyer_authorization(house, buyer, 1, 1, 1);
    buyer->job.proof.smart_wallet = true;
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    assert_string_equal(buyer->job.reason, "invalid_exact_evm_signature");
    scene_close(scene);
}

static void test_unserved(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    struct house *house = &scene->house;
    struct buyer *buyer = &scene->buyer;
    bool served = false;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    house_open(house, NULL);
    world_id(&house->world, 1, id);
    buyer_authorization(house, buyer, 1, 1, 1);
    buyer_ware(buyer, 10, true);
    assert_int_equal(show(scene, buyer), X402_UNSERVED);
    assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
    assert_false(served);
    /* Refused again; for another place; then the corrected body, several at once: one wins. */
    buyer_authorization(house, buyer, 1, 1, 2);
    buyer_ware(buyer, 11, true);
    assert_int_equal(show(scene, buyer), X402_UNSERVED);
    buyer_authorization(house, buyer, 1, 2, 1);
    buyer_ware(buyer, 12, false);
    assert_int_equal(show(scene, buyer), X402_SPENT);
    static struct buyer many[8];
    unsigned admitted = 0;
    for (unsigned i = 0; i < 8; i++) {
        buyer_authorization(house, &many[i], 1, 1, 3 + i);
        buyer_ware(&many[i], 20 + i, false);
        buyer_enter(house, &many[i]);
    }
    fake_loop_advance(&scene->loop, 1000);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(many[i].done, 1);
        admitted += many[i].job.outcome == X402_ADMITTED;
        assert_true(many[i].job.outcome == X402_ADMITTED || many[i].job.outcome == X402_SPENT);
        /* The write falls with the payment. */
        assert_int_equal(many[i].ware.command.error == LUCID_OK,
                         many[i].job.outcome == X402_ADMITTED);
    }
    assert_int_equal(admitted, 1);
    assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
    assert_true(served);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_outcome),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_unserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
