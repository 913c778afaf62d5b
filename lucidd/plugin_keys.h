/* DIR/plugin-NAME.key: what a plugin signs its documents with, an Ed25519 key in the form of
 * service.key (lucidd/datadir.h). Made when the service first loads the plugin. Used by lucidd and
 * lucid. */
#ifndef LUCID_LUCIDD_PLUGIN_KEYS_H
#define LUCID_LUCIDD_PLUGIN_KEYS_H

#include "lucidd/datadir.h"

#define PLUGIN_KEY_PATH_BYTES_MAX (DATADIR_PATH_BYTES_MAX + 96)

/* DIR/plugin-NAME.key; name: a good one of a plugin. */
void plugin_key_path(const struct datadir *dir, const char *name,
                     char ret[PLUGIN_KEY_PATH_BYTES_MAX]);

/* Reads the plugin's key into memory of datadir_secret_new, making it where there is none; *ret_new
 * says so. Errors: those of datadir_key_read and datadir_key_write. */
enum lucid_error plugin_key_open(const struct datadir *dir, const char *name,
                                 struct ledger_ed25519_key *ret, bool *ret_new,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes a new key; the old file is moved aside as plugin-NAME.key.until-TIME (UTC, to the second),
 * with its mode. ret_old: its path. No service may run on DIR. Errors likewise;
 * LUCID_NOTE_ABSENT: there is no key yet; LUCID_REFUSE_CONFLICT: rotated in this second already. */
enum lucid_error plugin_key_rotate(const struct datadir *dir, const char *name, uint64_t now_ms,
                                   char ret_old[PLUGIN_KEY_PATH_BYTES_MAX],
                                   struct ledger_ed25519_key *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* The files that hold plugins' keys of now in a directory, one name per call; a name is good for
 * the call. What is moved aside is not among them. LUCID_RETRY_IO; what the callback returns. */
typedef enum lucid_error plugin_key_fn(void *context, const char *file, struct lucid_why *why);
enum lucid_error plugin_keys_each(const char *directory, plugin_key_fn *each, void *context,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
