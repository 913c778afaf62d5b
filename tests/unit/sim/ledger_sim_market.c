/* Prices and payments in the simulation. The model splits unit by unit, as CONTRACT 5 words it. */
#include <string.h>

#include "tests/unit/sim/ledger_sim.h"

const char *const sim_assets[SIM_ASSETS] = {"alpha", "beta", "gamma"};
static const char *const payees[SIM_PAYEES] = {NULL, "gpu", "maker"};
static const struct gas_weights weights[SIM_WEIGHTS] = {
    {{7000, 2000, 1000}}, {{3333, 3333, 3334}}, {{0, 1, 9999}}};

/* --- the model -------------------------------------------------------------------------------- */

static void split_unit(struct model_split *split, const struct gas_weights *by)
{
    unsigned best = GAS_LEGS;
    unsigned __int128 earliest = 0;
    for (unsigned i = 0; i < GAS_LEGS; i++) {
        unsigned __int128 has = (unsigned __int128)split->legs[i] * GAS_BPS;
        if ((unsigned __int128)(split->total + 1) * by->bps[i] <= has) {
            continue;
        }
        unsigned __int128 due = (has + GAS_BPS + by->bps[i] - 1) / by->bps[i];
        if (best == GAS_LEGS || due < earliest) {
            best = i;
            earliest = due;
        }
    }
    lucid_assert(best < GAS_LEGS);
    split->legs[best]++;
    split->total++;
}

/* A whole period of units gives the weights; the rest goes one by one. */
static void split_pay(struct model_split *split, const struct gas_weights *by, uint64_t amount,
                      uint64_t ret[GAS_LEGS])
{
    struct model_split before = *split;
    for (unsigned i = 0; i < GAS_LEGS; i++) {
        split->legs[i] += amount / GAS_BPS * by->bps[i];
    }
    split->total += amount / GAS_BPS * GAS_BPS;
    for (uint64_t i = 0; i < amount % GAS_BPS; i++) {
        split_unit(split, by);
    }
    for (unsigned i = 0; i < GAS_LEGS; i++) {
        ret[i] = split->legs[i] - before.legs[i];
    }
}

struct model_account *model_leg_account(struct model_market *market, unsigned asset, unsigned leg,
                                        unsigned payee)
{
    return payee != 0 ? &market->payees[payee] : &market->suspense[asset][leg];
}

void model_split(struct model_market *market, unsigned asset, const struct model_price *price,
                 uint64_t amount, uint64_t ret[GAS_LEGS])
{
    split_pay(&market->splits[asset][price->weights][price->payees[0]][price->payees[1]],
              &weights[price->weights], amount, ret);
    market->gross[asset] += amount;
    market->count[asset]++;
    market->moved = true;
}

static struct expect model_payment(struct model *model, const struct sim_market_op *op)
{
    struct model_market *market = &model->market;
    struct model_paid *known = &market->paid[op->payment];
    const struct model_price *price = &market->prices[op->asset];
    struct expect expect = {.error = LUCID_OK};
    if (known->used) {
        expect.known = known->asset == op->asset && known->amount == op->amount;
        return expect.known
                   ? expect
                   : (struct expect){.error = LUCID_REFUSE_CONFLICT, .code = "PAYMENT_CONFLICT"};
    }
    if (!price->set) {
        return (struct expect){.error = LUCID_REFUSE_INVALID, .code = "ASSET_NOT_PRICED"};
    }
    if (market->clearing.debits + op->amount > GAS_AMOUNT_MAX ||
        market->gross[op->asset] + op->amount > GAS_AMOUNT_MAX) {
        return (struct expect){.error = LUCID_REFUSE_TOO_LARGE, .code = "AMOUNT_OVERFLOW"};
    }
    (void)model_event_add(model);
    *known = (struct model_paid){.used = true, .asset = op->asset, .amount = op->amount};
    model_split(market, op->asset, price, op->amount, expect.legs);
    for (unsigned leg = 0; leg < GAS_PROTOCOL; leg++) {
        model_gas_post(&model->gas, &market->clearing,
                       model_leg_account(market, op->asset, leg, price->payees[leg]),
                       expect.legs[leg]);
    }
    model_gas_post(&model->gas, &market->clearing, &market->protocol, expect.legs[GAS_PROTOCOL]);
    return expect;
}

