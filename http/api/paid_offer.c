/* What a request that is sold costs now, and the 402 that says so. */
#include "base/assert.h"
#include "http/api/paid_internal.h"
#include "x402/roster.h"

bool paid_place_read(struct paid_call *call)
{
    const char *base = call->api->options.sales->public_url;
    struct lucid_span target = http_target(call->request);
    size_t base_len = strlen(base);
    if (base_len + target.len > X402_RESOURCE_BYTES_MAX) {
        paid_problem(call, 414, "URI_TOO_LONG", NULL,
                     "the address of what is sold has at most 2048 bytes");
        return false;
    }
    for (size_t i = 0; i < target.len; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7f) {
            paid_problem(call, 400, "INVALID_PARAMETER", NULL,
                         "the address of what is sold must be ASCII, the rest percent-encoded");
            return false;
        }
    }
    uint8_t *text = lucid_arena_alloc(&call->arena, base_len + target.len);
    if (text == NULL) {
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    memcpy(text, base, base_len);
    memcpy(text + base_len, target.data, target.len);
    const uint8_t *query = memchr(text + base_len, '?', target.len);
    size_t path_len = query == NULL ? target.len : (size_t)(query - text) - base_len;
    /* Of the route: HEAD is a GET whose answer is not wanted. */
    call->method = lucid_span_str(call->route->method);
    call->resource = lucid_span(text, base_len + target.len);
    call->path = lucid_span(text + base_len, path_len);
    lucid_sha256(http_body(call->request), call->body_sha256);
    memcpy(call->request_sha256, call->body_sha256, sizeof(call->request_sha256));
    return true;
}

struct lucid_span paid_asset(const struct paid_call *call)
{
    const struct api_route *about = call->route->context;
    return call->class->asset != NULL
               ? call->class->asset(call)
               : lucid_span_str(call->api->options.sales->assets[about->price_class]);
}

/* The price, and what the request costs by it. */
static enum lucid_error price_read(struct paid_call *call, struct ledger_view *view,
                                   uint64_t version, uint64_t *ret_amount)
{
    struct lucid_span asset = paid_asset(call);
    struct gas_price *price = &call->price;
    enum lucid_error error = version == 0 ? gas_price_current(view, asset, price)
                                          : gas_price_version(view, asset, version, price);
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t amount = price->price_per_call;
    if (price->unit != GAS_USDC ||
        (call->class->amount != NULL && !call->class->amount(call, price, &amount)) ||
        amount == 0) {
        return LUCID_NOTE_ABSENT;
    }
    lucid_assert(amount <= GAS_AMOUNT_MAX);
    *ret_amount = amount;
    return LUCID_OK;
}

/* The price's own word, or the class's. */
struct lucid_span paid_words(const char *own, const char *fallback)
{
    return lucid_span_str(own[0] != '\0' ? own : fallback);
}

/* On Solana an offer names who completes the transaction, and nothing but a facilitator settles it.
 */
static bool solana_terms(const struct api_sales *sales, const struct gas_price *price,
                         const struct x402_payment *known, struct x402_offer *offer)
{
    struct x402_terms *terms = &offer->terms;
    if (!x402_base58_parse(lucid_span_str(price->pay_to), terms->pay_to_solana,
                           sizeof(terms->pay_to_solana))) {
        return false;
    }
    offer->authorizations =
        known != NULL ||
        x402_roster_settles(sales->facilitators, terms->network, terms->asset, false);
    if (known != NULL) {
        memcpy(terms->fee_payer, known->solana.fee_payer, sizeof(terms->fee_payer));
        return known->scheme == X402_SCHEME_SOLANA;
    }
    return offer->authorizations && sales->fee_payer != NULL &&
           sales->fee_payer(sales->context, terms->network, terms->asset, terms->fee_payer);
}

