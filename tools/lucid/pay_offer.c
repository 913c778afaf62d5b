/* What a 402 asks for, in each of its three forms, and which of it may be paid. */
#include <math.h>
#include <stdio.h>

#include "base/sha256.h"
#include "gas/amount.h"
#include "tools/lucid/pay.h"

#define ACCEPTS_MAX 32 /* looked at */

static const char *const via_names[] = {"v2", "v1", "proof"};

const char *pay_via_name(enum pay_via via)
{
    return via_names[via];
}

bool pay_via_parse(const char *text, enum pay_via *ret)
{
    for (size_t i = 0; i < sizeof(via_names) / sizeof(via_names[0]); i++) {
        if (strcmp(text, via_names[i]) == 0) {
            *ret = (enum pay_via)i;
            return true;
        }
    }
    return false;
}

void pay_amount_text(const struct pay_terms *terms, char *out, size_t max)
{
    if (terms->is_usdc) {
        char amount[GAS_AMOUNT_TEXT_BYTES];
        gas_amount_format(terms->amount, GAS_USDC, amount);
        (void)snprintf(out, max, "%s USDC", amount);
    } else {
        (void)snprintf(out, max, "%llu base units", (unsigned long long)terms->amount);
    }
}

void pay_terms_fini(struct pay_terms *terms)
{
    json_decref(terms->accepted);
    json_decref(terms->resource);
    json_decref(terms->extensions);
    *terms = (struct pay_terms){.via = terms->via};
}

/* --- members ---------------------------------------------------------------------------------- */

static struct lucid_span member_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? lucid_span(json_string_value(value), json_string_length(value))
                                 : lucid_span(NULL, 0);
}

/* A text of printable ASCII that fits, with its NUL. */
static bool member_copy(const json_t *object, const char *name, char *out, size_t max)
{
    struct lucid_span text = member_text(object, name);
    if (text.len == 0 || text.len >= max) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            return false;
        }
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool refuse(struct lucid_why *why, const char *code, const char *param, const char *text)
{
    (void)lucid_refuse(why, LUCID_REFUSE_INVALID, code, param, "%s", text);
    return false;
}

/* --- the parts of an offer -------------------------------------------------------------------- */

/* "eip155:" and a decimal number. */
static bool chain_parse(struct lucid_span caip2, uint64_t *ret)
{
    static const char prefix[] = "eip155:";
    size_t len = sizeof(prefix) - 1;
    return caip2.len > len && memcmp(caip2.data, prefix, len) == 0 &&
           gas_amount_parse(lucid_span(caip2.data + len, caip2.len - len), ret);
}

/* ret_known: room, filled, or NULL. */
static bool network_take(const json_t *object, const struct pay_limits *limits,
                         struct pay_terms *terms, struct x402_network *room,
                         const struct x402_network **ret_known, struct lucid_why *why)
{
    if (!member_copy(object, "network", terms->network, sizeof(terms->network))) {
        return refuse(why, "OFFER_MALFORMED", "network", "the offer names no network");
    }
    struct lucid_span name = lucid_span_str(terms->network);
    const struct x402_network *known = x402_network_known(name, room) ? room : NULL;
    if (known != NULL && known->solana) {
        return refuse(why, "NETWORK_SOLANA", "network",
                      "the offer is for Solana, where lucid pay has no key: pay it with an x402 "
                      "client that signs transactions of Solana");
    }
    if (known != NULL) {
        terms->chain_id = known->chain_id;
    } else if (!chain_parse(name, &terms->chain_id)) {
        return refuse(why, "NETWORK_UNKNOWN", "network", "the offer's network is not known here");
    }
    bool wanted = limits->network == NULL || strcmp(limits->network, terms->network) == 0 ||
                  (known != NULL && (strcmp(limits->network, known->caip2) == 0 ||
                                     strcmp(limits->network, known->v1_name) == 0));
    if (!wanted) {
        return refuse(why, "NETWORK_OTHER", "network", "not offered on the network of --network");
    }
    *ret_known = known;
    return true;
}

