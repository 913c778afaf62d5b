#include "lucidd/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/prom.h"

/* The size and resident set of /proc/self/statm, in pages. */
static bool pages_read(uint64_t *ret_virtual, uint64_t *ret_resident)
{
    char line[128];
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return false;
    }
    char *text = fgets(line, sizeof(line), file);
    fclose(file);
    if (text == NULL) {
        return false;
    }
    char *end;
    uint64_t size = strtoull(text, &end, 10);
    if (end == text || *end != ' ') {
        return false;
    }
    text = end + 1;
    uint64_t resident = strtoull(text, &end, 10);
    if (end == text) {
        return false;
    }
    *ret_virtual = size;
    *ret_resident = resident;
    return true;
}

static bool descriptors_count(uint64_t *ret)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return false;
    }
    uint64_t count = 0;
    for (const struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        count += at->d_name[0] != '.';
    }
    closedir(folder);
    *ret = count - 1; /* without the one that counted */
    return true;
}

static uint64_t micros_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

void process_metrics_write(uint64_t started_ms, struct lucid_buf *out)
{
    uint64_t size = 0;
    uint64_t resident = 0;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    if (pages_read(&size, &resident)) {
        lucid_prom_gauge(out, "process_resident_memory_bytes", resident * page_bytes,
                         "Resident memory; pages of the store's map count.");
        lucid_prom_gauge(out, "process_virtual_memory_bytes", size * page_bytes,
                         "Address space, most of it reserved and never touched.");
    }
    uint64_t descriptors = 0;
    if (descriptors_count(&descriptors)) {
        lucid_prom_gauge(out, "process_open_fds", descriptors, "Open file descriptors.");
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        lucid_prom_gauge(out, "process_max_fds", limit.rlim_cur, "File descriptors allowed.");
    }
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        lucid_prom_counter_seconds(out, "process_cpu_seconds_total",
                                   micros_of(&usage.ru_utime) + micros_of(&usage.ru_stime),
                                   "Processor time used.");
    }
    lucid_prom_gauge_seconds(out, "process_start_time_seconds", started_ms * 1000,
                             "Unix time of the start.");
}
