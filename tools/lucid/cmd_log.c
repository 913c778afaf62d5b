/* lucid log init, info */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "gas/books.h"
#include "ledger/log.h"
#include "ledger/note.h"
#include "lucidd/offline.h"
#include "lucidd/published.h"
#include "lucidd/x402_keys.h"
#include "migrations/migrations.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

/* --- init ------------------------------------------------------------------------------------- */

/* The secrets of a new log, in one locked block. */
struct birth_secrets {
    struct ledger_skey log_key;
    struct ledger_ed25519_key service_key;
    struct ledger_ed25519_key seed; /* only its seed is used, for log_key */
    char token[TOKEN_TEXT_BYTES + 2];
};

struct birth {
    struct datadir dir;
    struct birth_secrets *secrets;
    struct ledger_identity identity;
    struct gas_tariff tariff;
    struct kinds kinds;
    struct store *store;
    struct ledger *ledger;
};

static enum lucid_error keys_make(struct birth *birth, const char *origin, bool test,
                                  struct lucid_why *why)
{
    struct birth_secrets *secrets = birth->secrets;
    ledger_ed25519_key_generate(&secrets->seed);
    enum lucid_error error =
        ledger_skey_init(lucid_span_str(origin), secrets->seed.seed, &secrets->log_key, why);
    if (error != LUCID_OK) {
        return error;
    }
    ledger_ed25519_key_generate(&secrets->service_key);
    ledger_token_generate(secrets->token);
    struct ledger_identity *identity = &birth->identity;
    lucid_assert(strlen(origin) <= LEDGER_ORIGIN_BYTES_MAX);
    memcpy(identity->origin, origin, strlen(origin) + 1);
    size_t len = ledger_vkey_format(&secrets->log_key.vkey, identity->vkey);
    identity->vkey[len] = '\0';
    memcpy(identity->log_key, secrets->log_key.vkey.public_key, sizeof(identity->log_key));
    memcpy(identity->service_key, secrets->service_key.public_key, sizeof(identity->service_key));
    identity->test = test;
    return LUCID_OK;
}

/* The key files lie on disk before the store says whose log it is. */
static enum lucid_error keys_write(const struct birth *birth, struct lucid_why *why)
{
    const struct datadir *dir = &birth->dir;
    enum lucid_error error = datadir_log_key_write(dir, &birth->secrets->log_key, why);
    if (error == LUCID_OK) {
        error = datadir_service_key_write(dir, &birth->secrets->service_key, why);
    }
    if (error == LUCID_OK) {
        char *token = birth->secrets->token;
        size_t len = strlen(token);
        token[len] = '\n';
        error = datadir_file_write(dir->admin_token, 0600, lucid_span(token, len + 1), why);
        token[len] = '\0';
    }
    if (error == LUCID_OK) {
        struct lucid_clock clock = lucid_clock_system();
        error = x402_keys_file_rotate(dir, lucid_wall_ms(&clock), why);
    }
    if (error == LUCID_OK) {
        char line[sizeof(birth->identity.vkey) + 1];
        int len = snprintf(line, sizeof(line), "%s\n", birth->identity.vkey);
        lucid_assert(len > 0 && (size_t)len < sizeof(line));
        error = datadir_file_write(dir->vkey, 0644, lucid_span(line, (size_t)len), why);
    }
    return error;
}

static enum lucid_error store_make(struct birth *birth, struct lucid_why *why)
{
    enum lucid_error error =
        offline_store_open(birth->dir.store, OFFLINE_CREATE, &birth->store, why);
    uint32_t applied = 0;
    if (error == LUCID_OK) {
        error = migrations_run(birth->store, &applied, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    error = offline_ledger_open(birth->store, &birth->secrets->log_key, NULL, &birth->kinds,
                                &birth->ledger, why);
    /* No log.init yet is what is expected here. */
    return error == LUCID_NOTE_ABSENT && birth->ledger != NULL ? LUCID_OK : error;
}

static enum lucid_error command_run(struct ledger *ledger, struct ledger_command *command,
                                    struct lucid_why *why)
{
    enum lucid_error error = ledger_batch_run(ledger, command);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, NULL, NULL, "the batch failed");
    }
    if (command->error != LUCID_OK && command->error != LUCID_NOTE_ABSENT) {
        if (why != NULL) {
            *why = command->why;
        }
        return command->error;
    }
    return LUCID_OK;
}

