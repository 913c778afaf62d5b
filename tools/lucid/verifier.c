#include "tools/lucid/verifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64url.h"
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

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct lucid_span verifier_trim(struct lucid_span text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

enum cli_exit verifier_json_read(struct cli *cli, const char *name, json_t **ret)
{
    struct lucid_buf text = {0};
    json_error_t at;
    enum cli_exit code = verifier_file_read(cli, name, &text);
    if (code != CLI_OK) {
        return code;
    }
    const char *bytes = text.len > 0 ? (const char *)text.data : "";
    json_t *object = json_loadb(bytes, text.len, JSON_REJECT_DUPLICATES, &at);
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

/* --- keys ------------------------------------------------------------------------------------- */

static enum cli_exit jwks_load(struct cli *cli, const char *name, struct verifier_keys *ret)
{
    json_t *set = NULL;
    size_t i;
    const json_t *jwk;
    enum cli_exit code = verifier_json_read(cli, name, &set);
    json_array_foreach(json_object_get(set, "keys"), i, jwk)
    {
        const char *crv = json_string_value(json_object_get(jwk, "crv"));
        const char *x = json_string_value(json_object_get(jwk, "x"));
        size_t len = 0;
        if (crv != NULL && strcmp(crv, "Ed25519") == 0 && x != NULL &&
            ret->count < RECORD_KEYS_MAX &&
            lucid_base64url_read(lucid_span_str(x), ret->keys[ret->count], DOCUMENT_KEY_BYTES,
                                 &len) &&
            len == DOCUMENT_KEY_BYTES) {
            ret->count++;
        }
    }
    json_decref(set);
    return code;
}

static bool key_read(struct lucid_span text, uint8_t ret[DOCUMENT_KEY_BYTES])
{
    uint8_t key[DOCUMENT_KEY_BYTES];
    size_t len = 0;
    if (lucid_hex_decode(text, ret, DOCUMENT_KEY_BYTES)) {
        return true;
    }
    if (!lucid_base64_decode(text, key, sizeof(key), &len) || len != sizeof(key)) {
        return false;
    }
    memcpy(ret, key, sizeof(key));
    return true;
}

enum cli_exit verifier_keys_load(struct cli *cli, struct verifier_keys *ret)
{
    enum cli_exit code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && cli_value_at(cli, "key", i) != NULL; i++) {
        const char *text = cli_value_at(cli, "key", i);
        size_t first = ret->count;
        if (ret->count == RECORD_KEYS_MAX) {
            return cli_fail(cli, CLI_USAGE, NULL, "key", "too many keys");
        }
        if (key_read(lucid_span_str(text), ret->keys[ret->count])) {
            ret->count++;
        } else {
            code = jwks_load(cli, text, ret);
        }
        memset(ret->issuers + first, (int)first, ret->count - first);
    }
    return code;
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
