/* The sum over words that leaves runs end with; store_run_test.c has a run's own. */
#include "ledger/store/store_internal.h"
#include "tests/unit/store/store_lmdb_dir.h"

/* A changed word, and words that change places, whichever lane they are in; the number under which
 * they stand; one word more. */
static void test_sum(void **state)
{
    (void)state;
    enum { WORDS = 11 };
    uint8_t bytes[8 * WORDS + 8] = {0};
    uint64_t seed = 5;
    for (size_t i = 0; i < 8 * WORDS; i++) {
        bytes[i] = (uint8_t)test_random(&seed);
    }
    for (size_t count = 0; count <= WORDS; count++) {
        struct lucid_span words = lucid_span(bytes, 8 * count);
        uint64_t want = store_sum(7, words);
        assert_true(store_sum(8, words) != want);
        assert_true(store_sum(7, lucid_span(bytes, 8 * count + 8)) != want);
        for (size_t bit = 0; bit < 64 * count; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(store_sum(7, words) != want);
            for (size_t other = 0; other < bit; other++) {
                bytes[other / 8] ^= (uint8_t)(1 << other % 8);
                assert_true(store_sum(7, words) != want);
                bytes[other / 8] ^= (uint8_t)(1 << other % 8);
            }
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t swap = 1; swap < count; swap++) {
            uint8_t first[8];
            memcpy(first, bytes, 8);
            memcpy(bytes, bytes + 8 * swap, 8);
            memcpy(bytes + 8 * swap, first, 8);
            assert_true(store_sum(7, words) != want);
            memcpy(bytes + 8 * swap, bytes, 8);
            memcpy(bytes, first, 8);
        }
        assert_true(store_sum(7, words) == want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum)};
    return cmocka_run_group_tests_name("store sum", tests, NULL, NULL);
}
