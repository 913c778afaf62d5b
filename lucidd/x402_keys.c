#include "lucidd/x402_keys.h"

/* The file's bytes, in locked memory. LUCID_NOTE_ABSENT: there is no file; *ret_text is to be freed
 * all the same. */
static enum lucid_error file_read(const struct datadir *dir, char **ret_text, size_t *ret_len,
                                  struct lucid_why *why)
{
    *ret_len = 0;
    *ret_text = datadir_secret_new(X402_KEYS_FILE_BYTES_MAX + 1);
    return *ret_text == NULL ? LUCID_RETRY_MEMORY
                             : datadir_file_read(dir->x402_keys, true, *ret_text,
                                                 X402_KEYS_FILE_BYTES_MAX, ret_len, why);
}

static void file_free(char *text)
{
    datadir_secret_free(text, X402_KEYS_FILE_BYTES_MAX + 1);
}

enum lucid_error x402_keys_file_rotate(const struct datadir *dir, uint64_t now_ms,
                                       struct lucid_why *why)
{
    char *text;
    size_t len;
    struct lucid_buf file = {0};
    enum lucid_error error = file_read(dir, &text, &len, why);
    if (error == LUCID_OK && len > 0) {
        struct x402_keys *keys;
        error = x402_keys_parse(lucid_span(text, len), &keys, why);
        if (error == LUCID_OK) {
            x402_keys_close(keys);
            lucid_buf_put(&file, text, len);
        }
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        x402_keys_add(&file, now_ms);
        error = lucid_buf_ok(&file)
                    ? datadir_file_write(dir->x402_keys, 0600, lucid_buf_span(&file), why)
                    : LUCID_RETRY_MEMORY;
    }
    lucid_wipe(file.data, file.len);
    lucid_buf_fini(&file);
    file_free(text);
    return error;
}

enum lucid_error x402_keys_file_open(const struct datadir *dir, uint64_t now_ms,
                                     struct x402_keys **ret, struct lucid_why *why)
{
    char *text;
    size_t len;
    enum lucid_error error = file_read(dir, &text, &len, why);
    if (error == LUCID_NOTE_ABSENT) {
        file_free(text);
        error = x402_keys_file_rotate(dir, now_ms, why);
        if (error != LUCID_OK) {
            return error;
        }
        error = file_read(dir, &text, &len, why);
    }
    if (error == LUCID_OK) {
        error = x402_keys_parse(lucid_span(text, len), ret, why);
    }
    file_free(text);
    return error;
}
