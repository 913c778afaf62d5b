/* The plugin `passport` around passport_core: its settings, and what its routes share. Routes run
 * on workers, each in the memory of its request (plugins/kit/ask.h). */
#ifndef LUCID_PLUGINS_PASSPORT_MODULE_MODULE_H
#define LUCID_PLUGINS_PASSPORT_MODULE_MODULE_H

#include <lucid/plugin.h>
#include <stdatomic.h>

#include "plugins/kit/ask.h"
#include "plugins/kit/key.h"
#include "plugins/passport/application.h"
#include "plugins/passport/issue.h"
#include "plugins/passport/module/kind.h"
#include "plugins/passport/package.h"
#include "plugins/passport/verify.h"
#include "plugins/verifier/module/kind.h"

#define MODULE_OVERLAP_S      86400
#define MODULE_VERDICTS       3
#define MODULE_REFUSALS       8 /* metrics.c */
#define MODULE_URL_BYTES_MAX  200
#define MODULE_LINK_BYTES_MAX (MODULE_URL_BYTES_MAX + 200)

struct status_cache;
struct today_cache;

/* What open makes and close frees; const while routes run, but for counters and caches. */
struct passport_module {
    const struct lucid_plugin_host *host; /* first: plugins/kit/ask.h */
    struct lucid_arena arena;             /* of applications and keys */
    struct applications applications;
    uint8_t trusted[VERIFY_KEYS_MAX][PASSPORT_KEY_BYTES]; /* of other issuers */
    uint8_t trusted_issuers[VERIFY_KEYS_MAX];             /* package.h */
    size_t trusted_count;
    bool allow_mock;
    bool has_policy; /* else the built-in one */
    uint8_t policy[LUCID_SHA256_BYTES];
    uint64_t overlap_s;
    uint64_t status_s;
    struct lucid_span base_url; /* without a slash at its end; len 0: links are paths */
    char kid[KEY_KID_BYTES + 1];
    struct status_cache *status;
    struct today_cache *today;
    struct {
        _Atomic uint64_t issued;
        _Atomic uint64_t refused[MODULE_REFUSALS];
        _Atomic uint64_t revoked;
        _Atomic uint64_t verified[MODULE_VERDICTS];
    } counters;
};

static inline struct passport_module *module_of(const struct ask *ask)
{
    return ask->self;
}

/* --- settings.c ------------------------------------------------------------------------------- */

