/* The journal of `lucid pay`: one JSON object, replaced as a whole, mode 0600. It stands there
 * before anything that pays is sent, and goes when the answer has come. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lucidd/datadir.h"
#include "tools/lucid/pay.h"

#define JOURNAL_VERSION   1
#define JOURNAL_BYTES_MAX (2 * PAY_BODY_BYTES_MAX)

static json_t *base64_json(const struct lucid_buf *bytes)
{
    struct lucid_buf text = {.bytes_max = 0};
    lucid_buf_base64(&text, bytes->data, bytes->len);
    json_t *value = lucid_buf_ok(&text) ? json_stringn((const char *)text.data, text.len) : NULL;
    lucid_buf_fini(&text);
    return value;
}

static json_t *address_json(const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(address, text);
    return json_string(text);
}

static json_t *proof_json(const struct pay *pay)
{
    char hash[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(&pay->transaction, hash);
    return json_pack("{s:s, s:s, s:I, s:b, s:o, s:s, s:o}", "challenge", pay->terms.challenge,
                     "resource", pay->terms.signed_resource, "expires",
                     (json_int_t)pay->terms.expires, "bind_nonce", (int)pay->bind_nonce, "raw",
                     base64_json(&pay->raw), "transaction", hash, "log_index",
                     pay->has_log_index ? json_integer((json_int_t)pay->log_index) : json_null());
}

static json_t *journal_json(const struct pay *pay)
{
    const struct pay_terms *terms = &pay->terms;
    json_t *payment =
        json_pack("{s:s, s:s, s:I, s:o, s:b, s:s, s:s, s:o, s:o, s:I}", "via",
                  pay_via_name(terms->via), "network", terms->network, "chain_id",
                  (json_int_t)terms->chain_id, "token", address_json(&terms->token), "is_usdc",
                  (int)terms->is_usdc, "token_name", terms->token_name, "token_version",
                  terms->token_version, "pay_to", address_json(&terms->pay_to), "payer",
                  address_json(&pay->payer), "amount", (json_int_t)terms->amount);
    json_t *proof = terms->via == PAY_PROOF ? proof_json(pay) : json_null();
    json_t *header = terms->via == PAY_PROOF
                         ? json_null()
                         : json_stringn((const char *)pay->header.data, pay->header.len);
    return json_pack("{s:i, s:s, s:s, s:O, s:o, s:o, s:o, s:o}", "lucid_pay", JOURNAL_VERSION,
                     "url", pay->url, "method", pay->method, "headers", pay->headers, "body",
                     pay->has_body ? base64_json(&pay->body) : json_null(), "payment", payment,
                     "header", header, "proof", proof);
}

enum cli_exit pay_journal_write(struct pay *pay)
{
    json_t *journal = journal_json(pay);
    char *text = journal != NULL ? json_dumps(journal, JSON_COMPACT) : NULL;
    json_decref(journal);
    if (text == NULL) {
        return cli_fail(pay->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (!pay->journaled) {
        /* Taken for this run: two of them must not pay for the same request. */
        int fd = open(pay->journal, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) {
            free(text);
            return errno == EEXIST
                       ? cli_fail(pay->cli, CLI_REFUSED, "PAYMENT_OPEN", "journal",
                                  "this request has been paid for before without an end: go on "
                                  "with lucid pay --resume %s, or remove that file",
                                  pay->journal)
                       : cli_fail(pay->cli, CLI_REFUSED, NULL, "journal", "%s: %s", pay->journal,
                                  strerror(errno));
        }
        (void)close(fd);
    }
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = datadir_file_write(pay->journal, 0600, lucid_span_str(text), &why);
    free(text);
    if (error != LUCID_OK) {
        return cli_fail_why(pay->cli, error, &why, pay->journal);
    }
    pay->journaled = true;
    return CLI_OK;
}

