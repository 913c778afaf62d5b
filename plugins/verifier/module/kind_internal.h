/* The form of rows, for those who write and read them. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_KIND_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_MODULE_KIND_INTERNAL_H

#include "plugins/verifier/module/kind.h"

enum {
    HASH_BYTES = LUCID_SHA256_BYTES,
    ITEM_KEY_BYTES = 1 + HASH_BYTES,
    ORDER_KEY_BYTES = 1 + 8,
    ROW_HEAD_BYTES = 3 * 8,
    NONCE_ROW_BYTES = 2 * HASH_BYTES,
    COLLATERAL_ROW_BYTES = HASH_BYTES + 2 * 8,
    IMPORT_HEAD_BYTES = HASH_BYTES + 8,
    ASKED_FIRST = 2, /* evidences come after the policy and the runtime data */
};

struct lucid_plugin_bytes kind_item_key(uint8_t out[ITEM_KEY_BYTES], enum kind_item item,
                                        const uint8_t id[HASH_BYTES]);
struct lucid_plugin_bytes kind_order_key(uint8_t out[ORDER_KEY_BYTES], enum kind_item item,
                                         uint64_t sequence);

#endif
