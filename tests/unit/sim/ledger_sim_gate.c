/* Payments of the gate in the simulation: each number is one authorization or one transfer, so what
 * is tried here is that none is lost or counted twice whatever the store does; whose a key is when
 * payments meet is the matter of payment_model_test. */
#include <string.h>

#include "tests/unit/sim/ledger_sim.h"

#define GATE_NETWORK "eip155:8453"

static unsigned asset_of(unsigned number)
{
    return number % SIM_ASSETS;
}

static uint64_t amount_of(unsigned number)
{
    return 1 + (uint64_t)number * 37;
}

static bool is_transfer(unsigned number)
{
    return number % 2 == 1;
}

/* --- the model -------------------------------------------------------------------------------- */

static struct expect refused(enum lucid_error error, const char *code)
{
    return (struct expect){.error = error, .code = code};
}

static struct expect known(void)
{
    return (struct expect){.known = true};
}

static struct expect happened(struct model *model)
{
    (void)model_event_add(model);
    return (struct expect){.error = LUCID_OK};
}

void model_gate_release(struct model_market *market, unsigned asset, unsigned leg, unsigned payee)
{
    for (unsigned i = 0; i < SIM_GATE_MAX; i++) {
        struct model_gate *gate = &market->gate[i];
        if (asset_of(i) == asset && gate->status == X402_SETTLED && gate->holders[leg] == 0) {
            gate->holders[leg] = (uint8_t)payee;
        }
    }
}

/* The postings of a settled payment, or of one taken back. */
static void legs_post(struct model *model, unsigned number, bool back)
{
    struct model_market *market = &model->market;
    struct model_gate *gate = &market->gate[number];
    for (unsigned leg = 0; leg < GAS_LEGS; leg++) {
        struct model_account *account =
            leg == GAS_PROTOCOL
                ? &market->protocol
                : model_leg_account(market, asset_of(number), leg, gate->holders[leg]);
        model_gas_post(&model->gas, back ? account : &market->gate_clearing,
                       back ? &market->gate_clearing : account, gate->legs[leg]);
    }
}

static bool version_fits(const struct model_market *market, unsigned number, uint64_t version)
{
    return version <= market->newest[asset_of(number)];
}

static bool gross_fits(const struct model_market *market, unsigned number)
{
    return market->gross[asset_of(number)] + amount_of(number) <= GAS_AMOUNT_MAX;
}

static struct expect settle(struct model *model, const struct sim_gate_op *op)
{
    struct model_market *market = &model->market;
    struct model_gate *gate = &market->gate[op->number];
    unsigned asset = asset_of(op->number);
    uint64_t amount = amount_of(op->number);
    if (gate->status == 0) {
        gate->version = op->version;
    }
    gate->served = gate->served || op->reads;
    gate->final = false;
    if (version_fits(market, op->number, gate->version) && gross_fits(market, op->number)) {
        struct model_price price = market->versions[asset][gate->version];
        const struct model_price *current = &market->prices[asset];
        for (unsigned leg = 0; leg < GAS_PROTOCOL; leg++) {
            if (price.payees[leg] == 0 && current->set) {
                price.payees[leg] = current->payees[leg];
            }
            gate->holders[leg] = price.payees[leg];
        }
        gate->status = X402_SETTLED;
        model_split(market, asset, &price, amount, gate->legs);
        legs_post(model, op->number, false);
    } else {
        gate->status = X402_STRAY;
        model_gas_post(&model->gas, &market->gate_clearing, &market->gate_suspense[asset], amount);
    }
    return happened(model);
}

static struct expect reverse(struct model *model, const struct sim_gate_op *op)
{
    struct model_market *market = &model->market;
    struct model_gate *gate = &market->gate[op->number];
    unsigned asset = asset_of(op->number);
    if (gate->status == X402_STRAY) {
        model_gas_post(&model->gas, &market->gate_suspense[asset], &market->gate_clearing,
                       amount_of(op->number));
    } else {
        legs_post(model, op->number, true);
        market->reversed[asset] += amount_of(op->number);
        market->reversals[asset]++;
        market->moved = true;
    }
    gate->status = X402_REVERSED;
    gate->final = false;
    return happened(model);
}

