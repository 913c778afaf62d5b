#include "ledger/proof_tlog.h"

#include "base/assert.h"
#include "ledger/note_internal.h"

enum {
    HASH_BASE64 = (MMR_HASH_BYTES + 2) / 3 * 4,
};

static void base64_line(struct lucid_buf *buf, const char *word, const void *data, size_t len)
{
    lucid_buf_str(buf, word);
    lucid_buf_base64(buf, data, len);
    lucid_buf_char(buf, '\n');
}

void ledger_tlog_write(struct lucid_buf *buf, const struct ledger_tlog_proof *proof)
{
    lucid_assert(proof->extra.len <= LEDGER_TLOG_EXTRA_BYTES_MAX);
    lucid_assert(proof->path.count <= MMR_PATH_MAX && proof->checkpoint.len > 0);
    lucid_buf_str(buf, LEDGER_TLOG_VERSION_LINE "\n");
    if (proof->extra.len > 0) {
        base64_line(buf, "extra ", proof->extra.data, proof->extra.len);
    }
    lucid_buf_str(buf, "index ");
    lucid_buf_u64(buf, proof->leaf_index);
    lucid_buf_char(buf, '\n');
    for (size_t i = 0; i < proof->path.count; i++) {
        base64_line(buf, "", proof->path.hash[i].bytes, MMR_HASH_BYTES);
    }
    lucid_buf_char(buf, '\n');
    lucid_buf_span_put(buf, proof->checkpoint);
}

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "PROOF_MALFORMED", NULL, "%s", text);
}

/* Takes one line off the front, without its LF. */
static bool line_take(struct lucid_span *rest, struct lucid_span *ret_line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (end == NULL) {
        return false;
    }
    *ret_line = lucid_span(rest->data, (size_t)(end - rest->data));
    *rest = lucid_span(end + 1, rest->len - ret_line->len - 1);
    return true;
}

/* Whether the line begins with the word; ret_value is what follows it. */
static bool line_after(struct lucid_span line, const char *word, struct lucid_span *ret_value)
{
    size_t len = strlen(word);
    if (line.len < len || memcmp(line.data, word, len) != 0) {
        return false;
    }
    *ret_value = lucid_span(line.data + len, line.len - len);
    return true;
}

static bool extra_ok(struct lucid_span text)
{
    uint8_t bytes[LEDGER_TLOG_EXTRA_BYTES_MAX];
    size_t len = 0;
    return text.len > 0 && text.len <= lucid_base64_len(sizeof(bytes)) &&
           lucid_base64_decode(text, bytes, sizeof(bytes), &len);
}

static enum lucid_error path_read(struct lucid_span *rest, struct mmr_path *path,
                                  struct lucid_why *why)
{
    struct lucid_span line;
    for (;;) {
        if (!line_take(rest, &line)) {
            return refuse(why, "the proof ends before its checkpoint");
        }
        if (line.len == 0) {
            return LUCID_OK;
        }
        if (path->count == MMR_PATH_MAX) {
            return refuse(why, "the proof has more than 64 hashes");
        }
        size_t len = 0;
        if (line.len != HASH_BASE64 ||
            !lucid_base64_decode(line, path->hash[path->count].bytes, MMR_HASH_BYTES, &len) ||
            len != MMR_HASH_BYTES) {
            return refuse(why, "a line of the path is not base64 of 32 bytes");
        }
        path->count++;
    }
}

enum lucid_error ledger_tlog_read(struct lucid_span text, struct ledger_tlog_proof *ret_proof,
                                  struct lucid_why *why)
{
    struct ledger_tlog_proof proof;
    struct lucid_span line;
    struct lucid_span value;
    proof.extra = lucid_span(NULL, 0);
    proof.path.count = 0;
    if (text.len > LEDGER_TLOG_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "PROOF_MALFORMED", NULL,
                            "the proof is too large");
    }
    if (!line_take(&text, &line) || !lucid_span_is(line, LEDGER_TLOG_VERSION_LINE)) {
        return refuse(why, "the first line is not " LEDGER_TLOG_VERSION_LINE);
    }
    if (!line_take(&text, &line)) {
        return refuse(why, "the proof ends before its index");
    }
    if (line_after(line, "extra ", &value)) {
        if (!extra_ok(value)) {
            return refuse(why, "the extra data are not base64 of 1 to 4096 bytes");
        }
        proof.extra = value;
        if (!line_take(&text, &line)) {
            return refuse(why, "the proof ends before its index");
        }
    }
    if (!line_after(line, "index ", &value) || !note_decimal_read(value, &proof.leaf_index)) {
        return refuse(why, "the index line is not a decimal number");
    }
    enum lucid_error error = path_read(&text, &proof.path, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (text.len == 0) {
        return refuse(why, "the proof has no checkpoint");
    }
    proof.checkpoint = text;
    *ret_proof = proof;
    return LUCID_OK;
}
