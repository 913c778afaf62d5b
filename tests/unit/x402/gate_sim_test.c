/* Thousands of steps of several front ends that share a spent store: buyers who show their payments
 * again and elsewhere, a chain that is slow, forgets and reorganises, strangers who are faster,
 * full disks, kills at any moment; payments on Solana and of smart wallets, settled by others of
 * whom one is late and one lies; identifiers that two payments want. The chain is the truth; what
 * must hold:
 *
 *   - a payment is admitted for one request at one front end, and only if money has moved
 *   - money that has moved by us is one settled payment in the end; by a stranger, a stray one
 *   - no money, no payment; taken back, reversed, in the books as well
 *   - no claim is left over, and what is spent is in a log
 *   - the honest buyer gets what was paid for
 *   - who was chosen before the intent is asked, and nobody else, with what was kept of it
 *   - an identifier is one payment's of a front end, but for those that failed
 *
 *   gate_sim_test; LUCID_SEED=N repeats one run, else the seeds come from the time. */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/x402/gate_sim.h"

#define BUYERS_MAX 96

enum { STEPS = 4000, SEEDS = 4, VARIANTS = 4 };

struct sim_buyer {
    struct buyer buyer; /* first member */
    struct sim_deal *deal;
    unsigned house;
    unsigned variant;
    bool thief;
};

struct sim {
    uint64_t seed;
    uint64_t step;
    struct sim_random random;
    struct fake_loop loop;
    struct sim_chain chain;
    struct sim_store store;
    struct house houses[SIM_HOUSES];
    struct sim_buyer buyers[BUYERS_MAX];
    uint64_t outcomes[X402_BROKEN + 1];
    uint64_t kills;
    uint64_t replayed;
    uint64_t identified; /* payments */
    uint64_t conflicts;  /* of identifiers */
    uint64_t settled[SIM_SOLANA + 1];
};

static struct sim sim;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_failed(__LINE__, #condition);                                                      \
        }                                                                                          \
    } while (0)

_Noreturn static void sim_failed(int line, const char *text)
{
    for (size_t i = 0; i < BUYERS_MAX && getenv("LUCID_SEED") != NULL; i++) {
        const struct sim_buyer *from = &sim.buyers[i];
        if (from->deal != NULL) {
            printf("# buyer of %llu at %u, variant %u, %s: outcome %d, %s\n",
                   (unsigned long long)from->deal->number, from->house, from->variant,
                   from->buyer.inside ? "inside" : "done", (int)from->buyer.job.outcome,
                   from->buyer.job.reason == NULL ? "" : from->buyer.job.reason);
        }
    }
    printf("not ok 1 - line %d: %s; seed %llu, step %llu; run again with LUCID_SEED=%llu\n", line,
           text, (unsigned long long)sim.seed, (unsigned long long)sim.step,
           (unsigned long long)sim.seed);
    fflush(stdout);
    abort();
}

static uint64_t below(uint64_t bound)
{
    return sim_below(&sim.random, bound);
}

static bool percent(unsigned of)
{
    return sim_percent(&sim.random, of);
}

/* --- front ends ------------------------------------------------------------------------------- */

static unsigned number_of(const struct house *house)
{
    return (unsigned)(house - sim.houses);
}

/* Whom VERIFY named is asked, and nobody else, with what was kept of the intent; also by a process
 * that has never heard of it. */
