/* The attestation result as a compact JWS (RFC 7515), signed by the plugin's key. */
#include "base/base64url.h"
#include "plugins/verifier/appraise.h"

enum lucid_error token_write(struct ask *ask, struct lucid_span claims, struct lucid_span *ret,
                             struct lucid_why *why)
{
    struct lucid_buf header = {0};
    struct lucid_buf token;
    struct lucid_span payload = claims;
    uint8_t signature[LUCID_PLUGIN_SIGNATURE_BYTES];
    if (ask->verifier->spelling != EAR_DRAFT_04) {
        enum lucid_error error =
            ear_respell(claims, ask->verifier->spelling, &ask->arena, &payload, why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    lucid_buf_init(&token, LUCID_PLUGIN_BODY_BYTES_MAX);
    lucid_buf_printf(&header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"eat+jwt\"}",
                     ask->verifier->kid);
    lucid_base64url_write(&token, lucid_buf_span(&header));
    lucid_buf_char(&token, '.');
    lucid_base64url_write(&token, payload);
    ask->host->sign(ask->host, kind_bytes(lucid_buf_span(&token)), signature);
    lucid_buf_char(&token, '.');
    lucid_base64url_write(&token, lucid_span(signature, sizeof(signature)));
    bool ok = lucid_buf_ok(&header) && lucid_buf_ok(&token);
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
