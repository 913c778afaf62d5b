#include "x402/row_walk.h"

#include <string.h>

#include "base/bytes.h"

void row_walk_bytes(struct row_walk *walk, void *data, size_t len)
{
    if (!walk->ok || len > walk->left) {
        walk->ok = false;
        return;
    }
    if (walk->reading) {
        memcpy(data, walk->from, len);
        walk->from += len;
    } else {
        memcpy(walk->to, data, len);
        walk->to += len;
    }
    walk->left -= len;
}

void row_walk_u64(struct row_walk *walk, uint64_t *value)
{
    uint8_t bytes[8];
    lucid_put_be64(bytes, *value);
    row_walk_bytes(walk, bytes, sizeof(bytes));
    if (walk->ok) {
        *value = lucid_get_be64(bytes);
    }
}

void row_walk_bool(struct row_walk *walk, bool *value)
{
    uint8_t byte = *value ? 1 : 0;
    row_walk_bytes(walk, &byte, 1);
    walk->ok = walk->ok && byte <= 1;
    *value = byte == 1;
}

unsigned row_walk_small(struct row_walk *walk, unsigned value, unsigned max)
{
    uint8_t byte = (uint8_t)value;
    row_walk_bytes(walk, &byte, 1);
    walk->ok = walk->ok && byte <= max;
    return byte;
}

void row_walk_text(struct row_walk *walk, char *text, size_t size)
{
    uint8_t bytes[2];
    size_t len = walk->reading ? 0 : strlen(text);
    lucid_put_be16(bytes, (uint16_t)len);
    row_walk_bytes(walk, bytes, sizeof(bytes));
    len = lucid_get_be16(bytes);
    if (len >= size) {
        walk->ok = false;
        return;
    }
    row_walk_bytes(walk, text, len);
    text[len] = '\0';
}
