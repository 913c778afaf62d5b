/* lucid pay */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "gas/amount.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/pay.h"
#include "tools/lucid/remote.h"

#define AMOUNT_MAX_DEFAULT 100000 /* 0.10 USDC */
#define WAIT_S_DEFAULT     60
#define KEY_TEXT_BYTES_MAX 255
#define HEADER_LINE_MAX    4096

/* --- the request ------------------------------------------------------------------------------ */

static enum cli_exit url_set(struct pay *pay, const char *url)
{
    struct cli *cli = pay->cli;
    if (!client_url_ok(url)) {
        return cli_fail(cli, CLI_USAGE, NULL, "url",
                        "the address must be http:// or https:// without user or password");
    }
    if (!client_url_is_https(url) && !client_url_is_loopback(url) && !cli_flag(cli, "allow-http")) {
        return cli_fail(cli, CLI_USAGE, NULL, "url",
                        "whoever is in between could take the payment: use https://, or say "
                        "--allow-http");
    }
    pay->url = strdup(url);
    return pay->url != NULL ? CLI_OK : cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
}

static enum cli_exit body_load(struct pay *pay, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *file = standard ? stdin : fopen(name, "rbe");
    const char *fault = file == NULL ? strerror(errno) : NULL;
    lucid_buf_clear(&pay->body);
    while (fault == NULL && feof(file) == 0) {
        char piece[16384];
        size_t len = fread(piece, 1, sizeof(piece), file);
        lucid_buf_put(&pay->body, piece, len);
        fault = ferror(file) != 0                    ? strerror(errno)
                : !lucid_buf_ok(&pay->body)          ? "out of memory"
                : pay->body.len > PAY_BODY_BYTES_MAX ? "too large"
                                                     : NULL;
    }
    if (file != NULL && !standard) {
        (void)fclose(file);
    }
    if (fault != NULL) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "body", "%s: %s", name, fault);
    }
    pay->has_body = true;
    return CLI_OK;
}

static bool name_is(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

static enum cli_exit headers_set(struct pay *pay)
{
    static const char *const ours[] = {"PAYMENT-SIGNATURE", "X-PAYMENT",         "X-Payment-Proof",
                                       "Content-Length",    "Transfer-Encoding", "Host"};
    bool typed = false;
    const char *line;
    for (size_t i = 0; (line = cli_value_at(pay->cli, "header", i)) != NULL; i++) {
        const char *colon = strchr(line, ':');
        bool good = i < PAY_HEADERS_MAX && strlen(line) <= HEADER_LINE_MAX && colon != NULL &&
                    colon != line && strpbrk(line, "\r\n") == NULL;
        for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
            good = good && !name_is(line, ours[k]);
        }
        if (!good || json_array_append_new(pay->headers, json_string(line)) != 0) {
            return cli_fail(pay->cli, CLI_USAGE, NULL, "header",
                            "--header wants \"Name: value\", at most %d, and none that the payment "
                            "sets itself",
                            PAY_HEADERS_MAX);
        }
        typed = typed || name_is(line, "Content-Type");
    }
    if (pay->has_body && !typed) {
        json_array_append_new(pay->headers, json_string("Content-Type: application/json"));
    }
    return CLI_OK;
}

