/* What an appraisal costs beside the signature checks that it cannot do without.
 *
 *   bench_appraise [--check] [--rounds N] [--vectors DIR]
 *
 * For each recorded evidence of DIR (tests/vectors/attestation):
 *
 *   known  appraisal_run from bytes to claims: the report and its certificate come as bytes, every
 *          step runs, the claims are written in canonical form, everything is freed. The
 * certificate was read before (plugins/verifier/crypto/x509_memo.c), as that of a machine that is
 * appraised again; its signature is checked all the same first  the same, but what was read before
 * is forgotten each time: the first appraisal of a machine bare   the same signatures by libcrypto
 * alone: keys decoded, contexts made, padding and hash set, signatures in DER beforehand; what is
 * left is hashing the message and the check
 *
 * Counted are the signatures that every appraisal checks. SEV-SNP: the report by the VCEK or VLEK
 * (ECDSA P-384), and that certificate by AMD's ASK or ASVK (RSA-PSS 4096). Not counted: the ASK by
 * the ARK and the ARK by itself, which are constants of the build and checked once in a process.
 * The mock: the quote and its certificate (ECDSA P-256 both), without a goal: it is for tests, and
 * its signatures are cheap beside its JSON.
 *
 * What follows an appraisal is measured apart, for information: the record, and the signed token.
 *
 * The sides take turns of some 20 ms, eight in each of N rounds (5); figures are of the thread's
 * CPU time, ratios are of the medians. --check exits 1 when one is below its goal. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/assert.h"
#include "bench/receipts.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/schemes/snp_roots.h"

enum { REPEATS = 8, ROUNDS_MAX = 99, CHECKS_MAX = 2 };

#define ARENA_BYTES_MAX ((size_t)8 << 20)
#define REPORT_DATA     0x50 /* where a report has what it binds … */
#define MEASUREMENT     0x90 /* … and what was launched */
#define SNP_TIME_S      UINT64_C(1740000000)
#define MOCK_TIME_S     UINT64_C(1800000000)

static const char runtime_text[] =
    "{\"nonce\":\"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo\",\"audience\":\"https://a.example\","
    "\"publicKey\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}";

/* One kind of evidence. */
struct subject {
    const char *name;
    const char *type;
    const char *evidence;
    const char *with; /* SNP: the leaf; mock: the root */
    enum snp_product product;
    size_t turn;     /* appraisals in one turn */
    double goals[2]; /* least ratio of known and first; 0: none */
};

static const struct subject subjects[] = {
    {"snp milan vcek",
     "snp",
     "snp/milan-v2-vcek.report.bin",
     "snp/milan-v2-vcek.vcek.der",
     SNP_MILAN,
     20,
     {0.80, 0.60}},
    {"snp milan vlek",
     "snp",
     "snp/v3-vlek.report.bin",
     "snp/v3-vlek.vlek.der",
     SNP_MILAN,
     20,
     {0.80, 0.60}},
    {"snp genoa vcek",
     "snp",
     "snp-azure-vtpm/azure-genoa.report.bin",
     "snp-azure-vtpm/vcek-genoa.pem",
     SNP_GENOA,
     20,
     {0.80, 0.60}},
    {"mock", "mock", "mock/ok.mock-quote.jws", "mock/mock-root.pem", SNP_UNKNOWN, 100, {0, 0}},
};

/* A signature, ready to be checked. */
struct check {
    EVP_PKEY_CTX *context; /* key, hash and padding are set */
    const EVP_MD *hash;
    struct lucid_span message;
    uint8_t signature[512];
    size_t signature_len;
};

struct bench {
    const char *vectors;
    struct lucid_arena arena; /* of what one subject needs */
    struct appraisal_input input;
    struct appraisal_collateral root;
    struct policy policy;
    struct check checks[CHECKS_MAX];
    size_t check_count;
    struct lucid_span leaf;     /* DER */
    enum appraisal_tier status; /* what each appraisal must say */
    struct ledger_ed25519_key key;
};

/* CPU time, so that other work on the machine disturbs little. */
static double now_ns(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* A file, in the arena. */
static struct lucid_span file_read(struct bench *bench, const char *name)
{
    char path[1024];
    char chunk[4096];
    size_t len;
    struct lucid_buf content = {0};
    int written = snprintf(path, sizeof(path), "%s/%s", bench->vectors, name);
    FILE *file = written > 0 && (size_t)written < sizeof(path) ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "bench_appraise: cannot read %s\n", path);
        exit(2);
    }
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        lucid_buf_put(&content, chunk, len);
    }
    fclose(file);
    struct lucid_span copy = lucid_arena_copy(&bench->arena, lucid_buf_span(&content));
    lucid_assert(lucid_buf_ok(&content) && copy.len > 0);
    lucid_buf_fini(&content);
    return copy;
}

