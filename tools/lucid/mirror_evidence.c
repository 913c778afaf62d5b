/* What contradicts a copy, said loudly and kept: DIR/evidence/TIME-KIND/. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "tools/lucid/mirror.h"

struct fault_words {
    const char *code;
    const char *name; /* of the folder */
    const char *headline;
};

static const struct fault_words words[] = {
    [MIRROR_FORK] = {"LOG_FORKED", "fork",
                     "THE LOG HAS FORKED: it now tells something else than it told this copy"},
    [MIRROR_ROLLBACK] = {"LOG_ROLLED_BACK", "rollback",
                         "THE LOG WAS ROLLED BACK: it is smaller than it was"},
    [MIRROR_WITHHELD] = {"LOG_WITHHELD", "withheld",
                         "THE LOG WITHHOLDS ENTRIES of a tree whose head it has published"},
    [MIRROR_UNPROVEN] =
        {"EVENT_UNVERIFIED", "event",
         "AN EVENT DOES NOT VERIFY: it was changed on its way, or the log is wrong"},
    [MIRROR_FOREIGN] = {"HEAD_UNVERIFIED", "head",
                        "THE PUBLISHED HEAD IS NOT SIGNED by the key that this copy trusts"},
};

/* DIR/evidence/YYYYMMDDTHHMMSSZ-NAME[-N], made. */
static enum lucid_error folder_make(const struct mirror *mirror, const char *name, char *out,
                                    size_t max, struct lucid_why *why)
{
    struct lucid_clock clock = lucid_clock_system();
    time_t now = (time_t)(lucid_wall_ms(&clock) / 1000);
    struct tm tm;
    char stamp[32] = "";
    (void)mkdir(mirror->dir.evidence, 0700);
    if (gmtime_r(&now, &tm) != NULL) {
        (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    }
    for (unsigned i = 1; i < 1000; i++) {
        char number[16] = "";
        if (i > 1) {
            (void)snprintf(number, sizeof(number), "-%u", i);
        }
        (void)snprintf(out, max, "%s/%s-%s%s", mirror->dir.evidence, stamp, name, number);
        if (mkdir(out, 0700) == 0) {
            return LUCID_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s: %s", out, strerror(errno));
}

static void file_save(const char *folder, const char *name, const struct lucid_buf *data)
{
    char path[DATADIR_PATH_BYTES_MAX + 128];
    struct lucid_why why = {0};
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (data->len > 0 && lucid_buf_ok(data) && len > 0 && (size_t)len < sizeof(path) &&
        datadir_file_write(path, 0644, lucid_buf_span(data), &why) != LUCID_OK) {
        fprintf(stderr, "lucid: the evidence could not be saved: %s\n", why.text);
    }
}

/* The copy's newest head and newest event. */
static void copy_read(struct mirror *mirror, struct lucid_buf *head_note, struct lucid_buf *event)
{
    struct ledger_head head;
    struct ledger_event_record record = {.leaf = mirror->leaves - mirror->newest_has_entry};
    if (ledger_view_begin(mirror->view) != LUCID_OK) {
        return;
    }
    if (ledger_head_newest(mirror->view, &head) == LUCID_OK) {
        lucid_buf_span_put(head_note, head.checkpoint);
    }
    if (mirror->events > 0 &&
        ledger_view_event(mirror->view, mirror->events, &record.event) == LUCID_OK) {
        ledger_event_json_write(&record, event);
        lucid_buf_char(event, '\n');
    }
    ledger_view_end(mirror->view);
}

static json_t *note_json(const struct lucid_buf *note)
{
    json_t *text = note->len == 0 ? NULL : json_stringn((const char *)note->data, note->len);
    return text != NULL ? text : json_null();
}

static json_t *report_json(struct mirror *mirror, const struct fault_words *word,
                           const char *folder, const struct lucid_buf *copy_head)
{
    json_t *report =
        json_pack("{s:{s:i, s:s, s:s, s:s}, s:s, s:s, s:I, s:I}", "error", "exit", (int)CLI_REFUSED,
                  "code", word->code, "headline", word->headline, "message",
                  mirror->why.text[0] != '\0' ? mirror->why.text : word->headline, "evidence",
                  folder, "service", mirror->cli->url, "copy_events", (json_int_t)mirror->events,
                  "copy_size", (json_int_t)mirror->leaves);
    json_object_set_new(report, "copy_head", note_json(copy_head));
    json_object_set_new(report, "published_head", note_json(&mirror->published.note));
    json_object_set_new(report, "seen_head", note_json(&mirror->seen.note));
    return report;
}

static void note_print(const char *title, const struct lucid_buf *note)
{
    fprintf(stderr, "\n--- %s\n", title);
    for (size_t at = 0; at < note->len;) {
        const uint8_t *end = memchr(note->data + at, '\n', note->len - at);
        size_t len = end == NULL ? note->len - at : (size_t)(end - note->data) - at;
        char line[1024];
        (void)snprintf(line, sizeof(line), "%.*s", (int)(len < 1000 ? len : 1000),
                       (const char *)note->data + at);
        cli_print_text(stderr, line);
        fputc('\n', stderr);
        at += len + 1;
    }
    if (note->len == 0) {
        fputs("(none)\n", stderr);
    }
}

static void report_print(struct mirror *mirror, const struct fault_words *word, const char *folder,
                         const struct lucid_buf *copy_head)
{
    fprintf(stderr, "\nlucid: %s: %s\n", word->code, word->headline);
    cli_print_text(stderr, mirror->why.text);
    fprintf(stderr, "\nThe copy in %s stays as it was verified: %llu events, %llu leaves.\n",
            mirror->dir.root, (unsigned long long)mirror->events,
            (unsigned long long)mirror->leaves);
    note_print("newest head of this copy", copy_head);
    note_print("head that the service publishes now", &mirror->published.note);
    fprintf(stderr, "\nEvidence: %s\n", folder);
}

enum cli_exit mirror_report(struct mirror *mirror)
{
    const struct fault_words *word = &words[mirror->fault];
    char folder[DATADIR_PATH_BYTES_MAX + 96] = "(not saved)";
    struct lucid_why why = {0};
    struct lucid_buf copy_head = {0};
    struct lucid_buf copy_event = {0};
    copy_read(mirror, &copy_head, &copy_event);
    bool saved = folder_make(mirror, word->name, folder, sizeof(folder), &why) == LUCID_OK;
    json_t *report = report_json(mirror, word, folder, &copy_head);
    if (saved) {
        struct lucid_buf text = {0};
        char *dump = json_dumps(report, JSON_INDENT(2));
        lucid_buf_str(&text, dump != NULL ? dump : "");
        lucid_buf_char(&text, '\n');
        free(dump);
        file_save(folder, "report.json", &text);
        file_save(folder, "copy.checkpoint", &copy_head);
        file_save(folder, "published.checkpoint", &mirror->published.note);
        file_save(folder, "seen.checkpoint", &mirror->seen.note);
        file_save(folder, "event.copy.json", &copy_event);
        file_save(folder, "event.service.json", &mirror->line);
        lucid_buf_fini(&text);
    } else {
        fprintf(stderr, "lucid: the evidence could not be saved: %s\n", why.text);
    }
    mirror->cli->error_printed = true;
    if (mirror->cli->json) {
        cli_print_json(report);
    } else {
        report_print(mirror, word, folder, &copy_head);
    }
    json_decref(report);
    lucid_buf_fini(&copy_head);
    lucid_buf_fini(&copy_event);
    return CLI_REFUSED;
}
