#include "x402/evm/rpc.h"

#include <stdlib.h>

#include "base/assert.h"
#include "x402/evm/rpc_internal.h"

enum {
    REST_MS_MIN = 500, /* after a failure; doubled by each further one */
    REST_MS_MAX = 30000,
};

struct endpoint {
    char *url;
    bool on_chain;     /* its chain id was ours when last asked, and it has not failed since */
    unsigned failures; /* one after the other, those of one rest as one */
    uint64_t rest_until_ms;
};

struct evm_rpc {
    struct evm_rpc_options options;
    struct endpoint endpoints[EVM_RPC_ENDPOINTS_MAX];
    uint64_t last_id;
    struct asking *askings; /* under way */
    /* Calls that end without a question; their dones come from the timer. */
    struct evm_rpc_call *starved;
    struct lucid_timer soon;
    struct evm_rpc_counters counters;
};

enum attempt_state {
    ATTEMPT_NONE,
    ATTEMPT_CHAIN,    /* eth_chainId is under way */
    ATTEMPT_QUESTION, /* the question is */
    ATTEMPT_ANSWERED,
    ATTEMPT_FAILED,
};

struct attempt {
    struct lucid_outgoing_call outgoing; /* first */
    struct asking *asking;
    struct endpoint *endpoint;
    enum attempt_state state;
    uint64_t id;
    struct lucid_buf body;
    struct evm_rpc_answer answer;
};

/* What impl of a call points to, from ask until fini. */
struct asking {
    struct evm_rpc *rpc;       /* NULL: it is over, only the answer is kept */
    struct evm_rpc_call *call; /* NULL: it is over, and the rest only goes on being sent */
    struct asking *next;
    struct asking *previous;
    struct attempt attempts[EVM_RPC_ENDPOINTS_MAX]; /* by endpoint */
    struct lucid_arena arena;
};

/* --- life of an asking ------------------------------------------------------------------------ */

static struct asking *asking_new(struct evm_rpc *rpc, struct evm_rpc_call *call)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL) {
        return NULL;
    }
    asking->rpc = rpc;
    asking->call = call;
    asking->next = rpc->askings;
    if (rpc->askings != NULL) {
        rpc->askings->previous = asking;
    }
    rpc->askings = asking;
    lucid_arena_init(&asking->arena, EVM_RPC_ARENA_BYTES_MAX);
    return asking;
}

static void attempt_end(struct attempt *attempt, enum attempt_state state)
{
    lucid_outgoing_cancel(attempt->asking->rpc->options.outgoing, &attempt->outgoing);
    lucid_buf_fini(&attempt->outgoing.answer);
    lucid_buf_fini(&attempt->body);
    attempt->state = state;
}

static bool is_under_way(const struct attempt *attempt)
{
    return attempt->state == ATTEMPT_CHAIN || attempt->state == ATTEMPT_QUESTION;
}

/* Ends what is under way and leaves the client; the answer stays. */
static void asking_leave(struct asking *asking)
{
    if (asking->previous == NULL) {
        asking->rpc->askings = asking->next;
    } else {
        asking->previous->next = asking->next;
    }
    if (asking->next != NULL) {
        asking->next->previous = asking->previous;
    }
    for (size_t i = 0; i < EVM_RPC_ENDPOINTS_MAX; i++) {
        if (is_under_way(&asking->attempts[i])) {
            attempt_end(&asking->attempts[i], ATTEMPT_FAILED);
        }
    }
    asking->rpc = NULL;
}

static void asking_free(struct asking *asking)
{
    if (asking->rpc != NULL) {
        asking_leave(asking);
    }
    if (asking->call != NULL) {
        asking->call->impl = NULL;
    }
    lucid_arena_fini(&asking->arena);
    free(asking);
}

static void outputs_take(struct evm_rpc_call *call, const struct evm_rpc_answer *answer)
{
    call->error = answer->error;
    call->why = answer->why;
    call->receipt = answer->receipt;
    call->block = answer->block;
    call->result = answer->result;
    call->has_code = answer->has_code;
    call->count = answer->count;
    call->sender = answer->sender;
    call->nonce = answer->nonce;
    call->tip = answer->tip;
    call->balance = answer->balance;
    call->send = answer->send;
    call->logs = answer->logs;
    call->log_count = answer->log_count;
}

static void asking_finish(struct asking *asking, const struct evm_rpc_answer *answer)
{
    struct evm_rpc_call *call = asking->call;
    outputs_take(call, answer);
    asking_leave(asking);
    call->done(call);
}

