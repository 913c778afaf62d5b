#include "ledger/note.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/checked.h"

enum {
    KEY_TYPE_ED25519 = 0x01,
    TYPED_KEY_BYTES = 1 + LEDGER_ED25519_PUBLIC_BYTES,
    TYPED_KEY_BASE64 = 44,
    TYPED_SIGNATURE_BYTES = LEDGER_KEY_ID_BYTES + LEDGER_ED25519_SIGNATURE_BYTES,
    ID_HEX = 2 * LEDGER_KEY_ID_BYTES,
    DASH_BYTES = 4,
    /* A whole number of base64 groups; longer signatures are read piece by piece. */
    PIECE_BASE64 = 1024,
    PIECE_BYTES = PIECE_BASE64 / 4 * 3,
    DECIMAL_U64_MAX = 20,
    ROOT_BASE64 = 44,
};

_Static_assert((TYPED_KEY_BYTES + 2) / 3 * 4 == TYPED_KEY_BASE64, "base64 of a typed key");
_Static_assert((MMR_HASH_BYTES + 2) / 3 * 4 == ROOT_BASE64, "base64 of a root");
_Static_assert(LEDGER_ED25519_SEED_BYTES == LEDGER_ED25519_PUBLIC_BYTES, "skey and vkey agree");

/* U+2014 and a space. */
static const uint8_t signature_dash[DASH_BYTES] = {0xe2, 0x80, 0x94, ' '};
static const char skey_prefix[] = "PRIVATE+KEY+";
enum { SKEY_PREFIX = sizeof(skey_prefix) - 1 };

/* The code point at the start of text and its length, or length 0 when it is not strict UTF-8
 * (overlong, surrogate, above U+10FFFF, cut). */
static size_t utf8_next(struct lucid_span text, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    if (first < 0x80) {
        *ret_point = first;
        return 1;
    }
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.len < len) {
        return 0;
    }
    uint32_t point = first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text.data[i] & 0x3fU);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    *ret_point = point;
    return len;
}

/* Unicode's White_Space property. */
static bool is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

bool ledger_name_ok(struct lucid_span name)
{
    if (name.len == 0 || name.len > LEDGER_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t at = 0; at < name.len;) {
        uint32_t point = 0;
        size_t len = utf8_next(lucid_span(name.data + at, name.len - at), &point);
        if (len == 0 || point < 0x20 || point == '+' || is_space(point)) {
            return false;
        }
        at += len;
    }
    return true;
}

/* Whether every byte may stand in a note; else where the first one is that may not. */
static bool note_bytes_ok(struct lucid_span text, size_t *ret_offset)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t point = 0;
        size_t len = utf8_next(lucid_span(text.data + at, text.len - at), &point);
        if (len == 0 || (point < 0x20 && point != '\n')) {
            *ret_offset = at;
            return false;
        }
        at += len;
    }
    return true;
}

/* Cuts text at the first `byte`: what precedes it in ret_head, what follows in *text. */
static bool cut(struct lucid_span *text, uint8_t byte, struct lucid_span *ret_head)
{
    const uint8_t *found = text->len == 0 ? NULL : memchr(text->data, byte, text->len);
    if (found == NULL) {
        return false;
    }
    size_t len = (size_t)(found - text->data);
    *ret_head = lucid_span(text->data, len);
    *text = lucid_span(found + 1, text->len - len - 1);
    return true;
}

enum lucid_error ledger_vkey_init(struct lucid_span name,
                                  const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                  struct ledger_vkey *ret_vkey, struct lucid_why *why)
{
    if (!ledger_name_ok(name)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NAME_INVALID", NULL,
                            "a key name is 1 to %d bytes of UTF-8 without white space or '+'",
                            LEDGER_NAME_BYTES_MAX);
    }
    struct ledger_vkey vkey = {.name_len = (uint8_t)name.len};
    memcpy(vkey.name, name.data, name.len);
    memcpy(vkey.public_key, public_key, sizeof(vkey.public_key));
    static const uint8_t separator[] = {'\n', KEY_TYPE_ED25519};
    const struct lucid_span parts[] = {
        name,
        lucid_span(separator, sizeof(separator)),
        lucid_span(vkey.public_key, sizeof(vkey.public_key)),
    };
    uint8_t digest[LUCID_SHA256_BYTES];
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
    memcpy(vkey.id, digest, sizeof(vkey.id));
    *ret_vkey = vkey;
    return LUCID_OK;
}

/* NAME+HEX8+BASE64 taken apart. bytes is the key without its type, which must be 0x01. */
struct key_text {
    struct lucid_span name;
    uint8_t id[LEDGER_KEY_ID_BYTES];
    uint8_t bytes[LEDGER_ED25519_PUBLIC_BYTES];
};

