#include "tools/lucid/verifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/ed25519.h"

enum { READ_BYTES = 64 * 1024 };

enum cli_exit verifier_file_read(struct cli *cli, const char *name, struct lucid_buf *ret)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *file = standard ? stdin : fopen(name, "rbe");
    struct lucid_buf text;
    if (file == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s: %s", name, strerror(errno));
    }
    lucid_buf_init(&text, VERIFIER_FILE_BYTES_MAX);
    for (;;) {
        uint8_t part[READ_BYTES];
        size_t len = fread(part, 1, sizeof(part), file);
        lucid_buf_put(&text, part, len);
        if (len == 0 || !lucid_buf_ok(&text)) {
            break;
        }
    }
    bool bad = ferror(file) != 0;
    if (!standard) {
        (void)fclose(file);
    }
    if (bad || !lucid_buf_ok(&text)) {
        lucid_buf_fini(&text);
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s: %s", name,
                        bad ? "it cannot be read" : "it is too large");
    }
    *ret = text;
    return CLI_OK;
}

enum cli_exit verifier_json_read(struct cli *cli, const char *name, json_t **ret)
{
    struct lucid_buf text = {0};
    json_error_t at;
    enum cli_exit code = verifier_file_read(cli, name, &text);
    if (code != CLI_OK) {
        return code;
    }
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &at);
    lucid_buf_fini(&text);
    if (!json_is_object(object)) {
        json_decref(object);
        return cli_fail(cli, CLI_REFUSED, "INVALID_JSON", NULL, "%s: %s", name,
                        object == NULL ? at.text : "it is no JSON object");
    }
    *ret = object;
    return CLI_OK;
}

json_t *verifier_base64(struct lucid_span bytes)
{
    struct lucid_buf text = {0};
    lucid_buf_base64(&text, bytes.data, bytes.len);
    json_t *value = lucid_buf_ok(&text) ? json_stringn((const char *)text.data, text.len) : NULL;
    lucid_buf_fini(&text);
    return value;
}

bool verifier_signature_ok(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                           const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

enum cli_exit verifier_fail_peer(struct cli *cli, const char *url, enum lucid_error error,
                                 const struct lucid_why *why)
{
    bool away = error == LUCID_RETRY_IO || error == LUCID_REFUSE_FORBIDDEN;
    return cli_fail(cli, away ? CLI_UNREACHABLE : CLI_REFUSED, NULL, NULL, "%s: %s", url,
                    why->text[0] != '\0' ? why->text : lucid_error_name(error));
}

void verifier_steps_print(const json_t *steps)
{
    static const char *const columns[] = {"evidence", "type",   "step", "outcome",
                                          "code",     "detail", NULL};
    if (json_array_size(steps) > 0) {
        cli_print_table(steps, columns);
    }
}

void verifier_result_print(const json_t *answer)
{
    json_t *plain = json_copy((json_t *)(uintptr_t)answer);
    static const char *const elsewhere[] = {"steps", "record", "proof", "receipt", "ear"};
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        (void)json_object_del(plain, elsewhere[i]);
    }
    const json_t *receipt = json_object_get(answer, "receipt");
    json_object_set(plain, "leaf_index", json_object_get(receipt, "leaf_index"));
    cli_print_object(plain);
    json_decref(plain);
    putchar('\n');
    verifier_steps_print(json_object_get(answer, "steps"));
}

enum cli_exit verifier_status_exit(const json_t *answer)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    if (status == NULL || strcmp(status, "none") == 0) {
        return CLI_UNDECIDED;
    }
    return strcmp(status, "contraindicated") == 0 ? CLI_REFUSED : CLI_OK;
}
