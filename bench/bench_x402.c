/* What a payment costs before any network is asked, beside the one thing in it that cannot be had
 * cheaper: the recovery of its signer.
 *
 *   bench_x402 [--check] [--rounds N]
 *
 * For each header: its value is parsed (base64, JSON, shapes), matched against the offer (hashing,
 * recovery, the challenge's MAC), its request digested, its key claimed in the in-process store and
 * released. Payments are of the size that the official clients send, each with a nonce of its own.
 * Both sides take turns of some 30 ms, eight in each of N rounds (5); rates are of the thread's CPU
 * time, the ratio is that of the medians. --check exits 1 when a header is below 0.70 of bare
 * recovery. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "bench/receipts.h"
#include "x402/offer.h"
#include "x402/spent.h"

enum { PAYMENTS = 512, REPEATS = 8, ROUNDS_MAX = 99, FORMS = 3 };

static const double ratio_min = 0.70;
#define NOW_MS   ((uint64_t)1795290259 * 1000)
#define RESOURCE "https://lucid.example/v1/receipts/0123456789abcdef/proof"

struct payment {
    struct lucid_buf headers[FORMS];
    uint8_t digest[32];
    secp256k1_ecdsa_recoverable_signature signature;
};

/* One timer, fired by hand: what the store answers with. */
struct hand_loop {
    struct lucid_loop loop;
    struct lucid_timer *due;
};

struct bench {
    struct hand_loop loop;
    struct x402_spent *spent;
    struct x402_network network;
    struct x402_keys *keys;
    struct x402_offer offer;
    struct evm_key payer;
    struct lucid_arena arena;
    secp256k1_context *context;
    struct payment payments[PAYMENTS];
};

