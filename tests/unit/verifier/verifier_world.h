/* A kind of evidence whose answers a test sets, and an input around it that passes everything.
 *
 * A test that includes this defines scheme_find for itself, so the schemes of the build do not take
 * part. */
#ifndef LUCID_TESTS_UNIT_VERIFIER_VERIFIER_WORLD_H
#define LUCID_TESTS_UNIT_VERIFIER_VERIFIER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "plugins/verifier/bundle.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/scheme.h"

#define WORLD_NOW_S 1795363200ULL /* 2026-11-22T16:00:00Z */

/* What the test scheme answers. Its evidence: `bound 64 ‖ anything`. */
struct world_answers {
    struct appraisal_result steps[APPRAISAL_STEPS]; /* code NULL: PASS with "<step>.ok" */
    int8_t hardware;
    int8_t configuration;
    int8_t runtime_opaque;
    uint64_t svn;
    const char *product;
    struct lucid_span instance;
    struct scheme_measurement measurements[4];
    size_t measurement_count;
    bool no_bound_data;
    bool no_memory;
    unsigned calls[APPRAISAL_STEPS];
};
static struct world_answers answers;

static void world_answer(struct scheme_job *job, enum appraisal_step step, const char *code,
                         struct appraisal_result *ret)
{
    answers.calls[step]++;
    job->no_memory = answers.no_memory;
    if (answers.steps[step].code != NULL) {
        *ret = answers.steps[step];
    } else {
        scheme_say(ret, APPRAISAL_PASS, code, NULL);
    }
}

static void world_parse(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_PARSE, "parse.ok", ret);
    if (job->evidence->bytes.len < 64) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.length", "%zu bytes", job->evidence->bytes.len);
        return;
    }
    job->bound = lucid_span(job->evidence->bytes.data, answers.no_bound_data ? 0 : 64);
    job->product = answers.product;
    job->instance = answers.instance;
    job->svn = answers.svn;
    memcpy(job->measurements, answers.measurements, sizeof(answers.measurements));
    job->measurement_count = answers.measurement_count;
}

static size_t world_needs(const struct scheme_job *job,
                          char ret[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1])
{
    (void)job;
    (void)snprintf(ret[0], SCHEME_KEY_BYTES_MAX + 1, "test/crl/P1");
    (void)snprintf(ret[1], SCHEME_KEY_BYTES_MAX + 1, "test/vcek/P1");
    return 2;
}

static void world_chain(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_CHAIN, "chain.ok", ret);
}

static void world_signature(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_SIGNATURE, "signature.ok", ret);
}

static void world_revocation(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_REVOCATION, "revocation.ok", ret);
}

static void world_tcb(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_TCB, "tcb.ok", ret);
    job->hardware = answers.hardware;
}

static void world_configuration(struct scheme_job *job, struct appraisal_result *ret)
{
    world_answer(job, APPRAISAL_CONFIGURATION, "configuration.ok", ret);
    job->configuration = answers.configuration;
    job->runtime_opaque = answers.runtime_opaque;
}

static void world_claims_write(const struct scheme_job *job, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "svn", job->svn);
    lucid_json_member_hex(out, "bound", job->bound.data, job->bound.len);
    lucid_buf_char(out, '}');
}

#define WORLD_SCHEME(name, mock)                                                                   \
    {                                                                                              \
        .type = (name), .media_type = "application/x-test", .tee = "TEST", .is_mock = (mock),      \
        .evidence_bytes_max = 4096, .bound_bytes = 64, .binding = SCHEME_BINDS_SHA384,             \
        .parse = world_parse, .needs = world_needs, .chain = world_chain,                          \
        .signature = world_signature, .revocation = world_revocation, .tcb = world_tcb,            \
        .configuration = world_configuration, .claims_write = world_claims_write                   \
    }
static const struct scheme scheme_test = WORLD_SCHEME("snp", false);
static const struct scheme scheme_test_mock = WORLD_SCHEME("mock", true);
/* One that has no revocation, TCB or configuration. */
static const struct scheme scheme_test_bare = {
    .type = "testbare",
    .media_type = "application/x-test",
    .tee = "TEST",
    .evidence_bytes_max = 4096,
    .bound_bytes = 32,
    .binding = SCHEME_BINDS_SHA256,
    .parse = world_parse,
    .chain = world_chain,
    .signature = world_signature,
    .claims_write = world_claims_write,
};
const struct scheme *const schemes[] = {&scheme_test, &scheme_test_mock, &scheme_test_bare, NULL};

const struct scheme *scheme_find(struct lucid_span type)
{
    for (size_t i = 0; schemes[i] != NULL; i++) {
        if (lucid_span_is(type, schemes[i]->type)) {
            return schemes[i];
        }
    }
    return NULL;
}

/* --- the input -------------------------------------------------------------------------------- */

