/* Rows of the market's kinds as bytes: one walk over the members of a struct writes them or reads
 * them, so that both always agree. Numbers are big-endian. Pure; any thread. */
#ifndef LUCID_X402_ROW_WALK_H
#define LUCID_X402_ROW_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_walk {
    bool reading;
    bool ok; /* set before; false once something did not fit or cannot be */
    uint8_t *to;
    const uint8_t *from;
    size_t left; /* bytes at `to` or `from` */
};

void row_walk_bytes(struct row_walk *walk, void *data, size_t len);
void row_walk_u64(struct row_walk *walk, uint64_t *value);
void row_walk_bool(struct row_walk *walk, bool *value);
/* One byte, a number of at most that; what it is now. */
unsigned row_walk_small(struct row_walk *walk, unsigned value, unsigned max);
/* Length u16 ‖ bytes, in an array of size bytes, NUL-terminated there. */
void row_walk_text(struct row_walk *walk, char *text, size_t size);

#endif
