/* Applications that passports are issued for, as the operator configures them: YAML in the form
 * that the product documents, one document per application, several in a file (`---`):
 *
 *   metadata:
 *     name: my-app                 # [a-z0-9-], at most 63: how requests, tokens, lists call it
 *   spec:
 *     passport:
 *       appName: My AI Application # as people read it
 *       version: 1.0.0             # without it each request says its own
 *       endpoints: [https://app.example]
 *       validityDays: 30           # 1 … 398
 *       minSlsaLevel: 0            # 0 … 4
 *       policy: sha256:…           # appraisals must be made under it; without: passport.policy
 *       maxAppraisalAgeSeconds: 3600
 *       tokens: [0123456789abcdef] # ids of tokens that may act for it; without: any of the scope
 *       audience: text             # appraisals must have been asked for with it
 *       evidence:                  # what a passport may show; these are the defaults
 *         teeAttestation: true
 *         auditorClaims: true
 *         routingProofs: true
 *         containerInfo: true
 *         slsaProvenance: true
 *         modelFingerprint: false
 *       container: {digest: sha256:…, registry: …}
 *       auditors: [{id, name, digest}]
 *       model: {name, digest}
 *       provenanceUri: https://…
 *       builders: [{id, keys: [PEM or base64 Ed25519], isolated, sources, buildTypes}]
 *       display: {mode, position, theme, collapsedDefault, customCssUrl, passportPageLogoUrl,
 *                 enableBrowserExtensionPrompt}
 *
 * Needed are metadata.name and appName. apiVersion, kind, other members of metadata and of spec are
 * read over; a member of spec.passport that is not known is refused by its dotted name, so that a
 * misspelt switch is noticed. Schema: plugins/passport/schemas/application.schema.json. Two
 * applications may not share a name, an appName or an endpoint's host, in any case of letters.
 *
 * Reading: yaml_json.h; at most APPLICATION_BYTES_MAX. Thread: pure; const afterwards. */
#ifndef LUCID_PLUGINS_PASSPORT_APPLICATION_H
#define LUCID_PLUGINS_PASSPORT_APPLICATION_H

#include "plugins/passport/passport.h"
#include "plugins/passport/slsa/slsa.h"

#define APPLICATION_BYTES_MAX      ((size_t)1024 * 1024)
#define APPLICATIONS_MAX           256
#define APPLICATION_NAME_BYTES_MAX 63
#define APPLICATION_TOKENS_MAX     16
#define APPLICATION_VALIDITY_DAYS  30

enum application_mode {
    APPLICATION_BANNER,
    APPLICATION_FLOATING,
    APPLICATION_PAGE_ONLY,
    APPLICATION_BROWSER_EXTENSION,
    APPLICATION_HEADERS_ONLY,
};
enum application_position {
    APPLICATION_TOP,
    APPLICATION_BOTTOM,
    APPLICATION_TOP_LEFT,
    APPLICATION_TOP_RIGHT,
    APPLICATION_BOTTOM_LEFT,
    APPLICATION_BOTTOM_RIGHT,
};
enum application_theme { APPLICATION_AUTO, APPLICATION_LIGHT, APPLICATION_DARK };

struct application_auditor {
    struct lucid_span id;
    struct lucid_span name;
    bool has_digest;
    uint8_t digest[LUCID_SHA256_BYTES];
};

struct application {
    struct lucid_span name; /* metadata.name */
    struct lucid_span app_name;
    struct lucid_span version; /* len 0: the request says it */
    struct lucid_span endpoints[PASSPORT_ENDPOINTS_MAX];
    size_t endpoint_count;
    uint64_t validity_days;
    unsigned slsa_level_min;
    bool has_policy;
    uint8_t policy[LUCID_SHA256_BYTES];
    uint64_t appraisal_age_s_max; /* 0: as long as the result is good */
    struct lucid_span audience;   /* len 0: any */
    struct lucid_span tokens[APPLICATION_TOKENS_MAX];
    size_t token_count;
    bool evidence[PASSPORT_EVIDENCES];
    struct {
        bool present;
        uint8_t digest[LUCID_SHA256_BYTES];
        struct lucid_span registry;
    } container;
    struct application_auditor auditors[PASSPORT_AUDITORS_MAX];
    size_t auditor_count;
    struct {
        bool present;
        struct lucid_span name;
        bool has_digest;
        uint8_t digest[LUCID_SHA256_BYTES];
    } model;
    struct lucid_span provenance_uri;
    struct slsa_builders builders;
    struct { /* all there, with their defaults */
        enum application_mode mode;
        enum application_position position; /* BANNER, FLOATING; else it says nothing */
        enum application_theme theme;
        bool collapsed_default;
        bool extension_prompt;
        struct lucid_span css_url;  /* https, or a path of the application's own */
        struct lucid_span logo_url; /* likewise */
    } display;
};

struct applications {
    struct application *items;
    size_t count;
};

/* Reads a file's text. *ret and what it points to live in the arena. LUCID_REFUSE_INVALID
 * (INVALID_APPLICATION) with param "applications[1].spec.passport.endpoints[0]" and a sentence that
 * names the line; LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error applications_read(struct lucid_span text, struct lucid_arena *arena,
                                   struct applications *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* By metadata.name; by an endpoint's host and port ("app.example", "app.example:8443", as a Host
 * header has it, in any case). NULL: none. */
const struct application *applications_find(const struct applications *applications,
                                            struct lucid_span name);
const struct application *applications_find_host(const struct applications *applications,
                                                 struct lucid_span host);
/* Whether a token (its id; "" for none) may act for it. */
bool application_allows(const struct application *application, const char *token);

/* Appends the display settings as a JSON object. */
void application_display_write(const struct application *application, struct lucid_buf *out);
const char *application_mode_name(enum application_mode mode);
const char *application_theme_name(enum application_theme theme);

#endif