/* A transaction that one endpoint took is on its way to the others yet: nobody waits for them. */
static void asking_detach(struct asking *asking, const struct evm_rpc_answer *answer)
{
    struct evm_rpc_call *call = asking->call;
    outputs_take(call, answer);
    asking->call = NULL;
    call->impl = NULL;
    call->done(call);
}

/* --- endpoints -------------------------------------------------------------------------------- */

static bool is_resting(const struct evm_rpc *rpc, const struct endpoint *endpoint)
{
    return endpoint->rest_until_ms > lucid_boot_ms(&rpc->options.loop->clock);
}

/* It is asked only where nobody else is left, for a while that doubles; and which chain it is on
 * before anything else. What fails while it rests was mostly asked before. */
static void endpoint_failed(struct evm_rpc *rpc, struct endpoint *endpoint, uint32_t asked_s)
{
    uint64_t rest_ms = (uint64_t)asked_s * 1000;
    endpoint->on_chain = false;
    if (!is_resting(rpc, endpoint)) {
        uint64_t own_ms = (uint64_t)REST_MS_MIN
                          << (endpoint->failures < 6 ? endpoint->failures : 6);
        rest_ms = rest_ms < own_ms ? own_ms : rest_ms;
        endpoint->failures++;
    }
    uint64_t until_ms =
        lucid_boot_ms(&rpc->options.loop->clock) + (rest_ms < REST_MS_MAX ? rest_ms : REST_MS_MAX);
    endpoint->rest_until_ms =
        endpoint->rest_until_ms < until_ms ? until_ms : endpoint->rest_until_ms;
}

static void endpoint_worked(struct endpoint *endpoint)
{
    endpoint->failures = 0;
    endpoint->rest_until_ms = 0;
}

/* --- attempts --------------------------------------------------------------------------------- */

static void attempt_done(struct lucid_outgoing_call *outgoing);

/* Asks the endpoint: which chain it is on, if that is not known, else the question. */
static void attempt_ask(struct attempt *attempt, enum attempt_state state)
{
    struct evm_rpc *rpc = attempt->asking->rpc;
    const struct evm_rpc_call *call = attempt->asking->call;
    attempt->id = ++rpc->last_id;
    attempt->state = state;
    lucid_buf_clear(&attempt->body);
    if (state == ATTEMPT_CHAIN) {
        evm_rpc_chain_write(attempt->id, &attempt->body);
    } else {
        evm_rpc_question_write(call, attempt->id, &attempt->body);
    }
    lucid_buf_fini(&attempt->outgoing.answer);
    attempt->outgoing.method = "POST";
    attempt->outgoing.url = attempt->endpoint->url;
    attempt->outgoing.headers[0] = "Content-Type: application/json";
    attempt->outgoing.body = lucid_buf_span(&attempt->body);
    attempt->outgoing.total_ms_max = rpc->options.timeout_ms;
    attempt->outgoing.answer_bytes_max =
        state == ATTEMPT_CHAIN ? EVM_RPC_CHAIN_BYTES_MAX : evm_rpc_answer_bytes_max(call->kind);
    attempt->outgoing.done = attempt_done;
    lucid_outgoing_start(rpc->options.outgoing, &attempt->outgoing);
}

static void attempt_start(struct asking *asking, size_t index)
{
    struct attempt *attempt = &asking->attempts[index];
    attempt->asking = asking;
    attempt->endpoint = &asking->rpc->endpoints[index];
    attempt_ask(attempt, attempt->endpoint->on_chain ? ATTEMPT_QUESTION : ATTEMPT_CHAIN);
}

/* What came over HTTP, as an answer with its error; LUCID_OK: there are bytes to read. */
static enum lucid_error transport_read(const struct attempt *attempt, struct evm_rpc_answer *ret)
{
    const struct lucid_outgoing_call *outgoing = &attempt->outgoing;
    bool is_logs = attempt->state == ATTEMPT_QUESTION && attempt->asking->call != NULL &&
                   attempt->asking->call->kind == EVM_RPC_LOGS;
    *ret = (struct evm_rpc_answer){.error = outgoing->error};
    if (!lucid_buf_ok(&attempt->body) || outgoing->error == LUCID_RETRY_MEMORY) {
        ret->error = LUCID_RETRY_MEMORY;
    } else if (outgoing->error == LUCID_REFUSE_TOO_LARGE && is_logs) {
        ret->error = lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_ERROR", NULL,
                                  "the node has more logs than may be");
    } else if (outgoing->error == LUCID_REFUSE_TOO_LARGE) {
        ret->error = lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_MALFORMED", NULL,
                                  "the node's answer is larger than it may be");
    } else if (outgoing->error != LUCID_OK) {
        ret->is_worn = true;
        ret->error =
            lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_UNREACHABLE", NULL,
                         "the node does not answer: %s", lucid_error_name(outgoing->error));
    } else if (outgoing->status != 200 && outgoing->status != 400) { /* 400: with an error in it */
        ret->is_worn = true;
        ret->error = lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_ERROR", NULL,
                                  "the node answers with status %d", outgoing->status);
    }
    return ret->error;
}

