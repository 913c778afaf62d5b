/* Bearer tokens for facilitators, in the forms of the facilitators' own packages (reference 5.2),
 * and the keys that sign them. */
#include "ledger/jws.h"
#include "x402/remote.h"

enum {
    CDP_SECRET_BYTES = 64,   /* seed ‖ public key */
    PAYAI_SECRET_BYTES = 48, /* PKCS#8 of Ed25519 (RFC 8410): a fixed prefix, then the seed */
    SECRET_TEXT_MAX = 1024,
};
#define PAYAI_PREFIX "payai_sk_"

/* --- tokens ----------------------------------------------------------------------------------- */

static void sign(const struct x402_member *member, const struct lucid_buf *header,
                 const struct lucid_buf *claims, struct lucid_buf *out)
{
    if (!lucid_buf_ok(header) || !lucid_buf_ok(claims)) {
        out->failed = true;
        return;
    }
    ledger_jws_write(lucid_buf_span(header), lucid_buf_span(claims), member->key, out);
}

void x402_token_cdp(const struct x402_member *member, const char *method, struct lucid_span host,
                    struct lucid_span path, uint64_t now_s,
                    const uint8_t salt[X402_TOKEN_SALT_BYTES], struct lucid_buf *out)
{
    struct lucid_buf header = {0};
    struct lucid_buf claims = {0};
    lucid_buf_char(&header, '{');
    lucid_json_member_cstr(&header, "alg", "EdDSA");
    lucid_json_member_cstr(&header, "kid", member->key_id);
    lucid_json_member_cstr(&header, "typ", "JWT");
    lucid_json_member_hex(&header, "nonce", salt, X402_TOKEN_SALT_BYTES);
    lucid_buf_char(&header, '}');
    lucid_buf_char(&claims, '{');
    lucid_json_member_cstr(&claims, "sub", member->key_id);
    lucid_json_member_cstr(&claims, "iss", "cdp");
    lucid_json_member(&claims, "uris");
    lucid_buf_printf(&claims, "[\"%s %.*s%.*s\"]", method, (int)host.len, (const char *)host.data,
                     (int)path.len, (const char *)path.data);
    lucid_json_member_u64(&claims, "iat", now_s);
    lucid_json_member_u64(&claims, "nbf", now_s);
    lucid_json_member_u64(&claims, "exp", now_s + X402_TOKEN_SECONDS);
    lucid_buf_char(&claims, '}');
    sign(member, &header, &claims, out);
    lucid_buf_fini(&header);
    lucid_buf_fini(&claims);
}

/* RFC 9562 5.4: version 4, variant 10. */
static void uuid_put(struct lucid_buf *out, const uint8_t salt[X402_TOKEN_SALT_BYTES])
{
    static const size_t ends[] = {4, 6, 8, 10, 16};
    uint8_t bytes[X402_TOKEN_SALT_BYTES];
    memcpy(bytes, salt, sizeof(bytes));
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    size_t from = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (i > 0) {
            lucid_buf_char(out, '-');
        }
        lucid_buf_hex(out, bytes + from, ends[i] - from);
        from = ends[i];
    }
}

void x402_token_payai(const struct x402_member *member, uint64_t now_s,
                      const uint8_t salt[X402_TOKEN_SALT_BYTES], struct lucid_buf *out)
{
    struct lucid_buf header = {0};
    struct lucid_buf claims = {0};
    lucid_buf_char(&header, '{');
    lucid_json_member_cstr(&header, "alg", "EdDSA");
    lucid_json_member_cstr(&header, "typ", "JWT");
    lucid_json_member_cstr(&header, "kid", member->key_id);
    lucid_buf_char(&header, '}');
    lucid_buf_char(&claims, '{');
    lucid_json_member_cstr(&claims, "sub", member->key_id);
    lucid_json_member_cstr(&claims, "iss", "payai-merchant");
    lucid_json_member_u64(&claims, "iat", now_s);
    lucid_json_member_u64(&claims, "exp", now_s + X402_TOKEN_SECONDS);
    lucid_json_member(&claims, "jti");
    lucid_buf_char(&claims, '"');
    uuid_put(&claims, salt);
    lucid_buf_str(&claims, "\"}");
    sign(member, &header, &claims, out);
    lucid_buf_fini(&header);
    lucid_buf_fini(&claims);
}

/* --- keys ------------------------------------------------------------------------------------- */

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL, "%s", text);
}

static bool begins_with(struct lucid_span text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static enum lucid_error cdp_read(const uint8_t *bytes, size_t len, struct ledger_ed25519_key *ret,
                                 struct lucid_why *why)
{
    struct ledger_ed25519_key key;
    if (len != CDP_SECRET_BYTES) {
        return refuse(why, "the secret of a CDP key must be base64 of 64 bytes");
    }
    ledger_ed25519_key_init(bytes, &key);
    bool same = lucid_secret_equal(key.public_key, bytes + LEDGER_ED25519_SEED_BYTES,
                                   LEDGER_ED25519_PUBLIC_BYTES);
    if (same) {
        *ret = key;
    }
    ledger_ed25519_key_wipe(&key);
    return same ? LUCID_OK
                : refuse(why, "the second half of the CDP secret is not the public key of the "
                              "first");
}

static enum lucid_error payai_read(const uint8_t *bytes, size_t len, struct ledger_ed25519_key *ret,
                                   struct lucid_why *why)
{
    /* SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING seed } } */
    static const uint8_t prefix[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                     0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    if (len != PAYAI_SECRET_BYTES || memcmp(bytes, prefix, sizeof(prefix)) != 0) {
        return refuse(why, "the secret of a PayAI key must be base64 of an Ed25519 key in PKCS#8");
    }
    ledger_ed25519_key_init(bytes + sizeof(prefix), ret);
    return LUCID_OK;
}

enum lucid_error x402_member_key_parse(enum x402_member_auth auth, struct lucid_span text,
                                       struct ledger_ed25519_key *ret, struct lucid_why *why)
{
    uint8_t bytes[SECRET_TEXT_MAX];
    size_t len = 0;
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r')) {
        text.len--;
    }
    text = lucid_span_trim(text);
    if (begins_with(text, "-----BEGIN")) {
        return refuse(why, "this is a PEM key (ES256): only Ed25519 keys are taken; make one of "
                           "that kind at the facilitator");
    }
    if (auth == X402_AUTH_PAYAI && begins_with(text, PAYAI_PREFIX)) {
        text = lucid_span(text.data + strlen(PAYAI_PREFIX), text.len - strlen(PAYAI_PREFIX));
    }
    if (auth == X402_AUTH_NONE || !lucid_base64_decode(text, bytes, sizeof(bytes), &len)) {
        lucid_wipe(bytes, sizeof(bytes));
        return refuse(why, "the secret is not base64");
    }
    enum lucid_error e =
        auth == X402_AUTH_CDP ? cdp_read(bytes, len, ret, why) : payai_read(bytes, len, ret, why);
    lucid_wipe(bytes, sizeof(bytes));
    return e;
}
