/* Builders for tests: what is configured of them, keys, statements of both versions, envelopes. */
#ifndef LUCID_TESTS_PASSPORT_SLSA_KIT_H
#define LUCID_TESTS_PASSPORT_SLSA_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/base64url.h"
#include "ledger/ed25519.h"
#include "plugins/passport/slsa/slsa.h"

#define KIT_DIGEST "5c9a5b3b2c1d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
#define KIT_OTHER  "0000000000000000000000000000000000000000000000000000000000000001"

#define KIT_BUILDER "https://ci.example/builder@v1"
#define KIT_SECOND  "https://other.example/rebuild"
#define KIT_TYPE    "https://ci.example/build/v1"
#define KIT_SOURCE  "git+https://git.example/org/app@refs/tags/v1"

static inline bool kit_ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                               const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

/* --- keys ------------------------------------------------------------------------------------- */

static inline EVP_PKEY *kit_key_new(enum jose_alg alg)
{
    EVP_PKEY *key = alg == JOSE_EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                      : EVP_EC_gen(alg == JOSE_ES256 ? "P-256" : "P-384");
    assert_non_null(key);
    return key;
}

/* As `openssl pkey -pubout` writes it. */
static inline void kit_pem(EVP_PKEY *key, struct lucid_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &text);
    lucid_buf_put(out, text, (size_t)len);
    BIO_free(bio);
}

static inline struct jose_key kit_public(EVP_PKEY *key)
{
    struct lucid_buf pem = {0};
    struct jose_key read = {.alg = JOSE_ES384};
    struct lucid_why why = {.code = NULL};
    kit_pem(key, &pem);
    if (slsa_key_read(lucid_buf_span(&pem), &read, &why) != LUCID_OK) {
        fail_msg("%s", why.text);
    }
    lucid_buf_fini(&pem);
    return read;
}

/* Ed25519: 64 bytes; EC: DER. */
static inline void kit_dsse_sign(EVP_PKEY *key, struct lucid_span message, struct lucid_buf *out)
{
    uint8_t signature[256];
    size_t len = sizeof(signature);
    bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, ed ? NULL : EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(context);
    lucid_buf_put(out, signature, len);
}

/* r ‖ s of a signature in DER. */
static inline void kit_raw(struct lucid_buf *signature)
{
    uint8_t raw[64];
    const uint8_t *at = signature->data;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)signature->len);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
    ECDSA_SIG_free(sig);
    lucid_buf_clear(signature);
    lucid_buf_put(signature, raw, sizeof(raw));
}

/* A builder whose provenance reaches level 3, with a source as KIT_SOURCE. */
static inline struct slsa_builder kit_builder(const char *id, EVP_PKEY *key)
{
    return (struct slsa_builder){
        .id = lucid_span_str(id),
        .keys = {kit_public(key)},
        .key_count = 1,
        .isolated = true,
        .sources = {lucid_span_str("git+https://git.example/org/*")},
        .source_count = 1,
        .build_types = {lucid_span_str(KIT_TYPE)},
        .build_type_count = 1,
    };
}

/* --- envelopes -------------------------------------------------------------------------------- */

struct kit_envelope {
    const char *type;      /* NULL: of statements */
    const char *said_type; /* what the envelope says instead; NULL: the same */
    const char *keyid;     /* NULL: no such member */
    EVP_PKEY *keys[2];     /* that sign */
    bool raw;              /* ECDSA as r ‖ s */
};

