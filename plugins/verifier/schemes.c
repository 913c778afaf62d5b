/* The schemes that are built in, one line each. */
#include "plugins/verifier/scheme.h"

const struct scheme *const schemes[] = {
    &scheme_mock,
    &scheme_snp,
    NULL,
};

const struct scheme *scheme_find(struct lucid_span type)
{
    for (size_t i = 0; schemes[i] != NULL; i++) {
        if (lucid_span_is(type, schemes[i]->type)) {
            return schemes[i];
        }
    }
    return NULL;
}
