/* lucid log follow: events as they are committed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/lines.h"
#include "tools/lucid/remote.h"

enum { IDLE_S = 60, PAUSE_MS_MIN = 500, PAUSE_MS_MAX = 15000 };

struct follow {
    struct cli *cli;
    bool positioned; /* last says where to go on */
    uint64_t last;   /* sequence of the newest event that was printed or passed over */
    uint64_t left;   /* events still to be printed */
    bool heard;      /* something came over this connection */
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "-";
}

static long long number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* What matters about an event, for people. */
static void detail_print(const json_t *event)
{
    const json_t *decoded = json_object_get(event, "decoded");
    const char *type = text_of(event, "type");
    static const char *const members[] = {"name", "signer_pubkey", "token_id", "reason", "origin"};
    if (json_object_get(event, "leaf_index") != NULL) {
        printf("  leaf %lld", number_of(event, "leaf_index"));
    }
    if (strcmp(type, "receipt") == 0) {
        printf("  %s ", text_of(decoded, "receipt_type"));
        cli_print_text(stdout, text_of(decoded, "run_id"));
    } else if (strcmp(type, "head") == 0) {
        printf("  size %lld  root %.16s", number_of(decoded, "size"), text_of(decoded, "root"));
    } else if (strcmp(type, "epoch.closed") == 0) {
        printf("  epoch %lld  leaves %lld to %lld  by ", number_of(decoded, "epoch"),
               number_of(decoded, "first_leaf"), number_of(decoded, "end_leaf"));
        cli_print_text(stdout, text_of(decoded, "closed_by"));
    } else {
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            if (json_is_string(json_object_get(decoded, members[i]))) {
                fputs("  ", stdout);
                cli_print_text(stdout, text_of(decoded, members[i]));
            }
        }
    }
    fputc('\n', stdout);
}

static enum lucid_error event_print(struct follow *follow, struct lucid_span data)
{
    /* Also what is printed raw was parsed: no answer may steer a terminal. */
    json_t *event = json_loadb((const char *)data.data, data.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(event)) {
        json_decref(event);
        return LUCID_REFUSE_INVALID;
    }
    if (follow->cli->json) {
        cli_print_json(event);
    } else {
        printf("%-8lld ", number_of(event, "sequence"));
        cli_print_text(stdout, text_of(event, "time"));
        fputs("  ", stdout);
        cli_print_text(stdout, text_of(event, "type"));
        detail_print(event);
    }
    json_decref(event);
    follow->left--;
    if (!cli_flush(follow->cli)) {
        return LUCID_NOTE_ABSENT; /* nobody reads any more */
    }
    return follow->left == 0 ? LUCID_NOTE_END : LUCID_OK;
}

/* A field of an event stream: "name: value". */
static bool field_is(struct lucid_span line, const char *name, struct lucid_span *ret_value)
{
    size_t len = strlen(name);
    if (line.len < len + 1 || memcmp(line.data, name, len) != 0 || line.data[len] != ':') {
        return false;
    }
    size_t skip = line.len > len + 1 && line.data[len + 1] == ' ' ? len + 2 : len + 1;
    *ret_value = lucid_span(line.data + skip, line.len - skip);
    return true;
}

/* The service puts the id before the data, and the data into one line. */
static enum lucid_error line_take(void *context, struct lucid_span line)
{
    struct follow *follow = context;
    struct lucid_span value;
    follow->heard = true;
    if (field_is(line, "id", &value) && value.len > 0 && value.len < 20) {
        char digits[20] = "";
        memcpy(digits, value.data, value.len);
        follow->last = strtoull(digits, NULL, 10);
        follow->positioned = true;
    }
    return field_is(line, "data", &value) ? event_print(follow, value) : LUCID_OK;
}

static enum lucid_error stream_once(struct follow *follow, struct client_answer *answer,
                                    struct lucid_why *why)
{
    char path[REMOTE_PATH_BYTES_MAX];
    const char *types = cli_value(follow->cli, "types", NULL);
    char after[48] = "";
    if (follow->positioned) {
        (void)snprintf(after, sizeof(after), "after=%llu", (unsigned long long)follow->last);
    }
    (void)snprintf(path, sizeof(path), "/v1/stream?%s%s%.512s", after,
                   types != NULL ? "&types=" : "", types != NULL ? types : "");
    const struct lines_question question = {.path = path,
                                            .header = "Accept: text/event-stream",
                                            .idle_s_max = IDLE_S,
                                            .line = line_take,
                                            .context = follow};
    return lines_get(follow->cli, &question, answer, why);
}