extern const struct lucid_plugin_setting passport_settings[];
/* Reads all of them; what is wrong with one is said with its name. */
enum lucid_error module_settings_read(struct passport_module *module,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- answer.c --------------------------------------------------------------------------------- */

/* A passport as the log has it: canonical. LUCID_NOTE_ERASED; LUCID_FATAL_CORRUPT. */
enum lucid_error answer_document(struct ask *ask, const struct passport_row *row,
                                 struct lucid_span *ret) LUCID_WARN_UNUSED;
/* The same, read. */
enum lucid_error answer_passport(struct ask *ask, const struct passport_row *row,
                                 struct passport *ret,
                                 struct lucid_span *ret_document) LUCID_WARN_UNUSED;
/* The row of the route's {id}. LUCID_NOTE_ABSENT. Begins the view. */
enum lucid_error answer_find(struct ask *ask, struct passport_row *ret) LUCID_WARN_UNUSED;
/* The row that the command of `answered` is of. Begins the view. LUCID_FATAL_CORRUPT: none. */
enum lucid_error answer_submitted(struct ask *ask, struct passport_row *ret) LUCID_WARN_UNUSED;
/* Its status at the time of the request. */
void answer_status(const struct ask *ask, const struct passport_row *row, struct status_entry *ret);
/* Whether this service takes it no longer, whatever its status: of mock evidence, and
 * passport.allow_mock is off now. */
bool answer_disallowed(const struct ask *ask, const struct passport_row *row);
/* The application that it is of, if it is configured still; or NULL. */
const struct application *answer_application(const struct ask *ask, const struct passport_row *row);
/* Appends members to ask->out: "status","disallowed"?,"since"?,"reason"?,"supersededBy"? */
void answer_status_write(struct ask *ask, const struct passport_row *row);
/* Appends an object: what a list says of it. */
void answer_row_write(struct ask *ask, const struct passport_row *row);
/* Appends the whole answer of one: an object. */
enum lucid_error answer_write(struct ask *ask, const struct passport_row *row) LUCID_WARN_UNUSED;
/* Adds X-Lucid-Passport. */
enum lucid_error answer_header_add(struct ask *ask, const struct passport_row *row,
                                   const struct passport *passport) LUCID_WARN_UNUSED;
/* base_url, "/v1/passports/", id and what comes after it. */
void answer_link(const struct ask *ask, const char *id, const char *after,
                 char ret[MODULE_LINK_BYTES_MAX]);
/* Whether the request accepts that media type by its name. */
bool answer_accepts(const struct ask *ask, const char *type);

/* The bundles of a passport's appraisals, one after the other with commas, in the order of its
 * record; hidden: also of those that it does not show (auditorClaims). LUCID_NOTE_ERASED. */
enum lucid_error answer_bundles_write(struct ask *ask, const struct passport_row *row, bool hidden,
                                      struct lucid_buf *out,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;
/* The package of a passport (package.h), as the whole answer. */
enum lucid_error answer_package(struct ask *ask, const struct passport_row *row,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- gather.c --------------------------------------------------------------------------------- */

/* Loads what a request names: appraisals, claims and interactions; members of *ret. Errors:
 * APPRAISAL_UNKNOWN, INTERACTION_UNKNOWN with the param. Needs the view. */
enum lucid_error gather_issue(struct ask *ask, struct issue_input *ret,
                              struct passport_rest rests[PASSPORT_APPRAISALS_MAX],
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* A blob that a record names; len 0 where it was erased. Needs the view. */
enum lucid_error gather_blob_if(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                                struct lucid_span *ret) LUCID_WARN_UNUSED;
/* ask_blob for those who look blobs up in a context: the ask. */
enum lucid_error gather_blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                             struct lucid_span *ret) LUCID_WARN_UNUSED;

struct today;
/* What would be found today of a logged record of evidence; remembered while nothing newer is
 * imported, for some minutes. Errors as of today_appraise. */
enum lucid_error gather_today(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                              struct lucid_span record, struct today *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* NULL: no memory. */
struct today_cache *gather_cache_new(void);
void gather_cache_free(struct today_cache *cache);

/* host->verify and host->sign; context: the host. */
bool gather_ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                    const uint8_t signature[64], void *context);
bool gather_sign(struct lucid_span message, uint8_t ret[64], void *context);

/* --- routes_verify.c -------------------------------------------------------------------------- */

/* Verifies a passport of this log, as POST /v1/passports/verify does by id. */
enum lucid_error verify_logged(struct ask *ask, const struct passport_row *row,
                               struct verify *ret) LUCID_WARN_UNUSED;

/* --- routes_status.c -------------------------------------------------------------------------- */

/* The status list of now, in the request's arena. Needs the view. */
enum lucid_error status_now(struct ask *ask, struct lucid_span *ret) LUCID_WARN_UNUSED;
/* After an issue or a revocation was committed, its event: the list is made anew. */
void status_changed(struct passport_module *module, uint64_t sequence);
/* NULL: no memory. */
struct status_cache *status_cache_new(void);
void status_cache_free(struct status_cache *cache);

/* --- metrics.c -------------------------------------------------------------------------------- */

/* Counts a refused issue by its code. */
void metrics_refused(struct passport_module *module, const char *code);
/* The plugin's metrics. */
void metrics_write(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out);

/* --- routes ----------------------------------------------------------------------------------- */

extern const char passport_version[];
extern const struct lucid_plugin_route passport_routes[]; /* routes.c */
extern const struct lucid_plugin_code passport_codes[];

typedef enum lucid_plugin_result route_fn(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why);
typedef enum lucid_plugin_result answered_fn(void *self, struct lucid_plugin_call *call,
                                             struct lucid_plugin_command *command,
                                             struct lucid_plugin_why *why);

route_fn route_about, route_schema, route_application_schema;
route_fn route_issue, route_renew, route_revoke;
answered_fn answered_issue, answered_revoke;
route_fn route_passports, route_applications, route_passport, route_evidence, route_disclosures;
route_fn route_status, route_verify, route_discovery;
route_fn route_page, route_page_asset;

#endif
