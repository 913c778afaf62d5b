/* Verification of a passport: a fixed order of checks, each of which leaves an outcome, also when
 * it is skipped; one function for the service, the command line and the tests. (The page repeats a
 * part of it in the browser, page/verify.js.)
 *
 *   parse → schema → algorithm → key → signature → times → origin → evidence → supply_chain →
 *   auditors → status → log
 *
 * The embedded public key only selects: it must be among those that are trusted; a signature that
 * fits a key nobody trusts is `unknown`. After a failure of parse or schema the rest is skipped;
 * after one of algorithm key and signature; after any other the rest goes on. What each check says
 * is in docs/decisions/0043-passport-form-checks.md.
 *
 * Thread: pure functions; no network, clock or configuration inside. */
#ifndef LUCID_PLUGINS_PASSPORT_VERIFY_H
#define LUCID_PLUGINS_PASSPORT_VERIFY_H

#include "plugins/passport/passport.h"
#include "plugins/passport/status.h"
#include "plugins/verifier/crypto/jose.h"

#define VERIFY_SKEW_S    300
#define VERIFY_KEYS_MAX  64
#define VERIFY_AUDITOR_S 86400 /* a lastCheck older than this before issue is a warning */

enum verify_check {
    VERIFY_PARSE,
    VERIFY_SCHEMA,
    VERIFY_ALGORITHM,
    VERIFY_KEY,
    VERIFY_SIGNATURE,
    VERIFY_TIMES,
    VERIFY_ORIGIN,
    VERIFY_EVIDENCE,
    VERIFY_SUPPLY_CHAIN,
    VERIFY_AUDITORS,
    VERIFY_STATUS,
    VERIFY_LOG,
    VERIFY_CHECKS
};
const char *verify_check_name(enum verify_check check); /* "parse" … "supply_chain" … */

enum verify_outcome {
    VERIFY_SKIPPED = 0, /* an input is missing, or an earlier check ended it */
    VERIFY_PASS,
    VERIFY_WARN, /* true, and less than it could be: mock, declared, an inactive auditor */
    VERIFY_FAIL,
    VERIFY_UNKNOWN, /* cannot be decided with what is at hand: key not known, status too old */
    VERIFY_NOT_APPLICABLE,
};
const char *verify_outcome_name(enum verify_outcome outcome); /* "skipped", … "unknown", "n/a" */

struct verify_result {
    enum verify_outcome outcome;
    const char *code; /* "key.unknown", "times.expired"; static storage;
                         verify_words.c has a sentence for each (verify_code_text) */
    char detail[160]; /* facts, no sentence; deterministic; "" = none */
};
/* One English sentence for people; NULL: no such code. */
const char *verify_code_text(const char *code);
size_t verify_code_count(void);
const char *verify_code_at(size_t index);

/* How deep the checks went: by a trusted key's signature; and with its evidence compared or
 * appraised again; and in the log under a head that is published. None for what is invalid. */
enum verify_level {
    VERIFY_LEVEL_NONE,
    VERIFY_LEVEL_SIGNATURE,
    VERIFY_LEVEL_EVIDENCE,
    VERIFY_LEVEL_TRANSPARENT
};
const char *verify_level_name(enum verify_level level); /* "none", "signature", … */

/* "invalid" where a check failed; else "unknown" where one is unknown, or status was skipped; else
 * "valid". Only "valid" is valid. */
enum verify_verdict { VERIFY_INVALID, VERIFY_VERDICT_UNKNOWN, VERIFY_VALID };
const char *verify_verdict_name(enum verify_verdict verdict);

/* What the log or a bundle says about the evidence: the outcome of appraising it again. */
struct verify_evidence {
    enum verify_outcome outcome; /* SKIPPED: nobody did */
    const char *code; /* "evidence.same", "evidence.differs", "evidence.revoked_since" … */
    char detail[160];
};

struct verify_input {
    struct lucid_span text; /* the document, as it came */
    uint64_t now_s;
    const uint8_t (*keys)[PASSPORT_KEY_BYTES]; /* trusted */
    size_t key_count;
    const uint8_t *issuers;   /* of each key: those of one issuer have the same number, and sign
                                 status   lists of each other's passports. NULL: each has its own */
    struct lucid_span origin; /* of the page that shows it; len 0: not asked */
    bool mock_allowed;        /* else a mock one is invalid ("evidence.mock") */
    unsigned slsa_level_min;  /* 0: any */
    struct verify_evidence evidence;
    /* At most one of: a status list (its signature must be by the passport's key, or another of the
     * same issuer), or what the log says itself. */
    struct lucid_span status_list;     /* compact JWS; len 0: none */
    const struct status_entry *status; /* NULL: none; the log's own word of now */
    struct verify_result log; /* the check `log` as the caller found it; outcome SKIPPED: nobody */
    jose_ed25519_fn *ed25519; /* the ledger's strict rule */
    void *context;
};

struct verify {
    struct verify_result checks[VERIFY_CHECKS];
    enum verify_verdict verdict;
    enum verify_level level;
    bool has_passport; /* it could be read */
    struct passport passport;
    bool has_status;         /* the check `status` was decided, or it has expired */
    enum status_kind status; /* if so */
};

/* LUCID_RETRY_MEMORY; nothing else: what is wrong is in the result. */
enum lucid_error verify_run(const struct verify_input *input, struct lucid_arena *arena,
                            struct verify *ret) LUCID_WARN_UNUSED;

/* Whether one of the keys signed it: what has to be so before work is done for it. Of the input
 * keys and ed25519 are looked at. LUCID_RETRY_MEMORY. */
enum lucid_error verify_is_signed(const struct verify_input *input, const struct passport *passport,
                                  struct lucid_arena *arena, bool *ret) LUCID_WARN_UNUSED;

/* Appends the members of the answer, without braces; those of a passport that could not be read are
 * null, auditors empty; "status" is "unknown" where it is not known:
 * "valid","verdict","level","status","passportId","appName","tee_type","auditors":[{id,name,status,
 * source}…],"is_mock","test","expiresAt","checks":[{"check","outcome","code","detail","text"}…] */
void verify_write(const struct verify *verify, struct lucid_buf *out);

#endif
