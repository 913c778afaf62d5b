/* A log of appraisals that tests make: mock quotes of an agent, recorded SEV-SNP evidence,
 * auditors' claims; an application, a request by the key that the evidence binds, and a passport of
 * it. */
#ifndef LUCID_TESTS_UNIT_PASSPORT_ISSUE_WORLD_H
#define LUCID_TESTS_UNIT_PASSPORT_ISSUE_WORLD_H

#include "tests/unit/verifier/claims_kit.h"
#include "tests/unit/verifier/mock_world.h"

#include <openssl/sha.h>

#include "base/base64url.h"
#include "base/jcs/jws.h"
#include "plugins/passport/evidence.h"
#include "plugins/passport/issue.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules.h"

#define LOG_NOW_S     (AGENT_TIME_S + 7200) /* 2027-01-15T10:00:00Z */
#define LOG_NOW       "2027-01-15T10:00:00.000Z"
#define LOG_ORIGIN    "log.example/passport"
#define LOG_AUDIENCE  "https://rp.example"
#define LOG_CONTAINER "sha256:" H32
#define LOG_IMAGE     "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define LOG_LAUNCH                                                                                 \
    "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" \
    "1"                                                                                            \
    "111"
#define LOG_MILAN                                                                                  \
    "a1f3930413247bb38cfc171579ea3c12d5fe4901f0c792f63fd75d98f1ef827c23500644e0e692e6be917f9050d3" \
    "d38c"
#define LOG_POLICY                                                                                 \
    ",'types':['mock','snp'],'allowMeasurements':['" LOG_LAUNCH "','" LOG_MILAN "'],"              \
    "'rules':[{'id':'pii','deny_when':{'claim':'pii','equals':true},'action':'deny'}]"

enum { LOG_BLOBS_MAX = 256, LOG_ITEMS_MAX = 8, VERIFIER_KEY = 9, WORKLOAD_KEY = 33, SIGNER = 44 };

struct log {
    struct agent_folder folder;
    struct lucid_arena arena;
    struct lucid_span blobs[LOG_BLOBS_MAX];
    size_t blob_count;
    struct lucid_span milan_report;
    struct lucid_span milan_leaf;

    struct policy policy;
    struct lucid_span policy_bytes;
    struct reference_set references[2];
    struct lucid_span reference_bytes[2];
    size_t reference_count;

    struct issue_appraisal appraisals[LOG_ITEMS_MAX];
    size_t appraisal_count;
    struct issue_claims claims[LOG_ITEMS_MAX];
    struct lucid_span claims_ears[LOG_ITEMS_MAX];
    const char *image; /* of auditors, as their claims say */
    size_t claims_count;
    struct issue_interaction interactions[LOG_ITEMS_MAX];
    size_t interaction_count;

    struct ledger_ed25519_key workload;
    struct ledger_ed25519_key signer;
    struct application application;
    struct issue_request request;
    struct lucid_span request_text;
    struct issue_input input;
    uint8_t salts[PASSPORT_OMITTED_MAX][ISSUE_SALT_BYTES];
    struct issue issue;
    struct passport passport;
    struct lucid_why why;
};

static inline bool log_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    ledger_ed25519_sign(context, message, ret);
    return true;
}

static inline struct lucid_span log_keep(struct log *log, struct lucid_span bytes)
{
    struct lucid_span copy = lucid_arena_copy(&log->arena, bytes);
    assert_non_null(copy.data);
    return copy;
}

/* Text with ' for ", kept. */
static inline struct lucid_span log_text(struct log *log, const char *text)
{
    struct lucid_buf out = {.bytes_max = 0};
    struct lucid_span kept = log_keep(log, kit_text(text, NULL, NULL, &out));
    lucid_buf_fini(&out);
    return kept;
}

static inline void log_blob(struct log *log, struct lucid_span bytes)
{
    assert_true(log->blob_count < LOG_BLOBS_MAX);
    log->blobs[log->blob_count++] = bytes;
}

