/* Addresses as text, and lists of them: pure, so that they can be fuzzed. */
#ifndef LUCID_HTTP_PEER_INTERNAL_H
#define LUCID_HTTP_PEER_INTERNAL_H

#include "http/http.h"

/* As proxies write it in X-Forwarded-For: v4, v6, v4:port, [v6], [v6]:port. False: none; *ret may
 * have changed. */
bool http_address_parse(struct lucid_span text, uint8_t ret[HTTP_ADDRESS_BYTES]) LUCID_WARN_UNUSED;

/* The last item of a comma-separated list, trimmed, and the list without it. False: no more. */
bool http_forwarded_last(struct lucid_span *list, struct lucid_span *ret) LUCID_WARN_UNUSED;

#endif
