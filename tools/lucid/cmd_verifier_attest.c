/* lucid verifier challenge, appraise, attest */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64url.h"
#include "base/jcs/jcs.h"
#include "lucidd/datadir.h"
#include "plugins/verifier/freshness.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/secret.h"
#include "tools/lucid/verifier.h"

enum { REPORT_DATA_BYTES = 64, KEY_BYTES = 32 };

/* --- what is bound ---------------------------------------------------------------------------- */

static json_t *key_jwk(const uint8_t key[KEY_BYTES])
{
    struct lucid_buf x = {0};
    lucid_base64url_write(&x, lucid_span(key, KEY_BYTES));
    json_t *jwk = json_pack("{s:s, s:s, s:s%}", "crv", "Ed25519", "kty", "OKP", "x",
                            (const char *)x.data, x.len);
    lucid_buf_fini(&x);
    return jwk;
}

/* The public key in a file: a JWK, 64 hex digits of an Ed25519 key, or a secret key with both
 * halves, as `lucid keygen` prints it. NULL: it is none, or after a message. */
static json_t *key_file_load(struct cli *cli, const char *name)
{
    struct lucid_buf text = {0};
    uint8_t key[KEY_BYTES];
    if (secret_file_public(name, key)) {
        return key_jwk(key);
    }
    if (verifier_file_read(cli, name, &text) != CLI_OK) {
        return NULL;
    }
    json_t *jwk = lucid_hex_decode(verifier_trim(lucid_buf_span(&text)), key, sizeof(key))
                      ? key_jwk(key)
                      : json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    lucid_buf_fini(&text);
    return jwk;
}

/* The public key of --key as a JWK. NULL: after a message. */
static json_t *key_load(struct cli *cli)
{
    const char *given = cli_value(cli, "key", NULL);
    uint8_t key[KEY_BYTES];
    if (given == NULL) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "key", "--key is missing: whose evidence is it?");
        return NULL;
    }
    json_t *jwk = lucid_hex_decode(lucid_span_str(given), key, sizeof(key))
                      ? key_jwk(key)
                      : key_file_load(cli, given);
    if (!json_is_object(jwk) || json_object_get(jwk, "d") != NULL) {
        if (!cli->error_printed) {
            (void)cli_fail(cli, CLI_USAGE, NULL, "key",
                           "--key must be a public key: a JWK, or 64 hex digits of an Ed25519 "
                           "key; or a file of `lucid keygen`, mode 0600");
        }
        json_decref(jwk);
        jwk = NULL;
    }
    return jwk;
}

/* The canonical bytes of a JSON value. False: memory. */
static bool canonical(const json_t *value, struct lucid_arena *arena, struct lucid_span *ret)
{
    static const struct jcs_limits limits = {24, 65536};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    bool ok =
        text != NULL && jcs_parse(lucid_span_str(text), &limits, arena, &root, NULL) == LUCID_OK;
    if (ok) {
        jcs_write(root, &out);
        *ret = lucid_arena_copy(arena, lucid_buf_span(&out));
        ok = lucid_buf_ok(&out) && ret->data != NULL;
    }
    lucid_buf_fini(&out);
    free(text);
    return ok;
}

/* {"sessionId","nonce","audience","expiresAt","runtimeData": base64,"reportData": hex} */
static enum cli_exit session_make(struct cli *cli, const json_t *challenge, json_t *runtime,
                                  json_t **ret)
{
    struct lucid_arena arena;
    struct lucid_span bytes;
    struct lucid_why why = {.code = NULL};
    struct freshness_runtime read;
    char hex[2 * REPORT_DATA_BYTES + 1] = "";
    uint8_t report_data[REPORT_DATA_BYTES] = {0};
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error = canonical(runtime, &arena, &bytes) ? LUCID_OK : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = freshness_read(bytes, &arena, &read, &why);
    }
    if (error == LUCID_OK) {
        memcpy(report_data, read.sha384, sizeof(read.sha384));
        lucid_hex_encode(report_data, sizeof(report_data), hex);
        json_t *session = json_copy((json_t *)(uintptr_t)challenge);
        json_object_set_new(session, "runtimeData", verifier_base64(bytes));
        json_object_set_new(session, "reportData", json_string(hex));
        *ret = session;
    }
    lucid_arena_fini(&arena);
    return error == LUCID_OK ? CLI_OK
                             : cli_fail_why(cli, error, &why, "what the evidence is to bind");
}