/* --- the bare checks -------------------------------------------------------------------------- */

static X509 *cert_decode(struct lucid_span der)
{
    const unsigned char *at = der.data;
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    lucid_assert(cert != NULL);
    return cert;
}

/* The first certificate of DER or PEM. The caller frees. */
static X509 *cert_read(struct bench *bench, struct lucid_span bytes, struct lucid_span *ret_der)
{
    struct x509_certs certs = {.count = 0};
    lucid_assert(x509_certs_read(bytes, &certs) == X509_IS_OK);
    *ret_der = lucid_arena_copy(&bench->arena, x509_cert_der(certs.items[0]));
    x509_certs_fini(&certs);
    return cert_decode(*ret_der);
}

static void check_add(struct bench *bench, X509 *signer, const EVP_MD *hash,
                      struct lucid_span message, struct lucid_span signature)
{
    struct check *check = &bench->checks[bench->check_count++];
    EVP_PKEY *key = X509_get0_pubkey(signer);
    check->context = EVP_PKEY_CTX_new(key, NULL);
    check->hash = hash;
    check->message = message;
    lucid_assert(signature.len <= sizeof(check->signature));
    memcpy(check->signature, signature.data, signature.len);
    check->signature_len = signature.len;
    lucid_assert(EVP_PKEY_verify_init(check->context) == 1 &&
                 EVP_PKEY_CTX_set_signature_md(check->context, hash) == 1);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        lucid_assert(EVP_PKEY_CTX_set_rsa_padding(check->context, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(check->context, EVP_MD_get_size(hash)) == 1);
    }
}

/* A certificate by its issuer. */
static void check_cert(struct bench *bench, X509 *cert, X509 *issuer, const EVP_MD *hash)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *message = NULL;
    int len = i2d_re_X509_tbs(cert, &message);
    X509_get0_signature(&signature, NULL, cert);
    lucid_assert(len > 0);
    check_add(bench, issuer, hash,
              lucid_arena_copy(&bench->arena, lucid_span(message, (size_t)len)),
              lucid_span(ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature)));
    OPENSSL_free(message);
}

/* ECDSA with raw r and s, big endian. */
static void check_ecdsa(struct bench *bench, X509 *signer, const EVP_MD *hash,
                        struct lucid_span message, struct lucid_span raw)
{
    unsigned char der[128];
    unsigned char *end = der;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    int half = (int)raw.len / 2;
    lucid_assert(signature != NULL && ECDSA_SIG_set0(signature, BN_bin2bn(raw.data, half, NULL),
                                                     BN_bin2bn(raw.data + half, half, NULL)) == 1);
    lucid_assert(i2d_ECDSA_SIG(signature, NULL) <= (int)sizeof(der));
    int len = i2d_ECDSA_SIG(signature, &end);
    check_add(bench, signer, hash, message, lucid_span(der, (size_t)len));
    ECDSA_SIG_free(signature);
}

static void snp_checks(struct bench *bench, const struct subject *subject)
{
    const struct appraisal_evidence *evidence = &bench->input.evidences[0];
    const struct snp_roots *roots = snp_roots_of(subject->product);
    struct snp_report report;
    uint8_t raw[SNP_SIGNATURE_BYTES];
    const char *field;
    lucid_assert(snp_report_read(evidence->bytes, &report, &field) == NULL);
    for (size_t i = 0; i < sizeof(raw); i++) {
        raw[i] = report.signature[i < 48 ? 47 - i : 143 - i]; /* both halves turned round */
    }
    X509 *leaf = cert_read(bench, evidence->endorsements[0], &bench->leaf);
    X509 *issuer = cert_decode(report.signing_key == SNP_VLEK ? roots->asvk : roots->ask);
    check_cert(bench, leaf, issuer, EVP_sha384());
    check_ecdsa(bench, leaf, EVP_sha384(), lucid_span(evidence->bytes.data, SNP_SIGNED_BYTES),
                lucid_span(raw, sizeof(raw)));
    X509_free(leaf);
    X509_free(issuer);
}

static void mock_checks(struct bench *bench)
{
    struct jose_token token;
    lucid_assert(jose_read(bench->input.evidences[0].bytes, JOSE_ES256, &bench->arena, &token,
                           NULL) == LUCID_OK);
    struct lucid_span der;
    X509 *leaf = cert_read(bench, token.x5c[0], &bench->leaf);
    X509 *root = cert_read(bench, bench->root.bytes, &der);
    check_cert(bench, leaf, root, EVP_sha256());
    check_ecdsa(bench, leaf, EVP_sha256(), token.jws.input, token.jws.signature);
    X509_free(leaf);
    X509_free(root);
}

