/* The check of a statement without a store. */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "gas/statement.h"

const char *gas_statement_step_name(enum gas_statement_step step)
{
    static const char *const names[GAS_STATEMENT_STEPS] = {"form", "origin", "signature", "sums",
                                                           "previous"};
    lucid_assert((size_t)step < GAS_STATEMENT_STEPS);
    return names[step];
}

const char *gas_step_outcome_name(enum gas_step_outcome outcome)
{
    static const char *const names[] = {"skipped", "passed", "failed"};
    lucid_assert((size_t)outcome < sizeof(names) / sizeof(names[0]));
    return names[outcome];
}

static void say(struct gas_statement_verdict *verdict, enum gas_statement_step step,
                enum gas_step_outcome outcome, const char *format, ...) LUCID_PRINTF(4, 5);

static void say(struct gas_statement_verdict *verdict, enum gas_statement_step step,
                enum gas_step_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    verdict->outcome[step] = outcome;
    (void)vsnprintf(verdict->text[step], sizeof(verdict->text[step]), format, args);
    va_end(args);
}

static void origin_check(const struct gas_statement *statement, struct lucid_span wanted,
                         struct gas_statement_verdict *verdict)
{
    if (wanted.len == 0) {
        return;
    }
    if (lucid_span_equal(statement->origin, wanted)) {
        say(verdict, GAS_STEP_ORIGIN, GAS_STEP_PASSED, "of the log that was asked for");
    } else {
        say(verdict, GAS_STEP_ORIGIN, GAS_STEP_FAILED, "it is of another log");
    }
}

static void signature_check(const struct gas_statement_read *read, const uint8_t *service_key,
                            struct gas_statement_verdict *verdict)
{
    if (service_key == NULL) {
        return;
    }
    if (gas_statement_verify(service_key, read->hash, read->signature)) {
        say(verdict, GAS_STEP_SIGNATURE, GAS_STEP_PASSED, "signed by the service key");
    } else {
        say(verdict, GAS_STEP_SIGNATURE, GAS_STEP_FAILED,
            "the signature is not the service key's over this statement");
    }
}

/* compute + model + released + carried = amount + reversed + brought, and never both of amount and
 * carried. No sum of four amounts leaves 128 bits. */
static bool line_adds_up(const struct gas_statement_line *line)
{
    unsigned __int128 in = (unsigned __int128)line->compute + line->model + line->released;
    unsigned __int128 out = (unsigned __int128)line->amount + line->reversed + line->brought;
    return in + line->carried == out && (line->amount == 0 || line->carried == 0);
}

static void sums_check(const struct gas_statement *statement, struct gas_statement_verdict *verdict)
{
    /* Each sum that was read has at most 38 digits: three of them and the lines fit. */
    unsigned __int128 gross =
        statement->protocol + statement->suspense_compute + statement->suspense_model;
    unsigned __int128 total = 0;
    for (size_t i = 0; i < statement->line_count; i++) {
        const struct gas_statement_line *line = &statement->lines[i];
        if (!line_adds_up(line)) {
            say(verdict, GAS_STEP_SUMS, GAS_STEP_FAILED, "line %zu (%.*s) does not add up", i,
                (int)line->payee.len, (const char *)line->payee.data);
            return;
        }
        gross += (unsigned __int128)line->compute + line->model;
        total += line->amount;
    }
    if (gross != statement->gross) {
        say(verdict, GAS_STEP_SUMS, GAS_STEP_FAILED,
            "gross is not what the lines, protocol and suspense come to");
    } else if (total != statement->total) {
        say(verdict, GAS_STEP_SUMS, GAS_STEP_FAILED, "total is not the sum of the amounts");
    } else {
        say(verdict, GAS_STEP_SUMS, GAS_STEP_PASSED, "%zu lines add up", statement->line_count);
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
                                       struct lucid_span previous,
                                       struct gas_statement_verdict *verdict)
{
    const struct gas_statement *statement = &read->statement;
    if (previous.len == 0) {
        if (!statement->has_previous) {
            bool first = statement->part == 1 && statement->period_first == 1;
            say(verdict, GAS_STEP_PREVIOUS, first ? GAS_STEP_PASSED : GAS_STEP_FAILED,
                first ? "the first of its unit"
                      : "the first of a unit covers the log from event 1");
        }
        return LUCID_OK;
    }
    struct lucid_arena arena;
    struct gas_statement_read before;
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    enum lucid_error error = gas_statement_parse(previous, &arena, &before, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        say(verdict, GAS_STEP_PREVIOUS, GAS_STEP_FAILED,
            "what was given as the one before is no statement");
        error = LUCID_OK;
    } else if (error == LUCID_OK) {
        const char *wrong = follows(&before, read);
        say(verdict, GAS_STEP_PREVIOUS, wrong == NULL ? GAS_STEP_PASSED : GAS_STEP_FAILED, "%s",
            wrong == NULL ? "it follows the one before" : wrong);
    }
    lucid_arena_fini(&arena);
    return error;
}

enum lucid_error gas_statement_check(struct lucid_span document,
                                     const struct gas_statement_trust *trust,
                                     struct lucid_arena *arena, struct gas_statement_read *ret_read,
                                     struct gas_statement_verdict *ret)
{
    struct gas_statement_verdict verdict = {.valid = false};
    struct gas_statement_read read;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = gas_statement_parse(document, arena, &read, &why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        say(&verdict, GAS_STEP_FORM, GAS_STEP_FAILED, "%s", why.text);
        *ret = verdict;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    say(&verdict, GAS_STEP_FORM, GAS_STEP_PASSED, "statement %llu of %s, part %u of %u",
        (unsigned long long)read.statement.number, gas_unit_name(read.statement.unit),
        (unsigned)read.statement.part, (unsigned)read.statement.parts);
    origin_check(&read.statement, trust->origin, &verdict);
    signature_check(&read, trust->service_key, &verdict);
    sums_check(&read.statement, &verdict);
    error = previous_check(&read, trust->previous, &verdict);
    if (error != LUCID_OK) {
        return error;
    }
    verdict.valid = verdict.outcome[GAS_STEP_SIGNATURE] == GAS_STEP_PASSED;
    for (size_t i = 0; i < GAS_STATEMENT_STEPS; i++) {
        verdict.valid = verdict.valid && verdict.outcome[i] != GAS_STEP_FAILED;
    }
    if (ret_read != NULL) {
        *ret_read = read;
    }
    *ret = verdict;
    return LUCID_OK;
}
