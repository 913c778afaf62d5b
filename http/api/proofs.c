/* Proofs. Path and head come from one view, and every proof is verified before it is served: what
 * an auditor would find wrong must not leave the house. */
#include "http/api/forms_internal.h"
#include "ledger/ed25519.h"
#include "ledger/erasure.h"
#include "ledger/leaf.h"
#include "ledger/proof.h"

static const char *const media_types[] = {API_JSON, API_COSE, "text/plain"};
/* Consistency is not to be had as text. */
enum form { FORM_JSON, FORM_COSE, FORM_TLOG, CONSISTENCY_FORMS = FORM_TLOG, PROOF_FORMS };

/* What is asked for. */
struct proof_ask {
    uint64_t size;
    size_t form;
    bool sized; /* the client named the size */
};

/* A proof in the making. */
struct proof {
    size_t form;
    bool sized; /* the client named the size */
    struct ledger_leaf_proof of;
};

/* A receipt by its hash or run_id; else a leaf of whatever kind by its hash. */
static enum lucid_error leaf_find(struct ledger_view *view, struct lucid_span id,
                                  struct ledger_leaf_proof *proof)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    enum lucid_error error = receipt_find_event(view, id, &proof->leaf, &proof->event);
    if (error == LUCID_NOTE_ABSENT && lucid_hex_decode(id, hash, sizeof(hash))) {
        error = ledger_leaf_find(view, hash, &proof->leaf, &proof->event);
    }
    return error;
}

/* Finds leaf and tree size. False: it has answered. */
static bool proof_place(struct http_request *request, struct ledger_view *view, struct proof *proof)
{
    enum lucid_error error = leaf_find(view, http_param(request, "id"), &proof->of);
    if (!api_found(request, error, "receipt")) {
        return false;
    }
    if (proof->sized) {
        if (proof->of.size < 1 || proof->of.size > ledger_view_leaves(view)) {
            api_bad_parameter(request, "tree_size", "the tree has or had no such size");
            return false;
        }
        if (proof->of.size <= proof->of.leaf) {
            api_bad_parameter(request, "tree_size",
                              "a tree of that size does not hold the receipt");
            return false;
        }
        error = ledger_head_of_size(view, proof->of.size, &proof->of.head);
    } else {
        error = ledger_head_newest(view, &proof->of.head);
        proof->of.size = error == LUCID_OK ? proof->of.head.size : 0;
    }
    proof->of.headed = error == LUCID_OK;
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        api_refuse(request, error, NULL);
        return false;
    }
    if (proof->of.size <= proof->of.leaf) {
        http_add_header(request, "Retry-After", "1");
        api_problem(request, 503, "NOT_COVERED", NULL, "no published head covers this receipt yet");
        return false;
    }
    return proof->of.headed || proof->form == FORM_JSON ||
           api_head_required(request, view, proof->of.size);
}

static enum lucid_error proof_write(const struct api *api, struct ledger_view *view,
                                    const struct proof *proof, struct lucid_buf *out)
{
    switch (proof->form) {
    case FORM_TLOG:
        return api_tlog_write(view, proof->of.leaf, proof->of.size, &proof->of.path, out);
    case FORM_COSE:
        /* An entry begins with the receipt's hash. */
        api_cose_inclusion_write(api, &proof->of.head, proof->of.leaf, proof->of.event.entry,
                                 &proof->of.path, out);
        return LUCID_OK;
    default:
        ledger_leaf_proof_write(&proof->of, out);
        return LUCID_OK;
    }
}

static bool ask_read(struct http_request *request, struct proof_ask *ret)
{
    ret->sized = http_query(request, "tree_size").data != NULL;
    return api_form_choose(request, media_types, PROOF_FORMS, &ret->form) &&
           api_query_decimal(request, "tree_size", 0, &ret->size);
}

/* Begins the view and finds leaf and head. NULL: it has answered. */
static struct ledger_view *proof_begin(struct http_request *request, const struct proof_ask *ask,
                                       struct proof *proof)
{
    proof->of.size = ask->size;
    proof->form = ask->form;
    proof->sized = ask->sized;
    struct ledger_view *view = api_view_begin(request);
    if (view != NULL && !proof_place(request, view, proof)) {
        ledger_view_end(view);
        return NULL;
    }
    return view;
}

