/* Documents to parts: receipts, proofs in their three forms, consistency in its two. */
#include "base/jcs/jcs.h"
#include "ledger/proof_internal.h"
#include "ledger/proof_tlog.h"

enum {
    /* A body of the largest size has half as many values; the rest is for what lies around it. */
    VALUES_MAX = 65536,
    PROOF_DEPTH_MAX = LEDGER_BODY_DEPTH_MAX + 1,
};

static enum lucid_error member_refuse(struct lucid_why *why, const char *name, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_MEMBER", name, "%s %s", name, text);
}

/* Parses a document that must be one object. `what` names it in refusals. */
static enum lucid_error document_parse(struct lucid_span text, size_t bytes_max, const char *what,
                                       struct lucid_arena *arena, const struct jcs_value **ret_root,
                                       struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = PROOF_DEPTH_MAX,
                                             .values_max = VALUES_MAX};
    if (text.len > bytes_max) {
        return member_refuse(why, what, "is too large");
    }
    struct lucid_why inner = {.code = NULL};
    const struct jcs_value *root = NULL;
    enum lucid_error error = jcs_parse(text, &limits, arena, &root, &inner);
    if (error != LUCID_OK) {
        return lucid_category(error) == LUCID_CATEGORY_REFUSE
                   ? lucid_refuse(why, error, inner.code, what, "%s, byte %zu: %s", what,
                                  inner.offset, inner.text)
                   : error;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        return member_refuse(why, what, "is not a JSON object");
    }
    *ret_root = root;
    return LUCID_OK;
}

static enum lucid_error read_hex(const struct jcs_value *object, const char *name, void *ret_bytes,
                                 size_t len, struct lucid_why *why)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || jcs_type(value) != JCS_STRING ||
        !lucid_hex_decode(jcs_string(value), ret_bytes, len)) {
        return member_refuse(why, name, "is not lower-case hex of the right length");
    }
    return LUCID_OK;
}

static enum lucid_error read_uint(const struct jcs_value *object, const char *name,
                                  uint64_t *ret_value, struct lucid_why *why)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || !jcs_uint(value, ret_value)) {
        return member_refuse(why, name, "is not a whole number");
    }
    return LUCID_OK;
}

static enum lucid_error read_path(const struct jcs_value *object, struct mmr_path *ret_path,
                                  struct lucid_why *why)
{
    const struct jcs_value *path = jcs_member(object, "path");
    if (path == NULL || jcs_type(path) != JCS_ARRAY || jcs_count(path) > MMR_PATH_MAX) {
        return member_refuse(why, "path", "is not an array of at most 64 hashes");
    }
    ret_path->count = 0;
    for (const struct jcs_value *item = jcs_next(path, NULL); item != NULL;
         item = jcs_next(path, item)) {
        if (jcs_type(item) != JCS_STRING ||
            !lucid_hex_decode(jcs_string(item), ret_path->hash[ret_path->count].bytes,
                              MMR_HASH_BYTES)) {
            return member_refuse(why, "path", "holds something that is not a hash in hex");
        }
        ret_path->count++;
    }
    return LUCID_OK;
}

static enum lucid_error body_hash(const struct jcs_value *body, uint8_t ret_hash[],
                                  struct lucid_why *why)
{
    struct lucid_buf canonical = {.bytes_max = 0};
    enum lucid_error error = LUCID_OK;
    jcs_write(body, &canonical);
    if (!lucid_buf_ok(&canonical)) {
        error = LUCID_RETRY_MEMORY;
    } else if (canonical.len > LEDGER_BODY_BYTES_MAX) {
        error = member_refuse(why, "body", "is over 65535 bytes in canonical form");
    } else {
        lucid_sha256(lucid_buf_span(&canonical), ret_hash);
    }
    lucid_buf_fini(&canonical);
    return error;
}

