/* A folder of tiles: DIR/checkpoint, DIR/tile/…, as a web server hands them out.
 *
 * A file appears whole or not at all: temporary name, fsync, rename. The folders that hold new
 * names are fsynced by tile_folder_sync at the latest, before a checkpoint speaks of them. One
 * process at a time (a lock on DIR that ends with the process). Names are relative to DIR; symbolic
 * links below DIR are not followed.
 *
 * Thread: one. */
#ifndef LUCID_TOOLS_TILE_FOLDER_H
#define LUCID_TOOLS_TILE_FOLDER_H

#include "base/bytes.h"

#define TILE_FOLDER_NAME_MAX 64
#define TILE_FOLDER_TEMP     ".lucid-export.tmp"

struct tile_folder {
    const char *path; /* for messages; borrowed */
    int root;
    int open;                        /* the folder entered last, or -1 */
    char name[TILE_FOLDER_NAME_MAX]; /* its name, without '/' at its end */
    uint64_t files_written;
    uint64_t bytes_written;
};

/* Opens DIR, making it if its parent is there, and locks it.
 * Errors: LUCID_RETRY_BUSY (another export runs in it), LUCID_RETRY_IO. */
enum lucid_error tile_folder_open(const char *path, struct tile_folder *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* After a failed open, too, if ret was zero-initialised with root and open -1. */
void tile_folder_close(struct tile_folder *folder);

/* A file's length. LUCID_NOTE_ABSENT; LUCID_REFUSE_CONFLICT when it is no regular file;
 * LUCID_RETRY_IO. */
enum lucid_error tile_folder_stat(const struct tile_folder *folder, const char *name,
                                  uint64_t *ret_len, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads at most max bytes of a file. Errors as tile_folder_stat, and LUCID_REFUSE_TOO_LARGE. */
enum lucid_error tile_folder_read(const struct tile_folder *folder, const char *name, uint8_t *ret,
                                  size_t max, size_t *ret_len,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes the folders above a name and sees to it that they are fsynced: also for a file that an
 * earlier run may have left without that. LUCID_RETRY_IO. */
enum lucid_error tile_folder_enter(struct tile_folder *folder, const char *name,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes (or replaces) a file. LUCID_RETRY_IO. */
enum lucid_error tile_folder_write(struct tile_folder *folder, const char *name,
                                   struct lucid_span data, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes every name written so far durable. LUCID_RETRY_IO. */
enum lucid_error tile_folder_sync(struct tile_folder *folder,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
