/* lucid log accept-head: the operator's word that a store is the newest there is. */
#include <stdlib.h>

#include "ledger/head.h"
#include "ledger/note.h"
#include "lucidd/offline.h"
#include "lucidd/published.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

struct acceptance {
    struct offline offline;
    const char *path; /* of the published head */
    uint64_t size;    /* of the newest head */
};

/* The head to be accepted, and what the operator brought from elsewhere held against the store. */
static enum lucid_error head_judge(struct cli *cli, struct acceptance *acceptance,
                                   struct lucid_why *why)
{
    struct ledger_view *view;
    enum lucid_error error = ledger_view_open(acceptance->offline.ledger, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        struct ledger_head head;
        error = ledger_head_newest(view, &head);
        if (error == LUCID_OK) {
            acceptance->size = head.size;
        }
        ledger_view_end(view);
    }
    ledger_view_close(view);
    const char *path;
    for (size_t i = 0; error == LUCID_OK && (path = cli_value_at(cli, "published", i)) != NULL;
         i++) {
        error = published_check(acceptance->offline.ledger, path, why);
        if (error == LUCID_NOTE_ABSENT) {
            error = LUCID_REFUSE_INVALID;
        }
    }
    return error;
}

static enum cli_exit accepted_print(struct cli *cli, const struct acceptance *acceptance,
                                    bool written)
{
    json_t *done = json_pack("{s:s, s:I, s:b}", "file", acceptance->path, "size",
                             (json_int_t)acceptance->size, "written", written);
    return remote_object_print(cli, done != NULL ? CLI_OK : CLI_REFUSED, done);
}

static enum cli_exit accept_run(struct cli *cli, struct acceptance *acceptance)
{
    struct lucid_why why = {0};
    uint64_t size;
    /* For writing, so that no service can run on the store meanwhile. */
    enum lucid_error error = offline_open(&acceptance->offline, cli->data, OFFLINE_WRITE, &why);
    if (error == LUCID_OK) {
        acceptance->path = cli_value(cli, "file", acceptance->offline.dir.published_head);
        error = head_judge(cli, acceptance, &why);
    }
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, "log accept-head");
    }
    error = published_check(acceptance->offline.ledger, acceptance->path, &why);
    if (error == LUCID_OK) {
        return accepted_print(cli, acceptance, false);
    }
    /* A file that says something else is evidence, not an obstacle to be overwritten. */
    if (error != LUCID_NOTE_ABSENT) {
        return cli_fail_why(cli, error, &why, "log accept-head");
    }
    if (!cli_value_u64(cli, "size", 0, 0, UINT64_MAX, &size)) {
        return CLI_USAGE;
    }
    if (cli_value(cli, "size", NULL) == NULL || size != acceptance->size) {
        return cli_fail(cli, CLI_USAGE, "SIZE_MISMATCH", "size",
                        "the store's newest head has %llu leaves: say so with --size once you know "
                        "that nothing newer was ever published",
                        (unsigned long long)acceptance->size);
    }
    error = published_write(acceptance->offline.ledger, acceptance->path, &why);
    return error == LUCID_OK ? accepted_print(cli, acceptance, true)
                             : cli_fail_why(cli, error, &why, "log accept-head");
}

static enum cli_exit log_accept(struct cli *cli)
{
    if (cli->data == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing");
    }
    struct acceptance *acceptance = calloc(1, sizeof(*acceptance));
    if (acceptance == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = accept_run(cli, acceptance);
    offline_close(&acceptance->offline);
    free(acceptance);
    return code;
}

static const struct cli_option accept_options[] = {
    {"size", 0, "N", "the newest head's size, as a sign that you looked (required)"},
    {"published", 0, "FILE", "a signed checkpoint of this log known elsewhere; may be repeated"},
    {"file", 0, "FILE", "the published_head_file of the service's configuration"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_accept = {
    .group = "log",
    .name = "accept-head",
    .arguments = "",
    .summary = "say that a restored store is the newest there is",
    .text = "The service refuses a store beside which no published head lies, as after a restore:\n"
            "if anything newer was published, going on would fork the log for ever. Look first\n"
            "what the witnesses, mirrors and static copies hold, then accept the store's newest\n"
            "head with this command. It refuses a store that is behind a --published checkpoint,\n"
            "and never overwrites a published head that contradicts the store.\n",
    .examples =
        "  lucid log accept-head --data /var/lib/lucid --size 4711 --published mirror.head\n",
    .options = accept_options,
    .run = log_accept,
};
