/* What the adapter of kinds, the functions of transactions and the utilities share. */
#ifndef LUCID_PLUGINS_HOST_KIND_INTERNAL_H
#define LUCID_PLUGINS_HOST_KIND_INTERNAL_H

#include "plugins/host/host.h"

/* One kind of a plugin, as the ledger knows it. */
struct plugin_kind {
    struct ledger_kind kind; /* first member */
    struct plugin *plugin;
    const struct lucid_plugin_kind *module;
    struct ledger_event_type types[PLUGIN_TYPES_MAX + 1];
    const char *tables[PLUGIN_TABLES_MAX + 1];
    char names[PLUGIN_TABLES_MAX][STORE_NAME_BYTES_MAX + 1];
    unsigned table_count;
};

enum plugin_verb {
    PLUGIN_VERB_DECIDE,
    PLUGIN_VERB_APPLY,
    PLUGIN_VERB_REACT,
    PLUGIN_VERB_PURE, /* upcast, body_fits: no transaction */
};

/* A draft that waits for decide or react to return well, and where its numbers go afterwards. */
struct plugin_given {
    struct plugin_given *next;
    struct ledger_draft draft; /* copied to the batch's memory */
    struct lucid_plugin_bytes payload;
    const uint8_t *entry; /* as they were given */
    struct lucid_plugin_event *ret;
    const struct ledger_draft *appended;
};

struct lucid_plugin_txn {
    struct ledger_txn *txn; /* NULL in PURE */
    const struct plugin_kind *kind;
    enum plugin_verb verb;
    uint32_t steps;
    uint32_t drafts;
    size_t bytes; /* that txn_alloc gave */
    struct plugin_given *first;
    struct plugin_given **end;
    struct lucid_arena scratch; /* apply: what it read, which its own writes would move */
    /* What went wrong, whatever the plugin makes of it. */
    enum lucid_error error; /* of the store */
    bool corrupt;           /* a row that was read is damaged */
    bool limit;             /* over a budget */
    const char *broken;     /* a rule; static text */
    struct lucid_plugin_txn *outer;
};

/* The verb that runs on this thread; utilities look at it. */
void plugin_txn_enter(struct lucid_plugin_txn *txn);
void plugin_txn_leave(struct lucid_plugin_txn *txn);

/* Counts a call of a utility; `rule` NULL: it may be called anywhere, else what is broken when a
 * verb calls it. False: it may not. */
bool plugin_util_step(const char *rule);

/* How the store seeks for it; no key is below every key. False: there cannot be such a row. */
bool plugin_seek_how(enum lucid_plugin_seek how, struct lucid_plugin_bytes key,
                     enum store_seek *ret_how, struct lucid_span *ret_from) LUCID_WARN_UNUSED;

/* The plugin's transaction functions, into its table. */
void plugin_host_txn_init(struct lucid_plugin_host *host);
/* view.c's. */
void plugin_host_view_init(struct lucid_plugin_host *host);

static inline struct lucid_span plugin_span(struct lucid_plugin_bytes bytes)
{
    return lucid_span(bytes.data, bytes.len);
}

static inline struct lucid_plugin_bytes plugin_bytes(struct lucid_span span)
{
    return (struct lucid_plugin_bytes){.data = span.data, .len = span.len};
}

#endif
