/* The rule (CONTRACT 5): unit T + 1 goes, among the legs with (T + 1)·w > 10000·a, to the one with
 * the smallest ⌈10000·(a + 1) / w⌉, ties to the lower index; a is what the leg has of the first T.
 *
 * Why one period P = 10000 / gcd(weights) holds all of A: let e = T·w − 10000·a be what a leg is
 * behind its exact share. Eligible is who has e + w > 0, and ⌈10000·(a + 1) / w⌉ − T is
 * ⌈(10000 − e) / w⌉: who gets the next unit depends on the three e alone. Each leg is within one
 * unit of its share at every T, |e| < 10000 (docs/decisions/0019-split.md), and at T = P the share
 * w / gcd is a whole number, so e is a multiple of 10000: it is 0, as it was at T = 0. From there
 * the choices repeat: A(T + P) = A(T) + A(P), A(P) = w / gcd. */
#include "gas/split.h"

#include <stdlib.h>

#include "base/assert.h"

const struct gas_weights gas_weights_default = {{7000, 2000, 1000}};

const char *gas_leg_name(enum gas_leg leg)
{
    static const char *const names[GAS_LEGS] = {"compute", "model", "protocol"};
    lucid_assert((unsigned)leg < GAS_LEGS);
    return names[leg];
}

bool gas_weights_ok(const struct gas_weights *weights)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        sum += weights->bps[i];
    }
    return sum == GAS_BPS;
}

/* What the legs have of the first units of a period, each at most GAS_BPS. */
struct row {
    uint16_t units[GAS_LEGS];
};

struct gas_split {
    struct gas_weights weights;
    uint32_t period;
    struct row whole;  /* A(period) = weights / gcd */
    struct row rows[]; /* A(0) … A(period − 1) */
};

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Who gets unit total + 1. All products stay below 10000 · 10001. */
static size_t next_leg(const struct gas_weights *weights, uint32_t total, const struct row *row)
{
    size_t best = GAS_LEGS;
    uint32_t best_due = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        uint32_t weight = weights->bps[i];
        uint32_t units = row->units[i];
        if ((total + 1) * weight <= GAS_BPS * units) {
            continue;
        }
        uint32_t due = (GAS_BPS * (units + 1) + weight - 1) / weight;
        if (best == GAS_LEGS || due < best_due) {
            best = i;
            best_due = due;
        }
    }
    /* What all legs are behind sums to 10000 before the unit is given, so some leg is. */
    lucid_assert(best < GAS_LEGS);
    return best;
}

static void rows_fill(struct gas_split *split, uint32_t divisor)
{
    struct row row = {{0}};
    for (uint32_t total = 0; total < split->period; total++) {
        split->rows[total] = row;
        row.units[next_leg(&split->weights, total, &row)]++;
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_assert(row.units[i] * divisor == split->weights.bps[i]);
    }
    split->whole = row;
}

enum lucid_error gas_split_open(const struct gas_weights *weights, struct gas_split **ret)
{
    if (!gas_weights_ok(weights)) {
        return LUCID_REFUSE_INVALID;
    }
    uint32_t divisor = gcd(gcd(weights->bps[0], weights->bps[1]), weights->bps[2]);
    uint32_t period = GAS_BPS / divisor;
    struct gas_split *split = malloc(sizeof(*split) + period * sizeof(split->rows[0]));
    if (split == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    split->weights = *weights;
    split->period = period;
    rows_fill(split, divisor);
    *ret = split;
    return LUCID_OK;
}

void gas_split_close(struct gas_split *split)
{
    free(split);
}

void gas_split_at(const struct gas_split *split, uint64_t total, uint64_t ret[GAS_LEGS])
{
    /* periods · whole ≤ periods · period ≤ total: 64 bits hold every product, and the legs sum to
     * total. */
    uint64_t periods = total / split->period;
    const struct row *row = &split->rows[total % split->period];
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[i] = periods * split->whole.units[i] + row->units[i];
    }
}

enum lucid_error gas_split_pay(const struct gas_split *split, uint64_t total, uint64_t amount,
                               uint64_t ret[GAS_LEGS])
{
    if (total > GAS_AMOUNT_MAX || amount > GAS_AMOUNT_MAX - total) {
        return LUCID_REFUSE_TOO_LARGE;
    }
    uint64_t before[GAS_LEGS];
    uint64_t after[GAS_LEGS];
    gas_split_at(split, total, before);
    gas_split_at(split, total + amount, after);
    uint64_t sum = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_assert(after[i] >= before[i]);
        sum += after[i] - before[i];
    }
    lucid_assert(sum == amount);
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[i] = after[i] - before[i];
    }
    return LUCID_OK;
}

/* --- cache ------------------------------------------------------------------------------------ */

struct slot {
    struct gas_split *split; /* NULL: free */
    uint64_t used;           /* the cache's clock when it was last asked for */
};

struct gas_split_cache {
    uint64_t clock;
    struct slot slots[GAS_TABLES_MAX];
};

enum lucid_error gas_split_cache_open(struct gas_split_cache **ret)
{
    struct gas_split_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = cache;
    return LUCID_OK;
}

void gas_split_cache_close(struct gas_split_cache *cache)
{
    if (cache != NULL) {
        for (size_t i = 0; i < GAS_TABLES_MAX; i++) {
            gas_split_close(cache->slots[i].split);
        }
    }
    free(cache);
}

static bool weights_equal(const struct gas_weights *a, const struct gas_weights *b)
{
    return memcmp(a->bps, b->bps, sizeof(a->bps)) == 0;
}

enum lucid_error gas_split_cache_get(struct gas_split_cache *cache,
                                     const struct gas_weights *weights,
                                     const struct gas_split **ret)
{
    struct slot *oldest = &cache->slots[0]; /* a free one was used at 0 */
    for (size_t i = 0; i < GAS_TABLES_MAX; i++) {
        struct slot *slot = &cache->slots[i];
        if (slot->split != NULL && weights_equal(&slot->split->weights, weights)) {
            slot->used = ++cache->clock;
            *ret = slot->split;
            return LUCID_OK;
        }
        if (slot->used < oldest->used) {
            oldest = slot;
        }
    }
    struct gas_split *split = NULL;
    enum lucid_error error = gas_split_open(weights, &split);
    if (error != LUCID_OK) {
        return error;
    }
    gas_split_close(oldest->split);
    *oldest = (struct slot){.split = split, .used = ++cache->clock};
    *ret = split;
    return LUCID_OK;
}
