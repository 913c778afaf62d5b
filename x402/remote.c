/* One facilitator's client: its questions with their tokens, and what it supports. */
#include "x402/remote.h"

#include "base/assert.h"
#include "base/log.h"

enum {
    REFRESH_MS = 600000, /* what it supports seldom changes */
    RETRY_MS_MIN = 1000, /* and is asked for sooner while it does not say */
    RETRY_MS_MAX = 60000,
};
/* As Coinbase's own packages tell who asks. */
#define CORRELATION                                                                                \
    "Correlation-Context: sdk_version=1,sdk_language=c,source=lucid,source_version=1"

void x402_remote_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- questions -------------------------------------------------------------------------------- */

static const char *route_path(enum x402_remote_route route)
{
    static const char *const paths[] = {[X402_REMOTE_SUPPORTED] = "/supported",
                                        [X402_REMOTE_VERIFY] = "/verify",
                                        [X402_REMOTE_SETTLE] = "/settle"};
    return paths[route];
}

static const char *route_method(enum x402_remote_route route)
{
    return route == X402_REMOTE_SUPPORTED ? "GET" : "POST";
}

static uint64_t now_seconds(const struct x402_remote *remote)
{
    return lucid_wall_ms(&remote->loop->clock) / 1000;
}

static void buf_wipe(struct lucid_buf *buf)
{
    if (buf->data != NULL) {
        lucid_wipe(buf->data, buf->cap);
    }
    lucid_buf_fini(buf);
}

/* The kept one, or a new one that is kept. */
static void payai_token_put(struct x402_remote *remote, struct lucid_buf *out)
{
    uint64_t now = now_seconds(remote);
    /* Also a clock that was set back makes a new one: its iat would lie ahead. */
    bool good = remote->token_until_s > now + X402_TOKEN_EARLY_SECONDS &&
                remote->token_until_s <= now + X402_TOKEN_SECONDS;
    if (!good) {
        uint8_t salt[X402_TOKEN_SALT_BYTES];
        lucid_random(salt, sizeof(salt));
        lucid_buf_clear(&remote->token);
        x402_token_payai(remote->member, now, salt, &remote->token);
        remote->token_until_s = lucid_buf_ok(&remote->token) ? now + X402_TOKEN_SECONDS : 0;
    }
    if (!lucid_buf_ok(&remote->token)) {
        out->failed = true;
        return;
    }
    lucid_buf_span_put(out, lucid_buf_span(&remote->token));
}

static void cdp_token_put(const struct x402_remote *remote, const struct x402_remote_call *call,
                          struct lucid_buf *out)
{
    uint8_t salt[X402_TOKEN_SALT_BYTES];
    const char *url = (const char *)call->url.data;
    const char *host = strstr(url, "://") + 3;
    const char *path = strchr(host, '/');
    lucid_assert(path != NULL);
    lucid_random(salt, sizeof(salt));
    x402_token_cdp(remote->member, route_method(call->route),
                   lucid_span(host, (size_t)(path - host)), lucid_span_str(path),
                   now_seconds(remote), salt, out);
}

/* The header with its NUL; empty where none is needed. */
static void authorization_put(struct x402_remote *remote, struct x402_remote_call *call)
{
    struct lucid_buf *out = &call->authorization;
    if (remote->member->auth == X402_AUTH_NONE) {
        return;
    }
    lucid_buf_str(out, "Authorization: Bearer ");
    if (remote->member->auth == X402_AUTH_CDP) {
        cdp_token_put(remote, call, out);
    } else {
        payai_token_put(remote, out);
    }
    lucid_buf_char(out, '\0');
}

static void call_fini(struct x402_remote_call *call)
{
    lucid_buf_fini(&call->outgoing.answer);
    lucid_buf_fini(&call->url);
    buf_wipe(&call->authorization);
    call->remote = NULL;
}

