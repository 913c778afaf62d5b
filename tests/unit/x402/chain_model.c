#include "chain_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

/* --- words ------------------------------------------------------------------------------------ */

static bool same_address(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, EVM_ADDRESS_BYTES) == 0;
}

static bool same_hash(const struct evm_hash *a, const struct evm_hash *b)
{
    return memcmp(a->bytes, b->bytes, EVM_HASH_BYTES) == 0;
}

static void put_quantity(struct lucid_buf *out, uint64_t value)
{
    lucid_buf_printf(out, "\"0x%llx\"", (unsigned long long)value);
}

static void put_hex(struct lucid_buf *out, const void *data, size_t len)
{
    lucid_buf_str(out, "\"0x");
    lucid_buf_hex(out, data, len);
    lucid_buf_char(out, '"');
}

static void put_wei(struct lucid_buf *out, const struct evm_u256 *value)
{
    char text[65];
    lucid_hex_encode(value->be, 32, text);
    text[64] = '\0';
    const char *at = text;
    while (*at == '0' && at[1] != '\0') {
        at++;
    }
    lucid_buf_printf(out, "\"0x%s\"", at);
}

static struct evm_hash salted(struct chain_model *model, const char *what)
{
    uint8_t word[8];
    lucid_put_be64(word, ++model->salt);
    struct lucid_span parts[] = {lucid_span_str(what), lucid_span(word, 8)};
    return evm_keccak256_parts(parts, 2);
}

static size_t unhex(const char *text, uint8_t *out, size_t max)
{
    size_t len = strlen(text) / 2 - 1;
    lucid_assert(len <= max && lucid_hex_decode(lucid_span(text + 2, len * 2), out, len));
    return len;
}

/* The n-th text in the question's parameters (between quotes). */
static const char *param(const struct fake_question *question, size_t which, char *out, size_t max)
{
    const char *at = question->params;
    for (size_t i = 0; at != NULL; i++) {
        at = strchr(at, '"');
        if (at == NULL) {
            break;
        }
        const char *end = strchr(at + 1, '"');
        lucid_assert(end != NULL);
        if (i == which) {
            size_t len = (size_t)(end - at - 1);
            lucid_assert(len < max);
            memcpy(out, at + 1, len);
            out[len] = '\0';
            return out;
        }
        at = end + 1;
    }
    return NULL;
}

/* The text of a member of the question's object. */
static const char *member(const struct fake_question *question, const char *name, char *out,
                          size_t max)
{
    char key[32];
    (void)snprintf(key, sizeof(key), "\"%s\":\"", name);
    const char *at = strstr(question->params, key);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(key);
    const char *end = strchr(at, '"');
    lucid_assert(end != NULL && (size_t)(end - at) < max);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return out;
}

/* --- the chain -------------------------------------------------------------------------------- */

uint64_t model_time(const struct chain_model *model)
{
    return model->blocks[model->height].time;
}

static void run_tx(struct chain_model *model, struct model_tx *tx);
static bool is_used(const struct chain_model *model, const struct evm_hash *from,
                    const struct evm_hash *nonce);

static struct model_tx *due(struct chain_model *model)
{
    for (size_t i = 0; i < model->tx_count; i++) {
        struct model_tx *tx = &model->txs[i];
        if (!tx->mined && !tx->dropped &&
            (!tx->raw || (tx->nonce == model->gas_count && tx->max_fee >= model->fee_floor))) {
            return tx;
        }
    }
    return NULL;
}

static void drop_others(struct chain_model *model, const struct model_tx *tx)
{
    for (size_t i = 0; i < model->tx_count; i++) {
        struct model_tx *other = &model->txs[i];
        if (other != tx && other->raw && tx->raw && other->nonce == tx->nonce && !other->mined) {
            other->dropped = true;
        }
    }
}

static void put_into_block(struct chain_model *model, struct model_tx *tx)
{
    if (tx->before > 0) {
        tx->good = model_time(model) < tx->before &&
                   !is_used(model, &tx->logs[0].topics[1], &tx->logs[0].topics[2]);
    }
    tx->mined = true;
    tx->block = model->height;
    drop_others(model, tx);
    if (tx->raw) {
        model->gas_count = tx->nonce + 1;
        run_tx(model, tx);
    }
}

