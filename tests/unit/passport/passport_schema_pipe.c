/* Each line a passport, for passport_schema_model.py. */
#include "plugins/passport/passport.h"
#include "tests/unit/pipe.h"

static enum lucid_error parse(struct lucid_span line, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct passport passport;
    enum passport_fault fault;
    return passport_read(line, arena, &passport, &fault, why);
}

int main(void)
{
    return pipe_run(parse);
}
