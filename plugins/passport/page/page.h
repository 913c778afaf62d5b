/* The page of a passport for people: HTML that a browser shows without script, and that the script
 * page/verify.js completes with the checks that it repeats (docs/decisions/0048-page.md).
 *
 * Without that script nothing on it is shown as verified: what is good is said as the issuer's
 * word, what is bad (revoked, expired, mock) as such. No text of a document stands in it but
 * through discovery_html_write.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_PASSPORT_PAGE_PAGE_H
#define LUCID_PLUGINS_PASSPORT_PAGE_PAGE_H

#include "plugins/passport/application.h"
#include "plugins/passport/passport.h"
#include "plugins/passport/status.h"
#include "plugins/passport/verify.h"

#define PAGE_BYTES_MAX        ((size_t)4 << 20)
#define PAGE_POLICY_BYTES_MAX 1024

struct page {
    const struct passport *passport;
    uint8_t digest[LUCID_SHA256_BYTES];    /* of the canonical document */
    struct status_entry status;            /* the log's word of now */
    const struct verify *verify;           /* the service's own checks; NULL: not made */
    const struct application *application; /* display settings; NULL: none */
    struct lucid_span origin;              /* of the log */
    struct lucid_span base_url;            /* of the service, for commands; len 0: not configured */
    uint8_t record[LUCID_SHA256_BYTES];    /* of its passport.issued: how the log calls its leaf */
    bool evidence_public;                  /* /v1/passports/{id}/evidence is open to all */
    bool disallowed; /* of mock evidence, which the service takes no longer: not announced */
    uint64_t now_s;
};

/* Appends the page. out's sticky error is the only one. */
void page_write(const struct page *page, struct lucid_buf *out);

/* Appends the page that says that there is no such passport. */
void page_absent_write(struct lucid_buf *out);

/* Appends the value of Content-Security-Policy: this origin alone, and those of the configured
 * style sheet and logo. application: NULL for none. */
void page_policy_write(const struct application *application, struct lucid_buf *out);

/* What the page loads from /passport/assets/NAME. */
struct page_asset {
    const char *name; /* "verify.js" */
    const char *type;
    const unsigned char *bytes;
    const size_t *len;
    const char *digest; /* 16 hex digits of SHA-256: its version in ?v= */
};
/* NULL: no such asset. */
const struct page_asset *page_asset_find(struct lucid_span name);

#endif
