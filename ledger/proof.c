#include "ledger/proof.h"

#include "base/assert.h"
#include "ledger/proof_internal.h"
#include "ledger/proof_tlog.h"

enum {
    ARENA_BYTES_MAX = 32 * 1024 * 1024,
    PATH_ITEM_BYTES = 2 * MMR_HASH_BYTES + 2,
    TAG_SIGN1 = 0xd2, /* what a COSE receipt begins with: no text does */
};

_Static_assert(LEDGER_PROOF_COSE_STEPS < LEDGER_STEPS_MAX, "steps of a proof, and room for one");
_Static_assert(LEDGER_CONSISTENCY_COSE_STEPS < LEDGER_STEPS_MAX, "steps of a consistency answer");
_Static_assert(LEDGER_ENTRY_BYTES == 2 * LUCID_SHA256_BYTES + LEDGER_ED25519_SIGNATURE_BYTES,
               "entry layout");

enum ledger_form ledger_form_detect(struct lucid_span proof)
{
    static const char tlog[] = "c2sp.org/tlog-proof@";
    if (proof.len > 0 && proof.data[0] == TAG_SIGN1) {
        return LEDGER_FORM_COSE;
    }
    return proof.len >= sizeof(tlog) - 1 && memcmp(proof.data, tlog, sizeof(tlog) - 1) == 0
               ? LEDGER_FORM_TLOG
               : LEDGER_FORM_JSON;
}

static bool hash_equal(const struct mmr_hash *a, const struct mmr_hash *b)
{
    return memcmp(a->bytes, b->bytes, MMR_HASH_BYTES) == 0;
}

/* Opens a checkpoint and judges the step. True when the head may be relied on. */
static bool judge_checkpoint(struct ledger_report *report, unsigned step, struct lucid_span note,
                             struct lucid_span vkey_text, struct ledger_checkpoint *ret_head)
{
    struct ledger_vkey vkey;
    struct lucid_why why = {.code = NULL};
    if (note.data == NULL) {
        ledger_report_set(report, step, LEDGER_SKIPPED, "no checkpoint was given");
        return false;
    }
    if (vkey_text.len == 0) {
        ledger_report_set(report, step, LEDGER_SKIPPED, "the log's key was not given");
        return false;
    }
    if (ledger_vkey_parse(vkey_text, &vkey, &why) != LUCID_OK) {
        ledger_report_set(report, step, LEDGER_SKIPPED, "the log's key cannot be used: %.120s",
                          why.text);
        return false;
    }
    enum lucid_error error = ledger_checkpoint_open(note, &vkey, ret_head, &why);
    if (error == LUCID_REFUSE_UNKNOWN_KEY) {
        ledger_report_set(report, step, LEDGER_SKIPPED,
                          "the checkpoint is not signed by the given key");
        return false;
    }
    ledger_report_set(report, step, error == LUCID_OK ? LEDGER_PASSED : LEDGER_FAILED, "%.150s",
                      error == LUCID_OK ? "signed by the log's key" : why.text);
    return error == LUCID_OK;
}

