/* Bytes to a descriptor. */
#ifndef LUCID_BASE_IO_H
#define LUCID_BASE_IO_H

#include "base/bytes.h"

/* Writes all of it to a descriptor that blocks, also after signals. False: errno says why not, and
 * some of it may be written. */
bool lucid_write_all(int fd, struct lucid_span data) __attribute__((warn_unused_result));

#endif
