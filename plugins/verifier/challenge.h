/* Challenges: nothing is kept of one until it is used.
 *
 *   head      = issued u64 s ‖ expires u64 s ‖ random 16
 *   sessionId = base64url(head ‖ HMAC-SHA-256(key, "lucid/attest/session/v2\n" ‖ head)[0..15])
 *   nonce     = HMAC-SHA-256(key, "lucid/attest/nonce/v1\n" ‖ head ‖ audience)
 *
 * So a session has another nonce for every audience, and whoever answers for one that did not ask
 * holds a nonce that is none.
 *
 * The key is a secret of the plugin (host->secret). Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_CHALLENGE_H
#define LUCID_PLUGINS_VERIFIER_CHALLENGE_H

#include "plugins/verifier/appraisal.h"

#define CHALLENGE_SESSION_BYTES      64 /* base64url of 48 bytes */
#define CHALLENGE_AUDIENCE_BYTES_MAX 255

/* Makes one; session: room for CHALLENGE_SESSION_BYTES, to which ret->session_id points. */
void challenge_make(const uint8_t key[32], const uint8_t random[16], struct lucid_span audience,
                    uint64_t now_s, uint64_t lifetime_s, char session[CHALLENGE_SESSION_BYTES],
                    struct appraisal_challenge *ret);

/* Reads one back, in constant time where it is compared: the challenge that this audience would
 * have had in this session. LUCID_REFUSE_FORBIDDEN: not ours (CHALLENGE_UNKNOWN). Its age, and
 * whether its nonce is the one that was bound, is the appraisal's to judge. */
enum lucid_error challenge_read(const uint8_t key[32], struct lucid_span session_id,
                                struct lucid_span audience, struct appraisal_challenge *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
