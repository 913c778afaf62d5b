/* lucid passport status: the signed list of what is no longer good */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/passport.h"

static json_t *span_json(struct lucid_span text)
{
    json_t *value = json_stringn((const char *)text.data, text.len);
    return value != NULL ? value : json_null();
}

static json_t *entries_json(const struct status_list *list)
{
    json_t *all = json_array();
    for (size_t i = 0; i < list->entry_count; i++) {
        const struct status_entry *entry = &list->entries[i];
        json_t *item = json_object();
        json_object_set_new(item, "id", span_json(entry->id));
        json_object_set_new(item, "status", json_string(status_kind_name(entry->kind)));
        json_object_set_new(item, "at", json_integer((json_int_t)entry->at_s));
        if (entry->kind == STATUS_REVOKED) {
            json_object_set_new(item, "reason", json_string(status_reason_name(entry->reason)));
        } else {
            json_object_set_new(item, "by", span_json(entry->by));
        }
        json_array_append_new(all, item);
    }
    return all;
}

/* What is to be said of the signature: "ok", "unknown key", "not checked". */
static const char *signature_word(size_t key_count, bool is_signed)
{
    if (key_count == 0) {
        return "not checked";
    }
    return is_signed ? "ok" : "unknown key";
}

static enum cli_exit list_print(struct cli *cli, const struct status_list *list, size_t key_count,
                                bool is_signed, uint64_t now_s)
{
    static const char *const columns[] = {"id", "status", "reason", "by", "at", NULL};
    bool late = now_s >= list->exp_s;
    json_t *said = json_object();
    json_object_set_new(said, "issuer", span_json(list->issuer));
    json_object_set_new(said, "iat", json_integer((json_int_t)list->iat_s));
    json_object_set_new(said, "exp", json_integer((json_int_t)list->exp_s));
    json_object_set_new(said, "expired", json_boolean(late));
    json_object_set_new(said, "treeSize", json_integer((json_int_t)list->tree_size));
    json_object_set_new(said, "test", json_boolean(list->test));
    json_object_set_new(said, "signature", json_string(signature_word(key_count, is_signed)));
    json_t *entries = entries_json(list);
    if (cli->json) {
        json_object_set(said, "entries", entries);
        cli_print_json(said);
    } else {
        cli_print_object(said);
        if (json_array_size(entries) > 0) {
            putchar('\n');
            cli_print_table(entries, columns);
        }
    }
    json_decref(entries);
    json_decref(said);
    return late || (key_count > 0 && !is_signed) ? CLI_UNDECIDED : CLI_OK;
}

static enum cli_exit list_judge(struct cli *cli, struct lucid_span token)
{
    struct verifier_keys keys = {.count = 0};
    struct lucid_arena arena;
    struct status_list list;
    struct lucid_why why = {.code = NULL};
    size_t signer = STATUS_NO_KEY;
    uint64_t now_s = 0;
    enum cli_exit code = verifier_keys_load(cli, &keys);
    if (code == CLI_OK) {
        code = passport_time_read(cli, "at", &now_s);
    }
    if (code != CLI_OK) {
        return code;
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error =
        status_list_read(token, (const uint8_t(*)[PASSPORT_KEY_BYTES])keys.keys, keys.count,
                         verifier_signature_ok, NULL, &arena, &list, &signer, &why);
    code = error == LUCID_OK ? list_print(cli, &list, keys.count, signer != STATUS_NO_KEY, now_s)
                             : cli_fail_why(cli, error, &why, "the status list");
    lucid_arena_fini(&arena);
    return code;
}

static enum cli_exit passport_status(struct cli *cli)
{
    struct lucid_buf text = {0};
    struct lucid_why why = {.code = NULL};
    const char *out = cli_value(cli, "output", NULL);
    enum cli_exit code =
        cli->argument_count > 0
            ? verifier_file_read(cli, cli->arguments[0], &text)
            : remote_get_as(cli, "/v1/passports/status", "Accept: application/jwt", 3, &text);
    struct lucid_span token = verifier_trim(lucid_buf_span(&text));
    if (code == CLI_OK && out != NULL) {
        enum lucid_error error = datadir_file_write(out, 0644, token, &why);
        code = error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, out);
    }
    if (code == CLI_OK) {
        code = list_judge(cli, token);
    }
    lucid_buf_fini(&text);
    return code;
}

static const struct cli_option status_options[] = {
    {"key", 'k', "KEY", "key that is believed: hex, base64, or a file with a JWK set"},
    {"output", 'o', "FILE", "write the list there, for `lucid passport verify --status`"},
    {"at", 'T', "TIME", "as of that time: Unix seconds, or 2026-01-31T12:00:00Z (now)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_status = {
    .group = "passport",
    .name = "status",
    .arguments = "[FILE]",
    .summary = "get and read the signed list of revoked and superseded passports",
    .text = "A list is good for an hour at most; what is not on it is not revoked. FILE is one "
            "that was\n"
            "kept. Exit code: 0; 1 it is no status list; 4 it is too old, or by none of --key.\n",
    .examples = "  lucid passport status -k jwks.json -o status.jwt\n",
    .options = status_options,
    .arguments_max = 1,
    .run = passport_status,
};
