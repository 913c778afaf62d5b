/* What the files of base/jcs share. */
#ifndef LUCID_BASE_JCS_JCS_INTERNAL_H
#define LUCID_BASE_JCS_JCS_INTERNAL_H

#include "base/jcs/jcs.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "byte scans load little-endian words");

/* Siblings are linked twice: as they stand in the document, and as they are to be written. The
 * parent link spares reader and writer a stack. */
struct jcs_value {
    struct jcs_value *next;         /* document order */
    struct jcs_value *written_next; /* canonical order; the same in arrays */
    struct jcs_value *parent;
    const uint8_t *name; /* NULL in arrays and at the root */
    uint64_t name_key;   /* first 8 bytes of the name, so that integer order is UTF-16 order */
    uint32_t name_len;
    uint32_t name_at; /* offset of the name's opening quote */
    uint32_t count;   /* members or elements */
    uint8_t type;     /* enum jcs_type */
    bool plain;       /* a string that holds nothing to escape */
    bool name_plain;
    bool disordered; /* an object whose members did not ascend in the document */
    union {
        double number;
        struct {
            const uint8_t *data;
            size_t len;
        } string;
        struct {
            struct jcs_value *first;
            /* While the container is open: the newest child. Closed: the first to be written. */
            struct jcs_value *mark;
        } inner;
    } as;
};

/* The text of a string token after unescaping. */
struct jcs_text {
    const uint8_t *data;
    size_t len;
    bool plain; /* points into the document, which holds no escapes here */
};

struct jcs_reader {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *start;
    struct lucid_arena *arena;
    struct lucid_why *why;
    const struct jcs_value *place; /* what is being read, for the path in a refusal */
    struct jcs_value *spare;       /* values allocated ahead */
    uint32_t spare_count;
    uint32_t values_left;
    uint32_t depth_left;
};

/* Refuses at a byte of the document; the path is that of reader->place. text is a sentence. */
enum lucid_error jcs_reader_refuse(const struct jcs_reader *reader, const uint8_t *at,
                                   const char *text);

/* Reads a string token; reader->at stands on the opening quote and ends behind the closing one. */
enum lucid_error jcs_string_read(struct jcs_reader *reader, struct jcs_text *ret);

/* Reads a number token at reader->at. */
enum lucid_error jcs_number_read(struct jcs_reader *reader, double *ret);

/* The length (1 to 4) of the well-formed UTF-8 character at at, or 0 (Unicode 15, table 3-7). */
size_t jcs_utf8_length(const uint8_t *at, const uint8_t *end);

/* Sets value->name_key. Up to 8 bytes behind the name are read where readable_end allows it. */
void jcs_order_key(struct jcs_value *value, const uint8_t *readable_end);

/* Below, at or above 0 as a's name sorts before, with or after b's by UTF-16 code units. */
int jcs_order_compare(const struct jcs_value *a, const struct jcs_value *b);

/* Sorts the members of an object (as.inner.first, linked by next) into written_next order and
 * returns the first to be written. *ret_twice: the earliest member whose name came before, or
 * NULL. */
struct jcs_value *jcs_order_sort(struct jcs_value *object, const struct jcs_value **ret_twice);

#endif