static inline void kit_envelope_write(const char *payload, const struct kit_envelope *form,
                                      struct lucid_buf *out)
{
    const char *type = form->type != NULL ? form->type : SLSA_STATEMENT_TYPE;
    struct lucid_buf pae = {0};
    slsa_pae_write(lucid_span_str(type), lucid_span_str(payload), &pae);
    lucid_buf_str(out, "{\"payload\":\"");
    lucid_buf_base64(out, payload, strlen(payload));
    lucid_buf_printf(out, "\",\"payloadType\":\"%s\",\"signatures\":[",
                     form->said_type != NULL ? form->said_type : type);
    for (size_t i = 0; i < 2 && form->keys[i] != NULL; i++) {
        struct lucid_buf signature = {0};
        kit_dsse_sign(form->keys[i], lucid_buf_span(&pae), &signature);
        if (form->raw && EVP_PKEY_get_base_id(form->keys[i]) == EVP_PKEY_EC) {
            kit_raw(&signature);
        }
        lucid_buf_str(out, i == 0 ? "{\"sig\":\"" : ",{\"sig\":\"");
        lucid_buf_base64(out, signature.data, signature.len);
        lucid_buf_char(out, '"');
        if (form->keyid != NULL) {
            lucid_buf_printf(out, ",\"keyid\":\"%s\"", form->keyid);
        }
        lucid_buf_char(out, '}');
        lucid_buf_fini(&signature);
    }
    lucid_buf_str(out, "]}");
    lucid_buf_fini(&pae);
    assert_true(lucid_buf_ok(out));
}

/* --- statements ------------------------------------------------------------------------------- */

struct kit_statement {
    bool old_statement; /* v0.1 */
    bool old_predicate; /* v0.2 */
    const char *digest; /* JSON of digest; NULL: sha256 of KIT_DIGEST */
    const char *builder;
    const char *build_type;
    const char *source;     /* a URI; NULL: none */
    const char *parameters; /* v1: JSON of externalParameters instead of the source */
};

static inline void kit_statement_write(const struct kit_statement *form, struct lucid_buf *out)
{
    lucid_buf_clear(out);
    lucid_buf_printf(out,
                     "{\"_type\":\"https://in-toto.io/Statement/%s\","
                     "\"predicateType\":\"https://slsa.dev/provenance/%s\","
                     "\"subject\":[{\"name\":\"image\",\"digest\":%s}],\"predicate\":{",
                     form->old_statement ? "v0.1" : "v1", form->old_predicate ? "v0.2" : "v1",
                     form->digest != NULL ? form->digest : "{\"sha256\":\"" KIT_DIGEST "\"}");
    if (form->old_predicate) {
        lucid_buf_printf(out,
                         "\"builder\":{\"id\":\"%s\"},\"buildType\":\"%s\","
                         "\"metadata\":{\"reproducible\":true,\"seconds\":1.5e0},\"invocation\":{",
                         form->builder, form->build_type);
        if (form->source != NULL) {
            lucid_buf_printf(out, "\"configSource\":{\"uri\":\"%s\"}", form->source);
        }
        lucid_buf_str(out, "}");
    } else {
        lucid_buf_printf(out,
                         "\"runDetails\":{\"builder\":{\"id\":\"%s\"},\"metadata\":{}},"
                         "\"buildDefinition\":{\"buildType\":\"%s\",\"externalParameters\":",
                         form->builder, form->build_type);
        if (form->parameters != NULL) {
            lucid_buf_str(out, form->parameters);
        } else if (form->source != NULL) {
            lucid_buf_printf(out, "{\"source\":{\"uri\":\"%s\"},\"share\":0.25}", form->source);
        } else {
            lucid_buf_str(out, "{}");
        }
        lucid_buf_str(out, "}");
    }
    lucid_buf_str(out, "}}");
    lucid_buf_char(out, '\0');
    assert_true(lucid_buf_ok(out));
    out->len--;
}

static const struct kit_statement kit_plain = {
    .builder = KIT_BUILDER, .build_type = KIT_TYPE, .source = KIT_SOURCE};

/* An envelope of a statement, signed by the key. */
static inline struct lucid_span kit_provenance(const struct kit_statement *form, EVP_PKEY *key,
                                               struct lucid_arena *into)
{
    struct lucid_buf payload = {0};
    struct lucid_buf text = {0};
    const struct kit_envelope how = {.keys = {key}};
    kit_statement_write(form, &payload);
    kit_envelope_write((const char *)payload.data, &how, &text);
    struct lucid_span kept = lucid_arena_copy(into, lucid_buf_span(&text));
    assert_non_null(kept.data);
    lucid_buf_fini(&payload);
    lucid_buf_fini(&text);
    return kept;
}

#endif
