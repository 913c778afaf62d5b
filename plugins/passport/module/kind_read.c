/* Rows of kind `passport`: their form, and as snapshots have them. */
#include "base/assert.h"
#include "plugins/kit/bytes.h"
#include "plugins/passport/module/kind_internal.h"

enum {
    MOCK = 1,
    TEST = 2,
    QUOTE = 4,
    NUMBERS = 10,
    HEAD_BYTES = NUMBERS * 8 + LUCID_SHA256_BYTES + 2, /* and flags, reason */
};

/* The numbers of a row, in the order in which it has them. */
static void numbers_of(struct passport_row *row, uint64_t *ret[NUMBERS])
{
    uint64_t *const numbers[NUMBERS] = {
        &row->sequence,     &row->leaf,          &row->logged_ms, &row->issued_s,
        &row->expires_s,    &row->renew_after_s, &row->revoked_s, &row->revoked_sequence,
        &row->revoked_leaf, &row->succeeded_s,
    };
    memcpy(ret, numbers, sizeof(numbers));
}

static void text_write(const char *text, struct lucid_buf *out)
{
    size_t len = strlen(text);
    lucid_assert(len <= UINT8_MAX);
    lucid_buf_char(out, (char)len);
    lucid_buf_put(out, text, len);
}

/* Takes a text of fewer than max bytes from the front. */
static bool text_read(struct lucid_span *rest, size_t max, char *ret)
{
    size_t len = rest->len > 0 ? rest->data[0] : SIZE_MAX;
    if (len >= max || len > rest->len - 1 || memchr(rest->data + 1, '\0', len) != NULL) {
        return false;
    }
    memcpy(ret, rest->data + 1, len);
    ret[len] = '\0';
    *rest = lucid_span(rest->data + 1 + len, rest->len - 1 - len);
    return true;
}

void passport_row_write(const struct passport_row *row, struct lucid_buf *out)
{
    struct passport_row copy = *row;
    uint64_t *numbers[NUMBERS];
    uint8_t number[8];
    numbers_of(&copy, numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        lucid_put_be64(number, *numbers[i]);
        lucid_buf_put(out, number, sizeof(number));
    }
    lucid_buf_put(out, row->digest, sizeof(row->digest));
    lucid_buf_char(
        out, (char)((row->mock ? MOCK : 0) | (row->test ? TEST : 0) | (row->quote ? QUOTE : 0)));
    lucid_buf_char(out, (char)row->reason);
    text_write(row->application, out);
    text_write(row->successor, out);
}

bool passport_row_read(struct lucid_span id, struct lucid_span bytes, struct passport_row *ret)
{
    uint64_t *numbers[NUMBERS];
    struct passport_row row = {.sequence = 0};
    if (bytes.len < HEAD_BYTES || id.len > PASSPORT_ID_BYTES_MAX) {
        return false;
    }
    memcpy(row.id, id.data, id.len);
    numbers_of(&row, numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        *numbers[i] = lucid_get_be64(bytes.data + 8 * i);
    }
    const uint8_t *at = bytes.data + 8 * (size_t)NUMBERS;
    memcpy(row.digest, at, sizeof(row.digest));
    unsigned flags = at[sizeof(row.digest)];
    unsigned reason = at[sizeof(row.digest) + 1];
    row.mock = (flags & MOCK) != 0;
    row.test = (flags & TEST) != 0;
    row.quote = (flags & QUOTE) != 0;
    row.reason = (enum status_reason)reason;
    struct lucid_span rest = lucid_span(bytes.data + HEAD_BYTES, bytes.len - HEAD_BYTES);
    bool good = flags <= (MOCK | TEST | QUOTE) && reason < STATUS_REASONS &&
                text_read(&rest, sizeof(row.application), row.application) &&
                text_read(&rest, sizeof(row.successor), row.successor) && rest.len == 0;
    if (good) {
        *ret = row;
    }
    return good;
}

struct lucid_plugin_bytes passport_ended_key(uint64_t expires_s, struct lucid_span id,
                                             uint8_t out[PASSPORT_ENDED_KEY_BYTES_MAX])
{
    lucid_assert(id.len <= PASSPORT_ID_BYTES_MAX);
    lucid_put_be64(out, expires_s);
    memcpy(out + 8, id.data, id.len);
    return (struct lucid_plugin_bytes){out, 8 + id.len};
}

