/* The roster on Solana, where nothing is seen: what is taken there of a facilitator's word. */
#include "tests/unit/x402/fake_outgoing.h"
#include "tests/unit/x402/wire_solana.h"
#include "x402/remote.h"

static struct scene {
    struct fake_loop loop;
    struct fake_outgoing out;
    struct x402_networks networks;
    struct x402_roster_file file;
    struct x402_facilitator direct;
    struct x402_roster *roster;
    struct ledger_ed25519_key fee_payer;
    struct x402_solana_payment payment;
    char fee_payer_text[X402_SOLANA_KEY_TEXT_MAX + 1];
    char payer_text[X402_SOLANA_KEY_TEXT_MAX + 1];
    char named[X402_SOLANA_SIGNATURE_TEXT_MAX + 1];   /* as the chain names the payment */
    char another[X402_SOLANA_SIGNATURE_TEXT_MAX + 1]; /* as it names another one of hers */
    char forward[4096];
    const char *verify[2]; /* NULL: no answer */
    const char *settle;
    int status;
    bool unsent;
    unsigned settled;
    bool done;
} scene;

/* --- the facilitators: @n, @a and @p stand for texts of the scene -------------------------------
 */

static void fill(const char *template, char *out, size_t size)
{
    size_t len = 0;
    for (const char *at = template; *at != '\0'; at++) {
        const char *part = at[0] == '@' && at[1] == 'n'   ? scene.named
                           : at[0] == '@' && at[1] == 'a' ? scene.another
                           : at[0] == '@' && at[1] == 'p' ? scene.payer_text
                           : at[0] == '@' && at[1] == 'f' ? scene.fee_payer_text
                                                          : NULL;
        size_t more = part == NULL ? 1 : strlen(part);
        assert_true(len + more < size);
        memcpy(out + len, part == NULL ? at : part, more);
        len += more;
        at += part != NULL ? 1 : 0;
    }
    out[len] = '\0';
}

static void answer(struct fake_question *question)
{
    char text[1024];
    const char *url = question->call->url;
    unsigned which = strncmp(url, "https://two", 11) == 0;
    const char *says = scene.verify[which];
    int status = 200;
    if (strstr(url, "/supported") != NULL) {
        says = which == 1 ? "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\",\"network\":"
                            "\"" SOLANA_NETWORK_DEVNET "\",\"extra\":{\"feePayer\":\"@p\"}}]}"
                          : "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\",\"network\":"
                            "\"" SOLANA_NETWORK_DEVNET "\",\"extra\":{\"feePayer\":\"@f\"}}]}";
    } else if (strstr(url, "/settle") != NULL) {
        scene.settled++;
        says = scene.settle;
        status = scene.status;
        if (scene.unsent) {
            fake_answer_unsent(question, 1);
            return;
        }
    }
    if (says == NULL) {
        fake_answer_error(question, LUCID_RETRY_IO, 1);
        return;
    }
    fill(says, text, sizeof(text));
    fake_answer(question, status, text, 1);
}

/* --- the scene -----------------------------------------------------------------------------------
 */

static void nobody_asks(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    (void)facilitator;
    (void)charge;
    fail_msg("%s", "direct was asked");
}

static void nothing_closes(struct x402_facilitator *facilitator)
{
    (void)facilitator;
}

static void base58(const uint8_t *bytes, size_t len, char *ret, size_t size)
{
    struct lucid_buf out = {.bytes_max = 0};
    x402_base58_write(&out, bytes, len);
    assert_true(lucid_buf_ok(&out) && out.len < size);
    memcpy(ret, out.data, out.len);
    ret[out.len] = '\0';
    lucid_buf_fini(&out);
}

/* The payment of that amount as the chain would name it; its transaction's text is appended. */
static void payment_make(uint64_t amount, char *named, size_t size, struct lucid_buf *text)
{
    const struct wire_solana spec = {.amount = amount, .fee_payer = &scene.fee_payer};
    struct lucid_buf bytes = {.bytes_max = 0};
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    size_t head = wire_solana_make(&spec, &bytes);
    ledger_ed25519_sign(&scene.fee_payer, lucid_span(bytes.data + head, bytes.len - head),
                        signature);
    base58(signature, sizeof(signature), named, size);
    lucid_buf_base64(text, bytes.data, bytes.len);
    assert_true(lucid_buf_ok(text));
    lucid_buf_fini(&bytes);
}

