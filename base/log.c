#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { LINES_PER_SECOND_MAX = 200, LINE_BYTES_MAX = 2048 };

static _Atomic int level_max = LUCID_LOG_INFO;
static _Atomic uint64_t window_second;
static _Atomic unsigned window_lines;
static _Atomic unsigned dropped;

void lucid_log_set_level(enum lucid_log_level level)
{
    atomic_store(&level_max, (int)level);
}

enum lucid_log_level lucid_log_level(void)
{
    return (enum lucid_log_level)atomic_load_explicit(&level_max, memory_order_relaxed);
}

const char *lucid_log_level_name(enum lucid_log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return names[level];
}

static bool level_enabled(enum lucid_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

/* Whether this second still has room for a line. */
static bool window_admits(uint64_t second)
{
    uint64_t current = atomic_load(&window_second);
    if (current != second && atomic_compare_exchange_strong(&window_second, &current, second)) {
        atomic_store(&window_lines, 0);
    }
    return atomic_fetch_add(&window_lines, 1) < LINES_PER_SECOND_MAX;
}

void lucid_log(enum lucid_log_level level, const char *event, const char *format, ...)
{
    if (!level_enabled(level)) {
        return;
    }
    struct lucid_clock clock = lucid_clock_system();
    uint64_t now_ms = lucid_wall_ms(&clock);
    if (!window_admits(now_ms / 1000)) {
        atomic_fetch_add(&dropped, 1);
        return;
    }
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    struct lucid_buf line;
    lucid_buf_init(&line, LINE_BYTES_MAX * 4);
    lucid_buf_char(&line, '{');
    lucid_json_member_time(&line, "time", now_ms);
    lucid_json_member_cstr(&line, "level", lucid_log_level_name(level));
    lucid_json_member_cstr(&line, "event", event);
    lucid_json_member_cstr(&line, "message", message);
    unsigned lost = atomic_exchange(&dropped, 0);
    if (lost > 0) {
        lucid_json_member_u64(&line, "lines_dropped", lost);
    }
    lucid_buf_str(&line, "}\n");
    if (lucid_buf_ok(&line)) {
        /* Nothing sensible can be done when standard error is gone. */
        ssize_t written = write(STDERR_FILENO, line.data, line.len);
        (void)written;
    }
    lucid_buf_fini(&line);
}