static void settler_check(struct house *house, const struct x402_charge *charge)
{
    struct x402_payment payment;
    struct x402_spent_key key;
    struct lucid_buf forward = {0};
    struct ledger_view *view = WORLD_CORE(&house->world)->view;
    if (charge->network->solana) {
        x402_key_solana(charge->network, charge->solana.message, &key);
    } else {
        x402_key_authorization(charge->network, &charge->authorization.from,
                               &charge->authorization.nonce, &key);
    }
    check(world_find(&house->world, key.text, &payment) == LUCID_OK);
    check(strcmp(charge->facilitator, payment.facilitator) == 0);
    check(ledger_view_begin(view) == LUCID_OK);
    enum lucid_error error = x402_payment_forward(view, &payment, &forward);
    ledger_view_end(view);
    if (strcmp(payment.facilitator, X402_DIRECT) == 0) {
        check(error == LUCID_NOTE_ABSENT);
    } else {
        check(error == LUCID_OK && forward.len == charge->forward.len);
        check(memcmp(forward.data, charge->forward.data, forward.len) == 0);
        check(forward_is_signed(charge->forward));
    }
    lucid_buf_fini(&forward);
}

static void house_answers(struct house *house, struct x402_charge *charge)
{
    if (charge->verb == X402_CHARGE_SETTLE || charge->verb == X402_CHARGE_ASK) {
        settler_check(house, charge);
    }
    sim_chain_turn(&sim.chain);
    sim_chain_answer(&sim.chain, number_of(house), charge);
}

static uint64_t house_delays(struct house *house, int what)
{
    (void)house;
    if (what < 0) {
        return below(20);
    }
    return what == X402_CHARGE_SETTLE ? below(3000) : below(150);
}

/* Killed while it waited: the transaction may be on its way all the same. */
static void house_cancelled(struct house *house, struct x402_charge *charge)
{
    struct x402_charge copy = *charge;
    if (charge->verb == X402_CHARGE_SETTLE && !sim.chain.calm && percent(60)) {
        copy.verb = X402_CHARGE_ASK; /* which sends it */
        sim_chain_answer(&sim.chain, number_of(house), &copy);
    }
}

static void house_begins(struct house *house)
{
    sim_door_open(&sim.store.doors[number_of(house)], &house->log);
}

static void house_start(struct house *house)
{
    house_open(house, &sim.store.doors[number_of(house)].spent);
}

static void house_restart(struct house *house)
{
    unsigned number = number_of(house);
    sim.store.doors[number].crashing = true;
    house_kill(house, percent(50));
    for (size_t i = 0; i < BUYERS_MAX; i++) {
        if (sim.buyers[i].house == number) {
            sim.buyers[i].buyer.inside = false;
        }
    }
    house->refuse = LUCID_OK;
    house->fail_which = 0;
    house_start(house);
    sim.kills++;
}

static void house_troubles(struct house *house)
{
    if (house->refuse != LUCID_OK || house->fail_which != 0) {
        house->refuse = LUCID_OK;
        house->fail_which = 0;
        return;
    }
    if (percent(50)) {
        house->refuse = percent(50) ? LUCID_RETRY_BUSY : LUCID_RETRY_FULL;
        house->refuse_after = below(3);
    } else {
        house->fail_which = 1U << below(X402_FINISH + 1);
        house->fail_verb = percent(50) ? LUCID_RETRY_FULL : LUCID_RETRY_MEMORY;
    }
}

/* --- buyers ----------------------------------------------------------------------------------- */

static void admitted(struct sim_buyer *from)
{
    struct sim_deal *deal = from->deal;
    const struct x402_gate_job *job = &from->buyer.job;
    check(deal->ever && !from->thief);
    check(deal->transfer || sim.chain.exclusive || job->payment.status != X402_PENDING);
    if (deal->admitted) {
        check(deal->admitted_at == from->house);
        check(memcmp(deal->digest, job->request.digest, sizeof(deal->digest)) == 0);
    }
    check(from->buyer.ware.command.error == LUCID_OK || !from->buyer.writes);
    deal->admitted = true;
    deal->admitted_at = from->house;
    memcpy(deal->digest, job->request.digest, sizeof(deal->digest));
}

