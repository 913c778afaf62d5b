#include "tools/lucid/verifier_logged.h"

#include "ledger/proof.h"

/* What is said of the steps of ledger_proof_verify: three parts, one after the other. */
struct part {
    const char *name;
    unsigned first;
    unsigned last;
};

static const struct part parts[] = {
    {"entry", LEDGER_STEP_FORM, LEDGER_STEP_LEAF_HASH},
    {"inclusion", LEDGER_STEP_HEAD, LEDGER_STEP_INCLUSION},
    {"checkpoint", LEDGER_STEP_CHECKPOINT, LEDGER_STEP_CHECKPOINT},
};

/* The record as POST /v1/verify takes it in place of a receipt. The proof's entry holds the
 * signature; one that is no entry is the verifier's matter. */
static void claimed_write(const struct replay *replay, struct lucid_buf *out)
{
    json_t *proof = json_loadb((const char *)replay->proof.data, replay->proof.len, 0, NULL);
    const char *entry = json_string_value(json_object_get(proof, "entry"));
    lucid_buf_char(out, '{');
    lucid_json_member(out, "record");
    lucid_buf_span_put(out, replay->record);
    lucid_json_member_hex(out, "key", replay->key, sizeof(replay->key));
    lucid_json_member_cstr(out, "entry", entry != NULL ? entry : "");
    lucid_buf_char(out, '}');
    json_decref(proof);
}

/* LUCID_NOTE_ABSENT: there is nothing to judge, *ret_text says what is missing. */
static enum lucid_error proof_judge(const struct replay *replay, const char *vkey,
                                    struct ledger_report *ret_report, const char **ret_text)
{
    const struct ledger_trust trust = {.vkey = lucid_span_str(vkey)};
    struct lucid_buf claimed = {0};
    if (replay->proof.len == 0) {
        *ret_text = "the bundle holds no proof";
        return LUCID_NOTE_ABSENT;
    }
    if (!replay->has_key) {
        *ret_text = "no key is known that signed the token";
        return LUCID_NOTE_ABSENT;
    }
    claimed_write(replay, &claimed);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&claimed)) {
        error = ledger_proof_verify(lucid_buf_span(&claimed), LEDGER_FORM_JSON, replay->proof,
                                    &trust, ret_report);
    }
    lucid_buf_fini(&claimed);
    return error;
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

enum cli_exit verifier_logged_judge(struct cli *cli, const struct replay *replay, const char *vkey,
                                    json_t *report)
{
    struct ledger_report judged;
    const char *missing = NULL;
    json_t *logged = json_object();
    enum lucid_error error = proof_judge(replay, vkey, &judged, &missing);
    if (logged == NULL || (error != LUCID_OK && error != LUCID_NOTE_ABSENT)) {
        json_decref(logged);
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (missing != NULL) {
        cli_note(cli, "whether the record was logged is not checked: %s", missing);
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *word = outcome_word(LEDGER_SKIPPED);
        if (missing == NULL) {
            const struct ledger_step *step = part_step(&judged, &parts[i]);
            word = outcome_word(step->outcome);
            if (step->outcome != LEDGER_PASSED) {
                cli_note(cli, "%s %s: %s", parts[i].name, word, step->text);
            }
        }
        json_object_set_new(logged, parts[i].name, json_string(word));
    }
    json_object_set_new(report, "logged", logged);
    return missing != NULL || judged.verdict == LEDGER_UNDECIDED ? CLI_UNDECIDED
           : judged.verdict == LEDGER_VALID                      ? CLI_OK
                                                                 : CLI_REFUSED;
}
