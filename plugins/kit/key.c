#include "plugins/kit/key.h"

#include "base/base64url.h"
#include "plugins/verifier/crypto/jose.h"

bool key_kid(const uint8_t key[KEY_BYTES], char ret[KEY_KID_BYTES + 1])
{
    struct jose_key jwk = {.alg = JOSE_EDDSA};
    struct lucid_buf text = {0};
    uint8_t digest[LUCID_SHA256_BYTES];
    memcpy(jwk.x, key, KEY_BYTES);
    bool ok = jose_key_thumbprint(&jwk, digest);
    lucid_base64url_write(&text, lucid_span(digest, sizeof(digest)));
    ok = ok && lucid_buf_ok(&text) && text.len == KEY_KID_BYTES;
    if (ok) {
        memcpy(ret, text.data, KEY_KID_BYTES);
        ret[KEY_KID_BYTES] = '\0';
    }
    lucid_buf_fini(&text);
    return ok;
}

bool key_set_write(const uint8_t (*keys)[KEY_BYTES], size_t count, struct lucid_buf *out)
{
    char kid[KEY_KID_BYTES + 1];
    lucid_buf_str(out, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        if (!key_kid(keys[i], kid)) {
            return false;
        }
        lucid_buf_str(out, i > 0 ? "," : "");
        lucid_buf_str(out, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
        lucid_base64url_write(out, lucid_span(keys[i], KEY_BYTES));
        lucid_buf_printf(out, "\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"%s\"}", kid);
    }
    lucid_buf_str(out, "]}");
    return lucid_buf_ok(out);
}
