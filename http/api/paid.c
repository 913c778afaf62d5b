/* Requests that are sold: rehearse, ask for a payment or match the one shown, and hand it to the
 * gate (x402/gate.h), which lives on the cashier's thread. Order: what would refuse the request
 * anyway comes before any payment is asked for or looked at. */
#include <stdlib.h>

#include "base/assert.h"
#include "http/api/paid_internal.h"
#include "x402/recall.h"
#include "x402/roster.h"

static const enum x402_form forms[] = {X402_FORM_V1, X402_FORM_V2, X402_FORM_PROOF};
static const char *const form_names[] = {
    [X402_FORM_V1] = "x-payment",
    [X402_FORM_V2] = "payment-signature",
    [X402_FORM_PROOF] = "x-payment-proof",
};

/* --- life ------------------------------------------------------------------------------------- */

static void call_over(struct http_request *request, void *user)
{
    (void)request;
    ((struct paid_call *)user)->request = NULL;
}

static struct paid_call *call_open(struct http_request *request, const struct http_route *route,
                                   const struct paid_class *class)
{
    struct paid_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return NULL;
    }
    const struct api_route *about = route->context;
    lucid_arena_init(&call->arena, PAID_ARENA_BYTES_MAX);
    call->api = about->api;
    call->loop = http_loop_user(http_request_loop(request));
    call->route = route;
    call->class = class;
    call->request = request;
    return call;
}

static void call_close(struct paid_call *call)
{
    if (call->class->fini != NULL) {
        call->class->fini(call);
    }
    lucid_arena_fini(&call->arena);
    free(call);
}

static void call_list(struct paid_call *call)
{
    struct api_loop *loop = call->loop;
    call->next = loop->paid_calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    loop->paid_calls = call;
    loop->paid_count++;
}

static void call_unlist(struct paid_call *call)
{
    struct api_loop *loop = call->loop;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        loop->paid_calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    loop->paid_count--;
}

void api_paid_loop_close(struct api_loop *loop)
{
    while (loop->paid_calls != NULL) {
        struct paid_call *call = loop->paid_calls;
        loop->paid_calls = call->next;
        call_close(call);
    }
    loop->paid_count = 0;
}

/* --- the payment shown ------------------------------------------------------------------------ */

/* Which payment header there is. False: it has answered 400: a proxy may have merged two clients'
 * headers, and which one counts must not depend on who reads them. */
static bool header_find(struct paid_call *call)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t count = http_header_count(call->request, form_names[forms[i]]);
        if (count > 1 || (count == 1 && call->has_header)) {
            paid_problem(call, 400, "PAYMENT_MALFORMED", x402_form_header(forms[i]),
                         count > 1 ? "the payment header is repeated"
                                   : "there is more than one payment header");
            return false;
        }
        if (count == 1) {
            call->has_header = true;
            call->form = forms[i];
            call->header = http_header(call->request, form_names[forms[i]]);
        }
    }
    return true;
}

static bool header_parse(struct paid_call *call)
{
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_RETRY_MEMORY;
    call->header = lucid_arena_copy(&call->arena, call->header);
    if (call->header.data != NULL) {
        error =
            x402_proof_parse(call->form, call->header, &call->arena, &call->entry.job.proof, &why);
    }
    if (error != LUCID_OK) {
        paid_refuse(call, error, &why);
    }
    return error == LUCID_OK;
}

