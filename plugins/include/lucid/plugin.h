/* What a plugin of Lucid ledger sees of it: this header and nothing else. It stands alone (C11, no
 * other header of ours) and is installed as <lucid/plugin.h>.
 *
 * A plugin is a shared module DIR/NAME.so that exports one object, `lucid_plugin`. The service
 * loads those that `plugins = NAME, …` names, and refuses to start when one cannot be loaded, was
 * built for another ABI, or contradicts what is there.
 *
 * A plugin brings kinds of events, each with tables of its own; routes; settings; problem codes; a
 * part of the OpenAPI document; metrics. What it is given are functions of struct
 * lucid_plugin_host.
 *
 * Where its functions run
 *
 *   - open, close: the main thread, before and after all others; in `lucidd --check` as well (see
 *     `checking`)
 *   - handle, answered: one of the service's workers, several at a time: heavy work belongs here
 *   - decide: the writer, inside its transaction: refuses, or drafts events; writes nothing
 *   - apply: the writer and every replay (also of programs that never call open): folds one event
 *     into the kind's own tables. It may not refuse, read a clock or a setting, sign or call out:
 *     all it may use is the event and its own tables. The service checks its store while it runs,
 *     so that an apply of an old event may run beside one of a new: nothing static, then. An error
 *     stops the service, because tables and log would differ
 *   - react: the writer, not in replay: drafts follow-up events
 *   - metrics: any thread
 *
 * The writer waits for nobody: decide, apply and react are given nothing that waits, and the calls
 * they make are counted. A command that exceeds LUCID_PLUGIN_STEPS_MAX calls or
 * LUCID_PLUGIN_DRAFTS_MAX events is refused; a plugin whose decide, apply or react is slow (over 50
 * ms of its own making) again and again is suspended (503) until the next start. The module is
 * trusted code all the same: whoever loads one lets it into the process.
 *
 * Memory: what a function is given is good until it returns, what call_alloc gives until the
 * request is over. Text is UTF-8; what is written to events is canonical JSON (RFC 8785) by
 * convention. */
#ifndef LUCID_PLUGIN_H
#define LUCID_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number of this interface. Members are added at the end of struct lucid_plugin_host under the
 * same number (see its `bytes`); anything else raises it. */
#define LUCID_PLUGIN_ABI 1

#define LUCID_PLUGIN_NAME_BYTES_MAX    15  /* [a-z][a-z0-9_]* */
#define LUCID_PLUGIN_TYPE_BYTES_MAX    32  /* of an event type */
#define LUCID_PLUGIN_KEY_BYTES_MAX     255 /* of a table's row */
#define LUCID_PLUGIN_ROW_BYTES_MAX     65535
#define LUCID_PLUGIN_PAYLOAD_BYTES_MAX 65535
#define LUCID_PLUGIN_BODY_BYTES_MAX    65535
#define LUCID_PLUGIN_BLOB_BYTES_MAX    ((size_t)4 << 20)
#define LUCID_PLUGIN_BLOBS_MAX         128  /* of one command */
#define LUCID_PLUGIN_STEPS_MAX         4096 /* calls of one decide, apply or react */
#define LUCID_PLUGIN_DRAFTS_MAX        64   /* events of one decide or react */
#define LUCID_PLUGIN_HASH_BYTES        32   /* SHA-256 */
#define LUCID_PLUGIN_KEY_BYTES         32   /* Ed25519 */
#define LUCID_PLUGIN_SIGNATURE_BYTES   64
#define LUCID_PLUGIN_ENTRY_BYTES       128

enum lucid_plugin_result {
    LUCID_PLUGIN_OK = 0,
    LUCID_PLUGIN_ABSENT,  /* no such row, event, blob, parameter, setting */
    LUCID_PLUGIN_ERASED,  /* was there and was taken away on purpose */
    LUCID_PLUGIN_REFUSED, /* the request is at fault; the why says how */
    LUCID_PLUGIN_BUSY,    /* ours, passing: no memory, full, stopping */
    LUCID_PLUGIN_CORRUPT, /* what was read back is not what was written */
};

struct lucid_plugin_bytes {
    const uint8_t *data;
    size_t len;
};

/* Why something is refused, as the problem document will say it (RFC 9457). */
struct lucid_plugin_why {
    int status;       /* HTTP: 400 … 599; 0 = what the code's row says */
    const char *code; /* one of the plugin's codes, or of the service's; static storage */
    char param[96];   /* dotted name of the member at fault, or "" */
    char text[192];   /* one English sentence, no secret in it */
};

