/* Time as an argument: whoever needs a clock is given one, so that tests and the simulation set the
 * hands themselves. */
#ifndef LUCID_BASE_CLOCK_H
#define LUCID_BASE_CLOCK_H

#include <stdint.h>

struct lucid_clock {
    uint64_t (*wall_ms)(void *context); /* Unix time in milliseconds; may step */
    uint64_t (*boot_ms)(void *context); /* milliseconds since boot; never steps */
    void *context;
};

/* CLOCK_REALTIME and CLOCK_BOOTTIME. Thread: any. */
struct lucid_clock lucid_clock_system(void);

/* A clock that stands still until its owner moves it. Both readings are *hand. */
struct lucid_clock lucid_clock_manual(uint64_t *hand);

static inline uint64_t lucid_wall_ms(const struct lucid_clock *clock)
{
    return clock->wall_ms(clock->context);
}

static inline uint64_t lucid_boot_ms(const struct lucid_clock *clock)
{
    return clock->boot_ms(clock->context);
}

#endif