static void buyer_over(struct buyer *buyer)
{
    struct sim_buyer *from = (struct sim_buyer *)buyer;
    sim.outcomes[buyer->job.outcome]++;
    sim.replayed += buyer->job.replayed;
    if (buyer->job.outcome == X402_ADMITTED) {
        admitted(from);
    } else if (buyer->job.outcome == X402_SPENT) {
        sim.conflicts +=
            strcmp(x402_gate_spent_code(&buyer->job), "PAYMENT_IDENTIFIER_CONFLICT") == 0;
    } else if (buyer->job.outcome == X402_UNSERVED) {
        check(from->buyer.writes && buyer->ware.command.error != LUCID_OK);
    }
}

/* By an authorization. Strangers show a smart wallet's with a signature of their own. */
static void buyer_pays(struct sim_buyer *from, struct house *at, unsigned place, unsigned body)
{
    const struct sim_deal *deal = from->deal;
    struct buyer *buyer = &from->buyer;
    switch (deal->sort) {
    case SIM_KEY:
        buyer_authorization(at, buyer, deal->number, place, body);
        (void)snprintf(buyer->forward, sizeof(buyer->forward),
                       "{\"paymentPayload\":{\"payload\":{\"from\":%llu,\"signature\":%llu}}}",
                       (unsigned long long)deal->number, (unsigned long long)deal->number);
        buyer->job.forward = lucid_span_str(buyer->forward);
        break;
    case SIM_WALLET:
        from->thief = !sim.chain.calm && percent(20);
        buyer_wallet(at, buyer, deal->number, deal->number + (from->thief ? 100000 : 0), place,
                     body);
        break;
    case SIM_SOLANA:
        buyer_solana(at, buyer, deal->number, place, body);
        break;
    }
    if (deal->identifier != 0 && !sim.chain.calm) {
        buyer_identify(buyer, deal->identifier);
    }
}

/* Variants of a request: 0 and 1 are of the same place, 1 with a corrected body; 2 and 3 are of
 * another one. Of every other deal variant 0 is refused when it is a write. */
static void buyer_shows(struct sim_buyer *from, struct sim_deal *deal, unsigned house,
                        unsigned variant)
{
    struct buyer *buyer = &from->buyer;
    struct house *at = &sim.houses[house];
    from->deal = deal;
    from->house = house;
    from->variant = variant;
    from->thief = false;
    unsigned place = variant / 2;
    unsigned body = (unsigned)(deal->number * VARIANTS + variant) % 150;
    if (deal->transfer || (deal->there && deal->sort != SIM_SOLANA && percent(10))) {
        unsigned by = deal->transfer ? SIM_STRANGER : deal->by;
        buyer_transfer(at, buyer, deal->number * 10 + by, deal->number % 4, deal->number, place,
                       body);
        buyer->job.proof.has_log_index = !percent(10);
        if (!deal->transfer && !sim.chain.calm && percent(20)) {
            buyer->job.match.payer = world_address(0x11, 999999);
            from->thief = true;
        }
    } else {
        buyer_pays(from, at, place, body);
    }
    if (deal->number % 2 == 0) {
        buyer_ware(buyer, deal->number * VARIANTS + variant, deal->number % 4 == 0 && variant == 0);
    }
    buyer->over = buyer_over;
    buyer_enter(at, buyer);
}

static struct sim_buyer *buyer_free(void)
{
    for (size_t i = 0; i < BUYERS_MAX; i++) {
        if (!sim.buyers[i].buyer.inside) {
            return &sim.buyers[i];
        }
    }
    return NULL;
}

