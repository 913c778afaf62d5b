/* What runs there and by whose word; what auditors said of it; what the switches leave out. */
#include "issue_world.h"

#include "plugins/verifier/interaction.h"

#define OTHER_DIGEST "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define HOST_DATA    "2222222222222222222222222222222222222222222222222222222222222222"
#define BOUND        "{'container':{'digest':'" LOG_CONTAINER "'}}"
#define BOUND_AUDITOR                                                                              \
    "{'auditors':[{'id':'a1','digest':'" LOG_IMAGE "'}],'container':{'digest':'" LOG_CONTAINER     \
    "','registry':'registry.example/app'}}"

static struct log *open_log(void)
{
    struct log *log = calloc(1, sizeof(*log));
    assert_non_null(log);
    log_open(log);
    return log;
}

static void close_log(struct log *log)
{
    log_close(log);
    free(log);
}

static void refused(struct log *log, const char *param)
{
    log_request(log);
    enum lucid_error error = log_run(log);
    if (error != LUCID_REFUSE_INVALID || strcmp(log->why.code, "PASSPORT_REFUSED") != 0 ||
        strcmp(log->why.param, param) != 0) {
        fail_msg("%d: %s %s: %s", (int)error, log->why.code, log->why.param, log->why.text);
    }
}

static void container_configure(struct log *log, uint8_t byte, const char *registry)
{
    log->application.container.present = true;
    memset(log->application.container.digest, byte, LUCID_SHA256_BYTES);
    log->application.container.registry = lucid_span_str(registry);
}

/* image 0: no digest. */
static void auditor_configure(struct log *log, const char *id, const char *name, uint8_t image)
{
    struct application_auditor *auditor =
        &log->application.auditors[log->application.auditor_count++];
    auditor->id = lucid_span_str(id);
    auditor->name = lucid_span_str(name);
    auditor->has_digest = image != 0;
    memset(auditor->digest, image, LUCID_SHA256_BYTES);
}

/* --- the container ---------------------------------------------------------------------------- */

static void test_container(void **state)
{
    (void)state;
    static const struct {
        const char *workload;
        const char *reference; /* members of a set that knows the measurement; NULL: no set */
        const char *launch;
        uint8_t configured;   /* 0: none */
        const char *expected; /* NULL: refused, "": none */
    } cases[] = {
        {NULL, NULL, "", 0, ""},
        {NULL, NULL, "", 0x11, "declared"},
        {BOUND, NULL, "", 0, "bound"},
        {BOUND, NULL, "", 0x11, "bound"},
        {BOUND, NULL, "", 0x22, NULL},
        {"{'auditors':[]}", NULL, "", 0x22, "declared"},
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]", LOG_LAUNCH, 0x11, "reference"},
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]", LOG_LAUNCH, 0x22, "declared"},
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]", LOG_LAUNCH, 0, ""},
        /* a set of another environment, or that is not in force */
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]", LOG_MILAN, 0x11, "declared"},
        {NULL, "'validTo':'2027-01-15T09:00:00Z','containers':[{'digest':'" LOG_CONTAINER "'}]",
         LOG_LAUNCH, 0x11, "declared"},
        {NULL, "'validFrom':'2027-01-15T11:00:00Z','containers':[{'digest':'" LOG_CONTAINER "'}]",
         LOG_LAUNCH, 0x11, "declared"},
        {BOUND, "'containers':[{'digest':'" OTHER_DIGEST "'}]", LOG_LAUNCH, 0x22, NULL},
        /* a set of this launch, but of other host data, or of a newer guest; and one of both */
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]",
         LOG_LAUNCH "']},{'mkey':'host_data','alg':'raw','digest':['" H32, 0x11, "declared"},
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]",
         LOG_LAUNCH "'],'minSvn':4},{'mkey':'host_data','alg':'raw','digest':['" HOST_DATA, 0x11,
         "declared"},
        {NULL, "'containers':[{'digest':'" LOG_CONTAINER "'}]",
         LOG_LAUNCH "']},{'mkey':'host_data','alg':'raw','digest':['" HOST_DATA, 0x11, "reference"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = open_log();
        if (cases[i].reference != NULL) {
            log_reference(log, cases[i].launch, cases[i].reference);
        }
        if (cases[i].configured != 0) {
            container_configure(log, cases[i].configured, "registry.example/own");
        }
        log_appraise(log, &(struct how){.workload = cases[i].workload});
        if (cases[i].expected == NULL) {
            refused(log, "container");
        } else {
            log_issue(log);
            const struct passport_container *container = &log->passport.container;
            assert_int_equal(container->present, cases[i].expected[0] != '\0');
            if (container->present) {
                assert_string_equal(passport_source_name(container->source), cases[i].expected);
            }
        }
        close_log(log);
    }
}

