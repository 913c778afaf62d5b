#include "tools/lucid/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/io.h"

#define MARKER         "{\"lucid_journal\":1,\"kind\":"
#define LINE_BYTES_MAX ((size_t)128 << 20)

static enum lucid_error io_error(const struct journal *journal, const char *what,
                                 struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s: %s: %s", journal->path, what,
                        strerror(errno));
}

static enum lucid_error damaged(const struct journal *journal, const char *what,
                                struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "journal",
                        "%s is no journal of receipt submit, or damaged: %s", journal->path, what);
}

void journal_digest_add(uint8_t digest[LUCID_SHA256_BYTES], struct lucid_span record)
{
    uint8_t both[2 * LUCID_SHA256_BYTES];
    memcpy(both, digest, LUCID_SHA256_BYTES);
    lucid_sha256(record, both + LUCID_SHA256_BYTES);
    lucid_sha256(lucid_span(both, sizeof(both)), digest);
}

static enum lucid_error bytes_append(const struct journal *journal, struct lucid_span data,
                                     struct lucid_why *why)
{
    return lucid_write_all(journal->fd, data) ? LUCID_OK : io_error(journal, "write", why);
}

static enum lucid_error buf_append(struct journal *journal, struct lucid_buf *line,
                                   struct lucid_why *why)
{
    enum lucid_error error =
        lucid_buf_ok(line) ? bytes_append(journal, lucid_buf_span(line), why) : LUCID_RETRY_MEMORY;
    lucid_buf_fini(line);
    return error;
}

/* --- the refused set -------------------------------------------------------------------------- */

static bool refused_add(struct journal *journal, uint64_t record)
{
    if (journal->refused_count == journal->refused_cap) {
        size_t cap = journal->refused_cap != 0 ? 2 * journal->refused_cap : 64;
        uint64_t *grown =
            cap <= JOURNAL_REFUSED_MAX ? realloc(journal->refused, cap * sizeof(*grown)) : NULL;
        if (grown == NULL) {
            return false;
        }
        journal->refused = grown;
        journal->refused_cap = cap;
    }
    journal->refused[journal->refused_count++] = record;
    return true;
}

/* Both lists ascend. */
static void refused_drop(struct journal *journal, const uint64_t *records, size_t count)
{
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < journal->refused_count; i++) {
        while (at < count && records[at] < journal->refused[i]) {
            at++;
        }
        if (at == count || records[at] != journal->refused[i]) {
            journal->refused[kept++] = journal->refused[i];
        }
    }
    journal->refused_count = kept;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What the file says so far, while it is read at start. */
struct reading {
    struct journal *journal;
    const uint8_t *inputs;
    uint64_t envelopes;
    bool header;
    off_t good; /* the file is whole up to here */
};

static enum lucid_error numbers_read(struct journal *journal, const json_t *list, bool settled,
                                     struct lucid_why *why)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        uint64_t record = (uint64_t)json_integer_value(item);
        if (settled) {
            refused_drop(journal, &record, 1);
        } else if (!refused_add(journal, record)) {
            return damaged(journal, "too many refused records", why);
        }
    }
    return LUCID_OK;
}

static enum lucid_error header_read(struct reading *reading, const json_t *marker,
                                    struct lucid_why *why)
{
    const char *text = json_string_value(json_object_get(marker, "inputs"));
    uint8_t inputs[LUCID_SHA256_BYTES];
    if (text == NULL || !lucid_hex_decode(lucid_span_str(text), inputs, sizeof(inputs))) {
        return damaged(reading->journal, "header", why);
    }
    if (memcmp(inputs, reading->inputs, sizeof(inputs)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "journal",
                            "%s belongs to other inputs or another service",
                            reading->journal->path);
    }
    reading->header = true;
    return LUCID_OK;
}

static enum lucid_error marker_read(struct reading *reading, const json_t *marker,
                                    struct lucid_why *why)
{
    struct journal *journal = reading->journal;
    const char *kind = json_string_value(json_object_get(marker, "kind"));
    uint64_t count = (uint64_t)json_integer_value(json_object_get(marker, "count"));
    const char *digest = json_string_value(json_object_get(marker, "digest"));
    if (kind == NULL || (!reading->header && strcmp(kind, "header") != 0)) {
        return damaged(journal, "it does not begin with a header", why);
    }
    if (strcmp(kind, "header") == 0) {
        return header_read(reading, marker, why);
    }
    if (strcmp(kind, "signed") == 0) {
        if (count != reading->envelopes || digest == NULL ||
            !lucid_hex_decode(lucid_span_str(digest), journal->digest, sizeof(journal->digest))) {
            return damaged(journal, "count or digest", why);
        }
        journal->signed_count = count;
        return LUCID_OK;
    }
    if (strcmp(kind, "answered") == 0 && count <= journal->signed_count) {
        journal->answered_count = count;
        return numbers_read(journal, json_object_get(marker, "refused"), false, why);
    }
    if (strcmp(kind, "settled") == 0) {
        return numbers_read(journal, json_object_get(marker, "records"), true, why);
    }
    return damaged(journal, "an unknown line", why);
}