static void somebody_buys(void)
{
    struct sim_buyer *from = buyer_free();
    struct sim_deal *deal = NULL;
    if (from == NULL) {
        return;
    }
    if (percent(25) || sim.chain.count == 0) {
        deal = sim_deal_new(&sim.chain);
    }
    if (deal == NULL) { /* mostly one of the newest */
        size_t back = below(percent(80) && sim.chain.count > 10 ? 10 : sim.chain.count);
        deal = &sim.chain.deals[sim.chain.count - 1 - back];
    }
    unsigned house =
        percent(75) ? (unsigned)(deal->number % SIM_HOUSES) : (unsigned)below(SIM_HOUSES);
    unsigned variant = percent(70) ? 0 : (unsigned)below(VARIANTS);
    buyer_shows(from, deal, house, variant);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void sim_step(void)
{
    fake_loop_advance(&sim.loop, below(120));
    sim_chain_turn(&sim.chain);
    for (unsigned i = (unsigned)below(4); i > 0; i--) {
        somebody_buys();
    }
    if (below(120) == 0) {
        house_restart(&sim.houses[below(SIM_HOUSES)]);
    }
    if (below(40) == 0) {
        house_troubles(&sim.houses[below(SIM_HOUSES)]);
    }
}

static void sim_rest(uint64_t ms)
{
    for (uint64_t i = 0; i < ms / 250; i++) {
        fake_loop_advance(&sim.loop, 250);
        sim_chain_turn(&sim.chain);
    }
}

/* No faults any more; everything comes to its end. */
static void sim_calm(void)
{
    sim.chain.calm = true;
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        sim.houses[i].refuse = LUCID_OK;
        sim.houses[i].fail_which = 0;
    }
    sim_rest(400000);
    for (size_t i = 0; i < BUYERS_MAX; i++) {
        check(!sim.buyers[i].buyer.inside);
    }
}

/* --- what must hold in the end ---------------------------------------------------------------- */

struct holding {
    unsigned houses; /* that have a payment of the deal that has not failed */
    unsigned house;
    struct x402_payment payment;
    struct x402_spent_key key; /* by which it was found */
};

static void deal_find(const struct sim_deal *deal, struct holding *ret)
{
    *ret = (struct holding){.houses = 0};
    sim_deal_key(deal, &sim.houses[0].networks, &ret->key);
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        struct x402_payment payment;
        if (world_find(&sim.houses[i].world, ret->key.text, &payment) == LUCID_OK &&
            payment.status != X402_FAILED) {
            ret->houses++;
            ret->house = i;
            ret->payment = payment;
        }
    }
}

/* That the payment has the money that has moved. */
static void settlement_check(const struct sim_deal *deal, const struct x402_payment *payment)
{
    if (deal->sort == SIM_SOLANA) {
        const struct x402_transfer transfer = settlement_of_message(&payment->solana);
        check(payment->scheme == X402_SCHEME_SOLANA && payment->amount == WORLD_PRICE);
        check(memcmp(payment->transfer.signature, transfer.signature, sizeof(transfer.signature)) ==
              0);
        return;
    }
    const struct x402_transfer transfer = sim_transfer(deal, deal->by);
    check(payment->amount == transfer.amount);
    check(memcmp(&payment->transfer.transaction, &transfer.transaction, sizeof(struct evm_hash)) ==
          0);
}

static void deal_check(const struct sim_deal *deal, uint64_t *ret_books)
{
    struct holding held;
    deal_find(deal, &held);
    const struct x402_payment *payment = &held.payment;
    check(held.houses <= 1);
    check(!deal->admitted || held.houses == 1);
    if (held.houses == 0) {
        /* Nothing of ours moved; a transfer that nobody could show in time is not ours to know. */
        check(deal->transfer || !deal->there || deal->by == SIM_STRANGER);
        return;
    }
    check(payment->final && payment->status != X402_PENDING);
    check(deal->ever);
    if (!deal->there) {
        check(payment->status == X402_REVERSED);
        return;
    }
    ret_books[held.house] += payment->amount;
    sim.settled[deal->sort] += !deal->transfer;
    settlement_check(deal, payment);
    if (deal->transfer || deal->by == held.house || sim.chain.exclusive) {
        check(payment->status == X402_SETTLED);
    } else if (payment->scheme == X402_SCHEME_EIP3009) {
        check(payment->status == X402_STRAY && payment->foreign);
    }
    check(payment->served || !deal->admitted);
    check(!deal->admitted ||
          memcmp(payment->request.digest, deal->digest, sizeof(deal->digest)) == 0);
    const struct sim_entry *entry = NULL;
    for (size_t i = 0; i < sim.store.count; i++) {
        if (sim.store.entries[i].used &&
            strcmp(sim.store.entries[i].key.text, held.key.text) == 0) {
            entry = &sim.store.entries[i];
        }
    }
    check(entry != NULL && entry->spent && entry->house == held.house);
}

