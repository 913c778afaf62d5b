#include "base/assert.h"
#include "ledger/note_internal.h"

enum {
    /* A whole number of base64 groups; longer signatures are read piece by piece. */
    PIECE_BASE64 = 1024,
    PIECE_BYTES = PIECE_BASE64 / 4 * 3,
};

/* U+2014 and a space. */
static const uint8_t signature_dash[NOTE_DASH_BYTES] = {0xe2, 0x80, 0x94, ' '};

void note_line_write(const struct ledger_vkey *vkey, const uint8_t *signature, size_t len,
                     struct lucid_buf *out)
{
    uint8_t typed[LEDGER_KEY_ID_BYTES + NOTE_SIGNATURE_BYTES_MAX];
    lucid_assert(len <= NOTE_SIGNATURE_BYTES_MAX);
    memcpy(typed, vkey->id, LEDGER_KEY_ID_BYTES);
    memcpy(typed + LEDGER_KEY_ID_BYTES, signature, len);
    lucid_buf_put(out, signature_dash, sizeof(signature_dash));
    lucid_buf_span_put(out, ledger_vkey_name(vkey));
    lucid_buf_char(out, ' ');
    lucid_buf_base64(out, typed, LEDGER_KEY_ID_BYTES + len);
    lucid_buf_char(out, '\n');
}

void note_write(const struct ledger_skey *skey, struct lucid_span text, struct lucid_buf *out)
{
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    lucid_assert(skey->vkey.type == LEDGER_KEY_ED25519);
    ledger_ed25519_sign(&skey->key, text, signature);
    lucid_buf_span_put(out, text);
    lucid_buf_char(out, '\n');
    note_line_write(&skey->vkey, signature, sizeof(signature), out);
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
    size_t more = (size_t)NOTE_DASH_BYTES + skey->vkey.name_len +
                  lucid_base64_len(LEDGER_KEY_ID_BYTES + LEDGER_ED25519_SIGNATURE_BYTES) + 3;
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

/* Checks the base64 of any length; keeps the key id, and the signature if it is not longer than
 * those that we can verify. */
static bool signature_read(struct lucid_span text, struct note_line *ret_line)
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
            if (len - LEDGER_KEY_ID_BYTES <= NOTE_SIGNATURE_BYTES_MAX) {
                memcpy(ret_line->signature, piece + LEDGER_KEY_ID_BYTES, len - LEDGER_KEY_ID_BYTES);
            }
        }
        total += len;
    }
    if (total <= LEDGER_KEY_ID_BYTES) {
        return false;
    }
    ret_line->signature_len = total - LEDGER_KEY_ID_BYTES;
    return true;
}

bool note_line_read(struct lucid_span line, struct note_line *ret_line)
{
    if (line.len < NOTE_DASH_BYTES || memcmp(line.data, signature_dash, NOTE_DASH_BYTES) != 0) {
        return false;
    }
    line = lucid_span(line.data + NOTE_DASH_BYTES, line.len - NOTE_DASH_BYTES);
    return note_cut(&line, ' ', &ret_line->name) && ledger_name_ok(ret_line->name) &&
           signature_read(line, ret_line);
}

bool note_line_is_by(const struct note_line *line, const struct ledger_vkey *vkey)
{
    return memcmp(line->id, vkey->id, sizeof(line->id)) == 0 &&
           lucid_span_equal(line->name, ledger_vkey_name(vkey));
}

enum lucid_error note_line_verify(const struct note_line *line, const struct ledger_vkey *vkey,
                                  struct lucid_span text)
{
    uint64_t time_s;
    if (vkey->type == LEDGER_KEY_COSIGNER) {
        return note_cosignature_verify(line, vkey, text, &time_s);
    }
    lucid_assert(vkey->type == LEDGER_KEY_ED25519);
    return line->signature_len == LEDGER_ED25519_SIGNATURE_BYTES &&
                   ledger_ed25519_verify(vkey->public_key, text, line->signature)
               ? LUCID_OK
               : LUCID_REFUSE_INVALID;
}

/* Verifies one line against those of the keys that it names; sets their bits. */
static enum lucid_error signature_check(const struct note_line *line, struct lucid_span text,
                                        const struct ledger_vkey *keys, size_t key_count,
                                        uint64_t *signed_by)
{
    for (size_t i = 0; i < key_count; i++) {
        if (!note_line_is_by(line, &keys[i])) {
            continue;
        }
        enum lucid_error error = note_line_verify(line, &keys[i], text);
        if (error != LUCID_OK) {
            return error;
        }
        *signed_by |= (uint64_t)1 << i;
    }
    return LUCID_OK;
}

bool ledger_note_line_next(struct lucid_span *rest, struct lucid_span *ret_line)
{
    return note_cut(rest, '\n', ret_line);
}

bool ledger_note_line_names(struct lucid_span line, const struct ledger_vkey *vkey)
{
    struct note_line parts;
    return note_line_read(line, &parts) && note_line_is_by(&parts, vkey);
}

bool ledger_note_text(struct lucid_span note, struct lucid_span *ret_text)
{
    /* The last "\n\n": what precedes its second byte is the text. */
    for (size_t at = note.len; at >= 2; at--) {
        if (note.data[at - 1] == '\n' && note.data[at - 2] == '\n') {
            *ret_text = lucid_span(note.data, at - 1);
            return true;
        }
    }
    return false;
}

/* Splits a note at its last empty line. */
static bool note_split(struct lucid_span note, struct ledger_note *ret_note)
{
    if (!ledger_note_text(note, &ret_note->text)) {
        return false;
    }
    size_t at = ret_note->text.len + 1;
    ret_note->signatures = lucid_span(note.data + at, note.len - at);
    return ret_note->signatures.len > 0 && note.data[note.len - 1] == '\n';
}

static enum lucid_error signatures_check(struct ledger_note *note, const struct ledger_vkey *keys,
                                         size_t key_count, struct lucid_why *why)
{
    struct lucid_span rest = note->signatures;
    while (rest.len > 0) {
        struct lucid_span text;
        struct note_line line;
        size_t offset = note->text.len + 1 + (note->signatures.len - rest.len);
        if (!note_cut(&rest, '\n', &text) || !note_line_read(text, &line)) {
            return note_refuse(why, offset, "not a signature line");
        }
        if (note->signature_count == LEDGER_NOTE_SIGNATURES_MAX) {
            return note_too_large(why);
        }
        note->signature_count++;
        enum lucid_error error =
            signature_check(&line, note->text, keys, key_count, &note->signed_by);
        if (error == LUCID_REFUSE_INVALID) {
            return lucid_refuse(why, error, "SIGNATURE_INVALID", NULL,
                                "the note's signature by a known key does not verify");
        }
        if (error != LUCID_OK) {
            return error;
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
