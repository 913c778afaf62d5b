/* What another server asks of its facilitator: {"x402Version","paymentPayload",
 * "paymentRequirements"} (reference/x402.md 2.2, 2.3, 5.1), read and judged as far as neither a
 * chain nor a store is needed. Chain id, token and EIP-712 domain come from our own network table,
 * never from what was sent.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_FACILITATION_MATCH_H
#define LUCID_X402_FACILITATION_MATCH_H

#include "x402/clients.h"
#include "x402/offer.h"

struct x402_facilitation_ask {
    unsigned version;                   /* 1 or 2; 0: neither, which is a misfit */
    struct lucid_span network_text;     /* as the requirements name it; len 0: not at all */
    const struct x402_network *network; /* NULL: none that the client may use */
    enum x402_verdict verdict;          /* FITS, or MISFIT with reason and text */
    const char *reason;                 /* as @x402/evm's facilitator says it; static storage */
    char text[160];
    bool has_payer;
    struct evm_address payer; /* who the authorization says it is from (FITS: and is) */
    struct x402_proof proof;  /* FITS */
};

/* body: a parsed document; ret points into it. LUCID_REFUSE_INVALID: it is none of such a form
 * (why.param names the member); what is of that form and wrong is a misfit. LUCID_RETRY_MEMORY. */
enum lucid_error x402_facilitation_match(const struct jcs_value *body,
                                         const struct x402_networks *networks,
                                         const struct x402_client *client, uint64_t now_ms,
                                         struct x402_facilitation_ask *ret,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

/* The answers of the public API, JSON of one line appended. reason NULL: valid, settled. payer
 * NULL: not known. */
void x402_verify_answer_write(const struct evm_address *payer, const char *reason, const char *text,
                              struct lucid_buf *out);
void x402_settle_answer_write(const struct evm_address *payer, const char *reason, const char *text,
                              const struct evm_hash *transaction, struct lucid_span network,
                              struct lucid_buf *out);
/* GET /supported of a client. gas: by network, the addresses that settle. */
void x402_supported_write(const struct x402_networks *networks, const struct x402_client *client,
                          const struct evm_address gas[X402_NETWORKS_MAX], struct lucid_buf *out);

#endif
