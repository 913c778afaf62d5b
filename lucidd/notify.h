/* Tells the service manager how the service is (sd_notify(3), without its library): datagrams to
 * the socket that NOTIFY_SOCKET names, a path or an abstract name that begins with '@'. Without
 * that variable everything here does nothing. */
#ifndef LUCID_LUCIDD_NOTIFY_H
#define LUCID_LUCIDD_NOTIFY_H

#include <stdint.h>

#include "base/error.h"

struct notify {
    int fd;               /* connected; −1: nobody is told */
    uint64_t watchdog_ms; /* WATCHDOG_USEC, if it is meant for this process; 0: no watchdog */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment. LUCID_REFUSE_INVALID for
 * what cannot be an address; LUCID_RETRY_IO when there is no such socket. ret is usable (and
 * silent) after failures, too. */
enum lucid_error notify_open(struct notify *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
void notify_close(struct notify *notify);

/* Sends lines ("READY=1\nSTATUS=…"). A manager that is gone or full is no fault of ours: nothing
 * waits and nothing fails. Thread: any. */
void notify_send(const struct notify *notify, const char *format, ...) LUCID_PRINTF(2, 3);

/* RELOADING=1 with the time that systemd wants beside it; READY=1 ends it. */
void notify_reloading(const struct notify *notify);

#endif
