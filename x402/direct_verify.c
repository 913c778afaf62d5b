/* VERIFY: whether an authorization would settle, and whether the token is the one that our table
 * says. */
#include "base/log.h"
#include "x402/direct_internal.h"

/* --- the token -------------------------------------------------------------------------------- */

static void token_over(struct direct_job *job, enum direct_token token)
{
    struct direct_net *net = job->net;
    if (token != net->token && token != DIRECT_TOKEN_GOOD) {
        lucid_log(LUCID_LOG_ERROR, "direct.token", "%s: %s", net->network->caip2,
                  token == DIRECT_TOKEN_NO_CODE
                      ? "there is no contract at the token's address"
                      : "the token's DOMAIN_SEPARATOR() is not that of its configured name and "
                        "version: authorizations are not taken");
    }
    net->token = token;
    job->sight.then(job);
}

static void separator_answered(struct direct_job *job)
{
    struct evm_hash separator;
    bool same = job->call.error == LUCID_OK && evm_result_hash(job->call.result, &separator) &&
                memcmp(separator.bytes, job->net->network->separator.bytes, EVM_HASH_BYTES) == 0;
    token_over(job, same ? DIRECT_TOKEN_GOOD : DIRECT_TOKEN_DIFFERS);
}

static void code_answered(struct direct_job *job)
{
    if (!job->call.has_code) {
        token_over(job, DIRECT_TOKEN_NO_CODE);
        return;
    }
    evm_call_domain_separator(&job->calldata);
    direct_ask_token(job, separator_answered);
}

void direct_token_look(struct direct_job *job, direct_step_fn *then)
{
    job->sight.then = then;
    direct_question(job, EVM_RPC_CODE)->to = job->net->network->token;
    direct_ask(job, code_answered);
}

/* --- VERIFY ----------------------------------------------------------------------------------- */

static void simulated(struct direct_job *job)
{
    const char *text;
    if (job->call.error != LUCID_OK) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_transaction_simulation_failed",
                      "the token would refuse it: %.100s", job->call.why.text);
    } else if (!job->charge->elsewhere && !x402_wallet_is_ready(job->net->wallet, &text)) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "%s", text);
    } else {
        direct_finish(job, X402_CHARGE_GOOD, NULL, "it would settle");
    }
}

static void balance_answered(struct direct_job *job)
{
    struct x402_charge *charge = job->charge;
    struct evm_u256 balance;
    uint64_t want;
    if (job->call.error != LUCID_OK || !evm_result_u256(job->call.result, &balance)) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the node does not tell the payer's balance");
        return;
    }
    if (evm_u256_compare(&balance, &charge->authorization.value) < 0) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_insufficient_balance",
                      "the payer has less than the authorized value");
        return;
    }
    if (!evm_u256_u64(&charge->authorization.value, &want) ||
        __builtin_add_overflow(want, charge->reserved, &want)) {
        want = UINT64_MAX;
    }
    struct evm_u256 all = evm_u256_of(want);
    if (evm_u256_compare(&balance, &all) < 0) {
        direct_finish(job, X402_CHARGE_AWAY, NULL,
                      "the payer's balance is not enough for this and for what is under way");
        return;
    }
    if (charge->smart_wallet) {
        direct_finish(job, X402_CHARGE_GOOD, NULL, "it may settle");
        return;
    }
    evm_call_transfer_with_authorization(&charge->authorization, &charge->signature,
                                         &job->calldata);
    direct_ask_token(job, simulated);
}

static void state_answered(struct direct_job *job)
{
    bool used;
    if (job->call.error != LUCID_OK || !evm_result_bool(job->call.result, &used)) {
        direct_finish(job, X402_CHARGE_AWAY, NULL,
                      "the node does not tell whether the authorization is used");
        return;
    }
    if (used) {
        direct_find_user(job); /* a stranger who was faster than we? */
        return;
    }
    evm_call_balance_of(&job->charge->authorization.from, &job->calldata);
    direct_ask_token(job, balance_answered);
}

static void head_answered(struct direct_job *job)
{
    struct x402_charge *charge = job->charge;
    if (job->call.error != LUCID_OK) {
        direct_finish(job, X402_CHARGE_AWAY, NULL, "the node has no newest block");
        return;
    }
    struct evm_u256 now = evm_u256_of(job->call.block.timestamp);
    if (evm_u256_compare(&now, &charge->authorization.valid_before) >= 0) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_payload_authorization_valid_before",
                      "the authorization has expired by the chain's clock");
        return;
    }
    charge->from_block = job->call.block.number;
    if (!charge->elsewhere) {
        charge->intended_sender = *x402_wallet_address(job->net->wallet);
    }
    evm_call_authorization_state(&charge->authorization.from, &charge->authorization.nonce,
                                 &job->calldata);
    direct_ask_token(job, state_answered);
}

static void ask_head(struct direct_job *job)
{
    direct_question(job, EVM_RPC_BLOCK)->tag = EVM_RPC_LATEST;
    direct_ask(job, head_answered);
}

static void token_known(struct direct_job *job)
{
    switch (job->net->token) {
    case DIRECT_TOKEN_GOOD:
        ask_head(job);
        break;
    case DIRECT_TOKEN_NO_CODE:
        direct_finish(job, X402_CHARGE_AWAY, "asset_not_deployed_contract",
                      "there is no contract at the token's address");
        break;
    case DIRECT_TOKEN_UNKNOWN:
    case DIRECT_TOKEN_DIFFERS:
        direct_finish(job, X402_CHARGE_AWAY, "invalid_exact_evm_token_name_mismatch",
                      "the token's EIP-712 domain is not the configured one");
        break;
    }
}

bool direct_settleable(struct direct_job *job)
{
    const struct x402_charge *charge = job->charge;
    const struct evm_authorization *authorization = &charge->authorization;
    uint64_t value;
    if ((job->net->wallet == NULL && !charge->elsewhere) || !job->net->network->eip3009) {
        direct_finish(job, X402_CHARGE_BAD, "unsupported_scheme",
                      "authorizations cannot be settled on %s here (%s): pay by a transfer and "
                      "X-Payment-Proof",
                      job->net->network->caip2,
                      !job->net->network->eip3009 ? "the token has no EIP-3009" : "no gas key");
    } else if (charge->smart_wallet && !charge->elsewhere) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_signature",
                      "signatures of smart wallets (ERC-1271, ERC-6492) are not taken: the "
                      "signature must be of 65 bytes");
    } else if (!evm_u256_u64(&authorization->value, &value) || value > INT64_MAX || value == 0) {
        direct_finish(job, X402_CHARGE_BAD,
                      "invalid_exact_evm_payload_authorization_value_mismatch",
                      "the value is zero, or more than can be booked");
    } else if (memcmp(authorization->from.bytes, authorization->to.bytes, EVM_ADDRESS_BYTES) == 0) {
        direct_finish(job, X402_CHARGE_BAD, "invalid_exact_evm_recipient_mismatch",
                      "payer and recipient are the same account");
    } else {
        return true;
    }
    return false;
}

void direct_verify(struct direct_job *job)
{
    if (!direct_settleable(job)) {
        return;
    }
    if (job->net->token == DIRECT_TOKEN_GOOD) {
        ask_head(job);
    } else {
        direct_token_look(job, token_known);
    }
}
