/* The state file:
 *
 *   "lucid-witness state v1" LF
 *   for each log that has a head:  "head " decimal length of the note LF, the note's bytes
 *   "end " hex SHA-256 of everything before LF
 *
 * PATH.lock holds nothing; a running witness has an exclusive lock on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "lucidd/datadir.h"
#include "tools/witness/witness.h"

static const char head_line[] = "lucid-witness state v1\n";
static const char head_word[] = "head ";
static const char end_word[] = "end ";
enum { END_BYTES = 4 + 2 * LUCID_SHA256_BYTES + 1 };

/* --- logs ------------------------------------------------------------------------------------- */

struct witness_log *witness_find(struct witness *witness, struct lucid_span origin)
{
    for (size_t i = 0; i < witness->log_count; i++) {
        struct witness_log *log = &witness->logs[i];
        if (lucid_span_equal(ledger_vkey_name(&log->keys[0]), origin)) {
            return log;
        }
    }
    return NULL;
}

const struct witness_log *witness_find_hash(const struct witness *witness,
                                            const uint8_t hash[LUCID_SHA256_BYTES])
{
    for (size_t i = 0; i < witness->log_count; i++) {
        uint8_t own[LUCID_SHA256_BYTES];
        lucid_sha256(ledger_vkey_name(&witness->logs[i].keys[0]), own);
        if (memcmp(own, hash, sizeof(own)) == 0) {
            return &witness->logs[i];
        }
    }
    return NULL;
}

enum lucid_error witness_trust(struct witness *witness, struct lucid_span vkey,
                               struct lucid_why *why)
{
    struct ledger_vkey key;
    enum lucid_error error = ledger_vkey_parse(vkey, &key, why);
    if (error != LUCID_OK) {
        return error;
    }
    struct witness_log *log = witness_find(witness, ledger_vkey_name(&key));
    if (log == NULL) {
        if (witness->log_count == WITNESS_LOGS_MAX) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, "log", "more than %d logs",
                                WITNESS_LOGS_MAX);
        }
        log = &witness->logs[witness->log_count++];
    }
    for (size_t i = 0; i < log->key_count; i++) {
        if (memcmp(log->keys[i].public_key, key.public_key, sizeof(key.public_key)) == 0) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "log", "a key is given twice");
        }
    }
    if (log->key_count == WITNESS_KEYS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, "log",
                            "more than %d keys of one origin", WITNESS_KEYS_MAX);
    }
    log->keys[log->key_count++] = key;
    return LUCID_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum lucid_error state_save(const char *path, struct lucid_buf *out, struct lucid_why *why)
{
    uint8_t sum[LUCID_SHA256_BYTES];
    if (lucid_buf_ok(out)) {
        lucid_sha256(lucid_buf_span(out), sum);
        lucid_buf_str(out, end_word);
        lucid_buf_hex(out, sum, sizeof(sum));
        lucid_buf_char(out, '\n');
    }
    return lucid_buf_ok(out) ? datadir_file_write(path, 0644, lucid_buf_span(out), why)
                             : lucid_refuse(why, LUCID_RETRY_MEMORY, NULL, NULL, "out of memory");
}

enum lucid_error witness_state_make(const char *path, struct lucid_why *why)
{
    char there[sizeof(head_line) + END_BYTES + 1];
    size_t len = 0;
    struct lucid_buf out = {0};
    lucid_buf_str(&out, head_line);
    enum lucid_error error = datadir_file_read(path, false, there, sizeof(there) - 1, &len, NULL);
    if (error == LUCID_NOTE_ABSENT) {
        error = state_save(path, &out, why);
    } else if (error != LUCID_OK || len != out.len + END_BYTES ||
               memcmp(there, out.data, out.len) != 0) {
        /* An empty one may have been left by a birth that was cut short; this is not. */
        error = lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "state",
                             "%s is there already: what it holds must not be forgotten", path);
    }
    lucid_buf_fini(&out);
    return error;
}

enum lucid_error witness_state_write(const struct witness *witness, const struct witness_log *log,
                                     struct lucid_span note, struct lucid_why *why)
{
    lucid_assert(witness->state_lock >= 0);
    struct lucid_buf out;
    lucid_buf_init(&out, WITNESS_STATE_BYTES_MAX);
    lucid_buf_str(&out, head_line);
    for (size_t i = 0; i < witness->log_count; i++) {
        const struct witness_log *at = &witness->logs[i];
        struct lucid_span bytes = at == log ? note : lucid_buf_span(&at->note);
        if (bytes.len > 0) {
            lucid_buf_printf(&out, "%s%zu\n", head_word, bytes.len);
            lucid_buf_span_put(&out, bytes);
        }
    }
    enum lucid_error error = state_save(witness->state_path, &out, why);
    lucid_buf_fini(&out);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum lucid_error state_bad(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "state", "the state file %s", text);
}