static void payments_make(void)
{
    struct lucid_buf text = {.bytes_max = 0};
    const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {7};
    ledger_ed25519_key_init(seed, &scene.fee_payer);
    payment_make(20000, scene.another, sizeof(scene.another), &text);
    lucid_buf_clear(&text);
    payment_make(10000, scene.named, sizeof(scene.named), &text);
    assert_int_equal(x402_solana_parse(lucid_buf_span(&text), &scene.payment, NULL), LUCID_OK);
    base58(scene.payment.payer, X402_SOLANA_KEY_BYTES, scene.payer_text, sizeof(scene.payer_text));
    base58(scene.payment.fee_payer, X402_SOLANA_KEY_BYTES, scene.fee_payer_text,
           sizeof(scene.fee_payer_text));
    (void)snprintf(scene.forward, sizeof(scene.forward),
                   "{\"paymentPayload\":{\"payload\":{\"transaction\":\"%.*s\"}},"
                   "\"paymentRequirements\":{},\"x402Version\":2}",
                   (int)text.len, (const char *)text.data);
    lucid_buf_fini(&text);
}

#define VALID "{\"isValid\":true,\"payer\":\"@p\"}"

static void scene_open(void)
{
    static const struct x402_facilitator_ops ops = {
        .name = "direct", .ask = nobody_asks, .cancel = nobody_asks, .close = nothing_closes};
    static const char json[] =
        "{\"facilitators\":[{\"name\":\"one\",\"url\":\"https://one\",\"settle_timeout_ms\":1000},"
        "{\"name\":\"two\",\"url\":\"https://two\"}],\"order\":[\"direct\",\"one\",\"two\"]}";
    memset(&scene, 0, sizeof(scene));
    payments_make();
    fake_loop_init(&scene.loop, 1000000);
    fake_outgoing_init(&scene.out, &scene.loop);
    scene.out.ask = answer;
    scene.direct.ops = &ops;
    scene.verify[0] = scene.verify[1] = VALID;
    scene.status = 200;
    scene.networks.count = 1;
    assert_true(x402_network_known(lucid_span_str("solana-devnet"), &scene.networks.items[0]));
    assert_int_equal(x402_roster_parse(lucid_span_str(json), &scene.file, NULL), LUCID_OK);
    const struct x402_roster_options options = {.loop = &scene.loop.loop,
                                                .outgoing = &scene.out.outgoing,
                                                .networks = &scene.networks,
                                                .file = &scene.file,
                                                .direct = &scene.direct,
                                                .settle_ms_max = 5000};
    assert_int_equal(x402_roster_open(&options, &scene.roster), LUCID_OK);
    fake_loop_advance(&scene.loop, 50);
}

static void scene_close(void)
{
    x402_facilitator_close(x402_roster_base(scene.roster));
    fake_outgoing_fini(&scene.out);
    fake_loop_fini(&scene.loop);
}

static void over(struct x402_charge *charge)
{
    (void)charge;
    scene.done = true;
}

static struct x402_charge ask(enum x402_charge_verb verb, enum x402_charge_outcome expected)
{
    struct x402_charge charge = {.verb = verb,
                                 .network = &scene.networks.items[0],
                                 .forward = lucid_span_str(scene.forward),
                                 .solana = scene.payment,
                                 .done = over};
    if (verb != X402_CHARGE_VERIFY) {
        (void)snprintf(charge.facilitator, sizeof(charge.facilitator), "one");
    }
    scene.done = false;
    scene.settled = 0;
    x402_charge_ask(x402_roster_base(scene.roster), &charge);
    assert_false(scene.done);
    for (unsigned i = 0; i < 100 && !scene.done; i++) {
        fake_loop_advance(&scene.loop, 100);
    }
    assert_true(scene.done);
    if (charge.outcome != expected) {
        fail_msg("outcome %d (%s) instead of %d, of %s", (int)charge.outcome, charge.text,
                 (int)expected, scene.settle == NULL ? "nothing" : scene.settle);
    }
    return charge;
}

static uint64_t lies_of(size_t member)
{
    struct x402_member_status status;
    x402_roster_member_status(scene.roster, member, &status);
    return status.lies;
}

/* Whose fee payer an offer names just now. */
static void offers(const char *text)
{
    uint8_t key[X402_SOLANA_KEY_BYTES];
    char found[X402_SOLANA_KEY_TEXT_MAX + 1];
    assert_true(x402_roster_fee_payer(scene.roster, &scene.networks.items[0],
                                      lucid_span_str("proof"), key));
    base58(key, sizeof(key), found, sizeof(found));
    assert_string_equal(found, text);
}

/* --- cases ------------------------------------------------------------------------------------ */

