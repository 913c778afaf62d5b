/* Gas in the simulation: the books of the model, random commands for them, and what readers see. */
#include <string.h>

#include "tests/unit/sim/ledger_sim.h"

enum { AS_OF_POINTS = 4, ACCOUNTS_MAX = SIM_SIGNERS + 24 };

static const char revenue_id[] = "revenue:gas:LUCID";
static const char deposits_id[] = "clearing:deposits:LUCID";

/* --- the model -------------------------------------------------------------------------------- */

void model_gas_post(struct model_gas *gas, struct model_account *debit,
                    struct model_account *credit, uint64_t amount)
{
    if (amount == 0) {
        return;
    }
    debit->opened = true;
    credit->opened = true;
    debit->debits += amount;
    credit->credits += amount;
    gas->postings++;
}

bool model_gas_charge(struct model_gas *gas, uint8_t signer, struct expect *refusal)
{
    struct model_account *payer = &gas->signers[signer];
    bool charged = gas->igas > 0 || gas->mgas > 0;
    if (charged && (payer->debits + gas->igas > GAS_AMOUNT_MAX ||
                    gas->revenue.credits + gas->igas + gas->mgas > GAS_AMOUNT_MAX)) {
        *refusal = (struct expect){.error = LUCID_REFUSE_TOO_LARGE, .code = "AMOUNT_OVERFLOW"};
        return false;
    }
    if (gas->prepaid && gas->igas > 0 &&
        payer->debits + gas->igas > payer->credits + payer->credit_limit) {
        *refusal = (struct expect){.error = LUCID_REFUSE_FORBIDDEN, .code = "GAS_EXHAUSTED"};
        return false;
    }
    payer->opened = true;
    model_gas_post(gas, payer, &gas->revenue, gas->igas);
    if (gas->epoch_leaves[signer] == 0) {
        gas->epoch_order[gas->epoch_signers++] = signer;
    }
    gas->epoch_leaves[signer]++;
    return true;
}

/* Largest remainder the slow way: each unit that is left goes to the largest remainder that has
 * none yet, the first of equals. */
void model_gas_epoch(struct model_gas *gas)
{
    uint64_t leaves = 0;
    uint64_t left = gas->mgas;
    uint64_t part[SIM_SIGNERS];
    bool has_more[SIM_SIGNERS] = {false};
    for (unsigned i = 0; i < gas->epoch_signers; i++) {
        leaves += gas->epoch_leaves[gas->epoch_order[i]];
    }
    for (unsigned i = 0; i < gas->epoch_signers; i++) {
        uint64_t own = gas->epoch_leaves[gas->epoch_order[i]];
        part[i] = (uint64_t)((unsigned __int128)gas->mgas * own / leaves);
        left -= part[i];
    }
    while (left > 0) {
        unsigned best = SIM_SIGNERS;
        unsigned __int128 largest = 0;
        for (unsigned i = 0; i < gas->epoch_signers; i++) {
            uint64_t own = gas->epoch_leaves[gas->epoch_order[i]];
            unsigned __int128 rest = (unsigned __int128)gas->mgas * own % leaves;
            if (!has_more[i] && (best == SIM_SIGNERS || rest > largest)) {
                best = i;
                largest = rest;
            }
        }
        lucid_assert(best < SIM_SIGNERS);
        has_more[best] = true;
        part[best]++;
        left--;
    }
    for (unsigned i = 0; i < gas->epoch_signers; i++) {
        model_gas_post(gas, &gas->signers[gas->epoch_order[i]], &gas->revenue, part[i]);
    }
    memset(gas->epoch_leaves, 0, sizeof(gas->epoch_leaves));
    gas->epoch_signers = 0;
}

static struct expect model_tariff(struct model *model, const struct gas_tariff *tariff)
{
    struct model_gas *gas = &model->gas;
    if (gas->has_tariff && gas->igas == tariff->igas && gas->mgas == tariff->mgas) {
        return (struct expect){.known = true};
    }
    (void)model_event_add(model);
    gas->has_tariff = true;
    gas->igas = tariff->igas;
    gas->mgas = tariff->mgas;
    return (struct expect){.known = false};
}

