/* RFC 8785 JSON (JCS): a strict one-pass reader and the canonical writer.
 *
 * The reader refuses instead of repairing (CONTRACT 1): duplicate member names (compared after
 * unescaping), invalid UTF-8, lone surrogates, numbers beyond an IEEE double, integer literals (no
 * `.`, no exponent) beyond ±(2^53−1) unless they are the canonical form of their double, nesting
 * over the limit, anything after the document (white space excepted).
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_BASE_JCS_JCS_H
#define LUCID_BASE_JCS_JCS_H

#include "base/arena.h"
#include "base/buf.h"

enum jcs_type {
    JCS_NULL,
    JCS_FALSE,
    JCS_TRUE,
    JCS_NUMBER,
    JCS_STRING,
    JCS_ARRAY,
    JCS_OBJECT,
};

/* One value of a parsed document. Opaque but for these accessors; lives in the arena given to
 * jcs_parse, and may point into the text that was parsed: both must outlive it. */
struct jcs_value;

struct jcs_limits {
    uint32_t depth_max;  /* nesting; a document that is one array or object has depth 1 */
    uint32_t values_max; /* values in all, member names not counted */
};

/* Parses the whole text. Refusals carry the code INVALID_JSON, the offset, and where the fault lies
 * inside a member or element its path in why->param: "body.list[3].name", control characters as
 * `?`, cut at a character and ended by `...` where it does not fit. Errors: LUCID_REFUSE_INVALID;
 * LUCID_REFUSE_TOO_LARGE over values_max, or for a text of 4 GiB; LUCID_RETRY_MEMORY (why
 * untouched). */
enum lucid_error jcs_parse(struct lucid_span text, const struct jcs_limits *limits,
                           struct lucid_arena *arena, const struct jcs_value **ret_root,
                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* Which of the seven it is. */
enum jcs_type jcs_type(const struct jcs_value *value);

/* The member of an object, or NULL when value is NULL, no object, or has no such member. */
const struct jcs_value *jcs_member(const struct jcs_value *object, const char *name);

/* Walks the members or elements in document order: NULL starts, NULL ends. */
const struct jcs_value *jcs_next(const struct jcs_value *container, const struct jcs_value *at);

/* The number of members or elements; 0 for anything else. */
size_t jcs_count(const struct jcs_value *container);

/* The name (unescaped UTF-8) under which a value stands in its object; {NULL, 0} in an array. */
struct lucid_span jcs_name(const struct jcs_value *value);

/* The unescaped UTF-8 text of a JCS_STRING. Asserts the type. */
struct lucid_span jcs_string(const struct jcs_value *value);

/* The value of a JCS_NUMBER. Asserts the type. */
double jcs_number(const struct jcs_value *value);

/* Whether value is a number without fraction in 0 … 2^53−1 (1e3 and 1.0 count: JSON has one kind of
 * number), and which. */
bool jcs_uint(const struct jcs_value *value, uint64_t *ret) LUCID_WARN_UNUSED;

/* Appends the RFC 8785 form of value to out: members ordered by UTF-16 code units, shortest
 * ECMAScript numbers, no white space. Failure to grow is out's sticky error. */
void jcs_write(const struct jcs_value *value, struct lucid_buf *out);

#define JCS_NUMBER_BYTES_MAX 25

/* The ECMAScript Number::toString form of a finite double (RFC 8785 3.2.2.3): shortest digits that
 * read back, the closest of those, negative zero as "0". Returns the length; no NUL. Asserts that
 * number is finite. */
size_t jcs_number_format(double number, char out[JCS_NUMBER_BYTES_MAX]);

#endif
