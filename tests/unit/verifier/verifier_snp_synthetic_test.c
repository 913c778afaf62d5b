/* AMD SEV-SNP: what no public sample shows, on synthetic evidence under a root for tests
 * (tests/vectors/attestation/synthetic). */
#include "snp_world.h"

#include "base/jcs/jcs.h"

#define CRL_START_S UINT64_C(1735689600) /* 2025-01-01 */
#define CRL_END_S   UINT64_C(1767225600) /* 2026-01-01 */

struct product_files {
    const char *name;
    const char *root_key;
    const char *root;
    const char *vcek;
    const char *vlek;
};
static const struct product_files milan = {"Milan", "snp/test-root/Milan",
                                           "synthetic/root-milan.pem", "synthetic/milan.vcek.der",
                                           "synthetic/milan.vlek.der"};
static const struct product_files genoa = {"Genoa", "snp/test-root/Genoa",
                                           "synthetic/root-genoa.pem", "synthetic/genoa.vcek.der",
                                           "synthetic/genoa.vlek.der"};
static const struct product_files turin = {"Turin", "snp/test-root/Turin",
                                           "synthetic/root-turin.pem", "synthetic/turin.vcek.der",
                                           "synthetic/turin.vlek.der"};

static const struct {
    const char *report;
    const struct product_files *product;
    bool vlek;
} reports[] = {
    {"synthetic/milan-v2-vcek.report.bin", &milan, false},
    {"synthetic/milan-v3-vcek.report.bin", &milan, false},
    {"synthetic/milan-v3-vlek.report.bin", &milan, true},
    {"synthetic/milan-v5-vcek.report.bin", &milan, false},
    {"synthetic/genoa-v3-vcek.report.bin", &genoa, false},
    {"synthetic/genoa-v4-vcek.report.bin", &genoa, false},
    {"synthetic/genoa-v5-vlek.report.bin", &genoa, true},
    {"synthetic/turin-v3-vcek.report.bin", &turin, false},
    {"synthetic/turin-v4-vlek.report.bin", &turin, true},
    {"synthetic/turin-v5-vcek.report.bin", &turin, false},
};
#define REPORTS (sizeof(reports) / sizeof(reports[0]))

static void world_of(size_t i, struct snp_world *world)
{
    const struct product_files *product = reports[i].product;
    snp_world_init(world, reports[i].report, reports[i].vlek ? product->vlek : product->vcek);
    snp_world_test_root(world, product->root_key, product->root);
}

static void test_good(void **state)
{
    (void)state;
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 256};
    for (size_t i = 0; i < REPORTS; i++) {
        struct snp_world world;
        world_of(i, &world);
        snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.test_root");
        assert_string_equal(world.job.product, reports[i].product->name);
        struct lucid_buf out;
        lucid_buf_init(&out, 0);
        scheme_snp.claims_write(&world.job, &out);
        const struct jcs_value *root = NULL;
        assert_int_equal(jcs_parse(lucid_buf_span(&out), &limits, &world.arena, &root, NULL),
                         LUCID_OK);
        assert_true(lucid_span_is(jcs_string(jcs_member(root, "root")), "test"));
        assert_int_equal(jcs_type(jcs_member(root, "test")), JCS_TRUE);
        bool is_turin = reports[i].product == &turin;
        assert_int_equal(jcs_member(jcs_member(root, "launchTcb"), "fmc") != NULL, is_turin);
        bool is_v5 = world.report.data[0] == 5;
        assert_int_equal(jcs_member(root, "currentMitigations") != NULL, is_v5);
        if (is_v5) {
            assert_true(lucid_span_is(jcs_string(jcs_member(root, "currentMitigations")), "0x7"));
        }
        lucid_buf_fini(&out);
        /* On a store that is none for tests that root is nobody. */
        world.input.test = false;
        snp_world_ends(&world, APPRAISAL_CHAIN, "chain.no_issuer");
        snp_world_fini(&world);
    }
}