/* log.init, the head of size 0, the administrator's token and the first tariff: one commit. */
static enum lucid_error events_write(struct birth *birth, struct lucid_why *why)
{
    struct ledger_log_init_command init = {.payload = {0}};
    struct ledger_head_tick head;
    struct ledger_token_command token = {.payload = {0}};
    struct gas_books_command tariff;
    const struct ledger_token admin = {.name = "admin", .scopes = TOKEN_ADMIN};
    struct lucid_clock clock = lucid_clock_system();
    enum lucid_error error = ledger_log_init_prepare(&init, &birth->identity, why);
    if (error == LUCID_OK) {
        error = ledger_token_prepare(&token, TOKEN_CREATE, &admin, birth->secrets->token, why);
    }
    if (error == LUCID_OK) {
        error = gas_tariff_prepare(&tariff, birth->tariff.igas, birth->tariff.mgas, why);
    }
    ledger_head_tick_init(&head);
    if (error == LUCID_OK) {
        error = ledger_batch_begin(birth->ledger, lucid_wall_ms(&clock));
    }
    if (error == LUCID_OK) {
        error = command_run(birth->ledger, &init.command, why);
        if (error == LUCID_OK) {
            error = command_run(birth->ledger, &head.command, why);
        }
        if (error == LUCID_OK) {
            error = command_run(birth->ledger, &token.command, why);
        }
        if (error == LUCID_OK) {
            error = command_run(birth->ledger, &tariff.command, why);
        }
        if (error == LUCID_OK) {
            error = ledger_batch_commit(birth->ledger);
        } else {
            ledger_batch_abort(birth->ledger);
        }
    }
    ledger_token_command_fini(&token);
    ledger_log_init_fini(&init);
    return error;
}

static enum lucid_error birth_run(struct birth *birth, const char *origin, bool test,
                                  struct lucid_why *why)
{
    enum lucid_error error = keys_make(birth, origin, test, why);
    if (error == LUCID_OK) {
        error = keys_write(birth, why);
    }
    if (error == LUCID_OK) {
        error = store_make(birth, why);
    }
    if (error == LUCID_OK) {
        error = events_write(birth, why);
    }
    if (error == LUCID_OK) {
        error = published_write(birth->ledger, birth->dir.published_head, why);
    }
    ledger_close(birth->ledger);
    birth->ledger = NULL;
    store_close(birth->store);
    birth->store = NULL;
    if (error == LUCID_OK) {
        error = datadir_sync(&birth->dir, why);
    }
    return error;
}

static void birth_print(struct cli *cli, const struct birth *birth)
{
    json_t *log =
        json_pack("{s:s, s:s, s:s, s:b}", "data", birth->dir.root, "origin", birth->identity.origin,
                  "vkey", birth->identity.vkey, "test", birth->identity.test);
    (void)remote_object_print(cli, CLI_OK, log);
}

/* An option's amount in LUCID. false: it is none, and that was said. */
static bool charge_read(struct cli *cli, const char *option, uint64_t initial, uint64_t *ret)
{
    const char *text = cli_value(cli, option, NULL);
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_OK;
    *ret = initial;
    if (text != NULL) {
        error = gas_amount_parse_decimal(lucid_span_str(text), GAS_LUCID, ret, &why);
    }
    if (error == LUCID_OK && *ret > GAS_TARIFF_MAX) {
        char most[GAS_AMOUNT_TEXT_BYTES];
        gas_amount_format(GAS_TARIFF_MAX, GAS_LUCID, most);
        error = lucid_refuse(&why, LUCID_REFUSE_TOO_LARGE, NULL, NULL,
                             "a charge is at most %s LUCID", most);
    }
    if (error != LUCID_OK) {
        (void)cli_fail(cli, CLI_USAGE, "INVALID_TARIFF", option, "--%s: %s", option, why.text);
    }
    return error == LUCID_OK;
}

static enum cli_exit log_init_at(struct cli *cli, struct birth *birth, const char *origin)
{
    struct lucid_why why = {0};
    if (!charge_read(cli, "igas", GAS_IGAS_DEFAULT, &birth->tariff.igas) ||
        !charge_read(cli, "mgas", GAS_MGAS_DEFAULT, &birth->tariff.mgas)) {
        return CLI_USAGE;
    }
    if (!ledger_name_ok(lucid_span_str(origin))) {
        return cli_fail(cli, CLI_USAGE, "INVALID_ORIGIN", "origin",
                        "--origin must be 1 to 255 bytes of UTF-8 without white space or '+', as "
                        "in log.example.org/receipts");
    }
    enum lucid_error error = datadir_create(cli->data, &birth->dir, &why);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, "log init");
    }
    error = birth_run(birth, origin, cli_flag(cli, "test"), &why);
    if (error != LUCID_OK) {
        datadir_remove(&birth->dir);
        return cli_fail_why(cli, error, &why, "log init");
    }
    birth_print(cli, birth);
    cli_note(cli, "%s holds an admin token; start it with `lucidd --data %s`",
             birth->dir.admin_token, birth->dir.root);
    return CLI_OK;
}

static enum cli_exit log_init(struct cli *cli)
{
    const char *origin = cli_value(cli, "origin", NULL);
    if (cli->data == NULL || origin == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, cli->data == NULL ? "data" : "origin",
                        "--%s is missing", cli->data == NULL ? "data" : "origin");
    }
    struct birth *birth = calloc(1, sizeof(*birth));
    struct birth_secrets *secrets = datadir_secret_new(sizeof(*secrets));
    enum cli_exit code;
    if (birth == NULL || secrets == NULL) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    } else {
        birth->secrets = secrets;
        code = log_init_at(cli, birth, origin);
    }
    datadir_secret_free(secrets, sizeof(*secrets));
    free(birth);
    return code;
}

