#include "ledger/event.h"

#include "base/assert.h"
#include "base/sha256.h"

void event_header_encode(const struct store_event *event, uint8_t ret[EVENT_HEADER_BYTES])
{
    lucid_assert(event->type.len > 0 && event->type.len <= STORE_TYPE_BYTES_MAX);
    memset(ret, 0, EVENT_HEADER_BYTES);
    lucid_put_be64(ret, event->sequence);
    lucid_put_be64(ret + 8, event->time_ms);
    memcpy(ret + 16, event->type.data, event->type.len);
    lucid_put_be16(ret + 48, event->version);
}

void event_hash(const uint8_t before[STORE_HASH_BYTES], const struct store_event *event,
                uint8_t ret[STORE_HASH_BYTES])
{
    /* One contiguous buffer: the hash of so few bytes costs less than feeding it in parts. */
    uint8_t block[STORE_HASH_BYTES + EVENT_HEADER_BYTES + LUCID_SHA256_BYTES + STORE_ENTRY_BYTES];
    size_t len = 0;
    memcpy(block, before, STORE_HASH_BYTES);
    len += STORE_HASH_BYTES;
    event_header_encode(event, block + len);
    len += EVENT_HEADER_BYTES;
    lucid_sha256(event->payload, block + len);
    len += LUCID_SHA256_BYTES;
    if (event->entry != NULL) {
        memcpy(block + len, event->entry, STORE_ENTRY_BYTES);
        len += STORE_ENTRY_BYTES;
    }
    lucid_sha256(lucid_span(block, len), ret);
}

void event_hash_first(const char *origin, uint8_t ret[STORE_HASH_BYTES])
{
    lucid_sha256(lucid_span_str(origin), ret);
}