void model_mine(struct chain_model *model, uint64_t blocks)
{
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t now = lucid_wall_ms(&model->loop.loop.clock) / 1000;
        uint64_t last = model_time(model);
        lucid_assert(++model->height < MODEL_BLOCKS);
        model->blocks[model->height].hash = salted(model, "block");
        model->blocks[model->height].time = now > last ? now : last + 1;
        for (struct model_tx *tx = due(model); tx != NULL; tx = due(model)) {
            put_into_block(model, tx);
        }
    }
}

void model_reorg(struct chain_model *model, uint64_t depth, bool vanish)
{
    uint64_t from = model->height - depth + 1;
    for (size_t i = 0; i < model->tx_count; i++) {
        struct model_tx *tx = &model->txs[i];
        if (tx->mined && tx->block >= from) {
            tx->mined = false;
            tx->dropped = vanish;
            if (tx->raw) {
                tx->log_count = 0;
                model->gas_count = tx->nonce < model->gas_count ? tx->nonce : model->gas_count;
            }
        }
    }
    model->height -= depth;
    model_mine(model, depth);
}

struct model_tx *model_add(struct chain_model *model, const struct evm_address *from)
{
    lucid_assert(model->tx_count < MODEL_TXS);
    struct model_tx *tx = &model->txs[model->tx_count++];
    *tx = (struct model_tx){
        .hash = salted(model, "tx"), .from = *from, .to = model->token, .good = true};
    return tx;
}

void model_mine_tx(struct chain_model *model, struct model_tx *tx)
{
    model_mine(model, 1);
    lucid_assert(tx->mined);
}

static struct model_log *log_add(struct model_tx *tx, const struct evm_address *token,
                                 const struct evm_hash *first, const struct evm_address *from)
{
    lucid_assert(tx->log_count < MODEL_LOGS);
    struct model_log *log = &tx->logs[tx->log_count++];
    *log = (struct model_log){
        .address = *token, .topic_count = 3, .topics = {*first, evm_address_topic(from)}};
    return log;
}

struct model_log *model_transfer(struct model_tx *tx, const struct evm_address *token,
                                 const struct evm_address *from, const struct evm_address *to,
                                 uint64_t value)
{
    struct model_log *log = log_add(tx, token, &evm_topic_transfer, from);
    log->topics[2] = evm_address_topic(to);
    lucid_put_be64(log->data + 24, value);
    log->data_len = 32;
    return log;
}

struct model_log *model_used(struct model_tx *tx, const struct evm_address *token,
                             const struct evm_address *from, const struct evm_hash *nonce)
{
    struct model_log *log = log_add(tx, token, &evm_topic_authorization_used, from);
    log->topics[2] = *nonce;
    return log;
}

struct model_tx *model_newest(struct chain_model *model)
{
    for (size_t i = model->tx_count; i > 0; i--) {
        if (model->txs[i - 1].raw) {
            return &model->txs[i - 1];
        }
    }
    return NULL;
}

size_t model_raw_count(const struct chain_model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->tx_count; i++) {
        count += model->txs[i].raw;
    }
    return count;
}

/* --- the token -------------------------------------------------------------------------------- */

/* Whether a mined transaction has used (or cancelled) the authorization. */
static bool is_used(const struct chain_model *model, const struct evm_hash *from,
                    const struct evm_hash *nonce)
{
    for (size_t i = 0; i < model->tx_count; i++) {
        const struct model_tx *tx = &model->txs[i];
        for (size_t n = 0; tx->mined && tx->good && n < tx->log_count; n++) {
            const struct model_log *log = &tx->logs[n];
            bool event = same_hash(&log->topics[0], &evm_topic_authorization_used) ||
                         same_hash(&log->topics[0], &evm_topic_authorization_canceled);
            if (event && same_address(&log->address, &model->token) &&
                same_hash(&log->topics[1], from) && same_hash(&log->topics[2], nonce)) {
                return true;
            }
        }
    }
    return false;
}

bool model_is_used(const struct chain_model *model, const struct evm_address *from,
                   const struct evm_hash *nonce)
{
    struct evm_hash topic = evm_address_topic(from);
    return is_used(model, &topic, nonce);
}

static uint64_t low64(const uint8_t *word)
{
    return lucid_get_be64(word + 24);
}

