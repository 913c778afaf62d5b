/* A parser on a pipe: each line is a document, and is answered with "ok" or "CODE PARAM". Models in
 * Python hold it against schemas. */
#ifndef LUCID_TESTS_UNIT_PIPE_H
#define LUCID_TESTS_UNIT_PIPE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef enum lucid_error pipe_parse_fn(struct lucid_span line, struct lucid_arena *arena,
                                       struct lucid_why *why);

/* Until standard input ends. */
static inline int pipe_run(pipe_parse_fn *parse)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, 16U << 20);
        if (parse(lucid_span(line, (size_t)len), &arena, &why) == LUCID_OK) {
            puts("ok");
        } else {
            printf("%s %s\n", why.code == NULL ? "-" : why.code, why.param);
        }
        lucid_arena_fini(&arena);
    }
    free(line);
    return 0;
}

#endif