static void chain_look(struct attempt *attempt, struct evm_rpc_answer *ret)
{
    struct evm_rpc *rpc = attempt->asking->rpc;
    uint64_t chain = 0;
    ret->error = evm_rpc_chain_read(attempt->id, lucid_buf_span(&attempt->outgoing.answer), &chain,
                                    &ret->why);
    if (ret->error == LUCID_OK && chain != rpc->options.chain_id) {
        ret->error =
            lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_WRONG_CHAIN", NULL,
                         "the node is on chain %llu, not on %llu", (unsigned long long)chain,
                         (unsigned long long)rpc->options.chain_id);
    }
}

static void asking_look(struct asking *asking);

/* An endpoint that says something unwelcome works; one that is away, says what cannot be, or is on
 * another chain rests. */
static void attempt_judge(struct attempt *attempt, const struct evm_rpc_answer *answer)
{
    struct evm_rpc *rpc = attempt->asking->rpc;
    struct endpoint *endpoint = attempt->endpoint;
    bool error = answer->why.code != NULL && strcmp(answer->why.code, "RPC_ERROR") == 0;
    if (evm_rpc_answer_counts(answer)) {
        endpoint_worked(endpoint);
        return;
    }
    rpc->counters.failures[endpoint - rpc->endpoints]++;
    if (answer->error == LUCID_RETRY_IO && (!error || answer->is_worn)) {
        endpoint_failed(rpc, endpoint, attempt->outgoing.retry_after_s);
    }
}

static void attempt_done(struct lucid_outgoing_call *outgoing)
{
    struct attempt *attempt = (struct attempt *)outgoing;
    struct asking *asking = attempt->asking;
    struct evm_rpc_answer *answer = &attempt->answer;
    if (transport_read(attempt, answer) == LUCID_OK) {
        if (attempt->state == ATTEMPT_CHAIN) {
            chain_look(attempt, answer);
        } else if (asking->call != NULL) {
            evm_rpc_answer_read(asking->call, attempt->id, lucid_buf_span(&outgoing->answer),
                                &asking->arena, answer);
        }
    }
    if (attempt->state == ATTEMPT_CHAIN && answer->error == LUCID_OK) {
        attempt->endpoint->on_chain = true;
        if (asking->call != NULL) {
            attempt_ask(attempt, ATTEMPT_QUESTION);
            return;
        }
    }
    attempt_judge(attempt, answer);
    attempt_end(attempt, evm_rpc_answer_counts(answer) ? ATTEMPT_ANSWERED : ATTEMPT_FAILED);
    asking_look(asking);
}

/* --- which endpoints are asked ---------------------------------------------------------------- */

static size_t attempts_count(const struct asking *asking, enum attempt_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < asking->rpc->options.url_count; i++) {
        count += asking->attempts[i].state == state;
    }
    return count;
}

static size_t attempts_under_way(const struct asking *asking)
{
    return attempts_count(asking, ATTEMPT_CHAIN) + attempts_count(asking, ATTEMPT_QUESTION);
}

/* Starts up to max of those that were not asked yet; returns how many. */
static size_t attempts_start(struct asking *asking, bool resting, size_t max)
{
    struct evm_rpc *rpc = asking->rpc;
    size_t count = 0;
    for (size_t i = 0; i < rpc->options.url_count && count < max; i++) {
        if (asking->attempts[i].state == ATTEMPT_NONE &&
            is_resting(rpc, &rpc->endpoints[i]) == resting) {
            attempt_start(asking, i);
            count++;
        }
    }
    return count;
}

static bool asks_all(const struct asking *asking)
{
    return asking->call->kind == EVM_RPC_SEND || asking->rpc->options.quorum > 1;
}

/* Asks the next endpoints; false when all were asked. Those that rest come last: where
 * too few are left, or (again) where those do not agree. */