/* Judges the signature of service.key over a root. */
static enum lucid_error judge_service(struct ledger_report *report, unsigned step,
                                      const struct ledger_cose *cose, struct lucid_span key_text,
                                      const struct mmr_hash *root)
{
    uint8_t key[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    if (key_text.len == 0) {
        ledger_report_set(report, step, LEDGER_SKIPPED, "no service key was given");
        return LUCID_OK;
    }
    if (!lucid_hex_decode(key_text, key, sizeof(key))) {
        ledger_report_set(report, step, LEDGER_SKIPPED,
                          "the service key cannot be used: it is not 64 hex digits");
        return LUCID_OK;
    }
    ledger_cose_kid(key, kid);
    if (memcmp(kid, cose->kid, sizeof(kid)) != 0) {
        ledger_report_set(report, step, LEDGER_SKIPPED,
                          "the key id is not that of the given service key");
        return LUCID_OK;
    }
    bool good = false;
    enum lucid_error error = ledger_cose_verify(cose, key, root, &good);
    if (error == LUCID_OK) {
        ledger_report_judge(report, step, good, "the service key has signed this root",
                            "the service key's signature over this root does not verify");
    }
    return error;
}

/* Whether the signature is the signer's: of a receipt over its hash alone, of a plugin's record
 * over the prefix of entries and the hash. */
static bool signature_holds(const struct receipt_parts *receipt)
{
    enum { PREFIX_BYTES = sizeof(LEDGER_ENTRY_PREFIX) - 1 };
    uint8_t message[PREFIX_BYTES + LUCID_SHA256_BYTES];
    memcpy(message, LEDGER_ENTRY_PREFIX, PREFIX_BYTES);
    memcpy(message + PREFIX_BYTES, receipt->hash, LUCID_SHA256_BYTES);
    size_t from = receipt->record ? 0 : PREFIX_BYTES;
    return ledger_ed25519_verify(
        receipt->signer, lucid_span(message + from, sizeof(message) - from), receipt->signature);
}

static void judge_receipt(struct ledger_report *report, const struct receipt_parts *receipt)
{
    if (!receipt->hash_stated) {
        ledger_report_set(report, LEDGER_STEP_RECEIPT_HASH, LEDGER_PASSED,
                          "computed; none is stated");
    } else {
        bool same = memcmp(receipt->hash, receipt->stated, sizeof(receipt->hash)) == 0;
        ledger_report_judge(report, LEDGER_STEP_RECEIPT_HASH, same,
                            "the stated hash is that of the body",
                            "the stated hash is not that of the body");
    }
    ledger_report_judge(report, LEDGER_STEP_RECEIPT_SIGNATURE, signature_holds(receipt),
                        "the signer's signature over the hash verifies",
                        "the signature over the hash does not verify");
}

/* Judges entry and leaf hash. True: there is a leaf to go on with. */
static bool judge_entry(struct ledger_report *report, const struct receipt_parts *receipt,
                        const struct proof_parts *proof, struct mmr_hash *ret_leaf)
{
    uint8_t entry[LEDGER_ENTRY_BYTES];
    if (receipt->ok) {
        ledger_entry_make(receipt->hash, receipt->signer, receipt->signature, entry);
    }
    if (proof->copies) {
        if (receipt->ok) {
            ledger_report_judge(report, LEDGER_STEP_ENTRY,
                                memcmp(entry, proof->entry, sizeof(entry)) == 0,
                                "the entry commits to this receipt, its signer and its signature",
                                "the entry is not that of this receipt");
        }
        mmr_hash_leaf(lucid_span(proof->entry, sizeof(proof->entry)), ret_leaf);
        ledger_report_judge(report, LEDGER_STEP_LEAF_HASH, hash_equal(ret_leaf, &proof->leaf_hash),
                            "the leaf hash is that of the entry",
                            "the leaf hash is not that of the entry");
        return true;
    }
    if (!receipt->ok) {
        return false;
    }
    char hash[2 * LUCID_SHA256_BYTES];
    lucid_hex_encode(receipt->hash, sizeof(receipt->hash), hash);
    struct lucid_span subject = proof->cose.subject;
    ledger_report_judge(report, LEDGER_STEP_ENTRY,
                        subject.data == NULL ||
                            lucid_span_equal(subject, lucid_span(hash, sizeof(hash))),
                        "made from the receipt; this form carries none",
                        "the subject is not the hash of this receipt");
    mmr_hash_leaf(lucid_span(entry, sizeof(entry)), ret_leaf);
    ledger_report_set(report, LEDGER_STEP_LEAF_HASH, LEDGER_PASSED,
                      "computed from the entry; this form carries none");
    return true;
}

static void judge_head(struct ledger_report *report, const struct proof_parts *proof,
                       const struct ledger_checkpoint *head)
{
    switch (proof->form) {
    case LEDGER_FORM_JSON:
        ledger_report_judge(report, LEDGER_STEP_HEAD,
                            proof->tree_size == head->size && hash_equal(&proof->root, &head->root),
                            "size and root are those of the checkpoint",
                            "size or root differs from the checkpoint");
        break;
    case LEDGER_FORM_TLOG:
        ledger_report_set(report, LEDGER_STEP_HEAD, LEDGER_PASSED,
                          "size and root are the checkpoint's; this form carries no others");
        break;
    case LEDGER_FORM_COSE:
        ledger_report_judge(report, LEDGER_STEP_HEAD,
                            proof->tree_size == head->size &&
                                lucid_span_equal(proof->cose.issuer, head->origin),
                            "size and issuer are those of the checkpoint",
                            "size or issuer differs from the checkpoint");
        break;
    }
}

/* leaf NULL: unknown, so the path leads from nowhere. */
static void judge_inclusion(struct ledger_report *report, const struct proof_parts *proof,
                            const struct mmr_hash *leaf, struct lucid_span vkey)
{
    struct ledger_checkpoint head;
    if (proof->checkpoint.data == NULL) {
        ledger_report_set(report, LEDGER_STEP_CHECKPOINT, LEDGER_SKIPPED, "%s",
                          proof->form == LEDGER_FORM_JSON
                              ? "the proof has no checkpoint: no published head has this size"
                              : "the COSE receipt carries no checkpoint");
        return;
    }
    if (!judge_checkpoint(report, LEDGER_STEP_CHECKPOINT, proof->checkpoint, vkey, &head)) {
        return;
    }
    judge_head(report, proof, &head);
    if (leaf != NULL) {
        bool included = mmr_verify_inclusion(proof->leaf_index, head.size, leaf, proof->path.hash,
                                             proof->path.count, &head.root);
        ledger_report_judge(report, LEDGER_STEP_INCLUSION, included,
                            "the path leads from the leaf to the checkpoint's root",
                            "the path does not lead from the leaf to the checkpoint's root");
    }
}

/* RFC 9942's own judgement: the root that follows from leaf, path and the receipt's size. */
static enum lucid_error judge_proof_service(struct ledger_report *report,
                                            const struct proof_parts *proof,
                                            const struct mmr_hash *leaf, struct lucid_span key)
{
    struct mmr_hash root;
    if (leaf == NULL) {
        return LUCID_OK;
    }
    if (!mmr_inclusion_root(proof->leaf_index, proof->tree_size, leaf, proof->path.hash,
                            proof->path.count, &root)) {
        ledger_report_set(report, LEDGER_STEP_SERVICE, LEDGER_FAILED,
                          "index, size and path do not go together, so there is no signed root");
        return LUCID_OK;
    }
    return judge_service(report, LEDGER_STEP_SERVICE, &proof->cose, key, &root);
}

static enum lucid_error proof_judge(struct lucid_span receipt_text, enum ledger_form form,
                                    struct lucid_span proof_data, const struct ledger_trust *trust,
                                    struct lucid_arena *arena, struct ledger_report *report)
{
    struct receipt_parts receipt = {.ok = false};
    struct proof_parts proof = {.ok = false};
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = ledger_proof_parts_read(proof_data, form, arena, &proof, &why);
    if (error == LUCID_OK || lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        enum lucid_error other = ledger_receipt_parts_read(receipt_text, arena, &receipt, &why);
        error = other == LUCID_OK ? error : other;
    }
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    ledger_report_set(report, LEDGER_STEP_FORM, error == LUCID_OK ? LEDGER_PASSED : LEDGER_FAILED,
                      "%.150s", error == LUCID_OK ? "receipt and proof are well formed" : why.text);
    error = LUCID_OK;
    if (receipt.ok) {
        judge_receipt(report, &receipt);
    }
    if (proof.ok) {
        struct mmr_hash leaf;
        bool known = judge_entry(report, &receipt, &proof, &leaf);
        judge_inclusion(report, &proof, known ? &leaf : NULL, trust->vkey);
        if (form == LEDGER_FORM_COSE) {
            error = judge_proof_service(report, &proof, known ? &leaf : NULL, trust->service_key);
        }
    }
    ledger_report_close(report);
    return error;
}

enum lucid_error ledger_proof_verify(struct lucid_span receipt, enum ledger_form form,
                                     struct lucid_span proof, const struct ledger_trust *trust,
                                     struct ledger_report *ret_report)
{
    static const char *const names[LEDGER_PROOF_COSE_STEPS] = {
        [LEDGER_STEP_FORM] = "form",
        [LEDGER_STEP_RECEIPT_HASH] = "receipt_hash",
        [LEDGER_STEP_RECEIPT_SIGNATURE] = "receipt_signature",
        [LEDGER_STEP_ENTRY] = "entry",
        [LEDGER_STEP_LEAF_HASH] = "leaf_hash",
        [LEDGER_STEP_CHECKPOINT] = "checkpoint",
        [LEDGER_STEP_HEAD] = "head",
        [LEDGER_STEP_INCLUSION] = "inclusion",
        [LEDGER_STEP_SERVICE] = "service_signature",
    };
    struct ledger_report report;
    struct lucid_arena arena;
    ledger_report_init(&report, names,
                       form == LEDGER_FORM_COSE ? LEDGER_PROOF_COSE_STEPS : LEDGER_PROOF_STEPS);
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error error = proof_judge(receipt, form, proof, trust, &arena, &report);
    lucid_arena_fini(&arena);
    if (error == LUCID_OK) {
        *ret_report = report;
    }
    return error;
}

/* Whether a COSE receipt names this head: origin, and the checkpoint that it carries. */
static bool cose_of_head(const struct ledger_cose *cose, const struct ledger_checkpoint *head,
                         struct lucid_span vkey_text)
{
    if (!lucid_span_equal(cose->issuer, head->origin)) {
        return false;
    }
    if (cose->checkpoint.data == NULL) {
        return true;
    }
    struct ledger_vkey vkey;
    struct ledger_checkpoint own;
    return ledger_vkey_parse(vkey_text, &vkey, NULL) == LUCID_OK &&
           ledger_checkpoint_open(cose->checkpoint, &vkey, &own, NULL) == LUCID_OK &&
           own.size == head->size && hash_equal(&own.root, &head->root);
}

static void judge_consistency(struct ledger_report *report, const struct consistency_parts *answer,
                              const struct ledger_checkpoint *from,
                              const struct ledger_checkpoint *to, struct lucid_span vkey)
{
    bool same = answer->from == from->size && answer->to == to->size &&
                hash_equal(&answer->root_to, &to->root) &&
                (answer->form == LEDGER_FORM_COSE ? cose_of_head(&answer->cose, to, vkey)
                                                  : hash_equal(&answer->root_from, &from->root));
    ledger_report_judge(report, LEDGER_STEP_HEADS, same,
                        "sizes and roots are those of the checkpoints",
                        "a size, a root or the issuer differs from the checkpoints");
    bool consistent = mmr_verify_consistency(from->size, to->size, &from->root, &to->root,
                                             answer->path.hash, answer->path.count);
    ledger_report_judge(report, LEDGER_STEP_CONSISTENCY, consistent,
                        "the newer tree begins with the older one",
                        "the path does not join the two checkpoints");
}

static enum lucid_error consistency_judge(struct lucid_span answer, enum ledger_form form,
                                          struct lucid_span checkpoint_from,
                                          struct lucid_span checkpoint_to,
                                          const struct ledger_trust *trust,
                                          struct lucid_arena *arena, struct ledger_report *report)
{
    struct lucid_why why = {.code = NULL};
    struct consistency_parts parts = {.ok = false};
    struct ledger_checkpoint from;
    struct ledger_checkpoint to;
    enum lucid_error error = ledger_consistency_parts_read(answer, form, arena, &parts, &why);
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    ledger_report_set(report, LEDGER_STEP_ANSWER, parts.ok ? LEDGER_PASSED : LEDGER_FAILED,
                      "%.150s", parts.ok ? "the answer is well formed" : why.text);
    if (checkpoint_to.data == NULL && parts.ok && form == LEDGER_FORM_COSE) {
        checkpoint_to = parts.cose.checkpoint;
    }
    bool from_ok =
        judge_checkpoint(report, LEDGER_STEP_CHECKPOINT_FROM, checkpoint_from, trust->vkey, &from);
    bool to_ok =
        judge_checkpoint(report, LEDGER_STEP_CHECKPOINT_TO, checkpoint_to, trust->vkey, &to);
    if (parts.ok && from_ok && to_ok) {
        judge_consistency(report, &parts, &from, &to, trust->vkey);
    }
    error = LUCID_OK;
    if (parts.ok && form == LEDGER_FORM_COSE) {
        error = judge_service(report, LEDGER_STEP_CONSISTENCY_SERVICE, &parts.cose,
                              trust->service_key, &parts.root_to);
    }
    ledger_report_close(report);
    return error;
}

enum lucid_error ledger_consistency_verify(struct lucid_span answer, enum ledger_form form,
                                           struct lucid_span checkpoint_from,
                                           struct lucid_span checkpoint_to,
                                           const struct ledger_trust *trust,
                                           struct ledger_report *ret_report)
{
    static const char *const names[LEDGER_CONSISTENCY_COSE_STEPS] = {
        [LEDGER_STEP_ANSWER] = "form",
        [LEDGER_STEP_CHECKPOINT_FROM] = "checkpoint_from",
        [LEDGER_STEP_CHECKPOINT_TO] = "checkpoint_to",
        [LEDGER_STEP_HEADS] = "heads",
        [LEDGER_STEP_CONSISTENCY] = "consistency",
        [LEDGER_STEP_CONSISTENCY_SERVICE] = "service_signature",
    };
    struct ledger_report report;
    struct lucid_arena arena;
    lucid_assert(form != LEDGER_FORM_TLOG);
    ledger_report_init(&report, names,
                       form == LEDGER_FORM_COSE ? LEDGER_CONSISTENCY_COSE_STEPS
                                                : LEDGER_CONSISTENCY_STEPS);
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error error =
        consistency_judge(answer, form, checkpoint_from, checkpoint_to, trust, &arena, &report);
    lucid_arena_fini(&arena);
    if (error == LUCID_OK) {
        *ret_report = report;
    }
    return error;
}

void ledger_entry_make(const uint8_t receipt_hash[LUCID_SHA256_BYTES],
                       const uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES],
                       const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES],
                       uint8_t ret_entry[LEDGER_ENTRY_BYTES])
{
    memcpy(ret_entry, receipt_hash, LUCID_SHA256_BYTES);
    lucid_sha256(lucid_span(signer, LEDGER_ED25519_PUBLIC_BYTES), ret_entry + LUCID_SHA256_BYTES);
    memcpy(ret_entry + 2 * LUCID_SHA256_BYTES, signature, LEDGER_ED25519_SIGNATURE_BYTES);
}

