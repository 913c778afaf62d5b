/* Holds the write lock of a log's LMDB environment until standard input ends, so that a service's
 * writer hangs as it would on a disk that does not answer. usage: kit_hold DIR/store */
#include <stdio.h>

#include <lmdb.h>

static int fail(const char *what, int error)
{
    fprintf(stderr, "kit_hold: %s: %s\n", what, mdb_strerror(error));
    return 1;
}

int main(int argc, char **argv)
{
    MDB_env *env;
    MDB_txn *txn;
    if (argc != 2) {
        return 2;
    }
    int error = mdb_env_create(&env);
    if (error == 0) {
        error = mdb_env_open(env, argv[1], 0, 0600);
    }
    if (error != 0) {
        return fail("open", error);
    }
    error = mdb_txn_begin(env, NULL, 0, &txn);
    if (error != 0) {
        return fail("begin", error);
    }
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return 0;
}
