/* What may be imported of AMD, and under which key: plugins/verifier/schemes/collateral.h. */
#include "files.h"

#include <openssl/err.h>

#include "plugins/verifier/schemes/collateral.h"

#define TIME_S  UINT64_C(1740000000) /* 2025-02-19 */
#define NEWER_S UINT64_C(1775000000) /* 2026-03-31 */
#define NO_ROOT ""
#define MILAN   "synthetic/root-milan.pem"
#define TURIN   "synthetic/root-turin.pem"

/* Takes a file's bytes; the error of why, "" if it was taken. */
static const char *taken(struct lucid_span bytes, const char *product, const char *root,
                         uint64_t time_s, struct collateral_item *ret)
{
    static char text[512];
    struct lucid_buf pem = {0};
    struct lucid_why why = {.code = NULL};
    struct collateral_item item = {.what = "untouched"};
    if (root[0] != '\0') {
        pem = file_read(root);
    }
    enum lucid_error error =
        collateral_snp(bytes, lucid_span_str(product), lucid_buf_span(&pem), time_s, &item, &why);
    lucid_buf_fini(&pem);
    assert_int_equal(ERR_peek_error(), 0);
    text[0] = '\0';
    if (error != LUCID_OK) {
        assert_int_equal(error, LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "COLLATERAL_REFUSED");
        assert_string_equal(item.what, "untouched");
        snprintf(text, sizeof(text), "%s", why.text);
    }
    *ret = item;
    return text;
}

static void test_kept(void **state)
{
    static const struct {
        const char *file;
        const char *product;
        const char *root;
        uint64_t time_s;
        const char *key; /* how it begins */
        const char *what;
    } cases[] = {
        {"snp/milan-v2-vcek.vcek.der", "", NO_ROOT, TIME_S, "snp/vcek/Milan/c38427a3", "vcek"},
        {"snp/milan-v2-vcek.vcek.der", "Milan", MILAN, TIME_S, "snp/vcek/Milan/c38427a3", "vcek"},
        {"snp/v3-vlek.vlek.der", "", NO_ROOT, TIME_S, "snp/vlek/Milan/-", "vlek"},
        {"snp/turin-v5-vcek.vcek.pem", "Turin", NO_ROOT, NEWER_S,
         "snp/vcek/Turin/59790fb1c39f35c10000000000000000000000000000000000000000000000000000000000"
         "000000000000000000000000000000000000000000000000000000/0101010400000051",
         "vcek"},
        {"snp/zen4c-v5-vcek.vcek.der", "Genoa", NO_ROOT, NEWER_S, "snp/vcek/Genoa/b5f9a4c8",
         "vcek"},
        {"synthetic/milan.vcek.der", "", MILAN, TIME_S, "snp/vcek/Milan/", "vcek"},
        {"synthetic/leaf-octets.der", "", MILAN, TIME_S, "snp/vcek/Milan/", "vcek"},
        {"synthetic/turin.vlek.der", "", TURIN, TIME_S, "snp/vlek/Turin/-", "vlek"},
        {"synthetic/crl-good.der", "Milan", MILAN, TIME_S, "snp/crl/Milan", "crl"},
        {"synthetic/crl-leaf.der", "Milan", MILAN, TIME_S, "snp/crl/Milan", "crl"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf file = file_read(cases[i].file);
        struct collateral_item item;
        const char *why =
            taken(lucid_buf_span(&file), cases[i].product, cases[i].root, cases[i].time_s, &item);
        assert_string_equal(why, "");
        assert_memory_equal(item.key, cases[i].key, strlen(cases[i].key));
        assert_string_equal(item.what, cases[i].what);
        assert_int_equal(item.ordered, strcmp(item.what, "crl") == 0);
        assert_int_equal(item.test_root, strncmp(cases[i].file, "synthetic/", 10) == 0);
        assert_true(item.valid_from_s <= cases[i].time_s && cases[i].time_s <= item.valid_to_s);
        /* Its life, to the second. */
        const struct collateral_item life = item;
        assert_string_equal(
            taken(lucid_buf_span(&file), cases[i].product, cases[i].root, life.valid_to_s, &item),
            "");
        assert_non_null(strstr(taken(lucid_buf_span(&file), cases[i].product, cases[i].root,
                                     life.valid_to_s + 1, &item),
                               "expired"));
        assert_non_null(strstr(taken(lucid_buf_span(&file), cases[i].product, cases[i].root,
                                     life.valid_from_s - 1, &item),
                               "not_yet_valid"));
        lucid_buf_fini(&file);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *file;
        const char *product;
        const char *root;
        const char *why;
    } cases[] = {
        {"snp/neg-vcek-invalid-new.der", "", NO_ROOT, "bad_signature"},
        {"snp/milan-v2-vcek.vcek.der", "Genoa", NO_ROOT, "another product"},
        {"snp/milan-v2-vcek.vcek.der", "milan", NO_ROOT, "not known"},
        {"snp/virtee-milan-ask.pem", "", NO_ROOT, "neither a VCEK nor a VLEK"},
        {"snp/milan_ask_ark_asvk.pem", "", NO_ROOT, "one certificate at a time"},
        {"snp/milan-v2-vcek.report.bin", "", NO_ROOT, "malformed"},
        {"synthetic/milan.vcek.der", "", NO_ROOT, "no_issuer"},
        {"synthetic/milan.vcek.der", "", TURIN, "no_issuer"},
        {"synthetic/milan.vcek.der", "", "synthetic/root-not-ca.pem", "bad_ca"},
        {"synthetic/milan.vcek.der", "", "synthetic/crl-good.der", "malformed"},
        {"synthetic/leaf-by-ark.der", "", MILAN, "no_issuer"},
        {"synthetic/leaf-by-asvk.der", "", MILAN, "no_issuer"},
        {"synthetic/leaf-vlek-no-csp.der", "", MILAN, "names its operator"},
        {"synthetic/leaf-with-csp.der", "", MILAN, "names its chip"},
        {"synthetic/leaf-no-hwid.der", "", MILAN, "names its chip"},
        {"synthetic/leaf-fmc.der", "", MILAN, "tcb"},
        {"synthetic/leaf-unknown-product.der", "", MILAN, "product"},
        {"synthetic/leaf-mask-sha256.der", "", MILAN, "bad_algorithm"},
        {"synthetic/leaf-two-algorithms.der", "", MILAN, "malformed"},
        {"synthetic/leaf-p256.der", "", MILAN, "bad_key"},
        {"synthetic/crl-good.der", "", MILAN, "product must be given"},
        {"synthetic/crl-good.der", "Milan", NO_ROOT, "no_issuer"},
        {"synthetic/crl-good.der", "Milan", TURIN, "no_issuer"},
        {"synthetic/crl-other-key.der", "Milan", MILAN, "bad_signature"},
        {"synthetic/crl-no-end.der", "Milan", MILAN, "expired"},
        {"synthetic/crl-delta.der", "Milan", MILAN, "bad_extension"},
        {"synthetic/crl-only-user.der", "Milan", MILAN, "bad_extension"},
        {"synthetic/crl-critical.der", "Milan", MILAN, "bad_extension"},
        {"synthetic/crl-twice.der", "Milan", MILAN, "bad_extension"},
        {"synthetic/crl-salt-32.der", "Milan", MILAN, "bad_algorithm"},
        {"synthetic/crl-two-algorithms.der", "Milan", MILAN, "malformed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf file = file_read(cases[i].file);
        struct collateral_item item;
        const char *why =
            taken(lucid_buf_span(&file), cases[i].product, cases[i].root, TIME_S, &item);
        if (strstr(why, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].file, why);
        }
        lucid_buf_fini(&file);
    }
}

/* Cut off anywhere, or with a byte more, it is nothing. */
static void test_lengths(void **state)
{
    static const char *const files[] = {"snp/v3-vlek.vlek.der", "snp/turin-v5-vcek.vcek.pem",
                                        "synthetic/crl-leaf.der"};
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct lucid_buf file = file_read(files[i]);
        struct collateral_item item;
        lucid_buf_char(&file, '\0');
        for (size_t len = 0; len <= file.len; len++) {
            /* A copy of exactly that length, so that a sanitizer sees every read beyond it. */
            uint8_t *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, file.data, len);
            const char *why = taken(lucid_span(copy, len), "", MILAN, NEWER_S, &item);
            bool whole = len + 1 == file.len;
            if (!whole && strstr(why, "malformed") == NULL) {
                /* PEM is whole without its last line end. */
                assert_true(len + 2 == file.len && file.data[len] == '\n' && why[0] == '\0');
            }
            free(copy);
        }
        lucid_buf_fini(&file);
    }
}

