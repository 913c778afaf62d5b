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
