/* Nothing of a SEV-SNP report may change unnoticed: every bit of what is signed, every length. */
#include "snp_world.h"

static const struct {
    const char *report;
    const char *leaf;
    const char *root; /* of synthetic ones; "": AMD's */
    const char *key;
} reports[] = {
    {"snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der", "", ""},
    {"snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der", "", ""},
    {"synthetic/turin-v5-vcek.report.bin", "synthetic/turin.vcek.der", "synthetic/root-turin.pem",
     "snp/test-root/Turin"},
};
#define REPORTS (sizeof(reports) / sizeof(reports[0]))

static void world_of(size_t i, struct snp_world *world)
{
    snp_world_init(world, reports[i].report, reports[i].leaf);
    if (reports[i].root[0] != '\0') {
        snp_world_test_root(world, reports[i].key, reports[i].root);
    }
}

/* 672 bytes, 5376 bits: of the first report every one, of the others every ninth. */
static void test_signed_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPORTS; i++) {
        struct snp_world world;
        world_of(i, &world);
        assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
        size_t refused[APPRAISAL_STEPS] = {0};
        const size_t step = i == 0 ? 1 : 9;
        size_t flipped = 0;
        for (size_t bit = 0; bit < SNP_SIGNED_BYTES * 8; bit += step, flipped++) {
            world.report.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refused[snp_world_gate(&world)]++;
            world.report.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            lucid_arena_reset(&world.arena);
        }
        assert_int_equal(refused[APPRAISAL_FRESHNESS], 0);
        assert_int_equal(refused[APPRAISAL_PARSE] + refused[APPRAISAL_CHAIN] +
                             refused[APPRAISAL_SIGNATURE],
                         flipped);
        assert_true(i != 0 || flipped == 5376);
        /* Most of them only the signature can notice. */
        assert_true(refused[APPRAISAL_SIGNATURE] > 9 * flipped / 20);
        assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
        snp_world_fini(&world);
    }
}

/* The signature itself: its numbers by verification, its padding by the parser. */
static void test_signature_bits(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(0, &world);
    for (size_t at = SNP_SIGNED_BYTES; at < SNP_REPORT_BYTES; at++) {
        size_t field = (at - SNP_SIGNED_BYTES) % 72;
        bool number = at < SNP_SIGNED_BYTES + 144 && field < 48;
        for (size_t bit = 0; bit < (number ? 1 : 8); bit++) {
            world.report.data[at] ^= (uint8_t)(1 << bit);
            snp_world_ends(&world, number ? APPRAISAL_SIGNATURE : APPRAISAL_PARSE,
                           number ? "signature.bad" : "parse.signature_padding");
            world.report.data[at] ^= (uint8_t)(1 << bit);
        }
        lucid_arena_reset(&world.arena);
    }
    memset(world.report.data + SNP_SIGNED_BYTES, 0, SNP_REPORT_BYTES - SNP_SIGNED_BYTES);
    snp_world_ends(&world, APPRAISAL_SIGNATURE, "signature.bad");
    snp_world_fini(&world);
}

static void test_lengths(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(1, &world);
    lucid_buf_put(&world.report, "\0", 1);
    for (size_t len = 0; len <= SNP_REPORT_BYTES + 1; len++) {
        /* A copy of exactly that length, so that a sanitizer sees every read beyond it. */
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, world.report.data, len);
        world.evidence.bytes = lucid_span(copy, len);
        if (len == SNP_REPORT_BYTES) {
            snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
        } else {
            snp_world_ends(&world, APPRAISAL_PARSE, "parse.length");
        }
        free(copy);
        lucid_arena_reset(&world.arena);
    }
    snp_world_fini(&world);
}

/* Every bit of the certificate, one after the other in steps: never accepted. */
static void test_certificate_bits(void **state)
{
    (void)state;
    struct snp_world world;
    world_of(0, &world);
    for (size_t bit = 0; bit < world.leaf.len * 8; bit += 3) {
        world.leaf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(snp_world_gate(&world), APPRAISAL_CHAIN);
        world.leaf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        lucid_arena_reset(&world.arena);
    }
    for (size_t len = 0; len < world.leaf.len; len++) {
        world.evidence.endorsements[0] = lucid_span(world.leaf.data, len);
        snp_world_ends(&world, APPRAISAL_CHAIN, "chain.malformed");
        lucid_arena_reset(&world.arena);
    }
    snp_world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_bits),
        cmocka_unit_test(test_signature_bits),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_certificate_bits),
    };
    return cmocka_run_group_tests_name("verifier snp bits", tests, NULL, NULL);
}
