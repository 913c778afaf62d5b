#include "tools/lucid/books.h"

#include <stdio.h>

#include "gas/amount.h"

bool books_id_ok(struct cli *cli, const char *text)
{
    if (gas_name_ok(lucid_span_str(text), GAS_ACCOUNT_ID_BYTES_MAX) && text[0] != '.') {
        return true;
    }
    (void)cli_fail(
        cli, CLI_USAGE, NULL, "ID",
        "ID must be an account's id as `lucid account list` shows it, or a signer's key");
    return false;
}

/* --- what was asked for ----------------------------------------------------------------------- */

static void query_add(struct lucid_buf *path, const char *name, const char *value)
{
    bool first = memchr(path->data, '?', path->len) == NULL;
    lucid_buf_printf(path, "%c%s=%s", first ? '?' : '&', name, value);
}

static bool query_number(struct cli *cli, struct lucid_buf *path, const char *option,
                         const char *name)
{
    uint64_t value = 0;
    if (cli_value(cli, option, NULL) == NULL) {
        return true;
    }
    if (!cli_value_u64(cli, option, 0, 0, INT64_MAX, &value)) {
        return false;
    }
    query_add(path, name, cli_value(cli, option, NULL));
    return true;
}

/* Words and times need no escaping: letters, digits and few signs. */
static bool query_word(struct cli *cli, struct lucid_buf *path, const char *name, const char *what)
{
    const char *value = cli_value(cli, name, NULL);
    if (value == NULL) {
        return true;
    }
    if (!gas_name_ok(lucid_span_str(value), 32)) {
        (void)cli_fail(cli, CLI_USAGE, NULL, name, "--%s must be %s", name, what);
        return false;
    }
    query_add(path, name, value);
    return true;
}

bool books_query(struct cli *cli, struct lucid_buf *path)
{
    static const char time[] = "a time as 2026-11-21T10:00:00Z";
    return query_word(cli, path, "class", "a class of accounts") &&
           query_word(cli, path, "unit", "LUCID or USDC") && query_word(cli, path, "from", time) &&
           query_word(cli, path, "to", time) && query_number(cli, path, "cause", "cause") &&
           query_number(cli, path, "as-of", "as_of");
}

/* --- what was answered ------------------------------------------------------------------------ */

static bool text_read(const json_t *item, const char *name, char *ret, size_t max)
{
    const char *text = json_string_value(json_object_get(item, name));
    if (text == NULL || !gas_name_ok(lucid_span_str(text), max - 1)) {
        return false;
    }
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

/* 2026-11-21T10:00:00.123Z */
static bool time_read(const json_t *item, char ret[25])
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    const char *text = json_string_value(json_object_get(item, "time"));
    if (text == NULL || strlen(text) != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) {
            return false;
        }
    }
    memcpy(ret, text, sizeof(form));
    return true;
}

bool books_posting_read(const json_t *item, struct books_posting *ret)
{
    struct books_posting posting = {0};
    const json_t *cause = json_object_get(item, "cause");
    const char *amount = json_string_value(json_object_get(item, "amount"));
    const char *unit = json_string_value(json_object_get(item, "unit"));
    enum gas_class class;
    enum gas_unit debit_unit;
    enum gas_unit credit_unit;
    if (!json_is_integer(cause) || json_integer_value(cause) <= 0 || amount == NULL ||
        unit == NULL || !gas_amount_parse(lucid_span_str(amount), &posting.amount) ||
        !gas_unit_parse(lucid_span_str(unit), &posting.unit) || !time_read(item, posting.time) ||
        !text_read(item, "what", posting.what, sizeof(posting.what)) ||
        !text_read(item, "debit", posting.debit, sizeof(posting.debit)) ||
        !text_read(item, "credit", posting.credit, sizeof(posting.credit)) ||
        !gas_account_id_parse(lucid_span_str(posting.debit), &class, &debit_unit) ||
        !gas_account_id_parse(lucid_span_str(posting.credit), &class, &credit_unit) ||
        debit_unit != posting.unit || credit_unit != posting.unit) {
        return false;
    }
    posting.cause = (uint64_t)json_integer_value(cause);
    *ret = posting;
    return true;
}
