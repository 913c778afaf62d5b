/* Supply chain: in-toto statements in DSSE envelopes, and the SLSA level that they show.
 *
 *   DSSE v1: signature over "DSSEv1" SP len(type) SP type SP len(body) SP body
 *   statement: _type https://in-toto.io/Statement/v1 or v0.1
 *   predicate: https://slsa.dev/provenance/v1 or v0.2
 *
 * The level counts as the product does (0 … 4), each a check (docs/PASSPORT.md):
 *
 *   1  provenance parses, and a subject's sha256 is the container's digest
 *   2  and it is signed by a key of the configured builder whose id the predicate names
 *   3  and that builder is configured as isolated, and source and build type are among those
 *      expected of it (with none configured none is expected: level 2)
 *   4  and a second provenance, of another builder, reaches 3 with the same digest; builders that
 *      share a key are one
 *
 * No network, clock or certificate: builders' keys come from configuration. A keyid is not looked
 * at: whoever can write an envelope can write that too.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_PASSPORT_SLSA_SLSA_H
#define LUCID_PLUGINS_PASSPORT_SLSA_SLSA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/sha256.h"
#include "plugins/verifier/crypto/jose.h"

#define SLSA_ENVELOPE_BYTES_MAX ((size_t)1024 * 1024)
#define SLSA_ENVELOPES_MAX      4
#define SLSA_SIGNATURES_MAX     8
#define SLSA_SUBJECTS_MAX       256
#define SLSA_BUILDERS_MAX       16
#define SLSA_BUILDER_KEYS_MAX   4
#define SLSA_EXPECTED_MAX       16
#define SLSA_LEVEL_MAX          4
#define SLSA_TEXT_BYTES_MAX     2048 /* of ids, types and sources */
#define SLSA_STATEMENT_TYPE     "application/vnd.in-toto+json"

struct slsa_builder {
    struct lucid_span id;                        /* as the predicate names it, exactly */
    struct jose_key keys[SLSA_BUILDER_KEYS_MAX]; /* Ed25519, P-256 */
    size_t key_count;
    bool isolated;
    struct lucid_span sources[SLSA_EXPECTED_MAX]; /* slsa_source_matches */
    size_t source_count;
    struct lucid_span build_types[SLSA_EXPECTED_MAX]; /* exact */
    size_t build_type_count;
};

struct slsa_builders {
    struct slsa_builder *items;
    size_t count;
};

/* A public key of a builder: PEM (SubjectPublicKeyInfo), Ed25519 or P-256; or base64 of a raw
 * Ed25519 key. White space around it is allowed. LUCID_REFUSE_INVALID (INVALID_KEY),
 * LUCID_RETRY_MEMORY. */
