/* Auditors that sign what tests let them say. */
#ifndef LUCID_TESTS_UNIT_VERIFIER_CLAIMS_KIT_H
#define LUCID_TESTS_UNIT_VERIFIER_CLAIMS_KIT_H

#include "ledger/ed25519.h"
#include "plugins/verifier/rules.h"
#include "tests/unit/verifier/document_kit.h"

#define KIT_TIME_S UINT64_C(1790000000) /* 2026-09-21T14:13:20Z */
#define KIT_TIME   "2026-09-21T14:13:20.000Z"

static inline struct ledger_ed25519_key kit_key(uint8_t byte)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_ed25519_key key;
    memset(seed, byte, sizeof(seed));
    ledger_ed25519_key_init(seed, &key);
    return key;
}

static inline bool kit_verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                              const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

/* The text signed by key_of(byte), in the arena. */
static inline struct lucid_span kit_sign(const char *text, uint8_t byte, struct lucid_arena *arena)
{
    struct lucid_buf plain = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(byte);
    struct lucid_span input;
    struct lucid_span ret;
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    kit_text(text, NULL, NULL, &plain);
    assert_int_equal(
        document_signing_input(lucid_buf_span(&plain), key.public_key, arena, &input, NULL),
        LUCID_OK);
    ledger_ed25519_sign(&key, input, signature);
    assert_int_equal(
        document_signed(lucid_buf_span(&plain), key.public_key, signature, arena, &ret, NULL),
        LUCID_OK);
    lucid_buf_fini(&plain);
    return ret;
}

/* A claims document of auditor "a<byte>", signed with key_of(byte); claims: "'x':1,'y':'z'" as
 * {'name','value'} pairs are written by the caller in full. */
static inline struct lucid_span kit_claims(uint8_t byte, const char *phase, const char *decision,
                                           const char *claims, const char *more,
                                           struct lucid_arena *arena)
{
    struct lucid_buf text = {.bytes_max = 0};
    lucid_buf_printf(&text,
                     "{'type':'lucid.attestation.claims/v1','schemaVersion':'1.0',"
                     "'auditor':{'id':'a%u'},'phase':'%s','decision':'%s','issuedAt':'" KIT_TIME
                     "',"
                     "'claims':[%s]%s}",
                     byte, phase, decision, claims, more);
    lucid_buf_char(&text, '\0');
    struct lucid_span ret = kit_sign((const char *)text.data, byte, arena);
    lucid_buf_fini(&text);
    return ret;
}

/* One claim. */
#define KIT_CLAIM(name, value)                                                                     \
    "{'name':'" name "','type':'other','value':" value ",'timestamp':'" KIT_TIME "'}"

/* A policy that names the auditors a1 … a4 with their keys; rest: further members with a comma
 * before them. */
static inline void kit_policy(const char *rest, struct lucid_arena *arena, struct policy *ret)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf plain = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    lucid_buf_str(&text, "{'type':'lucid.attestation.policy/v1','name':'p','auditors':[");
    for (uint8_t byte = 1; byte <= 4; byte++) {
        struct ledger_ed25519_key key = kit_key(byte);
        lucid_buf_printf(&text, "%s{'id':'a%u','publicKey':'", byte == 1 ? "" : ",", byte);
        lucid_buf_base64(&text, key.public_key, sizeof(key.public_key));
        lucid_buf_str(&text, "'}");
    }
    lucid_buf_printf(&text, "]%s}", rest);
    lucid_buf_char(&text, '\0');
    enum lucid_error error =
        policy_parse(kit_text((const char *)text.data, NULL, NULL, &plain), arena, ret, &why);
    if (error != LUCID_OK) {
        print_message("%s: %s %s\n", rest, why.param, why.text);
    }
    assert_int_equal(error, LUCID_OK);
    lucid_buf_fini(&plain);
    lucid_buf_fini(&text);
}

#endif
