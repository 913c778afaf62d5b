/* What our small servers share: where they listen, and serving until a signal. */
#ifndef LUCID_TOOLS_SERVE_H
#define LUCID_TOOLS_SERVE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

/* Reads HOST:PORT, [IPV6]:PORT; port 0 is a free one. host has room for max bytes, with a NUL.
 * False: it is not that, or too long. */
bool tools_listen_read(const char *text, char *host, size_t max, uint16_t *ret_port);

/* First thing in main, before there are threads: *ret_signals are those that stop the server, now
 * blocked; a peer that has gone is an error of the write, no signal. */
void tools_signals_init(sigset_t *ret_signals);

/* Runs the loop on a thread of its own, says "listening on URL" on standard output, and returns
 * once one of the signals has come and what was under way is done. */
void tools_serve(struct http_server *server, struct http_loop *loop, const char *host,
                 const sigset_t *signals);

#endif
