/* lucid verifier replay, explain: from a bundle without any service, or by id */
#include <stdio.h>
#include <stdlib.h>

#include "base/jcs/jcs.h"
#include "plugins/verifier/explain.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/verifier.h"
#include "tools/lucid/verifier_logged.h"

/* --- replay ----------------------------------------------------------------------------------- */

static enum cli_exit outcome_exit(const char *outcome)
{
    if (strcmp(outcome, replay_outcome_name(REPLAY_SAME)) == 0) {
        return CLI_OK;
    }
    bool open = strcmp(outcome, replay_outcome_name(REPLAY_UNKNOWN_KEY)) == 0 ||
                strcmp(outcome, replay_outcome_name(REPLAY_DIFFERS_RULES)) == 0;
    return open ? CLI_UNDECIDED : CLI_REFUSED;
}

/* The members of "logged" on lines of their own. */
static void logged_flatten(json_t *plain)
{
    char name[32];
    const char *part;
    json_t *word;
    json_t *logged = json_incref(json_object_get(plain, "logged"));
    if (json_is_object(logged)) {
        (void)json_object_del(plain, "logged");
    }
    json_object_foreach(logged, part, word)
    {
        (void)snprintf(name, sizeof(name), "logged.%s", part);
        (void)json_object_set(plain, name, word);
    }
    json_decref(logged);
}

static enum cli_exit report_print(struct cli *cli, const json_t *report)
{
    static const char *const columns[] = {"pointer", "recorded", "replayed", NULL};
    const char *outcome = json_string_value(json_object_get(report, "outcome"));
    const json_t *differences = json_object_get(report, "differences");
    if (outcome == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, "outcome", "the report has no outcome");
    }
    if (cli->json) {
        cli_print_json(report);
        return outcome_exit(outcome);
    }
    json_t *plain = json_copy((json_t *)(uintptr_t)report);
    (void)json_object_del(plain, "differences");
    (void)json_object_del(plain, "steps");
    logged_flatten(plain);
    cli_print_object(plain);
    json_decref(plain);
    if (json_array_size(differences) > 0) {
        putchar('\n');
        cli_print_table(differences, columns);
    }
    if (strcmp(outcome, replay_outcome_name(REPLAY_UNKNOWN_KEY)) == 0) {
        cli_note(cli, "the verdict is the same, but nothing says whose key signed it: name the "
                      "verifier's keys with --key");
    }
    return outcome_exit(outcome);
}

/* The exit code of both: what failed, then what could not be decided. That the record was logged
 * has to be shown when that was asked for, by the option or with the log's key. */
static enum cli_exit offline_report(struct cli *cli, const struct replay *replay, const char *vkey)
{
    struct lucid_buf out = {0};
    replay_write(replay, &out);
    json_t *report = json_loadb((const char *)out.data, out.len, 0, NULL);
    lucid_buf_fini(&out);
    if (report == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    struct verifier_logged logged_record = {
        .record = replay->record, .proof = replay->proof, .has_key = replay->has_key};
    memcpy(logged_record.key, replay->key, sizeof(logged_record.key));
    enum cli_exit logged = verifier_logged_judge(cli, &logged_record, vkey, report);
    enum cli_exit code = cli->error_printed ? logged : report_print(cli, report);
    json_decref(report);
    if (logged == CLI_UNDECIDED && vkey[0] == '\0' && !cli_flag(cli, "require-logged")) {
        logged = CLI_OK;
    }
    return code == CLI_REFUSED || logged == CLI_OK ? code : logged;
}

static enum cli_exit replay_offline(struct cli *cli, struct lucid_span text)
{
    struct lucid_arena arena;
    struct verifier_keys pinned = {.count = 0};
    char vkey[VKEY_TEXT_BYTES];
    struct lucid_why why = {.code = NULL};
    enum cli_exit code = verifier_keys_load(cli, &pinned);
    if (code == CLI_OK) {
        code = vkey_option_load(cli, vkey);
    }
    if (code != CLI_OK) {
        return code;
    }
    const struct replay_trust trust = {
        .keys = (const uint8_t(*)[DOCUMENT_KEY_BYTES])pinned.keys,
        .key_count = pinned.count,
        .verify = verifier_signature_ok,
    };
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    struct replay *replay = lucid_arena_zalloc(&arena, sizeof(*replay));
    enum lucid_error error =
        replay != NULL ? replay_bundle(text, &trust, &arena, replay, &why) : LUCID_RETRY_MEMORY;
    code = error == LUCID_OK ? offline_report(cli, replay, vkey)
                             : cli_fail_why(cli, error, &why, "the bundle");
    lucid_arena_fini(&arena);
    return code;
}

static enum cli_exit replay_remote(struct cli *cli)
{
    json_t *report = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    if (cli_value(cli, "vkey", NULL) != NULL || cli_value(cli, "vkey-file", NULL) != NULL ||
        cli_flag(cli, "require-logged")) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL,
                        "the proof is checked of a bundle in a FILE: see `lucid verifier bundle`");
    }
    json_t *body = json_pack("{s:s}", "appraisalId", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "POST", "/v1/attestation/replay", body, &report);
    json_decref(body);
    if (code == CLI_OK) {
        code = report_print(cli, report);
    }
    json_decref(report);
    return code;
}

/* An id is 64 hex digits; anything else is a file. */
static bool is_id(const char *text)
{
    return lucid_is_hex(lucid_span_str(text), 2 * LUCID_SHA256_BYTES);
}