static bool is_marker(const char *line, size_t len)
{
    return len > strlen(MARKER) && memcmp(line, MARKER, strlen(MARKER)) == 0;
}

static enum lucid_error line_read(struct reading *reading, const char *line, size_t len,
                                  bool *ret_whole, struct lucid_why *why)
{
    if (!is_marker(line, len)) {
        if (!reading->header || line[0] != '{') {
            return damaged(reading->journal, "it does not begin with a header", why);
        }
        reading->envelopes++;
        *ret_whole = false; /* whole only when a signed line follows */
        return LUCID_OK;
    }
    json_t *marker = json_loadb(line, len, 0, NULL);
    enum lucid_error error = marker != NULL ? marker_read(reading, marker, why)
                                            : damaged(reading->journal, "a line", why);
    json_decref(marker);
    *ret_whole = true;
    return error;
}

/* Reads all lines; the file is then cut behind the last marker line. */
static enum lucid_error journal_read(struct reading *reading, struct lucid_why *why)
{
    struct journal *journal = reading->journal;
    int fd = dup(journal->fd);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        return io_error(journal, "open", why);
    }
    char *line = NULL;
    size_t cap = 0;
    off_t at = 0;
    enum lucid_error error = LUCID_OK;
    for (ssize_t len; error == LUCID_OK && (len = getline(&line, &cap, file)) > 0;) {
        if (line[len - 1] != '\n' || (size_t)len > LINE_BYTES_MAX) {
            break;
        }
        bool whole = false;
        error = line_read(reading, line, (size_t)len, &whole, why);
        at += len;
        reading->good = error == LUCID_OK && whole ? at : reading->good;
    }
    free(line);
    (void)fclose(file);
    if (error == LUCID_OK && (ftruncate(journal->fd, reading->good) != 0 ||
                              lseek(journal->fd, reading->good, SEEK_SET) < 0)) {
        error = io_error(journal, "truncate", why);
    }
    return error;
}

static enum lucid_error header_write(struct journal *journal, const uint8_t *inputs,
                                     struct lucid_why *why)
{
    struct lucid_buf line = {0};
    lucid_buf_str(&line, MARKER "\"header\"");
    lucid_json_member_hex(&line, "inputs", inputs, LUCID_SHA256_BYTES);
    lucid_buf_str(&line, "}\n");
    return buf_append(journal, &line, why);
}

/* The file's name must survive a crash as its content does. */
static enum lucid_error directory_sync(const struct journal *journal, struct lucid_why *why)
{
    char parent[JOURNAL_PATH_BYTES_MAX];
    memcpy(parent, journal->path, sizeof(parent));
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    int fd = open(slash != NULL ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    enum lucid_error error = ok ? LUCID_OK : io_error(journal, "fsync of its directory", why);
    if (fd >= 0) {
        (void)close(fd);
    }
    return error;
}

enum lucid_error journal_open(const char *path, const uint8_t inputs[LUCID_SHA256_BYTES],
                              struct journal *ret, struct lucid_why *why)
{
    struct journal *journal = ret;
    *journal = (struct journal){.fd = -1};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(journal->path)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "journal", "the name is too long");
    }
    memcpy(journal->path, path, len + 1);
    journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->fd < 0) {
        return io_error(journal, "open", why);
    }
    enum lucid_error error = LUCID_OK;
    struct reading reading = {.journal = journal, .inputs = inputs};
    struct stat info;
    /* No name any more: the run that held it finished between our open and our lock. */
    if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0 || fstat(journal->fd, &info) != 0 ||
        info.st_nlink == 0) {
        error = lucid_refuse(why, LUCID_RETRY_BUSY, NULL, "journal", "%s is in use by another run",
                             path);
    } else {
        error = journal_read(&reading, why);
    }
    if (error == LUCID_OK && !reading.header) {
        error = header_write(journal, inputs, why);
    }
    if (error == LUCID_OK) {
        error = directory_sync(journal, why);
    }
    if (error != LUCID_OK) {
        journal_close(journal, false);
    }
    return error;
}

