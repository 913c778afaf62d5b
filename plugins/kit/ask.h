/* A request while a route of one of our plugins handles it: its memory, reading it strictly,
 * answering, lists, and what the log has.
 *
 * A module that uses it defines `ask_module`, and what its open makes (self) begins with the host:
 * struct ask_self.
 *
 * Thread: a worker; a struct ask belongs to one request. */
#ifndef LUCID_PLUGINS_KIT_ASK_H
#define LUCID_PLUGINS_KIT_ASK_H

#include <lucid/plugin.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"
#include "plugins/kit/bytes.h"

#define ASK_TIME_MAX_S 253402300799ULL /* the year 9999 */

/* What a module says of itself, once. */
struct ask_module {
    const struct lucid_plugin_code *codes; /* that it may refuse with */
    const char *corrupt; /* the log's word when what was read back is not consistent */
};
extern const struct ask_module ask_module;

struct ask_self {
    const struct lucid_plugin_host *host;
};

struct ask {
    void *self; /* the module's own, which begins as struct ask_self */
    const struct lucid_plugin_host *host;
    struct lucid_plugin_call *call;
    struct lucid_plugin_view *view;       /* by ask_view */
    struct lucid_plugin_command *command; /* in answered */
    struct lucid_arena arena;             /* freed when the handler returns */
    struct lucid_buf out;                 /* likewise */
    uint64_t now_ms;
    bool newest_first; /* of a list */
    void *context;     /* the handler's own */
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

/* {"items":[…],"next_cursor":…}: row writes one row, and is asked until it says LUCID_NOTE_END.
 * from: the row after that sequence, or with ask->newest_first the one before it (0: it begins); it
 * sets the row's own. LUCID_NOTE_ABSENT: this row is not asked for; so many of them, and the page
 * ends early, perhaps empty, with a cursor. */
typedef enum lucid_error ask_row_fn(struct ask *ask, uint64_t from, uint64_t *ret_sequence);
enum lucid_error ask_list(struct ask *ask, ask_row_fn *row,
                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- ask_read.c ------------------------------------------------------------------------------- */

/* The body as a JSON object with no member but those named (ends with NULL; members NULL: any). */
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
/* A digest: 64 hex digits, with or without "sha256:" before it. */
enum lucid_error ask_digest(struct lucid_span text, const char *param,
                            uint8_t ret[LUCID_SHA256_BYTES],
                            struct lucid_why *why) LUCID_WARN_UNUSED;
/* The {id} of the route, a digest. A malformed one is none: LUCID_NOTE_ABSENT. */
enum lucid_error ask_id(struct ask *ask, uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;
/* A query parameter that is 1, true, 0 or false; absent: false. INVALID_PARAMETER. */
enum lucid_error ask_flag(struct ask *ask, const char *name, bool *ret,
                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- ask_log.c: of the snapshot --------------------------------------------------------------- */

/* A blob by its digest. LUCID_NOTE_ABSENT, LUCID_NOTE_ERASED. */
enum lucid_error ask_blob(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                          struct lucid_span *ret) LUCID_WARN_UNUSED;

/* An event's payload and body; *ret_body is {NULL, 0} where there is none, or it was erased. */
enum lucid_error ask_logged(struct ask *ask, uint64_t sequence, struct lucid_span *ret_payload,
                            struct lucid_span *ret_body) LUCID_WARN_UNUSED;
/* A plugin's keys (NULL: this one's own), newest first, at most max. Of another: only where the
 * host has view_key_of. */
enum lucid_error ask_keys(struct ask *ask, const char *plugin, uint8_t (*ret)[32], size_t max,
                          size_t *ret_count) LUCID_WARN_UNUSED;

/* "receipt": where a leaf is. */
enum lucid_error ask_place_write(struct ask *ask, uint64_t leaf) LUCID_WARN_UNUSED;
/* Its inclusion proof, as JSON, in the request's memory. LUCID_NOTE_ABSENT: no head covers it yet.
 */
enum lucid_error ask_proof(struct ask *ask, uint64_t leaf,
                           struct lucid_span *ret) LUCID_WARN_UNUSED;

#endif
