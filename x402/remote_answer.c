/* What facilitators answer, read strictly and believed in nothing: shapes, whether it is about what
 * was asked, and reasons as texts of ours. */
#include <stdio.h>

#include "base/jcs/jcs.h"
#include "x402/remote.h"

enum { ARENA_BYTES = 4 << 20 };

static const struct jcs_limits answer_limits = {.depth_max = 16, .values_max = 2048};
static const struct jcs_limits supported_limits = {.depth_max = 16, .values_max = 32768};

/* --- members ---------------------------------------------------------------------------------- */

/* An optional string: absent and null are NULL. False: of another type. */
static bool string_of(const struct jcs_value *object, const char *name, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(object, name);
    *ret = lucid_span(NULL, 0);
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        return true;
    }
    if (jcs_type(value) != JCS_STRING) {
        return false;
    }
    *ret = jcs_string(value);
    return true;
}

static bool bool_of(const struct jcs_value *object, const char *name, bool *ret)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || (jcs_type(value) != JCS_TRUE && jcs_type(value) != JCS_FALSE)) {
        return false;
    }
    *ret = jcs_type(value) == JCS_TRUE;
    return true;
}

/* --- reasons ---------------------------------------------------------------------------------- */

struct reason {
    const char *text;
    bool cannot; /* the facilitator's own trouble: another may take the payment */
};

/* Those that clients know (reference 2.4); others are shown as text only. */
static const struct reason reasons[] = {
    {"invalid_exact_evm_payload_signature", false},
    {"invalid_exact_evm_signature", false},
    {"invalid_exact_evm_payload_recipient_mismatch", false},
    {"invalid_exact_evm_recipient_mismatch", false},
    {"invalid_exact_evm_payload_authorization_value_mismatch", false},
    {"invalid_exact_evm_payload_authorization_value", false},
    {"invalid_exact_evm_payload_authorization_valid_before", false},
    {"invalid_exact_evm_payload_authorization_valid_after", false},
    {"insufficient_funds", false},
    {"invalid_exact_evm_insufficient_balance", false},
    {"invalid_exact_evm_nonce_already_used", false},
    {"invalid_exact_evm_missing_eip712_domain", false},
    {"invalid_exact_evm_token_name_mismatch", false},
    {"invalid_exact_evm_token_version_mismatch", false},
    {"invalid_exact_evm_transaction_simulation_failed", false},
    {"invalid_exact_evm_transaction_failed", false},
    {"invalid_exact_evm_transfer_event_mismatch", false},
    {"invalid_exact_svm_payload_transaction", false},
    {"fee_payer_not_managed_by_facilitator", true},
    {"invalid_exact_svm_payload_amount_insufficient", false},
    {"invalid_transaction_state", false},
    {"asset_not_deployed_contract", false},
    {"duplicate_settlement", false},
    {"settlement_pending", false},
    {"payment_expired", false},
    {"invalid_payment", false},
    {"invalid_payload", false},
    {"invalid_network", true},
    {"invalid_exact_evm_network_mismatch", true},
    {"invalid_scheme", true},
    {"invalid_exact_evm_scheme", true},
    {"unsupported_scheme", true},
    {"invalid_x402_version", true},
    {"invalid_payment_requirements", true},
    {"unexpected_verify_error", true},
    {"unexpected_settle_error", true},
};

static const struct reason *reason_find(struct lucid_span text)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (lucid_span_is(text, reasons[i].text)) {
            return &reasons[i];
        }
    }
    return NULL;
}

/* For people: printable ASCII, cut. */
static size_t clean(struct lucid_span text, char *out, size_t size)
{
    size_t len = 0;
    for (; len < text.len && len + 1 < size; len++) {
        uint8_t c = text.data[len];
        out[len] = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? (char)c : '?';
    }
    out[len] = '\0';
    return len;
}

static void text_make(struct lucid_span reason, struct lucid_span message,
                      char ret[X402_REMOTE_TEXT_BYTES])
{
    size_t len = clean(reason, ret, 72);
    if (message.len > 0) {
        len += (size_t)snprintf(ret + len, X402_REMOTE_TEXT_BYTES - len, "%s", len > 0 ? ": " : "");
        (void)clean(message, ret + len, X402_REMOTE_TEXT_BYTES - len);
    } else if (len == 0) {
        (void)snprintf(ret, X402_REMOTE_TEXT_BYTES, "without a reason");
    }
}

/* --- what it is about ------------------------------------------------------------------------- */

static bool payer_is_other(struct lucid_span payer, const struct x402_remote_asked *asked)
{
    struct evm_address address;
    uint8_t key[X402_SOLANA_KEY_BYTES];
    if (payer.len == 0) {
        return false;
    }
    if (asked->network->solana) {
        return !x402_base58_parse(payer, key, sizeof(key)) ||
               memcmp(key, asked->solana_payer, sizeof(key)) != 0;
    }
    return !evm_address_parse(payer, &address) ||
           memcmp(address.bytes, asked->payer.bytes, sizeof(address.bytes)) != 0;
}