/* A record that a plugin logged: {"record","key","entry"}. The entry holds hash and signature. */
static enum lucid_error record_read(const struct jcs_value *root, const struct jcs_value *record,
                                    struct receipt_parts *receipt, struct lucid_why *why)
{
    uint8_t entry[LEDGER_ENTRY_BYTES];
    if (jcs_type(record) != JCS_OBJECT) {
        return member_refuse(why, "record", "is not an object");
    }
    enum lucid_error error = read_hex(root, "key", receipt->signer, sizeof(receipt->signer), why);
    if (error == LUCID_OK) {
        error = read_hex(root, "entry", entry, sizeof(entry), why);
    }
    if (error == LUCID_OK) {
        error = body_hash(record, receipt->hash, why);
    }
    if (error == LUCID_OK) {
        memcpy(receipt->stated, entry, sizeof(receipt->stated));
        memcpy(receipt->signature, entry + 64, sizeof(receipt->signature));
        receipt->hash_stated = true;
        receipt->record = true;
    }
    receipt->ok = error == LUCID_OK;
    return error;
}

enum lucid_error ledger_receipt_parts_read(struct lucid_span text, struct lucid_arena *arena,
                                           struct receipt_parts *receipt, struct lucid_why *why)
{
    const struct jcs_value *root = NULL;
    enum lucid_error error =
        document_parse(text, LEDGER_RECEIPT_JSON_BYTES_MAX, "the receipt", arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct jcs_value *body = jcs_member(root, "body");
    const struct jcs_value *record = jcs_member(root, "record");
    if (body == NULL && record != NULL) {
        return record_read(root, record, receipt, why);
    }
    if (body == NULL || jcs_type(body) != JCS_OBJECT) {
        return member_refuse(why, "body", "is not an object");
    }
    error =
        read_hex(root, "receipt_signature", receipt->signature, sizeof(receipt->signature), why);
    if (error == LUCID_OK) {
        error = read_hex(root, "signer_pubkey", receipt->signer, sizeof(receipt->signer), why);
    }
    receipt->hash_stated = jcs_member(root, "receipt_hash") != NULL;
    if (error == LUCID_OK && receipt->hash_stated) {
        error = read_hex(root, "receipt_hash", receipt->stated, sizeof(receipt->stated), why);
    }
    if (error == LUCID_OK) {
        error = body_hash(body, receipt->hash, why);
    }
    receipt->ok = error == LUCID_OK;
    return error;
}

static enum lucid_error proof_read_members(const struct jcs_value *root, struct proof_parts *proof,
                                           struct lucid_why *why)
{
    enum lucid_error error = read_uint(root, "leaf_index", &proof->leaf_index, why);
    if (error == LUCID_OK) {
        error = read_uint(root, "tree_size", &proof->tree_size, why);
    }
    if (error == LUCID_OK) {
        error = read_hex(root, "entry", proof->entry, sizeof(proof->entry), why);
    }
    if (error == LUCID_OK) {
        error = read_hex(root, "leaf_hash", proof->leaf_hash.bytes, MMR_HASH_BYTES, why);
    }
    if (error == LUCID_OK) {
        error = read_hex(root, "root", proof->root.bytes, MMR_HASH_BYTES, why);
    }
    if (error == LUCID_OK) {
        error = read_path(root, &proof->path, why);
    }
    return error;
}

static enum lucid_error proof_json_read(struct lucid_span text, struct lucid_arena *arena,
                                        struct proof_parts *proof, struct lucid_why *why)
{
    const struct jcs_value *root = NULL;
    enum lucid_error error =
        document_parse(text, LEDGER_PROOF_JSON_BYTES_MAX, "the proof", arena, &root, why);
    if (error == LUCID_OK) {
        error = proof_read_members(root, proof, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    const struct jcs_value *checkpoint = jcs_member(root, "checkpoint");
    if (checkpoint == NULL ||
        (jcs_type(checkpoint) != JCS_STRING && jcs_type(checkpoint) != JCS_NULL)) {
        return member_refuse(why, "checkpoint", "is neither a string nor null");
    }
    proof->checkpoint = lucid_span(NULL, 0);
    if (jcs_type(checkpoint) == JCS_STRING) {
        proof->checkpoint = jcs_string(checkpoint);
        /* An empty string is a bad note, not a missing one; spans of jcs may be {NULL, 0}. */
        if (proof->checkpoint.len == 0) {
            return member_refuse(why, "checkpoint", "is empty");
        }
    }
    proof->copies = true;
    proof->ok = true;
    return LUCID_OK;
}

static enum lucid_error consistency_json_read(struct lucid_span text, struct lucid_arena *arena,
                                              struct consistency_parts *answer,
                                              struct lucid_why *why)
{
    const struct jcs_value *root = NULL;
    enum lucid_error error =
        document_parse(text, LEDGER_PROOF_JSON_BYTES_MAX, "the answer", arena, &root, why);
    if (error == LUCID_OK) {
        error = read_uint(root, "from", &answer->from, why);
    }
    if (error == LUCID_OK) {
        error = read_uint(root, "to", &answer->to, why);
    }
    if (error == LUCID_OK) {
        error = read_hex(root, "root_from", answer->root_from.bytes, MMR_HASH_BYTES, why);
    }
    if (error == LUCID_OK) {
        error = read_hex(root, "root_to", answer->root_to.bytes, MMR_HASH_BYTES, why);
    }
    if (error == LUCID_OK) {
        error = read_path(root, &answer->path, why);
    }
    answer->ok = error == LUCID_OK;
    return error;
}

static enum lucid_error proof_tlog_read(struct lucid_span text, struct proof_parts *proof,
                                        struct lucid_why *why)
{
    struct ledger_tlog_proof tlog;
    enum lucid_error error = ledger_tlog_read(text, &tlog, why);
    if (error == LUCID_OK) {
        proof->leaf_index = tlog.leaf_index;
        proof->path = tlog.path;
        proof->checkpoint = tlog.checkpoint;
        proof->ok = true;
    }
    return error;
}

static enum lucid_error cose_read(struct lucid_span data, enum ledger_cose_kind kind,
                                  struct ledger_cose *ret, struct lucid_why *why)
{
    enum lucid_error error = ledger_cose_read(data, ret, why);
    if (error == LUCID_OK && ret->kind != kind) {
        error = member_refuse(why, "the COSE receipt",
                              kind == LEDGER_COSE_INCLUSION ? "is one of consistency"
                                                            : "is one of inclusion");
    }
    return error;
}

static enum lucid_error proof_cose_read(struct lucid_span data, struct proof_parts *proof,
                                        struct lucid_why *why)
{
    enum lucid_error error = cose_read(data, LEDGER_COSE_INCLUSION, &proof->cose, why);
    if (error == LUCID_OK) {
        proof->leaf_index = proof->cose.first;
        proof->tree_size = proof->cose.size;
        proof->path = proof->cose.path;
        proof->checkpoint = proof->cose.checkpoint;
        proof->ok = true;
    }
    return error;
}

enum lucid_error ledger_proof_parts_read(struct lucid_span data, enum ledger_form form,
                                         struct lucid_arena *arena, struct proof_parts *proof,
                                         struct lucid_why *why)
{
    proof->form = form;
    switch (form) {
    case LEDGER_FORM_JSON:
        return proof_json_read(data, arena, proof, why);
    case LEDGER_FORM_TLOG:
        return proof_tlog_read(data, proof, why);
    case LEDGER_FORM_COSE:
        break;
    }
    return proof_cose_read(data, proof, why);
}

enum lucid_error ledger_consistency_parts_read(struct lucid_span data, enum ledger_form form,
                                               struct lucid_arena *arena,
                                               struct consistency_parts *answer,
                                               struct lucid_why *why)
{
    answer->form = form;
    if (form == LEDGER_FORM_JSON) {
        return consistency_json_read(data, arena, answer, why);
    }
    enum lucid_error error = cose_read(data, LEDGER_COSE_CONSISTENCY, &answer->cose, why);
    if (error == LUCID_OK) {
        answer->from = answer->cose.first;
        answer->to = answer->cose.size;
        answer->root_to = answer->cose.root;
        answer->path = answer->cose.path;
        answer->ok = true;
    }
    return error;
}
