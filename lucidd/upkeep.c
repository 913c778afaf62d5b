#include "lucidd/upkeep.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

enum { SLEEP_MS_MAX = 60000 };

struct upkeep_slot {
    struct upkeep_task task;
    uint64_t due_ms; /* of the boot clock; UPKEEP_NEVER: not again */
};

struct upkeep {
    struct lucid_clock clock;
    struct upkeep_slot slots[UPKEEP_TASKS_MAX];
    unsigned count;
    int wake_fd;
    atomic_bool stop;
};

enum lucid_error upkeep_open(const struct lucid_clock *clock, struct upkeep **ret)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
    if (upkeep == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    upkeep->clock = *clock;
    upkeep->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (upkeep->wake_fd < 0) {
        free(upkeep);
        return LUCID_RETRY_MEMORY;
    }
    *ret = upkeep;
    return LUCID_OK;
}

void upkeep_close(struct upkeep *upkeep)
{
    if (upkeep != NULL) {
        (void)close(upkeep->wake_fd);
        free(upkeep);
    }
}

/* When a wait that begins at `now` ends; sums that overflow are as good as never. */
static uint64_t due_after(uint64_t now_ms, uint64_t wait_ms)
{
    return wait_ms > UPKEEP_NEVER - now_ms ? UPKEEP_NEVER : now_ms + wait_ms;
}

void upkeep_add(struct upkeep *upkeep, const struct upkeep_task *task)
{
    lucid_assert(upkeep->count < UPKEEP_TASKS_MAX && task->run != NULL);
    upkeep->slots[upkeep->count++].task = *task;
}

void upkeep_stop(struct upkeep *upkeep)
{
    uint64_t one = 1;
    atomic_store(&upkeep->stop, true);
    /* A full counter refuses more, and wakes all the same. */
    ssize_t written = write(upkeep->wake_fd, &one, sizeof(one));
    (void)written;
}

bool upkeep_stopping(const struct upkeep *upkeep)
{
    return atomic_load(&upkeep->stop);
}

static void slot_run(struct upkeep *upkeep, struct upkeep_slot *slot)
{
    uint64_t again = slot->task.run(slot->task.context, lucid_wall_ms(&upkeep->clock));
    slot->due_ms = due_after(lucid_boot_ms(&upkeep->clock), again);
}

static void due_run(struct upkeep *upkeep)
{
    for (unsigned i = 0; i < upkeep->count && !upkeep_stopping(upkeep); i++) {
        struct upkeep_slot *slot = &upkeep->slots[i];
        if (slot->due_ms <= lucid_boot_ms(&upkeep->clock)) {
            slot_run(upkeep, slot);
        }
    }
}

/* Until the next task is due, or the stop wakes us. */
static void sleep_until_due(struct upkeep *upkeep)
{
    uint64_t now = lucid_boot_ms(&upkeep->clock);
    uint64_t wait = SLEEP_MS_MAX;
    for (unsigned i = 0; i < upkeep->count; i++) {
        uint64_t due = upkeep->slots[i].due_ms;
        uint64_t left = due > now ? due - now : 0;
        wait = left < wait ? left : wait;
    }
    struct pollfd fd = {.fd = upkeep->wake_fd, .events = POLLIN};
    (void)poll(&fd, 1, (int)wait);
}

void upkeep_run(struct upkeep *upkeep)
{
    uint64_t start = lucid_boot_ms(&upkeep->clock);
    for (unsigned i = 0; i < upkeep->count; i++) {
        upkeep->slots[i].due_ms = due_after(start, upkeep->slots[i].task.first_ms);
    }
    while (!upkeep_stopping(upkeep)) {
        due_run(upkeep);
        if (!upkeep_stopping(upkeep)) {
            sleep_until_due(upkeep);
        }
    }
    for (unsigned i = 0; i < upkeep->count; i++) {
        if (upkeep->slots[i].task.at_stop) {
            slot_run(upkeep, &upkeep->slots[i]);
        }
    }
}
