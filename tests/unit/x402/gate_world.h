/* Front ends for the tests of the gate: each a ledger in memory with the payment kind, a writer and
 * a facilitator that the test scripts, the spent store in memory (or one that the test brings), and
 * a gate, all on one loop whose hands the test moves. */
#ifndef LUCID_TESTS_GATE_WORLD_H
#define LUCID_TESTS_GATE_WORLD_H

#include "tests/unit/x402/fake_loop.h"
#include "tests/unit/x402/payment_world.h"
#include "x402/gate.h"

#define HOUSE_WRITES_MAX  512
#define HOUSE_CHARGES_MAX 512

/* --- kind "ware": what is sold. A number is sold once; again is a replay; some are refused. ------
 */

extern const struct ledger_kind ware_kind;

struct ware_command {
    struct ledger_command command;
    uint64_t number;
    bool refuse;
    bool ret_known;
};
void ware_init(struct ware_command *ware, uint64_t number, bool refuse);

/* --- a facilitator by script ------------------------------------------------------------------ */

struct house;

struct house_charge {
    struct lucid_timer timer; /* first member */
    struct house *house;
    struct x402_charge *charge; /* NULL: free */
};

/* --- a front end ------------------------------------------------------------------------------ */

struct house_write {
    struct ledger_command *command;
    x402_written_fn *written;
    void *owner;
};

struct house {
    struct payment_world world;
    struct fake_loop *loop;
    struct x402_networks networks;
    void *context; /* the test's */

    /* The facilitator. Answer fills the outcome when its time has come; delay says when. NULL: at
     * once. */
    struct x402_facilitator facilitator;
    void (*answer)(struct house *house, struct x402_charge *charge);
    uint64_t (*delay_ms)(struct house *house, int what);
    void (*cancelled)(struct house *house, struct x402_charge *charge); /* NULL allowed */
    struct house_charge charges[HOUSE_CHARGES_MAX];
    unsigned asked[X402_CHARGE_WATCH + 1];

    /* The writer: takes what is queued in one batch a turn. */
    struct lucid_timer turn;
    struct house_write queue[HOUSE_WRITES_MAX];
    size_t queued;
    struct house_write done[HOUSE_WRITES_MAX];
    size_t done_count;
    struct lucid_timer tell;
    enum lucid_error refuse;    /* submit's answer; LUCID_OK: taken */
    uint64_t refuse_after;      /* so many are taken first */
    enum lucid_error fail_verb; /* what the writer says to commands of that verb */
    unsigned fail_which;        /* 1 << enum x402_payment_verb */
    uint64_t handed;            /* commands (chains) taken */

    struct x402_log_reader *reader;
    struct x402_spent_log log;          /* the reader's */
    void (*begin)(struct house *house); /* before the gate opens; NULL allowed */
    struct x402_spent *spent;
    bool own_spent;
    struct x402_gate_options options;
    struct x402_gate *gate;
};

/* Everything but the gate. spent NULL: the store in memory, its own. */
void house_init(struct house *house, struct fake_loop *loop);
void house_open(struct house *house, struct x402_spent *spent);
/* Drops the gate, what the writer has not begun, and the spent store's memory, as a killed process
 * would. commit: what is queued is committed first, but nobody is told. */
void house_kill(struct house *house, bool commit);
/* What is queued is committed, and nobody is told: before a house_kill. */
void house_commit(struct house *house);
void house_fini(struct house *house);

/* --- a buyer ---------------------------------------------------------------------------------- */

struct buyer {
    struct x402_gate_job job; /* first member */
    struct ware_command ware;
    bool writes; /* else a read */
    bool inside;
    unsigned done;
    char forward[192];
    char identifier[32];
    void (*over)(struct buyer *buyer);
    void *context;
};

/* By an authorization, or a transfer, of that number; for the request (place, body). */
void buyer_authorization(struct house *house, struct buyer *buyer, uint64_t number, unsigned place,
                         unsigned body);
void buyer_transfer(struct house *house, struct buyer *buyer, uint64_t transaction,
                    uint64_t log_index, uint64_t payer, unsigned place, unsigned body);
/* On Solana; by a smart wallet whose signature is `signed_by`'s (its own number: a good one). */
#define HOUSE_SOLANA "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
void buyer_solana(struct house *house, struct buyer *buyer, uint64_t number, unsigned place,
                  unsigned body);
void buyer_wallet(struct house *house, struct buyer *buyer, uint64_t number, uint64_t signed_by,
                  unsigned place, unsigned body);
void buyer_message(uint64_t number, uint8_t ret[LUCID_SHA256_BYTES]); /* of buyer_solana */
void buyer_identify(struct buyer *buyer, uint64_t number);
/* It pays for a write. */
void buyer_ware(struct buyer *buyer, uint64_t number, bool refuse);
void buyer_enter(struct house *house, struct buyer *buyer);

/* The transfer that settles the authorization of that number, by our gas address or another's. */
struct x402_transfer settlement_of(uint64_t number, bool ours);
/* The same on Solana, of that message. */
struct x402_transfer settlement_of_message(const struct x402_solana_payment *solana);
/* Whether what a facilitator was sent was signed by the wallet that it names. */
bool forward_is_signed(struct lucid_span forward);

#endif