static struct expect model_deposit(struct model *model, unsigned signer, unsigned key,
                                   uint64_t amount)
{
    struct model_gas *gas = &model->gas;
    struct model_deposit *row = &gas->keys[key];
    struct model_account *account = &gas->signers[signer];
    if (row->used) {
        bool same = row->signer == signer && row->amount == amount;
        return same ? (struct expect){.known = true}
                    : (struct expect){.error = LUCID_REFUSE_CONFLICT,
                                      .code = "IDEMPOTENCY_CONFLICT"};
    }
    if (account->credits + amount > GAS_AMOUNT_MAX ||
        gas->deposits.debits + amount > GAS_AMOUNT_MAX) {
        return (struct expect){.error = LUCID_REFUSE_TOO_LARGE, .code = "AMOUNT_OVERFLOW"};
    }
    (void)model_event_add(model);
    *row = (struct model_deposit){.used = true, .signer = (uint8_t)signer, .amount = amount};
    model_gas_post(gas, &gas->deposits, account, amount);
    return (struct expect){.known = false};
}

struct expect model_gas_do(struct model *model, const struct gas_books_command *command,
                           unsigned signer, unsigned key)
{
    struct model_account *account = &model->gas.signers[signer];
    if (command->command.verb == GAS_TARIFF_SET) {
        return model_tariff(model, &command->tariff);
    }
    if (!model_signer_known(model, signer)) {
        return (struct expect){.error = LUCID_NOTE_ABSENT, .code = "NOT_FOUND"};
    }
    if (command->command.verb == GAS_DEPOSIT) {
        return model_deposit(model, signer, key, command->amount);
    }
    if (account->credit_limit == command->amount) {
        return (struct expect){.known = true};
    }
    (void)model_event_add(model);
    account->opened = true;
    account->credit_limit = command->amount;
    return (struct expect){.known = false};
}

/* --- random commands -------------------------------------------------------------------------- */

static void tariff_make(struct sim *sim, struct gas_books_command *command)
{
    static const uint64_t igas[] = {0, 1, 7, GAS_IGAS_DEFAULT, GAS_IGAS_DEFAULT, GAS_TARIFF_MAX};
    static const uint64_t mgas[] = {0, 1, 5, GAS_MGAS_DEFAULT, GAS_MGAS_DEFAULT, GAS_TARIFF_MAX};
    sim_check(sim, gas_tariff_prepare(command, igas[sim_random(sim, 6)], mgas[sim_random(sim, 6)],
                                      NULL) == LUCID_OK);
}

/* New keys mostly; else a known one, with the same deposit or with another. */
static void deposit_make(struct sim *sim, struct gas_books_command *command, unsigned *signer,
                         unsigned *ret_key)
{
    char key[32];
    uint64_t amount = sim_random(sim, 20) == 0 ? GAS_AMOUNT_MAX / 3
                                               : (1 + sim_random(sim, 40)) * GAS_IGAS_DEFAULT;
    bool fresh = sim->key_count == 0 || (sim->key_count < SIM_KEYS_MAX && sim_random(sim, 3) != 0);
    *ret_key = fresh ? sim->key_count++ : (unsigned)sim_random(sim, sim->key_count);
    const struct model_deposit *known = &sim->kept->gas.keys[*ret_key];
    if (known->used && sim_random(sim, 3) != 0) {
        amount = known->amount;
        *signer = known->signer;
    }
    int len = snprintf(key, sizeof(key), "sim-key-%u", *ret_key);
    sim_check(sim, gas_deposit_prepare(command, sim->keys[*signer].public_key, amount,
                                       lucid_span(key, (size_t)len), lucid_span("", 0),
                                       NULL) == LUCID_OK);
}

void sim_gas_make(struct sim *sim, struct gas_books_command *command, unsigned *ret_signer,
                  unsigned *ret_key)
{
    uint64_t draw = sim_random(sim, 20);
    *ret_signer = (unsigned)sim_random(sim, SIM_SIGNERS);
    if (draw < 2) {
        tariff_make(sim, command);
    } else if (draw < 16) {
        deposit_make(sim, command, ret_signer, ret_key);
    } else {
        uint64_t limit = sim_random(sim, 4) * 3 * GAS_IGAS_DEFAULT;
        sim_check(sim, gas_limit_prepare(command, sim->keys[*ret_signer].public_key, limit, NULL) ==
                           LUCID_OK);
    }
}

/* --- what readers see ------------------------------------------------------------------------- */

void sim_account_check(struct sim *sim, const char *id, const struct model_account *row)
{
    struct gas_account account;
    enum lucid_error error = gas_account_read(sim->world.view, lucid_span_str(id), &account);
    sim_check(sim, error == (row->opened ? LUCID_OK : LUCID_NOTE_ABSENT));
    if (row->opened) {
        sim_check(sim, strcmp(account.id, id) == 0);
        sim_check(sim, account.debits == row->debits && account.credits == row->credits);
        sim_check(sim, account.credit_limit == row->credit_limit);
    }
}

