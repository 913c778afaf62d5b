/* C2SP tlog-tiles: hash tiles and entry bundles. What they hold never changes, so every answer is
 * immutable; its tag is the tree hash over the tile, which costs no hashing of the content. */
#include "http/api/api_internal.h"
#include "ledger/tile.h"

/* One URL per tile: escapes in the path would make more of them, and caches would keep each. */
static bool path_is_plain(const struct http_request *request)
{
    struct lucid_span path = http_path(request);
    struct lucid_span target = http_target(request);
    return target.len >= path.len && memcmp(target.data, path.data, path.len) == 0 &&
           (target.len == path.len || target.data[path.len] == '?');
}

/* Whether the newest published head covers the tile. */
static enum lucid_error tile_covered(struct ledger_view *view, const struct ledger_tile *tile)
{
    struct ledger_head head;
    enum lucid_error error = ledger_head_newest(view, &head);
    if (error == LUCID_OK && !ledger_tile_exists(tile, head.size)) {
        error = LUCID_NOTE_ABSENT;
    }
    return error;
}

static enum lucid_error tile_read(struct ledger_view *view, const struct ledger_tile *tile,
                                  struct lucid_buf *out)
{
    uint8_t *content = lucid_buf_extend(out, ledger_tile_bytes(tile));
    if (content == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct mmr_nodes nodes = ledger_view_nodes(view);
    return tile->entries ? ledger_tile_bundle_read(ledger_view_store(view), &nodes, tile, content)
                         : ledger_tile_hashes_read(&nodes, tile, content);
}

static void tile_answer(struct http_request *request, struct ledger_view *view,
                        const struct ledger_tile *tile)
{
    struct lucid_buf out = {0};
    struct mmr_hash root;
    struct mmr_nodes nodes = ledger_view_nodes(view);
    enum lucid_error error = tile_covered(view, tile);
    bool absent = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_OK) {
        error = ledger_tile_root(&nodes, tile, &root);
    }
    bool known = error == LUCID_OK && api_tag_matches(request, root.bytes);
    if (error == LUCID_OK && !known) {
        error = tile_read(view, tile, &out);
    }
    ledger_view_end(view);
    if (error == LUCID_OK) {
        api_answer_immutable(request, known ? 304 : 200, API_BYTES, &out, root.bytes);
        return;
    }
    lucid_buf_fini(&out);
    if (absent) {
        api_problem(request, 404, "NOT_FOUND", NULL, "no published head has this tile yet");
    } else {
        api_refuse(request, error, NULL);
    }
}

void api_tile_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_tile tile;
    if (!path_is_plain(request) ||
        ledger_tile_parse(http_param(request, "path"), &tile) != LUCID_OK) {
        api_problem(request, 404, "NOT_FOUND", NULL,
                    "tiles are /tile/L/N, /tile/entries/N, and the same with .p/W, as C2SP "
                    "tlog-tiles has them");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view != NULL) {
        tile_answer(request, view, &tile);
    }
}
