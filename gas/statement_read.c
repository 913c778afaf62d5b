/* Reading a statement document from outside bytes. */
#include <stdio.h>

#include "base/jcs/jcs.h"
#include "base/sha256.h"
#include "gas/books.h"
#include "gas/statement.h"

enum { DEPTH_MAX = 16, VALUES_MAX = 16384, AT_BYTES = 48 };

/* Where we are, and the first fault; after it everything reads as zero. */
struct reader {
    enum lucid_error error;
    struct lucid_why *why;
    char at[AT_BYTES];
};

static void fault(struct reader *reader, const char *name, const char *expected)
{
    if (reader->error == LUCID_OK) {
        char param[AT_BYTES + 32];
        (void)snprintf(param, sizeof(param), "%s%s%s", reader->at, *reader->at == '\0' ? "" : ".",
                       name);
        reader->error =
            lucid_refuse(reader->why, LUCID_REFUSE_INVALID, "INVALID_STATEMENT", param,
                         "this is no settlement statement: %s must be %s", param, expected);
    }
}

/* A member of that type; NULL after a fault. */
static const struct jcs_value *member(struct reader *reader, const struct jcs_value *object,
                                      const char *name, enum jcs_type type, const char *expected)
{
    const struct jcs_value *value = reader->error == LUCID_OK ? jcs_member(object, name) : NULL;
    if (value == NULL || jcs_type(value) != type) {
        fault(reader, name, expected);
        return NULL;
    }
    return value;
}

static uint64_t read_uint(struct reader *reader, const struct jcs_value *object, const char *name)
{
    const char *expected = "an integer of at least 0";
    uint64_t number = 0;
    const struct jcs_value *value = member(reader, object, name, JCS_NUMBER, expected);
    if (value != NULL && !jcs_uint(value, &number)) {
        fault(reader, name, expected);
    }
    return number;
}

static uint32_t read_count(struct reader *reader, const struct jcs_value *object, const char *name)
{
    uint64_t number = read_uint(reader, object, name);
    if (number == 0 || number > UINT32_MAX) {
        fault(reader, name, "a number from 1");
        return 0;
    }
    return (uint32_t)number;
}

static struct lucid_span read_text(struct reader *reader, const struct jcs_value *object,
                                   const char *name)
{
    const struct jcs_value *value = member(reader, object, name, JCS_STRING, "a string");
    return value == NULL ? (struct lucid_span){NULL, 0} : jcs_string(value);
}

static uint64_t read_amount(struct reader *reader, const struct jcs_value *object, const char *name)
{
    uint64_t amount = 0;
    if (!gas_amount_parse(read_text(reader, object, name), &amount)) {
        fault(reader, name, "an amount");
    }
    return amount;
}

static uint64_t read_amount_if_any(struct reader *reader, const struct jcs_value *object,
                                   const char *name)
{
    return jcs_member(object, name) == NULL ? 0 : read_amount(reader, object, name);
}

static unsigned __int128 read_sum(struct reader *reader, const struct jcs_value *object,
                                  const char *name)
{
    unsigned __int128 sum = 0;
    if (!gas_sum_parse(read_text(reader, object, name), &sum)) {
        fault(reader, name, "an amount");
    }
    return sum;
}

static void read_hex(struct reader *reader, const struct jcs_value *object, const char *name,
                     void *out, size_t len)
{
    if (!lucid_hex_decode(read_text(reader, object, name), out, len)) {
        fault(reader, name, "lower-case hex digits of its length");
    }
}

/* 2026-11-21T10:00:00.123Z */
static void read_time(struct reader *reader, const struct jcs_value *object, const char *name,
                      char ret[GAS_STATEMENT_TIME_BYTES + 1])
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    struct lucid_span text = read_text(reader, object, name);
    bool ok = text.len == GAS_STATEMENT_TIME_BYTES;
    for (size_t i = 0; ok && i < text.len; i++) {
        uint8_t c = text.data[i];
        ok = form[i] == 'd' ? c >= '0' && c <= '9' : c == (uint8_t)form[i];
    }
    if (!ok) {
        fault(reader, name, "a time in UTC with milliseconds");
        return;
    }
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
}

/* --- lines ------------------------------------------------------------------------------------ */

static void read_line(struct reader *reader, const struct jcs_value *value,
                      struct gas_statement_line *ret)
{
    *ret = (struct gas_statement_line){
        .payee = read_text(reader, value, "payee"),
        .amount = read_amount(reader, value, "amount"),
        .compute = read_amount(reader, value, "compute"),
        .model = read_amount(reader, value, "model"),
        .released = read_amount(reader, value, "released"),
        .reversed = read_amount_if_any(reader, value, "reversed"),
        .brought = read_amount_if_any(reader, value, "brought"),
        .carried = read_amount_if_any(reader, value, "carried"),
        .payments = read_uint(reader, value, "payments"),
    };
    if (!gas_name_ok(ret->payee, GAS_NAME_BYTES_MAX)) {
        fault(reader, "payee", "a name");
    }
}

static bool payee_after(struct lucid_span before, struct lucid_span payee)
{
    size_t len = before.len < payee.len ? before.len : payee.len;
    int order = memcmp(before.data, payee.data, len);
    return order < 0 || (order == 0 && before.len < payee.len);
}

