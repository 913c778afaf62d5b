/* What the commands of `lucid passport` share. */
#ifndef LUCID_TOOLS_PASSPORT_H
#define LUCID_TOOLS_PASSPORT_H

#include "plugins/passport/package.h"
#include "plugins/passport/verify.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/verifier.h"

#define PASSPORT_ARENA_BYTES_MAX ((size_t)512 << 20)
#define PASSPORT_URL_BYTES_MAX   4096

/* Whether text is a passport's id; anything else names an application, or a file. */
bool passport_is_id(const char *text);

/* The id that an argument means: itself, or the newest valid passport of the application of that
 * name, which the service is asked for. Prints its errors; a name without one is CLI_REFUSED. */
enum cli_exit passport_id_find(struct cli *cli, const char *given,
                               char ret[PASSPORT_ID_BYTES_MAX + 1]) LUCID_WARN_UNUSED;

/* The page for people of an answer about a passport (its links.page, made absolute with --url where
 * it is a path). False: it has none that is http or https. */
bool passport_page_url(const struct cli *cli, const json_t *answer,
                       char ret[PASSPORT_URL_BYTES_MAX]) LUCID_WARN_UNUSED;

/* An answer about a passport, for people: what it says in lines; the document itself is left out.
 */
void passport_answer_print(struct cli *cli, const json_t *answer);

/* What a verification found: the JSON object that verify_write writes, each check on a line. */
void passport_checks_print(struct cli *cli, const json_t *report);
/* valid 0, invalid 1, unknown 4. */
enum cli_exit passport_verdict_exit(const json_t *report);

/* Unix seconds by this machine's clock. */
uint64_t passport_now_s(void);
/* --NAME as Unix seconds, or as 2026-01-31T12:00:00Z; without it now. Prints its error. */
enum cli_exit passport_time_read(struct cli *cli, const char *name,
                                 uint64_t *ret_s) LUCID_WARN_UNUSED;

#endif
