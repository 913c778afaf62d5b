#include "lucidd/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

static enum lucid_error refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOTIFY", NULL, "NOTIFY_SOCKET %s", text);
}

static enum lucid_error connect_to(const char *name, int *ret, struct lucid_why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if (name[0] != '/' && name[0] != '@') {
        return refuse(why, "is neither a path nor an abstract name");
    }
    if (len < 2 || len >= sizeof(address.sun_path)) {
        return refuse(why, "is too short or too long");
    }
    memcpy(address.sun_path, name, len);
    size_t size = offsetof(struct sockaddr_un, sun_path) + len;
    if (name[0] == '@') {
        address.sun_path[0] = '\0'; /* abstract: all bytes count, there is no end mark */
    } else {
        size++;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)(const void *)&address, (socklen_t)size) != 0) {
        int number = errno;
        if (fd >= 0) {
            close(fd);
        }
        return lucid_refuse(why, LUCID_RETRY_IO, "NOTIFY", NULL, "NOTIFY_SOCKET: %s",
                            strerror(number));
    }
    *ret = fd;
    return LUCID_OK;
}

static bool number_read(const char *name, uint64_t *ret)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *ret = value;
    return true;
}

static uint64_t watchdog_ms_read(void)
{
    uint64_t micros = 0;
    uint64_t pid = 0;
    if (getenv("WATCHDOG_PID") != NULL &&
        (!number_read("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid())) {
        return 0; /* meant for another process */
    }
    return number_read("WATCHDOG_USEC", &micros) ? micros / 1000 : 0;
}

enum lucid_error notify_open(struct notify *ret, struct lucid_why *why)
{
    *ret = (struct notify){.fd = -1};
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || name[0] == '\0') {
        return LUCID_OK;
    }
    enum lucid_error error = connect_to(name, &ret->fd, why);
    if (error == LUCID_OK) {
        ret->watchdog_ms = watchdog_ms_read();
    }
    return error;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    *notify = (struct notify){.fd = -1};
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    if (notify->fd < 0) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    lucid_assert(len > 0);
    size_t size = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    ssize_t sent = send(notify->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* as the header says */
}

void notify_reloading(const struct notify *notify)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading",
                (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}