/* What the log knows already of the payment. LUCID_NOTE_ABSENT: nothing, or that it has failed. */
static enum lucid_error known_find(const struct paid_call *call, struct ledger_view *view,
                                   struct x402_payment *ret)
{
    const struct x402_proof *proof = &call->entry.job.proof;
    const struct x402_networks *networks = call->api->options.sales->networks;
    const struct x402_network *network = call->form == X402_FORM_V1
                                             ? x402_network_find_v1(networks, proof->network)
                                             : x402_network_find(networks, proof->network);
    struct x402_spent_key key;
    if (network == NULL || !x402_recall_key(network, proof, &key)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = x402_payment_find(view, lucid_span_str(key.text), ret);
    bool failed = error == LUCID_OK && (ret->sequence == 0 || ret->status == X402_FAILED);
    return failed ? LUCID_NOTE_ABSENT : error;
}

/* Whether a known payment is a smart wallet's with the same bytes as those shown: only what its
 * facilitator was sent has its signature. The offer is made. */
static bool is_forwarded(const struct paid_call *call, struct ledger_view *view)
{
    const struct x402_payment *payment = &call->entry.job.payment;
    const struct x402_proof *proof = &call->entry.job.proof;
    struct lucid_buf kept;
    struct lucid_buf shown;
    if (!proof->smart_wallet || !payment->has_forward ||
        strcmp(payment->network, call->offer.terms.network->caip2) != 0) {
        return false;
    }
    lucid_buf_init(&kept, X402_FORWARD_BYTES_MAX);
    lucid_buf_init(&shown, X402_FORWARD_BYTES_MAX);
    x402_forward_write(&call->offer, proof, &shown);
    bool same = x402_payment_forward(view, payment, &kept) == LUCID_OK && lucid_buf_ok(&kept) &&
                lucid_buf_ok(&shown) &&
                x402_recall_is_forwarded(lucid_buf_span(&kept), lucid_buf_span(&shown));
    lucid_buf_fini(&kept);
    lucid_buf_fini(&shown);
    return same;
}

/* The terms that the payment was made for: a quoted price holds although it has changed since, and
 * what was taken once is not judged by today's price or time again.
 * *ret_now_ms: what an authorization's times are held against. If the log knows the payment, it is
 * in the job's. False: it has answered. */
static bool quoted_terms(struct paid_call *call, uint64_t *ret_now_ms)
{
    struct x402_payment *known = &call->entry.job.payment;
    const struct x402_proof *proof = &call->entry.job.proof;
    uint64_t before_s;
    uint64_t version = 0;
    *ret_now_ms = lucid_wall_ms(&call->api->options.clock);
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = known_find(call, view, known);
    call->known = error == LUCID_OK;
    if (call->form == X402_FORM_PROOF) {
        version = proof->challenge.price_version;
    } else if (call->known) {
        version = known->version;
        if (evm_u256_u64(&proof->authorization.valid_before, &before_s) && before_s > 6 &&
            before_s < UINT64_MAX / 1000 && *ret_now_ms > (before_s - 6) * 1000) {
            *ret_now_ms = (before_s - 6) * 1000;
        }
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = paid_offer_make(call, view, version);
    }
    if (error == LUCID_OK && call->known) {
        call->forwarded = is_forwarded(call, view);
    }
    if (error == LUCID_OK && call->known && call->class->recognize != NULL) {
        call->class->recognize(call, view);
    }
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) { /* says 503 itself where nothing is in force */
        paid_demand(call, "invalid_payment_requirements", "that price was never asked for here");
    } else if (error != LUCID_OK) {
        paid_refuse(call, error, NULL);
    }
    return error == LUCID_OK;
}

static bool foreseen(struct paid_call *call)
{
    return call->class->foresee == NULL || call->class->foresee(call);
}

/* False: it has answered. */
static bool payment_fits(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    uint64_t now_ms;
    if (!header_parse(call) || !quoted_terms(call, &now_ms)) {
        return false;
    }
    if (call->form == X402_FORM_PROOF) {
        x402_proof_match(call->api->options.sales->keys, &call->offer, &job->proof, &job->match);
    } else if (call->forwarded ||
               (call->known &&
                x402_recall_is_signed(&job->payment, call->offer.terms.network, &job->proof))) {
        x402_authorization_match_signed(&call->offer, &job->proof, now_ms, &job->match);
    } else {
        x402_authorization_match(&call->offer, &job->proof, now_ms, &job->match);
    }
    bool paid = job->match.verdict == X402_FITS && (call->form == X402_FORM_PROOF || call->known);
    if (!paid && !foreseen(call)) {
        return false;
    }
    switch (job->match.verdict) {
    case X402_FITS:
        return true;
    case X402_MISFIT:
        paid_demand(call, job->match.reason, job->match.text);
        return false;
    case X402_MALFORMED:
        paid_problem(call, 400, "PAYMENT_MALFORMED", x402_form_header(call->form), job->match.text);
        return false;
    }
    lucid_assert(false);
}

