#include "plugins/verifier/schemes/mock.h"

#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/field.h"
#include "plugins/verifier/schemes/scheme_x509.h"

#define EVIDENCE_BYTES_MAX ((size_t)32 * 1024)
#define PAYLOAD_DEPTH_MAX  2
#define DAY_S              86400

/* What AR4SI calls them (draft-ietf-rats-ar4si 2.3.4). */
enum {
    HARDWARE_WARNING = 32, /* the best a mock can have: nothing of it is hardware */
    HARDWARE_REFUSED = 96,
    CONFIGURATION_OK = 3,
    CONFIGURATION_UNSAFE = 32,
    CONFIGURATION_DEBUG = 96,
};

struct claims {
    struct mock_quote quote;
    struct jose_token token;
};

/* --- parse ------------------------------------------------------------------------------------ */

void mock_quote_write(const struct mock_quote *quote, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_bool(out, "debug", quote->debug);
    lucid_json_member_hex(out, "hostData", quote->host_data, sizeof(quote->host_data));
    lucid_json_member_u64(out, "iat", quote->iat_s);
    lucid_json_member_hex(out, "instanceId", quote->instance, sizeof(quote->instance));
    lucid_json_member_hex(out, "measurement", quote->measurement, sizeof(quote->measurement));
    lucid_json_member_hex(out, "reportData", quote->report_data, sizeof(quote->report_data));
    lucid_json_member_u64(out, "svn", quote->svn);
    lucid_json_member_cstr(out, "tee", "MOCK");
    lucid_json_member_u64(out, "version", MOCK_QUOTE_VERSION);
    lucid_buf_char(out, '}');
}

static bool bytes_read(const struct field *payload, const char *name, uint8_t *ret, size_t len)
{
    struct field at = field_member(payload, name);
    struct lucid_span raw = {0};
    if (!field_required(&at) || !field_hex(&at, len, len, &raw)) {
        return false;
    }
    memcpy(ret, raw.data, len);
    return true;
}

static bool number_read(const struct field *payload, const char *name, uint64_t min, uint64_t max,
                        uint64_t *ret)
{
    struct field at = field_member(payload, name);
    return field_required(&at) && field_uint(&at, min, max, ret);
}

static bool payload_read(const struct field *payload, struct mock_quote *quote)
{
    static const char *const names[] = {"tee",         "version",  "svn",        "debug",
                                        "measurement", "hostData", "reportData", "instanceId",
                                        "iat",         NULL};
    static const char *const tees[] = {"MOCK", NULL};
    struct field tee = field_member(payload, "tee");
    struct field debug = field_member(payload, "debug");
    struct field version = field_member(payload, "version");
    uint64_t number = 0;
    size_t index = 0;
    return field_object(payload, names) && field_required(&tee) &&
           field_choice(&tee, tees, &index) &&
           field_uint(&version, MOCK_QUOTE_VERSION, MOCK_QUOTE_VERSION, &number) &&
           number_read(payload, "svn", 0, MOCK_SVN_MAX, &quote->svn) && field_required(&debug) &&
           field_bool(&debug, &quote->debug) &&
           bytes_read(payload, "measurement", quote->measurement, sizeof(quote->measurement)) &&
           bytes_read(payload, "hostData", quote->host_data, sizeof(quote->host_data)) &&
           bytes_read(payload, "reportData", quote->report_data, sizeof(quote->report_data)) &&
           bytes_read(payload, "instanceId", quote->instance, sizeof(quote->instance)) &&
           number_read(payload, "iat", 0, ((uint64_t)1 << 53) - 1, &quote->iat_s);
}

/* Says why a reading failed; memory is no verdict. */
static void parse_failed(struct scheme_job *job, enum lucid_error error, const char *code,
                         const struct lucid_why *why, struct appraisal_result *ret)
{
    job->no_memory = job->no_memory || error == LUCID_RETRY_MEMORY;
    scheme_say(ret, APPRAISAL_FAIL, code, "%s", why->param);
}

