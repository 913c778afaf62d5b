/* lucid verifier interaction: make, submit, list, show */
#include <stdio.h>

#include "base/clock.h"
#include "plugins/verifier/interaction.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/verifier.h"

#define INTERACTIONS_PATH "/v1/attestation/interactions"

/* --- make ------------------------------------------------------------------------------------- */

/* What the chain is made of. */
struct making {
    struct lucid_arena arena;
    struct interaction form;
    struct claims_document *documents;
    const struct claims_document *list[INTERACTION_AUDITORS_MAX];
    size_t count;
};

static enum cli_exit documents_read(struct cli *cli, struct making *making)
{
    for (unsigned i = 1; i < cli->argument_count; i++) {
        struct lucid_buf text = {0};
        struct lucid_why why = {.code = NULL};
        struct claims_document *document = lucid_arena_zalloc(&making->arena, sizeof(*document));
        if (document == NULL) {
            return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
        }
        enum cli_exit code = verifier_file_read(cli, cli->arguments[i], &text);
        if (code != CLI_OK) {
            return code;
        }
        enum lucid_error error =
            claims_parse(lucid_buf_span(&text), &making->arena, document, &why);
        lucid_buf_fini(&text);
        if (error != LUCID_OK) {
            return cli_fail_why(cli, error, &why, cli->arguments[i]);
        }
        making->list[making->count++] = document;
    }
    return CLI_OK;
}

static struct lucid_span value_span(const struct cli *cli, const char *name)
{
    const char *text = cli_value(cli, name, NULL);
    return text != NULL ? lucid_span_str(text) : (struct lucid_span){.data = NULL};
}

/* A hash of an option as raw bytes; untouched without the option. */
static enum cli_exit hash_take(struct cli *cli, const char *name, struct making *making,
                               struct lucid_span *ret)
{
    struct lucid_span text = value_span(cli, name);
    uint8_t *raw = lucid_arena_zalloc(&making->arena, LUCID_SHA256_BYTES);
    if (text.data == NULL) {
        return CLI_OK;
    }
    if (raw == NULL || !lucid_hex_decode(text, raw, LUCID_SHA256_BYTES)) {
        return cli_fail(cli, CLI_USAGE, NULL, name, "--%s wants 64 lower-case hex digits", name);
    }
    *ret = lucid_span(raw, LUCID_SHA256_BYTES);
    return CLI_OK;
}

/* The first that is said: by an option, or by a document. */
static void subject_take(struct making *making)
{
    struct interaction *form = &making->form;
    for (size_t i = 0; i < making->count; i++) {
        const struct claims_document *document = making->list[i];
        form->trace_id = form->trace_id.len != 0 ? form->trace_id : document->trace_id;
        form->request_hash = form->request_hash.len != 0 ? form->request_hash : document->hashes[1];
        form->response_hash =
            form->response_hash.len != 0 ? form->response_hash : document->hashes[2];
    }
    form->id = form->id.len != 0 ? form->id : form->trace_id;
}

static enum cli_exit form_fill(struct cli *cli, struct making *making)
{
    struct lucid_clock clock = lucid_clock_system();
    struct interaction *form = &making->form;
    form->id = value_span(cli, "id");
    form->trace_id = value_span(cli, "trace");
    form->passport_id = value_span(cli, "passport");
    form->issued_ms = lucid_wall_ms(&clock);
    enum cli_exit code = hash_take(cli, "request-hash", making, &form->request_hash);
    if (code == CLI_OK) {
        code = hash_take(cli, "response-hash", making, &form->response_hash);
    }
    if (code != CLI_OK) {
        return code;
    }
    subject_take(making);
    if (form->trace_id.len == 0 || form->request_hash.len == 0) {
        return cli_fail(cli, CLI_USAGE, NULL, form->trace_id.len == 0 ? "trace" : "request-hash",
                        "--%s is missing, and no document says it",
                        form->trace_id.len == 0 ? "trace" : "request-hash");
    }
    return CLI_OK;
}

static enum cli_exit interaction_print(struct cli *cli, struct making *making)
{
    struct interaction made;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        interaction_make(&making->form, making->list, making->count, &making->arena, &made, &why);
    return error == LUCID_OK ? verifier_document_print(cli, made.canonical)
                             : cli_fail_why(cli, error, &why, "the chain");
}

static enum cli_exit make(struct cli *cli, const void *context)
{
    struct making making = {.count = 0};
    (void)context;
    lucid_arena_init(&making.arena, VERIFIER_ARENA_BYTES_MAX);
    enum cli_exit code = documents_read(cli, &making);
    if (code == CLI_OK) {
        code = form_fill(cli, &making);
    }
    if (code == CLI_OK) {
        code = interaction_print(cli, &making);
    }
    lucid_arena_fini(&making.arena);
    return code;
}

/* --- submit, list, show ----------------------------------------------------------------------- */

static enum cli_exit submit(struct cli *cli, const void *context)
{
    json_t *record = NULL;
    json_t *answer = NULL;
    (void)context;
    enum cli_exit code = verifier_json_read(cli, cli->arguments[1], &record);
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", INTERACTIONS_PATH, record, &answer);
    }
    json_decref(record);
    if (code == CLI_OK && verifier_answer_text(cli, answer, "interactionId") == NULL) {
        code = CLI_REFUSED;
    } else if (code == CLI_OK) {
        verifier_result_print(cli, answer);
    }
    json_decref(answer);
    return code;
}

static enum cli_exit list(struct cli *cli, const void *context)
{
    static const char *const columns[] = {"interactionId", "id",        "traceId",
                                          "issuedAt",      "logged_at", NULL};
    (void)context;
    return remote_list_print(cli, INTERACTIONS_PATH "?order=desc", columns, NULL);
}

static enum cli_exit show(struct cli *cli, const void *context)
{
    (void)context;
    return verifier_show(cli, INTERACTIONS_PATH, cli->arguments[1]);
}

static enum cli_exit verifier_interaction(struct cli *cli)
{
    static const struct verifier_verb verbs[] = {{"make", 1, INTERACTION_AUDITORS_MAX, make},
                                                 {"submit", 1, 1, submit},
                                                 {"list", 0, 0, list},
                                                 {"show", 1, 1, show}};
    return verifier_verb_run(cli, verbs, sizeof(verbs) / sizeof(verbs[0]), NULL);
}

static const struct cli_option interaction_options[] = {
    {"trace", 't', "ID", "of make: the trace (as the documents say)"},
    {"request-hash", 'r', "HEX", "of make: SHA-256 of the request (as the documents say)"},
    {"response-hash", 'R', "HEX", "of make: SHA-256 of the response (as the documents say)"},
    {"id", 'i', "ID", "of make: the record's own id (the trace's)"},
    {"passport", 'P', "ID", "of make: the passport that was shown"},
    {"limit", 'n', "N", "of list: at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_interaction = {
    .group = "verifier",
    .name = "interaction",
    .arguments = "VERB [FILE]",
    .summary = "the chain of auditors of one request: make it offline, log it, read",
    .text = "make FILE... links signed claims documents in the order in which the auditors looked, "
            "and\n"
            "prints the record. submit FILE logs one, once its claims were appraised (`lucid "
            "verifier\n"
            "claims submit`). list; show ID.\n",
    .examples = "  lucid verifier interaction make pii.signed.json tone.signed.json > chain.json\n"
                "  lucid verifier interaction submit chain.json\n",
    .options = interaction_options,
    .arguments_min = 1,
    .arguments_max = 1 + INTERACTION_AUDITORS_MAX,
    .run = verifier_interaction,
};
