/* Where a small server of ours listens. */
#ifndef LUCID_TOOLS_LISTEN_H
#define LUCID_TOOLS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads HOST:PORT, [IPV6]:PORT; port 0 is a free one. host has room for max bytes, with a NUL.
 * False: it is not that, or too long. */
bool tools_listen_read(const char *text, char *host, size_t max, uint16_t *ret_port);

#endif
