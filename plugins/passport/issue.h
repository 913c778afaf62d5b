/* From appraisals to a passport: who may have one, and what it says.
 *
 * The request is JSON, signed by the key that the evidence binds (runtimeData.publicKey of the
 * first appraisal of evidence; all must bind the same):
 *
 *   {"type":"lucid.passport.request/v1","application","appraisals":[hex…],"time",
 *    "version"?,"provenance"?:[DSSE envelope…],"interactions"?:[hex…],
 *    "signature":{"algorithm":"Ed25519"|"ES256"|"ES384","value": base64}}
 *
 * over its RFC 8785 bytes without signature.value; ECDSA as r ‖ s. time (Unix s) is within 300 s of
 * the log's clock. appraisals: of evidence and of claims; the first is of evidence and is what tee
 * says. The same request again is the same passport.
 *
 * Refused (PASSPORT_REFUSED, 422, param and a sentence; nothing is logged) unless every appraisal
 * is on this log, of evidence affirming (a mock one: warning for no other reason than being mock
 * and that nobody knows what it measures, and only with allow_mock), made under the application's
 * policy, by a key that still signs, no older than the application allows and its result not
 * expired by the log's clock, for the application's audience where it has one; unless what would be
 * found today, with the newest collateral and the policy of now, is no worse; unless the level of
 * the supply chain is at least minSlsaLevel.
 *
 * Thread: pure functions; what is looked up is given. */
#ifndef LUCID_PLUGINS_PASSPORT_ISSUE_H
#define LUCID_PLUGINS_PASSPORT_ISSUE_H

#include "plugins/passport/application.h"
#include "plugins/passport/passport.h"
#include "plugins/passport/slsa/slsa.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/freshness.h"

#define ISSUE_REQUEST_TYPE     "lucid.passport.request/v1"
#define ISSUE_REQUEST_BYTES    ((size_t)4 << 20)
#define ISSUE_SKEW_S           300
#define ISSUE_INTERACTIONS_MAX 16
#define ISSUE_SALT_BYTES       16

struct issue_request {
    const struct jcs_value *root;
    struct lucid_span application;
    uint8_t appraisals[PASSPORT_APPRAISALS_MAX][LUCID_SHA256_BYTES];
    size_t appraisal_count;
    uint64_t time_s;
    struct lucid_span version;
    struct lucid_span provenance[SLSA_ENVELOPES_MAX]; /* canonical text of each */
    size_t provenance_count;
    uint8_t interactions[ISSUE_INTERACTIONS_MAX][LUCID_SHA256_BYTES];
    size_t interaction_count;
    enum jose_alg alg;
    uint8_t signature[JOSE_SIGNATURE_BYTES_MAX];
    struct lucid_span signing_input;
    uint8_t digest[LUCID_SHA256_BYTES]; /* of signing_input: what makes a repetition the same */
};

/* Reads a request; nothing about it is believed yet. INVALID_REQUEST with the param. */
enum lucid_error issue_request_read(struct lucid_span text, struct lucid_arena *arena,
                                    struct issue_request *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;
/* Whether that key signed it. */
bool issue_request_signed(const struct issue_request *request, const struct jose_key *key,
                          jose_ed25519_fn *ed25519, void *context) LUCID_WARN_UNUSED;
/* Appends a request, canonical and signed; for the command line. request: signature is made. */
bool issue_request_write(const struct issue_request *request, jose_sign_fn *sign, void *context,
                         struct lucid_buf *out) LUCID_WARN_UNUSED;

/* An appraisal of evidence, as the log has it. */
struct issue_appraisal {
    uint8_t id[LUCID_SHA256_BYTES];
    struct lucid_span record;       /* canonical */
    struct lucid_span ear;          /* the token; len 0: erased */
    struct lucid_span runtime_data; /* len 0: erased */
    struct lucid_span evidence;     /* of its first evidence; len 0: erased */
    bool key_trusted;               /* the token is signed by a key that is in use now */
    /* What today's collateral and policy would say: its status; code "" or why it is worse. */
    enum appraisal_tier today;
    char today_code[APPRAISAL_CODE_BYTES_MAX + 1];
    const struct reference_set *references; /* that it used, parsed */
    size_t reference_count;
};

/* An appraisal of auditors' claims. */
struct issue_claims {
    uint8_t id[LUCID_SHA256_BYTES];
    struct lucid_span record;
    bool key_trusted;
};

struct issue_interaction {
    uint8_t id[LUCID_SHA256_BYTES];
    struct lucid_span record;
};

struct issue_input {
    const struct application *application;
    const struct issue_request *request;
    const struct issue_appraisal *appraisals;
    size_t appraisal_count;
    const struct issue_claims *claims;
    size_t claims_count;
    const struct issue_interaction *interactions;
    size_t interaction_count;
    uint8_t policy[LUCID_SHA256_BYTES]; /* that must have been used */
    uint64_t now_s;                     /* the log's clock: issuedAt */
    bool allow_mock;
    bool test;
    struct lucid_span issuer;   /* the log's origin */
    struct lucid_span base_url; /* of status.uri; len 0: it is a path */
    uint8_t public_key[PASSPORT_KEY_BYTES];
    struct lucid_span kid;
    struct lucid_span supersedes; /* a renewal's predecessor; len 0: none */
    jose_ed25519_fn *ed25519;
    jose_sign_fn *sign; /* the plugin's key */
    void *context;
    /* ISSUE_SALT_BYTES random bytes for each part that is left out: PASSPORT_OMITTED_MAX of them.
     */
    const uint8_t (*salts)[ISSUE_SALT_BYTES];
};

struct issue {
    char id[PASSPORT_ID_BYTES + 1];
    struct lucid_span passport; /* canonical, signed */
    uint8_t digest[LUCID_SHA256_BYTES];
    struct lucid_span disclosures; /* [{"name","salt","value"}…], canonical; len 0: none */
    struct lucid_span record;      /* the payload of passport.issued (kind.h), canonical */
    uint64_t issued_s;
    uint64_t expires_s;
    uint64_t renew_after_s;
    bool mock;
    bool test;
    bool has_quote; /* quote and runtime data are shown: the evidence may be given to anybody */
    struct slsa_result slsa;
};

/* Judges and writes. *ret lives in the arena. LUCID_REFUSE_INVALID (PASSPORT_REFUSED, INVALID_…),
 * LUCID_REFUSE_FORBIDDEN (MOCK_NOT_ALLOWED, SIGNATURE_INVALID), LUCID_RETRY_MEMORY. */
enum lucid_error issue_run(const struct issue_input *input, struct lucid_arena *arena,
                           struct issue *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
