#include "base/clock.h"

#include <time.h>

#include "base/assert.h"

static uint64_t clock_read_ms(clockid_t id)
{
    struct timespec now;
    lucid_assert(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t system_wall_ms(void *context)
{
    (void)context;
    return clock_read_ms(CLOCK_REALTIME);
}

static uint64_t system_boot_ms(void *context)
{
    (void)context;
    return clock_read_ms(CLOCK_BOOTTIME);
}

struct lucid_clock lucid_clock_system(void)
{
    return (struct lucid_clock){.wall_ms = system_wall_ms, .boot_ms = system_boot_ms};
}

static uint64_t manual_ms(void *context)
{
    return *(const uint64_t *)context;
}

struct lucid_clock lucid_clock_manual(uint64_t *hand)
{
    return (struct lucid_clock){.wall_ms = manual_ms, .boot_ms = manual_ms, .context = hand};
}

void lucid_onward_init(struct lucid_onward *onward, const struct lucid_clock *clock,
                       uint64_t from_ms)
{
    onward->clock = *clock;
    atomic_init(&onward->ahead_ms, (int64_t)from_ms - (int64_t)lucid_boot_ms(clock));
}

uint64_t lucid_onward_ms(struct lucid_onward *onward)
{
    /* In this order: a pause in between must not count as a wall clock that is ahead. */
    int64_t wall = (int64_t)lucid_wall_ms(&onward->clock);
    int64_t boot = (int64_t)lucid_boot_ms(&onward->clock);
    int64_t ahead = atomic_load(&onward->ahead_ms);
    while (wall - boot > ahead &&
           !atomic_compare_exchange_weak(&onward->ahead_ms, &ahead, wall - boot)) {
    }
    return (uint64_t)(boot + (wall - boot > ahead ? wall - boot : ahead));
}

static uint64_t onward_wall_ms(void *context)
{
    return lucid_onward_ms(context);
}

static uint64_t onward_boot_ms(void *context)
{
    return lucid_boot_ms(&((const struct lucid_onward *)context)->clock);
}

struct lucid_clock lucid_onward_clock(struct lucid_onward *onward)
{
    return (struct lucid_clock){
        .wall_ms = onward_wall_ms, .boot_ms = onward_boot_ms, .context = onward};
}
