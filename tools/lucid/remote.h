/* Calls to the service: token, problem documents, exit codes. */
#ifndef LUCID_TOOLS_REMOTE_H
#define LUCID_TOOLS_REMOTE_H

#include "tools/lucid/cli.h"

#define REMOTE_PATH_BYTES_MAX 1024
#define REMOTE_ID_BYTES_MAX   128

/* Opens the client and finds the token (--token-file, LUCID_TOKEN, --data's admin.token; none is no
 * error). Prints its errors. */
enum cli_exit remote_open(struct cli *cli) LUCID_WARN_UNUSED;

/* Fills url and the Authorization header into caller's buffers and the question. header is
 * CLI_TOKEN_BYTES_MAX + 32 bytes and secret. path begins with '/'. False: after a message. */
bool remote_question_init(struct cli *cli, const char *method, const char *path, char *url,
                          size_t url_max, char *header,
                          struct client_question *question) LUCID_WARN_UNUSED;

/* One call: JSON (or NULL) out, JSON back. Any status but 2xx is printed as an error and becomes
 * the exit code; ret is then untouched. The caller decrefs *ret. ret may be NULL. */
enum cli_exit remote_call(struct cli *cli, const char *method, const char *path, const json_t *body,
                          json_t **ret) LUCID_WARN_UNUSED;

/* The same with one more request header, a whole line; NULL: none. */
enum cli_exit remote_call_with(struct cli *cli, const char *method, const char *path,
                               const char *header, const json_t *body,
                               json_t **ret) LUCID_WARN_UNUSED;

/* The same with a body that is sent byte by byte, because it is signed. */
enum cli_exit remote_send(struct cli *cli, const char *method, const char *path,
                          struct lucid_span body, json_t **ret) LUCID_WARN_UNUSED;

/* GET of an answer without pages, up to 1 GiB: it may take its time, as long as something comes. */
enum cli_exit remote_get_long(struct cli *cli, const char *path, json_t **ret) LUCID_WARN_UNUSED;

/* GET of what may not be there: *ret is NULL after a 404, which is no error then. */
enum cli_exit remote_find(struct cli *cli, const char *path, json_t **ret) LUCID_WARN_UNUSED;

/* GET, giving the answer's own bytes (untrusted, the caller frees them): what is signed in them
 * must not go through a JSON library with its own idea of numbers. A 503 or 429 is tried again once
 * a second, at most `tries` times. */
enum cli_exit remote_get_text(struct cli *cli, const char *path, unsigned tries,
                              struct lucid_buf *ret_text) LUCID_WARN_UNUSED;

/* The same for another form than JSON; accept is a whole header line, "Accept: text/plain". */
enum cli_exit remote_get_as(struct cli *cli, const char *path, const char *accept, unsigned tries,
                            struct lucid_buf *ret_bytes) LUCID_WARN_UNUSED;

/* All pages of a list (path may have a query) up to limit items: a JSON array, which the caller
 * decrefs. *ret_more: there were more. */
enum cli_exit remote_list_get(struct cli *cli, const char *path, uint64_t limit, json_t **ret,
                              bool *ret_more) LUCID_WARN_UNUSED;

/* All pages of a list (path may have a query) up to the command's --limit (100), printed as a table
 * or, with --json, as {"items":[…]}. row: turns an item into what people read of it; not called
 * with --json; may be NULL. */
enum cli_exit remote_list_print(struct cli *cli, const char *path, const char *const *columns,
                                void (*row)(json_t *item)) LUCID_WARN_UNUSED;

/* Calls back for every item of a list (path may have a query), a page in memory at a time. Another
 * value than CLI_OK from item ends it and is passed on. */
typedef enum cli_exit remote_item_fn(void *context, const json_t *item);
enum cli_exit remote_each(struct cli *cli, const char *path, remote_item_fn *item,
                          void *context) LUCID_WARN_UNUSED;

/* Prints an answer (if code is CLI_OK), decrefs it and returns code. */
enum cli_exit remote_object_print(struct cli *cli, enum cli_exit code, json_t *object);

/* Prints what an unsuccessful answer says. */
enum cli_exit remote_fail(struct cli *cli, const struct client_answer *answer);
/* Prints what a failed request says. */
enum cli_exit remote_fail_error(struct cli *cli, enum lucid_error error,
                                const struct lucid_why *why);
/* The exit code that goes with an HTTP status. */
enum cli_exit remote_exit_code(int status);

/* Percent-encodes text for a query, with its terminating 0. False: it does not fit into max bytes.
 */
bool remote_encode(const char *text, char *out, size_t max) LUCID_WARN_UNUSED;

/* Whether text may stand in a path as a receipt hash, run_id, key, token id or number: 1–128 of
 * A-Za-z0-9._:- (so nothing needs escaping), not "." or "..". Prints the error. */
bool remote_id_ok(struct cli *cli, const char *what, const char *text) LUCID_WARN_UNUSED;

#endif
