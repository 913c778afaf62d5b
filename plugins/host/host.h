/* Plugins on the service's side: loading modules, and turning what they bring into what the service
 * knows: kinds of events (ledger/kind.h) and rows of tables. Routes are http/api's (plugins.c
 * there), configuration and files lucidd's.
 *
 * Loading: the main thread, before anything runs. Afterwards const, but for the counters. */
#ifndef LUCID_PLUGINS_HOST_HOST_H
#define LUCID_PLUGINS_HOST_HOST_H

#include <lucid/plugin.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "ledger/blob.h"
#include "ledger/ed25519.h"
#include "ledger/ledger.h"

#define PLUGINS_MAX       8
#define PLUGIN_KINDS_MAX  4  /* of one plugin */
#define PLUGIN_TABLES_MAX 12 /* of one kind */
#define PLUGIN_TYPES_MAX  16 /* of one kind */
#define PLUGIN_ROUTES_MAX 32

#define PLUGIN_SETTINGS_MAX          32
#define PLUGIN_SETTING_KEY_BYTES_MAX 32
#define PLUGIN_SETTING_BYTES_MAX     1000 /* of a value */

/* A decide, apply or react over this is slow; so many within that time suspend the plugin. */
#define PLUGIN_SLOW_DECIDE_MS 50
#define PLUGIN_SLOW_MAX       3
#define PLUGIN_SLOW_WITHIN_MS 600000
/* What txn_alloc gives one decide or react, and the blobs of one command together. */
#define PLUGIN_TXN_BYTES_MAX   ((size_t)4 << 20)
#define PLUGIN_BLOBS_BYTES_MAX ((size_t)32 << 20)
/* Once a batch holds so much, commands of plugins in it are refused (busy): what is left of its
 * memory is for others, who would all be refused with them. */
#define PLUGIN_BATCH_BYTES_MAX ((size_t)128 << 20)
/* Events that a plugin may draft as reactions to one event, to those reactions, and so on. */
#define PLUGIN_REACTIONS_MAX 256

/* One that is loaded. */
struct plugin {
    const struct lucid_plugin *module;
    void *handle; /* of dlopen */
    bool opened;
    void *self; /* what its open made; it may be NULL */
    struct lucid_plugin_host host;
    struct plugin_settings *settings;     /* values by key */
    const struct ledger_ed25519_key *key; /* NULL: none (offline) */
    uint8_t secret_key[32];               /* secrets of the plugin are made from it */
    struct plugin_kind *kinds;            /* the adapters, see kind.c */
    size_t kind_count;
    /* Counters; any thread. */
    _Atomic uint64_t calls;
    _Atomic uint64_t refusals;
    _Atomic uint64_t slow_decides;
    _Atomic bool suspended;
    _Atomic bool metrics_told; /* that what it writes there is left out */
    /* The writer's: when a verb was slow, boot ms; a ring. */
    uint64_t slow_at_ms[PLUGIN_SLOW_MAX];
    unsigned slow_next;
    uint32_t reactions; /* the writer's: to the event that is running, so far */
};

/* [a-z][a-z0-9_]*, at most max bytes: the form of names of plugins, kinds, tables and settings. */
bool plugin_name_is_good(const char *name, size_t max) LUCID_WARN_UNUSED;

/* --- load.c ----------------------------------------------------------------------------------- */

/* Loads DIR/NAME.so and checks what it says of itself: ABI, names, bounds, duplicates. Nothing of
 * the module runs. Errors: LUCID_REFUSE_INVALID with a sentence that names file and fault
 * (PLUGIN_INVALID; PLUGIN_ABI with both numbers), LUCID_RETRY_IO (PLUGIN_NOT_FOUND). */
enum lucid_error plugin_load(const char *directory, const char *name, struct plugin **ret,
                             struct lucid_why *why) LUCID_WARN_UNUSED;
/* NULL is allowed. After plugin_close. */
void plugin_unload(struct plugin *plugin);

/* Sets a setting of a loaded plugin from its text; the key without the plugin's name. UNKNOWN_KEY
 * or INVALID_CONFIG, param NAME.KEY. What is not set has its initial value. */
