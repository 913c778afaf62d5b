/* The record of one interaction: which auditors looked at it, in which order, what each decided,
 * hash-linked so that none can be left out, put in or moved unseen.
 *
 *   {"type":"lucid.attestation.interaction/v1","id","passportId"?,"requestHash","responseHash"?,
 *    "traceId","issuedAt":time,"auditors":[{"position","phase","id","claimsDigest","decision",
 *    "previous"}…],"chainHash"}
 *
 * position counts from 0 without gap. previous of the first link is the SHA-256 of the canonical
 * {"requestHash","traceId","type"}, of every other one that of the canonical link before it;
 * chainHash is that of the last link: so the chain belongs to this request of this trace. Phases
 * never go back (artifact, request, execution, response). A deny ends the chain: nothing stands
 * after it. Only where it ended before the phase response the responseHash may be missing.
 *
 * claimsDigest is the id of a claims document (claims.h). Digests are "sha256:<hex>", hashes of the
 * request and the response 64 lower-case hex digits.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_INTERACTION_H
#define LUCID_PLUGINS_VERIFIER_INTERACTION_H

#include "plugins/verifier/claims.h"

#define INTERACTION_TYPE_NAME    "lucid.attestation.interaction/v1"
#define INTERACTION_BYTES_MAX    ((size_t)32 * 1024)
#define INTERACTION_AUDITORS_MAX 64

struct interaction_link {
    enum claims_phase phase;
    struct lucid_span auditor;
    uint8_t claims[LUCID_SHA256_BYTES];
    enum claims_decision decision;
    uint8_t previous[LUCID_SHA256_BYTES];
};

struct interaction {
    struct lucid_span id;
    struct lucid_span passport_id;   /* len 0: none */
    struct lucid_span request_hash;  /* raw, 32 bytes */
    struct lucid_span response_hash; /* raw; len 0: none */
    struct lucid_span trace_id;
    uint64_t issued_ms;
    struct interaction_link *links;
    size_t link_count;
    uint8_t chain[LUCID_SHA256_BYTES]; /* chainHash */
    enum claims_decision decision;     /* the worst of all links */
    struct lucid_span canonical;
    uint8_t record_id[LUCID_SHA256_BYTES]; /* SHA-256 of canonical */
};

/* Reads a record and checks its chain. INVALID_INTERACTION with the dotted param
 * ("auditors[2].previous"), INVALID_JSON, BODY_TOO_LARGE. *ret lives in the arena. */
enum lucid_error interaction_parse(struct lucid_span text, struct lucid_arena *arena,
                                   struct interaction *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether the links speak of these claims documents: one for each link, in its order, of the same
 * digest, auditor, phase and decision, none twice, none made after the record, and about this trace
 * or request: one that names neither goes with an artifact only, as it would fit any. The
 * documents' signatures are rules_appraise's to judge. INVALID_INTERACTION with the position. */
enum lucid_error interaction_match(const struct interaction *interaction,
                                   const struct claims_document *const *documents, size_t count,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes the record of documents that stand in the order in which the auditors looked; of *form only
 * id, passport_id, request_hash, response_hash, trace_id and issued_ms are read. The result passes
 * interaction_parse and interaction_match, or it is refused as they refuse. */
enum lucid_error interaction_make(const struct interaction *form,
                                  const struct claims_document *const *documents, size_t count,
                                  struct lucid_arena *arena, struct interaction *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
