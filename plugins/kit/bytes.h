/* What the service says and takes, as the base's own types, and back. */
#ifndef LUCID_PLUGINS_KIT_BYTES_H
#define LUCID_PLUGINS_KIT_BYTES_H

#include <lucid/plugin.h>

#include "base/bytes.h"
#include "base/error.h"

static inline struct lucid_span kit_span(struct lucid_plugin_bytes bytes)
{
    return (struct lucid_span){bytes.data, bytes.len};
}

static inline struct lucid_plugin_bytes kit_bytes(struct lucid_span span)
{
    return (struct lucid_plugin_bytes){span.data, span.len};
}

/* What the service answered. */
static inline enum lucid_error kit_error(enum lucid_plugin_result result)
{
    switch (result) {
    case LUCID_PLUGIN_OK:
        return LUCID_OK;
    case LUCID_PLUGIN_ABSENT:
        return LUCID_NOTE_ABSENT;
    case LUCID_PLUGIN_ERASED:
        return LUCID_NOTE_ERASED;
    case LUCID_PLUGIN_REFUSED:
        return LUCID_REFUSE_INVALID;
    case LUCID_PLUGIN_BUSY:
        return LUCID_RETRY_BUSY;
    case LUCID_PLUGIN_CORRUPT:
        break;
    }
    return LUCID_FATAL_CORRUPT;
}

/* Where a walk through a table that is ordered by sequence goes on: *ret_how from what is returned.
 * from: the row before, 0: none, it begins. */
static inline uint64_t kit_walk(uint64_t from, bool newest_first, enum lucid_plugin_seek *ret_how)
{
    *ret_how = newest_first ? LUCID_PLUGIN_SEEK_LE : LUCID_PLUGIN_SEEK_GT;
    if (!newest_first) {
        return from;
    }
    return from == 0 ? UINT64_MAX : from - 1;
}

#endif