struct lucid_plugin_host; /* the functions below */
struct lucid_plugin_call; /* a request */
struct lucid_plugin_view; /* a snapshot of the log and the tables */
struct lucid_plugin_txn;  /* the writer's transaction */
struct lucid_plugin_out;  /* text that grows */

/* --- kinds ------------------------------------------------------------------------------------ */

struct lucid_plugin_event {
    uint64_t sequence;
    uint64_t time_ms; /* Unix ms, never decreasing from event to event */
    struct lucid_plugin_bytes type;
    uint16_t version;
    struct lucid_plugin_bytes payload;
    const uint8_t *entry; /* LUCID_PLUGIN_ENTRY_BYTES, or NULL */
    uint64_t leaf;        /* only with entry */
};

/* An event that decide or react wants appended. */
struct lucid_plugin_draft {
    const char *type; /* one of the kind's */
    struct lucid_plugin_bytes payload;
    const uint8_t *entry;           /* made with host->entry, or NULL: no leaf */
    struct lucid_plugin_bytes body; /* kept beside the event, never folded; data NULL: none */
};

struct lucid_plugin_event_type {
    const char *name; /* ASCII, "word.word" */
    uint16_t version; /* current, from 1 */
    /* Rewrites a payload of version from to from + 1; NULL while there is only version 1. Pure: any
     * thread, several at a time. Appends the new payload to out. */
    enum lucid_plugin_result (*upcast)(const struct lucid_plugin_host *host, uint16_t from,
                                       struct lucid_plugin_bytes payload,
                                       struct lucid_plugin_out *out);
};

struct lucid_plugin_kind {
    const char *name;      /* unique in the service; ends the list when NULL */
    uint32_t fold_version; /* raise it when apply writes something else: tables are folded anew.
                              Never lower it: a store that was folded by a newer one is refused */
    const struct lucid_plugin_event_type *types; /* ends with name NULL */
    const char *const *tables;  /* its own, in the store as NAME.TABLE (together at most 31 bytes);
                                   ends with NULL */
    const char *const *listens; /* event types of others that apply and react also get; ends with
                                   NULL; may be NULL */
    enum lucid_plugin_result (*decide)(void *self, const struct lucid_plugin_host *host,
                                       struct lucid_plugin_txn *txn, void *command,
                                       struct lucid_plugin_why *why);
    enum lucid_plugin_result (*apply)(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn,
                                      const struct lucid_plugin_event *event);
    enum lucid_plugin_result (*react)(void *self, const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn,
                                      const struct lucid_plugin_event *event); /* may be NULL */
    /* Whether a body is the one that the event was logged with; NULL: nothing tells. Pure: any
     * thread, several at a time. */
    bool (*body_fits)(const struct lucid_plugin_host *host, const struct lucid_plugin_event *event,
                      struct lucid_plugin_bytes body);
};

enum lucid_plugin_seek {
    LUCID_PLUGIN_SEEK_GE, /* the first row whose key is not below */
    LUCID_PLUGIN_SEEK_GT, /* … above */
    LUCID_PLUGIN_SEEK_LE, /* the last row whose key is not above */
    LUCID_PLUGIN_SEEK_LAST,
};

/* --- routes ----------------------------------------------------------------------------------- */

enum lucid_plugin_scope {
    LUCID_PLUGIN_SCOPE_READ = 1U << 0,  /* also open to all with `public_reads` */
    LUCID_PLUGIN_SCOPE_ADMIN = 1U << 1, /* lets into every route */
    LUCID_PLUGIN_SCOPE_ATTEST = 1U << 4,
    LUCID_PLUGIN_SCOPE_PASSPORT = 1U << 5,
    LUCID_PLUGIN_SCOPE_AUDIT = 1U << 6,
};

enum lucid_plugin_route_flag {
    LUCID_PLUGIN_ROUTE_READS =
        1U << 0, /* a POST that changes nothing: browsers of any origin may */
};

struct lucid_plugin_command {
    const char *kind; /* one of the plugin's */
    void *data;       /* for decide; in memory of the call */
    /* Stored in the same transaction, each under its SHA-256; one that is there already is not
     * stored again. Borrowed until the call is over. */
    const struct lucid_plugin_bytes *blobs;
    size_t blob_count;
};

