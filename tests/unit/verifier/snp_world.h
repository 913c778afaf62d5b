/* Evidence of SEV-SNP from files of tests/vectors/attestation, and the steps of its scheme. */
#ifndef LUCID_TESTS_UNIT_VERIFIER_SNP_WORLD_H
#define LUCID_TESTS_UNIT_VERIFIER_SNP_WORLD_H

#include "files.h"

#include <string.h>

#include <openssl/err.h>

#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/snp_report.h"

#define TIME_S UINT64_C(1740000000) /* 2025-02-19: every certificate of the vectors is valid */

struct snp_world {
    struct lucid_arena arena;
    struct lucid_buf report;
    struct lucid_buf leaf;
    struct lucid_buf items[2];
    struct appraisal_collateral collateral[2];
    struct appraisal_evidence evidence;
    struct appraisal_input input;
    struct policy policy;
    struct scheme_job job;
    struct appraisal_result steps[APPRAISAL_STEPS];
};

/* leaf "": none. */
static inline void snp_world_init(struct snp_world *world, const char *report, const char *leaf)
{
    memset(world, 0, sizeof(*world));
    lucid_arena_init(&world->arena, (size_t)4 << 20);
    world->report = file_read(report);
    world->evidence.type = lucid_span_str("snp");
    world->evidence.bytes = lucid_buf_span(&world->report);
    if (leaf[0] != '\0') {
        world->leaf = file_read(leaf);
        world->evidence.endorsements[0] = lucid_buf_span(&world->leaf);
        world->evidence.endorsement_count = 1;
    }
    world->policy.config.smt_allowed = true;
    world->policy.config.allow_masked_chip = true;
    world->input = (struct appraisal_input){
        .time_s = TIME_S, .policy = &world->policy, .collateral = world->collateral};
}

/* key must outlive the world. */
static inline void snp_world_collateral(struct snp_world *world, const char *key, const char *file)
{
    size_t i = world->input.collateral_count++;
    assert_true(i < 2);
    world->items[i] = file_read(file);
    world->collateral[i] = (struct appraisal_collateral){.key = lucid_span_str(key),
                                                         .bytes = lucid_buf_span(&world->items[i]),
                                                         .imported_s = TIME_S};
}

/* A test store with the synthetic root of a product: "Milan". */
static inline void snp_world_test_root(struct snp_world *world, const char *key, const char *file)
{
    world->input.test = true;
    snp_world_collateral(world, key, file);
}

static inline void snp_world_fini(struct snp_world *world)
{
    lucid_buf_fini(&world->report);
    lucid_buf_fini(&world->leaf);
    lucid_buf_fini(&world->items[0]);
    lucid_buf_fini(&world->items[1]);
    lucid_arena_fini(&world->arena);
}

/* Parse, chain, signature: until one fails. The step that failed, or APPRAISAL_FRESHNESS. */
static inline enum appraisal_step snp_world_gate(struct snp_world *world)
{
    world->job = (struct scheme_job){.input = &world->input,
                                     .evidence = &world->evidence,
                                     .arena = &world->arena,
                                     .product = ""};
    memset(world->steps, 0, sizeof(world->steps));
    void (*const run[])(struct scheme_job * job, struct appraisal_result * ret) = {
        scheme_snp.parse, scheme_snp.chain, scheme_snp.signature};
    for (size_t i = 0; i < 3; i++) {
        run[i](&world->job, &world->steps[i]);
        assert_non_null(world->steps[i].code);
        assert_int_equal(ERR_peek_error(), 0);
        if (world->steps[i].outcome != APPRAISAL_PASS) {
            assert_int_equal(world->steps[i].outcome, APPRAISAL_FAIL);
            return (enum appraisal_step)i;
        }
    }
    return APPRAISAL_FRESHNESS;
}

/* The rest, which does not stop. */
static inline void snp_world_rest(struct snp_world *world)
{
    scheme_snp.revocation(&world->job, &world->steps[APPRAISAL_REVOCATION]);
    scheme_snp.tcb(&world->job, &world->steps[APPRAISAL_TCB]);
    scheme_snp.configuration(&world->job, &world->steps[APPRAISAL_CONFIGURATION]);
}

/* Runs the gate and checks where it ends and with which code. */
static inline void snp_world_ends(struct snp_world *world, enum appraisal_step step,
                                  const char *code)
{
    assert_int_equal(snp_world_gate(world), step);
    unsigned last = step == APPRAISAL_FRESHNESS ? APPRAISAL_CHAIN : step;
    assert_string_equal(world->steps[last].code, code);
}

#endif
