/* A compacted copy of the last commit, made by LMDB's own copy from a read transaction: free pages,
 * and what was overwritten, stay behind. LMDB writes to a pipe on a thread of its own, so that the
 * caller decides where the bytes go and how fast; the snapshot is held as long as that takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

enum { PIECE_BYTES = 1 << 18, PIPE_BYTES = 1 << 20 };

struct copy {
    struct store_lmdb *lmdb;
    int out;
    int result;
};

static void *copy_main(void *context)
{
    struct copy *copy = context;
    copy->result = mdb_env_copyfd2(copy->lmdb->env, copy->out, MDB_CP_COMPACT);
    (void)close(copy->out); /* the reader's end of file */
    return NULL;
}

/* Hands on what comes, in whole pieces but the last. */
static enum lucid_error pieces_pass(int in, uint8_t *piece, store_copy_fn *fn, void *context)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = read(in, piece + len, PIECE_BYTES - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LUCID_RETRY_IO;
        }
        len += (size_t)got;
        if (got == 0 || len == PIECE_BYTES) {
            enum lucid_error error = len > 0 ? fn(context, lucid_span(piece, len)) : LUCID_OK;
            if (error != LUCID_OK || got == 0) {
                return error;
            }
            len = 0;
        }
    }
}

static enum lucid_error copy_run(struct store_lmdb *lmdb, const int pipe_fds[2], uint8_t *piece,
                                 store_copy_fn *fn, void *context, struct lucid_why *why)
{
    struct copy copy = {.lmdb = lmdb, .out = pipe_fds[1]};
    pthread_t thread;
    if (pthread_create(&thread, NULL, copy_main, &copy) != 0) {
        (void)close(pipe_fds[1]);
        (void)close(pipe_fds[0]);
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no thread for the copy");
    }
    (void)fcntl(pipe_fds[0], F_SETPIPE_SZ, PIPE_BYTES);
    enum lucid_error error = pieces_pass(pipe_fds[0], piece, fn, context);
    (void)close(pipe_fds[0]); /* ends LMDB's writing too */
    lucid_assert(pthread_join(thread, NULL) == 0);
    if (error != LUCID_OK || copy.result == MDB_SUCCESS) {
        return error;
    }
    return lucid_refuse(why, store_lmdb_error(copy.result), "STORE_COPY", NULL,
                        "the store cannot be copied: %s", mdb_strerror(copy.result));
}

enum lucid_error store_lmdb_copy(struct store *store, store_copy_fn *fn, void *context,
                                 struct lucid_why *why)
{
    lucid_assert(store != NULL && fn != NULL);
    struct store_lmdb *lmdb = (struct store_lmdb *)(void *)store;
    int fds[2];
    uint8_t *piece = malloc(PIECE_BYTES);
    if (piece == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    enum lucid_error error;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        error = lucid_refuse(why, LUCID_RETRY_IO, "STORE_COPY", NULL, "no pipe for the copy: %s",
                             strerrordesc_np(errno));
    } else {
        error = copy_run(lmdb, fds, piece, fn, context, why);
    }
    free(piece);
    return error;
}