/* --- to the gate and back --------------------------------------------------------------------- */

/* On the request's loop. */
static void call_back(struct http_post *post)
{
    struct paid_call *call = (struct paid_call *)post; /* post is the first member */
    call_unlist(call);
    if (call->request != NULL) {
        http_set_user(call->request, NULL, NULL);
        paid_answer(call);
    }
    call_close(call);
}

/* On the cashier's thread. */
static void gate_done(struct x402_gate_job *job)
{
    struct paid_call *call = lucid_owner(job, struct paid_call, entry.job);
    call->post = (struct http_post){.run = call_back};
    http_loop_post(call->loop->http, &call->post);
}

static void request_keep(const struct paid_call *call, struct x402_request_kept *ret)
{
    struct x402_terms terms = call->offer.terms;
    terms.method = call->method; /* also where `recognize` has put others in */
    terms.resource = call->resource;
    memcpy(terms.body_sha256, call->request_sha256, sizeof(terms.body_sha256));
    x402_request_digest(&terms, ret->digest);
    x402_place_digest(&terms, ret->place);
    lucid_assert(terms.method.len < sizeof(ret->method));
    lucid_assert(terms.resource.len < sizeof(ret->resource));
    memcpy(ret->method, terms.method.data, terms.method.len);
    memcpy(ret->resource, terms.resource.data, terms.resource.len);
}

/* All of a turn go over together: one wake-up of the cashier instead of one each, which costs as
 * much as the rest of a small request. */
static void entries_hand(struct http_post *post)
{
    struct api_loop *loop = lucid_owner(post, struct api_loop, entering);
    const struct api_sales *sales = loop->api->options.sales;
    struct http_post *chain = NULL;
    while (loop->entries != NULL) {
        struct http_post *entry = loop->entries;
        loop->entries = entry->next;
        entry->next = chain;
        chain = entry;
    }
    sales->enter(sales->context, lucid_owner(chain, struct api_gate_entry, post));
}

static void entry_add(struct api_loop *loop, struct api_gate_entry *entry)
{
    bool first = loop->entries == NULL;
    entry->post.next = loop->entries;
    loop->entries = &entry->post;
    if (first) {
        loop->entering = (struct http_post){.run = entries_hand};
        http_loop_defer(loop->http, &loop->entering);
    }
}

/* What facilitators other than ourselves would be sent, if there are any. False: it has answered.
 */
static bool forward_make(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    const struct x402_roster_file *others = call->api->options.sales->facilitators;
    struct lucid_buf out = {.bytes_max = 0};
    if (call->form == X402_FORM_PROOF || others->member_count < 2) {
        return true;
    }
    x402_forward_write(&call->offer, &job->proof, &out);
    if (lucid_buf_ok(&out)) {
        job->forward = lucid_arena_copy(&call->arena, lucid_buf_span(&out));
    }
    lucid_buf_fini(&out);
    if (job->forward.data == NULL) {
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
    }
    return job->forward.data != NULL;
}

/* False: it has answered. */
static bool job_fill(struct paid_call *call)
{
    const struct x402_terms *terms = &call->offer.terms;
    struct x402_gate_job *job = &call->entry.job;
    job->network = terms->network;
    request_keep(call, &job->request);
    lucid_assert(terms->asset.len < sizeof(job->asset));
    memcpy(job->asset, terms->asset.data, terms->asset.len);
    job->pay_to = terms->pay_to;
    memcpy(job->proof.solana.pay_to, terms->pay_to_solana, sizeof(terms->pay_to_solana));
    job->smart_wallet_ok = call->offer.smart_wallets;
    job->price = terms->amount;
    job->price_version = terms->price_version;
    job->done = gate_done;
    return forward_make(call);
}