bool api_proof_check(struct http_request *request, void **ret)
{
    struct proof proof; /* not cleared whole: the path is 2 KiB */
    struct proof_ask *ask = lucid_arena_zalloc(http_arena(request), sizeof(*ask));
    if (ask == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    if (!ask_read(request, ask)) {
        return false;
    }
    struct ledger_view *view = proof_begin(request, ask, &proof);
    if (view == NULL) {
        return false;
    }
    ledger_view_end(view);
    *ret = ask;
    return true;
}

void api_proof_serve(struct http_request *request, const struct http_route *route,
                     const void *checked)
{
    static const char *const types[PROOF_FORMS] = {
        [FORM_JSON] = API_JSON, [FORM_COSE] = API_COSE, [FORM_TLOG] = API_TEXT};
    struct proof proof; /* not cleared whole: the path is 2 KiB */
    struct ledger_view *view = proof_begin(request, checked, &proof);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    enum lucid_error error = ledger_leaf_prove(view, &proof.of);
    if (error == LUCID_OK) {
        error = proof_write(api_of_route(route), view, &proof, &out);
    }
    ledger_view_end(view);
    const char *type = types[proof.form];
    if (error == LUCID_FATAL_CORRUPT) {
        api_corrupt(request, "the proof does not verify against the head");
    } else if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
    } else if (proof.sized && proof.of.headed && proof.form != FORM_TLOG) {
        api_answer_tagged(request, type, &out, true);
    } else {
        /* Of the tlog-proof, cosignatures may come later. */
        api_answer(request, 200, type, &out);
    }
}

void api_proof_get(struct http_request *request, const struct http_route *route)
{
    struct proof_ask ask;
    if (ask_read(request, &ask)) {
        api_proof_serve(request, route, &ask);
    }
}

/* --- verify ----------------------------------------------------------------------------------- */

struct verdict {
    bool hash_valid;
    bool signature_valid;
    bool inclusion_valid;
};

/* Whether the tree holds the entry that hash, signer and signature make: in the newest head if that
 * covers the leaf, else in the tree as it stands. */
static enum lucid_error inclusion_check(struct ledger_view *view,
                                        const struct receipt_record *record, bool *ret)
{
    uint8_t entry[LEDGER_ENTRY_BYTES];
    ledger_entry_make(record->placement.receipt_hash, record->signer, record->signature, entry);
    struct mmr_hash leaf_hash;
    mmr_hash_leaf(lucid_span(entry, sizeof(entry)), &leaf_hash);
    struct mmr_nodes nodes = ledger_view_nodes(view);
    uint64_t leaf = record->placement.leaf_index;
    uint64_t size = ledger_view_leaves(view);
    struct mmr_hash root;
    struct ledger_head head;
    enum lucid_error error = ledger_head_newest(view, &head);
    if (error == LUCID_OK && head.size > leaf) {
        size = head.size;
        root = head.root;
    } else if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = mmr_root(&nodes, size, &root);
    }
    struct mmr_path path;
    if (error == LUCID_OK) {
        error = mmr_inclusion_path(&nodes, leaf, size, &path);
    }
    if (error == LUCID_OK) {
        *ret = mmr_verify_inclusion(leaf, size, &leaf_hash, path.hash, path.count, &root);
    }
    return error;
}