/* After a connection: whether and when to try again, or the command's outcome. */
static bool goes_on(struct follow *follow, enum lucid_error error,
                    const struct client_answer *answer, const struct lucid_why *why, bool first,
                    enum cli_exit *ret_code)
{
    struct cli *cli = follow->cli;
    bool ended = error == LUCID_NOTE_END || error == LUCID_NOTE_ABSENT;
    if (ended || lines_stopped()) {
        *ret_code = error == LUCID_NOTE_ABSENT ? CLI_REFUSED : CLI_OK;
        return false;
    }
    if (error == LUCID_OK && answer->status != 200) {
        *ret_code = remote_exit_code(answer->status);
        if (first || *ret_code != CLI_UNREACHABLE) {
            *ret_code = remote_fail(cli, answer);
            return false;
        }
    } else if (error != LUCID_OK && (first || error != LUCID_RETRY_IO)) {
        *ret_code = remote_fail_error(cli, error, why);
        return false;
    }
    return true;
}

static enum cli_exit follow_run(struct follow *follow)
{
    uint32_t pause_ms = PAUSE_MS_MIN;
    enum cli_exit code = CLI_OK;
    for (bool first = true;; first = first && !follow->heard) {
        struct client_answer answer = {0};
        struct lucid_why why = {0};
        follow->heard = false;
        enum lucid_error error = stream_once(follow, &answer, &why);
        bool again = goes_on(follow, error, &answer, &why, first && !follow->heard, &code);
        client_answer_fini(&answer);
        if (!again) {
            return code;
        }
        pause_ms = follow->heard ? PAUSE_MS_MIN : pause_ms * 2;
        pause_ms = pause_ms > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause_ms;
        if (!follow->heard) {
            cli_note(follow->cli, "not connected, trying again from event %llu",
                     (unsigned long long)follow->last);
        }
        if (!lines_sleep(pause_ms)) {
            return CLI_OK;
        }
    }
}

static bool types_ok(const char *types)
{
    return types == NULL ||
           (types[0] != '\0' && strlen(types) <= 512 &&
            types[strspn(types, "abcdefghijklmnopqrstuvwxyz0123456789._-,")] == '\0');
}

static enum cli_exit log_follow(struct cli *cli)
{
    struct follow follow = {.cli = cli, .positioned = cli_value(cli, "after", NULL) != NULL};
    if (!cli_value_u64(cli, "after", 0, 0, INT64_MAX, &follow.last) ||
        !cli_value_u64(cli, "count", UINT64_MAX >> 1, 1, INT64_MAX, &follow.left)) {
        return CLI_USAGE;
    }
    if (!types_ok(cli_value(cli, "types", NULL))) {
        return cli_fail(cli, CLI_USAGE, NULL, "types",
                        "--types must be names of event types with commas: head,epoch.closed");
    }
    enum cli_exit code = remote_open(cli);
    if (code != CLI_OK) {
        return code;
    }
    lines_stop_catch();
    return follow_run(&follow);
}

static const struct cli_option follow_options[] = {
    {"after", 'a', "N", "begin after event N, 0: with the first (default: with what comes next)"},
    {"types", 'T', "NAMES", "only these event types, with commas"},
    {"count", 'n', "N", "end after so many events"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_log_follow = {
    .group = "log",
    .name = "follow",
    .arguments = "",
    .summary = "print events as they are committed",
    .text =
        "Reads /v1/stream; after a lost connection it goes on where it was. One line an event,\n"
        "with --json its whole object. Ends with Ctrl-C.\n",
    .examples = "  lucid log follow\n"
                "  lucid log follow --after 0 --types head,epoch.closed\n"
                "  lucid log follow --json --after 120 --count 5\n",
    .options = follow_options,
    .run = log_follow,
};