/* A list does not give way to an older one; certificates have no order. */
static void test_replaces(void **state)
{
    static const struct {
        const char *file;
        const char *kept;
        enum lucid_error error;
    } cases[] = {
        {"synthetic/crl-newer.der", "synthetic/crl-good.der", LUCID_OK},
        {"synthetic/crl-good.der", "synthetic/crl-good.der", LUCID_OK},
        {"synthetic/crl-good.der", "synthetic/crl-newer.der", LUCID_REFUSE_CONFLICT},
        {"synthetic/crl-good.der", "synthetic/milan.vcek.der", LUCID_OK}, /* not to be read */
        {"synthetic/milan.vcek.der", "synthetic/leaf-octets.der", LUCID_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf file = file_read(cases[i].file);
        struct lucid_buf kept = file_read(cases[i].kept);
        struct collateral_item item;
        struct lucid_why why = {.code = NULL};
        assert_string_equal(taken(lucid_buf_span(&file), "Milan", MILAN, TIME_S, &item), "");
        assert_int_equal(
            collateral_replaces(&item, lucid_buf_span(&file), lucid_buf_span(&kept), &why),
            cases[i].error);
        if (cases[i].error != LUCID_OK) {
            assert_string_equal(why.code, "COLLATERAL_OLDER");
        }
        lucid_buf_fini(&kept);
        lucid_buf_fini(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_replaces),
    };
    return cmocka_run_group_tests_name("verifier collateral", tests, NULL, NULL);
}