static void test_container_registry(void **state)
{
    (void)state;
    struct log *log = open_log();
    container_configure(log, 0x11, "registry.example/own");
    log_appraise(log, &(struct how){.workload = BOUND});
    log_issue(log);
    log_says(log, "container.registry", "'registry.example/own'");
    log_appraise(log, &(struct how){.svn = 4, .workload = BOUND_AUDITOR});
    log_issue(log);
    log_says(log, "container.registry", "'registry.example/own'");
    log_appraise(
        log, &(struct how){.svn = 5, .workload = "{'container':{'digest':'" OTHER_DIGEST "'}}"});
    refused(log, "container");
    close_log(log);
    log = open_log();
    container_configure(log, 0x11, "registry.example/own");
    log_appraise(log, &(struct how){.workload = BOUND_AUDITOR});
    log_issue(log);
    log_says(log, "container.registry", "'registry.example/app'");
    close_log(log);
}

/* The passport shows the first environment: what only another one binds, nobody finds there. */
static void test_second_environment(void **state)
{
    (void)state;
    struct log *log = open_log();
    struct verify_evidence made;
    log_appraise(log, &(struct how){.svn = 3});
    log_appraise(log, &(struct how){.svn = 4, .workload = BOUND_AUDITOR});
    log_issue(log);
    assert_false(log->passport.container.present);
    assert_int_equal(log->passport.auditor_count, 1);
    assert_int_equal(log->passport.auditors[0].source, PASSPORT_DECLARED);
    const struct issue_appraisal *first = &log->appraisals[0];
    assert_int_equal(evidence_compare(&log->passport, first->record, first->runtime_data,
                                      first->evidence, &log->arena, &made),
                     LUCID_OK);
    assert_string_equal(made.code, "evidence.mock");
    /* But it is known what runs there, and that is not what is configured. */
    container_configure(log, 0x22, "registry.example/own");
    refused(log, "container");
    container_configure(log, 0x11, "registry.example/own");
    log_issue(log);
    log_says(log, "container.source", "'declared'");
    close_log(log);
}

/* --- auditors --------------------------------------------------------------------------------- */

static void test_auditors(void **state)
{
    (void)state;
    static const char expected[] =
        "[{'digest':'" LOG_IMAGE
        "','id':'a1','lastCheck':'2027-01-15T10:00:00Z','name':'First','source':'bound',"
        "'status':'inactive'},"
        "{'digest':'" OTHER_DIGEST
        "','id':'a2','name':'a2','source':'declared','status':'inactive'},"
        "{'digest':'" OTHER_DIGEST "','id':'a3','lastCheck':'2027-01-15T10:00:00Z','name':'Third',"
        "'source':'reference','status':'inactive'},"
        "{'id':'a4','name':'Fourth','source':'declared','status':'inactive'}]";
    struct log *log = open_log();
    log_reference(log, LOG_LAUNCH, "'auditors':[{'id':'a3','digest':'" OTHER_DIGEST "'}]");
    auditor_configure(log, "a1", "First", 0x33);
    auditor_configure(log, "a2", "", 0x22);
    auditor_configure(log, "a3", "Third", 0x22);
    auditor_configure(log, "a4", "Fourth", 0);
    log_appraise(log, &(struct how){.workload = BOUND_AUDITOR});
    log_issue(log);
    log_says(log, "auditors", expected);
    /* Another image of it than is configured: nothing green can be said of either. */
    log->application.auditors[0].digest[0] ^= 1;
    refused(log, "auditors");
    log->application.auditors[0].has_digest = false;
    log_issue(log);
    log_says(log, "auditors", expected);
    /* Two environments that disagree. */
    log_appraise(
        log, &(struct how){.svn = 4,
                           .workload = "{'auditors':[{'id':'a1','digest':'" OTHER_DIGEST "'}]}"});
    refused(log, "auditors");
    close_log(log);
}

