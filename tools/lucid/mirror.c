#include "tools/lucid/mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "lucidd/offline.h"
#include "migrations/migrations.h"
#include "tools/lucid/lines.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/vkey.h"

enum {
    IDLE_S = 60,
    QUEUE_EVENTS_MAX = 50000, /* without a head: committed all the same, the next one covers them */
    BATCH_EVENTS = 2000,
    BATCH_BYTES = 16 << 20,
    CHECKPOINT_TRIES = 5,
};
#define KEPT_BYTES_MAX ((size_t)128 << 20)

/* --- opening ---------------------------------------------------------------------------------- */

static enum lucid_error vkey_pin(struct mirror *mirror, const char *given,
                                 char ret_text[VKEY_TEXT_BYTES], struct lucid_why *why)
{
    enum lucid_error error = vkey_file_read(mirror->dir.vkey, ret_text, why);
    if (error == LUCID_OK) {
        if (given != NULL && strcmp(given, ret_text) != 0) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "WRONG_KEY", "vkey",
                                "%s mirrors the log of another key: %.200s", mirror->dir.root,
                                ret_text);
        }
        return LUCID_OK;
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    if (given == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "vkey",
                            "--vkey is missing: a mirror trusts the log's key and nothing else");
    }
    struct ledger_vkey vkey;
    error = ledger_vkey_parse(lucid_span_str(given), &vkey, why);
    if (error == LUCID_OK) {
        int wrote = snprintf(ret_text, VKEY_TEXT_BYTES, "%s\n", given);
        lucid_assert(wrote > 0 && wrote < VKEY_TEXT_BYTES);
        error = datadir_file_write(mirror->dir.vkey, 0644, lucid_span_str(ret_text), why);
        ret_text[wrote - 1] = '\0';
    }
    return error;
}

static enum lucid_error store_open(struct mirror *mirror, struct lucid_why *why)
{
    uint32_t applied = 0;
    enum lucid_error error =
        offline_store_open(mirror->dir.store, OFFLINE_WRITE, &mirror->store, why);
    if (error == LUCID_NOTE_ABSENT) {
        error = offline_store_open(mirror->dir.store, OFFLINE_CREATE, &mirror->store, why);
    }
    return error == LUCID_OK ? migrations_run(mirror->store, &applied, why) : error;
}

/* Reads where the copy stands. */
static enum lucid_error state_load(struct mirror *mirror)
{
    struct store_counts counts;
    struct store_event newest;
    struct ledger_head head;
    enum lucid_error error = ledger_view_begin(mirror->view);
    if (error != LUCID_OK) {
        return error;
    }
    store_counts_read(ledger_view_store(mirror->view), &counts);
    mirror->events = counts.events;
    mirror->leaves = counts.leaves;
    if (counts.events > 0) {
        error = ledger_view_event(mirror->view, counts.events, &newest);
        if (error == LUCID_OK) {
            memcpy(mirror->hash, newest.hash, sizeof(mirror->hash));
            mirror->newest_has_entry = newest.entry != NULL;
        }
    }
    if (error == LUCID_OK) {
        enum lucid_error found = ledger_head_newest(mirror->view, &head);
        mirror->replica.covered =
            found == LUCID_OK ? head.size == counts.leaves : counts.leaves == 0;
        error = found == LUCID_NOTE_ABSENT ? LUCID_OK : found;
    }
    ledger_view_end(mirror->view);
    return error;
}

/* The head that was published when the copy was brought up to date before. */
static enum lucid_error seen_load(struct mirror *mirror, struct lucid_why *why)
{
    char text[DATADIR_FILE_BYTES_MAX + 1];
    size_t len = 0;
    struct ledger_checkpoint checkpoint;
    mirror->seen.size = UINT64_MAX;
    lucid_buf_clear(&mirror->seen.note);
    enum lucid_error error =
        datadir_file_read(mirror->dir.checkpoint, false, text, DATADIR_FILE_BYTES_MAX, &len, why);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error =
            ledger_checkpoint_open(lucid_span(text, len), &mirror->replica.vkey, &checkpoint, why);
    }
    if (error == LUCID_OK) {
        lucid_buf_put(&mirror->seen.note, text, len);
        mirror->seen.size = checkpoint.size;
        mirror->seen.root = checkpoint.root;
    }
    return error;
}

