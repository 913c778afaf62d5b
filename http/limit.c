#include "http/limit.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"

enum { WAYS = 8, NAME_NONE = 0, NAME_BUSY = 1 };

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

/* Written in this order: the name to BUSY, the time, the name. So a name that is seen has its own
 * time; one that changes hands in between makes the compare and swap of the time fail. */
struct bucket {
    _Atomic uint64_t name;
    _Atomic uint64_t full_ns;
};

struct http_limit {
    uint64_t quota;
    uint64_t window_ns;
    uint64_t unit_ns;
    uint32_t window_s;
    uint8_t key[LUCID_HASH_KEY_BYTES];
    size_t sets; /* a power of two */
    struct bucket buckets[];
};

enum lucid_error http_limit_open(uint64_t quota, uint32_t window_s, size_t clients_max,
                                 struct http_limit **ret)
{
    lucid_assert(quota > 0 && quota <= HTTP_LIMIT_QUOTA_MAX);
    lucid_assert(window_s > 0 && window_s <= HTTP_LIMIT_WINDOW_S_MAX);
    lucid_assert(clients_max > 0 && clients_max <= (size_t)1 << 24);
    size_t sets = 1;
    while (sets * WAYS < clients_max) {
        sets *= 2;
    }
    struct http_limit *limit = calloc(1, sizeof(*limit) + sets * WAYS * sizeof(struct bucket));
    if (limit == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    limit->quota = quota;
    limit->window_s = window_s;
    limit->window_ns = window_s * SECOND;
    limit->unit_ns = limit->window_ns / quota;
    limit->sets = sets;
    lucid_random(limit->key, sizeof(limit->key));
    *ret = limit;
    return LUCID_OK;
}

void http_limit_close(struct http_limit *limit)
{
    free(limit);
}

uint64_t http_limit_client(const struct http_limit *limit, struct lucid_span name)
{
    uint64_t hash = lucid_keyed_hash(limit->key, name);
    return hash <= NAME_BUSY ? hash + 2 : hash;
}

/* Gives one of the set's buckets to the client. NULL: somebody was quicker, look again. */
static struct bucket *bucket_claim(struct bucket *set, uint64_t client)
{
    struct bucket *best = NULL;
    uint64_t best_name = NAME_NONE;
    uint64_t best_full = UINT64_MAX;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t name = atomic_load_explicit(&set[i].name, memory_order_acquire);
        uint64_t full = atomic_load_explicit(&set[i].full_ns, memory_order_relaxed);
        if (name != NAME_BUSY && (best == NULL || full < best_full)) {
            best = &set[i];
            best_name = name;
            best_full = full;
        }
    }
    if (best == NULL || !atomic_compare_exchange_strong(&best->name, &best_name, NAME_BUSY)) {
        return NULL;
    }
    atomic_store_explicit(&best->full_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&best->name, client, memory_order_release);
    return best;
}

static struct bucket *bucket_of(struct http_limit *limit, uint64_t client)
{
    /* The low bits choose the set; all of them are the name. */
    struct bucket *set = &limit->buckets[(client & (limit->sets - 1)) * WAYS];
    for (;;) {
        for (size_t i = 0; i < WAYS; i++) {
            if (atomic_load_explicit(&set[i].name, memory_order_acquire) == client) {
                return &set[i];
            }
        }
        struct bucket *claimed = bucket_claim(set, client);
        if (claimed != NULL) {
            return claimed;
        }
    }
}

static uint64_t seconds_up(uint64_t ns)
{
    return (ns + SECOND - 1) / SECOND;
}

static void state_fill(const struct http_limit *limit, bool admitted, uint64_t missing_ns,
                       uint64_t units_ns, struct http_limit_state *ret)
{
    uint64_t room_ns = missing_ns < limit->window_ns ? limit->window_ns - missing_ns : 0;
    uint64_t remaining = room_ns / limit->unit_ns;
    *ret = (struct http_limit_state){
        .admitted = admitted,
        .remaining = remaining < limit->quota ? remaining : limit->quota,
        .full_s = seconds_up(missing_ns),
    };
    if (!admitted) {
        uint64_t wait_s = seconds_up(missing_ns + units_ns - limit->window_ns);
        ret->retry_s = wait_s == 0 ? 1 : wait_s;
    }
}

void http_limit_take(struct http_limit *limit, uint64_t client, uint64_t units, uint64_t now_ms,
                     struct http_limit_state *ret)
{
    lucid_assert(units > 0 && units <= limit->quota && client > NAME_BUSY);
    uint64_t now_ns = now_ms * MS;
    uint64_t units_ns = units * limit->unit_ns;
    for (;;) {
        struct bucket *bucket = bucket_of(limit, client);
        uint64_t full_ns = atomic_load_explicit(&bucket->full_ns, memory_order_relaxed);
        uint64_t missing_ns = full_ns > now_ns ? full_ns - now_ns : 0;
        if (missing_ns + units_ns > limit->window_ns) {
            state_fill(limit, false, missing_ns, units_ns, ret);
            return;
        }
        if (atomic_compare_exchange_strong(&bucket->full_ns, &full_ns,
                                           now_ns + missing_ns + units_ns)) {
            state_fill(limit, true, missing_ns + units_ns, units_ns, ret);
            return;
        }
    }
}

uint64_t http_limit_quota(const struct http_limit *limit)
{
    return limit->quota;
}

uint32_t http_limit_window_s(const struct http_limit *limit)
{
    return limit->window_s;
}
