/* What the commands of `lucid verifier` share. */
#ifndef LUCID_TOOLS_VERIFIER_H
#define LUCID_TOOLS_VERIFIER_H

#include "plugins/verifier/bundle.h"
#include "tools/lucid/cli.h"

#define VERIFIER_FILE_BYTES_MAX  ((size_t)24 << 20)
#define VERIFIER_ARENA_BYTES_MAX ((size_t)128 << 20)

/* A whole file, or standard input for "-"; the caller frees it. Prints its errors. */
enum cli_exit verifier_file_read(struct cli *cli, const char *name,
                                 struct lucid_buf *ret) LUCID_WARN_UNUSED;
/* Without white space and line ends around it. */
struct lucid_span verifier_trim(struct lucid_span text);
/* A JSON object out of a file; the caller decrefs it. */
enum cli_exit verifier_json_read(struct cli *cli, const char *name, json_t **ret) LUCID_WARN_UNUSED;
/* The bytes as a JSON string of padded base64; NULL: memory. */
json_t *verifier_base64(struct lucid_span bytes);

/* The Ed25519 keys that the caller believes. */
struct verifier_keys {
    uint8_t keys[RECORD_KEYS_MAX][DOCUMENT_KEY_BYTES];
    uint8_t issuers[RECORD_KEYS_MAX]; /* of each: the place of the first of the same --key */
    size_t count;
};

/* All of --key: 64 hex digits, base64 of 32 bytes, or a file with a JWK set, whose other kinds of
 * keys are read over. Prints its errors. */
enum cli_exit verifier_keys_load(struct cli *cli, struct verifier_keys *ret) LUCID_WARN_UNUSED;

/* The ledger's one rule for Ed25519. */
bool verifier_signature_ok(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                           const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context);

/* Imports one item of collateral; name: what it is called in the answer. product may be NULL. */
enum cli_exit verifier_import_bytes(struct cli *cli, struct lucid_span bytes, const char *type,
                                    const char *product, const char *name) LUCID_WARN_UNUSED;

/* What a failed request to another peer than the service says; its exit code. */
enum cli_exit verifier_fail_peer(struct cli *cli, const char *url, enum lucid_error error,
                                 const struct lucid_why *why);

/* Steps as a table. */
void verifier_steps_print(const json_t *steps);
/* What came of an appraisal, for people: the answer of POST …/appraise, or of one that was read. */
void verifier_result_print(const json_t *answer);
/* The exit code that goes with a status: affirming and warning 0, contraindicated 1, none 4. */
enum cli_exit verifier_status_exit(const json_t *answer);

#endif
