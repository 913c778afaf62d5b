/* x402/evm/transaction.h and rlp.h. */
#include "tests/unit/x402/evm_vectors.h"
#include "x402/evm/rlp.h"
#include "x402/evm/transaction.h"

static int open_context(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK ? 0 : -1;
}

static void assert_bytes(const struct lucid_buf *buf, const json_t *row, const char *name)
{
    struct lucid_span want = evm_vectors_bytes(vectors_get(row, name));
    assert_true(lucid_buf_ok(buf));
    assert_int_equal(buf->len, want.len);
    assert_memory_equal(buf->data, want.data, want.len);
    free((void *)(uintptr_t)want.data);
}

static void eip1559(const struct evm_key *key, const json_t *row)
{
    const json_t *fields = vectors_get(row, "fields");
    struct lucid_span data = evm_vectors_bytes(vectors_get(fields, "data"));
    struct evm_transaction transaction = {
        .chain_id = vectors_u64(vectors_get(fields, "chainId")),
        .nonce = vectors_u64(vectors_get(fields, "nonce")),
        .tip_wei = evm_vectors_u64(fields, "maxPriorityFeePerGas"),
        .max_fee_wei = evm_vectors_u64(fields, "maxFeePerGas"),
        .gas_limit = evm_vectors_u64(fields, "gas"),
        .to = evm_vectors_address(fields, "to"),
        .value = evm_vectors_u256(fields, "value"),
        .data = data,
    };
    struct evm_hash digest;
    struct evm_hash want = evm_vectors_hash(row, "sign_hash");
    assert_int_equal(evm_transaction_digest(&transaction, &digest), LUCID_OK);
    assert_memory_equal(digest.bytes, want.bytes, sizeof(want.bytes));
    struct lucid_buf raw = {.bytes_max = 0};
    struct evm_hash hash;
    assert_int_equal(evm_transaction_sign(key, &transaction, &raw, &hash), LUCID_OK);
    assert_bytes(&raw, row, "signed");
    want = evm_vectors_hash(row, "tx_hash");
    assert_memory_equal(hash.bytes, want.bytes, sizeof(want.bytes));

    /* Appended, not put in place of what is there; and a buffer without room says so. */
    size_t len = raw.len;
    assert_int_equal(evm_transaction_sign(key, &transaction, &raw, &hash), LUCID_OK);
    assert_int_equal(raw.len, 2 * len);
    assert_memory_equal(raw.data, raw.data + len, len);
    assert_memory_equal(hash.bytes, want.bytes, sizeof(want.bytes));
    lucid_buf_fini(&raw);
    lucid_buf_init(&raw, len - 1);
    assert_int_equal(evm_transaction_sign(key, &transaction, &raw, &hash), LUCID_RETRY_MEMORY);
    lucid_buf_fini(&raw);
    free((void *)(uintptr_t)data.data);
}

/* The encoding alone: this form is not sent by us. */
static void legacy(const json_t *row)
{
    const json_t *fields = vectors_get(row, "fields");
    struct evm_address to = evm_vectors_address(fields, "to");
    struct evm_u256 value = evm_vectors_u256(fields, "value");
    struct lucid_buf items = {.bytes_max = 0};
    struct lucid_buf list = {.bytes_max = 0};
    evm_rlp_u64(&items, vectors_u64(vectors_get(fields, "nonce")));
    evm_rlp_u64(&items, evm_vectors_u64(fields, "gasPrice"));
    evm_rlp_u64(&items, evm_vectors_u64(fields, "gas"));
    evm_rlp_bytes(&items, lucid_span(to.bytes, sizeof(to.bytes)));
    evm_rlp_number(&items, lucid_span(value.be, sizeof(value.be)));
    evm_rlp_bytes(&items, lucid_span(NULL, 0));
    evm_rlp_u64(&items, vectors_u64(vectors_get(fields, "chainId")));
    evm_rlp_u64(&items, 0);
    evm_rlp_u64(&items, 0);
    evm_rlp_list(&list, items.len);
    lucid_buf_span_put(&list, lucid_buf_span(&items));
    assert_bytes(&list, row, "unsigned");
    struct evm_hash digest = evm_keccak256(lucid_buf_span(&list));
    struct evm_hash want = evm_vectors_hash(row, "sign_hash");
    assert_memory_equal(digest.bytes, want.bytes, sizeof(want.bytes));
    lucid_buf_fini(&items);
    lucid_buf_fini(&list);
}

