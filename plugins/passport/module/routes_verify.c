/* POST /v1/passports/verify: a document or a package, as an object or as text, what this service
 * answered with one in it, or the id of one that is on this log. */
#include <stdio.h>

#include "plugins/passport/evidence.h"
#include "plugins/passport/module/module.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/record.h"

enum { DEPTH_MAX = 24, VALUES_MAX = 65536, OWN_KEYS_MAX = VERIFY_KEYS_MAX / 2 };

#define SECOND_MS 1000U

/* What is to be verified, and what is at hand for it. */
struct subject {
    struct package package;   /* its passport; the rest for those of other logs */
    struct lucid_span origin; /* of the page that shows it */
    bool has_passport;
    struct passport passport;
    bool ours;   /* its key is one of this plugin's */
    bool logged; /* row is the one of its id */
    struct passport_row row;
    struct status_entry status;
    uint8_t keys[VERIFY_KEYS_MAX][PASSPORT_KEY_BYTES]; /* own ones first */
    uint8_t issuers[VERIFY_KEYS_MAX];                  /* ours have 0 */
    size_t own_count;
    size_t key_count;
    struct verify_input input;
};

/* --- what the log says ------------------------------------------------------------------------ */

static void evidence_say(struct subject *subject, enum verify_outcome outcome, const char *code,
                         const char *detail)
{
    struct verify_evidence *evidence = &subject->input.evidence;
    evidence->outcome = outcome;
    evidence->code = code;
    (void)snprintf(evidence->detail, sizeof(evidence->detail), "%s", detail);
}

/* The passport beside the appraisal that it names. */
static enum lucid_error compare(struct ask *ask, struct subject *subject,
                                const struct kind_row *row)
{
    const struct record *record;
    struct lucid_span text;
    struct lucid_span token;
    struct lucid_span runtime_data = {0};
    struct lucid_span quote = {0};
    enum lucid_error error = ask_logged(ask, row->sequence, &text, &token);
    if (error == LUCID_OK) {
        error = record_read(text, &ask->arena, &record, NULL);
        error = lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
    }
    if (error == LUCID_OK) {
        error = gather_blob_if(ask, record->runtime_data, &runtime_data);
    }
    if (error == LUCID_OK) {
        error = gather_blob_if(ask, record->evidences[0].evidence, &quote);
    }
    if (error == LUCID_OK) {
        error = evidence_compare(&subject->passport, text, runtime_data, quote, &ask->arena,
                                 &subject->input.evidence);
    }
    return error;
}

/* What would be found today of an appraisal; of claims nothing is asked. */
static enum lucid_error today(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                              struct subject *subject)
{
    struct kind_row row;
    struct lucid_span record;
    struct lucid_span token;
    struct today found;
    enum lucid_error error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, &row);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = ask_logged(ask, row.sequence, &record, &token);
    }
    if (error == LUCID_OK) {
        error = gather_today(ask, id, record, &found, NULL);
    }
    if (error == LUCID_NOTE_ERASED) { /* then the record alone speaks */
        return LUCID_OK;
    }
    if (error == LUCID_OK && found.worse) {
        evidence_say(subject, VERIFY_FAIL,
                     found.step == APPRAISAL_REVOCATION ? "evidence.revoked_since"
                                                        : "evidence.worse",
                     found.code);
    }
    return error;
}

static enum lucid_error evidence(struct ask *ask, struct subject *subject)
{
    const struct passport *passport = &subject->passport;
    struct kind_row row;
    enum lucid_error error = LUCID_NOTE_ABSENT;
    if (passport->tee.has_appraisal) {
        error = kind_find(ask->host, ask->view, KIND_APPRAISAL, passport->tee.appraisal, &row);
    }
    if (error == LUCID_NOTE_ABSENT) {
        evidence_say(subject, VERIFY_FAIL, "evidence.contradicts", "tee.appraisal");
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = compare(ask, subject, &row);
    }
    for (size_t i = 0; i < passport->appraisal_count && error == LUCID_OK &&
                       subject->input.evidence.outcome != VERIFY_FAIL;
         i++) {
        error = today(ask, passport->appraisals[i], subject);
    }
    return error;
}