static void check_all(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < bench->check_count; k++) {
            struct check *check = &bench->checks[k];
            uint8_t hash[EVP_MAX_MD_SIZE];
            unsigned len = 0;
            lucid_assert(EVP_Digest(check->message.data, check->message.len, hash, &len,
                                    check->hash, NULL) == 1 &&
                         EVP_PKEY_verify(check->context, check->signature, check->signature_len,
                                         hash, len) == 1);
        }
    }
}

static void read_all(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        X509_free(cert_decode(bench->leaf));
    }
}

/* --- the appraisal ---------------------------------------------------------------------------- */

/* The policy knows what the evidence says it runs. */
static void policy_set(struct bench *bench, const struct subject *subject)
{
    struct lucid_buf text = {0};
    struct lucid_why why = {.code = NULL};
    bool mock = subject->product == SNP_UNKNOWN;
    lucid_buf_printf(&text,
                     "{\"type\":\"" POLICY_TYPE_NAME "\",\"name\":\"bench\",\"types\":[\"%s\"]",
                     subject->type);
    if (!mock) {
        lucid_buf_str(&text, ",\"config\":{\"vmplMax\":1},\"allowMeasurements\":[\"");
        lucid_buf_hex(&text, bench->input.evidences[0].bytes.data + MEASUREMENT, 48);
        lucid_buf_str(&text, "\"]");
    }
    lucid_buf_char(&text, '}');
    bench->input.policy_bytes = lucid_arena_copy(&bench->arena, lucid_buf_span(&text));
    lucid_assert(lucid_buf_ok(&text) && policy_parse(bench->input.policy_bytes, &bench->arena,
                                                     &bench->policy, &why) == LUCID_OK);
    lucid_buf_fini(&text);
}

static void input_set(struct bench *bench, const struct subject *subject)
{
    struct appraisal_input *input = &bench->input;
    bool mock = subject->product == SNP_UNKNOWN;
    *input = (struct appraisal_input){
        .time_s = mock ? MOCK_TIME_S : SNP_TIME_S,
        .runtime_data = lucid_span_str(runtime_text),
        .evidence_count = 1,
        .policy = &bench->policy,
        .allow_mock = mock,
        .test = true, /* a recorded report binds other data than ours */
        .has_test_bound_data = true,
        .developer = lucid_span_str("https://lucid.example"),
        .build = lucid_span_str("1"),
        .issuer = lucid_span_str("log.example"),
        .lifetime_s = 3600,
    };
    input->challenge = (struct appraisal_challenge){.session_id = lucid_span_str("s"),
                                                    .audience = lucid_span_str("https://a.example"),
                                                    .issued_s = input->time_s - 10,
                                                    .expires_s = input->time_s + 290};
    memset(input->challenge.nonce, 0x5a, sizeof(input->challenge.nonce));
    struct appraisal_evidence *evidence = &input->evidences[0];
    evidence->type = lucid_span_str(subject->type);
    evidence->bytes = file_read(bench, subject->evidence);
    struct lucid_span with = file_read(bench, subject->with);
    input->test_bound_len = sizeof(input->test_bound_data);
    if (mock) {
        struct lucid_span bound = file_read(bench, "mock/runtime-data.json");
        lucid_assert(EVP_Digest(bound.data, bound.len, input->test_bound_data, NULL, EVP_sha384(),
                                NULL) == 1);
        bench->root =
            (struct appraisal_collateral){.key = lucid_span_str("mock/root"), .bytes = with};
        input->collateral = &bench->root;
        input->collateral_count = 1;
    } else {
        memcpy(input->test_bound_data, evidence->bytes.data + REPORT_DATA, input->test_bound_len);
        evidence->endorsements[0] = with;
        evidence->endorsement_count = 1;
    }
}

static void appraise(struct bench *bench, struct lucid_arena *arena, struct appraisal *ret)
{
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(arena, ARENA_BYTES_MAX);
    lucid_assert(appraisal_run(&bench->input, arena, ret, &why) == LUCID_OK &&
                 ret->status == bench->status && ret->claims.len > 0);
}

static void known_all(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct lucid_arena arena;
        struct appraisal appraisal;
        appraise(bench, &arena, &appraisal);
        lucid_arena_fini(&arena);
    }
}

static void first_all(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        x509_certs_forget();
        known_all(bench, 1);
    }
}

/* --- what follows an appraisal ---------------------------------------------------------------- */

static bool token_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    const struct bench *bench = context;
    ledger_ed25519_sign(&bench->key, message, ret);
    return true;
}

static void token_make(struct bench *bench, const struct appraisal *appraisal,
                       struct lucid_buf *token)
{
    static const char header[] =
        "{\"alg\":\"EdDSA\",\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\",\"typ\":"
        "\"eat+jwt\"}";
    lucid_buf_clear(token);
    lucid_assert(jose_write(lucid_span_str(header), appraisal->claims, token_sign, bench, token));
}

