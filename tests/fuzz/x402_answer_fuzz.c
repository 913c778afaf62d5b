/* What facilitators answer: whatever it is, what is taken is about what was asked, texts are
 * printable, and reasons are known words. The first byte says which answer, and of which network.
 */
#include "base/assert.h"
#include "x402/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct x402_networks networks;
static struct x402_supported supported;

static void text_check(const char *text)
{
    size_t len = strlen(text);
    lucid_assert(len < X402_REMOTE_TEXT_BYTES);
    for (size_t i = 0; i < len; i++) {
        lucid_assert(text[i] >= 0x20 && text[i] < 0x7f);
    }
}

static void networks_open(void)
{
    lucid_assert(x402_network_known(lucid_span_str("base-sepolia"), &networks.items[0]));
    lucid_assert(x402_network_known(lucid_span_str("solana"), &networks.items[1]));
    networks.count = 2;
}

static void supported_check(struct lucid_span body)
{
    if (x402_supported_parse(body, &networks, &supported, NULL) != LUCID_OK) {
        return;
    }
    for (size_t i = 0; i < networks.count; i++) {
        const struct x402_supported_network *one = &supported.networks[i];
        lucid_assert(one->signer_count <= X402_SIGNERS_MAX);
        lucid_assert(!one->has_fee_payer || networks.items[i].solana);
        lucid_assert(one->signer_count == 0 || !networks.items[i].solana);
    }
}

static void verify_check(struct lucid_span body, const struct x402_remote_asked *asked)
{
    struct x402_verify_answer answer;
    if (x402_verify_answer_parse(body, asked, &answer) == LUCID_OK) {
        lucid_assert(answer.valid == (answer.reason == NULL));
        lucid_assert(!answer.valid || !answer.cannot);
        text_check(answer.text);
    }
}

static void settle_check(struct lucid_span body, const struct x402_remote_asked *asked)
{
    struct x402_settle_answer answer;
    if (x402_settle_answer_parse(body, asked, &answer) == LUCID_OK) {
        lucid_assert(answer.success == (answer.reason == NULL));
        lucid_assert(!answer.success || answer.has_transaction || answer.mismatch);
        lucid_assert(!answer.certain || (!answer.success && !answer.pending));
        text_check(answer.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (networks.count == 0) {
        networks_open();
    }
    if (size == 0) {
        return 0;
    }
    struct lucid_span body = lucid_span(data + 1, size - 1);
    const struct x402_remote_asked asked = {.network = &networks.items[data[0] & 1]};
    switch (data[0] >> 1 & 3) {
    case 0:
        supported_check(body);
        break;
    case 1:
        verify_check(body, &asked);
        break;
    default:
        settle_check(body, &asked);
        break;
    }
    return 0;
}
