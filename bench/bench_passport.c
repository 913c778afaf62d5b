/* What verifying a passport costs beside the Ed25519 check that it cannot do without.
 *
 *   bench_passport [--check] [--rounds N] [--vectors DIR] [--passport FILE]
 *
 * Of tests/vectors/attestation/passport/ok.passport.json (a real SEV-SNP report in it), of the same
 * without the report, and of FILE (bench_passport.py gives what its service issued):
 *
 *   verify   verify_run from text to verdict, by a trusted key, with the log's word of its status;
 *            the answer is written and everything freed
 *   offline  the same, with a signed status list of a hundred revocations instead
 *   bare     ledger_ed25519_verify of the same signature over the same bytes alone
 *
 * The sides take turns of some 10 ms, eight in each of N rounds (5); figures are of the thread's
 * CPU time, ratios are of the medians. --check exits 1 when one is below its goal. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "bench/receipts.h"
#include "plugins/passport/verify.h"

enum { REPEATS = 8, TURN = 100, ROUNDS_MAX = 99, REVOKED = 100 };

#define ARENA_BYTES_MAX ((size_t)8 << 20)
#define FILE_BYTES_MAX  ((size_t)1 << 20)
#define RATIO_MIN       0.60

struct bench {
    struct lucid_arena arena;
    struct ledger_ed25519_key key; /* the issuer's */
    struct passport passport;
    struct lucid_span message; /* what its signature is over */
    struct status_entry status;
    struct verify_input input;
    struct lucid_span list; /* the token */
};

static double now_ns(void)
{
    struct timespec time;
    lucid_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static bool check_ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                          const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static bool token_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    const struct bench *bench = context;
    ledger_ed25519_sign(&bench->key, message, ret);
    return true;
}

/* --- what is verified ------------------------------------------------------------------------- */

static struct lucid_span file_read(struct bench *bench, const char *path)
{
    char chunk[4096];
    size_t len;
    struct lucid_buf content = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "bench_passport: cannot read %s\n", path);
        exit(2);
    }
    while (content.len < FILE_BYTES_MAX && (len = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        lucid_buf_put(&content, chunk, len);
    }
    fclose(file);
    struct lucid_span copy = lucid_arena_copy(&bench->arena, lucid_buf_span(&content));
    lucid_assert(lucid_buf_ok(&content) && copy.len > 0);
    lucid_buf_fini(&content);
    return copy;
}

/* The same without its evidence, signed by the bench's own key. */
static struct lucid_span bare_document(struct bench *bench)
{
    struct lucid_buf text = {0};
    struct lucid_why why = {.code = NULL};
    struct passport draft;
    struct lucid_span message;
    struct lucid_span signed_text;
    uint8_t signature[PASSPORT_SIGNATURE_BYTES];
    lucid_buf_str(&text,
                  "{\"$schema\":\"" PASSPORT_SCHEMA "\",\"passportId\":\"pass-abc123def456\","
                  "\"appName\":\"My AI Application\",\"version\":\"1.0.0\","
                  "\"issuedAt\":\"2024-01-15T10:30:00Z\",\"expiresAt\":\"2024-02-14T10:30:00Z\","
                  "\"tee\":{\"type\":\"AMD_SEV_SNP\",\"measurementHash\":\"sha256:");
    lucid_buf_hex(&text, bench->key.public_key, LUCID_SHA256_BYTES);
    lucid_buf_str(&text, "\"},\"auditors\":[],\"endpoints\":[\"https://app.example\"],"
                         "\"slsa\":{\"level\":2},\"signature\":{\"algorithm\":\"Ed25519\","
                         "\"publicKey\":\"");
    lucid_buf_base64(&text, bench->key.public_key, PASSPORT_KEY_BYTES);
    lucid_buf_str(&text, "\"}}");
    lucid_assert(lucid_buf_ok(&text) &&
                 passport_draft_read(lucid_arena_copy(&bench->arena, lucid_buf_span(&text)),
                                     &bench->arena, &draft, &why) == LUCID_OK &&
                 passport_signing_input(&draft, &bench->arena, &message) == LUCID_OK);
    ledger_ed25519_sign(&bench->key, message, signature);
    lucid_assert(passport_signed_write(&draft, signature, &bench->arena, &signed_text) == LUCID_OK);
    lucid_buf_fini(&text);
    return signed_text;
}

