/* What the files about notes share: note.c, note_key.c, checkpoint.c, cosignature.c. */
#ifndef LUCID_LEDGER_NOTE_INTERNAL_H
#define LUCID_LEDGER_NOTE_INTERNAL_H

#include "ledger/note.h"

enum {
    NOTE_DASH_BYTES = 4,
    NOTE_DECIMAL_MAX = 20, /* digits of a u64 */
    /* The largest signature that we can verify: time and Ed25519 signature. */
    NOTE_SIGNATURE_BYTES_MAX = 8 + LEDGER_ED25519_SIGNATURE_BYTES,
};

/* A signature line taken apart. */
struct note_line {
    struct lucid_span name;
    uint8_t id[LEDGER_KEY_ID_BYTES];
    size_t signature_len; /* without the key id; signature holds it if it is not longer than that */
    uint8_t signature[NOTE_SIGNATURE_BYTES_MAX];
};

/* Cuts text at the first `byte`: what precedes it in ret_head, what follows in *text. */
bool note_cut(struct lucid_span *text, uint8_t byte, struct lucid_span *ret_head) LUCID_WARN_UNUSED;

/* Whether every byte may stand in a note; else where the first one is that may not. */
bool note_bytes_ok(struct lucid_span text, size_t *ret_offset) LUCID_WARN_UNUSED;

/* ASCII decimal of a u64 without sign or leading zero. */
bool note_decimal_read(struct lucid_span text, uint64_t *ret_value) LUCID_WARN_UNUSED;

/* Reads one signature line, without its LF. */
bool note_line_read(struct lucid_span line, struct note_line *ret_line) LUCID_WARN_UNUSED;

/* Appends a line with LF: dash, the key's name, base64 of its id and the signature. */
void note_line_write(const struct ledger_vkey *vkey, const uint8_t *signature, size_t len,
                     struct lucid_buf *out);

/* Whether the line names this key. */
bool note_line_is_by(const struct note_line *line,
                     const struct ledger_vkey *vkey) LUCID_WARN_UNUSED;

/* Verifies a line that names this key, by the key's type, over a note's text. LUCID_REFUSE_INVALID
 * when it is not the key's signature. */
enum lucid_error note_line_verify(const struct note_line *line, const struct ledger_vkey *vkey,
                                  struct lucid_span text) LUCID_WARN_UNUSED;

/* Names a public key of that type. */
enum lucid_error note_vkey_init(enum ledger_key_type type, struct lucid_span name,
                                const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                struct ledger_vkey *ret_vkey,
                                struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error note_vkey_parse(enum ledger_key_type type, struct lucid_span text,
                                 struct ledger_vkey *ret_vkey,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error note_skey_init(enum ledger_key_type type, struct lucid_span name,
                                const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                struct ledger_skey *ret_skey,
                                struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error note_skey_parse(enum ledger_key_type type, struct lucid_span text,
                                 struct ledger_skey *ret_skey,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* As note_line_verify, for keys of cosigners; and says the time that was signed. */
enum lucid_error note_cosignature_verify(const struct note_line *line,
                                         const struct ledger_vkey *vkey, struct lucid_span text,
                                         uint64_t *ret_time_s) LUCID_WARN_UNUSED;

/* Appends the note of a text that may stand in one. Failure to grow is out's sticky error. */
void note_write(const struct ledger_skey *skey, struct lucid_span text, struct lucid_buf *out);

#endif
