/* Appraisal policies and reference-value sets: signed JSON documents, named by the digest of their
 * canonical bytes, kept in the ledger.
 *
 * A document is one JSON object (RFC 8785 bytes are hashed and kept) with a member
 *
 *   "signature": {"algorithm": "Ed25519", "publicKey": base64, "value": base64}
 *
 * over the canonical bytes of the document without signature.value. Who may sign is the service's
 * configuration; what is here checks the signature and gives the key. The built-in default policy
 * alone has none.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_POLICY_H
#define LUCID_PLUGINS_VERIFIER_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

#define POLICY_BYTES_MAX      ((size_t)60 * 1024)
#define POLICY_NAME_BYTES_MAX 128
#define POLICY_TYPES_MAX      16
#define POLICY_FLOORS_MAX     32
#define POLICY_COMPONENTS_MAX 8
#define POLICY_DIGESTS_MAX    256
#define POLICY_REFERENCES_MAX 16
#define POLICY_RULES_MAX      64
#define POLICY_STATUSES_MAX   16
#define POLICY_AUDITORS_MAX   64
#define POLICY_REQUIRED_MAX   64
#define REFERENCE_BYTES_MAX   POLICY_BYTES_MAX
#define REFERENCE_VALUES_MAX  512
#define REFERENCE_ENTRIES_MAX 64 /* "containers", "auditors" */
#define DOCUMENT_DEPTH_MAX    16
#define DOCUMENT_BYTES_MAX    ((size_t)64 * 1024) /* of any signed document */

#define POLICY_TYPE_NAME    "lucid.attestation.policy/v1"
#define REFERENCE_TYPE_NAME "lucid.attestation.reference/v1"

/* A list of raw digests or ids. */
struct policy_digests {
    struct lucid_span *items;
    size_t count;
};

/* The least TCB of a product: "minTcb": {"snp": {"Milan": {"bootLoader": 3, …, "from": time}}},
 * time as "2026-11-21T10:00:00Z". The product "*" is asked where none of the name is in force. */
struct policy_floor {
    struct lucid_span type;    /* "snp" */
    struct lucid_span product; /* "Milan", "*" */
    struct {
        struct lucid_span name; /* "bootLoader", "tee", "snp", "microcode", "fmc", "svn" */
        uint64_t least;
    } components[POLICY_COMPONENTS_MAX];
    size_t component_count;
    uint64_t from_s; /* since when it is asked for; grace counts from there; 0: always */
};

struct rules;

/* What of a policy the appraisal of TEE evidence looks at. Absent members have the defaults, which
 * refuse debug, the revoked and the unknown. */
struct policy {
    char name[POLICY_NAME_BYTES_MAX + 1]; /* "name" */
    uint8_t id[LUCID_SHA256_BYTES];       /* of its canonical bytes; shown as "sha256:<hex>" */
    struct policy_floor *floors;
    size_t floor_count;
    /* "types": which kinds of evidence are accepted at all; default: all but mock. */
    struct lucid_span types[POLICY_TYPES_MAX];
    size_t type_count; /* 0: the default */
    /* "acceptedStatus": TCB states that are no failure ("UpToDate"; "OutOfDate" within grace is a
     * warning anyway). Default: "UpToDate". "Revoked" and "NoLevel" cannot be accepted: such a
     * document is refused. */
    struct lucid_span accepted[POLICY_STATUSES_MAX];
    size_t accepted_count;
    uint64_t grace_days;              /* "graceDays": below a floor younger than this: warning */
    uint64_t collateral_age_days_max; /* "maxCollateralAgeDays"; 0: any age */
    bool require_crl;                 /* "requireCrl": no CRL at hand: revocation fails */
    struct {
        bool debug_allowed;          /* "debug" */
        bool migration_allowed;      /* "migrationAgent" */
        uint64_t vmpl_max;           /* "vmplMax", default 0 */
        uint64_t report_version_min; /* "reportVersionMin", default 2 */
        bool smt_allowed;            /* "smt", default true */
        bool require_single_socket;  /* "singleSocket" */
        bool require_tsme;           /* "tsme" */
        uint64_t abi_major_min;      /* "abiMin": "1.55" */
        uint64_t abi_minor_min;
        bool allow_masked_chip;                   /* "maskedChipId", default true */
        struct policy_digests id_key_digests;     /* "idKeyDigests": empty: any */
        struct policy_digests author_key_digests; /* "authorKeyDigests" */
    } config;
    /* "references": ids of the sets that measurements are looked up in. Without a fitting reference
     * the measurement is not recognised (33, contraindicating only if "unknownMeasurement" is
     * "deny"). */
    uint8_t references[POLICY_REFERENCES_MAX][LUCID_SHA256_BYTES];
    size_t reference_count;
    bool unknown_measurement_denied; /* "unknownMeasurement": "warn" (default) or "deny" */
    struct policy_digests allow;     /* "allowMeasurements": known without a set */
    struct policy_digests deny;      /* "denyMeasurements": win over everything */
    bool has_enrolment;              /* "enrolment": instances that are let in */
    struct policy_digests enrolled;
    struct policy_digests revoked_instances; /* "revokedInstances" */
    uint64_t result_lifetime_s;              /* "resultSeconds": 60 … 86400, default 3600 */
    /* "auditors", "claimsMaxAgeSeconds", "requiredClaims", "rules" (rules.h); NULL: none of them.
     */
    const struct rules *rules;
    const struct jcs_value *document;
};

