#include "ledger/leaf.h"

#include "ledger/ledger_internal.h"
#include "ledger/proof.h"

enum { CANDIDATES_MAX = 16 };

/* Whether the leaf's entry begins with the hash; the event is checked only when the answer is no:
 * of a yes the tree will be asked. */
static enum lucid_error leaf_has_hash(struct store_view *view, uint64_t leaf,
                                      const uint8_t hash[32], struct store_event *ret)
{
    struct store_leaf row;
    struct store_event event;
    enum lucid_error error = store_leaf_read(view, leaf, &row);
    if (error == LUCID_OK) {
        error = store_event_read(view, row.sequence, &event);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (event.entry != NULL && memcmp(event.entry, hash, 32) == 0) {
        *ret = event;
        return LUCID_OK;
    }
    error = ledger_event_check(view, &event);
    return error == LUCID_OK ? LUCID_NOTE_ABSENT : error;
}

enum lucid_error ledger_leaf_find(struct ledger_view *view, const uint8_t hash[32],
                                  uint64_t *ret_leaf, struct store_event *ret_event)
{
    uint64_t leaves[CANDIDATES_MAX];
    size_t count =
        ledger_view_find(view, LEDGER_TAG_HASH, ledger_tag_hash(hash), leaves, CANDIDATES_MAX);
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct store_event event;
        enum lucid_error error = leaf_has_hash(view->store, leaves[i], hash, &event);
        if (error == LUCID_OK && leaves[i] < first) {
            first = leaves[i];
            *ret_event = event;
        } else if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    if (first == UINT64_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    *ret_leaf = first;
    return LUCID_OK;
}

enum lucid_error ledger_leaf_of(struct ledger_view *view, uint64_t sequence, uint64_t *ret_leaf)
{
    uint64_t low = 0;
    uint64_t high = view->leaves; /* the leaf is in [low, high) */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct store_leaf row;
        enum lucid_error error = store_leaf_read(view->store, middle, &row);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        if (row.sequence == sequence) {
            *ret_leaf = middle;
            return LUCID_OK;
        }
        low = row.sequence < sequence ? middle + 1 : low;
        high = row.sequence < sequence ? high : middle;
    }
    return LUCID_NOTE_ABSENT;
}

enum lucid_error ledger_leaf_prove(struct ledger_view *view, struct ledger_leaf_proof *proof)
{
    struct mmr_nodes nodes = ledger_view_nodes(view);
    enum lucid_error error = LUCID_OK;
    mmr_hash_leaf(lucid_span(proof->event.entry, STORE_ENTRY_BYTES), &proof->leaf_hash);
    if (proof->headed) {
        proof->root = proof->head.root;
    } else {
        error = mmr_root(&nodes, proof->size, &proof->root);
    }
    if (error == LUCID_OK) {
        error = mmr_inclusion_path(&nodes, proof->leaf, proof->size, &proof->path);
    }
    if (error != LUCID_OK) {
        return error;
    }
    return mmr_verify_inclusion(proof->leaf, proof->size, &proof->leaf_hash, proof->path.hash,
                                proof->path.count, &proof->root)
               ? LUCID_OK
               : LUCID_FATAL_CORRUPT;
}

enum lucid_error ledger_leaf_prove_newest(struct ledger_view *view, uint64_t leaf,
                                          struct ledger_leaf_proof *ret)
{
    enum lucid_error error = ledger_view_leaf_event(view, leaf, &ret->event);
    if (error == LUCID_OK) {
        error = ledger_head_newest(view, &ret->head);
    }
    if (error == LUCID_OK && ret->head.size <= leaf) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    ret->leaf = leaf;
    ret->size = ret->head.size;
    ret->headed = true;
    return ledger_leaf_prove(view, ret);
}

void ledger_leaf_proof_write(const struct ledger_leaf_proof *proof, struct lucid_buf *out)
{
    struct ledger_proof written = {
        .leaf_index = proof->leaf,
        .tree_size = proof->size,
        .entry = proof->event.entry,
        .leaf_hash = &proof->leaf_hash,
        .root = &proof->root,
        .path = &proof->path,
    };
    if (proof->headed) {
        written.checkpoint = proof->head.checkpoint;
    }
    ledger_proof_write_json(out, &written);
}
