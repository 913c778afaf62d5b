/* The text of a checkpoint (tlog-checkpoint v1.0.0). */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/checked.h"
#include "ledger/note_internal.h"

enum { ROOT_BASE64 = 44 };

_Static_assert((MMR_HASH_BYTES + 2) / 3 * 4 == ROOT_BASE64, "base64 of a root");

bool note_decimal_read(struct lucid_span text, uint64_t *ret_value)
{
    if (text.len == 0 || text.len > NOTE_DECIMAL_MAX || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || !lucid_mul_u64(value, 10, &value) ||
            !lucid_add_u64(value, (uint64_t)(text.data[i] - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static bool is_empty_root(const struct mmr_hash *root)
{
    struct mmr_hash empty;
    mmr_bag(NULL, 0, &empty);
    return memcmp(root->bytes, empty.bytes, MMR_HASH_BYTES) == 0;
}

/* Whole, non-empty lines. */
static bool extensions_ok(struct lucid_span rest)
{
    size_t offset = 0;
    if (!note_bytes_ok(rest, &offset)) {
        return false;
    }
    while (rest.len > 0) {
        struct lucid_span line;
        if (!note_cut(&rest, '\n', &line) || line.len == 0) {
            return false;
        }
    }
    return true;
}

static enum lucid_error checkpoint_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "CHECKPOINT_MALFORMED", NULL, "%s", text);
}

enum lucid_error ledger_checkpoint_parse(struct lucid_span text,
                                         struct ledger_checkpoint *ret_checkpoint,
                                         struct lucid_why *why)
{
    struct ledger_checkpoint checkpoint;
    struct lucid_span size;
    struct lucid_span root;
    size_t len = 0;
    if (!note_cut(&text, '\n', &checkpoint.origin) || !ledger_name_ok(checkpoint.origin)) {
        return checkpoint_refuse(why, "the checkpoint's origin may not be used");
    }
    if (!note_cut(&text, '\n', &size) || !note_decimal_read(size, &checkpoint.size)) {
        return checkpoint_refuse(why, "the checkpoint's tree size is not a decimal number");
    }
    if (!note_cut(&text, '\n', &root) || root.len != ROOT_BASE64 ||
        !lucid_base64_decode(root, checkpoint.root.bytes, MMR_HASH_BYTES, &len) ||
        len != MMR_HASH_BYTES) {
        return checkpoint_refuse(why, "the checkpoint's root is not base64 of 32 bytes");
    }
    if (checkpoint.size == 0 && !is_empty_root(&checkpoint.root)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CHECKPOINT_MALFORMED", "root",
                            "the checkpoint of an empty tree has another root");
    }
    if (!extensions_ok(text)) {
        return checkpoint_refuse(why, "the checkpoint's extension lines are malformed");
    }
    checkpoint.extensions = text;
    *ret_checkpoint = checkpoint;
    return LUCID_OK;
}

void ledger_checkpoint_sign(const struct ledger_skey *skey, uint64_t size,
                            const struct mmr_hash *root, struct lucid_buf *out)
{
    lucid_assert(size != 0 || is_empty_root(root));
    /* The text is short and bounded: origin, at most 20 digits, base64, three line feeds. */
    char text[LEDGER_NAME_BYTES_MAX + NOTE_DECIMAL_MAX + ROOT_BASE64 + 3];
    struct lucid_span origin = ledger_vkey_name(&skey->vkey);
    size_t len = origin.len;
    memcpy(text, origin.data, origin.len);
    int lines = snprintf(text + len, sizeof(text) - len, "\n%" PRIu64 "\n", size);
    lucid_assert(lines > 0);
    len += (size_t)lines;
    lucid_base64_encode(root->bytes, MMR_HASH_BYTES, text + len);
    len += ROOT_BASE64;
    text[len++] = '\n';
    lucid_assert(len <= sizeof(text));
    note_write(skey, lucid_span(text, len), out);
}

enum lucid_error ledger_checkpoint_open(struct lucid_span note, const struct ledger_vkey *vkey,
                                        struct ledger_checkpoint *ret_checkpoint,
                                        struct lucid_why *why)
{
    struct ledger_note opened;
    struct ledger_checkpoint checkpoint;
    enum lucid_error error = ledger_note_open(note, vkey, 1, &opened, why);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_checkpoint_parse(opened.text, &checkpoint, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_span_equal(checkpoint.origin, ledger_vkey_name(vkey))) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CHECKPOINT_ORIGIN", NULL,
                            "the checkpoint's origin is not the key's name");
    }
    *ret_checkpoint = checkpoint;
    return LUCID_OK;
}