static bool token_is(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The token of the table, whose domain is known here; or the one that --token allows, whose domain
 * the offer says (extra NULL: none is needed). */
static bool token_take(struct lucid_span address, const json_t *extra,
                       const struct x402_network *known, const struct pay_limits *limits,
                       struct pay_terms *terms, struct lucid_why *why)
{
    if (!evm_address_parse(address, &terms->token)) {
        return refuse(why, "OFFER_MALFORMED", "asset", "the offer's token is no address");
    }
    terms->is_usdc = known != NULL && token_is(&terms->token, &known->token);
    if (!terms->is_usdc && !(limits->has_token && token_is(&terms->token, &limits->token))) {
        return refuse(why, "TOKEN_UNKNOWN", "asset",
                      "the offer is for a token that is not USDC as known here; "
                      "--token ADDRESS allows it");
    }
    bool named = member_copy(extra, "name", terms->token_name, sizeof(terms->token_name)) &&
                 member_copy(extra, "version", terms->token_version, sizeof(terms->token_version));
    if (known == NULL || !terms->is_usdc) {
        return named || extra == NULL ||
               refuse(why, "OFFER_MALFORMED", "extra",
                      "the offer does not name the token's domain");
    }
    if (named && (strcmp(terms->token_name, known->token_name) != 0 ||
                  strcmp(terms->token_version, known->token_version) != 0)) {
        return refuse(why, "OFFER_MALFORMED", "extra",
                      "the offer's name and version are not those of the token");
    }
    memcpy(terms->token_name, known->token_name, sizeof(terms->token_name));
    memcpy(terms->token_version, known->token_version, sizeof(terms->token_version));
    return true;
}

static bool money_take(struct lucid_span amount, struct lucid_span pay_to,
                       const struct pay_limits *limits, struct pay_terms *terms,
                       struct lucid_why *why)
{
    static const struct evm_address nobody;
    if (!gas_amount_parse(amount, &terms->amount) || terms->amount == 0) {
        return refuse(why, "OFFER_MALFORMED", "amount", "the offer's amount is none");
    }
    if (!evm_address_parse(pay_to, &terms->pay_to) || token_is(&terms->pay_to, &nobody)) {
        return refuse(why, "OFFER_MALFORMED", "payTo", "the offer's recipient is no address");
    }
    if (terms->amount > limits->amount_max) {
        char text[64];
        pay_amount_text(terms, text, sizeof(text));
        (void)lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "AMOUNT_OVER_MAXIMUM", "max-amount",
                           "it costs %s, more than --max-amount allows", text);
        return false;
    }
    return true;
}

static bool timeout_take(const json_t *item, struct pay_terms *terms, struct lucid_why *why)
{
    double seconds = json_number_value(json_object_get(item, "maxTimeoutSeconds"));
    if (!(seconds >= 1)) {
        return refuse(why, "OFFER_MALFORMED", "maxTimeoutSeconds",
                      "the offer does not say how long it is good for");
    }
    terms->timeout_s =
        seconds < PAY_TIMEOUT_S_MAX ? (uint32_t)floor(seconds) : (uint32_t)PAY_TIMEOUT_S_MAX;
    return true;
}

/* One of `accepts`, of either version. */
static bool accept_take(const json_t *item, enum pay_via via, const struct pay_limits *limits,
                        struct pay_terms *terms, struct lucid_why *why)
{
    struct x402_network room;
    const struct x402_network *known = NULL;
    const json_t *extra = json_object_get(item, "extra");
    struct lucid_span method = member_text(extra, "assetTransferMethod");
    const char *amount = via == PAY_V2 ? "amount" : "maxAmountRequired";
    *terms = (struct pay_terms){.via = via};
    if (!lucid_span_is(member_text(item, "scheme"), "exact") ||
        (method.data != NULL && !lucid_span_is(method, "eip3009"))) {
        return refuse(why, "SCHEME_UNKNOWN", "scheme", "not offered by scheme exact with EIP-3009");
    }
    return network_take(item, limits, terms, &room, &known, why) &&
           token_take(member_text(item, "asset"), extra, known, limits, terms, why) &&
           money_take(member_text(item, amount), member_text(item, "payTo"), limits, terms, why) &&
           timeout_take(item, terms, why);
}

/* The first of `accepts` that may be paid. */
static bool accepts_choose(const json_t *offer, enum pay_via via, const struct pay_limits *limits,
                           struct pay_terms *terms, struct lucid_why *why)
{
    const json_t *accepts = json_object_get(offer, "accepts");
    for (size_t i = 0; i < json_array_size(accepts) && i < ACCEPTS_MAX; i++) {
        json_t *item = json_array_get(accepts, i);
        if (accept_take(item, via, limits, terms, why)) {
            if (via == PAY_V2) {
                terms->accepted = json_incref(item);
                terms->resource = json_incref(json_object_get(offer, "resource"));
                terms->extensions = json_incref(json_object_get(offer, "extensions"));
            }
            return true;
        }
    }
    if (why->text[0] == '\0') {
        (void)refuse(why, "NO_OFFER", NULL, "the server accepts no payment by that header");
    }
    return false;
}

/* --- the three forms -------------------------------------------------------------------------- */

