/* Transactions of Solana made by hand: a partly signed USDC transfer as clients of x402 make it,
 * and what can be wrong with one. Header only. */
#ifndef LUCID_TESTS_UNIT_X402_WIRE_SOLANA_H
#define LUCID_TESTS_UNIT_X402_WIRE_SOLANA_H

#include "ledger/ed25519.h"
#include "tests/unit/x402/wire_world.h"

#define SOLANA_TOKEN_PROGRAM  "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
#define SOLANA_TOKEN_2022     "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
#define SOLANA_BUDGET_PROGRAM "ComputeBudget111111111111111111111111111111"
#define SOLANA_MINT_DEVNET    "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
#define SOLANA_NETWORK_DEVNET "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"

/* The accounts, by their place in the message. */
enum {
    SOLANA_FEE_PAYER,
    SOLANA_PAYER,
    SOLANA_SOURCE,
    SOLANA_DESTINATION,
    SOLANA_MINT,
    SOLANA_TOKEN,
    SOLANA_BUDGET,
    SOLANA_ACCOUNTS,
};

/* Zero but for the version: a good one of 10,000 units. */
struct wire_solana {
    bool legacy;
    uint8_t version; /* added to 0 */
    bool lookups;    /* one table, of which nothing is used */
    uint64_t amount; /* 0: 10,000 */
    int transfers;   /* besides the one: −1 none, 1 a second */
    const char *token_program;
    uint8_t opcode; /* 0: 12 */
    uint8_t decimals;
    int account_of[4]; /* of the transfer: instead of source, mint, destination, authority; 0: not
                          changed; else the index + 1 */
    int same_key;      /* that account is the one before it, too */
    size_t drop_accounts; /* of the transfer, from its end */
    uint8_t required;     /* signatures; 0: 2 */
    uint8_t readonly_signed;
    int program_index; /* of the first instruction; 0: the budget's */
    bool unsigned_payer;
    const struct ledger_ed25519_key *fee_payer; /* NULL: wire_solana_fee_payer */
    bool durable; /* its first instruction advances a nonce; the budget's program is the system's */
};

static inline void wire_solana_key(const char *text, uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    assert_true(x402_base58_parse(lucid_span_str(text), ret, X402_SOLANA_KEY_BYTES));
}

static inline struct ledger_ed25519_key wire_solana_key_of(const char *name)
{
    struct ledger_ed25519_key key;
    struct evm_hash seed = evm_keccak256(lucid_span_str(name));
    ledger_ed25519_key_init(seed.bytes, &key);
    return key;
}

static inline struct ledger_ed25519_key wire_solana_payer(void)
{
    return wire_solana_key_of("lucid-ledger test key: solana payer");
}

static inline struct ledger_ed25519_key wire_solana_fee_payer(void)
{
    return wire_solana_key_of("lucid-ledger test key: solana fee payer");
}

static inline void wire_solana_account(const struct wire_solana *spec, int which,
                                       uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    const struct ledger_ed25519_key key =
        which == SOLANA_FEE_PAYER ? wire_solana_fee_payer() : wire_solana_payer();
    if (spec->same_key > 0 && which == spec->same_key) {
        wire_solana_account(spec, which - 1, ret);
        return;
    }
    if (spec->fee_payer != NULL && which == SOLANA_FEE_PAYER) {
        memcpy(ret, spec->fee_payer->public_key, X402_SOLANA_KEY_BYTES);
        return;
    }
    switch (which) {
    case SOLANA_FEE_PAYER:
    case SOLANA_PAYER:
        memcpy(ret, key.public_key, X402_SOLANA_KEY_BYTES);
        break;
    case SOLANA_MINT:
        wire_solana_key(SOLANA_MINT_DEVNET, ret);
        break;
    case SOLANA_TOKEN:
        wire_solana_key(spec->token_program != NULL ? spec->token_program : SOLANA_TOKEN_PROGRAM,
                        ret);
        break;
    case SOLANA_BUDGET:
        wire_solana_key(spec->durable ? "11111111111111111111111111111111" : SOLANA_BUDGET_PROGRAM,
                        ret);
        break;
    default:
        memset(ret, 0xa0 + which, X402_SOLANA_KEY_BYTES);
        break;
    }
}

static inline void wire_solana_transfer(const struct wire_solana *spec, struct lucid_buf *out)
{
    static const uint8_t usual[4] = {SOLANA_SOURCE, SOLANA_MINT, SOLANA_DESTINATION, SOLANA_PAYER};
    uint64_t amount = spec->amount == 0 ? 10000 : spec->amount;
    lucid_buf_char(out, SOLANA_TOKEN);
    lucid_buf_char(out, (char)(4 - spec->drop_accounts));
    for (size_t i = 0; i < 4 - spec->drop_accounts; i++) {
        lucid_buf_char(out, (char)(spec->account_of[i] > 0 ? spec->account_of[i] - 1 : usual[i]));
    }
    lucid_buf_char(out, 10);
    lucid_buf_char(out, spec->opcode == 0 ? 12 : (char)spec->opcode);
    for (int i = 0; i < 8; i++) {
        lucid_buf_char(out, (char)(amount >> (8 * i) & 0xff));
    }
    lucid_buf_char(out, (char)(spec->decimals == 0 ? 6 : spec->decimals));
}

