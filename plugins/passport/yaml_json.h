/* YAML as JSON: what the strict reader of documents (plugins/verifier/field.h) can read, with its
 * bounds and dotted names, and the line at which each value stood.
 *
 * A subset of YAML 1.2 that says the same to every reader (docs/decisions/0045): block and flow
 * forms, quoted and plain scalars, comments, several documents. Plain scalars have the types of the
 * core schema: null, true, false, whole numbers, decimal fractions; anything else is text, also
 * yes, no, on and off. Refused: anchors, aliases, tags, merge keys, keys that are no text, numbers
 * in forms that JSON has not (0x1f, 007, +1, .inf), line ends other than LF and CR LF. Member names
 * that stand twice are left to the reader of the JSON.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_PASSPORT_YAML_JSON_H
#define LUCID_PLUGINS_PASSPORT_YAML_JSON_H

#include "base/buf.h"

#define YAML_JSON_DEPTH_MAX  24
#define YAML_JSON_VALUES_MAX 16000 /* of all documents, keys not counted */

struct yaml_json {
    const char *name;
    struct lucid_buf text; /* {"NAME":[document,document…]}; empty documents are left out */
    size_t documents;
    struct lucid_buf nodes; /* where the values stood */
    struct lucid_buf names;
};

/* Reads a stream. name has static storage. *ret is the caller's to finish, also after an error
 * (zero-initialised before). At most bytes_max bytes of text. LUCID_REFUSE_INVALID (code; the text
 * names the line); LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error yaml_json_read(struct lucid_span text, const char *name, size_t bytes_max,
                                const char *code, struct yaml_json *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* The line (from 1) of the value with that dotted name ("NAME[1].spec.list[0]"), or of the
 * innermost there is around it; 0: none. */
size_t yaml_json_line(const struct yaml_json *json, const char *param);

/* Frees what was read; it is empty afterwards. */
void yaml_json_fini(struct yaml_json *json);

#endif