static enum lucid_error open_steps(struct mirror *mirror, const char *path, const char *vkey,
                                   struct lucid_why *why)
{
    char pinned[VKEY_TEXT_BYTES];
    enum lucid_error error = datadir_mirror_open(path, mirror->cli->url, &mirror->dir, why);
    if (error == LUCID_OK) {
        error = vkey_pin(mirror, vkey, pinned, why);
    }
    if (error == LUCID_OK) {
        error = store_open(mirror, why);
    }
    if (error == LUCID_OK) {
        error = offline_ledger_open(mirror->store, NULL, &mirror->plugins, &mirror->kinds,
                                    &mirror->ledger, why);
    }
    if (error == LUCID_OK) {
        error = ledger_replica_init(&mirror->replica, mirror->ledger, lucid_span_str(pinned), why);
    }
    if (error == LUCID_OK) {
        error = ledger_replica_check(&mirror->replica, why);
    }
    if (error == LUCID_OK) {
        error = ledger_view_open(mirror->ledger, &mirror->view);
    }
    if (error == LUCID_OK) {
        error = seen_load(mirror, why);
    }
    return error == LUCID_OK ? state_load(mirror) : error;
}

enum cli_exit mirror_open(struct mirror *mirror, struct cli *cli, const char *path,
                          const char *vkey)
{
    struct lucid_why why = {0};
    *mirror = (struct mirror){.cli = cli};
    lucid_arena_init(&mirror->scratch, LEDGER_EVENT_JSON_ARENA_BYTES_MAX);
    lucid_arena_init(&mirror->kept, KEPT_BYTES_MAX);
    mirror->queue = malloc(QUEUE_EVENTS_MAX * sizeof(*mirror->queue));
    enum cli_exit code = cli_plugins_load(cli, &mirror->plugins);
    if (code != CLI_OK) {
        return code;
    }
    enum lucid_error error =
        mirror->queue == NULL ? LUCID_RETRY_MEMORY : open_steps(mirror, path, vkey, &why);
    if (error == LUCID_REFUSE_INVALID && strcmp(why.param, "vkey") == 0) {
        return cli_fail(cli, CLI_USAGE, why.code, why.param, "%s", why.text);
    }
    return error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, "log mirror");
}

void mirror_close(struct mirror *mirror)
{
    if (mirror->ledger != NULL) {
        ledger_batch_abort(mirror->ledger);
    }
    ledger_view_close(mirror->view);
    ledger_close(mirror->ledger);
    store_close(mirror->store);
    plugins_unload(&mirror->plugins);
    lucid_buf_fini(&mirror->published.note);
    lucid_buf_fini(&mirror->seen.note);
    lucid_buf_fini(&mirror->line);
    lucid_arena_fini(&mirror->scratch);
    lucid_arena_fini(&mirror->kept);
    free(mirror->queue);
}

/* --- faults ----------------------------------------------------------------------------------- */

static enum lucid_error fault_set(struct mirror *mirror, enum mirror_fault fault, const char *text)
{
    mirror->faulty = true;
    mirror->fault = fault;
    if (text != NULL) {
        (void)lucid_refuse(&mirror->why, LUCID_REFUSE_CONFLICT, NULL, NULL, "%s", text);
    }
    return LUCID_REFUSE_CONFLICT;
}

/* An event that was refused, with the line that it came in. */
static enum lucid_error event_fault(struct mirror *mirror, enum lucid_error error,
                                    struct lucid_span line)
{
    if (error == LUCID_REFUSE_INVALID) {
        lucid_buf_clear(&mirror->line);
        lucid_buf_span_put(&mirror->line, line);
        return fault_set(mirror, MIRROR_UNPROVEN, NULL);
    }
    return error;
}

/* --- events ----------------------------------------------------------------------------------- */

static enum lucid_error batch_end(struct mirror *mirror)
{
    if (!mirror->in_batch) {
        return LUCID_OK;
    }
    mirror->in_batch = false;
    enum lucid_error error = ledger_batch_commit(mirror->ledger);
    if (error == LUCID_OK) {
        mirror->taken += mirror->batch_events;
    }
    return error;
}