void passport_row_status(const struct passport_row *row, uint64_t now_s, uint64_t overlap_s,
                         struct status_entry *ret)
{
    *ret = (struct status_entry){
        .kind = STATUS_VALID, .id = lucid_span_str(row->id), .by = lucid_span_str(row->successor)};
    if (row->revoked_s != 0) {
        ret->kind = STATUS_REVOKED;
        ret->reason = row->reason;
        ret->at_s = row->revoked_s;
    } else if (row->expires_s <= now_s) {
        ret->kind = STATUS_EXPIRED;
        ret->at_s = row->expires_s;
    } else if (row->successor[0] != '\0' && row->succeeded_s + overlap_s <= now_s) {
        ret->kind = STATUS_SUPERSEDED;
        ret->at_s = row->succeeded_s + overlap_s;
    }
}

/* --- snapshots -------------------------------------------------------------------------------- */

enum lucid_error passport_row_find(const struct lucid_plugin_host *host,
                                   struct lucid_plugin_view *view, struct lucid_span id,
                                   struct passport_row *ret)
{
    struct lucid_plugin_bytes row;
    if (!passport_id_is_good(id)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = kit_error(
        host->view_get(view, PASSPORT_KIND_NAME, PASSPORT_PASSPORTS, kit_bytes(id), &row));
    if (error == LUCID_OK && !passport_row_read(id, kit_span(row), ret)) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error;
}

/* A row by the id that another table has of it, which is then there. */
static enum lucid_error find_named(const struct lucid_plugin_host *host,
                                   struct lucid_plugin_view *view, enum passport_table table,
                                   struct lucid_span key, struct passport_row *ret)
{
    struct lucid_plugin_bytes id;
    enum lucid_error error =
        kit_error(host->view_get(view, PASSPORT_KIND_NAME, table, kit_bytes(key), &id));
    if (error != LUCID_OK) {
        return error;
    }
    error = passport_row_find(host, view, kit_span(id), ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error passport_row_newest(const struct lucid_plugin_host *host,
                                     struct lucid_plugin_view *view, struct lucid_span application,
                                     struct passport_row *ret)
{
    return find_named(host, view, PASSPORT_APPLICATIONS, application, ret);
}

enum lucid_error passport_row_request(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_view *view,
                                      const uint8_t digest[LUCID_SHA256_BYTES],
                                      struct passport_row *ret)
{
    return find_named(host, view, PASSPORT_REQUESTS, lucid_span(digest, LUCID_SHA256_BYTES), ret);
}

enum lucid_error passport_row_step(const struct lucid_plugin_host *host,
                                   struct lucid_plugin_view *view, uint64_t from, bool newest_first,
                                   struct passport_row *ret)
{
    enum lucid_plugin_seek how;
    uint8_t at[8];
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes id;
    lucid_put_be64(at, kit_walk(from, newest_first, &how));
    enum lucid_error error =
        kit_error(host->view_seek(view, PASSPORT_KIND_NAME, PASSPORT_ORDER, how,
                                  (struct lucid_plugin_bytes){at, sizeof(at)}, &key, &id));
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_NOTE_END : error;
    }
    error = passport_row_find(host, view, kit_span(id), ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error passport_row_ended(const struct lucid_plugin_host *host,
                                    struct lucid_plugin_view *view, uint64_t now_s,
                                    struct passport_row *row)
{
    uint8_t at[PASSPORT_ENDED_KEY_BYTES_MAX];
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes value;
    bool first = row->id[0] == '\0';
    enum lucid_error error = kit_error(host->view_seek(
        view, PASSPORT_KIND_NAME, PASSPORT_ENDED,
        first ? LUCID_PLUGIN_SEEK_GE : LUCID_PLUGIN_SEEK_GT,
        passport_ended_key(first ? now_s + 1 : row->expires_s, lucid_span_str(row->id), at), &key,
        &value));
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_NOTE_END : error;
    }
    if (key.len <= 8) {
        return LUCID_FATAL_CORRUPT;
    }
    error = passport_row_find(host, view, lucid_span(key.data + 8, key.len - 8), row);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}
