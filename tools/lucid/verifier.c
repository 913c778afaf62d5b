#include "tools/lucid/verifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/ed25519.h"
#include "lucidd/datadir.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/secret.h"

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

/* --- verbs ------------------------------------------------------------------------------------ */

enum cli_exit verifier_verb_run(struct cli *cli, const struct verifier_verb *verbs, size_t count,
                                const void *context)
{
    struct lucid_buf names = {0};
    for (size_t i = 0; i < count; i++) {
        const struct verifier_verb *verb = &verbs[i];
        unsigned words = cli->argument_count - 1;
        if (strcmp(verb->name, cli->arguments[0]) != 0) {
            lucid_buf_printf(&names, "%s%s",
                             i == 0          ? ""
                             : i + 1 < count ? ", "
                                             : " or ",
                             verb->name);
            continue;
        }
        lucid_buf_fini(&names);
        if (words >= verb->words_min && words <= verb->words_max) {
            return verb->run(cli, context);
        }
        return verb->words_max <= 1
                   ? cli_fail(cli, CLI_USAGE, NULL, NULL, "%s needs %s", verb->name,
                              verb->words_max == 0 ? "no more words" : "one more word")
                   : cli_fail(cli, CLI_USAGE, NULL, NULL, "%s needs %u to %u more words",
                              verb->name, verb->words_min, verb->words_max);
    }
    enum cli_exit code = cli_fail(cli, CLI_USAGE, NULL, NULL, "%.*s, not %s", (int)names.len,
                                  (const char *)names.data, cli->arguments[0]);
    lucid_buf_fini(&names);
    return code;
}

/* --- signed documents ------------------------------------------------------------------------- */

enum cli_exit verifier_document_print(struct cli *cli, struct lucid_span canonical)
{
    uint8_t id[LUCID_SHA256_BYTES];
    char hex[2 * LUCID_SHA256_BYTES + 1] = "";
    lucid_sha256(canonical, id);
    lucid_hex_encode(id, sizeof(id), hex);
    cli_print_bytes(canonical);
    putchar('\n');
    cli_note(cli, "its id is sha256:%s", hex);
    return CLI_OK;
}

