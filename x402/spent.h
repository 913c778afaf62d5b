/* The store of spent proofs: who is just now dealing with a payment, and which are spent. It is the
 * fast gate in front of the log, which has the last word (x402/payment.h).
 *
 * Keys (CONTRACT 4), hex digits in lower case:
 *   eip155:CHAIN/TOKEN/FROM/NONCE    an authorization
 *   eip155:CHAIN/TX/LOGINDEX         a transfer
 *   solana:REF/MESSAGE               a payment on Solana: SHA-256 of what the payer signed, hex
 *   solana:REF/SIGNATURE             the same, settled: base58, where case counts
 *
 * States of a key: absent → claimed(request digest, holder) → spent(payment id) or absent again.
 * A claim never times out into absent: whoever claimed it must promote or release it, and a process
 * that died is replaced by its next start, which asks the log (x402_spent_recover).
 *
 * Two implementations with one conformance suite: x402_spent_memory (one process; the log is asked
 * for what is spent), x402_spent_redis (several front ends). Thread: the loop's. */
#ifndef LUCID_X402_SPENT_H
#define LUCID_X402_SPENT_H

#include "base/loop.h"
#include "ledger/ledger.h"

#define X402_SPENT_KEY_BYTES_MAX 255
#define X402_SPENT_KEYS_MAX      2
#define X402_PAYMENT_ID_BYTES    16 /* 32 hex digits outside */

enum x402_claim_outcome {
    X402_CLAIMED,
    X402_CLAIM_HELD,  /* somebody deals with it just now; same_request says if with this request */
    X402_CLAIM_SPENT, /* by payment_id; `here`: it is in our own log */
    X402_CLAIM_UNREADY, /* the store is away, or was emptied and not all members have reloaded */
};

struct x402_spent_key {
    char text[X402_SPENT_KEY_BYTES_MAX + 1];
};

enum x402_spent_verb {
    X402_SPENT_CLAIM,   /* all keys or none; those that this claim holds already are fine */
    X402_SPENT_PROMOTE, /* claimed by this claim (or absent) → spent; conflicts are left as they are
                         */
    X402_SPENT_RELEASE, /* claimed by this claim → absent; anything else is left as it is */
};

/* One claim from beginning to end: the same struct (or one with its token) is used for claiming and
 * for promoting or releasing, because it holds the secret that says whose claim it is. The
 * caller's, zero-initialised; alive until done. Whoever claims keeps the token until it has
 * promoted or released; claiming again adds keys.
 *
 * Token 0 is for those who act on what the log says, without a claim of their own (the keeper after
 * a restart, a payment recorded by hand): PROMOTE then takes whatever this process holds of the
 * keys, RELEASE only what was taken over from the process before. */
struct x402_claim {
    enum x402_spent_verb verb;
    struct x402_spent_key keys[X402_SPENT_KEYS_MAX];
    size_t key_count;
    uint8_t digest[32];                        /* of the request */
    uint8_t payment_id[X402_PAYMENT_ID_BYTES]; /* PROMOTE: in; X402_CLAIM_SPENT: out */
    void (*done)(struct x402_claim *claim);    /* once; never from within x402_spent_ask */
    void *owner;

    enum x402_claim_outcome outcome; /* of CLAIM. PROMOTE and RELEASE always succeed for the caller:
                                        what Redis could not be told is told when it is back */
    bool same_request;               /* HELD, SPENT: digest is equal */
    bool here;                       /* SPENT: by a payment in our log */
    uint64_t token;                  /* the store's: whose claim */
    struct x402_claim *next;         /* the store's */
    void *impl;
};

/* What the log knows of a key. LUCID_NOTE_ABSENT: nothing (also: an intent that failed). */
struct x402_spent_log {
    enum lucid_error (*find)(void *context, struct lucid_span key,
                             uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES], uint8_t ret_digest[32],
                             bool *ret_pending); /* an intent without an end: spent for others */
    /* The next key in the log after that one (len 0: the first), for loading: LUCID_NOTE_ABSENT.
     * Pending as above. */
    enum lucid_error (*next)(void *context, struct lucid_span after, struct x402_spent_key *ret,
                             uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES], uint8_t ret_digest[32],
                             bool *ret_pending);
    void *context;
};

struct x402_spent_status {
    bool ready;
    uint64_t claims; /* held now by this process */
    uint64_t losses; /* times that the store's content was found gone */
    uint64_t reconnects;
};

struct x402_spent;

struct x402_spent_ops {
    void (*ask)(struct x402_spent *spent, struct x402_claim *claim);
    void (*cancel)(struct x402_spent *spent, struct x402_claim *claim);
    void (*status)(const struct x402_spent *spent, struct x402_spent_status *ret);
    void (*close)(struct x402_spent *spent);
};

struct x402_spent {
    const struct x402_spent_ops *ops;
};

static inline void x402_spent_ask(struct x402_spent *spent, struct x402_claim *claim)
{
    spent->ops->ask(spent, claim);
}

/* Not asked, or done: does nothing. Done is not called, the struct is the caller's at once. What a
 * CLAIM got, or may yet get, is released; a PROMOTE or RELEASE goes on. */
static inline void x402_spent_cancel(struct x402_spent *spent, struct x402_claim *claim)
{
    spent->ops->cancel(spent, claim);
}

static inline void x402_spent_status(const struct x402_spent *spent, struct x402_spent_status *ret)
{
    spent->ops->status(spent, ret);
}

/* Keys that one process may hold; more are X402_CLAIM_UNREADY. */
#define X402_SPENT_HOLDS_MAX 65536

/* Holds claims only: what is spent, or has an intent without an end, is asked of the log. Always
 * ready. LUCID_RETRY_MEMORY. The log is asked on this thread and borrowed. */
enum lucid_error x402_spent_memory_open(struct lucid_loop *loop, const struct x402_spent_log *log,
                                        struct x402_spent **ret) LUCID_WARN_UNUSED;

#define X402_SPENT_MEMBERS_MAX 16

struct x402_spent_redis_options {
    const char *url;            /* redis://[:PASSWORD@]HOST[:PORT][/DB] or unix:PATH */
    const char *password_file;  /* NULL: none, or that in the URL */
    const char *prefix;         /* of all keys: "lucid" */
    const char *const *members; /* all front ends by name: 1 to 63 of A-Z a-z 0-9 . _ - */
    size_t member_count;
    const char *self; /* one of them; never two processes at a time */
    uint32_t timeout_ms;
};

/* Connects in the background; until every member has loaded its log, claims are X402_CLAIM_UNREADY.
 * A server that may evict, or that does not persist, is refused at each connect: unready, with a
 * line in the log that says why. Refusals: LUCID_REFUSE_INVALID (url, members, self). */
enum lucid_error x402_spent_redis_open(struct lucid_loop *loop, const struct x402_spent_log *log,
                                       const struct x402_spent_redis_options *options,
                                       struct x402_spent **ret,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* Asks that Redis now, blocking, whether it is fit to hold spent proofs: for the start of the
 * service. LUCID_REFUSE_INVALID (REDIS_EVICTS, REDIS_VOLATILE, REDIS_AUTH, REDIS_REPLICA),
 * LUCID_RETRY_IO. */
enum lucid_error x402_spent_redis_check(const struct x402_spent_redis_options *options,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;

/* NULL is allowed. Not from within a done; what is under way is cancelled. What this process still
 * holds is left to its next start. */
void x402_spent_close(struct x402_spent *spent);

#endif
