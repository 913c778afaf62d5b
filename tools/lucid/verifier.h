/* What the commands of `lucid verifier` share. */
#ifndef LUCID_TOOLS_VERIFIER_H
#define LUCID_TOOLS_VERIFIER_H

#include "plugins/verifier/bundle.h"
#include "plugins/verifier/crypto/jose.h"
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

/* The commands whose first word is a verb. Other words are as many as it wants; context is passed
 * on. */
struct verifier_verb {
    const char *name;
    unsigned words_min;
    unsigned words_max;
    enum cli_exit (*run)(struct cli *cli, const void *context);
};
enum cli_exit verifier_verb_run(struct cli *cli, const struct verifier_verb *verbs, size_t count,
                                const void *context);

/* Prints a document of ours, canonical, and says its id. Prints its errors. */
enum cli_exit verifier_document_print(struct cli *cli, struct lucid_span canonical);

/* Signs a document with --key-file, or the environment's key, and prints it; name: what it is
 * called in a message. check: whether a service would take it, so that what is misspelt is found
 * before it is sent. Prints its errors. */
typedef enum lucid_error verifier_check_fn(struct lucid_span text, struct lucid_arena *arena,
                                           struct lucid_why *why);
enum cli_exit verifier_sign_print(struct cli *cli, struct lucid_span text, const char *name,
                                  verifier_check_fn *check) LUCID_WARN_UNUSED;

/* What test stores take: --test-time and --test-bound-data into a request. Prints its errors. */
enum cli_exit verifier_test_load(struct cli *cli, json_t *body) LUCID_WARN_UNUSED;

/* Called with every key of --key, in their order; option: of which --key, from 0. kid: the JWK's
 * own, which may be of any type; NULL: none. False: that is one too many. */
typedef bool verifier_key_fn(void *context, size_t option, const struct jose_key *key,
                             const struct jcs_value *kid);
/* All of --key: an Ed25519 key as 64 hex digits or base64, or a file with a JWK set or one JWK, in
 * which keys of other kinds are read over. Prints its errors, of which a file without any key is
 * one. */
enum cli_exit verifier_keys_each(struct cli *cli, verifier_key_fn *take,
                                 void *context) LUCID_WARN_UNUSED;

/* The Ed25519 keys that the caller believes. */
struct verifier_keys {
    uint8_t keys[RECORD_KEYS_MAX][DOCUMENT_KEY_BYTES];
    uint8_t issuers[RECORD_KEYS_MAX]; /* of each: which --key it came by */
    size_t count;
};

/* All of --key that are of Ed25519. Prints its errors. */
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

/* Prints the answer of POST …/appraise, …/claims or …/interactions, or one that was read: for
 * people, or with --json as it came. */
void verifier_result_print(const struct cli *cli, const json_t *answer);
/* GET of one item of a list, printed. Prints its errors. */
enum cli_exit verifier_show(struct cli *cli, const char *path, const char *id) LUCID_WARN_UNUSED;
/* A text that the service's answer must have; NULL: after a message. */
const char *verifier_answer_text(struct cli *cli, const json_t *answer, const char *name);
/* The exit code of a status: affirming and warning 0, contraindicated 1, else 4. */
enum cli_exit verifier_tier_exit(const char *status);
/* Prints an appraisal's answer and keeps its token (--ear); the exit code of its status. */
enum cli_exit verifier_appraised(struct cli *cli, const json_t *answer) LUCID_WARN_UNUSED;

#endif
