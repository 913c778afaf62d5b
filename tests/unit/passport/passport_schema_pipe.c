/* Reads a document a line and answers each with "ok" or "CODE PARAM": what the parser says, for
 * passport_schema_model.py. */
#include <stdio.h>
#include <stdlib.h>

#include "plugins/passport/passport.h"

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        struct passport passport;
        enum passport_fault fault;
        lucid_arena_init(&arena, 16U << 20);
        if (passport_read(lucid_span(line, (size_t)len), &arena, &passport, &fault, &why) ==
            LUCID_OK) {
            puts("ok");
        } else {
            printf("%s %s\n", why.code == NULL ? "-" : why.code, why.param);
        }
        lucid_arena_fini(&arena);
    }
    free(line);
    return 0;
}
