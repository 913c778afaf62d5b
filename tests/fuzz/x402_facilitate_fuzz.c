/* What other servers ask of this facilitator: whatever fits pays one of the client's recipients on
 * one of its networks, signed by the payer; whatever does not has a reason and a sentence. A first
 * byte of 0: the rest is a clients file. */
#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "x402/evm/eip712.h"
#include "x402/facilitation_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS ((uint64_t)1795290259 * 1000)

static struct x402_networks networks;
static struct x402_client client;
static struct x402_clients clients;

static void setup(void)
{
    static const char file[] =
        "{\"networks\":[{\"network\":\"base-sepolia\",\"rpc\":[\"http://127.0.0.1:1\"],"
        "\"gas_key_file\":\"/k\"}]}";
    lucid_assert(evm_sign_open() == LUCID_OK);
    lucid_assert(x402_networks_parse(lucid_span_str(file), &networks, NULL) == LUCID_OK);
    client = (struct x402_client){.name = "shop", .networks = {true}, .pay_to_count = 1};
    lucid_assert(evm_address_parse(lucid_span_str("0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82"),
                                   &client.pay_to[0]));
}

static void clients_check(struct lucid_span file)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = x402_clients_parse(file, &networks, &clients, &why);
    if (error != LUCID_OK) {
        lucid_assert(error == LUCID_REFUSE_INVALID || error == LUCID_REFUSE_TOO_LARGE);
        lucid_assert(why.text[0] != '\0');
        return;
    }
    lucid_assert(clients.count <= X402_CLIENTS_MAX);
    for (size_t i = 0; i < clients.count; i++) {
        const struct x402_client *one = &clients.items[i];
        lucid_assert(x402_client_find(&clients, one->token) == one);
        lucid_assert(one->name[0] != '\0' && one->networks[0] && one->pay_to_count > 0);
        lucid_assert(one->verifies_per_minute > 0 && one->settles_per_minute > 0);
        lucid_assert(one->gas_wei_per_day <= INT64_MAX);
    }
}

static void fits_check(const struct x402_facilitation_ask *ask)
{
    const struct evm_authorization *authorization = &ask->proof.authorization;
    struct evm_hash digest = evm_authorization_digest(&ask->network->separator, authorization);
    struct evm_address signer;
    lucid_assert(ask->network == &networks.items[0] && ask->has_payer);
    lucid_assert(memcmp(&authorization->to, &client.pay_to[0], sizeof(client.pay_to[0])) == 0);
    lucid_assert(evm_recover(&digest, &ask->proof.signature, &signer) == LUCID_OK);
    lucid_assert(memcmp(&signer, &ask->payer, sizeof(signer)) == 0);
    lucid_assert(ask->version == 1 || ask->version == 2);
}

static void answer_check(const struct x402_facilitation_ask *ask, struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 2, .values_max = 16};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    x402_settle_answer_write(ask->has_payer ? &ask->payer : NULL, ask->reason, ask->text, NULL,
                             ask->network_text, &out);
    lucid_assert(jcs_parse(lucid_buf_span(&out), &limits, arena, &root, NULL) == LUCID_OK);
    lucid_buf_fini(&out);
}

static void ask_check(struct lucid_span body)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 2048};
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct lucid_why why = {.code = NULL};
    struct x402_facilitation_ask ask;
    lucid_arena_init(&arena, (size_t)1 << 20);
    if (jcs_parse(body, &limits, &arena, &root, NULL) == LUCID_OK && jcs_type(root) == JCS_OBJECT) {
        enum lucid_error error =
            x402_facilitation_match(root, &networks, &client, NOW_MS, &ask, &why);
        if (error != LUCID_OK) {
            lucid_assert(error == LUCID_REFUSE_INVALID && why.param[0] != '\0');
        } else if (ask.verdict == X402_FITS) {
            fits_check(&ask);
        } else {
            lucid_assert(ask.verdict == X402_MISFIT && ask.reason != NULL && ask.text[0] != '\0');
            answer_check(&ask, &arena);
        }
    }
    lucid_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (networks.count == 0) {
        setup();
    }
    if (size > 0 && data[0] == 0) {
        clients_check(lucid_span(data + 1, size - 1));
    } else if (size <= (size_t)64 * 1024) {
        ask_check(lucid_span(data, size));
    }
    return 0;
}
