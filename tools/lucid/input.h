/* Records out of files, directories and standard input: top-level JSON objects one after the other
 * (NDJSON, pretty-printed, or inside one top-level array), cut out without understanding more than
 * braces and strings. What a record says is judged by base/jcs afterwards. */
#ifndef LUCID_TOOLS_INPUT_H
#define LUCID_TOOLS_INPUT_H

#include <stdio.h>

#include "base/buf.h"

#define INPUT_RECORD_BYTES_MAX ((size_t)512 * 1024)

struct input_record {
    struct lucid_span text; /* good until the next input_next */
    const char *name;       /* of the file; good until input_close */
    uint64_t line;          /* where it starts, from 1 */
};

struct input;

/* names: files, directories (their *.json and *.ndjson, sorted by name, not deeper), "-" for
 * standard input. Errors: LUCID_REFUSE_INVALID (not there, not readable; why->param is the name),
 * LUCID_RETRY_MEMORY. */
enum lucid_error input_open(char *const *names, size_t count, struct input **ret,
                            struct lucid_why *why) LUCID_WARN_UNUSED;
void input_close(struct input *input);

/* The next record. LUCID_NOTE_END after the last. LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE with
 * name and line in why->text; LUCID_RETRY_IO; LUCID_RETRY_MEMORY. */
enum lucid_error input_next(struct input *input, struct input_record *ret,
                            struct lucid_why *why) LUCID_WARN_UNUSED;

/* Bytes taken so far, and bytes in all (0: not known, there is a pipe among them). */
void input_progress(const struct input *input, uint64_t *ret_bytes, uint64_t *ret_total);

#endif
