/* Stands for the form of builders' keys where the test is about where they stand. */
#include "plugins/passport/application.h"

enum lucid_error slsa_key_read(struct lucid_span text, struct jose_key *ret, struct lucid_why *why)
{
    if (text.len != 44) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL, "this is no key");
    }
    memset(ret, 0, sizeof(*ret));
    return LUCID_OK;
}
