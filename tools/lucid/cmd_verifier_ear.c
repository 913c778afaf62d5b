/* lucid verifier ear: an attestation result, ours or another verifier's, for who relies on it */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64url.h"
#include "base/clock.h"
#include "plugins/verifier/ear.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/verifier.h"

#define TOKEN_BYTES_MAX (2 * EAR_TOKEN_BYTES_MAX) /* of claims as long as they may be */
#define TIME_MAX_S      253402300799ULL

enum { AHEAD_S_MAX = 300 }; /* that a verifier's clock may be before ours */

/* A token that is being judged. */
struct reading {
    struct jose_token token;
    struct ear ear;
    json_t *claims; /* as they stand there */
    uint64_t at_s;
    size_t keys;
    bool is_named; /* the token names one of the keys, or none at all */
    bool is_signed;
    struct jose_key signer;
};

/* --- signature -------------------------------------------------------------------------------- */

static void thumbprint_text(const struct jose_key *key, struct lucid_buf *out)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    if (jose_key_thumbprint(key, digest)) {
        lucid_base64url_write(out, lucid_span(digest, sizeof(digest)));
    }
}

/* Whether the token says that it is signed by that key. One without a kid leaves it to us. */
static bool is_named(const struct jose_token *token, const struct jose_key *key,
                     const struct jcs_value *kid)
{
    struct lucid_buf thumbprint = {0};
    if (token->kid.data == NULL) {
        return true;
    }
    thumbprint_text(key, &thumbprint);
    bool same = lucid_span_equal(token->kid, lucid_buf_span(&thumbprint)) ||
                (kid != NULL && jcs_type(kid) == JCS_STRING &&
                 lucid_span_equal(token->kid, jcs_string(kid)));
    lucid_buf_fini(&thumbprint);
    return same;
}

static bool key_try(void *context, size_t option, const struct jose_key *key,
                    const struct jcs_value *kid)
{
    struct reading *reading = context;
    (void)option;
    reading->keys++;
    if (reading->is_signed) {
        return true;
    }
    reading->is_named = reading->is_named || is_named(&reading->token, key, kid);
    if (jose_verify(&reading->token, key, verifier_signature_ok, NULL)) {
        reading->is_signed = true;
        reading->signer = *key;
    }
    return true;
}

static const char *signature_word(const struct reading *reading)
{
    if (reading->is_signed) {
        return "ok";
    }
    return reading->keys == 0 ? "not checked" : reading->is_named ? "failed" : "unknown-key";
}

/* --- time and nonce --------------------------------------------------------------------------- */

static const char *validity_word(const struct reading *reading)
{
    const struct ear *ear = &reading->ear;
    if (ear->exp_s != 0 && ear->exp_s <= reading->at_s) {
        return "expired";
    }
    return ear->iat_s > reading->at_s + AHEAD_S_MAX ? "not-yet" : "current";
}

static bool nonce_has(const json_t *nonce, const char *text)
{
    size_t i;
    const json_t *one;
    json_array_foreach(nonce, i, one)
    {
        if (nonce_has(one, text)) {
            return true;
        }
    }
    return json_is_string(nonce) && strcmp(json_string_value(nonce), text) == 0;
}

/* Of every submodule: its own, which its evidence brought, else that of the whole. */
static bool nonce_is(const json_t *claims, const char *text)
{
    const char *name;
    json_t *submod;
    bool all = true;
    json_object_foreach(json_object_get(claims, "submods"), name, submod)
    {
        const json_t *own = json_object_get(submod, "eat_nonce");
        all = all && nonce_has(own != NULL ? own : json_object_get(claims, "eat_nonce"), text);
    }
    return all;
}

static const char *nonce_word(const struct cli *cli, const struct reading *reading)
{
    const char *nonce = cli_value(cli, "nonce", NULL);
    return nonce == NULL ? "not checked" : nonce_is(reading->claims, nonce) ? "ok" : "differs";
}

/* --- what is said ----------------------------------------------------------------------------- */

static json_t *text_json(struct lucid_span text)
{
    return json_stringn((const char *)text.data, text.len);
}