static enum lucid_error log_check(struct ask *ask, struct subject *subject)
{
    struct verify_result *log = &subject->input.log;
    struct lucid_span canonical;
    struct lucid_plugin_bytes checkpoint;
    uint8_t digest[LUCID_SHA256_BYTES];
    uint64_t size = 0;
    if (!subject->logged) {
        *log = (struct verify_result){.outcome = VERIFY_FAIL, .code = "log.not_here"};
        return LUCID_OK;
    }
    enum lucid_error error = passport_canonical(&subject->passport, &ask->arena, &canonical);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_sha256(canonical, digest);
    if (memcmp(digest, subject->row.digest, sizeof(digest)) != 0) {
        *log = (struct verify_result){.outcome = VERIFY_FAIL, .code = "log.differs"};
        return LUCID_OK;
    }
    error = kit_error(ask->host->view_head(ask->view, &size, &checkpoint));
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool covered = error == LUCID_OK && subject->row.leaf < size;
    *log = (struct verify_result){.outcome = covered ? VERIFY_PASS : VERIFY_WARN,
                                  .code = covered ? "log.logged" : "log.pending"};
    (void)snprintf(log->detail, sizeof(log->detail), "leaf %llu",
                   (unsigned long long)subject->row.leaf);
    return LUCID_OK;
}

/* One of this log. */
static enum lucid_error ours(struct ask *ask, struct subject *subject)
{
    enum lucid_error error = log_check(ask, subject);
    if (subject->logged) {
        const struct application *application = answer_application(ask, &subject->row);
        answer_status(ask, &subject->row, &subject->status);
        subject->input.status = &subject->status;
        subject->input.slsa_level_min = application != NULL ? application->slsa_level_min : 0;
    }
    /* What the log does not have is not held against what it has: who tries values would learn
     * what a passport leaves out, and have appraisals done for nothing. */
    bool is_there = subject->input.log.outcome != VERIFY_FAIL;
    return error == LUCID_OK && is_there ? evidence(ask, subject) : error;
}

/* --- what a package says ---------------------------------------------------------------------- */

static bool document_ed25519(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                             const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    return gather_ed25519(key, message, signature, context);
}

/* One of another log: there is what it brings with it, by keys that are trusted here. Appraising
 * takes long; nobody has it done by a document that no such key signed. */
static enum lucid_error others(struct ask *ask, struct subject *subject)
{
    const struct passport_module *module = module_of(ask);
    const struct replay_trust trust = {
        .keys = module->trusted,
        .key_count = module->trusted_count,
        .verify = document_ed25519,
        .context = (void *)(uintptr_t)ask->host,
    };
    bool signed_here = false;
    subject->input.status_list = subject->package.status;
    enum lucid_error error =
        verify_is_signed(&subject->input, &subject->passport, &ask->arena, &signed_here);
    if (error != LUCID_OK) {
        return error;
    }
    if (!signed_here) {
        evidence_say(subject, VERIFY_SKIPPED, "evidence.not_looked_at", "");
        return LUCID_OK;
    }
    return evidence_replay(&subject->passport, subject->package.appraisals,
                           subject->package.appraisal_count, &trust, &ask->arena,
                           &subject->input.evidence);
}

/* --- verifying -------------------------------------------------------------------------------- */

static enum lucid_error keys_load(struct ask *ask, struct subject *subject)
{
    const struct passport_module *module = module_of(ask);
    enum lucid_error error = ask_keys(ask, NULL, subject->keys, OWN_KEYS_MAX, &subject->own_count);
    subject->key_count = subject->own_count + module->trusted_count;
    memcpy(subject->keys[subject->own_count], module->trusted,
           module->trusted_count * sizeof(module->trusted[0]));
    for (size_t i = 0; i < module->trusted_count; i++) {
        subject->issuers[subject->own_count + i] = (uint8_t)(1 + module->trusted_issuers[i]);
    }
    subject->input.keys = (const uint8_t(*)[PASSPORT_KEY_BYTES])subject->keys;
    subject->input.issuers = subject->issuers;
    subject->input.key_count = subject->key_count;
    subject->input.ed25519 = gather_ed25519;
    subject->input.context = (void *)(uintptr_t)ask->host;
    return error;
}

/* Reads it as far as is needed to find what the log has of it; what is wrong with it the checks
 * say. */
