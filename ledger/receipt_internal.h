/* What the files of the receipt kind share. */
#ifndef LUCID_LEDGER_RECEIPT_INTERNAL_H
#define LUCID_LEDGER_RECEIPT_INTERNAL_H

#include "ledger/receipt.h"

#define RECEIPT_EVENT_TYPE "receipt"

/* A `receipt` event's payload, version 1; integers big-endian:
 *
 *   0   32  signer's public key
 *   32   1  receipt type, enum receipt_type
 *   33   1  0
 *   34   8  timestamp, Unix seconds
 *   42   n  run_id, 10 to 128 bytes of ASCII
 */
#define RECEIPT_PAYLOAD_FIXED_BYTES 42

_Static_assert(RECEIPT_PAYLOAD_BYTES_MAX == RECEIPT_PAYLOAD_FIXED_BYTES + RECEIPT_RUN_ID_BYTES_MAX,
               "the public bound is that of this form");

struct receipt_payload {
    const uint8_t *signer; /* 32 bytes, in the payload */
    struct receipt_facts facts;
};

/* Writes the payload and returns its length. */
size_t receipt_payload_encode(const uint8_t signer[32], const struct receipt_facts *facts,
                              uint8_t out[RECEIPT_PAYLOAD_BYTES_MAX]);

/* Reads a payload; false when it is none. Spans point into it. */
bool receipt_payload_decode(struct lucid_span payload,
                            struct receipt_payload *ret) LUCID_WARN_UNUSED;

#endif
