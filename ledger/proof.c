#include "ledger/proof.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/jcs/jcs.h"

enum {
    /* A body of the largest size has half as many values; the rest is for what lies around it. */
    VALUES_MAX = 65536,
    PROOF_DEPTH_MAX = LEDGER_BODY_DEPTH_MAX + 1,
    ARENA_BYTES_MAX = 32 * 1024 * 1024,
    PATH_ITEM_BYTES = 2 * MMR_HASH_BYTES + 2,
};

_Static_assert(LEDGER_PROOF_STEPS <= LEDGER_STEPS_MAX, "steps of a proof");
_Static_assert(LEDGER_CONSISTENCY_STEPS <= LEDGER_STEPS_MAX, "steps of a consistency answer");
_Static_assert(LEDGER_ENTRY_BYTES == 2 * LUCID_SHA256_BYTES + LEDGER_ED25519_SIGNATURE_BYTES,
               "entry layout");

/* What is used of a receipt envelope. */
struct receipt_parts {
    bool ok;
    bool hash_stated;
    uint8_t hash[LUCID_SHA256_BYTES]; /* of the body, computed */
    uint8_t stated[LUCID_SHA256_BYTES];
    uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
};

struct proof_parts {
    bool ok;
    uint64_t leaf_index;
    uint64_t tree_size;
    uint8_t entry[LEDGER_ENTRY_BYTES];
    struct mmr_hash leaf_hash;
    struct mmr_hash root;
    struct mmr_path path;
    struct lucid_span checkpoint; /* in the arena or the text; {NULL, 0} for null */
};

struct consistency_parts {
    bool ok;
    uint64_t from;
    uint64_t to;
    struct mmr_hash root_from;
    struct mmr_hash root_to;
    struct mmr_path path;
};

const char *ledger_outcome_name(enum ledger_outcome outcome)
{
    switch (outcome) {
    case LEDGER_SKIPPED:
        return "skipped";
    case LEDGER_PASSED:
        return "passed";
    case LEDGER_FAILED:
        return "failed";
    }
    return "failed";
}

const char *ledger_verdict_name(enum ledger_verdict verdict)
{
    switch (verdict) {
    case LEDGER_UNDECIDED:
        return "undecided";
    case LEDGER_VALID:
        return "valid";
    case LEDGER_INVALID:
        return "invalid";
    }
    return "invalid";
}

static void report_init(struct ledger_report *report, const char *const *names, size_t count)
{
    *report = (struct ledger_report){.verdict = LEDGER_UNDECIDED, .step_count = count};
    for (size_t i = 0; i < count; i++) {
        report->steps[i].name = names[i];
        report->steps[i].outcome = LEDGER_SKIPPED;
        snprintf(report->steps[i].text, sizeof(report->steps[i].text),
                 "not judged: an earlier part is missing");
    }
}

static void report_set(struct ledger_report *report, unsigned step, enum ledger_outcome outcome,
                       const char *format, ...) LUCID_PRINTF(4, 5);

static void report_set(struct ledger_report *report, unsigned step, enum ledger_outcome outcome,
                       const char *format, ...)
{
    lucid_assert(step < report->step_count);
    va_list args;
    va_start(args, format);
    vsnprintf(report->steps[step].text, sizeof(report->steps[step].text), format, args);
    va_end(args);
    report->steps[step].outcome = outcome;
}

static void report_judge(struct ledger_report *report, unsigned step, bool good, const char *yes,
                         const char *no)
{
    report_set(report, step, good ? LEDGER_PASSED : LEDGER_FAILED, "%s", good ? yes : no);
}

static void report_close(struct ledger_report *report)
{
    report->verdict = LEDGER_VALID;
    for (size_t i = 0; i < report->step_count; i++) {
        if (report->steps[i].outcome == LEDGER_FAILED) {
            report->verdict = LEDGER_INVALID;
            return;
        }
        if (report->steps[i].outcome == LEDGER_SKIPPED) {
            report->verdict = LEDGER_UNDECIDED;
        }
    }
}

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

