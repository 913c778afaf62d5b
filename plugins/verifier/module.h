/* The plugin `verifier`: its settings, and what its routes share. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_H
#define LUCID_PLUGINS_VERIFIER_MODULE_H

#include <lucid/plugin.h>
#include <stdatomic.h>

#include "base/jcs/jcs.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/kind.h"

#define VERIFIER_KEYS_MAX      16 /* document keys */
#define VERIFIER_KID_BYTES     43 /* base64url of SHA-256 */
#define VERIFIER_BUILD_BYTES   64
#define VERIFIER_TYPES_MAX     8 /* kinds of evidence */
#define VERIFIER_TIERS         4
#define VERIFIER_REQUEST_BYTES ((size_t)4 << 20)

/* What open makes and close frees; const while routes run, but for the counters. */
struct verifier {
    const struct lucid_plugin_host *host;
    bool allow_mock;
    uint64_t challenge_s;
    uint64_t result_s;
    enum ear_spelling spelling;
    struct lucid_span developer;
    struct lucid_span mock_roots; /* PEM text; len 0: none */
    struct lucid_span test_roots;
    uint8_t document_keys[VERIFIER_KEYS_MAX][32];
    size_t document_key_count;
    bool has_default_policy; /* else the built-in one */
    uint8_t default_policy[LUCID_SHA256_BYTES];
    char kid[VERIFIER_KID_BYTES + 1];
    uint8_t challenge_key[32];
    struct {
        _Atomic uint64_t challenges;
        _Atomic uint64_t appraisals[VERIFIER_TYPES_MAX][VERIFIER_TIERS];
        _Atomic uint64_t refused[APPRAISAL_STEPS];
        _Atomic uint64_t replays;
        _Atomic uint64_t replays_different;
    } counters;
};

/* --- settings.c ------------------------------------------------------------------------------- */

