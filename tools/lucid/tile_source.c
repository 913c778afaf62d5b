#include "tools/lucid/tile_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "ledger/head.h"

/* ANSWER_BYTES_MIN: room for a problem document where the tile is smaller. */
enum { URL_BYTES_MAX = 4096, TRIES_MAX = 5, ANSWER_BYTES_MIN = 8192 };

void tile_source_name(const struct ledger_tile *tile, char out[TILE_FOLDER_NAME_MAX])
{
    memcpy(out, "tile/", 5);
    (void)ledger_tile_format(tile, out + 5);
}

/* --- a data directory ------------------------------------------------------------------------- */

static enum lucid_error data_read(void *context, const struct ledger_tile *tile, uint8_t *ret,
                                  struct lucid_why *why)
{
    struct tile_source *source = context;
    struct mmr_nodes nodes = ledger_view_nodes(source->nodes);
    enum lucid_error error;
    if (!tile->entries) {
        error = ledger_tile_hashes_read(&nodes, tile, ret);
    } else {
        /* One bundle a snapshot: a long one would keep the service's pages from being used again.
         */
        error = store_view_begin(source->view);
        if (error == LUCID_OK) {
            error = ledger_tile_bundle_read(source->view, &nodes, tile, ret);
            store_view_end(source->view);
        }
    }
    if (error != LUCID_OK) {
        char name[TILE_FOLDER_NAME_MAX];
        tile_source_name(tile, name);
        return lucid_refuse(why, error, error == LUCID_FATAL_CORRUPT ? "CORRUPT" : NULL, name,
                            "%s could not be made from the store: %s", name,
                            lucid_error_name(error));
    }
    return LUCID_OK;
}

static enum lucid_error head_read(const struct tile_source *source, struct lucid_buf *out,
                                  struct lucid_why *why)
{
    struct ledger_view *view = source->nodes;
    struct ledger_head head;
    enum lucid_error error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        error = ledger_head_newest(view, &head);
        if (error == LUCID_OK) {
            lucid_buf_span_put(out, head.checkpoint);
        }
        ledger_view_end(view);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, NULL, "data", "no head has been published yet");
    }
    return error == LUCID_OK && !lucid_buf_ok(out) ? LUCID_RETRY_MEMORY : error;
}

enum lucid_error tile_source_open_data(struct tile_source *source, const char *data,
                                       struct lucid_buf *ret_checkpoint, char *ret_vkey,
                                       size_t vkey_max, struct lucid_why *why)
{
    *source = (struct tile_source){.read = data_read};
    enum lucid_error error = offline_open(&source->offline, data, OFFLINE_READ, why);
    if (error == LUCID_OK) {
        error = store_view_open(source->offline.store, &source->view);
    }
    if (error == LUCID_OK) {
        error = ledger_view_open(source->offline.ledger, &source->nodes);
    }
    if (error == LUCID_OK) {
        error = head_read(source, ret_checkpoint, why);
    }
    const struct ledger_identity *identity;
    if (error == LUCID_OK && !ledger_identity(source->offline.ledger, &identity)) {
        error = lucid_refuse(why, LUCID_NOTE_ABSENT, NULL, "data", "the store holds no log.init");
    }
    if (error == LUCID_OK) {
        (void)snprintf(ret_vkey, vkey_max, "%s", identity->vkey);
    }
    return error;
}

/* --- a service -------------------------------------------------------------------------------- */

static enum lucid_error get_once(struct tile_source *source, const char *url, size_t bytes_max,
                                 struct client_answer *answer, struct lucid_why *why)
{
    const struct client_question question = {
        .method = "GET", .url = url, .answer_bytes_max = bytes_max};
    enum lucid_error error = client_request(source->client, &question, answer, why);
    if (error != LUCID_OK) {
        return error;
    }
    int status = answer->status;
    if (status == 429 || status == 502 || status == 503 || status == 504) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, "url", "%s: HTTP %d", url, status);
    }
    if (status != 200) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "url", "%s: HTTP %d", url, status);
    }
    return LUCID_OK;
}

