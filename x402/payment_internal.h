/* Between the files of the payment kind: keys, payloads, rows. */
#ifndef LUCID_X402_PAYMENT_INTERNAL_H
#define LUCID_X402_PAYMENT_INTERNAL_H

#include "base/jcs/jcs.h"
#include "ledger/payload.h"
#include "x402/payment.h"

/* Indices of the kind's tables (docs/FORMAT.md). */
enum {
    PAYMENT_ROWS,        /* id → struct x402_payment */
    PAYMENT_KEYS,        /* key text → whose */
    PAYMENT_ORDER,       /* status u8 (0: all) ‖ first sequence u64 → id */
    PAYMENT_OPEN,        /* first sequence u64 → id */
    PAYMENT_SETTLED,     /* sequence u64 of a payment.settled or .stray → id */
    PAYMENT_IDENTIFIERS, /* payment-identifier → id */
};

enum {
    /* A forward is a JSON string in it: twice its bytes at worst. STORE_PAYLOAD_BYTES_MAX. */
    PAYMENT_PAYLOAD_BYTES_MAX = 16383 + 2 * (int)X402_FORWARD_BYTES_MAX,
    PAYMENT_ARENA_BYTES = 65536 + 4 * (int)X402_FORWARD_BYTES_MAX,
    PAYMENT_KEY_ROW_BYTES = 1 + X402_PAYMENT_ID_BYTES + 8,
    PAYMENT_ORDER_KEY_BYTES = 9,
    /* The fixed members, the longest texts with their lengths, and room. */
    PAYMENT_ROW_BYTES_MAX = 4096,
};

extern const char payment_type_intent[];
extern const char payment_type_settled[];
extern const char payment_type_served[];
extern const char payment_type_failed[];
extern const char payment_type_stray[];
extern const char payment_type_reversed[];
extern const char payment_type_final[];

/* --- payment_key.c ---------------------------------------------------------------------------- */

void payment_key_authorization(const char *network, const struct evm_address *token,
                               const struct evm_address *from, const struct evm_hash *nonce,
                               struct x402_spent_key *ret);
void payment_key_transfer(const char *network, const struct evm_hash *transaction,
                          uint64_t log_index, struct x402_spent_key *ret);
/* "eip155:CHAIN/TX/all": every transfer of a transaction. */
void payment_key_all(const char *network, const struct evm_hash *transaction,
                     struct x402_spent_key *ret);
/* The key that a payment.recorded occupies; false: none. */
bool payment_key_recorded(const char *network, const char *transaction,
                          struct x402_spent_key *ret) LUCID_WARN_UNUSED;
/* The length of "eip155:CHAIN/TX/" when it is the key of a transfer (or …/all); else 0. */
size_t payment_key_prefix(struct lucid_span key);

/* "solana:REF/HEX", HEX = SHA-256 of the message, and "solana:REF/SIGNATURE". */
void payment_key_message(const char *network, const uint8_t message[LUCID_SHA256_BYTES],
                         struct x402_spent_key *ret);
void payment_key_signature(const char *network,
                           const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES],
                           struct x402_spent_key *ret);

/* Whether a network is one of Solana's. */
bool payment_is_solana(const char *network);

/* Base58 of a key or a signature of Solana. */
void payment_base58(const uint8_t *bytes, size_t len, char *ret, size_t size);

/* The keys of a payment with its transfer, the first one first (its id's). Returns how many. */
size_t payment_keys(const struct x402_payment *payment,
                    struct x402_spent_key ret[X402_SPENT_KEYS_MAX]);

/* --- payment.c, payment_end.c: deciding
 * --------------------------------------------------------- */

