#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

void lucid_assert_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
    abort();
}

const char *lucid_error_name(enum lucid_error error)
{
    switch (error) {
    case LUCID_OK:
        return "ok";
    case LUCID_NOTE_ABSENT:
        return "absent";
    case LUCID_NOTE_ERASED:
        return "erased";
    case LUCID_NOTE_END:
        return "end";
    case LUCID_REFUSE_INVALID:
        return "invalid";
    case LUCID_REFUSE_TOO_LARGE:
        return "too large";
    case LUCID_REFUSE_CONFLICT:
        return "conflict";
    case LUCID_REFUSE_FORBIDDEN:
        return "forbidden";
    case LUCID_REFUSE_UNKNOWN_KEY:
        return "unknown key";
    case LUCID_RETRY_BUSY:
        return "busy";
    case LUCID_RETRY_FULL:
        return "full";
    case LUCID_RETRY_MEMORY:
        return "out of memory";
    case LUCID_RETRY_IO:
        return "input or output failed";
    case LUCID_FATAL_STORE:
        return "store failed";
    case LUCID_FATAL_CORRUPT:
        return "corrupt";
    case LUCID_FATAL_NEWER:
        return "written by a newer program";
    }
    return "unknown error";
}

enum lucid_error lucid_refuse(struct lucid_why *why, enum lucid_error error, const char *code,
                              const char *param, const char *format, ...)
{
    lucid_assert(error != LUCID_OK);
    if (why == NULL) {
        return error;
    }
    why->code = code;
    why->offset = 0;
    snprintf(why->param, sizeof(why->param), "%s", param == NULL ? "" : param);
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return error;
}
