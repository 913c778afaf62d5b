/* What main does around the service: signals, and what it says on its standard streams. */
#ifndef LUCID_LUCIDD_START_H
#define LUCID_LUCIDD_START_H

#include <signal.h>

#include "lucidd/config.h"

/* Blocks what main waits for (ret) and ignores what must not end the process. Before any thread
 * exists, so that all of them leave signals to main. */
void start_signals(sigset_t *ret);

/* Says why there is no service; the exit status for it. */
int start_say(const char *text, enum lucid_error error);

/* Prints what --help, --version, --check or --print-config ask for; the exit status. */
int start_print(const struct config *config, struct plugins *plugins, enum config_action action);

/* "listening on …", a line per listener. */
void start_say_listening(const struct config *config, const struct http_server *server);

#endif
