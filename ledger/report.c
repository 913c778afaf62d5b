#include "ledger/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

const char *ledger_outcome_name(enum ledger_outcome outcome)
{
    switch (outcome) {
    case LEDGER_SKIPPED:
        return "skipped";
    case LEDGER_PASSED:
        return "passed";
    case LEDGER_FAILED:
        return "failed";
    }
    return "failed";
}

const char *ledger_verdict_name(enum ledger_verdict verdict)
{
    switch (verdict) {
    case LEDGER_UNDECIDED:
        return "undecided";
    case LEDGER_VALID:
        return "valid";
    case LEDGER_INVALID:
        return "invalid";
    }
    return "invalid";
}

void ledger_report_init(struct ledger_report *ret, const char *const *names, size_t count)
{
    *ret = (struct ledger_report){.verdict = LEDGER_UNDECIDED};
    for (size_t i = 0; i < count; i++) {
        (void)ledger_report_add(ret, names[i]);
    }
}

size_t ledger_report_add(struct ledger_report *report, const char *name)
{
    lucid_assert(report->step_count < LEDGER_STEPS_MAX);
    struct ledger_step *step = &report->steps[report->step_count];
    *step = (struct ledger_step){.name = name, .outcome = LEDGER_SKIPPED};
    snprintf(step->text, sizeof(step->text), "not judged: an earlier part is missing");
    return report->step_count++;
}

void ledger_report_set(struct ledger_report *report, size_t step, enum ledger_outcome outcome,
                       const char *format, ...)
{
    lucid_assert(step < report->step_count);
    va_list args;
    va_start(args, format);
    vsnprintf(report->steps[step].text, sizeof(report->steps[step].text), format, args);
    va_end(args);
    report->steps[step].outcome = outcome;
}

void ledger_report_judge(struct ledger_report *report, size_t step, bool good, const char *yes,
                         const char *no)
{
    ledger_report_set(report, step, good ? LEDGER_PASSED : LEDGER_FAILED, "%s", good ? yes : no);
}

void ledger_report_close(struct ledger_report *report)
{
    report->verdict = LEDGER_VALID;
    for (size_t i = 0; i < report->step_count; i++) {
        if (report->steps[i].outcome == LEDGER_FAILED) {
            report->verdict = LEDGER_INVALID;
            return;
        }
        if (report->steps[i].outcome == LEDGER_SKIPPED) {
            report->verdict = LEDGER_UNDECIDED;
        }
    }
}

void ledger_report_write_json(struct lucid_buf *buf, const struct ledger_report *report)
{
    lucid_buf_char(buf, '{');
    lucid_json_member_cstr(buf, "verdict", ledger_verdict_name(report->verdict));
    lucid_json_member_bool(buf, "valid", report->verdict == LEDGER_VALID);
    lucid_json_member(buf, "steps");
    lucid_buf_char(buf, '[');
    for (size_t i = 0; i < report->step_count; i++) {
        const struct ledger_step *step = &report->steps[i];
        char text[sizeof(step->text)];
        memcpy(text, step->text, sizeof(text));
        for (char *at = text; *at != '\0'; at++) {
            *at = *at >= ' ' && *at <= '~' ? *at : '?';
        }
        lucid_buf_str(buf, i > 0 ? ",{" : "{");
        lucid_json_member_cstr(buf, "name", step->name);
        lucid_json_member_cstr(buf, "outcome", ledger_outcome_name(step->outcome));
        lucid_json_member_cstr(buf, "text", text);
        lucid_buf_char(buf, '}');
    }
    lucid_buf_str(buf, "]}");
}
