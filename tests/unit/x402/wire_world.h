/* What the tests of headers and offers share: Base Sepolia as the vectors have it, and an offer for
 * 0.01 USDC. Header only. */
#ifndef LUCID_TESTS_UNIT_X402_WIRE_WORLD_H
#define LUCID_TESTS_UNIT_X402_WIRE_WORLD_H

#include "base/sha256.h"
#include "tests/unit/x402/evm_vectors.h"
#include "x402/offer.h"

#define WIRE_PAYEE    "0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82"
#define WIRE_PAYER    "0xf9f957F9D96ff7dBA56F4f91a9C3B20b8c6bA187"
#define WIRE_STRANGER "0x234f00D692B0cbd24446fEEc3a1E9b6810747C4f"
#define WIRE_RESOURCE "http://127.0.0.1:18604/paid"
#define WIRE_NOW_MS   ((uint64_t)1795290259 * 1000)
#define WIRE_KEYS                                                                                  \
    "00000001 1111111111111111111111111111111111111111111111111111111111111111 1\n"                \
    "00000002 2222222222222222222222222222222222222222222222222222222222222222 2\n"

#define RANDOM "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b."
static const uint8_t wire_random[X402_CHALLENGE_RANDOM_BYTES] = {11, 11, 11, 11, 11, 11, 11, 11,
                                                                 11, 11, 11, 11, 11, 11, 11, 11};

static inline struct evm_address wire_address(const char *text)
{
    struct evm_address address;
    assert_true(evm_address_parse(lucid_span_str(text), &address));
    return address;
}

static inline const struct x402_network *wire_network(void)
{
    static struct x402_network network;
    assert_true(x402_network_known(lucid_span_str("base-sepolia"), &network));
    return &network;
}

static inline struct x402_terms wire_terms(void)
{
    struct x402_terms terms = {
        .origin = lucid_span_str("lucid.example/log"),
        .asset = lucid_span_str("proof"),
        .network = wire_network(),
        .pay_to = wire_address(WIRE_PAYEE),
        .amount = 10000,
        .price_version = 3,
        .method = lucid_span_str("GET"),
        .resource = lucid_span_str(WIRE_RESOURCE),
        .path = lucid_span_str("/paid"),
    };
    lucid_sha256(lucid_span(NULL, 0), terms.body_sha256);
    return terms;
}

static inline struct x402_keys *wire_keys(const char *text)
{
    struct x402_keys *keys = NULL;
    assert_int_equal(x402_keys_parse(lucid_span_str(text), &keys, NULL), LUCID_OK);
    return keys;
}

/* The header value of a JSON text. */
static inline struct lucid_span wire_base64(const char *json, struct lucid_buf *out)
{
    lucid_buf_clear(out);
    lucid_buf_base64(out, json, strlen(json));
    assert_true(lucid_buf_ok(out));
    return lucid_buf_span(out);
}

#endif