/* fixed: the body of a POST; NULL: as the options say. */
static enum cli_exit request_set(struct pay *pay, const char *url, const struct lucid_span *fixed)
{
    struct cli *cli = pay->cli;
    const char *body = fixed == NULL ? cli_value(cli, "body", NULL) : NULL;
    const char *method = cli_value(cli, "method", body != NULL || fixed != NULL ? "POST" : "GET");
    size_t len = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (len == 0 || len > X402_METHOD_BYTES_MAX || method[len] != '\0') {
        return cli_fail(cli, CLI_USAGE, NULL, "method", "--method is no HTTP method");
    }
    pay->method = strdup(method);
    pay->headers = json_array();
    if (pay->method == NULL || pay->headers == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = url_set(pay, url);
    if (code == CLI_OK && body != NULL) {
        code = body_load(pay, body);
    }
    if (code == CLI_OK && fixed != NULL) {
        lucid_buf_span_put(&pay->body, *fixed);
        pay->has_body = true;
    }
    return code == CLI_OK ? headers_set(pay) : code;
}

/* --- key, limits, journal --------------------------------------------------------------------- */

static enum cli_exit key_load(struct pay *pay)
{
    const char *path = cli_value(pay->cli, "key-file", NULL);
    if (path == NULL) {
        return CLI_OK;
    }
    char *text = lucid_secret_new(KEY_TEXT_BYTES_MAX + 1);
    struct evm_key *key = lucid_secret_new(sizeof(*key));
    struct lucid_why why = {.code = NULL};
    size_t len = 0;
    enum lucid_error error =
        text != NULL && key != NULL && evm_sign_open() == LUCID_OK
            ? datadir_file_read(path, true, text, KEY_TEXT_BYTES_MAX, &len, &why)
            : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        struct lucid_span line = lucid_span(text, len);
        while (line.len > 0 && strchr("\r\n \t", line.data[line.len - 1]) != NULL) {
            line.len--;
        }
        error = evm_key_parse(line, key);
        if (error != LUCID_OK) {
            (void)lucid_refuse(&why, error, "INVALID_KEY", NULL,
                               "it does not hold a key of 64 hex digits");
        }
    }
    lucid_secret_free(text, KEY_TEXT_BYTES_MAX + 1);
    if (error != LUCID_OK) {
        lucid_secret_free(key, sizeof(*key));
        return cli_fail(pay->cli, CLI_USAGE, why.code, "key-file", "%s: %s", path,
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    pay->key = key;
    return CLI_OK;
}

static enum cli_exit limits_set(struct pay *pay, struct pay_limits *limits)
{
    struct cli *cli = pay->cli;
    struct lucid_why why = {.code = NULL};
    const char *amount = cli_value(cli, "max-amount", NULL);
    const char *via = cli_value(cli, "via", NULL);
    const char *token = cli_value(cli, "token", NULL);
    *limits = (struct pay_limits){.amount_max = AMOUNT_MAX_DEFAULT,
                                  .network = cli_value(cli, "network", NULL),
                                  .via_given = via != NULL,
                                  .has_token = token != NULL};
    if (amount != NULL && gas_amount_parse_decimal(lucid_span_str(amount), GAS_USDC,
                                                   &limits->amount_max, &why) != LUCID_OK) {
        return cli_fail(cli, CLI_USAGE, NULL, "max-amount", "--max-amount: %s", why.text);
    }
    if (via != NULL && !pay_via_parse(via, &limits->via)) {
        return cli_fail(cli, CLI_USAGE, NULL, "via", "--via is v2, v1 or proof");
    }
    if (token != NULL && !evm_address_parse(lucid_span_str(token), &limits->token)) {
        return cli_fail(cli, CLI_USAGE, NULL, "token", "--token is no address");
    }
    return CLI_OK;
}

/* --journal, or by what is asked and who pays, so that the same command finds it again. */
static enum cli_exit journal_name(struct pay *pay)
{
    lucid_assert(pay->method != NULL && pay->url != NULL);
    struct lucid_span parts[] = {lucid_span_str(pay->method),
                                 lucid_span(" ", 1),
                                 lucid_span_str(pay->url),
                                 lucid_span("\n", 1),
                                 lucid_span(pay->payer.bytes, sizeof(pay->payer.bytes)),
                                 lucid_buf_span(&pay->body)};
    uint8_t digest[LUCID_SHA256_BYTES];
    char digits[17] = "";
    const char *given = cli_value(pay->cli, "journal", NULL);
    const char *state = getenv("XDG_STATE_HOME");
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
    lucid_hex_encode(digest, 8, digits);
    int len;
    if (given != NULL) {
        len = snprintf(pay->journal, sizeof(pay->journal), "%s", given);
    } else if (state != NULL && state[0] == '/') {
        len =
            snprintf(pay->journal, sizeof(pay->journal), "%s/.lucid-pay-%s.journal", state, digits);
    } else {
        len = snprintf(pay->journal, sizeof(pay->journal), ".lucid-pay-%s.journal", digits);
    }
    if (len <= 0 || (size_t)len >= sizeof(pay->journal)) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "journal", "the journal's name is too long");
    }
    if (access(pay->journal, F_OK) == 0) {
        return cli_fail(pay->cli, CLI_REFUSED, "PAYMENT_OPEN", "journal",
                        "a payment for this request has no end yet: go on with lucid pay --resume "
                        "%s, or remove that file",
                        pay->journal);
    }
    return CLI_OK;
}

