/* Sources: the token tables of @x402/evm 2.27.0 and x402 1.2.0 (tests/vectors/x402). A separator
 * that is pinned here is what the token itself answers; were a name or version wrong, nobody's
 * signature would be good. */
#include "x402/network_internal.h"

#include "base/assert.h"

/* clang-format off */
static const struct x402_token_row rows[] = {
    {8453, "USDC", 6, true, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2",
     "0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f"},
    {84532, "USDC", 6, true, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2",
     "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818"},
    {1, "USDC", 6, true, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", "2",
     "0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335"},
    {43114, "USDC", 6, true, "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin", "2",
     "0xbbea200329a938bc3438984a49cb0732e66d66d7bd59c127abacc1710e77f7b3"},
    {4326, "MegaUSD", 18, false, "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7", "MegaUSD", "1",
     "0x26e1aa8b35bf8653b60726926f670a6ec590674f00b149826914c480d0e798bd"},
    {143, "USDC", 6, true, "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC", "2",
     "0xfe22123edc0dd4aeb912eb7948c5f0e531592c2053b3067612f427db342c93c6"},
    {988, "USDT0", 6, true, "0x779Ded0c9e1022225f8E0630b35a9b54bE713736", "USDT0", "1",
     "0xf21cc02b28f1a6c8d5ae07aaf9d8954535a11acbaf36923aef1b21d0fc27b221"},
    {137, "USDC", 6, true, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin", "2",
     "0xcaa2ce1a5703ccbe253a34eb3166df60a705c561b44b192061e28f2a985be2ca"},
    {42161, "USDC", 6, true, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin", "2",
     "0x08d11903f8419e68b1b8721bcbe2e9fc68569122a77ef18c216f10b3b5112c78"},
    {31612, "mUSD", 18, false, "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186", "Mezo USD", "1",
     "0x0a43819914359cf08d7ef52ccb53aadf5478d3d2fc676003ccb84491d09a3e93"},
    {723487, "SBC", 6, false, "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1",
     "0xad9d505934aea9cff020dd1fe24aafd01930aed2b6a477d2cd73d55d6f45cc27"},
    {36900, "USDC.e", 6, true, "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2", "USDC.e", "2",
     "0x4369b2ef8a73be962c9aaf8dcddc38d022dca40af0729d7e4c80a3b44f6698fa"},
    {190415, "USDC.e", 6, true, "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2",
     "0xec205e80d13812cd615a90f0751d6abc05df7ebcbb86c5c50e6abb874d53df6a"},
    {50, "USDC", 6, true, "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1", "USDC", "2",
     "0xe3bb44ae105af7e23bb39b117e22bbcbf435066554f45b3a9bbcba42c80fe56d"},
    {38833, "USDC", 6, false, "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7", "USDC", "1",
     "0x28bce74a6cc06fa84b1d62e091fdd53d7c119236fce935685def34d844802e8f"},
    {14, "USDT0", 6, true, "0xe7cd86e13AC4309349F30B3435a9d337750fC82D", "USD\xe2\x82\xae" "0",
     "1", "0x4c53d754dcb2f406ecf83695856d8c10b13296a318d9a481043412bf253d43ae"},
    {42220, "USDC", 6, true, "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", "USDC", "2",
     "0xb2ce31d2838445fa765a491f550e7c78ac7280ab0f3bc9d6063a86df9c3fb578"},
    {42220, "USAT", 6, true, "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771", "Tether America USD",
     "1", "0xe6bbb7920a85afd44befe87c998da24b8b655c972faf8a8acbdf38c829ff8bf2"},
    {1329, "USDC", 6, true, "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC", "2",
     "0x0a19136106ae98d2c245cbbd451f3cb2bbbb1670e1ee191abacb5a5e255c0255"},
    {80002, "USDC", 6, true, "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582", "USDC", "2",
     "0x5cddc98319864e897e4469bd1d13c2288c677047b54b8cca12bd342adb6be9eb"},
    {31337, "test", 6, true, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2",
     "0x1623e46c385f5fa772bbfcc6e467f4dcabc9ff8d3fa535d71a354f984859ada3"},
    {43113, "USDC", 6, true, "0x5425890298aed601595a70AB815c96711a31Bc65", "USD Coin", "2",
     "0xfe9fa105a0e9629446730e544caa6b8d05d8d4fc93451750dc50e2ddd6d374b3"},
    {421614, "USDC", 6, true, "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin", "2",
     "0x85944e1292d007732838d6eadfa67589b78ffcededbd4df60488d0af251308bb"},
    {1328, "USDC", 6, true, "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC", "2",
     "0x154bb5980ce1d584a1067dc67730720e6046d0364a2ade0b692dd488e71fe653"},
};
/* clang-format on */

static const struct x402_solana_row solana_rows[] = {
    {"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "solana",
     "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"},
    {"solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "solana-devnet",
     "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
};

/* What version 1 calls a chain. */
static const struct {
    const char *name;
    uint64_t chain_id;
} chains[] = {
    {"base", 8453},
    {"base-sepolia", 84532},
    {"ethereum", 1},
    {"sepolia", 11155111},
    {"polygon", 137},
    {"polygon-amoy", 80002},
    {"avalanche", 43114},
    {"avalanche-fuji", 43113},
    {"monad", 143},
    {"sei", 1329},
    {"sei-testnet", 1328},
    {"celo", 42220},
    {"abstract", 2741},
    {"abstract-testnet", 11124},
    {"iotex", 4689},
    {"peaq", 3338},
    {"story", 1514},
    {"educhain", 41923},
    {"skale-base-sepolia", 324705682},
    {"megaeth", 4326},
    {"stable", 988},
    {"stable-testnet", 2201},
    {"flare", 14},
};

enum {
    ROWS = sizeof(rows) / sizeof(rows[0]),
    CHAINS = sizeof(chains) / sizeof(chains[0]),
    SOLANA_ROWS = sizeof(solana_rows) / sizeof(solana_rows[0]),
};

const struct x402_solana_row *x402_solana_row_at(size_t n)
{
    return n < SOLANA_ROWS ? &solana_rows[n] : NULL;
}

const struct x402_token_row *x402_token_row_at(size_t n)
{
    return n < ROWS ? &rows[n] : NULL;
}

/* Bridged USDC is USDC; other money is taken only where the operator names it. */
static bool is_usdc(const struct x402_token_row *row)
{
    return strncmp(row->symbol, "USDC", 4) == 0;
}

const struct x402_token_row *x402_token_row_find(uint64_t chain_id, const struct evm_address *token)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct evm_address address;
        lucid_assert(evm_address_parse(lucid_span_str(rows[i].address), &address));
        if (rows[i].chain_id == chain_id &&
            (token == NULL ? is_usdc(&rows[i]) : memcmp(&address, token, sizeof(address)) == 0)) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *x402_chain_name(uint64_t chain_id)
{
    for (size_t i = 0; i < CHAINS; i++) {
        if (chains[i].chain_id == chain_id) {
            return chains[i].name;
        }
    }
    return "";
}

bool x402_chain_named(struct lucid_span name, uint64_t *ret_chain_id)
{
    for (size_t i = 0; i < CHAINS; i++) {
        if (lucid_span_is(name, chains[i].name)) {
            *ret_chain_id = chains[i].chain_id;
            return true;
        }
    }
    return false;
}