/* What its claims say is its status; whose environment they name is whose auditor it is. */
static void test_claims(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool named; /* the claims name the environment */
        const char *image;
        enum passport_auditor_status status;
        enum passport_source source;
    } cases[] = {
        {"false", true, LOG_IMAGE, PASSPORT_ACTIVE, PASSPORT_BOUND},
        {"true", true, LOG_IMAGE, PASSPORT_FAILED, PASSPORT_BOUND},
        {"false", false, LOG_IMAGE, PASSPORT_ACTIVE, PASSPORT_DECLARED},
        {"true", false, LOG_IMAGE, PASSPORT_FAILED, PASSPORT_DECLARED},
        {"false", true, OTHER_DIGEST, PASSPORT_ACTIVE, PASSPORT_DECLARED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = open_log();
        const struct issue_appraisal *environment =
            log_appraise(log, &(struct how){.workload = BOUND_AUDITOR});
        log->image = cases[i].image;
        const struct issue_claims *claims =
            log_claims(log, 1, cases[i].value, cases[i].named ? environment : NULL, NULL);
        log_issue(log);
        assert_int_equal(log->passport.auditor_count, 1);
        const struct passport_auditor *auditor = &log->passport.auditors[0];
        assert_int_equal(auditor->status, cases[i].status);
        assert_int_equal(auditor->source, cases[i].source);
        assert_int_equal(auditor->last_check_s, LOG_NOW_S);
        assert_true(auditor->has_claims);
        assert_memory_equal(auditor->claims, claims->id, LUCID_SHA256_BYTES);
        assert_int_equal(log->passport.appraisal_count, 2);
        close_log(log);
    }
}

/* One failure is a failure; an auditor that nobody configured stands there too. */
static void test_several_claims(void **state)
{
    (void)state;
    struct log *log = open_log();
    const struct issue_appraisal *environment =
        log_appraise(log, &(struct how){.workload = BOUND_AUDITOR});
    log_claims(log, 1, "true", environment, NULL);
    log_claims(log, 1, "false", environment, NULL);
    log_claims(log, 2, "false", environment, NULL);
    log_issue(log);
    assert_int_equal(log->passport.auditor_count, 2);
    assert_int_equal(log->passport.auditors[0].status, PASSPORT_FAILED);
    assert_memory_equal(log->passport.auditors[0].claims, log->claims[0].id, LUCID_SHA256_BYTES);
    assert_int_equal(log->passport.auditors[1].status, PASSPORT_ACTIVE);
    assert_int_equal(log->passport.auditors[1].source, PASSPORT_DECLARED);
    close_log(log);
}

static void test_claims_refused(void **state)
{
    (void)state;
    struct log *log = open_log();
    const struct issue_appraisal *environment = log_appraise(log, &(struct how){.svn = 3});
    log_claims(log, 1, "false", environment, NULL);
    log->claims[0].key_trusted = false;
    refused(log, "appraisals[1]");
    log->claims[0].key_trusted = true;
    log->application.appraisal_age_s_max = 10;
    log->input.now_s += 11;
    log->request.time_s += 11;
    refused(log, "appraisals[0]");
    log->input.now_s -= 11;
    log->request.time_s -= 11;
    /* Made under another policy than the evidence. */
    struct lucid_span record = log->claims[0].record;
    log_policy(log, LOG_POLICY ",'description':'another'");
    log_claims(log, 1, "false", environment, NULL);
    log->claims[0] = log->claims[1];
    log->claims_count = 1;
    const struct record *first;
    assert_int_equal(record_read(environment->record, &log->arena, &first, NULL), LUCID_OK);
    memcpy(log->input.policy, first->policy, LUCID_SHA256_BYTES);
    refused(log, "appraisals[1]");
    /* Not what its id says. */
    log->claims[0].record = record;
    refused(log, "appraisals[1]");
    close_log(log);
}

static void test_too_many_auditors(void **state)
{
    (void)state;
    static char names[PASSPORT_AUDITORS_MAX][8];
    struct log *log = open_log();
    for (size_t i = 0; i < PASSPORT_AUDITORS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "b%zu", i);
        auditor_configure(log, names[i], "", 0);
    }
    const struct issue_appraisal *environment = log_appraise(log, &(struct how){.svn = 3});
    log_issue(log);
    assert_int_equal(log->passport.auditor_count, PASSPORT_AUDITORS_MAX);
    log_claims(log, 1, "false", environment, NULL);
    refused(log, "auditors");
    close_log(log);
}

/* --- interactions ----------------------------------------------------------------------------- */

static const uint8_t zeros[32];

