/* base/loop.h over hands that the test moves: nothing fires but from within fake_loop_advance,
 * fake_loop_settle and fake_loop_poll. One thread. */
#ifndef LUCID_TESTS_FAKE_LOOP_H
#define LUCID_TESTS_FAKE_LOOP_H

#include "base/loop.h"

struct fake_loop {
    struct lucid_loop loop; /* give this away */
    uint64_t now_ms;        /* the boot clock */
    uint64_t wall_ahead_ms; /* the wall clock is now_ms + this; the test may set it */
    bool no_memory;         /* timer_set and watch_set fail */
    uint64_t fired;         /* timers, since init */

    struct fake_timer *timers; /* in the order in which they fire */
    struct fake_watch *watches;
};

/* Both clocks begin at now_ms. */
void fake_loop_init(struct fake_loop *fake, uint64_t now_ms);
/* Everything must have been cleared. */
void fake_loop_fini(struct fake_loop *fake);

/* Moves the hands. What becomes due fires in the order of its time, each with the hands at that
 * time. */
void fake_loop_advance(struct fake_loop *fake, uint64_t ms);
/* Fires what is due without moving the hands, until nothing is. */
void fake_loop_settle(struct fake_loop *fake);
/* Moves the hands to the next timer and fires what is due then. False: none is set. */
bool fake_loop_next(struct fake_loop *fake);
/* Gives the watches what their sockets are ready for, after waiting at most wait_ms of real time
 * for one of them. Returns how many were called. */
size_t fake_loop_poll(struct fake_loop *fake, int wait_ms);

size_t fake_loop_timer_count(const struct fake_loop *fake);
size_t fake_loop_watch_count(const struct fake_loop *fake);

#endif
