/* Whether the record of a bundle is in a log. */
#ifndef LUCID_TOOLS_VERIFIER_LOGGED_H
#define LUCID_TOOLS_VERIFIER_LOGGED_H

#include "plugins/verifier/bundle.h"
#include "tools/lucid/vkey.h"

/* Judges the proof that a bundle brought, with the verifier of ledger/proof.h: that its entry is
 * the record's, made with the key that signed the token; that the path leads from it to the
 * checkpoint's root; that the log has signed the checkpoint. vkey: the log's, or "". Without it the
 * last two cannot be judged: a root that nobody signed is worth nothing. Adds
 * "logged":{"entry","inclusion","checkpoint"}, each "ok", "failed" or "not checked", to report and
 * says on standard error why one is not ok.
 * CLI_OK: all are ok; CLI_REFUSED: one failed (or memory, after a message); else CLI_UNDECIDED. */
enum cli_exit verifier_logged_judge(struct cli *cli, const struct replay *replay, const char *vkey,
                                    json_t *report) LUCID_WARN_UNUSED;

#endif
