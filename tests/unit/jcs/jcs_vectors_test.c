/* The published RFC 8785 vectors (tests/vectors/jcs/README.md). */
#include "jcs_test_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sha256.h"

static struct lucid_buf file_read(const char *name)
{
    const char *root = getenv("LUCID_TEST_VECTORS");
    assert_non_null(root);
    char path[1024];
    assert_in_range(snprintf(path, sizeof(path), "%s/jcs/%s", root, name), 1, sizeof(path) - 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    struct lucid_buf content;
    lucid_buf_init(&content, 0);
    char chunk[4096];
    size_t len;
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        lucid_buf_put(&content, chunk, len);
    }
    fclose(file);
    assert_true(lucid_buf_ok(&content));
    return content;
}

static void pair_check(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "input/%s.json", name);
    struct lucid_buf input = file_read(path);
    snprintf(path, sizeof(path), "output/%s.json", name);
    struct lucid_buf output = file_read(path);
    snprintf(path, sizeof(path), "outhex/%s.txt", name);
    struct lucid_buf outhex = file_read(path);

    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *root = NULL;
    assert_int_equal(jcs_parse(lucid_buf_span(&input), &test_limits, &arena, &root, NULL),
                     LUCID_OK);
    struct lucid_buf written;
    lucid_buf_init(&written, 0);
    jcs_write(root, &written);
    assert_int_equal(written.len, output.len);
    assert_memory_equal(written.data, output.data, output.len);

    /* outhex: the same bytes as hex digits, spaced and broken for reading. */
    size_t at = 0;
    for (size_t i = 0; i + 1 < outhex.len; i++) {
        unsigned byte;
        if (sscanf((const char *)outhex.data + i, "%2x", &byte) == 1 && outhex.data[i] > ' ') {
            assert_true(at < written.len);
            assert_int_equal(written.data[at++], byte);
            i++;
        }
    }
    assert_int_equal(at, written.len);
    lucid_arena_fini(&arena);
    lucid_buf_fini(&written);
    lucid_buf_fini(&input);
    lucid_buf_fini(&output);
    lucid_buf_fini(&outhex);
}

static void test_pairs(void **state)
{
    (void)state;
    pair_check("arrays");
    pair_check("french");
    pair_check("structures");
    pair_check("unicode");
    pair_check("values");
    pair_check("weird");
}

/* Each line: the bits in hex, a comma, the text. Both the formatter and the reader are held to it.
 */
static void numbers_check(const char *file_name)
{
    struct lucid_buf file = file_read(file_name);
    lucid_buf_char(&file, '\0');
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    unsigned lines = 0;
    for (char *line = (char *)file.data; *line != '\0'; lines++) {
        char *comma = NULL;
        uint64_t bits = strtoull(line, &comma, 16);
        assert_int_equal(*comma, ',');
        char *text = comma + 1;
        size_t len = strcspn(text, "\r\n");
        double number;
        memcpy(&number, &bits, sizeof(number));

        char out[JCS_NUMBER_BYTES_MAX];
        assert_int_equal(jcs_number_format(number, out), len);
        assert_memory_equal(out, text, len);

        const struct jcs_value *root = NULL;
        lucid_arena_reset(&arena);
        assert_int_equal(jcs_parse(lucid_span(text, len), &test_limits, &arena, &root, NULL),
                         LUCID_OK);
        double read = jcs_number(root);
        uint64_t read_bits;
        memcpy(&read_bits, &read, sizeof(read_bits));
        assert_int_equal(read_bits, bits == UINT64_C(1) << 63 ? 0 : bits);
        line = text + len + strspn(text + len, "\r\n");
    }
    assert_int_equal(lines, 10000);
    lucid_arena_fini(&arena);
    lucid_buf_fini(&file);
}

static void test_numbers_es6(void **state)
{
    (void)state;
    numbers_check("numbers_es6_first10000.csv");
}

static void test_numbers_v8(void **state)
{
    (void)state;
    numbers_check("numbers_v8.csv");
}

/* The project that made the first file publishes its hash; so a damaged copy is noticed. */
static void test_numbers_hash(void **state)
{
    (void)state;
    struct lucid_buf file = file_read("numbers_es6_first10000.csv");
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_buf_span(&file), hash);
    char hex[2 * LUCID_SHA256_BYTES + 1] = {0};
    lucid_hex_encode(hash, sizeof(hash), hex);
    assert_string_equal(hex, "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892");
    lucid_buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_numbers_es6),
        cmocka_unit_test(test_numbers_v8),
        cmocka_unit_test(test_numbers_hash),
    };
    return cmocka_run_group_tests_name("jcs vectors", tests, NULL, NULL);
}