/* Nanoseconds of the token and of the record, the least of some turns. */
static void after_measure(struct bench *bench, size_t turn)
{
    double token_ns = 1e12;
    double record_ns = 1e12;
    struct lucid_arena arena;
    struct appraisal appraisal;
    struct lucid_buf token = {0};
    appraise(bench, &arena, &appraisal);
    for (int i = 0; i < REPEATS; i++) {
        double start = now_ns();
        for (size_t k = 0; k < turn; k++) {
            token_make(bench, &appraisal, &token);
        }
        double middle = now_ns();
        for (size_t k = 0; k < turn; k++) {
            struct lucid_arena room;
            struct lucid_span record;
            lucid_arena_init(&room, ARENA_BYTES_MAX);
            lucid_assert(record_write(&bench->input, &appraisal, lucid_buf_span(&token), &room,
                                      &record) == LUCID_OK);
            lucid_arena_fini(&room);
        }
        double end = now_ns();
        token_ns = middle - start < token_ns ? middle - start : token_ns;
        record_ns = end - middle < record_ns ? end - middle : record_ns;
    }
    printf("  after it: token %.1f us (%zu bytes, Ed25519), record %.1f us\n",
           token_ns / (double)turn / 1e3, token.len, record_ns / (double)turn / 1e3);
    lucid_buf_fini(&token);
    lucid_arena_fini(&arena);
}

/* --- measuring -------------------------------------------------------------------------------- */

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

static bool side_print(const char *side, double bare_ns, double ns, double goal)
{
    double ratio = bare_ns / ns;
    printf("  %s: appraisals/s %.0f (%.1f us), ratio %.2f", side, 1e9 / ns, ns / 1e3, ratio);
    if (goal > 0) {
        printf(" (need >= %.2f)", goal);
    }
    printf("\n");
    return ratio >= goal;
}

static bool measure(struct bench *bench, const struct subject *subject, size_t rounds)
{
    static void (*const sides[])(struct bench *, size_t) = {check_all, read_all, known_all,
                                                            first_all};
    enum { SIDES = sizeof(sides) / sizeof(sides[0]) };
    double ns[SIDES][ROUNDS_MAX] = {{0}};
    double turns = (double)(subject->turn * REPEATS);
    double medians[SIDES] = {0};
    known_all(bench, 1); /* what is made once in a process */
    for (size_t round = 0; round < rounds; round++) {
        for (int i = 0; i < REPEATS; i++) { /* short turns: a disturbance meets all */
            for (size_t side = 0; side < SIDES; side++) {
                double start = now_ns();
                sides[side](bench, subject->turn);
                ns[side][round] += (now_ns() - start) / turns;
            }
        }
    }
    for (size_t side = 0; side < SIDES; side++) {
        medians[side] = median(ns[side], rounds);
    }
    printf("bench_appraise %s: bare %.0f/s (%.1f us for %zu signatures), reading %.1f us\n",
           subject->name, 1e9 / medians[0], medians[0] / 1e3, bench->check_count, medians[1] / 1e3);
    bool known = side_print("known", medians[0], medians[2], subject->goals[0]);
    bool first = side_print("first", medians[0], medians[3], subject->goals[1]);
    after_measure(bench, subject->turn);
    return known && first;
}

static void subject_open(struct bench *bench, const struct subject *subject)
{
    bool mock = subject->product == SNP_UNKNOWN;
    lucid_arena_init(&bench->arena, ARENA_BYTES_MAX);
    bench->check_count = 0;
    bench->status = mock ? APPRAISAL_WARNING : APPRAISAL_AFFIRMING;
    input_set(bench, subject);
    policy_set(bench, subject);
    if (mock) {
        mock_checks(bench);
    } else {
        snp_checks(bench, subject);
    }
}

static void subject_close(struct bench *bench)
{
    for (size_t i = 0; i < bench->check_count; i++) {
        EVP_PKEY_CTX_free(bench->checks[i].context);
    }
    lucid_arena_fini(&bench->arena);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bool check = false;
    bool good = true;
    size_t rounds = 5;
    bench.vectors = "tests/vectors/attestation";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = bench_number(argv[i], argv[i + 1]);
            i++;
        } else if (i + 1 < argc && strcmp(argv[i], "--vectors") == 0) {
            bench.vectors = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_appraise [--check] [--rounds N] [--vectors DIR]\n");
            return 2;
        }
    }
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "--rounds: 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {1};
    ledger_ed25519_key_init(seed, &bench.key);
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        subject_open(&bench, &subjects[i]);
        good = measure(&bench, &subjects[i], rounds) && good;
        subject_close(&bench);
    }
    return check && !good;
}
