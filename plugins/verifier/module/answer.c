/* What is said about appraisals: of those that are logged from their record, of refused ones from
 * what was just found. */
#include <stdio.h>

#include "plugins/verifier/explain.h"
#include "plugins/verifier/module/appraise.h"

enum { DEPTH_MAX = 16, VALUES_MAX = 65536 };

static enum lucid_error record_parse(struct ask *ask, struct lucid_span text,
                                     const struct jcs_value **ret)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    enum lucid_error error = jcs_parse(text, &limits, &ask->arena, ret, NULL);
    return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
}

static void copy(struct lucid_buf *out, const struct jcs_value *object, const char *name)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value != NULL) {
        lucid_json_member(out, name);
        jcs_write(value, out);
    }
}

/* One step of a record with the evidence that it belongs to. */
static void step_write(struct lucid_buf *out, const struct jcs_value *evidence,
                       const struct jcs_value *step)
{
    lucid_buf_char(out, '{');
    lucid_json_member(out, "evidence");
    jcs_write(jcs_member(evidence, "name"), out);
    copy(out, evidence, "type");
    copy(out, step, "step");
    copy(out, step, "outcome");
    copy(out, step, "code");
    copy(out, step, "detail");
    lucid_buf_char(out, '}');
}

/* All steps of all evidences, in order: as appraisal_steps_write gives them. */
static void steps_write(struct lucid_buf *out, const struct jcs_value *record)
{
    const struct jcs_value *evidences = jcs_member(record, "evidences");
    const struct jcs_value *submods = jcs_member(record, "submods");
    bool first = true;
    lucid_json_member(out, "steps");
    lucid_buf_char(out, '[');
    for (const struct jcs_value *at = jcs_next(evidences, NULL); at != NULL;
         at = jcs_next(evidences, at)) {
        const struct jcs_value *name = jcs_member(at, "name");
        for (const struct jcs_value *mod = jcs_next(submods, NULL); mod != NULL && name != NULL;
             mod = jcs_next(submods, mod)) {
            const struct jcs_value *steps = jcs_member(mod, "steps");
            bool same =
                jcs_type(name) == JCS_STRING && lucid_span_equal(jcs_name(mod), jcs_string(name));
            for (const struct jcs_value *step = same ? jcs_next(steps, NULL) : NULL; step != NULL;
                 step = jcs_next(steps, step)) {
                lucid_buf_str(out, first ? "" : ",");
                step_write(out, at, step);
                first = false;
            }
        }
    }
    lucid_buf_char(out, ']');
}

/* The newest head's proof, or null while none covers the leaf. */
static enum lucid_error proof_write(struct ask *ask, uint64_t leaf)
{
    struct lucid_plugin_out *proof = ask->host->out_new(ask->call);
    lucid_json_member(&ask->out, "proof");
    if (proof == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_plugin_result result = ask->host->view_proof(ask->view, leaf, proof);
    if (result == LUCID_PLUGIN_ABSENT) {
        lucid_buf_str(&ask->out, "null");
        return LUCID_OK;
    }
    struct lucid_plugin_bytes text = ask->host->out_bytes(proof);
    if (result != LUCID_PLUGIN_OK || text.data == NULL) {
        return result == LUCID_PLUGIN_BUSY || result == LUCID_PLUGIN_OK ? LUCID_RETRY_BUSY
                                                                        : LUCID_FATAL_CORRUPT;
    }
    lucid_buf_span_put(&ask->out, kit_span(text));
    return LUCID_OK;
}

enum lucid_error answer_write(struct ask *ask, const struct kind_row *row, bool whole,
                              struct lucid_why *why)
{
    struct lucid_buf *out = &ask->out;
    struct lucid_span payload;
    struct lucid_span ear;
    const struct jcs_value *record;
    enum lucid_error error = ask_logged(ask, row->sequence, &payload, &ear);
    if (error == LUCID_OK) {
        error = record_parse(ask, payload, &record);
    }
    if (error != LUCID_OK) {
        (void)snprintf(why->text, sizeof(why->text), "event %llu cannot be read",
                       (unsigned long long)row->sequence);
        return error;
    }
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "appraisalId", row->id, sizeof(row->id));
    copy(out, record, "status");
    copy(out, record, "mock");
    copy(out, record, "test");
    if (ear.data != NULL) {
        lucid_json_member_str(out, "ear", ear);
    } else {
        lucid_json_member_null(out, "ear"); /* erased */
    }
    error = ask_place_write(ask, row->leaf);
    if (error != LUCID_OK) {
        return error;
    }
    steps_write(out, record);
    if (whole) {
        lucid_json_member(out, "record");
        lucid_buf_span_put(out, payload);
        error = proof_write(ask, row->leaf);
    }
    lucid_buf_char(out, '}');
    return error;
}

/* --- what is not logged: RFC 9457 documents with the step and more as extensions ----------------
 */

static void problem_begin(struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", "about:blank");
    lucid_json_member_cstr(out, "title", "Unprocessable Content");
    lucid_json_member_u64(out, "status", 422);
}

static enum lucid_error problem_end(struct ask *ask)
{
    struct lucid_buf *out = &ask->out;
    struct lucid_span id = kit_span(ask->host->call_header(ask->call, "x-request-id"));
    if (id.data != NULL) {
        lucid_json_member_str(out, "request_id", id);
    }
    lucid_buf_char(out, '}');
    if (!lucid_buf_ok(out)) {
        return LUCID_RETRY_MEMORY;
    }
    ask->host->call_add_header(ask->call, "Cache-Control", "no-cache");
    ask->host->call_respond(ask->call, 422, "application/problem+json",
                            kit_bytes(lucid_buf_span(out)));
    return LUCID_OK;
}