static void read_lines(struct reader *reader, const struct jcs_value *object,
                       struct lucid_arena *arena, struct gas_statement *ret)
{
    const struct jcs_value *array = member(reader, object, "lines", JCS_ARRAY, "an array");
    size_t count = jcs_count(array);
    if (array == NULL || count > GAS_STATEMENT_LINES_MAX) {
        fault(reader, "lines", "an array of at most 400 lines");
        return;
    }
    struct gas_statement_line *lines = lucid_arena_alloc(arena, (count + 1) * sizeof(*lines));
    if (lines == NULL) {
        reader->error = LUCID_RETRY_MEMORY;
        return;
    }
    const struct jcs_value *value = NULL;
    for (size_t i = 0; i < count && reader->error == LUCID_OK; i++) {
        value = jcs_next(array, value);
        (void)snprintf(reader->at, sizeof(reader->at), "statement.lines[%zu]", i);
        read_line(reader, value, &lines[i]);
        if (reader->error == LUCID_OK && i > 0 &&
            !payee_after(lines[i - 1].payee, lines[i].payee)) {
            fault(reader, "payee", "after the one before");
        }
    }
    (void)snprintf(reader->at, sizeof(reader->at), "statement");
    ret->lines = lines;
    ret->line_count = count;
}

/* --- the statement ---------------------------------------------------------------------------- */

static void read_sums(struct reader *reader, const struct jcs_value *object,
                      struct gas_statement *ret)
{
    ret->gross = read_sum(reader, object, "gross");
    ret->total = read_sum(reader, object, "total");
    ret->protocol = read_sum(reader, object, "protocol");
    ret->payments = read_uint(reader, object, "payments");
    const struct jcs_value *suspense =
        member(reader, object, "suspense", JCS_OBJECT, "an object of compute and model");
    ret->suspense_compute = read_sum(reader, suspense, "compute");
    ret->suspense_model = read_sum(reader, suspense, "model");
    if (reader->error == LUCID_OK && jcs_member(object, "reversed") != NULL) {
        const struct jcs_value *reversed = member(reader, object, "reversed", JCS_OBJECT,
                                                  "an object of compute, model and protocol");
        ret->reversed_compute = read_sum(reader, reversed, "compute");
        ret->reversed_model = read_sum(reader, reversed, "model");
        ret->reversed_protocol = read_sum(reader, reversed, "protocol");
    }
}

static void read_previous(struct reader *reader, const struct jcs_value *object,
                          struct gas_statement *ret)
{
    const struct jcs_value *previous = jcs_member(object, "previous");
    ret->has_previous = previous != NULL && jcs_type(previous) != JCS_NULL;
    if (previous == NULL || ret->has_previous != (ret->number > 0)) {
        fault(reader, "previous", "null in the first statement and only there");
    } else if (ret->has_previous) {
        read_hex(reader, object, "previous", ret->previous, sizeof(ret->previous));
    }
}

static void read_head(struct reader *reader, const struct jcs_value *object,
                      struct gas_statement *ret)
{
    if (!lucid_span_is(read_text(reader, object, "type"), GAS_STATEMENT_TYPE)) {
        fault(reader, "type", "\"" GAS_STATEMENT_TYPE "\"");
    }
    if (!gas_unit_parse(read_text(reader, object, "unit"), &ret->unit)) {
        fault(reader, "unit", "a known unit");
    }
    ret->origin = read_text(reader, object, "origin");
    ret->number = read_uint(reader, object, "number");
    ret->epoch = read_uint(reader, object, "epoch");
    ret->tree_size = read_uint(reader, object, "tree_size");
    read_hex(reader, object, "root", ret->root, sizeof(ret->root));
    read_time(reader, object, "issued_at", ret->issued_at);
    const struct jcs_value *period =
        member(reader, object, "period", JCS_OBJECT, "an object of first and last");
    ret->period_first = read_uint(reader, period, "first");
    ret->period_last = read_uint(reader, period, "last");
    if (ret->period_first > ret->period_last) {
        fault(reader, "period", "a range of events");
    }
    ret->part = read_count(reader, object, "part");
    ret->parts = read_count(reader, object, "parts");
    if (ret->part > ret->parts) {
        fault(reader, "part", "at most parts");
    }
    read_previous(reader, object, ret);
}

static void read_document(struct reader *reader, const struct jcs_value *root,
                          struct lucid_arena *arena, struct gas_statement_read *ret)
{
    read_hex(reader, root, "signature", ret->signature, sizeof(ret->signature));
    const struct jcs_value *object = member(reader, root, "statement", JCS_OBJECT, "an object");
    if (object == NULL) {
        return;
    }
    (void)snprintf(reader->at, sizeof(reader->at), "statement");
    read_head(reader, object, &ret->statement);
    read_sums(reader, object, &ret->statement);
    read_lines(reader, object, arena, &ret->statement);
    if (reader->error != LUCID_OK) {
        return;
    }
    struct lucid_buf jcs;
    lucid_buf_init(&jcs, 0);
    jcs_write(object, &jcs);
    gas_statement_hash(lucid_buf_span(&jcs), ret->hash);
    reader->error = lucid_buf_ok(&jcs) ? LUCID_OK : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&jcs);
}

enum lucid_error gas_statement_parse(struct lucid_span document, struct lucid_arena *arena,
                                     struct gas_statement_read *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    if (document.len > GAS_STATEMENT_INPUT_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_STATEMENT", NULL,
                            "a statement has at most %zu bytes", GAS_STATEMENT_INPUT_MAX);
    }
    const struct jcs_value *root;
    enum lucid_error error = jcs_parse(document, &limits, arena, &root, why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        if (why != NULL) {
            why->code = "INVALID_STATEMENT";
        }
        return LUCID_REFUSE_INVALID;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct reader reader = {.error = LUCID_OK, .why = why};
    struct gas_statement_read *read = lucid_arena_zalloc(arena, sizeof(*read));
    if (read == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    read_document(&reader, root, arena, read);
    if (reader.error == LUCID_OK) {
        *ret = *read;
    }
    return reader.error;
}
