/* What routes ask of a snapshot. */
#include "plugins/kit/ask.h"

/* What we ask of a snapshot is never refused; if it is, something is wrong with the store. */
static enum lucid_error error_of(enum lucid_plugin_result result)
{
    return result == LUCID_PLUGIN_REFUSED ? LUCID_FATAL_CORRUPT : kit_error(result);
}

enum lucid_error ask_blob(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                          struct lucid_span *ret)
{
    struct lucid_plugin_bytes bytes;
    enum lucid_error error = error_of(ask->host->view_blob(ask->view, digest, &bytes));
    if (error == LUCID_OK) {
        *ret = kit_span(bytes);
    }
    return error;
}

enum lucid_error ask_logged(struct ask *ask, uint64_t sequence, struct lucid_span *ret_payload,
                            struct lucid_span *ret_body)
{
    struct lucid_plugin_event event;
    struct lucid_plugin_bytes body = {0};
    enum lucid_error error = error_of(ask->host->view_event(ask->view, sequence, &event));
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_BUSY ? error : LUCID_FATAL_CORRUPT;
    }
    error = error_of(ask->host->view_body(ask->view, sequence, &body));
    if (error != LUCID_OK && lucid_category(error) != LUCID_CATEGORY_NOTE) {
        return error;
    }
    *ret_payload = kit_span(event.payload);
    *ret_body = error == LUCID_OK ? kit_span(body) : (struct lucid_span){0};
    return LUCID_OK;
}

enum lucid_error ask_keys(struct ask *ask, const char *plugin, uint8_t (*ret)[32], size_t max,
                          size_t *ret_count)
{
    const struct lucid_plugin_host *host = ask->host;
    size_t count = 0;
    enum lucid_error error = LUCID_OK;
    while (count < max && error == LUCID_OK) {
        uint64_t since;
        uint64_t until;
        error =
            error_of(plugin == NULL
                         ? host->view_key(ask->view, count, ret[count], &since, &until)
                         : host->view_key_of(ask->view, plugin, count, ret[count], &since, &until));
        count += error == LUCID_OK ? 1 : 0;
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    *ret_count = count;
    return LUCID_OK;
}

typedef enum lucid_plugin_result leaf_fn(struct lucid_plugin_view *view, uint64_t leaf,
                                         struct lucid_plugin_out *out);

/* What the service writes of a leaf, as JSON in the request's memory. */
static enum lucid_error leaf_text(struct ask *ask, leaf_fn *write, uint64_t leaf,
                                  struct lucid_span *ret)
{
    struct lucid_plugin_out *out = ask->host->out_new(ask->call);
    if (out == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = error_of(write(ask->view, leaf, out));
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span text = kit_span(ask->host->out_bytes(out));
    if (text.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = text;
    return LUCID_OK;
}

enum lucid_error ask_place_write(struct ask *ask, uint64_t leaf)
{
    struct lucid_span text;
    enum lucid_error error = leaf_text(ask, ask->host->view_place, leaf, &text);
    if (error == LUCID_OK) {
        lucid_json_member(&ask->out, "receipt");
        lucid_buf_span_put(&ask->out, text);
    }
    return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error ask_proof(struct ask *ask, uint64_t leaf, struct lucid_span *ret)
{
    return leaf_text(ask, ask->host->view_proof, leaf, ret);
}