static bool v2_choose(const struct pay *pay, const struct pay_limits *limits,
                      struct pay_terms *terms, struct lucid_why *why)
{
    struct lucid_span text = lucid_buf_span(&pay->captures[PAY_REQUIRED].value);
    struct lucid_buf bytes = {.bytes_max = 0};
    size_t len = 0;
    json_t *offer = NULL;
    uint8_t *room = text.len > 0 ? lucid_buf_extend(&bytes, text.len) : NULL;
    if (room != NULL && lucid_base64_decode(text, room, text.len, &len)) {
        offer = json_loadb((const char *)room, len, JSON_REJECT_DUPLICATES, NULL);
    }
    lucid_buf_fini(&bytes);
    bool chosen = json_integer_value(json_object_get(offer, "x402Version")) == 2
                      ? accepts_choose(offer, PAY_V2, limits, terms, why)
                      : refuse(why, "NO_OFFER", NULL, "the 402 has no offer of x402 version 2");
    json_decref(offer);
    return chosen;
}

static bool v1_choose(const json_t *body, const struct pay_limits *limits, struct pay_terms *terms,
                      struct lucid_why *why)
{
    return json_integer_value(json_object_get(body, "x402Version")) == 1
               ? accepts_choose(body, PAY_V1, limits, terms, why)
               : refuse(why, "NO_OFFER", NULL, "the 402 has no offer of x402 version 1");
}

/* What is signed for X-Payment-Proof must be about this request. */
static bool request_agrees(const struct pay *pay, const json_t *asked)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    char hex[2 * LUCID_SHA256_BYTES + 1] = "";
    lucid_sha256(lucid_buf_span(&pay->body), digest);
    lucid_hex_encode(digest, sizeof(digest), hex);
    struct lucid_span said = member_text(asked, "body_sha256");
    return lucid_span_is(member_text(asked, "method"), pay->method) &&
           (said.data == NULL || lucid_span_is(said, hex));
}

static bool proof_choose(const struct pay *pay, const json_t *body, const struct pay_limits *limits,
                         struct pay_terms *terms, struct lucid_why *why)
{
    const json_t *asked = json_object_get(body, "x402");
    const json_t *payment = json_object_get(asked, "payment");
    struct x402_network room;
    const struct x402_network *known = NULL;
    json_int_t expires = json_integer_value(json_object_get(asked, "expires_unix"));
    *terms = (struct pay_terms){.via = PAY_PROOF};
    if (!member_copy(asked, "challenge", terms->challenge, sizeof(terms->challenge)) ||
        !member_copy(asked, "resource", terms->signed_resource, sizeof(terms->signed_resource)) ||
        expires <= 0) {
        return refuse(why, "NO_OFFER", NULL, "the 402 has no challenge for X-Payment-Proof");
    }
    terms->expires = (uint64_t)expires;
    if (!request_agrees(pay, asked)) {
        return refuse(why, "OFFER_MALFORMED", "x402", "the challenge is for another request");
    }
    return network_take(payment, limits, terms, &room, &known, why) &&
           token_take(member_text(payment, "tokenAddress"), NULL, known, limits, terms, why) &&
           money_take(member_text(payment, "amount"), member_text(payment, "recipient"), limits,
                      terms, why);
}

enum cli_exit pay_terms_choose(struct pay *pay, const struct pay_limits *limits)
{
    json_t *body = json_loadb((const char *)pay->answer.body.data, pay->answer.body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    struct lucid_why why = {.code = NULL};
    bool chosen = false;
    if (limits->via_given && limits->via == PAY_PROOF) {
        chosen = proof_choose(pay, body, limits, &pay->terms, &why);
    } else {
        struct lucid_why second = {.code = NULL};
        bool only_v1 = limits->via_given && limits->via == PAY_V1;
        bool only_v2 = limits->via_given && limits->via == PAY_V2;
        chosen = !only_v1 && v2_choose(pay, limits, &pay->terms, &why);
        if (!chosen && !only_v2) {
            chosen = v1_choose(body, limits, &pay->terms, &second);
            /* What the first form was refused for says more, unless there was none. */
            if (why.code == NULL || strcmp(why.code, "NO_OFFER") == 0) {
                why = second;
            }
        }
    }
    bool proof_only = !chosen && !limits->via_given && json_object_get(body, "x402") != NULL &&
                      why.code != NULL && strcmp(why.code, "NO_OFFER") == 0;
    json_decref(body);
    if (chosen) {
        return CLI_OK;
    }
    return cli_fail(pay->cli, CLI_REFUSED, why.code, why.param[0] != '\0' ? why.param : NULL,
                    "nothing was paid: %s%s", why.text,
                    proof_only ? "; it takes a transfer of your own (--via proof --rpc URL)" : "");
}