static struct expect model_price_set(struct model *model, const struct sim_market_op *op)
{
    struct model_market *market = &model->market;
    struct model_price *price = &market->prices[op->asset];
    if (price->set && memcmp(price, &op->price, sizeof(*price)) == 0) {
        return (struct expect){.known = true};
    }
    (void)model_event_add(model);
    *price = op->price;
    lucid_assert(market->newest[op->asset] + 1 < SIM_VERSIONS_MAX);
    market->versions[op->asset][++market->newest[op->asset]] = op->price;
    for (unsigned leg = 0; leg < GAS_PROTOCOL; leg++) {
        struct model_account *held = &market->suspense[op->asset][leg];
        uint64_t rest = held->credits - held->debits;
        if (price->payees[leg] != 0 && rest > 0) {
            (void)model_event_add(model);
            model_gas_post(&model->gas, held, &market->payees[price->payees[leg]], rest);
            model_gate_release(market, op->asset, leg, price->payees[leg]);
            market->moved = true;
        }
    }
    return (struct expect){.known = false};
}

struct expect model_market_do(struct model *model, const struct sim_market_op *op)
{
    if (op->what == SIM_PAYMENT) {
        return model_payment(model, op);
    }
    if (op->what == SIM_PRICE_SET) {
        return model_price_set(model, op);
    }
    struct model_price *price = &model->market.prices[op->asset];
    if (!price->set) {
        return (struct expect){.error = LUCID_REFUSE_INVALID, .code = "NOT_FOUND"};
    }
    (void)model_event_add(model);
    *price = (struct model_price){.set = false};
    return (struct expect){.error = LUCID_OK};
}

void model_market_epoch(struct model *model)
{
    if (model->market.moved) {
        (void)model_event_add(model);
        model->market.statements++;
        model->market.moved = false;
    }
}

/* --- random commands -------------------------------------------------------------------------- */

static struct lucid_span span_of(const char *text)
{
    return text == NULL ? lucid_span(NULL, 0) : lucid_span_str(text);
}

static void payment_make(struct sim *sim, struct gas_payment_command *command,
                         struct sim_market_op *op)
{
    char id[32];
    bool fresh = sim->payment_count == 0 ||
                 (sim->payment_count < SIM_PAYMENTS_MAX && sim_random(sim, 4) != 0);
    uint64_t draw = sim_random(sim, 40);
    op->payment = fresh ? sim->payment_count++ : (unsigned)sim_random(sim, sim->payment_count);
    op->amount = 1 + sim_random(sim, draw < 30 ? 300 : 30000);
    if (draw > 36) {
        op->amount =
            draw == 39 ? GAS_AMOUNT_MAX / 4 : op->amount + GAS_BPS * sim_random(sim, 1000000);
    }
    const struct model_paid *known = &sim->kept->market.paid[op->payment];
    if (known->used && sim_random(sim, 3) != 0) {
        op->asset = known->asset;
        op->amount = known->amount;
    }
    int len = snprintf(id, sizeof(id), "sim-payment-%u", op->payment);
    const struct gas_payment_request request = {
        .asset = lucid_span_str(sim_assets[op->asset]),
        .unit = GAS_USDC,
        .amount = op->amount,
        .external_id = lucid_span(id, (size_t)len),
    };
    sim_check(sim, gas_payment_prepare(command, &request, NULL) == LUCID_OK);
}

