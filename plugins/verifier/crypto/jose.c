#include "plugins/verifier/crypto/jose.h"

#include "plugins/verifier/crypto/x509.h"

#define HEADER_DEPTH_MAX  4
#define HEADER_VALUES_MAX 64

static const struct alg_name {
    const char *name;
    enum jose_alg alg;
    size_t signature_bytes;
} alg_names[] = {
    {"ES256", JOSE_ES256, 64},
    {"ES384", JOSE_ES384, 96},
    {"EdDSA", JOSE_EDDSA, 64},
    {"Ed25519", JOSE_EDDSA, 64},
};

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", param, "%s", text);
}

static enum lucid_error alg_read(unsigned algs, struct jose_token *token, struct lucid_why *why)
{
    for (size_t i = 0; i < sizeof(alg_names) / sizeof(alg_names[0]); i++) {
        const struct alg_name *row = &alg_names[i];
        if ((algs & row->alg) == 0 || !lucid_span_is(token->jws.alg, row->name)) {
            continue;
        }
        if (token->jws.signature.len != row->signature_bytes) {
            return refuse(why, "signature", "the token's signature has not the length of its alg");
        }
        token->alg = row->alg;
        return LUCID_OK;
    }
    return refuse(why, "alg", "the token's alg is not one that is taken here");
}

/* A member that is a string, or absent. */
static enum lucid_error text_read(const struct jose_token *token, const char *name,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    const struct jcs_value *value = jcs_member(token->jws.header, name);
    if (value == NULL) {
        return LUCID_OK;
    }
    if (jcs_type(value) != JCS_STRING) {
        return refuse(why, name, "a member of the token's header is not a string");
    }
    *ret = jcs_string(value);
    return LUCID_OK;
}

/* RFC 7515 4.1.6: standard base64 with padding, of DER. */
static enum lucid_error certificate_read(const struct jcs_value *value, struct lucid_arena *arena,
                                         struct lucid_span *ret, struct lucid_why *why)
{
    if (jcs_type(value) != JCS_STRING ||
        jcs_string(value).len > lucid_base64_len(JOSE_CERTIFICATE_BYTES_MAX)) {
        return refuse(why, "x5c", "a certificate of x5c is not base64, or too long");
    }
    struct lucid_span text = jcs_string(value);
    size_t len = 0;
    uint8_t *der = lucid_arena_alloc(arena, text.len + 1);
    if (der == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (!lucid_base64_decode(text, der, text.len, &len) || len == 0) {
        return refuse(why, "x5c", "a certificate of x5c is not base64, or too long");
    }
    *ret = lucid_span(der, len);
    return LUCID_OK;
}

static enum lucid_error chain_read(struct jose_token *token, struct lucid_arena *arena,
                                   struct lucid_why *why)
{
    const struct jcs_value *list = jcs_member(token->jws.header, "x5c");
    if (list == NULL) {
        return LUCID_OK;
    }
    size_t count = jcs_count(list);
    if (jcs_type(list) != JCS_ARRAY || count == 0 || count > JOSE_CHAIN_MAX) {
        return refuse(why, "x5c", "x5c is not a list of one to eight certificates");
    }
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(list, at)) != NULL) {
        enum lucid_error e = certificate_read(at, arena, &token->x5c[token->x5c_count], why);
        if (e != LUCID_OK) {
            return e;
        }
        token->x5c_count++;
    }
    return LUCID_OK;
}

enum lucid_error jose_read_long(struct lucid_span token, size_t bytes_max, unsigned algs,
                                struct lucid_arena *arena, struct jose_token *ret,
                                struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = HEADER_DEPTH_MAX,
                                             .values_max = HEADER_VALUES_MAX};
    struct jose_token read = {.alg = 0};
    enum lucid_error e = jcs_jws_read(token, bytes_max, &limits, arena, &read.jws, why);
    if (e == LUCID_OK) {
        e = alg_read(algs, &read, why);
    }
    if (e == LUCID_OK) {
        e = text_read(&read, "kid", &read.kid, why);
    }
    if (e == LUCID_OK) {
        e = text_read(&read, "typ", &read.typ, why);
    }
    if (e == LUCID_OK) {
        e = chain_read(&read, arena, why);
    }
    if (e == LUCID_OK) {
        *ret = read;
    }
    return e;
}

enum lucid_error jose_read(struct lucid_span token, unsigned algs, struct lucid_arena *arena,
                           struct jose_token *ret, struct lucid_why *why)
{
    return jose_read_long(token, JOSE_TOKEN_BYTES_MAX, algs, arena, ret, why);
}

static bool ecdsa_verify(const struct jose_token *token, const struct jose_key *key,
                         enum x509_curve curve, enum x509_hash hash)
{
    uint8_t point[2 * JOSE_COORDINATE_BYTES_MAX];
    size_t len = jose_coordinate_bytes(key->alg);
    memcpy(point, key->x, len);
    memcpy(point + len, key->y, len);
    return x509_point_ecdsa_verify(lucid_span(point, 2 * len), curve, hash, token->jws.input,
                                   token->jws.signature, false) == X509_IS_OK;
}

bool jose_verify(const struct jose_token *token, const struct jose_key *key,
                 jose_ed25519_fn *ed25519, void *context)
{
    if (token->alg != key->alg) {
        return false;
    }
    switch (token->alg) {
    case JOSE_ES256:
        return ecdsa_verify(token, key, X509_P256, X509_SHA256);
    case JOSE_ES384:
        return ecdsa_verify(token, key, X509_P384, X509_SHA384);
    case JOSE_EDDSA:
        return ed25519 != NULL &&
               ed25519(key->x, token->jws.input, token->jws.signature.data, context);
    }
    return false;
}

bool jose_write(struct lucid_span header, struct lucid_span payload, jose_sign_fn *sign,
                void *context, struct lucid_buf *out)
{
    uint8_t signature[64];
    struct lucid_span input = jcs_jws_input_write(header, payload, out);
    if (input.data == NULL || !sign(input, signature, context)) {
        return false;
    }
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), out);
    return lucid_buf_ok(out);
}