static void interaction_add(struct log *log, struct lucid_span text)
{
    struct interaction form = {.id = lucid_span_str("i-1"),
                               .trace_id = lucid_span_str("trace-1"),
                               .request_hash = lucid_span(zeros, 32),
                               .response_hash = lucid_span(zeros, 32),
                               .issued_ms = LOG_NOW_S * 1000};
    struct claims_document document;
    struct interaction made;
    const struct claims_document *documents[] = {&document};
    assert_int_equal(claims_parse(text, &log->arena, &document, &log->why), LUCID_OK);
    if (interaction_make(&form, documents, 1, &log->arena, &made, &log->why) != LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
    struct issue_interaction *interaction = &log->interactions[log->interaction_count++];
    interaction->record = made.canonical;
    memcpy(interaction->id, made.record_id, LUCID_SHA256_BYTES);
}

static void test_interactions(void **state)
{
    (void)state;
    struct log *log = open_log();
    struct lucid_span document;
    const struct issue_appraisal *environment = log_appraise(log, &(struct how){.svn = 3});
    log_claims(log, 1, "false", environment, &document);
    interaction_add(log, document);
    log_issue(log);
    char expected[400];
    char id[2 * LUCID_SHA256_BYTES + 1] = "";
    lucid_hex_encode(log->interactions[0].id, LUCID_SHA256_BYTES, id);
    const struct jcs_value *routing = jcs_member(log->passport.root, "routing");
    const struct jcs_value *first = jcs_next(jcs_member(routing, "interactions"), NULL);
    struct lucid_span form = canonical_value(first, &log->arena);
    struct lucid_span chain = jcs_string(jcs_member(first, "chainHash"));
    (void)snprintf(expected, sizeof(expected),
                   "{'auditors':['a1'],'chainHash':'%.*s','decision':'proceed','id':'%s',"
                   "'issuedAt':'2027-01-15T10:00:00Z'}",
                   (int)chain.len, (const char *)chain.data, id);
    assert_true(lucid_span_equal(form, log_text(log, expected)));
    /* It is not what its id says. */
    log_request(log);
    log->interactions[0].id[0] ^= 1;
    assert_int_equal(log_run(log), LUCID_REFUSE_INVALID);
    assert_string_equal(log->why.param, "interactions[0]");
    log->interactions[0].id[0] ^= 1;
    /* Claims of another environment: somebody else's interaction. */
    log->claims_count = 0;
    log_claims(log, 1, "false", NULL, NULL);
    refused(log, "interactions[0]");
    log->claims_count = 0;
    refused(log, "interactions[0]");
    close_log(log);
}

/* --- supply chain ----------------------------------------------------------------------------- */

static void provenance_add(struct log *log, const struct ledger_ed25519_key *key)
{
    static const char statement[] =
        "{'_type':'https://in-toto.io/Statement/v1','predicateType':'https://slsa.dev/provenance/"
        "v1','subject':[{'name':'image','digest':{'sha256':'" H32 "'}}],'predicate':{"
        "'runDetails':{'builder':{'id':'https://ci.example/builder'}},"
        "'buildDefinition':{'buildType':'https://ci.example/type','externalParameters':{}}}}";
    struct lucid_span payload = log_text(log, statement);
    struct lucid_buf pae = {.bytes_max = 0};
    struct lucid_buf out = {.bytes_max = 0};
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    slsa_pae_write(lucid_span_str(SLSA_STATEMENT_TYPE), payload, &pae);
    ledger_ed25519_sign(key, lucid_buf_span(&pae), signature);
    lucid_buf_str(&out, "{\"payload\":\"");
    lucid_buf_base64(&out, payload.data, payload.len);
    lucid_buf_str(&out,
                  "\",\"payloadType\":\"" SLSA_STATEMENT_TYPE "\",\"signatures\":[{\"sig\":\"");
    lucid_buf_base64(&out, signature, sizeof(signature));
    lucid_buf_str(&out, "\"}]}");
    log->request.provenance[0] = log_keep(log, lucid_buf_span(&out));
    log->request.provenance_count = 1;
    lucid_buf_fini(&pae);
    lucid_buf_fini(&out);
}

static void test_supply_chain(void **state)
{
    (void)state;
    struct log *log = open_log();
    struct ledger_ed25519_key builder_key = kit_key(50);
    struct slsa_builder builder = {.id = lucid_span_str("https://ci.example/builder"),
                                   .keys = {{.alg = JOSE_EDDSA}},
                                   .key_count = 1};
    memcpy(builder.keys[0].x, builder_key.public_key, sizeof(builder_key.public_key));
    log->application.builders = (struct slsa_builders){&builder, 1};
    log->application.provenance_uri = lucid_span_str("https://ci.example/p.jsonl");
    log->application.slsa_level_min = 2;
    log_appraise(log, &(struct how){.workload = BOUND});
    refused(log, "provenance");
    provenance_add(log, &builder_key);
    log_issue(log);
    assert_int_equal(log->passport.slsa.level, 2);
    assert_true(lucid_span_is(log->passport.slsa.provenance_uri, "https://ci.example/p.jsonl"));
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(log->request.provenance[0], hash);
    assert_true(log->passport.slsa.has_provenance);
    assert_memory_equal(log->passport.slsa.provenance, hash, sizeof(hash));
    assert_int_equal(log->issue.slsa.level, 2);
    /* By a key of nobody: it shows level 1. */
    struct ledger_ed25519_key stranger = kit_key(51);
    provenance_add(log, &stranger);
    refused(log, "provenance");
    log->application.slsa_level_min = 1;
    log_issue(log);
    assert_int_equal(log->passport.slsa.level, 1);
    close_log(log);
}

/* --- switches --------------------------------------------------------------------------------- */

/* Everything that can be left out, in one log. */
static struct log *full_log(void)
{
    struct log *log = open_log();
    struct lucid_span document;
    const struct issue_appraisal *environment =
        log_appraise(log, &(struct how){.workload = BOUND_AUDITOR});
    log_claims(log, 1, "false", environment, &document);
    interaction_add(log, document);
    struct ledger_ed25519_key stranger = kit_key(51);
    provenance_add(log, &stranger);
    log->application.provenance_uri = lucid_span_str("https://ci.example/p.jsonl");
    log->application.model.present = true;
    log->application.model.name = lucid_span_str("model-7b");
    log->application.model.has_digest = true;
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        log->application.evidence[i] = true;
    }
    return log;
}