void journal_close(struct journal *journal, bool remove)
{
    if (journal->fd >= 0) {
        if (remove) {
            (void)unlink(journal->path);
        }
        (void)close(journal->fd);
    }
    journal->fd = -1;
    free(journal->refused);
    journal->refused = NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum lucid_error journal_signed(struct journal *journal, struct lucid_span lines, uint64_t count,
                                const uint8_t digest[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    lucid_assert(count >= journal->signed_count);
    enum lucid_error error = bytes_append(journal, lines, why);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_buf line = {0};
    lucid_buf_str(&line, MARKER "\"signed\"");
    lucid_json_member_u64(&line, "count", count);
    lucid_json_member_hex(&line, "digest", digest, LUCID_SHA256_BYTES);
    lucid_buf_str(&line, "}\n");
    error = buf_append(journal, &line, why);
    if (error == LUCID_OK && fdatasync(journal->fd) != 0) {
        error = io_error(journal, "fsync", why);
    }
    if (error == LUCID_OK) {
        journal->signed_count = count;
        memcpy(journal->digest, digest, LUCID_SHA256_BYTES);
    }
    return error;
}

static void numbers_write(struct lucid_buf *line, const char *name, const uint64_t *numbers,
                          size_t count)
{
    lucid_json_member(line, name);
    lucid_buf_char(line, '[');
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(line, i > 0 ? "," : "");
        lucid_buf_u64(line, numbers[i]);
    }
    lucid_buf_str(line, "]}\n");
}

enum lucid_error journal_answered(struct journal *journal, uint64_t count, const uint64_t *refused,
                                  size_t refused_count, struct lucid_why *why)
{
    lucid_assert(count >= journal->answered_count && count <= journal->signed_count);
    struct lucid_buf line = {0};
    lucid_buf_str(&line, MARKER "\"answered\"");
    lucid_json_member_u64(&line, "count", count);
    numbers_write(&line, "refused", refused, refused_count);
    enum lucid_error error = buf_append(journal, &line, why);
    for (size_t i = 0; error == LUCID_OK && i < refused_count; i++) {
        error = refused_add(journal, refused[i]) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    journal->answered_count = error == LUCID_OK ? count : journal->answered_count;
    return error;
}

enum lucid_error journal_settled(struct journal *journal, const uint64_t *records, size_t count,
                                 struct lucid_why *why)
{
    struct lucid_buf line = {0};
    lucid_buf_str(&line, MARKER "\"settled\"");
    numbers_write(&line, "records", records, count);
    refused_drop(journal, records, count);
    return buf_append(journal, &line, why);
}

/* --- resuming --------------------------------------------------------------------------------- */

static bool is_pending(const uint64_t *refused, size_t count, size_t *at, uint64_t answered,
                       uint64_t record)
{
    while (*at < count && refused[*at] < record) {
        (*at)++;
    }
    return record > answered || (*at < count && refused[*at] == record);
}

enum lucid_error journal_pending(struct journal *journal, journal_fn *fn, void *context,
                                 struct lucid_why *why)
{
    /* The set changes while fn sends and settles: walk over a copy. */
    size_t count = journal->refused_count;
    uint64_t answered = journal->answered_count;
    uint64_t *refused = malloc((count + 1) * sizeof(*refused));
    FILE *file = fopen(journal->path, "re");
    enum lucid_error error = refused != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK && file == NULL) {
        error = io_error(journal, "open", why);
    }
    if (error == LUCID_OK && count > 0) {
        memcpy(refused, journal->refused, count * sizeof(*refused));
    }
    char *line = NULL;
    size_t cap = 0;
    uint64_t record = 0;
    size_t at = 0;
    uint64_t last = journal->signed_count;
    while (error == LUCID_OK && record < last) {
        ssize_t len = getline(&line, &cap, file);
        if (len <= 0) {
            error = damaged(journal, "it ends early", why);
        } else if (!is_marker(line, (size_t)len)) {
            record++;
            if (is_pending(refused, count, &at, answered, record)) {
                error = fn(context, record, lucid_span(line, (size_t)len - 1));
            }
        }
    }
    free(line);
    free(refused);
    if (file != NULL) {
        (void)fclose(file);
    }
    return error;
}
