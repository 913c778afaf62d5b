/* Selling what stands behind a proxy (CONTRACT 4, forward-auth): what proxy*.c share. */
#ifndef LUCID_HTTP_API_PROXY_INTERNAL_H
#define LUCID_HTTP_API_PROXY_INTERNAL_H

#include "http/api/paid_internal.h"
#include "x402/grant.h"

/* How long the access header of one request is good; the upstream is asked at once. */
#define PROXY_ACCESS_SECONDS 60

/* What a sub-request asks about; paid_call.prepared, in the call's arena. */
struct proxy_call {
    struct lucid_span asset;
    uint64_t tokens;      /* &tokens=, that price_per_token counts */
    struct lucid_span id; /* of the proxy's request */
    uint64_t until_ms;    /* a payment of before admits it until then (grant_seconds); 0: none */
};

/* --- proxy_class.c: both routes as classes of what is sold ------------------------------------ */

extern const struct paid_class proxy_authorize_class;
extern const struct paid_class proxy_explain_class;

/* --- proxy_access.c --------------------------------------------------------------------------- */

/* What the access header says besides who issued it and when. */
struct proxy_access {
    struct lucid_span asset;
    struct lucid_span id;
    /* One of them: 32 hex digits. */
    char payment[2 * X402_PAYMENT_ID_BYTES + 1];
    char grant[2 * X402_GRANT_ID_BYTES + 1];
    char payer[X402_PARTY_BYTES_MAX + 1]; /* "": not known */
    uint64_t now_ms;
    uint64_t until_ms; /* not after this; 0: only PROXY_ACCESS_SECONDS count */
};

/* The compact JWS, appended. False: memory. */
bool proxy_access_write(const struct api *api, const struct proxy_access *access,
                        struct lucid_buf *out) LUCID_WARN_UNUSED;

#endif
