/* A facilitator's public API (reference 5.1) as the roster asks it: bearer tokens, answers read
 * strictly, and one client for each member. What is said here is what the facilitator says: whether
 * it is true is the roster's to find out (x402/roster.h).
 *
 * Private to x402/remote*.c and x402/roster*.c, and to their tests. Thread: the loop's. */
#ifndef LUCID_X402_REMOTE_H
#define LUCID_X402_REMOTE_H

#include <stdatomic.h>

#include "x402/roster.h"

/* --- tokens (remote_token.c) ------------------------------------------------------------------ */

#define X402_TOKEN_SECONDS       120 /* both kinds end so long after they are made */
#define X402_TOKEN_EARLY_SECONDS 30  /* one that is kept is made anew so long before its end */
#define X402_TOKEN_SALT_BYTES    16

/* Coinbase's: for one method, authority ("api.cdp.coinbase.com") and path. The salt becomes the
 * header's nonce. Appended. */
void x402_token_cdp(const struct x402_member *member, const char *method, struct lucid_span host,
                    struct lucid_span path, uint64_t now_s,
                    const uint8_t salt[X402_TOKEN_SALT_BYTES], struct lucid_buf *out);
/* PayAI's: for all routes. The salt becomes the jti, a UUID of version 4. Appended. */
void x402_token_payai(const struct x402_member *member, uint64_t now_s,
                      const uint8_t salt[X402_TOKEN_SALT_BYTES], struct lucid_buf *out);

/* --- answers (remote_answer.c) ---------------------------------------------------------------- */

#define X402_ANSWER_BYTES_MAX    ((size_t)64 * 1024)
#define X402_SUPPORTED_BYTES_MAX ((size_t)512 * 1024)
#define X402_SIGNERS_MAX         128
#define X402_REMOTE_TEXT_BYTES   160

/* What a facilitator says it does on one of our networks. */
struct x402_supported_network {
    bool v1, v2;        /* the scheme `exact`, by protocol version */
    bool has_fee_payer; /* solana */
    uint8_t fee_payer[X402_SOLANA_KEY_BYTES];
    size_t signer_count; /* whose transactions are its own; others */
    struct evm_address signers[X402_SIGNERS_MAX];
};

struct x402_supported {
    struct x402_supported_network networks[X402_NETWORKS_MAX]; /* as x402_networks has them */
};

/* Reads the body of GET /supported; kinds and signers that are not of our networks are passed
 * over. LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE, LUCID_RETRY_MEMORY. */
enum lucid_error x402_supported_parse(struct lucid_span body, const struct x402_networks *networks,
                                      struct x402_supported *ret,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* What the question was about, for seeing whether the answer is about that. */
struct x402_remote_asked {
    const struct x402_network *network;
    struct evm_address payer;                    /* EVM */
    uint8_t solana_payer[X402_SOLANA_KEY_BYTES]; /* solana */
};

struct x402_verify_answer {
    bool valid;
    bool mismatch;      /* it is about another payer */
    bool cannot;        /* not valid, but for a reason that lies with the facilitator: another may
                           take it */
    const char *reason; /* not valid: as clients know it; static storage */
    char text[X402_REMOTE_TEXT_BYTES]; /* printable ASCII */
};

struct x402_settle_answer {
    bool success;
    bool pending;                /* settlement_pending: with or without a transaction */
    bool duplicate;              /* it has, or had, the same payment already */
    bool certain;                /* no success, and by its reason it sent nothing */
    bool mismatch;               /* it is about another network or payer, or a success without a
                                    transaction of the network's form */
    bool has_transaction;        /* of the network's form */
    struct evm_hash transaction; /* EVM */
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES]; /* solana */
    const char *reason;                             /* no success: static storage */
    char text[X402_REMOTE_TEXT_BYTES];
};

/* The bodies of POST /verify and POST /settle. Members that are not known are passed over; a known
 * one of the wrong type makes it malformed. LUCID_REFUSE_INVALID, LUCID_RETRY_MEMORY. */
enum lucid_error x402_verify_answer_parse(struct lucid_span body,
                                          const struct x402_remote_asked *asked,
                                          struct x402_verify_answer *ret) LUCID_WARN_UNUSED;
enum lucid_error x402_settle_answer_parse(struct lucid_span body,
                                          const struct x402_remote_asked *asked,
                                          struct x402_settle_answer *ret) LUCID_WARN_UNUSED;

/* --- one member's client (remote.c) ----------------------------------------------------------- */

enum x402_remote_route { X402_REMOTE_SUPPORTED, X402_REMOTE_VERIFY, X402_REMOTE_SETTLE };

struct x402_remote;

/* One question under way. The caller's, zero-initialised; alive until done. */
struct x402_remote_call {
    /* In */
    enum x402_remote_route route;
    struct lucid_span body;                      /* borrowed until done */
    void (*done)(struct x402_remote_call *call); /* once; never from within the asking */
    /* Out */
    enum lucid_error error; /* LUCID_OK: there is an answer, whatever its status */
    bool unsent;            /* for certain the facilitator has got nothing of it */
    int status;
    uint32_t retry_after_s;
    struct lucid_span answer; /* good until done returns */
    /* Its own */
    struct x402_remote *remote;
    struct lucid_outgoing_call outgoing;
    struct lucid_buf url;
    struct lucid_buf authorization; /* a secret: wiped */
};

struct x402_remote {
    struct lucid_loop *loop;
    struct lucid_outgoing *outgoing;
    const struct x402_networks *networks;
    const struct x402_member *member;
    struct x402_supported supported; /* as it said last */
    bool known;
    unsigned asked_in_vain; /* since it was known last */
    struct x402_remote_call supported_call;
    struct lucid_timer refresh;
    struct lucid_buf token; /* PayAI's, kept; a secret: wiped */
    uint64_t token_until_s; /* 0: none */
    /* What other threads may read. */
    struct {
        _Atomic bool known, reachable;
        _Atomic uint64_t questions, failures, settled, refused, pending, lies;
        struct {
            _Atomic uint32_t version; /* odd while it is written; 0: none was ever known */
            _Atomic uint64_t words[X402_SOLANA_KEY_BYTES / 8];
            _Atomic bool has;
        } fee_payers[X402_NETWORKS_MAX];
    } seen;
};

/* Asks for what it supports, now and every while. In zeroed memory of its own place.
 * LUCID_RETRY_MEMORY. */
enum lucid_error x402_remote_open(struct x402_remote *remote, struct lucid_loop *loop,
                                  struct lucid_outgoing *outgoing,
                                  const struct x402_networks *networks,
                                  const struct x402_member *member) LUCID_WARN_UNUSED;
void x402_remote_close(struct x402_remote *remote);
void x402_remote_ask(struct x402_remote *remote, struct x402_remote_call *call);
void x402_remote_cancel(struct x402_remote_call *call); /* not under way: does nothing */
/* What it said of that network; NULL: nothing yet. */
const struct x402_supported_network *x402_remote_said(const struct x402_remote *remote,
                                                      const struct x402_network *network);
/* The same, if it takes payments of that version there; else NULL. */
const struct x402_supported_network *x402_remote_supports(const struct x402_remote *remote,
                                                          const struct x402_network *network,
                                                          unsigned protocol_version);
/* False: none is known just now. Thread: any. */
bool x402_remote_fee_payer(const struct x402_remote *remote, size_t network,
                           uint8_t ret[X402_SOLANA_KEY_BYTES]) LUCID_WARN_UNUSED;
void x402_remote_count(_Atomic uint64_t *counter);

#endif
