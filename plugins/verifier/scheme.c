/* What schemes and the core share. */
#include "plugins/verifier/scheme.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

bool scheme_ok(const struct scheme *scheme)
{
    size_t hash_bytes = scheme->binding == SCHEME_BINDS_SHA256   ? 32
                        : scheme->binding == SCHEME_BINDS_SHA384 ? 48
                                                                 : 64;
    return scheme->type != NULL && scheme->media_type != NULL && scheme->tee != NULL &&
           scheme->parse != NULL && scheme->chain != NULL && scheme->signature != NULL &&
           scheme->claims_write != NULL && scheme->bound_bytes >= hash_bytes &&
           scheme->bound_bytes <= APPRAISAL_BOUND_BYTES_MAX && scheme->evidence_bytes_max > 0 &&
           scheme->evidence_bytes_max <= APPRAISAL_EVIDENCE_BYTES_MAX;
}

const struct appraisal_collateral *scheme_collateral(const struct scheme_job *job, const char *key)
{
    for (size_t i = 0; i < job->input->collateral_count; i++) {
        if (lucid_span_is(job->input->collateral[i].key, key)) {
            return &job->input->collateral[i];
        }
    }
    return NULL;
}

void scheme_say(struct appraisal_result *ret, enum appraisal_outcome outcome, const char *code,
                const char *format, ...)
{
    lucid_assert(code != NULL);
    memset(ret, 0, sizeof(*ret));
    ret->outcome = outcome;
    ret->code = code;
    if (format == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(ret->detail, sizeof(ret->detail), format, arguments);
    va_end(arguments);
    lucid_assert(len >= 0);
    for (char *at = ret->detail; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?';
        }
    }
}
