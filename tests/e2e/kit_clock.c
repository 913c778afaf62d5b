/* LD_PRELOAD: a wall clock that somebody else sets. What it is off by stands in the file that
 * KIT_CLOCK names, as eight bytes of milliseconds; the other clocks are the system's. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *off_ms;

__attribute__((constructor)) static void off_map(void)
{
    const char *path = getenv("KIT_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof(*off_ms), PROT_READ, MAP_SHARED, fd, 0);
        off_ms = map == MAP_FAILED ? NULL : map;
        (void)close(fd);
    }
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, id, ret);
    if (result == 0 && id == CLOCK_REALTIME && off_ms != NULL) {
        int64_t ns = (int64_t)ret->tv_sec * 1000000000 + ret->tv_nsec + *off_ms * 1000000;
        ret->tv_sec = ns / 1000000000;
        ret->tv_nsec = ns % 1000000000;
    }
    return result;
}
