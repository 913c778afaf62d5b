/* A bounded reader of DER (ITU-T X.690): one element after the other from a span, strict.
 *
 * Accepted: definite lengths in their shortest form of at most 4 octets, tags of one octet.
 * Refused: everything else, so that one value has one encoding. Nothing recurses: who wants the
 * inside of an element reads its value as a span of its own.
 *
 * Thread: pure functions over the caller's memory; what comes out points into what went in. */
#ifndef LUCID_PLUGINS_VERIFIER_CRYPTO_DER_H
#define LUCID_PLUGINS_VERIFIER_CRYPTO_DER_H

#include "base/bytes.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_IA5_STRING = 0x16,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};

struct der_item {
    uint8_t tag;
    struct lucid_span value; /* without tag and length */
    struct lucid_span whole; /* with them */
};

/* Takes the next element from the front of *at. False: at the end, or not DER; *at and *ret are
 * then untouched. */
bool der_next(struct lucid_span *at, struct der_item *ret) LUCID_WARN_UNUSED;

/* The same, and it must have that tag. */
bool der_take(struct lucid_span *at, uint8_t tag, struct lucid_span *ret_value) LUCID_WARN_UNUSED;

/* One element of that tag and nothing after it. */
bool der_only(struct lucid_span data, uint8_t tag, struct lucid_span *ret_value) LUCID_WARN_UNUSED;

/* An INTEGER and nothing after it: not negative, shortest form (02 02 00 d9 is 217), below 2^64. */
bool der_uint(struct lucid_span data, uint64_t *ret) LUCID_WARN_UNUSED;

/* An IA5String and nothing after it, of printable ASCII only. */
bool der_ia5(struct lucid_span data, struct lucid_span *ret) LUCID_WARN_UNUSED;

#endif
