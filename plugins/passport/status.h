/* What became of passports: the status of one, and the signed list of those that are no longer
 * good.
 *
 * The list is a compact JWS (EdDSA, typ "lucid-passport-status+jwt", kid) over
 *
 *   {"iss": origin,"iat","exp","treeSize","checkpoint": text or null,
 *    "revoked":[{"id","reason","at"}…],"superseded":[{"id","by","at"}…],"test"}
 *
 * times are integers, Unix seconds; `at` of superseded: when the overlap ends, before which it is
 * still valid. exp at most one hour after iat. It lists what has not expired yet, in order of id;
 * made of the log as it was at treeSize, so that an entry that is left out is found by replay. A
 * list older than its exp says nothing ("unknown"), never "good".
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_PASSPORT_STATUS_H
#define LUCID_PLUGINS_PASSPORT_STATUS_H

#include "plugins/passport/passport.h"
#include "plugins/verifier/crypto/jose.h"

#define STATUS_LIFETIME_S        3600
#define STATUS_FRESH_S           300 /* how long a list is served from a cache */
#define STATUS_BYTES_MAX         ((size_t)4 << 20)
#define STATUS_ENTRIES_MAX       16384
#define STATUS_TYP               "lucid-passport-status+jwt"
#define STATUS_COMMENT_BYTES_MAX 500
#define STATUS_NO_KEY            SIZE_MAX

enum status_kind { STATUS_VALID, STATUS_EXPIRED, STATUS_REVOKED, STATUS_SUPERSEDED };
const char *status_kind_name(enum status_kind kind); /* "valid" … */

enum status_reason {
    STATUS_KEY_COMPROMISE,
    STATUS_TEE_REVOKED,
    STATUS_TCB_BELOW_POLICY,
    STATUS_MEASUREMENT_DENIED,
    STATUS_AUDITOR_INACTIVE,
    STATUS_REASON_SUPERSEDED,
    STATUS_OPERATOR_REQUEST,
    STATUS_REASONS
};
const char *status_reason_name(enum status_reason reason); /* "keyCompromise" … */
/* False: no such reason. */
bool status_reason_find(struct lucid_span name, enum status_reason *ret);

/* One passport's. Revoked wins over expired, expired over superseded; superseded becomes it only
 * when the overlap is over (at_s is that moment). */
struct status_entry {
    enum status_kind kind;
    enum status_reason reason; /* REVOKED */
    uint64_t at_s;             /* since when; VALID: 0 */
    struct lucid_span id;
    struct lucid_span by; /* SUPERSEDED: its successor; may be known before it is superseded */
};

struct status_list {
    struct lucid_span issuer;
    uint64_t iat_s;
    uint64_t exp_s;
    uint64_t tree_size;
    struct lucid_span checkpoint; /* len 0: none */
    bool test;
    struct status_entry *entries; /* REVOKED, then SUPERSEDED, each in order of id, no id twice */
    size_t entry_count;
};

/* Brings entries into the order that a list has them in. */
void status_entries_sort(struct status_entry *entries, size_t count);
/* Appends the claims in canonical form; entries in that order (asserted). */
void status_claims_write(const struct status_list *list, struct lucid_buf *out);
/* Signs claims and appends the token. LUCID_RETRY_MEMORY, also where sign failed. */
enum lucid_error status_token_write(struct lucid_span claims, struct lucid_span kid,
                                    jose_sign_fn *sign, void *context,
                                    struct lucid_buf *out) LUCID_WARN_UNUSED;

/* Reads a token and its claims, which must be in canonical form; *ret_key: which of the keys signed
 * it (that whose thumbprint is the kid), STATUS_NO_KEY: none of them, and then nothing of it is to
 * be believed. LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE (INVALID_STATUS), LUCID_RETRY_MEMORY.
 */
enum lucid_error status_list_read(struct lucid_span token,
                                  const uint8_t (*keys)[PASSPORT_KEY_BYTES], size_t key_count,
                                  jose_ed25519_fn *ed25519, void *context,
                                  struct lucid_arena *arena, struct status_list *ret,
                                  size_t *ret_key, struct lucid_why *why) LUCID_WARN_UNUSED;
/* The entry of an id (that of its revocation before another), or NULL: it is on no list. */
const struct status_entry *status_list_find(const struct status_list *list, struct lucid_span id);

#endif
