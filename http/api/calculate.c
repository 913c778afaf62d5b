/* POST /v1/payouts/calculate: the split's arithmetic for callers who keep their own running total.
 * Looks at nothing of the store and changes nothing. */
#include "http/api/api_internal.h"

struct calculation {
    enum gas_unit unit;
    uint64_t amount;
    uint64_t total; /* before */
    struct gas_weights weights;
    struct lucid_span payees[GAS_LEGS]; /* {NULL, 0}: none */
    uint64_t legs[GAS_LEGS];
};

static bool calculation_take(struct http_request *request, const struct jcs_value *document,
                             struct calculation *ret)
{
    static const char code[] = "INVALID_SPLIT";
    static const uint64_t none = 0;
    const struct jcs_value *split = jcs_member(document, "split_bps");
    *ret = (struct calculation){.weights = gas_weights_default};
    return api_amount_member(request, document, "amount", code, NULL, &ret->amount) &&
           api_unit_member(request, document, "unit", code, GAS_USDC, &ret->unit) &&
           (split == NULL || api_weights(request, split, code, &ret->weights)) &&
           api_amount_member(request, document, "running_total", code, &none, &ret->total) &&
           api_name_member(request, document, "compute_payee", code, &ret->payees[GAS_COMPUTE]) &&
           api_name_member(request, document, "model_payee", code, &ret->payees[GAS_MODEL]);
}

static bool calculation_make(struct http_request *request, struct calculation *calculation)
{
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    const struct gas_split *split = NULL;
    enum lucid_error error = gas_split_cache_get(loop->splits, &calculation->weights, &split);
    if (error == LUCID_OK) {
        error = gas_split_pay(split, calculation->total, calculation->amount, calculation->legs);
    }
    if (error == LUCID_REFUSE_TOO_LARGE) {
        api_problem(request, 422, "AMOUNT_OVERFLOW", "amount",
                    "amount and running_total together are over 2^63 - 1");
    } else if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
    }
    return error == LUCID_OK;
}

static void calculation_answer(struct http_request *request, const struct calculation *calculation)
{
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    gas_amount_member(&out, "amount", calculation->amount);
    lucid_json_member_cstr(&out, "unit", gas_unit_name(calculation->unit));
    gas_amount_member(&out, "running_total", calculation->total);
    gas_amount_member(&out, "running_total_after", calculation->total + calculation->amount);
    api_weights_write(&calculation->weights, "split_bps", &out);
    lucid_json_member(&out, "legs");
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_buf_str(&out, i == 0 ? "[{" : ",{");
        lucid_json_member_cstr(&out, "role", gas_leg_name((enum gas_leg)i));
        if (calculation->payees[i].len == 0) {
            lucid_json_member_null(&out, "payee");
        } else {
            lucid_json_member_str(&out, "payee", calculation->payees[i]);
        }
        lucid_json_member_u64(&out, "bps", calculation->weights.bps[i]);
        gas_amount_member(&out, "amount", calculation->legs[i]);
        lucid_buf_char(&out, '}');
    }
    lucid_buf_str(&out, "]}");
    api_answer(request, 200, API_JSON, &out);
}

void api_payout_calculate_post(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct calculation calculation;
    const struct jcs_value *document = api_document(request);
    if (document != NULL && calculation_take(request, document, &calculation) &&
        calculation_make(request, &calculation)) {
        calculation_answer(request, &calculation);
    }
}
