/* gas/split.h as a filter, for gas_split_model.py: numbers in, numbers out.
 *
 * A case is three 64-bit numbers of this machine: the weights (16 bits each, leg 0 lowest), the
 * running total, the amount. An answer is three: the legs, or three times what REFUSED says. */
#include <stdio.h>

#include "gas/split.h"

#define REFUSED_LARGE   (UINT64_MAX)
#define REFUSED_WEIGHTS (UINT64_MAX - 1)

enum { CASES = 4096 };

struct question {
    uint64_t weights;
    uint64_t total;
    uint64_t amount;
};

struct reply {
    uint64_t legs[GAS_LEGS];
};

static struct reply reply_same(uint64_t value)
{
    return (struct reply){{value, value, value}};
}

/* False: what no case may lead to. */
static bool answer(struct gas_split_cache *cache, const struct question *question,
                   struct reply *ret)
{
    struct gas_weights weights;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        weights.bps[i] = (uint16_t)(question->weights >> (16 * i));
    }
    const struct gas_split *split = NULL;
    enum lucid_error error = gas_split_cache_get(cache, &weights, &split);
    if (error == LUCID_REFUSE_INVALID) {
        *ret = reply_same(REFUSED_WEIGHTS);
        return true;
    }
    if (error != LUCID_OK) {
        return false;
    }
    error = gas_split_pay(split, question->total, question->amount, ret->legs);
    if (error == LUCID_REFUSE_TOO_LARGE) {
        *ret = reply_same(REFUSED_LARGE);
        return true;
    }
    return error == LUCID_OK;
}

int main(void)
{
    static struct question questions[CASES];
    static struct reply replies[CASES];
    struct gas_split_cache *cache;
    if (gas_split_cache_open(&cache) != LUCID_OK) {
        return 1;
    }
    size_t count;
    bool ok = true;
    while (ok && (count = fread(questions, sizeof(questions[0]), CASES, stdin)) > 0) {
        for (size_t i = 0; ok && i < count; i++) {
            ok = answer(cache, &questions[i], &replies[i]);
        }
        ok = ok && fwrite(replies, sizeof(replies[0]), count, stdout) == count;
    }
    gas_split_cache_close(cache);
    return ok && ferror(stdin) == 0 && fflush(stdout) == 0 ? 0 : 1;
}
