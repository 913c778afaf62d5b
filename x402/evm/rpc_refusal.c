#include <stdio.h>

#include "x402/evm/abi.h"
#include "x402/evm/rpc_internal.h"

enum {
    REVERTED = 3,           /* geth's code of a revert with data */
    UNKNOWN_BLOCK = -39001, /* execution-apis: no such safe or finalized block yet */
    TEXT_MAX = 100,
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Whether the message has the words in it, whatever the case of its letters. */
static bool has(struct lucid_span message, const char *words)
{
    size_t len = strlen(words);
    for (size_t at = 0; at + len <= message.len; at++) {
        size_t i = 0;
        while (i < len && lower(message.data[at + i]) == (uint8_t)words[i]) {
            i++;
        }
        if (i == len) {
            return true;
        }
    }
    return false;
}

static bool has_any(struct lucid_span message, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has(message, words[i])) {
            return true;
        }
    }
    return false;
}

/* For a log line: printable ASCII, cut. */
static void text_clean(struct lucid_span message, char ret[TEXT_MAX + 1])
{
    size_t len = message.len < TEXT_MAX ? message.len : TEXT_MAX;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = message.data[i];
        ret[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
    ret[len] = '\0';
}

/* Words of geth, erigon, reth, nethermind, besu and anvil; no standard fixes them. A word that we
 * do not know makes a refusal, which whoever sent it looks into. */
static enum evm_send_answer send_classify(struct lucid_span message)
{
    static const char *const known[] = {
        "already known",          "alreadyknown",   "known transaction", "already imported",
        "already in the mempool", "already exists", "already in mempool"};
    static const char *const low[] = {"nonce too low", "nonce is too low", "oldnonce",
                                      "nonce has already been used"};
    static const char *const cheap[] = {
        "underpriced",
        "fee too low",
        "feetoolow",
        "gas price too low",
        "gasprice too low",
        "replacementnotallowed",
        "gas price below",
        "less than block base fee",
        "lower than the base fee",
        "maxfeepergas less than",
        "max fee per gas less than",
        "tip too low",
    };
    static const char *const poor[] = {"insufficient funds", "insufficientfunds",
                                       "insufficient balance", "exceeds account balance",
                                       "lack of funds"};
    if (has_any(message, known, sizeof(known) / sizeof(known[0]))) {
        return EVM_SEND_TAKEN;
    }
    if (has_any(message, low, sizeof(low) / sizeof(low[0]))) {
        return EVM_SEND_NONCE_LOW;
    }
    if (has_any(message, cheap, sizeof(cheap) / sizeof(cheap[0]))) {
        return EVM_SEND_UNDERPRICED;
    }
    if (has_any(message, poor, sizeof(poor) / sizeof(poor[0]))) {
        return EVM_SEND_NO_FUNDS;
    }
    return EVM_SEND_REFUSED;
}

/* What stands before a node says that it has lost sight of a transaction, not that it refuses it:
 * whoever is behind it may have taken it. */
static bool send_is_open(struct lucid_span message)
{
    static const char *const words[] = {"timeout",
                                        "timed out",
                                        "deadline exceeded",
                                        "temporarily unavailable",
                                        "service unavailable",
                                        "connection re",
                                        "bad gateway"};
    return has_any(message, words, sizeof(words) / sizeof(words[0]));
}

static void revert_read(struct lucid_span message, struct lucid_span data,
                        struct evm_rpc_answer *ret)
{
    char reason[EVM_REASON_BYTES];
    char text[TEXT_MAX + 1];
    ret->error = LUCID_REFUSE_INVALID;
    if (evm_revert_reason(data, reason)) {
        (void)lucid_refuse(&ret->why, ret->error, "REVERTED", NULL, "%s", reason);
        return;
    }
    text_clean(message, text);
    (void)lucid_refuse(&ret->why, ret->error, "REVERTED", NULL, "%s", text);
}

void evm_rpc_refusal_read(const struct evm_rpc_call *call, int64_t code, struct lucid_span message,
                          struct lucid_span data, struct evm_rpc_answer *ret)
{
    char text[TEXT_MAX + 1];
    text_clean(message, text);
    bool worn = code == EVM_RPC_TAKES_NO_MORE || has(message, "rate limit") ||
                has(message, "too many requests");
    if (call->kind == EVM_RPC_SEND && !worn && !send_is_open(message)) {
        ret->send = send_classify(message);
        (void)snprintf(ret->why.text, sizeof(ret->why.text), "%s", text);
        return;
    }
    bool reverted = code == REVERTED || has(message, "execution reverted") ||
                    has(message, "vm execution error");
    if (call->kind == EVM_RPC_CALL && reverted) {
        revert_read(message, data, ret);
        return;
    }
    bool no_block =
        code == UNKNOWN_BLOCK || has(message, "block not found") || has(message, "unknown block");
    if (call->kind == EVM_RPC_BLOCK && no_block) {
        ret->error = LUCID_NOTE_ABSENT;
        return;
    }
    ret->is_worn = worn;
    ret->error = lucid_refuse(&ret->why, LUCID_RETRY_IO, "RPC_ERROR", NULL,
                              "the node answers: %s (%lld)", text, (long long)code);
}