/* --- what is printed -------------------------------------------------------------------------- */

static void member_set(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, text != NULL ? json_string(text) : json_null());
}

static json_t *terms_json(const struct pay *pay)
{
    const struct pay_terms *terms = &pay->terms;
    char address[EVM_ADDRESS_TEXT_BYTES + 1];
    char text[64];
    json_t *object = json_object();
    member_set(object, "via", pay_via_name(terms->via));
    pay_amount_text(terms, text, sizeof(text));
    member_set(object, "price", text);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)terms->amount);
    member_set(object, "amount", text);
    member_set(object, "network", terms->network);
    evm_address_eip55(&terms->token, address);
    member_set(object, "token", address);
    evm_address_eip55(&terms->pay_to, address);
    member_set(object, "pay_to", address);
    evm_address_eip55(&pay->payer, address);
    member_set(object, "payer", pay->key != NULL || pay->journaled ? address : NULL);
    return object;
}

/* PAYMENT-RESPONSE or its older form: an object, or NULL. The caller decrefs it. */
static json_t *settlement_read(const struct pay *pay)
{
    struct lucid_span text = lucid_buf_span(
        &pay->captures[pay->terms.via == PAY_V1 ? PAY_X_RESPONSE : PAY_RESPONSE].value);
    uint8_t *bytes = text.len > 0 ? malloc(text.len) : NULL;
    size_t len = 0;
    json_t *object = NULL;
    if (bytes != NULL && lucid_base64_decode(text, bytes, text.len, &len)) {
        object = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    }
    free(bytes);
    return object;
}

static void outcome_set(const struct pay *pay, json_t *object)
{
    char hash[EVM_HASH_TEXT_BYTES + 1];
    struct evm_hash transaction = pay->transaction;
    json_t *settlement = settlement_read(pay);
    const char *said = json_string_value(json_object_get(settlement, "transaction"));
    bool known = pay->terms.via == PAY_PROOF ||
                 (said != NULL && evm_hash_parse(lucid_span_str(said), &transaction));
    struct lucid_span id = lucid_buf_span(&pay->captures[PAY_ID].value);
    evm_hash_text(&transaction, hash);
    member_set(object, "transaction", known ? hash : NULL);
    json_object_set_new(object, "payment_id",
                        id.len > 0 && id.len <= PAY_ID_BYTES_MAX
                            ? json_stringn((const char *)id.data, id.len)
                            : json_null());
    json_decref(settlement);
}