static void answered(struct lucid_outgoing_call *outgoing)
{
    struct x402_remote_call *call = outgoing->owner;
    struct x402_remote *remote = call->remote;
    call->error = outgoing->error;
    call->unsent = outgoing->error != LUCID_OK && outgoing->unsent;
    call->status = outgoing->status;
    call->retry_after_s = outgoing->retry_after_s;
    /* What stands between says 502 to 504; and 429 and 401 are no answers to the question. */
    bool reachable = call->error == LUCID_OK && call->status != 401 && call->status != 403 &&
                     (call->status < 502 || call->status > 504);
    atomic_store(&remote->seen.reachable, reachable);
    if (!reachable) {
        x402_remote_count(&remote->seen.failures);
    }
    /* done may ask again with the same call. */
    struct lucid_buf answer = outgoing->answer;
    outgoing->answer = (struct lucid_buf){0};
    call_fini(call);
    call->answer = lucid_buf_span(&answer);
    call->done(call);
    lucid_buf_fini(&answer);
}

void x402_remote_ask(struct x402_remote *remote, struct x402_remote_call *call)
{
    const struct x402_member *member = remote->member;
    bool settle = call->route == X402_REMOTE_SETTLE;
    lucid_assert(call->remote == NULL && call->done != NULL);
    call->remote = remote;
    call->answer = lucid_span(NULL, 0);
    x402_remote_count(&remote->seen.questions);
    lucid_buf_str(&call->url, member->url);
    lucid_buf_str(&call->url, route_path(call->route));
    lucid_buf_char(&call->url, '\0');
    lucid_assert(lucid_buf_ok(&call->url));
    authorization_put(remote, call);
    lucid_assert(lucid_buf_ok(&call->authorization));
    call->outgoing = (struct lucid_outgoing_call){
        .method = route_method(call->route),
        .url = (const char *)call->url.data,
        .once = settle,
        .total_ms_max = settle ? member->settle_timeout_ms : member->timeout_ms,
        .answer_bytes_max =
            call->route == X402_REMOTE_SUPPORTED ? X402_SUPPORTED_BYTES_MAX : X402_ANSWER_BYTES_MAX,
        .done = answered,
        .owner = call,
    };
    size_t headers = 0;
    if (call->route != X402_REMOTE_SUPPORTED) {
        call->outgoing.headers[headers++] = "Content-Type: application/json";
        call->outgoing.body = call->body;
    }
    if (call->authorization.len > 0) {
        call->outgoing.headers[headers++] = (const char *)call->authorization.data;
    }
    if (member->auth == X402_AUTH_CDP) {
        call->outgoing.headers[headers++] = CORRELATION;
    }
    lucid_outgoing_start(remote->outgoing, &call->outgoing);
}

void x402_remote_cancel(struct x402_remote_call *call)
{
    if (call->remote != NULL) {
        lucid_outgoing_cancel(call->remote->outgoing, &call->outgoing);
        call_fini(call);
    }
}

/* --- what it supports ------------------------------------------------------------------------- */

/* A reader that sees an odd version, or two, reads again. */
static void fee_payer_show(struct x402_remote *remote, size_t network)
{
    const struct x402_supported_network *supported = &remote->supported.networks[network];
    uint64_t words[X402_SOLANA_KEY_BYTES / 8];
    memcpy(words, supported->fee_payer, sizeof(words));
    atomic_fetch_add(&remote->seen.fee_payers[network].version, 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        atomic_store(&remote->seen.fee_payers[network].words[i], words[i]);
    }
    atomic_store(&remote->seen.fee_payers[network].has, supported->has_fee_payer);
    atomic_fetch_add(&remote->seen.fee_payers[network].version, 1);
}

bool x402_remote_fee_payer(const struct x402_remote *remote, size_t network,
                           uint8_t ret[X402_SOLANA_KEY_BYTES])
{
    uint64_t words[X402_SOLANA_KEY_BYTES / 8];
    for (;;) {
        uint32_t version = atomic_load(&remote->seen.fee_payers[network].version);
        bool has = atomic_load(&remote->seen.fee_payers[network].has);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            words[i] = atomic_load(&remote->seen.fee_payers[network].words[i]);
        }
        if (version % 2 == 0 && atomic_load(&remote->seen.fee_payers[network].version) == version) {
            if (has) {
                memcpy(ret, words, sizeof(words));
            }
            return has;
        }
    }
}