static enum lucid_error subject_find(struct ask *ask, struct subject *subject)
{
    enum passport_fault fault;
    enum lucid_error error =
        passport_read(subject->package.passport, &ask->arena, &subject->passport, &fault, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    subject->has_passport = true;
    for (size_t i = 0; i < subject->own_count; i++) {
        subject->ours = subject->ours || memcmp(subject->keys[i], subject->passport.public_key,
                                                PASSPORT_KEY_BYTES) == 0;
    }
    error = passport_row_find(ask->host, ask->view, subject->passport.id, &subject->row);
    subject->logged = error == LUCID_OK;
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error subject_verify(struct ask *ask, struct subject *subject, struct verify *ret)
{
    enum lucid_error error = keys_load(ask, subject);
    if (error == LUCID_OK) {
        error = subject_find(ask, subject);
    }
    if (error == LUCID_OK && subject->has_passport) {
        error = subject->ours ? ours(ask, subject) : others(ask, subject);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct verify_input *input = &subject->input;
    input->text = subject->package.passport;
    input->now_s = ask->now_ms / SECOND_MS;
    input->origin = subject->origin;
    input->mock_allowed = module_of(ask)->allow_mock;
    return verify_run(input, &ask->arena, ret);
}

enum lucid_error verify_logged(struct ask *ask, const struct passport_row *row, struct verify *ret)
{
    struct subject *subject = lucid_arena_zalloc(&ask->arena, sizeof(*subject));
    if (subject == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = answer_document(ask, row, &subject->package.passport);
    return error == LUCID_OK ? subject_verify(ask, subject, ret) : error;
}

/* --- requests --------------------------------------------------------------------------------- */

static enum lucid_error by_id(struct ask *ask, struct lucid_span id, struct subject *ret)
{
    struct passport_row row;
    enum lucid_error error = passport_row_find(ask->host, ask->view, id, &row);
    return error == LUCID_OK ? answer_document(ask, &row, &ret->package.passport) : error;
}

static bool is_package(const struct jcs_value *object)
{
    const struct jcs_value *type = jcs_member(object, "type");
    return type != NULL && jcs_type(type) == JCS_STRING &&
           lucid_span_is(jcs_string(type), PACKAGE_TYPE);
}

static bool is_document(const struct jcs_value *object)
{
    return jcs_member(object, "$schema") != NULL || jcs_member(object, "signature") != NULL;
}

/* The passport in what GET /v1/passports/{id} and an issue answer; what stands beside it is not
 * looked at. NULL: it is no such answer. */
static const struct jcs_value *answered_passport(const struct jcs_value *value)
{
    const struct jcs_value *inner = NULL;
    if (jcs_type(value) == JCS_OBJECT && !is_package(value) && !is_document(value)) {
        inner = jcs_member(value, "passport");
    }
    return inner != NULL && jcs_type(inner) == JCS_OBJECT ? inner : NULL;
}

static enum lucid_error object_read(struct ask *ask, const struct jcs_value *value,
                                    struct subject *ret, struct lucid_why *why)
{
    struct lucid_span copy = canonical_value(value, &ask->arena);
    return copy.data != NULL ? package_read(copy, &ask->arena, &ret->package, why)
                             : LUCID_RETRY_MEMORY;
}

/* "passport" of a request, or a request that is a string: an object, its text, an answer of this
 * service, or an id. */
static enum lucid_error member_read(struct ask *ask, const struct jcs_value *value,
                                    struct subject *ret, struct lucid_why *why)
{
    const struct jcs_value *inner = answered_passport(value);
    if (jcs_type(value) == JCS_STRING && passport_id_is_good(jcs_string(value))) {
        return by_id(ask, jcs_string(value), ret);
    }
    if (jcs_type(value) == JCS_STRING) {
        enum lucid_error error = package_read(jcs_string(value), &ask->arena, &ret->package, why);
        if (lucid_category(error) == LUCID_CATEGORY_REFUSE &&
            lucid_span_is(lucid_span_str(why->code), "INVALID_JSON")) {
            ret->package = (struct package){.passport = jcs_string(value)};
            error = LUCID_OK; /* the first check says what is wrong with it */
        }
        return error;
    }
    return object_read(ask, inner != NULL ? inner : value, ret, why);
}

/* Whether the body is a request around a passport, and no passport or package itself. */
static bool is_wrapped(const struct jcs_value *root)
{
    return jcs_type(root) == JCS_OBJECT && !is_package(root) && !is_document(root) &&
           (jcs_member(root, "passport") != NULL || jcs_member(root, "passportId") != NULL);
}

static enum lucid_error wrapped_read(struct ask *ask, const struct jcs_value *root,
                                     struct subject *ret, struct lucid_why *why)
{
    static const char *const members[] = {"passport", "passportId", "origin", NULL};
    struct lucid_span id = {0};
    const struct jcs_value *passport = jcs_member(root, "passport");
    enum lucid_error error = ask_members_only(root, "", members, why);
    if (error == LUCID_OK) {
        error = ask_text(root, "", "passportId", false, PASSPORT_ID_BYTES_MAX, &id, why);
    }
    if (error == LUCID_OK) {
        error = ask_text(root, "", "origin", false, PASSPORT_URI_BYTES_MAX, &ret->origin, why);
    }
    if (error == LUCID_OK && passport != NULL && id.len > 0) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "passportId",
                             "either the passport or its id, not both");
    }
    if (error != LUCID_OK) {
        return error;
    }
    return passport != NULL ? member_read(ask, passport, ret, why) : by_id(ask, id, ret);
}

/* Whether the body is an answer of this service: a passport with what no request has beside it. A
 * misspelt member of a request is none of an answer's. */
static bool is_answer(const struct jcs_value *root)
{
    static const char *const members[] = {
        "passportId", "application",  "digest",   "status",    "disallowed", "since",
        "reason",     "supersededBy", "issuedAt", "expiresAt", "renewAfter", "is_mock",
        "test",       "passport",     "receipt",  "links",     NULL};
    static const char *const own[] = {"passport", "passportId", NULL};
    return answered_passport(root) != NULL && ask_members_only(root, "", own, NULL) != LUCID_OK &&
           ask_members_only(root, "", members, NULL) == LUCID_OK;
}

/* {"id":"…"} and nothing else: the id; len 0: something else. */
static struct lucid_span lone_id(const struct jcs_value *root)
{
    const struct jcs_value *id = jcs_type(root) == JCS_OBJECT ? jcs_member(root, "id") : NULL;
    bool lone = id != NULL && jcs_type(id) == JCS_STRING && jcs_next(root, NULL) == id &&
                jcs_next(root, id) == NULL;
    return lone ? jcs_string(id) : (struct lucid_span){0};
}

static enum lucid_error request_read(struct ask *ask, struct subject *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    const struct jcs_value *root;
    struct lucid_span body = kit_span(ask->host->call_body(ask->call));
    enum lucid_error error = jcs_parse(body, &limits, &ask->arena, &root, NULL);
    if (error == LUCID_OK && is_answer(root)) {
        return object_read(ask, answered_passport(root), ret, why);
    }
    if (error == LUCID_OK && lone_id(root).len > 0) {
        return by_id(ask, lone_id(root), ret);
    }
    if (error == LUCID_OK && is_wrapped(root)) {
        return wrapped_read(ask, root, ret, why);
    }
    if (error == LUCID_OK && jcs_type(root) == JCS_STRING) {
        return member_read(ask, root, ret, why);
    }
    return lucid_category(error) == LUCID_CATEGORY_RETRY
               ? error
               : package_read(body, &ask->arena, &ret->package, why);
}

static enum lucid_error verify(struct ask *ask, struct lucid_why *why)
{
    struct subject *subject = lucid_arena_zalloc(&ask->arena, sizeof(*subject));
    struct verify *result = lucid_arena_zalloc(&ask->arena, sizeof(*result));
    enum lucid_error error = subject != NULL && result != NULL ? ask_view(ask) : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = request_read(ask, subject, why);
    }
    if (error == LUCID_OK) {
        error = subject_verify(ask, subject, result);
    }
    if (error != LUCID_OK) {
        return error;
    }
    atomic_fetch_add_explicit(&module_of(ask)->counters.verified[result->verdict], 1,
                              memory_order_relaxed);
    lucid_buf_char(&ask->out, '{');
    verify_write(result, &ask->out);
    lucid_buf_char(&ask->out, '}');
    return ask_answer(ask, 200);
}

enum lucid_plugin_result route_verify(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, verify, why);
}