/* The body into --output or, without --json, to standard output. */
static enum cli_exit body_put(struct pay *pay, json_t *summary)
{
    struct cli *cli = pay->cli;
    const struct lucid_buf *body = &pay->answer.body;
    const char *path = cli_value(cli, "output", NULL);
    if (path != NULL) {
        FILE *file = fopen(path, "wbe");
        bool ok = file != NULL && fwrite(body->data, 1, body->len, file) == body->len;
        ok = (file == NULL || fclose(file) == 0) && ok;
        if (!ok) {
            return cli_fail(cli, CLI_REFUSED, NULL, "output", "%s: %s", path, strerror(errno));
        }
        member_set(summary, "output", path);
    } else if (cli->json) {
        json_t *value = json_loadb((const char *)body->data, body->len,
                                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        char *base64 = value == NULL ? malloc(lucid_base64_len(body->len) + 1) : NULL;
        if (base64 != NULL) {
            lucid_base64_encode(body->data, body->len, base64);
            base64[lucid_base64_len(body->len)] = '\0';
            member_set(summary, "body_base64", base64);
            free(base64);
        } else {
            json_object_set_new(summary, "body", value);
        }
    } else if (body->len > 0) {
        (void)fwrite(body->data, 1, body->len, stdout);
    }
    return CLI_OK;
}

/* A good answer: its body, and what it has cost. */
static enum cli_exit served(struct pay *pay, bool paid)
{
    struct cli *cli = pay->cli;
    json_t *summary = paid ? terms_json(pay) : json_object();
    json_object_set_new(summary, "paid", json_boolean(paid));
    json_object_set_new(summary, "status", json_integer(pay->answer.status));
    member_set(summary, "content_type", pay->answer.content_type);
    if (paid) {
        outcome_set(pay, summary);
    }
    enum cli_exit code = body_put(pay, summary);
    if (code == CLI_OK && cli->json) {
        cli_print_json(summary);
    } else if (code == CLI_OK && paid) {
        const char *transaction = json_string_value(json_object_get(summary, "transaction"));
        const char *id = json_string_value(json_object_get(summary, "payment_id"));
        cli_note(cli, "paid %s to %s on %s, transaction %s, payment %s",
                 json_string_value(json_object_get(summary, "price")),
                 json_string_value(json_object_get(summary, "pay_to")),
                 json_string_value(json_object_get(summary, "network")),
                 transaction != NULL ? transaction : "unknown", id != NULL ? id : "without id");
    }
    json_decref(summary);
    if (code == CLI_OK && !cli_flush(cli)) {
        code = CLI_REFUSED;
    }
    if (code == CLI_OK) {
        pay_journal_remove(pay);
    }
    return code;
}

/* A definite answer that is none of 2xx. The journal stays: the money may have moved, or may still.
 */
static enum cli_exit unserved(struct pay *pay)
{
    json_t *body = json_loadb((const char *)pay->answer.body.data, pay->answer.body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    json_t *settlement = settlement_read(pay);
    const char *code = json_string_value(json_object_get(body, "code"));
    const char *reason = json_string_value(json_object_get(body, "detail"));
    if (reason == NULL) {
        reason = json_string_value(json_object_get(body, "error"));
    }
    if (reason == NULL) {
        reason = json_string_value(json_object_get(settlement, "errorReason"));
    }
    const char *id = (const char *)pay->captures[PAY_ID].value.data;
    int id_len = (int)pay->captures[PAY_ID].value.len;
    enum cli_exit exit_code = cli_fail(
        pay->cli, CLI_REFUSED, code, NULL,
        "%s (HTTP %d; payment %.*s; what was signed is kept in %s, lucid pay --resume sends it "
        "again)",
        reason != NULL ? reason : "the server refused it without saying why", pay->answer.status,
        id_len > 0 && id_len <= PAY_ID_BYTES_MAX ? id_len : 7,
        id_len > 0 && id_len <= PAY_ID_BYTES_MAX ? id : "unknown", pay->journal);
    json_decref(settlement);
    json_decref(body);
    return exit_code;
}

/* --- the command ------------------------------------------------------------------------------ */

static enum cli_exit finish(struct pay *pay)
{
    enum cli_exit code = pay_present(pay);
    if (code != CLI_OK) {
        return code;
    }
    return pay->answer.status >= 200 && pay->answer.status < 300 ? served(pay, true)
                                                                 : unserved(pay);
}

static enum cli_exit dry_run(struct pay *pay)
{
    json_t *terms = terms_json(pay);
    if (pay->cli->json) {
        cli_print_json(terms);
    } else {
        cli_print_object(terms);
    }
    json_decref(terms);
    return cli_flush(pay->cli) ? CLI_OK : CLI_REFUSED;
}

/* What cannot be written afterwards is not bought. */
static enum cli_exit output_try(struct pay *pay)
{
    const char *path = cli_value(pay->cli, "output", NULL);
    FILE *file = path != NULL ? fopen(path, "abe") : NULL;
    if (path != NULL && (file == NULL || fclose(file) != 0)) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "output", "%s: %s", path, strerror(errno));
    }
    return CLI_OK;
}