static enum lucid_error key_text_refuse(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "KEY_MALFORMED", NULL,
                        "not a note key: NAME+8 hex digits+base64");
}

static enum lucid_error key_text_parse(struct lucid_span text, struct key_text *ret_key,
                                       struct lucid_why *why)
{
    struct lucid_span id;
    if (!cut(&text, '+', &ret_key->name) || !cut(&text, '+', &id) ||
        !ledger_name_ok(ret_key->name) || !lucid_hex_decode(id, ret_key->id, sizeof(ret_key->id)) ||
        text.len == 0 || text.len > PIECE_BASE64) {
        return key_text_refuse(why);
    }
    /* Keys of other types may be longer: they are decoded only to tell unknown from malformed. */
    uint8_t typed[PIECE_BYTES];
    size_t len = 0;
    enum lucid_error error = LUCID_OK;
    if (!lucid_base64_decode(text, typed, sizeof(typed), &len) || len < 2) {
        error = key_text_refuse(why);
    } else if (typed[0] != KEY_TYPE_ED25519) {
        error = lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "KEY_TYPE_UNKNOWN", NULL,
                             "a note key of type 0x%02x; only 0x01 (Ed25519) is known", typed[0]);
    } else if (len != TYPED_KEY_BYTES) {
        error = key_text_refuse(why);
    } else {
        memcpy(ret_key->bytes, typed + 1, sizeof(ret_key->bytes));
    }
    lucid_wipe(typed, sizeof(typed));
    return error;
}

static enum lucid_error key_id_check(const struct key_text *key, const struct ledger_vkey *vkey,
                                     struct lucid_why *why)
{
    if (memcmp(key->id, vkey->id, sizeof(vkey->id)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "KEY_ID_MISMATCH", NULL,
                            "the note key's id is not that of its name and key");
    }
    return LUCID_OK;
}

enum lucid_error ledger_vkey_parse(struct lucid_span text, struct ledger_vkey *ret_vkey,
                                   struct lucid_why *why)
{
    struct key_text key;
    struct ledger_vkey vkey;
    enum lucid_error error = key_text_parse(text, &key, why);
    if (error == LUCID_OK) {
        error = ledger_vkey_init(key.name, key.bytes, &vkey, why);
    }
    if (error == LUCID_OK) {
        error = key_id_check(&key, &vkey, why);
    }
    if (error == LUCID_OK) {
        *ret_vkey = vkey;
    }
    return error;
}

/* Writes NAME+HEX8+BASE64(type ‖ bytes). */
static size_t key_text_format(const struct ledger_vkey *vkey,
                              const uint8_t bytes[LEDGER_ED25519_PUBLIC_BYTES], char *out)
{
    lucid_assert(vkey->name_len > 0);
    uint8_t typed[TYPED_KEY_BYTES] = {KEY_TYPE_ED25519};
    memcpy(typed + 1, bytes, LEDGER_ED25519_PUBLIC_BYTES);
    size_t len = vkey->name_len;
    memcpy(out, vkey->name, len);
    out[len++] = '+';
    lucid_hex_encode(vkey->id, sizeof(vkey->id), out + len);
    len += ID_HEX;
    out[len++] = '+';
    lucid_base64_encode(typed, sizeof(typed), out + len);
    len += TYPED_KEY_BASE64;
    lucid_wipe(typed, sizeof(typed));
    return len;
}

size_t ledger_vkey_format(const struct ledger_vkey *vkey, char out[LEDGER_VKEY_BYTES_MAX])
{
    return key_text_format(vkey, vkey->public_key, out);
}

enum lucid_error ledger_skey_init(struct lucid_span name,
                                  const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                  struct ledger_skey *ret_skey, struct lucid_why *why)
{
    struct ledger_skey skey;
    ledger_ed25519_key_init(seed, &skey.key);
    enum lucid_error error = ledger_vkey_init(name, skey.key.public_key, &skey.vkey, why);
    if (error == LUCID_OK) {
        *ret_skey = skey;
    }
    lucid_wipe(&skey, sizeof(skey));
    return error;
}

enum lucid_error ledger_skey_parse(struct lucid_span text, struct ledger_skey *ret_skey,
                                   struct lucid_why *why)
{
    if (text.len < SKEY_PREFIX || memcmp(text.data, skey_prefix, SKEY_PREFIX) != 0) {
        return key_text_refuse(why);
    }
    struct key_text key;
    struct ledger_skey skey;
    text = lucid_span(text.data + SKEY_PREFIX, text.len - SKEY_PREFIX);
    enum lucid_error error = key_text_parse(text, &key, why);
    if (error == LUCID_OK) {
        error = ledger_skey_init(key.name, key.bytes, &skey, why);
    }
    if (error == LUCID_OK) {
        error = key_id_check(&key, &skey.vkey, why);
    }
    if (error == LUCID_OK) {
        *ret_skey = skey;
    }
    lucid_wipe(&key, sizeof(key));
    lucid_wipe(&skey, sizeof(skey));
    return error;
}

