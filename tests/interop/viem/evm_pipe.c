/* Answers one line for each line asked, so that another implementation can compare. Fields are
 * separated by spaces, bytes are "0x…", numbers decimal; what is refused is answered "refused".
 *
 *   keccak BYTES                                            → hash
 *   address ADDRESS                                         → in EIP-55
 *   recover DIGEST SIGNATURE                                → address
 *   sign KEY DIGEST                                         → signature
 *   domain NAME VERSION CHAIN CONTRACT                      → separator (texts as bytes)
 *   authorization SEPARATOR FROM TO VALUE AFTER BEFORE NONCE → digest
 *   proof SEPARATOR TX INDEX PAYTO AMOUNT METHOD RESOURCE BODYHASH CHALLENGE EXPIRES → digest
 *   transaction KEY CHAIN NONCE TIP MAXFEE GAS TO VALUE DATA → signed bytes, hash
 *   settle FROM TO VALUE AFTER BEFORE NONCE SIGNATURE       → call data
 *   transfer TO VALUE                                       → call data */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "x402/evm/abi.h"
#include "x402/evm/transaction.h"

enum { FIELDS_MAX = 12, LINE_MAX_BYTES = 64 * 1024 };

struct fields {
    struct lucid_span items[FIELDS_MAX];
    size_t count;
    size_t next;
};

/* The words of a line; good as long as the line is. */
static void fields_cut(struct fields *fields, struct lucid_span line)
{
    size_t start = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == ' ' || line.data[i] == '\n') {
            lucid_assert(fields->count < FIELDS_MAX);
            fields->items[fields->count++] = lucid_span(line.data + start, i - start);
            start = i + 1;
        }
    }
}

static struct lucid_span take(struct fields *fields)
{
    lucid_assert(fields->next < fields->count);
    return fields->items[fields->next++];
}

static struct lucid_span take_bytes(struct fields *fields, uint8_t *out, size_t max)
{
    struct lucid_span text = take(fields);
    lucid_assert(text.len >= 2 && (text.len - 2) / 2 <= max);
    size_t len = (text.len - 2) / 2;
    lucid_assert(lucid_hex_decode(lucid_span(text.data + 2, text.len - 2), out, len));
    return lucid_span(out, len);
}

static struct evm_hash take_hash(struct fields *fields)
{
    struct evm_hash hash;
    lucid_assert(evm_hash_parse(take(fields), &hash));
    return hash;
}

static struct evm_address take_address(struct fields *fields)
{
    struct evm_address address;
    lucid_assert(evm_address_parse(take(fields), &address));
    return address;
}

static struct evm_u256 take_u256(struct fields *fields)
{
    struct evm_u256 value;
    char again[EVM_U256_DIGITS_MAX + 1];
    struct lucid_span text = take(fields);
    lucid_assert(evm_u256_parse_decimal(text, &value));
    evm_u256_decimal(&value, again);
    lucid_assert(lucid_span_is(text, again));
    return value;
}

static uint64_t take_u64(struct fields *fields)
{
    struct evm_u256 wide = take_u256(fields);
    uint64_t value;
    lucid_assert(evm_u256_u64(&wide, &value));
    return value;
}

static void say_bytes(struct lucid_span data)
{
    printf("0x");
    for (size_t i = 0; i < data.len; i++) {
        printf("%02x", data.data[i]);
    }
}

static void say_hash(struct evm_hash hash)
{
    say_bytes(lucid_span(hash.bytes, sizeof(hash.bytes)));
}

static void ask_keccak(struct fields *fields)
{
    static uint8_t data[LINE_MAX_BYTES / 2];
    say_hash(evm_keccak256(take_bytes(fields, data, sizeof(data))));
}

static void say_address(const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(address, text);
    printf("%s", text);
}

static void ask_address(struct fields *fields)
{
    struct evm_address address = take_address(fields);
    say_address(&address);
}

static struct evm_signature take_signature(struct fields *fields)
{
    struct evm_signature signature;
    lucid_assert(take_bytes(fields, signature.bytes, sizeof(signature.bytes)).len ==
                 sizeof(signature.bytes));
    return signature;
}

static void ask_recover(struct fields *fields)
{
    struct evm_hash digest = take_hash(fields);
    struct evm_signature signature = take_signature(fields);
    struct evm_address signer;
    if (evm_recover(&digest, &signature, &signer) == LUCID_OK) {
        say_address(&signer);
    } else {
        printf("refused");
    }
}

static struct evm_key take_key(struct fields *fields)
{
    struct evm_key key;
    lucid_assert(evm_key_parse(take(fields), &key) == LUCID_OK);
    return key;
}

