#include "ledger/jws.h"

#include "base/jcs/jws.h"

#define HEADER_DEPTH_MAX  4
#define HEADER_VALUES_MAX 64
#define ARENA_BYTES_MAX   ((size_t)128 * 1024)

void ledger_jws_write(struct lucid_span header, struct lucid_span payload,
                      const struct ledger_ed25519_key *key, struct lucid_buf *out)
{
    struct lucid_span input = jcs_jws_input_write(header, payload, out);
    if (input.data == NULL) {
        return;
    }
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    ledger_ed25519_sign(key, input, signature);
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), out);
}

static enum lucid_error token_check(const struct jcs_jws *jws,
                                    const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                    struct lucid_why *why)
{
    const char *text = !lucid_span_is(jws->alg, "EdDSA") ? "the token's alg is not EdDSA"
                       : jws->signature.len != LEDGER_ED25519_SIGNATURE_BYTES
                           ? "the token's signature is not 64 bytes"
                           : NULL;
    if (text != NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", NULL, "%s", text);
    }
    if (!ledger_ed25519_verify(public_key, jws->input, jws->signature.data)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "INVALID_TOKEN", NULL,
                            "the token is not signed by this key");
    }
    return LUCID_OK;
}

enum lucid_error ledger_jws_verify(struct lucid_span token,
                                   const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                   struct lucid_buf *header, struct lucid_buf *payload,
                                   struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = HEADER_DEPTH_MAX,
                                             .values_max = HEADER_VALUES_MAX};
    struct jcs_jws jws;
    struct lucid_arena arena;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error e = jcs_jws_read(token, LEDGER_JWS_BYTES_MAX, &limits, &arena, &jws, why);
    if (e == LUCID_OK) {
        e = token_check(&jws, public_key, why);
    }
    if (e == LUCID_OK && header != NULL) {
        lucid_buf_span_put(header, jws.header_bytes);
        e = lucid_buf_ok(header) ? e : LUCID_RETRY_MEMORY;
    }
    if (e == LUCID_OK && payload != NULL) {
        lucid_buf_span_put(payload, jws.payload);
        e = lucid_buf_ok(payload) ? e : LUCID_RETRY_MEMORY;
    }
    lucid_arena_fini(&arena);
    return e;
}