/* A disclosure is what the passport's digest is of. */
static void disclosures_check(struct log *log, const char *const *names)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 8192};
    const struct jcs_value *root;
    const struct jcs_value *at = NULL;
    size_t count = 0;
    if (names[0] == NULL) {
        assert_int_equal(log->issue.disclosures.len, 0);
        assert_int_equal(log->passport.omitted_count, 0);
        return;
    }
    assert_int_equal(jcs_parse(log->issue.disclosures, &limits, &log->arena, &root, NULL),
                     LUCID_OK);
    while ((at = jcs_next(root, at)) != NULL) {
        struct lucid_span name = jcs_string(jcs_member(at, "name"));
        struct lucid_span salt = jcs_string(jcs_member(at, "salt"));
        struct lucid_span value = canonical_value(jcs_member(at, "value"), &log->arena);
        uint8_t raw[ISSUE_SALT_BYTES];
        uint8_t hash[LUCID_SHA256_BYTES];
        size_t len = 0;
        struct lucid_buf salted = {.bytes_max = 0};
        assert_true(names[count] != NULL && lucid_span_is(name, names[count]));
        assert_true(lucid_base64_decode(salt, raw, sizeof(raw), &len) && len == sizeof(raw));
        assert_memory_equal(raw, log->salts[count], sizeof(raw));
        lucid_buf_put(&salted, raw, sizeof(raw));
        lucid_buf_span_put(&salted, value);
        lucid_sha256(lucid_buf_span(&salted), hash);
        lucid_buf_fini(&salted);
        bool found = false;
        for (size_t i = 0; i < log->passport.omitted_count; i++) {
            found = found || (lucid_span_equal(log->passport.omitted[i].name, name) &&
                              memcmp(log->passport.omitted[i].digest, hash, sizeof(hash)) == 0);
        }
        assert_true(found);
        count++;
    }
    assert_null(names[count]);
    assert_int_equal(count, log->passport.omitted_count);
}