/* A test root adds itself; it takes nothing from AMD's, and what AMD signed stays AMD's. */
static void test_real_beside_test_root(void **state)
{
    (void)state;
    struct snp_world world;
    snp_world_init(&world, "snp/gosev-milan.report.bin", "snp/gosev-milan.vcek.der");
    snp_world_test_root(&world, milan.root_key, milan.root);
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    snp_world_fini(&world);
    /* Certificates of the message are no anchors: all of the synthetic ones do not help. */
    snp_world_init(&world, reports[1].report, milan.vcek);
    struct lucid_buf root = file_read(milan.root);
    world.evidence.endorsements[1] = lucid_buf_span(&root);
    world.evidence.endorsement_count = 2;
    world.input.test = true;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.no_issuer");
    /* … and a root of another product does not either. */
    snp_world_collateral(&world, genoa.root_key, genoa.root);
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.no_issuer");
    lucid_buf_fini(&root);
    snp_world_fini(&world);
}

static void test_swapped(void **state)
{
    (void)state;
    const struct product_files *const products[] = {&milan, &genoa, &turin};
    for (size_t i = 0; i < REPORTS; i++) {
        for (size_t k = 0; k < 6; k++) {
            const struct product_files *other = products[k / 2];
            bool vlek = k % 2 == 1;
            struct snp_world world;
            snp_world_init(&world, reports[i].report, vlek ? other->vlek : other->vcek);
            snp_world_test_root(&world, other->root_key, other->root);
            bool fits = other == reports[i].product && vlek == reports[i].vlek;
            assert_int_equal(snp_world_gate(&world) == APPRAISAL_FRESHNESS, fits);
            snp_world_fini(&world);
        }
    }
}

/* A certificate or a root with one fault each, for milan-v3-vcek. */
static const struct {
    const char *leaf;
    const char *root;
    const char *code;
} faults[] = {
    {"synthetic/leaf-octets.der", "synthetic/root-milan.pem", "chain.test_root"},
    {"synthetic/leaf-short-life.der", "synthetic/root-milan.pem", "chain.expired"},
    {"synthetic/leaf-other-product.der", "synthetic/root-milan.pem", "chain.product_mismatch"},
    {"synthetic/leaf-unknown-product.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-no-product.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-no-microcode.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-no-hwid.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-short-hwid.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-negative-microcode.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-twice.der", "synthetic/root-milan.pem", "chain.bad_extension"},
    {"synthetic/leaf-fmc.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-reserved-part.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-with-csp.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-critical.der", "synthetic/root-milan.pem", "chain.bad_extension"},
    {"synthetic/leaf-is-ca.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-no-signing.der", "synthetic/root-milan.pem", "chain.bad_leaf"},
    {"synthetic/leaf-p256.der", "synthetic/root-milan.pem", "chain.bad_key"},
    {"synthetic/leaf-off-curve.der", "synthetic/root-milan.pem", "chain.bad_key"},
    {"synthetic/leaf-infinity.der", "synthetic/root-milan.pem", "chain.bad_key"},
    {"synthetic/leaf-sha256.der", "synthetic/root-milan.pem", "chain.bad_algorithm"},
    {"synthetic/leaf-mask-sha256.der", "synthetic/root-milan.pem", "chain.bad_algorithm"},
    {"synthetic/leaf-salt-32.der", "synthetic/root-milan.pem", "chain.bad_algorithm"},
    {"synthetic/leaf-two-algorithms.der", "synthetic/root-milan.pem", "chain.malformed"},
    {"synthetic/leaf-by-ark.der", "synthetic/root-milan.pem", "chain.no_issuer"},
    {"synthetic/leaf-by-asvk.der", "synthetic/root-milan.pem", "chain.no_issuer"},
    {"synthetic/milan.vcek.der", "synthetic/root-not-ca.pem", "chain.bad_ca"},
    {"synthetic/milan.vcek.der", "synthetic/root-no-usage.pem", "chain.bad_ca"},
    {"synthetic/milan.vcek.der", "synthetic/root-path-length.pem", "chain.bad_ca"},
    {"synthetic/milan.vcek.der", "synthetic/root-expired.pem", "chain.expired"},
    {"synthetic/milan.vcek.der", "synthetic/root-sha256.pem", "chain.bad_algorithm"},
    {"synthetic/milan.vcek.der", "synthetic/root-other-key.pem", "chain.bad_signature"},
    {"synthetic/milan.vcek.der", "synthetic/crl-good.der", "chain.malformed"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct snp_world world;
        snp_world_init(&world, "synthetic/milan-v3-vcek.report.bin", faults[i].leaf);
        snp_world_test_root(&world, milan.root_key, faults[i].root);
        (void)snp_world_gate(&world);
        if (strcmp(world.steps[APPRAISAL_CHAIN].code, faults[i].code) != 0) {
            fail_msg("%s %s: %s", faults[i].leaf, faults[i].root,
                     world.steps[APPRAISAL_CHAIN].code);
        }
        snp_world_fini(&world);
    }
}

