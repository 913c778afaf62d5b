/* Paying by a transaction of one's own, for X-Payment-Proof. The signed transaction is in the
 * journal before it is sent, and only that one is ever sent: its nonce makes sure that it happens
 * once. */
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/checked.h"
#include "http/event_loop.h"
#include "http/outgoing.h"
#include "tools/lucid/pay.h"
#include "x402/evm/abi.h"
#include "x402/evm/rpc.h"
#include "x402/evm/transaction.h"

#define GWEI                 UINT64_C(1000000000)
#define FEE_GWEI_DEFAULT     50
#define FEE_GWEI_MAX         1000000
#define TRANSFER_GAS_LIMIT   120000
#define SPEND_GAS_LIMIT      200000 /* with a signature to check */
#define QUESTION_MS          15000
#define CHALLENGE_S_MIN      10 /* left of its time, else it is not worth trying */
#define SEND_AGAIN_EVERY     5  /* looks for the receipt */
#define NONCE_TAKEN_SEEN_MAX 3

struct chain {
    struct pay *pay;
    struct http_event_loop *loop;
    struct http_outgoing *outgoing;
    struct evm_rpc *rpc;
};

/* --- asking, and waiting for the answer ------------------------------------------------------- */

static void chain_close(struct chain *chain)
{
    evm_rpc_close(chain->rpc);
    http_outgoing_close(chain->outgoing);
    http_event_loop_close(chain->loop);
}

