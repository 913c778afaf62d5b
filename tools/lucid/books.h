/* What the commands about the books share: account ids, options that choose a part of the books. */
#ifndef LUCID_TOOLS_BOOKS_H
#define LUCID_TOOLS_BOOKS_H

#include "base/buf.h"
#include "gas/books.h"
#include "tools/lucid/cli.h"

/* A posting of the service's answer, checked member by member: whatever it says can be written into
 * a table, a journal or a CSV file as it is. */
struct books_posting {
    uint64_t cause;
    char time[25];
    char what[GAS_WHAT_BYTES_MAX + 1];
    char debit[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char credit[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    uint64_t amount;
    enum gas_unit unit;
};
/* False: the item is no posting. */
bool books_posting_read(const json_t *item, struct books_posting *ret) LUCID_WARN_UNUSED;

/* Whether text may stand in a path as an account's id or a signer's key. Prints the error. */
bool books_id_ok(struct cli *cli, const char *text) LUCID_WARN_UNUSED;

/* "&name=value" for each of the options class, unit, as-of, from, to and cause that the command has
 * and that was given, the first with '?'. False after an error message (exit CLI_USAGE). */
bool books_query(struct cli *cli, struct lucid_buf *path) LUCID_WARN_UNUSED;

/* --- books_text.c: the books for programs of others ------------------------------------------- */

enum books_format { BOOKS_JOURNAL, BOOKS_CSV };

/* An account's name in the journal: below assets, liabilities, revenues or expenses, without its
 * unit, a ':' inside of a name as '/'. Different accounts have different names or units. False:
 * this is no account's id. */
bool books_journal_name(struct lucid_span id, struct lucid_buf *out) LUCID_WARN_UNUSED;

/* The file's beginning; in a journal to be followed by its accounts. */
void books_begin(enum books_format format, uint64_t as_of, struct lucid_buf *out);
/* An account, so that the journal declares it. False: this is no account's id. */
bool books_account(enum books_format format, const char *id,
                   struct lucid_buf *out) LUCID_WARN_UNUSED;
/* Postings come in the order of the log; all of one cause are one transaction. */
void books_posting(enum books_format format, const struct books_posting *posting, bool first,
                   struct lucid_buf *out);

#endif
