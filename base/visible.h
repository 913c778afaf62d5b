/* Characters that are not seen and change how others are: on a terminal, on a page, for a reader.
 *
 * Thread: pure functions. */
#ifndef LUCID_BASE_VISIBLE_H
#define LUCID_BASE_VISIBLE_H

#include "base/bytes.h"

/* The length in bytes of the character with which text begins, if it is such a one: a control
 * character (C0, DEL, C1), one that turns the direction of writing or isolates it (Unicode UAX #9:
 * U+061C, U+200E, U+200F, U+202A … U+202E, U+2066 … U+2069), or one that ends a line or paragraph
 * (U+2028, U+2029). 0: it is none. ret_point: its code point. */
size_t lucid_unseen(struct lucid_span text, uint32_t *ret_point) LUCID_WARN_UNUSED;

/* Whether text has any such character. */
bool lucid_has_unseen(struct lucid_span text);

#endif
