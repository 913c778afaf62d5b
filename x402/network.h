/* The networks that payments may come over: the built-in table of names, tokens and EIP-712 domains
 * (each separator pinned), and the operator's file that says which are used and how.
 *
 * The file is JSON: {"networks":[{"network":"eip155:84532" (or a v1 name), "rpc":[url …],
 *   "rpc_quorum":1, "rpc_timeout_ms":5000, "rpc_insecure":false, "token"?, "token_name"?,
 *   "token_version"? (all three for tokens that the table does not have), "serve_depth":1 (blocks,
 *   this one included; or "safe", "finalized"), "final_depth":12 (likewise), "gas_key_file"?,
 *   "gas_limit":150000, "max_fee_gwei":"100", "stuck_seconds":30, "treasury_key_file"?,
 *   "treasury_address"? (follows from the key; alone: payouts made elsewhere are checked against
 *   it), "treasury_day_max":"0" (base units that may go out on a UTC day)}]}. Of a Solana network
 *   ("solana:…" or "solana", "solana-devnet") only "network" is allowed. Unknown members are
 *   refused.
 *   URLs are https; http only to loopback, or anywhere with rpc_insecure.
 *
 * Thread: made before threads start, const afterwards. */
#ifndef LUCID_X402_NETWORK_H
#define LUCID_X402_NETWORK_H

#include "x402/evm/evm.h"
#include "x402/evm/rpc.h"

#define X402_NETWORKS_MAX      16
#define X402_CAIP2_BYTES_MAX   64
#define X402_V1_NAME_BYTES_MAX 32
#define X402_DOMAIN_BYTES_MAX  64
#define X402_URL_BYTES_MAX     512
#define X402_PATH_BYTES_MAX    512
#define X402_SOLANA_KEY_BYTES  32

enum x402_depth_by { X402_BY_DEPTH, X402_BY_SAFE, X402_BY_FINALIZED };

struct x402_depth {
    enum x402_depth_by by;
    uint32_t blocks; /* X402_BY_DEPTH: 1 = in the newest block */
};

struct x402_network {
    char caip2[X402_CAIP2_BYTES_MAX + 1];     /* "eip155:84532" */
    char v1_name[X402_V1_NAME_BYTES_MAX + 1]; /* "base-sepolia"; "": v1 knows none */
    uint64_t chain_id;
    struct evm_address token;
    char token_name[X402_DOMAIN_BYTES_MAX + 1]; /* of the EIP-712 domain */
    char token_version[X402_DOMAIN_BYTES_MAX + 1];
    struct evm_hash separator;       /* of the token's domain */
    struct evm_hash proof_separator; /* {"Lucid ledger","1",chain_id,token} */
    bool eip3009;                    /* the token has transferWithAuthorization */
    bool solana; /* no chain of ours: facilitators settle there (x402/solana.h). chain_id, token,
                    its domain and everything of the file are 0 */
    uint8_t mint[X402_SOLANA_KEY_BYTES]; /* solana: of the USDC */

    /* Only of the operator's file. */
    char rpc[EVM_RPC_ENDPOINTS_MAX][X402_URL_BYTES_MAX + 1];
    size_t rpc_count;
    unsigned rpc_quorum;
    uint32_t rpc_timeout_ms;
    struct x402_depth serve_depth;
    struct x402_depth final_depth;
    char gas_key_file[X402_PATH_BYTES_MAX + 1]; /* "": authorizations cannot be settled here */
    uint64_t gas_limit;
    uint64_t max_fee_wei;
    uint32_t stuck_seconds;
    char treasury_key_file[X402_PATH_BYTES_MAX + 1]; /* "": nothing is sent out from here */
    bool has_gas;
    struct evm_address gas;      /* the gas key's address: set by whoever reads the key */
    bool has_treasury;           /* the file says it, or whoever has read the key has set it */
    struct evm_address treasury; /* payouts and refunds come from it */
    uint64_t treasury_day_max;   /* base units a UTC day; 0: nothing may go out */
};

struct x402_networks {
    size_t count;
    struct x402_network items[X402_NETWORKS_MAX];
};

/* The built-in table's network (without the operator's part) by CAIP-2 or v1 name, with its USDC.
 * False: the table has no USDC there. */
bool x402_network_known(struct lucid_span name, struct x402_network *ret) LUCID_WARN_UNUSED;

#define X402_NETWORKS_FILE_BYTES_MAX ((size_t)256 * 1024)

/* Reads the operator's file (its bytes). Refusals: LUCID_REFUSE_INVALID, why.param names the member
 * ("networks[0].rpc[1]"); LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error x402_networks_parse(struct lucid_span json, struct x402_networks *ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* By CAIP-2, and by v1 name; NULL. */
const struct x402_network *x402_network_find(const struct x402_networks *networks,
                                             struct lucid_span caip2);
const struct x402_network *x402_network_find_v1(const struct x402_networks *networks,
                                                struct lucid_span name);

#endif