/* Asks for a challenge and makes what the evidence is to bind. The caller decrefs *ret. */
static enum cli_exit session_ask(struct cli *cli, const char *type, json_t **ret)
{
    const char *audience = cli_value(cli, "audience", NULL);
    const char *workload_file = cli_value(cli, "workload", NULL);
    json_t *workload = NULL;
    json_t *challenge = NULL;
    if (audience == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "audience", "--audience is missing: for whom?");
    }
    json_t *key = key_load(cli);
    enum cli_exit code = key != NULL ? CLI_OK : CLI_USAGE;
    if (code == CLI_OK && workload_file != NULL) {
        code = verifier_json_read(cli, workload_file, &workload);
    }
    json_t *body = json_pack("{s:s, s:o*}", "audience", audience, "types",
                             type != NULL ? json_pack("[s]", type) : NULL);
    if (code == CLI_OK && body == NULL) {
        code = cli_fail(cli, CLI_USAGE, NULL, "audience", "--audience and --type must be UTF-8");
    }
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", "/v1/attestation/challenge", body, &challenge);
    }
    if (code == CLI_OK) {
        json_t *runtime =
            json_pack("{s:s, s:O, s:O, s:O*}", "audience", audience, "nonce",
                      json_object_get(challenge, "nonce"), "publicKey", key, "workload", workload);
        code = runtime != NULL ? session_make(cli, challenge, runtime, ret)
                               : cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer has no nonce");
        json_decref(runtime);
    }
    json_decref(body);
    json_decref(challenge);
    json_decref(workload);
    json_decref(key);
    return code;
}

static enum cli_exit verifier_challenge(struct cli *cli)
{
    json_t *session = NULL;
    enum cli_exit code = session_ask(cli, cli_value(cli, "type", NULL), &session);
    if (code == CLI_OK) {
        cli_print_json(session);
    }
    json_decref(session);
    return code;
}

#define BOUND_OPTIONS                                                                              \
    {"audience", 'a', "TEXT", "who will rely on the result"},                                      \
        {"key", 'k', "KEY", "key of the attester: Ed25519 as hex, or a file: JWK, of keygen"},     \
        {"workload", 'w', "FILE", "JSON object that is bound too: container, auditors"},           \
    {                                                                                              \
        "type", 'T', "TYPE", "kind of evidence: snp, mock"                                         \
    }

static const struct cli_option challenge_options[] = {
    BOUND_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_challenge = {
    .group = "verifier",
    .name = "challenge",
    .arguments = "",
    .summary = "ask for a nonce, and make what evidence is to bind",
    .text = "Prints a session: keep it in a file for `lucid verifier appraise --session`. Its "
            "reportData\n"
            "(64 bytes) is what goes into the report, as of `snpguest report`.\n",
    .examples = "  lucid verifier challenge -a https://me.example -k worker.pub > session.json\n"
                "  jq -r .reportData session.json | xxd -r -p > request.bin\n"
                "  snpguest report report.bin request.bin\n"
                "  lucid verifier appraise --session session.json -e report.bin -E vcek.der\n",
    .options = challenge_options,
    .run = verifier_challenge,
};

/* --- appraise --------------------------------------------------------------------------------- */

static enum cli_exit endorsements_load(struct cli *cli, json_t *evidence)
{
    json_t *list = json_array();
    enum cli_exit code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && cli_value_at(cli, "endorsement", i) != NULL; i++) {
        struct lucid_buf bytes = {0};
        code = verifier_file_read(cli, cli_value_at(cli, "endorsement", i), &bytes);
        if (code == CLI_OK) {
            bool pem = bytes.len > 10 && memcmp(bytes.data, "-----BEGIN", 10) == 0;
            json_array_append_new(list, pem ? json_stringn((const char *)bytes.data, bytes.len)
                                            : verifier_base64(lucid_buf_span(&bytes)));
        }
        lucid_buf_fini(&bytes);
    }
    if (json_array_size(list) > 0) {
        json_object_set(evidence, "endorsements", list);
    }
    json_decref(list);
    return code;
}