static void test_signed(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/signed-transactions.json");
    struct evm_key key = evm_vectors_key(root, "private_key");
    size_t i;
    size_t typed = 0;
    json_t *row;
    json_array_foreach(vectors_get(root, "transactions"), i, row)
    {
        if (lucid_span_is(vectors_text(vectors_get(vectors_get(row, "fields"), "type")),
                          "eip1559")) {
            eip1559(&key, row);
            typed++;
        } else {
            legacy(row);
        }
    }
    assert_int_equal(typed, 1);
    assert_int_equal(i, 2);
    json_decref(root);
}

/* Head and first byte of strings and lists around the lengths where the form changes. */
static void test_rlp_forms(void **state)
{
    (void)state;
    static const uint8_t data[70000];
    static const struct {
        size_t len;
        const char *head; /* of a string; of a list its first byte is 0x40 more */
        size_t head_len;
    } cases[] = {
        {0, "\x80", 1},
        {2, "\x82", 1},
        {55, "\xb7", 1},
        {56, "\xb8\x38", 2},
        {255, "\xb8\xff", 2},
        {256, "\xb9\x01\x00", 3},
        {65535, "\xb9\xff\xff", 3},
        {65536, "\xba\x01\x00\x00", 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf out = {.bytes_max = 0};
        evm_rlp_bytes(&out, lucid_span(data, cases[i].len));
        assert_int_equal(out.len, cases[i].head_len + cases[i].len);
        assert_memory_equal(out.data, cases[i].head, cases[i].head_len);
        lucid_buf_clear(&out);
        evm_rlp_list(&out, cases[i].len);
        assert_int_equal(out.len, cases[i].head_len);
        assert_int_equal(out.data[0], (uint8_t)cases[i].head[0] + 0x40);
        assert_memory_equal(out.data + 1, cases[i].head + 1, cases[i].head_len - 1);
        lucid_buf_fini(&out);
    }
}

static void test_rlp_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } cases[] = {
        {0, "\x80", 1},
        {1, "\x01", 1},
        {127, "\x7f", 1},
        {128, "\x81\x80", 2},
        {255, "\x81\xff", 2},
        {256, "\x82\x01\x00", 3},
        {UINT64_MAX, "\x88\xff\xff\xff\xff\xff\xff\xff\xff", 9},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf out = {.bytes_max = 0};
        struct evm_u256 wide = evm_u256_of(cases[i].value);
        evm_rlp_u64(&out, cases[i].value);
        evm_rlp_number(&out, lucid_span(wide.be, sizeof(wide.be)));
        assert_int_equal(out.len, 2 * cases[i].len);
        assert_memory_equal(out.data, cases[i].bytes, cases[i].len);
        assert_memory_equal(out.data + cases[i].len, cases[i].bytes, cases[i].len);
        lucid_buf_fini(&out);
    }
    /* A string of one small byte is that byte, of one large byte it has a head. */
    struct lucid_buf out = {.bytes_max = 0};
    evm_rlp_bytes(&out, lucid_span("\x00", 1));
    evm_rlp_bytes(&out, lucid_span("\x7f", 1));
    evm_rlp_bytes(&out, lucid_span("\x80", 1));
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "\x00\x7f\x81\x80", 4);
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_rlp_forms),
        cmocka_unit_test(test_rlp_numbers),
    };
    return cmocka_run_group_tests(tests, open_context, NULL);
}