static enum lucid_error document_sign(struct lucid_span text, const uint8_t secret[SECRET_BYTES],
                                      struct lucid_arena *arena, struct lucid_span *ret,
                                      struct lucid_why *why)
{
    struct room {
        struct ledger_ed25519_key key;
    } *room = datadir_secret_new(sizeof(*room));
    struct lucid_span input;
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    if (room == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    ledger_ed25519_key_init(secret, &room->key);
    enum lucid_error error = document_signing_input(text, room->key.public_key, arena, &input, why);
    if (error == LUCID_OK) {
        ledger_ed25519_sign(&room->key, input, signature);
        error = document_signed(text, room->key.public_key, signature, arena, ret, why);
    }
    datadir_secret_free(room, sizeof(*room));
    return error;
}

enum cli_exit verifier_sign_print(struct cli *cli, struct lucid_span text, const char *name,
                                  verifier_check_fn *check)
{
    uint8_t *secret = NULL;
    struct lucid_arena arena;
    struct lucid_span document;
    struct lucid_why why = {.code = NULL};
    enum cli_exit code = secret_load(cli, &secret);
    if (code == CLI_OK && secret == NULL) {
        code = cli_fail(cli, CLI_USAGE, "NO_KEY", "key-file",
                        "neither " SECRET_ENVIRONMENT " nor --key-file is given");
    }
    if (code != CLI_OK) {
        return code;
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error = document_sign(text, secret, &arena, &document, &why);
    datadir_secret_free(secret, SECRET_BYTES);
    if (error == LUCID_OK) {
        error = check(document, &arena, &why);
    }
    code = error == LUCID_OK ? verifier_document_print(cli, document)
                             : cli_fail_why(cli, error, &why, name);
    lucid_arena_fini(&arena);
    return code;
}

/* --- requests and answers --------------------------------------------------------------------- */

enum cli_exit verifier_test_load(struct cli *cli, json_t *body)
{
    const char *bound = cli_value(cli, "test-bound-data", NULL);
    uint64_t time = 0;
    if (cli_value(cli, "test-time", NULL) != NULL) {
        if (!cli_value_u64(cli, "test-time", 0, 0, 253402300799, &time)) {
            return CLI_USAGE;
        }
        json_object_set_new(body, "test_time", json_integer((json_int_t)time));
    }
    if (bound != NULL) {
        json_object_set_new(body, "test_bound_data", json_string(bound));
    }
    return CLI_OK;
}

/* Writes the token of an answer to --ear, where it is given. */
static enum cli_exit ear_keep(struct cli *cli, const json_t *answer)
{
    const char *name = cli_value(cli, "ear", NULL);
    const char *ear = json_string_value(json_object_get(answer, "ear"));
    FILE *file = name != NULL ? fopen(name, "we") : NULL;
    if (name == NULL) {
        return CLI_OK;
    }
    bool ok = file != NULL && ear != NULL && fputs(ear, file) >= 0;
    ok = (file == NULL || fclose(file) == 0) && ok;
    return ok ? CLI_OK : cli_fail(cli, CLI_USAGE, NULL, "ear", "%s cannot be written", name);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Ed25519 as text: 64 hex digits, or base64 of 32 bytes. */
static bool key_read(struct lucid_span text, struct jose_key *ret)
{
    uint8_t key[DOCUMENT_KEY_BYTES];
    size_t len = sizeof(key);
    if (!lucid_hex_decode(text, key, sizeof(key)) &&
        !(lucid_base64_decode(text, key, sizeof(key), &len) && len == sizeof(key))) {
        return false;
    }
    *ret = (struct jose_key){.alg = JOSE_EDDSA};
    memcpy(ret->x, key, sizeof(key));
    return true;
}

/* The keys of a JWK set, or one JWK. Those of other kinds, or not for signatures, are read over. */
static bool jwks_walk(const struct jcs_value *root, size_t option, verifier_key_fn *take,
                      void *context, size_t *count)
{
    const struct jcs_value *list = jcs_member(root, "keys");
    const struct jcs_value *at = list != NULL ? jcs_next(list, NULL) : root;
    for (; at != NULL; at = list != NULL ? jcs_next(list, at) : NULL) {
        struct jose_key key;
        if (jose_key_read(at, &key, NULL) == LUCID_OK) {
            (*count)++;
            if (!take(context, option, &key, jcs_member(at, "kid"))) {
                return false;
            }
        }
    }
    return true;
}

static enum cli_exit jwks_load(struct cli *cli, size_t option, verifier_key_fn *take, void *context)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 65536};
    const char *name = cli_value_at(cli, "key", option);
    const struct jcs_value *root;
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    size_t count = 0;
    enum cli_exit code = verifier_file_read(cli, name, &text);
    if (code != CLI_OK) {
        return code;
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error = jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, &why);
    if (error != LUCID_OK) {
        code = cli_fail_why(cli, error, &why, name);
    } else if (!jwks_walk(root, option, take, context, &count)) {
        code = cli_fail(cli, CLI_USAGE, NULL, "key", "%s: too many keys", name);
    } else if (count == 0) {
        code = cli_fail(cli, CLI_REFUSED, "INVALID_KEY", "key",
                        "%s has no public key for signatures: a JWK set is wanted, or a JWK", name);
    }
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return code;
}

enum cli_exit verifier_keys_each(struct cli *cli, verifier_key_fn *take, void *context)
{
    enum cli_exit code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && cli_value_at(cli, "key", i) != NULL; i++) {
        const char *text = cli_value_at(cli, "key", i);
        struct jose_key key;
        if (!key_read(lucid_span_str(text), &key)) {
            code = jwks_load(cli, i, take, context);
        } else if (!take(context, i, &key, NULL)) {
            code = cli_fail(cli, CLI_USAGE, NULL, "key", "too many keys");
        }
    }
    return code;
}

