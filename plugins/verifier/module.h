/* The plugin `verifier`: its settings, and what its routes share. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_H
#define LUCID_PLUGINS_VERIFIER_MODULE_H

#include <lucid/plugin.h>
#include <stdatomic.h>

#include "base/jcs/jcs.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/kind.h"

#define VERIFIER_KEYS_MAX      16 /* document keys */
#define VERIFIER_KID_BYTES     43 /* base64url of SHA-256 */
#define VERIFIER_BUILD_BYTES   64
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
        _Atomic uint64_t appraisals[4][4]; /* by type and tier, see metrics.c */
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
    struct lucid_plugin_view *view; /* by ask_view */
    struct lucid_arena arena;       /* freed when the handler returns */
    struct lucid_buf out;           /* likewise */
    uint64_t now_ms;
};

/* Ends in an answer or a submitted command, or says why not. */
typedef enum lucid_error ask_fn(struct ask *ask, struct lucid_why *why);

/* Runs a handler with a request's memory around it and turns what it says into what the service
 * knows. */
enum lucid_plugin_result ask_run(void *self, struct lucid_plugin_call *call, ask_fn *handler,
                                 struct lucid_plugin_why *why);

/* The snapshot. LUCID_RETRY_BUSY. */
enum lucid_error ask_view(struct ask *ask) LUCID_WARN_UNUSED;

/* Answers with ask->out as JSON. LUCID_RETRY_MEMORY: it could not grow. */
enum lucid_error ask_answer(struct ask *ask, int status) LUCID_WARN_UNUSED;

/* A copy that lives until the request is over. LUCID_RETRY_MEMORY. */
enum lucid_error ask_keep(struct ask *ask, struct lucid_span bytes,
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
/* The {id} of the route. A malformed one is none: LUCID_NOTE_ABSENT. */
enum lucid_error ask_id(struct ask *ask, uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;
/* A blob by its digest. */
enum lucid_error ask_blob(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                          struct lucid_span *ret) LUCID_WARN_UNUSED;

/* {"items":[…],"next_cursor":…}: write gives one row, and is asked until it says LUCID_NOTE_END.
 * before: rows with a lower sequence; it sets the row's own. */
typedef enum lucid_error ask_row_fn(struct ask *ask, uint64_t before, uint64_t *ret_sequence);
enum lucid_error ask_list(struct ask *ask, ask_row_fn *row,
                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* "name":"sha256:<hex>" */
void ask_digest_write(struct lucid_buf *out, const char *name,
                      const uint8_t digest[LUCID_SHA256_BYTES]);
/* "receipt": where an item's leaf is. */
enum lucid_error ask_place_write(struct ask *ask, const struct kind_row *row) LUCID_WARN_UNUSED;

/* The plugin's version: of the program and of the rules. */
const char *verifier_build(void);

/* --- routes ----------------------------------------------------------------------------------- */

typedef enum lucid_plugin_result route_fn(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why);
typedef enum lucid_plugin_result answered_fn(void *self, struct lucid_plugin_call *call,
                                             struct lucid_plugin_command *command,
                                             struct lucid_plugin_why *why);

route_fn route_challenge, route_about;

#endif