/* Sends evidence for a session and prints what came of it. */
static enum cli_exit appraise_send(struct cli *cli, const json_t *session, struct lucid_span bytes,
                                   const char *type)
{
    json_t *answer = NULL;
    json_t *evidence = json_pack("{s:s, s:o}", "type", type, "evidence", verifier_base64(bytes));
    json_t *body =
        json_pack("{s:O, s:O, s:[O], s:s*}", "sessionId", json_object_get(session, "sessionId"),
                  "runtimeData", json_object_get(session, "runtimeData"), "evidences", evidence,
                  "policyId", cli_value(cli, "policy", NULL));
    enum cli_exit code = CLI_OK;
    if (body == NULL) {
        code = cli_fail(cli, CLI_USAGE, NULL, "session",
                        "the session has no sessionId and runtimeData, or there is no evidence");
    }
    if (code == CLI_OK) {
        code = endorsements_load(cli, evidence);
    }
    if (code == CLI_OK) {
        code = verifier_test_load(cli, body);
    }
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", "/v1/attestation/appraise", body, &answer);
    }
    json_decref(evidence);
    json_decref(body);
    if (code == CLI_OK) {
        code = verifier_appraised(cli, answer);
    }
    json_decref(answer);
    return code;
}

/* The evidence that `lucid verifier attest --keep` put into a session. */
static enum cli_exit kept_read(struct cli *cli, const json_t *session, struct lucid_buf *ret)
{
    const char *text = json_string_value(json_object_get(session, "evidence"));
    size_t max = text != NULL ? strlen(text) : 0;
    size_t len = 0;
    if (text == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "evidence",
                        "--evidence is missing, and the session keeps none");
    }
    uint8_t *bytes = malloc(max + 1);
    bool good = bytes != NULL && lucid_base64_decode(lucid_span_str(text), bytes, max, &len);
    if (good) {
        lucid_buf_put(ret, bytes, len);
    }
    free(bytes);
    return good && lucid_buf_ok(ret) ? CLI_OK
                                     : cli_fail(cli, CLI_REFUSED, NULL, "evidence",
                                                "the session's evidence is no base64");
}

static enum cli_exit verifier_appraise(struct cli *cli)
{
    const char *session_file = cli_value(cli, "session", NULL);
    const char *evidence_file = cli_value(cli, "evidence", NULL);
    json_t *session = NULL;
    struct lucid_buf bytes = {0};
    if (session_file == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "session", "--session must be given");
    }
    enum cli_exit code = verifier_json_read(cli, session_file, &session);
    if (code == CLI_OK) {
        code = evidence_file != NULL ? verifier_file_read(cli, evidence_file, &bytes)
                                     : kept_read(cli, session, &bytes);
    }
    if (code == CLI_OK) {
        const char *kept = json_string_value(json_object_get(session, "type"));
        code = appraise_send(cli, session, lucid_buf_span(&bytes),
                             cli_value(cli, "type", kept != NULL ? kept : "snp"));
    }
    lucid_buf_fini(&bytes);
    json_decref(session);
    return code;
}

#define RESULT_OPTIONS                                                                             \
    {"policy", 'p', "ID", "policy to appraise by (the service's default)"},                        \
        {"endorsement", 'E', "FILE", "certificate that goes with the evidence; again for more"},   \
        {"ear", 'o', "FILE", "write the result's token there"},                                    \
        {"test-time", 0, "SECONDS", "appraise as of that Unix time; test stores only"},            \
    {                                                                                              \
        "test-bound-data", 0, "HEX", "what the evidence binds instead; test stores only"           \
    }

