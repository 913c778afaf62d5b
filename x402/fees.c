#include "x402/fees.h"

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t more(uint64_t wei)
{
    return add_capped(add_capped(wei, wei / 8), 1);
}

uint64_t x402_fees_least(const struct x402_fees *fees)
{
    return add_capped(fees->base_fee, fees->tip);
}

bool x402_fees_next(const struct x402_fees *fees, uint64_t cap, const struct x402_fee_pair *last,
                    struct x402_fee_pair *ret)
{
    uint64_t tip = fees->tip;
    uint64_t least = x402_fees_least(fees);
    if (last != NULL) {
        tip = tip > more(last->tip) ? tip : more(last->tip);
        least = more(last->max_fee);
    }
    if (least > cap) {
        return false;
    }
    uint64_t max_fee = add_capped(add_capped(fees->base_fee, fees->base_fee), tip);
    max_fee = max_fee > least ? max_fee : least;
    max_fee = max_fee < cap ? max_fee : cap;
    ret->tip = tip < max_fee ? tip : max_fee;
    ret->max_fee = max_fee;
    return true;
}