/* Bergamo and Siena have Genoa's keys, whatever their certificates call them. */
static void test_product_names(void **state)
{
    (void)state;
    static const char *const leaves[] = {"synthetic/genoa-bergamo-a0.vcek.der",
                                         "synthetic/genoa-siena.vcek.der"};
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        struct snp_world world;
        snp_world_init(&world, "synthetic/genoa-v3-vcek.report.bin", leaves[i]);
        snp_world_test_root(&world, genoa.root_key, genoa.root);
        snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.test_root");
        assert_string_equal(world.job.product, "Genoa");
        snp_world_fini(&world);
    }
}

static const struct {
    const char *list;
    uint64_t time_s;
    enum appraisal_outcome outcome;
    const char *code;
} lists[] = {
    {"synthetic/crl-good.der", TIME_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-empty.der", TIME_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-other-leaf.der", TIME_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-serial-only.der", TIME_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-ask.der", TIME_S, APPRAISAL_FAIL, "revocation.issuer_revoked"},
    {"synthetic/crl-ark.der", TIME_S, APPRAISAL_FAIL, "revocation.root_revoked"},
    {"synthetic/crl-leaf.der", TIME_S, APPRAISAL_FAIL, "revocation.leaf_revoked"},
    {"synthetic/crl-other-key.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_signature"},
    {"synthetic/crl-other-issuer.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_issuer"},
    {"synthetic/crl-sha256.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-mask-sha256.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-salt-32.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-two-algorithms.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-remove.der", TIME_S, APPRAISAL_FAIL, "revocation.issuer_revoked"},
    {"synthetic/crl-no-end.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_expired"},
    {"synthetic/crl-delta.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-only-user.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-critical.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-twice.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/milan.vcek.der", TIME_S, APPRAISAL_FAIL, "revocation.crl_malformed"},
    {"synthetic/crl-good.der", CRL_START_S - 1, APPRAISAL_FAIL, "revocation.crl_not_yet_valid"},
    {"synthetic/crl-good.der", CRL_START_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-good.der", CRL_END_S, APPRAISAL_PASS, "revocation.ok"},
    {"synthetic/crl-good.der", CRL_END_S + 1, APPRAISAL_FAIL, "revocation.crl_expired"},
};

static void test_revocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct snp_world world;
        world_of(1, &world);
        snp_world_collateral(&world, "snp/crl/Milan", lists[i].list);
        world.input.time_s = lists[i].time_s;
        assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
        snp_world_rest(&world);
        const struct appraisal_result *result = &world.steps[APPRAISAL_REVOCATION];
        if (strcmp(result->code, lists[i].code) != 0) {
            fail_msg("%s: %s", lists[i].list, result->code);
        }
        assert_int_equal(result->outcome, lists[i].outcome);
        assert_int_equal(world.job.hardware, result->outcome == APPRAISAL_FAIL ? 96 : 2);
        assert_int_equal(ERR_peek_error(), 0);
        snp_world_fini(&world);
    }
}

/* --- TCB -------------------------------------------------------------------------------------- */

/* Changes a TCB version of a report that passed the gate: the steps behind it judge the claims. */
static void tcb_set(struct snp_world *world, size_t at, size_t part, uint8_t value)
{
    world->report.data[at + part] = value;
    assert_int_not_equal(snp_world_gate(world), APPRAISAL_PARSE);
    assert_int_equal(world->steps[APPRAISAL_CHAIN].outcome, APPRAISAL_PASS);
    snp_world_rest(world);
}