/* GET of URL/name, tried again for a few seconds when the service is not there. */
static enum lucid_error get(struct tile_source *source, const char *name, size_t bytes_max,
                            struct client_answer *answer, struct lucid_why *why)
{
    char url[URL_BYTES_MAX];
    size_t base = strlen(source->url);
    while (base > 0 && source->url[base - 1] == '/') {
        base--;
    }
    int len = base < sizeof(url)
                  ? snprintf(url, sizeof(url), "%.*s/%s", (int)base, source->url, name)
                  : -1;
    if (len < 0 || (size_t)len >= sizeof(url)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "url", "the address is too long");
    }
    for (unsigned tried = 1;; tried++) {
        enum lucid_error error = get_once(source, url, bytes_max, answer, why);
        source->unreachable = error == LUCID_RETRY_IO || error == LUCID_REFUSE_FORBIDDEN;
        if (error != LUCID_RETRY_IO || tried == TRIES_MAX) {
            return error;
        }
        client_answer_fini(answer);
        *answer = (struct client_answer){.status = 0};
        const struct timespec pause = {.tv_nsec = 500000000};
        (void)nanosleep(&pause, NULL);
    }
}

static enum lucid_error url_read(void *context, const struct ledger_tile *tile, uint8_t *ret,
                                 struct lucid_why *why)
{
    struct tile_source *source = context;
    char name[TILE_FOLDER_NAME_MAX];
    struct client_answer answer = {.status = 0};
    size_t len = ledger_tile_bytes(tile);
    tile_source_name(tile, name);
    size_t bytes_max = len > ANSWER_BYTES_MIN ? len : ANSWER_BYTES_MIN;
    enum lucid_error error = get(source, name, bytes_max, &answer, why);
    if (error == LUCID_REFUSE_TOO_LARGE || (error == LUCID_OK && answer.body.len != len)) {
        error = lucid_refuse(why, LUCID_FATAL_CORRUPT, "TILE_MISMATCH", name,
                             "%s has not the length of such a tile", name);
    }
    if (error == LUCID_OK) {
        memcpy(ret, answer.body.data, len);
    }
    client_answer_fini(&answer);
    return error;
}

enum lucid_error tile_source_open_url(struct tile_source *source, const char *url,
                                      struct lucid_buf *ret_checkpoint, struct lucid_why *why)
{
    *source = (struct tile_source){.read = url_read, .url = url};
    enum lucid_error error = client_open(&source->client);
    struct client_answer answer = {.status = 0};
    if (error == LUCID_OK) {
        error = get(source, "checkpoint", LEDGER_NOTE_BYTES_MAX, &answer, why);
    }
    if (error == LUCID_OK) {
        lucid_buf_span_put(ret_checkpoint, lucid_buf_span(&answer.body));
        error = lucid_buf_ok(ret_checkpoint) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    client_answer_fini(&answer);
    return error;
}

/* --- a folder --------------------------------------------------------------------------------- */

static enum lucid_error folder_read(void *context, const struct ledger_tile *tile, uint8_t *ret,
                                    struct lucid_why *why)
{
    const struct tile_source *source = context;
    char name[TILE_FOLDER_NAME_MAX];
    size_t want = ledger_tile_bytes(tile);
    size_t len = 0;
    tile_source_name(tile, name);
    enum lucid_error error = tile_folder_read(source->folder, name, ret, want, &len, why);
    if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && len != want)) {
        return lucid_refuse(why, LUCID_FATAL_CORRUPT, "EXPORT_DIFFERS", name, "%s/%s is %s",
                            source->folder->path, name,
                            error == LUCID_OK ? "too short" : "missing");
    }
    return error;
}

void tile_source_open_folder(struct tile_source *source, const struct tile_folder *folder)
{
    *source = (struct tile_source){.read = folder_read, .folder = folder};
}

void tile_source_close(struct tile_source *source)
{
    store_view_close(source->view);
    ledger_view_close(source->nodes);
    offline_close(&source->offline);
    client_close(source->client);
    *source = (struct tile_source){.read = NULL};
}