/* transfer(address,uint256) of the gas key's own tokens. */
static bool run_transfer(struct chain_model *model, struct model_tx *tx)
{
    static const uint8_t selector[4] = {0xa9, 0x05, 0x9c, 0xbb};
    struct evm_address to;
    if (tx->data_len != 4 + 2 * 32 || memcmp(tx->data, selector, 4) != 0) {
        return false;
    }
    memcpy(to.bytes, tx->data + 4 + 12, sizeof(to.bytes));
    tx->good = !model->reverts;
    if (tx->good) {
        model_transfer(tx, &model->token, &tx->from, &to, low64(tx->data + 4 + 32));
    }
    return true;
}

static void run_tx(struct chain_model *model, struct model_tx *tx)
{
    static const uint8_t selector[4] = {0xe3, 0xee, 0x16, 0x0e};
    tx->good = true;
    tx->log_count = 0;
    if (run_transfer(model, tx)) {
        return;
    }
    if (tx->data_len != 4 + 9 * 32 || memcmp(tx->data, selector, 4) != 0) {
        return;
    }
    const uint8_t *words = tx->data + 4;
    struct evm_hash from;
    struct evm_hash nonce;
    struct evm_address payer;
    struct evm_address payee;
    memcpy(from.bytes, words, 32);
    memcpy(nonce.bytes, words + 32 * 5, 32);
    memcpy(payer.bytes, words + 12, 20);
    memcpy(payee.bytes, words + 32 + 12, 20);
    uint64_t now = model_time(model);
    if (is_used(model, &from, &nonce) || now <= low64(words + 32 * 3) ||
        now >= low64(words + 32 * 4)) {
        tx->good = false;
        return;
    }
    model_used(tx, &model->token, &payer, &nonce);
    if (!model->no_log) {
        model_transfer(tx, &model->token, &payer, &payee, low64(words + 32 * 2));
    }
}

/* --- transactions as they are sent ------------------------------------------------------------ */

