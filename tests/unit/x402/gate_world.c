#include "tests/unit/x402/gate_world.h"

#include <stdio.h>

/* --- the kind "ware" -------------------------------------------------------------------------- */

static enum lucid_error ware_decide(struct ledger_txn *txn, struct ledger_command *base,
                                    struct lucid_why *why)
{
    struct ware_command *ware = (struct ware_command *)base;
    uint8_t *key = lucid_arena_alloc(ledger_txn_arena(txn), 8);
    struct lucid_span value;
    lucid_assert(key != NULL);
    lucid_put_be64(key, ware->number);
    if (ware->refuse) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "WARE_REFUSED", NULL, "not for sale");
    }
    enum lucid_error error = ledger_txn_get(txn, 0, lucid_span(key, 8), &value);
    ware->ret_known = error == LUCID_OK;
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    const struct ledger_draft draft = {.type = "ware.sold", .payload = lucid_span(key, 8)};
    return ledger_txn_draft(txn, &draft, NULL);
}

static enum lucid_error ware_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    return ledger_txn_put(txn, 0, event->payload, lucid_span_str("sold"));
}

static const struct ledger_event_type ware_types[] = {{.name = "ware.sold", .version = 1},
                                                      {.name = NULL}};
static const char *const ware_tables[] = {"wares", NULL};
const struct ledger_kind ware_kind = {
    .name = "ware",
    .fold_version = 1,
    .types = ware_types,
    .tables = ware_tables,
    .decide = ware_decide,
    .apply = ware_apply,
};

void ware_init(struct ware_command *ware, uint64_t number, bool refuse)
{
    *ware =
        (struct ware_command){.command = {.kind = &ware_kind}, .number = number, .refuse = refuse};
}

/* --- the facilitator -------------------------------------------------------------------------- */

static uint64_t delay_of(struct house *house, int what)
{
    return house->delay_ms == NULL ? 0 : house->delay_ms(house, what);
}

static void charge_fire(struct lucid_timer *timer)
{
    struct house_charge *slot = (struct house_charge *)timer;
    struct x402_charge *charge = slot->charge;
    slot->charge = NULL;
    charge->outcome = X402_CHARGE_AWAY;
    charge->reason = NULL;
    slot->house->answer(slot->house, charge);
    charge->done(charge);
}

static struct house *house_of(struct x402_facilitator *facilitator)
{
    return lucid_owner(facilitator, struct house, facilitator);
}

static void fake_ask(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct house *house = house_of(facilitator);
    lucid_assert(charge->done != NULL && charge->network >= house->networks.items &&
                 charge->network < house->networks.items + house->networks.count);
    house->asked[charge->verb]++;
    for (size_t i = 0; i < HOUSE_CHARGES_MAX; i++) {
        struct house_charge *slot = &house->charges[i];
        lucid_assert(slot->charge != charge);
        if (slot->charge == NULL) {
            slot->charge = charge;
            slot->house = house;
            slot->timer.fire = charge_fire;
            lucid_assert(lucid_timer_set(&house->loop->loop, &slot->timer,
                                         delay_of(house, (int)charge->verb)) == LUCID_OK);
            return;
        }
    }
    lucid_assert(false);
}

static void fake_cancel(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    struct house *house = house_of(facilitator);
    for (size_t i = 0; i < HOUSE_CHARGES_MAX; i++) {
        if (house->charges[i].charge == charge) {
            lucid_timer_clear(&house->loop->loop, &house->charges[i].timer);
            house->charges[i].charge = NULL;
            if (house->cancelled != NULL) {
                house->cancelled(house, charge);
            }
        }
    }
}

static const struct x402_facilitator_ops fake_ops = {
    .name = "direct", .ask = fake_ask, .cancel = fake_cancel};

/* --- the writer ------------------------------------------------------------------------------- */

static unsigned verb_bit(const struct ledger_command *command)
{
    return command->kind == &x402_payment_kind ? 1U << command->verb : 0;
}

/* The last part of a chain is the payment's. */
static const struct ledger_command *last_part(const struct ledger_command *command)
{
    while (command->next_part != NULL) {
        command = command->next_part;
    }
    return command;
}

