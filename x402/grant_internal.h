/* Rows of grants: what grant.c and grant_row.c share. */
#ifndef LUCID_X402_GRANT_INTERNAL_H
#define LUCID_X402_GRANT_INTERNAL_H

#include "x402/grant.h"

/* Indices of the kind's tables (docs/FORMAT.md). */
enum { GRANT_ROWS, GRANT_ORDER };

enum {
    /* A tag and: sequence u64 → id; asset ‖ 0 ‖ sequence u64 → id; expires_ms u64 ‖ id → nothing
     * (of those that time alone ends); payment id → id ‖ whether a reorganisation has it u8. */
    GRANT_BY_SEQUENCE = 's',
    GRANT_BY_ASSET = 'a',
    GRANT_BY_END = 'e',
    GRANT_BY_PAYMENT = 'p',
    GRANT_KEY_BYTES_MAX = 1 + GAS_NAME_BYTES_MAX + 1 + 8,
    GRANT_ROW_BYTES_MAX = 1024,
    GRANT_PAYMENT_ROW_BYTES = X402_GRANT_ID_BYTES + 1,
};

struct lucid_span grant_key_sequence(uint64_t sequence, uint8_t key[GRANT_KEY_BYTES_MAX]);
struct lucid_span grant_key_asset(struct lucid_span asset, uint64_t sequence,
                                  uint8_t key[GRANT_KEY_BYTES_MAX]);
struct lucid_span grant_key_end(const struct x402_grant *grant, uint8_t key[GRANT_KEY_BYTES_MAX]);
struct lucid_span grant_key_payment(const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                    uint8_t key[GRANT_KEY_BYTES_MAX]);
struct lucid_span grant_row_write(const struct x402_grant *grant, uint8_t row[GRANT_ROW_BYTES_MAX]);
enum lucid_error grant_row_read(struct lucid_span row, struct x402_grant *ret) LUCID_WARN_UNUSED;

#endif
