/* Time as an argument: whoever needs a clock is given one, so that tests and the simulation set the
 * hands themselves. */
#ifndef LUCID_BASE_CLOCK_H
#define LUCID_BASE_CLOCK_H

#include <stdatomic.h>
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

/* The log's time: the wall clock, but where that steps back, onwards from the last time at the boot
 * clock's pace. So it never decreases and never stands still. Thread: any. */
struct lucid_onward {
    struct lucid_clock clock;
    _Atomic int64_t ahead_ms; /* of the boot clock; only grows */
};

/* Begins at `from_ms` if the wall clock is behind that. */
void lucid_onward_init(struct lucid_onward *onward, const struct lucid_clock *clock,
                       uint64_t from_ms);
uint64_t lucid_onward_ms(struct lucid_onward *onward);

/* A clock with that wall time; good as long as *onward. */
struct lucid_clock lucid_onward_clock(struct lucid_onward *onward);

static inline uint64_t lucid_wall_ms(const struct lucid_clock *clock)
{
    return clock->wall_ms(clock->context);
}

static inline uint64_t lucid_boot_ms(const struct lucid_clock *clock)
{
    return clock->boot_ms(clock->context);
}

#endif
