/* Spans of bytes, big-endian numbers, hex and base64. */
#ifndef LUCID_BASE_BYTES_H
#define LUCID_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* The struct whose member the pointer points to: how a callback finds what it belongs to. */
#define lucid_owner(pointer, type, member)                                                         \
    ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))
#define lucid_owner_const(pointer, type, member)                                                   \
    ((const type *)(const void *)((const uint8_t *)(pointer)-offsetof(type, member)))

/* Borrowed bytes. The function that hands one out says how long it is good. */
struct lucid_span {
    const uint8_t *data;
    size_t len;
};

static inline struct lucid_span lucid_span(const void *data, size_t len)
{
    return (struct lucid_span){.data = (const uint8_t *)data, .len = len};
}

/* The bytes of a NUL-terminated string, without the NUL. */
static inline struct lucid_span lucid_span_str(const char *text)
{
    return lucid_span(text, strlen(text));
}

/* Not for secrets: takes as long as the bytes agree. */
static inline bool lucid_span_equal(struct lucid_span a, struct lucid_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool lucid_span_is(struct lucid_span a, const char *text)
{
    return lucid_span_equal(a, lucid_span_str(text));
}

/* Equality of two secrets of len bytes; the time depends on len only. */
bool lucid_secret_equal(const void *a, const void *b, size_t len) LUCID_WARN_UNUSED;

/* Overwrites len bytes in a way that the compiler cannot drop. */
void lucid_wipe(void *data, size_t len);

/* Fills data with len bytes from the system's generator. */
void lucid_random(void *data, size_t len);

#define LUCID_HASH_KEY_BYTES 16
/* SipHash-2-4: for tables that outsiders may try to crowd. Not for anything that is kept. */
uint64_t lucid_keyed_hash(const uint8_t key[LUCID_HASH_KEY_BYTES], struct lucid_span data);

static inline void lucid_put_be16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static inline void lucid_put_be32(uint8_t *out, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(out, &value, sizeof(value));
}

static inline void lucid_put_be64(uint8_t *out, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(out, &value, sizeof(value));
}

static inline uint16_t lucid_get_be16(const uint8_t *in)
{
    return (uint16_t)((uint16_t)(in[0] << 8) | in[1]);
}

static inline uint32_t lucid_get_be32(const uint8_t *in)
{
    uint32_t value;
    memcpy(&value, in, sizeof(value));
    return __builtin_bswap32(value);
}

static inline uint64_t lucid_get_be64(const uint8_t *in)
{
    uint64_t value;
    memcpy(&value, in, sizeof(value));
    return __builtin_bswap64(value);
}

/* Without the spaces and tabs around it. */
struct lucid_span lucid_span_trim(struct lucid_span text);

/* Writes 2 * len lower-case digits to out, without a NUL. */
void lucid_hex_encode(const void *data, size_t len, char *out);

/* Reads exactly len bytes from 2 * len lower-case hex digits (upper case is refused: CONTRACT says
 * hex is lower case). False on anything else; out is then untouched. */
bool lucid_hex_decode(struct lucid_span text, void *out, size_t len) LUCID_WARN_UNUSED;

/* Whether text is exactly digits lower-case hex digits. */
bool lucid_is_hex(struct lucid_span text, size_t digits) LUCID_WARN_UNUSED;

/* Length of the standard padded base64 form of len bytes. */
static inline size_t lucid_base64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Writes the standard padded base64 form to out (lucid_base64_len(len) characters, no NUL). */
void lucid_base64_encode(const void *data, size_t len, char *out);

/* Decodes strict standard padded base64 (no white space, no missing padding, zero trailing bits)
 * into at most max bytes. False on anything else. */
bool lucid_base64_decode(struct lucid_span text, void *out, size_t max,
                         size_t *ret_len) LUCID_WARN_UNUSED;

#endif
