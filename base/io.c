#include "base/io.h"

#include <errno.h>
#include <unistd.h>

bool lucid_write_all(int fd, struct lucid_span data)
{
    for (size_t at = 0; at < data.len;) {
        ssize_t wrote = write(fd, data.data + at, data.len - at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        at += (size_t)wrote;
    }
    return true;
}