static void tcb_is(const struct snp_world *world, enum appraisal_outcome outcome, const char *code,
                   const char *detail, int8_t hardware)
{
    const struct appraisal_result *result = &world->steps[APPRAISAL_TCB];
    assert_string_equal(result->code, code);
    assert_string_equal(result->detail, detail);
    assert_int_equal(result->outcome, outcome);
    assert_int_equal(world->job.hardware, hardware);
}

/* reported ≤ committed ≤ current, component by component; offsets 0x180, 0x1e0, 0x38. */
static void test_tcb_order(void **state)
{
    (void)state;
    static const struct {
        size_t report;
        size_t part;
        const char *name;
        uint8_t value;
    } parts[] = {
        {1, 0, "bootLoader", 4}, {1, 6, "snp", 24},       {1, 7, "microcode", 219},
        {7, 0, "fmc", 1},        {7, 1, "bootLoader", 3}, {7, 2, "tee", 1},
        {7, 3, "snp", 4},        {7, 7, "microcode", 72},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct snp_world world;
        char detail[64];
        world_of(parts[i].report, &world);
        uint8_t less = (uint8_t)(parts[i].value - 1);
        uint8_t more = (uint8_t)(parts[i].value + 1);
        snprintf(detail, sizeof(detail), "%s %u > %u", parts[i].name, parts[i].value, less);
        tcb_set(&world, 0x1e0, parts[i].part, less);
        tcb_is(&world, APPRAISAL_FAIL, "tcb.reported_above_committed", detail, 96);
        snprintf(detail, sizeof(detail), "%s %u > %u", parts[i].name, more, parts[i].value);
        tcb_set(&world, 0x1e0, parts[i].part, more);
        tcb_is(&world, APPRAISAL_FAIL, "tcb.committed_above_current", detail, 96);
        tcb_set(&world, 0x38, parts[i].part, more);
        tcb_is(&world, APPRAISAL_PASS, "tcb.no_floor", world.job.product, 2);
        /* Another reported TCB is another certificate. */
        world.report.data[0x180 + parts[i].part] = more;
        snp_world_ends(&world, APPRAISAL_CHAIN, "chain.tcb_mismatch");
        snp_world_fini(&world);
    }
}

static void test_tcb_floor(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(1, &world);
    struct policy_floor floors[2];
    struct policy_floor floor = {.type = lucid_span_str("snp"), .product = lucid_span_str("Milan")};
    floor.components[0].name = lucid_span_str("snp");
    floor.components[0].least = 24;
    floor.components[1].name = lucid_span_str("microcode");
    floor.components[1].least = 219;
    floor.component_count = 2;
    world.policy.floors = &floor;
    world.policy.floor_count = 1;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_PASS, "tcb.up_to_date", "Milan", 2);
    tcb_set(&world, 0x1f0, 7, 218); /* launched before the update */
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor", "launch microcode 218 < 219", 96);
    floor.components[0].least = 25;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor", "reported snp 24 < 25", 96);

    /* The grace of a floor that is ten days old. */
    floor.from_s = TIME_S - 10 * 86400;
    world.policy.grace_days = 10;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor", "reported snp 24 < 25", 96);
    world.input.time_s--;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor_grace", "reported snp 24 < 25", 32);
    floor.from_s = TIME_S; /* not asked for yet */
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_PASS, "tcb.no_floor", "Milan", 2);
    floors[0] = floors[1] = floor; /* … and until then the one of any product is */
    floors[1].product = lucid_span_str("*");
    floors[1].from_s = 0;
    world.policy.floors = floors;
    world.policy.floor_count = 2;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor", "reported snp 24 < 25", 96);
    world.policy.floors = &floor;
    world.policy.floor_count = 1;

    floor.from_s = 0;
    struct lucid_span accepted = lucid_span_str("OutOfDate");
    world.policy.accepted[0] = accepted;
    world.policy.accepted_count = 1;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_PASS, "tcb.out_of_date_accepted", "reported snp 24 < 25", 32);
    floor.product = lucid_span_str("Genoa"); /* another product's */
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_PASS, "tcb.no_floor", "Milan", 2);
    /* A component that the product does not have is 0. */
    floor.product = lucid_span_str("Milan");
    floor.components[0].name = lucid_span_str("fmc");
    floor.components[0].least = 1;
    world.policy.accepted_count = 0;
    tcb_set(&world, 0x1f0, 7, 219);
    tcb_is(&world, APPRAISAL_FAIL, "tcb.below_floor", "reported fmc 0 < 1", 96);
    snp_world_fini(&world);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void configuration_is(struct snp_world *world, const char *code, int8_t configuration)
{
    (void)snp_world_gate(world);
    assert_int_equal(world->steps[APPRAISAL_CHAIN].outcome, APPRAISAL_PASS);
    snp_world_rest(world);
    const struct appraisal_result *result = &world->steps[APPRAISAL_CONFIGURATION];
    assert_string_equal(result->code, code);
    assert_int_equal(world->job.configuration, configuration);
    assert_int_equal(result->outcome,
                     configuration == 36 || configuration == 96 ? APPRAISAL_FAIL : APPRAISAL_PASS);
}

