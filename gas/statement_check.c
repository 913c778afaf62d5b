/* The check of a statement without a store. */
#include "gas/statement.h"

static const char *const steps[] = {"form", "signature", "sums"};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* compute + model + released + carried = amount + reversed + brought, and never both of amount and
 * carried. No sum of four amounts leaves 128 bits. */
static bool line_adds_up(const struct gas_statement_line *line)
{
    unsigned __int128 in = (unsigned __int128)line->compute + line->model + line->released;
    unsigned __int128 out = (unsigned __int128)line->amount + line->reversed + line->brought;
    return in + line->carried == out && (line->amount == 0 || line->carried == 0);
}

static void sums_check(const struct gas_statement *statement, struct ledger_report *report)
{
    /* Each sum that was read has at most 38 digits: three of them and the lines fit. */
    unsigned __int128 gross =
        statement->protocol + statement->suspense_compute + statement->suspense_model;
    unsigned __int128 total = 0;
    for (size_t i = 0; i < statement->line_count; i++) {
        const struct gas_statement_line *line = &statement->lines[i];
        if (!line_adds_up(line)) {
            ledger_report_set(report, GAS_STEP_SUMS, LEDGER_FAILED,
                              "line %zu (%.*s) does not add up", i, (int)line->payee.len,
                              (const char *)line->payee.data);
            return;
        }
        gross += (unsigned __int128)line->compute + line->model;
        total += line->amount;
    }
    if (gross != statement->gross) {
        ledger_report_set(report, GAS_STEP_SUMS, LEDGER_FAILED,
                          "gross is not what the lines, protocol and suspense come to");
    } else if (total != statement->total) {
        ledger_report_set(report, GAS_STEP_SUMS, LEDGER_FAILED,
                          "total is not the sum of the amounts");
    } else {
        ledger_report_set(report, GAS_STEP_SUMS, LEDGER_PASSED, "%zu lines add up",
                          statement->line_count);
    }
}

/* What is wrong with their order; NULL: it follows. */
static const char *follows(const struct gas_statement_read *before,
                           const struct gas_statement_read *read)
{
    const struct gas_statement *a = &before->statement;
    const struct gas_statement *b = &read->statement;
    if (!lucid_span_equal(a->origin, b->origin) || a->unit != b->unit) {
        return "the one before is of another log or unit";
    }
    if (!b->has_previous || b->number != a->number + 1) {
        return "the one before has not the number before";
    }
    if (memcmp(b->previous, before->hash, sizeof(b->previous)) != 0) {
        return "it names another one before";
    }
    if (b->part > 1) {
        bool same = a->part + 1 == b->part && a->parts == b->parts && a->epoch == b->epoch &&
                    a->period_first == b->period_first && a->period_last == b->period_last;
        return same ? NULL : "it is no further part of the one before";
    }
    if (a->part != a->parts) {
        return "parts of the one before are missing";
    }
    return b->period_first == a->period_last + 1 && b->epoch > a->epoch
               ? NULL
               : "its period does not begin where the one before ends";
}

static enum lucid_error previous_check(const struct gas_statement_read *read,
                                       struct lucid_span previous, struct ledger_report *report)
{
    const struct gas_statement *statement = &read->statement;
    if (previous.len == 0) {
        if (!statement->has_previous) {
            ledger_report_judge(report, ledger_report_add(report, "previous"),
                                statement->part == 1 && statement->period_first == 1,
                                "the first of its unit",
                                "the first of a unit covers the log from event 1");
        }
        return LUCID_OK;
    }
    struct lucid_arena arena;
    struct gas_statement_read before;
    size_t step = ledger_report_add(report, "previous");
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    enum lucid_error error = gas_statement_parse(previous, &arena, &before, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        ledger_report_set(report, step, LEDGER_FAILED,
                          "what was given as the one before is no statement");
        error = LUCID_OK;
    } else if (error == LUCID_OK) {
        const char *wrong = follows(&before, read);
        ledger_report_judge(report, step, wrong == NULL, "it follows the one before", wrong);
    }
    lucid_arena_fini(&arena);
    return error;
}

enum lucid_error gas_statement_check(struct lucid_span document,
                                     const struct gas_statement_trust *trust,
                                     struct lucid_arena *arena, struct gas_statement_read *ret_read,
                                     struct ledger_report *ret)
{
    struct ledger_report report;
    struct gas_statement_read read;
    struct lucid_why why = {.code = NULL};
    ledger_report_init(&report, steps, STEPS);
    enum lucid_error error = gas_statement_parse(document, arena, &read, &why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        ledger_report_set(&report, GAS_STEP_FORM, LEDGER_FAILED, "%s", why.text);
        ledger_report_close(&report);
        *ret = report;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    const struct gas_statement *statement = &read.statement;
    ledger_report_set(&report, GAS_STEP_FORM, LEDGER_PASSED, "statement %llu of %s, part %u of %u",
                      (unsigned long long)statement->number, gas_unit_name(statement->unit),
                      (unsigned)statement->part, (unsigned)statement->parts);
    if (trust->service_key == NULL) {
        ledger_report_set(&report, GAS_STEP_SIGNATURE, LEDGER_SKIPPED, "no service key was given");
    } else {
        ledger_report_judge(&report, GAS_STEP_SIGNATURE,
                            gas_statement_verify(trust->service_key, read.hash, read.signature),
                            "signed by the service key",
                            "the signature is not the service key's over this statement");
    }
    sums_check(statement, &report);
    if (trust->origin.len > 0) {
        ledger_report_judge(&report, ledger_report_add(&report, "origin"),
                            lucid_span_equal(statement->origin, trust->origin),
                            "of the log that was asked for", "it is of another log");
    }
    error = previous_check(&read, trust->previous, &report);
    if (error != LUCID_OK) {
        return error;
    }
    ledger_report_close(&report);
    if (ret_read != NULL) {
        *ret_read = read;
    }
    *ret = report;
    return LUCID_OK;
}
