/* The event hash of CONTRACT 2 against a computation with libsodium, and the header byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "ledger/event.h"
#include "tests/unit/ledger/core_world.h"

static uint8_t entry[STORE_ENTRY_BYTES];

static struct store_event event_of(uint64_t sequence, const char *type, const char *payload,
                                   bool with_entry)
{
    for (size_t i = 0; i < sizeof(entry); i++) {
        entry[i] = (uint8_t)(i * 3 + sequence);
    }
    return (struct store_event){
        .sequence = sequence,
        .time_ms = 0x0102030405060708,
        .type = lucid_span_str(type),
        .version = 0xa1b2,
        .payload = lucid_span_str(payload),
        .entry = with_entry ? entry : NULL,
    };
}

static void test_header(void **state)
{
    (void)state;
    struct store_event event = event_of(0x1122334455667788, "receipt", "x", true);
    static const uint8_t expected[EVENT_HEADER_BYTES] = {
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x01, 0x02, 0x03, 0x04, 0x05,
        0x06, 0x07, 0x08, 'r',  'e',  'c',  'e',  'i',  'p',  't',  0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0xa1, 0xb2,
    };
    uint8_t header[EVENT_HEADER_BYTES];
    memset(header, 0xff, sizeof(header));
    event_header_encode(&event, header);
    assert_memory_equal(header, expected, sizeof(expected));
    /* A name of the full width leaves no padding. */
    event.type = lucid_span_str("abcdefghijklmnopqrstuvwxyz012345");
    event_header_encode(&event, header);
    assert_memory_equal(header + 16, "abcdefghijklmnopqrstuvwxyz012345", 32);
    assert_int_equal(header[48], 0xa1);
}

/* The contract's formula in parts, each fed on its own. */
static void hash_independent(const uint8_t before[32], const struct store_event *event,
                             uint8_t ret[32])
{
    crypto_hash_sha256_state hash;
    uint8_t number[8];
    uint8_t inner[32];
    uint8_t type[32] = {0};
    crypto_hash_sha256_init(&hash);
    crypto_hash_sha256_update(&hash, before, 32);
    for (size_t i = 0; i < 8; i++) {
        number[i] = (uint8_t)(event->sequence >> (56 - 8 * i));
    }
    crypto_hash_sha256_update(&hash, number, 8);
    for (size_t i = 0; i < 8; i++) {
        number[i] = (uint8_t)(event->time_ms >> (56 - 8 * i));
    }
    crypto_hash_sha256_update(&hash, number, 8);
    memcpy(type, event->type.data, event->type.len);
    crypto_hash_sha256_update(&hash, type, 32);
    number[0] = (uint8_t)(event->version >> 8);
    number[1] = (uint8_t)event->version;
    crypto_hash_sha256_update(&hash, number, 2);
    crypto_hash_sha256(inner, event->payload.data, event->payload.len);
    crypto_hash_sha256_update(&hash, inner, 32);
    if (event->entry != NULL) {
        crypto_hash_sha256_update(&hash, event->entry, STORE_ENTRY_BYTES);
    }
    crypto_hash_sha256_final(&hash, ret);
}

static void test_hash(void **state)
{
    (void)state;
    static const char *const types[] = {"a", "receipt", "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const payloads[] = {"", "x", "{\"a\":1}"};
    uint8_t before[32];
    for (size_t i = 0; i < 18; i++) {
        struct store_event event =
            event_of(i + 1, types[i % 3], payloads[i / 3 % 3], i / 9 % 2 == 0);
        uint8_t expected[32];
        uint8_t hash[32];
        memset(before, (int)i, sizeof(before));
        hash_independent(before, &event, expected);
        event_hash(before, &event, hash);
        assert_memory_equal(hash, expected, sizeof(expected));
        /* In place, as a chain is walked. */
        event_hash(before, &event, before);
        assert_memory_equal(before, expected, sizeof(expected));
    }
}

static void test_hash_first(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t hash[32];
    crypto_hash_sha256(expected, (const uint8_t *)"example.com/core", 16);
    event_hash_first("example.com/core", hash);
    assert_memory_equal(hash, expected, sizeof(expected));
}

struct chain {
    uint8_t hash[32];
    uint64_t events;
    uint64_t entries;
};

static enum lucid_error chain_event(void *context, const struct store_event *event)
{
    struct chain *chain = context;
    uint8_t expected[32];
    hash_independent(chain->hash, event, expected);
    assert_memory_equal(event->hash, expected, sizeof(expected));
    memcpy(chain->hash, expected, sizeof(expected));
    chain->events++;
    chain->entries += event->entry != NULL;
    return LUCID_OK;
}

/* What a ledger appends is that chain from event 1 on. */
static void test_chain(void **state)
{
    (void)state;
    struct core_world world;
    struct chain chain = {.events = 0};
    core_world_init(&world);
    core_world_start(&world);
    core_leaves_log(&world, 0, 150);
    core_leaves_log(&world, 150, 7);
    crypto_hash_sha256(chain.hash, (const uint8_t *)CORE_ORIGIN, sizeof(CORE_ORIGIN) - 1);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_scan(ledger_view_store(world.view), 1, chain_event, &chain),
                     LUCID_OK);
    ledger_view_end(world.view);
    assert_int_equal(chain.entries, 157);
    assert_int_equal(chain.events, 1 + 157 + 2); /* log.init, the epoch's close and its head */
    core_world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hash_first),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests_name("core event", tests, NULL, NULL);
}