size_t ledger_skey_format(const struct ledger_skey *skey, char out[LEDGER_SKEY_BYTES_MAX])
{
    memcpy(out, skey_prefix, SKEY_PREFIX);
    return SKEY_PREFIX + key_text_format(&skey->vkey, skey->key.seed, out + SKEY_PREFIX);
}

void ledger_skey_wipe(struct ledger_skey *skey)
{
    lucid_wipe(skey, sizeof(*skey));
}

static void note_write(const struct ledger_skey *skey, struct lucid_span text,
                       struct lucid_buf *out)
{
    uint8_t typed[TYPED_SIGNATURE_BYTES];
    memcpy(typed, skey->vkey.id, LEDGER_KEY_ID_BYTES);
    ledger_ed25519_sign(&skey->key, text, typed + LEDGER_KEY_ID_BYTES);
    lucid_buf_span_put(out, text);
    lucid_buf_char(out, '\n');
    lucid_buf_put(out, signature_dash, sizeof(signature_dash));
    lucid_buf_span_put(out, ledger_vkey_name(&skey->vkey));
    lucid_buf_char(out, ' ');
    lucid_buf_base64(out, typed, sizeof(typed));
    lucid_buf_char(out, '\n');
}

static enum lucid_error note_refuse(struct lucid_why *why, size_t offset, const char *text)
{
    enum lucid_error error =
        lucid_refuse(why, LUCID_REFUSE_INVALID, "NOTE_MALFORMED", NULL, "%s", text);
    if (why != NULL) {
        why->offset = offset;
    }
    return error;
}

static enum lucid_error note_too_large(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "NOTE_TOO_LARGE", NULL,
                        "a note has at most %d bytes and %d signatures", LEDGER_NOTE_BYTES_MAX,
                        LEDGER_NOTE_SIGNATURES_MAX);
}

enum lucid_error ledger_note_sign(const struct ledger_skey *skey, struct lucid_span text,
                                  struct lucid_buf *out, struct lucid_why *why)
{
    /* The empty line and our signature line: three characters besides dash, name and base64. */
    size_t more =
        (size_t)DASH_BYTES + skey->vkey.name_len + lucid_base64_len(TYPED_SIGNATURE_BYTES) + 3;
    if (text.len > LEDGER_NOTE_BYTES_MAX - more) {
        return note_too_large(why);
    }
    size_t offset = 0;
    if (text.len == 0 || text.data[text.len - 1] != '\n') {
        return note_refuse(why, text.len, "a note's text ends in a line feed");
    }
    if (!note_bytes_ok(text, &offset)) {
        return note_refuse(why, offset, "a note is UTF-8 without control characters");
    }
    note_write(skey, text, out);
    return LUCID_OK;
}

/* A signature line taken apart. */
struct signature_line {
    struct lucid_span name;
    uint8_t id[LEDGER_KEY_ID_BYTES];
    bool ed25519_sized;
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
};

/* Checks the base64 of any length and keeps the key id, and the signature if it has the size of
 * ours. */
static bool signature_read(struct lucid_span text, struct signature_line *ret_line)
{
    uint8_t piece[PIECE_BYTES];
    size_t total = 0;
    for (size_t at = 0; at < text.len; at += PIECE_BASE64) {
        size_t left = text.len - at;
        size_t take = left < PIECE_BASE64 ? left : PIECE_BASE64;
        size_t len = 0;
        if (!lucid_base64_decode(lucid_span(text.data + at, take), piece, sizeof(piece), &len)) {
            return false;
        }
        if (left > take && len != PIECE_BYTES) {
            return false; /* padding before the end */
        }
        if (at == 0) {
            if (len <= LEDGER_KEY_ID_BYTES) {
                return false;
            }
            memcpy(ret_line->id, piece, LEDGER_KEY_ID_BYTES);
            if (len == TYPED_SIGNATURE_BYTES) {
                memcpy(ret_line->signature, piece + LEDGER_KEY_ID_BYTES,
                       LEDGER_ED25519_SIGNATURE_BYTES);
            }
        }
        total += len;
    }
    ret_line->ed25519_sized = total == TYPED_SIGNATURE_BYTES;
    return total > 0;
}

static bool signature_line_read(struct lucid_span line, struct signature_line *ret_line)
{
    if (line.len < DASH_BYTES || memcmp(line.data, signature_dash, DASH_BYTES) != 0) {
        return false;
    }
    line = lucid_span(line.data + DASH_BYTES, line.len - DASH_BYTES);
    return cut(&line, ' ', &ret_line->name) && ledger_name_ok(ret_line->name) &&
           signature_read(line, ret_line);
}

