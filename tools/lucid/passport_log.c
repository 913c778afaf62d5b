#include "tools/lucid/passport_log.h"

#include <stdio.h>

#include "base/jcs/jcs.h"
#include "ledger/ed25519.h"
#include "tools/lucid/verifier_logged.h"

#define DOMAIN "lucid/entry/v1\n"

_Static_assert(VERIFIER_ENTRY_BYTES == LUCID_PLUGIN_ENTRY_BYTES, "one form of entries");

static void said(struct verify_result *ret, enum verify_outcome outcome, const char *code,
                 const char *detail)
{
    *ret = (struct verify_result){.outcome = outcome, .code = code};
    (void)snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}

static bool member_is(const struct jcs_value *object, const char *name, struct lucid_span text)
{
    const struct jcs_value *value = jcs_member(object, name);
    return value != NULL && jcs_type(value) == JCS_STRING &&
           lucid_span_equal(jcs_string(value), text);
}

/* Whether the record is a passport.issued that names these bytes. */
static enum lucid_error record_names(struct lucid_span record,
                                     const uint8_t digest[LUCID_SHA256_BYTES],
                                     const struct passport *passport, struct lucid_arena *arena,
                                     bool *ret)
{
    static const struct jcs_limits limits = {PASSPORT_DEPTH_MAX, 4096};
    char text[7 + 2 * LUCID_SHA256_BYTES + 1] = "sha256:";
    const struct jcs_value *root;
    struct lucid_why why = {.code = NULL};
    lucid_hex_encode(digest, LUCID_SHA256_BYTES, text + 7);
    enum lucid_error error = jcs_parse(record, &limits, arena, &root, &why);
    if (error != LUCID_OK || jcs_type(root) != JCS_OBJECT) {
        *ret = false;
        return error == LUCID_RETRY_MEMORY ? error : LUCID_OK;
    }
    *ret = member_is(root, "type", lucid_span_str("passport.issued")) &&
           member_is(root, "passportDigest", lucid_span_str(text)) &&
           member_is(root, "passportId", passport->id);
    return LUCID_OK;
}

/* The entry without a proof: h ‖ SHA-256(key) ‖ signature over the domain and h. */
static bool entry_good(const struct package *package, const struct passport *passport)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t key[LUCID_SHA256_BYTES];
    uint8_t message[sizeof(DOMAIN) - 1 + LUCID_SHA256_BYTES];
    lucid_sha256(package->record, hash);
    lucid_sha256(lucid_span(passport->public_key, PASSPORT_KEY_BYTES), key);
    memcpy(message, DOMAIN, sizeof(DOMAIN) - 1);
    memcpy(message + sizeof(DOMAIN) - 1, hash, sizeof(hash));
    return memcmp(package->entry, hash, sizeof(hash)) == 0 &&
           memcmp(package->entry + 32, key, sizeof(key)) == 0 &&
           ledger_ed25519_verify(passport->public_key, lucid_span(message, sizeof(message)),
                                 package->entry + 64);
}

/* What the parts come to: the first that failed, else the first that was not judged. */
static void parts_say(const struct verifier_logged_report *report, struct verify_result *ret)
{
    char detail[sizeof(ret->detail)];
    for (int i = 0; i < VERIFIER_LOGGED_PARTS; i++) {
        enum ledger_outcome wanted =
            report->verdict == LEDGER_INVALID ? LEDGER_FAILED : LEDGER_SKIPPED;
        if (report->outcomes[i] == wanted) {
            (void)snprintf(detail, sizeof(detail), "%s: %s",
                           verifier_logged_name((enum verifier_logged_part)i), report->texts[i]);
            said(ret, wanted == LEDGER_FAILED ? VERIFY_FAIL : VERIFY_UNKNOWN,
                 wanted == LEDGER_FAILED ? "log.contradicts" : "log.unknown", detail);
            return;
        }
    }
    said(ret, VERIFY_PASS, "log.logged", "");
}

enum lucid_error passport_log_judge(const struct package *package, const struct passport *passport,
                                    const char *vkey, struct lucid_arena *arena,
                                    struct verify_result *ret)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    struct lucid_span canonical;
    struct verifier_logged_report report;
    struct verifier_logged claimed = {
        .record = package->record, .proof = package->proof, .has_key = true};
    bool named = false;
    if (package->record.len == 0 || !package->has_entry) {
        said(ret, VERIFY_SKIPPED, "log.absent", "");
        return LUCID_OK;
    }
    enum lucid_error error = passport_canonical(passport, arena, &canonical);
    if (error == LUCID_OK) {
        lucid_sha256(canonical, digest);
        error = record_names(package->record, digest, passport, arena, &named);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!named || !entry_good(package, passport)) {
        said(ret, VERIFY_FAIL, "log.contradicts",
             named ? "the entry is not the record's" : "the record is of another passport");
        return LUCID_OK;
    }
    if (package->proof.len == 0) {
        said(ret, VERIFY_WARN, "log.pending", "");
        return LUCID_OK;
    }
    if (vkey[0] == '\0') {
        said(ret, VERIFY_SKIPPED, "log.absent", "the log's verifier key was not given");
        return LUCID_OK;
    }
    memcpy(claimed.key, passport->public_key, sizeof(claimed.key));
    claimed.has_entry = true;
    memcpy(claimed.entry, package->entry, sizeof(claimed.entry));
    error = verifier_logged_run(&claimed, vkey, &report);
    if (error == LUCID_OK) {
        parts_say(&report, ret);
    }
    return error;
}
