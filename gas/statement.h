/* The settlement statement: what every payee of a unit earned in a period, signed by the service
 * key. Its form, its signature, and the check of one without any store (CONTRACT 5,
 * docs/decisions/0020-settlement.md).
 *
 * A document is {"signature":hex,"statement":{…}}; the signature is Ed25519 over the bytes
 * "lucid/settlement/v1\n" ‖ SHA-256(JCS of the statement). Members of the statement are listed in
 * docs/FORMAT.md. For each line, and so for the document,
 *
 *   compute + model + released + carried = amount + reversed + brought
 *   gross = Σ compute + Σ model + protocol + suspense.compute + suspense.model
 *   total = Σ amount
 *
 * A payee from whom more was taken back than it earned is paid nothing; what it owes is carried to
 * its next line. The period's own sums (protocol, suspense, reversed, payments) stand in part 1.
 *
 * Amounts of one account are at most GAS_AMOUNT_MAX; sums over accounts have 128 bits.
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_GAS_STATEMENT_H
#define LUCID_GAS_STATEMENT_H

#include "base/arena.h"
#include "gas/amount.h"
#include "ledger/ed25519.h"
#include "ledger/report.h"

#define GAS_STATEMENT_TYPE        "lucid/settlement/v1"
#define GAS_STATEMENT_LINES_MAX   400
#define GAS_STATEMENT_HASH_BYTES  32
#define GAS_STATEMENT_TIME_BYTES  24                /* RFC 3339 UTC with milliseconds */
#define GAS_STATEMENT_BYTES_MAX   ((size_t)65535)   /* of a document as it is logged */
#define GAS_STATEMENT_INPUT_MAX   ((size_t)1 << 19) /* of one that is checked */
#define GAS_STATEMENT_ARENA_BYTES ((size_t)4 << 20) /* enough to parse either */
#define GAS_SUM_TEXT_BYTES        40                /* with the terminating 0 */

/* Sums over accounts: decimal digits, as gas_amount_parse but of up to 38 digits. */
void gas_sum_format(unsigned __int128 sum, char ret[GAS_SUM_TEXT_BYTES]);
bool gas_sum_parse(struct lucid_span text, unsigned __int128 *ret) LUCID_WARN_UNUSED;
/* "name":"123" into an open JSON object. */
void gas_sum_member(struct lucid_buf *out, const char *name, unsigned __int128 sum);

struct gas_statement_line {
    struct lucid_span payee;
    uint64_t amount;   /* due to the payee by this statement */
    uint64_t compute;  /* earned as the compute leg of payments */
    uint64_t model;    /* as the model leg */
    uint64_t released; /* paid to it out of suspense */
    uint64_t reversed; /* taken back */
    uint64_t brought;  /* owed since its line before */
    uint64_t carried;  /* owed to the next line; then amount is 0 */
    uint64_t payments; /* that it had a leg of */
};

struct gas_statement {
    struct lucid_span origin;
    enum gas_unit unit;
    uint64_t number; /* of the unit's statements, from 0 */
    uint64_t epoch;  /* at whose end it was issued */
    uint8_t root[32];
    uint64_t tree_size;    /* at the epoch's end */
    uint64_t period_first; /* sequence of the first event covered */
    uint64_t period_last;  /* of the last: the epoch's end */
    char issued_at[GAS_STATEMENT_TIME_BYTES + 1];
    bool has_previous; /* false: the unit's first */
    uint8_t previous[GAS_STATEMENT_HASH_BYTES];
    uint32_t part; /* 1 … parts: one period may need several documents */
    uint32_t parts;
    uint64_t payments;          /* in the period; part 1, as all that follow but gross and total */
    unsigned __int128 protocol; /* the protocol's legs */
    unsigned __int128 suspense_compute; /* legs without a registered payee */
    unsigned __int128 suspense_model;
    unsigned __int128 reversed_protocol; /* taken back from these three */
    unsigned __int128 reversed_compute;
    unsigned __int128 reversed_model;
    unsigned __int128 gross; /* what was paid in, as far as it stands in this document */
    unsigned __int128 total; /* Σ amount of the lines */
    const struct gas_statement_line *lines; /* by payee (memcmp), each once */
    size_t line_count;                      /* at most GAS_STATEMENT_LINES_MAX */
};

/* --- making ----------------------------------------------------------------------------------- */

/* The statement's JCS. */
void gas_statement_write(const struct gas_statement *statement, struct lucid_buf *out);
/* Bytes that a line takes in it, its comma included. */
size_t gas_statement_line_bytes(const struct gas_statement_line *line);
/* SHA-256 of the JCS: what is signed, and what the next one names as "previous". */
void gas_statement_hash(struct lucid_span jcs, uint8_t ret[GAS_STATEMENT_HASH_BYTES]);
void gas_statement_sign(const struct ledger_ed25519_key *key,
                        const uint8_t hash[GAS_STATEMENT_HASH_BYTES],
                        uint8_t ret_signature[LEDGER_ED25519_SIGNATURE_BYTES]);
bool gas_statement_verify(const uint8_t service_key[LEDGER_ED25519_PUBLIC_BYTES],
                          const uint8_t hash[GAS_STATEMENT_HASH_BYTES],
                          const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES])
    LUCID_WARN_UNUSED;
/* {"signature":hex,"statement":jcs}. */
void gas_statement_document(const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES],
                            struct lucid_span jcs, struct lucid_buf *out);

/* --- reading ---------------------------------------------------------------------------------- */

/* A document read: what it says, its hash and its signature, nothing yet checked against another.
 */
struct gas_statement_read {
    struct gas_statement statement; /* spans and lines live in the arena */
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
};

/* Reads a document in any JSON form; further members beside "signature" and "statement" are passed
 * over, further ones of the statement are hashed and passed over. Refusals: INVALID_STATEMENT, with
 * the member in why->param. LUCID_REFUSE_TOO_LARGE over GAS_STATEMENT_INPUT_MAX;
 * LUCID_RETRY_MEMORY. */
enum lucid_error gas_statement_parse(struct lucid_span document, struct lucid_arena *arena,
                                     struct gas_statement_read *ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- checking --------------------------------------------------------------------------------- */

/* Steps of the report, by position; then "origin" and "previous" if there is something to check
 * them against. */
enum gas_statement_step {
    GAS_STEP_FORM,      /* "form": a statement of this form, lines in order */
    GAS_STEP_SIGNATURE, /* "signature": by the service key that was given */
    GAS_STEP_SUMS,      /* "sums": every line and every sum adds up */
};

/* What the checker trusts or expects. */
struct gas_statement_trust {
    const uint8_t *service_key; /* LEDGER_ED25519_PUBLIC_BYTES; NULL: the signature is not judged,
                                   and the verdict at best undecided */
    struct lucid_span origin;   /* len 0: any */
    struct lucid_span previous; /* the document of number − 1; len 0: not checked, but for the first
                                   one, which has none */
};

/* Checks a document step by step. *ret_read (may be NULL) is what was read, when the step form
 * passed. LUCID_OK: decided as the report says, which is closed; LUCID_RETRY_MEMORY. */
enum lucid_error gas_statement_check(struct lucid_span document,
                                     const struct gas_statement_trust *trust,
                                     struct lucid_arena *arena, struct gas_statement_read *ret_read,
                                     struct ledger_report *ret) LUCID_WARN_UNUSED;

#endif