static const struct cli_option appraise_options[] = {
    {"session", 's', "FILE", "what `lucid verifier challenge` printed, or `attest --keep` kept"},
    {"evidence", 'e', "FILE", "the report or quote; else what the session keeps"},
    {"type", 'T', "TYPE", "kind of evidence: snp, mock (as the session says, else snp)"},
    RESULT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

#define EXIT_TEXT                                                                                  \
    "Exit code: 0 affirming or warning, 1 contraindicated or refused, 4 nothing asserted.\n"

const struct cli_command command_verifier_appraise = {
    .group = "verifier",
    .name = "appraise",
    .arguments = "",
    .summary = "have evidence appraised that was made for a challenge",
    .text = EXIT_TEXT,
    .examples = "  lucid verifier appraise --session session.json -e report.bin -E vcek.der\n"
                "  lucid verifier appraise --session evidence.json --json > appraisal.json\n",
    .options = appraise_options,
    .run = verifier_appraise,
};

/* --- attest ----------------------------------------------------------------------------------- */

/* GET AGENT/aa/evidence: the routes of Confidential Containers' attestation agent. */
static enum cli_exit agent_ask(struct cli *cli, const char *agent, const json_t *session,
                               struct client_answer *ret)
{
    char url[REMOTE_PATH_BYTES_MAX];
    uint8_t report_data[REPORT_DATA_BYTES];
    struct lucid_buf text = {0};
    struct client *client = NULL;
    struct lucid_why why = {.code = NULL};
    const char *hex = json_string_value(json_object_get(session, "reportData"));
    if (!lucid_hex_decode(lucid_span_str(hex), report_data, sizeof(report_data))) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the session has no report data");
    }
    lucid_base64url_write(&text, lucid_span(report_data, sizeof(report_data)));
    int len = snprintf(url, sizeof(url), "%s/aa/evidence?runtime_data=%.*s&encoding=base64", agent,
                       (int)text.len, (const char *)text.data);
    lucid_buf_fini(&text);
    if (len <= 0 || (size_t)len >= sizeof(url)) {
        return cli_fail(cli, CLI_USAGE, NULL, "agent", "the address is too long");
    }
    const struct client_question question = {
        .method = "GET", .url = url, .answer_bytes_max = APPRAISAL_EVIDENCE_BYTES_MAX};
    enum lucid_error error = client_open(&client);
    if (error == LUCID_OK) {
        error = client_request(client, &question, ret, &why);
    }
    client_close(client);
    if (error != LUCID_OK) {
        return verifier_fail_peer(cli, agent, error, &why);
    }
    if (ret->status != 200 || ret->body.len == 0) {
        return cli_fail(cli, CLI_UNREACHABLE, NULL, "agent", "%s answers %d and no evidence", agent,
                        ret->status);
    }
    return CLI_OK;
}

/* Writes session and evidence to --keep, for `lucid verifier appraise --session`. */
static enum cli_exit evidence_keep(struct cli *cli, json_t *session, const char *type,
                                   struct lucid_span evidence, const char *name)
{
    struct lucid_why why = {.code = NULL};
    json_object_set_new(session, "type", json_string(type));
    json_object_set_new(session, "evidence", verifier_base64(evidence));
    char *text = json_dumps(session, JSON_COMPACT);
    if (text == NULL || json_object_get(session, "evidence") == NULL) {
        free(text);
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    enum lucid_error error = datadir_file_write(name, 0600, lucid_span_str(text), &why);
    free(text);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, name);
    }
    if (cli->json) {
        json_t *said = json_pack("{s:s, s:s, s:O*}", "file", name, "type", type, "expiresAt",
                                 json_object_get(session, "expiresAt"));
        cli_print_json(said);
        json_decref(said);
    } else {
        printf("%s\n", name);
    }
    return CLI_OK;
}

static enum cli_exit verifier_attest(struct cli *cli)
{
    const char *agent = cli_value(cli, "agent", "http://127.0.0.1:8006");
    const char *type = cli_value(cli, "type", "snp");
    struct client_answer evidence = {.status = 0};
    json_t *session = NULL;
    enum cli_exit code = session_ask(cli, type, &session);
    if (code == CLI_OK) {
        code = agent_ask(cli, agent, session, &evidence);
    }
    if (code == CLI_OK) {
        const char *kept = cli_value(cli, "keep", NULL);
        struct lucid_span bytes = lucid_buf_span(&evidence.body);
        code = kept != NULL ? evidence_keep(cli, session, type, bytes, kept)
                            : appraise_send(cli, session, bytes, type);
    }
    client_answer_fini(&evidence);
    json_decref(session);
    return code;
}

static const struct cli_option attest_options[] = {
    {"agent", 'A', "URL", "the attestation agent (http://127.0.0.1:8006)"},
    BOUND_OPTIONS,
    {"keep", 'K', "FILE", "appraise nothing yet: write session and evidence there"},
    RESULT_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_attest = {
    .group = "verifier",
    .name = "attest",
    .arguments = "",
    .summary = "challenge, evidence of a local agent, appraisal: all in one",
    .text = "The agent is asked as Confidential Containers' is: GET /aa/evidence. lucid-mock-agent "
            "answers\n"
            "the same way, with mock evidence. With --keep the appraisal is left to `lucid\n"
            "verifier appraise --session FILE`, within the challenge's time.\n" EXIT_TEXT,
    .examples =
        "  lucid verifier attest -a https://me.example -k worker.key -T mock\n"
        "  lucid verifier attest -a https://me.example -k worker.key --keep evidence.json\n",
    .options = attest_options,
    .run = verifier_attest,
};