static enum lucid_error queue_flush(struct mirror *mirror)
{
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < mirror->queue_count; i++) {
        const struct ledger_event_record *record = &mirror->queue[i];
        if (!mirror->in_batch) {
            error = ledger_batch_begin(mirror->ledger, 0);
            mirror->in_batch = error == LUCID_OK;
            mirror->batch_events = 0;
            mirror->batch_bytes = 0;
        }
        if (error == LUCID_OK) {
            error = ledger_replica_take(&mirror->replica, record, &mirror->why);
            mirror->batch_events++;
            mirror->batch_bytes += record->event.payload.len + record->body.len;
        }
        if (error != LUCID_OK) {
            struct lucid_buf line = {0};
            ledger_event_json_write(record, &line);
            error = event_fault(mirror, error, lucid_buf_span(&line));
            lucid_buf_fini(&line);
        }
    }
    mirror->queue_count = 0;
    mirror->queue_has_entry = false;
    lucid_arena_reset(&mirror->kept);
    bool full = mirror->batch_events >= BATCH_EVENTS || mirror->batch_bytes >= BATCH_BYTES;
    return error == LUCID_OK && full ? batch_end(mirror) : error;
}

static bool span_keep(struct mirror *mirror, struct lucid_span *span)
{
    if (span->data != NULL) {
        *span = lucid_arena_copy(&mirror->kept, *span);
    }
    return span->data != NULL;
}

/* Puts a copy of the event at the queue's end. */
static enum lucid_error queue_add(struct mirror *mirror, const struct ledger_event_record *record)
{
    struct ledger_event_record kept = *record;
    struct lucid_span entry = lucid_span(record->event.entry, STORE_ENTRY_BYTES);
    struct lucid_span hash = lucid_span(record->event.hash, STORE_HASH_BYTES);
    bool ok = span_keep(mirror, &kept.event.type) && span_keep(mirror, &kept.event.payload) &&
              span_keep(mirror, &hash) && (entry.data == NULL || span_keep(mirror, &entry)) &&
              (kept.body.data == NULL || span_keep(mirror, &kept.body));
    if (!ok) {
        return LUCID_RETRY_MEMORY;
    }
    kept.event.entry = entry.data;
    kept.event.hash = hash.data;
    mirror->queue[mirror->queue_count++] = kept;
    mirror->queue_has_entry |= entry.data != NULL;
    return LUCID_OK;
}

/* The first event told must be the copy's newest one. */
static enum lucid_error overlap_check(struct mirror *mirror,
                                      const struct ledger_event_record *record,
                                      struct lucid_span line)
{
    mirror->overlap = false;
    if (record->event.sequence == mirror->events &&
        memcmp(record->event.hash, mirror->hash, sizeof(mirror->hash)) == 0) {
        return LUCID_OK;
    }
    lucid_buf_clear(&mirror->line);
    lucid_buf_span_put(&mirror->line, line);
    return fault_set(mirror, MIRROR_FORK,
                     "the service tells another event where the copy has its newest one");
}

static enum lucid_error line_take(void *context, struct lucid_span line)
{
    struct mirror *mirror = context;
    struct ledger_event_record record;
    lucid_arena_reset(&mirror->scratch);
    if (lines_stopped()) {
        return LUCID_NOTE_END;
    }
    enum lucid_error error = ledger_event_json_parse(line, &mirror->scratch, &record, &mirror->why);
    if (error != LUCID_OK) {
        return event_fault(mirror, error, line);
    }
    if (mirror->overlap) {
        return overlap_check(mirror, &record, line);
    }
    if (record.body_withheld) {
        return lucid_refuse(&mirror->why, LUCID_REFUSE_FORBIDDEN, "FORBIDDEN", "body_withheld",
                            "event %llu has a body that is not for this token: a copy of this log "
                            "needs one with the scope audit",
                            (unsigned long long)record.event.sequence);
    }
    error = queue_add(mirror, &record);
    if (error == LUCID_OK &&
        (lucid_span_is(record.event.type, "head") || mirror->queue_count == QUEUE_EVENTS_MAX ||
         mirror->kept.total > KEPT_BYTES_MAX / 2)) {
        error = queue_flush(mirror);
    }
    return error;
}

