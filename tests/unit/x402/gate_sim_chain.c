#include "tests/unit/x402/gate_sim.h"

uint64_t sim_below(struct sim_random *random, uint64_t bound)
{
    random->state += 0x9e3779b97f4a7c15U;
    uint64_t z = random->state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return (z ^ z >> 31) % bound;
}

bool sim_percent(struct sim_random *random, unsigned percent)
{
    return sim_below(random, 100) < percent;
}

static bool chance(const struct sim_chain *chain, unsigned percent)
{
    return !chain->calm && sim_percent(chain->random, percent);
}

static uint64_t now_of(const struct sim_chain *chain)
{
    return chain->loop->now_ms;
}

struct sim_deal *sim_deal_new(struct sim_chain *chain)
{
    if (chain->count == SIM_DEALS_MAX) {
        return NULL;
    }
    struct sim_deal *deal = &chain->deals[chain->count];
    *deal = (struct sim_deal){.number = 1 + chain->count};
    chain->count++;
    deal->transfer = sim_percent(chain->random, 35);
    if (!deal->transfer) {
        uint64_t sort = sim_below(chain->random, 100);
        deal->sort = sort < 50 ? SIM_KEY : sort < 75 ? SIM_WALLET : SIM_SOLANA;
        deal->identifier = deal->number % 3 == 2 ? 0 : (deal->number + 2) / 3;
    }
    deal->cursed = !deal->transfer && sim_percent(chain->random, 15);
    deal->expires_ms = now_of(chain) + 5000 + sim_below(chain->random, 40000);
    if (deal->transfer) { /* the buyer sends it */
        deal->by = SIM_STRANGER;
        deal->lands_by = SIM_STRANGER;
        deal->lands_ms = now_of(chain) + 1 + sim_below(chain->random, 2000);
    }
    return deal;
}

const char *const sim_settlers[SIM_SETTLERS] = {X402_DIRECT, "late", "liar"};

void sim_deal_key(const struct sim_deal *deal, const struct x402_networks *networks,
                  struct x402_spent_key *ret)
{
    const struct evm_address from = world_address(0x11, deal->number);
    const struct evm_hash nonce = world_hash(0x44, deal->number);
    const struct evm_hash transaction = world_hash(0xaa, deal->number * 10 + SIM_STRANGER);
    uint8_t message[LUCID_SHA256_BYTES];
    if (deal->transfer) {
        x402_key_transfer(&networks->items[0], &transaction, deal->number % 4, ret);
    } else if (deal->sort == SIM_SOLANA) {
        buyer_message(deal->number, message);
        x402_key_solana(&networks->items[1], message, ret);
    } else {
        x402_key_authorization(&networks->items[0], &from, &nonce, ret);
    }
}

struct x402_transfer sim_transfer(const struct sim_deal *deal, unsigned by)
{
    uint64_t amount = WORLD_PRICE + (deal->transfer ? deal->number % 3 : 0);
    struct x402_transfer transfer =
        world_transfer(deal->number * 10 + by, deal->number % 4, deal->number, amount);
    if (!deal->transfer) {
        transfer.has_nonce = true;
        transfer.nonce = world_hash(0x44, deal->number);
    }
    transfer.sender = world_address(0x33, by);
    return transfer;
}

static bool is_deep(const struct sim_chain *chain, const struct sim_deal *deal, uint64_t age_ms)
{
    return deal->there && deal->sort == SIM_SOLANA
               ? true
               : deal->there && now_of(chain) - deal->since_ms >= age_ms;
}

void sim_chain_turn(struct sim_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct sim_deal *deal = &chain->deals[i];
        bool due = deal->lands_ms != 0 && deal->lands_ms <= now_of(chain);
        if (due) {
            bool good = deal->transfer || deal->lands_ms < deal->expires_ms;
            deal->lands_ms = 0;
            if (!deal->there && good) {
                deal->there = true;
                deal->ever = true;
                deal->by = deal->lands_by;
                deal->since_ms = now_of(chain);
            }
        } else if (deal->there && deal->sort != SIM_SOLANA && !is_deep(chain, deal, SIM_FINAL_MS) &&
                   !chain->calm && sim_below(chain->random, 3000) == 0) {
            deal->there = false;
            if (sim_percent(chain->random, 60)) {
                deal->lands_by = deal->by;
                deal->lands_ms = now_of(chain) + 1 + sim_below(chain->random, 5000);
            }
        }
    }
}

