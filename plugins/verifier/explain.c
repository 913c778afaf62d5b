/* Appraisals in words, from their records. */
#include "plugins/verifier/explain.h"

#include <stdio.h>

#include "base/visible.h"

#define STEP_COLUMNS 13
#define TIME_MAX_S   253402300799ULL

/* Text of others: what a terminal would obey, or a line that it would forge, is a question mark. */
static void shown_put(struct lucid_buf *out, struct lucid_span text)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t point;
        size_t len = lucid_unseen(lucid_span(text.data + i, text.len - i), &point);
        lucid_buf_char(out, len > 0 ? '?' : (char)text.data[i]);
        i += len > 0 ? len : 1;
    }
}

/* A sentence, and the facts behind a colon. A code that is not known is shown as it is. */
static void step_write(struct lucid_span code, struct lucid_span detail, struct lucid_buf *out)
{
    const char *sentence = explain_code(code);
    if (sentence != NULL) {
        lucid_buf_str(out, sentence);
    } else {
        shown_put(out, code);
    }
    if (detail.len > 0) {
        lucid_buf_str(out, ": ");
        shown_put(out, detail);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

/* One step. */
struct line {
    struct lucid_span step;
    struct lucid_span outcome;
    struct lucid_span code;
    struct lucid_span detail;
};

/* What was not checked, gathered on the way. */
struct gaps {
    struct lucid_buf text;
};

static void line_write(struct lucid_span submod, const struct line *line, struct gaps *gaps,
                       struct lucid_buf *out)
{
    bool skipped = lucid_span_is(line->outcome, "skipped");
    const char *mark = lucid_span_is(line->outcome, "pass")   ? "ok"
                       : lucid_span_is(line->outcome, "fail") ? "FAILED"
                       : skipped                              ? "not checked"
                                                              : "-";
    lucid_buf_str(out, "  ");
    shown_put(out, line->step);
    for (size_t i = line->step.len; i < STEP_COLUMNS; i++) {
        lucid_buf_char(out, ' ');
    }
    lucid_buf_printf(out, " %-11s ", mark);
    step_write(line->code, line->detail, out);
    lucid_buf_char(out, '\n');
    /* A step that passed because the policy asks for nothing has compared nothing. */
    if (skipped || lucid_span_is(line->code, "tcb.no_floor")) {
        lucid_buf_str(&gaps->text, "  ");
        shown_put(&gaps->text, submod);
        lucid_buf_str(&gaps->text, ", ");
        shown_put(&gaps->text, line->step);
        lucid_buf_char(&gaps->text, '\n');
    }
}

static void submod_head(struct lucid_span name, struct lucid_span type, struct lucid_span status,
                        struct lucid_buf *out)
{
    shown_put(out, name);
    lucid_buf_str(out, " (");
    shown_put(out, type);
    lucid_buf_str(out, "): ");
    shown_put(out, status);
    lucid_buf_char(out, '\n');
}

/* The end: what was not checked, and what no appraisal shows. */
static void limits_write(struct gaps *gaps, size_t submods, struct lucid_buf *out)
{
    if (gaps->text.len > 0) {
        lucid_buf_str(out, "not checked:\n");
        lucid_buf_span_put(out, lucid_buf_span(&gaps->text));
    }
    out->failed = out->failed || gaps->text.failed;
    lucid_buf_str(out, "not shown by any of this:\n"
                       "  what the software does after it was started\n");
    if (submods > 1) {
        lucid_buf_str(out, "  that the parts belong to one machine\n");
    }
    lucid_buf_fini(&gaps->text);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Its text; {NULL, 0}: none. */
static struct lucid_span text_of(const struct jcs_value *value)
{
    struct lucid_span none = {NULL, 0};
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value) : none;
}

static bool is_true(const struct jcs_value *value)
{
    return value != NULL && jcs_type(value) == JCS_TRUE;
}

/* The first lines: what it came to, as of when, and by which policy. */
static void verdict_write(const struct jcs_value *root, struct lucid_buf *out)
{
    uint64_t time_s;
    lucid_buf_str(out, "verdict: ");
    shown_put(out, text_of(jcs_member(root, "status")));
    if (is_true(jcs_member(root, "mock"))) {
        lucid_buf_str(out, " (mock: no hardware stands behind it)");
    }
    if (is_true(jcs_member(root, "test"))) {
        lucid_buf_str(out, " (of a test store: it says nothing of the present)");
    }
    lucid_buf_str(out, "\nappraised as of ");
    if (jcs_uint(jcs_member(root, "time"), &time_s) && time_s <= TIME_MAX_S) {
        lucid_buf_time(out, time_s * 1000);
    }
    lucid_buf_str(out, " by the policy ");
    shown_put(out, text_of(jcs_member(root, "policy")));
    lucid_buf_char(out, '\n');
}

static void record_submod(const struct jcs_value *evidence, const struct jcs_value *submods,
                          struct gaps *gaps, struct lucid_buf *out)
{
    char key[APPRAISAL_NAME_BYTES_MAX + 1] = {0};
    struct lucid_span name = text_of(jcs_member(evidence, "name"));
    const struct jcs_value *at = NULL;
    if (name.len < sizeof(key) && name.len > 0) {
        memcpy(key, name.data, name.len);
    }
    const struct jcs_value *submod = jcs_member(submods, key);
    const struct jcs_value *steps = jcs_member(submod, "steps");
    submod_head(name, text_of(jcs_member(evidence, "type")), text_of(jcs_member(submod, "status")),
                out);
    while ((at = jcs_next(steps, at)) != NULL) {
        const struct line line = {
            text_of(jcs_member(at, "step")), text_of(jcs_member(at, "outcome")),
            text_of(jcs_member(at, "code")), text_of(jcs_member(at, "detail"))};
        line_write(name, &line, gaps, out);
    }
}

/* A document of an auditor: "claims0 (pii, request): warning, decided redact". */
static void claims_submod(const struct jcs_value *document, size_t index, struct gaps *gaps,
                          struct lucid_buf *out)
{
    char name[24];
    const struct jcs_value *steps = jcs_member(document, "steps");
    const struct jcs_value *at = NULL;
    (void)snprintf(name, sizeof(name), "claims%zu", index);
    lucid_buf_printf(out, "%s (", name);
    shown_put(out, text_of(jcs_member(document, "auditor")));
    lucid_buf_str(out, ", ");
    shown_put(out, text_of(jcs_member(document, "phase")));
    lucid_buf_str(out, "): ");
    shown_put(out, text_of(jcs_member(document, "status")));
    lucid_buf_str(out, ", decided ");
    shown_put(out, text_of(jcs_member(document, "decision")));
    lucid_buf_str(out, is_true(jcs_member(document, "bound"))
                           ? ", named by the appraised environment\n"
                           : ", declared only: no hardware names this auditor\n");
    while ((at = jcs_next(steps, at)) != NULL) {
        const struct line line = {
            text_of(jcs_member(at, "step")), text_of(jcs_member(at, "outcome")),
            text_of(jcs_member(at, "code")), text_of(jcs_member(at, "detail"))};
        line_write(lucid_span_str(name), &line, gaps, out);
    }
}

/* Why a rule, or a required claim, could not be told: "nobody claims x". */
static void reason_write(const struct jcs_value *verdict, struct lucid_buf *out)
{
    static const char *const words[][2] = {{"absent", "nobody claims "},
                                           {"ambiguous", "auditors differ on "},
                                           {"confidence", "not certain enough: "},
                                           {"type", "of another type than is asked for: "}};
    struct lucid_span reason = text_of(jcs_member(verdict, "reason"));
    size_t i = 0;
    while (i < sizeof(words) / sizeof(words[0]) && !lucid_span_is(reason, words[i][0])) {
        i++;
    }
    if (i < sizeof(words) / sizeof(words[0])) {
        lucid_buf_str(out, words[i][1]);
    } else {
        shown_put(out, reason);
        lucid_buf_str(out, ": ");
    }
    shown_put(out, text_of(jcs_member(verdict, "claim")));
}

/* "  calm: cannot be told (nobody claims toxicity), so deny: the rule's message"; a required claim
 * has no action of its own: without it, it is deny. */
static void verdict_line(const struct jcs_value *verdict, struct lucid_span name, struct gaps *gaps,
                         struct lucid_buf *out)
{
    struct lucid_span outcome = text_of(jcs_member(verdict, "outcome"));
    struct lucid_span action = text_of(jcs_member(verdict, "action"));
    struct lucid_span message = text_of(jcs_member(verdict, "message"));
    bool error = lucid_span_is(outcome, "error");
    lucid_buf_str(out, "  ");
    shown_put(out, name);
    lucid_buf_str(out, ": ");
    if (lucid_span_is(outcome, "skipped")) {
        lucid_buf_str(out, "not asked, no document is of its phase\n");
        lucid_buf_str(&gaps->text, "  rule ");
        shown_put(&gaps->text, name);
        lucid_buf_char(&gaps->text, '\n');
        return;
    }
    if (error) {
        lucid_buf_str(out, "cannot be told (");
        reason_write(verdict, out);
        lucid_buf_char(out, ')');
    } else {
        shown_put(out, outcome);
    }
    if (error || action.len > 0) {
        lucid_buf_str(out, ", so ");
        shown_put(out, action.len > 0 ? action : lucid_span_str("deny"));
    }
    if (message.len > 0) {
        lucid_buf_str(out, ": ");
        shown_put(out, message);
    }
    lucid_buf_char(out, '\n');
}

/* title: "rules"; name: the member that names one. */
static void verdict_lines(const struct jcs_value *list, const char *title, const char *name,
                          struct gaps *gaps, struct lucid_buf *out)
{
    const struct jcs_value *at = NULL;
    if (jcs_count(list) > 0) {
        lucid_buf_printf(out, "%s:\n", title);
    }
    while ((at = jcs_next(list, at)) != NULL) {
        verdict_line(at, text_of(jcs_member(at, name)), gaps, out);
    }
}

static void claims_record(const struct jcs_value *root, struct lucid_buf *out)
{
    const struct jcs_value *documents = jcs_member(root, "documents");
    struct lucid_span environment = text_of(jcs_member(jcs_member(root, "hardware"), "record"));
    const struct jcs_value *at = NULL;
    struct gaps gaps = {0};
    size_t index = 0;
    verdict_write(root, out);
    lucid_buf_str(out, "decision: ");
    shown_put(out, text_of(jcs_member(root, "decision")));
    lucid_buf_str(out, "\nenvironment: ");
    lucid_buf_str(out, environment.len > 0 ? "appraisal " : "none was appraised beside it");
    shown_put(out, environment);
    lucid_buf_char(out, '\n');
    while ((at = jcs_next(documents, at)) != NULL) {
        claims_submod(at, index++, &gaps, out);
    }
    verdict_lines(jcs_member(root, "rules"), "rules", "id", &gaps, out);
    verdict_lines(jcs_member(root, "required"), "required claims", "name", &gaps, out);
    limits_write(&gaps, 0, out);
    lucid_buf_str(out, "  that an auditor saw what it says it saw, or that its key is held where "
                       "it runs\n");
}

enum lucid_error explain_record(struct lucid_span record, struct lucid_arena *arena,
                                struct lucid_buf *out, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 65536};
    const struct jcs_value *root;
    const struct jcs_value *at = NULL;
    struct gaps gaps = {0};
    enum lucid_error e = LUCID_REFUSE_INVALID;
    if (record.len <= EXPLAIN_RECORD_BYTES_MAX) {
        e = jcs_parse(record, &limits, arena, &root, NULL);
    }
    if (lucid_category(e) == LUCID_CATEGORY_REFUSE) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECORD", NULL,
                            "this is no record of an appraisal");
    }
    if (e != LUCID_OK) {
        return e;
    }
    const struct jcs_value *evidences = jcs_member(root, "evidences");
    if (lucid_span_is(text_of(jcs_member(root, "type")), "attestation.claims") &&
        jcs_count(jcs_member(root, "documents")) > 0) {
        claims_record(root, out);
        return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    if (!lucid_span_is(text_of(jcs_member(root, "type")), "attestation.appraisal") ||
        jcs_count(evidences) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECORD", "type",
                            "this is no record of an appraisal");
    }
    verdict_write(root, out);
    while ((at = jcs_next(evidences, at)) != NULL) {
        record_submod(at, jcs_member(root, "submods"), &gaps, out);
    }
    limits_write(&gaps, jcs_count(evidences), out);
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}