/* The token itself: the evidence, or the member of the agent's answer. */
static enum lucid_error quote_take(const struct scheme_job *job, struct lucid_span *ret,
                                   struct lucid_why *why)
{
    static const char *const names[] = {"quote", NULL};
    struct lucid_span bytes = job->evidence->bytes;
    if (bytes.len == 0 || bytes.data[0] != '{') {
        *ret = bytes;
        return LUCID_OK;
    }
    struct field_reading reading = {.code = "INVALID_EVIDENCE", .arena = job->arena, .why = why};
    struct field root;
    enum lucid_error e = field_parse(&reading, bytes, EVIDENCE_BYTES_MAX, PAYLOAD_DEPTH_MAX, &root);
    if (e != LUCID_OK) {
        return e;
    }
    struct field quote = field_member(&root, "quote");
    (void)(field_object(&root, names) && field_required(&quote) &&
           field_text(&quote, 1, EVIDENCE_BYTES_MAX, ret));
    return reading.error;
}

/* What the core compares and looks up. */
static void claims_tell(struct scheme_job *job, struct claims *claims)
{
    const struct mock_quote *quote = &claims->quote;
    job->claims = claims;
    job->bound = lucid_span(quote->report_data, sizeof(quote->report_data));
    job->product = MOCK_PRODUCT;
    job->measurements[0] = (struct scheme_measurement){
        .name = "launch",
        .alg = "sha384",
        .value = lucid_span(quote->measurement, sizeof(quote->measurement)),
        .required = true};
    job->measurements[1] = (struct scheme_measurement){
        .name = "host_data",
        .alg = "raw",
        .value = lucid_span(quote->host_data, sizeof(quote->host_data))};
    job->measurement_count = 2;
    job->instance = lucid_span(quote->instance, sizeof(quote->instance));
    job->svn = quote->svn;
    job->debug = quote->debug;
}

static void mock_parse(struct scheme_job *job, struct appraisal_result *ret)
{
    struct lucid_why why = {.code = NULL};
    struct lucid_span text = {0};
    struct claims *claims = lucid_arena_zalloc(job->arena, sizeof(*claims));
    if (claims == NULL) {
        parse_failed(job, LUCID_RETRY_MEMORY, "parse.token", &why, ret);
        return;
    }
    enum lucid_error e = quote_take(job, &text, &why);
    if (e == LUCID_OK) {
        e = jose_read(text, JOSE_ES256, job->arena, &claims->token, &why);
    }
    if (e != LUCID_OK) {
        parse_failed(job, e, "parse.token", &why, ret);
        return;
    }
    if (!lucid_span_is(claims->token.typ, MOCK_QUOTE_TYP)) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.typ", NULL);
        return;
    }
    if (claims->token.x5c_count == 0) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.no_certificate", NULL);
        return;
    }
    struct field_reading reading = {.code = "INVALID_EVIDENCE", .arena = job->arena, .why = &why};
    struct field payload;
    e = field_parse(&reading, claims->token.jws.payload, EVIDENCE_BYTES_MAX, PAYLOAD_DEPTH_MAX,
                    &payload);
    if (e != LUCID_OK || !payload_read(&payload, &claims->quote)) {
        parse_failed(job, e != LUCID_OK ? e : reading.error, "parse.claims", &why, ret);
        return;
    }
    claims_tell(job, claims);
    scheme_say(ret, APPRAISAL_PASS, "parse.ok", NULL);
}

static size_t mock_needs(const struct scheme_job *job,
                         char ret[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1])
{
    (void)job;
    memcpy(ret[0], MOCK_ROOT_KEY, sizeof(MOCK_ROOT_KEY));
    memcpy(ret[1], MOCK_CRL_KEY, sizeof(MOCK_CRL_KEY));
    return 2;
}

/* --- certificates ----------------------------------------------------------------------------- */

/* The chain of one token, OpenSSL's objects: made and freed within a step. */
struct path {
    struct x509_certs leaf;
    struct x509_certs between;
    struct x509_certs anchors;
    const struct x509_cert *anchor; /* where it ends */
};

static void path_close(struct path *path)
{
    x509_certs_fini(&path->leaf);
    x509_certs_fini(&path->between);
    x509_certs_fini(&path->anchors);
}