static bool network_is(struct lucid_span name, const struct x402_network *network)
{
    return lucid_span_is(name, network->caip2) ||
           (network->v1_name[0] != '\0' && lucid_span_is(name, network->v1_name));
}

static enum lucid_error body_parse(struct lucid_span body, const struct jcs_limits *limits,
                                   struct lucid_arena *arena, const struct jcs_value **ret,
                                   struct lucid_why *why)
{
    enum lucid_error e = jcs_parse(body, limits, arena, ret, why);
    if (e == LUCID_OK && jcs_type(*ret) != JCS_OBJECT) {
        e = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "the answer is not an object");
    }
    return e == LUCID_REFUSE_TOO_LARGE ? LUCID_REFUSE_INVALID : e;
}

/* --- POST /verify ----------------------------------------------------------------------------- */

static bool verify_read(const struct jcs_value *root, const struct x402_remote_asked *asked,
                        struct x402_verify_answer *ret)
{
    struct lucid_span reason;
    struct lucid_span message;
    struct lucid_span payer;
    *ret = (struct x402_verify_answer){.valid = false};
    if (!bool_of(root, "isValid", &ret->valid) || !string_of(root, "invalidReason", &reason) ||
        !string_of(root, "invalidMessage", &message) || !string_of(root, "payer", &payer)) {
        return false;
    }
    if (ret->valid) {
        ret->mismatch = payer_is_other(payer, asked);
        return true;
    }
    const struct reason *known = reason_find(reason);
    ret->cannot = known != NULL ? known->cannot : reason.len == 0;
    ret->reason = known != NULL ? known->text : "unexpected_verify_error";
    text_make(reason, message, ret->text);
    return true;
}

enum lucid_error x402_verify_answer_parse(struct lucid_span body,
                                          const struct x402_remote_asked *asked,
                                          struct x402_verify_answer *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct x402_verify_answer answer;
    lucid_arena_init(&arena, ARENA_BYTES);
    enum lucid_error e = body_parse(body, &answer_limits, &arena, &root, NULL);
    if (e == LUCID_OK) {
        e = verify_read(root, asked, &answer) ? LUCID_OK : LUCID_REFUSE_INVALID;
    }
    if (e == LUCID_OK) {
        *ret = answer;
    }
    lucid_arena_fini(&arena);
    return e;
}

/* --- POST /settle ----------------------------------------------------------------------------- */

static bool transaction_read(struct lucid_span text, const struct x402_network *network,
                             struct x402_settle_answer *ret)
{
    static const struct evm_hash zero;
    if (network->solana) {
        return x402_base58_parse(text, ret->signature, sizeof(ret->signature));
    }
    return evm_hash_parse(text, &ret->transaction) &&
           memcmp(&ret->transaction, &zero, sizeof(zero)) != 0;
}

/* Reasons that a facilitator has before it sends anything: those of its own second look. What is
 * said of a transaction is not among them. */
static bool is_before_sending(struct lucid_span reason)
{
    static const char prefix[] = "invalid_";
    bool invalid = reason.len > strlen(prefix) && memcmp(reason.data, prefix, strlen(prefix)) == 0;
    return (invalid && !lucid_span_is(reason, "invalid_transaction_state") &&
            !lucid_span_is(reason, "invalid_exact_evm_transaction_failed")) ||
           lucid_span_is(reason, "insufficient_funds") ||
           lucid_span_is(reason, "unsupported_scheme") || lucid_span_is(reason, "payment_expired");
}

static bool settle_read(const struct jcs_value *root, const struct x402_remote_asked *asked,
                        struct x402_settle_answer *ret)
{
    struct lucid_span reason;
    struct lucid_span message;
    struct lucid_span payer;
    struct lucid_span transaction;
    struct lucid_span network;
    *ret = (struct x402_settle_answer){.success = false};
    if (!bool_of(root, "success", &ret->success) || !string_of(root, "errorReason", &reason) ||
        !string_of(root, "errorMessage", &message) || !string_of(root, "payer", &payer) ||
        !string_of(root, "transaction", &transaction) || !string_of(root, "network", &network)) {
        return false;
    }
    ret->has_transaction =
        transaction.len > 0 && transaction_read(transaction, asked->network, ret);
    bool about_other =
        payer_is_other(payer, asked) || (network.len > 0 && !network_is(network, asked->network));
    if (ret->success) {
        ret->mismatch = about_other || network.len == 0 || !ret->has_transaction;
        return true;
    }
    const struct reason *known = reason_find(reason);
    ret->mismatch = about_other;
    ret->pending = lucid_span_is(reason, "settlement_pending");
    ret->duplicate = lucid_span_is(reason, "duplicate_settlement");
    ret->certain = transaction.len == 0 && is_before_sending(reason);
    ret->reason = known != NULL ? known->text : "unexpected_settle_error";
    text_make(reason, message, ret->text);
    return true;
}