/* NULL: it is taken. */
static const char *send(struct chain_model *model, const struct fake_question *question)
{
    static char text[4096];
    uint8_t raw[2048];
    lucid_assert(param(question, 0, text, sizeof(text)) != NULL);
    struct model_tx tx = model_read_tx(model, raw, unhex(text, raw, sizeof(raw)));
    if (model->send_error != NULL) {
        return model->send_error;
    }
    struct model_tx *old = NULL;
    for (size_t i = 0; i < model->tx_count; i++) {
        struct model_tx *other = &model->txs[i];
        if (same_hash(&other->hash, &tx.hash) && !other->dropped) {
            return other->mined ? "nonce too low" : "already known";
        }
        if (other->raw && !other->mined && !other->dropped && other->nonce == tx.nonce) {
            old = other;
        }
    }
    if (tx.nonce < model->gas_count) {
        return "nonce too low";
    }
    if (old != NULL &&
        (tx.max_fee < old->max_fee + old->max_fee / 10 || tx.tip < old->tip + old->tip / 10)) {
        return "replacement transaction underpriced";
    }
    if (old != NULL) {
        old->dropped = true;
    }
    lucid_assert(model->tx_count < MODEL_TXS);
    model->txs[model->tx_count++] = tx;
    if (model->automine) {
        model_mine(model, 1);
    }
    return NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void put_log(struct chain_model *model, const struct model_tx *tx, size_t at,
                    struct lucid_buf *out)
{
    const struct model_log *log = &tx->logs[at];
    lucid_buf_str(out, "{\"address\":");
    put_hex(out, log->address.bytes, EVM_ADDRESS_BYTES);
    lucid_buf_str(out, ",\"topics\":[");
    for (size_t i = 0; i < log->topic_count; i++) {
        lucid_buf_str(out, i > 0 ? "," : "");
        put_hex(out, log->topics[i].bytes, EVM_HASH_BYTES);
    }
    lucid_buf_str(out, "],\"data\":");
    put_hex(out, log->data, log->data_len);
    lucid_buf_str(out, ",\"blockHash\":");
    put_hex(out, model->blocks[tx->block].hash.bytes, EVM_HASH_BYTES);
    lucid_buf_str(out, ",\"blockNumber\":");
    put_quantity(out, tx->block);
    lucid_buf_str(out, ",\"transactionHash\":");
    put_hex(out, tx->hash.bytes, EVM_HASH_BYTES);
    lucid_buf_str(out, ",\"transactionIndex\":\"0x0\",\"logIndex\":");
    put_quantity(out, at);
    lucid_buf_printf(out, ",\"removed\":%s}", log->removed ? "true" : "false");
}

static void put_receipt(struct chain_model *model, const struct model_tx *tx, struct lucid_buf *out)
{
    lucid_buf_printf(out, "{\"type\":\"0x2\",\"status\":\"0x%d\",\"cumulativeGasUsed\":\"0xea60\"",
                     tx->good);
    lucid_buf_str(out, ",\"logs\":[");
    for (size_t i = 0; i < tx->log_count; i++) {
        lucid_buf_str(out, i > 0 ? "," : "");
        put_log(model, tx, i, out);
    }
    lucid_buf_str(out, "],\"transactionHash\":");
    put_hex(out, tx->hash.bytes, EVM_HASH_BYTES);
    lucid_buf_str(out, ",\"transactionIndex\":\"0x0\",\"blockHash\":");
    put_hex(out, model->blocks[tx->block].hash.bytes, EVM_HASH_BYTES);
    lucid_buf_str(out, ",\"blockNumber\":");
    put_quantity(out, tx->block);
    lucid_buf_str(out, ",\"gasUsed\":\"0xea60\",\"effectiveGasPrice\":\"0x1\",\"from\":");
    put_hex(out, tx->from.bytes, EVM_ADDRESS_BYTES);
    lucid_buf_str(out, ",\"to\":");
    put_hex(out, tx->to.bytes, EVM_ADDRESS_BYTES);
    lucid_buf_str(out, ",\"contractAddress\":null}");
}

static void answer_receipt(struct chain_model *model, const struct fake_question *question,
                           uint64_t height, struct lucid_buf *out)
{
    char text[80];
    struct evm_hash hash;
    lucid_assert(evm_hash_parse(lucid_span_str(param(question, 0, text, sizeof(text))), &hash));
    for (size_t i = 0; i < model->tx_count; i++) {
        const struct model_tx *tx = &model->txs[i];
        if (tx->mined && tx->block <= height && same_hash(&tx->hash, &hash)) {
            put_receipt(model, tx, out);
            return;
        }
    }
    lucid_buf_str(out, "null");
}

static void answer_transaction(struct chain_model *model, const struct fake_question *question,
                               struct lucid_buf *out)
{
    char text[80];
    struct evm_hash hash;
    lucid_assert(evm_hash_parse(lucid_span_str(param(question, 0, text, sizeof(text))), &hash));
    for (size_t i = 0; i < model->tx_count; i++) {
        const struct model_tx *tx = &model->txs[i];
        if (!tx->dropped && same_hash(&tx->hash, &hash)) {
            lucid_buf_printf(out, "{\"hash\":\"%s\",\"from\":", text);
            put_hex(out, tx->from.bytes, EVM_ADDRESS_BYTES);
            lucid_buf_str(out, ",\"nonce\":");
            put_quantity(out, tx->nonce);
            lucid_buf_char(out, '}');
            return;
        }
    }
    lucid_buf_str(out, "null");
}

static void answer_block(struct chain_model *model, const struct fake_question *question,
                         uint64_t height, struct lucid_buf *out)
{
    char text[80];
    uint64_t number = height;
    lucid_assert(param(question, 0, text, sizeof(text)) != NULL);
    if (strcmp(text, "safe") == 0) {
        number = height > 1 ? height - 1 : 0;
    } else if (strcmp(text, "finalized") == 0) {
        number = height > 2 ? height - 2 : 0;
    } else if (strcmp(text, "latest") != 0) {
        struct evm_u256 wide;
        lucid_assert(evm_u256_parse_quantity(lucid_span_str(text), &wide));
        lucid_assert(evm_u256_u64(&wide, &number));
    }
    if (number > height) {
        lucid_buf_str(out, "null");
        return;
    }
    lucid_buf_str(out, "{\"number\":");
    put_quantity(out, number);
    lucid_buf_str(out, ",\"hash\":");
    put_hex(out, model->blocks[number].hash.bytes, EVM_HASH_BYTES);
    lucid_buf_str(out, ",\"timestamp\":");
    put_quantity(out, model->blocks[number].time);
    lucid_buf_str(out, ",\"baseFeePerGas\":");
    put_quantity(out, model->base_fee);
    lucid_buf_str(out, ",\"transactions\":[]}");
}

static void answer_logs(struct chain_model *model, const struct fake_question *question,
                        uint64_t height, struct lucid_buf *out)
{
    char text[80];
    uint64_t from = 0;
    uint64_t to = height;
    struct evm_u256 wide;
    lucid_assert(evm_u256_parse_quantity(
        lucid_span_str(member(question, "fromBlock", text, sizeof(text))), &wide));
    lucid_assert(evm_u256_u64(&wide, &from));
    lucid_assert(evm_u256_parse_quantity(
        lucid_span_str(member(question, "toBlock", text, sizeof(text))), &wide));
    lucid_assert(evm_u256_u64(&wide, &to));
    struct evm_hash topics[3];
    const char *at = strstr(question->params, "\"topics\":[");
    lucid_assert(at != NULL);
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, "\"0x");
        lucid_assert(at != NULL && evm_hash_parse(lucid_span(at + 1, 66), &topics[i]));
        at += 67;
    }
    bool first = true;
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < model->tx_count; i++) {
        const struct model_tx *tx = &model->txs[i];
        for (size_t n = 0; tx->mined && tx->good && n < tx->log_count; n++) {
            if (tx->block >= from && tx->block <= to &&
                memcmp(tx->logs[n].topics, topics, sizeof(topics)) == 0) {
                lucid_buf_str(out, first ? "" : ",");
                put_log(model, tx, n, out);
                first = false;
            }
        }
    }
    lucid_buf_char(out, ']');
}