static void store_check(void)
{
    for (size_t i = 0; i < sim.store.count; i++) {
        const struct sim_entry *entry = &sim.store.entries[i];
        struct x402_payment payment;
        if (!entry->used) {
            continue;
        }
        check(entry->spent);
        check(world_find(&sim.houses[entry->house].world, entry->key.text, &payment) == LUCID_OK);
    }
}

/* Shows a proof until it has an answer that will not change. */
static enum x402_gate_outcome show_last(struct sim_deal *deal, unsigned house, unsigned variant)
{
    struct sim_buyer *from = buyer_free();
    for (unsigned i = 0; i < 5; i++) {
        buyer_shows(from, deal, house, variant);
        sim_rest(5000);
        check(!from->buyer.inside);
        enum x402_gate_outcome outcome = from->buyer.job.outcome;
        if (outcome != X402_OUTSTANDING && outcome != X402_UNAVAILABLE) {
            return outcome;
        }
    }
    return X402_OUTSTANDING;
}

/* What was served is served again, elsewhere it is refused; what is unserved can still be had. */
static void deal_show(struct sim_deal *deal)
{
    struct holding held;
    deal_find(deal, &held);
    if (held.houses == 0 || held.payment.status != X402_SETTLED) {
        return;
    }
    unsigned other = (held.house + 1) % SIM_HOUSES;
    unsigned variant = 0;
    if (held.payment.served) { /* perhaps by a front end that was killed before it could say so */
        struct x402_request_kept request;
        do {
            request =
                world_request(variant / 2, (unsigned)(deal->number * VARIANTS + variant) % 150);
        } while (memcmp(request.digest, held.payment.request.digest, sizeof(request.digest)) != 0 &&
                 ++variant < VARIANTS);
        check(variant < VARIANTS);
    } else { /* of the place that it was made for, in a form that is not refused */
        struct x402_request_kept request = world_request(0, 0);
        bool first = memcmp(request.place, held.payment.request.place, sizeof(request.place)) == 0;
        variant = first ? 1 : 2;
    }
    /* A smart wallet's is verified before the store is asked: then its nonce is known to be used.
     */
    enum x402_gate_outcome elsewhere = show_last(deal, other, variant);
    check(elsewhere == X402_SPENT || (elsewhere == X402_NOT_PAID && deal->sort == SIM_WALLET));
    check(show_last(deal, held.house, variant) == X402_ADMITTED);
    check(show_last(deal, held.house, 3 - variant) == X402_SPENT);
}

static void books_check(const uint64_t *books)
{
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        struct house *house = &sim.houses[i];
        check(world_balances(&house->world));
        int64_t cleared = 0;
        for (size_t k = 0; k < SIM_SETTLERS; k++) {
            char account[64];
            (void)snprintf(account, sizeof(account), "clearing:%s:USDC", sim_settlers[k]);
            cleared += owed(&house->world.revenue, account);
        }
        check(cleared == -(int64_t)books[i]);
        check(world_count(&house->world, 0, true) == 0);
    }
}

/* No two payments of a front end that have not failed have the same identifier. */
static void identifiers_check(struct house *house)
{
    bool seen[SIM_DEALS_MAX + 1] = {false};
    struct x402_payment payment = {.first_sequence = 0};
    struct ledger_view *view = WORLD_CORE(&house->world)->view;
    unsigned long long number;
    check(ledger_view_begin(view) == LUCID_OK);
    while (x402_payment_next(view, payment.first_sequence, 0, &payment) == LUCID_OK) {
        if (payment.status != X402_FAILED && sscanf(payment.identifier, "pay_%llx", &number) == 1) {
            check(number <= SIM_DEALS_MAX && !seen[number]);
            seen[number] = true;
            sim.identified++;
        }
    }
    ledger_view_end(view);
}