/* Which certificate could not be read: "x5c" or "mock/root". */
static enum x509_status path_read(const struct scheme_job *job, struct path *path,
                                  const char **ret_what)
{
    const struct claims *claims = job->claims;
    const struct appraisal_collateral *root = scheme_collateral(job, MOCK_ROOT_KEY);
    enum x509_status status = X509_IS_OK;
    *ret_what = "x5c";
    for (size_t i = 0; i < claims->token.x5c_count && status == X509_IS_OK; i++) {
        status = x509_certs_read(claims->token.x5c[i], i == 0 ? &path->leaf : &path->between);
    }
    if (status == X509_IS_OK && root != NULL) {
        *ret_what = MOCK_ROOT_KEY;
        status = x509_certs_read(root->bytes, &path->anchors);
    }
    return status;
}

/* Reads and verifies. False: *ret says why. The caller closes the path either way. */
static bool path_open(struct scheme_job *job, struct path *path, struct appraisal_result *ret)
{
    static const struct x509_rules rules = {.algorithms = MOCK_CERTIFICATE_ALGORITHMS,
                                            .leaf_keys = X509_P256};
    const char *what = "";
    size_t anchor = 0;
    enum x509_status status = path_read(job, path, &what);
    if (status == X509_IS_OK && path->anchors.count == 0) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.no_anchor", MOCK_ROOT_KEY);
        return false;
    }
    if (status == X509_IS_OK) {
        what = "x5c";
        status = x509_chain_verify(path->leaf.items[0], &path->between, &path->anchors,
                                   job->input->time_s, &rules, &anchor);
    }
    if (status != X509_IS_OK) {
        job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
        scheme_say(ret, APPRAISAL_FAIL, scheme_chain_code(status), "%s", what);
        return false;
    }
    path->anchor = path->anchors.items[anchor];
    return true;
}

static void mock_chain(struct scheme_job *job, struct appraisal_result *ret)
{
    struct path path = {.anchor = NULL};
    if (path_open(job, &path, ret)) {
        char name[X509_NAME_BYTES_MAX + 1] = "";
        bool named = x509_cert_subject(path.anchor, name);
        scheme_say(ret, APPRAISAL_PASS, "chain.ok", named ? "%s" : NULL, name);
    }
    path_close(&path);
}

static void mock_signature(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct claims *claims = job->claims;
    struct x509_certs leaf = {.count = 0};
    enum x509_status status = x509_certs_read(claims->token.x5c[0], &leaf);
    if (status == X509_IS_OK) {
        status =
            x509_cert_ecdsa_verify(leaf.items[0], X509_P256, X509_SHA256, claims->token.jws.input,
                                   claims->token.jws.signature, false);
    }
    x509_certs_fini(&leaf);
    job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
    if (status == X509_IS_OK) {
        scheme_say(ret, APPRAISAL_PASS, "signature.ok", NULL);
    } else {
        scheme_say(ret, APPRAISAL_FAIL, "signature.bad", NULL);
    }
}

/* --- revocation ------------------------------------------------------------------------------- */

static const char *revoked_code(const struct x509_crl *crl, const struct path *path)
{
    if (x509_crl_revokes(crl, path->leaf.items[0])) {
        return "revocation.leaf_revoked";
    }
    for (size_t i = 0; i < path->between.count; i++) {
        if (x509_crl_revokes(crl, path->between.items[i])) {
            return "revocation.issuer_revoked";
        }
    }
    return NULL;
}

/* A list at hand decides; one that is not the root's, or out of date, decides nothing good. */
static void crl_judge(struct scheme_job *job, const struct path *path, struct lucid_span bytes,
                      struct appraisal_result *ret)
{
    struct x509_crl *crl = NULL;
    enum x509_status status = x509_crl_read(bytes, &crl);
    if (status == X509_IS_OK) {
        status =
            x509_crl_verify(crl, path->anchor, job->input->time_s, MOCK_CERTIFICATE_ALGORITHMS);
    }
    job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
    const char *code = status == X509_IS_OK ? revoked_code(crl, path) : scheme_crl_code(status);
    if (code != NULL) {
        job->hardware = HARDWARE_REFUSED;
        scheme_say(ret, APPRAISAL_FAIL, code, "%s", x509_status_name(status));
    } else {
        scheme_say(ret, APPRAISAL_PASS, "revocation.ok", "until %llu",
                   (unsigned long long)x509_crl_next_update(crl));
    }
    x509_crl_free(crl);
}