/* Somebody sends the authorization: our gas account, and now and then another one is faster. */
static void broadcast(struct sim_chain *chain, struct sim_deal *deal, unsigned house)
{
    if (deal->there || deal->lands_ms != 0 || deal->cursed || chance(chain, 15)) {
        return; /* lost on its way */
    }
    deal->lands_by = deal->sort != SIM_SOLANA && chance(chain, 12) ? SIM_STRANGER : house;
    deal->lands_ms = now_of(chain) + 1 + sim_below(chain->random, 3000);
}

static void settled(const struct sim_chain *chain, const struct sim_deal *deal, unsigned house,
                    struct x402_charge *charge)
{
    if (deal->sort == SIM_SOLANA) {
        charge->transfer = settlement_of_message(&charge->solana);
        charge->outcome = X402_CHARGE_GOOD;
        return;
    }
    charge->transfer = sim_transfer(deal, deal->by);
    charge->transfer.final = is_deep(chain, deal, SIM_FINAL_MS);
    charge->bound = true;
    charge->outcome = deal->by == house ? X402_CHARGE_GOOD : X402_CHARGE_STRAY;
}

static struct sim_deal *deal_of_charge(struct sim_chain *chain, const struct x402_charge *charge)
{
    uint64_t number = lucid_get_be64(charge->network->solana ? charge->solana.message
                                                             : charge->authorization.nonce.bytes);
    lucid_assert(number >= 1 && number <= chain->count);
    struct sim_deal *deal = &chain->deals[number - 1];
    lucid_assert((deal->sort == SIM_SOLANA) == charge->network->solana);
    lucid_assert((deal->sort == SIM_WALLET) == charge->smart_wallet);
    return deal;
}

static void settler_choose(struct sim_chain *chain, const struct sim_deal *deal,
                           struct x402_charge *charge)
{
    size_t settler = deal->sort == SIM_KEY ? sim_below(chain->random, SIM_SETTLERS)
                                           : 1 + sim_below(chain->random, SIM_SETTLERS - 1);
    (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "%s", sim_settlers[settler]);
}

static void verify(struct sim_chain *chain, unsigned house, struct x402_charge *charge)
{
    const struct sim_deal *deal = deal_of_charge(chain, charge);
    charge->from_block = 990;
    charge->intended_sender = world_address(0x33, house);
    if (deal->sort != SIM_KEY && !forward_is_signed(charge->forward)) {
        charge->outcome = X402_CHARGE_BAD;
    } else if (deal->there && deal->by == SIM_STRANGER && is_deep(chain, deal, SIM_SERVE_MS) &&
               chance(chain, 30)) {
        settled(chain, deal, house, charge);
    } else if (deal->there || now_of(chain) >= deal->expires_ms || chance(chain, 5)) {
        charge->outcome = X402_CHARGE_BAD;
    } else {
        charge->outcome = X402_CHARGE_GOOD;
        settler_choose(chain, deal, charge);
    }
}

/* The answer to a settlement that was broadcast when it was asked for. */
static void settle(struct sim_chain *chain, unsigned house, struct x402_charge *charge)
{
    struct sim_deal *deal = deal_of_charge(chain, charge);
    /* Sent before the answer, sometimes long before. */
    broadcast(chain, deal, house);
    if (!deal->there && deal->lands_ms == 0 && chance(chain, 30)) {
        charge->outcome = chance(chain, 50) ? X402_CHARGE_BAD : X402_CHARGE_AWAY;
    } else {
        charge->outcome = X402_CHARGE_PENDING;
    }
}

static void ask(struct sim_chain *chain, unsigned house, struct x402_charge *charge)
{
    struct sim_deal *deal = deal_of_charge(chain, charge);
    charge->outcome = X402_CHARGE_PENDING;
    if (is_deep(chain, deal, SIM_SERVE_MS)) {
        settled(chain, deal, house, charge);
    } else if (!deal->there && now_of(chain) >= deal->expires_ms + SIM_FINAL_MS) {
        charge->outcome = X402_CHARGE_BAD;
    } else {
        broadcast(chain, deal, house);
    }
}

static struct sim_deal *deal_of_transaction(struct sim_chain *chain,
                                            const struct evm_hash *transaction, unsigned *ret_by)
{
    uint64_t number = lucid_get_be64(transaction->bytes);
    lucid_assert(number / 10 >= 1 && number / 10 <= chain->count);
    *ret_by = (unsigned)(number % 10);
    return &chain->deals[number / 10 - 1];
}