static enum cli_exit chain_open(struct pay *pay, struct chain *chain)
{
    const char *urls[EVM_RPC_ENDPOINTS_MAX];
    size_t count = 0;
    *chain = (struct chain){.pay = pay};
    for (; count < EVM_RPC_ENDPOINTS_MAX; count++) {
        urls[count] = cli_value_at(pay->cli, "rpc", count);
        if (urls[count] == NULL) {
            break;
        }
    }
    if (count == 0) {
        return cli_fail(pay->cli, CLI_USAGE, NULL, "rpc",
                        "--rpc URL is needed: a node of the network");
    }
    enum lucid_error error = http_event_loop_open(&pay->clock, &chain->loop);
    if (error == LUCID_OK) {
        struct http_outgoing_options options = {.loop = http_event_loop_base(chain->loop),
                                                .ca_file = pay->cli->ca};
        error = http_outgoing_open(&options, &chain->outgoing);
    }
    if (error == LUCID_OK) {
        struct evm_rpc_options options = {.loop = http_event_loop_base(chain->loop),
                                          .outgoing = http_outgoing_base(chain->outgoing),
                                          .urls = urls,
                                          .url_count = count,
                                          .quorum = 1,
                                          .chain_id = pay->terms.chain_id,
                                          .timeout_ms = QUESTION_MS};
        error = evm_rpc_open(&options, &chain->rpc);
    }
    if (error != LUCID_OK) {
        chain_close(chain);
        return cli_fail(pay->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    return CLI_OK;
}

static void answered(struct evm_rpc_call *call)
{
    http_event_loop_stop(call->owner);
}

static enum lucid_error ask(struct chain *chain, struct evm_rpc_call *call)
{
    call->done = answered;
    call->owner = chain->loop;
    evm_rpc_ask(chain->rpc, call);
    http_event_loop_run(chain->loop);
    return call->error;
}

/* A question before anything was sent: its failure ends the command. */
static enum cli_exit ask_first(struct chain *chain, struct evm_rpc_call *call, const char *what)
{
    enum lucid_error error = ask(chain, call);
    if (error == LUCID_OK) {
        return CLI_OK;
    }
    const char *text = call->why.text[0] != '\0' ? call->why.text : lucid_error_name(error);
    return cli_fail(chain->pay->cli, error == LUCID_REFUSE_INVALID ? CLI_REFUSED : CLI_UNREACHABLE,
                    call->why.code, NULL, "nothing was paid: %s: %s", what, text);
}

/* --- the transaction -------------------------------------------------------------------------- */

/* The call that moves the money. */
static enum cli_exit calldata_write(const struct pay *pay, struct evm_calldata *ret)
{
    struct evm_u256 amount = evm_u256_of(pay->terms.amount);
    if (!pay->bind_nonce) {
        evm_call_transfer(&pay->terms.pay_to, &amount, ret);
        return CLI_OK;
    }
    if (pay->terms.token_name[0] == '\0') {
        return cli_fail(pay->cli, CLI_REFUSED, "TOKEN_UNKNOWN", "bind",
                        "nothing was paid: --bind nonce needs a token whose domain is known here");
    }
    struct evm_authorization authorization = pay_bound_authorization(pay);
    struct evm_signature signature;
    struct evm_hash separator = evm_domain_separator(lucid_span_str(pay->terms.token_name),
                                                     lucid_span_str(pay->terms.token_version),
                                                     pay->terms.chain_id, &pay->terms.token);
    struct evm_hash digest = evm_authorization_digest(&separator, &authorization);
    evm_sign(pay->key, &digest, &signature);
    evm_call_transfer_with_authorization(&authorization, &signature, ret);
    return CLI_OK;
}

/* Twice the base fee leaves room for some full blocks; never above --max-fee-gwei. */
static enum cli_exit fees_set(struct chain *chain, struct evm_transaction *transaction)
{
    struct pay *pay = chain->pay;
    struct evm_rpc_call block = {.kind = EVM_RPC_BLOCK, .tag = EVM_RPC_LATEST};
    struct evm_rpc_call tip = {.kind = EVM_RPC_TIP};
    uint64_t gwei;
    if (!cli_value_u64(pay->cli, "max-fee-gwei", FEE_GWEI_DEFAULT, 1, FEE_GWEI_MAX, &gwei)) {
        return CLI_USAGE;
    }
    enum cli_exit code = ask_first(chain, &block, "the newest block");
    if (code == CLI_OK) {
        code = ask_first(chain, &tip, "the usual tip");
    }
    uint64_t cap = gwei * GWEI;
    uint64_t least = 0;
    uint64_t room = 0;
    if (code == CLI_OK && (!block.block.has_base_fee ||
                           !lucid_add_u64(block.block.base_fee, tip.tip, &least) || least > cap)) {
        code = cli_fail(pay->cli, CLI_REFUSED, "FEE_TOO_HIGH", "max-fee-gwei",
                        "nothing was paid: gas costs more than --max-fee-gwei allows");
    }
    if (code == CLI_OK) {
        transaction->tip_wei = tip.tip;
        transaction->max_fee_wei =
            lucid_add_u64(least, block.block.base_fee, &room) && room < cap ? room : cap;
    }
    evm_rpc_call_fini(&block);
    evm_rpc_call_fini(&tip);
    return code;
}

/* Whether it would go through now: a transfer that reverts would cost gas for nothing. */
static enum cli_exit try_out(struct chain *chain, const struct evm_transaction *transaction)
{
    struct pay *pay = chain->pay;
    struct evm_rpc_call call = {
        .kind = EVM_RPC_CALL, .from = pay->payer, .to = transaction->to, .data = transaction->data};
    struct evm_rpc_call code_there = {.kind = EVM_RPC_CODE, .to = transaction->to};
    bool moved = false;
    enum cli_exit code = ask_first(chain, &code_there, "the token's code");
    if (code == CLI_OK) {
        code = ask_first(chain, &call, "the transfer would not go through");
    }
    if (code == CLI_OK &&
        (!code_there.has_code || (!pay->bind_nonce && call.result.len != 0 &&
                                  (!evm_result_bool(call.result, &moved) || !moved)))) {
        code = cli_fail(pay->cli, CLI_REFUSED, "TOKEN_UNKNOWN", "token",
                        "nothing was paid: that is no token, or it refuses the transfer");
    }
    evm_rpc_call_fini(&call);
    evm_rpc_call_fini(&code_there);
    return code;
}

static enum cli_exit nonce_set(struct chain *chain, struct evm_transaction *transaction)
{
    struct pay *pay = chain->pay;
    struct evm_rpc_call count = {.kind = EVM_RPC_COUNT, .to = pay->payer, .pending = true};
    struct evm_rpc_call balance = {.kind = EVM_RPC_BALANCE, .to = pay->payer};
    uint64_t cost = 0;
    enum cli_exit code = ask_first(chain, &count, "the payer's transactions");
    if (code == CLI_OK) {
        code = ask_first(chain, &balance, "the payer's balance");
    }
    if (code == CLI_OK) {
        struct evm_u256 needed;
        bool fits = lucid_mul_u64(transaction->gas_limit, transaction->max_fee_wei, &cost);
        needed = evm_u256_of(cost);
        if (!fits || evm_u256_compare(&balance.balance, &needed) < 0) {
            code = cli_fail(pay->cli, CLI_REFUSED, "NO_GAS", NULL,
                            "nothing was paid: the payer cannot pay the gas (%llu gwei)",
                            (unsigned long long)(cost / GWEI));
        }
        transaction->nonce = count.count;
    }
    evm_rpc_call_fini(&count);
    evm_rpc_call_fini(&balance);
    return code;
}

/* Signs it and keeps it in the journal. */
static enum cli_exit transaction_make(struct chain *chain)
{
    struct pay *pay = chain->pay;
    struct evm_calldata data;
    struct evm_transaction transaction = {
        .chain_id = pay->terms.chain_id,
        .gas_limit = pay->bind_nonce ? SPEND_GAS_LIMIT : TRANSFER_GAS_LIMIT,
        .to = pay->terms.token,
    };
    enum cli_exit code = calldata_write(pay, &data);
    if (code != CLI_OK) {
        return code;
    }
    transaction.data = evm_calldata_span(&data);
    code = try_out(chain, &transaction);
    if (code == CLI_OK) {
        code = fees_set(chain, &transaction);
    }
    if (code == CLI_OK) {
        code = nonce_set(chain, &transaction);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (pay_now_s(pay) + CHALLENGE_S_MIN > pay->terms.expires) {
        return cli_fail(pay->cli, CLI_REFUSED, "CHALLENGE_EXPIRED", NULL,
                        "nothing was paid: the challenge's time is almost over");
    }
    if (evm_transaction_sign(pay->key, &transaction, &pay->raw, &pay->transaction) != LUCID_OK) {
        return cli_fail(pay->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    return pay_journal_write(pay);
}

/* --- until it is mined ------------------------------------------------------------------------ */

static enum cli_exit undecided(struct pay *pay, const char *text)
{
    char hash[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(&pay->transaction, hash);
    return cli_fail(pay->cli, CLI_UNDECIDED, "PAYMENT_PENDING", NULL,
                    "transaction %s is not mined yet (%s); go on with: lucid pay --resume %s "
                    "--rpc URL --key-file FILE",
                    hash, text, pay->journal);
}

/* The log of our transfer, as X-Payment-Proof counts it. */
static bool log_find(struct pay *pay, const struct evm_receipt *receipt)
{
    struct evm_u256 amount = evm_u256_of(pay->terms.amount);
    for (size_t i = 0; i < receipt->log_count; i++) {
        const struct evm_log *log = &receipt->logs[i];
        struct evm_transfer_event event;
        if (memcmp(log->address.bytes, pay->terms.token.bytes, EVM_ADDRESS_BYTES) == 0 &&
            evm_transfer_decode(log->topics, log->topic_count, log->data, &event) &&
            memcmp(event.from.bytes, pay->payer.bytes, EVM_ADDRESS_BYTES) == 0 &&
            memcmp(event.to.bytes, pay->terms.pay_to.bytes, EVM_ADDRESS_BYTES) == 0 &&
            evm_u256_compare(&event.value, &amount) == 0) {
            pay->log_index = log->position;
            pay->has_log_index = true;
            return true;
        }
    }
    return false;
}

/* Whether the authorization of --bind nonce was not used: from the pool anybody can take it, and
 * ours fails then, although the money has moved. */
static bool is_unused(struct chain *chain)
{
    struct pay *pay = chain->pay;
    struct evm_authorization authorization = pay_bound_authorization(pay);
    struct evm_calldata data;
    bool used = true;
    evm_call_authorization_state(&authorization.from, &authorization.nonce, &data);
    struct evm_rpc_call call = {
        .kind = EVM_RPC_CALL, .to = pay->terms.token, .data = evm_calldata_span(&data)};
    bool known = ask(chain, &call) == LUCID_OK && evm_result_bool(call.result, &used);
    evm_rpc_call_fini(&call);
    return known && !used;
}

/* It is mined: find the transfer in it. */
static enum cli_exit mined(struct chain *chain, const struct evm_receipt *receipt)
{
    struct pay *pay = chain->pay;
    char hash[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(&pay->transaction, hash);
    if (!receipt->succeeded && pay->bind_nonce && !is_unused(chain)) {
        return cli_fail(pay->cli, CLI_UNDECIDED, "TRANSFER_FAILED", NULL,
                        "transaction %s has failed, but its authorization is used, perhaps by "
                        "somebody who took it from the pool: the money may have moved; the journal "
                        "stays: %s",
                        hash, pay->journal);
    }
    if (!receipt->succeeded) {
        pay_journal_remove(pay);
        return cli_fail(pay->cli, CLI_REFUSED, "TRANSFER_FAILED", NULL,
                        "nothing was paid: transaction %s has failed on the chain", hash);
    }
    if (!log_find(pay, receipt)) {
        return cli_fail(pay->cli, CLI_REFUSED, "TRANSFER_FAILED", NULL,
                        "transaction %s is mined, but the token shows no such transfer in it; the "
                        "journal stays: %s",
                        hash, pay->journal);
    }
    return pay_journal_write(pay);
}

/* Sends it (again). True: another transaction of its nonce is mined. */
static bool broadcast(struct chain *chain)
{
    struct evm_rpc_call call = {.kind = EVM_RPC_SEND, .data = lucid_buf_span(&chain->pay->raw)};
    bool taken = ask(chain, &call) == LUCID_OK && call.send == EVM_SEND_NONCE_LOW;
    evm_rpc_call_fini(&call);
    return taken;
}

static enum cli_exit mined_wait(struct chain *chain)
{
    struct pay *pay = chain->pay;
    uint64_t end = lucid_boot_ms(&pay->clock) + pay->wait_ms;
    unsigned nonce_taken = 0;
    for (unsigned i = 0;; i++) {
        struct evm_rpc_call receipt = {.kind = EVM_RPC_RECEIPT, .hash = pay->transaction};
        enum lucid_error error = ask(chain, &receipt);
        enum cli_exit code = error == LUCID_OK ? mined(chain, &receipt.receipt) : CLI_OK;
        evm_rpc_call_fini(&receipt);
        if (error == LUCID_OK) {
            return code;
        }
        if ((i % SEND_AGAIN_EVERY == SEND_AGAIN_EVERY - 1 || nonce_taken > 0) &&
            error == LUCID_NOTE_ABSENT) {
            nonce_taken = broadcast(chain) ? nonce_taken + 1 : 0;
        }
        if (nonce_taken == NONCE_TAKEN_SEEN_MAX) {
            return cli_fail(pay->cli, CLI_REFUSED, "NONCE_TAKEN", NULL,
                            "nothing was paid: another transaction of the payer has taken its "
                            "place; remove %s to try anew",
                            pay->journal);
        }
        if (lucid_boot_ms(&pay->clock) + 1000 > end) {
            return undecided(pay, error == LUCID_NOTE_ABSENT    ? "the node does not know it"
                                  : receipt.why.text[0] != '\0' ? receipt.why.text
                                                                : lucid_error_name(error));
        }
        struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
    }
}

/* The first time it is sent. What every node refuses at once is not on its way. */
static enum cli_exit send_first(struct chain *chain)
{
    static const char *const texts[] = {
        [EVM_SEND_NONCE_LOW] = "its nonce is taken",
        [EVM_SEND_UNDERPRICED] = "the fee is too low",
        [EVM_SEND_NO_FUNDS] = "the payer cannot pay the gas",
        [EVM_SEND_REFUSED] = "it is refused",
    };
    struct pay *pay = chain->pay;
    struct evm_rpc_call call = {.kind = EVM_RPC_SEND, .data = lucid_buf_span(&pay->raw)};
    enum lucid_error error = ask(chain, &call);
    enum cli_exit code = CLI_OK;
    if (error == LUCID_OK && call.send != EVM_SEND_TAKEN) {
        code = cli_fail(pay->cli, CLI_REFUSED, "TRANSFER_REFUSED", NULL,
                        "nothing was paid: the node does not take the transaction: %s",
                        texts[call.send]);
        pay_journal_remove(pay);
    }
    evm_rpc_call_fini(&call);
    return code;
}

/* --- what cmd_pay.c calls --------------------------------------------------------------------- */

enum cli_exit pay_chain_check(struct pay *pay)
{
    struct cli *cli = pay->cli;
    const char *bind = cli_value(cli, "bind", "signature");
    const char *url;
    size_t count = 0;
    for (; (url = cli_value_at(cli, "rpc", count)) != NULL; count++) {
        if (count == EVM_RPC_ENDPOINTS_MAX || !client_url_ok(url)) {
            break;
        }
    }
    if (count == 0 || url != NULL) {
        return cli_fail(
            cli, CLI_USAGE, NULL, "rpc",
            "--via proof needs --rpc URL, http:// or https:// without user or password, "
            "at most %d",
            EVM_RPC_ENDPOINTS_MAX);
    }
    pay->bind_nonce = strcmp(bind, "nonce") == 0;
    if (!pay->bind_nonce && strcmp(bind, "signature") != 0) {
        return cli_fail(cli, CLI_USAGE, NULL, "bind", "--bind is signature or nonce");
    }
    return CLI_OK;
}

enum cli_exit pay_chain_begin(struct pay *pay)
{
    struct chain chain;
    enum cli_exit code = chain_open(pay, &chain);
    if (code != CLI_OK) {
        return code;
    }
    code = transaction_make(&chain);
    if (code == CLI_OK) {
        code = send_first(&chain);
    }
    if (code == CLI_OK) {
        code = mined_wait(&chain);
    }
    chain_close(&chain);
    return code;
}

enum cli_exit pay_chain_finish(struct pay *pay)
{
    struct chain chain;
    enum cli_exit code = pay->key == NULL && !pay->bind_nonce
                             ? cli_fail(pay->cli, CLI_USAGE, NULL, "key-file",
                                        "--key-file is needed to sign the proof")
                             : chain_open(pay, &chain);
    if (code != CLI_OK) {
        return code;
    }
    (void)broadcast(&chain);
    code = mined_wait(&chain);
    chain_close(&chain);
    return code;
}
