/* The rule goes unit by unit; here it is followed over the last few only.
 *
 * At every total T each leg has ⌊T·w/W⌋ or ⌈T·w/W⌉ of its units (decision 0019), so there are three
 * ways at most in which it may stand. From a total somewhat before the wanted one all of them are
 * followed: where they have come together, that is how it stands, whichever was the true one. Until
 * they do, it is begun further back; at 0 there is one way only. */
#include "gas/refund.h"

#include "base/assert.h"

enum { WAYS_MAX = 3, LOOK_BACK_FIRST = 64 };

/* A leg that has `units` of its own: its next unit may be any after the first `release` ones of the
 * total, and not after the first `due`. */
struct course {
    uint64_t weight; /* 0: never gets one */
    uint64_t units;
    uint64_t quotient; /* of the sum by the weight */
    uint64_t remainder;
    unsigned __int128 release; /* ⌊sum · units / weight⌋ */
    uint64_t rest;             /* what is left of that division */
    unsigned __int128 due;     /* ⌈sum · (units + 1) / weight⌉ */
};

struct way {
    struct course legs[GAS_LEGS];
};

/* release ‖ rest one unit on. */
static unsigned __int128 course_next(const struct course *course, uint64_t *ret_rest)
{
    /* Both parts are below the weight: their sum fits. */
    uint64_t rest = course->rest + course->remainder;
    bool carry = rest >= course->weight;
    *ret_rest = carry ? rest - course->weight : rest;
    return course->release + course->quotient + (carry ? 1 : 0);
}

static void course_due(struct course *course)
{
    uint64_t rest;
    unsigned __int128 next = course_next(course, &rest);
    course->due = next + (rest != 0 ? 1 : 0);
}

static void course_begin(uint64_t sum, uint64_t weight, uint64_t units, struct course *ret)
{
    *ret = (struct course){.weight = weight, .units = units};
    if (weight != 0) {
        unsigned __int128 product = (unsigned __int128)sum * units;
        ret->quotient = sum / weight;
        ret->remainder = sum % weight;
        ret->release = product / weight;
        ret->rest = (uint64_t)(product % weight);
        course_due(ret);
    }
}

static void course_advance(struct course *course)
{
    uint64_t rest;
    course->release = course_next(course, &rest);
    course->rest = rest;
    course->units++;
    course_due(course);
}

/* Gives unit total + 1: among the legs whose next unit is released to the one with the least due,
 * ties to the lower index. */
static void way_advance(struct way *way, uint64_t total)
{
    struct course *best = NULL;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        struct course *leg = &way->legs[i];
        if (leg->weight != 0 && leg->release <= total && (best == NULL || leg->due < best->due)) {
            best = leg;
        }
    }
    /* What all legs are owed for total + 1 is more than they have. */
    lucid_assert(best != NULL);
    course_advance(best);
}

/* Whether no leg has missed its due; the true way never does. */
static bool way_possible(const struct way *way, uint64_t total)
{
    for (size_t i = 0; i < GAS_LEGS; i++) {
        if (way->legs[i].weight != 0 && way->legs[i].due <= total) {
            return false;
        }
    }
    return true;
}

static bool way_equal(const struct way *a, const struct way *b)
{
    return a->legs[0].units == b->legs[0].units && a->legs[1].units == b->legs[1].units;
}

/* All ways in which it may stand at a total. Returns how many. */
static size_t ways_begin(const uint64_t weights[GAS_LEGS], uint64_t sum, uint64_t total,
                         struct way ret[WAYS_MAX])
{
    uint64_t floors[GAS_LEGS];
    unsigned broken = 0; /* the legs whose share is no whole number */
    int over = 0;        /* how many of those have the unit that is begun */
    uint64_t whole = 0;
    size_t count = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        unsigned __int128 product = (unsigned __int128)total * weights[i];
        floors[i] = (uint64_t)(product / sum);
        broken |= product % sum != 0 ? 1U << i : 0;
        whole += floors[i];
    }
    over = (int)(total - whole);
    for (unsigned set = 0; set < 1U << GAS_LEGS; set++) {
        if ((set & ~broken) != 0 || __builtin_popcount(set) != over) {
            continue;
        }
        lucid_assert(count < WAYS_MAX);
        for (size_t i = 0; i < GAS_LEGS; i++) {
            course_begin(sum, weights[i], floors[i] + (set >> i & 1), &ret[count].legs[i]);
        }
        count++;
    }
    lucid_assert(count > 0);
    return count;
}

/* Those that are possible and differ. */
static size_t ways_join(struct way ways[WAYS_MAX], size_t count, uint64_t total)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool news = way_possible(&ways[i], total);
        for (size_t j = 0; news && j < kept; j++) {
            news = !way_equal(&ways[i], &ways[j]);
        }
        if (news) {
            if (kept != i) {
                ways[kept] = ways[i];
            }
            kept++;
        }
    }
    lucid_assert(kept > 0);
    return kept;
}

/* From one total to another. Returns how many ways are left there. */
static size_t ways_follow(const uint64_t weights[GAS_LEGS], uint64_t sum, uint64_t from,
                          uint64_t to, struct way ways[WAYS_MAX])
{
    size_t count = ways_begin(weights, sum, from, ways);
    for (uint64_t total = from; total < to; total++) {
        for (size_t i = 0; i < count; i++) {
            way_advance(&ways[i], total);
        }
        if (count > 1) {
            count = ways_join(ways, count, total + 1);
        }
    }
    return count;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void gas_refund_at(const uint64_t legs[GAS_LEGS], uint64_t total, uint64_t ret[GAS_LEGS])
{
    struct way ways[WAYS_MAX];
    uint64_t weights[GAS_LEGS];
    uint64_t sum = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_assert(legs[i] <= GAS_AMOUNT_MAX - sum);
        sum += legs[i];
    }
    lucid_assert(sum > 0 && total <= sum);
    /* It repeats: with the weights reduced, B(T + period) = B(T) + B(period). */
    uint64_t divisor = gcd(gcd(legs[0], legs[1]), legs[2]);
    uint64_t period = sum / divisor;
    uint64_t periods = total / period;
    uint64_t rest = total % period;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        weights[i] = legs[i] / divisor;
    }
    uint64_t back = LOOK_BACK_FIRST;
    while (ways_follow(weights, period, rest > back ? rest - back : 0, rest, ways) > 1) {
        lucid_assert(back < rest);
        back *= 2;
    }
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[i] = periods * weights[i] + ways[0].legs[i].units;
    }
}

void gas_refund_split(const uint64_t legs[GAS_LEGS], uint64_t before, uint64_t amount,
                      uint64_t ret[GAS_LEGS])
{
    uint64_t was[GAS_LEGS];
    uint64_t is[GAS_LEGS];
    gas_refund_at(legs, before, was);
    gas_refund_at(legs, before + amount, is);
    for (size_t i = 0; i < GAS_LEGS; i++) {
        lucid_assert(is[i] >= was[i] && is[i] <= legs[i]);
        ret[i] = is[i] - was[i];
    }
}