/* Verifies one line against those of the keys that it names; sets their bits. */
static bool signature_check(const struct signature_line *line, struct lucid_span text,
                            const struct ledger_vkey *keys, size_t key_count, uint64_t *signed_by)
{
    for (size_t i = 0; i < key_count; i++) {
        if (memcmp(line->id, keys[i].id, sizeof(line->id)) != 0 ||
            !lucid_span_equal(line->name, ledger_vkey_name(&keys[i]))) {
            continue;
        }
        if (!line->ed25519_sized ||
            !ledger_ed25519_verify(keys[i].public_key, text, line->signature)) {
            return false;
        }
        *signed_by |= (uint64_t)1 << i;
    }
    return true;
}

/* Splits a note at its last empty line. */
static bool note_split(struct lucid_span note, struct ledger_note *ret_note)
{
    /* The last "\n\n": what precedes its second byte is the text. */
    for (size_t at = note.len; at >= 2; at--) {
        if (note.data[at - 1] == '\n' && note.data[at - 2] == '\n') {
            ret_note->text = lucid_span(note.data, at - 1);
            ret_note->signatures = lucid_span(note.data + at, note.len - at);
            return ret_note->signatures.len > 0 && note.data[note.len - 1] == '\n';
        }
    }
    return false;
}

static enum lucid_error signatures_check(struct ledger_note *note, const struct ledger_vkey *keys,
                                         size_t key_count, struct lucid_why *why)
{
    struct lucid_span rest = note->signatures;
    while (rest.len > 0) {
        struct lucid_span text;
        struct signature_line line;
        size_t offset = note->text.len + 1 + (note->signatures.len - rest.len);
        if (!cut(&rest, '\n', &text) || !signature_line_read(text, &line)) {
            return note_refuse(why, offset, "not a signature line");
        }
        if (note->signature_count == LEDGER_NOTE_SIGNATURES_MAX) {
            return note_too_large(why);
        }
        note->signature_count++;
        if (!signature_check(&line, note->text, keys, key_count, &note->signed_by)) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "SIGNATURE_INVALID", NULL,
                                "the note's signature by a known key does not verify");
        }
    }
    return LUCID_OK;
}

enum lucid_error ledger_note_open(struct lucid_span note, const struct ledger_vkey *keys,
                                  size_t key_count, struct ledger_note *ret_note,
                                  struct lucid_why *why)
{
    lucid_assert(key_count <= LEDGER_NOTE_KEYS_MAX);
    if (note.len > LEDGER_NOTE_BYTES_MAX) {
        return note_too_large(why);
    }
    size_t offset = 0;
    struct ledger_note opened = {.signed_by = 0};
    if (!note_bytes_ok(note, &offset)) {
        return note_refuse(why, offset, "a note is UTF-8 without control characters");
    }
    if (!note_split(note, &opened)) {
        return note_refuse(why, note.len, "no signature lines after an empty line");
    }
    enum lucid_error error = signatures_check(&opened, keys, key_count, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (opened.signed_by == 0) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "NOTE_UNVERIFIED", NULL,
                            "the note is not signed by a known key");
    }
    *ret_note = opened;
    return LUCID_OK;
}

/* ASCII decimal without sign or leading zero. */
static bool decimal_read(struct lucid_span text, uint64_t *ret_value)
{
    if (text.len == 0 || text.len > DECIMAL_U64_MAX || (text.len > 1 && text.data[0] == '0')) {
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
        if (!cut(&rest, '\n', &line) || line.len == 0) {
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
    if (!cut(&text, '\n', &checkpoint.origin) || !ledger_name_ok(checkpoint.origin)) {
        return checkpoint_refuse(why, "the checkpoint's origin may not be used");
    }
    if (!cut(&text, '\n', &size) || !decimal_read(size, &checkpoint.size)) {
        return checkpoint_refuse(why, "the checkpoint's tree size is not a decimal number");
    }
    if (!cut(&text, '\n', &root) || root.len != ROOT_BASE64 ||
        !lucid_base64_decode(root, checkpoint.root.bytes, MMR_HASH_BYTES, &len) ||
        len != MMR_HASH_BYTES) {
        return checkpoint_refuse(why, "the checkpoint's root is not base64 of 32 bytes");
    }
    if (checkpoint.size == 0 && !is_empty_root(&checkpoint.root)) {
        return checkpoint_refuse(why, "the checkpoint of an empty tree has another root");
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
    char text[LEDGER_NAME_BYTES_MAX + DECIMAL_U64_MAX + ROOT_BASE64 + 3];
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