enum lucid_error plugin_set(struct plugin *plugin, const char *key, const char *value,
                            struct lucid_why *why) LUCID_WARN_UNUSED;

/* The text of a setting that holds: what was set, or its initial value; NULL: no such key. Good
 * until it is set again or unloaded. */
const char *plugin_setting(const struct plugin *plugin, const char *key);

/* Calls open and close. plugin_open: PLUGIN_OPEN, LUCID_REFUSE_INVALID, or LUCID_RETRY_BUSY where
 * the plugin says so; close also one that is not open. The key signs for it; it and ledger identity
 * outlive the plugin. */
enum lucid_error plugin_open(struct plugin *plugin, const struct ledger_identity *identity,
                             const char *service_version, const struct ledger_ed25519_key *key,
                             struct lucid_why *why) LUCID_WARN_UNUSED;
void plugin_close(struct plugin *plugin);

/* --- kind.c ----------------------------------------------------------------------------------- */

/* The uses of its kinds, to be registered after all built-in ones (and those of other plugins).
 * Appends to uses, of which there is room for max. Makes the adapters, which live until
 * plugin_kinds_free. Refusals: PLUGIN_CONFLICT (a kind or event type of that name is there, or
 * there is no room for more). LUCID_RETRY_MEMORY. */
enum lucid_error plugin_kinds_use(struct plugin *plugin, struct ledger_use *uses, size_t max,
                                  size_t *count, struct lucid_why *why) LUCID_WARN_UNUSED;
/* Frees the adapters, once no ledger uses them; plugin_unload does. */
void plugin_kinds_free(struct plugin *plugin);

/* Creates the tables that a store has not yet, in a batch of its own. Before ledger_open; needs a
 * writable store. Errors of the store; LUCID_REFUSE_TOO_LARGE: more tables than a store may have.
 */
enum lucid_error plugin_tables_create(const struct plugin *plugin,
                                      struct store *store) LUCID_WARN_UNUSED;

/* The plugin kind behind a registered kind; NULL: it is a built-in one. */
const struct plugin_kind *plugin_kind_of(const struct ledger_kind *kind);

struct plugin_given;

/* A command of a plugin's kind, with the blobs that go with it: as the writer takes it.
 * A refusal of the plugin's own part is in why (code not NULL); else, when command.error says that
 * it failed, command.why tells: a blob was refused, or the batch failed. */
struct plugin_command {
    struct ledger_command command; /* first member; next_part: the blobs */
    struct plugin *plugin;
    const struct lucid_plugin_command *asked;
    struct lucid_plugin_why why; /* of a refusal: with the plugin's status */
    struct plugin_given *given;  /* kind.c's: what the drafts' results are written to */
};
/* The memory is the arena's; it lives until the command is back. LUCID_RETRY_MEMORY; PLUGIN_KIND
 * (the plugin has no such kind), BLOB_TOO_LARGE, PLUGIN_LIMIT (too many blobs). */
enum lucid_error plugin_command_prepare(struct plugin *plugin,
                                        const struct lucid_plugin_command *asked,
                                        struct lucid_arena *arena, struct plugin_command **ret,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- util.c ----------------------------------------------------------------------------------- */

/* Makes of what a plugin says text that may stand in a JSON document: ended, and where it is not
 * UTF-8 without control characters (a character was cut), in ASCII with '?' for the rest. */
void plugin_why_mend(struct lucid_plugin_why *why);

/* --- view.c: snapshots as plugins read them --------------------------------------------------- */

struct lucid_plugin_view {
    struct ledger_view *view;
    const struct plugin *plugin;
    struct lucid_arena *arena; /* for what is copied */
};

/* Fills the functions of a host that need no request and no configuration: utilities, text, views,
 * transactions. What it leaves alone: setting, out_new, call_*, and the members that say who the
 * service is. */
void plugin_host_init(struct plugin *plugin, struct lucid_plugin_host *host);

struct lucid_plugin_out {
    struct lucid_buf buf;
    size_t *left; /* bytes that it and others of one request may still take; NULL: its own bound */
};

#endif