/* Takes "head LENGTH" LF and the note off *rest. False: malformed. */
static bool record_take(struct lucid_span *rest, struct lucid_span *ret_note)
{
    size_t word = sizeof(head_word) - 1;
    if (rest->len <= word || memcmp(rest->data, head_word, word) != 0) {
        return false;
    }
    size_t at = word;
    size_t len = 0;
    for (; at < rest->len && rest->data[at] >= '0' && rest->data[at] <= '9'; at++) {
        len = len * 10 + (size_t)(rest->data[at] - '0');
        if (len > LEDGER_NOTE_BYTES_MAX) {
            return false;
        }
    }
    if (at == word || at >= rest->len || rest->data[at] != '\n' || len > rest->len - at - 1) {
        return false;
    }
    *ret_note = lucid_span(rest->data + at + 1, len);
    *rest = lucid_span(rest->data + at + 1 + len, rest->len - at - 1 - len);
    return true;
}

/* Our own cosignature stands on the note, and a log's that is trusted. */
static enum lucid_error record_adopt(struct witness *witness, struct lucid_span note,
                                     struct lucid_why *why)
{
    struct lucid_span text;
    struct ledger_checkpoint head;
    struct ledger_note opened;
    if (!ledger_note_text(note, &text) || ledger_checkpoint_parse(text, &head, NULL) != LUCID_OK) {
        return state_bad(why, "holds something that is no checkpoint");
    }
    struct witness_log *log = witness_find(witness, head.origin);
    if (log == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, NULL, "log",
                            "the state holds a head of %.*s, which is not among the logs",
                            (int)(head.origin.len < 100 ? head.origin.len : 100),
                            (const char *)head.origin.data);
    }
    if (log->note.len > 0) {
        return state_bad(why, "holds two heads of one log");
    }
    if (ledger_note_open(note, log->keys, log->key_count, &opened, NULL) != LUCID_OK ||
        ledger_note_open(note, &witness->key->vkey, 1, &opened, NULL) != LUCID_OK) {
        return state_bad(why, "holds a head that its log and this witness have not both signed");
    }
    lucid_buf_span_put(&log->note, note);
    log->size = head.size;
    log->root = head.root;
    return lucid_buf_ok(&log->note) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

static enum lucid_error state_parse(struct witness *witness, struct lucid_span all,
                                    struct lucid_why *why)
{
    size_t first = sizeof(head_line) - 1;
    if (all.len < first + END_BYTES || memcmp(all.data, head_line, first) != 0) {
        return state_bad(why, "is not one of this program, or was cut");
    }
    struct lucid_span body = lucid_span(all.data, all.len - END_BYTES);
    struct lucid_buf end = {0};
    uint8_t sum[LUCID_SHA256_BYTES];
    lucid_sha256(body, sum);
    lucid_buf_str(&end, end_word);
    lucid_buf_hex(&end, sum, sizeof(sum));
    lucid_buf_char(&end, '\n');
    bool ok = lucid_buf_ok(&end) && end.len == END_BYTES &&
              memcmp(end.data, all.data + body.len, END_BYTES) == 0;
    lucid_buf_fini(&end);
    if (!ok) {
        return state_bad(why, "has been changed or cut: its sum is another");
    }
    struct lucid_span rest = lucid_span(body.data + first, body.len - first);
    enum lucid_error error = LUCID_OK;
    while (error == LUCID_OK && rest.len > 0) {
        struct lucid_span note;
        error = record_take(&rest, &note) ? record_adopt(witness, note, why)
                                          : state_bad(why, "holds a malformed record");
    }
    return error;
}

static enum lucid_error state_lock(struct witness *witness, struct lucid_why *why)
{
    char path[4200];
    int len = snprintf(path, sizeof(path), "%s.lock", witness->state_path);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "state", "the name is too long");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, "state", "%s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int saved = errno;
        (void)close(fd);
        return lucid_refuse(why, saved == EWOULDBLOCK ? LUCID_RETRY_BUSY : LUCID_RETRY_IO, NULL,
                            "state", "%s: another witness works with this state", path);
    }
    witness->state_lock = fd;
    return LUCID_OK;
}

enum lucid_error witness_state_open(struct witness *witness, struct lucid_why *why)
{
    enum lucid_error error = state_lock(witness, why);
    if (error != LUCID_OK) {
        return error;
    }
    char *text = malloc(WITNESS_STATE_BYTES_MAX + 1);
    if (text == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, NULL, NULL, "out of memory");
    }
    size_t len = 0;
    error = datadir_file_read(witness->state_path, false, text, WITNESS_STATE_BYTES_MAX, &len, why);
    if (error == LUCID_OK) {
        error = state_parse(witness, lucid_span(text, len), why);
    }
    free(text);
    return error;
}

void witness_close(struct witness *witness)
{
    for (size_t i = 0; i < witness->log_count; i++) {
        lucid_buf_fini(&witness->logs[i].note);
    }
    if (witness->state_lock >= 0) {
        (void)close(witness->state_lock);
        witness->state_lock = -1;
    }
}