/* Parses and checks a policy document (type "lucid.attestation.policy/v1"; its members are those
 * of plugins/verifier/schemas/policy.schema.json). Unknown members are refused by name, so that a
 * misspelt rule is noticed. A signature is read for its form only: document_check judges it.
 * INVALID_POLICY with the dotted param, INVALID_JSON (also for a member that stands twice),
 * BODY_TOO_LARGE. *ret lives in the arena. */
enum lucid_error policy_parse(struct lucid_span text, struct lucid_arena *arena, struct policy *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* The default, canonical, without a signature: static storage. */
struct lucid_span policy_default_bytes(void);
/* Policies that are in the program, on no log: the default, and the one that whoever allows mock
 * means by it. The one of that id, canonical, static storage; false: it is none of them. */
bool policy_built_in(const uint8_t id[LUCID_SHA256_BYTES],
                     struct lucid_span *ret) LUCID_WARN_UNUSED;
/* The id of the one that stands where no policy is named. */
void policy_built_in_id(bool allow_mock, uint8_t ret[LUCID_SHA256_BYTES]);

/* Whether it accepts evidence of that kind at all. */
bool policy_accepts_type(const struct policy *policy, struct lucid_span type, bool is_mock);
/* Whether a TCB state is no failure. */
bool policy_accepts_status(const struct policy *policy, const char *status);
/* The floor of a product that is in force at that time; of "*" where it has none of its own then;
 * or NULL. */
const struct policy_floor *policy_floor_find(const struct policy *policy, struct lucid_span type,
                                             struct lucid_span product, uint64_t time_s);
/* The least value of a component; 0 where none is asked for. */
uint64_t policy_floor_least(const struct policy_floor *floor, const char *component);
/* Whether those raw bytes stand in the list. */
bool policy_digests_have(const struct policy_digests *digests, struct lucid_span raw);

/* --- reference values ------------------------------------------------------------------------- */

struct reference_value {
    struct lucid_span name;  /* "mkey": the measurement it speaks of: "launch" */
    struct lucid_span alg;   /* "sha384" */
    struct lucid_span value; /* raw */
    uint64_t svn_min;        /* "minSvn"; 0: any */
    bool vulnerable;         /* "vulnerable": known, but listed as such: 32 */
};

/* {type "lucid.attestation.reference/v1", "name", "environment": {"type", "vendor"?, "model"?,
 * "class"?}, "measurements": [{"mkey","alg","digest":[hex…],"minSvn"?,"vulnerable"?}],
 * "containers"?: [{"digest","registry"?}], "auditors"?: [{"id","digest"}], "validFrom"?,
 * "validTo"?, "signature"} */
struct reference_set {
    char name[POLICY_NAME_BYTES_MAX + 1];
    uint8_t id[LUCID_SHA256_BYTES];
    struct lucid_span type;  /* of evidence: "snp" */
    struct lucid_span model; /* product; len 0: any */
    struct reference_value *values;
    size_t value_count;
    uint64_t valid_from_s; /* 0: always */
    uint64_t valid_to_s;   /* 0: for ever */
    const struct jcs_value *document;
};

/* INVALID_REFERENCE with the dotted param, otherwise as policy_parse. Times are RFC 3339 UTC in
 * whole seconds; "digest" is lower-case hex of alg's length (sha256, sha384, sha512, raw), those of
 * "containers" and "auditors" are "sha256:<hex>". */
enum lucid_error reference_parse(struct lucid_span text, struct lucid_arena *arena,
                                 struct reference_set *ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- signed documents ------------------------------------------------------------------------- */

#define DOCUMENT_KEY_BYTES       32
#define DOCUMENT_SIGNATURE_BYTES 64

/* Verifies a signature by a rule that the caller gives (host->verify, or ledger_ed25519_verify). */
typedef bool document_verify_fn(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                                const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context);

/* Canonicalizes a signed document, checks its signature and gives its key and digest: SHA-256 of
 * the canonical bytes, the signature's value included. LUCID_REFUSE_INVALID: malformed or unsigned
 * (INVALID_DOCUMENT, INVALID_JSON); LUCID_REFUSE_TOO_LARGE: BODY_TOO_LARGE; LUCID_REFUSE_FORBIDDEN:
 * the signature is wrong (SIGNATURE_INVALID). *ret_canonical lives in the arena. */
enum lucid_error document_check(struct lucid_span text, document_verify_fn *verify, void *context,
                                struct lucid_arena *arena, struct lucid_span *ret_canonical,
                                uint8_t ret_key[DOCUMENT_KEY_BYTES],
                                uint8_t ret_id[LUCID_SHA256_BYTES],
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* What is signed: the canonical document with signature {algorithm, publicKey} and no value. A
 * signature that is there already is replaced. document_signed puts the value in. */
enum lucid_error document_signing_input(struct lucid_span text,
                                        const uint8_t key[DOCUMENT_KEY_BYTES],
                                        struct lucid_arena *arena, struct lucid_span *ret,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error document_signed(struct lucid_span text, const uint8_t key[DOCUMENT_KEY_BYTES],
                                 const uint8_t signature[DOCUMENT_SIGNATURE_BYTES],
                                 struct lucid_arena *arena, struct lucid_span *ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