static bool asking_advance(struct asking *asking, bool again)
{
    size_t max = asks_all(asking) ? SIZE_MAX : 1;
    size_t wanted = asking->call->kind == EVM_RPC_SEND ? 1 : asking->rpc->options.quorum;
    (void)attempts_start(asking, false, max);
    size_t count = attempts_under_way(asking) + attempts_count(asking, ATTEMPT_ANSWERED);
    if (count < wanted || (again && count > 0 && attempts_under_way(asking) == 0)) {
        (void)attempts_start(asking, true, max);
    }
    return attempts_under_way(asking) > 0;
}

/* --- what their answers come to --------------------------------------------------------------- */

static void fail(struct asking *asking)
{
    /* The last in order says it; that memory is short goes before. */
    const struct evm_rpc_answer *answer = NULL;
    for (size_t i = 0; i < asking->rpc->options.url_count; i++) {
        const struct attempt *attempt = &asking->attempts[i];
        if (attempt->state == ATTEMPT_FAILED &&
            (answer == NULL || answer->error != LUCID_RETRY_MEMORY)) {
            answer = &attempt->answer;
        }
    }
    lucid_assert(answer != NULL);
    asking_finish(asking, answer);
}

static void contradict(struct asking *asking)
{
    struct evm_rpc_answer answer = {.error = LUCID_OK};
    asking->rpc->counters.contradictions++;
    answer.error = lucid_refuse(&answer.why, LUCID_RETRY_IO, "RPC_CONTRADICTORY", NULL,
                                "fewer than %u nodes say the same", asking->rpc->options.quorum);
    asking_finish(asking, &answer);
}

/* One that takes it is enough; that none does counts only when all have said so, but for a nonce
 * that is mined. */
static void send_look(struct asking *asking)
{
    const struct evm_rpc_answer *refusal = NULL;
    bool all = attempts_under_way(asking) == 0;
    for (size_t i = 0; i < asking->rpc->options.url_count; i++) {
        const struct attempt *attempt = &asking->attempts[i];
        if (attempt->state == ATTEMPT_ANSWERED) {
            const struct evm_rpc_answer *answer = &attempt->answer;
            if (answer->send == EVM_SEND_TAKEN && !all) {
                asking_detach(asking, answer);
                return;
            }
            refusal = refusal == NULL || answer->send < refusal->send ? answer : refusal;
        }
    }
    bool certain = attempts_count(asking, ATTEMPT_FAILED) == 0;
    if (!all) {
        return;
    }
    if (refusal != NULL &&
        (certain || refusal->send == EVM_SEND_NONCE_LOW || refusal->send == EVM_SEND_TAKEN)) {
        asking_finish(asking, refusal);
    } else if (refusal != NULL || !asking_advance(asking, true)) {
        fail(asking);
    }
}

/* The n-th best of those that have answered; NULL: there are fewer. */
static const struct evm_rpc_answer *ordered_pick(const struct asking *asking)
{
    const struct evm_rpc_answer *sorted[EVM_RPC_ENDPOINTS_MAX] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < asking->rpc->options.url_count; i++) {
        if (asking->attempts[i].state != ATTEMPT_ANSWERED) {
            continue;
        }
        const struct evm_rpc_answer *answer = &asking->attempts[i].answer;
        size_t at = count++;
        while (at > 0 && evm_rpc_answer_order(asking->call->kind, answer, sorted[at - 1]) < 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = answer;
    }
    return count >= asking->rpc->options.quorum ? sorted[asking->rpc->options.quorum - 1] : NULL;
}

/* The answer that enough of them gave; NULL: there is none. *ret_most is how many gave the one that
 * most gave, *ret_differ whether there are two. */
static const struct evm_rpc_answer *equal_pick(const struct asking *asking, size_t *ret_most,
                                               bool *ret_differ)
{
    const struct evm_rpc_answer *picked = NULL;
    const struct evm_rpc_answer *first = NULL;
    *ret_most = 0;
    *ret_differ = false;
    for (size_t i = 0; i < asking->rpc->options.url_count; i++) {
        const struct evm_rpc_answer *answer = &asking->attempts[i].answer;
        size_t same = 0;
        if (asking->attempts[i].state != ATTEMPT_ANSWERED) {
            continue;
        }
        for (size_t j = 0; j < asking->rpc->options.url_count; j++) {
            same += asking->attempts[j].state == ATTEMPT_ANSWERED &&
                    evm_rpc_answer_equal(asking->call->kind, answer, &asking->attempts[j].answer);
        }
        *ret_most = same > *ret_most ? same : *ret_most;
        first = first == NULL ? answer : first;
        *ret_differ = *ret_differ || !evm_rpc_answer_equal(asking->call->kind, first, answer);
        picked = same >= asking->rpc->options.quorum && picked == NULL ? answer : picked;
    }
    return picked;
}