/* A list of others that were revoked, by a key that is trusted beside the passport's. */
static struct lucid_span list_make(struct bench *bench, struct lucid_span issuer)
{
    static char ids[REVOKED][PASSPORT_ID_BYTES + 1];
    static struct status_entry entries[REVOKED];
    struct lucid_buf claims = {0};
    struct lucid_buf token = {0};
    for (size_t i = 0; i < REVOKED; i++) {
        passport_id_make(lucid_span_str("bench"), NULL, 0, i, ids[i]);
        entries[i] = (struct status_entry){.kind = STATUS_REVOKED,
                                           .reason = STATUS_OPERATOR_REQUEST,
                                           .at_s = bench->input.now_s,
                                           .id = lucid_span_str(ids[i])};
    }
    status_entries_sort(entries, REVOKED);
    const struct status_list list = {.issuer = issuer.len > 0 ? issuer : lucid_span_str("bench"),
                                     .iat_s = bench->input.now_s,
                                     .exp_s = bench->input.now_s + STATUS_LIFETIME_S,
                                     .tree_size = 1,
                                     .entries = entries,
                                     .entry_count = REVOKED};
    struct jose_key key = {.alg = JOSE_EDDSA};
    uint8_t thumbprint[LUCID_SHA256_BYTES];
    struct lucid_buf kid = {0};
    memcpy(key.x, bench->key.public_key, sizeof(bench->key.public_key));
    lucid_assert(jose_key_thumbprint(&key, thumbprint));
    lucid_base64url_write(&kid, lucid_span(thumbprint, sizeof(thumbprint)));
    status_claims_write(&list, &claims);
    lucid_assert(status_token_write(lucid_buf_span(&claims), lucid_buf_span(&kid), token_sign,
                                    bench, &token) == LUCID_OK);
    struct lucid_span copy = lucid_arena_copy(&bench->arena, lucid_buf_span(&token));
    lucid_buf_fini(&kid);
    lucid_buf_fini(&claims);
    lucid_buf_fini(&token);
    return copy;
}

static void subject_set(struct bench *bench, struct lucid_span text)
{
    static uint8_t keys[2][PASSPORT_KEY_BYTES];
    struct lucid_why why = {.code = NULL};
    enum passport_fault fault;
    lucid_assert(text.len > 0);
    if (passport_read(text, &bench->arena, &bench->passport, &fault, &why) != LUCID_OK) {
        fprintf(stderr, "bench_passport: no passport: %s: %s\n", why.param, why.text);
        exit(2);
    }
    lucid_assert(passport_signing_input(&bench->passport, &bench->arena, &bench->message) ==
                 LUCID_OK);
    memcpy(keys[0], bench->passport.public_key, PASSPORT_KEY_BYTES);
    memcpy(keys[1], bench->key.public_key, PASSPORT_KEY_BYTES);
    bench->status = (struct status_entry){.kind = STATUS_VALID, .id = bench->passport.id};
    bench->input = (struct verify_input){
        .text = text,
        .now_s = bench->passport.issued_s + 1,
        .keys = (const uint8_t(*)[PASSPORT_KEY_BYTES])keys,
        .key_count = 2,
        .mock_allowed = true,
        .evidence = {.outcome = VERIFY_PASS, .code = "evidence.recorded"},
        .log = {.outcome = VERIFY_PASS, .code = "log.logged"},
        .ed25519 = check_ed25519,
    };
    bench->list = list_make(bench, bench->passport.issuer);
}

/* --- sides ------------------------------------------------------------------------------------ */