static enum cli_exit pay_signed(struct pay *pay)
{
    if (pay->terms.via == PAY_PROOF) {
        return pay_chain_begin(pay);
    }
    enum cli_exit code = pay_header_sign(pay);
    return code == CLI_OK ? pay_journal_write(pay) : code;
}

static enum cli_exit buy(struct pay *pay, const char *url, const struct lucid_span *fixed)
{
    struct pay_limits limits;
    bool dry = cli_flag(pay->cli, "dry-run");
    enum cli_exit code = limits_set(pay, &limits);
    if (code == CLI_OK) {
        code = request_set(pay, url, fixed);
    }
    if (code == CLI_OK && pay->key == NULL && !dry) {
        code = cli_fail(pay->cli, CLI_USAGE, NULL, "key-file", "--key-file is missing");
    }
    if (code == CLI_OK && !dry && limits.via_given && limits.via == PAY_PROOF) {
        code = pay_chain_check(pay);
    }
    if (code == CLI_OK && !dry) {
        code = journal_name(pay);
    }
    if (code == CLI_OK && !dry) {
        code = output_try(pay);
    }
    if (code == CLI_OK) {
        code = pay_ask(pay);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (pay->answer.status != 402) {
        return pay->answer.status >= 200 && pay->answer.status < 300
                   ? served(pay, false)
                   : remote_fail(pay->cli, &pay->answer);
    }
    code = pay_terms_choose(pay, &limits);
    if (code != CLI_OK || dry) {
        return code == CLI_OK ? dry_run(pay) : code;
    }
    code = pay_signed(pay);
    return code == CLI_OK ? finish(pay) : code;
}

/* A challenge is for one body: a corrected one needs another, which is signed for the transfer that
 * was made. */
static enum cli_exit challenge_renew(struct pay *pay)
{
    const struct pay_terms paid = pay->terms;
    struct pay_limits limits = {.via_given = true,
                                .via = PAY_PROOF,
                                .amount_max = paid.amount,
                                .network = paid.network,
                                .has_token = true,
                                .token = paid.token};
    enum cli_exit code = pay_ask(pay);
    if (code == CLI_OK && pay->answer.status != 402) {
        return unserved(pay);
    }
    if (code == CLI_OK) {
        code = pay_terms_choose(pay, &limits);
    }
    if (code == CLI_OK &&
        (pay->terms.chain_id != paid.chain_id ||
         memcmp(pay->terms.token.bytes, paid.token.bytes, sizeof(paid.token.bytes)) != 0 ||
         memcmp(pay->terms.pay_to.bytes, paid.pay_to.bytes, sizeof(paid.pay_to.bytes)) != 0)) {
        code = cli_fail(pay->cli, CLI_REFUSED, "OFFER_CHANGED", NULL,
                        "the server asks for another payment now than the one that was made");
    }
    if (code != CLI_OK) {
        pay->terms = paid;
        return code;
    }
    return pay_journal_write(pay);
}

static enum cli_exit resume(struct pay *pay, const char *journal)
{
    const char *body = cli_value(pay->cli, "body", NULL);
    int len = snprintf(pay->journal, sizeof(pay->journal), "%s", journal);
    if (len <= 0 || (size_t)len >= sizeof(pay->journal)) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "resume", "the journal's name is too long");
    }
    enum cli_exit code = pay_journal_read(pay);
    if (code == CLI_OK && pay->key != NULL &&
        memcmp(pay->key->address.bytes, pay->payer.bytes, sizeof(pay->payer.bytes)) != 0) {
        code = cli_fail(pay->cli, CLI_USAGE, NULL, "key-file",
                        "that is not the key which the journal's payment was made with");
    }
    if (code == CLI_OK && body != NULL) {
        code = body_load(pay, body);
    }
    if (code == CLI_OK) {
        code = output_try(pay);
    }
    if (code == CLI_OK && pay->terms.via == PAY_PROOF && !pay->has_log_index) {
        code = pay_chain_finish(pay);
    }
    if (code == CLI_OK && pay->terms.via == PAY_PROOF && body != NULL && !pay->bind_nonce) {
        code = challenge_renew(pay);
    }
    return code == CLI_OK ? finish(pay) : code;
}