static enum lucid_error receipt_read(struct lucid_span text, struct lucid_arena *arena,
                                     struct receipt_parts *receipt, struct lucid_why *why)
{
    const struct jcs_value *root = NULL;
    enum lucid_error error =
        document_parse(text, LEDGER_RECEIPT_JSON_BYTES_MAX, "the receipt", arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct jcs_value *body = jcs_member(root, "body");
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

static enum lucid_error proof_read(struct lucid_span text, struct lucid_arena *arena,
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
    proof->ok = true;
    return LUCID_OK;
}

static enum lucid_error consistency_read(struct lucid_span text, struct lucid_arena *arena,
                                         struct consistency_parts *answer, struct lucid_why *why)
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
    if (ledger_vkey_parse(vkey_text, &vkey, &why) != LUCID_OK) {
        report_set(report, step, LEDGER_SKIPPED, "the log's key cannot be used: %.120s", why.text);
        return false;
    }
    enum lucid_error error = ledger_checkpoint_open(note, &vkey, ret_head, &why);
    if (error == LUCID_REFUSE_UNKNOWN_KEY) {
        report_set(report, step, LEDGER_SKIPPED, "the checkpoint is not signed by the given key");
        return false;
    }
    report_set(report, step, error == LUCID_OK ? LEDGER_PASSED : LEDGER_FAILED, "%.150s",
               error == LUCID_OK ? "signed by the log's key" : why.text);
    return error == LUCID_OK;
}

static void judge_receipt(struct ledger_report *report, const struct receipt_parts *receipt)
{
    if (!receipt->hash_stated) {
        report_set(report, LEDGER_STEP_RECEIPT_HASH, LEDGER_PASSED, "computed; none is stated");
    } else {
        bool same = memcmp(receipt->hash, receipt->stated, sizeof(receipt->hash)) == 0;
        report_judge(report, LEDGER_STEP_RECEIPT_HASH, same, "the stated hash is that of the body",
                     "the stated hash is not that of the body");
    }
    bool good = ledger_ed25519_verify(
        receipt->signer, lucid_span(receipt->hash, sizeof(receipt->hash)), receipt->signature);
    report_judge(report, LEDGER_STEP_RECEIPT_SIGNATURE, good,
                 "the signer's signature over the hash verifies",
                 "the signature over the hash does not verify");
}

static void judge_entry(struct ledger_report *report, const struct receipt_parts *receipt,
                        const struct proof_parts *proof, const struct mmr_hash *leaf)
{
    if (receipt->ok) {
        uint8_t entry[LEDGER_ENTRY_BYTES];
        ledger_entry_make(receipt->hash, receipt->signer, receipt->signature, entry);
        report_judge(report, LEDGER_STEP_ENTRY, memcmp(entry, proof->entry, sizeof(entry)) == 0,
                     "the entry commits to this receipt, its signer and its signature",
                     "the entry is not that of this receipt");
    }
    report_judge(report, LEDGER_STEP_LEAF_HASH, hash_equal(leaf, &proof->leaf_hash),
                 "the leaf hash is that of the entry", "the leaf hash is not that of the entry");
}

static void judge_inclusion(struct ledger_report *report, const struct proof_parts *proof,
                            const struct mmr_hash *leaf, struct lucid_span vkey)
{
    struct ledger_checkpoint head;
    if (proof->checkpoint.data == NULL) {
        report_set(report, LEDGER_STEP_CHECKPOINT, LEDGER_SKIPPED,
                   "the proof has no checkpoint: no published head has this size");
        return;
    }
    if (!judge_checkpoint(report, LEDGER_STEP_CHECKPOINT, proof->checkpoint, vkey, &head)) {
        return;
    }
    bool same = proof->tree_size == head.size && hash_equal(&proof->root, &head.root);
    report_judge(report, LEDGER_STEP_HEAD, same, "size and root are those of the checkpoint",
                 "size or root differs from the checkpoint");
    bool included = mmr_verify_inclusion(proof->leaf_index, head.size, leaf, proof->path.hash,
                                         proof->path.count, &head.root);
    report_judge(report, LEDGER_STEP_INCLUSION, included,
                 "the path leads from the leaf to the checkpoint's root",
                 "the path does not lead from the leaf to the checkpoint's root");
}

static enum lucid_error proof_judge(struct lucid_span receipt_text, struct lucid_span proof_text,
                                    struct lucid_span vkey, struct lucid_arena *arena,
                                    struct ledger_report *report)
{
    struct receipt_parts receipt = {.ok = false};
    struct proof_parts proof = {.ok = false};
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = proof_read(proof_text, arena, &proof, &why);
    if (error == LUCID_OK || lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        enum lucid_error other = receipt_read(receipt_text, arena, &receipt, &why);
        error = other == LUCID_OK ? error : other;
    }
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    report_set(report, LEDGER_STEP_JSON, error == LUCID_OK ? LEDGER_PASSED : LEDGER_FAILED,
               "%.150s", error == LUCID_OK ? "receipt and proof are well formed" : why.text);
    if (receipt.ok) {
        judge_receipt(report, &receipt);
    }
    if (proof.ok) {
        struct mmr_hash leaf;
        mmr_hash_leaf(lucid_span(proof.entry, sizeof(proof.entry)), &leaf);
        judge_entry(report, &receipt, &proof, &leaf);
        judge_inclusion(report, &proof, &leaf, vkey);
    }
    report_close(report);
    return LUCID_OK;
}

enum lucid_error ledger_proof_verify(struct lucid_span receipt, struct lucid_span proof,
                                     struct lucid_span vkey, struct ledger_report *ret_report)
{
    static const char *const names[LEDGER_PROOF_STEPS] = {
        [LEDGER_STEP_JSON] = "json",
        [LEDGER_STEP_RECEIPT_HASH] = "receipt_hash",
        [LEDGER_STEP_RECEIPT_SIGNATURE] = "receipt_signature",
        [LEDGER_STEP_ENTRY] = "entry",
        [LEDGER_STEP_LEAF_HASH] = "leaf_hash",
        [LEDGER_STEP_CHECKPOINT] = "checkpoint",
        [LEDGER_STEP_HEAD] = "head",
        [LEDGER_STEP_INCLUSION] = "inclusion",
    };
    struct ledger_report report;
    struct lucid_arena arena;
    report_init(&report, names, LEDGER_PROOF_STEPS);
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error error = proof_judge(receipt, proof, vkey, &arena, &report);
    lucid_arena_fini(&arena);
    if (error == LUCID_OK) {
        *ret_report = report;
    }
    return error;
}

static void judge_consistency(struct ledger_report *report, const struct consistency_parts *answer,
                              const struct ledger_checkpoint *from,
                              const struct ledger_checkpoint *to)
{
    bool same = answer->from == from->size && answer->to == to->size &&
                hash_equal(&answer->root_from, &from->root) &&
                hash_equal(&answer->root_to, &to->root);
    report_judge(report, LEDGER_STEP_HEADS, same, "sizes and roots are those of the checkpoints",
                 "a size or root differs from the checkpoints");
    bool consistent = mmr_verify_consistency(from->size, to->size, &from->root, &to->root,
                                             answer->path.hash, answer->path.count);
    report_judge(report, LEDGER_STEP_CONSISTENCY, consistent,
                 "the newer tree begins with the older one",
                 "the path does not join the two checkpoints");
}

enum lucid_error ledger_consistency_verify(struct lucid_span answer,
                                           struct lucid_span checkpoint_from,
                                           struct lucid_span checkpoint_to, struct lucid_span vkey,
                                           struct ledger_report *ret_report)
{
    static const char *const names[LEDGER_CONSISTENCY_STEPS] = {
        [LEDGER_STEP_ANSWER] = "json",
        [LEDGER_STEP_CHECKPOINT_FROM] = "checkpoint_from",
        [LEDGER_STEP_CHECKPOINT_TO] = "checkpoint_to",
        [LEDGER_STEP_HEADS] = "heads",
        [LEDGER_STEP_CONSISTENCY] = "consistency",
    };
    struct ledger_report report;
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct consistency_parts parts = {.ok = false};
    struct ledger_checkpoint from;
    struct ledger_checkpoint to;
    report_init(&report, names, LEDGER_CONSISTENCY_STEPS);
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error error = consistency_read(answer, &arena, &parts, &why);
    lucid_arena_fini(&arena);
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    report_set(&report, LEDGER_STEP_ANSWER, parts.ok ? LEDGER_PASSED : LEDGER_FAILED, "%.150s",
               parts.ok ? "the answer is well formed" : why.text);
    bool from_ok =
        judge_checkpoint(&report, LEDGER_STEP_CHECKPOINT_FROM, checkpoint_from, vkey, &from);
    bool to_ok = judge_checkpoint(&report, LEDGER_STEP_CHECKPOINT_TO, checkpoint_to, vkey, &to);
    if (parts.ok && from_ok && to_ok) {
        judge_consistency(&report, &parts, &from, &to);
    }
    report_close(&report);
    *ret_report = report;
    return LUCID_OK;
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