static json_t *time_json(uint64_t time_s)
{
    struct lucid_buf text = {0};
    if (time_s == 0) {
        return json_null();
    }
    lucid_buf_time(&text, time_s * 1000);
    json_t *value = text_json(lucid_buf_span(&text));
    lucid_buf_fini(&text);
    return value;
}

/* The key that the evidence vouches for, as it stands there: base64url of its SPKI. */
static const json_t *attested_key(const struct reading *reading, const char *submod)
{
    const json_t *mod = json_object_get(json_object_get(reading->claims, "submods"), submod);
    const char *name = reading->ear.spelling == EAR_DRAFT_04 ? "ear_veraison_key_attestation"
                                                             : "ear.veraison.key-attestation";
    return json_object_get(json_object_get(mod, name), "akpub");
}

static json_t *submod_json(const struct reading *reading, const struct ear_submod *submod)
{
    json_t *name = text_json(submod->name);
    json_t *vector = json_object();
    for (unsigned i = 0; i < APPRAISAL_CATEGORIES; i++) {
        if (submod->vector[i] != 0) {
            json_object_set_new(vector, appraisal_category_name((enum appraisal_category)i),
                                json_integer(submod->vector[i]));
        }
    }
    const char *text = json_string_value(name);
    return json_pack("{s:o, s:s, s:o, s:O*}", "submod", name, "status",
                     appraisal_tier_name(submod->status), "vector", vector, "attestedKey",
                     text != NULL ? attested_key(reading, text) : NULL);
}

/* NULL: memory. */
static json_t *report_json(const struct cli *cli, const struct reading *reading)
{
    const struct ear *ear = &reading->ear;
    const json_t *own = json_object_get(reading->claims, "lucid.appraisal");
    struct lucid_buf key = {0};
    json_t *submods = json_array();
    for (size_t i = 0; i < ear->submod_count; i++) {
        json_array_append_new(submods, submod_json(reading, &ear->submods[i]));
    }
    if (reading->is_signed) {
        thumbprint_text(&reading->signer, &key);
    }
    json_t *report = json_pack(
        "{s:s, s:o, s:o, s:s, s:O, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:O*, s:O*, s:o}",
        "signature", signature_word(reading), "key",
        reading->is_signed ? text_json(lucid_buf_span(&key)) : json_null(), "alg",
        text_json(reading->token.jws.alg), "spelling",
        ear->spelling == EAR_DRAFT_04 ? "draft-04" : "veraison", "profile",
        json_object_get(reading->claims, "eat_profile"), "developer", text_json(ear->developer),
        "build", text_json(ear->build), "issuedAt", time_json(ear->iat_s), "expiresAt",
        time_json(ear->exp_s), "validity", validity_word(reading), "nonce",
        nonce_word(cli, reading), "status", appraisal_tier_name(ear->status), "mock",
        json_object_get(own, "is_mock"), "test", json_object_get(own, "test"), "submods", submods);
    lucid_buf_fini(&key);
    return report;
}

/* "executables 3, hardware 32" */
static json_t *vector_text(const json_t *vector)
{
    struct lucid_buf text = {0};
    const char *name;
    json_t *claim;
    json_object_foreach((json_t *)(uintptr_t)vector, name, claim)
    {
        lucid_buf_printf(&text, "%s%s %lld", text.len > 0 ? ", " : "", name,
                         (long long)json_integer_value(claim));
    }
    json_t *value = text.len > 0 ? text_json(lucid_buf_span(&text)) : json_null();
    lucid_buf_fini(&text);
    return value;
}

static void report_print(const struct cli *cli, json_t *report)
{
    static const char *const columns[] = {"submod", "status", "vector", "attestedKey", NULL};
    size_t i;
    json_t *submod;
    if (cli->json) {
        cli_print_json(report);
        return;
    }
    json_t *submods = json_incref(json_object_get(report, "submods"));
    json_array_foreach(submods, i, submod)
    {
        json_object_set_new(submod, "vector", vector_text(json_object_get(submod, "vector")));
    }
    json_object_del(report, "submods");
    cli_print_object(report);
    putchar('\n');
    cli_print_table(submods, columns);
    json_decref(submods);
}

