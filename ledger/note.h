/* C2SP signed notes (signed-note v1.0.0) with Ed25519 keys (type 0x01), and C2SP checkpoints
 * (tlog-checkpoint v1.0.0): the log's heads. Keys of cosigners (type 0x04) are made and read by
 * ledger/cosignature.h; their lines in a note are verified here.
 *
 *   note        text, an empty line, signature lines
 *   text        UTF-8 without control characters below 0x20 but LF, ends in LF
 *   signature   "— NAME BASE64(key id ‖ signature)" LF
 *   key id      first 4 bytes of SHA-256(NAME ‖ LF ‖ type ‖ public key)
 *   vkey        NAME+HEX8(key id)+BASE64(type ‖ public key)
 *   skey        PRIVATE+KEY+NAME+HEX8(key id)+BASE64(type ‖ seed), golang.org/x/mod's form
 *   checkpoint  a note whose text is: origin, size in decimal, base64 of the root, extension lines
 *
 * Everything read here is refused rather than repaired: lower-case hex, padded base64 with zero
 * trailing bits, exact lengths, nothing around. Thread: pure functions. */
#ifndef LUCID_LEDGER_NOTE_H
#define LUCID_LEDGER_NOTE_H

#include "base/buf.h"
#include "ledger/ed25519.h"
#include "mmr/mmr.h"

#define LEDGER_NOTE_BYTES_MAX      65536
#define LEDGER_NOTE_SIGNATURES_MAX 64
#define LEDGER_NOTE_KEYS_MAX       64
#define LEDGER_NAME_BYTES_MAX      255
#define LEDGER_KEY_ID_BYTES        4
/* NAME + "+" + 8 + "+" + base64 of 33 bytes. No NUL. */
#define LEDGER_VKEY_BYTES_MAX (LEDGER_NAME_BYTES_MAX + 1 + 8 + 1 + 44)
#define LEDGER_SKEY_BYTES_MAX (12 + LEDGER_VKEY_BYTES_MAX)

/* How a note key signs: over the text; or as a cosigner, over time and text. */
enum ledger_key_type { LEDGER_KEY_ED25519 = 0x01, LEDGER_KEY_COSIGNER = 0x04 };

/* The public half of a note key. */
struct ledger_vkey {
    uint8_t name[LEDGER_NAME_BYTES_MAX];
    uint8_t name_len;
    uint8_t type; /* enum ledger_key_type */
    uint8_t id[LEDGER_KEY_ID_BYTES];
    uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
};

/* Both halves. The owner wipes it. */
struct ledger_skey {
    struct ledger_vkey vkey;
    struct ledger_ed25519_key key;
};

static inline struct lucid_span ledger_vkey_name(const struct ledger_vkey *vkey)
{
    return lucid_span(vkey->name, vkey->name_len);
}

/* Whether a key name or origin may be used: 1 … LEDGER_NAME_BYTES_MAX bytes of UTF-8 without
 * Unicode white space, control characters below 0x20 or '+'. */
bool ledger_name_ok(struct lucid_span name) LUCID_WARN_UNUSED;

/* Reads the text form, without anything around it (no line end).
 * Errors: LUCID_REFUSE_INVALID, also when the key id is not the key's; LUCID_REFUSE_UNKNOWN_KEY for
 * a well-formed key of a type other than 0x01. */
