/* Values of settings that name files or are shown, and what is said of those that are wrong.
 *
 * Thread: before the service runs. */
#ifndef LUCID_PLUGINS_KIT_SETTING_H
#define LUCID_PLUGINS_KIT_SETTING_H

#include "base/bytes.h"
#include "base/error.h"

/* A file, whole, of 1 … max bytes; path "" names none: {NULL, 0}. False: it cannot be read, is
 * empty or too large; *ret is then untouched. */
bool setting_file_read(const char *path, size_t max, struct lucid_span *ret) LUCID_WARN_UNUSED;
void setting_file_free(struct lucid_span *file);

/* Text that can stand in results and records: short, UTF-8, no control characters. */
bool setting_is_label(const char *text) LUCID_WARN_UNUSED;

/* LUCID_REFUSE_INVALID, INVALID_CONFIG "PLUGIN.KEY: TEXT". */
enum lucid_error setting_refuse(const char *plugin, const char *key, struct lucid_why *why,
                                const char *text) LUCID_WARN_UNUSED;

#endif