static void bare_all(struct bench *bench)
{
    for (size_t i = 0; i < TURN; i++) {
        lucid_assert(ledger_ed25519_verify(bench->passport.public_key, bench->message,
                                           bench->passport.signature));
    }
}

static void verify_some(struct bench *bench)
{
    for (size_t i = 0; i < TURN; i++) {
        struct lucid_arena arena;
        struct verify verify;
        struct lucid_buf answer = {0};
        lucid_arena_init(&arena, ARENA_BYTES_MAX);
        lucid_assert(verify_run(&bench->input, &arena, &verify) == LUCID_OK &&
                     verify.checks[VERIFY_SIGNATURE].outcome == VERIFY_PASS);
        verify_write(&verify, &answer);
        lucid_assert(lucid_buf_ok(&answer));
        lucid_buf_fini(&answer);
        lucid_arena_fini(&arena);
    }
}

static void verify_all(struct bench *bench)
{
    bench->input.status = &bench->status;
    bench->input.status_list = (struct lucid_span){.data = NULL};
    verify_some(bench);
}

static void offline_all(struct bench *bench)
{
    bench->input.status = NULL;
    bench->input.status_list = bench->list;
    verify_some(bench);
}

/* --- measuring -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static bool measure(struct bench *bench, const char *name, size_t rounds)
{
    static void (*const sides[])(struct bench *) = {bare_all, verify_all, offline_all};
    enum { SIDES = sizeof(sides) / sizeof(sides[0]) };
    double ns[SIDES][ROUNDS_MAX] = {{0}};
    double medians[SIDES] = {0};
    for (size_t round = 0; round < rounds; round++) {
        for (int i = 0; i < REPEATS; i++) { /* short turns: a disturbance meets all */
            for (size_t side = 0; side < SIDES; side++) {
                double start = now_ns();
                sides[side](bench);
                ns[side][round] += (now_ns() - start) / (TURN * REPEATS);
            }
        }
    }
    for (size_t side = 0; side < SIDES; side++) {
        qsort(ns[side], rounds, sizeof(ns[side][0]), compare);
        medians[side] = ns[side][rounds / 2];
    }
    double ratio = medians[0] / medians[1];
    printf("bench_passport %s (%zu bytes): bare %.0f/s (%.1f us)\n", name, bench->input.text.len,
           1e9 / medians[0], medians[0] / 1e3);
    printf("  verify: verifications/s %.0f (%.1f us), ratio %.2f (need >= %.2f)\n",
           1e9 / medians[1], medians[1] / 1e3, ratio, RATIO_MIN);
    printf("  offline, with a list of %d: verifications/s %.0f (%.1f us), two signatures\n",
           REVOKED, 1e9 / medians[2], medians[2] / 1e3);
    return ratio >= RATIO_MIN;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {1};
    const char *vectors = "tests/vectors/attestation";
    const char *given = NULL;
    char path[1024];
    bool check = false;
    bool good = true;
    size_t rounds = 5;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = bench_number(argv[i], argv[i + 1]);
            i++;
        } else if (i + 1 < argc && strcmp(argv[i], "--vectors") == 0) {
            vectors = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--passport") == 0) {
            given = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_passport [--check] [--rounds N] [--vectors DIR] "
                            "[--passport FILE]\n");
            return 2;
        }
    }
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "--rounds: 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    ledger_ed25519_key_init(seed, &bench.key);
    lucid_arena_init(&bench.arena, ARENA_BYTES_MAX);
    if (given != NULL) {
        subject_set(&bench, file_read(&bench, given));
        good = measure(&bench, "given", rounds);
    } else {
        (void)snprintf(path, sizeof(path), "%s/passport/ok.passport.json", vectors);
        subject_set(&bench, file_read(&bench, path));
        good = measure(&bench, "with an SNP report", rounds);
        subject_set(&bench, bare_document(&bench));
        good = measure(&bench, "without evidence", rounds) && good;
    }
    lucid_arena_fini(&bench.arena);
    return check && !good;
}
