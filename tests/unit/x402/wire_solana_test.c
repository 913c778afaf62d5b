/* x402/solana.h: what is read from a transaction, and that nothing else is; base58. */
#include "tests/unit/x402/wire_solana.h"

static void good_is(const struct wire_solana *spec, const struct x402_solana_payment *payment)
{
    uint8_t key[X402_SOLANA_KEY_BYTES];
    wire_solana_account(spec, SOLANA_FEE_PAYER, key);
    assert_memory_equal(payment->fee_payer, key, sizeof(key));
    wire_solana_account(spec, SOLANA_PAYER, key);
    assert_memory_equal(payment->payer, key, sizeof(key));
    wire_solana_account(spec, SOLANA_MINT, key);
    assert_memory_equal(payment->mint, key, sizeof(key));
    assert_true(payment->amount == (spec->amount == 0 ? 10000 : spec->amount));
}

static void test_good(void **state)
{
    (void)state;
    static const struct wire_solana specs[] = {
        {.amount = 10000},      {.legacy = true},
        {.lookups = true},      {.token_program = SOLANA_TOKEN_2022},
        {.amount = UINT64_MAX}, {.amount = 0x0102030405060708},
        {.readonly_signed = 1}, {.required = 3},
    };
    struct lucid_buf bytes = {.bytes_max = 0};
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        struct x402_solana_payment payment;
        struct lucid_why why;
        uint8_t message[LUCID_SHA256_BYTES];
        size_t head = wire_solana_make(&specs[i], &bytes);
        if (wire_solana_parse(lucid_buf_span(&bytes), &payment, &why) != LUCID_OK) {
            fail_msg("%zu: %s", i, why.text);
        }
        good_is(&specs[i], &payment);
        lucid_sha256(lucid_span(bytes.data + head, bytes.len - head), message);
        assert_memory_equal(payment.message, message, sizeof(message));
    }
    lucid_buf_fini(&bytes);
}

/* Nothing that is not what the payer signed: no bit of the message or of the payer's signature may
 * be another. Only the fee payer's signature may, which is no part of the payment. */
static void test_every_bit(void **state)
{
    (void)state;
    static const struct wire_solana specs[] = {{.legacy = true}, {.lookups = true}};
    for (size_t n = 0; n < 2; n++) {
        struct lucid_buf bytes = {.bytes_max = 0};
        struct x402_solana_payment whole;
        struct lucid_why why;
        (void)wire_solana_make(&specs[n], &bytes);
        assert_int_equal(wire_solana_parse(lucid_buf_span(&bytes), &whole, &why), LUCID_OK);
        for (size_t i = 0; i < bytes.len; i++) {
            bool fee_payers = i >= 1 && i < 1 + X402_SOLANA_SIGNATURE_BYTES;
            for (int bit = 0; bit < 8; bit++) {
                struct x402_solana_payment payment = {.amount = 77};
                bytes.data[i] ^= (uint8_t)(1 << bit);
                enum lucid_error error = wire_solana_parse(lucid_buf_span(&bytes), &payment, &why);
                bytes.data[i] ^= (uint8_t)(1 << bit);
                assert_int_equal(error, fee_payers ? LUCID_OK : LUCID_REFUSE_INVALID);
                if (fee_payers) {
                    assert_memory_equal(&payment, &whole, sizeof(whole));
                } else {
                    assert_true(payment.amount == 77);
                }
            }
        }
        for (size_t len = 0; len < bytes.len; len++) {
            struct x402_solana_payment payment;
            assert_int_equal(wire_solana_parse(lucid_span(bytes.data, len), &payment, &why),
                             LUCID_REFUSE_INVALID);
        }
        lucid_buf_char(&bytes, 0);
        assert_int_equal(wire_solana_parse(lucid_buf_span(&bytes), &whole, &why),
                         LUCID_REFUSE_INVALID);
        lucid_buf_fini(&bytes);
    }
}

