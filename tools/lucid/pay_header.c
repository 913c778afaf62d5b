/* The payment headers, signed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "tools/lucid/pay.h"

uint64_t pay_now_s(const struct pay *pay)
{
    return lucid_wall_ms(&pay->clock) / 1000;
}

static enum cli_exit no_memory(struct pay *pay)
{
    return cli_fail(pay->cli, CLI_REFUSED, NULL, NULL, "out of memory");
}

/* The document as the header's value: base64 of its JSON. Decrefs it. */
static enum cli_exit value_write(struct pay *pay, json_t *document, struct lucid_buf *out)
{
    char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    lucid_buf_clear(out);
    if (text != NULL) {
        lucid_buf_base64(out, text, strlen(text));
    }
    bool ok = text != NULL && lucid_buf_ok(out);
    free(text);
    return ok ? CLI_OK : no_memory(pay);
}

static json_t *address_json(const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(address, text);
    return json_string(text);
}

static json_t *hash_json(const struct evm_hash *hash)
{
    char text[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(hash, text);
    return json_string(text);
}

static json_t *u256_json(const struct evm_u256 *value)
{
    char text[EVM_U256_DIGITS_MAX + 1];
    evm_u256_decimal(value, text);
    return json_string(text);
}

static json_t *signature_json(const struct evm_signature *signature)
{
    char text[2 + 2 * EVM_SIGNATURE_BYTES + 1] = "0x";
    lucid_hex_encode(signature->bytes, sizeof(signature->bytes), text + 2);
    text[sizeof(text) - 1] = '\0';
    return json_string(text);
}

static struct evm_hash separator_of(const struct pay_terms *terms)
{
    return evm_domain_separator(lucid_span_str(terms->token_name),
                                lucid_span_str(terms->token_version), terms->chain_id,
                                &terms->token);
}

/* Good from now on until the offer's time is over. */
static struct evm_authorization authorization_of(const struct pay *pay, uint64_t before)
{
    return (struct evm_authorization){.from = pay->payer,
                                      .to = pay->terms.pay_to,
                                      .value = evm_u256_of(pay->terms.amount),
                                      .valid_after = evm_u256_of(0),
                                      .valid_before = evm_u256_of(before)};
}

struct evm_authorization pay_bound_authorization(const struct pay *pay)
{
    struct evm_authorization authorization = authorization_of(pay, pay->terms.expires + 1);
    authorization.nonce = evm_keccak256(lucid_span_str(pay->terms.challenge));
    return authorization;
}

static json_t *payload_json(const struct pay *pay, const struct evm_authorization *authorization)
{
    struct evm_signature signature;
    struct evm_hash separator = separator_of(&pay->terms);
    struct evm_hash digest = evm_authorization_digest(&separator, authorization);
    evm_sign(pay->key, &digest, &signature);
    return json_pack(
        "{s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o}}", "signature", signature_json(&signature),
        "authorization", "from", address_json(&authorization->from), "to",
        address_json(&authorization->to), "value", u256_json(&authorization->value), "validAfter",
        u256_json(&authorization->valid_after), "validBefore",
        u256_json(&authorization->valid_before), "nonce", hash_json(&authorization->nonce));
}

/* The offer's extensions come back; payment-identifier gets the id that it asks for. */
static json_t *extensions_json(const struct pay *pay, const struct evm_hash *nonce)
{
    json_t *extensions = json_deep_copy(pay->terms.extensions);
    json_t *identifier = json_object_get(extensions, "payment-identifier");
    json_t *info = json_object_get(identifier, "info");
    if (json_is_object(info)) {
        char id[4 + 32 + 1] = "pay_";
        lucid_hex_encode(nonce->bytes, 16, id + 4);
        id[sizeof(id) - 1] = '\0';
        (void)json_object_set_new(info, "id", json_string(id));
    }
    return extensions;
}

enum cli_exit pay_header_sign(struct pay *pay)
{
    struct pay_terms *terms = &pay->terms;
    lucid_assert(pay->key != NULL && terms->via != PAY_PROOF);
    struct evm_authorization authorization =
        authorization_of(pay, pay_now_s(pay) + terms->timeout_s);
    lucid_random(authorization.nonce.bytes, sizeof(authorization.nonce.bytes));
    json_t *document;
    if (terms->via == PAY_V1) {
        document = json_pack("{s:i, s:s, s:s, s:o}", "x402Version", 1, "scheme", "exact", "network",
                             terms->network, "payload", payload_json(pay, &authorization));
    } else {
        document = json_pack("{s:i, s:O, s:o}", "x402Version", 2, "accepted", terms->accepted,
                             "payload", payload_json(pay, &authorization));
        if (json_is_object(terms->resource)) {
            (void)json_object_set(document, "resource", terms->resource);
        }
        if (json_is_object(terms->extensions)) {
            (void)json_object_set_new(document, "extensions",
                                      extensions_json(pay, &authorization.nonce));
        }
    }
    return value_write(pay, document, &pay->header);
}

static struct evm_signature proof_sign(const struct pay *pay)
{
    const struct pay_terms *terms = &pay->terms;
    struct evm_payment_proof proof = {.transaction = pay->transaction,
                                      .log_index = pay->log_index,
                                      .pay_to = terms->pay_to,
                                      .amount = evm_u256_of(terms->amount),
                                      .method = lucid_span_str(pay->method),
                                      .resource = lucid_span_str(terms->signed_resource),
                                      .challenge = evm_keccak256(lucid_span_str(terms->challenge)),
                                      .expires = terms->expires};
    struct evm_hash separator = evm_domain_separator(
        lucid_span_str("Lucid ledger"), lucid_span_str("1"), terms->chain_id, &terms->token);
    struct evm_signature signature;
    lucid_sha256(lucid_buf_span(&pay->body), proof.body_hash.bytes);
    struct evm_hash digest = evm_payment_proof_digest(&separator, &proof);
    evm_sign(pay->key, &digest, &signature);
    return signature;
}

enum cli_exit pay_proof_write(struct pay *pay, struct lucid_buf *out)
{
    lucid_assert(pay->has_log_index && pay->terms.via == PAY_PROOF);
    json_t *document = json_pack("{s:s, s:o, s:I, s:s}", "network", pay->terms.network,
                                 "transaction", hash_json(&pay->transaction), "logIndex",
                                 (json_int_t)pay->log_index, "challenge", pay->terms.challenge);
    if (!pay->bind_nonce) {
        if (pay->key == NULL) {
            json_decref(document);
            return cli_fail(pay->cli, CLI_USAGE, NULL, "key-file",
                            "--key-file is needed to sign the proof");
        }
        struct evm_signature signature = proof_sign(pay);
        (void)json_object_set_new(document, "signature", signature_json(&signature));
    }
    return value_write(pay, document, out);
}
