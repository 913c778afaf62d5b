/* plugins/verifier/crypto/der.h: what is DER and what is not. */
#include "files.h"

#include <string.h>

#include "plugins/verifier/crypto/der.h"

#define BYTES(text) lucid_span(text, sizeof(text) - 1)

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        struct lucid_span der;
        uint64_t number;
    } good[] = {
        {{(const uint8_t *)"\x02\x01\x00", 3}, 0},
        {{(const uint8_t *)"\x02\x01\x7f", 3}, 127},
        {{(const uint8_t *)"\x02\x02\x00\x80", 4}, 128},
        {{(const uint8_t *)"\x02\x02\x00\xd9", 4}, 217}, /* a VLEK's microcode */
        {{(const uint8_t *)"\x02\x02\x01\x00", 4}, 256},
        {{(const uint8_t *)"\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff", 11}, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t number = 1;
        assert_true(der_uint(good[i].der, &number));
        assert_int_equal(number, good[i].number);
    }
    static const struct lucid_span bad[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\x02", 1},
        {(const uint8_t *)"\x02\x00", 2},             /* no number */
        {(const uint8_t *)"\x02\x01", 2},             /* cut */
        {(const uint8_t *)"\x02\x01\x80", 3},         /* negative */
        {(const uint8_t *)"\x02\x01\xd9", 3},         /* 217 without its zero octet is −39 */
        {(const uint8_t *)"\x02\x02\x00\x7f", 4},     /* not the shortest */
        {(const uint8_t *)"\x02\x02\x00\x00", 4},     /* not the shortest */
        {(const uint8_t *)"\x02\x01\x00\x00", 4},     /* bytes after it */
        {(const uint8_t *)"\x04\x01\x00", 3},         /* another type */
        {(const uint8_t *)"\x02\x81\x01\x00", 4},     /* long form of a short length */
        {(const uint8_t *)"\x02\x82\x00\x81\x00", 5}, /* long form with a leading zero */
        {(const uint8_t *)"\x02\x80\x00\x00", 4},     /* indefinite */
        {(const uint8_t *)"\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", 11}, /* 2^64 */
        {(const uint8_t *)"\x02\x84\xff\xff\xff\xff", 6},                      /* length lies */
        {(const uint8_t *)"\x02\x85\x01\x00\x00\x00\x00", 7},
        {(const uint8_t *)"\x1f\x02\x01\x00", 4}, /* a tag of several octets */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t number = 4711;
        assert_false(der_uint(bad[i], &number));
        assert_int_equal(number, 4711);
    }
}

static void test_walk(void **state)
{
    (void)state;
    /* SEQUENCE { INTEGER 5, IA5String "Milan" } and a NULL behind it. */
    struct lucid_span at = BYTES("\x30\x0a\x02\x01\x05\x16\x05Milan\x05\x00");
    struct der_item item;
    assert_true(der_next(&at, &item));
    assert_int_equal(item.tag, DER_SEQUENCE);
    assert_int_equal(item.whole.len, 12);
    struct lucid_span inside = item.value;
    struct lucid_span number;
    struct lucid_span text;
    assert_true(der_take(&inside, DER_INTEGER, &number));
    assert_int_equal(number.len, 1);
    assert_false(der_take(&inside, DER_OCTET_STRING, &number));
    assert_true(der_ia5(inside, &text));
    assert_true(lucid_span_is(text, "Milan"));
    assert_true(der_take(&inside, DER_IA5_STRING, &text));
    assert_int_equal(inside.len, 0);
    assert_false(der_next(&inside, &item));
    assert_true(der_next(&at, &item));
    assert_int_equal(item.tag, 0x05);
    assert_int_equal(item.value.len, 0);
    assert_int_equal(at.len, 0);
    assert_false(der_ia5(BYTES("\x16\x02\x41\x0a"), &text)); /* a line end is no printable one */
    assert_false(der_only(BYTES("\x04\x00\x04\x00"), DER_OCTET_STRING, &text));
}

/* 200 bytes need the length form 81, 300 the form 82: one octet less or more of either is refused.
 */
static void test_long_lengths(void **state)
{
    (void)state;
    for (size_t len = 120; len < 300; len++) {
        uint8_t bytes[310] = {0x04};
        size_t head = len < 128 ? 2 : len < 256 ? 3 : 4;
        if (head == 2) {
            bytes[1] = (uint8_t)len;
        } else if (head == 3) {
            bytes[1] = 0x81;
            bytes[2] = (uint8_t)len;
        } else {
            bytes[1] = 0x82;
            lucid_put_be16(bytes + 2, (uint16_t)len);
        }
        struct lucid_span value;
        for (size_t cut = 0; cut < head + len; cut++) {
            assert_false(der_only(lucid_span(bytes, cut), DER_OCTET_STRING, &value));
        }
        assert_true(der_only(lucid_span(bytes, head + len), DER_OCTET_STRING, &value));
        assert_int_equal(value.len, len);
        assert_false(der_only(lucid_span(bytes, head + len + 1), DER_OCTET_STRING, &value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_long_lengths),
    };
    return cmocka_run_group_tests_name("verifier der", tests, NULL, NULL);
}
