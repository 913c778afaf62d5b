/* Receipts: what orchestrators sign, the ledger's main kind (CONTRACT 1). Event `receipt` carries
 * what replay needs; the canonical body lies beside it. */
#ifndef LUCID_LEDGER_RECEIPT_H
#define LUCID_LEDGER_RECEIPT_H

#include "base/jcs/jcs.h"
#include "ledger/epoch.h"
#include "ledger/head.h"

#define RECEIPT_BODY_BYTES_MAX             STORE_BODY_BYTES_MAX
#define RECEIPT_DEPTH_MAX                  16 /* counting body as 1 */
#define RECEIPT_RUN_ID_BYTES_MIN           10
#define RECEIPT_RUN_ID_BYTES_MAX           128
#define RECEIPT_FUTURE_SECONDS_MAX_DEFAULT 300
/* What the parse of one envelope may take from its arena: usual ones need about 3 KiB, the worst
 * body of 64 KiB 2.5 MiB, the worst text of 512 KiB 3.5 MiB. */
#define RECEIPT_ARENA_BYTES_MAX ((size_t)4 << 20)

extern const struct ledger_kind ledger_receipt_kind;

enum receipt_type {
    RECEIPT_INFERENCE = 1,
    RECEIPT_COMPUTE = 2,
    RECEIPT_TOOL = 3,
    RECEIPT_AGENT = 4,
    RECEIPT_DATASET = 5,
    RECEIPT_MEMORY = 6,
};
/* "inference", "compute" …; static storage. */
const char *receipt_type_name(enum receipt_type type);

/* What the checked members say; spans point into the parsed body. */
struct receipt_facts {
    enum receipt_type type;
    struct lucid_span run_id;
    uint64_t timestamp; /* Unix seconds */
};

/* Checks every member of a body (CONTRACT 1's table). Refusal: INVALID_RECEIPT with why->param =
 * "body.…". timestamp_max: the latest timestamp accepted. */
enum lucid_error receipt_body_check(const struct jcs_value *body, uint64_t timestamp_max,
                                    struct receipt_facts *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* A run_id's form: 10–128 of A-Za-z0-9._:- and not 64 lower-case hex digits. */
bool receipt_run_id_ok(struct lucid_span run_id) LUCID_WARN_UNUSED;

enum receipt_status { RECEIPT_LOGGED, RECEIPT_COVERED, RECEIPT_FINALIZED };
/* "logged", "covered", "finalized"; static storage. */
const char *receipt_status_name(enum receipt_status status);

struct receipt_placement {
    uint8_t receipt_hash[32];
    char run_id[RECEIPT_RUN_ID_BYTES_MAX + 1];
    uint64_t leaf_index;
    uint64_t sequence;
    uint64_t epoch;
    uint64_t logged_ms;
    enum receipt_status status;
    bool replayed;
};

/* The placement's members into an open JSON object (no braces); run_id and replayed only of a
 * receipt (run_id not empty). */
void receipt_placement_write(const struct receipt_placement *placement, struct lucid_buf *out);

/* The fixed part of a `receipt` event's payload is 42 bytes (docs/FORMAT.md), then the run_id. */
#define RECEIPT_PAYLOAD_BYTES_MAX (42 + RECEIPT_RUN_ID_BYTES_MAX)

struct receipt_command {
    struct ledger_command command;
    /* Set by receipt_prepare; all of it lives in the struct or in the arena given. */
    uint8_t hash[32];
    uint8_t signer[32];
    uint8_t signature[64];
    uint8_t signer_hash[32]; /* SHA-256(signer): entry bytes 32–63 */
    uint8_t entry[STORE_ENTRY_BYTES];
    uint8_t payload[RECEIPT_PAYLOAD_BYTES_MAX];
    size_t payload_len;
    struct lucid_span run_id;
    struct lucid_span canonical;
    const struct ledger_draft *draft; /* set by decide when it is new */
    /* The result, once the command is given back with LUCID_OK. */
    struct receipt_placement placement;
};

struct receipt_rules {
    uint64_t now_ms;             /* the server's clock */
    uint64_t future_seconds_max; /* receipt_future_seconds_max */
};

/* One envelope (CONTRACT 1) from bytes to a command ready for the writer, by the contract's order
 * of checks up to the signature. text and arena must outlive the command.
 * Refusals by code: INVALID_JSON, BODY_TOO_LARGE, INVALID_RECEIPT, HASH_MISMATCH, SIGNER_UNKNOWN,
 * SIGNATURE_INVALID; the writer adds SIGNER_REVOKED, RUN_ID_CONFLICT. LUCID_RETRY_MEMORY.
 * Thread: any; the view is the calling thread's and begun. */
enum lucid_error receipt_prepare(struct receipt_command *command, struct lucid_span text,
                                 const struct receipt_rules *rules, struct ledger_view *view,
                                 struct lucid_arena *arena,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* What the writer would say of a prepared command as the view has the log; nothing is promised by
 * it. *ret_known: it is there already, and command->placement says where; else it would be logged.
 * Refusals: SIGNER_UNKNOWN, SIGNER_REVOKED, RUN_ID_CONFLICT; LUCID_RETRY_IO for a damaged row.
 * Thread: any; the view is the calling thread's and begun. */
enum lucid_error receipt_foresee(struct receipt_command *command, struct ledger_view *view,
                                 bool *ret_known, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Canonical bytes, hash, and (secret not NULL: seed ‖ public key) signature of a body, for those
 * who sign: the command line. The body is not checked against the table; out is the envelope. */
enum lucid_error receipt_envelope_sign(const struct jcs_value *body, const uint8_t secret[64],
                                       struct lucid_buf *ret_envelope,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* The signer's public key (32 bytes, in the payload) of a `receipt` event as apply sees it; NULL
 * when the payload is none. For kinds that listen to receipts. */
const uint8_t *receipt_payload_signer(struct lucid_span payload);

/* --- queries ---------------------------------------------------------------------------------- */

/* Finds a leaf by "id": 64 lower-case hex digits are a receipt hash, all else a run_id.
 * LUCID_NOTE_ABSENT if there is none. */
enum lucid_error receipt_find(struct ledger_view *view, struct lucid_span id,
                              uint64_t *ret_leaf) LUCID_WARN_UNUSED;

/* The same, with the event that was read to confirm it, as it lies in the store: not checked
 * against the tree. */
enum lucid_error receipt_find_event(struct ledger_view *view, struct lucid_span id,
                                    uint64_t *ret_leaf,
                                    struct store_event *ret_event) LUCID_WARN_UNUSED;

struct receipt_record {
    struct receipt_placement placement;
    enum receipt_type type;
    uint64_t timestamp;
    uint8_t signer[32];
    uint8_t signature[64];
    const uint8_t *entry;   /* STORE_ENTRY_BYTES; good until the view ends */
    struct lucid_span body; /* checked to hash to receipt_hash; data NULL: erased */
};

/* The receipt at a leaf. LUCID_NOTE_ABSENT when the leaf is not a receipt's. with_body false leaves
 * body out and unread. */
enum lucid_error receipt_read(struct ledger_view *view, uint64_t leaf, bool with_body,
                              struct receipt_record *ret) LUCID_WARN_UNUSED;

/* Where a leaf of any kind lies; of one that is no receipt run_id is empty and receipt_hash the
 * entry's first 32 bytes. LUCID_NOTE_ABSENT when there is no such leaf. */
enum lucid_error receipt_place(struct ledger_view *view, uint64_t leaf,
                               struct receipt_placement *ret) LUCID_WARN_UNUSED;

#endif