/* In the order in which a table of routes reads well, not the densest one:
 * NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct lucid_plugin_route {
    const char *method;      /* "GET" (serves HEAD too), "POST", "PUT", "DELETE"; NULL ends it */
    const char *pattern;     /* "/v1/notes/{id}": {name} is one segment, a last {name*} the rest;
                                at most 8 names of at most 32 bytes, each once */
    uint32_t scopes;         /* any of these lets in; 0: everybody */
    const char *price_class; /* "match", "appraise", "passport": whoever has no such scope may pay
                                for it, where the operator sells it; NULL: not sold */
    uint32_t flags;
    size_t body_bytes_max; /* 413 over it */
    /* Ends in exactly one of respond, problem and submit. A result other than OK is answered for
     * it: REFUSED as why says, ABSENT 404, BUSY 503, CORRUPT 500. Sold: runs before any money is
     * taken, and only for a request that shows a payment; what it refuses, and what it answers
     * itself, costs nothing: what is sold is submitted. A repetition of a paid request runs it
     * again. */
    enum lucid_plugin_result (*handle)(void *self, struct lucid_plugin_call *call,
                                       struct lucid_plugin_why *why);
    /* After the command that handle submitted was committed: ends in respond. */
    enum lucid_plugin_result (*answered)(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_command *command,
                                         struct lucid_plugin_why *why);
};

/* --- the plugin ------------------------------------------------------------------------------- */

enum lucid_plugin_setting_type {
    LUCID_PLUGIN_TEXT,
    LUCID_PLUGIN_UINT,
    LUCID_PLUGIN_BOOL,
};

/* A key of the configuration, written NAME.KEY (as flag --NAME-KEY, as variable LUCID_NAME_KEY). */
struct lucid_plugin_setting {
    const char *key; /* [a-z][a-z0-9_]*; ends the list when NULL */
    enum lucid_plugin_setting_type type;
    const char *initial;
    uint64_t min; /* of UINT */
    uint64_t max;
    const char *help; /* one line */
};

struct lucid_plugin_code {
    const char *code; /* upper snake case; ends the list when NULL */
    int status;
};

struct lucid_plugin {
    uint32_t abi; /* LUCID_PLUGIN_ABI; the first member for ever */
    const char *name;
    const char *version; /* 1 … 64 printable ASCII characters: its build, shown and logged */
    const char *summary; /* one line */
    const struct lucid_plugin_setting *settings; /* each list may be NULL */
    const struct lucid_plugin_kind *kinds;
    const struct lucid_plugin_route *routes;
    const struct lucid_plugin_code *codes;
    const char *openapi; /* a JSON document with what its routes add, or NULL */
    /* Reads settings, makes what the functions below are given as self. */
    enum lucid_plugin_result (*open)(const struct lucid_plugin_host *host, void **ret_self,
                                     struct lucid_plugin_why *why);
    void (*close)(void *self);
    /* Prometheus text (0.0.4), at most 64 KiB: families that are called lucid_NAME_…, each with its
     * TYPE line before its samples. Asked often, by a thread that serves others too: it says what
     * was counted and computes nothing. May be NULL. */
    void (*metrics)(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out);
};

/* The one symbol that a module exports; seen also where all else is hidden. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const struct lucid_plugin lucid_plugin;

/* --- what the service gives ------------------------------------------------------------------- */

enum lucid_plugin_log_level {
    LUCID_PLUGIN_LOG_ERROR,
    LUCID_PLUGIN_LOG_WARN,
    LUCID_PLUGIN_LOG_INFO,
    LUCID_PLUGIN_LOG_DEBUG,
};

struct lucid_plugin_host {
    uint32_t abi;
    size_t bytes; /* sizeof of the service's own struct: members beyond it are not there */
    const char *service_version;
    const char *origin;        /* of the log; "" in programs without one */
    bool test;                 /* a store made by `lucid log init --test` */
    const uint8_t *public_key; /* LUCID_PLUGIN_KEY_BYTES: the plugin's key of now; NULL in replay */

    /* --- anywhere --- */

    /* One line: event is "word.word", text has no secret and no body in it. */
    void (*log)(const struct lucid_plugin_host *host, enum lucid_plugin_log_level level,
                const char *event, const char *text);
    void (*random)(const struct lucid_plugin_host *host, void *ret, size_t len);
    /* Of all parts, one behind the other. */
    void (*sha256)(const struct lucid_plugin_host *host, const struct lucid_plugin_bytes *parts,
                   size_t count, uint8_t ret[LUCID_PLUGIN_HASH_BYTES]);
    /* Ed25519 by the ledger's one rule (strict: no small order, reduced S, canonical). */
    bool (*verify)(const struct lucid_plugin_host *host, const uint8_t key[LUCID_PLUGIN_KEY_BYTES],
                   struct lucid_plugin_bytes message,
                   const uint8_t signature[LUCID_PLUGIN_SIGNATURE_BYTES]);

