/* Reads lines "KIND DOCUMENT" and answers each with "ok" or "CODE PARAM": what the parsers say, for
 * verifier_schema_model.py. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "plugins/verifier/interaction.h"
#include "plugins/verifier/rules.h"

static enum lucid_error parse(const char *kind, struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct policy policy;
    struct reference_set set;
    struct claims_document claims;
    struct interaction interaction;
    if (strcmp(kind, "policy") == 0) {
        return policy_parse(text, arena, &policy, why);
    }
    if (strcmp(kind, "reference") == 0) {
        return reference_parse(text, arena, &set, why);
    }
    if (strcmp(kind, "claims") == 0) {
        return claims_parse(text, arena, &claims, why);
    }
    lucid_assert(strcmp(kind, "interaction") == 0);
    return interaction_parse(text, arena, &interaction, why);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        char *text = strchr(line, ' ');
        lucid_assert(text != NULL);
        *text++ = '\0';
        lucid_arena_init(&arena, 16U << 20);
        size_t bytes = (size_t)(line + len - text);
        enum lucid_error error = parse(line, lucid_span(text, bytes), &arena, &why);
        if (error == LUCID_OK) {
            puts("ok");
        } else {
            printf("%s %s\n", why.code == NULL ? "-" : why.code, why.param);
        }
        lucid_arena_fini(&arena);
    }
    free(line);
    return 0;
}
