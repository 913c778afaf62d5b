/* A bundle, read. */
#ifndef LUCID_PLUGINS_VERIFIER_BUNDLE_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_BUNDLE_INTERNAL_H

#include "plugins/verifier/bundle.h"

struct bundle {
    struct lucid_span record; /* canonical */
    struct lucid_span ear;
    struct lucid_span proof; /* canonical, whatever it is; empty: none */
    const struct jcs_value *blobs;
    uint8_t keys[RECORD_KEYS_MAX][DOCUMENT_KEY_BYTES];
    size_t key_count;
    struct lucid_arena *arena; /* that bundle_blob decodes into */
};

/* *ret is zero-initialised; points into root and the arena. INVALID_BUNDLE. */
enum lucid_error bundle_read(const struct jcs_value *root, struct lucid_arena *arena,
                             struct bundle *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* record_blob_fn; context: struct bundle. */
enum lucid_error bundle_blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                             struct lucid_span *ret);

#endif