static void pay_fini(struct pay *pay)
{
    lucid_secret_free(pay->key, sizeof(*pay->key));
    pay_terms_fini(&pay->terms);
    json_decref(pay->headers);
    lucid_buf_fini(&pay->body);
    lucid_buf_fini(&pay->header);
    lucid_buf_fini(&pay->raw);
    client_answer_fini(&pay->answer);
    for (size_t i = 0; i < PAY_CAPTURES; i++) {
        lucid_buf_fini(&pay->captures[i].value);
    }
    free(pay->url);
    free(pay->method);
}

/* url NULL: goes on with the journal. */
static enum cli_exit pay_go(struct cli *cli, const char *url, const struct lucid_span *fixed,
                            const char *journal)
{
    struct pay pay = {.cli = cli, .clock = lucid_clock_system()};
    uint64_t wait_s;
    if (!cli_value_u64(cli, "wait", WAIT_S_DEFAULT, 0, 86400, &wait_s)) {
        return CLI_USAGE;
    }
    pay.wait_ms = wait_s * 1000;
    /* Without the token: whoever sells is a stranger. */
    if (cli->client == NULL && client_open(&cli->client) != LUCID_OK) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    client_set_ca(cli->client, cli->ca);
    enum cli_exit code = key_load(&pay);
    if (code == CLI_OK && pay.key != NULL) {
        pay.payer = pay.key->address;
    }
    if (code == CLI_OK) {
        code = url == NULL ? resume(&pay, journal) : buy(&pay, url, fixed);
    }
    pay_fini(&pay);
    return code;
}

enum cli_exit pay_post(struct cli *cli, const char *url, struct lucid_span body)
{
    return pay_go(cli, url, &body, NULL);
}

static enum cli_exit pay_run(struct cli *cli)
{
    const char *journal = cli_value(cli, "resume", NULL);
    if ((cli->argument_count == 1) == (journal != NULL)) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "give an address, or --resume FILE");
    }
    return pay_go(cli, journal == NULL ? cli->arguments[0] : NULL, NULL, journal);
}

static const struct cli_option pay_options[] = {
    PAY_OPTIONS,
    {"method", 'X', "METHOD", "GET, or POST with --body"},
    {"body", 0, "FILE", "sent with the request; - for standard input"},
    {"header", 'H', "LINE", "\"Name: value\", repeatable"},
    {"output", 'o', "FILE", "the answer's body into it, not to standard output"},
    {"resume", 0, "FILE", "go on with the payment of that journal"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_pay = {
    .group = NULL,
    .name = "pay",
    .arguments = "[URL]",
    .summary = "ask an x402 server, pay what it asks within limits, print its answer",
    .text =
        "Pays at most once: what is signed is journaled before it is sent, every further try "
        "sends\n"
        "the same, and a request with an open journal is not paid for again. USDC on the networks\n"
        "known here is paid with; the bearer token is not sent.\n",
    .examples =
        "  lucid pay https://host/v1/receipts/run_1/proof --key-file payer.key\n"
        "  lucid pay https://host/report -k payer.key -m 0.05 --body question.json -o answer\n"
        "  lucid pay https://host/report -k payer.key --via proof --rpc https://node\n"
        "  lucid pay --resume .lucid-pay-0123456789abcdef.journal\n",
    .options = pay_options,
    .arguments_min = 0,
    .arguments_max = 1,
    .run = pay_run,
};
