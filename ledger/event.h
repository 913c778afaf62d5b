/* The event hash (CONTRACT 2):
 *
 *   h_0 = SHA-256(origin)
 *   h_n = SHA-256(h_{n−1} ‖ header ‖ SHA-256(payload) ‖ entry or nothing)
 *   header = sequence u64 ‖ time in ms u64 ‖ type zero-padded to 32 bytes ‖ version u16, big-endian
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_EVENT_H
#define LUCID_LEDGER_EVENT_H

#include "ledger/store/store.h"

#define EVENT_HEADER_BYTES 50

/* The 50 hashed header bytes. */
void event_header_encode(const struct store_event *event, uint8_t ret[EVENT_HEADER_BYTES]);

/* The event's hash after the one before; event->hash is not read. */
void event_hash(const uint8_t before[STORE_HASH_BYTES], const struct store_event *event,
                uint8_t ret[STORE_HASH_BYTES]);

/* h_0 of a log. */
void event_hash_first(const char *origin, uint8_t ret[STORE_HASH_BYTES]);

#endif
