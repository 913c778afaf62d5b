/* The orchestrator's secret key: LUCID_ORCHESTRATOR_SECRET_KEY or --key-file, in the forms that are
 * around: 128 or 64 hex digits, base64 or base58 of 64 or 32 bytes, a JSON array of 64 or 32
 * numbers (Solana's key file). 64 bytes are seed ‖ public key and the public half must fit. */
#ifndef LUCID_TOOLS_SECRET_H
#define LUCID_TOOLS_SECRET_H

#include "ledger/ed25519.h"
#include "tools/lucid/cli.h"

#define SECRET_BYTES       64
#define SECRET_ENVIRONMENT "LUCID_ORCHESTRATOR_SECRET_KEY"

/* The key from --key-file or the environment; *ret_secret stays NULL when neither is there. Free it
 * with datadir_secret_free(…, SECRET_BYTES). Prints its errors. */
enum cli_exit secret_load(struct cli *cli, uint8_t **ret_secret) LUCID_WARN_UNUSED;

/* The public half of the secret key in a file, where the file holds both halves (what `lucid
 * keygen` prints, a key file of Solana). False, and nothing printed: it does not, or is not to be
 * read. Nothing of the secret is left in memory. */
bool secret_file_public(const char *path, uint8_t ret_public[32]) LUCID_WARN_UNUSED;

#endif