/* Signed by the payer, and still no payment. */
static const struct {
    struct wire_solana spec;
    const char *text;
} bad[] = {
    {{.version = 1}, "version"},
    {{.transfers = 1}, "more than one TransferChecked"},
    {{.transfers = -1}, "no TransferChecked"},
    {{.opcode = 3}, "no TransferChecked"},
    {{.token_program = "11111111111111111111111111111112"}, "no TransferChecked"},
    {{.decimals = 9}, "6 decimals"},
    {{.unsigned_payer = true}, "not signed"},
    {{.required = 1}, "not to be signed"},
    {{.required = 8}, "fewer accounts"},
    {{.readonly_signed = 2}, "no fee payer"},
    {{.same_key = SOLANA_SOURCE}, "twice"},
    {{.same_key = SOLANA_BUDGET}, "twice"},
    {{.account_of = {SOLANA_FEE_PAYER + 1}}, "fee payer"},
    {{.durable = true}, "durable nonce"},
    {{.account_of = {0, 0, 0, SOLANA_FEE_PAYER + 1}}, "fee payer"},
    {{.account_of = {0, 0, 0, SOLANA_SOURCE + 1}}, "not to be signed"},
    {{.account_of = {SOLANA_ACCOUNTS + 1}, .lookups = true}, "lookup table"},
    {{.account_of = {0, SOLANA_ACCOUNTS + 1}, .lookups = true}, "lookup table"},
    {{.account_of = {0, 0, SOLANA_ACCOUNTS + 1}, .lookups = true}, "lookup table"},
    {{.account_of = {0, 0, 0, SOLANA_ACCOUNTS + 1}, .lookups = true}, "lookup table"},
    {{.drop_accounts = 1}, "that is none"},
    {{.program_index = SOLANA_ACCOUNTS}, "program"},
};

static void test_bad(void **state)
{
    (void)state;
    struct lucid_buf bytes = {.bytes_max = 0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct x402_solana_payment payment;
        struct lucid_why why;
        (void)wire_solana_make(&bad[i].spec, &bytes);
        assert_int_equal(wire_solana_parse(lucid_buf_span(&bytes), &payment, &why),
                         LUCID_REFUSE_INVALID);
        if (strstr(why.text, bad[i].text) == NULL) {
            fail_msg("%zu: \"%s\" does not say \"%s\"", i, why.text, bad[i].text);
        }
    }
    lucid_buf_fini(&bytes);
}

/* Lengths in more bytes than they need, or of more than 16 bits, and texts that are no base64. */
static void test_forms(void **state)
{
    (void)state;
    static const char *const heads[] = {"\x82\x00", "\x80\x80\x04", "\xff\xff\xff\x01"};
    const struct wire_solana spec = {.amount = 1};
    struct lucid_buf bytes = {.bytes_max = 0};
    struct x402_solana_payment payment;
    struct lucid_why why;
    (void)wire_solana_make(&spec, &bytes);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct lucid_buf longer = {.bytes_max = 0};
        lucid_buf_put(&longer, heads[i], i == 0 ? 2 : strlen(heads[i]));
        lucid_buf_put(&longer, bytes.data + 1, bytes.len - 1);
        assert_int_equal(wire_solana_parse(lucid_buf_span(&longer), &payment, &why),
                         LUCID_REFUSE_INVALID);
        assert_non_null(strstr(why.text, "compact-u16"));
        lucid_buf_fini(&longer);
    }
    while (bytes.len <= X402_SOLANA_TRANSACTION_BYTES_MAX) {
        lucid_buf_char(&bytes, 0);
    }
    assert_int_equal(wire_solana_parse(lucid_buf_span(&bytes), &payment, &why),
                     LUCID_REFUSE_INVALID);
    assert_non_null(strstr(why.text, "1232"));
    assert_int_equal(x402_solana_parse(lucid_span_str("AA=A"), &payment, &why),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(x402_solana_parse(lucid_span_str(""), &payment, &why), LUCID_REFUSE_INVALID);
    lucid_buf_fini(&bytes);
}