/* Whether the log has it that this very request is paid for. A read is then answered afresh here;
 * all else is the gate's, which lives on another thread. */
static bool is_served(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    if (!call->known || job->paid != NULL ||
        x402_recall_judge(&job->payment, &job->proof, &job->match, &job->request,
                          call->forwarded) != X402_RECALL_SERVED) {
        return false;
    }
    job->outcome = X402_ADMITTED;
    job->reason = "paid";
    job->has_payment = true;
    job->replayed = true;
    return true;
}

/* Whether it is answered without the gate. */
static bool is_judged(struct paid_call *call)
{
    if (call->class->consider != NULL) { /* what it pays for is not known yet */
        return false;
    }
    if (call->class->judge != NULL && call->class->judge(call)) {
        return true;
    }
    bool served = is_served(call);
    if (served) {
        paid_answer(call);
    }
    return served;
}

void paid_enter(struct paid_call *call)
{
    memset(&call->entry.job.payment, 0, sizeof(call->entry.job.payment));
    entry_add(call->loop, &call->entry);
}

struct http_request *paid_leave(struct paid_call *call)
{
    call_unlist(call);
    if (call->request != NULL) {
        http_set_user(call->request, NULL, NULL);
    }
    return call->request;
}

void paid_end(struct paid_call *call)
{
    call_close(call);
}

/* The request waits without being held: the client may go away, what it pays for goes on. False: it
 * has answered. */
static bool call_await(struct paid_call *call)
{
    if (call->loop->paid_count >= PAID_CALLS_MAX) {
        paid_problem(call, 503, "PAYMENT_UNAVAILABLE", NULL,
                     "too many payments are under way; nothing was taken, send it again");
        return false;
    }
    http_set_user(call->request, call, call_over);
    call_list(call);
    if (call->class->consider == NULL) {
        paid_enter(call);
        return true;
    }
    bool considered = call->class->consider(call);
    if (!considered) {
        (void)paid_leave(call);
    }
    return considered;
}

static bool place_read(struct paid_call *call)
{
    return call->class->place != NULL ? call->class->place(call) : paid_place_read(call);
}

/* Nothing was shown that pays; an access grant that does not admit is told why. */
static void first_demand(struct paid_call *call)
{
    struct x402_grant grant;
    struct lucid_why why = {0};
    enum api_grant_found found;
    if (api_grant_find(call->request, paid_asset(call), &found, &grant, &why)) {
        paid_demand(call, "payment_required",
                    found == API_GRANT_BAD ? why.text
                                           : "this is sold: pay as `accepts` or `x402` says");
    }
}

void paid_begin(struct http_request *request, const struct http_route *route,
                const struct paid_class *class)
{
    struct paid_call *call = call_open(request, route, class);
    if (call == NULL) {
        return;
    }
    bool entered = false;
    if (header_find(call) && place_read(call) && call->class->rehearse(call)) {
        if (!call->has_header) {
            if (foreseen(call)) {
                first_demand(call);
            }
        } else if (payment_fits(call) && job_fill(call)) {
            entered = !is_judged(call) && call_await(call);
        }
    }
    if (!entered) {
        call_close(call);
    }
}

void api_paid(struct http_request *request, const struct http_route *route)
{
    const struct api_route *about = route->context;
    struct ledger_token token;
    if (!api_token_find(request, about->api, &token)) {
        return;
    }
    if ((token.scopes & about->scopes) != 0) {
        http_keep_private(request); /* a cache would give it to others for nothing */
        about->free_handle(request, route);
        return;
    }
    struct x402_grant grant;
    struct lucid_why why = {0};
    enum api_grant_found found;
    struct lucid_span asset = lucid_span_str(about->api->options.sales->assets[about->price_class]);
    if (!api_grant_find(request, asset, &found, &grant, &why)) {
        return;
    }
    if (found == API_GRANT_GOOD) {
        api_grant_admit(request, &grant);
        about->free_handle(request, route);
        return;
    }
    paid_begin(request, route, paid_class_of(about->price_class));
}