static void writer_run(struct house *house)
{
    struct ledger *ledger = WORLD_CORE(&house->world)->ledger;
    lucid_assert(ledger_batch_begin(ledger, house->loop->now_ms) == LUCID_OK);
    for (size_t i = 0; i < house->queued; i++) {
        struct ledger_command *command = house->queue[i].command;
        if ((verb_bit(last_part(command)) & house->fail_which) != 0) {
            for (struct ledger_command *part = command; part != NULL; part = part->next_part) {
                part->error = house->fail_verb;
            }
        } else {
            lucid_assert(ledger_batch_run(ledger, command) == LUCID_OK);
        }
        house->done[house->done_count++] = house->queue[i];
    }
    house->queued = 0;
    lucid_assert(ledger_batch_commit(ledger) == LUCID_OK);
}

static void writer_turn(struct lucid_timer *timer)
{
    struct house *house = lucid_owner(timer, struct house, turn);
    if (house->done_count > 0) { /* these first */
        lucid_assert(lucid_timer_set(&house->loop->loop, timer, 1) == LUCID_OK);
        return;
    }
    writer_run(house);
    lucid_assert(lucid_timer_set(&house->loop->loop, &house->tell, delay_of(house, -2)) ==
                 LUCID_OK);
}

static void writer_tell(struct lucid_timer *timer)
{
    struct house *house = lucid_owner(timer, struct house, tell);
    while (house->done_count > 0) {
        struct house_write write = house->done[0];
        house->done_count--;
        memmove(house->done, house->done + 1, house->done_count * sizeof(write));
        write.written(write.owner, write.command);
    }
}

