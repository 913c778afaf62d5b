/* The forms that proofs.c answers in, besides JSON. */
#ifndef LUCID_HTTP_API_FORMS_INTERNAL_H
#define LUCID_HTTP_API_FORMS_INTERNAL_H

#include "http/api/api_internal.h"

/* Answers for a size that has no head, in a form that cannot do without: 404 when there will never
 * be one, 503 NOT_COVERED when there may. Always false. */
bool api_head_required(struct http_request *request, struct ledger_view *view, uint64_t size);

/* Appends the tlog-proof under the head of that size, with the cosignatures that it has by now. */
enum lucid_error api_tlog_write(struct ledger_view *view, uint64_t leaf_index, uint64_t size,
                                const struct mmr_path *path,
                                struct lucid_buf *out) LUCID_WARN_UNUSED;

/* Append a COSE receipt under that head: the same bytes each time. */
void api_cose_inclusion_write(const struct api *api, const struct ledger_head *head,
                              uint64_t leaf_index, const uint8_t receipt_hash[LUCID_SHA256_BYTES],
                              const struct mmr_path *path, struct lucid_buf *out);
void api_cose_consistency_write(const struct api *api, const struct ledger_head *head,
                                uint64_t from, const struct mmr_path *path, struct lucid_buf *out);

#endif
