/* The local REST interface of Confidential Containers' attestation agent, as its api-server-rest
 * serves it (confidential-containers/guest-components, commit
 * 8246e5e0977f6322f0a1b0f77e0739cf1c3e1f74: api-server-rest/src/{router,utils}.rs, client/aa.rs,
 * openapi/api.json), with `--features attestation`:
 *
 *   GET  /aa/evidence?runtime_data=TEXT                 {"quote": JWS}, application/octet-stream
 *   GET  /aa/evidence?runtime_data=BASE64URL&encoding=base64
 *   GET  /aa/additional-evidence?runtime_data=…         nothing: there are no other devices
 *   GET  /aa/token?token_type=…                         500: no key broker is configured
 *   POST /aa/aael {"domain","operation","content"}      no runtime measurement, in JSON
 *   GET  /info                                          {"version","tee":"mock","feature"}
 *
 * Statuses and texts of refusals are those of the real one: 400 BAD REQUEST, 403 Forbidden to any
 * address but loopback, 404 URL NOT FOUND, 405 Method Not Allowed (of /info alone), 500 for what
 * the agent behind refuses, as runtime data over 64 bytes. They are padded with zeros to 64, as the
 * SEV-SNP attester does.
 *
 * What could bind other bytes than were meant is refused with 400: runtime_data that are not UTF-8,
 * where the real one replaces what is wrong (use encoding=base64), a broken percent escape or %00,
 * which it takes as it stands, and a parameter that is there twice, of which it takes the last.
 *
 * Thread: the loop's. */
#ifndef LUCID_TOOLS_MOCK_AGENT_ROUTES_H
#define LUCID_TOOLS_MOCK_AGENT_ROUTES_H

#include "base/clock.h"
#include "http/http.h"
#include "tools/mock_agent/mock_agent.h"

#define ROUTES_BODY_BYTES_MAX ((size_t)64 * 1024)

struct service { /* the loop's user */
    struct mock_agent *agent;
    struct mock_quote quote; /* what every quote says, but for report data and time */
    struct lucid_clock clock;
};

/* Answers every path and method. */
void routes_handle(struct http_request *request, const struct http_route *route);

#endif