/* Decides, waits or asks on. Whatever is served has a quorum behind it: an absence counts as any
 * other answer, since money is taken back because of it. */
static void asking_look(struct asking *asking)
{
    if (asking->call == NULL) {
        if (attempts_under_way(asking) == 0) {
            asking_free(asking);
        }
        return;
    }
    if (asking->call->kind == EVM_RPC_SEND) {
        send_look(asking);
        return;
    }
    bool ordered = evm_rpc_is_ordered(asking->call);
    size_t most = 0;
    bool differ = false;
    const struct evm_rpc_answer *picked =
        ordered ? ordered_pick(asking) : equal_pick(asking, &most, &differ);
    /* Where answers are ordered, more of them make a better one. */
    if (picked != NULL && (!ordered || attempts_under_way(asking) == 0)) {
        asking_finish(asking, picked);
        return;
    }
    if (picked == NULL && attempts_under_way(asking) == 0 && !asking_advance(asking, true)) {
        if (differ) {
            contradict(asking);
        } else {
            fail(asking);
        }
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static void on_soon(struct lucid_timer *timer)
{
    struct evm_rpc *rpc = lucid_owner(timer, struct evm_rpc, soon);
    struct evm_rpc_call *call = rpc->starved;
    if (call == NULL) {
        return;
    }
    rpc->starved = call->next_starved;
    if (rpc->starved != NULL) {
        (void)lucid_timer_set(rpc->options.loop, &rpc->soon, 0);
    }
    call->done(call);
}

void evm_rpc_ask(struct evm_rpc *rpc, struct evm_rpc_call *call)
{
    lucid_assert(call->done != NULL && call->topic_count <= EVM_RPC_TOPICS_MAX);
    evm_rpc_call_fini(call);
    rpc->counters.questions++;
    struct asking *asking = asking_new(rpc, call);
    if (asking == NULL) {
        outputs_take(call, &(struct evm_rpc_answer){.error = LUCID_RETRY_MEMORY});
        call->next_starved = rpc->starved;
        rpc->starved = call;
        (void)lucid_timer_set(rpc->options.loop, &rpc->soon, 0);
        return;
    }
    call->impl = asking;
    (void)asking_advance(asking, false);
}

void evm_rpc_cancel(struct evm_rpc *rpc, struct evm_rpc_call *call)
{
    struct asking *asking = call->impl;
    struct evm_rpc_call **at = &rpc->starved;
    while (*at != NULL && *at != call) {
        at = &(*at)->next_starved;
    }
    if (*at == call) {
        *at = call->next_starved;
    }
    if (asking != NULL && asking->rpc != NULL) {
        asking_free(asking);
    }
}

void evm_rpc_call_fini(struct evm_rpc_call *call)
{
    struct asking *asking = call->impl;
    if (asking != NULL) {
        lucid_assert(asking->rpc == NULL); /* not while it is under way */
        asking_free(asking);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

enum lucid_error evm_rpc_open(const struct evm_rpc_options *options, struct evm_rpc **ret)
{
    lucid_assert(options->url_count >= 1 && options->url_count <= EVM_RPC_ENDPOINTS_MAX);
    lucid_assert(options->quorum >= 1 && options->quorum <= options->url_count);
    lucid_assert(options->loop != NULL && options->outgoing != NULL && options->timeout_ms > 0);
    struct evm_rpc *rpc = calloc(1, sizeof(*rpc));
    if (rpc == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    rpc->options = *options;
    rpc->options.urls = NULL;
    rpc->soon.fire = on_soon;
    for (size_t i = 0; i < options->url_count; i++) {
        rpc->endpoints[i].url = strdup(options->urls[i]);
        if (rpc->endpoints[i].url == NULL) {
            evm_rpc_close(rpc);
            return LUCID_RETRY_MEMORY;
        }
    }
    *ret = rpc;
    return LUCID_OK;
}

void evm_rpc_close(struct evm_rpc *rpc)
{
    if (rpc == NULL) {
        return;
    }
    while (rpc->askings != NULL) {
        lucid_assert(rpc->askings->previous == NULL && rpc->askings->rpc == rpc);
        asking_free(rpc->askings);
    }
    lucid_timer_clear(rpc->options.loop, &rpc->soon);
    for (size_t i = 0; i < rpc->options.url_count; i++) {
        free(rpc->endpoints[i].url);
    }
    free(rpc);
}

void evm_rpc_counters_read(const struct evm_rpc *rpc, struct evm_rpc_counters *ret)
{
    *ret = rpc->counters;
}
