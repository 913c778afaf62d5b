/* `lucid verify --policy`: whether a proof's checkpoint satisfies a tlog-policy. */
#ifndef LUCID_TOOLS_LUCID_VERIFY_POLICY_H
#define LUCID_TOOLS_LUCID_VERIFY_POLICY_H

#include "ledger/proof.h"
#include "tools/lucid/cli.h"

/* Reads the policy file and adds the step "cosignatures" to a report: passed when the checkpoint of
 * the proof is signed by the log's key (vkey: its text, "" = one of the policy's logs) and cosigned
 * by the policy's quorum, each line of a known key verified; skipped when the form carries none, or
 * no key is known. CLI_USAGE for a file that cannot be read or is no policy. */
enum cli_exit verify_policy_judge(struct cli *cli, const char *path, const char *vkey,
                                  enum ledger_form form, struct lucid_span proof,
                                  struct ledger_report *report);

#endif
