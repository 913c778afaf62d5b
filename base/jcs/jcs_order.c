/* The order of member names: by UTF-16 code units (RFC 8785 3.2.3). */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

/* UTF-8 bytes already sort like UTF-16 but for one thing: U+10000 and above (lead bytes F0 to F4)
 * are surrogates there and come before U+E000 to U+FFFF (lead bytes EE and EF). Lifting those two
 * over F4 mends it; neither occurs as a continuation byte. */
static inline uint8_t order_byte(uint8_t c)
{
    return c == 0xee || c == 0xef ? (uint8_t)(c + 0x10) : c;
}

void jcs_order_key(struct jcs_value *value, const uint8_t *readable_end)
{
    uint64_t key = 0;
    if (value->name_len >= 8) {
        key = lucid_get_be64(value->name);
    } else if (value->name_len > 0 && readable_end - value->name >= 8) {
        key = lucid_get_be64(value->name) & ~(UINT64_MAX >> (8 * value->name_len));
    } else {
        for (uint32_t i = 0; i < value->name_len; i++) {
            key |= (uint64_t)value->name[i] << (56 - 8 * i);
        }
    }
    if ((key & 0x8080808080808080) != 0) {
        uint64_t mapped = 0;
        for (unsigned shift = 0; shift < 64; shift += 8) {
            mapped |= (uint64_t)order_byte((uint8_t)(key >> shift)) << shift;
        }
        key = mapped;
    }
    value->name_key = key;
}

/* The order of two names with equal keys. */
static int order_compare_rest(const struct jcs_value *a, const struct jcs_value *b)
{
    uint32_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    for (uint32_t i = 8; i < len; i++) {
        if (a->name[i] != b->name[i]) {
            return order_byte(a->name[i]) < order_byte(b->name[i]) ? -1 : 1;
        }
    }
    /* One is the other's beginning (the key pads with zeros, so U+0000 is settled here too). */
    return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* Inlined here, because the keys settle nearly every comparison. */
static inline int order_compare(const struct jcs_value *a, const struct jcs_value *b)
{
    if (a->name_key != b->name_key) {
        return a->name_key < b->name_key ? -1 : 1;
    }
    return order_compare_rest(a, b);
}

int jcs_order_compare(const struct jcs_value *a, const struct jcs_value *b)
{
    return order_compare(a, b);
}

enum { RUN_LEN = 32, RUNS_MAX = 32 };

/* Merges two sorted lists; a's members come first among equals. */
static struct jcs_value *order_merge(struct jcs_value *a, struct jcs_value *b)
{
    struct jcs_value *first = NULL;
    struct jcs_value **link = &first;
    while (a != NULL && b != NULL) {
        struct jcs_value **least = order_compare(a, b) <= 0 ? &a : &b;
        *link = *least;
        link = &(*least)->written_next;
        *least = *link;
    }
    *link = a != NULL ? a : b;
    return first;
}

/* Takes up to RUN_LEN members from *rest on and returns them as a sorted list. */
static struct jcs_value *order_run(struct jcs_value **rest)
{
    struct jcs_value *run[RUN_LEN];
    unsigned len = 0;
    struct jcs_value *at = *rest;
    while (at != NULL && len < RUN_LEN) {
        unsigned i = len++;
        while (i > 0 && order_compare(at, run[i - 1]) < 0) {
            run[i] = run[i - 1];
            i--;
        }
        run[i] = at;
        at = at->next;
    }
    *rest = at;
    for (unsigned i = 0; i + 1 < len; i++) {
        run[i]->written_next = run[i + 1];
    }
    lucid_assert(len > 0);
    run[len - 1]->written_next = NULL;
    return run[0];
}

struct jcs_value *jcs_order_sort(struct jcs_value *object, const struct jcs_value **ret_twice)
{
    /* runs[i] holds 2^i runs or nothing: a binary counter of sorted lists, older ones higher. */
    struct jcs_value *runs[RUNS_MAX] = {NULL};
    struct jcs_value *rest = object->as.inner.first;
    while (rest != NULL) {
        struct jcs_value *list = order_run(&rest);
        unsigned level = 0;
        while (runs[level] != NULL) {
            list = order_merge(runs[level], list);
            runs[level++] = NULL;
            lucid_assert(level < RUNS_MAX);
        }
        runs[level] = list;
    }
    struct jcs_value *sorted = NULL;
    for (unsigned level = 0; level < RUNS_MAX; level++) {
        if (runs[level] != NULL) {
            sorted = sorted == NULL ? runs[level] : order_merge(runs[level], sorted);
        }
    }
    const struct jcs_value *twice = NULL;
    for (const struct jcs_value *at = sorted; at != NULL && at->written_next != NULL;
         at = at->written_next) {
        const struct jcs_value *next = at->written_next;
        if (order_compare(at, next) == 0 && (twice == NULL || next->name_at < twice->name_at)) {
            twice = next;
        }
    }
    *ret_twice = twice;
    return sorted;
}
