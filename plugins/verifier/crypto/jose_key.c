/* Keys as JWK (RFC 7517, RFC 7518 6.2, RFC 8037 2). */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "plugins/verifier/crypto/jose.h"

static const struct curve {
    const char *kty;
    const char *crv;
    const char *alg;
    const char *alg_also; /* or NULL */
    enum jose_alg of;
    size_t bytes;
    int nid; /* 0: no y, no point to check */
} curves[] = {
    {"OKP", "Ed25519", "EdDSA", "Ed25519", JOSE_EDDSA, 32, 0},
    {"EC", "P-256", "ES256", NULL, JOSE_ES256, 32, NID_X9_62_prime256v1},
    {"EC", "P-384", "ES384", NULL, JOSE_ES384, 48, NID_secp384r1},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

static const struct curve *curve_of(enum jose_alg alg)
{
    size_t at = 0;
    while (at < CURVES - 1 && curves[at].of != alg) {
        at++;
    }
    lucid_assert(curves[at].of == alg);
    return &curves[at];
}

size_t jose_coordinate_bytes(enum jose_alg alg)
{
    return curve_of(alg)->bytes;
}

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", param, "%s", text);
}

static bool member_is(const struct jcs_value *jwk, const char *name, const char *text)
{
    const struct jcs_value *value = jcs_member(jwk, name);
    return text != NULL && value != NULL && jcs_type(value) == JCS_STRING &&
           lucid_span_is(jcs_string(value), text);
}

static bool coordinate_read(const struct jcs_value *jwk, const char *name, size_t bytes,
                            uint8_t ret[JOSE_COORDINATE_BYTES_MAX])
{
    const struct jcs_value *value = jcs_member(jwk, name);
    size_t len;
    return value != NULL && jcs_type(value) == JCS_STRING &&
           jcs_string(value).len == lucid_base64url_len(bytes) &&
           lucid_base64url_read(jcs_string(value), ret, bytes, &len) && len == bytes;
}

static bool point_is_on(const struct curve *curve, const struct jose_key *key)
{
    uint8_t octets[1 + 2 * JOSE_COORDINATE_BYTES_MAX] = {0x04}; /* SEC 1 2.3.3: uncompressed */
    memcpy(octets + 1, key->x, curve->bytes);
    memcpy(octets + 1 + curve->bytes, key->y, curve->bytes);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
    EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
    bool on = point != NULL &&
              EC_POINT_oct2point(group, point, octets, 1 + 2 * curve->bytes, NULL) == 1 &&
              EC_POINT_is_at_infinity(group, point) == 0;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    ERR_clear_error();
    return on;
}

enum lucid_error jose_key_read(const struct jcs_value *jwk, struct jose_key *ret,
                               struct lucid_why *why)
{
    if (jwk == NULL || jcs_type(jwk) != JCS_OBJECT) {
        return refuse(why, NULL, "a key is a JSON object (JWK)");
    }
    const struct curve *curve = NULL;
    for (size_t i = 0; i < CURVES && curve == NULL; i++) {
        curve = member_is(jwk, "crv", curves[i].crv) && member_is(jwk, "kty", curves[i].kty)
                    ? &curves[i]
                    : NULL;
    }
    if (curve == NULL) {
        return refuse(why, "crv", "a key is OKP with Ed25519, or EC with P-256 or P-384");
    }
    if (jcs_member(jwk, "d") != NULL) {
        return refuse(why, "d", "this is a private key: keep it, and send its public half");
    }
    if (jcs_member(jwk, "alg") != NULL && !member_is(jwk, "alg", curve->alg) &&
        !member_is(jwk, "alg", curve->alg_also)) {
        return refuse(why, "alg", "the key's alg is not that of its curve");
    }
    if (jcs_member(jwk, "use") != NULL && !member_is(jwk, "use", "sig")) {
        return refuse(why, "use", "the key is not for signatures");
    }
    struct jose_key key = {.alg = curve->of};
    if (!coordinate_read(jwk, "x", curve->bytes, key.x)) {
        return refuse(why, "x", "x is not base64url of the curve's length");
    }
    if (curve->nid != 0 && !coordinate_read(jwk, "y", curve->bytes, key.y)) {
        return refuse(why, "y", "y is not base64url of the curve's length");
    }
    if (curve->nid != 0 && !point_is_on(curve, &key)) {
        return refuse(why, "y", "x and y are no point of the curve");
    }
    *ret = key;
    return LUCID_OK;
}

void jose_key_write(const struct jose_key *key, struct lucid_buf *out)
{
    const struct curve *curve = curve_of(key->alg);
    lucid_buf_printf(out, "{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"", curve->crv, curve->kty);
    lucid_base64url_write(out, lucid_span(key->x, curve->bytes));
    if (curve->nid != 0) {
        lucid_buf_str(out, "\",\"y\":\"");
        lucid_base64url_write(out, lucid_span(key->y, curve->bytes));
    }
    lucid_buf_str(out, "\"}");
}

bool jose_key_thumbprint(const struct jose_key *key, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf text = {0};
    jose_key_write(key, &text);
    bool ok = lucid_buf_ok(&text);
    if (ok) {
        lucid_sha256(lucid_buf_span(&text), ret);
    }
    lucid_buf_fini(&text);
    return ok;
}
