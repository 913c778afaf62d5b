#include "tools/lucid/input.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define FILES_MAX 1000000

struct input {
    char **names; /* expanded: files and "-" */
    size_t count;
    size_t cap;
    size_t at;  /* the file that is open, or will be next */
    FILE *file; /* NULL: none open */
    bool in_array;
    bool array_done; /* the top-level array has ended */
    uint64_t line;
    struct lucid_buf record;
    uint64_t bytes;
    uint64_t total;
    bool total_unknown;
};

static enum lucid_error name_add(struct input *input, const char *name)
{
    if (input->count == input->cap) {
        size_t cap = input->cap != 0 ? 2 * input->cap : 16;
        char **names = cap <= FILES_MAX ? realloc(input->names, cap * sizeof(*names)) : NULL;
        if (names == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        input->names = names;
        input->cap = cap;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    input->names[input->count++] = copy;
    return LUCID_OK;
}

static enum lucid_error name_refuse(struct lucid_why *why, const char *name)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, name, "%s: %s", name, strerror(errno));
}

static bool name_ends(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int entry_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           (name_ends(entry->d_name, ".json") || name_ends(entry->d_name, ".ndjson"));
}

/* By bytes: alphasort would depend on the locale, and the order is part of a resumed run. */
static int entry_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum lucid_error file_add(struct input *input, const char *name, struct lucid_why *why)
{
    struct stat info;
    if (stat(name, &info) != 0) {
        return name_refuse(why, name);
    }
    if (access(name, R_OK) != 0) {
        return name_refuse(why, name);
    }
    input->total += S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    input->total_unknown = input->total_unknown || !S_ISREG(info.st_mode);
    return name_add(input, name);
}

static enum lucid_error directory_add(struct input *input, const char *name, struct lucid_why *why)
{
    struct dirent **entries = NULL;
    int count = scandir(name, &entries, entry_wanted, entry_order);
    if (count < 0) {
        return name_refuse(why, name);
    }
    enum lucid_error error = LUCID_OK;
    if (count == 0) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, name,
                             "%s holds no *.json or *.ndjson", name);
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        int len = snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
        struct stat info;
        if (error == LUCID_OK && (len < 0 || (size_t)len >= sizeof(path))) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, name, "a name is too long");
        } else if (error == LUCID_OK && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))) {
            error = file_add(input, path, why);
        }
        free(entries[i]);
    }
    free(entries);
    return error;
}

static enum lucid_error argument_add(struct input *input, const char *name, struct lucid_why *why)
{
    struct stat info;
    if (strcmp(name, "-") == 0) {
        input->total_unknown = true;
        return name_add(input, name);
    }
    if (stat(name, &info) != 0) {
        return name_refuse(why, name);
    }
    return S_ISDIR(info.st_mode) ? directory_add(input, name, why) : file_add(input, name, why);
}

enum lucid_error input_open(char *const *names, size_t count, struct input **ret,
                            struct lucid_why *why)
{
    struct input *input = calloc(1, sizeof(*input));
    if (input == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_buf_init(&input->record, INPUT_RECORD_BYTES_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        enum lucid_error error = argument_add(input, names[i], why);
        if (error != LUCID_OK) {
            input_close(input);
            return error;
        }
    }
    *ret = input;
    return LUCID_OK;
}

static void file_close(struct input *input)
{
    if (input->file != NULL && input->file != stdin) {
        (void)fclose(input->file);
    }
    input->file = NULL;
}

void input_close(struct input *input)
{
    if (input == NULL) {
        return;
    }
    file_close(input);
    for (size_t i = 0; i < input->count; i++) {
        free(input->names[i]);
    }
    free(input->names);
    lucid_buf_fini(&input->record);
    free(input);
}

void input_progress(const struct input *input, uint64_t *ret_bytes, uint64_t *ret_total)
{
    *ret_bytes = input->bytes;
    *ret_total = input->total_unknown ? 0 : input->total;
}

static int byte_next(struct input *input)
{
    int c = getc_unlocked(input->file);
    if (c != EOF) {
        input->bytes++;
        input->line += c == '\n';
    }
    return c;
}

static enum lucid_error record_refuse(const struct input *input, enum lucid_error error,
                                      uint64_t line, const char *text, struct lucid_why *why)
{
    return lucid_refuse(why, error, "INVALID_JSON", NULL, "%s:%llu: %s", input->names[input->at],
                        (unsigned long long)line, text);
}

/* Skips to the first byte of the next record. EOF at the end of the file. */
static enum lucid_error start_find(struct input *input, int *ret_c, struct lucid_why *why)
{
    for (;;) {
        int c = byte_next(input);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }
        bool comma = input->in_array && c == ',';
        bool closing = input->in_array && c == ']';
        bool opening = !input->in_array && !input->array_done && c == '[';
        if (opening || closing) {
            input->in_array = opening;
            input->array_done = closing;
        }
        if (comma || opening || closing) {
            continue;
        }
        if (c == EOF && ferror(input->file)) {
            return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s: %s", input->names[input->at],
                                strerror(errno));
        }
        if (c == EOF && input->in_array) {
            return record_refuse(input, LUCID_REFUSE_INVALID, input->line, "the array does not end",
                                 why);
        }
        if (c != EOF && c != '{') {
            return record_refuse(input, LUCID_REFUSE_INVALID, input->line,
                                 "a JSON object is expected here", why);
        }
        *ret_c = c;
        return LUCID_OK;
    }
}

/* Collects bytes up to the brace that closes the first one. */
static enum lucid_error record_collect(struct input *input, uint64_t line, struct lucid_why *why)
{
    size_t depth = 1;
    bool in_string = false;
    bool escaped = false;
    lucid_buf_clear(&input->record);
    lucid_buf_char(&input->record, '{');
    while (depth > 0) {
        int c = byte_next(input);
        if (c == EOF) {
            return record_refuse(input, LUCID_REFUSE_INVALID, line, "the object does not end", why);
        }
        lucid_buf_char(&input->record, (char)c);
        if (input->record.len > INPUT_RECORD_BYTES_MAX || !lucid_buf_ok(&input->record)) {
            return record_refuse(input, LUCID_REFUSE_TOO_LARGE, line,
                                 "the object has more than 524288 bytes or does not end", why);
        }
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return LUCID_OK;
}

static enum lucid_error file_open(struct input *input, struct lucid_why *why)
{
    const char *name = input->names[input->at];
    input->file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rbe");
    if (input->file == NULL) {
        return name_refuse(why, name);
    }
    input->line = 1;
    input->in_array = false;
    input->array_done = false;
    return LUCID_OK;
}

enum lucid_error input_next(struct input *input, struct input_record *ret, struct lucid_why *why)
{
    while (input->at < input->count) {
        if (input->file == NULL) {
            enum lucid_error error = file_open(input, why);
            if (error != LUCID_OK) {
                return error;
            }
        }
        int c = EOF;
        enum lucid_error error = start_find(input, &c, why);
        if (error != LUCID_OK) {
            return error;
        }
        if (c == EOF) {
            file_close(input);
            input->at++;
            continue;
        }
        uint64_t line = input->line;
        error = record_collect(input, line, why);
        if (error != LUCID_OK) {
            return error;
        }
        ret->text = lucid_buf_span(&input->record);
        ret->name = input->names[input->at];
        ret->line = line;
        return LUCID_OK;
    }
    return LUCID_NOTE_END;
}
