/* The attestation result as a compact JWS (RFC 7515), signed by the plugin's key. */
#include "base/base64url.h"
#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/module/appraise.h"

enum { SIGNED_BYTES_MAX = 512 }; /* of header, points and signature */

static bool token_sign(struct lucid_span message, uint8_t ret[LUCID_PLUGIN_SIGNATURE_BYTES],
                       void *context)
{
    const struct ask *ask = context;
    ask->host->sign(ask->host, kit_bytes(message), ret);
    return true;
}

enum lucid_error token_write(struct ask *ask, struct lucid_span claims, struct lucid_span *ret,
                             struct lucid_why *why)
{
    struct lucid_buf header = {0};
    struct lucid_buf token;
    struct lucid_span payload = claims;
    if (verifier_of(ask)->spelling != EAR_DRAFT_04) {
        enum lucid_error error =
            ear_respell(claims, verifier_of(ask)->spelling, &ask->arena, &payload, why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (lucid_base64url_len(payload.len) + SIGNED_BYTES_MAX > LUCID_PLUGIN_BODY_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_EVIDENCE", "evidences",
                            "their result would be longer than a token may be: send fewer at once");
    }
    lucid_buf_init(&token, LUCID_PLUGIN_BODY_BYTES_MAX);
    lucid_buf_printf(&header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"eat+jwt\"}",
                     verifier_of(ask)->kid);
    bool ok = lucid_buf_ok(&header) &&
              jose_write(lucid_buf_span(&header), payload, token_sign, ask, &token);
    struct lucid_span copy =
        ok ? lucid_arena_copy(&ask->arena, lucid_buf_span(&token)) : (struct lucid_span){0};
    lucid_buf_fini(&header);
    lucid_buf_fini(&token);
    if (copy.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = copy;
    return LUCID_OK;
}