static bool evm_terms(const struct api_sales *sales, const struct gas_price *price,
                      struct x402_offer *offer)
{
    struct x402_terms *terms = &offer->terms;
    const struct x402_roster_file *who = sales->facilitators;
    offer->authorizations = x402_roster_settles(who, terms->network, terms->asset, false);
    offer->smart_wallets = x402_roster_settles(who, terms->network, terms->asset, true);
    return evm_address_parse(lucid_span_str(price->pay_to), &terms->pay_to);
}

bool paid_offer_settle(const struct api_sales *sales, const struct gas_price *price,
                       const struct x402_payment *known, struct x402_offer *offer)
{
    return offer->terms.network->solana ? solana_terms(sales, price, known, offer)
                                        : evm_terms(sales, price, offer);
}

enum lucid_error paid_offer_make(struct paid_call *call, struct ledger_view *view, uint64_t version)
{
    const struct api_sales *sales = call->api->options.sales;
    const struct gas_price *price = &call->price;
    const struct ledger_identity *identity;
    uint64_t amount;
    enum lucid_error error = price_read(call, view, version, &amount);
    if (error != LUCID_OK) {
        return error;
    }
    const struct x402_network *network =
        x402_network_find(sales->networks, lucid_span_str(price->network));
    if (network == NULL || !ledger_identity(call->api->options.ledger, &identity)) {
        return LUCID_NOTE_ABSENT;
    }
    struct x402_offer offer = {
        .terms =
            {
                .origin = lucid_span_str(identity->origin),
                .asset = lucid_span_str(price->asset),
                .network = network,
                .amount = amount,
                .price_version = price->version,
                .method = call->method,
                .resource = call->resource,
                .path = call->path,
            },
        .description = paid_words(price->description, call->class->description),
        .mime_type = paid_words(price->mime_type, call->class->mime_type),
        .timeout_seconds = sales->payment_seconds_max,
    };
    memcpy(offer.terms.body_sha256, call->body_sha256, sizeof(call->body_sha256));
    bool known = call->known && version != 0;
    if (!paid_offer_settle(sales, price, known ? &call->entry.job.payment : NULL, &offer)) {
        return LUCID_NOTE_ABSENT;
    }
    call->offer = offer;
    return LUCID_OK;
}

/* The offer in force, with a challenge of now. False: it has answered. */
static bool offer_now(struct paid_call *call)
{
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = paid_offer_make(call, view, 0);
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        paid_problem(call, 503, "PRICE_UNAVAILABLE", NULL,
                     "this is sold, but has no price just now that could be paid here");
        return false;
    }
    if (error != LUCID_OK) {
        paid_refuse(call, error, NULL);
        return false;
    }
    uint8_t random[X402_CHALLENGE_RANDOM_BYTES];
    lucid_random(random, sizeof(random));
    x402_challenge_make(call->api->options.sales->keys, &call->offer.terms,
                        lucid_wall_ms(&call->api->options.clock), call->offer.timeout_seconds,
                        random, &call->offer.challenge);
    return true;
}

void paid_demand(struct paid_call *call, const char *reason, const char *text)
{
    struct x402_document document = {.body = {0}};
    if (!offer_now(call) ||
        (call->class->refuse != NULL && call->class->refuse(call, 402, reason, text))) {
        return;
    }
    x402_document_write(&call->offer, reason, text, http_request_id(call->request), &document);
    lucid_buf_char(&document.header, '\0');
    if (lucid_buf_ok(&document.header) && document.header.len > 1) {
        http_add_header(call->request, "PAYMENT-REQUIRED", (const char *)document.header.data);
    }
    bool ok = lucid_buf_ok(&document.header);
    lucid_buf_fini(&document.header);
    if (!ok) {
        lucid_buf_fini(&document.body);
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    atomic_fetch_add_explicit(&call->api->metrics.payments_demanded, 1, memory_order_relaxed);
    http_add_header(call->request, "Cache-Control", "no-store");
    http_respond(call->request, 402, "application/problem+json", &document.body);
}