enum lucid_error slsa_key_read(struct lucid_span text, struct jose_key *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* What a source is expected to be: exactly the text, or, where it ends in '*', what begins with the
 * text before that and goes on by at least one character. The star stands after a '/' or, behind a
 * path, after an '@', so that what comes before it ends a name: "git+https://github.com/org/" and
 * "git+https://github.com/org/app@" do not go on as "org-evil" or "app2". It stands for letters,
 * digits and -._~@:+=,!#?& and '/', without empty segments and without "." and "..". Letters' case
 * and a slash at the end count. */
bool slsa_source_pattern_is_good(struct lucid_span pattern) LUCID_WARN_UNUSED;
/* A pattern that is not good matches nothing. */
bool slsa_source_matches(struct lucid_span pattern, struct lucid_span source) LUCID_WARN_UNUSED;

/* Whether the builders make sense: ids, sources and build types of 1 … SLSA_TEXT_BYTES_MAX bytes,
 * good patterns, no star in a build type, at least one key, no id twice, no key at two builders.
 * LUCID_REFUSE_INVALID (INVALID_BUILDER) with param "builders[1].sources[0]". */
enum lucid_error slsa_builders_check(const struct slsa_builders *builders,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

struct slsa_envelope {
    struct lucid_span payload_type;
    struct lucid_span payload; /* decoded */
    struct {
        struct lucid_span keyid;
        struct lucid_span sig; /* decoded; also of kinds that are not verified here */
    } signatures[SLSA_SIGNATURES_MAX];
    size_t signature_count;
};

/* Reads an envelope: JSON {payload, payloadType, signatures:[{keyid?, sig}]}, base64 standard or
 * url-safe, padded or not; also as member dsseEnvelope of a sigstore bundle, whose certificates are
 * not looked at. Members that are not known are read over. *ret lives in the arena.
 * LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE (INVALID_PROVENANCE) with the param;
 * LUCID_RETRY_MEMORY. */
enum lucid_error slsa_envelope_read(struct lucid_span text, struct lucid_arena *arena,
                                    struct slsa_envelope *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* Appends what is signed (PAE). */
void slsa_pae_write(struct lucid_span type, struct lucid_span body, struct lucid_buf *out);

/* Whether one of the signatures over pae (of this envelope, slsa_pae_write) is by that key. Ed25519
 * by the given rule; ES256 as r ‖ s or in DER. */
bool slsa_envelope_signed(const struct slsa_envelope *envelope, struct lucid_span pae,
                          const struct jose_key *key, jose_ed25519_fn *ed25519,
                          void *context) LUCID_WARN_UNUSED;

struct slsa_provenance {
    struct lucid_span statement_type;
    struct lucid_span predicate_type;
    struct lucid_span builder;
    struct lucid_span build_type;
    /* What was built, as the builder was asked to: of v1 externalParameters.source (a text, or its
     * uri), else .workflow as "git+REPOSITORY@REF", else .configSource.uri; of v0.2
     * invocation.configSource.uri. len 0: none of them. What it was built with
     * (resolvedDependencies, materials) says nothing of that. */
    struct lucid_span source;
    uint8_t (*subjects)[LUCID_SHA256_BYTES]; /* sha256 digests */
    size_t subject_count;
};

/* Reads the statement of an envelope's payload; *ret lives in the arena. INVALID_PROVENANCE: no
 * statement, or a predicate of another type. Subjects without a sha256 are counted by nobody. */
enum lucid_error slsa_statement_read(struct lucid_span payload, struct lucid_arena *arena,
                                     struct slsa_provenance *ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

struct slsa_result {
    unsigned level;
    const char *track; /* "none", "SLSA_BUILD_LEVEL_1" … _3; static storage */
    /* Why it is not one more, a lower-case code with points: "slsa.no_provenance",
     * "slsa.subject_differs", "slsa.builder_unknown" (none of that id is configured),
     * "slsa.signature_unknown", "slsa.not_isolated", "slsa.source_unexpected",
     * "slsa.build_type_unexpected", "slsa.one_builder"; "slsa.complete" at 4. Static storage. */
    const char *code;
    struct lucid_span builder;              /* who signed, from level 2 on; before that len 0 */
    bool has_provenance;                    /* from level 1 on: */
    uint8_t provenance[LUCID_SHA256_BYTES]; /* SHA-256 of the envelope that counted, as given */
};
const char *slsa_track(unsigned level);

/* The level that the envelopes (their text) show of a container: of several the highest, of equals
 * the first. A malformed one is refused (LUCID_REFUSE_INVALID, LUCID_REFUSE_TOO_LARGE;
 * INVALID_PROVENANCE) with param "provenance[1].payload.predicate.builder.id"; one that shows
 * nothing shows nothing. The arena keeps little; what is read is held beside it, at most 16 MiB.
 * LUCID_RETRY_MEMORY. */
enum lucid_error slsa_appraise(const struct lucid_span *envelopes, size_t count,
                               const uint8_t container[LUCID_SHA256_BYTES],
                               const struct slsa_builders *builders, struct lucid_arena *arena,
                               jose_ed25519_fn *ed25519, void *context, struct slsa_result *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
