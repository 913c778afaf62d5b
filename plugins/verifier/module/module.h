/* The plugin `verifier`: its settings, and what its routes share. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_MODULE_H
#define LUCID_PLUGINS_VERIFIER_MODULE_MODULE_H

#include <lucid/plugin.h>
#include <stdatomic.h>

#include "base/jcs/jcs.h"
#include "plugins/kit/ask.h"
#include "plugins/kit/key.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/module/kind.h"

#define VERIFIER_KEYS_MAX      16 /* document keys */
#define VERIFIER_BUILD_BYTES   64
#define VERIFIER_TYPES_MAX     8 /* kinds of evidence */
#define VERIFIER_TIERS         4
#define VERIFIER_REQUEST_BYTES ((size_t)4 << 20)

/* What open makes and close frees; const while routes run, but for the counters. */
struct verifier {
    const struct lucid_plugin_host *host; /* first: plugins/kit/ask.h */
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
    char kid[KEY_KID_BYTES + 1];
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

/* --- ask_verifier.c: what plugins/kit/ask.h does not know of ---------------------------------- */

static inline struct verifier *verifier_of(const struct ask *ask)
{
    return ask->self;
}

/* A certificate or revocation list of at most max bytes, in the request's memory: PEM text as it
 * is, else base64 of DER. param: its dotted name. */
enum lucid_error ask_pem(struct ask *ask, struct lucid_span text, size_t max, const char *param,
                         struct lucid_span *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* The time to appraise at: the log's, or on a test store what test_time says. TEST_ONLY. */
enum lucid_error ask_test_time(const struct ask *ask, const struct jcs_value *body, uint64_t *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;
/* An item as a list has it: its id ("id" as digest; with a name: hex under that), place, time and
 * summary. */
enum lucid_error ask_row_write(struct ask *ask, const struct kind_row *row,
                               const char *name) LUCID_WARN_UNUSED;
/* An ask_row_fn of items of one sort. */
enum lucid_error ask_item_row(struct ask *ask, enum kind_item item, const char *name,
                              uint64_t before, uint64_t *ret_sequence) LUCID_WARN_UNUSED;

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
