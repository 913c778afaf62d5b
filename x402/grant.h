/* The kind of access grants: subscriptions by the hour to an asset. Events (docs/FORMAT.md):
 *
 *   grant.issued    so many hours from the event's time on; who has the secret is admitted
 *   grant.extended  so many more from its end on or, when it has ended, from the event's time on
 *   grant.revoked   for good
 *
 * The buyer makes the secret and says its SHA-256: the log, its copies and whoever rebuilds the
 * payment header from the chain know nothing that admits. Asset and secret name the grant: its id
 * is a hash of both, known before anybody pays, and more hours for the same secret prolong it. It
 * is shown as "ID.SECRET".
 *
 * A sale is one command with its payment (x402/payment.h), which it stands before in the chain: the
 * same payment again gives the same grant and no more hours. While a reorganisation has taken one
 * of the payments of a grant, it admits nothing.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_X402_GRANT_H
#define LUCID_X402_GRANT_H

#include "base/sha256.h"
#include "x402/payment.h"

extern const struct ledger_kind x402_grant_kind;

#define X402_GRANT_ID_BYTES    16
#define X402_GRANT_HOURS_MAX   8784 /* at a time: a year */
#define X402_GRANT_SECRET_HEX  64
#define X402_GRANT_HEADER      "X-Access-Grant"
#define X402_GRANT_VALUE_BYTES (2 * X402_GRANT_ID_BYTES + 1 + X402_GRANT_SECRET_HEX)

struct x402_grant {
    uint8_t id[X402_GRANT_ID_BYTES];
    char asset[GAS_NAME_BYTES_MAX + 1];
    uint64_t starts_ms;
    uint64_t expires_ms;
    uint64_t hours;     /* all that were given */
    uint64_t purchases; /* how often: issued, extended */
    /* Of the secret's text: 64 lower-case hex digits. */
    uint8_t secret_sha256[LUCID_SHA256_BYTES];
    bool paid; /* the newest hours were; then by `payment`, at that version of the price */
    uint8_t payment[X402_PAYMENT_ID_BYTES];
    uint64_t price_version;
    uint64_t unpaid;                     /* how many of its payments a reorganisation has taken */
    char note[GAS_NOTE_BYTES_MAX + 1];   /* of one that was given away; "": none */
    char reason[GAS_NOTE_BYTES_MAX + 1]; /* why it was revoked */
    uint64_t revoked_sequence;           /* 0: it was not */
    uint64_t revoked_ms;
    uint64_t sequence; /* of grant.issued: its place in lists */
    uint64_t issued_ms;
};

enum x402_grant_status {
    X402_GRANT_ACTIVE,
    X402_GRANT_EXPIRED,
    X402_GRANT_UNPAID,
    X402_GRANT_REVOKED,
};
enum x402_grant_status x402_grant_status(const struct x402_grant *grant, uint64_t now_ms);
const char *x402_grant_status_name(enum x402_grant_status status); /* "active" … */

enum x402_grant_verb {
    X402_GRANT_SELL, /* with the payment as next part, or again with the one that is `shown` */
    X402_GRANT_GIVE, /* by an administrator */
    X402_GRANT_REVOKE,
};

struct x402_grant_command {
    struct ledger_command command;
    /* As asked. Out: as it stands. SELL: price_version may be set until the command is handed over.
     */
    struct x402_grant grant;
    uint64_t hours; /* SELL, GIVE */
    /* SELL without a next part: the payment that was shown, as the log has it, when the command is
     * decided; sequence 0: none. Borrowed until the command is back. */
    const struct x402_payment *shown;
    bool ret_known; /* nothing new: it stood like this already */
};

/* The id of the grant of that asset and secret. */
void x402_grant_id(struct lucid_span asset, const uint8_t secret_sha256[LUCID_SHA256_BYTES],
                   uint8_t ret[X402_GRANT_ID_BYTES]);

/* Sells hours, or gives them: 1 … X402_GRANT_HOURS_MAX. note: data NULL: none. Refusals:
 * INVALID_GRANT (LUCID_REFUSE_INVALID) with param asset, duration_hours, secret_sha256 or note. The
 * writer adds:
 *   GRANT_REVOKED  LUCID_REFUSE_CONFLICT, param secret_sha256: the grant of that secret was revoked
 *   INVALID_GRANT  param duration_hours: beyond what the log can hold
 *   PAYMENT_ALREADY_SPENT  LUCID_REFUSE_CONFLICT: the payment that is shown has bought no grant */
enum lucid_error x402_grant_prepare(struct x402_grant_command *command, enum x402_grant_verb verb,
                                    struct lucid_span asset, uint64_t hours,
                                    struct lucid_span secret_sha256_hex, struct lucid_span note,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;
/* Revokes. INVALID_GRANT, param reason: 1 to 256 bytes of UTF-8 without control characters. The
 * writer adds NOT_FOUND (LUCID_REFUSE_INVALID); of one that is revoked the first reason stands. */
enum lucid_error x402_grant_revoke_prepare(struct x402_grant_command *command,
                                           const uint8_t id[X402_GRANT_ID_BYTES],
                                           struct lucid_span reason,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;
/* What the writer would say as the log stands, but for payments. */
enum lucid_error x402_grant_foresee(struct ledger_view *view,
                                    const struct x402_grant_command *command,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- queries; all: LUCID_FATAL_CORRUPT -------------------------------------------------------- */

/* Whether the value of an X-Access-Grant header admits to that asset at that time of the log's
 * clock. LUCID_OK: *ret is the grant. LUCID_REFUSE_INVALID (code GRANT_MALFORMED): no such value.
 * LUCID_REFUSE_FORBIDDEN: it does not; why says which (code NULL): an unknown grant and a wrong
 * secret, which is compared in constant time, are not told apart. */
enum lucid_error x402_grant_check(struct ledger_view *view, struct lucid_span value,
                                  struct lucid_span asset, uint64_t now_ms, struct x402_grant *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* The grant of a header's value whatever its asset and status, to whoever has its secret. Refusals
 * as above. */
enum lucid_error x402_grant_known(struct ledger_view *view, struct lucid_span value,
                                  struct x402_grant *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* 32 lower-case hex digits. */
bool x402_grant_id_parse(struct lucid_span text,
                         uint8_t ret[X402_GRANT_ID_BYTES]) LUCID_WARN_UNUSED;
/* LUCID_NOTE_ABSENT. */
enum lucid_error x402_grant_read(struct ledger_view *view, const uint8_t id[X402_GRANT_ID_BYTES],
                                 struct x402_grant *ret) LUCID_WARN_UNUSED;
/* The next after that sequence, of one asset or (len 0) of all. LUCID_NOTE_ABSENT. */
enum lucid_error x402_grant_next(struct ledger_view *view, struct lucid_span asset,
                                 uint64_t after_sequence, struct x402_grant *ret) LUCID_WARN_UNUSED;
/* How many admit at that time, counted up to max. */
enum lucid_error x402_grant_count(struct ledger_view *view, uint64_t now_ms, uint64_t max,
                                  uint64_t *ret) LUCID_WARN_UNUSED;

#endif
