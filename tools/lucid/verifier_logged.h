/* Whether a record that a plugin wrote (of an appraisal, of a passport) is in a log. */
#ifndef LUCID_TOOLS_VERIFIER_LOGGED_H
#define LUCID_TOOLS_VERIFIER_LOGGED_H

#include "ledger/report.h"
#include "plugins/verifier/bundle.h"
#include "tools/lucid/vkey.h"

#define VERIFIER_ENTRY_BYTES 128

/* What should be there. */
struct verifier_logged {
    struct lucid_span record; /* canonical JSON */
    struct lucid_span proof;  /* JSON, as GET …/proof gives it; len 0: none */
    bool has_key;
    uint8_t key[DOCUMENT_KEY_BYTES]; /* that made the entry */
    bool has_entry;                  /* else the proof's counts */
    uint8_t entry[VERIFIER_ENTRY_BYTES];
};

enum verifier_logged_part {
    VERIFIER_LOGGED_ENTRY,      /* the entry is the record's, by that key */
    VERIFIER_LOGGED_INCLUSION,  /* the path leads from it to the checkpoint's root */
    VERIFIER_LOGGED_CHECKPOINT, /* the log has signed the checkpoint */
    VERIFIER_LOGGED_PARTS
};
const char *verifier_logged_name(enum verifier_logged_part part); /* "entry" … */

struct verifier_logged_report {
    enum ledger_verdict verdict;
    const char *missing; /* nothing was judged: what is not there; NULL: it was. Static storage */
    enum ledger_outcome outcomes[VERIFIER_LOGGED_PARTS];
    char texts[VERIFIER_LOGGED_PARTS][160]; /* why it is not LEDGER_PASSED; quotes the input */
};

/* Judges with the verifier of ledger/proof.h. vkey: the log's, or "": without it the last two parts
 * cannot be judged: a root that nobody signed is worth nothing. LUCID_RETRY_MEMORY. */
enum lucid_error verifier_logged_run(const struct verifier_logged *claimed, const char *vkey,
                                     struct verifier_logged_report *ret) LUCID_WARN_UNUSED;

/* The same as a member of a report: adds "logged":{"entry","inclusion","checkpoint"}, each "ok",
 * "failed" or "not checked", and says on standard error why one is not ok.
 * CLI_OK: all are ok; CLI_REFUSED: one failed (or memory, after a message); else CLI_UNDECIDED. */
enum cli_exit verifier_logged_judge(struct cli *cli, const struct verifier_logged *claimed,
                                    const char *vkey, json_t *report) LUCID_WARN_UNUSED;

#endif
