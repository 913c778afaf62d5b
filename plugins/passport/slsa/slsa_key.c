/* Public keys of builders, as people have them: PEM, or base64 of an Ed25519 key. */
#include "plugins/passport/slsa/slsa_internal.h"
#include "plugins/verifier/crypto/der.h"

enum {
    TEXT_BYTES_MAX = 4096,
    P256_BYTES = 32,
    ARENA_BYTES = 64 * 1024,
};

static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_end[] = "-----END PUBLIC KEY-----";

static const uint8_t oid_ed25519[] = {0x2b, 0x65, 0x70};                    /* RFC 8410 */
static const uint8_t oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}; /* RFC 5480 */
static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL, "%s", text);
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct lucid_span trim(struct lucid_span text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool contains(struct lucid_span text, const char *what)
{
    return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

/* --- SubjectPublicKeyInfo --------------------------------------------------------------------- */

static bool ed25519_read(struct lucid_span parameters, struct lucid_span bits, struct jose_key *ret)
{
    if (parameters.len != 0 || bits.len != 1 + JOSE_ED25519_BYTES || bits.data[0] != 0) {
        return false;
    }
    *ret = (struct jose_key){.alg = JOSE_EDDSA};
    memcpy(ret->x, bits.data + 1, JOSE_ED25519_BYTES);
    return true;
}

static bool p256_read(struct lucid_span parameters, struct lucid_span bits, struct jose_key *ret)
{
    struct lucid_span curve;
    if (!der_only(parameters, DER_OID, &curve) ||
        !lucid_span_equal(curve, lucid_span(oid_p256, sizeof(oid_p256))) ||
        bits.len != 2 + 2 * P256_BYTES || bits.data[0] != 0 || bits.data[1] != 0x04) {
        return false;
    }
    *ret = (struct jose_key){.alg = JOSE_ES256};
    memcpy(ret->x, bits.data + 2, P256_BYTES);
    memcpy(ret->y, bits.data + 2 + P256_BYTES, P256_BYTES);
    return true;
}

static bool spki_read(struct lucid_span der, struct jose_key *ret)
{
    struct lucid_span info;
    struct lucid_span algorithm;
    struct lucid_span oid;
    struct lucid_span bits;
    if (!der_only(der, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
        !der_only(info, DER_BIT_STRING, &bits) || !der_take(&algorithm, DER_OID, &oid)) {
        return false;
    }
    if (lucid_span_equal(oid, lucid_span(oid_ed25519, sizeof(oid_ed25519)))) {
        return ed25519_read(algorithm, bits, ret);
    }
    return lucid_span_equal(oid, lucid_span(oid_ec, sizeof(oid_ec))) &&
           p256_read(algorithm, bits, ret);
}

/* --- PEM -------------------------------------------------------------------------------------- */

/* What is between the two lines, without its white space; {NULL, 0}: not of that form. */
static struct lucid_span pem_body(struct lucid_span text, uint8_t *room)
{
    const size_t begin = sizeof(pem_begin) - 1;
    const size_t end = sizeof(pem_end) - 1;
    if (text.len < begin + end || memcmp(text.data, pem_begin, begin) != 0 ||
        memcmp(text.data + text.len - end, pem_end, end) != 0) {
        return lucid_span(NULL, 0);
    }
    size_t len = 0;
    for (size_t i = begin; i < text.len - end; i++) {
        if (!is_space(text.data[i])) {
            room[len++] = text.data[i];
        }
    }
    return lucid_span(room, len);
}

static enum lucid_error pem_read(struct lucid_span text, struct lucid_arena *arena,
                                 struct jose_key *ret, struct lucid_why *why)
{
    if (contains(text, "PRIVATE KEY")) {
        return refuse(why, "this is a private key: keep it, and give its public half");
    }
    if (contains(text, "BEGIN CERTIFICATE")) {
        return refuse(why, "this is a certificate: give its public key (openssl x509 -pubkey)");
    }
    uint8_t *room = lucid_arena_alloc(arena, text.len + 1);
    struct lucid_span der = {.data = NULL};
    if (room == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct lucid_span body = pem_body(text, room);
    if (body.data == NULL) {
        return refuse(why, "a key in PEM is one block of PUBLIC KEY");
    }
    enum lucid_error e = slsa_base64_read(body, arena, &der);
    if (e == LUCID_RETRY_MEMORY) {
        return e;
    }
    if (e != LUCID_OK || !spki_read(der, ret)) {
        return refuse(why, "a key is Ed25519, or EC with P-256 as an uncompressed point");
    }
    return LUCID_OK;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* By the reader of JWK, which knows whether a point is on the curve. */
static enum lucid_error point_check(const struct jose_key *key, struct lucid_arena *arena,
                                    struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 2, .values_max = JOSE_KEY_VALUES_MAX};
    const struct jcs_value *jwk = NULL;
    struct jose_key again;
    struct lucid_buf text = {0};
    jose_key_write(key, &text);
    enum lucid_error e = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&text)) {
        e = jcs_parse(lucid_buf_span(&text), &limits, arena, &jwk, why);
    }
    if (e == LUCID_OK && jose_key_read(jwk, &again, NULL) != LUCID_OK) {
        e = refuse(why, "the key is no point of its curve");
    }
    lucid_buf_fini(&text);
    return e;
}

static enum lucid_error key_read(struct lucid_span text, struct lucid_arena *arena,
                                 struct jose_key *ret, struct lucid_why *why)
{
    struct jose_key key = {.alg = JOSE_EDDSA};
    struct lucid_span raw = {.data = NULL};
    enum lucid_error e;
    if (contains(text, "-----")) {
        e = pem_read(text, arena, &key, why);
    } else {
        e = slsa_base64_read(text, arena, &raw);
        if (e == LUCID_REFUSE_INVALID || (e == LUCID_OK && raw.len != JOSE_ED25519_BYTES)) {
            return refuse(why, "a key is PEM, or base64 of the 32 bytes of an Ed25519 key");
        }
        if (e == LUCID_OK) {
            memcpy(key.x, raw.data, raw.len);
        }
    }
    if (e == LUCID_OK) {
        e = point_check(&key, arena, why);
    }
    if (e == LUCID_OK) {
        *ret = key;
    }
    return e;
}

enum lucid_error slsa_key_read(struct lucid_span text, struct jose_key *ret, struct lucid_why *why)
{
    struct lucid_arena arena;
    text = trim(text);
    if (text.len == 0 || text.len > TEXT_BYTES_MAX) {
        return refuse(why, "a key is PEM, or base64 of the 32 bytes of an Ed25519 key");
    }
    lucid_arena_init(&arena, ARENA_BYTES);
    enum lucid_error e = key_read(text, &arena, ret, why);
    lucid_arena_fini(&arena);
    return e;
}