#define SETTLED(name)                                                                              \
    "{\"success\":true,\"transaction\":\"" name "\",\"network\":\"" SOLANA_NETWORK_DEVNET          \
    "\",\"payer\":\"@p\"}"
#define REFUSED(reason, name)                                                                      \
    "{\"success\":false,\"errorReason\":\"" reason "\",\"transaction\":\"" name                    \
    "\",\"network\":\"" SOLANA_NETWORK_DEVNET "\"}"

/* An answer, and what becomes of SETTLE and of ASK by it. */
static void settlements(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        enum x402_charge_outcome settle, ask;
        unsigned times; /* that SETTLE gives it the payment */
        unsigned lies;  /* of both */
    } says[] = {
        {SETTLED("@n"), 200, X402_CHARGE_GOOD, X402_CHARGE_GOOD, 1, 0},
        {SETTLED("@n"), 500, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 0},
        {SETTLED("@a"), 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 2},
        {SETTLED(""), 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 2},
        {"{\"success\":true,\"transaction\":\"@n\",\"network\":\"eip155:8453\"}", 200,
         X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 2},
        {"{\"success\":true,\"transaction\":\"@n\",\"network\":\"solana-devnet\",\"payer\":\"@f\"}",
         200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 2},
        {"{\"success\":true,\"transaction\":\"@n\",\"network\":\"solana-devnet\"}", 200,
         X402_CHARGE_GOOD, X402_CHARGE_GOOD, 1, 0},
        {REFUSED("insufficient_funds", ""), 200, X402_CHARGE_BAD, X402_CHARGE_PENDING, 1, 0},
        {REFUSED("insufficient_funds", ""), 500, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 2, 0},
        {REFUSED("insufficient_funds", "@n"), 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 0},
        {REFUSED("duplicate_settlement", ""), 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 0},
        {REFUSED("settlement_pending", "@n"), 500, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 2, 0},
        {REFUSED("transaction_failed", ""), 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 1, 0},
        {"[]", 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 2, 0},
        {NULL, 200, X402_CHARGE_PENDING, X402_CHARGE_PENDING, 2, 0},
    };
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        scene_open();
        scene.settle = says[i].body;
        scene.status = says[i].status;
        struct x402_charge charge = ask(X402_CHARGE_SETTLE, says[i].settle);
        assert_int_equal(scene.settled, says[i].times);
        if (charge.outcome == X402_CHARGE_GOOD) {
            char text[X402_SOLANA_SIGNATURE_TEXT_MAX + 1];
            base58(charge.transfer.signature, sizeof(charge.transfer.signature), text,
                   sizeof(text));
            assert_string_equal(text, scene.named);
            assert_true(charge.transfer.final && charge.transfer.amount == 10000);
        }
        (void)ask(X402_CHARGE_ASK, says[i].ask);
        assert_int_equal(scene.settled, 1);
        assert_int_equal(lies_of(1), says[i].lies);
        assert_int_equal(lies_of(2), 0);
        scene_close();
    }
}

static void unsent(void **state)
{
    (void)state;
    scene_open();
    scene.unsent = true;
    (void)ask(X402_CHARGE_SETTLE, X402_CHARGE_AWAY);
    (void)ask(X402_CHARGE_ASK, X402_CHARGE_PENDING);
    scene_close();
}

/* Another one cannot complete a transaction that names the first one's fee payer: that is no reason
 * to ask for a new payment. */
static void whose_turn(void **state)
{
    (void)state;
    scene_open();
    struct x402_charge charge = ask(X402_CHARGE_VERIFY, X402_CHARGE_GOOD);
    assert_string_equal(charge.facilitator, "one");
    offers(scene.fee_payer_text);
    scene.verify[0] = NULL;
    charge = ask(X402_CHARGE_VERIFY, X402_CHARGE_GOOD);
    assert_string_equal(charge.facilitator, "two");
    offers(scene.payer_text);
    scene.verify[1] =
        "{\"isValid\":false,\"invalidReason\":\"fee_payer_not_managed_by_facilitator\"}";
    (void)ask(X402_CHARGE_VERIFY, X402_CHARGE_AWAY);
    scene.verify[1] = NULL;
    (void)ask(X402_CHARGE_VERIFY, X402_CHARGE_AWAY);
    offers(scene.fee_payer_text); /* nobody answers: as the order says */
    scene.verify[0] = "{\"isValid\":false,\"invalidReason\":\"insufficient_funds\"}";
    (void)ask(X402_CHARGE_VERIFY, X402_CHARGE_BAD);
    offers(scene.fee_payer_text); /* it is back */
    scene_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settlements),
        cmocka_unit_test(unsent),
        cmocka_unit_test(whose_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