/* Everything anew from the stored bytes. LUCID_NOTE_ERASED: the body was. */
static enum lucid_error verdict_make(struct ledger_view *view, struct lucid_span id,
                                     struct verdict *ret)
{
    uint64_t leaf;
    struct receipt_record record;
    enum lucid_error error = receipt_find(view, id, &leaf);
    if (error == LUCID_OK) {
        error = receipt_read(view, leaf, false, &record);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span body;
    struct ledger_erasure erasure;
    error = store_body_read(ledger_view_store(view), record.placement.sequence, &body);
    if (error == LUCID_NOTE_ABSENT) {
        error = ledger_erasure_read(view, leaf, &erasure) == LUCID_OK ? LUCID_NOTE_ERASED
                                                                      : LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct verdict verdict = {0};
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    verdict.hash_valid = memcmp(hash, record.placement.receipt_hash, sizeof(hash)) == 0;
    verdict.signature_valid =
        ledger_ed25519_verify(record.signer, lucid_span(hash, sizeof(hash)), record.signature);
    error = inclusion_check(view, &record, &verdict.inclusion_valid);
    if (error == LUCID_OK) {
        *ret = verdict;
    }
    return error;
}

void api_receipt_verify_get(struct http_request *request, const struct http_route *route)
{
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct verdict verdict;
    enum lucid_error error = verdict_make(view, http_param(request, "id"), &verdict);
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        api_not_found(request, "receipt");
        return;
    }
    if (error == LUCID_NOTE_ERASED) {
        api_problem(request, 410, "ERASED", NULL, "the body was erased, so nothing hashes to it");
        return;
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return;
    }
    bool valid = verdict.hash_valid && verdict.signature_valid && verdict.inclusion_valid;
    if (!valid) {
        atomic_fetch_add_explicit(&api_of_route(route)->metrics.verification_failures, 1,
                                  memory_order_relaxed);
    }
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    lucid_json_member_bool(&out, "valid", valid);
    lucid_json_member_bool(&out, "hash_valid", verdict.hash_valid);
    lucid_json_member_bool(&out, "signature_valid", verdict.signature_valid);
    lucid_json_member_bool(&out, "inclusion_valid", verdict.inclusion_valid);
    lucid_buf_char(&out, '}');
    api_answer(request, 200, API_JSON, &out);
}

/* --- consistency ------------------------------------------------------------------------------ */

struct consistency {
    uint64_t from;
    uint64_t to;
    size_t form;
    struct ledger_head head; /* COSE: of size `to` */
};

/* Checks the sizes and, for COSE, finds the head. False: it has answered. */
static bool consistency_place(struct http_request *request, struct ledger_view *view,
                              struct consistency *proof)
{
    if (proof->to > ledger_view_leaves(view)) {
        api_bad_parameter(request, "to", "the tree is smaller");
        return false;
    }
    if (proof->from > proof->to) {
        api_bad_parameter(request, "from", "from must not be above to");
        return false;
    }
    if (proof->form != FORM_COSE) {
        return true;
    }
    enum lucid_error error = ledger_head_of_size(view, proof->to, &proof->head);
    if (error == LUCID_NOTE_ABSENT) {
        return api_head_required(request, view, proof->to);
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return false;
    }
    return true;
}

static enum lucid_error consistency_write(const struct api *api, struct ledger_view *view,
                                          const struct consistency *proof, struct lucid_buf *out)
{
    struct mmr_nodes nodes = ledger_view_nodes(view);
    struct mmr_hash root_from;
    struct mmr_hash root_to;
    struct mmr_path path;
    enum lucid_error error = mmr_root(&nodes, proof->from, &root_from);
    if (error == LUCID_OK && proof->form == FORM_COSE) {
        root_to = proof->head.root;
    } else if (error == LUCID_OK) {
        error = mmr_root(&nodes, proof->to, &root_to);
    }
    if (error == LUCID_OK) {
        error = mmr_consistency_path(&nodes, proof->from, proof->to, &path);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!mmr_verify_consistency(proof->from, proof->to, &root_from, &root_to, path.hash,
                                path.count)) {
        return LUCID_FATAL_CORRUPT;
    }
    if (proof->form == FORM_COSE) {
        api_cose_consistency_write(api, &proof->head, proof->from, &path, out);
    } else {
        ledger_consistency_write_json(out, proof->from, proof->to, &root_from, &root_to, &path);
    }
    return LUCID_OK;
}

static bool size_required(struct http_request *request, const char *name, uint64_t *ret)
{
    if (http_query(request, name).data == NULL) {
        api_bad_parameter(request, name, "the parameter is missing");
        return false;
    }
    return api_query_decimal(request, name, 0, ret);
}

void api_consistency_get(struct http_request *request, const struct http_route *route)
{
    struct consistency proof;
    if (!api_form_choose(request, media_types, CONSISTENCY_FORMS, &proof.form) ||
        !size_required(request, "from", &proof.from) || !size_required(request, "to", &proof.to)) {
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    if (!consistency_place(request, view, &proof)) {
        ledger_view_end(view);
        return;
    }
    struct lucid_buf out = {0};
    enum lucid_error error = consistency_write(api_of_route(route), view, &proof, &out);
    ledger_view_end(view);
    if (error == LUCID_FATAL_CORRUPT) {
        api_corrupt(request, "the consistency proof does not verify");
    } else if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
    } else if (proof.form == FORM_COSE) {
        api_answer_tagged(request, API_COSE, &out, true);
    } else {
        api_answer(request, 200, API_JSON, &out);
    }
}
