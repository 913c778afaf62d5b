/* Members of a strict JSON document: read with their bounds, refused with their dotted name.
 *
 * A reading keeps its first refusal; whatever is read after that fails at once. So a parser reads
 * member after member and looks at the end. All functions but field_refuse return whether the
 * reading is still good; an absent optional member leaves *ret as it is.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_FIELD_H
#define LUCID_PLUGINS_VERIFIER_FIELD_H

#include "base/arena.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

struct field_reading {
    const char *code; /* of its refusals: "INVALID_POLICY"; static storage */
    struct lucid_arena *arena;
    struct lucid_why *why;
    enum lucid_error error; /* LUCID_OK until the first refusal */
};

/* A place in the document. Lives on the caller's stack, and its `up` must outlive it. */
struct field {
    struct field_reading *reading;
    const struct field *up;        /* NULL: the document itself */
    const struct jcs_value *value; /* NULL: not there */
    struct lucid_span name;        /* of a member; data NULL: an element */
    size_t index;                  /* of an element */
};

/* Parses text (copied into the arena first) with at most depth_max levels and bytes_max bytes.
 * LUCID_REFUSE_TOO_LARGE: BODY_TOO_LARGE; LUCID_REFUSE_INVALID: INVALID_JSON, or the reading's code
 * for a document that is no object. *ret is the place of the document. */
enum lucid_error field_parse(struct field_reading *reading, struct lucid_span text,
                             size_t bytes_max, uint32_t depth_max,
                             struct field *ret) LUCID_WARN_UNUSED;

/* Refuses the place, once; the text is a sentence by printf. Returns false. */
bool field_refuse(const struct field *at, const char *format, ...) LUCID_PRINTF(2, 3);
/* Memory of the reading's arena, zeroed; NULL: the reading has failed with LUCID_RETRY_MEMORY. */
void *field_alloc(const struct field *at, size_t len);

/* The place of a member, there or not; of the next member or element (at: the one before, NULL:
 * the first). field_next: false at the end. */
struct field field_member(const struct field *object, const char *name);
bool field_next(const struct field *container, struct field *at);
/* A place before the first member or element, for field_next. */
struct field field_walk(const struct field *container);

/* It is there. */
bool field_required(const struct field *at);
/* It is an object whose members all are in names (ends with NULL). names NULL: any. */
bool field_object(const struct field *at, const char *const *names);
/* It is an array of min … max elements. */
bool field_array(const struct field *at, size_t min, size_t max);

/* Optional members. */
bool field_bool(const struct field *at, bool *ret);
bool field_uint(const struct field *at, uint64_t min, uint64_t max, uint64_t *ret);
/* Text of min … max bytes without control characters; borrowed from the document. */
bool field_text(const struct field *at, size_t min, size_t max, struct lucid_span *ret);
/* A name for programs: 1 … max of A-Z a-z 0-9 . _ : -, not beginning with a mark. */
bool field_name(const struct field *at, size_t max, struct lucid_span *ret);
/* One of the words (ends with NULL); its index. */
bool field_choice(const struct field *at, const char *const *words, size_t *ret);
/* The member "type" of a document, which must be there and be this name. */
bool field_type(const struct field *document, const char *name);
/* Lower-case hex of min … max bytes, decoded into the arena. */
bool field_hex(const struct field *at, size_t min, size_t max, struct lucid_span *ret);
/* "sha256:" and 64 lower-case hex digits. */
bool field_digest(const struct field *at, uint8_t ret[LUCID_SHA256_BYTES]);
/* Standard padded base64 of exactly len bytes. */
bool field_base64(const struct field *at, size_t len, uint8_t *ret);
/* RFC 3339 UTC, seconds or milliseconds ("2026-11-21T10:00:00Z", "…00.000Z"), from 1970 to 9999;
 * Unix ms. */
bool field_time(const struct field *at, uint64_t *ret_ms);
/* The same of text. False: it is no such time. */
bool field_time_read(struct lucid_span text, uint64_t *ret_ms) LUCID_WARN_UNUSED;

/* Members that must be there: their place, and what the functions above read. */
struct field field_must(const struct field *object, const char *name);
bool field_must_bool(const struct field *object, const char *name, bool *ret);
bool field_must_uint(const struct field *object, const char *name, uint64_t max, uint64_t *ret);
bool field_must_text(const struct field *object, const char *name, size_t min, size_t max,
                     struct lucid_span *ret);
bool field_must_digest(const struct field *object, const char *name,
                       uint8_t ret[LUCID_SHA256_BYTES]);

#endif
