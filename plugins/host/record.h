/* Which plugin signs with which key, on the log: core kind `plugin`.
 *
 * Event plugin.started, when a plugin starts with another key, version or ABI than the newest event
 * of it says: payload JCS {"abi","key","plugin","version"}.
 * Table `plugin_keys`: key = plugin's name ‖ 0 ‖ number u32, from 1; value = Ed25519 key 32 ‖ since
 * u64 ‖ until u64 (Unix ms; 0: in use) ‖ ABI u32 ‖ version. A row is a time with one key; version
 * and ABI are the newest of that time.
 *
 * Preparing: any thread. Writing: the writer. Reading: any thread, within a view. */
#ifndef LUCID_PLUGINS_HOST_RECORD_H
#define LUCID_PLUGINS_HOST_RECORD_H

#include "ledger/ed25519.h"
#include "ledger/ledger.h"

#define PLUGIN_RECORD_NAME_BYTES_MAX    15
#define PLUGIN_RECORD_VERSION_BYTES_MAX 64

extern const struct ledger_kind plugin_record_kind;

struct plugin_key_row {
    char plugin[PLUGIN_RECORD_NAME_BYTES_MAX + 1];
    uint32_t number;
    uint8_t key[LEDGER_ED25519_PUBLIC_BYTES];
    uint64_t since_ms;
    uint64_t until_ms; /* 0: still in use */
    uint32_t abi;
    char version[PLUGIN_RECORD_VERSION_BYTES_MAX + 1];
};

struct plugin_started_command {
    struct ledger_command command;
    struct plugin_key_row asked; /* plugin, key, abi, version */
    bool ret_known;              /* the log says so already: nothing was logged */
};

/* Makes the command that logs a start. PLUGIN_INVALID: a name or version that is none. */
enum lucid_error plugin_started_prepare(struct plugin_started_command *command, const char *plugin,
                                        const char *version, uint32_t abi,
                                        const uint8_t key[LEDGER_ED25519_PUBLIC_BYTES],
                                        struct lucid_why *why) LUCID_WARN_UNUSED;

/* A plugin's keys, newest first: index 0, 1 … LUCID_NOTE_ABSENT beyond the oldest. */
enum lucid_error plugin_key_read(struct ledger_view *view, const char *plugin, size_t index,
                                 struct plugin_key_row *ret) LUCID_WARN_UNUSED;

/* The key after *row in the order of names and times; of an empty name the first. LUCID_NOTE_ABSENT
 * at the end. */
enum lucid_error plugin_key_next(struct ledger_view *view,
                                 struct plugin_key_row *row) LUCID_WARN_UNUSED;

#endif