static enum cli_exit verifier_replay(struct cli *cli)
{
    struct lucid_buf text = {0};
    if (is_id(cli->arguments[0])) {
        return replay_remote(cli);
    }
    enum cli_exit code = verifier_file_read(cli, cli->arguments[0], &text);
    if (code == CLI_OK) {
        code = replay_offline(cli, lucid_buf_span(&text));
    }
    lucid_buf_fini(&text);
    return code;
}

static const struct cli_option replay_options[] = {
    {"key", 'k', "KEY",
     "key of the verifier that is believed: hex, or a JWK set; again for "
     "more"},
    {"vkey", 'V', "VKEY", "the log's verifier key, C2SP text: check that the record was logged"},
    {"vkey-file", 'f', "FILE", "a file with it (else --data's vkey)"},
    {"require-logged", 'R', NULL, "exit 4 unless it is shown that the record was logged"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_replay = {
    .group = "verifier",
    .name = "replay",
    .arguments = "FILE|ID",
    .summary = "appraise again, and compare with what was recorded",
    .text =
        "A bundle (FILE, or - for standard input) is appraised here, from nothing but what it\n"
        "holds; no service is asked. An ID is replayed by the service.\n"
        "logged.* say of a FILE whether its proof shows that the record is in the log: entry (of\n"
        "this record, by the key that signed the token), inclusion (the path to the checkpoint's\n"
        "root) and checkpoint (signed by the log): ok, failed, or not checked. The last two need\n"
        "the log's key.\n"
        "Exit code: 0 the same claims, signed by a key that is believed; 1 they differ, and it is\n"
        "said where, or a part of logged failed; 4 the key is not among --key, other rules made\n"
        "the record, or, with the log's key or --require-logged, a part was not checked.\n",
    .examples = "  lucid verifier bundle ID | lucid verifier replay -k jwks.json -f vkey -\n"
                "  curl -s https://host/.well-known/jwks.json > jwks.json\n",
    .options = replay_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verifier_replay,
};

/* --- explain ---------------------------------------------------------------------------------- */

/* The record in a document: its member "record" (a bundle, an appraisal as it is read), or all of
 * it; canonical. */
static enum lucid_error record_find(struct lucid_span text, struct lucid_arena *arena,
                                    struct lucid_span *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {24, 262144};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    enum lucid_error error = jcs_parse(text, &limits, arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct jcs_value *record = jcs_member(root, "record");
    jcs_write(record != NULL ? record : root, &out);
    *ret = lucid_arena_copy(arena, lucid_buf_span(&out));
    bool ok = lucid_buf_ok(&out) && ret->data != NULL;
    lucid_buf_fini(&out);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

static enum cli_exit explain_text(struct cli *cli, struct lucid_span text)
{
    struct lucid_arena arena;
    struct lucid_buf out = {0};
    struct lucid_span record;
    struct lucid_why why = {.code = NULL};
    enum cli_exit code = CLI_OK;
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error = record_find(text, &arena, &record, &why);
    if (error == LUCID_OK) {
        error = explain_record(record, &arena, &out, &why);
    }
    lucid_buf_char(&out, '\0');
    if (error == LUCID_OK && lucid_buf_ok(&out)) {
        if (cli->json) {
            json_t *said = json_pack("{s:s}", "text", (const char *)out.data);
            cli_print_json(said);
            json_decref(said);
        } else {
            for (const char *line = (const char *)out.data; *line != '\0';) {
                size_t len = strcspn(line, "\n");
                char *copy = strndup(line, len);
                cli_print_text(stdout, copy != NULL ? copy : "");
                putchar('\n');
                free(copy);
                line += len + (line[len] != '\0');
            }
        }
    } else {
        code =
            cli_fail_why(cli, error != LUCID_OK ? error : LUCID_RETRY_MEMORY, &why, "the record");
    }
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
    return code;
}

static enum cli_exit explained_get(struct cli *cli, const char *id, struct lucid_buf *ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof(path), "/v1/attestation/appraisals/%s", id);
    return remote_get_text(cli, path, 3, ret);
}

/* What `appraise --json` printed names an appraisal, and has no record: the service has it. */
static enum cli_exit explained_read(struct cli *cli, const char *file, struct lucid_buf *ret)
{
    enum cli_exit code = verifier_file_read(cli, file, ret);
    json_t *root = code == CLI_OK ? json_loadb((const char *)ret->data, ret->len, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(root, "appraisalId"));
    if (id != NULL && is_id(id) && json_object_get(root, "record") == NULL) {
        lucid_buf_fini(ret);
        *ret = (struct lucid_buf){0};
        code = explained_get(cli, id, ret);
    }
    json_decref(root);
    return code;
}

static enum cli_exit verifier_explain(struct cli *cli)
{
    struct lucid_buf text = {0};
    const char *what = cli->arguments[0];
    enum cli_exit code =
        is_id(what) ? explained_get(cli, what, &text) : explained_read(cli, what, &text);
    if (code == CLI_OK) {
        code = explain_text(cli, lucid_buf_span(&text));
    }
    lucid_buf_fini(&text);
    return code;
}

const struct cli_command command_verifier_explain = {
    .group = "verifier",
    .name = "explain",
    .arguments = "FILE|ID",
    .summary = "say in words why an appraisal came out as it did",
    .text =
        "Step by step, from what is recorded; nothing is appraised again. FILE is a bundle, a "
        "record, or what `appraise --json` printed (then the service is asked for the record).\n",
    .examples = "  lucid verifier explain appraisal.bundle.json\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verifier_explain,
};
