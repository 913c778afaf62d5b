/* Leaves of any kind: finding one by the hash that its entry begins with, and its inclusion proof.
 *
 * Thread: any, within a view. */
#ifndef LUCID_LEDGER_LEAF_H
#define LUCID_LEDGER_LEAF_H

#include "base/buf.h"
#include "ledger/head.h"

/* A leaf's inclusion in a tree of that size. Spans are good until the view ends. */
struct ledger_leaf_proof {
    uint64_t leaf;
    uint64_t size;
    struct store_event event; /* that logged the leaf; its entry is what the proof is of */
    bool headed;              /* head is the one of that size, published */
    struct ledger_head head;
    /* Set by ledger_leaf_prove. */
    struct mmr_hash leaf_hash;
    struct mmr_hash root;
    struct mmr_path path;
};

/* The leaf whose entry begins with that hash, of whatever kind; the first where there are several.
 * The event is not checked: ledger_leaf_prove holds its entry against the tree.
 * LUCID_NOTE_ABSENT. */
enum lucid_error ledger_leaf_find(struct ledger_view *view, const uint8_t hash[32],
                                  uint64_t *ret_leaf,
                                  struct store_event *ret_event) LUCID_WARN_UNUSED;

/* The leaf that the event of that sequence logged, by the order of both. LUCID_NOTE_ABSENT: none.
 */
enum lucid_error ledger_leaf_of(struct ledger_view *view, uint64_t sequence,
                                uint64_t *ret_leaf) LUCID_WARN_UNUSED;

/* Root, path and the check of both, for leaf, size, event, headed and head as they are set. That
 * the entry is the leaf's is part of the check: the leaf hash is made from the entry.
 * LUCID_FATAL_CORRUPT: what an auditor would find wrong. */
enum lucid_error ledger_leaf_prove(struct ledger_view *view,
                                   struct ledger_leaf_proof *proof) LUCID_WARN_UNUSED;

/* The whole proof of a leaf in the newest published head. LUCID_NOTE_ABSENT: no such leaf, or no
 * head covers it yet. */
enum lucid_error ledger_leaf_prove_newest(struct ledger_view *view, uint64_t leaf,
                                          struct ledger_leaf_proof *ret) LUCID_WARN_UNUSED;

/* Appends its JSON (ledger/proof.h). */
void ledger_leaf_proof_write(const struct ledger_leaf_proof *proof, struct lucid_buf *out);

#endif