const struct x402_supported_network *x402_remote_said(const struct x402_remote *remote,
                                                      const struct x402_network *network)
{
    for (size_t i = 0; remote->known && i < remote->networks->count; i++) {
        if (strcmp(remote->networks->items[i].caip2, network->caip2) == 0) {
            return &remote->supported.networks[i];
        }
    }
    return NULL;
}

const struct x402_supported_network *x402_remote_supports(const struct x402_remote *remote,
                                                          const struct x402_network *network,
                                                          unsigned protocol_version)
{
    const struct x402_supported_network *said = x402_remote_said(remote, network);
    return said != NULL && (protocol_version == 1 ? said->v1 : said->v2) ? said : NULL;
}

static void refresh_later(struct x402_remote *remote, bool good)
{
    unsigned shift = remote->asked_in_vain < 6 ? remote->asked_in_vain : 6;
    uint64_t after_ms = (uint64_t)RETRY_MS_MIN << shift;
    after_ms = after_ms < RETRY_MS_MAX ? after_ms : RETRY_MS_MAX;
    remote->asked_in_vain = good ? 0 : remote->asked_in_vain + 1;
    if (lucid_timer_set(remote->loop, &remote->refresh, good ? REFRESH_MS : after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "x402.facilitator", "%s: no memory: it is not asked any more",
                  remote->member->name);
    }
}

static void supported_answered(struct x402_remote_call *call)
{
    struct x402_remote *remote = lucid_owner(call, struct x402_remote, supported_call);
    struct lucid_why why = {.code = NULL};
    bool answered_well = call->error == LUCID_OK && call->status == 200;
    bool good = answered_well && x402_supported_parse(call->answer, remote->networks,
                                                      &remote->supported, &why) == LUCID_OK;
    if (good && !remote->known) {
        lucid_log(LUCID_LOG_INFO, "x402.facilitator", "%s has said what it supports",
                  remote->member->name);
    } else if (!good && remote->asked_in_vain == 0) {
        lucid_log(LUCID_LOG_WARN, "x402.facilitator", "%s does not say what it supports: %s",
                  remote->member->name,
                  answered_well             ? why.text
                  : call->error != LUCID_OK ? lucid_error_name(call->error)
                  : call->status == 401     ? "it does not accept our key (401)"
                                            : "not with status 200");
    }
    if (good) {
        remote->known = true;
        atomic_store(&remote->seen.known, true);
        for (size_t i = 0; i < remote->networks->count; i++) {
            fee_payer_show(remote, i);
        }
    }
    refresh_later(remote, good);
}

static void refresh_fire(struct lucid_timer *timer)
{
    struct x402_remote *remote = lucid_owner(timer, struct x402_remote, refresh);
    remote->supported_call =
        (struct x402_remote_call){.route = X402_REMOTE_SUPPORTED, .done = supported_answered};
    x402_remote_ask(remote, &remote->supported_call);
}

/* --- life ------------------------------------------------------------------------------------- */

enum lucid_error x402_remote_open(struct x402_remote *remote, struct lucid_loop *loop,
                                  struct lucid_outgoing *outgoing,
                                  const struct x402_networks *networks,
                                  const struct x402_member *member)
{
    lucid_assert(member->auth == X402_AUTH_NONE || member->key != NULL);
    remote->loop = loop;
    remote->outgoing = outgoing;
    remote->networks = networks;
    remote->member = member;
    remote->refresh.fire = refresh_fire;
    return lucid_timer_set(loop, &remote->refresh, 0);
}

void x402_remote_close(struct x402_remote *remote)
{
    if (remote->loop != NULL) {
        lucid_timer_clear(remote->loop, &remote->refresh);
        x402_remote_cancel(&remote->supported_call);
        buf_wipe(&remote->token);
    }
}
