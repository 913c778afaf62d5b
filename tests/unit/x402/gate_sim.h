/* The simulation of the gate: the chain that is the truth, and the spent store that front ends
 * share. */
#ifndef LUCID_TESTS_GATE_SIM_H
#define LUCID_TESTS_GATE_SIM_H

#include "tests/unit/x402/gate_world.h"

#define SIM_HOUSES    3
#define SIM_STRANGER  7
#define SIM_DEALS_MAX 600
#define SIM_KEYS_MAX  4096
#define SIM_ASKS_MAX  256
#define SIM_SERVE_MS  400   /* a transfer counts when it is so old */
#define SIM_FINAL_MS  15000 /* and is safe from reorganisations */

/* --- random numbers ---------------------------------------------------------------------------
 */

struct sim_random {
    uint64_t state;
};
uint64_t sim_below(struct sim_random *random, uint64_t bound);
bool sim_percent(struct sim_random *random, unsigned percent);

/* --- the chain -------------------------------------------------------------------------------- */

/* What signs an authorization, and where. */
enum sim_sort { SIM_KEY, SIM_WALLET, SIM_SOLANA };

/* Who settles. `late` is slow and says nothing in between; `liar` says that nothing came of it, or
 * nothing at all, whatever it did. What it says is not believed (x402/roster.h): so to the gate it
 * is one that cannot say, until the chain does. */
#define SIM_SETTLERS 3
extern const char *const sim_settlers[SIM_SETTLERS]; /* the first is X402_DIRECT */

/* One authorization, or one plain transfer, and who wants what for it. */
struct sim_deal {
    bool transfer;
    enum sim_sort sort;
    uint64_t identifier; /* 0: none; two deals may have the same */
    bool cursed;         /* nobody gets it into a block */
    uint64_t number;
    uint64_t expires_ms;
    /* What the chain has. */
    bool there;
    unsigned by; /* an authorization: the house that sent it, or SIM_STRANGER */
    uint64_t since_ms;
    uint64_t lands_ms; /* 0: nothing is on its way */
    unsigned lands_by;
    bool ever; /* it was there once */
    /* What buyers got. */
    bool admitted;
    unsigned admitted_at;
    uint8_t digest[32];
    unsigned bodies; /* variants tried */
};

struct sim_chain {
    struct sim_random *random;
    struct fake_loop *loop;
    struct sim_deal deals[SIM_DEALS_MAX];
    size_t count;
    bool calm;      /* no faults any more */
    bool exclusive; /* of all houses */
};

struct sim_deal *sim_deal_new(struct sim_chain *chain);
struct x402_transfer sim_transfer(const struct sim_deal *deal, unsigned by); /* not on Solana */
/* The key by which the deal's payment is found. */
void sim_deal_key(const struct sim_deal *deal, const struct x402_networks *networks,
                  struct x402_spent_key *ret);
/* Lands what is due; takes back what is not safe yet. */
void sim_chain_turn(struct sim_chain *chain);
/* What a facilitator of that house says; house->context is the house's number. */
void sim_chain_answer(struct sim_chain *chain, unsigned house, struct x402_charge *charge);

/* --- the store -------------------------------------------------------------------------------- */

struct sim_entry {
    struct x402_spent_key key;
    bool used;
    bool spent;
    bool inherited; /* claimed by that house's process before */
    unsigned house;
    uint64_t token;
    uint8_t digest[32];
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
};

struct sim_store;

struct sim_ask {
    struct lucid_timer timer; /* first member */
    struct sim_door *door;
    struct x402_claim *claim; /* NULL: free */
};

/* A house's way to the store. */
struct sim_door {
    struct x402_spent spent; /* first member */
    struct sim_store *store;
    unsigned house;
    bool crashing; /* what is under way may or may not have arrived */
};

struct sim_store {
    struct sim_random *random;
    struct fake_loop *loop;
    const bool *calm;
    uint64_t tokens;
    struct sim_entry entries[SIM_KEYS_MAX];
    size_t count;
    struct sim_ask asks[SIM_ASKS_MAX];
    struct sim_door doors[SIM_HOUSES];
};

void sim_store_init(struct sim_store *store, struct sim_random *random, struct fake_loop *loop,
                    const bool *calm);
/* What a front end does at its start: its log tells what its claims became. */
void sim_door_open(struct sim_door *door, const struct x402_spent_log *log);

#endif