/* The stream came to its end: what no head covers yet waits for the next pass. */
static enum lucid_error stream_end(struct mirror *mirror)
{
    if (mirror->replica.covered && !mirror->queue_has_entry) {
        return queue_flush(mirror);
    }
    mirror->queue_count = 0;
    mirror->queue_has_entry = false;
    lucid_arena_reset(&mirror->kept);
    return LUCID_OK;
}

/* Whether a refusal is about `after`: the log has fewer events than the copy. */
static bool answer_is_beyond(const struct client_answer *answer)
{
    json_t *problem =
        json_loadb((const char *)answer->body.data, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *param = json_string_value(json_object_get(problem, "param"));
    bool beyond = answer->status == 400 && param != NULL && strcmp(param, "after") == 0;
    json_decref(problem);
    return beyond;
}

/* Asks for what the copy lacks. */
static enum cli_exit events_fetch(struct mirror *mirror)
{
    char path[96];
    struct lucid_why why = {0};
    struct client_answer answer = {0};
    mirror->overlap = mirror->events > 0;
    uint64_t after = mirror->overlap ? mirror->events - 1 : 0;
    (void)snprintf(path, sizeof(path), "/v1/events?bodies=true&after=%llu",
                   (unsigned long long)after);
    const struct lines_question question = {
        .path = path, .idle_s_max = IDLE_S, .line = line_take, .context = mirror};
    enum lucid_error error = lines_get(mirror->cli, &question, &answer, &why);
    enum cli_exit code = CLI_OK;
    if (error == LUCID_OK && answer.status == 200) {
        error = mirror->overlap ? fault_set(mirror, MIRROR_ROLLBACK,
                                            "the service tells fewer events than the copy has")
                                : stream_end(mirror);
    } else if (error == LUCID_OK && answer_is_beyond(&answer)) {
        (void)fault_set(mirror, MIRROR_ROLLBACK, "the service has fewer events than the copy has");
    } else if (error == LUCID_OK) {
        code = remote_fail(mirror->cli, &answer);
    }
    if (mirror->faulty) {
        ledger_batch_abort(mirror->ledger);
        mirror->in_batch = false;
        code = CLI_REFUSED;
    } else if (error == LUCID_OK || error == LUCID_NOTE_END || error == LUCID_RETRY_IO) {
        /* What came before a break is verified, and ends at a head. */
        enum lucid_error kept = batch_end(mirror);
        if (kept != LUCID_OK) {
            code = cli_fail_why(mirror->cli, kept, &why, "the copy could not be written");
        } else if (error != LUCID_OK) {
            code = error == LUCID_NOTE_END ? CLI_UNREACHABLE
                                           : remote_fail_error(mirror->cli, error, &why);
        }
    } else {
        ledger_batch_abort(mirror->ledger);
        mirror->in_batch = false;
        code = cli_fail_why(mirror->cli, error, mirror->why.text[0] != '\0' ? &mirror->why : &why,
                            "log mirror");
    }
    client_answer_fini(&answer);
    return code;
}

/* --- heads ------------------------------------------------------------------------------------ */

static bool note_is_cosigned(const struct lucid_buf *note)
{
    struct lucid_span text;
    struct lucid_span line;
    size_t lines = 0;
    if (!ledger_note_text(lucid_buf_span(note), &text)) {
        return false;
    }
    /* After the text comes an empty line, then one line a signature. */
    struct lucid_span rest = lucid_span(note->data + text.len + 1, note->len - text.len - 1);
    while (ledger_note_line_next(&rest, &line)) {
        lines++;
    }
    return lines > 1;
}

static enum cli_exit published_fetch(struct mirror *mirror)
{
    struct mirror_head *head = &mirror->published;
    struct ledger_checkpoint checkpoint;
    head->size = UINT64_MAX;
    lucid_buf_fini(&head->note);
    enum cli_exit code = remote_get_text(mirror->cli, "/checkpoint", CHECKPOINT_TRIES, &head->note);
    if (code != CLI_OK) {
        return code;
    }
    enum lucid_error error = ledger_checkpoint_open(
        lucid_buf_span(&head->note), &mirror->replica.vkey, &checkpoint, &mirror->why);
    if (error != LUCID_OK) {
        (void)fault_set(mirror, MIRROR_FOREIGN, NULL);
        return CLI_REFUSED;
    }
    head->size = checkpoint.size;
    head->root = checkpoint.root;
    head->cosigned = note_is_cosigned(&head->note);
    return CLI_OK;
}

/* Whether the copy's first leaves have that head's root. */
static enum lucid_error head_compare(struct mirror *mirror, const struct mirror_head *head,
                                     bool *ret_same)
{
    struct mmr_hash root;
    enum lucid_error error = ledger_view_begin(mirror->view);
    if (error == LUCID_OK) {
        struct mmr_nodes nodes = ledger_view_nodes(mirror->view);
        error = mmr_root(&nodes, head->size, &root);
        ledger_view_end(mirror->view);
    }
    if (error == LUCID_OK) {
        *ret_same = memcmp(&root, &head->root, sizeof(root)) == 0;
    }
    return error;
}

/* Whether what is published may be the copy's log at all, a contradiction before a mere loss. */
static enum lucid_error published_check(struct mirror *mirror)
{
    const struct mirror_head *published = &mirror->published;
    const struct mirror_head *seen = &mirror->seen;
    bool same = true;
    if (published->size <= mirror->leaves) {
        enum lucid_error error = head_compare(mirror, published, &same);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (!same) {
        return fault_set(mirror, MIRROR_FORK,
                         "the published head's root is not that of the copy's first leaves");
    }
    if (seen->size == published->size && memcmp(&seen->root, &published->root, 32) != 0) {
        return fault_set(mirror, MIRROR_FORK, "two heads of one size with different roots");
    }
    return LUCID_OK;
}

/* Whether a smaller head than before is published. The newest cosigned head may be older than heads
 * that were published while none had a quorum; the events told whether the log itself went back. */
static bool published_is_back(const struct mirror *mirror, bool *ret_fault)
{
    const struct mirror_head *published = &mirror->published;
    const struct mirror_head *seen = &mirror->seen;
    bool back = seen->size != UINT64_MAX && published->size < seen->size;
    *ret_fault = back && !published->cosigned;
    return back;
}

static enum lucid_error seen_store(struct mirror *mirror)
{
    bool fault;
    if (published_is_back(mirror, &fault)) {
        return !fault ? LUCID_OK
                      : fault_set(mirror, MIRROR_ROLLBACK,
                                  "the published head is smaller than one that was published "
                                  "before");
    }
    if (lucid_span_equal(lucid_buf_span(&mirror->seen.note),
                         lucid_buf_span(&mirror->published.note))) {
        return LUCID_OK;
    }
    enum lucid_error error = datadir_file_write(
        mirror->dir.checkpoint, 0644, lucid_buf_span(&mirror->published.note), &mirror->why);
    return error == LUCID_OK ? seen_load(mirror, &mirror->why) : error;
}

/* --- a pass ----------------------------------------------------------------------------------- */

static enum lucid_error pass_end(struct mirror *mirror)
{
    enum lucid_error error = published_check(mirror);
    if (error == LUCID_OK && mirror->published.size > mirror->leaves) {
        error = fault_set(mirror, MIRROR_WITHHELD,
                          "the service published a head of leaves that it does not tell");
    }
    return error == LUCID_OK ? seen_store(mirror) : error;
}

enum cli_exit mirror_pass(struct mirror *mirror)
{
    enum lucid_error error = LUCID_OK;
    mirror->faulty = false;
    mirror->why = (struct lucid_why){0};
    mirror->taken = 0;
    lucid_buf_clear(&mirror->line);
    enum cli_exit code = remote_open(mirror->cli);
    if (code == CLI_OK) {
        code = published_fetch(mirror);
    }
    if (code == CLI_OK) {
        error = published_check(mirror);
    }
    if (code == CLI_OK && error == LUCID_OK) {
        code = events_fetch(mirror);
        enum lucid_error loaded = state_load(mirror);
        error = mirror->faulty ? LUCID_OK : loaded;
    }
    if (code == CLI_OK && error == LUCID_OK) {
        error = pass_end(mirror);
    }
    if (mirror->faulty) {
        return mirror_report(mirror);
    }
    return error == LUCID_OK ? code : cli_fail_why(mirror->cli, error, &mirror->why, "log mirror");
}
