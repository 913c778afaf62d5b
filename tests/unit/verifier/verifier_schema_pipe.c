/* Each line "KIND DOCUMENT", for verifier_schema_model.py. */
#include "base/assert.h"
#include "plugins/verifier/interaction.h"
#include "plugins/verifier/rules.h"
#include "tests/unit/pipe.h"

static enum lucid_error parse(struct lucid_span line, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct policy policy;
    struct reference_set set;
    struct claims_document claims;
    struct interaction interaction;
    const uint8_t *space = memchr(line.data, ' ', line.len);
    lucid_assert(space != NULL);
    struct lucid_span kind = lucid_span(line.data, (size_t)(space - line.data));
    struct lucid_span text = lucid_span(space + 1, line.len - kind.len - 1);
    if (lucid_span_is(kind, "policy")) {
        return policy_parse(text, arena, &policy, why);
    }
    if (lucid_span_is(kind, "reference")) {
        return reference_parse(text, arena, &set, why);
    }
    if (lucid_span_is(kind, "claims")) {
        return claims_parse(text, arena, &claims, why);
    }
    lucid_assert(lucid_span_is(kind, "interaction"));
    return interaction_parse(text, arena, &interaction, why);
}

int main(void)
{
    return pipe_run(parse);
}