static inline void wire_solana_message(const struct wire_solana *spec, struct lucid_buf *out)
{
    static const uint8_t blockhash[X402_SOLANA_KEY_BYTES] = {7, 7, 7};
    if (!spec->legacy) {
        lucid_buf_char(out, (char)(0x80 + spec->version));
    }
    lucid_buf_char(out, (char)(spec->required == 0 ? 2 : spec->required));
    lucid_buf_char(out, (char)spec->readonly_signed);
    lucid_buf_char(out, 3);
    lucid_buf_char(out, SOLANA_ACCOUNTS);
    for (int i = 0; i < SOLANA_ACCOUNTS; i++) {
        uint8_t key[X402_SOLANA_KEY_BYTES];
        wire_solana_account(spec, i, key);
        lucid_buf_put(out, key, sizeof(key));
    }
    lucid_buf_put(out, blockhash, sizeof(blockhash));
    lucid_buf_char(out, (char)(3 + spec->transfers));
    lucid_buf_char(out, (char)(spec->program_index > 0 ? spec->program_index : SOLANA_BUDGET));
    if (spec->durable) {
        lucid_buf_put(out, "\0\4\4\0\0\0", 6);
    } else {
        lucid_buf_put(out, "\0\5\2\x40\x0d\3\0", 7); /* so many units at most */
    }
    lucid_buf_char(out, SOLANA_BUDGET);
    lucid_buf_put(out, "\0\x9\3\1\0\0\0\0\0\0\0", 11); /* at that price */
    for (int i = 0; i < 1 + spec->transfers; i++) {
        wire_solana_transfer(spec, out);
    }
    if (!spec->legacy) {
        lucid_buf_char(out, spec->lookups ? 1 : 0);
        if (spec->lookups) {
            lucid_buf_put(out, blockhash, sizeof(blockhash));
            lucid_buf_put(out, "\1\0\2\1\2", 5);
        }
    }
}

/* The transaction's bytes. Returns where its message begins. */
static inline size_t wire_solana_make(const struct wire_solana *spec, struct lucid_buf *out)
{
    static const uint8_t none[X402_SOLANA_SIGNATURE_BYTES];
    const struct ledger_ed25519_key key = wire_solana_payer();
    const size_t signatures = spec->required == 0 ? 2 : spec->required;
    struct lucid_buf message = {.bytes_max = 0};
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    wire_solana_message(spec, &message);
    assert_true(lucid_buf_ok(&message));
    ledger_ed25519_sign(&key, lucid_buf_span(&message), signature);
    lucid_buf_clear(out);
    lucid_buf_char(out, (char)signatures);
    for (size_t i = 0; i < signatures; i++) {
        bool payers = i == SOLANA_PAYER && !spec->unsigned_payer;
        lucid_buf_put(out, payers ? signature : none, sizeof(none));
    }
    lucid_buf_span_put(out, lucid_buf_span(&message));
    lucid_buf_fini(&message);
    assert_true(lucid_buf_ok(out));
    return 1 + signatures * X402_SOLANA_SIGNATURE_BYTES;
}

static inline enum lucid_error
wire_solana_parse(struct lucid_span bytes, struct x402_solana_payment *ret, struct lucid_why *why)
{
    struct lucid_buf text = {.bytes_max = 0};
    *why = (struct lucid_why){.code = NULL};
    lucid_buf_base64(&text, bytes.data, bytes.len);
    assert_true(lucid_buf_ok(&text));
    enum lucid_error error = x402_solana_parse(lucid_buf_span(&text), ret, why);
    assert_true(error == LUCID_OK || error == LUCID_REFUSE_INVALID);
    assert_true(error == LUCID_OK || why->text[0] != '\0');
    lucid_buf_fini(&text);
    return error;
}

/* The text of a payment of that version by it. */
static inline char *wire_solana_payment(const struct wire_solana *spec, bool v2,
                                        const char *accepted, const char *extensions)
{
    struct lucid_buf bytes = {.bytes_max = 0};
    struct lucid_buf json = {.bytes_max = 0};
    (void)wire_solana_make(spec, &bytes);
    if (v2) {
        lucid_buf_printf(&json, "{\"x402Version\":2,\"accepted\":%s,\"extensions\":%s,", accepted,
                         extensions);
    } else {
        lucid_buf_str(&json,
                      "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"solana-devnet\",");
    }
    lucid_buf_str(&json, "\"payload\":{\"transaction\":\"");
    lucid_buf_base64(&json, bytes.data, bytes.len);
    lucid_buf_str(&json, "\"}}");
    lucid_buf_char(&json, '\0');
    assert_true(lucid_buf_ok(&json));
    lucid_buf_fini(&bytes);
    return (char *)json.data;
}

#endif