static void test_switches(void **state)
{
    (void)state;
    static const struct {
        enum passport_evidence off;
        const char *names[3];
        const char *gone[3];
        bool quote;
    } cases[] = {
        {PASSPORT_TEE_ATTESTATION,
         {"tee.attestationQuote", "tee.runtimeData", NULL},
         {"tee.attestationQuote", "tee.runtimeData", NULL},
         false},
        {PASSPORT_AUDITOR_CLAIMS, {"auditors.claims", NULL}, {NULL}, true},
        {PASSPORT_ROUTING_PROOFS, {"routing", NULL}, {"routing", NULL}, true},
        /* the runtime data name the container */
        {PASSPORT_CONTAINER_INFO,
         {"tee.runtimeData", "container", NULL},
         {"tee.runtimeData", "container", NULL},
         false},
        {PASSPORT_SLSA_PROVENANCE,
         {"slsa.provenance", NULL},
         {"slsa.provenanceUri", "slsa.provenanceDigest", NULL},
         true},
        {PASSPORT_MODEL_FINGERPRINT, {"model", NULL}, {"model", NULL}, true},
        {PASSPORT_EVIDENCES, {NULL}, {NULL}, true}, /* none */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = full_log();
        if (cases[i].off < PASSPORT_EVIDENCES) {
            log->application.evidence[cases[i].off] = false;
        }
        log_issue(log);
        disclosures_check(log, cases[i].names);
        for (size_t j = 0; cases[i].gone[j] != NULL; j++) {
            log_says(log, cases[i].gone[j], NULL);
        }
        bool claims = cases[i].off != PASSPORT_AUDITOR_CLAIMS;
        assert_int_equal(log->passport.auditors[0].has_claims, claims);
        assert_int_equal(log->passport.appraisal_count, claims ? 2 : 1);
        assert_int_equal(log->issue.has_quote, cases[i].quote);
        assert_int_equal(log->passport.slsa.level, 1);
        close_log(log);
    }
}

/* The evidence is for everybody only where no environment in it can name what is hidden. */
static void test_hidden_container(void **state)
{
    (void)state;
    struct log *log = open_log();
    log->application.evidence[PASSPORT_CONTAINER_INFO] = false;
    log_appraise(log, &(struct how){.svn = 3});
    log_issue(log);
    assert_true(log->issue.has_quote);
    const struct issue_appraisal *second =
        log_appraise(log, &(struct how){.svn = 4, .workload = BOUND});
    log_issue(log);
    assert_false(log->issue.has_quote);
    assert_non_null(log->passport.tee.runtime_data.data); /* the first names none */
    /* Not asked for, but claims name it. */
    log_claims(log, 1, "false", second, NULL);
    log->appraisal_count--;
    log_issue(log);
    assert_false(log->issue.has_quote);
    log->application.evidence[PASSPORT_AUDITOR_CLAIMS] = false;
    log_issue(log);
    assert_true(log->issue.has_quote); /* those are not in it */
    log->claims_count = 0;
    log->application.evidence[PASSPORT_AUDITOR_CLAIMS] = true;
    log_claims(log, 1, "false", &log->appraisals[0], NULL);
    log_issue(log);
    assert_true(log->issue.has_quote);
    close_log(log);
}

/* All of them off: nothing of it can be found in the text, and all of it can be shown later. */
static void test_all_off(void **state)
{
    (void)state;
    static const char *const names[] = {
        "tee.attestationQuote", "tee.runtimeData", "auditors.claims", "container",
        "slsa.provenance",      "model",           "routing",         NULL};
    static const char *const texts[] = {LOG_CONTAINER, "registry.example", "ci.example/p.jsonl",
                                        "model-7b", "chainHash"};
    struct log *log = full_log();
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        log->application.evidence[i] = false;
    }
    log_issue(log);
    disclosures_check(log, names);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct lucid_span text = log->issue.passport;
        assert_null(memmem(text.data, text.len, texts[i], strlen(texts[i])));
    }
    close_log(log);
}

/* What the configuration holds and a passport may not: none is issued. */
static void test_unreadable(void **state)
{
    (void)state;
    static char name[PASSPORT_NAME_CHARS_MAX + 2];
    memset(name, 'a', sizeof(name) - 1);
    struct log *log = open_log();
    log_appraise(log, &(struct how){.svn = 3});
    log->application.app_name = lucid_span_str(name);
    refused(log, "appName");
    log->application.app_name.len--;
    log_issue(log);
    log->application.endpoints[0] = lucid_span_str("javascript:alert(1)");
    refused(log, "endpoints[0]");
    close_log(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_container_registry),
        cmocka_unit_test(test_second_environment),
        cmocka_unit_test(test_auditors),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_several_claims),
        cmocka_unit_test(test_claims_refused),
        cmocka_unit_test(test_too_many_auditors),
        cmocka_unit_test(test_interactions),
        cmocka_unit_test(test_supply_chain),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_hidden_container),
        cmocka_unit_test(test_all_off),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