enum lucid_error x402_settle_answer_parse(struct lucid_span body,
                                          const struct x402_remote_asked *asked,
                                          struct x402_settle_answer *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct x402_settle_answer answer;
    lucid_arena_init(&arena, ARENA_BYTES);
    enum lucid_error e = body_parse(body, &answer_limits, &arena, &root, NULL);
    if (e == LUCID_OK) {
        e = settle_read(root, asked, &answer) ? LUCID_OK : LUCID_REFUSE_INVALID;
    }
    if (e == LUCID_OK) {
        *ret = answer;
    }
    lucid_arena_fini(&arena);
    return e;
}

/* --- GET /supported --------------------------------------------------------------------------- */

static const struct x402_network *network_named(const struct x402_networks *networks,
                                                struct lucid_span name)
{
    const struct x402_network *network = x402_network_find(networks, name);
    return network != NULL ? network : x402_network_find_v1(networks, name);
}

static void fee_payer_read(const struct jcs_value *kind, struct x402_supported_network *supported)
{
    const struct jcs_value *extra = jcs_member(kind, "extra");
    const struct jcs_value *payer = jcs_member(extra, "feePayer");
    if (payer != NULL && jcs_type(payer) == JCS_STRING &&
        x402_base58_parse(jcs_string(payer), supported->fee_payer, sizeof(supported->fee_payer))) {
        supported->has_fee_payer = true;
    }
}

static bool kind_read(const struct jcs_value *kind, const struct x402_networks *networks,
                      struct x402_supported *ret)
{
    struct lucid_span scheme;
    struct lucid_span name;
    uint64_t version = 0;
    if (jcs_type(kind) != JCS_OBJECT || !string_of(kind, "scheme", &scheme) ||
        !string_of(kind, "network", &name) ||
        !jcs_uint(jcs_member(kind, "x402Version"), &version)) {
        return false;
    }
    const struct x402_network *network = network_named(networks, name);
    if (network == NULL || !lucid_span_is(scheme, "exact") || version < 1 || version > 2) {
        return true;
    }
    struct x402_supported_network *supported = &ret->networks[network - networks->items];
    supported->v1 = supported->v1 || version == 1;
    supported->v2 = supported->v2 || version == 2;
    if (network->solana) {
        fee_payer_read(kind, supported);
    }
    return true;
}

static void signer_add(struct x402_supported_network *supported, const struct evm_address *signer)
{
    for (size_t i = 0; i < supported->signer_count; i++) {
        if (memcmp(&supported->signers[i], signer, sizeof(*signer)) == 0) {
            return;
        }
    }
    if (supported->signer_count < X402_SIGNERS_MAX) {
        supported->signers[supported->signer_count++] = *signer;
    }
}

/* "eip155:*" and single networks. */
static bool signers_read(const struct jcs_value *list, const struct x402_networks *networks,
                         struct x402_supported *ret)
{
    bool all = lucid_span_is(jcs_name(list), "eip155:*");
    const struct x402_network *one = network_named(networks, jcs_name(list));
    if (jcs_type(list) != JCS_ARRAY) {
        return false;
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        struct evm_address signer;
        if (jcs_type(at) != JCS_STRING) {
            return false;
        }
        if (!evm_address_parse(jcs_string(at), &signer)) {
            continue;
        }
        for (size_t i = 0; i < networks->count; i++) {
            if (!networks->items[i].solana && (all || one == &networks->items[i])) {
                signer_add(&ret->networks[i], &signer);
            }
        }
    }
    return true;
}

static bool supported_read(const struct jcs_value *root, const struct x402_networks *networks,
                           struct x402_supported *ret)
{
    const struct jcs_value *kinds = jcs_member(root, "kinds");
    const struct jcs_value *signers = jcs_member(root, "signers");
    if (kinds == NULL || jcs_type(kinds) != JCS_ARRAY) {
        return false;
    }
    for (const struct jcs_value *at = jcs_next(kinds, NULL); at != NULL; at = jcs_next(kinds, at)) {
        if (!kind_read(at, networks, ret)) {
            return false;
        }
    }
    if (signers == NULL || jcs_type(signers) == JCS_NULL) {
        return true; /* version 1 has none */
    }
    if (jcs_type(signers) != JCS_OBJECT) {
        return false;
    }
    for (const struct jcs_value *at = jcs_next(signers, NULL); at != NULL;
         at = jcs_next(signers, at)) {
        if (!signers_read(at, networks, ret)) {
            return false;
        }
    }
    return true;
}

enum lucid_error x402_supported_parse(struct lucid_span body, const struct x402_networks *networks,
                                      struct x402_supported *ret, struct lucid_why *why)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    if (body.len > X402_SUPPORTED_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "more than %zu bytes",
                            X402_SUPPORTED_BYTES_MAX);
    }
    lucid_arena_init(&arena, (size_t)2 * ARENA_BYTES);
    struct x402_supported *supported = lucid_arena_zalloc(&arena, sizeof(*supported));
    enum lucid_error e = supported == NULL
                             ? LUCID_RETRY_MEMORY
                             : body_parse(body, &supported_limits, &arena, &root, why);
    if (e == LUCID_OK && !supported_read(root, networks, supported)) {
        e = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                         "kinds or signers are not as the API has them");
    }
    if (e == LUCID_OK) {
        *ret = *supported;
    }
    lucid_arena_fini(&arena);
    return e;
}
