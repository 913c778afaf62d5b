/* What the verifier takes from the documents; see ledger/proof.h. */
#ifndef LUCID_LEDGER_PROOF_INTERNAL_H
#define LUCID_LEDGER_PROOF_INTERNAL_H

#include "base/arena.h"
#include "ledger/cose.h"
#include "ledger/proof.h"

/* What a plugin signs of a record: the hash behind this. */
#define LEDGER_ENTRY_PREFIX "lucid/entry/v1\n"

/* What is used of a receipt envelope, or of a plugin's record. */
struct receipt_parts {
    bool ok;
    bool record; /* a plugin's: signed with LEDGER_ENTRY_PREFIX */
    bool hash_stated;
    uint8_t hash[LUCID_SHA256_BYTES]; /* of the body, computed */
    uint8_t stated[LUCID_SHA256_BYTES];
    uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
};

struct proof_parts {
    bool ok;
    enum ledger_form form;
    uint64_t leaf_index;
    struct mmr_path path;
    struct lucid_span checkpoint; /* in the arena or the input; {NULL, 0}: none */
    bool copies;                  /* JSON: entry, leaf hash and root stand beside the path */
    uint64_t tree_size;           /* stated by JSON and COSE */
    uint8_t entry[LEDGER_ENTRY_BYTES];
    struct mmr_hash leaf_hash;
    struct mmr_hash root;
    struct ledger_cose cose; /* that form only */
};

struct consistency_parts {
    bool ok;
    enum ledger_form form;
    uint64_t from;
    uint64_t to;
    struct mmr_hash root_from; /* stated by JSON */
    struct mmr_hash root_to;
    struct mmr_path path;
    struct ledger_cose cose; /* that form only */
};

/* Errors: those of the category REFUSE with a text, LUCID_RETRY_MEMORY. `ok` is set on success. */
enum lucid_error ledger_receipt_parts_read(struct lucid_span text, struct lucid_arena *arena,
                                           struct receipt_parts *receipt,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error ledger_proof_parts_read(struct lucid_span data, enum ledger_form form,
                                         struct lucid_arena *arena, struct proof_parts *proof,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error ledger_consistency_parts_read(struct lucid_span data, enum ledger_form form,
                                               struct lucid_arena *arena,
                                               struct consistency_parts *answer,
                                               struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