/* What is wrong comes before what cannot be decided, and that before the verdict. */
static enum cli_exit report_exit(const struct cli *cli, const struct reading *reading)
{
    enum cli_exit code = verifier_tier_exit(appraisal_tier_name(reading->ear.status));
    bool wrong = !reading->is_signed && reading->keys > 0 && reading->is_named;
    wrong = wrong || strcmp(nonce_word(cli, reading), "differs") == 0;
    if (wrong) {
        return CLI_REFUSED;
    }
    bool open = !reading->is_signed || strcmp(validity_word(reading), "current") != 0;
    return open && code == CLI_OK ? CLI_UNDECIDED : code;
}

/* --- the command ------------------------------------------------------------------------------ */

static enum cli_exit token_judge(struct cli *cli, struct reading *reading, const char *name)
{
    struct lucid_clock clock = lucid_clock_system();
    if (!cli_value_u64(cli, "at", lucid_wall_ms(&clock) / 1000, 0, TIME_MAX_S, &reading->at_s)) {
        return CLI_USAGE;
    }
    enum cli_exit code = verifier_keys_each(cli, key_try, reading);
    if (code != CLI_OK) {
        return code;
    }
    json_t *report = report_json(cli, reading);
    if (report == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "%s: out of memory", name);
    }
    report_print(cli, report);
    json_decref(report);
    if (reading->keys == 0) {
        cli_note(cli, "the signature is not checked: name the verifier's keys with --key");
    }
    return report_exit(cli, reading);
}

static enum cli_exit token_read(struct cli *cli, struct lucid_span text, const char *name)
{
    struct lucid_arena arena;
    struct reading reading = {.keys = 0};
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error =
        jose_read_long(verifier_trim(text), TOKEN_BYTES_MAX, JOSE_ES256 | JOSE_ES384 | JOSE_EDDSA,
                       &arena, &reading.token, &why);
    if (error == LUCID_OK) {
        error = ear_read(reading.token.jws.payload, &arena, &reading.ear, &why);
    }
    enum cli_exit code = CLI_OK;
    if (error == LUCID_OK) {
        struct lucid_span payload = reading.token.jws.payload;
        reading.claims =
            json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
        code = reading.claims != NULL
                   ? token_judge(cli, &reading, name)
                   : cli_fail(cli, CLI_REFUSED, "INVALID_EAR", NULL,
                              "%s: a text with a NUL, or a number, that cannot be shown", name);
        json_decref(reading.claims);
    } else {
        code = cli_fail_why(cli, error, &why, name);
    }
    lucid_arena_fini(&arena);
    return code;
}

static enum cli_exit verifier_ear(struct cli *cli)
{
    struct lucid_buf text = {0};
    enum cli_exit code = verifier_file_read(cli, cli->arguments[0], &text);
    if (code == CLI_OK) {
        code = token_read(cli, lucid_buf_span(&text), cli->arguments[0]);
    }
    lucid_buf_fini(&text);
    return code;
}

static const struct cli_option ear_options[] = {
    {"key", 'k', "KEY", "key of the verifier that is believed: hex, JWK, JWK set; again for more"},
    {"nonce", 'n', "TEXT", "the nonce that it must answer, as it stands there (base64url)"},
    {"at", 0, "SECONDS", "judge its validity at that Unix time (now)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_ear = {
    .group = "verifier",
    .name = "ear",
    .arguments = "FILE",
    .summary = "read an attestation result: whose, until when, what it says",
    .text =
        "FILE (- for standard input) is the token, of ours or of another verifier: EAR as JWS, by\n"
        "the draft's names or the older ones, signed with EdDSA, ES256 or ES384. No service is\n"
        "asked.\n"
        "Exit code: 0 affirming or warning, signed by a key that is believed, and valid; 1 wrong,\n"
        "or contraindicated; 4 nothing asserted, the key is not among --key, or out of its time.\n",
    .examples = "  curl -s https://host/.well-known/jwks.json > jwks.json\n"
                "  lucid verifier ear -k jwks.json result.jwt\n",
    .options = ear_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verifier_ear,
};