extern const struct lucid_plugin_setting verifier_settings[];
/* Reads all of them into verifier; what is wrong with one is said with its name. */
enum lucid_error verifier_settings_read(struct verifier *verifier,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;
void verifier_settings_free(struct verifier *verifier);

/* --- ask.c: a request while a route handles it ------------------------------------------------ */

struct ask {
    struct verifier *verifier;
    const struct lucid_plugin_host *host;
    struct lucid_plugin_call *call;
    struct lucid_plugin_view *view;       /* by ask_view */
    struct lucid_plugin_command *command; /* in answered */
    struct lucid_arena arena;             /* freed when the handler returns */
    struct lucid_buf out;                 /* likewise */
    uint64_t now_ms;
};

/* Ends in an answer or a submitted command, or says why not. */
typedef enum lucid_error ask_fn(struct ask *ask, struct lucid_why *why);

/* Runs a handler with a request's memory around it and turns what it says into what the service
 * knows. */
enum lucid_plugin_result ask_run(void *self, struct lucid_plugin_call *call, ask_fn *handler,
                                 struct lucid_plugin_why *why);

/* The same for what comes after a commit. */
enum lucid_plugin_result ask_answered(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_command *command, ask_fn *handler,
                                      struct lucid_plugin_why *why);

/* The snapshot. LUCID_RETRY_BUSY. */
enum lucid_error ask_view(struct ask *ask) LUCID_WARN_UNUSED;

/* Answers with ask->out as JSON. LUCID_RETRY_MEMORY: it could not grow. */
enum lucid_error ask_answer(struct ask *ask, int status) LUCID_WARN_UNUSED;

/* A copy that lives until the request is over. LUCID_RETRY_MEMORY. */
enum lucid_error ask_keep(struct ask *ask, struct lucid_span bytes,
                          struct lucid_plugin_bytes *ret) LUCID_WARN_UNUSED;

/* The same of JSON text in its canonical form; text is overwritten. */
enum lucid_error ask_keep_canonical(struct ask *ask, struct lucid_buf *text,
                                    struct lucid_plugin_bytes *ret) LUCID_WARN_UNUSED;

/* The body as a JSON object with no member but those named (ends with NULL). */
enum lucid_error ask_document(struct ask *ask, const char *const *members,
                              const struct jcs_value **ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* Whether an object has no member but those named. where: "" or a path that ends in a point. */
enum lucid_error ask_members_only(const struct jcs_value *object, const char *where,
                                  const char *const *members,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* A member that is text of 1 … max bytes; optional ones give len 0. */
enum lucid_error ask_text(const struct jcs_value *object, const char *where, const char *name,
                          bool required, size_t max, struct lucid_span *ret,
                          struct lucid_why *why) LUCID_WARN_UNUSED;
/* Text as bytes: base64 (standard, padded), in the request's memory. param: its dotted name. */
enum lucid_error ask_base64(struct ask *ask, struct lucid_span text, size_t max, const char *param,
                            struct lucid_span *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* An id: 64 hex digits, with or without "sha256:" before it. */
enum lucid_error ask_digest(struct lucid_span text, const char *param,
                            uint8_t ret[LUCID_SHA256_BYTES],
                            struct lucid_why *why) LUCID_WARN_UNUSED;
/* Evidence of this type is taken here: it is known, and no mock where none is allowed. type.data
 * NULL: no text. EVIDENCE_TYPE_UNKNOWN, MOCK_NOT_ALLOWED. */
enum lucid_error ask_scheme(const struct ask *ask, struct lucid_span type, const char *param,
                            struct lucid_why *why) LUCID_WARN_UNUSED;
/* The time to appraise at: the log's, or on a test store what test_time says. TEST_ONLY. */
enum lucid_error ask_test_time(const struct ask *ask, const struct jcs_value *body, uint64_t *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;
/* The {id} of the route. A malformed one is none: LUCID_NOTE_ABSENT. */
enum lucid_error ask_id(struct ask *ask, uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;
/* A blob by its digest. */
enum lucid_error ask_blob(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                          struct lucid_span *ret) LUCID_WARN_UNUSED;

/* An event's payload and body; *ret_body is {NULL, 0} where there is none, or it was erased. */
enum lucid_error ask_logged(struct ask *ask, uint64_t sequence, struct lucid_span *ret_payload,
                            struct lucid_span *ret_body) LUCID_WARN_UNUSED;
/* The plugin's keys, newest first, at most max. */
enum lucid_error ask_keys(struct ask *ask, uint8_t (*ret)[32], size_t max,
                          size_t *ret_count) LUCID_WARN_UNUSED;

/* {"items":[…],"next_cursor":…}: write gives one row, and is asked until it says LUCID_NOTE_END.
 * before: rows with a lower sequence; it sets the row's own. */
typedef enum lucid_error ask_row_fn(struct ask *ask, uint64_t before, uint64_t *ret_sequence);
enum lucid_error ask_list(struct ask *ask, ask_row_fn *row,
                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* An item as a list has it: its id ("id" as digest; with a name: hex under that), place, time and
 * summary. */
void ask_row_write(struct ask *ask, const struct kind_row *row, const char *name);
/* An ask_row_fn of items of one sort. */
enum lucid_error ask_item_row(struct ask *ask, enum kind_item item, const char *name,
                              uint64_t before, uint64_t *ret_sequence) LUCID_WARN_UNUSED;

/* "receipt": where an item's leaf is. */
enum lucid_error ask_place_write(struct ask *ask, const struct kind_row *row) LUCID_WARN_UNUSED;

/* The plugin's version, of the program and of the rules: the build that records name. */
extern const char verifier_version[];

/* --- metrics.c -------------------------------------------------------------------------------- */

/* Counts an appraisal by the summary of its row. */
void metrics_appraised(struct verifier *verifier, struct lucid_span summary);
void metrics_write(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out);

/* --- routes ----------------------------------------------------------------------------------- */

extern const struct lucid_plugin_route verifier_routes[]; /* routes.c */
extern const struct lucid_plugin_code verifier_codes[];

typedef enum lucid_plugin_result route_fn(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why);
typedef enum lucid_plugin_result answered_fn(void *self, struct lucid_plugin_call *call,
                                             struct lucid_plugin_command *command,
                                             struct lucid_plugin_why *why);

route_fn route_about, route_challenge, route_schema;
route_fn route_appraise, route_appraisals, route_appraisal, route_replay;
answered_fn answered_appraise;
route_fn route_policy_put, route_policies, route_policy;
route_fn route_reference_put, route_references, route_reference;
answered_fn answered_document;
route_fn route_collateral_post, route_collateral;
answered_fn answered_collateral;
route_fn route_claims_post, route_claims, route_claims_one;
answered_fn answered_claims;
route_fn route_interaction_post, route_interactions, route_interaction;
answered_fn answered_interaction;

#endif