static bool ed25519_take(void *context, size_t option, const struct jose_key *key,
                         const struct jcs_value *kid)
{
    struct verifier_keys *keys = context;
    (void)kid;
    if (key->alg != JOSE_EDDSA) {
        return true;
    }
    if (keys->count == RECORD_KEYS_MAX) {
        return false;
    }
    memcpy(keys->keys[keys->count], key->x, DOCUMENT_KEY_BYTES);
    keys->issuers[keys->count] = (uint8_t)option;
    keys->count++;
    return true;
}

enum cli_exit verifier_keys_load(struct cli *cli, struct verifier_keys *ret)
{
    return verifier_keys_each(cli, ed25519_take, ret);
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

const char *verifier_answer_text(struct cli *cli, const json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer, name));
    if (text == NULL) {
        (void)cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer has no %s: is %s a verifier?",
                       name, cli->url);
    }
    return text;
}

/* A list as a table, a line before it. */
static void list_print(const json_t *object, const char *name, const char *const *columns)
{
    const json_t *list = json_object_get(object, name);
    if (json_array_size(list) > 0) {
        putchar('\n');
        cli_print_table(list, columns);
    }
}

/* What auditors said, what rules made of it, and who stands in a chain. */
static void record_print(const json_t *record)
{
    static const char *const documents[] = {"auditor", "phase", "decision",
                                            "status",  "bound", NULL};
    static const char *const rules[] = {"id",    "outcome", "action", "reason",
                                        "claim", "message", NULL};
    static const char *const required[] = {"name", "outcome", "reason", NULL};
    static const char *const auditors[] = {"position", "phase",        "id",
                                           "decision", "claimsDigest", NULL};
    list_print(record, "documents", documents);
    list_print(record, "rules", rules);
    list_print(record, "required", required);
    list_print(record, "auditors", auditors);
}

static void answer_print(const json_t *answer)
{
    static const char *const steps[] = {"evidence", "type",   "step", "outcome",
                                        "code",     "detail", NULL};
    static const char *const elsewhere[] = {"steps", "record", "proof", "receipt", "ear"};
    json_t *plain = json_copy((json_t *)(uintptr_t)answer);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        (void)json_object_del(plain, elsewhere[i]);
    }
    const json_t *receipt = json_object_get(answer, "receipt");
    json_object_set(plain, "leaf_index", json_object_get(receipt, "leaf_index"));
    cli_print_object(plain);
    json_decref(plain);
    list_print(answer, "steps", steps);
    record_print(json_object_get(answer, "record"));
}

void verifier_result_print(const struct cli *cli, const json_t *answer)
{
    if (cli->json) {
        cli_print_json(answer);
    } else {
        answer_print(answer);
    }
}

enum cli_exit verifier_show(struct cli *cli, const char *path, const char *id)
{
    char whole[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    if (!remote_id_ok(cli, "ID", id)) {
        return CLI_USAGE;
    }
    (void)snprintf(whole, sizeof(whole), "%s/%s", path, id);
    enum cli_exit code = remote_call(cli, "GET", whole, NULL, &answer);
    if (code == CLI_OK) {
        code = json_is_object(json_object_get(answer, "record"))
                   ? CLI_OK
                   : cli_fail(cli, CLI_REFUSED, NULL, NULL,
                              "the answer has no record: is %s a verifier?", cli->url);
    }
    if (code == CLI_OK) {
        verifier_result_print(cli, answer);
    }
    json_decref(answer);
    return code;
}

enum cli_exit verifier_tier_exit(const char *status)
{
    if (strcmp(status, "affirming") == 0 || strcmp(status, "warning") == 0) {
        return CLI_OK;
    }
    return strcmp(status, "contraindicated") == 0 ? CLI_REFUSED : CLI_UNDECIDED;
}

enum cli_exit verifier_appraised(struct cli *cli, const json_t *answer)
{
    const char *status = verifier_answer_text(cli, answer, "status");
    if (status == NULL) {
        return CLI_REFUSED;
    }
    /* It is logged and its nonce spent, whatever becomes of the file: it is told in any case. */
    verifier_result_print(cli, answer);
    enum cli_exit code = ear_keep(cli, answer);
    return code == CLI_OK ? verifier_tier_exit(status) : code;
}
