/* Members of the payloads of the market's events, besides those of ledger/payload.h. Each is
 * LUCID_FATAL_CORRUPT when the member is missing or of another form. Pure; any thread. */
#ifndef LUCID_X402_PAYLOAD_READ_H
#define LUCID_X402_PAYLOAD_READ_H

#include "base/jcs/jcs.h"
#include "x402/evm/eip712.h"

/* Text of at most size - 1 bytes. */
enum lucid_error payload_read_text(const struct jcs_value *root, const char *name, char *out,
                                   size_t size) LUCID_WARN_UNUSED;
/* The same, "" when the member is missing. */
enum lucid_error payload_read_text_optional(const struct jcs_value *root, const char *name,
                                            char *out, size_t size) LUCID_WARN_UNUSED;
/* A decimal string (gas/amount.h). */
enum lucid_error payload_read_amount(const struct jcs_value *root, const char *name,
                                     uint64_t *ret) LUCID_WARN_UNUSED;
enum lucid_error payload_read_u256(const struct jcs_value *root, const char *name,
                                   struct evm_u256 *ret) LUCID_WARN_UNUSED;
enum lucid_error payload_read_bool(const struct jcs_value *root, const char *name,
                                   bool *ret) LUCID_WARN_UNUSED;
/* "0x" and hex of that many bytes. */
enum lucid_error payload_read_0x(const struct jcs_value *root, const char *name, void *out,
                                 size_t len) LUCID_WARN_UNUSED;
enum lucid_error payload_read_address(const struct jcs_value *root, const char *name,
                                      struct evm_address *ret) LUCID_WARN_UNUSED;

#endif