static void test_configuration(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(1, &world);
    uint8_t *data = world.report.data;
    uint8_t id_key[48] = {7};
    struct lucid_span digest = lucid_span(id_key, sizeof(id_key));
    configuration_is(&world, "configuration.ok", 3);
    data[0x30] = 1;
    configuration_is(&world, "configuration.vmpl", 96);
    world.policy.config.vmpl_max = 3;
    configuration_is(&world, "configuration.ok", 3);
    memset(data + 0x30, 0xff, 4); /* the host asked for the report */
    configuration_is(&world, "configuration.vmpl", 96);
    memset(data + 0x30, 0, 4);
    data[0x0a] |= 1 << 2;
    configuration_is(&world, "configuration.migration_agent", 96);
    world.policy.config.migration_allowed = true;
    configuration_is(&world, "configuration.migration_allowed", 32);
    data[0x0a] |= 1 << 3;
    configuration_is(&world, "configuration.debug", 96);
    world.policy.config.debug_allowed = true;
    configuration_is(&world, "configuration.debug_allowed", 32);
    assert_int_equal(world.job.runtime_opaque, 32);
    data[0x0a] = 0x03;
    world.policy.config.smt_allowed = false;
    configuration_is(&world, "configuration.smt", 96);
    data[0x0a] = 0x02; /* the guest forbids it, the platform has it on */
    configuration_is(&world, "configuration.smt", 96);
    data[0x40] = 0x20;
    configuration_is(&world, "configuration.ok", 3);
    world.policy.config.require_single_socket = true;
    configuration_is(&world, "configuration.single_socket", 96);
    data[0x0a] |= 1 << 4;
    configuration_is(&world, "configuration.ok", 3);
    world.policy.config.require_tsme = true;
    configuration_is(&world, "configuration.tsme", 96);
    data[0x40] |= 2;
    configuration_is(&world, "configuration.ok", 3);
    world.policy.config.abi_major_min = 1;
    world.policy.config.abi_minor_min = 56;
    configuration_is(&world, "configuration.abi", 96);
    world.policy.config.abi_minor_min = 55;
    configuration_is(&world, "configuration.ok", 3);
    world.policy.config.report_version_min = 4;
    configuration_is(&world, "configuration.report_version", 96);
    world.policy.config.report_version_min = 3;
    world.policy.config.id_key_digests = (struct policy_digests){.items = &digest, .count = 1};
    configuration_is(&world, "configuration.id_key", 96);
    data[0xe0] = 7;
    configuration_is(&world, "configuration.pinned", 2);
    world.policy.config.author_key_digests = (struct policy_digests){.items = &digest, .count = 1};
    data[0x110] = 7;
    configuration_is(&world, "configuration.author_key", 96); /* the report says: not present */
    data[0x48] |= 1;
    configuration_is(&world, "configuration.pinned", 2);
    data[0x41] = 1; /* a bit of the platform that nobody knows yet */
    configuration_is(&world, "configuration.unknown_platform_bits", 36);
    memset(data + 0x1a0, 0, 64);
    configuration_is(&world, "configuration.unknown_platform_bits", 36);
    world.policy.config.allow_masked_chip = false;
    configuration_is(&world, "configuration.masked_chip_id", 96);
    snp_world_fini(&world);
}

