/* The one table of stable error codes and their statuses (docs/API.md lists the same). */
#include "http/api/api_internal.h"

/* One a line. */
/* clang-format off */
static const struct api_code codes[] = {
    {"INVALID_JSON", 400},
    {"INVALID_PARAMETER", 400},
    {"PAYMENT_MALFORMED", 400},
    {"GRANT_MALFORMED", 400},
    {"PROXY_REQUEST_INVALID", 400},
    {"UNAUTHORIZED", 401},
    {"GAS_EXHAUSTED", 402},
    {"PAYMENT_REQUIRED", 402},
    {"FORBIDDEN", 403},
    {"RUN_TWO_ADMINS", 403},
    {"SIGNER_UNKNOWN", 403},
    {"SIGNER_REVOKED", 403},
    {"NOT_FOUND", 404},
    {"NOT_ACCEPTABLE", 406},
    {"RUN_ID_CONFLICT", 409},
    {"TOKEN_EXISTS", 409},
    {"PAYMENT_CONFLICT", 409},
    {"PAYMENT_ALREADY_SPENT", 409},
    {"GRANT_REVOKED", 409},
    {"PAYMENT_IDENTIFIER_CONFLICT", 409},
    {"EPOCH_NOT_OPEN", 409},
    {"IDEMPOTENCY_CONFLICT", 409},
    {"PAYOUT_CONFLICT", 409},
    {"PAYMENT_STATE", 409},
    {"REFUND_EXCEEDS", 409},
    {"TRANSFER_SPENT", 409},
    {"OUTFLOW_STATE", 409},
    {"RUN_CONFLICT", 409},
    {"ERASED", 410},
    {"BATCH_TOO_LARGE", 413},
    {"URI_TOO_LONG", 414},
    {"UNSUPPORTED_MEDIA_TYPE", 415},
    {"BODY_TOO_LARGE", 422},
    {"INVALID_RECEIPT", 422},
    {"HASH_MISMATCH", 422},
    {"SIGNATURE_INVALID", 422},
    {"INVALID_PROOF", 422},
    {"INVALID_SIGNER", 422},
    {"INVALID_TOKEN", 422},
    {"INVALID_SPLIT", 422},
    {"INVALID_PRICE", 422},
    {"INVALID_GRANT", 422},
    {"INVALID_PAYMENT", 422},
    {"ASSET_NOT_PRICED", 422},
    {"INVALID_PAYOUT", 422},
    {"INVALID_REFUND", 422},
    {"INVALID_PAYEE", 422},
    {"INVALID_RUN", 422},
    {"AMOUNT_OVERFLOW", 422},
    {"BLOB_TOO_LARGE", 422},
    {"INVALID_TARIFF", 422},
    {"INVALID_DEPOSIT", 422},
    {"INVALID_LIMIT", 422},
    {"QUOTA_EXCEEDED", 429},
    {"CORRUPT", 500},
    {"INTERNAL", 500},
    {"PLUGIN_FAULT", 500},
    {"NOT_COVERED", 503},
    {"OVERLOADED", 503},
    {"PAYMENT_PENDING", 503},
    {"PAYMENT_UNAVAILABLE", 503},
    {"TRANSFER_PENDING", 503},
    {"CHAIN_UNAVAILABLE", 503},
    {"TREASURY_UNAVAILABLE", 503},
    {"PRICE_UNAVAILABLE", 503},
    {"PLUGIN_LIMIT", 503},
    {"PLUGIN_SUSPENDED", 503},
    {"STORE_FULL", 507},
};
/* clang-format on */

int api_code_status(const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return codes[i].status;
        }
    }
    return 0;
}

/* For a code of a kind that is not in the table: what its category says. */
static int status_of_refusal(enum lucid_error error)
{
    if (error == LUCID_REFUSE_CONFLICT) {
        return 409;
    }
    if (error == LUCID_REFUSE_FORBIDDEN || error == LUCID_REFUSE_UNKNOWN_KEY) {
        return 403;
    }
    return 422;
}

static void code_of_error(enum lucid_error error, struct api_code *ret, const char **ret_text)
{
    const char *code = "INTERNAL";
    *ret_text = "the service could not do this";
    if (error == LUCID_NOTE_ABSENT) {
        code = "NOT_FOUND";
        *ret_text = "there is no such thing";
    } else if (error == LUCID_RETRY_FULL) {
        code = "STORE_FULL";
        *ret_text = "the store has no room left";
    } else if (lucid_category(error) == LUCID_CATEGORY_RETRY) {
        code = "OVERLOADED";
        *ret_text = "the service is busy; try again";
    } else if (error == LUCID_FATAL_CORRUPT) {
        code = "CORRUPT";
        *ret_text = "what was read back is not what was stored";
    } else if (error == LUCID_FATAL_STORE) {
        *ret_text = "the store failed; whether this was kept is not known";
    }
    *ret = (struct api_code){code, api_code_status(code)};
}

void api_code_of(enum lucid_error error, const struct lucid_why *why, struct api_code *ret,
                 const char **ret_text)
{
    bool ours = lucid_category(error) == LUCID_CATEGORY_FATAL ||
                (lucid_category(error) == LUCID_CATEGORY_RETRY &&
                 (why == NULL || why->code == NULL || api_code_status(why->code) < 500));
    if (why != NULL && why->code != NULL && !ours) {
        int status = api_code_status(why->code);
        *ret = (struct api_code){why->code, status != 0 ? status : status_of_refusal(error)};
        *ret_text = "the request was refused";
    } else {
        code_of_error(error, ret, ret_text);
    }
    if (why != NULL && why->text[0] != '\0') {
        *ret_text = why->text;
    }
}
