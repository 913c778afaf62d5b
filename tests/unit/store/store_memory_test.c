#include "ledger/store/memory.h"

#include "tests/unit/store/store_conformance.h"

static struct store *open_new(void *context)
{
    (void)context;
    struct store *store = NULL;
    return store_memory_open(&store) == LUCID_OK ? store : NULL;
}

static void drop(void *context, struct store *store)
{
    (void)context;
    store_close(store);
}

int main(void)
{
    const struct store_fixture fixture = {.open_new = open_new, .drop = drop};
    return store_conformance_run("store memory", &fixture, NULL, 0);
}