    /* --- open, close, handle, answered --- */

    /* Signs with the plugin's own key. Give each use a prefix of its own; that of entries is
     * "lucid/entry/v1\n", a JWS begins with "ey". */
    void (*sign)(const struct lucid_plugin_host *host, struct lucid_plugin_bytes message,
                 uint8_t ret[LUCID_PLUGIN_SIGNATURE_BYTES]);
    /* A secret that only this plugin with this key can make: for MACs. Wipe it. */
    void (*secret)(const struct lucid_plugin_host *host, const char *label,
                   uint8_t ret[LUCID_PLUGIN_HASH_BYTES]);
    /* The entry of a record: SHA-256(record) ‖ SHA-256(plugin key) ‖ signature over
     * "lucid/entry/v1\n" ‖ SHA-256(record). */
    void (*entry)(const struct lucid_plugin_host *host, struct lucid_plugin_bytes record,
                  uint8_t ret[LUCID_PLUGIN_ENTRY_BYTES]);
    /* A setting's value as text, never NULL for a declared key, and NULL for others; UINT is
     * checked decimal, BOOL "true" or "false". Good until close. */
    const char *(*setting)(const struct lucid_plugin_host *host, const char *key);

    /* --- text: appends; a failure is kept and becomes a BUSY answer --- */

    void (*out_put)(struct lucid_plugin_out *out, const void *data, size_t len);
    /* What is there so far; data NULL after a failure. */
    struct lucid_plugin_bytes (*out_bytes)(const struct lucid_plugin_out *out);
    /* A new, empty one in the memory of a request; NULL: no more (at most 32, and 16 MiB in all of
     * them together). */
    struct lucid_plugin_out *(*out_new)(struct lucid_plugin_call *call);

    /* --- requests: handle and answered --- */

    struct lucid_plugin_bytes (*call_method)(const struct lucid_plugin_call *call);
    /* A segment that {name} matched, decoded; data NULL: none. Likewise a query parameter, and a
     * header (its name in lower case). */
    struct lucid_plugin_bytes (*call_param)(const struct lucid_plugin_call *call, const char *name);
    struct lucid_plugin_bytes (*call_query)(const struct lucid_plugin_call *call, const char *name);
    struct lucid_plugin_bytes (*call_header)(const struct lucid_plugin_call *call,
                                             const char *name);
    struct lucid_plugin_bytes (*call_body)(const struct lucid_plugin_call *call);
    /* The scopes of its token, of enum lucid_plugin_scope; with ADMIN all of them. 0: none. READ
     * also where `public_reads` opens it. And the token's id, "" for none. */
    uint32_t (*call_scopes)(const struct lucid_plugin_call *call);
    const char *(*call_token)(const struct lucid_plugin_call *call);
    /* The log's clock at the beginning of the request: Unix ms, never back. */
    uint64_t (*call_now_ms)(const struct lucid_plugin_call *call);
    /* Memory of the request, zeroed; NULL when there is no more (at most 16 MiB a request). */
    void *(*call_alloc)(struct lucid_plugin_call *call, size_t len);
    /* The instance's host. */
    const struct lucid_plugin_host *(*call_host)(const struct lucid_plugin_call *call);
    /* The snapshot of this function: begun by the first use, ended when handle or answered returns.
     * NULL: it cannot be begun now (BUSY). */
    struct lucid_plugin_view *(*call_view)(struct lucid_plugin_call *call);

    void (*call_add_header)(struct lucid_plugin_call *call, const char *name, const char *value);
    /* The answer; type NULL: "application/json". Bytes are copied. */
    void (*call_respond)(struct lucid_plugin_call *call, int status, const char *type,
                         struct lucid_plugin_bytes body);
    /* The same with a strong ETag, and 304 for who has it already; max_age_s 0: ask each time,
     * or as an added Cache-Control says (beside which only 0 is right); UINT32_MAX: immutable. */
    void (*call_respond_tagged)(struct lucid_plugin_call *call, const char *type,
                                struct lucid_plugin_bytes body, uint32_t max_age_s);
    void (*call_problem)(struct lucid_plugin_call *call, const struct lucid_plugin_why *why);
    /* To the writer; the route's answered comes after the commit. */
    void (*call_submit)(struct lucid_plugin_call *call, const struct lucid_plugin_command *command);

    /* --- snapshots --- */

