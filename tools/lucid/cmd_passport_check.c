/* lucid passport check: a file of applications, as the service would read it */
#include <stdio.h>

#include "plugins/passport/application.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/verifier.h"

static json_t *text_json(struct lucid_span text)
{
    return text.len > 0 ? json_stringn((const char *)text.data, text.len) : NULL;
}

static json_t *digest_json(const uint8_t digest[LUCID_SHA256_BYTES])
{
    struct lucid_buf text = {0};
    lucid_buf_str(&text, "sha256:");
    lucid_buf_hex(&text, digest, LUCID_SHA256_BYTES);
    json_t *value = lucid_buf_ok(&text) ? text_json(lucid_buf_span(&text)) : NULL;
    lucid_buf_fini(&text);
    return value;
}

/* --- parts ------------------------------------------------------------------------------------ */

static json_t *texts_json(const struct lucid_span *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, text_json(texts[i]));
    }
    return list;
}

static json_t *evidence_json(const struct application *application)
{
    json_t *object = json_object();
    for (int i = 0; i < PASSPORT_EVIDENCES; i++) {
        json_object_set_new(object, passport_evidence_name((enum passport_evidence)i),
                            json_boolean(application->evidence[i]));
    }
    return object;
}

static json_t *auditors_json(const struct application *application)
{
    json_t *list = json_array();
    for (size_t i = 0; i < application->auditor_count; i++) {
        const struct application_auditor *auditor = &application->auditors[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o*}", "id", text_json(auditor->id), "name",
                                        text_json(auditor->name), "digest",
                                        auditor->has_digest ? digest_json(auditor->digest) : NULL));
    }
    return list;
}

static json_t *builders_json(const struct application *application)
{
    json_t *list = json_array();
    for (size_t i = 0; i < application->builders.count; i++) {
        const struct slsa_builder *builder = &application->builders.items[i];
        json_array_append_new(
            list,
            json_pack("{s:o, s:I, s:b, s:o, s:o}", "id", text_json(builder->id), "keys",
                      (json_int_t)builder->key_count, "isolated", builder->isolated, "sources",
                      texts_json(builder->sources, builder->source_count), "buildTypes",
                      texts_json(builder->build_types, builder->build_type_count)));
    }
    return list;
}

static json_t *display_json(const struct application *application)
{
    struct lucid_buf text = {0};
    application_display_write(application, &text);
    json_t *value = json_loadb((const char *)text.data, text.len, 0, NULL);
    lucid_buf_fini(&text);
    return value;
}

/* What holds for it, defaults filled in; what it does not fix is left out. */
static json_t *application_json(const struct application *application)
{
    json_t *out = json_pack("{s:o, s:o, s:o*, s:o, s:I, s:I}", "name", text_json(application->name),
                            "appName", text_json(application->app_name), "version",
                            text_json(application->version), "endpoints",
                            texts_json(application->endpoints, application->endpoint_count),
                            "validityDays", (json_int_t)application->validity_days, "minSlsaLevel",
                            (json_int_t)application->slsa_level_min);
    if (application->has_policy) {
        json_object_set_new(out, "policy", digest_json(application->policy));
    }
    if (application->appraisal_age_s_max > 0) {
        json_object_set_new(out, "maxAppraisalAgeSeconds",
                            json_integer((json_int_t)application->appraisal_age_s_max));
    }
    if (application->audience.len > 0) {
        json_object_set_new(out, "audience", text_json(application->audience));
    }
    if (application->token_count > 0) {
        json_object_set_new(out, "tokens",
                            texts_json(application->tokens, application->token_count));
    }
    json_object_set_new(out, "evidence", evidence_json(application));
    if (application->container.present) {
        json_object_set_new(out, "container",
                            json_pack("{s:o, s:o*}", "digest",
                                      digest_json(application->container.digest), "registry",
                                      text_json(application->container.registry)));
    }
    if (application->model.present) {
        json_object_set_new(
            out, "model",
            json_pack("{s:o, s:o*}", "name", text_json(application->model.name), "digest",
                      application->model.has_digest ? digest_json(application->model.digest)
                                                    : NULL));
    }
    if (application->provenance_uri.len > 0) {
        json_object_set_new(out, "provenanceUri", text_json(application->provenance_uri));
    }
    json_object_set_new(out, "auditors", auditors_json(application));
    json_object_set_new(out, "builders", builders_json(application));
    json_object_set_new(out, "display", display_json(application));
    return out;
}

/* --- for people ------------------------------------------------------------------------------- */

/* What a reader of the file may not have meant. */
static void application_remark(const struct cli *cli, const struct application *application)
{
    int len = (int)application->name.len;
    const char *name = (const char *)application->name.data;
    if (application->endpoint_count == 0) {
        cli_note(cli,
                 "%.*s: without endpoints nobody can tell where its passport may be shown, and "
                 "/.lucid/passport does not find it by its host",
                 len, name);
    }
    if (application->slsa_level_min > 1 && application->builders.count == 0) {
        cli_note(cli,
                 "%.*s: minSlsaLevel %u cannot be reached without builders: it gets no passport",
                 len, name, application->slsa_level_min);
    }
    if (application->slsa_level_min > 3 && application->builders.count == 1) {
        cli_note(cli, "%.*s: minSlsaLevel 4 needs two builders: it gets no passport", len, name);
    }
}

static enum cli_exit passport_check(struct cli *cli)
{
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    struct applications read;
    struct lucid_why why = {.code = NULL};
    enum cli_exit code = verifier_file_read(cli, cli->arguments[0], &text);
    if (code != CLI_OK) {
        return code;
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error = applications_read(lucid_buf_span(&text), &arena, &read, &why);
    json_t *list = json_array();
    for (size_t i = 0; error == LUCID_OK && i < read.count; i++) {
        application_remark(cli, &read.items[i]);
        json_array_append_new(list, application_json(&read.items[i]));
    }
    if (error != LUCID_OK) {
        code = cli_fail_why(cli, error, &why, cli->arguments[0]);
    } else if (cli->json) {
        json_t *answer = json_pack("{s:O}", "applications", list);
        cli_print_json(answer);
        json_decref(answer);
    } else {
        for (size_t i = 0; i < json_array_size(list); i++) {
            if (i > 0) {
                putchar('\n');
            }
            cli_print_object(json_array_get(list, i));
        }
    }
    json_decref(list);
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return code;
}

const struct cli_command command_passport_check = {
    .group = "passport",
    .name = "check",
    .arguments = "FILE",
    .summary = "read a file of applications as the service would",
    .text = "Needs no service. Prints what holds for each application, defaults filled in; a file\n"
            "that is not good is refused with the member and line at fault.\n",
    .examples = "  lucid passport check /etc/lucid-ledger/applications.yaml\n"
                "  lucid passport check --json - < application.yaml\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_check,
};