static size_t accounts_read(struct sim *sim, struct gas_account accounts[ACCOUNTS_MAX])
{
    struct lucid_span after = lucid_span("", 0);
    size_t count = 0;
    for (;;) {
        struct gas_account account;
        enum lucid_error error = gas_account_next(sim->world.view, after, &account);
        if (error == LUCID_NOTE_ABSENT) {
            return count;
        }
        sim_check(sim, error == LUCID_OK && count < ACCOUNTS_MAX);
        accounts[count] = account;
        after = lucid_span_str(accounts[count].id);
        count++;
    }
}

static void sums_check(struct sim *sim, const struct gas_account *accounts, size_t count)
{
    unsigned __int128 debits[GAS_UNITS + 1] = {0};
    unsigned __int128 credits[GAS_UNITS + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        debits[accounts[i].unit] += accounts[i].debits;
        credits[accounts[i].unit] += accounts[i].credits;
    }
    sim_check(sim, memcmp(debits, credits, sizeof(debits)) == 0);
}

void sim_gas_check(struct sim *sim)
{
    static struct gas_account accounts[ACCOUNTS_MAX];
    const struct model_gas *gas = &sim->kept->gas;
    struct gas_tariff tariff;
    size_t opened = (size_t)gas->revenue.opened + gas->deposits.opened;
    for (unsigned i = 0; i < SIM_SIGNERS; i++) {
        char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
        gas_account_signer(sim->keys[i].public_key, id);
        sim_account_check(sim, id, &gas->signers[i]);
        opened += gas->signers[i].opened;
    }
    sim_account_check(sim, revenue_id, &gas->revenue);
    sim_account_check(sim, deposits_id, &gas->deposits);
    sim_check(sim, gas_tariff_at(sim->world.view, UINT64_MAX, &tariff) == LUCID_OK);
    sim_check(sim, tariff.igas == gas->igas && tariff.mgas == gas->mgas);
    sim_check(sim, (tariff.sequence != 0) == gas->has_tariff);
    size_t count = accounts_read(sim, accounts);
    sim_check(sim, count == opened + sim_market_check(sim));
    sums_check(sim, accounts, count);
}

static struct gas_account *account_of(struct sim *sim, struct gas_account *accounts, size_t count,
                                      const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(accounts[i].id, id) == 0) {
            return &accounts[i];
        }
    }
    sim_fail(sim, __FILE__, __LINE__, "a posting to an account that is not there");
}

/* Holds the totals that the postings up to `sequence` give against what is said of that time. */
static void as_of_check(struct sim *sim, const struct gas_account *summed,
                        const struct gas_account *now, size_t count, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++) {
        struct gas_account then = now[i];
        sim_check(sim, gas_account_as_of(sim->world.view, sequence, &then) == LUCID_OK);
        sim_check(sim, then.as_of == sequence);
        sim_check(sim, then.debits == summed[i].debits && then.credits == summed[i].credits);
    }
    sums_check(sim, summed, count);
}

void sim_gas_check_past(struct sim *sim)
{
    static struct gas_account now[ACCOUNTS_MAX];
    static struct gas_account summed[ACCOUNTS_MAX];
    const struct model *model = sim->kept;
    uint64_t points[AS_OF_POINTS + 1];
    unsigned at = 0;
    size_t count = accounts_read(sim, now);
    memcpy(summed, now, sizeof(summed));
    for (size_t i = 0; i < count; i++) {
        summed[i].debits = 0;
        summed[i].credits = 0;
    }
    for (unsigned i = 0; i < AS_OF_POINTS; i++) {
        points[i] =
            model->events * i / AS_OF_POINTS + sim_random(sim, 1 + model->events / AS_OF_POINTS);
    }
    points[AS_OF_POINTS] = model->events;
    struct gas_posting posting = {.sequence = 0, .leg = UINT32_MAX};
    uint64_t postings = 0;
    for (;;) {
        enum lucid_error error =
            gas_posting_next(sim->world.view, NULL, posting.sequence, posting.leg, &posting);
        uint64_t sequence = error == LUCID_OK ? posting.sequence : UINT64_MAX;
        for (; at <= AS_OF_POINTS && points[at] < sequence; at++) {
            as_of_check(sim, summed, now, count, points[at]);
        }
        if (error == LUCID_NOTE_ABSENT) {
            break;
        }
        sim_check(sim, error == LUCID_OK && posting.amount > 0);
        account_of(sim, summed, count, posting.debit)->debits += posting.amount;
        account_of(sim, summed, count, posting.credit)->credits += posting.amount;
        postings++;
    }
    sim_check(sim, postings == model->gas.postings && at == AS_OF_POINTS + 1);
}
