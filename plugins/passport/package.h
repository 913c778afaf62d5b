/* A passport with everything that its verification needs, so that nobody has to be asked:
 *
 *   {"type":"lucid.passport.bundle/v1","passport":{…},
 *    "record":{…},            payload of its passport.issued
 *    "entry": base64,         128 bytes, what the log's leaf is made of
 *    "proof":{…} or null,     as /v1/receipts/{id}/proof gives it (null: no head covers it yet)
 *    "status": JWS,           the status list
 *    "keys":{"keys":[JWK…]},  of who signed; believed by nobody because they stand here
 *    "appraisals":[{…}…]}     bundles of its appraisals (plugins/verifier/bundle.h), in the order
 *                             of `appraisals`; empty where the evidence is not published
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_PASSPORT_PACKAGE_H
#define LUCID_PLUGINS_PASSPORT_PACKAGE_H

#include <lucid/plugin.h>

#include "plugins/passport/passport.h"
#include "plugins/passport/status.h"

#define PACKAGE_TYPE       "lucid.passport.bundle/v1"
#define PACKAGE_MEDIA_TYPE "application/lucid-passport-bundle+json"
#define PACKAGE_BYTES_MAX  ((size_t)24 << 20)

struct package {
    struct lucid_span passport; /* JSON text of each member, canonical; len 0: not there */
    struct lucid_span record;
    bool has_entry;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    struct lucid_span proof;
    struct lucid_span status;
    struct lucid_span keys;
    struct lucid_span appraisals[PASSPORT_APPRAISALS_MAX];
    size_t appraisal_count;
};

/* Appends it, canonical where its parts are; out's sticky error is the only one. */
void package_write(const struct package *package, struct lucid_buf *out);

/* Reads a package; any other document is taken as a passport, as it came, with nothing else:
 * whether it is one, verify_run says. What stands in a package is not judged here either.
 * INVALID_PASSPORT (param), INVALID_JSON, BODY_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error package_read(struct lucid_span text, struct lucid_arena *arena,
                              struct package *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* The Ed25519 keys of a JWK set ("keys"; other kinds of keys are read over), at most max (256).
 * ret_issuers: of each the place of the first with the same "iss"; one that has none is alone.
 * NULL: not asked. INVALID_KEY. */
enum lucid_error package_keys_read(struct lucid_span jwks, struct lucid_arena *arena,
                                   uint8_t (*ret)[PASSPORT_KEY_BYTES], uint8_t *ret_issuers,
                                   size_t max, size_t *ret_count,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