static void sim_end(void)
{
    uint64_t books[SIM_HOUSES] = {0};
    sim_calm();
    for (size_t i = 0; i < sim.chain.count; i++) {
        deal_check(&sim.chain.deals[i], books);
    }
    books_check(books);
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        identifiers_check(&sim.houses[i]);
    }
    store_check();
    for (size_t i = 0; i < sim.chain.count; i += 7) {
        deal_show(&sim.chain.deals[i]);
    }
    store_check();
}

static void sim_run(uint64_t seed)
{
    memset(&sim, 0, sizeof(sim));
    sim.seed = seed;
    sim.random.state = seed;
    fake_loop_init(&sim.loop, CORE_NOW_MS);
    sim.chain.random = &sim.random;
    sim.chain.loop = &sim.loop;
    sim.chain.exclusive = seed % 4 == 3;
    sim_store_init(&sim.store, &sim.random, &sim.loop, &sim.chain.calm);
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        struct house *house = &sim.houses[i];
        house_init(house, &sim.loop);
        house->answer = house_answers;
        house->delay_ms = house_delays;
        house->cancelled = house_cancelled;
        house->begin = house_begins;
        house->options.reconcile_ms = 400;
        house->options.wait_ms_max = 1500;
        house->options.watch_seconds = 60;
        house->options.pay_to_exclusive = sim.chain.exclusive;
        house_start(house);
    }
    for (sim.step = 0; sim.step < STEPS; sim.step++) {
        sim_step();
    }
    sim_end();
    printf(
        "# seed %llu: %zu payments, %llu kills; admitted %llu (%llu again), not paid %llu, spent "
        "%llu, outstanding %llu, unavailable %llu, unserved %llu, broken %llu\n",
        (unsigned long long)seed, sim.chain.count, (unsigned long long)sim.kills,
        (unsigned long long)sim.outcomes[X402_ADMITTED], (unsigned long long)sim.replayed,
        (unsigned long long)sim.outcomes[X402_NOT_PAID],
        (unsigned long long)sim.outcomes[X402_SPENT],
        (unsigned long long)sim.outcomes[X402_OUTSTANDING],
        (unsigned long long)sim.outcomes[X402_UNAVAILABLE],
        (unsigned long long)sim.outcomes[X402_UNSERVED],
        (unsigned long long)sim.outcomes[X402_BROKEN]);
    printf("# settled: %llu of keys, %llu of smart wallets, %llu on Solana; %llu with identifiers, "
           "%llu conflicts of these\n",
           (unsigned long long)sim.settled[SIM_KEY], (unsigned long long)sim.settled[SIM_WALLET],
           (unsigned long long)sim.settled[SIM_SOLANA], (unsigned long long)sim.identified,
           (unsigned long long)sim.conflicts);
    check(sim.settled[SIM_KEY] > 5 && sim.settled[SIM_WALLET] > 5 && sim.settled[SIM_SOLANA] > 5);
    check(sim.identified > 5 && sim.conflicts > 5);
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        house_fini(&sim.houses[i]);
    }
    fake_loop_fini(&sim.loop);
}

int main(void)
{
    const char *given = getenv("LUCID_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * SEEDS;
    unsigned runs = given != NULL ? 1 : SEEDS;
    for (unsigned i = 0; i < runs; i++) {
        printf("# seed %llu\n", (unsigned long long)(seed + i));
        fflush(stdout);
        sim_run(seed + i);
    }
    printf("ok 1 - %u runs\n1..1\n", runs);
    return 0;
}