static void observe(struct sim_chain *chain, struct x402_charge *charge)
{
    unsigned by;
    const struct sim_deal *deal = deal_of_transaction(chain, &charge->transaction, &by);
    const struct evm_address payer = world_address(0x11, deal->number);
    if (!deal->there || deal->by != by || !is_deep(chain, deal, SIM_SERVE_MS)) {
        charge->outcome = X402_CHARGE_PENDING;
    } else if (memcmp(&payer, &charge->payer, sizeof(payer)) != 0) {
        charge->outcome = X402_CHARGE_BAD;
    } else {
        charge->transfer = sim_transfer(deal, by);
        charge->transfer.final = is_deep(chain, deal, SIM_FINAL_MS);
        charge->bound = true;
        charge->outcome = X402_CHARGE_GOOD;
    }
}

static void watch(struct sim_chain *chain, struct x402_charge *charge)
{
    unsigned by;
    const struct sim_deal *deal = deal_of_transaction(chain, &charge->transfer.transaction, &by);
    if (deal->there && deal->by == by) {
        charge->transfer.final = is_deep(chain, deal, SIM_FINAL_MS);
        charge->outcome = X402_CHARGE_GOOD;
    } else {
        charge->outcome = X402_CHARGE_LOST;
    }
}

void sim_chain_answer(struct sim_chain *chain, unsigned house, struct x402_charge *charge)
{
    if (chance(chain, 8)) {
        charge->outcome =
            charge->verb == X402_CHARGE_SETTLE ? X402_CHARGE_PENDING : X402_CHARGE_AWAY;
        return;
    }
    switch (charge->verb) {
    case X402_CHARGE_OBSERVE:
        observe(chain, charge);
        break;
    case X402_CHARGE_VERIFY:
        verify(chain, house, charge);
        break;
    case X402_CHARGE_SETTLE:
        settle(chain, house, charge);
        if (charge->outcome == X402_CHARGE_PENDING && !chance(chain, 40) &&
            strcmp(charge->facilitator, X402_DIRECT) == 0) {
            struct sim_deal *deal = deal_of_charge(chain, charge);
            if (deal->lands_ms != 0 && deal->lands_ms < deal->expires_ms) { /* waited for it */
                deal->lands_ms = now_of(chain);
                sim_chain_turn(chain);
            }
            if (deal->there) {
                settled(chain, deal, house, charge);
            }
        }
        break;
    case X402_CHARGE_ASK:
        ask(chain, house, charge);
        break;
    case X402_CHARGE_WATCH:
        watch(chain, charge);
        break;
    case X402_CHARGE_LOOK:
    case X402_CHARGE_TRACE: /* the gate never asks it: it is between facilitators */
        charge->outcome = X402_CHARGE_AWAY;
        break;
    }
}

/* --- the store -------------------------------------------------------------------------------- */

static struct sim_entry *entry_find(struct sim_store *store, const char *key)
{
    for (size_t i = 0; i < store->count; i++) {
        if (store->entries[i].used && strcmp(store->entries[i].key.text, key) == 0) {
            return &store->entries[i];
        }
    }
    return NULL;
}

static struct sim_entry *entry_get(struct sim_store *store, const char *key)
{
    struct sim_entry *entry = entry_find(store, key);
    for (size_t i = 0; entry == NULL && i < store->count; i++) {
        entry = store->entries[i].used ? NULL : &store->entries[i];
    }
    if (entry == NULL) {
        lucid_assert(store->count < SIM_KEYS_MAX);
        entry = &store->entries[store->count++];
    }
    if (!entry->used) {
        *entry = (struct sim_entry){.used = true};
        (void)snprintf(entry->key.text, sizeof(entry->key.text), "%s", key);
    }
    return entry;
}

static bool is_own(const struct sim_door *door, const struct sim_entry *entry,
                   const struct x402_claim *claim)
{
    return !entry->spent && entry->house == door->house && !entry->inherited &&
           entry->token == claim->token;
}

static void claim_run(struct sim_door *door, struct x402_claim *claim)
{
    struct sim_store *store = door->store;
    claim->same_request = false;
    claim->here = false;
    if (!*store->calm && sim_percent(store->random, 2)) {
        claim->outcome = X402_CLAIM_UNREADY;
        return;
    }
    for (size_t i = 0; i < claim->key_count; i++) {
        const struct sim_entry *entry = entry_find(store, claim->keys[i].text);
        if (entry == NULL || (claim->token != 0 && is_own(door, entry, claim))) {
            continue;
        }
        claim->same_request = memcmp(entry->digest, claim->digest, sizeof(entry->digest)) == 0;
        claim->here = entry->spent && entry->house == door->house;
        claim->outcome = entry->spent ? X402_CLAIM_SPENT : X402_CLAIM_HELD;
        return;
    }
    claim->token = claim->token != 0 ? claim->token : ++store->tokens;
    for (size_t i = 0; i < claim->key_count; i++) {
        struct sim_entry *entry = entry_get(store, claim->keys[i].text);
        entry->house = door->house;
        entry->token = claim->token;
        memcpy(entry->digest, claim->digest, sizeof(entry->digest));
    }
    claim->outcome = X402_CLAIMED;
}