/* What the official libraries make. */
static void test_clients(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/solana-transactions.json");
    const json_t *cases = vectors_get(root, "transactions");
    size_t index;
    json_t *entry;
    json_array_foreach(cases, index, entry)
    {
        struct x402_solana_payment payment;
        struct lucid_why why = {.code = NULL};
        uint8_t key[X402_SOLANA_KEY_BYTES];
        uint8_t message[LUCID_SHA256_BYTES];
        if (x402_solana_parse(vectors_text(vectors_get(entry, "transaction")), &payment, &why) !=
            LUCID_OK) {
            fail_msg("%s: %s", json_string_value(vectors_get(entry, "id")), why.text);
        }
        wire_solana_key(json_string_value(vectors_get(entry, "fee_payer")), key);
        assert_memory_equal(payment.fee_payer, key, sizeof(key));
        wire_solana_key(json_string_value(vectors_get(entry, "payer")), key);
        assert_memory_equal(payment.payer, key, sizeof(key));
        wire_solana_key(json_string_value(vectors_get(entry, "mint")), key);
        assert_memory_equal(payment.mint, key, sizeof(key));
        assert_int_equal(payment.amount, 12345);
        vectors_bytes(vectors_get(entry, "message_sha256"), message, sizeof(message));
        assert_memory_equal(payment.message, message, sizeof(message));
    }
    assert_int_equal(json_array_size(cases), 8);
    json_decref(root);
}

static void base58_is(const char *hex, size_t len, const char *text)
{
    uint8_t bytes[X402_SOLANA_SIGNATURE_BYTES];
    uint8_t again[X402_SOLANA_SIGNATURE_BYTES];
    struct lucid_buf out = {.bytes_max = 0};
    assert_true(lucid_hex_decode(lucid_span_str(hex), bytes, len));
    x402_base58_write(&out, bytes, len);
    if (!lucid_span_is(lucid_buf_span(&out), text)) {
        fail_msg("%s: %.*s", hex, (int)out.len, (const char *)out.data);
    }
    assert_true(x402_base58_parse(lucid_span_str(text), again, len));
    assert_memory_equal(again, bytes, len);
    lucid_buf_fini(&out);
}

/* The fee payer's signature over that message, and nothing else, shows that it was sent. */
static void test_signed(void **state)
{
    (void)state;
    static const struct wire_solana specs[] = {
        {.legacy = true}, {.lookups = true}, {.required = 3}};
    const struct ledger_ed25519_key fee_payer = wire_solana_fee_payer();
    const struct ledger_ed25519_key payer = wire_solana_payer();
    for (size_t n = 0; n < sizeof(specs) / sizeof(specs[0]); n++) {
        struct lucid_buf bytes = {.bytes_max = 0};
        struct lucid_buf text = {.bytes_max = 0};
        struct lucid_buf forward = {.bytes_max = 0};
        struct x402_solana_payment payment;
        struct lucid_why why;
        uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
        size_t head = wire_solana_make(&specs[n], &bytes);
        assert_int_equal(wire_solana_parse(lucid_buf_span(&bytes), &payment, &why), LUCID_OK);
        lucid_buf_base64(&text, bytes.data, bytes.len);
        lucid_buf_str(&forward, "{\"paymentPayload\":{\"payload\":{\"transaction\":\"");
        lucid_buf_span_put(&forward, lucid_buf_span(&text));
        lucid_buf_str(&forward, "\"}}}");
        assert_true(lucid_buf_ok(&text) && lucid_buf_ok(&forward));
        const struct lucid_span whole = lucid_buf_span(&forward);
        const struct lucid_span message = lucid_span(bytes.data + head, bytes.len - head);

        ledger_ed25519_sign(&payer, message, signature);
        assert_false(x402_solana_signed(lucid_buf_span(&text), &payment, signature));
        assert_false(x402_solana_settled(whole, &payment, signature));
        ledger_ed25519_sign(&fee_payer, lucid_span(message.data, message.len - 1), signature);
        assert_false(x402_solana_signed(lucid_buf_span(&text), &payment, signature));
        ledger_ed25519_sign(&fee_payer, message, signature);
        assert_true(x402_solana_signed(lucid_buf_span(&text), &payment, signature));
        assert_true(x402_solana_settled(whole, &payment, signature));
        for (size_t i = 0; i < sizeof(signature); i++) {
            signature[i] ^= 0x10;
            assert_false(x402_solana_signed(lucid_buf_span(&text), &payment, signature));
            signature[i] ^= 0x10;
        }

        /* Another payment's, and what is no forward. */
        struct x402_solana_payment other = payment;
        other.message[31] ^= 1;
        assert_false(x402_solana_settled(whole, &other, signature));
        other = payment;
        memcpy(other.fee_payer, payment.payer, sizeof(other.fee_payer));
        assert_false(x402_solana_settled(whole, &other, signature));
        assert_false(
            x402_solana_settled(lucid_span(whole.data, whole.len - 1), &payment, signature));
        assert_false(x402_solana_settled(lucid_span(NULL, 0), &payment, signature));
        assert_false(x402_solana_settled(lucid_span_str("{\"paymentPayload\":{\"payload\":{"
                                                        "\"transaction\":7}}}"),
                                         &payment, signature));
        assert_false(x402_solana_signed(lucid_span_str("AA=="), &payment, signature));
        assert_false(x402_solana_signed(lucid_span_str("*"), &payment, signature));
        lucid_buf_fini(&bytes);
        lucid_buf_fini(&text);
        lucid_buf_fini(&forward);
    }
}