/* The payment of that id, or the refusal NOT_FOUND. */
enum lucid_error payment_want(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                              struct x402_payment *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error payment_state_refuse(struct lucid_why *why,
                                      const struct x402_payment *payment) LUCID_WARN_UNUSED;
enum lucid_error payment_fail_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error payment_reverse_decide(struct ledger_txn *txn,
                                        struct x402_payment_command *command,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error payment_finish_decide(struct ledger_txn *txn, struct x402_payment_command *command,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- payment_guard.c -------------------------------------------------------------------------- */

enum lucid_error payment_guard(struct ledger_txn *txn, const struct ledger_command *base,
                               struct lucid_why *why);

/* --- payment_row.c ---------------------------------------------------------------------------- */

/* Whether it is to be looked after: x402_payment_open_next. */
bool payment_is_open(const struct x402_payment *payment);

/* Returns the length. */
size_t payment_row_write(const struct x402_payment *payment, uint8_t ret[PAYMENT_ROW_BYTES_MAX]);
enum lucid_error payment_row_read(struct lucid_span row,
                                  struct x402_payment *ret) LUCID_WARN_UNUSED;

/* Whose a key is. */
struct payment_owner {
    bool recorded; /* of a payment.recorded, with its sequence */
    uint8_t id[X402_PAYMENT_ID_BYTES];
    uint64_t sequence;
};
void payment_owner_write(const struct payment_owner *owner, uint8_t ret[PAYMENT_KEY_ROW_BYTES]);
enum lucid_error payment_owner_read(struct lucid_span row,
                                    struct payment_owner *ret) LUCID_WARN_UNUSED;

struct lucid_span payment_order_key(unsigned status, uint64_t first_sequence,
                                    uint8_t ret[PAYMENT_ORDER_KEY_BYTES]);

/* --- payment_payload.c: the payloads, written and read ---------------------------------------- */

/* forward: data NULL, or kept as a string, so that no reader of the log need parse it. */
void payment_intent_write(const struct x402_payment *payment, struct lucid_span forward,
                          struct lucid_buf *out);
enum lucid_error payment_intent_read(const struct jcs_value *root,
                                     struct x402_payment *ret) LUCID_WARN_UNUSED;

enum { PAYMENT_MEMBERS_MAX = 16 };
/* The members of payment.settled beside those of the share; texts go to `text`. */
struct payment_members {
    struct gas_revenue_member items[PAYMENT_MEMBERS_MAX];
    size_t count;
    struct lucid_buf text;
    char transaction[GAS_TRANSACTION_BYTES_MAX + 1];
    char hex[4][EVM_HASH_TEXT_BYTES + 1]; /* or base58 */
    char price[24];
};
/* LUCID_RETRY_MEMORY. payment_members_fini in any case. */
enum lucid_error payment_members_make(const struct x402_payment *payment,
                                      struct payment_members *ret) LUCID_WARN_UNUSED;
void payment_members_fini(struct payment_members *members);
/* Of payment.stray: the same members with the one posting. */
void payment_stray_write(const struct x402_payment *payment, const struct payment_members *members,
                         const struct gas_posting_draft *posting, struct lucid_buf *out);
/* Reads payment.settled or payment.stray over what is known (an intent's members stay). */
enum lucid_error payment_settled_read(const struct jcs_value *root,
                                      struct x402_payment *ret) LUCID_WARN_UNUSED;

/* {"id":…,"request":{…}} and {"id":…,"reason":…}. */
void payment_served_write(const struct x402_payment *payment, struct lucid_buf *out);
void payment_failed_write(const struct x402_payment *payment, const char *reason,
                          struct lucid_buf *out);
void payment_final_write(const uint8_t (*ids)[X402_PAYMENT_ID_BYTES], size_t count,
                         struct lucid_buf *out);
enum lucid_error payment_request_read(const struct jcs_value *root,
                                      struct x402_request_kept *ret) LUCID_WARN_UNUSED;
enum lucid_error payment_id_read(const struct jcs_value *value,
                                 uint8_t ret[X402_PAYMENT_ID_BYTES]) LUCID_WARN_UNUSED;
/* A transfer of EVM as a JSON object, and from one, but for payer and amount. */
void payment_transfer_write(struct lucid_buf *out, const struct x402_transfer *transfer);
enum lucid_error payment_transfer_read(const struct jcs_value *value,
                                       struct x402_transfer *ret) LUCID_WARN_UNUSED;

/* --- payment_fold.c --------------------------------------------------------------------------- */

enum lucid_error payment_apply(struct ledger_txn *txn,
                               const struct ledger_event *event) LUCID_WARN_UNUSED;
/* The row of a payment as the batch has it. LUCID_NOTE_ABSENT. */
enum lucid_error payment_get(struct ledger_txn *txn, const uint8_t id[X402_PAYMENT_ID_BYTES],
                             struct x402_payment *ret) LUCID_WARN_UNUSED;
enum lucid_error payment_owner_get(struct ledger_txn *txn, const char *key,
                                   struct payment_owner *ret) LUCID_WARN_UNUSED;
/* Whose an identifier is. LUCID_NOTE_ABSENT: nobody's. */
enum lucid_error payment_identifier_get(struct ledger_txn *txn, struct lucid_span identifier,
                                        uint8_t ret[X402_PAYMENT_ID_BYTES]) LUCID_WARN_UNUSED;

#endif