void sim_market_make(struct sim *sim, union sim_market_command *command, struct sim_market_op *op)
{
    uint64_t draw = sim_random(sim, 16);
    *op = (struct sim_market_op){.asset = (uint8_t)sim_random(sim, SIM_ASSETS)};
    op->what = draw == 0 ? SIM_PRICE_DELETE : draw < 4 ? SIM_PRICE_SET : SIM_PAYMENT;
    if (op->what == SIM_PAYMENT) {
        payment_make(sim, &command->payment, op);
        return;
    }
    if (op->what == SIM_PRICE_DELETE) {
        sim_check(sim,
                  gas_price_delete_prepare(&command->price, lucid_span_str(sim_assets[op->asset]),
                                           NULL) == LUCID_OK);
        return;
    }
    op->price = (struct model_price){
        .set = true,
        .weights = (uint8_t)sim_random(sim, SIM_WEIGHTS),
        .payees = {(uint8_t)sim_random(sim, SIM_PAYEES), (uint8_t)sim_random(sim, SIM_PAYEES)},
    };
    const struct gas_price_request request = {
        .asset = lucid_span_str(sim_assets[op->asset]),
        .price_per_call = 1,
        .network = lucid_span_str("eip155:8453"),
        .pay_to = lucid_span_str("0x1111111111111111111111111111111111111111"),
        .compute_payee = span_of(payees[op->price.payees[0]]),
        .model_payee = span_of(payees[op->price.payees[1]]),
        .weights = &weights[op->price.weights],
    };
    sim_check(sim, gas_price_set_prepare(&command->price, &request, NULL) == LUCID_OK);
}

void sim_market_compare(struct sim *sim, const union sim_market_command *command,
                        const struct sim_market_op *op, const struct expect *expect)
{
    if (op->what == SIM_PAYMENT) {
        sim_check(sim, command->payment.ret_known == expect->known);
        sim_check(sim, expect->known || memcmp(command->payment.payment.legs, expect->legs,
                                               sizeof(expect->legs)) == 0);
    } else if (op->what == SIM_PRICE_SET) {
        sim_check(sim, command->price.ret_known == expect->known);
    }
}

/* --- what readers see ------------------------------------------------------------------------- */

static void suspense_check(struct sim *sim, unsigned asset)
{
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    for (unsigned leg = 0; leg < GAS_PROTOCOL; leg++) {
        gas_account_suspense(gas_leg_name((enum gas_leg)leg), lucid_span_str(sim_assets[asset]),
                             GAS_USDC, id);
        sim_account_check(sim, id, &sim->kept->market.suspense[asset][leg]);
    }
}

size_t sim_market_check(struct sim *sim)
{
    const struct model_market *market = &sim->kept->market;
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    uint64_t statements = 0;
    size_t opened = (size_t)market->clearing.opened + market->protocol.opened;
    gas_account_clearing(lucid_span_str(GAS_FACILITATOR_DEFAULT), GAS_USDC, id);
    sim_account_check(sim, id, &market->clearing);
    gas_account_own(GAS_CLASS_REVENUE, "protocol", GAS_USDC, id);
    sim_account_check(sim, id, &market->protocol);
    for (unsigned i = 1; i < SIM_PAYEES; i++) {
        gas_account_payee(lucid_span_str(payees[i]), GAS_USDC, id);
        sim_account_check(sim, id, &market->payees[i]);
        opened += market->payees[i].opened;
    }
    for (unsigned asset = 0; asset < SIM_ASSETS; asset++) {
        struct gas_asset_revenue revenue = {.payments = 0};
        enum lucid_error error = gas_asset_revenue_read(
            sim->world.view, lucid_span_str(sim_assets[asset]), GAS_USDC, &revenue);
        sim_check(sim, error == (market->count[asset] > 0 ? LUCID_OK : LUCID_NOTE_ABSENT));
        sim_check(sim, revenue.payments == market->count[asset]);
        sim_check(sim, revenue.gross == market->gross[asset]);
        sim_check(sim, revenue.reversed_gross == market->reversed[asset]);
        sim_check(sim, revenue.reversals == market->reversals[asset]);
        suspense_check(sim, asset);
        opened += (size_t)market->suspense[asset][0].opened + market->suspense[asset][1].opened;
    }
    sim_check(sim, gas_settlement_count(sim->world.view, GAS_USDC, &statements) == LUCID_OK);
    sim_check(sim, statements == market->statements);
    return opened + sim_gate_check(sim);
}
