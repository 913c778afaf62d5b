/* The kind of payments that the gate takes: what was intended, what moved, what was served for it,
 * what a reorganisation took back. Events (docs/FORMAT.md):
 *
 *   payment.intent     committed before anything that can move money
 *   payment.settled    money has moved; posted and split (gas/revenue.h). served: with what it paid
 *                      for in the same commit, or unserved
 *   payment.served     an unserved payment has paid for something
 *   payment.failed     an intent has ended and for certain no money has moved
 *   payment.stray      money that is in no split: an authorization was settled by a transaction
 *                      that is not ours, or the books have no room for the legs. To
 *                      suspense:payment
 *   payment.reversed   a reorganisation took the transfer: postings reversed. The keys stay
 *                      reserved; mined again it is settled again
 *   payment.final      deep enough: it is not looked after any more (a list of ids)
 *
 * A payment's id is the first 16 bytes of SHA-256 of its first key, so it is known before anything
 * is committed, and equal at every front end. Keys: x402/spent.h; a settled authorization has two.
 * payment.recorded (gas/revenue.h) occupies keys too: eip155:CHAIN/TX/LOGINDEX when its transaction
 * is "0xTX/LOGINDEX", and with "0xTX" every transfer of that transaction (key …/TX/all). The guard
 * of this kind refuses one whose transfer has a key already: PAYMENT_ALREADY_SPENT.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_X402_PAYMENT_H
#define LUCID_X402_PAYMENT_H

#include "gas/revenue.h"
#include "x402/facilitator.h"
#include "x402/spent.h"

extern const struct ledger_kind x402_payment_kind;

/* The kind's configuration: to decide only. NULL: the split's table is made for each payment. */
struct x402_payment_config {
    const struct gas_revenue_config *revenue;
};

enum x402_status {
    X402_PENDING = 1, /* intent */
    X402_FAILED = 2,
    X402_SETTLED = 3,
    X402_STRAY = 4,
    X402_REVERSED = 5,
};
const char *x402_status_name(enum x402_status status); /* "pending" … */
bool x402_status_parse(struct lucid_span name, enum x402_status *ret) LUCID_WARN_UNUSED;

#define X402_REASON_BYTES_MAX 64

enum x402_payment_scheme {
    X402_SCHEME_EIP3009 = 1,
    X402_SCHEME_TRANSFER = 2,
    X402_SCHEME_SOLANA = 3, /* keys: solana:REF/SHA-256(message), settled also solana:REF/SIGNATURE
                               (base58, case kept) */
};

const char *x402_scheme_name(enum x402_payment_scheme scheme); /* "eip3009" … as in events */

#define X402_FORWARD_BYTES_MAX ((size_t)24 * 1024)

struct x402_request_kept {
    uint8_t digest[32]; /* x402_request_digest */
    uint8_t place[32];  /* x402_place_digest */
    char method[X402_METHOD_BYTES_MAX + 1];
    char resource[X402_RESOURCE_BYTES_MAX + 1];
};

/* A payment as it stands. */
struct x402_payment {
    uint8_t id[X402_PAYMENT_ID_BYTES];
    enum x402_status status;
    enum x402_payment_scheme scheme;
    bool served;
    bool final;
    bool bound;   /* a transfer: by signature or nonce; an authorization: true */
    bool foreign; /* STRAY: by a transaction that is not ours; admits nothing */
    char asset[GAS_NAME_BYTES_MAX + 1];
    uint64_t price;   /* what was asked, base units */
    uint64_t amount;  /* what was (or is to be) paid */
    uint64_t version; /* of the price */
    char network[X402_CAIP2_BYTES_MAX + 1];
    char facilitator[GAS_NAME_BYTES_MAX + 1];
    struct evm_address token;
    struct evm_address payer;
    struct evm_address pay_to;
    struct x402_request_kept request; /* that it was made for or, once served, that it served */
    /* EIP3009: what ASK needs. */
    struct evm_authorization authorization;
    struct evm_signature signature; /* zero of a smart wallet's, which is in the forward */
    struct evm_address sender; /* our gas address when it was intended; zero: another settles */
    uint64_t from_block;
    struct x402_solana_payment solana; /* SOLANA; then what is EVM's above is zero */
    bool has_forward;                  /* the intent's event holds what a facilitator was sent */
    char identifier[X402_IDENTIFIER_BYTES_MAX + 1]; /* payment-identifier; "": none */
    /* Settled, stray, reversed: the newest. */
    bool has_transfer;
    struct x402_transfer transfer;
    char reason[X402_REASON_BYTES_MAX + 1]; /* FAILED: why; else "" */
    uint64_t reversals;                     /* how often a reorganisation took it */
    uint64_t refunded; /* sum of its recorded refunds (x402/outflow.h); not 0: it serves nothing
                          that it has not served */
    uint64_t first_sequence;   /* of its first event: its place in lists */
    uint64_t intent_sequence;  /* of the newest payment.intent; 0: none */
    uint64_t settled_sequence; /* of the newest payment.settled (its number in gas/revenue.h) or
                                  payment.stray; 0: none */
    uint64_t time_ms;          /* of the newest event */
    uint64_t sequence;         /* likewise */
};

