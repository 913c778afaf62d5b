/* A mock quote on its way through the scheme's steps, without the core. */
#ifndef LUCID_TESTS_VERIFIER_MOCK_WORLD_H
#define LUCID_TESTS_VERIFIER_MOCK_WORLD_H

#include "files.h"

#include <string.h>
#include <unistd.h>

#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/mock.h"
#include "tools/mock_agent/mock_agent.h"

#define VECTORS_TIME_S UINT64_C(1800000000) /* 2027-01-15 */
#define AGENT_TIME_S   UINT64_C(1800000000)

struct world {
    struct policy policy;
    struct appraisal_input input;
    struct appraisal_evidence evidence;
    struct appraisal_collateral collateral[2];
    struct lucid_arena arena;
    struct scheme_job job;
    struct appraisal_result steps[APPRAISAL_STEPS];
};

static inline void world_init(struct world *world, struct lucid_span root)
{
    memset(world, 0, sizeof(*world));
    world->collateral[0] = (struct appraisal_collateral){
        .key = lucid_span_str("mock/root"), .bytes = root, .imported_s = VECTORS_TIME_S};
    world->input = (struct appraisal_input){.time_s = VECTORS_TIME_S,
                                            .collateral = world->collateral,
                                            .collateral_count = root.len == 0 ? 0 : 1,
                                            .policy = &world->policy,
                                            .allow_mock = true};
    lucid_arena_init(&world->arena, (size_t)1 << 20);
}

static inline void world_fini(struct world *world)
{
    lucid_arena_fini(&world->arena);
}

static inline void crl_add(struct world *world, struct lucid_span crl)
{
    world->collateral[1] = (struct appraisal_collateral){
        .key = lucid_span_str("mock/crl"), .bytes = crl, .imported_s = VECTORS_TIME_S};
    world->input.collateral_count = 2;
}

/* Runs the scheme's own steps as the core does: a failure of one of the first three ends it.
 * Returns the first that failed, or APPRAISAL_STEPS. */
static inline enum appraisal_step world_run(struct world *world, struct lucid_span quote)
{
    void (*const run[APPRAISAL_STEPS])(struct scheme_job *, struct appraisal_result *) = {
        [APPRAISAL_PARSE] = scheme_mock.parse,
        [APPRAISAL_CHAIN] = scheme_mock.chain,
        [APPRAISAL_SIGNATURE] = scheme_mock.signature,
        [APPRAISAL_REVOCATION] = scheme_mock.revocation,
        [APPRAISAL_TCB] = scheme_mock.tcb,
        [APPRAISAL_CONFIGURATION] = scheme_mock.configuration,
    };
    lucid_arena_reset(&world->arena);
    memset(world->steps, 0, sizeof(world->steps));
    world->evidence = (struct appraisal_evidence){.type = lucid_span_str("mock"), .bytes = quote};
    world->job = (struct scheme_job){
        .input = &world->input, .evidence = &world->evidence, .arena = &world->arena};
    enum appraisal_step failed = APPRAISAL_STEPS;
    for (enum appraisal_step step = APPRAISAL_PARSE; step < APPRAISAL_STEPS; step++) {
        struct appraisal_result *result = &world->steps[step];
        if (run[step] == NULL) {
            continue;
        }
        run[step](&world->job, result);
        assert_non_null(result->code);
        assert_false(world->job.no_memory);
        if (result->outcome == APPRAISAL_FAIL && failed == APPRAISAL_STEPS) {
            failed = step;
        }
        if (result->outcome == APPRAISAL_FAIL && step < APPRAISAL_FRESHNESS) {
            break;
        }
    }
    return failed;
}

static inline const char *code_of(const struct world *world, enum appraisal_step step)
{
    return world->steps[step].code;
}

/* An agent with keys of its own; the folder is removed with it. */
struct agent_folder {
    char dir[64];
    struct mock_agent *agent;
};

static inline void agent_make(struct agent_folder *folder)
{
    struct lucid_why why = {.code = NULL};
    snprintf(folder->dir, sizeof(folder->dir), "/tmp/lucid_mock_XXXXXX");
    assert_non_null(mkdtemp(folder->dir));
    if (mock_agent_open(folder->dir, AGENT_TIME_S, &folder->agent, &why) != LUCID_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void agent_remove(struct agent_folder *folder)
{
    static const char *const names[] = {"root.key", "root.pem", "ak.key", "ak.pem"};
    mock_agent_close(folder->agent);
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder->dir);
}

static inline struct mock_quote quote_of(uint64_t svn, bool debug)
{
    struct mock_quote quote = {.svn = svn, .debug = debug, .iat_s = AGENT_TIME_S};
    memset(quote.measurement, 0x11, sizeof(quote.measurement));
    memset(quote.host_data, 0x22, sizeof(quote.host_data));
    memset(quote.report_data, 0x33, sizeof(quote.report_data));
    memset(quote.instance, 0x44, sizeof(quote.instance));
    return quote;
}

static inline struct lucid_buf agent_quote(const struct agent_folder *folder,
                                           const struct mock_quote *quote)
{
    struct lucid_buf out = {0};
    assert_int_equal(mock_agent_quote(folder->agent, quote, &out), LUCID_OK);
    return out;
}

#endif