static void test_base58(void **state)
{
    (void)state;
    /* From draft-msporny-base58-03, section 5. */
    base58_is("48656c6c6f20576f726c6421", 12, "2NEpo7TZRRrLZSi2U");
    base58_is("0000287fb4cd", 6, "11233QC4");
    base58_is("54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f"
              "672e",
              44, "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
    base58_is("0000000000000000000000000000000000000000000000000000000000000000", 32,
              "11111111111111111111111111111111");
    base58_is("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 32,
              "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG");
    uint8_t key[X402_SOLANA_KEY_BYTES];
    static const char *const bad_texts[] = {
        "",
        "1111111111111111111111111111111",               /* 31 bytes */
        "111111111111111111111111111111111",             /* 33 */
        "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH",  /* 2^256 */
        "1JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG", /* a zero too many */
        "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncD0",  /* 0 is no digit */
        "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDl",  /* nor is l */
        " 4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
        "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
        assert_false(x402_base58_parse(lucid_span_str(bad_texts[i]), key, sizeof(key)));
    }
    assert_false(x402_base58_parse(lucid_span("\0", 1), key, 1));
    for (uint32_t seed = 0; seed < 2000; seed++) {
        uint8_t bytes[X402_SOLANA_SIGNATURE_BYTES] = {0};
        uint8_t again[X402_SOLANA_SIGNATURE_BYTES];
        size_t len = seed % 2 == 0 ? X402_SOLANA_KEY_BYTES : X402_SOLANA_SIGNATURE_BYTES;
        struct evm_hash noise = evm_keccak256(lucid_span(&seed, sizeof(seed)));
        size_t zeros = seed % 5;
        for (size_t i = zeros; i < len; i++) {
            bytes[i] = noise.bytes[i % sizeof(noise.bytes)];
        }
        struct lucid_buf out = {.bytes_max = 0};
        x402_base58_write(&out, bytes, len);
        assert_true(out.len <=
                    (len == 32 ? X402_SOLANA_KEY_TEXT_MAX : X402_SOLANA_SIGNATURE_TEXT_MAX));
        assert_true(x402_base58_parse(lucid_buf_span(&out), again, len));
        assert_memory_equal(again, bytes, len);
        lucid_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_forms),
        cmocka_unit_test(test_clients), cmocka_unit_test(test_base58),
        cmocka_unit_test(test_signed),
    };
    return cmocka_run_group_tests_name("x402 solana", tests, NULL, NULL);
}
