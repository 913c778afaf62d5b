#include "tools/lucid/verify_policy.h"

#include <stdlib.h>

#include "base/jcs/jcs.h"
#include "ledger/policy.h"
#include "ledger/proof_tlog.h"
#include "lucidd/datadir.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)

/* The checkpoint in a proof of that form; data NULL: it carries none that could be cosigned. */
static struct lucid_span checkpoint_find(enum ledger_form form, struct lucid_span proof,
                                         struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 4096};
    struct ledger_tlog_proof tlog;
    const struct jcs_value *root = NULL;
    if (form == LEDGER_FORM_TLOG && ledger_tlog_read(proof, &tlog, NULL) == LUCID_OK) {
        return tlog.checkpoint;
    }
    if (form == LEDGER_FORM_JSON && jcs_parse(proof, &limits, arena, &root, NULL) == LUCID_OK) {
        const struct jcs_value *text = jcs_member(root, "checkpoint");
        if (text != NULL && jcs_type(text) == JCS_STRING) {
            return jcs_string(text);
        }
    }
    return lucid_span(NULL, 0);
}

static void step_judge(struct ledger_report *report, size_t step,
                       const struct ledger_policy *policy, const char *vkey_text,
                       struct lucid_span note)
{
    struct ledger_vkey vkey;
    struct ledger_policy_verdict verdict;
    struct lucid_why why = {.code = NULL};
    bool given = vkey_text[0] != '\0';
    enum lucid_error error = LUCID_OK;
    if (note.data == NULL) {
        ledger_report_set(report, step, LEDGER_SKIPPED,
                          "this form of proof carries no cosigned checkpoint; a tlog-proof does");
        return;
    }
    if (given) {
        error = ledger_vkey_parse(lucid_span_str(vkey_text), &vkey, &why);
    }
    if (error == LUCID_OK) {
        error = ledger_policy_check(policy, given ? &vkey : NULL, note, &verdict, &why);
    }
    if (error != LUCID_OK) {
        bool open = error == LUCID_REFUSE_UNKNOWN_KEY || error == LUCID_RETRY_MEMORY;
        ledger_report_set(report, step, open ? LEDGER_SKIPPED : LEDGER_FAILED, "%.150s",
                          why.text[0] != '\0' ? why.text : lucid_error_name(error));
        return;
    }
    ledger_report_set(report, step, verdict.satisfied ? LEDGER_PASSED : LEDGER_FAILED,
                      "%d of the policy's %u witnesses have cosigned, which %s its quorum",
                      __builtin_popcount(verdict.cosigned), (unsigned)policy->witness_count,
                      verdict.satisfied ? "makes" : "does not make");
}

static enum cli_exit policy_load(struct cli *cli, const char *path, struct ledger_policy *policy)
{
    struct lucid_why why = {.code = NULL};
    size_t len = 0;
    char *text = malloc(LEDGER_POLICY_BYTES_MAX + 1);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (text != NULL) {
        error = datadir_file_read(path, false, text, LEDGER_POLICY_BYTES_MAX, &len, &why);
    }
    if (error == LUCID_OK) {
        error = ledger_policy_parse(lucid_span(text, len), policy, &why);
    }
    free(text);
    return error == LUCID_OK ? CLI_OK
                             : cli_fail(cli, CLI_USAGE, why.code, "policy", "the policy: %s",
                                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
}

enum cli_exit verify_policy_judge(struct cli *cli, const char *path, const char *vkey,
                                  enum ledger_form form, struct lucid_span proof,
                                  struct ledger_report *report)
{
    struct lucid_arena arena;
    struct ledger_policy *policy = malloc(sizeof(*policy));
    if (policy == NULL) {
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = policy_load(cli, path, policy);
    if (code == CLI_OK) {
        lucid_arena_init(&arena, ARENA_BYTES_MAX);
        size_t step = ledger_report_add(report, "cosignatures");
        step_judge(report, step, policy, vkey, checkpoint_find(form, proof, &arena));
        ledger_report_close(report);
        lucid_arena_fini(&arena);
    }
    free(policy);
    return code;
}
