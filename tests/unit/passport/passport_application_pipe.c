/* Each line a file of an application, for passport_application_model.py. */
#include "plugins/passport/application.h"
#include "tests/unit/pipe.h"

static enum lucid_error parse(struct lucid_span line, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct applications read;
    return applications_read(line, arena, &read, why);
}

int main(void)
{
    return pipe_run(parse);
}