/* A chip that masks its id is the one that its VCEK names; behind a VLEK it is nobody. */
static void test_masked_chip(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPORTS; i++) {
        struct snp_world world;
        uint8_t chip[SNP_CHIP_ID_BYTES];
        world_of(i, &world);
        memcpy(chip, world.report.data + 0x1a0, sizeof(chip));
        memset(world.report.data + 0x1a0, 0, sizeof(chip));
        (void)snp_world_gate(&world); /* the signature is wrong now, the chain is not */
        assert_int_equal(world.steps[APPRAISAL_CHAIN].outcome, APPRAISAL_PASS);
        assert_int_equal(world.job.instance.len, reports[i].vlek ? 0 : sizeof(chip));
        if (!reports[i].vlek) {
            assert_memory_equal(world.job.instance.data, chip, sizeof(chip));
        }
        snp_world_fini(&world);
    }
}

/* --- the parser ------------------------------------------------------------------------------- */

/* Reports that no firmware makes: the byte at an offset set to a value, and the code. */
static void test_reserved(void **state)
{
    (void)state;
    static const struct {
        size_t report; /* index into reports */
        size_t at;
        uint8_t value;
        const char *code;
    } cases[] = {
        {1, 0x00, 1, "parse.version"},          {1, 0x00, 6, "parse.version"},
        {1, 0x03, 1, "parse.version"},          {1, 0x34, 0, "parse.algorithm"},
        {1, 0x34, 2, "parse.algorithm"},        {1, 0x0a, 0x01, "parse.reserved"},
        {1, 0x0b, 0x04, "parse.reserved"},      {1, 0x0f, 0x80, "parse.reserved"},
        {1, 0x48, 0x20, "parse.reserved"},      {1, 0x48, 2 << 2, "parse.signing_key"},
        {1, 0x48, 7 << 2, "parse.signing_key"}, {1, 0x4c, 1, "parse.reserved"},
        {0, 0x188, 1, "parse.reserved"},        {1, 0x18b, 1, "parse.reserved"},
        {1, 0x19f, 1, "parse.reserved"},        {1, 0x1eb, 1, "parse.reserved"},
        {1, 0x1ef, 1, "parse.reserved"},        {1, 0x1f8, 1, "parse.reserved"},
        {5, 0x207, 1, "parse.reserved"},        {9, 0x208, 1, "parse.reserved"},
        {9, 0x29f, 1, "parse.reserved"},        {1, 0x330, 1, "parse.signature_padding"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snp_world world;
        world_of(cases[i].report, &world);
        world.report.data[cases[i].at] = cases[i].value;
        snp_world_ends(&world, APPRAISAL_PARSE, cases[i].code);
        snp_world_fini(&world);
    }
    /* What is no fault of the form is none of the parser: only the signature is wrong then. */
    struct snp_world world;
    world_of(9, &world);
    world.report.data[0x1f8] ^= 1; /* mitigation vector, version 5 */
    snp_world_ends(&world, APPRAISAL_SIGNATURE, "signature.bad");
    world.report.data[0x188] = 0x17; /* a processor without SEV-SNP */
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.unknown_product");
    world.report.data[0x188] = 0x1a;
    world.report.data[0x189] = 0x50;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.unknown_product");
    snp_world_fini(&world);
}

/* Turin: eight bytes of chip id; the other 56 must be zero, and a reserved TCB byte too. */
static void test_turin(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(9, &world);
    world.report.data[0x1a8] = 1;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.chip_mismatch");
    world.report.data[0x1a8] = 0;
    world.report.data[0x1a0] ^= 1;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.chip_mismatch");
    world.report.data[0x1a0] ^= 1;
    world.report.data[0x1e4] = 1;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.tcb_reserved");
    snp_world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_real_beside_test_root),
        cmocka_unit_test(test_swapped),     cmocka_unit_test(test_faults),
        cmocka_unit_test(test_revocation),  cmocka_unit_test(test_tcb_order),
        cmocka_unit_test(test_tcb_floor),   cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_masked_chip), cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_turin),       cmocka_unit_test(test_product_names),
    };
    return cmocka_run_group_tests_name("verifier snp synthetic", tests, NULL, NULL);
}
