/* Key names, and keys in their text forms. */
#include "base/assert.h"
#include "ledger/note_internal.h"

enum {
    TYPED_KEY_BYTES = 1 + LEDGER_ED25519_PUBLIC_BYTES,
    TYPED_KEY_BASE64 = 44,
    ID_HEX = 2 * LEDGER_KEY_ID_BYTES,
    KEY_BASE64_MAX = 1024,
};

_Static_assert((TYPED_KEY_BYTES + 2) / 3 * 4 == TYPED_KEY_BASE64, "base64 of a typed key");
_Static_assert(LEDGER_ED25519_SEED_BYTES == LEDGER_ED25519_PUBLIC_BYTES, "skey and vkey agree");

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

bool note_bytes_ok(struct lucid_span text, size_t *ret_offset)
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

bool note_cut(struct lucid_span *text, uint8_t byte, struct lucid_span *ret_head)
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

enum lucid_error note_vkey_init(enum ledger_key_type type, struct lucid_span name,
                                const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                struct ledger_vkey *ret_vkey, struct lucid_why *why)
{
    if (!ledger_name_ok(name)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NAME_INVALID", NULL,
                            "a key name is 1 to %d bytes of UTF-8 without white space or '+'",
                            LEDGER_NAME_BYTES_MAX);
    }
    struct ledger_vkey vkey = {.name_len = (uint8_t)name.len, .type = (uint8_t)type};
    memcpy(vkey.name, name.data, name.len);
    memcpy(vkey.public_key, public_key, sizeof(vkey.public_key));
    const uint8_t separator[] = {'\n', vkey.type};
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

/* NAME+HEX8+BASE64 taken apart. bytes is the key without its type. */
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

static enum lucid_error key_text_parse(enum ledger_key_type type, struct lucid_span text,
                                       struct key_text *ret_key, struct lucid_why *why)
{
    struct lucid_span id;
    if (!note_cut(&text, '+', &ret_key->name) || !note_cut(&text, '+', &id) ||
        !ledger_name_ok(ret_key->name) || !lucid_hex_decode(id, ret_key->id, sizeof(ret_key->id)) ||
        text.len == 0 || text.len > KEY_BASE64_MAX) {
        return key_text_refuse(why);
    }
    /* Keys of other types may be longer: they are decoded only to tell unknown from malformed. */
    uint8_t typed[KEY_BASE64_MAX / 4 * 3];
    size_t len = 0;
    enum lucid_error error = LUCID_OK;
    if (!lucid_base64_decode(text, typed, sizeof(typed), &len) || len < 2) {
        error = key_text_refuse(why);
    } else if (typed[0] != (uint8_t)type) {
        error = lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "KEY_TYPE_UNKNOWN", NULL,
                             "a note key of type 0x%02x; here it must be 0x%02x (%s)", typed[0],
                             (unsigned)type,
                             type == LEDGER_KEY_ED25519 ? "Ed25519" : "timestamped cosignature");
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

enum lucid_error note_vkey_parse(enum ledger_key_type type, struct lucid_span text,
                                 struct ledger_vkey *ret_vkey, struct lucid_why *why)
{
    struct key_text key;
    struct ledger_vkey vkey;
    enum lucid_error error = key_text_parse(type, text, &key, why);
    if (error == LUCID_OK) {
        error = note_vkey_init(type, key.name, key.bytes, &vkey, why);
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
    uint8_t typed[TYPED_KEY_BYTES] = {vkey->type};
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

enum lucid_error note_skey_init(enum ledger_key_type type, struct lucid_span name,
                                const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                struct ledger_skey *ret_skey, struct lucid_why *why)
{
    struct ledger_skey skey;
    ledger_ed25519_key_init(seed, &skey.key);
    enum lucid_error error = note_vkey_init(type, name, skey.key.public_key, &skey.vkey, why);
    if (error == LUCID_OK) {
        *ret_skey = skey;
    }
    lucid_wipe(&skey, sizeof(skey));
    return error;
}

enum lucid_error note_skey_parse(enum ledger_key_type type, struct lucid_span text,
                                 struct ledger_skey *ret_skey, struct lucid_why *why)
{
    if (text.len < SKEY_PREFIX || memcmp(text.data, skey_prefix, SKEY_PREFIX) != 0) {
        return key_text_refuse(why);
    }
    struct key_text key;
    struct ledger_skey skey;
    text = lucid_span(text.data + SKEY_PREFIX, text.len - SKEY_PREFIX);
    enum lucid_error error = key_text_parse(type, text, &key, why);
    if (error == LUCID_OK) {
        error = note_skey_init(type, key.name, key.bytes, &skey, why);
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

/* --- the log's keys --------------------------------------------------------------------------- */

enum lucid_error ledger_vkey_parse(struct lucid_span text, struct ledger_vkey *ret_vkey,
                                   struct lucid_why *why)
{
    return note_vkey_parse(LEDGER_KEY_ED25519, text, ret_vkey, why);
}

enum lucid_error ledger_skey_init(struct lucid_span name,
                                  const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                  struct ledger_skey *ret_skey, struct lucid_why *why)
{
    return note_skey_init(LEDGER_KEY_ED25519, name, seed, ret_skey, why);
}

enum lucid_error ledger_skey_parse(struct lucid_span text, struct ledger_skey *ret_skey,
                                   struct lucid_why *why)
{
    return note_skey_parse(LEDGER_KEY_ED25519, text, ret_skey, why);
}