static enum lucid_error house_submit(void *context, struct ledger_command *command,
                                     x402_written_fn *written, void *owner)
{
    struct house *house = context;
    if (house->refuse != LUCID_OK && house->refuse_after == 0) {
        return house->refuse;
    }
    house->refuse_after -= house->refuse_after > 0 ? 1 : 0;
    lucid_assert(house->queued + house->done_count < HOUSE_WRITES_MAX);
    house->queue[house->queued++] = (struct house_write){command, written, owner};
    house->handed++;
    if (house->queued == 1) {
        lucid_assert(lucid_timer_set(&house->loop->loop, &house->turn, delay_of(house, -1)) ==
                     LUCID_OK);
    }
    return LUCID_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

void house_init(struct house *house, struct fake_loop *loop)
{
    memset(house, 0, sizeof(*house));
    payment_world_init(&house->world);
    core_world_use(WORLD_CORE(&house->world), &ware_kind, NULL);
    core_world_start(WORLD_CORE(&house->world));
    (void)price_set(&house->world.revenue, "proof", "gpu", "lab", NULL);
    house->loop = loop;
    house->networks.count = 2;
    house->networks.items[0] = house->world.network;
    house->networks.items[1] = (struct x402_network){.caip2 = HOUSE_SOLANA, .solana = true};
    house->facilitator.ops = &fake_ops;
    house->turn.fire = writer_turn;
    house->tell.fire = writer_tell;
}

void house_open(struct house *house, struct x402_spent *spent)
{
    lucid_assert(x402_log_reader_open(WORLD_CORE(&house->world)->ledger, &house->reader,
                                      &house->log) == LUCID_OK);
    house->own_spent = spent == NULL;
    house->spent = spent;
    if (house->begin != NULL) {
        house->begin(house);
    }
    if (spent == NULL) {
        lucid_assert(x402_spent_memory_open(&house->loop->loop, &house->log, &house->spent) ==
                     LUCID_OK);
    }
    house->options.loop = &house->loop->loop;
    house->options.ledger = WORLD_CORE(&house->world)->ledger;
    house->options.networks = &house->networks;
    house->options.facilitator = &house->facilitator;
    house->options.spent = house->spent;
    house->options.submit = house_submit;
    house->options.context = house;
    house->options.proof_age_seconds_max = 300;
    if (house->options.reconcile_ms == 0) {
        house->options.reconcile_ms = 1000;
    }
    if (house->options.watch_seconds == 0) {
        house->options.watch_seconds = 600;
    }
    lucid_assert(x402_gate_open(&house->options, &house->gate) == LUCID_OK);
}

void house_commit(struct house *house)
{
    if (house->queued > 0) {
        writer_run(house);
    }
    house->done_count = 0;
}

void house_kill(struct house *house, bool commit)
{
    if (commit) {
        house_commit(house);
    }
    lucid_timer_clear(&house->loop->loop, &house->turn);
    lucid_timer_clear(&house->loop->loop, &house->tell);
    house->queued = 0;
    house->done_count = 0;
    x402_gate_close(house->gate);
    for (size_t i = 0; i < HOUSE_CHARGES_MAX; i++) {
        lucid_assert(house->charges[i].charge == NULL); /* the gate cancels what it asked */
    }
    if (house->own_spent) {
        x402_spent_close(house->spent);
    }
    x402_log_reader_close(house->reader);
    house->gate = NULL;
    house->spent = NULL;
    house->reader = NULL;
    core_world_reopen(WORLD_CORE(&house->world));
}

void house_fini(struct house *house)
{
    if (house->gate != NULL) {
        house_kill(house, true);
    }
    payment_world_stop(&house->world);
}

/* --- buyers ----------------------------------------------------------------------------------- */

static void buyer_done(struct x402_gate_job *job)
{
    struct buyer *buyer = (struct buyer *)job;
    lucid_assert(buyer->inside && buyer->done == 0);
    buyer->inside = false;
    buyer->done++;
    if (buyer->over != NULL) {
        buyer->over(buyer);
    }
}

static void buyer_init(struct house *house, struct buyer *buyer, unsigned place, unsigned body)
{
    struct x402_gate_job *job = &buyer->job;
    *job = (struct x402_gate_job){
        .network = &house->networks.items[0],
        .match = {.verdict = X402_FITS, .amount = WORLD_PRICE},
        .request = world_request(place, body),
        .asset = "proof",
        .pay_to = world_address(0x22, 0),
        .price = WORLD_PRICE,
        .price_version = 1,
        .done = buyer_done,
    };
    buyer->done = 0;
    buyer->inside = false;
    buyer->writes = false;
}

void buyer_authorization(struct house *house, struct buyer *buyer, uint64_t number, unsigned place,
                         unsigned body)
{
    struct x402_payment_command intend = {.reason = NULL};
    const struct x402_request_kept request = world_request(place, body);
    buyer_init(house, buyer, place, body);
    world_intend(&house->world, &intend, number, "proof", &request);
    buyer->job.proof.form = X402_FORM_V2;
    buyer->job.proof.authorization = intend.payment.authorization;
    buyer->job.proof.signature = intend.payment.signature;
    buyer->job.proof.has_signature = true;
    buyer->job.match.payer = intend.payment.payer;
}

/* What another facilitator would be sent: the payload with who pays and who has signed. */
static void forward_write(struct buyer *buyer, uint64_t number, uint64_t signed_by)
{
    int len = snprintf(buyer->forward, sizeof(buyer->forward),
                       "{\"paymentPayload\":{\"payload\":{\"from\":%llu,\"signature\":%llu}},"
                       "\"paymentRequirements\":{\"resource\":\"%02x\"},\"x402Version\":2}",
                       (unsigned long long)number, (unsigned long long)signed_by,
                       (unsigned)buyer->job.request.digest[1]);
    lucid_assert(len > 0 && (size_t)len < sizeof(buyer->forward));
    buyer->job.forward = lucid_span(buyer->forward, (size_t)len);
}

bool forward_is_signed(struct lucid_span forward)
{
    char text[192];
    unsigned long long number;
    unsigned long long signed_by;
    lucid_assert(forward.len < sizeof(text));
    memcpy(text, forward.data, forward.len);
    text[forward.len] = '\0';
    return sscanf(text, "{\"paymentPayload\":{\"payload\":{\"from\":%llu,\"signature\":%llu}",
                  &number, &signed_by) == 2 &&
           number == signed_by;
}

void buyer_message(uint64_t number, uint8_t ret[LUCID_SHA256_BYTES])
{
    memset(ret, 0x71, LUCID_SHA256_BYTES);
    lucid_put_be64(ret, number);
}

void buyer_solana(struct house *house, struct buyer *buyer, uint64_t number, unsigned place,
                  unsigned body)
{
    buyer_init(house, buyer, place, body);
    buyer->job.network = &house->networks.items[1];
    buyer->job.pay_to = (struct evm_address){.bytes = {0}};
    struct x402_proof *proof = &buyer->job.proof;
    proof->form = X402_FORM_V2;
    proof->is_solana = true;
    proof->solana.amount = WORLD_PRICE;
    buyer_message(number, proof->solana.message);
    memset(proof->solana.payer, 0x72, sizeof(proof->solana.payer));
    lucid_put_be64(proof->solana.payer, number);
    memset(proof->solana.fee_payer, 0x73, sizeof(proof->solana.fee_payer));
    memset(proof->solana.mint, 0x74, sizeof(proof->solana.mint));
    memset(proof->solana.pay_to, 0x75, sizeof(proof->solana.pay_to));
    forward_write(buyer, number, number);
}

void buyer_wallet(struct house *house, struct buyer *buyer, uint64_t number, uint64_t signed_by,
                  unsigned place, unsigned body)
{
    buyer_authorization(house, buyer, number, place, body);
    struct x402_proof *proof = &buyer->job.proof;
    proof->smart_wallet = true;
    proof->has_signature = false;
    memset(proof->signature.bytes, 0, sizeof(proof->signature.bytes));
    buyer->job.smart_wallet_ok = true;
    forward_write(buyer, number, signed_by);
}

void buyer_identify(struct buyer *buyer, uint64_t number)
{
    int len = snprintf(buyer->identifier, sizeof(buyer->identifier), "pay_%016llx",
                       (unsigned long long)number);
    buyer->job.proof.identifier = lucid_span(buyer->identifier, (size_t)len);
}

void buyer_transfer(struct house *house, struct buyer *buyer, uint64_t transaction,
                    uint64_t log_index, uint64_t payer, unsigned place, unsigned body)
{
    buyer_init(house, buyer, place, body);
    buyer->job.proof.form = X402_FORM_PROOF;
    buyer->job.proof.transaction = world_hash(0xaa, transaction);
    buyer->job.proof.has_log_index = true;
    buyer->job.proof.log_index = log_index;
    buyer->job.proof.has_signature = true;
    buyer->job.proof.challenge.issued_ms = CORE_NOW_MS;
    buyer->job.proof.challenge.lifetime_s = 300;
    (void)snprintf(buyer->job.proof.challenge.text, X402_CHALLENGE_BYTES_MAX, "lc1.%u.%u", place,
                   body);
    buyer->job.match.signed_by_payer = true;
    buyer->job.match.payer = world_address(0x11, payer);
}

void buyer_ware(struct buyer *buyer, uint64_t number, bool refuse)
{
    ware_init(&buyer->ware, number, refuse);
    buyer->job.paid = &buyer->ware.command;
    buyer->writes = true;
}

void buyer_enter(struct house *house, struct buyer *buyer)
{
    lucid_assert(!buyer->inside);
    buyer->inside = true;
    buyer->done = 0;
    if (buyer->writes) {
        ware_init(&buyer->ware, buyer->ware.number, buyer->ware.refuse);
    }
    x402_gate_enter(house->gate, &buyer->job);
}

struct x402_transfer settlement_of_message(const struct x402_solana_payment *solana)
{
    struct x402_transfer transfer = {.amount = solana->amount, .final = true};
    memset(transfer.signature, 0x5a, sizeof(transfer.signature));
    memcpy(transfer.signature, solana->message, sizeof(solana->message));
    return transfer;
}

struct x402_transfer settlement_of(uint64_t number, bool ours)
{
    struct x402_transfer transfer =
        world_transfer(number * 2 + (ours ? 0 : 1), 1, number, WORLD_PRICE);
    transfer.has_nonce = true;
    transfer.nonce = world_hash(0x44, number);
    if (!ours) {
        transfer.sender = world_address(0x99, 0);
    }
    return transfer;
}
