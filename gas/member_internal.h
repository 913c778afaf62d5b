/* Members of the payloads of prices and payments. Readers: LUCID_FATAL_CORRUPT when a member is
 * missing or of another form. Pure; any thread. */
#ifndef LUCID_GAS_MEMBER_INTERNAL_H
#define LUCID_GAS_MEMBER_INTERNAL_H

#include "gas/pricing.h"

/* "name":[7000,2000,1000] into an open JSON object. */
void member_weights_put(struct lucid_buf *out, const char *name, const struct gas_weights *weights);
/* "name":"text", or "name":null for "". */
void member_payee_put(struct lucid_buf *out, const char *name, const char *payee);
/* "payees":[compute, model]; elements as above. */
void member_payees_put(struct lucid_buf *out, const char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1]);

/* An amount as a decimal string. */
enum lucid_error member_amount(const struct jcs_value *root, const char *name,
                               uint64_t *ret) LUCID_WARN_UNUSED;
enum lucid_error member_unit(const struct jcs_value *root, enum gas_unit *ret) LUCID_WARN_UNUSED;
/* Text of at most size - 1 bytes. */
enum lucid_error member_text(const struct jcs_value *root, const char *name, char *out,
                             size_t size) LUCID_WARN_UNUSED;
/* The same, "" when the member is missing. */
enum lucid_error member_text_optional(const struct jcs_value *root, const char *name, char *out,
                                      size_t size) LUCID_WARN_UNUSED;
enum lucid_error member_weights(const struct jcs_value *root, const char *name,
                                struct gas_weights *ret) LUCID_WARN_UNUSED;
/* A value that is a text or null. */
enum lucid_error member_payee(const struct jcs_value *value,
                              char out[GAS_NAME_BYTES_MAX + 1]) LUCID_WARN_UNUSED;

/* Copies a request's text that must be 1 … max bytes of UTF-8 without control characters to out
 * (max + 1 bytes); data NULL gives "". False when it is not such text. */
bool member_text_take(struct lucid_span text, size_t max, char *out) LUCID_WARN_UNUSED;
/* The same for names (gas_name_ok). */
bool member_name_take(struct lucid_span name, size_t max, char *out) LUCID_WARN_UNUSED;

/* --- price_form.c ----------------------------------------------------------------------------- */

/* Checks what is asked for; the refusals of gas_price_set_prepare. */
enum lucid_error price_take(const struct gas_price_request *request, struct gas_price *ret,
                            struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error price_asset_take(struct lucid_span asset, struct gas_price *price,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* Whether two prices say the same, whatever their versions. */
bool price_equal(const struct gas_price *a, const struct gas_price *b);
/* The payload of price.set. */
void price_payload_write(const struct gas_price *price, struct lucid_buf *out);
/* A price from the payload of price.set; sequence, time and deletion stay as they are in *ret. */
enum lucid_error price_parse(struct lucid_span payload, struct gas_price *ret) LUCID_WARN_UNUSED;

#endif
