/* The one error type. Its category tells the caller what to do:
 *
 *   OK      done
 *   NOTE    done, nothing wrong, nothing new (absent, end of list)
 *   REFUSE  the input is at fault: report it, change nothing
 *   RETRY   we are at fault, for the moment: report it, may be tried again
 *   FATAL   the state is not known any more: stop accepting, exit, recover by restart
 *
 * Functions that can fail return enum lucid_error, write their outputs (ret_*) only on LUCID_OK,
 * and may fill a struct lucid_why that the caller passes (NULL is allowed everywhere). */
#ifndef LUCID_BASE_ERROR_H
#define LUCID_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define LUCID_WARN_UNUSED       __attribute__((warn_unused_result))
#define LUCID_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum lucid_error {
    LUCID_OK = 0,

    LUCID_NOTE_ABSENT = 0x100, /* no such thing */
    LUCID_NOTE_ERASED,         /* was there and was taken away on purpose */
    LUCID_NOTE_END,            /* the list ends here; a callback returns it to stop a scan */

    LUCID_REFUSE_INVALID = 0x200, /* malformed, or breaks a rule */
    LUCID_REFUSE_TOO_LARGE,       /* over a limit that the caller could keep */
    LUCID_REFUSE_CONFLICT,        /* contradicts what is there */
    LUCID_REFUSE_FORBIDDEN,       /* known, but not allowed */
    LUCID_REFUSE_UNKNOWN_KEY,     /* cannot be decided: key or version not known to us */

    LUCID_RETRY_BUSY = 0x300, /* a bounded queue or pool is full */
    LUCID_RETRY_FULL,         /* the store or its disk reserve is exhausted */
    LUCID_RETRY_MEMORY,       /* an allocation failed or an arena's limit was reached */
    LUCID_RETRY_IO,           /* a peer or file did not answer this time */

    LUCID_FATAL_STORE = 0x400, /* a commit failed, the store's state is unknown */
    LUCID_FATAL_CORRUPT,       /* what was read back is not what was written */
    LUCID_FATAL_NEWER,         /* the store was written by a newer program */
};

enum lucid_category {
    LUCID_CATEGORY_OK = 0,
    LUCID_CATEGORY_NOTE = 1,
    LUCID_CATEGORY_REFUSE = 2,
    LUCID_CATEGORY_RETRY = 3,
    LUCID_CATEGORY_FATAL = 4,
};

static inline enum lucid_category lucid_category(enum lucid_error error)
{
    return (enum lucid_category)((unsigned)error >> 8);
}

/* A short English name of the value, for logs. Static storage. */
const char *lucid_error_name(enum lucid_error error);

/* Why something was refused, for people and for programs. All members are bounded; zero-initialise
 * before use. */
struct lucid_why {
    const char *code; /* stable code for programs (upper snake case, static storage) or NULL */
    char text[192];   /* one English sentence without the offending value's secrets */
    char param[96];   /* dotted name of the member at fault ("body.metrics.ttft_ms"), or "" */
    size_t offset;    /* byte offset in the input where that is known, else 0 */
};

/* Fills why (if not NULL) and returns error, so that a refusal is one statement. The text is cut
 * to fit. code must have static storage. param may be NULL. */
enum lucid_error lucid_refuse(struct lucid_why *why, enum lucid_error error, const char *code,
                              const char *param, const char *format, ...) LUCID_PRINTF(5, 6);

#endif
