/* C2SP tlog-policy files: which logs and witnesses are trusted, and which cosignatures make a
 * checkpoint good.
 *
 *   log VKEY [URL]                     a log; the key's name is its origin (type 0x01)
 *   witness NAME VKEY [URL]            a cosigner (type 0x04); URL: its submission prefix
 *   group NAME all|any|K MEMBER...     K of the members; they were named on lines before
 *   quorum NAME|none                   exactly one line
 *
 * Lines end in LF; words are separated by spaces and tabs; empty lines and lines whose first word
 * starts with '#' mean nothing. Names of witnesses and groups are bytes in one space of names, each
 * defined once, before it is used, and a member of one group at most: so there are no cycles, and
 * each witness counts once. No public key stands twice. Everything else is refused, with the line's
 * number in why->text.
 *
 * Thread: pure functions; a policy that was read is const. */
#ifndef LUCID_LEDGER_POLICY_H
#define LUCID_LEDGER_POLICY_H

#include "ledger/cosignature.h"

#define LEDGER_POLICY_BYTES_MAX      65536
#define LEDGER_POLICY_LOGS_MAX       32
#define LEDGER_POLICY_WITNESSES_MAX  32
#define LEDGER_POLICY_GROUPS_MAX     32
#define LEDGER_POLICY_URL_BYTES_MAX  511
#define LEDGER_POLICY_NAME_BYTES_MAX 255

/* A name as the file has it: bytes, not text. */
struct ledger_policy_name {
    uint8_t len;
    uint8_t bytes[LEDGER_POLICY_NAME_BYTES_MAX];
};

struct ledger_policy_log {
    struct ledger_vkey vkey;
    char url[LEDGER_POLICY_URL_BYTES_MAX + 1]; /* "" = none */
};

struct ledger_policy_witness {
    struct ledger_policy_name name;
    struct ledger_vkey vkey;
    char url[LEDGER_POLICY_URL_BYTES_MAX + 1]; /* "" = none */
};

struct ledger_policy_group {
    struct ledger_policy_name name;
    uint32_t threshold;
    uint64_t members; /* bit i: witness i; bit LEDGER_POLICY_WITNESSES_MAX + i: group i */
};

/* Some 70 KB: not for the stack. */
struct ledger_policy {
    uint32_t log_count;
    uint32_t witness_count;
    uint32_t group_count;
    uint64_t quorum; /* one bit, numbered as members are; 0 = none: any checkpoint is good */
    struct ledger_policy_log logs[LEDGER_POLICY_LOGS_MAX];
    struct ledger_policy_witness witnesses[LEDGER_POLICY_WITNESSES_MAX];
    struct ledger_policy_group groups[LEDGER_POLICY_GROUPS_MAX];
};

/* Reads a policy file. Errors: LUCID_REFUSE_INVALID (code POLICY_MALFORMED, the line's number in
 * the text), LUCID_REFUSE_UNKNOWN_KEY (a key of a type not known here),
 * LUCID_REFUSE_TOO_LARGE (over one of the bounds above), LUCID_RETRY_MEMORY. */
enum lucid_error ledger_policy_parse(struct lucid_span text, struct ledger_policy *ret_policy,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether cosignatures by those witnesses (bit i: witness i) make the quorum. */
bool ledger_policy_satisfied(const struct ledger_policy *policy,
                             uint32_t cosigned) LUCID_WARN_UNUSED;

/* Whether the policy takes this log's checkpoints: it lists the key, or no log at all. */
bool ledger_policy_takes_log(const struct ledger_policy *policy,
                             const struct ledger_vkey *log) LUCID_WARN_UNUSED;

/* Verifies one signature line (without LF) over a note's text under the witnesses' keys.
 * Errors: those of ledger_cosignature_verify; LUCID_REFUSE_UNKNOWN_KEY when the line is by none of
 * them. */
enum lucid_error ledger_policy_line_verify(const struct ledger_policy *policy,
                                           struct lucid_span line, struct lucid_span text,
                                           size_t *ret_witness, uint64_t *ret_time_s,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

struct ledger_policy_verdict {
    struct ledger_checkpoint checkpoint; /* points into the note */
    uint32_t cosigned;                   /* bit i: witness i has cosigned */
    bool satisfied;                      /* they make the quorum */
};

/* Judges a cosigned checkpoint as a whole: signed by the log (one of the policy's; where it lists
 * none, by `log`, which must be given then), its origin that key's name, and every line by a known
 * key good. log not NULL: by this log and no other. A checkpoint that is good but for the quorum is
 * LUCID_OK with satisfied false. Errors: those of ledger_note_open and ledger_checkpoint_parse;
 * LUCID_REFUSE_INVALID, code CHECKPOINT_ORIGIN; LUCID_REFUSE_UNKNOWN_KEY when `log` is not one of
 * the policy's, or no log is known. */
enum lucid_error ledger_policy_check(const struct ledger_policy *policy,
                                     const struct ledger_vkey *log, struct lucid_span note,
                                     struct ledger_policy_verdict *ret_verdict,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
