/* The form of rows, for those who write and read them. */
#ifndef LUCID_PLUGINS_PASSPORT_MODULE_KIND_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_MODULE_KIND_INTERNAL_H

#include "base/buf.h"
#include "plugins/passport/module/kind.h"

#define PASSPORT_ENDED_KEY_BYTES_MAX (8 + PASSPORT_ID_BYTES_MAX)

/* Appends a row of table `passports`. */
void passport_row_write(const struct passport_row *row, struct lucid_buf *out);
/* False: it is none. */
bool passport_row_read(struct lucid_span id, struct lucid_span bytes,
                       struct passport_row *ret) LUCID_WARN_UNUSED;
struct lucid_plugin_bytes passport_ended_key(uint64_t expires_s, struct lucid_span id,
                                             uint8_t out[PASSPORT_ENDED_KEY_BYTES_MAX]);

#endif
