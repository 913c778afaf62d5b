/* Where tiles come from: a data directory, a service (or any server of the same files), or a folder
 * that was exported before. All of them are believed nothing: ledger/tile_reader.h judges.
 *
 * Thread: one. */
#ifndef LUCID_TOOLS_TILE_SOURCE_H
#define LUCID_TOOLS_TILE_SOURCE_H

#include "base/buf.h"
#include "http/client.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/tile_reader.h"
#include "lucidd/offline.h"
#include "tools/lucid/tile_folder.h"

struct tile_source {
    ledger_tile_read_fn *read; /* with the source as its context */
    bool unreachable;          /* the last error was the service's absence */
    /* A data directory. */
    struct offline offline;
    struct store_view *view;   /* begun for one bundle at a time */
    struct ledger_view *nodes; /* the nodes are in memory; begun only for the head */
    /* A service. */
    struct client *client;
    const char *url;
    /* A folder. */
    const struct tile_folder *folder;
};

/* Opens a data directory, beside a service or without one, and reads its newest published head and
 * its verifier key. Errors: those of datadir_open, store_lmdb_open and ledger_open;
 * LUCID_NOTE_ABSENT without a head. Close the source also after an error. */
enum lucid_error tile_source_open_data(struct tile_source *source, const char *data,
                                       struct lucid_buf *ret_checkpoint, char *ret_vkey,
                                       size_t vkey_max, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads URL/checkpoint; the URL is borrowed. No token is sent. Errors: those of client_request,
 * LUCID_RETRY_IO for a service that cannot answer now. */
enum lucid_error tile_source_open_url(struct tile_source *source, const char *url,
                                      struct lucid_buf *ret_checkpoint,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* Tiles of a folder, which is borrowed; a missing one is LUCID_FATAL_CORRUPT. */
void tile_source_open_folder(struct tile_source *source, const struct tile_folder *folder);

/* Closes what was opened. */
void tile_source_close(struct tile_source *source);

/* "tile/" and the tile's path. */
void tile_source_name(const struct ledger_tile *tile, char out[TILE_FOLDER_NAME_MAX]);

#endif