/* An error's text, or NULL. */
static const char *answer_call(struct chain_model *model, const struct fake_question *question,
                               struct lucid_buf *out)
{
    static const uint8_t truth[32] = {[31] = 1};
    static const uint8_t untruth[32] = {0};
    char text[1024];
    uint8_t data[512];
    const char *found = member(question, "data", text, sizeof(text));
    found = found != NULL ? found : member(question, "input", text, sizeof(text));
    lucid_assert(found != NULL);
    size_t len = unhex(text, data, sizeof(data));
    uint32_t selector = lucid_get_be32(data);
    if (!model->has_code) {
        lucid_buf_str(out, "\"0x\"");
    } else if (selector == 0x3644e515) {
        put_hex(out, model->separator.bytes, EVM_HASH_BYTES);
    } else if (selector == 0x70a08231) {
        put_hex(out, model->payer_balance.be, 32);
    } else if (selector == 0xe94a0102) {
        struct evm_hash words[2];
        lucid_assert(len == 68);
        memcpy(words, data + 4, 64);
        put_hex(out, is_used(model, &words[0], &words[1]) ? truth : untruth, 32);
    } else {
        lucid_assert(selector == 0xe3ee160e);
        if (model->refuses_simulation) {
            return "execution reverted";
        }
        lucid_buf_str(out, "\"0x\"");
    }
    return NULL;
}

/* The gas key's nonces that are mined up to a block. */
static uint64_t count_at(const struct chain_model *model, uint64_t block)
{
    uint64_t count = 0;
    for (size_t i = 0; i < model->tx_count; i++) {
        const struct model_tx *tx = &model->txs[i];
        if (tx->raw && tx->mined && tx->block <= block && tx->nonce >= count) {
            count = tx->nonce + 1;
        }
    }
    return count;
}

static uint64_t count_of(const struct chain_model *model, bool pending)
{
    uint64_t count = model->gas_count;
    bool more = pending;
    while (more) {
        more = false;
        for (size_t i = 0; i < model->tx_count; i++) {
            const struct model_tx *tx = &model->txs[i];
            if (tx->raw && !tx->mined && !tx->dropped && tx->nonce == count) {
                count++;
                more = true;
                break;
            }
        }
    }
    return count;
}