static void ask_sign(struct fields *fields)
{
    struct evm_key key = take_key(fields);
    struct evm_hash digest = take_hash(fields);
    struct evm_signature signature;
    evm_sign(&key, &digest, &signature);
    say_bytes(lucid_span(signature.bytes, sizeof(signature.bytes)));
}

static void ask_domain(struct fields *fields)
{
    static uint8_t name[1024];
    static uint8_t version[1024];
    struct lucid_span name_span = take_bytes(fields, name, sizeof(name));
    struct lucid_span version_span = take_bytes(fields, version, sizeof(version));
    uint64_t chain = take_u64(fields);
    struct evm_address contract = take_address(fields);
    say_hash(evm_domain_separator(name_span, version_span, chain, &contract));
}

static struct evm_authorization take_authorization(struct fields *fields)
{
    struct evm_authorization authorization;
    authorization.from = take_address(fields);
    authorization.to = take_address(fields);
    authorization.value = take_u256(fields);
    authorization.valid_after = take_u256(fields);
    authorization.valid_before = take_u256(fields);
    authorization.nonce = take_hash(fields);
    return authorization;
}

static void ask_authorization(struct fields *fields)
{
    struct evm_hash separator = take_hash(fields);
    struct evm_authorization authorization = take_authorization(fields);
    say_hash(evm_authorization_digest(&separator, &authorization));
}

static void ask_proof(struct fields *fields)
{
    static uint8_t method[64];
    static uint8_t resource[4096];
    struct evm_hash separator = take_hash(fields);
    struct evm_payment_proof proof;
    proof.transaction = take_hash(fields);
    proof.log_index = take_u64(fields);
    proof.pay_to = take_address(fields);
    proof.amount = take_u256(fields);
    proof.method = take_bytes(fields, method, sizeof(method));
    proof.resource = take_bytes(fields, resource, sizeof(resource));
    proof.body_hash = take_hash(fields);
    proof.challenge = take_hash(fields);
    proof.expires = take_u64(fields);
    say_hash(evm_payment_proof_digest(&separator, &proof));
}

static void ask_transaction(struct fields *fields)
{
    static uint8_t data[LINE_MAX_BYTES / 2];
    struct evm_key key = take_key(fields);
    struct evm_transaction transaction;
    transaction.chain_id = take_u64(fields);
    transaction.nonce = take_u64(fields);
    transaction.tip_wei = take_u64(fields);
    transaction.max_fee_wei = take_u64(fields);
    transaction.gas_limit = take_u64(fields);
    transaction.to = take_address(fields);
    transaction.value = take_u256(fields);
    transaction.data = take_bytes(fields, data, sizeof(data));
    struct lucid_buf raw = {.bytes_max = 0};
    struct evm_hash hash;
    lucid_assert(evm_transaction_sign(&key, &transaction, &raw, &hash) == LUCID_OK);
    say_bytes(lucid_buf_span(&raw));
    printf(" ");
    say_hash(hash);
    lucid_buf_fini(&raw);
}

static void ask_settle(struct fields *fields)
{
    struct evm_authorization authorization = take_authorization(fields);
    struct evm_signature signature = take_signature(fields);
    struct evm_calldata call;
    evm_call_transfer_with_authorization(&authorization, &signature, &call);
    say_bytes(evm_calldata_span(&call));
}

static void ask_transfer(struct fields *fields)
{
    struct evm_address to = take_address(fields);
    struct evm_u256 value = take_u256(fields);
    struct evm_calldata call;
    evm_call_transfer(&to, &value, &call);
    say_bytes(evm_calldata_span(&call));
}

static void answer(struct fields *fields)
{
    static const struct {
        const char *name;
        void (*ask)(struct fields *fields);
    } verbs[] = {
        {"keccak", ask_keccak},   {"address", ask_address},
        {"recover", ask_recover}, {"sign", ask_sign},
        {"domain", ask_domain},   {"authorization", ask_authorization},
        {"proof", ask_proof},     {"transaction", ask_transaction},
        {"settle", ask_settle},   {"transfer", ask_transfer},
    };
    struct lucid_span verb = take(fields);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (lucid_span_is(verb, verbs[i].name)) {
            verbs[i].ask(fields);
            lucid_assert(fields->next == fields->count);
            printf("\n");
            return;
        }
    }
    fprintf(stderr, "evm_pipe: unknown verb\n");
    exit(2);
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    lucid_assert(evm_sign_open() == LUCID_OK);
    lucid_assert(setvbuf(stdout, NULL, _IOLBF, 0) == 0); /* each answer at once */
    while (fgets(line, sizeof(line), stdin) != NULL) {
        struct fields fields = {.count = 0};
        fields_cut(&fields, lucid_span_str(line));
        answer(&fields);
    }
    return 0;
}