/* CPU time, so that other work on the machine disturbs little. */
static double now_ns(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* --- the store --- */

static enum lucid_error hand_set(void *context, struct lucid_timer *timer, uint64_t after_ms)
{
    struct hand_loop *loop = context;
    (void)after_ms;
    loop->due = timer;
    return LUCID_OK;
}

static void hand_clear(void *context, struct lucid_timer *timer)
{
    struct hand_loop *loop = context;
    loop->due = loop->due == timer ? NULL : loop->due;
}

static enum lucid_error log_find(void *context, struct lucid_span key,
                                 uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                 uint8_t ret_digest[32], bool *ret_pending)
{
    (void)context;
    (void)key;
    (void)ret_payment_id;
    (void)ret_digest;
    (void)ret_pending;
    return LUCID_NOTE_ABSENT;
}

static enum lucid_error log_next(void *context, struct lucid_span after, struct x402_spent_key *ret,
                                 uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                 uint8_t ret_digest[32], bool *ret_pending)
{
    (void)context;
    (void)after;
    (void)ret;
    (void)ret_payment_id;
    (void)ret_digest;
    (void)ret_pending;
    return LUCID_NOTE_ABSENT;
}

static void claim_done(struct x402_claim *claim)
{
    claim->owner = NULL;
}

static void claim_ask(struct bench *bench, struct x402_claim *claim)
{
    claim->owner = bench;
    x402_spent_ask(bench->spent, claim);
    while (claim->owner != NULL) {
        struct lucid_timer *timer = bench->loop.due;
        lucid_assert(timer != NULL);
        bench->loop.due = NULL;
        timer->fire(timer);
    }
}

/* --- the payments --- */

static void authorization_json(const struct evm_authorization *authorization,
                               const struct evm_signature *signature, struct lucid_buf *out)
{
    char from[EVM_ADDRESS_TEXT_BYTES + 1];
    char to[EVM_ADDRESS_TEXT_BYTES + 1];
    char nonce[EVM_HASH_TEXT_BYTES + 1];
    evm_address_eip55(&authorization->from, from);
    evm_address_eip55(&authorization->to, to);
    evm_hash_text(&authorization->nonce, nonce);
    lucid_buf_printf(out,
                     "\"payload\":{\"authorization\":{\"from\":\"%s\",\"to\":\"%s\",\"value\":"
                     "\"10000\",\"validAfter\":\"0\",\"validBefore\":\"1795290319\",\"nonce\":"
                     "\"%s\"},\"signature\":\"0x",
                     from, to, nonce);
    lucid_buf_hex(out, signature->bytes, sizeof(signature->bytes));
    lucid_buf_str(out, "\"}");
}

static void header_set(struct lucid_buf *json, struct lucid_buf *out)
{
    lucid_buf_base64(out, json->data, json->len);
    lucid_assert(lucid_buf_ok(json) && lucid_buf_ok(out));
    lucid_buf_clear(json);
}

static void authorization_make(struct bench *bench, uint64_t index, struct payment *ret)
{
    struct evm_authorization authorization = {.from = bench->payer.address,
                                              .to = bench->offer.terms.pay_to,
                                              .value = evm_u256_of(10000),
                                              .valid_before = evm_u256_of(1795290319)};
    struct evm_signature signature;
    struct lucid_buf json = {.bytes_max = 0};
    lucid_sha256(lucid_span(&index, sizeof(index)), authorization.nonce.bytes);
    struct evm_hash digest = evm_authorization_digest(&bench->network.separator, &authorization);
    evm_sign(&bench->payer, &digest, &signature);
    memcpy(ret->digest, digest.bytes, sizeof(ret->digest));
    lucid_assert(secp256k1_ecdsa_recoverable_signature_parse_compact(
                     bench->context, &ret->signature, signature.bytes, signature.bytes[64] - 27) ==
                 1);
    lucid_buf_str(&json, "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\",");
    authorization_json(&authorization, &signature, &json);
    lucid_buf_char(&json, '}');
    header_set(&json, &ret->headers[X402_FORM_V1]);
    lucid_buf_str(&json, "{\"x402Version\":2,");
    authorization_json(&authorization, &signature, &json);
    lucid_buf_str(&json, ",\"extensions\":{},\"resource\":{\"url\":\"" RESOURCE
                         "\",\"description\":\"inclusion proof\",\"mimeType\":\"application/json\"}"
                         ",\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:84532\","
                         "\"amount\":\"10000\",\"asset\":"
                         "\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\",\"payTo\":"
                         "\"0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82\",\"maxTimeoutSeconds\":60,"
                         "\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}}");
    header_set(&json, &ret->headers[X402_FORM_V2]);
    lucid_buf_fini(&json);
}

static void proof_make(struct bench *bench, uint64_t index, struct payment *ret)
{
    const struct x402_terms *terms = &bench->offer.terms;
    struct x402_challenge challenge;
    struct evm_signature signature;
    struct lucid_buf json = {.bytes_max = 0};
    uint8_t random[X402_CHALLENGE_RANDOM_BYTES];
    lucid_random(random, sizeof(random));
    x402_challenge_make(bench->keys, terms, NOW_MS + index, 300, random, &challenge);
    struct evm_payment_proof proof = {.log_index = index % 4,
                                      .pay_to = terms->pay_to,
                                      .amount = evm_u256_of(terms->amount),
                                      .method = terms->method,
                                      .resource = terms->resource,
                                      .challenge = x402_challenge_hash(&challenge),
                                      .expires = x402_challenge_expires(&challenge)};
    lucid_sha256(lucid_span(&index, sizeof(index)), proof.transaction.bytes);
    memcpy(proof.body_hash.bytes, terms->body_sha256, sizeof(proof.body_hash.bytes));
    struct evm_hash digest = evm_payment_proof_digest(&bench->network.proof_separator, &proof);
    evm_sign(&bench->payer, &digest, &signature);
    lucid_buf_str(&json, "{\"network\":\"eip155:84532\",\"transaction\":\"0x");
    lucid_buf_hex(&json, proof.transaction.bytes, sizeof(proof.transaction.bytes));
    lucid_buf_printf(&json, "\",\"logIndex\":%llu,\"challenge\":\"%s\",\"signature\":\"0x",
                     (unsigned long long)proof.log_index, challenge.text);
    lucid_buf_hex(&json, signature.bytes, sizeof(signature.bytes));
    lucid_buf_str(&json, "\"}");
    header_set(&json, &ret->headers[X402_FORM_PROOF]);
    lucid_buf_fini(&json);
}

static void setup(struct bench *bench)
{
    static const struct lucid_loop_ops ops = {.timer_set = hand_set, .timer_clear = hand_clear};
    static const struct x402_spent_log empty = {.find = log_find, .next = log_next};
    struct lucid_buf file = {.bytes_max = 0};
    bench->loop.loop = (struct lucid_loop){.ops = &ops, .context = &bench->loop};
    lucid_assert(evm_sign_open() == LUCID_OK);
    lucid_assert(x402_spent_memory_open(&bench->loop.loop, &empty, &bench->spent) == LUCID_OK);
    lucid_assert(x402_network_known(lucid_span_str("base-sepolia"), &bench->network));
    x402_keys_add(&file, NOW_MS);
    lucid_assert(x402_keys_parse(lucid_buf_span(&file), &bench->keys, NULL) == LUCID_OK);
    lucid_buf_fini(&file);
    lucid_arena_init(&bench->arena, X402_PROOF_ARENA_BYTES);
    bench->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    lucid_assert(bench->context != NULL);
    bench->offer = (struct x402_offer){
        .terms = {.origin = lucid_span_str("lucid.example/log"),
                  .asset = lucid_span_str("proof"),
                  .network = &bench->network,
                  .amount = 10000,
                  .price_version = 1,
                  .method = lucid_span_str("GET"),
                  .resource = lucid_span_str(RESOURCE),
                  .path = lucid_span_str("/v1/receipts/0123456789abcdef/proof")},
        .timeout_seconds = 60,
        .authorizations = true,
    };
    lucid_assert(evm_address_parse(lucid_span_str("0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82"),
                                   &bench->offer.terms.pay_to));
    lucid_assert(evm_key_parse(lucid_span_str("11111111111111111111111111111111"
                                              "11111111111111111111111111111111"),
                               &bench->payer) == LUCID_OK);
    for (uint64_t i = 0; i < PAYMENTS; i++) {
        authorization_make(bench, i, &bench->payments[i]);
        proof_make(bench, i, &bench->payments[i]);
    }
}

static void fini(struct bench *bench)
{
    for (size_t i = 0; i < PAYMENTS; i++) {
        for (size_t form = 0; form < FORMS; form++) {
            lucid_buf_fini(&bench->payments[i].headers[form]);
        }
    }
    secp256k1_context_destroy(bench->context);
    lucid_arena_fini(&bench->arena);
    x402_keys_close(bench->keys);
    x402_spent_close(bench->spent);
}

/* --- the two sides --- */

static void recover_all(struct bench *bench)
{
    for (size_t i = 0; i < PAYMENTS; i++) {
        secp256k1_pubkey key;
        lucid_assert(secp256k1_ecdsa_recover(bench->context, &key, &bench->payments[i].signature,
                                             bench->payments[i].digest) == 1);
    }
}

static void key_write(const struct bench *bench, const struct x402_proof *proof,
                      struct x402_spent_key *ret)
{
    char token[EVM_ADDRESS_TEXT_BYTES + 1];
    char from[EVM_ADDRESS_TEXT_BYTES + 1];
    char hash[EVM_HASH_TEXT_BYTES + 1];
    if (proof->form == X402_FORM_PROOF) {
        evm_hash_text(&proof->transaction, hash);
        snprintf(ret->text, sizeof(ret->text), "%s/%s/%llu", bench->network.caip2, hash,
                 (unsigned long long)proof->log_index);
        return;
    }
    evm_address_text(&bench->network.token, token);
    evm_address_text(&proof->authorization.from, from);
    evm_hash_text(&proof->authorization.nonce, hash);
    snprintf(ret->text, sizeof(ret->text), "%s/%s/%s/%s", bench->network.caip2, token, from, hash);
}

static void check_one(struct bench *bench, enum x402_form form, const struct lucid_buf *header)
{
    struct x402_proof proof;
    struct x402_match match;
    struct x402_claim claim = {.verb = X402_SPENT_CLAIM, .key_count = 1, .done = claim_done};
    lucid_arena_reset(&bench->arena);
    lucid_assert(x402_proof_parse(form, lucid_buf_span(header), &bench->arena, &proof, NULL) ==
                 LUCID_OK);
    if (form == X402_FORM_PROOF) {
        x402_proof_match(bench->keys, &bench->offer, &proof, &match);
    } else {
        x402_authorization_match(&bench->offer, &proof, NOW_MS, &match);
    }
    lucid_assert(match.verdict == X402_FITS &&
                 memcmp(&match.payer, &bench->payer.address, sizeof(match.payer)) == 0);
    x402_request_digest(&bench->offer.terms, claim.digest);
    key_write(bench, &proof, &claim.keys[0]);
    claim_ask(bench, &claim);
    lucid_assert(claim.outcome == X402_CLAIMED);
    claim.verb = X402_SPENT_RELEASE;
    claim_ask(bench, &claim);
}

static void check_all(struct bench *bench, enum x402_form form)
{
    for (size_t i = 0; i < PAYMENTS; i++) {
        check_one(bench, form, &bench->payments[i].headers[form]);
    }
}

static int compare(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), compare);
    return values[count / 2];
}