static void end_run(struct sim_door *door, struct x402_claim *claim)
{
    bool promote = claim->verb == X402_SPENT_PROMOTE;
    for (size_t i = 0; i < claim->key_count; i++) {
        struct sim_entry *entry = entry_find(door->store, claim->keys[i].text);
        bool own = entry != NULL && claim->token != 0 && is_own(door, entry, claim);
        bool taken = entry != NULL && claim->token == 0 && !entry->spent &&
                     entry->house == door->house && (promote || entry->inherited);
        if (promote && (entry == NULL || own || taken)) {
            entry = entry_get(door->store, claim->keys[i].text);
            entry->spent = true;
            entry->house = door->house;
            memcpy(entry->digest, claim->digest, sizeof(entry->digest));
            memcpy(entry->payment_id, claim->payment_id, sizeof(entry->payment_id));
        } else if (!promote && (own || taken)) {
            entry->used = false;
        }
    }
}

static void ask_run(struct sim_door *door, struct x402_claim *claim)
{
    if (claim->verb == X402_SPENT_CLAIM) {
        claim_run(door, claim);
    } else {
        end_run(door, claim);
    }
}

static void ask_fire(struct lucid_timer *timer)
{
    struct sim_ask *slot = (struct sim_ask *)timer;
    struct x402_claim *claim = slot->claim;
    slot->claim = NULL;
    ask_run(slot->door, claim);
    claim->done(claim);
}

static void door_ask(struct x402_spent *spent, struct x402_claim *claim)
{
    struct sim_door *door = (struct sim_door *)spent;
    struct sim_store *store = door->store;
    for (size_t i = 0; i < SIM_ASKS_MAX; i++) {
        struct sim_ask *slot = &store->asks[i];
        lucid_assert(slot->claim != claim);
        if (slot->claim == NULL) {
            slot->claim = claim;
            slot->door = door;
            slot->timer.fire = ask_fire;
            lucid_assert(lucid_timer_set(&store->loop->loop, &slot->timer,
                                         sim_below(store->random, 30)) == LUCID_OK);
            return;
        }
    }
    lucid_assert(false);
}

static void door_cancel(struct x402_spent *spent, struct x402_claim *claim)
{
    struct sim_door *door = (struct sim_door *)spent;
    struct sim_store *store = door->store;
    for (size_t i = 0; i < SIM_ASKS_MAX; i++) {
        struct sim_ask *slot = &store->asks[i];
        if (slot->claim == claim) {
            lucid_timer_clear(&store->loop->loop, &slot->timer);
            slot->claim = NULL;
            if (door->crashing ? sim_percent(store->random, 50) : claim->verb != X402_SPENT_CLAIM) {
                ask_run(door, claim);
            }
        }
    }
}

void sim_store_init(struct sim_store *store, struct sim_random *random, struct fake_loop *loop,
                    const bool *calm)
{
    static const struct x402_spent_ops ops = {.ask = door_ask, .cancel = door_cancel};
    *store = (struct sim_store){.random = random, .loop = loop, .calm = calm};
    for (unsigned i = 0; i < SIM_HOUSES; i++) {
        store->doors[i] = (struct sim_door){.spent = {.ops = &ops}, .store = store, .house = i};
    }
}

void sim_door_open(struct sim_door *door, const struct x402_spent_log *log)
{
    struct sim_store *store = door->store;
    struct x402_spent_key at = {.text = ""};
    struct x402_spent_key key = {.text = ""};
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending;
    door->crashing = false;
    for (size_t i = 0; i < store->count; i++) {
        struct sim_entry *entry = &store->entries[i];
        if (entry->used && !entry->spent && entry->house == door->house) {
            enum lucid_error error =
                log->find(log->context, lucid_span_str(entry->key.text), id, digest, &pending);
            lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
            entry->used = error == LUCID_OK;
            entry->inherited = true;
        }
    }
    while (log->next(log->context, lucid_span_str(at.text), &key, id, digest, &pending) ==
           LUCID_OK) {
        struct sim_entry *entry = entry_get(store, key.text);
        bool fresh = !entry->spent && (entry->inherited || entry->token == 0);
        if (fresh) {
            entry->house = door->house;
            entry->spent = !pending;
            entry->inherited = pending;
            memcpy(entry->digest, digest, sizeof(digest));
            memcpy(entry->payment_id, id, sizeof(id));
        }
        at = key;
    }
}