enum lucid_error ledger_vkey_parse(struct lucid_span text, struct ledger_vkey *ret_vkey,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes the text form (no NUL) and returns its length. */
size_t ledger_vkey_format(const struct ledger_vkey *vkey, char out[LEDGER_VKEY_BYTES_MAX]);

/* Names the key pair of a seed. Errors: LUCID_REFUSE_INVALID for a name that may not be used. */
enum lucid_error ledger_skey_init(struct lucid_span name,
                                  const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                  struct ledger_skey *ret_skey,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* As ledger_vkey_parse. why never carries any of the text. */
enum lucid_error ledger_skey_parse(struct lucid_span text, struct ledger_skey *ret_skey,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes the text form (no NUL) and returns its length. The caller wipes out. */
size_t ledger_skey_format(const struct ledger_skey *skey, char out[LEDGER_SKEY_BYTES_MAX]);

/* Overwrites both halves. */
void ledger_skey_wipe(struct ledger_skey *skey);

/* Appends to out the note of text signed by a key of type 0x01. Failure to grow is out's sticky
 * error.
 * Errors: LUCID_REFUSE_INVALID when text may not stand in a note; LUCID_REFUSE_TOO_LARGE when the
 * note would pass LEDGER_NOTE_BYTES_MAX. */
enum lucid_error ledger_note_sign(const struct ledger_skey *skey, struct lucid_span text,
                                  struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

/* An opened note. The spans point into the bytes given to ledger_note_open. */
struct ledger_note {
    struct lucid_span text;       /* what was signed, with its last LF */
    struct lucid_span signatures; /* the signature lines */
    size_t signature_count;
    uint64_t signed_by; /* bit i: keys[i] has signed */
};

/* Reads a note and verifies the signatures by the given keys (at most LEDGER_NOTE_KEYS_MAX). Lines
 * by other keys are ignored but must be well formed; a line by a given key that does not verify
 * makes the whole note bad, also when it repeats that key.
 * Errors: LUCID_REFUSE_TOO_LARGE over LEDGER_NOTE_BYTES_MAX or LEDGER_NOTE_SIGNATURES_MAX;
 * LUCID_REFUSE_INVALID (code NOTE_MALFORMED or SIGNATURE_INVALID); LUCID_REFUSE_UNKNOWN_KEY when
 * none of the keys has signed; LUCID_RETRY_MEMORY only with keys of cosigners. */
enum lucid_error ledger_note_open(struct lucid_span note, const struct ledger_vkey *keys,
                                  size_t key_count, struct ledger_note *ret_note,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* Takes the next line off *rest, without its LF. False at the end, and when what is left has no
 * LF. */
bool ledger_note_line_next(struct lucid_span *rest, struct lucid_span *ret_line) LUCID_WARN_UNUSED;

/* Whether a signature line, without its LF, names that key. Its signature is not looked at. */
bool ledger_note_line_names(struct lucid_span line,
                            const struct ledger_vkey *vkey) LUCID_WARN_UNUSED;

/* The text of a note (what its signatures sign) without looking at the signatures: up to and with
 * the LF before the last empty line. False when there is none. */
bool ledger_note_text(struct lucid_span note, struct lucid_span *ret_text) LUCID_WARN_UNUSED;

/* The text of a checkpoint. The spans point into the bytes it was read from. */
struct ledger_checkpoint {
    struct lucid_span origin;
    uint64_t size; /* leaves */
    struct mmr_hash root;
    struct lucid_span extensions; /* whole lines; empty in ours */
};

/* Reads a checkpoint's text. Extension lines are kept but mean nothing here; ours have none, other
 * logs' may. An empty line among them is refused, as is a size 0 with a root other than H("").
 * The origin must satisfy ledger_name_ok, since it is a key name as well.
 * Errors: LUCID_REFUSE_INVALID, code CHECKPOINT_MALFORMED; param "root" is that last case. */
enum lucid_error ledger_checkpoint_parse(struct lucid_span text,
                                         struct ledger_checkpoint *ret_checkpoint,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

/* Appends to out the signed checkpoint of a tree, with the key's name as origin and no extension
 * lines. Failure to grow is out's sticky error. Asserts that size 0 goes with root H(""). */
void ledger_checkpoint_sign(const struct ledger_skey *skey, uint64_t size,
                            const struct mmr_hash *root, struct lucid_buf *out);

/* Opens a note signed by vkey and reads it as a checkpoint of that key's own log (origin = key
 * name). ret_checkpoint points into note. Errors: those of the two functions;
 * LUCID_REFUSE_INVALID, code CHECKPOINT_ORIGIN, for another log's. */
enum lucid_error ledger_checkpoint_open(struct lucid_span note, const struct ledger_vkey *vkey,
                                        struct ledger_checkpoint *ret_checkpoint,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
