/* How a client finds the passport of what it uses: the five documented forms.
 *
 *   GET /.lucid/passport                                 the document
 *   X-Lucid-Passport: url="…", id="…", digest=:…:         short form: a structured field (RFC 9651)
 *                                                        dictionary; digest is SHA-256 of the
 *                                                        canonical document
 *   <meta name="lucid-passport" content="URL">
 *   <link rel="ai-passport" type="application/lucid-passport+json" href="URL">
 *   <script type="application/lucid-passport+json">…</script>   a summary, a hint only
 *
 * Everything is escaped for where it stands. Thread: pure functions. */
#ifndef LUCID_PLUGINS_PASSPORT_DISCOVERY_H
#define LUCID_PLUGINS_PASSPORT_DISCOVERY_H

#include "plugins/passport/application.h"
#include "plugins/passport/passport.h"

#define DISCOVERY_PATH             "/.lucid/passport"
#define DISCOVERY_HEADER           "X-Lucid-Passport"
#define DISCOVERY_HEADER_BYTES_MAX 2500

struct discovery {
    const struct passport *passport;
    uint8_t digest[LUCID_SHA256_BYTES];    /* of the canonical document */
    struct lucid_span url;                 /* of the document, absolute or a path */
    const struct application *application; /* display settings; NULL: none */
};

/* The header's value; at most DISCOVERY_HEADER_BYTES_MAX for a URL of PASSPORT_URI_BYTES_MAX that
 * needs no escape. */
void discovery_header_write(const struct discovery *discovery, struct lucid_buf *out);
/* Whole elements. */
void discovery_meta_write(const struct discovery *discovery, struct lucid_buf *out);
void discovery_link_write(const struct discovery *discovery, struct lucid_buf *out);
/* {"passportId","digest","url","appName","teeType","isMock","expiresAt","auditors":[name…],
 * "display"?}: no '<' stands in it unescaped. */
void discovery_script_write(const struct discovery *discovery, struct lucid_buf *out);
/* nginx directives (for an include) that add header and, by sub_filter, meta and link. */
void discovery_nginx_write(const struct discovery *discovery, struct lucid_buf *out);

/* Appends a URL in which everything that is not plain in one (quotes, blanks, `$`, bytes that are
 * not ASCII) is percent-encoded; what is encoded already stays. */
void discovery_url_write(struct lucid_buf *out, struct lucid_span url);
/* Appends text as it may stand in HTML text or a quoted attribute. */
void discovery_html_write(struct lucid_buf *out, struct lucid_span text);

#endif