    /* Rows of any kind that a plugin brought (kind by its name, table by its index there). */
    enum lucid_plugin_result (*view_get)(struct lucid_plugin_view *view, const char *kind,
                                         unsigned table, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret);
    enum lucid_plugin_result (*view_seek)(struct lucid_plugin_view *view, const char *kind,
                                          unsigned table, enum lucid_plugin_seek how,
                                          struct lucid_plugin_bytes key,
                                          struct lucid_plugin_bytes *ret_key,
                                          struct lucid_plugin_bytes *ret_value);
    /* An event, checked against the hash chain (payload as it was written), and its body, as it was
     * stored. */
    enum lucid_plugin_result (*view_event)(struct lucid_plugin_view *view, uint64_t sequence,
                                           struct lucid_plugin_event *ret);
    enum lucid_plugin_result (*view_body)(struct lucid_plugin_view *view, uint64_t sequence,
                                          struct lucid_plugin_bytes *ret);
    /* A blob by its SHA-256, checked; copied into the call's memory. */
    enum lucid_plugin_result (*view_blob)(struct lucid_plugin_view *view,
                                          const uint8_t hash[LUCID_PLUGIN_HASH_BYTES],
                                          struct lucid_plugin_bytes *ret);
    /* JSON of a leaf's place
     * ({"receipt_hash","leaf_index","sequence","epoch","logged_at","status"}) and of its inclusion
     * proof in the newest published head that covers it (as /v1/receipts/{id}/proof gives it).
     * proof: ABSENT while no head covers the leaf. */
    enum lucid_plugin_result (*view_place)(struct lucid_plugin_view *view, uint64_t leaf,
                                           struct lucid_plugin_out *out);
    enum lucid_plugin_result (*view_proof)(struct lucid_plugin_view *view, uint64_t leaf,
                                           struct lucid_plugin_out *out);
    /* The plugin's keys, newest first: index 0 … ; since_ms, and until_ms (0: still in use). */
    enum lucid_plugin_result (*view_key)(struct lucid_plugin_view *view, size_t index,
                                         uint8_t ret[LUCID_PLUGIN_KEY_BYTES],
                                         uint64_t *ret_since_ms, uint64_t *ret_until_ms);

    /* --- the writer's transaction --- */

    /* decide, react. */
    uint64_t (*txn_now_ms)(struct lucid_plugin_txn *txn);
    /* Memory until the batch ends, zeroed; NULL: no more. */
    void *(*txn_alloc)(struct lucid_plugin_txn *txn, size_t len);
    /* decide, react. ret (may be NULL) is set once the event is appended: read it in answered. */
    enum lucid_plugin_result (*txn_draft)(struct lucid_plugin_txn *txn,
                                          const struct lucid_plugin_draft *draft,
                                          struct lucid_plugin_event *ret);
    /* Rows of the running kind, as the transaction has them. table: index in its tables. */
    enum lucid_plugin_result (*txn_get)(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key,
                                        struct lucid_plugin_bytes *ret);
    enum lucid_plugin_result (*txn_seek)(struct lucid_plugin_txn *txn, unsigned table,
                                         enum lucid_plugin_seek how, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret_key,
                                         struct lucid_plugin_bytes *ret_value);
    /* decide, react: a row of another plugin kind. */
    enum lucid_plugin_result (*txn_peek)(struct lucid_plugin_txn *txn, const char *kind,
                                         unsigned table, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret);
    /* apply only. */
    enum lucid_plugin_result (*txn_put)(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key,
                                        struct lucid_plugin_bytes value);
    enum lucid_plugin_result (*txn_del)(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key);

    /* --- snapshots; came later: there if `bytes` reaches so far --- */

    /* As view_key, of any plugin, by its name. */
    enum lucid_plugin_result (*view_key_of)(struct lucid_plugin_view *view, const char *plugin,
                                            size_t index, uint8_t ret[LUCID_PLUGIN_KEY_BYTES],
                                            uint64_t *ret_since_ms, uint64_t *ret_until_ms);
    /* The newest published head: the size of its tree, and its signed note. ABSENT before the
     * first. */
    enum lucid_plugin_result (*view_head)(struct lucid_plugin_view *view, uint64_t *ret_size,
                                          struct lucid_plugin_bytes *ret_checkpoint);

    /* The names of the plugins that the service has loaded, NULL at the end; NULL in programs
     * without a service. There from open on: who rests on another says so there. */
    const char *const *plugins;
    /* `lucidd --check` opens the plugin too, and closes it again, to hear whether it would open:
     * what its settings name is to be looked at, and nothing left behind. There is no log then:
     * origin is "", test false whatever the store is, and the key one for the occasion. */
    bool checking;
};

#ifdef __cplusplus
}
#endif

#endif