struct world {
    struct lucid_arena arena;
    struct appraisal_input input;
    struct policy policy;
    struct reference_set set;
    struct reference_value values[4];
    struct lucid_span allow[4];
    struct lucid_span deny[4];
    struct lucid_span enrolled[4];
    struct lucid_span revoked[4];
    struct appraisal_collateral collateral[2];
    uint8_t evidence[APPRAISAL_EVIDENCES_MAX][96];
    struct appraisal appraisal;
    struct lucid_why why;
};

static const char world_runtime_text[] =
    "{\"nonce\":\"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo\",\"audience\":\"https://"
    "rp.example\","
    "\"publicKey\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},\"workload\":{\"container\":{"
    "\"digest\":"
    "\"sha256:0000000000000000000000000000000000000000000000000000000000000001\"}}}";
static uint8_t world_launch[48] = {0x11, 0x22, 0x33};
static uint8_t world_host_data[32] = {0x44};
static uint8_t world_instance[64] = {0x55};

/* Makes evidence i bind the runtime data. */
static void world_bind(struct world *world, size_t i)
{
    memset(world->evidence[i], 0, sizeof(world->evidence[i]));
    SHA384(world->input.runtime_data.data, world->input.runtime_data.len, world->evidence[i]);
    world->evidence[i][95] = (uint8_t)i;
}

static __attribute__((unused)) void world_evidence_add(struct world *world, const char *type,
                                                       const char *name)
{
    size_t i = world->input.evidence_count++;
    world_bind(world, i);
    world->input.evidences[i] = (struct appraisal_evidence){
        .type = lucid_span_str(type), .bytes = lucid_span(world->evidence[i], 96)};
    (void)snprintf(world->input.evidences[i].name, sizeof(world->input.evidences[i].name), "%s",
                   name);
}

static void world_answers_reset(void)
{
    memset(&answers, 0, sizeof(answers));
    answers.hardware = 2;
    answers.configuration = 2;
    answers.runtime_opaque = 2;
    answers.product = "P1";
    answers.instance = lucid_span(world_instance, sizeof(world_instance));
    answers.measurements[0] = (struct scheme_measurement){
        "launch", "sha384", lucid_span(world_launch, sizeof(world_launch)), true};
    answers.measurements[1] = (struct scheme_measurement){
        "host_data", "raw", lucid_span(world_host_data, sizeof(world_host_data)), false};
    answers.measurement_count = 2;
}

static void world_policy_set(struct world *world)
{
    memset(world->policy.id, 0xab, sizeof(world->policy.id));
    world->policy.allow.items = world->allow;
    world->policy.deny.items = world->deny;
    world->policy.enrolled.items = world->enrolled;
    world->policy.revoked_instances.items = world->revoked;
    world->policy.reference_count = 1;
    memset(world->policy.references[0], 0xcd, LUCID_SHA256_BYTES);
    memset(world->set.id, 0xcd, LUCID_SHA256_BYTES);
    (void)snprintf(world->set.name, sizeof(world->set.name), "images");
    world->set.type = lucid_span_str("snp");
    world->set.values = world->values;
    world->set.value_count = 1;
    world->values[0] =
        (struct reference_value){lucid_span_str("launch"), lucid_span_str("sha384"),
                                 lucid_span(world_launch, sizeof(world_launch)), 0, false};
}

static inline void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    lucid_arena_init(&world->arena, (size_t)8 << 20);
    world_answers_reset();
    world_policy_set(world);
    world->input = (struct appraisal_input){
        .time_s = WORLD_NOW_S,
        .challenge = {.session_id = lucid_span_str("session-1"),
                      .audience = lucid_span_str("https://rp.example"),
                      .issued_s = WORLD_NOW_S - 60,
                      .expires_s = WORLD_NOW_S + 240},
        .runtime_data = lucid_span_str(world_runtime_text),
        .policy = &world->policy,
        .references = &world->set,
        .reference_count = 1,
        .collateral = world->collateral,
        .developer = lucid_span_str("https://lucid.example"),
        .build = lucid_span_str("test 1"),
        .issuer = lucid_span_str("log.example/test"),
        .lifetime_s = 3600,
    };
    memset(world->input.challenge.nonce, 0x5a, APPRAISAL_NONCE_BYTES);
    world_evidence_add(world, "snp", "");
}

static inline void world_fini(struct world *world)
{
    lucid_arena_fini(&world->arena);
}

static inline void world_run(struct world *world)
{
    assert_int_equal(appraisal_run(&world->input, &world->arena, &world->appraisal, &world->why),
                     LUCID_OK);
}

/* The outcome and code of a step of submod i. */
static __attribute__((unused)) void world_step(const struct world *world, size_t i,
                                               enum appraisal_step step,
                                               enum appraisal_outcome outcome, const char *code)
{
    assert_string_equal(world->appraisal.submods[i].steps[step].code, code);
    assert_int_equal(world->appraisal.submods[i].steps[step].outcome, outcome);
}

#endif