static inline enum lucid_error
log_blob_find(void *context, const uint8_t digest[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    const struct log *log = context;
    for (size_t i = 0; i < log->blob_count; i++) {
        uint8_t hash[LUCID_SHA256_BYTES];
        lucid_sha256(log->blobs[i], hash);
        if (memcmp(hash, digest, sizeof(hash)) == 0) {
            *ret = log->blobs[i];
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

/* --- policy and reference sets ---------------------------------------------------------------- */

/* rest: members of the policy, which names the auditors a1 … a4. */
static inline void log_policy(struct log *log, const char *rest)
{
    kit_policy(rest, &log->arena, &log->policy);
    log->policy_bytes = canonical_value(log->policy.document, &log->arena);
    assert_non_null(log->policy_bytes.data);
    log_blob(log, log->policy_bytes);
    memcpy(log->input.policy, log->policy.id, LUCID_SHA256_BYTES);
}

/* A set of mock measurements; members: "'containers':[…],'auditors':[…]"; then a policy that names
 * it. */
static inline void log_reference(struct log *log, const char *launch, const char *members)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_span form;
    lucid_buf_printf(
        &text,
        "{'type':'" REFERENCE_TYPE_NAME "','name':'images','environment':{'type':"
        "'mock'},'measurements':[{'mkey':'launch','alg':'sha384','digest':['%s']}],%s}",
        launch, members);
    lucid_buf_char(&text, '\0');
    assert_int_equal(
        canonical_form(log_text(log, (const char *)text.data), &log->arena, &form, &log->why),
        LUCID_OK);
    size_t i = log->reference_count++;
    assert_int_equal(reference_parse(form, &log->arena, &log->references[i], &log->why), LUCID_OK);
    log->reference_bytes[i] = form;
    log_blob(log, form);
    lucid_buf_clear(&text);
    lucid_buf_str(&text, LOG_POLICY ",'references':['sha256:");
    lucid_buf_hex(&text, log->references[i].id, LUCID_SHA256_BYTES);
    lucid_buf_str(&text, "']");
    lucid_buf_char(&text, '\0');
    log_policy(log, (const char *)text.data);
    lucid_buf_fini(&text);
}

/* --- appraisals ------------------------------------------------------------------------------- */

/* What is particular about an appraisal; everything else is as it should be. */
struct how {
    bool milan;           /* recorded SEV-SNP, on a test store */
    const char *workload; /* JSON; NULL: none */
    const char *audience; /* NULL: LOG_AUDIENCE */
    bool debug;
    uint64_t svn;          /* tells one quote from another */
    uint8_t key;           /* 0: WORKLOAD_KEY */
    uint64_t received_s;   /* 0: LOG_NOW_S */
    struct lucid_span crl; /* of the mock root */
    bool synthetic;        /* SEV-SNP by a root of the tests' own */
    bool beside_mock;      /* of milan: in the time of the log, and a mock quote after it */
};

static inline struct lucid_span log_runtime(struct log *log, const struct how *how)
{
    struct ledger_ed25519_key key = kit_key(how->key == 0 ? WORKLOAD_KEY : how->key);
    struct lucid_buf text = {.bytes_max = 0};
    lucid_buf_printf(&text,
                     "{\"nonce\":\"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo\",\"audience\":"
                     "\"%s\",\"publicKey\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"",
                     how->audience == NULL ? LOG_AUDIENCE : how->audience);
    lucid_base64url_write(&text, lucid_span(key.public_key, sizeof(key.public_key)));
    lucid_buf_str(&text, "\"}");
    if (how->workload != NULL) {
        lucid_buf_str(&text, ",\"workload\":");
        lucid_buf_span_put(&text, log_text(log, how->workload));
    }
    lucid_buf_char(&text, '}');
    struct lucid_span kept = log_keep(log, lucid_buf_span(&text));
    lucid_buf_fini(&text);
    log_blob(log, kept);
    return kept;
}

static inline struct lucid_span log_token(struct log *log, struct lucid_span claims)
{
    struct lucid_buf out = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(VERIFIER_KEY);
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_span input =
        jcs_jws_input_write(lucid_span_str("{\"alg\":\"EdDSA\"}"), claims, &out);
    ledger_ed25519_sign(&key, input, signature);
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), &out);
    struct lucid_span token = log_keep(log, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return token;
}

static inline struct lucid_span log_file(struct log *log, const char *name)
{
    struct lucid_buf file = file_read(name);
    struct lucid_span kept = log_keep(log, lucid_buf_span(&file));
    lucid_buf_fini(&file);
    log_blob(log, kept);
    return kept;
}

static inline void log_mock_evidence(struct log *log, const struct how *how,
                                     struct appraisal_input *input,
                                     struct appraisal_collateral *items)
{
    struct mock_quote quote = quote_of(how->svn == 0 ? 3 : how->svn, how->debug);
    memset(quote.report_data, 0, sizeof(quote.report_data));
    if (how->beside_mock) {
        memcpy(quote.report_data, input->test_bound_data, sizeof(quote.report_data));
    } else {
        SHA384(input->runtime_data.data, input->runtime_data.len, quote.report_data);
    }
    struct lucid_buf token = agent_quote(&log->folder, &quote);
    input->evidences[input->evidence_count++] = (struct appraisal_evidence){
        .type = lucid_span_str("mock"), .bytes = log_keep(log, lucid_buf_span(&token))};
    lucid_buf_fini(&token);
    items[input->collateral_count++] = (struct appraisal_collateral){
        lucid_span_str("mock/root"), log_keep(log, mock_agent_root(log->folder.agent)), 0};
    if (how->crl.len > 0) {
        items[input->collateral_count++] =
            (struct appraisal_collateral){lucid_span_str("mock/crl"), how->crl, LOG_NOW_S};
    }
}

static inline void log_snp_evidence(struct log *log, const struct how *how,
                                    struct appraisal_input *input,
                                    struct appraisal_collateral *items)
{
    input->evidence_count = 1;
    input->evidences[0] = (struct appraisal_evidence){
        .type = lucid_span_str("snp"),
        .bytes = log_file(log, how->synthetic ? "synthetic/milan-v3-vcek.report.bin"
                                              : "snp/milan-v2-vcek.report.bin"),
        .endorsements = {log_file(log, how->synthetic ? "synthetic/milan.vcek.der"
                                                      : "snp/milan-v2-vcek.vcek.der")},
        .endorsement_count = 1};
    input->time_s = UINT64_C(1740000000);
    input->test = true;
    input->has_test_bound_data = true;
    memcpy(input->test_bound_data, input->evidences[0].bytes.data + 0x50, 64);
    input->test_bound_len = 64;
    if (how->synthetic) {
        items[input->collateral_count++] = (struct appraisal_collateral){
            lucid_span_str("snp/test-root/Milan"), log_file(log, "synthetic/root-milan.pem"), 0};
        items[input->collateral_count++] = (struct appraisal_collateral){
            lucid_span_str("snp/crl/Milan"), log_file(log, "synthetic/crl-good.der"), 1740000000};
    }
    if (how->beside_mock) {
        input->time_s = input->received_s;
        log_mock_evidence(log, how, input, items);
    }
}

/* Appraises and logs; the appraisal is the next one. */
static inline struct issue_appraisal *log_appraise(struct log *log, const struct how *how)
{
    struct appraisal_input *input = lucid_arena_zalloc(&log->arena, sizeof(*input));
    struct appraisal *made = lucid_arena_zalloc(&log->arena, sizeof(*made));
    struct appraisal_collateral *items = lucid_arena_zalloc(&log->arena, 4 * sizeof(*items));
    assert_true(input != NULL && made != NULL && items != NULL);
    uint64_t received_s = how->received_s == 0 ? LOG_NOW_S : how->received_s;
    *input = (struct appraisal_input){
        .time_s = received_s,
        .received_s = received_s,
        .challenge = {.session_id = lucid_span_str("session"),
                      .audience =
                          lucid_span_str(how->audience == NULL ? LOG_AUDIENCE : how->audience),
                      .issued_s = received_s - 60,
                      .expires_s = received_s + 240},
        .runtime_data = log_runtime(log, how),
        .collateral = items,
        .policy = &log->policy,
        .policy_bytes = log->policy_bytes,
        .references = log->references,
        .reference_bytes = log->reference_bytes,
        .reference_count = log->reference_count,
        .allow_mock = true,
        .developer = lucid_span_str("https://lucid.example"),
        .build = lucid_span_str("test 1"),
        .issuer = lucid_span_str(LOG_ORIGIN),
        .lifetime_s = 3600,
    };
    memset(input->challenge.nonce, 0x5a, sizeof(input->challenge.nonce));
    (how->milan || how->synthetic ? log_snp_evidence : log_mock_evidence)(log, how, input, items);
    if (appraisal_run(input, &log->arena, made, &log->why) != LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
    if (!made->appraised) {
        fail_msg("%s", made->submods[0].steps[made->failed_step].code);
    }
    for (size_t i = 0; i < input->collateral_count; i++) {
        log_blob(log, items[i].bytes);
    }
    for (size_t i = 0; i < input->evidence_count; i++) {
        log_blob(log, input->evidences[i].bytes);
    }
    assert_true(log->appraisal_count < LOG_ITEMS_MAX);
    struct issue_appraisal *appraisal = &log->appraisals[log->appraisal_count++];
    *appraisal = (struct issue_appraisal){.ear = log_token(log, made->claims),
                                          .runtime_data = input->runtime_data,
                                          .evidence = input->evidences[0].bytes,
                                          .key_trusted = true,
                                          .today = made->status,
                                          .references = log->references,
                                          .reference_count = log->reference_count};
    assert_int_equal(record_write(input, made, appraisal->ear, &log->arena, &appraisal->record),
                     LUCID_OK);
    lucid_sha256(appraisal->record, appraisal->id);
    return appraisal;
}

/* Claims of auditor "a<byte>", in that environment (NULL: none); claims as KIT_CLAIM. */
static inline struct issue_claims *log_claims(struct log *log, uint8_t byte, const char *value,
                                              const struct issue_appraisal *environment,
                                              struct lucid_span *ret_document)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct rules_input *input = lucid_arena_zalloc(&log->arena, sizeof(*input));
    struct rules_appraisal *made = lucid_arena_zalloc(&log->arena, sizeof(*made));
    struct lucid_span *document = lucid_arena_zalloc(&log->arena, sizeof(*document));
    assert_true(input != NULL && made != NULL && document != NULL);
    lucid_buf_printf(&text,
                     "{'type':'lucid.attestation.claims/v1','schemaVersion':'1.0','auditor':{'id':"
                     "'a%u','digest':'%s'},'phase':'response','decision':'proceed',"
                     "'issuedAt':'" LOG_NOW
                     "','subject':{'traceId':'trace-1'},'claims':[{'name':'pii','type':"
                     "'other','value':%s,'timestamp':'" LOG_NOW "'}]}",
                     byte, log->image, value);
    lucid_buf_char(&text, '\0');
    *document = kit_sign((const char *)text.data, byte, &log->arena);
    lucid_buf_fini(&text);
    *input = (struct rules_input){.time_s = LOG_NOW_S,
                                  .received_s = LOG_NOW_S,
                                  .policy = &log->policy,
                                  .policy_bytes = log->policy_bytes,
                                  .documents = document,
                                  .document_count = 1,
                                  .verify = kit_verify,
                                  .lifetime_s = 3600,
                                  .developer = lucid_span_str("https://lucid.example"),
                                  .build = lucid_span_str("test 1"),
                                  .issuer = lucid_span_str(LOG_ORIGIN)};
    if (environment != NULL) {
        input->hardware_record = environment->record;
        input->hardware_runtime = environment->runtime_data;
        log_blob(log, environment->record);
    }
    if (rules_appraise(input, &log->arena, made, &log->why) != LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
    if (!made->appraised) {
        fail_msg("%s", made->submods[0].steps[made->failed_step].code);
    }
    assert_true(log->claims_count < LOG_ITEMS_MAX);
    struct lucid_span ear = log_token(log, made->result);
    log->claims_ears[log->claims_count] = ear;
    struct issue_claims *claims = &log->claims[log->claims_count++];
    *claims = (struct issue_claims){.key_trusted = true};
    assert_int_equal(rules_record_write(input, made, ear, &log->arena, &claims->record, &log->why),
                     LUCID_OK);
    lucid_sha256(claims->record, claims->id);
    log_blob(log, *document);
    if (ret_document != NULL) {
        *ret_document = *document;
    }
    return claims;
}

/* --- the passport ----------------------------------------------------------------------------- */

static inline void log_open(struct log *log)
{
    memset(log, 0, sizeof(*log));
    agent_make(&log->folder);
    lucid_arena_init(&log->arena, (size_t)256 << 20);
    log->workload = kit_key(WORKLOAD_KEY);
    log->signer = kit_key(SIGNER);
    log->image = LOG_IMAGE;
    log->application = (struct application){
        .name = lucid_span_str("my-app"),
        .app_name = lucid_span_str("My App <b>"),
        .version = lucid_span_str("1.0.0"),
        .endpoints = {lucid_span_str("https://app.example")},
        .endpoint_count = 1,
        .validity_days = APPLICATION_VALIDITY_DAYS,
        .evidence = {true, true, true, true, true, false},
    };
    log->input = (struct issue_input){.now_s = LOG_NOW_S,
                                      .allow_mock = true,
                                      .issuer = lucid_span_str(LOG_ORIGIN),
                                      .kid = lucid_span_str("kid-1"),
                                      .ed25519 = kit_verify,
                                      .sign = log_sign,
                                      .context = &log->signer,
                                      .salts = (const uint8_t(*)[ISSUE_SALT_BYTES])log->salts};
    memcpy(log->input.public_key, log->signer.public_key, PASSPORT_KEY_BYTES);
    for (size_t i = 0; i < PASSPORT_OMITTED_MAX; i++) {
        memset(log->salts[i], (int)(0x10 + i), ISSUE_SALT_BYTES);
    }
    log->request = (struct issue_request){
        .application = lucid_span_str("my-app"), .time_s = LOG_NOW_S, .alg = JOSE_EDDSA};
    log_policy(log, LOG_POLICY);
}

static inline void log_close(struct log *log)
{
    lucid_arena_fini(&log->arena);
    agent_remove(&log->folder);
}

/* Names everything that is on the log, signs, reads. */
static inline void log_request(struct log *log)
{
    struct lucid_buf out = {.bytes_max = 0};
    struct issue_request *request = &log->request;
    request->appraisal_count = 0;
    for (size_t i = 0; i < log->appraisal_count; i++) {
        memcpy(request->appraisals[request->appraisal_count++], log->appraisals[i].id,
               LUCID_SHA256_BYTES);
    }
    for (size_t i = 0; i < log->claims_count; i++) {
        memcpy(request->appraisals[request->appraisal_count++], log->claims[i].id,
               LUCID_SHA256_BYTES);
    }
    for (size_t i = 0; i < log->interaction_count; i++) {
        memcpy(request->interactions[i], log->interactions[i].id, LUCID_SHA256_BYTES);
    }
    request->interaction_count = log->interaction_count;
    assert_true(issue_request_write(request, log_sign, &log->workload, &out));
    log->request_text = log_keep(log, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    enum lucid_error error = issue_request_read(log->request_text, &log->arena, request, &log->why);
    if (error != LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
}

static inline enum lucid_error log_run(struct log *log)
{
    log->input.application = &log->application;
    log->input.request = &log->request;
    log->input.appraisals = log->appraisals;
    log->input.appraisal_count = log->appraisal_count;
    log->input.claims = log->claims;
    log->input.claims_count = log->claims_count;
    log->input.interactions = log->interactions;
    log->input.interaction_count = log->interaction_count;
    memset(&log->why, 0, sizeof(log->why));
    return issue_run(&log->input, &log->arena, &log->issue, &log->why);
}

/* Issues, and reads the passport, whose signature is checked. */
static inline void log_issue(struct log *log)
{
    enum passport_fault fault;
    struct lucid_span signed_bytes;
    log_request(log);
    enum lucid_error error = log_run(log);
    if (error != LUCID_OK) {
        fail_msg("%s %s: %s", log->why.code, log->why.param, log->why.text);
    }
    assert_int_equal(
        passport_read(log->issue.passport, &log->arena, &log->passport, &fault, &log->why),
        LUCID_OK);
    assert_int_equal(passport_signing_input(&log->passport, &log->arena, &signed_bytes), LUCID_OK);
    assert_true(
        ledger_ed25519_verify(log->signer.public_key, signed_bytes, log->passport.signature));
}

/* What a member says, canonical, with ' for ". path: names with points between. */
static inline void log_says(struct log *log, const char *path, const char *text)
{
    const struct jcs_value *at = log->passport.root;
    char name[64];
    const char *rest = path;
    while (rest != NULL) {
        const char *point = strchr(rest, '.');
        size_t len = point == NULL ? strlen(rest) : (size_t)(point - rest);
        assert_in_range(len, 1, sizeof(name) - 1);
        memcpy(name, rest, len);
        name[len] = '\0';
        at = jcs_member(at, name);
        rest = point == NULL ? NULL : point + 1;
    }
    if (at == NULL || text == NULL) {
        if (at != NULL || text != NULL) {
            fail_msg("%s is %s", path, at == NULL ? "not there" : "there");
        }
        return;
    }
    struct lucid_span form = canonical_value(at, &log->arena);
    struct lucid_span expected = log_text(log, text);
    if (!lucid_span_equal(form, expected)) {
        fail_msg("%s is %.*s", path, (int)form.len, (const char *)form.data);
    }
}

#endif
