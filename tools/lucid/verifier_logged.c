#include "tools/lucid/verifier_logged.h"

#include <stdio.h>

#include "ledger/proof.h"

/* What is said of the steps of ledger_proof_verify: three parts, one after the other. */
struct part {
    const char *name;
    unsigned first;
    unsigned last;
};

static const struct part parts[VERIFIER_LOGGED_PARTS] = {
    {"entry", LEDGER_STEP_FORM, LEDGER_STEP_LEAF_HASH},
    {"inclusion", LEDGER_STEP_HEAD, LEDGER_STEP_INCLUSION},
    {"checkpoint", LEDGER_STEP_CHECKPOINT, LEDGER_STEP_CHECKPOINT},
};

const char *verifier_logged_name(enum verifier_logged_part part)
{
    return parts[part].name;
}

/* The record as POST /v1/verify takes it in place of a receipt. The proof's entry holds the
 * signature; one that is no entry is the verifier's matter. */
static void claimed_write(const struct verifier_logged *claimed, struct lucid_buf *out)
{
    json_t *proof = NULL;
    lucid_buf_char(out, '{');
    lucid_json_member(out, "record");
    lucid_buf_span_put(out, claimed->record);
    lucid_json_member_hex(out, "key", claimed->key, sizeof(claimed->key));
    if (claimed->has_entry) {
        lucid_json_member_hex(out, "entry", claimed->entry, sizeof(claimed->entry));
    } else {
        proof = json_loadb((const char *)claimed->proof.data, claimed->proof.len, 0, NULL);
        const char *entry = json_string_value(json_object_get(proof, "entry"));
        lucid_json_member_cstr(out, "entry", entry != NULL ? entry : "");
    }
    lucid_buf_char(out, '}');
    json_decref(proof);
}

/* The step that decides a part: the first that failed, else the first that was not judged. */
static const struct ledger_step *part_step(const struct ledger_report *report,
                                           const struct part *part)
{
    const struct ledger_step *found = &report->steps[part->first];
    for (unsigned i = part->first; i <= part->last; i++) {
        const struct ledger_step *step = &report->steps[i];
        if (step->outcome == LEDGER_FAILED) {
            return step;
        }
        found = found->outcome == LEDGER_PASSED ? step : found;
    }
    return found;
}

static void report_take(const struct ledger_report *judged, struct verifier_logged_report *ret)
{
    ret->verdict = judged->verdict;
    for (size_t i = 0; i < VERIFIER_LOGGED_PARTS; i++) {
        const struct ledger_step *step = part_step(judged, &parts[i]);
        ret->outcomes[i] = step->outcome;
        if (step->outcome != LEDGER_PASSED) {
            (void)snprintf(ret->texts[i], sizeof(ret->texts[i]), "%s", step->text);
        }
    }
}

enum lucid_error verifier_logged_run(const struct verifier_logged *claimed, const char *vkey,
                                     struct verifier_logged_report *ret)
{
    const struct ledger_trust trust = {.vkey = lucid_span_str(vkey)};
    struct verifier_logged_report report = {.verdict = LEDGER_UNDECIDED};
    struct ledger_report judged;
    struct lucid_buf text = {0};
    if (claimed->proof.len == 0) {
        report.missing = "there is no proof";
    } else if (!claimed->has_key) {
        report.missing = "no key is known that signed it";
    }
    if (report.missing != NULL) {
        *ret = report;
        return LUCID_OK;
    }
    claimed_write(claimed, &text);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&text)) {
        error = ledger_proof_verify(lucid_buf_span(&text), LEDGER_FORM_JSON, claimed->proof, &trust,
                                    &judged);
    }
    lucid_buf_fini(&text);
    if (error == LUCID_OK) {
        report_take(&judged, &report);
        *ret = report;
    }
    return error;
}

static const char *outcome_word(enum ledger_outcome outcome)
{
    switch (outcome) {
    case LEDGER_SKIPPED:
        return "not checked";
    case LEDGER_PASSED:
        return "ok";
    case LEDGER_FAILED:
        break;
    }
    return "failed";
}

enum cli_exit verifier_logged_judge(struct cli *cli, const struct verifier_logged *claimed,
                                    const char *vkey, json_t *report)
{
    struct verifier_logged_report judged;
    json_t *logged = json_object();
    if (logged == NULL || verifier_logged_run(claimed, vkey, &judged) != LUCID_OK) {
        json_decref(logged);
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (judged.missing != NULL) {
        cli_note(cli, "whether the record was logged is not checked: %s", judged.missing);
    }
    for (size_t i = 0; i < VERIFIER_LOGGED_PARTS; i++) {
        const char *word = outcome_word(judged.outcomes[i]);
        if (judged.texts[i][0] != '\0') {
            cli_note(cli, "%s %s: %s", parts[i].name, word, judged.texts[i]);
        }
        json_object_set_new(logged, parts[i].name, json_string(word));
    }
    json_object_set_new(report, "logged", logged);
    switch (judged.verdict) {
    case LEDGER_VALID:
        return CLI_OK;
    case LEDGER_INVALID:
        return CLI_REFUSED;
    case LEDGER_UNDECIDED:
        break;
    }
    return CLI_UNDECIDED;
}