enum x402_payment_verb {
    X402_INTEND,
    X402_SETTLE,
    X402_SERVE,
    X402_FAIL,
    X402_RECORD_STRAY,
    X402_REVERSE,
    X402_FINISH, /* deep enough; or, of a reversed one: it is not looked for any more */
};

#define X402_FINISH_MAX 256

/* In, by verb:
 *
 *   INTEND           payment: asset, price, amount, version, network, facilitator, token, payer,
 *                    pay_to, request, authorization, signature, sender, from_block, identifier.
 *                    (Scheme and id follow.) On a network "solana:REF": solana instead of those of
 *                    EVM. forward: what the facilitator will be sent, if it is not `direct`: JSON
 *   SETTLE           a transfer: payment with scheme X402_SCHEME_TRANSFER and all of it, bound and
 *                    transfer included (amount, payer and id follow from it).
 *                    After an intent, or one that was reversed: payment.id (any other scheme) and
 *                    transfer; the request is the intent's (a digest that is given must be it). On
 *                    Solana only the transfer's signature and `final` are read: the amount is what
 *                    the payer signed
 *   SERVE            payment.id, payment.request: of the same method and path as the payment's
 *   FAIL             payment.id, reason
 *   RECORD_STRAY     payment.id, transfer; not on Solana, where nobody else can settle
 *   REVERSE          payment.id; not on Solana, where there are no reorganisations
 *   FINISH           payment.id; or ids (id_count 1 … X402_FINISH_MAX): one event for all of them,
 *                    but for those that have ended already or are in no state to end; then there is
 *                    no payment in the result
 *
 * paid: the command that the payment pays for, an earlier part of the same chain (SETTLE, SERVE):
 * the payment is served if that part decided well, and those that follow it. NULL with `reads`: a
 * read was paid for, which is served by the commit. Neither (reconciling): unserved. Set
 * `next_part` of the paid command (of its last part) to this one; do not mark the paid one
 * commit_alone, so that it falls when the payment is refused.
 *
 * What is so already is no event: ret_known. A payment that has served the same request is good for
 * it again (ret_known, served); one that is there unserved is served by a SETTLE as by a SERVE. */
struct x402_payment_command {
    struct ledger_command command;
    struct x402_payment payment;
    const struct ledger_command *paid;
    bool reads;
    const char *reason;        /* FAIL; static storage */
    struct lucid_span forward; /* INTEND; canonical JSON, borrowed until the command is back */
    const uint8_t (*ids)[X402_PAYMENT_ID_BYTES]; /* FINISH; borrowed until the command is back */
    size_t id_count;
    /* Results: payment as it stands after. */
    bool ret_known; /* nothing new: it stood like this already */
    const struct ledger_draft *draft;
};

/* Makes a command; the caller fills what the verb needs. It is committed alone if the paid part is
 * refused. Refusals come from the writer, all without a trace:
 *
 *   PAYMENT_ALREADY_SPENT  LUCID_REFUSE_CONFLICT: a key is another payment's (or that of a recorded
 *                          one: then the money is in the books; an intent may be ended by FAIL), or
 *                          this one has served another request, is stray, or is of another place
 *   PAYMENT_PENDING        LUCID_RETRY_BUSY: INTEND while an intent of the same key is open; SERVE
 *                          of a payment that is pending or reversed; SETTLE on Solana by another
 *                          payment's transaction: then nobody knows what became of this one
 *   PAYMENT_STATE          LUCID_REFUSE_CONFLICT: FAIL, RECORD_STRAY, REVERSE, FINISH of a payment
 *                          in a state that has no such end
 *   NOT_FOUND              LUCID_REFUSE_INVALID: no such payment, or it failed
 *   INVALID_PAYMENT, ASSET_NOT_PRICED, AMOUNT_OVERFLOW: INTEND, before any money moves
 *   PAYMENT_IDENTIFIER_CONFLICT  LUCID_REFUSE_CONFLICT: INTEND, SETTLE of a transfer: the
 *                          identifier is another payment's, one that did not fail
 *
 * A SETTLE that cannot be split (no room in the accounts) must not lose the money: it is recorded
 * as stray into suspense, and serves as a settled one does. If even that has no room, or the amount
 * is over 2^63 − 1: AMOUNT_OVERFLOW (LUCID_REFUSE_TOO_LARGE), and a line in the log that says so.
 */