/* Writes the result; an error's text, or NULL. */
static const char *answer(struct chain_model *model, const struct model_node *node,
                          const struct fake_question *question, struct lucid_buf *out)
{
    const char *method = question->method;
    const char *error = NULL;
    uint64_t height = model->height - node->behind;
    char text[80];
    if (strcmp(method, "eth_chainId") == 0) {
        put_quantity(out, node->chain_id);
    } else if (strcmp(method, "eth_blockNumber") == 0) {
        put_quantity(out, height);
    } else if (strcmp(method, "eth_getTransactionReceipt") == 0) {
        answer_receipt(model, question, height, out);
    } else if (strcmp(method, "eth_getBlockByNumber") == 0) {
        answer_block(model, question, height, out);
    } else if (strcmp(method, "eth_getTransactionByHash") == 0) {
        answer_transaction(model, question, out);
    } else if (strcmp(method, "eth_getLogs") == 0) {
        answer_logs(model, question, height, out);
    } else if (strcmp(method, "eth_call") == 0) {
        error = answer_call(model, question, out);
    } else if (strcmp(method, "eth_getCode") == 0) {
        lucid_buf_str(out, model->has_code ? "\"0x6001\"" : "\"0x\"");
    } else if (strcmp(method, "eth_getBalance") == 0) {
        put_wei(out, &model->gas_balance);
    } else if (strcmp(method, "eth_maxPriorityFeePerGas") == 0) {
        put_quantity(out, model->tip);
    } else if (strcmp(method, "eth_getTransactionCount") == 0) {
        const char *tag = param(question, 1, text, sizeof(text));
        struct evm_u256 block;
        uint64_t number;
        bool at = evm_u256_parse_quantity(lucid_span_str(tag), &block);
        lucid_assert(!at || evm_u256_u64(&block, &number));
        put_quantity(out,
                     at ? count_at(model, number) : count_of(model, strcmp(tag, "pending") == 0));
    } else {
        lucid_assert(strcmp(method, "eth_sendRawTransaction") == 0);
        error = send(model, question);
        put_hex(out,
                model->tx_count > 0 ? model->txs[model->tx_count - 1].hash.bytes
                                    : model->separator.bytes,
                EVM_HASH_BYTES);
    }
    return error;
}

static void ask(struct fake_question *question)
{
    struct chain_model *model = question->fake->context;
    size_t which = (size_t)(question->call->url[strlen("http://node")] - '0');
    lucid_assert(which < MODEL_NODES);
    struct model_node *node = &model->nodes[which];
    node->asked++;
    if (node->hangs) {
        return;
    }
    if (node->away) {
        fake_answer_error(question, LUCID_RETRY_IO, 1);
        return;
    }
    const char *lie = node->lie != NULL ? node->lie(model, question) : NULL;
    if (lie != NULL) {
        if (lie[0] == '!') {
            fake_answer_refusal(question, -32000, lie + 1, NULL, 1);
        } else {
            fake_answer_result(question, lie, 1);
        }
        return;
    }
    lucid_buf_clear(&model->scratch);
    const char *error = answer(model, node, question, &model->scratch);
    lucid_buf_char(&model->scratch, '\0');
    if (model->swallows && strcmp(question->method, "eth_sendRawTransaction") == 0) {
        return;
    }
    if (error != NULL) {
        bool reverts = strcmp(error, "execution reverted") == 0;
        fake_answer_refusal(question, reverts ? 3 : -32000, error, NULL, 1);
    } else {
        fake_answer_result(question, (const char *)model->scratch.data, 1);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void model_init(struct chain_model *model)
{
    memset(model, 0, sizeof(*model));
    fake_loop_init(&model->loop, 1800000000000);
    fake_outgoing_init(&model->out, &model->loop);
    model->out.ask = ask;
    model->out.context = model;
    for (size_t i = 0; i < MODEL_NODES; i++) {
        model->nodes[i].chain_id = 84532;
    }
    model->has_code = model->automine = true;
    model->base_fee = 1000000000;
    model->tip = 100000000;
    model->gas_balance = evm_u256_of(UINT64_C(1000000000000000000));
    model->payer_balance = evm_u256_of(1000000000);
    model->blocks[0] = (struct model_block){.hash = salted(model, "block"), .time = 1799999000};
    model_mine(model, 20);
    for (uint64_t i = 0; i <= model->height; i++) {
        model->blocks[i].time = 1800000000 - 30 + i;
    }
}

void model_fini(struct chain_model *model)
{
    fake_outgoing_fini(&model->out);
    fake_loop_fini(&model->loop);
    lucid_buf_fini(&model->scratch);
}