void pay_journal_remove(struct pay *pay)
{
    if (pay->journaled && unlink(pay->journal) != 0) {
        cli_note(pay->cli, "lucid: %s could not be removed: %s", pay->journal, strerror(errno));
    }
    pay->journaled = false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool base64_take(const json_t *value, struct lucid_buf *out)
{
    size_t len = json_string_length(value);
    size_t bytes = 0;
    if (!json_is_string(value)) {
        return false;
    }
    if (len == 0) {
        return true;
    }
    uint8_t *room = lucid_buf_extend(out, len);
    if (room == NULL ||
        !lucid_base64_decode(lucid_span(json_string_value(value), len), room, len, &bytes)) {
        return false;
    }
    out->len = bytes;
    return true;
}

static bool text_take(const char *text, char *out, size_t max)
{
    size_t len = text != NULL ? strlen(text) : max;
    if (len >= max) {
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static bool address_take(const char *text, struct evm_address *ret)
{
    return text != NULL && evm_address_parse(lucid_span_str(text), ret);
}

static bool payment_take(struct pay *pay, json_t *payment)
{
    struct pay_terms *terms = &pay->terms;
    const char *via;
    const char *network;
    const char *token;
    const char *name;
    const char *version;
    const char *pay_to;
    const char *payer;
    json_int_t chain_id;
    json_int_t amount;
    int is_usdc;
    if (json_unpack(payment, "{s:s, s:s, s:I, s:s, s:b, s:s, s:s, s:s, s:s, s:I}", "via", &via,
                    "network", &network, "chain_id", &chain_id, "token", &token, "is_usdc",
                    &is_usdc, "token_name", &name, "token_version", &version, "pay_to", &pay_to,
                    "payer", &payer, "amount", &amount) != 0 ||
        chain_id <= 0 || amount <= 0) {
        return false;
    }
    terms->chain_id = (uint64_t)chain_id;
    terms->amount = (uint64_t)amount;
    terms->is_usdc = is_usdc != 0;
    return pay_via_parse(via, &terms->via) &&
           text_take(network, terms->network, sizeof(terms->network)) &&
           text_take(name, terms->token_name, sizeof(terms->token_name)) &&
           text_take(version, terms->token_version, sizeof(terms->token_version)) &&
           address_take(token, &terms->token) && address_take(pay_to, &terms->pay_to) &&
           address_take(payer, &pay->payer);
}

static bool proof_take(struct pay *pay, json_t *proof)
{
    const char *challenge;
    const char *resource;
    const char *transaction;
    json_t *raw;
    json_t *log_index;
    json_int_t expires;
    int bind_nonce;
    if (json_unpack(proof, "{s:s, s:s, s:I, s:b, s:o, s:s, s:o}", "challenge", &challenge,
                    "resource", &resource, "expires", &expires, "bind_nonce", &bind_nonce, "raw",
                    &raw, "transaction", &transaction, "log_index", &log_index) != 0 ||
        expires <= 0 || (!json_is_null(log_index) && json_integer_value(log_index) < 0)) {
        return false;
    }
    pay->terms.expires = (uint64_t)expires;
    pay->bind_nonce = bind_nonce != 0;
    pay->has_log_index = json_is_integer(log_index);
    pay->log_index = (uint64_t)json_integer_value(log_index);
    return text_take(challenge, pay->terms.challenge, sizeof(pay->terms.challenge)) &&
           text_take(resource, pay->terms.signed_resource, sizeof(pay->terms.signed_resource)) &&
           base64_take(raw, &pay->raw) &&
           evm_hash_parse(lucid_span_str(transaction), &pay->transaction);
}

static bool journal_take(struct pay *pay, json_t *journal)
{
    int version;
    const char *url;
    const char *method;
    json_t *headers;
    json_t *body;
    json_t *payment;
    json_t *header;
    json_t *proof;
    if (json_unpack(journal, "{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "lucid_pay", &version,
                    "url", &url, "method", &method, "headers", &headers, "body", &body, "payment",
                    &payment, "header", &header, "proof", &proof) != 0 ||
        version != JOURNAL_VERSION || !json_is_array(headers) ||
        json_array_size(headers) > PAY_HEADERS_MAX + 1 || !payment_take(pay, payment)) {
        return false;
    }
    pay->url = strdup(url);
    pay->method = strdup(method);
    pay->headers = json_incref(headers);
    pay->has_body = !json_is_null(body);
    if (pay->url == NULL || pay->method == NULL ||
        (pay->has_body && !base64_take(body, &pay->body))) {
        return false;
    }
    if (pay->terms.via == PAY_PROOF) {
        return proof_take(pay, proof);
    }
    lucid_buf_str(&pay->header, json_is_string(header) ? json_string_value(header) : "");
    return pay->header.len > 0;
}

enum cli_exit pay_journal_read(struct pay *pay)
{
    json_error_t fault;
    size_t len = 0;
    char *text = malloc(JOURNAL_BYTES_MAX + 1);
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        text != NULL ? datadir_file_read(pay->journal, true, text, JOURNAL_BYTES_MAX, &len, &why)
                     : LUCID_RETRY_MEMORY;
    json_t *journal =
        error == LUCID_OK ? json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault) : NULL;
    free(text);
    if (error != LUCID_OK) {
        return cli_fail(pay->cli, CLI_USAGE, why.code, "resume", "%s: %s", pay->journal,
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    bool good = journal != NULL && journal_take(pay, journal);
    json_decref(journal);
    if (!good) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "resume", "%s is no journal of lucid pay",
                        pay->journal);
    }
    pay->journaled = true;
    return CLI_OK;
}