void x402_payment_prepare(struct x402_payment_command *command, enum x402_payment_verb verb);

/* The id of a payment whose first key is that. */
void x402_payment_id(struct lucid_span key, uint8_t ret[X402_PAYMENT_ID_BYTES]);
/* "eip155:84532/0x…/0x…/0x…", "eip155:84532/0x…/7", "solana:REF/HEX". */
void x402_key_authorization(const struct x402_network *network, const struct evm_address *from,
                            const struct evm_hash *nonce, struct x402_spent_key *ret);
void x402_key_transfer(const struct x402_network *network, const struct evm_hash *transaction,
                       uint64_t log_index, struct x402_spent_key *ret);
void x402_key_solana(const struct x402_network *network, const uint8_t message[LUCID_SHA256_BYTES],
                     struct x402_spent_key *ret);

/* Whether it can be a payment-identifier. */
bool x402_identifier_ok(struct lucid_span text);

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

enum lucid_error x402_payment_read(struct ledger_view *view,
                                   const uint8_t id[X402_PAYMENT_ID_BYTES],
                                   struct x402_payment *ret) LUCID_WARN_UNUSED;
/* By a key, also of …/all when a transfer's transaction was recorded as a whole. Of a key that a
 * payment.recorded occupies only the id is set: ret->sequence is 0 and settled_sequence that of the
 * payment.recorded. LUCID_NOTE_ABSENT also for an intent that failed. */
enum lucid_error x402_payment_find(struct ledger_view *view, struct lucid_span key,
                                   struct x402_payment *ret) LUCID_WARN_UNUSED;
/* What a facilitator was sent for the newest intent, appended to out. LUCID_NOTE_ABSENT: nothing.
 */
enum lucid_error x402_payment_forward(struct ledger_view *view, const struct x402_payment *payment,
                                      struct lucid_buf *out) LUCID_WARN_UNUSED;
/* The payment of that identifier. LUCID_NOTE_ABSENT also when it failed. */
enum lucid_error x402_payment_identified(struct ledger_view *view, struct lucid_span identifier,
                                         struct x402_payment *ret) LUCID_WARN_UNUSED;
/* Payer, recipient and token as texts: 0x and 40 lower-case hex digits, or base58. */
#define X402_PARTY_BYTES_MAX 44
void x402_payment_payer_text(const struct x402_payment *payment,
                             char ret[X402_PARTY_BYTES_MAX + 1]);
void x402_payment_pay_to_text(const struct x402_payment *payment,
                              char ret[X402_PARTY_BYTES_MAX + 1]);
void x402_payment_token_text(const struct x402_payment *payment,
                             char ret[X402_PARTY_BYTES_MAX + 1]);
/* The transaction that moved the money, if one did: 0x and 64 lower-case hex digits, or base58. */
#define X402_TRANSACTION_BYTES_MAX X402_SOLANA_SIGNATURE_TEXT_MAX
void x402_payment_transaction_text(const struct x402_payment *payment,
                                   char ret[X402_TRANSACTION_BYTES_MAX + 1]);
/* The payment that this event settled (its number in gas/revenue.h), or recorded as stray. */
enum lucid_error x402_payment_of(struct ledger_view *view, uint64_t settled_sequence,
                                 struct x402_payment *ret) LUCID_WARN_UNUSED;
/* The next payment by its first event (first_sequence) after that sequence, of all or only of those
 * in that status (0: all); and only the open ones (pending, or settled, stray or reversed and not
 * final), for reconciling. */
enum lucid_error x402_payment_next(struct ledger_view *view, uint64_t after_sequence,
                                   enum x402_status status,
                                   struct x402_payment *ret) LUCID_WARN_UNUSED;
enum lucid_error x402_payment_open_next(struct ledger_view *view, uint64_t after_sequence,
                                        struct x402_payment *ret) LUCID_WARN_UNUSED;
/* The next spent key after that one (len 0: the first), and whose it is; of a recorded one as
 * x402_payment_find gives it. Those of failed intents are not spent. */
enum lucid_error x402_payment_key_next(struct ledger_view *view, struct lucid_span after,
                                       struct x402_spent_key *ret,
                                       struct x402_payment *ret_payment) LUCID_WARN_UNUSED;

#endif