enum lucid_error answer_problem(struct ask *ask, const char *list, size_t at,
                                enum appraisal_step failed, const char *code,
                                struct lucid_span steps, bool mock)
{
    struct lucid_buf *out = &ask->out;
    const char *step = appraisal_step_name(failed);
    problem_begin(out);
    lucid_json_member(out, "detail");
    const char *sentence = explain_code(lucid_span_str(code));
    lucid_buf_printf(out, "\"%s[%zu] fails at %s (%s): %s; nothing was logged\"", list, at, step,
                     code, sentence != NULL ? sentence : "it is not accepted");
    lucid_json_member_cstr(out, "code", "EVIDENCE_REFUSED");
    lucid_json_member(out, "param");
    lucid_buf_printf(out, "\"%s[%zu].%s\"", list, at, step);
    lucid_json_member_cstr(out, "step", step);
    lucid_json_member(out, "steps");
    lucid_buf_span_put(out, steps);
    lucid_json_member_bool(out, "mock", mock);
    lucid_json_member_bool(out, "test", ask->host->test);
    return problem_end(ask);
}

/* A challenge that is none, or none any more. used: the appraisal that came of it, or NULL. */
static enum lucid_error session_problem(struct ask *ask, const char *code, const char *text,
                                        const uint8_t *used)
{
    struct lucid_buf *out = &ask->out;
    problem_begin(out);
    lucid_json_member_cstr(out, "detail", text);
    lucid_json_member_cstr(out, "code", code);
    lucid_json_member_cstr(out, "param", "sessionId");
    lucid_json_member_cstr(out, "step", appraisal_step_name(APPRAISAL_FRESHNESS));
    if (used != NULL) {
        lucid_json_member_hex(out, "appraisalId", used, LUCID_SHA256_BYTES);
    }
    return problem_end(ask);
}

enum lucid_error answer_used(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES])
{
    struct lucid_plugin_why why = {.code = NULL};
    kind_used_say(id, &why);
    return session_problem(ask, why.code, why.text, id);
}

enum lucid_error answer_unknown(struct ask *ask, enum lucid_error error,
                                const struct lucid_why *why)
{
    static const char unknown[] = "CHALLENGE_UNKNOWN";
    return error == LUCID_REFUSE_FORBIDDEN && why->code != NULL && strcmp(why->code, unknown) == 0
               ? session_problem(ask, unknown, why->text, NULL)
               : error;
}

enum lucid_error answer_refused(struct ask *ask, const struct appraisal *appraisal)
{
    struct lucid_buf steps = {0};
    const struct appraisal_submod *submod = &appraisal->submods[appraisal->failed_evidence];
    appraisal_steps_write(appraisal, &steps);
    enum lucid_error error =
        lucid_buf_ok(&steps)
            ? answer_problem(ask, "evidences", appraisal->failed_evidence, appraisal->failed_step,
                             submod->steps[appraisal->failed_step].code, lucid_buf_span(&steps),
                             appraisal->is_mock)
            : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&steps);
    return error;
}

/* --- records of other sorts ------------------------------------------------------------------- */

enum lucid_error answer_item_write(struct ask *ask, enum kind_item item, const struct kind_row *row,
                                   bool whole)
{
    const char *name = item == KIND_CLAIMS ? "claimsId" : "interactionId";
    struct lucid_span payload;
    struct lucid_span body;
    enum lucid_error error = ask_logged(ask, row->sequence, &payload, &body);
    if (error != LUCID_OK) {
        return error;
    }
    error = ask_row_write(ask, row, name);
    if (error != LUCID_OK) {
        return error;
    }
    ask->out.len--; /* the brace: more comes */
    lucid_json_member_bool(&ask->out, "test", ask->host->test);
    if (item == KIND_CLAIMS && body.data != NULL) {
        lucid_json_member_str(&ask->out, "ear", body);
    } else if (item == KIND_CLAIMS) {
        lucid_json_member_null(&ask->out, "ear"); /* erased */
    }
    error = ask_place_write(ask, row->leaf);
    if (error == LUCID_OK) {
        lucid_json_member(&ask->out, "record");
        lucid_buf_span_put(&ask->out, payload);
    }
    if (error == LUCID_OK && whole) {
        error = proof_write(ask, row->leaf);
    }
    lucid_buf_char(&ask->out, '}');
    return error;
}

enum lucid_error answer_record(struct ask *ask, enum kind_item item)
{
    const struct kind_command *command = ask->command != NULL ? ask->command->data : NULL;
    uint8_t id[LUCID_SHA256_BYTES];
    struct kind_row row;
    enum lucid_error error = LUCID_OK;
    if (command != NULL) {
        memcpy(id, command->ret_id, sizeof(id));
    } else {
        error = ask_id(ask, id);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = kind_find(ask->host, ask->view, item, id, &row);
    }
    if (error == LUCID_OK) {
        error = answer_item_write(ask, item, &row, command == NULL);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT && command != NULL ? LUCID_FATAL_CORRUPT : error;
    }
    return ask_answer(ask, command == NULL || command->ret_known ? 200 : 201);
}
