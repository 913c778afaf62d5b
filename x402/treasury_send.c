/* Orders whose nonce is not mined: their transactions, given to nodes, and again for more when they
 * hang. All versions of an order have its nonce: at most one of them can ever be mined. */
#include <inttypes.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/treasury_internal.h"

enum {
    FEES_MS = 2000, /* how long an answer about fees is good for sending */
    RESEND_MS = 1000,
    LOW_NONCE_MS = 300,
    FUNDS_MS = 5000,
};

static struct treasury_order *at_order(struct treasury_net *net)
{
    return &net->orders[net->at];
}

static uint64_t stuck_ms(const struct treasury_net *net)
{
    return (uint64_t)net->network->stuck_seconds * 1000;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void now_out(struct treasury_net *net, struct treasury_order *order,
                    struct treasury_version *version)
{
    if (!version->out) {
        version->out = true;
        net->sent += order->version_count == 1;
        net->replaced += order->version_count > 1;
    }
    order->sent_ms = treasury_now(net);
}

static void answer_take(struct treasury_net *net, const struct evm_rpc_call *call)
{
    struct treasury_order *order = at_order(net);
    struct treasury_version *version = &order->versions[order->version_count - 1];
    uint64_t now = treasury_now(net);
    switch (call->send) {
    case EVM_SEND_TAKEN:
        now_out(net, order, version);
        order->taken = true;
        treasury_at(net, "treasury_sent");
        break;
    case EVM_SEND_NONCE_LOW: /* mined, perhaps a version of an earlier run: looked for by count */
        order->wait_ms = now + LOW_NONCE_MS;
        net->hurry = true;
        break;
    case EVM_SEND_UNDERPRICED: /* or a version of an earlier run is in the pool */
        order->bump = true;
        order->wait_ms = now;
        net->hurry = true;
        break;
    case EVM_SEND_NO_FUNDS:
        lucid_log(LUCID_LOG_ERROR, "treasury.funds",
                  "%s: the treasury cannot pay the gas of a transaction", net->network->caip2);
        order->wait_ms = now + FUNDS_MS;
        net->balance_ms = 0;
        break;
    case EVM_SEND_REFUSED:
        lucid_log(LUCID_LOG_WARN, "treasury.refused", "%s: nonce %" PRIu64 " is not taken: %s",
                  net->network->caip2, order->outflow.nonce, call->why.text);
        order->wait_ms = now + stuck_ms(net);
        break;
    }
}

static void sent(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    struct treasury_order *order = at_order(net);
    if (lucid_category(call->error) == LUCID_CATEGORY_RETRY) {
        now_out(net, order, &order->versions[order->version_count - 1]); /* a node may have it */
        order->wait_ms = treasury_now(net) + RESEND_MS;
        bool over = treasury_failed(net);
        lucid_assert(over);
        return;
    }
    answer_take(net, call);
    treasury_walk_next(net);
}

/* --- versions --------------------------------------------------------------------------------- */

static void hand_out(struct treasury_net *net)
{
    struct treasury_order *order = at_order(net);
    const struct x402_outflow *outflow = &order->outflow;
    struct treasury_version *version = &order->versions[order->version_count - 1];
    const struct evm_u256 amount = evm_u256_of(outflow->amount);
    evm_call_transfer(&outflow->to, &amount, &net->calldata);
    const struct evm_transaction transaction = {
        .chain_id = net->network->chain_id,
        .nonce = outflow->nonce,
        .tip_wei = version->fees.tip,
        .max_fee_wei = version->fees.max_fee,
        .gas_limit = net->network->gas_limit,
        .to = outflow->token,
        .data = evm_calldata_span(&net->calldata),
    };
    lucid_buf_clear(&net->raw);
    if (evm_transaction_sign(net->key, &transaction, &net->raw, &version->hash) != LUCID_OK) {
        order->wait_ms = treasury_now(net) + RESEND_MS;
        treasury_walk_next(net);
        return;
    }
    treasury_question(net, EVM_RPC_SEND)->data = lucid_buf_span(&net->raw);
    treasury_ask(net, sent);
}

/* No dearer one is possible: what is out must do, and is sent once more in case it was lost. */
static bool version_keep(struct treasury_net *net, struct treasury_order *order)
{
    bool bumped = order->bump;
    order->bump = false;
    while (order->version_count > 0 && !order->versions[order->version_count - 1].out) {
        order->version_count--;
    }
    if (order->version_count == 0) {
        net->dear = !bumped;
        order->wait_ms = treasury_now(net) + (bumped ? stuck_ms(net) : FEES_MS);
        return false;
    }
    return true;
}

/* Makes the version that is to be sent. False: not now. */
static bool version_make(struct treasury_net *net, struct treasury_order *order)
{
    struct treasury_version version = {.out = false};
    size_t count = order->version_count;
    const struct treasury_version *last = count > 0 ? &order->versions[count - 1] : NULL;
    if (last != NULL && !order->bump) {
        return true;
    }
    bool last_out = last != NULL && last->out;
    if ((last_out && count == X402_TREASURY_VERSIONS_MAX) ||
        !x402_fees_next(&net->fees, net->network->max_fee_wei, last == NULL ? NULL : &last->fees,
                        &version.fees)) {
        return version_keep(net, order);
    }
    net->dear = false;
    if (last == NULL || last_out) {
        order->version_count++;
    }
    order->versions[order->version_count - 1] = version;
    order->bump = false;
    return true;
}

static void make_and_send(struct treasury_net *net)
{
    if (version_make(net, at_order(net))) {
        hand_out(net);
    } else {
        treasury_walk_next(net);
    }
}

static void tip_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    bool unadvised = call->error == LUCID_RETRY_IO && call->why.code != NULL &&
                     strcmp(call->why.code, "RPC_ERROR") == 0;
    if (!unadvised && treasury_failed(net)) {
        return;
    }
    net->fees.tip = call->error == LUCID_OK ? call->tip : X402_TIP_DEFAULT_WEI;
    net->fees_ms = treasury_now(net);
    make_and_send(net);
}

void treasury_send(struct treasury_net *net)
{
    struct treasury_order *order = at_order(net);
    uint64_t now = treasury_now(net);
    uint64_t since = order->sent_ms > net->progress_ms ? order->sent_ms : net->progress_ms;
    /* The lowest nonce holds up all others. */
    if (order->taken && order->outflow.nonce == net->count && now - since >= stuck_ms(net)) {
        lucid_log(LUCID_LOG_INFO, "treasury.stuck", "%s: nonce %" PRIu64 " hangs: sent for more",
                  net->network->caip2, order->outflow.nonce);
        order->taken = false;
        order->bump = true;
        order->wait_ms = 0;
    }
    if (order->taken || now < order->wait_ms) {
        treasury_walk_next(net);
        return;
    }
    bool wants_fees = order->version_count == 0 || order->bump;
    if (wants_fees && (net->fees_ms == 0 || now - net->fees_ms > FEES_MS)) {
        (void)treasury_question(net, EVM_RPC_TIP);
        treasury_ask(net, tip_answered);
        return;
    }
    make_and_send(net);
}
