/* Passports as tests write them: a good one, changed in one place, signed by a key of the test. */
#ifndef LUCID_TESTS_UNIT_PASSPORT_KIT_H
#define LUCID_TESTS_UNIT_PASSPORT_KIT_H

#include "base/base64url.h"
#include "ledger/ed25519.h"
#include "plugins/passport/verify.h"
#include "tests/unit/verifier/document_kit.h"
#include "tests/unit/verifier/files.h"

#define KIT_ISSUED_S  1790000000U /* 2026-09-21T14:13:20Z */
#define KIT_EXPIRES_S (KIT_ISSUED_S + 30 * 86400U)
#define KIT_ID        "pass-aaaabbbbccccdddd"
#define KIT_ISSUER    "log.example/passport"
#define KIT_DIGEST    "sha256:" H32

/* The same bytes for every test that needs a signature: 64 of them. */
#define KIT_SIGNATURE                                                                              \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

/* Everything that is known stands in it. */
static const char kit_form[] =
    "{'$schema':'https://lucid.ai/schemas/passport/v1','passportId':'" KIT_ID "',"
    "'appName':'My app \xc3\xa9\xe2\x82\xac','version':'1.0.0',"
    "'issuedAt':'2026-09-21T14:13:20Z','expiresAt':'2026-10-21T14:13:20Z',"
    "'renewAfter':'2026-10-06T14:13:20Z','issuer':'" KIT_ISSUER "','application':'my-app',"
    "'tee':{'type':'AMD_SEV_SNP','measurementHash':'" KIT_DIGEST "','attestationQuote':'AAEC',"
    "'runtimeData':'e30=','measurement':{'alg':'sha384','value':'" H48 "'},"
    "'appraisal':{'id':'" H32 "','appraisedAt':'2026-09-21T14:10:00Z','status':'affirming',"
    "'earDigest':'" KIT_DIGEST "','policyId':'" KIT_DIGEST "','collateralDigest':'" KIT_DIGEST
    "'}},"
    "'appraisals':['" H32 "'],"
    "'auditors':[{'id':'pii','name':'PII filter','status':'active',"
    "'lastCheck':'2026-09-21T14:00:00Z','source':'bound','digest':'" KIT_DIGEST "','claims':'" H32
    "'}],"
    "'container':{'digest':'" KIT_DIGEST "','registry':'registry.example/app','source':'bound'},"
    "'slsa':{'level':3,'provenanceUri':'https://ci.example/p.jsonl','track':'SLSA_BUILD_LEVEL_3',"
    "'provenanceDigest':'" KIT_DIGEST "'},"
    "'endpoints':['https://app.example','https://app.example:8443'],"
    "'model':{'name':'m','digest':'" KIT_DIGEST "'},'routing':{'interactions':1},'workload':{},"
    "'display':{'mode':'banner'},"
    "'status':{'uri':'https://log.example/v1/passports/status','idx':7},"
    "'supersedes':'pass-111122223333','omitted':{'license':'" KIT_DIGEST "'},"
    "'is_mock':false,'test':false,'extra':{'of':['others',null,1.5]},"
    "'signature':{'algorithm':'Ed25519',"
    "'publicKey':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=','kid':'k','value':'" KIT_SIGNATURE
    "'}}";

static inline bool kit_ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                               const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static inline bool kit_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    ledger_ed25519_sign(context, message, ret);
    return true;
}

static inline struct ledger_ed25519_key kit_key(uint8_t number)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {number};
    struct ledger_ed25519_key key;
    ledger_ed25519_key_init(seed, &key);
    return key;
}

static inline struct lucid_span kit_kid(const struct ledger_ed25519_key *key,
                                        struct lucid_arena *arena)
{
    struct jose_key jwk = {.alg = JOSE_EDDSA};
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_buf out = {.bytes_max = 0};
    memcpy(jwk.x, key->public_key, sizeof(key->public_key));
    assert_true(jose_key_thumbprint(&jwk, hash));
    lucid_base64url_write(&out, lucid_span(hash, sizeof(hash)));
    struct lucid_span kid = lucid_arena_copy(arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return kid;
}

/* The good one with a change (document_kit.h), with the key's public half, signed by it. */
static inline struct lucid_span kit_signed(const char *from, const char *to,
                                           const struct ledger_ed25519_key *key,
                                           struct lucid_arena *arena)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf keyed = {.bytes_max = 0};
    struct passport draft;
    struct lucid_why why = {.code = NULL};
    struct lucid_span message;
    struct lucid_span form;
    uint8_t signature[64];
    char public_key[46] = "";
    lucid_base64_encode(key->public_key, 32, public_key);
    public_key[44] = '"';
    kit_text(kit_form, from, to, &text);
    lucid_buf_char(&text, '\0');
    kit_text((const char *)text.data, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", public_key,
             &keyed);
    if (passport_draft_read(lucid_buf_span(&keyed), arena, &draft, &why) != LUCID_OK) {
        fail_msg("%s: %s", why.param, why.text);
    }
    assert_int_equal(passport_signing_input(&draft, arena, &message), LUCID_OK);
    ledger_ed25519_sign(key, message, signature);
    assert_int_equal(passport_signed_write(&draft, signature, arena, &form), LUCID_OK);
    lucid_buf_fini(&text);
    lucid_buf_fini(&keyed);
    return form;
}

#endif