static void path_write(struct lucid_buf *buf, const struct mmr_path *path)
{
    lucid_assert(path->count <= MMR_PATH_MAX);
    lucid_json_member(buf, "path");
    lucid_buf_char(buf, '[');
    if (path->count > 0) {
        /* Written in place, one reservation for all: this is the bulk of every proof. */
        uint8_t *out = lucid_buf_extend(buf, path->count * (PATH_ITEM_BYTES + 1) - 1);
        for (size_t i = 0; out != NULL && i < path->count; i++) {
            if (i > 0) {
                *out++ = ',';
            }
            *out++ = '"';
            lucid_hex_encode(path->hash[i].bytes, MMR_HASH_BYTES, (char *)out);
            out += PATH_ITEM_BYTES - 2;
            *out++ = '"';
        }
    }
    lucid_buf_char(buf, ']');
}

void ledger_proof_write_json(struct lucid_buf *buf, const struct ledger_proof *proof)
{
    lucid_buf_char(buf, '{');
    lucid_json_member_u64(buf, "leaf_index", proof->leaf_index);
    lucid_json_member_u64(buf, "tree_size", proof->tree_size);
    lucid_json_member_hex(buf, "entry", proof->entry, LEDGER_ENTRY_BYTES);
    lucid_json_member_hex(buf, "leaf_hash", proof->leaf_hash->bytes, MMR_HASH_BYTES);
    lucid_json_member_hex(buf, "root", proof->root->bytes, MMR_HASH_BYTES);
    path_write(buf, proof->path);
    if (proof->checkpoint.data == NULL) {
        lucid_json_member_null(buf, "checkpoint");
    } else {
        lucid_json_member_str(buf, "checkpoint", proof->checkpoint);
    }
    lucid_buf_char(buf, '}');
}

void ledger_consistency_write_json(struct lucid_buf *buf, uint64_t from, uint64_t to,
                                   const struct mmr_hash *root_from, const struct mmr_hash *root_to,
                                   const struct mmr_path *path)
{
    lucid_buf_char(buf, '{');
    lucid_json_member_u64(buf, "from", from);
    lucid_json_member_u64(buf, "to", to);
    lucid_json_member_hex(buf, "root_from", root_from->bytes, MMR_HASH_BYTES);
    lucid_json_member_hex(buf, "root_to", root_to->bytes, MMR_HASH_BYTES);
    path_write(buf, path);
    lucid_buf_char(buf, '}');
}
