/* A plugin with faults: of its module (by -D, one at a time), and of its conduct, by what is posted
 * to it. */
#include <lucid/plugin.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef ROGUE_ABI
#define ABI (LUCID_PLUGIN_ABI + 6)
#else
#define ABI LUCID_PLUGIN_ABI
#endif
#ifdef ROGUE_KIND
#define KIND "receipt" /* the service's own */
#else
#define KIND "rogue"
#endif
#ifdef ROGUE_TYPE
#define TYPE "receipt.erased" /* likewise */
#else
#define TYPE "rogue.made"
#endif
#ifdef ROGUE_ROUTE
#define ROUTE "/v1/log" /* likewise */
#else
#define ROUTE "/v1/rogue"
#endif
#ifdef ROGUE_SYMBOL
#define EXPORTED                                                                                   \
    extern const struct lucid_plugin module_of_another_name;                                       \
    const struct lucid_plugin module_of_another_name
#else
#define EXPORTED const struct lucid_plugin lucid_plugin
#endif

#ifdef ROGUE_FOLD
#define FOLD 2 /* other rows, and slowly, so that somebody can be killed meanwhile */
#else
#define FOLD 1
#endif

struct asked {
    struct lucid_plugin_bytes mode;
};

static const struct lucid_plugin_host *used;

static bool mode_is(struct lucid_plugin_bytes mode, const char *name)
{
    return mode.len == strlen(name) && memcmp(mode.data, name, mode.len) == 0;
}

/* Spends processor time without asking for anything. */
static void spin_ms(long ms)
{
    struct timespec from;
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    do {
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
}

static enum lucid_plugin_result draft(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn, struct lucid_plugin_bytes mode)
{
    const struct lucid_plugin_draft event = {.type = TYPE, .payload = mode};
    return host->txn_draft(txn, &event, NULL);
}

static enum lucid_plugin_result decide(void *self, const struct lucid_plugin_host *host,
                                       struct lucid_plugin_txn *txn, void *command,
                                       struct lucid_plugin_why *why)
{
    (void)self;
    (void)why;
    const struct asked *asked = command;
    const struct lucid_plugin_bytes key = {.data = (const uint8_t *)"k", .len = 1};
    struct lucid_plugin_bytes row;
    if (mode_is(asked->mode, "loop")) {
        /* Whatever it is told: it goes on, and then pretends that all is well. */
        for (int i = 0; i < 1000000; i++) {
            (void)host->txn_get(txn, 0, key, &row);
        }
    }
    if (mode_is(asked->mode, "flood")) {
        for (int i = 0; i < 1000; i++) {
            (void)draft(host, txn, asked->mode);
        }
    }
    for (int i = 0; mode_is(asked->mode, "many") && i < LUCID_PLUGIN_DRAFTS_MAX - 1; i++) {
        (void)draft(host, txn, asked->mode);
    }
    if (mode_is(asked->mode, "entry")) { /* not what host->entry has made */
        static const uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
        const struct lucid_plugin_draft event = {
            .type = TYPE, .payload = asked->mode, .entry = entry};
        (void)host->txn_draft(txn, &event, NULL);
    }
    if (mode_is(asked->mode, "slow")) {
        spin_ms(120);
    }
    if (mode_is(asked->mode, "put")) {
        (void)host->txn_put(txn, 0, key, key); /* only apply writes */
    }
    if (mode_is(asked->mode, "other")) {
        const struct lucid_plugin_draft event = {.type = "receipt.erased", .payload = asked->mode};
        (void)host->txn_draft(txn, &event, NULL);
    }
    return draft(host, txn, asked->mode);
}

static enum lucid_plugin_result apply(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn,
                                      const struct lucid_plugin_event *event)
{
    const struct lucid_plugin_bytes key = {.data = (const uint8_t *)"k", .len = 1};
    /* Index 1 is a table of whoever comes next in the store. */
    unsigned table = mode_is(event->payload, "table") ? 1 : 0;
    if (FOLD == 2) {
        const struct timespec pause = {.tv_nsec = 500000};
        uint8_t number[8];
        for (unsigned i = 0; i < sizeof(number); i++) {
            number[i] = (uint8_t)(event->sequence >> (56 - 8 * i));
        }
        (void)nanosleep(&pause, NULL);
        (void)host->txn_put(txn, table, (struct lucid_plugin_bytes){number, sizeof(number)}, key);
        return LUCID_PLUGIN_OK;
    }
    (void)host->txn_put(txn, table, key, event->payload);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result handle(void *self, struct lucid_plugin_call *call,
                                       struct lucid_plugin_why *why)
{
    (void)self;
    (void)why;
    struct asked *asked = used->call_alloc(call, sizeof(*asked));
    if (asked == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    asked->mode = used->call_body(call);
    while (mode_is(asked->mode, "hang")) {
        const struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
    }
    const struct lucid_plugin_command command = {.kind = KIND, .data = asked};
    used->call_submit(call, &command);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result answered(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_command *command,
                                         struct lucid_plugin_why *why)
{
    (void)self;
    (void)command;
    (void)why;
    static const char body[] = "{\"done\":true}";
    used->call_respond(
        call, 201, NULL,
        (struct lucid_plugin_bytes){.data = (const uint8_t *)body, .len = sizeof(body) - 1});
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result module_open(const struct lucid_plugin_host *host, void **ret_self,
                                            struct lucid_plugin_why *why)
{
    used = host;
    *ret_self = NULL;
#ifdef ROGUE_OPEN
    (void)snprintf(why->text, sizeof(why->text), "the moon is in the wrong phase");
    return LUCID_PLUGIN_REFUSED;
#else
    (void)why;
    return LUCID_PLUGIN_OK;
#endif
}

static void module_close(void *self)
{
    (void)self;
}

/* Half a line, which would spoil the page of metrics. */
static void metrics(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out)
{
    (void)self;
    host->out_put(out, "lucid_rogue_half", 16);
}

static const struct lucid_plugin_event_type types[] = {{.name = TYPE, .version = 1},
                                                       {.name = NULL}};
static const char *const tables[] = {"rows", NULL};
static const struct lucid_plugin_kind kinds[] = {
    {.name = KIND,
     .fold_version = FOLD,
     .types = types,
     .tables = tables,
     .decide = decide,
     .apply = apply},
    {.name = NULL},
};
static const struct lucid_plugin_route routes[] = {
#ifdef ROGUE_ROUTE
    {.method = "GET", .pattern = ROUTE, .handle = handle, .answered = answered},
#else
    {.method = "POST",
     .pattern = ROUTE,
     .scopes = LUCID_PLUGIN_SCOPE_ADMIN,
     .body_bytes_max = 100,
     .handle = handle,
     .answered = answered},
#endif
    {.method = NULL},
};

EXPORTED = {
    .abi = ABI,
    .name = "rogue",
    .version = "1.0.0",
    .summary = "does what plugins may not",
    .kinds = kinds,
    .routes = routes,
    .open = module_open,
    .close = module_close,
    .metrics = metrics,
};
