/* `lucid pay`: an agent's side of x402 in one command. The parts: pay_offer.c reads a 402 and
 * chooses what to pay, pay_header.c signs and writes the payment headers, pay_send.c sends requests
 * and waits for an unknown outcome, pay_journal.c keeps what was signed, pay_chain.c pays by a
 * transaction of its own for X-Payment-Proof.
 *
 * What a server answers is untrusted: it may ask for anything, and gets at most what the options
 * allow. Nothing is signed twice for one request: what was signed stands in the journal before it
 * is sent, and every further try sends the same. */
#ifndef LUCID_TOOLS_PAY_H
#define LUCID_TOOLS_PAY_H

#include "tools/lucid/cli.h"
#include "x402/challenge.h"
#include "x402/evm/eip712.h"
#include "x402/evm/sign.h"
#include "x402/network.h"

#define PAY_HEADERS_MAX       10 /* of --header */
#define PAY_PATH_BYTES_MAX    4096
#define PAY_BODY_BYTES_MAX    ((size_t)32 << 20)
#define PAY_TIMEOUT_S_MAX     3600 /* an authorization is never good for longer */
#define PAY_ID_BYTES_MAX      128
#define PAY_REFUSAL_BYTES_MAX 192

/* Options of whatever pays. */
#define PAY_OPTIONS                                                                                \
    {"key-file", 'k', "FILE", "the payer's key, 64 hex digits, readable by nobody else"},          \
        {"max-amount", 'm', "USDC", "never pay more than this for the request (0.10)"},            \
        {"via", 0, "FORM", "v2 (PAYMENT-SIGNATURE), v1 (X-PAYMENT), proof (X-Payment-Proof)"},     \
        {"network", 0, "NETWORK", "only on that one: eip155:8453, base"},                          \
        {"token", 0, "ADDRESS", "pay with this token, which is not known here as USDC"},           \
        {"rpc", 0, "URL", "proof: a node to send the transfer through, repeatable"},               \
        {"bind", 0, "HOW", "proof: signature (default), or nonce: tied to it on the chain"},       \
        {"max-fee-gwei", 0, "GWEI", "proof: highest price per gas (50)"},                          \
        {"dry-run", 'n', NULL, "say what would be paid; pay nothing"},                             \
        {"wait", 'w', "SECONDS", "for an outcome that is not known yet (60)"},                     \
        {"journal", 0, "FILE", "where to keep what was signed until the answer has come"},         \
    {                                                                                              \
        "allow-http", 0, NULL, "also over http:// to other machines"                               \
    }

enum pay_via { PAY_V2, PAY_V1, PAY_PROOF };

/* What the options allow. */
struct pay_limits {
    bool via_given;
    enum pay_via via;
    uint64_t amount_max; /* base units */
    const char *network; /* CAIP-2 or v1 name; NULL: any */
    bool has_token;      /* pays with this one, which the table does not have */
    struct evm_address token;
};

/* What is to be paid. */
struct pay_terms {
    enum pay_via via;
    char network[X402_CAIP2_BYTES_MAX + 1]; /* in the spelling of the header */
    uint64_t chain_id;
    struct evm_address token;
    bool is_usdc; /* of the built-in table: 6 decimals */
    char token_name[X402_DOMAIN_BYTES_MAX + 1];
    char token_version[X402_DOMAIN_BYTES_MAX + 1];
    struct evm_address pay_to;
    uint64_t amount;
    uint32_t timeout_s;
    /* V2: what is echoed. Owned. */
    json_t *accepted;
    json_t *resource;
    json_t *extensions;
    /* PROOF */
    char challenge[X402_CHALLENGE_BYTES_MAX + 1];
    char signed_resource[X402_RESOURCE_BYTES_MAX + 1];
    uint64_t expires; /* Unix seconds */
};