static const struct cli_option init_options[] = {
    {"origin", 'o', "NAME", "the log's name for ever, like log.example.org/receipts (required)"},
    {"test", 0, NULL, "a log that says it is a test, and lets tests set the time"},
    {"igas", 0, "LUCID", "what a receipt costs, like 0.5 (1)"},
    {"mgas", 0, "LUCID", "what an epoch's root costs its signers together (5)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_init = {
    .group = "log",
    .name = "init",
    .arguments = "",
    .summary = "make a data directory: store, keys, admin token",
    .text = "Makes DIR (0700) with store/, log.key, service.key, admin.token, x402.keys (0600), "
            "vkey, and\n"
            "writes the log's first events. Refuses a directory that holds a log, or anything.\n"
            "The first tariff is one of these events; it may be changed later.\n",
    .examples = "  lucid log init --data /var/lib/lucid --origin log.example.org/receipts\n"
                "  lucid log init --data ./try --origin localhost/try --test\n",
    .options = init_options,
    .run = log_init,
};

/* --- info ------------------------------------------------------------------------------------- */

static json_t *head_json(struct ledger_view *view)
{
    struct ledger_head head;
    if (ledger_head_newest(view, &head) != LUCID_OK) {
        return json_null();
    }
    char root[2 * MMR_HASH_BYTES + 1] = "";
    lucid_hex_encode(head.root.bytes, MMR_HASH_BYTES, root);
    return json_pack("{s:I, s:s, s:s#}", "size", (json_int_t)head.size, "root", root, "checkpoint",
                     (const char *)head.checkpoint.data, (size_t)head.checkpoint.len);
}

static enum cli_exit identity_print(struct cli *cli, struct ledger *ledger,
                                    struct ledger_view *view)
{
    const struct ledger_identity *identity = NULL;
    if (!ledger_identity(ledger, &identity)) {
        return cli_fail(cli, CLI_REFUSED, NULL, "data", "the store holds no log.init");
    }
    struct store_counts counts;
    store_counts_read(ledger_view_store(view), &counts);
    struct lucid_buf created = {0};
    char service_key[65] = "";
    lucid_buf_time(&created, identity->created_ms);
    lucid_buf_char(&created, '\0');
    lucid_hex_encode(identity->service_key, 32, service_key);
    json_t *head = head_json(view);
    json_t *log = json_pack(
        "{s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:I}", "origin", identity->origin, "vkey",
        identity->vkey, "service_key", service_key, "test", identity->test, "created_at",
        lucid_buf_ok(&created) ? (const char *)created.data : "", "size", (json_int_t)counts.leaves,
        "events", (json_int_t)counts.events, "epochs", (json_int_t)ledger_epoch_count(view));
    lucid_buf_fini(&created);
    if (cli->json) {
        json_object_set(log, "head", head);
    } else if (json_is_object(head)) {
        json_object_set(log, "head_size", json_object_get(head, "size"));
        json_object_set(log, "root", json_object_get(head, "root"));
        json_object_set(log, "checkpoint", json_object_get(head, "checkpoint"));
    }
    json_decref(head);
    return remote_object_print(cli, log != NULL ? CLI_OK : CLI_REFUSED, log);
}

static enum cli_exit info_offline(struct cli *cli)
{
    struct offline *offline = calloc(1, sizeof(*offline));
    struct ledger_view *view = NULL;
    struct lucid_why why = {0};
    enum cli_exit code = CLI_OK;
    if (offline == NULL) {
        return cli_fail_why(cli, LUCID_RETRY_MEMORY, &why, "log info");
    }
    enum lucid_error error = offline_open(offline, cli->data, OFFLINE_READ, &why);
    if (error == LUCID_OK) {
        error = ledger_view_open(offline->ledger, &view);
    }
    if (error == LUCID_OK) {
        error = ledger_view_begin(view);
        if (error == LUCID_OK) {
            code = identity_print(cli, offline->ledger, view);
            ledger_view_end(view);
        }
        ledger_view_close(view);
    }
    if (error != LUCID_OK) {
        code = cli_fail_why(cli, error, &why, "the log could not be read");
    }
    offline_close(offline);
    free(offline);
    return code;
}

static enum cli_exit log_info(struct cli *cli)
{
    if (cli->data != NULL && !cli_flag(cli, "url")) {
        return info_offline(cli);
    }
    json_t *log = NULL;
    enum cli_exit code = remote_call(cli, "GET", "/v1/log", NULL, &log);
    return remote_object_print(cli, code, log);
}

const struct cli_command command_log_info = {
    .group = "log",
    .name = "info",
    .arguments = "",
    .summary = "show the log's name, keys, size and newest head",
    .text = "Asks the service, or with --data (and no --url) reads the data directory; a running\n"
            "service does not mind.\n",
    .examples = "  lucid log info\n  lucid log info --data /var/lib/lucid --json\n",
    .run = log_info,
};