/* Nanoseconds each. */
static bool measure(struct bench *bench, enum x402_form form, size_t rounds)
{
    double bare[ROUNDS_MAX];
    double whole[ROUNDS_MAX];
    for (size_t round = 0; round < rounds; round++) {
        bare[round] = 0;
        whole[round] = 0;
        for (int i = 0; i < REPEATS; i++) { /* short turns: a disturbance meets both */
            double start = now_ns();
            recover_all(bench);
            double middle = now_ns();
            check_all(bench, form);
            bare[round] += (middle - start) / (PAYMENTS * REPEATS);
            whole[round] += (now_ns() - middle) / (PAYMENTS * REPEATS);
        }
    }
    double bare_ns = median(bare, rounds);
    double whole_ns = median(whole, rounds);
    double ratio = bare_ns / whole_ns;
    printf("bench_x402 %s: checks/s %.0f (%.1f us), recover/s %.0f (%.1f us), ratio %.2f (need >= "
           "%.2f)\n",
           x402_form_header(form), 1e9 / whole_ns, whole_ns / 1e3, 1e9 / bare_ns, bare_ns / 1e3,
           ratio, ratio_min);
    return ratio >= ratio_min;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bool check = false;
    size_t rounds = 5;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = bench_number(argv[i], argv[i + 1]);
            i++;
        } else {
            fprintf(stderr, "usage: bench_x402 [--check] [--rounds N]\n");
            return 2;
        }
    }
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "bench_x402: --rounds is 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    setup(&bench);
    bool good = true;
    for (enum x402_form form = X402_FORM_V1; form <= X402_FORM_PROOF; form++) {
        good = measure(&bench, form, rounds) && good;
    }
    fini(&bench);
    return check && !good ? 1 : 0;
}
