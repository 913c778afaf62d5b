/* Challenges without memory: the session id is issued and expiry time, randomness and a MAC; the
 * nonce another MAC of the same and the audience. */
#include "plugins/verifier/challenge.h"

#include "base/assert.h"
#include "base/base64url.h"

enum {
    ISSUED_AT = 0,
    EXPIRES_AT = 8,
    RANDOM_AT = 16,
    RANDOM_BYTES = 16,
    SIGNED_BYTES = 32,
    MAC_BYTES = 16,
    RAW_BYTES = SIGNED_BYTES + MAC_BYTES,
};

_Static_assert(CHALLENGE_SESSION_BYTES == RAW_BYTES / 3 * 4, "no padding is left out");

static void mac_make(const uint8_t key[32], const char *label, const uint8_t raw[SIGNED_BYTES],
                     struct lucid_span audience, uint8_t ret[LUCID_SHA256_BYTES])
{
    const struct lucid_span parts[] = {lucid_span_str(label), lucid_span(raw, SIGNED_BYTES),
                                       audience};
    lucid_hmac_sha256_parts(lucid_span(key, 32), parts, 3, ret);
}

static void session_mac(const uint8_t key[32], const uint8_t raw[SIGNED_BYTES],
                        uint8_t ret[LUCID_SHA256_BYTES])
{
    mac_make(key, "lucid/attest/session/v2\n", raw, (struct lucid_span){.data = NULL}, ret);
}

/* Everything of a challenge that follows from its first 32 bytes. */
static void challenge_fill(const uint8_t key[32], const uint8_t raw[SIGNED_BYTES],
                           struct lucid_span session_id, struct lucid_span audience,
                           struct appraisal_challenge *ret)
{
    _Static_assert(APPRAISAL_NONCE_BYTES == LUCID_SHA256_BYTES, "the nonce is a whole MAC");
    *ret = (struct appraisal_challenge){
        .session_id = session_id,
        .audience = audience,
        .issued_s = lucid_get_be64(raw + ISSUED_AT),
        .expires_s = lucid_get_be64(raw + EXPIRES_AT),
    };
    mac_make(key, "lucid/attest/nonce/v1\n", raw, audience, ret->nonce);
}

void challenge_make(const uint8_t key[32], const uint8_t random[16], struct lucid_span audience,
                    uint64_t now_s, uint64_t lifetime_s, char session[CHALLENGE_SESSION_BYTES],
                    struct appraisal_challenge *ret)
{
    lucid_assert(audience.len <= CHALLENGE_AUDIENCE_BYTES_MAX);
    uint8_t raw[RAW_BYTES];
    uint8_t mac[LUCID_SHA256_BYTES];
    lucid_put_be64(raw + ISSUED_AT, now_s);
    lucid_put_be64(raw + EXPIRES_AT, now_s + lifetime_s);
    memcpy(raw + RANDOM_AT, random, RANDOM_BYTES);
    session_mac(key, raw, mac);
    memcpy(raw + SIGNED_BYTES, mac, MAC_BYTES);
    /* 48 bytes need no padding: base64url is base64 with two other characters. */
    lucid_base64_encode(raw, sizeof(raw), session);
    for (size_t i = 0; i < CHALLENGE_SESSION_BYTES; i++) {
        session[i] = session[i] == '+' ? '-' : session[i] == '/' ? '_' : session[i];
    }
    challenge_fill(key, raw, lucid_span(session, CHALLENGE_SESSION_BYTES), audience, ret);
}

enum lucid_error challenge_read(const uint8_t key[32], struct lucid_span session_id,
                                struct lucid_span audience, struct appraisal_challenge *ret,
                                struct lucid_why *why)
{
    uint8_t raw[RAW_BYTES];
    uint8_t mac[LUCID_SHA256_BYTES];
    size_t len = 0;
    if (session_id.len != CHALLENGE_SESSION_BYTES ||
        !lucid_base64url_read(session_id, raw, sizeof(raw), &len) || len != sizeof(raw)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "CHALLENGE_UNKNOWN", "sessionId",
                            "this is no session of this service: ask for a challenge");
    }
    session_mac(key, raw, mac);
    if (!lucid_secret_equal(mac, raw + SIGNED_BYTES, MAC_BYTES)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "CHALLENGE_UNKNOWN", "sessionId",
                            "this session is not of this service, or was before its key: ask for "
                            "a challenge");
    }
    challenge_fill(key, raw, session_id, audience, ret);
    return LUCID_OK;
}
