/* The books as a plain-text-accounting journal (hledger, ledger) and as CSV (RFC 4180).
 *
 * Everything that comes in was checked: ids, names and words are made of A-Za-z0-9._:- only, so in
 * CSV nothing needs quotes, and in a journal only ':' means something. */
#include "base/assert.h"
#include "tools/lucid/books.h"

/* Names are padded to that of a signer, amounts to a million. */
enum { AMOUNT_COLUMN = 88, AMOUNT_WIDTH = 19 };

/* Where a class stands among the types that those programs know. */
static const struct {
    enum gas_class class;
    const char *journal;
} places[] = {
    {GAS_CLASS_SIGNER, "liabilities:signers"},
    {GAS_CLASS_PROTOCOL, "expenses:protocol"},
    {GAS_CLASS_REVENUE, "revenues"},
    {GAS_CLASS_PAYEE, "liabilities:payees"},
    {GAS_CLASS_SUSPENSE, "liabilities:suspense"},
    {GAS_CLASS_CLEARING, "assets:clearing"},
    {GAS_CLASS_TRANSIT, "liabilities:transit"},
};

static const char *place_of(enum gas_class class)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].class == class) {
            return places[i].journal;
        }
    }
    return NULL;
}

/* What stands between an id's class and its unit. */
static struct lucid_span name_of(struct lucid_span id)
{
    const uint8_t *first = memchr(id.data, ':', id.len);
    const uint8_t *last = memrchr(id.data, ':', id.len);
    lucid_assert(first != NULL && last > first);
    return lucid_span(first + 1, (size_t)(last - first) - 1);
}

bool books_journal_name(struct lucid_span id, struct lucid_buf *out)
{
    enum gas_class class;
    enum gas_unit unit;
    if (!gas_name_ok(id, GAS_ACCOUNT_ID_BYTES_MAX) || !gas_account_id_parse(id, &class, &unit) ||
        place_of(class) == NULL) {
        return false;
    }
    struct lucid_span name = name_of(id);
    lucid_buf_str(out, place_of(class));
    lucid_buf_char(out, ':');
    /* A leg's name has no ':', so what it is and for which asset are two levels. */
    bool level = class == GAS_CLASS_SUSPENSE;
    for (size_t i = 0; i < name.len; i++) {
        bool colon = name.data[i] == ':';
        lucid_buf_char(out, colon && !level ? '/' : (char)name.data[i]);
        level = level && !colon;
    }
    return true;
}

void books_begin(enum books_format format, uint64_t as_of, struct lucid_buf *out)
{
    if (format == BOOKS_CSV) {
        lucid_buf_str(out, "cause,time,what,debit,credit,amount,unit,base_units\r\n");
        return;
    }
    lucid_buf_printf(out,
                     "; The books of a Lucid ledger after event %llu, one transaction for each\n"
                     "; event that posted; the event's sequence stands in brackets.\n\n"
                     "tag time\n\n",
                     (unsigned long long)as_of);
    for (enum gas_unit unit = GAS_LUCID; unit <= GAS_USDC; unit++) {
        lucid_buf_printf(out, "commodity %s\n    format 1000.%0*d %s\n\n", gas_unit_name(unit),
                         (int)gas_unit_decimals(unit), 0, gas_unit_name(unit));
    }
}

bool books_account(enum books_format format, const char *id, struct lucid_buf *out)
{
    if (format == BOOKS_CSV) {
        return true;
    }
    lucid_buf_str(out, "account ");
    bool ok = books_journal_name(lucid_span_str(id), out);
    lucid_buf_char(out, '\n');
    return ok;
}

static void entry_write(const char *id, const char *sign, const char *amount, enum gas_unit unit,
                        struct lucid_buf *out)
{
    size_t start = out->len;
    lucid_buf_str(out, "    ");
    bool ok = books_journal_name(lucid_span_str(id), out);
    lucid_assert(ok); /* books_posting_read took it */
    /* Two blanks at least: fewer would make the amount part of the name. */
    size_t used = out->len - start;
    int pad = (int)(used < AMOUNT_COLUMN ? AMOUNT_COLUMN - used : 0) + 2;
    lucid_buf_printf(out, "%*s%*s%s %s", pad, "", AMOUNT_WIDTH - (int)strlen(amount), sign, amount,
                     gas_unit_name(unit));
}

void books_posting(enum books_format format, const struct books_posting *posting, bool first,
                   struct lucid_buf *out)
{
    char amount[GAS_AMOUNT_TEXT_BYTES];
    gas_amount_format(posting->amount, posting->unit, amount);
    unsigned long long cause = posting->cause;
    if (format == BOOKS_CSV) {
        lucid_buf_printf(out, "%llu,%s,%s,%s,%s,%s,%s,%llu\r\n", cause, posting->time,
                         posting->what, posting->debit, posting->credit, amount,
                         gas_unit_name(posting->unit), (unsigned long long)posting->amount);
        return;
    }
    const char *point = strchr(posting->what, '.');
    int title = point != NULL ? (int)(point - posting->what) : (int)strlen(posting->what);
    if (first) {
        lucid_buf_printf(out, "\n%.10s (%llu) %.*s\n    ; time: %s\n", posting->time, cause, title,
                         posting->what, posting->time);
    }
    entry_write(posting->debit, " ", amount, posting->unit, out);
    if (point != NULL) {
        lucid_buf_printf(out, "  ; %s", point + 1);
    }
    lucid_buf_char(out, '\n');
    entry_write(posting->credit, "-", amount, posting->unit, out);
    lucid_buf_char(out, '\n');
}
