/* Long answers line by line, and the wish to stop: what log follow and log mirror share. */
#ifndef LUCID_TOOLS_LINES_H
#define LUCID_TOOLS_LINES_H

#include "tools/lucid/cli.h"

/* Has SIGINT and SIGTERM set a flag instead of ending the program. */
void lines_stop_catch(void);
/* Whether one of them came. */
bool lines_stopped(void);
/* Sleeps, or returns early (false) because one of them came. */
bool lines_sleep(uint32_t ms);

struct lines_question {
    const char *path;
    const char *header; /* one more request header, or NULL */
    uint32_t idle_s_max;
    client_line_fn *line;
    void *context;
};

/* GET, its answer line by line until it ends; *ret_status: of the answer, 0 without one. An answer
 * of another status than 200 lies in answer. Errors: those of client_request (not printed);
 * LUCID_NOTE_END when it was stopped. */
enum lucid_error lines_get(struct cli *cli, const struct lines_question *question,
                           struct client_answer *answer, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