enum pay_capture {
    PAY_REQUIRED,   /* PAYMENT-REQUIRED */
    PAY_RESPONSE,   /* PAYMENT-RESPONSE */
    PAY_X_RESPONSE, /* X-PAYMENT-RESPONSE */
    PAY_ID,         /* X-Payment-Id */
    PAY_CAPTURES,
};

struct pay {
    struct cli *cli;
    struct lucid_clock clock;
    struct evm_key *key; /* locked memory; NULL: none was given */
    uint64_t wait_ms;
    /* The newest answer. */
    struct client_answer answer;
    struct client_capture captures[PAY_CAPTURES];

    /* Kept in the journal. */
    char *url;
    char *method;
    json_t *headers; /* lines */
    struct lucid_buf body;
    struct pay_terms terms;
    struct lucid_buf header; /* V1, V2: the value that was signed */
    struct lucid_buf raw;    /* PROOF: the signed transaction */
    uint64_t log_index;      /* of the transfer, if has_log_index */
    struct evm_hash transaction;
    struct evm_address payer;
    bool has_body;
    bool bind_nonce; /* PROOF: by the authorization's nonce, not by a signature */
    bool has_log_index;

    bool journaled;
    char journal[PAY_PATH_BYTES_MAX];
};

/* Buys by the command's PAY_OPTIONS what a POST of that JSON is answered with, and prints it: what
 * `lucid pay --body` does. */
enum cli_exit pay_post(struct cli *cli, const char *url, struct lucid_span body) LUCID_WARN_UNUSED;

/* Chooses what to pay from a 402 (pay->answer) into pay->terms. CLI_REFUSED after a message:
 * nothing in it may be paid. */
enum cli_exit pay_terms_choose(struct pay *pay, const struct pay_limits *limits) LUCID_WARN_UNUSED;
void pay_terms_fini(struct pay_terms *terms);

/* Signs an authorization for the terms and writes the header's value (V1, V2). */
enum cli_exit pay_header_sign(struct pay *pay) LUCID_WARN_UNUSED;
/* X-Payment-Proof's value for the transaction that was made; signed again each time, so that a
 * corrected body can be sent. */
enum cli_exit pay_proof_write(struct pay *pay, struct lucid_buf *out) LUCID_WARN_UNUSED;
/* The authorization that pays for a PROOF that is bound by its nonce. */
struct evm_authorization pay_bound_authorization(const struct pay *pay);

/* Sends the request, without a payment. */
enum cli_exit pay_ask(struct pay *pay) LUCID_WARN_UNUSED;
/* Sends it with the payment until the outcome is known or the time to wait is over (CLI_UNDECIDED,
 * after a message). CLI_OK: there is a definite answer, of any status. */
enum cli_exit pay_present(struct pay *pay) LUCID_WARN_UNUSED;

/* PROOF: whether the options that it needs are there; sets bind_nonce. */
enum cli_exit pay_chain_check(struct pay *pay) LUCID_WARN_UNUSED;
/* PROOF: makes the transfer: tried out, signed, journaled, sent; waits until it is mined and has
 * its place (log_index). CLI_UNDECIDED: not in time, after a message. */
enum cli_exit pay_chain_begin(struct pay *pay) LUCID_WARN_UNUSED;
/* PROOF: goes on where the journal stands. */
enum cli_exit pay_chain_finish(struct pay *pay) LUCID_WARN_UNUSED;

/* Writes the journal anew, durably: mode 0600. The first time it must not exist yet. */
enum cli_exit pay_journal_write(struct pay *pay) LUCID_WARN_UNUSED;
enum cli_exit pay_journal_read(struct pay *pay) LUCID_WARN_UNUSED;
void pay_journal_remove(struct pay *pay);

/* "0.010000 USDC", or base units of an unknown token. */
void pay_amount_text(const struct pay_terms *terms, char *out, size_t max);
const char *pay_via_name(enum pay_via via); /* "v2", "v1", "proof" */
bool pay_via_parse(const char *text, enum pay_via *ret) LUCID_WARN_UNUSED;
uint64_t pay_now_s(const struct pay *pay);

#endif
