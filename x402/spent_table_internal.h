/* The keys that this process deals with just now: what both spent stores hold in memory. */
#ifndef LUCID_X402_SPENT_TABLE_INTERNAL_H
#define LUCID_X402_SPENT_TABLE_INTERNAL_H

#include "x402/spent.h"

enum spent_hold_state {
    SPENT_HOLD_ASKED,   /* Redis: the claim is under way */
    SPENT_HOLD_CLAIMED, /* ours */
    SPENT_HOLD_PROMOTE, /* Redis: to be promoted, by payment_id */
    SPENT_HOLD_RELEASE, /* Redis: to be released */
};

struct spent_hold {
    struct spent_hold *next_in_bucket;
    struct spent_hold *before; /* of all, oldest first */
    struct spent_hold *after;
    uint64_t hash;
    uint64_t token;
    uint64_t sync;  /* Redis: the round in which it was told last */
    bool busy;      /* Redis: a command about it is under way */
    enum spent_hold_state state;
    bool announced; /* its claimer has been told */
    bool adopted;   /* from the process before: an intent without an end */
    uint8_t digest[32];
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
    struct x402_spent_key key;
};

#define SPENT_TABLE_BUCKETS 16384 /* a power of two: 128 KiB, chains of 4 when full */

struct spent_table {
    struct spent_hold **buckets;
    struct spent_hold *oldest;
    struct spent_hold *newest;
    uint64_t count;
    uint8_t hash_key[LUCID_HASH_KEY_BYTES]; /* outsiders choose keys */
};

/* LUCID_RETRY_MEMORY. */
enum lucid_error spent_table_init(struct spent_table *table) LUCID_WARN_UNUSED;
/* Drops all holds. */
void spent_table_fini(struct spent_table *table);

/* Borrowed, until removed; NULL: not held. */
struct spent_hold *spent_table_find(const struct spent_table *table,
                                    const struct x402_spent_key *key);
/* The key must not be held. NULL: no memory, or X402_SPENT_HOLDS_MAX reached. */
struct spent_hold *spent_table_add(struct spent_table *table, const struct x402_spent_key *key,
                                   uint64_t token, const uint8_t digest[32]);
void spent_table_remove(struct spent_table *table, struct spent_hold *hold);
/* To the end of the list of all. */
void spent_table_touch(struct spent_table *table, struct spent_hold *hold);

/* Claims whose done is to be called, in order: never from within ask. */
struct spent_queue {
    struct x402_claim *first;
    struct x402_claim *last;
};

void spent_queue_put(struct spent_queue *queue, struct x402_claim *claim);
/* NULL: empty. */
struct x402_claim *spent_queue_take(struct spent_queue *queue);
/* False: it was not there. */
bool spent_queue_drop(struct spent_queue *queue, const struct x402_claim *claim);

/* What the log says of a key as a claim's outcome: X402_CLAIMED (it knows nothing),
 * X402_CLAIM_SPENT with payment_id and `here`, X402_CLAIM_UNREADY (it could not be read). */
enum x402_claim_outcome spent_log_ask(const struct x402_spent_log *log,
                                      const struct x402_spent_key *key, struct x402_claim *claim);

#endif