static void mock_revocation(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct appraisal_collateral *list = scheme_collateral(job, MOCK_CRL_KEY);
    if (list == NULL) {
        bool required = job->input->policy->require_crl;
        job->hardware = required ? HARDWARE_REFUSED : job->hardware;
        scheme_say(ret, required ? APPRAISAL_FAIL : APPRAISAL_SKIPPED, "revocation.no_crl", "%s",
                   MOCK_PRODUCT);
        return;
    }
    struct path path = {.anchor = NULL};
    if (path_open(job, &path, ret)) {
        crl_judge(job, &path, list->bytes, ret);
    }
    path_close(&path);
}

/* --- judgement -------------------------------------------------------------------------------- */

static void mock_tcb(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct policy *policy = job->input->policy;
    uint64_t time_s = job->input->time_s;
    const struct policy_floor *floor =
        policy_floor_find(policy, lucid_span_str("mock"), lucid_span_str(MOCK_PRODUCT), time_s);
    bool in_force = floor != NULL;
    uint64_t least = in_force ? policy_floor_least(floor, "svn") : 0;
    job->hardware = job->hardware != 0 ? job->hardware : HARDWARE_WARNING;
    if (job->svn >= least) {
        scheme_say(ret, APPRAISAL_PASS, in_force ? "tcb.up_to_date" : "tcb.no_floor", "%s",
                   MOCK_PRODUCT);
        return;
    }
    /* A floor that was always there has no grace: there is nothing that it could begin with. */
    bool in_grace = floor->from_s > 0 && (time_s - floor->from_s) / DAY_S < policy->grace_days;
    bool accepted = policy_accepts_status(policy, "OutOfDate");
    if (!in_grace && !accepted) {
        job->hardware = HARDWARE_REFUSED;
    }
    scheme_say(ret, accepted ? APPRAISAL_PASS : APPRAISAL_FAIL,
               accepted   ? "tcb.out_of_date_accepted"
               : in_grace ? "tcb.below_floor_grace"
                          : "tcb.below_floor",
               "svn %llu < %llu", (unsigned long long)job->svn, (unsigned long long)least);
}

static void mock_configuration(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct claims *claims = job->claims;
    job->runtime_opaque = 0; /* nothing keeps its memory from anybody: no claim */
    if (job->debug && !job->input->policy->config.debug_allowed) {
        job->configuration = CONFIGURATION_DEBUG;
        scheme_say(ret, APPRAISAL_FAIL, "configuration.debug", NULL);
        return;
    }
    /* Freshness is the nonce's alone, so a clock that is slow, as in a recorded quote, is nothing.
     * A clock that is ahead is a wrong setting of the machine, and said as such. */
    if (claims->quote.iat_s > job->input->time_s &&
        claims->quote.iat_s - job->input->time_s > MOCK_CLOCK_AHEAD_S_MAX) {
        job->configuration = CONFIGURATION_UNSAFE;
        scheme_say(ret, APPRAISAL_FAIL, "configuration.clock_ahead", "iat %llu s ahead",
                   (unsigned long long)(claims->quote.iat_s - job->input->time_s));
        return;
    }
    job->configuration = job->debug ? CONFIGURATION_UNSAFE : CONFIGURATION_OK;
    scheme_say(ret, APPRAISAL_PASS, job->debug ? "configuration.debug_allowed" : "configuration.ok",
               NULL);
}

static void mock_claims_write(const struct scheme_job *job, struct lucid_buf *out)
{
    const struct claims *claims = job->claims;
    mock_quote_write(&claims->quote, out);
}

const struct scheme scheme_mock = {
    .type = "mock",
    .media_type = "application/lucid-mock-quote+jwt",
    .tee = "MOCK",
    .is_mock = true,
    .evidence_bytes_max = EVIDENCE_BYTES_MAX,
    .bound_bytes = MOCK_REPORT_DATA_BYTES,
    .binding = SCHEME_BINDS_SHA384,
    .parse = mock_parse,
    .needs = mock_needs,
    .chain = mock_chain,
    .signature = mock_signature,
    .revocation = mock_revocation,
    .tcb = mock_tcb,
    .configuration = mock_configuration,
    .claims_write = mock_claims_write,
};