static struct expect intend(struct model *model, const struct sim_gate_op *op)
{
    struct model_market *market = &model->market;
    struct model_gate *gate = &market->gate[op->number];
    if (gate->status == X402_PENDING) {
        return refused(LUCID_RETRY_BUSY, "PAYMENT_PENDING");
    }
    if (gate->status != 0 && gate->status != X402_FAILED) {
        return refused(LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    }
    if (!version_fits(market, op->number, op->version)) {
        return refused(LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED");
    }
    if (!gross_fits(market, op->number)) {
        return refused(LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW");
    }
    *gate = (struct model_gate){.status = X402_PENDING, .version = op->version};
    return happened(model);
}

static struct expect serve(struct model *model, const struct sim_gate_op *op)
{
    struct model_gate *gate = &model->market.gate[op->number];
    if (gate->served || !op->reads) {
        return known();
    }
    gate->served = true;
    return happened(model);
}

struct expect model_gate_do(struct model *model, const struct sim_gate_op *op)
{
    struct model_gate *gate = &model->market.gate[op->number];
    enum x402_status status = gate->status;
    bool here = status == X402_SETTLED || status == X402_STRAY;
    if (op->verb == X402_INTEND) {
        return intend(model, op);
    }
    if (status == 0 && !(op->verb == X402_SETTLE && is_transfer(op->number))) {
        return refused(LUCID_REFUSE_INVALID, "NOT_FOUND");
    }
    switch (op->verb) {
    case X402_SETTLE:
        return here ? serve(model, op) : settle(model, op);
    case X402_SERVE:
        if (status == X402_PENDING || status == X402_REVERSED) {
            return refused(LUCID_RETRY_BUSY, "PAYMENT_PENDING");
        }
        return here ? serve(model, op) : refused(LUCID_REFUSE_INVALID, "NOT_FOUND");
    case X402_REVERSE:
        if (status == X402_REVERSED) {
            return known();
        }
        return here ? reverse(model, op) : refused(LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
    case X402_FAIL:
        if (status != X402_PENDING) {
            return status == X402_FAILED ? known()
                                         : refused(LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
        }
        gate->status = X402_FAILED;
        return happened(model);
    case X402_FINISH:
        if (status == X402_PENDING) {
            return refused(LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
        }
        if (status == X402_FAILED || gate->final) {
            return known();
        }
        gate->final = true;
        return happened(model);
    case X402_INTEND:
    case X402_RECORD_STRAY:
    default:
        lucid_assert(false);
    }
    return known();
}

/* --- random commands -------------------------------------------------------------------------- */

static struct evm_hash hash_of(uint8_t kind, unsigned number)
{
    struct evm_hash hash;
    memset(hash.bytes, kind, sizeof(hash.bytes));
    lucid_put_be32(hash.bytes, number);
    return hash;
}

static struct evm_address payer_of(unsigned number)
{
    struct evm_address address = {{0x11}};
    lucid_put_be32(address.bytes + 4, number);
    return address;
}

static void payment_fill(unsigned number, uint64_t version, struct x402_payment *payment)
{
    payment->price = amount_of(number);
    payment->amount = amount_of(number);
    payment->version = version;
    payment->payer = payer_of(number);
    payment->bound = true;
    memcpy(payment->asset, sim_assets[asset_of(number)], strlen(sim_assets[asset_of(number)]) + 1);
    memcpy(payment->network, GATE_NETWORK, sizeof(GATE_NETWORK));
    memcpy(payment->facilitator, "direct", sizeof("direct"));
    memset(payment->token.bytes, 0x83, sizeof(payment->token.bytes));
    memset(payment->request.digest, 0x61, sizeof(payment->request.digest));
    memset(payment->request.place, 0x51, sizeof(payment->request.place));
    memcpy(payment->request.method, "GET", 4);
    memcpy(payment->request.resource, "https://example.com/", 21);
    payment->authorization = (struct evm_authorization){
        .from = payment->payer,
        .value = evm_u256_of(payment->amount),
        .nonce = hash_of(0x44, number),
    };
    payment->transfer = (struct x402_transfer){
        .transaction = hash_of(0xaa, number),
        .payer = payment->payer,
        .amount = payment->amount,
        .block = number,
        .has_nonce = !is_transfer(number),
        .nonce = hash_of(0x44, number),
    };
}

/* The id as the gate knows it before anything is committed. */
static void id_of(unsigned number, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    struct x402_network network = {.chain_id = 8453};
    struct x402_spent_key key;
    const struct evm_address from = payer_of(number);
    const struct evm_hash nonce = hash_of(0x44, number);
    const struct evm_hash transaction = hash_of(0xaa, number);
    memcpy(network.caip2, GATE_NETWORK, sizeof(GATE_NETWORK));
    memset(network.token.bytes, 0x83, sizeof(network.token.bytes));
    if (is_transfer(number)) {
        x402_key_transfer(&network, &transaction, 0, &key);
    } else {
        x402_key_authorization(&network, &from, &nonce, &key);
    }
    x402_payment_id(lucid_span_str(key.text), ret);
}

void sim_gate_make(struct sim *sim, struct x402_payment_command *command, struct sim_gate_op *op)
{
    static const enum x402_payment_verb verbs[] = {X402_INTEND,  X402_INTEND, X402_SETTLE,
                                                   X402_SETTLE,  X402_SETTLE, X402_SERVE,
                                                   X402_REVERSE, X402_FAIL,   X402_FINISH};
    enum x402_payment_verb verb = verbs[sim_random(sim, sizeof(verbs) / sizeof(verbs[0]))];
    unsigned number = (unsigned)sim_random(sim, SIM_GATE_MAX);
    number -= verb == X402_INTEND ? number % 2 : 0;
    uint64_t newest = sim->kept->market.newest[asset_of(number)];
    *op = (struct sim_gate_op){
        .verb = verb,
        .number = number,
        .version = newest == 0 ? 1 : 1 + sim_random(sim, newest),
        .reads = (verb == X402_SETTLE || verb == X402_SERVE) && sim_random(sim, 2) == 0,
    };
    x402_payment_prepare(command, verb);
    payment_fill(number, op->version, &command->payment);
    id_of(number, command->payment.id);
    command->payment.scheme = is_transfer(number) ? X402_SCHEME_TRANSFER : X402_SCHEME_EIP3009;
    command->reads = op->reads;
    command->reason = "nonce_used";
}

/* --- what readers see ------------------------------------------------------------------------- */

size_t sim_gate_check(struct sim *sim)
{
    const struct model_market *market = &sim->kept->market;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    size_t opened = market->gate_clearing.opened;
    gas_account_clearing(lucid_span_str("direct"), GAS_USDC, id);
    sim_account_check(sim, id, &market->gate_clearing);
    for (unsigned asset = 0; asset < SIM_ASSETS; asset++) {
        gas_account_suspense("payment", lucid_span_str(sim_assets[asset]), GAS_USDC, id);
        sim_account_check(sim, id, &market->gate_suspense[asset]);
        opened += market->gate_suspense[asset].opened;
    }
    for (unsigned i = 0; i < SIM_GATE_MAX; i++) {
        const struct model_gate *gate = &market->gate[i];
        struct x402_payment payment;
        uint8_t key[X402_PAYMENT_ID_BYTES];
        id_of(i, key);
        enum lucid_error error = x402_payment_read(sim->world.view, key, &payment);
        sim_check(sim, error == (gate->status == 0 ? LUCID_NOTE_ABSENT : LUCID_OK));
        if (gate->status != 0) {
            sim_check(sim, payment.status == gate->status);
            sim_check(sim, payment.served == gate->served && payment.final == gate->final);
            sim_check(sim, payment.version == gate->version);
        }
    }
    return opened;
}
